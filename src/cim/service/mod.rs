//! Hyper-V Replica on whatever speaks WMI: the contract, over a [`CimClient`].
//!
//! A tool that is written against [`ReplicationService`] drives a real host through [`CimService`].
//! What it reads comes from the classes that Microsoft's own clients read, in few round trips, and
//! nothing is remembered but the name of the host:
//!
//! | Read | Comes from |
//! |---|---|
//! | `host` | `Msvm_ReplicationService`, `Msvm_ReplicationProvider`, `Win32_OperatingSystem`, `Win32_ComputerSystem` |
//! | `service_settings` | `Msvm_ReplicationServiceSettingData` |
//! | `authorization_entries` | `Msvm_ReplicationAuthorizationSettingData` |
//! | `vms`, `vm` | `Msvm_ComputerSystem`; test replicas by `Msvm_ReplicaSystemDependency` |
//! | `relationship` | `Msvm_ReplicationRelationship`; of Windows Server 2012 `Msvm_ComputerSystem` |
//! | `settings` | `Msvm_ReplicationSettingData`; disks by `Msvm_VirtualSystemSettingDataComponent` |
//! | `recovery_points` | `Msvm_VirtualSystemSettingData`, by `Msvm_SnapshotOfVirtualSystem` |
//! | `devices` | `Msvm_StorageAllocationSettingData`, `Msvm_SyntheticEthernetPortSettingData`, by `Msvm_VirtualSystemSettingDataComponent` |
//! | `failover_network` | `Msvm_FailoverNetworkAdapterSettingData`, by the adapters |
//! | `jobs`, `job` | `Msvm_ConcreteJob`; virtual machines by `Msvm_AffectedJobElement` |
//!
//! # What hosts differ in
//!
//! Properties and classes that a Windows does not have yet are missing and say nothing; those that
//! are newer than this crate are left alone and handed back as they were. Texts in the language of
//! the host are never looked at. A number that has no name here is [`Error::Malformed`], which says
//! the class, the property and the number: it is never taken for another.
//!
//! What the contract says more coarsely than a host:
//!
//! - Times that a host gives are whole microseconds. One before [`SimTime::EPOCH`] is read as that.
//! - [`RecoveryPoint::position`] is no property of WMI: it is 0.
//! - Jobs that have nothing to do with replication, and no [`JobType`](crate::model::JobType), are
//!   not among [`jobs`](ReplicationService::jobs).
//! - A disk is known by its place on its controller if the virtual machine has only one, else by
//!   its place among all; an adapter by its place among those of its virtual machine.
//! - A Windows between two that have names is the [older one](crate::model::WindowsBuild).
//! - A refusal has no reason but its number, and no state of the virtual machine beside it.

mod answers;
mod calls;
mod host;
mod jobs;
mod parameters;
mod parts;
mod vms;

pub use super::mirror::Unreadable;

use super::mirror::names;
use super::mirror::read::{Read, Record};
use super::wql::Select;
use super::{CimClient, CimClientExt, Instance, ObjectPath, WbemStatus};
use crate::error::{Error, Missing, Result};
use crate::model::{
    AuthorizationEntry, Call, Devices, FailoverNetworkAdapterSettings, Host, Job, JobId,
    RecoveryPoint, Relationship, RelationshipId, ServiceSettings, Settings, SimTime, Vm, VmId,
};
use crate::service::{Outcome, ReplicationService};
use std::sync::OnceLock;
use std::time::Duration;

/// Hyper-V Replica of the host that a [`CimClient`] is connected to.
///
/// ```no_run
/// use hyperv_replica::cim::{CimClient, CimService};
/// use hyperv_replica::prelude::*;
///
/// /// Whether anything needs attention, on a real host or a simulated one.
/// fn all_well(client: impl CimClient) -> Result<bool> {
///     let host = CimService::new(client);
///     for vm in host.vms()?.iter().filter(|it| it.mode != ReplicationMode::None) {
///         let it = host.relationship(RelationshipId::primary(vm.id))?;
///         if it.health != ReplicationHealth::Ok {
///             return Ok(false);
///         }
///     }
///     Ok(true)
/// }
/// ```
#[derive(Debug)]
pub struct CimService<C> {
    client: C,
    /// `SystemName` of the service, which its path and references need. A host that is renamed
    /// starts anew, and its connections end.
    host: OnceLock<String>,
}

