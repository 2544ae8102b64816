//! `Authorization: Negotiate`, [RFC 4559]: NTLM in base64, bare or within SPNEGO.
//!
//! A client sends a token, a server answers with one and 401, the client sends the last one and is
//! let in; that holds for the connection, not for a request. Windows and its clients do either, and
//! the server answers as it was asked.
//!
//! ```
//! use hyperv_replica::wsman::auth::{Credentials, OsEntropy, Users, negotiate::*, ntlm::FileTime};
//!
//! let users = Users::default().with("admin", "secret");
//! let now = FileTime(133_500_000_000_000_000);
//! let mut server = Acceptor::new("tokyo");
//!
//! let (client, token) = Initiator::begin(Credentials::new("admin", "secret"), Wrapping::Spnego);
//! let Step::Continue(challenge) = server.step(&token, &users, now, &mut OsEntropy)? else {
//!     unreachable!("a client has to prove who it is")
//! };
//! let (client, proof) = client.answer(&challenge, now, &mut OsEntropy)?;
//! let Step::Done(done) = server.step(&proof, &users, now, &mut OsEntropy)? else {
//!     unreachable!("it has done so")
//! };
//! let mut session = client.finish(done.token.as_deref())?;
//! let (signature, sealed) = session.seal(b"hello");
//! assert_eq!(done.session.expect("it seals").unseal(&signature, &sealed)?, b"hello");
//! # Ok::<(), hyperv_replica::wsman::auth::AuthError>(())
//! ```
//!
//! [RFC 4559]: https://www.rfc-editor.org/rfc/rfc4559

use super::ntlm::{self, FileTime, Session};
use super::spnego::{self, Init, Response, State};
use super::{
    AuthError, Credentials, Entropy, Result, Users, behind_scheme, from_base64, to_base64,
};
use crate::cim::Name;

/// What a server says it takes.
pub const CHALLENGE: &str = "Negotiate";

/// The token in a header, if it is of this scheme and has one.
pub fn token(header: &str) -> Option<Vec<u8>> {
    from_base64(behind_scheme(header, CHALLENGE)?).filter(|it| !it.is_empty())
}

/// The header for a token.
pub fn header(token: &[u8]) -> String {
    format!("{CHALLENGE} {}", to_base64(token))
}

/// How NTLM's messages are sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wrapping {
    /// Within SPNEGO, as the scheme has it.
    #[default]
    Spnego,
    /// As they are.
    Bare,
}

/// A client that waits for the challenge.
#[derive(Debug)]
pub struct Initiator {
    ntlm: ntlm::Initiator,
    wrapping: Wrapping,
}

/// A client that has sent its proof.
#[derive(Debug)]
pub struct Proven {
    session: Session,
    wrapping: Wrapping,
}

impl Initiator {
    /// The first token.
    pub fn begin(credentials: Credentials, wrapping: Wrapping) -> (Self, Vec<u8>) {
        let (ntlm, message) = ntlm::Initiator::begin(credentials);
        let token = match wrapping {
            Wrapping::Spnego => Init::write(&message),
            Wrapping::Bare => message,
        };
        (Self { ntlm, wrapping }, token)
    }

    /// Answers the challenge: the last token.
    ///
    /// # Errors
    /// As of [`ntlm::Initiator::answer`]; [`AuthError::Unsupported`] if the server wants another
    /// mechanism.
    pub fn answer(
        self,
        token: &[u8],
        now: FileTime,
        entropy: &mut dyn Entropy,
    ) -> Result<(Proven, Vec<u8>)> {
        let Self { ntlm, wrapping } = self;
        if wrapping == Wrapping::Bare {
            let (session, message) = ntlm.answer(token, now, entropy)?;
            return Ok((Proven { session, wrapping }, message));
        }
        let asked = Response::read(token)?;
        if asked.is_ntlm == Some(false) {
            return Err(AuthError::Unsupported("NTLM"));
        }
        let challenge = match (asked.state, asked.token) {
            (Some(State::Reject), _) => return Err(AuthError::Denied),
            (_, None) => return Err(AuthError::Malformed("SPNEGO's answer")),
            (_, Some(challenge)) => challenge,
        };
        let (mut session, message) = ntlm.answer(challenge, now, entropy)?;
        let mic = session.sign(&spnego::only_ntlm());
        session.restart_to_peer();
        let last = Response { token: Some(&message), mic: Some(&mic), ..Response::default() };
        Ok((Proven { session, wrapping }, last.write()))
    }
}

impl Proven {
    /// The session, after the server's last token, if it had one.
    ///
    /// # Errors
    /// [`AuthError::Denied`], [`AuthError::Tampered`], [`AuthError::Malformed`].
    pub fn finish(self, token: Option<&[u8]>) -> Result<Session> {
        let Self { mut session, wrapping } = self;
        let Some(token) = token.filter(|_| wrapping == Wrapping::Spnego) else {
            return Ok(session);
        };
        let last = Response::read(token)?;
        if last.state == Some(State::Reject) {
            return Err(AuthError::Denied);
        }
        // Only one mechanism was offered, so that nobody can have taken away a better one.
        if let Some(mic) = last.mic {
            let mic = mic.try_into().map_err(|_| AuthError::Tampered)?;
            session.verify(&spnego::only_ntlm(), mic)?;
            session.restart_from_peer();
        }
        Ok(session)
    }
}

