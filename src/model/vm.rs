//! A virtual machine, as far as replication looks at it.

use super::wire::wire_enum;
use super::{EnabledState, IpProtocol, ReplicationMode, RequestedState, VmId};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An `Msvm_ComputerSystem` that is a virtual machine.
///
/// The deprecated `ReplicationState` and its siblings on this class mirror relationship 0; read
/// them there.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vm {
    /// `Name`: the GUID, the same on both sides of a relationship.
    pub id: VmId,
    /// `ElementName`: what people call it.
    pub name: Arc<str>,
    /// Its role in replication.
    pub mode: ReplicationMode,
    /// Its power.
    pub power: EnabledState,
    /// The power it is on its way to; `None` is WMI's 12, not applicable.
    pub requested: Option<RequestedState>,
    /// How well the host keeps it running; not the health of its replication.
    #[serde(default)]
    pub health: HealthState,
    /// Its test replica, while there is one.
    pub test_replica: Option<VmId>,
}

wire_enum! {
    /// `Msvm_ComputerSystem.HealthState`: how well a host keeps a virtual machine running.
    #[derive(Default)]
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem"
    pub enum HealthState: u16 {
        /// Nothing is wrong.
        #[default]
        Ok = 5, "OK";
        /// Its disks are running out of space, and it was paused.
        MajorFailure = 20, "Major Failure";
        /// Its worker process does not respond; this simulator never emits it.
        CriticalFailure = 25, "Critical Failure";
    }
}

/// A virtual hard disk of a virtual machine: its `Msvm_StorageAllocationSettingData`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DiskId(pub u8);

/// The size and use of one virtual hard disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Disk {
    /// Which disk of its virtual machine, from 0.
    pub id: DiskId,
    /// What the disk can hold, in bytes.
    pub capacity_bytes: u64,
    /// What initial replication has to copy, in bytes.
    pub used_bytes: u64,
}

/// A virtual network adapter, by its place in its virtual machine, from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct AdapterId(pub u8);

/// The devices of a virtual machine that settings of its replication can name, each in the order of
/// their places.
///
/// How large a disk is, and in which file, is for other services of the host to say.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-virtualsystemsettingdatacomponent>.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Devices {
    /// Its virtual hard disks.
    pub disks: Vec<DiskId>,
    /// Its synthetic network adapters; others take no settings for a failover.
    pub adapters: Vec<AdapterId>,
}

/// `Msvm_FailoverNetworkAdapterSettingData`: what an adapter takes after a failover.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-failovernetworkadaptersettingdata>.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FailoverNetworkAdapterSettings {
    /// Which adapter.
    pub adapter: AdapterId,
    /// Which protocols the addresses belong to.
    pub protocol: IpProtocol,
    /// Whether IPv4 addresses come from DHCP.
    pub dhcp: bool,
    /// Static addresses.
    pub addresses: Vec<String>,
    /// Their subnets, index by index.
    pub subnets: Vec<String>,
    /// At most five.
    pub gateways: Vec<String>,
    /// Name servers.
    pub dns_servers: Vec<String>,
}

impl FailoverNetworkAdapterSettings {
    /// The most gateways an adapter may have.
    pub const MAX_GATEWAYS: usize = 5;

    /// Whether they say nothing: no address, and no DHCP to ask for one. Storing such settings
    /// clears those of their adapter.
    pub fn is_empty(&self) -> bool {
        self.addresses.is_empty() && !self.dhcp
    }
}
