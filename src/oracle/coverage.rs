//! Which goals were reached.

use super::{Copy, Failover, Goal, Memory, Step};
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
    /// Of what copies show, a bit for each that was reached: at almost every step that is all.
    shown: u128,
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
        self.shown |= other.shown;
    }

    /// Adds what a step has reached.
    pub fn learn(&mut self, step: &Step<'_>, memory: &Memory) {
        self.learn_sides(step);
        self.learn_answer(step);
        for event in step.events {
            self.learn_event(step, event, memory);
        }
    }

    fn learn_sides(&mut self, step: &Step<'_>) {
        for copy in step.after.copies.values() {
            self.show(copy.vm.mode as u32, Goal::Role(copy.vm.mode));
            for end in copy.ends.values() {
                let (it, side) = (&end.relationship, end.side as u32);
                self.show(8 + 24 * side + it.state as u32, Goal::State(end.side, it.state));
                self.show(80 + 4 * side + it.health as u32, Goal::Health(end.side, it.health));
            }
        }
        if !step.after.split.is_empty() {
            self.reached.insert(Goal::Failover(Failover::SplitBrain));
        }
    }

    /// Reaches a goal of which there is a bit.
    fn show(&mut self, bit: u32, goal: Goal) {
        if self.shown & 1 << bit == 0 {
            self.shown |= 1 << bit;
            self.reached.insert(goal);
        }
    }

    fn learn_answer(&mut self, step: &Step<'_>) {
        let Input::Call { call, .. } = step.input else { return };
        match step.reply {
            Reply::Refused(refusal) => self.reached.insert(Goal::Refused(refusal.code)),
            Reply::NotFound(_) | Reply::Rejected(_) => false,
            _ => self.reached.insert(Goal::Answered(call.operation())),
        };
    }

    fn learn_event(&mut self, step: &Step<'_>, event: &Event, memory: &Memory) {
        match event.change {
            Change::Job { job, job_type, to } => {
                self.reached.insert(Goal::JobState(to));
                self.reached.insert(Goal::JobType(job_type));
                let error = step.after.jobs.get(&job).and_then(|(_, job)| job.error.as_ref());
                if let Some(error) = error.filter(|_| to == JobState::Exception) {
                    self.reached.insert(Goal::JobFailed(error.code));
                }
            }
            Change::PointCreated { kind, .. } => {
                self.reached.insert(Goal::Point(kind));
            }
            Change::VmCreated { vm } => {
                let made = step.after.copies.get(&(event.host, vm));
                if made.is_some_and(|it| it.vm.mode == ReplicationMode::TestReplica) {
                    self.reached.insert(Goal::Failover(Failover::Test));
                }
            }
            Change::State { id, mode, from, to, by, .. } => {
                let side = Side::of(mode, id.leg, to);
                self.reached.extend(way_on(side, from, to, by).map(Goal::Failover));
                let key = (event.host, id.vm);
                let copy = step.after.copies.get(&key);
                if let Some(copy) = copy.filter(|_| to == ReplicationState::Recovered) {
                    let latest = memory.to_latest.contains(&key);
                    self.reached.extend(ways_in(copy, latest).map(Goal::Failover));
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
