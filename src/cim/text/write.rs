//! Writing an instance as text.

use super::Form;
use super::xml::escape;
use crate::cim::schema::SYSTEM_PROPERTIES;
use crate::cim::{CimType, Instance, KeyValue, Keys, ObjectPath, Property, Schema, Type, Value};

/// Writes an instance. `NAME` is the first attribute of each property, because clients look for it
/// there, and a property that is null has no `VALUE`.
///
/// Characters that XML cannot carry, such as NUL, become U+FFFD.
pub fn write(instance: &Instance, schema: &Schema, form: Form) -> String {
    let mut writer = Writer { schema, form, out: String::with_capacity(4096) };
    writer.instance(instance);
    writer.out
}

struct Writer<'a> {
    schema: &'a Schema,
    form: Form,
    out: String,
}

impl Writer<'_> {
    fn open(&mut self, name: &str, attributes: &[(&str, &str)]) {
        self.out.push('<');
        self.out.push_str(name);
        for (name, value) in attributes {
            self.out.push(' ');
            self.out.push_str(name);
            self.out.push_str("=\"");
            escape(value, &mut self.out);
            self.out.push('"');
        }
        self.out.push('>');
    }

    fn close(&mut self, name: &str) {
        self.out.push_str("</");
        self.out.push_str(name);
        self.out.push('>');
    }

    fn element(&mut self, name: &str, attributes: &[(&str, &str)], inside: impl FnOnce(&mut Self)) {
        self.open(name, attributes);
        inside(self);
        self.close(name);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.open(name, &[]);
        escape(text, &mut self.out);
        self.close(name);
    }

    fn instance(&mut self, instance: &Instance) {
        let class = self.schema.class(instance.class.as_str());
        self.element("INSTANCE", &[("CLASSNAME", instance.class.as_str())], |it| {
            if it.form == Form::WmiDtd20 && instance.path.is_some() {
                it.system_properties(instance);
            }
            for (name, value) in instance.properties() {
                it.property(name.as_str(), value, class.and_then(|it| it.property(name.as_str())));
            }
        });
    }

    fn system_properties(&mut self, instance: &Instance) {
        for name in SYSTEM_PROPERTIES {
            let value = self.schema.system_property(instance, name).unwrap_or(Value::Null);
            let Some(of) = value.type_of() else { continue };
            let attributes =
                [("NAME", *name), ("CLASSORIGIN", "___SYSTEM"), ("TYPE", of.of.name())];
            self.element(property_element(of, self.form), &attributes, |it| it.value(&value));
        }
    }

    fn property(&mut self, name: &str, value: &Value, declared: Option<&Property>) {
        let of = value.type_of().or(declared.map(|it| it.of));
        let of = of.unwrap_or(Type::scalar(CimType::String));
        let mut attributes = vec![("NAME", name)];
        if let Some(origin) = declared.filter(|_| self.form == Form::WmiDtd20).map(|it| &it.origin)
        {
            attributes.push(("CLASSORIGIN", origin.as_str()));
        }
        match (of.of, self.form) {
            (CimType::Reference, _) => {
                if let Some(class) = declared.and_then(|it| it.class.as_ref()) {
                    attributes.push(("REFERENCECLASS", class.as_str()));
                }
            }
            (CimType::Object, Form::WmiDtd20) => {}
            (CimType::Object, Form::CimDtd20) => {
                attributes.extend([("TYPE", "string"), ("EmbeddedObject", "instance")]);
            }
            _ => attributes.push(("TYPE", of.of.name())),
        }
        self.element(property_element(of, self.form), &attributes, |it| {
            if it.form == Form::WmiDtd20 && declared.is_some_and(|it| it.is_key) {
                let attributes = [("NAME", "key"), ("TYPE", "boolean")];
                it.element("QUALIFIER", &attributes, |it| it.text("VALUE", "TRUE"));
            }
            it.value(value);
        });
    }

    fn value(&mut self, value: &Value) {
        match value {
            Value::Null => {}
            Value::Array(array) => {
                let list = match (array.of(), self.form) {
                    (CimType::Reference, _) => "VALUE.REFARRAY",
                    (CimType::Object, Form::WmiDtd20) => "VALUE.OBJECTARRAY",
                    _ => "VALUE.ARRAY",
                };
                self.element(list, &[], |it| array.values().for_each(|value| it.value(&value)));
            }
            Value::Object(object) => match self.form {
                Form::WmiDtd20 => self.element("VALUE.OBJECT", &[], |it| it.instance(object)),
                Form::CimDtd20 => self.text("VALUE", &write(object, self.schema, self.form)),
            },
            Value::Reference(path) => self.element("VALUE.REFERENCE", &[], |it| it.path(path)),
            Value::String(text) => self.text("VALUE", text),
            scalar => self.text("VALUE", &scalar.to_text().unwrap_or_default()),
        }
    }

    fn path(&mut self, path: &ObjectPath) {
        let Some(namespace) = &path.namespace else { return self.relative_path(path) };
        let element = match (&path.keys, &namespace.host) {
            (Keys::Class, Some(_)) => "CLASSPATH",
            (Keys::Class, None) => "LOCALCLASSPATH",
            (_, Some(_)) => "INSTANCEPATH",
            (_, None) => "LOCALINSTANCEPATH",
        };
        let local = |it: &mut Self| {
            it.element("LOCALNAMESPACEPATH", &[], |it| {
                for name in namespace.name.as_str().split('\\') {
                    it.element("NAMESPACE", &[("NAME", name)], |_| {});
                }
            });
        };
        self.element(element, &[], |it| {
            match &namespace.host {
                None => local(it),
                Some(host) => it.element("NAMESPACEPATH", &[], |it| {
                    it.text("HOST", host.as_str());
                    local(it);
                }),
            }
            it.relative_path(path);
        });
    }

    fn relative_path(&mut self, path: &ObjectPath) {
        let class = path.class.as_str();
        if path.keys == Keys::Class {
            return self.element("CLASSNAME", &[("NAME", class)], |_| {});
        }
        self.element("INSTANCENAME", &[("CLASSNAME", class)], |it| match &path.keys {
            Keys::Class | Keys::Singleton => {}
            Keys::Only(value) => it.key_value(value),
            Keys::Named(keys) => {
                for (name, value) in keys {
                    let attributes = [("NAME", name.as_str())];
                    it.element("KEYBINDING", &attributes, |it| it.key_value(value));
                }
            }
        });
    }

    fn key_value(&mut self, value: &KeyValue) {
        let (of, text) = match value {
            KeyValue::Text(text) => ("string", text.to_string()),
            KeyValue::Integer(number) => ("numeric", number.to_string()),
            KeyValue::Boolean(_) => ("boolean", value.to_string()),
        };
        self.open("KEYVALUE", &[("VALUETYPE", of)]);
        escape(&text, &mut self.out);
        self.close("KEYVALUE");
    }
}

fn property_element(of: Type, form: Form) -> &'static str {
    match (of.of, form, of.is_array) {
        (CimType::Reference, _, false) => "PROPERTY.REFERENCE",
        (CimType::Reference, _, true) => "PROPERTY.REFARRAY",
        (CimType::Object, Form::WmiDtd20, false) => "PROPERTY.OBJECT",
        (CimType::Object, Form::WmiDtd20, true) => "PROPERTY.OBJECTARRAY",
        (_, _, false) => "PROPERTY",
        (_, _, true) => "PROPERTY.ARRAY",
    }
}
