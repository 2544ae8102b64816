//! The wire vocabulary, as the rooms that speak it use it.

mod canned;
mod client;
mod libvirt;
mod name;
mod namespace;
mod path;
mod round_trip;
mod schema;
mod service;
mod service_calls;
mod stack;
mod text;
mod value;
mod wql;
