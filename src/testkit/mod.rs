//! What tests of replication are made of: generated worlds and walks through them, troubles drawn
//! from a seed, counterexamples that are scripts, and sweeps of faults through an orchestration.

pub mod beginning;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod counterexample;
pub mod schedule;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod sweep;
pub mod walk;

#[cfg(feature = "conformance")]
mod lab_fixture;
#[cfg(feature = "conformance")]
pub use lab_fixture::LabFixture;
