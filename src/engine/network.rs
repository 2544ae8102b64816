//! The network of a virtual machine, and the addresses that its guest takes after a failover.
//!
//! The settings are staged by a failover, real or for a test, and taken by the guest when its
//! integration components talk, which is some seconds after its start.
//!
//! Source: <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120528-inject-ip-address-into-the-vm-during-failover>.

use super::World;
use super::agenda::{Due, Ticket};
use super::event::{Change, Event};
use super::input::VmSpec;
use crate::model::{
    Adapter, AdapterId, AdapterKind, Devices, EnabledState, FailoverNetworkAdapterSettings,
    GuestSystem, HostId, Plug, VmId, WindowsBuild,
};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The network of a virtual machine. It changes so rarely that forks and cycles share it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Network {
    guest: GuestSystem,
    /// The adapters, with the addresses that the guest's disks give them.
    adapters: Vec<Adapter>,
    /// What adapters take after a failover, in their order.
    pub(super) settings: Vec<FailoverNetworkAdapterSettings>,
    pub(super) injection: Injection,
}

/// How far the settings of a failover are.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Injection {
    /// None are on their way.
    None,
    /// They wait for the guest; while that runs, it will take them then.
    Staged(Option<Ticket>),
    /// The guest took these.
    Taken(Vec<FailoverNetworkAdapterSettings>),
}

impl Network {
    pub(super) fn of(spec: &VmSpec) -> Self {
        Self {
            guest: spec.guest,
            adapters: spec.adapters.clone(),
            settings: Vec::new(),
            injection: Injection::None,
        }
    }

    /// Of a new replica: nothing is plugged in.
    pub(super) fn of_replica(&self) -> Self {
        let unplugged = |it: &Adapter| Adapter {
            plug: Plug::default(),
            addresses: self.addresses(it).to_vec(),
            ..it.clone()
        };
        Self {
            guest: self.guest,
            adapters: self.adapters.iter().map(unplugged).collect(),
            settings: Vec::new(),
            injection: Injection::None,
        }
    }

    /// Of a test replica: what has a switch for tests is plugged into that.
    pub(super) fn of_test(&self) -> Self {
        let mut test = Self { injection: Injection::None, ..self.clone() };
        for it in &mut test.adapters {
            it.plug = Plug { connected: it.plug.test_switch, test_switch: false };
        }
        test.stage();
        test
    }

    /// The disks are a copy of another's now, and with them what the guest has configured.
    pub(super) fn take_disks_of(&mut self, source: &Self) {
        self.injection = Injection::None;
        for it in &mut self.adapters {
            if let Some(other) = source.adapters.iter().find(|other| other.id == it.id) {
                it.addresses = source.addresses(other).to_vec();
            }
        }
    }

    /// A failover: the guest will take the settings, if there are any.
    pub(super) fn stage(&mut self) {
        self.injection = match self.settings[..] {
            [] => Injection::None,
            _ => Injection::Staged(None),
        };
    }

    /// Puts settings in the place of those for the same adapters. Settings that say nothing clear
    /// them: the guest keeps what the primary had.
    pub(super) fn store(&mut self, new: &[FailoverNetworkAdapterSettings]) {
        self.settings.retain(|old| new.iter().all(|it| it.adapter != old.adapter));
        self.settings.extend(new.iter().filter(|it| !it.is_empty()).cloned());
        self.settings.sort_by_key(|it| it.adapter);
    }

    /// Whether there is such an adapter, of the kind that takes settings.
    pub(super) fn takes_settings(&self, id: AdapterId) -> bool {
        self.adapters.iter().any(|it| it.id == id && it.kind == AdapterKind::Synthetic)
    }

    /// What the guest has configured on an adapter.
    fn addresses<'a>(&'a self, adapter: &'a Adapter) -> &'a [String] {
        let taken = match &self.injection {
            Injection::Taken(settings) => settings.iter().find(|it| it.adapter == adapter.id),
            _ => None,
        };
        taken.map_or(&adapter.addresses, |it| &it.addresses)
    }

