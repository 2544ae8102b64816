//! Hosts that the command line names: `NAME=ADDRESS`.

#[cfg(feature = "wsman")]
mod remote;

#[cfg(all(feature = "wmi", windows))]
mod wmi;

use crate::{cli, files};
use hyperv_replica::ReplicationService;
use hyperv_replica::engine::World;
use hyperv_replica::layer::{Faults, Faulty};
use hyperv_replica::script::{self, Runner, Stage};
use hyperv_replica::sim::{HostHandle, Lab};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A host by the name that the command line gives it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Named {
    pub(crate) name: String,
    pub(crate) address: Address,
}

/// Where a host is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// `lab:FILE.hvr#host`: in a simulated lab as it is at the end of a script.
    Lab { file: PathBuf, host: String },
    /// `https://host:5986/wsman`: behind WS-Management.
    #[cfg(feature = "wsman")]
    Remote { url: String },
    /// `wmi:` is this machine, `wmi://host` another one, over COM.
    #[cfg(all(feature = "wmi", windows))]
    Wmi { host: Option<String> },
}

impl FromStr for Named {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, address) = text.split_once('=').ok_or("expected NAME=ADDRESS")?;
        if name.is_empty() {
            return Err("expected a name before `=`".to_owned());
        }
        Ok(Self { name: name.to_owned(), address: address.parse()? })
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(rest) = text.strip_prefix("lab:") {
            let (file, host) = rest.rsplit_once('#').ok_or("expected lab:FILE.hvr#HOST")?;
            return Ok(Self::Lab { file: file.into(), host: host.to_owned() });
        }
        let is_remote = text.starts_with("https://") || text.starts_with("http://");
        #[cfg(feature = "wsman")]
        if is_remote {
            return Ok(Self::Remote { url: text.to_owned() });
        }
        if let Some(rest) = text.strip_prefix("wmi:") {
            let host = match rest.strip_prefix("//") {
                None if rest.is_empty() => None,
                Some(host) if !host.is_empty() && !host.contains('/') => Some(host.to_owned()),
                _ => return Err("expected wmi: for this machine, or wmi://HOST".to_owned()),
            };
            return Self::over_com(host);
        }
        if is_remote {
            return Err(format!("this `hvr` was built without WS-Management; it knows {KNOWN}"));
        }
        Err(format!("expected an address such as {KNOWN}"))
    }
}

impl Address {
    #[cfg(all(feature = "wmi", windows))]
    #[expect(clippy::unnecessary_wraps, reason = "elsewhere it is an error")]
    fn over_com(host: Option<String>) -> Result<Self, String> {
        Ok(Self::Wmi { host })
    }

    #[cfg(not(all(feature = "wmi", windows)))]
    fn over_com(host: Option<String>) -> Result<Self, String> {
        let host = host.unwrap_or_else(|| "HOST".to_owned());
        let why = if cfg!(windows) {
            "this `hvr` was built without WMI"
        } else {
            "wmi: goes over COM, which needs Windows"
        };
        Err(format!(
            "{why}; WS-Management reaches the same host from anywhere: https://{host}:5986/wsman"
        ))
    }
}

/// The addresses that are known.
#[cfg(all(feature = "wsman", feature = "wmi", windows))]
const KNOWN: &str = "lab:FILE.hvr#HOST, https://HOST:5986/wsman or wmi://HOST";
#[cfg(all(feature = "wsman", not(all(feature = "wmi", windows))))]
const KNOWN: &str = "lab:FILE.hvr#HOST or https://HOST:5986/wsman";
#[cfg(all(not(feature = "wsman"), feature = "wmi", windows))]
const KNOWN: &str = "lab:FILE.hvr#HOST or wmi://HOST";
#[cfg(all(not(feature = "wsman"), not(all(feature = "wmi", windows))))]
const KNOWN: &str = "lab:FILE.hvr#HOST";

/// A host that was found.
pub(crate) struct Connected {
    /// What the command line calls it.
    pub(crate) name: String,
    pub(crate) link: Link,
}

/// How it is spoken to.
pub(crate) enum Link {
    Lab {
        host: Faulty<HostHandle>,
        file: PathBuf,
    },
    #[cfg(feature = "wsman")]
    Remote(Box<remote::Remote>),
    #[cfg(all(feature = "wmi", windows))]
    Wmi(Box<wmi::OverCom>),
}

