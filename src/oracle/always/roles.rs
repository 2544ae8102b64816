//! Invariants about who may run, who sends to whom, and what both ends know of each other.

use super::holds;
use crate::engine::Change;
use crate::model::{HostId, Leg, RelationshipId, ReplicationMode, ReplicationState, VmId};
use crate::oracle::step::CALM;
use crate::oracle::{Copy, Finding, Memory, Picture, Step};
use crate::rules::Side;

pub(super) fn replica_never_runs(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    for ((host, id), copy) in &step.after.copies {
        let waits = copy.receives() && !copy.is_failed_over();
        holds!(!waits || !copy.runs(), *id, "it runs on {}", step.after.name(*host));
    }
    Ok(())
}

pub(super) fn prepared_primary_never_runs(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    for ((host, id), copy) in &step.after.copies {
        let prepared = copy.vm.mode == ReplicationMode::Primary
            && copy.state(Leg::Primary) == ReplicationState::Synced;
        holds!(!prepared || !copy.runs(), *id, "it runs on {}", step.after.name(*host));
    }
    Ok(())
}

pub(super) fn two_writers_are_a_split_brain(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    let mut wrote: Option<(HostId, VmId)> = None;
    let mut copies: Vec<_> = step.after.copies.iter().filter(|it| writes(step, it)).collect();
    copies.sort_by_key(|((host, id), _)| (*id, *host));
    for ((host, id), _) in copies {
        if let Some((first, _)) = wrote.filter(|(_, other)| other == id) {
            holds!(
                step.after.split.contains(id),
                *id,
                "it was written to on {} and on {}",
                step.after.name(first),
                step.after.name(*host)
            );
        }
        wrote = Some((*host, *id));
    }
    Ok(())
}

/// Whether the guest of a primary or of a failed-over replica wrote during a step.
fn writes(step: &Step<'_>, (key, copy): &(&(HostId, VmId), &Copy)) -> bool {
    let Some(before) = step.before.copies.get(key) else { return false };
    let own = copy.vm.mode == ReplicationMode::Primary || copy.is_failed_over();
    own && copy.runs() && before.runs() && copy.position > before.position
}

pub(super) fn one_way_out(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    for copy in step.after.copies.values() {
        let ways = copy.ends.values().filter(|end| end.side == Side::Sender).count();
        holds!(ways <= 1, copy.vm.id, "it sends on {ways} relationships");
    }
    Ok(())
}

pub(super) fn chain_of_three(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    for (host, copy) in step.after.copies.iter().map(|((host, _), copy)| (*host, copy)) {
        let (mut hosts, mut at) = (1, host);
        while let Some(next) = next_in_chain(step.after, at, copy.vm.id) {
            (hosts, at) = (hosts + 1, next);
            holds!(
                hosts <= 3,
                copy.vm.id,
                "more than three hosts from {} on",
                step.after.name(host)
            );
        }
    }
    Ok(())
}

/// The host that a copy sends to, if that receives from it.
fn next_in_chain(picture: &Picture, host: HostId, vm: VmId) -> Option<HostId> {
    let copy = picture.copies.get(&(host, vm))?;
    let next = copy.ends.values().find(|end| end.side == Side::Sender)?.peer?;
    let there = picture.end(next, RelationshipId::primary(vm))?;
    (there.side == Side::Receiver && there.peer == Some(host)).then_some(next)
}

pub(super) fn one_test_replica(step: &Step<'_>, _: &Memory) -> Result<(), Finding> {
    for ((host, id), copy) in &step.after.copies {
        let Some(test) = copy.vm.test_replica else { continue };
        let before = step.before.copies.get(&(*host, *id)).and_then(|it| it.vm.test_replica);
        let other = before.filter(|it| *it != test);
        let both = other.is_some_and(|other| step.after.copies.contains_key(&(*host, other)));
        holds!(!both, *id, "it has a second test replica {test}");
        let made = step.after.copies.get(&(*host, test));
        holds!(
            made.is_some_and(|it| it.vm.mode == ReplicationMode::TestReplica),
            *id,
            "its test replica {test} is none"
        );
    }
    Ok(())
}

pub(super) fn ends_agree(step: &Step<'_>, memory: &Memory) -> Result<(), Finding> {
    let stirs = |change| matches!(change, Change::State { .. });
    if step.after.now.since(memory.stirred) <= CALM
        || step.events.iter().any(|event| stirs(event.change))
    {
        return Ok(());
    }
    for (host, copy, end) in step.after.ends() {
        let replicates = end.side == Side::Sender
            && end.connected
            && end.relationship.state == ReplicationState::Replicating;
        let Some(peer) = end.peer.filter(|_| replicates) else { continue };
        let there = step.after.copies.get(&(peer, copy.vm.id));
        let mode = match end.relationship.id.leg {
            Leg::Primary => ReplicationMode::Replica,
            Leg::Extended => ReplicationMode::ExtendedReplica,
        };
        holds!(
            there.is_some_and(|it| it.vm.mode == mode && takes_logs(it)),
            copy.vm.id,
            "{} replicates to {}, which is {}",
            step.after.name(host),
            step.after.name(peer),
            there.map_or("not there", |it| it.state(Leg::Primary).label())
        );
    }
    Ok(())
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
