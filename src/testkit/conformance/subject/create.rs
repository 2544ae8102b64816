//! Enabling replication.

use super::*;

behaviours! { "Enabling replication";
    create_makes_a_primary_that_is_ready:
        "the primary is in mode 1 and state 1, with a warning until it is filled",
        Documented(BLOG_HEALTH);
    create_makes_a_replica_that_waits:
        "the other host has a replica in mode 2 and state 2, off, with a warning",
        Documented(BLOG_HEALTH);
    a_replica_has_its_primarys_name:
        "a replica has the GUID and the name of its primary",
        Documented(BLOG_SEED);
    a_running_vm_is_replicated_as_it_runs:
        "a running virtual machine is enabled as it runs",
        Observed(LIS_TEST);
    create_fills_in_both_hosts:
        "both sides' settings name the primary host and the replica's",
        Documented(SETTINGS);
    create_keeps_what_was_asked_for:
        "the settings read back are those that were given",
        Documented(SETTINGS);
    the_replica_knows_the_settings:
        "the replica's settings are those of its primary, and so are the disks that they name",
        Assumed("a replica keeps recovery points, so it has to know how many, and of what");
    create_moves_no_data:
        "nothing is copied until initial replication is started",
        Documented(BLOG_HEALTH);
    a_primary_is_not_created_twice:
        "what is replicated already is refused",
        Client(PS_ENABLE);
    other_intervals_are_refused:
        "an interval other than 30, 300 and 900 s is refused with 32773",
        Documented(SETTINGS);
    each_interval_is_taken:
        "each of the intervals 30, 300 and 900 s is taken",
        Documented(SETTINGS);
    more_than_24_recovery_points_are_refused:
        "24 recovery points are taken, 25 refused with 32773",
        Documented(SETTINGS);
    application_consistent_points_are_at_most_12_hours_apart:
        "application-consistent points every 12 hours are taken, every 13 refused with 32773",
        Documented(SETTINGS);
    application_consistent_points_need_recovery_points:
        "application-consistent points without recovery points are refused with 32773",
        Documented(PS_ENABLE);
    a_port_is_needed:
        "port 0, the class default, is refused with 32773",
        Assumed("no listener has it, and a cmdlet demands another");
    a_host_is_needed:
        "no host to replicate to is refused with 32773",
        Client(PS_ENABLE);
    kerberos_takes_no_thumbprint:
        "Kerberos with a thumbprint is refused with 32773",
        Client(PS_ENABLE);
    certificate_authentication_needs_a_thumbprint:
        "a certificate's authentication without thumbprint is refused with 32773",
        Client(PS_ENABLE);
    at_least_one_disk_is_needed:
        "no disk to replicate is refused with 32773",
        Client(PS_ENABLE);
    one_disk_of_two_may_be_left_out:
        "a virtual machine replicates without one of its two disks",
        Documented(SETTINGS), [TwoDisks];
    a_host_does_not_replicate_to_itself:
        "a host that is asked to replicate to itself refuses",
        Assumed("a replica has its primary's GUID, which is unique on a host");
    a_host_that_is_not_there_fails:
        "a host that is not there fails the call or its job, and nothing has changed",
        Observed(ENABLE_FAILED);
    certificates_authenticate_both_hosts:
        "certificates do instead of Kerberos",
        Documented(PS_SERVER), [Certificates];
    an_unknown_certificate_is_refused:
        "a thumbprint that the personal store does not have is refused",
        Documented(PS_SERVER), [Certificates];
    settings_can_be_changed_later:
        "interval and recovery points are changed while it replicates, on both sides",
        Documented(MODIFY);
    bad_changes_change_nothing:
        "a change with a bad interval is refused with 32773 and changes nothing",
        Documented(SETTINGS);
    a_fresh_vm_has_nothing_to_change:
        "the settings of what is not replicated are not modified",
        Client(PS_SET);
    a_replica_has_nothing_to_change:
        "a replica's settings are modified at its primary",
        Client(PS_SET);
    a_disk_added_later_is_copied:
        "a disk that is included later is copied while the others replicate",
        Client(PS_SET), [TwoDisks], since Server2016;
}

