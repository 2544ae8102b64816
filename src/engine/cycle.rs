//! Delta cycles: a log is closed, sent, received and applied; one log at a time.

use super::World;
use super::agenda::{Agenda, Due, Ticket};
use super::delivery::{Delivery, Taken, Vss};
use super::event::{Change, Event};
use super::host::Transfers;
use super::input::VmTrouble;
use super::lines::{Lines, Reach};
use super::message::Message;
use super::sender::{Cycle, Log, Sender, Sending, Work};
use super::turned::Turned;
use super::vm::{Lock, VmState};
use super::vms::{Hint, Spot};
use crate::model::{
    EnabledState, HostId, JobState, Leg, Operation, RelationshipId, ReplicationType, SimTime, VmId,
};
use crate::rules::constants::RETRY_PAUSES;
use crate::rules::{Cause, Happening};
use std::time::Duration;

impl World {
    pub(super) fn sender(&self, host: HostId, vm: impl Into<Spot>, leg: Leg) -> Option<&Sender> {
        self.vm_state(host, vm)?.sender(leg)
    }

    pub(super) fn sender_mut(&mut self, host: HostId, vm: VmId, leg: Leg) -> Option<&mut Sender> {
        self.vm_mut(host, vm)?.sender_mut(leg)
    }

    /// Makes the appointment for a sender's next log.
    pub(super) fn arm(&mut self, host: HostId, vm: VmId, leg: Leg, at: SimTime) {
        let Self { hosts, agenda, now, .. } = self;
        let Some(state) = hosts.get_mut(usize::from(host.0)) else { return };
        let Some(hint) = state.vms.find(vm).map(|it| it.0) else { return };
        let Some(sender) = state.vms.get_mut(vm).and_then(|it| it.sender_mut(leg)) else { return };
        sender.stop_cycle(host, &mut state.transfers, agenda, *now);
        sender.cycle = Cycle::Waits(agenda.schedule(at, Due::CloseLog(host, vm, hint, leg)));
    }

    /// Stops a sender's cycles; a log on its way is lost and will be sent again.
    pub(super) fn disarm(&mut self, host: HostId, at: impl Into<Spot>, leg: Leg) {
        let at = at.into();
        let Self { hosts, agenda, lines, now, .. } = self;
        let Some(state) = hosts.get_mut(usize::from(host.0)) else { return };
        let Some(vm) = state.vms.get_mut(at) else { return };
        let Some(sender) = vm.sender_mut(leg) else { return };
        sender.stop_cycle(host, &mut state.transfers, agenda, *now);
        agenda.cancel(sender.window.take());
        vm.watch_log(host, at.id, leg, lines, agenda, *now);
    }

    /// What a pause or a cancellation does at once, before it is complete: nothing moves any more.
    pub(super) fn halt(&mut self, host: HostId, at: Spot, leg: Leg, out: &mut Vec<Event>) {
        self.disarm(host, at, leg);
        let Some(sender) = self.sender(host, at, leg) else { return };
        let moves = matches!(sender.phase, Sending::Initial | Sending::Resyncing);
        if let Some(job) = sender.transfer.filter(|_| moves) {
            self.set_job_state(job, JobState::Suspended, out);
        }
    }

    /// A cycle is due: what was written since the last one goes to the other host, or waits until
    /// one of the logs on their way has arrived.
    pub(super) fn close_log(&mut self, host: HostId, at: Spot, leg: Leg, out: &mut Vec<Event>) {
        let Some(state) = self.host(host) else { return };
        let Some((hint, vm)) = state.vms.find(at) else { return };
        let at = Spot { hint, ..at };
        let log =
            Log { closed: self.now, position: vm.source(leg, &self.lines, self.now).position };
        if state.transfers.are_free() {
            let arrives = self.arrival(host, at.id, leg, vm, log);
            self.send_log(host, at, leg, log, arrives, out);
            return;
        }
        let Some(state) = self.hosts.get_mut(usize::from(host.0)) else { return };
        let Some(vm) = state.vms.get_mut(at) else { return };
        let Some(sender) = vm.sender_mut(leg) else { return };
        let turn = state.transfers.queued;
        state.transfers.queued += 1;
        state.transfers.queue.insert(turn, (at.id, leg));
        sender.cycle = Cycle::Queued(turn, log);
        self.watch_log(host, at.id, leg);
    }

