//! One integration binary: every test that uses the crate as its users do.

mod accounts;
mod arbitrary;
mod canon;
mod codes;
mod determinism;
mod event_log;
mod explore;
mod health;
mod house;
mod jobs;
mod lab;
mod liveness;
mod model;
mod network;
mod oracles;
mod policies;
mod properties;
mod rules;
mod scenarios;
#[cfg(feature = "cli")]
mod script_command;
mod script_parse;
mod script_round_trip;
mod script_run;
mod server;
mod strict;
mod transitions;