impl<C: CimClient> CimService<C> {
    /// The host that the client is connected to. Nothing is asked yet.
    pub const fn new(client: C) -> Self {
        Self { client, host: OnceLock::new() }
    }

    /// The client.
    pub const fn client(&self) -> &C {
        &self.client
    }
}

/// What a client of WMI answers.
type Cim<T> = super::Result<T>;

/// Why a read did not succeed: what it is about is not there, or the answer says something else.
fn unread(missing: Missing) -> impl FnOnce(super::Error) -> Error {
    move |error| match error {
        super::Error::Status { status: WbemStatus::NOT_FOUND, .. } => Error::NotFound(missing),
        super::Error::Transport(source) => Error::Transport { operation: None, source },
        super::Error::Malformed(source) => Error::Malformed { operation: None, source },
        status @ super::Error::Status { .. } => {
            Error::Transport { operation: None, source: Box::new(status) }
        }
    }
}

/// What a host showed, made something of.
fn understood<T>(read: Read<T>) -> Result<T> {
    read.map_err(|error| Error::Malformed { operation: None, source: Box::new(error) })
}

/// `None` of what is not there, or whose class is not on this Windows.
fn if_there<T>(answer: Cim<T>) -> Cim<Option<T>> {
    match answer {
        Ok(it) => Ok(Some(it)),
        Err(error) => match error.wbem_status() {
            Some(WbemStatus::NOT_FOUND | WbemStatus::INVALID_CLASS) => Ok(None),
            _ => Err(error),
        },
    }
}

impl<C: CimClient> CimService<C> {
    /// Every instance of a class; none of a class that this Windows does not have.
    fn all(&self, class: &str) -> Cim<Vec<Instance>> {
        Ok(if_there(self.client.enumerate(class))?.unwrap_or_default())
    }

    /// The only instance of a class.
    fn only(&self, class: &str) -> Cim<Instance> {
        let mut all = self.client.find(Select::all(class))?;
        if all.len() == 1 {
            return Ok(all.remove(0));
        }
        let found = all.len();
        Err(super::Error::malformed(format!("expected one instance of {class}, found {found}")))
    }

    /// What is linked with a virtual machine. If that is nothing, the virtual machine may not be
    /// there, which not every connection tells.
    fn linked(&self, vm: VmId, from: &ObjectPath, link: &str, class: &str) -> Cim<Vec<Instance>> {
        let found = self.client.associators(from, link, Some(class))?;
        if found.is_empty() {
            self.client.get(&names::vm_path(vm))?;
        }
        Ok(found)
    }
}

/// The path that an instance came with, or the one that its id says.
fn path_of(instance: &Instance) -> Read<ObjectPath> {
    if let Some(path) = &instance.path {
        return Ok(path.clone());
    }
    let id = Record::of(instance).given("InstanceID", Record::string)?;
    Ok(ObjectPath::class(&instance.class).with("InstanceID", id))
}

#[deny(clippy::missing_trait_methods)]
impl<C: CimClient> ReplicationService for CimService<C> {
    fn call(&self, call: &Call) -> Result<Outcome> {
        self.invoke(call)
    }

    fn host(&self) -> Result<Host> {
        self.read_host()
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        self.read_service_settings()
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        self.read_entries()
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        self.read_vms()
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        self.read_vm(id)
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.read_relationship(id)
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.read_settings(id)
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.read_recovery_points(vm)
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.read_devices(vm)
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        self.read_failover_network(vm)
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        self.read_jobs()
    }

    fn job(&self, id: JobId) -> Result<Job> {
        self.read_job(id)
    }

    fn now(&self) -> Result<SimTime> {
        self.client.now().map_err(unread(Missing::Host))
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        self.client.sleep(duration).map_err(unread(Missing::Host))
    }
}
