//! The engine against the table of transitions, both ways: whatever happens is in the table, and
//! whatever is in the table happens.

use crate::arbitrary::{
    DB, WEB, beginning, chained, failed_over, on_old_hosts, replicating, step, three_hosts, walk,
};
use hyperv_replica::engine::{Caller, Change, Disturbance, Event, Input, Reply, VmTrouble, World};
use hyperv_replica::model::{
    Call, DiskId, HostId, JobState, JobType, Leg, Operation, RelationshipId, ReplicationMode,
    ReplicationState, Settings,
};
use hyperv_replica::rules::{Cause, Side, TRANSITIONS, permits};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeSet;
use std::time::Duration;

type Seen = BTreeSet<(Side, ReplicationState, ReplicationState, Cause)>;

fn note(seen: &mut Seen, events: &[Event]) {
    for event in events {
        let Change::State { id, mode, from, to, by, .. } = event.change else { continue };
        let side = match (mode, id.leg) {
            _ if to == ReplicationState::Disabled => Side::Neither,
            (ReplicationMode::Primary, _) | (_, Leg::Extended) => Side::Sender,
            _ => Side::Receiver,
        };
        seen.insert((side, from, to, by));
    }
}

/// Random walks from every beginning, always the same.
fn walks(count: usize) -> Seen {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (beginning(), prop::collection::vec(step(), 40..90));
    let mut seen = Seen::new();
    for _ in 0..count {
        let (origin, steps) = strategy.new_tree(&mut runner).unwrap().current();
        let mut world = origin.world();
        note(&mut seen, &walk(&mut world, &steps).1);
    }
    seen
}

/// A course that random walks rarely take.
struct Course {
    world: World,
    events: Vec<Event>,
}

const TOKYO: HostId = HostId(0);
const OSAKA: HostId = HostId(1);
const LONDON: HostId = HostId(2);

impl Course {
    fn from(world: World) -> Self {
        Self { world, events: Vec::new() }
    }

    fn call(mut self, host: HostId, call: Call) -> Self {
        let input = Input::Call { host, caller: Caller::Administrator, call };
        let reply = self.world.apply(&input, &mut self.events);
        assert!(matches!(reply, Reply::Started(_) | Reply::Completed), "{input:?}: {reply:?}");
        self
    }

    fn request(self, host: HostId, requested: u16) -> Self {
        let relationship = None;
        self.call(host, Call::RequestReplicationStateChange { vm: WEB, relationship, requested })
    }

    fn pass(mut self, seconds: u64) -> Self {
        let input = Input::Advance(Duration::from_secs(seconds));
        self.world.apply(&input, &mut self.events);
        self
    }

    fn disturb(mut self, what: Disturbance) -> Self {
        assert_eq!(self.world.apply(&Input::Disturb(what), &mut self.events), Reply::Happened);
        self
    }

    fn terminate(self, job_type: JobType) -> Self {
        let is_live = |it: &JobState| !it.is_terminal();
        let job = self
            .world
            .jobs(TOKYO)
            .find(|it| it.job_type == job_type && is_live(&it.state))
            .expect("the job is live");
        self.call(TOKYO, Call::RequestJobStateChange { job: job.id, requested: 4 })
    }

    /// A running resynchronisation, seen by both sides, is paused: 11 and 11.
    fn paused_resynchronization() -> Self {
        Self::resynchronization().request(TOKYO, 7).pass(2)
    }

    /// A running resynchronisation, seen by both sides: 10 and 10.
    fn resynchronization() -> Self {
        Self::from(replicating())
            .request(TOKYO, 7)
            .pass(2)
            .call(TOKYO, Call::Resynchronize { vm: WEB, start: None })
            .pass(3)
    }

    /// A request about the extended relationship of the second host.
    fn request_extended(self, requested: u16) -> Self {
        let relationship = Some(RelationshipId::extended(WEB));
        self.call(OSAKA, Call::RequestReplicationStateChange { vm: WEB, relationship, requested })
    }

    /// What the second host sends on is compared with what it has.
    fn resynchronize_extended(self) -> Self {
        let compare = Call::Resynchronize { vm: WEB, start: None };
        self.request_extended(7).pass(2).call(OSAKA, compare)
    }

