//! What tests of replication are made of: generated worlds and walks through them, troubles drawn
//! from a seed, and counterexamples that are scripts.

pub mod beginning;
pub mod counterexample;
pub mod schedule;
#[cfg(feature = "proptest")]
pub mod strategies;
pub mod walk;
