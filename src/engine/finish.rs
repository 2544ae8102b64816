//! The effect of a job, when its last phase is over.

use super::World;
use super::event::Event;
use super::lines::Reach;
use super::message::Message;
use super::receiver::{Receiver, Receiving};
use super::sender::{Sender, Sending, Work};
use super::turned::Turned;
use super::vm::{Role, VmState};
use crate::model::{
    Call, ErrorCode, HostId, JobId, JobState, JobType, Leg, Operation, ReplicationType, Settings,
    VmId,
};
use crate::rules::Cause;
use std::sync::Arc;
use std::time::Duration;

/// Why a job fails although its call was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed {
    pub(super) code: ErrorCode,
    pub(super) says: &'static str,
    pub(super) hresult: u32,
    /// Whether trying again later may help.
    pub(super) retries: bool,
}

impl Failed {
    /// What the job was about changed under it.
    pub(super) const GONE: Self = Self {
        code: ErrorCode::InvalidState,
        says: "the virtual machine is no longer in a state for it",
        hresult: 0x8000_4004,
        retries: false,
    };

    /// A disk became smaller after the recovery point was taken.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2013/20131114-online-resize-of-virtual-disks-attached-to-replicating-virtual-machines>.
    pub(super) const SHRUNK: Self = Self {
        code: ErrorCode::Failed,
        says: "a disk became smaller after the recovery point was taken",
        hresult: 0x8007_0057,
        retries: false,
    };

    /// The undo log of the recovery point, or of a newer one, cannot be read.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140127-improvements-in-recovery-history>.
    pub(super) const UNDO_LOG_DAMAGED: Self = Self {
        code: ErrorCode::Failed,
        says: "an undo log on the way to the recovery point is damaged",
        hresult: 0x8007_0570,
        retries: false,
    };

    /// On Windows Server 2012: the snapshot of the recovery point, or of an older one, cannot be
    /// read.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140127-improvements-in-recovery-history>.
    pub(super) const SNAPSHOT_DAMAGED: Self = Self {
        code: ErrorCode::Failed,
        says: "a snapshot that the recovery point builds on is damaged",
        hresult: 0x8007_0570,
        retries: false,
    };

    /// The same of the latest state.
    pub(super) const LATEST_DAMAGED: Self = Self {
        says: "a snapshot that the latest state builds on is damaged",
        ..Self::SNAPSHOT_DAMAGED
    };

    /// The storage of the host is full.
    pub(super) const STORAGE_FULL: Self = Self {
        code: ErrorCode::Failed,
        says: "there is not enough space on the disk",
        hresult: 0x8007_0070,
        retries: true,
    };

    /// A virtual hard disk is missing.
    pub(super) const DISK_MISSING: Self = Self {
        code: ErrorCode::FileNotFound,
        says: "a virtual hard disk cannot be found",
        hresult: 0x8007_0002,
        retries: false,
    };
}

impl From<Turned> for Failed {
    fn from(turned: Turned) -> Self {
        let code = match turned {
            Turned::ChainTooSlow => ErrorCode::InvalidParameter,
            Turned::DiskMissing => ErrorCode::FileNotFound,
            _ => ErrorCode::Failed,
        };
        Self {
            code,
            says: turned.says(),
            hresult: turned.hresult(),
            retries: turned.is_recoverable(),
        }
    }
}

impl World {
    /// As [`World::edit`], for a change that the virtual machine may no longer be in a state for.
    pub(super) fn try_edit<R>(
        &mut self,
        host: HostId,
        id: VmId,
        by: Cause,
        out: &mut Vec<Event>,
        change: impl FnOnce(&mut VmState) -> Result<R, Failed>,
    ) -> Result<R, Failed> {
        self.edit(host, id, by, out, change).unwrap_or(Err(Failed::GONE))
    }

    /// As [`World::try_edit`], of the receiving end of a virtual machine.
    pub(super) fn edit_receiver<R>(
        &mut self,
        host: HostId,
        id: VmId,
        by: Operation,
        out: &mut Vec<Event>,
        change: impl FnOnce(&mut Receiver) -> Result<R, Failed>,
    ) -> Result<R, Failed> {
        let receiver = |vm: &mut VmState| change(vm.receiver_mut().ok_or(Failed::GONE)?);
        self.try_edit(host, id, Cause::Call(by), out, receiver)
    }

