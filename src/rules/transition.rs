//! How a relationship's state may change: every transition, with its cause and its evidence.
//!
//! The engine does not read this table; it is what the engine is held to. Tests compare it with
//! every change that scenarios and searches bring about, both ways: no change that is not here,
//! nothing here that never happens. The state diagrams are drawn from it.

use super::page;
use crate::evidence::Evidence;
use crate::model::{Leg, Operation, ReplicationMode, ReplicationState};
use std::fmt;

/// Which end of a relationship, after the transition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The end that sends: a primary, or a replica towards its extended replica.
    Sender,
    /// The end that receives: a replica or an extended replica.
    Receiver,
    /// No end any more: the relationship was removed.
    Neither,
}

impl Side {
    /// The side in a word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
            Self::Neither => "none",
        }
    }

    /// The end that a relationship is for a virtual machine of this role, in this state.
    pub const fn of(mode: ReplicationMode, leg: Leg, state: ReplicationState) -> Self {
        match (mode, leg, state) {
            (_, _, Disabled) => Neither,
            (ReplicationMode::Primary, _, _) | (_, Leg::Extended, _) => Sender,
            _ => Receiver,
        }
    }
}

/// What made a relationship change its state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// A call, at its acceptance, in its job or at the job's end.
    Call(Operation),
    /// Something that no call on this virtual machine asked for.
    Happening(Happening),
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(operation) => operation.fmt(f),
            Self::Happening(happening) => f.write_str(happening.label()),
        }
    }
}

macro_rules! happenings {
    ($($(#[$meta:meta])* $variant:ident = $label:literal;)+) => {
        /// A thing that changes a state without a call on that virtual machine.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Happening {
            $($(#[$meta])* $variant,)+
        }

        impl Happening {
            /// Every happening.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The happening in a few words.
            pub const fn label(self) -> &'static str {
                match self { $(Self::$variant => $label,)+ }
            }
        }
    };
}

happenings! {
    /// The primary's host created the relationship.
    PrimaryEnrolled = "primary enrols";
    /// The disks arrived, or the import was noticed.
    InitialReplicationCompleted = "initial replication completes";
    /// A scheduled start came.
    ScheduleDue = "schedule is due";
    /// The receiver refused for good.
    SendRefused = "replica refuses";
    /// A log does not continue the copy, cannot be written or read, or outgrew its share of the disks.
    LogInvalid = "change log is unusable";
    /// The disks of a replica, which its extended leg sends on, were merged as a whole.
    SourceReplaced = "what it sends on is replaced";
    /// The sender began to compare.
    ResynchronizationStarted = "resynchronisation starts";
    /// The sender halted the comparison.
    ResynchronizationPaused = "resynchronisation is paused";
    /// The sender went on comparing.
    ResynchronizationResumed = "resynchronisation goes on";
    /// The comparison was merged.
    ResynchronizationCompleted = "resynchronisation completes";
    /// The sender, or the receiver, ended the comparison without result.
    ResynchronizationCancelled = "resynchronisation is cancelled";
    /// The receiver became the primary.
    RolesReversed = "replica reverses";
    /// Another host is the primary now.
    PrimaryChanged = "another host becomes primary";
    /// The sender began or ended a change of the set of disks.
    DisksChanging = "set of disks changes";
    /// A virtual hard disk of a replica is gone.
    DiskLost = "virtual hard disk is missing";
    /// The host was shut down.
    HostShutDown = "host shuts down";
    /// The host lost power.
    HostCrashed = "host crashes";
}

/// One way a relationship's state may change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// Which end, after the transition.
    pub side: Side,
    /// From.
    pub from: ReplicationState,
    /// To.
    pub to: ReplicationState,
    /// By what.
    pub by: Cause,
    /// How it is known.
    pub evidence: Evidence,
}

use Cause::{Call, Happening as Event};
use Evidence::{Assumed, Client, Documented, Observed};
use Happening as H;
use Operation as O;
use ReplicationState::{
    Committed, Critical, Disabled, DiskUpdateCritical, DiskUpdateInProgress, FailbackComplete,
    FailbackInProgress, FailoverInProgress, Ready, Recovered, Replicating, RepurposeInProgress,
    ResynchronizationSuspended, Resynchronizing, Suspended, Synced,
    WaitingForInitialReplication as Waiting, WaitingForResynchronization as NeedsResync,
};
use Side::{Neither, Receiver, Sender};

const fn t(
    side: Side,
    from: ReplicationState,
    by: Cause,
    to: ReplicationState,
    evidence: Evidence,
) -> Transition {
    Transition { side, from, to, by, evidence }
}

const SHOWN: Evidence = Documented(page::STATE_CHANGE_EX);
const MERGED: Evidence = Assumed(
    "an extended leg sends on the logs that its replica applies, and a merge is none of them",
);

/// The entry of the table that a change of state rests on, if there is one: the change itself, or
/// the edge that a call makes and that is taken back, because the operation fails, is cancelled or
/// loses its host.
pub fn transition(
    side: Side,
    from: ReplicationState,
    to: ReplicationState,
    by: Cause,
) -> Option<&'static Transition> {
    let listed = |from, to| {
        TRANSITIONS.iter().find(|t| (t.side, t.from, t.to, t.by) == (side, from, to, by))
    };
    listed(from, to).or_else(|| listed(to, from).filter(|_| matches!(by, Call(_))))
}

