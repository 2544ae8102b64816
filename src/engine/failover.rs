//! The effects of failing over, back and for a test, and of preparing for it.

use super::World;
use super::delivery::{Delivery, Vss};
use super::event::{Change, Event};
use super::finish::Failed;
use super::lines::Reach;
use super::receiver::{Damage, Receiver, Receiving, Recovery};
use super::sender::Sending;
use super::turned::Turned;
use super::vm::{Role, VmState};
use crate::model::{Call, HostId, JobId, Leg, Operation, PointId, ReplicationType, Settings, VmId};
use crate::rules::{Cause, Happening};
use std::sync::Arc;

impl World {
    pub(super) fn fail_over(
        &mut self,
        host: HostId,
        id: VmId,
        call: Option<&Call>,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let Some(Call::InitiateFailover { point, .. }) = call else { return Err(Failed::GONE) };
        let (recovery, reach) = self.recover(host, id, *point)?;
        let line = self.lines.begin(Some(reach), self.now);
        let by = Cause::Call(Operation::InitiateFailover);
        self.try_edit(host, id, by, out, |vm| {
            let receiver = vm.receiver_mut().ok_or(Failed::GONE)?;
            receiver.phase = Receiving::FailedOver(recovery);
            vm.guest.reset(Reach { line, ..reach });
            Arc::make_mut(&mut vm.network).stage();
            Ok(())
        })
    }

    /// What a replica recovers at a point, or at its latest state, and how far that reaches.
    fn recover(
        &self,
        host: HostId,
        id: VmId,
        point: Option<PointId>,
    ) -> Result<(Recovery, Reach), Failed> {
        let receiver = self.receiver(host, id)?;
        let recovery = receiver.recovery(point).ok_or(Failed::GONE)?;
        let created = receiver.points.iter().find(|it| Some(it.id) == point).map(|it| it.created);
        if created.is_some_and(|created| receiver.shrunk.is_some_and(|at| created < at)) {
            return Err(Failed::SHRUNK);
        }
        if created.is_some_and(|created| receiver.damage.hides(created)) {
            return Err(Failed::UNDO_LOG_DAMAGED);
        }
        if receiver.damage.is_below(created) {
            return Err(match point {
                Some(_) => Failed::SNAPSHOT_DAMAGED,
                None => Failed::LATEST_DAMAGED,
            });
        }
        // The latest state is made of everything that was received.
        if point.is_none() && receiver.applied(self.now) != receiver.held {
            return Err(Turned::NotApplied.into());
        }
        Ok((recovery, Reach { line: receiver.held.line, position: recovery.position }))
    }

    /// A failover ends a resynchronisation towards the replica.
    pub(super) fn stop_peers_resync(&mut self, host: HostId, id: VmId, out: &mut Vec<Event>) {
        let receiver = self.vm_state(host, id).and_then(VmState::receiver);
        let Some(Receiver { phase, peer: Some(peer), .. }) = receiver else { return };
        let compares = matches!(phase, Receiving::Resyncing | Receiving::ResyncSuspended);
        let peer = *peer;
        if !compares {
            return;
        }
        if let Some(receiver) = self.vm_mut(host, id).and_then(VmState::receiver_mut) {
            receiver.phase = Receiving::Replicating;
        }
        self.withdraw_from_resync(host, peer, id, out);
    }

    pub(super) fn revert(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let now = self.now;
        if self.vm_state(host, id).is_some_and(|vm| vm.receiver().is_some()) {
            self.unstage(host, id);
        }
        let by = Cause::Call(Operation::RevertFailover);
        if let Some(sender) = self.sender(host, id, leg) {
            // A preparation that was still at work has been taken back already.
            if !matches!(sender.phase, Sending::Synced | Sending::Replicating) {
                return Err(Failed::GONE);
            }
            if let Some(sender) = self.sender_mut(host, id, leg)
                && sender.last_type == ReplicationType::Planned
            {
                sender.last_type = ReplicationType::None;
            }
            self.set_phase(host, id, leg, Sending::Replicating, Operation::RevertFailover, out);
            if let Some(sender) = self.sender_mut(host, id, leg) {
                sender.last_type = ReplicationType::None;
            }
            self.arm(host, id, leg, now);
            return Ok(());
        }
        self.try_edit(host, id, by, out, |vm| {
            let receiver = vm.receiver_mut().ok_or(Failed::GONE)?;
            if matches!(receiver.phase, Receiving::FailedOver(_)) {
                receiver.phase = Receiving::Replicating;
            }
            receiver.last_type = ReplicationType::None;
            let held = receiver.held;
            vm.guest.reset(held);
            Ok(())
        })
    }

