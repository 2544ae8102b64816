//! A search through worlds: everything that can happen in a small lab, or as much of it as there is
//! time and memory for.
//!
//! From a [`Beginning`], an [`Explorer`] tries everything on a [`Menu`] in every world it comes
//! into, and a world counts as known when one of its [`Digest`](crate::engine::Digest) was met: what
//! no future answer depends on makes no difference. It reports which answers, states and failovers
//! it reached, each with the shortest script to it, and which it did not; which requirements of the
//! rule book calls lacked, which transitions happened, and which invariants had something to judge.
//! Every step is judged by the [invariants](crate::oracle::ALWAYS) and by a [`Property`] of one's
//! own; what does not hold ends the search with a script that breaks it.
//!
//! ```
//! use hyperv_replica::model::{ErrorCode, Operation};
//! use hyperv_replica::prelude::*;
//! use hyperv_replica::testkit::explore::{self, Reached};
//!
//! // A world in which CommitFailover returns 32775, and how to come into it.
//! let found = explore::find(Reached::Refused(Operation::CommitFailover, ErrorCode::InvalidState))
//!     .expect("a world that refuses it");
//! let refused = found.lab.apply(&found.input);
//! assert!(refused.is_refusal());
//! assert!(found.script.to_string().ends_with("CommitFailover web  => 32775\n"));
//! ```
//!
//! A property of a tool is found broken by the shortest way there is:
//!
//! ```
//! use hyperv_replica::model::HostId;
//! use hyperv_replica::prelude::*;
//! use hyperv_replica::testkit::beginning::{Beginning, WEB};
//! use hyperv_replica::testkit::explore::{Explorer, Property};
//!
//! let never_paused = Property::new(|world| {
//!     let state = world.relationship(HostId(0), RelationshipId::primary(WEB)).map(|it| it.state);
//!     let paused = state == Some(ReplicationState::Suspended);
//!     if paused { Err("the tool does not know this state".into()) } else { Ok(()) }
//! });
//! let property = Some(never_paused);
//! let report = Explorer { property, ..Explorer::new(Beginning::replicating()) }.run();
//! let script = report.broken().expect("it can be paused").to_string();
//! assert!(script.ends_with("fail \"the tool does not know this state\"\n"), "{script}");
//! ```
//!
//! A search is deterministic: it finds the same, by the same scripts, on any machine and with any
//! number of threads.

mod book;
mod breadth;
mod menu;
mod property;
mod reached;
mod report;
mod space;
mod step;
mod unreachable;
mod walks;
mod way;

pub use book::{Move, Unmet};
pub use menu::{Menu, Mishap};
pub use property::Property;
pub use reached::{Reached, UnknownGoal};
pub use report::{Bound, Found, Report};
pub use unreachable::Unreachable;

use crate::engine::{Clock, Input, World};
use crate::model::{Leg, RelationshipId, ReplicationState};
use crate::testkit::beginning::Beginning;
use std::borrow::Cow;

/// In which order worlds are looked into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Order {
    /// Level by level: every script that is found is a shortest one.
    #[default]
    Breadth,
    /// As deep as possible first. It needs least memory, and one thread.
    Depth,
    /// Depth first in a random order for each of these seeds, which share the bound on states.
    Swarm(Vec<u64>),
}

/// A search.
///
/// ```
/// use hyperv_replica::testkit::beginning::Beginning;
/// use hyperv_replica::testkit::explore::Explorer;
///
/// let explorer = Explorer { depth: Some(3), ..Explorer::new(Beginning::lab(2, 1)) };
/// let report = explorer.run();
/// println!("{report}");
/// ```
#[derive(Clone, Debug)]
pub struct Explorer {
    /// Where it begins.
    pub beginning: Beginning,
    /// What it tries.
    pub menu: Menu,
    /// In which order.
    pub order: Order,
    /// How many steps from the beginning it goes at most; as many as there are if `None`.
    pub depth: Option<u32>,
    /// How many states it keeps at most.
    pub states: usize,
    /// How many bytes it takes at most, for its states and for the worlds on the way of one thread;
    /// a swarm, for all its walks. Breadth first a state takes 30 to 41 bytes and that is almost
    /// all, because a world that waits is not kept but made again from the one it came of. What a
    /// report takes is not counted, nor the ways of other threads.
    pub memory_bytes: usize,
    /// How many threads look into worlds. It makes no difference to what is found.
    ///
    /// Threads share no world, and what each finds is put in order while the others go on: breadth
    /// first, two take no more of the processors together than one does. What a second thread brings
    /// is what the machine has for two programs that know nothing of each other; `cargo bench --bench
    /// explore` prints both.
    pub threads: usize,
    /// Whether every step is judged by the [invariants](crate::oracle::ALWAYS). It takes several
    /// times as long, and health and the ways of failovers are reached only so.
    pub observed: bool,
    /// When all of these are reached, the search ends; never, if there are none.
    pub goals: Vec<Reached>,
    /// What should hold in every world, beside the invariants.
    pub property: Option<Property>,
    /// Whether it goes on when an invariant or the property does not hold. What is behind a step
    /// that broke something it does not look into.
    pub goes_on: bool,
}

