//! One world and everything that may happen in it next.

use super::{Explorer, Move, Reached, Unmet};
use crate::engine::{Canon, Change, Digest, Event, Input, Reply, World};
use crate::model::RelationshipId;
use crate::oracle::{Coverage, Goal, Violation, Watcher};
use crate::rules::Side;

/// A world that is looked into, with who watches it.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) world: World,
    pub(super) watcher: Option<Watcher>,
}

/// What one input did.
#[derive(Debug)]
pub(super) enum Edge {
    /// Nothing: it was refused.
    Refused,
    /// The world came into this state.
    Leads(Digest),
    /// An invariant does not hold any more.
    Breaks(Box<Violation>),
}

/// How much was tried.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Inputs that were tried.
    pub(super) steps: u64,
    /// Those of them that were refused.
    pub(super) refused: u64,
}

/// Takes steps, and notes what they reach for the first time.
#[derive(Debug)]
pub(super) struct Stepper<'a> {
    explorer: &'a Explorer,
    canon: Canon,
    events: Vec<Event>,
    more: Vec<Input>,
    known: Known,
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
            tally: Tally::default(),
        }
    }

    /// Nothing needs to be noted that is known already.
    pub(super) fn knows(&mut self, reached: impl IntoIterator<Item = Reached>) {
        reached.into_iter().for_each(|it| _ = self.known.learn(it));
    }

    /// The beginning, and its digest.
    pub(super) fn first(&mut self) -> (Kept, Digest) {
        let world = self.explorer.beginning.world();
        let digest = self.canon.digest(&world);
        let watcher = self.explorer.observed.then(|| Watcher::new(&world));
        (Kept { world, watcher }, digest)
    }

    /// The world after an input of its menu, by its number; where it was made once, it is made
    /// again.
    pub(super) fn follow(&mut self, kept: &Kept, action: u16) -> Kept {
        let mut next = kept.clone();
        if let Some(input) = self.explorer.input(&kept.world, action, &mut self.more) {
            self.events.clear();
            match &mut next.watcher {
                Some(watcher) => {
                    // An invariant that does not hold was reported when this step was first taken.
                    let _ = watcher.apply(&mut next.world, &input, &mut self.events);
                    *watcher = watcher.fork();
                }
                None => drop(next.world.apply(&input, &mut self.events)),
            }
        }
        next
    }

    /// Tries everything on the menu of a world.
    ///
    /// `each` gets the number of the input and what it did; it returns whether to go on. `first`
    /// gets the number of the input and what it reached for the first time.
    pub(super) fn expand(
        &mut self,
        kept: &Kept,
        mut first: impl FnMut(u16, Reached),
        mut each: impl FnMut(u16, Edge) -> bool,
    ) {
        let mut more = std::mem::take(&mut self.more);
        self.explorer.menu.more(&kept.world, &mut more);
        // Beside other threads, a copy of its own: else they would wait for each other's counting
        // who shares what.
        let apart = (self.explorer.threads > 1).then(|| kept.world.apart());
        let from = apart.as_ref().unwrap_or(&kept.world);
        let watcher = kept.watcher.as_ref();
        let mut world = from.clone();
        for (action, input) in (0u16..).zip(self.explorer.menu.inputs.iter().chain(&more)) {
            let edge = self.try_one(from, watcher, &mut world, input, |it| first(action, it));
            if !matches!(edge, Edge::Refused) {
                world.restore(from);
            }
            if !each(action, edge) {
                break;
            }
        }
        self.more = more;
    }

    /// Tries one input of the menu. A refusal leaves the world as it was, so that the next input
    /// can be tried in it.
    fn try_one(
        &mut self,
        from: &World,
        watcher: Option<&Watcher>,
        world: &mut World,
        input: &Input,
        mut first: impl FnMut(Reached),
    ) -> Edge {
        self.tally.steps += 1;
        self.events.clear();
        let reply = world.apply(input, &mut self.events);
        for answer in answers(input, &reply).into_iter().flatten() {
            if self.known.learn(answer) {
                first(answer);
            }
        }
        // A refusal changes nothing: an invariant like any other, so who watches looks.
        if reply.is_refusal() && (watcher.is_none() || *world == *from) {
            debug_assert!(*world == *from, "a refusal changes nothing");
            self.tally.refused += 1;
            return Edge::Refused;
        }
        if let Some(watcher) = watcher {
            let mut watcher = watcher.fork();
            world.restore(from);
            self.events.clear();
            if let Err(violation) = watcher.apply(world, input, &mut self.events) {
                return Edge::Breaks(violation);
            }
            for goal in watcher.coverage().reached() {
                if !matches!(goal, Goal::Answered(_) | Goal::Refused(_))
                    && self.known.learn(Reached::Goal(*goal))
                {
                    first(Reached::Goal(*goal));
                }
            }
        }
        for it in self.events.iter().flat_map(|it| seen(&it.change)).flatten() {
            if self.known.learn(it) {
                first(it);
            }
        }
        Edge::Leads(self.canon.digest(world))
    }
}

/// What is known to be reached: by its number what has one, then goals.
#[derive(Debug)]
struct Known {
    numbered: [u64; Reached::NUMBERS.div_ceil(64)],
    goals: Coverage,
}

impl Default for Known {
    fn default() -> Self {
        Self { numbered: [0; _], goals: Coverage::default() }
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
                true
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
