//! `Authorization: Basic`, [RFC 7617]: name and password in clear.
//!
//! [RFC 7617]: https://www.rfc-editor.org/rfc/rfc7617

use super::{AuthError, Credentials, Result, Users, behind_scheme, from_base64, to_base64};
use crate::cim::Name;

/// What a server says it takes.
pub const CHALLENGE: &str = "Basic realm=\"WSMAN\"";

/// The value of the header.
///
/// ```
/// use hyperv_replica::wsman::auth::{Credentials, Users, basic};
///
/// let header = basic::header(&Credentials::new("Aladdin", "open sesame"));
/// assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="); // RFC 7617, section 2.
/// assert!(basic::check(&header, &Users::default().with("aladdin", "open sesame")).is_ok());
/// ```
pub fn header(credentials: &Credentials) -> String {
    let user = credentials.qualified();
    format!("Basic {}", to_base64(format!("{user}:{}", credentials.password.reveal()).as_bytes()))
}

/// Whether a header is of this scheme.
pub fn is_basic(header: &str) -> bool {
    behind_scheme(header, "Basic").is_some()
}

/// The user whom a header proves to be asking.
///
/// # Errors
/// [`AuthError::Malformed`] for a header of another scheme or without name and password,
/// [`AuthError::Denied`] for the wrong ones.
pub fn check(header: &str, users: &Users) -> Result<Name> {
    const WHAT: AuthError = AuthError::Malformed("the header with name and password");
    let text = behind_scheme(header, "Basic").and_then(from_base64).ok_or(WHAT)?;
    let text = String::from_utf8(text).map_err(|_| WHAT)?;
    let (user, password) = text.split_once(':').ok_or(WHAT)?;
    users.check(user, password)
}
