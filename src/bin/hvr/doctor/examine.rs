//! One host by itself: its replica server, and what its virtual machines need.

use super::Findings;
use hyperv_replica::error::{Error, Result};
use hyperv_replica::model::time::format_duration;
use hyperv_replica::model::{
    AuthenticationType, EnabledState, ErrorCode, ErrorRecord, Leg, Operation, RelationshipId,
    ReplicationHealth, ReplicationMode, ReplicationState, ServiceSettings, ServiceStatus, Vm,
    WindowsBuild,
};
use hyperv_replica::rules::HEALTH;
use hyperv_replica::{ReplicationService, ReplicationServiceExt};
use std::time::Duration;

const SERVICE: &str = "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice";
const OVERVIEW: &str =
    "https://learn.microsoft.com/windows-server/virtualization/hyper-v/replication-overview";
const FAILOVER: &str =
    "https://learn.microsoft.com/windows-server/virtualization/hyper-v/replication-failover";
const SET_SERVER: &str =
    "https://learn.microsoft.com/powershell/module/hyper-v/set-vmreplicationserver";
const NEW_ENTRY: &str =
    "https://learn.microsoft.com/powershell/module/hyper-v/new-vmreplicationauthorizationentry";

/// Looks at a host. What it does not answer at all is an error.
pub(super) fn host(
    name: &str,
    service: &dyn ReplicationService,
    findings: &mut Findings,
) -> Result<()> {
    let host = service.host()?;
    let edition = service.call(&hyperv_replica::model::Call::GetSystemCertificates);
    match edition.as_ref().map_err(Error::code) {
        Err(Some(ErrorCode::NotSupported)) => {
            findings
                .wrong(name, "this Windows is no server: it has no Hyper-V Replica")
                .action("Use a Windows Server.")
                .source(OVERVIEW);
            return Ok(());
        }
        Err(Some(ErrorCode::AccessDenied)) => {
            findings
                .wrong(name, "you may not manage Hyper-V here")
                .action("Join Administrators or Hyper-V Administrators.")
                .rule(Operation::GetSystemCertificates);
        }
        _ => {
            findings.good(name, format!("{}, known there as {}", host.build.label(), host.name));
        }
    }
    if host.build == WindowsBuild::Server2012 {
        findings
            .look(name, "this Windows neither extends replication nor changes its interval")
            .source("https://learn.microsoft.com/virtualization/community/team-blog/2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2");
    }
    server(name, service, host.status, findings)?;
    for vm in service.vms()? {
        match virtual_machine(name, service, &vm, findings) {
            // Gone between two questions.
            Err(Error::NotFound(_)) => {}
            other => other?,
        }
    }
    Ok(())
}

/// The replica server: does it run, whom does it let in, and when does it count?
fn server(
    name: &str,
    service: &dyn ReplicationService,
    status: ServiceStatus,
    findings: &mut Findings,
) -> Result<()> {
    let settings = service.service_settings()?;
    if !settings.recovery_server_enabled {
        findings
            .look(name, "the replica server is disabled: this host sends and receives nothing")
            .action(
                "To receive: Set-VMReplicationServer -ReplicationEnabled $true. A cluster is \
                     configured on its broker.",
            )
            .source(SET_SERVER)
            .rule(Operation::ModifyServiceSettings);
        return Ok(());
    }
    let listeners: Vec<_> = AuthenticationType::ALL
        .iter()
        .filter(|it| settings.listens(**it))
        .map(|it| format!("{} on port {}", it.name(), settings.port(*it)))
        .collect();
    let says = format!("the replica server takes {}", listeners.join(" and "));
    if status == ServiceStatus::Error {
        findings
            .wrong(name, format!("{says}, but a listener does not run"))
            .action(
                "Free the port, renew the certificate, or register the service's names; then \
                     configure the server again.",
            )
            .source(SERVICE);
    } else if listeners.is_empty() {
        findings
            .wrong(name, "the replica server is enabled and takes no authentication")
            .action("Set-VMReplicationServer -AllowedAuthenticationType Kerberos")
            .rule(Operation::ModifyServiceSettings);
    } else {
        findings.good(name, says);
    }
    if settings.listens(AuthenticationType::Certificate)
        && settings.certificate_thumbprint.is_empty()
    {
        findings
            .wrong(name, "the server takes certificates and names none of its own")
            .action("Set-VMReplicationServer -CertificateThumbprint …")
            .rule(Operation::ModifyServiceSettings);
    }
    entries(name, service, findings)?;
    monitoring(name, &settings, findings);
    Ok(())
}

fn entries(name: &str, service: &dyn ReplicationService, findings: &mut Findings) -> Result<()> {
    let entries = service.authorization_entries()?;
    if entries.is_empty() {
        findings
            .wrong(name, "no authorization entry lets anybody in")
            .action(
                "New-VMReplicationAuthorizationEntry -AllowedPrimaryServer … \
                     -ReplicaStorageLocation … -TrustGroup …",
            )
            .source(NEW_ENTRY)
            .rule(Operation::AddAuthorizationEntry);
    }
    for it in &entries {
        let who = match &*it.allowed_primary {
            "*" => "any host",
            name => name,
        };
        let (group, folder) = (&it.trust_group, &it.storage_location);
        let says = format!("{who} is let in, trust group {group}, to {folder}");
        if it.is_valid() {
            findings.good(name, says);
        } else {
            findings
                .wrong(name, format!("{says}: the entry is not well-formed"))
                .action("Name a host, `*.domain` or `*`, a trust group and a folder.")
                .rule(Operation::ModifyAuthorizationEntry);
        }
    }
    Ok(())
}

