//! What hosts say to each other. The protocol is ours: the real one between hosts is not modelled.
//!
//! A message is a visit: it is carried only if both hosts are up and the link passes, and the
//! answer is known when it returns. How long it takes is for the phases of jobs to say.

use super::World;
use super::event::{Change, Event};
use super::host::admits;
use super::input::HostTrouble;
use super::lines::Reach;
use super::network::Network;
use super::receiver::{Receiver, Receiving};
use super::sender::{Sending, Work};
use super::terms::Access;
use super::turned::Turned;
use super::vm::{Role, VmState};
use super::vms::{Hint, Spot};
use crate::model::{Disk, HostId, Leg, ReplicationState, Settings, SimTime, VmId};
use crate::rules::{Cause, Happening};
use std::sync::Arc;

/// A message from the sending end of a relationship to its receiving end. The other way there is
/// only [`World::withdraw_from_resync`].
#[derive(Clone, Copy, Debug)]
pub(super) enum Message<'a> {
    /// Be my replica.
    Enroll {
        name: &'a Arc<str>,
        disks: &'a Arc<[Disk]>,
        rate: u64,
        network: &'a Arc<Network>,
        settings: &'a Arc<Settings>,
        extended: bool,
    },
    /// These are our settings now.
    Settings { settings: &'a Arc<Settings>, disks: &'a [Disk] },
    /// All disks, up to here.
    InitialReplica { reach: Reach },
    /// Blocks will be compared.
    ResyncBegins,
    /// The comparison is halted, or goes on.
    ResyncHalted(bool),
    /// The comparison is over: merged up to here, or without result.
    ResyncEnds { reach: Option<Reach> },
    /// The set of disks is being changed, or that is over.
    DisksUpdate(bool),
    /// You are the replica of a primary now; it was an extended replica's.
    Adopt(&'a Arc<Settings>),
}

impl World {
    /// Whether a message from one host gets to another and is heard there. Whether the answer gets
    /// back is another matter.
    pub(super) fn reaches(&self, from: HostId, to: HostId) -> bool {
        let answers = |id| {
            self.host(id).is_some_and(|it| it.up && !it.troubles.has(HostTrouble::ServiceHangs))
        };
        answers(from) && answers(to) && self.fabric.passes(from, to)
    }

    /// Whether data can flow from one host to another: messages there, and answers back.
    pub(super) fn connects(&self, from: HostId, to: HostId) -> bool {
        self.reaches(from, to) && self.fabric.passes(to, from)
    }

    /// Whether the answer to a message is heard. What the message asked for was done either way.
    pub(super) fn answered(&mut self, from: HostId, to: HostId) -> Result<(), Turned> {
        if self.fabric.passes(to, from) && !self.fabric.loses(to, from) {
            Ok(())
        } else {
            Err(Turned::Lost)
        }
    }

    /// The host of this name, if one can be reached.
    pub(super) fn resolve(&self, from: HostId, name: &str) -> Result<HostId, Turned> {
        let to = self.host_named(name).ok_or(Turned::UnknownHost)?;
        if self.reaches(from, to) { Ok(to) } else { Err(Turned::Unreachable) }
    }

    /// Whether the replica server of a host would let a sender in with these settings.
    pub(super) fn admits(
        &self,
        from: HostId,
        to: HostId,
        settings: &Settings,
    ) -> Result<(), Turned> {
        if !self.reaches(from, to) {
            return Err(Turned::Unreachable);
        }
        self.lets_through(from, to, settings.into(), settings)
    }

    fn lets_through(
        &self,
        from: HostId,
        to: HostId,
        access: Access,
        settings: &Settings,
    ) -> Result<(), Turned> {
        let host = self.host(to).ok_or(Turned::UnknownHost)?;
        let sender = self.host(from).ok_or(Turned::UnknownHost)?;
        admits(host, sender, access, settings, self.now)
    }

    /// The receiving end of this relationship on the other host, and where that is, if it lets the
    /// sender in.
    pub(super) fn receiving_end(
        &self,
        from: HostId,
        to: HostId,
        id: impl Into<Spot>,
    ) -> Result<(Hint, &VmState, &Receiver), Turned> {
        let id = id.into();
        if let Some(end) = self.remembered_end(from, to, id) {
            return Ok(end);
        }
        let end = self.known_end(from, to, id)?;
        let settings = &end.2.settings;
        self.lets_through(from, to, settings.access(), settings).map(|()| end)
    }

