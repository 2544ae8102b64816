//! Reading an instance from its text.

use super::xml::{self, Element};
use super::{TextError, TextFault};
use crate::cim::scan::shown;
use crate::cim::schema::SYSTEM_PROPERTIES;
use crate::cim::{
    Array, CimType, Class, Instance, KeyValue, Keys, Name, Namespace, ObjectPath, Property, Schema,
    Type, Value,
};
use std::collections::BTreeMap;

/// How many texts within texts are read.
const MAX_NESTED: u8 = 8;

/// Reads instances of classes of a schema from their text.
///
/// Properties that the text does not have are missing from the instance; those without a value are
/// null. Qualifiers and system properties are read over, but for `__PATH`, which is the path.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    schema: &'a Schema,
    class: Option<&'a str>,
    is_tolerant: bool,
    nested: u8,
}

impl<'a> Reader<'a> {
    /// A reader that takes instances of every class of a schema, and is strict: a property that the
    /// class does not have, or of another `TYPE`, is an error.
    pub const fn new(schema: &'a Schema) -> Self {
        Self { schema, class: None, is_tolerant: false, nested: 0 }
    }

    /// One that takes only instances of a class and those that extend it.
    #[must_use]
    pub const fn of_class(self, class: &'a str) -> Self {
        Self { class: Some(class), ..self }
    }

    /// One that reads what an older or newer host wrote: a property that the class does not have is
    /// left out, and whatever `TYPE` says, the value is read as the schema's type.
    #[must_use]
    pub const fn tolerant(self) -> Self {
        Self { is_tolerant: true, ..self }
    }

    /// Reads an instance.
    ///
    /// # Errors
    /// [`TextError`] at the first element that is wrong.
    pub fn read(&self, text: &str) -> Result<Instance, TextError> {
        let root = xml::read(text)?;
        Document { text, reader: *self }.instance(&root, self.class)
    }
}

/// A text that is being read.
struct Document<'a> {
    text: &'a str,
    reader: Reader<'a>,
}

type Read<T> = Result<T, TextError>;

impl<'a> Document<'a> {
    fn refuse<T>(&self, at: &Element<'_>, fault: TextFault, message: impl Into<String>) -> Read<T> {
        Err(TextError::at(self.text, at.offset, fault, message))
    }

    fn attribute<'e>(&self, of: &'e Element<'_>, name: &str) -> Read<&'e str> {
        if let Some(value) = of.attribute(name) {
            return Ok(value);
        }
        let message = format!("`{}` has no `{name}`", of.name);
        self.refuse(of, TextFault::NotAnInstance, message)
    }

    /// An element of another name than the DTDs have there.
    fn unexpected<T>(&self, found: &Element<'_>, expected: &str) -> Read<T> {
        let message = format!("expected {expected}, found {}", shown(found.name));
        self.refuse(found, TextFault::NotAnInstance, message)
    }

    fn named<'e, 't>(&self, element: &'e Element<'t>, name: &str) -> Read<&'e Element<'t>> {
        if element.name == name {
            Ok(element)
        } else {
            self.unexpected(element, &format!("`{name}`"))
        }
    }

    /// The only child but for qualifiers, if there is one.
    fn only<'e, 't>(&self, of: &'e Element<'t>) -> Read<Option<&'e Element<'t>>> {
        let mut children = of.content();
        let first = children.next();
        match children.next() {
            Some(second) => self.unexpected(second, &format!("the end of `{}`", of.name)),
            None => Ok(first),
        }
    }

    fn instance(&self, element: &Element<'_>, wanted: Option<&str>) -> Read<Instance> {
        self.named(element, "INSTANCE")?;
        let name = self.attribute(element, "CLASSNAME")?;
        let Some(class) = self.reader.schema.class(name) else {
            let message = format!("there is no class {}", shown(name));
            return self.refuse(element, TextFault::WrongClass, message);
        };
        if let Some(wanted) = wanted.filter(|it| !self.reader.schema.is_a(name, it)) {
            let message = format!("expected an instance of `{wanted}`, found `{}`", class.name);
            return self.refuse(element, TextFault::WrongClass, message);
        }
        let mut instance = Instance::new(&class.name);
        for child in element.content() {
            self.property(child, class, &mut instance)?;
        }
        Ok(instance)
    }

