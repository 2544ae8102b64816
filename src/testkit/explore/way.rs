//! The worlds that a thread keeps: those on its way.

use super::step::{Kept, Stepper};

/// The way from the beginning to the world that is looked into, with every world on it.
///
/// Of all that wait to be looked into no world is kept: it is made again from the one it came of.
/// Those that are looked into one after the other share most of their ways, so that is one step and
/// hardly ever two.
#[derive(Debug)]
pub(super) struct Way {
    /// Those on the way, and behind them what is left of longer ways, to be made others.
    worlds: Vec<Kept>,
    /// How many steps it is from the beginning.
    steps: usize,
}

impl Way {
    /// From this beginning, nowhere yet.
    pub(super) fn new(beginning: Kept) -> Self {
        Self { worlds: vec![beginning], steps: 0 }
    }

    /// Where it leads.
    pub(super) fn here(&self) -> &Kept {
        &self.worlds[self.steps]
    }

    /// Goes on by an input of the menu, by its number.
    pub(super) fn go_on(&mut self, action: u16, stepper: &mut Stepper<'_>) {
        self.steps += 1;
        if self.steps == self.worlds.len() {
            self.worlds.push(self.worlds[self.steps - 1].clone());
        }
        let (before, after) = self.worlds.split_at_mut(self.steps);
        stepper.follow(&before[self.steps - 1], action, &mut after[0]);
    }

    /// Goes back until it is so many steps from the beginning, if it is more.
    pub(super) fn go_back(&mut self, steps: usize) {
        self.steps = self.steps.min(steps);
    }
}
