//! Accounts: whether anybody served a virtual machine's users, and which writes were lost.

use super::World;
use super::lines::Reach;
use super::receiver::Receiving;
use super::vm::{Role, VmState};
use crate::model::{
    Copy, EnabledState, HostId, Loss, PointId, ReplicationMode, ServiceAccount, SimTime, VmId,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// What is remembered of each virtual machine that ever ran, across all hosts.
pub(super) type Ledgers = Arc<BTreeMap<VmId, Ledger>>;

/// What is remembered of a virtual machine. Test replicas do not count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Ledger {
    /// How many copies run.
    running: u16,
    /// Since when none does.
    down_since: Option<SimTime>,
    outages: u32,
    last_outage: Duration,
    downtime: Duration,
    lost_bytes: u64,
}

impl World {
    fn ledger(&mut self, id: VmId) -> &mut Ledger {
        Arc::make_mut(&mut self.ledgers).entry(id).or_default()
    }

    /// A copy came up or went down.
    pub(super) fn account_for_power(
        &mut self,
        id: VmId,
        mode: ReplicationMode,
        from: EnabledState,
        to: EnabledState,
    ) {
        let now = self.now;
        let runs = |state| state == EnabledState::Enabled;
        if mode == ReplicationMode::TestReplica || runs(from) == runs(to) {
            return;
        }
        let ledger = self.ledger(id);
        if runs(to) {
            ledger.running = ledger.running.saturating_add(1);
            if let Some(since) = ledger.down_since.take() {
                ledger.outages = ledger.outages.saturating_add(1);
                ledger.last_outage = now.since(since);
                ledger.downtime = ledger.downtime.saturating_add(ledger.last_outage);
            }
        } else {
            ledger.running = ledger.running.saturating_sub(1);
            if ledger.running == 0 {
                ledger.down_since = Some(now);
            }
        }
    }

    /// A copy holds something else than before: what was only there is lost.
    pub(super) fn account_for_writes(&mut self, host: HostId, id: VmId, held: Reach, holds: Reach) {
        let Some(vm) = self.vm_state(host, id) else { return };
        if matches!(vm.role, Role::Test { .. }) || self.lines.includes(holds, held) {
            return;
        }
        let elsewhere = self
            .copies_of(id)
            .filter(|(other, _)| *other != host)
            .map(|(_, vm)| self.lines.common(held, vm.reach(self.now)))
            .max();
        let kept = self.lines.common(held, holds).max(elsewhere.unwrap_or(0));
        let lost = held.position.saturating_sub(kept);
        if lost > 0 {
            let ledger = self.ledger(id);
            ledger.lost_bytes = ledger.lost_bytes.saturating_add(lost);
        }
    }

    /// Every copy of a virtual machine but test replicas, with its host.
    fn copies_of(&self, id: VmId) -> impl Iterator<Item = (HostId, &VmState)> {
        (0u16..).map(HostId).zip(&self.hosts).filter_map(move |(host, state)| {
            let vm = state.vms.get(id)?;
            (!matches!(vm.role, Role::Test { .. })).then_some((host, vm))
        })
    }

    /// The copies of a virtual machine on all hosts, and what each holds that the others lack.
    pub fn copies(&self, id: VmId) -> Vec<Copy> {
        let now = self.now;
        self.copies_of(id)
            .map(|(host, vm)| {
                let reach = vm.reach(now);
                let others = self.copies_of(id).filter(|(other, _)| *other != host);
                let reaches: Vec<Reach> = others.map(|(_, vm)| vm.reach(now)).collect();
                let shared = reaches.iter().map(|it| self.lines.common(reach, *it)).max();
                let lacks = |it: &Reach| it.position - self.lines.common(reach, *it);
                let missing_bytes = reaches.iter().map(lacks).max().unwrap_or(0);
                Copy {
                    host,
                    mode: vm.mode(),
                    runs: vm.power == EnabledState::Enabled,
                    position: reach.position,
                    own_bytes: reach.position - shared.unwrap_or(0),
                    missing_bytes,
                    missing: written_in(missing_bytes, vm.guest.rate),
                }
            })
            .collect()
    }

    /// Whether two copies of a virtual machine were both written to after they had parted: each
    /// holds writes that the other lacks, and one of the two must be given up.
    pub fn is_split_brain(&self, id: VmId) -> bool {
        let now = self.now;
        let copies = || self.copies_of(id).map(|(_, vm)| vm);
        let split = |a: &VmState, b: &VmState| {
            let (left, right) = (a.reach(now), b.reach(now));
            let parting = self.lines.parting(left, right);
            left.position > parting.common
                && right.position > parting.common
                && parting
                    .since
                    .is_some_and(|at| a.guest.wrote_after(at, now) && b.guest.wrote_after(at, now))
        };
        copies().enumerate().any(|(n, a)| copies().take(n).any(|b| split(a, b)))
    }

    /// What failing a replica over to a point, or to its latest state, would lose now.
    ///
    /// `None` if there is no such replica or point, or it is failed over already.
    pub fn loss(&self, host: HostId, id: VmId, point: Option<PointId>) -> Option<Loss> {
        let vm = self.vm_state(host, id)?;
        let receiver = vm.receiver()?;
        if matches!(receiver.phase, Receiving::FailedOver(_) | Receiving::Committed(_)) {
            return None;
        }
        let position = receiver.recovery(point)?.position;
        let reach = Reach { line: receiver.held.line, position };
        let missing = |other: &VmState| {
            let other = other.reach(self.now);
            other.position - self.lines.common(reach, other)
        };
        let bytes = self.copies_of(id).map(|(_, it)| missing(it)).max().unwrap_or(0);
        Some(Loss { bytes, time: written_in(bytes, vm.guest.rate) })
    }

    /// Whether a virtual machine serves its users, for how long it did not, and which writes no
    /// copy holds any more. `None` if it never ran.
    pub fn service_account(&self, id: VmId) -> Option<ServiceAccount> {
        let ledger = self.ledgers.get(&id)?;
        let current = ledger.down_since.map(|since| self.now.since(since));
        Some(ServiceAccount {
            running: ledger.running,
            down_since: ledger.down_since,
            outages: ledger.outages.saturating_add(u32::from(current.is_some())),
            last_outage: current.unwrap_or(ledger.last_outage),
            downtime: ledger.downtime.saturating_add(current.unwrap_or_default()),
            lost_bytes: ledger.lost_bytes,
        })
    }
}

/// How long a guest takes to write so much.
fn written_in(bytes: u64, rate: u64) -> Duration {
    let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(rate).max(1);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
