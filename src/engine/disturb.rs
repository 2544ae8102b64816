//! What happens without a client's call: hosts and virtual machines appear, links and hosts fail.

use super::World;
use super::event::{Change, Event, Rejection, Reply};
use super::host::HostState;
use super::input::{Disturbance, HostChange, HostSpec, VmSpec};
use super::vm::{Guest, Role, Sending, VmState, Work};
use crate::model::{EnabledState, HostId, JobId, Leg, Settings, VmId};
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
        match HostState::new(spec) {
            Ok(host) => {
                self.hosts.push(host);
                Reply::Happened
            }
            Err(rejection) => Reply::Rejected(rejection),
        }
    }

    pub(super) fn configure(&mut self, host: HostId, change: &HostChange) -> Reply {
        let changed = self
            .must_be(host, true)
            .and_then(|()| self.hosts[usize::from(host.0)].configure(change));
        match changed {
            Ok(()) => Reply::Happened,
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
        let power = if spec.running { EnabledState::Enabled } else { EnabledState::Disabled };
        let vm = VmState {
            name: spec.name.clone(),
            disks: spec.disks.as_slice().into(),
            guest: Guest { rate: spec.write_rate, position: 0, since: spec.running.then_some(now) },
            power,
            requested: None,
            power_job: None,
            lock: None,
            role: Role::None,
            tester: None,
            last_test: None,
            network: None,
            entry: None,
        };
        state.vms.insert(spec.id, Arc::new(vm));
        out.push(Event { at: now, host, change: Change::VmCreated { vm: spec.id } });
        Reply::Happened
    }

    pub(super) fn disturb(&mut self, what: Disturbance, out: &mut Vec<Event>) -> Reply {
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
                self.review_paths();
            }
            Disturbance::HealLink(a, b) => {
                self.two_hosts(a, b)?;
                self.fabric.heal(a, b);
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
        }
        Ok(())
    }

    fn two_hosts(&self, a: HostId, b: HostId) -> Result<(), Rejection> {
        if a == b {
            return Err(Rejection::SameHost);
        }
        for host in [a, b] {
            self.host(host).ok_or(Rejection::UnknownHost(host))?;
        }
        Ok(())
    }

    fn must_be(&self, host: HostId, up: bool) -> Result<(), Rejection> {
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
        for job in jobs {
            self.forget_job(host, job, out);
        }
        for vm in &vms {
            for leg in [Leg::Primary, Leg::Extended] {
                self.sender_goes_down(host, *vm, leg, how, out);
            }
        }
        for vm in vms {
            self.vm_goes_down(host, vm, how, out);
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
        // A running guest leaves its log open; only a crash does not close it.
        let torn = crashed && vm.guest.since.is_some();
        let to = match sender.phase {
            Sending::Initial => Some(Sending::Critical(Work::Initial)),
            Sending::Replicating | Sending::Suspended(Work::Replication) if torn => {
                Some(Sending::NeedsResync)
            }
            Sending::Replicating if !crashed => Some(Sending::Critical(Work::Replication)),
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

    /// A job does not survive its host. What it held is free.
    fn forget_job(&mut self, host: HostId, id: JobId, out: &mut Vec<Event>) {
        let Some(job) = self.record(id) else { return };
        let (ticket, vm, leg, operation) = (job.ticket, job.vm, job.leg, job.operation);
        let live = !job.state.is_terminal();
        self.agenda.cancel(ticket);
        if let (Some(vm), true) = (vm, live) {
            self.edit(host, vm, Cause::Call(operation), out, |vm| vm.let_go(id, leg));
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
                    _ => {}
                }
            }
        }
        self.review_paths();
    }
}
