//! A virtual machine on one host, with its role as a sum type: what cannot be, cannot be stored.

use super::agenda::Ticket;
use super::input::VmTrouble;
use super::lines::{Lines, Reach};
use super::network::Network;
use super::policy::{ratio, written};
use super::receiver::{Backlog, Receiver};
use super::sender::{Sender, Sending};
use super::window::Window;
use crate::model::{
    Disk, EnabledState, JobId, Leg, ReplicationMode, ReplicationState, RequestedState, Settings,
    SimTime, VmId,
};
use crate::rules::constants::LOG_LIMIT_PERCENT;
use std::sync::Arc;

/// What decides when the logs of a virtual machine outgrow their share of the disks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Logging {
    line: u32,
    since: Option<SimTime>,
    received: Option<Backlog>,
    senders: [Option<(Sending, Option<Ticket>)>; 2],
}

impl Logging {
    pub(crate) fn overflows(self) -> impl Iterator<Item = Ticket> {
        self.senders.into_iter().flatten().filter_map(|(_, overflow)| overflow)
    }
}

/// A virtual machine; in memory, what a cycle touches comes first.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[repr(C)]
pub(crate) struct VmState {
    pub(crate) guest: Guest,
    pub(crate) power: EnabledState,
    pub(crate) requested: Option<RequestedState>,
    pub(crate) troubles: VmTroubles,
    /// Paused because its host's storage is full; it goes on by itself.
    pub(crate) paused_by_storage: bool,
    /// The operation that holds the virtual machine.
    pub(crate) lock: Option<Lock>,
    pub(crate) role: Role,
    pub(crate) name: Arc<str>,
    pub(crate) disks: Arc<[Disk]>,
    /// The entry bound to it by `SetAuthorizationEntry`, by its name in lower case.
    pub(crate) entry: Option<Arc<str>>,
    pub(crate) network: Arc<Network>,
    /// The job that changes the power.
    pub(crate) power_job: Option<JobId>,
    /// Its test replica.
    pub(crate) tester: Option<VmId>,
    pub(crate) last_test: Option<SimTime>,
}

/// What is wrong with a virtual machine: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct VmTroubles(u8);

impl VmTroubles {
    pub(crate) const fn has(self, trouble: VmTrouble) -> bool {
        self.0 & (1 << trouble as u8) != 0
    }

    /// Whether a back-up or a move of its storage holds the virtual machine.
    pub(crate) const fn hold(self) -> bool {
        self.has(VmTrouble::BackupRuns) || self.has(VmTrouble::StorageMoves)
    }

    /// Whether anything keeps received logs from being applied.
    pub(crate) const fn keep_from_applying(self) -> bool {
        self.hold() || self.has(VmTrouble::ApplyFails)
    }

    pub(crate) const fn set(&mut self, trouble: VmTrouble, troubled: bool) {
        let bit = 1 << trouble as u8;
        self.0 = if troubled { self.0 | bit } else { self.0 & !bit };
    }
}

/// What the guest has written, by number: the position of its last byte. Nothing ticks: the
/// position at any moment follows from the rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Guest {
    /// Bytes a second, while it runs.
    pub(crate) rate: u64,
    /// The line its writes are on.
    pub(crate) line: u32,
    /// The position at `since`.
    pub(crate) position: u64,
    /// Since when it writes; `None` while it does not run.
    pub(crate) since: Option<SimTime>,
    /// When it last stopped.
    pub(crate) stopped: Option<SimTime>,
}

impl Guest {
    pub(crate) fn position(&self, now: SimTime) -> u64 {
        let since = self.since.map_or(0, |since| written(self.rate, since, now));
        self.position.saturating_add(since)
    }

    pub(crate) fn start(&mut self, now: SimTime) {
        self.since.get_or_insert(now);
    }

    pub(crate) fn stop(&mut self, now: SimTime) {
        self.position = self.position(now);
        if self.since.take().is_some() {
            self.stopped = Some(now);
        }
    }

    /// Whether it has written after this time.
    pub(crate) fn wrote_after(&self, time: SimTime, now: SimTime) -> bool {
        self.since.map(|_| now).or(self.stopped).is_some_and(|until| until > time)
    }

    /// The disks are replaced by a copy that reaches this far.
    pub(crate) fn reset(&mut self, reach: Reach) {
        (self.line, self.position) = (reach.line, reach.position);
        self.since = None;
    }

    /// How far the guest's own disks reach.
    #[inline]
    pub(crate) fn reach(&self, now: SimTime) -> Reach {
        Reach { line: self.line, position: self.position(now) }
    }

