//! Trying behaviours, and telling what came of it.

use super::trial::Trial;
use super::{BEHAVIOURS, Behaviour, Capability, Deviation, Fixture, Place};
use crate::evidence::EvidenceKind;
use crate::service::ReplicationService;
use std::fmt::{self, Write};

/// What came of trying a behaviour.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The backend behaves so.
    Passed,
    /// It does not.
    Failed(Deviation),
    /// It could not be tried, for this reason.
    Skipped(String),
}

/// A behaviour, and what came of trying it.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The behaviour.
    pub behaviour: &'static Behaviour,
    /// What came of it.
    pub verdict: Verdict,
    /// What could not be cleaned up afterwards, in sentences.
    pub left_behind: Vec<String>,
}

/// What came of trying behaviours, as text in its [`Display`](fmt::Display).
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// The hosts, with their Windows.
    pub hosts: Vec<String>,
    /// Each behaviour that was tried or skipped, in the order of the list.
    pub entries: Vec<Entry>,
}

/// Tries every behaviour, each on a fixture of its own.
///
/// ```
/// use hyperv_replica::model::WindowsBuild;
/// use hyperv_replica::testkit::{LabFixture, conformance};
///
/// let report = conformance::run(&mut || Box::new(LabFixture::new(WindowsBuild::Server2022)));
/// let skipped = report.entries.iter().find(|it| it.verdict != conformance::Verdict::Passed);
/// assert!(skipped.is_none(), "a lab has everything");
/// ```
pub fn run<'a>(make: &mut dyn FnMut() -> Box<dyn Fixture + 'a>) -> Report {
    let mut report = Report::default();
    for behaviour in BEHAVIOURS {
        let fixture = make();
        if report.hosts.is_empty() {
            report.hosts = hosts(&*fixture);
        }
        report.entries.push(behaviour.try_on(&*fixture));
    }
    report
}

/// Tries every behaviour on one fixture, which each leaves as it found it.
pub fn run_on(fixture: &dyn Fixture) -> Report {
    let entries = BEHAVIOURS.iter().map(|it| it.try_on(fixture)).collect();
    Report { hosts: hosts(fixture), entries }
}

/// Tries the behaviour of this name, for a test.
///
/// # Panics
/// If the backend deviates, with what was expected, what was seen and how it is known; if there
/// is no such behaviour.
#[track_caller]
pub fn check<'a>(name: &str, make: &mut dyn FnMut() -> Box<dyn Fixture + 'a>) {
    let Some(behaviour) = BEHAVIOURS.iter().find(|it| it.name == name) else {
        panic!("there is no behaviour `{name}`");
    };
    let entry = behaviour.try_on(&*make());
    match &entry.verdict {
        Verdict::Passed => {}
        #[allow(clippy::print_stdout)] // A test that passes has no other way to say it.
        Verdict::Skipped(why) => println!("skipped: {why}"),
        Verdict::Failed(_) => panic!("\n{}", entry.text()),
    }
}

impl Behaviour {
    /// Tries this behaviour, and cleans up.
    pub fn try_on(&'static self, fixture: &dyn Fixture) -> Entry {
        let skipped = |why| Entry {
            behaviour: self,
            verdict: Verdict::Skipped(why),
            left_behind: Vec::new(),
        };
        if let Some(why) = self.why_skipped(fixture) {
            return skipped(why);
        }
        let Some(trial) = Trial::new(fixture, self.name) else {
            return skipped("there are no two hosts".to_owned());
        };
        let verdict = match (self.check)(&trial) {
            Ok(()) => Verdict::Passed,
            Err(deviation) => Verdict::Failed(deviation),
        };
        Entry { behaviour: self, verdict, left_behind: trial.tidy() }
    }

    /// Why this behaviour cannot be tried on a fixture, as a sentence without a full stop; `None` if
    /// it can.
    pub fn why_skipped(&self, fixture: &dyn Fixture) -> Option<String> {
        for capability in self.needs {
            if let Some(why) = fixture.lacks(*capability) {
                return Some(format!("needs {}: {why}", capability.label()));
            }
        }
        let third = self.needs.contains(&Capability::ThirdHost);
        for place in Place::ALL.into_iter().filter(|it| *it != Place::Third || third) {
            let Some(service) = fixture.host(place) else {
                return Some(format!("{place} is not there"));
            };
            match service.host() {
                Ok(host) if host.build >= self.since => {}
                Ok(host) => {
                    let (since, build) = (self.since.label(), host.build.label());
                    return Some(format!("needs {since} or later: {place} runs {build}"));
                }
                Err(error) => return Some(format!("{place} does not answer: {error}")),
            }
        }
        None
    }
}

fn hosts(fixture: &dyn Fixture) -> Vec<String> {
    let describe = |place| {
        let service: &dyn ReplicationService = fixture.host(place)?;
        Some(match service.host() {
            Ok(host) => format!("{} ({})", host.name, host.build.label()),
            Err(error) => format!("{place} ({error})"),
        })
    };
    Place::ALL.into_iter().filter_map(describe).collect()
}

