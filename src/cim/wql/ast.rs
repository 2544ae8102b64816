//! The tree of a query.

use super::Pattern;
use crate::cim::{Name, ObjectPath};
use std::time::Duration;

/// A query.
#[derive(Clone, Debug, PartialEq)]
pub enum Query {
    /// Instances of a class, or events.
    Select(Select),
    /// What associations link with an object.
    Associators(Associators),
    /// The associations that link an object.
    References(References),
}

/// `SELECT … FROM … WITHIN … WHERE …`.
#[derive(Clone, Debug, PartialEq)]
pub struct Select {
    /// Which properties.
    pub projection: Projection,
    /// Of which class, and of those that extend it.
    pub class: Name,
    /// How often WMI is to look for changes that no provider announces; events only.
    pub within: Option<Duration>,
    /// Which instances.
    pub condition: Option<Condition>,
}

/// Which properties a query is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Projection {
    /// `*`.
    All,
    /// These, and the keys.
    Properties(Vec<PropertyPath>),
}

/// A property, or one of an object within: `TargetInstance.JobState`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PropertyPath {
    /// The property.
    pub name: Name,
    /// Its property, that one's property, and so on.
    pub within: Vec<Name>,
}

impl PropertyPath {
    /// The property, if it is one of the instance itself.
    pub fn as_name(&self) -> Option<&Name> {
        self.within.is_empty().then_some(&self.name)
    }
}

impl From<&str> for PropertyPath {
    fn from(name: &str) -> Self {
        Self { name: name.into(), within: Vec::new() }
    }
}

/// A test of an instance.
///
/// WMI has two truth values. A comparison with null, or of things that cannot be compared, is not
/// met, whatever the operator; `NOT` of it is.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// `left = right` and the like. At least one of them is a property.
    Compare {
        /// What stands on the left.
        left: Operand,
        /// How they are compared.
        operator: Operator,
        /// What stands on the right.
        right: Operand,
    },
    /// `property LIKE "pattern"`.
    Like {
        /// The property.
        property: PropertyPath,
        /// What it is like.
        pattern: Pattern,
    },
    /// `property IS NULL`; also `property = NULL`.
    IsNull(PropertyPath),
    /// `property ISA "class"`, of an object within.
    IsA {
        /// The property.
        property: PropertyPath,
        /// The class it is of, or extends.
        class: Name,
    },
    /// `NOT condition`.
    Not(Box<Self>),
    /// `condition AND condition`, two or more.
    And(Vec<Self>),
    /// `condition OR condition`, two or more.
    Or(Vec<Self>),
}

/// One side of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Operand {
    /// What the instance has.
    Property(PropertyPath),
    /// What the query says.
    Constant(Constant),
}

/// A value in a query.
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    /// Text, in either quote; also a `datetime` or a path.
    Text(String),
    /// An integer.
    Integer(i128),
    /// A floating-point number, always finite.
    Real(f64),
    /// `TRUE` or `FALSE`.
    Boolean(bool),
}

/// How two sides are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`, also written `<>`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// `ASSOCIATORS OF {path} WHERE …`.
///
/// <https://learn.microsoft.com/windows/win32/wmisdk/associators-of-statement>
#[derive(Clone, Debug, PartialEq)]
pub struct Associators {
    /// The object from which one looks.
    pub source: ObjectPath,
    /// The class of associations.
    pub assoc_class: Option<Name>,
    /// The class of what is found.
    pub result_class: Option<Name>,
    /// The reference by which the association leads to the source.
    pub role: Option<Name>,
    /// The reference by which it leads to what is found.
    pub result_role: Option<Name>,
    /// A qualifier that the class of what is found has.
    pub required_qualifier: Option<Name>,
    /// A qualifier that the class of associations has.
    pub required_assoc_qualifier: Option<Name>,
    /// What of it is returned.
    pub yields: Yields,
}

