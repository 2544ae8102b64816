//! Two hosts: would one be let in by the other, and does it get through?

use super::Findings;
use crate::connect::Connected;
use hyperv_replica::error::Result;
use hyperv_replica::model::{AuthenticationType, Call, Operation};
use hyperv_replica::{ReplicationService, ReplicationServiceExt};

const UPGRADE: &str = "https://learn.microsoft.com/virtualization/community/team-blog/2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2";

/// Looks whether the first host could replicate to the second.
pub(super) fn examine(from: &Connected, to: &Connected, findings: &mut Findings) -> Result<()> {
    let about = format!("{} → {}", from.name, to.name);
    let (sender, receiver) = (from.service().host()?, to.service().host()?);
    if sender.build > receiver.build {
        let (newer, older) = (sender.build.label(), receiver.build.label());
        findings
            .wrong(&about, format!("{newer} does not replicate to {older}, which is older"))
            .action("Upgrade the receiving host first.")
            .source(UPGRADE);
    } else {
        findings.good(&about, "the builds fit");
    }
    let settings = to.service().service_settings()?;
    if !settings.recovery_server_enabled {
        findings
            .wrong(&about, format!("the replica server of {} is disabled", to.name))
            .action("Set-VMReplicationServer -ReplicationEnabled $true")
            .rule(Operation::ModifyServiceSettings);
        return Ok(());
    }
    let entries = to.service().authorization_entries()?;
    match entries.iter().find(|it| it.covers(&sender.name)) {
        Some(entry) => {
            let (who, folder) = (&entry.allowed_primary, &entry.storage_location);
            findings.good(&about, format!("the entry `{who}` lets it in, to {folder}"));
        }
        None => {
            findings
                .wrong(&about, format!("no entry of {} lets {} in", to.name, sender.name))
                .action(format!(
                    "New-VMReplicationAuthorizationEntry -AllowedPrimaryServer {} \
                     -ReplicaStorageLocation … -TrustGroup …",
                    sender.name
                ))
                .rule(Operation::AddAuthorizationEntry);
        }
    }
    for kind in AuthenticationType::ALL.iter().filter(|it| settings.listens(**it)) {
        try_connection(&about, from.service(), &receiver.name, &settings, *kind, findings)?;
    }
    Ok(())
}

/// The same attempt that the management tools offer as a test; it changes nothing.
fn try_connection(
    about: &str,
    from: &dyn ReplicationService,
    to: &str,
    settings: &hyperv_replica::model::ServiceSettings,
    kind: AuthenticationType,
    findings: &mut Findings,
) -> Result<()> {
    let own = from.service_settings()?.certificate_thumbprint;
    let certificate = (kind == AuthenticationType::Certificate).then_some(own);
    let (name, port) = (kind.name(), settings.port(kind));
    if certificate.as_ref().is_some_and(String::is_empty) {
        findings.look(about, format!("{name} was not tried: the sender names no certificate"));
        return Ok(());
    }
    let call = Call::TestReplicationConnection {
        recovery_connection_point: to.to_owned(),
        port,
        authentication: kind.to_wire(),
        certificate_thumbprint: certificate,
        bypass_proxy: false,
    };
    match from.call(&call).and_then(|it| from.wait(it)) {
        Ok(()) => {
            findings.good(about, format!("{name} gets through to port {port}"));
        }
        Err(error) => {
            findings
                .wrong(about, format!("{name} does not get through to port {port}: {error}"))
                .action("Check the name, the port and its firewall, and both sides' credentials.")
                .rule(Operation::TestReplicationConnection);
        }
    }
    Ok(())
}
