//! XML as a small tree, within limits; there is no DTD and nothing is expanded but the five
//! entities of XML itself. And how text is written so that it is read back as it was.

use super::{TextError, TextFault};
use crate::cim::scan::{Position, shown};
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::attributes::Attributes;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use std::borrow::Cow;
use std::ops::Range;
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

/// An element with what is in it, all of which is a part of the text where that is possible.
/// Comments and processing instructions are gone.
#[derive(Debug)]
pub(crate) struct Element<'a> {
    /// As it is written, with its prefix.
    pub(crate) name: &'a str,
    attributes: Vec<(&'a str, Cow<'a, str>)>,
    pub(crate) children: Vec<Self>,
    /// Its own text, that of its children left out.
    pub(crate) text: Cow<'a, str>,
    /// Where it begins, in bytes.
    pub(crate) offset: usize,
    scope: Scope<'a>,
}

/// The declarations of namespaces that are in force at an element, innermost first.
#[derive(Clone, Debug, Default)]
struct Scope<'a>(Option<Rc<Declaration<'a>>>);

#[derive(Debug)]
struct Declaration<'a> {
    prefix: &'a str,
    namespace: Cow<'a, str>,
    outer: Scope<'a>,
}

impl<'a> Scope<'a> {
    /// The same within an element that has this attribute.
    fn within(self, name: &'a str, value: &Cow<'a, str>) -> Self {
        let prefix = match name.strip_prefix("xmlns") {
            Some("") => "",
            Some(rest) if rest.starts_with(':') => &rest[1..],
            _ => return self,
        };
        Self(Some(Rc::new(Declaration { prefix, namespace: value.clone(), outer: self })))
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

impl<'a> Element<'a> {
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(it, _)| *it == name);
        found.map(|(_, value)| &**value)
    }

    /// An attribute by its name without prefix: clients bind the prefixes of the few that matter to
    /// wrong namespaces, or to none.
    pub(crate) fn local_attribute(&self, name: &str) -> Option<&str> {
        let found = self.attributes.iter().find(|(it, _)| split(it).1 == name);
        found.map(|(_, value)| &**value)
    }

    /// The name without its prefix.
    pub(crate) fn local(&self) -> &'a str {
        split(self.name).1
    }

    /// The namespace; `None` if there is none for its prefix.
    pub(crate) fn namespace(&self) -> Option<&str> {
        self.scope.find(split(self.name).0)
    }

    /// Whether it is the element with this name in a namespace.
    pub(crate) fn is(&self, namespace: &str, local: &str) -> bool {
        self.local() == local && self.namespace() == Some(namespace)
    }

    /// The namespace and the rest of a qualified name that is a value here.
    pub(crate) fn resolve<'e>(&'e self, name: &'e str) -> (Option<&'e str>, &'e str) {
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
pub(crate) fn read(text: &str) -> Result<Element<'_>, TextError> {
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
        let end = tree.offset(reader.buffer_position());
        tree.take(event, offset..end)?;
    }
}

struct Tree<'a> {
    text: &'a str,
    /// Where the document begins in the text.
    start: usize,
    /// The elements that are not closed yet, outermost first.
    open: Vec<Element<'a>>,
    root: Option<Element<'a>>,
    elements: usize,
}

impl<'a> Tree<'a> {
    fn offset(&self, position: u64) -> usize {
        usize::try_from(position).map_or(self.text.len(), |it| self.start + it)
    }

    fn malformed(&self, offset: usize, message: impl Into<String>) -> TextError {
        TextError::at(self.text, offset, TextFault::Malformed, message)
    }

    fn too_large(&self, offset: usize, message: impl Into<String>) -> TextError {
        TextError::at(self.text, offset, TextFault::TooLarge, message)
    }

    /// Takes what stands in a range of the text.
    fn take(&mut self, event: Event<'a>, range: Range<usize>) -> Result<(), TextError> {
        let offset = range.start;
        match event {
            Event::Start(start) => {
                if self.open.len() == MAX_DEPTH {
                    let message = format!("elements are nested more than {MAX_DEPTH} deep");
                    return Err(self.too_large(offset, message));
                }
                let element = self.element(&start, range, ">")?;
                self.open.push(element);
                Ok(())
            }
            Event::Empty(start) => {
                let element = self.element(&start, range, "/>")?;
                self.close(element)
            }
            Event::End(_) => match self.open.pop() {
                Some(element) => self.close(element),
                None => Err(self.malformed(offset, "an element is closed that is not open")),
            },
            Event::Text(text) => self.add(text.xml10_content(), offset),
            Event::CData(text) => self.add(text.xml10_content(), offset),
            Event::GeneralRef(reference) => {
                let text = self.resolve(&reference, offset)?;
                self.add(Cow::Owned(text), offset)
            }
            Event::DocType(_) => Err(self.malformed(offset, "a DOCTYPE is not read")),
            Event::Comment(_) | Event::PI(_) | Event::Decl(_) | Event::Eof => Ok(()),
        }
    }