    /// The receiving end of a virtual machine that a job is about.
    pub(super) fn receiver(&self, host: HostId, id: VmId) -> Result<&Receiver, Failed> {
        self.vm_state(host, id).and_then(VmState::receiver).ok_or(Failed::GONE)
    }

    /// What a job does when its round trip to the other host is over.
    pub(super) fn contact_made(&mut self, id: JobId, out: &mut Vec<Event>) -> Result<(), Failed> {
        let job = self.record(id).ok_or(Failed::GONE)?;
        let (host, leg, operation) = (super::host_of(id), job.leg, job.operation);
        let (vm, call) = (job.vm, job.call.clone());
        if operation == Operation::TestReplicationConnection {
            return self.try_connection(host, call.as_deref());
        }
        let Some(vm) = vm else { return Err(Failed::GONE) };
        if let Some(Call::CreateReplicationRelationship { settings, .. }) = call.as_deref() {
            let to = self.resolve(host, &settings.recovery_connection_point)?;
            return Ok(self.admits(host, to, settings)?);
        }
        if operation == Operation::ReverseReplicationRelationship {
            return self.old_primary(host, vm, call.as_deref()).map(|_| ());
        }
        if operation == Operation::InitiateFailback {
            return self.failback_source(host, vm);
        }
        let named = match call.as_deref() {
            Some(Call::ModifyReplicationSettings { settings, .. }) => Some(&**settings),
            _ => None,
        };
        self.seek_replica(host, vm, leg, named)?;
        let sender = self.vm_state(host, vm).and_then(|it| it.sender(leg)).ok_or(Failed::GONE)?;
        let (peer, phase) = (sender.peer, sender.phase);
        match operation {
            _ if phase == Sending::UpdatingDisks => {
                self.send(host, peer, vm, Message::DisksUpdate(true), out)?;
            }
            Operation::Resynchronize => {
                self.send(host, peer, vm, Message::ResyncBegins, out)?;
            }
            Operation::PrepareFailover => self.may_deliver(host, peer, vm).map(drop)?,
            _ if !self.reaches(host, peer) => return Err(Turned::Unreachable.into()),
            _ => {}
        }
        Ok(())
    }

    fn try_connection(&self, host: HostId, call: Option<&Call>) -> Result<(), Failed> {
        let Some(Call::TestReplicationConnection {
            recovery_connection_point,
            port,
            authentication,
            certificate_thumbprint,
            bypass_proxy,
        }) = call
        else {
            return Err(Failed::GONE);
        };
        let settings = Settings {
            recovery_server_port: *port,
            authentication: crate::model::AuthenticationType::from_wire(*authentication),
            certificate_thumbprint: certificate_thumbprint.clone().unwrap_or_default(),
            bypass_proxy: *bypass_proxy,
            ..Settings::default()
        };
        let tried = self
            .resolve(host, recovery_connection_point)
            .and_then(|to| self.admits(host, to, &settings));
        tried.map_err(|turned| {
            let code = match turned {
                Turned::Unreachable => ErrorCode::Timeout,
                Turned::NotAuthorized
                | Turned::NoPrincipal
                | Turned::OwnCertificate(_)
                | Turned::PeerCertificate(_) => ErrorCode::AccessDenied,
                Turned::OlderWindows => ErrorCode::NotSupported,
                _ => ErrorCode::NotAvailable,
            };
            Failed { code, ..turned.into() }
        })
    }

