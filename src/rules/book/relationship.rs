//! Creating, changing, filling, repairing and ending a relationship.

use super::{
    DISK_FULL, DISK_MISSING, ENABLED_STATE, RELATIONSHIP_KNOWN, Require, Rule, Target, UNLOCKED,
    fact, late, need, page, plan,
};
use crate::evidence::Evidence;
use crate::model::{
    ErrorCode, JobType, Operation, Power, ReplicationMode, ReplicationState, WindowsBuild,
};
use crate::rules::{Check, Fact, Late, Pace};
use crate::set;
use ErrorCode::{Failed, FileNotFound, InvalidParameter, InvalidState, NotSupported};
use Evidence::{Assumed, Client, Documented, Observed};

pub(super) const SETTINGS_VALID: Require =
    fact(Fact::SettingsValid, InvalidParameter, Documented(page::SETTINGS));
pub(super) const SETTINGS_COMPLETE: Require =
    fact(Fact::SettingsComplete, InvalidParameter, Client(page::ENABLE));
pub(super) const PORT_VALID: Require = fact(
    Fact::PortValid,
    InvalidParameter,
    Assumed("0 is the default of the class, nothing listens there, and the cmdlet demands a port"),
);
const PROVIDER_KNOWN: Require = fact(
    Fact::ProviderKnown,
    NotSupported,
    Assumed(
        "another provider has to be installed; “not supported” is returned for calls that need one",
    ),
);
const DISKS_KNOWN: Require = fact(
    Fact::DisksKnown,
    InvalidParameter,
    Documented(
        "https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replica-troubleshooting-guide",
    ),
);
const FITS_CHAIN: Require = fact(Fact::FitsChain, InvalidParameter, Documented(page::BLOG_EXTEND));
const START_TIME: Require =
    fact(Fact::StartTimeInRange, InvalidParameter, Documented(page::START_INITIAL));
const OTHER_HOST: Require = fact(
    Fact::OtherHost,
    InvalidParameter,
    Assumed("a replica has its primary's GUID, which is unique on a host"),
);
const SENDER_MODE: Check = Check::Mode(set!(ReplicationMode: Primary | Replica));

/// Replication from newer to older.
pub(super) const OLDER_WINDOWS: Late = late(
    Failed,
    "the other host runs an older Windows, and replication goes from older to newer only",
    Assumed("Microsoft speaks of replication to the same or a newer Windows, never to an older"),
);

/// A certificate that cannot be presented, with certificate authentication.
pub(super) const NO_CERTIFICATE: Late = late(
    Failed,
    "the certificate of this host or of the other's listener is missing, has expired or is not fit for replication",
    Documented(page::SET_SERVER),
);

/// A peer that cannot be reached or refuses.
pub(super) const PEER_REFUSES: Late = late(
    Failed,
    "the other host cannot be reached or refuses: the job ends with 10 (exception)",
    Assumed("as was seen of a job that was to enable replication"),
);

/// Copies that cannot be compared block by block.
const OTHER_SIZES: Late =
    late(Failed, "the disks on both hosts are not of the same size", Documented(page::BLOG_RESYNC));

pub(super) const CREATE: Rule = Rule {
    operation: Operation::CreateReplicationRelationship,
    target: Target::Sending,
    requires: &[
        SETTINGS_VALID,
        SETTINGS_COMPLETE,
        PORT_VALID,
        OTHER_HOST,
        DISKS_KNOWN,
        FITS_CHAIN,
        PROVIDER_KNOWN,
        need(
            Check::SinceIf(WindowsBuild::Server2012R2, Fact::Extends),
            NotSupported,
            "replication can be extended since Windows Server 2012 R2",
            Documented(page::BLOG_2012_R2),
        ),
        need(
            Check::Mode(set!(ReplicationMode: None | Replica)),
            InvalidState,
            "the virtual machine must be unreplicated, or a replica that is to be extended",
            Documented(page::CREATE),
        ),
        need(
            Check::State(set!(ReplicationState: Disabled)),
            InvalidState,
            "the relationship must not exist yet",
            Client(page::ENABLE),
        ),
        UNLOCKED,
    ],
    plans: &[plan(JobType::CreateRelationship, &[Pace::Contact, Pace::Attach])],
    effect: "The sender becomes ready (1); the other host creates a replica with the same GUID, off, waiting for initial replication (2). No data moves. With an external provider no replica server is asked: the other host has the provider, too.",
    evidence: Documented(page::BLOG_HEALTH),
    late: &[
        Late { evidence: Observed(page::ENABLE_FAILED), ..PEER_REFUSES },
        OLDER_WINDOWS,
        NO_CERTIFICATE,
        late(
            Failed,
            "the other host cannot open its folder for new replicas",
            Assumed("adding an entry fails so; the disks of a new replica are made in that folder"),
        ),
        late(
            Failed,
            "the other host has a virtual machine with this GUID that is not marked as a replica, or is another host's",
            Assumed("only a marked virtual machine may be bound to"),
        ),
        DISK_FULL,
        DISK_MISSING,
    ],
};

