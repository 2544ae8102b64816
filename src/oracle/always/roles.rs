//! Invariants about who may run, who sends to whom, and what both ends know of each other.

use super::{Seen, Verdict, ends, holds};
use crate::model::{HostId, Job, Leg, RelationshipId, ReplicationMode, ReplicationState};
use crate::oracle::step::CALM;
use crate::oracle::{Copy, End, Finding, Memory, Picture, Step};
use crate::rules::Side;

#[inline]
pub(super) fn replica_never_runs(seen: &Seen<'_>) -> Result<Verdict, Box<Finding>> {
    let copy = seen.copy;
    let waits = copy.receives() && !copy.is_failed_over();
    holds!(!waits || !copy.runs(), copy.vm.id, "it runs on {}", seen.on());
    Ok(Verdict::of(waits))
}

#[inline]
pub(super) fn prepared_primary_never_runs(seen: &Seen<'_>) -> Result<Verdict, Box<Finding>> {
    let copy = seen.copy;
    let prepared = copy.vm.mode == ReplicationMode::Primary
        && copy.state(Leg::Primary) == ReplicationState::Synced;
    holds!(!prepared || !copy.runs(), copy.vm.id, "it runs on {}", seen.on());
    Ok(Verdict::of(prepared))
}

#[inline]
pub(super) fn two_writers_are_a_split_brain(seen: &Seen<'_>) -> Result<Verdict, Box<Finding>> {
    if !writes(seen) {
        return Ok(Verdict::Vacuous);
    }
    let id = seen.copy.vm.id;
    let after = seen.step.after;
    let others =
        after.copies.iter().enumerate().take_while(|(_, ((host, _), _))| *host < seen.host);
    let others = others.filter(|(_, ((_, other), _))| *other == id);
    let mut others = others.map(|(place, ((host, _), copy))| Seen { host, copy, place, ..*seen });
    let Some(first) = others.find(writes) else { return Ok(Verdict::Vacuous) };
    let split = after.split.contains(&id);
    holds!(split, id, "it was written to on {} and on {}", first.on(), seen.on());
    Ok(Verdict::Holds)
}

/// Whether the guest of a primary or of a failed-over replica wrote during a step.
fn writes(seen: &Seen<'_>) -> bool {
    let copy = seen.copy;
    let own = || copy.vm.mode == ReplicationMode::Primary || copy.is_failed_over();
    let wrote = |before: &Copy| before.runs() && copy.position > before.position;
    copy.runs() && own() && seen.before().is_some_and(wrote)
}

#[inline]
pub(super) fn one_way_out(Seen { copy, .. }: &Seen<'_>) -> Result<Verdict, Box<Finding>> {
    let ways = copy.ends.values().filter(|end| end.side == Side::Sender).count();
    holds!(ways <= 1, copy.vm.id, "it sends on {ways} relationships");
    Ok(Verdict::of(ways > 0))
}

#[inline]
pub(super) fn chain_of_three(seen: &Seen<'_>) -> Result<Verdict, Box<Finding>> {
    let (mut hosts, mut at) = (1, (seen.host, seen.copy));
    while let Some(next) = next_in_chain(seen.step.after, at) {
        (hosts, at) = (hosts + 1, next);
        holds!(hosts <= 3, seen.copy.vm.id, "more than three hosts from {} on", seen.on());
    }
    Ok(Verdict::of(hosts > 1))
}

/// The host that a copy sends to, if that receives from it, with the copy there.
fn next_in_chain<'a>(
    picture: &'a Picture,
    (host, copy): (HostId, &Copy),
) -> Option<(HostId, &'a Copy)> {
    let next = copy.ends.values().find(|end| end.side == Side::Sender)?.peer?;
    let there = picture.copies.get(&(next, copy.vm.id))?;
    let end = there.ends.get(Leg::Primary)?;
    (end.side == Side::Receiver && end.peer == Some(host)).then_some((next, there))
}

#[inline]
pub(super) fn one_test_replica(seen: &Seen<'_>) -> Result<Verdict, Box<Finding>> {
    let Some(test) = seen.copy.vm.test_replica else { return Ok(Verdict::Vacuous) };
    let (id, copies) = (seen.copy.vm.id, &seen.step.after.copies);
    let other = seen.before().and_then(|it| it.vm.test_replica).filter(|it| *it != test);
    let both = other.is_some_and(|other| copies.contains_key(&(seen.host, other)));
    holds!(!both, id, "it has a second test replica {test}");
    let made = copies.get(&(seen.host, test));
    holds!(
        made.is_some_and(|it| it.vm.mode == ReplicationMode::TestReplica),
        id,
        "its test replica {test} is none"
    );
    Ok(Verdict::Holds)
}

pub(super) fn ends_agree(step: &Step<'_>, memory: &Memory) -> Result<Verdict, Box<Finding>> {
    if step.stirs() || step.after.now.since(memory.stirred) <= CALM {
        return Ok(Verdict::Vacuous);
    }
    ends(step, end_agrees)
}

fn end_agrees(seen: &Seen<'_>, end: &End) -> Result<Verdict, Box<Finding>> {
    let step = seen.step;
    let replicates = end.side == Side::Sender
        && end.connected
        && !end.sends
        && end.relationship.state == ReplicationState::Replicating;
    let RelationshipId { vm, leg } = end.relationship.id;
    // What an operation shows meanwhile is not yet so.
    let at_work = |(_, job): &(HostId, Job)| !job.state.is_terminal() && job.affected.contains(&vm);
    let settled = || !step.after.jobs.values().any(at_work);
    let Some(peer) = end.peer.filter(|_| replicates && settled()) else {
        return Ok(Verdict::Vacuous);
    };
    let there = step.after.copies.get(&(peer, vm));
    let mode = match leg {
        Leg::Primary => ReplicationMode::Replica,
        Leg::Extended => ReplicationMode::ExtendedReplica,
    };
    holds!(
        there.is_some_and(|it| it.vm.mode == mode && takes_logs(it)),
        vm,
        "{} replicates to {}, which is {}",
        seen.on(),
        step.after.name(peer),
        there.map_or("not there", |it| it.state(Leg::Primary).label())
    );
    Ok(Verdict::Holds)
}

/// Whether a replica takes change logs, or will when what it is in is over.
fn takes_logs(replica: &Copy) -> bool {
    use ReplicationState as S;
    matches!(
        replica.state(Leg::Primary),
        S::Replicating
            | S::Suspended
            | S::Resynchronizing
            | S::ResynchronizationSuspended
            | S::DiskUpdateInProgress
    )
}
