//! Delta cycles: a log is closed, sent, received and applied; one log at a time.

use super::World;
use super::agenda::{Agenda, Due};
use super::event::{Change, Event};
use super::host::{HostState, Turned};
use super::message::{Message, Taken};
use super::vm::{Flight, Sender, Sending, Work};
use crate::model::{HostId, JobState, Leg, RelationshipId, ReplicationType, SimTime, VmId};
use crate::rules::constants::{LOG_LIMIT_PERCENT, RETRY_PAUSES};
use crate::rules::{Cause, Happening};
use std::sync::Arc;
use std::time::Duration;

impl World {
    /// Makes the appointment for a sender's next log.
    pub(super) fn arm(&mut self, host: HostId, vm: VmId, leg: Leg, at: SimTime) {
        let Self { hosts, agenda, .. } = self;
        let Some(sender) = sender_of(hosts, host, vm, leg) else { return };
        agenda.cancel(sender.cycle.take());
        agenda.cancel(sender.flight.take().map(|it| it.ticket));
        sender.cycle = Some(agenda.schedule(at, Due::CloseLog(host, vm, leg)));
    }

    /// Stops a sender's cycles; a log on its way is lost and will be sent again.
    pub(super) fn disarm(&mut self, host: HostId, vm: VmId, leg: Leg) {
        let Self { hosts, agenda, .. } = self;
        if let Some(sender) = sender_of(hosts, host, vm, leg) {
            sender.disarm(agenda);
        }
    }

    /// What a pause does at once, before it is complete: nothing moves any more.
    pub(super) fn halt(&mut self, host: HostId, vm: VmId, leg: Leg, out: &mut Vec<Event>) {
        let Self { hosts, agenda, .. } = self;
        let Some(sender) = sender_of(hosts, host, vm, leg) else { return };
        let moves = matches!(sender.phase, Sending::Initial | Sending::Resyncing);
        let job = sender.transfer.filter(|_| moves);
        sender.disarm(agenda);
        if let Some(job) = job {
            self.set_job_state(job, JobState::Suspended, out);
        }
    }

    /// A cycle is due: what was written since the last one goes to the other host.
    pub(super) fn close_log(&mut self, host: HostId, id: VmId, leg: Leg, out: &mut Vec<Event>) {
        let now = self.now;
        let Some(vm) = self.vm_mut(host, id) else { return };
        let position = vm.source(leg, now);
        let Some(sender) = vm.sender_mut(leg) else { return };
        sender.cycle = None;
        let (peer, bytes) = (sender.peer, position.saturating_sub(sender.sent));
        match self.may_deliver(host, peer, id) {
            Ok(()) => {
                let arrives = now + self.policy.transfer(bytes);
                let ticket = self.agenda.schedule(arrives, Due::LogArrives(host, id, leg));
                if let Some(sender) = self.vm_mut(host, id).and_then(|vm| vm.sender_mut(leg)) {
                    sender.flight = Some(Flight { ticket, closed: now, position });
                }
            }
            Err(turned) => self.log_fails(host, id, leg, turned, out),
        }
    }

    /// A log reaches the other host.
    pub(super) fn log_arrives(&mut self, host: HostId, id: VmId, leg: Leg, out: &mut Vec<Event>) {
        let now = self.now;
        let Some(sender) = self.vm_mut(host, id).and_then(|vm| vm.sender_mut(leg)) else { return };
        let Some(flight) = sender.flight.take() else { return };
        let (peer, from) = (sender.peer, sender.sent);
        let log = Message::Log {
            from,
            position: flight.position,
            kind: ReplicationType::Regular,
            took: now.since(flight.closed),
        };
        match self.deliver(host, peer, id, log, out) {
            Ok(taken) => self.log_taken(host, id, leg, flight, taken, out),
            Err(turned) => self.log_fails(host, id, leg, turned, out),
        }
    }

