//! Strategies for property tests of one's own (feature `proptest`).
//!
//! A walk is generated as abstract [`Step`]s, so that it shrinks well: see [`walk`](super::walk).
//! [`check`] runs a property after everything that happens in generated walks; the shortest walk
//! that breaks it is told as a [`Counterexample`], which *is* a script.
//!
//! ```
//! use hyperv_replica::testkit::strategies::{self, config};
//! use hyperv_replica::{prelude::*, sim::Lab};
//!
//! /// The monitor under test: what should somebody look at?
//! fn is_alarming(host: &dyn ReplicationService, vm: VmId) -> bool {
//!     let seen = host.relationship(RelationshipId::primary(vm));
//!     seen.is_ok_and(|it| it.health == ReplicationHealth::Critical)
//! }
//!
//! let held = strategies::check(&config(8), strategies::walks(0.8, 1..12), |world| {
//!     let lab = Lab::over(world.clone(), 0);
//!     for host in world.hosts().map(|(id, _)| lab.host_by_id(id)) {
//!         for vm in host.vms().unwrap_or_default() {
//!             let ready = vm.mode == ReplicationMode::None;
//!             if ready && is_alarming(&host, vm.id) {
//!                 return Err("an alarm about what is not replicated".into());
//!             }
//!         }
//!     }
//!     Ok(())
//! });
//! assert!(held.is_ok(), "{}", held.unwrap_err()); // Or `strategies::assert`, which panics.
//! ```
//!
//! The strategies themselves compose with those of proptest: [`labs`], [`steps`], [`walks`],
//! [`scripts`], [`policies`], [`plans`] of faults, and for a world at hand [`calls`],
//! [`disturbances`] and [`schedules`].

mod labs;
mod plans;

pub use labs::{labs, labs_of_any_policy, policies};
pub use plans::{plans, schedules};

use super::counterexample::{Broken, Counterexample, Found};
use super::walk::{Pick, Step, Walk};
use crate::engine::{Disturbance, Input, World};
use crate::model::{Call, Operation};
use crate::script::{Script, Verb};
use proptest::collection::{SizeRange, vec};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{RngSeed, TestCaseError, TestError, TestRunner};

/// So many cases, the same at every run unless the environment asks for others:
/// `PROPTEST_RNG_SEED=1`, `PROPTEST_CASES=10000`.
pub fn config(cases: u32) -> ProptestConfig {
    let from_environment = ProptestConfig::with_cases(cases);
    let rng_seed = match from_environment.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0),
        asked @ RngSeed::Fixed(_) => asked,
    };
    ProptestConfig { rng_seed, failure_persistence: None, ..from_environment }
}

/// What a step is about.
pub fn picks() -> impl Strategy<Value = Pick> {
    (0u8..4, 0u8..4, any::<u16>()).prop_map(|(host, vm, how)| Pick { host, vm, how })
}

/// An operation, mostly one that moves replication on.
fn operations() -> impl Strategy<Value = Operation> {
    prop_oneof![
        3 => select(super::walk::MOVING),
        1 => select(Operation::ALL),
    ]
}

/// Steps of a walk.
///
/// The dial, 0 to 1, is how many of the calls are such as the rule book accepts in the world that
/// is there when their turn comes; at 0 most are refused.
pub fn steps(dial: f64) -> impl Strategy<Value = Step> {
    // Of seventeen steps eight are calls.
    let enabled = weight(dial);
    let call = move |accepted: bool, operation, pick| {
        if accepted { Step::Accepted(operation, pick) } else { Step::Call(operation, pick) }
    };
    prop_oneof![
        8 => (prop::bool::weighted(enabled), operations(), picks())
            .prop_map(move |(accepted, operation, pick)| call(accepted, operation, pick)),
        4 => Just(Step::Next),
        2 => (1u16..20_000).prop_map(Step::Advance),
        2 => (select(Verb::ALL), picks()).prop_map(|(verb, pick)| Step::Disturb(verb, pick)),
        1 => picks().prop_map(Step::Configure),
    ]
}

