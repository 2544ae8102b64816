//! What hosts say to each other. The protocol is ours: the real one between hosts is not modelled.
//!
//! A message is a visit: it is carried only if both hosts are up and the link passes, and the
//! answer is known when it returns. How long it takes is for the phases of jobs to say.

use super::World;
use super::event::{Change, Event};
use super::host::{Turned, admits};
use super::vm::{Guest, Receiver, Receiving, Role, Sending, VmState};
use crate::model::{
    Disk, EnabledState, HostId, Leg, PointId, RecoveryPoint, RecoveryPointKind, RelationshipId,
    ReplicationState, ReplicationType, Settings, SimTime, VmId,
};
use crate::rules::constants::POINT_SPACING;
use crate::rules::{Cause, Happening};
use std::sync::Arc;
use std::time::Duration;

/// A message from the sending end of a relationship to its receiving end. The other way there is
/// only [`World::withdraw_from_resync`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Message<'a> {
    /// Be my replica.
    Enroll {
        name: &'a Arc<str>,
        disks: &'a Arc<[Disk]>,
        rate: u64,
        settings: &'a Arc<Settings>,
        extended: bool,
    },
    /// These are our settings now.
    Settings(&'a Arc<Settings>),
    /// All disks, up to here.
    InitialReplica { position: u64 },
    /// What was written from one position to another.
    Log { from: u64, position: u64, kind: ReplicationType, took: Duration },
    /// Blocks will be compared.
    ResyncBegins,
    /// The comparison is halted, or goes on.
    ResyncHalted(bool),
    /// The comparison is over: merged up to here, or without result.
    ResyncEnds { position: Option<u64> },
    /// The set of disks is being changed, or that is over.
    DisksUpdate(bool),
    /// You are the replica of a primary now; it was an extended replica's.
    Adopt(&'a Arc<Settings>),
}

/// How a log was taken.
#[derive(Clone, Copy, Debug)]
pub(super) struct Taken {
    /// What it counts as.
    pub(super) kind: ReplicationType,
    /// The receiver still waits for its initial replica.
    pub(super) waits: bool,
}

impl World {
    /// Whether anything can pass from one host to another.
    pub(super) fn reaches(&self, from: HostId, to: HostId) -> bool {
        let up = |id| self.host(id).is_some_and(|host| host.up);
        up(from) && up(to) && self.fabric.passes(from, to)
    }

    /// The host of this name, if one can be reached.
    pub(super) fn resolve(&self, from: HostId, name: &str) -> Result<HostId, Turned> {
        let to = self.host_named(name).ok_or(Turned::UnknownHost)?;
        if self.reaches(from, to) { Ok(to) } else { Err(Turned::Unreachable) }
    }

    /// Whether the replica server of a host would let a sender in with these settings.
    pub(super) fn admits(
        &self,
        from: HostId,
        to: HostId,
        settings: &Settings,
    ) -> Result<(), Turned> {
        if !self.reaches(from, to) {
            return Err(Turned::Unreachable);
        }
        let host = self.host(to).ok_or(Turned::UnknownHost)?;
        let sender = self.host(from).ok_or(Turned::UnknownHost)?;
        admits(host, sender, settings, self.now)
    }

    /// The receiving end of this relationship on the other host, if that lets the sender in.
    fn receiving_end(
        &self,
        from: HostId,
        to: HostId,
        id: VmId,
    ) -> Result<(&VmState, &Receiver), Turned> {
        let (vm, receiver) = self.known_end(from, to, id)?;
        self.admits(from, to, &receiver.settings).map(|()| (vm, receiver))
    }

    /// The receiving end of this relationship on the other host, whether that lets the sender in
    /// or not.
    fn known_end(
        &self,
        from: HostId,
        to: HostId,
        id: VmId,
    ) -> Result<(&VmState, &Receiver), Turned> {
        if !self.reaches(from, to) {
            return Err(Turned::Unreachable);
        }
        let vm = self.vm_state(to, id).ok_or(Turned::NoReplica)?;
        let receiver = vm.receiver().ok_or(Turned::NoReplica)?;
        let known = match receiver.peer {
            Some(peer) => peer == from || self.same_trust_group(to, vm, peer, from),
            None => false,
        };
        if known { Ok((vm, receiver)) } else { Err(Turned::NoReplica) }
    }

    /// Whether a host may stand in for a replica's own primary: its entry has the same tag.
    fn same_trust_group(&self, host: HostId, vm: &VmState, peer: HostId, other: HostId) -> bool {
        let Some(host) = self.host(host) else { return false };
        let entry = |id| self.host(id).and_then(|it| host.entry_for(&it.name));
        let own = vm.entry.as_ref().and_then(|name| host.entry(name)).or_else(|| entry(peer));
        match (own, entry(other)) {
            (Some(own), Some(other)) => {
                own.allowed_primary != "*" && own.trust_group == other.trust_group
            }
            _ => false,
        }
    }

    /// Whether a log would be taken now.
    pub(super) fn may_deliver(&self, from: HostId, to: HostId, id: VmId) -> Result<(), Turned> {
        let (vm, receiver) = self.receiving_end(from, to, id)?;
        match vm.state(Leg::Primary) {
            ReplicationState::Replicating => Ok(()),
            ReplicationState::WaitingForInitialReplication if receiver.peer.is_some() => Ok(()),
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
        id: VmId,
        log: Message<'_>,
        out: &mut Vec<Event>,
    ) -> Result<Taken, Turned> {
        let Message::Log { from: start, position, kind, took } = log else {
            return Err(Turned::NoReplica);
        };
        self.may_deliver(from, to, id)?;
        let now = self.now;
        let applied = now + self.policy.apply;
        let settings = self.hosts[usize::from(to.0)].settings.clone();
        let receiver =
            self.vm_mut(to, id).and_then(VmState::receiver_mut).ok_or(Turned::NoReplica)?;
        let waits = receiver.phase == Receiving::Waiting;
        if !waits && receiver.held != start {
            return Err(Turned::OutOfSequence);
        }
        let bytes = position.saturating_sub(start);
        receiver.counters = receiver.counters.at(now, &settings);
        receiver.counters.count_success(bytes, took);
        receiver.held = position;
        let point = if waits { None } else { receiver.next_point(kind, now) };
        let kind = match point {
            Some(RecoveryPointKind::ApplicationConsistent) => {
                ReplicationType::ApplicationConsistent
            }
            _ => kind,
        };
        receiver.received(kind, now, applied);
        let change = Change::LogReceived { id: RelationshipId::primary(id), bytes };
        out.push(Event { at: now, host: to, change });
        if let Some(kind) = point {
            self.add_point(to, id, kind, out);
        }
        Ok(Taken { kind, waits })
    }

    fn add_point(&mut self, host: HostId, vm: VmId, kind: RecoveryPointKind, out: &mut Vec<Event>) {
        let now = self.now;
        let id = PointId(self.mint());
        let Some(receiver) = self.vm_mut(host, vm).and_then(VmState::receiver_mut) else { return };
        let point = RecoveryPoint { id, kind, created: now, position: receiver.held };
        receiver.points.push(point);
        receiver.drop_surplus_points();
        let change = Change::PointCreated { vm, point: id, kind };
        out.push(Event { at: now, host, change });
    }

    /// Sends any other message.
    pub(super) fn send(
        &mut self,
        from: HostId,
        to: HostId,
        id: VmId,
        message: Message<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Turned> {
        let now = self.now;
        if let Message::Enroll { settings, .. } = &message {
            self.admits(from, to, settings)?;
            return self.enroll(from, to, id, message, out);
        }
        if let Message::Settings(settings) = &message {
            // The new ones are presented: the old ones may be what has to be repaired.
            self.known_end(from, to, id)?;
            self.admits(from, to, settings)?;
        } else {
            self.receiving_end(from, to, id)?;
        }
        let applied = now + self.policy.apply;
        let by = Cause::Happening(match message {
            Message::InitialReplica { .. } => Happening::InitialReplicationCompleted,
            Message::ResyncBegins => Happening::ResynchronizationStarted,
            Message::ResyncHalted(true) => Happening::ResynchronizationPaused,
            Message::ResyncHalted(false) => Happening::ResynchronizationResumed,
            Message::ResyncEnds { position: Some(_) } => Happening::ResynchronizationCompleted,
            Message::ResyncEnds { position: None } => Happening::ResynchronizationCancelled,
            Message::DisksUpdate(_) => Happening::DisksChanging,
            _ => Happening::PrimaryChanged,
        });
        self.edit(to, id, by, out, |vm| vm.take(from, message, now, applied))
            .unwrap_or(Err(Turned::NoReplica))
    }

    /// The one message the other way: a receiving end tells its sender that it takes part in no
    /// comparison any more.
    pub(super) fn withdraw_from_resync(
        &mut self,
        from: HostId,
        to: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) {
        if !self.reaches(from, to) {
            return;
        }
        let leg = [Leg::Primary, Leg::Extended].into_iter().find(|leg| {
            let sender = self.vm_state(to, id).and_then(|vm| vm.sender(*leg));
            sender.is_some_and(|it| {
                let compares = matches!(it.phase, Sending::Resyncing | Sending::ResyncSuspended);
                it.peer == from && compares
            })
        });
        if let Some(leg) = leg {
            self.end_transfer(to, id, leg, out);
            self.needs_resync(to, id, leg, Happening::ResynchronizationCancelled, out);
        }
    }

    /// Creates the replica, or binds one that waits, marked, for its primary.
    fn enroll(
        &mut self,
        from: HostId,
        to: HostId,
        id: VmId,
        message: Message<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Turned> {
        let now = self.now;
        let Message::Enroll { name, disks, rate, settings, extended } = message else {
            return Err(Turned::NoReplica);
        };
        let by = Cause::Happening(Happening::PrimaryEnrolled);
        if self.vm_state(to, id).is_some() {
            return self
                .edit(to, id, by, out, |vm| vm.bind(from, settings, extended))
                .unwrap_or(Err(Turned::NoReplica));
        }
        let storage = self.host(to).zip(self.host(from));
        if storage.is_some_and(|(host, sender)| !host.stores_for(&sender.name)) {
            return Err(Turned::NoStorage);
        }
        let included = |disk: &&Disk| {
            settings.included_disks.as_ref().is_none_or(|ids| ids.contains(&disk.id))
        };
        let replica = VmState {
            name: name.clone(),
            disks: disks.iter().filter(included).copied().collect(),
            guest: Guest { rate, position: 0, since: None },
            power: EnabledState::Disabled,
            requested: None,
            power_job: None,
            lock: None,
            role: Role::None,
            tester: None,
            last_test: None,
            network: None,
            entry: None,
        };
        self.hosts[usize::from(to.0)].vms.insert(id, Arc::new(replica));
        out.push(Event { at: now, host: to, change: Change::VmCreated { vm: id } });
        self.edit(to, id, by, out, |vm| {
            let inbound = Receiver::new(Some(from), settings.clone(), now);
            vm.role = if extended {
                Role::Extended { inbound }
            } else {
                Role::Replica { inbound, onward: None }
            };
        });
        Ok(())
    }
}

impl VmState {
    /// A marked replica takes its primary.
    fn bind(
        &mut self,
        from: HostId,
        settings: &Arc<Settings>,
        extended: bool,
    ) -> Result<(), Turned> {
        let Role::Replica { inbound, onward: None } = &mut self.role else {
            return Err(Turned::Occupied);
        };
        let waits = inbound.phase == Receiving::Waiting && self.lock.is_none();
        if !waits || inbound.peer.is_some_and(|peer| peer != from) {
            return Err(Turned::Occupied);
        }
        (inbound.peer, inbound.settings) = (Some(from), settings.clone());
        if extended {
            self.role = Role::Extended { inbound: inbound.clone() };
        }
        Ok(())
    }

    /// Takes a message on the receiving end.
    fn take(
        &mut self,
        from: HostId,
        message: Message<'_>,
        now: SimTime,
        applied: SimTime,
    ) -> Result<(), Turned> {
        let shown = self.state(Leg::Primary);
        if let Message::Adopt(settings) = &message {
            let Some(inbound) = self.receiver().cloned() else { return Err(Turned::NoReplica) };
            let inbound = Receiver { peer: Some(from), settings: (*settings).clone(), ..inbound };
            self.role = Role::Replica { inbound, onward: None };
            return Ok(());
        }
        let receiver = self.receiver_mut().ok_or(Turned::NoReplica)?;
        match message {
            Message::Settings(settings) => {
                receiver.settings = settings.clone();
                receiver.drop_surplus_points();
            }
            Message::InitialReplica { position } => match shown {
                ReplicationState::WaitingForInitialReplication => {
                    receiver.phase = Receiving::Replicating;
                    receiver.held = position;
                    receiver.points.clear();
                    receiver.received(ReplicationType::Regular, now, applied);
                }
                ReplicationState::Suspended => return Err(Turned::NotNow),
                _ => return Err(Turned::NoReplica),
            },
            Message::ResyncBegins => match shown {
                ReplicationState::Replicating
                | ReplicationState::Resynchronizing
                | ReplicationState::ResynchronizationSuspended => {
                    receiver.phase = Receiving::Resyncing;
                }
                ReplicationState::Suspended => return Err(Turned::NotNow),
                _ => return Err(Turned::NoMore),
            },
            Message::ResyncHalted(halted) => {
                let from = if halted { Receiving::Resyncing } else { Receiving::ResyncSuspended };
                let to = if halted { Receiving::ResyncSuspended } else { Receiving::Resyncing };
                if receiver.phase == from {
                    receiver.phase = to;
                }
            }
            Message::ResyncEnds { position } => {
                let compared =
                    matches!(receiver.phase, Receiving::Resyncing | Receiving::ResyncSuspended);
                match position {
                    Some(_) if !compared => return Err(Turned::NoMore),
                    Some(position) => {
                        receiver.phase = Receiving::Replicating;
                        receiver.held = position;
                        receiver.points.clear();
                        receiver.received(ReplicationType::Regular, now, applied);
                    }
                    None if compared => receiver.phase = Receiving::Replicating,
                    None => {}
                }
            }
            Message::DisksUpdate(begins) => {
                let from = if begins { Receiving::Replicating } else { Receiving::UpdatingDisks };
                let to = if begins { Receiving::UpdatingDisks } else { Receiving::Replicating };
                if begins && shown != ReplicationState::Replicating {
                    return Err(Turned::NotNow);
                }
                if receiver.phase == from {
                    receiver.phase = to;
                }
            }
            Message::Enroll { .. } | Message::Log { .. } | Message::Adopt(_) => {}
        }
        Ok(())
    }

    /// Whether this old primary can be turned into the replica of the host that asks.
    pub(super) fn is_prepared_for(&self, host: HostId) -> Result<Prepared, Turned> {
        match &self.role {
            Role::Primary(it) if it.phase == Sending::Synced && it.peer == host => {
                Ok(Prepared::Synced)
            }
            Role::Replica { inbound, onward: None }
                if inbound.phase == Receiving::Waiting
                    && inbound.peer.is_none_or(|peer| peer == host)
                    && self.lock.is_none() =>
            {
                Ok(Prepared::Marked)
            }
            _ => Err(Turned::NotPrepared),
        }
    }
}

/// How an old primary is ready for a reversal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prepared {
    /// Prepared for a planned failover: nothing needs to be copied.
    Synced,
    /// Marked as a replica: initial replication is needed.
    Marked,
}

impl Receiver {
    fn received(&mut self, kind: ReplicationType, now: SimTime, applied: SimTime) {
        self.applied_before = self.last_apply(now);
        self.applied_at = Some(applied);
        (self.last_received, self.last_type) = (Some(now), kind);
        if kind == ReplicationType::ApplicationConsistent {
            self.last_consistent = Some(now);
        }
    }

    pub(super) fn drop_surplus_points(&mut self) {
        let keep = usize::from(self.settings.recovery_history);
        let surplus = self.points.len().saturating_sub(keep);
        self.points.drain(..surplus);
    }

    /// The recovery point that this log makes, if any: the first log after each full hour makes
    /// one, the last log of a planned failover always does.
    fn next_point(&self, kind: ReplicationType, now: SimTime) -> Option<RecoveryPointKind> {
        if self.settings.recovery_history == 0 {
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
