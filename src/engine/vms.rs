//! The virtual machines of a host, in the order of their ids, and where among them one was seen.
//!
//! A cycle touches little of a virtual machine, so that finding it would be most of the work.
//! Whoever makes an appointment notes the place beside the id: it is a hint, which is checked and
//! never compared, so that how a world came about does not show in it.

use super::vm::VmState;
use crate::model::VmId;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The place of a virtual machine among those of its host when somebody last looked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hint(u32);

impl Default for Hint {
    /// Nobody has looked: a place that there is none at.
    fn default() -> Self {
        Self(u32::MAX)
    }
}

/// Any hint is as good as any other: some are faster.
impl PartialEq for Hint {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Hint {}

impl Hash for Hint {
    fn hash<H: Hasher>(&self, _: &mut H) {}
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
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Vms(Vec<(VmId, Arc<VmState>)>);

impl Vms {
    pub(crate) fn get(&self, spot: impl Into<Spot>) -> Option<&VmState> {
        let place = self.place(spot.into())?;
        self.0.get(place).map(|it| &*it.1)
    }

    /// Copy-on-write.
    pub(crate) fn get_mut(&mut self, spot: impl Into<Spot>) -> Option<&mut VmState> {
        let place = self.place(spot.into())?;
        self.0.get_mut(place).map(|it| Arc::make_mut(&mut it.1))
    }

    /// Where a virtual machine is now.
    pub(crate) fn locate(&self, spot: impl Into<Spot>) -> Option<Spot> {
        let spot = spot.into();
        let place = u32::try_from(self.place(spot)?).unwrap_or(u32::MAX);
        Some(Spot { hint: Hint(place), ..spot })
    }

    pub(crate) fn contains_key(&self, id: &VmId) -> bool {
        self.place(id.into()).is_some()
    }

    /// Puts one in the place of another of the same id, if there is one.
    pub(crate) fn insert(&mut self, id: VmId, vm: VmState) {
        let entry = (id, Arc::new(vm));
        match self.search(id) {
            Ok(place) => self.0[place] = entry,
            Err(place) => self.0.insert(place, entry),
        }
    }

    pub(crate) fn remove(&mut self, id: &VmId) -> Option<Arc<VmState>> {
        let place = self.place(id.into())?;
        Some(self.0.remove(place).1)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&VmId, &VmState)> + Clone {
        self.0.iter().map(|(id, vm)| (id, &**vm))
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = &VmId> {
        self.0.iter().map(|it| &it.0)
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &VmState> {
        self.0.iter().map(|it| &*it.1)
    }

    fn place(&self, spot: Spot) -> Option<usize> {
        let hinted = spot.hint.0 as usize;
        match self.0.get(hinted) {
            Some((id, _)) if *id == spot.id => Some(hinted),
            _ => self.search(spot.id).ok(),
        }
    }

    fn search(&self, id: VmId) -> Result<usize, usize> {
        self.0.binary_search_by_key(&id, |it| it.0)
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
        let spots = [10, 20, 30].map(|n| vms.locate(id(n)).unwrap());
        let rates = |vms: &Vms| spots.map(|spot| vms.get(spot).map(|it| it.guest.rate));
        assert_eq!(rates(&vms), [Some(10), Some(20), Some(30)]);
        vms.remove(&id(10));
        assert_eq!(rates(&vms), [None, Some(20), Some(30)]);
        assert_eq!(vms.locate(spots[1]).and_then(|it| vms.get_mut(it)).unwrap().guest.rate, 20);
        assert!(vms.contains_key(&id(30)) && !vms.contains_key(&id(10)));
    }

    #[test]
    fn how_it_came_about_does_not_show() {
        let (a, b) = (vms(&[1, 2, 3]), vms(&[3, 1, 2]));
        assert_eq!(a, b);
        assert!(a.keys().is_sorted());
        let seen = a.locate(id(2)).unwrap().hint;
        assert_eq!(seen, Hint::default(), "a hint is not compared");
    }
}
