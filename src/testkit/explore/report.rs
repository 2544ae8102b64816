//! What a search found, for a person and for a program.

use super::step::{Tally, needs_a_look};
use super::{Explorer, Order, Reached, comment};
use crate::engine::Input;
use crate::model::Operation;
use crate::oracle::Violation;
use crate::script::Script;
use crate::sim::Lab;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a search found.
///
/// [`Display`](fmt::Display) writes it for a person.
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

    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match &self.explorer.order {
            Order::Breadth => "Breadth first".to_owned(),
            Order::Depth => "Depth first".to_owned(),
            Order::Swarm(_) => format!("In random orders of the seeds {}", list(&self.seeds)),
        };
        writeln!(
            f,
            "{order}: {}; {} tried, {} of them refused.",
            Count(self.states as u64, "state"),
            Count(self.steps, "input"),
            Number(self.refused)
        )?;
        let levels = self.levels.len().saturating_sub(1);
        match self.bound {
            None => writeln!(f, "Nothing else can happen: that is all, within {levels} steps."),
            Some(Bound::Depth) => writeln!(f, "That is all within {levels} steps."),
            Some(Bound::States) => {
                writeln!(f, "The bound on states ended it, {levels} steps from the beginning.")
            }
            Some(Bound::Goal) if self.broken.is_some() => {
                writeln!(f, "An invariant does not hold; that ended it.")
            }
            Some(Bound::Goal) => writeln!(f, "Everything that was asked for is reached."),
        }
    }

    /// New states for each number of steps, as a picture.
    fn growth(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 40;
        const WIDTH: usize = 40;
        let most = self.levels.iter().copied().max().unwrap_or(0).max(1);
        writeln!(f, "\nsteps      new states")?;
        for (steps, states) in self.levels.iter().enumerate().take(SHOWN) {
            let bar = "▇".repeat((states * WIDTH).div_ceil(most));
            writeln!(f, "{steps:>5}  {:>14}  {bar}", Number(*states as u64).to_string())?;
        }
        match self.levels.len().saturating_sub(SHOWN) {
            0 => Ok(()),
            more => writeln!(f, "       … and {more} levels more"),
        }
    }

    /// Each operation with its answers, and after how many steps each was first had.
    fn answers(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let operations = self.explorer.menu.operations();
        let missing = self.missing();
        let name = |it: &Operation| it.name().len();
        let width = operations.iter().map(name).max().unwrap_or(0);
        writeln!(f, "\n{:width$}  answers, and after how many steps", "operation")?;
        for operation in operations {
            write!(f, "{:width$} ", operation.name())?;
            for (it, path) in &self.reached {
                match it {
                    Reached::Accepted(of) if *of == operation => {
                        write!(f, " accepted·{}", path.len())?;
                    }
                    Reached::Refused(of, code) if *of == operation => {
                        write!(f, " {}·{}", code.to_wire(), path.len())?;
                    }
                    _ => {}
                }
            }
            let unmet: Vec<_> = missing
                .iter()
                .filter_map(|it| match it {
                    Reached::Accepted(of) if *of == operation => Some("accepted".to_owned()),
                    Reached::Refused(of, code) if *of == operation => {
                        Some(code.to_wire().to_string())
                    }
                    _ => None,
                })
                .collect();
            if unmet.is_empty() {
                writeln!(f)?;
            } else {
                writeln!(f, "  (never {})", unmet.join(", "))?;
            }
        }
        Ok(())
    }

    fn goals(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nreached, and after how many steps")?;
        for (reached, path) in &self.reached {
            if let Reached::Goal(goal) = reached {
                writeln!(f, "{:>5}  {goal}", path.len())?;
            }
        }
        let missing = self.missing();
        let goals = || missing.iter().filter(|it| matches!(it, Reached::Goal(_)));
        if goals().next().is_some() {
            writeln!(f, "\nnot reached")?;
            goals().try_for_each(|it| writeln!(f, "       {it}"))?;
        }
        if !self.explorer.observed {
            writeln!(
                f,
                "\nnot looked for, because nobody observes: health, what jobs fail with, ways of failover"
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        if let Some((violation, mut script)) = self.broken() {
            script.lines.insert(0, comment("This breaks an invariant."));
            return write!(f, "\n{violation}\n\n{script}");
        }
        self.growth(f)?;
        self.answers(f)?;
        self.goals(f)?;
        for goal in &self.explorer.goals {
            match self.script(*goal) {
                Some(script) => write!(f, "\n# {goal}\n{script}")?,
                None => writeln!(f, "\n# {goal}: not reached")?,
            }
        }
        Ok(())
    }
}

/// A number with its thousands set apart.
struct Number(u64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (i, digit) in digits.chars().enumerate() {
            let gap = if i > 0 && (digits.len() - i).is_multiple_of(3) { " " } else { "" };
            write!(f, "{gap}{digit}")?;
        }
        Ok(())
    }
}

/// So many of something.
struct Count(u64, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = if self.0 == 1 { "" } else { "s" };
        write!(f, "{} {}{s}", Number(self.0), self.1)
    }
}

fn list(seeds: &[u64]) -> String {
    let seeds: Vec<_> = seeds.iter().map(ToString::to_string).collect();
    seeds.join(", ")
}
