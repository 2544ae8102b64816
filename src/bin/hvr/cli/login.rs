//! The arguments of commands that reach hosts by the network.

use clap::Args;
#[cfg(feature = "wsman")]
use hyperv_replica::wsman::tls::Fingerprint;
#[cfg(feature = "wsman")]
use std::path::PathBuf;

/// Who asks hosts at `https://` and `http://`, and whom that believes. Nothing without WS-Management.
#[derive(Debug, Args)]
#[cfg_attr(feature = "wsman", command(next_help_heading = "Hosts over WS-Management"))]
pub(crate) struct Login {
    /// Who asks hosts at https:// and http://, such as `CONTOSO\admin`.
    #[cfg(feature = "wsman")]
    #[arg(long, value_name = "NAME")]
    pub(crate) user: Option<String>,

    /// A file whose first line is the password; else that of the environment, `HVR_PASSWORD`.
    #[cfg(feature = "wsman")]
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Who vouches for hosts, as PEM, instead of those whom this machine believes.
    #[cfg(feature = "wsman")]
    #[arg(long, value_name = "FILE")]
    pub(crate) ca: Option<PathBuf>,

    /// The SHA-256 of the certificate that hosts have, whoever vouches for it.
    #[cfg(feature = "wsman")]
    #[arg(long, value_name = "SHA256", conflicts_with = "ca")]
    pub(crate) pin: Option<Fingerprint>,

    /// Prove who asks by Basic instead of NTLM; only at https://.
    #[cfg(feature = "wsman")]
    #[arg(long)]
    pub(crate) basic: bool,
}
