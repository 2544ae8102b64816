//! The course of one run: what the orchestration asks for, and what becomes of it.

use super::fault::{Fault, Incident};
use crate::engine::{Caller, Input};
use crate::error::{Error, Missing, Result};
use crate::layer::{self, Asked, FaultGuard, Faults, Read, Seen, Verdict, VmRef};
use crate::model::time::format_duration;
use crate::model::{
    AuthorizationEntry, Call, Devices, FailoverNetworkAdapterSettings, Host, HostId, Job, JobId,
    RecoveryPoint, Relationship, RelationshipId, RequestedJobState, ServiceSettings, Settings,
    SimTime, Vm, VmId,
};
use crate::service::{Outcome, ReplicationService};
use crate::sim::{HostHandle, Lab};
use std::collections::BTreeSet;
use std::fmt;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// The hosts of one run, as the orchestration under test gets them.
///
/// It has the names of the lab; each host is a [`ReplicationService`] and nothing else, so that
/// what is swept cannot see that it is.
#[derive(Clone, Debug)]
pub struct Site {
    course: Arc<Course>,
    faults: Faults,
    _guard: Arc<FaultGuard>,
}

impl Site {
    pub(super) fn new(course: Arc<Course>) -> Self {
        let (met, faults) = (Arc::clone(&course), Faults::new());
        let guard = Arc::new(faults.rule(move |seen| met.meet_question(seen)));
        Self { course, faults, _guard: guard }
    }

    /// The service of a host.
    ///
    /// # Panics
    /// If the lab has no host of this name.
    #[track_caller]
    pub fn host(&self, name: &str) -> impl ReplicationService + Clone + Send + Sync + use<> {
        let host = self.course.lab.host(name);
        self.faults.over(name, Tap { host, course: Arc::clone(&self.course) })
    }
}

/// A moment at which something may go wrong: the orchestration turns to a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contact {
    pub(super) at: SimTime,
    pub(super) host: HostId,
    pub(super) what: What,
    /// Whether it began a job.
    pub(super) began_a_job: bool,
}

/// What for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Call(Call),
    Read(Read, Option<VmId>, Option<JobId>),
    Sleep,
}

/// A fault at the contact with this number, from 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Injection {
    pub(super) at: usize,
    pub(super) fault: Fault,
}

/// What the script of a run has a line for.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    /// It happened.
    Input(Input),
    /// A call that a fault kept from the world.
    Unreached(Input),
    /// The fault that the next call or read meets.
    Fault(layer::Fault),
    /// What no line can say.
    Comment(String),
}

/// How long a run may go on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) contacts: usize,
    pub(super) time: Duration,
    pub(super) outage: Duration,
}

/// What unwinds a run that does not end.
pub(super) struct Endless;

pub(super) struct Course {
    pub(super) lab: Lab,
    limits: Limits,
    begun: SimTime,
    state: Mutex<State>,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) contacts: Vec<Contact>,
    pub(super) injections: Vec<Injection>,
    /// Injections that could not happen.
    pub(super) idle: usize,
    pub(super) log: Vec<Entry>,
    /// What ends, and when.
    pub(super) ends: Vec<(SimTime, Vec<Input>)>,
    after: Option<Fault>,
    lost: BTreeSet<JobId>,
}

impl fmt::Debug for Course {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Course").field("lab", &self.lab).finish_non_exhaustive()
    }
}