    pub(super) fn commit(
        &mut self,
        host: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        self.edit_receiver(host, id, Operation::CommitFailover, out, |receiver| {
            let Receiving::FailedOver(recovery) = receiver.phase else { return Err(Failed::GONE) };
            receiver.phase = Receiving::Committed(recovery);
            receiver.becomes(Reach { position: recovery.position, ..receiver.held });
            receiver.points.clear();
            receiver.damage = Damage::default();
            Ok(())
        })
    }

    /// Whether the provider can reach the new primary's side, from which it fails back.
    pub(super) fn failback_source(&self, host: HostId, id: VmId) -> Result<(), Failed> {
        let receiver = self.receiver(host, id)?;
        let peer = receiver.peer.ok_or(Turned::UnknownHost)?;
        Ok(self.admits(peer, host, &receiver.settings)?)
    }

    /// The provider has brought back what the new primary's side holds.
    pub(super) fn fail_back(
        &mut self,
        host: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        self.failback_source(host, id)?;
        self.edit_receiver(host, id, Operation::InitiateFailback, out, |receiver| {
            let recovery = receiver.phase.recovery().ok_or(Failed::GONE)?;
            receiver.phase = Receiving::FailedBack(recovery);
            Ok(())
        })
    }

    pub(super) fn make_test_replica(
        &mut self,
        host: HostId,
        id: VmId,
        job: JobId,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let now = self.now;
        let point = match self.record(job).and_then(|it| it.call.as_deref()) {
            Some(Call::TestReplicaSystem { point, .. }) => *point,
            _ => return Err(Failed::GONE),
        };
        let made = VmId(self.mint());
        let (_, reach) = self.recover(host, id, point)?;
        let line = self.lines.begin(Some(reach), self.now);
        let vm = self.vm_mut(host, id).ok_or(Failed::GONE)?;
        (vm.tester, vm.last_test) = (Some(made), Some(now));
        let name: Arc<str> = format!("{} - Test", vm.name).into();
        let network = vm.network.of_test();
        let mut test = VmState::new(&name, vm.disks.clone(), vm.guest.rate, line, network);
        test.guest.position = reach.position;
        test.role = Role::Test { of: id };
        self.hosts[usize::from(host.0)].vms.insert(made, test);
        out.push(Event { at: now, host, change: Change::VmCreated { vm: made } });
        if let Some(job) = self.record_mut(job) {
            job.made = Some(made);
        }
        Ok(())
    }

    pub(super) fn become_replica(
        &mut self,
        host: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let now = self.now;
        self.end_transfer(host, id, Leg::Primary, out);
        self.disarm(host, id, Leg::Primary);
        let by = Cause::Call(Operation::BecomeReplica);
        self.edit(host, id, by, out, |vm| {
            let held = vm.reach(now);
            let inbound = Receiver::new(None, Arc::new(Settings::default()), held, now);
            vm.role = Role::Replica { inbound, onward: None };
        })
        .ok_or(Failed::GONE)
    }

    pub(super) fn prepare(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let now = self.now;
        let vm = self.vm_state(host, id).ok_or(Failed::GONE)?;
        let whole = vm.receiver().map_or(vm.guest.reach(now), |it| it.held);
        let tracked = vm.source(leg, &self.lines, now);
        let stuck = vm.receiver().is_some_and(|it| it.applied(now) != it.held);
        let sender = vm.sender(leg).ok_or(Failed::GONE)?;
        if sender.phase != Sending::Replicating {
            return Err(Failed::GONE);
        }
        let (peer, from) = (sender.peer, sender.sent);
        if stuck {
            // What a replica has received and cannot apply would be lost in the failover.
            return Err(Turned::NotApplied.into());
        }
        if whole != tracked {
            self.needs_resync(host, id, leg, Happening::LogInvalid, out);
            return Err(Turned::OutOfSequence.into());
        }
        let kind = ReplicationType::Planned;
        let took = self.policy.link_latency;
        let bytes = tracked.position.saturating_sub(from);
        let log = Delivery { from, reach: tracked, kind, took, vss: Vss::Absent };
        match self.deliver(host, peer, id, log, out) {
            Ok(_) => {}
            Err(Turned::OutOfSequence) => {
                self.needs_resync(host, id, leg, Happening::LogInvalid, out);
                return Err(Turned::OutOfSequence.into());
            }
            Err(turned) => return Err(turned.into()),
        }
        self.disarm(host, id, leg);
        let by = Cause::Call(Operation::PrepareFailover);
        self.edit(host, id, by, out, |vm| {
            if let Some(sender) = vm.sender_mut(leg) {
                sender.phase = Sending::Synced;
                sender.counters.count_success(bytes, took, sender.settings.interval());
                sender.sent = tracked.position;
                (sender.last_sent, sender.last_type) = (Some(now), kind);
                sender.failures = 0;
            }
        });
        Ok(())
    }
}
