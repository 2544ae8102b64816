//! A client: what it is told, and what it can ask.

mod events;
mod link;
mod message;

use super::auth::Credentials;
use super::auth::negotiate::Wrapping;
use super::names::{ENUMERATION, TRANSFER, WMI};
use super::resource::backslashes;
use super::tls::Trust;
use super::xml::Xml;
use crate::cim::wql::{Projection, PropertyPath, Query, parse_unchecked};
use crate::cim::{
    CimClient, Class, DateTime, Error, Instance, Keys, Name, ObjectPath, Reply, Result, Schema,
    Subscription, Value, WbemStatus,
};
use crate::model::SimTime;
use link::Link;
use message::{Call, expect};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a client proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// NTLM. Without TLS every message is sealed. What Windows hosts take by default.
    Negotiate(Wrapping),
    /// Name and password with each request; only within TLS.
    Basic,
    /// The same without TLS: whoever listens learns the password, and what is said.
    DangerBasicInClear,
}

impl Default for Scheme {
    fn default() -> Self {
        Self::Negotiate(Wrapping::Spnego)
    }
}

/// How a client lets the time of the service pass.
#[derive(Clone, Default)]
pub enum Waiting {
    /// It sleeps for as long: the service's clock is that of everybody.
    #[default]
    Really,
    /// It asks what time it is, every so often, until the service's clock has come so far. That of
    /// a simulated host may be faster, or leap when somebody waits there: where it stands still, the
    /// client waits for an event that never comes. A clock that does not move then, either, is an
    /// error after a minute.
    ByTheServicesClock {
        /// How long to sleep before asking again.
        every: Duration,
    },
    /// It tells whoever moves the service's clock: one that stands still until it is told.
    Told(Arc<dyn Fn(Duration) -> Result<()> + Send + Sync>),
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Really => f.write_str("Really"),
            Self::ByTheServicesClock { every } => {
                f.debug_struct("ByTheServicesClock").field("every", every).finish()
            }
            Self::Told(_) => f.write_str("Told(..)"),
        }
    }
}

/// What a client is told.
///
/// ```
/// use hyperv_replica::wsman::{Client, Options, auth::Credentials, tls::Trust};
///
/// let admin = Credentials::new(r"CONTOSO\admin", "secret");
/// let client = Client::new(Options {
///     trust: Trust::System,
///     ..Options::new("https://hv01.contoso.com:5986/wsman", admin)
/// })?;
/// // Nothing is sent before something is asked.
/// # Ok::<(), hyperv_replica::cim::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the server is: `http` or `https`, port 5985 or 5986 and path `/wsman` if it says none.
    pub url: String,
    /// Who asks.
    pub credentials: Credentials,
    /// How that is proven.
    pub scheme: Scheme,
    /// Which server is believed, with `https`.
    pub trust: Trust,
    /// The namespace that is asked, with slashes of either kind.
    pub namespace: String,
    /// How long the service may take for an answer, which may be on its way for as long again.
    pub timeout: Duration,
    /// How time passes.
    pub waiting: Waiting,
}

impl Options {
    /// Replication's namespace of a server, asked with NTLM, an answer to take a minute at most.
    pub fn new(url: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            url: url.into(),
            credentials,
            scheme: Scheme::default(),
            trust: Trust::default(),
            namespace: r"root\virtualization\v2".to_owned(),
            timeout: Duration::from_secs(60),
            waiting: Waiting::default(),
        }
    }
}

/// A client of a WMI service behind WS-Management: a Windows host, or a simulated one.
///
/// It has one connection, opened when something is asked first and again when it was lost; calls
/// wait for one another. A call blocks, and must not be made within an asynchronous runtime.
///
/// A request is never sent twice if the first may have arrived: that is [`Error::Transport`]. What
/// the server answers is not trusted: it is bounded in size, depth, number and time, no other
/// address is visited, and where requests are sealed, replies have to be.
#[derive(Debug)]
pub struct Client {
    link: Mutex<Link>,
    url: String,
    namespace: String,
    timeout: Duration,
    waiting: Waiting,
    schema: &'static Schema,
}

