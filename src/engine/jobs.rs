//! The life of a job: its phases pass, it ends, it lingers, it is gone.

use super::agenda::Due;
use super::event::{Change, Event};
use super::failure::ABORTED;
use super::finish::Failed;
use super::input::{HostTrouble, VmTrouble};
use super::job::{JobRecord, Kind};
use super::policy::Load;
use super::sender::Sender;
use super::transfer::RETRY;
use super::{World, host_of};
use crate::model::{
    Call, ErrorCode, HostId, JobFailure, JobId, JobState, JobType, Leg, Operation, VmId,
};
use crate::rules::{Cause, Pace};
use std::sync::Arc;
use std::time::Duration;

impl World {
    pub(super) fn record(&self, id: JobId) -> Option<&JobRecord> {
        self.host(host_of(id))?.jobs.get(&id).map(|job| &**job)
    }

    pub(super) fn record_mut(&mut self, id: JobId) -> Option<&mut JobRecord> {
        let host = self.hosts.get_mut(usize::from(host_of(id).0))?;
        host.jobs.get_mut(&id).map(Arc::make_mut)
    }

    /// What the data phases of an operation move or compare, and over what.
    pub(super) fn load_of(
        &self,
        host: HostId,
        vm: VmId,
        leg: Leg,
        operation: Operation,
        call: Option<&Call>,
    ) -> Load {
        let Some(vm) = self.vm_state(host, vm) else { return Load::default() };
        if let (Operation::InitiateFailback, Some(receiver)) = (operation, vm.receiver()) {
            return Load { bytes: vm.capacity_bytes(&receiver.settings), slow: None };
        }
        let Some(sender) = vm.sender(leg) else { return Load::default() };
        let bytes = match operation {
            Operation::PrepareFailover => vm.pending(leg, &self.lines, self.now),
            Operation::Resynchronize => vm.capacity_bytes(&sender.settings),
            Operation::ModifyReplicationSettings | Operation::ResumeDiskUpdate => {
                let wanted = match call {
                    Some(Call::ModifyReplicationSettings { settings, .. }) => Some(&**settings),
                    _ => sender.wanted.as_deref(),
                };
                wanted.map_or(0, |wanted| vm.added_bytes(&sender.settings, wanted))
            }
            _ => vm.used_bytes(&sender.settings),
        };
        Load { bytes, slow: self.fabric.rate(host, sender.peer) }
    }

    /// What on its own host keeps a job from what its phase does.
    fn obstacle(&self, id: JobId, job: &JobRecord) -> Option<Failed> {
        let writes = matches!(
            job.pace()?,
            Pace::Checkpoint
                | Pace::Copy
                | Pace::Compare
                | Pace::Undo
                | Pace::Merge
                | Pace::Boot
                | Pace::Attach
        );
        let host = self.host(host_of(id)).filter(|_| writes)?;
        let missing = job
            .vm
            .and_then(|id| host.vms.get(id))
            .is_some_and(|it| it.troubles.has(VmTrouble::DiskMissing));
        if missing && (job.kind == Kind::Power || job.operation == Operation::DestroySystem) {
            Some(Failed { code: ErrorCode::Failed, ..Failed::DISK_MISSING })
        } else if missing {
            Some(Failed::DISK_MISSING)
        } else if host.troubles.has(HostTrouble::StorageFull) {
            Some(Failed::STORAGE_FULL)
        } else {
            None
        }
    }

    /// The current phase of a job is over, or what comes before the first one or after the last, or
    /// its schedule has come.
    pub(super) fn phase_ends(&mut self, id: JobId, out: &mut Vec<Event>) {
        let Some(job) = self.record(id) else { return };
        match job.state {
            JobState::New | JobState::Starting => return self.stage_ends(id, out),
            JobState::ShuttingDown => {
                return self.cancel(host_of(id), id, JobState::Terminated, out);
            }
            _ if job.started.is_none() => return self.scheduled_job_starts(id, out),
            _ => {}
        }
        let (host, pace, operation) = (host_of(id), job.pace(), job.operation);
        let now = self.now;
        let doomed = job.doomed.map(|(code, says)| Failed { code, says, ..Failed::GONE });
        if let Some(failed) = doomed.or_else(|| self.obstacle(id, job)) {
            self.fail(id, &failed, out);
            return;
        }
        if let Some(job) = self.record_mut(id) {
            let passed = job.since.map_or(Duration::ZERO, |since| now.since(since));
            job.worked = job.worked.saturating_add(passed);
            (job.since, job.ticket, job.left) = (None, None, Duration::ZERO);
            job.phase += 1;
        }
        if pace == Some(Pace::Contact)
            && let Err(failed) = self.contact_made(id, out)
        {
            self.fail(id, &failed, out);
            return;
        }
        if (pace, operation) == (Some(Pace::Checkpoint), Operation::StartReplication)
            && let Some((vm, leg)) = self.record(id).and_then(|it| Some((it.vm?, it.leg)))
        {
            self.tracking_begins(host, vm, leg);
        }
        if let (Some(done), Some(job)) = (pace, self.record(id)) {
            let change = Change::JobPhase { job: id, job_type: job.job_type, done };
            out.push(Event { at: now, host, change });
        }
        match self.record(id).and_then(JobRecord::pace) {
            Some(next) => self.next_phase(id, next),
            None => match self.finish(host, id, out) {
                Ok(()) => {
                    let warns = self.policy.completed_with_warnings.contains(&operation);
                    let state =
                        if warns { JobState::CompletedWithWarnings } else { JobState::Completed };
                    self.end(id, state, None, out);
                }
                Err(failed) => self.fail(id, &failed, out),
            },
        }
    }

