//! The machine: a world is a value, and one pure function changes it.
//!
//! [`World::apply`] is total: every input in every world has a reply, and a refusal is one. There
//! is no clock, no randomness, no I/O and no interior mutability in here; time passes only as an
//! input. Hosts are separate machines: what one knows of another it learned from a message
//! (`message.rs`), and the real wire protocol between hosts is not modelled.
//!
//! A call goes through `judge.rs` (a finite situation for the rule book), `accept.rs` (done at
//! once, or a job begins; `server.rs` for the replica server), `jobs.rs` (phases pass), and
//! `finish.rs` (the effect; `failover.rs`, `power.rs`, `reverse.rs` and `transfer.rs` have those of
//! their subjects). Change logs go through `cycle.rs`.

mod agenda;
mod event;
mod fabric;
mod generation;
mod health;
mod host;
mod input;
mod job;
mod ledger;
mod lines;
mod policy;
mod receiver;
mod sender;
mod terms;
mod turned;
mod vm;
mod vms;
mod window;

mod accept;
mod canon;
mod check;
mod cycle;
mod delivery;
mod disturb;
mod failover;
mod failure;
mod finish;
mod glance;
mod jobs;
mod judge;
mod log;
mod message;
mod migrate;
mod network;
mod power;
mod restore;
mod reverse;
mod server;
mod transfer;
mod trouble;
mod view;

pub(crate) use canon::Minted;
pub use canon::{Canon, Clock, Digest};
pub use check::Inconsistency;
pub use event::{Change, Event, Rejection, Reply, Trouble};
pub(crate) use glance::{Glance, GlanceAtEnd};
pub use input::{
    Caller, Disturbance, HostChange, HostSpec, HostTrouble, Input, VmSpec, VmTrouble, Weakness,
};
pub use policy::{Answer, Policy, Refusals};

use crate::error::Missing;
use crate::model::{Call, Guid, HostId, JobId, Leg, RelationshipId, SimTime, VmId};
use crate::rules::Cause;
use agenda::{Agenda, Due, Ticket};
use fabric::Fabric;
use generation::Generation;
use host::HostState;
pub(crate) use job::JobRecord;
use ledger::Ledgers;
use lines::{Lines, Reach};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;
use std::time::Duration;
use vm::VmState;
use vms::{Hint, Spot};

/// Everything there is: hosts, links, jobs, what is due, and the time.
///
/// `Clone` is a complete checkpoint that costs a pointer for each virtual machine and job; two
/// worlds are equal when nothing can ever tell them apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct World {
    now: SimTime,
    seed: u64,
    minted: u64,
    policy: Arc<Policy>,
    hosts: Vec<HostState>,
    fabric: Fabric,
    agenda: Agenda,
    /// Exported initial replicas by virtual machine and folder, with how far they reach. They are
    /// on a medium that is carried from host to host, so they belong to no host.
    exports: BTreeMap<(VmId, String), Reach>,
    lines: Lines,
    ledgers: Ledgers,
    generation: Generation,
}

impl World {
    /// An empty world at time zero. The seed decides only the GUIDs that the world mints itself.
    pub fn new(seed: u64) -> Self {
        Self::with_policy(seed, Policy::default())
    }

    /// An empty world with its own durations and rates.
    pub fn with_policy(seed: u64, policy: Policy) -> Self {
        Self {
            now: SimTime::ZERO,
            seed,
            minted: 0,
            policy: Arc::new(policy),
            hosts: Vec::new(),
            fabric: Fabric::default(),
            agenda: Agenda::default(),
            exports: BTreeMap::new(),
            lines: Lines::default(),
            ledgers: Ledgers::default(),
            generation: Generation::FIRST,
        }
    }

    /// The time.
    pub fn now(&self) -> SimTime {
        self.now
    }

    /// When the next thing is due; what an event loop would sleep until.
    pub fn next_due(&self) -> Option<SimTime> {
        self.agenda.next_due()
    }

    /// Makes one thing happen, tells what came of it, and appends to `out` everything that an
    /// observer sees of it, in order.
    ///
    /// A reply of [`Reply::Refused`], [`Reply::NotFound`] or [`Reply::Rejected`] means that the
    /// world is as it was.
    pub fn apply(&mut self, input: &Input, out: &mut Vec<Event>) -> Reply {
        let seen = out.len();
        let reply = match input {
            Input::Call { host, caller, call } => {
                return self.apply_call(*host, *caller, call, out);
            }
            Input::Advance(by) => return self.advance(*by, out, true),
            Input::Disturb(disturbance) => self.disturb(*disturbance, out),
            Input::AddHost(spec) => self.add_host(spec),
            Input::AddVm { host, vm } => self.add_vm(*host, vm, out),
            Input::Configure { host, change } => self.configure(*host, change),
        };
        self.log_changes(&out[seen..]);
        self.must_be_consistent(input);
        reply
    }

