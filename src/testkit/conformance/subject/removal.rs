//! Removing replication, and deleting what is left.

use super::*;

use ReplicationState::{Disabled, Replicating};

behaviours! { "Removal";
    the_primary_is_an_ordinary_vm_again:
        "a primary is in mode 0, state 0 and health 0 again, and runs on",
        Documented(PS_REMOVE);
    the_other_side_is_not_told:
        "the replica is not told, and is still one",
        Documented(PS_REMOVE);
    the_replica_stays_as_an_ordinary_vm:
        "a replica stays as an ordinary virtual machine, off",
        Documented(PS_REMOVE);
    it_may_start_then:
        "which may start then",
        Assumed("what locked it was its role");
    a_primary_without_its_replica_is_in_error:
        "a primary whose replica was removed comes to state 8",
        Documented(AZURE);
    there_must_be_something_to_remove:
        "without a relationship it is refused",
        Client(PS_REMOVE);
    it_need_not_have_begun:
        "in state 1 it can be removed",
        Documented(PS_REMOVE);
    a_prepared_primary_can_be_removed:
        "a prepared primary can be removed, and may start",
        Observed(LIS_TEST);
    a_failed_over_replica_can_be_removed:
        "a failed-over replica can be removed",
        Observed(LIS_TEST);
    the_deprecated_form_means_relationship_0:
        "RemoveReplicationRelationship, without a relationship, removes relationship 0",
        Documented(REMOVE);
    a_vm_can_be_replicated_again:
        "with the replica deleted the virtual machine can be replicated again",
        Observed(LIS_TEST);
    a_running_vm_is_not_deleted:
        "a running virtual machine is not deleted: 32775",
        Documented(DESTROY);
    a_vm_that_is_off_is_deleted:
        "a virtual machine that is off is deleted",
        Documented(DESTROY);
}

fn not_replicated(site: &Site<'_>, id: RelationshipId) -> Checked {
    site.comes_to(id, Disabled)?;
    site.mode(id.vm, ReplicationMode::None)?;
    site.health(id, ReplicationHealth::NotApplicable)
}

pub(crate) fn the_primary_is_an_ordinary_vm_again(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.first().done(t.first().remove_replication_relationship(id))?;
    not_replicated(t.first(), id)?;
    t.first().power(id.vm, EnabledState::Enabled)
}

pub(crate) fn the_other_side_is_not_told(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().done(t.first().remove_replication_relationship(id))?;
    not_replicated(t.first(), id)?;
    t.pass(minutes(2))?;
    t.second().is_still(id, Replicating)?;
    t.second().mode(id.vm, ReplicationMode::Replica)
}

pub(crate) fn the_replica_stays_as_an_ordinary_vm(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    for site in t.both() {
        site.done(site.remove_replication_relationship(id))?;
    }
    not_replicated(t.second(), id)?;
    t.second().power(id.vm, EnabledState::Disabled)
}

pub(crate) fn it_may_start_then(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    for site in t.both() {
        site.done(site.remove_replication_relationship(id))?;
    }
    not_replicated(t.second(), id)?;
    t.second().done(t.second().start_vm(id.vm))?;
    t.second().power(id.vm, EnabledState::Enabled)
}

pub(crate) fn a_primary_without_its_replica_is_in_error(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().done(t.second().remove_replication_relationship(id))?;
    t.first().comes_to(id, ReplicationState::Critical)
}

pub(crate) fn there_must_be_something_to_remove(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    t.first().refuses(t.first().remove_replication_relationship(id), WRONG_ROLE)
}

pub(crate) fn it_need_not_have_begun(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.first().done(t.first().remove_replication_relationship(id))?;
    not_replicated(t.first(), id)
}

pub(crate) fn a_prepared_primary_can_be_removed(t: &Trial<'_>) -> Checked {
    let id = t.prepared()?;
    t.first().done(t.first().remove_replication_relationship(id))?;
    not_replicated(t.first(), id)?;
    t.first().done(t.first().start_vm(id.vm))?;
    t.first().power(id.vm, EnabledState::Enabled)
}

pub(crate) fn a_failed_over_replica_can_be_removed(t: &Trial<'_>) -> Checked {
    let id = t.failed_over(Guest::Off)?;
    t.second().done(t.second().remove_replication_relationship(id))?;
    not_replicated(t.second(), id)
}

pub(crate) fn the_deprecated_form_means_relationship_0(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let call = Call::RemoveReplicationRelationship { vm: id.vm, relationship: None };
    t.first().done(t.first().call(&call))?;
    not_replicated(t.first(), id)
}

pub(crate) fn a_vm_can_be_replicated_again(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    for site in t.both() {
        site.done(site.remove_replication_relationship(id))?;
        not_replicated(site, id)?;
    }
    t.second().done(t.second().destroy_system(id.vm))?;
    let again = t.first().create_replication_relationship(id.vm, t.to_second());
    t.first().done(again)?;
    t.second().mode(id.vm, ReplicationMode::Replica)
}

pub(crate) fn a_running_vm_is_not_deleted(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Running)?;
    t.first().refuses(t.first().destroy_system(id.vm), WRONG_STATE)?;
    t.first().power(id.vm, EnabledState::Enabled)
}

pub(crate) fn a_vm_that_is_off_is_deleted(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    t.first().done(t.first().destroy_system(id.vm))?;
    t.first().comes("the virtual machine", "gone", || match t.first().vm(id.vm) {
        Err(Error::NotFound(_)) => Ok(Ok(())),
        Ok(_) => Ok(Err("still there".to_owned())),
        Err(error) => Err(error),
    })
}
