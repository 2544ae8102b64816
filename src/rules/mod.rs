//! The rule book: which call is accepted when, else refused with which code, and how we know.
//!
//! Data, no behaviour. The engine asks it ([`Rule::judge`]), the documentation prints it
//! ([`render`]), generators and the explorer read from it what is enabled. The order of a rule's
//! requirements *is* the precedence of its errors: access, existence (of the method on this Windows,
//! then of the virtual machine), parameters, support, role and state, lock, environment.

pub(crate) mod page;

mod situation;
pub use situation::{Check, Fact, Facts, Situation};

mod transition;
pub use transition::{Cause, Happening, Side, TRANSITIONS, Transition, permits, transition};

mod book;
pub use book::RULES;

mod health;
pub use health::{HEALTH, HealthRule, Symptom};

mod codes;
pub use codes::{CHANGED_MEANWHILE, late_failure, only_by_fault, produces};

pub mod constants;
pub mod render;

use crate::error::Explain;
use crate::evidence::Evidence;
use crate::model::{ErrorCode, JobType, Operation, ReplicationState};

/// Which object a call addresses: whose state the requirements look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The host.
    Host,
    /// A job.
    Job,
    /// Relationship 0 of a virtual machine.
    Primary,
    /// The relationship on which the virtual machine sends: 0 of a primary, 1 of a replica.
    Sending,
    /// The relationship that is failed over or prepared for it: 1 of a replica that is prepared
    /// towards its extended replica, else 0.
    FailingOver,
    /// The relationship that the call names, 0 if it names none.
    Named,
}

/// One requirement of an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Require {
    /// The guard.
    pub check: Check,
    /// What the call returns where the guard does not pass.
    pub otherwise: ErrorCode,
    /// The requirement as a sentence.
    pub says: &'static str,
    /// How it is known.
    pub evidence: Evidence,
}

impl Explain for Require {
    fn explain(&self) -> &'static str {
        self.says
    }

    fn evidence(&self) -> &'static str {
        self.evidence.kind().label()
    }
}

/// How long a phase of a job takes. The engine's policy turns it into a duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Pace {
    /// Bookkeeping on one host.
    Local,
    /// A round trip to the other host, with authentication.
    Contact,
    /// A checkpoint of the virtual machine.
    Checkpoint,
    /// Sending what is logged: as long as it takes over the link.
    Flush,
    /// Copying the disks: as long as it takes over the link.
    Copy,
    /// Comparing both copies of the disks block by block.
    Compare,
    /// Undoing logs back to a recovery point.
    Undo,
    /// Merging differencing disks.
    Merge,
    /// Starting a guest, or restoring its memory.
    Boot,
    /// A guest shutting down by itself.
    GuestShutdown,
    /// Bookkeeping in which the disks of the virtual machine are opened: change logs are attached
    /// to them or detached.
    Attach,
}

/// How an accepted call is worked off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// When this plan is the one: the first of a rule's plans all of whose guards pass.
    pub when: &'static [Check],
    /// The type of the job.
    pub job_type: JobType,
    /// The state the relationship shows while the job runs, if another than before.
    pub during: Option<ReplicationState>,
    /// What the job does, in order.
    pub phases: &'static [Pace],
    /// Whether the job can be terminated.
    pub cancellable: bool,
    /// Whether the call is answered with 0 and without a job, although there is a type of job.
    pub at_once: bool,
}

/// What a job may still fail with, although the call was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Late {
    /// The job's `ErrorCode`.
    pub code: ErrorCode,
    /// The circumstance.
    pub says: &'static str,
    /// How it is known.
    pub evidence: Evidence,
}

/// The rule of one operation.
#[derive(Clone, Copy, Debug)]
pub struct Rule {
    /// Whose rule.
    pub operation: Operation,
    /// What the call addresses.
    pub target: Target,
    /// What it needs, beside what every call needs; the first that fails names the code.
    pub requires: &'static [Require],
    /// How it is worked off. Empty: before the call returns, which is then 0.
    pub plans: &'static [Plan],
    /// What it does, in a sentence.
    pub effect: &'static str,
    /// How that is known.
    pub evidence: Evidence,
    /// What its job may fail with.
    pub late: &'static [Late],
}

impl Rule {
    /// What the operation needs, in order of precedence, with what every call needs first.
    pub fn requirements(&self) -> impl Iterator<Item = &'static Require> + use<> {
        let first = book::needed_first(self.operation, self.target).into_iter().flatten();
        first.chain(self.requires).chain(book::needed_last(self.operation))
    }

    /// The plan of an accepted call, or the first requirement it does not meet.
    ///
    /// # Errors
    /// The requirement; its `otherwise` is what the call returns.
    pub fn judge(&self, s: &Situation) -> Result<Option<&'static Plan>, &'static Require> {
        self.judge_by(|check| check.passes(s))
    }

    /// As [`Rule::judge`], for who finds out what a guard asks for only when it is asked.
    ///
    /// # Errors
    /// The first requirement whose guard does not pass.
    pub fn judge_by(
        &self,
        mut passes: impl FnMut(Check) -> bool,
    ) -> Result<Option<&'static Plan>, &'static Require> {
        match self.requirements().find(|it| !passes(it.check)) {
            Some(unmet) => Err(unmet),
            None => Ok(self.plan_by(passes)),
        }
    }

    /// The plan of the job that a call begins, or would if it were not refused.
    pub(crate) fn plan_by(&self, mut passes: impl FnMut(Check) -> bool) -> Option<&'static Plan> {
        self.plans.iter().find(|it| it.when.iter().all(|when| passes(*when)))
    }
}

/// The rule of an operation.
pub fn rule(operation: Operation) -> &'static Rule {
    // The order is that of `Operation::ALL`; a test holds the book to it.
    &RULES[operation.index()]
}