    /// Lets time pass for whoever wants to see nothing of it: events are forgotten as they happen.
    pub(crate) fn pass(&mut self, by: Duration) -> Reply {
        self.advance(by, &mut Vec::new(), false)
    }

    /// The same as applying an [`Input::Call`], for a caller that has only a borrowed call.
    pub fn apply_call(
        &mut self,
        host: HostId,
        caller: Caller,
        call: &Call,
        out: &mut Vec<Event>,
    ) -> Reply {
        let seen = out.len();
        let reply = self.call(host, caller, call, out);
        self.log_changes(&out[seen..]);
        self.must_be_consistent(call);
        reply
    }

    /// A broken invariant is an error of this crate: found where it happens, in debug builds.
    fn must_be_consistent(&self, after: &dyn std::fmt::Debug) {
        if cfg!(debug_assertions)
            && let Err(inconsistency) = self.check()
        {
            panic!("after {after:?}: {inconsistency}");
        }
    }

    /// Something about hosts or links may be otherwise from now on.
    fn hosts_change(&mut self) {
        self.generation = self.generation.next();
    }

    fn advance(&mut self, by: Duration, out: &mut Vec<Event>, keep: bool) -> Reply {
        let Some(until) = self.now.checked_add(by) else {
            return Reply::Rejected(Rejection::EndOfTime);
        };
        let mut looked_at = 0usize;
        loop {
            if looked_at == 0 {
                looked_at = self.look_ahead(until);
            }
            let Some((due, what)) = self.agenda.pop(until) else { break };
            looked_at = looked_at.saturating_sub(1);
            self.now = due;
            let seen = out.len();
            match what {
                Due::CloseLog(host, id, hint, leg) => {
                    self.close_log(host, Spot { id, hint }, leg, out);
                }
                Due::LogArrives(host, id, hint, leg) => {
                    self.log_arrives(host, Spot { id, hint }, leg, out);
                }
                Due::Phase(job) => self.phase_ends(job, out),
                Due::Reap(job) => self.reap(job, out),
                Due::WindowOpens(host, vm, leg) => self.window_opens(host, vm, leg, out),
                Due::LogFull(host, vm, leg) => self.log_is_full(host, vm, leg, out),
                Due::NextTransfer(host) => self.next_transfer(host, out),
                Due::MonitoringEnds(host) => self.monitoring_ends(host),
                Due::GuestTalks(host, vm) => self.guest_talks(host, vm, out),
            }
            if out.len() > seen {
                self.log_changes(&out[seen..]);
                if !keep {
                    out.truncate(seen);
                }
            }
        }
        self.now = until;
        self.must_be_consistent(&Input::Advance(by));
        Reply::Happened
    }

    /// Looks at what the next events until then will touch, and tells of how many it is.
    ///
    /// A large estate is not in the caches of its machine, and each event would wait for one piece
    /// of it after the other. What is looked at for several events together comes together.
    fn look_ahead(&self, until: SimTime) -> usize {
        const MOST: usize = 16;
        let mut peers = [(HostId(0), Hint::default()); MOST];
        let mut count = 0;
        let mut seen = 0;
        let soon = self.agenda.soon().take(MOST).take_while(|it| it.0.due() <= until);
        for ((_, due), peer) in soon.zip(&mut peers) {
            count += 1;
            let Due::CloseLog(host, _, hint, leg) = *due else { continue };
            let Some(vm) = self.host(host).and_then(|it| it.vms.hinted(hint)) else { continue };
            let Some(sender) = vm.sender(leg) else { continue };
            seen ^= vm.guest.rate ^ u64::from(vm.paused_by_storage);
            seen ^= sender.sent ^ u64::from(sender.failures) ^ sender.counters.bytes;
            *peer = (sender.peer, sender.peer_at);
        }
        for (host, hint) in &peers[..count] {
            let Some(vm) = self.host(*host).and_then(|it| it.vms.hinted(*hint)) else { continue };
            let Some(receiver) = vm.receiver() else { continue };
            seen ^= vm.guest.rate ^ u64::from(vm.paused_by_storage);
            seen ^= receiver.held.position ^ receiver.counters.bytes;
        }
        black_box(seen);
        count
    }

