//! What an oracle looks at after every step, and a walk before one, borrowed: nothing is copied
//! that stayed as it was.

use super::World;
use super::input::Caller;
use super::job::JobRecord;
use super::receiver::Receiver;
use super::vm::VmState;
use crate::model::{
    Call, HostId, JobId, Leg, RecoveryPoint, Relationship, RelationshipId, Vm, VmId,
};
use crate::rules::{Fact, Facts, Situation};
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
    /// Whether anything passes between both hosts.
    pub(crate) connected: bool,
    /// Whether a change log is on its way from here.
    pub(crate) sends: bool,
    /// `RecoveryHistory` of a receiver's settings.
    pub(crate) recovery_history: u16,
}

impl World {
    /// Every host: its name, and whether it is up.
    pub(crate) fn glance_at_hosts(
        &self,
    ) -> impl Iterator<Item = (HostId, (&Arc<str>, bool))> + Clone {
        self.host_ids().zip(self.hosts.iter().map(|it| (&it.name, it.up)))
    }

    /// Every host by its number.
    pub(crate) fn host_ids(&self) -> impl Iterator<Item = HostId> + Clone + use<> {
        (0..u16::try_from(self.hosts.len()).unwrap_or(u16::MAX)).map(HostId)
    }

    /// The name of a host.
    pub(crate) fn host_name(&self, host: HostId) -> Option<&str> {
        self.host(host).map(|it| &*it.name)
    }

    /// Every virtual machine on every host, in order.
    pub(crate) fn glance_at_vms(
        &self,
    ) -> impl Iterator<Item = ((HostId, VmId), Glance<'_>)> + Clone {
        self.host_ids().zip(&self.hosts).flat_map(move |(host, it)| {
            let glance = move |id, state| Glance { world: self, host, id, state };
            it.vms.iter().map(move |(id, state)| ((host, *id), glance(*id, state)))
        })
    }

    /// The virtual machines on a host, in order.
    pub(crate) fn glance_at(&self, host: HostId) -> impl Iterator<Item = Glance<'_>> + Clone {
        let vms = self.host(host).into_iter().flat_map(|it| it.vms.iter());
        vms.map(move |(id, state)| Glance { world: self, host, id: *id, state })
    }

    /// Every job on every host, in order.
    pub(crate) fn glance_at_jobs(
        &self,
    ) -> impl Iterator<Item = (JobId, (HostId, &JobRecord))> + Clone {
        let hosts = self.host_ids().zip(&self.hosts);
        hosts.flat_map(|(host, it)| it.jobs.iter().map(move |(id, job)| (*id, (host, &**job))))
    }

    /// The jobs on a host, in order.
    pub(crate) fn job_ids(&self, host: HostId) -> impl Iterator<Item = JobId> + Clone {
        self.host(host).into_iter().flat_map(|it| it.jobs.keys().copied())
    }

    /// A folder that an initial replica of a virtual machine was exported to.
    pub(crate) fn exported_to(&self, vm: VmId) -> Option<&str> {
        let mut from = self.exports.range((vm, String::new())..);
        from.next().filter(|((of, _), _)| *of == vm).map(|((_, folder), _)| &**folder)
    }

    /// Whether a call is sure to begin a job, so that it is not refused.
    pub(crate) fn begins_a_job(&self, host: HostId, caller: Caller, call: &Call) -> bool {
        let Ok(state) = self.host_or_missing(host) else { return false };
        let Ok((_, Some(plan), _)) = self.judge(host, state, caller, call) else { return false };
        !self.policy.answers_now(state.build, call.operation(), plan)
    }
}

impl<'a> Glance<'a> {
    pub(crate) const fn id(self) -> VmId {
        self.id
    }

    pub(crate) fn vm(self) -> Vm {
        self.state.view(self.id)
    }

    /// Brings what was seen of the virtual machine to now.
    pub(crate) fn review(self, seen: &mut Vm) {
        let Self { state, .. } = self;
        let Vm { id: _, name, mode, power, requested, health, test_replica } = seen;
        if !Arc::ptr_eq(name, &state.name) {
            *name = Arc::clone(&state.name);
        }
        (*mode, *power, *requested) = (state.mode(), state.power, state.requested);
        (*health, *test_replica) = (state.health_state(), state.tester);
    }

    /// What guards of a call about this relationship look at, but for most facts.
    pub(crate) fn situation(self, leg: Leg) -> Option<Situation> {
        let Self { world, host, state, .. } = self;
        let host = world.host(host).filter(|it| it.shows(state, leg))?;
        Some(Situation {
            mode: state.mode(),
            state: state.state(leg),
            power: state.power.power(),
            build: host.build,
            facts: Facts::NONE.with(Fact::Sends, state.sender(leg).is_some()),
        })
    }

    /// How far the guest's writes reach in this copy.
    pub(crate) fn position(self) -> u64 {
        self.state.reach(self.world.now).position
    }

    /// How far what a replica has received reaches.
    pub(crate) fn received(self) -> Option<u64> {
        self.state.receiver().map(|it| it.held.position)
    }

    /// How far what a replica has applied reaches.
    pub(crate) fn applied(self) -> Option<u64> {
        self.state.receiver().map(|it| it.applied(self.world.now).position)
    }

    pub(crate) fn points(self) -> &'a [RecoveryPoint] {
        self.state.receiver().map_or(&[], |it| it.listed(self.world.now))
    }

    #[inline]
    pub(crate) fn end(self, leg: Leg) -> Option<GlanceAtEnd> {
        let Self { world, host, id, state } = self;
        if !state.has_leg(leg) {
            return None;
        }
        let relationship = state.relationship(RelationshipId { vm: id, leg }, world.now);
        let sender = state.sender(leg);
        let receiver = state.receiver().filter(|_| leg == Leg::Primary && sender.is_none());
        // It goes by the name in its settings, which nearly always is that of whom it hears from.
        let from = |it: &Receiver| {
            let name = &*it.settings.primary_host;
            let known = it.peer.filter(|peer| world.host_name(*peer) == Some(name));
            known.or_else(|| world.host_named(name).filter(|_| !name.is_empty()))
        };
        let peer = match receiver {
            Some(it) => from(it),
            None => sender.map(|it| it.peer),
        };
        Some(GlanceAtEnd {
            relationship,
            peer,
            connected: peer.is_some_and(|peer| world.is_connected(host, peer)),
            sends: sender.is_some_and(|it| it.cycle.sends()),
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
