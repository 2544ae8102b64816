//! A virtual machine moves to another host, and replication follows it.
//!
//! Everything of a virtual machine goes along: its disks, its guest, its roles with settings,
//! recovery points and statistics, and when its next change log is due. A log that is on its way
//! counts as not sent. No message is sent: the other ends of its relationships find out.
//!
//! - A replica notes where its primary is when it next hears of it, if it lets the new host in
//!   ([`World::succeeds`]).
//! - A sender whose replica has moved finds none where it was. If that was a node of a cluster, its
//!   broker tells on which node the replica is now ([`World::replica_at`]); otherwise an
//!   administrator has to.
//!
//! Sources: <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120327-why-is-the-hyper-v-replica-broker-required>,
//! <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120409-configure-your-replica-server-to-receive-replication-traffic-from-specific-primary-server-s>,
//! <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120621-interpreting-replication-health-part-2>
//! and <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140127-improvements-in-recovery-history>.

use super::World;
use super::agenda::Due;
use super::event::{Change, Event, Rejection};
use super::host::HostState;
use super::input::{HostTrouble, VmTrouble};
use super::network::Injection;
use super::sender::{Cycle, Sending};
use super::turned::Turned;
use super::vm::{Role, VmState};
use super::vms::Spot;
use crate::model::{
    Edition, HostId, Leg, ReplicationState, ReplicationType, Settings, SimTime, VmId,
};
use std::sync::Arc;
use std::time::Duration;

const LEGS: [Leg; 2] = [Leg::Primary, Leg::Extended];

impl World {
    /// Moves a virtual machine to another host.
    pub(super) fn migrate(
        &mut self,
        from: HostId,
        id: VmId,
        to: HostId,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        self.may_migrate(from, id, to)?;
        let cycles = LEGS.map(|leg| self.leave_cycle(from, id, leg));
        let unknown = Rejection::UnknownVm(id);
        let mut vm = self.hosts[usize::from(from.0)].vms.remove(&id).ok_or(unknown)?;
        self.break_test(from, id, &mut vm);
        self.settle(from, to, &mut vm);
        self.take_network_along(id, to, &mut vm);
        self.hosts[usize::from(to.0)].vms.insert(id, vm);
        let mut push = |host, change| out.push(Event { at: self.now, host, change });
        push(from, Change::VmDestroyed { vm: id });
        push(to, Change::VmCreated { vm: id });
        self.monitor(to);
        for (leg, next) in LEGS.into_iter().zip(cycles) {
            if let Some(at) = next {
                self.arm(to, id, leg, at);
            }
            self.watch_log(to, id, leg);
            self.arm_window(to, id, leg, Duration::ZERO);
        }
        Ok(())
    }

    fn may_migrate(&self, from: HostId, id: VmId, to: HostId) -> Result<(), Rejection> {
        self.two_hosts(from, to)?;
        self.must_be(from, true)?;
        self.must_be(to, true)?;
        let vm = self.vm_state(from, id).ok_or(Rejection::UnknownVm(id))?;
        if self.vm_state(to, id).is_some() {
            return Err(Rejection::DuplicateVm(id));
        }
        if LEGS.iter().filter_map(|leg| vm.sender(*leg)).any(|it| it.peer == to) {
            return Err(Rejection::SendsThere(id));
        }
        let hosts = [&self.hosts[usize::from(from.0)], &self.hosts[usize::from(to.0)]];
        if hosts.iter().any(|it| it.edition == Edition::Client) {
            return Err(Rejection::ClientEdition);
        }
        if hosts[1].build < hosts[0].build {
            return Err(Rejection::OlderWindows);
        }
        if !self.connects(from, to) {
            return Err(Rejection::HostsApart);
        }
        let full = [HostTrouble::StorageFull, HostTrouble::MemoryLow];
        if hosts.iter().any(|host| full.iter().any(|it| host.troubles.has(*it))) {
            return Err(Rejection::NoRoom);
        }
        if vm.troubles.has(VmTrouble::DiskMissing) {
            return Err(Rejection::DiskIsMissing(id));
        }
        if self.is_busy(from, id) { Err(Rejection::VmIsBusy(id)) } else { Ok(()) }
    }

    /// Whether a virtual machine cannot be moved now, neither to another host nor its storage.
    pub(super) fn is_busy(&self, host: HostId, id: VmId) -> bool {
        let works = |host: &HostState| {
            host.jobs.values().any(|job| job.vm == Some(id) && !job.state.is_terminal())
        };
        let vm = self.vm_state(host, id);
        self.host(host).is_some_and(works) || vm.is_some_and(|it| it.is_busy(self.now))
    }

