//! What virtual machines are made of as instances.

use super::names::{self, class, time};
use super::with;
use super::write_system::{HEALTHY, OK};
use crate::cim::{Instance, Value};
use crate::model::{AdapterId, DiskId, RecoveryPoint, SimTime, Vm, VmId};

/// The settings that a virtual machine runs with.
pub(crate) fn vm_settings(vm: &Vm) -> Instance {
    with(
        Instance::new(class::VM_SETTINGS),
        [
            ("InstanceID", names::vm_settings_id(vm.id).into()),
            ("Caption", "Virtual Machine Settings".into()),
            ("Description", "Active settings for the virtual machine.".into()),
            ("ElementName", Value::from(&*vm.name)),
            ("VirtualSystemIdentifier", vm.id.to_string().into()),
            ("VirtualSystemType", names::REALIZED.into()),
            ("CreationTime", time(Some(SimTime::ZERO)).into()),
        ],
    )
}

/// The settings that a recovery point of a virtual machine keeps.
///
/// How far the guest's writes reach in it stays behind: the class has no property for that.
pub(crate) fn point(point: &RecoveryPoint, vm: &Vm) -> Instance {
    with(
        Instance::new(class::VM_SETTINGS),
        [
            ("InstanceID", names::point_id(point.id).into()),
            ("Caption", "Virtual Machine Settings".into()),
            ("ElementName", format!("{} - ({})", vm.name, point.created.to_utc()).into()),
            ("VirtualSystemIdentifier", vm.id.to_string().into()),
            ("VirtualSystemType", point.kind.label().into()),
            ("CreationTime", time(Some(point.created)).into()),
        ],
    )
}

/// A virtual hard disk.
pub(crate) fn disk(vm: VmId, disk: DiskId) -> Instance {
    with(
        Instance::new(class::DISK),
        [
            ("InstanceID", names::disk_id(vm, disk).into()),
            ("Caption", "Hard Disk Image".into()),
            ("Description", "Settings for the Microsoft Hard Disk Image.".into()),
            ("ElementName", "Hard Disk Image".into()),
            ("ResourceType", 31_u16.into()),
            ("ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk".into()),
            ("AddressOnParent", disk.0.to_string().into()),
        ],
    )
}

/// A network adapter.
pub(crate) fn adapter(vm: VmId, adapter: AdapterId) -> Instance {
    with(
        Instance::new(class::ADAPTER),
        [
            ("InstanceID", names::adapter_id(vm, adapter).into()),
            ("Caption", "Ethernet Port".into()),
            ("Description", "Settings for the Microsoft Synthetic Ethernet Port.".into()),
            ("ElementName", "Network Adapter".into()),
            ("ResourceType", 10_u16.into()),
            ("ResourceSubType", "Microsoft:Hyper-V:Synthetic Ethernet Port".into()),
            ("Address", format!("00155D{:06X}", adapter.0).into()),
        ],
    )
}

/// `DeviceID` of what asks a guest to shut down.
pub(crate) fn shutdown_id(vm: VmId) -> String {
    format!(r"{}\ShutdownComponent", names::vm_settings_id(vm))
}

/// What asks the guest of a virtual machine to shut down.
pub(crate) fn shutdown(vm: VmId) -> Instance {
    with(
        Instance::new(class::SHUTDOWN),
        [
            ("SystemCreationClassName", class::COMPUTER_SYSTEM.into()),
            ("SystemName", vm.to_string().into()),
            ("CreationClassName", class::SHUTDOWN.into()),
            ("DeviceID", shutdown_id(vm).into()),
            ("Caption", "Shutdown".into()),
            ("ElementName", "Shutdown".into()),
            ("EnabledState", 2_u16.into()),
            ("HealthState", HEALTHY.into()),
            ("OperationalStatus", vec![OK].into()),
        ],
    )
}
