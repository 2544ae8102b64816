//! The contract: what the simulator and a real host have in common.
//!
//! A tool is written against `&dyn ReplicationService` and never learns which backend it got.

mod verbs;

use crate::error::Result;
use crate::model::{
    AuthorizationEntry, Call, Devices, FailoverNetworkAdapterSettings, Host, Job, JobId, Output,
    RecoveryPoint, Relationship, RelationshipId, ServiceSettings, Settings, SimTime, Vm, VmId,
};
use std::fmt;
use std::time::Duration;

/// How an accepted call ended.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "a started job has not happened yet"]
pub enum Outcome {
    /// Returned 0: it is done.
    Completed,
    /// Returned 0 with out parameters.
    Returned(Box<Output>),
    /// Returned 4096: a job does it.
    Started(JobId),
}

impl Outcome {
    /// The return value: 0 or 4096.
    pub const fn return_value(&self) -> u32 {
        match self {
            Self::Completed | Self::Returned(_) => 0,
            Self::Started(_) => 4096,
        }
    }

    /// The job, if one was started.
    pub const fn job(&self) -> Option<JobId> {
        match self {
            Self::Started(job) => Some(*job),
            _ => None,
        }
    }
}

impl From<JobId> for Outcome {
    fn from(job: JobId) -> Self {
        Self::Started(job)
    }
}

/// Hyper-V Replica on one host: `Msvm_ReplicationService` and the virtual machines it looks after.
///
/// Object-safe and synchronous. It is not `Send`, because a COM connection is not; the simulator's
/// handles are. No method has a default body, so that a decorator that forgets one does not
/// compile; conveniences are in [`ReplicationServiceExt`].
///
/// Every method fails with [`Error::Transport`](crate::Error::Transport) when the service cannot be reached and with
/// [`Error::NotFound`](crate::Error::NotFound) when what it asks for is not on the host.
pub trait ReplicationService: fmt::Debug {
    /// Calls a method of WMI.
    ///
    /// # Errors
    /// [`Error::Refused`](crate::Error::Refused) with one of the documented numbers; the rule book says which, and why.
    fn call(&self, call: &Call) -> Result<Outcome>;

    /// The host.
    fn host(&self) -> Result<Host>;

    /// The settings of its replica server.
    fn service_settings(&self) -> Result<ServiceSettings>;

    /// Whom it lets in, in the order of their names.
    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>>;

    /// Its virtual machines, test replicas included, in the order of their ids.
    fn vms(&self) -> Result<Vec<Vm>>;

    /// One virtual machine.
    fn vm(&self, id: VmId) -> Result<Vm>;

    /// A relationship. Index 0 exists for every virtual machine, with state 0 while it is not
    /// replicated; index 1 exists for every replica.
    fn relationship(&self, id: RelationshipId) -> Result<Relationship>;

    /// The settings of a relationship, which exist as long as the relationship does.
    fn settings(&self, id: RelationshipId) -> Result<Settings>;

    /// The recovery points of a virtual machine, oldest first.
    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>>;

    /// The disks and adapters of a virtual machine.
    fn devices(&self, vm: VmId) -> Result<Devices>;

    /// What the adapters of a virtual machine take after a failover, in their order; those for which
    /// nothing is set are not in it.
    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>>;

    /// The jobs of the host, in the order in which they were started; finished ones stay for five
    /// minutes.
    fn jobs(&self) -> Result<Vec<Job>>;

    /// One job.
    fn job(&self, id: JobId) -> Result<Job>;

    /// The service's time.
    fn now(&self) -> Result<SimTime>;

    /// Lets the service's time pass: a real backend sleeps, a simulated one advances.
    fn sleep(&self, duration: Duration) -> Result<()>;
}

/// How [`ReplicationServiceExt::wait_for`] polls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The pause between two looks at the job.
    pub poll: Duration,
    /// When to give up.
    pub timeout: Duration,
}

impl Default for Patience {
    /// A look a second, for an hour.
    fn default() -> Self {
        Self { poll: Duration::from_secs(1), timeout: Duration::from_secs(3600) }
    }
}

pub use verbs::ReplicationServiceExt;

macro_rules! forward {
    ($($pointer:ty),+) => {$(
        #[deny(clippy::missing_trait_methods)]
        impl<T: ReplicationService + ?Sized> ReplicationService for $pointer {
            fn call(&self, call: &Call) -> Result<Outcome> { (**self).call(call) }
            fn host(&self) -> Result<Host> { (**self).host() }
            fn service_settings(&self) -> Result<ServiceSettings> { (**self).service_settings() }
            fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
                (**self).authorization_entries()
            }
            fn vms(&self) -> Result<Vec<Vm>> { (**self).vms() }
            fn vm(&self, id: VmId) -> Result<Vm> { (**self).vm(id) }
            fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
                (**self).relationship(id)
            }
            fn settings(&self, id: RelationshipId) -> Result<Settings> { (**self).settings(id) }
            fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
                (**self).recovery_points(vm)
            }
            fn devices(&self, vm: VmId) -> Result<Devices> { (**self).devices(vm) }
            fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
                (**self).failover_network(vm)
            }
            fn jobs(&self) -> Result<Vec<Job>> { (**self).jobs() }
            fn job(&self, id: JobId) -> Result<Job> { (**self).job(id) }
            fn now(&self) -> Result<SimTime> { (**self).now() }
            fn sleep(&self, duration: Duration) -> Result<()> { (**self).sleep(duration) }
        }
    )+};
}
forward!(&T, Box<T>, std::rc::Rc<T>, std::sync::Arc<T>);
