//! Everything that can happen to a world.

use crate::model::{
    Adapter, AdapterId, AuthorizationEntry, Call, Disk, GuestSystem, HostId, Plug, ServiceSettings,
    VmId, WindowsBuild,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// One thing that happens. Nothing else can: a world is what its inputs made of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Input {
    /// A host joins the world. It becomes the next [`HostId`].
    AddHost(HostSpec),
    /// A virtual machine is defined on a host.
    AddVm {
        /// Where.
        host: HostId,
        /// What.
        vm: VmSpec,
    },
    /// A client calls a method on a host.
    Call {
        /// The host that is asked.
        host: HostId,
        /// Who asks.
        caller: Caller,
        /// What for.
        call: Call,
    },
    /// Time passes.
    Advance(Duration),
    /// Something happens that no client asked for.
    Disturb(Disturbance),
}

/// Who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Caller {
    /// A member of Administrators or Hyper-V Administrators.
    #[default]
    Administrator,
    /// Somebody else: every call is refused with 32769.
    Other,
}

/// A host as it joins the world.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HostSpec {
    /// Its fully qualified name; unique in the world, without regard to case.
    pub name: Arc<str>,
    /// Its Windows.
    pub build: WindowsBuild,
    /// Its replica server.
    pub settings: ServiceSettings,
    /// Whom it lets in.
    pub entries: Vec<AuthorizationEntry>,
}

impl HostSpec {
    /// A Windows Server 2022 host whose replica server lets any host in with Kerberos.
    pub fn trusting(name: &str) -> Self {
        Self {
            name: name.into(),
            build: WindowsBuild::Server2022,
            settings: ServiceSettings::kerberos(),
            entries: vec![AuthorizationEntry::any(r"D:\Replica")],
        }
    }
}

/// A virtual machine as it is defined: not replicated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VmSpec {
    /// Its GUID; unique on its host.
    pub id: VmId,
    /// What people call it.
    pub name: Arc<str>,
    /// Whether it runs from the start; otherwise it is off.
    pub running: bool,
    /// Its disks, at most 256, each id once.
    pub disks: Vec<Disk>,
    /// What its guest writes while it runs, in bytes a second.
    pub write_rate: u64,
    /// What its guest is.
    pub guest: GuestSystem,
    /// Its network adapters, at most 256, each id once.
    pub adapters: Vec<Adapter>,
}

/// Something that happens to the world from outside. Each has an opposite that repairs it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Disturbance {
    /// Nothing passes between two hosts, in either direction.
    CutLink(HostId, HostId),
    /// The two hosts reach each other again.
    HealLink(HostId, HostId),
    /// A host loses power: running virtual machines stop without a goodbye.
    CrashHost(HostId),
    /// A host is shut down in order: running virtual machines are saved.
    ShutDownHost(HostId),
    /// A host that is down comes up. Virtual machines stay as they were left.
    BootHost(HostId),
    /// An adapter of a virtual machine is plugged into something else.
    PlugAdapter(HostId, VmId, AdapterId, Plug),
}
