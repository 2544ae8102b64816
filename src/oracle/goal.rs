//! What a collection of runs should reach, sometimes.

use super::Invariant;
use crate::model::{
    ErrorCode, JobState, JobType, Operation, RecoveryPointKind, ReplicationHealth, ReplicationMode,
    ReplicationState, Set,
};
use crate::rules::{Check, RULES, Side};
use crate::set;
use std::collections::BTreeSet;
use std::fmt;

/// Something that a collection of runs should reach at least once.
///
/// An invariant that holds because nothing ever happened proves nothing; goals say what has to
/// happen. [`Goal::all`] is derived from the vocabulary and the rule book.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Goal {
    /// A virtual machine had this role.
    Role(ReplicationMode),
    /// This end of a relationship showed this state.
    State(Side, ReplicationState),
    /// This end of a relationship had this health.
    Health(Side, ReplicationHealth),
    /// A job was in this state.
    JobState(JobState),
    /// A job of this type was started.
    JobType(JobType),
    /// A call was accepted, or for what Windows does not implement, answered with 1.
    Answered(Operation),
    /// A call was refused with this code.
    Refused(ErrorCode),
    /// A job failed with this code.
    JobFailed(ErrorCode),
    /// A recovery point of this kind was made.
    Point(RecoveryPointKind),
    /// A failover went this way.
    Failover(Failover),
    /// An invariant had something to judge.
    Judged(Invariant),
}

/// A way into a failover, out of it, or on from it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Failover {
    /// To the last log of a planned failover.
    Planned,
    /// To the latest state, unplanned.
    Latest,
    /// Back to a recovery point.
    ToPoint,
    /// Of an extended replica.
    OfExtendedReplica,
    /// Out of a resynchronisation, which it ends.
    EndingResynchronization,
    /// For a test.
    Test,
    /// The preparation of a planned failover was taken back.
    PreparationCancelled,
    /// The replica was taken back.
    Reverted,
    /// It was made final.
    Committed,
    /// The roles were swapped and both sides replicated at once.
    Reversed,
    /// The roles were swapped and initial replication was needed.
    ReversedToReady,
    /// The replica became the primary of its extended replica.
    TookOver,
    /// Both copies ran.
    SplitBrain,
}

impl Failover {
    /// Every way.
    pub const ALL: &'static [Self] = &[
        Self::Planned,
        Self::Latest,
        Self::ToPoint,
        Self::OfExtendedReplica,
        Self::EndingResynchronization,
        Self::Test,
        Self::PreparationCancelled,
        Self::Reverted,
        Self::Committed,
        Self::Reversed,
        Self::ReversedToReady,
        Self::TookOver,
        Self::SplitBrain,
    ];
}

/// The states that an end of a relationship may show.
///
/// Up to 11 the roles are those of
/// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>;
/// the others are told by their names and by what clients make of them.
pub const fn shows(side: Side) -> Set<ReplicationState> {
    match side {
        Side::Neither => set!(ReplicationState: Disabled),
        Side::Sender => set!(ReplicationState:
            Ready | WaitingForInitialReplication | Replicating | Synced | Suspended | Critical
            | WaitingForResynchronization | Resynchronizing | ResynchronizationSuspended
            | DiskUpdateInProgress | DiskUpdateCritical | RepurposeInProgress),
        Side::Receiver => set!(ReplicationState:
            WaitingForInitialReplication | Replicating | Recovered | Committed | Suspended
            | Critical | Resynchronizing | ResynchronizationSuspended | FailoverInProgress
            | FailbackInProgress | FailbackComplete | DiskUpdateInProgress | DiskUpdateCritical
            | RepurposeInProgress),
    }
}

impl Goal {
    /// How many bits there are.
    pub(super) const BITS: usize = Self::JUDGED + 64;

    /// The first of the invariants' bits, which fill a word.
    pub(super) const JUDGED: usize = 320;