    /// A job that is not at work yet comes a step nearer to it.
    fn stage_ends(&mut self, id: JobId, out: &mut Vec<Event>) {
        let Some(job) = self.record_mut(id) else { return };
        job.ticket = None;
        let (past, pace) = (job.state, job.pace());
        if let Some((next, length)) = self.policy.stage_after(Some(past)) {
            self.stays(id, next, length, out);
            return;
        }
        self.job_becomes(id, JobState::Running, out);
        if let Some(pace) = pace {
            self.next_phase(id, pace);
        }
    }

    /// A job is in a state for so long before or after its work.
    fn stays(&mut self, id: JobId, state: JobState, length: Duration, out: &mut Vec<Event>) {
        self.job_becomes(id, state, out);
        let ticket = self.agenda.schedule(self.now + length, Due::Phase(id));
        if let Some(job) = self.record_mut(id) {
            job.ticket = Some(ticket);
        }
    }

    fn scheduled_job_starts(&mut self, id: JobId, out: &mut Vec<Event>) {
        let now = self.now;
        let Some(job) = self.record(id) else { return };
        let (host, leg, operation, job_type) = (host_of(id), job.leg, job.operation, job.job_type);
        let vm = job.vm.filter(|vm| self.transfer_starts(host, *vm, leg, operation, out));
        let Some(job) = self.record_mut(id) else { return };
        job.ticket = None;
        let Some(vm) = vm else {
            self.fail(id, &Failed::GONE, out);
            return;
        };
        job.started = Some(now);
        if let Some(pace) = job.pace() {
            self.next_phase(id, pace);
        }
        self.job_begins(host, vm.into(), leg, operation, job_type, out);
    }

    fn next_phase(&mut self, id: JobId, pace: Pace) {
        let Some(job) = self.record(id) else { return };
        let load = || {
            job.vm.map_or(Load::default(), |vm| {
                self.load_of(host_of(id), vm, job.leg, job.operation, job.call.as_deref())
            })
        };
        let length = self.policy.phase(pace, load, job.goes_to_a_point());
        if let Some(job) = self.record_mut(id) {
            job.left = length;
        }
        self.go_on(id);
    }

    /// Puts the rest of the current phase on the agenda, unless the job is halted or what it needs
    /// is out of reach.
    pub(super) fn go_on(&mut self, id: JobId) {
        let now = self.now;
        let Some(job) = self.record(id) else { return };
        let halted = job.state != JobState::Running || job.ticket.is_some();
        // What has not started waits on for its schedule, which may have come meanwhile.
        let waits = job.scheduled.filter(|_| job.started.is_none());
        if halted || waits.is_none() && !self.path_is_open(id, job) {
            return;
        }
        let due = waits.map_or(now + job.left, |at| at.max(now));
        let ticket = self.agenda.schedule(due, Due::Phase(id));
        if let Some(job) = self.record_mut(id) {
            (job.since, job.ticket) = (waits.is_none().then_some(now), Some(ticket));
        }
    }

    /// Takes the current phase off the agenda and keeps what is left of it.
    pub(super) fn stall(&mut self, id: JobId) {
        let now = self.now;
        let Some(job) = self.record_mut(id) else { return };
        let Some(ticket) = job.ticket.take() else { return };
        if let Some(since) = job.since.take() {
            job.worked = job.worked.saturating_add(now.since(since));
            job.left = ticket.due().since(now);
        }
        self.agenda.cancel(Some(ticket));
    }

