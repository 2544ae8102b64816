//! The life of a job: its phases pass, it ends, it lingers, it is gone.

use super::agenda::Due;
use super::event::{Change, Event};
use super::finish::Failed;
use super::job::{JobRecord, Kind};
use super::transfer::RETRY;
use super::vm::Sender;
use super::{World, host_of};
use crate::model::{
    ErrorCode, HostId, JOB_RETENTION, JobFailure, JobId, JobState, JobType, Leg, Operation, VmId,
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

    /// What the data phases of an operation move or compare, in bytes.
    pub(super) fn bytes_of(&self, host: HostId, vm: VmId, leg: Leg, operation: Operation) -> u64 {
        let Some(vm) = self.vm_state(host, vm) else { return 0 };
        if let (Operation::InitiateFailback, Some(receiver)) = (operation, vm.receiver()) {
            return vm.capacity_bytes(&receiver.settings);
        }
        let Some(sender) = vm.sender(leg) else { return 0 };
        match operation {
            Operation::PrepareFailover => vm.source(leg, self.now).saturating_sub(sender.sent),
            Operation::Resynchronize => vm.capacity_bytes(&sender.settings),
            _ => vm.used_bytes(&sender.settings),
        }
    }

    /// The current phase of a job is over, or its schedule has come.
    pub(super) fn phase_ends(&mut self, id: JobId, out: &mut Vec<Event>) {
        let Some(job) = self.record(id) else { return };
        if job.started.is_none() {
            self.scheduled_job_starts(id, out);
            return;
        }
        let (host, pace) = (host_of(id), job.pace());
        let now = self.now;
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
        match self.record(id).and_then(JobRecord::pace) {
            Some(next) => self.next_phase(id, next),
            None => match self.finish(host, id, out) {
                Ok(()) => self.end(id, JobState::Completed, None, out),
                Err(failed) => self.fail(id, &failed, out),
            },
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
        self.job_begins(host, vm, leg, operation, job_type, out);
    }

    fn next_phase(&mut self, id: JobId, pace: Pace) {
        let Some(job) = self.record(id) else { return };
        let bytes =
            || job.vm.map_or(0, |vm| self.bytes_of(host_of(id), vm, job.leg, job.operation));
        let length = self.policy.phase(pace, bytes, job.goes_to_a_point());
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
        if halted || !self.path_is_open(id, job) {
            return;
        }
        let ticket = self.agenda.schedule(now + job.left, Due::Phase(id));
        if let Some(job) = self.record_mut(id) {
            (job.since, job.ticket) = (Some(now), Some(ticket));
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
    fn path_is_open(&self, id: JobId, job: &JobRecord) -> bool {
        let moves = matches!(job.pace(), Some(Pace::Copy | Pace::Compare));
        let exports = job.job_type == JobType::StartExportReplication;
        if job.kind != Kind::Transfer || !moves || exports {
            return true;
        }
        let host = host_of(id);
        let peer = job.vm.and_then(|vm| self.vm_state(host, vm)?.sender(job.leg)).map(|it| it.peer);
        peer.is_none_or(|peer| self.reaches(host, peer))
    }

    /// Stalls every data job that has lost its path, and wakes every one that has it again.
    pub(super) fn review_paths(&mut self) {
        let moving = |job: &&JobRecord| {
            job.kind == Kind::Transfer && job.state == JobState::Running && job.started.is_some()
        };
        let jobs: Vec<JobId> = self
            .hosts
            .iter()
            .flat_map(|host| host.jobs.iter())
            .filter(|(_, job)| moving(&&***job))
            .map(|(id, _)| *id)
            .collect();
        for id in jobs {
            match self.record(id) {
                Some(job) if self.path_is_open(id, job) => self.go_on(id),
                _ => self.stall(id),
            }
        }
    }

    /// Changes the state of a live job between running and suspended.
    pub(super) fn set_job_state(&mut self, id: JobId, to: JobState, out: &mut Vec<Event>) {
        let now = self.now;
        let Some(job) = self.record_mut(id) else { return };
        if job.state == to || job.state.is_terminal() {
            return;
        }
        (job.state, job.changed) = (to, now);
        let job_type = job.job_type;
        let change = Change::Job { job: id, job_type, to };
        out.push(Event { at: now, host: host_of(id), change });
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
        let ticket = job.ticket.take();
        (job.since, job.state, job.changed) = (None, state, now);
        job.failure = failure.map(Arc::new);
        let (vm, leg, job_type, operation) = (job.vm, job.leg, job.job_type, job.operation);
        self.agenda.cancel(ticket);
        let reap = self.agenda.schedule(now + JOB_RETENTION, Due::Reap(id));
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
        let Some(job) = self.record(id) else { return };
        let failure = self.describe(id, job, failed);
        self.roll_back(id, JobState::Exception, failed.retries.then_some(RETRY), out);
        self.end(id, JobState::Exception, Some(failure), out);
    }

    /// Cancels a job and takes back what it began.
    pub(super) fn cancel(&mut self, host: HostId, id: JobId, end: JobState, out: &mut Vec<Event>) {
        debug_assert_eq!(host, host_of(id));
        let Some(job) = self.record(id) else { return };
        if job.state.is_terminal() {
            return;
        }
        let failure = JobFailure {
            code: ErrorCode::Failed,
            summary: format!("{} was cancelled.", job.operation),
            description: format!("{} was cancelled by a client.", job.operation),
        };
        self.roll_back(id, end, Some(Duration::ZERO), out);
        self.end(id, end, Some(failure), out);
    }

    fn describe(&self, id: JobId, job: &JobRecord, failed: &Failed) -> JobFailure {
        let host = &self.hosts[usize::from(host_of(id).0)];
        let summary = format!("{} failed: {}.", job.operation, failed.says);
        let name = |vm| host.vms.get(&vm).map_or("a deleted virtual machine", |it| &*it.name);
        let subject = match job.vm {
            Some(vm) => format!(" '{}' (Virtual machine ID {vm})", name(vm)),
            None => String::new(),
        };
        let hresult = failed.hresult;
        let description = format!("{summary}{subject} on {}. (0x{hresult:08X})", host.name);
        JobFailure { code: failed.code, summary, description }
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

    /// Whether a request to end this job has a chance: not while it merges, nor while another
    /// operation, a pause perhaps, has hold of what it works on.
    pub(super) fn may_cancel(&self, host: HostId, job: &JobRecord) -> bool {
        let vm = job.vm.and_then(|vm| self.vm_state(host, vm));
        let busy = job.kind == Kind::Transfer && vm.is_some_and(|vm| vm.lock.is_some());
        let merges = job.pace() == Some(Pace::Merge);
        job.cancellable && !job.state.is_terminal() && !merges && !busy
    }
}
