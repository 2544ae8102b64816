//! Each invariant can fail: a step is doctored so that it breaks just that one.

use crate::arbitrary::{DB, WEB, chained, failed_over};
use hyperv_replica::engine::{Change, Event, Input, Reply, World};
use hyperv_replica::model::time::{days, hours, minutes, seconds};
use hyperv_replica::model::{
    Call, EnabledState, Guid, HostId, Job, JobId, JobState, JobType, Leg, Operation,
    RelationshipId, ReplicationHealth, ReplicationMode, ReplicationState as S, SimTime, VmId,
};
use hyperv_replica::oracle::{
    ALWAYS, Copy, End, Ends, HostPicture, Invariant, Memory, Picture, Step, Verdict, judge,
};
use hyperv_replica::rules::{Cause, Happening, Side};
use hyperv_replica::testkit::beginning::Beginning;
use std::collections::BTreeSet;

const TOKYO: HostId = HostId(0);
const OSAKA: HostId = HostId(1);
const LONDON: HostId = HostId(2);
const NARA: HostId = HostId(3);

/// A step that may be told wrong.
struct Doctored {
    reply: Reply,
    events: Vec<Event>,
    before: Picture,
    after: Picture,
    changed: bool,
    memory: Memory,
}

impl Doctored {
    /// An honest second of this world.
    fn second(mut world: World) -> Self {
        let memory = Memory { stirred: world.now(), ..Memory::default() };
        let (before, mut events) = (Picture::of(&world), Vec::new());
        let reply = world.apply(&Input::Advance(seconds(1)), &mut events);
        Self { reply, events, before, after: Picture::of(&world), changed: true, memory }
    }

    fn step<'a>(&'a self, input: &'a Input) -> Step<'a> {
        let Self { reply, events, before, after, changed, .. } = self;
        Step { input, reply, events, before, after, changed: *changed }
    }

    /// The name of the first invariant that is broken, and what is printed of it.
    fn broken(&self) -> Option<(&'static str, String)> {
        let input = Input::Advance(seconds(1));
        let violation = judge(&self.step(&input), &self.memory).err()?;
        Some((violation.invariant.name, violation.to_string()))
    }

    /// The invariants that have something to judge, by their rows of the table and by the one pass
    /// through everything.
    fn judged(&self) -> Vec<Invariant> {
        let input = Input::Advance(seconds(1));
        let step = self.step(&input);
        let alone = |it: &Invariant| (it.row().check)(&step, &self.memory) == Ok(Verdict::Holds);
        let alone: Vec<_> = Invariant::ALL.iter().copied().filter(alone).collect();
        let together: Vec<_> = judge(&step, &self.memory).expect("it holds").iter().collect();
        assert_eq!(alone, together);
        alone
    }

    fn happens(&mut self, host: HostId, change: Change) {
        self.events.push(Event { at: self.after.now, host, change });
    }

    fn changes(&mut self, host: HostId, mode: ReplicationMode, from: S, to: S, by: Cause) {
        let id = RelationshipId::primary(WEB);
        self.happens(host, Change::State { id, mode, was: mode, from, to, by });
    }

    /// The replica on this host was failed over to its latest state a moment ago.
    fn fails_over(&mut self, host: HostId, mode: ReplicationMode) {
        let by = Cause::Call(Operation::InitiateFailover);
        self.changes(host, mode, S::FailoverInProgress, S::Recovered, by);
        self.memory.to_latest.insert((host, WEB));
        assert_eq!(self.broken(), None);
    }

    fn web(&mut self, host: HostId) -> &mut Copy {
        self.after.copies.get_mut(&(host, WEB)).unwrap()
    }

    fn end(&mut self, host: HostId, leg: Leg) -> &mut End {
        self.web(host).ends.at(leg).as_mut().unwrap()
    }

    fn shows(&mut self, host: HostId, state: S, health: ReplicationHealth) {
        let it = &mut self.end(host, Leg::Primary).relationship;
        (it.state, it.health) = (state, health);
    }

