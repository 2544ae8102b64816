//! What the person who serves a lab is told: where hosts are, who is let in, and how.

use super::control::PATH;
use super::estate::reached;
use super::{Controlling, Served};
use crate::cli;
use crate::style::{BOLD, DIM, columns, padded, printable};
use hyperv_replica::sim::Pace;
use hyperv_replica::wsman::tls::Fingerprint;
use serde::Serialize;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// The virtual machines of a host, and the host itself.
const SYSTEMS: &str =
    "http://schemas.microsoft.com/wbem/wsman/1/wmi/root/virtualization/v2/Msvm_ComputerSystem";

/// How clients get to know whom they speak to.
#[derive(Clone, Copy)]
enum Trust<'a> {
    /// They do not: it is HTTP.
    Clear,
    /// By this certificate, in a file or only by its fingerprint.
    Tls(Fingerprint, Option<&'a Path>),
}

/// A host as clients are told of it.
struct Place<'a> {
    name: Arc<str>,
    address: SocketAddr,
    url: String,
    user: &'a str,
    trust: Trust<'a>,
}

fn places(served: &Served) -> impl Iterator<Item = Place<'_>> {
    let trust = served
        .identity
        .as_ref()
        .map_or(Trust::Clear, |it| Trust::Tls(it.identity.fingerprint(), it.file.as_deref()));
    served.estate.places().into_iter().map(move |it| Place {
        url: served.estate.url(&it),
        name: it.name,
        address: reached(it.address),
        user: &served.user,
        trust,
    })
}

/// The table of hosts.
pub(crate) fn addresses<'a>(
    out: &mut dyn Write,
    hosts: impl Iterator<Item = (&'a str, &'a str)> + Clone,
) -> io::Result<()> {
    let longest = hosts.clone().map(|(name, _)| columns(name)).max().unwrap_or(0);
    let longest = longest.max("host".len());
    writeln!(out, "{BOLD}{}  address{BOLD:#}", padded("host", longest))?;
    for (name, url) in hosts {
        writeln!(out, "{}  {}", padded(&printable(name), longest), printable(url))?;
    }
    Ok(())
}

/// A word for a shell.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=,+".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// A text for Python, which has the escapes of JSON.
fn literal(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

impl Place<'_> {
    fn scheme(&self) -> &'static str {
        match self.trust {
            Trust::Clear => "http",
            Trust::Tls(..) => "https",
        }
    }

    /// Commands to be pasted into a shell in which `HVR_PASSWORD` is set.
    fn commands(&self) -> [String; 4] {
        [self.wsman(), self.virsh(), self.pypsrp(), self.hvr()]
    }

    /// <https://github.com/Openwsman/wsmancli>
    fn wsman(&self) -> String {
        let trust = match self.trust {
            Trust::Clear => String::new(),
            Trust::Tls(_, Some(file)) => format!(" --cacert {}", quoted(&file.to_string_lossy())),
            Trust::Tls(_, None) => {
                format!(" --noverifypeer --noverifyhost --endpoint {}", self.url)
            }
        };
        format!(
            "WSMAN_PASS=\"$HVR_PASSWORD\" wsman enumerate {SYSTEMS} --hostname {} --port {} \
             --auth basic --username {}{trust}",
            self.address.ip(),
            self.address.port(),
            quoted(self.user),
        )
    }

    /// <https://libvirt.org/drvhyperv.html>; it asks for the password.
    fn virsh(&self) -> String {
        let scheme = self.scheme();
        let unverified = match self.trust {
            Trust::Clear => "",
            Trust::Tls(..) => "&no_verify=1",
        };
        let (user, address) = (self.user, self.address);
        let uri = format!("hyperv://{user}@{address}/?transport={scheme}{unverified}");
        format!("virsh -c {} list --all", quoted(&uri))
    }

    /// <https://pypi.org/project/pypsrp/>
    fn pypsrp(&self) -> String {
        let trust = match self.trust {
            Trust::Clear => "ssl=False".to_owned(),
            Trust::Tls(_, Some(file)) => {
                format!("cert_validation={}", literal(&file.to_string_lossy()))
            }
            Trust::Tls(_, None) => "cert_validation=False".to_owned(),
        };
        let (name, user) = (literal(&self.name), literal(self.user));
        let (ip, port) = (literal(&self.address.ip().to_string()), self.address.port());
        let program = format!(
            "import os, pypsrp.wsman as w, xml.etree.ElementTree as x; \
             h = w.WSMan({ip}, port={port}, {trust}, auth=\"ntlm\", username={user}, \
             password=os.environ[\"HVR_PASSWORD\"]); \
             s = w.SelectorSet(); s.add_option(\"Name\", {name}); \
             print(x.tostring(h.get(\"{SYSTEMS}\", selector_set=s), \"unicode\"))"
        );
        format!("python3 -c {}", quoted(&program))
    }

    fn hvr(&self) -> String {
        let trust = match self.trust {
            Trust::Clear => String::new(),
            Trust::Tls(fingerprint, _) => format!(" --pin {fingerprint}"),
        };
        let host = quoted(&format!("{}={}", self.name, self.url));
        format!("hvr doctor --host {host} --user {}{trust}", quoted(self.user))
    }
}

