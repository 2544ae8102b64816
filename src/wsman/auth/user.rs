//! Who may ask: names, and what is kept of passwords.

use super::ntlm::NtHash;
use super::{AuthError, Entropy, Result, draw};
use crate::cim::Name;
use std::collections::BTreeMap;
use std::fmt;
use subtle::ConstantTimeEq;

/// A password. It is never shown but by [`Password::reveal`].
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// The letters and digits that are not mistaken for one another, 32 of them.
    const ALPHABET: &'static [u8] = b"abcdefghjkmnpqrstuvwxyz23456789A";

    /// A new one of 24 characters: 120 bits of chance.
    ///
    /// ```
    /// use hyperv_replica::wsman::auth::{OsEntropy, Password};
    ///
    /// let password = Password::generate(&mut OsEntropy);
    /// assert_eq!(password.reveal().len(), 24);
    /// assert_eq!(format!("{password:?}"), "Password(..)");
    /// ```
    pub fn generate(entropy: &mut dyn Entropy) -> Self {
        let bytes: [u8; 24] = draw(entropy);
        let letter =
            |byte: u8| char::from(Self::ALPHABET[usize::from(byte) % Self::ALPHABET.len()]);
        Self(bytes.into_iter().map(letter).collect())
    }

    /// The password itself, to tell it to whom it belongs.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Password {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl From<String> for Password {
    fn from(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// Whom a client says it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// The name of the user, without a domain.
    pub user: String,
    /// The domain that knows the user; empty for one of the host itself.
    pub domain: String,
    /// The password.
    pub password: Password,
}

impl Credentials {
    /// A user as Windows writes one: `DOMAIN\user`, or a name alone. A name with an `@` is taken
    /// whole, as Windows does.
    ///
    /// ```
    /// use hyperv_replica::wsman::auth::Credentials;
    ///
    /// let admin = Credentials::new(r"CONTOSO\admin", "secret");
    /// assert_eq!((admin.domain.as_str(), admin.user.as_str()), ("CONTOSO", "admin"));
    /// ```
    pub fn new(user: &str, password: impl Into<Password>) -> Self {
        let (domain, user) = split(user);
        Self { user: user.to_owned(), domain: domain.to_owned(), password: password.into() }
    }

    /// The user with the domain, if there is one.
    pub fn qualified(&self) -> String {
        match self.domain.as_str() {
            "" => self.user.clone(),
            domain => format!(r"{domain}\{}", self.user),
        }
    }
}

/// The domain and the name of a user.
pub(super) fn split(user: &str) -> (&str, &str) {
    user.split_once('\\').unwrap_or(("", user))
}

/// The users of a server. Names are compared without regard to case, domains not at all: every
/// user is one of the host itself.
///
/// Of a password only what NTLM derives from it is kept.
///
/// ```
/// use hyperv_replica::wsman::auth::Users;
///
/// let users = Users::default().with("admin", "secret");
/// assert!(users.check("ADMIN", "secret").is_ok());
/// assert!(users.check("admin", "Secret").is_err());
/// assert!(users.check("nobody", "secret").is_err());
/// ```
#[derive(Clone, Default)]
pub struct Users(BTreeMap<Name, NtHash>);

impl Users {
    /// The same and one more. There is no user and no password but those that are given.
    #[must_use]
    pub fn with(mut self, user: &str, password: impl Into<Password>) -> Self {
        self.0.insert(user.into(), NtHash::of(password.into().reveal()));
        self
    }

    /// Whether there is none, so that nobody is let in.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The user with this name and password, in as much time for every wrong one.
    ///
    /// # Errors
    /// [`AuthError::Denied`].
    pub fn check(&self, user: &str, password: &str) -> Result<Name> {
        let (name, expected) = self.secret_of(user);
        let is_right = expected.0.ct_eq(&NtHash::of(password).0);
        name.filter(|_| is_right.into()).ok_or(AuthError::Denied)
    }

    /// What the password of a user was turned into; of nobody something that no password is, so
    /// that asking for one takes as long.
    pub(super) fn secret_of(&self, user: &str) -> (Option<Name>, NtHash) {
        match self.0.get_key_value(&Name::from(split(user).1)) {
            Some((name, hash)) => (Some(name.clone()), *hash),
            None => (None, NtHash([0; 16])),
        }
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
