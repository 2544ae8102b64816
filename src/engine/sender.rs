//! The sending end of a relationship.

use super::agenda::Ticket;
use super::lines::Reach;
use super::terms::Terms;
use super::vms::Hint;
use super::window::Window;
use crate::model::{HostId, JobId, ReplicationState, ReplicationType, Settings, SimTime};
use std::sync::Arc;
use std::time::Duration;

/// The sending end of a relationship; in memory, what a cycle touches comes first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub(crate) struct Sender {
    pub(crate) cycle: Cycle,
    /// The position the receiver has acknowledged.
    pub(crate) sent: u64,
    /// How large the log may become.
    pub(crate) limit_bytes: u64,
    /// When the log outgrows that, unless it is sent before.
    pub(crate) overflow: Option<Ticket>,
    /// The line of writes that is tracked: what is written on another is in no log.
    pub(crate) line: u32,
    /// Where the replica is among the virtual machines of the other host.
    pub(crate) peer_at: Hint,
    pub(crate) peer: HostId,
    /// The host that the replica knows it to be on, if it has moved since.
    pub(crate) known_on: Option<HostId>,
    pub(crate) phase: Sending,
    pub(crate) last_type: ReplicationType,
    /// Recoverable failures in a row.
    pub(crate) failures: u8,
    /// Whether the replica was there before the relationship, with disks to compare with.
    pub(crate) seeded: bool,
    /// Whether initial replication compares the replica's disks, not copies them.
    pub(crate) compares: bool,
    pub(crate) last_sent: Option<SimTime>,
    pub(crate) settings: Terms,
    pub(crate) counters: Window,
    pub(crate) last_consistent: Option<SimTime>,
    /// When a needed resynchronisation may start by itself.
    pub(crate) window: Option<Ticket>,
    /// The job that copies or compares.
    pub(crate) transfer: Option<JobId>,
    /// What a change of the set of disks is to lead to: one that failed may be tried again.
    pub(crate) wanted: Option<Arc<Settings>>,
}

/// Where a sender is in its cycle: one log at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Cycle {
    /// Nothing is to be sent.
    Idle,
    /// Nothing has been sent since then, because the sender is in error: its cycles are missed.
    Stopped(SimTime),
    /// The next log is closed then.
    Waits(Ticket),
    /// A log is closed, and as many as may be sent at once are on their way.
    Queued(u64, Log),
    /// A log is on its way until then.
    Flies(Ticket, Log),
}

impl Cycle {
    /// Whether a log is on its way, or is to be next.
    pub(crate) const fn sends(self) -> bool {
        matches!(self, Self::Queued(..) | Self::Flies(..))
    }
}

/// A closed change log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Log {
    pub(crate) closed: SimTime,
    /// Where it ends.
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
            _ if self.is_initial() => Self::Ready,
            Self::Resyncing | Self::ResyncSuspended => Self::NeedsResync,
            Self::UpdatingDisks => Self::DiskUpdateFailed,
            other => other,
        }
    }

    /// Whether initial replication is on its way, or was interrupted.
    pub(crate) const fn is_initial(self) -> bool {
        matches!(
            self,
            Self::Initial | Self::Suspended(Work::Initial) | Self::Critical(Work::Initial)
        )
    }

    /// Whether what the guest writes is logged.
    pub(crate) const fn logs(self) -> bool {
        !matches!(self, Self::Ready | Self::NeedsResync)
    }

    /// Whether the log is held to its share of the disks. What becomes of one that outgrows it
    /// during initial replication no source says.
    pub(crate) const fn tracks(self) -> bool {
        matches!(
            self,
            Self::Replicating
                | Self::Suspended(Work::Replication)
                | Self::Critical(Work::Replication)
                | Self::Resyncing
                | Self::ResyncSuspended
                | Self::UpdatingDisks
                | Self::DiskUpdateFailed
        )
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

impl Sender {
    pub(crate) fn new(peer: HostId, settings: Arc<Settings>, line: u32, now: SimTime) -> Self {
        Self {
            cycle: Cycle::Idle,
            sent: 0,
            limit_bytes: 0,
            overflow: None,
            line,
            peer_at: Hint::default(),
            peer,
            known_on: None,
            phase: Sending::Ready,
            last_type: ReplicationType::None,
            failures: 0,
            seeded: false,
            compares: false,
            last_sent: None,
            settings: settings.into(),
            counters: Window::starting(now),
            last_consistent: None,
            window: None,
            transfer: None,
            wanted: None,
        }
    }

    /// How far what the receiver has acknowledged reaches, or what is copied to it now.
    pub(crate) fn reach(&self) -> Reach {
        Reach { line: self.line, position: self.sent }
    }

    /// Whether a log that reaches so far is larger than it may become.
    pub(crate) fn outgrows(&self, position: u64) -> bool {
        self.phase.tracks() && position.saturating_sub(self.sent) > self.limit_bytes
    }

    /// Replication is in error from now on.
    pub(crate) fn fails(&mut self, work: Work, now: SimTime) {
        self.phase = Sending::Critical(work);
        if work == Work::Replication {
            self.cycle = Cycle::Stopped(now);
        }
    }

    /// The counters, with the cycles that are being missed while the sender is in error.
    pub(crate) fn counted(&self, now: SimTime) -> Window {
        let mut counters = self.counters;
        if let Cycle::Stopped(since) = self.cycle {
            let stopped = now.since(since.max(counters.start)).as_secs();
            let missed = stopped / self.interval().as_secs().max(1);
            counters.count_misses(u32::try_from(missed).unwrap_or(u32::MAX));
        }
        counters
    }

    pub(crate) fn interval(&self) -> Duration {
        self.settings.interval()
    }
}