    /// The effect of a job whose phases are over.
    pub(super) fn finish(
        &mut self,
        host: HostId,
        id: JobId,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let job = self.record(id).ok_or(Failed::GONE)?;
        let (leg, operation, call) = (job.leg, job.operation, job.call.clone());
        let sends_disks = job.job_type == JobType::SendingInitialReplica;
        let updates_disks = job.job_type == JobType::UpdateDiskSet;
        if let (
            Operation::ModifyServiceSettings | Operation::ResetReplicationStatistics,
            Some(call),
        ) = (operation, call.as_deref())
        {
            self.complete(host, leg, call, out);
            return Ok(());
        }
        let Some(vm) = job.vm else { return Ok(()) };
        match operation {
            Operation::CreateReplicationRelationship => {
                self.create(host, vm, leg, call.as_deref(), out)
            }
            Operation::ModifyReplicationSettings | Operation::ResumeDiskUpdate => {
                self.modify(host, vm, leg, call.as_deref(), out)?;
                if updates_disks {
                    self.disks_updated(host, vm, leg, operation, out);
                }
                Ok(())
            }
            Operation::RemoveReplicationRelationship => self.remove(host, vm, leg, out),
            Operation::StartReplication if sends_disks => {
                self.initial_copy_ends(host, vm, leg, out)
            }
            Operation::StartReplication => self.initial_copy_begins(host, id, out),
            Operation::ImportInitialReplica => self.import(host, vm, call.as_deref(), out),
            Operation::ReverseReplicationRelationship => {
                self.reverse(host, vm, call.as_deref(), out)
            }
            Operation::InitiateFailover => self.fail_over(host, vm, call.as_deref(), out),
            Operation::RevertFailover => self.revert(host, vm, leg, out),
            Operation::CommitFailover => self.commit(host, vm, out),
            Operation::InitiateFailback => self.fail_back(host, vm, out),
            Operation::TestReplicaSystem => self.make_test_replica(host, vm, id, out),
            Operation::Resynchronize => self.resync_ends(host, vm, leg, out),
            Operation::ChangeReplicationModeToPrimary => self.take_over(host, vm, out),
            Operation::CancelInitialReplication => {
                self.end_transfer(host, vm, leg, out);
                self.disarm(host, vm, leg);
                self.set_phase(host, vm, leg, Sending::Ready, operation, out);
                Ok(())
            }
            Operation::CancelResynchronization => {
                self.end_transfer(host, vm, leg, out);
                self.tell_peer(host, vm, leg, Message::ResyncEnds { reach: None }, out);
                self.set_phase(host, vm, leg, Sending::NeedsResync, operation, out);
                self.arm_window(host, vm, leg, Duration::ZERO);
                Ok(())
            }
            Operation::BecomeReplica => self.become_replica(host, vm, out),
            Operation::ResumeReplication => self.resume(host, vm, leg, out),
            Operation::PrepareFailover => self.prepare(host, vm, leg, out),
            Operation::SuspendReplication => self.suspend(host, vm, leg, out),
            Operation::DestroySystem => {
                self.destroy(host, vm, out);
                Ok(())
            }
            _ => {
                self.power_ends(host, vm, operation, out);
                Ok(())
            }
        }
    }

    fn create(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        call: Option<&Call>,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let Some(Call::CreateReplicationRelationship { settings, .. }) = call else {
            return Err(Failed::GONE);
        };
        let now = self.now;
        let peer = self.resolve(host, &settings.recovery_connection_point)?;
        let settings = Arc::new(self.filled(host, peer, settings));
        let vm = self.vm_state(host, id).ok_or(Failed::GONE)?;
        let (name, disks, rate) = (vm.name.clone(), vm.disks.clone(), vm.guest.rate);
        let line = vm.reach(now).line;
        let network = &vm.network.clone();
        let extended = leg == Leg::Extended;
        let enroll = Message::Enroll {
            name: &name,
            disks: &disks,
            rate,
            network,
            settings: &settings,
            extended,
        };
        // The answer tells whether the replica has disks to compare with, or is a placeholder.
        let has_disks = |vm: &VmState| vm.is_marked() || vm.reach(now).position > 0;
        let seeded = self.vm_state(peer, id).is_some_and(has_disks);
        self.send(host, peer, id, enroll, out)?;
        let by = Cause::Call(Operation::CreateReplicationRelationship);
        self.edit(host, id, by, out, |vm| {
            let sender = Sender { seeded, ..Sender::new(peer, settings.clone(), line, now) };
            match &mut vm.role {
                Role::Replica { onward, .. } => *onward = Some(Box::new(sender)),
                role => *role = Role::Primary(sender),
            }
            vm.review_limits();
        });
        self.compare_disks(peer, id);
        Ok(())
    }

