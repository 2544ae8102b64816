//! Planned failover: nothing is lost, and the roles are swapped.

use super::*;

use ReplicationState::{Ready, Recovered, Replicating, Suspended, Synced};

behaviours! { "Planned failover";
    preparing_needs_the_primary_off:
        "a running primary is not prepared: 32775",
        Documented(PS_FAILOVER);
    preparing_needs_replication:
        "a primary in state 1 is not prepared: 32775",
        Client(PS_FAILOVER);
    what_is_paused_is_not_prepared:
        "a paused primary is not prepared: 32775",
        Client(PS_FAILOVER);
    a_replica_is_not_prepared:
        "a replica is not prepared",
        Client(PS_FAILOVER);
    the_primary_is_prepared:
        "a prepared primary is in state 4, its replica in state 3",
        Observed(LIS_TEST);
    a_prepared_primary_does_not_start:
        "a prepared primary is locked from starting",
        Documented(BLOG_HEALTH);
    a_preparation_can_be_cancelled:
        "RevertFailover cancels: replication goes on, and the primary may start",
        Documented(PS_STOP_FAILOVER);
    what_is_not_prepared_cannot_be_cancelled:
        "a primary in state 3 has nothing to cancel: 32775",
        Client(PS_STOP_FAILOVER);
    the_replica_takes_over:
        "the replica is failed over (5) while its primary stays prepared (4)",
        Observed(LIS_TEST);
    its_kind_is_planned:
        "FailedOverReplicationType of the replica is 3, planned",
        Documented(RELATIONSHIP);
    both_sides_can_be_taken_back:
        "before a reversal both sides can be taken back",
        Documented(SUPPORT_PLANNED);
    a_reversal_needs_no_initial_replication:
        "a reversal swaps the roles, and both sides replicate at once",
        Documented(LAB);
    a_reversal_may_follow_a_commit:
        "the same after a commit",
        Observed(SCRIPTS);
    a_running_replica_can_be_reversed:
        "the replica may run already when it is reversed",
        Documented(SUPPORT_PLANNED);
    a_reversal_turns_the_settings_round:
        "without settings, those of before hold the other way round",
        Documented(LEARN_FAILOVER);
    the_new_primary_replicates_as_it_runs:
        "the new primary starts, and the old one receives its changes",
        Documented(LAB);
    the_old_primary_does_not_start:
        "the old primary, now a replica, does not start",
        Documented(BLOG_NETWORK);
    what_is_not_failed_over_is_not_reversed:
        "neither side is reversed before a failover",
        Documented(REVERSE);
    it_works_in_both_directions:
        "failing back is a planned failover in the other direction",
        Documented(LEARN_FAILOVER);
}

pub(crate) fn preparing_needs_the_primary_off(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.first().refuses(t.first().prepare_failover(id), WRONG_STATE)?;
    t.first().is_still(id, Replicating)
}

pub(crate) fn preparing_needs_replication(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.first().refuses(t.first().prepare_failover(id), WRONG_STATE)?;
    t.first().is_still(id, Ready)
}

pub(crate) fn what_is_paused_is_not_prepared(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes_to(id, Suspended)?;
    t.first().refuses(t.first().prepare_failover(id), WRONG_STATE)?;
    t.first().is_still(id, Suspended)
}

pub(crate) fn a_replica_is_not_prepared(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.second().refuses(t.second().prepare_failover(id), WRONG_ROLE)?;
    t.second().is_still(id, Replicating)
}

pub(crate) fn the_primary_is_prepared(t: &Trial<'_>) -> Checked {
    let id = t.prepared()?;
    t.first().is_still(id, Synced)?;
    t.first().mode(id.vm, ReplicationMode::Primary)?;
    t.second().is_still(id, Replicating)
}

pub(crate) fn a_prepared_primary_does_not_start(t: &Trial<'_>) -> Checked {
    let id = t.prepared()?;
    t.first().refuses(t.first().start_vm(id.vm), WRONG_STATE)?;
    t.first().power(id.vm, EnabledState::Disabled)?;
    t.first().is_still(id, Synced)
}

pub(crate) fn a_preparation_can_be_cancelled(t: &Trial<'_>) -> Checked {
    let id = t.prepared()?;
    t.first().done(t.first().revert_failover(id.vm))?;
    t.first().comes_to(id, Replicating)?;
    t.first().done(t.first().start_vm(id.vm))?;
    t.first().power(id.vm, EnabledState::Enabled)?;
    t.second().receives(id)
}

pub(crate) fn what_is_not_prepared_cannot_be_cancelled(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().refuses(t.first().revert_failover(id.vm), WRONG_STATE)?;
    t.first().is_still(id, Replicating)
}

