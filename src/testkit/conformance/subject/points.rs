//! Recovery points.

use super::*;
use crate::model::RecoveryPoint;

behaviours! { "Recovery points";
    without_a_history_there_are_none:
        "with RecoveryHistory 0 there are none",
        Documented(LEARN_OVERVIEW), [Hours];
    they_are_an_hour_apart:
        "standard ones are taken an hour apart",
        Documented(BLOG_2012_R2), [Hours];
    the_oldest_makes_room:
        "there are never more than RecoveryHistory; the oldest makes room",
        Documented(SETTINGS), [Hours];
    the_primary_has_none:
        "they are the replica's",
        Documented(BLOG_2012_R2), [Hours];
    application_consistent_ones_are_taken:
        "application-consistent ones are taken at their interval",
        Documented(PS_ENABLE), [Hours, GuestWrites];
    keeping_fewer_deletes_the_rest:
        "lowering RecoveryHistory deletes the oldest ones",
        Documented(BLOG_HISTORY), [Hours];
    a_replica_fails_over_to_one:
        "a replica fails over to one, and FailedOverReplicationType tells its kind",
        Documented(FAILOVER), [Hours];
    an_unknown_one_is_refused:
        "one that the virtual machine does not have is refused",
        Documented(FAILOVER);
    they_stay_until_the_failover_is_committed:
        "they stay until the failover is committed, which removes all",
        Documented(COMMIT), [Hours];
    another_can_be_tried_after_a_revert:
        "one after the other can be tried, with a revert between",
        Documented(REVERT), [Hours];
    a_resynchronisation_deletes_them:
        "a resynchronisation deletes all",
        Documented(BLOG_RESYNC), [Hours];
    a_reversal_after_a_planned_failover_leaves_none:
        "the reversal after a planned failover merges all",
        Documented(BLOG_PLANNED), [Hours];
}

/// A running virtual machine that keeps so many recovery points.
fn keeping(t: &Trial<'_>, recovery_history: u16) -> Checked<RelationshipId> {
    t.replicating_with(Guest::Running, Settings { recovery_history, ..t.to_second() })
}

/// The same, with as many points as it keeps.
pub(super) fn kept(t: &Trial<'_>, history: u16) -> Checked<(RelationshipId, Vec<RecoveryPoint>)> {
    arranged(|| {
        let id = keeping(t, history)?;
        // And a moment, in which what the last point is made of is applied.
        t.pass(hours(u64::from(history) + 1) + seconds(10))?;
        let points = t.second().recovery_points(id.vm)?;
        let expected = format_args!("{history} after {} hours", history + 1);
        t.second().holds(
            "the recovery points",
            points.len() == usize::from(history),
            expected,
            points.len(),
        )?;
        Ok((id, points))
    })
}

pub(crate) fn without_a_history_there_are_none(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.pass(hours(2))?;
    let points = t.second().recovery_points(id.vm)?.len();
    t.second().same("how many recovery points there are", &0, &points)
}

pub(crate) fn they_are_an_hour_apart(t: &Trial<'_>) -> Checked {
    let (_, points) = kept(t, 3)?;
    for pair in points.windows(2) {
        let apart = pair[1].created.since(pair[0].created);
        // A point is made of a cycle, of which the first after an hour may be a moment early.
        let about = apart + minutes(1) >= hours(1) && apart <= hours(1) + minutes(5);
        t.second().holds(
            "two recovery points",
            about,
            "an hour apart",
            format_args!("{apart:?}"),
        )?;
    }
    let standard = points.iter().all(|it| it.kind == RecoveryPointKind::Standard);
    t.second().holds("their kind", standard, "standard", format_args!("{points:?}"))
}

pub(crate) fn the_oldest_makes_room(t: &Trial<'_>) -> Checked {
    let (id, before) = kept(t, 2)?;
    t.pass(hours(2))?;
    let after = t.second().recovery_points(id.vm)?;
    t.second().same("how many recovery points there are", &2, &after.len())?;
    let gone = after.iter().all(|it| !before.contains(it));
    t.second().holds("those of two hours ago", gone, "gone", "still there")
}

pub(crate) fn the_primary_has_none(t: &Trial<'_>) -> Checked {
    let (id, _) = kept(t, 2)?;
    let points = t.first().recovery_points(id.vm)?.len();
    t.first().same("how many recovery points there are", &0, &points)
}

