//! `RequestReplicationStateChangeEx`, one rule for each state that may be requested.

use super::{
    DISK_FULL, DISK_MISSING, RELATIONSHIP_KNOWN, Require, Rule, Target, UNLOCKED, fact, need, page,
    plan,
};
use crate::evidence::Evidence;
use crate::model::{
    ErrorCode, JobType, Operation, Power, ReplicationMode, ReplicationState, WindowsBuild,
};
use crate::rules::book::relationship::PEER_REFUSES;
use crate::rules::{Check, Fact, Pace};
use crate::set;
use ErrorCode::{InvalidParameter, InvalidState};
use Evidence::{Assumed, Client, Documented};

const REPLICATED: Check = Check::Mode(set!(ReplicationMode: Primary | Replica | ExtendedReplica));
const SENDS: Require = fact(Fact::Sends, InvalidState, Client(page::STOP_INITIAL));

pub(super) const CANCEL_INITIAL: Rule = Rule {
    operation: Operation::CancelInitialReplication,
    target: Target::Named,
    requires: &[
        RELATIONSHIP_KNOWN,
        SENDS,
        need(
            Check::State(
                set!(ReplicationState: WaitingForInitialReplication | Suspended | Critical),
            ),
            InvalidState,
            "initial replication must be running, paused or in error",
            Client(page::STOP_INITIAL),
        ),
        fact(Fact::InitialIncomplete, InvalidState, Documented(page::STOP_INITIAL)),
        UNLOCKED,
    ],
    plans: &[plan(JobType::StopInitialReplication, &[Pace::Local]).during(ReplicationState::Ready)],
    effect: "Initial replication ends; the sender is ready (1) to start it anew, the replica keeps waiting (2).",
    evidence: Documented(page::STOP_INITIAL),
    late: &[],
};

pub(super) const BECOME_REPLICA: Rule = Rule {
    operation: Operation::BecomeReplica,
    target: Target::Named,
    requires: &[
        RELATIONSHIP_KNOWN,
        fact(
            Fact::RelationshipIsPrimary,
            InvalidParameter,
            Assumed("an extended relationship sends; its virtual machine is a replica already"),
        ),
        need(
            Check::Mode(set!(ReplicationMode: None | Primary)),
            InvalidState,
            "the virtual machine must be unreplicated or an old primary",
            Assumed(
                "clients also ask a replica for it, to give a change of its disks up; what that does, nobody says",
            ),
        ),
        need(
            Check::State(
                set!(ReplicationState: Disabled | Replicating | Critical | WaitingForResynchronization),
            ),
            InvalidState,
            "an old primary must be in error, in need of a resynchronisation, or replicating",
            Assumed(
                "scripts do it in 8 and 9; that it is refused in other states but this one nobody has seen",
            ),
        ),
        need(
            Check::Power(set!(Power: Off)),
            InvalidState,
            "the virtual machine must be off",
            Assumed(
                "scripts turn it off and delete its saved state first; nobody has seen a refusal",
            ),
        ),
        UNLOCKED,
    ],
    plans: &[
        plan(JobType::ReplicationStateChange, &[Pace::Local])
            .when(&[
                Check::Mode(set!(ReplicationMode: Primary)),
                // The state came with Windows 10, version 1703.
                Check::Since(WindowsBuild::Server2019),
            ])
            .during(ReplicationState::RepurposeInProgress),
        plan(JobType::ReplicationStateChange, &[Pace::Local])
            .when(&[Check::Mode(set!(ReplicationMode: Primary))])
            .during(ReplicationState::WaitingForInitialReplication),
        plan(JobType::ReplicationStateChange, &[Pace::Local]),
    ],
    effect: "The virtual machine is a replica that waits for its primary (2).",
    evidence: Documented(page::LEARN_FAILOVER),
    late: &[],
};

pub(super) const RESUME: Rule = Rule {
    operation: Operation::ResumeReplication,
    target: Target::Named,
    requires: &[
        RELATIONSHIP_KNOWN,
        need(
            REPLICATED,
            InvalidState,
            "the virtual machine must be replicated",
            Client(page::RESUME),
        ),
        need(
            Check::SenderState(set!(ReplicationState:
                Suspended | Critical | ResynchronizationSuspended | DiskUpdateCritical)),
            InvalidState,
            "the sender must be paused or in error; a needed resynchronisation is started with Resynchronize",
            Assumed(
                "the cmdlet resumes what needs a resynchronisation, too; its own switch calls Resynchronize for it",
            ),
        ),
        need(
            Check::ReceiverState(set!(ReplicationState:
                Suspended | Critical | Resynchronizing | ResynchronizationSuspended)),
            InvalidState,
            "the replica must be paused, in error, or resynchronising",
            Client(page::START_FAILOVER),
        ),
        UNLOCKED,
    ],
    plans: &[
        plan(JobType::ReplicationStateChange, &[Pace::Local]).during(ReplicationState::Replicating)
    ],
    effect: "Replication goes on (3) with what it was interrupted in: 2 in initial replication, 10 in a resynchronisation. On a replica it takes a mirrored resynchronisation back, unless the replica has paused it itself; a failed change of the set of disks is given up.",
    evidence: Documented(page::RESUME),
    late: &[],
};

