//! Everything that can happen to a world.

use crate::model::{
    Adapter, AdapterId, AuthorizationEntry, Call, Certificate, Disk, Edition, GuestSystem, Guid,
    HostId, Plug, PointId, ReplicationProvider, ServiceSettings, VmId, WindowsBuild,
};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;

/// One thing that happens. Nothing else can: a world is what its inputs made of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Input {
    /// A host joins the world. It becomes the next [`HostId`].
    AddHost(HostSpec),
    /// A virtual machine is defined on a host.
    AddVm {
        /// Where.
        host: HostId,
        /// What.
        vm: VmSpec,
    },
    /// A client calls a method on a host.
    Call {
        /// The host that is asked.
        host: HostId,
        /// Who asks.
        caller: Caller,
        /// What for.
        call: Call,
    },
    /// Time passes.
    Advance(Duration),
    /// Something happens that no client asked for.
    Disturb(Disturbance),
    /// An administrator changes a machine by other means than WMI. The host must be up.
    Configure {
        /// Which host.
        host: HostId,
        /// What is changed on it.
        change: HostChange,
    },
}

/// Who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Caller {
    /// A member of Administrators or Hyper-V Administrators.
    #[default]
    Administrator,
    /// Somebody else: every call of what Windows implements is refused with 32769.
    Other,
}

/// A host as it joins the world.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct HostSpec {
    /// Its fully qualified name; unique in the world, without regard to case.
    pub name: Arc<str>,
    /// Its Windows.
    pub build: WindowsBuild,
    /// Whether that is a Windows Server: a client edition refuses every method of replication with
    /// 32770 and receives nothing.
    pub edition: Edition,
    /// Whether it is a node of a failover cluster: its replica server's settings and entries are
    /// those of the cluster's broker, which is not in the world, and cannot be changed on the node.
    /// A primary whose replica was moved from one node to another is redirected there, as the broker
    /// would. All nodes in a world are of one cluster.
    pub clustered: bool,
    /// Local time minus UTC, in minutes; -720 to 840. Automatic resynchronisation goes by it. What
    /// goes by it when Windows is set up is [`HostSpec::with_utc_offset`].
    pub utc_offset_min: i16,
    /// Its replica server. What it could not be changed to, it may have become: a certificate may
    /// have expired, and a port been taken.
    pub settings: ServiceSettings,
    /// Whom it lets in.
    pub entries: Vec<AuthorizationEntry>,
    /// Its personal store: each thumbprint once, without regard to case.
    pub certificates: Vec<Certificate>,
    /// Ports that other programs have; each once, never 0.
    pub occupied_ports: Vec<u16>,
    /// Folders that cannot be opened, with everything in them; each once.
    pub closed_folders: Vec<String>,
    /// External providers that are installed; none before Windows Server 2012 R2.
    pub providers: Vec<ReplicationProvider>,
    /// How many change logs it sends at the same time: `MaximumActiveTransfers` in its registry, 1
    /// to 1024.
    ///
    /// Source: <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/feature-performance-optimization-hyper-v-replica>.
    pub max_active_transfers: u16,
}

impl HostSpec {
    /// A Windows Server 2022 host whose replica server lets any host in with Kerberos.
    pub fn trusting(name: &str) -> Self {
        Self {
            name: name.into(),
            build: WindowsBuild::Server2022,
            edition: Edition::Server,
            clustered: false,
            utc_offset_min: 0,
            settings: ServiceSettings::kerberos(),
            entries: vec![AuthorizationEntry::any(r"D:\Replica")],
            certificates: Vec::new(),
            occupied_ports: Vec::new(),
            closed_folders: Vec::new(),
            providers: Vec::new(),
            max_active_transfers: Self::MAX_ACTIVE_TRANSFERS,
        }
    }

    /// How many change logs a host sends at the same time whose registry does not say.
    pub const MAX_ACTIVE_TRANSFERS: u16 = 3;