pub(crate) fn create_makes_a_primary_that_is_ready(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.first().mode(id.vm, ReplicationMode::Primary)?;
    t.first().comes_to(id, ReplicationState::Ready)?;
    t.first().health(id, ReplicationHealth::Warning)
}

pub(crate) fn create_makes_a_replica_that_waits(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.second().mode(id.vm, ReplicationMode::Replica)?;
    t.second().comes_to(id, ReplicationState::WaitingForInitialReplication)?;
    t.second().health(id, ReplicationHealth::Warning)?;
    t.second().power(id.vm, EnabledState::Disabled)
}

pub(crate) fn a_replica_has_its_primarys_name(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.second().same("the name", &t.first().vm(id.vm)?.name, &t.second().vm(id.vm)?.name)
}

pub(crate) fn a_running_vm_is_replicated_as_it_runs(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Running)?;
    t.first().power(id.vm, EnabledState::Enabled)?;
    t.second().power(id.vm, EnabledState::Disabled)
}

pub(crate) fn create_fills_in_both_hosts(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let (primary, replica) = (t.first().host()?.name, t.second().host()?.name);
    for site in t.both() {
        let it = site.settings(id)?;
        let (from, to) = (it.primary_host, it.recovery_host);
        site.holds("PrimaryHostSystem", from.eq_ignore_ascii_case(&primary), &*primary, &from)?;
        site.holds("RecoveryHostSystem", to.eq_ignore_ascii_case(&replica), &*replica, &to)?;
    }
    Ok(())
}

pub(crate) fn create_keeps_what_was_asked_for(t: &Trial<'_>) -> Checked {
    let settings = Settings {
        recovery_history: 4,
        application_consistent_interval_h: 2,
        compression: false,
        replication_interval_s: 900,
        ..t.to_second()
    };
    let id = t.created_with(Guest::Off, settings)?;
    let it = t.first().settings(id)?;
    t.first().same("RecoveryHistory", &4, &it.recovery_history)?;
    let hours = it.application_consistent_interval_h;
    t.first().same("ApplicationConsistentSnapshotInterval", &2, &hours)?;
    t.first().same("CompressionEnabled", &false, &it.compression)?;
    t.first().same("ReplicationInterval", &900, &it.replication_interval_s)
}

pub(crate) fn the_replica_knows_the_settings(t: &Trial<'_>) -> Checked {
    let settings = Settings { recovery_history: 4, ..t.to_second() };
    let id = t.created_with(Guest::Off, settings)?;
    let it = t.second().settings(id)?;
    t.second().same("RecoveryHistory", &4, &it.recovery_history)?;
    t.second().same("ReplicationInterval", &INTERVAL_S, &it.replication_interval_s)?;
    let disks = t.first().devices(id.vm)?.disks;
    t.second().same("the disks", &disks, &t.second().devices(id.vm)?.disks)
}

pub(crate) fn create_moves_no_data(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    t.pass(minutes(2))?;
    t.first().is_still(id, ReplicationState::Ready)?;
    t.second().is_still(id, ReplicationState::WaitingForInitialReplication)?;
    let last = t.second().relationship(id)?.last_replication;
    t.second().holds("the last replication", last.is_none(), "never", shown(last))
}

pub(crate) fn a_primary_is_not_created_twice(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let again = t.first().create_replication_relationship(id.vm, t.to_second());
    t.first().refuses(again, WRONG_ROLE)?;
    t.first().is_still(id, ReplicationState::Ready)
}

