//! A relationship, its settings, and its recovery points.

use super::{
    AuthenticationType, DiskId, Guid, PointId, RecoveryPointKind, RelationshipId,
    ReplicationHealth, ReplicationState, ReplicationType, SimTime, WindowsBuild,
};
use serde::{Deserialize, Serialize};

/// An `Msvm_ReplicationRelationship`, as read at one moment.
///
/// WMI writes “never” as the year 1601; here it is `None`.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Relationship {
    /// Its key.
    pub id: RelationshipId,
    /// What it is doing.
    pub state: ReplicationState,
    /// How well it does.
    pub health: ReplicationHealth,
    /// The kind of point it was failed over to.
    pub failed_over: ReplicationType,
    /// The kind of the last log.
    pub last_type: ReplicationType,
    /// When the last log was received by the replica.
    pub last_replication: Option<SimTime>,
    /// When the last log was applied by the replica.
    pub last_apply: Option<SimTime>,
    /// When the last application-consistent log was received by the replica.
    pub last_application_consistent: Option<SimTime>,
}

/// The in-box provider that replicates from host to host.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationprovider>.
pub const IN_BOX_PROVIDER: Guid = Guid(0x2239_1cdc_272c_4ddf_ba88_9bef_b1a0_975c);

/// `Msvm_ReplicationSettingData`: the settings of one relationship.
///
/// Numbers are as on the wire, not yet judged: what is out of range is for the service to refuse.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata>.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools)] // The properties are Microsoft's.
pub struct Settings {
    /// The host, or the cluster's broker, to replicate to; at most 256 characters.
    pub recovery_connection_point: String,
    /// The port of its listener. The class default of 0 is not usable.
    pub recovery_server_port: u16,
    /// `None` is the class default of 0, which is not usable.
    pub authentication: Option<AuthenticationType>,
    /// For certificate authentication, at most 128 characters; empty otherwise.
    pub certificate_thumbprint: String,
    /// Whether logs are compressed on the way.
    pub compression: bool,
    /// Whether a proxy is passed by.
    pub bypass_proxy: bool,
    /// Whether host-only KVP items are copied to the replica.
    pub replicate_host_kvp: bool,
    /// Hours between application-consistent points; 0 for none, else 1 to 12.
    pub application_consistent_interval_h: u16,
    /// How many recovery points are kept; 0 for the latest state only.
    pub recovery_history: u16,
    /// Which disks are replicated; `None` for every disk the virtual machine has.
    pub included_disks: Option<Vec<DiskId>>,
    /// Whether a needed resynchronisation starts by itself inside the window below.
    pub auto_resynchronize: bool,
    /// Start of the window, in seconds after local midnight.
    pub auto_resynchronize_start_s: u32,
    /// End of the window, in seconds after local midnight; it may wrap around midnight.
    pub auto_resynchronize_end_s: u32,
    /// Who replicates: [`IN_BOX_PROVIDER`], or the class id of an external provider.
    pub provider: Guid,
    /// Seconds between cycles: 30, 300 or 900.
    pub replication_interval_s: u16,
    /// For an external provider.
    pub additional_settings: String,
    /// Filled by the service: the host that holds the replica.
    pub recovery_host: String,
    /// Filled by the service: what the replica contacts to reach its primary.
    pub primary_connection_point: String,
    /// Filled by the service: the host that holds the primary.
    pub primary_host: String,
}

impl Default for Settings {
    /// The class defaults. They name no host, no port and no authentication: not yet usable.
    fn default() -> Self {
        Self {
            recovery_connection_point: String::new(),
            recovery_server_port: 0,
            authentication: None,
            certificate_thumbprint: String::new(),
            compression: true,
            bypass_proxy: false,
            replicate_host_kvp: true,
            application_consistent_interval_h: 0,
            recovery_history: 0,
            included_disks: None,
            auto_resynchronize: true,
            auto_resynchronize_start_s: 18 * 3600 + 30 * 60,
            auto_resynchronize_end_s: 6 * 3600,
            provider: IN_BOX_PROVIDER,
            replication_interval_s: 300,
            additional_settings: String::new(),
            recovery_host: String::new(),
            primary_connection_point: String::new(),
            primary_host: String::new(),
        }
    }
}

impl Settings {
    /// The longest name of a host or connection point, in characters.
    pub const MAX_NAME: usize = 256;
    /// The longest thumbprint, in characters.
    pub const MAX_THUMBPRINT: usize = 128;
    /// The intervals a relationship may have, in seconds.
    pub const INTERVALS_S: [u16; 3] = [30, 300, 900];