    /// When a log that sets off now reaches the other host, if that would take it, and where the
    /// replica is there.
    fn arrival(
        &self,
        host: HostId,
        id: VmId,
        leg: Leg,
        vm: &VmState,
        log: Log,
    ) -> Result<(SimTime, Hint), Turned> {
        let sender = vm.sender(leg).ok_or(Turned::NoReplica)?;
        if vm.troubles.has(VmTrouble::DiskMissing) {
            return Err(Turned::DiskMissing);
        }
        let there = self.may_deliver(host, sender.peer, Spot { id, hint: sender.peer_at })?;
        let bytes = log.position.saturating_sub(sender.sent);
        let took = self.policy.transfer(bytes, self.fabric.rate(host, sender.peer));
        Ok((self.now + took, there))
    }

    /// A closed log sets off, unless the other host would not take it.
    fn send_log(
        &mut self,
        host: HostId,
        at: Spot,
        leg: Leg,
        log: Log,
        arrives: Result<(SimTime, Hint), Turned>,
        out: &mut Vec<Event>,
    ) {
        let Spot { id, hint } = at;
        let (arrives, peer_at) = match arrives {
            Ok(arrives) => arrives,
            Err(turned) => return self.log_fails(host, id, leg, turned, out),
        };
        let Self { hosts, agenda, lines, .. } = self;
        let Some(state) = hosts.get_mut(usize::from(host.0)) else { return };
        let Some(vm) = state.vms.get_mut(at) else { return };
        let reaches = vm.source(leg, lines, arrives).position;
        let Some(sender) = vm.sender_mut(leg) else { return };
        let ticket = agenda.schedule(arrives, Due::LogArrives(host, id, hint, leg));
        (sender.cycle, sender.peer_at) = (Cycle::Flies(ticket, log), peer_at);
        state.transfers.active += 1;
        if sender.may_overflow(reaches, agenda) {
            self.watch_log(host, id, leg);
        }
    }

    /// Logs that wait set off, as many as may.
    pub(super) fn next_transfer(&mut self, host: HostId, out: &mut Vec<Event>) {
        loop {
            let transfers = &mut self.hosts[usize::from(host.0)].transfers;
            if !transfers.are_free() {
                return;
            }
            let Some((_, (id, leg))) = transfers.queue.pop_first() else { return };
            let vms = &self.hosts[usize::from(host.0)].vms;
            let Some((hint, vm)) = vms.find(id) else { continue };
            if let Some(Cycle::Queued(_, log)) = vm.sender(leg).map(|it| it.cycle) {
                let arrives = self.arrival(host, id, leg, vm, log);
                self.send_log(host, Spot { id, hint }, leg, log, arrives, out);
            }
        }
    }

    /// Logs on their way from one host to another take another time for the rest of it.
    pub(super) fn rescale_logs(
        &mut self,
        from: HostId,
        to: HostId,
        scaled: impl Fn(Duration) -> Duration,
    ) {
        let now = self.now;
        let Some(host) = self.host(from) else { return };
        let legs = |id: &VmId| [(*id, Leg::Primary), (*id, Leg::Extended)];
        let ends: Vec<_> = host.vms.keys().flat_map(legs).collect();
        for (id, leg) in ends {
            let sender = self.sender(from, id, leg).filter(|it| it.peer == to);
            let Some(Cycle::Flies(ticket, log)) = sender.map(|it| it.cycle) else { continue };
            self.agenda.cancel(Some(ticket));
            let due = now + scaled(ticket.due().since(now));
            let ticket = self.agenda.schedule(due, Due::LogArrives(from, id, Hint::default(), leg));
            if let Some(sender) = self.sender_mut(from, id, leg) {
                sender.cycle = Cycle::Flies(ticket, log);
            }
            self.watch_log(from, id, leg);
        }
    }

    /// A log reaches the other host.
    pub(super) fn log_arrives(&mut self, host: HostId, at: Spot, leg: Leg, out: &mut Vec<Event>) {
        let now = self.now;
        let Some((hint, vm)) = self.host(host).and_then(|it| it.vms.find(at)) else { return };
        let at = Spot { hint, ..at };
        let Some(sender) = vm.sender(leg) else { return };
        let Cycle::Flies(_, log) = sender.cycle else { return };
        let vss = match vm.power {
            EnabledState::Enabled if vm.troubles.has(VmTrouble::VssFails) => Vss::Fails,
            EnabledState::Enabled => Vss::Works,
            _ => Vss::Absent,
        };
        let delivery = Delivery {
            from: sender.sent,
            reach: Reach { line: sender.line, position: log.position },
            kind: ReplicationType::Regular,
            took: now.since(log.closed),
            vss,
        };
        let there = Spot { id: at.id, hint: sender.peer_at };
        match self.deliver(host, sender.peer, there, delivery, out) {
            Ok(taken) => self.log_taken(host, at, leg, log, taken, out),
            Err(turned) => self.log_fails(host, at.id, leg, turned, out),
        }
    }

