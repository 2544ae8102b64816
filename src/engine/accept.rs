//! An accepted call: done at once, or a job begins.

use super::agenda::Due;
use super::event::{Change, Event, Reply};
use super::input::Caller;
use super::job::{JobRecord, Kind};
use super::policy::{Load, Refusals};
use super::sender::Sending;
use super::vm::{Lock, VmState};
use super::vms::{Hint, Spot};
use super::{World, job_id};
use crate::error::{Missing, Refusal, Why};
use crate::model::{
    Call, ErrorCode, HostId, InitialReplicationType, JobId, JobState, JobType, Leg, Operation,
    Output, ReplicationState, RequestedJobState, RequestedState, SimTime, VmId,
};
use crate::rules::{Cause, Pace, Plan};
use std::sync::Arc;
use std::time::Duration;

/// A job to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct NewJob<'a> {
    pub(super) host: HostId,
    pub(super) vm: Option<Spot>,
    pub(super) leg: Leg,
    pub(super) operation: Operation,
    pub(super) plan: &'static Plan,
    pub(super) kind: Kind,
    pub(super) scheduled: Option<SimTime>,
    pub(super) call: Option<&'a Call>,
    pub(super) doomed: Option<(ErrorCode, &'static str)>,
}

impl World {
    pub(super) fn call(
        &mut self,
        host_id: HostId,
        caller: Caller,
        call: &Call,
        out: &mut Vec<Event>,
    ) -> Reply {
        let host = match self.host_or_missing(host_id) {
            Ok(host) => host,
            Err(missing) => return Reply::NotFound(missing),
        };
        let (named, _) = call.parts();
        if let Call::RequestJobStateChange { job, .. }
        | Call::GetError { job }
        | Call::GetErrorEx { job } = named
            && !host.jobs.contains_key(job)
        {
            return Reply::NotFound(Missing::Job(*job));
        }
        let build = host.build;
        let (leg, plan, hint) = match self.judge(host_id, host, caller, call) {
            Ok(accepted) => accepted,
            Err(refusal) => return self.refuse(host_id, caller, call, refusal, out),
        };
        let now = |plan| self.policy.answers_now(build, call.operation(), plan);
        match plan {
            Some(plan) if !now(plan) => {
                Reply::Started(self.begin(host_id, hint, leg, plan, named, out))
            }
            Some(plan) if !plan.at_once => self.hurry(host_id, hint, leg, plan, named, out),
            _ => self.complete(host_id, leg, named, out),
        }
    }

    /// Refuses a call by its return value, or by a job that is begun only to fail.
    fn refuse(
        &mut self,
        host: HostId,
        caller: Caller,
        call: &Call,
        refusal: Refusal,
        out: &mut Vec<Event>,
    ) -> Reply {
        if self.policy.refusals == Refusals::Early {
            return Reply::Refused(refusal);
        }
        let operation = call.operation();
        let early = matches!(
            refusal.code,
            ErrorCode::AccessDenied
                | ErrorCode::NotSupported
                | ErrorCode::NotAvailable
                | ErrorCode::Timeout
                | ErrorCode::OutOfMemory
        );
        let plan = self.plan_of(host, caller, call);
        match (plan, &refusal.why) {
            (Some(plan), Why::Rule(require, _)) if !early && !plan.at_once => {
                let doomed = Some((refusal.code, require.explain()));
                let id = self.start_job(
                    NewJob {
                        host,
                        vm: call.vm().map(Spot::from),
                        leg: Leg::Primary,
                        operation,
                        plan,
                        kind: Kind::Host,
                        scheduled: None,
                        call: None,
                        doomed,
                    },
                    out,
                );
                Reply::Started(id)
            }
            _ => Reply::Refused(refusal),
        }
    }

    /// Starts the job of an accepted call.
    fn begin(
        &mut self,
        host: HostId,
        hint: Hint,
        leg: Leg,
        plan: &'static Plan,
        call: &Call,
        out: &mut Vec<Event>,
    ) -> JobId {
        let operation = call.operation();
        let at = call.vm().map(|id| Spot { id, hint });
        let kind = kind_of(operation, plan);
        let scheduled = match call {
            Call::StartReplication { initial, start, .. }
                if *initial != InitialReplicationType::Export.to_wire() =>
            {
                *start
            }
            Call::Resynchronize { start, .. } => *start,
            _ => None,
        };
        let scheduled = scheduled.filter(|at| *at > self.now);
        if let (Call::RevertFailover { vm }, Some(running)) = (call, self.lock_of(host, call.vm()))
        {
            self.cancel(host, running, JobState::Terminated, out);
            debug_assert!(self.vm_state(host, *vm).is_some_and(|it| it.lock.is_none()));
        }
        let overtaken = at.and_then(|at| self.vm_state(host, at)?.power_job);
        if let (Operation::TurnOffVm, Some(running)) = (operation, overtaken) {
            // A later request for power overtakes an earlier one.
            self.end(running, JobState::Terminated, None, out);
        }
        if let (Kind::Transfer, Some(vm)) = (kind, call.vm()) {
            // It takes the place of a comparison that waits for its schedule, or is paused.
            self.end_transfer(host, vm, leg, out);
        }
        let needs_call = needs_call(operation);
        self.start_job(
            NewJob {
                host,
                vm: at,
                leg,
                operation,
                plan,
                kind,
                scheduled,
                call: needs_call.then_some(call),
                doomed: None,
            },
            out,
        )
    }

