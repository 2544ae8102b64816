//! What both directions share: names, paths, texts of ids, times.
//!
//! Where no page says how a host spells an id, the spelling here is assumed; it is unique, and no
//! client takes it apart.

use crate::cim::{DateTime, KeyValue, Keys, Name, ObjectPath};
use crate::model::datetime::{CimDateTime, CimInterval};
use crate::model::{
    AdapterId, DiskId, Guid, JobId, Leg, PointId, RelationshipId, SimTime, VmId, WindowsBuild,
};
use chrono::FixedOffset;
use std::time::Duration;

/// The namespace that Hyper-V answers in.
pub(crate) const NAMESPACE: &str = r"root\virtualization\v2";

/// The namespace that hosts answer for Windows in. Its few classes that are here are answered in
/// [`NAMESPACE`], too, because a client of this crate has one namespace.
pub(crate) const WINDOWS_NAMESPACE: &str = r"root\cimv2";

/// Names of classes.
pub(crate) mod class {
    pub(crate) const COMPUTER_SYSTEM: &str = "Msvm_ComputerSystem";
    pub(crate) const SUMMARY: &str = "Msvm_SummaryInformation";
    pub(crate) const RELATIONSHIP: &str = "Msvm_ReplicationRelationship";
    pub(crate) const SETTINGS: &str = "Msvm_ReplicationSettingData";
    pub(crate) const PROVIDER: &str = "Msvm_ReplicationProvider";
    pub(crate) const SERVICE: &str = "Msvm_ReplicationService";
    pub(crate) const SERVICE_SETTINGS: &str = "Msvm_ReplicationServiceSettingData";
    pub(crate) const AUTHORIZATION: &str = "Msvm_ReplicationAuthorizationSettingData";
    pub(crate) const STATISTICS: &str = "Msvm_ReplicationStatistics";
    pub(crate) const ERROR: &str = "Msvm_Error";
    pub(crate) const JOB: &str = "Msvm_ConcreteJob";
    /// The settings of a virtual machine, and each of its recovery points.
    pub(crate) const VM_SETTINGS: &str = "Msvm_VirtualSystemSettingData";
    pub(crate) const DISK: &str = "Msvm_StorageAllocationSettingData";
    /// The controller of the disks, and the drives they are in.
    pub(crate) const RESOURCE: &str = "Msvm_ResourceAllocationSettingData";
    pub(crate) const PROCESSOR: &str = "Msvm_ProcessorSettingData";
    pub(crate) const MEMORY: &str = "Msvm_MemorySettingData";
    pub(crate) const ADAPTER: &str = "Msvm_SyntheticEthernetPortSettingData";
    pub(crate) const FAILOVER_NETWORK: &str = "Msvm_FailoverNetworkAdapterSettingData";
    pub(crate) const MANAGEMENT: &str = "Msvm_VirtualSystemManagementService";
    pub(crate) const SHUTDOWN: &str = "Msvm_ShutdownComponent";
    /// Of `root\cimv2`: the host's Windows.
    pub(crate) const OPERATING_SYSTEM: &str = "Win32_OperatingSystem";
    /// Of `root\cimv2`: the host's name and domain.
    pub(crate) const COMPUTER: &str = "Win32_ComputerSystem";
    /// Of `root\cimv2`: what the host was bought as.
    pub(crate) const PRODUCT: &str = "Win32_ComputerSystemProduct";
    /// Of `root\cimv2`: a processor of the host.
    pub(crate) const HOST_PROCESSOR: &str = "Win32_Processor";

    pub(crate) const AFFECTED_JOB_ELEMENT: &str = "Msvm_AffectedJobElement";
    pub(crate) const ELEMENT_SETTING_DATA: &str = "Msvm_ElementSettingData";
    pub(crate) const SETTINGS_DEFINE_STATE: &str = "Msvm_SettingsDefineState";
    pub(crate) const SYSTEM_RELATIONSHIP: &str = "Msvm_SystemReplicationRelationship";
    pub(crate) const TEST_DEPENDENCY: &str = "Msvm_ReplicaSystemDependency";
    pub(crate) const SYSTEM_SUMMARY: &str = "Msvm_ComputerSystemSummaryInformation";
    pub(crate) const SNAPSHOT_OF: &str = "Msvm_SnapshotOfVirtualSystem";
    pub(crate) const SETTINGS_COMPONENT: &str = "Msvm_VirtualSystemSettingDataComponent";
    pub(crate) const FAILOVER_COMPONENT: &str = "Msvm_EthernetPortFailoverSettingDataComponent";
    pub(crate) const COMPUTER_PROCESSOR: &str = "Win32_ComputerSystemProcessor";
}

/// `Name` of the replication service.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice>
pub(crate) const SERVICE_NAME: &str = "replicasvc";

/// `Name` of the service that defines and removes virtual machines.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-virtualsystemmanagementservice>
pub(crate) const MANAGEMENT_NAME: &str = "vmms";

/// `Description` of a virtual machine, in English.
pub(crate) const VM_DESCRIPTION: &str = "Microsoft Virtual Machine";

