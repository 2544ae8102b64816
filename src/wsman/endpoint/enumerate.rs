//! Requests about many objects: Enumerate, Pull, Release.

use super::contexts::{Found, Item, Mode};
use super::{Asked, Endpoint, Place, Target, lock, metadata};
use crate::cim::text::xml::Element;
use crate::cim::{CimClient, Instance};
use crate::wsman::encode::Codec;
use crate::wsman::fault::{Fault, Operation, Subcode};
use crate::wsman::names::{ENUMERATION, WSMAN};
use crate::wsman::resource::Resource;
use crate::wsman::soap::{Encoding, Family};
use crate::wsman::xml::Xml;
use std::collections::VecDeque;

/// How many items a request takes if it does not say: libvirt reads the first one only.
const DEFAULT_ITEMS: usize = 1;
/// The most items of a reply, whatever a request says.
const MAX_ITEMS: usize = 32_000;
/// What is around the items of a reply, in bytes, but for the header that is repeated.
const AROUND_BYTES: usize = 2048;

impl<C: CimClient + Send + Sync + 'static> Endpoint<C> {
    pub(super) fn enumerate(&self, asked: &Asked<'_>) -> Result<String, Fault> {
        let body = asked.body(ENUMERATION, "Enumerate")?;
        let target = self.target(asked)?;
        let mode = mode_of(body)?;
        let is_optimized = body.child(WSMAN, "OptimizeEnumeration").is_some();
        let max = max_items(body)?;
        let mut found = self.find(asked, &target, body, mode)?;
        let action = format!("{ENUMERATION}/EnumerateResponse");
        let (items, is_over) = if is_optimized {
            let batch = self.batch(asked, &mut found, max)?;
            (Some(batch), found.items.is_empty())
        } else {
            (None, false)
        };
        let id = if is_over { String::new() } else { self.new_id() };
        if !is_over {
            let mut all = lock(&self.enumerations);
            all.keep(&id, asked.user, found, asked.now, &self.limits);
        }
        Ok(self.reply(asked, Family::Enumeration, &action, |it| {
            it.element("n:EnumerateResponse", &[], |it| {
                if is_over {
                    it.empty(&["n:EnumerationContext"], &[]);
                } else {
                    it.leaf("n:EnumerationContext", &id);
                }
                if let Some(items) = items {
                    it.element("w:Items", &[], |it| it.raw(&items));
                }
                if is_over {
                    it.empty(&["w:EndOfSequence"], &[]);
                }
            });
        }))
    }

    pub(super) fn pull(&self, asked: &Asked<'_>) -> Result<String, Fault> {
        let body = asked.body(ENUMERATION, "Pull")?;
        let id = context_of(body)?;
        let max = max_items(body)?;
        let found = lock(&self.enumerations).take(id, asked.user, asked.now);
        let Some(mut found) = found else { return self.pull_events(asked, body, id, max) };
        let batch = self.batch(asked, &mut found, max);
        let is_over = found.items.is_empty();
        if !is_over {
            let mut all = lock(&self.enumerations);
            all.keep(id, asked.user, found, asked.now, &self.limits);
        }
        Ok(self.pulled(asked, (!is_over).then_some(id), &batch?))
    }

    /// The reply to a request to pull. It goes on if there is a context.
    pub(super) fn pulled(&self, asked: &Asked<'_>, context: Option<&str>, items: &str) -> String {
        let action = format!("{ENUMERATION}/PullResponse");
        self.reply(asked, Family::Enumeration, &action, |it| {
            it.element("n:PullResponse", &[], |it| {
                if let Some(id) = context {
                    it.leaf("n:EnumerationContext", id);
                }
                if items.is_empty() {
                    it.empty(&["n:Items"], &[]);
                } else {
                    it.element("n:Items", &[], |it| it.raw(items));
                }
                if context.is_none() {
                    it.empty(&["n:EndOfSequence"], &[]);
                }
            });
        })
    }

    pub(super) fn release(&self, asked: &Asked<'_>) -> Result<String, Fault> {
        let id = context_of(asked.body(ENUMERATION, "Release")?)?;
        let found = lock(&self.enumerations).take(id, asked.user, asked.now);
        if found.is_none() && !lock(&self.subscriptions).end(id, asked.user, asked.now) {
            return Err(no_context());
        }
        let action = format!("{ENUMERATION}/ReleaseResponse");
        Ok(self.reply(asked, Family::Enumeration, &action, |_| {}))
    }

    fn find(
        &self,
        asked: &Asked<'_>,
        target: &Target<'_, C>,
        body: &Element<'_>,
        mode: Mode,
    ) -> Result<Found, Fault> {
        let place = self.places.iter().position(|it| std::ptr::eq(it, target.place));
        let mut found = Found {
            items: VecDeque::new(),
            place: place.unwrap_or_default(),
            dialect: target.codec.dialect,
            style: target.codec.style,
            mode,
            projection: None,
        };
        if asked.resource()? == Resource::Metadata {
            found.items = (0..target.place.schema.classes().len()).map(Item::Class).collect();
            return Ok(found);
        }
        let asking = target.asking(body)?;
        let objects = target.place.client.query(&asking.wql);
        let objects = objects.map_err(|it| Fault::of(&it, Operation::ExecQuery, &asking.wql))?;
        found.items = objects.into_iter().map(Item::Object).collect();
        found.projection = asking.projection;
        Ok(found)
    }

    /// The largest reply that a client takes, in bytes of UTF-8.
    pub(super) fn largest(&self, asked: &Asked<'_>) -> usize {
        let wanted = asked.header.max_envelope_bytes.unwrap_or(u32::MAX);
        let bytes = wanted.min(self.limits.envelope_bytes) as usize;
        match asked.encoding {
            Encoding::Utf8 => bytes,
            // A character takes at most twice as many bytes as in UTF-8.
            Encoding::Utf16 => bytes / 2,
        }
    }

    /// How much of it items may be.
    pub(super) fn room(&self, asked: &Asked<'_>) -> usize {
        // A character of the header that is repeated is escaped by at most six.
        let repeated = asked.header.message_id.as_ref().map_or(0, |it| 6 * it.len());
        self.largest(asked).saturating_sub(AROUND_BYTES + repeated)
    }

    /// Takes as many items as a reply may have. What there is no room for stays.
    fn batch(&self, asked: &Asked<'_>, found: &mut Found, max: usize) -> Result<String, Fault> {
        let place = &self.places[found.place];
        let codec = Codec {
            schema: place.schema,
            dialect: found.dialect,
            namespace: place.namespace.as_str(),
            style: found.style,
        };
        let (mode, names) = (found.mode, found.projection.as_deref());
        let names: Option<Vec<_>> = names.map(|it| it.iter().map(String::as_str).collect());
        fill(&mut found.items, max, self.room(asked), |xml, item| match item {
            Item::Object(object) => {
                write_object(xml, place, &codec, mode, names.as_deref(), object);
            }
            Item::Class(at) => {
                if let Some(class) = place.schema.classes().nth(*at) {
                    metadata::class(xml, class);
                }
            }
        })
    }
}

