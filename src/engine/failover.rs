//! The effects of failing over, back and for a test, and of preparing for it.

use super::World;
use super::event::{Change, Event};
use super::finish::Failed;
use super::host::Turned;
use super::message::Message;
use super::vm::{Guest, Receiver, Receiving, Recovery, Role, Sending, VmState};
use crate::model::{
    Call, EnabledState, HostId, JobId, Leg, Operation, PointId, ReplicationType, Settings, VmId,
};
use crate::rules::Cause;
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
        let by = Cause::Call(Operation::InitiateFailover);
        self.edit(host, id, by, out, |vm| {
            let receiver = vm.receiver_mut().ok_or(Failed::GONE)?;
            let recovery = receiver.recovery(*point).ok_or(Failed::GONE)?;
            receiver.phase = Receiving::FailedOver(recovery);
            vm.guest.reset(recovery.position);
            Ok(())
        })
        .unwrap_or(Err(Failed::GONE))
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
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let next = self.now;
        let by = Cause::Call(Operation::RevertFailover);
        let resumes = self
            .edit(host, id, by, out, |vm| match &mut vm.role {
                Role::Primary(sender) if sender.phase == Sending::Synced => {
                    sender.phase = Sending::Replicating;
                    Ok(true)
                }
                Role::Replica { inbound, .. } | Role::Extended { inbound } => {
                    if matches!(inbound.phase, Receiving::FailedOver(_)) {
                        inbound.phase = Receiving::Replicating;
                    }
                    let held = inbound.held;
                    vm.guest.reset(held);
                    Ok(false)
                }
                _ => Err(Failed::GONE),
            })
            .unwrap_or(Err(Failed::GONE))?;
        if resumes {
            self.arm(host, id, Leg::Primary, next);
        }
        Ok(())
    }

    pub(super) fn commit(
        &mut self,
        host: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let by = Cause::Call(Operation::CommitFailover);
        self.edit(host, id, by, out, |vm| {
            let receiver = vm.receiver_mut().ok_or(Failed::GONE)?;
            let Receiving::FailedOver(recovery) = receiver.phase else { return Err(Failed::GONE) };
            receiver.phase = Receiving::Committed(recovery);
            receiver.held = recovery.position;
            receiver.points.clear();
            Ok(())
        })
        .unwrap_or(Err(Failed::GONE))
    }

    /// Whether the provider can reach the new primary's side, from which it fails back.
    pub(super) fn failback_source(&self, host: HostId, id: VmId) -> Result<(), Failed> {
        let receiver = self.vm_state(host, id).and_then(VmState::receiver).ok_or(Failed::GONE)?;
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
        let by = Cause::Call(Operation::InitiateFailback);
        self.edit(host, id, by, out, |vm| {
            let receiver = vm.receiver_mut().ok_or(Failed::GONE)?;
            let recovery = receiver.phase.recovery().ok_or(Failed::GONE)?;
            receiver.phase = Receiving::FailedBack(recovery);
            Ok(())
        })
        .unwrap_or(Err(Failed::GONE))
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
        let vm = self.vm_mut(host, id).ok_or(Failed::GONE)?;
        let recovery = vm.receiver().and_then(|it| it.recovery(point)).ok_or(Failed::GONE)?;
        (vm.tester, vm.last_test) = (Some(made), Some(now));
        let test = VmState {
            name: format!("{} - Test", vm.name).into(),
            disks: vm.disks.clone(),
            guest: Guest { rate: vm.guest.rate, position: recovery.position, since: None },
            power: EnabledState::Disabled,
            requested: None,
            power_job: None,
            lock: None,
            role: Role::Test { of: id },
            tester: None,
            last_test: None,
            network: vm.network.clone(),
            entry: None,
        };
        self.hosts[usize::from(host.0)].vms.insert(made, Arc::new(test));
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
            let position = vm.position(now);
            let mut inbound = Receiver::new(None, Arc::new(Settings::default()), now);
            inbound.held = position;
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
        let position = vm.source(leg, now);
        let sender = vm.sender(leg).ok_or(Failed::GONE)?;
        let kind = ReplicationType::Planned;
        let log =
            Message::Log { from: sender.sent, position, kind, took: self.policy.link_latency };
        self.deliver(host, sender.peer, id, log, out)?;
        self.disarm(host, id, leg);
        let by = Cause::Call(Operation::PrepareFailover);
        self.edit(host, id, by, out, |vm| {
            if let Some(sender) = vm.sender_mut(leg) {
                sender.phase = Sending::Synced;
                sender.sent = position;
                (sender.last_sent, sender.last_type) = (Some(now), kind);
                sender.failures = 0;
            }
        });
        Ok(())
    }
}

impl Receiver {
    /// What a failover to this point, or to the latest state, recovers.
    fn recovery(&self, point: Option<PointId>) -> Option<Recovery> {
        match point {
            None => Some(Recovery { kind: self.last_type, position: self.held }),
            Some(id) => {
                let point = self.points.iter().find(|it| it.id == id)?;
                let kind = point.kind.replication_type();
                Some(Recovery { kind, position: point.position })
            }
        }
    }
}
