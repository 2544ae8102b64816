//! One connection: from the socket to the endpoint and back.

use super::{HttpLimits, Request, Response, now};
use crate::wsman::seam::{Authenticate, Authenticator, Encrypt, Peer, Respond, Stream, Verdict};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{ALLOW, CONNECTION, CONTENT_TYPE, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;
use tokio_io_timeout::TimeoutStream;

/// The most fields of the head of a request.
const MAX_FIELDS: usize = 64;
/// What sealing may add to a body, in bytes.
const SEALING_BYTES: usize = 4096;
/// By which a request says that it identifies the server without credentials: MS-WSMV, 3.1.4.1.19.
const IDENTIFY: HeaderName = HeaderName::from_static("wsmanidentify");

/// What the connections of a host share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) responder: Arc<dyn Respond>,
    pub(super) authenticate: Arc<dyn Authenticate>,
    pub(super) encrypt: Option<Arc<dyn Encrypt>>,
    pub(super) limits: HttpLimits,
    pub(super) began: Instant,
}

type Reply = hyper::Response<Vec<u8>>;

/// Takes connections until the server stops.
pub(super) async fn accept(
    listener: TcpListener,
    shared: Arc<Shared>,
    slots: Arc<Semaphore>,
    mut stopped: watch::Receiver<bool>,
) {
    loop {
        let taken = async {
            // An error would be that it is closed, which it never is.
            let slot = Arc::clone(&slots).acquire_owned().await;
            (slot, listener.accept().await)
        };
        let (slot, taken) = tokio::select! {
            taken = taken => taken,
            _ = stopped.changed() => return,
        };
        match taken {
            Ok((stream, address)) => {
                let (shared, stopped) = (Arc::clone(&shared), stopped.clone());
                tokio::spawn(async move {
                    serve(stream, address, shared, stopped).await;
                    drop(slot);
                });
            }
            // The connection was gone already, or there are no descriptors for a moment.
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

async fn serve(
    stream: TcpStream,
    address: SocketAddr,
    shared: Arc<Shared>,
    mut stopped: watch::Receiver<bool>,
) {
    // What it is for is only speed.
    let _ = stream.set_nodelay(true);
    let limits = shared.limits;
    let stream: Box<dyn Stream> = match &shared.encrypt {
        None => Box::new(stream),
        Some(encrypt) => match timeout(limits.handshake, encrypt.accept(stream)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(_)) | Err(_) => return,
        },
    };
    let peer = Peer { address, is_encrypted: shared.encrypt.is_some() };
    let judge: Judge = Arc::new(Mutex::new(shared.authenticate.connection(peer)));
    let mut stream = TimeoutStream::new(stream);
    stream.set_write_timeout(Some(limits.stalled));
    let service = service_fn(move |request| {
        let (shared, judge) = (Arc::clone(&shared), Arc::clone(&judge));
        async move {
            let reply = answer(&shared, &judge, request).await;
            Ok::<_, Infallible>(reply.map(|body| Full::new(Bytes::from(body))))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head)
        .max_buf_size(limits.head_bytes.max(8192))
        .max_headers(MAX_FIELDS)
        .serve_connection(TokioIo::new(Box::pin(stream)), service);
    let mut connection = pin!(connection);
    // What is wrong with a connection is the client's to notice.
    tokio::select! {
        _ = connection.as_mut() => {}
        _ = stopped.changed() => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Who judges the requests of a connection. They come one after the other; the lock is for the type.
type Judge = Arc<Mutex<Box<dyn Authenticator>>>;

fn status(status: StatusCode) -> Reply {
    let mut reply = Reply::new(Vec::new());
    *reply.status_mut() = status;
    reply
}

/// A status that leaves the body unread, so that the connection cannot go on.
fn last(code: StatusCode) -> Reply {
    let mut reply = status(code);
    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    reply
}

/// What a request is answered with before anybody looks who asks; `None` if nothing is wrong.
fn refused(responder: &dyn Respond, request: &hyper::Request<Incoming>) -> Option<Reply> {
    let path = request.uri().path();
    if path.strip_suffix('/').unwrap_or(path) != responder.path() {
        return Some(last(StatusCode::NOT_FOUND));
    }
    if request.method() != Method::POST {
        let mut reply = last(StatusCode::METHOD_NOT_ALLOWED);
        reply.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
        return Some(reply);
    }
    let is_empty = request.body().size_hint().exact() == Some(0);
    if !is_empty && !responder.takes(content_type(request.headers())) {
        return Some(last(StatusCode::UNSUPPORTED_MEDIA_TYPE));
    }
    None
}

/// The type of the content, without its parameters.
fn content_type(headers: &HeaderMap) -> &str {
    let of = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok()).unwrap_or_default();
    of.split(';').next().unwrap_or_default().trim()
}

async fn body_of(shared: &Shared, body: Incoming) -> Result<Vec<u8>, Reply> {
    let most = shared.responder.max_body_bytes() + SEALING_BYTES;
    let too_large = || last(StatusCode::PAYLOAD_TOO_LARGE);
    if body.size_hint().lower() > most as u64 {
        return Err(too_large());
    }
    match timeout(shared.limits.body, Limited::new(body, most).collect()).await {
        Ok(Ok(body)) => Ok(body.to_bytes().into()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(too_large()),
        Ok(Err(_)) => Err(last(StatusCode::BAD_REQUEST)),
        Err(_) => Err(last(StatusCode::REQUEST_TIMEOUT)),
    }
}

async fn answer(shared: &Arc<Shared>, judge: &Judge, request: hyper::Request<Incoming>) -> Reply {
    if let Some(reply) = refused(&*shared.responder, &request) {
        return reply;
    }
    let (head, body) = request.into_parts();
    let body = match body_of(shared, body).await {
        Ok(body) => body,
        Err(reply) => return reply,
    };
    let is_unauthenticated =
        |it: &HeaderValue| it.as_bytes().eq_ignore_ascii_case(b"unauthenticated");
    if head.headers.get(IDENTIFY).is_some_and(is_unauthenticated)
        && let Some(response) = shared.responder.identify(&body)
    {
        return http(response);
    }
    let verdict = judge.lock().unwrap_or_else(PoisonError::into_inner).check(&head.headers, body);
    let (user, body) = match verdict {
        Verdict::Granted { user, body } => (user, body),
        Verdict::Answer(reply) => return reply,
    };
    let reply = if body.is_empty() {
        status(StatusCode::OK)
    } else {
        // If it panics, that is a bug of whatever responds.
        let response = respond(shared, user, body).await;
        response.map_or_else(|| status(StatusCode::INTERNAL_SERVER_ERROR), http)
    };
    judge.lock().unwrap_or_else(PoisonError::into_inner).seal(reply)
}

/// What a request is answered with, on this thread or on one that may wait; `None` if that panics.
async fn respond(shared: &Arc<Shared>, user: Arc<str>, body: Vec<u8>) -> Option<Response> {
    let now = now().saturating_duration_since(shared.began);
    let at_once = || {
        let request = Request { user: &user, body: &body, now };
        shared.responder.answer_at_once(request)
    };
    match catch_unwind(AssertUnwindSafe(at_once)) {
        Ok(None) => {}
        Ok(response) => return response,
        Err(_) => return None,
    }
    let shared = Arc::clone(shared);
    let answer = move || shared.responder.answer(Request { user: &user, body: &body, now });
    tokio::task::spawn_blocking(answer).await.ok()
}

fn http(response: Response) -> Reply {
    let code = StatusCode::from_u16(response.status);
    let mut reply = status(code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR));
    if !response.body.is_empty() {
        let of = HeaderValue::from_static(response.content_type);
        reply.headers_mut().insert(CONTENT_TYPE, of);
    }
    *reply.body_mut() = response.body;
    reply
}