    /// The receiving end of this relationship on the other host, if it has let this sender in and
    /// nothing about hosts has changed since.
    fn remembered_end(
        &self,
        from: HostId,
        to: HostId,
        at: Spot,
    ) -> Option<(Hint, &VmState, &Receiver)> {
        let (at, vm) = self.host(to)?.vms.find(at)?;
        let receiver = vm.receiver().filter(|it| it.peer == Some(from))?;
        receiver.settings.lets_in(from, self.generation).then_some((at, vm, receiver))
    }

    /// The receiving end of this relationship on the other host, whether that lets the sender in
    /// or not.
    pub(super) fn known_end(
        &self,
        from: HostId,
        to: HostId,
        id: impl Into<Spot>,
    ) -> Result<(Hint, &VmState, &Receiver), Turned> {
        let id = id.into();
        if !self.reaches(from, to) {
            return Err(Turned::Unreachable);
        }
        let found = self.host(to).and_then(|it| it.vms.find(id));
        let (at, vm) = found.ok_or(Turned::NoReplica)?;
        let receiver = vm.receiver().ok_or(Turned::NoReplica)?;
        let peer = receiver.peer.ok_or(Turned::NoReplica)?;
        if peer != from {
            self.succeeds((to, vm), peer, from, id.id)?;
        }
        Ok((at, vm, receiver))
    }

    /// Whether a virtual machine that an authorization entry is bound to would have this sender.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120409-configure-your-replica-server-to-receive-replication-traffic-from-specific-primary-server-s>.
    pub(super) fn lets_in(&self, to: HostId, id: VmId, from: HostId) -> Result<(), Turned> {
        let (Some(host), Some(sender)) = (self.host(to), self.host(from)) else { return Ok(()) };
        let bound = self.vm_state(to, id).and_then(|vm| vm.entry.as_ref());
        let Some(bound) = bound.and_then(|name| host.entry(name)) else { return Ok(()) };
        let same =
            host.entry_for(&sender.name).is_some_and(|it| it.trust_group == bound.trust_group);
        if same { Ok(()) } else { Err(Turned::NotAuthorized) }
    }

