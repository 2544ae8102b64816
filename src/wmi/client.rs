//! The client, as everyone has it: without a trace of COM, and free to move between threads.

use super::com::{self, Locate, Session, Subscribed};
use super::connection::Connection;
use super::options::Options;
use crate::cim::{CimClient, Error, Instance, ObjectPath, Reply, Result, Subscription};
use crate::model::SimTime;
use std::fmt;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use windows::Win32::System::Wmi::IWbemLocator;

/// A connection to a namespace of WMI.
///
/// `Send + Sync`; one call at a time. See the [module](super) for threads, time and security.
///
/// The time is the host's: for this machine the system's clock, for another one what its
/// `Win32_OperatingSystem` says. A path with another namespace is looked up in that namespace of the
/// same host, which is connected to when it is first asked for. A query is one of the client's own.
pub struct Client {
    options: Arc<Options>,
    locate: Arc<Locate>,
    session: Connection<Session>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// `WBEM_E_INVALID_PARAMETER` for options that cannot be meant, `WBEM_E_INVALID_NAMESPACE` on a
    /// host without Hyper-V, `WBEM_E_ACCESS_DENIED`; [`Error::Transport`] with a
    /// [`ComError`](super::ComError) if the host is not reached or does not let the caller in.
    pub fn connect(options: Options) -> Result<Self> {
        Self::connect_through(options, com::own)
    }

    /// The same through another locator than WMI's own. It is here so that tests can put what they
    /// like behind the very interfaces that Windows has; it is called in the connection's thread,
    /// for each connection.
    #[doc(hidden)]
    pub fn connect_through(
        options: Options,
        locate: impl Fn() -> windows::core::Result<IWbemLocator> + Send + Sync + 'static,
    ) -> Result<Self> {
        options.check()?;
        let (options, locate): (_, Arc<Locate>) = (Arc::new(options), Arc::new(locate));
        let open = (Arc::clone(&options), Arc::clone(&locate));
        let session = Connection::new(options.timeout, move || Session::open(&open.0, &open.1));
        session.call(Duration::ZERO, |_| Ok(()))?;
        Ok(Self { options, locate, session })
    }
}

#[deny(clippy::missing_trait_methods)]
impl CimClient for Client {
    fn get(&self, path: &ObjectPath) -> Result<Instance> {
        let path = path.clone();
        self.session.call(Duration::ZERO, move |it| it.get(&path))
    }

    fn query(&self, wql: &str) -> Result<Vec<Instance>> {
        let wql = wql.to_owned();
        self.session.call(Duration::ZERO, move |it| it.query(&wql))
    }

    fn invoke(&self, path: &ObjectPath, method: &str, arguments: &Instance) -> Result<Reply> {
        let (path, method, arguments) = (path.clone(), method.to_owned(), arguments.clone());
        self.session.call(Duration::ZERO, move |it| it.invoke(&path, &method, &arguments))
    }

    fn subscribe(&self, wql: &str) -> Result<Box<dyn Subscription + '_>> {
        let (options, locate) = (Arc::clone(&self.options), Arc::clone(&self.locate));
        let text = wql.to_owned();
        let events = Connection::new(options.timeout, move || {
            Subscribed::to(&text, Session::open(&options, &locate)?)
        });
        events.call(Duration::ZERO, |_| Ok(()))?;
        Ok(Box::new(Stream { events: Some(events) }))
    }

    fn now(&self) -> Result<SimTime> {
        match &self.options.host {
            Some(_) => self.session.call(Duration::ZERO, Session::clock),
            None => system_time(),
        }
    }

    #[expect(clippy::disallowed_methods, reason = "the time of a real host passes by itself")]
    fn sleep(&self, duration: Duration) -> Result<()> {
        thread::sleep(duration);
        Ok(())
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

#[expect(clippy::disallowed_methods, reason = "this machine is the host")]
fn system_time() -> Result<SimTime> {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seconds = i64::try_from(passed.as_secs()).unwrap_or(i64::MAX);
    chrono::DateTime::from_timestamp(seconds, passed.subsec_nanos())
        .and_then(SimTime::from_utc)
        .ok_or_else(|| Error::malformed("this machine's clock is not set"))
}

/// Events that come over a connection of their own.
#[derive(Debug)]
struct Stream {
    /// `None` when it is over: another connection would have missed what happened in between.
    events: Option<Connection<Subscribed>>,
}

impl Subscription for Stream {
    fn next(&mut self, timeout: Duration) -> Result<Option<Instance>> {
        let Some(events) = &self.events else {
            return Err(Error::Transport("the subscription is over".into()));
        };
        let next = events.call(timeout, move |it| it.events.next(timeout));
        if next.is_err() {
            self.events = None;
        }
        next
    }
}
