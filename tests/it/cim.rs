//! The wire vocabulary, as the rooms that speak it use it.

mod path;
mod schema;
mod value;
