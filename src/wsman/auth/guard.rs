//! The server's side: what becomes of a request that may or may not say who makes it.

use super::attempts::Attempts;
use super::negotiate::{Acceptor, Done, Step};
use super::ntlm::{FileTime, Session};
use super::sealed::{self, Style};
use super::{AuthError, OsEntropy, Users, basic, negotiate};
use crate::cim::Name;
use crate::wsman::{Authenticate, Authenticator, Peer, Verdict};
use hyper::header::{
    AUTHORIZATION, CONNECTION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER, WWW_AUTHENTICATE,
};
use hyper::{Response, StatusCode};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

/// Lets users in by Basic or Negotiate, as a Windows host does.
///
/// NTLM authenticates a connection, Basic a request. What goes in clear – a password of Basic, or a
/// body after NTLM that is not sealed, which some clients send – is taken over TLS and from this
/// machine, unless it was said to be [allowed](Self::allow_unencrypted) from elsewhere.
///
/// Who guesses passwords is cut off after five on a connection, and slowed down to one in a second
/// after twenty from a network.
///
/// ```
/// use hyperv_replica::wsman::{Authenticate, auth::{Guard, OsEntropy, Password, Users}};
///
/// let password = Password::generate(&mut OsEntropy);
/// println!("The password of admin is {}", password.reveal());
/// let guard = Guard::new("tokyo", Users::default().with("admin", password));
/// assert!(guard.is_sealed());
/// ```
#[derive(Clone)]
pub struct Guard {
    host: String,
    users: Arc<Users>,
    allows_clear: bool,
    attempts: Arc<Mutex<Attempts>>,
}

impl Guard {
    /// Lets these users in to a host with this name.
    pub fn new(host: impl Into<String>, users: Users) -> Self {
        let users = Arc::new(users);
        Self { host: host.into(), users, allows_clear: false, attempts: Arc::default() }
    }

    /// The same, but that passwords and bodies may come in clear from anywhere: what Windows calls
    /// `AllowUnencrypted`.
    #[must_use]
    pub fn allow_unencrypted(self) -> Self {
        Self { allows_clear: true, ..self }
    }
}

impl fmt::Debug for Guard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("Guard");
        shown.field("host", &self.host).field("users", &self.users);
        shown.field("allows_clear", &self.allows_clear).finish_non_exhaustive()
    }
}

impl Authenticate for Guard {
    fn connection(&self, peer: Peer) -> Box<dyn Authenticator> {
        let may_be_clear = peer.is_encrypted
            || self.allows_clear
            || peer.address.ip().to_canonical().is_loopback();
        Box::new(Connection {
            guard: self.clone(),
            address: peer.address.ip(),
            may_be_clear,
            failures: 0,
            negotiation: None,
            user: None,
            last_token: None,
            style: None,
        })
    }

    fn is_sealed(&self) -> bool {
        !self.allows_clear
    }
}

/// What was found out on a connection.
struct Connection {
    guard: Guard,
    address: IpAddr,
    may_be_clear: bool,
    failures: u32,
    negotiation: Option<Acceptor>,
    /// Whom NTLM let in, with what seals.
    user: Option<(Arc<str>, Option<Session>)>,
    /// What a client that was just let in is told.
    last_token: Option<Vec<u8>>,
    /// How the request was sealed, if it was.
    style: Option<Style>,
}

/// How many wrong guesses a connection has.
const MAX_FAILURES: u32 = 5;

impl Authenticator for Connection {
    fn check(&mut self, headers: &HeaderMap, body: Vec<u8>) -> Verdict {
        self.style = None;
        self.last_token = None;
        let header = headers.get(AUTHORIZATION).and_then(|it| it.to_str().ok());
        match header {
            Some(header) if basic::is_basic(header) => self.basic(header, body),
            Some(header) => match negotiate::token(header) {
                Some(token) => self.negotiate(&token, headers, body),
                None => self.ask(None),
            },
            None if self.user.is_some() => self.open(headers, body),
            None => self.ask(None),
        }
    }

    fn seal(&mut self, mut response: Response<Vec<u8>>) -> Response<Vec<u8>> {
        if let Some(token) = self.last_token.take() {
            put(response.headers_mut(), &negotiate::header(&token));
        }
        let session = self.user.as_mut().and_then(|(_, session)| session.as_mut());
        if let (Some(mut style), Some(session)) = (self.style.take(), session) {
            let of = response.headers().get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
            if let Some(of) = of {
                of.clone_into(&mut style.content_type);
            }
            let (mut head, body) = response.into_parts();
            let of = HeaderValue::from_static(sealed::CONTENT_TYPE);
            head.headers.insert(CONTENT_TYPE, of);
            return Response::from_parts(head, sealed::wrap(session, &body, &style));
        }
        response
    }
}

impl Connection {
    fn basic(&mut self, header: &str, body: Vec<u8>) -> Verdict {
        if !self.may_be_clear {
            return self.ask(None);
        }
        if let Some(refused) = self.too_often() {
            return refused;
        }
        match basic::check(header, &self.guard.users) {
            Ok(user) => Verdict::Granted { user: user.as_str().into(), body },
            Err(error) => self.refuse(error),
        }
    }

