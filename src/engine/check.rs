//! What must hold in every world, whatever happened to it.

use super::World;
use super::agenda::Due;
use super::job::Kind;
use super::network::Injection;
use super::sender::{Cycle, Sending, Work};
use super::vm::{Role, VmState};
use super::vms::Hint;
use super::{HostState, host_of};
use crate::model::{EnabledState, HostId, JobId, Leg, RelationshipId, VmId};
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
            for (id, vm) in host.vms.iter() {
                self.check_vm(host_id, host, *id, vm)?;
            }
            self.check_transfers(host_id, host)?;
            let watched = host.vms.values().any(VmState::is_replicated);
            must!(
                !watched || !host.up || host.monitoring.is_some() || self.ends_before_window(),
                "{} replicates and its monitoring windows never end",
                host.name
            );
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
        if let Injection::Staged(ticket) = vm.network.injection {
            must!(runs == ticket.is_some(), "{id} is {} and takes settings otherwise", vm.power);
            let due = Due::GuestTalks(host_id, id);
            let waits = ticket.is_none_or(|it| self.agenda.contains(it, due));
            must!(waits, "{id} takes settings that are not on the agenda");
        }
        if let Some(receiver) = vm.receiver()
            && let Some(peer) = receiver.peer
            && receiver.settings.lets_in(peer, self.generation)
        {
            let admitted = self.admits(peer, host_id, &receiver.settings).is_ok();
            must!(admitted, "{id} is thought to let in what its host does not");
        }
        for leg in [Leg::Primary, Leg::Extended] {
            let Some(sender) = vm.sender(leg) else { continue };
            let key = RelationshipId { vm: id, leg };
            must!(sender.transfer.is_none_or(live), "{key} moves data by no live job");
            let works = matches!(
                sender.phase,
                Sending::Resyncing | Sending::ResyncSuspended | Sending::UpdatingDisks
            );
            must!(!works || sender.transfer.is_some(), "{key} compares or copies by no job");
            must!(sender.peer != host_id, "{key} sends to its own host");
            must!(sender.known_on != Some(host_id), "{key} is where it is known to be");
            let replicates =
                matches!(sender.phase, Sending::Replicating) && host.up && vm.lock.is_none();
            let waits = !matches!(sender.cycle, Cycle::Idle | Cycle::Stopped(_));
            must!(!replicates || waits, "{key} replicates without a next cycle");
            let hint = Hint::default();
            let on_agenda = match sender.cycle {
                Cycle::Idle => true,
                Cycle::Stopped(_) => sender.phase == Sending::Critical(Work::Replication),
                Cycle::Waits(it) => self.agenda.contains(it, Due::CloseLog(host_id, id, hint, leg)),
                Cycle::Flies(it, _) => {
                    self.agenda.contains(it, Due::LogArrives(host_id, id, hint, leg))
                }
                Cycle::Queued(turn, _) => host.transfers.queue.get(&turn) == Some(&(id, leg)),
            };
            must!(on_agenda, "{key} is in a cycle that nobody will go on with");
            let settled = !matches!(
                sender.phase,
                Sending::UpdatingDisks | Sending::DiskUpdateFailed | Sending::NeedsResync
            );
            must!(!settled || sender.wanted.is_none(), "{key} wants other disks and gets none");
            let due = Due::LogFull(host_id, id, leg);
            let watched = sender.overflow.is_none_or(|it| self.agenda.contains(it, due));
            must!(watched, "{key} watches its log, but not on the agenda");
            let full = sender.outgrows(vm.source(leg, &self.lines, self.now).position);
            must!(!full || sender.overflow.is_some(), "{key} has outgrown its log unnoticed");
        }
        self.check_role(host, id, vm)
    }

    fn check_role(&self, host: &HostState, id: VmId, vm: &VmState) -> Result<(), Inconsistency> {
        if let Some(receiver) = vm.receiver() {
            let limit = usize::from(receiver.settings.recovery_history);
            must!(receiver.points.len() <= limit, "{id} has too many recovery points");
            let ordered = receiver.points.windows(2).all(|it| it[0].created <= it[1].created);
            must!(ordered, "{id} has recovery points out of order");
            let newer = receiver.points.iter().any(|it| it.position > receiver.held.position);
            must!(!newer, "{id} has a recovery point newer than what it holds");
            let ahead = receiver.applied(self.now).position > receiver.held.position;
            must!(!ahead, "{id} has applied more than it has received");
            let own = receiver.phase.recovery().is_some();
            must!(own || vm.guest.since.is_none(), "{id} is a replica and runs");
        }
        if let Some(test) = vm.tester {
            let is_test = host
                .vms
                .get(test)
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
        must!(job.state.is_shown(), "job {id} is {}", job.state);
        Ok(())
    }

    fn check_agenda(&self) -> Result<(), Inconsistency> {
        for (ticket, due) in self.agenda.entries() {
            must!(ticket.due() >= self.now, "{due:?} is overdue");
            let wanted = match due {
                Due::GuestTalks(host, vm) => self
                    .vm_state(host, vm)
                    .is_some_and(|it| it.network.injection == Injection::Staged(Some(ticket))),
                Due::MonitoringEnds(host) => {
                    self.host(host).is_some_and(|it| it.monitoring == Some(ticket))
                }
                Due::Phase(id) | Due::Reap(id) => {
                    self.record(id).is_some_and(|it| it.ticket == Some(ticket))
                }
                Due::CloseLog(host, vm, _, leg) => {
                    self.sender(host, vm, leg).is_some_and(|it| it.cycle == Cycle::Waits(ticket))
                }
                Due::LogArrives(host, vm, _, leg) => self.sender(host, vm, leg).is_some_and(
                    |it| matches!(it.cycle, Cycle::Flies(flies, _) if flies == ticket),
                ),
                Due::LogFull(host, vm, leg) => {
                    self.sender(host, vm, leg).is_some_and(|it| it.overflow == Some(ticket))
                }
                Due::NextTransfer(_) => ticket.due() == self.now,
                Due::WindowOpens(host, vm, leg) => {
                    self.sender(host, vm, leg).is_some_and(|it| it.window == Some(ticket))
                }
            };
            must!(wanted, "{due:?} is on the agenda and nobody waits for it");
        }
        Ok(())
    }

    /// As many logs are on their way as are counted, and none waits without need.
    fn check_transfers(&self, id: HostId, host: &HostState) -> Result<(), Inconsistency> {
        let senders = host
            .vms
            .values()
            .flat_map(|vm| [Leg::Primary, Leg::Extended].map(|leg| vm.sender(leg)))
            .flatten();
        let flying = senders.filter(|it| matches!(it.cycle, Cycle::Flies(..))).count();
        let active = usize::from(host.transfers.active);
        must!(flying == active, "{flying} logs are on their way from host {}, not {active}", id.0);
        let free = host.transfers.are_free();
        let served = || self.agenda.entries().any(|it| it.1 == Due::NextTransfer(id));
        must!(
            host.transfers.queue.is_empty() || !free || served(),
            "logs wait on host {} although they could go",
            id.0
        );
        Ok(())
    }
}