    /// The element whose tag stands in a range of the text and ends so.
    fn element(
        &mut self,
        start: &BytesStart<'_>,
        range: Range<usize>,
        end: &str,
    ) -> Result<Element<'a>, TextError> {
        let offset = range.start;
        self.elements += 1;
        if self.elements > MAX_ELEMENTS {
            return Err(self.too_large(offset, format!("more than {MAX_ELEMENTS} elements")));
        }
        // What the reader says of a tag lives no longer than the tag; the text does.
        let tag = self.text.get(range).and_then(|it| it.strip_prefix('<')?.strip_suffix(end));
        let tag = tag.ok_or_else(|| self.malformed(offset, "a tag is cut"))?;
        let length = start.name().as_ref().len();
        let name = tag.get(..length).unwrap_or(tag);
        let mut attributes: Vec<(&str, Cow<'_, str>)> = Vec::new();
        let mut scope = self.open.last().map_or_else(Scope::default, |it| it.scope.clone());
        for attribute in Attributes::new(tag, length).with_checks(false) {
            let attribute = attribute.map_err(|error| self.malformed(offset, error.to_string()))?;
            let value = attribute.normalized_value(XmlVersion::Implicit1_0);
            let value = value.map_err(|error| self.malformed(offset, error.to_string()))?;
            let name = attribute.key.into_inner();
            if attributes.iter().any(|(it, _)| *it == name) {
                return Err(
                    self.malformed(offset, format!("attribute {} is given twice", shown(name)))
                );
            }
            if attributes.len() == MAX_ATTRIBUTES {
                let message = format!("an element has more than {MAX_ATTRIBUTES} attributes");
                return Err(self.too_large(offset, message));
            }
            scope = scope.within(name, &value);
            attributes.push((name, value));
        }
        let (children, text) = (Vec::new(), Cow::default());
        Ok(Element { name, attributes, children, text, offset, scope })
    }

    fn close(&mut self, element: Element<'a>) -> Result<(), TextError> {
        match self.open.last_mut() {
            Some(parent) => parent.children.push(element),
            None if self.root.is_none() => self.root = Some(element),
            None => return Err(self.malformed(element.offset, "there is a second root element")),
        }
        Ok(())
    }

    fn add(&mut self, text: Cow<'a, str>, offset: usize) -> Result<(), TextError> {
        match self.open.last_mut() {
            Some(element) if element.text.is_empty() => element.text = text,
            Some(element) => element.text.to_mut().push_str(&text),
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

    fn finish(mut self, offset: usize) -> Result<Element<'a>, TextError> {
        if let Some(element) = self.open.last() {
            let position = Position::of(self.text, element.offset);
            let message = format!("`{}` of {position} is not closed", element.name);
            return Err(self.malformed(offset, message));
        }
        let root = self.root.take();
        root.ok_or_else(|| self.malformed(offset, "expected an element, found nothing"))
    }
}

/// Writes text, or the value of an attribute. A carriage return is written as a reference: as itself
/// it would be read as a line's end.
pub(crate) fn escape(text: &str, to: &mut String) {
    // Few texts have anything that might have to be written in another way.
    let is_plain = |it: u8| !matches!(it, b'<' | b'>' | b'&' | b'"' | b'\0'..b' ' | 0xEF);
    if text.bytes().all(is_plain) {
        return to.push_str(text);
    }
    // What is written already, up to the character that cannot stay as it is.
    let mut written = 0;
    for (at, c) in text.char_indices() {
        let instead = match c {
            '<' => "&lt;",
            '>' => "&gt;",
            '&' => "&amp;",
            '"' => "&quot;",
            '\r' => "&#13;",
            '\t' | '\n' => continue,
            '\0'..' ' | '\u{FFFE}' | '\u{FFFF}' => "\u{FFFD}",
            _ => continue,
        };
        to.push_str(&text[written..at]);
        to.push_str(instead);
        written = at + c.len_utf8();
    }
    to.push_str(&text[written..]);
}
