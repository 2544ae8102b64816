//! To whom to connect, as whom, for how long.

use crate::cim::{Error, Name, Result, WbemStatus};
use std::fmt;
use std::time::Duration;

/// How to connect to a namespace.
///
/// ```
/// use hyperv_replica::wmi::{Credentials, Options};
/// use std::time::Duration;
///
/// let options = Options {
///     credentials: Some(Credentials::new(r"CONTOSO\backup", "secret")),
///     timeout: Duration::from_secs(20),
///     ..Options::remote("osaka.contoso.com")
/// };
/// assert!(!format!("{options:?}").contains("secret"));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The host: its name or IPv4 address, or an IPv6 address as Windows writes one in a name
    /// (`2001-db8--1.ipv6-literal.net`). `None` is this machine.
    pub host: Option<String>,
    /// As whom; `None` is the account that this process runs as. WMI takes none for this machine.
    pub credentials: Option<Credentials>,
    /// The namespace, with slashes of either kind.
    pub namespace: String,
    /// How long a call may take, from a millisecond to 24 days; a minute unless told otherwise.
    /// Methods that take longer answer with a job at once.
    pub timeout: Duration,
    /// How many instances a query may find. One that finds more fails with
    /// `WBEM_E_QUOTA_VIOLATION`.
    pub most_instances: usize,
}

impl Options {
    /// Hyper-V on this machine.
    pub fn local() -> Self {
        Self {
            host: None,
            credentials: None,
            namespace: r"root\virtualization\v2".to_owned(),
            timeout: Duration::from_secs(60),
            most_instances: 100_000,
        }
    }

    /// Hyper-V on another host.
    pub fn remote(host: impl Into<String>) -> Self {
        Self { host: Some(host.into()), ..Self::local() }
    }

    /// Refuses what cannot be meant.
    pub(super) fn check(&self) -> Result<()> {
        let refuse = |why: String| Err(Error::status(WbemStatus::INVALID_PARAMETER, why));
        if let Some(host) = &self.host {
            let of_a_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
            if !host.chars().all(of_a_name) || !host.contains(char::is_alphanumeric) {
                return refuse(format!("`{host}` is no name of a host"));
            }
        }
        let part = |it: &str| {
            !it.is_empty() && it.chars().all(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
        };
        if !self.namespace.split(['\\', '/']).all(part) {
            return refuse(format!("`{}` is no namespace", self.namespace));
        }
        if let Some(credentials) = &self.credentials {
            if self.host.is_none() {
                return refuse("WMI takes no credentials for this machine".to_owned());
            }
            let (domain, user) = credentials.account();
            if user.is_empty() || user.contains('\\') || domain.is_some_and(str::is_empty) {
                return refuse(format!("`{}` is no account", credentials.user));
            }
        }
        if milliseconds(self.timeout) == 0 || milliseconds(self.timeout) == i32::MAX {
            return refuse(format!("a call cannot be given {:?}", self.timeout));
        }
        Ok(())
    }

    /// The namespace, as paths write it.
    pub(super) fn namespace(&self) -> Name {
        self.namespace.replace('/', r"\").into()
    }

    /// A namespace with the host, as `IWbemLocator::ConnectServer` takes it.
    pub(super) fn resource(&self, namespace: &Name) -> String {
        format!(r"\\{}\{namespace}", self.host.as_deref().unwrap_or("."))
    }
}

impl Default for Options {
    fn default() -> Self {
        Self::local()
    }
}

/// The namespace and its host.
impl fmt::Display for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.resource(&self.namespace()))
    }
}

/// An account of Windows. Its password is not shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// `DOMAIN\user`, `user@domain`, or a user of the host itself.
    pub user: String,
    /// The password.
    pub password: String,
}

impl Credentials {
    /// An account and its password.
    pub fn new(user: impl Into<String>, password: impl Into<String>) -> Self {
        Self { user: user.into(), password: password.into() }
    }

    /// The domain, if it is told apart, and the user.
    pub(super) fn account(&self) -> (Option<&str>, &str) {
        match self.user.split_once('\\') {
            Some((domain, user)) => (Some(domain), user),
            None => (None, &self.user),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// As many milliseconds as COM counts: at most 24 days.
pub(super) fn milliseconds(duration: Duration) -> i32 {
    i32::try_from(duration.as_millis()).unwrap_or(i32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(options: &Options) -> String {
        options.check().unwrap_err().to_string()
    }

    #[test]
    fn resources() {
        let local = Options::local();
        assert_eq!(local.to_string(), r"\\.\root\virtualization\v2");
        let remote = Options { namespace: "root/cimv2".into(), ..Options::remote("osaka") };
        assert_eq!(remote.to_string(), r"\\osaka\root\cimv2");
        for host in ["osaka", "osaka.contoso.com", "10.0.0.7", "2001-db8--1.ipv6-literal.net"] {
            Options::remote(host).check().unwrap();
        }
    }

    /// What would end up as another part of the path, or as nothing, is refused.
    #[test]
    fn options_that_cannot_be_meant() {
        for host in ["", ".", r"osaka\root", "osaka/x", "2001:db8::1", "a b", "osaka\0"] {
            assert!(refused(&Options::remote(host)).contains("no name of a host"), "{host:?}");
        }
        for namespace in ["", "root\\", "root:x", r"\\osaka\root", "root\\a b"] {
            let options = Options { namespace: namespace.into(), ..Options::local() };
            assert!(refused(&options).contains("no namespace"), "{namespace:?}");
        }
        for user in ["", r"\u", r"CONTOSO\", r"a\b\c"] {
            let credentials = Some(Credentials::new(user, "p"));
            let options = Options { credentials, ..Options::remote("osaka") };
            assert!(refused(&options).contains("no account"), "{user:?}");
        }
        let credentials = Some(Credentials::new("u", "p"));
        let local = Options { credentials, ..Options::local() };
        assert!(refused(&local).contains("no credentials for this machine"));
        for timeout in [Duration::ZERO, Duration::from_micros(999), Duration::MAX] {
            let options = Options { timeout, ..Options::local() };
            assert!(refused(&options).contains("cannot be given"), "{timeout:?}");
        }
    }

    #[test]
    fn accounts() {
        let account = |user: &str| {
            let credentials = Credentials::new(user, "p");
            let (domain, user) = credentials.account();
            (domain.map(str::to_owned), user.to_owned())
        };
        assert_eq!(account(r"CONTOSO\ada"), (Some("CONTOSO".into()), "ada".into()));
        // A principal name is the user; the domain is in it.
        assert_eq!(account("ada@contoso.com"), (None, "ada@contoso.com".into()));
        assert_eq!(account("ada"), (None, "ada".into()));
    }

    #[test]
    fn passwords_are_not_shown() {
        let options = Options {
            credentials: Some(Credentials::new("ada", "correct horse")),
            ..Options::remote("osaka")
        };
        let shown = format!("{options:?} {options}");
        assert!(shown.contains("ada") && !shown.contains("horse"), "{shown}");
    }
}
