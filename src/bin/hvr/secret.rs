//! Passwords and tokens: given, read from files, or made.

use hyperv_replica::wsman::auth::{OsEntropy, Password};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;

/// What lets somebody in.
pub(crate) struct Secret {
    password: Password,
    /// Whether nobody knows it who was not told.
    is_new: bool,
}

impl Secret {
    /// What is given, the first line of a file, or a new one.
    pub(crate) fn new(given: Option<&str>, file: Option<&Path>) -> Result<Self, String> {
        match (given, file) {
            (None, None) => Ok(Self::generate()),
            (Some(""), _) => Err("the password is empty".to_owned()),
            (Some(text), _) => Ok(Self { password: text.into(), is_new: false }),
            (None, Some(path)) => Ok(Self { password: first_line(path)?.into(), is_new: false }),
        }
    }

    /// A new one.
    pub(crate) fn generate() -> Self {
        Self { password: Password::generate(&mut OsEntropy), is_new: true }
    }

    /// The same, kept in a file that only its owner can read.
    pub(crate) fn written_to(self, path: &Path) -> Result<Self, String> {
        write_private(path, &format!("{}\n", self.text()))?;
        Ok(Self { is_new: false, ..self })
    }

    pub(crate) fn text(&self) -> &str {
        self.password.reveal()
    }

    /// What is to be printed, once.
    pub(crate) fn news(&self) -> Option<&str> {
        self.is_new.then(|| self.text())
    }
}

/// The first line of a file, which is a password.
pub(crate) fn first_line(path: &Path) -> Result<String, String> {
    let text = read(path)?;
    let line = text.lines().next().unwrap_or_default();
    if line.is_empty() {
        return Err(format!("the first line of `{}` is empty", path.display()));
    }
    Ok(line.to_owned())
}

/// A small file.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("cannot read `{}`: {error}", path.display()))
}

/// Writes a file that only its owner can read, anew: one that is there already may be one that
/// others can read.
pub(crate) fn write_private(path: &Path, text: &str) -> Result<(), String> {
    write_anew(path, text).map_err(|error| format!("cannot write `{}`: {error}", path.display()))
}

fn write_anew(path: &Path, text: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)?.write_all(text.as_bytes())
}
