//! The receiving end of a relationship.

use super::lines::Reach;
use super::sender::Work;
use super::terms::Terms;
use super::window::Window;
use crate::model::{
    HostId, PointId, RecoveryPoint, RecoveryPointKind, ReplicationState, ReplicationType, Settings,
    SimTime,
};
use crate::rules::constants::POINT_SPACING;
use std::sync::Arc;

/// The receiving end of a relationship; in memory, what a cycle touches comes first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub(crate) struct Receiver {
    pub(crate) phase: Receiving,
    /// Whom it receives from; `None` while it waits, marked as a replica, for its primary.
    pub(crate) peer: Option<HostId>,
    pub(crate) last_type: ReplicationType,
    /// Whether a replicated disk is smaller than the sender's.
    pub(crate) too_small: bool,
    /// Whether a replicated disk is of another size than the sender's: they cannot be compared.
    pub(crate) sizes_differ: bool,
    pub(crate) settings: Terms,
    /// How far what was received reaches.
    pub(crate) held: Reach,
    /// How far the disks reached before the last log, as a position on the line of `held`.
    applied: u64,
    pub(crate) last_received: Option<SimTime>,
    /// When the last log was, or will be, applied.
    pub(crate) applied_at: Option<SimTime>,
    /// When the log before it was applied.
    pub(crate) applied_before: Option<SimTime>,
    pub(crate) counters: Window,
    /// Oldest first; the last ones may be of logs that are still being applied.
    pub(crate) points: Vec<RecoveryPoint>,
    pub(crate) last_consistent: Option<SimTime>,
    /// When a disk became smaller: points from before cannot be failed over to.
    pub(crate) shrunk: Option<SimTime>,
    /// What of the points is kept in files that cannot be read.
    pub(crate) damage: Damage,
}

/// Which recovery points lie behind an unreadable file, by when they were made.
///
/// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140127-improvements-in-recovery-history>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Damage {
    /// The way back leads through an undo log: those up to this one.
    pub(crate) undone: Option<SimTime>,
    /// A snapshot is what later ones build on: those since this one, and the latest state.
    pub(crate) built: Option<SimTime>,
}

impl Damage {
    /// What the point that was made then is kept in is damaged: its undo log, or its snapshot.
    pub(crate) fn strikes(&mut self, created: SimTime, is_undo_log: bool) {
        if is_undo_log {
            self.undone = self.undone.max(Some(created));
        } else {
            self.built = Some(self.built.map_or(created, |it| it.min(created)));
        }
    }

    /// Whether an undo log is in the way to a point.
    pub(crate) fn hides(self, created: SimTime) -> bool {
        self.undone.is_some_and(|at| created <= at)
    }

    /// Whether a snapshot is below a point, or below the latest state.
    pub(crate) fn is_below(self, created: Option<SimTime>) -> bool {
        self.built.is_some_and(|at| created.is_none_or(|it| it >= at))
    }
}

/// What was received, what of it was on the disks before the last log, and when all of it is.
pub(crate) type Backlog = (Reach, u64, Option<SimTime>);

/// What a receiver is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Receiving {
    Waiting,
    Replicating,
    Suspended(Work),
    /// A virtual hard disk is missing: nothing is taken until somebody resumes.
    Critical(Work),
    Resyncing,
    ResyncSuspended,
    /// The comparison is paused here, not by the sender: it cannot end.
    ResyncHeld,
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
            Self::Critical(_) => ReplicationState::Critical,
            Self::Resyncing => ReplicationState::Resynchronizing,
            Self::ResyncSuspended | Self::ResyncHeld => {
                ReplicationState::ResynchronizationSuspended
            }
            Self::UpdatingDisks => ReplicationState::DiskUpdateInProgress,
            Self::FailedOver(_) => ReplicationState::Recovered,
            Self::Committed(_) => ReplicationState::Committed,
            Self::FailedBack(_) => ReplicationState::FailbackComplete,
        }
    }

    /// What a pause or an error interrupted.
    pub(crate) const fn interrupted(self) -> Option<Work> {
        match self {
            Self::Suspended(work) | Self::Critical(work) => Some(work),
            _ => None,
        }
    }

    /// Whether the initial replica has not arrived, or not as a whole. A job that resumes may show
    /// something else meanwhile.
    pub(crate) fn lacks_initial(self) -> bool {
        self == Self::Waiting || self.interrupted() == Some(Work::Initial)
    }

    pub(crate) const fn recovery(self) -> Option<Recovery> {
        match self {
            Self::FailedOver(it) | Self::Committed(it) | Self::FailedBack(it) => Some(it),
            _ => None,
        }
    }
}

impl Receiver {
    pub(crate) fn new(
        peer: Option<HostId>,
        settings: Arc<Settings>,
        held: Reach,
        now: SimTime,
    ) -> Self {
        Self {
            phase: Receiving::Waiting,
            peer,
            last_type: ReplicationType::None,
            too_small: false,
            sizes_differ: false,
            settings: settings.into(),
            held,
            applied: held.position,
            last_received: None,
            applied_at: None,
            applied_before: None,
            counters: Window::starting(now),
            points: Vec::new(),
            last_consistent: None,
            shrunk: None,
            damage: Damage::default(),
        }
    }

