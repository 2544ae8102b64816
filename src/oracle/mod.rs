//! Oracles in the box: what may be relied on always, what should happen sometimes, and what an
//! answer rests on.
//!
//! - [`ALWAYS`]: invariants of Hyper-V Replica as its user sees it. A [`Watcher`] judges every step
//!   of a world by them, and a [`Violation`] shows both sides.
//! - [`Goal`]: what a collection of runs should reach. A [`Coverage`] says what it did, and merges.
//! - [`Assumption`]: what nobody has documented or seen, and an answer of the simulator rests on
//!   nevertheless.
//!
//! In a test of one's own it is a word at the lab, which panics at the step that breaks one:
//!
//! ```
//! use hyperv_replica::{prelude::*, sim::Lab};
//!
//! let lab = Lab::new(["tokyo", "osaka"]).observed();
//! let web = lab.vm("web").running().create();
//! let tokyo = lab.host("tokyo");
//! tokyo.wait(tokyo.create_replication_relationship(web, Settings::to("osaka"))?)?;
//! tokyo.wait(tokyo.start_replication(web, InitialReplication::Network)?)?;
//! lab.advance(days(1));
//! # Ok::<(), hyperv_replica::Error>(())
//! ```
//!
//! A [`Watcher`] drives a plain world just so, and with it whatever is a list of inputs: a trace of
//! a lab, a found counterexample. A script's runner can be
//! [observed](crate::script::Runner::observed), too.
//!
//! Judging costs a look at the whole world for each step, and time passes in steps that end where
//! something is due: a few hundred thousand steps a second of a small world, fewer of a large one.

mod sorted;
pub use sorted::Sorted;

mod picture;
pub use picture::{Copy, End, Ends, HostPicture, Picture};

mod step;
pub use step::{Memory, Step, stepwise};

mod always;
pub use always::{ALWAYS, Always, Finding, Invariant, Judged, Verdict};

mod goal;
pub use goal::{Failover, Goal, shows};

mod coverage;
pub use coverage::Coverage;

mod watcher;
pub use watcher::{Violation, Watcher, judge};

mod assumption;
pub(crate) use assumption::is_reason;
pub use assumption::{Assumption, assumptions};
