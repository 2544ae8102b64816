//! What there is in the namespace, as found: what it is, with the record that was read to find it.

use crate::cim::mirror::names::{self, class, constant};
use crate::cim::mirror::{write_computer, write_parts};
use crate::cim::{KeyValue, Name, ObjectPath};
use crate::model::{
    AdapterId, AuthorizationEntry, DiskId, FailoverNetworkAdapterSettings, Host, Job,
    RecoveryPoint, Relationship, RelationshipId, ReplicationProvider, Settings, Vm, VmId,
    WindowsBuild,
};

/// A class that has instances of its own, associations aside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// The host and its virtual machines.
    System,
    Summary,
    Relationship,
    Settings,
    Provider,
    Service,
    ServiceSettings,
    Authorization,
    Job,
    /// The settings of virtual machines and of recovery points.
    VmSettings,
    Processor,
    Memory,
    /// The controllers of disks, and the drives they are in.
    Resource,
    Disk,
    Adapter,
    FailoverNetwork,
    Management,
    Shutdown,
    Computer,
    Product,
    HostProcessor,
    OperatingSystem,
}

impl Kind {
    pub(super) const ALL: [Self; 22] = [
        Self::System,
        Self::Summary,
        Self::Relationship,
        Self::Settings,
        Self::Provider,
        Self::Service,
        Self::ServiceSettings,
        Self::Authorization,
        Self::Job,
        Self::VmSettings,
        Self::Processor,
        Self::Memory,
        Self::Resource,
        Self::Disk,
        Self::Adapter,
        Self::FailoverNetwork,
        Self::Management,
        Self::Shutdown,
        Self::Computer,
        Self::Product,
        Self::HostProcessor,
        Self::OperatingSystem,
    ];

    /// The class.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::System => class::COMPUTER_SYSTEM,
            Self::Summary => class::SUMMARY,
            Self::Relationship => class::RELATIONSHIP,
            Self::Settings => class::SETTINGS,
            Self::Provider => class::PROVIDER,
            Self::Service => class::SERVICE,
            Self::ServiceSettings => class::SERVICE_SETTINGS,
            Self::Authorization => class::AUTHORIZATION,
            Self::Job => class::JOB,
            Self::VmSettings => class::VM_SETTINGS,
            Self::Processor => class::PROCESSOR,
            Self::Memory => class::MEMORY,
            Self::Resource => class::RESOURCE,
            Self::Disk => class::DISK,
            Self::Adapter => class::ADAPTER,
            Self::FailoverNetwork => class::FAILOVER_NETWORK,
            Self::Management => class::MANAGEMENT,
            Self::Shutdown => class::SHUTDOWN,
            Self::Computer => class::COMPUTER,
            Self::Product => class::PRODUCT,
            Self::HostProcessor => class::HOST_PROCESSOR,
            Self::OperatingSystem => class::OPERATING_SYSTEM,
        }
    }
}

/// An object.
#[derive(Clone, Debug)]
pub(super) enum Object {
    Host,
    Vm(Vm),
    /// A virtual machine that a job worked on, and that is no more.
    Gone(VmId),
    Summary(Vm),
    Relationship(Vm, Relationship),
    Settings(Vm, RelationshipId, Box<Settings>),
    Provider(ReplicationProvider),
    Service,
    ServiceSettings,
    Authorization(AuthorizationEntry),
    Job(Box<Job>),
    VmSettings(Vm),
    Point(Vm, RecoveryPoint),
    Processor(Vm),
    /// The most processors that a virtual machine can have.
    MostProcessors,
    Memory(Vm),
    Controller(Vm),
    Drive(Vm, DiskId),
    Disk(Vm, DiskId),
    Adapter(Vm, AdapterId),
    FailoverNetwork(Vm, FailoverNetworkAdapterSettings),
    Management,
    Shutdown(Vm),
    Computer,
    Product,
    HostProcessor,
    OperatingSystem,
}