impl Controlling {
    pub(super) fn url(&self) -> String {
        format!("http://{}{PATH}", self.address)
    }
}

/// For a person.
pub(super) fn table(out: &mut dyn Write, args: &cli::Serve, served: &Served) -> io::Result<()> {
    let places: Vec<_> = places(served).collect();
    addresses(out, places.iter().map(|it| (&*it.name, &*it.url)))?;
    writeln!(out)?;
    let clock = match args.clock {
        Pace::REAL => "real: time passes as it does here".to_owned(),
        Pace::Times(times) => format!("x{times}: time passes {times} times as fast"),
        Pace::Manual => "manual: time passes by `hvr ctl`".to_owned(),
        Pace::Jump => "jump: time passes when somebody looks at a job".to_owned(),
    };
    let now = served.estate.clock().lab().now();
    let mut facts = vec![("clock", clock), ("time", now.to_string())];
    facts.push(("user", served.user.clone()));
    if let Some(it) = &served.identity {
        facts.push(("sha256", it.identity.fingerprint().to_string()));
    }
    if let Some(control) = &served.control {
        facts.push(("control", control.url()));
    }
    for (name, fact) in facts {
        writeln!(out, "{DIM}{}{DIM:#}  {}", padded(name, "control".len()), printable(&fact))?;
    }
    writeln!(out, "\n{DIM}# For the shell in which you paste what follows.{DIM:#}")?;
    if let Some(password) = served.password.news() {
        writeln!(out, "export HVR_PASSWORD={}", quoted(password))?;
    } else {
        writeln!(out, "read -rs HVR_PASSWORD && export HVR_PASSWORD")?;
    }
    if let Some(control) = &served.control {
        let url = control.url();
        match (&args.token_file, control.token.news()) {
            (Some(file), _) => {
                let file = quoted(&file.to_string_lossy());
                writeln!(out, "hvr ctl --url {url} --token-file {file} trace")?;
            }
            (None, token) => {
                writeln!(out, "export HVR_TOKEN={}", quoted(token.unwrap_or_default()))?;
                writeln!(out, "hvr ctl --url {url} trace")?;
            }
        }
    }
    for place in &places {
        writeln!(out, "\n{DIM}# {}{DIM:#}", printable(&place.name))?;
        for command in place.commands() {
            writeln!(out, "{}", printable(&command))?;
        }
    }
    Ok(())
}

#[derive(Serialize)]
struct Document<'a> {
    hosts: Vec<HostRecord>,
    /// As `--clock` has it.
    clock: String,
    user: &'a str,
    /// If it was made, which nobody is told again.
    password: Option<&'a str>,
    /// The SHA-256 of the certificate, with TLS.
    fingerprint: Option<String>,
    /// Where it is kept, or was given.
    certificate: Option<&'a Path>,
    control: Option<ControlRecord<'a>>,
}

#[derive(Serialize)]
struct HostRecord {
    name: Arc<str>,
    url: String,
}

#[derive(Serialize)]
struct ControlRecord<'a> {
    url: String,
    /// If it is not in a file.
    token: Option<&'a str>,
}

/// For programs, in one line: whoever reads it knows that hosts answer.
pub(super) fn json(out: &mut dyn Write, args: &cli::Serve, served: &Served) -> io::Result<()> {
    let identity = served.identity.as_ref();
    let document = Document {
        hosts: places(served).map(|it| HostRecord { name: it.name, url: it.url }).collect(),
        clock: args.clock.to_string(),
        user: &served.user,
        password: served.password.news(),
        fingerprint: identity.map(|it| it.identity.fingerprint().to_string()),
        certificate: identity.and_then(|it| it.file.as_deref()),
        control: served
            .control
            .as_ref()
            .map(|it| ControlRecord { url: it.url(), token: it.token.news() }),
    };
    serde_json::to_writer(&mut *out, &document)?;
    writeln!(out)
}
