//! Authentication for WS-Management: who is asking, and a session that seals what is said.
//!
//! Every part is a machine without I/O: bytes go in, bytes come out, and what is random and what
//! time it is are arguments. Both halves of each scheme are here, so that they are tested against
//! each other and the server and the client share one reading of the protocol.
//!
//! | What | Here |
//! |---|---|
//! | Who may ask, and with which password | [`Users`], [`Credentials`], [`Password`] |
//! | `Authorization: Basic` | [`basic`] |
//! | NTLM, its messages and its session | [`ntlm`] |
//! | `Authorization: Negotiate`, NTLM bare or within SPNEGO | [`negotiate`] |
//! | Bodies sealed by a session: `multipart/encrypted` | [`sealed`] |
//! | All of it, where requests come in | [`Guard`] |
//!
//! # What this is good for
//!
//! Basic says the password in clear: the server takes it over TLS or from this machine only. NTLM
//! proves knowledge of a password without saying it, but whoever watches can guess passwords at
//! leisure, and who sits in between can relay; what it seals is sealed with RC4. It is here because
//! Windows hosts speak it by default. Use TLS where the network is not yours.

mod attempts;
pub mod basic;
mod guard;
pub mod negotiate;
pub mod ntlm;
pub mod sealed;
mod spnego;
mod user;

pub use guard::Guard;
pub(super) use guard::now;
pub use user::{Credentials, Password, Users};

use std::fmt;

/// Where random bytes come from.
///
/// Tests hand in what they want to see again; [`OsEntropy`] asks the operating system.
pub trait Entropy {
    /// Fills the bytes.
    fn fill(&mut self, bytes: &mut [u8]);
}

impl<T: Entropy + ?Sized> Entropy for &mut T {
    fn fill(&mut self, bytes: &mut [u8]) {
        (**self).fill(bytes);
    }
}

/// Random bytes of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    /// # Panics
    /// If the operating system has none to give, which leaves nothing that could be done safely.
    fn fill(&mut self, bytes: &mut [u8]) {
        getrandom::fill(bytes).expect("the operating system gives random bytes");
    }
}

/// Draws as many random bytes as an array has.
fn draw<const N: usize>(entropy: &mut dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

/// Why somebody is not let in, or a message not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthError {
    /// What the other side sent makes no sense; what of it.
    Malformed(&'static str),
    /// The other side does not do what is needed; what.
    Unsupported(&'static str),
    /// There is no such user, or the password is another.
    Denied,
    /// A message was changed on its way, repeated, or left out.
    Tampered,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(what) => write!(f, "{what} makes no sense"),
            Self::Unsupported(what) => write!(f, "the other side does not support {what}"),
            Self::Denied => f.write_str("the user is unknown or the password is wrong"),
            Self::Tampered => {
                f.write_str("a sealed message was changed, repeated or lost on its way")
            }
        }
    }
}

impl std::error::Error for AuthError {}

/// The result of a step of authentication.
pub type Result<T, E = AuthError> = std::result::Result<T, E>;

/// Bytes as base64, as a header holds them; `None` for none, or for more than a token has.
fn from_base64(text: &str) -> Option<Vec<u8>> {
    use base64::{Engine, engine::general_purpose::STANDARD};
    // Windows' tokens are below 12 kB even with Kerberos' tickets within.
    const MAX_TOKEN_CHARS: usize = 16 * 1024;
    (text.len() <= MAX_TOKEN_CHARS).then(|| STANDARD.decode(text.trim()).ok()).flatten()
}

fn to_base64(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}

/// What stands behind a scheme in an `Authorization` or `WWW-Authenticate` header, if it is of this
/// scheme; nothing stands behind a scheme that is only offered.
fn behind_scheme<'a>(header: &'a str, scheme: &str) -> Option<&'a str> {
    let (found, rest) = header.trim().split_once(' ').unwrap_or((header.trim(), ""));
    found.eq_ignore_ascii_case(scheme).then(|| rest.trim())
}
