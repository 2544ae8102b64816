//! From XML to values.

use super::{Codec, DecodeError, time};
use crate::cim::text::{self, Form, Reader, xml::Element};
use crate::cim::{
    Array, CimType, Class, Instance, Method, Name, Namespace, ObjectPath, Reply, Type, Value,
};
use crate::wsman::names::ADDRESSING;
use crate::wsman::resource::{Address, Resource, backslashes};

type Decode<T> = Result<T, DecodeError>;

fn refuse<T>(message: impl Into<String>) -> Decode<T> {
    Err(DecodeError(message.into()))
}

/// What the schema says of a property or parameter.
#[derive(Clone, Copy)]
struct Slot<'a> {
    of: Type,
    /// Whether a string is the text of an instance.
    is_embedded: bool,
    /// The class of an object.
    class: Option<&'a Name>,
}

/// What is not declared is text.
const TEXT: Slot<'_> = Slot { of: Type::scalar(CimType::String), is_embedded: false, class: None };

/// The most properties of an object: several times what the largest class has.
const MAX_PROPERTIES: usize = 512;

/// What a newer host says that the schema does not know: text, or what is in an element around it.
fn undeclared(group: &[&Element<'_>]) -> Value {
    let text = |it: &Element<'_>| it.children.first().unwrap_or(it).text.to_string();
    match group {
        [only] if is_nil(only) => Value::Null,
        [only] => Value::String(text(only)),
        many => Value::from(many.iter().map(|it| text(it)).collect::<Vec<_>>()),
    }
}

fn is_nil(element: &Element<'_>) -> bool {
    matches!(element.local_attribute("nil").map(str::trim), Some("true" | "1"))
}

impl Codec<'_> {
    /// Reads an object: the class is the element's name, and the path is that of its keys.
    pub(in crate::wsman) fn read_instance(&self, element: &Element<'_>) -> Decode<Instance> {
        let class = self.schema.class(element.local());
        let mut instance = self.read_properties(element, element.local(), class)?;
        instance.path = self.schema.path_of(&instance).map(|path| self.here(path));
        Ok(instance)
    }

    /// The path within the namespace that the codec is for.
    fn here(&self, path: ObjectPath) -> ObjectPath {
        let namespace = Namespace { host: None, name: self.namespace.into() };
        ObjectPath { namespace: Some(namespace), ..path }
    }

    fn read_properties(
        &self,
        element: &Element<'_>,
        name: &str,
        class: Option<&Class>,
    ) -> Decode<Instance> {
        let mut instance = Instance::new(class.map_or_else(|| name.into(), |it| it.name.clone()));
        self.read_into(&mut instance, element, |name| {
            let property = class?.property(name)?;
            let is_embedded = property.embedded.is_some();
            Some((
                &property.name,
                Slot { of: property.of, is_embedded, class: property.class.as_ref() },
            ))
        })?;
        Ok(instance)
    }

    /// Reads the properties that a fragment has, of instances of a class.
    pub(in crate::wsman) fn read_fragment(
        &self,
        element: &Element<'_>,
        class: &str,
    ) -> Decode<Instance> {
        self.read_properties(element, class, self.schema.class(class))
    }

    /// Reads the arguments of a method. Those it does not have are there as text, so that the
    /// service refuses them by name.
    pub(in crate::wsman) fn read_arguments(
        &self,
        element: &Element<'_>,
        method: &Method,
    ) -> Decode<Instance> {
        let mut arguments = Instance::parameters();
        self.read_into(&mut arguments, element, |name| parameter(method, name))?;
        Ok(arguments)
    }

    /// Reads what a method returned. An out parameter that is not there is null.
    pub(in crate::wsman) fn read_reply(
        &self,
        element: &Element<'_>,
        method: &Method,
    ) -> Decode<Reply> {
        let mut out = Instance::parameters();
        self.read_into(&mut out, element, |name| parameter(method, name))?;
        let Some(Value::String(value)) = out.remove("ReturnValue") else {
            return refuse(format!("{} returned no value", method.name));
        };
        match value.trim().parse() {
            Ok(value) => Ok(method.reply(value, out)),
            Err(_) => refuse(format!("{} returned `{value}`, which is no number", method.name)),
        }
    }

    fn read_into<'s>(
        &self,
        instance: &mut Instance,
        element: &Element<'_>,
        declared: impl Fn(&str) -> Option<(&'s Name, Slot<'s>)>,
    ) -> Decode<()> {
        // Elements of the same name are one array, wherever they stand.
        let mut groups: Vec<(&str, Vec<&Element<'_>>)> = Vec::new();
        for child in &element.children {
            let is_same = |name: &str| name.eq_ignore_ascii_case(child.local());
            match groups.iter().position(|(name, _)| is_same(name)) {
                Some(at) => groups[at].1.push(child),
                None if groups.len() == MAX_PROPERTIES => {
                    return refuse(format!("expected at most {MAX_PROPERTIES} properties"));
                }
                None => groups.push((child.local(), vec![child])),
            }
        }
        for (name, group) in groups {
            let Some((name, slot)) = declared(name) else {
                instance.set(name, undeclared(&group));
                continue;
            };
            let value = self.read_group(&group, slot);
            let value =
                value.map_err(|DecodeError(why)| DecodeError(format!("`{name}`: {why}")))?;
            instance.set(name, value);
        }
        Ok(())
    }

    fn read_group(&self, group: &[&Element<'_>], slot: Slot<'_>) -> Decode<Value> {
        match group {
            [only] if is_nil(only) => Ok(Value::Null),
            [only] if !slot.of.is_array => self.read_value(only, slot),
            many if slot.of.is_array => {
                let values = many.iter().map(|it| self.read_value(it, slot));
                let values = values.collect::<Decode<Vec<_>>>()?;
                match Array::collect(slot.of.of, values) {
                    Ok(array) => Ok(Value::Array(array)),
                    Err(error) => refuse(error.to_string()),
                }
            }
            many => refuse(format!("expected one value, found {}", many.len())),
        }
    }

    fn read_value(&self, element: &Element<'_>, slot: Slot<'_>) -> Decode<Value> {
        let of = slot.of.of;
        match of {
            CimType::Reference => self.read_reference(element).map(Value::from),
            CimType::Object => self.read_object(element, slot).map(Value::from),
            CimType::String if slot.is_embedded => self.read_embedded(element, slot),
            CimType::DateTime => {
                let text = element.children.first().map_or(&element.text, |it| &it.text);
                let bad = || DecodeError(format!("expected a datetime, found `{}`", text.trim()));
                time::read(text).map(Value::DateTime).ok_or_else(bad)
            }
            _ if !element.children.is_empty() => {
                refuse(format!("expected {}, found `{}`", of.name(), element.children[0].local()))
            }
            _ => Value::from_text(of, &element.text).ok_or_else(|| {
                DecodeError(format!("expected {}, found `{}`", of.name(), element.text.trim()))
            }),
        }
    }

    /// The class of an object within an element: what its type says, else what the schema does.
    fn class_within<'e>(element: &'e Element<'_>, slot: Slot<'e>) -> Option<&'e str> {
        let of = element.local_attribute("type").map(|it| element.resolve(it.trim()).1);
        let said = of.map(|it| it.strip_suffix("_Type").unwrap_or(it));
        said.or_else(|| slot.class.map(Name::as_str)).or_else(|| {
            let uri = element.children.first()?.namespace()?;
            uri.rsplit_once('/').map(|(_, class)| class)
        })
    }

    fn read_object(&self, element: &Element<'_>, slot: Slot<'_>) -> Decode<Instance> {
        let Some(class) = Self::class_within(element, slot) else {
            return refuse("the object does not say its class");
        };
        self.read_properties(element, class, self.schema.class(class))
    }

    /// The text of an instance. Windows wants text; in the other direction, where nobody has seen
    /// what it writes, and from those that are forgiven, elements are read, too.
    fn read_embedded(&self, element: &Element<'_>, slot: Slot<'_>) -> Decode<Value> {
        if element.children.is_empty() {
            return Ok(Value::String(self.forgiven(&element.text)));
        }
        if !self.style.is_lenient {
            return refuse("expected the text of an instance, found elements");
        }
        // An element for the instance itself, or its properties at once.
        let inner = match &element.children[..] {
            [only] if self.schema.class(only.local()).is_some() => only,
            _ => element,
        };
        let instance = if std::ptr::eq(inner, element) {
            self.read_object(element, slot)?
        } else {
            self.read_instance(inner)?
        };
        Ok(Value::String(text::write(&instance, self.schema, Form::CimDtd20)))
    }

    /// The text of an instance as it is; to those that are forgiven, without what its class does
    /// not have and with the types that it does.
    fn forgiven(&self, given: &str) -> String {
        let read = || Reader::new(self.schema).tolerant().read(given).ok();
        let written = self.style.is_lenient.then(read).flatten();
        written.map_or_else(|| given.to_owned(), |it| text::write(&it, self.schema, Form::CimDtd20))
    }

    /// Reads an object's path from the reference to it. One client passes the object itself, with
    /// its keys, and those that are forgiven may put a whole `a:EndpointReference` or a path.
    pub(in crate::wsman) fn read_reference(&self, element: &Element<'_>) -> Decode<ObjectPath> {
        let wrapped = element.child(ADDRESSING, "EndpointReference");
        let inner = match wrapped {
            Some(_) if !self.style.is_lenient => {
                return refuse("expected the content of an `EndpointReference`, found the element");
            }
            Some(inner) => inner,
            None => element,
        };
        if let Some(address) = Address::read(inner) {
            let path = address.path(self.schema);
            return path.ok_or_else(|| {
                DecodeError(format!("`{}` is not the URI of an object", address.resource))
            });
        }
        if element.children.is_empty() {
            return match element.text.trim().parse::<ObjectPath>() {
                Ok(path) if self.style.is_lenient => Ok(path),
                _ => refuse(format!("expected a reference, found `{}`", element.text.trim())),
            };
        }
        let object = self.read_object(element, TEXT)?;
        let uri = element.children[0].namespace().unwrap_or_default();
        let namespace = match Resource::of(uri) {
            Resource::Class(uri) => uri.namespace.map(|it| backslashes(&it)),
            _ => None,
        };
        match self.schema.path_of(&object) {
            Some(path) => Ok(ObjectPath {
                namespace: Some(Namespace {
                    host: None,
                    name: namespace.as_deref().unwrap_or(self.namespace).into(),
                }),
                ..path
            }),
            None => refuse("the object that is referred to does not say its keys"),
        }
    }
}

fn parameter<'m>(method: &'m Method, name: &str) -> Option<(&'m Name, Slot<'m>)> {
    let parameter = method.parameter(name)?;
    let is_embedded = parameter.embedded.is_some();
    Some((&parameter.name, Slot { of: parameter.of, is_embedded, class: parameter.class.as_ref() }))
}
