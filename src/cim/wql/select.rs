//! Whether an instance meets a condition, by WMI's rules of comparison.

use super::ast::{Condition, Constant, Operand, Operator, Projection, PropertyPath, Select};
use crate::cim::name::compare as compare_text;
use crate::cim::{CimType, Class, DateTime, Instance, ObjectPath, Schema, Value};
use std::borrow::Cow;
use std::cmp::Ordering;

impl Select {
    /// Whether the query is about this instance: it is of the class and meets the condition.
    pub fn selects(&self, instance: &Instance, schema: &Schema) -> bool {
        schema.is_a(instance.class.as_str(), self.class.as_str())
            && self.condition.as_ref().is_none_or(|it| it.is_met_by(instance, schema))
    }

    /// What the query shows of an instance: the properties it names, in its order, and the keys,
    /// which clients read although they did not ask for them.
    pub fn project(&self, mut instance: Instance, schema: &Schema) -> Instance {
        let Projection::Properties(properties) = &self.projection else { return instance };
        let class = schema.class(instance.class.as_str());
        let keys = class.into_iter().flat_map(Class::keys).map(|it| &it.name);
        let mut shown = Instance::new(&instance.class);
        shown.path = instance.path.take();
        for name in properties.iter().map(|it| &it.name).chain(keys) {
            if let Some(value) = instance.remove(name.as_str()) {
                shown.set(name, value);
            }
        }
        shown
    }
}

impl Condition {
    /// Whether an instance meets the condition.
    ///
    /// Strings are compared without regard to case, a number with the text of one as numbers, a
    /// `datetime` with the text of one as instants, a reference with the text of a path as paths.
    /// A property that was not supplied is null.
    pub fn is_met_by(&self, instance: &Instance, schema: &Schema) -> bool {
        let look = Look { instance, schema };
        match self {
            Self::Compare { left, operator, right } => look.compare(left, *operator, right),
            Self::Like { property, pattern } => {
                let value = look.up(property);
                value.to_text().is_some_and(|text| pattern.matches(&text))
            }
            Self::IsNull(property) => look.up(property).is_null(),
            Self::IsA { property, class } => match &*look.up(property) {
                Value::Object(object) => schema.is_a(object.class.as_str(), class.as_str()),
                _ => false,
            },
            Self::Not(condition) => !condition.is_met_by(instance, schema),
            Self::And(all) => all.iter().all(|it| it.is_met_by(instance, schema)),
            Self::Or(any) => any.iter().any(|it| it.is_met_by(instance, schema)),
        }
    }
}

/// A look at an instance.
struct Look<'a> {
    instance: &'a Instance,
    schema: &'a Schema,
}

impl<'a> Look<'a> {
    fn up(&self, property: &PropertyPath) -> Cow<'a, Value> {
        let mut instance = self.instance;
        let mut name = &property.name;
        for inner in &property.within {
            match instance.get(name.as_str()) {
                Some(Value::Object(object)) => instance = object,
                _ => return Cow::Owned(Value::Null),
            }
            name = inner;
        }
        if let Some(value) = instance.get(name.as_str()) {
            return Cow::Borrowed(value);
        }
        let system = self.schema.system_property(instance, name.as_str());
        Cow::Owned(system.unwrap_or(Value::Null))
    }

    fn compare(&self, left: &Operand, operator: Operator, right: &Operand) -> bool {
        let order = match (left, right) {
            (Operand::Property(property), Operand::Constant(constant)) => {
                order(&self.up(property), constant)
            }
            (Operand::Constant(constant), Operand::Property(property)) => {
                order(&self.up(property), constant).map(Ordering::reverse)
            }
            (Operand::Property(left), Operand::Property(right)) => {
                constant(&self.up(right)).and_then(|right| order(&self.up(left), &right))
            }
            (Operand::Constant(_), Operand::Constant(_)) => None,
        };
        order.is_some_and(|order| match operator {
            Operator::Equal => order.is_eq(),
            Operator::NotEqual => order.is_ne(),
            Operator::Less => order.is_lt(),
            Operator::AtMost => order.is_le(),
            Operator::Greater => order.is_gt(),
            Operator::AtLeast => order.is_ge(),
        })
    }
}