    /// Does an accepted call with all its phases before it returns, in no time and without a job
    /// to show for it. What fails is refused, and has changed nothing.
    fn hurry(
        &mut self,
        host: HostId,
        hint: Hint,
        leg: Leg,
        plan: &'static Plan,
        call: &Call,
        out: &mut Vec<Event>,
    ) -> Reply {
        let (mut trial, mut events) = (self.clone(), Vec::new());
        let id = trial.begin(host, hint, leg, plan, call, &mut events);
        if trial.record(id).is_some_and(|it| it.started.is_none()) {
            // What is scheduled for later cannot be done now.
            return Reply::Started(self.begin(host, hint, leg, plan, call, out));
        }
        while trial.record(id).is_some_and(|it| !it.state.is_terminal()) {
            let ticket = trial.record_mut(id).and_then(|it| it.ticket.take());
            trial.agenda.cancel(ticket);
            trial.phase_ends(id, &mut events);
        }
        let Some(job) = trial.record(id) else { return Reply::Completed };
        if let Some(failure) = job.failure.as_deref() {
            let (operation, why) = (call.operation(), Why::Text(failure.summary.as_str().into()));
            return Reply::Refused(Refusal { operation, code: failure.code, why, found: None });
        }
        let ticket = job.ticket;
        trial.agenda.cancel(ticket);
        trial.hosts[usize::from(host.0)].jobs.remove(&id);
        let of_job = |change: &Change| match change {
            Change::Job { job, .. } | Change::JobPhase { job, .. } => *job == id,
            _ => false,
        };
        events.retain(|event| !of_job(&event.change));
        *self = trial;
        out.append(&mut events);
        Reply::Completed
    }

    fn lock_of(&self, host: HostId, vm: Option<VmId>) -> Option<JobId> {
        self.vm_state(host, vm?)?.lock.map(|lock| lock.job)
    }

    /// Creates a job in its first phase, or waiting for its schedule.
    pub(super) fn start_job(&mut self, new: NewJob<'_>, out: &mut Vec<Event>) -> JobId {
        let NewJob { host, vm, leg, operation, plan, kind, scheduled, call, doomed } = new;
        let load =
            || vm.map_or(Load::default(), |vm| self.load_of(host, vm.id, leg, operation, call));
        let to_a_point = matches!(
            call,
            Some(
                Call::InitiateFailover { point: Some(_), .. }
                    | Call::TestReplicaSystem { point: Some(_), .. }
            )
        );
        let length = |pace: &Pace| self.policy.phase(*pace, load, to_a_point);
        // A job that is begun only to fail does nothing.
        let phases = if doomed.is_some() { &[Pace::Local] } else { plan.phases };
        let estimate = phases.iter().map(length).fold(Duration::ZERO, Duration::saturating_add);
        let left = phases.first().map_or(Duration::ZERO, length);
        let now = self.now;
        // What waits for its schedule is taken for running.
        let before = self.policy.stage_after(None).filter(|_| scheduled.is_none());
        let (state, wait) = before.unwrap_or((JobState::Running, left));
        let due = scheduled.unwrap_or(now + wait);
        let works = scheduled.is_none() && before.is_none();
        let of = &mut self.hosts[usize::from(host.0)];
        of.started_jobs += 1;
        let id = job_id(host, of.started_jobs);
        let record = JobRecord {
            operation,
            job_type: plan.job_type,
            kind,
            vm: vm.map(|it| it.id),
            leg,
            state,
            cancellable: plan.cancellable,
            phases,
            phase: 0,
            estimate,
            worked: Duration::ZERO,
            left,
            since: works.then_some(now),
            ticket: Some(self.agenda.schedule(due, Due::Phase(id))),
            submitted: now,
            scheduled,
            started: scheduled.is_none().then_some(now),
            changed: now,
            failure: None,
            made: None,
            doomed,
            call: call.map(|call| Arc::new(call.clone())),
        };
        self.hosts[usize::from(host.0)].jobs.insert(id, Arc::new(record));
        let change = Change::Job { job: id, job_type: plan.job_type, to: state };
        out.push(Event { at: now, host, change });
        if let Some(vm) = vm {
            let shows = plan.during.filter(|_| scheduled.is_none());
            self.edit(host, vm, Cause::Call(operation), out, |it| {
                take_hold(it, kind, id, leg, operation, shows, now);
            });
            if scheduled.is_none() && doomed.is_none() {
                self.job_begins(host, vm, leg, operation, plan.job_type, out);
            }
        }
        id
    }

