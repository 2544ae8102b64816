//! Monitoring windows: the counters of a relationship, and when they start anew.
//!
//! The windows of a host are as long as its settings say and begin at the set time of a day, so
//! they end for all its relationships at once: one appointment for each host that has any.

use super::World;
use super::agenda::Due;
use super::vm::VmState;
use crate::model::{
    HostId, Leg, RelationshipId, ReplicationHealth, ServiceSettings, SimTime, Statistics, VmId,
};
use crate::rules::constants::{LATENCY, MISSED_PERCENT, SHORTEST_WINDOW};
use std::time::Duration;

/// The counters of one relationship on one side; in memory, what a cycle counts comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub(crate) struct Window {
    pub(crate) successes: u32,
    pub(crate) misses: u32,
    pub(crate) bytes: u64,
    pub(crate) max_bytes: u64,
    latency_ns: u64,
    max_latency_ns: u64,
    /// When the counters began.
    pub(crate) start: SimTime,
    /// When somebody reset them, or the relationship began: health looks no further back.
    pub(crate) since: SimTime,
    pub(crate) network_failures: u32,
    pub(crate) failures: u32,
    pub(crate) consistent_failures: u32,
}

impl Window {
    /// The first window of a relationship, and the one after a reset.
    pub(crate) const fn starting(now: SimTime) -> Self {
        Self {
            successes: 0,
            misses: 0,
            bytes: 0,
            max_bytes: 0,
            latency_ns: 0,
            max_latency_ns: 0,
            start: now,
            since: now,
            network_failures: 0,
            failures: 0,
            consistent_failures: 0,
        }
    }

    /// The window after this one.
    const fn next(self, start: SimTime) -> Self {
        Self { since: self.since, ..Self::starting(start) }
    }

    /// Counts a cycle that took so long, and those that passed meanwhile. One that took just its
    /// interval has delayed no other.
    #[inline]
    pub(crate) fn count_success(&mut self, bytes: u64, took: Duration, interval: Duration) {
        self.successes = self.successes.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        self.max_bytes = self.max_bytes.max(bytes);
        let took_ns = nanoseconds(took);
        self.latency_ns = self.latency_ns.saturating_add(took_ns);
        self.max_latency_ns = self.max_latency_ns.max(took_ns);
        if took > interval {
            let cycles = took.as_nanos().div_ceil(interval.as_nanos().max(1));
            self.count_misses(u32::try_from(cycles - 1).unwrap_or(u32::MAX));
        }
    }

    pub(crate) fn count_consistent_failure(&mut self) {
        self.consistent_failures = self.consistent_failures.saturating_add(1);
    }

    pub(crate) fn count_misses(&mut self, misses: u32) {
        self.misses = self.misses.saturating_add(misses);
    }

    /// Whether more than a fifth of the cycles were missed.
    pub(crate) fn misses_too_many(&self) -> bool {
        let (misses, successes) = (u64::from(self.misses), u64::from(self.successes));
        misses * 100 > (misses + successes) * MISSED_PERCENT
    }

    /// Whether cycles take too long on average.
    pub(crate) fn is_slow(&self) -> bool {
        let allowed_ns = nanoseconds(LATENCY).saturating_mul(self.successes.into());
        self.successes > 0 && self.latency_ns > allowed_ns
    }

    /// The figures, without what does not belong to the window.
    pub(crate) fn statistics(&self, end: SimTime, health: ReplicationHealth) -> Statistics {
        let seconds = |ns| u32::try_from(ns / 1_000_000_000u64).unwrap_or(u32::MAX);
        Statistics {
            start: self.start,
            end,
            successes: self.successes,
            misses: self.misses,
            size_bytes: self.bytes,
            max_size_bytes: self.max_bytes,
            latency_s: seconds(self.latency_ns),
            max_latency_s: seconds(self.max_latency_ns),
            network_failures: self.network_failures,
            replication_failures: self.failures,
            application_consistent_failures: self.consistent_failures,
            pending_bytes: 0,
            health,
            last_test_failover: None,
        }
    }
}

/// At most `u64::MAX`, which is more seconds than statistics can tell.
fn nanoseconds(it: Duration) -> u64 {
    it.as_secs().saturating_mul(1_000_000_000).saturating_add(it.subsec_nanos().into())
}

