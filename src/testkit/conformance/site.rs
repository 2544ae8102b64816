//! A host as behaviours see it: a service that is patient, and what they expect of it.

use super::{Deviation, Place};
use crate::error::{Error, Result};
use crate::model::{
    AuthorizationEntry, Call, Devices, EnabledState, ErrorCode, FailoverNetworkAdapterSettings,
    Host, Job, JobId, RecoveryPoint, Relationship, RelationshipId, ReplicationHealth,
    ReplicationMode, ReplicationState, ServiceSettings, Settings, SimTime, Vm, VmId,
};
use crate::service::{Outcome, Patience, ReplicationService, ReplicationServiceExt};
use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

/// What a behaviour is: nothing, or how the backend differs from it.
pub(super) type Checked<T = ()> = std::result::Result<T, Deviation>;

/// Sets the stage for a behaviour: what goes wrong meanwhile is the matter of another.
pub(super) fn arranged<T>(stage: impl FnOnce() -> Checked<T>) -> Checked<T> {
    stage().map_err(|it| Deviation { arranging: true, ..it })
}

/// A host of a fixture, which remembers what it was asked last and asks again as long as another
/// operation holds the virtual machine: a real host has operations of its own, such as applying
/// what it received.
#[derive(Debug)]
pub(super) struct Site<'a> {
    service: &'a dyn ReplicationService,
    place: Place,
    patience: Patience,
    asked: RefCell<Option<Call>>,
}

impl<'a> Site<'a> {
    pub(super) fn new(
        service: &'a dyn ReplicationService,
        place: Place,
        patience: Patience,
    ) -> Self {
        Self { service, place, patience, asked: RefCell::default() }
    }

    pub(super) fn place(&self) -> Place {
        self.place
    }

    /// How this host differs from what is expected.
    pub(super) fn deviates<T>(
        &self,
        what: impl fmt::Display,
        expected: impl fmt::Display,
        seen: impl fmt::Display,
    ) -> Checked<T> {
        Err(Deviation {
            about: format!("{what} on {}", self.place),
            expected: expected.to_string(),
            seen: seen.to_string(),
            arranging: false,
        })
    }

    fn last_call(&self) -> String {
        let asked = self.asked.borrow();
        asked.as_ref().map_or_else(|| "a call".to_owned(), |it| it.operation().to_string())
    }

    /// Waits for what an answer began, and returns it. If its job tells that another operation holds
    /// the virtual machine, the same is called again, as [`call`](Self::call) does where the return
    /// value tells.
    fn settle(&self, answer: Result<Outcome>) -> Result<Outcome> {
        let begun = self.now()?;
        let ended = |answer: Result<Outcome>| {
            let outcome = answer?;
            self.wait_for(&outcome, self.patience).map(|()| outcome)
        };
        let mut settled = ended(answer);
        while matches!(settled, Err(Error::JobFailed(_)))
            && is_in_use(&settled)
            && self.now()?.since(begun) < self.patience.timeout
        {
            let Some(call) = self.asked.borrow().clone() else { break };
            self.sleep(self.patience.poll)?;
            settled = ended(self.call(&call));
        }
        settled
    }

    /// The call is accepted and what it began ends well.
    pub(super) fn done(&self, answer: Result<Outcome>) -> Checked {
        self.done_by(answer).map(|_| ())
    }

    /// The same, with the job that did it, unless the answer was 0.
    pub(super) fn done_by(&self, answer: Result<Outcome>) -> Checked<Option<Job>> {
        match self.settle(answer) {
            Ok(Outcome::Started(job)) => Ok(Some(self.job(job)?)),
            Ok(_) => Ok(None),
            Err(error) => self.deviates(self.last_call(), "it is done", error),
        }
    }

    /// The call is accepted with 4096, or with 0, which leaves no job.
    pub(super) fn begins(&self, answer: Result<Outcome>) -> Checked<Option<JobId>> {
        match answer {
            Ok(outcome) => Ok(outcome.job()),
            Err(error) => self.deviates(self.last_call(), "0 or 4096", error),
        }
    }

    /// The call is refused with one of these codes: by its return value, or by its job, since
    /// Windows does the one or the other.
    pub(super) fn refuses(&self, answer: Result<Outcome>, codes: &[ErrorCode]) -> Checked {
        let names: Vec<_> = codes.iter().map(ToString::to_string).collect();
        let expected = format!("refused with {}", names.join(" or "));
        match self.settle(answer) {
            Ok(_) => self.deviates(self.last_call(), expected, "it was done"),
            Err(error) if error.code().is_some_and(|code| codes.contains(&code)) => Ok(()),
            Err(error) => self.deviates(self.last_call(), expected, error),
        }
    }

    /// Two values are the same.
    pub(super) fn same<T: PartialEq + fmt::Debug>(
        &self,
        what: impl fmt::Display,
        expected: &T,
        seen: &T,
    ) -> Checked {
        if expected == seen {
            return Ok(());
        }
        self.deviates(what, format_args!("{expected:?}"), format_args!("{seen:?}"))
    }