/// A leg that would become slower than the one behind it.
const CHAIN_TOO_SLOW: Late = late(
    InvalidParameter,
    "the replica is extended, with cycles that may not be shorter than those before it",
    Assumed("an extended leg may not have shorter cycles when it is made; nor may it come to that"),
);

/// Another recovery server that the replica has not moved to.
const NO_REPLICA_THERE: Late = late(
    Failed,
    "the other host has no replica of this virtual machine",
    Assumed(
        "a cmdlet can name another server, and only creating a relationship makes a replica; so it is for a replica that has moved",
    ),
);

pub(super) const MODIFY: Rule = Rule {
    operation: Operation::ModifyReplicationSettings,
    target: Target::Sending,
    requires: &[
        SETTINGS_VALID,
        SETTINGS_COMPLETE,
        PORT_VALID,
        OTHER_HOST,
        DISKS_KNOWN,
        FITS_CHAIN,
        PROVIDER_KNOWN,
        need(
            Check::SinceIf(WindowsBuild::Server2016, Fact::DiskSetChanges),
            NotSupported,
            "the set of disks can be changed since Windows Server 2016",
            Assumed(
                "the type of the job that does it came with Windows 10; what came before it and how that was refused, no page says",
            ),
        ),
        need(
            SENDER_MODE,
            InvalidState,
            "only a sender's settings can be changed",
            Client(page::SET_REPLICATION),
        ),
        need(
            ENABLED_STATE,
            InvalidState,
            "the relationship must exist",
            Client(page::SET_REPLICATION),
        ),
        fact(
            Fact::DisksFree,
            InvalidState,
            Assumed(
                "a sender that replicates copies what is added; else a copy of all must be to come",
            ),
        ),
        UNLOCKED,
    ],
    plans: &[
        plan(JobType::UpdateDiskSet, &[Pace::Contact, Pace::Copy])
            .when(&[
                Check::Holds(Fact::DiskSetChanges),
                Check::State(set!(ReplicationState: Replicating)),
            ])
            .during(ReplicationState::DiskUpdateInProgress)
            .cancellable(),
        plan(JobType::ModifySettings, &[Pace::Contact]),
    ],
    effect: "The settings change on both sides; recovery points beyond a smaller RecoveryHistory are deleted. Added disks are copied first (15). If another recovery server is named, one that the replica was moved to, the sender goes on there.",
    evidence: Documented(page::SET_REPLICATION),
    late: &[PEER_REFUSES, NO_REPLICA_THERE, CHAIN_TOO_SLOW, DISK_FULL, DISK_MISSING],
};

pub(super) const REMOVE: Rule = Rule {
    operation: Operation::RemoveReplicationRelationship,
    target: Target::Named,
    requires: &[
        RELATIONSHIP_KNOWN,
        fact(Fact::ProviderLetsGo, NotSupported, Client(page::REMOVE_REPLICATION)),
        need(
            Check::Mode(set!(ReplicationMode: Primary | Replica | ExtendedReplica)),
            InvalidState,
            "the virtual machine must be replicated",
            Client(page::REMOVE_REPLICATION),
        ),
        need(
            ENABLED_STATE,
            InvalidState,
            "the relationship must exist",
            Client(page::REMOVE_REPLICATION),
        ),
        fact(Fact::NotExtended, InvalidState, Documented(page::REMOVE)),
        UNLOCKED,
    ],
    plans: &[plan(JobType::RemoveRelationship, &[Pace::Attach])],
    effect: "This side forgets the relationship (0). The virtual machine stays, and so does the other side, which is not told.",
    evidence: Documented(page::REMOVE_REPLICATION),
    late: &[DISK_FULL, DISK_MISSING],
};

