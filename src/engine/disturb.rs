//! What happens without a client's call: hosts and virtual machines appear, links and hosts fail.

use super::World;
use super::agenda::Due;
use super::event::{Change, Event, Rejection, Reply};
use super::fabric::Fabric;
use super::host::HostState;
use super::input::{Disturbance, HostChange, HostSpec, VmSpec};
use super::network::Network;
use super::sender::{Sending, Work};
use super::vm::VmState;
use crate::model::{
    EnabledState, HostId, JobId, JobType, Leg, ReplicationMode, Settings, VmId, WindowsBuild,
};
use crate::rules::{Cause, Happening};
use std::sync::Arc;

impl World {
    pub(super) fn add_host(&mut self, spec: &HostSpec) -> Reply {
        let named = !spec.name.is_empty()
            && spec.name.chars().count() <= Settings::MAX_NAME
            && spec.name.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.');
        if !named {
            return Reply::Rejected(Rejection::BadHostName);
        }
        if self.host_named(&spec.name).is_some() {
            return Reply::Rejected(Rejection::DuplicateHost);
        }
        if self.hosts.len() >= usize::from(u16::MAX) {
            return Reply::Rejected(Rejection::TooManyHosts);
        }
        self.hosts_change();
        match HostState::new(spec) {
            Ok(host) => {
                self.hosts.push(host);
                Reply::Happened
            }
            Err(rejection) => Reply::Rejected(rejection),
        }
    }

    pub(super) fn configure(&mut self, host: HostId, change: &HostChange) -> Reply {
        self.hosts_change();
        let changed = self
            .must_be(host, true)
            .and_then(|()| self.hosts[usize::from(host.0)].configure(change));
        match changed {
            Ok(()) => {
                if matches!(change, HostChange::LimitTransfers(_)) {
                    self.agenda.schedule(self.now, Due::NextTransfer(host));
                }
                Reply::Happened
            }
            Err(rejection) => Reply::Rejected(rejection),
        }
    }

    pub(super) fn add_vm(&mut self, host: HostId, spec: &VmSpec, out: &mut Vec<Event>) -> Reply {
        let now = self.now;
        let Some(state) = self.hosts.get_mut(usize::from(host.0)) else {
            return Reply::Rejected(Rejection::UnknownHost(host));
        };
        if !state.up {
            return Reply::Rejected(Rejection::HostIsDown);
        }
        if state.vms.contains_key(&spec.id) {
            return Reply::Rejected(Rejection::DuplicateVm(spec.id));
        }
        let repeats = |i: usize| spec.disks[..i].iter().any(|it| it.id == spec.disks[i].id);
        let fits = |i: usize| spec.disks[i].used_bytes <= spec.disks[i].capacity_bytes;
        if (0..spec.disks.len()).any(|i| repeats(i) || !fits(i)) {
            return Reply::Rejected(Rejection::BadDisks);
        }
        let twice = |i: usize| spec.adapters[..i].iter().any(|it| it.id == spec.adapters[i].id);
        if (0..spec.adapters.len()).any(twice) {
            return Reply::Rejected(Rejection::BadAdapters);
        }
        let line = self.lines.begin(None, now);
        let disks = spec.disks.as_slice().into();
        let mut vm = VmState::new(&spec.name, disks, spec.write_rate, line, Network::of(spec));
        if spec.running {
            vm.power = EnabledState::Enabled;
            vm.guest.start(now);
        }
        state.vms.insert(spec.id, vm);
        out.push(Event { at: now, host, change: Change::VmCreated { vm: spec.id } });
        if spec.running {
            let (off, on) = (EnabledState::Disabled, EnabledState::Enabled);
            self.account_for_power(spec.id, ReplicationMode::None, off, on);
        }
        Reply::Happened
    }

    pub(super) fn disturb(&mut self, what: Disturbance, out: &mut Vec<Event>) -> Reply {
        self.hosts_change();
        match self.try_disturb(what, out) {
            Ok(()) => Reply::Happened,
            Err(rejection) => Reply::Rejected(rejection),
        }
    }