    /// Adds a job to what was seen before and to what is seen after.
    fn job(&mut self, before: JobState, percent: u8) -> JobId {
        let id = JobId(Guid(1));
        let job = Job {
            id,
            job_type: JobType::CommitFailover,
            state: before,
            percent_complete: percent,
            cancellable: false,
            submitted: SimTime::ZERO,
            scheduled: None,
            started: Some(SimTime::ZERO),
            state_changed: self.before.now,
            elapsed: hours(1),
            error: None,
            affected: vec![WEB],
        };
        for picture in [&mut self.before, &mut self.after] {
            picture.jobs.insert(id, (OSAKA, job.clone()));
        }
        id
    }

    /// Adds a test replica of `web` on osaka that nobody refers to yet.
    fn test_replica(&mut self, number: u128) -> VmId {
        let id = VmId(Guid(number));
        for picture in [&mut self.before, &mut self.after] {
            let mut copy = picture.copies[&(OSAKA, WEB)].clone();
            (copy.vm.id, copy.vm.mode) = (id, ReplicationMode::TestReplica);
            copy.ends = Ends::default();
            copy.points.clear();
            picture.copies.insert((OSAKA, id), copy);
        }
        id
    }
}

/// A replica is prepared for the planned failover of its extended replica, and that is failed over;
/// perhaps the replica is failed over before, and runs.
fn sent_on(runs: bool) -> World {
    let beginning = Beginning::chained();
    let relationship = Some(RelationshipId { vm: WEB, leg: Leg::Extended });
    let prepare = Call::RequestReplicationStateChange { vm: WEB, relationship, requested: 4 };
    let fail_over = Call::InitiateFailover { vm: WEB, point: None };
    let mut beginning = beginning.call(OSAKA, prepare);
    if runs {
        let start = Call::RequestStateChange { vm: WEB, requested: 2 };
        beginning = beginning.call(OSAKA, fail_over.clone()).call(OSAKA, start);
    }
    beginning.then(Input::Advance(minutes(5))).call(LONDON, fail_over).world()
}

type Doctor = fn(&mut Doctored);

