//! A session with services, as data: what was asked, and what it was told.

use super::ask::Read;
use crate::error::{Error, Missing, Refusal, Result, Why};
use crate::model::{
    AuthorizationEntry, Call, Devices, ErrorCode, FailoverNetworkAdapterSettings, Host, Job, JobId,
    Output, RecoveryPoint, Relationship, RelationshipId, ServiceSettings, Settings, SimTime, Vm,
    VmId,
};
use crate::service::{Outcome, ReplicationService};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// A read of the contract with what it reads of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// The host.
    Host,
    /// The settings of its replica server.
    ServiceSettings,
    /// Whom it lets in.
    AuthorizationEntries,
    /// Its virtual machines.
    Vms,
    /// One virtual machine.
    Vm(VmId),
    /// A relationship.
    Relationship(RelationshipId),
    /// The settings of a relationship.
    Settings(RelationshipId),
    /// The recovery points of a virtual machine.
    RecoveryPoints(VmId),
    /// The disks and adapters of a virtual machine.
    Devices(VmId),
    /// The failover addresses of a virtual machine.
    FailoverNetwork(VmId),
    /// The jobs of the host.
    Jobs,
    /// One job.
    Job(JobId),
}

impl Look {
    /// Which read it is.
    pub const fn read(self) -> Read {
        match self {
            Self::Host => Read::Host,
            Self::ServiceSettings => Read::ServiceSettings,
            Self::AuthorizationEntries => Read::AuthorizationEntries,
            Self::Vms => Read::Vms,
            Self::Vm(_) => Read::Vm,
            Self::Relationship(_) => Read::Relationship,
            Self::Settings(_) => Read::Settings,
            Self::RecoveryPoints(_) => Read::RecoveryPoints,
            Self::Devices(_) => Read::Devices,
            Self::FailoverNetwork(_) => Read::FailoverNetwork,
            Self::Jobs => Read::Jobs,
            Self::Job(_) => Read::Job,
        }
    }

    /// What a service shows of it.
    pub fn at(self, service: &(impl ReplicationService + ?Sized)) -> Result<Shown> {
        Ok(match self {
            Self::Host => Shown::Host(service.host()?),
            Self::ServiceSettings => Shown::ServiceSettings(service.service_settings()?),
            Self::AuthorizationEntries => {
                Shown::AuthorizationEntries(service.authorization_entries()?)
            }
            Self::Vms => Shown::Vms(service.vms()?),
            Self::Vm(id) => Shown::Vm(service.vm(id)?),
            Self::Relationship(id) => Shown::Relationship(service.relationship(id)?),
            Self::Settings(id) => Shown::Settings(Box::new(service.settings(id)?)),
            Self::RecoveryPoints(vm) => Shown::RecoveryPoints(service.recovery_points(vm)?),
            Self::Devices(vm) => Shown::Devices(service.devices(vm)?),
            Self::FailoverNetwork(vm) => Shown::FailoverNetwork(service.failover_network(vm)?),
            Self::Jobs => Shown::Jobs(service.jobs()?),
            Self::Job(id) => Shown::Job(Box::new(service.job(id)?)),
        })
    }

    /// What is missing if it shows nothing.
    const fn missing(self) -> Missing {
        match self {
            Self::Vm(vm)
            | Self::RecoveryPoints(vm)
            | Self::Devices(vm)
            | Self::FailoverNetwork(vm) => Missing::Vm(vm),
            Self::Relationship(id) | Self::Settings(id) => Missing::Relationship(id),
            Self::Job(job) => Missing::Job(job),
            _ => Missing::Host,
        }
    }
}

/// What a read showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(untagged)]
#[expect(missing_docs)] // Each is what the read of its name shows.
pub enum Shown {
    Host(Host),
    ServiceSettings(ServiceSettings),
    AuthorizationEntries(Vec<AuthorizationEntry>),
    Vms(Vec<Vm>),
    Vm(Vm),
    Relationship(Relationship),
    Settings(Box<Settings>),
    RecoveryPoints(Vec<RecoveryPoint>),
    Devices(Devices),
    FailoverNetwork(Vec<FailoverNetworkAdapterSettings>),
    Jobs(Vec<Job>),
    Job(Box<Job>),
}

/// What a service was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// A call.
    Call(Call),
    /// A read.
    Look(Look),
}

