//! Declarations of classes, as CIM-XML: DSP0201.

use crate::cim::{CimType, Class, Method, Name, Parameter, Property};
use crate::wsman::xml::Xml;

/// Writes the declaration of a class with what it inherits. Its elements are in no namespace, which
/// is where clients look for them.
pub(super) fn class(xml: &mut Xml, class: &Class) {
    let mut attributes = vec![("NAME", class.name.as_str())];
    attributes.extend(class.superclass.as_ref().map(|it| ("SUPERCLASS", it.as_str())));
    xml.element("CLASS", &attributes, |it| {
        if class.is_association {
            flag(it, "Association");
        }
        text(it, "Description", &class.description);
        class.properties.iter().for_each(|property| self::property(it, class, property));
        class.methods.iter().for_each(|method| self::method(it, class, method));
    });
}

fn flag(xml: &mut Xml, name: &str) {
    xml.element("QUALIFIER", &[("NAME", name), ("TYPE", "boolean")], |it| it.leaf("VALUE", "TRUE"));
}

fn text(xml: &mut Xml, name: &str, text: &str) {
    if !text.is_empty() {
        let attributes = [("NAME", name), ("TYPE", "string")];
        xml.element("QUALIFIER", &attributes, |it| it.leaf("VALUE", text));
    }
}

fn embedded(xml: &mut Xml, class: Option<&Name>) {
    if let Some(class) = class {
        text(xml, "EmbeddedInstance", class.as_str());
    }
}

/// The attributes by which an inherited element is told.
fn origin<'a>(class: &Class, origin: &'a Name) -> Vec<(&'static str, &'a str)> {
    let is_inherited = *origin != class.name;
    let mut attributes = vec![("CLASSORIGIN", origin.as_str())];
    attributes.extend(is_inherited.then_some(("PROPAGATED", "true")));
    attributes
}

/// An object within an object is text with a remark.
fn type_name(of: CimType) -> &'static str {
    if of == CimType::Object { CimType::String.name() } else { of.name() }
}

fn property(xml: &mut Xml, class: &Class, property: &Property) {
    let (of, mut attributes) = (property.of.of, vec![("NAME", property.name.as_str())]);
    let element = match (of, property.of.is_array) {
        (CimType::Reference, _) => "PROPERTY.REFERENCE",
        (_, true) => "PROPERTY.ARRAY",
        (_, false) => "PROPERTY",
    };
    match (of, &property.class) {
        (CimType::Reference, Some(class)) => attributes.push(("REFERENCECLASS", class.as_str())),
        (CimType::Reference, None) => {}
        _ => attributes.push(("TYPE", type_name(of))),
    }
    attributes.extend(origin(class, &property.origin));
    xml.element(element, &attributes, |it| {
        if property.is_key {
            flag(it, "key");
        }
        if property.is_deprecated {
            flag(it, "Deprecated");
        }
        embedded(it, property.embedded.as_ref());
        text(it, "Description", &property.description);
    });
}

fn method(xml: &mut Xml, class: &Class, method: &Method) {
    let mut attributes = vec![("NAME", method.name.as_str()), ("TYPE", method.returns.name())];
    attributes.extend(origin(class, &method.origin));
    xml.element("METHOD", &attributes, |it| {
        if method.is_deprecated {
            flag(it, "Deprecated");
        }
        text(it, "Description", &method.description);
        method.parameters.iter().for_each(|parameter| self::parameter(it, parameter));
    });
}

fn parameter(xml: &mut Xml, parameter: &Parameter) {
    let (of, mut attributes) = (parameter.of.of, vec![("NAME", parameter.name.as_str())]);
    let element = match (of, parameter.of.is_array) {
        (CimType::Reference, false) => "PARAMETER.REFERENCE",
        (CimType::Reference, true) => "PARAMETER.REFARRAY",
        (_, false) => "PARAMETER",
        (_, true) => "PARAMETER.ARRAY",
    };
    match (of, &parameter.class) {
        (CimType::Reference, Some(class)) => attributes.push(("REFERENCECLASS", class.as_str())),
        (CimType::Reference, None) => {}
        _ => attributes.push(("TYPE", type_name(of))),
    }
    xml.element(element, &attributes, |it| {
        for (is_so, name) in [(parameter.is_in, "In"), (parameter.is_out, "Out")] {
            if is_so {
                flag(it, name);
            }
        }
        embedded(it, parameter.embedded.as_ref());
    });
}
