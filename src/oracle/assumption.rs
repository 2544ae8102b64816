//! What an answer rests on that nobody has documented or seen.

use crate::engine::{Change, Event, Input, Reply, World};
use crate::error::{Refusal, Why};
use crate::evidence::{Evidence, EvidenceKind};
use crate::model::{JobState, Operation};
use crate::rules::{
    CHANGED_MEANWHILE, Late, RULES, Require, Side, TRANSITIONS, Transition, late_failure, rule,
    transition,
};
use std::fmt;

/// An assumption of the rule book that an answer of the simulator rests on.
///
/// A real host may do otherwise: nobody has documented or seen it. Each carries the reason for
/// the choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assumption {
    /// A call was refused for a requirement that is assumed.
    Refusal(Operation, &'static Require),
    /// A call was accepted whose effect is assumed.
    Effect(Operation, &'static str),
    /// A job failed for a reason that is assumed, or with a code that is.
    LateFailure(&'static Late),
    /// A relationship's state changed in a way that is assumed, or back on it.
    Change(&'static Transition),
}

impl Assumption {
    /// Why the simulator does it so.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Refusal(_, require) => require.evidence.text(),
            Self::Effect(_, reason) => reason,
            Self::LateFailure(late) => late.evidence.text(),
            Self::Change(transition) => transition.evidence.text(),
        }
    }
}

impl fmt::Display for Assumption {
    /// The rule, and the reason for it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refusal(operation, it) => {
                write!(f, "{operation} is refused with {}: {}", it.otherwise, it.says)?;
            }
            Self::Effect(operation, _) => {
                write!(f, "{operation} is accepted: {}", rule(*operation).effect)?;
            }
            Self::LateFailure(it) => write!(f, "a job fails with {}: {}", it.code, it.says)?,
            Self::Change(it) => {
                let side = it.side.label();
                write!(f, "a {side} goes from {} to {} by {}", it.from, it.to, it.by)?;
            }
        }
        write!(f, " (assumed: {})", self.reason())
    }
}

/// Every assumption that a step rests on, in the order of what happened.
///
/// What an accepted call needed is not among them: it would have been accepted without that, too.
/// Steps are to be as small as [`stepwise`](super::stepwise) makes them: why a job failed is only
/// to be read for five minutes.
pub fn assumptions(
    input: &Input,
    reply: &Reply,
    events: &[Event],
    world: &World,
) -> Vec<Assumption> {
    let of_answer = match (input, reply) {
        (_, Reply::Refused(refusal)) => of_refusal(refusal),
        (_, Reply::NotFound(_) | Reply::Rejected(_)) => None,
        (Input::Call { call, .. }, _) => of_effect(call.operation()),
        _ => None,
    };
    let of_events = events.iter().filter_map(|event| of_change(event.change, world));
    of_answer.into_iter().chain(of_events).collect()
}

/// Whether the rule book rests something on this reason.
pub(crate) fn is_reason(reason: &str) -> bool {
    let of_rules = RULES.iter().flat_map(|rule| {
        let requirements = rule.requirements().map(|it| it.evidence);
        requirements.chain([rule.evidence]).chain(rule.late.iter().map(|it| it.evidence))
    });
    let of_table = TRANSITIONS.iter().map(|it| it.evidence);
    of_rules
        .chain(of_table)
        .chain([CHANGED_MEANWHILE.evidence])
        .any(|it| is_assumed(it) && it.text() == reason)
}

fn is_assumed(evidence: Evidence) -> bool {
    evidence.kind() == EvidenceKind::Assumed
}

fn of_refusal(refusal: &Refusal) -> Option<Assumption> {
    let Why::Rule(why, _) = &refusal.why else { return None };
    let unmet = rule(refusal.operation).requirements().find(|it| std::ptr::addr_eq(*it, *why))?;
    is_assumed(unmet.evidence).then_some(Assumption::Refusal(refusal.operation, unmet))
}

fn of_effect(operation: Operation) -> Option<Assumption> {
    match rule(operation).evidence {
        Evidence::Assumed(reason) => Some(Assumption::Effect(operation, reason)),
        _ => None,
    }
}

fn of_change(change: Change, world: &World) -> Option<Assumption> {
    match change {
        Change::Job { job, job_type, to: JobState::Exception } => {
            let failure = world.job(job)?.1.error?;
            let late = late_failure(job_type, failure.code, &failure.summary);
            is_assumed(late.evidence).then_some(Assumption::LateFailure(late))
        }
        Change::State { id, mode, from, to, by, .. } => {
            let change = transition(Side::of(mode, id.leg, to), from, to, by)?;
            is_assumed(change.evidence).then_some(Assumption::Change(change))
        }
        _ => None,
    }
}
