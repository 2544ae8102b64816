//! Envelopes: what is around a message, in both directions.

use super::encode::time;
use super::names::{
    ADDRESSING, ANONYMOUS, ENUMERATION, EVENTING, MICROSOFT, SOAP, TRANSFER, WSMAN,
};
use super::resource::Selectors;
use super::xml::Xml;
use crate::cim::text::{self, TextError, TextFault, xml::Element};
use std::time::Duration;

/// How a text is bytes. A reply is encoded as its request was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Utf8,
    /// With a byte order mark, in the order in which Windows has bytes.
    Utf16,
}

impl Encoding {
    /// By what the bytes begin with, as XML's own rule has it.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match bytes {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [1..=0x7F, 0, ..] | [0, 1..=0x7F, ..] => {
                Self::Utf16
            }
            _ => Self::Utf8,
        }
    }

    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::Utf8 => "application/soap+xml;charset=UTF-8",
            Self::Utf16 => "application/soap+xml;charset=UTF-16",
        }
    }

    pub(super) fn encode(self, text: String) -> Vec<u8> {
        match self {
            Self::Utf8 => text.into_bytes(),
            Self::Utf16 => {
                let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
                units.flat_map(u16::to_le_bytes).collect()
            }
        }
    }
}

/// A message with what is around it.
#[derive(Debug)]
pub(super) struct Envelope<'a> {
    pub(super) header: Header,
    /// The first element of the body, if it has one.
    pub(super) body: Option<Element<'a>>,
}

/// What the header says. What nobody here acts on, such as locales, is left out.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub(super) action: Option<String>,
    pub(super) resource: Option<String>,
    /// As it is written, because a reply repeats it byte for byte.
    pub(super) message_id: Option<String>,
    pub(super) relates_to: Option<String>,
    /// The address to which a reply goes.
    pub(super) reply_to: Option<String>,
    pub(super) selectors: Selectors,
    /// The names of options that are set.
    pub(super) options: Vec<String>,
    pub(super) max_envelope_bytes: Option<u32>,
    pub(super) timeout: Option<Duration>,
    /// Which subscription it is about.
    pub(super) subscription: Option<String>,
    /// The headers that must be understood, and are not.
    pub(super) not_understood: Vec<String>,
    /// A header whose value makes no sense.
    pub(super) flawed: Option<&'static str>,
}

/// Headers that are understood, although nothing follows from some of them.
const UNDERSTOOD: &[(&str, &[&str])] = &[
    (ADDRESSING, &["To", "From", "ReplyTo", "FaultTo", "Action", "MessageID", "RelatesTo"]),
    (
        WSMAN,
        &[
            "ResourceURI",
            "SelectorSet",
            "OptionSet",
            "MaxEnvelopeSize",
            "OperationTimeout",
            "Locale",
            "RequestTotalItemsCountEstimate",
            "RequestEPR",
        ],
    ),
    (
        MICROSOFT,
        &["DataLocale", "SessionId", "OperationID", "SequenceId", "ActivityId", "CompressionType"],
    ),
    (EVENTING, &["Identifier"]),
];

impl<'a> Envelope<'a> {
    /// Reads an envelope from the text of a message. Bytes of zero behind it are padding, which one
    /// client adds before it seals a message.
    pub(super) fn read(text: &'a str) -> Result<Self, TextError> {
        let mut root = text::xml::read(text.trim_end_matches('\0'))?;
        if !root.is(SOAP, "Envelope") {
            return Err(TextError::at(text, root.offset, TextFault::Malformed, "no envelope"));
        }
        let header = root.child(SOAP, "Header").map(Header::read).unwrap_or_default();
        let body = root.children.iter_mut().find(|it| it.is(SOAP, "Body"));
        let Some(body) = body else {
            return Err(TextError::at(text, root.offset, TextFault::Malformed, "no body"));
        };
        let body = (!body.children.is_empty()).then(|| body.children.swap_remove(0));
        Ok(Self { header, body })
    }
}

impl Header {
    fn read(element: &Element<'_>) -> Self {
        let mut header = Self::default();
        for block in &element.children {
            header.block(block);
        }
        header
    }

