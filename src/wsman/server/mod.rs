//! The endpoint on a port: HTTP/1.1, within limits.

mod connection;

use super::endpoint::{Endpoint, Request, Response};
use super::seam::{Authenticate, Encrypt, Respond};
use crate::cim::CimClient;
use connection::Shared;
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};

impl<C: CimClient + Send + Sync + 'static> Respond for Endpoint<C> {
    fn path(&self) -> &'static str {
        "/wsman"
    }

    fn takes(&self, content_type: &str) -> bool {
        ["application/soap+xml", "multipart/encrypted", "multipart/x-multi-encrypted"]
            .iter()
            .any(|it| content_type.eq_ignore_ascii_case(it))
    }

    fn max_body_bytes(&self) -> usize {
        self.limits().envelope_bytes as usize
    }

    fn identify(&self, body: &[u8]) -> Option<Response> {
        Self::identify(self, body)
    }

    fn answer(&self, request: Request<'_>) -> Response {
        Self::answer(self, request)
    }

    fn answer_at_once(&self, request: Request<'_>) -> Option<Response> {
        Self::answer_at_once(self, request)
    }
}

/// A host that is to be served: where, with what, and to whom.
#[derive(Debug)]
pub struct Host {
    name: String,
    listener: TcpListener,
    responder: Arc<dyn Respond>,
    authenticate: Arc<dyn Authenticate>,
    encrypt: Option<Arc<dyn Encrypt>>,
}

impl Host {
    /// A host on a port of its own, without TLS: its [`Endpoint`], or whatever else responds.
    pub fn new(
        name: impl Into<String>,
        listener: TcpListener,
        responder: impl Respond + 'static,
        authenticate: Arc<dyn Authenticate>,
    ) -> Self {
        let (name, responder) = (name.into(), Arc::new(responder));
        Self { name, listener, responder, authenticate, encrypt: None }
    }

    /// The same with TLS.
    #[must_use]
    pub fn encrypted(self, encrypt: Arc<dyn Encrypt>) -> Self {
        Self { encrypt: Some(encrypt), ..self }
    }
}

/// How much a server does for connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// The most connections to one host; further ones wait to be taken.
    pub connections: u16,
    /// The largest head of a request, in bytes; at least 8192.
    pub head_bytes: usize,
    /// How long a connection may take until the head of its next request is there; so how long it
    /// may be idle.
    pub head: Duration,
    /// How long the body of a request may take to arrive.
    pub body: Duration,
    /// How long shaking hands for TLS may take.
    pub handshake: Duration,
    /// How long a client may take to read some of a reply.
    pub stalled: Duration,
    /// How long requests that are under way may take when the server shuts down.
    pub drain: Duration,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connections: 256,
            head_bytes: 16 << 10,
            head: Duration::from_secs(60),
            body: Duration::from_secs(30),
            handshake: Duration::from_secs(10),
            stalled: Duration::from_secs(30),
            drain: Duration::from_secs(5),
        }
    }
}

/// Why there is no server.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerError {
    /// A host would be reached from other machines, and whoever listens on the wire would learn
    /// passwords and messages.
    Exposed {
        /// The host.
        name: String,
        /// Where it would be reached.
        address: SocketAddr,
    },
    /// The operating system refuses.
    Io(io::Error),
}

impl fmt::Display for ServerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exposed { name, address } => write!(
                f,
                "host {name} would be served in clear text on {address}: listen on a loopback \
                 address, or use TLS or an authentication that seals messages",
            ),
            Self::Io(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ServerError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Exposed { .. } => None,
            Self::Io(error) => Some(error),
        }
    }
}

impl From<io::Error> for ServerError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Simulated hosts, each on its own port, until it is dropped.
///
/// It answers `POST` to `/wsman` with what the host's [`Endpoint`] answers, and everything else with
/// a status of HTTP; another [`Respond`] has its own path. It has threads of its own; each request
/// that may have to wait is answered on one of its own, so that none holds up another.
///
/// A browser learns nothing from it: it sends no header that allows another origin, and takes no
/// type of content that a page may send without asking.
///
/// ```
/// use hyperv_replica::cim::{Schema, namespace::Namespace};
/// use hyperv_replica::sim::Lab;
/// use hyperv_replica::wsman::{Authenticate, Endpoint, Host, HttpLimits, Server, random_ids};
/// use std::net::TcpListener;
/// use std::sync::Arc;
///
/// fn serve(lab: &Lab, users: Arc<dyn Authenticate>) -> Result<Server, Box<dyn std::error::Error>> {
///     let mut hosts = Vec::new();
///     for name in ["tokyo", "osaka"] {
///         let client = Namespace::new(lab.host(name));
///         let endpoint = Endpoint::new(name, random_ids())
///             .with(r"root\virtualization\v2", Schema::virtualization(), client);
///         let listener = TcpListener::bind("127.0.0.1:0")?;
///         hosts.push(Host::new(name, listener, endpoint, Arc::clone(&users)));
///     }
///     Ok(Server::start(hosts, HttpLimits::default())?)
/// }
/// ```
#[derive(Debug)]
pub struct Server {
    hosts: Vec<(String, SocketAddr, Arc<Semaphore>)>,
    limits: HttpLimits,
    stop: watch::Sender<bool>,
    /// `None` once it is shut down.
    runtime: Option<Runtime>,
}

