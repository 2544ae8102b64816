//! Finding and reading scripts.

use hyperv_replica::script::MAX_BYTES;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// What stands for the standard input.
pub(crate) const STDIN: &str = "-";

/// How deep folders are searched.
const MAX_DEPTH: usize = 64;

/// The scripts that paths name: files as they are, folders searched for `*.hvr` in the order of
/// their names. What names none is a sentence that says so.
pub(crate) fn find(paths: &[PathBuf]) -> (Vec<PathBuf>, Vec<String>) {
    let (mut files, mut wrong) = (Vec::new(), Vec::new());
    for path in paths {
        if path.as_os_str() == STDIN {
            files.push(path.clone());
            continue;
        }
        match fs::metadata(path) {
            Err(error) => wrong.push(cannot_read(path, &error)),
            Ok(it) if !it.is_dir() => files.push(path.clone()),
            Ok(_) => {
                let (before, faults) = (files.len(), wrong.len());
                search(path, MAX_DEPTH, &mut files, &mut wrong);
                if (files.len(), wrong.len()) == (before, faults) {
                    wrong.push(format!("the folder `{}` has no *.hvr files", path.display()));
                }
            }
        }
    }
    (files, wrong)
}

fn search(folder: &Path, depth: usize, files: &mut Vec<PathBuf>, wrong: &mut Vec<String>) {
    if depth == 0 {
        wrong.push(format!("the folder `{}` is too deep inside others", folder.display()));
        return;
    }
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = match entries {
        Ok(entries) => entries,
        Err(error) => return wrong.push(cannot_read(folder, &error)),
    };
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // A link to a folder is no folder here, so that no search goes in circles.
        if entry.file_type().is_ok_and(|it| it.is_dir()) {
            search(&path, depth - 1, files, wrong);
        } else if path.extension() == Some(OsStr::new("hvr")) {
            files.push(path);
        }
    }
}

/// The bytes of a script, at most a few more than a script may have.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let cannot = |error: io::Error| cannot_read(path, &error);
    let mut bytes = Vec::new();
    if path.as_os_str() == STDIN {
        read_some(io::stdin().lock(), &mut bytes).map_err(cannot)?;
        return Ok(bytes);
    }
    let shown = path.display();
    let about = fs::metadata(path).map_err(cannot)?;
    if about.is_dir() {
        return Err(format!("`{shown}` is a folder, not a script"));
    }
    if !about.is_file() {
        return Err(format!("`{shown}` is neither a file nor a folder"));
    }
    if about.len() > MAX_BYTES as u64 {
        let size = about.len();
        return Err(format!("`{shown}` has {size} bytes; a script has at most {MAX_BYTES}"));
    }
    read_some(File::open(path).map_err(cannot)?, &mut bytes).map_err(cannot)?;
    if bytes.is_empty() {
        return Err(format!("`{shown}` is empty"));
    }
    if bytes.contains(&0) {
        return Err(format!("`{shown}` is a binary file, not a script"));
    }
    Ok(bytes)
}

fn read_some(from: impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    // One more than a script may have: enough to tell that it is too long.
    from.take(MAX_BYTES as u64 + 1).read_to_end(bytes)
}

fn cannot_read(path: &Path, error: &io::Error) -> String {
    format!("cannot read `{}`: {error}", path.display())
}