/// What an enumeration may have at most, so that a server cannot go on for ever.
const MAX_ITEMS: usize = 1 << 20;

impl Client {
    /// A client that is told this. Nothing is sent yet.
    ///
    /// # Errors
    /// `WBEM_E_INVALID_PARAMETER`, if there is something wrong with the options.
    pub fn new(options: Options) -> Result<Self> {
        Ok(Self {
            url: options.url.clone(),
            namespace: backslashes(&options.namespace),
            timeout: options.timeout,
            waiting: options.waiting.clone(),
            schema: Schema::virtualization(),
            link: Mutex::new(Link::new(options)?),
        })
    }

    /// The namespace that a path is in.
    fn namespace_of<'a>(&'a self, path: &'a ObjectPath) -> &'a str {
        path.namespace.as_ref().map_or(&self.namespace, |it| it.name.as_str())
    }

    fn call<'a>(&'a self, namespace: &'a str) -> Call<'a> {
        Call { client: self, namespace, within: self.timeout }
    }

    /// Sends a message and waits for its reply.
    fn exchange(&self, message: &str, within: Duration) -> Result<link::Answer> {
        let mut link = self.link.lock().unwrap_or_else(PoisonError::into_inner);
        link.exchange(message.as_bytes(), within)
    }

    fn query_in(&self, namespace: &str, wql: &str) -> Result<Vec<Instance>> {
        let call = self.call(namespace);
        let (wql, class) = self.with_keys(wql);
        let all = format!("{WMI}{}/*", namespace.replace('\\', "/"));
        let mut found = Vec::new();
        let enumerate = format!("{ENUMERATION}/Enumerate");
        let first = |it: &mut Xml| message::enumerate(it, &wql);
        let mut page = call.ask(
            &enumerate,
            &all,
            |_| {},
            first,
            |body| call.page(body, "EnumerateResponse", class.as_ref()),
        )?;
        let mut empty_pages = 0;
        loop {
            empty_pages = if page.found.is_empty() { empty_pages + 1 } else { 0 };
            found.append(&mut page.found);
            let Some(context) = page.context else { return Ok(found) };
            if found.len() > MAX_ITEMS || empty_pages > 16 {
                return Err(Error::malformed("the enumeration does not end"));
            }
            let pull = format!("{ENUMERATION}/Pull");
            let next = |it: &mut Xml| message::pull(it, &context, None);
            page = call.ask(
                &pull,
                &all,
                |_| {},
                next,
                |body| call.page(body, "PullResponse", class.as_ref()),
            )?;
        }
    }

    /// The query with the keys of its class among what it selects, so that what is found has a
    /// path, and the class. One that cannot be read is left for the server to refuse.
    fn with_keys(&self, wql: &str) -> (String, Option<Name>) {
        let Ok(Query::Select(mut select)) = parse_unchecked(wql) else {
            return (wql.to_owned(), None);
        };
        let class = select.class.clone();
        let Projection::Properties(properties) = &mut select.projection else {
            return (wql.to_owned(), Some(class));
        };
        let declared = self.schema.class(class.as_str());
        for key in declared.into_iter().flat_map(Class::keys) {
            if !properties.iter().any(|it| it.as_name() == Some(&key.name)) {
                properties.push(PropertyPath::from(key.name.as_str()));
            }
        }
        (Query::from(select).to_string(), Some(class))
    }
}

/// An event that never comes, and for which nobody looks often.
const NEVER: &str = "SELECT * FROM __InstanceDeletionEvent WITHIN 86400 \
                     WHERE TargetInstance ISA 'Msvm_ReplicationService'";
/// The longest that the event is waited for in one go.
const SHIFT: Duration = Duration::from_secs(30);
/// How long a clock may stand still while somebody waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

