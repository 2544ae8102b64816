//! A lab in one hand: several inputs with nobody's in between, and the way back.

use super::{Lab, Shared};
use crate::engine::{Event, Input, Reply, World};
use rand::rngs::Xoshiro256PlusPlus;
use std::fmt;
use std::io;
use std::sync::MutexGuard;

/// Who writes down every input of a lab before it happens, so that nothing is known to anybody that
/// is not written.
///
/// An input that cannot be written does not happen: it is
/// [rejected](crate::engine::Rejection::Unwritten), and a call fails in transport.
pub trait Scribe: fmt::Debug + Send {
    /// Writes down an input that is about to happen in this world.
    fn write(&mut self, world: &World, input: &Input) -> io::Result<()>;

    /// How far it has written: where [`rewind`](Self::rewind) can go back to.
    fn mark(&self) -> u64;

    /// Takes back everything that was written since that mark.
    fn rewind(&mut self, mark: u64) -> io::Result<()>;
}

/// A lab at one moment, to return to. See [`Held::restore`].
#[derive(Clone, Debug)]
pub struct Checkpoint {
    world: World,
    draws: Xoshiro256PlusPlus,
    mark: u64,
}

impl Checkpoint {
    /// The world as it was.
    pub fn world(&self) -> &World {
        &self.world
    }
}

/// A lab that is held: everybody else waits until this is dropped.
pub struct Held<'a> {
    shared: MutexGuard<'a, Shared>,
}

impl fmt::Debug for Held<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("now", &self.shared.world.now()).finish_non_exhaustive()
    }
}

impl Lab {
    /// Holds this lab: nobody else's input comes between those of the holder.
    ///
    /// Whoever holds a lab and uses it by another handle waits for himself.
    pub fn hold(&self) -> Held<'_> {
        Held { shared: self.lock() }
    }

    /// From now on this scribe writes down every input before it happens. Forks are not written.
    ///
    /// `script::Journal` is one that writes to a file.
    #[must_use]
    pub fn written_by(self, scribe: impl Scribe + 'static) -> Self {
        self.lock().scribe = Some(Box::new(scribe));
        self
    }
}

impl Held<'_> {
    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.shared.world
    }

    /// Makes one thing happen, and appends everything that an observer sees of it.
    pub fn apply(&mut self, input: &Input, out: &mut Vec<Event>) -> Reply {
        let reply = self.shared.happen(input, true);
        out.append(&mut self.shared.events);
        reply
    }

    /// A lab of its own with a copy of this world as it is now: [`Lab::fork`].
    #[must_use]
    pub fn fork(&self) -> Lab {
        self.shared.fork()
    }

    /// This moment, to return to.
    pub fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            world: self.shared.world.clone(),
            draws: self.shared.draws.clone(),
            mark: self.shared.scribe.as_ref().map_or(0, |it| it.mark()),
        }
    }

    /// Returns to a moment of this lab: what happened since never did. The trace begins anew, what
    /// was written since is taken back; watches learn nothing of it.
    ///
    /// # Errors
    /// The scribe cannot take back what it wrote. Then nothing has changed.
    pub fn restore(&mut self, to: &Checkpoint) -> io::Result<()> {
        let Checkpoint { world, draws, mark } = to.clone();
        self.replace(world, mark)?;
        self.shared.draws = draws;
        Ok(())
    }

    /// Begins anew with another world, in which nothing has happened.
    ///
    /// # Errors
    /// As [`restore`](Self::restore).
    pub fn begin(&mut self, world: World) -> io::Result<()> {
        self.replace(world, 0)
    }

    fn replace(&mut self, world: World, mark: u64) -> io::Result<()> {
        let shared = &mut *self.shared;
        if let Some(scribe) = &mut shared.scribe {
            scribe.rewind(mark)?;
        }
        shared.world = world;
        shared.scrutiny.begin_anew(&shared.world);
        shared.trace = shared.trace.as_ref().map(|_| Vec::new());
        Ok(())
    }

    /// The trace so far, which begins anew. See [`Lab::take_trace`].
    pub fn take_trace(&mut self) -> Vec<super::Step> {
        self.shared.trace.as_mut().map(std::mem::take).unwrap_or_default()
    }
}
