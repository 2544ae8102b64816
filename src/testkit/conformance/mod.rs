//! Behaviours of Hyper-V Replica to try on any backend: the simulator, a decorator, a real host.
//!
//! [`BEHAVIOURS`] is a list of sentences about the service, each with the page that says so and a
//! function that tries it through [`ReplicationService`](crate::ReplicationService) alone. A
//! [`Fixture`] has the hosts, makes virtual machines, and says what else it can do; what a
//! behaviour needs and a fixture lacks is skipped, and the report says why.
//!
//! For two or three hosts that have been set aside for it, with virtual machines that may be used up,
//! [`Premises`] is one over any backend; `hvr conformance` runs the suite on it. For the simulator it is
//! [`LabFixture`](super::LabFixture), over which a decorator can be laid:
//!
//! ```
//! use hyperv_replica::model::WindowsBuild;
//! use hyperv_replica::testkit::{LabFixture, conformance};
//!
//! let report = conformance::run(&mut || Box::new(LabFixture::new(WindowsBuild::Server2025)));
//! assert!(report.is_good(), "{report}");
//! ```
//!
//! [`conformance_tests!`](crate::conformance_tests) makes a test of each behaviour instead.
//!
//! # What a deviation means
//!
//! The [`Evidence`] of a behaviour says how much it weighs. A backend that deviates from what is
//! documented or observed has a bug, or the page is wrong. Where a behaviour rests on an
//! assumption, a real host that deviates is right, and news: the simulator is to follow it. The
//! report lists the two apart, and only the former make a report bad.
//!
//! # What a behaviour does to the hosts
//!
//! It touches only virtual machines that it made, takes no answer for granted that Windows leaves
//! open – 0 or 4096, a refusal by the return value or by the job –, waits with the fixture's
//! patience, and cleans up whether it passed or not. What it could not clean up, the report tells.

mod fixture;
mod list;
mod page;
mod premises;
mod report;
mod site;
mod subject;
mod trial;

pub use fixture::{Act, Capability, Fixture, NewVm, Place};
pub use list::BEHAVIOURS;
pub use premises::{Offers, Premises, Sacrifice};
pub use report::{Entry, Report, Verdict, check, markdown, run, run_on};

use crate::evidence::Evidence;
use crate::model::WindowsBuild;
use site::Checked;
use std::fmt;
use trial::Trial;

/// One thing that Hyper-V Replica does.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Behaviour {
    /// What it is about.
    pub subject: &'static str,
    /// Its name, unique among all: that of its test.
    pub name: &'static str,
    /// The behaviour as a sentence, without a full stop.
    pub says: &'static str,
    /// How it is known.
    pub evidence: Evidence,
    /// The first Windows that has it.
    pub since: WindowsBuild,
    /// What it needs beyond two hosts.
    pub needs: &'static [Capability],
    check: fn(&Trial<'_>) -> Checked,
}

impl fmt::Debug for Behaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Behaviour({}::{})", self.subject, self.name)
    }
}

/// How a backend differs from a behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// What was looked at, and where.
    pub about: String,
    /// What the behaviour says.
    pub expected: String,
    /// What there was.
    pub seen: String,
    /// Whether it stood in the way: the behaviour was not come to, and another one is about this.
    pub arranging: bool,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = if self.arranging { "on the way there, " } else { "" };
        write!(f, "{way}{}: expected {}, saw {}", self.about, self.expected, self.seen)
    }
}

impl std::error::Error for Deviation {}
