//! The virtual machines of a host, in the order of their ids, and where among them one was seen.
//!
//! A cycle touches little of a virtual machine, so that finding it would be most of the work.
//! Whoever makes an appointment notes the place beside the id: it is a hint, which is checked and
//! never compared, so that how a world came about does not show in it.

use super::restore::share;
use super::vm::VmState;
use crate::model::VmId;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// What saves work and says nothing: any is as good as any other, and some are faster. It takes no
/// part in equality, so that the history of a world does not show in it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unseen<T>(pub(crate) T);

impl<T> PartialEq for Unseen<T> {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl<T> Eq for Unseen<T> {}

impl<T> Hash for Unseen<T> {
    fn hash<H: Hasher>(&self, _: &mut H) {}
}

/// The place of a virtual machine among those of its host when somebody last looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Hint(Unseen<u32>);

impl Default for Hint {
    /// Nobody has looked: a place that there is none at.
    fn default() -> Self {
        Self(Unseen(u32::MAX))
    }
}

/// A virtual machine of a host, and where it was seen.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Spot {
    pub(crate) id: VmId,
    pub(crate) hint: Hint,
}

impl From<VmId> for Spot {
    fn from(id: VmId) -> Self {
        Self { id, hint: Hint::default() }
    }
}

impl From<&VmId> for Spot {
    fn from(id: &VmId) -> Self {
        Self::from(*id)
    }
}

/// The virtual machines of a host. A fork shares each until one side changes it.
///
/// Creating or deleting one takes a time that grows with how many there are on the host. That is
/// little, as a host [runs at most 1024].
///
/// [runs at most 1024]: https://learn.microsoft.com/windows-server/virtualization/hyper-v/maximum-scale-limits
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Vms {
    /// In their order, to be searched.
    ids: Vec<VmId>,
    /// In the same order. Each knows its id: whoever comes with a hint looks nowhere else.
    all: Vec<Arc<Named>>,
}

/// A virtual machine by its id.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Named {
    id: VmId,
    vm: VmState,
}

impl Vms {
    pub(crate) fn get(&self, spot: impl Into<Spot>) -> Option<&VmState> {
        self.find(spot).map(|it| it.1)
    }

    /// A virtual machine, and where it is now.
    pub(crate) fn find(&self, spot: impl Into<Spot>) -> Option<(Hint, &VmState)> {
        let place = self.place(spot.into())?;
        let hint = Hint(Unseen(u32::try_from(place).unwrap_or(u32::MAX)));
        Some((hint, &self.all.get(place)?.vm))
    }

    /// Copy-on-write.
    pub(crate) fn get_mut(&mut self, spot: impl Into<Spot>) -> Option<&mut VmState> {
        let place = self.place(spot.into())?;
        self.all.get_mut(place).map(|it| &mut Arc::make_mut(it).vm)
    }

    /// Whichever virtual machine is at a place: for whoever only looks.
    pub(crate) fn hinted(&self, hint: Hint) -> Option<&VmState> {
        self.all.get(hint.0.0 as usize).map(|it| &it.vm)
    }

    pub(crate) fn contains_key(&self, id: &VmId) -> bool {
        self.ids.binary_search(id).is_ok()
    }

    /// Puts one in the place of another of the same id, if there is one.
    pub(crate) fn insert(&mut self, id: VmId, vm: VmState) {
        let named = Arc::new(Named { id, vm });
        match self.ids.binary_search(&id) {
            Ok(place) => self.all[place] = named,
            Err(place) => {
                self.ids.insert(place, id);
                self.all.insert(place, named);
            }
        }
    }

    pub(crate) fn remove(&mut self, id: &VmId) -> Option<VmState> {
        let place = self.ids.binary_search(id).ok()?;
        self.ids.remove(place);
        Some(Arc::unwrap_or_clone(self.all.remove(place)).vm)
    }

    /// Of the same virtual machines as they are in another world, shares those that differ.
    pub(super) fn share_with(&mut self, from: &Self) {
        self.all.iter_mut().zip(&from.all).for_each(|(it, from)| share(it, from));
    }

    /// Copies each virtual machine, so that nobody shares it, and changes it.
    pub(super) fn values_apart(&mut self, change: impl Fn(&mut VmState)) {
        for it in &mut self.all {
            let mut named = Named::clone(it);
            change(&mut named.vm);
            *it = Arc::new(named);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&VmId, &VmState)> + Clone {
        self.all.iter().map(|it| (&it.id, &it.vm))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &VmId> {
        self.ids.iter()
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &VmState> {
        self.all.iter().map(|it| &it.vm)
    }

    fn place(&self, spot: Spot) -> Option<usize> {
        let hinted = spot.hint.0.0 as usize;
        match self.all.get(hinted) {
            Some(it) if it.id == spot.id => Some(hinted),
            _ => self.ids.binary_search(&spot.id).ok(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::VmSpec;
    use crate::engine::network::Network;
    use crate::model::{GuestSystem, Guid};

    fn id(n: u128) -> VmId {
        VmId(Guid(n))
    }

    /// Virtual machines that were created in this order, each writing as fast as its number.
    fn vms(numbers: &[u8]) -> Vms {
        let mut vms = Vms::default();
        for n in numbers {
            let spec = VmSpec {
                id: id((*n).into()),
                name: "vm".into(),
                running: false,
                disks: Vec::new(),
                write_rate: (*n).into(),
                guest: GuestSystem::Windows,
                adapters: Vec::new(),
            };
            let network = Network::of(&spec);
            vms.insert(spec.id, VmState::new(&spec.name, [].into(), spec.write_rate, 0, network));
        }
        vms
    }

    #[test]
    fn a_stale_hint_misleads_nobody() {
        let mut vms = vms(&[20, 10, 30]);
        let spots = [10, 20, 30].map(|n| Spot { id: id(n), hint: vms.find(id(n)).unwrap().0 });
        let rates = |vms: &Vms| spots.map(|spot| vms.get(spot).map(|it| it.guest.rate));
        assert_eq!(rates(&vms), [Some(10), Some(20), Some(30)]);
        vms.remove(&id(10));
        assert_eq!(rates(&vms), [None, Some(20), Some(30)]);
        assert_eq!(vms.get_mut(spots[1]).unwrap().guest.rate, 20);
        assert!(vms.contains_key(&id(30)) && !vms.contains_key(&id(10)));
    }

    #[test]
    fn how_it_came_about_does_not_show() {
        let (a, b) = (vms(&[1, 2, 3]), vms(&[3, 1, 2]));
        assert_eq!(a, b);
        assert!(a.keys().is_sorted());
        let seen = a.find(id(2)).unwrap().0;
        assert_eq!(seen, Hint::default(), "a hint is not compared");
    }
}