    /// A GUID that no other call of this function in this world returns.
    fn mint(&mut self) -> Guid {
        self.minted += 1;
        let low = mix(self.seed ^ mix(self.minted));
        let high = mix(low ^ self.seed.rotate_left(32));
        // Version 4, variant 1, as a real random GUID has them.
        let (high, low) = (high & !0xF000 | 0x4000, low & !(0b11 << 62) | 0b10 << 62);
        Guid(u128::from(high) << 64 | u128::from(low))
    }

    fn host(&self, id: HostId) -> Option<&HostState> {
        self.hosts.get(usize::from(id.0))
    }

    fn vm_state(&self, host: HostId, vm: impl Into<Spot>) -> Option<&VmState> {
        self.host(host)?.vms.get(vm)
    }

    /// A virtual machine to change where no state of a relationship, role or power changes.
    /// Copy-on-write: a fork shares every virtual machine it has not touched.
    fn vm_mut(&mut self, host: HostId, vm: impl Into<Spot>) -> Option<&mut VmState> {
        self.hosts.get_mut(usize::from(host.0))?.vms.get_mut(vm)
    }

    /// Changes a virtual machine and reports every change of state, role and power: the one place
    /// where such events come from, so that none is forgotten.
    fn edit<R>(
        &mut self,
        host: HostId,
        spot: impl Into<Spot>,
        by: Cause,
        out: &mut Vec<Event>,
        change: impl FnOnce(&mut VmState) -> R,
    ) -> Option<R> {
        let (at, spot) = (self.now, spot.into());
        let id = spot.id;
        let Self { hosts, lines, agenda, .. } = self;
        let vm = hosts.get_mut(usize::from(host.0))?.vms.get_mut(spot)?;
        let seen =
            |vm: &VmState| (vm.mode(), vm.state(Leg::Primary), vm.state(Leg::Extended), vm.power);
        let (before, held, tracked) = (seen(vm), vm.reach(at), vm.logging());
        let result = change(vm);
        let (after, holds, tracks) = (seen(vm), vm.reach(at), vm.logging());
        if tracked != tracks {
            let kept = |it: &Ticket| tracks.overflows().any(|other| other == *it);
            let gone = tracked.overflows().filter(|it| !kept(it));
            gone.for_each(|it| agenda.cancel(Some(it)));
            vm.watch_log(host, id, Leg::Primary, lines, agenda, at);
            vm.watch_log(host, id, Leg::Extended, lines, agenda, at);
        }
        if held != holds {
            self.account_for_writes(host, id, held, holds);
        }
        if before == after {
            return Some(result);
        }
        let mut push = |change| out.push(Event { at, host, change });
        if before.0 != after.0 {
            push(Change::Mode { vm: id, from: before.0, to: after.0 });
        }
        let legs = [(Leg::Primary, before.1, after.1), (Leg::Extended, before.2, after.2)];
        for (leg, from, to) in legs.into_iter().filter(|(_, from, to)| from != to) {
            let id = RelationshipId { vm: id, leg };
            push(Change::State { id, mode: after.0, was: before.0, from, to, by });
        }
        if before.3 != after.3 {
            push(Change::Power { vm: id, from: before.3, to: after.3 });
            self.account_for_power(id, after.0, before.3, after.3);
        }
        if before.0 != after.0 {
            self.monitor(host);
        }
        if before.3 != after.3 {
            self.guest_comes_or_goes(host, id);
        }
        Some(result)
    }

    fn host_or_missing(&self, id: HostId) -> Result<&HostState, Missing> {
        self.host(id).filter(|host| host.up).ok_or(Missing::Host)
    }
}

/// A bijection of 64 bits that spreads nearby numbers: the finaliser of `SplitMix64`.
const fn mix(n: u64) -> u64 {
    let n = n.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let n = (n ^ n >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let n = (n ^ n >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    n ^ n >> 31
}

/// The key of the `n`-th job of a host. The host is part of it, so that a job is found by its key.
const fn job_id(host: HostId, n: u64) -> JobId {
    const TAG: u128 = 0x4A4F_4200_0000_4000_8000_0000_0000_0000;
    JobId(Guid(TAG | (host.0 as u128) << 80 | (n & 0xFFFF_FFFF_FFFF) as u128))
}

/// The host that a job's key speaks of.
#[allow(clippy::cast_possible_truncation)] // Sixteen bits of the key are the host.
const fn host_of(job: JobId) -> HostId {
    HostId((job.0.0 >> 80) as u16)
}