    /// Takes a sending end out of its cycle and off the agenda; when its next log is due.
    fn leave_cycle(&mut self, host: HostId, id: VmId, leg: Leg) -> Option<SimTime> {
        let next = match self.sender(host, id, leg)?.cycle {
            Cycle::Idle | Cycle::Stopped(_) => None,
            Cycle::Waits(ticket) => Some(ticket.due()),
            Cycle::Queued(..) | Cycle::Flies(..) => Some(self.now),
        };
        if next.is_some() {
            self.disarm(host, id, leg);
        }
        let sender = self.sender_mut(host, id, leg)?;
        for ticket in [sender.overflow.take(), sender.window.take()] {
            self.agenda.cancel(ticket);
        }
        next
    }

    /// A replica and its test replica know each other only on one host. Once they are apart, even
    /// if only for a while, the replica has none and can be tested again.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120725-types-of-failover-operations-in-hyper-v-replica-part-i-test-failover>.
    fn break_test(&mut self, host: HostId, id: VmId, vm: &mut VmState) {
        vm.tester = None;
        if let Role::Test { of } = vm.role
            && let Some(replica) = self.vm_mut(host, of)
        {
            replica.tester = replica.tester.filter(|it| *it != id);
        }
    }

    /// A virtual machine that has moved belongs to its new host: that is in its settings, and an
    /// authorization entry is bound to it only if there is one of that name.
    fn settle(&self, from: HostId, to: HostId, vm: &mut VmState) {
        let Some(host) = self.host(to) else { return };
        vm.entry = vm.entry.take().filter(|it| host.entry(it).is_some());
        if let Some(receiver) = vm.receiver_mut() {
            receiver.settings.received_on(&host.name);
        }
        for leg in LEGS {
            let Some(sender) = vm.sender_mut(leg) else { continue };
            sender.settings.sent_from(&host.name);
            let known_on = sender.known_on.unwrap_or(from);
            sender.known_on = Some(known_on).filter(|it| *it != to);
        }
    }

    /// A guest that is about to take its network settings does so on the new host.
    fn take_network_along(&mut self, id: VmId, to: HostId, vm: &mut VmState) {
        let Injection::Staged(Some(ticket)) = vm.network.injection else { return };
        self.agenda.cancel(Some(ticket));
        let next = self.agenda.schedule(ticket.due(), Due::GuestTalks(to, id));
        Arc::make_mut(&mut vm.network).injection = Injection::Staged(Some(next));
    }

    /// Whether a host may go on where another one sent from: their entries have the same trust
    /// group, or the other's has that of the entry which is bound to the replica.
    ///
    /// Every host has the entry `*`, so the group of that tells nothing: it is good for a virtual
    /// machine that has moved from the host which the replica knows, not for any other copy. No
    /// source tells the two apart.
    pub(super) fn succeeds(
        &self,
        (at, replica): (HostId, &VmState),
        known: HostId,
        new: HostId,
        id: VmId,
    ) -> Result<(), Turned> {
        let host = self.host(at).ok_or(Turned::UnknownHost)?;
        let entry = |id| self.host(id).and_then(|it| host.entry_for(&it.name));
        let bound = replica.entry.as_ref().and_then(|name| host.entry(name));
        let moved = self.has_moved(known, new, at, id);
        let same = match (bound.or_else(|| entry(known)), entry(new)) {
            (Some(own), Some(other)) => {
                own.trust_group == other.trust_group && (moved || own.allowed_primary != "*")
            }
            _ => false,
        };
        match (same, moved) {
            (true, _) => Ok(()),
            (false, true) => Err(Turned::NotAuthorized),
            (false, false) => Err(Turned::NoReplica),
        }
    }

    /// Whether a virtual machine that sends has moved from one host to another since its replica has
    /// last heard of it; and no other copy has begun to send there from its old host.
    fn has_moved(&self, known: HostId, new: HostId, replica: HostId, id: VmId) -> bool {
        let sender = |host| self.vm_state(host, id).and_then(|vm| vm.sender(vm.sending_leg()));
        sender(new).is_some_and(|it| it.known_on == Some(known))
            && sender(known).is_none_or(|it| it.peer != replica)
    }

    /// Where the sending end is that a replica receives from, whether it knows that or not.
    pub(crate) fn source_of(&self, host: HostId, id: VmId) -> Option<HostId> {
        let known = self.vm_state(host, id)?.receiver()?.peer?;
        let moved = || self.host_ids().find(|it| self.has_moved(known, *it, host, id));
        Some(moved().unwrap_or(known)).filter(|it| *it != host)
    }

    /// A replica that has taken something of its sender notes where that is now, if it has moved.
    pub(super) fn note_move(&mut self, from: HostId, to: HostId, at: impl Into<Spot>) {
        let at = at.into();
        let peer = self.vm_state(to, at).and_then(VmState::receiver).and_then(|it| it.peer);
        let Spot { id, .. } = at;
        if !peer.is_some_and(|peer| peer != from && self.has_moved(peer, from, to, id)) {
            return;
        }
        let Some(name) = self.host(from).map(|it| Arc::clone(&it.name)) else { return };
        if let Some(receiver) = self.vm_mut(to, id).and_then(VmState::receiver_mut) {
            receiver.peer = Some(from);
            receiver.settings.sent_from(&name);
        }
        if let Some(vm) = self.vm_mut(from, id)
            && let Some(sender) = vm.sender_mut(vm.sending_leg())
        {
            sender.known_on = None;
        }
    }

