//! Which writes a copy holds: lines of writes, and how far along one a copy reaches.
//!
//! Every write of a guest has a number, its position. Two copies hold the same write under the
//! same number as long as they are on the same line; where a replica is failed over, where disks
//! are changed behind the service's back, a new line branches off.

use crate::model::SimTime;
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
    branches: Arc<Vec<Branch>>,
}

/// How a line began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Branch {
    /// Where it branched off; `None` for the first line of a virtual machine.
    from: Option<Reach>,
    at: SimTime,
}

/// Where two copies part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Parting {
    /// Up to which position they hold the same writes.
    pub(crate) common: u64,
    /// Since when they go different ways; `None` if both are on one.
    pub(crate) since: Option<SimTime>,
}

impl Lines {
    /// A line of its own, or one that goes on from what a copy holds.
    pub(crate) fn begin(&mut self, from: Option<Reach>, at: SimTime) -> u32 {
        let branches = Arc::make_mut(&mut self.branches);
        let line = u32::try_from(branches.len()).unwrap_or(u32::MAX);
        branches.push(Branch { from, at });
        line
    }

    /// The line that this one, by way of others, branched off from: the first one of all.
    pub(crate) fn root(&self, mut line: u32) -> u32 {
        while let Some(from) = self.branches.get(line as usize).and_then(|it| it.from) {
            line = from.line;
        }
        line
    }

    /// Where two copies part.
    pub(crate) fn parting(&self, mut a: Reach, mut b: Reach) -> Parting {
        let mut since = [None, None];
        while a.line != b.line {
            let side = usize::from(a.line > b.line);
            let later = if a.line > b.line { &mut a } else { &mut b };
            let branch = self.branches.get(later.line as usize);
            since[side] = branch.map(|it| it.at);
            let Some(from) = branch.and_then(|it| it.from) else {
                return Parting { common: 0, since: since.into_iter().max().flatten() };
            };
            *later = Reach { line: from.line, position: from.position.min(later.position) };
        }
        let common = a.position.min(b.position);
        Parting { common, since: since.into_iter().max().flatten() }
    }

    /// Up to which position two copies hold the same writes.
    pub(crate) fn common(&self, a: Reach, b: Reach) -> u64 {
        self.parting(a, b).common
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

    fn at(ticks: u64) -> SimTime {
        SimTime::from_ticks(ticks)
    }

    #[test]
    fn branches_share_what_came_before() {
        let mut lines = Lines::default();
        let first = lines.begin(None, at(0));
        let second = lines.begin(Some(reach(first, 100)), at(7));
        let third = lines.begin(Some(reach(second, 150)), at(9));
        let other = lines.begin(None, at(0));
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
        for (a, b, since) in
            [(first, first, None), (first, third, Some(7)), (second, third, Some(9))]
        {
            let parting = lines.parting(reach(a, 500), reach(b, 500));
            assert_eq!(parting.since, since.map(at), "{a} {b}");
        }
        assert!(lines.includes(reach(third, 200), reach(first, 100)));
        assert!(!lines.includes(reach(third, 200), reach(first, 101)));
    }
}