    fn negotiate(&mut self, token: &[u8], headers: &HeaderMap, body: Vec<u8>) -> Verdict {
        if let Some(refused) = self.too_often() {
            return refused;
        }
        // Whoever begins anew is nobody until that has succeeded.
        self.user = None;
        let host = &self.guard.host;
        let mut negotiation = self.negotiation.take().unwrap_or_else(|| Acceptor::new(host));
        let now = FileTime::from(now());
        match negotiation.step(token, &self.guard.users, now, &mut OsEntropy) {
            Ok(Step::Continue(token)) => {
                self.negotiation = Some(negotiation);
                self.ask(Some(&token))
            }
            Ok(Step::Done(Done { user, session, token })) => {
                self.last_token = token;
                self.user = Some((shared(&user), session));
                self.open(headers, body)
            }
            Err(error) => self.refuse(error),
        }
    }

    /// Opens the request of somebody whom NTLM let in.
    fn open(&mut self, headers: &HeaderMap, body: Vec<u8>) -> Verdict {
        let Some((user, session)) = &mut self.user else { return self.ask(None) };
        let of = headers.get(CONTENT_TYPE).and_then(|it| it.to_str().ok());
        if !of.is_some_and(sealed::is_sealed) {
            if self.may_be_clear || body.is_empty() {
                return Verdict::Granted { user: user.clone(), body };
            }
            return answer(StatusCode::FORBIDDEN, "The body has to be sealed.\n");
        }
        let opened = session.as_mut().map(|session| sealed::unwrap(session, &body));
        let Some(Ok((body, style))) = opened else {
            // What follows cannot be opened, either.
            self.user = None;
            let verdict = answer(StatusCode::BAD_REQUEST, "The body cannot be opened.\n");
            return with(verdict, close);
        };
        self.style = Some(style);
        Verdict::Granted { user: user.clone(), body }
    }

    /// The answer to whoever has guessed too often, on this connection or from this network.
    fn too_often(&self) -> Option<Verdict> {
        let attempts = self.guard.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        if self.failures < MAX_FAILURES && attempts.may_guess(self.address, now()) {
            return None;
        }
        let verdict = answer(StatusCode::TOO_MANY_REQUESTS, "Too many wrong passwords.\n");
        Some(with(verdict, |it| {
            it.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            close(it);
        }))
    }

    fn refuse(&mut self, error: AuthError) -> Verdict {
        self.failures += 1;
        if matches!(error, AuthError::Denied | AuthError::Tampered) {
            let mut attempts = self.guard.attempts.lock().unwrap_or_else(PoisonError::into_inner);
            attempts.failed(self.address, now());
        }
        self.ask(None)
    }

    /// Asks who makes the request, or for more of the proof.
    fn ask(&self, token: Option<&[u8]>) -> Verdict {
        with(answer(StatusCode::UNAUTHORIZED, ""), |it| {
            let headers = it.headers_mut();
            if let Some(token) = token {
                return put(headers, &negotiate::header(token));
            }
            put(headers, negotiate::CHALLENGE);
            // Whoever would say a password where others listen is not asked to.
            if self.may_be_clear {
                put(headers, basic::CHALLENGE);
            }
        })
    }
}

fn shared(user: &Name) -> Arc<str> {
    user.as_str().into()
}

fn put(headers: &mut HeaderMap, challenge: &str) {
    if let Ok(value) = HeaderValue::from_str(challenge) {
        headers.append(WWW_AUTHENTICATE, value);
    }
}

fn close(response: &mut Response<Vec<u8>>) {
    response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
}

fn answer(status: StatusCode, text: &str) -> Verdict {
    let mut response = Response::new(text.as_bytes().to_vec());
    *response.status_mut() = status;
    if !text.is_empty() {
        let of = HeaderValue::from_static("text/plain;charset=UTF-8");
        response.headers_mut().insert(CONTENT_TYPE, of);
    }
    Verdict::Answer(response)
}

fn with(mut verdict: Verdict, change: impl FnOnce(&mut Response<Vec<u8>>)) -> Verdict {
    if let Verdict::Answer(response) = &mut verdict {
        change(response);
    }
    verdict
}

/// The time by the machine's clock, since 1970.
#[expect(clippy::disallowed_methods, reason = "a challenge says what time it is on this machine")]
pub(in crate::wsman) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
}

impl From<Duration> for FileTime {
    /// A length of time since 1970.
    fn from(since_1970: Duration) -> Self {
        const TICKS_TO_1970: u64 = 116_444_736_000_000_000;
        const NANOS_PER_TICK: u128 = 100;
        let ticks = u64::try_from(since_1970.as_nanos() / NANOS_PER_TICK).unwrap_or(u64::MAX);
        Self(ticks.saturating_add(TICKS_TO_1970))
    }
}
