//! From values to XML.

use super::{Codec, time};
use crate::cim::{
    CimType, Instance, KeyValue, Keys, Method, ObjectPath, Property, Reply, Type, Value,
};
use crate::wsman::names::{ADDRESSING, ANONYMOUS, CIM, CIM_NAMESPACE, WSMAN, XSI};
use crate::wsman::resource::{Dialect, class_uri};
use crate::wsman::xml::Xml;
use std::borrow::Cow;

const NIL: &[(&str, &str)] = &[("xsi:nil", "true")];

impl Codec<'_> {
    /// Writes an object.
    pub(in crate::wsman) fn instance(&self, xml: &mut Xml, instance: &Instance) {
        let class = instance.class.as_str();
        let (uri, of) = (self.class_uri(class), format!("p:{class}_Type"));
        let attributes =
            [("xmlns:xsi", XSI), ("xmlns:p", uri.as_str()), ("xmlns:cim", CIM), ("xsi:type", &of)];
        xml.part(&["p:", class], &attributes, |it| self.properties(it, instance, "p"));
    }

    /// Writes the properties that a query names, of which some may be system properties.
    pub(in crate::wsman) fn fragment(&self, xml: &mut Xml, names: &[&str], instance: &Instance) {
        let class = self.schema.class(instance.class.as_str());
        let property = |name: &str| class.and_then(|it| it.property(name));
        let mut names: Vec<&str> = names.to_vec();
        for name in &mut names {
            *name = property(name).map_or(*name, |it| it.name.as_str());
        }
        names.sort_unstable();
        names.dedup();
        let attributes = [("xmlns:xsi", XSI), ("xmlns:cim", CIM)];
        xml.element("w:XmlFragment", &attributes, |it| {
            for name in names {
                let value = match instance.get(name) {
                    Some(value) => Cow::Borrowed(value),
                    None => match self.schema.system_property(instance, name) {
                        Some(value) => Cow::Owned(value),
                        None => Cow::Owned(Value::Null),
                    },
                };
                self.property(it, "", name, &value, || property(name).map(|it| it.of));
            }
        });
    }

    fn properties(&self, xml: &mut Xml, instance: &Instance, prefix: &str) {
        let class = self.schema.class(instance.class.as_str());
        let mut properties: Vec<_> = instance.properties().collect();
        properties.sort_unstable_by(|(a, _), (b, _)| a.as_str().cmp(b.as_str()));
        for (name, value) in properties {
            let declared = || Some(class?.property(name.as_str())?.of);
            self.property(xml, prefix, name.as_str(), value, declared);
        }
    }

    /// Writes a property or parameter, under as many elements as it has values. Only of null one has
    /// to know the type that is declared.
    fn property(
        &self,
        xml: &mut Xml,
        prefix: &str,
        name: &str,
        value: &Value,
        declared: impl FnOnce() -> Option<Type>,
    ) {
        let colon = if prefix.is_empty() { "" } else { ":" };
        let name = [prefix, colon, name];
        let of = value.type_of().or_else(declared).unwrap_or(Type::scalar(CimType::String));
        let of_text = self.style.typed.then(|| xsi_type(of.of)).flatten();
        let typed = of_text.map(|it| ("xsi:type", it));
        let typed = typed.as_slice();
        match value {
            Value::Null if of.is_array && !self.style.precise_arrays => {}
            Value::Null if of.is_array => {
                let attributes = [
                    ("xmlns:m", crate::wsman::names::MICROSOFT),
                    ("xsi:nil", "true"),
                    ("m:IsNullArray", "true"),
                ];
                xml.empty(&name, &attributes);
            }
            Value::Null if typed.is_empty() => xml.empty(&name, NIL),
            Value::Null => xml.empty(&name, &[NIL, typed].concat()),
            Value::Array(array) => {
                for value in array.values() {
                    self.value(xml, &name, &value, typed);
                }
            }
            scalar => self.value(xml, &name, scalar, typed),
        }
    }

    fn value(&self, xml: &mut Xml, name: &[&str; 3], value: &Value, typed: &[(&str, &str)]) {
        match value {
            Value::Object(object) => self.object(xml, name, object),
            Value::Reference(path) => {
                let attributes = [("xmlns:a", ADDRESSING), ("xmlns:w", WSMAN)];
                xml.part(name, &attributes, |it| self.reference(it, path));
            }
            Value::DateTime(value) => {
                let (element, text) = time::write(*value);
                xml.part(name, typed, |it| it.leaf(element, &text));
            }
            Value::Boolean(value) => {
                xml.part(name, typed, |it| it.raw(if *value { "true" } else { "false" }));
            }
            Value::String(text) => xml.part(name, typed, |it| it.text(text)),
            scalar => {
                let text = scalar.to_text().unwrap_or_default();
                xml.part(name, typed, |it| it.text(&text));
            }
        }
    }

    /// An object within an object: its properties are in the namespace of its own class, under a
    /// prefix that is one deeper.
    fn object(&self, xml: &mut Xml, name: &[&str; 3], object: &Instance) {
        let depth: u32 = name[0].trim_start_matches('p').parse().unwrap_or(0);
        let (prefix, class) = (format!("p{}", depth + 1), object.class.as_str());
        let (uri, of) = (self.class_uri(class), format!("{prefix}:{class}_Type"));
        let declaration = format!("xmlns:{prefix}");
        let attributes = [(declaration.as_str(), uri.as_str()), ("xsi:type", of.as_str())];
        xml.part(name, &attributes, |it| self.properties(it, object, &prefix));
    }

    /// Writes what is in an `a:EndpointReference`.
    pub(in crate::wsman) fn reference(&self, xml: &mut Xml, path: &ObjectPath) {
        let namespace = path.namespace.as_ref().map_or(self.namespace, |it| it.name.as_str());
        xml.leaf("a:Address", ANONYMOUS);
        xml.element("a:ReferenceParameters", &[], |it| {
            let uri = class_uri(self.dialect, namespace, path.class.as_str());
            it.leaf("w:ResourceURI", &uri);
            self.selectors(it, path, namespace);
        });
    }

    /// Writes the selectors that name an instance, in the order of their names.
    fn selectors(&self, xml: &mut Xml, path: &ObjectPath, namespace: &str) {
        let class = self.schema.class(path.class.as_str());
        let one = |xml: &mut Xml, name: &str, value: &KeyValue| {
            let key = class.and_then(|it| it.property(name));
            xml.element("w:Selector", &[("Name", name)], |it| self.key(it, key, value));
        };
        xml.element("w:SelectorSet", &[], |it| {
            if self.dialect == Dialect::Dmtf {
                let namespace = namespace.replace('\\', "/");
                it.element("w:Selector", &[("Name", CIM_NAMESPACE)], |it| it.text(&namespace));
            }
            match &path.keys {
                Keys::Class | Keys::Singleton => {}
                Keys::Only(value) => {
                    if let Some(key) = class.and_then(|it| it.keys().next()) {
                        one(it, key.name.as_str(), value);
                    }
                }
                Keys::Named(keys) => {
                    for (name, value) in keys {
                        one(it, name.as_str(), value);
                    }
                }
            }
        });
    }

    /// Writes the value of a key; a key of an association is a reference.
    fn key(&self, xml: &mut Xml, key: Option<&Property>, value: &KeyValue) {
        let is_reference = key.is_some_and(|it| it.of.of == CimType::Reference);
        match value {
            KeyValue::Text(text) => match text.as_str().parse() {
                Ok(path) if is_reference => {
                    xml.element("a:EndpointReference", &[], |it| self.reference(it, &path));
                }
                _ => xml.text(text.as_str()),
            },
            KeyValue::Integer(number) => xml.text(&number.to_string()),
            KeyValue::Boolean(it) => xml.raw(if *it { "true" } else { "false" }),
        }
    }

    /// Writes what a method of a class returned: the out parameters, and behind them the return
    /// value.
    pub(in crate::wsman) fn output(
        &self,
        xml: &mut Xml,
        class: &str,
        method: &Method,
        reply: &Reply,
    ) {
        self.parameters(xml, class, &[method.name.as_str(), "_OUTPUT"], |it| {
            for (name, value) in reply.out.properties() {
                let declared = || method.parameter(name.as_str()).map(|it| it.of);
                self.property(it, "p", name.as_str(), value, declared);
            }
            it.leaf("p:ReturnValue", &reply.value.to_string());
        });
    }

    /// Writes the arguments of a method of a class.
    pub(in crate::wsman) fn input(
        &self,
        xml: &mut Xml,
        class: &str,
        method: &str,
        arguments: &Instance,
    ) {
        let declared = self.schema.class(class).and_then(|it| it.method(method));
        self.parameters(xml, class, &[method, "_INPUT"], |it| {
            for (name, value) in arguments.properties() {
                let declared = || Some(declared?.parameter(name.as_str())?.of);
                self.property(it, "p", name.as_str(), value, declared);
            }
        });
    }

    fn parameters(
        &self,
        xml: &mut Xml,
        class: &str,
        name: &[&str; 2],
        inside: impl FnOnce(&mut Xml),
    ) {
        let uri = self.class_uri(class);
        let attributes = [("xmlns:xsi", XSI), ("xmlns:p", uri.as_str()), ("xmlns:cim", CIM)];
        xml.part(&["p:", name[0], name[1]], &attributes, inside);
    }

    /// Writes the selectors of a request that is about an object.
    pub(in crate::wsman) fn target(&self, xml: &mut Xml, path: &ObjectPath) {
        self.selectors(xml, path, self.namespace);
    }
}

/// The type of DSP0230 that a value has; `None` of what has elements in it.
fn xsi_type(of: CimType) -> Option<&'static str> {
    Some(match of {
        CimType::Boolean => "cim:cimBoolean",
        CimType::Sint8 => "cim:cimByte",
        CimType::Uint8 => "cim:cimUnsignedByte",
        CimType::Sint16 => "cim:cimShort",
        CimType::Uint16 => "cim:cimUnsignedShort",
        CimType::Sint32 => "cim:cimInt",
        CimType::Uint32 => "cim:cimUnsignedInt",
        CimType::Sint64 => "cim:cimLong",
        CimType::Uint64 => "cim:cimUnsignedLong",
        CimType::Real32 => "cim:cimFloat",
        CimType::Real64 => "cim:cimDouble",
        CimType::Char16 => "cim:cimChar16",
        CimType::String => "cim:cimString",
        CimType::DateTime => "cim:cimDateTime",
        CimType::Reference => "cim:cimReference",
        CimType::Object => return None,
    })
}
