//! The counters of a monitoring window, and the health they speak of.

use crate::model::{ReplicationHealth, ReplicationState, ServiceSettings, SimTime};
use crate::rules::constants::{LAG, LATENCY, MISSED_PERCENT};
use std::time::Duration;

/// The counters of one relationship on one side. Nothing ticks: whoever counts or reads first
/// moves on to the window that `now` lies in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Window {
    pub(crate) start: SimTime,
    pub(crate) successes: u32,
    pub(crate) misses: u32,
    pub(crate) bytes: u64,
    pub(crate) max_bytes: u64,
    pub(crate) latency: Duration,
    pub(crate) max_latency: Duration,
    pub(crate) network_failures: u32,
    pub(crate) failures: u32,
    pub(crate) consistent_failures: u32,
}

impl Window {
    pub(crate) const fn starting(now: SimTime) -> Self {
        Self {
            start: now,
            successes: 0,
            misses: 0,
            bytes: 0,
            max_bytes: 0,
            latency: Duration::ZERO,
            max_latency: Duration::ZERO,
            network_failures: 0,
            failures: 0,
            consistent_failures: 0,
        }
    }

    /// The window that `now` lies in: this one, or a fresh one from the last boundary.
    #[must_use]
    pub(crate) fn at(self, now: SimTime, settings: &ServiceSettings) -> Self {
        match last_boundary(now, settings) {
            Some(boundary) if boundary > self.start => Self::starting(boundary),
            _ => self,
        }
    }

    pub(crate) fn count_success(&mut self, bytes: u64, took: Duration) {
        self.successes = self.successes.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.max_bytes = self.max_bytes.max(bytes);
        self.latency = self.latency.saturating_add(took);
        self.max_latency = self.max_latency.max(took);
    }

    pub(crate) fn count_consistent_failure(&mut self) {
        self.consistent_failures = self.consistent_failures.saturating_add(1);
    }

    pub(crate) fn count_misses(&mut self, misses: u64) {
        self.misses = self.misses.saturating_add(u32::try_from(misses).unwrap_or(u32::MAX));
    }

    /// Whether more than a fifth of the cycles were missed.
    pub(crate) fn misses_too_many(&self) -> bool {
        let (misses, successes) = (u64::from(self.misses), u64::from(self.successes));
        misses * 100 > (misses + successes) * MISSED_PERCENT
    }

    /// Whether cycles take too long on average.
    pub(crate) fn is_slow(&self) -> bool {
        self.successes > 0 && self.latency > LATENCY.saturating_mul(self.successes)
    }
}

/// The last time a window of this host began: windows are as long as the settings say, and one
/// begins at the set time of the first day.
fn last_boundary(now: SimTime, settings: &ServiceSettings) -> Option<SimTime> {
    const TICKS: u64 = 10_000_000;
    let length = u64::from(settings.monitoring_interval_s).max(1) * TICKS;
    let offset = u64::from(settings.monitoring_start_s) * TICKS % length;
    let since = now.ticks().checked_sub(offset)?;
    Some(SimTime::from_ticks(now.ticks() - since % length))
}

/// The health of one side of a relationship.
///
/// Rules: <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>.
pub(crate) fn health(
    state: ReplicationState,
    sends: bool,
    window: &Window,
    last: Option<SimTime>,
    now: SimTime,
) -> ReplicationHealth {
    use ReplicationHealth::{Critical, NotApplicable, Ok, Warning};
    use ReplicationState as S;
    match state {
        S::Disabled => NotApplicable,
        S::Suspended if sends => Warning,
        S::Suspended
        | S::Critical
        | S::WaitingForResynchronization
        | S::Resynchronizing
        | S::ResynchronizationSuspended
        | S::DiskUpdateCritical => Critical,
        S::Replicating | S::Synced | S::DiskUpdateInProgress => {
            let behind = last.is_none_or(|last| now.since(last) > LAG);
            if behind || window.misses_too_many() || window.is_slow() { Warning } else { Ok }
        }
        _ => Warning,
    }
}
