//! Making a failover final, and replicating back.

use super::*;

use ReplicationState::{Committed, Ready, Recovered, Replicating, WaitingForInitialReplication};

behaviours! { "Commit and reversal";
    a_commit_ends_the_failover:
        "a committed replica is in state 6, still in mode 2, with a warning",
        Documented(LEARN_FAILOVER);
    a_running_replica_can_be_committed:
        "the replica may run meanwhile",
        Documented(LEARN_FAILOVER);
    what_is_not_failed_over_is_not_committed:
        "a replica that is not failed over is not committed: 32775",
        Documented(COMMIT);
    a_primary_is_not_committed:
        "a prepared primary is not committed",
        Client(PS_FAILOVER);
    a_commit_cannot_be_taken_back:
        "a commit cannot be taken back: 32775",
        Documented(COMMIT);
    what_is_committed_is_not_failed_over_again:
        "a committed replica is neither failed over nor committed again: 32775",
        Documented(COMMIT);
    an_old_primary_becomes_a_replica:
        "an old primary, off and in error, becomes a replica in mode 2 and state 2",
        Documented(LEARN_FAILOVER);
    only_what_is_off_becomes_a_replica:
        "a running virtual machine is not marked as a replica",
        Assumed("scripts turn it off first; a replica is never on");
    a_replica_does_not_become_one_again:
        "a replica is not marked as one: 32775",
        Documented(STATE_EX);
    a_vm_is_marked_as_a_replica:
        "a virtual machine without replication is marked as a replica: mode 2 and state 2",
        Documented(BLOG_SEED);
    a_reversal_to_an_old_primary_fills_it_anew:
        "reversed to an old primary that was marked, the new one is in state 1 and fills it",
        Observed(SCRIPTS);
    a_committed_replica_is_reversed_likewise:
        "the same after a commit",
        Documented(LEARN_FAILOVER);
    a_reversal_needs_an_old_primary_that_is_ready:
        "with an old primary neither prepared nor marked the reversal fails; nothing has changed",
        Assumed("Learn makes the mark a step before the reversal");
}

fn committed(t: &Trial<'_>) -> Checked<RelationshipId> {
    arranged(|| {
        let id = t.failed_over(Guest::Off)?;
        t.second().done(t.second().commit_failover(id.vm))?;
        t.second().comes_to(id, Committed)?;
        Ok(id)
    })
}

pub(crate) fn a_commit_ends_the_failover(t: &Trial<'_>) -> Checked {
    let id = committed(t)?;
    t.second().mode(id.vm, ReplicationMode::Replica)?;
    t.second().health(id, ReplicationHealth::Warning)
}

pub(crate) fn a_running_replica_can_be_committed(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Off)?;
    t.second().done(t.second().start_vm(id.vm))?;
    t.second().power(id.vm, EnabledState::Enabled)?;
    t.second().done(t.second().commit_failover(id.vm))?;
    t.second().comes_to(id, Committed)?;
    t.second().power(id.vm, EnabledState::Enabled)
}

pub(crate) fn what_is_not_failed_over_is_not_committed(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.second().refuses(t.second().commit_failover(id.vm), WRONG_STATE)?;
    t.second().is_still(id, Replicating)
}

pub(crate) fn a_primary_is_not_committed(t: &Trial<'_>) -> Checked {
    let id = t.prepared()?;
    t.first().refuses(t.first().commit_failover(id.vm), WRONG_ROLE)?;
    t.first().is_still(id, ReplicationState::Synced)
}

pub(crate) fn a_commit_cannot_be_taken_back(t: &Trial<'_>) -> Checked {
    let id = committed(t)?;
    t.second().refuses(t.second().revert_failover(id.vm), WRONG_STATE)?;
    t.second().is_still(id, Committed)
}

pub(crate) fn what_is_committed_is_not_failed_over_again(t: &Trial<'_>) -> Checked {
    let id = committed(t)?;
    t.second().refuses(t.second().initiate_failover(id.vm, None), WRONG_STATE)?;
    t.second().refuses(t.second().commit_failover(id.vm), WRONG_STATE)?;
    t.second().is_still(id, Committed)
}

/// The old primary, off, comes to an error and is marked as a replica.
fn repurpose(t: &Trial<'_>, id: RelationshipId) -> Checked {
    t.first().comes_to(id, ReplicationState::Critical)?;
    t.first().switch_off(id.vm)?;
    t.first().done(t.first().become_replica(id.vm))?;
    t.first().mode(id.vm, ReplicationMode::Replica)?;
    t.first().comes_to(id, WaitingForInitialReplication)
}

pub(crate) fn an_old_primary_becomes_a_replica(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    repurpose(t, id)
}

pub(crate) fn only_what_is_off_becomes_a_replica(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Running)?;
    t.first().refuses(t.first().become_replica(id.vm), WRONG_STATE)?;
    t.first().mode(id.vm, ReplicationMode::None)
}

pub(crate) fn a_replica_does_not_become_one_again(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.second().refuses(t.second().become_replica(id.vm), WRONG_STATE)?;
    t.second().is_still(id, Replicating)
}

pub(crate) fn a_vm_is_marked_as_a_replica(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    t.first().done(t.first().become_replica(id.vm))?;
    t.first().mode(id.vm, ReplicationMode::Replica)?;
    t.first().comes_to(id, WaitingForInitialReplication)
}

/// The replica, in this state, is reversed to the old primary, which is a replica by now, and
/// filled anew.
fn replicates_back(t: &Trial<'_>, id: RelationshipId) -> Checked {
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    t.second().mode(id.vm, ReplicationMode::Primary)?;
    t.second().comes_to(id, Ready)?;
    t.first().is_still(id, WaitingForInitialReplication)?;
    let initial = InitialReplication::Network;
    t.second().done(t.second().start_replication(id.vm, initial))?;
    for site in t.both() {
        site.comes_to(id, Replicating)?;
    }
    Ok(())
}

pub(crate) fn a_reversal_to_an_old_primary_fills_it_anew(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    repurpose(t, id)?;
    replicates_back(t, id)
}

pub(crate) fn a_committed_replica_is_reversed_likewise(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    t.second().done(t.second().commit_failover(id.vm))?;
    t.second().comes_to(id, Committed)?;
    repurpose(t, id)?;
    replicates_back(t, id)
}

pub(crate) fn a_reversal_needs_an_old_primary_that_is_ready(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Off)?;
    let answer = t.second().reverse_replication_relationship(id.vm, None);
    let codes = [FAILS, WRONG_STATE].concat();
    t.second().refuses(answer, &codes)?;
    t.second().mode(id.vm, ReplicationMode::Replica)?;
    let state = t.second().relationship(id)?.state;
    let failed_over = [Recovered, Committed].contains(&state);
    t.second().holds("the replica", failed_over, "still failed over", state)
}
