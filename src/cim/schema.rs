//! What classes there are, and what their instances have.

use super::name::{compare, same};
use super::{CimType, Instance, KeyValue, Keys, Name, ObjectPath, SyntaxError, Type, Value, mof};
use std::fmt;
use std::sync::OnceLock;

/// The classes of a namespace.
///
/// ```
/// use hyperv_replica::cim::{CimType, Schema};
///
/// let schema = Schema::virtualization();
/// let settings = schema.class("msvm_replicationsettingdata").expect("declared");
/// let interval = settings.property("ReplicationInterval").expect("declared");
/// assert_eq!(interval.of.of, CimType::Uint16);
/// assert_eq!(interval.builds.min, Some(9600)); // New in Windows Server 2012 R2.
/// assert!(schema.is_a("Msvm_ReplicationSettingData", "CIM_SettingData"));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Schema {
    /// In the order of their names.
    classes: Vec<Class>,
}

/// A class, with what it inherits.
#[derive(Clone, Debug, PartialEq)]
pub struct Class {
    /// The name.
    pub name: Name,
    /// The class it extends.
    pub superclass: Option<Name>,
    /// Whether its instances link two others.
    pub is_association: bool,
    /// What it is for.
    pub description: String,
    /// The builds of Windows that have it.
    pub builds: Builds,
    /// The properties, inherited ones first; each is here once, as the class sees it.
    pub properties: Vec<Property>,
    /// The methods, inherited ones first; each is here once, as the class sees it.
    pub methods: Vec<Method>,
}

/// The builds of Windows that have something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Builds {
    /// The first one, if it is not the first with this namespace: 9200, Windows Server 2012.
    pub min: Option<u32>,
    /// The last one, if it is not the newest.
    pub max: Option<u32>,
}

impl Builds {
    /// Whether this build is among them.
    pub fn contains(self, build: u32) -> bool {
        self.min.is_none_or(|min| min <= build) && self.max.is_none_or(|max| build <= max)
    }
}

/// A property of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Property {
    /// The name.
    pub name: Name,
    /// The class that declares it, nearest to the one it is a property of.
    pub origin: Name,
    /// The type.
    pub of: Type,
    /// The class of what a reference leads to, or of the object it holds.
    pub class: Option<Name>,
    /// Whether it is one of the keys that tell instances apart.
    pub is_key: bool,
    /// The class of the instance whose text a string holds.
    pub embedded: Option<Name>,
    /// The value of a new instance.
    pub default: Option<Value>,
    /// What its values mean.
    pub values: ValueMap,
    /// The longest string, in characters.
    pub max_len: Option<u32>,
    /// The unit of a number.
    pub units: Option<String>,
    /// Whether Microsoft says not to use it.
    pub is_deprecated: bool,
    /// What it says.
    pub description: String,
    /// The builds of Windows that have it.
    pub builds: Builds,
}

/// A method of a class.
#[derive(Clone, Debug, PartialEq)]
pub struct Method {
    /// The name.
    pub name: Name,
    /// The class that declares it, nearest to the one it is a method of.
    pub origin: Name,
    /// The type of the return value.
    pub returns: CimType,
    /// What return values there are.
    pub values: ValueMap,
    /// The parameters, in their order.
    pub parameters: Vec<Parameter>,
    /// Whether Microsoft says not to use it.
    pub is_deprecated: bool,
    /// What it does.
    pub description: String,
    /// The builds of Windows that have it.
    pub builds: Builds,
}

/// A parameter of a method.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// The name.
    pub name: Name,
    /// The type.
    pub of: Type,
    /// The class of what a reference leads to, or of the object it holds.
    pub class: Option<Name>,
    /// Whether the caller gives it.
    pub is_in: bool,
    /// Whether the method gives it.
    pub is_out: bool,
    /// The class of the instance whose text a string holds.
    pub embedded: Option<Name>,
    /// What its values mean.
    pub values: ValueMap,
}

/// What the values of a property or parameter mean, in the order of the declaration.
///
/// A value is a number or a word; some are ranges, such as `32768..65535`, or `..` for the rest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ValueMap(pub(super) Vec<(String, Option<String>)>);

impl ValueMap {
    /// The label of a value.
    pub fn label(&self, value: &str) -> Option<&str> {
        self.0.iter().find(|(it, _)| it == value).and_then(|(_, label)| label.as_deref())
    }

    /// Each value with its label, if it has one.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(value, label)| (value.as_str(), label.as_deref()))
    }
}

