//! The network adapters of a virtual machine.

use super::AdapterId;
use serde::{Deserialize, Serialize};

/// A network adapter of a virtual machine, with what its guest reports of it: an
/// `Msvm_SyntheticEthernetPortSettingData` or `Msvm_EmulatedEthernetPortSettingData` and its
/// `Msvm_GuestNetworkAdapterConfiguration`.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-guestnetworkadapterconfiguration>.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Adapter {
    /// Its place in the virtual machine.
    pub id: AdapterId,
    /// What the guest sees it as.
    pub kind: AdapterKind,
    /// What it is plugged into.
    pub plug: Plug,
    /// `IPAddresses`, as the guest reports them. Of a virtual machine in the making: what its guest
    /// has configured.
    pub addresses: Vec<String>,
}

impl Adapter {
    /// A synthetic adapter, connected, of which the guest configures nothing that it would report.
    pub const fn synthetic(id: AdapterId) -> Self {
        let plug = Plug { connected: true, test_switch: false };
        Self { id, kind: AdapterKind::Synthetic, plug, addresses: Vec::new() }
    }
}

/// What the guest sees an adapter as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum AdapterKind {
    /// A device of the virtual machine bus.
    Synthetic,
    /// An emulated network card, which takes no settings for a failover.
    Legacy,
}

/// What an adapter is plugged into: its `Msvm_EthernetPortAllocationSettingData`. The adapters of
/// a new replica are plugged into nothing.
///
/// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120528-inject-ip-address-into-the-vm-during-failover>.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Plug {
    /// Whether it is connected to a virtual switch.
    pub connected: bool,
    /// Whether `TestReplicaSwitchName` names a switch: then the adapter of a test replica is
    /// connected to that, else to nothing.
    pub test_switch: bool,
}

/// What runs inside a virtual machine.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum GuestSystem {
    /// Windows.
    #[default]
    Windows,
    /// Linux. It takes the addresses of a failover since Windows Server 2012 R2.
    Linux,
}
