//! Any [`ReplicationService`] as the namespace `root\virtualization\v2` of its host.
//!
//! What clients of Hyper-V Replica ask a host over WMI, this answers from the contract: it shows the
//! records that the service has as instances of the documented classes, linked by the documented
//! associations, answers queries about them, and makes calls of methods. It keeps nothing between
//! two requests but what a subscription compares.
//!
//! ```
//! use hyperv_replica::cim::{CimClient, CimClientExt, namespace::Namespace};
//! use hyperv_replica::sim::Lab;
//!
//! let lab = Lab::new(["tokyo"]);
//! let web = lab.vm("web").on("tokyo").running().create();
//! let tokyo = Namespace::new(lab.host("tokyo"));
//!
//! let query = "SELECT ElementName, ReplicationMode FROM Msvm_ComputerSystem \
//!              WHERE ReplicationMode IS NOT NULL";
//! let rows = tokyo.query(query)?;
//! assert_eq!(rows.len(), 1, "the host itself plays no part in replication");
//! assert_eq!(rows[0].read("Name").unwrap(), Some(web.to_string().as_str())); // A key, unasked.
//! # Ok::<(), hyperv_replica::cim::Error>(())
//! ```
//!
//! # What is there
//!
//! | Class | Instances |
//! |---|---|
//! | `Msvm_ComputerSystem` | the host, whose replication is null, and each virtual machine |
//! | `Msvm_SummaryInformation` | one for each virtual machine |
//! | `Msvm_ReplicationRelationship`, `Msvm_ReplicationSettingData` | `…\HVR\0` for each virtual machine, replicated or not; `…\HVR\1` for each replica |
//! | `Msvm_VirtualSystemSettingData` | one for each virtual machine, and its recovery points |
//! | `Msvm_ProcessorSettingData` | one for each virtual machine, and the most that one can have |
//! | `Msvm_MemorySettingData` | one for each virtual machine |
//! | `Msvm_ResourceAllocationSettingData` | the disk controller of each virtual machine, and the drive of each disk |
//! | `Msvm_StorageAllocationSettingData` | one for each disk |
//! | `Msvm_SyntheticEthernetPortSettingData` | one for each synthetic adapter |
//! | `Msvm_FailoverNetworkAdapterSettingData` | one for each adapter for which something is stored |
//! | `Msvm_ConcreteJob` | the jobs |
//! | `Msvm_ReplicationService`, `Msvm_VirtualSystemManagementService` | one of each |
//! | `Msvm_ReplicationServiceSettingData`, `Msvm_ReplicationAuthorizationSettingData`, `Msvm_ReplicationProvider` | those of the host |
//! | `Msvm_ShutdownComponent` | one for each virtual machine |
//! | `Win32_ComputerSystem`, `Win32_ComputerSystemProduct`, `Win32_Processor` | the host as a computer |
//! | `Win32_OperatingSystem` | the host's Windows |
//! | `Msvm_EthernetPortAllocationSettingData`, `Msvm_SerialPortSettingData`, `Msvm_VirtualEthernetSwitch` | none |
//!
//! Classes, properties and methods that the host's build does not have are not there. The classes of
//! `root\cimv2` are answered whichever of the two namespaces is asked.
//!
//! # What the contract does not tell
//!
//! A property is null unless the contract tells it, or Hyper-V itself gives it to whatever is new.
//! What clients cannot do without is the same on every host, and never changes:
//!
//! - A host has one processor with one core, and `UUID` is all zeros: its computer has none. It
//!   is in the domain that its name ends with.
//! - A virtual machine has one processor of the 64 that it could have, and 512 MB of memory, as
//!   `New-VM` gives. It was made when the world began. Its worker process has a number that comes
//!   from its GUID, and so have the files of its disks their names; they are at one SCSI controller.
//! - A host saves what runs when it shuts down, and starts nothing when it is back:
//!   `AutomaticStartupAction` is 2.
//!
//! `DefineSystem`, `ModifySystemSettings`, and the methods that add, modify or remove resource
//! settings return 32770, not supported: the contract has no way to make a virtual machine or to
//! change its hardware.

mod argument;
mod event;
mod find;
mod link;
mod method;
mod object;
mod query;
mod view;

use super::{CimClient, Instance, ObjectPath, Reply, Result, Subscription};
use crate::model::SimTime;
use crate::service::ReplicationService;
use event::Poll;
use std::time::Duration;
use view::{View, failed};

/// A host's namespace, over its service.
///
/// It is `Send` and `Sync` when the service is.
#[derive(Clone, Debug)]
pub struct Namespace<S> {
    service: S,
}

impl<S: ReplicationService> Namespace<S> {
    /// The namespace of the host that the service is of.
    pub const fn new(service: S) -> Self {
        Self { service }
    }

    /// The service.
    pub const fn service(&self) -> &S {
        &self.service
    }

    fn view(&self) -> Result<View<'_, S>> {
        View::of(&self.service)
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReplicationService> CimClient for Namespace<S> {
    fn get(&self, path: &ObjectPath) -> Result<Instance> {
        self.view()?.get(path)
    }

    fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        self.view()?.query(wql)
    }

    fn invoke(&self, path: &ObjectPath, method: &str, arguments: &Instance) -> Result<Reply> {
        self.view()?.invoke(path, method, arguments)
    }

    fn subscribe(&self, wql: &str) -> Result<Box<dyn Subscription + '_>> {
        Ok(Box::new(Poll::of(self, wql)?))
    }

    fn now(&self) -> Result<SimTime> {
        self.service.now().map_err(failed)
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        self.service.sleep(duration).map_err(failed)
    }
}
