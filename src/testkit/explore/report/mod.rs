//! What a search found, for a program; for a person: `told`.

mod told;

use super::step::{Tally, needs_a_look};
use super::{Explorer, Reached};
use crate::engine::{Input, World};
use crate::script::Script;
use crate::sim::Lab;
use crate::testkit::counterexample::{self, Counterexample, Failure};
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
    /// Those of them that broke an invariant or the property, if the search went on after the first.
    pub breaks: u64,
    /// How many bytes it took at most: its states, and the worlds on the way of one thread. Each
    /// thread more has a way of its own. Of a swarm, what its walks take when all go at once.
    pub bytes: usize,
    /// What ended the search; `None` if there is nothing left to find.
    pub bound: Option<Bound>,
    /// The seeds of its random orders.
    pub seeds: Vec<u64>,
    /// What was reached, and the inputs that first led there.
    pub(super) reached: BTreeMap<Reached, Vec<u16>>,
    /// The step that first broke an invariant or the property.
    pub(super) broken: Option<(Vec<u16>, Failure)>,
}

/// What ended a search before everything was found. Of several walks, what says most is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Bound {
    /// It went as deep as it was to go.
    Depth,
    /// It met as many states as it was to keep.
    States,
    /// It took as much memory as it was to take.
    Memory,
    /// It reached its goals, or something does not hold that should.
    Goal,
    /// It did not begin: what it was to reach [cannot be](Explorer::check).
    Unreachable,
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
            breaks: 0,
            bytes: 0,
            bound: None,
            seeds: Vec::new(),
            reached: BTreeMap::new(),
            broken: None,
        }
    }

    pub(super) fn add(&mut self, tally: Tally) {
        self.steps += tally.steps;
        self.refused += tally.refused;
        self.breaks += tally.breaks;
    }

    /// Whether everything that was asked for is reached, or something is broken after which it is
    /// not to go on.
    pub(super) fn is_done(&self) -> bool {
        let goals = &self.explorer.goals;
        let has_all = !goals.is_empty() && goals.iter().all(|it| self.reached.contains_key(it));
        has_all || self.broken.is_some() && !self.explorer.goes_on
    }

    /// The property should hold before anything happens, too.
    pub(super) fn judge_beginning(&mut self, world: &World) {
        let property = self.explorer.property.as_ref();
        if let Some(Err(failure)) = property.map(|it| it.judge(world)) {
            self.breaks += 1;
            self.broken = Some((Vec::new(), failure));
        }
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
        self.breaks += other.breaks;
        self.bytes += other.bytes;
        self.seeds.extend(other.seeds);
        self.bound = self.bound.max(other.bound);
        let broken = self.broken.take().into_iter().chain(other.broken);
        self.broken = broken.min_by_key(|(path, _)| path.len());
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

    /// What does not hold, an invariant or the property, if something does not: with the script that
    /// first broke it, without what it breaks without, too. Breadth first that is a shortest one.
    ///
    /// It is as [`strategies::check`](crate::testkit::strategies::check) gives it, a file that fails
    /// in the same way; [`replay`](counterexample::replay) judges it again.
    pub fn broken(&self) -> Option<Counterexample> {
        let (path, failure) = self.broken.as_ref()?;
        let Explorer { beginning, property, .. } = &self.explorer;
        let (inputs, _) = self.explorer.replay(path);
        let property = |world: &World| property.as_ref().map_or(Ok(()), |it| it.holds(world));
        let found =
            counterexample::Found { begin: beginning.world(), inputs, failure: failure.clone() };
        let found = found.shrink(&property);
        let steps = found.inputs.len();
        let found = counterexample::Found {
            begin: World::with_policy(beginning.seed, beginning.policy.clone()),
            inputs: beginning.inputs.iter().cloned().chain(found.inputs).collect(),
            ..found
        };
        let s = if steps == 1 { "" } else { "s" };
        let how = format!("Found by a search, {steps} step{s} from where it began.");
        Some(Counterexample::of(&found, &how))
    }
}
