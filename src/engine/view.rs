//! Reading a world: flat records, as a client of WMI sees them.

use super::health::{Condition, issue};
use super::host::HostState;
use super::vm::VmState;
use super::window::{Window, next_boundary};
use super::{Policy, World};
use crate::model::{
    AuthorizationEntry, Disk, ErrorRecord, HealthState, Host, HostId, Job, JobId, Leg,
    RecoveryPoint, Relationship, RelationshipId, ReplicationHealth, ReplicationType,
    ServiceSettings, Settings, SimTime, Statistics, Vm, VmId,
};
use std::sync::Arc;

impl World {
    /// The seed it began with.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What Windows leaves open, as it is here.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The hosts, in the order in which they joined.
    pub fn hosts(&self) -> impl Iterator<Item = (HostId, Host)> {
        (0u16..).zip(&self.hosts).map(|(id, host)| (HostId(id), host.view(self.now)))
    }

    /// The host of this name, without regard to case.
    pub fn host_named(&self, name: &str) -> Option<HostId> {
        (0u16..)
            .zip(&self.hosts)
            .find(|(_, host)| host.name.eq_ignore_ascii_case(name))
            .map(|(id, _)| HostId(id))
    }

    /// One host.
    pub fn host_view(&self, id: HostId) -> Option<Host> {
        self.host(id).map(|host| host.view(self.now))
    }

    /// Whether a host is up. A host that does not exist is not.
    pub fn is_up(&self, id: HostId) -> bool {
        self.host(id).is_some_and(|host| host.up)
    }

    /// Whether anything passes between two hosts: both are up and the link is whole.
    pub fn is_connected(&self, a: HostId, b: HostId) -> bool {
        self.reaches(a, b)
    }

    /// The settings of a host's replica server.
    pub fn service_settings(&self, host: HostId) -> Option<&ServiceSettings> {
        self.host(host).map(|it| &*it.settings)
    }

    /// Whom a host lets in, in the order of their names.
    pub fn authorization_entries(&self, host: HostId) -> impl Iterator<Item = &AuthorizationEntry> {
        self.host(host).into_iter().flat_map(|it| it.configuration.entries.values())
    }

    /// The virtual machines of a host, in the order of their ids.
    pub fn vms(&self, host: HostId) -> impl Iterator<Item = Vm> {
        self.host(host).into_iter().flat_map(|it| it.vms.iter()).map(|(id, vm)| vm.view(*id))
    }

    /// One virtual machine.
    pub fn vm(&self, host: HostId, id: VmId) -> Option<Vm> {
        self.vm_state(host, id).map(|vm| vm.view(id))
    }

    /// The disks of a virtual machine on a host.
    pub fn disks(&self, host: HostId, id: VmId) -> Option<&[Disk]> {
        self.vm_state(host, id).map(|vm| &*vm.disks)
    }

    /// A relationship. Index 0 exists for every virtual machine, index 1 for every replica since
    /// Windows Server 2012 R2.
    pub fn relationship(&self, host: HostId, id: RelationshipId) -> Option<Relationship> {
        let vm = self.vm_with(host, id.vm, id.leg)?;
        Some(vm.relationship(id, self.now))
    }

    /// A virtual machine that has a relationship of this index.
    fn vm_with(&self, host: HostId, id: VmId, leg: Leg) -> Option<&VmState> {
        let host = self.host(host)?;
        host.vms.get(id).filter(|vm| host.shows(vm, leg))
    }

    /// The host a virtual machine sends to on a relationship, if it sends on it.
    pub fn sends_to(&self, host: HostId, id: RelationshipId) -> Option<HostId> {
        self.vm_state(host, id.vm)?.sender(id.leg).map(|it| it.peer)
    }

    /// The settings of a relationship, which exist as long as that does.
    pub fn settings(&self, host: HostId, id: RelationshipId) -> Option<Settings> {
        let vm = self.vm_with(host, id.vm, id.leg)?;
        let sender = vm.sender(id.leg).map(|it| &it.settings);
        let receiver = || vm.receiver().filter(|_| id.leg == Leg::Primary).map(|it| &it.settings);
        let stored = sender.or_else(receiver).map(|it| Settings::clone(it));
        Some(stored.unwrap_or_else(|| self.policy.settings()))
    }