    fn try_disturb(&mut self, what: Disturbance, out: &mut Vec<Event>) -> Result<(), Rejection> {
        match what {
            Disturbance::CutLink(a, b) => {
                self.two_hosts(a, b)?;
                self.fabric.cut(a, b);
                self.fabric.cut(b, a);
                self.review_paths();
            }
            Disturbance::CutOneWay(from, to) => {
                self.two_hosts(from, to)?;
                self.fabric.cut(from, to);
                self.review_paths();
            }
            Disturbance::WeakenLink(a, b, how) => {
                self.two_hosts(a, b)?;
                self.change_links(a, b, |fabric, from, to| fabric.weaken(from, to, how));
            }
            Disturbance::HealLink(a, b) => {
                self.two_hosts(a, b)?;
                self.change_links(a, b, Fabric::heal);
                self.review_paths();
            }
            Disturbance::CrashHost(host) => {
                self.must_be(host, true)?;
                self.go_down(host, Happening::HostCrashed, out);
            }
            Disturbance::ShutDownHost(host) => {
                self.must_be(host, true)?;
                self.go_down(host, Happening::HostShutDown, out);
            }
            Disturbance::BootHost(host) => {
                self.must_be(host, false)?;
                self.come_up(host);
            }
            Disturbance::TroubleHost(host, trouble) => {
                self.trouble_host(host, trouble, true, out)?;
            }
            Disturbance::RelieveHost(host, trouble) => {
                self.trouble_host(host, trouble, false, out)?;
            }
            Disturbance::TroubleVm(host, vm, trouble) => {
                self.trouble_vm(host, vm, trouble, true)?;
            }
            Disturbance::RelieveVm(host, vm, trouble) => {
                self.trouble_vm(host, vm, trouble, false)?;
            }
            Disturbance::ChangeDisks(host, vm) => self.change_disks(host, vm)?,
            Disturbance::CorruptLog(host, vm) => self.corrupt_log(host, vm, out)?,
            Disturbance::CorruptUndoLog(host, vm, point) => {
                self.corrupt_undo_log(host, vm, point)?;
            }
            Disturbance::ResizeDisk(host, vm, disk) => self.resize_disk(host, vm, disk)?,
            Disturbance::DeleteVm(host, vm) => self.delete_vm(host, vm, out)?,
            Disturbance::MigrateVm(from, vm, to) => self.migrate(from, vm, to, out)?,
            Disturbance::PlugAdapter(host, vm, adapter, plug) => {
                self.must_be(host, true)?;
                let vm = self.vm_mut(host, vm).ok_or(Rejection::UnknownVm(vm))?;
                let network = Arc::make_mut(&mut vm.network);
                network.plug(adapter, plug).ok_or(Rejection::UnknownAdapter(adapter))?;
            }
        }
        Ok(())
    }

    pub(super) fn two_hosts(&self, a: HostId, b: HostId) -> Result<(), Rejection> {
        if a == b {
            return Err(Rejection::SameHost);
        }
        for host in [a, b] {
            self.host(host).ok_or(Rejection::UnknownHost(host))?;
        }
        Ok(())
    }

    pub(super) fn must_be(&self, host: HostId, up: bool) -> Result<(), Rejection> {
        match self.host(host).ok_or(Rejection::UnknownHost(host))?.up {
            true if !up => Err(Rejection::HostIsUp),
            false if up => Err(Rejection::HostIsDown),
            _ => Ok(()),
        }
    }

    /// A host stops, in order or not. Its jobs are forgotten: what they began is taken back.
    fn go_down(&mut self, host: HostId, how: Happening, out: &mut Vec<Event>) {
        let jobs: Vec<JobId> = self.hosts[usize::from(host.0)].jobs.keys().copied().collect();
        let vms: Vec<VmId> = self.hosts[usize::from(host.0)].vms.keys().copied().collect();
        // What began last is taken back first, each to what it found.
        for job in jobs.into_iter().rev() {
            self.forget_job(host, job, out);
        }
        for vm in &vms {
            for leg in [Leg::Primary, Leg::Extended] {
                self.sender_goes_down(host, *vm, leg, how, out);
            }
        }
        for vm in vms {
            self.vm_goes_down(host, vm, how, out);
            if how == Happening::HostShutDown {
                self.receiver_goes_down(host, vm, out);
            }
        }
        self.hosts[usize::from(host.0)].up = false;
        self.review_paths();
    }

    fn sender_goes_down(
        &mut self,
        host: HostId,
        id: VmId,
        leg: Leg,
        how: Happening,
        out: &mut Vec<Event>,
    ) {
        let Some(vm) = self.vm_state(host, id) else { return };
        let Some(sender) = vm.sender(leg) else { return };
        let crashed = how == Happening::HostCrashed;
        let build = self.hosts[usize::from(host.0)].build;
        let survives = self.policy.survives_shutdown.is_some_and(|since| build >= since);
        // A running guest leaves its log open; only a crash does not close it.
        let torn = crashed && vm.guest.since.is_some();
        let exported = sender.last_sent.is_some();
        let to = match sender.phase {
            Sending::Initial if torn && exported => Some(Sending::NeedsResync),
            Sending::Initial => Some(Sending::Critical(Work::Initial)),
            Sending::Replicating
            | Sending::Suspended(Work::Replication)
            | Sending::Critical(Work::Replication)
            | Sending::UpdatingDisks
            | Sending::DiskUpdateFailed
                if torn =>
            {
                Some(Sending::NeedsResync)
            }
            Sending::Replicating if !crashed && !survives => {
                Some(Sending::Critical(Work::Replication))
            }
            Sending::Resyncing | Sending::ResyncSuspended => Some(Sending::NeedsResync),
            Sending::UpdatingDisks => Some(Sending::DiskUpdateFailed),
            _ => None,
        };
        self.disarm(host, id, leg);
        if let Some(to) = to {
            self.edit(host, id, Cause::Happening(how), out, |vm| {
                if let Some(sender) = vm.sender_mut(leg) {
                    sender.phase = to;
                }
            });
        }
    }

