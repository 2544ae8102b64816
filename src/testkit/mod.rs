//! What tests of replication are made of: generated worlds and walks through them, troubles drawn
//! from a seed, counterexamples that are scripts, sweeps of faults through an orchestration, a
//! search through all that can happen, whether what was broken heals, whether a run repeats itself,
//! and what every backend must do alike.

pub mod beginning;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod counterexample;
pub mod determinism;
pub mod explore;
pub mod liveness;
pub mod schedule;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod sweep;
pub mod walk;

#[cfg(feature = "conformance")]
mod lab_fixture;
#[cfg(feature = "conformance")]
pub use lab_fixture::LabFixture;
