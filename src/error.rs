//! What can go wrong with a call, told to a person.

use crate::model::{
    ErrorCode, JobFailure, JobId, JobState, Operation, PointId, Power, RelationshipId,
    ReplicationMode, ReplicationState, VmId,
};
use std::fmt;
use std::time::Duration;

/// The result of everything the contract does.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a call was not done, or not known to be done.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The service understood and refused: a documented number other than 0 and 4096.
    Refused(Refusal),
    /// The service answered with a number this crate has no name for.
    Unrecognised {
        /// What was called.
        operation: Operation,
        /// The return value.
        value: u32,
    },
    /// The call never reached the service, or its answer was lost: it may or may not have happened.
    Transport {
        /// What was called; `None` for a read.
        operation: Option<Operation>,
        /// What the transport says.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The service answered with something that makes no sense: what was called has happened.
    Malformed {
        /// What was called; `None` for a read.
        operation: Option<Operation>,
        /// What is wrong with the answer.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The service returned 1: Windows does not implement the method.
    NotImplemented(Operation),
    /// There is no such thing on this host.
    NotFound(Missing),
    /// A job that was waited for ended, and not well.
    JobFailed(JobError),
    /// A job was still running when the caller's patience ended.
    WaitTimedOut {
        /// The job.
        job: JobId,
        /// How long it was waited for.
        waited: Duration,
    },
}

impl Error {
    /// The documented number: of a refusal, or of a failed job.
    pub fn code(&self) -> Option<ErrorCode> {
        match self {
            Self::Refused(refusal) => Some(refusal.code),
            Self::JobFailed(JobError { failure: Some(failure), .. }) => Some(failure.code),
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Unrecognised { operation, value } => {
                write!(f, "{operation} returned {value}, a number without a documented meaning")
            }
            Self::Transport { operation: Some(operation), source } => {
                write!(f, "{operation} may or may not have happened: {source}")
            }
            Self::Transport { operation: None, source } => write!(f, "reading failed: {source}"),
            Self::Malformed { operation: Some(operation), source } => {
                write!(f, "the answer to {operation} makes no sense: {source}")
            }
            Self::Malformed { operation: None, source } => {
                write!(f, "what was read makes no sense: {source}")
            }
            Self::NotImplemented(operation) => {
                write!(f, "{operation} returned 1, not supported: Windows does not implement it")
            }
            Self::NotFound(missing) => missing.fmt(f),
            Self::JobFailed(error) => error.fmt(f),
            Self::WaitTimedOut { job, waited } => {
                write!(
                    f,
                    "job {job} was still running after {}",
                    crate::model::time::format_duration(*waited)
                )
            }
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Transport { source, .. } | Self::Malformed { source, .. } => Some(&**source),
            _ => None,
        }
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// A refused call: what, with which number, why, and what the service saw.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// What was called.
    pub operation: Operation,
    /// The return value.
    pub code: ErrorCode,
    /// The requirement that was not met.
    pub why: Why,
    /// The virtual machine as the service saw it, where the call is about one.
    pub found: Option<Found>,
}

impl PartialEq for Refusal {
    /// Compares what a client sees of a refusal over the wire: the operation and the number.
    fn eq(&self, other: &Self) -> bool {
        (self.operation, self.code) == (other.operation, other.code)
    }
}

impl Eq for Refusal {}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { operation, code, why, found } = self;
        write!(f, "{operation} was refused with {}, {}: {why}", code.to_wire(), code.label())?;
        match found {
            Some(found) => write!(f, " ({found})"),
            None => Ok(()),
        }
    }
}

/// Mode, state and power of the virtual machine a call was about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its role.
    pub mode: ReplicationMode,
    /// The state of the relationship the call addressed.
    pub state: ReplicationState,
    /// Its power.
    pub power: Power,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "found: mode {}, state {}, {}", self.mode, self.state, self.power.label())
    }
}

/// The requirement that a call did not meet.
#[derive(Clone)]
pub enum Why {
    /// A requirement of the rule book, and what exactly is wrong where it speaks of many things.
    Rule(&'static (dyn Explain + Send + Sync), Option<&'static str>),
    /// What another service says.
    Text(Box<str>),
}

/// Something that can say in a sentence what it requires, and how that is known.
pub trait Explain {
    /// The requirement, as a sentence without a full stop.
    fn explain(&self) -> &'static str;
    /// How it is known, in a word: `documented`, `observed`, `client behaviour` or `assumed`.
    fn evidence(&self) -> &'static str;
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rule(rule, None) => f.write_str(rule.explain()),
            Self::Rule(rule, Some(detail)) => write!(f, "{}: {detail}", rule.explain()),
            Self::Text(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Why({self})")
    }
}

/// A thing that was asked for and is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Missing {
    /// No such virtual machine on this host.
    Vm(VmId),
    /// No such job on this host. Finished jobs vanish after five minutes.
    Job(JobId),
    /// No such relationship: the virtual machine is unknown, or no replica has that index.
    Relationship(RelationshipId),
    /// No such recovery point.
    Point(PointId),
    /// The host itself does not answer: it is down.
    Host,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Vm(id) => write!(f, "no virtual machine {id} on this host"),
            Self::Job(id) => {
                write!(f, "no job {id} on this host; a finished job is removed after five minutes")
            }
            Self::Relationship(id) => write!(f, "no relationship {id} on this host"),
            Self::Point(id) => write!(f, "no recovery point {id} on this host"),
            Self::Host => f.write_str("the host is down"),
        }
    }
}

/// A job that ended as anything but a success.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobError {
    /// The job.
    pub job: JobId,
    /// How it ended: terminated, killed, exception, or vanished (`None`).
    pub state: Option<JobState>,
    /// What it says of it.
    pub failure: Option<JobFailure>,
}

impl fmt::Display for JobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.state, &self.failure) {
            (None, _) => write!(f, "job {} vanished before its end was seen", self.job),
            (Some(state), None) => write!(f, "job {} ended as {state}", self.job),
            (Some(state), Some(failure)) => write!(
                f,
                "job {} ended as {state} with {}, {}: {}",
                self.job,
                failure.code.to_wire(),
                failure.code.label(),
                failure.summary
            ),
        }
    }
}