    /// When it will have written so far, if it goes on as it does.
    pub(crate) fn reaches_at(&self, position: u64) -> Option<SimTime> {
        let since = self.since?;
        let missing = position.checked_sub(self.position).filter(|_| self.rate > 0)?;
        let ticks = ratio(missing, 10_000_000, self.rate);
        since.ticks().checked_add(ticks)?.checked_add(1).map(SimTime::from_ticks)
    }
}

/// An exclusive operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Lock {
    pub(crate) job: JobId,
    /// The relationship it is about, and the state that one shows meanwhile.
    pub(crate) shows: Option<(Leg, ReplicationState)>,
}

/// The role of a virtual machine; in memory, which one comes first and by itself: it is asked for
/// all the time.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub(crate) enum Role {
    None,
    Primary(Sender),
    Replica { inbound: Receiver, onward: Option<Box<Sender>> },
    Extended { inbound: Receiver },
    Test { of: VmId },
}

impl VmState {
    /// A virtual machine that is off, not replicated, and in no trouble.
    pub(crate) fn new(
        name: &Arc<str>,
        disks: Arc<[Disk]>,
        rate: u64,
        line: u32,
        network: Network,
    ) -> Self {
        Self {
            guest: Guest { rate, line, position: 0, since: None, stopped: None },
            power: EnabledState::Disabled,
            requested: None,
            troubles: VmTroubles::default(),
            paused_by_storage: false,
            lock: None,
            role: Role::None,
            name: Arc::clone(name),
            disks,
            entry: None,
            network: Arc::new(network),
            power_job: None,
            tester: None,
            last_test: None,
        }
    }

    pub(crate) fn mode(&self) -> ReplicationMode {
        match self.role {
            Role::None => ReplicationMode::None,
            Role::Primary(_) => ReplicationMode::Primary,
            Role::Replica { .. } => ReplicationMode::Replica,
            Role::Extended { .. } => ReplicationMode::ExtendedReplica,
            Role::Test { .. } => ReplicationMode::TestReplica,
        }
    }

    pub(crate) fn logging(&self) -> Logging {
        let sender = |leg| self.sender(leg).map(|it| (it.phase, it.overflow));
        let senders = [sender(Leg::Primary), sender(Leg::Extended)];
        let received = self.receiver().map(Receiver::backlog);
        Logging { line: self.guest.line, since: self.guest.since, received, senders }
    }

    /// The sending end of this relationship, if that is what the virtual machine has there.
    pub(crate) fn sender(&self, leg: Leg) -> Option<&Sender> {
        match (&self.role, leg) {
            (Role::Primary(sender), Leg::Primary) => Some(sender),
            (Role::Replica { onward, .. }, Leg::Extended) => onward.as_deref(),
            _ => None,
        }
    }

    pub(crate) fn sender_mut(&mut self, leg: Leg) -> Option<&mut Sender> {
        match (&mut self.role, leg) {
            (Role::Primary(sender), Leg::Primary) => Some(sender),
            (Role::Replica { onward, .. }, Leg::Extended) => onward.as_deref_mut(),
            _ => None,
        }
    }

    /// The receiving end; it is always relationship 0.
    pub(crate) fn receiver(&self) -> Option<&Receiver> {
        match &self.role {
            Role::Replica { inbound, .. } | Role::Extended { inbound } => Some(inbound),
            _ => None,
        }
    }

    pub(crate) fn receiver_mut(&mut self) -> Option<&mut Receiver> {
        match &mut self.role {
            Role::Replica { inbound, .. } | Role::Extended { inbound } => Some(inbound),
            _ => None,
        }
    }

    /// Whether it has a relationship.
    pub(crate) fn is_replicated(&self) -> bool {
        !matches!(self.role, Role::None | Role::Test { .. })
    }

    /// The counters of a relationship as they are now.
    pub(crate) fn counters(&self, leg: Leg, now: SimTime) -> Option<Window> {
        let receiver = || self.receiver().filter(|_| leg == Leg::Primary).map(|it| it.counters);
        self.sender(leg).map(|it| it.counted(now)).or_else(receiver)
    }

    /// The counters of a relationship, to count.
    pub(crate) fn counters_mut(&mut self, leg: Leg) -> Option<&mut Window> {
        match (&mut self.role, leg) {
            (Role::Primary(sender), Leg::Primary) => Some(&mut sender.counters),
            (Role::Replica { onward, .. }, Leg::Extended) => {
                onward.as_mut().map(|it| &mut it.counters)
            }
            (Role::Replica { inbound, .. } | Role::Extended { inbound }, Leg::Primary) => {
                Some(&mut inbound.counters)
            }
            _ => None,
        }
    }

    /// An ended job lets go of what it held.
    pub(crate) fn let_go(&mut self, job: JobId, leg: Leg) {
        self.lock = self.lock.filter(|lock| lock.job != job);
        if self.power_job == Some(job) {
            (self.power_job, self.requested) = (None, None);
        }
        if let Some(sender) = self.sender_mut(leg) {
            sender.transfer = sender.transfer.filter(|it| *it != job);
        }
    }

