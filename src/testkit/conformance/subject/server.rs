//! The replica server: its settings, whom it lets in, its certificates.

use super::*;
use crate::model::{AllowedAuthentication, Output};

behaviours! { "The replica server";
    its_settings_are_changed:
        "its settings are changed, and read back",
        Documented(SERVER_DATA), [Reconfigure];
    windows_have_certain_lengths:
        "a monitoring window of a minute, or of eight days, is refused",
        Documented(SERVER_DATA), [Reconfigure];
    enabling_it_needs_an_authentication:
        "enabling it without an authentication is refused",
        Client(PS_SERVER), [Reconfigure];
    certificates_need_a_thumbprint:
        "certificates without a thumbprint are refused",
        Client(PS_SERVER), [Reconfigure];
    kerberos_alone_takes_no_thumbprint:
        "a thumbprint with Kerberos alone is refused",
        Client(PS_SERVER), [Reconfigure];
    disabled_it_takes_no_replicas:
        "while it is disabled no replica can be made",
        Documented(SERVER_DATA), [Reconfigure];
    it_takes_replicas_of_those_it_lets_in:
        "for a primary without an entry no replica can be made",
        Documented(PS_NEW_ENTRY), [Reconfigure];
    without_its_entry_a_primary_sends_nothing:
        "removing its entry stops a primary, which comes to state 8",
        Documented(REMOVE_ENTRY), [Reconfigure];
    entries_come_and_go:
        "entries are added, listed by name, and removed",
        Documented(ADD_ENTRY), [Reconfigure];
    case_does_not_tell_entries_apart:
        "the case of a name does not matter",
        Documented(SAMPLE), [Reconfigure];
    an_entry_is_changed:
        "the trust group of an entry is changed",
        Documented(MODIFY_ENTRY), [Reconfigure];
    an_entry_is_there_once:
        "a name that is there already is refused",
        Assumed("entries are told apart by their names alone"), [Reconfigure];
    everybody_stands_alone:
        "the entry `*` and others are refused beside each other",
        Client(PS_NEW_ENTRY), [Reconfigure];
    a_wildcard_stands_in_the_first_label:
        "a wildcard elsewhere than as the first label is refused with 32773",
        Documented(PS_NEW_ENTRY), [Reconfigure];
    an_entry_needs_a_group_and_a_folder:
        "an entry without a trust group or a folder is refused with 32773",
        Client(PS_NEW_ENTRY), [Reconfigure];
    a_replica_is_bound_to_an_entry_that_exists:
        "a replica is bound to an entry that exists, and to no other",
        Documented(SET_ENTRY);
    certificates_are_returned_at_once:
        "GetSystemCertificates returns a list with 0",
        Documented(CERTIFICATES);
    a_connection_is_tried:
        "a connection to a replica server is tried with success",
        Documented(CONNECTION);
    a_connection_to_nowhere_fails:
        "a connection to a host that is not there fails",
        Documented(CONNECTION);
    a_connection_needs_an_authentication:
        "an authentication other than 1 and 2 is refused with 32773",
        Documented(CONNECTION);
}

fn entry(name: &str) -> AuthorizationEntry {
    AuthorizationEntry {
        allowed_primary: name.to_owned(),
        trust_group: "conformance".to_owned(),
        storage_location: r"C:\ProgramData\Microsoft\Windows\Hyper-V".to_owned(),
    }
}

fn names(site: &Site<'_>) -> Checked<Vec<String>> {
    Ok(site.authorization_entries()?.into_iter().map(|it| it.allowed_primary).collect())
}

pub(crate) fn its_settings_are_changed(t: &Trial<'_>) -> Checked {
    let now = t.reconfigures(t.second())?;
    let length = if now.monitoring_interval_s == 24 * 3600 { 3600 } else { 24 * 3600 };
    let wanted = ServiceSettings { monitoring_interval_s: length, ..now };
    t.second().done(t.second().modify_service_settings(wanted.clone()))?;
    t.second().same("the settings", &wanted, &t.second().service_settings()?)
}

/// These changes of its settings are refused, and nothing has changed.
fn refused(t: &Trial<'_>, change: impl FnOnce(ServiceSettings) -> ServiceSettings) -> Checked {
    let now = t.reconfigures(t.second())?;
    let wrong = change(now.clone());
    let codes = [ErrorCode::InvalidParameter, ErrorCode::Failed];
    t.second().refuses(t.second().modify_service_settings(wrong), &codes)?;
    t.second().same("the settings", &now, &t.second().service_settings()?)
}