impl Class {
    /// A property.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.iter().find(|it| it.name == *name)
    }

    /// A method.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.iter().find(|it| it.name == *name)
    }

    /// The properties that tell its instances apart; none of a class that has no instances of its
    /// own, such as one whose instances are always embedded.
    pub fn keys(&self) -> impl Iterator<Item = &Property> {
        self.properties.iter().filter(|it| it.is_key)
    }

    /// The ends of an association: its references.
    pub fn ends(&self) -> impl Iterator<Item = &Property> {
        let of = Type::scalar(CimType::Reference);
        self.properties.iter().filter(move |it| self.is_association && it.of == of)
    }
}

impl Method {
    /// A parameter.
    pub fn parameter(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|it| it.name == *name)
    }
}

/// Why texts are no schema: which of them, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// Which of the texts, from 0.
    pub text: usize,
    /// Where and what.
    pub error: SyntaxError,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "text {}, {}", self.text, self.error)
    }
}

impl std::error::Error for SchemaError {}

impl Schema {
    /// The replication part of `root\virtualization\v2`, and the system classes that events are.
    ///
    /// # Panics
    /// Never: the texts are part of the crate, and a test reads them.
    pub fn virtualization() -> &'static Self {
        static SCHEMA: OnceLock<Schema> = OnceLock::new();
        SCHEMA.get_or_init(|| Self::parse(Self::VIRTUALIZATION).expect("a test reads the schema"))
    }

    /// The texts that [`Schema::virtualization`] reads.
    pub const VIRTUALIZATION: &'static [&'static str] = &[
        include_str!("../../fixtures/schema/system.mof"),
        include_str!("../../fixtures/schema/cim.mof"),
        include_str!("../../fixtures/schema/systems.mof"),
        include_str!("../../fixtures/schema/settings.mof"),
        include_str!("../../fixtures/schema/management.mof"),
        include_str!("../../fixtures/schema/replication.mof"),
        include_str!("../../fixtures/schema/associations.mof"),
        include_str!("../../fixtures/schema/windows.mof"),
    ];

    /// Reads classes from MOF: the part of the language that says what [`Class`] holds.
    ///
    /// A class stands behind the class that it extends, as in WMI's own compiler.
    ///
    /// # Errors
    /// [`SchemaError`] at the first place where a text is no such MOF, or declares a class twice or
    /// before the one that it extends.
    pub fn parse(texts: &[&str]) -> Result<Self, SchemaError> {
        let mut schema = Self { classes: Vec::new() };
        for (text, mof) in texts.iter().enumerate() {
            mof::read(mof, &mut schema).map_err(|error| SchemaError { text, error })?;
        }
        Ok(schema)
    }

    /// The same as hosts of a build have it: without the classes, properties and methods that came
    /// later or went earlier.
    ///
    /// ```
    /// use hyperv_replica::cim::Schema;
    ///
    /// let server_2012 = Schema::virtualization().of_build(9200);
    /// assert!(server_2012.class("Msvm_ReplicationSettingData").is_some());
    /// assert!(server_2012.class("Msvm_ReplicationRelationship").is_none());
    /// ```
    #[must_use]
    pub fn of_build(&self, build: u32) -> Self {
        let mut classes = self.classes.clone();
        classes.retain(|it| it.builds.contains(build));
        for class in &mut classes {
            class.properties.retain(|it| it.builds.contains(build));
            class.methods.retain(|it| it.builds.contains(build));
        }
        Self { classes }
    }

    /// Adds a class to those it may extend. What is wrong with it comes back as a sentence.
    pub(super) fn add(&mut self, mut class: Class) -> Result<(), String> {
        let Err(place) = self.search(class.name.as_str()) else {
            return Err(format!("class `{}` is declared twice", class.name));
        };
        if let Some(superclass) = &class.superclass {
            let Some(base) = self.class(superclass.as_str()) else {
                return Err(format!(
                    "`{superclass}`, which `{}` extends, is not declared",
                    class.name
                ));
            };
            class.is_association |= base.is_association;
            // DSP0004: `Key` cannot be overridden, so that what is a key stays one when it is declared
            // anew, as the ends of associations are.
            for own in &mut class.properties {
                own.is_key |= base.property(own.name.as_str()).is_some_and(|it| it.is_key);
            }
            inherit(&mut class.properties, &base.properties, |it| &it.name);
            // Who declares a key anew cannot make it anything else.
            let is_key = |name: &Name| base.property(name.as_str()).is_some_and(|it| it.is_key);
            class.properties.iter_mut().for_each(|it| it.is_key |= is_key(&it.name));
            inherit(&mut class.methods, &base.methods, |it| &it.name);
        }
        self.classes.insert(place, class);
        Ok(())
    }

    /// A class.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.search(name).ok().map(|at| &self.classes[at])
    }

    /// Where a class is, or where it would be.
    fn search(&self, name: &str) -> Result<usize, usize> {
        self.classes.binary_search_by(|it| compare(it.name.as_str(), name))
    }

    /// Every class, in the order of their names.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = &Class> {
        self.classes.iter()
    }

    /// A class and those it extends, from itself to the root; empty for one that is not declared.
    pub fn derivation(&self, name: &str) -> impl Iterator<Item = &Class> {
        let above = |it: &&Class| it.superclass.as_ref().and_then(|it| self.class(it.as_str()));
        std::iter::successors(self.class(name), move |it| above(it))
    }

    /// Whether a class is another one or extends it.
    pub fn is_a(&self, class: &str, ancestor: &str) -> bool {
        same(class, ancestor) || self.derivation(class).any(|it| it.name == *ancestor)
    }

    /// The path of an instance, from its keys, in no namespace; `None` if one of them is missing or
    /// null, or its class has none.
    pub fn path_of(&self, instance: &Instance) -> Option<ObjectPath> {
        let mut path = ObjectPath::class(&instance.class);
        for key in self.class(instance.class.as_str())?.keys() {
            let value = match instance.get(key.name.as_str())? {
                Value::Boolean(it) => KeyValue::Boolean(*it),
                value => match value.as_integer() {
                    Some(number) => KeyValue::Integer(number),
                    None => KeyValue::from(value.to_text()?),
                },
            };
            path = path.with(&key.name, value);
        }
        (path.keys != Keys::Class).then_some(path)
    }

    /// A [system property][page] of an instance, such as `__PATH`; null if it says nothing of it,
    /// and `None` if there is no such system property.
    ///
    /// [page]: https://learn.microsoft.com/windows/win32/wmisdk/wmi-system-properties
    pub fn system_property(&self, instance: &Instance, name: &str) -> Option<Value> {
        const GENUS_INSTANCE: i32 = 2;
        let known = SYSTEM_PROPERTIES.iter().find(|it| same(it, name))?;
        let class = instance.class.as_str();
        let place = instance.path.as_ref().and_then(|it| it.namespace.as_ref());
        let above = || self.derivation(class).skip(1).map(|it| it.name.to_string());
        let text = |it: Option<String>| Value::from(it);
        Some(match *known {
            "__CLASS" => Value::from(class),
            "__SUPERCLASS" => text(above().next()),
            "__DYNASTY" => text(self.derivation(class).last().map(|it| it.name.to_string())),
            "__DERIVATION" => Value::from(above().collect::<Vec<_>>()),
            "__GENUS" => Value::from(GENUS_INSTANCE),
            "__PROPERTY_COUNT" => Value::from(i32::try_from(instance.properties().len()).ok()),
            "__SERVER" => text(place.and_then(|it| it.host.as_ref()).map(Name::to_string)),
            "__NAMESPACE" => text(place.map(|it| it.name.to_string())),
            "__RELPATH" => {
                let path = instance.path.as_ref().map(ObjectPath::relative);
                text(path.or_else(|| self.path_of(instance)).map(|it| it.to_string()))
            }
            _ => text(instance.path.as_ref().map(ObjectPath::to_string)),
        })
    }
}

/// The names of the properties that every object has.
pub(super) const SYSTEM_PROPERTIES: &[&str] = &[
    "__CLASS",
    "__SUPERCLASS",
    "__DYNASTY",
    "__DERIVATION",
    "__GENUS",
    "__PROPERTY_COUNT",
    "__SERVER",
    "__NAMESPACE",
    "__RELPATH",
    "__PATH",
];

/// Puts in front what a base has and the class itself does not declare anew; what it declares anew
/// takes the place it had.
fn inherit<T: Clone>(own: &mut Vec<T>, base: &[T], name: impl Fn(&T) -> &Name) {
    let mut all = base.to_vec();
    for it in own.drain(..) {
        match all.iter_mut().find(|old| name(old) == name(&it)) {
            Some(old) => *old = it,
            None => all.push(it),
        }
    }
    *own = all;
}
