//! What must hold in every world, whatever happened to it.

use super::World;
use super::agenda::Due;
use super::job::Kind;
use super::vm::{Role, Sending, VmState};
use super::{HostState, host_of};
use crate::model::{EnabledState, HostId, JobId, JobState, Leg, RelationshipId, VmId};
use std::fmt;

/// A broken invariant: an error of this crate, never of its user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inconsistency(String);

impl fmt::Display for Inconsistency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the world is inconsistent: {}", self.0)
    }
}

impl std::error::Error for Inconsistency {}

macro_rules! must {
    ($holds:expr, $($says:tt)+) => {
        if !$holds {
            return Err(Inconsistency(format!($($says)+)));
        }
    };
}

impl World {
    /// Checks every invariant. Builds with debug assertions do it after each input.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn check(&self) -> Result<(), Inconsistency> {
        for (index, host) in (0u16..).zip(&self.hosts) {
            let host_id = HostId(index);
            for (id, vm) in &host.vms {
                self.check_vm(host_id, host, *id, vm)?;
            }
            for id in host.jobs.keys() {
                self.check_job(host_id, host, *id)?;
            }
        }
        self.check_agenda()
    }

    fn check_vm(
        &self,
        host_id: HostId,
        host: &HostState,
        id: VmId,
        vm: &VmState,
    ) -> Result<(), Inconsistency> {
        let live = |job: JobId| host.jobs.get(&job).is_some_and(|it| !it.state.is_terminal());
        must!(vm.lock.is_none_or(|lock| live(lock.job)), "{id} is locked by no live job");
        must!(vm.power_job.is_none_or(live), "{id} changes its power by no live job");
        let runs = vm.power == EnabledState::Enabled;
        must!(runs == vm.guest.since.is_some(), "{id} is {} but writes otherwise", vm.power);
        must!(host.up || vm.power_job.is_none() && !runs, "{id} runs on a host that is down");
        for leg in [Leg::Primary, Leg::Extended] {
            let Some(sender) = vm.sender(leg) else { continue };
            let key = RelationshipId { vm: id, leg };
            must!(sender.transfer.is_none_or(live), "{key} moves data by no live job");
            must!(sender.peer != host_id, "{key} sends to its own host");
            let replicates =
                matches!(sender.phase, Sending::Replicating) && host.up && vm.lock.is_none();
            let waits = sender.cycle.is_some() || sender.flight.is_some();
            must!(!replicates || waits, "{key} replicates without a next cycle");
            let ticket = sender.cycle;
            let due = Due::CloseLog(host_id, id, leg);
            must!(
                ticket.is_none_or(|it| self.agenda.contains(it, due)),
                "{key} has a cycle that is not on the agenda"
            );
            let due = Due::LogArrives(host_id, id, leg);
            must!(
                sender.flight.is_none_or(|it| self.agenda.contains(it.ticket, due)),
                "{key} has a log on its way that is not on the agenda"
            );
        }
        Self::check_role(host, id, vm)
    }

    fn check_role(host: &HostState, id: VmId, vm: &VmState) -> Result<(), Inconsistency> {
        if let Some(receiver) = vm.receiver() {
            let limit = usize::from(receiver.settings.recovery_history);
            must!(receiver.points.len() <= limit, "{id} has too many recovery points");
            let ordered = receiver.points.windows(2).all(|it| it[0].created <= it[1].created);
            must!(ordered, "{id} has recovery points out of order");
            let newer = receiver.points.iter().any(|it| it.position > receiver.held);
            must!(!newer, "{id} has a recovery point newer than what it holds");
            let own = receiver.phase.recovery().is_some();
            must!(own || vm.guest.since.is_none(), "{id} is a replica and runs");
        }
        if let Some(test) = vm.tester {
            let is_test = host
                .vms
                .get(&test)
                .is_some_and(|it| matches!(it.role, Role::Test { of } if of == id));
            must!(is_test, "{id} has a test replica that is none");
        }
        Ok(())
    }

    fn check_job(&self, host_id: HostId, host: &HostState, id: JobId) -> Result<(), Inconsistency> {
        let Some(job) = host.jobs.get(&id) else { return Ok(()) };
        must!(host_of(id) == host_id, "job {id} is on another host than its key says");
        let due = if job.state.is_terminal() { Due::Reap(id) } else { Due::Phase(id) };
        must!(
            job.ticket.is_none_or(|it| self.agenda.contains(it, due)),
            "job {id} has an appointment that is not on the agenda"
        );
        must!(job.ticket.is_some() || job.kind == Kind::Transfer, "job {id} will never end");
        let known =
            job.state.is_terminal() || matches!(job.state, JobState::Running | JobState::Suspended);
        must!(known, "job {id} is {}", job.state);
        Ok(())
    }

    fn check_agenda(&self) -> Result<(), Inconsistency> {
        for (ticket, due) in self.agenda.entries() {
            must!(ticket.due() >= self.now, "{due:?} is overdue");
            let wanted = match due {
                Due::Phase(id) | Due::Reap(id) => {
                    self.record(id).is_some_and(|it| it.ticket == Some(ticket))
                }
                Due::CloseLog(host, vm, leg) => {
                    self.sender(host, vm, leg).is_some_and(|it| it.cycle == Some(ticket))
                }
                Due::LogArrives(host, vm, leg) => self
                    .sender(host, vm, leg)
                    .and_then(|it| it.flight)
                    .is_some_and(|it| it.ticket == ticket),
                Due::WindowOpens(host, vm, leg) => {
                    self.sender(host, vm, leg).is_some_and(|it| it.window == Some(ticket))
                }
            };
            must!(wanted, "{due:?} is on the agenda and nobody waits for it");
        }
        Ok(())
    }

    fn sender(&self, host: HostId, vm: VmId, leg: Leg) -> Option<&super::vm::Sender> {
        self.vm_state(host, vm)?.sender(leg)
    }
}
