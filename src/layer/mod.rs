//! Decorators: over any [`ReplicationService`](crate::ReplicationService), each itself one.
//!
//! A decorator owns the service it stands over or borrows it, `&dyn ReplicationService` included,
//! and knows nothing of the simulator: what it does, it does to a real host as well.
//!
//! - [`Faulty`] makes calls and reads go wrong at the edge, by rules: a refusal, an answer that is
//!   lost after the effect, a call that never arrives, a delay.
//! - [`Recorded`] writes a session down, and [`Replayed`] answers from what was written.
//! - [`Linted`] watches the client and tells what it does wrong.

mod ask;
pub use ask::{Asked, Read, Seen};

mod fault;
pub use fault::{Armed, Fault, Plan, Verdict, VmRef};

mod faulty;
pub use faulty::{FaultGuard, Faults, Faulty, Injected};
pub(crate) use faulty::{missing, refusal};

mod lint;
pub use lint::{Finding, Lint};

mod linted;
pub use linted::{Linted, Linter, Tolerance};

mod tally;

mod recording;
pub use recording::{Exchange, Look, Question, Recording, Shown, Told};

mod recorded;
pub use recorded::{Deviation, Recorded, Recorder, Replay, Replayed};
