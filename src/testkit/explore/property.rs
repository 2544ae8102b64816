//! A property of worlds that a user of the search has.

use crate::engine::World;
use crate::testkit::counterexample::{Broken, Failure};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What should hold in every world that a search comes into: of the shape that
/// [`strategies::check`](crate::testkit::strategies::check) takes.
///
/// It is judged at the beginning, and after every input that is not refused. A panic breaks it, too.
/// It should depend on what a [state](crate::engine::Canon) is: of worlds that no call can tell apart
/// only the first is looked into.
#[derive(Clone)]
pub struct Property(Arc<Holds>);

type Holds = dyn Fn(&World) -> Result<(), Broken> + Send + Sync;

impl Property {
    /// What should hold.
    pub fn new(holds: impl Fn(&World) -> Result<(), Broken> + Send + Sync + 'static) -> Self {
        Self(Arc::new(holds))
    }

    /// Whether it holds, as it says it itself.
    pub(super) fn holds(&self, world: &World) -> Result<(), Broken> {
        (self.0)(world)
    }

    /// Whether it holds; a panic is one way in which it does not.
    pub(super) fn judge(&self, world: &World) -> Result<(), Failure> {
        match catch_unwind(AssertUnwindSafe(|| self.holds(world))) {
            Ok(judged) => judged.map_err(Failure::Broken),
            Err(payload) => Err(Failure::of_panic(&*payload)),
        }
    }
}

impl fmt::Debug for Property {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Property(..)")
    }
}
