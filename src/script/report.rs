//! What a run tells: every step with its answer, and what each side looks like after it.

use super::problem::Problem;
use super::text::Span;
use crate::model::{
    EnabledState, Leg, ReplicationHealth, ReplicationMode, ReplicationState, SimTime, VmId,
};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A run of a script.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// A step for each line with a statement, in order.
    pub steps: Vec<Step>,
}

impl Report {
    /// Whether everything went as the script says.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.faults().next().is_none()
    }

    /// The steps that did not go as the script says.
    pub fn faults(&self) -> impl Iterator<Item = (&Step, &Fault)> {
        self.steps.iter().filter_map(|step| Some((step, step.fault.as_ref()?)))
    }
}

/// What a line did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The line, from 1.
    pub line: u32,
    /// The virtual time before it, in ticks of 100 ns.
    pub at: SimTime,
    /// The virtual time after it, in ticks of 100 ns.
    pub until: SimTime,
    /// The host it is about, if it is about one.
    pub place: Option<String>,
    /// What was done, in the words of the language, without the host and the expected answer.
    pub what: String,
    /// The answer, in the words of the language: `4096 job1`, `32775`. For a `wait`, how the job
    /// ended.
    pub answer: Option<String>,
    /// Why it was refused or failed, as a sentence without a full stop.
    pub why: Option<String>,
    /// What did not go as the script says.
    pub fault: Option<Fault>,
    /// Every virtual machine that has a role or was named so far, with each relationship it has,
    /// after this step. Steps between which nothing changed share one list.
    pub sides: Arc<[Side]>,
}

/// What did not go as a script says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Fault {
    /// An answer or a look is not as expected.
    Mismatch {
        /// Where the expectation stands.
        span: Span,
        /// What the line expects, in the words of the language.
        expected: String,
        /// What there is, in the same words.
        found: String,
    },
    /// The line could not be done: a name means nothing, a job never ends.
    Problem(Problem),
    /// The line broke an invariant: an error of this crate, seen by an observed runner.
    Violation {
        /// Where the statement stands.
        span: Span,
        /// The invariant, and both sides before and after.
        says: Box<str>,
    },
    /// The line is a `fail`.
    Failed {
        /// Where the statement stands.
        span: Span,
        /// What it says is wrong.
        says: Box<str>,
    },
}

impl From<Problem> for Fault {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Fault {
    /// Where in the line.
    pub fn span(&self) -> Span {
        match self {
            Self::Mismatch { span, .. }
            | Self::Violation { span, .. }
            | Self::Failed { span, .. } => *span,
            Self::Problem(problem) => problem.span,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mismatch { expected, found, .. } => {
                write!(f, "expected `{expected}`, found `{found}`")
            }
            Self::Problem(Problem { message, help: Some(help), .. }) => {
                write!(f, "{message} ({help})")
            }
            Self::Problem(problem) => f.write_str(&problem.message),
            Self::Violation { says, .. } | Self::Failed { says, .. } => f.write_str(says),
        }
    }
}

/// One side of a relationship: a virtual machine on a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    /// The host.
    pub host: Arc<str>,
    /// Whether the host is up.
    pub up: bool,
    /// The virtual machine.
    pub vm: Arc<str>,
    /// Its GUID.
    pub id: VmId,
    /// Which of its relationships.
    pub relationship: Leg,
    /// Its role.
    pub mode: ReplicationMode,
    /// The state of the relationship.
    pub state: ReplicationState,
    /// The health of the relationship.
    pub health: ReplicationHealth,
    /// Its power.
    pub power: EnabledState,
    /// What this copy alone holds, in bytes.
    pub own_bytes: u64,
    /// What it lacks of what another copy holds, in bytes.
    pub missing_bytes: u64,
    /// How long the guest took to write that.
    pub missing: Duration,
    /// Whether two copies were written to after they had parted.
    pub split_brain: bool,
}