    /// Where the replica of a sending end is, if one asks for it on this host: there, or where the
    /// broker knows it to be if this is a node of a cluster. All such nodes are of one cluster.
    pub(super) fn replica_at(
        &self,
        host: HostId,
        id: VmId,
        leg: Leg,
        asked: HostId,
    ) -> Option<HostId> {
        let is_node = |it: &HostId| self.host(*it).is_some_and(|it| it.clustered);
        let nodes = self.host_ids().filter(|it| is_node(&asked) && is_node(it));
        std::iter::once(asked).chain(nodes).find(|it| self.has_replica(*it, host, id, leg))
    }

    /// Whether a host has the replica of a sending end, and not one that is left of an earlier
    /// relationship and further than this one.
    pub(crate) fn has_replica(&self, there: HostId, host: HostId, id: VmId, leg: Leg) -> bool {
        let Some(sender) = self.sender(host, id, leg) else { return false };
        let Ok((_, vm, receiver)) = self.known_end(host, there, id) else { return false };
        let fits = match leg {
            Leg::Primary => matches!(vm.role, Role::Replica { .. }),
            Leg::Extended => matches!(vm.role, Role::Extended { .. }),
        };
        let begins = sender.phase == Sending::Ready || sender.phase.is_initial();
        let own = |it| it == host || self.has_moved(it, host, there, id);
        fits && begins != receiver.is_complete() && receiver.peer.is_some_and(own)
    }

    /// A sending end whose replica is not where it was, but on another node of the same cluster,
    /// sends there from now on; whether that is so.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2013/20131010-replica-clusters-behind-a-nat>.
    pub(super) fn redirect(&mut self, host: HostId, id: VmId, leg: Leg) -> bool {
        let Some(peer) = self.sender(host, id, leg).map(|it| it.peer) else { return false };
        let found = self.known_end(host, peer, id).map(drop);
        if !matches!(found, Err(Turned::NoReplica | Turned::Unreachable)) {
            return false;
        }
        let now_at = self.replica_at(host, id, leg, peer).filter(|it| *it != peer);
        now_at.is_some_and(|it| self.sends_to_another(host, id, leg, it))
    }

    /// A sending end looks for its replica before it talks to it: where it is known to be, or on
    /// the host that an administrator names instead.
    pub(super) fn seek_replica(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        named: Option<&Settings>,
    ) -> Result<(), Turned> {
        let Some(sender) = self.sender(host, id, leg) else { return Ok(()) };
        let (old, peer) = (&sender.settings.recovery_connection_point, sender.peer);
        let renamed = named.map(|it| &it.recovery_connection_point);
        let Some(name) = renamed.filter(|it| !it.eq_ignore_ascii_case(old)) else {
            self.redirect(host, id, leg);
            return Ok(());
        };
        let asked = self.resolve(host, name)?;
        let now_at = self.replica_at(host, id, leg, asked).ok_or(Turned::NoReplica)?;
        if now_at != peer {
            self.sends_to_another(host, id, leg, now_at);
        }
        Ok(())
    }

    fn sends_to_another(&mut self, host: HostId, id: VmId, leg: Leg, peer: HostId) -> bool {
        let Some(name) = self.host(peer).map(|it| Arc::clone(&it.name)) else { return false };
        let Some(sender) = self.sender_mut(host, id, leg) else { return false };
        sender.peer = peer;
        sender.settings.received_on(&name);
        true
    }
}

impl VmState {
    /// Whether a virtual machine is at work on something that it cannot take along.
    ///
    /// That it is refused then (32774) no source says: it is the code for a virtual machine that is
    /// locked, and a back-up of a replica, which a migration keeps off, is kept off by the same:
    /// <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140424-backup-of-a-replica-vm>.
    fn is_busy(&self, now: SimTime) -> bool {
        use ReplicationState as S;
        let rests = |leg| {
            matches!(
                self.state(leg),
                S::Disabled
                    | S::Ready
                    | S::Replicating
                    | S::Suspended
                    | S::Critical
                    | S::WaitingForResynchronization
            )
        };
        let receiver = self.receiver();
        let is_next = receiver.is_some_and(|it| it.last_type == ReplicationType::Planned);
        let applies = receiver.is_some_and(|it| it.is_applying(now));
        self.troubles.hold()
            || applies
            || is_next
            || self.lock.is_some()
            || !LEGS.into_iter().all(rests)
    }
}