    fn property(&self, element: &Element<'_>, class: &'a Class, to: &mut Instance) -> Read<()> {
        if !element.name.starts_with("PROPERTY") {
            return self.unexpected(element, "a property");
        }
        let name = self.attribute(element, "NAME")?;
        if SYSTEM_PROPERTIES.iter().any(|it| it.eq_ignore_ascii_case(name)) {
            if name.eq_ignore_ascii_case("__PATH") {
                to.path = self.path_property(element)?;
            }
            return Ok(());
        }
        let Some(property) = class.property(name) else {
            if self.reader.is_tolerant {
                return Ok(());
            }
            let message = format!("`{}` has no property {}", class.name, shown(name));
            return self.refuse(element, TextFault::UnknownProperty, message);
        };
        if to.supplies(name) {
            let message = format!("property `{}` is given twice", property.name);
            return self.refuse(element, TextFault::UnknownProperty, message);
        }
        self.check_type(element, property)?;
        let value = match self.only(element)? {
            None => Value::Null,
            Some(content) if property.of.is_array => self.array(content, property)?,
            Some(content) => self.scalar(content, property)?,
        };
        to.set(&property.name, value);
        Ok(())
    }

    fn path_property(&self, element: &Element<'_>) -> Read<Option<ObjectPath>> {
        let Some(value) = self.only(element)? else { return Ok(None) };
        match self.named(value, "VALUE")?.text.parse() {
            Ok(path) => Ok(Some(path)),
            Err(error) => self.refuse(value, TextFault::BadValue, format!("`__PATH`: {error}")),
        }
    }

    /// Whether the element is the one for the property's type, and says the property's type.
    fn check_type(&self, element: &Element<'_>, property: &Property) -> Read<()> {
        let Type { of, is_array } = property.of;
        let is_text = matches!(element.name, "PROPERTY" | "PROPERTY.ARRAY");
        let fits = match element.name {
            "PROPERTY" => !is_array && of != CimType::Reference,
            "PROPERTY.ARRAY" => is_array && of != CimType::Reference,
            "PROPERTY.REFERENCE" => !is_array && of == CimType::Reference,
            "PROPERTY.REFARRAY" => is_array && of == CimType::Reference,
            "PROPERTY.OBJECT" => !is_array && of == CimType::Object,
            "PROPERTY.OBJECTARRAY" => is_array && of == CimType::Object,
            _ => return self.unexpected(element, "a property"),
        };
        // An object as text within text is a string with a remark.
        let expected = if of == CimType::Object { CimType::String } else { of };
        let said = element.attribute("TYPE");
        let says_so = !is_text
            || self.reader.is_tolerant
            || said.is_some_and(|it| it.eq_ignore_ascii_case(expected.name()));
        if fits && says_so {
            return Ok(());
        }
        let found = match said {
            Some(said) => format!("{} of TYPE {}", element.name, shown(said)),
            None => format!("{} without TYPE", element.name),
        };
        let message = format!("property `{}` is {}, found {found}", property.name, property.of);
        self.refuse(element, TextFault::WrongType, message)
    }

    fn array(&self, content: &Element<'_>, property: &Property) -> Read<Value> {
        let list = match property.of.of {
            CimType::Reference => "VALUE.REFARRAY",
            CimType::Object if content.name == "VALUE.OBJECTARRAY" => "VALUE.OBJECTARRAY",
            _ => "VALUE.ARRAY",
        };
        self.named(content, list)?;
        let values = content.content().map(|it| self.scalar(it, property));
        let values = values.collect::<Read<Vec<_>>>()?;
        match Array::collect(property.of.of, values) {
            Ok(array) => Ok(Value::Array(array)),
            Err(error) => self.refuse(content, TextFault::BadValue, error.to_string()),
        }
    }

    fn scalar(&self, content: &Element<'_>, property: &Property) -> Read<Value> {
        match (property.of.of, content.name) {
            (CimType::Reference, "VALUE.REFERENCE") => match self.only(content)? {
                Some(path) => self.path(path).map(Value::from),
                None => self.refuse(content, TextFault::BadValue, "a reference leads nowhere"),
            },
            (CimType::Object, "VALUE.OBJECT") => match self.only(content)? {
                Some(object) => {
                    let wanted = property.class.as_ref().map(Name::as_str);
                    self.instance(object, wanted.filter(|it| *it != "object")).map(Value::from)
                }
                None => self.refuse(content, TextFault::BadValue, "an object is missing"),
            },
            (CimType::Object, "VALUE") => self.object_text(content, property),
            (CimType::Reference, _) => self.unexpected(content, "`VALUE.REFERENCE`"),
            (_, "VALUE") => {
                if let Some(child) = content.children.first() {
                    return self.unexpected(child, "text");
                }
                let of = property.of.of;
                Value::from_text(of, &content.text).ok_or(()).or_else(|()| {
                    let (name, found) = (&property.name, shown(&content.text));
                    let message =
                        format!("property `{name}` is {of}, found {found}", of = of.name());
                    self.refuse(content, TextFault::BadValue, message)
                })
            }
            _ => self.unexpected(content, "`VALUE`"),
        }
    }