impl Course {
    pub(super) fn new(lab: Lab, limits: Limits, injections: Vec<Injection>) -> Arc<Self> {
        lab.start_trace();
        let state = Mutex::new(State { injections, ..State::default() });
        Arc::new(Self { begun: lab.now(), lab, limits, state })
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what has happened in the lab so far, and what its trace does not tell.
    pub(super) fn note(&self, more: impl IntoIterator<Item = Entry>) {
        let steps = self.lab.take_trace();
        let mut state = self.lock();
        state.log.extend(steps.into_iter().map(|step| Entry::Input(step.input)));
        state.log.extend(more);
    }

    fn comment(&self, says: impl Into<String>) {
        self.note([Entry::Comment(says.into())]);
    }

    fn meet_question(&self, seen: &Seen<'_>) -> Option<Verdict> {
        let what = match (seen.call, seen.asked) {
            (Some(call), _) => What::Call(call.clone()),
            (None, Asked::Read(read)) => What::Read(read, seen.vm, seen.job),
            (None, _) => return None,
        };
        let host = self.lab.find_host(seen.host)?.id();
        let verdict = self.meet(host, what)?;
        let mut fault = layer::Fault::new(seen.asked, verdict).on(seen.host).times(1);
        fault.vm = seen.vm_name.map(VmRef::from).or_else(|| seen.vm.map(VmRef::from));
        let fault = Entry::Fault(fault);
        let unreached = seen.call.map(|call| {
            let (caller, call) = (Caller::Administrator, call.clone());
            Entry::Unreached(Input::Call { host, caller, call })
        });
        match verdict {
            // What passes meanwhile is in the trace.
            Verdict::Delay(by) => {
                let by = format_duration(by);
                self.comment(format!("What is asked for next arrives {by} later."));
            }
            Verdict::LoseAnswer | Verdict::Pass => self.note([fault]),
            _ => self.note([fault].into_iter().chain(unreached)),
        }
        Some(verdict)
    }

    /// Counts a contact, and lets happen what happens at it.
    fn meet(&self, host: HostId, what: What) -> Option<Verdict> {
        let now = self.lab.now();
        let mut state = self.lock();
        let number = state.contacts.len();
        if number >= self.limits.contacts || now.since(self.begun) > self.limits.time {
            drop(state);
            // Nobody is told of this panic but the sweep, which catches it.
            resume_unwind(Box::new(Endless));
        }
        state.contacts.push(Contact { at: now, host, what, began_a_job: false });
        let fault = state.injections.iter().find(|it| it.at == number)?.fault.clone();
        drop(state);
        match fault {
            Fault::Edge(verdict) => Some(verdict),
            Fault::Incident(incident) => {
                self.happen(&incident, now);
                None
            }
            fault => {
                self.lock().after = Some(fault);
                None
            }
        }
    }

    fn happen(&self, incident: &Incident, now: SimTime) {
        self.comment(format!("{}.", incident.name));
        let mut inputs = incident.happens.iter();
        if inputs.next().is_some_and(|first| self.lab.apply(first).is_refusal()) {
            self.lock().idle += 1;
            return;
        }
        for input in inputs {
            let _happened = self.lab.apply(input);
        }
        let mut state = self.lock();
        state.ends.push((now + self.limits.outage, incident.ends.clone()));
    }

    /// Ends what is over by now.
    fn end(&self, by: SimTime) {
        let over: Vec<_> = self.lock().ends.extract_if(.., |(at, _)| *at <= by).collect();
        for (_, inputs) in over {
            for input in &inputs {
                let _repaired = self.lab.apply(input);
            }
        }
    }

    /// Lets time pass, and ends in it what ends.
    fn pass(&self, by: Duration) {
        let until = self.lab.now() + by;
        loop {
            let next = self.lock().ends.iter().map(|(at, _)| *at).min();
            let next = next.map_or(until, |at| at.min(until));
            self.lab.advance(next.since(self.lab.now()));
            if next == until {
                return self.end(until);
            }
            self.end(next);
        }
    }

    /// What happens after a call to its answer and its job.
    fn answered(&self, host: &HostHandle, outcome: &Result<Outcome>) {
        let job = outcome.as_ref().ok().and_then(Outcome::job);
        let mut state = self.lock();
        if let Some(contact) = state.contacts.last_mut() {
            contact.began_a_job = job.is_some();
        }
        let after = state.after.take();
        drop(state);
        match (after, job) {
            (None, _) => {}
            (Some(Fault::AnswerLate(by)), _) => {
                self.comment("The answer of this call is late.");
                self.pass(by);
            }
            (Some(fault), None) => {
                debug_assert!(fault.concerns_a_job());
                self.lock().idle += 1;
            }
            (Some(Fault::JobLost), Some(job)) => {
                self.comment("The job of this call cannot be found any more.");
                self.lock().lost.insert(job);
            }
            (Some(_), Some(job)) => {
                self.comment("Another administrator terminates the job.");
                let requested = RequestedJobState::Terminate.to_wire();
                let call = Call::RequestJobStateChange { job, requested };
                let caller = Caller::Administrator;
                let reply = self.lab.apply(&Input::Call { host: host.id(), caller, call });
                self.lock().idle += usize::from(reply.is_refusal());
            }
        }
    }
}

/// A host of the lab under a course.
#[derive(Clone, Debug)]
pub(super) struct Tap {
    host: HostHandle,
    course: Arc<Course>,
}

impl Tap {
    fn is_lost(&self, job: JobId) -> bool {
        self.course.lock().lost.contains(&job)
    }
}

#[deny(clippy::missing_trait_methods)]
impl ReplicationService for Tap {
    fn call(&self, call: &Call) -> Result<Outcome> {
        match call {
            Call::RequestJobStateChange { job, .. }
            | Call::GetError { job }
            | Call::GetErrorEx { job }
                if self.is_lost(*job) =>
            {
                Err(Error::NotFound(Missing::Job(*job)))
            }
            _ => {
                let outcome = self.host.call(call);
                self.course.answered(&self.host, &outcome);
                outcome
            }
        }
    }

    fn host(&self) -> Result<Host> {
        self.host.host()
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        self.host.service_settings()
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        self.host.authorization_entries()
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        self.host.vms()
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        self.host.vm(id)
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.host.relationship(id)
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.host.settings(id)
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.host.recovery_points(vm)
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.host.devices(vm)
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        self.host.failover_network(vm)
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        let mut jobs = self.host.jobs()?;
        jobs.retain(|job| !self.is_lost(job.id));
        Ok(jobs)
    }

    fn job(&self, id: JobId) -> Result<Job> {
        if self.is_lost(id) {
            return Err(Error::NotFound(Missing::Job(id)));
        }
        self.host.job(id)
    }

    fn now(&self) -> Result<SimTime> {
        self.host.now()
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        self.course.meet(self.host.id(), What::Sleep);
        self.course.pass(duration);
        Ok(())
    }
}
