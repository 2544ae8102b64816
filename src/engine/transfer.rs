//! The data path of a sending end: initial replication, resynchronisation, change of disks.

use super::accept::NewJob;
use super::agenda::Due;
use super::event::Event;
use super::finish::Failed;
use super::job::{JobRecord, Kind};
use super::lines::Reach;
use super::message::Message;
use super::sender::{Sending, Work};
use super::vms::Spot;
use super::{World, host_of};
use crate::model::{
    Call, HostId, JobId, JobState, JobType, Leg, Operation, ReplicationState, ReplicationType,
    Settings, SimTime, VmId,
};
use crate::rules::constants::RETRY_PAUSES;
use crate::rules::{Cause, Happening, Pace, Plan};
use std::sync::Arc;
use std::time::Duration;

/// The disks on their way, after `StartReplication` has taken its checkpoint.
static SEND_DISKS: Plan = Plan {
    when: &[],
    job_type: JobType::SendingInitialReplica,
    during: None,
    phases: &[Pace::Copy, Pace::Local],
    cancellable: true,
    at_once: false,
};

/// The same against a copy that is there: blocks are compared.
static COMPARE_DISKS: Plan = Plan { phases: &[Pace::Compare, Pace::Local], ..SEND_DISKS };

/// A resynchronisation that starts by itself in its window.
static RESYNCHRONIZE: Plan = Plan {
    when: &[],
    job_type: JobType::Resynchronizing,
    during: Some(ReplicationState::Resynchronizing),
    phases: &[Pace::Contact, Pace::Compare, Pace::Merge],
    cancellable: true,
    at_once: false,
};

/// The same towards an extended replica.
static RESYNCHRONIZE_EXTENDED: Plan =
    Plan { job_type: JobType::ResynchronizingExtended, ..RESYNCHRONIZE };

/// How long an automatic resynchronisation that failed waits: the longest pause between retries.
pub(super) const RETRY: Duration = RETRY_PAUSES[RETRY_PAUSES.len() - 1];

impl World {
    /// A scheduled transfer begins, if it still can: the sender takes the state that a transfer at
    /// once has from its acceptance.
    pub(super) fn transfer_starts(
        &mut self,
        host: HostId,
        vm: VmId,
        leg: Leg,
        operation: Operation,
        out: &mut Vec<Event>,
    ) -> bool {
        let Some(state) = self.vm_state(host, vm) else { return false };
        let Some(sender) = state.sender(leg) else { return false };
        let phase = match (operation, sender.phase) {
            _ if state.lock.is_some() => return false,
            (Operation::StartReplication, Sending::Ready | Sending::Initial) => Sending::Initial,
            (
                Operation::Resynchronize,
                Sending::Suspended(_)
                | Sending::Critical(_)
                | Sending::NeedsResync
                | Sending::ResyncSuspended
                | Sending::DiskUpdateFailed,
            ) => Sending::Resyncing,
            _ => return false,
        };
        self.edit(host, vm, Cause::Happening(Happening::ScheduleDue), out, |vm| {
            if let Some(sender) = vm.sender_mut(leg) {
                sender.phase = phase;
            }
        });
        true
    }

    /// What a job does before its first phase: a sending end stops its cycles.
    pub(super) fn job_begins(
        &mut self,
        host: HostId,
        at: Spot,
        leg: Leg,
        operation: Operation,
        job_type: JobType,
        out: &mut Vec<Event>,
    ) {
        match operation {
            Operation::PrepareFailover => self.disarm(host, at, leg),
            Operation::Resynchronize => {
                self.tracking_begins(host, at.id, leg);
                self.disarm(host, at, leg);
            }
            _ if job_type == JobType::UpdateDiskSet => {
                self.disks_are_wanted(host, at.id, leg);
                self.disarm(host, at, leg);
            }
            Operation::SuspendReplication
            | Operation::CancelInitialReplication
            | Operation::CancelResynchronization => self.halt(host, at, leg, out),
            Operation::InitiateFailover => self.stop_peers_resync(host, at.id, out),
            _ => {}
        }
    }

