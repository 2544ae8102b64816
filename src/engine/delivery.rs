//! A change log reaches the other host: whether it is taken there, what it counts as, and what that
//! leaves behind.

use super::World;
use super::event::{Change, Event};
use super::input::{HostTrouble, VmTrouble};
use super::lines::Reach;
use super::receiver::Receiving;
use super::sender::Work;
use super::turned::Turned;
use super::vm::VmState;
use super::vms::{Hint, Spot};
use crate::model::{
    HostId, Leg, PointId, RecoveryPoint, RecoveryPointKind, RelationshipId, ReplicationState,
    ReplicationType, VmId, WindowsBuild,
};
use crate::rules::{Cause, Happening};
use std::time::Duration;

/// A change log: what was written from one position to another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Delivery {
    /// Where it begins.
    pub(super) from: u64,
    /// Where it ends, and on which line of writes.
    pub(super) reach: Reach,
    pub(super) kind: ReplicationType,
    pub(super) took: Duration,
    pub(super) vss: Vss,
}

/// Whether a guest's volume shadow copy service makes a log application-consistent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Vss {
    Works,
    Fails,
    /// The guest does not run.
    Absent,
}

/// How a log was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// What it counts as.
    pub(super) kind: ReplicationType,
    /// The receiver still waits for its initial replica.
    pub(super) waits: bool,
    /// It should have been application-consistent and could not be.
    pub(super) vss_failed: bool,
    /// The receiver is extended: it sends on what it receives.
    relays: bool,
}

impl Delivery {
    /// The point a log leaves where this one is due, what it counts as, and whether it should have
    /// been application-consistent and could not be.
    fn counts_as(
        &self,
        due: Option<RecoveryPointKind>,
    ) -> (Option<RecoveryPointKind>, ReplicationType, bool) {
        match (due, self.vss) {
            (Some(RecoveryPointKind::ApplicationConsistent), Vss::Works) => {
                (due, ReplicationType::ApplicationConsistent, false)
            }
            (Some(RecoveryPointKind::ApplicationConsistent), vss) => {
                (Some(RecoveryPointKind::Standard), self.kind, vss == Vss::Fails)
            }
            _ => (due, self.kind, false),
        }
    }
}

impl World {
    /// Whether a log would be taken now, and where.
    #[inline]
    pub(super) fn may_deliver(
        &self,
        from: HostId,
        to: HostId,
        id: impl Into<Spot>,
    ) -> Result<Hint, Turned> {
        let (at, vm, receiver) = self.receiving_end(from, to, id)?;
        match vm.state(Leg::Primary) {
            // Its own replica is prepared for a planned failover, which is to lose nothing.
            ReplicationState::Replicating if vm.failing_over_leg() == Leg::Extended => {
                Err(Turned::NotNow)
            }
            ReplicationState::Replicating => Ok(at),
            ReplicationState::WaitingForInitialReplication if receiver.peer.is_some() => Ok(at),
            ReplicationState::Suspended
            | ReplicationState::Resynchronizing
            | ReplicationState::ResynchronizationSuspended
            | ReplicationState::DiskUpdateInProgress => Err(Turned::NotNow),
            _ => Err(Turned::NoMore),
        }
    }

    /// Delivers a change log.
    pub(super) fn deliver(
        &mut self,
        from: HostId,
        to: HostId,
        at: impl Into<Spot>,
        log: Delivery,
        out: &mut Vec<Event>,
    ) -> Result<Taken, Turned> {
        let at = at.into();
        let at = Spot { hint: self.may_deliver(from, to, at)?, ..at };
        if self.fabric.loses(from, to) {
            return Err(Turned::Lost);
        }
        let taken = self.take_log(from, to, at, log, out)?;
        self.note_move(from, to, at);
        if taken.relays {
            self.watch_log(to, at.id, Leg::Extended);
        }
        self.answered(from, to)?;
        Ok(taken)
    }

