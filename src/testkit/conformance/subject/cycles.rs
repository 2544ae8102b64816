//! Change logs, from cycle to cycle.

use super::*;

behaviours! { "Cycles";
    changes_arrive_cycle_after_cycle:
        "changes arrive in one cycle after the other",
        Documented(SETTINGS);
    both_sides_tell_the_time_of_the_last_log:
        "the time of the last log goes on, on both sides",
        Documented(BLOG_STATISTICS);
    what_is_received_is_applied:
        "what is received is applied before long",
        Documented(RELATIONSHIP);
    a_log_of_a_cycle_is_a_regular_one:
        "LastReplicationType of an ordinary cycle is 1",
        Documented(RELATIONSHIP);
    a_vm_that_is_off_stays_in_step:
        "while a virtual machine is off, it stays in state 3 and good health",
        Assumed("there is nothing to send, and nobody is behind");
    a_saved_vm_stays_in_step:
        "while a virtual machine is saved, it stays in state 3",
        Assumed("what was logged before is sent as ever");
}

pub(crate) fn changes_arrive_cycle_after_cycle(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    t.second().receives(id)?;
    t.first().is_still(id, ReplicationState::Replicating)
}

pub(crate) fn both_sides_tell_the_time_of_the_last_log(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    for site in t.both() {
        site.receives(id)?;
    }
    Ok(())
}

pub(crate) fn what_is_received_is_applied(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    let received = t.second().relationship(id)?.last_replication;
    t.second().comes("LastApplyTime", format_args!("at least {}", shown(received)), || {
        let applied = t.second().relationship(id)?.last_apply;
        Ok(if applied >= received { Ok(()) } else { Err(shown(applied)) })
    })
}

pub(crate) fn a_log_of_a_cycle_is_a_regular_one(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    let last = t.second().relationship(id)?.last_type;
    t.second().same("LastReplicationType", &ReplicationType::Regular, &last)
}

pub(crate) fn a_vm_that_is_off_stays_in_step(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.pass(minutes(5))?;
    for site in t.both() {
        site.is_still(id, ReplicationState::Replicating)?;
        site.health(id, ReplicationHealth::Ok)?;
    }
    Ok(())
}

pub(crate) fn a_saved_vm_stays_in_step(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.first().done(t.first().save_vm(id.vm))?;
    t.first().power(id.vm, EnabledState::Offline)?;
    t.pass(minutes(5))?;
    t.first().is_still(id, ReplicationState::Replicating)
}
