//! One world and everything that may happen in it next.

use super::{Explorer, Move, Reached, Unmet};
use crate::engine::{Canon, Change, Digest, Event, Input, Reply, World};
use crate::model::RelationshipId;
use crate::oracle::{Coverage, Goal, Watcher};
use crate::rules::Side;
use crate::testkit::counterexample::Failure;
use std::hash::{Hash, Hasher};

/// A world that is looked into, with who watches it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) world: World,
    pub(super) watcher: Option<Watcher>,
}

impl Kept {
    /// Makes it equal to another by copying only what differs.
    fn restore(&mut self, from: &Self) {
        self.world.restore(&from.world);
        if let (Some(it), Some(from)) = (&mut self.watcher, &from.watcher) {
            it.restore(from);
        }
    }

    /// About how many bytes it takes: as much as it hashes, which is all it contains. What holds that
    /// together is as much again, and what it shares with the world that it was made from about half.
    ///
    /// Who watches has three looks of it: before and after a step, each in more words than a world
    /// has for it, and as it was.
    pub(super) fn bytes(&self) -> usize {
        let mut content = Content(0);
        self.world.hash(&mut content);
        content.0 * if self.watcher.is_some() { 4 } else { 1 }
    }
}

/// Counts the bytes that are hashed.
struct Content(usize);

impl Hasher for Content {
    fn write(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }

    fn finish(&self) -> u64 {
        self.0 as u64
    }
}

/// What one input did.
#[derive(Debug)]
pub(super) enum Edge {
    /// Nothing: it was refused.
    Refused,
    /// The world came into this state.
    Leads(Digest),
    /// An invariant or the property does not hold any more.
    Breaks(Failure),
}

/// How much was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Inputs that were tried.
    pub(super) steps: u64,
    /// Those of them that were refused.
    pub(super) refused: u64,
    /// Those of them that broke something.
    pub(super) breaks: u64,
}

/// Takes steps, and notes what they reach for the first time.
#[derive(Debug)]
pub(super) struct Stepper<'a> {
    explorer: &'a Explorer,
    canon: Canon,
    events: Vec<Event>,
    more: Vec<Input>,
    known: Known,
    /// What is tried in, and made again what it was.
    trial: Option<Kept>,
    pub(super) tally: Tally,
}

impl<'a> Stepper<'a> {
    pub(super) fn new(explorer: &'a Explorer) -> Self {
        Self {
            explorer,
            canon: Canon::new(explorer.clock()),
            events: Vec::new(),
            more: Vec::new(),
            known: Known::default(),
            trial: None,
            tally: Tally::default(),
        }
    }

    /// The beginning, which shares nothing with that of another thread, and its digest: where
    /// threads count the sharers of the same thing, they wait for each other.
    pub(super) fn first(&mut self) -> (Kept, Digest) {
        let world = self.explorer.beginning.world().apart();
        let digest = self.canon.digest(&world);
        let watcher = self.explorer.observed.then(|| Watcher::new(&world));
        (Kept { world, watcher }, digest)
    }

    /// Makes of any world the one after an input of another's menu, by its number.
    pub(super) fn follow(&mut self, from: &Kept, action: u16, next: &mut Kept) {
        next.restore(from);
        if let Some(input) = self.explorer.input(&from.world, action, &mut self.more) {
            self.events.clear();
            match &mut next.watcher {
                // An invariant that does not hold was reported when this step was first taken.
                Some(watcher) => drop(watcher.apply(&mut next.world, &input, &mut self.events)),
                None => drop(next.world.apply(&input, &mut self.events)),
            }
        }
    }

