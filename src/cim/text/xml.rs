//! XML as a small tree, within limits; there is no DTD and nothing is expanded but the five
//! entities of XML itself.

use super::{TextError, TextFault};
use crate::cim::scan::{Position, shown};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::rc::Rc;

/// The longest text, in bytes: twice what WS-Management lets an envelope be.
pub(crate) const MAX_BYTES: usize = 1 << 20;
/// The deepest nesting of elements.
pub(crate) const MAX_DEPTH: usize = 64;
/// The most elements.
const MAX_ELEMENTS: usize = 100_000;
/// The most attributes of an element; the DTDs have none with more than eight, and what WS-Management's
/// clients declare on an envelope is a dozen.
const MAX_ATTRIBUTES: usize = 32;

/// An element with what is in it. Comments and processing instructions are gone.
#[derive(Debug)]
pub(crate) struct Element {
    /// As it is written, with its prefix.
    pub(crate) name: String,
    attributes: Vec<(String, String)>,
    pub(crate) children: Vec<Self>,
    /// Its own text, that of its children left out.
    pub(crate) text: String,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
    scope: Scope,
}

/// The declarations of namespaces that are in force at an element, innermost first.
#[derive(Clone, Debug, Default)]
struct Scope(Option<Rc<Declaration>>);

#[derive(Debug)]
struct Declaration {
    prefix: String,
    namespace: String,
    outer: Scope,
}

impl Scope {
    /// The same within an element that has this attribute.
    fn within(self, name: &str, value: &str) -> Self {
        let prefix = match name.strip_prefix("xmlns") {
            Some("") => "",
            Some(rest) if rest.starts_with(':') => &rest[1..],
            _ => return self,
        };
        let (prefix, namespace) = (prefix.to_owned(), value.to_owned());
        Self(Some(Rc::new(Declaration { prefix, namespace, outer: self })))
    }

    fn find(&self, prefix: &str) -> Option<&str> {
        let mut scope = self;
        while let Some(declaration) = &scope.0 {
            if declaration.prefix == prefix {
                return Some(&declaration.namespace);
            }
            scope = &declaration.outer;
        }
        None
    }
}

/// A qualified name as its prefix and the rest.
fn split(name: &str) -> (&str, &str) {
    name.split_once(':').unwrap_or(("", name))
}

impl Element {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }

    /// An attribute by its name without prefix: clients bind the prefixes of the few that matter to
    /// wrong namespaces, or to none.
    pub(crate) fn local_attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(it, _)| split(it).1 == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The name without its prefix.
    pub(crate) fn local(&self) -> &str {
        split(&self.name).1
    }

    /// The namespace; `None` if there is none for its prefix.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.scope.find(split(&self.name).0)
    }

    /// Whether it is the element with this name in a namespace.
    pub(crate) fn is(&self, namespace: &str, local: &str) -> bool {
        self.local() == local && self.namespace() == Some(namespace)
    }

    /// The namespace and the rest of a qualified name that is a value here.
    pub(crate) fn resolve<'a>(&'a self, name: &'a str) -> (Option<&'a str>, &'a str) {
        let (prefix, local) = split(name);
        (self.scope.find(prefix), local)
    }

    /// The first child with this name in a namespace.
    pub(crate) fn child(&self, namespace: &str, local: &str) -> Option<&Self> {
        self.children.iter().find(|it| it.is(namespace, local))
    }

    /// The children but for qualifiers, of which nothing is read.
    pub(super) fn content(&self) -> impl Iterator<Item = &Self> {
        self.children.iter().filter(|it| it.name != "QUALIFIER")
    }
}

/// Reads a document.
pub(crate) fn read(text: &str) -> Result<Element, TextError> {
    if text.len() > MAX_BYTES {
        let message = format!("the text has more than {MAX_BYTES} bytes");
        return Err(TextError::at(text, 0, TextFault::TooLarge, message));
    }
    let start = text.len() - text.trim_start_matches('\u{FEFF}').len();
    let mut tree = Tree { text, start, open: Vec::new(), root: None, elements: 0 };
    let mut reader = Reader::from_str(&text[start..]);
    reader.config_mut().check_comments = true;
    loop {
        let offset = tree.offset(reader.buffer_position());
        let event = reader.read_event().map_err(|error| {
            let offset = tree.offset(reader.error_position());
            tree.malformed(offset, error.to_string())
        })?;
        if matches!(event, Event::Eof) {
            return tree.finish(offset);
        }
        tree.take(event, offset)?;
    }
}