/// What breaks each invariant, from tokyo, osaka and london in a chain.
const DOCTORS: &[(&str, Doctor)] = &[
    ("refusal-changes-nothing", |it| it.reply = Reply::NotImplemented),
    ("states-change-by-the-book", |it| {
        let by = Cause::Happening(Happening::HostCrashed);
        it.changes(TOKYO, ReplicationMode::Primary, S::Ready, S::Synced, by);
    }),
    ("no-group-states", |it| it.shows(OSAKA, S::FiredrillInProgress, ReplicationHealth::Ok)),
    ("state-fits-side", |it| it.shows(TOKYO, S::Recovered, ReplicationHealth::Warning)),
    ("health-fits-state", |it| it.shows(TOKYO, S::Critical, ReplicationHealth::Warning)),
    ("health-fits-state", |it| it.shows(OSAKA, S::Suspended, ReplicationHealth::Warning)),
    ("replica-never-runs", |it| it.web(OSAKA).vm.power = EnabledState::Enabled),
    ("prepared-primary-never-runs", |it| it.shows(TOKYO, S::Synced, ReplicationHealth::Ok)),
    ("two-writers-are-a-split-brain", |it| {
        it.shows(OSAKA, S::Recovered, ReplicationHealth::Warning);
        it.web(OSAKA).vm.power = EnabledState::Enabled;
        let running = it.web(OSAKA).clone();
        it.before.copies.insert((OSAKA, WEB), running);
        it.web(OSAKA).position += 1;
    }),
    ("one-way-out", |it| it.end(OSAKA, Leg::Primary).side = Side::Sender),
    ("chain-of-three", |it| {
        let mut copy = it.web(LONDON).clone();
        copy.ends.at(Leg::Primary).as_mut().unwrap().peer = Some(LONDON);
        it.after.copies.insert((NARA, WEB), copy);
        it.after.hosts.insert(NARA, HostPicture { name: "nara".into(), up: true });
        let onward = End { peer: Some(NARA), ..it.end(OSAKA, Leg::Extended).clone() };
        *it.web(LONDON).ends.at(Leg::Extended) = Some(onward);
    }),
    ("one-test-replica", |it| {
        let (first, second) = (it.test_replica(1), it.test_replica(2));
        it.before.copies.get_mut(&(OSAKA, WEB)).unwrap().vm.test_replica = Some(first);
        it.web(OSAKA).vm.test_replica = Some(second);
    }),
    ("one-test-replica", |it| it.web(OSAKA).vm.test_replica = Some(DB)),
    ("ends-agree", |it| {
        it.after.now += days(2);
        it.shows(OSAKA, S::Recovered, ReplicationHealth::Warning);
    }),
    ("ends-agree", |it| {
        it.after.now += days(2);
        it.web(LONDON).vm.mode = ReplicationMode::Replica;
    }),
    ("points-within-history", |it| it.end(OSAKA, Leg::Primary).recovery_history = 1),
    ("points-are-applied", |it| it.web(OSAKA).points[0].created += days(1)),
    ("points-are-applied", |it| it.web(OSAKA).points[0].position = u64::MAX),
    ("points-are-applied", |it| {
        let web = it.web(OSAKA);
        web.applied = Some(web.points[0].position - 1);
    }),
    ("commit-deletes-points", |it| it.shows(OSAKA, S::Committed, ReplicationHealth::Warning)),
    ("resynchronisation-deletes-points", |it| {
        let by = Cause::Happening(Happening::ResynchronizationCompleted);
        it.changes(OSAKA, ReplicationMode::Replica, S::Resynchronizing, S::Replicating, by);
    }),
    ("planned-failover-loses-nothing", |it| {
        *it = Doctored::second(failed_over());
        it.fails_over(OSAKA, ReplicationMode::Replica);
        it.web(OSAKA).position -= 1;
    }),
    ("planned-failover-loses-nothing", |it| {
        *it = Doctored::second(sent_on(false));
        it.fails_over(LONDON, ReplicationMode::ExtendedReplica);
        it.web(LONDON).position -= 1;
    }),
    ("planned-failover-loses-nothing", |it| {
        // What the replica between has written itself it owes nobody, what it has received it does.
        *it = Doctored::second(sent_on(true));
        it.fails_over(LONDON, ReplicationMode::ExtendedReplica);
        assert!(it.web(OSAKA).position > it.web(LONDON).position);
        it.web(LONDON).position -= 1;
    }),
    ("last-replication-never-goes-back", |it| {
        it.end(TOKYO, Leg::Primary).relationship.last_replication = None;
    }),
    ("ended-job-never-changes", |it| {
        let job = it.job(JobState::Terminated, 50);
        it.after.jobs.get_mut(&job).unwrap().1.state = JobState::Exception;
    }),
    ("ended-job-never-changes", |it| {
        let job = it.job(JobState::Terminated, 50);
        let (job_type, to) = (JobType::CommitFailover, JobState::Terminated);
        it.happens(OSAKA, Change::Job { job, job_type, to });
    }),
    ("ended-job-stays-five-minutes", |it| {
        it.job(JobState::Terminated, 50);
        it.after.now += minutes(5);
    }),
    ("ended-job-stays-five-minutes", |it| {
        let job = it.job(JobState::Terminated, 50);
        it.after.jobs.remove(&job);
        it.happens(OSAKA, Change::JobRemoved { job });
    }),
    ("ended-job-stays-five-minutes", |it| {
        let job = it.job(JobState::Running, 50);
        it.after.jobs.remove(&job);
        it.happens(OSAKA, Change::JobRemoved { job });
    }),
    ("percentage-never-falls", |it| {
        let job = it.job(JobState::Running, 50);
        it.after.jobs.get_mut(&job).unwrap().1.percent_complete = 49;
    }),
    ("percentage-never-falls", |it| _ = it.job(JobState::Running, 100)),
    ("percentage-never-falls", |it| _ = it.job(JobState::Completed, 99)),
];