    /// Tries everything on the menu of a world.
    ///
    /// `each` gets the number of the input and what it did. `first` gets the number of the input
    /// and what it reached for the first time.
    pub(super) fn expand(
        &mut self,
        kept: &Kept,
        mut first: impl FnMut(u16, Reached),
        mut each: impl FnMut(u16, Edge),
    ) {
        let mut more = std::mem::take(&mut self.more);
        self.explorer.menu.more(&kept.world, &mut more);
        let mut trial = self.trial.take().unwrap_or_else(|| kept.clone());
        trial.restore(kept);
        for (action, input) in (0u16..).zip(self.explorer.menu.inputs.iter().chain(&more)) {
            let edge = self.try_one(&mut trial, input, |it| first(action, it));
            if matches!(edge, Edge::Refused) {
                debug_assert!(trial.world == kept.world, "a refusal changes nothing");
            } else {
                trial.restore(kept);
            }
            each(action, edge);
        }
        (self.more, self.trial) = (more, Some(trial));
    }

    /// Tries one input of the menu. A refusal leaves the world as it was, so that the next input
    /// can be tried in it; who watches has made sure of that.
    fn try_one(&mut self, it: &mut Kept, input: &Input, mut first: impl FnMut(Reached)) -> Edge {
        self.tally.steps += 1;
        self.events.clear();
        let Kept { world, watcher } = it;
        let applied = match watcher {
            Some(watcher) => watcher.apply(world, input, &mut self.events),
            None => Ok(world.apply(input, &mut self.events)),
        };
        let reply = match applied {
            Ok(reply) => reply,
            Err(violation) => return self.breaks(Failure::Violation(violation)),
        };
        for answer in answers(input, &reply).into_iter().flatten() {
            if self.known.learn(answer) {
                first(answer);
            }
        }
        if let Some(watcher) = watcher {
            for goal in self.known.goals_beside(watcher.coverage()) {
                first(Reached::Goal(goal));
            }
        }
        if reply.is_refusal() {
            self.tally.refused += 1;
            return Edge::Refused;
        }
        for it in self.events.iter().flat_map(|it| seen(&it.change)).flatten() {
            if self.known.learn(it) {
                first(it);
            }
        }
        let judged = self.explorer.property.as_ref().map_or(Ok(()), |it| it.judge(world));
        match judged {
            Ok(()) => Edge::Leads(self.canon.digest(world)),
            Err(failure) => self.breaks(failure),
        }
    }

    fn breaks(&mut self, failure: Failure) -> Edge {
        self.tally.breaks += 1;
        Edge::Breaks(failure)
    }
}

/// What is known to be reached: by its number what has one, then goals.
#[derive(Debug)]
struct Known {
    numbered: [u64; Reached::NUMBERS.div_ceil(64)],
    goals: Coverage,
    /// How many goals whoever watches had reached when that was last looked at.
    looked_at: usize,
}

impl Default for Known {
    fn default() -> Self {
        Self { numbered: [0; _], goals: Coverage::default(), looked_at: 0 }
    }
}

impl Known {
    /// Adds what was reached; whether it is new.
    fn learn(&mut self, it: Reached) -> bool {
        match (it.index(), it) {
            (Some(index), _) => {
                let (word, bit) = (&mut self.numbered[index / 64], 1 << (index % 64));
                let new = *word & bit == 0;
                *word |= bit;
                new
            }
            (None, Reached::Goal(goal)) => self.goals.reach(goal),
            (None, _) => false,
        }
    }

    /// Adds what whoever watches has reached and was not known; answers are known by themselves.
    fn goals_beside(&mut self, watched: &Coverage) -> Vec<Goal> {
        let reached = watched.reached();
        if reached.len() == std::mem::replace(&mut self.looked_at, reached.len()) {
            return Vec::new();
        }
        let answer = |it: &Goal| matches!(it, Goal::Answered(_) | Goal::Refused(_));
        let new = reached.iter().copied().filter(|it| !answer(it));
        new.filter(|it| self.goals.reach(*it)).collect()
    }
}

fn answers(input: &Input, reply: &Reply) -> [Option<Reached>; 2] {
    let Input::Call { call, .. } = input else { return [None; 2] };
    match reply {
        Reply::Refused(it) => {
            let unmet = Unmet::of(it).map(Reached::Unmet);
            [Some(Reached::Refused(it.operation, it.code)), unmet]
        }
        Reply::NotFound(_) | Reply::Rejected(_) => [None; 2],
        _ => [Some(Reached::Accepted(call.operation())), None],
    }
}

