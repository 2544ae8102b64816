//! What is there before anything is replicated, and where nothing is.

use super::*;

behaviours! { "Before replication";
    a_fresh_vm_has_relationship_0_in_state_0:
        "a fresh virtual machine has relationship 0 in state 0, mode 0 and health 0",
        Documented(BLOG_HEALTH);
    a_fresh_vm_was_never_replicated:
        "its times of replication are “never”, and its types 0",
        Documented(RELATIONSHIP);
    a_fresh_vm_has_settings_to_edit:
        "its settings are there to edit, with the defaults of their class",
        Documented(SETTINGS);
    settings_offer_a_window_for_resynchronisation:
        "the window for automatic resynchronisation is 18:30 to 06:00",
        Documented(SETTINGS);
    a_replica_has_both_relationships:
        "a replica has both relationships and both settings; the second is disabled",
        Client(PS_GET);
    a_primary_has_no_extended_relationship:
        "a primary has no relationship 1",
        Assumed("a client misses it on replicas only; elsewhere there is nothing for it to say");
    the_list_of_vms_has_each_once:
        "the list of virtual machines has each once, in the order of their GUIDs; so has that of \
         disks, in the order of their places",
        Assumed("so that two lists can be compared; it is this contract's promise");
    what_is_not_there_is_not_found:
        "reading by a GUID that nothing has tells that it is not there",
        Assumed("WMI says “not found”; the contract passes it on");
    a_call_about_an_unknown_vm_is_refused:
        "a call about a virtual machine that is not there is refused",
        Assumed("of the documented codes 32777 fits best");
    the_host_says_what_it_is:
        "a host has a name, and its service's OperationalStatus is 2 while its listeners run",
        Documented(SERVICE);
    the_in_box_provider_is_there:
        "the in-box provider has its published GUID",
        Documented(PROVIDER);
}

pub(crate) fn a_fresh_vm_has_relationship_0_in_state_0(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    t.first().mode(id.vm, ReplicationMode::None)?;
    t.first().comes_to(id, ReplicationState::Disabled)?;
    t.first().health(id, ReplicationHealth::NotApplicable)
}

pub(crate) fn a_fresh_vm_was_never_replicated(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    let it = t.first().relationship(id)?;
    let times = [it.last_replication, it.last_apply, it.last_application_consistent];
    t.first().same("the times of the last replication", &[None; 3], &times)?;
    let types = [it.last_type, it.failed_over];
    t.first().same("the types of replication", &[ReplicationType::None; 2], &types)
}

pub(crate) fn a_fresh_vm_has_settings_to_edit(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    let it = t.first().settings(id)?;
    t.first().same("ReplicationInterval", &300, &it.replication_interval_s)?;
    t.first().same("RecoveryHistory", &0, &it.recovery_history)?;
    t.first().same("RecoveryConnectionPoint", &String::new(), &it.recovery_connection_point)?;
    t.first().same("RecoveryServerPortNumber", &0, &it.recovery_server_port)?;
    t.first().same("ReplicateHostKvpItems", &true, &it.replicate_host_kvp)
}

pub(crate) fn settings_offer_a_window_for_resynchronisation(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    let it = t.first().settings(id)?;
    let window = [it.auto_resynchronize_start_s, it.auto_resynchronize_end_s];
    t.first().same("the window, in seconds", &[18 * 3600 + 30 * 60, 6 * 3600], &window)
}

pub(crate) fn a_replica_has_both_relationships(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let extended = RelationshipId::extended(id.vm);
    t.second().comes_to(extended, ReplicationState::Disabled)?;
    t.second().health(extended, ReplicationHealth::NotApplicable)?;
    t.second().settings(extended)?;
    Ok(())
}

pub(crate) fn a_primary_has_no_extended_relationship(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    match t.first().relationship(RelationshipId::extended(id.vm)) {
        Err(Error::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
        Ok(it) => t.first().deviates("relationship 1 of a primary", "none", it.state),
    }
}

pub(crate) fn the_list_of_vms_has_each_once(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    let vms = t.first().vms()?;
    let count = vms.iter().filter(|it| it.id == id.vm).count();
    t.first().same("how often the list has a virtual machine", &1, &count)?;
    let sorted = vms.is_sorted_by_key(|it| it.id);
    t.first().holds("the list of virtual machines", sorted, "ordered by GUID", "another order")?;
    let disks = t.first().devices(id.vm)?.disks;
    let sorted = !disks.is_empty() && disks.is_sorted_by(|a, b| a < b);
    t.first().holds("the disks", sorted, "some, ordered by place", format_args!("{disks:?}"))
}

pub(crate) fn what_is_not_there_is_not_found(t: &Trial<'_>) -> Checked {
    let nothing = RelationshipId::primary(VmId(NOTHING));
    let found = [
        t.first().vm(nothing.vm).err(),
        t.first().relationship(nothing).err(),
        t.first().devices(nothing.vm).err(),
        t.first().job(JobId(NOTHING)).err(),
    ];
    for seen in found {
        match seen {
            Some(Error::NotFound(_)) => {}
            Some(error) => return Err(error.into()),
            None => return t.first().deviates("a GUID that nothing has", "not found", "something"),
        }
    }
    Ok(())
}

pub(crate) fn a_call_about_an_unknown_vm_is_refused(t: &Trial<'_>) -> Checked {
    match t.first().initiate_failover(VmId(NOTHING), None) {
        Err(Error::NotFound(_)) => Ok(()),
        answer => {
            let codes = [ErrorCode::NotAvailable, ErrorCode::InvalidParameter, ErrorCode::Failed];
            t.first().refuses(answer, &codes)
        }
    }
}

pub(crate) fn the_host_says_what_it_is(t: &Trial<'_>) -> Checked {
    for site in t.both() {
        let host = site.host()?;
        site.holds("the name of the host", !host.name.is_empty(), "a name", "nothing")?;
        let status = crate::model::ServiceStatus::Ok;
        site.same("OperationalStatus of the service", &status, &host.status)?;
    }
    Ok(())
}

pub(crate) fn the_in_box_provider_is_there(t: &Trial<'_>) -> Checked {
    let providers = t.first().host()?.providers;
    let found = providers.iter().any(|it| it.name == crate::model::IN_BOX_PROVIDER);
    let expected = crate::model::IN_BOX_PROVIDER;
    t.first().holds("the providers", found, expected, format_args!("{providers:?}"))
}
