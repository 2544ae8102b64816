//! Which writes a copy holds: lines of writes, and how far along one a copy reaches.
//!
//! Every write of a guest has a number, its position. Two copies hold the same write under the
//! same number as long as they are on the same line; where a replica is failed over, where disks
//! are changed behind the service's back, a new line branches off.

use std::sync::Arc;

/// What a copy holds: every write of a line, and of those it branched off from, up to a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Reach {
    pub(crate) line: u32,
    pub(crate) position: u64,
}

/// All lines of a world, by number. A line has a greater number than the one it branched off from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Lines {
    /// Where each branched off; `None` for the first line of a virtual machine.
    branches: Arc<Vec<Option<Reach>>>,
}

impl Lines {
    /// A line of its own, or one that goes on from what a copy holds.
    pub(crate) fn begin(&mut self, from: Option<Reach>) -> u32 {
        let branches = Arc::make_mut(&mut self.branches);
        let line = u32::try_from(branches.len()).unwrap_or(u32::MAX);
        branches.push(from);
        line
    }

    /// Up to which position two copies hold the same writes.
    pub(crate) fn common(&self, mut a: Reach, mut b: Reach) -> u64 {
        while a.line != b.line {
            let later = if a.line > b.line { &mut a } else { &mut b };
            let Some(Some(from)) = self.branches.get(later.line as usize) else { return 0 };
            *later = Reach { line: from.line, position: from.position.min(later.position) };
        }
        a.position.min(b.position)
    }

    /// Whether everything `part` holds is held by `whole`, too.
    pub(crate) fn includes(&self, whole: Reach, part: Reach) -> bool {
        if whole.line == part.line {
            return whole.position >= part.position;
        }
        self.common(whole, part) == part.position
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reach(line: u32, position: u64) -> Reach {
        Reach { line, position }
    }

    #[test]
    fn branches_share_what_came_before() {
        let mut lines = Lines::default();
        let first = lines.begin(None);
        let second = lines.begin(Some(reach(first, 100)));
        let third = lines.begin(Some(reach(second, 150)));
        let other = lines.begin(None);
        for (a, b, common) in [
            (reach(first, 80), reach(first, 120), 80),
            (reach(first, 300), reach(second, 120), 100),
            (reach(first, 60), reach(second, 120), 60),
            (reach(second, 400), reach(third, 200), 150),
            (reach(first, 400), reach(third, 200), 100),
            (reach(first, 400), reach(other, 400), 0),
        ] {
            assert_eq!(lines.common(a, b), common, "{a:?} {b:?}");
            assert_eq!(lines.common(b, a), common, "{b:?} {a:?}");
        }
        assert!(lines.includes(reach(third, 200), reach(first, 100)));
        assert!(!lines.includes(reach(third, 200), reach(first, 101)));
    }
}
