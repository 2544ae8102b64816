//! A call: one method with its arguments.

use super::{
    AuthorizationEntry, ErrorRecord, FailoverNetworkAdapterSettings, InitialReplicationType, JobId,
    Operation, PointId, RelationshipId, RequestedReplicationState, RequestedState, ServiceSettings,
    Settings, SimTime, Statistics, VmId,
};
use serde::{Deserialize, Serialize};

/// A method of the service, of a virtual machine, of a job or of the management service, with its
/// arguments.
///
/// Requested states and types are the wire's numbers, so that a wrong one can be sent and refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Call {
    /// `Msvm_ReplicationService.ModifyServiceSettings`.
    ModifyServiceSettings {
        /// All settings of the replica server.
        settings: Box<ServiceSettings>,
    },
    /// `Msvm_ReplicationService.AddAuthorizationEntry`.
    AddAuthorizationEntry {
        /// The new entry.
        entry: AuthorizationEntry,
    },
    /// `Msvm_ReplicationService.ModifyAuthorizationEntry`.
    ModifyAuthorizationEntry {
        /// The entry, found by its allowed primary.
        entry: AuthorizationEntry,
    },
    /// `Msvm_ReplicationService.RemoveAuthorizationEntry`.
    RemoveAuthorizationEntry {
        /// `AllowedPrimaryHostSystem` of the entry.
        allowed_primary: String,
    },
    /// `Msvm_ReplicationService.SetAuthorizationEntry`.
    SetAuthorizationEntry {
        /// The replica.
        vm: VmId,
        /// An existing entry.
        entry: AuthorizationEntry,
    },
    /// `Msvm_ReplicationService.GetSystemCertificates`.
    GetSystemCertificates,
    /// `Msvm_ReplicationService.TestReplicationConnection`.
    TestReplicationConnection {
        /// The host to try.
        recovery_connection_point: String,
        /// Its listener's port.
        port: u16,
        /// `AuthenticationType`: 1 or 2.
        authentication: u16,
        /// For type 2.
        certificate_thumbprint: Option<String>,
        /// Whether a proxy is passed by.
        bypass_proxy: bool,
    },
    /// `Msvm_ReplicationService.CreateReplicationRelationship`.
    CreateReplicationRelationship {
        /// The future primary, or the replica to extend from.
        vm: VmId,
        /// Where to and how.
        settings: Box<Settings>,
    },
    /// `Msvm_ReplicationService.ModifyReplicationSettings`.
    ModifyReplicationSettings {
        /// The sender.
        vm: VmId,
        /// The new settings.
        settings: Box<Settings>,
    },
    /// `Msvm_ReplicationService.RemoveReplicationRelationshipEx`, or without a relationship the
    /// deprecated `RemoveReplicationRelationship`, which acts on relationship 0.
    RemoveReplicationRelationship {
        /// The virtual machine.
        vm: VmId,
        /// Which relationship.
        relationship: Option<RelationshipId>,
    },
    /// `Msvm_ReplicationService.StartReplication`.
    StartReplication {
        /// The sender.
        vm: VmId,
        /// `InitialReplicationType`: 1 network, 2 export, 3 seeded.
        initial: u16,
        /// For an export: where to.
        export_location: Option<String>,
        /// For the other types: when; now if absent.
        start: Option<SimTime>,
    },
    /// `Msvm_ReplicationService.ImportInitialReplica`.
    ImportInitialReplica {
        /// The replica.
        vm: VmId,
        /// The folder of this virtual machine's export.
        import_location: String,
    },
    /// `Msvm_ReplicationService.ReverseReplicationRelationship`.
    ReverseReplicationRelationship {
        /// The failed-over replica.
        vm: VmId,
        /// Where to and how; `None` for the same as before, the other way round.
        settings: Option<Box<Settings>>,
    },
    /// `Msvm_ReplicationService.InitiateFailover`.
    InitiateFailover {
        /// The replica.
        vm: VmId,
        /// The recovery point; the latest state if absent.
        point: Option<PointId>,
    },
    /// `Msvm_ReplicationService.RevertFailover`.
    RevertFailover {
        /// A failed-over replica or a prepared primary.
        vm: VmId,
    },
    /// `Msvm_ReplicationService.CommitFailover`.
    CommitFailover {
        /// The failed-over replica.
        vm: VmId,
    },
    /// `Msvm_ReplicationService.TestReplicaSystem`.
    TestReplicaSystem {
        /// The replica.
        vm: VmId,
        /// The recovery point; the latest state if absent.
        point: Option<PointId>,
    },
    /// `Msvm_ReplicationService.Resynchronize`.
    Resynchronize {
        /// The sender.
        vm: VmId,
        /// When; now if absent.
        start: Option<SimTime>,
    },
    /// `Msvm_ReplicationService.SetFailoverNetworkAdapterSettings`.
    SetFailoverNetworkAdapterSettings {
        /// The virtual machine.
        vm: VmId,
        /// One entry for each adapter to change.
        settings: Vec<FailoverNetworkAdapterSettings>,
    },
    /// `Msvm_ReplicationService.GetReplicationStatisticsEx`, or without a relationship the
    /// deprecated `GetReplicationStatistics`.
    GetReplicationStatistics {
        /// The virtual machine.
        vm: VmId,
        /// Which relationship.
        relationship: Option<RelationshipId>,
    },
    /// `Msvm_ReplicationService.ResetReplicationStatisticsEx`, or without a relationship the
    /// deprecated `ResetReplicationStatistics`.
    ResetReplicationStatistics {
        /// The virtual machine.
        vm: VmId,
        /// Which relationship.
        relationship: Option<RelationshipId>,
    },
    /// `Msvm_ReplicationService.ChangeReplicationModeToPrimary`.
    ChangeReplicationModeToPrimary {
        /// The committed replica.
        vm: VmId,
        /// Its extended relationship.
        relationship: RelationshipId,
    },
    /// `Msvm_ReplicationService.InitiateFailback`.
    InitiateFailback {
        /// The recovery virtual machine.
        vm: VmId,
        /// Where to and how.
        settings: Box<Settings>,
        /// A point of the external provider.
        point: Option<String>,
    },
    /// `Msvm_ReplicationService.RequestStateChange`.
    RequestServiceStateChange {
        /// The requested state.
        requested: u16,
    },
    /// `Msvm_ReplicationService.StartService`.
    StartService,
    /// `Msvm_ReplicationService.StopService`.
    StopService,
    /// `Msvm_ComputerSystem.RequestReplicationStateChangeEx`, or without a relationship also the
    /// deprecated `RequestReplicationStateChange`.
    RequestReplicationStateChange {
        /// The virtual machine.
        vm: VmId,
        /// Which relationship; 0 if absent.
        relationship: Option<RelationshipId>,
        /// A [`RequestedReplicationState`] by number.
        requested: u16,
    },
    /// `Msvm_ComputerSystem.RequestStateChange`.
    RequestStateChange {
        /// The virtual machine.
        vm: VmId,
        /// A [`RequestedState`] by number.
        requested: u16,
    },
    /// `Msvm_ConcreteJob.RequestStateChange`.
    RequestJobStateChange {
        /// The job.
        job: JobId,
        /// A [`RequestedJobState`](super::RequestedJobState) by number.
        requested: u16,
    },
    /// `Msvm_ConcreteJob.GetError`.
    GetError {
        /// The job.
        job: JobId,
    },
    /// `Msvm_ConcreteJob.GetErrorEx`.
    GetErrorEx {
        /// The job.
        job: JobId,
    },
    /// `Msvm_VirtualSystemManagementService.DestroySystem`.
    DestroySystem {
        /// The virtual machine to delete.
        vm: VmId,
    },
    /// A call with a parameter that cannot be read. Typed clients cannot make one; a client that
    /// speaks WMI can.
    Flawed {
        /// The call without its flaw: what the other parameters say.
        call: Box<Call>,
        /// What is wrong.
        flaw: Flaw,
    },
}

