//! What a relationship is in: state, health, mode, and the kinds of replication.

use super::wire::wire_enum;

wire_enum! {
    /// `Msvm_ReplicationRelationship.ReplicationState`: what one side of a relationship is doing.
    ///
    /// The numbers are WMI's. The PowerShell module prints other numbers for the same names,
    /// because it splits 2 by role; never mix the two.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship"
    pub enum ReplicationState: u16 {
        /// No relationship.
        Disabled = 0, "Disabled";
        /// The relationship exists; initial replication has not started. Senders only.
        Ready = 1, "Ready for replication";
        /// Sender: initial replication runs. Receiver: it is not complete, or the VM was marked
        /// as a replica and waits for its primary.
        WaitingForInitialReplication = 2, "Waiting to complete initial replication";
        /// Normal replication, on both sides.
        Replicating = 3, "Replicating";
        /// A planned failover is prepared; the primary is locked from starting.
        Synced = 4, "Synced replication complete";
        /// The replica is failed over and not committed.
        Recovered = 5, "Recovered";
        /// The failover is committed: its recovery points are gone.
        Committed = 6, "Committed";
        /// Paused by an administrator, on either side.
        Suspended = 7, "Suspended";
        /// Replication stopped on an error; an administrator must fix it and resume.
        Critical = 8, "Critical";
        /// The sender needs a resynchronisation.
        WaitingForResynchronization = 9, "Waiting to start resynchronization";
        /// Blocks are being compared and copied.
        Resynchronizing = 10, "Resynchronizing";
        /// A running resynchronisation was paused.
        ResynchronizationSuspended = 11, "Resynchronization suspended";
        /// `InitiateFailover` is at work on the replica.
        FailoverInProgress = 12, "Failover in progress";
        /// An external provider fails back.
        FailbackInProgress = 13, "Failback in progress";
        /// An external provider has failed back.
        FailbackComplete = 14, "Failback complete";
        /// The set of replicated disks is being changed.
        DiskUpdateInProgress = 15, "Disk update in progress";
        /// Changing the set of replicated disks failed.
        DiskUpdateCritical = 16, "Disk update critical";
        /// Named by Microsoft; this simulator never emits it.
        Unknown = 17, "Unknown";
        /// An old primary is being turned into a replica.
        RepurposeInProgress = 18, "Repurpose replication in progress";
        /// Group replication only; this simulator never emits it.
        PreparedForSyncReplication = 19, "Prepared for sync replication";
        /// Group replication only; this simulator never emits it.
        PreparedForGroupReverse = 20, "Prepared for group reverse replication";
        /// Group replication only; this simulator never emits it.
        FiredrillInProgress = 21, "Firedrill in progress";
    }
}

wire_enum! {
    /// `ReplicationHealth`: a judgement over the monitoring window, unlike the state.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship"
    pub enum ReplicationHealth: u16 {
        /// No relationship.
        NotApplicable = 0, "Not applicable";
        /// Shown as Normal by the management tools.
        Ok = 1, "Ok";
        /// Needs a look.
        Warning = 2, "Warning";
        /// Replication does not happen.
        Critical = 3, "Critical";
    }
}

wire_enum! {
    /// `Msvm_ComputerSystem.ReplicationMode`: the role of a virtual machine.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem"
    pub enum ReplicationMode: u16 {
        /// Not replicated.
        None = 0, "None";
        /// The running copy; sends its changes.
        Primary = 1, "Primary";
        /// Receives changes; may send them on to an extended replica.
        Replica = 2, "Replica";
        /// A temporary copy made by `TestReplicaSystem`.
        TestReplica = 3, "Test Replica";
        /// The third copy of a chain.
        ExtendedReplica = 4, "Extended Replica";
    }
}

wire_enum! {
    /// `LastReplicationType` and `FailedOverReplicationType`.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship"
    pub enum ReplicationType: u16 {
        /// Nothing was replicated, or no failover happened.
        None = 0, "None";
        /// A crash-consistent change log.
        Regular = 1, "Regular";
        /// Guest applications were quiesced first.
        ApplicationConsistent = 2, "Application consistent";
        /// The last log of a planned failover.
        Planned = 3, "Planned";
    }
}