    /// `LastApplyTime` as of now.
    pub(crate) fn last_apply(&self, now: SimTime) -> Option<SimTime> {
        self.applied_at.filter(|at| *at <= now).or(self.applied_before)
    }

    /// Whether a log is being applied: other operations on the virtual machine wait.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140424-backup-of-a-replica-vm>.
    pub(crate) fn is_applying(&self, now: SimTime) -> bool {
        self.applied_at.is_some_and(|at| at > now)
    }

    /// How far the disks reach: what has been applied of what was received. An extended leg sends
    /// on no more than that.
    pub(crate) fn applied(&self, now: SimTime) -> Reach {
        match self.applied_at {
            Some(at) if at <= now => self.held,
            _ => Reach { position: self.applied, ..self.held },
        }
    }

    /// The recovery points that there are, oldest first: none is newer than what is applied.
    pub(crate) fn listed(&self, now: SimTime) -> &[RecoveryPoint] {
        let applied = self.applied(now).position;
        let early = self.points.iter().rev().take_while(|it| it.position > applied).count();
        &self.points[..self.points.len() - early]
    }

    pub(crate) fn backlog(&self) -> Backlog {
        (self.held, self.applied, self.applied_at)
    }

    /// Whether a log has been received that was not applied, and nothing is being applied.
    pub(crate) fn is_stuck(&self) -> bool {
        let applies = self.is_complete() && self.phase.recovery().is_none();
        applies && self.applied_at.is_none() && self.applied < self.held.position
    }

    /// Whether the initial replica is here.
    pub(crate) fn is_complete(&self) -> bool {
        self.last_received.is_some() && !self.phase.lacks_initial()
    }

    /// A log has been received, and is applied at that time with all that was received before; or
    /// it stays as it is until something else is.
    pub(crate) fn received(
        &mut self,
        reach: Reach,
        kind: ReplicationType,
        now: SimTime,
        applied: Option<SimTime>,
    ) {
        if let Some(before) = self.applied_at.filter(|at| *at <= now) {
            (self.applied, self.applied_before) = (self.held.position, Some(before));
        }
        (self.held, self.applied_at) = (reach, applied);
        (self.last_received, self.last_type) = (Some(now), kind);
        if kind == ReplicationType::ApplicationConsistent {
            self.last_consistent = Some(now);
        }
    }

    /// The disks are others than before, and reach so far: no log has to be applied for it.
    pub(crate) fn becomes(&mut self, reach: Reach) {
        (self.held, self.applied) = (reach, reach.position);
    }

    /// All disks were copied or compared: what came before is gone, and with it every point.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica>.
    pub(crate) fn is_copy_of(&mut self, reach: Reach, now: SimTime) {
        self.phase = Receiving::Replicating;
        (self.shrunk, self.damage) = (None, Damage::default());
        self.points.clear();
        self.received(reach, ReplicationType::Regular, now, Some(now));
    }

    /// What a failover to this point, or to the latest state, recovers.
    pub(crate) fn recovery(&self, point: Option<PointId>) -> Option<Recovery> {
        match point {
            None => {
                let kind = match self.last_type {
                    ReplicationType::None => ReplicationType::Regular,
                    known => known,
                };
                Some(Recovery { kind, position: self.held.position })
            }
            Some(id) => {
                let point = self.points.iter().find(|it| it.id == id)?;
                let kind = point.kind.replication_type();
                Some(Recovery { kind, position: point.position })
            }
        }
    }

    /// Keeps a new point, in the place of the oldest if there are as many as may be. The memory
    /// grows by one point at a time: that is rare, and most replicas have few.
    pub(crate) fn add_point(&mut self, point: RecoveryPoint) {
        self.keep_points(self.settings.recovery_history().saturating_sub(1));
        self.points.reserve_exact(1);
        self.points.push(point);
    }

    pub(crate) fn drop_surplus_points(&mut self) {
        self.keep_points(self.settings.recovery_history());
    }

    fn keep_points(&mut self, most: usize) {
        let surplus = self.points.len().saturating_sub(most);
        self.points.drain(..surplus);
    }

    /// The recovery point that this log makes, if any: the first log after each full hour makes
    /// one, the last log of a planned failover always does.
    pub(crate) fn next_point(
        &self,
        kind: ReplicationType,
        now: SimTime,
    ) -> Option<RecoveryPointKind> {
        if self.settings.recovery_history() == 0 {
            return None;
        }
        if kind == ReplicationType::Planned {
            return Some(RecoveryPointKind::PlannedFailover);
        }
        let hour = |at: SimTime| at.ticks() / (POINT_SPACING.as_secs() * 10_000_000);
        let due = self.points.last().is_none_or(|last| hour(now) > hour(last.created));
        let every = u64::from(self.settings.application_consistent_interval_h);
        let consistent =
            every > 0 && self.last_consistent.is_none_or(|last| hour(now) >= hour(last) + every);
        match (due, consistent) {
            (false, _) => None,
            (true, true) => Some(RecoveryPointKind::ApplicationConsistent),
            (true, false) => Some(RecoveryPointKind::Standard),
        }
    }
}
