//! Resynchronisation.

use super::*;

use ReplicationState::{
    Recovered, Replicating, ResynchronizationSuspended, Resynchronizing, Suspended,
    WaitingForResynchronization,
};

behaviours! { "Resynchronisation";
    it_can_be_forced_after_a_pause:
        "it can be forced after a pause, and ends in state 3",
        Documented(BLOG_RESYNC);
    what_replicates_is_not_resynchronised:
        "in state 3 it is refused: 32775",
        Client(PS_RESUME);
    a_replica_has_nothing_to_resynchronise:
        "a replica that is not extended is refused",
        Documented(RESYNCHRONIZE);
    its_schedule_reaches_seven_days:
        "a start more than seven days ahead is refused with 32773",
        Documented(PS_RESUME);
    both_sides_show_it:
        "both sides are in state 10 meanwhile",
        Client(PS_FAILOVER), [LargeDisks];
    it_can_be_paused_and_resumed:
        "paused it is in state 11, resumed in state 10",
        Documented(BLOG_RESYNC), [LargeDisks];
    it_can_be_cancelled:
        "requesting state 9 cancels it, which is critical",
        Documented(BLOG_RESYNC), [LargeDisks];
    what_was_cancelled_begins_anew:
        "what was cancelled can begin anew",
        Documented(BLOG_RESYNC), [LargeDisks];
    without_one_there_is_none_to_cancel:
        "in state 3 there is none to cancel: 32775",
        Documented(STATE_EX);
    meanwhile_nothing_is_prepared_or_tested:
        "meanwhile a planned failover and a test failover are refused",
        Documented(BLOG_RESYNC), [LargeDisks];
    an_unplanned_failover_cancels_it:
        "meanwhile an unplanned failover is possible, and cancels it",
        Documented(BLOG_RESYNC), [LargeDisks];
    disks_changed_offline_need_one:
        "disks changed offline bring the primary to state 9, critical, until it is done",
        Documented(BLOG_RESYNC), [ChangeDisks];
    until_then_nothing_is_sent:
        "in state 9 nothing is sent",
        Documented(BLOG_RESYNC), [ChangeDisks];
    resuming_does_not_stand_for_it:
        "in state 9 requesting state 3 is refused",
        Assumed("the method for it is Resynchronize"), [ChangeDisks];
    it_may_be_scheduled:
        "a scheduled one leaves state 9 when it is due",
        Documented(RESYNCHRONIZE), [ChangeDisks];
}

/// Begins a resynchronisation that nothing made necessary: the primary is paused first.
fn begin(t: &Trial<'_>, id: RelationshipId) -> Checked {
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes_to(id, Suspended)?;
    let _job = t.first().begins(t.first().resynchronize(id.vm, None))?;
    Ok(())
}

/// Forces a resynchronisation and waits for its end.
pub(super) fn force(t: &Trial<'_>, id: RelationshipId) -> Checked {
    begin(t, id)?;
    for site in t.both() {
        site.comes_to(id, Replicating)?;
    }
    Ok(())
}

/// A large virtual machine that is being resynchronised, for minutes yet, because it was asked to
/// be: it does not begin by itself.
fn at_work(t: &Trial<'_>) -> Checked<RelationshipId> {
    arranged(|| {
        let id = t.replicating_with(Guest::Large, manual(t))?;
        begin(t, id)?;
        t.first().comes_to(id, Resynchronizing)?;
        Ok(id)
    })
}

pub(crate) fn it_can_be_forced_after_a_pause(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    force(t, id)?;
    t.second().receives(id)
}

pub(crate) fn what_replicates_is_not_resynchronised(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().refuses(t.first().resynchronize(id.vm, None), WRONG_STATE)?;
    t.first().is_still(id, Replicating)
}

pub(crate) fn a_replica_has_nothing_to_resynchronise(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.second().refuses(t.second().resynchronize(id.vm, None), WRONG_ROLE)?;
    t.second().is_still(id, Replicating)
}

pub(crate) fn its_schedule_reaches_seven_days(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes_to(id, Suspended)?;
    let at = t.first().now()? + days(7) + hours(1);
    t.first().refuses(t.first().resynchronize(id.vm, Some(at)), BAD_VALUE)?;
    t.first().is_still(id, Suspended)
}

