//! Objects: a class and what its properties hold.

use super::{Class, Name, ObjectPath, Property, TypeError, Value};
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

    /// An object with these properties.
    pub(super) fn of<const N: usize>(
        class: &'static str,
        properties: [(&'static str, Value); N],
    ) -> Self {
        Self::new(Name::from_static(class)).with_all(properties)
    }

    /// The same with these properties, too, none of which it has.
    #[must_use]
    pub(super) fn with_all<const N: usize>(
        mut self,
        properties: [(&'static str, Value); N],
    ) -> Self {
        let named = |(name, value)| (Name::from_static(name), value);
        self.properties.extend(properties.into_iter().map(named));
        self
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
    pub(super) fn completed(self, class: &Class) -> Self {
        Layout::of(class).complete(self)
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

/// Completes instances of a class, one after the other.
///
/// What is written by the same hand has the same properties in the same order: where those of one
/// instance went is where those of the next one go.
#[derive(Debug)]
pub(super) struct Layout<'a> {
    class: &'a Class,
    /// Where a property of this name, in this position, went; `None` if the class does not have it.
    places: Vec<(Name, Option<usize>)>,
}

impl<'a> Layout<'a> {
    pub(super) const fn of(class: &'a Class) -> Self {
        Self { class, places: Vec::new() }
    }

    /// The same instance [completed](Instance::completed).
    pub(super) fn complete(&mut self, instance: Instance) -> Instance {
        let declared = |it: &Property| (it.name.clone(), it.default.clone().unwrap_or(Value::Null));
        let mut properties: Vec<_> = self.class.properties.iter().map(declared).collect();
        for (position, (name, value)) in instance.properties.into_iter().enumerate() {
            if let Some(place) = self.place(position, name) {
                properties[place].1 = value;
            }
        }
        Instance { properties, ..instance }
    }

    fn place(&mut self, position: usize, name: Name) -> Option<usize> {
        match self.places.get(position) {
            Some((known, place)) if *known == name => *place,
            _ => {
                let place = self.class.properties.place(name.as_str());
                self.places.truncate(position);
                self.places.push((name, place));
                place
            }
        }
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