impl Server {
    /// Serves hosts.
    ///
    /// # Errors
    /// [`ServerError::Exposed`] if a listener is not on a loopback address and neither TLS nor
    /// sealing keeps what is said; [`ServerError::Io`] if there can be no thread or no listener.
    pub fn start(hosts: Vec<Host>, limits: HttpLimits) -> Result<Self, ServerError> {
        let threads = Builder::new_multi_thread()
            .worker_threads(available_parallelism().map_or(2, |it| it.get().max(2)))
            .thread_name("wsman")
            .enable_io()
            .enable_time()
            .build()?;
        let (stop, _) = watch::channel(false);
        let mut server = Self { hosts: Vec::new(), limits, stop, runtime: Some(threads) };
        // All before the first is served, so that a refusal serves nobody for a moment.
        hosts.iter().try_for_each(refuse_exposure)?;
        for host in hosts {
            server.add(host)?;
        }
        Ok(server)
    }

    /// Serves one more host from now on; where.
    ///
    /// # Errors
    /// As of [`start`](Self::start).
    pub fn add(&mut self, host: Host) -> Result<SocketAddr, ServerError> {
        refuse_exposure(&host)?;
        let address = host.listener.local_addr()?;
        host.listener.set_nonblocking(true)?;
        // It is there until the server is dropped.
        let Some(threads) = &self.runtime else { return Ok(address) };
        let _within = threads.enter();
        let listener = tokio::net::TcpListener::from_std(host.listener)?;
        let slots = Arc::new(Semaphore::new(self.limits.connections.max(1).into()));
        let shared = Shared {
            responder: host.responder,
            authenticate: host.authenticate,
            encrypt: host.encrypt,
            limits: self.limits,
            began: now(),
        };
        self.hosts.push((host.name, address, Arc::clone(&slots)));
        let stopped = self.stop.subscribe();
        threads.spawn(connection::accept(listener, Arc::new(shared), slots, stopped));
        Ok(address)
    }

    /// The hosts with the addresses on which they are served.
    pub fn addresses(&self) -> impl ExactSizeIterator<Item = (&str, SocketAddr)> {
        self.hosts.iter().map(|(name, address, _)| (name.as_str(), *address))
    }

    /// Takes no more requests, and returns when those under way are answered, or have had their
    /// time. Dropping the server does the same.
    pub fn shutdown(mut self) {
        self.end();
    }

    fn end(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        // There is nobody to hear it if no host is served.
        let _ = self.stop.send(true);
        let all = self.limits.connections.max(1).into();
        let slots: Vec<_> = self.hosts.iter().map(|(_, _, slots)| Arc::clone(slots)).collect();
        let (done, is_done) = channel();
        runtime.spawn(async move {
            for slots in slots {
                // An error would be that it is closed, which it never is.
                let _ = slots.acquire_many(all).await;
            }
            // Nobody waits any more if it took too long.
            let _ = done.send(());
        });
        let _ = is_done.recv_timeout(self.limits.drain);
        runtime.shutdown_background();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Nothing is said in clear where other machines listen.
fn refuse_exposure(host: &Host) -> Result<(), ServerError> {
    let address = host.listener.local_addr()?;
    let is_private = host.encrypt.is_some() || host.authenticate.is_sealed();
    if address.ip().is_loopback() || is_private {
        return Ok(());
    }
    Err(ServerError::Exposed { name: host.name.clone(), address })
}

/// Draws the numbers of an [`Endpoint`] from the operating system.
///
/// # Panics
/// When the operating system has no entropy to give: an endpoint whose numbers can be guessed is
/// worse than none.
pub fn random_ids() -> impl FnMut() -> u128 + Send + 'static {
    || {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has entropy");
        u128::from_le_bytes(bytes)
    }
}

#[expect(clippy::disallowed_methods, reason = "connections and clients live in real time")]
fn now() -> Instant {
    Instant::now()
}
