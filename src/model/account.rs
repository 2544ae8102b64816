//! What the simulator knows and no WMI tells: which writes each copy holds, and who was served.

use super::{HostId, ReplicationMode, SimTime};
use std::time::Duration;

/// A copy of a virtual machine on one host, measured against its other copies.
///
/// The guest's writes are numbered, byte by byte. Two copies hold the same write under the same
/// number until one of them is failed over, or its disks are changed otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copy {
    /// Where it is.
    pub host: HostId,
    /// Its role.
    pub mode: ReplicationMode,
    /// Whether it runs, and its guest writes.
    pub runs: bool,
    /// The number of the last byte it holds.
    pub position: u64,
    /// What it alone holds, in bytes: this is lost with it.
    pub own_bytes: u64,
    /// What it lacks of what another holds, in bytes; of the one that is furthest ahead.
    pub missing_bytes: u64,
    /// How long the guest took to write that.
    pub missing: Duration,
}

/// What a failover would lose: the recovery point objective that is met right now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Loss {
    /// What other copies hold and the recovered one would not.
    pub bytes: u64,
    /// How long the guest took to write that.
    pub time: Duration,
}

/// Whether anybody served the users of a virtual machine. Test replicas do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServiceAccount {
    /// How many copies run; more than one is one too many.
    pub running: u16,
    /// Since when none runs.
    pub down_since: Option<SimTime>,
    /// How often none ran, the current outage included.
    pub outages: u32,
    /// How long the last outage was, or is so far: the recovery time objective that was met.
    pub last_outage: Duration,
    /// All outages together.
    pub downtime: Duration,
    /// Writes that a guest made and no copy holds any more.
    pub lost_bytes: u64,
}
