//! How typed records and CIM instances say the same thing: the one place for either direction.
//!
//! [`names`] has what both directions share: names of classes, paths, the texts of ids, the way
//! times are written. `write_*` makes instances of records, `read_*` records of instances, over what
//! there was before. Names of properties stand as literals on each side; a test holds what is
//! written against the schema.
//!
//! What is written has only the properties that a record has something to say of. The schema of the
//! host's build adds the others as null, and drops those that the build does not have.

pub(super) mod names;
pub(super) mod read;
pub use read::Unreadable;
pub(super) mod read_job;
pub(super) mod read_settings;
pub(super) mod read_state;
pub(super) mod write_computer;
pub(super) mod write_job;
pub(super) mod write_parts;
pub(super) mod write_replication;
pub(super) mod write_system;

use super::{Name, Namespace, ObjectPath, Value};
use crate::model::WindowsBuild;

/// Where and when instances are: what their references and ids depend on.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The host and the namespace; `None` for relative references.
    pub(super) namespace: Option<Namespace>,
    /// The host's Windows.
    pub(super) build: WindowsBuild,
}

impl Place {
    /// The namespace of a host.
    pub(super) fn of(host: impl Into<Name>, build: WindowsBuild) -> Self {
        let (host, name) = (Some(host.into()), Name::from_static(names::NAMESPACE));
        Self { namespace: Some(Namespace { host, name }), build }
    }

    /// A path from anywhere.
    pub(super) fn path(&self, path: ObjectPath) -> ObjectPath {
        ObjectPath { namespace: self.namespace.clone(), ..path }
    }

    /// A path as the text of a property.
    pub(super) fn text(&self, path: ObjectPath) -> String {
        self.path(path).to_string()
    }

    /// A path as the value of a reference.
    pub(super) fn reference(&self, path: ObjectPath) -> Value {
        Value::from(self.path(path))
    }
}
