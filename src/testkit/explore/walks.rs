//! Depth first, and in many random orders at once: for what is too large to be searched whole.

use super::space::Space;
use super::step::{Edge, Stepper};
use super::way::Way;
use super::{Bound, Explorer, Progress, Report};
use crate::engine::Digest;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// How deep a search goes that has no bound of its own.
pub(super) const DEEP: u32 = 1000;

/// Where a world on the way down leads that is left to be looked into.
type Leads = Vec<(Digest, u16)>;

/// Depth first, in the order of the menu.
pub(super) fn search(explorer: &Explorer, progress: &mut dyn FnMut(&Progress)) -> Report {
    let mut walker = Walker::new(explorer, None);
    walker.walk(explorer.states, explorer.memory_bytes, progress);
    walker.finish().report
}

/// Several searches in random orders; each seed has its share of the states, and of the memory, of
/// which putting together what they met takes one, too.
pub(super) fn swarm(
    explorer: &Explorer,
    seeds: &[u64],
    progress: &mut dyn FnMut(&Progress),
) -> Report {
    let share = (explorer.states / seeds.len().max(1)).max(1);
    let share_bytes = explorer.memory_bytes / (seeds.len() + 1);
    let (turn, all_states, all_steps, all_bytes) =
        (AtomicUsize::new(0), AtomicUsize::new(0), AtomicU64::new(0), AtomicUsize::new(0));
    let work = |progress: &mut dyn FnMut(&Progress)| {
        let mut done = Vec::new();
        loop {
            let number = turn.fetch_add(1, Ordering::Relaxed);
            let Some(seed) = seeds.get(number) else { return done };
            let mut walker = Walker::new(explorer, Some(*seed));
            let (mut states, mut steps, mut bytes) = (0, 0, 0);
            // What is told is of all walks, whoever goes them.
            walker.walk(share, share_bytes, &mut |it| {
                let more = it.states - std::mem::replace(&mut states, it.states);
                let all = all_states.fetch_add(more, Ordering::Relaxed) + more;
                let more = it.steps - std::mem::replace(&mut steps, it.steps);
                let tried = all_steps.fetch_add(more, Ordering::Relaxed) + more;
                let more = it.bytes - std::mem::replace(&mut bytes, it.bytes);
                let taken = all_bytes.fetch_add(more, Ordering::Relaxed) + more;
                progress(&Progress { states: all, steps: tried, bytes: taken, ..*it });
            });
            done.push((number, walker.finish()));
        }
    };
    let threads = explorer.threads.clamp(1, seeds.len().max(1));
    let mut walked = std::thread::scope(|scope| {
        let others: Vec<_> =
            (1..threads).map(|_| scope.spawn(|| work(&mut |_: &Progress| {}))).collect();
        let mut all = work(progress);
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        all
    });
    walked.sort_by_key(|(number, _)| *number);
    let all = walked.into_iter().map(|(_, walked)| walked).reduce(Walked::and);
    all.map_or_else(|| Report::new(explorer), |all| all.report)
}

/// What came of a walk.
struct Walked {
    report: Report,
    space: Space,
    /// How deep each state of the space is, by its number.
    depths: Vec<u32>,
}

impl Walked {
    /// What came of two walks; a state that both met is one.
    fn and(mut self, other: Self) -> Self {
        let Self { report, space, depths } = &mut self;
        report.merge(other.report);
        for (digest, depth) in other.space.digests().zip(other.depths) {
            if space.insert(digest, 0, 0).is_some() {
                depths.push(depth);
                report.count_at(depth);
            }
        }
        report.states = space.len();
        self
    }
}

/// Goes down from the beginning as far as it may, back, and down again.
struct Walker<'a> {
    explorer: &'a Explorer,
    stepper: Stepper<'a>,
    space: Space,
    /// How deep each state was met, by its number: one that is met again nearer to the beginning
    /// leads further.
    depths: Vec<u32>,
    way: Way,
    /// Where each world on the way leads.
    frames: Vec<Leads>,
    path: Vec<u16>,
    /// What the worlds on the longest way take, in bytes, and how many they are.
    worlds_bytes: usize,
    longest: usize,
    /// What the leads of all frames take, in bytes.
    leads_bytes: usize,
    /// What entering one more world takes, at most.
    world_bytes: usize,
    /// In which order things are tried: that of the menu, or a random one.
    draws: Option<Draws>,
    report: Report,
}

impl<'a> Walker<'a> {
    fn new(explorer: &'a Explorer, seed: Option<u64>) -> Self {
        let mut stepper = Stepper::new(explorer);
        let (kept, digest) = stepper.first();
        let mut walker = Self {
            explorer,
            stepper,
            space: Space::new(digest),
            depths: vec![0],
            way: Way::new(kept),
            frames: Vec::new(),
            path: Vec::new(),
            worlds_bytes: 0,
            longest: 0,
            leads_bytes: 0,
            world_bytes: 0,
            draws: seed.map(Draws::new),
            report: Report::new(explorer),
        };
        walker.report.seeds.extend(seed);
        walker.report.judge_beginning(&walker.way.here().world);
        walker.enter();
        walker
    }

