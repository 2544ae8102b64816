//! Links that are cut and hosts that fall.

use super::*;

use ReplicationState::{Recovered, Replicating};

behaviours! { "Trouble";
    a_cut_link_is_waited_out:
        "while a link is cut the primary stays in state 3, and goes on when it is healed",
        Documented(AZURE), [CutLinks];
    a_cut_link_is_counted:
        "failures of the network are counted",
        Documented(STATISTICS_DATA), [CutLinks];
    an_hour_without_a_link_is_a_warning:
        "after an hour without a link the replica has a warning",
        Documented(BLOG_HEALTH), [CutLinks, Hours];
    nothing_is_created_over_a_cut_link:
        "over a cut link no relationship is created",
        Observed(ENABLE_FAILED), [CutLinks];
    nothing_is_reversed_over_a_cut_link:
        "over a cut link a reversal fails, and can be repeated",
        Assumed("the old primary has to be told, and cannot be"), [CutLinks];
    a_replica_fails_over_without_its_primary:
        "a replica fails over and starts while its primary's host is down",
        Documented(LEARN_FAILOVER), [CrashHosts];
    a_crash_of_the_primary_needs_a_resynchronisation:
        "after a crash of its host a running primary is in state 9, its replica in state 3",
        Documented(BLOG_RESYNC), [CrashHosts, GuestWrites];
    a_crash_of_the_replica_is_waited_out:
        "a crash of the replica's host is waited out",
        Documented(AZURE), [CrashHosts];
    an_old_primary_joins_again_after_a_crash:
        "an old primary whose host crashed becomes a replica and is filled anew",
        Observed(SCRIPTS), [CrashHosts];
}

const LINK: Act = Act::CutLink(Place::First, Place::Second);
const HEALED: Act = Act::HealLink(Place::First, Place::Second);

pub(crate) fn a_cut_link_is_waited_out(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    t.act(LINK)?;
    t.pass(minutes(5))?;
    t.first().is_still(id, Replicating)?;
    t.act(HEALED)?;
    t.second().receives(id)?;
    t.first().is_still(id, Replicating)
}

pub(crate) fn a_cut_link_is_counted(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    let before = t.first().statistics(id)?.0.network_failures;
    t.act(LINK)?;
    t.first().comes("NetworkFailureCount", format_args!("more than {before}"), || {
        let now = t.first().statistics(id)?.0.network_failures;
        Ok(if now > before { Ok(()) } else { Err(now.to_string()) })
    })
}

pub(crate) fn an_hour_without_a_link_is_a_warning(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    t.act(LINK)?;
    t.pass(hours(1) + minutes(5))?;
    t.second().is_still(id, Replicating)?;
    t.second().health(id, ReplicationHealth::Warning)
}

pub(crate) fn nothing_is_created_over_a_cut_link(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    t.act(LINK)?;
    let answer = t.first().create_replication_relationship(id.vm, t.to_second());
    t.first().refuses(answer, FAILS)?;
    t.first().mode(id.vm, ReplicationMode::None)
}

pub(crate) fn nothing_is_reversed_over_a_cut_link(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    t.act(LINK)?;
    let answer = t.second().reverse_replication_relationship(id.vm, None);
    t.second().refuses(answer, FAILS)?;
    t.second().mode(id.vm, ReplicationMode::Replica)?;
    t.first().is_still(id, ReplicationState::Synced)?;
    t.act(HEALED)?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    t.second().mode(id.vm, ReplicationMode::Primary)
}

pub(crate) fn a_replica_fails_over_without_its_primary(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.act(Act::CrashHost(Place::First))?;
    t.fail_over(id)?;
    t.second().done(t.second().start_vm(id.vm))?;
    t.second().power(id.vm, EnabledState::Enabled)?;
    t.second().is_still(id, Recovered)
}

pub(crate) fn a_crash_of_the_primary_needs_a_resynchronisation(t: &Trial<'_>) -> Checked {
    let manual = Settings { auto_resynchronize: false, ..t.to_second() };
    let id = t.replicating_with(Guest::Running, manual)?;
    t.act(Act::CrashHost(Place::First))?;
    t.pass(minutes(1))?;
    t.act(Act::BootHost(Place::First))?;
    t.first().comes_to(id, ReplicationState::WaitingForResynchronization)?;
    t.first().health(id, ReplicationHealth::Critical)?;
    t.second().is_still(id, Replicating)
}

pub(crate) fn a_crash_of_the_replica_is_waited_out(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    t.act(Act::CrashHost(Place::Second))?;
    t.pass(minutes(2))?;
    t.act(Act::BootHost(Place::Second))?;
    t.second().is_still(id, Replicating)?;
    t.second().receives(id)
}

pub(crate) fn an_old_primary_joins_again_after_a_crash(t: &Trial<'_>) -> Checked {
    let manual = Settings { auto_resynchronize: false, ..t.to_second() };
    let id = t.replicating_with(Guest::Running, manual)?;
    t.act(Act::CrashHost(Place::First))?;
    t.fail_over(id)?;
    t.act(Act::BootHost(Place::First))?;
    t.first().switch_off(id.vm)?;
    t.first().done(t.first().become_replica(id.vm))?;
    t.first().comes_to(id, ReplicationState::WaitingForInitialReplication)?;
    t.second().done(t.second().reverse_replication_relationship(id.vm, None))?;
    t.second().comes_to(id, ReplicationState::Ready)?;
    let initial = InitialReplication::Network;
    t.second().done(t.second().start_replication(id.vm, initial))?;
    for site in t.both() {
        site.comes_to(id, Replicating)?;
    }
    Ok(())
}
