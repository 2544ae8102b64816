//! The wire vocabulary: what WMI says and hears, whatever carries it.
mod name;
pub use name::Name;

mod scan;
pub use scan::{Position, SyntaxError};

mod datetime;
pub use datetime::DateTime;

mod value;
pub use value::{Array, Char16, CimType, Type, TypeError, Value};

mod instance;
pub use instance::{Instance, PropertyError};

mod path;
pub use path::{KeyValue, Keys, Namespace, ObjectPath};

mod error;
pub use error::{Error, Result, WbemStatus};

mod mof;
mod schema;
pub use schema::{Builds, Class, Method, Parameter, Property, Schema, SchemaError, ValueMap};
