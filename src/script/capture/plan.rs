//! From an inventory to what has to be re-enacted: hosts, virtual machines, relationships.

use super::inventory::{HostRecord, Inventory, VmRecord};
use crate::engine::{HostSpec, VmSpec};
use crate::model::{
    Adapter, AdapterId, Certificate, Disk, DiskId, EnabledState, FailoverNetworkAdapterSettings,
    GuestSystem, IN_BOX_PROVIDER, Leg, ReplicationMode, ReplicationState, Settings, VmId,
};
use std::sync::Arc;

/// The disks of a line that says none, in bytes, and what is used of them.
const DISK_BYTES: (u64, u64) = (127 << 30, 20 << 30);
/// What the guest of a line that says nothing writes, in bytes a second.
const WRITE_RATE: u64 = 1 << 20;

/// What is to be re-enacted.
#[derive(Debug, Default)]
pub(super) struct Plan {
    pub(super) hosts: Vec<HostSpec>,
    /// Where, what.
    pub(super) vms: Vec<(Arc<str>, VmSpec)>,
    /// Those that a replica waits in, marked but without a primary.
    pub(super) waiting: Vec<(Arc<str>, VmId)>,
    /// The first legs of chains before the second ones.
    pub(super) legs: Vec<LegPlan>,
    /// What is left of each virtual machine in the end.
    pub(super) ends: Vec<End>,
}

/// A relationship and what both sides are to come to.
#[derive(Debug)]
pub(super) struct LegPlan {
    pub(super) vm: VmId,
    pub(super) leg: Leg,
    pub(super) from: Arc<str>,
    pub(super) to: Arc<str>,
    pub(super) settings: Settings,
    pub(super) sender: ReplicationState,
    pub(super) receiver: ReplicationState,
    /// How many recovery points the receiver has.
    pub(super) points: usize,
    /// What becomes of the sending and of the receiving virtual machine, where one of them is no
    /// more in this relationship.
    pub(super) sending: Side,
    pub(super) receiving: Side,
}

/// Whether a side of a relationship is as it was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// It is.
    Stays,
    /// It was removed from the relationship, and is a virtual machine of its own.
    Removed,
    /// It was removed and deleted.
    Gone,
}

/// A virtual machine in the end.
#[derive(Debug)]
pub(super) struct End {
    pub(super) host: Arc<str>,
    pub(super) vm: VmId,
    pub(super) power: EnabledState,
    pub(super) network: Vec<FailoverNetworkAdapterSettings>,
    /// The power of its test replica, if it has one.
    pub(super) test_replica: Option<EnabledState>,
}

impl Plan {
    pub(super) fn of(inventory: &Inventory) -> Self {
        let mut plan = Self::default();
        plan.hosts.extend(inventory.hosts.iter().map(host_spec));
        for host in &inventory.hosts {
            for vm in host.vms.iter().filter(|it| it.vm.mode == ReplicationMode::Primary) {
                plan.sends(inventory, host, vm, Leg::Primary);
            }
        }
        for host in &inventory.hosts {
            for vm in host.vms.iter().filter(|it| it.vm.mode == ReplicationMode::Replica) {
                plan.waits_or_lost_its_primary(inventory, host, vm);
            }
        }
        for host in &inventory.hosts {
            for vm in host.vms.iter().filter(|it| it.vm.mode == ReplicationMode::Replica) {
                plan.sends(inventory, host, vm, Leg::Extended);
            }
        }
        for host in &inventory.hosts {
            for vm in host.vms.iter().filter(|it| it.vm.mode != ReplicationMode::TestReplica) {
                plan.define_if_nothing_makes_it(host, vm);
                plan.ends.push(End {
                    host: Arc::clone(&host.host.name),
                    vm: vm.vm.id,
                    power: vm.vm.power,
                    network: vm.network.clone(),
                    test_replica: vm
                        .vm
                        .test_replica
                        .map(|test| host.vm(test).map_or(EnabledState::Disabled, |it| it.vm.power)),
                });
            }
        }
        plan
    }