    /// Settings with the names that the service fills in.
    pub(super) fn filled(&self, from: HostId, to: HostId, settings: &Settings) -> Settings {
        let name = |id: HostId| self.host(id).map_or(String::new(), |it| it.name.to_string());
        Settings {
            recovery_host: name(to),
            primary_connection_point: name(from),
            primary_host: name(from),
            ..settings.clone()
        }
    }

    fn modify(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        call: Option<&Call>,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let sender = self.sender(host, id, leg).ok_or(Failed::GONE)?;
        let asked = match call {
            Some(Call::ModifyReplicationSettings { settings, .. }) => Some(&**settings),
            _ => sender.wanted.as_deref(),
        };
        let peer = sender.peer;
        let settings = Arc::new(self.filled(host, peer, asked.ok_or(Failed::GONE)?));
        let disks = self.vm_state(host, id).ok_or(Failed::GONE)?.disks.clone();
        let message = Message::Settings { settings: &settings, disks: &disks };
        self.send(host, peer, id, message, out)?;
        if let Some(vm) = self.vm_mut(host, id)
            && let Some(sender) = vm.sender_mut(leg)
        {
            // A change of the disks that has failed, or still may, can be tried again with the new
            // rest.
            let disks = sender.wanted.take().map(|it| it.included_disks.clone());
            let open = matches!(sender.phase, Sending::UpdatingDisks | Sending::DiskUpdateFailed);
            sender.wanted = disks
                .filter(|_| open)
                .map(|disks| Arc::new(Settings { included_disks: disks, ..(*settings).clone() }));
            sender.settings = settings.into();
            vm.review_limits();
        }
        self.watch_log(host, id, leg);
        self.compare_disks(peer, id);
        self.arm_window(host, id, leg, Duration::ZERO);
        Ok(())
    }

    /// A change of the disk set, if one was going on, is done.
    fn disks_updated(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        by: Operation,
        out: &mut Vec<Event>,
    ) {
        let Some(sender) = self.sender_mut(host, id, leg) else { return };
        sender.wanted = None;
        if sender.phase == Sending::UpdatingDisks {
            self.tell_peer(host, id, leg, Message::DisksUpdate(false), out);
            self.set_phase(host, id, leg, Sending::Replicating, by, out);
            self.arm(host, id, leg, self.now);
        }
    }

    fn remove(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let now = self.now;
        self.end_transfer(host, id, leg, out);
        self.disarm(host, id, leg);
        let by = Cause::Call(Operation::RemoveReplicationRelationship);
        // What is written to a copy that nobody replicates to any more is its own.
        let receiver = self.vm_state(host, id).and_then(|vm| vm.receiver());
        let held = receiver.filter(|it| it.phase.recovery().is_none()).map(|it| it.held);
        let branch = held
            .filter(|_| leg == Leg::Primary)
            .map(|held| Reach { line: self.lines.begin(Some(held), now), ..held });
        self.edit(host, id, by, out, |vm| {
            match (&mut vm.role, leg) {
                (Role::Replica { onward, .. }, Leg::Extended) => *onward = None,
                (role, _) => {
                    *role = Role::None;
                    if let Some(branch) = branch {
                        vm.guest.reset(branch);
                    }
                }
            }
            vm.lock = None;
        })
        .ok_or(Failed::GONE)
    }

    /// Terminates the job on the data path, if there is one, without what its failure would mean.
    pub(super) fn end_transfer(&mut self, host: HostId, id: VmId, leg: Leg, out: &mut Vec<Event>) {
        let sender = self.vm_state(host, id).and_then(|vm| vm.sender(leg));
        if let Some(job) = sender.and_then(|it| it.transfer) {
            self.end(job, JobState::Terminated, None, out);
        }
    }

    fn import(
        &mut self,
        host: HostId,
        id: VmId,
        call: Option<&Call>,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let Some(Call::ImportInitialReplica { import_location, .. }) = call else {
            return Err(Failed::GONE);
        };
        let exported = self.export(id, import_location).ok_or(Failed {
            code: ErrorCode::FileNotFound,
            says: "the folder holds no export of this virtual machine",
            hresult: 0x8007_0002,
            retries: false,
        })?;
        let now = self.now;
        self.edit_receiver(host, id, Operation::ImportInitialReplica, out, |receiver| {
            if receiver.phase != Receiving::Waiting {
                return Err(Failed::GONE);
            }
            receiver.phase = Receiving::Replicating;
            // What was received meanwhile goes on from the export.
            if receiver.held.line != exported.line || receiver.held.position < exported.position {
                receiver.becomes(exported);
            }
            receiver.last_received = receiver.last_received.or(Some(now));
            receiver.applied_at = Some(now);
            receiver.last_type = ReplicationType::Regular;
            Ok(())
        })
    }

