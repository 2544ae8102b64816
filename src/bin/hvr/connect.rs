//! Hosts that the command line names: `NAME=ADDRESS`.

use crate::files;
use hyperv_replica::ReplicationService;
use hyperv_replica::engine::World;
use hyperv_replica::script::{self, Runner};
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
        for (scheme, way) in
            [("https:", "WS-Management"), ("http:", "WS-Management"), ("wmi:", "WMI")]
        {
            if text.starts_with(scheme) {
                return Err(format!(
                    "this `hvr` was built without {way}; it knows lab:FILE.hvr#HOST"
                ));
            }
        }
        Err("expected an address such as lab:FILE.hvr#HOST".to_owned())
    }
}

/// A host that was found.
pub(crate) struct Connected {
    /// What the command line calls it.
    pub(crate) name: String,
    pub(crate) link: Link,
}

/// How it is spoken to.
pub(crate) enum Link {
    Lab { host: HostHandle, file: PathBuf },
}

impl Connected {
    pub(crate) fn service(&self) -> &dyn ReplicationService {
        match &self.link {
            Link::Lab { host, .. } => host,
        }
    }
}

/// The hosts as they are in a lab, if all are in the same one.
pub(crate) fn in_one_lab(hosts: &[Connected]) -> Option<Vec<HostHandle>> {
    let mut labs = hosts.iter().map(|it| match &it.link {
        Link::Lab { host, file } => (file, host.clone()),
    });
    let (first, host) = labs.next()?;
    let rest = labs.map(|(file, host)| (file == first).then_some(host));
    std::iter::once(Some(host)).chain(rest).collect()
}

/// Finds every host. Those of one file are in one lab.
pub(crate) fn all(named: &[Named]) -> Result<Vec<Connected>, String> {
    let (mut labs, mut found) = (Vec::<(PathBuf, Lab)>::new(), Vec::<Connected>::new());
    for Named { name, address } in named {
        if found.iter().any(|it| it.name == *name) {
            return Err(format!("two hosts are called `{name}`"));
        }
        let Address::Lab { file, host } = address;
        let known = labs.iter().find(|(path, _)| path == file).map(|(_, lab)| lab.clone());
        let lab = if let Some(lab) = known {
            lab
        } else {
            let lab = lab(file)?;
            labs.push((file.clone(), lab.clone()));
            lab
        };
        let handle = lab.find_host(host);
        let handle = handle.ok_or_else(|| format!("`{}` has no host `{host}`", file.display()))?;
        let link = Link::Lab { host: handle, file: file.clone() };
        found.push(Connected { name: name.clone(), link });
    }
    Ok(found)
}

/// The lab at the end of a script.
fn lab(file: &Path) -> Result<Lab, String> {
    let shown = file.display();
    let script = script::parse_bytes(&files::read(file)?).map_err(|it| format!("{shown}: {it}"))?;
    let mut runner = Runner::new(World::new(0));
    for (number, line) in (1..).zip(&script.lines) {
        if let Some(fault) = runner.step(number, line).and_then(|it| it.fault) {
            return Err(format!("{shown}:{number}: {fault}"));
        }
    }
    // Its own draws, so that what a command makes there has GUIDs that are not taken.
    Ok(Lab::over(runner.world().clone(), runner.world().seed() ^ u64::MAX))
}