    /// How many bytes it takes.
    fn bytes(&self) -> usize {
        self.space.bytes()
            + self.depths.capacity() * size_of::<u32>()
            + self.worlds_bytes
            + self.leads_bytes
    }

    fn walk(&mut self, states: usize, bytes: usize, progress: &mut dyn FnMut(&Progress)) {
        if self.report.is_done() {
            self.report.bound = Some(Bound::Goal);
            return;
        }
        let deepest = self.explorer.depth.unwrap_or(DEEP) as usize;
        while let Some(frame) = self.frames.last_mut() {
            let Some((digest, action)) = frame.pop() else {
                self.leads_bytes -= frame.capacity() * size_of::<(Digest, u16)>();
                self.frames.pop();
                self.path.pop();
                continue;
            };
            let depth = self.path.len() + 1;
            if !self.leads_on(digest, depth) {
                continue;
            }
            if self.space.len() >= states {
                self.report.bound = Some(Bound::States);
                return;
            }
            let next = self.space.bytes_of_next() + self.world_bytes;
            if self.bytes() + next > bytes {
                self.report.bound = Some(Bound::Memory);
                return;
            }
            if depth >= deepest {
                self.report.bound = Some(Bound::Depth);
                continue;
            }
            self.way.go_back(self.path.len());
            self.way.go_on(action, &mut self.stepper);
            self.path.push(action);
            self.enter();
            if self.report.is_done() {
                self.report.bound = Some(Bound::Goal);
                return;
            }
            progress(&Progress {
                states: self.space.len(),
                frontier: self.frames.len(),
                depth: u32::try_from(depth).unwrap_or(u32::MAX),
                steps: self.stepper.tally.steps,
                bytes: self.report.bytes,
            });
        }
    }

    /// Whether a state is new, or was met only further from the beginning.
    fn leads_on(&mut self, digest: Digest, depth: usize) -> bool {
        let depth = u32::try_from(depth).unwrap_or(u32::MAX);
        if self.space.insert(digest, 0, 0).is_some() {
            self.depths.push(depth);
            self.report.count_at(depth);
            return true;
        }
        let known = self.space.find(digest).and_then(|id| self.depths.get_mut(id as usize));
        let nearer = known.filter(|it| **it > depth && self.explorer.depth.is_some());
        nearer.map(|it| *it = depth).is_some()
    }

    /// Tries everything in the world it came into, and notes what of it leads on.
    fn enter(&mut self) {
        let Self { stepper, report, path, way, .. } = self;
        let (mut leads, mut broken): (Leads, _) = (Vec::new(), None);
        let reached = &mut report.reached;
        stepper.expand(
            way.here(),
            |action, it| {
                reached.entry(it).or_insert_with(|| [&path[..], &[action]].concat());
            },
            |action, edge| match edge {
                Edge::Refused => {}
                Edge::Leads(digest) => leads.push((digest, action)),
                Edge::Breaks(failure) => _ = broken.get_or_insert((action, failure)),
            },
        );
        if let Some((action, failure)) = broken {
            report.broken.get_or_insert(([&path[..], &[action]].concat(), failure));
        }
        if self.frames.len() >= self.longest {
            self.longest = self.frames.len() + 1;
            let bytes = way.here().bytes();
            self.worlds_bytes += bytes;
            // It may be larger than the largest so far, and everything on the menu may lead on.
            let leads = 2 * self.explorer.menu.inputs.len() * size_of::<(Digest, u16)>();
            self.world_bytes = self.world_bytes.max(2 * bytes + leads);
        }
        match &mut self.draws {
            Some(draws) => draws.put_in_order(&mut leads),
            None => leads.reverse(), // The first of the menu is taken first.
        }
        self.leads_bytes += leads.capacity() * size_of::<(Digest, u16)>();
        self.frames.push(leads);
        self.report.bytes = self.report.bytes.max(self.bytes());
    }

    fn finish(mut self) -> Walked {
        self.report.states = self.space.len();
        self.report.add(self.stepper.tally);
        if let Some(first) = self.report.levels.first_mut() {
            *first = 1;
        }
        Walked { report: self.report, space: self.space, depths: self.depths }
    }
}

/// Draws orders. Each seed likes some inputs more than others, so that walks differ in kind: one
/// that rarely lets a host crash gets further in what needs both.
struct Draws {
    random: Xoshiro256PlusPlus,
    likes: u64,
}

impl Draws {
    fn new(seed: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let likes = random.next_u64();
        Self { random, likes }
    }

    /// The last is taken first.
    fn put_in_order(&mut self, leads: &mut [(Digest, u16)]) {
        leads.sort_by_cached_key(|(_, action)| {
            let liked = self.likes.rotate_right(u32::from(*action)) & 3;
            self.random.next_u64() >> (3 - liked) // Larger numbers are drawn for what it likes.
        });
    }
}
