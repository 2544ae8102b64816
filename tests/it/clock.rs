//! Virtual time that follows a wall clock, which here is one that the test sets.

use hyperv_replica::prelude::*;
use hyperv_replica::sim::{Clock, HostHandle, Lab, Pace, Paced, Wall};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// A wall clock, in nanoseconds; whoever waits moves it.
#[derive(Clone, Default)]
struct Wound(Arc<AtomicU64>);

impl Wound {
    fn wind(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_nanos()).unwrap(), Ordering::Relaxed);
    }
}

impl Wall for Wound {
    fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }
    fn wait(&self, time: Duration) {
        self.wind(time);
    }
}

struct Served {
    lab: Lab,
    wall: Wound,
    clock: Clock,
    tokyo: Paced<HostHandle>,
    web: VmId,
}

fn served(pace: Pace) -> Served {
    let lab = Lab::new(["tokyo", "osaka"]);
    let web = lab.vm("web").on("tokyo").running().create();
    let wall = Wound::default();
    wall.wind(days(3)); // What it showed before does not count.
    let clock = Clock::new(lab.clone(), pace, wall.clone());
    let tokyo = clock.host("TOKYO").unwrap();
    Served { lab, wall, clock, tokyo, web }
}

#[test]
fn a_pace_is_a_word() {
    for (text, pace) in [
        ("real", Pace::REAL),
        ("x60", Pace::Times(60)),
        ("manual", Pace::Manual),
        ("jump", Pace::Jump),
    ] {
        assert_eq!(text.parse(), Ok(pace));
        assert_eq!(pace.to_string(), text);
    }
    for wrong in ["", "x", "x0", "x-1", "x4294967296", "fast", "REAL"] {
        let error = wrong.parse::<Pace>().unwrap_err();
        assert!(error.to_string().contains("`manual` or `jump`"), "{wrong}");
    }
    assert_eq!("x1".parse(), Ok(Pace::REAL));
}

#[test]
fn real_time_passes_before_each_answer() {
    let it = served(Pace::REAL);
    let created = it.tokyo.create_replication_relationship(it.web, Settings::to("osaka")).unwrap();
    let job = created.job().unwrap();
    assert!(!it.tokyo.job(job).unwrap().state.is_terminal());
    it.wall.wind(minutes(1));
    // Each read sees what the minute brought, whichever comes first.
    let id = RelationshipId::primary(it.web);
    assert_eq!(it.tokyo.relationship(id).unwrap().state, ReplicationState::Ready);
    assert!(it.tokyo.job(job).unwrap().state.is_success());
    it.wall.wind(minutes(5));
    assert!(it.tokyo.jobs().unwrap().is_empty(), "removed after five minutes");
    assert_eq!(it.lab.now(), SimTime::ZERO + minutes(6));
}

/// Nothing is lost between looks, however short: 1000 looks at 0.4 ms each.
#[test]
fn time_does_not_drift() {
    for (times, expected) in [(1, 400), (7, 2800)] {
        let it = served(Pace::Times(times));
        for _ in 0..1000 {
            it.wall.wind(Duration::from_micros(400));
            it.tokyo.now().unwrap();
        }
        assert_eq!(it.lab.now(), SimTime::ZERO + Duration::from_millis(expected), "x{times}");
    }
}

#[test]
fn sleeping_waits_by_the_wall_clock() {
    let it = served(Pace::Times(60));
    it.tokyo.sleep(hours(1)).unwrap();
    assert_eq!(it.tokyo.now().unwrap(), SimTime::ZERO + hours(1));
    assert_eq!(it.wall.elapsed(), days(3) + minutes(1));
    // However the pace divides, what was asked for has passed.
    it.clock.set_pace(Pace::Times(7));
    it.tokyo.sleep(seconds(1)).unwrap();
    assert!(it.tokyo.now().unwrap() >= SimTime::ZERO + hours(1) + seconds(1));
}

#[test]
fn what_somebody_lets_pass_comes_on_top() {
    let it = served(Pace::REAL);
    it.wall.wind(minutes(1));
    it.lab.advance(hours(1));
    it.wall.wind(minutes(1));
    assert_eq!(it.clock.keep_up(), SimTime::ZERO + hours(1) + minutes(2));
}

#[test]
fn manual_time_passes_when_told() {
    let it = served(Pace::Manual);
    it.wall.wind(days(1));
    assert_eq!(it.tokyo.now().unwrap(), SimTime::ZERO);
    it.tokyo.sleep(seconds(5)).unwrap(); // Waits, since somebody may tell meanwhile.
    assert_eq!(it.tokyo.now().unwrap(), SimTime::ZERO);
    assert_eq!(it.wall.elapsed(), days(4) + seconds(5));
    it.lab.advance(minutes(2));
    assert_eq!(it.tokyo.now().unwrap(), SimTime::ZERO + minutes(2));
    assert_eq!(it.clock.until_next(), None);
    // From now on it goes; the time before does not count.
    it.clock.set_pace(Pace::REAL);
    it.wall.wind(seconds(1));
    assert_eq!(it.tokyo.now().unwrap(), SimTime::ZERO + minutes(2) + seconds(1));
}