impl Explorer {
    /// Everything on the menu of that world, breadth first, observed, in one thread, up to a
    /// million states and a gibibyte.
    pub fn new(beginning: Beginning) -> Self {
        Self {
            menu: Menu::of(&beginning.world()),
            beginning,
            order: Order::Breadth,
            depth: None,
            states: 1_000_000,
            memory_bytes: 1 << 30,
            threads: 1,
            observed: true,
            goals: Vec::new(),
            property: None,
            goes_on: false,
        }
    }

    /// Searches.
    pub fn run(&self) -> Report {
        self.run_with(&mut |_| {})
    }

    /// Searches, and says again and again how far it is.
    pub fn run_with(&self, progress: &mut dyn FnMut(&Progress)) -> Report {
        if self.check().is_err() {
            let mut report = Report::new(self);
            report.bound = Some(Bound::Unreachable);
            return report;
        }
        match &self.order {
            Order::Breadth => breadth::search(self, progress),
            Order::Depth => walks::search(self, progress),
            Order::Swarm(seeds) => walks::swarm(self, seeds, progress),
        }
    }

    /// How much goes by the clock in the worlds of this search.
    pub fn clock(&self) -> Clock {
        let world = &self.beginning.world();
        let vms = world.hosts().flat_map(|(host, _)| world.vms(host).map(move |vm| (host, vm.id)));
        let legs = vms.flat_map(|(host, vm)| {
            [Leg::Primary, Leg::Extended].map(|leg| (host, RelationshipId { vm, leg }))
        });
        let there = legs.filter(|(host, id)| {
            world.relationship(*host, *id).is_some_and(|it| it.state != ReplicationState::Disabled)
        });
        let settings = there.filter_map(|(host, id)| world.settings(host, id));
        settings.map(|it| Clock::of(&it)).chain([self.menu.clock()]).max().unwrap_or_default()
    }

    /// The input of this number on the menu of a world.
    fn input<'a>(
        &'a self,
        world: &World,
        action: u16,
        more: &mut Vec<Input>,
    ) -> Option<Cow<'a, Input>> {
        let action = usize::from(action);
        if let Some(input) = self.menu.inputs.get(action) {
            return Some(Cow::Borrowed(input));
        }
        self.menu.more(world, more);
        let action = action - self.menu.inputs.len();
        (action < more.len()).then(|| Cow::Owned(more.swap_remove(action)))
    }

    /// The inputs of a path, from the beginning, and the world before the last of them.
    fn replay(&self, path: &[u16]) -> (Vec<Input>, World) {
        let mut world = self.beginning.world();
        let mut before = world.clone();
        let (mut inputs, mut more, mut events) = (Vec::new(), Vec::new(), Vec::new());
        for action in path {
            let Some(input) = self.input(&world, *action, &mut more) else { break };
            before = world.clone();
            events.clear();
            world.apply(&input, &mut events);
            inputs.push(input.into_owned());
        }
        (inputs, before)
    }
}

/// How far a search is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Different states that were met; of a swarm, the sum over its walks.
    pub states: usize,
    /// How many of them wait to be looked into; depth first, how far down it is.
    pub frontier: usize,
    /// How many steps from the beginning it is.
    pub depth: u32,
    /// Inputs that were tried.
    pub steps: u64,
    /// How many bytes it takes, counted as for [`Report::bytes`].
    pub bytes: usize,
}

/// Finds a world in which something is reached by one more input, with two hosts and one virtual
/// machine, breadth first.
///
/// For other labs, menus or bounds: [`Explorer::find`].
pub fn find(reached: Reached) -> Option<Found> {
    Explorer::new(Beginning::lab(2, 1)).find(reached)
}

impl Explorer {
    /// Finds a world in which something is reached by one more input, within the bounds of this
    /// search.
    pub fn find(&self, reached: Reached) -> Option<Found> {
        let answers = !matches!(reached, Reached::Goal(_));
        // Answers are read off without watching closely.
        let observed = self.observed && !answers;
        let search = Self { goals: vec![reached], observed, property: None, ..self.clone() };
        search.run().found(reached)
    }
}
