//! Where the lab comes from: a script, or what a journal says became of it.

use crate::connect;
use hyperv_replica::layer::Faults;
use hyperv_replica::script::{Durability, Journal, JournalError, JournalLock, Rebuilt, Runner};
use hyperv_replica::sim::Lab;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A lab to be served.
pub(super) struct Built {
    pub(super) lab: Lab,
    /// What calls meet before they reach it: the `fault` lines of the script.
    pub(super) faults: Faults,
    /// What the person who serves it should know.
    pub(super) notes: Vec<String>,
}

/// The lab at the end of a script, or as its journal says if that has begun.
pub(super) fn build(script: &Path, journal: Option<&Path>) -> Result<Built, String> {
    let Some(journal) = journal else {
        return play(script, Lab::with_seed(0));
    };
    // Before anybody looks what is there: who has it may be about to begin it.
    let lock = JournalLock::take(journal).map_err(|error| refused(journal, &error))?;
    match fs::metadata(journal) {
        Ok(it) if it.len() > 0 => go_on(script, journal, lock),
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unusable(journal, &error)),
        _ => begin(script, journal, lock),
    }
}

/// Begins a journal. It gets its name when the script has ended, so that a journal that is there has
/// all of it.
fn begin(script: &Path, journal: &Path, lock: JournalLock) -> Result<Built, String> {
    let mut unfinished = journal.as_os_str().to_owned();
    unfinished.push(".new");
    let unfinished = PathBuf::from(unfinished);
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            return Err(unusable(&unfinished, &error));
        }
        _ => {}
    }
    let (written, rebuilt) = open(lock, &unfinished)?;
    let built = play(script, rebuilt.into_lab().written_by(written))?;
    fs::rename(&unfinished, journal).map_err(|error| unusable(journal, &error))?;
    Ok(built)
}

/// Runs the script in an empty lab.
fn play(script: &Path, lab: Lab) -> Result<Built, String> {
    let faults = Faults::new();
    connect::play(script, &mut Runner::over(lab.hold()).under(faults.clone()))?;
    Ok(Built { lab, faults, notes: Vec::new() })
}

/// Goes on where a journal ends.
fn go_on(script: &Path, journal: &Path, lock: JournalLock) -> Result<Built, String> {
    let (written, rebuilt) = open(lock, journal)?;
    let shown = journal.display();
    let mut notes = vec![format!(
        "the lab goes on from the {} inputs of `{shown}`; `{}` is not run",
        rebuilt.inputs,
        script.display()
    )];
    if let Some(torn) = &rebuilt.torn {
        notes.push(format!(
            "the last line of `{shown}` was torn, and nobody got an answer to it: `{torn}` is dropped"
        ));
    }
    let this = env!("CARGO_PKG_VERSION");
    if let Some(other) = rebuilt.version.as_deref().filter(|it| *it != this) {
        notes.push(format!(
            "`{shown}` was begun by version {other}; this is {this}, and may come to another lab"
        ));
    }
    // Faults are no inputs, so that no journal has them.
    Ok(Built { lab: rebuilt.into_lab().written_by(written), faults: Faults::new(), notes })
}

fn open(lock: JournalLock, path: &Path) -> Result<(Journal, Rebuilt), String> {
    // Whoever serves the lab may be killed; if the machine loses power, so does everybody's test.
    lock.open(path, Durability::Process).map_err(|error| refused(path, &error))
}

fn refused(path: &Path, error: &JournalError) -> String {
    let help = match error {
        JournalError::Held { .. } => {
            "; end that first, or arrange its lab by `hvr ctl`; a lab beside it wants another \
             `--journal`"
        }
        _ => "",
    };
    format!("`{}`: {error}{help}", path.display())
}

fn unusable(path: &Path, why: &dyn std::fmt::Display) -> String {
    format!("`{}` cannot be the journal: {why}", path.display())
}
