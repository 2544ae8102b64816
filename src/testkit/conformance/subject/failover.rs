//! Unplanned failover, and taking it back.

use super::*;

use ReplicationState::{Recovered, Replicating, Suspended, WaitingForInitialReplication};

behaviours! { "Unplanned failover";
    the_replica_is_failed_over:
        "the replica is in state 5, still in mode 2, with a warning",
        Documented(BLOG_HEALTH);
    nothing_is_started:
        "the method starts nothing",
        Documented(LEARN_FAILOVER);
    the_replica_may_start_then:
        "a failed-over replica may start",
        Documented(LEARN_FAILOVER);
    it_takes_no_more_logs:
        "a failed-over replica takes no more logs",
        Observed(SCRIPTS);
    its_primary_comes_to_an_error:
        "a primary that still runs comes to state 8, which is critical",
        Observed(SCRIPTS);
    there_must_be_a_copy:
        "before initial replication is complete it is refused",
        Client(PS_FAILOVER);
    a_primary_is_not_failed_over:
        "a primary is not failed over",
        Documented(FAILOVER);
    what_is_not_replicated_is_not_failed_over:
        "what is not replicated is not failed over",
        Documented(FAILOVER);
    a_paused_replica_is_resumed_first:
        "a paused replica is resumed first",
        Client(PS_FAILOVER);
    it_is_done_once:
        "a failed-over replica is not failed over again: 32775",
        Documented(REVERT);
    it_can_be_taken_back_and_done_again:
        "RevertFailover takes it back to state 3, and it can be done again",
        Documented(REVERT);
    a_running_replica_is_turned_off_first:
        "a running replica is turned off before it is taken back",
        Documented(PS_STOP_FAILOVER);
    replication_goes_on_after_a_revert:
        "after a revert the primary is resumed, and replication goes on",
        Observed(SCRIPTS);
    without_a_failover_nothing_is_taken_back:
        "what is not failed over is not taken back: 32775",
        Documented(REVERT);
    it_has_a_kind_until_it_is_taken_back:
        "to the latest state its kind is 1, and 0 after a revert",
        Assumed("the latest state is a log's, and without a failover there is no kind");
}

pub(crate) fn the_replica_is_failed_over(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    t.second().mode(id.vm, ReplicationMode::Replica)?;
    t.second().health(id, ReplicationHealth::Warning)
}

pub(crate) fn nothing_is_started(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    t.pass(minutes(1))?;
    t.second().power(id.vm, EnabledState::Disabled)?;
    t.first().power(id.vm, EnabledState::Enabled)
}

pub(crate) fn the_replica_may_start_then(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    t.second().done(t.second().start_vm(id.vm))?;
    t.second().power(id.vm, EnabledState::Enabled)?;
    t.second().is_still(id, Recovered)
}

pub(crate) fn it_takes_no_more_logs(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    let before = t.second().relationship(id)?.last_replication;
    t.pass(minutes(3))?;
    let after = t.second().relationship(id)?.last_replication;
    t.second().same("the last replication", &shown(before), &shown(after))
}

pub(crate) fn its_primary_comes_to_an_error(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    t.first().comes_to(id, ReplicationState::Critical)?;
    t.first().health(id, ReplicationHealth::Critical)
}

pub(crate) fn there_must_be_a_copy(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.second().refuses(t.second().initiate_failover(id.vm, None), WRONG_STATE)?;
    t.second().is_still(id, WaitingForInitialReplication)
}

pub(crate) fn a_primary_is_not_failed_over(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().refuses(t.first().initiate_failover(id.vm, None), WRONG_ROLE)?;
    t.first().is_still(id, Replicating)
}

pub(crate) fn what_is_not_replicated_is_not_failed_over(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    t.first().refuses(t.first().initiate_failover(id.vm, None), WRONG_ROLE)?;
    t.first().is_still(id, ReplicationState::Disabled)
}

pub(crate) fn a_paused_replica_is_resumed_first(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.second().done(t.second().suspend_replication(id))?;
    t.second().comes_to(id, Suspended)?;
    t.second().refuses(t.second().initiate_failover(id.vm, None), WRONG_STATE)?;
    t.second().is_still(id, Suspended)?;
    t.second().done(t.second().resume_replication(id))?;
    t.fail_over(id)
}

pub(crate) fn it_is_done_once(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Off)?;
    t.second().refuses(t.second().initiate_failover(id.vm, None), WRONG_STATE)?;
    t.second().is_still(id, Recovered)
}

pub(crate) fn it_can_be_taken_back_and_done_again(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Off)?;
    t.second().done(t.second().revert_failover(id.vm))?;
    t.second().comes_to(id, Replicating)?;
    t.fail_over(id)
}

pub(crate) fn a_running_replica_is_turned_off_first(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Off)?;
    t.second().done(t.second().start_vm(id.vm))?;
    t.second().power(id.vm, EnabledState::Enabled)?;
    t.second().refuses(t.second().revert_failover(id.vm), WRONG_STATE)?;
    t.second().is_still(id, Recovered)?;
    t.second().switch_off(id.vm)?;
    t.second().done(t.second().revert_failover(id.vm))?;
    t.second().comes_to(id, Replicating)
}

pub(crate) fn replication_goes_on_after_a_revert(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    t.first().comes_to(id, ReplicationState::Critical)?;
    t.second().done(t.second().revert_failover(id.vm))?;
    t.second().comes_to(id, Replicating)?;
    t.first().done(t.first().resume_replication(id))?;
    t.first().comes_to(id, Replicating)?;
    t.second().receives(id)
}

pub(crate) fn without_a_failover_nothing_is_taken_back(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.second().refuses(t.second().revert_failover(id.vm), WRONG_STATE)?;
    t.second().is_still(id, Replicating)
}

pub(crate) fn it_has_a_kind_until_it_is_taken_back(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Running)?;
    let kind = t.second().relationship(id)?.failed_over;
    t.second().same("FailedOverReplicationType", &ReplicationType::Regular, &kind)?;
    t.second().done(t.second().revert_failover(id.vm))?;
    t.second().comes_to(id, Replicating)?;
    let kind = t.second().relationship(id)?.failed_over;
    t.second().same("FailedOverReplicationType", &ReplicationType::None, &kind)
}