    /// The first leg of a chain, which has another disk since a moment, is resynchronised while the
    /// second leg takes that disk, too.
    fn extended_while_disks_come(then: impl FnOnce(Self) -> Self) -> Self {
        let first = |to| Settings { included_disks: Some(vec![DiskId(0)]), ..Settings::to(to) };
        let create = |settings| {
            let settings = Box::new(settings);
            Call::CreateReplicationRelationship { vm: WEB, settings }
        };
        let all = |to| {
            let settings = Box::new(Settings::to(to));
            Call::ModifyReplicationSettings { vm: WEB, settings }
        };
        let start =
            Call::StartReplication { vm: WEB, initial: 1, export_location: None, start: None };
        let course = Self::from(three_hosts())
            .call(TOKYO, create(first("osaka")))
            .pass(4)
            .call(TOKYO, start.clone())
            .pass(200)
            .call(OSAKA, create(first("london")))
            .pass(4)
            .call(OSAKA, start)
            .pass(200)
            .call(TOKYO, all("osaka"))
            .pass(60)
            .resynchronize_first_leg()
            .pass(125);
        then(course).call(OSAKA, all("london")).pass(60)
    }

    /// The first leg of a chain is resynchronised, which takes two minutes and a half: the disks
    /// have 50 GiB.
    fn resynchronize_first_leg(self) -> Self {
        self.request(TOKYO, 7).pass(2).call(TOKYO, Call::Resynchronize { vm: WEB, start: None })
    }

    fn start(self, initial: u16, folder: &str) -> Self {
        let export_location = Some(folder.to_owned());
        self.call(TOKYO, Call::StartReplication { vm: WEB, initial, export_location, start: None })
    }

    fn create(self) -> Self {
        let settings = Box::new(Settings::to("osaka"));
        self.call(TOKYO, Call::CreateReplicationRelationship { vm: WEB, settings }).pass(4)
    }

    fn extend(self) -> Self {
        let settings = Box::new(Settings::to("london"));
        self.call(OSAKA, Call::CreateReplicationRelationship { vm: WEB, settings }).pass(4)
    }

    fn export_extended(self) -> Self {
        let export_location = Some(r"D:\Old".to_owned());
        let call = Call::StartReplication { vm: WEB, initial: 2, export_location, start: None };
        self.call(OSAKA, call)
    }

    fn remove(self, host: HostId) -> Self {
        let call = Call::RemoveReplicationRelationship { vm: WEB, relationship: None };
        self.call(host, call).pass(2)
    }
}