#[test]
fn each_invariant_can_fail() {
    assert_eq!(Doctored::second(chained()).broken(), None, "an honest step breaks nothing");
    for (number, (name, doctor)) in DOCTORS.iter().enumerate() {
        let mut step = Doctored::second(chained());
        doctor(&mut step);
        let broken = step.broken().map(|(name, _)| name);
        assert_eq!(broken, Some(*name), "doctor {number}");
    }
    let doctored: BTreeSet<_> = DOCTORS.iter().map(|(name, _)| *name).collect();
    let all: BTreeSet<_> = ALWAYS.iter().map(|it| it.name).collect();
    assert_eq!(doctored, all, "each invariant has a doctor");
    assert_eq!(all.len(), ALWAYS.len(), "names are unique");
}

/// An invariant that holds because there is nothing it is about has proved nothing, and says so.
#[test]
fn what_is_judged_is_told_from_what_is_vacuous() {
    use Invariant as I;
    let every_job = [I::EndedJobNeverChanges, I::EndedJobStaysFiveMinutes, I::PercentageNeverFalls];
    assert_eq!(Doctored::second(World::new(0)).judged(), []);
    let mut three = Doctored::second(Beginning::three_hosts().world());
    assert_eq!(three.judged(), [], "nothing replicates");
    three.job(JobState::Running, 50);
    assert_eq!(three.judged(), [I::PercentageNeverFalls]);
    three.job(JobState::Terminated, 50);
    assert_eq!(three.judged(), every_job);
    let mut chain = Doctored::second(chained());
    let replicated = [
        I::NoGroupStates,
        I::StateFitsSide,
        I::HealthFitsState,
        I::ReplicaNeverRuns,
        I::OneWayOut,
        I::ChainOfThree,
        I::PointsWithinHistory,
        I::PointsAreApplied,
        I::LastReplicationNeverGoesBack,
    ];
    assert_eq!(chain.judged(), replicated);
    let test = chain.test_replica(1);
    chain.web(OSAKA).vm.test_replica = Some(test);
    assert!(chain.judged().contains(&I::OneTestReplica));
    chain.after.now += days(2);
    assert!(chain.judged().contains(&I::EndsAgree));
    // What is prepared may not run; what failed over after it has everything.
    let mut planned = Doctored::second(failed_over());
    assert!(planned.judged().contains(&I::PreparedPrimaryNeverRuns));
    assert!(!planned.judged().contains(&I::ReplicaNeverRuns), "it may run now");
    assert!(!planned.judged().contains(&I::PlannedFailoverLosesNothing), "it was before");
    planned.fails_over(OSAKA, ReplicationMode::Replica);
    assert!(planned.judged().contains(&I::PlannedFailoverLosesNothing));
    assert!(planned.judged().contains(&I::StatesChangeByTheBook));
    planned.web(OSAKA).points.clear();
    planned.shows(OSAKA, S::Committed, ReplicationHealth::Warning);
    assert!(planned.judged().contains(&I::CommitDeletesPoints));
}

/// A violation names the invariant, its source and the step, and shows both sides.
#[test]
fn a_violation_is_told_to_a_person() {
    let mut step = Doctored::second(chained());
    step.web(OSAKA).vm.power = EnabledState::Enabled;
    let (_, told) = step.broken().unwrap();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(
        lines[..3],
        [
            "the invariant `replica-never-runs` does not hold: it runs on osaka",
            "  A replica that is not failed over never runs. (documented: https://learn.microsoft.com/\
             virtualization/community/team-blog/2012/20120528-inject-ip-address-into-the-vm-during-failover)",
            "  step: 1s pass, answered done",
        ]
    );
    let of = |host: &str| lines.iter().filter(|it| it.starts_with(&format!("    {host} "))).count();
    // Before and after; osaka has two ends.
    assert_eq!((of("tokyo"), of("osaka"), of("london")), (2, 4, 2), "{told}");
    assert!(told.contains("web relationship 1 Replica"), "{told}");
}
