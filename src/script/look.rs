//! Looking at a world: what expectations are compared with, and what each side looks like.

use super::facts::{JobFacts, VmFacts};
use super::report::Side;
use crate::engine::World;
use crate::model::{
    ErrorRecord, HostId, Job, Leg, RelationshipId, ReplicationMode, ReplicationState, VmId,
};
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// What there is to know of a virtual machine. Where it can show several things, it is the one
/// that is looked for, if it shows that.
pub(super) fn vm_facts(world: &World, host: HostId, id: VmId, like: &VmFacts) -> Option<VmFacts> {
    let vm = world.vm(host, id)?;
    let points = world.recovery_points(host, id).unwrap_or_default();
    let leg = like.relationship.unwrap_or(Leg::Primary);
    let relationship = world.relationship(host, RelationshipId { vm: id, leg });
    let copy = world.copies(id).into_iter().find(|it| it.host == host);
    let account = world.service_account(id);
    let (statistics, issues) = world.statistics(host, id, leg).unzip();
    let mut issue = issues.iter().flatten().filter_map(ErrorRecord::message_kind);
    Some(VmFacts {
        mode: Some(vm.mode),
        state: relationship.map(|it| it.state),
        health: relationship.map(|it| it.health),
        power: Some(vm.power),
        vm_health: Some(vm.health),
        points: Some(count(points.len())),
        disks: disks(world, host, RelationshipId { vm: id, leg }),
        last: relationship.map(|it| it.last_type),
        failed_over: relationship.map(|it| it.failed_over),
        test_replica: Some(vm.test_replica.is_some()),
        lacks: copy.map(|it| it.missing_bytes),
        own: copy.map(|it| it.own_bytes),
        split_brain: Some(world.is_split_brain(id)),
        outage: Some(account.map_or(Duration::ZERO, |it| it.last_outage)),
        lost: Some(account.map_or(0, |it| it.lost_bytes)),
        address: address(world, host, id, like.address),
        last_replication: relationship.map(|it| it.last_replication.into()),
        last_apply: relationship.map(|it| it.last_apply.into()),
        last_application_consistent: relationship.map(|it| it.last_application_consistent.into()),
        last_test_failover: statistics.map(|it| it.last_test_failover.into()),
        window_start: statistics.map(|it| Some(it.start).into()),
        successes: statistics.map(|it| it.successes),
        misses: statistics.map(|it| it.misses),
        size: statistics.map(|it| it.size_bytes),
        max_size: statistics.map(|it| it.max_size_bytes),
        latency: statistics.map(|it| it.latency_s),
        max_latency: statistics.map(|it| it.max_latency_s),
        network_failures: statistics.map(|it| it.network_failures),
        replication_failures: statistics.map(|it| it.replication_failures),
        application_consistent_failures: statistics.map(|it| it.application_consistent_failures),
        pending: statistics.map(|it| it.pending_bytes),
        issues: issues.as_ref().map(|it| count(it.len())),
        issue: wanted_or_first(&mut issue, like.issue),
        relationship: like.relationship,
    })
}

/// How many disks of a virtual machine a relationship replicates.
fn disks(world: &World, host: HostId, id: RelationshipId) -> Option<u32> {
    let settings = world.settings(host, id)?;
    let included = world.disks(host, id.vm)?.iter().filter(|it| settings.includes(it.id));
    Some(count(included.count()))
}

pub(super) fn count(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The one that is looked for, if it is among them, else the first.
pub(super) fn wanted_or_first<T: Copy + PartialEq>(
    there: &mut dyn Iterator<Item = T>,
    wanted: Option<T>,
) -> Option<T> {
    let first = there.next();
    first.into_iter().chain(there).find(|it| Some(*it) == wanted).or(first)
}

/// An address that the guest reports.
fn address(world: &World, host: HostId, id: VmId, wanted: Option<IpAddr>) -> Option<IpAddr> {
    let adapters = world.adapters(host, id).unwrap_or_default();
    let reported = adapters.iter().flat_map(|it| &it.addresses);
    wanted_or_first(&mut reported.filter_map(|it| it.parse().ok()), wanted)
}

pub(super) fn job_facts(job: &Job) -> JobFacts {
    JobFacts {
        state: Some(job.state),
        percent: Some((job.percent_complete, job.percent_complete)),
        error: job.error.as_ref().map(|it| it.code),
        job_type: Some(job.job_type),
    }
}

/// Every virtual machine that has a role or was named, with each relationship it has.
pub(super) fn sides(world: &World, named: &BTreeSet<(HostId, VmId)>) -> Vec<Side> {
    let mut sides = Vec::new();
    for (host, view) in world.hosts() {
        for vm in world.vms(host) {
            if vm.mode == ReplicationMode::None && !named.contains(&(host, vm.id)) {
                continue;
            }
            let copies = world.copies(vm.id);
            let copy = copies.iter().find(|it| it.host == host);
            let split_brain = world.is_split_brain(vm.id);
            for leg in [Leg::Primary, Leg::Extended] {
                let id = RelationshipId { vm: vm.id, leg };
                let Some(it) = world.relationship(host, id) else { continue };
                if leg == Leg::Extended && it.state == ReplicationState::Disabled {
                    continue;
                }
                sides.push(Side {
                    host: Arc::clone(&view.name),
                    up: world.is_up(host),
                    vm: Arc::clone(&vm.name),
                    id: vm.id,
                    relationship: leg,
                    mode: vm.mode,
                    state: it.state,
                    health: it.health,
                    power: vm.power,
                    own_bytes: copy.map_or(0, |it| it.own_bytes),
                    missing_bytes: copy.map_or(0, |it| it.missing_bytes),
                    missing: copy.map_or(Duration::ZERO, |it| it.missing),
                    split_brain,
                });
            }
        }
    }
    sides
}
