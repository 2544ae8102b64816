//! Where what responds, authentication and encryption meet the server.

use super::endpoint::{self, Request};
use hyper::{HeaderMap, Response};
use std::fmt;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

/// What responds to the requests on a port: an [`Endpoint`](super::Endpoint), or something else that
/// is served beside it with the same care.
pub trait Respond: fmt::Debug + Send + Sync {
    /// The only path to which requests are posted, without a slash at its end.
    fn path(&self) -> &'static str;

    /// Whether a body may be of this type. None of them may be one that a page in a browser sends
    /// elsewhere without asking: `text/plain`, `multipart/form-data`,
    /// `application/x-www-form-urlencoded`.
    fn takes(&self, content_type: &str) -> bool;

    /// The longest body that is read, in bytes.
    fn max_body_bytes(&self) -> usize;

    /// The response to a request to identify the server that came without credentials; `None` if
    /// it is no such request.
    fn identify(&self, body: &[u8]) -> Option<endpoint::Response>;

    /// The response to a request of somebody who was let in. It may take its time.
    fn answer(&self, request: Request<'_>) -> endpoint::Response;

    /// The same if it takes none: neither waits for anything nor asks another machine. The server
    /// asks for this on a thread that connections share, and for [`answer`](Self::answer) on one
    /// that may wait only if there is none, because going from thread to thread costs as much as a
    /// simple answer does.
    fn answer_at_once(&self, _request: Request<'_>) -> Option<endpoint::Response> {
        None
    }
}

/// Who is at the other end of a connection, as far as the connection says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its address.
    pub address: SocketAddr,
    /// Whether the connection is encrypted.
    pub is_encrypted: bool,
}

/// How clients authenticate themselves: makes an [`Authenticator`] for each connection.
pub trait Authenticate: fmt::Debug + Send + Sync {
    /// What judges the requests of a new connection.
    fn connection(&self, peer: Peer) -> Box<dyn Authenticator>;

    /// Whether whoever listens on the wire learns neither a password nor a message, so that the
    /// server may be reached from elsewhere without TLS.
    fn is_sealed(&self) -> bool;
}

/// Judges the requests of one connection, one after the other.
///
/// The server calls [`check`](Self::check) for each request. If it is granted and answered, the
/// answer goes through [`seal`](Self::seal) before the next request is checked. What the verdict
/// itself answers does not.
///
/// A request to identify the server without credentials, which has a header of its own, is answered
/// before anybody is asked here.
pub trait Authenticator: Send {
    /// Who makes a request, and what it says when it is opened.
    fn check(&mut self, headers: &HeaderMap, body: Vec<u8>) -> Verdict;

    /// The answer as it goes out: sealed if the request was.
    fn seal(&mut self, response: Response<Vec<u8>>) -> Response<Vec<u8>>;
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Verdict {
    /// It is answered. An empty body is answered with an empty one.
    Granted {
        /// Who made it; enumerations and subscriptions belong to a user.
        user: Arc<str>,
        /// The body in clear.
        body: Vec<u8>,
    },
    /// It is not, but with this: 401 and a challenge, or what else there is to say.
    Answer(Response<Vec<u8>>),
}

/// How connections are encrypted: TLS.
pub trait Encrypt: fmt::Debug + Send + Sync {
    /// Shakes hands on a connection that a client opened. The server bounds how long it takes.
    fn accept(&self, stream: TcpStream) -> Accepting;
}

/// A connection that is becoming an encrypted one.
pub type Accepting = Pin<Box<dyn Future<Output = io::Result<Box<dyn Stream>>> + Send>>;

/// A connection, encrypted or not.
pub trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Stream for T {}
