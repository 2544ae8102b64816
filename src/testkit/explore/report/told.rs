//! A report as a person reads it.

use super::{Bound, Report};
use crate::model::Operation;
use crate::oracle::{Always, Goal};
use crate::rules::Require;
use crate::testkit::explore::{Order, Reached, Unmet};
use std::fmt;

impl Report {
    fn head(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let order = match &self.explorer.order {
            Order::Breadth => "Breadth first".to_owned(),
            Order::Depth => "Depth first".to_owned(),
            Order::Swarm(_) => format!("In random orders of the seeds {}", list(&self.seeds)),
        };
        writeln!(
            f,
            "{order}: {}; {} tried, {} of them refused; {} at most.",
            Count(self.states as u64, "state"),
            Count(self.steps, "input"),
            Number(self.refused),
            Bytes(self.bytes)
        )?;
        let levels = self.levels.len().saturating_sub(1);
        match self.bound {
            None => writeln!(f, "Nothing else can happen: that is all, within {levels} steps."),
            Some(Bound::Depth) => writeln!(f, "That is all within {levels} steps."),
            Some(Bound::States) => {
                writeln!(f, "The bound on states ended it, {levels} steps from the beginning.")
            }
            Some(Bound::Memory) => {
                writeln!(f, "The bound on memory ended it, {levels} steps from the beginning.")
            }
            Some(Bound::Goal) if self.broken.is_some() => {
                writeln!(f, "Something does not hold; that ended it.")
            }
            Some(Bound::Goal) => writeln!(f, "Everything that was asked for is reached."),
            Some(Bound::Unreachable) => match self.explorer.check() {
                Err(why) => writeln!(f, "It did not begin: {why}."),
                Ok(()) => Ok(()),
            },
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

    /// What the book requires of each operation, and after how many steps a call lacked it.
    fn requirements(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "\nwhat calls lacked, and after how many steps")?;
        let missing = self.missing();
        for operation in self.explorer.menu.operations() {
            let told = Unmet::all(operation).filter_map(|unmet| {
                let reached = Reached::Unmet(unmet);
                let steps = self.reached.get(&reached).map(|path| path.len().to_string());
                let never = || missing.contains(&reached).then(|| "never".to_owned());
                Some((steps.or_else(never)?, unmet.require()))
            });
            for (number, (steps, require)) in told.enumerate() {
                if number == 0 {
                    writeln!(f, "\n{}", operation.name())?;
                }
                let Require { otherwise, says, evidence, .. } = require;
                writeln!(f, "{steps:>5}  {}  {says} ({evidence})", otherwise.to_wire())?;
            }
        }
        Ok(())
    }

    /// What was reached of a kind, and after how many steps; then what was not.
    fn list(
        &self,
        f: &mut fmt::Formatter<'_>,
        title: &str,
        tell: impl Fn(Reached) -> Option<String>,
    ) -> fmt::Result {
        let told = |(reached, path): (&Reached, &Vec<u16>)| Some((path.len(), tell(*reached)?));
        let reached: Vec<_> = self.reached.iter().filter_map(told).collect();
        let missing: Vec<_> = self.missing().into_iter().filter_map(tell).collect();
        if reached.is_empty() && missing.is_empty() {
            return Ok(());
        }
        writeln!(f, "\n{title}")?;
        reached.iter().try_for_each(|(steps, it)| writeln!(f, "{steps:>5}  {it}"))?;
        missing.iter().try_for_each(|it| writeln!(f, "never  {it}"))
    }

    fn lists(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list(f, "how states changed, and after how many steps", |it| match it {
            Reached::Moved(it) => Some(format!("{it} ({})", it.transition().evidence)),
            _ => None,
        })?;
        self.list(f, "what else was reached, and after how many steps", |it| match it {
            Reached::Goal(Goal::Judged(_)) => None,
            Reached::Goal(goal) => Some(goal.to_string()),
            _ => None,
        })?;
        if self.explorer.observed {
            let title = "which invariants had something to judge, and after how many steps";
            return self.list(f, title, |it| match it {
                Reached::Goal(Goal::Judged(it)) => {
                    let Always { name, says, evidence, .. } = it.row();
                    Some(format!("{name}: {says} ({evidence})"))
                }
                _ => None,
            });
        }
        writeln!(
            f,
            "\nnot looked for, because nobody observes: health, what jobs fail with, ways of \
             failover, invariants"
        )
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        if self.bound == Some(Bound::Unreachable) {
            return Ok(());
        }
        if let Some(found) = self.broken() {
            write!(f, "\n{found}")?;
            if !self.explorer.goes_on {
                return Ok(());
            }
            writeln!(f, "\n{} broke something.", Count(self.breaks, "step"))?;
        }
        self.growth(f)?;
        self.answers(f)?;
        self.requirements(f)?;
        self.lists(f)?;
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

/// So much memory.
struct Bytes(usize);

impl fmt::Display for Bytes {
    #[allow(clippy::cast_precision_loss)] // It is rounded anyhow.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} MiB", self.0 as f64 / f64::from(1 << 20))
    }
}

fn list(seeds: &[u64]) -> String {
    let seeds: Vec<_> = seeds.iter().map(ToString::to_string).collect();
    seeds.join(", ")
}
