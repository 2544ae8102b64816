//! A host: its Windows, its replica server, and whom it lets in.

use super::certificate::is_name_of;
use super::wire::wire_enum;
use super::{AllowedAuthentication, AuthenticationType, Guid, IN_BOX_PROVIDER, ServiceStatus};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

wire_enum! {
    /// The Windows of a host. Methods, limits and job types follow it.
    "https://learn.microsoft.com/windows/release-health/windows-server-release-info"
    pub enum WindowsBuild: u16 {
        /// One settings instance a virtual machine, five-minute cycles only, 16 recovery points.
        Server2012 = 9200, "Windows Server 2012";
        /// Relationships, extended replication, 30/300/900 s, 24 recovery points.
        Server2012R2 = 9600, "Windows Server 2012 R2";
        /// Changes of the disk set.
        Server2016 = 14393, "Windows Server 2016";
        /// No further change to replication.
        Server2019 = 17763, "Windows Server 2019";
        /// No further change to replication.
        Server2022 = 20348, "Windows Server 2022";
        /// No further change to replication.
        Server2025 = 26100, "Windows Server 2025";
    }
}

impl WindowsBuild {
    /// The largest `RecoveryHistory`: 16 on Windows Server 2012, 24 since.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2>.
    pub const fn max_recovery_history(self) -> u16 {
        match self {
            Self::Server2012 => 16,
            _ => 24,
        }
    }
}

/// Which Windows of a build: only one of the two has Hyper-V Replica.
///
/// Source: <https://learn.microsoft.com/windows-server/virtualization/hyper-v/replication-overview>.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Edition {
    /// Windows Server.
    #[default]
    Server,
    /// Windows 8 and later: the classes are there, the feature is not.
    Client,
}

/// A host as a client sees it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Its fully qualified name: what others put into `RecoveryConnectionPoint`.
    pub name: Arc<str>,
    /// Its Windows.
    pub build: WindowsBuild,
    /// Local time minus UTC, in minutes. `Win32_OperatingSystem.CurrentTimeZone`.
    #[serde(default)]
    pub utc_offset_min: i16,
    /// `Msvm_ReplicationService.OperationalStatus`.
    pub status: ServiceStatus,
    /// Who can replicate its virtual machines, by name; none before Windows Server 2012 R2, which
    /// brought the class.
    pub providers: Arc<[ReplicationProvider]>,
}

/// `Msvm_ReplicationProvider`: who replicates the virtual machines whose settings name it.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationprovider>.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ReplicationProvider {
    /// [`IN_BOX_PROVIDER`], or the class id of an external provider's COM class. `Name`.
    pub name: Guid,
    /// What people call it. `ElementName`.
    pub element_name: String,
}

impl ReplicationProvider {
    /// The provider that replicates from Hyper-V host to Hyper-V host.
    pub fn in_box() -> Self {
        let element_name = "Virtual machine replication provider to Hyper-V host".to_owned();
        Self { name: IN_BOX_PROVIDER, element_name }
    }

    /// `InstanceID` on this host: what `ReplicationProvider` of settings refers to.
    ///
    /// ```
    /// use hyperv_replica::model::ReplicationProvider;
    ///
    /// assert_eq!(
    ///     ReplicationProvider::in_box().instance_id("tokyo"),
    ///     r"Microsoft:tokyo\ReplicationProvider\22391CDC-272C-4DDF-BA88-9BEFB1A0975C",
    /// );
    /// ```
    pub fn instance_id(&self, host: &str) -> String {
        format!(r"Microsoft:{host}\ReplicationProvider\{}", self.name)
    }
}

/// `Msvm_ReplicationServiceSettingData`: the replica server of a host.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservicesettingdata>.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ServiceSettings {
    /// Whether the host accepts replication at all. `RecoveryServerEnabled`.
    pub recovery_server_enabled: bool,
    /// Which senders are let in. `AllowedAuthenticationType`.
    pub allowed_authentication: AllowedAuthentication,
    /// The certificate of the HTTPS listener; empty without one. `CertificateThumbPrint`.
    pub certificate_thumbprint: String,
    /// The Kerberos listener's port. `HttpPort`.
    pub http_port: u16,
    /// The certificate listener's port. `HttpsPort`.
    pub https_port: u16,
    /// When monitoring windows start, in seconds after midnight UTC. `MonitoringStartTime`.
    pub monitoring_start_s: u32,
    /// How long a monitoring window is, in seconds. `MonitoringInterval`.
    pub monitoring_interval_s: u32,
}