fn monitoring(name: &str, settings: &ServiceSettings, findings: &mut Findings) {
    let shown = |seconds: u32| format_duration(Duration::from_secs(seconds.into())).to_string();
    let interval = settings.monitoring_interval_s;
    let (every, from) = (shown(interval), shown(settings.monitoring_start_s));
    let says = format!("health is counted in windows of {every}, from {from} after midnight UTC");
    if ServiceSettings::MONITORING_INTERVALS_S.contains(&interval) {
        findings.good(name, says);
    } else {
        findings
            .look(name, format!("{says}, a length that the management tools do not offer"))
            .action("Set-VMReplicationServer -MonitoringInterval …")
            .source(SET_SERVER);
    }
}

/// A virtual machine with a role.
fn virtual_machine(
    host: &str,
    service: &dyn ReplicationService,
    vm: &Vm,
    findings: &mut Findings,
) -> Result<()> {
    let about = format!("{host}/{}", vm.name);
    match vm.mode {
        ReplicationMode::None => return Ok(()),
        ReplicationMode::TestReplica => {
            findings
                .look(&about, "a test replica is left over")
                .action("Stop-VMFailover on the replica deletes it.")
                .source(FAILOVER)
                .rule(Operation::DestroySystem);
            return Ok(());
        }
        _ => {}
    }
    for leg in [Leg::Primary, Leg::Extended] {
        let id = RelationshipId { vm: vm.id, leg };
        let it = match service.relationship(id) {
            Err(Error::NotFound(_)) => continue,
            other => other?,
        };
        if it.state == ReplicationState::Disabled {
            continue;
        }
        let extended = if leg == Leg::Extended { ", sending on" } else { "" };
        let says = format!("{}{extended}: {}", vm.mode.name(), it.state.label());
        match it.health {
            ReplicationHealth::Critical => {
                let action = "The state says what is needed; resume, or resynchronise.";
                health(service, id, &about, &says, action, true, findings)?;
            }
            ReplicationHealth::Warning => {
                let action = "Look again after the next monitoring window.";
                health(service, id, &about, &says, action, false, findings)?;
            }
            _ => {
                findings.good(&about, says);
            }
        }
        if it.state == ReplicationState::WaitingForResynchronization {
            findings
                .wrong(&about, "a resynchronisation is pending: nothing is replicated before it")
                .action("Resume-VMReplication -Resynchronize")
                .rule(Operation::Resynchronize);
        }
    }
    power(service, &about, vm, findings)
}

/// Why a relationship is not well: each issue with its rule of health.
fn health(
    service: &dyn ReplicationService,
    id: RelationshipId,
    about: &str,
    says: &str,
    action: &str,
    critical: bool,
    findings: &mut Findings,
) -> Result<()> {
    let issues = match service.statistics(id) {
        Ok((_, issues)) => issues,
        // A backend may have no statistics of what is not in order.
        Err(Error::Refused(_) | Error::NotImplemented(_)) => Vec::new(),
        Err(error) => return Err(error),
    };
    let mut add = |says: String, action: &str, source: Option<String>| {
        let it = if critical { findings.wrong(about, says) } else { findings.look(about, says) };
        it.action(action).source = source;
    };
    if issues.is_empty() {
        add(says.to_owned(), action, None);
    }
    for issue in &issues {
        let kind = ErrorRecord::message_kind(issue);
        let rule = HEALTH.iter().find(|it| Some(it.message) == kind);
        let action = issue.recommended_actions.first().map_or(action, String::as_str);
        let source = rule.map(|it| it.evidence.to_string());
        add(format!("{says}. {}", issue.message.trim_end_matches('.')), action, source);
    }
    Ok(())
}

/// A replica that is off is as it should be; a primary that is off is an outage.
fn power(
    service: &dyn ReplicationService,
    about: &str,
    vm: &Vm,
    findings: &mut Findings,
) -> Result<()> {
    let state = service.relationship(RelationshipId::primary(vm.id))?.state;
    let failed_over = [ReplicationState::Recovered, ReplicationState::Committed].contains(&state);
    let off = vm.power == EnabledState::Disabled;
    match vm.mode {
        ReplicationMode::Primary if off && state == ReplicationState::Synced => {
            findings
                .look(about, "off, prepared for a planned failover: nobody serves meanwhile")
                .action("Fail over on the replica, or cancel the failover here.")
                .source(FAILOVER)
                .rule(Operation::InitiateFailover);
        }
        ReplicationMode::Primary if off => {
            findings
                .look(about, "off: a primary that does not run serves nobody")
                .action("Start it, or fail over if this host is the reason.")
                .source(FAILOVER)
                .rule(Operation::StartVm);
        }
        _ if off && failed_over => {
            findings
                .wrong(about, "failed over and off: nobody serves")
                .action("Start it, or revert the failover.")
                .source(FAILOVER)
                .rule(Operation::StartVm);
        }
        ReplicationMode::Replica | ReplicationMode::ExtendedReplica if off => {
            findings.good(about, "off, as a replica is");
        }
        _ => {}
    }
    Ok(())
}