/// What is wrong with a parameter of a [`Call`] before anyone looks at its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Flaw {
    /// A parameter that must be given is Null. Nothing is wrong where the method takes none.
    Null,
    /// The text of an embedded instance, or a reference, is of another class than its parameter.
    /// Nothing is wrong where the method takes neither.
    WrongClass,
}

impl Call {
    /// The operation whose rule judges the call.
    pub fn operation(&self) -> Operation {
        match self {
            Self::ModifyServiceSettings { .. } => Operation::ModifyServiceSettings,
            Self::AddAuthorizationEntry { .. } => Operation::AddAuthorizationEntry,
            Self::ModifyAuthorizationEntry { .. } => Operation::ModifyAuthorizationEntry,
            Self::RemoveAuthorizationEntry { .. } => Operation::RemoveAuthorizationEntry,
            Self::SetAuthorizationEntry { .. } => Operation::SetAuthorizationEntry,
            Self::GetSystemCertificates => Operation::GetSystemCertificates,
            Self::TestReplicationConnection { .. } => Operation::TestReplicationConnection,
            Self::CreateReplicationRelationship { .. } => Operation::CreateReplicationRelationship,
            Self::ModifyReplicationSettings { .. } => Operation::ModifyReplicationSettings,
            Self::RemoveReplicationRelationship { .. } => Operation::RemoveReplicationRelationship,
            Self::StartReplication { .. } => Operation::StartReplication,
            Self::ImportInitialReplica { .. } => Operation::ImportInitialReplica,
            Self::ReverseReplicationRelationship { .. } => {
                Operation::ReverseReplicationRelationship
            }
            Self::InitiateFailover { .. } => Operation::InitiateFailover,
            Self::RevertFailover { .. } => Operation::RevertFailover,
            Self::CommitFailover { .. } => Operation::CommitFailover,
            Self::TestReplicaSystem { .. } => Operation::TestReplicaSystem,
            Self::Resynchronize { .. } => Operation::Resynchronize,
            Self::SetFailoverNetworkAdapterSettings { .. } => {
                Operation::SetFailoverNetworkAdapterSettings
            }
            Self::GetReplicationStatistics { .. } => Operation::GetReplicationStatistics,
            Self::ResetReplicationStatistics { .. } => Operation::ResetReplicationStatistics,
            Self::ChangeReplicationModeToPrimary { .. } => {
                Operation::ChangeReplicationModeToPrimary
            }
            Self::InitiateFailback { .. } => Operation::InitiateFailback,
            Self::RequestServiceStateChange { .. } => Operation::RequestServiceStateChange,
            Self::StartService => Operation::StartService,
            Self::StopService => Operation::StopService,
            Self::RequestReplicationStateChange { requested, .. } => {
                replication_state_operation(*requested)
            }
            Self::RequestStateChange { requested, .. } => power_operation(*requested),
            Self::RequestJobStateChange { .. } => Operation::RequestJobStateChange,
            Self::GetError { .. } => Operation::GetError,
            Self::GetErrorEx { .. } => Operation::GetErrorEx,
            Self::DestroySystem { .. } => Operation::DestroySystem,
            Self::Flawed { call, .. } => call.operation(),
        }
    }