    fn log_taken(
        &mut self,
        host: HostId,
        at: Spot,
        leg: Leg,
        log: Log,
        taken: Taken,
        out: &mut Vec<Event>,
    ) {
        let now = self.now;
        let Self { hosts, agenda, lines, .. } = self;
        let Some(state) = hosts.get_mut(usize::from(host.0)) else { return };
        state.transfers.end_one(host, now, agenda);
        let Some(vm) = state.vms.get_mut(at) else { return };
        let Some(interval) = vm.sender(leg).map(Sender::interval) else { return };
        let next = (log.closed + interval).max(now);
        let reaches = vm.source(leg, lines, next).position;
        let Some(sender) = vm.sender_mut(leg) else { return };
        let Spot { id, hint } = at;
        let took = now.since(log.closed);
        let bytes = log.position.saturating_sub(sender.sent);
        sender.counters.count_success(bytes, took, interval);
        if taken.vss_failed {
            sender.counters.count_consistent_failure();
        }
        sender.sent = log.position;
        if sender.failures > 0 {
            let missed = missed_since(sender.failures, interval);
            sender.counters.count_misses(missed.saturating_sub(1));
        }
        sender.failures = 0;
        (sender.last_sent, sender.last_type) = (Some(now), taken.kind);
        if taken.kind == ReplicationType::ApplicationConsistent {
            sender.last_consistent = Some(now);
        }
        let imported = sender.phase == Sending::Initial && !taken.waits;
        sender.cycle = Cycle::Waits(agenda.schedule(next, Due::CloseLog(host, id, hint, leg)));
        if sender.may_overflow(reaches, agenda) {
            self.watch_log(host, id, leg);
        }
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
        let change = Change::SendFailed {
            id: RelationshipId { vm: id, leg },
            why: turned.into(),
            network: turned.is_network(),
        };
        out.push(Event { at: now, host, change });
        let Some(sender) = self.sender_mut(host, id, leg) else { return };
        sender.counters.count_misses(missed_since(sender.failures, sender.interval()));
        if turned.is_network() {
            sender.counters.network_failures = sender.counters.network_failures.saturating_add(1);
        } else {
            sender.counters.failures = sender.counters.failures.saturating_add(1);
        }
        let pause = pause_after(sender.failures, sender.interval());
        let redirected = self.redirect(host, id, leg);
        let Some(sender) = self.sender_mut(host, id, leg) else { return };
        // An apply that failed on the replica of Windows Server 2012 is tried once more.
        let again = turned == Turned::NotApplied && sender.failures == 0;
        sender.failures = sender.failures.saturating_add(1);
        let work = if sender.phase == Sending::Initial { Work::Initial } else { Work::Replication };
        if turned == Turned::NotNow && sender.phase == Sending::Replicating {
            // That a change of its disks is over may have been lost.
            self.tell_peer(host, id, leg, Message::DisksUpdate(false), out);
        }
        if turned == Turned::OutOfSequence {
            self.needs_resync(host, id, leg, Happening::LogInvalid, out);
        } else if turned.is_recoverable() || again || redirected {
            self.arm(host, id, leg, now + pause);
            self.watch_log(host, id, leg);
        } else {
            self.disarm(host, id, leg);
            let by = Cause::Happening(Happening::SendRefused);
            self.edit(host, id, by, out, |vm| {
                if let Some(sender) = vm.sender_mut(leg) {
                    sender.fails(work, now);
                }
            });
        }
    }

    /// Notes when a sender's log outgrows its share of the disks, unless it is sent before.
    pub(super) fn watch_log(&mut self, host: HostId, id: VmId, leg: Leg) {
        let Self { hosts, agenda, lines, now, .. } = self;
        let Some(state) = hosts.get_mut(usize::from(host.0)) else { return };
        if let Some(vm) = state.vms.get_mut(id) {
            vm.watch_log(host, id, leg, lines, agenda, *now);
        }
    }

    /// The log has outgrown its share of the disks.
    pub(super) fn log_is_full(&mut self, host: HostId, id: VmId, leg: Leg, out: &mut Vec<Event>) {
        let Some(sender) = self.sender_mut(host, id, leg) else { return };
        sender.overflow = None;
        if sender.phase.tracks() {
            self.needs_resync(host, id, leg, Happening::LogInvalid, out);
        }
    }

