//! What a request is answered with.

mod contexts;
mod enumerate;
mod events;
mod filter;
mod metadata;
mod object;

use super::encode::{Codec, Style};
use super::fault::{Fault, Operation, Subcode};
use super::names::{
    ANONYMOUS, ENUMERATION, EVENTING, IDENTITY, IDENTITY_MS, SOAP, TRANSFER, WSMAN,
};
use super::resource::{Dialect, Resource, backslashes};
use super::soap::{Encoding, Envelope, Family, Header, reply};
use super::xml::Xml;
use crate::cim::text::{self, TextError, TextFault, xml::Element};
use crate::cim::{CimClient, Class, Error, Name, Schema, WbemStatus};
use contexts::Enumerations;
use events::Subscriptions;
use std::convert::Infallible;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A request that has arrived, from a user who was let in.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks. Enumerations and subscriptions belong to the user who began them.
    pub user: &'a str,
    /// The message as it arrived, but opened if it was sealed.
    pub body: &'a [u8],
    /// The time since whenever the caller counts from, by which enumerations expire; it never goes
    /// back.
    pub now: Duration,
}

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status of HTTP: 200, 500 if the body is a fault, 413 if the request is too large.
    pub status: u16,
    /// What the body is, with its encoding; that of the request.
    pub content_type: &'static str,
    /// The message.
    pub body: Vec<u8>,
}

/// How much an endpoint does for its clients.
///
/// The first two are [defaults of Windows]; how long an enumeration is kept is its own affair.
///
/// [defaults of Windows]: https://learn.microsoft.com/windows/win32/winrm/installation-and-configuration-for-windows-remote-management
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest message in either direction, in bytes: 500 KiB.
    pub envelope_bytes: u32,
    /// How long a request to pull an event waits if it does not say: 60 s. None waits longer.
    pub wait: Duration,
    /// How long after its last use an enumeration is forgotten, or a subscription: 10 min.
    pub time_to_live: Duration,
    /// The most enumerations that a user has open; of more, the one used longest ago is forgotten,
    /// because clients leave them behind.
    pub enumerations: usize,
    /// The most objects that wait in them to be pulled; beyond, the same happens.
    pub waiting_objects: usize,
    /// The most subscriptions that a user has; more are refused.
    pub subscriptions: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            envelope_bytes: 500 << 10,
            wait: Duration::from_secs(60),
            time_to_live: Duration::from_secs(600),
            enumerations: 64,
            waiting_objects: 100_000,
            subscriptions: 16,
        }
    }
}

/// The smallest reply that a client may want, in bytes: DSP0226, R13.1-3.
const MIN_ENVELOPE_BYTES: u32 = 8192;
/// The longest text of a header that a reply repeats, in bytes: DSP0226 bounds URIs so.
const MAX_HEADER_BYTES: usize = 2048;

/// A host's service of WS-Management, in front of one WMI service for each of its namespaces.
///
/// It does no I/O and reads no clock: bytes go in with the time, bytes come out. What it keeps
/// between requests are enumerations and subscriptions. Requests may come from many threads at once,
/// and none waits for another, but that a request to pull an event waits for one as the service's
/// [`Subscription`](crate::cim::Subscription) does.
///
/// A new endpoint is as strict as Windows. A [lenient](Self::lenient) one also takes what Windows
/// refuses and can be understood: a whole `EndpointReference` or a path as a reference, elements in
/// the place of an embedded instance or wrong types in its text, selectors that are no keys, none at
/// all where there is but one object, and headers that are missing.
///
/// ```
/// use hyperv_replica::cim::{Schema, namespace::Namespace};
/// use hyperv_replica::sim::Lab;
/// use hyperv_replica::wsman::{Endpoint, Request, random_ids};
/// use std::time::Duration;
///
/// let lab = Lab::new(["tokyo"]);
/// let client = Namespace::new(lab.host("tokyo"));
/// let endpoint = Endpoint::new("tokyo", random_ids())
///     .with(r"root\virtualization\v2", Schema::virtualization(), client);
///
/// let body = br#"<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>
///     <i:Identify xmlns:i="http://schemas.dmtf.org/wbem/wsman/identity/1/wsmanidentity.xsd"/>
/// </s:Body></s:Envelope>"#;
/// let response = endpoint.answer(Request { user: "admin", body, now: Duration::ZERO });
/// assert_eq!(response.status, 200);
/// assert_eq!(response.content_type, "application/soap+xml;charset=UTF-8");
/// ```
pub struct Endpoint<C> {
    machine: String,
    version: String,
    places: Vec<Place<C>>,
    is_lenient: bool,
    is_prompt: bool,
    limits: Limits,
    ids: Mutex<Box<dyn FnMut() -> u128 + Send>>,
    enumerations: Mutex<Enumerations>,
    subscriptions: Mutex<Subscriptions>,
}

