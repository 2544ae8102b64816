//! Hosts behind WS-Management: Windows, or a lab that is served.

use crate::cli;
use crate::secret;
use hyperv_replica::cim::CimService;
use hyperv_replica::wsman::auth::Credentials;
use hyperv_replica::wsman::tls::Trust;
use hyperv_replica::wsman::{Client, Options, Scheme, Waiting};
use std::time::Duration;

/// Hyper-V Replica of a host behind WS-Management.
pub(super) type Remote = CimService<Client>;

/// How often a host is asked what time it is, while that is waited for.
const EVERY: Duration = Duration::from_millis(100);

/// A client of the host at an address. Nothing is asked yet.
pub(super) fn connect(url: &str, login: &cli::Login) -> Result<Remote, String> {
    let user = login.user.as_deref();
    let user = user.ok_or_else(|| format!("who asks {url}? `--user NAME`"))?;
    let password = match &login.password_file {
        Some(file) => secret::first_line(file)?,
        None => std::env::var("HVR_PASSWORD")
            .map_err(|_| format!("`{user}` has no `--password-file` and no HVR_PASSWORD"))?,
    };
    let trust = match (&login.ca, login.pin) {
        (_, Some(fingerprint)) => Trust::Pinned(fingerprint),
        (Some(file), None) => Trust::Authority(secret::read(file)?),
        (None, None) => Trust::System,
    };
    let scheme = if login.basic { Scheme::Basic } else { Scheme::default() };
    let credentials = Credentials::new(user, password);
    // Who knows whether it is simulated, and how time passes there.
    let waiting = Waiting::ByTheServicesClock { every: EVERY };
    Client::new(Options { trust, scheme, waiting, ..Options::new(url, credentials) })
        .map(CimService::new)
        .map_err(|error| error.to_string())
}
