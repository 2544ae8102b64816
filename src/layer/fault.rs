//! Faults as data: which question, and what becomes of it.

use super::ask::{Asked, Seen};
use crate::model::{ErrorCode, SimTime, VmId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What becomes of a call or a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Verdict {
    /// It goes through, and no later rule is asked.
    Pass,
    /// It does not happen, and is refused with this number. A read has no return value: it fails
    /// with [`Error::Transport`](crate::Error::Transport) and says the number.
    Refuse(ErrorCode),
    /// It happens after the service's time has passed for so long.
    Delay(Duration),
    /// It happens, and its answer does not come:
    /// [`Error::Transport`](crate::Error::Transport).
    LoseAnswer,
    /// It does not happen: it never reaches the service. The caller sees the same as of an answer
    /// that was lost.
    Unreachable,
    /// It does not happen: what it is about is said not to be there,
    /// [`Error::NotFound`](crate::Error::NotFound).
    Missing,
}

/// A virtual machine, as a rule names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum VmRef {
    /// By its GUID, the same on both sides of a relationship.
    Id(VmId),
    /// By its name, which a plan can know of a host it has never met. A test replica has a name of
    /// its own.
    Name(String),
}

impl From<VmId> for VmRef {
    fn from(id: VmId) -> Self {
        Self::Id(id)
    }
}

impl From<&str> for VmRef {
    fn from(name: &str) -> Self {
        Self::Name(name.to_owned())
    }
}

/// A rule that is data: of the questions it is about, the first `after` pass, and the next `times`
/// meet the verdict.
///
/// ```
/// use hyperv_replica::layer::{Fault, Faults};
/// use hyperv_replica::{model::Operation, prelude::*, sim::Lab};
///
/// let lab = Lab::new(["tokyo", "osaka"]);
/// let web = lab.vm("web").on("tokyo").create();
/// let faults = Faults::new();
/// let tokyo = faults.over("tokyo", lab.host("tokyo"));
///
/// // This one call fails with this one number, twice; then all is well.
/// faults.add(Fault::refuse(Operation::StartVm, ErrorCode::InUse).vm(web).times(2));
/// assert_eq!(tokyo.start_vm(web).unwrap_err().code(), Some(ErrorCode::InUse));
/// assert_eq!(tokyo.start_vm(web).unwrap_err().code(), Some(ErrorCode::InUse));
/// tokyo.wait(tokyo.start_vm(web)?)?;
/// # Ok::<(), hyperv_replica::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[must_use = "a fault does nothing until it is in force"]
pub struct Fault {
    /// The host that is asked, without regard to case; any if `None`.
    pub host: Option<String>,
    /// What it is asked.
    pub asked: Asked,
    /// The virtual machine it is about; whatever it is about if `None`.
    pub vm: Option<VmRef>,
    /// Not before this time of the service.
    pub from: Option<SimTime>,
    /// Not at this time of the service and later.
    pub until: Option<SimTime>,
    /// How many pass before the first that does not.
    pub after: u32,
    /// How many do not pass; all if `None`.
    pub times: Option<u32>,
    /// What becomes of them.
    pub verdict: Verdict,
}

impl Fault {
    /// Whatever of this is asked meets this verdict.
    pub fn new(asked: impl Into<Asked>, verdict: Verdict) -> Self {
        let asked = asked.into();
        Self {
            host: None,
            asked,
            vm: None,
            from: None,
            until: None,
            after: 0,
            times: None,
            verdict,
        }
    }

    /// It is refused with this number. Any documented number can be had, those included that the
    /// model gives [only by a fault](crate::rules::only_by_fault).
    pub fn refuse(asked: impl Into<Asked>, code: ErrorCode) -> Self {
        Self::new(asked, Verdict::Refuse(code))
    }

    /// It happens, and the answer is lost.
    pub fn lose_answer(asked: impl Into<Asked>) -> Self {
        Self::new(asked, Verdict::LoseAnswer)
    }