impl fmt::Display for Question {
    /// In short, for messages.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Call(call) => {
                call.operation().fmt(f)?;
                call.vm().map_or(Ok(()), |vm| write!(f, " of {{{vm}}}"))
            }
            Self::Look(look) => {
                look.read().fmt(f)?;
                match look.missing() {
                    Missing::Vm(vm) => write!(f, " of {{{vm}}}"),
                    Missing::Relationship(id) => write!(f, " {id}"),
                    Missing::Job(job) => write!(f, " {{{job}}}"),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// What it was told.
///
/// As much as a client can tell apart, and no sentence: those are the service's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// 0.
    Completed,
    /// 0 with out parameters.
    Returned(Box<Output>),
    /// 4096.
    Started(JobId),
    /// A documented number.
    Refused(ErrorCode),
    /// Another number.
    Unrecognised(u32),
    /// 1: Windows does not implement the method.
    NotImplemented,
    /// What it is about is not there.
    Missing,
    /// No answer came.
    Unanswered,
    /// What a read showed.
    Shown(Shown),
}

impl Told {
    /// What a call was told.
    pub fn of_call(answer: &Result<Outcome>) -> Self {
        match answer {
            Ok(Outcome::Completed) => Self::Completed,
            Ok(Outcome::Returned(output)) => Self::Returned(output.clone()),
            Ok(Outcome::Started(job)) => Self::Started(*job),
            Err(error) => Self::of_error(error),
        }
    }

    /// What a read was told.
    pub fn of_look(answer: Result<Shown>) -> Self {
        answer.map_or_else(|error| Self::of_error(&error), Self::Shown)
    }

    pub(super) fn of_error(error: &Error) -> Self {
        match error {
            Error::Refused(refusal) => Self::Refused(refusal.code),
            Error::Unrecognised { value, .. } => Self::Unrecognised(*value),
            Error::NotImplemented(_) => Self::NotImplemented,
            Error::NotFound(_) => Self::Missing,
            // The others are no answers of a service, but of who waits for one.
            Error::Transport { .. }
            | Error::Malformed { .. }
            | Error::JobFailed(_)
            | Error::WaitTimedOut { .. } => Self::Unanswered,
        }
    }

    /// The answer again, as the call was told it.
    pub(super) fn to_outcome(&self, call: &Call) -> Result<Outcome> {
        let operation = call.operation();
        match self {
            Self::Completed => Ok(Outcome::Completed),
            Self::Returned(output) => Ok(Outcome::Returned(output.clone())),
            Self::Started(job) => Ok(Outcome::Started(*job)),
            Self::Refused(code) => {
                let why = Why::Text("as recorded".into());
                Err(Error::Refused(Refusal { operation, code: *code, why, found: None }))
            }
            Self::Unrecognised(value) => Err(Error::Unrecognised { operation, value: *value }),
            Self::NotImplemented => Err(Error::NotImplemented(operation)),
            Self::Missing => Err(Error::NotFound(super::missing(call))),
            Self::Unanswered | Self::Shown(_) => Err(unanswered(Some(operation))),
        }
    }

    /// The answer again, as the read was told it.
    pub(super) fn to_shown(&self, look: Look) -> Result<Shown> {
        match self {
            Self::Shown(shown) => Ok(shown.clone()),
            Self::Missing => Err(Error::NotFound(look.missing())),
            _ => Err(unanswered(None)),
        }
    }
}

fn unanswered(operation: Option<crate::model::Operation>) -> Error {
    Error::Transport { operation, source: "no answer came (as recorded)".into() }
}

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exchange {
    /// The line of the recording's text that says it, from 1.
    pub line: u32,
    /// When it was asked, by the service's time.
    pub at: SimTime,
    /// The host that was asked.
    pub host: Arc<str>,
    /// What.
    pub question: Question,
    /// The answer.
    pub told: Told,
}

/// A session: what hosts looked like at the beginning, and what they were asked and told.
///
/// With the feature `record` it is a text that a person can read, change and compare, a question
/// and its answer a line, in the words of the [script language](crate::script):
///
/// ```text
/// open @0s tokyo vms  => [{"id":"E0C9C03F-…","name":"web","mode":"None",…}]
/// @0s tokyo CreateReplicationRelationship web to=osaka  => 4096 {4B8A5B0B-…}
/// @3h osaka relationship web 0  => {"id":"Microsoft:E0C9C03F-…\\HVR\\0","state":"Replicating",…}
/// @3h osaka CommitFailover web  => 32775
/// @3h tokyo vm {564D8B6E-…}  => missing
/// ```
///
/// `open` marks the opening. Before the host stands the service's time, since its beginning; what
/// a read showed is JSON; `unanswered` is an answer that did not come. A line may be a comment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recording {
    /// What each host showed when its recording began.
    pub opening: Vec<Exchange>,
    /// What was asked then, in order.
    pub exchanges: Vec<Exchange>,
}
