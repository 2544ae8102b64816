//! The states that were met: a digest each, and how each was first reached.

use crate::engine::Digest;

/// A state by its number, in the order in which states were first met.
pub(super) type StateId = u32;

/// Every state that was met. One takes some thirty bytes: no world is kept, a trace is found by
/// going back to the beginning and replayed.
#[derive(Clone, Debug)]
pub(super) struct Space {
    digests: Vec<Digest>,
    parents: Vec<StateId>,
    /// The number of the input on the menu of the parent.
    actions: Vec<u16>,
    /// Numbers of states by digest: open addressing, at most half full, a power of two.
    slots: Vec<StateId>,
}

const FREE: StateId = StateId::MAX;

impl Space {
    /// With the state in which everything begins.
    pub(super) fn new(first: Digest) -> Self {
        let mut space = Self {
            digests: Vec::new(),
            parents: Vec::new(),
            actions: Vec::new(),
            slots: vec![FREE; 1 << 10],
        };
        space.insert(first, 0, 0);
        space
    }

    pub(super) fn len(&self) -> usize {
        self.digests.len()
    }

    /// Every digest, in the order of the states' numbers.
    pub(super) fn digests(&self) -> impl Iterator<Item = Digest> {
        self.digests.iter().copied()
    }

    /// Where a digest is, or would be.
    #[allow(clippy::cast_possible_truncation)] // Any part of a digest is as good as another.
    fn slot(&self, digest: Digest) -> usize {
        let mask = self.slots.len() - 1;
        let mut slot = digest.0 as usize & mask;
        loop {
            match self.slots[slot] {
                FREE => return slot,
                id if self.digests[id as usize] == digest => return slot,
                _ => slot = (slot + 1) & mask,
            }
        }
    }

    /// The state of this digest, if it was met.
    pub(super) fn find(&self, digest: Digest) -> Option<StateId> {
        Some(self.slots[self.slot(digest)]).filter(|it| *it != FREE)
    }

    /// Notes a state; its number if it is a new one.
    pub(super) fn insert(
        &mut self,
        digest: Digest,
        parent: StateId,
        action: u16,
    ) -> Option<StateId> {
        let slot = self.slot(digest);
        if self.slots[slot] != FREE {
            return None;
        }
        let id = StateId::try_from(self.digests.len()).ok().filter(|it| *it != FREE)?;
        self.digests.push(digest);
        self.parents.push(parent);
        self.actions.push(action);
        self.slots[slot] = id;
        if self.digests.len() * 2 > self.slots.len() {
            self.grow();
        }
        Some(id)
    }

    fn grow(&mut self) {
        self.slots = vec![FREE; self.slots.len() * 2];
        for (id, digest) in (0..).zip(&self.digests) {
            let slot = self.slot(*digest);
            self.slots[slot] = id;
        }
    }

    /// The inputs that first led to a state, by their numbers on the menus on the way.
    pub(super) fn path(&self, mut id: StateId) -> Vec<u16> {
        let mut path = Vec::new();
        while id != 0 {
            path.push(self.actions[id as usize]);
            id = self.parents[id as usize];
        }
        path.reverse();
        path
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_are_found_again_and_lead_back() {
        // Digests that all want the same slot.
        let digest = |n: u128| Digest(n << 64);
        let mut space = Space::new(digest(0));
        for n in 1..2000u16 {
            let id = space.insert(digest(n.into()), u32::from(n) - 1, n);
            assert_eq!(id, Some(n.into()));
            assert_eq!(space.insert(digest(n.into()), 0, 7), None);
        }
        assert_eq!(space.len(), 2000);
        assert_eq!(space.find(digest(1234)), Some(1234));
        assert_eq!(space.find(digest(2000)), None);
        assert_eq!(space.path(3), [1, 2, 3]);
        assert_eq!(space.path(0), [0u16; 0]);
    }
}
