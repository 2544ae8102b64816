//! Hosts and virtual machines as instances.

use super::Place;
use super::names::{self, class, time};
use crate::cim::{Array, Instance, Value};
use crate::model::{EnabledState, Host, Relationship, RequestedState, Settings, SimTime, Vm, VmId};

/// `HealthState` of whatever is well.
pub(crate) const HEALTHY: u16 = 5;

/// `OperationalStatus` of whatever is well.
pub(crate) const OK: u16 = 2;

/// `RequestedState` of what nobody asked for anything.
const NOT_APPLICABLE: u16 = 12;

/// The row of the host: no replication, and no date of installation.
pub(crate) fn host(host: &Host) -> Instance {
    Instance::of(
        class::COMPUTER_SYSTEM,
        [
            ("CreationClassName", class::COMPUTER_SYSTEM.into()),
            ("Name", Value::from(&*host.name)),
            ("ElementName", Value::from(&*host.name)),
            ("Caption", "Hosting Computer System".into()),
            ("Description", names::HOST_DESCRIPTION.into()),
            ("EnabledState", EnabledState::Enabled.to_wire().into()),
            ("RequestedState", NOT_APPLICABLE.into()),
            ("HealthState", HEALTHY.into()),
            ("OperationalStatus", vec![OK].into()),
            ("Status", "OK".into()),
        ],
    )
}

/// The row of a virtual machine, with what Windows Server 2012 showed of its replication there.
///
/// The model does not know when a virtual machine was made, which clients take for granted of
/// every row but the host's: it was at the beginning of time.
pub(crate) fn vm(vm: &Vm, relationship: Option<&Relationship>) -> Instance {
    let instance = Instance::of(
        class::COMPUTER_SYSTEM,
        [
            ("CreationClassName", class::COMPUTER_SYSTEM.into()),
            ("Name", vm.id.to_string().into()),
            ("ElementName", Value::from(&*vm.name)),
            ("Caption", "Virtual Machine".into()),
            ("Description", names::VM_DESCRIPTION.into()),
            ("InstallDate", time(Some(SimTime::ZERO)).into()),
            ("EnabledState", vm.power.to_wire().into()),
            ("RequestedState", requested(vm).into()),
            ("HealthState", vm.health.to_wire().into()),
            ("OperationalStatus", vec![OK].into()),
            ("Status", "OK".into()),
            ("ProcessID", process(vm).into()),
            ("ReplicationMode", vm.mode.to_wire().into()),
        ],
    );
    let Some(it) = relationship else { return instance };
    instance.with_all([
        ("ReplicationState", it.state.to_wire().into()),
        ("ReplicationHealth", it.health.to_wire().into()),
        ("FailedOverReplicationType", it.failed_over.to_wire().into()),
        ("LastReplicationType", it.last_type.to_wire().into()),
        ("LastApplicationConsistentReplicationTime", time(it.last_application_consistent).into()),
        ("LastReplicationTime", time(it.last_replication).into()),
    ])
}

fn requested(vm: &Vm) -> u16 {
    vm.requested.map_or(NOT_APPLICABLE, RequestedState::to_wire)
}

/// The worker process of a virtual machine that has one. The model has no processes; the number
/// comes from the GUID, and is a multiple of four as those of Windows are.
fn process(vm: &Vm) -> Option<u32> {
    const NUMBERS: u128 = 0xFFFF;
    let has_one = !matches!(vm.power, EnabledState::Disabled | EnabledState::Offline);
    let number = u32::try_from(vm.id.0.0 % NUMBERS).unwrap_or_default();
    has_one.then_some((number + 1) * 4)
}

/// One of the relationships of a virtual machine, with its settings.
pub(crate) type Leg = (Relationship, Settings);

/// The summary of a virtual machine. `legs` are its relationships, the primary one first, jobs and
/// snapshots those instances.
pub(crate) fn summary(
    vm: &Vm,
    host: &Host,
    legs: &[Leg],
    jobs: Vec<Instance>,
    snapshots: Vec<Instance>,
    place: &Place,
) -> Instance {
    let primary = legs.first().map(|(it, _)| it);
    let states: Vec<u16> = legs.iter().map(|(it, _)| it.state.to_wire()).collect();
    let healths: Vec<u16> = legs.iter().map(|(it, _)| it.health.to_wire()).collect();
    let providers: Vec<String> = legs.iter().map(|(_, it)| it.provider.to_string()).collect();
    Instance::of(
        class::SUMMARY,
        [
            ("InstanceID", names::vm_settings_id(vm.id).into()),
            ("Name", vm.id.to_string().into()),
            ("ElementName", Value::from(&*vm.name)),
            ("CreationTime", time(Some(SimTime::ZERO)).into()),
            ("EnabledState", vm.power.to_wire().into()),
            ("HealthState", vm.health.to_wire().into()),
            ("OperationalStatus", vec![OK].into()),
            ("HostComputerSystemName", Value::from(&*host.name)),
            ("ReplicationMode", vm.mode.to_wire().into()),
            ("ReplicationState", primary.map(|it| it.state.to_wire()).into()),
            ("ReplicationHealth", primary.map(|it| it.health.to_wire()).into()),
            ("ReplicationStateEx", states.into()),
            ("ReplicationHealthEx", healths.into()),
            ("ReplicationProviderId", providers.into()),
            ("TestReplicaSystem", test_replica(vm.test_replica, place)),
            ("AsynchronousTasks", objects(jobs)),
            ("Snapshots", objects(snapshots)),
        ],
    )
}

fn test_replica(vm: Option<VmId>, place: &Place) -> Value {
    vm.map_or(Value::Null, |vm| place.reference(names::vm_path(vm)))
}

/// Objects within an object.
pub(crate) fn objects(instances: Vec<Instance>) -> Value {
    Value::Array(Array::Object(instances.into_iter().map(Box::new).collect()))
}
