//! What tests of replication are made of: generated worlds and walks through them, troubles drawn
//! from a seed, and counterexamples that are scripts.

pub mod beginning;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod counterexample;
pub mod schedule;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod walk;

#[cfg(feature = "conformance")]
mod lab_fixture;
#[cfg(feature = "conformance")]
pub use lab_fixture::LabFixture;
