//! By which rules the simulator answers and shows what it does, for whoever compares it.

use crate::engine::{Change, Event};
use crate::error::{Error, Result, Why};
use crate::layer::{Look, Told};
use crate::model::{Call, ErrorCode, JobId, Leg, Operation, Output, RelationshipId, SimTime, VmId};
use crate::rules::{HEALTH, Side, late_failure, rule, transition};
use crate::service::{Outcome, ReplicationService};
use crate::sim::HostHandle;
use std::collections::BTreeMap;

/// What there is to say where no rule led to what is shown.
pub(super) const NEWS: &str = "no rule speaks of it: this is news";

/// What the simulator was asked for so far, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Past {
    /// The last call about a virtual machine that was accepted.
    accepted: BTreeMap<VmId, Operation>,
    /// The calls that began jobs.
    begun: BTreeMap<JobId, Operation>,
    changes: Vec<Event>,
}

/// What a part of a read is about.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct About {
    pub(super) vm: Option<VmId>,
    pub(super) relationship: Option<RelationshipId>,
    pub(super) job: Option<JobId>,
}

impl About {
    pub(super) fn vm(vm: VmId) -> Self {
        Self { vm: Some(vm), ..Self::default() }
    }

    pub(super) fn job(job: JobId) -> Self {
        Self { job: Some(job), ..Self::default() }
    }

    pub(super) fn look(look: Look) -> Self {
        match look {
            Look::Vm(vm)
            | Look::RecoveryPoints(vm)
            | Look::Devices(vm)
            | Look::FailoverNetwork(vm) => Self::vm(vm),
            Look::Relationship(id) | Look::Settings(id) => {
                Self { relationship: Some(id), ..Self::vm(id.vm) }
            }
            Look::Job(job) => Self::job(job),
            _ => Self::default(),
        }
    }
}

impl Past {
    /// Changes that were seen.
    pub(super) fn saw(&mut self, changes: impl IntoIterator<Item = Event>) {
        self.changes.extend(changes);
    }

    /// A call, and how it was answered.
    pub(super) fn called(&mut self, call: &Call, answer: &Result<Outcome>) {
        let Ok(outcome) = answer else { return };
        let operation = call.operation();
        self.begun.extend(outcome.job().map(|job| (job, operation)));
        // What only reads is no reason for anything.
        if !matches!(outcome, Outcome::Returned(_)) {
            self.accepted.extend(call.vm().map(|vm| (vm, operation)));
        }
    }

    /// Why a part of what a host shows is as it is.
    pub(super) fn shown(&self, host: &HostHandle, of: About, field: &str) -> Vec<String> {
        let found = match (field, of) {
            (_, About { job: Some(job), .. }) => self.of_job(host, job),
            ("state" | "mode" | "power", About { vm: Some(vm), .. }) => self.changed(host, vm),
            ("health" | "issues", About { vm: Some(vm), .. }) => {
                health(host, of.relationship.unwrap_or(RelationshipId::primary(vm)))
            }
            _ => Vec::new(),
        };
        if found.is_empty() { of.vm.map(|vm| self.led_to(vm)).unwrap_or_default() } else { found }
    }

    /// The last call that had to do with a virtual machine.
    fn led_to(&self, vm: VmId) -> Vec<String> {
        let said = |operation: &Operation| {
            let rule = rule(*operation);
            format!("it had accepted {operation}: {} ({})", rule.effect, rule.evidence)
        };
        self.accepted.get(&vm).map(said).into_iter().collect()
    }

    /// By which transition a virtual machine came where it is.
    fn changed(&self, host: &HostHandle, vm: VmId) -> Vec<String> {
        let here = self.changes.iter().rev().filter(|it| it.host == host.id());
        here.filter_map(|it| match it.change {
            Change::State { id, mode, from, to, by, .. } if id.vm == vm => {
                let by_rule = transition(Side::of(mode, id.leg, to), from, to, by);
                let known = by_rule.map(|it| format!(" ({})", it.evidence)).unwrap_or_default();
                Some(format!("it went from {from} to {to} by {by}{known}"))
            }
            _ => None,
        })
        .take(1)
        .collect()
    }

    /// Why a job failed, or what it had to do.
    fn of_job(&self, host: &HostHandle, job: JobId) -> Vec<String> {
        let failure = host.job(job).ok().and_then(|it| Some((it.job_type, it.error?)));
        if let Some((job_type, failure)) = failure {
            let late = late_failure(job_type, failure.code, &failure.summary);
            return vec![format!("its job failed: {} ({})", late.says, late.evidence)];
        }
        let said = |operation: &Operation| {
            let rule = rule(*operation);
            format!("{operation} began it: {} ({})", rule.effect, rule.evidence)
        };
        self.begun.get(&job).map(said).into_iter().collect()
    }
}

/// The rules that give a relationship its health now.
fn health(host: &HostHandle, id: RelationshipId) -> Vec<String> {
    // The form without a relationship is the one that every Windows has.
    let relationship = Some(id).filter(|it| it.leg != Leg::Primary);
    let call = Call::GetReplicationStatistics { vm: id.vm, relationship };
    let Ok(Outcome::Returned(output)) = host.call(&call) else { return Vec::new() };
    let Output::Statistics { issues, .. } = *output else { return Vec::new() };
    if issues.is_empty() {
        return vec!["it is Ok because no rule of health speaks".to_owned()];
    }
    let of = |number| HEALTH.iter().find(|it| it.message.to_wire() == number);
    let rules = issues.iter().filter_map(|it| of(it.message_id));
    rules
        .map(|it| format!("it is {} because it {} ({})", it.health, it.says, it.evidence))
        .collect()
}

/// By which rules a call was answered as it was.
pub(super) fn answered(call: &Call, recorded: &Told, answer: &Result<Outcome>) -> Vec<String> {
    let operation = call.operation();
    let mut because = Vec::new();
    match answer {
        Err(Error::Refused(refusal)) => because.push(match &refusal.why {
            Why::Rule(it, detail) => {
                let says = it.explain();
                let known = rule(operation).requirements().find(|it| it.says == says);
                let known =
                    known.map_or_else(|| it.evidence().to_owned(), |it| it.evidence.to_string());
                let detail = detail.map(|it| format!(": {it}")).unwrap_or_default();
                format!("it refuses because {says}{detail} ({known})")
            }
            Why::Text(text) => format!("it refuses because {text}"),
        }),
        Ok(_) => {
            let rule = rule(operation);
            because.push(format!("it accepts: {} ({})", rule.effect, rule.evidence));
        }
        Err(error) => because.push(error.to_string()),
    }
    if let Told::Refused(code) = recorded {
        because.extend(reasons(operation, *code));
    }
    because
}

/// What the rule book knows a code for.
fn reasons(operation: Operation, code: ErrorCode) -> Vec<String> {
    let of_code = rule(operation).requirements().filter(|it| it.otherwise == code);
    let known: Vec<_> = of_code
        .map(|it| {
            format!("it would refuse with {} if not: {} ({})", code.to_wire(), it.says, it.evidence)
        })
        .collect();
    if known.is_empty() {
        return vec![format!("the rule book knows no reason for {}", code.to_wire())];
    }
    known
}

/// A call with the times in it so much later, or earlier: from one beginning to another.
pub(super) fn at_another_time(mut call: Call, moved: impl Fn(SimTime) -> SimTime) -> Call {
    if let Call::StartReplication { start: Some(at), .. }
    | Call::Resynchronize { start: Some(at), .. } = &mut call
    {
        *at = moved(*at);
    }
    call
}
