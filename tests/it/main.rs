//! One integration binary: every test that uses the crate as its users do.

mod arbitrary;
mod model;
mod properties;
mod rules;
mod transitions;