    /// The two copies can no longer be told apart by a log. A comparison that runs ends without
    /// result.
    pub(super) fn needs_resync(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        by: Happening,
        out: &mut Vec<Event>,
    ) {
        self.disarm(host, id, leg);
        let Some(sender) = self.sender(host, id, leg) else { return };
        let updates = sender.phase == Sending::UpdatingDisks;
        if let Some(job) = sender.transfer {
            self.end(job, JobState::Terminated, None, out);
            let ended = if updates {
                Message::DisksUpdate(false)
            } else {
                Message::ResyncEnds { reach: None }
            };
            self.tell_peer(host, id, leg, ended, out);
        }
        let lock = self.vm_state(host, id).and_then(|vm| vm.lock);
        let holder = lock.and_then(|it| self.record(it.job)).map(|it| it.operation);
        self.edit(host, id, Cause::Happening(by), out, |vm| {
            if let Some(sender) = vm.sender_mut(leg) {
                sender.phase = Sending::NeedsResync;
            }
            // What an operation shows meanwhile is overtaken, unless the sender's end is what it
            // is about. Which state it shows does not tell that: before 18 there was, it was 2.
            if let Some(Lock { shows, .. }) = &mut vm.lock {
                let ends_sending = holder == Some(Operation::BecomeReplica);
                *shows = shows.filter(|(on, _)| *on != leg || ends_sending);
            }
        });
        self.arm_window(host, id, leg, Duration::ZERO);
    }
}

impl Transfers {
    /// One log fewer is on its way: the next one that waits sets off, in a moment that lasts
    /// nothing.
    fn end_one(&mut self, host: HostId, now: SimTime, agenda: &mut Agenda) {
        self.active -= 1;
        if !self.queue.is_empty() {
            agenda.schedule(now, Due::NextTransfer(host));
        }
    }
}

impl Sender {
    /// Whether the log could outgrow its share of the disks before it reaches so far, when it is
    /// sent or closed and looked at again. If not, nothing of it is on the agenda any more: so it
    /// is in all quiet cycles.
    fn may_overflow(&mut self, reaches: u64, agenda: &mut Agenda) -> bool {
        let may = self.outgrows(reaches);
        if !may {
            agenda.cancel(self.overflow.take());
        }
        may
    }

    /// Takes it out of its cycle, wherever in that it is.
    fn stop_cycle(
        &mut self,
        host: HostId,
        transfers: &mut Transfers,
        agenda: &mut Agenda,
        now: SimTime,
    ) {
        self.counters = self.counted(now);
        match std::mem::replace(&mut self.cycle, Cycle::Idle) {
            Cycle::Idle | Cycle::Stopped(_) => {}
            Cycle::Waits(ticket) => agenda.cancel(Some(ticket)),
            Cycle::Queued(turn, _) => {
                transfers.queue.remove(&turn);
            }
            Cycle::Flies(ticket, _) => {
                agenda.cancel(Some(ticket));
                transfers.end_one(host, now, agenda);
            }
        }
    }
}

impl VmState {
    /// [`World::watch_log`], for who has hold of the virtual machine already.
    pub(super) fn watch_log(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        lines: &Lines,
        agenda: &mut Agenda,
        now: SimTime,
    ) {
        let full = self.log_full_at(leg, lines, now);
        let Some(sender) = self.sender_mut(leg) else { return };
        if sender.overflow.map(Ticket::due) != full {
            agenda.cancel(sender.overflow.take());
            sender.overflow = full.map(|at| agenda.schedule(at, Due::LogFull(host, id, leg)));
        }
    }

    /// When the log of a sending end outgrows its share of the disks if nothing is sent any more.
    fn log_full_at(&self, leg: Leg, lines: &Lines, now: SimTime) -> Option<SimTime> {
        let sender = self.sender(leg).filter(|it| it.phase.tracks())?;
        let limit = sender.sent.saturating_add(sender.limit_bytes);
        let is_full = |at: &SimTime| self.source(leg, lines, *at).position > limit;
        if is_full(&now) {
            return Some(now);
        }
        match leg {
            Leg::Primary if self.guest.line == sender.line => {
                self.guest.reaches_at(limit.saturating_add(1))
            }
            Leg::Primary => None,
            // A replica has more to send on when what it has received is applied.
            Leg::Extended => self.receiver()?.applied_at.filter(is_full),
        }
    }
}

/// How many cycles were due since the attempt before this one, and came to nothing.
fn missed_since(failures: u8, interval: Duration) -> u32 {
    let Some(before) = failures.checked_sub(1) else { return 1 };
    let cycles = pause_after(before, interval).as_secs() / interval.as_secs().max(1);
    u32::try_from(cycles.max(1)).unwrap_or(u32::MAX)
}

/// The pause after this many recoverable failures before.
fn pause_after(failures: u8, interval: Duration) -> Duration {
    match usize::from(failures).checked_sub(1) {
        None => interval,
        Some(n) => RETRY_PAUSES[n.min(RETRY_PAUSES.len() - 1)],
    }
}
