//! What things are called: the bridge between a line's words and a world's ids.

use crate::engine::World;
use crate::model::{HostId, JobId, PointId, SimTime, VmId};
use std::collections::BTreeSet;

/// Who is called what, and what time it is, at one moment of a world.
pub trait Names {
    /// The host of this name, without regard to case.
    fn host_named(&self, name: &str) -> Option<HostId>;
    /// The name of a host.
    fn host_name(&self, host: HostId) -> Option<String>;
    /// The virtual machines of this name on a host. If there is none there, those of this name
    /// that are or were elsewhere: a replica that does not exist yet, or no longer, has a GUID.
    fn vms_named(&self, host: HostId, name: &str) -> Vec<VmId>;
    /// The names that [`vms_named`](Self::vms_named) would find something for on a host.
    fn vm_names(&self, host: HostId) -> Vec<String>;
    /// The name of a virtual machine on a host.
    fn vm_name(&self, host: HostId, vm: VmId) -> Option<String>;
    /// The recovery points of a virtual machine on a host, oldest first.
    fn points(&self, host: HostId, vm: VmId) -> Vec<PointId>;
    /// The job that was bound to an alias.
    fn job(&self, alias: &str) -> Option<JobId>;
    /// The alias of a job.
    fn job_alias(&self, job: JobId) -> Option<String>;
    /// Now.
    fn now(&self) -> SimTime;
}

/// No names at all: everything is written by its id.
#[derive(Clone, Copy, Debug, Default)]
pub struct Nameless;

impl Names for Nameless {
    fn host_named(&self, _: &str) -> Option<HostId> {
        None
    }
    fn host_name(&self, _: HostId) -> Option<String> {
        None
    }
    fn vms_named(&self, _: HostId, _: &str) -> Vec<VmId> {
        Vec::new()
    }
    fn vm_names(&self, _: HostId) -> Vec<String> {
        Vec::new()
    }
    fn vm_name(&self, _: HostId, _: VmId) -> Option<String> {
        None
    }
    fn points(&self, _: HostId, _: VmId) -> Vec<PointId> {
        Vec::new()
    }
    fn job(&self, _: &str) -> Option<JobId> {
        None
    }
    fn job_alias(&self, _: JobId) -> Option<String> {
        None
    }
    fn now(&self) -> SimTime {
        SimTime::ZERO
    }
}

/// The names of a world. Jobs have no aliases here: see [`Runner`](super::Runner).
impl Names for World {
    fn host_named(&self, name: &str) -> Option<HostId> {
        Self::host_named(self, name)
    }
    fn host_name(&self, host: HostId) -> Option<String> {
        self.host_view(host).map(|it| it.name.to_string())
    }
    fn vms_named(&self, host: HostId, name: &str) -> Vec<VmId> {
        let here = vms_here(self, host, name);
        if here.is_empty() {
            let anywhere: BTreeSet<_> =
                self.hosts().flat_map(|(host, _)| vms_here(self, host, name)).collect();
            return anywhere.into_iter().collect();
        }
        here
    }
    fn vm_names(&self, _: HostId) -> Vec<String> {
        let names: BTreeSet<_> =
            self.hosts().flat_map(|(host, _)| self.vms(host).map(|vm| vm.name)).collect();
        names.iter().map(ToString::to_string).collect()
    }
    fn vm_name(&self, host: HostId, vm: VmId) -> Option<String> {
        self.vm(host, vm).map(|it| it.name.to_string())
    }
    fn points(&self, host: HostId, vm: VmId) -> Vec<PointId> {
        let points = self.recovery_points(host, vm).unwrap_or_default();
        points.into_iter().map(|it| it.id).collect()
    }
    fn job(&self, _: &str) -> Option<JobId> {
        None
    }
    fn job_alias(&self, _: JobId) -> Option<String> {
        None
    }
    fn now(&self) -> SimTime {
        Self::now(self)
    }
}

/// The virtual machines of this name on a host.
fn vms_here(world: &World, host: HostId, name: &str) -> Vec<VmId> {
    world.vms(host).filter(|vm| *vm.name == *name).map(|vm| vm.id).collect()
}
