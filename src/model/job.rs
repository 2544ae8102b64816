//! Jobs: what a method that answers 4096 leaves running.

use super::wire::wire_enum;
use super::{ErrorCode, JobId, SimTime, VmId};
use serde::{Deserialize, Serialize};
use std::time::Duration;

wire_enum! {
    /// `Msvm_ConcreteJob.JobState`.
    ///
    /// A job is new (2), then starts (3), then runs; one that is asked to terminate shuts down (6)
    /// first. In the simulator these three take no time, and nobody sees them, unless the policy of
    /// its world says otherwise. It never emits 11 and 12, of which no source says more than the
    /// names.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob"
    pub enum JobState: u16 {
        /// Created, not started.
        New = 2, "New";
        /// On its way to running.
        Starting = 3, "Starting";
        /// At work.
        Running = 4, "Running";
        /// Halted, may go on.
        Suspended = 5, "Suspended";
        /// Being cancelled.
        ShuttingDown = 6, "Shutting Down";
        /// Succeeded.
        Completed = 7, "Completed";
        /// Cancelled.
        Terminated = 8, "Terminated";
        /// Stopped by force.
        Killed = 9, "Killed";
        /// Failed; the error says why.
        Exception = 10, "Exception";
        /// In a state that its vendor knows; never emitted here.
        Service = 11, "Service";
        /// Waits for an answer; in the CIM schema only.
        QueryPending = 12, "Query Pending";
        /// Succeeded, with something to report. Clients count it as success.
        CompletedWithWarnings = 32768, "Completed with warnings";
    }
}

impl JobState {
    /// Whether the job has ended, however.
    pub const fn is_terminal(self) -> bool {
        matches!(
            self,
            Self::Completed
                | Self::Terminated
                | Self::Killed
                | Self::Exception
                | Self::CompletedWithWarnings
        )
    }

    /// Whether the simulator shows jobs in this state.
    pub const fn is_shown(self) -> bool {
        !matches!(self, Self::Service | Self::QueryPending)
    }

    /// Whether the job has ended well.
    pub const fn is_success(self) -> bool {
        matches!(self, Self::Completed | Self::CompletedWithWarnings)
    }
}

wire_enum! {
    /// What `Msvm_ConcreteJob.RequestStateChange` may be asked for.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-concretejob"
    pub enum RequestedJobState: u16 {
        /// Start, or go on.
        Start = 2, "Start";
        /// Halt.
        Suspend = 3, "Suspend";
        /// Cancel, cleaning up.
        Terminate = 4, "Terminate";
        /// Stop by force.
        Kill = 5, "Kill";
        /// Reserved to the vendor.
        Service = 6, "Service";
    }
}

