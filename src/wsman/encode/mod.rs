//! Instances, values and replies of methods as XML: the binding of CIM, as Windows writes it.
//!
//! Properties stand in the order of their names, in the namespace of their class. A scalar that is
//! null is there and says so; an array that is null is left out. A reference is the content of an
//! `a:EndpointReference` without that element around it.
//!
//! Texts have no types, so that both directions read them off the schema. What it does not declare
//! is text.

mod read;
pub(super) mod time;
mod write;

use super::resource::{Dialect, class_uri};
use crate::cim::Schema;
use std::fmt;

/// What encoding depends on: where objects are, and which form of URIs a request uses.
#[derive(Clone, Copy, Debug)]
pub(super) struct Codec<'a> {
    pub(super) schema: &'a Schema,
    pub(super) dialect: Dialect,
    /// The namespace of objects whose path names none, with backslashes.
    pub(super) namespace: &'a str,
    pub(super) style: Style,
}

/// What clients ask for, or forgive.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Style {
    /// Arrays that are null are there, and say so: the option `msftwinrm:UsePreciseArrays`.
    pub(super) precise_arrays: bool,
    /// Properties say their type: the option `msftwinrm:includepropertymetadata`.
    pub(super) typed: bool,
    /// What Windows refuses in parameters is read.
    pub(super) is_lenient: bool,
}

impl<'a> Codec<'a> {
    /// One for messages between this crate's own halves, or with a host.
    pub(super) fn new(schema: &'a Schema, namespace: &'a str) -> Self {
        Self { schema, dialect: Dialect::Wmi, namespace, style: Style::default() }
    }

    /// The URI of a class, which is also the XML namespace of its properties.
    pub(super) fn class_uri(&self, class: &str) -> String {
        class_uri(self.dialect, self.namespace, class)
    }
}

/// Why XML is no value of what the schema declares, as a sentence without a full stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DecodeError(pub(super) String);

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for DecodeError {}

#[cfg(test)]
mod tests;
