//! A virtual machine on one host, with its role as a sum type: what cannot be, cannot be stored.

use super::agenda::Ticket;
use super::policy::written;
use super::window::Window;
use crate::model::{
    Disk, EnabledState, FailoverNetworkAdapterSettings, HostId, JobId, Leg, RecoveryPoint,
    ReplicationMode, ReplicationState, ReplicationType, RequestedState, Settings, SimTime, VmId,
};
use std::sync::Arc;

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct VmState {
    pub(crate) name: Arc<str>,
    pub(crate) disks: Arc<[Disk]>,
    pub(crate) guest: Guest,
    pub(crate) power: EnabledState,
    pub(crate) requested: Option<RequestedState>,
    /// The job that changes the power.
    pub(crate) power_job: Option<JobId>,
    /// The operation that holds the virtual machine.
    pub(crate) lock: Option<Lock>,
    pub(crate) role: Role,
    /// Its test replica.
    pub(crate) tester: Option<VmId>,
    pub(crate) last_test: Option<SimTime>,
    pub(crate) network: Option<Arc<[FailoverNetworkAdapterSettings]>>,
    /// The entry bound to it by `SetAuthorizationEntry`, by its name in lower case.
    pub(crate) entry: Option<Arc<str>>,
}

/// What the guest has written, by number: the position of its last byte. Nothing ticks: the
/// position at any moment follows from the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Guest {
    /// Bytes a second, while it runs.
    pub(crate) rate: u64,
    /// The position at `since`.
    pub(crate) position: u64,
    /// Since when it writes; `None` while it does not run.
    pub(crate) since: Option<SimTime>,
}

impl Guest {
    pub(crate) fn position(&self, now: SimTime) -> u64 {
        let since = self.since.map_or(0, |since| written(self.rate, since, now));
        self.position.saturating_add(since)
    }

    pub(crate) fn start(&mut self, now: SimTime) {
        self.since.get_or_insert(now);
    }

    pub(crate) fn stop(&mut self, now: SimTime) {
        self.position = self.position(now);
        self.since = None;
    }

    /// The disks are replaced by a copy that ends at this position.
    pub(crate) fn reset(&mut self, position: u64) {
        self.position = position;
        self.since = None;
    }
}

/// An exclusive operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lock {
    pub(crate) job: JobId,
    /// The relationship it is about, and the state that one shows meanwhile.
    pub(crate) shows: Option<(Leg, ReplicationState)>,
}

/// The role of a virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    None,
    Primary(Sender),
    Replica { inbound: Receiver, onward: Option<Sender> },
    Extended { inbound: Receiver },
    Test { of: VmId },
}

/// The sending end of a relationship.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Sender {
    pub(crate) peer: HostId,
    pub(crate) settings: Arc<Settings>,
    pub(crate) phase: Sending,
    /// The position the receiver has acknowledged.
    pub(crate) sent: u64,
    pub(crate) last_sent: Option<SimTime>,
    pub(crate) last_type: ReplicationType,
    pub(crate) last_consistent: Option<SimTime>,
    /// When the next log is closed.
    pub(crate) cycle: Option<Ticket>,
    /// The log on its way.
    pub(crate) flight: Option<Flight>,
    /// Recoverable failures in a row.
    pub(crate) failures: u8,
    /// The job that copies or compares.
    pub(crate) transfer: Option<JobId>,
    /// When a needed resynchronisation may start by itself.
    pub(crate) window: Option<Ticket>,
    pub(crate) counters: Window,
}

/// A change log on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Flight {
    pub(crate) ticket: Ticket,
    pub(crate) closed: SimTime,
    pub(crate) position: u64,
}

/// What a sender is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Sending {
    Ready,
    Initial,
    Replicating,
    Synced,
    Suspended(Work),
    Critical(Work),
    NeedsResync,
    Resyncing,
    ResyncSuspended,
    UpdatingDisks,
    DiskUpdateFailed,
}

/// What a pause or an error interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Work {
    Initial,
    Replication,
}

impl Sending {
    /// What is left of it when the job on its data path is gone.
    pub(crate) const fn without_transfer(self) -> Self {
        match self {
            Self::Initial | Self::Suspended(Work::Initial) | Self::Critical(Work::Initial) => {
                Self::Ready
            }
            Self::Resyncing | Self::ResyncSuspended => Self::NeedsResync,
            Self::UpdatingDisks => Self::DiskUpdateFailed,
            other => other,
        }
    }