    /// What an accepted call that needs no job does.
    pub(super) fn complete(
        &mut self,
        host: HostId,
        leg: Leg,
        call: &Call,
        out: &mut Vec<Event>,
    ) -> Reply {
        match call {
            Call::ModifyServiceSettings { .. }
            | Call::AddAuthorizationEntry { .. }
            | Call::ModifyAuthorizationEntry { .. }
            | Call::RemoveAuthorizationEntry { .. }
            | Call::SetAuthorizationEntry { .. }
            | Call::GetSystemCertificates => return self.serve(host, call),
            Call::SetFailoverNetworkAdapterSettings { vm, settings } => {
                if let Some(vm) = self.vm_mut(host, *vm) {
                    Arc::make_mut(&mut vm.network).store(settings);
                }
            }
            Call::GetReplicationStatistics { vm, .. } => {
                return match self.statistics(host, *vm, leg) {
                    Some((statistics, issues)) => {
                        Reply::Returned(Box::new(Output::Statistics { statistics, issues }))
                    }
                    None => Reply::NotFound(Missing::Vm(*vm)),
                };
            }
            Call::ResetReplicationStatistics { vm, .. } => {
                let now = self.now;
                if let Some(counters) = self.vm_mut(host, *vm).and_then(|vm| vm.counters_mut(leg)) {
                    *counters = super::window::Window::starting(now);
                }
            }
            Call::RequestServiceStateChange { .. } | Call::StartService | Call::StopService => {
                return Reply::NotImplemented;
            }
            Call::RequestJobStateChange { job, requested } => {
                if *requested == RequestedJobState::Kill.to_wire() {
                    self.cancel(host, *job, JobState::Killed, out);
                } else {
                    self.terminate(host, *job, out);
                }
            }
            Call::GetError { job } => {
                let errors = self.job_errors(host, *job).into_iter().take(1).collect();
                return Reply::Returned(Box::new(Output::Errors(errors)));
            }
            Call::GetErrorEx { job } => {
                return Reply::Returned(Box::new(Output::Errors(self.job_errors(host, *job))));
            }
            _ => debug_assert!(false, "{} has no plan and no effect", call.operation()),
        }
        Reply::Completed
    }
}

/// What kind of hold an operation's job takes.
fn kind_of(operation: Operation, plan: &Plan) -> Kind {
    match operation {
        Operation::TestReplicationConnection
        | Operation::ModifyServiceSettings
        | Operation::ResetReplicationStatistics => Kind::Host,
        Operation::Resynchronize | Operation::ResumeDiskUpdate | Operation::StartReplication => {
            Kind::Transfer
        }
        Operation::ModifyReplicationSettings if plan.job_type == JobType::UpdateDiskSet => {
            Kind::Transfer
        }
        Operation::StartVm
        | Operation::TurnOffVm
        | Operation::ShutDownVm
        | Operation::SaveVm
        | Operation::PauseVm
        | Operation::RebootVm
        | Operation::ResetVm => Kind::Power,
        _ => Kind::Exclusive,
    }
}

/// Whether the end of the job needs the call's arguments.
fn needs_call(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::TestReplicationConnection
            | Operation::ModifyServiceSettings
            | Operation::ResetReplicationStatistics
            | Operation::CreateReplicationRelationship
            | Operation::ModifyReplicationSettings
            | Operation::StartReplication
            | Operation::ImportInitialReplica
            | Operation::ReverseReplicationRelationship
            | Operation::InitiateFailover
            | Operation::TestReplicaSystem
    )
}

fn take_hold(
    vm: &mut VmState,
    kind: Kind,
    job: JobId,
    leg: Leg,
    operation: Operation,
    shows: Option<ReplicationState>,
    now: SimTime,
) {
    match kind {
        Kind::Exclusive => vm.lock = Some(Lock { job, shows: shows.map(|state| (leg, state)) }),
        Kind::Power => {
            vm.power_job = Some(job);
            vm.requested = operation.requested_state().and_then(RequestedState::from_wire);
            super::power::power_begins(vm, operation, now);
        }
        Kind::Transfer => {
            if let Some(sender) = vm.sender_mut(leg) {
                sender.transfer = Some(job);
                match shows {
                    Some(ReplicationState::WaitingForInitialReplication) => {
                        sender.phase = Sending::Initial;
                    }
                    Some(ReplicationState::Resynchronizing) => sender.phase = Sending::Resyncing,
                    Some(ReplicationState::DiskUpdateInProgress) => {
                        sender.phase = Sending::UpdatingDisks;
                    }
                    _ => {}
                }
            }
        }
        Kind::Host => {}
    }
}
