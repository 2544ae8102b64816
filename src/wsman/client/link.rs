//! One connection to a server: opened, authenticated, and opened again when it is lost.

use super::{Options, Scheme};
use crate::cim::{Error, Result, WbemStatus};
use crate::wsman::Stream;
use crate::wsman::auth::ntlm::{FileTime, Session};
use crate::wsman::auth::sealed::{self, Style};
use crate::wsman::auth::{AuthError, OsEntropy, basic, negotiate, now};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{
    AUTHORIZATION, CONTENT_TYPE, HOST, HeaderMap, HeaderValue, LOCATION, USER_AGENT,
    WWW_AUTHENTICATE,
};
use hyper::{Method, Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use std::fmt;
use std::io;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::time::Instant;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

/// The longest body that is read: what fits into an envelope's limit, sealed and in UTF-16.
const MAX_BODY_BYTES: usize = 2 << 20;

/// After so long a connection may have been closed at the other end.
const IDLE: Duration = Duration::from_secs(1);

/// What was not sent, or may not have arrived.
fn lost(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Error {
    Error::Transport(source.into())
}

/// A reply: whether it says that all went well, and its body.
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

/// The way to a server.
pub(super) struct Link {
    runtime: Runtime,
    target: Target,
    connection: Option<Connection>,
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("target", &self.target.authority).finish_non_exhaustive()
    }
}

/// Where the server is, and how it is spoken to.
struct Target {
    host: String,
    port: u16,
    /// As a header says both.
    authority: HeaderValue,
    path: Uri,
    tls: Option<(TlsConnector, ServerName<'static>)>,
    options: Options,
}

/// A connection on which the client is let in.
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    /// What is said with each request.
    authorization: Option<HeaderValue>,
    session: Option<Session>,
    used: Instant,
}

impl Link {
    pub(super) fn new(options: Options) -> Result<Self> {
        let target = Target::new(options)?;
        // The connection is driven while a request waits, on the thread that asks.
        let runtime = Builder::new_current_thread().enable_all().build().map_err(lost)?;
        Ok(Self { runtime, target, connection: None })
    }

    /// Sends a request and waits for the answer. What is not certain to have arrived is not sent
    /// again.
    pub(super) fn exchange(&mut self, body: &[u8], within: Duration) -> Result<Answer> {
        if Handle::try_current().is_ok() {
            let why = "a call that blocks was made within an asynchronous runtime; \
                       make it on a thread of its own, as by `spawn_blocking`";
            return Err(lost(why));
        }
        let Self { runtime, target, connection } = self;
        let kept = connection.take();
        let done = runtime
            .block_on(async { tokio::time::timeout(within, exchange(target, kept, body)).await });
        let Ok(done) = done else {
            return Err(lost(format!("there was no answer within {} s", within.as_secs_f64())));
        };
        let (answer, kept) = done?;
        *connection = kept;
        Ok(answer)
    }
}

/// Sends a body on a connection, or on a new one. Without a connection in what is returned, there
/// is none any more.
async fn exchange(
    target: &Target,
    mut kept: Option<Connection>,
    body: &[u8],
) -> Result<(Answer, Option<Connection>)> {
    loop {
        let is_new = kept.is_none();
        let mut connection = match kept.take() {
            Some(connection) => connection,
            None => target.connect().await?,
        };
        if connection.used.elapsed() > IDLE {
            // Long enough for the connection to learn that it was closed meanwhile.
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        match connection.ask(target, body).await {
            Ok(answer) => {
                let is_open = !connection.sender.is_closed();
                return Ok((answer, is_open.then_some(connection)));
            }
            Err(Lost::Unsent) if !is_new => {}
            Err(Lost::Unsent) => return Err(lost("the server closed the connection")),
            Err(Lost::Sent(error)) => return Err(error),
        }
    }
}

/// What became of a request without an answer.
enum Lost {
    /// Nothing of it left.
    Unsent,
    /// It may have arrived.
    Sent(Error),
}

impl From<Error> for Lost {
    fn from(error: Error) -> Self {
        Self::Sent(error)
    }
}

impl Target {
    fn new(options: Options) -> Result<Self> {
        let refuse = |why: String| Error::status(WbemStatus::INVALID_PARAMETER, why);
        let url: Uri = options.url.parse().map_err(|error| {
            refuse(format!("`{}` is not the address of a server: {error}", options.url))
        })?;
        let is_encrypted = match url.scheme_str() {
            Some("https") => true,
            Some("http") => false,
            _ => return Err(refuse(format!("`{}` is neither http nor https", options.url))),
        };
        if !is_encrypted && options.scheme == Scheme::Basic {
            let why = "Basic says the password in clear: use https, or Negotiate, or say \
                       `Scheme::DangerBasicInClear`";
            return Err(refuse(why.to_owned()));
        }
        let given = url.host().unwrap_or_default();
        let host = given.trim_start_matches('[').trim_end_matches(']').to_owned();
        let port = url.port_u16().unwrap_or(if is_encrypted { 5986 } else { 5985 });
        let authority = HeaderValue::from_str(&format!("{given}:{port}"));
        let authority = authority.map_err(|error| refuse(error.to_string()))?;
        let path = match url.path_and_query() {
            Some(path) if path.as_str() != "/" => Uri::from(path.clone()),
            _ => Uri::from_static("/wsman"),
        };
        let tls = is_encrypted.then(|| {
            let connector = options.trust.connector().map_err(|error| refuse(error.to_string()))?;
            let name = ServerName::try_from(host.clone());
            let name = name.map_err(|error| refuse(format!("`{host}`: {error}")))?;
            Ok::<_, Error>((connector, name))
        });
        Ok(Self { host, port, authority, path, tls: tls.transpose()?, options })
    }

    async fn connect(&self) -> Result<Connection> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await;
        let stream = stream.map_err(|error| self.unreachable(&error))?;
        stream.set_nodelay(true).map_err(lost)?;
        let stream: Box<dyn Stream> = match &self.tls {
            None => Box::new(stream),
            Some((connector, name)) => {
                let stream = connector.connect(name.clone(), stream).await;
                Box::new(stream.map_err(|error| self.unreachable(&error))?)
            }
        };
        let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(lost)?;
        // What goes wrong with the connection is told by the request that waits for it.
        tokio::spawn(async move {
            let _ = driver.await;
        });
        let (authorization, session, used) = (None, None, Instant::now());
        let mut connection = Connection { sender, authorization, session, used };
        match self.options.scheme {
            Scheme::Basic | Scheme::DangerBasicInClear => {
                let mut header = HeaderValue::from_str(&basic::header(&self.options.credentials))
                    .map_err(lost)?;
                header.set_sensitive(true);
                connection.authorization = Some(header);
            }
            Scheme::Negotiate(wrapping) => connection.negotiate(self, wrapping).await?,
        }
        Ok(connection)
    }

    fn unreachable(&self, error: &io::Error) -> Error {
        lost(format!("{}:{} cannot be reached: {error}", self.host, self.port))
    }

    /// A server that does not let the client in.
    fn denied(&self) -> Error {
        let user = self.options.credentials.qualified();
        let why = format!("`{user}` is not let in to {}:{}", self.host, self.port);
        Error::status(WbemStatus::ACCESS_DENIED, why)
    }
}

impl Connection {
    /// Proves who the client is, for as long as the connection lasts.
    async fn negotiate(&mut self, target: &Target, wrapping: negotiate::Wrapping) -> Result<()> {
        let credentials = target.options.credentials.clone();
        let (client, token) = negotiate::Initiator::begin(credentials, wrapping);
        let (status, headers, _) = self.authorize(target, &token).await?;
        let challenge = token_of(&headers).filter(|_| status == StatusCode::UNAUTHORIZED);
        let Some(challenge) = challenge else {
            let why = format!("the server does not take Negotiate: it answered {status}");
            return Err(Error::status(WbemStatus::ACCESS_DENIED, why));
        };
        let now = FileTime::from(now());
        let (client, token) =
            client.answer(&challenge, now, &mut OsEntropy).map_err(Error::malformed)?;
        let (status, headers, _) = self.authorize(target, &token).await?;
        if !status.is_success() {
            return Err(target.denied());
        }
        let session = client.finish(token_of(&headers).as_deref());
        let session = session.map_err(|error| match error {
            AuthError::Denied => target.denied(),
            error => Error::malformed(error),
        })?;
        // Within TLS sealing adds nothing, and Windows expects none there.
        self.session = target.tls.is_none().then_some(session);
        Ok(())
    }

    async fn authorize(
        &mut self,
        target: &Target,
        token: &[u8],
    ) -> Result<(StatusCode, HeaderMap, Bytes)> {
        let header = HeaderValue::from_str(&negotiate::header(token)).map_err(lost)?;
        self.authorization = Some(header);
        let done = self.post(target, Bytes::new(), "application/soap+xml;charset=UTF-8").await;
        self.authorization = None;
        done.map_err(|error| match error {
            Lost::Unsent => lost("the server closed the connection"),
            Lost::Sent(error) => error,
        })
    }

    async fn ask(&mut self, target: &Target, body: &[u8]) -> Result<Answer, Lost> {
        let style = Style::default();
        let (status, headers, bytes) = match &mut self.session {
            None => {
                let body = Bytes::copy_from_slice(body);
                self.post(target, body, &style.content_type).await?
            }
            Some(session) => {
                let body = sealed::wrap(session, body, &style).into();
                self.post(target, body, sealed::CONTENT_TYPE).await?
            }
        };
        self.used = Instant::now();
        if status == StatusCode::UNAUTHORIZED {
            return Err(target.denied().into());
        }
        if status.is_redirection() {
            let to = headers.get(LOCATION).and_then(|it| it.to_str().ok()).unwrap_or("elsewhere");
            let why = format!("the server sends to `{to}`, where nobody follows");
            return Err(Error::malformed(why).into());
        }
        let of = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
        let body = match &mut self.session {
            Some(session) if sealed::is_sealed(of) => {
                let (body, _) = sealed::unwrap(session, &bytes).map_err(Error::malformed)?;
                body
            }
            // Anybody can say what is not sealed.
            Some(_) if !bytes.is_empty() => {
                let why = format!("the server answered {status} without a seal");
                return Err(Error::malformed(why).into());
            }
            _ => bytes.to_vec(),
        };
        Ok(Answer { status, body })
    }

    async fn post(
        &mut self,
        target: &Target,
        body: Bytes,
        content_type: &str,
    ) -> Result<(StatusCode, HeaderMap, Bytes), Lost> {
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.path.clone();
        let headers = request.headers_mut();
        headers.insert(HOST, target.authority.clone());
        let agent = concat!("hyperv-replica/", env!("CARGO_PKG_VERSION"));
        headers.insert(USER_AGENT, HeaderValue::from_static(agent));
        let of = HeaderValue::from_str(content_type).map_err(|error| Lost::Sent(lost(error)))?;
        headers.insert(CONTENT_TYPE, of);
        if let Some(authorization) = &self.authorization {
            headers.insert(AUTHORIZATION, authorization.clone());
        }
        if self.sender.ready().await.is_err() {
            return Err(Lost::Unsent);
        }
        let sent = self.sender.try_send_request(request).await;
        let response = sent.map_err(|mut error| match error.take_message() {
            Some(_) => Lost::Unsent,
            None => Lost::Sent(lost(error.into_error())),
        })?;
        let (head, body) = response.into_parts();
        let body = Limited::new(body, MAX_BODY_BYTES).collect().await;
        let body = body.map_err(|error| Lost::Sent(Error::Malformed(error)))?;
        Ok((head.status, head.headers, body.to_bytes()))
    }
}

/// The token of Negotiate among what a server says.
fn token_of(headers: &HeaderMap) -> Option<Vec<u8>> {
    let all = headers.get_all(WWW_AUTHENTICATE).iter();
    all.filter_map(|it| it.to_str().ok()).find_map(negotiate::token)
}