/// `REFERENCES OF {path} WHERE …`.
///
/// <https://learn.microsoft.com/windows/win32/wmisdk/references-of-statement>
#[derive(Clone, Debug, PartialEq)]
pub struct References {
    /// The object from which one looks.
    pub source: ObjectPath,
    /// The class of associations.
    pub result_class: Option<Name>,
    /// The reference by which the association leads to the source.
    pub role: Option<Name>,
    /// A qualifier that the class of associations has.
    pub required_qualifier: Option<Name>,
    /// What of it is returned.
    pub yields: Yields,
}

/// What of the things that are found is returned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Yields {
    /// Themselves.
    #[default]
    Instances,
    /// Their keys: `KeysOnly`.
    Keys,
    /// Their classes: `ClassDefsOnly`.
    Classes,
    /// The classes that the schema lets be found; the source is a class: `SchemaOnly`.
    Schema,
}

impl Associators {
    /// All that is associated with an object.
    pub fn of(source: ObjectPath) -> Self {
        Self {
            source,
            assoc_class: None,
            result_class: None,
            role: None,
            result_role: None,
            required_qualifier: None,
            required_assoc_qualifier: None,
            yields: Yields::Instances,
        }
    }
}

impl References {
    /// All associations of an object.
    pub fn of(source: ObjectPath) -> Self {
        Self {
            source,
            result_class: None,
            role: None,
            required_qualifier: None,
            yields: Yields::Instances,
        }
    }
}

impl Select {
    /// All instances of a class.
    pub fn all(class: impl Into<Name>) -> Self {
        Self { projection: Projection::All, class: class.into(), within: None, condition: None }
    }

    /// The same of instances whose property has a value, too.
    #[must_use]
    pub fn with(mut self, property: &str, value: impl Into<Constant>) -> Self {
        let new = Condition::Compare {
            left: Operand::Property(property.into()),
            operator: Operator::Equal,
            right: Operand::Constant(value.into()),
        };
        self.condition = Some(match self.condition {
            None => new,
            Some(Condition::And(mut all)) => {
                all.push(new);
                Condition::And(all)
            }
            Some(old) => Condition::And(vec![old, new]),
        });
        self
    }

    /// The conditions that all have to be met: those between which `AND` stands, or the only one.
    pub fn conjuncts(&self) -> &[Condition] {
        match &self.condition {
            None => &[],
            Some(Condition::And(all)) => all,
            Some(one) => std::slice::from_ref(one),
        }
    }

    /// The properties that must have a certain value: where one is a key, an index finds what is
    /// selected, which then is still to be tested.
    ///
    /// ```
    /// use hyperv_replica::cim::wql::{Constant, Select};
    ///
    /// let query = Select::all("Msvm_ConcreteJob").with("InstanceID", "8F2C");
    /// let (name, value) = query.equalities().next().expect("one");
    /// assert_eq!((name.as_str(), value), ("InstanceID", &Constant::Text("8F2C".into())));
    /// ```
    pub fn equalities(&self) -> impl Iterator<Item = (&Name, &Constant)> {
        self.conjuncts().iter().filter_map(|it| match it {
            Condition::Compare { left, operator: Operator::Equal, right } => match (left, right) {
                (Operand::Property(property), Operand::Constant(value))
                | (Operand::Constant(value), Operand::Property(property)) => {
                    Some((property.as_name()?, value))
                }
                _ => None,
            },
            _ => None,
        })
    }

    /// The class that an object within must be of: of `TargetInstance`, in a query for events.
    pub fn required_class(&self, property: &str) -> Option<&Name> {
        self.conjuncts().iter().find_map(|it| match it {
            Condition::IsA { property: it, class } if *it.as_name()? == *property => Some(class),
            _ => None,
        })
    }
}

impl From<&str> for Constant {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i128> for Constant {
    fn from(number: i128) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Constant {
    fn from(it: bool) -> Self {
        Self::Boolean(it)
    }
}

impl From<Select> for Query {
    fn from(query: Select) -> Self {
        Self::Select(query)
    }
}

impl From<Associators> for Query {
    fn from(query: Associators) -> Self {
        Self::Associators(query)
    }
}

impl From<References> for Query {
    fn from(query: References) -> Self {
        Self::References(query)
    }
}
