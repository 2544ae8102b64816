//! Clients that wait while nobody lets time pass.

use super::{Served, folder, vm};
use hyperv_replica::cim::CimClient;
use hyperv_replica::prelude::*;
use hyperv_replica::wsman::auth::Credentials;
use hyperv_replica::wsman::{Client, Options, Waiting};
use std::fs;
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

const ARGS: [&str; 3] = ["--clock", "manual", "--control"];

fn lab(name: &str) -> (PathBuf, PathBuf) {
    let folder = folder(name);
    let lab = folder.join("lab.hvr");
    fs::write(&lab, "host tokyo\nhost osaka\nvm web on tokyo running\n").unwrap();
    (folder, lab)
}

#[expect(clippy::disallowed_methods, reason = "how long a person waits")]
fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    (what(), begun.elapsed())
}

/// A request for events is answered in the time of who asks, and the time of the lab wakes it.
#[test]
fn who_waits_for_events_is_answered() {
    let (folder, lab) = lab("events");
    let served = Served::start(&folder, lab, &ARGS);
    let options = Options::new(served.url("tokyo"), Credentials::new("admin", served.password()));
    let client = Client::new(options).unwrap();
    let query = "SELECT * FROM __InstanceModificationEvent WITHIN 600 \
                 WHERE TargetInstance ISA 'Msvm_ComputerSystem'";
    let mut events = client.subscribe(query).unwrap();
    let (event, waited) = timed(|| events.next(seconds(1)).unwrap());
    assert!(event.is_none());
    assert!((seconds(1)..seconds(20)).contains(&waited), "{waited:?}");

    let (event, waited) = thread::scope(|scope| {
        scope.spawn(|| {
            pause();
            served.told(&["tokyo RequestStateChange web Disabled => 4096", "advance 11m"]);
        });
        timed(|| events.next(seconds(30)).unwrap())
    });
    assert!(event.is_some(), "in {waited:?}");
    assert!(waited < seconds(25), "{waited:?}");
}

#[expect(clippy::disallowed_methods, reason = "what is woken has to wait first")]
fn pause() {
    thread::sleep(Duration::from_millis(500));
}

/// Somebody sleeps by the clock of the lab until somebody else lets it pass; and whoever serves the
/// lab is told that somebody waits.
#[test]
fn who_waits_for_time_waits_for_control() {
    let (folder, lab) = lab("time");
    let served = Served::start(&folder, lab, &ARGS);
    let waiting = Waiting::ByTheServicesClock { every: Duration::from_millis(20) };
    let tokyo = served.host_by("tokyo", served.password(), |it| Options { waiting, ..it });
    let web = vm(&tokyo, "web");
    let created = tokyo.create_replication_relationship(web, Settings::to("osaka")).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut looks, mut err) = (0, served.err());
            while err.is_empty() && looks < 60 {
                pause();
                (looks, err) = (looks + 1, served.err());
            }
            served.told(&["advance 1m"]);
        });
        tokyo.wait(created).unwrap();
    });
    let err = served.err();
    assert!(err.starts_with("note: a client has waited for "), "{err}");
    assert!(err.contains(" s, and the clock is manual: `hvr ctl --url http://127.0.0.1:"), "{err}");
    assert_eq!(err.lines().count(), 1, "it is told once: {err}");
}