/// These settings are refused, and nothing has happened.
fn refused(t: &Trial<'_>, codes: &[ErrorCode], settings: Settings) -> Checked {
    let id = t.vm(Guest::Off)?;
    t.first().refuses(t.first().create_replication_relationship(id.vm, settings), codes)?;
    t.first().is_still(id, ReplicationState::Disabled)?;
    t.first().mode(id.vm, ReplicationMode::None)
}

pub(crate) fn other_intervals_are_refused(t: &Trial<'_>) -> Checked {
    for replication_interval_s in [0, 29, 60, 1800] {
        refused(t, BAD_VALUE, Settings { replication_interval_s, ..t.to_second() })?;
    }
    Ok(())
}

pub(crate) fn each_interval_is_taken(t: &Trial<'_>) -> Checked {
    for replication_interval_s in Settings::INTERVALS_S {
        let id = t.vm(Guest::Off)?;
        let settings = Settings { replication_interval_s, ..t.to_second() };
        t.first().done(t.first().create_replication_relationship(id.vm, settings))?;
        let seen = t.first().settings(id)?.replication_interval_s;
        t.first().same("ReplicationInterval", &replication_interval_s, &seen)?;
    }
    Ok(())
}

pub(crate) fn more_than_24_recovery_points_are_refused(t: &Trial<'_>) -> Checked {
    t.created_with(Guest::Off, Settings { recovery_history: 24, ..t.to_second() })?;
    refused(t, BAD_VALUE, Settings { recovery_history: 25, ..t.to_second() })
}

pub(crate) fn application_consistent_points_are_at_most_12_hours_apart(t: &Trial<'_>) -> Checked {
    let every = |hours| Settings {
        recovery_history: 4,
        application_consistent_interval_h: hours,
        ..t.to_second()
    };
    t.created_with(Guest::Off, every(12))?;
    refused(t, BAD_VALUE, every(13))
}

pub(crate) fn application_consistent_points_need_recovery_points(t: &Trial<'_>) -> Checked {
    refused(t, BAD_VALUE, Settings { application_consistent_interval_h: 4, ..t.to_second() })
}

pub(crate) fn a_port_is_needed(t: &Trial<'_>) -> Checked {
    refused(t, BAD_VALUE, Settings { recovery_server_port: 0, ..t.to_second() })
}

pub(crate) fn a_host_is_needed(t: &Trial<'_>) -> Checked {
    refused(t, BAD_VALUE, Settings { recovery_connection_point: String::new(), ..t.to_second() })
}

pub(crate) fn kerberos_takes_no_thumbprint(t: &Trial<'_>) -> Checked {
    let settings = Settings {
        authentication: Some(AuthenticationType::Kerberos),
        certificate_thumbprint: "00".repeat(20),
        ..t.to_second()
    };
    refused(t, BAD_VALUE, settings)
}

pub(crate) fn certificate_authentication_needs_a_thumbprint(t: &Trial<'_>) -> Checked {
    let settings = Settings {
        authentication: Some(AuthenticationType::Certificate),
        certificate_thumbprint: String::new(),
        ..t.to_second()
    };
    refused(t, BAD_VALUE, settings)
}

pub(crate) fn at_least_one_disk_is_needed(t: &Trial<'_>) -> Checked {
    refused(t, BAD_VALUE, Settings { included_disks: Some(Vec::new()), ..t.to_second() })
}

pub(crate) fn one_disk_of_two_may_be_left_out(t: &Trial<'_>) -> Checked {
    let settings = Settings { included_disks: Some(vec![DiskId(0)]), ..t.to_second() };
    let id = t.replicating_with(Guest::TwoDisks, settings)?;
    let disks = t.first().settings(id)?.included_disks;
    t.first().same("IncludedDisks", &Some(vec![DiskId(0)]), &disks)
}

pub(crate) fn a_host_does_not_replicate_to_itself(t: &Trial<'_>) -> Checked {
    let point = t.first().host()?.name.to_string();
    let codes = [ErrorCode::InvalidParameter, ErrorCode::Failed, ErrorCode::InvalidState];
    refused(t, &codes, Settings { recovery_connection_point: point, ..t.to_second() })
}