/// The server's side of one negotiation. One that failed is over; the next one is new.
#[derive(Debug)]
pub struct Acceptor {
    name: String,
    at: At,
}

/// How far a negotiation is.
#[derive(Debug)]
enum At {
    Start,
    /// The client has offered something else first, and was told to use NTLM.
    Redirected(Mechanisms),
    /// The client was challenged; without SPNEGO it has no list of mechanisms.
    Challenged(ntlm::Acceptor, Option<Mechanisms>),
    Over,
}

/// What a client offered.
#[derive(Debug)]
struct Mechanisms {
    list: Vec<u8>,
    /// Whether NTLM was not its first choice, so that it has to prove that this was its list.
    needs_mic: bool,
}

/// What a server does next.
#[derive(Debug)]
pub enum Step {
    /// Answer with 401 and this token.
    Continue(Vec<u8>),
    /// Let the client in.
    Done(Done),
}

/// A client that was let in.
#[derive(Debug)]
pub struct Done {
    /// The user.
    pub user: Name,
    /// Seals messages; `None` if the client did not ask for it.
    pub session: Option<Session>,
    /// A last token for the client.
    pub token: Option<Vec<u8>>,
}

impl Acceptor {
    /// A server with this name, which it tells before it knows whom.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), at: At::Start }
    }

    /// Takes the next token.
    ///
    /// # Errors
    /// [`AuthError`]; the negotiation is over then.
    pub fn step(
        &mut self,
        token: &[u8],
        users: &Users,
        now: FileTime,
        entropy: &mut dyn Entropy,
    ) -> Result<Step> {
        match std::mem::replace(&mut self.at, At::Over) {
            At::Start if ntlm::is_message(token) => self.challenge(token, None, now, entropy),
            At::Start => self.start(&Init::read(token)?, now, entropy),
            At::Redirected(mechanisms) => {
                const MISSING: AuthError = AuthError::Malformed("SPNEGO's second message");
                let message = Response::read(token)?.token.ok_or(MISSING)?;
                self.challenge(message, Some(mechanisms), now, entropy)
            }
            At::Challenged(ntlm, None) => {
                let ntlm::Accepted { user, session } = ntlm.check(token, users)?;
                Ok(Step::Done(Done { user, session, token: None }))
            }
            At::Challenged(ntlm, Some(mechanisms)) => finish(ntlm, &mechanisms, token, users),
            At::Over => Err(AuthError::Malformed("a token behind the last one")),
        }
    }

    fn start(&mut self, init: &Init<'_>, now: FileTime, entropy: &mut dyn Entropy) -> Result<Step> {
        let at = init.ntlm_at.ok_or(AuthError::Unsupported("NTLM"))?;
        let mechanisms = Mechanisms { list: init.mechanisms.to_vec(), needs_mic: at > 0 };
        match init.token {
            Some(message) if at == 0 => self.challenge(message, Some(mechanisms), now, entropy),
            _ => {
                self.at = At::Redirected(mechanisms);
                let state = if at > 0 { State::RequestMic } else { State::Incomplete };
                let answer =
                    Response { state: Some(state), is_ntlm: Some(true), ..Response::default() };
                Ok(Step::Continue(answer.write()))
            }
        }
    }

    fn challenge(
        &mut self,
        message: &[u8],
        mechanisms: Option<Mechanisms>,
        now: FileTime,
        entropy: &mut dyn Entropy,
    ) -> Result<Step> {
        let (ntlm, challenge) = ntlm::Acceptor::challenge(message, &self.name, now, entropy)?;
        let token = match &mechanisms {
            None => challenge,
            Some(_) => Response {
                state: Some(State::Incomplete),
                is_ntlm: Some(true),
                token: Some(&challenge),
                mic: None,
            }
            .write(),
        };
        self.at = At::Challenged(ntlm, mechanisms);
        Ok(Step::Continue(token))
    }
}

/// Checks the last token of SPNEGO, and makes ours.
fn finish(
    ntlm: ntlm::Acceptor,
    mechanisms: &Mechanisms,
    token: &[u8],
    users: &Users,
) -> Result<Step> {
    let last = Response::read(token)?;
    let message = last.token.ok_or(AuthError::Malformed("SPNEGO's last message"))?;
    let ntlm::Accepted { user, mut session } = ntlm.check(message, users)?;
    let mut mic = None;
    match (last.mic, &mut session) {
        (Some(given), Some(session)) => {
            let given = given.try_into().map_err(|_| AuthError::Tampered)?;
            session.verify(&mechanisms.list, given)?;
            mic = Some(session.sign(&mechanisms.list));
            // Both streams begin anew; the numbers go on: [MS-SPNG] 3.3.5.1.
            session.restart_from_peer();
            session.restart_to_peer();
        }
        _ if mechanisms.needs_mic => return Err(AuthError::Tampered),
        _ => {}
    }
    let mic = mic.as_ref().map(<[u8; 16]>::as_slice);
    let answer = Response { state: Some(State::Complete), mic, ..Response::default() };
    Ok(Step::Done(Done { user, session, token: Some(answer.write()) }))
}
