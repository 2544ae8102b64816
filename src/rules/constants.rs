//! The numbers the sources give, each with its page.

use std::time::Duration;

/// One standard recovery point is made in each hour of the clock.
///
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2>
pub const POINT_SPACING: Duration = Duration::from_secs(3600);

/// Initial replication and resynchronisation can be scheduled this far ahead.
///
/// <https://learn.microsoft.com/powershell/module/hyper-v/start-vminitialreplication>
pub const SCHEDULE_HORIZON: Duration = Duration::from_secs(7 * 24 * 3600);

/// A relationship that has not replicated for so long is behind: a warning.
///
/// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>
pub const LAG: Duration = Duration::from_secs(3600);

/// An average latency above this is a warning. Same page.
pub const LATENCY: Duration = Duration::from_secs(5 * 60);

/// No monitoring window is shorter.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservicesettingdata>
pub const SHORTEST_WINDOW: Duration = Duration::from_secs(3600);

/// More than this share of missed cycles, in percent, is a warning.
///
/// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>
pub const MISSED_PERCENT: u64 = 20;

/// Pauses before a recoverable failure is retried, after the first: the last one repeats.
///
/// <https://learn.microsoft.com/azure/site-recovery/hyper-v-azure-architecture>; the first retry
/// comes after one interval, as the event “will retry after 5 minute(s)” of a relationship with
/// five-minute cycles shows:
/// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/event-19050-32022-32032-32056-32315-32546-33680>.
pub const RETRY_PAUSES: [Duration; 6] = [
    Duration::from_secs(60),
    Duration::from_secs(2 * 60),
    Duration::from_secs(4 * 60),
    Duration::from_secs(8 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(30 * 60),
];

/// A change log larger than this share of the disks, in percent, forces a resynchronisation.
///
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica>
pub const LOG_LIMIT_PERCENT: u64 = 50;
