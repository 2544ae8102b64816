//! Invariants about states, health, and what is refused.

use super::{Seen, Verdict, broken, holds};
use crate::engine::Change;
use crate::model::{ReplicationHealth, ReplicationState};
use crate::oracle::goal::shows;
use crate::oracle::{End, Finding, Memory, Step};
use crate::rules::{Side, permits};

pub(super) fn refusal_changes_nothing(
    step: &Step<'_>,
    _: &Memory,
) -> Result<Verdict, Box<Finding>> {
    let touched = step.changed || step.before != step.after || !step.events.is_empty();
    if step.reply.is_refusal() && touched {
        let reply = step.reply;
        let says = format_args!("the answer was {reply:?}, and the world is another");
        return broken(None, says);
    }
    Ok(Verdict::of(step.reply.is_refusal()))
}

pub(super) fn changes_are_permitted(step: &Step<'_>, _: &Memory) -> Result<Verdict, Box<Finding>> {
    let mut verdict = Verdict::Vacuous;
    for event in step.events {
        let Change::State { id, mode, from, to, by, .. } = event.change else { continue };
        let side = Side::of(mode, id.leg, to);
        holds!(
            permits(side, from, to, by),
            id.vm,
            "{id} ({}) on {} went from {from} to {to} by {by}",
            side.label(),
            step.after.name(event.host)
        );
        verdict = Verdict::Holds;
    }
    Ok(verdict)
}

#[inline]
pub(super) fn no_group_states(seen: &Seen<'_>, end: &End) -> Result<Verdict, Box<Finding>> {
    use ReplicationState as S;
    let state = end.relationship.state;
    let of_groups = matches!(
        state,
        S::Unknown
            | S::PreparedForSyncReplication
            | S::PreparedForGroupReverse
            | S::FiredrillInProgress
    );
    holds!(!of_groups, seen.copy.vm.id, "{state} on {}", seen.on());
    Ok(Verdict::of(end.side != Side::Neither))
}

#[inline]
pub(super) fn state_fits_side(seen: &Seen<'_>, end: &End) -> Result<Verdict, Box<Finding>> {
    let (side, state) = (end.side, end.relationship.state);
    holds!(
        shows(side).contains(state),
        seen.copy.vm.id,
        "the {} on {} is {state}",
        side.label(),
        seen.on()
    );
    Ok(Verdict::of(end.side != Side::Neither))
}

#[inline]
pub(super) fn health_fits_state(seen: &Seen<'_>, end: &End) -> Result<Verdict, Box<Finding>> {
    let (state, health) = (end.relationship.state, end.relationship.health);
    let none =
        (state == ReplicationState::Disabled) == (health == ReplicationHealth::NotApplicable);
    holds!(
        none && health >= floor(state, end.side),
        seen.copy.vm.id,
        "the {} on {} is {state} and its health {health}",
        end.side.label(),
        seen.on()
    );
    Ok(Verdict::of(end.side != Side::Neither))
}

/// The best health that a state allows.
///
/// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>
fn floor(state: ReplicationState, side: Side) -> ReplicationHealth {
    use ReplicationState as S;
    match (state, side) {
        (S::Disabled, _) => ReplicationHealth::NotApplicable,
        (S::Suspended, Side::Sender)
        | (S::Ready | S::WaitingForInitialReplication | S::Recovered | S::Committed, _) => {
            ReplicationHealth::Warning
        }
        (
            S::Suspended
            | S::Critical
            | S::WaitingForResynchronization
            | S::Resynchronizing
            | S::ResynchronizationSuspended
            | S::DiskUpdateCritical,
            _,
        ) => ReplicationHealth::Critical,
        _ => ReplicationHealth::Ok,
    }
}