impl Entry {
    fn text(&self) -> String {
        let Behaviour { says, evidence, name, .. } = self.behaviour;
        let level = evidence.kind();
        let mut text = match &self.verdict {
            Verdict::Passed if level == EvidenceKind::Documented => format!("  passed   {says}\n"),
            Verdict::Passed => format!("  passed   {says} ({})\n", level.label()),
            Verdict::Skipped(why) => format!("  skipped  {says}\n           {why}\n"),
            Verdict::Failed(Deviation { about, expected, seen, arranging }) => {
                let way = if *arranging { "on the way there, " } else { "" };
                format!(
                    "  FAILED   {says}\n           {way}{about}:\n             expected {expected}\n\
                    \x20            saw      {seen}\n           {evidence}\n           {name}\n"
                )
            }
        };
        for left in &self.left_behind {
            let _ = writeln!(text, "           left behind: {left}");
        }
        text
    }

    fn is_assumed(&self) -> bool {
        self.behaviour.evidence.kind() == EvidenceKind::Assumed
    }
}

impl Report {
    /// Whether the backend behaves as is known wherever it was tried: no behaviour failed but
    /// such as nobody has documented or seen.
    pub fn is_good(&self) -> bool {
        self.deviations().all(Entry::is_assumed)
    }

    /// The behaviours that the backend does not have, assumed ones among them.
    pub fn deviations(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|it| matches!(it.verdict, Verdict::Failed(_)))
    }

    fn count(&self, level: EvidenceKind, is: fn(&Verdict) -> bool) -> usize {
        let of_level = |it: &&Entry| it.behaviour.evidence.kind() == level && is(&it.verdict);
        self.entries.iter().filter(of_level).count()
    }

    fn write_part(&self, f: &mut fmt::Formatter<'_>, assumed: bool) -> fmt::Result {
        let mut subject = "";
        for entry in self.entries.iter().filter(|it| it.is_assumed() == assumed) {
            if entry.behaviour.subject != subject {
                subject = entry.behaviour.subject;
                write!(f, "\n{subject}\n")?;
            }
            f.write_str(&entry.text())?;
        }
        Ok(())
    }
}

/// What is known first, subject by subject; then what is assumed; the figures at the end.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "Hyper-V Replica on {}", self.hosts.join(", "))?;
        writeln!(f, "\nWHAT IS KNOWN: a host that deviates has a bug, or the page is wrong.")?;
        self.write_part(f, false)?;
        writeln!(f, "\nWHAT IS ASSUMED: a real host that deviates is right, and that is news.")?;
        self.write_part(f, true)?;
        writeln!(f, "\n                    passed   failed  skipped")?;
        for level in EvidenceKind::ALL {
            let passed = self.count(level, |it| matches!(it, Verdict::Passed));
            let failed = self.count(level, |it| matches!(it, Verdict::Failed(_)));
            let skipped = self.count(level, |it| matches!(it, Verdict::Skipped(_)));
            writeln!(f, "  {:16} {passed:8} {failed:8} {skipped:8}", level.label())?;
        }
        Ok(())
    }
}

/// The list as a page of Markdown: `docs/conformance.md`.
pub fn markdown() -> String {
    let mut page = String::from(HEAD);
    for level in EvidenceKind::ALL {
        let count = BEHAVIOURS.iter().filter(|it| it.evidence.kind() == level).count();
        let _ = writeln!(page, "| {} | {count} |", level.label());
    }
    let mut subject = "";
    for it in BEHAVIOURS {
        if it.subject != subject {
            subject = it.subject;
            let _ = write!(
                page,
                "\n## {subject}\n\n| Behaviour | Needs | How it is known |\n|---|---|---|\n"
            );
        }
        let mut needs: Vec<_> = it.needs.iter().map(|it| it.label()).collect();
        if it.since > crate::model::WindowsBuild::Server2012R2 {
            needs.push(it.since.label());
        }
        let text = it.evidence.text();
        let source = match it.evidence.kind() {
            EvidenceKind::Assumed => format!("assumed: {text}"),
            level => format!("{}: [{}]({text})", level.label(), last_of(text)),
        };
        let _ =
            writeln!(page, "| `{}`<br>{} | {} | {source} |", it.name, it.says, needs.join(", "));
    }
    page
}

/// The last part of an address that says something.
fn last_of(address: &str) -> &str {
    let address = address.trim_end_matches('/');
    let last = address.rsplit('/').next().unwrap_or(address);
    last.trim_end_matches(".md")
}

const HEAD: &str = "\
# Behaviours of Hyper-V Replica

<!-- Generated from src/testkit/conformance by a test. Edit the list, not this file. -->

What the suite of the feature `conformance` tries on a backend through `ReplicationService` alone: on
the simulator, on decorators, on real hosts that have been set aside for it. What a fixture cannot do
is skipped, and the report says why. A real host that deviates from what is assumed is right, and
that is news.

| How it is known | Behaviours |
|---|---|
";