impl Client {
    fn sleep_by_its_clock(&self, every: Duration, duration: Duration) -> Result<()> {
        let mut now = self.now()?;
        let until = now + duration;
        let (mut idle, mut stood) = (None::<Box<dyn Subscription + '_>>, Duration::ZERO);
        while now < until {
            let rest = until.since(now);
            match &mut idle {
                None => really(every.min(rest)),
                Some(idle) => {
                    let shift = rest.min(SHIFT);
                    idle.next(shift)?;
                    stood += shift;
                }
            }
            let before = std::mem::replace(&mut now, self.now()?);
            if now > before {
                stood = Duration::ZERO;
            } else if stood >= PATIENCE {
                let why = format!("the clock of {} stands still", self.url);
                return Err(Error::Transport(why.into()));
            } else if idle.is_none() {
                idle = Some(self.subscribe(NEVER)?);
            }
        }
        Ok(())
    }
}

impl CimClient for Client {
    fn get(&self, path: &ObjectPath) -> Result<Instance> {
        if path.keys == Keys::Class {
            let why = format!("`{path}` is a class, which this client does not read");
            return Err(Error::status(WbemStatus::NOT_SUPPORTED, why));
        }
        let namespace = self.namespace_of(path);
        if path.keys == Keys::Singleton {
            let mut all = self.query_in(namespace, &format!("SELECT * FROM {}", path.class))?;
            let only = all.pop().filter(|_| all.is_empty());
            let why = || Error::status(WbemStatus::NOT_FOUND, format!("`{path}` is not one"));
            return only.ok_or_else(why);
        }
        let call = self.call(namespace);
        let codec = call.codec();
        let uri = codec.class_uri(path.class.as_str());
        let action = format!("{TRANSFER}/Get");
        call.ask(
            &action,
            &uri,
            |it| codec.target(it, path),
            |_| {},
            |body| {
                let body = body.ok_or_else(|| Error::malformed("the reply is empty"))?;
                call.read_item(&body, None)
            },
        )
    }

    fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        self.query_in(&self.namespace, wql)
    }

    fn invoke(&self, path: &ObjectPath, method: &str, arguments: &Instance) -> Result<Reply> {
        let refuse = |status, what: &str| Error::status(status, format!("there is no {what}"));
        let name = path.class.as_str();
        let class = self
            .schema
            .class(name)
            .ok_or_else(|| refuse(WbemStatus::INVALID_CLASS, &format!("class `{name}`")))?;
        let method = class.method(method).ok_or_else(|| {
            refuse(WbemStatus::INVALID_METHOD, &format!("method `{method}` of {name}"))
        })?;
        let arguments = method.bind(arguments)?;
        let call = self.call(self.namespace_of(path));
        let codec = call.codec();
        let uri = codec.class_uri(class.name.as_str());
        let action = format!("{uri}/{}", method.name);
        let target = |it: &mut Xml| codec.target(it, path);
        let input = |it: &mut Xml| {
            codec.input(it, class.name.as_str(), method.name.as_str(), &arguments);
        };
        call.ask(&action, &uri, target, input, |body| {
            let output = expect(body, &format!("{}_OUTPUT", method.name))?;
            codec.read_reply(&output, method).map_err(Error::malformed)
        })
    }

    fn subscribe(&self, wql: &str) -> Result<Box<dyn Subscription + '_>> {
        Ok(Box::new(events::Events::subscribe(self, wql)?))
    }

    /// What [`Win32_OperatingSystem`] says.
    ///
    /// [`Win32_OperatingSystem`]: https://learn.microsoft.com/windows/win32/cimwin32prov/win32-operatingsystem
    fn now(&self) -> Result<SimTime> {
        let found =
            self.query_in(r"root\cimv2", "SELECT LocalDateTime FROM Win32_OperatingSystem")?;
        let time = found.first().and_then(|it| match it.get("LocalDateTime")? {
            Value::DateTime(DateTime::Time(time)) => time.to_sim_time(),
            _ => None,
        });
        time.ok_or_else(|| Error::malformed("the host does not say what time it is"))
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        match &self.waiting {
            Waiting::Really => really(duration),
            Waiting::ByTheServicesClock { every } => self.sleep_by_its_clock(*every, duration)?,
            Waiting::Told(tell) => tell(duration)?,
        }
        Ok(())
    }
}

#[expect(clippy::disallowed_methods, reason = "time passes at a real host without being told")]
fn really(duration: Duration) {
    std::thread::sleep(duration);
}