fn courses() -> Vec<Course> {
    let fewer = Settings {
        recovery_history: 3,
        replication_interval_s: 30,
        included_disks: Some(vec![DiskId(0)]),
        ..Settings::to("osaka")
    };
    let all = Settings { included_disks: None, ..fewer.clone() };
    let more = Call::ModifyReplicationSettings { vm: WEB, settings: Box::new(all) };
    let update = Call::ModifyReplicationSettings { vm: WEB, settings: Box::new(fewer) };
    let (fail_over, commit) =
        (Call::InitiateFailover { vm: WEB, point: None }, Call::CommitFailover { vm: WEB });
    let reverse = Call::ReverseReplicationRelationship { vm: WEB, settings: None };
    let relationship = RelationshipId::extended(WEB);
    let resynchronize = Call::Resynchronize { vm: WEB, start: None };
    let start = Some(replicating().now() + Duration::from_secs(600));
    let later = Call::Resynchronize { vm: WEB, start };
    let import =
        Call::ImportInitialReplica { vm: WEB, import_location: format!(r"D:\Old\web_{WEB}") };
    vec![
        Course::from(three_hosts())
            .create()
            .start(1, "")
            .pass(3)
            .request(TOKYO, 7)
            .pass(2)
            .terminate(JobType::SendingInitialReplica),
        Course::from(three_hosts())
            .create()
            .start(1, "")
            .pass(3)
            .request(TOKYO, 7)
            .pass(5)
            .request(TOKYO, 1)
            .pass(5),
        Course::from(replicating())
            .call(TOKYO, update.clone())
            .pass(10)
            .call(TOKYO, more)
            .pass(5)
            .remove(OSAKA),
        Course::paused_resynchronization().request(OSAKA, 3).pass(2),
        Course::paused_resynchronization().call(TOKYO, resynchronize).pass(3),
        Course::paused_resynchronization().call(TOKYO, later).pass(700),
        Course::paused_resynchronization().request(TOKYO, 3).pass(2),
        Course::paused_resynchronization().terminate(JobType::Resynchronizing),
        Course::paused_resynchronization()
            .disturb(Disturbance::CutLink(TOKYO, OSAKA))
            .request(TOKYO, 3)
            .pass(2)
            .disturb(Disturbance::HealLink(TOKYO, OSAKA))
            .pass(900),
        Course::paused_resynchronization().disturb(Disturbance::ShutDownHost(TOKYO)),
        Course::paused_resynchronization().disturb(Disturbance::CrashHost(TOKYO)),
        Course::paused_resynchronization().disturb(Disturbance::CorruptLog(TOKYO, WEB)),
        Course::resynchronization().disturb(Disturbance::CorruptLog(TOKYO, WEB)),
        Course::resynchronization().disturb(Disturbance::ShutDownHost(TOKYO)),
        Course::from(replicating())
            .call(TOKYO, update.clone())
            .pass(1)
            .disturb(Disturbance::ShutDownHost(TOKYO)),
        Course::from(replicating())
            .call(TOKYO, update.clone())
            .pass(1)
            .disturb(Disturbance::CrashHost(TOKYO)),
        Course::resynchronization().disturb(Disturbance::CrashHost(TOKYO)),
        Course::from(replicating())
            .call(TOKYO, update.clone())
            .pass(2)
            .disturb(Disturbance::CrashHost(TOKYO))
            .call(OSAKA, fail_over.clone()),
        Course::from(three_hosts())
            .create()
            .start(2, r"D:\Old")
            .pass(700)
            .disturb(Disturbance::TroubleVm(OSAKA, WEB, VmTrouble::DiskMissing))
            .pass(900),
        Course::from(replicating()).disturb(Disturbance::CorruptLog(TOKYO, WEB)),
        Course::from(replicating())
            .request(TOKYO, 7)
            .pass(2)
            .disturb(Disturbance::CorruptLog(TOKYO, WEB)),
        Course::from(replicating())
            .remove(OSAKA)
            .pass(60)
            .disturb(Disturbance::CorruptLog(TOKYO, WEB)),
        // The folder of an earlier export is imported: the logs do not continue it.
        Course::from(three_hosts())
            .create()
            .start(2, r"D:\Old")
            .pass(600)
            .remove(TOKYO)
            .remove(OSAKA)
            .call(OSAKA, Call::DestroySystem { vm: WEB })
            .pass(2)
            .create()
            .start(2, r"D:\New")
            .pass(200)
            .call(OSAKA, import)
            .pass(4000),
        Course::from(chained())
            .call(OSAKA, fail_over.clone())
            .pass(5)
            .call(OSAKA, commit.clone())
            .pass(6)
            .call(OSAKA, Call::ChangeReplicationModeToPrimary { vm: WEB, relationship })
            .pass(2),
        Course::from(replicating())
            .disturb(Disturbance::CrashHost(OSAKA))
            .call(TOKYO, update.clone())
            .pass(3)
            .disturb(Disturbance::BootHost(OSAKA))
            .request(TOKYO, 15)
            .pass(900),
        Course::from(three_hosts())
            .create()
            .start(1, "")
            .pass(3)
            .terminate(JobType::SendingInitialReplica),
        Course::from(three_hosts()).create().start(1, "").pass(3).remove(OSAKA).pass(4000),
        Course::resynchronization()
            .request(OSAKA, 7)
            .pass(2)
            .request(OSAKA, 3)
            .pass(2)
            .request(OSAKA, 7)
            .pass(600),
        Course::resynchronization().request(OSAKA, 3).request(TOKYO, 7).pass(2),
        Course::paused_resynchronization().request(OSAKA, 3).request(TOKYO, 3).pass(2),
        Course::from(replicating())
            .request(TOKYO, 7)
            .pass(2)
            .disturb(Disturbance::CrashHost(TOKYO)),
        Course::from(replicating()).remove(OSAKA).pass(60).disturb(Disturbance::CrashHost(TOKYO)),
        // The disks of a primary that is being prepared turn out to be no longer what is tracked.
        Course::from(replicating())
            .call(TOKYO, Call::RequestStateChange { vm: WEB, requested: 3 })
            .pass(2)
            .request(TOKYO, 4)
            .disturb(Disturbance::ChangeDisks(TOKYO, WEB))
            .pass(5),
        Course::resynchronization().request(TOKYO, 9).pass(2),
        Course::resynchronization().call(OSAKA, fail_over.clone()).pass(5),
        Course::from(replicating()).disturb(Disturbance::CutLink(TOKYO, OSAKA)).pass(200_000),
        Course::from(replicating())
            .disturb(Disturbance::CrashHost(TOKYO))
            .call(OSAKA, fail_over.clone())
            .pass(5)
            .disturb(Disturbance::BootHost(TOKYO))
            .request(TOKYO, 2)
            .pass(2)
            .call(OSAKA, reverse.clone())
            .pass(20),
        Course::paused_resynchronization().remove(TOKYO),
        Course::paused_resynchronization().request(TOKYO, 9).pass(2),
        Course::from(on_old_hosts())
            .disturb(Disturbance::CrashHost(TOKYO))
            .disturb(Disturbance::BootHost(TOKYO))
            .request(TOKYO, 2)
            .pass(2),
        Course::from(replicating())
            .disturb(Disturbance::CrashHost(TOKYO))
            .call(OSAKA, fail_over.clone())
            .pass(5)
            .call(OSAKA, commit.clone())
            .pass(6)
            .disturb(Disturbance::BootHost(TOKYO))
            .request(TOKYO, 2)
            .pass(2)
            .call(OSAKA, reverse.clone())
            .pass(20),
        // A log that is torn or unreadable while the set of disks is changed, or an export waits.
        Course::from(three_hosts())
            .create()
            .start(2, r"D:\Old")
            .pass(200)
            .disturb(Disturbance::CrashHost(TOKYO)),
        Course::from(replicating())
            .call(TOKYO, update.clone())
            .pass(1)
            .disturb(Disturbance::CorruptLog(TOKYO, WEB)),
        Course::from(replicating())
            .disturb(Disturbance::CrashHost(OSAKA))
            .call(TOKYO, update.clone())
            .pass(3)
            .disturb(Disturbance::CorruptLog(TOKYO, WEB)),
        Course::from(replicating())
            .disturb(Disturbance::CrashHost(OSAKA))
            .call(TOKYO, update.clone())
            .pass(3)
            .disturb(Disturbance::CrashHost(TOKYO)),
        Course::from(replicating())
            .call(TOKYO, Call::RequestStateChange { vm: WEB, requested: 3 })
            .pass(2)
            .call(TOKYO, update.clone())
            .pass(1)
            .disturb(Disturbance::CrashHost(TOKYO)),
        Course::from(replicating())
            .call(TOKYO, update)
            .pass(2)
            .disturb(Disturbance::CrashHost(TOKYO))
            .disturb(Disturbance::BootHost(TOKYO))
            .call(TOKYO, Call::Resynchronize { vm: WEB, start: None })
            .pass(3),
        Course::extended_while_disks_come(|course| course),
        Course::extended_while_disks_come(|course| {
            course.disturb(Disturbance::CutLink(OSAKA, LONDON))
        }),
        // A replica without its disk takes nothing until it is resumed.
        Course::from(replicating())
            .disturb(Disturbance::TroubleVm(OSAKA, WEB, VmTrouble::DiskMissing))
            .pass(60)
            .disturb(Disturbance::RelieveVm(OSAKA, WEB, VmTrouble::DiskMissing))
            .request(OSAKA, 3)
            .pass(2),
        // The first leg of a chain is resynchronised; what the second was at.
        Course::from(chained()).resynchronize_first_leg().pass(200),
        Course::from(chained()).request_extended(7).pass(2).resynchronize_first_leg().pass(200),
        Course::from(chained()).remove(LONDON).pass(700).resynchronize_first_leg().pass(200),
        Course::from(chained())
            .resynchronize_first_leg()
            .pass(30)
            .resynchronize_extended()
            .pass(200),
        Course::from(chained())
            .resynchronize_first_leg()
            .pass(30)
            .resynchronize_extended()
            .pass(3)
            .request_extended(7)
            .pass(200),
        Course::from(replicating())
            .extend()
            .export_extended()
            .pass(200)
            .resynchronize_first_leg()
            .pass(200),
        Course::from(failed_over()).call(OSAKA, reverse.clone()).pass(20),
        Course::from(failed_over()).call(OSAKA, commit).pass(6).call(OSAKA, reverse).pass(20),
    ]
}

