//! What two inventories of the same hosts show differently, as far as a script could tell it.

use super::inventory::{HostRecord, Inventory, VmRecord};
use crate::model::{Leg, ReplicationMode};
use std::fmt::Display;

/// Each difference in a sentence: first what was captured.
pub(super) fn between(captured: &Inventory, rebuilt: &Inventory) -> Vec<String> {
    let mut told = Vec::new();
    for host in &captured.hosts {
        match rebuilt.host(&host.host.name) {
            Some(other) => hosts(host, other, &mut told),
            None => told.push(format!("{}: the host is not there", host.host.name)),
        }
    }
    told
}

fn hosts(one: &HostRecord, other: &HostRecord, told: &mut Vec<String>) {
    let name = &one.host.name;
    tell(told, name, "status", &one.host.status, &other.host.status);
    if (&one.settings, &one.entries) != (&other.settings, &other.entries) {
        told.push(format!("{name}: the settings or entries of the replica server"));
    }
    for vm in one.vms.iter().filter(|it| it.vm.mode != ReplicationMode::TestReplica) {
        let about = format!("{} on {name}", vm.vm.name);
        match other.vm(vm.vm.id) {
            Some(it) => vms(&about, vm, it, told),
            None => told.push(format!("{about}: the virtual machine is not there")),
        }
    }
    let extra = other.vms.iter().filter(|it| it.vm.mode != ReplicationMode::TestReplica);
    for vm in extra.filter(|it| one.vm(it.vm.id).is_none()) {
        told.push(format!("{} on {name}: there is no such virtual machine", vm.vm.name));
    }
}

fn vms(about: &str, one: &VmRecord, other: &VmRecord, told: &mut Vec<String>) {
    tell(told, about, "mode", &one.vm.mode, &other.vm.mode);
    tell(told, about, "power", &one.vm.power, &other.vm.power);
    tell(told, about, "state", &one.state(Leg::Primary), &other.state(Leg::Primary));
    let extended = (one.state(Leg::Extended), other.state(Leg::Extended));
    tell(told, about, "state of relationship 1", &extended.0, &extended.1);
    tell(told, about, "recovery points", &one.points.len(), &other.points.len());
    let tested = |it: &VmRecord| if it.vm.test_replica.is_some() { "there" } else { "not there" };
    tell(told, about, "test replica", &tested(one), &tested(other));
    for leg in [Leg::Primary, Leg::Extended] {
        if let (Some(one), Some(other)) = (one.leg(leg), other.leg(leg))
            && one.settings != other.settings
        {
            told.push(format!("{about}: the settings of relationship {}", leg.index()));
        }
    }
    if one.network != other.network {
        told.push(format!("{about}: the addresses after a failover"));
    }
}

fn tell<T: PartialEq + Display>(
    told: &mut Vec<String>,
    about: impl Display,
    what: &str,
    one: &T,
    other: &T,
) {
    if one != other {
        told.push(format!("{about}: {what} was {one}, is {other}"));
    }
}
