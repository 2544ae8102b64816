//! The power of virtual machines, and the locks of their roles.

use super::*;

use EnabledState::{Disabled, Enabled, Offline, Quiesce};

behaviours! { "Power";
    an_ordinary_vm_takes_every_state:
        "what is not replicated starts, pauses, resumes, saves, restores and turns off",
        Documented(POWER);
    what_is_off_is_not_turned_off:
        "what is off cannot be turned off",
        Observed(LIBVIRT);
    what_is_off_is_not_paused:
        "what is off cannot be paused",
        Documented(POWER);
    at_rest_nothing_is_requested:
        "at rest RequestedState says that nothing is requested",
        Documented(VM);
    other_powers_cannot_be_requested:
        "a requested state of no meaning is refused",
        Documented(POWER);
    a_replica_does_not_start:
        "a replica in state 3 is locked from starting",
        Documented(BLOG_NETWORK);
    a_replica_that_waits_does_not_start:
        "a replica in state 2 is locked from starting",
        Documented(BLOG_NETWORK);
    a_paused_replica_does_not_start:
        "a replica in state 7 is locked from starting",
        Documented(BLOG_NETWORK);
    a_primary_starts:
        "a primary may start in states 1 and 3",
        Documented(LEARN_OVERVIEW);
    a_paused_primary_starts:
        "a paused primary may start",
        Documented(PS_SUSPEND);
}

pub(crate) fn an_ordinary_vm_takes_every_state(t: &Trial<'_>) -> Checked {
    let vm = t.vm(Guest::Off)?.vm;
    let first = t.first();
    first.done(first.start_vm(vm))?;
    first.power(vm, Enabled)?;
    first.done(first.pause_vm(vm))?;
    first.power(vm, Quiesce)?;
    first.done(first.start_vm(vm))?;
    first.power(vm, Enabled)?;
    first.done(first.save_vm(vm))?;
    first.power(vm, Offline)?;
    first.done(first.start_vm(vm))?;
    first.power(vm, Enabled)?;
    first.done(first.turn_off_vm(vm))?;
    first.power(vm, Disabled)
}

pub(crate) fn what_is_off_is_not_turned_off(t: &Trial<'_>) -> Checked {
    let vm = t.vm(Guest::Off)?.vm;
    t.first().refuses(t.first().turn_off_vm(vm), WRONG_STATE)
}

pub(crate) fn what_is_off_is_not_paused(t: &Trial<'_>) -> Checked {
    let vm = t.vm(Guest::Off)?.vm;
    t.first().refuses(t.first().pause_vm(vm), WRONG_STATE)?;
    t.first().power(vm, Disabled)
}

pub(crate) fn at_rest_nothing_is_requested(t: &Trial<'_>) -> Checked {
    let vm = t.vm(Guest::Running)?.vm;
    t.first().same("RequestedState", &None, &t.first().vm(vm)?.requested)
}

pub(crate) fn other_powers_cannot_be_requested(t: &Trial<'_>) -> Checked {
    let vm = t.vm(Guest::Off)?.vm;
    let call = Call::RequestStateChange { vm, requested: 5 };
    let codes = [ErrorCode::InvalidParameter, ErrorCode::NotSupported, ErrorCode::InvalidState];
    t.first().refuses(t.first().call(&call), &codes)?;
    t.first().power(vm, Disabled)
}

pub(crate) fn a_replica_does_not_start(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.second().refuses(t.second().start_vm(id.vm), WRONG_STATE)?;
    t.second().power(id.vm, Disabled)?;
    t.second().is_still(id, ReplicationState::Replicating)
}

pub(crate) fn a_replica_that_waits_does_not_start(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.second().refuses(t.second().start_vm(id.vm), WRONG_STATE)?;
    t.second().power(id.vm, Disabled)
}

pub(crate) fn a_paused_replica_does_not_start(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.second().done(t.second().suspend_replication(id))?;
    t.second().comes_to(id, ReplicationState::Suspended)?;
    t.second().refuses(t.second().start_vm(id.vm), WRONG_STATE)?;
    t.second().power(id.vm, Disabled)
}

pub(crate) fn a_primary_starts(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let first = t.first();
    first.done(first.start_vm(id.vm))?;
    first.power(id.vm, Enabled)?;
    first.done(first.start_replication(id.vm, InitialReplication::Network))?;
    first.comes_to(id, ReplicationState::Replicating)?;
    first.switch_off(id.vm)?;
    first.done(first.start_vm(id.vm))?;
    first.power(id.vm, Enabled)?;
    first.is_still(id, ReplicationState::Replicating)
}

pub(crate) fn a_paused_primary_starts(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().done(t.first().suspend_replication(id))?;
    t.first().comes_to(id, ReplicationState::Suspended)?;
    t.first().done(t.first().start_vm(id.vm))?;
    t.first().power(id.vm, Enabled)
}
