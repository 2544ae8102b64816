//! What makes a relationship unhealthy: the conditions, how bad each is, and how we know.

use super::Evidence;
use super::page;
use crate::model::{MessageId, ReplicationHealth, ReplicationState, Set};
use crate::set;
use Evidence::{Assumed, Documented};
use ReplicationHealth::{Critical, Warning};

/// A condition that one side of a relationship shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Symptom {
    /// Either side is in one of these states.
    State(Set<ReplicationState>),
    /// The sending side is in one of these states.
    SenderState(Set<ReplicationState>),
    /// The receiving side is in one of these states.
    ReceiverState(Set<ReplicationState>),
    /// More than [`MISSED_PERCENT`](super::constants::MISSED_PERCENT) of the cycles in the
    /// monitoring window were missed.
    CyclesMissed,
    /// The last log is older than [`LAG`](super::constants::LAG).
    Behind,
    /// A cycle takes more than [`LATENCY`](super::constants::LATENCY) on average.
    Slow,
}

/// A rule of health. The health of a relationship is the worst that a rule gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HealthRule {
    /// The message of the issue.
    pub message: MessageId,
    /// When the rule speaks.
    pub when: Symptom,
    /// The health it gives.
    pub health: ReplicationHealth,
    /// The issue, behind “Replication of virtual machine 'web'”.
    pub says: &'static str,
    /// What to do.
    pub action: &'static str,
    /// How it is known.
    pub evidence: Evidence,
}

/// Every rule, the worst first.
pub static HEALTH: &[HealthRule] = &[
    rule(
        MessageId::InError,
        Symptom::State(set!(ReplicationState: Critical)),
        Critical,
        "is in error",
        "Correct the error and resume replication.",
        Documented(page::BLOG_STATISTICS),
    ),
    rule(
        MessageId::ResynchronizationNeeded,
        Symptom::State(set!(ReplicationState: WaitingForResynchronization)),
        Critical,
        "needs a resynchronisation",
        "Resynchronise.",
        Documented(page::BLOG_RESYNC),
    ),
    rule(
        MessageId::Resynchronizing,
        Symptom::State(set!(ReplicationState: Resynchronizing | ResynchronizationSuspended)),
        Critical,
        "is being resynchronised",
        "Wait for the resynchronisation, or resume it if it is paused.",
        Assumed("what needed the resynchronisation is not repaired before its end"),
    ),
    rule(
        MessageId::DiskUpdateFailed,
        Symptom::State(set!(ReplicationState: DiskUpdateCritical)),
        Critical,
        "could not change its set of disks",
        "Resume the change, or resynchronise.",
        Assumed("the state is called critical"),
    ),
    rule(
        MessageId::PausedOnReplica,
        Symptom::ReceiverState(set!(ReplicationState: Suspended)),
        Critical,
        "is paused on the replica",
        "Resume replication on the replica.",
        Documented(page::BLOG_HEALTH),
    ),
    rule(
        MessageId::PausedOnPrimary,
        Symptom::SenderState(set!(ReplicationState: Suspended)),
        Warning,
        "is paused on the primary",
        "Resume replication on the primary.",
        Documented(page::BLOG_HEALTH),
    ),
    rule(
        MessageId::InitialReplicationIncomplete,
        Symptom::State(set!(ReplicationState: Ready | WaitingForInitialReplication)),
        Warning,
        "has not completed initial replication",
        "Start initial replication, wait for it, or import it.",
        Documented(page::BLOG_HEALTH),
    ),
    rule(
        MessageId::FailedOver,
        Symptom::State(set!(ReplicationState: Recovered | Committed)),
        Warning,
        "is failed over and not reversed",
        "Reverse replication, or revert the failover.",
        Documented(page::BLOG_HEALTH),
    ),
    rule(
        MessageId::FailingOver,
        Symptom::State(set!(ReplicationState:
            FailoverInProgress | FailbackInProgress | FailbackComplete)),
        Warning,
        "is in a failover or a failback that is not concluded",
        "Wait for it to end, and conclude it.",
        Assumed("as after a failover: nothing is replicated before it is concluded"),
    ),
    rule(
        MessageId::RoleChanging,
        Symptom::State(set!(ReplicationState: RepurposeInProgress)),
        Warning,
        "waits for the old primary to become a replica",
        "Wait for the change to end.",
        Assumed("nothing is replicated before the change ends"),
    ),
    rule(
        MessageId::CyclesMissed,
        Symptom::CyclesMissed,
        Warning,
        "has missed more than 20 percent of its cycles",
        "Check the network, the storage and the load of both hosts.",
        Documented(page::BLOG_HEALTH),
    ),
    rule(
        MessageId::BehindPrimary,
        Symptom::Behind,
        Warning,
        "is behind its primary by more than an hour",
        "Check that the primary runs and reaches the replica.",
        Documented(page::BLOG_HEALTH),
    ),
    rule(
        MessageId::LatencyHigh,
        Symptom::Slow,
        Warning,
        "takes more than five minutes for a cycle on average",
        "Check the bandwidth between both hosts.",
        Documented(page::BLOG_HEALTH),
    ),
];

const fn rule(
    message: MessageId,
    when: Symptom,
    health: ReplicationHealth,
    says: &'static str,
    action: &'static str,
    evidence: Evidence,
) -> HealthRule {
    HealthRule { message, when, health, says, action, evidence }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever wants to know how bad it is stops at the first rule that speaks.
    #[test]
    fn the_worst_comes_first() {
        assert!(HEALTH.iter().rev().is_sorted_by_key(|it| it.health));
    }
}
