//! Virtual machines for a lab.

use super::Lab;
use crate::engine::{Input, Reply, VmSpec};
use crate::model::{Adapter, AdapterId, Disk, DiskId, GuestSystem, Guid, HostId, VmId};
use rand::Rng;

const GIB: u64 = 1 << 30;

/// A virtual machine in the making. What is not said is drawn from the lab's seed: the GUID, one
/// disk of 40 to 127 GiB with 8 to 31 GiB in use, and a guest that writes up to 1 MiB a second.
#[derive(Debug)]
#[must_use = "a builder builds nothing until `create`"]
pub struct VmBuilder {
    lab: Lab,
    host: Option<HostId>,
    id: Option<VmId>,
    name: String,
    running: bool,
    disks: Option<Vec<Disk>>,
    write_rate: Option<u64>,
    guest: GuestSystem,
    adapters: Option<Vec<Adapter>>,
}

impl VmBuilder {
    pub(super) fn new(lab: Lab, name: &str) -> Self {
        Self {
            lab,
            host: None,
            id: None,
            name: name.to_owned(),
            running: false,
            disks: None,
            write_rate: None,
            guest: GuestSystem::default(),
            adapters: None,
        }
    }

    /// On this host; without it, on the lab's first.
    ///
    /// # Panics
    /// If there is no such host.
    #[track_caller]
    pub fn on(self, host: &str) -> Self {
        let id = self.lab.host(host).id();
        Self { host: Some(id), ..self }
    }

    /// Running from the start.
    pub fn running(self) -> Self {
        Self { running: true, ..self }
    }

    /// With this GUID.
    pub fn id(self, id: VmId) -> Self {
        Self { id: Some(id), ..self }
    }

    /// With one more disk, of this size and use.
    pub fn disk(mut self, capacity_bytes: u64, used_bytes: u64) -> Self {
        let disks = self.disks.get_or_insert_default();
        let id = DiskId(u8::try_from(disks.len()).unwrap_or(u8::MAX));
        disks.push(Disk { id, capacity_bytes, used_bytes });
        self
    }

    /// With a guest that writes so many bytes a second while it runs.
    pub fn writing(self, bytes_per_second: u64) -> Self {
        Self { write_rate: Some(bytes_per_second), ..self }
    }

    /// With Linux inside; otherwise it is Windows.
    pub fn linux(self) -> Self {
        Self { guest: GuestSystem::Linux, ..self }
    }

    /// With one more network adapter; otherwise it has one, synthetic and connected.
    pub fn adapter(mut self, adapter: Adapter) -> Self {
        self.adapters.get_or_insert_default().push(adapter);
        self
    }

    /// Defines it.
    ///
    /// # Panics
    /// If the world does not take it: its GUID is taken or its disks are inconsistent.
    #[track_caller]
    pub fn create(self) -> VmId {
        let host = self.host.unwrap_or(HostId(0));
        let mut shared = self.lab.lock();
        let draws = &mut shared.draws;
        // Everything is drawn, whether it is used or not, so that saying one thing does not
        // change another.
        let (high, low) = (draws.next_u64(), draws.next_u64());
        let (high, low) = (high & !0xF000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
        let random = VmId(Guid(u128::from(high) << 64 | u128::from(low)));
        let capacity = 40 + draws.next_u64() % 88;
        let used = 8 + draws.next_u64() % 24;
        let rate = draws.next_u64() % (1 << 20);
        let id = self.id.unwrap_or(random);
        let disk = Disk { id: DiskId(0), capacity_bytes: capacity * GIB, used_bytes: used * GIB };
        let vm = VmSpec {
            id,
            name: self.name.as_str().into(),
            running: self.running,
            disks: self.disks.unwrap_or_else(|| vec![disk]),
            write_rate: self.write_rate.unwrap_or(rate),
            guest: self.guest,
            adapters: self.adapters.unwrap_or_else(|| vec![Adapter::synthetic(AdapterId(0))]),
        };
        let reply = shared.apply(&Input::AddVm { host, vm });
        drop(shared);
        assert!(reply == Reply::Happened, "virtual machine `{}`: {reply:?}", self.name);
        id
    }
}
