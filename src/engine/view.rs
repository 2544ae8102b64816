//! Reading a world: flat records, as a client of WMI sees them.

use super::World;
use super::host::HostState;
use super::vm::VmState;
use super::window::{Window, health};
use crate::model::{
    AuthorizationEntry, HealthIssue, Host, HostId, Job, JobId, Leg, RecoveryPoint, Relationship,
    RelationshipId, ReplicationHealth, ReplicationState, ReplicationType, ServiceSettings,
    Settings, SimTime, Statistics, Vm, VmId,
};
use crate::rules::constants::LAG;
use std::sync::Arc;

impl World {
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
        self.host(host).into_iter().flat_map(|it| it.entries.values()).map(|it| &**it)
    }

    /// The virtual machines of a host, in the order of their ids.
    pub fn vms(&self, host: HostId) -> impl Iterator<Item = Vm> {
        self.host(host).into_iter().flat_map(|it| &it.vms).map(|(id, vm)| vm.view(*id))
    }

    /// One virtual machine.
    pub fn vm(&self, host: HostId, id: VmId) -> Option<Vm> {
        self.vm_state(host, id).map(|vm| vm.view(id))
    }

    /// A relationship. Index 0 exists for every virtual machine, index 1 for every replica.
    pub fn relationship(&self, host: HostId, id: RelationshipId) -> Option<Relationship> {
        let state = self.host(host)?;
        let vm = state.vms.get(&id.vm)?;
        vm.has_leg(id.leg).then(|| vm.relationship(id, self.now, &state.settings))
    }

    /// The host a virtual machine sends to on a relationship, if it sends on it.
    pub fn sends_to(&self, host: HostId, id: RelationshipId) -> Option<HostId> {
        self.vm_state(host, id.vm)?.sender(id.leg).map(|it| it.peer)
    }

    /// The settings of a relationship, which exist as long as that does.
    pub fn settings(&self, host: HostId, id: RelationshipId) -> Option<Settings> {
        let vm = self.vm_state(host, id.vm)?;
        let sender = vm.sender(id.leg).map(|it| &it.settings);
        let receiver = || vm.receiver().filter(|_| id.leg == Leg::Primary).map(|it| &it.settings);
        let stored = sender.or_else(receiver).map(|it| (**it).clone());
        vm.has_leg(id.leg).then(|| stored.unwrap_or_default())
    }

    /// The recovery points of a virtual machine, oldest first.
    pub fn recovery_points(&self, host: HostId, vm: VmId) -> Option<Vec<RecoveryPoint>> {
        let vm = self.vm_state(host, vm)?;
        Some(vm.receiver().map_or_else(Vec::new, |it| it.points.clone()))
    }

    /// How far the guest's writes reach in this copy: the number of the last byte.
    pub fn position(&self, host: HostId, vm: VmId) -> Option<u64> {
        self.vm_state(host, vm).map(|vm| vm.position(self.now))
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
    ) -> Option<(Statistics, Vec<HealthIssue>)> {
        let now = self.now;
        let state = self.host(host)?;
        let vm = state.vms.get(&id)?;
        let relationship = self.relationship(host, RelationshipId { vm: id, leg })?;
        let window = vm.counters(leg).unwrap_or(Window::starting(now)).at(now, &state.settings);
        let pending = vm.sender(leg).map_or(0, |it| vm.source(leg, now).saturating_sub(it.sent));
        let seconds = |it: std::time::Duration| u32::try_from(it.as_secs()).unwrap_or(u32::MAX);
        let statistics = Statistics {
            start: window.start,
            end: now,
            successes: window.successes,
            misses: window.misses,
            size_bytes: window.bytes,
            max_size_bytes: window.max_bytes,
            latency_s: seconds(window.latency),
            max_latency_s: seconds(window.max_latency),
            network_failures: window.network_failures,
            replication_failures: window.failures,
            application_consistent_failures: window.consistent_failures,
            pending_bytes: pending,
            health: relationship.health,
            last_test_failover: vm.last_test,
        };
        Some((statistics, issues(&vm.name, vm.sender(leg).is_some(), &relationship, &window, now)))
    }
}

