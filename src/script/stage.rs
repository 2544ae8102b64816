//! Where lines make things happen: a world of a runner's own, or a lab that others use, too.

use super::report::Side;
use crate::engine::{Event, Input, Reply, World};
use crate::model::{HostId, JobId, VmId};
use crate::oracle::{Violation, Watcher};
use crate::sim::Held;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Where a [`Runner`](super::Runner) makes things happen.
pub trait Stage {
    /// The world as it is now.
    fn world(&self) -> &World;

    /// Makes one thing happen, and appends what an observer sees of it.
    ///
    /// # Errors
    /// An invariant that does not hold afterwards, where somebody judges them.
    fn apply(&mut self, input: &Input, out: &mut Vec<Event>) -> Result<Reply, Box<Violation>>;

    /// Begins anew with this empty world; whether that was possible.
    fn begin(&mut self, world: World) -> bool;
}

/// A world of a runner's own, perhaps observed.
#[derive(Clone, Debug)]
pub struct Own {
    pub(super) world: World,
    pub(super) watcher: Option<Watcher>,
}

impl Stage for Own {
    fn world(&self) -> &World {
        &self.world
    }

    fn apply(&mut self, input: &Input, out: &mut Vec<Event>) -> Result<Reply, Box<Violation>> {
        match &mut self.watcher {
            Some(watcher) => watcher.apply(&mut self.world, input, out),
            None => Ok(self.world.apply(input, out)),
        }
    }

    fn begin(&mut self, world: World) -> bool {
        self.world = world;
        self.watcher = self.watcher.as_ref().map(|_| Watcher::new(&self.world));
        true
    }
}

impl Stage for Held<'_> {
    fn world(&self) -> &World {
        Held::world(self)
    }

    fn apply(&mut self, input: &Input, out: &mut Vec<Event>) -> Result<Reply, Box<Violation>> {
        Ok(Held::apply(self, input, out))
    }

    fn begin(&mut self, world: World) -> bool {
        Held::begin(self, world).is_ok()
    }
}

/// What a runner remembers from line to line.
#[derive(Clone, Debug)]
pub(super) struct Memory {
    pub(super) aliases: BTreeMap<String, JobId>,
    /// Names that were seen anywhere, so that what is gone or not there yet can be named.
    pub(super) seen: BTreeMap<Arc<str>, BTreeSet<VmId>>,
    /// What lines were about.
    pub(super) named: BTreeSet<(HostId, VmId)>,
    pub(super) sides: Arc<[Side]>,
}

impl Default for Memory {
    fn default() -> Self {
        Self {
            aliases: BTreeMap::new(),
            seen: BTreeMap::new(),
            named: BTreeSet::new(),
            sides: Arc::new([]),
        }
    }
}
