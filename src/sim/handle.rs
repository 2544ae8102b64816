//! A host of a lab, as the contract.

use super::Lab;
use crate::engine::{Caller, Input, Reply, World};
use crate::error::{Error, Missing, Result};
use crate::model::{
    AuthorizationEntry, Call, Devices, FailoverNetworkAdapterSettings, Host, HostId, Job, JobId,
    RecoveryPoint, Relationship, RelationshipId, ServiceSettings, Settings, SimTime, Vm, VmId,
};
use crate::service::{Outcome, ReplicationService};
use std::fmt;
use std::time::Duration;

/// The service of one host of a [`Lab`]. It is cheap to clone, and `Send + Sync`.
#[derive(Clone, Debug)]
pub struct HostHandle {
    lab: Lab,
    host: HostId,
    caller: Caller,
}

const _: () = {
    const fn send_sync<T: Send + Sync>() {}
    send_sync::<Lab>();
    send_sync::<HostHandle>();
};

impl HostHandle {
    pub(super) fn new(lab: Lab, host: HostId) -> Self {
        Self { lab, host, caller: Caller::Administrator }
    }

    /// Its number in the world.
    pub fn id(&self) -> HostId {
        self.host
    }

    /// The lab it belongs to.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The same service, called by somebody else.
    #[must_use]
    pub fn called_by(&self, caller: Caller) -> Self {
        Self { caller, ..self.clone() }
    }

    /// Reads something of this host, which must be up.
    fn look<R>(&self, look: impl FnOnce(&World) -> Option<R>, missing: Missing) -> Result<R> {
        self.lab.read(|world| {
            if world.is_up(self.host) {
                look(world).ok_or(Error::NotFound(missing))
            } else {
                Err(down(None))
            }
        })
    }
}

/// A host that is down does not answer.
fn down(call: Option<&Call>) -> Error {
    Error::Transport { operation: call.map(Call::operation), source: Box::new(HostDown) }
}

/// The transport's complaint about a host that is down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct HostDown;

impl fmt::Display for HostDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host does not answer")
    }
}

impl std::error::Error for HostDown {}

#[deny(clippy::missing_trait_methods)]
impl ReplicationService for HostHandle {
    fn call(&self, call: &Call) -> Result<Outcome> {
        let mut shared = self.lab.lock();
        let reply = shared.call(self.host, self.caller, call);
        drop(shared);
        match reply {
            Reply::Started(job) => Ok(Outcome::Started(job)),
            Reply::Returned(output) => Ok(Outcome::Returned(output)),
            Reply::Refused(refusal) => Err(Error::Refused(refusal)),
            Reply::NotFound(Missing::Host) => Err(down(Some(call))),
            Reply::NotFound(missing) => Err(Error::NotFound(missing)),
            Reply::NotImplemented => Err(Error::NotImplemented(call.operation())),
            Reply::Rejected(why) => {
                Err(Error::Transport { operation: Some(call.operation()), source: Box::new(why) })
            }
            Reply::Completed | Reply::Happened => Ok(Outcome::Completed),
        }
    }

    fn host(&self) -> Result<Host> {
        self.look(|world| world.host_view(self.host), Missing::Host)
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        self.look(|world| world.service_settings(self.host).cloned(), Missing::Host)
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        let entries = |world: &World| world.authorization_entries(self.host).cloned().collect();
        self.look(|world| Some(entries(world)), Missing::Host)
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        self.look(|world| Some(world.vms(self.host).collect()), Missing::Host)
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        self.look(|world| world.vm(self.host, id), Missing::Vm(id))
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.look(|world| world.relationship(self.host, id), Missing::Relationship(id))
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.look(|world| world.settings(self.host, id), Missing::Relationship(id))
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.look(|world| world.recovery_points(self.host, vm), Missing::Vm(vm))
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.look(|world| world.devices(self.host, vm), Missing::Vm(vm))
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        let stored = |world: &World| world.failover_network(self.host, vm).map(<[_]>::to_vec);
        self.look(stored, Missing::Vm(vm))
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        self.look(|world| Some(world.jobs(self.host).collect()), Missing::Host)
    }

    fn job(&self, id: JobId) -> Result<Job> {
        let of_host = |world: &World| {
            world.job(id).filter(|(host, _)| *host == self.host).map(|(_, job)| job)
        };
        self.look(of_host, Missing::Job(id))
    }

    fn now(&self) -> Result<SimTime> {
        Ok(self.lab.now())
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        match self.lab.apply(&Input::Advance(duration)) {
            Reply::Rejected(why) => {
                Err(Error::Transport { operation: None, source: Box::new(why) })
            }
            _ => Ok(()),
        }
    }
}
