//! Messages: what a request says, and what its reply means.

use super::Client;
use crate::cim::text::{self, xml::Element};
use crate::cim::{Error, Instance, Name, Namespace, ObjectPath, Result, Value};
use crate::wsman::auth::{Entropy, OsEntropy};
use crate::wsman::encode::{Codec, time};
use crate::wsman::fault::Fault;
use crate::wsman::names::{ENUMERATION, EVENTING, PULL_DELIVERY, SOAP, WQL, WSMAN};
use crate::wsman::soap::{Envelope, Family, Request};
use crate::wsman::xml::Xml;
use std::time::Duration;

/// How long a reply may be: what Windows makes them by default.
const MAX_ENVELOPE_BYTES: u32 = 512_000;

/// How many items are asked for at once; the server sends fewer if they are too long.
const MAX_ELEMENTS: &str = "256";

/// Windows lets no service have less time.
const SHORTEST: Duration = Duration::from_millis(500);

/// A request about a namespace.
#[derive(Clone, Copy)]
pub(super) struct Call<'a> {
    pub(super) client: &'a Client,
    pub(super) namespace: &'a str,
    /// How long the service may take.
    pub(super) within: Duration,
}

impl Call<'_> {
    pub(super) fn codec(&self) -> Codec<'_> {
        Codec::new(self.client.schema, self.namespace)
    }

    /// Asks, and reads what is in the body of the reply, if anything is. A fault is an error.
    /// What the header says beside what it always does is written first, then the body.
    pub(super) fn ask<T>(
        &self,
        action: &str,
        resource: &str,
        header: impl FnOnce(&mut Xml),
        body: impl FnOnce(&mut Xml),
        read: impl FnOnce(Option<Element<'_>>) -> Result<T>,
    ) -> Result<T> {
        self.ask_or_fault(action, resource, header, body, |it| read(not_a_fault(it)?))
    }

    /// The same, but that a fault is read, too.
    pub(super) fn ask_or_fault<T>(
        &self,
        action: &str,
        resource: &str,
        header: impl FnOnce(&mut Xml),
        body: impl FnOnce(&mut Xml),
        read: impl FnOnce(Option<Element<'_>>) -> Result<T>,
    ) -> Result<T> {
        let message_id = new_id();
        let request = Request {
            to: &self.client.url,
            action,
            resource,
            message_id: &message_id,
            max_envelope_bytes: MAX_ENVELOPE_BYTES,
            timeout: self.within.max(SHORTEST),
        };
        let family = match action {
            _ if action.starts_with(ENUMERATION) => Family::Enumeration,
            _ if action.starts_with(EVENTING) => Family::Eventing,
            _ => Family::Transfer,
        };
        let message = request.write(family, header, body);
        let answer =
            self.client.exchange(&message, self.within.saturating_add(self.client.timeout))?;
        let text = text::decode(&answer.body);
        let envelope = Envelope::read(&text).map_err(|error| {
            Error::malformed(format!("the server answered {}: {error}", answer.status))
        })?;
        // What cannot be read as a request has a fault that relates to none.
        if envelope.body.as_ref().is_some_and(is_fault) {
            return read(envelope.body);
        }
        if !answer.status.is_success() {
            return Err(Error::malformed(format!("the server answered {}", answer.status)));
        }
        if envelope.header.relates_to.as_deref() != Some(&*message_id) {
            return Err(Error::malformed("the reply is one to another request"));
        }
        read(envelope.body)
    }

    /// Reads what a reply to Enumerate or Pull brings, which has this name: instances, or what a
    /// query about a class selected of them.
    pub(super) fn page(
        &self,
        body: Option<Element<'_>>,
        name: &str,
        class: Option<&Name>,
    ) -> Result<Page> {
        let response = expect(body, name)?;
        let mut page = Page { found: Vec::new(), context: None };
        let mut ends = false;
        for child in &response.children {
            match child.local() {
                "Items" => {
                    for item in &child.children {
                        page.found.push(self.read_item(item, class)?);
                    }
                }
                "EndOfSequence" => ends = true,
                "EnumerationContext" if !child.text.trim().is_empty() => {
                    page.context = Some(child.text.to_string());
                }
                _ => {}
            }
        }
        if ends {
            page.context = None;
        } else if page.context.is_none() {
            let why = "the reply neither ends the enumeration nor goes on with it";
            return Err(Error::malformed(why));
        }
        Ok(page)
    }

    /// Reads an instance, or the properties of one that a query about a class selected.
    pub(super) fn read_item(
        &self,
        element: &Element<'_>,
        class: Option<&Name>,
    ) -> Result<Instance> {
        let codec = self.codec();
        let mut instance = match class {
            Some(class) if element.is(WSMAN, "XmlFragment") => {
                codec.read_fragment(element, class.as_str())
            }
            _ => codec.read_instance(element),
        }
        .map_err(Error::malformed)?;
        // What is within an event is an instance with a path, too.
        if instance.path.is_none() {
            instance.path = self.path_of(&instance);
        }
        let within: Vec<_> = instance
            .properties()
            .filter_map(|(name, value)| match value {
                Value::Object(object) if object.path.is_none() => {
                    Some((name.clone(), (**object).clone().at(self.path_of(object)?)))
                }
                _ => None,
            })
            .collect();
        for (name, object) in within {
            instance.set(name, object);
        }
        Ok(instance)
    }

    fn path_of(&self, instance: &Instance) -> Option<ObjectPath> {
        let path = self.client.schema.path_of(instance)?;
        let namespace = Namespace { host: None, name: self.namespace.into() };
        Some(ObjectPath { namespace: Some(namespace), ..path })
    }
}

/// The body, which has to be this.
pub(super) fn expect<'t>(body: Option<Element<'t>>, name: &str) -> Result<Element<'t>> {
    let found = body.filter(|it| it.local() == name);
    found.ok_or_else(|| Error::malformed(format!("the reply has no {name}")))
}