    pub(crate) const fn state(self) -> ReplicationState {
        match self {
            Self::Ready => ReplicationState::Ready,
            Self::Initial => ReplicationState::WaitingForInitialReplication,
            Self::Replicating => ReplicationState::Replicating,
            Self::Synced => ReplicationState::Synced,
            Self::Suspended(_) => ReplicationState::Suspended,
            Self::Critical(_) => ReplicationState::Critical,
            Self::NeedsResync => ReplicationState::WaitingForResynchronization,
            Self::Resyncing => ReplicationState::Resynchronizing,
            Self::ResyncSuspended => ReplicationState::ResynchronizationSuspended,
            Self::UpdatingDisks => ReplicationState::DiskUpdateInProgress,
            Self::DiskUpdateFailed => ReplicationState::DiskUpdateCritical,
        }
    }
}

/// The receiving end of a relationship.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Receiver {
    /// Whom it receives from; `None` while it waits, marked as a replica, for its primary.
    pub(crate) peer: Option<HostId>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) phase: Receiving,
    /// The position of the copy.
    pub(crate) held: u64,
    pub(crate) last_received: Option<SimTime>,
    /// When the last log was, or will be, applied.
    pub(crate) applied_at: Option<SimTime>,
    /// When the log before it was applied.
    pub(crate) applied_before: Option<SimTime>,
    pub(crate) last_type: ReplicationType,
    pub(crate) last_consistent: Option<SimTime>,
    /// Oldest first.
    pub(crate) points: Vec<RecoveryPoint>,
    pub(crate) counters: Window,
}

/// What a receiver is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Receiving {
    Waiting,
    Replicating,
    Suspended(Work),
    Resyncing,
    ResyncSuspended,
    UpdatingDisks,
    FailedOver(Recovery),
    Committed(Recovery),
    /// An external provider has brought the new primary's state here.
    FailedBack(Recovery),
}

/// What a replica was failed over to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Recovery {
    pub(crate) kind: ReplicationType,
    /// Where the copy stood: what it writes from here on is its own.
    pub(crate) position: u64,
}

impl Receiving {
    pub(crate) const fn state(self) -> ReplicationState {
        match self {
            Self::Waiting => ReplicationState::WaitingForInitialReplication,
            Self::Replicating => ReplicationState::Replicating,
            Self::Suspended(_) => ReplicationState::Suspended,
            Self::Resyncing => ReplicationState::Resynchronizing,
            Self::ResyncSuspended => ReplicationState::ResynchronizationSuspended,
            Self::UpdatingDisks => ReplicationState::DiskUpdateInProgress,
            Self::FailedOver(_) => ReplicationState::Recovered,
            Self::Committed(_) => ReplicationState::Committed,
            Self::FailedBack(_) => ReplicationState::FailbackComplete,
        }
    }

    pub(crate) const fn recovery(self) -> Option<Recovery> {
        match self {
            Self::FailedOver(it) | Self::Committed(it) | Self::FailedBack(it) => Some(it),
            _ => None,
        }
    }
}

impl VmState {
    pub(crate) fn mode(&self) -> ReplicationMode {
        match self.role {
            Role::None => ReplicationMode::None,
            Role::Primary(_) => ReplicationMode::Primary,
            Role::Replica { .. } => ReplicationMode::Replica,
            Role::Extended { .. } => ReplicationMode::ExtendedReplica,
            Role::Test { .. } => ReplicationMode::TestReplica,
        }
    }

    /// The sending end of this relationship, if that is what the virtual machine has there.
    pub(crate) fn sender(&self, leg: Leg) -> Option<&Sender> {
        match (&self.role, leg) {
            (Role::Primary(sender), Leg::Primary) => Some(sender),
            (Role::Replica { onward, .. }, Leg::Extended) => onward.as_ref(),
            _ => None,
        }
    }

    pub(crate) fn sender_mut(&mut self, leg: Leg) -> Option<&mut Sender> {
        match (&mut self.role, leg) {
            (Role::Primary(sender), Leg::Primary) => Some(sender),
            (Role::Replica { onward, .. }, Leg::Extended) => onward.as_mut(),
            _ => None,
        }
    }