    /// Sends a message.
    pub(super) fn send(
        &mut self,
        from: HostId,
        to: HostId,
        id: VmId,
        message: Message<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Turned> {
        let now = self.now;
        if let Message::Enroll { settings, .. } = &message {
            self.admits(from, to, settings)?;
        } else if let Message::Settings { settings, .. } = &message {
            // The new ones are presented: the old ones may be what has to be repaired.
            self.known_end(from, to, id)?;
            self.admits(from, to, settings)?;
        } else {
            self.receiving_end(from, to, id)?;
        }
        if self.fabric.loses(from, to) {
            return Err(Turned::Lost);
        }
        if let Message::Enroll { .. } = &message {
            self.enroll(from, to, id, message, out)?;
            return self.answered(from, to);
        }
        let by = Cause::Happening(match message {
            Message::InitialReplica { .. } => Happening::InitialReplicationCompleted,
            Message::ResyncBegins => Happening::ResynchronizationStarted,
            Message::ResyncHalted(true) => Happening::ResynchronizationPaused,
            Message::ResyncHalted(false) => Happening::ResynchronizationResumed,
            Message::ResyncEnds { reach: Some(_) } => Happening::ResynchronizationCompleted,
            Message::ResyncEnds { reach: None } => Happening::ResynchronizationCancelled,
            Message::DisksUpdate(_) => Happening::DisksChanging,
            _ => Happening::PrimaryChanged,
        });
        self.edit(to, id, by, out, |vm| vm.take(from, message, now))
            .unwrap_or(Err(Turned::NoReplica))?;
        self.note_move(from, to, id);
        if let Message::InitialReplica { .. } | Message::ResyncEnds { reach: Some(_) } = message {
            self.disks_were_replaced(to, id, out);
        }
        self.answered(from, to)
    }

    /// The one message the other way: a receiving end tells its sender that it takes part in no
    /// comparison any more.
    pub(super) fn withdraw_from_resync(
        &mut self,
        from: HostId,
        to: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) {
        if !self.reaches(from, to) {
            return;
        }
        let leg = [Leg::Primary, Leg::Extended].into_iter().find(|leg| {
            let sender = self.vm_state(to, id).and_then(|vm| vm.sender(*leg));
            sender.is_some_and(|it| {
                let compares = matches!(it.phase, Sending::Resyncing | Sending::ResyncSuspended);
                it.peer == from && compares
            })
        });
        if let Some(leg) = leg {
            self.end_transfer(to, id, leg, out);
            self.needs_resync(to, id, leg, Happening::ResynchronizationCancelled, out);
        }
    }

    /// Creates the replica, or binds one that waits, marked, for its primary.
    fn enroll(
        &mut self,
        from: HostId,
        to: HostId,
        id: VmId,
        message: Message<'_>,
        out: &mut Vec<Event>,
    ) -> Result<(), Turned> {
        let now = self.now;
        let Message::Enroll { name, disks, rate, network, settings, extended } = message else {
            return Err(Turned::NoReplica);
        };
        let by = Cause::Happening(Happening::PrimaryEnrolled);
        let included = |disk: &&Disk| settings.includes(disk.id);
        if let Some(vm) = self.vm_state(to, id) {
            self.lets_in(to, id, from)?;
            let has = |disk: &Disk| vm.disks.iter().any(|it| it.id == disk.id);
            if vm.is_marked() && !disks.iter().filter(included).all(has) {
                return Err(Turned::OtherDisks);
            }
            self.edit(to, id, by, out, |vm| {
                vm.bind(from, settings, extended)?;
                Arc::make_mut(&mut vm.network).take_disks_of(network);
                Ok(())
            })
            .unwrap_or(Err(Turned::NoReplica))?;
            self.compare_disks(to, id);
            return Ok(());
        }
        let storage = self.host(to).zip(self.host(from));
        if storage.is_some_and(|(host, sender)| !host.stores_for(&sender.name)) {
            return Err(Turned::NoStorage);
        }
        let line = self.lines.begin(None, now);
        let disks = disks.iter().filter(included).copied().collect();
        let replica = VmState::new(name, disks, rate, line, network.of_replica());
        self.hosts[usize::from(to.0)].vms.insert(id, replica);
        out.push(Event { at: now, host: to, change: Change::VmCreated { vm: id } });
        self.edit(to, id, by, out, |vm| {
            let inbound = Receiver::new(Some(from), settings.clone(), vm.guest.reach(now), now);
            vm.role = if extended {
                Role::Extended { inbound }
            } else {
                Role::Replica { inbound, onward: None }
            };
        });
        Ok(())
    }
}

impl VmState {
    /// A marked replica takes its primary.
    fn bind(
        &mut self,
        from: HostId,
        settings: &Arc<Settings>,
        extended: bool,
    ) -> Result<(), Turned> {
        let Role::Replica { inbound, onward: None } = &mut self.role else {
            return Err(Turned::Occupied);
        };
        let waits = inbound.phase == Receiving::Waiting && self.lock.is_none();
        if !waits || inbound.peer.is_some_and(|peer| peer != from) {
            return Err(Turned::Occupied);
        }
        (inbound.peer, inbound.settings) = (Some(from), settings.clone().into());
        if extended {
            self.role = Role::Extended { inbound: inbound.clone() };
        }
        Ok(())
    }