/// A value as a query would write it; `None` of null, arrays and objects.
fn constant(value: &Value) -> Option<Constant> {
    Some(match value {
        Value::Boolean(it) => Constant::Boolean(*it),
        Value::Real32(_) | Value::Real64(_) => Constant::Real(value.as_real()?),
        _ => match value.as_integer() {
            Some(number) => Constant::Integer(number),
            None => Constant::Text(value.to_text()?),
        },
    })
}

/// How a value stands to a constant; `None` if they cannot be compared.
fn order(value: &Value, constant: &Constant) -> Option<Ordering> {
    match value {
        Value::Null | Value::Array(_) | Value::Object(_) => None,
        Value::String(text) => match constant {
            Constant::Text(other) => Some(compare_text(text, other)),
            other => Some(compare_text(text, &other.to_string())),
        },
        Value::Boolean(it) => it.partial_cmp(&match constant {
            Constant::Boolean(other) => *other,
            Constant::Integer(number) => *number != 0,
            Constant::Real(_) => return None,
            Constant::Text(text) => match Value::from_text(CimType::Boolean, text)? {
                Value::Boolean(other) => other,
                _ => return None,
            },
        }),
        Value::DateTime(it) => match constant {
            Constant::Text(text) => compare_times(*it, text.parse().ok()?),
            _ => None,
        },
        Value::Reference(path) => match constant {
            Constant::Text(text) => Some(compare_paths(path, &text.parse().ok()?)),
            _ => None,
        },
        Value::Char16(_) => match constant {
            Constant::Text(text) => Some(compare_text(&value.to_text()?, text)),
            _ => None,
        },
        // The constant is read at the precision that the property has.
        Value::Real32(it) => it.partial_cmp(&number_text(constant)?.parse().ok()?),
        Value::Real64(it) => it.partial_cmp(&number_text(constant)?.parse().ok()?),
        integer => compare_integers(integer.as_integer()?, constant),
    }
}

fn number_text(constant: &Constant) -> Option<Cow<'_, str>> {
    match constant {
        Constant::Text(text) => Some(Cow::Borrowed(text.trim())),
        Constant::Integer(_) | Constant::Real(_) => Some(Cow::Owned(constant.to_string())),
        Constant::Boolean(_) => None,
    }
}

fn compare_integers(number: i128, constant: &Constant) -> Option<Ordering> {
    match constant {
        Constant::Integer(other) => Some(number.cmp(other)),
        Constant::Boolean(other) => Some((number != 0).cmp(other)),
        #[expect(clippy::cast_precision_loss, reason = "a real is no more precise")]
        Constant::Real(other) => (number as f64).partial_cmp(other),
        Constant::Text(text) => {
            let text = text.trim();
            let integer = text.parse().map(Constant::Integer);
            let constant = integer.or_else(|_| text.parse().map(Constant::Real)).ok()?;
            compare_integers(number, &constant)
        }
    }
}

/// Points in time are compared as instants, wherever their clocks stand.
fn compare_times(a: DateTime, b: DateTime) -> Option<Ordering> {
    match (a, b) {
        (DateTime::Time(a), DateTime::Time(b)) => Some(a.to_utc().cmp(&b.to_utc())),
        (DateTime::Interval(a), DateTime::Interval(b)) => Some(a.cmp(&b)),
        _ => None,
    }
}

/// Paths to the same object are equal; of others, no one says which is less.
fn compare_paths(a: &ObjectPath, b: &ObjectPath) -> Ordering {
    if a.is_same_object(b) { Ordering::Equal } else { a.cmp(b) }
}
