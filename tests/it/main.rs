//! One integration binary: every test that uses the crate as its users do.

mod accounts;
mod arbitrary;
mod canon;
mod capture;
#[cfg(feature = "cim")]
mod cim;
mod clock;
mod codes;
#[cfg(feature = "conformance")]
mod conformance;
mod control;
mod copies;
mod determinism;
mod event_log;
mod explore;
mod faulty;
mod fuzz_smoke;
mod health;
#[cfg(feature = "cli")]
mod hosts_command;
mod house;
mod jobs;
mod journal;
mod lab;
mod lint;
mod liveness;
mod migration;
mod model;
mod network;
mod oracles;
mod policies;
#[cfg(feature = "conformance")]
mod premises;
mod properties;
#[cfg(feature = "record")]
mod record;
mod rules;
mod scenarios;
#[cfg(feature = "cli")]
mod script_command;
mod script_parse;
mod script_round_trip;
mod script_run;
// It is ended by signals.
#[cfg(all(feature = "cli", feature = "wsman", unix))]
mod serve_command;
mod server;
mod strategies;
mod strict;
mod sweep;
mod transitions;
mod undo_logs;
#[cfg(feature = "wsman")]
mod wsman;
