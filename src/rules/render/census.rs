//! How much of the book is known, and how.

use crate::evidence::EvidenceKind;
use crate::model::Operation;
use crate::rules::book::needed_first;
use crate::rules::{HEALTH, RULES, TRANSITIONS, Target};
use std::fmt::Write;

/// How many requirements, effects, late failures, transitions and health rules rest on which
/// evidence.
///
/// What every call needs is counted once; what several rules share, once for each.
pub fn census() -> String {
    let kinds: [(&str, Vec<EvidenceKind>); 5] = [
        ("requirements", {
            let common = needed_first(Operation::ResumeReplication, Target::Named);
            let own = RULES.iter().flat_map(|it| it.requires);
            common.into_iter().flatten().chain(own).map(|it| it.evidence.kind()).collect()
        }),
        ("effects", RULES.iter().map(|it| it.evidence.kind()).collect()),
        ("late failures", {
            RULES.iter().flat_map(|it| it.late).map(|it| it.evidence.kind()).collect()
        }),
        ("transitions", TRANSITIONS.iter().map(|it| it.evidence.kind()).collect()),
        ("health rules", HEALTH.iter().map(|it| it.evidence.kind()).collect()),
    ];
    let mut out = format!("{:<14}", "");
    for kind in EvidenceKind::ALL {
        write!(out, "{:>18}", kind.label()).expect("a String takes everything");
    }
    out += "     total\n";
    for (name, found) in &kinds {
        write!(out, "{name:<14}").expect("a String takes everything");
        for kind in EvidenceKind::ALL {
            let count = found.iter().filter(|it| **it == kind).count();
            write!(out, "{count:>18}").expect("a String takes everything");
        }
        writeln!(out, "{:>10}", found.len()).expect("a String takes everything");
    }
    out
}
