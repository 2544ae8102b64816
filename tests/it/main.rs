//! One integration binary: every test that uses the crate as its users do.

mod arbitrary;
mod house;
mod jobs;
mod lab;
mod model;
mod properties;
mod rules;
mod scenarios;
mod transitions;
