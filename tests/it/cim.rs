//! The wire vocabulary, as the rooms that speak it use it.

mod client;
mod namespace;
mod path;
mod schema;
mod text;
mod value;
mod wql;
