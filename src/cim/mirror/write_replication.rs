//! What has to do with replication as instances.

use super::Place;
use super::names::{self, class, seconds, time};
use super::write_system::{HEALTHY, OK};
use crate::cim::Instance;
use crate::model::{
    AuthenticationType, AuthorizationEntry, FailoverNetworkAdapterSettings, Host, Relationship,
    RelationshipId, ReplicationProvider, ServiceSettings, Settings, Statistics, VmId,
};

/// The one service.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice>
pub(crate) fn service(host: &Host) -> Instance {
    singleton(class::SERVICE, names::SERVICE_NAME, &host.name).with_all([
        ("Caption", "Hyper-V Replica Service".into()),
        ("Description", "Replication Service".into()),
        ("ElementName", "Hyper-V Replica Service".into()),
        ("OperationalStatus", vec![host.status.to_wire()].into()),
    ])
}

/// The service that defines and removes virtual machines.
pub(crate) fn management(host: &Host) -> Instance {
    singleton(class::MANAGEMENT, names::MANAGEMENT_NAME, &host.name).with_all([
        ("Caption", "Hyper-V Virtual System Management Service".into()),
        ("ElementName", "Hyper-V Virtual System Management Service".into()),
        ("OperationalStatus", vec![OK].into()),
    ])
}

fn singleton(class: &'static str, name: &str, host: &str) -> Instance {
    Instance::of(
        class,
        [
            ("SystemCreationClassName", class::COMPUTER_SYSTEM.into()),
            ("SystemName", host.into()),
            ("CreationClassName", class.into()),
            ("Name", name.into()),
            ("EnabledState", 2_u16.into()),
            ("EnabledDefault", 2_u16.into()),
            ("RequestedState", 12_u16.into()),
            ("HealthState", HEALTHY.into()),
            ("Started", true.into()),
            ("Status", "OK".into()),
        ],
    )
}

/// The settings of the host's replica server.
pub(crate) fn service_settings(settings: &ServiceSettings, host: &str) -> Instance {
    Instance::of(
        class::SERVICE_SETTINGS,
        [
            ("InstanceID", names::service_settings_id(host).into()),
            ("Caption", "Replication Service Settings".into()),
            ("ElementName", "Replication Service Settings".into()),
            ("RecoveryServerEnabled", settings.recovery_server_enabled.into()),
            ("AllowedAuthenticationType", settings.allowed_authentication.to_wire().into()),
            ("CertificateThumbPrint", settings.certificate_thumbprint.clone().into()),
            ("HttpPort", settings.http_port.into()),
            ("HttpsPort", settings.https_port.into()),
            ("MonitoringStartTime", seconds(settings.monitoring_start_s).into()),
            ("MonitoringInterval", settings.monitoring_interval_s.into()),
        ],
    )
}

/// An authorization entry. Pages say that it has no `InstanceID`, which is its key: it has one here.
pub(crate) fn authorization(entry: &AuthorizationEntry, host: &str) -> Instance {
    Instance::of(
        class::AUTHORIZATION,
        [
            ("InstanceID", names::authorization_id(host, &entry.allowed_primary).into()),
            ("AllowedPrimaryHostSystem", entry.allowed_primary.clone().into()),
            ("TrustGroup", entry.trust_group.clone().into()),
            ("ReplicaStorageLocation", entry.storage_location.clone().into()),
        ],
    )
}

/// A provider. `Name` is the key; the id that the page gives is there, too.
pub(crate) fn provider(provider: &ReplicationProvider, host: &str) -> Instance {
    Instance::of(
        class::PROVIDER,
        [
            ("Name", provider.name.to_string().into()),
            ("InstanceID", provider.instance_id(host).into()),
            ("Caption", "Replication Provider".into()),
            ("Description", provider.element_name.clone().into()),
            ("ElementName", provider.element_name.clone().into()),
            ("OperationalStatus", vec![OK].into()),
        ],
    )
}

/// A relationship of the virtual machine with this name.
pub(crate) fn relationship(it: &Relationship, vm_name: &str, place: &Place) -> Instance {
    Instance::of(
        class::RELATIONSHIP,
        [
            ("InstanceID", names::relationship_id(it.id, place.build).into()),
            ("ElementName", vm_name.into()),
            ("ReplicationState", it.state.to_wire().into()),
            ("ReplicationHealth", it.health.to_wire().into()),
            ("FailedOverReplicationType", it.failed_over.to_wire().into()),
            ("LastReplicationType", it.last_type.to_wire().into()),
            (
                "LastApplicationConsistentReplicationTime",
                time(it.last_application_consistent).into(),
            ),
            ("LastReplicationTime", time(it.last_replication).into()),
            ("LastApplyTime", time(it.last_apply).into()),
        ],
    )
}