/// What an event says without a look at the world.
fn seen(change: &Change) -> [Option<Reached>; 2] {
    let goals = match change {
        Change::State { id: RelationshipId { leg, .. }, mode, from, to, by, .. } => {
            let side = Side::of(*mode, *leg, *to);
            let moved = Move::of(side, *from, *to, *by).map(Reached::Moved);
            return [Some(Reached::Goal(Goal::State(side, *to))), moved];
        }
        Change::Mode { to, .. } => [Some(Goal::Role(*to)), None],
        Change::Job { job_type, to, .. } => {
            [Some(Goal::JobType(*job_type)), Some(Goal::JobState(*to))]
        }
        Change::PointCreated { kind, .. } => [Some(Goal::Point(*kind)), None],
        _ => [None; 2],
    };
    goals.map(|it| it.map(Reached::Goal))
}

/// Whether only who looks at worlds sees that it is reached.
pub(super) const fn needs_a_look(goal: Goal) -> bool {
    matches!(goal, Goal::Health(..) | Goal::JobFailed(_) | Goal::Failover(_) | Goal::Judged(_))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::beginning::Beginning;
    use crate::testkit::walk::Step;
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{Rng, SeedableRng};

    /// A watcher that saw another world sees a first step that no invariant allows.
    #[test]
    fn a_step_that_breaks_an_invariant_is_told() {
        let explorer = Explorer::new(Beginning::lab(2, 1));
        let mut stepper = Stepper::new(&explorer);
        let (kept, _) = stepper.first();
        let beginning = crate::script::parse(REPLICATES).expect("a script");
        let beginning = Beginning::script(&beginning).expect("a script that runs");
        let other = Watcher::new(&beginning.world());
        let doctored = Kept { watcher: Some(other), ..kept.clone() };
        let mut broken = |kept: &Kept| {
            let mut broken = 0;
            let count = |_, edge| {
                broken += usize::from(matches!(edge, Edge::Breaks(_)));
            };
            stepper.expand(kept, |_, _| {}, count);
            broken
        };
        assert_eq!(broken(&kept), 0);
        assert_ne!(broken(&doctored), 0);
    }

    /// Worlds along a walk.
    fn worlds(mut world: World) -> Vec<World> {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(0);
        let (mut worlds, mut bytes) = (vec![world.clone()], [0; Step::BYTES]);
        for _ in 0..300 {
            random.fill_bytes(&mut bytes);
            if let Some(input) = Step::from_bytes(bytes).resolve(&world) {
                world.apply(&input, &mut Vec::new());
                worlds.push(world.clone());
            }
        }
        worlds
    }

    #[test]
    fn a_world_that_is_gone_back_to_is_what_it_was() {
        for begin in [Beginning::chained(), Beginning::three_hosts(), Beginning::empty()] {
            let worlds = worlds(begin.world());
            for (n, from) in worlds.iter().enumerate() {
                for other in [n + 1, n + 7, worlds.len() - 1 - n] {
                    let Some(mut it) = worlds.get(other).cloned() else { continue };
                    it.restore(from);
                    assert!(it == *from, "{n} from {other}");
                }
            }
        }
    }

    #[test]
    fn a_world_apart_is_equal_and_shares_no_virtual_machine() {
        for world in worlds(Beginning::chained().world()) {
            let apart = world.apart();
            assert!(apart == world);
            for host in world.host_ids() {
                for vm in world.vms(host) {
                    let disks = |world: &World| world.disks(host, vm.id).map(<[_]>::as_ptr);
                    assert_ne!(disks(&world), disks(&apart));
                }
            }
        }
    }

    const REPLICATES: &str = "
        host tokyo
        host osaka
        vm web on tokyo running
        tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
        wait job1
    ";
}