/// `Description` of the host's own row, in English.
pub(crate) const HOST_DESCRIPTION: &str = "Microsoft Hosting Computer System";

/// `VirtualSystemType` of the settings that a virtual machine runs with.
pub(crate) const REALIZED: &str = "Microsoft:Hyper-V:System:Realized";

/// `VirtualSystemType` of the settings of a replication.
pub(crate) const REPLICA_TYPE: &str = "Microsoft:Hyper-V:Replica";

/// `ElementEffects` of a job on what it works on: nothing is said of it.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-affectedjobelement>
pub(crate) const EFFECT_UNKNOWN: u16 = 0;

/// `ElementEffects` of a job on what it makes.
pub(crate) const EFFECT_CREATE: u16 = 5;

/// What the id of nearly everything of Hyper-V begins with.
const HEAD: &str = "Microsoft:";

/// The only key of a path, or the value of the key that has this name.
pub(crate) fn only_key<'a>(path: &'a ObjectPath, name: &str) -> Option<&'a str> {
    match &path.keys {
        Keys::Only(value) => value.as_str(),
        _ => path.key(name).and_then(KeyValue::as_str),
    }
}

/// An instance whose only key is its `InstanceID`.
pub(crate) fn by_id(class: &'static str, instance_id: impl Into<KeyValue>) -> ObjectPath {
    ObjectPath::of(class, [("InstanceID", instance_id.into())])
}

/// An `Msvm_ComputerSystem`: a virtual machine by its GUID, or the host by its name.
pub(crate) fn system_path(name: impl Into<KeyValue>) -> ObjectPath {
    ObjectPath::of(
        class::COMPUTER_SYSTEM,
        [("CreationClassName", constant(class::COMPUTER_SYSTEM)), ("Name", name.into())],
    )
}

/// A text that is the same in every path, as the value of a key.
pub(crate) const fn constant(text: &'static str) -> KeyValue {
    KeyValue::Text(Name::from_static(text))
}

/// A virtual machine.
pub(crate) fn vm_path(vm: VmId) -> ObjectPath {
    system_path(vm.to_string())
}

/// The virtual machine at a path; `None` if its `Name` is no GUID, as that of the host is not.
pub(crate) fn vm_of(path: &ObjectPath) -> Option<VmId> {
    path.key("Name")?.as_str()?.parse().ok()
}

/// A job.
pub(crate) fn job_path(job: JobId) -> ObjectPath {
    by_id(class::JOB, job.to_string())
}

/// The job at a path.
pub(crate) fn job_of(path: &ObjectPath) -> Option<JobId> {
    only_key(path, "InstanceID")?.parse().ok()
}

/// `InstanceID` of a relationship and of its settings: before Windows Server 2012 R2 there was one
/// of each, without an index. [`RelationshipId`] parses both.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata>
pub(crate) fn relationship_id(id: RelationshipId, build: WindowsBuild) -> String {
    match (build, id.leg) {
        (WindowsBuild::Server2012, Leg::Primary) => format!(r"{HEAD}{}\HVR", id.vm),
        _ => id.to_string(),
    }
}

/// `InstanceID` of the settings that a virtual machine runs with, and of its summary.
pub(crate) fn vm_settings_id(vm: VmId) -> String {
    format!("{HEAD}{vm}")
}

/// `InstanceID` of the settings that a recovery point keeps.
pub(crate) fn point_id(point: PointId) -> String {
    format!("{HEAD}{point}")
}

/// The recovery point whose settings are at a path, if it is one: settings of virtual machines and
/// of recovery points look alike.
pub(crate) fn point_of(path: &ObjectPath) -> Option<PointId> {
    bare(only_key(path, "InstanceID")?)?.parse().ok()
}

/// What follows `Microsoft:`.
pub(crate) fn bare(instance_id: &str) -> Option<&str> {
    let head = instance_id.get(..HEAD.len())?;
    head.eq_ignore_ascii_case(HEAD).then(|| &instance_id[HEAD.len()..])
}

/// The virtual machine that the id of a part of it begins with: `Microsoft:<GUID>\…`.
pub(crate) fn owner(instance_id: &str) -> Option<VmId> {
    let bare = bare(instance_id)?;
    bare.split_once('\\').map_or(bare, |(vm, _)| vm).parse().ok()
}

/// The controller to which every disk of a virtual machine is attached.
const CONTROLLER: Guid = Guid(0x83f8_638b_8dca_4152_9eda_2ca8_b330_39b4);

/// `InstanceID` of the controller.
pub(crate) fn controller_id(vm: VmId) -> String {
    format!(r"{HEAD}{vm}\{CONTROLLER}\0")
}

/// `InstanceID` of the drive that a disk is in.
pub(crate) fn drive_id(vm: VmId, disk: DiskId) -> String {
    format!(r"{}\{}\D", controller_id(vm), disk.0)
}

/// `InstanceID` of a disk: its virtual machine, its controller, its place there, and `L` for what
/// is in the drive.
pub(crate) fn disk_id(vm: VmId, disk: DiskId) -> String {
    format!(r"{}\{}\L", controller_id(vm), disk.0)
}