/// A dial as a probability: what is no number is 0.
fn weight(dial: f64) -> f64 {
    if dial.is_nan() { 0.0 } else { dial.clamp(0.0, 1.0) }
}

/// Calls worth making in this world, each with the host and the caller: an [`Input::Call`]. The
/// dial is that of [`steps`]; a world that nothing can be asked of gets
/// [`Call::GetSystemCertificates`] on a host that is not there.
pub fn calls(world: &World, dial: f64) -> impl Strategy<Value = Input> + use<> {
    let world = world.clone();
    let enabled = weight(dial);
    (prop::bool::weighted(enabled), operations(), picks()).prop_map(move |it| {
        let (accepted, operation, pick) = it;
        let step = if accepted { Step::Accepted } else { Step::Call }(operation, pick);
        let nobody = || Input::Call {
            host: crate::model::HostId(u16::MAX),
            caller: crate::engine::Caller::Administrator,
            call: Call::GetSystemCertificates,
        };
        step.resolve(&world).unwrap_or_else(nobody)
    })
}

/// Disturbances of what is in this world; of every kind in a world that has two hosts and a virtual
/// machine on each.
pub fn disturbances(world: &World) -> impl Strategy<Value = Disturbance> + use<> {
    let world = world.clone();
    (select(Verb::ALL), picks()).prop_filter_map("nothing to disturb", move |(verb, pick)| {
        match Step::Disturb(verb, pick).resolve(&world)? {
            Input::Disturb(it) => Some(it),
            _ => None,
        }
    })
}

/// Walks of so many steps through [`labs`], a quarter of them with a policy of their own, with the
/// dial of [`steps`].
pub fn walks(dial: f64, length: impl Into<SizeRange>) -> impl Strategy<Value = Walk> {
    let labs = prop_oneof![3 => labs(), 1 => labs_of_any_policy()];
    (labs, vec(steps(dial), length)).prop_map(|(beginning, steps)| Walk { beginning, steps })
}

/// [`walks`] as scripts, each line with the answer it gets.
pub fn scripts(dial: f64, length: impl Into<SizeRange>) -> impl Strategy<Value = Script> {
    walks(dial, length).prop_map(|walk| walk.script())
}

/// Whether a property holds after everything that happens in generated walks, with every
/// [invariant](crate::oracle::ALWAYS).
///
/// # Errors
/// The shortest counterexample that was found: proptest shrinks the walk, then every line is taken
/// out that it breaks without, too.
///
/// # Panics
/// If no walks can be generated, or if the property is no function of the world.
pub fn check(
    config: &ProptestConfig,
    walks: impl Strategy<Value = Walk>,
    property: impl Fn(&World) -> Result<(), Broken>,
) -> Result<(), Box<Counterexample>> {
    let mut runner = TestRunner::new(config.clone());
    let outcome = runner.run(&walks, |walk| match Found::in_walk(&walk, &property) {
        None => Ok(()),
        Some(found) => Err(TestCaseError::fail(found.failure.to_string())),
    });
    let walk = match outcome {
        Ok(()) => return Ok(()),
        Err(TestError::Fail(_, walk)) => walk,
        Err(TestError::Abort(why)) => panic!("no walks could be generated: {why}"),
    };
    let Some(found) = Found::in_walk(&walk, &property) else {
        panic!("the property is no function of the world: it broke once and holds now");
    };
    let before = found.inputs.len();
    let found = found.shrink(&property);
    let how = match config.rng_seed {
        RngSeed::Fixed(seed) => format!("PROPTEST_RNG_SEED={seed}"),
        RngSeed::Random => "a seed of the day".to_owned(),
    };
    let how =
        format!("Found with {how}; {before} inputs, of which {} are left.", found.inputs.len());
    Err(Box::new(Counterexample::of(&found, &how)))
}

/// As [`check`], in a test.
///
/// # Panics
/// With the counterexample: a script to be kept as a file, which fails in the same way.
#[track_caller]
pub fn assert(
    config: &ProptestConfig,
    walks: impl Strategy<Value = Walk>,
    property: impl Fn(&World) -> Result<(), Broken>,
) {
    if let Err(found) = check(config, walks, property) {
        panic!("\n{found}");
    }
}