    /// Kerberos replication to this host on port 80, with every other setting at its default.
    ///
    /// ```
    /// use hyperv_replica::model::Settings;
    ///
    /// let settings = Settings { recovery_history: 4, ..Settings::to("osaka") };
    /// assert_eq!(settings.replication_interval_s, 300);
    /// ```
    pub fn to(host: &str) -> Self {
        Self {
            recovery_connection_point: host.to_owned(),
            recovery_server_port: 80,
            authentication: Some(AuthenticationType::Kerberos),
            ..Self::default()
        }
    }

    /// The time between two cycles.
    pub const fn interval(&self) -> std::time::Duration {
        std::time::Duration::from_secs(self.replication_interval_s as u64)
    }

    /// Whether an external provider replicates, not the in-box one.
    pub fn is_external(&self) -> bool {
        self.provider != IN_BOX_PROVIDER
    }

    /// What is wrong with these settings by themselves on a host of this build, if anything: a
    /// sentence about the first value that no service accepts. How a replica server is reached and
    /// convinced does not concern an external provider:
    /// <https://learn.microsoft.com/windows/win32/hyperv_v2/createreplicationrelationship-msvm-replicationservice>.
    pub fn fault(&self, build: WindowsBuild) -> Option<&'static str> {
        let port = || (!self.has_port()).then_some("RecoveryServerPortNumber must be 1 to 65535");
        self.out_of_range(build).or_else(|| self.incomplete()).or_else(port)
    }

    /// What is outside the ranges of the class, if anything:
    /// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata>.
    pub(crate) fn out_of_range(&self, build: WindowsBuild) -> Option<&'static str> {
        let day_s = 24 * 3600;
        let too_long = |text: &str, limit| text.chars().count() > limit;
        let hours = self.application_consistent_interval_h;
        let faults = [
            (
                too_long(&self.recovery_connection_point, Self::MAX_NAME),
                "RecoveryConnectionPoint is longer than 256 characters",
            ),
            (
                !self.is_external() && self.authentication.is_none(),
                "AuthenticationType must be 1 (Kerberos) or 2 (certificate)",
            ),
            (
                too_long(&self.certificate_thumbprint, Self::MAX_THUMBPRINT),
                "CertificateThumbPrint is longer than 128 characters",
            ),
            (
                !Self::INTERVALS_S.contains(&self.replication_interval_s),
                "ReplicationInterval must be 30, 300 or 900 seconds",
            ),
            (
                build == WindowsBuild::Server2012 && self.replication_interval_s != 300,
                "ReplicationInterval is fixed at 300 seconds on Windows Server 2012",
            ),
            (
                self.recovery_history > build.max_recovery_history(),
                "RecoveryHistory must be 0 to 24 (0 to 16 on Windows Server 2012)",
            ),
            (hours > 12, "ApplicationConsistentSnapshotInterval must be 0 to 12 hours"),
            (
                hours > 0 && self.recovery_history == 0,
                "ApplicationConsistentSnapshotInterval needs a RecoveryHistory above 0",
            ),
            (
                self.auto_resynchronize_start_s >= day_s || self.auto_resynchronize_end_s >= day_s,
                "AutoResynchronizeIntervalStart and -End must be times of a day",
            ),
        ];
        first(faults)
    }

    /// What is missing or does not go together, if anything, as clients look at it before they call:
    /// <https://learn.microsoft.com/powershell/module/hyper-v/enable-vmreplication>.
    pub(crate) fn incomplete(&self) -> Option<&'static str> {
        let in_box = !self.is_external();
        let certificate = self.authentication == Some(AuthenticationType::Certificate);
        let thumbprint = !self.certificate_thumbprint.is_empty();
        first([
            (self.recovery_connection_point.is_empty(), "RecoveryConnectionPoint names no host"),
            (
                in_box && certificate && !thumbprint,
                "certificate authentication needs CertificateThumbPrint",
            ),
            (
                in_box && !certificate && thumbprint,
                "Kerberos authentication takes no CertificateThumbPrint",
            ),
            (
                self.included_disks.as_ref().is_some_and(Vec::is_empty),
                "IncludedDisks must name at least one disk",
            ),
        ])
    }

    /// Whether they say where a replica server listens, if it is to be asked.
    pub(crate) fn has_port(&self) -> bool {
        self.is_external() || self.recovery_server_port != 0
    }
}

/// What is said of the first that is wrong.
fn first<const N: usize>(faults: [(bool, &'static str); N]) -> Option<&'static str> {
    faults.into_iter().find_map(|(wrong, says)| wrong.then_some(says))
}

/// A recovery point of a replica: a snapshot one can fail over to.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-virtualsystemsettingdata>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct RecoveryPoint {
    /// Its key.
    pub id: PointId,
    /// How it was taken.
    pub kind: RecoveryPointKind,
    /// When the replica received it.
    pub created: SimTime,
    /// How far the guest's writes reach in it: the number of the last byte written.
    pub position: u64,
}
