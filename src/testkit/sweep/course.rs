//! The course of one run: what the orchestration asks for, and what becomes of it.

use super::fate::Fate;
use super::fault::{Fault, Incident};
use crate::engine::{Caller, Input, World};
use crate::error::Result;
use crate::layer::{self, Asked, FaultGuard, Faults, Read, Seen, Verdict, VmRef};
use crate::model::time::format_duration;
use crate::model::{
    AuthorizationEntry, Call, Devices, FailoverNetworkAdapterSettings, Host, HostId, Job, JobId,
    RecoveryPoint, Relationship, RelationshipId, RequestedJobState, ServiceSettings, Settings,
    SimTime, Vm, VmId,
};
use crate::script::Line;
use crate::service::{Outcome, ReplicationService};
use crate::sim::{HostHandle, Lab};
use std::collections::BTreeMap;
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

/// A moment at which something may go wrong: the orchestration turns to a host, or has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Contact {
    pub(super) at: SimTime,
    pub(super) host: HostId,
    pub(super) what: What,
    /// Whether it began a job.
    pub(super) began_a_job: bool,
    /// The world at that moment, where the course is learnt.
    pub(super) world: Option<Box<World>>,
}

/// What for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Call(Call),
    Read(Read, Option<VmId>, Option<JobId>),
    Sleep,
    /// For nothing any more.
    End,
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
    /// Whether worlds are kept, to see what could happen in them.
    pub(super) learns: bool,
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
    fates: BTreeMap<JobId, (HostId, Fate)>,
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
        state.contacts.push(self.contact(now, host, what));
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

    fn contact(&self, at: SimTime, host: HostId, what: What) -> Contact {
        let world = self.limits.learns.then(|| Box::new(self.lab.world()));
        Contact { at, host, what, began_a_job: false, world }
    }

    /// The orchestration has ended: what happens behind its last contact, for as long as it lasts.
    pub(super) fn conclude(&self) {
        let now = self.lab.now();
        let mut state = self.lock();
        let number = state.contacts.len();
        state.contacts.push(self.contact(now, HostId(0), What::End));
        let fault = state.injections.iter().find(|it| it.at == number).map(|it| it.fault.clone());
        drop(state);
        if let Some(Fault::Incident(incident)) = fault {
            self.happen(&incident, now);
            self.pass(self.limits.outage);
        }
        self.note([]);
    }

    /// A call that is to do nothing although its job is begun: that job.
    fn pretend(&self, host: &HostHandle, call: &Call) -> Option<JobId> {
        let mut state = self.lock();
        let Some(Fault::JobFails(code)) = state.after else { return None };
        state.after = None;
        drop(state);
        // What the job would have been, a copy of the lab tells.
        let there = self.lab.fork().host_by_id(host.id());
        let begun = there.call(call).ok().and_then(|it| there.job(it.job()?).ok());
        let Some(job) = begun else {
            self.lock().idle += 1;
            return None;
        };
        let (id, fate) = Fate::instead(job, code);
        let input =
            Input::Call { host: host.id(), caller: Caller::Administrator, call: call.clone() };
        let line = self.lab.read(|world| Line::from_input(&input, world));
        let code = code.to_wire();
        self.comment(format!("{line} is answered 4096, and its job fails with {code}."));
        let mut state = self.lock();
        state.fates.insert(id, (host.id(), fate));
        if let Some(contact) = state.contacts.last_mut() {
            contact.began_a_job = true;
        }
        Some(id)
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
                self.lock().fates.insert(job, (host.id(), Fate::Lost));
            }
            (Some(Fault::JobFailsAfter(code)), Some(job)) => {
                let says = code.to_wire();
                self.comment(format!("The job of this call does its work, and ends with {says}."));
                let fate = Fate::Fails { code, instead: None };
                self.lock().fates.insert(job, (host.id(), fate));
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
    pub(super) host: HostHandle,
    course: Arc<Course>,
}

impl Tap {
    fn fate(&self, job: JobId) -> Option<Fate> {
        self.course.lock().fates.get(&job).map(|(_, fate)| fate.clone())
    }
}

#[deny(clippy::missing_trait_methods)]
impl ReplicationService for Tap {
    fn call(&self, call: &Call) -> Result<Outcome> {
        match call {
            Call::RequestJobStateChange { job, .. }
            | Call::GetError { job }
            | Call::GetErrorEx { job }
                if let Some(fate) = self.fate(*job) =>
            {
                self.ask_job(call, *job, &fate)
            }
            _ => {
                if let Some(job) = self.course.pretend(&self.host, call) {
                    return Ok(Outcome::Started(job));
                }
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
        let (mut jobs, here) = (self.host.jobs()?, self.host.id());
        let fates = self.course.lock().fates.clone();
        jobs.retain(|job| !fates.contains_key(&job.id));
        let fated = fates.iter().filter(|(_, (host, _))| *host == here);
        jobs.extend(fated.filter_map(|(id, (_, fate))| self.fated(*id, fate).ok()));
        Ok(jobs)
    }

    fn job(&self, id: JobId) -> Result<Job> {
        match self.fate(id) {
            Some(fate) => self.fated(id, &fate),
            None => self.host.job(id),
        }
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