    /// Keeps what a change of the set of disks is to lead to. A retry goes by what is kept.
    fn disks_are_wanted(&mut self, host: HostId, vm: VmId, leg: Leg) {
        let job = self.sender(host, vm, leg).and_then(|it| self.record(it.transfer?));
        let call = job.and_then(|it| it.call.clone());
        if let Some(Call::ModifyReplicationSettings { settings, .. }) = call.as_deref()
            && let Some(sender) = self.sender_mut(host, vm, leg)
        {
            sender.wanted = Some(Arc::new(Settings::clone(settings)));
        }
    }

    /// The checkpoint of `StartReplication` is taken: the disks go on their way.
    pub(super) fn initial_copy_begins(
        &mut self,
        host: HostId,
        id: JobId,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let job = self.record(id).ok_or(Failed::GONE)?;
        let (Some(vm), leg, job_type) = (job.vm, job.leg, job.job_type) else {
            return Err(Failed::GONE);
        };
        if job_type == JobType::StartExportReplication {
            return self.export_ends(host, id, vm, leg);
        }
        if let Some(sender) = self.sender_mut(host, vm, leg) {
            sender.transfer = sender.transfer.filter(|it| *it != id);
        }
        self.start_copy(host, vm, leg, job_type == JobType::StartSeededReplication, out);
        Ok(())
    }

    /// From here on the writes of a virtual machine are logged: what it holds now is what is copied
    /// or compared.
    pub(super) fn tracking_begins(&mut self, host: HostId, vm: VmId, leg: Leg) {
        let now = self.now;
        let Some(vm) = self.vm_mut(host, vm) else { return };
        let received = vm.receiver().filter(|_| leg == Leg::Extended);
        let reach = received.map_or_else(|| vm.reach(now), |it| it.applied(now));
        let Some(sender) = vm.sender_mut(leg) else { return };
        (sender.line, sender.sent, sender.wanted) = (reach.line, reach.position, None);
    }

    pub(super) fn start_copy(
        &mut self,
        host: HostId,
        vm: VmId,
        leg: Leg,
        compares: bool,
        out: &mut Vec<Event>,
    ) {
        if let Some(sender) = self.sender_mut(host, vm, leg) {
            sender.compares = compares;
        }
        let plan = if compares { &COMPARE_DISKS } else { &SEND_DISKS };
        let operation = Operation::StartReplication;
        let new = NewJob {
            host,
            vm: Some(vm.into()),
            leg,
            operation,
            plan,
            kind: Kind::Transfer,
            scheduled: None,
            call: None,
            doomed: None,
        };
        let id = self.start_job(new, out);
        let at_work = |it: &&JobRecord| it.state == JobState::Running;
        let job = self.record(id).filter(at_work);
        if job.is_some_and(|job| !self.path_is_open(id, job)) {
            self.stall(id);
        }
    }

    /// The disks did not arrive, for a reason that may pass: they are sent again after an interval.
    ///
    /// Source: <https://learn.microsoft.com/azure/site-recovery/hyper-v-azure-architecture>.
    pub(super) fn copy_again(&mut self, id: JobId, failed: &Failed, out: &mut Vec<Event>) {
        let Some(job) = self.record(id) else { return };
        let (host, leg) = (host_of(id), job.leg);
        let compares = job.phases.first() == Some(&Pace::Compare);
        let vm = job.vm.and_then(|vm| Some((vm, self.sender(host, vm, leg)?.interval())));
        self.end_failed(id, failed, out);
        let Some((vm, interval)) = vm else { return };
        let new = NewJob {
            host,
            vm: Some(vm.into()),
            leg,
            operation: Operation::StartReplication,
            plan: if compares { &COMPARE_DISKS } else { &SEND_DISKS },
            kind: Kind::Transfer,
            scheduled: Some(self.now + interval),
            call: None,
            doomed: None,
        };
        self.start_job(new, out);
    }

