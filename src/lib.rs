//! A faithful, deterministic simulator of Hyper-V Replica's WMI service, behind a trait that the
//! real service shares.
//!
//! Hyper-V Replica copies a running virtual machine to a second Windows host, and from there to a
//! third, and lets an administrator fail over. Tools drive it through `Msvm_ReplicationService` in
//! `root\virtualization\v2`. This crate stands behind the same trait as that service, so that a
//! tool is tested on any operating system, in microseconds, and runs on Windows unchanged.
//!
//! ```
//! use hyperv_replica::{prelude::*, sim::Lab};
//!
//! /// The tool under test: it never learns which backend it got.
//! fn pause(host: &dyn ReplicationService, vm: VmId) -> Result<()> {
//!     let suspended = host.suspend_replication(RelationshipId::primary(vm))?;
//!     host.wait(suspended)
//! }
//!
//! let lab = Lab::new(["tokyo", "osaka"]); // Two hosts that trust each other.
//! let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
//! let web = lab.vm("web").on("tokyo").running().create();
//! tokyo.wait(tokyo.create_replication_relationship(web, Settings::to("osaka"))?)?;
//! tokyo.wait(tokyo.start_replication(web, InitialReplication::Network)?)?;
//! lab.advance(hours(1)); // Virtual time passes; real time does not.
//!
//! pause(&tokyo, web)?;
//! let primary = tokyo.relationship(RelationshipId::primary(web))?;
//! assert_eq!(primary.state, ReplicationState::Suspended);
//! assert_eq!(primary.health, ReplicationHealth::Warning);
//!
//! let refused = osaka.commit_failover(web).unwrap_err();
//! assert_eq!(
//!     refused.to_string(),
//!     "CommitFailover was refused with 32775, Invalid state for this operation: the replica must \
//!      be failed over and not committed (found: mode Replica (2), state Replicating (3), off)",
//! );
//! # Ok::<(), hyperv_replica::Error>(())
//! ```
//!
//! # The rooms
//!
//! | Room | What is in it |
//! |---|---|
//! | [`model`] | The vocabulary: what WMI says, typed, with Microsoft's numbers. |
//! | [`service`], [`error`] | The contract: the trait, its verbs, and what can go wrong. |
//! | [`layer`] | Decorators over any service: faults at the edge, recordings, a linter for clients. |
//! | [`rules`] | The rule book: which call is accepted when, else refused with what, and how we know. |
//! | [`engine`] | The machine: a world as a value, and one pure function that changes it. |
//! | [`oracle`] | What holds always, what should happen sometimes, and what an answer rests on. |
//! | [`sim`] | The shell: a lab to experiment with, whose hosts implement the contract. |
//! | [`script`] | The language of scenarios: parser, printer, runner. |
//! | [`testkit`] | What tests are made of: generated walks, drawn troubles, sweeps of faults, exhaustive search, liveness, conformance. |
//!
//! # The states
//!
//! Drawn from the rule book; the colour of an edge says how it is known.
//!
#![doc = concat!("<div style=\"overflow:auto\">", include_str!("../docs/states.svg"), "</div>")]
//!
//! # What is modelled, and what is not
//!
//! Modelled: every method of the service; creating, filling (network, scheduled, seeded, export and
//! import), pausing, resuming and removing relationships; delta cycles with recovery points; planned,
//! unplanned and test failover with each way to cancel; reversal; resynchronisation; extended
//! replication; the power of virtual machines with the locks of their roles; jobs with progress,
//! cancellation and their five minutes after; health, statistics and event logs; failover addresses;
//! certificates, ports, editions and builds; access and trust; troubles of links, hosts and virtual
//! machines; and accounts of what each copy holds.
//!
//! Not modelled: the protocol between hosts, clusters and what their broker decides, groups of virtual
//! machines (states 17 and 19 to 21 are named and never emitted), how an external provider replicates,
//! how a migration proceeds.
//!
//! # Features
//!
//! The default features are the whole library but for the text of recordings and
//! `script::compare`, which come with `record`. `cli` adds that and the command `hvr`, `proptest` the
//! strategies of [`testkit`], `cim` the wire vocabulary: schema, values, paths, embedded instances
//! and WQL; a service as WMI shows it, and a service of what WMI shows. `wsman` adds WS-Management, by
//! which the tools that manage real hosts reach simulated ones.
//!
//! `wmi` adds the real backend, a client of WMI over COM, on Windows; elsewhere it adds nothing.
//!
//! `conformance` adds the suite of behaviours in `testkit::conformance`, to be run on a backend.
//!
//! # Determinism
//!
//! The same inputs give the same bytes: no clock, no entropy and no hash map is read in [`model`],
//! [`rules`] and [`engine`]. What a lab draws from its seed enters the world as data.
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod model;

pub mod error;
pub use error::{Error, Result};

pub mod service;
pub use service::{Outcome, ReplicationService, ReplicationServiceExt};

pub mod layer;

pub mod evidence;

pub mod rules;

pub mod engine;

pub mod oracle;

pub mod sim;

pub mod script;

pub mod testkit;

#[cfg(feature = "cim")]
pub mod cim;

// What in it needs no Windows is tested everywhere.
#[cfg(all(feature = "wmi", any(windows, test)))]
pub mod wmi;

#[cfg(feature = "wsman")]
pub mod wsman;

/// What a test usually needs.
pub mod prelude {
    pub use crate::error::{Error, Result};
    pub use crate::model::time::{days, hours, minutes, seconds};
    pub use crate::model::{
        EnabledState, ErrorCode, InitialReplication, JobState, Leg, RelationshipId,
        ReplicationHealth, ReplicationMode, ReplicationState, Settings, SimTime, VmId,
    };
    pub use crate::service::{Outcome, ReplicationService, ReplicationServiceExt};
}

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