/// Writes items while there is room for them, and takes those that are written.
pub(super) fn fill<T>(
    items: &mut VecDeque<T>,
    max: usize,
    room: usize,
    write: impl Fn(&mut Xml, &T),
) -> Result<String, Fault> {
    let mut xml = Xml::default();
    for _ in 0..max {
        let Some(item) = items.front() else { break };
        let before = xml.len();
        write(&mut xml, item);
        if xml.len() > room {
            if before == 0 {
                let why = "one item is larger than the client takes";
                let fault = Fault::new(Subcode::EncodingLimit, why);
                return Err(fault.detail("MaxEnvelopeSize").code(0x8033_8048));
            }
            xml.truncate(before);
            break;
        }
        items.pop_front();
    }
    Ok(xml.into_string())
}

fn write_object<C>(
    xml: &mut Xml,
    place: &Place<C>,
    codec: &Codec<'_>,
    mode: Mode,
    projection: Option<&[&str]>,
    object: &Instance,
) {
    let write = |xml: &mut Xml| match projection {
        Some(names) => codec.fragment(xml, names, object),
        None => codec.instance(xml, object),
    };
    let address = |xml: &mut Xml| {
        let path = object.path.clone().or_else(|| place.schema.path_of(object));
        xml.element("a:EndpointReference", &[], |it| {
            if let Some(path) = path {
                codec.reference(it, &path);
            }
        });
    };
    match mode {
        Mode::Object => write(xml),
        Mode::Address => address(xml),
        Mode::ObjectAndAddress => xml.element("w:Item", &[], |it| {
            write(it);
            address(it);
        }),
    }
}

fn mode_of(body: &Element<'_>) -> Result<Mode, Fault> {
    match body.child(WSMAN, "EnumerationMode").map(|it| it.text.trim()) {
        None | Some("EnumerateObject") => Ok(Mode::Object),
        Some("EnumerateEPR") => Ok(Mode::Address),
        Some("EnumerateObjectAndEPR") => Ok(Mode::ObjectAndAddress),
        Some(other) => {
            let why = format!("`{other}` is no mode of enumeration");
            Err(Fault::new(Subcode::UnsupportedFeature, why).detail("EnumerationMode"))
        }
    }
}

/// The namespace of the element is one for Enumerate and the other for Pull.
fn max_items(body: &Element<'_>) -> Result<usize, Fault> {
    let element = body.child(WSMAN, "MaxElements");
    let element = element.or_else(|| body.child(ENUMERATION, "MaxElements"));
    let Some(element) = element else { return Ok(DEFAULT_ITEMS) };
    match element.text.trim().parse::<usize>() {
        Ok(max) if max > 0 => Ok(max.min(MAX_ITEMS)),
        _ => Err(Fault::new(Subcode::SchemaValidation, "`MaxElements` is no natural number")),
    }
}

fn context_of<'e>(body: &'e Element<'_>) -> Result<&'e str, Fault> {
    let context = body.child(ENUMERATION, "EnumerationContext").map(|it| it.text.trim());
    context.ok_or_else(no_context)
}

pub(super) fn no_context() -> Fault {
    Fault::new(Subcode::InvalidEnumerationContext, "there is no such enumeration, or no longer")
}