    /// Up to Windows Server 2012 R2 a sender takes the orderly end of its replica's host for a
    /// failure that an administrator has to look at.
    ///
    /// Source: <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replication-suspended-system-shutdown>.
    fn receiver_goes_down(&mut self, host: HostId, id: VmId, out: &mut Vec<Event>) {
        let now = self.now;
        let receiver = self.vm_state(host, id).and_then(VmState::receiver);
        let Some(peer) = receiver.and_then(|it| it.peer) else { return };
        let suspends = self.host(peer).is_some_and(|it| it.build < WindowsBuild::Server2016);
        if !suspends || !self.reaches(host, peer) {
            return;
        }
        for leg in [Leg::Primary, Leg::Extended] {
            let sender = self.sender(peer, id, leg);
            let locked = self.vm_state(peer, id).is_some_and(|vm| vm.lock.is_some());
            let sends =
                sender.is_some_and(|it| it.peer == host && it.phase == Sending::Replicating);
            if sends && !locked {
                self.disarm(peer, id, leg);
                self.edit(peer, id, Cause::Happening(Happening::HostShutDown), out, |vm| {
                    if let Some(sender) = vm.sender_mut(leg) {
                        sender.fails(Work::Replication, now);
                    }
                });
            }
        }
    }

    /// A job does not survive its host. What it held is free.
    fn forget_job(&mut self, host: HostId, id: JobId, out: &mut Vec<Event>) {
        let Some(job) = self.record(id) else { return };
        let (ticket, vm, leg, operation) = (job.ticket, job.vm, job.leg, job.operation);
        let live = !job.state.is_terminal();
        let exports = job.job_type == JobType::StartExportReplication
            && job.started.is_some()
            && job.doomed.is_none();
        self.agenda.cancel(ticket);
        if let (Some(vm), true) = (vm, live) {
            self.edit(host, vm, Cause::Call(operation), out, |vm| {
                vm.let_go(id, leg);
                if let Some(sender) = vm.sender_mut(leg).filter(|_| exports) {
                    sender.phase = Sending::Ready;
                }
            });
        }
        self.hosts[usize::from(host.0)].jobs.remove(&id);
        let change = Change::JobRemoved { job: id };
        out.push(Event { at: self.now, host, change });
    }

    fn vm_goes_down(&mut self, host: HostId, id: VmId, how: Happening, out: &mut Vec<Event>) {
        let now = self.now;
        let saves = how == Happening::HostShutDown;
        self.edit(host, id, Cause::Happening(how), out, |vm| {
            vm.guest.stop(now);
            vm.power = match vm.power {
                EnabledState::Offline => EnabledState::Offline,
                EnabledState::Enabled | EnabledState::Quiesce if saves => EnabledState::Offline,
                _ => EnabledState::Disabled,
            };
        });
    }

    /// A host comes up: its senders go on with their cycles.
    fn come_up(&mut self, host: HostId) {
        let now = self.now;
        self.hosts[usize::from(host.0)].up = true;
        let vms: Vec<VmId> = self.hosts[usize::from(host.0)].vms.keys().copied().collect();
        for vm in vms {
            for leg in [Leg::Primary, Leg::Extended] {
                let sender = self.vm_state(host, vm).and_then(|it| it.sender(leg));
                match sender.map(|it| it.phase) {
                    Some(Sending::Replicating) => self.arm(host, vm, leg, self.now),
                    Some(Sending::NeedsResync) => {
                        self.arm_window(host, vm, leg, super::transfer::RETRY);
                    }
                    // From now on its cycles are missed.
                    Some(Sending::Critical(work)) => {
                        if let Some(sender) = self.sender_mut(host, vm, leg) {
                            sender.fails(work, now);
                        }
                    }
                    _ => {}
                }
            }
        }
        self.review_paths();
        self.monitoring_goes_on(host);
    }
}