    /// The same host, set up where local time is so many minutes ahead of UTC: its monitoring
    /// windows start at 09:00 there.
    ///
    /// ```
    /// use hyperv_replica::engine::HostSpec;
    ///
    /// let tokyo = HostSpec::trusting("tokyo").with_utc_offset(9 * 60);
    /// assert_eq!(tokyo.settings.monitoring_start_s, 0); // UTC
    /// ```
    #[must_use]
    pub fn with_utc_offset(mut self, utc_offset_min: i16) -> Self {
        self.utc_offset_min = utc_offset_min;
        self.settings.monitoring_start_s = ServiceSettings::monitoring_start_at(utc_offset_min);
        self
    }
}

/// A change to a machine that replication depends on. Each but an upgrade has an opposite that takes
/// it back.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum HostChange {
    /// A certificate comes into the personal store.
    InstallCertificate(Certificate),
    /// The certificate with this thumbprint leaves it.
    RemoveCertificate(String),
    /// Another program takes a port: a listener on it stops.
    OccupyPort(u16),
    /// The port is free again: a listener on it runs.
    ReleasePort(u16),
    /// A folder, with everything in it, can no longer be opened: a share that refuses, or a drive
    /// as a whole, which is then gone.
    CloseFolder(String),
    /// It can be opened again.
    OpenFolder(String),
    /// An external provider is installed.
    RegisterProvider(ReplicationProvider),
    /// The external provider with this class id is uninstalled.
    RemoveProvider(Guid),
    /// So many change logs are sent at the same time from now on: `MaximumActiveTransfers` in the
    /// registry, and the restart of the service that makes it count.
    LimitTransfers(u16),
    /// The Windows is upgraded to a newer one. Relationships stay as they are; a sender that is
    /// now newer than its receiver is refused until that is upgraded, too.
    Upgrade(WindowsBuild),
}

/// A virtual machine as it is defined: not replicated.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct VmSpec {
    /// Its GUID; unique on its host.
    pub id: VmId,
    /// What people call it.
    pub name: Arc<str>,
    /// Whether it runs from the start; otherwise it is off.
    pub running: bool,
    /// Its disks, at most 256, each id once.
    pub disks: Vec<Disk>,
    /// What its guest writes while it runs, in bytes a second.
    pub write_rate: u64,
    /// What its guest is.
    pub guest: GuestSystem,
    /// Its network adapters, at most 256, each id once.
    pub adapters: Vec<Adapter>,
}

/// Something that happens to the world from outside. Each has an opposite that repairs it, but for
/// those that leave damage which replication itself has to repair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Disturbance {
    /// Nothing passes between two hosts, in either direction.
    CutLink(HostId, HostId),
    /// The two hosts reach each other again, as fast and as surely as ever.
    HealLink(HostId, HostId),
    /// A host loses power: running virtual machines stop without a goodbye.
    CrashHost(HostId),
    /// A host is shut down in order: running virtual machines are saved.
    ShutDownHost(HostId),
    /// A host that is down comes up. Virtual machines stay as they were left.
    BootHost(HostId),
    /// Nothing passes from the first host to the second; the other way everything does. What the
    /// second host is told and does, the first does not learn when this cuts its answer off.
    CutOneWay(HostId, HostId),
    /// The link between two hosts becomes slow or lossy, in both directions.
    WeakenLink(HostId, HostId, Weakness),
    /// A host falls into trouble.
    TroubleHost(HostId, HostTrouble),
    /// A host is out of its trouble.
    RelieveHost(HostId, HostTrouble),
    /// A virtual machine falls into trouble.
    TroubleVm(HostId, VmId, VmTrouble),
    /// A virtual machine is out of its trouble.
    RelieveVm(HostId, VmId, VmTrouble),
    /// The disks of a virtual machine that is off are changed behind the service's back: mounted
    /// and edited, serviced, or restored from a back-up.
    ChangeDisks(HostId, VmId),
    /// The change log of a virtual machine that sends becomes unreadable.
    CorruptLog(HostId, VmId),
    /// The undo log of a recovery point becomes unreadable: failing over to this point or to an
    /// older one fails, newer ones and the latest state are as good as ever. New points push the
    /// damage out in time. On Windows Server 2012 it is the snapshot: this point, newer ones and
    /// the latest state build on it, and only a resynchronisation brings a sound copy.
    ///
    /// Nobody notices before a failover needs it: the points stay listed.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140127-improvements-in-recovery-history>.
    CorruptUndoLog(HostId, VmId, PointId),
    /// A disk is resized, on this host only.
    ResizeDisk(HostId, VmId, Disk),
    /// A virtual machine is deleted without the service being asked, with all it was in.
    DeleteVm(HostId, VmId),
    /// A virtual machine, on the first host, is moved to the second with its disks, by an
    /// administrator or by its cluster. It takes no time, and a guest that runs goes on running.
    ///
    /// Replication follows it, with its settings, recovery points and statistics; what the other
    /// end makes of that is decided when the two next talk. A virtual machine that is busy is not
    /// moved: Windows would answer 32774.
    MigrateVm(HostId, VmId, HostId),
    /// An adapter of a virtual machine is plugged into something else.
    PlugAdapter(HostId, VmId, AdapterId, Plug),
}

