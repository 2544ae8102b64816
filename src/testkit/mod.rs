//! What tests are made of: generated worlds and walks, conformance, exploration, sweeps of faults.
//! Nothing in here is needed to use a service; everything is there to find out what breaks a tool.

pub mod sweep;
