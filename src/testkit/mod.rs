//! What tests of many worlds at once are made of: a search through worlds, whether what was broken
//! heals, whether a run repeats itself.

pub mod determinism;
pub mod explore;
pub mod liveness;