/// The virtual machine and the place of a disk; the reverse of [`disk_id`], whatever the controller.
pub(crate) fn disk_of(instance_id: &str) -> Option<(VmId, DiskId)> {
    let mut parts = bare(instance_id)?.split('\\');
    let vm = parts.next()?.parse().ok()?;
    let _controller: Guid = parts.next()?.parse().ok()?;
    let _bus: u8 = parts.next()?.parse().ok()?;
    let place = parts.next()?.parse().ok()?;
    let is_last = parts.next()?.eq_ignore_ascii_case("L") && parts.next().is_none();
    is_last.then_some((vm, DiskId(place)))
}

/// The disk in the text of `IncludedDisks`: a path, as clients write it, or a bare `InstanceID`, as
/// the page of the class says.
pub(crate) fn included_disk(text: &str) -> Option<(VmId, DiskId)> {
    match text.parse::<ObjectPath>() {
        Ok(path) => disk_of(only_key(&path, "InstanceID")?),
        Err(_) => disk_of(text),
    }
}

/// The pool that processors come from.
const PROCESSORS: Guid = Guid(0xb637_f346_6a0e_4dec_af52_bd70_cb80_a21d);

/// `InstanceID` of the processors of a virtual machine.
pub(crate) fn processor_id(vm: VmId) -> String {
    format!(r"{HEAD}{vm}\{PROCESSORS}\0")
}

/// `InstanceID` of the most processors that a virtual machine can have.
pub(crate) fn most_processors_id() -> String {
    format!(r"{HEAD}Definition\{PROCESSORS}\Maximum")
}

/// The pool that memory comes from.
const MEMORY: Guid = Guid(0x4764_334d_e001_4176_82ee_5594_ec9b_530e);

/// `InstanceID` of the memory of a virtual machine.
pub(crate) fn memory_id(vm: VmId) -> String {
    format!(r"{HEAD}{vm}\{MEMORY}")
}

/// The device of an adapter without its place in the virtual machine.
const ADAPTER_DEVICE: u128 = 0xd2c4_0bb3_0000_4000_8000_0000_0000_0000;

/// `InstanceID` of a network adapter: its virtual machine and its device.
pub(crate) fn adapter_id(vm: VmId, adapter: AdapterId) -> String {
    format!(r"{HEAD}{vm}\{}", Guid(ADAPTER_DEVICE | u128::from(adapter.0)))
}

/// `InstanceID` of what a network adapter takes after a failover.
pub(crate) fn failover_network_id(vm: VmId, adapter: AdapterId) -> String {
    format!(r"{}\Failover", adapter_id(vm, adapter))
}

/// The virtual machine and the place of an adapter, from its id or that of its failover settings.
pub(crate) fn adapter_of(instance_id: &str) -> Option<(VmId, AdapterId)> {
    let (vm, rest) = bare(instance_id)?.split_once('\\')?;
    let device: Guid = rest.split_once('\\').map_or(rest, |(device, _)| device).parse().ok()?;
    let place = u8::try_from(device.0 ^ ADAPTER_DEVICE).ok()?;
    Some((vm.parse().ok()?, AdapterId(place)))
}

/// `InstanceID` of the settings of a host's replica server.
pub(crate) fn service_settings_id(host: &str) -> String {
    format!(r"{HEAD}{host}\ReplicationService")
}

/// `InstanceID` of an authorization entry.
pub(crate) fn authorization_id(host: &str, allowed_primary: &str) -> String {
    format!(r"{HEAD}{host}\ReplicationAuthorization\{allowed_primary}")
}

/// A provider: what `ReplicationProvider` of settings holds as text. Clients look for the GUID
/// between quotes at its end.
pub(crate) fn provider_path(provider: Guid) -> ObjectPath {
    ObjectPath::of(class::PROVIDER, [("Name", provider.to_string().into())])
}

/// The provider that a text leads to.
pub(crate) fn provider_of(text: &str) -> Option<Guid> {
    only_key(&text.parse().ok()?, "Name")?.parse().ok()
}

/// A point in time, or the year 1601 for “never”.
pub(crate) fn time(time: Option<SimTime>) -> DateTime {
    DateTime::Time(time.map_or(CimDateTime::NEVER, CimDateTime::from_sim_time))
}

/// A point in time as the clock of a host shows it, so many minutes ahead of UTC.
pub(crate) fn local_time(time: SimTime, utc_offset_min: i16) -> DateTime {
    let offset = FixedOffset::east_opt(i32::from(utc_offset_min) * 60);
    let local = offset.map(|offset| time.to_utc().with_timezone(&offset));
    let local = local.and_then(|it| CimDateTime::try_from(it).ok());
    DateTime::Time(local.unwrap_or_else(|| CimDateTime::from_sim_time(time)))
}

/// A length of time, or a time of day as Hyper-V writes it; one beyond what a `datetime` can say is
/// the longest there is.
pub(crate) fn interval(duration: Duration) -> DateTime {
    DateTime::Interval(CimInterval::try_from(duration).unwrap_or(CimInterval::MAX))
}

/// The same of seconds.
pub(crate) fn seconds(seconds: u32) -> DateTime {
    interval(Duration::from_secs(seconds.into()))
}