/// The settings of a relationship of the virtual machine with this name.
///
/// `IncludedDisks` is null where no set of disks is named, which is every disk.
pub(crate) fn settings(
    settings: &Settings,
    id: RelationshipId,
    vm_name: &str,
    place: &Place,
) -> Instance {
    let disk = |disk| place.text(names::by_id(class::DISK, names::disk_id(id.vm, disk)));
    let disks = settings.included_disks.as_ref();
    let disks: Option<Vec<String>> = disks.map(|ids| ids.iter().copied().map(disk).collect());
    let authentication = settings.authentication.map_or(0, AuthenticationType::to_wire);
    Instance::of(
        class::SETTINGS,
        [
            ("InstanceID", names::relationship_id(id, place.build).into()),
            ("Caption", "Replication Settings".into()),
            ("Description", "Virtual Machine Replication Settings Data".into()),
            ("ElementName", vm_name.into()),
            ("VirtualSystemIdentifier", id.vm.to_string().into()),
            ("VirtualSystemType", names::REPLICA_TYPE.into()),
            ("AuthenticationType", authentication.into()),
            ("CertificateThumbPrint", settings.certificate_thumbprint.clone().into()),
            ("RootCertificateThumbPrint", "".into()),
            ("CompressionEnabled", settings.compression.into()),
            ("BypassProxyServer", settings.bypass_proxy.into()),
            ("RecoveryConnectionPoint", settings.recovery_connection_point.clone().into()),
            ("RecoveryHostSystem", settings.recovery_host.clone().into()),
            ("PrimaryConnectionPoint", settings.primary_connection_point.clone().into()),
            ("PrimaryHostSystem", settings.primary_host.clone().into()),
            ("RecoveryServerPortNumber", settings.recovery_server_port.into()),
            ("ReplicateHostKvpItems", settings.replicate_host_kvp.into()),
            (
                "ApplicationConsistentSnapshotInterval",
                settings.application_consistent_interval_h.into(),
            ),
            ("RecoveryHistory", settings.recovery_history.into()),
            ("IncludedDisks", disks.into()),
            ("AutoResynchronizeEnabled", settings.auto_resynchronize.into()),
            ("AutoResynchronizeIntervalStart", seconds(settings.auto_resynchronize_start_s).into()),
            ("AutoResynchronizeIntervalEnd", seconds(settings.auto_resynchronize_end_s).into()),
            ("EnableWriteOrderPreservationAcrossDisks", true.into()),
            ("ReplicationProvider", place.text(names::provider_path(settings.provider)).into()),
            ("ReplicationInterval", settings.replication_interval_s.into()),
            ("AdditionalSettings", settings.additional_settings.clone().into()),
        ],
    )
}

/// The counters of a monitoring window; its ids and names are always null.
pub(crate) fn statistics(it: &Statistics) -> Instance {
    Instance::of(
        class::STATISTICS,
        [
            ("StartStatisticTime", time(Some(it.start)).into()),
            ("EndStatisticTime", time(Some(it.end)).into()),
            ("ReplicationSuccessCount", it.successes.into()),
            ("ReplicationSize", it.size_bytes.into()),
            ("MaxReplicationSize", it.max_size_bytes.into()),
            ("ReplicationLatency", it.latency_s.into()),
            ("ReplicationMissCount", it.misses.into()),
            ("MaxReplicationLatency", it.max_latency_s.into()),
            ("NetworkFailureCount", it.network_failures.into()),
            ("ReplicationFailureCount", it.replication_failures.into()),
            ("PendingReplicationSize", it.pending_bytes.into()),
            (
                "ApplicationConsistentSnapshotFailureCount",
                it.application_consistent_failures.into(),
            ),
            ("ReplicationHealth", u32::from(it.health.to_wire()).into()),
            ("LastTestFailoverTime", time(it.last_test_failover).into()),
        ],
    )
}

/// What an adapter takes after a failover. Pages say that it has no `InstanceID`, which is its key:
/// it has one here, and callers name the adapter by it.
pub(crate) fn failover_network(vm: VmId, it: &FailoverNetworkAdapterSettings) -> Instance {
    Instance::of(
        class::FAILOVER_NETWORK,
        [
            ("InstanceID", names::failover_network_id(vm, it.adapter).into()),
            ("ProtocolIFType", it.protocol.to_wire().into()),
            ("DHCPEnabled", it.dhcp.into()),
            ("IPAddresses", it.addresses.clone().into()),
            ("Subnets", it.subnets.clone().into()),
            ("DefaultGateways", it.gateways.clone().into()),
            ("DNSServers", it.dns_servers.clone().into()),
        ],
    )
}
