//! Breadth first, level by level: what is found first is reached by a shortest script.

use super::space::{Space, StateId};
use super::step::{Edge, Kept, Stepper, Tally};
use super::{Bound, Explorer, Progress, Reached, Report};
use crate::engine::Digest;
use crate::oracle::Violation;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A state that is to be looked into: how its world is made from its parent's, which is kept for
/// as long as one of its children waits.
#[derive(Clone, Debug)]
struct Waiting {
    id: StateId,
    parent: Arc<Kept>,
    /// The input; `None` for the beginning, which is kept itself.
    action: Option<u16>,
}

/// How many states are looked into before what they lead to is put in order. Whatever the number
/// of threads is, so a search ends at the same state.
const BATCH: usize = 1 << 13;

/// How many of them a thread takes at once.
const CHUNK: usize = 1 << 6;

/// What came of a chunk.
#[derive(Debug, Default)]
struct Found {
    /// States that were not met before the batch, in order, each with the place of its parent in
    /// the batch and its input.
    leads: Vec<(Digest, usize, u16)>,
    /// The worlds of those that lead anywhere.
    kept: BTreeMap<usize, Arc<Kept>>,
    first: Vec<(Reached, usize, u16)>,
    broken: Option<(usize, u16, Box<Violation>)>,
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
        for batch in level.chunks(BATCH) {
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
/// it.
fn look_into(
    explorer: &Explorer,
    batch: &[Waiting],
    space: &mut Space,
    next: &mut Vec<Waiting>,
    report: &mut Report,
) {
    let chunks: Vec<&[Waiting]> = batch.chunks(CHUNK).collect();
    let turn = AtomicUsize::new(0);
    let work = || {
        let mut stepper = Stepper::new(explorer);
        stepper.knows(report.reached.keys().copied());
        let mut done = Vec::new();
        loop {
            let number = turn.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(number) else { return done };
            done.push((number, look_into_chunk(&mut stepper, chunk, number * CHUNK, space)));
        }
    };
    let threads = explorer.threads.clamp(1, chunks.len().max(1));
    let mut found: Vec<(usize, Found)> = if threads == 1 {
        work()
    } else {
        std::thread::scope(|scope| {
            let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
            let mut all = work();
            for other in others {
                match other.join() {
                    Ok(done) => all.extend(done),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            all
        })
    };
    found.sort_by_key(|(number, _)| *number);
    for (_, found) in found {
        report.add(found.tally);
        for (reached, place, action) in found.first {
            let path = || path(space, batch[place].id, action);
            report.reached.entry(reached).or_insert_with(path);
        }
        for (digest, place, action) in found.leads {
            if report.bound.is_some() {
                break;
            }
            if let Some(id) = space.insert(digest, batch[place].id, action) {
                let parent = Arc::clone(&found.kept[&place]);
                next.push(Waiting { id, parent, action: Some(action) });
                if space.len() >= explorer.states {
                    report.bound = Some(Bound::States);
                }
            }
        }
        if let Some((place, action, violation)) = found.broken
            && report.broken.is_none()
        {
            report.broken = Some((path(space, batch[place].id, action), violation));
        }
    }
}

fn look_into_chunk(
    stepper: &mut Stepper<'_>,
    chunk: &[Waiting],
    before: usize,
    space: &Space,
) -> Found {
    let mut found = Found::default();
    for (place, waiting) in (before..).zip(chunk) {
        let kept = match waiting.action {
            None => Arc::clone(&waiting.parent),
            Some(action) => Arc::new(stepper.follow(&waiting.parent, action)),
        };
        let Found { leads, first, broken, .. } = &mut found;
        let met = leads.len();
        stepper.expand(
            &kept,
            |action, reached| first.push((reached, place, action)),
            |action, edge| {
                match edge {
                    Edge::Leads(digest) if space.find(digest).is_none() => {
                        leads.push((digest, place, action));
                    }
                    Edge::Leads(_) | Edge::Refused => {}
                    Edge::Breaks(violation) => {
                        broken.get_or_insert((place, action, violation));
                    }
                }
                true
            },
        );
        if found.leads.len() > met {
            found.kept.insert(place, kept);
        }
    }
    found.tally = std::mem::take(&mut stepper.tally);
    found
}

fn path(space: &Space, id: StateId, action: u16) -> Vec<u16> {
    let mut path = space.path(id);
    path.push(action);
    path
}
