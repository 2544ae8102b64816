//! Breadth first: what is found first is reached by a shortest script.
//!
//! States are numbered in the order in which they are met, so those that wait are the last ones, and
//! their order is that of their depths. Threads take a few at a time, whichever is free. What a
//! thread found is put in order as if one had looked into one state after the other: before its turn
//! it waits. So there is nothing that threads wait for together, not even the end of a level, and
//! the result does not depend on how many there are.

use super::space::{Space, StateId};
use super::step::{Edge, Stepper, Tally};
use super::way::Way;
use super::{Bound, Explorer, Progress, Reached, Report};
use crate::engine::Digest;
use crate::testkit::counterexample::Failure;
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// How many states a thread takes at once: few, so that no other waits long for their findings.
const TURN: usize = 1 << 4;

pub(super) fn search(explorer: &Explorer, progress: &mut dyn FnMut(&Progress)) -> Report {
    let search = Search::new(explorer);
    std::thread::scope(|scope| {
        let work = || search.work(&mut |_| {});
        let others: Vec<_> = (1..explorer.threads).map(|_| scope.spawn(work)).collect();
        search.work(progress);
        for other in others {
            if let Err(panic) = other.join() {
                std::panic::resume_unwind(panic);
            }
        }
    });
    search.end()
}

/// What threads share.
struct Search<'a> {
    explorer: &'a Explorer,
    course: Mutex<Course<'a>>,
    /// Told when there may be something to do again, or never will.
    news: Condvar,
}

/// How far a search is.
struct Course<'a> {
    explorer: &'a Explorer,
    space: Space,
    report: Report,
    /// The next state that is to be looked into.
    next: StateId,
    /// The next state whose findings are to be put in order.
    turn: StateId,
    /// What was found before its turn.
    early: BTreeMap<StateId, Found>,
    /// How many steps from the beginning the state is whose turn it is.
    depth: u32,
    /// The first state that is a step further.
    deeper: StateId,
    /// The largest world that was looked at for its size, in bytes.
    world_bytes: usize,
    over: bool,
}

/// What came of a state.
#[derive(Debug, Default)]
struct Found {
    /// States that this thread has not met before, each with its input.
    leads: Vec<(Digest, u16)>,
    first: Vec<(Reached, u16)>,
    broken: Option<(u16, Failure)>,
    tally: Tally,
    /// How many bytes its world takes, where that was looked at.
    bytes: usize,
}

/// A state that a thread looks into, with the way to it.
type Task = (StateId, Vec<(StateId, u16)>);

impl<'a> Search<'a> {
    fn new(explorer: &'a Explorer) -> Self {
        let course = Mutex::new(Course::new(explorer));
        Self { explorer, course, news: Condvar::new() }
    }

    fn course(&self) -> MutexGuard<'_, Course<'a>> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end(self) -> Report {
        let course = self.course.into_inner().unwrap_or_else(PoisonError::into_inner);
        course.end()
    }

    /// What a thread does until the search is over.
    fn work(&self, progress: &mut dyn FnMut(&Progress)) {
        let _leaves = Leaves(self);
        let mut worker = Worker::new(self.explorer);
        let mut done = Vec::new();
        while let Some(tasks) = self.hand_in(&mut done, progress) {
            for (id, way) in tasks {
                done.push((id, worker.look_into(id, &way)));
            }
        }
    }

    /// Hands in what was found, and takes what is to be done next; `None` if that is nothing.
    fn hand_in(
        &self,
        done: &mut Vec<(StateId, Found)>,
        progress: &mut dyn FnMut(&Progress),
    ) -> Option<Vec<Task>> {
        let mut course = self.course();
        if !done.is_empty() {
            course.early.extend(done.drain(..));
            course.settle();
            self.news.notify_all();
            let told = course.progress();
            drop(course);
            progress(&told);
            course = self.course();
        }
        loop {
            let tasks = course.take();
            if !tasks.is_empty() {
                return Some(tasks);
            }
            if course.over {
                self.news.notify_all();
                return None;
            }
            course = self.news.wait(course).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Nobody waits for what a thread that panicked would have found.
struct Leaves<'a, 'b>(&'b Search<'a>);

impl Drop for Leaves<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.course().over = true;
            self.0.news.notify_all();
        }
    }
}

impl<'a> Course<'a> {
    fn new(explorer: &'a Explorer) -> Self {
        let mut stepper = Stepper::new(explorer);
        let (kept, digest) = stepper.first();
        let mut report = Report::new(explorer);
        report.levels.push(1);
        report.judge_beginning(&kept.world);
        let over = report.is_done();
        if over {
            report.bound = Some(Bound::Goal);
        }
        Self {
            explorer,
            space: Space::new(digest),
            over,
            report,
            next: 0,
            turn: 0,
            early: BTreeMap::new(),
            depth: 0,
            deeper: 1,
            world_bytes: kept.bytes(),
        }
    }

    fn end(mut self) -> Report {
        self.report.states = self.space.len();
        self.report.bytes = self.bytes();
        self.report
    }

    fn known(&self) -> StateId {
        StateId::try_from(self.space.len()).unwrap_or(StateId::MAX)
    }

