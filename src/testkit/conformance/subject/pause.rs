//! Pausing and resuming.

use super::*;

use ReplicationState::{Replicating, Suspended};

behaviours! { "Pausing";
    a_paused_primary_is_a_warning:
        "a paused primary is in state 7, a warning; its replica stays in state 3",
        Documented(BLOG_HEALTH);
    a_paused_replica_is_critical:
        "a paused replica is in state 7, which is critical",
        Documented(BLOG_HEALTH);
    either_side_is_resumed:
        "either side is resumed to state 3",
        Documented(PS_RESUME);
    nothing_is_sent_meanwhile:
        "nothing is sent while the primary is paused, and everything afterwards",
        Documented(PS_SUSPEND);
    what_replicates_is_not_resumed:
        "what replicates cannot be resumed: 32775",
        Documented(STATE_EX);
    what_is_paused_is_not_paused_again:
        "what is paused cannot be paused: 32775",
        Documented(STATE_EX);
    what_is_not_replicated_is_not_paused:
        "what is not replicated is neither paused nor resumed: 32775",
        Documented(STATE_EX);
    other_states_cannot_be_requested:
        "a requested state outside the value map is refused with 32773",
        Documented(STATE);
    without_a_relationship_the_first_is_meant:
        "a request that names no relationship means relationship 0",
        Documented(STATE_EX);
}

pub(crate) fn a_paused_primary_is_a_warning(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes_to(id, Suspended)?;
    t.first().health(id, ReplicationHealth::Warning)?;
    t.second().is_still(id, Replicating)
}

pub(crate) fn a_paused_replica_is_critical(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().done(t.second().suspend_replication(id))?;
    t.second().comes_to(id, Suspended)?;
    t.second().health(id, ReplicationHealth::Critical)
}

pub(crate) fn either_side_is_resumed(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    for site in t.both() {
        site.done(site.suspend_replication(id))?;
        site.comes_to(id, Suspended)?;
        site.done(site.resume_replication(id))?;
        site.comes_to(id, Replicating)?;
    }
    Ok(())
}

pub(crate) fn nothing_is_sent_meanwhile(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes_to(id, Suspended)?;
    // A log that was on its way may still arrive.
    t.pass(minutes(1))?;
    let before = t.second().relationship(id)?.last_replication;
    t.pass(minutes(3))?;
    let after = t.second().relationship(id)?.last_replication;
    t.second().same("the last replication", &shown(before), &shown(after))?;
    t.first().done(t.first().resume_replication(id))?;
    t.second().comes("the last replication", "a later one", || {
        let now = t.second().relationship(id)?.last_replication;
        Ok(if now > after { Ok(()) } else { Err(format!("still {}", shown(now))) })
    })
}

pub(crate) fn what_replicates_is_not_resumed(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    for site in t.both() {
        site.refuses(site.resume_replication(id), WRONG_STATE)?;
        site.is_still(id, Replicating)?;
    }
    Ok(())
}

pub(crate) fn what_is_paused_is_not_paused_again(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes_to(id, Suspended)?;
    t.first().refuses(t.first().suspend_replication(id), WRONG_STATE)?;
    t.first().is_still(id, Suspended)
}

pub(crate) fn what_is_not_replicated_is_not_paused(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    t.first().refuses(t.first().suspend_replication(id), WRONG_STATE)?;
    t.first().refuses(t.first().resume_replication(id), WRONG_STATE)?;
    t.first().is_still(id, ReplicationState::Disabled)
}

pub(crate) fn other_states_cannot_be_requested(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    for requested in [0, 5, 6, 8, 10, 22] {
        let call =
            Call::RequestReplicationStateChange { vm: id.vm, relationship: Some(id), requested };
        t.first().refuses(t.first().call(&call), BAD_VALUE)?;
    }
    t.first().is_still(id, Replicating)
}

pub(crate) fn without_a_relationship_the_first_is_meant(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    let to = |requested| Call::RequestReplicationStateChange {
        vm: id.vm,
        relationship: None,
        requested,
    };
    t.first().done(t.first().call(&to(7)))?;
    t.first().comes_to(id, Suspended)?;
    t.first().done(t.first().call(&to(3)))?;
    t.first().comes_to(id, Replicating)
}