    /// Takes a message on the receiving end.
    fn take(&mut self, from: HostId, message: Message<'_>, now: SimTime) -> Result<(), Turned> {
        let shown = self.state(Leg::Primary);
        // Its own replica is prepared for a planned failover, which is to lose nothing.
        let prepared = self.failing_over_leg() == Leg::Extended;
        if let Message::Adopt(settings) = &message {
            let Some(mut inbound) = self.receiver().cloned() else {
                return Err(Turned::NoReplica);
            };
            (inbound.peer, inbound.settings) = (Some(from), (*settings).clone().into());
            self.role = Role::Replica { inbound, onward: None };
            return Ok(());
        }
        if let (Message::Settings { settings, .. }, Some(onward)) =
            (&message, self.sender(Leg::Extended))
            && settings.replication_interval_s > onward.settings.replication_interval_s
        {
            return Err(Turned::ChainTooSlow);
        }
        let receiver = self.receiver_mut().ok_or(Turned::NoReplica)?;
        match message {
            Message::Settings { settings, disks } => {
                receiver.settings = settings.clone().into();
                receiver.drop_surplus_points();
                self.take_disks(disks);
            }
            Message::InitialReplica { .. } if prepared => return Err(Turned::NotNow),
            // It has come before where its sender did not learn of it, and is as good again.
            Message::InitialReplica { reach } => match shown {
                ReplicationState::WaitingForInitialReplication | ReplicationState::Replicating => {
                    receiver.is_copy_of(reach, now);
                }
                ReplicationState::Suspended => return Err(Turned::NotNow),
                _ => return Err(Turned::NoReplica),
            },
            Message::ResyncBegins if receiver.sizes_differ => return Err(Turned::OtherSizes),
            Message::ResyncBegins if prepared || receiver.phase == Receiving::ResyncHeld => {
                return Err(Turned::NotNow);
            }
            Message::ResyncBegins => match shown {
                ReplicationState::Replicating
                | ReplicationState::DiskUpdateInProgress
                | ReplicationState::Resynchronizing
                | ReplicationState::ResynchronizationSuspended => {
                    receiver.phase = Receiving::Resyncing;
                }
                ReplicationState::Suspended => return Err(Turned::NotNow),
                _ => return Err(Turned::NoMore),
            },
            Message::ResyncHalted(halted) => {
                let from = if halted { Receiving::Resyncing } else { Receiving::ResyncSuspended };
                let to = if halted { Receiving::ResyncSuspended } else { Receiving::Resyncing };
                if receiver.phase == from {
                    receiver.phase = to;
                }
            }
            Message::ResyncEnds { reach } => {
                let compared =
                    matches!(receiver.phase, Receiving::Resyncing | Receiving::ResyncSuspended);
                match reach {
                    Some(_) if prepared || receiver.phase == Receiving::ResyncHeld => {
                        return Err(Turned::NotNow);
                    }
                    None if receiver.phase == Receiving::ResyncHeld => {
                        receiver.phase = Receiving::Suspended(Work::Replication);
                    }
                    Some(_) if !compared => return Err(Turned::NoMore),
                    Some(reach) => receiver.is_copy_of(reach, now),
                    None if compared => receiver.phase = Receiving::Replicating,
                    None => {}
                }
            }
            Message::DisksUpdate(begins) => {
                let from = if begins { Receiving::Replicating } else { Receiving::UpdatingDisks };
                let to = if begins { Receiving::UpdatingDisks } else { Receiving::Replicating };
                // A sender that lost its host in the middle begins again, and was not heard of since.
                let ready = matches!(
                    shown,
                    ReplicationState::Replicating | ReplicationState::DiskUpdateInProgress
                );
                if begins && !ready {
                    return Err(Turned::NotNow);
                }
                if receiver.phase == from {
                    receiver.phase = to;
                }
            }
            Message::Enroll { .. } | Message::Adopt(_) => {}
        }
        Ok(())
    }

    /// Disks that its primary has and it has not, of those that are replicated now.
    fn take_disks(&mut self, disks: &[Disk]) {
        let Some(receiver) = self.receiver() else { return };
        let lacks = |disk: &&Disk| {
            let has = self.disks.iter().any(|it| it.id == disk.id);
            !has && receiver.settings.includes(disk.id)
        };
        let mut more: Vec<Disk> = disks.iter().filter(lacks).copied().collect();
        if !more.is_empty() {
            more.extend(self.disks.iter());
            more.sort_by_key(|disk| disk.id);
            self.disks = more.into();
        }
    }

    /// Whether it waits, marked as a replica, for its primary.
    pub(super) fn is_marked(&self) -> bool {
        self.receiver().is_some_and(|it| it.phase == Receiving::Waiting && it.peer.is_none())
    }

    /// Whether this old primary can be turned into the replica of the host that asks.
    pub(super) fn is_prepared_for(&self, host: HostId) -> Result<Prepared, Turned> {
        match &self.role {
            Role::Primary(it) if it.phase == Sending::Synced && it.peer == host => {
                Ok(Prepared::Synced)
            }
            Role::Replica { inbound, onward: None }
                if inbound.phase == Receiving::Waiting
                    && inbound.peer.is_none_or(|peer| peer == host)
                    && self.lock.is_none() =>
            {
                Ok(Prepared::Marked)
            }
            _ => Err(Turned::NotPrepared),
        }
    }
}

/// How an old primary is ready for a reversal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Prepared {
    /// Prepared for a planned failover: nothing needs to be copied.
    Synced,
    /// Marked as a replica: initial replication is needed.
    Marked,
}
