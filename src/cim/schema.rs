//! What classes there are, and what their instances have.

use super::name::{same, sum};
use super::{CimType, Instance, KeyValue, Keys, Name, ObjectPath, SyntaxError, Type, Value, mof};
use std::fmt;
use std::ops::Deref;
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
    classes: Members<Class>,
    /// For each of them the place of the one it extends.
    bases: Vec<Option<usize>>,
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
    pub properties: Members<Property>,
    /// The methods, inherited ones first; each is here once, as the class sees it.
    pub methods: Members<Method>,
}

/// What a class declares: a slice in the order of the declaration, in which a name is found without
/// looking through it.
#[derive(Clone, Debug, PartialEq)]
pub struct Members<T> {
    all: Vec<T>,
    /// Their places, in the order of the sums of their names.
    by_name: Vec<(u32, usize)>,
}

/// What has a name.
pub trait Named {
    /// The name.
    fn name(&self) -> &Name;
}

impl Named for Property {
    fn name(&self) -> &Name {
        &self.name
    }
}

impl Named for Method {
    fn name(&self) -> &Name {
        &self.name
    }
}

impl Named for Class {
    fn name(&self) -> &Name {
        &self.name
    }
}

impl<T: Named> Members<T> {
    /// Members of which no two have the same name.
    pub(super) fn new(all: Vec<T>) -> Self {
        let sums = all.iter().enumerate().map(|(at, it)| (sum(it.name().as_str()), at));
        let mut by_name: Vec<_> = sums.collect();
        by_name.sort_unstable();
        Self { all, by_name }
    }

    /// Adds one whose name none of them has.
    pub(super) fn push(&mut self, it: T) {
        let entry = (sum(it.name().as_str()), self.all.len());
        self.by_name.insert(self.by_name.partition_point(|it| *it < entry), entry);
        self.all.push(it);
    }

    /// Where the member with this name is.
    pub(super) fn place(&self, name: &str) -> Option<usize> {
        let sum = sum(name);
        let first = self.by_name.partition_point(|(it, _)| *it < sum);
        let alike = self.by_name[first..].iter().take_while(|(it, _)| *it == sum);
        alike.map(|(_, place)| *place).find(|it| *self.all[*it].name() == *name)
    }

    fn find(&self, name: &str) -> Option<&T> {
        self.place(name).map(|at| &self.all[at])
    }

    /// Puts in front what a base has and the class itself does not declare anew; what it declares
    /// anew takes the place it had.
    fn inherit(&mut self, base: &Self)
    where
        T: Clone,
    {
        let mut all = base.all.clone();
        for it in self.all.drain(..) {
            match base.place(it.name().as_str()) {
                Some(place) => all[place] = it,
                None => all.push(it),
            }
        }
        *self = Self::new(all);
    }

    fn retain(&mut self, keep: impl FnMut(&T) -> bool) {
        let mut all = std::mem::take(&mut self.all);
        all.retain(keep);
        *self = Self::new(all);
    }
}

impl<T> Deref for Members<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.all
    }
}

impl<'a, T> IntoIterator for &'a Members<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
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
        self.properties.find(name)
    }

    /// A method.
    pub fn method(&self, name: &str) -> Option<&Method> {
        self.methods.find(name)
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
        let mut schema = Self::of(Vec::new());
        for (text, mof) in texts.iter().enumerate() {
            mof::read(mof, &mut schema).map_err(|error| SchemaError { text, error })?;
        }
        Ok(Self::of(schema.classes.all))
    }

    fn of(mut classes: Vec<Class>) -> Self {
        classes.sort_by(|a, b| a.name.cmp(&b.name));
        let classes = Members::new(classes);
        let base = |it: &Class| classes.place(it.superclass.as_ref()?.as_str());
        let bases = classes.iter().map(base).collect();
        Self { classes, bases }
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
        let mut classes = self.classes.to_vec();
        classes.retain(|it| it.builds.contains(build));
        for class in &mut classes {
            class.properties.retain(|it| it.builds.contains(build));
            class.methods.retain(|it| it.builds.contains(build));
        }
        Self::of(classes)
    }

    /// Adds a class to those it may extend. What is wrong with it comes back as a sentence.
    pub(super) fn add(&mut self, mut class: Class) -> Result<(), String> {
        if self.class(class.name.as_str()).is_some() {
            return Err(format!("class `{}` is declared twice", class.name));
        }
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
            let is_key = |name: &Name| base.property(name.as_str()).is_some_and(|it| it.is_key);
            class.properties.all.iter_mut().for_each(|it| it.is_key |= is_key(&it.name));
            class.properties.inherit(&base.properties);
            class.methods.inherit(&base.methods);
        }
        self.classes.push(class);
        Ok(())
    }

    /// A class.
    pub fn class(&self, name: &str) -> Option<&Class> {
        self.classes.find(name)
    }

    /// Every class, in the order of their names.
    pub fn classes(&self) -> impl ExactSizeIterator<Item = &Class> {
        self.classes.iter()
    }

    /// A class and those it extends, from itself to the root; empty for one that is not declared.
    pub fn derivation(&self, name: &str) -> impl Iterator<Item = &Class> {
        let places = std::iter::successors(self.classes.place(name), |it| self.bases[*it]);
        places.map(|it| &self.classes[it])
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
