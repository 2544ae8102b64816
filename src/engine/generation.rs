//! Whether hosts and links are as they were.
//!
//! Whether one host lets another in takes long to find out, and hardly ever changes. Whoever found it
//! out notes the generation of hosts and links that it was in, and need not ask again in that.

use super::vms::Unseen;

/// How often something about hosts or the links between them may have changed. Virtual machines do
/// not count, nor what passes by itself: the validity of a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Generation(Unseen<u32>);

impl Generation {
    /// Before all worlds.
    pub(crate) const NEVER: Self = Self(Unseen(0));

    /// Of a new world.
    pub(crate) const FIRST: Self = Self(Unseen(1));

    /// The one after it. The last of all lasts for ever, and nothing is noted of it.
    pub(crate) const fn next(self) -> Self {
        Self(Unseen(self.0.0.saturating_add(1)))
    }

    /// Whether what was found out in another generation still holds in this one.
    pub(crate) const fn is_still(self, noted: Self) -> bool {
        self.0.0 == noted.0.0 && self.0.0 < u32::MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_holds_for_longer_than_its_generation() {
        let (first, never) = (Generation::FIRST, Generation::NEVER);
        assert!(first.is_still(first) && !first.is_still(never));
        let second = first.next();
        assert!(!second.is_still(first) && !first.is_still(second));
        let last = Generation(Unseen(u32::MAX));
        assert!(!last.next().is_still(last), "after the last nothing is told apart");
        assert_eq!(first, second, "a generation is not compared");
    }
}