impl Connected {
    pub(crate) fn service(&self) -> &dyn ReplicationService {
        match &self.link {
            Link::Lab { host, .. } => host,
            #[cfg(feature = "wsman")]
            Link::Remote(host) => &**host,
            #[cfg(all(feature = "wmi", windows))]
            Link::Wmi(host) => &**host,
        }
    }

    /// The host in its lab, under the faults that the lab's script says, if it is a simulated one
    /// of this process.
    pub(crate) fn simulated(&self) -> Option<&Faulty<HostHandle>> {
        self.in_lab().map(|(host, _)| host)
    }

    #[cfg_attr(
        not(any(feature = "wsman", all(feature = "wmi", windows))),
        expect(clippy::unnecessary_wraps, reason = "all hosts are simulated")
    )]
    fn in_lab(&self) -> Option<(&Faulty<HostHandle>, &Path)> {
        match &self.link {
            Link::Lab { host, file } => Some((host, file)),
            #[cfg(feature = "wsman")]
            Link::Remote(_) => None,
            #[cfg(all(feature = "wmi", windows))]
            Link::Wmi(_) => None,
        }
    }
}

/// The hosts as they are in a lab, if all are in the same one.
pub(crate) fn in_one_lab(hosts: &[Connected]) -> Option<Vec<HostHandle>> {
    let labs = hosts.iter().map(Connected::in_lab).collect::<Option<Vec<_>>>()?;
    let first = labs.first()?.1;
    labs.iter().map(|(host, file)| (*file == first).then(|| host.inner().clone())).collect()
}

/// Finds every host. Those of one file are in one lab; those elsewhere are asked by whom the login
/// says.
#[cfg_attr(not(feature = "wsman"), expect(unused_variables, reason = "nobody logs in to a lab"))]
pub(crate) fn all(named: &[Named], login: &cli::Login) -> Result<Vec<Connected>, String> {
    let (mut labs, mut found) = (Vec::<(PathBuf, (Lab, Faults))>::new(), Vec::<Connected>::new());
    for Named { name, address } in named {
        if found.iter().any(|it| it.name == *name) {
            return Err(format!("two hosts are called `{name}`"));
        }
        let (file, host) = match address {
            Address::Lab { file, host } => (file, host),
            #[cfg(feature = "wsman")]
            Address::Remote { url } => {
                let link = Link::Remote(Box::new(remote::connect(url, login)?));
                found.push(Connected { name: name.clone(), link });
                continue;
            }
            #[cfg(all(feature = "wmi", windows))]
            Address::Wmi { host } => {
                let link = Link::Wmi(Box::new(wmi::connect(host.as_deref())?));
                found.push(Connected { name: name.clone(), link });
                continue;
            }
        };
        let known = labs.iter().find(|(path, ..)| path == file).map(|(_, lab)| lab.clone());
        let (lab, faults) = if let Some(lab) = known {
            lab
        } else {
            let lab = lab(file)?;
            labs.push((file.clone(), lab.clone()));
            lab
        };
        let handle = lab.find_host(host);
        let handle = handle.ok_or_else(|| format!("`{}` has no host `{host}`", file.display()))?;
        let link = Link::Lab { host: faults.over(host, handle), file: file.clone() };
        found.push(Connected { name: name.clone(), link });
    }
    Ok(found)
}

/// The lab at the end of a script, and the faults that its calls meet.
pub(crate) fn lab(file: &Path) -> Result<(Lab, Faults), String> {
    let mut runner = Runner::new(World::new(0));
    play(file, &mut runner)?;
    // Its own draws, so that what a command makes there has GUIDs that are not taken.
    let lab = Lab::over(runner.world().clone(), runner.world().seed() ^ u64::MAX);
    Ok((lab, runner.faults().clone()))
}

/// Runs a script, in which everything has to go as it says.
pub(crate) fn play<S: Stage>(file: &Path, runner: &mut Runner<S>) -> Result<(), String> {
    let shown = file.display();
    let script = script::parse_bytes(&files::read(file)?).map_err(|it| format!("{shown}: {it}"))?;
    for (number, line) in (1..).zip(&script.lines) {
        if let Some(fault) = runner.step(number, line).and_then(|it| it.fault) {
            return Err(format!("{shown}:{number}: {fault}"));
        }
    }
    Ok(())
}
