//! Failing over, back, for a test, and what follows.

use super::relationship::{
    NO_CERTIFICATE, OLDER_WINDOWS, PEER_REFUSES, PORT_VALID, SETTINGS_COMPLETE, SETTINGS_VALID,
};
use super::{
    DISK_FULL, DISK_MISSING, RELATIONSHIP_KNOWN, Require, Rule, SINCE_2012_R2, Target, UNLOCKED,
    fact, late, need, page, plan,
};
use crate::evidence::Evidence;
use crate::model::{ErrorCode, JobType, Operation, Power, ReplicationMode, ReplicationState};
use crate::rules::{Check, Fact, Late, Pace};
use crate::set;
use ErrorCode::{Failed, InvalidParameter, InvalidState, NotSupported};
use Evidence::{Assumed, Client, Documented, Observed};

const RECEIVER_MODE: Check = Check::Mode(set!(ReplicationMode: Replica | ExtendedReplica));
const OFF: Check = Check::Power(set!(Power: Off));
const POINT_KNOWN: Require = fact(Fact::PointKnown, InvalidParameter, Documented(page::FAILOVER));
const HAS_REPLICATED: Require =
    fact(Fact::HasReplicated, InvalidState, Client(page::START_FAILOVER));

/// A point that a disk has outlived.
const SHRUNK: Late = late(
    Failed,
    "a disk became smaller after the recovery point was taken",
    Documented(page::BLOG_RESIZE),
);

/// A point behind a damaged undo log. Since Windows Server 2012 R2 the disks are at the latest
/// state, and undo logs lead back from it, from the newest point to the oldest.
const UNDO_LOG_DAMAGED: Late = late(
    Failed,
    "an undo log on the way to the recovery point is damaged",
    Documented(page::BLOG_HISTORY),
);

/// A point above a damaged snapshot. On Windows Server 2012 the disks are a chain of snapshots.
const SNAPSHOT_DAMAGED: Late = late(
    Failed,
    "a snapshot that the recovery point builds on is damaged",
    Documented(page::BLOG_HISTORY),
);

/// The latest state is the end of that chain.
const LATEST_DAMAGED: Late = late(
    Failed,
    "a snapshot that the latest state builds on is damaged",
    Assumed(
        "later points are lost with a snapshot, and the latest state is later than all of them",
    ),
);

/// A log that was received and is not on the disks.
const NOT_APPLIED: Late = late(
    Failed,
    "the replica could not apply the change log",
    Assumed(
        "the latest state is made of everything that was received; what cannot be applied fails",
    ),
);

/// What keeps a replica from coming to a point, or to its latest state.
const RECOVERS: &[Late] = &[
    DISK_FULL,
    DISK_MISSING,
    SHRUNK,
    UNDO_LOG_DAMAGED,
    SNAPSHOT_DAMAGED,
    LATEST_DAMAGED,
    NOT_APPLIED,
];

pub(super) const INITIATE: Rule = Rule {
    operation: Operation::InitiateFailover,
    target: Target::Primary,
    requires: &[
        POINT_KNOWN,
        need(
            RECEIVER_MODE,
            InvalidState,
            "only a replica is failed over; a primary is prepared instead",
            Documented(page::START_FAILOVER),
        ),
        need(
            Check::State(
                set!(ReplicationState: Replicating | Resynchronizing | DiskUpdateInProgress),
            ),
            InvalidState,
            "the replica must be replicating, resynchronising or updating its disks; resume a paused one first, revert a failed-over one",
            Assumed(
                "clients resume a paused replica before they fail it over; whether they must, nobody says",
            ),
        ),
        need(OFF, InvalidState, "the replica must be off", Client(page::START_FAILOVER)),
        HAS_REPLICATED,
        UNLOCKED,
    ],
    plans: &[plan(JobType::InitiateFailover, &[Pace::Undo, Pace::Checkpoint])
        .during(ReplicationState::FailoverInProgress)
        .cancellable()],
    effect: "The replica is failed over (5) to the chosen point and may be started; it takes no more logs. Nothing is started, and the primary is not told.",
    evidence: Documented(page::LEARN_FAILOVER),
    late: RECOVERS,
};