pub(super) const START: Rule = Rule {
    operation: Operation::StartReplication,
    target: Target::Sending,
    requires: &[
        fact(Fact::InitialTypeKnown, InvalidParameter, Documented(page::START)),
        fact(Fact::LocationGiven, InvalidParameter, Documented(page::START)),
        START_TIME,
        need(
            SENDER_MODE,
            InvalidState,
            "only a primary, or a replica towards its extended replica, starts initial replication",
            Documented(page::START),
        ),
        need(
            Check::State(set!(ReplicationState: Ready)),
            InvalidState,
            "the relationship must be ready and initial replication not started",
            Client(page::START_INITIAL),
        ),
        fact(
            Fact::SourceComplete,
            InvalidState,
            Assumed("what is sent on is what was applied; before the first copy there is nothing"),
        ),
        fact(Fact::SeedThere, InvalidState, Documented(page::BLOG_SEED)),
        UNLOCKED,
    ],
    plans: &[
        plan(JobType::StartExportReplication, &[Pace::Checkpoint, Pace::Copy])
            .when(&[Check::Holds(Fact::IsExport)])
            .during(ReplicationState::WaitingForInitialReplication)
            .cancellable(),
        plan(JobType::StartSeededReplication, &[Pace::Checkpoint])
            .when(&[Check::Holds(Fact::IsSeeded)])
            .during(ReplicationState::WaitingForInitialReplication)
            .cancellable(),
        plan(JobType::StartInitialReplication, &[Pace::Checkpoint])
            .during(ReplicationState::WaitingForInitialReplication)
            .cancellable(),
    ],
    effect: "Initial replication runs (2) as a job of type 116 until both sides replicate (3). Guest writes are logged meanwhile.",
    evidence: Documented(page::LAB),
    late: &[DISK_FULL, DISK_MISSING],
};

pub(super) const IMPORT: Rule = Rule {
    operation: Operation::ImportInitialReplica,
    target: Target::Primary,
    requires: &[
        fact(
            Fact::LocationGiven,
            InvalidParameter,
            Documented(page::win32!("importinitialreplica-msvm-replicationservice")),
        ),
        need(
            Check::Mode(set!(ReplicationMode: Replica | ExtendedReplica)),
            InvalidState,
            "the virtual machine must be a replica",
            Client(page::IMPORT),
        ),
        need(
            Check::State(set!(ReplicationState: WaitingForInitialReplication)),
            InvalidState,
            "the replica must be waiting for its initial replica",
            Client(page::IMPORT),
        ),
        need(
            Check::Power(set!(Power: Off)),
            InvalidState,
            "the replica must be off",
            Assumed("a replica cannot be anything else; its disks are written"),
        ),
        UNLOCKED,
        fact(
            Fact::ExportFound,
            FileNotFound,
            Assumed("“file not found” is among the documented codes of the method"),
        ),
    ],
    plans: &[plan(JobType::ImportReplication, &[Pace::Copy, Pace::Merge])],
    effect: "The exported copy and the deltas received since are merged; the replica replicates (3).",
    evidence: Documented(page::BLOG_EXPORT),
    late: &[DISK_FULL, DISK_MISSING],
};

pub(super) const RESYNCHRONIZE: Rule = Rule {
    operation: Operation::Resynchronize,
    target: Target::Sending,
    requires: &[
        fact(Fact::StartTimeInRange, InvalidParameter, Documented(page::RESUME)),
        need(
            SENDER_MODE,
            InvalidState,
            "only a primary, or a replica towards its extended replica, resynchronises",
            Documented(page::win32!("resynchronize-msvm-replicationservice")),
        ),
        need(
            Check::State(set!(ReplicationState:
                Suspended | Critical | WaitingForResynchronization | ResynchronizationSuspended
                | DiskUpdateCritical)),
            InvalidState,
            "replication must be paused, in error, or waiting for a resynchronisation",
            Client(page::RESUME),
        ),
        fact(
            Fact::HasReplicated,
            InvalidState,
            Assumed("before the first replication there is nothing to compare with"),
        ),
        UNLOCKED,
    ],
    plans: &[
        plan(JobType::ResynchronizingExtended, &[Pace::Contact, Pace::Compare, Pace::Merge])
            .when(&[Check::Mode(set!(ReplicationMode: Replica))])
            .during(ReplicationState::Resynchronizing)
            .cancellable(),
        plan(JobType::Resynchronizing, &[Pace::Contact, Pace::Compare, Pace::Merge])
            .during(ReplicationState::Resynchronizing)
            .cancellable(),
    ],
    effect: "Both copies are compared and what differs is sent (10); then both sides replicate (3). Every recovery point is deleted. What a replica sends on needs a resynchronisation of its own then (9).",
    evidence: Documented(page::BLOG_RESYNC),
    late: &[PEER_REFUSES, OTHER_SIZES, DISK_FULL, DISK_MISSING],
};
