//! What things are called: the bridge between a line's words and a world's ids.

use crate::model::{HostId, JobId, PointId, SimTime, VmId};

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