    fn block(&mut self, block: &Element<'_>) {
        let trimmed = || Some(block.text.trim().to_owned());
        let namespace = block.namespace().unwrap_or_default();
        match (namespace, block.local()) {
            (ADDRESSING, "Action") => self.action = trimmed(),
            (ADDRESSING, "MessageID") => self.message_id = Some(block.text.to_string()),
            (ADDRESSING, "RelatesTo") => self.relates_to = trimmed(),
            (ADDRESSING, "ReplyTo") => {
                let address = block.child(ADDRESSING, "Address");
                self.reply_to = address.map(|it| it.text.trim().to_owned());
            }
            (EVENTING, "Identifier") => self.subscription = trimmed(),
            (WSMAN, "ResourceURI") => self.resource = trimmed(),
            (WSMAN, "SelectorSet") => self.selectors = Selectors::read(block),
            (WSMAN, "OptionSet") => {
                let names = block.children.iter().filter_map(|it| it.local_attribute("Name"));
                self.options = names.map(str::to_owned).collect();
            }
            (WSMAN, "MaxEnvelopeSize") => match block.text.trim().parse::<u64>() {
                Ok(bytes) => {
                    self.max_envelope_bytes = Some(u32::try_from(bytes).unwrap_or(u32::MAX));
                }
                Err(_) => self.flawed = Some("MaxEnvelopeSize"),
            },
            (WSMAN, "OperationTimeout") => match time::read_duration(&block.text) {
                Some(timeout) => self.timeout = Some(timeout),
                None => self.flawed = Some("OperationTimeout"),
            },
            _ => {}
        }
        let must = block.local_attribute("mustUnderstand").map(str::trim);
        let is_understood =
            UNDERSTOOD.iter().any(|(it, names)| *it == namespace && names.contains(&block.local()));
        if matches!(must, Some("true" | "1")) && !is_understood {
            self.not_understood.push(block.name.to_owned());
        }
    }

    /// Whether an option is set.
    pub(super) fn has_option(&self, name: &str) -> bool {
        self.options.iter().any(|it| it.eq_ignore_ascii_case(name))
    }
}

/// Which prefixes an envelope declares. Windows has a set for each family of messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Enumeration,
    Transfer,
    Eventing,
    Fault,
}

impl Family {
    const fn prefixes(self) -> &'static [(&'static str, &'static str)] {
        const S: (&str, &str) = ("xmlns:s", SOAP);
        const A: (&str, &str) = ("xmlns:a", ADDRESSING);
        const X: (&str, &str) = ("xmlns:x", TRANSFER);
        const E: (&str, &str) = ("xmlns:e", EVENTING);
        const N: (&str, &str) = ("xmlns:n", ENUMERATION);
        const W: (&str, &str) = ("xmlns:w", WSMAN);
        const P: (&str, &str) = ("xmlns:p", MICROSOFT);
        match self {
            Self::Enumeration => &[S, A, N, W],
            Self::Transfer => &[S, A, X, W, P],
            Self::Eventing => &[S, A, E, N, W, P],
            Self::Fault => &[S, A, X, E, N, W, P],
        }
    }
}

fn envelope(family: Family, header: impl FnOnce(&mut Xml), body: impl FnOnce(&mut Xml)) -> String {
    let mut attributes = vec![("xml:lang", "en-US")];
    attributes.extend(family.prefixes());
    let mut xml = Xml::with_capacity(4096);
    xml.element("s:Envelope", &attributes, |it| {
        it.element("s:Header", &[], header);
        it.element("s:Body", &[], body);
    });
    xml.into_string()
}

/// Writes a reply.
pub(super) fn reply(
    family: Family,
    action: &str,
    message_id: &str,
    relates_to: Option<&str>,
    body: impl FnOnce(&mut Xml),
) -> String {
    let header = |it: &mut Xml| {
        it.leaf("a:Action", action);
        it.leaf("a:MessageID", message_id);
        it.leaf("a:To", ANONYMOUS);
        if let Some(id) = relates_to {
            it.leaf("a:RelatesTo", id);
        }
    };
    envelope(family, header, body)
}

/// What a client says around a message.
#[derive(Debug)]
pub(super) struct Request<'a> {
    pub(super) to: &'a str,
    pub(super) action: &'a str,
    pub(super) resource: &'a str,
    pub(super) message_id: &'a str,
    pub(super) max_envelope_bytes: u32,
    pub(super) timeout: Duration,
}

impl Request<'_> {
    /// Writes the request. `selectors` writes a `w:SelectorSet`, or nothing.
    pub(super) fn write(
        &self,
        family: Family,
        selectors: impl FnOnce(&mut Xml),
        body: impl FnOnce(&mut Xml),
    ) -> String {
        const MUST: &[(&str, &str)] = &[("s:mustUnderstand", "true")];
        let header = |it: &mut Xml| {
            it.leaf("a:To", self.to);
            it.element("w:ResourceURI", MUST, |it| it.text(self.resource));
            it.element("a:ReplyTo", &[], |it| {
                it.element("a:Address", MUST, |it| it.text(ANONYMOUS));
            });
            it.element("a:Action", MUST, |it| it.text(self.action));
            let size = self.max_envelope_bytes.to_string();
            it.element("w:MaxEnvelopeSize", MUST, |it| it.text(&size));
            it.leaf("a:MessageID", self.message_id);
            let locale = [("xml:lang", "en-US"), ("s:mustUnderstand", "false")];
            it.empty(&["w:Locale"], &locale);
            it.leaf("w:OperationTimeout", &time::write_duration(self.timeout));
            selectors(it);
        };
        envelope(family, header, body)
    }
}
