//! What a collection of runs should reach, sometimes.

use crate::model::{
    ErrorCode, JobState, JobType, Operation, RecoveryPointKind, ReplicationHealth, ReplicationMode,
    ReplicationState,
};
use crate::rules::{Check, RULES, Side};
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
pub const fn shows(side: Side) -> &'static [ReplicationState] {
    use ReplicationState as S;
    match side {
        Side::Neither => &[S::Disabled],
        Side::Sender => &[
            S::Ready,
            S::WaitingForInitialReplication,
            S::Replicating,
            S::Synced,
            S::Suspended,
            S::Critical,
            S::WaitingForResynchronization,
            S::Resynchronizing,
            S::ResynchronizationSuspended,
            S::DiskUpdateInProgress,
            S::DiskUpdateCritical,
            S::RepurposeInProgress,
        ],
        Side::Receiver => &[
            S::WaitingForInitialReplication,
            S::Replicating,
            S::Recovered,
            S::Committed,
            S::Suspended,
            S::Critical,
            S::Resynchronizing,
            S::ResynchronizationSuspended,
            S::FailoverInProgress,
            S::FailbackInProgress,
            S::FailbackComplete,
            S::DiskUpdateInProgress,
            S::DiskUpdateCritical,
            S::RepurposeInProgress,
        ],
    }
}

impl Goal {
    /// Every goal, each once, in order.
    pub fn all() -> BTreeSet<Self> {
        use ReplicationHealth::{Critical, NotApplicable, Ok, Warning};
        let mut all = BTreeSet::new();
        all.extend(ReplicationMode::ALL.iter().map(|it| Self::Role(*it)));
        for side in [Side::Sender, Side::Receiver, Side::Neither] {
            all.extend(shows(side).iter().map(|it| Self::State(side, *it)));
        }
        for side in [Side::Sender, Side::Receiver] {
            all.extend([Ok, Warning, Critical].map(|it| Self::Health(side, it)));
        }
        all.insert(Self::Health(Side::Neither, NotApplicable));
        let shown = JobState::ALL.iter().filter(|it| !never_shown(**it));
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
        all
    }
}

/// Whether no job is ever seen in this state: what [`JobState`] says of it.
const fn never_shown(state: JobState) -> bool {
    use JobState::{New, QueryPending, Service, ShuttingDown, Starting};
    matches!(state, New | Starting | ShuttingDown | Service | QueryPending)
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
        }
    }
}