    /// A bit of its own, for those that are reached again and again.
    pub(super) const fn bit(self) -> Option<usize> {
        Some(match self {
            Self::Role(mode) => mode as usize,
            Self::State(side, state) => 8 + 24 * side as usize + state as usize,
            Self::Health(side, health) => 80 + 4 * side as usize + health as usize,
            Self::Judged(it) => Self::JUDGED + it as usize,
            // The last one's number is far from the others', and of theirs none is 0.
            Self::JobState(state) => 92 + (state as usize & 0xF),
            Self::Point(kind) => 108 + kind as usize,
            Self::Failover(way) => 112 + way as usize,
            Self::JobType(it) => 128 + it as usize,
            Self::Answered(operation) => 256 + operation.index(),
            Self::Refused(_) | Self::JobFailed(_) => return None,
        })
    }

    /// Every goal, each once, in order.
    pub fn all() -> BTreeSet<Self> {
        use ReplicationHealth::{Critical, NotApplicable, Ok, Warning};
        let mut all = BTreeSet::new();
        all.extend(ReplicationMode::ALL.iter().map(|it| Self::Role(*it)));
        for side in [Side::Sender, Side::Receiver, Side::Neither] {
            all.extend(shows(side).iter().map(|it| Self::State(side, it)));
        }
        for side in [Side::Sender, Side::Receiver] {
            all.extend([Ok, Warning, Critical].map(|it| Self::Health(side, it)));
        }
        all.insert(Self::Health(Side::Neither, NotApplicable));
        let shown = JobState::ALL.iter().filter(|it| it.is_shown());
        all.extend(shown.map(|it| Self::JobState(*it)));
        // The disks on their way: a job that no call starts by itself.
        all.insert(Self::JobType(JobType::SendingInitialReplica));
        for rule in RULES {
            let jobs = rule.plans.iter().filter(|it| !it.at_once);
            all.extend(jobs.map(|it| Self::JobType(it.job_type)));
            all.extend(rule.requirements().map(|it| Self::Refused(it.otherwise)));
            all.extend(rule.late.iter().map(|it| Self::JobFailed(it.code)));
            if !never_accepted(rule.operation) {
                all.insert(Self::Answered(rule.operation));
            }
        }
        all.insert(Self::JobFailed(ErrorCode::InvalidState));
        all.extend(RecoveryPointKind::ALL.iter().map(|it| Self::Point(*it)));
        all.extend(Failover::ALL.iter().map(|it| Self::Failover(*it)));
        all.extend(Invariant::ALL.iter().map(|it| Self::Judged(*it)));
        all
    }
}

/// Whether an operation stands for what is outside a value map, so that nothing can be accepted.
fn never_accepted(operation: Operation) -> bool {
    use crate::rules::Fact::RequestedStateKnown;
    let unknown = |check| check == Check::Holds(RequestedStateKnown);
    crate::rules::rule(operation).requires.iter().any(|it| unknown(it.check))
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role(mode) => write!(f, "role {mode}"),
            Self::State(side, state) => write!(f, "{} in state {state}", side.label()),
            Self::Health(side, health) => write!(f, "{} with health {health}", side.label()),
            Self::JobState(state) => write!(f, "job {state}"),
            Self::JobType(it) => write!(f, "job of type {it}"),
            Self::Answered(operation) => write!(f, "{operation} answered"),
            Self::Refused(code) => write!(f, "call refused with {code}"),
            Self::JobFailed(code) => write!(f, "job failed with {code}"),
            Self::Point(kind) => write!(f, "recovery point {}", kind.name()),
            Self::Failover(way) => write!(f, "failover: {way:?}"),
            Self::Judged(it) => write!(f, "judged: {}", it.row().name),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::JobType;

    #[test]
    fn no_two_goals_have_the_same_bit() {
        let mut all = Goal::all();
        all.extend(JobState::ALL.iter().map(|it| Goal::JobState(*it)));
        all.extend(JobType::ALL.iter().map(|it| Goal::JobType(*it)));
        all.extend(Operation::ALL.iter().map(|it| Goal::Answered(*it)));
        for side in [Side::Sender, Side::Receiver, Side::Neither] {
            all.extend(ReplicationState::ALL.iter().map(|it| Goal::State(side, *it)));
            all.extend(ReplicationHealth::ALL.iter().map(|it| Goal::Health(side, *it)));
        }
        let bits: Vec<_> = all.iter().filter_map(|it| it.bit()).collect();
        assert!(bits.iter().all(|it| *it < Goal::BITS));
        assert_eq!(bits.iter().collect::<BTreeSet<_>>().len(), bits.len());
    }
}