pub(super) const REVERT: Rule = Rule {
    operation: Operation::RevertFailover,
    target: Target::FailingOver,
    requires: &[
        need(
            Check::Mode(set!(ReplicationMode: Primary | Replica | ExtendedReplica)),
            InvalidState,
            "the virtual machine must be replicated",
            Client(page::STOP_FAILOVER),
        ),
        need(
            Check::SenderState(set!(ReplicationState: Synced)),
            InvalidState,
            "a sender must be prepared for a planned failover",
            Client(page::STOP_FAILOVER),
        ),
        need(
            Check::ReceiverState(set!(ReplicationState: Recovered | FailoverInProgress)),
            InvalidState,
            "a replica must be failed over and not committed, or about to be",
            Client(page::STOP_FAILOVER),
        ),
        need(OFF, InvalidState, "the virtual machine must be off", Documented(page::STOP_FAILOVER)),
        UNLOCKED,
    ],
    plans: &[
        plan(JobType::CancelSyncedReplication, &[Pace::Local]).when(&[Check::Holds(Fact::Sends)]),
        plan(JobType::RevertFailover, &[Pace::Merge]),
    ],
    effect: "The replica discards what it wrote since the failover and replicates again (3). A prepared sender replicates again (3), and a primary may start.",
    evidence: Documented(page::STOP_FAILOVER),
    late: &[DISK_FULL, DISK_MISSING],
};

pub(super) const COMMIT: Rule = Rule {
    operation: Operation::CommitFailover,
    target: Target::Primary,
    requires: &[
        need(
            RECEIVER_MODE,
            InvalidState,
            "only a replica's failover is committed",
            Documented(page::COMMIT),
        ),
        need(
            Check::State(set!(ReplicationState: Recovered)),
            InvalidState,
            "the replica must be failed over and not committed",
            Documented(page::COMMIT),
        ),
        UNLOCKED,
    ],
    plans: &[plan(JobType::CommitFailover, &[Pace::Merge])],
    effect: "The failover is final (6): every recovery point is gone and it cannot be reverted.",
    evidence: Documented(page::COMMIT),
    late: &[DISK_FULL, DISK_MISSING],
};

pub(super) const TEST: Rule = Rule {
    operation: Operation::TestReplicaSystem,
    target: Target::Primary,
    requires: &[
        POINT_KNOWN,
        need(
            RECEIVER_MODE,
            InvalidState,
            "only a replica has test replicas",
            Client(page::START_FAILOVER),
        ),
        need(
            Check::State(set!(ReplicationState: Replicating | Suspended)),
            InvalidState,
            "the replica must be replicating or paused",
            Client(page::START_FAILOVER),
        ),
        need(OFF, InvalidState, "the replica must be off", Client(page::START_FAILOVER)),
        fact(
            Fact::HasReplicated,
            InvalidState,
            Assumed("as for a failover: before the first replication there is nothing to test"),
        ),
        fact(Fact::NoTestReplica, InvalidState, Documented(page::LEARN_FAILOVER)),
        UNLOCKED,
    ],
    plans: &[plan(JobType::InitiateTestReplica, &[Pace::Undo, Pace::Checkpoint]).cancellable()],
    effect: "A virtual machine “<name> - Test” appears on the replica's host, off and without network; replication goes on.",
    evidence: Documented(page::LEARN_FAILOVER),
    late: RECOVERS,
};

