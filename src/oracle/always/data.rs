//! Invariants about what was received, kept and lost.

use super::{Seen, Verdict, holds};
use crate::engine::Change;
use crate::model::{Leg, ReplicationState, ReplicationType};
use crate::oracle::{End, Finding, Memory, Step};
use crate::rules::{Cause, Happening, Side};

#[inline]
pub(super) fn points_within_history(seen: &Seen<'_>, end: &End) -> Result<Verdict, Box<Finding>> {
    let (points, history) = (seen.copy.points.len(), usize::from(end.recovery_history));
    let receives = end.side == Side::Receiver;
    holds!(
        !receives || points <= history,
        seen.copy.vm.id,
        "{points} recovery points, {history} are kept"
    );
    Ok(Verdict::of(receives && points > 0))
}

#[inline]
pub(super) fn points_are_applied(seen: &Seen<'_>, end: &End) -> Result<Verdict, Box<Finding>> {
    let (copy, last) = (seen.copy, end.relationship.last_replication);
    for point in copy.points.iter().filter(|_| end.side == Side::Receiver) {
        let (id, created) = (point.id, point.created);
        holds!(
            last.is_some_and(|last| created <= last),
            copy.vm.id,
            "recovery point {id} is of {created}, and the last log was received {}",
            last.map_or_else(|| "never".to_owned(), |last| format!("at {last}"))
        );
        holds!(
            copy.applied.is_some_and(|applied| point.position <= applied),
            copy.vm.id,
            "recovery point {id} reaches {}, and what is applied only {}",
            point.position,
            copy.applied.unwrap_or(0)
        );
    }
    Ok(Verdict::of(end.side == Side::Receiver && !copy.points.is_empty()))
}

#[inline]
pub(super) fn commit_deletes_points(Seen { copy, .. }: &Seen<'_>) -> Result<Verdict, Box<Finding>> {
    let committed = copy.state(Leg::Primary) == ReplicationState::Committed;
    let points = copy.points.len();
    holds!(!committed || points == 0, copy.vm.id, "{points} recovery points are left");
    Ok(Verdict::of(committed))
}

pub(super) fn resynchronization_deletes_points(
    step: &Step<'_>,
    _: &Memory,
) -> Result<Verdict, Box<Finding>> {
    let completed = Cause::Happening(Happening::ResynchronizationCompleted);
    let mut verdict = Verdict::Vacuous;
    for event in step.events {
        let Change::State { id, by, .. } = event.change else { continue };
        let Some(copy) = step.after.copies.get(&(event.host, id.vm)) else { continue };
        let compared = by == completed && copy.receives() && id.leg == Leg::Primary;
        // The first log after it may follow in the same moment, and make a point of its own.
        let before = step.before.copies.get(&(event.host, id.vm));
        let was_there = |id| before.is_some_and(|it| it.points.iter().any(|it| it.id == id));
        let points = copy.points.iter().filter(|it| was_there(it.id)).count();
        holds!(!compared || points == 0, id.vm, "{points} recovery points are left");
        verdict = verdict.or(Verdict::of(compared));
    }
    Ok(verdict)
}

/// Looks at the moment when the replica is failed over: what sends to it is prepared and locked, so
/// both copies stand still. A replica that sends on owes what it has received: where it was failed
/// over itself it may run, and what it writes from then on it sends to nobody. What somebody changed
/// on the disks of the replica is more, not less.
pub(super) fn planned_failover_loses_nothing(
    step: &Step<'_>,
    memory: &Memory,
) -> Result<Verdict, Box<Finding>> {
    let mut verdict = Verdict::Vacuous;
    for event in step.events {
        let Change::State { id, to: ReplicationState::Recovered, .. } = event.change else {
            continue;
        };
        let key = (event.host, id.vm);
        let Some(copy) = step.after.copies.get(&key) else { continue };
        let Some(end) = copy.ends.get(Leg::Primary) else { continue };
        let Some(peer) = end.peer else { continue };
        let Some(primary) = step.after.copies.get(&(peer, id.vm)) else { continue };
        let planned = end.relationship.failed_over == ReplicationType::Planned
            && memory.to_latest.contains(&key)
            && !memory.tampered.contains(&(peer, id.vm));
        let prepared = primary.ends.values().any(|it| {
            let sends = it.side == Side::Sender && it.peer == Some(event.host);
            sends && it.relationship.state == ReplicationState::Synced
        });
        let owed = primary.received.unwrap_or(primary.position);
        holds!(
            !planned || !prepared || copy.position >= owed,
            id.vm,
            "the replica has {} and what it was prepared by {owed}",
            copy.position
        );
        verdict = verdict.or(Verdict::of(planned && prepared));
    }
    Ok(verdict)
}

#[inline]
pub(super) fn last_replication_never_goes_back(
    seen: &Seen<'_>,
    end: &End,
) -> Result<Verdict, Box<Finding>> {
    let id = end.relationship.id;
    let Some(before) = seen.before().filter(|it| it.vm.mode == seen.copy.vm.mode) else {
        return Ok(Verdict::Vacuous);
    };
    let same = |it: &&End| it.side == end.side && it.peer == end.peer;
    let Some(before) = before.ends.get(id.leg).filter(same) else {
        return Ok(Verdict::Vacuous);
    };
    let (before, now) = (before.relationship.last_replication, end.relationship.last_replication);
    holds!(
        before <= now,
        id.vm,
        "{id} on {} last replicated at {before:?}, now at {now:?}",
        seen.on()
    );
    Ok(Verdict::of(before.is_some()))
}
