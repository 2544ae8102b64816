//! Breadth first, level by level: what is found first is reached by a shortest script.

use super::space::{Space, StateId};
use super::step::{Edge, Kept, Stepper, Tally};
use super::{Bound, Explorer, Progress, Reached, Report};
use crate::engine::Digest;
use crate::oracle::Violation;
use std::sync::{Arc, Mutex, PoisonError};

/// A state that is to be looked into: how its world is made from its parent's, which is kept for
/// as long as one of its children waits.
#[derive(Debug)]
struct Waiting {
    id: StateId,
    parent: Arc<Kept>,
    /// The input; `None` for the beginning, which is kept itself.
    action: Option<u16>,
}

/// How many states are looked into before what they lead to is put in order. Whatever the number
/// of threads is, so a search ends at the same state.
const BATCH: usize = 1 << 13;

/// How many of them a thread takes at once: few, so that no thread waits long for the last.
const CHUNK: usize = 1 << 4;

/// What came of a chunk.
#[derive(Debug, Default)]
struct Found {
    /// States that were not met before the batch, in order, each with its parent, by number and
    /// as it is kept, and its input.
    leads: Vec<(Digest, StateId, Arc<Kept>, u16)>,
    first: Vec<(Reached, StateId, u16)>,
    broken: Option<(StateId, u16, Box<Violation>)>,
    tally: Tally,
}

pub(super) fn search(explorer: &Explorer, progress: &mut dyn FnMut(&Progress)) -> Report {
    let (kept, digest) = Stepper::new(explorer).first();
    let mut space = Space::new(digest);
    let mut report = Report::new(explorer);
    let mut level = vec![Waiting { id: 0, parent: Arc::new(kept), action: None }];
    let mut depth = 0;
    while !level.is_empty() {
        report.levels.push(level.len());
        if explorer.depth.is_some_and(|most| depth >= most) {
            report.bound = Some(Bound::Depth);
            break;
        }
        depth += 1;
        let mut next = Vec::new();
        let mut rest = level.into_iter();
        while rest.len() > 0 {
            let batch = rest.by_ref().take(BATCH);
            look_into(explorer, batch, &mut space, &mut next, &mut report);
            progress(&Progress {
                states: space.len(),
                frontier: next.len(),
                depth,
                steps: report.steps,
            });
            if report.broken.is_some() || report.has_all(&explorer.goals) {
                report.bound = Some(Bound::Goal);
            }
            if report.bound.is_some() {
                break;
            }
        }
        level = next;
        if report.bound.is_some() {
            if !level.is_empty() {
                report.levels.push(level.len());
            }
            break;
        }
    }
    report.states = space.len();
    report
}

/// Looks into a batch of states and puts what was found in order, as one thread would have found
/// it. The threads take turns at chunks, and let go of worlds themselves: that costs as much as a
/// step does.
fn look_into(
    explorer: &Explorer,
    batch: impl ExactSizeIterator<Item = Waiting> + Send,
    space: &mut Space,
    next: &mut Vec<Waiting>,
    report: &mut Report,
) {
    let threads = explorer.threads.clamp(1, batch.len().div_ceil(CHUNK).max(1));
    let batch = Mutex::new(batch);
    let take = || -> Vec<Waiting> {
        let mut batch = batch.lock().unwrap_or_else(PoisonError::into_inner);
        batch.by_ref().take(CHUNK).collect()
    };
    let work = || {
        let mut stepper = Stepper::new(explorer);
        stepper.knows(report.reached.keys().copied());
        let mut done = Vec::new();
        loop {
            let chunk = take();
            let Some(first) = chunk.first().map(|it| it.id) else { return done };
            done.push((first, look_into_chunk(&mut stepper, chunk, space)));
        }
    };
    let mut found: Vec<(StateId, Found)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut all = work();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    found.sort_by_key(|(first, _)| *first);
    for (_, found) in found {
        put_in_order(found, explorer.states, space, next, report);
    }
}

/// Adds what came of a chunk to what came of those before it.
fn put_in_order(
    found: Found,
    states: usize,
    space: &mut Space,
    next: &mut Vec<Waiting>,
    report: &mut Report,
) {
    report.add(found.tally);
    for (reached, from, action) in found.first {
        report.reached.entry(reached).or_insert_with(|| path(space, from, action));
    }
    for (digest, from, parent, action) in found.leads {
        if report.bound.is_some() {
            break;
        }
        if let Some(id) = space.insert(digest, from, action) {
            next.push(Waiting { id, parent, action: Some(action) });
            if space.len() >= states {
                report.bound = Some(Bound::States);
            }
        }
    }
    if let Some((from, action, violation)) = found.broken
        && report.broken.is_none()
    {
        report.broken = Some((path(space, from, action), violation));
    }
}

fn look_into_chunk(stepper: &mut Stepper<'_>, chunk: Vec<Waiting>, space: &Space) -> Found {
    let mut found = Found::default();
    for Waiting { id, parent, action } in chunk {
        let kept = match action {
            None => parent,
            Some(action) => Arc::new(stepper.follow(&parent, action)),
        };
        let Found { leads, first, broken, .. } = &mut found;
        stepper.expand(
            &kept,
            |action, reached| first.push((reached, id, action)),
            |action, edge| {
                match edge {
                    Edge::Leads(digest) if space.find(digest).is_none() => {
                        leads.push((digest, id, Arc::clone(&kept), action));
                    }
                    Edge::Leads(_) | Edge::Refused => {}
                    Edge::Breaks(violation) => {
                        broken.get_or_insert((id, action, violation));
                    }
                }
                true
            },
        );
    }
    found.tally = std::mem::take(&mut stepper.tally);
    found
}

fn path(space: &Space, id: StateId, action: u16) -> Vec<u16> {
    let mut path = space.path(id);
    path.push(action);
    path
}
