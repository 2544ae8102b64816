//! Who the server is, with TLS.

use crate::cli;
use crate::secret;
use hyperv_replica::sim::Lab;
use hyperv_replica::wsman::tls::{Identity, TlsError};
use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};

/// An identity, and where its certificate is.
pub(super) struct Kept {
    pub(super) identity: Identity,
    /// The certificate as PEM.
    pub(super) file: Option<PathBuf>,
    /// Whether it was made at an earlier start.
    is_known: bool,
}

impl Kept {
    /// What the person who serves should know.
    pub(super) fn note(&self) -> Option<String> {
        let file = self.file.as_ref().filter(|_| self.is_known)?;
        Some(format!("the certificate is that of an earlier start, `{}`", file.display()))
    }
}

/// As the arguments say, as at an earlier start, or somebody new.
pub(super) fn find(args: &cli::Serve, lab: &Lab) -> Result<Kept, String> {
    if let (Some(certificate), Some(key)) = (&args.cert, &args.key) {
        let identity = read(certificate, key)?;
        return Ok(Kept { identity, file: Some(certificate.clone()), is_known: false });
    }
    let it = match place(args)? {
        None => Kept { identity: make(args, lab)?, file: None, is_known: false },
        Some((certificate, key)) => match (certificate.exists(), key.exists()) {
            (true, true) => {
                let identity = read(&certificate, &key)?;
                Kept { identity, file: Some(certificate), is_known: true }
            }
            (false, false) => {
                let identity = make(args, lab)?;
                secret::write_private(&key, &identity.key_pem())?;
                write(&certificate, &identity.certificate_pem())?;
                Kept { identity, file: Some(certificate), is_known: false }
            }
            (there, _) => {
                let (one, other) = if there { (certificate, key) } else { (key, certificate) };
                let (one, other) = (one.display(), other.display());
                return Err(format!(
                    "`{one}` is there, and `{other}` is not: remove it for a new one"
                ));
            }
        },
    };
    let Some(path) = &args.save_cert else { return Ok(it) };
    write(path, &it.identity.certificate_pem())?;
    Ok(Kept { file: Some(path.clone()), ..it })
}

/// Where the certificate that is made here and its key are kept, if they are.
fn place(args: &cli::Serve) -> Result<Option<(PathBuf, PathBuf)>, String> {
    if let Some(folder) = &args.state {
        let made = fs::create_dir_all(folder);
        made.map_err(|error| format!("cannot make `{}`: {error}", folder.display()))?;
        return Ok(Some((folder.join("cert.pem"), folder.join("key.pem"))));
    }
    let beside = |journal: &PathBuf, what: &str| {
        let mut name = journal.as_os_str().to_owned();
        name.push(what);
        PathBuf::from(name)
    };
    Ok(args.journal.as_ref().map(|it| (beside(it, ".cert.pem"), beside(it, ".key.pem"))))
}

fn make(args: &cli::Serve, lab: &Lab) -> Result<Identity, String> {
    let mut names = vec!["localhost".to_owned(), IpAddr::from(Ipv4Addr::LOCALHOST).to_string()];
    names.push(args.listen.to_string());
    names.extend(
        lab.read(|world| world.hosts().map(|(_, it)| it.name.to_string()).collect::<Vec<_>>()),
    );
    names.sort();
    names.dedup();
    Identity::generate(names).map_err(|it| it.to_string())
}

fn read(certificate: &Path, key: &Path) -> Result<Identity, String> {
    let (certificates, key) = (secret::read(certificate)?, secret::read(key)?);
    Identity::from_pem(&certificates, &key).map_err(|it: TlsError| it.to_string())
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    fs::write(path, text).map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}
