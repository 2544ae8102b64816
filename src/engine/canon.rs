//! What a world *is*, apart from how it came about: the state that a search through worlds goes
//! by.
//!
//! Two worlds that were reached from the same one have the same [`Digest`] where no call and no
//! passing of time can tell them apart any more. It is computed straight from the world; no
//! canonical copy is made.

use super::World;
use super::agenda::Due;
use super::host::{HostState, Transfers};
use super::job::JobRecord;
use super::lines::Reach;
use super::network::Injection;
use super::receiver::{Receiver, Recovery};
use super::sender::{Cycle, Sender};
use super::vm::{Role, VmState};
use crate::model::{Call, HostId, JobId, JobType, PointId, Settings, SimTime, VmId};
use crate::rules::constants::{POINT_SPACING, RETRY_PAUSES};
use std::fmt;
use std::hash::{Hash, Hasher};

/// Stands for everything about a world that its future depends on, in 128 bits.
///
/// It is the same on every machine; it may change with the version of this crate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub u128);

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

/// How much of the time of day is part of a state.
///
/// Times count relative to now. What goes by the clock is different at ten past than at ten to:
/// the recovery points that are made of the first log after each full hour, and the daily window of
/// automatic resynchronisation. A search that has neither need not tell the hours apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// Nothing goes by the clock: no replica keeps recovery points, nothing resynchronises by
    /// itself.
    Ignored,
    /// The minutes count: replicas keep recovery points.
    OfHour,
    /// The hours and minutes count: senders resynchronise by themselves in their windows.
    #[default]
    OfDay,
}

impl Clock {
    /// What a relationship with these settings goes by.
    pub const fn of(settings: &Settings) -> Self {
        if settings.auto_resynchronize {
            Self::OfDay
        } else if settings.recovery_history > 0 {
            Self::OfHour
        } else {
            Self::Ignored
        }
    }

    fn part(self, now: SimTime) -> u64 {
        match self {
            Self::Ignored => 0,
            Self::OfHour => now.ticks() % HOUR,
            Self::OfDay => now.ticks() % (24 * HOUR),
        }
    }
}

const HOUR: u64 = POINT_SPACING.as_secs() * 10_000_000;

/// Computes [`Digest`]s; worth keeping for the next one.
///
/// Part of a state is what a call may be answered by, now or later: hosts with their configuration
/// and troubles, links, virtual machines with their roles and what they are doing, live jobs, what
/// is due and in which order, and how far each copy's writes reach compared with the others.
///
/// - Times are relative to now, positions to another position of the same virtual machine, lines of
///   writes and live jobs go by their order, and minted GUIDs by what has them.
/// - **History is left out**: event logs, accounts, statistics with all their counters, when what
///   was sent, received, applied or tested, jobs that have ended, how far a live one is in percent.
///   So health, which follows from statistics, is no part of a state.
/// - What no input changes is left out, too: policy and seed, names of hosts.
///
/// The quotient is honest: worlds of one digest answer every call alike, except those that ask for
/// history (`GetError`, `GetReplicationStatistics`, a job that has ended), and stay alike under the
/// same inputs, as long as these name the same jobs and points and are not near the end of time.
/// Tests hold it to that.
///
/// ```
/// use hyperv_replica::engine::{Canon, Clock, HostSpec, Input, World};
/// use hyperv_replica::prelude::*;
///
/// let mut world = World::new(0);
/// world.apply(&Input::AddHost(HostSpec::trusting("tokyo")), &mut Vec::new());
/// let mut later = world.clone();
/// later.apply(&Input::Advance(hours(1)), &mut Vec::new());
/// assert_ne!(world, later);
///
/// let mut canon = Canon::new(Clock::OfHour);
/// assert_eq!(canon.digest(&world), canon.digest(&later));
/// let mut canon = Canon::new(Clock::OfDay);
/// assert_ne!(canon.digest(&world), canon.digest(&later));
/// ```
#[derive(Clone, Debug)]
pub struct Canon {
    clock: Clock,
    /// The lines of writes that were met, in the order in which they were.
    lines: Vec<u32>,
    /// The first line of each family of lines that was met, and the position that others of the
    /// family are told from.
    anchors: Vec<(u32, u64)>,
}

