//! The states that were met: a digest each, and how each was first reached.

use crate::engine::Digest;

/// A state by its number, in the order in which states were first met.
pub(super) type StateId = u32;

/// Every state that was met. One takes 30 to 41 bytes: no world is kept, a trace is found by going
/// back to the beginning and replayed.
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

/// What a state takes beside its slots.
const STATE_BYTES: usize = size_of::<Digest>() + size_of::<StateId>() + size_of::<u16>();

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

    /// How many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        let Self { digests, parents, actions, slots } = self;
        digests.capacity() * size_of::<Digest>()
            + (parents.capacity() + slots.capacity()) * size_of::<StateId>()
            + actions.capacity() * size_of::<u16>()
    }

    /// How many more bytes it takes when the next state is noted.
    pub(super) fn bytes_of_next(&self) -> usize {
        let states = if self.is_full() { self.more_states() * STATE_BYTES } else { 0 };
        let slots = if self.is_crowded(1) { self.slots.len() * size_of::<StateId>() } else { 0 };
        states + slots
    }

    fn is_full(&self) -> bool {
        self.digests.len() == self.digests.capacity()
    }

    /// Room is made for an eighth more: so little of a bound on memory is left over.
    fn more_states(&self) -> usize {
        (self.digests.len() / 8).max(1 << 10)
    }

    /// Whether more than half of the slots are taken, with so many states more.
    fn is_crowded(&self, more: usize) -> bool {
        (self.digests.len() + more) * 2 > self.slots.len()
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
        if self.is_full() {
            let more = self.more_states();
            self.digests.reserve_exact(more);
            self.parents.reserve_exact(more);
            self.actions.reserve_exact(more);
        }
        self.digests.push(digest);
        self.parents.push(parent);
        self.actions.push(action);
        self.slots[slot] = id;
        if self.is_crowded(0) {
            self.grow();
        }
        Some(id)
    }

    fn grow(&mut self) {
        let many = self.slots.len() * 2;
        self.slots = Vec::new(); // What is to be made again is let go of first.
        self.slots = vec![FREE; many];
        for (id, digest) in (0..).zip(&self.digests) {
            let slot = self.slot(*digest);
            self.slots[slot] = id;
        }
    }

    /// The states on the way from the beginning to a state, which is the last of them, each with
    /// the input that first led to it, by its number on the menu of the one before.
    pub(super) fn way(&self, mut id: StateId) -> Vec<(StateId, u16)> {
        let mut way = Vec::new();
        while id != 0 {
            way.push((id, self.actions[id as usize]));
            id = self.parents[id as usize];
        }
        way.reverse();
        way
    }

    /// The inputs on that way.
    pub(super) fn path(&self, id: StateId) -> Vec<u16> {
        self.way(id).into_iter().map(|(_, action)| action).collect()
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

    /// What it takes is told before it is taken.
    #[test]
    fn what_a_state_takes_is_foreseen() {
        let mut space = Space::new(Digest(0));
        for n in 1..100_000 {
            let foreseen = space.bytes() + space.bytes_of_next();
            space.insert(Digest(n), 0, 0);
            assert_eq!(space.bytes(), foreseen, "{n}");
        }
        let each = space.bytes() / space.len();
        assert!((30..=41).contains(&each), "{each}");
    }
}
