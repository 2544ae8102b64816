//! Invariants about states, health, and what is refused.

use super::holds;
use crate::engine::Change;
use crate::model::{ReplicationHealth, ReplicationState};
use crate::oracle::goal::shows;
use crate::oracle::{Finding, Memory, Step};
use crate::rules::{Side, permits};

pub(super) fn refusal_changes_nothing(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    let touched = step.changed || step.before != step.after || !step.events.is_empty();
    if step.reply.is_refusal() && touched {
        let says = format!("the answer was {:?}, and the world is another", step.reply);
        return Err(Finding { about: None, says });
    }
    Ok(())
}

pub(super) fn changes_are_permitted(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
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
    }
    Ok(())
}

pub(super) fn no_group_states(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    use ReplicationState as S;
    for (host, copy, end) in step.after.ends() {
        let state = end.relationship.state;
        let of_groups = matches!(
            state,
            S::Unknown
                | S::PreparedForSyncReplication
                | S::PreparedForGroupReverse
                | S::FiredrillInProgress
        );
        holds!(!of_groups, copy.vm.id, "{state} on {}", step.after.name(host));
    }
    Ok(())
}

pub(super) fn state_fits_side(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    for (host, copy, end) in step.after.ends() {
        let (side, state) = (end.side, end.relationship.state);
        holds!(
            shows(side).contains(&state),
            copy.vm.id,
            "the {} on {} is {state}",
            side.label(),
            step.after.name(host)
        );
    }
    Ok(())
}

pub(super) fn health_fits_state(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    for ((host, id), copy) in &step.after.copies {
        for end in copy.ends.values() {
            let (state, health) = (end.relationship.state, end.relationship.health);
            let none = (state == ReplicationState::Disabled)
                == (health == ReplicationHealth::NotApplicable);
            holds!(
                none && health >= floor(state, end.side),
                *id,
                "the {} on {} is {state} and its health {health}",
                end.side.label(),
                step.after.name(*host)
            );
        }
    }
    Ok(())
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
