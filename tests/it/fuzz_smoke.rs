//! What the fuzz targets do, on a few inputs: the scenarios, damaged, and random walks. The targets
//! themselves are in `fuzz/`, a workspace of its own.

#[allow(unreachable_pub)] // It is the library of that workspace.
#[path = "../../fuzz/src/lib.rs"]
mod targets;

use crate::arbitrary::config;
use proptest::prelude::*;
use proptest::sample::Index;
use std::fs;
use std::path::Path;

/// The texts of the scenarios.
fn scenarios() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let files = fs::read_dir(folder).expect("a folder").map(|it| it.expect("an entry").path());
    let mut files: Vec<_> =
        files.filter(|it| it.extension().is_some_and(|it| it == "hvr")).collect();
    files.sort();
    files.iter().map(|it| fs::read_to_string(it).expect("a text")).collect()
}

/// The input of a first day of fuzzing: a scenario with some of its bytes cut out, written over or
/// repeated.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let damage = (any::<Index>(), 0usize..12, prop::collection::vec(any::<u8>(), 0..6));
    let damage = prop::collection::vec(damage, 0..4);
    (prop::sample::select(scenarios()), damage).prop_map(|(text, damage)| {
        let mut bytes = text.into_bytes();
        for (at, many, with) in damage {
            let at = at.index(bytes.len() + 1);
            let end = (at + many).min(bytes.len());
            bytes.splice(at..end, with);
        }
        bytes
    })
}

proptest! {
    #![proptest_config(config(200))]

    #[test]
    fn damaged_scripts_are_read_or_refused(bytes in damaged()) {
        targets::script(&bytes);
    }

    #[test]
    fn lines_and_values_come_back(bytes in damaged(), from: Index, many in 1usize..80) {
        targets::text(&bytes);
        let from = from.index(bytes.len() + 1);
        targets::text(&bytes[from..(from + many).min(bytes.len())]);
    }
}

proptest! {
    #![proptest_config(config(30))]

    #[test]
    fn damaged_scripts_keep_every_invariant(bytes in damaged()) {
        targets::run(&bytes);
    }

    #[test]
    fn bytes_walk(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        targets::walk(&bytes);
    }
}

#[cfg(feature = "wsman")]
proptest! {
    #![proptest_config(config(30))]

    #[test]
    fn bytes_are_answered(bytes in damaged()) {
        targets::envelope(&bytes);
    }
}

/// What fuzzing has found.
#[test]
fn what_was_found_stays_found() {
    // A carriage return within a comment.
    targets::text(b"# =>       #`\rsus");
    targets::script(b"host tokyo # a\rb");
}