    fn log_taken(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        flight: Flight,
        taken: Taken,
        out: &mut Vec<Event>,
    ) {
        let now = self.now;
        let Self { hosts, agenda, .. } = self;
        let Some(sender) = sender_of(hosts, host, id, leg) else { return };
        let took = now.since(flight.closed);
        let bytes = flight.position.saturating_sub(sender.sent);
        let interval = sender.interval();
        sender.counters.count_success(bytes, took, interval);
        sender.sent = flight.position;
        sender.failures = 0;
        (sender.last_sent, sender.last_type) = (Some(now), taken.kind);
        if taken.kind == ReplicationType::ApplicationConsistent {
            sender.last_consistent = Some(now);
        }
        let imported = sender.phase == Sending::Initial && !taken.waits;
        let next = (flight.closed + interval).max(now);
        sender.cycle = Some(agenda.schedule(next, Due::CloseLog(host, id, leg)));
        if imported {
            let by = Cause::Happening(Happening::InitialReplicationCompleted);
            self.edit(host, id, by, out, |vm| {
                if let Some(sender) = vm.sender_mut(leg) {
                    sender.phase = Sending::Replicating;
                }
            });
        }
    }

    /// A log could not be delivered: again later, or never without an administrator.
    fn log_fails(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        turned: Turned,
        out: &mut Vec<Event>,
    ) {
        let now = self.now;
        let change = Change::SendFailed { id: RelationshipId { vm: id, leg }, why: turned.into() };
        out.push(Event { at: now, host, change });
        let Some(vm) = self.vm_mut(host, id) else { return };
        let position = vm.source(leg, now);
        let Some(sender) = vm.sender_mut(leg) else { return };
        sender.counters.count_misses(1);
        if turned.is_network() {
            sender.counters.network_failures = sender.counters.network_failures.saturating_add(1);
        } else {
            sender.counters.failures = sender.counters.failures.saturating_add(1);
        }
        let pause = pause_after(sender.failures, sender.interval());
        sender.failures = sender.failures.saturating_add(1);
        let logged = position.saturating_sub(sender.sent);
        let work = if sender.phase == Sending::Initial { Work::Initial } else { Work::Replication };
        if turned == Turned::OutOfSequence || self.log_overflows(host, id, leg, logged) {
            self.needs_resync(host, id, leg, Happening::LogInvalid, out);
        } else if turned.is_recoverable() {
            self.arm(host, id, leg, now + pause);
        } else {
            self.disarm(host, id, leg);
            let by = Cause::Happening(Happening::SendRefused);
            self.edit(host, id, by, out, |vm| {
                if let Some(sender) = vm.sender_mut(leg) {
                    sender.phase = Sending::Critical(work);
                }
            });
        }
    }

    /// Whether the log has outgrown its share of the disks.
    fn log_overflows(&self, host: HostId, id: VmId, leg: Leg, logged: u64) -> bool {
        let Some(vm) = self.vm_state(host, id) else { return false };
        let capacity = vm.sender(leg).map_or(0, |it| vm.capacity_bytes(&it.settings));
        u128::from(logged) * 100 > u128::from(capacity) * u128::from(LOG_LIMIT_PERCENT)
    }

    /// The two copies can no longer be told apart by a log.
    pub(super) fn needs_resync(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        by: Happening,
        out: &mut Vec<Event>,
    ) {
        self.disarm(host, id, leg);
        self.edit(host, id, Cause::Happening(by), out, |vm| {
            if let Some(sender) = vm.sender_mut(leg) {
                sender.phase = Sending::NeedsResync;
            }
        });
        self.arm_window(host, id, leg, Duration::ZERO);
    }
}

/// The sending end of a relationship, to change, while the agenda can be changed too.
fn sender_of(hosts: &mut [HostState], host: HostId, vm: VmId, leg: Leg) -> Option<&mut Sender> {
    let vm = hosts.get_mut(usize::from(host.0))?.vms.get_mut(&vm)?;
    Arc::make_mut(vm).sender_mut(leg)
}

impl Sender {
    /// Makes no further appointment and keeps none.
    fn disarm(&mut self, agenda: &mut Agenda) {
        agenda.cancel(self.cycle.take());
        agenda.cancel(self.flight.take().map(|it| it.ticket));
        agenda.cancel(self.window.take());
    }
}

/// The pause after this many recoverable failures before.
fn pause_after(failures: u8, interval: Duration) -> Duration {
    match usize::from(failures).checked_sub(1) {
        None => interval,
        Some(n) => RETRY_PAUSES[n.min(RETRY_PAUSES.len() - 1)],
    }
}