    /// The call without its flaw, and the flaw.
    pub fn parts(&self) -> (&Self, Option<Flaw>) {
        match self {
            Self::Flawed { call, flaw } => (call.parts().0, Some(*flaw)),
            _ => (self, None),
        }
    }

    /// The call with this flaw, if there is one.
    #[must_use]
    pub fn with_flaw(self, flaw: Option<Flaw>) -> Self {
        match flaw {
            Some(flaw) => Self::Flawed { call: Box::new(self), flaw },
            None => self,
        }
    }

    /// The virtual machine the call is about, if it is about one.
    pub fn vm(&self) -> Option<VmId> {
        match self {
            Self::SetAuthorizationEntry { vm, .. }
            | Self::CreateReplicationRelationship { vm, .. }
            | Self::ModifyReplicationSettings { vm, .. }
            | Self::RemoveReplicationRelationship { vm, .. }
            | Self::StartReplication { vm, .. }
            | Self::ImportInitialReplica { vm, .. }
            | Self::ReverseReplicationRelationship { vm, .. }
            | Self::InitiateFailover { vm, .. }
            | Self::RevertFailover { vm }
            | Self::CommitFailover { vm }
            | Self::TestReplicaSystem { vm, .. }
            | Self::Resynchronize { vm, .. }
            | Self::SetFailoverNetworkAdapterSettings { vm, .. }
            | Self::GetReplicationStatistics { vm, .. }
            | Self::ResetReplicationStatistics { vm, .. }
            | Self::ChangeReplicationModeToPrimary { vm, .. }
            | Self::InitiateFailback { vm, .. }
            | Self::RequestReplicationStateChange { vm, .. }
            | Self::RequestStateChange { vm, .. }
            | Self::DestroySystem { vm } => Some(*vm),
            Self::ModifyServiceSettings { .. }
            | Self::AddAuthorizationEntry { .. }
            | Self::ModifyAuthorizationEntry { .. }
            | Self::RemoveAuthorizationEntry { .. }
            | Self::GetSystemCertificates
            | Self::TestReplicationConnection { .. }
            | Self::RequestServiceStateChange { .. }
            | Self::StartService
            | Self::StopService
            | Self::RequestJobStateChange { .. }
            | Self::GetError { .. }
            | Self::GetErrorEx { .. } => None,
            Self::Flawed { call, .. } => call.vm(),
        }
    }

