//! Every scenario file passes, and means what it says.

use hyperv_replica::script;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// Every scenario of the repository, in the order of their names.
pub(crate) fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let mut files: Vec<_> = fs::read_dir(folder)
        .expect("the folder of scenarios")
        .map(|entry| entry.expect("an entry of the folder").path())
        .filter(|path| path.extension().is_some_and(|it| it == "hvr"))
        .collect();
    files.sort();
    files
}

#[test]
fn every_scenario_passes() {
    let mut faults = String::new();
    for path in files() {
        let text = fs::read_to_string(&path).expect("a scenario is text");
        let name = path.file_name().expect("a file").display();
        match script::parse(&text) {
            Err(error) => writeln!(faults, "{name}: {error}").unwrap(),
            Ok(script) => {
                for fault in script::run(&script).faults() {
                    writeln!(faults, "{name}:{fault:?}").unwrap();
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// A scenario is evidence only if it says where it was published.
#[test]
fn every_scenario_cites_its_source() {
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let head = text.lines().take_while(|line| line.starts_with('#'));
        assert!(head.into_iter().any(|line| line.contains("https://")), "{}", path.display());
    }
}

/// What a parser read, the printer writes so that it reads the same.
#[test]
fn every_scenario_round_trips() {
    for path in files() {
        let script = script::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(script::parse(&script.to_string()).unwrap(), script, "{}", path.display());
    }
}
