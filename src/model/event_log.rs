//! The event log of a host.

use super::wire::wire_enum;
use super::{SimTime, VmId};
use serde::{Deserialize, Serialize};

/// An entry of the log [`LogEntry::LOG`] of one host.
///
/// The words are this crate's own. The virtual machine and the HRESULT, which real entries carry
/// in their text, stand there as well.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogEntry {
    /// When it was written.
    pub at: SimTime,
    /// What it reports.
    pub id: EventId,
    /// Which virtual machine it is about, by the GUID it has on both sides.
    pub vm: Option<VmId>,
    /// The code behind a failure: an HRESULT, or a bare Win32 number where real entries show one.
    pub hresult: Option<u32>,
    /// What happened, in full.
    pub message: String,
}

impl LogEntry {
    /// The log that Hyper-V's management service writes.
    ///
    /// Source: <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replication-suspended-system-shutdown>.
    pub const LOG: &str = "Microsoft-Windows-Hyper-V-VMMS/Admin";
    /// Who writes it.
    pub const SOURCE: &str = "Microsoft-Windows-Hyper-V-VMMS";
    /// How many entries a host keeps. A log is a ring: the oldest make room.
    pub const KEPT: usize = 1024;

    /// How much it matters.
    pub const fn level(&self) -> EventLevel {
        self.id.level()
    }
}

/// How much an entry matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum EventLevel {
    /// Something failed.
    Error,
    /// Something may fail.
    Warning,
    /// Nothing is wrong.
    Information,
}

wire_enum! {
    /// What an entry of the log reports.
    ///
    /// Real numbers carry the page that shows them. Where Windows writes an entry whose number
    /// nobody has published, the number is this crate's own, from 50 100.
    "https://learn.microsoft.com/troubleshoot/windows-server/virtualization/event-19050-32022-32032-32056-32315-32546-33680"
    pub enum EventId: u32 {
        /// The statistics of a monitoring window that has ended, on either side:
        /// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120621-interpreting-replication-health-part-2>.
        WindowStatistics = 29174, "The statistics of a finished monitoring window";
        /// A resynchronisation begins to compare, on the sender:
        /// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica>.
        ResynchronizationStarted = 29242, "A resynchronisation has started";
        /// A resynchronisation has compared everything, on the sender. Same page.
        ComparisonFinished = 29244, "A resynchronisation has compared both copies";
        /// Replication could not be enabled:
        /// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replica-troubleshooting-guide>.
        EnableFailed = 32000, "Replication could not be enabled";
        /// A change log could not be sent, on the sender.
        SendFailed = 32022, "Changes could not be replicated";
        /// Replication is in error until somebody resumes it, on the sender:
        /// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replication-suspended-system-shutdown>.
        ReplicationSuspended = 32086, "Replication is suspended after a failure";
        /// A change log could not be sent and will be tried again, on the sender.
        WillRetry = 32315, "Changes will be replicated later";
        /// A virtual machine is in no state for an operation, on the replica that cannot apply.
        OperationRefused = 19050, "A virtual machine is in no state for an operation";
        /// The same, as the replication service says it.
        ReplicaBusy = 32546, "A replica is in no state for an operation";
        /// Received changes were not applied, on the replica, since Windows Server 2012 R2.
        ApplyIncomplete = 32032, "Received changes were not applied";
        /// Received changes were not applied, on the replica, on Windows Server 2012.
        ApplyFailed = 32056, "Received changes could not be applied";
        /// A replication operation failed, on the replica; names both hosts.
        ReplicationFailed = 33680, "A replication operation failed";
        /// The replica server could not be authenticated with Kerberos, on the primary:
        /// <https://jpwinsup.github.io/blog/2025/11/04/Hyper-V/ConfigurationAndManagement/Fail-hyperv-replica-cross-domain-setup/>.
        KerberosFailed = 29210, "The replica server could not be authenticated with Kerberos";
        /// A host could not register its service principal names:
        /// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-vmm-service-fails-event-id-14050>.
        PrincipalNotRegistered = 14050, "Service principal names could not be registered";
        /// A guest did not take the addresses of a failover. The number is this crate's own; that
        /// there is an entry says
        /// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120528-inject-ip-address-into-the-vm-during-failover>.
        NetworkNotTaken = 50100, "A guest did not take the addresses of a failover";
        /// A job failed that has no number of its own here. The number is this crate's own.
        OperationFailed = 50101, "An operation failed";
    }
}

impl EventId {
    /// How much such an entry matters.
    pub const fn level(self) -> EventLevel {
        match self {
            Self::WindowStatistics | Self::ResynchronizationStarted | Self::ComparisonFinished => {
                EventLevel::Information
            }
            Self::WillRetry => EventLevel::Warning,
            Self::EnableFailed
            | Self::SendFailed
            | Self::OperationRefused
            | Self::ReplicaBusy
            | Self::ApplyIncomplete
            | Self::ApplyFailed
            | Self::ReplicationFailed
            | Self::ReplicationSuspended
            | Self::KerberosFailed
            | Self::PrincipalNotRegistered
            | Self::NetworkNotTaken
            | Self::OperationFailed => EventLevel::Error,
        }
    }
}
