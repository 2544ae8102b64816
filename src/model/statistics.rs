//! Statistics of a monitoring window.

use super::{ReplicationHealth, SimTime};
use serde::{Deserialize, Serialize};

/// `Msvm_ReplicationStatistics` of one relationship on one side.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationstatistics>.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statistics {
    /// Start of the window.
    pub start: SimTime,
    /// End of the window: from then on another one counts. What is counted so far is counted until
    /// now.
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

impl Statistics {
    /// The average size of a cycle, in bytes, as clients work it out.
    pub const fn average_size_bytes(&self) -> Option<u64> {
        self.size_bytes.checked_div(self.successes as u64)
    }

    /// The average latency of a cycle, in whole seconds, as clients work it out.
    pub const fn average_latency_s(&self) -> Option<u32> {
        self.latency_s.checked_div(self.successes)
    }

    /// The errors that clients show: of replication, of the network and of application-consistent
    /// points together.
    pub const fn errors(&self) -> u32 {
        self.replication_failures
            .saturating_add(self.network_failures)
            .saturating_add(self.application_consistent_failures)
    }
}