const TICKS: u64 = 10_000_000;

/// How long a host's windows are, and when the first one of all begins, in ticks.
fn grid(settings: &ServiceSettings) -> (u64, u64) {
    let shortest = SHORTEST_WINDOW.as_secs();
    let length = u64::from(settings.monitoring_interval_s).max(shortest) * TICKS;
    (length, u64::from(settings.monitoring_start_s) * TICKS % length)
}

/// When the window that `at` lies in began, if that is not before time began.
fn last_boundary(at: SimTime, settings: &ServiceSettings) -> Option<SimTime> {
    let (length, first) = grid(settings);
    let since = at.ticks().checked_sub(first)?;
    Some(SimTime::from_ticks(at.ticks() - since % length))
}

/// When the window that `at` lies in ends, if that is not after time ends.
pub(crate) fn next_boundary(at: SimTime, settings: &ServiceSettings) -> Option<SimTime> {
    let (length, first) = grid(settings);
    match last_boundary(at, settings) {
        None => Some(SimTime::from_ticks(first)),
        Some(last) => last.ticks().checked_add(length).map(SimTime::from_ticks),
    }
}

impl World {
    /// Whether time ends before the next window of any host could.
    pub(super) fn ends_before_window(&self) -> bool {
        self.hosts.iter().any(|it| next_boundary(self.now, &it.settings).is_none())
    }

    /// Makes sure that the windows of a host end in time, if it has relationships.
    pub(super) fn monitor(&mut self, host: HostId) {
        let Some(state) = self.hosts.get_mut(usize::from(host.0)) else { return };
        if state.monitoring.is_none()
            && state.vms.values().any(VmState::is_replicated)
            && let Some(end) = next_boundary(self.now, &state.settings)
        {
            state.monitoring = Some(self.agenda.schedule(end, Due::MonitoringEnds(host)));
        }
    }

    /// The windows of a host end. One that is down notices when it is up again.
    pub(super) fn monitoring_ends(&mut self, host: HostId) {
        let Some(state) = self.hosts.get_mut(usize::from(host.0)) else { return };
        state.monitoring = None;
        if state.up {
            self.monitoring_goes_on(host);
        }
    }

    /// Ends the windows of a host that are over, and waits for the end of the others.
    pub(super) fn monitoring_goes_on(&mut self, host: HostId) {
        let Some(settings) = self.host(host).map(|it| it.settings.clone()) else { return };
        if let Some(boundary) = last_boundary(self.now, &settings) {
            let end = |start| next_boundary(start, &settings).unwrap_or(boundary);
            self.end_windows(host, boundary, end);
        }
        self.monitor(host);
    }

    /// Windows of another length or another time of day begin: those at work end now.
    pub(super) fn restart_monitoring(&mut self, host: HostId) {
        let now = self.now;
        self.end_windows(host, now, |_| now);
        if let Some(state) = self.hosts.get_mut(usize::from(host.0)) {
            let ticket = state.monitoring.take();
            self.agenda.cancel(ticket);
        }
        self.monitor(host);
    }

    /// Ends every window of a host that began before `next`, which begins the next one: its
    /// figures go to the log.
    fn end_windows(&mut self, host: HostId, next: SimTime, end: impl Fn(SimTime) -> SimTime) {
        let Some(state) = self.host(host) else { return };
        let ended = |(id, vm): (&VmId, &VmState)| {
            [Leg::Primary, Leg::Extended].map(|leg| {
                let window = vm.counters(leg, next).filter(|it| it.start < next)?;
                Some((RelationshipId { vm: *id, leg }, window))
            })
        };
        let ended: Vec<_> = state.vms.iter().flat_map(ended).flatten().collect();
        for (id, window) in ended {
            let health = self
                .relationship(host, id)
                .map_or(ReplicationHealth::NotApplicable, |it| it.health);
            let statistics = window.statistics(end(window.start), health);
            self.log_window(host, id, &statistics);
            if let Some(counters) = self.vm_mut(host, id.vm).and_then(|vm| vm.counters_mut(id.leg))
            {
                *counters = window.next(next);
            }
        }
    }
}
