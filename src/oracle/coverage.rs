//! Which goals were reached.

use super::{Copy, Failover, Goal, Judged, Memory, Step};
use crate::engine::{Change, Event, Input, Reply};
use crate::model::{JobState, Leg, Operation, ReplicationMode, ReplicationState, ReplicationType};
use crate::rules::{Cause, Side};
use std::collections::BTreeSet;
use std::fmt;

/// The goals that runs have reached.
///
/// ```
/// use hyperv_replica::oracle::{Coverage, Goal};
/// use hyperv_replica::{prelude::*, sim::Lab};
///
/// let lab = Lab::new(["tokyo"]).observed();
/// lab.vm("web").create();
/// let mut coverage = lab.coverage();
/// assert!(coverage.reached().contains(&Goal::Role(ReplicationMode::None)));
/// coverage.merge(&Coverage::default()); // What another run has reached.
/// assert!(coverage.missing().contains(&Goal::Role(ReplicationMode::Primary)));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    reached: BTreeSet<Goal>,
    /// A bit for each that has one and was reached: at almost every step that is all.
    known: [u64; Goal::BITS / 64],
}

impl Coverage {
    /// What was reached.
    pub fn reached(&self) -> &BTreeSet<Goal> {
        &self.reached
    }

    /// What was not.
    pub fn missing(&self) -> BTreeSet<Goal> {
        Goal::all().difference(&self.reached).copied().collect()
    }

    /// Adds what other runs have reached.
    pub fn merge(&mut self, other: &Self) {
        self.reached.extend(&other.reached);
        self.known.iter_mut().zip(other.known).for_each(|(it, other)| *it |= other);
    }

    /// Adds what a step has reached, in which these invariants had something to
    /// [judge](super::judge).
    pub fn learn(&mut self, step: &Step<'_>, memory: &Memory, judged: Judged) {
        let judged = judged.but(Judged::of_goals(self.known));
        if !judged.is_empty() {
            judged.iter().for_each(|it| _ = self.reach(Goal::Judged(it)));
        }
        self.learn_sides(step);
        self.learn_answer(step);
        for event in step.events {
            self.learn_event(step, event, memory);
        }
    }

    fn learn_sides(&mut self, step: &Step<'_>) {
        for copy in step.after.copies.values() {
            self.reach(Goal::Role(copy.vm.mode));
            for end in copy.ends.values() {
                let (it, side) = (&end.relationship, end.side);
                self.reach(Goal::State(side, it.state));
                self.reach(Goal::Health(side, it.health));
            }
        }
        if !step.after.split.is_empty() {
            self.reach(Goal::Failover(Failover::SplitBrain));
        }
    }

    /// Adds one goal; whether it is new.
    #[inline]
    pub(crate) fn reach(&mut self, goal: Goal) -> bool {
        if let Some(bit) = goal.bit() {
            let (word, bit) = (&mut self.known[bit / 64], 1 << (bit % 64));
            if *word & bit != 0 {
                return false;
            }
            *word |= bit;
        }
        self.reached.insert(goal)
    }

    fn learn_answer(&mut self, step: &Step<'_>) {
        let Input::Call { call, .. } = step.input else { return };
        match step.reply {
            Reply::Refused(refusal) => self.reach(Goal::Refused(refusal.code)),
            Reply::NotFound(_) | Reply::Rejected(_) => false,
            _ => self.reach(Goal::Answered(call.operation())),
        };
    }

    fn learn_event(&mut self, step: &Step<'_>, event: &Event, memory: &Memory) {
        match event.change {
            Change::Job { job, job_type, to } => {
                self.reach(Goal::JobState(to));
                self.reach(Goal::JobType(job_type));
                if to == JobState::Exception
                    && let Some((_, job)) = step.after.jobs.get(&job)
                    && let Some(error) = &job.error
                {
                    self.reach(Goal::JobFailed(error.code));
                }
            }
            Change::PointCreated { kind, .. } => {
                self.reach(Goal::Point(kind));
            }
            Change::VmCreated { vm } => {
                let made = step.after.copies.get(&(event.host, vm));
                if made.is_some_and(|it| it.vm.mode == ReplicationMode::TestReplica) {
                    self.reach(Goal::Failover(Failover::Test));
                }
            }
            Change::State { id, mode, from, to, by, .. } => {
                let side = Side::of(mode, id.leg, to);
                if let Some(way) = way_on(side, from, to, by) {
                    self.reach(Goal::Failover(way));
                }
                let key = (event.host, id.vm);
                let copy = step.after.copies.get(&key);
                if let Some(copy) = copy.filter(|_| to == ReplicationState::Recovered) {
                    let latest = memory.to_latest.contains(&key);
                    for way in ways_in(copy, latest) {
                        self.reach(Goal::Failover(way));
                    }
                }
            }
            _ => {}
        }
    }
}

/// How a replica that is failed over now came to it.
fn ways_in(copy: &Copy, latest: bool) -> impl Iterator<Item = Failover> {
    let kind = copy.ends.get(Leg::Primary).map(|end| end.relationship.failed_over);
    let extended = copy.vm.mode == ReplicationMode::ExtendedReplica;
    let to = match (latest, kind) {
        (true, Some(ReplicationType::Planned)) => Failover::Planned,
        (true, _) => Failover::Latest,
        (false, _) => Failover::ToPoint,
    };
    [to].into_iter().chain(extended.then_some(Failover::OfExtendedReplica))
}

/// Where a change of state takes a failover, if it is about one.
fn way_on(side: Side, from: ReplicationState, to: ReplicationState, by: Cause) -> Option<Failover> {
    use ReplicationState as S;
    let Cause::Call(operation) = by else { return None };
    Some(match (operation, side, from, to) {
        (Operation::InitiateFailover, _, S::Resynchronizing, S::FailoverInProgress) => {
            Failover::EndingResynchronization
        }
        (Operation::RevertFailover, Side::Sender, ..) => Failover::PreparationCancelled,
        (Operation::RevertFailover, Side::Receiver, S::Recovered, _) => Failover::Reverted,
        (Operation::CommitFailover, ..) => Failover::Committed,
        (Operation::ReverseReplicationRelationship, Side::Sender, _, S::Replicating) => {
            Failover::Reversed
        }
        (Operation::ReverseReplicationRelationship, Side::Sender, _, S::Ready) => {
            Failover::ReversedToReady
        }
        (Operation::ChangeReplicationModeToPrimary, Side::Sender, ..) => Failover::TookOver,
        _ => return None,
    })
}

impl fmt::Display for Coverage {
    /// How much was reached, and what was not, a line each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let missing = self.missing();
        let all = Goal::all().len();
        write!(f, "{} of {all} goals reached", all - missing.len())?;
        missing.iter().try_for_each(|goal| write!(f, "\nnot reached: {goal}"))
    }
}