    /// Whether a job that moves data can reach the other host. Other phases need no path.
    pub(super) fn path_is_open(&self, id: JobId, job: &JobRecord) -> bool {
        let moves = matches!(job.pace(), Some(Pace::Copy | Pace::Compare));
        let exports = job.job_type == JobType::StartExportReplication;
        if job.kind != Kind::Transfer || !moves || exports {
            return true;
        }
        let host = host_of(id);
        let peer = job.vm.and_then(|vm| self.vm_state(host, vm)?.sender(job.leg)).map(|it| it.peer);
        peer.is_none_or(|peer| self.connects(host, peer))
    }

    /// Whatever still has to move over a link whose rate was another takes longer now, or less.
    pub(super) fn rescale(&mut self, from: HostId, to: HostId, old: Option<u64>) {
        let usual = self.policy.link_rate;
        let effective = |rate: Option<u64>| rate.map_or(usual, |it| it.min(usual)).max(1);
        let (old, new) = (effective(old), effective(self.fabric.rate(from, to)));
        if old == new {
            return;
        }
        let scaled = |left: Duration| {
            let nanos = left.as_nanos() * u128::from(old) / u128::from(new);
            Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
        };
        for id in self.jobs_over(from, to) {
            let ran = self.record(id).is_some_and(|job| job.ticket.is_some());
            self.stall(id);
            if let Some(job) = self.record_mut(id) {
                job.left = scaled(job.left);
            }
            if ran {
                self.go_on(id);
            }
        }
        self.rescale_logs(from, to, scaled);
    }

    /// The jobs of a host that are copying or flushing to another.
    fn jobs_over(&self, from: HostId, to: HostId) -> Vec<JobId> {
        let jobs = self.host(from).into_iter().flat_map(|it| &it.jobs);
        let moves = |job: &JobRecord| {
            // One that is paused goes on at the new pace, too.
            let live = !job.state.is_terminal() && job.started.is_some();
            let sender = || self.sender(from, job.vm?, job.leg);
            live && matches!(job.pace(), Some(Pace::Copy | Pace::Flush))
                && sender().is_some_and(|it| it.peer == to)
        };
        jobs.filter(|(_, job)| moves(job)).map(|(id, _)| *id).collect()
    }

    /// The started transfers of a host.
    fn moving_jobs(&self, host: HostId) -> Vec<JobId> {
        let jobs = self.host(host).into_iter().flat_map(|it| &it.jobs);
        let moves = |job: &JobRecord| {
            job.kind == Kind::Transfer && job.state == JobState::Running && job.started.is_some()
        };
        jobs.filter(|(_, job)| moves(job)).map(|(id, _)| *id).collect()
    }

    /// Stalls every data job that has lost its path, and wakes every one that has it again.
    pub(super) fn review_paths(&mut self) {
        let hosts = (0u16..).map(HostId).take(self.hosts.len());
        let jobs: Vec<JobId> = hosts.flat_map(|host| self.moving_jobs(host)).collect();
        for id in jobs {
            match self.record(id) {
                Some(job) if self.path_is_open(id, job) => self.go_on(id),
                _ => self.stall(id),
            }
        }
    }

    /// Notes a new state of a live job.
    fn job_becomes(&mut self, id: JobId, to: JobState, out: &mut Vec<Event>) {
        let now = self.now;
        let Some(job) = self.record_mut(id) else { return };
        (job.state, job.changed) = (to, now);
        let job_type = job.job_type;
        let change = Change::Job { job: id, job_type, to };
        out.push(Event { at: now, host: host_of(id), change });
    }

    /// Changes the state of a live job between running and suspended; not of one that is ending.
    pub(super) fn set_job_state(&mut self, id: JobId, to: JobState, out: &mut Vec<Event>) {
        let ends = |it: JobState| it.is_terminal() || it == JobState::ShuttingDown;
        if self.record(id).is_none_or(|job| job.state == to || ends(job.state)) {
            return;
        }
        self.job_becomes(id, to, out);
        match to {
            JobState::Suspended => self.stall(id),
            JobState::Running => self.go_on(id),
            _ => {}
        }
    }