pub(crate) fn a_host_that_is_not_there_fails(t: &Trial<'_>) -> Checked {
    let point = "no-such-host.invalid".to_owned();
    refused(t, FAILS, Settings { recovery_connection_point: point, ..t.to_second() })
}

pub(crate) fn certificates_authenticate_both_hosts(t: &Trial<'_>) -> Checked {
    let server = t.second().service_settings()?;
    let settings = Settings {
        recovery_server_port: server.port(AuthenticationType::Certificate),
        authentication: Some(AuthenticationType::Certificate),
        certificate_thumbprint: t.fixture().certificate(Place::First)?,
        ..t.to_second()
    };
    let id = t.replicating_with(Guest::Off, settings)?;
    t.first().receives(id)
}

pub(crate) fn an_unknown_certificate_is_refused(t: &Trial<'_>) -> Checked {
    let server = t.second().service_settings()?;
    let settings = Settings {
        recovery_server_port: server.port(AuthenticationType::Certificate),
        authentication: Some(AuthenticationType::Certificate),
        certificate_thumbprint: "00".repeat(20),
        ..t.to_second()
    };
    let codes = [FAILS, BAD_VALUE].concat();
    refused(t, &codes, settings)
}

pub(crate) fn settings_can_be_changed_later(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    let now = t.first().settings(id)?;
    let wanted = Settings { replication_interval_s: 900, recovery_history: 2, ..now };
    t.first().done(t.first().modify_replication_settings(id.vm, wanted))?;
    for site in t.both() {
        site.comes("settings", "ReplicationInterval 900, RecoveryHistory 2", || {
            let it = site.settings(id)?;
            let seen = (it.replication_interval_s, it.recovery_history);
            Ok(if seen == (900, 2) { Ok(()) } else { Err(format!("{seen:?}")) })
        })?;
    }
    t.first().is_still(id, ReplicationState::Replicating)
}

pub(crate) fn bad_changes_change_nothing(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let now = t.first().settings(id)?;
    let wanted = Settings { replication_interval_s: 31, recovery_history: 2, ..now.clone() };
    t.first().refuses(t.first().modify_replication_settings(id.vm, wanted), BAD_VALUE)?;
    t.first().same("the settings", &now, &t.first().settings(id)?)
}

pub(crate) fn a_fresh_vm_has_nothing_to_change(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    let answer = t.first().modify_replication_settings(id.vm, t.to_second());
    t.first().refuses(answer, WRONG_ROLE)?;
    t.first().is_still(id, ReplicationState::Disabled)
}

pub(crate) fn a_replica_has_nothing_to_change(t: &Trial<'_>) -> Checked {
    // An interval that an extended leg may have, too, so that only the role is in the way.
    let slow = Settings { replication_interval_s: 900, ..t.to_second() };
    let id = t.created_with(Guest::Off, slow)?;
    let settings = Settings { recovery_history: 2, ..t.second().settings(id)? };
    t.second().refuses(t.second().modify_replication_settings(id.vm, settings), WRONG_ROLE)?;
    t.second().same("RecoveryHistory", &0, &t.second().settings(id)?.recovery_history)
}

pub(crate) fn a_disk_added_later_is_copied(t: &Trial<'_>) -> Checked {
    let settings = Settings { included_disks: Some(vec![DiskId(0)]), ..t.to_second() };
    let id = t.replicating_with(Guest::TwoDisks, settings)?;
    let now = t.first().settings(id)?;
    let both = Some(vec![DiskId(0), DiskId(1)]);
    let wanted = Settings { included_disks: both.clone(), ..now };
    t.first().done(t.first().modify_replication_settings(id.vm, wanted))?;
    t.first().comes_to(id, ReplicationState::Replicating)?;
    t.first().same("IncludedDisks", &both, &t.first().settings(id)?.included_disks)
}