pub(super) const REVERSE: Rule = Rule {
    operation: Operation::ReverseReplicationRelationship,
    target: Target::Primary,
    requires: &[
        SETTINGS_VALID,
        SETTINGS_COMPLETE,
        PORT_VALID,
        fact(
            Fact::OtherHost,
            InvalidParameter,
            Assumed("a replica has its primary's GUID, which is unique on a host"),
        ),
        fact(Fact::DisksKnown, InvalidParameter, Assumed("as for a new relationship")),
        fact(Fact::ProviderKnown, NotSupported, Assumed("as for a new relationship")),
        need(
            RECEIVER_MODE,
            InvalidState,
            "only a replica can be reversed",
            Documented(page::REVERSE),
        ),
        need(
            Check::State(set!(ReplicationState: Recovered | Committed)),
            InvalidState,
            "the replica must be failed over",
            Documented(page::REVERSE),
        ),
        UNLOCKED,
    ],
    plans: &[plan(JobType::ReverseReplication, &[Pace::Contact, Pace::Merge])],
    effect: "The failover is committed and the roles are swapped. If the old primary was prepared (4) both sides replicate (3); if it was marked as a replica (2) the new primary is ready (1) for initial replication.",
    evidence: Observed(page::SCRIPTS),
    late: &[
        PEER_REFUSES,
        OLDER_WINDOWS,
        NO_CERTIFICATE,
        late(
            Failed,
            "the old primary is neither prepared for a planned failover nor marked as a replica",
            Assumed("the page makes the mark a step before the reversal"),
        ),
        DISK_FULL,
        DISK_MISSING,
    ],
};

pub(super) const CHANGE_MODE: Rule = Rule {
    operation: Operation::ChangeReplicationModeToPrimary,
    target: Target::Primary,
    requires: &[
        SINCE_2012_R2,
        RELATIONSHIP_KNOWN,
        fact(
            Fact::RelationshipIsExtended,
            InvalidParameter,
            Documented(page::win32!("changereplicationmodetoprimary-msvm-replicationservice")),
        ),
        need(
            Check::Mode(set!(ReplicationMode: Replica)),
            InvalidState,
            "only a replica becomes the primary of its extended replica",
            Documented(page::win32!("changereplicationmodetoprimary-msvm-replicationservice")),
        ),
        need(
            Check::State(set!(ReplicationState: Committed)),
            InvalidState,
            "the failover must be committed",
            Documented(page::win32!("changereplicationmodetoprimary-msvm-replicationservice")),
        ),
        fact(
            Fact::Extended,
            InvalidState,
            Assumed("without an extended relationship there is nothing to be the primary of"),
        ),
        UNLOCKED,
    ],
    plans: &[plan(JobType::ChangeModeToPrimary, &[Pace::Attach])],
    effect: "The replica is the primary of its former extended replica; its former primary is left out. If it wrote since the failover, the leg needs a resynchronisation (9).",
    evidence: Documented(page::win32!("changereplicationmodetoprimary-msvm-replicationservice")),
    late: &[
        late(
            Failed,
            "the other host cannot be reached or refuses",
            Assumed("the extended replica is told that it has another primary"),
        ),
        DISK_FULL,
        DISK_MISSING,
    ],
};

pub(super) const FAILBACK: Rule = Rule {
    operation: Operation::InitiateFailback,
    target: Target::Primary,
    requires: &[
        SINCE_2012_R2,
        SETTINGS_VALID,
        SETTINGS_COMPLETE,
        PORT_VALID,
        fact(Fact::ExternalProvider, NotSupported, Documented(page::FAILBACK)),
        need(
            Check::Mode(set!(ReplicationMode: Replica)),
            InvalidState,
            "only a recovery virtual machine fails back",
            Documented(page::FAILBACK),
        ),
        need(
            Check::State(set!(ReplicationState: Recovered | Committed)),
            InvalidState,
            "the virtual machine must be failed over",
            Assumed("the page speaks of a recovery virtual machine, which runs after a failover"),
        ),
        UNLOCKED,
    ],
    plans: &[plan(JobType::InitiateFailback, &[Pace::Contact, Pace::Compare])
        .during(ReplicationState::FailbackInProgress)],
    effect: "The external provider resynchronises backwards, from the new primary (13), until failback is complete (14).",
    evidence: Documented(page::FAILBACK),
    late: &[PEER_REFUSES, DISK_FULL, DISK_MISSING],
};
