//! What lines are about: things that have names, happen, and are looked at.

use super::facts::VmFacts;
use super::look;
use super::names::Names;
use super::report::Side;
use super::stage::Stage;
use crate::engine::{Change, Input, Policy, Reply, World};
use crate::error::{Error, Result};
use crate::model::{HostId, Job, JobId, LogEntry, SimTime, VmId};
use crate::oracle::Violation;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

/// What a [`Runner`](super::Runner) runs lines on.
///
/// Every [`Stage`] is one, and looks at its world; [`Remote`](super::Remote) asks hosts.
pub trait Scene {
    /// What things are called.
    fn names(&self) -> &dyn Names;

    /// Every virtual machine that there is to be named.
    fn all_vms(&self) -> Vec<(Arc<str>, VmId)>;

    /// The time by which steps are dated.
    fn time(&self) -> SimTime;

    /// Makes one thing happen, and appends the virtual machines that are there since.
    ///
    /// # Errors
    /// No reply that could be one.
    fn happen(&mut self, input: &Input, made: &mut Vec<(Arc<str>, VmId)>) -> Result<Reply, Mishap>;

    /// Begins anew with this seed and this policy, where they are given; whether that was possible.
    fn start(&mut self, seed: Option<u64>, policy: Option<&Policy>) -> bool;

    /// What there is to know of a virtual machine, at least what the other facts look at; `None` if
    /// it is not there.
    ///
    /// # Errors
    /// The host does not answer.
    fn vm_facts(&self, host: HostId, vm: VmId, like: &VmFacts) -> Result<Option<VmFacts>>;

    /// A job; `None` if it is not there.
    ///
    /// # Errors
    /// The host does not answer.
    fn find_job(&self, job: JobId) -> Result<Option<Job>>;

    /// A host's log, oldest first.
    fn log(&self, host: HostId) -> Vec<LogEntry>;

    /// How long to let pass for a job that has not ended, but not beyond this time; `None` if
    /// nothing is to happen until then.
    fn pause(&self, end: SimTime) -> Option<Duration>;

    /// Both sides of whatever plays a role or was named.
    fn sides(&mut self, named: &BTreeSet<(HostId, VmId)>) -> Vec<Side>;
}

/// Why something that a line says has no reply.
#[derive(Debug)]
#[non_exhaustive]
pub enum Mishap {
    /// It has one, but an invariant does not hold afterwards.
    Violation(Box<Violation>),
    /// No answer came: it may or may not have happened.
    Unanswered(Error),
    /// It cannot be made to happen here, for this reason.
    Impossible(String),
}

impl<S: Stage> Scene for S {
    fn names(&self) -> &dyn Names {
        self.world()
    }

    fn all_vms(&self) -> Vec<(Arc<str>, VmId)> {
        let world = self.world();
        let vms = world.hosts().flat_map(|(host, _)| world.vms(host));
        vms.map(|vm| (vm.name, vm.id)).collect()
    }

    fn time(&self) -> SimTime {
        self.world().now()
    }

    fn happen(&mut self, input: &Input, made: &mut Vec<(Arc<str>, VmId)>) -> Result<Reply, Mishap> {
        let mut events = Vec::new();
        let reply = self.apply(input, &mut events);
        if let Input::AddVm { vm, .. } = input {
            made.push((Arc::clone(&vm.name), vm.id));
        }
        for event in events {
            if let Change::VmCreated { vm } = event.change
                && let Some(vm) = self.world().vm(event.host, vm)
            {
                made.push((vm.name, vm.id));
            }
        }
        reply.map_err(Mishap::Violation)
    }

    fn start(&mut self, seed: Option<u64>, policy: Option<&Policy>) -> bool {
        let world = self.world();
        let (seed, policy) = (seed.unwrap_or(world.seed()), policy.unwrap_or(world.policy()));
        if (seed, policy) == (world.seed(), world.policy()) {
            return true;
        }
        let is_fresh = *world == World::with_policy(world.seed(), world.policy().clone());
        let fresh = World::with_policy(seed, policy.clone());
        is_fresh && self.begin(fresh)
    }

    fn vm_facts(&self, host: HostId, vm: VmId, like: &VmFacts) -> Result<Option<VmFacts>> {
        Ok(look::vm_facts(self.world(), host, vm, like))
    }

    fn find_job(&self, job: JobId) -> Result<Option<Job>> {
        Ok(self.world().job(job).map(|(_, job)| job))
    }

    fn log(&self, host: HostId) -> Vec<LogEntry> {
        self.world().event_log(host).cloned().collect()
    }

    fn pause(&self, end: SimTime) -> Option<Duration> {
        let due = self.world().next_due().filter(|due| *due <= end)?;
        Some(due.since(self.world().now()))
    }

    fn sides(&mut self, named: &BTreeSet<(HostId, VmId)>) -> Vec<Side> {
        look::sides(self.world(), named)
    }
}