#[test]
fn every_transition_is_in_the_book_and_happens() {
    let mut seen = walks(1500);
    for course in courses() {
        note(&mut seen, &course.events);
    }
    let strange: Vec<_> =
        seen.iter().filter(|(side, from, to, by)| !permits(*side, *from, *to, *by)).collect();
    assert!(strange.is_empty(), "not in the table: {strange:#?}");
    let idle: Vec<_> = TRANSITIONS
        .iter()
        .map(|t| (t.side, t.from, t.to, t.by))
        .filter(|key| !seen.contains(key))
        .collect();
    assert!(idle.is_empty(), "never happens: {idle:#?}");
}

/// A host takes what it was doing with it, the last first: a pause gives back the initial
/// replication that it found, and that goes back to its beginning.
#[test]
fn what_began_last_is_taken_back_first() {
    use ReplicationState::{Ready, Suspended, WaitingForInitialReplication as Waiting};
    let course = Course::from(on_old_hosts());
    let create =
        Call::CreateReplicationRelationship { vm: DB, settings: Box::new(Settings::to("osaka")) };
    let export = Call::StartReplication {
        vm: DB,
        initial: 2,
        export_location: Some(r"D:\Export".to_owned()),
        start: None,
    };
    let pause = Call::RequestReplicationStateChange { vm: DB, relationship: None, requested: 7 };
    let course = course
        .call(TOKYO, create)
        .pass(10)
        .call(TOKYO, export)
        .call(TOKYO, pause)
        .disturb(Disturbance::CrashHost(TOKYO));
    let on_tokyo = course.events.iter().filter(|it| it.host == TOKYO);
    let states: Vec<_> = on_tokyo
        .filter_map(|it| match it.change {
            Change::State { id, from, to, by, .. } if id.vm == DB => Some((from, to, by)),
            _ => None,
        })
        .skip(1)
        .collect();
    let (start, pause) = (Operation::StartReplication, Operation::SuspendReplication);
    let back = [(Suspended, Waiting, Cause::Call(pause)), (Waiting, Ready, Cause::Call(start))];
    assert_eq!(states[2..], back, "{states:?}");
    for (from, to, by) in states {
        assert!(permits(Side::Sender, from, to, by), "{from} to {to} by {by:?}");
    }
}