struct Tree<'a> {
    text: &'a str,
    /// Where the document begins in the text.
    start: usize,
    /// The elements that are not closed yet, outermost first.
    open: Vec<Element>,
    root: Option<Element>,
    elements: usize,
}

impl Tree<'_> {
    fn offset(&self, position: u64) -> usize {
        usize::try_from(position).map_or(self.text.len(), |it| self.start + it)
    }

    fn malformed(&self, offset: usize, message: impl Into<String>) -> TextError {
        TextError::at(self.text, offset, TextFault::Malformed, message)
    }

    fn too_large(&self, offset: usize, message: impl Into<String>) -> TextError {
        TextError::at(self.text, offset, TextFault::TooLarge, message)
    }

    fn take(&mut self, event: Event<'_>, offset: usize) -> Result<(), TextError> {
        match event {
            Event::Start(start) => {
                if self.open.len() == MAX_DEPTH {
                    let message = format!("elements are nested more than {MAX_DEPTH} deep");
                    return Err(self.too_large(offset, message));
                }
                let element = self.element(&start, offset)?;
                self.open.push(element);
                Ok(())
            }
            Event::Empty(start) => {
                let element = self.element(&start, offset)?;
                self.close(element)
            }
            Event::End(_) => match self.open.pop() {
                Some(element) => self.close(element),
                None => Err(self.malformed(offset, "an element is closed that is not open")),
            },
            Event::Text(text) => self.add(&text.xml10_content(), offset),
            Event::CData(text) => self.add(&text.xml10_content(), offset),
            Event::GeneralRef(reference) => {
                let text = self.resolve(&reference, offset)?;
                self.add(&text, offset)
            }
            Event::DocType(_) => Err(self.malformed(offset, "a DOCTYPE is not read")),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::Eof => Ok(()),
        }
    }

    fn element(&mut self, start: &BytesStart<'_>, offset: usize) -> Result<Element, TextError> {
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(self.too_large(offset, format!("more than {MAX_ELEMENTS} elements")));
        }
        let mut attributes: Vec<(String, String)> = Vec::new();
        let mut scope = self.open.last().map_or_else(Scope::default, |it| it.scope.clone());
        for attribute in start.attributes().with_checks(false) {
            let attribute = attribute.map_err(|error| self.malformed(offset, error.to_string()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.malformed(offset, error.to_string()))?;
            let name = attribute.key.as_ref().to_owned();
            if attributes.iter().any(|(it, _)| *it == name) {
                return Err(
                    self.malformed(offset, format!("attribute {} is given twice", shown(&name)))
                );
            }
            if attributes.len() == MAX_ATTRIBUTES {
                let message = format!("an element has more than {MAX_ATTRIBUTES} attributes");
                return Err(self.too_large(offset, message));
            }
            scope = scope.within(&name, &value);
            attributes.push((name, value.into_owned()));
        }
        let name = start.name().as_ref().to_owned();
        Ok(Element { name, attributes, children: Vec::new(), text: String::new(), offset, scope })
    }

    fn close(&mut self, element: Element) -> Result<(), TextError> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(self.malformed(element.offset, "there is a second root element")),
        }
        Ok(())
    }

    fn add(&mut self, text: &str, offset: usize) -> Result<(), TextError> {
        match self.open.last_mut() {
            Some(element) => element.text.push_str(text),
            None if text.trim().is_empty() => {}
            None => {
                let message = format!("expected an element, found {}", shown(text.trim()));
                return Err(self.malformed(offset, message));
            }
        }
        Ok(())
    }

    fn resolve(&self, reference: &BytesRef<'_>, offset: usize) -> Result<String, TextError> {
        let character = reference.resolve_char_ref();
        let character = character.map_err(|error| self.malformed(offset, error.to_string()))?;
        let name: &str = reference;
        let text = character
            .map(String::from)
            .or_else(|| resolve_predefined_entity(name).map(str::to_owned));
        text.ok_or_else(|| self.malformed(offset, format!("entity {} is not known", shown(name))))
    }

    fn finish(self, offset: usize) -> Result<Element, TextError> {
        if let Some(element) = self.open.last() {
            let position = Position::of(self.text, element.offset);
            let message = format!("`{}` of {position} is not closed", element.name);
            return Err(self.malformed(offset, message));
        }
        let nothing = self.malformed(offset, "expected an element, found nothing");
        self.root.ok_or(nothing)
    }
}