    /// It never reaches the service.
    pub fn unreachable(asked: impl Into<Asked>) -> Self {
        Self::new(asked, Verdict::Unreachable)
    }

    /// It takes that much longer.
    pub fn delay(asked: impl Into<Asked>, by: Duration) -> Self {
        Self::new(asked, Verdict::Delay(by))
    }

    /// Only on this host.
    pub fn on(self, host: &str) -> Self {
        Self { host: Some(host.to_owned()), ..self }
    }

    /// Only what is about this virtual machine.
    pub fn vm(self, vm: impl Into<VmRef>) -> Self {
        Self { vm: Some(vm.into()), ..self }
    }

    /// Only from this time of the service on, and before the other.
    pub fn between(self, from: SimTime, until: SimTime) -> Self {
        Self { from: Some(from), until: Some(until), ..self }
    }

    /// The first so many pass.
    pub fn after(self, after: u32) -> Self {
        Self { after, ..self }
    }

    /// So many do not pass; then it is over.
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Only this one, from 1. The 0th never comes.
    pub fn nth(self, nth: u32) -> Self {
        let times = u32::from(nth > 0);
        self.after(nth.saturating_sub(1)).times(times)
    }

    /// Whether it is about this question, however many came before.
    pub fn is_about(&self, seen: &Seen<'_>) -> bool {
        let host = self.host.as_ref().is_none_or(|it| it.eq_ignore_ascii_case(seen.host));
        let vm = match &self.vm {
            None => true,
            Some(VmRef::Id(id)) => seen.vm == Some(*id),
            Some(VmRef::Name(name)) => seen.vm_name == Some(name),
        };
        let begun = self.from.is_none_or(|from| from <= seen.at);
        let over = self.until.is_some_and(|until| until <= seen.at);
        host && vm && begun && !over && self.asked.covers(seen.asked)
    }
}

/// A fault in force: with how many questions it has met. A value, as everything that a replay needs.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Armed {
    fault: Fault,
    met: u32,
}

impl From<Fault> for Armed {
    fn from(fault: Fault) -> Self {
        Self { fault, met: 0 }
    }
}

impl Armed {
    /// The fault.
    pub fn fault(&self) -> &Fault {
        &self.fault
    }

    /// What it says of a question; one that it is about is counted.
    pub fn judge(&mut self, seen: &Seen<'_>) -> Option<Verdict> {
        if !self.fault.is_about(seen) {
            return None;
        }
        let before = self.met;
        self.met = before.saturating_add(1);
        let beyond = before.checked_sub(self.fault.after)?;
        self.fault.times.is_none_or(|times| beyond < times).then_some(self.fault.verdict)
    }
}

/// Rules in their order: what [`Faults`](super::Faults) start from, and what a script writes down.
///
/// Its text, and what a failing property test prints, is a line for each rule, in the
/// [language of scripts](crate::script).
///
/// ```
/// use hyperv_replica::layer::{Fault, Plan};
/// use hyperv_replica::model::{ErrorCode, Operation};
///
/// let plan: Plan = "fault tokyo InitiateFailover web times=2  => 32775".parse()?;
/// let fault = Fault::refuse(Operation::InitiateFailover, ErrorCode::InvalidState);
/// assert_eq!(plan, fault.on("tokyo").vm("web").times(2).into());
/// assert_eq!(plan.to_string(), "fault tokyo InitiateFailover web times=2  => 32775\n");
/// # Ok::<(), hyperv_replica::script::ParseError>(())
/// ```
#[derive(Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Plan {
    /// The rules; the first that has a verdict is the one.
    pub faults: Vec<Fault>,
}

impl From<Fault> for Plan {
    fn from(fault: Fault) -> Self {
        Self { faults: vec![fault] }
    }
}

impl FromIterator<Fault> for Plan {
    fn from_iter<T: IntoIterator<Item = Fault>>(faults: T) -> Self {
        Self { faults: faults.into_iter().collect() }
    }
}