    /// What it takes: its states, and the worlds on the way of a thread.
    fn bytes(&self) -> usize {
        self.space.bytes() + (self.depth as usize + 2) * self.world_bytes
    }

    fn progress(&self) -> Progress {
        Progress {
            states: self.space.len(),
            frontier: self.space.len() - self.turn as usize,
            depth: self.depth,
            steps: self.report.steps,
            bytes: self.bytes(),
        }
    }

    /// Some of those that wait; if there are none, and none will come, it is over.
    fn take(&mut self) -> Vec<Task> {
        let waiting = (self.known() - self.next) as usize;
        let share = waiting.div_ceil(2 * self.explorer.threads.max(1));
        let mut tasks = Vec::new();
        while !self.over && tasks.len() < share.min(TURN) {
            let way = self.space.way(self.next);
            if self.explorer.depth.is_some_and(|most| way.len() >= most as usize) {
                break;
            }
            tasks.push((self.next, way));
            self.next += 1;
        }
        if tasks.is_empty() && self.next == self.turn && !self.over {
            self.over = true;
            if self.turn < self.known() {
                self.report.bound = Some(Bound::Depth);
            }
        }
        tasks
    }

    /// Puts in order what was found in every state whose turn has come.
    fn settle(&mut self) {
        while !self.over
            && let Some(found) = self.early.remove(&self.turn)
        {
            self.put_in_order(self.turn, found);
            self.turn += 1;
            if self.turn == self.deeper {
                (self.depth, self.deeper) = (self.depth + 1, self.known());
            }
        }
    }

    /// Adds what was found in a state to what was found in those before it.
    fn put_in_order(&mut self, id: StateId, found: Found) {
        self.report.add(found.tally);
        self.world_bytes = self.world_bytes.max(found.bytes);
        for (reached, action) in found.first {
            let path = || path(&self.space, id, action);
            self.report.reached.entry(reached).or_insert_with(path);
        }
        for (digest, action) in found.leads {
            if self.report.bound.is_some() {
                break;
            }
            if self.space.find(digest).is_some() {
                continue;
            }
            if self.bytes() + self.space.bytes_of_next() > self.explorer.memory_bytes {
                self.report.bound = Some(Bound::Memory);
            } else if self.space.insert(digest, id, action).is_some() {
                self.report.count_at(self.depth + 1);
                if self.space.len() >= self.explorer.states {
                    self.report.bound = Some(Bound::States);
                }
            }
        }
        if let Some((action, failure)) = found.broken
            && self.report.broken.is_none()
        {
            self.report.broken = Some((path(&self.space, id, action), failure));
        }
        if self.report.is_done() {
            self.report.bound = Some(Bound::Goal);
        }
        self.over = self.report.bound.is_some();
    }
}

fn path(space: &Space, id: StateId, action: u16) -> Vec<u16> {
    let mut path = space.path(id);
    path.push(action);
    path
}

/// What a thread has for itself.
struct Worker<'a> {
    stepper: Stepper<'a>,
    way: Way,
    /// The states on the way, but for the beginning.
    ids: Vec<StateId>,
    /// States that were met of late, by a part of their digests. What this thread has handed in it
    /// need not hand in again: states come to it in order, so the first time was the earlier one.
    met: Vec<Digest>,
}

impl<'a> Worker<'a> {
    /// How many states it remembers to have met.
    const MET: usize = 1 << 14;

    fn new(explorer: &'a Explorer) -> Self {
        let mut stepper = Stepper::new(explorer);
        let (kept, digest) = stepper.first();
        Self { stepper, way: Way::new(kept), ids: Vec::new(), met: vec![digest; Self::MET] }
    }

    fn look_into(&mut self, id: StateId, way: &[(StateId, u16)]) -> Found {
        let shared = self.ids.iter().zip(way).take_while(|(known, (id, _))| *known == id).count();
        self.ids.truncate(shared);
        self.way.go_back(shared);
        for (id, action) in &way[shared..] {
            self.way.go_on(*action, &mut self.stepper);
            self.ids.push(*id);
        }
        let kept = self.way.here();
        // Now and then, and whoever does it, of the same worlds.
        let bytes = if id.is_multiple_of(1 << 10) { kept.bytes() } else { 0 };
        let (mut first, mut leads, mut broken) = (Vec::new(), Vec::new(), None);
        let met = &mut self.met;
        self.stepper.expand(
            kept,
            |action, reached| first.push((reached, action)),
            |action, edge| match edge {
                Edge::Refused => {}
                Edge::Leads(digest) => {
                    let slot = &mut met[slot(digest)];
                    if *slot != digest {
                        *slot = digest;
                        leads.push((digest, action));
                    }
                }
                Edge::Breaks(failure) => _ = broken.get_or_insert((action, failure)),
            },
        );
        Found { leads, first, broken, tally: std::mem::take(&mut self.stepper.tally), bytes }
    }
}

/// Where a digest is remembered.
#[allow(clippy::cast_possible_truncation)] // Any part of a digest is as good as another.
fn slot(digest: Digest) -> usize {
    (digest.0 >> 64) as usize % Worker::MET
}
