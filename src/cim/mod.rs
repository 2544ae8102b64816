//! The wire vocabulary: what WMI says and hears, whatever carries it.
//!
//! A WMI service answers with instances of classes, addresses them by paths and takes queries in a
//! language of its own. All of that is the same in process, over WS-Management and over COM, and it
//! is here once:
//!
//! | What | Here |
//! |---|---|
//! | Which classes there are | [`Schema`], read from MOF under `fixtures/schema/` |
//! | Values, and their types | [`Value`], [`Array`], [`DateTime`], [`CimType`] |
//! | Objects, and where they are | [`Instance`], [`ObjectPath`] |
//! | Instances as text in a parameter | [`text`] |
//! | Queries | [`wql`] |
//! | What a client can ask | [`CimClient`], [`CimClientExt`] |
//! | A service as WMI shows it | [`namespace::Namespace`] |
//! | A service, of what WMI shows | [`CimService`] |
//! | What goes wrong | [`Error`], [`WbemStatus`] |
//!
//! Nothing here knows the simulator. Names of classes, properties and keys are compared without
//! regard to case everywhere; [`Name`] is how.
//!
//! # Texts from strangers
//!
//! Paths, queries, MOF and embedded instances are read from text that anyone may have written. Each
//! parser answers every text with a value or an error with a place; none panics, recurses without
//! bound, or takes more memory than a small multiple of the text.

mod name;
pub use name::Name;

mod scan;
pub use scan::{Position, SyntaxError};

mod datetime;
pub use datetime::DateTime;

mod value;
pub use value::{Array, Char16, CimType, Type, TypeError, Value};

mod instance;
use instance::Layout;
pub use instance::{Instance, PropertyError};

mod path;
pub use path::{KeyValue, Keys, Namespace, ObjectPath};

mod schema;
pub use schema::{
    Builds, Class, Members, Method, Parameter, Property, Schema, SchemaError, ValueMap,
};
mod mof;

pub mod text;

pub mod wql;

mod mirror;

pub mod namespace;

pub mod service;
pub use service::CimService;

mod client;
pub use client::{CimClient, CimClientExt, Reply, Subscription};

mod error;
pub use error::{Error, Result, WbemStatus};