    /// Ends a job: it lets go of what it held, and is removed five minutes later.
    pub(super) fn end(
        &mut self,
        id: JobId,
        state: JobState,
        failure: Option<JobFailure>,
        out: &mut Vec<Event>,
    ) {
        let (now, host) = (self.now, host_of(id));
        let Some(job) = self.record_mut(id) else { return };
        debug_assert!(!job.state.is_terminal(), "a terminal state is absorbing");
        let failure = failure.or_else(|| (!state.is_success()).then(|| cancelled(job.operation)));
        let ticket = job.ticket.take();
        let passed = job.since.take().map_or(Duration::ZERO, |since| now.since(since));
        job.worked = job.worked.saturating_add(passed);
        (job.state, job.changed) = (state, now);
        job.failure = failure.map(Arc::new);
        let (vm, leg, job_type, operation) = (job.vm, job.leg, job.job_type, job.operation);
        self.agenda.cancel(ticket);
        let reap = self.agenda.schedule(now + self.policy.job_retention, Due::Reap(id));
        if let Some(job) = self.record_mut(id) {
            job.ticket = Some(reap);
        }
        let change = Change::Job { job: id, job_type, to: state };
        out.push(Event { at: now, host, change });
        if let Some(vm) = vm {
            self.edit(host, vm, Cause::Call(operation), out, |vm| vm.let_go(id, leg));
        }
    }

    pub(super) fn fail(&mut self, id: JobId, failed: &Failed, out: &mut Vec<Event>) {
        let copies = |job: &JobRecord| job.job_type == JobType::SendingInitialReplica;
        if failed.retries && self.record(id).is_some_and(copies) {
            self.copy_again(id, failed, out);
            return;
        }
        self.roll_back(id, JobState::Exception, failed.retries.then_some(RETRY), out);
        self.end_failed(id, failed, out);
    }

    /// Ends a job with a failure, without what that means for its relationship.
    pub(super) fn end_failed(&mut self, id: JobId, failed: &Failed, out: &mut Vec<Event>) {
        let Some(job) = self.record(id) else { return };
        let failure = self.describe(id, job, failed);
        self.end(id, JobState::Exception, Some(failure), out);
    }

    /// Ends a job that a client has asked to end, once it has shut down.
    pub(super) fn terminate(&mut self, host: HostId, id: JobId, out: &mut Vec<Event>) {
        let length = self.policy.job_shutting_down;
        if length.is_zero() {
            self.cancel(host, id, JobState::Terminated, out);
            return;
        }
        self.stall(id);
        self.stays(id, JobState::ShuttingDown, length, out);
    }

    /// Cancels a job and takes back what it began.
    pub(super) fn cancel(&mut self, host: HostId, id: JobId, end: JobState, out: &mut Vec<Event>) {
        debug_assert_eq!(host, host_of(id));
        let Some(job) = self.record(id) else { return };
        if job.state.is_terminal() {
            return;
        }
        self.roll_back(id, end, Some(Duration::ZERO), out);
        self.end(id, end, None, out);
    }

    fn describe(&self, id: JobId, job: &JobRecord, failed: &Failed) -> JobFailure {
        let host = &self.hosts[usize::from(host_of(id).0)];
        let summary = format!("{} failed: {}.", job.operation, failed.says);
        let name = |vm| host.vms.get(vm).map_or("a deleted virtual machine", |it| &*it.name);
        let subject = match job.vm {
            Some(vm) => format!(" '{}' (Virtual machine ID {vm})", name(vm)),
            None => String::new(),
        };
        let hresult = failed.hresult;
        let description = format!("{summary}{subject} on {}. (0x{hresult:08X})", host.name);
        JobFailure { code: failed.code, summary, description, hresult }
    }

    pub(super) fn reap(&mut self, id: JobId, out: &mut Vec<Event>) {
        let host = host_of(id);
        if let Some(state) = self.hosts.get_mut(usize::from(host.0))
            && state.jobs.remove(&id).is_some()
        {
            let change = Change::JobRemoved { job: id };
            out.push(Event { at: self.now, host, change });
        }
    }

    /// Whether a running resynchronisation writes its result, which nothing can stop.
    pub(super) fn is_merging(&self, sender: &Sender) -> bool {
        let job = sender.transfer.and_then(|id| self.record(id));
        job.is_some_and(|it| it.pace() == Some(Pace::Merge) && it.started.is_some())
    }

    /// Whether another operation, a pause perhaps, has hold of what a job works on.
    pub(super) fn is_held(&self, host: HostId, job: &JobRecord) -> bool {
        let vm = job.vm.and_then(|vm| self.vm_state(host, vm));
        job.kind == Kind::Transfer && vm.is_some_and(|vm| vm.lock.is_some())
    }
}

/// What a job that did not come to its end says of itself, unless it failed.
fn cancelled(operation: Operation) -> JobFailure {
    let summary = format!("{operation} was cancelled.");
    let description = format!("{operation} was cancelled before its end. (0x{ABORTED:08X})");
    JobFailure { code: ErrorCode::Failed, summary, description, hresult: ABORTED }
}