pub(crate) fn application_consistent_ones_are_taken(t: &Trial<'_>) -> Checked {
    let settings =
        Settings { recovery_history: 4, application_consistent_interval_h: 1, ..t.to_second() };
    let id = t.replicating_with(Guest::Running, settings)?;
    t.pass(hours(3))?;
    let points = t.second().recovery_points(id.vm)?;
    let taken = points.iter().any(|it| it.kind == RecoveryPointKind::ApplicationConsistent);
    let expected = "an application-consistent one among them";
    t.second().holds("the recovery points", taken, expected, format_args!("{points:?}"))?;
    let last = t.second().relationship(id)?.last_application_consistent;
    let what = "LastApplicationConsistentReplicationTime";
    t.second().holds(what, last.is_some(), "a time", shown(last))
}

pub(crate) fn keeping_fewer_deletes_the_rest(t: &Trial<'_>) -> Checked {
    let (id, before) = kept(t, 3)?;
    let now = t.first().settings(id)?;
    let fewer = Settings { recovery_history: 1, ..now };
    t.first().done(t.first().modify_replication_settings(id.vm, fewer))?;
    t.second().comes("the recovery points", "the newest alone", || {
        let after = t.second().recovery_points(id.vm)?;
        let newest = after.len() == 1 && before.last() == after.first();
        Ok(if newest { Ok(()) } else { Err(format!("{} of them", after.len())) })
    })
}

pub(crate) fn a_replica_fails_over_to_one(t: &Trial<'_>) -> Checked {
    let (id, points) = kept(t, 2)?;
    let oldest = points.first().map(|it| it.id);
    t.second().done(t.second().initiate_failover(id.vm, oldest))?;
    t.second().comes_to(id, ReplicationState::Recovered)?;
    let kind = t.second().relationship(id)?.failed_over;
    t.second().same("FailedOverReplicationType", &ReplicationType::Regular, &kind)
}

pub(crate) fn an_unknown_one_is_refused(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    match t.second().initiate_failover(id.vm, Some(PointId(NOTHING))) {
        Err(Error::NotFound(_)) => {}
        answer => t.second().refuses(answer, BAD_VALUE)?,
    }
    t.second().is_still(id, ReplicationState::Replicating)
}

pub(crate) fn they_stay_until_the_failover_is_committed(t: &Trial<'_>) -> Checked {
    let (id, points) = kept(t, 2)?;
    t.fail_over(id)?;
    let kept = t.second().recovery_points(id.vm)?.len();
    t.second().same("how many recovery points are left", &points.len(), &kept)?;
    t.second().done(t.second().commit_failover(id.vm))?;
    t.second().comes("the recovery points", "none", || {
        let left = t.second().recovery_points(id.vm)?.len();
        Ok(if left == 0 { Ok(()) } else { Err(left.to_string()) })
    })
}

pub(crate) fn another_can_be_tried_after_a_revert(t: &Trial<'_>) -> Checked {
    let (id, points) = kept(t, 2)?;
    for point in points {
        t.second().done(t.second().initiate_failover(id.vm, Some(point.id)))?;
        t.second().comes_to(id, ReplicationState::Recovered)?;
        t.second().done(t.second().revert_failover(id.vm))?;
        t.second().comes_to(id, ReplicationState::Replicating)?;
    }
    Ok(())
}

pub(crate) fn a_resynchronisation_deletes_them(t: &Trial<'_>) -> Checked {
    let (id, before) = kept(t, 2)?;
    resync::force(t, id)?;
    let after = t.second().recovery_points(id.vm)?;
    let gone = after.iter().all(|it| !before.contains(it));
    t.second().holds("the recovery points of before", gone, "gone", "still there")
}

pub(crate) fn a_reversal_after_a_planned_failover_leaves_none(t: &Trial<'_>) -> Checked {
    let (id, before) = kept(t, 2)?;
    t.first().switch_off(id.vm)?;
    t.first().done(t.first().prepare_failover(id))?;
    t.fail_over(id)?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    t.second().mode(id.vm, ReplicationMode::Primary)?;
    let after = t.second().recovery_points(id.vm)?;
    let gone = after.iter().all(|it| !before.contains(it));
    t.second().holds("the recovery points of before", gone, "merged", "still there")
}