wire_enum! {
    /// `Msvm_ConcreteJob.JobType`: the replication range, and the power and removal jobs.
    ///
    /// The simulator never emits the jobs of single change logs (105, 106, 108, 120), of the
    /// consistency checker (112 to 114), and of reading a test replica (122): no source says when
    /// they appear, and for how long. Nor does it emit 111: statistics are what the method returns,
    /// and who got 4096 would have none.
    "https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob"
    pub enum JobType: u16 {
        /// `DestroySystem` of an ordinary virtual machine.
        DestroyVm = 3, "Destroy Virtual Machine";
        /// `RequestStateChange` 2, from off.
        StartVm = 12, "Start Virtual Machine";
        /// `RequestStateChange` 3.
        PowerOffVm = 13, "Power Off Virtual Machine";
        /// `RequestStateChange` 6.
        SaveVm = 14, "Save Virtual Machine";
        /// `RequestStateChange` 2, from saved.
        RestoreVm = 15, "Restore Virtual Machine";
        /// `RequestStateChange` 4.
        ShutDownVm = 16, "Shut Down Virtual Machine";
        /// `RequestStateChange` 9.
        PauseVm = 26, "Pause Virtual Machine";
        /// `RequestStateChange` 2, from paused.
        ResumeVm = 27, "Resume Virtual Machine";
        /// `RequestStateChange` 11.
        ResetVm = 28, "Reset Virtual Machine";
        /// `RequestStateChange` 10.
        RebootVm = 29, "Reboot Virtual Machine";
        /// `ModifyServiceSettings`.
        ModifyServerSettings = 90, "Modify Replication Server Settings";
        /// `CreateReplicationRelationship`.
        CreateRelationship = 91, "Create Replication Relationship";
        /// `ModifyReplicationSettings`.
        ModifySettings = 92, "Modify Replication Relationship Settings";
        /// `RemoveReplicationRelationshipEx`.
        RemoveRelationship = 93, "Remove Replication Relationship";
        /// `StartReplication` over the network.
        StartInitialReplication = 94, "Start Inband Initial Replication";
        /// `ImportInitialReplica`.
        ImportReplication = 95, "Import Replication";
        /// `RequestReplicationStateChangeEx`, where no other number fits.
        ReplicationStateChange = 96, "Replicate State Change";
        /// `InitiateFailover`.
        InitiateFailover = 97, "Initiate Failover";
        /// `RevertFailover` on a replica.
        RevertFailover = 98, "Revert Failover";
        /// `CommitFailover`.
        CommitFailover = 99, "Commit Failover";
        /// `RequestReplicationStateChangeEx` 4.
        InitiateSyncedReplication = 100, "Inititate Synced Replication";
        /// `RevertFailover` on a prepared primary.
        CancelSyncedReplication = 101, "Cancel Synced Replication";
        /// `TestReplicaSystem`.
        InitiateTestReplica = 102, "Initiate Test Replica";
        /// `DestroySystem` of a test replica.
        RemoveTestReplica = 103, "Remove Test Replica";
        /// `ReverseReplicationRelationship`.
        ReverseReplication = 104, "Reverse Replication";
        /// A change log on its way, on the sender.
        SendingDelta = 105, "Replication Sending Delta";
        /// A change log on its way, on the receiver.
        ReceivingDelta = 106, "Replication Receiving Delta";
        /// `Resynchronize`, primary leg.
        Resynchronizing = 107, "Resynchronizing";
        /// A change log being applied.
        ApplyingChangeLog = 108, "Apply change log";
        /// `RequestReplicationStateChangeEx` 1.
        StopInitialReplication = 109, "Stop Initial Replication";
        /// `RequestReplicationStateChangeEx` 9.
        StopResynchronizing = 110, "Stop Resynchronizing";
        /// `GetReplicationStatisticsEx`.
        GetStatistics = 111, "Get Replica statistics";
        /// No public method starts it.
        PrepareConsistencyChecker = 112, "Prepare for Consistency Checker";
        /// No public method starts it.
        ConsistencyChecker = 113, "Consistency Checker";
        /// No public method starts it.
        StopConsistencyChecker = 114, "Stop Consistency Checker";
        /// `TestReplicationConnection`.
        TestConnection = 115, "Test Replication Connection";
        /// The disks on their way during initial replication.
        SendingInitialReplica = 116, "Sending Initial Replica";
        /// `StartReplication` against a seed.
        StartSeededReplication = 117, "Start Resync Initial Replication";
        /// `StartReplication` by export.
        StartExportReplication = 118, "Start Export Initial Replication";
        /// `ResetReplicationStatisticsEx`.
        ResetStatistics = 119, "Reset Replica Statistics";
        /// Logs that arrived before the import are applied after it.
        ApplyRegisteredDeltas = 120, "Apply Registered Deltas";
        /// `Resynchronize`, extended leg.
        ResynchronizingExtended = 121, "Resynchronizing Extended Replication";
        /// A phase of `TestReplicaSystem`.
        ReadingTestReplica = 122, "Reading Test Replica Configuration";
        /// `ChangeReplicationModeToPrimary`.
        ChangeModeToPrimary = 123, "Change the replication mode to primary";
        /// `InitiateFailback`.
        InitiateFailback = 124, "Initiate Failback";
        /// `ModifyReplicationSettings` with another set of disks.
        UpdateDiskSet = 125, "Update Disk Set";
    }
}

impl JobType {
    /// Whether clients regard it as a replication task: 90 to 129.
    pub const fn is_replication(self) -> bool {
        matches!(self.to_wire(), 90..=129)
    }
}

/// How long a finished job stays readable: `TimeBeforeRemoval`, fixed at five minutes.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>.
pub const JOB_RETENTION: Duration = Duration::from_secs(5 * 60);

/// An `Msvm_ConcreteJob`, as read at one moment.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    /// Its key.
    pub id: JobId,
    /// What it does.
    pub job_type: JobType,
    /// How far it is. A terminal state never changes again.
    pub state: JobState,
    /// 0 to 100.
    pub percent_complete: u8,
    /// Whether a request to terminate has a chance now.
    pub cancellable: bool,
    /// When the call was accepted.
    pub submitted: SimTime,
    /// When it is due to start, for a scheduled job.
    pub scheduled: Option<SimTime>,
    /// When it began to work; `None` while it waits for its schedule.
    pub started: Option<SimTime>,
    /// When it last changed its state.
    pub state_changed: SimTime,
    /// How long it has been, or was, at work.
    pub elapsed: Duration,
    /// Why it failed; `None` is an `ErrorCode` of 0.
    pub error: Option<JobFailure>,
    /// The virtual machines it acts on; the first is its subject. A test replica that it made is
    /// the second.
    pub affected: Vec<VmId>,
}

/// Why a job failed: `ErrorCode`, `ErrorSummaryDescription` and `ErrorDescription`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct JobFailure {
    /// `ErrorCode`: one of the codes that methods return.
    pub code: ErrorCode,
    /// One line.
    pub summary: String,
    /// The summary with its details: the virtual machine, the host, the HRESULT.
    pub description: String,
    /// The code behind it, which the description ends with: an HRESULT, or a bare Win32 number
    /// where real messages show one.
    pub hresult: u32,
}
