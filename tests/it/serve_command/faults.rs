//! Faults at the edge, as clients of a served lab meet them.

use super::{Served, folder, vm};
use hyperv_replica::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

fn lab(folder: &Path) -> PathBuf {
    let lab = folder.join("lab.hvr");
    let lines = "host tokyo\nhost osaka\nvm web on tokyo\n\
                 fault tokyo RequestStateChange web Enabled times=2  => 32774\n";
    fs::write(&lab, lines).unwrap();
    lab
}

fn refused(answer: Result<Outcome>) -> Option<ErrorCode> {
    answer.unwrap_err().code()
}

/// The lines of the lab and those of control are one plan, and count whoever calls.
#[test]
fn a_client_meets_the_faults_of_the_lab_and_of_control() {
    let folder = folder("faults");
    let served = Served::start(&folder, lab(&folder), &["--clock", "manual", "--control"]);
    let (tokyo, osaka) = (served.host("tokyo"), served.host("osaka"));
    let web = vm(&tokyo, "web");
    assert_eq!(refused(tokyo.start_vm(web)), Some(ErrorCode::InUse));
    served.told(&["tokyo RequestStateChange web Enabled  => 32774"]);
    assert!(tokyo.start_vm(web).is_ok(), "twice, and then all is well");
    served.told(&["advance 1m"]);

    // The answer is lost, and what was asked for is done.
    served.told(&["fault tokyo RequestStateChange web Disabled times=1  => lost"]);
    let lost = tokyo.turn_off_vm(web).unwrap_err();
    assert!(matches!(lost, Error::Transport { .. }), "{lost}");
    served.told(&["advance 1m"]);
    assert_eq!(tokyo.vm(web).unwrap().power, EnabledState::Disabled);

    // A read, and only of this host.
    served.told(&["fault osaka host times=1  => unreachable"]);
    assert!(tokyo.host().is_ok());
    assert!(osaka.host().is_err());
    assert!(osaka.host().is_ok());

    // A fork has its own, and a reset makes the lab's what they were in the beginning.
    served.told(&["fork other", "fault any call  => 32768", "osaka CommitFailover web  => 32768"]);
    assert_eq!(refused(osaka.commit_failover(web)), Some(ErrorCode::NotAvailable));
    served.told(&["reset"]);
    let web = vm(&tokyo, "web");
    assert_eq!(refused(tokyo.start_vm(web)), Some(ErrorCode::InUse));
    assert_eq!(refused(tokyo.start_vm(web)), Some(ErrorCode::InUse));
    assert!(tokyo.start_vm(web).is_ok());
}

#[expect(clippy::disallowed_methods, reason = "how long a person waits")]
fn timed<T>(what: impl FnOnce() -> T) -> (T, Duration) {
    let begun = Instant::now();
    (what(), begun.elapsed())
}

#[expect(clippy::disallowed_methods, reason = "the call has to be under way first")]
fn pause() {
    thread::sleep(Duration::from_millis(500));
}

/// A call that arrives late waits for the time of the lab, and holds up nobody meanwhile.
#[test]
fn a_call_that_is_late_waits_for_control() {
    let folder = folder("late");
    let served = Served::start(&folder, lab(&folder), &["--clock", "manual", "--control"]);
    let (tokyo, osaka) = (served.host("tokyo"), served.host("osaka"));
    let web = vm(&tokyo, "web");
    served.told(&["fault osaka CommitFailover web  => delay 10m"]);
    let late = thread::scope(|scope| {
        // As many as would take every thread that connections share.
        let late: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| timed(|| served.host("osaka").commit_failover(web))))
            .collect();
        pause();
        assert!(late.iter().all(|it| !it.is_finished()));
        assert!(osaka.vms().is_ok(), "others are answered");
        assert_eq!(osaka.now().unwrap(), SimTime::ZERO);
        served.told(&["advance 10m"]);
        late.into_iter().map(|it| it.join().unwrap()).collect::<Vec<_>>()
    });
    for (answer, waited) in late {
        assert_eq!(refused(answer), Some(ErrorCode::NotAvailable), "osaka has no such thing");
        assert!(waited < seconds(25), "{waited:?}");
    }
}

/// A host of a lab that is named on a command line is under the faults of its file.
#[test]
fn a_lab_of_a_command_has_its_faults() {
    let folder = folder("lab");
    let lab = lab(&folder);
    let lines = "host tokyo\nvm web on tokyo\ntokyo RequestStateChange web Enabled  => 32774\n";
    fs::write(folder.join("run.hvr"), lines).unwrap();
    let host = format!("tokyo=lab:{}#tokyo", lab.display());
    let mut command = super::hvr();
    command.args(["run", "run.hvr", "--host", &host]).current_dir(&folder);
    let (status, out, err) = super::ended(command.output().unwrap());
    assert_eq!((status, &*err), (0, ""), "{out}");
}
