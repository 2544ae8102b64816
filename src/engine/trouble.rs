//! Troubles of hosts and virtual machines, and what is done to disks behind the service's back.

use super::World;
use super::event::{Event, Rejection};
use super::fabric::Fabric;
use super::finish::Failed;
use super::input::{HostTrouble, VmTrouble};
use super::lines::Reach;
use super::vm::VmState;
use crate::model::{
    Disk, EnabledState, HostId, JobId, Leg, Operation, PointId, ReplicationState, SimTime, VmId,
    WindowsBuild,
};
use crate::rules::{Cause, Happening};
use std::cmp::Ordering;
use std::sync::Arc;

impl World {
    /// Changes both directions of a link. What moves over it goes on at the new pace.
    pub(super) fn change_links(
        &mut self,
        a: HostId,
        b: HostId,
        change: impl Fn(&mut Fabric, HostId, HostId),
    ) {
        for (from, to) in [(a, b), (b, a)] {
            let old = self.fabric.rate(from, to);
            change(&mut self.fabric, from, to);
            self.rescale(from, to, old);
        }
    }

    pub(super) fn trouble_host(
        &mut self,
        host: HostId,
        trouble: HostTrouble,
        troubled: bool,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let state = self.hosts.get_mut(usize::from(host.0)).ok_or(Rejection::UnknownHost(host))?;
        if state.troubles.has(trouble) == troubled {
            return Err(if troubled { Rejection::Troubled } else { Rejection::NotTroubled });
        }
        state.troubles.set(trouble, troubled);
        match trouble {
            HostTrouble::StorageFull => self.storage_fills(host, troubled, out),
            HostTrouble::ServiceHangs => self.review_paths(),
            HostTrouble::KerberosFails if troubled => self.log_no_principal(host),
            HostTrouble::MemoryLow | HostTrouble::KerberosFails | HostTrouble::ProxyInspects => {}
        }
        Ok(())
    }

    /// Running virtual machines pause, and go on when there is space again. What a guest wrote
    /// last is in no log: its relationship needs a resynchronisation.
    ///
    /// Sources: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem> and
    /// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica>.
    fn storage_fills(&mut self, host: HostId, full: bool, out: &mut Vec<Event>) {
        let now = self.now;
        let (from, to) = if full {
            (EnabledState::Enabled, EnabledState::Quiesce)
        } else {
            (EnabledState::Quiesce, EnabledState::Enabled)
        };
        let vms: Vec<VmId> = self.hosts[usize::from(host.0)].vms.keys().copied().collect();
        for id in vms {
            let halted = self.vm_state(host, id).is_some_and(|vm| {
                vm.power == from && vm.power_job.is_none() && (full || vm.paused_by_storage)
            });
            if !halted {
                continue;
            }
            let by = if full { Operation::PauseVm } else { Operation::StartVm };
            self.edit(host, id, Cause::Call(by), out, |vm| {
                (vm.power, vm.paused_by_storage) = (to, full);
                if full {
                    vm.guest.stop(now);
                } else {
                    vm.guest.start(now);
                }
            });
            let tracked = self.sender(host, id, Leg::Primary).is_some_and(|it| it.phase.tracks());
            if full && tracked {
                self.needs_resync(host, id, Leg::Primary, Happening::LogInvalid, out);
            }
        }
    }

    pub(super) fn trouble_vm(
        &mut self,
        host: HostId,
        id: VmId,
        trouble: VmTrouble,
        troubled: bool,
    ) -> Result<(), Rejection> {
        self.host(host).ok_or(Rejection::UnknownHost(host))?;
        let vm = self.vm_state(host, id).ok_or(Rejection::UnknownVm(id))?;
        if vm.troubles.has(trouble) == troubled {
            return Err(if troubled { Rejection::Troubled } else { Rejection::NotTroubled });
        }
        match trouble {
            VmTrouble::BackupRuns if troubled && vm.refuses_backup(self.now) => {
                return Err(Rejection::NoBackup(id));
            }
            VmTrouble::StorageMoves if troubled && self.is_busy(host, id) => {
                return Err(Rejection::VmIsBusy(id));
            }
            _ => {}
        }
        if let Some(vm) = self.vm_mut(host, id) {
            vm.troubles.set(trouble, troubled);
        }
        self.apply_what_is_stuck(host, id);
        Ok(())
    }