/// The log of an old primary turns out to be corrupt while it becomes a replica: the operation ends
/// its sending anyway, and what that shows meanwhile is not overtaken. It shows 18, and before
/// Windows 10, version 1703, brought that, the requested state, 2:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-requestreplicationstatechangeex-computersystem>.
#[test]
fn a_corrupt_log_does_not_overtake_an_end_of_sending() {
    use ReplicationState::{Replicating, RepurposeInProgress, WaitingForInitialReplication};
    let old = (on_old_hosts(), vec![(Replicating, WaitingForInitialReplication)]);
    let new = (
        replicating(),
        vec![
            (Replicating, RepurposeInProgress),
            (RepurposeInProgress, WaitingForInitialReplication),
        ],
    );
    for (world, path) in [old, new] {
        let beginning = Course::from(world)
            .call(TOKYO, Call::RequestStateChange { vm: WEB, requested: 3 })
            .pass(60)
            .call(OSAKA, Call::InitiateFailover { vm: WEB, point: None });
        let course = Course::from(beginning.world)
            .request(TOKYO, 2)
            .disturb(Disturbance::CorruptLog(TOKYO, WEB))
            .pass(1);
        let on_tokyo = course.events.iter().filter(|it| it.host == TOKYO);
        let states = on_tokyo.filter_map(|it| match it.change {
            Change::State { from, to, .. } => Some((from, to)),
            _ => None,
        });
        assert_eq!(states.collect::<Vec<_>>(), path);
        assert_eq!(course.world.vm(TOKYO, WEB).unwrap().mode, ReplicationMode::Replica);
    }
}
