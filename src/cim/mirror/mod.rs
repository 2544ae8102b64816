//! How typed records and CIM instances say the same thing: the one place for either direction.
//!
//! [`names`] has what both directions share: names of classes, paths, the texts of ids, the way
//! times are written. `write_*` makes instances of records, `read_*` records of instances. Names of
//! properties stand as literals on both sides; a test holds each against the schema.

pub(super) mod names;

pub(super) mod read;
pub use read::Unreadable;
pub(super) mod read_job;
pub(super) mod read_settings;
pub(super) mod read_state;