/// Whether the table permits a change of state.
///
/// Beside what [`transition`] finds, an extended relationship ends, whatever its state, when its
/// virtual machine becomes a primary, which has no place for it; one that becomes the primary of
/// its extended replica goes on in the state that leg was in.
pub fn permits(side: Side, from: ReplicationState, to: ReplicationState, by: Cause) -> bool {
    let takes_over = by == Call(O::ChangeReplicationModeToPrimary);
    let reverses = by == Call(O::ReverseReplicationRelationship);
    transition(side, from, to, by).is_some()
        || side == Neither && (takes_over || reverses)
        || from == Committed && takes_over
}

/// Every transition, but not those back of an operation that did not come to its end; see
/// [`permits`].
#[rustfmt::skip]
pub static TRANSITIONS: &[Transition] = &[
    // Beginning and end.
    t(Sender,   Disabled, Call(O::CreateReplicationRelationship), Ready, Documented(page::BLOG_HEALTH)),
    t(Receiver, Disabled, Event(H::PrimaryEnrolled), Waiting, Documented(page::BLOG_HEALTH)),
    t(Receiver, Disabled, Call(O::BecomeReplica), Waiting, Documented(page::BLOG_SEED)),
    t(Neither,  Ready, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  Waiting, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  Replicating, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  Synced, Call(O::RemoveReplicationRelationship), Disabled, Observed(page::LIS_TEST)),
    t(Neither,  Recovered, Call(O::RemoveReplicationRelationship), Disabled, Observed(page::LIS_TEST)),
    t(Neither,  Committed, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  Suspended, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  Critical, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  NeedsResync, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  Resynchronizing, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  ResynchronizationSuspended, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  DiskUpdateInProgress, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),
    t(Neither,  DiskUpdateCritical, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),

    // Initial replication.
    t(Sender,   Ready, Call(O::StartReplication), Waiting, Documented(page::LAB)),
    t(Sender,   Ready, Event(H::ScheduleDue), Waiting, Assumed("2 is defined as running; a scheduled start does not run yet")),
    t(Sender,   Waiting, Event(H::InitialReplicationCompleted), Replicating, Documented(page::LAB)),
    t(Receiver, Waiting, Event(H::InitialReplicationCompleted), Replicating, Documented(page::BLOG_HEALTH)),
    t(Receiver, Waiting, Call(O::ImportInitialReplica), Replicating, Documented(page::BLOG_EXPORT)),
    t(Sender,   Waiting, Call(O::CancelInitialReplication), Ready, Documented(page::STOP_INITIAL)),
    t(Sender,   Waiting, Call(O::StartReplication), Ready, Client(page::STOP_INITIAL)),
    t(Sender,   Suspended, Call(O::StartReplication), Ready, Client(page::STOP_INITIAL)),
    t(Sender,   Waiting, Call(O::StartReplication), Critical, Documented(page::AZURE)),
    t(Sender,   Suspended, Call(O::CancelInitialReplication), Ready, Client(page::STOP_INITIAL)),
    t(Sender,   Critical, Call(O::CancelInitialReplication), Ready, Client(page::STOP_INITIAL)),
    t(Sender,   Waiting, Event(H::SendRefused), Critical, Documented(page::AZURE)),
    t(Sender,   Waiting, Event(H::HostShutDown), Critical, Assumed("as for normal replication")),
    t(Sender,   Waiting, Event(H::HostCrashed), Critical, Assumed("the copy is interrupted; resuming starts it anew")),

    // Pause and resume.
    t(Sender,   Waiting, Call(O::SuspendReplication), Suspended, Client(page::SUSPEND)),
    t(Sender,   Replicating, Call(O::SuspendReplication), Suspended, Documented(page::BLOG_HEALTH)),
    t(Sender,   Resynchronizing, Call(O::SuspendReplication), Suspended, SHOWN),
    t(Sender,   Suspended, Call(O::SuspendReplication), ResynchronizationSuspended, Documented(page::BLOG_HEALTH)),
    t(Receiver, Waiting, Call(O::SuspendReplication), Suspended, Client(page::SUSPEND)),
    t(Receiver, Replicating, Call(O::SuspendReplication), Suspended, Documented(page::BLOG_HEALTH)),
    t(Receiver, Resynchronizing, Call(O::SuspendReplication), Suspended, SHOWN),
    t(Receiver, Suspended, Call(O::SuspendReplication), ResynchronizationSuspended, Client(page::SUSPEND)),
    t(Sender,   Suspended, Call(O::ResumeReplication), Replicating, Documented(page::RESUME)),
    t(Sender,   Critical, Call(O::ResumeReplication), Replicating, Documented(page::RESUME)),
    t(Sender,   ResynchronizationSuspended, Call(O::ResumeReplication), Replicating, SHOWN),
    t(Sender,   Replicating, Call(O::ResumeReplication), Waiting, Assumed("what was interrupted in initial replication goes on with it")),
    t(Sender,   Replicating, Call(O::ResumeReplication), Resynchronizing, Documented(page::BLOG_RESYNC)),
    t(Receiver, Suspended, Call(O::ResumeReplication), Replicating, Documented(page::RESUME)),
    t(Receiver, Replicating, Call(O::ResumeReplication), Waiting, Assumed("what was interrupted in initial replication goes on with it")),
    t(Receiver, Replicating, Call(O::ResumeReplication), Resynchronizing, Assumed("a comparison that the replica itself has paused goes on")),
    t(Receiver, Resynchronizing, Call(O::ResumeReplication), Replicating, Client(page::START_FAILOVER)),
    t(Receiver, ResynchronizationSuspended, Call(O::ResumeReplication), Replicating, Client(page::START_FAILOVER)),

    // Trouble.
    t(Sender,   Replicating, Event(H::SendRefused), Critical, Observed(page::SCRIPTS)),
    t(Sender,   Replicating, Event(H::HostShutDown), Critical, Observed(page::SCRIPTS)),
    t(Sender,   Replicating, Event(H::HostCrashed), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   Suspended, Event(H::HostCrashed), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   Critical, Event(H::HostCrashed), NeedsResync, Assumed("writes are logged in this state as in a pause, and the log is as torn")),
    t(Sender,   Replicating, Event(H::LogInvalid), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   Waiting, Event(H::LogInvalid), NeedsResync, Assumed("as for normal replication")),
    t(Sender,   Suspended, Event(H::LogInvalid), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   Synced, Event(H::LogInvalid), NeedsResync, Assumed("the last log of a planned failover is a log like any other")),
    t(Sender,   Critical, Event(H::LogInvalid), NeedsResync, Assumed("writes are logged in this state as in a pause, and the log is as limited")),
    t(Sender,   Resynchronizing, Event(H::LogInvalid), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   ResynchronizationSuspended, Event(H::LogInvalid), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   DiskUpdateCritical, Call(O::ResumeReplication), Replicating, Client(page::RESUME)),
    t(Sender,   Waiting, Event(H::HostCrashed), NeedsResync, Assumed("an export is complete: what is logged since goes on from it, and the log is torn")),
    t(Sender,   DiskUpdateInProgress, Event(H::HostCrashed), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   DiskUpdateInProgress, Event(H::LogInvalid), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   DiskUpdateCritical, Event(H::HostCrashed), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   DiskUpdateCritical, Event(H::LogInvalid), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   DiskUpdateInProgress, Event(H::SourceReplaced), NeedsResync, MERGED),
    t(Sender,   DiskUpdateCritical, Event(H::SourceReplaced), NeedsResync, MERGED),
    t(Sender,   Waiting, Event(H::SourceReplaced), NeedsResync, MERGED),
    t(Sender,   Replicating, Event(H::SourceReplaced), NeedsResync, MERGED),
    t(Sender,   Suspended, Event(H::SourceReplaced), NeedsResync, MERGED),
    t(Sender,   Critical, Event(H::SourceReplaced), NeedsResync, MERGED),
    t(Sender,   Resynchronizing, Event(H::SourceReplaced), NeedsResync, MERGED),
    t(Sender,   ResynchronizationSuspended, Event(H::SourceReplaced), NeedsResync, MERGED),

    t(Receiver, Replicating, Event(H::DiskLost), Critical, Assumed("a replica may be in error, and a broken chain of disks is one; that the one leads to the other is concluded")),
    t(Receiver, Waiting, Event(H::DiskLost), Critical, Assumed("as for normal replication")),
    t(Receiver, Critical, Call(O::ResumeReplication), Replicating, Documented(page::RESUME)),

    // Resynchronisation.
    t(Sender,   NeedsResync, Call(O::Resynchronize), Resynchronizing, Documented(page::BLOG_RESYNC)),
    t(Sender,   NeedsResync, Event(H::ScheduleDue), Resynchronizing, Documented(page::RESUME)),
    t(Sender,   Suspended, Call(O::Resynchronize), Resynchronizing, Documented(page::BLOG_RESYNC)),
    t(Sender,   Suspended, Event(H::ScheduleDue), Resynchronizing, Documented(page::RESUME)),
    t(Sender,   Critical, Call(O::Resynchronize), Resynchronizing, Client(page::RESUME)),
    t(Sender,   Critical, Event(H::ScheduleDue), Resynchronizing, Client(page::RESUME)),
    t(Sender,   ResynchronizationSuspended, Call(O::Resynchronize), Resynchronizing, Client(page::RESUME)),
    t(Sender,   ResynchronizationSuspended, Event(H::ScheduleDue), Resynchronizing, Client(page::RESUME)),
    t(Sender,   DiskUpdateCritical, Call(O::Resynchronize), Resynchronizing, Client(page::RESUME)),
    t(Sender,   DiskUpdateCritical, Event(H::ScheduleDue), Resynchronizing, Client(page::RESUME)),
    t(Receiver, Replicating, Event(H::ResynchronizationStarted), Resynchronizing, Client(page::START_FAILOVER)),
    t(Receiver, ResynchronizationSuspended, Event(H::ResynchronizationStarted), Resynchronizing, Client(page::START_FAILOVER)),
    t(Receiver, DiskUpdateInProgress, Event(H::ResynchronizationStarted), Resynchronizing, Assumed("the change of disks died with its sender's host, which did not tell")),
    t(Sender,   Resynchronizing, Event(H::ResynchronizationCompleted), Replicating, Documented(page::BLOG_RESYNC)),
    t(Receiver, Resynchronizing, Event(H::ResynchronizationCompleted), Replicating, Documented(page::BLOG_RESYNC)),
    t(Receiver, ResynchronizationSuspended, Event(H::ResynchronizationCompleted), Replicating, Assumed("a replica that was not told of the resumption learns of the end")),
    t(Receiver, Resynchronizing, Event(H::ResynchronizationPaused), ResynchronizationSuspended, Assumed("the replica mirrors its primary")),
    t(Receiver, ResynchronizationSuspended, Event(H::ResynchronizationResumed), Resynchronizing, Assumed("the replica mirrors its primary")),
    t(Sender,   Resynchronizing, Call(O::CancelResynchronization), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   ResynchronizationSuspended, Call(O::CancelResynchronization), NeedsResync, Assumed("as when it runs")),
    t(Sender,   Resynchronizing, Call(O::Resynchronize), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   ResynchronizationSuspended, Call(O::Resynchronize), NeedsResync, Assumed("cancelled as a job, as when it runs")),
    t(Sender,   Resynchronizing, Event(H::ResynchronizationCancelled), NeedsResync, Documented(page::BLOG_RESYNC)),
    t(Sender,   ResynchronizationSuspended, Event(H::ResynchronizationCancelled), NeedsResync, Assumed("as when it runs")),
    t(Sender,   Suspended, Event(H::ResynchronizationCancelled), NeedsResync, Assumed("a pause of a resynchronisation that ends under it is overtaken")),
    t(Sender,   Replicating, Event(H::ResynchronizationCancelled), NeedsResync, Assumed("a resumption of a resynchronisation that ends under it is overtaken")),
    t(Receiver, Resynchronizing, Event(H::ResynchronizationCancelled), Replicating, Assumed("cancelling is safe: the copy is as it was")),
    t(Receiver, ResynchronizationSuspended, Event(H::ResynchronizationCancelled), Replicating, Assumed("cancelling is safe: the copy is as it was")),
    t(Receiver, ResynchronizationSuspended, Event(H::ResynchronizationCancelled), Suspended, Assumed("a pause of the replica's own outlasts the comparison")),
    t(Sender,   Resynchronizing, Event(H::HostCrashed), NeedsResync, Assumed("the next comparison begins from zero")),
    t(Sender,   Resynchronizing, Event(H::HostShutDown), NeedsResync, Assumed("the next comparison begins from zero")),
    t(Sender,   ResynchronizationSuspended, Event(H::HostCrashed), NeedsResync, Assumed("the next comparison begins from zero")),
    t(Sender,   ResynchronizationSuspended, Event(H::HostShutDown), NeedsResync, Assumed("the next comparison begins from zero")),

    // Failover.
    t(Sender,   Replicating, Call(O::PrepareFailover), Synced, Documented(page::START_FAILOVER)),
    t(Sender,   Synced, Call(O::RevertFailover), Replicating, Documented(page::STOP_FAILOVER)),
    t(Receiver, Replicating, Call(O::InitiateFailover), FailoverInProgress, Assumed("12 is named for it; undoing logs takes time")),
    t(Receiver, Resynchronizing, Call(O::InitiateFailover), FailoverInProgress, Assumed("the failover is documented; 12 is named for it")),
    t(Receiver, FailoverInProgress, Call(O::InitiateFailover), Recovered, Observed(page::LIS_TEST)),
    t(Receiver, Recovered, Call(O::RevertFailover), Replicating, Observed(page::SCRIPTS)),
    t(Receiver, Recovered, Call(O::CommitFailover), Committed, Documented(page::COMMIT)),
    t(Sender,   Recovered, Call(O::ReverseReplicationRelationship), Replicating, Documented(page::LAB)),
    t(Sender,   Committed, Call(O::ReverseReplicationRelationship), Replicating, Observed(page::SCRIPTS)),
    t(Sender,   Recovered, Call(O::ReverseReplicationRelationship), Ready, Observed(page::SCRIPTS)),
    t(Sender,   Committed, Call(O::ReverseReplicationRelationship), Ready, Documented(page::LEARN_FAILOVER)),
    t(Receiver, Synced, Event(H::RolesReversed), Replicating, Observed(page::SCRIPTS)),
    t(Sender,   Committed, Call(O::ChangeReplicationModeToPrimary), Replicating, Documented(page::win32!("changereplicationmodetoprimary-msvm-replicationservice"))),

    // An old primary becomes a replica.
    t(Sender,   Replicating, Call(O::BecomeReplica), RepurposeInProgress, Assumed("18 is named for it")),
    t(Sender,   Critical, Call(O::BecomeReplica), RepurposeInProgress, Assumed("18 is named for it")),
    t(Sender,   NeedsResync, Call(O::BecomeReplica), RepurposeInProgress, Assumed("18 is named for it")),
    t(Receiver, RepurposeInProgress, Call(O::BecomeReplica), Waiting, Observed(page::SCRIPTS)),
    // Before Windows 10, version 1703, which brought 18, the requested state is shown meanwhile.
    t(Sender,   Replicating, Call(O::BecomeReplica), Waiting, SHOWN),
    t(Sender,   Critical, Call(O::BecomeReplica), Waiting, SHOWN),
    t(Sender,   NeedsResync, Call(O::BecomeReplica), Waiting, SHOWN),

    // An external provider fails back.
    t(Receiver, Recovered, Call(O::InitiateFailback), FailbackInProgress, Documented(page::FAILBACK)),
    t(Receiver, Committed, Call(O::InitiateFailback), FailbackInProgress, Documented(page::FAILBACK)),
    t(Receiver, FailbackInProgress, Call(O::InitiateFailback), FailbackComplete, Documented(page::FAILBACK)),
    t(Neither,  FailbackComplete, Call(O::RemoveReplicationRelationship), Disabled, Documented(page::REMOVE_REPLICATION)),

    // The set of disks.
    // The page of the relationship gives the states to Windows 10, version 1703; the job that brings
    // them about came with Windows Server 2016, and clients ask for 15 since.
    t(Sender,   Replicating, Call(O::ModifyReplicationSettings), DiskUpdateInProgress, Client(page::RESUME)),
    t(Receiver, Replicating, Event(H::DisksChanging), DiskUpdateInProgress, Client(page::RESUME)),
    t(Receiver, DiskUpdateInProgress, Event(H::DisksChanging), Replicating, Assumed("the replica mirrors its primary")),
    t(Receiver, DiskUpdateInProgress, Call(O::InitiateFailover), FailoverInProgress, Client(page::START_FAILOVER)),
    t(Sender,   DiskUpdateInProgress, Call(O::ModifyReplicationSettings), Replicating, Client(page::RESUME)),
    t(Sender,   DiskUpdateInProgress, Call(O::ModifyReplicationSettings), DiskUpdateCritical, Client(page::RESUME)),
    t(Sender,   DiskUpdateInProgress, Event(H::HostCrashed), DiskUpdateCritical, Assumed("the copy is interrupted; resuming tries again")),
    t(Sender,   DiskUpdateInProgress, Event(H::HostShutDown), DiskUpdateCritical, Assumed("the copy is interrupted; resuming tries again")),
    t(Sender,   DiskUpdateCritical, Call(O::ResumeDiskUpdate), DiskUpdateInProgress, Client(page::RESUME)),
    t(Sender,   DiskUpdateInProgress, Call(O::ResumeDiskUpdate), Replicating, Client(page::RESUME)),
    t(Sender,   DiskUpdateInProgress, Call(O::ResumeDiskUpdate), DiskUpdateCritical, Assumed("as at the first try")),
];