    /// The relationship the call names, if it names one.
    pub fn relationship(&self) -> Option<RelationshipId> {
        match self {
            Self::RemoveReplicationRelationship { relationship, .. }
            | Self::GetReplicationStatistics { relationship, .. }
            | Self::ResetReplicationStatistics { relationship, .. }
            | Self::RequestReplicationStateChange { relationship, .. } => *relationship,
            Self::ChangeReplicationModeToPrimary { relationship, .. } => Some(*relationship),
            Self::Flawed { call, .. } => call.relationship(),
            _ => None,
        }
    }
}

fn replication_state_operation(requested: u16) -> Operation {
    use RequestedReplicationState as R;
    match R::from_wire(requested) {
        Some(R::Ready) => Operation::CancelInitialReplication,
        Some(R::WaitingForInitialReplication) => Operation::BecomeReplica,
        Some(R::Replicating) => Operation::ResumeReplication,
        Some(R::Synced) => Operation::PrepareFailover,
        Some(R::Suspended) => Operation::SuspendReplication,
        Some(R::WaitingForResynchronization) => Operation::CancelResynchronization,
        Some(R::DiskUpdateInProgress) => Operation::ResumeDiskUpdate,
        None => Operation::RequestUndocumentedState,
    }
}

fn power_operation(requested: u16) -> Operation {
    match RequestedState::from_wire(requested) {
        Some(RequestedState::Enabled) => Operation::StartVm,
        Some(RequestedState::Disabled) => Operation::TurnOffVm,
        Some(RequestedState::ShutDown) => Operation::ShutDownVm,
        Some(RequestedState::Offline) => Operation::SaveVm,
        Some(RequestedState::Quiesce) => Operation::PauseVm,
        Some(RequestedState::Reboot) => Operation::RebootVm,
        Some(RequestedState::Reset) => Operation::ResetVm,
        None => Operation::RequestUndocumentedPower,
    }
}

/// How `StartReplication` moves the first copy: its three argument combinations.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum InitialReplication {
    /// Over the network, now.
    Network,
    /// Over the network, at a time at most seven days ahead.
    NetworkAt(SimTime),
    /// Into a folder.
    Export(String),
    /// Against a copy that is there already, now.
    Seeded,
    /// Against a copy that is there already, at a time at most seven days ahead.
    SeededAt(SimTime),
}

impl InitialReplication {
    /// The type this stands for.
    pub const fn kind(&self) -> InitialReplicationType {
        match self {
            Self::Network | Self::NetworkAt(_) => InitialReplicationType::Network,
            Self::Export(_) => InitialReplicationType::Export,
            Self::Seeded | Self::SeededAt(_) => InitialReplicationType::Seeded,
        }
    }

    /// The call that starts it on this sender.
    pub fn into_call(self, vm: VmId) -> Call {
        let initial = self.kind().to_wire();
        let (export_location, start) = match self {
            Self::Network | Self::Seeded => (None, None),
            Self::NetworkAt(at) | Self::SeededAt(at) => (None, Some(at)),
            Self::Export(location) => (Some(location), None),
        };
        Call::StartReplication { vm, initial, export_location, start }
    }
}

/// What a method that returns 0 hands back beside the 0.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Output {
    /// Of `GetReplicationStatisticsEx`.
    Statistics {
        /// The counters.
        statistics: Statistics,
        /// What is wrong; empty if nothing is.
        issues: Vec<ErrorRecord>,
    },
    /// Of `GetSystemCertificates`: base64 text, one for each certificate.
    Certificates(Vec<String>),
    /// Of `GetError`, at most one, and of `GetErrorEx`; empty while the job runs and after success.
    Errors(Vec<ErrorRecord>),
}
