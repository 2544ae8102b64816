//! What a caller hands in, over what is there: a property that the text does not have keeps its
//! value, one that is null takes the default.
//!
//! Over a default this reads a record from an instance.

use super::names;
use crate::cim::{DateTime, Instance, TypeError, Value};
use crate::model::{
    AllowedAuthentication, AuthenticationType, AuthorizationEntry, FailoverNetworkAdapterSettings,
    IN_BOX_PROVIDER, IpProtocol, ServiceSettings, Settings, VmId,
};
use std::fmt;

/// A property whose value the record cannot hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unreadable {
    /// The property.
    pub(crate) property: &'static str,
    /// Its value.
    pub(crate) found: String,
}

impl Unreadable {
    fn new(property: &'static str, value: &Value) -> Self {
        Self { property, found: value.to_text().unwrap_or_else(|| format!("{value:?}")) }
    }
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "property {} has the value `{}`, which means nothing", self.property, self.found)
    }
}

impl std::error::Error for Unreadable {}

type Read<T = ()> = Result<T, Unreadable>;

/// Puts a value into a field.
fn put<'a, T, U>(
    given: &'a Instance,
    property: &'static str,
    field: &mut T,
    default: T,
    convert: impl FnOnce(U) -> Option<T>,
) -> Read
where
    U: TryFrom<&'a Value, Error = TypeError>,
{
    let Some(value) = given.get(property) else { return Ok(()) };
    *field = if value.is_null() {
        default
    } else {
        let read = U::try_from(value).ok().and_then(convert);
        read.ok_or_else(|| Unreadable::new(property, value))?
    };
    Ok(())
}

fn copy<'a, T>(given: &'a Instance, property: &'static str, field: &mut T, default: T) -> Read
where
    T: Copy + 'a,
    &'a T: TryFrom<&'a Value, Error = TypeError>,
{
    put(given, property, field, default, |it: &T| Some(*it))
}

fn text(given: &Instance, property: &'static str, field: &mut String) -> Read {
    put(given, property, field, String::new(), |it: &str| Some(it.to_owned()))
}

fn texts(given: &Instance, property: &'static str, field: &mut Vec<String>) -> Read {
    put(given, property, field, Vec::new(), |it: &[String]| Some(it.to_vec()))
}

/// A time of day or a length of time, in whole seconds.
fn seconds(given: &Instance, property: &'static str, field: &mut u32, default: u32) -> Read {
    put(given, property, field, default, |it: &DateTime| it.duration()?.as_secs().try_into().ok())
}

/// The settings of a relationship of a virtual machine. Who it is and where both ends are is for
/// the service to say.
pub(crate) fn settings(base: Settings, given: &Instance, vm: VmId) -> Read<Settings> {
    let mut it = base;
    let new = Settings::default();
    put(given, "AuthenticationType", &mut it.authentication, None, |number: &u16| match number {
        0 => Some(None),
        number => AuthenticationType::from_wire(*number).map(Some),
    })?;
    text(given, "CertificateThumbPrint", &mut it.certificate_thumbprint)?;
    copy(given, "CompressionEnabled", &mut it.compression, new.compression)?;
    copy(given, "BypassProxyServer", &mut it.bypass_proxy, new.bypass_proxy)?;
    text(given, "RecoveryConnectionPoint", &mut it.recovery_connection_point)?;
    text(given, "RecoveryHostSystem", &mut it.recovery_host)?;
    text(given, "PrimaryConnectionPoint", &mut it.primary_connection_point)?;
    text(given, "PrimaryHostSystem", &mut it.primary_host)?;
    copy(given, "RecoveryServerPortNumber", &mut it.recovery_server_port, 0)?;
    copy(given, "ReplicateHostKvpItems", &mut it.replicate_host_kvp, new.replicate_host_kvp)?;
    let hours = &mut it.application_consistent_interval_h;
    copy(given, "ApplicationConsistentSnapshotInterval", hours, 0)?;
    copy(given, "RecoveryHistory", &mut it.recovery_history, 0)?;
    put(given, "IncludedDisks", &mut it.included_disks, None, |disks: &[String]| {
        let ids = disks.iter().map(|text| match names::included_disk(text)? {
            (owner, disk) if owner == vm => Some(disk),
            _ => None,
        });
        ids.collect::<Option<_>>().map(Some)
    })?;
    copy(given, "AutoResynchronizeEnabled", &mut it.auto_resynchronize, new.auto_resynchronize)?;
    let (start, end) = (&mut it.auto_resynchronize_start_s, &mut it.auto_resynchronize_end_s);
    seconds(given, "AutoResynchronizeIntervalStart", start, new.auto_resynchronize_start_s)?;
    seconds(given, "AutoResynchronizeIntervalEnd", end, new.auto_resynchronize_end_s)?;
    put(given, "ReplicationProvider", &mut it.provider, IN_BOX_PROVIDER, |path: &str| {
        if path.is_empty() { Some(IN_BOX_PROVIDER) } else { names::provider_of(path) }
    })?;
    let interval = &mut it.replication_interval_s;
    copy(given, "ReplicationInterval", interval, new.replication_interval_s)?;
    text(given, "AdditionalSettings", &mut it.additional_settings)?;
    Ok(it)
}

/// The settings of a replica server.
pub(crate) fn service_settings(base: ServiceSettings, given: &Instance) -> Read<ServiceSettings> {
    let mut it = base;
    let new = ServiceSettings::default();
    copy(given, "RecoveryServerEnabled", &mut it.recovery_server_enabled, false)?;
    let allowed = &mut it.allowed_authentication;
    put(given, "AllowedAuthenticationType", allowed, new.allowed_authentication, |it: &u16| {
        AllowedAuthentication::from_wire(*it)
    })?;
    text(given, "CertificateThumbPrint", &mut it.certificate_thumbprint)?;
    copy(given, "HttpPort", &mut it.http_port, new.http_port)?;
    copy(given, "HttpsPort", &mut it.https_port, new.https_port)?;
    seconds(given, "MonitoringStartTime", &mut it.monitoring_start_s, new.monitoring_start_s)?;
    let interval = &mut it.monitoring_interval_s;
    copy(given, "MonitoringInterval", interval, new.monitoring_interval_s)?;
    Ok(it)
}

/// An authorization entry.
pub(crate) fn authorization(
    base: AuthorizationEntry,
    given: &Instance,
) -> Read<AuthorizationEntry> {
    let mut it = base;
    text(given, "AllowedPrimaryHostSystem", &mut it.allowed_primary)?;
    text(given, "TrustGroup", &mut it.trust_group)?;
    text(given, "ReplicaStorageLocation", &mut it.storage_location)?;
    Ok(it)
}

/// What an adapter takes after a failover. Which adapter is in the `InstanceID`.
pub(crate) fn failover_network(
    base: FailoverNetworkAdapterSettings,
    given: &Instance,
) -> Read<FailoverNetworkAdapterSettings> {
    let mut it = base;
    put(given, "ProtocolIFType", &mut it.protocol, IpProtocol::Unknown, |it: &u16| {
        IpProtocol::from_wire(*it)
    })?;
    copy(given, "DHCPEnabled", &mut it.dhcp, false)?;
    texts(given, "IPAddresses", &mut it.addresses)?;
    texts(given, "Subnets", &mut it.subnets)?;
    texts(given, "DefaultGateways", &mut it.gateways)?;
    texts(given, "DNSServers", &mut it.dns_servers)?;
    Ok(it)
}