impl Canon {
    /// For worlds of which so much goes by the clock.
    pub fn new(clock: Clock) -> Self {
        Self { clock, lines: Vec::new(), anchors: Vec::new() }
    }

    /// The digest of a world.
    #[must_use]
    pub fn digest(&mut self, world: &World) -> Digest {
        self.lines.clear();
        self.anchors.clear();
        let mut pass = Pass { world, now: world.now, canon: self, mix: Mix::new() };
        pass.world();
        Digest(pass.mix.finish_wide())
    }
}

/// One walk through a world.
struct Pass<'a> {
    world: &'a World,
    now: SimTime,
    canon: &'a mut Canon,
    mix: Mix,
}

impl Pass<'_> {
    fn word(&mut self, word: u64) {
        self.mix.write_u64(word);
    }

    /// Something without times, positions, jobs or minted GUIDs in it.
    fn plain(&mut self, it: &impl Hash) {
        it.hash(&mut self.mix);
    }

    /// Flags, the first one lowest.
    fn flags(&mut self, flags: &[bool]) {
        self.word(flags.iter().rev().fold(1, |word, flag| word << 1 | u64::from(*flag)));
    }

    /// What is still to come; what has passed is all the same.
    fn ahead(&mut self, at: Option<SimTime>) {
        let ticks = at.map_or(0, |at| at.ticks().saturating_sub(self.now.ticks()));
        self.word(ticks);
    }

    fn since(&mut self, at: SimTime) {
        self.word(self.now.ticks().wrapping_sub(at.ticks()));
    }

    fn world(&mut self) {
        let world = self.world;
        self.word(self.canon.clock.part(self.now));
        self.plain(&world.fabric);
        for (id, host) in (0u16..).map(HostId).zip(&world.hosts) {
            self.host(id, host);
        }
        for ((vm, folder), reach) in &world.exports {
            self.plain(&(vm, folder));
            self.reach(*reach);
        }
        self.agenda();
        self.partings();
    }

    fn host(&mut self, id: HostId, host: &HostState) {
        self.flags(&[host.up]);
        self.plain(&host.troubles);
        host.hash_configuration(self.now, &mut self.mix);
        let Transfers { most, active, queue, queued: _ } = &host.transfers;
        self.word(u64::from(*most) << 48 | u64::from(*active) << 32 | queue.len() as u64);
        for waits in queue.values() {
            self.plain(waits);
        }
        for (key, vm) in host.vms.iter() {
            if matches!(vm.role, Role::Test { .. }) {
                continue;
            }
            self.plain(key);
            self.vm(id, vm);
            if let Some(tester) = vm.tester.and_then(|it| host.vms.get(it)) {
                self.vm(id, tester);
            }
        }
        for (key, vm) in host.vms.iter() {
            if let Role::Test { of } = vm.role
                && host.vms.get(of).is_none_or(|it| it.tester != Some(*key))
            {
                self.plain(&of);
                self.vm(id, vm);
            }
        }
        for job in host.jobs.values().filter(|it| !it.state.is_terminal()) {
            self.job(id, job);
        }
    }

    fn vm(&mut self, host: HostId, vm: &VmState) {
        self.flags(&[
            vm.paused_by_storage,
            vm.tester.is_some(),
            vm.power_job.is_some(),
            vm.lock.is_some(),
            vm.requested.is_some(),
        ]);
        self.plain(&(vm.power, vm.requested, &vm.troubles));
        self.plain(&vm.disks);
        self.plain(&vm.entry);
        vm.network.hash_plain(&mut self.mix);
        match &vm.network.injection {
            Injection::None => self.word(0),
            Injection::Staged(ticket) => self.word(1 + u64::from(ticket.is_some())),
            Injection::Taken(settings) => self.plain(settings),
        }
        self.job_key(host, vm.power_job);
        if let Some(lock) = vm.lock {
            self.job_key(host, Some(lock.job));
            self.plain(&lock.shows);
        }
        // A replica that is not failed over holds what it received, whatever its guest once wrote.
        if vm.receiver().is_none_or(|it| it.phase.recovery().is_some()) {
            self.guest(vm);
        }
        self.plain(&std::mem::discriminant(&vm.role));
        match &vm.role {
            Role::None | Role::Test { .. } => {}
            Role::Primary(sender) => self.sender(host, sender),
            Role::Extended { inbound } => self.receiver(inbound),
            Role::Replica { inbound, onward } => {
                self.receiver(inbound);
                self.flags(&[onward.is_some()]);
                if let Some(onward) = onward {
                    self.sender(host, onward);
                }
            }
        }
    }

    fn guest(&mut self, vm: &VmState) {
        let guest = &vm.guest;
        self.reach(guest.reach(self.now));
        // What of the next byte is written already: bytes are whole, time is not.
        let begun = guest.since.map_or(0, |since| {
            let ticks = u128::from(self.now.ticks().saturating_sub(since.ticks()));
            let tenths = ticks * u128::from(guest.rate);
            1 + u64::try_from(tenths % 10_000_000).unwrap_or_default()
        });
        self.word(begun);
    }

    fn sender(&mut self, host: HostId, it: &Sender) {
        self.word(u64::from(it.peer.0) << 32 | u64::from(it.failures).min(RETRIES));
        self.plain(&(it.known_on, &it.settings));
        self.plain(&it.wanted);
        self.plain(&(it.phase, it.last_type));
        self.flags(&[
            it.seeded,
            it.compares && it.phase.is_initial(),
            it.last_sent.is_some(),
            it.transfer.is_some(),
            it.window.is_some(),
            it.overflow.is_some(),
        ]);
        self.word(it.limit_bytes);
        self.job_key(host, it.transfer);
        self.consistent(it.last_consistent);
        if self.is_placed(it) {
            self.reach(Reach { line: it.line, position: it.sent });
        }
        let log = match it.cycle {
            // Since when it is stopped is for statistics alone.
            Cycle::Idle | Cycle::Stopped(_) => return self.word(0),
            Cycle::Waits(_) => return self.word(1),
            Cycle::Queued(_, log) => (2, log),
            Cycle::Flies(_, log) => (3, log),
        };
        self.word(log.0);
        self.since(log.1.closed);
        self.reach(Reach { line: it.line, position: log.1.position });
    }

    /// Whether it matters what a sender has sent: where nothing is logged, and before the first
    /// copy of the disks sets off, the place is still to be taken.
    fn is_placed(&self, it: &Sender) -> bool {
        let sends_disks = || {
            let job = it.transfer.and_then(|id| self.world.record(id));
            job.is_some_and(|job| job.job_type == JobType::SendingInitialReplica || job.phase > 0)
        };
        match it.phase {
            initial if initial.is_initial() => it.last_sent.is_some() || sends_disks(),
            other => other.logs(),
        }
    }

    fn receiver(&mut self, it: &Receiver) {
        self.plain(&(it.peer, it.last_type));
        self.plain(&it.settings);
        self.flags(&[it.last_received.is_some(), it.applied_at.is_some(), it.too_small]);
        self.plain(&std::mem::discriminant(&it.phase));
        self.reach(it.held);
        self.reach(it.applied(self.now));
        if let Some(Recovery { kind, position }) = it.phase.recovery() {
            self.plain(&kind);
            self.reach(Reach { position, ..it.held });
        }
        self.plain(&it.phase.state());
        self.plain(&it.phase.interrupted());
        self.ahead(it.applied_at);
        self.consistent(it.last_consistent);
        self.word(it.points.len() as u64);
        self.word(it.listed(self.now).len() as u64);
        for point in &it.points {
            self.plain(&point.kind);
            self.reach(Reach { position: point.position, ..it.held });
            self.flags(&[it.shrunk.is_some_and(|at| point.created < at)]);
            self.flags(&[it.damage.hides(point.created)]);
            self.flags(&[it.damage.is_below(Some(point.created))]);
        }
        self.flags(&[it.damage.is_below(None)]);
        if let (Some(last), true) = (it.points.last(), self.canon.clock > Clock::Ignored) {
            let hour = |at: SimTime| at.ticks() / HOUR;
            self.flags(&[hour(self.now) > hour(last.created)]);
        }
    }

    /// How many hours ago the last application-consistent log was, as far as anybody counts.
    fn consistent(&mut self, last: Option<SimTime>) {
        if self.canon.clock == Clock::Ignored {
            return;
        }
        let hours = last.map_or(LONGEST_H, |it| self.now.ticks() / HOUR - it.ticks() / HOUR);
        self.word(hours.min(LONGEST_H));
    }

    fn job(&mut self, host: HostId, it: &JobRecord) {
        self.plain(&(it.operation, it.job_type, it.kind, it.leg, it.state, it.phases));
        self.word((it.phase as u64) << 32 | u64::from(it.cancellable));
        self.flags(&[it.since.is_some(), it.ticket.is_some(), it.started.is_some()]);
        self.plain(&it.doomed);
        self.vm_key(host, it.vm);
        self.vm_key(host, it.made);
        if it.ticket.is_none() {
            self.plain(&it.left);
        }
        match it.call.as_deref() {
            Some(Call::InitiateFailover { vm, point } | Call::TestReplicaSystem { vm, point }) => {
                let receiver = self.world.vm_state(host, *vm).and_then(VmState::receiver);
                let rank = point
                    .map(|id| receiver.and_then(|it| it.points.iter().position(|it| it.id == id)));
                self.plain(&rank);
            }
            // When it starts is on the agenda.
            Some(Call::StartReplication { initial, export_location, .. }) => {
                self.plain(&(initial, export_location));
            }
            other => self.plain(&other),
        }
    }

    /// A live job by its rank among those of its host.
    fn job_key(&mut self, host: HostId, id: Option<JobId>) {
        let (Some(id), Some(host)) = (id, self.world.host(host)) else { return self.word(0) };
        let before = host.jobs.range(..id).filter(|(_, it)| !it.state.is_terminal());
        let rank = before.count() as u64;
        self.word(1 + rank);
    }

    /// A virtual machine by its GUID, a test replica by what it is a test of.
    fn vm_key(&mut self, host: HostId, id: Option<VmId>) {
        let Some(id) = id else { return self.word(0) };
        match self.world.vm_state(host, id).map(|it| &it.role) {
            Some(Role::Test { of }) => self.plain(&(1u8, of)),
            _ => self.plain(&(2u8, id)),
        }
    }

    /// What is due and may be told by a call, in order: two things of one moment happen in the
    /// order in which they were put down.
    fn agenda(&mut self) {
        let world = self.world;
        for (ticket, due) in world.agenda.entries() {
            if !due.matters() {
                continue;
            }
            self.ahead(Some(ticket.due()));
            self.plain(&std::mem::discriminant(&due));
            match due {
                Due::CloseLog(host, vm, _, leg)
                | Due::LogArrives(host, vm, _, leg)
                | Due::WindowOpens(host, vm, leg)
                | Due::LogFull(host, vm, leg) => self.plain(&(host, vm, leg)),
                Due::GuestTalks(host, vm) => {
                    self.plain(&host);
                    self.vm_key(host, Some(vm));
                }
                Due::Phase(job) => {
                    let host = super::host_of(job);
                    self.plain(&host);
                    self.job_key(host, Some(job));
                }
                Due::NextTransfer(host) => self.plain(&host),
                Due::Reap(_) | Due::MonitoringEnds(_) => {}
            }
        }
    }

    /// How far a copy reaches, told from the first position of its family that was met. Zero is
    /// remarkable: an empty copy is part of every other.
    fn reach(&mut self, Reach { line, position }: Reach) {
        let Canon { lines, anchors, .. } = &mut *self.canon;
        let known = lines.iter().position(|it| *it == line);
        let index = known.unwrap_or_else(|| {
            lines.push(line);
            lines.len() - 1
        });
        let root = self.world.lines.root(line);
        let anchor = anchors.iter().find(|(family, _)| *family == root).map(|(_, anchor)| *anchor);
        let anchor = anchor.unwrap_or_else(|| {
            anchors.push((root, position));
            position
        });
        self.word((index as u64) << 1 | u64::from(position == 0));
        self.word(position.wrapping_sub(anchor));
    }

    /// Where the lines that were met part, and who wrote after that. Lines that nothing is on any
    /// more are told by these partings alone.
    fn partings(&mut self) {
        let count = self.canon.lines.len();
        for right in 1..count {
            for left in 0..right {
                let (left, right) = (self.canon.lines[left], self.canon.lines[right]);
                let (a, b) = (self.world.lines.root(left), self.world.lines.root(right));
                if a != b {
                    self.word(0);
                    continue;
                }
                let end = |line| Reach { line, position: u64::MAX };
                let parting = self.world.lines.parting(end(left), end(right));
                let anchor = self.canon.anchors.iter().find(|(family, _)| *family == a);
                let anchor = anchor.map_or(0, |(_, anchor)| *anchor);
                self.word(1);
                self.word(parting.common.wrapping_sub(anchor));
                self.writers_since(parting.since);
            }
        }
    }

    fn writers_since(&mut self, at: Option<SimTime>) {
        let Some(at) = at else { return };
        let (now, world) = (self.now, self.world);
        let mut bits = 1u64;
        for vm in world.hosts.iter().flat_map(|host| host.vms.values()) {
            if !matches!(vm.role, Role::Test { .. }) {
                bits = bits.rotate_left(1) ^ u64::from(vm.guest.wrote_after(at, now));
            }
        }
        self.word(bits);
    }
}