impl HostState {
    fn view(&self, now: SimTime) -> Host {
        Host {
            name: self.name.clone(),
            build: self.build,
            status: self.status(now),
            providers: Arc::clone(self.providers()),
        }
    }
}

impl VmState {
    fn view(&self, id: VmId) -> Vm {
        Vm {
            id,
            name: Arc::clone(&self.name),
            mode: self.mode(),
            power: self.power,
            requested: self.requested,
            test_replica: self.tester,
        }
    }

    fn counters(&self, leg: Leg) -> Option<Window> {
        let receiver = || self.receiver().filter(|_| leg == Leg::Primary).map(|it| it.counters);
        self.sender(leg).map(|it| it.counters).or_else(receiver)
    }

    fn relationship(
        &self,
        id: RelationshipId,
        now: SimTime,
        server: &ServiceSettings,
    ) -> Relationship {
        let state = self.state(id.leg);
        let mut it = Relationship {
            id,
            state,
            health: ReplicationHealth::NotApplicable,
            failed_over: ReplicationType::None,
            last_type: ReplicationType::None,
            last_replication: None,
            last_apply: None,
            last_application_consistent: None,
        };
        if let Some(sender) = self.sender(id.leg) {
            let window = sender.counters.at(now, server);
            it.health = health(state, true, &window, sender.last_sent, now);
            it.last_type = sender.last_type;
            it.last_replication = sender.last_sent;
            it.last_application_consistent = sender.last_consistent;
        } else if let Some(receiver) = self.receiver().filter(|_| id.leg == Leg::Primary) {
            let window = receiver.counters.at(now, server);
            it.health = health(state, false, &window, receiver.last_received, now);
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

/// What is wrong with a relationship, the worst first.
///
/// The conditions are those of
/// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>;
/// of the numbers only 33414 is Microsoft's.
fn issues(
    name: &str,
    sends: bool,
    relationship: &Relationship,
    window: &Window,
    now: SimTime,
) -> Vec<HealthIssue> {
    use ReplicationHealth::{Critical, Warning};
    use ReplicationState as S;
    let state = relationship.state;
    let behind = relationship.last_replication.is_some_and(|last| now.since(last) > LAG);
    let replicates = matches!(state, S::Replicating | S::Synced | S::DiskUpdateInProgress);
    let paused = if sends { Warning } else { Critical };
    let found = [
        (state == S::Critical, 50_001, Critical, "is in error: fix the cause and resume it"),
        (state == S::WaitingForResynchronization, 50_002, Critical, "needs a resynchronisation"),
        (
            matches!(state, S::Resynchronizing | S::ResynchronizationSuspended),
            50_003,
            Critical,
            "is being resynchronised",
        ),
        (state == S::DiskUpdateCritical, 50_004, Critical, "could not change its set of disks"),
        (state == S::Suspended, 50_005, paused, "is paused"),
        (
            matches!(state, S::Ready | S::WaitingForInitialReplication),
            50_006,
            Warning,
            "has not completed initial replication",
        ),
        (
            matches!(state, S::Recovered | S::Committed),
            50_007,
            Warning,
            "is failed over and not reversed",
        ),
        (
            replicates && window.misses_too_many(),
            50_008,
            Warning,
            "has missed more than 20 percent of its cycles",
        ),
        (replicates && behind, 33_414, Warning, "is behind its primary by more than one hour"),
        (
            replicates && window.is_slow(),
            50_009,
            Warning,
            "takes more than five minutes for a cycle on average",
        ),
    ];
    found
        .into_iter()
        .filter(|it| it.0)
        .map(|(_, message_id, severity, says)| HealthIssue {
            message_id,
            severity,
            message: format!("Replication of virtual machine '{name}' {says}."),
        })
        .collect()
}