pub(crate) fn windows_have_certain_lengths(t: &Trial<'_>) -> Checked {
    refused(t, |now| ServiceSettings { monitoring_interval_s: 60, ..now })?;
    refused(t, |now| ServiceSettings { monitoring_interval_s: 8 * 24 * 3600, ..now })
}

pub(crate) fn enabling_it_needs_an_authentication(t: &Trial<'_>) -> Checked {
    refused(t, |now| ServiceSettings {
        recovery_server_enabled: true,
        allowed_authentication: AllowedAuthentication::Undefined,
        ..now
    })
}

pub(crate) fn certificates_need_a_thumbprint(t: &Trial<'_>) -> Checked {
    refused(t, |now| ServiceSettings {
        recovery_server_enabled: true,
        allowed_authentication: AllowedAuthentication::Certificate,
        certificate_thumbprint: String::new(),
        ..now
    })
}

pub(crate) fn kerberos_alone_takes_no_thumbprint(t: &Trial<'_>) -> Checked {
    refused(t, |now| ServiceSettings {
        recovery_server_enabled: true,
        allowed_authentication: AllowedAuthentication::Kerberos,
        certificate_thumbprint: "00".repeat(20),
        ..now
    })
}

pub(crate) fn disabled_it_takes_no_replicas(t: &Trial<'_>) -> Checked {
    let now = t.reconfigures(t.second())?;
    let off = ServiceSettings {
        recovery_server_enabled: false,
        allowed_authentication: AllowedAuthentication::Undefined,
        certificate_thumbprint: String::new(),
        ..now
    };
    t.second().done(t.second().modify_service_settings(off))?;
    let id = t.vm(Guest::Off)?;
    let answer = t.first().create_replication_relationship(id.vm, t.to_second());
    let codes = [FAILS, &[ErrorCode::AccessDenied]].concat();
    t.first().refuses(answer, &codes)?;
    t.first().mode(id.vm, ReplicationMode::None)
}

pub(crate) fn it_takes_replicas_of_those_it_lets_in(t: &Trial<'_>) -> Checked {
    t.without_entries(t.second())?;
    t.second().done(t.second().add_authorization_entry(entry("elsewhere.contoso.com")))?;
    let id = t.vm(Guest::Off)?;
    let answer = t.first().create_replication_relationship(id.vm, t.to_second());
    let codes = [FAILS, &[ErrorCode::AccessDenied]].concat();
    t.first().refuses(answer, &codes)?;
    t.first().mode(id.vm, ReplicationMode::None)
}

pub(crate) fn without_its_entry_a_primary_sends_nothing(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Running)?;
    t.second().receives(id)?;
    t.without_entries(t.second())?;
    t.first().comes_to(id, ReplicationState::Critical)
}

pub(crate) fn entries_come_and_go(t: &Trial<'_>) -> Checked {
    let second = t.second();
    t.without_entries(second)?;
    second.done(second.add_authorization_entry(entry("b.contoso.com")))?;
    second.done(second.add_authorization_entry(entry("a.contoso.com")))?;
    second.same(
        "the entries",
        &vec!["a.contoso.com".into(), "b.contoso.com".into()],
        &names(second)?,
    )?;
    second.done(second.remove_authorization_entry("a.contoso.com"))?;
    second.same("the entries", &vec!["b.contoso.com".into()], &names(second)?)
}

pub(crate) fn case_does_not_tell_entries_apart(t: &Trial<'_>) -> Checked {
    let second = t.second();
    t.without_entries(second)?;
    second.done(second.add_authorization_entry(entry("a.contoso.com")))?;
    second.done(second.remove_authorization_entry("A.CONTOSO.COM"))?;
    second.same("the entries", &Vec::new(), &names(second)?)
}

pub(crate) fn an_entry_is_changed(t: &Trial<'_>) -> Checked {
    let second = t.second();
    t.without_entries(second)?;
    second.done(second.add_authorization_entry(entry("a.contoso.com")))?;
    let wanted = AuthorizationEntry { trust_group: "other".into(), ..entry("a.contoso.com") };
    second.done(second.modify_authorization_entry(wanted.clone()))?;
    second.same("the entries", &vec![wanted], &second.authorization_entries()?)
}

pub(crate) fn an_entry_is_there_once(t: &Trial<'_>) -> Checked {
    let second = t.second();
    t.without_entries(second)?;
    second.done(second.add_authorization_entry(entry("a.contoso.com")))?;
    let again = second.add_authorization_entry(entry("A.contoso.com"));
    second.refuses(
        again,
        &[ErrorCode::Failed, ErrorCode::InvalidState, ErrorCode::InvalidParameter],
    )?;
    second.same("how many entries there are", &1, &names(second)?.len())
}