    /// The relationship the virtual machine sends on, or would.
    pub(crate) fn sending_leg(&self) -> Leg {
        match self.role {
            Role::Replica { .. } => Leg::Extended,
            _ => Leg::Primary,
        }
    }

    /// The relationship that is prepared for a failover, or being prepared, or failed over.
    #[inline]
    pub(crate) fn failing_over_leg(&self) -> Leg {
        match self.sender(Leg::Extended) {
            Some(_) if self.state(Leg::Extended) == ReplicationState::Synced => Leg::Extended,
            _ => Leg::Primary,
        }
    }

    /// Whether it can have a relationship of this index: 0 always, 1 as a replica.
    pub(crate) fn has_leg(&self, leg: Leg) -> bool {
        leg == Leg::Primary || matches!(self.role, Role::Replica { .. })
    }

    /// What a relationship shows: what its operation in progress shows, else what it is doing.
    #[inline]
    pub(crate) fn state(&self, leg: Leg) -> ReplicationState {
        let shown = self.lock.as_ref().and_then(|it| it.shows);
        if let Some((_, state)) = shown.filter(|it| it.0 == leg) {
            return state;
        }
        match (&self.role, leg) {
            (Role::Primary(sender), Leg::Primary) => sender.phase.state(),
            (Role::Replica { inbound, .. } | Role::Extended { inbound }, Leg::Primary) => {
                inbound.phase.state()
            }
            (Role::Replica { onward: Some(sender), .. }, Leg::Extended) => sender.phase.state(),
            _ => ReplicationState::Disabled,
        }
    }

    /// How far a copy of this virtual machine that is taken now would reach. What a replica has
    /// received counts, applied or not: the logs are on its host's disks.
    pub(crate) fn reach(&self, now: SimTime) -> Reach {
        match self.receiver() {
            Some(it) if it.phase.recovery().is_none() => it.held,
            _ => self.guest.reach(now),
        }
    }

    /// How far what a sending end has to send reaches. An extended leg sends on what the replica
    /// has applied, never what a failed-over replica writes itself; and nobody sends what was
    /// written behind the service's back.
    #[inline]
    pub(crate) fn source(&self, leg: Leg, lines: &Lines, now: SimTime) -> Reach {
        let reach = match leg {
            Leg::Primary => self.reach(now),
            Leg::Extended => self.receiver().map_or(self.guest.reach(now), |it| it.applied(now)),
        };
        let Some(sender) = self.sender(leg).filter(|it| it.line != reach.line) else {
            return reach;
        };
        let tracked = Reach { line: sender.line, position: u64::MAX };
        Reach { line: sender.line, position: lines.common(reach, tracked) }
    }

    /// What is logged and not sent, in bytes.
    pub(crate) fn pending(&self, leg: Leg, lines: &Lines, now: SimTime) -> u64 {
        let sent = self.sender(leg).map_or(u64::MAX, |it| it.sent);
        self.source(leg, lines, now).position.saturating_sub(sent)
    }

    /// Computes anew how large the logs of its sending ends may become.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica>.
    pub(crate) fn review_limits(&mut self) {
        for leg in [Leg::Primary, Leg::Extended] {
            let capacity = self.sender(leg).map_or(0, |it| self.capacity_bytes(&it.settings));
            let limit = u128::from(capacity) * u128::from(LOG_LIMIT_PERCENT) / 100;
            if let Some(sender) = self.sender_mut(leg) {
                sender.limit_bytes = u64::try_from(limit).unwrap_or(u64::MAX);
            }
        }
    }

    /// What initial replication copies, in bytes.
    pub(crate) fn used_bytes(&self, settings: &Settings) -> u64 {
        self.included(settings).map(|disk| disk.used_bytes).fold(0, u64::saturating_add)
    }

    /// What has to be copied when other disks are replicated than before, in bytes.
    pub(crate) fn added_bytes(&self, old: &Settings, new: &Settings) -> u64 {
        let had = |disk: &&Disk| self.included(old).any(|it| it.id == disk.id);
        let added = self.included(new).filter(|disk| !had(disk));
        added.map(|disk| disk.used_bytes).fold(0, u64::saturating_add)
    }

    /// What the replicated disks can hold, in bytes.
    pub(crate) fn capacity_bytes(&self, settings: &Settings) -> u64 {
        self.included(settings).map(|disk| disk.capacity_bytes).fold(0, u64::saturating_add)
    }

    fn included<'a>(&'a self, settings: &'a Settings) -> impl Iterator<Item = &'a Disk> {
        self.disks.iter().filter(|disk| settings.includes(disk.id))
    }
}