wire_enum! {
    /// How the first copy of the disks reaches the other side.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/startreplication-msvm-replicationservice"
    pub enum InitialReplicationType: u16 {
        /// Over the network.
        Network = 1, "Network Transfer";
        /// Written to a folder that is carried to the other side and imported there.
        Export = 2, "Export";
        /// Compared with a copy that is there already.
        Seeded = 3, "Seeded Network Transfer";
    }
}

wire_enum! {
    /// `Msvm_ReplicationSettingData.AuthenticationType`.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata"
    pub enum AuthenticationType: u16 {
        /// Kerberos over HTTP.
        Kerberos = 1, "Kerberos authentication";
        /// Certificates over HTTPS.
        Certificate = 2, "Certificate based authentication";
    }
}

wire_enum! {
    /// `Msvm_ReplicationServiceSettingData.AllowedAuthenticationType`.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservicesettingdata"
    pub enum AllowedAuthentication: u16 {
        /// What a host with a disabled replica server reports.
        Undefined = 0, "Undefined";
        /// Kerberos over HTTP.
        Kerberos = 1, "Kerberos authentication";
        /// Certificates over HTTPS.
        Certificate = 2, "Certificate based authentication";
        /// Both listeners.
        Both = 3, "Certificate based authentication and kerberos authentication";
    }
}

impl AllowedAuthentication {
    /// Whether a sender that uses `kind` is let in.
    pub const fn allows(self, kind: AuthenticationType) -> bool {
        self.to_wire() & kind.to_wire() != 0
    }
}

wire_enum! {
    /// What `RequestReplicationStateChange` and `...Ex` may be asked for.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem-requestreplicationstatechange"
    pub enum RequestedReplicationState: u16 {
        /// Cancel initial replication.
        Ready = 1, "Ready for replication";
        /// Become a replica that waits for its primary.
        WaitingForInitialReplication = 2, "Waiting to complete initial replication";
        /// Resume.
        Replicating = 3, "Replicating";
        /// Prepare a planned failover.
        Synced = 4, "Synced replication complete";
        /// Pause.
        Suspended = 7, "Suspended";
        /// Cancel a resynchronisation.
        WaitingForResynchronization = 9, "Waiting to start resynchronization";
        /// Resume a failed disk update; sent by a Microsoft client, not documented.
        DiskUpdateInProgress = 15, "Disk update in progress";
    }
}

wire_enum! {
    /// The kind of a recovery point, from the snapshot's `VirtualSystemType`.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-virtualsystemsettingdata"
    pub enum RecoveryPointKind: u16 {
        /// Crash-consistent, at most one an hour.
        Standard = 1, "Microsoft:Hyper-V:Snapshot:Replica:Standard";
        /// Taken with the guest's applications quiesced.
        ApplicationConsistent = 2, "Microsoft:Hyper-V:Snapshot:Replica:ApplicationConsistent";
        /// The last log of a planned failover.
        PlannedFailover = 3, "Microsoft:Hyper-V:Snapshot:Replica:PlannedFailover";
    }
}

impl RecoveryPointKind {
    /// What a failover to such a point reports as `FailedOverReplicationType`.
    pub const fn replication_type(self) -> ReplicationType {
        match self {
            Self::Standard => ReplicationType::Regular,
            Self::ApplicationConsistent => ReplicationType::ApplicationConsistent,
            Self::PlannedFailover => ReplicationType::Planned,
        }
    }
}

wire_enum! {
    /// `Msvm_ReplicationService.OperationalStatus`, the values a host reports for this service.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice"
    pub enum ServiceStatus: u16 {
        /// All configured listeners run.
        Ok = 2, "OK";
        /// A configured network listener does not run.
        Error = 6, "Error";
    }
}

wire_enum! {
    /// `Msvm_FailoverNetworkAdapterSettingData.ProtocolIFType`.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-failovernetworkadaptersettingdata"
    pub enum IpProtocol: u16 {
        /// Not stated.
        Unknown = 0, "Unknown";
        /// Neither of the two below.
        Other = 1, "Other";
        /// Internet protocol version 4.
        V4 = 4096, "IPv4";
        /// Internet protocol version 6.
        V6 = 4097, "IPv6";
        /// Both versions.
        Both = 4098, "IPv4/v6";
    }
}