    /// How many hours before the end initial replication has to begin, so that the receiver has its
    /// recovery points. One that has all that it keeps may begin earlier, and does if it is extended
    /// to one that needs that.
    pub(super) fn hours_of(&self, leg: &LegPlan) -> usize {
        let of = |it: &LegPlan| it.points.max(1);
        let keeps = usize::from(leg.settings.recovery_history);
        let extended = |it: &&LegPlan| it.vm == leg.vm && it.leg == Leg::Extended;
        match (leg.leg, self.legs.iter().find(extended)) {
            (Leg::Primary, Some(next)) if leg.points >= keeps => of(leg).max(of(next)),
            (Leg::Extended, _) => {
                let first = |it: &&LegPlan| it.vm == leg.vm && it.leg == Leg::Primary;
                let before = self.legs.iter().find(first).map_or(1, |it| self.hours_of(it));
                of(leg).min(before)
            }
            _ => of(leg),
        }
    }

    /// A relationship on which a virtual machine sends.
    fn sends(&mut self, inventory: &Inventory, host: &HostRecord, vm: &VmRecord, leg: Leg) {
        let Some(of) = vm.leg(leg) else { return };
        let name = peer(&of.settings.recovery_host, &of.settings.recovery_connection_point);
        let receiving = match leg {
            Leg::Primary => ReplicationMode::Replica,
            Leg::Extended => ReplicationMode::ExtendedReplica,
        };
        let there = inventory.host(name);
        let to = there.map_or_else(|| name.into(), |it| Arc::clone(&it.host.name));
        let copy = there.and_then(|it| it.vm(vm.vm.id));
        let taken = self.receives(&to, vm.vm.id);
        let receiver = copy.filter(|it| it.vm.mode == receiving && !taken);
        let side = match (there, copy) {
            (Some(_), None) => Side::Gone,
            (Some(_), Some(it)) if it.vm.mode == ReplicationMode::None => Side::Removed,
            _ => Side::Stays,
        };
        if taken || copy.is_some_and(|it| it.vm.mode == ReplicationMode::Primary) {
            return;
        }
        if there.is_none() {
            self.stand_in(&to, host, &of.settings);
        }
        self.certify(&host.host.name, &of.settings.certificate_thumbprint);
        self.legs.push(LegPlan {
            vm: vm.vm.id,
            leg,
            from: Arc::clone(&host.host.name),
            to,
            settings: of.settings.clone(),
            sender: of.relationship.state,
            receiver: receiver.map_or(of.relationship.state, |it| it.state(Leg::Primary)),
            points: receiver.map_or(0, |it| it.points.len()),
            sending: Side::Stays,
            receiving: side,
        });
        if leg == Leg::Primary {
            self.define(&host.host.name, vm);
        }
    }

    /// A replica that no captured primary sends to.
    fn waits_or_lost_its_primary(
        &mut self,
        inventory: &Inventory,
        host: &HostRecord,
        vm: &VmRecord,
    ) {
        let Some(of) = vm.leg(Leg::Primary).filter(|_| !self.receives(&host.host.name, vm.vm.id))
        else {
            return;
        };
        let name = peer(&of.settings.primary_host, &of.settings.primary_connection_point);
        if name.is_empty() {
            self.define(&host.host.name, vm);
            self.waiting.push((Arc::clone(&host.host.name), vm.vm.id));
            return;
        }
        let there = inventory.host(name);
        let from = there.map_or_else(|| name.into(), |it| Arc::clone(&it.host.name));
        let copy = there.and_then(|it| it.vm(vm.vm.id));
        let sending = match (there, copy) {
            (None, _) => Side::Stays,
            (Some(_), None) => Side::Gone,
            (Some(_), Some(it)) if it.vm.mode == ReplicationMode::None => Side::Removed,
            // It is in another relationship, and nothing leads to both.
            (Some(_), Some(_)) => return,
        };
        if there.is_none() {
            self.stand_in(&from, host, &of.settings);
        }
        self.certify(&from, &of.settings.certificate_thumbprint);
        self.define(&from, copy.unwrap_or(vm));
        let state = of.relationship.state;
        self.legs.push(LegPlan {
            vm: vm.vm.id,
            leg: Leg::Primary,
            from,
            to: Arc::clone(&host.host.name),
            settings: of.settings.clone(),
            sender: match state {
                ReplicationState::WaitingForInitialReplication => ReplicationState::Ready,
                _ => ReplicationState::Replicating,
            },
            receiver: state,
            points: vm.points.len(),
            sending,
            receiving: Side::Stays,
        });
    }

    /// Whether a relationship makes this virtual machine on this host.
    fn receives(&self, host: &str, vm: VmId) -> bool {
        self.legs.iter().any(|it| it.vm == vm && *it.to == *host)
    }

