//! The roles are swapped: a failed-over replica becomes a primary.

use super::World;
use super::event::Event;
use super::finish::Failed;
use super::lines::Reach;
use super::message::{Message, Prepared};
use super::receiver::{Receiver, Receiving};
use super::sender::{Sender, Sending};
use super::turned::Turned;
use super::vm::Role;
use crate::model::{
    AuthenticationType, Call, EnabledState, HostId, Leg, Operation, Settings, VmId,
};
use crate::rules::{Cause, Happening};
use std::sync::Arc;
use std::time::Duration;

impl World {
    /// The old primary that a reversal turns into the replica, and how it is prepared.
    pub(super) fn old_primary(
        &self,
        host: HostId,
        id: VmId,
        call: Option<&Call>,
    ) -> Result<(HostId, Settings, Prepared), Failed> {
        let Some(Call::ReverseReplicationRelationship { settings, .. }) = call else {
            return Err(Failed::GONE);
        };
        let receiver = self.receiver(host, id)?;
        let settings = match settings {
            Some(settings) => (**settings).clone(),
            None => self.mirrored(host, receiver)?,
        };
        let to = self.resolve(host, &settings.recovery_connection_point)?;
        self.admits(host, to, &settings)?;
        let old = self.vm_state(to, id).ok_or(Turned::NotPrepared)?;
        let prepared = old.is_prepared_for(host)?;
        self.lets_in(to, id, host)?;
        Ok((to, settings, prepared))
    }

    /// The same settings the other way round: to the port that the old primary listens on, with
    /// the certificate that this host's own listener presents.
    fn mirrored(&self, host: HostId, receiver: &Receiver) -> Result<Settings, Failed> {
        let peer = receiver.peer.and_then(|it| self.host(it)).ok_or(Turned::UnknownHost)?;
        let own = &self.host(host).ok_or(Failed::GONE)?.settings.certificate_thumbprint;
        let settings = &receiver.settings;
        let kind = settings.authentication;
        let certified = kind == Some(AuthenticationType::Certificate);
        Ok(Settings {
            recovery_connection_point: peer.name.to_string(),
            recovery_server_port: kind.map_or(0, |kind| peer.settings.port(kind)),
            certificate_thumbprint: if certified { own.clone() } else { String::new() },
            ..Settings::clone(settings)
        })
    }

    pub(super) fn reverse(
        &mut self,
        host: HostId,
        id: VmId,
        call: Option<&Call>,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let now = self.now;
        let (peer, settings, prepared) = self.old_primary(host, id, call)?;
        let settings = Arc::new(self.filled(host, peer, &settings));
        let vm = self.vm_state(host, id).ok_or(Failed::GONE)?;
        let reach = vm.guest.reach(now);
        let held = self.turn_into_replica(host, peer, id, &settings, prepared, out)?;
        let synced = prepared == Prepared::Synced;
        // A replica that went back to an older point no longer continues what its peer holds.
        let diverged = synced && !self.lines.includes(reach, held);
        self.end_transfer(host, id, Leg::Extended, out);
        self.disarm(host, id, Leg::Extended);
        let by = Cause::Call(Operation::ReverseReplicationRelationship);
        self.edit(host, id, by, out, |vm| {
            let mut sender = Sender::new(peer, settings.clone(), reach.line, now);
            sender.seeded = true;
            if synced {
                sender.phase = Sending::Replicating;
                sender.last_sent = Some(now);
            }
            sender.sent = held.position;
            vm.role = Role::Primary(sender);
            vm.lock = None;
            vm.review_limits();
        });
        self.compare_disks(peer, id);
        if diverged {
            self.needs_resync(host, id, Leg::Primary, Happening::LogInvalid, out);
        } else if synced {
            self.arm(host, id, Leg::Primary, now);
        }
        Ok(())
    }

    /// The old primary becomes the replica; where its copy ends.
    fn turn_into_replica(
        &mut self,
        host: HostId,
        peer: HostId,
        id: VmId,
        settings: &Arc<Settings>,
        prepared: Prepared,
        out: &mut Vec<Event>,
    ) -> Result<Reach, Failed> {
        let now = self.now;
        if prepared == Prepared::Synced {
            self.disarm(peer, id, Leg::Primary);
        }
        let by = Cause::Happening(Happening::RolesReversed);
        let network = self.vm_state(host, id).map(|vm| vm.network.clone()).ok_or(Failed::GONE)?;
        self.unstage(peer, id);
        self.edit(peer, id, by, out, |vm| {
            let held = vm.reach(now);
            let mut inbound = Receiver::new(Some(host), settings.clone(), held, now);
            if prepared == Prepared::Synced {
                inbound.phase = Receiving::Replicating;
                (inbound.last_received, inbound.applied_at) = (Some(now), Some(now));
            }
            vm.role = Role::Replica { inbound, onward: None };
            Arc::make_mut(&mut vm.network).take_disks_of(&network);
            held
        })
        .ok_or(Failed::GONE)
    }

    /// A committed replica becomes the primary of its extended replica.
    pub(super) fn take_over(
        &mut self,
        host: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let now = self.now;
        let vm = self.vm_state(host, id).ok_or(Failed::GONE)?;
        let Role::Replica { inbound, onward: Some(sender) } = &vm.role else {
            return Err(Failed::GONE);
        };
        let Receiving::Committed(recovery) = inbound.phase else { return Err(Failed::GONE) };
        // What was written since the failover was not tracked for this leg.
        let untracked =
            vm.guest.position(now) != recovery.position || sender.sent > recovery.position;
        let (line, peer) = (vm.guest.line, sender.peer);
        let settings = Arc::new(self.filled(host, peer, &sender.settings));
        self.send(host, peer, id, Message::Adopt(&settings), out)?;
        let by = Cause::Call(Operation::ChangeReplicationModeToPrimary);
        self.end_transfer(host, id, Leg::Extended, out);
        self.disarm(host, id, Leg::Extended);
        self.edit(host, id, by, out, |vm| {
            if let Role::Replica { onward: Some(sender), .. } = &vm.role {
                let rests = matches!(vm.power, EnabledState::Disabled | EnabledState::Offline);
                let phase = match sender.phase.without_transfer() {
                    // What runs, or is about to, is no prepared primary.
                    Sending::Synced if !rests => Sending::Replicating,
                    phase => phase,
                };
                let settings = settings.clone().into();
                let sender = Sender { settings, phase, line, known_on: None, ..(**sender).clone() };
                vm.role = Role::Primary(sender);
                vm.lock = None;
                vm.review_limits();
            }
        });
        let sender = self.vm_state(host, id).and_then(|vm| vm.sender(Leg::Primary));
        let phase = sender.map(|it| it.phase);
        if phase == Some(Sending::Replicating) && untracked {
            self.needs_resync(host, id, Leg::Primary, Happening::LogInvalid, out);
            self.disarm_window_for_continue(host, id);
        } else if phase == Some(Sending::Replicating) {
            self.arm(host, id, Leg::Primary, now);
        }
        Ok(())
    }

    /// Clients read 9 right after the change and start the resynchronisation themselves; an
    /// automatic one waits so long that they do.
    fn disarm_window_for_continue(&mut self, host: HostId, id: VmId) {
        self.disarm(host, id, Leg::Primary);
        self.arm_window(host, id, Leg::Primary, Duration::from_secs(60));
    }
}