    /// Logs that could not be applied are, as soon as nothing keeps them from it.
    fn apply_what_is_stuck(&mut self, host: HostId, id: VmId) {
        let applied = self.now + self.policy.apply;
        let Some(vm) = self.vm_mut(host, id) else { return };
        let kept = vm.troubles.keep_from_applying();
        let Some(receiver) = vm.receiver_mut().filter(|it| !kept && it.is_stuck()) else { return };
        receiver.applied_at = Some(applied);
        self.watch_log(host, id, Leg::Extended);
    }

    /// What a copy holds is no longer what its relationship knows of: it branches off.
    pub(super) fn change_disks(&mut self, host: HostId, id: VmId) -> Result<(), Rejection> {
        let now = self.now;
        self.must_be(host, true)?;
        let vm = self.vm_state(host, id).ok_or(Rejection::UnknownVm(id))?;
        if !matches!(vm.power, EnabledState::Disabled) || vm.power_job.is_some() {
            return Err(Rejection::VmIsNotOff(id));
        }
        let from = vm.reach(now);
        let line = self.lines.begin(Some(from), now);
        let Some(vm) = self.vm_mut(host, id) else { return Ok(()) };
        let reach = Reach { line, position: from.position.saturating_add(1) };
        match vm.receiver_mut().filter(|it| it.phase.recovery().is_none()) {
            Some(receiver) => receiver.becomes(reach),
            None => vm.guest.reset(reach),
        }
        Ok(())
    }

    pub(super) fn corrupt_log(
        &mut self,
        host: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        self.must_be(host, true)?;
        let vm = self.vm_state(host, id).ok_or(Rejection::UnknownVm(id))?;
        let leg = vm.sending_leg();
        if !vm.sender(leg).is_some_and(|it| it.phase.tracks()) {
            return Err(Rejection::NoLog(id));
        }
        self.needs_resync(host, id, leg, Happening::LogInvalid, out);
        Ok(())
    }

    /// What a recovery point is kept in becomes unreadable.
    pub(super) fn corrupt_undo_log(
        &mut self,
        host: HostId,
        id: VmId,
        point: PointId,
    ) -> Result<(), Rejection> {
        self.must_be(host, true)?;
        let has_undo_logs =
            self.host(host).is_some_and(|it| it.build >= WindowsBuild::Server2012R2);
        let vm = self.vm_state(host, id).ok_or(Rejection::UnknownVm(id))?;
        let points = vm.receiver().map_or(&[][..], |it| it.listed(self.now));
        let found = points.iter().find(|it| it.id == point);
        let created = found.map(|it| it.created).ok_or(Rejection::UnknownPoint(point))?;
        if let Some(receiver) = self.vm_mut(host, id).and_then(VmState::receiver_mut) {
            receiver.damage.strikes(created, has_undo_logs);
        }
        Ok(())
    }

    /// A disk takes another size on this host. On Windows Server 2012 that is a change behind the
    /// service's back.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2013/20131114-online-resize-of-virtual-disks-attached-to-replicating-virtual-machines>.
    pub(super) fn resize_disk(
        &mut self,
        host: HostId,
        id: VmId,
        disk: Disk,
    ) -> Result<(), Rejection> {
        let now = self.now;
        self.must_be(host, true)?;
        let resizes_online =
            self.host(host).is_some_and(|it| it.build >= WindowsBuild::Server2012R2);
        let vm = self.vm_state(host, id).ok_or(Rejection::UnknownVm(id))?;
        let old = vm.disks.iter().find(|it| it.id == disk.id).ok_or(Rejection::BadDisk)?;
        if disk.used_bytes > disk.capacity_bytes {
            return Err(Rejection::BadDisk);
        }
        if !resizes_online && !matches!(vm.power, EnabledState::Disabled) {
            return Err(Rejection::VmIsNotOff(id));
        }
        let shrinks = disk.capacity_bytes < old.capacity_bytes;
        let disks: Arc<[Disk]> =
            vm.disks.iter().map(|it| if it.id == disk.id { disk } else { *it }).collect();
        if let Some(vm) = self.vm_mut(host, id) {
            vm.disks = disks;
            vm.review_limits();
            if let Some(receiver) = vm.receiver_mut().filter(|_| shrinks) {
                receiver.shrunk = Some(now);
            }
        }
        for other in (0u16..).map(HostId).take(self.hosts.len()) {
            self.compare_disks(other, id);
        }
        if !resizes_online {
            self.change_disks(host, id)?;
        }
        for leg in [Leg::Primary, Leg::Extended] {
            self.watch_log(host, id, leg);
        }
        Ok(())
    }