pub(crate) fn both_sides_show_it(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    t.second().comes_to(id, Resynchronizing)?;
    for site in t.both() {
        site.comes_to(id, Replicating)?;
    }
    Ok(())
}

pub(crate) fn it_can_be_paused_and_resumed(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes_to(id, ResynchronizationSuspended)?;
    t.first().done(t.first().resume_replication(id))?;
    t.first().comes_to(id, Resynchronizing)?;
    t.first().comes_to(id, Replicating)
}

pub(crate) fn it_can_be_cancelled(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    t.first().done(t.first().cancel_resynchronization(id))?;
    t.first().comes_to(id, WaitingForResynchronization)?;
    t.first().health(id, ReplicationHealth::Critical)
}

pub(crate) fn what_was_cancelled_begins_anew(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    t.first().done(t.first().cancel_resynchronization(id))?;
    t.first().comes_to(id, WaitingForResynchronization)?;
    let _job = t.first().begins(t.first().resynchronize(id.vm, None))?;
    t.first().comes_to(id, Resynchronizing)?;
    t.first().comes_to(id, Replicating)
}

pub(crate) fn without_one_there_is_none_to_cancel(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().refuses(t.first().cancel_resynchronization(id), WRONG_STATE)?;
    t.first().is_still(id, Replicating)
}

pub(crate) fn meanwhile_nothing_is_prepared_or_tested(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    t.first().switch_off(id.vm)?;
    t.first().refuses(t.first().prepare_failover(id), WRONG_STATE)?;
    t.second().comes_to(id, Resynchronizing)?;
    t.second().refuses(t.second().test_replica_system(id.vm, None), WRONG_STATE)?;
    t.first().is_still(id, Resynchronizing)
}

pub(crate) fn an_unplanned_failover_cancels_it(t: &Trial<'_>) -> Checked {
    let id = at_work(t)?;
    t.second().comes_to(id, Resynchronizing)?;
    t.second().done(t.second().initiate_failover(id.vm, None))?;
    t.second().comes_to(id, Recovered)?;
    t.first().comes("the state of the primary", "no longer resynchronising", || {
        let seen = t.first().relationship(id)?.state;
        Ok(if seen == Resynchronizing { Err(seen.to_string()) } else { Ok(()) })
    })
}

/// Settings by which no resynchronisation begins by itself.
fn manual(t: &Trial<'_>) -> Settings {
    Settings { auto_resynchronize: false, ..t.to_second() }
}

/// A primary, off, whose disks were changed behind the service's back, is started and found out.
fn changed(t: &Trial<'_>) -> Checked<RelationshipId> {
    arranged(|| {
        let id = t.replicating_with(Guest::Off, manual(t))?;
        t.act(Act::ChangeDisks(Place::First, id.vm))?;
        t.first().done(t.first().start_vm(id.vm))?;
        t.first().comes_to(id, WaitingForResynchronization)?;
        Ok(id)
    })
}

pub(crate) fn disks_changed_offline_need_one(t: &Trial<'_>) -> Checked {
    let id = changed(t)?;
    t.first().health(id, ReplicationHealth::Critical)?;
    let _job = t.first().begins(t.first().resynchronize(id.vm, None))?;
    for site in t.both() {
        site.comes_to(id, Replicating)?;
    }
    t.second().receives(id)
}

pub(crate) fn until_then_nothing_is_sent(t: &Trial<'_>) -> Checked {
    let id = changed(t)?;
    let before = t.second().relationship(id)?.last_replication;
    t.pass(minutes(5))?;
    let after = t.second().relationship(id)?.last_replication;
    t.second().same("the last replication", &shown(before), &shown(after))?;
    t.first().is_still(id, WaitingForResynchronization)
}

pub(crate) fn resuming_does_not_stand_for_it(t: &Trial<'_>) -> Checked {
    let id = changed(t)?;
    t.first().refuses(t.first().resume_replication(id), WRONG_STATE)?;
    t.first().is_still(id, WaitingForResynchronization)
}

pub(crate) fn it_may_be_scheduled(t: &Trial<'_>) -> Checked {
    let id = changed(t)?;
    let at = t.first().now()? + minutes(5);
    let _job = t.first().begins(t.first().resynchronize(id.vm, Some(at)))?;
    t.pass(minutes(2))?;
    t.first().is_still(id, WaitingForResynchronization)?;
    t.pass(minutes(3))?;
    t.first().comes_to(id, Replicating)
}