    fn define_if_nothing_makes_it(&mut self, host: &HostRecord, vm: &VmRecord) {
        let defined =
            |(at, spec): &(Arc<str>, VmSpec)| spec.id == vm.vm.id && *at == host.host.name;
        if !self.vms.iter().any(defined) && !self.receives(&host.host.name, vm.vm.id) {
            self.define(&host.host.name, vm);
        }
    }

    fn define(&mut self, host: &Arc<str>, vm: &VmRecord) {
        let off = [EnabledState::Disabled, EnabledState::ShuttingDown];
        let mut disks = vec![0];
        let included = vm.legs.iter().filter_map(|it| it.settings.included_disks.as_ref());
        if let Some(last) = included.clone().flatten().map(|it| it.0).max() {
            disks = (0..=last).collect();
            let all = included.clone().all(|it| it.len() == disks.len());
            // One is left out, so there is one more than those.
            disks.extend(last.checked_add(1).filter(|_| all));
        }
        let adapters = vm.network.iter().map(|it| it.adapter.0).max().unwrap_or(0);
        let disk =
            |id| Disk { id: DiskId(id), capacity_bytes: DISK_BYTES.0, used_bytes: DISK_BYTES.1 };
        let spec = VmSpec {
            id: vm.vm.id,
            name: Arc::clone(&vm.vm.name),
            running: !off.contains(&vm.vm.power) && vm.vm.mode != ReplicationMode::Replica,
            disks: disks.into_iter().map(disk).collect(),
            write_rate: WRITE_RATE,
            guest: GuestSystem::Windows,
            adapters: (0..=adapters).map(|it| Adapter::synthetic(AdapterId(it))).collect(),
        };
        self.vms.push((Arc::clone(host), spec));
    }

    /// A host that was not captured, for the other side of a relationship.
    fn stand_in(&mut self, name: &Arc<str>, like: &HostRecord, settings: &Settings) {
        if self.hosts.iter().any(|it| it.name.eq_ignore_ascii_case(name)) {
            return;
        }
        let mut spec = HostSpec { build: like.host.build, ..HostSpec::trusting(name) };
        spec.providers = external(like);
        if let Some(kind) = settings.authentication {
            use crate::model::AllowedAuthentication::{Certificate as OfCertificate, Kerberos};
            use crate::model::AuthenticationType;
            let server = &mut spec.settings;
            match kind {
                AuthenticationType::Kerberos => {
                    server.allowed_authentication = Kerberos;
                    server.http_port = settings.recovery_server_port;
                }
                AuthenticationType::Certificate => {
                    server.allowed_authentication = OfCertificate;
                    server.https_port = settings.recovery_server_port;
                    server.certificate_thumbprint.clone_from(&settings.certificate_thumbprint);
                }
            }
        }
        self.hosts.push(spec);
        self.certify(name, &settings.certificate_thumbprint);
    }

    /// A host has the certificate that it uses; that it is a good one, nobody can read.
    fn certify(&mut self, host: &str, thumbprint: &str) {
        if thumbprint.is_empty() {
            return;
        }
        for spec in self.hosts.iter_mut().filter(|it| *it.name == *host) {
            let known = |it: &Certificate| it.thumbprint.eq_ignore_ascii_case(thumbprint);
            if !spec.certificates.iter().any(known) {
                spec.certificates.push(Certificate::of(host, thumbprint));
            }
        }
    }
}

/// The host that settings name, or else the point at which it is reached.
fn peer<'a>(host: &'a str, connection_point: &'a str) -> &'a str {
    if host.is_empty() { connection_point } else { host }
}

fn external(it: &HostRecord) -> Vec<crate::model::ReplicationProvider> {
    it.host.providers.iter().filter(|it| it.name != IN_BOX_PROVIDER).cloned().collect()
}

fn host_spec(it: &HostRecord) -> HostSpec {
    let thumbprint = &it.settings.certificate_thumbprint;
    let own = Certificate::of(&it.host.name, thumbprint);
    HostSpec {
        build: it.host.build,
        settings: it.settings.clone(),
        entries: it.entries.clone(),
        certificates: Some(own).filter(|_| !thumbprint.is_empty()).into_iter().collect(),
        providers: external(it),
        ..HostSpec::trusting(&it.host.name)
    }
}