/// How a link is worse than it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Weakness {
    /// It carries so many bytes a second; 0 counts as 1.
    Slow(u64),
    /// Of every so many messages in a direction the last is lost; 0 counts as 1: all are.
    Lossy(u32),
}

/// What may be wrong with a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum HostTrouble {
    /// Its storage is full: running virtual machines pause, logs cannot be written or received.
    StorageFull,
    /// It is out of memory: nothing new can be begun or received.
    MemoryLow,
    /// Its management service hangs: it neither answers calls nor sends nor receives.
    ServiceHangs,
    /// Its service principal names are not registered: the Kerberos listener of its replica server
    /// does not run, and no sender can authenticate it with Kerberos.
    ///
    /// Sources: <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-vmm-service-fails-event-id-14050>
    /// and <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140206-error-0x80090303-when-enabling-replication>.
    KerberosFails,
    /// A proxy on its side inspects what it sends: a sender with a certificate cannot authenticate
    /// through it, unless its settings bypass the proxy.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140217-hyper-v-replica-certificate-based-authentication-and-proxy-servers>.
    ProxyInspects,
}

/// What may be wrong with a virtual machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[repr(u8)]
pub enum VmTrouble {
    /// The guest's volume shadow copy service fails: no application-consistent points.
    VssFails,
    /// A back-up holds the virtual machine: operations wait, received logs are not applied.
    BackupRuns,
    /// Received logs cannot be applied.
    ApplyFails,
    /// A virtual hard disk is missing.
    DiskMissing,
    /// Its storage is being moved on its host: operations and back-ups wait, received logs are not
    /// applied. When that is over everything is as it was, recovery points and statistics among it.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140127-improvements-in-recovery-history>.
    StorageMoves,
}

impl HostTrouble {
    /// Every trouble.
    pub const ALL: [Self; 5] = [
        Self::StorageFull,
        Self::MemoryLow,
        Self::ServiceHangs,
        Self::KerberosFails,
        Self::ProxyInspects,
    ];

    /// The trouble in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::StorageFull => "StorageFull",
            Self::MemoryLow => "MemoryLow",
            Self::ServiceHangs => "ServiceHangs",
            Self::KerberosFails => "KerberosFails",
            Self::ProxyInspects => "ProxyInspects",
        }
    }
}

impl VmTrouble {
    /// Every trouble.
    pub const ALL: [Self; 5] =
        [Self::VssFails, Self::BackupRuns, Self::ApplyFails, Self::DiskMissing, Self::StorageMoves];

    /// The trouble in one word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::VssFails => "VssFails",
            Self::BackupRuns => "BackupRuns",
            Self::ApplyFails => "ApplyFails",
            Self::DiskMissing => "DiskMissing",
            Self::StorageMoves => "StorageMoves",
        }
    }
}
