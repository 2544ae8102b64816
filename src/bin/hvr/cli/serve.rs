//! The arguments of the commands that serve a lab, and that speak to one that is served.

use clap::Args;
use hyperv_replica::sim::Pace;
use std::net::IpAddr;
use std::path::PathBuf;

/// The arguments of `hvr serve`.
#[allow(clippy::struct_excessive_bools)] // Each is a flag of its own.
#[derive(Debug, Args)]
#[command(after_help = SERVE_EXAMPLES)]
pub(crate) struct Serve {
    /// The script that makes the lab; `-` for the standard input.
    #[arg(value_name = "FILE")]
    pub(crate) script: PathBuf,

    /// The address to listen on. One that other machines reach wants `--tls` or `--sealed`.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    pub(crate) listen: IpAddr,

    /// The port of the first host; the next ones have those behind it. 0 is any that are free.
    /// [default: 5985, with TLS 5986]
    #[arg(long)]
    pub(crate) port: Option<u16>,

    /// Who is let in.
    #[arg(long, value_name = "NAME", default_value = "admin")]
    pub(crate) user: String,

    /// The user's password; other users of this machine may see it here. Without one, a new one is
    /// made and printed once.
    #[arg(long, value_name = "PASSWORD", conflicts_with = "password_file")]
    pub(crate) password: Option<String>,

    /// A file whose first line is the user's password.
    #[arg(long, value_name = "FILE")]
    pub(crate) password_file: Option<PathBuf>,

    /// Serve with TLS, by `--cert` and `--key` or else with a certificate that is made here. It is
    /// kept with its key beside the `--journal`, or in `--state`; otherwise each start makes a new
    /// one.
    #[arg(long)]
    pub(crate) tls: bool,

    /// The certificate, and those that vouch for it behind it, as PEM.
    #[arg(long, value_name = "FILE", requires_all = ["tls", "key"])]
    pub(crate) cert: Option<PathBuf>,

    /// The key of the certificate as PEM, not encrypted.
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,

    /// Write the certificate that is made here, for clients that want to know whom they trust.
    #[arg(long, value_name = "FILE", requires = "tls", conflicts_with = "cert")]
    pub(crate) save_cert: Option<PathBuf>,

    /// The folder in which the certificate that is made here is kept with its key: `cert.pem` and
    /// `key.pem`, which only you can read.
    #[arg(long, value_name = "FOLDER", requires = "tls", conflicts_with = "cert")]
    pub(crate) state: Option<PathBuf>,

    /// Listen where other machines reach it without TLS, and take from them only what NTLM seals.
    #[arg(long, conflicts_with = "tls")]
    pub(crate) sealed: bool,

    /// Take also what Windows refuses and can be understood.
    #[arg(long)]
    pub(crate) lenient: bool,

    /// How time passes in the lab: `real`, as for the clients; `x60`, or another number of times as
    /// fast; `manual`, only by `hvr ctl`, so that whoever waits
    /// for something waits for that, and you are told; `jump`, to the next event whenever somebody
    /// looks at a job that has not ended.
    #[arg(long, value_name = "PACE", default_value_t = Pace::REAL)]
    pub(crate) clock: Pace,

    /// Write everything that happens to this file before it is answered. If it is there already, the
    /// lab goes on as it says, and the script is not run. One process at a time can have it.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,

    /// Let `hvr ctl` arrange the lab, on this port of 127.0.0.1, or on any that is free.
    #[arg(long, value_name = "PORT", num_args = 0..=1, require_equals = true,
        default_missing_value = "0")]
    pub(crate) control: Option<u16>,

    /// Write the token for `hvr ctl` to this file, which only you can read, instead of printing it.
    #[arg(long, value_name = "FILE", requires = "control")]
    pub(crate) token_file: Option<PathBuf>,

    /// The most connections to a host at a time; further ones wait.
    #[arg(long, value_name = "COUNT", default_value_t = 256,
        value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) max_connections: u16,

    /// The largest message in either direction, in KiB.
    #[arg(long, value_name = "KIB", default_value_t = 500,
        value_parser = clap::value_parser!(u32).range(8..=65_536))]
    pub(crate) max_envelope: u32,

    /// Print one JSON document instead of a table.
    #[arg(long)]
    pub(crate) json: bool,
}

const SERVE_EXAMPLES: &str = "\
Examples:
  hvr serve fixtures/labs/two-sites.hvr              Two hosts on 127.0.0.1, time as on a clock
  hvr serve lab.hvr --clock jump                     Whoever polls a job never waits
  hvr serve lab.hvr --clock manual --control         Time passes by `hvr ctl`
  hvr serve lab.hvr --journal lab.journal.hvr        What happens outlives the process
  hvr serve lab.hvr --listen 0.0.0.0 --tls           For other machines

The lab is a tool for tests: NTLM can be relayed and its passwords guessed by who listens, and who is
let in may do anything to the lab. Nothing reaches the machine it runs on.

Exit status:
  0  it was ended by Ctrl-C, or by a signal that asks for it
  2  it could not be served, or the arguments are wrong";

/// The arguments of `hvr ctl`.
#[derive(Debug, Args)]
#[command(after_help = CTL_EXAMPLES)]
pub(crate) struct Ctl {
    /// Where the lab is controlled, as `hvr serve` prints it.
    #[arg(long, value_name = "URL")]
    pub(crate) url: String,

    /// The token; other users of this machine may see it here. Without one, that of the environment,
    /// `HVR_TOKEN`.
    #[arg(long, value_name = "TOKEN", conflicts_with = "token_file")]
    pub(crate) token: Option<String>,

    /// The file to which `hvr serve` wrote the token.
    #[arg(long, value_name = "FILE")]
    pub(crate) token_file: Option<PathBuf>,

    /// Lines of a script, each an argument; without any, those of the standard input.
    #[arg(value_name = "LINE")]
    pub(crate) lines: Vec<String>,

    /// Print one JSON document.
    #[arg(long)]
    pub(crate) json: bool,

    /// The width of the output in columns, instead of the terminal's.
    #[arg(long, value_name = "COLUMNS", value_parser = clap::value_parser!(u16).range(40..))]
    pub(crate) width: Option<u16>,
}

const CTL_EXAMPLES: &str = "\
Examples, behind --url URL --token-file FILE:
  hvr ctl … 'advance 1h'                             Time passes
  hvr ctl … 'crash tokyo' 'advance 5m'               Something happens to a host
  hvr ctl … 'expect osaka web Replica Replicating'   A look that has to hold
  hvr ctl … 'fork what-if' 'crash tokyo'             In a copy that no client sees
  hvr ctl … 'fork what-if' 'expect osaka web off'    … which is still there
  hvr ctl … 'drop what-if'                           … and is forgotten
  hvr ctl … reset                                    As it was when it was first served
  hvr ctl … trace                                    A script of everything that happened since
  hvr ctl … 'host nara'                              One more host, which is served at once
  hvr ctl … hosts                                    Where each host is served
  hvr ctl … < more.hvr                               Many lines

Exit status:
  0  everything went as the lines say
  1  something did not
  2  the lab could not be reached, a line is no line, or the arguments are wrong";