    fn export_ends(&mut self, host: HostId, id: JobId, vm: VmId, leg: Leg) -> Result<(), Failed> {
        let now = self.now;
        let call = self.record(id).and_then(|job| job.call.clone());
        let Some(Call::StartReplication { export_location: Some(folder), .. }) = call.as_deref()
        else {
            return Err(Failed::GONE);
        };
        let state = self.vm_mut(host, vm).ok_or(Failed::GONE)?;
        let name = state.name.clone();
        let sender = state.sender_mut(leg).ok_or(Failed::GONE)?;
        let reach = sender.reach();
        // An export that is complete counts as a replication: it can no longer be stopped.
        sender.last_sent = Some(now);
        let interval = sender.interval();
        self.exports.insert((vm, export_folder(folder, &name, vm)), reach);
        self.arm(host, vm, leg, now + interval);
        Ok(())
    }

    /// How far the export in this folder reaches, if there is one of this virtual machine.
    pub(super) fn export(&self, vm: VmId, folder: &str) -> Option<Reach> {
        self.exports.get(&(vm, folder.trim_end_matches('\\').to_lowercase())).copied()
    }

    /// The disks have arrived: both sides replicate, and what was logged meanwhile goes next.
    pub(super) fn initial_copy_ends(
        &mut self,
        host: HostId,
        vm: VmId,
        leg: Leg,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        self.redirect(host, vm, leg);
        let sender = self.sender(host, vm, leg).ok_or(Failed::GONE)?;
        let (peer, reach) = (sender.peer, sender.reach());
        self.send(host, peer, vm, Message::InitialReplica { reach }, out)?;
        self.replicates(host, vm, leg, reach, Happening::InitialReplicationCompleted, out);
        Ok(())
    }

    /// A resynchronisation is merged.
    pub(super) fn resync_ends(
        &mut self,
        host: HostId,
        vm: VmId,
        leg: Leg,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let sender = self.sender(host, vm, leg).ok_or(Failed::GONE)?;
        // What was written during the comparison is in the first log after it.
        let (peer, reach) = (sender.peer, sender.reach());
        self.send(host, peer, vm, Message::ResyncEnds { reach: Some(reach) }, out)?;
        self.replicates(host, vm, leg, reach, Happening::ResynchronizationCompleted, out);
        Ok(())
    }

    /// The sender has everything up to a position on the other side: normal cycles begin.
    pub(super) fn replicates(
        &mut self,
        host: HostId,
        vm: VmId,
        leg: Leg,
        reach: Reach,
        by: Happening,
        out: &mut Vec<Event>,
    ) {
        let now = self.now;
        self.edit(host, vm, Cause::Happening(by), out, |vm| {
            if let Some(sender) = vm.sender_mut(leg) {
                sender.phase = Sending::Replicating;
                (sender.line, sender.sent) = (reach.line, reach.position);
                sender.last_sent = Some(now);
                sender.last_type = ReplicationType::Regular;
                sender.failures = 0;
            }
        });
        self.arm(host, vm, leg, now);
    }

    /// The disks of a replica were replaced as a whole, which is in no log that it could send on:
    /// its extended leg has to compare, or to copy, anew.
    pub(super) fn disks_were_replaced(&mut self, host: HostId, vm: VmId, out: &mut Vec<Event>) {
        let leg = Leg::Extended;
        let Some(sender) = self.sender(host, vm, leg) else { return };
        let (phase, compares) = (sender.phase, sender.compares);
        let exported = phase.is_initial() && sender.last_sent.is_some();
        let transfer = sender.transfer.and_then(|id| self.record(id));
        if transfer.is_some_and(|it| it.job_type == JobType::SendingInitialReplica) {
            self.end_transfer(host, vm, leg, out);
            if phase == Sending::Initial {
                self.tracking_begins(host, vm, leg);
                self.start_copy(host, vm, leg, compares, out);
            }
        } else if phase.tracks() || exported {
            self.needs_resync(host, vm, leg, Happening::SourceReplaced, out);
        }
    }