/// A namespace.
struct Place<C> {
    namespace: Name,
    schema: &'static Schema,
    client: Arc<C>,
}

impl<C: fmt::Debug> fmt::Debug for Endpoint<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let places = self.places.iter().map(|it| (&it.namespace, &it.client));
        f.debug_map().entries(places).finish()
    }
}

impl<C: CimClient + Send + Sync + 'static> Endpoint<C> {
    /// The endpoint of a host, without any namespace yet.
    ///
    /// `machine` is what the host calls itself. `ids` draws numbers of 128 bits, which must be such
    /// that nobody guesses them: whoever knows the number of an enumeration still has to be the user
    /// who began it, but not more.
    pub fn new(machine: impl Into<String>, ids: impl FnMut() -> u128 + Send + 'static) -> Self {
        Self {
            machine: machine.into(),
            version: "OS: 10.0.20348 SP: 0.0 Stack: 3.0".to_owned(),
            places: Vec::new(),
            is_lenient: false,
            is_prompt: false,
            limits: Limits::default(),
            ids: Mutex::new(Box::new(ids)),
            enumerations: Mutex::default(),
            subscriptions: Mutex::default(),
        }
    }

    /// The same with a namespace, such as `root\virtualization\v2`. Requests that name none, which
    /// DMTF's form of URIs allows, are about the first one.
    #[must_use]
    pub fn with(mut self, namespace: &str, schema: &'static Schema, client: C) -> Self {
        let namespace = backslashes(namespace).into();
        self.places.push(Place { namespace, schema, client: Arc::new(client) });
        self
    }

    /// The same, but taking what can be understood.
    #[must_use]
    pub fn lenient(self) -> Self {
        Self { is_lenient: true, ..self }
    }

    /// The same in front of services that are in this process and never wait, as a
    /// [`Namespace`](crate::cim::namespace::Namespace) of a simulated host is: what does not pull
    /// events is answered [at once](Self::answer_at_once).
    #[must_use]
    pub fn prompt(self) -> Self {
        Self { is_prompt: true, ..self }
    }

    /// The same within other limits.
    #[must_use]
    pub fn within(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same on another build of Windows than 20348, as it identifies itself.
    #[must_use]
    pub fn on_build(self, build: u32) -> Self {
        let kernel = if build < 9600 {
            "6.2"
        } else if build < 10240 {
            "6.3"
        } else {
            "10.0"
        };
        Self { version: format!("OS: {kernel}.{build} SP: 0.0 Stack: 3.0"), ..self }
    }

    /// The limits.
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Answers a request from a user. Whatever it says, there is an answer, and the endpoint goes
    /// on.
    pub fn answer(&self, request: Request<'_>) -> Response {
        let Ok(response) = self.read(request, |asked| Ok::<_, Infallible>(self.dispatch(asked)));
        response
    }

    /// The same if that takes no time; `None` if the endpoint is not [prompt](Self::prompt), or the
    /// request is to pull something, which may have to wait for it.
    pub fn answer_at_once(&self, request: Request<'_>) -> Option<Response> {
        let unless_it_waits = |asked: &Asked<'_>| {
            let action = asked.header.action.as_deref().and_then(|it| it.strip_prefix(ENUMERATION));
            if action == Some("/Pull") { Err(()) } else { Ok(self.dispatch(asked)) }
        };
        self.is_prompt.then(|| self.read(request, unless_it_waits).ok()).flatten()
    }

    /// Reads a request and answers with what becomes of it, unless that fails.
    fn read<E>(
        &self,
        request: Request<'_>,
        dispatch: impl FnOnce(&Asked<'_>) -> Result<Result<String, Fault>, E>,
    ) -> Result<Response, E> {
        let encoding = Encoding::of(request.body);
        let content_type = encoding.content_type();
        if request.body.len() > self.limits.envelope_bytes as usize {
            return Ok(Response { status: 413, content_type, body: Vec::new() });
        }
        let text = text::decode(request.body);
        let envelope = match Envelope::read(&text) {
            Ok(envelope) => envelope,
            Err(error) => return Ok(self.refuse(&unreadable(&error), None, encoding)),
        };
        let asked = Asked {
            header: &envelope.header,
            body: envelope.body.as_ref(),
            user: request.user,
            now: request.now,
            encoding,
        };
        Ok(match dispatch(&asked)? {
            Ok(text) => Response { status: 200, content_type, body: encoding.encode(text) },
            Err(fault) => {
                let id = envelope.header.message_id.as_deref();
                self.refuse(&fault, id.filter(|it| it.len() <= MAX_HEADER_BYTES), encoding)
            }
        })
    }

    /// Answers a request to identify the service that came without credentials; `None` if it is
    /// another one. Nothing is said of the host.
    pub fn identify(&self, body: &[u8]) -> Option<Response> {
        if body.len() > self.limits.envelope_bytes as usize {
            return None;
        }
        let encoding = Encoding::of(body);
        let namespace = identity_of(Envelope::read(&text::decode(body)).ok()?.body.as_ref())?;
        let text = identity(namespace, "OS: 0.0.0 SP: 0.0 Stack: 3.0", false);
        let content_type = encoding.content_type();
        Some(Response { status: 200, content_type, body: encoding.encode(text) })
    }

    fn refuse(&self, fault: &Fault, relates_to: Option<&str>, encoding: Encoding) -> Response {
        let text = fault.write(&self.new_id(), relates_to, &self.machine);
        let (content_type, body) = (encoding.content_type(), encoding.encode(text));
        Response { status: 500, content_type, body }
    }

    /// A new identifier, as Windows writes it.
    fn new_id(&self) -> String {
        let number = (lock(&self.ids))();
        // A UUID of the fourth version, whatever was drawn.
        let number = number & !(0xF << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
        let hex = format!("{number:032X}");
        format!(
            "uuid:{}-{}-{}-{}-{}",
            &hex[..8],
            &hex[8..12],
            &hex[12..16],
            &hex[16..20],
            &hex[20..]
        )
    }

    fn dispatch(&self, asked: &Asked<'_>) -> Result<String, Fault> {
        if let Some(namespace) = identity_of(asked.body) {
            return Ok(identity(namespace, &self.version, true));
        }
        let action = self.action(asked.header)?;
        let operation =
            |namespace: &str| action.strip_prefix(namespace).and_then(|it| it.strip_prefix('/'));
        if let Some(name) = operation(TRANSFER) {
            return match name {
                "Get" => self.get(asked),
                "Put" => self.put(asked),
                _ => Err(unsupported(action)),
            };
        }
        if let Some(name) = operation(ENUMERATION) {
            return match name {
                "Enumerate" => self.enumerate(asked),
                "Pull" => self.pull(asked),
                "Release" => self.release(asked),
                _ => Err(unsupported(action)),
            };
        }
        if let Some(name) = operation(EVENTING) {
            return match name {
                "Subscribe" => self.subscribe(asked),
                "Renew" => self.renew(asked),
                "Unsubscribe" => self.unsubscribe(asked),
                _ => Err(unsupported(action)),
            };
        }
        self.invoke(asked, action)
    }

    /// The action, if the headers are such that anything can be done.
    fn action<'h>(&self, header: &'h Header) -> Result<&'h str, Fault> {
        if let Some(name) = header.not_understood.first() {
            return Err(Fault::new(Subcode::MustUnderstand, format!("`{name}` is not understood")));
        }
        if let Some(name) = header.flawed {
            return Err(Fault::new(Subcode::InvalidHeader, format!("`{name}` is not valid")));
        }
        let missing = |name: &str| {
            Fault::new(Subcode::HeaderRequired, format!("the header `{name}` is missing"))
        };
        let action = header.action.as_deref().filter(|it| !it.is_empty());
        let action = action.ok_or_else(|| missing("Action"))?;
        let id = header.message_id.as_deref().unwrap_or_default();
        if id.trim().is_empty() && !self.is_lenient {
            return Err(Fault::new(Subcode::InvalidHeader, "the header `MessageID` is missing"));
        }
        if id.len() > MAX_HEADER_BYTES || action.len() > MAX_HEADER_BYTES {
            return Err(Fault::new(Subcode::InvalidHeader, "a header is too long"));
        }
        match header.reply_to.as_deref() {
            Some(ANONYMOUS) => {}
            None if self.is_lenient => {}
            None => return Err(missing("ReplyTo")),
            Some(_) => {
                let why = "a reply goes to the anonymous address only";
                let fault = Fault::new(Subcode::UnsupportedFeature, why);
                return Err(fault.detail("AddressingMode").code(0x8033_8076));
            }
        }
        if header.max_envelope_bytes.is_some_and(|it| it < MIN_ENVELOPE_BYTES) {
            let why = format!("a reply has at least {MIN_ENVELOPE_BYTES} bytes");
            let fault = Fault::new(Subcode::EncodingLimit, why);
            return Err(fault.detail("MinimumEnvelopeLimit").code(0x8033_807E));
        }
        Ok(action)
    }

    /// What a request is about.
    fn target<'e>(&'e self, asked: &Asked<'_>) -> Result<Target<'e, C>, Fault> {
        let resource = asked.resource()?;
        let (dialect, namespace, class) = match resource {
            Resource::Class(uri) => (uri.dialect, uri.namespace, Some(uri.class)),
            Resource::All(dialect, namespace) => (dialect, namespace, None),
            Resource::Metadata => (Dialect::Dmtf, None, None),
            Resource::Config | Resource::Other => return Err(asked.no_resource()),
        };
        let selected = asked.header.selectors.namespace();
        let name = match (namespace.as_deref().map(backslashes), selected.map(backslashes)) {
            (Some(uri), Some(selected)) if !uri.eq_ignore_ascii_case(&selected) => {
                return Err(Fault::unexpected_selector(super::names::CIM_NAMESPACE));
            }
            (uri, selected) => uri.or(selected),
        };
        let place = match &name {
            None => self.places.first(),
            Some(name) => self.places.iter().find(|it| it.namespace == **name),
        };
        let Some(place) = place else {
            let name = name.unwrap_or_default();
            let why = format!("there is no namespace `{name}`");
            let error = Error::status(WbemStatus::INVALID_NAMESPACE, why);
            let operation =
                if class.is_some() { Operation::GetObject } else { Operation::ExecQuery };
            return Err(Fault::of(&error, operation, &name));
        };
        let style = Style {
            precise_arrays: asked.header.has_option("msftwinrm:UsePreciseArrays"),
            typed: asked.header.has_option("msftwinrm:includepropertymetadata"),
            is_lenient: self.is_lenient,
        };
        let namespace = place.namespace.as_str();
        let codec = Codec { schema: place.schema, dialect, namespace, style };
        Ok(Target { place, codec, class })
    }

    /// Writes a reply to a request.
    fn reply(
        &self,
        asked: &Asked<'_>,
        family: Family,
        action: &str,
        body: impl FnOnce(&mut Xml),
    ) -> String {
        reply(family, action, &self.new_id(), asked.header.message_id.as_deref(), body)
    }
}

