//! What a search found, for a program; for a person: `told`.

mod told;

use super::step::{Tally, needs_a_look};
use super::{Explorer, Reached};
use crate::engine::Input;
use crate::oracle::Violation;
use crate::script::Script;
use crate::sim::Lab;
use std::collections::{BTreeMap, BTreeSet};

/// What a search found.
///
/// [`Display`](std::fmt::Display) writes it for a person.
#[derive(Clone, Debug)]
pub struct Report {
    explorer: Explorer,
    /// Different states that were met.
    pub states: usize,
    /// How many new states there were after so many steps from the beginning.
    pub levels: Vec<usize>,
    /// Inputs that were tried.
    pub steps: u64,
    /// Those of them that were refused, and changed nothing.
    pub refused: u64,
    /// What ended the search; `None` if there is nothing left to find.
    pub bound: Option<Bound>,
    /// The seeds of its random orders.
    pub seeds: Vec<u64>,
    /// What was reached, and the inputs that first led there.
    pub(super) reached: BTreeMap<Reached, Vec<u16>>,
    /// The step that broke an invariant.
    pub(super) broken: Option<(Vec<u16>, Box<Violation>)>,
}

/// What ended a search before everything was found. Of several walks, what says most is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// It went as deep as it was to go.
    Depth,
    /// It met as many states as it was to keep.
    States,
    /// It reached its goals, or an invariant does not hold.
    Goal,
}

/// A world from which something is reached by one more input.
#[derive(Clone, Debug)]
pub struct Found {
    /// The world, before that input.
    pub lab: Lab,
    /// The input.
    pub input: Input,
    /// How the world came about, the input last, with every answer.
    pub script: Script,
}

impl Report {
    pub(super) fn new(explorer: &Explorer) -> Self {
        Self {
            explorer: explorer.clone(),
            states: 1,
            levels: Vec::new(),
            steps: 0,
            refused: 0,
            bound: None,
            seeds: Vec::new(),
            reached: BTreeMap::new(),
            broken: None,
        }
    }

    pub(super) fn add(&mut self, tally: Tally) {
        self.steps += tally.steps;
        self.refused += tally.refused;
    }

    pub(super) fn has_all(&self, goals: &[Reached]) -> bool {
        !goals.is_empty() && goals.iter().all(|it| self.reached.contains_key(it))
    }

    /// Counts a state that was met so many steps from the beginning.
    pub(super) fn count_at(&mut self, depth: u32) {
        let depth = depth as usize;
        self.levels.resize(self.levels.len().max(depth + 1), 0);
        self.levels[depth] += 1;
    }

    /// Adds what another search from the same beginning found, but for its states, some of which
    /// both may have met.
    pub(super) fn merge(&mut self, other: Self) {
        self.steps += other.steps;
        self.refused += other.refused;
        self.seeds.extend(other.seeds);
        self.bound = self.bound.max(other.bound);
        self.broken = self.broken.take().or(other.broken);
        for (reached, path) in other.reached {
            let known = self.reached.entry(reached).or_insert_with(|| path.clone());
            if path.len() < known.len() {
                *known = path;
            }
        }
    }

    /// What was reached, with the number of steps that it takes.
    pub fn reached(&self) -> impl Iterator<Item = (Reached, usize)> {
        self.reached.iter().map(|(it, path)| (*it, path.len()))
    }

    /// What the operations on the menu may reach and did not. A search that nobody observes does
    /// not look for health, for what jobs fail with, and for ways of failover.
    pub fn missing(&self) -> BTreeSet<Reached> {
        let mut all = Reached::all(&self.explorer.menu.operations());
        let looked_for = |it: &Reached| match it {
            Reached::Goal(goal) => self.explorer.observed || !needs_a_look(*goal),
            _ => true,
        };
        all.retain(|it| looked_for(it) && !self.reached.contains_key(it));
        all
    }

    /// How something was first reached, from the beginning, with every answer: breadth first, by a
    /// shortest script.
    pub fn script(&self, reached: Reached) -> Option<Script> {
        Some(self.found(reached)?.script)
    }

    /// The world from which something was first reached.
    pub fn found(&self, reached: Reached) -> Option<Found> {
        let (inputs, before) = self.explorer.replay(self.reached.get(&reached)?);
        let input = inputs.last()?.clone();
        let script = self.explorer.beginning.record(&inputs);
        Some(Found { lab: Lab::over(before, 0), input, script })
    }

    /// The invariant that does not hold, if one was found, and the shortest script that breaks it.
    pub fn broken(&self) -> Option<(&Violation, Script)> {
        let (path, violation) = self.broken.as_ref()?;
        let (inputs, _) = self.explorer.replay(path);
        Some((&**violation, self.explorer.beginning.record(&inputs)))
    }
}