impl Object {
    /// Its class.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::Host | Self::Vm(_) | Self::Gone(_) => Kind::System,
            Self::Summary(_) => Kind::Summary,
            Self::Relationship(..) => Kind::Relationship,
            Self::Settings(..) => Kind::Settings,
            Self::Provider(_) => Kind::Provider,
            Self::Service => Kind::Service,
            Self::ServiceSettings => Kind::ServiceSettings,
            Self::Authorization(_) => Kind::Authorization,
            Self::Job(_) => Kind::Job,
            Self::VmSettings(_) | Self::Point(..) => Kind::VmSettings,
            Self::Processor(_) | Self::MostProcessors => Kind::Processor,
            Self::Memory(_) => Kind::Memory,
            Self::Controller(_) | Self::Drive(..) => Kind::Resource,
            Self::Disk(..) => Kind::Disk,
            Self::Adapter(..) => Kind::Adapter,
            Self::FailoverNetwork(..) => Kind::FailoverNetwork,
            Self::Management => Kind::Management,
            Self::Shutdown(_) => Kind::Shutdown,
            Self::Computer => Kind::Computer,
            Self::Product => Kind::Product,
            Self::HostProcessor => Kind::HostProcessor,
            Self::OperatingSystem => Kind::OperatingSystem,
        }
    }

    /// Its path on a host, without host and namespace.
    pub(super) fn path(&self, host: &Host) -> ObjectPath {
        let id = |id: String| names::by_id(self.kind().class(), id);
        match self {
            Self::Host => names::system_path(named(host)),
            Self::Vm(vm) => names::vm_path(vm.id),
            Self::Gone(vm) => names::vm_path(*vm),
            Self::Summary(vm) | Self::VmSettings(vm) => id(names::vm_settings_id(vm.id)),
            Self::Relationship(_, it) => id(names::relationship_id(it.id, host.build)),
            Self::Settings(_, relationship, _) => {
                id(names::relationship_id(*relationship, host.build))
            }
            Self::Provider(it) => names::provider_path(it.name),
            Self::Service => singleton(class::SERVICE, names::SERVICE_NAME, host),
            Self::ServiceSettings => id(names::service_settings_id(&host.name)),
            Self::Authorization(it) => id(names::authorization_id(&host.name, &it.allowed_primary)),
            Self::Job(job) => names::job_path(job.id),
            Self::Point(_, point) => id(names::point_id(point.id)),
            Self::Processor(vm) => id(names::processor_id(vm.id)),
            Self::MostProcessors => id(names::most_processors_id()),
            Self::Memory(vm) => id(names::memory_id(vm.id)),
            Self::Controller(vm) => id(names::controller_id(vm.id)),
            Self::Drive(vm, disk) => id(names::drive_id(vm.id, *disk)),
            Self::Disk(vm, disk) => id(names::disk_id(vm.id, *disk)),
            Self::Adapter(vm, adapter) => id(names::adapter_id(vm.id, *adapter)),
            Self::FailoverNetwork(vm, it) => id(names::failover_network_id(vm.id, it.adapter)),
            Self::Management => singleton(class::MANAGEMENT, names::MANAGEMENT_NAME, host),
            Self::Shutdown(vm) => ObjectPath::of(
                class::SHUTDOWN,
                [
                    ("SystemCreationClassName", constant(class::COMPUTER_SYSTEM)),
                    ("SystemName", vm.id.to_string().into()),
                    ("CreationClassName", constant(class::SHUTDOWN)),
                    ("DeviceID", write_parts::shutdown_id(vm.id).into()),
                ],
            ),
            Self::Computer => ObjectPath::of(class::COMPUTER, [("Name", named(host))]),
            Self::Product => ObjectPath::of(
                class::PRODUCT,
                [
                    ("IdentifyingNumber", constant("")),
                    ("Name", constant(write_computer::PRODUCT)),
                    ("Version", constant("")),
                ],
            ),
            Self::HostProcessor => ObjectPath::of(
                class::HOST_PROCESSOR,
                [("DeviceID", constant(write_computer::PROCESSOR))],
            ),
            Self::OperatingSystem => ObjectPath::of(
                class::OPERATING_SYSTEM,
                [("Name", write_computer::operating_system_name(host).into())],
            ),
        }
    }

    /// The namespace it is in.
    pub(super) const fn namespace(&self) -> &'static str {
        match self {
            Self::Computer | Self::Product | Self::HostProcessor | Self::OperatingSystem => {
                names::WINDOWS_NAMESPACE
            }
            _ => names::NAMESPACE,
        }
    }

    /// The build since which virtual machines have a second relationship.
    pub(super) const EXTENDED_SINCE: WindowsBuild = WindowsBuild::Server2012R2;
}

/// A service of a host.
fn singleton(class: &'static str, name: &'static str, host: &Host) -> ObjectPath {
    ObjectPath::of(
        class,
        [
            ("SystemCreationClassName", constant(class::COMPUTER_SYSTEM)),
            ("SystemName", named(host)),
            ("CreationClassName", constant(class)),
            ("Name", constant(name)),
        ],
    )
}

/// The name of the host.
fn named(host: &Host) -> KeyValue {
    Name::from(host.name.clone()).into()
}