pub(crate) fn the_replica_takes_over(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    t.first().is_still(id, Synced)?;
    t.second().mode(id.vm, ReplicationMode::Replica)
}

pub(crate) fn its_kind_is_planned(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    let kind = t.second().relationship(id)?.failed_over;
    t.second().same("FailedOverReplicationType", &ReplicationType::Planned, &kind)
}

pub(crate) fn both_sides_can_be_taken_back(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    t.first().done(t.first().revert_failover(id.vm))?;
    t.second().done(t.second().revert_failover(id.vm))?;
    // A primary whose cycle met the failed-over replica is in error, and is resumed.
    t.first().comes("the state of the primary", "replicating", || {
        let seen = t.first().relationship(id)?.state;
        if seen == ReplicationState::Critical {
            let resumed = t.first().resume_replication(id)?;
            t.first().wait(resumed)?;
        }
        Ok(if seen == Replicating { Ok(()) } else { Err(seen.to_string()) })
    })?;
    t.second().comes_to(id, Replicating)
}

/// The roles are swapped, and both sides replicate.
fn swapped(t: &Trial<'_>, id: RelationshipId) -> Checked {
    t.second().mode(id.vm, ReplicationMode::Primary)?;
    t.first().mode(id.vm, ReplicationMode::Replica)?;
    for site in t.both() {
        site.comes_to(id, Replicating)?;
    }
    Ok(())
}

pub(crate) fn a_reversal_needs_no_initial_replication(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    t.second().mode(id.vm, ReplicationMode::Primary)?;
    t.second().is_still(id, Replicating)?;
    swapped(t, id)
}

pub(crate) fn a_reversal_may_follow_a_commit(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    t.second().done(t.second().commit_failover(id.vm))?;
    t.second().comes_to(id, ReplicationState::Committed)?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    swapped(t, id)
}

pub(crate) fn a_running_replica_can_be_reversed(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    t.second().done(t.second().start_vm(id.vm))?;
    t.second().power(id.vm, EnabledState::Enabled)?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    swapped(t, id)?;
    t.second().power(id.vm, EnabledState::Enabled)
}

pub(crate) fn a_reversal_turns_the_settings_round(t: &Trial<'_>) -> Checked {
    let before = Settings { recovery_history: 3, ..t.to_second() };
    let id = t.replicating_with(Guest::Off, before)?;
    t.first().done(t.first().prepare_failover(id))?;
    t.fail_over(id)?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    swapped(t, id)?;
    let (old, new) = (t.first().host()?.name, t.second().host()?.name);
    let it = t.second().settings(id)?;
    let (from, to) = (it.primary_host, it.recovery_host);
    let site = t.second();
    site.holds("PrimaryHostSystem", from.eq_ignore_ascii_case(&new), &*new, &from)?;
    site.holds("RecoveryHostSystem", to.eq_ignore_ascii_case(&old), &*old, &to)?;
    site.same("ReplicationInterval", &INTERVAL_S, &it.replication_interval_s)?;
    site.same("RecoveryHistory", &3, &it.recovery_history)
}

pub(crate) fn the_new_primary_replicates_as_it_runs(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    swapped(t, id)?;
    t.second().done(t.second().start_vm(id.vm))?;
    t.second().power(id.vm, EnabledState::Enabled)?;
    t.first().receives(id)
}

pub(crate) fn the_old_primary_does_not_start(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    swapped(t, id)?;
    t.first().refuses(t.first().start_vm(id.vm), WRONG_STATE)?;
    t.first().power(id.vm, EnabledState::Disabled)
}

pub(crate) fn what_is_not_failed_over_is_not_reversed(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    let answer = t.second().reverse_replication_relationship(id.vm, None);
    t.second().refuses(answer, WRONG_STATE)?;
    let answer = t.first().reverse_replication_relationship(id.vm, None);
    t.first().refuses(answer, WRONG_ROLE)?;
    for site in t.both() {
        site.is_still(id, Replicating)?;
    }
    Ok(())
}

pub(crate) fn it_works_in_both_directions(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    swapped(t, id)?;
    // Back again: the second host is the primary now.
    t.second().done(t.second().prepare_failover(id))?;
    t.second().comes_to(id, Synced)?;
    t.first().done(t.first().initiate_failover(id.vm, None))?;
    t.first().comes_to(id, Recovered)?;
    t.first().done(t.first().reverse_replication_relationship(id.vm, None))?;
    t.first().mode(id.vm, ReplicationMode::Primary)?;
    t.second().mode(id.vm, ReplicationMode::Replica)?;
    for site in t.both() {
        site.comes_to(id, Replicating)?;
    }
    Ok(())
}