    /// Whether the replica of a virtual machine on a host, if it has one, has disks as large as
    /// its sender's, and room for what that may write.
    pub(super) fn compare_disks(&mut self, host: HostId, id: VmId) {
        let Some(vm) = self.vm_state(host, id) else { return };
        let Some(peer) = self.source_of(host, id) else { return };
        let Some(sender) = self.vm_state(peer, id) else { return };
        let compare = |disk: &Disk| {
            let other = sender.disks.iter().find(|it| it.id == disk.id)?;
            Some(disk.capacity_bytes.cmp(&other.capacity_bytes))
        };
        let sizes = || vm.disks.iter().filter_map(compare);
        let too_small = sizes().any(Ordering::is_lt);
        let sizes_differ = sizes().any(Ordering::is_ne);
        if let Some(receiver) = self.vm_mut(host, id).and_then(|vm| vm.receiver_mut()) {
            (receiver.too_small, receiver.sizes_differ) = (too_small, sizes_differ);
        }
    }

    /// A virtual machine is gone, with its jobs and its relationships, and nobody is told.
    pub(super) fn delete_vm(
        &mut self,
        host: HostId,
        id: VmId,
        out: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        self.must_be(host, true)?;
        let vm = self.vm_state(host, id).ok_or(Rejection::UnknownVm(id))?;
        let tester = vm.tester;
        let of_vm = |id: VmId| {
            move |(job, record): (&JobId, &Arc<super::job::JobRecord>)| {
                (record.vm == Some(id) && !record.state.is_terminal()).then_some(*job)
            }
        };
        let jobs: Vec<JobId> =
            self.hosts[usize::from(host.0)].jobs.iter().filter_map(of_vm(id)).collect();
        for job in jobs {
            self.end_failed(job, &Failed::GONE, out);
        }
        for leg in [Leg::Primary, Leg::Extended] {
            self.disarm(host, id, leg);
            let watched = self.sender_mut(host, id, leg).and_then(|it| it.overflow.take());
            self.agenda.cancel(watched);
        }
        self.unstage(host, id);
        self.destroy(host, id, out);
        if let Some(tester) = tester {
            self.delete_vm(host, tester, out)?;
        }
        Ok(())
    }
}

impl VmState {
    /// Whether no back-up can be made of it now: a replica has to be at rest. To pause it is the
    /// recommended way there; a failed-over one is taken for a virtual machine like any other.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140424-backup-of-a-replica-vm>.
    fn refuses_backup(&self, now: SimTime) -> bool {
        use ReplicationState::{
            Critical, FailbackInProgress, FailoverInProgress, ResynchronizationSuspended,
            Resynchronizing, WaitingForInitialReplication,
        };
        let Some(receiver) = self.receiver() else { return false };
        let busy = matches!(
            self.state(Leg::Primary),
            WaitingForInitialReplication
                | Critical
                | Resynchronizing
                | ResynchronizationSuspended
                | FailoverInProgress
                | FailbackInProgress
        );
        let keeps = [VmTrouble::ApplyFails, VmTrouble::StorageMoves];
        busy || receiver.is_applying(now) || keeps.into_iter().any(|it| self.troubles.has(it))
    }
}