    /// Takes back what a job began, because it failed or was cancelled. A resynchronisation may
    /// start anew by itself after the pause, if there is one.
    pub(super) fn roll_back(
        &mut self,
        id: JobId,
        end: JobState,
        pause: Option<Duration>,
        out: &mut Vec<Event>,
    ) {
        let Some(job) = self.record(id).filter(|it| it.doomed.is_none()) else { return };
        let (Some(vm), leg, operation, job_type) = (job.vm, job.leg, job.operation, job.job_type)
        else {
            return;
        };
        let (host, waits, kind) = (host_of(id), job.started.is_none(), job.kind);
        let failed = end == JobState::Exception;
        let phase = self.sender(host, vm, leg).map(|it| it.phase);
        let was_paused = phase == Some(Sending::ResyncSuspended);
        match operation {
            Operation::StartReplication if !waits => {
                // What an export left behind is of no use: only a copy can go on.
                let goes_on = failed && job_type != JobType::StartExportReplication;
                let back = if goes_on { Sending::Critical(Work::Initial) } else { Sending::Ready };
                self.set_phase(host, vm, leg, back, operation, out);
            }
            // One that waited may have replaced one that was paused, which is gone.
            Operation::Resynchronize if !waits || was_paused => {
                self.set_phase(host, vm, leg, Sending::NeedsResync, operation, out);
                self.tell_peer(host, vm, leg, Message::ResyncEnds { reach: None }, out);
                if let Some(pause) = pause {
                    self.arm_window(host, vm, leg, pause);
                }
            }
            Operation::ModifyReplicationSettings | Operation::ResumeDiskUpdate
                if job_type == JobType::UpdateDiskSet =>
            {
                self.tell_peer(host, vm, leg, Message::DisksUpdate(false), out);
                self.set_phase(host, vm, leg, Sending::DiskUpdateFailed, operation, out);
            }
            Operation::PrepareFailover => self.prepare_rolls_back(host, vm, leg),
            _ => {}
        }
        if kind == Kind::Power {
            self.power_rolls_back(host, vm, out);
        }
    }

    /// A preparation that failed sends on as before, if that is what the sender still does: a log
    /// may have become invalid meanwhile.
    fn prepare_rolls_back(&mut self, host: HostId, vm: VmId, leg: Leg) {
        let phase = self.sender(host, vm, leg).map(|it| it.phase);
        if phase == Some(Sending::Replicating) {
            self.arm(host, vm, leg, self.now);
        }
    }

    pub(super) fn set_phase(
        &mut self,
        host: HostId,
        vm: VmId,
        leg: Leg,
        phase: Sending,
        by: Operation,
        out: &mut Vec<Event>,
    ) {
        self.edit(host, vm, Cause::Call(by), out, |vm| {
            if let Some(sender) = vm.sender_mut(leg) {
                sender.phase = phase;
            }
        });
    }

    /// Sends a message that changes nothing here if it does not arrive.
    pub(super) fn tell_peer(
        &mut self,
        host: HostId,
        vm: VmId,
        leg: Leg,
        message: Message<'_>,
        out: &mut Vec<Event>,
    ) {
        let sender = self.vm_state(host, vm).and_then(|it| it.sender(leg));
        if let Some(peer) = sender.map(|it| it.peer) {
            let _ = self.send(host, peer, vm, message, out);
        }
    }