/// A request in parts.
struct Asked<'a> {
    header: &'a Header,
    body: Option<&'a Element<'a>>,
    user: &'a str,
    now: Duration,
    encoding: Encoding,
}

impl<'a> Asked<'a> {
    fn resource(&self) -> Result<Resource, Fault> {
        let uri = self.header.resource.as_deref().ok_or_else(|| self.no_resource())?;
        Ok(Resource::of(uri))
    }

    fn no_resource(&self) -> Fault {
        let uri = self.header.resource.as_deref().unwrap_or_default();
        let why = format!("`{uri}` is no resource of this service");
        Fault::new(Subcode::DestinationUnreachable, why).detail("InvalidResourceURI")
    }

    /// The body, which has to be a certain element.
    fn body(&self, namespace: &str, local: &str) -> Result<&'a Element<'a>, Fault> {
        self.body.filter(|it| it.is(namespace, local)).ok_or_else(|| {
            Fault::new(Subcode::SchemaValidation, format!("the body is no `{local}`"))
        })
    }
}

/// A namespace, and how it is spoken of.
struct Target<'e, C> {
    place: &'e Place<C>,
    codec: Codec<'e>,
    /// The class, if the request is about one.
    class: Option<String>,
}

impl<'e, C> Target<'e, C> {
    /// A class of the schema.
    fn declared(&self, name: &str, operation: Operation) -> Result<&'e Class, Fault> {
        self.place.schema.class(name).ok_or_else(|| {
            let why = format!("there is no class `{name}`");
            Fault::of(&Error::status(WbemStatus::INVALID_CLASS, why), operation, name)
        })
    }
}

fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is in there is whole after each change, so that a panic elsewhere does not matter.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn unsupported(action: &str) -> Fault {
    Fault::new(Subcode::ActionNotSupported, format!("`{action}` is not supported"))
}

fn unreadable(error: &TextError) -> Fault {
    match error.fault {
        TextFault::TooLarge => Fault::new(Subcode::EncodingLimit, error.to_string()),
        _ => Fault::new(Subcode::SchemaValidation, error.to_string()).code(0x8033_8043),
    }
}

/// The namespace of the request to identify the service, if this is one.
fn identity_of(body: Option<&Element<'_>>) -> Option<&'static str> {
    let body = body?;
    [IDENTITY, IDENTITY_MS].into_iter().find(|it| body.is(it, "Identify"))
}

/// What the service says of itself.
fn identity(namespace: &str, version: &str, is_known: bool) -> String {
    let mut xml = Xml::with_capacity(1024);
    let attributes = [("xml:lang", "en-US"), ("xmlns:s", SOAP)];
    xml.element("s:Envelope", &attributes, |it| {
        it.empty(&["s:Header"], &[]);
        it.element("s:Body", &[], |it| {
            it.element("wsmid:IdentifyResponse", &[("xmlns:wsmid", namespace)], |it| {
                it.leaf("wsmid:ProtocolVersion", WSMAN);
                it.leaf("wsmid:ProductVendor", "Microsoft Corporation");
                it.leaf("wsmid:ProductVersion", version);
                if is_known {
                    it.element("wsmid:SecurityProfiles", &[], |it| {
                        let http = "http://schemas.dmtf.org/wbem/wsman/1/wsman/secprofile/http";
                        for way in ["basic", "spnego-kerberos"] {
                            it.leaf("wsmid:SecurityProfileName", &format!("{http}/{way}"));
                        }
                    });
                }
            });
        });
    });
    xml.into_string()
}