    /// An object as text within text.
    fn object_text(&self, content: &Element<'_>, property: &Property) -> Read<Value> {
        if self.reader.nested == MAX_NESTED {
            let message = format!("texts are nested more than {MAX_NESTED} deep");
            return self.refuse(content, TextFault::TooLarge, message);
        }
        let nested = self.reader.nested + 1;
        let class = property.class.as_ref().map(Name::as_str);
        let read = Reader { class, nested, ..self.reader }.read(&content.text);
        read.map(Value::from).map_err(|error| {
            let message = format!("in property `{}`: {error}", property.name);
            TextError::at(self.text, content.offset, error.fault, message)
        })
    }

    fn path(&self, element: &Element<'_>) -> Read<ObjectPath> {
        match element.name {
            "INSTANCENAME" | "CLASSNAME" => self.relative_path(element),
            "INSTANCEPATH" | "LOCALINSTANCEPATH" | "CLASSPATH" | "LOCALCLASSPATH" => {
                let [namespace, relative] = &element.children[..] else {
                    let message = "a path has a namespace and a name";
                    return self.refuse(element, TextFault::NotAnInstance, message);
                };
                let namespace = Some(self.namespace(namespace)?);
                Ok(ObjectPath { namespace, ..self.relative_path(relative)? })
            }
            _ => self.unexpected(element, "a path"),
        }
    }

    fn namespace(&self, element: &Element<'_>) -> Read<Namespace> {
        if element.name == "NAMESPACEPATH" {
            let [host, local] = &element.children[..] else {
                let message = "a path of a namespace has a host and a name";
                return self.refuse(element, TextFault::NotAnInstance, message);
            };
            let host = self.named(host, "HOST")?.text.trim();
            return Ok(Namespace { host: Some(host.into()), ..self.namespace(local)? });
        }
        self.named(element, "LOCALNAMESPACEPATH")?;
        let names =
            element.children.iter().map(|it| self.attribute(self.named(it, "NAMESPACE")?, "NAME"));
        let names = names.collect::<Read<Vec<_>>>()?;
        Ok(Namespace { host: None, name: names.join("\\").into() })
    }

    fn relative_path(&self, element: &Element<'_>) -> Read<ObjectPath> {
        if element.name == "CLASSNAME" {
            return Ok(ObjectPath::class(self.attribute(element, "NAME")?));
        }
        self.named(element, "INSTANCENAME")?;
        let class = Name::from(self.attribute(element, "CLASSNAME")?);
        let keys = match &element.children[..] {
            [] => Keys::Singleton,
            [only] if only.name != "KEYBINDING" => Keys::Only(self.key_value(only)?),
            bindings => {
                let mut keys = BTreeMap::new();
                for binding in bindings {
                    let name = self.attribute(self.named(binding, "KEYBINDING")?, "NAME")?;
                    let Some(value) = self.only(binding)? else {
                        return self.refuse(binding, TextFault::BadValue, "a key has no value");
                    };
                    keys.insert(Name::from(name), self.key_value(value)?);
                }
                Keys::Named(keys)
            }
        };
        Ok(ObjectPath { namespace: None, class, keys })
    }

    fn key_value(&self, element: &Element<'_>) -> Read<KeyValue> {
        if element.name == "VALUE.REFERENCE" {
            let path = self.only(element)?.map(|it| self.path(it)).transpose()?;
            return match path {
                Some(path) => Ok(KeyValue::from(&path)),
                None => self.refuse(element, TextFault::BadValue, "a reference leads nowhere"),
            };
        }
        let text = &self.named(element, "KEYVALUE")?.text;
        let value = match element.attribute("VALUETYPE") {
            Some("numeric") => text.trim().parse().ok().map(KeyValue::Integer),
            Some("boolean") => match Value::from_text(CimType::Boolean, text) {
                Some(Value::Boolean(it)) => Some(KeyValue::Boolean(it)),
                _ => None,
            },
            _ => Some(KeyValue::from(&**text)),
        };
        value.ok_or(()).or_else(|()| {
            let message = format!("{} is no value of a key", shown(text));
            self.refuse(element, TextFault::BadValue, message)
        })
    }
}
