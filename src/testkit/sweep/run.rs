//! One run of the orchestration: what became of it, and the script that shows it.

use super::Sweep;
use super::course::{Course, Endless, Entry, Injection, Limits, Site, State};
use crate::engine::{Change, Event, Input, World};
use crate::model::SimTime;
use crate::oracle::{Memory, Picture, Step, Watcher, judge};
use crate::script::{Line, Script, Statement};
use crate::sim::Lab;
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What is wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Complaint {
    /// The caller's own oracle says so.
    Broken(String),
    /// The orchestration panicked.
    Panicked(String),
    /// It did not end within its calls or its time.
    Endless,
    /// An invariant of Hyper-V Replica did not hold: an error of the simulator.
    Violated(String),
    /// After everything was healed and time had passed, an invariant did not hold.
    Unsettled(String),
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(says) | Self::Violated(says) => f.write_str(says),
            Self::Panicked(says) => write!(f, "it panicked: {says}"),
            Self::Endless => f.write_str("it does not end"),
            Self::Unsettled(says) => write!(f, "after everything was healed: {says}"),
        }
    }
}

/// A run that has ended, one way or the other.
pub(super) struct Run {
    pub(super) state: State,
    /// What is wrong, and the script that shows it.
    pub(super) wrong: Option<(Complaint, Script)>,
}

impl Sweep {
    /// Runs the orchestration once on a world of its own.
    pub(super) fn once<R>(
        &self,
        injections: Vec<Injection>,
        orchestrate: &(impl Fn(&Site) -> R + Sync),
        oracle: &(impl Fn(&Lab, &R) -> Result<(), String> + Sync),
    ) -> Run {
        let lab = self.lab.fork();
        let limits = Limits { contacts: self.calls, time: self.time, outage: self.outage };
        let course = Course::new(lab.clone(), limits, injections);
        let site = Site::new(Arc::clone(&course));
        let ended = catch_unwind(AssertUnwindSafe(|| orchestrate(&site)));
        drop(site);
        course.note([]);
        let told = match ended {
            Ok(result) => oracle(&lab, &result).map_err(Complaint::Broken),
            Err(cause) if cause.is::<Endless>() => Err(Complaint::Endless),
            Err(cause) => Err(Complaint::Panicked(message(&*cause))),
        };
        let mut state = std::mem::take(&mut *course.lock());
        let world = self.lab.world();
        // An invariant is the world's own, so that it comes first; its script ends where it broke.
        let wrong = match invariants(&world, &state.log) {
            Err((length, says)) => {
                state.log.truncate(length);
                Err(Complaint::Violated(says))
            }
            Ok(()) => told.and_then(|()| {
                let settled = settles(lab.world(), &state.ends, self.settle);
                settled.map_err(Complaint::Unsettled)
            }),
        };
        let wrong = wrong.err().map(|complaint| {
            let script = self.script(&state, &complaint);
            (complaint, script)
        });
        Run { state, wrong }
    }

    /// What was done, as a script from the beginning of the preparation on.
    fn script(&self, state: &State, complaint: &Complaint) -> Script {
        let mut lines = self.preparation.lines.clone();
        let mut runner = self.runner.clone();
        lines.extend(merged(&state.log).into_iter().map(|entry| match entry {
            Entry::Input(input) | Entry::Unreached(input) => runner.record(&input),
            Entry::Fault(fault) => {
                runner.arm(fault.clone());
                Statement::Fault(fault).into()
            }
            Entry::Comment(says) => Line::comment(&format!(" {says}")),
        }));
        lines.push(Line::comment(&format!(" Found: {complaint}.")));
        Script { lines }
    }
}

/// What a panic says.
fn message(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().copied();
    let text = text.or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it does not say why").to_owned()
}

/// Time that passes in several pieces is one piece, unless something is between: how time is cut
/// makes no difference.
fn merged(log: &[Entry]) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::new();
    for entry in log {
        match (merged.last_mut(), entry) {
            (_, Entry::Input(Input::Advance(by))) if by.is_zero() => {}
            (Some(Entry::Input(Input::Advance(all))), Entry::Input(Input::Advance(by))) => {
                *all += *by;
            }
            _ => merged.push(entry.clone()),
        }
    }
    merged
}

/// Judges each step of a run by the invariants of Hyper-V Replica.
///
/// # Errors
/// What does not hold, and after how many entries.
fn invariants(world: &World, log: &[Entry]) -> Result<(), (usize, String)> {
    let mut world = world.clone();
    let mut watcher = Watcher::new(&world);
    let mut events = Vec::new();
    for (number, entry) in (1..).zip(log) {
        let Entry::Input(input) = entry else { continue };
        events.clear();
        let judged = watcher.apply(&mut world, input, &mut events);
        judged.map_err(|violation| (number, violation.to_string()))?;
    }
    Ok(())
}

/// Ends what still goes on, lets time pass, and judges what is there then.
///
/// # Errors
/// What does not hold.
fn settles(
    mut world: World,
    ends: &[(SimTime, Vec<Input>)],
    settle: std::time::Duration,
) -> Result<(), String> {
    let mut events: Vec<Event> = Vec::new();
    for input in ends.iter().flat_map(|(_, inputs)| inputs) {
        let _repaired = world.apply(input, &mut events);
    }
    let healed = world.now();
    let reply = world.apply(&Input::Advance(settle), &mut events);
    let state = |it: &&Event| matches!(it.change, Change::State { .. });
    let stirred = events.iter().rev().find(state).map_or(healed, |it| it.at.max(healed));
    let memory = Memory { stirred, ..Memory::default() };
    let picture = Picture::of(&world);
    let input = Input::Advance(std::time::Duration::ZERO);
    let (before, after) = (&picture, &picture);
    let step = Step { input: &input, reply: &reply, events: &[], before, after, changed: false };
    judge(&step, &memory).map_err(|violation| violation.to_string())
}