    /// What a receiving end does with a log.
    fn take_log(
        &mut self,
        from: HostId,
        to: HostId,
        at: Spot,
        log: Delivery,
        out: &mut Vec<Event>,
    ) -> Result<Taken, Turned> {
        let (now, id) = (self.now, at.id);
        let applied = now + self.policy.apply;
        let Self { hosts, lines, generation, .. } = self;
        let host = hosts.get_mut(usize::from(to.0)).ok_or(Turned::UnknownHost)?;
        let vm = host.vms.get_mut(at).ok_or(Turned::NoReplica)?;
        let stalls = vm.troubles.keep_from_applying();
        let missing = vm.troubles.has(VmTrouble::DiskMissing);
        let receiver = vm.receiver_mut().ok_or(Turned::NoReplica)?;
        let waits = receiver.phase.lacks_initial();
        let bytes = log.reach.position.saturating_sub(log.from);
        let continues =
            receiver.held.position >= log.from && lines.includes(log.reach, receiver.held);
        if missing {
            return Err(self.disk_is_missing(to, id, waits, out));
        }
        if host.troubles.has(HostTrouble::StorageFull) {
            return Err(Turned::StorageFull);
        }
        if host.troubles.has(HostTrouble::MemoryLow) {
            return Err(Turned::MemoryLow);
        }
        if !waits && !continues {
            return Err(Turned::OutOfSequence);
        }
        if bytes > 0 && receiver.too_small {
            return Err(Turned::OutOfBounds);
        }
        if stalls && host.build < WindowsBuild::Server2012R2 {
            let change = Change::ApplyFailed { id: RelationshipId::primary(id) };
            out.push(Event { at: now, host: to, change });
            return Err(Turned::NotApplied);
        }
        receiver.counters.count_success(bytes, log.took, receiver.settings.interval());
        receiver.settings.note_let_in(from, *generation);
        // A recovery point is made of what is applied.
        let takes_effect = !waits && !stalls;
        let due = if takes_effect { receiver.next_point(log.kind, now) } else { None };
        let (point, kind, vss_failed) = log.counts_as(due);
        if vss_failed {
            receiver.counters.count_consistent_failure();
        }
        let planned = log.kind == ReplicationType::Planned;
        let applied = if planned { now } else { applied };
        if waits {
            // Before the initial replica is there, logs are kept for it.
            receiver.becomes(log.reach);
        }
        receiver.received(log.reach, kind, now, takes_effect.then_some(applied));
        let relays = vm.sender(Leg::Extended).is_some();
        let mut push = |change| out.push(Event { at: now, host: to, change });
        let relationship = RelationshipId::primary(id);
        push(Change::LogReceived { id: relationship, bytes });
        if stalls {
            push(Change::ApplyFailed { id: relationship });
        }
        if let Some(kind) = point {
            self.add_point(to, id, kind, out);
        }
        Ok(Taken { kind, waits, vss_failed, relays })
    }

    /// A replica cannot take a log because a disk is gone: both ends are in error.
    fn disk_is_missing(
        &mut self,
        host: HostId,
        id: VmId,
        waits: bool,
        out: &mut Vec<Event>,
    ) -> Turned {
        let work = if waits { Work::Initial } else { Work::Replication };
        self.edit(host, id, Cause::Happening(Happening::DiskLost), out, |vm| {
            if let Some(receiver) = vm.receiver_mut() {
                receiver.phase = Receiving::Critical(work);
            }
        });
        Turned::DiskMissing
    }

    fn add_point(&mut self, host: HostId, vm: VmId, kind: RecoveryPointKind, out: &mut Vec<Event>) {
        let now = self.now;
        let id = PointId(self.mint());
        let Some(receiver) = self.vm_mut(host, vm).and_then(VmState::receiver_mut) else { return };
        let point = RecoveryPoint { id, kind, created: now, position: receiver.held.position };
        receiver.add_point(point);
        let change = Change::PointCreated { vm, point: id, kind };
        out.push(Event { at: now, host, change });
    }
}
