//! `Msvm_Error`: what a failed job and an unhealthy relationship say of themselves.

use super::wire::wire_enum;
use serde::{Deserialize, Serialize};

/// An `Msvm_Error`: of `GetError` and `GetErrorEx`, and of `ReplicationHealthIssues`.
///
/// `ErrorSourceFormat` is always 0 and therefore no field; the properties that explain a value of
/// “other” are always null and are none either.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-error>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRecord {
    /// `MessageID`: which message it is, unique within `owning_entity`; [`MessageId`] has those of
    /// this crate.
    pub message_id: u32,
    /// `Message`: what is wrong and what to do.
    pub message: String,
    /// `MessageArguments`: what the message was made of, the name of the virtual machine first.
    pub message_arguments: Vec<String>,
    /// `OwningEntity`: whose messages these are.
    pub owning_entity: String,
    /// `ErrorType`: its kind.
    pub error_type: ErrorType,
    /// `PerceivedSeverity`: how soon something must be done.
    pub perceived_severity: PerceivedSeverity,
    /// `ProbableCause`.
    pub probable_cause: ProbableCause,
    /// `ErrorSource`: what failed. A text without a format.
    pub error_source: String,
    /// `CIMStatusCode`: 1 to 20.
    pub cim_status: CimStatus,
    /// `RecommendedActions`.
    pub recommended_actions: Vec<String>,
}

wire_enum! {
    /// The messages that this crate writes into an [`ErrorRecord`]. The numbers are stable.
    ///
    /// 33414 is the number that Microsoft's monitoring ties to its condition. No other number is
    /// public, so the others are this crate's own, from 50 000.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-error"
    pub enum MessageId: u32 {
        /// The relationship is in error.
        InError = 50001, "Replication is in error";
        /// The copies must be compared.
        ResynchronizationNeeded = 50002, "A resynchronisation is needed";
        /// The copies are being compared.
        Resynchronizing = 50003, "A resynchronisation is at work";
        /// The set of disks could not be changed.
        DiskUpdateFailed = 50004, "The set of disks could not be changed";
        /// Paused on the sending side.
        PausedOnPrimary = 50005, "Replication is paused on the primary";
        /// Nothing is replicated yet.
        InitialReplicationIncomplete = 50006, "Initial replication is not complete";
        /// Failed over, and not reversed.
        FailedOver = 50007, "The replica is failed over";
        /// More than a fifth of the cycles were missed.
        CyclesMissed = 50008, "Too many cycles were missed";
        /// Cycles take more than five minutes on average.
        LatencyHigh = 50009, "Cycles take too long";
        /// Paused on the receiving side.
        PausedOnReplica = 50010, "Replication is paused on the replica";
        /// An old primary is being turned into a replica.
        RoleChanging = 50011, "The role of the virtual machine is changing";
        /// Being failed over, being failed back, or failed back.
        FailingOver = 50012, "A failover or a failback is not concluded";
        /// The last log is more than an hour old.
        BehindPrimary = 33414, "The replica is behind its primary";
        /// A job failed.
        OperationFailed = 50020, "An operation failed";
        /// A job was cancelled.
        OperationCancelled = 50021, "An operation was cancelled";
        /// Why a job did not succeed.
        Cause = 50022, "The cause of a failure";
    }
}

impl MessageId {
    /// `OwningEntity` of the message: this crate, except for the one number that is Microsoft's.
    pub const fn owning_entity(self) -> &'static str {
        match self {
            Self::BehindPrimary => "Microsoft-Windows-Hyper-V-VMMS",
            _ => "hyperv-replica",
        }
    }
}

wire_enum! {
    /// `Msvm_Error.ErrorType`.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-error"
    pub enum ErrorType: u16 {
        /// Nothing is known.
        Unknown = 0, "Unknown";
        /// Something without a number.
        Other = 1, "Other";
        /// On the way to another host.
        Communications = 2, "Communications Error";
        /// Reduced performance.
        QualityOfService = 3, "Quality of Service Error";
        /// Software failed.
        Software = 4, "Software Error";
        /// Hardware failed.
        Hardware = 5, "Hardware Error";
        /// The surroundings failed.
        Environmental = 6, "Environmental Error";
        /// Access or identity.
        Security = 7, "Security Error";
        /// Resources could not be allocated.
        Oversubscription = 8, "Oversubscription Error";
        /// A resource could not be reached.
        UnavailableResource = 9, "Unavailable Resource Error";
        /// A request that is not supported.
        UnsupportedOperation = 10, "Unsupported Operation Error";
    }
}

wire_enum! {
    /// `Msvm_Error.PerceivedSeverity`.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-error"
    pub enum PerceivedSeverity: u16 {
        /// Nothing is known.
        Unknown = 0, "Unknown";
        /// Not critical, such as a wrong parameter.
        Low = 2, "Low";
        /// Action is needed, but not at once.
        Medium = 3, "Medium";
        /// Action is needed now.
        High = 4, "High";
        /// Data is lost.
        Fatal = 5, "Fatal";
    }
}

wire_enum! {
    /// `Msvm_Error.ProbableCause`: those of its 128 values that this crate writes.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-error"
    pub enum ProbableCause: u16 {
        /// Nothing is known.
        Unknown = 0, "Unknown";
        /// The other host could not be reached.
        ConnectionEstablishment = 5, "Connection Establishment Error";
        /// A counter is above its limit.
        ThresholdCrossed = 52, "Threshold Crossed";
        /// The other host refuses this one.
        UnauthorizedAccess = 65, "Unauthorized Access";
    }
}

wire_enum! {
    /// `Msvm_Error.CIMStatusCode`: those of its 20 values that this crate writes.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-error"
    pub enum CimStatus: u32 {
        /// `CIM_ERR_FAILED`.
        Failed = 1, "CIM_ERR_FAILED";
        /// `CIM_ERR_ACCESS_DENIED`.
        AccessDenied = 2, "CIM_ERR_ACCESS_DENIED";
        /// `CIM_ERR_INVALID_PARAMETER`.
        InvalidParameter = 4, "CIM_ERR_INVALID_PARAMETER";
        /// `CIM_ERR_NOT_FOUND`.
        NotFound = 6, "CIM_ERR_NOT_FOUND";
        /// `CIM_ERR_NOT_SUPPORTED`.
        NotSupported = 7, "CIM_ERR_NOT_SUPPORTED";
    }
}

impl ErrorRecord {
    /// `ErrorSourceFormat`, of every record.
    pub const ERROR_SOURCE_FORMAT: u16 = 0;

    /// Which message of this crate it is, if it is one.
    pub fn message_kind(&self) -> Option<MessageId> {
        MessageId::from_wire(self.message_id).filter(|it| it.owning_entity() == self.owning_entity)
    }
}
