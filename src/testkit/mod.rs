//! What tests of replication are made of: generated worlds and walks through them, troubles drawn
//! from a seed, counterexamples that are scripts, and sweeps of faults through an orchestration.

pub mod beginning;
pub mod counterexample;
pub mod schedule;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod sweep;
pub mod walk;
