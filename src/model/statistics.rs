//! Statistics of a monitoring window, and what is wrong with a relationship.

use super::{ReplicationHealth, SimTime};
use serde::{Deserialize, Serialize};

/// `Msvm_ReplicationStatistics` of one relationship on one side.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationstatistics>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Start of the window.
    pub start: SimTime,
    /// End of what is counted: now.
    pub end: SimTime,
    /// Cycles that succeeded.
    pub successes: u32,
    /// Cycles that did not happen within their interval.
    pub misses: u32,
    /// Bytes replicated.
    pub size_bytes: u64,
    /// The largest cycle, in bytes.
    pub max_size_bytes: u64,
    /// The time cycles took, added up, in seconds.
    pub latency_s: u32,
    /// The longest cycle, in seconds.
    pub max_latency_s: u32,
    /// Failures of the network.
    pub network_failures: u32,
    /// Failures of replication itself.
    pub replication_failures: u32,
    /// Application-consistent points that could not be taken.
    pub application_consistent_failures: u32,
    /// Logged and not yet sent, in bytes; 0 on a side that does not send.
    pub pending_bytes: u64,
    /// Health of the relationship.
    pub health: ReplicationHealth,
    /// When the last test failover of this virtual machine was made.
    pub last_test_failover: Option<SimTime>,
}

/// An `Msvm_Error` of `ReplicationHealthIssues`.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-error>.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HealthIssue {
    /// A stable number. Only 33414 (behind by more than an hour) is Microsoft's; the others are
    /// this crate's own, because none is public.
    pub message_id: u32,
    /// The health the issue alone calls for.
    pub severity: ReplicationHealth,
    /// What is wrong and what to do.
    pub message: String,
}
