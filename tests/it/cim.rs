//! The wire vocabulary, as the rooms that speak it use it.

mod canned;
mod client;
mod path;
mod schema;
mod service;
mod text;
mod value;
mod wql;