/// From so many failures in a row on, pauses are as long as they get.
const RETRIES: u64 = RETRY_PAUSES.len() as u64 + 1;

/// More hours than any `ApplicationConsistentSnapshotInterval` has.
const LONGEST_H: u64 = 24;

impl World {
    /// When the next thing is due that may change how a call is answered. Ended jobs that are
    /// removed, and monitoring windows that end, are not among them.
    pub fn next_change(&self) -> Option<SimTime> {
        self.agenda.entries().find(|(_, due)| due.matters()).map(|(ticket, _)| ticket.due())
    }
}

/// Something with a key that its world made up, which differs between worlds that are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Minted {
    /// A job that has not ended.
    Job(JobId),
    /// The oldest recovery point of a virtual machine.
    Oldest(VmId, PointId),
    /// A test replica.
    Test(VmId),
}

impl World {
    /// What a call may name that has a minted key, in an order that worlds of one digest share.
    pub(crate) fn minted(&self) -> impl Iterator<Item = (HostId, Minted)> {
        (0u16..).map(HostId).zip(&self.hosts).flat_map(|(id, host)| {
            let live = host.jobs.iter().filter(|(_, it)| !it.state.is_terminal());
            let jobs = live.map(|(job, _)| Minted::Job(*job));
            let own = host.vms.iter().filter(|(_, it)| !matches!(it.role, Role::Test { .. }));
            let vms = own.flat_map(|(vm, it)| {
                let points = it.receiver().map(|it| it.listed(self.now)).unwrap_or_default();
                let oldest = points.first().map(|it| Minted::Oldest(*vm, it.id));
                oldest.into_iter().chain(it.tester.map(Minted::Test))
            });
            jobs.chain(vms).map(move |it| (id, it))
        })
    }
}