    /// Something holds.
    pub(super) fn holds(
        &self,
        what: impl fmt::Display,
        holds: bool,
        expected: impl fmt::Display,
        seen: impl fmt::Display,
    ) -> Checked {
        if holds { Ok(()) } else { self.deviates(what, expected, seen) }
    }

    /// Looks again and again until what was expected is there; `look` returns it, or what it saw.
    pub(super) fn comes<T>(
        &self,
        what: impl fmt::Display,
        expected: impl fmt::Display,
        mut look: impl FnMut() -> Result<std::result::Result<T, String>>,
    ) -> Checked<T> {
        let begun = self.now()?;
        loop {
            let seen = match look()? {
                Ok(it) => return Ok(it),
                Err(seen) => seen,
            };
            if self.now()?.since(begun) >= self.patience.timeout {
                return self.deviates(what, expected, seen);
            }
            self.sleep(self.patience.poll)?;
        }
    }

    /// The relationship comes to this state.
    pub(super) fn comes_to(&self, id: RelationshipId, state: ReplicationState) -> Checked {
        self.comes(format_args!("the state of relationship {}", id.leg.index()), state, || {
            let seen = self.relationship(id)?.state;
            Ok(if seen == state { Ok(()) } else { Err(seen.to_string()) })
        })
    }

    /// The relationship is in this state now, whatever it was asked for.
    pub(super) fn is_still(&self, id: RelationshipId, state: ReplicationState) -> Checked {
        let seen = self.relationship(id)?.state;
        let what = format_args!("the state of relationship {}", id.leg.index());
        self.holds(what, seen == state, format_args!("still {state}"), seen)
    }

    /// The health comes to this: it is worked out from time to time, unlike the state.
    pub(super) fn health(&self, id: RelationshipId, health: ReplicationHealth) -> Checked {
        self.comes(format_args!("the health of relationship {}", id.leg.index()), health, || {
            let seen = self.relationship(id)?.health;
            Ok(if seen == health { Ok(()) } else { Err(seen.to_string()) })
        })
    }

    /// The virtual machine comes to this role.
    pub(super) fn mode(&self, vm: VmId, mode: ReplicationMode) -> Checked {
        self.comes("the mode", mode, || {
            let seen = self.vm(vm)?.mode;
            Ok(if seen == mode { Ok(()) } else { Err(seen.to_string()) })
        })
    }

    /// The virtual machine comes to this power: a job of power may end a moment earlier.
    pub(super) fn power(&self, vm: VmId, power: EnabledState) -> Checked {
        self.comes("the power", power, || {
            let seen = self.vm(vm)?.power;
            Ok(if seen == power { Ok(()) } else { Err(seen.to_string()) })
        })
    }

    /// The virtual machine is turned off, if it is not.
    pub(super) fn switch_off(&self, vm: VmId) -> Checked {
        if self.vm(vm)?.power != EnabledState::Disabled {
            self.done(self.turn_off_vm(vm))?;
        }
        self.power(vm, EnabledState::Disabled)
    }

    /// A log is received that was not there before.
    pub(super) fn receives(&self, id: RelationshipId) -> Checked {
        let before = self.relationship(id)?.last_replication;
        self.comes("the last replication", "a later one", || {
            let now = self.relationship(id)?.last_replication;
            Ok(if now > before { Ok(()) } else { Err(format!("still {}", shown(now))) })
        })
    }

    /// The job ends, however; how.
    pub(super) fn end_of(&self, job: JobId) -> Checked<Job> {
        self.comes("a job", "it ends", || {
            let seen = self.job(job)?;
            Ok(if seen.state.is_terminal() { Ok(seen) } else { Err(seen.state.to_string()) })
        })
    }
}

fn is_in_use<T>(answer: &Result<T>) -> bool {
    answer.as_ref().is_err_and(|error| error.code() == Some(ErrorCode::InUse))
}

/// A time, or that there is none, as deviations show it.
pub(super) fn shown(at: Option<SimTime>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| at.to_utc().to_string())
}

#[deny(clippy::missing_trait_methods)]
impl ReplicationService for Site<'_> {
    fn call(&self, call: &Call) -> Result<Outcome> {
        self.asked.replace(Some(call.clone()));
        let begun = self.service.now()?;
        loop {
            let answer = self.service.call(call);
            let waited = self.service.now()?.since(begun);
            if !is_in_use(&answer) || waited >= self.patience.timeout {
                return answer;
            }
            self.service.sleep(self.patience.poll)?;
        }
    }

    fn host(&self) -> Result<Host> {
        self.service.host()
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        self.service.service_settings()
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        self.service.authorization_entries()
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        self.service.vms()
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        self.service.vm(id)
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.service.relationship(id)
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.service.settings(id)
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.service.recovery_points(vm)
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.service.devices(vm)
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        self.service.failover_network(vm)
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        self.service.jobs()
    }

    fn job(&self, id: JobId) -> Result<Job> {
        self.service.job(id)
    }

    fn now(&self) -> Result<SimTime> {
        self.service.now()
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        self.service.sleep(duration)
    }
}

impl From<Error> for Deviation {
    fn from(error: Error) -> Self {
        Self {
            about: "what was asked".to_owned(),
            expected: "an answer".to_owned(),
            seen: error.to_string(),
            arranging: false,
        }
    }
}
