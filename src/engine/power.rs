//! A virtual machine is started, stopped, or deleted.

use super::World;
use super::event::{Change, Event};
use super::lines::Reach;
use super::vm::{Role, VmState};
use crate::model::{EnabledState, HostId, Leg, Operation, SimTime, VmId};
use crate::rules::{Cause, Happening};

impl World {
    pub(super) fn destroy(&mut self, host: HostId, id: VmId, out: &mut Vec<Event>) {
        let Some(held) = self.vm_state(host, id).map(|it| it.reach(self.now)) else { return };
        self.account_for_writes(host, id, held, Reach { position: 0, ..held });
        let Some(gone) = self.hosts[usize::from(host.0)].vms.remove(&id) else { return };
        if gone.power == EnabledState::Enabled {
            self.account_for_power(id, gone.mode(), EnabledState::Enabled, EnabledState::Disabled);
        }
        if let Role::Test { of } = gone.role
            && let Some(replica) = self.vm_mut(host, of)
        {
            replica.tester = replica.tester.filter(|it| *it != id);
        }
        out.push(Event { at: self.now, host, change: Change::VmDestroyed { vm: id } });
    }

    pub(super) fn power_ends(
        &mut self,
        host: HostId,
        id: VmId,
        operation: Operation,
        out: &mut Vec<Event>,
    ) {
        let now = self.now;
        self.edit(host, id, Cause::Call(operation), out, |vm| {
            vm.power = match operation {
                Operation::StartVm | Operation::RebootVm | Operation::ResetVm => {
                    EnabledState::Enabled
                }
                Operation::SaveVm => EnabledState::Offline,
                Operation::PauseVm => EnabledState::Quiesce,
                _ => EnabledState::Disabled,
            };
            if vm.power == EnabledState::Enabled {
                vm.guest.start(now);
            }
        });
        // Its disks were changed while it was off: what is on them is in no log.
        let changed = self.vm_state(host, id).is_some_and(|vm| {
            let tracked = vm.sender(Leg::Primary).filter(|it| it.phase.tracks());
            vm.guest.since.is_some() && tracked.is_some_and(|it| it.line != vm.guest.line)
        });
        if changed {
            self.needs_resync(host, id, Leg::Primary, Happening::LogInvalid, out);
        }
    }

    /// A power job that did not come to its end leaves the virtual machine off.
    pub(super) fn power_rolls_back(&mut self, host: HostId, id: VmId, out: &mut Vec<Event>) {
        if self.vm_state(host, id).is_some_and(|vm| vm.power_job.is_some()) {
            self.power_ends(host, id, Operation::TurnOffVm, out);
        }
    }
}

/// What a power operation shows while it is at work. The guest stops writing at once.
pub(super) fn power_begins(vm: &mut VmState, operation: Operation, now: SimTime) {
    vm.guest.stop(now);
    vm.power = match operation {
        Operation::StartVm if vm.power == EnabledState::Quiesce => EnabledState::Resuming,
        Operation::StartVm | Operation::ResetVm => EnabledState::Starting,
        Operation::SaveVm => EnabledState::Saving,
        Operation::PauseVm => EnabledState::Pausing,
        _ => EnabledState::ShuttingDown,
    };
}