    fn suspend(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let by = Operation::SuspendReplication;
        let Some(sender) = self.vm_state(host, id).and_then(|vm| vm.sender(leg)) else {
            return self.edit_receiver(host, id, by, out, |receiver| {
                receiver.phase = match receiver.phase {
                    Receiving::Waiting => Receiving::Suspended(Work::Initial),
                    Receiving::Resyncing => Receiving::ResyncHeld,
                    Receiving::Replicating => Receiving::Suspended(Work::Replication),
                    _ => return Err(Failed::GONE),
                };
                Ok(())
            });
        };
        let phase = match sender.phase {
            Sending::Initial => Sending::Suspended(Work::Initial),
            Sending::Replicating => Sending::Suspended(Work::Replication),
            Sending::Resyncing => Sending::ResyncSuspended,
            _ => return Err(Failed::GONE),
        };
        if phase == Sending::ResyncSuspended {
            self.tell_peer(host, id, leg, Message::ResyncHalted(true), out);
        }
        self.set_phase(host, id, leg, phase, by, out);
        Ok(())
    }

    fn resume(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        let vm = self.vm_state(host, id).ok_or(Failed::GONE)?;
        let Some(sender) = vm.sender(leg) else { return self.resume_receiver(host, id, out) };
        let (phase, transfer, exported) =
            (sender.phase, sender.transfer, sender.last_sent.is_some());
        let compares = sender.compares;
        let (to, copies) = match phase {
            Sending::Suspended(Work::Initial) | Sending::Critical(Work::Initial) => {
                (Sending::Initial, true)
            }
            Sending::Suspended(Work::Replication) | Sending::Critical(Work::Replication) => {
                (Sending::Replicating, false)
            }
            Sending::ResyncSuspended => (Sending::Resyncing, true),
            Sending::DiskUpdateFailed => (Sending::Replicating, false),
            _ => return Err(Failed::GONE),
        };
        self.set_phase(host, id, leg, to, Operation::ResumeReplication, out);
        if let Some(sender) = self.sender_mut(host, id, leg) {
            sender.wanted = None;
        }
        let waits =
            transfer.and_then(|job| self.record(job)).is_some_and(|it| it.started.is_none());
        match (transfer, to) {
            (Some(_), Sending::Resyncing) if waits => {
                self.end_transfer(host, id, leg, out);
                self.start_resync(host, id, leg, out);
            }
            (Some(job), _) if copies => self.set_job_state(job, JobState::Running, out),
            (None, Sending::Initial) if !exported => {
                // The disks are read anew, as they are now.
                self.tracking_begins(host, id, leg);
                self.start_copy(host, id, leg, compares, out);
            }
            _ => self.arm(host, id, leg, self.now),
        }
        if to == Sending::Resyncing {
            self.tell_peer(host, id, leg, Message::ResyncHalted(false), out);
        }
        if phase == Sending::DiskUpdateFailed {
            self.tell_peer(host, id, leg, Message::DisksUpdate(false), out);
        }
        Ok(())
    }

    fn resume_receiver(
        &mut self,
        host: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) -> Result<(), Failed> {
        self.stop_peers_resync(host, id, out);
        self.edit_receiver(host, id, Operation::ResumeReplication, out, |receiver| {
            receiver.phase = match receiver.phase {
                Receiving::Suspended(Work::Initial) | Receiving::Critical(Work::Initial) => {
                    Receiving::Waiting
                }
                Receiving::Suspended(Work::Replication)
                | Receiving::Critical(Work::Replication)
                | Receiving::Resyncing
                | Receiving::ResyncSuspended
                | Receiving::Replicating => Receiving::Replicating,
                Receiving::ResyncHeld => Receiving::Resyncing,
                _ => return Err(Failed::GONE),
            };
            Ok(())
        })
    }
}