#[test]
fn polling_a_job_jumps_to_its_end() {
    let it = served(Pace::Jump);
    let created = it.tokyo.create_replication_relationship(it.web, Settings::to("osaka")).unwrap();
    let job = created.job().unwrap();
    it.wall.wind(days(1));
    for _ in 0..100 {
        it.tokyo.vms().unwrap();
        it.tokyo.relationship(RelationshipId::primary(it.web)).unwrap();
    }
    assert_eq!(it.lab.now(), SimTime::ZERO, "nobody asked for a job");
    let looks = (1..100).find(|_| it.tokyo.job(job).unwrap().state.is_terminal()).unwrap();
    assert!(looks < 10, "{looks} looks");
    let ended = it.lab.now();
    it.tokyo.job(job).unwrap();
    it.tokyo.jobs().unwrap();
    assert_eq!(it.lab.now(), ended, "a job that has ended is waited for by nobody");
    // The list of jobs is read by those who wait, too.
    let started = it.tokyo.start_replication(it.web, InitialReplication::Network).unwrap();
    let running = || it.tokyo.jobs().unwrap().iter().any(|it| !it.state.is_terminal());
    assert!((0..50).any(|_| !running()), "{started:?}");
    // A job of another host is no reason.
    let before = it.lab.now();
    it.clock.host("osaka").unwrap().jobs().unwrap();
    assert_eq!(it.lab.now(), before);
    assert_eq!(it.wall.elapsed(), days(4), "and nobody waited");
}

#[test]
fn a_server_sleeps_until_something_happens() {
    let it = served(Pace::Times(60));
    let created = it.tokyo.create_replication_relationship(it.web, Settings::to("osaka")).unwrap();
    let watch = it.lab.watch();
    let sleeps = (1..20).find(|_| {
        it.wall.wind(it.clock.until_next().unwrap());
        it.clock.keep_up();
        !watch.take().is_empty()
    });
    assert!(sleeps.is_some(), "{created:?}");
    assert!(it.wall.elapsed() < days(3) + seconds(5), "{:?}", it.wall.elapsed());
}

/// A decorator stands between the clock and the host.
#[test]
fn a_paced_host_can_be_decorated() {
    let it = served(Pace::REAL);
    let recorded: Paced<Box<dyn ReplicationService>> =
        it.tokyo.clone().decorated(|it| Box::new(it) as Box<dyn ReplicationService>);
    it.wall.wind(seconds(3));
    assert_eq!(recorded.now().unwrap(), SimTime::ZERO + seconds(3));
    assert_eq!(recorded.clock().pace(), Pace::REAL);
}

/// A wall clock on which somebody lets the time of a lab pass.
struct Colleague {
    wall: Wound,
    lab: Lab,
    at: Duration,
}

impl Wall for Colleague {
    fn elapsed(&self) -> Duration {
        self.wall.elapsed()
    }
    fn wait(&self, time: Duration) {
        let before = self.wall.elapsed();
        self.wall.wind(time);
        if (before..self.wall.elapsed()).contains(&self.at) {
            self.lab.advance(hours(1));
        }
    }
}

#[test]
fn who_sleeps_is_woken_when_somebody_lets_time_pass() {
    for (pace, alone) in
        [(Pace::Manual, hours(2)), (Pace::REAL, hours(2)), (Pace::Times(60), minutes(2))]
    {
        let lab = Lab::new(["tokyo"]);
        let (wall, at) = (Wound::default(), seconds(30));
        let colleague = Colleague { wall: wall.clone(), lab: lab.clone(), at };
        let tokyo = Clock::new(lab.clone(), pace, colleague).host("tokyo").unwrap();
        tokyo.sleep(hours(1)).unwrap();
        assert!(lab.now() >= SimTime::ZERO + hours(1), "{pace}");
        let waited = wall.elapsed();
        assert!((at..at + seconds(1)).contains(&waited), "{pace}: {waited:?}");
        // By itself a sleep ends, too, be the clock at rest.
        tokyo.sleep(hours(2)).unwrap();
        assert_eq!(wall.elapsed(), waited + alone, "{pace}");
    }
}

#[test]
fn who_waits_for_a_clock_at_rest_is_known() {
    let it = served(Pace::Manual);
    let created = it.tokyo.create_replication_relationship(it.web, Settings::to("osaka")).unwrap();
    let job = created.job().unwrap();
    assert_eq!(it.clock.awaited(), None);
    it.tokyo.job(job).unwrap();
    it.wall.wind(seconds(9));
    assert_eq!(it.clock.awaited(), Some(Duration::ZERO), "nobody has come back for it");
    it.tokyo.jobs().unwrap();
    it.tokyo.sleep(seconds(1)).unwrap();
    assert_eq!(it.clock.awaited(), Some(seconds(10)));
    it.lab.advance(minutes(1));
    assert_eq!(it.clock.awaited(), None, "time has passed");
    it.tokyo.job(job).unwrap();
    assert_eq!(it.clock.awaited(), None, "it has ended");
    it.clock.set_pace(Pace::REAL);
    it.tokyo.sleep(seconds(5)).unwrap();
    assert_eq!(it.clock.awaited(), None, "time passes by itself");
}