fn is_fault(element: &Element<'_>) -> bool {
    element.is(SOAP, "Fault")
}

/// What is in a body, if that is no fault.
pub(super) fn not_a_fault(body: Option<Element<'_>>) -> Result<Option<Element<'_>>> {
    match body {
        Some(fault) if is_fault(&fault) => Err(Fault::read(&fault)),
        body => Ok(body),
    }
}

/// Whether a fault says that nothing came within the time.
pub(super) fn is_timeout(fault: &Element<'_>) -> bool {
    let code = fault.child(SOAP, "Code").and_then(|it| it.child(SOAP, "Subcode"));
    let value = code.and_then(|it| it.child(SOAP, "Value"));
    let is_it = |it: &Element<'_>| it.resolve(it.text.trim()) == (Some(WSMAN), "TimedOut");
    is_fault(fault) && value.is_some_and(is_it)
}

/// A name for a message that no other has.
fn new_id() -> String {
    let mut bytes = [0; 16];
    OsEntropy.fill(&mut bytes);
    let id = crate::model::Guid(u128::from_be_bytes(bytes));
    format!("uuid:{id}")
}

/// Asks for what a query finds, as much of it as fits into the first reply.
pub(super) fn enumerate(xml: &mut Xml, wql: &str) {
    xml.element("n:Enumerate", &[], |it| {
        it.empty(&["w:OptimizeEnumeration"], &[]);
        it.leaf("w:MaxElements", MAX_ELEMENTS);
        filter(it, wql);
    });
}

fn filter(xml: &mut Xml, wql: &str) {
    xml.element("w:Filter", &[("Dialect", WQL)], |it| it.text(wql));
}

/// Asks for more, waiting for so long until there is something.
pub(super) fn pull(xml: &mut Xml, context: &str, wait: Option<Duration>) {
    xml.element("n:Pull", &[], |it| {
        it.leaf("n:EnumerationContext", context);
        if let Some(wait) = wait {
            it.leaf("n:MaxTime", &time::write_duration(wait));
        }
        it.leaf("n:MaxElements", MAX_ELEMENTS);
    });
}

/// Asks for events, to be pulled.
pub(super) fn subscribe(xml: &mut Xml, wql: &str, expires: Duration) {
    xml.element("e:Subscribe", &[], |it| {
        it.empty(&["e:Delivery"], &[("Mode", PULL_DELIVERY)]);
        it.leaf("e:Expires", &time::write_duration(expires));
        filter(it, wql);
    });
}

/// What a reply brings.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) found: Vec<Instance>,
    /// By what more can be asked for; none at the end.
    pub(super) context: Option<String>,
}