    /// Notes when a needed resynchronisation may start by itself, if it may at all: inside the
    /// window after this pause, else when the window opens next.
    pub(super) fn arm_window(&mut self, host: HostId, vm: VmId, leg: Leg, pause: Duration) {
        let earliest = self.now + pause;
        let offset_min = self.host(host).map_or(0, |it| it.utc_offset_min);
        let Some(sender) = self.vm_mut(host, vm).and_then(|vm| vm.sender_mut(leg)) else { return };
        let old = sender.window.take();
        let settings = &sender.settings;
        let at = (settings.auto_resynchronize && sender.phase == Sending::NeedsResync).then(|| {
            let (start, end) =
                (settings.auto_resynchronize_start_s, settings.auto_resynchronize_end_s);
            opening(earliest, offset_min, start, end)
        });
        self.agenda.cancel(old);
        let ticket = at.map(|at| self.agenda.schedule(at, Due::WindowOpens(host, vm, leg)));
        if let Some(sender) = self.vm_mut(host, vm).and_then(|vm| vm.sender_mut(leg)) {
            sender.window = ticket;
        }
    }

    /// Compares both copies without having been asked to by a call.
    pub(super) fn start_resync(&mut self, host: HostId, vm: VmId, leg: Leg, out: &mut Vec<Event>) {
        let new = NewJob {
            host,
            vm: Some(vm.into()),
            leg,
            operation: Operation::Resynchronize,
            plan: match leg {
                Leg::Primary => &RESYNCHRONIZE,
                Leg::Extended => &RESYNCHRONIZE_EXTENDED,
            },
            kind: Kind::Transfer,
            scheduled: None,
            call: None,
            doomed: None,
        };
        self.start_job(new, out);
    }

    fn rearm_window(&mut self, host: HostId, vm: VmId, leg: Leg) {
        if let Some(sender) = self.vm_mut(host, vm).and_then(|vm| vm.sender_mut(leg)) {
            sender.window = None;
        }
        self.arm_window(host, vm, leg, Duration::from_secs(60));
    }

    pub(super) fn window_opens(&mut self, host: HostId, vm: VmId, leg: Leg, out: &mut Vec<Event>) {
        if self.vm_state(host, vm).is_some_and(|vm| vm.lock.is_some()) {
            // Whatever holds the virtual machine now goes first.
            self.rearm_window(host, vm, leg);
            return;
        }
        let Some(sender) = self.vm_mut(host, vm).and_then(|vm| vm.sender_mut(leg)) else { return };
        sender.window = None;
        if sender.phase != Sending::NeedsResync || sender.transfer.is_some() {
            return;
        }
        self.start_resync(host, vm, leg, out);
    }
}

/// The folder that an export of a virtual machine makes: one for each, so that a location can be
/// used again.
///
/// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130628-save-network-bandwidth-by-using-out-of-band-initial-replication-method-in-hyper-v-replica>.
fn export_folder(location: &str, name: &str, vm: VmId) -> String {
    format!(r"{}\{name}_{vm}", location.trim_end_matches('\\')).to_lowercase()
}

/// Now if it lies in the daily window, else when that opens next. The window is local time, so
/// many minutes ahead of UTC, and may wrap around midnight; one that starts when it ends is the
/// whole day.
fn opening(now: SimTime, offset_min: i16, start_s: u32, end_s: u32) -> SimTime {
    const MINUTE: u64 = 60 * 10_000_000;
    const DAY: u64 = 24 * 60 * MINUTE;
    let (start, end) = (u64::from(start_s) * 10_000_000, u64::from(end_s) * 10_000_000);
    let ahead = u64::from(offset_min.rem_euclid(24 * 60).unsigned_abs()) * MINUTE;
    let of_day = (now.ticks() % DAY + ahead) % DAY;
    let inside = match start.cmp(&end) {
        std::cmp::Ordering::Less => (start..end).contains(&of_day),
        std::cmp::Ordering::Equal => true,
        std::cmp::Ordering::Greater => of_day >= start || of_day < end,
    };
    if inside {
        return now;
    }
    let wait = (start + DAY - of_day) % DAY;
    now + Duration::from_nanos(wait * 100)
}
