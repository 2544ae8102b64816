//! Writing XML with the prefixes and in the order that clients expect.

use crate::cim::text::xml::escape;

/// Text that is being written. Names are this crate's or a schema's; what comes from elsewhere is
/// text or the value of an attribute, and escaped.
#[derive(Debug, Default)]
pub(super) struct Xml(String);

impl Xml {
    pub(super) fn with_capacity(bytes: usize) -> Self {
        Self(String::with_capacity(bytes))
    }

    pub(super) fn into_string(self) -> String {
        self.0
    }

    /// How much is written, in bytes.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Takes back what was written behind so many bytes.
    pub(super) fn truncate(&mut self, bytes: usize) {
        self.0.truncate(bytes);
    }

    /// What is XML already.
    pub(super) fn raw(&mut self, xml: &str) {
        self.0.push_str(xml);
    }

    fn start(&mut self, name: &[&str], attributes: &[(&str, &str)]) {
        self.0.push('<');
        self.0.extend(name.iter().copied());
        for (name, value) in attributes {
            self.0.push(' ');
            self.0.push_str(name);
            self.0.push_str("=\"");
            escape(value, &mut self.0);
            self.0.push('"');
        }
    }

    /// An element with what is in it.
    pub(super) fn element(
        &mut self,
        name: &str,
        attributes: &[(&str, &str)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.part(&[name], attributes, inside);
    }

    /// An element whose name is in parts: a prefix, a colon, the rest.
    pub(super) fn part(
        &mut self,
        name: &[&str],
        attributes: &[(&str, &str)],
        inside: impl FnOnce(&mut Self),
    ) {
        self.start(name, attributes);
        self.0.push('>');
        inside(self);
        self.0.push_str("</");
        self.0.extend(name.iter().copied());
        self.0.push('>');
    }

    /// An element with nothing in it.
    pub(super) fn empty(&mut self, name: &[&str], attributes: &[(&str, &str)]) {
        self.start(name, attributes);
        self.0.push_str("/>");
    }

    /// An element with text in it.
    pub(super) fn leaf(&mut self, name: &str, text: &str) {
        self.element(name, &[], |it| it.text(text));
    }

    pub(super) fn text(&mut self, text: &str) {
        escape(text, &mut self.0);
    }
}