    /// Hashes what does not wait for a time: everything but the settings on their way.
    pub(super) fn hash_plain(&self, state: &mut impl Hasher) {
        (self.guest, &self.adapters, &self.settings).hash(state);
    }

    pub(super) fn plug(&mut self, id: AdapterId, plug: Plug) -> Option<()> {
        self.adapters.iter_mut().find(|it| it.id == id)?.plug = plug;
        Some(())
    }
}

impl World {
    /// The network adapters of a virtual machine, with the addresses that its guest reports while
    /// it runs, some seconds after its start.
    pub fn adapters(&self, host: HostId, id: VmId) -> Option<Vec<Adapter>> {
        let vm = self.vm_state(host, id)?;
        let talks = vm.guest.since.is_some_and(|since| since + self.policy.guest_talks <= self.now);
        let reported = |it: &Adapter| {
            if talks { vm.network.addresses(it).to_vec() } else { Vec::new() }
        };
        let adapters = &vm.network.adapters;
        Some(adapters.iter().map(|it| Adapter { addresses: reported(it), ..it.clone() }).collect())
    }

    /// The disks and the synthetic adapters of a virtual machine, in the order of their places.
    pub fn devices(&self, host: HostId, id: VmId) -> Option<Devices> {
        let vm = self.vm_state(host, id)?;
        let mut disks: Vec<_> = vm.disks.iter().map(|it| it.id).collect();
        let synthetic = |it: &&Adapter| it.kind == AdapterKind::Synthetic;
        let adapters = vm.network.adapters.iter().filter(synthetic);
        let mut adapters: Vec<_> = adapters.map(|it| it.id).collect();
        disks.sort_unstable();
        adapters.sort_unstable();
        Some(Devices { disks, adapters })
    }

    /// What the adapters of a virtual machine take after a failover; those for which nothing is
    /// set are not in it.
    pub fn failover_network(
        &self,
        host: HostId,
        vm: VmId,
    ) -> Option<&[FailoverNetworkAdapterSettings]> {
        self.vm_state(host, vm).map(|vm| &vm.network.settings[..])
    }

    /// The power of a virtual machine has changed: settings that wait for its guest have or lose
    /// the moment at which it takes them.
    pub(super) fn guest_comes_or_goes(&mut self, host: HostId, id: VmId) {
        let Some(vm) = self.vm_state(host, id) else { return };
        let Injection::Staged(ticket) = vm.network.injection else { return };
        let runs = vm.power == EnabledState::Enabled;
        let next = match (runs, ticket) {
            (true, None) => {
                let at = self.now + self.policy.guest_talks;
                Some(self.agenda.schedule(at, Due::GuestTalks(host, id)))
            }
            (true, kept) => kept,
            (false, old) => {
                self.agenda.cancel(old);
                None
            }
        };
        if let Some(vm) = self.vm_mut(host, id).filter(|_| next != ticket) {
            Arc::make_mut(&mut vm.network).injection = Injection::Staged(next);
        }
    }

    /// The settings of a failover are not wanted any more.
    pub(super) fn unstage(&mut self, host: HostId, id: VmId) {
        let Some(vm) = self.vm_mut(host, id) else { return };
        if vm.network.injection == Injection::None {
            return;
        }
        let network = Arc::make_mut(&mut vm.network);
        if let Injection::Staged(ticket) =
            std::mem::replace(&mut network.injection, Injection::None)
        {
            self.agenda.cancel(ticket);
        }
    }

    /// A guest talks for the first time since its failover, and takes the settings if it can.
    pub(super) fn guest_talks(&mut self, host: HostId, id: VmId, out: &mut Vec<Event>) {
        let at = self.now;
        let old = self.host(host).is_some_and(|it| it.build == WindowsBuild::Server2012);
        let Some(vm) = self.vm_mut(host, id) else { return };
        let network = Arc::make_mut(&mut vm.network);
        let taken = network.guest == GuestSystem::Windows || !old;
        network.injection =
            if taken { Injection::Taken(network.settings.clone()) } else { Injection::None };
        out.push(Event { at, host, change: Change::GuestNetwork { vm: id, taken } });
    }
}
