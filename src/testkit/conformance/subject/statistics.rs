//! Statistics and health issues.

use super::*;

behaviours! { "Statistics and health";
    they_are_returned_at_once:
        "statistics are returned with 0, never with a job; their window has a start and an end",
        Client(PS_MEASURE);
    without_replication_there_are_none:
        "what is not replicated has none",
        Documented(BLOG_MEASURE);
    cycles_are_counted:
        "cycles that succeed are counted",
        Documented(STATISTICS_DATA);
    bytes_are_counted:
        "bytes are counted, and the largest cycle remembered",
        Documented(STATISTICS_DATA), [GuestWrites];
    only_a_sender_has_something_pending:
        "what is not sent yet is pending on the sender, never on the receiver",
        Documented(BLOG_STATISTICS), [GuestWrites];
    a_reset_begins_a_new_window:
        "a reset sets the counts to zero and begins a new window",
        Documented(PS_RESET);
    they_show_the_health:
        "they show the health of the relationship",
        Documented(STATISTICS_DATA);
    good_health_has_no_issues:
        "good health has no issues",
        Documented(STATISTICS);
    bad_health_has_issues:
        "a pause is an issue with a message",
        Documented(BLOG_STATISTICS);
    before_the_first_cycle_they_are_zero:
        "before the first cycle the counts are zero",
        Assumed("there is nothing to count");
    an_hour_behind_is_a_warning:
        "a replica that received nothing for more than an hour has a warning",
        Documented(BLOG_HEALTH), [Hours];
}

pub(crate) fn they_are_returned_at_once(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    for site in t.both() {
        let (statistics, _) = site.statistics(id)?;
        let ordered = statistics.start <= statistics.end;
        let seen = format_args!("{} to {}", statistics.start.to_utc(), statistics.end.to_utc());
        site.holds("the window", ordered, "a start before the end", seen)?;
    }
    Ok(())
}

pub(crate) fn without_replication_there_are_none(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    let call = Call::GetReplicationStatistics { vm: id.vm, relationship: Some(id) };
    t.first().refuses(t.first().call(&call), WRONG_ROLE)?;
    t.first().refuses(t.first().reset_replication_statistics(id), WRONG_ROLE)
}

pub(crate) fn cycles_are_counted(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    let before = t.first().statistics(id)?.0.successes;
    t.first().comes("ReplicationSuccessCount", format_args!("more than {before}"), || {
        let now = t.first().statistics(id)?.0.successes;
        Ok(if now > before { Ok(()) } else { Err(now.to_string()) })
    })
}

pub(crate) fn bytes_are_counted(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    t.second().receives(id)?;
    let it = t.first().statistics(id)?.0;
    let (total, largest) = (it.size_bytes, it.max_size_bytes);
    let plausible = largest > 0 && total >= largest;
    let seen = format_args!("{total} and {largest}");
    t.first().holds("ReplicationSize and MaxReplicationSize", plausible, "both above 0", seen)
}

pub(crate) fn only_a_sender_has_something_pending(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes("PendingReplicationSize", "above 0", || {
        let pending = t.first().statistics(id)?.0.pending_bytes;
        Ok(if pending > 0 { Ok(()) } else { Err(pending.to_string()) })
    })?;
    let pending = t.second().statistics(id)?.0.pending_bytes;
    t.second().same("PendingReplicationSize", &0, &pending)
}

pub(crate) fn a_reset_begins_a_new_window(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    t.second().receives(id)?;
    let before = t.first().statistics(id)?.0;
    t.first().done(t.first().reset_replication_statistics(id))?;
    let after = t.first().statistics(id)?.0;
    let later = after.start > before.start;
    t.first().holds("the start of the window", later, "a later one", after.start.to_utc())?;
    // A cycle may have ended since.
    let expected = format_args!("less than {}", before.successes);
    let fewer = after.successes < before.successes.max(1);
    t.first().holds("ReplicationSuccessCount", fewer, expected, after.successes)
}

pub(crate) fn they_show_the_health(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().done(t.second().suspend_replication(id))?;
    t.second().health(id, ReplicationHealth::Critical)?;
    let seen = t.second().statistics(id)?.0.health;
    t.second().same("ReplicationHealth of the statistics", &ReplicationHealth::Critical, &seen)
}

pub(crate) fn good_health_has_no_issues(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    for site in t.both() {
        site.health(id, ReplicationHealth::Ok)?;
        let issues: Vec<_> = site.statistics(id)?.1.into_iter().map(|it| it.message).collect();
        site.same("the health issues", &Vec::new(), &issues)?;
    }
    Ok(())
}

pub(crate) fn bad_health_has_issues(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    for site in [t.second(), t.first()] {
        site.done(site.suspend_replication(id))?;
        site.comes_to(id, ReplicationState::Suspended)?;
        let issues = site.statistics(id)?.1;
        let told = issues.iter().any(|it| !it.message.is_empty());
        let seen = format_args!("{issues:?}");
        site.holds("the health issues", told, "at least one, with a message", seen)?;
    }
    Ok(())
}

pub(crate) fn before_the_first_cycle_they_are_zero(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let it = t.first().statistics(id)?.0;
    let counts = [it.successes, it.misses, it.latency_s, it.max_latency_s, it.errors()];
    t.first().same("the counts", &[0; 5], &counts)?;
    t.first().same("ReplicationSize", &0, &it.size_bytes)
}

pub(crate) fn an_hour_behind_is_a_warning(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.second().health(id, ReplicationHealth::Ok)?;
    t.pass(hours(1) + minutes(5))?;
    t.second().is_still(id, ReplicationState::Replicating)?;
    t.second().health(id, ReplicationHealth::Warning)
}
