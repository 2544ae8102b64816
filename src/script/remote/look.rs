//! Looking at hosts through their service.

use super::if_there;
use crate::error::Result;
use crate::model::{ErrorRecord, Leg, RelationshipId, ReplicationState, Statistics, Vm, VmId};
use crate::script::facts::VmFacts;
use crate::script::look::{count, wanted_or_first};
use crate::script::report::Side;
use crate::service::{ReplicationService, ReplicationServiceExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What a host shows of a virtual machine. What takes a call of its own is there if it is looked at.
pub(super) fn vm_facts(
    service: &dyn ReplicationService,
    vm: VmId,
    like: &VmFacts,
) -> Result<Option<VmFacts>> {
    let Some(shown) = if_there(service.vm(vm))? else { return Ok(None) };
    let leg = like.relationship.unwrap_or(Leg::Primary);
    let id = RelationshipId { vm, leg };
    let it = if_there(service.relationship(id))?;
    let it = it.as_ref();
    let points = like.points.map(|_| service.recovery_points(vm)).transpose()?;
    let disks = like.disks.map(|_| disks(service, id)).transpose()?;
    let mut facts = VmFacts {
        mode: Some(shown.mode),
        state: it.map(|it| it.state),
        health: it.map(|it| it.health),
        power: Some(shown.power),
        points: points.map(|it| count(it.len())),
        disks,
        last: it.map(|it| it.last_type),
        failed_over: it.map(|it| it.failed_over),
        test_replica: Some(shown.test_replica.is_some()),
        last_replication: it.map(|it| it.last_replication.into()),
        last_apply: it.map(|it| it.last_apply.into()),
        last_application_consistent: it.map(|it| it.last_application_consistent.into()),
        relationship: like.relationship,
        ..VmFacts::default()
    };
    if looks_at_statistics(like)
        && let Some((statistics, issues)) = if_there(service.statistics(id))?
    {
        add_statistics(&mut facts, &statistics, &issues, like);
    }
    Ok(Some(facts))
}

/// How many disks of a virtual machine a relationship replicates.
fn disks(service: &dyn ReplicationService, id: RelationshipId) -> Result<u32> {
    let settings = service.settings(id)?;
    let disks = service.devices(id.vm)?.disks;
    Ok(count(disks.into_iter().filter(|it| settings.includes(*it)).count()))
}

fn looks_at_statistics(like: &VmFacts) -> bool {
    like.last_test_failover.is_some()
        || like.window_start.is_some()
        || like.successes.is_some()
        || like.misses.is_some()
        || like.size.is_some()
        || like.max_size.is_some()
        || like.latency.is_some()
        || like.max_latency.is_some()
        || like.network_failures.is_some()
        || like.replication_failures.is_some()
        || like.application_consistent_failures.is_some()
        || like.pending.is_some()
        || like.issues.is_some()
        || like.issue.is_some()
}

fn add_statistics(facts: &mut VmFacts, it: &Statistics, issues: &[ErrorRecord], like: &VmFacts) {
    let mut issue = issues.iter().filter_map(ErrorRecord::message_kind);
    facts.last_test_failover = Some(it.last_test_failover.into());
    facts.window_start = Some(Some(it.start).into());
    facts.successes = Some(it.successes);
    facts.misses = Some(it.misses);
    facts.size = Some(it.size_bytes);
    facts.max_size = Some(it.max_size_bytes);
    facts.latency = Some(it.latency_s);
    facts.max_latency = Some(it.max_latency_s);
    facts.network_failures = Some(it.network_failures);
    facts.replication_failures = Some(it.replication_failures);
    facts.application_consistent_failures = Some(it.application_consistent_failures);
    facts.pending = Some(it.pending_bytes);
    facts.issues = Some(count(issues.len()));
    facts.issue = wanted_or_first(&mut issue, like.issue);
}

/// The sides of these virtual machines on a host, with each relationship that they have.
pub(super) fn sides(
    host: &Arc<str>,
    service: &dyn ReplicationService,
    there: &[Vm],
    named: &BTreeSet<VmId>,
) -> Result<Vec<Side>> {
    let mut sides = Vec::new();
    for vm in there.iter().filter(|it| named.contains(&it.id)) {
        for leg in [Leg::Primary, Leg::Extended] {
            let id = RelationshipId { vm: vm.id, leg };
            let Some(it) = if_there(service.relationship(id))? else { continue };
            if leg == Leg::Extended && it.state == ReplicationState::Disabled {
                continue;
            }
            sides.push(Side {
                host: Arc::clone(host),
                up: true,
                vm: Arc::clone(&vm.name),
                id: vm.id,
                relationship: leg,
                mode: vm.mode,
                state: it.state,
                health: it.health,
                power: vm.power,
                own_bytes: 0,
                missing_bytes: 0,
                missing: Duration::ZERO,
                split_brain: false,
            });
        }
    }
    Ok(sides)
}