    /// The receiving end; it is always relationship 0.
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        match &self.role {
            Role::Replica { inbound, .. } | Role::Extended { inbound } => Some(inbound),
            _ => None,
        }
    }

    pub(crate) fn receiver_mut(&mut self) -> Option<&mut Receiver> {
        match &mut self.role {
            Role::Replica { inbound, .. } | Role::Extended { inbound } => Some(inbound),
            _ => None,
        }
    }

    /// The counters of a relationship.
    pub(crate) fn counters_mut(&mut self, leg: Leg) -> Option<&mut Window> {
        match (&mut self.role, leg) {
            (Role::Primary(sender), Leg::Primary) => Some(&mut sender.counters),
            (Role::Replica { onward, .. }, Leg::Extended) => {
                onward.as_mut().map(|it| &mut it.counters)
            }
            (Role::Replica { inbound, .. } | Role::Extended { inbound }, Leg::Primary) => {
                Some(&mut inbound.counters)
            }
            _ => None,
        }
    }

    /// An ended job lets go of what it held.
    pub(crate) fn let_go(&mut self, job: JobId, leg: Leg) {
        self.lock = self.lock.filter(|lock| lock.job != job);
        if self.power_job == Some(job) {
            (self.power_job, self.requested) = (None, None);
        }
        if let Some(sender) = self.sender_mut(leg) {
            sender.transfer = sender.transfer.filter(|it| *it != job);
        }
    }

    /// The relationship the virtual machine sends on, or would.
    pub(crate) fn sending_leg(&self) -> Leg {
        match self.role {
            Role::Replica { .. } => Leg::Extended,
            _ => Leg::Primary,
        }
    }

    /// Whether there is a relationship object of this index: 0 always, 1 on every replica.
    pub(crate) fn has_leg(&self, leg: Leg) -> bool {
        leg == Leg::Primary || matches!(self.role, Role::Replica { .. })
    }

    /// What a relationship shows: what its operation in progress shows, else what it is doing.
    pub(crate) fn state(&self, leg: Leg) -> ReplicationState {
        if let Some(Lock { shows: Some((shown_on, state)), .. }) = self.lock
            && shown_on == leg
        {
            return state;
        }
        let sender = self.sender(leg).map(|it| it.phase.state());
        let receiver = || match leg {
            Leg::Primary => self.receiver().map(|it| it.phase.state()),
            Leg::Extended => None,
        };
        sender.or_else(receiver).unwrap_or(ReplicationState::Disabled)
    }

    /// How far a copy of this virtual machine that is taken now would reach.
    pub(crate) fn position(&self, now: SimTime) -> u64 {
        match self.receiver() {
            Some(it) if it.phase.recovery().is_none() => it.held,
            _ => self.guest.position(now),
        }
    }

    /// How far what a sending end has to send reaches. An extended leg sends on what the replica
    /// has received, never what a failed-over replica writes itself.
    pub(crate) fn source(&self, leg: Leg, now: SimTime) -> u64 {
        match (leg, self.receiver(), self.sender(leg)) {
            (Leg::Extended, Some(receiver), Some(sender)) => receiver.held.max(sender.sent),
            _ => self.position(now),
        }
    }

    /// What initial replication copies, in bytes.
    pub(crate) fn used_bytes(&self, settings: &Settings) -> u64 {
        self.included(settings).map(|disk| disk.used_bytes).fold(0, u64::saturating_add)
    }

    /// What the replicated disks can hold, in bytes.
    pub(crate) fn capacity_bytes(&self, settings: &Settings) -> u64 {
        self.included(settings).map(|disk| disk.capacity_bytes).fold(0, u64::saturating_add)
    }

    fn included<'a>(&'a self, settings: &'a Settings) -> impl Iterator<Item = &'a Disk> {
        self.disks.iter().filter(|disk| {
            settings.included_disks.as_ref().is_none_or(|ids| ids.contains(&disk.id))
        })
    }
}

impl Sender {
    pub(crate) fn new(peer: HostId, settings: Arc<Settings>, now: SimTime) -> Self {
        Self {
            peer,
            settings,
            phase: Sending::Ready,
            sent: 0,
            last_sent: None,
            last_type: ReplicationType::None,
            last_consistent: None,
            cycle: None,
            flight: None,
            failures: 0,
            transfer: None,
            window: None,
            counters: Window::starting(now),
        }
    }

    pub(crate) fn interval(&self) -> std::time::Duration {
        std::time::Duration::from_secs(u64::from(self.settings.replication_interval_s))
    }
}

impl Receiver {
    pub(crate) fn new(peer: Option<HostId>, settings: Arc<Settings>, now: SimTime) -> Self {
        Self {
            peer,
            settings,
            phase: Receiving::Waiting,
            held: 0,
            last_received: None,
            applied_at: None,
            applied_before: None,
            last_type: ReplicationType::None,
            last_consistent: None,
            points: Vec::new(),
            counters: Window::starting(now),
        }
    }

    /// `LastApplyTime` as of now.
    pub(crate) fn last_apply(&self, now: SimTime) -> Option<SimTime> {
        self.applied_at.filter(|at| *at <= now).or(self.applied_before)
    }
}
