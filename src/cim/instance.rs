//! Objects: a class and what its properties hold.

use super::{Class, Name, ObjectPath, TypeError, Value};
use std::fmt;

/// An object of WMI: of which class, with which values, and where it is.
///
/// Properties keep the order in which they were set, and are found without regard to case. A
/// property that is missing was not supplied; one that is [`Value::Null`] was, and is null. A method
/// that takes an embedded instance leaves alone what is missing.
///
/// ```
/// use hyperv_replica::cim::{Instance, Value};
///
/// let mut settings = Instance::new("Msvm_ReplicationSettingData");
/// settings.set("RecoveryServerPortNumber", 443_u16);
/// settings.set("RootCertificateThumbPrint", Value::Null);
///
/// assert_eq!(settings.read("recoveryserverportnumber")?, Some(&443_u16));
/// assert!(settings.supplies("RootCertificateThumbPrint"));
/// assert!(!settings.supplies("CertificateThumbPrint"));
/// # Ok::<(), hyperv_replica::cim::PropertyError>(())
/// ```
#[derive(Clone, PartialEq)]
pub struct Instance {
    /// The class.
    pub class: Name,
    /// The path, where it has one: `__PATH`. Embedded instances often have none.
    pub path: Option<ObjectPath>,
    properties: Vec<(Name, Value)>,
}

impl Instance {
    /// An object of a class, without any property and path.
    pub fn new(class: impl Into<Name>) -> Self {
        Self { class: class.into(), path: None, properties: Vec::new() }
    }

    /// The value of a property; `None` if it was not supplied.
    pub fn get(&self, property: &str) -> Option<&Value> {
        self.properties.iter().find(|(name, _)| *name == *property).map(|(_, value)| value)
    }

    /// Whether the property has a value or is null, as opposed to missing.
    pub fn supplies(&self, property: &str) -> bool {
        self.get(property).is_some()
    }

    /// The value of a property as a Rust type; `None` if it is null or missing.
    ///
    /// # Errors
    /// [`PropertyError`] if its value is of another type.
    pub fn read<'a, T>(&'a self, property: &str) -> Result<Option<T>, PropertyError>
    where
        T: TryFrom<&'a Value, Error = TypeError>,
    {
        match self.get(property) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => T::try_from(value)
                .map(Some)
                .map_err(|error| PropertyError { property: property.into(), error }),
        }
    }

    /// Gives a property a value, in place of the one it has.
    pub fn set(&mut self, property: impl Into<Name>, value: impl Into<Value>) {
        let (property, value) = (property.into(), value.into());
        match self.properties.iter_mut().find(|(name, _)| *name == property) {
            Some((_, old)) => *old = value,
            None => self.properties.push((property, value)),
        }
    }

    /// The same with one more property; for building one in an expression.
    #[must_use]
    pub fn with(mut self, property: impl Into<Name>, value: impl Into<Value>) -> Self {
        self.set(property, value);
        self
    }

    /// The same at a path.
    #[must_use]
    pub fn at(self, path: ObjectPath) -> Self {
        Self { path: Some(path), ..self }
    }

    /// The same with every property of a class, in the order of its declaration: one that has no
    /// value has the default, or is null. What the class does not have is dropped.
    #[must_use]
    pub(super) fn completed(mut self, class: &Class) -> Self {
        let properties = class.properties.iter().map(|it| {
            let at = self.properties.iter().position(|(name, _)| *name == it.name);
            let value = match at {
                Some(at) => self.properties.swap_remove(at).1,
                None => it.default.clone().unwrap_or(Value::Null),
            };
            (it.name.clone(), value)
        });
        let properties = properties.collect();
        Self { properties, ..self }
    }

    /// Takes a property away, so that it is not supplied.
    pub fn remove(&mut self, property: &str) -> Option<Value> {
        let at = self.properties.iter().position(|(name, _)| *name == *property)?;
        Some(self.properties.remove(at).1)
    }

    /// The properties, in their order.
    pub fn properties(&self) -> impl ExactSizeIterator<Item = (&Name, &Value)> {
        self.properties.iter().map(|(name, value)| (name, value))
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ", self.class)?;
        if let Some(path) = &self.path {
            write!(f, "at {path} ")?;
        }
        f.debug_map().entries(self.properties()).finish()
    }
}

/// A property whose value is of another type than was wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PropertyError {
    /// The property.
    pub property: Name,
    /// What is wrong with its value.
    pub error: TypeError,
}

impl fmt::Display for PropertyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "property {}: {}", self.property, self.error)
    }
}

impl std::error::Error for PropertyError {}