    /// The recovery points of a virtual machine, oldest first.
    pub fn recovery_points(&self, host: HostId, vm: VmId) -> Option<Vec<RecoveryPoint>> {
        let vm = self.vm_state(host, vm)?;
        Some(vm.receiver().map_or_else(Vec::new, |it| it.listed(self.now).to_vec()))
    }

    /// How far the guest's writes reach in this copy: the number of the last byte.
    pub fn position(&self, host: HostId, vm: VmId) -> Option<u64> {
        self.vm_state(host, vm).map(|vm| vm.reach(self.now).position)
    }

    /// The jobs of a host, in the order in which they were started.
    pub fn jobs(&self, host: HostId) -> impl Iterator<Item = Job> {
        let jobs = self.host(host).into_iter().flat_map(|it| &it.jobs);
        jobs.map(|(id, job)| job.view(*id, self.now))
    }

    /// One job, and the host it is on.
    pub fn job(&self, id: JobId) -> Option<(HostId, Job)> {
        self.record(id).map(|job| (super::host_of(id), job.view(id, self.now)))
    }

    /// The statistics and health issues of a relationship.
    pub fn statistics(
        &self,
        host: HostId,
        id: VmId,
        leg: Leg,
    ) -> Option<(Statistics, Vec<ErrorRecord>)> {
        let now = self.now;
        let vm = self.vm_with(host, id, leg)?;
        let end = next_boundary(now, &self.host(host)?.settings).unwrap_or(SimTime::MAX);
        let condition = vm.condition(leg, now);
        let window = condition.as_ref().map_or(Window::starting(now), |it| it.window);
        let health = condition.as_ref().map_or(ReplicationHealth::NotApplicable, Condition::health);
        let logs = vm.sender(leg).is_some_and(|it| it.phase.logs());
        let pending = if logs { vm.pending(leg, &self.lines, now) } else { 0 };
        let statistics = Statistics {
            pending_bytes: pending,
            last_test_failover: vm.last_test,
            ..window.statistics(end, health)
        };
        let findings = condition.iter().flat_map(Condition::findings);
        Some((statistics, findings.map(|rule| issue(rule, vm)).collect()))
    }
}

impl HostState {
    fn view(&self, now: SimTime) -> Host {
        Host {
            name: self.name.clone(),
            build: self.build,
            utc_offset_min: self.utc_offset_min,
            status: self.status(now),
            providers: Arc::clone(self.providers()),
        }
    }
}

impl VmState {
    pub(super) fn view(&self, id: VmId) -> Vm {
        Vm {
            id,
            name: Arc::clone(&self.name),
            mode: self.mode(),
            power: self.power,
            requested: self.requested,
            health: self.health_state(),
            test_replica: self.tester,
        }
    }

    pub(super) fn health_state(&self) -> HealthState {
        if self.paused_by_storage { HealthState::MajorFailure } else { HealthState::Ok }
    }

    /// A relationship as far as its health goes.
    #[inline]
    fn condition(&self, leg: Leg, now: SimTime) -> Option<Condition> {
        let last = match self.sender(leg) {
            Some(sender) => sender.last_sent,
            None => self.receiver().and_then(|it| it.last_received),
        };
        Some(Condition {
            state: self.state(leg),
            sends: self.sender(leg).is_some(),
            window: self.counters(leg, now)?,
            last,
            now,
        })
    }

    #[inline]
    pub(super) fn relationship(&self, id: RelationshipId, now: SimTime) -> Relationship {
        let condition = self.condition(id.leg, now);
        let mut it = Relationship {
            id,
            state: self.state(id.leg),
            health: condition.as_ref().map_or(ReplicationHealth::NotApplicable, Condition::health),
            failed_over: ReplicationType::None,
            last_type: ReplicationType::None,
            last_replication: None,
            last_apply: None,
            last_application_consistent: None,
        };
        if let Some(sender) = self.sender(id.leg) {
            it.last_type = sender.last_type;
            it.last_replication = sender.last_sent;
            it.last_application_consistent = sender.last_consistent;
        } else if let Some(receiver) = self.receiver().filter(|_| id.leg == Leg::Primary) {
            let recovery = receiver.phase.recovery();
            it.failed_over = recovery.map_or(ReplicationType::None, |it| it.kind);
            it.last_type = receiver.last_type;
            it.last_replication = receiver.last_received;
            it.last_apply = receiver.last_apply(now);
            it.last_application_consistent = receiver.last_consistent;
        }
        it
    }
}