pub(crate) fn everybody_stands_alone(t: &Trial<'_>) -> Checked {
    let second = t.second();
    t.without_entries(second)?;
    let codes = [ErrorCode::InvalidState, ErrorCode::Failed, ErrorCode::InvalidParameter];
    second.done(second.add_authorization_entry(entry("*")))?;
    second.refuses(second.add_authorization_entry(entry("a.contoso.com")), &codes)?;
    second.same("the entries", &vec!["*".into()], &names(second)?)?;
    second.done(second.remove_authorization_entry("*"))?;
    second.done(second.add_authorization_entry(entry("a.contoso.com")))?;
    second.refuses(second.add_authorization_entry(entry("*")), &codes)
}

pub(crate) fn a_wildcard_stands_in_the_first_label(t: &Trial<'_>) -> Checked {
    let second = t.second();
    t.without_entries(second)?;
    second.done(second.add_authorization_entry(entry("*.contoso.com")))?;
    for wrong in ["hv.*.contoso.com", "h*.contoso.com", ""] {
        second.refuses(second.add_authorization_entry(entry(wrong)), BAD_VALUE)?;
    }
    second.same("the entries", &vec!["*.contoso.com".into()], &names(second)?)
}

pub(crate) fn an_entry_needs_a_group_and_a_folder(t: &Trial<'_>) -> Checked {
    let second = t.second();
    t.without_entries(second)?;
    let groupless = AuthorizationEntry { trust_group: String::new(), ..entry("a.contoso.com") };
    second.refuses(second.add_authorization_entry(groupless), BAD_VALUE)?;
    let homeless = AuthorizationEntry { storage_location: String::new(), ..entry("a.contoso.com") };
    second.refuses(second.add_authorization_entry(homeless), BAD_VALUE)?;
    second.same("the entries", &Vec::new(), &names(second)?)
}

pub(crate) fn a_replica_is_bound_to_an_entry_that_exists(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let Some(known) = t.second().authorization_entries()?.into_iter().next() else {
        return t.second().deviates("the entries", "one that lets the first host in", "none");
    };
    t.second().done(t.second().set_authorization_entry(id.vm, known))?;
    let unknown = t.second().set_authorization_entry(id.vm, entry("unknown.contoso.com"));
    t.second().refuses(unknown, &[ErrorCode::InvalidParameter, ErrorCode::Failed])
}

pub(crate) fn certificates_are_returned_at_once(t: &Trial<'_>) -> Checked {
    match t.first().call(&Call::GetSystemCertificates)? {
        Outcome::Returned(output) => match *output {
            Output::Certificates(_) => Ok(()),
            other => {
                let seen = format_args!("{other:?}");
                t.first().deviates("GetSystemCertificates", "0 with a list of texts", seen)
            }
        },
        other => t.first().deviates("GetSystemCertificates", "0 with a list", other.return_value()),
    }
}

/// A trial of the connection from the first host to this one.
fn connection(point: String, settings: &Settings) -> Call {
    Call::TestReplicationConnection {
        recovery_connection_point: point,
        port: settings.recovery_server_port,
        authentication: settings.authentication.map_or(0, AuthenticationType::to_wire),
        certificate_thumbprint: Some(settings.certificate_thumbprint.clone())
            .filter(|it| !it.is_empty()),
        bypass_proxy: settings.bypass_proxy,
    }
}

pub(crate) fn a_connection_is_tried(t: &Trial<'_>) -> Checked {
    let settings = t.to_second();
    let call = connection(settings.recovery_connection_point.clone(), &settings);
    t.first().done(t.first().call(&call))
}

pub(crate) fn a_connection_to_nowhere_fails(t: &Trial<'_>) -> Checked {
    let call = connection("no-such-host.invalid".to_owned(), &t.to_second());
    t.first().refuses(t.first().call(&call), FAILS)
}

pub(crate) fn a_connection_needs_an_authentication(t: &Trial<'_>) -> Checked {
    for authentication in [0, 3] {
        let call = Call::TestReplicationConnection {
            recovery_connection_point: t.to_second().recovery_connection_point,
            port: t.to_second().recovery_server_port,
            authentication,
            certificate_thumbprint: None,
            bypass_proxy: false,
        };
        t.first().refuses(t.first().call(&call), BAD_VALUE)?;
    }
    Ok(())
}
