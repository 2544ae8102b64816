//! The server's half.

use super::FileTime;
use super::crypto::{Key, hmac_md5, prove, rc4_key};
use super::message::{Authenticate, Challenge, Flags, Negotiate, info};
use super::session::{Session, Side};
use crate::cim::Name;
use crate::wsman::auth::{AuthError, Entropy, Result, Users, draw};
use subtle::ConstantTimeEq;

/// A server that has asked for a proof and waits for it.
#[derive(Debug)]
pub struct Acceptor {
    nonce: [u8; 8],
    /// Both messages so far, over which the last one may have a checksum.
    negotiate: Vec<u8>,
    asked: Vec<u8>,
}

/// Who was let in.
#[derive(Debug)]
pub struct Accepted {
    /// The user.
    pub user: Name,
    /// Seals messages; `None` if the client did not ask for it.
    pub session: Option<Session>,
}

impl Acceptor {
    /// Answers the first message with a challenge from a server with this name.
    ///
    /// # Errors
    /// [`AuthError::Malformed`], or [`AuthError::Unsupported`] of a client without Unicode.
    pub fn challenge(
        negotiate: &[u8],
        name: &str,
        now: FileTime,
        entropy: &mut dyn Entropy,
    ) -> Result<(Self, Vec<u8>)> {
        let offered = Negotiate::read(negotiate)?.flags;
        if !offered.has(Flags::UNICODE) {
            return Err(AuthError::Unsupported("Unicode"));
        }
        let either = Flags::SEALING
            | Flags::ALWAYS_SIGN
            | Flags::KEY_EXCHANGE
            | Flags::KEY_56
            | Flags::VERSION;
        let ours = Flags::UNICODE
            | Flags::NTLM
            | Flags::REQUEST_TARGET
            | Flags::TARGET_IS_SERVER
            | Flags::TARGET_INFO;
        let nonce = draw(entropy);
        let info = info::of_server(name, now);
        let message = Challenge { flags: (offered & either) | ours, nonce, info: &info };
        let asked = message.write(name);
        let this = Self { nonce, negotiate: negotiate.to_vec(), asked: asked.clone() };
        Ok((this, asked))
    }

    /// Checks the proof.
    ///
    /// # Errors
    /// [`AuthError::Malformed`]; [`AuthError::Unsupported`] of an answer of version 1;
    /// [`AuthError::Denied`]; [`AuthError::Tampered`] if the messages that were sent are not those
    /// that arrived.
    pub fn check(self, message: &[u8], users: &Users) -> Result<Accepted> {
        const VERSION_1_LENGTH: usize = 24;
        let given = Authenticate::read(message)?;
        if !given.flags.has(Flags::UNICODE) {
            return Err(AuthError::Unsupported("Unicode"));
        }
        if given.nt.len() <= VERSION_1_LENGTH {
            return Err(AuthError::Unsupported("NTLM version 2"));
        }
        let (proof, blob) = given.nt.split_first_chunk::<16>().ok_or(AuthError::Denied)?;
        let (user, hash) = users.secret_of(&given.user);
        let key = hash.response_key(&given.user, &given.domain);
        let (expected, base_key) = prove(&key, self.nonce, blob);
        let is_right: bool = expected.ct_eq(proof).into();
        let user = user.filter(|_| is_right).ok_or(AuthError::Denied)?;

        let key = session_key(&given, base_key)?;
        // The proof is over the attributes, so that nobody can say there is no checksum.
        if info::has_mic(blob.get(INFO_AT..).unwrap_or_default()) {
            self.check_mic(&key, message)?;
        }
        let seals = given.flags.has(Flags::SEALING);
        let session = seals.then(|| Session::new(&key, given.flags, Side::Server));
        Ok(Accepted { user, session })
    }

    fn check_mic(&self, key: &Key, message: &[u8]) -> Result<()> {
        let (mic, rest) = Authenticate::split_mic(message).ok_or(AuthError::Tampered)?;
        let expected = hmac_md5(key, &[&self.negotiate, &self.asked, &rest]);
        if expected.ct_eq(&mic).into() { Ok(()) } else { Err(AuthError::Tampered) }
    }
}

/// Where the attributes are in what is proven: behind versions, time and the client's challenge.
const INFO_AT: usize = 28;

/// The key of the session: one that the client chose and sent under the common one, or that one.
fn session_key(given: &Authenticate<'_>, base_key: Key) -> Result<Key> {
    let is_sent = given.flags.has(Flags::KEY_EXCHANGE)
        && (given.flags.has(Flags::SIGN) || given.flags.has(Flags::SEAL));
    if !is_sent {
        return Ok(base_key);
    }
    let sent: Key =
        given.session_key.try_into().map_err(|_| AuthError::Malformed("the key of the session"))?;
    Ok(rc4_key(&base_key, sent))
}
