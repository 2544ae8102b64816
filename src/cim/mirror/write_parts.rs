//! What virtual machines are made of as instances.

use super::Place;
use super::names::{self, class, interval, time};
use super::write_system::{HEALTHY, OK};
use crate::cim::{Instance, Value};
use crate::model::{AdapterId, DiskId, EnabledState, RecoveryPoint, SimTime, Vm, VmId};
use std::time::Duration;

/// The settings that a virtual machine runs with. What a host does with it by itself is what the
/// model does: it saves what runs when it shuts down, and starts nothing when it is back.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-virtualsystemsettingdata>
pub(crate) fn vm_settings(vm: &Vm) -> Instance {
    const NONE: u16 = 2;
    const SAVE_STATE: u16 = 3;
    Instance::of(
        class::VM_SETTINGS,
        [
            ("InstanceID", names::vm_settings_id(vm.id).into()),
            ("Caption", "Virtual Machine Settings".into()),
            ("Description", "Active settings for the virtual machine.".into()),
            ("ElementName", Value::from(&*vm.name)),
            ("VirtualSystemIdentifier", vm.id.to_string().into()),
            ("VirtualSystemType", names::REALIZED.into()),
            ("CreationTime", time(Some(SimTime::ZERO)).into()),
            ("AutomaticStartupAction", NONE.into()),
            ("AutomaticStartupActionDelay", interval(Duration::ZERO).into()),
            ("AutomaticShutdownAction", SAVE_STATE.into()),
            ("AutomaticRecoveryAction", NONE.into()),
            ("IsSaved", (vm.power == EnabledState::Offline).into()),
        ],
    )
}

/// The settings that a recovery point of a virtual machine keeps.
///
/// How far the guest's writes reach in it stays behind: the class has no property for that.
pub(crate) fn point(point: &RecoveryPoint, vm: &Vm) -> Instance {
    Instance::of(
        class::VM_SETTINGS,
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

/// The processors of a virtual machine. The model does not count them: it is the one that Hyper-V
/// gives a new virtual machine, without reserve and without limit.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-processorsettingdata>
pub(crate) fn processor(vm: VmId) -> Instance {
    processors(names::processor_id(vm), 1)
}

/// The most processors that a virtual machine can have: those of one of the first generation.
///
/// <https://learn.microsoft.com/windows-server/virtualization/hyper-v/plan/plan-hyper-v-scalability-in-windows-server>
pub(crate) fn most_processors() -> Instance {
    processors(names::most_processors_id(), 64)
}

fn processors(id: String, count: u64) -> Instance {
    Instance::of(
        class::PROCESSOR,
        [
            ("InstanceID", id.into()),
            ("Caption", "Processor".into()),
            ("Description", "Settings for Microsoft Virtual Processor.".into()),
            ("ElementName", "Processor".into()),
            ("ResourceType", 3_u16.into()),
            ("ResourceSubType", "Microsoft:Hyper-V:Processor".into()),
            ("AllocationUnits", "percent / 1000".into()),
            ("VirtualQuantity", count.into()),
            ("VirtualQuantityUnits", "count".into()),
            ("Reservation", 0_u64.into()),
            ("Limit", 100_000_u64.into()),
            ("Weight", 100_u32.into()),
            ("AutomaticAllocation", true.into()),
            ("AutomaticDeallocation", true.into()),
        ],
    )
}

/// The memory of a virtual machine. The model does not measure it: it is what `New-VM` gives, all
/// of it at once.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-memorysettingdata>,
/// <https://learn.microsoft.com/powershell/module/hyper-v/new-vm>
pub(crate) fn memory(vm: VmId) -> Instance {
    const MEGABYTES: u64 = 512;
    const UNIT: &str = "byte * 2^20";
    Instance::of(
        class::MEMORY,
        [
            ("InstanceID", names::memory_id(vm).into()),
            ("Caption", "Memory".into()),
            ("Description", "Settings for Microsoft Virtual Machine Memory.".into()),
            ("ElementName", "Memory".into()),
            ("ResourceType", 4_u16.into()),
            ("ResourceSubType", "Microsoft:Hyper-V:Memory".into()),
            ("AllocationUnits", UNIT.into()),
            ("VirtualQuantity", MEGABYTES.into()),
            ("VirtualQuantityUnits", UNIT.into()),
            ("Reservation", MEGABYTES.into()),
            ("Limit", MEGABYTES.into()),
            ("AutomaticAllocation", true.into()),
            ("AutomaticDeallocation", true.into()),
            ("DynamicMemoryEnabled", false.into()),
            ("IsVirtualized", true.into()),
        ],
    )
}

/// The controller that the disks of a virtual machine are attached to.
pub(crate) fn controller(vm: VmId) -> Instance {
    Instance::of(
        class::RESOURCE,
        [
            ("InstanceID", names::controller_id(vm).into()),
            ("Caption", "SCSI Controller".into()),
            ("Description", "Settings for the Microsoft Synthetic SCSI Controller.".into()),
            ("ElementName", "SCSI Controller".into()),
            ("ResourceType", 6_u16.into()),
            ("ResourceSubType", "Microsoft:Hyper-V:Synthetic SCSI Controller".into()),
        ],
    )
}

/// The drive that a virtual hard disk is in.
pub(crate) fn drive(vm: VmId, disk: DiskId, place: &Place) -> Instance {
    let parent = names::by_id(class::RESOURCE, names::controller_id(vm));
    Instance::of(
        class::RESOURCE,
        [
            ("InstanceID", names::drive_id(vm, disk).into()),
            ("Caption", "Hard Drive".into()),
            ("Description", "Settings for the Microsoft Synthetic Disk Drive.".into()),
            ("ElementName", "Hard Drive".into()),
            ("ResourceType", 17_u16.into()),
            ("ResourceSubType", "Microsoft:Hyper-V:Synthetic Disk Drive".into()),
            ("Parent", place.text(parent).into()),
            ("AddressOnParent", disk.0.to_string().into()),
        ],
    )
}

/// A virtual hard disk. The model has no files: the name is made of the virtual machine and the
/// place of the disk, the folder is where Hyper-V keeps disks unless it is told otherwise.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-storageallocationsettingdata>,
/// <https://learn.microsoft.com/powershell/module/hyper-v/set-vmhost>
pub(crate) fn disk(vm: VmId, disk: DiskId, place: &Place) -> Instance {
    const FOLDER: &str = r"C:\Users\Public\Documents\Hyper-V\Virtual Hard Disks";
    let parent = names::by_id(class::RESOURCE, names::drive_id(vm, disk));
    let file = format!(r"{FOLDER}\{vm}-{}.vhdx", disk.0);
    Instance::of(
        class::DISK,
        [
            ("InstanceID", names::disk_id(vm, disk).into()),
            ("Caption", "Hard Disk Image".into()),
            ("Description", "Settings for the Microsoft Hard Disk Image.".into()),
            ("ElementName", "Hard Disk Image".into()),
            ("ResourceType", 31_u16.into()),
            ("ResourceSubType", "Microsoft:Hyper-V:Virtual Hard Disk".into()),
            ("HostResource", vec![file].into()),
            ("Parent", place.text(parent).into()),
            ("AddressOnParent", disk.0.to_string().into()),
        ],
    )
}

/// A network adapter.
pub(crate) fn adapter(vm: VmId, adapter: AdapterId) -> Instance {
    Instance::of(
        class::ADAPTER,
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
    Instance::of(
        class::SHUTDOWN,
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