/// Two lanes of multiply-and-fold: fast, without a key, and the same on every machine.
struct Mix {
    a: u64,
    b: u64,
}

impl Mix {
    fn new() -> Self {
        // The first digits of π, which nobody chose.
        Self { a: 0x243F_6A88_85A3_08D3, b: 0x1319_8A2E_0370_7344 }
    }

    fn finish_wide(&self) -> u128 {
        let lane = |n| u128::from(super::mix(n));
        lane(self.a ^ self.b.rotate_left(32)) << 64 | lane(self.b)
    }
}

#[allow(clippy::cast_possible_truncation)] // Both halves of the product are used.
fn folded(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

impl Hasher for Mix {
    fn write_u64(&mut self, n: u64) {
        self.a = folded(self.a ^ n, 0xA409_3822_299F_31D1).wrapping_add(n);
        self.b = folded(self.b.rotate_left(23) ^ n, 0x082E_FA98_EC4E_6C89 | 1 << 63) ^ n;
    }

    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_le_bytes(*word));
        }
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        self.write_u64(u64::from_le_bytes(last) | (rest.len() as u64) << 56);
    }

    fn write_u8(&mut self, n: u8) {
        self.write_u64(n.into());
    }

    fn write_u16(&mut self, n: u16) {
        self.write_u64(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.write_u64(n.into());
    }

    fn write_u128(&mut self, n: u128) {
        let [low, high] = [n & u128::from(u64::MAX), n >> 64];
        self.write_u64(u64::try_from(low).unwrap_or_default());
        self.write_u64(u64::try_from(high).unwrap_or_default());
    }

    fn write_usize(&mut self, n: usize) {
        self.write_u64(n as u64);
    }

    fn write_isize(&mut self, n: isize) {
        self.write_u64(n.unsigned_abs() as u64);
    }

    fn finish(&self) -> u64 {
        super::mix(self.a ^ self.b)
    }
}
