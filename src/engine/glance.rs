//! What an oracle looks at after every step, borrowed: nothing is copied that stayed as it was.

use super::World;
use super::input::Caller;
use super::job::JobRecord;
use super::vm::VmState;
use crate::model::{
    Call, HostId, JobId, Leg, RecoveryPoint, Relationship, RelationshipId, Vm, VmId, WindowsBuild,
};
use std::sync::Arc;

/// A virtual machine on a host.
#[derive(Clone, Copy)]
pub(crate) struct Glance<'a> {
    world: &'a World,
    host: HostId,
    id: VmId,
    state: &'a VmState,
}

/// An end of a relationship.
pub(crate) struct GlanceAtEnd {
    pub(crate) relationship: Relationship,
    pub(crate) peer: Option<HostId>,
    /// `RecoveryHistory` of a receiver's settings.
    pub(crate) recovery_history: u16,
}

impl World {
    /// Every host: its name, and whether it is up.
    pub(crate) fn glance_at_hosts(&self) -> impl Iterator<Item = (HostId, &Arc<str>, bool)> {
        (0u16..).zip(&self.hosts).map(|(id, host)| (HostId(id), &host.name, host.up))
    }

    /// The Windows of a host.
    pub(crate) fn build_of(&self, host: HostId) -> Option<WindowsBuild> {
        self.host(host).map(|it| it.build)
    }

    /// Every virtual machine on every host.
    pub(crate) fn glance_at_vms(&self) -> impl Iterator<Item = ((HostId, VmId), Glance<'_>)> {
        let hosts = (0u16..).map(HostId).zip(&self.hosts);
        hosts.flat_map(move |(host, it)| {
            it.vms
                .iter()
                .map(move |(id, state)| ((host, *id), Glance { world: self, host, id: *id, state }))
        })
    }

    /// Every job on every host.
    pub(crate) fn glance_at_jobs(&self) -> impl Iterator<Item = (JobId, HostId, &JobRecord)> {
        let hosts = (0u16..).map(HostId).zip(&self.hosts);
        hosts.flat_map(|(host, it)| it.jobs.iter().map(move |(id, job)| (*id, host, &**job)))
    }

    /// Whether a virtual machine is on a host.
    pub(crate) fn has_vm(&self, host: HostId, id: VmId) -> bool {
        self.vm_state(host, id).is_some()
    }

    /// Whether a job is there.
    pub(crate) fn has_job(&self, id: JobId) -> bool {
        self.record(id).is_some()
    }

    /// Whether a call is sure to begin a job, so that it is not refused.
    pub(crate) fn begins_a_job(&self, host: HostId, caller: Caller, call: &Call) -> bool {
        let Ok(state) = self.host_or_missing(host) else { return false };
        let Ok((_, Some(plan))) = self.judge(host, state, caller, call) else { return false };
        !self.policy.answers_now(call.operation(), plan)
    }
}

impl<'a> Glance<'a> {
    pub(crate) fn vm(self) -> Vm {
        self.state.view(self.id)
    }

    /// How far the guest's writes reach in this copy.
    pub(crate) fn position(self) -> u64 {
        self.state.reach(self.world.now).position
    }

    pub(crate) fn points(self) -> &'a [RecoveryPoint] {
        self.state.receiver().map_or(&[], |it| &it.points)
    }

    pub(crate) fn end(self, leg: Leg) -> Option<GlanceAtEnd> {
        let Self { world, id, state, .. } = self;
        if !state.has_leg(leg) {
            return None;
        }
        let relationship = state.relationship(RelationshipId { vm: id, leg }, world.now);
        let sender = state.sender(leg);
        let receiver = state.receiver().filter(|_| leg == Leg::Primary && sender.is_none());
        let from = |name: &str| match name {
            "" => None,
            name => world.host_named(name),
        };
        Some(GlanceAtEnd {
            relationship,
            peer: match receiver {
                Some(it) => from(&it.settings.primary_host),
                None => sender.map(|it| it.peer),
            },
            recovery_history: receiver.map_or(0, |it| it.settings.recovery_history),
        })
    }

    /// Whether this copy and another that was made of it were written to apart: only then may both
    /// hold what the other lacks.
    pub(crate) fn has_parted(self) -> bool {
        let Self { world, host, id, state } = self;
        let line = state.reach(world.now).line;
        let others = (0..host.0).filter_map(|other| world.vm_state(HostId(other), id));
        others.map(|it| it.reach(world.now).line).any(|other| other != line)
    }
}