impl Default for ServiceSettings {
    /// What a host has on which replication was never configured: the server is disabled, the
    /// ports are 80 and 443, and monitoring windows of twelve hours start at 09:00, where
    /// local time is UTC.
    fn default() -> Self {
        Self {
            recovery_server_enabled: false,
            allowed_authentication: AllowedAuthentication::Undefined,
            certificate_thumbprint: String::new(),
            http_port: 80,
            https_port: 443,
            monitoring_start_s: 9 * 3600,
            monitoring_interval_s: 12 * 3600,
        }
    }
}

impl ServiceSettings {
    /// Whether there is to be a listener for this kind of authentication.
    pub const fn listens(&self, kind: AuthenticationType) -> bool {
        self.recovery_server_enabled && self.allowed_authentication.allows(kind)
    }

    /// The port of the listener for this kind of authentication.
    pub const fn port(&self, kind: AuthenticationType) -> u16 {
        match kind {
            AuthenticationType::Kerberos => self.http_port,
            AuthenticationType::Certificate => self.https_port,
        }
    }

    /// `MonitoringStartTime` of a host that nobody has configured: 09:00 in its local time, which is
    /// so many minutes ahead of UTC, in seconds after midnight UTC.
    ///
    /// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservicesettingdata>.
    pub const fn monitoring_start_at(utc_offset_min: i16) -> u32 {
        const DAY_MIN: i16 = 24 * 60;
        let minutes = (9 * 60 - utc_offset_min % DAY_MIN).rem_euclid(DAY_MIN);
        minutes.unsigned_abs() as u32 * 60
    }

    /// A replica server that lets Kerberos senders in on port 80.
    pub fn kerberos() -> Self {
        Self {
            recovery_server_enabled: true,
            allowed_authentication: AllowedAuthentication::Kerberos,
            ..Self::default()
        }
    }

    /// The lengths of a monitoring window that the management tools offer, in seconds.
    ///
    /// Source: <https://learn.microsoft.com/powershell/module/hyper-v/set-vmreplicationserver>.
    pub const MONITORING_INTERVALS_S: [u32; 14] = {
        const HOUR: u32 = 3600;
        const DAY: u32 = 24 * HOUR;
        [
            HOUR,
            2 * HOUR,
            3 * HOUR,
            4 * HOUR,
            6 * HOUR,
            8 * HOUR,
            12 * HOUR,
            DAY,
            2 * DAY,
            3 * DAY,
            4 * DAY,
            5 * DAY,
            6 * DAY,
            7 * DAY,
        ]
    };
}

/// `Msvm_ReplicationAuthorizationSettingData`: a primary host that may replicate here.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationauthorizationsettingdata>.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AuthorizationEntry {
    /// A fully qualified name, a wildcard in the first label (`*.contoso.com`), or `*` for any.
    /// Compared without regard to case. `AllowedPrimaryHostSystem`.
    pub allowed_primary: String,
    /// Hosts whose entries have the same tag may replace one another. `TrustGroup`.
    pub trust_group: String,
    /// The folder for the disks of new replica virtual machines. `ReplicaStorageLocation`.
    pub storage_location: String,
}

impl AuthorizationEntry {
    /// The entry that lets any host in: `*`, with the trust group `DEFAULT`.
    ///
    /// Source: <https://learn.microsoft.com/powershell/module/hyper-v/set-vmreplicationserver>.
    pub fn any(storage_location: &str) -> Self {
        Self {
            allowed_primary: "*".to_owned(),
            trust_group: "DEFAULT".to_owned(),
            storage_location: storage_location.to_owned(),
        }
    }

    /// Whether the name is well-formed and nothing is missing.
    ///
    /// A name is `*`, or labels of letters (of any script), digits and `-` between dots, of which
    /// the first may be `*`.
    ///
    /// Source: <https://learn.microsoft.com/powershell/module/hyper-v/new-vmreplicationauthorizationentry>.
    pub fn is_valid(&self) -> bool {
        let is_label = |label: &str| {
            !label.is_empty() && label.chars().all(|c| c.is_alphanumeric() || c == '-')
        };
        let name = &self.allowed_primary;
        let names = name.strip_prefix("*.").unwrap_or(name).split('.').all(is_label);
        (name == "*" || names) && !self.trust_group.is_empty() && !self.storage_location.is_empty()
    }

    /// Whether the entry lets in the host with this name.
    ///
    /// ```
    /// use hyperv_replica::model::AuthorizationEntry;
    ///
    /// let mut entry = AuthorizationEntry::any(r"D:\Replica");
    /// assert!(entry.covers("hv01.contoso.com"));
    /// entry.allowed_primary = "*.contoso.com".into();
    /// assert!(entry.covers("HV01.contoso.com"));
    /// assert!(!entry.covers("hv01.emea.contoso.com"), "a wildcard stands for one label");
    /// ```
    pub fn covers(&self, host: &str) -> bool {
        self.allowed_primary == "*" || is_name_of(&self.allowed_primary, host)
    }
}