pub(super) const PREPARE: Rule = Rule {
    operation: Operation::PrepareFailover,
    target: Target::Named,
    requires: &[
        RELATIONSHIP_KNOWN,
        fact(Fact::Sends, InvalidState, Client(page::START_FAILOVER)),
        need(
            Check::State(set!(ReplicationState: Replicating)),
            InvalidState,
            "the sender must be replicating",
            Client(page::START_FAILOVER),
        ),
        need(
            Check::Power(set!(Power: Off)),
            InvalidState,
            "the virtual machine must be off",
            Documented(page::START_FAILOVER),
        ),
        UNLOCKED,
    ],
    plans: &[plan(JobType::InitiateSyncedReplication, &[Pace::Contact, Pace::Flush])
        .during(ReplicationState::Synced)],
    effect: "The last changes are sent; the primary is prepared (4) and locked from starting.",
    evidence: Documented(page::BLOG_HEALTH),
    late: &[PEER_REFUSES],
};

pub(super) const SUSPEND: Rule = Rule {
    operation: Operation::SuspendReplication,
    target: Target::Named,
    requires: &[
        RELATIONSHIP_KNOWN,
        need(
            REPLICATED,
            InvalidState,
            "the virtual machine must be replicated",
            Client(page::SUSPEND),
        ),
        need(
            Check::State(set!(ReplicationState:
                WaitingForInitialReplication | Replicating | Resynchronizing)),
            InvalidState,
            "the relationship must be in initial replication, replicating or resynchronising",
            Client(page::SUSPEND),
        ),
        fact(
            Fact::NotMerging,
            InvalidState,
            Assumed("a merge can be neither cancelled nor halted"),
        ),
        UNLOCKED,
    ],
    plans: &[
        plan(JobType::ReplicationStateChange, &[Pace::Local]).during(ReplicationState::Suspended)
    ],
    effect: "Replication is paused (7; 11 in a resynchronisation). A paused sender goes on logging; a paused replica takes no logs, and lets no comparison end.",
    evidence: Documented(page::BLOG_HEALTH),
    late: &[],
};

pub(super) const CANCEL_RESYNC: Rule = Rule {
    operation: Operation::CancelResynchronization,
    target: Target::Named,
    requires: &[
        RELATIONSHIP_KNOWN,
        SENDS,
        need(
            Check::State(set!(ReplicationState: Resynchronizing | ResynchronizationSuspended)),
            InvalidState,
            "a resynchronisation must be running or paused",
            Client(page::cmdlet!("stop-vmreplication")),
        ),
        fact(
            Fact::NotMerging,
            InvalidState,
            Assumed(
                "half of a merge cannot be taken back; the blog rules it out for what is merged",
            ),
        ),
        UNLOCKED,
    ],
    plans: &[plan(JobType::StopResynchronizing, &[Pace::Local])
        .during(ReplicationState::WaitingForResynchronization)],
    effect: "The resynchronisation ends without result; the sender waits (9) for another from the start.",
    evidence: Documented(page::BLOG_RESYNC),
    late: &[],
};

pub(super) const RESUME_DISK_UPDATE: Rule = Rule {
    operation: Operation::ResumeDiskUpdate,
    target: Target::Named,
    requires: &[
        need(
            Check::Since(WindowsBuild::Server2016),
            InvalidParameter,
            "the state 15 exists since Windows Server 2016",
            Assumed("the value map does not list 15; a client sends it since Windows Server 2016"),
        ),
        RELATIONSHIP_KNOWN,
        fact(Fact::Sends, InvalidState, Client(page::RESUME)),
        need(
            Check::State(set!(ReplicationState: DiskUpdateCritical)),
            InvalidState,
            "a change of the disk set must have failed",
            Client(page::RESUME),
        ),
        UNLOCKED,
    ],
    plans: &[plan(JobType::UpdateDiskSet, &[Pace::Contact, Pace::Copy])
        .during(ReplicationState::DiskUpdateInProgress)
        .cancellable()],
    effect: "The change of the disk set is tried again (15), then the sender replicates (3).",
    evidence: Client(page::RESUME),
    late: &[PEER_REFUSES, DISK_FULL, DISK_MISSING],
};

pub(super) const UNDOCUMENTED: Rule = Rule {
    operation: Operation::RequestUndocumentedState,
    target: Target::Named,
    requires: &[fact(Fact::RequestedStateKnown, InvalidParameter, Documented(page::STATE_CHANGE))],
    plans: &[],
    effect: "Never accepted.",
    evidence: Documented(page::STATE_CHANGE),
    late: &[],
};
