//! Settings, of their instances: of a replication, of a replica server, of an entry, of an adapter.
//!
//! Each is read over what was there before, because a text that a client hands in changes what it
//! supplies and nothing else. What a host shows is read over the defaults.

use super::names;
use super::read::{Read, Record};
use crate::model::{
    AdapterId, AllowedAuthentication, AuthorizationEntry, DiskId, FailoverNetworkAdapterSettings,
    Guid, IpProtocol, ServiceSettings, Settings,
};

/// Settings of a replication. The disks are those that `disk` makes of their paths.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata>
pub(crate) fn settings(
    it: Record<'_>,
    before: Settings,
    mut disk: impl FnMut(&str) -> Option<DiskId>,
) -> Read<Settings> {
    let (mut to, none) = (before, Settings::default());
    let text = Record::string;
    it.over("RecoveryConnectionPoint", &mut to.recovery_connection_point, String::new(), text)?;
    it.over("RecoveryServerPortNumber", &mut to.recovery_server_port, 0, Record::number)?;
    it.over("AuthenticationType", &mut to.authentication, None, |it, property| {
        match it.number::<u32>(property)? {
            // None yet.
            None | Some(0) => Ok(None),
            Some(_) => Ok(Some(it.known(property)?)),
        }
    })?;
    it.over("CertificateThumbPrint", &mut to.certificate_thumbprint, String::new(), text)?;
    it.over("CompressionEnabled", &mut to.compression, none.compression, Record::flag)?;
    it.over("BypassProxyServer", &mut to.bypass_proxy, none.bypass_proxy, Record::flag)?;
    let kvp = &mut to.replicate_host_kvp;
    it.over("ReplicateHostKvpItems", kvp, none.replicate_host_kvp, Record::flag)?;
    let hours = &mut to.application_consistent_interval_h;
    it.over("ApplicationConsistentSnapshotInterval", hours, 0, Record::number)?;
    it.over("RecoveryHistory", &mut to.recovery_history, 0, Record::number)?;
    let resync = &mut to.auto_resynchronize;
    it.over("AutoResynchronizeEnabled", resync, none.auto_resynchronize, Record::flag)?;
    let (start, end) = (&mut to.auto_resynchronize_start_s, &mut to.auto_resynchronize_end_s);
    let start_default = none.auto_resynchronize_start_s;
    it.over("AutoResynchronizeIntervalStart", start, start_default, Record::seconds)?;
    let end_default = none.auto_resynchronize_end_s;
    it.over("AutoResynchronizeIntervalEnd", end, end_default, Record::seconds)?;
    it.over("ReplicationProvider", &mut to.provider, none.provider, provider)?;
    let interval = &mut to.replication_interval_s;
    it.over("ReplicationInterval", interval, none.replication_interval_s, Record::number)?;
    it.over("AdditionalSettings", &mut to.additional_settings, String::new(), text)?;
    it.over("RecoveryHostSystem", &mut to.recovery_host, String::new(), text)?;
    it.over("PrimaryConnectionPoint", &mut to.primary_connection_point, String::new(), text)?;
    it.over("PrimaryHostSystem", &mut to.primary_host, String::new(), text)?;
    it.over("IncludedDisks", &mut to.included_disks, None, |it, property| {
        if it.is_null(property) {
            return Ok(None);
        }
        let texts = it.texts(property)?;
        let disks = texts
            .iter()
            .map(|text| disk(text).ok_or_else(|| it.wrong_part(property, text, "paths of disks")));
        Ok(Some(Some(disks.collect::<Read<_>>()?)))
    })?;
    Ok(to)
}

/// A path whose key is the provider's GUID. A text that is empty says as much as null.
fn provider(it: Record<'_>, property: &str) -> Read<Option<Guid>> {
    match it.text(property)? {
        Some(text) if !text.is_empty() => {
            let expected = "a path of Msvm_ReplicationProvider";
            names::provider_of(&text).map(Some).ok_or_else(|| it.wrong(property, expected))
        }
        _ => Ok(None),
    }
}

/// Settings of a replica server.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservicesettingdata>
pub(crate) fn service_settings(it: Record<'_>, before: ServiceSettings) -> Read<ServiceSettings> {
    let (mut to, none) = (before, ServiceSettings::default());
    it.over("RecoveryServerEnabled", &mut to.recovery_server_enabled, false, Record::flag)?;
    let allowed = &mut to.allowed_authentication;
    let undefined = AllowedAuthentication::Undefined;
    it.over("AllowedAuthenticationType", allowed, undefined, Record::known)?;
    let thumbprint = &mut to.certificate_thumbprint;
    it.over("CertificateThumbPrint", thumbprint, String::new(), Record::string)?;
    it.over("HttpPort", &mut to.http_port, none.http_port, Record::number)?;
    it.over("HttpsPort", &mut to.https_port, none.https_port, Record::number)?;
    let start = &mut to.monitoring_start_s;
    it.over("MonitoringStartTime", start, none.monitoring_start_s, Record::seconds)?;
    let interval = &mut to.monitoring_interval_s;
    it.over("MonitoringInterval", interval, none.monitoring_interval_s, Record::number)?;
    Ok(to)
}

/// An authorization entry.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationauthorizationsettingdata>
pub(crate) fn entry(it: Record<'_>, before: AuthorizationEntry) -> Read<AuthorizationEntry> {
    let (mut to, text) = (before, Record::string);
    it.over("AllowedPrimaryHostSystem", &mut to.allowed_primary, String::new(), text)?;
    it.over("TrustGroup", &mut to.trust_group, String::new(), text)?;
    it.over("ReplicaStorageLocation", &mut to.storage_location, String::new(), text)?;
    Ok(to)
}

/// What an adapter takes after a failover.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-failovernetworkadaptersettingdata>
pub(crate) fn failover_network(
    it: Record<'_>,
    before: FailoverNetworkAdapterSettings,
) -> Read<FailoverNetworkAdapterSettings> {
    let mut to = before;
    it.over("ProtocolIFType", &mut to.protocol, IpProtocol::Unknown, Record::known)?;
    it.over("DHCPEnabled", &mut to.dhcp, false, Record::flag)?;
    let texts = |it: Record<'_>, property: &str| it.texts(property).map(Some);
    it.over("IPAddresses", &mut to.addresses, Vec::new(), texts)?;
    it.over("Subnets", &mut to.subnets, Vec::new(), texts)?;
    it.over("DefaultGateways", &mut to.gateways, Vec::new(), texts)?;
    it.over("DNSServers", &mut to.dns_servers, Vec::new(), texts)?;
    Ok(to)
}

/// What an adapter takes for which nothing is set.
pub(crate) fn nothing_for(adapter: AdapterId) -> FailoverNetworkAdapterSettings {
    FailoverNetworkAdapterSettings {
        adapter,
        protocol: IpProtocol::Unknown,
        dhcp: false,
        addresses: Vec::new(),
        subnets: Vec::new(),
        gateways: Vec::new(),
        dns_servers: Vec::new(),
    }
}
