//! The conformance suite on the simulator, and on simulators that are wrong in one way each.

use hyperv_replica::ReplicationService;
use hyperv_replica::engine::{Answer, Policy, Refusals};
use hyperv_replica::error::Result;
use hyperv_replica::evidence::EvidenceKind;
use hyperv_replica::layer::{Faults, Linter, Recorder};
use hyperv_replica::model::{Operation, Settings, VmId, WindowsBuild};
use hyperv_replica::sim::HostHandle;
use hyperv_replica::testkit::LabFixture;
use hyperv_replica::testkit::conformance::{
    self, BEHAVIOURS, Capability, Fixture, NewVm, Place, Report, Verdict,
};
use mutants::{Bug, Mutant};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;

mod mutants;

/// Nothing deviated, and nothing was left behind.
#[track_caller]
fn nothing_deviates(report: &Report) {
    assert_eq!(report.deviations().count(), 0, "{report}");
    assert!(report.entries.iter().all(|it| it.left_behind.is_empty()), "{report}");
    assert_eq!(report.entries.len(), BEHAVIOURS.len());
}

fn skipped(report: &Report) -> Vec<&str> {
    let is_skipped = |it: &&conformance::Entry| matches!(it.verdict, Verdict::Skipped(_));
    report.entries.iter().filter(is_skipped).map(|it| it.behaviour.name).collect()
}

fn snapshot(name: &str, text: &str) {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/snapshots");
    insta::with_settings!({
        snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true
    }, {
        insta::assert_snapshot!(name, text);
    });
}

/// A test of each behaviour, as users have it.
mod on_windows_server_2025 {
    use super::*;

    hyperv_replica::conformance_tests!(LabFixture::new(WindowsBuild::Server2025));
}

#[test]
fn the_simulator_behaves_on_each_windows() {
    for build in [
        WindowsBuild::Server2012R2,
        WindowsBuild::Server2016,
        WindowsBuild::Server2019,
        WindowsBuild::Server2022,
    ] {
        let report = conformance::run(&mut || Box::new(LabFixture::new(build)));
        nothing_deviates(&report);
        let lacking: &[_] = match build {
            WindowsBuild::Server2012R2 => &["a_disk_added_later_is_copied"],
            _ => &[],
        };
        assert_eq!(skipped(&report), lacking, "{report}");
    }
}

/// Windows leaves open how methods answer and where a refusal is told; the suite takes either.
#[test]
fn the_suite_takes_either_way_of_answering() {
    let answering = |answer| Operation::ALL.iter().map(|it| (*it, answer)).collect();
    for policy in [
        Policy { refusals: Refusals::Late, ..Policy::default() },
        Policy { answers: answering(Answer::Job), ..Policy::default() },
        Policy { answers: answering(Answer::Job), refusals: Refusals::Late, ..Policy::default() },
        Policy {
            completed_with_warnings: Operation::ALL.iter().copied().collect(),
            ..Policy::default()
        },
    ] {
        let build = WindowsBuild::Server2022;
        let make = || LabFixture::with_policy(build, policy.clone());
        nothing_deviates(&conformance::run(&mut || Box::new(make())));
    }
}

/// A decorator that does nothing, over the forwarders of every pointer.
#[test]
fn decorators_that_do_nothing_change_nothing() {
    fn stack(host: HostHandle) -> Box<dyn ReplicationService> {
        let host: &'static HostHandle = Box::leak(Box::new(host));
        Box::new(Box::new(Rc::new(Arc::new(host))))
    }
    let build = WindowsBuild::Server2022;
    let bare = conformance::run(&mut || Box::new(LabFixture::new(build)));
    let make = || LabFixture::new(build).decorated(stack);
    let decorated = conformance::run(&mut || Box::new(make()));
    nothing_deviates(&decorated);
    assert_eq!(bare.to_string(), decorated.to_string());
}

/// Every decorator there is, each with nothing to do, and what was recorded answers again.
#[test]
fn the_layers_change_nothing_by_themselves() {
    let build = WindowsBuild::Server2022;
    let bare = conformance::run(&mut || Box::new(LabFixture::new(build)));
    let make = || {
        // A rule that never decides is asked about everything.
        let (faults, linter, recorder) = (Faults::new(), Linter::new(), Recorder::new());
        std::mem::forget(faults.rule(|_| None));
        LabFixture::new(build).decorated(move |host| {
            let name = host.host().expect("it is up").name;
            let under = linter.over(&name, faults.over(&name, host));
            Box::new(recorder.over(&name, under).expect("it is up"))
        })
    };
    let decorated = conformance::run(&mut || Box::new(make()));
    nothing_deviates(&decorated);
    assert_eq!(bare.to_string(), decorated.to_string());
}

/// Two hosts and nothing else, as the first fixture that somebody writes.
struct Plain(LabFixture);

impl Fixture for Plain {
    fn host(&self, place: Place) -> Option<&dyn ReplicationService> {
        self.0.host(place).filter(|_| place != Place::Third)
    }

    fn lacks(&self, _: Capability) -> Option<String> {
        Some("this fixture is plain".into())
    }

    fn settings(&self, from: Place, to: Place) -> Settings {
        self.0.settings(from, to)
    }

    fn create_vm(&self, at: Place, vm: &NewVm) -> Result<VmId> {
        assert!(!vm.large, "nobody said that there are large disks");
        self.0.create_vm(at, vm)
    }

    fn delete_vm(&self, at: Place, vm: VmId) -> Result<()> {
        self.0.delete_vm(at, vm)
    }
}

#[test]
fn what_a_fixture_lacks_is_skipped() {
    let make = || Plain(LabFixture::new(WindowsBuild::Server2022));
    let report = conformance::run(&mut || Box::new(make()));
    nothing_deviates(&report);
    let needy = BEHAVIOURS.iter().filter(|it| !it.needs.is_empty()).map(|it| it.name);
    assert_eq!(skipped(&report), needy.collect::<Vec<_>>());
    snapshot("conformance-plain", &report.to_string());
}

#[test]
fn a_windows_without_relationships_is_skipped() {
    let report = conformance::run(&mut || Box::new(LabFixture::new(WindowsBuild::Server2012)));
    assert_eq!(skipped(&report).len(), BEHAVIOURS.len());
    assert!(report.to_string().contains("needs Windows Server 2012 R2 or later: the first host"));
}

/// A report of a host with bugs: what is known and deviates, and what is assumed and deviates.
#[test]
fn a_report_tells_what_deviates() {
    let build = WindowsBuild::Server2022;
    let report = |bug| {
        let make = || LabFixture::new(build).decorated(|it| Box::new(Mutant::new(it, bug)));
        conformance::run(&mut || Box::new(make()))
    };
    let known = report(Bug::NoAddresses);
    assert!(!known.is_good());
    snapshot("conformance-deviating", &known.to_string());
    let assumed = report(Bug::Accepts(Operation::StartService));
    assert_eq!(assumed.deviations().count(), 1, "{assumed}");
    assert!(assumed.is_good(), "an assumption that does not hold is news, not a bug");
}

/// Each behaviour catches a bug, not on the way there but where it is about it, and each bug of what
/// is read is caught. The snapshot shows what a behaviour says
/// about the first bug that it catches.
#[test]
fn every_behaviour_can_fail() {
    let build = WindowsBuild::Server2022;
    let bugs = Bug::all();
    let (mut caught, mut blind, mut text) = (BTreeSet::new(), Vec::new(), String::new());
    let deviation = |behaviour: &'static conformance::Behaviour, bug| {
        let mutant = |it| Box::new(Mutant::new(it, bug)) as Box<dyn ReplicationService>;
        let entry = behaviour.try_on(&LabFixture::new(build).decorated(mutant));
        match entry.verdict {
            Verdict::Failed(deviation) => Some(deviation),
            _ => None,
        }
    };
    for behaviour in BEHAVIOURS {
        let found = bugs.iter().enumerate().find_map(|(number, bug)| {
            let deviation = deviation(behaviour, *bug).filter(|it| !it.arranging)?;
            Some((number, bug, deviation))
        });
        let Some((number, bug, deviation)) = found else {
            blind.push(behaviour.name);
            continue;
        };
        caught.insert(number);
        let _ = writeln!(text, "{}\n  {bug:?}\n  {deviation}", behaviour.name);
    }
    assert!(blind.is_empty(), "these catch nothing: {blind:#?}");
    snapshot("conformance-mutants", &text);
    // Of single operations some are in no behaviour's way.
    let of_reading =
        |bug: &Bug| !matches!(bug, Bug::Accepts(_) | Bug::Ignores(_) | Bug::Refuses(_));
    let is_caught = |number: usize, bug: Bug| {
        caught.contains(&number) || BEHAVIOURS.iter().any(|it| deviation(it, bug).is_some())
    };
    let missed: Vec<_> = (0..)
        .zip(&bugs)
        .filter(|(number, bug)| of_reading(bug) && !is_caught(*number, **bug))
        .collect();
    assert!(missed.is_empty(), "nothing catches {missed:?}");
}

#[test]
fn names_are_unique_and_sources_are_pages() {
    let names: BTreeSet<_> = BEHAVIOURS.iter().map(|it| it.name).collect();
    assert_eq!(names.len(), BEHAVIOURS.len());
    for it in BEHAVIOURS {
        let page = it.evidence.text().starts_with("https://");
        let is_known = it.evidence.kind() != EvidenceKind::Assumed;
        assert_eq!(page, is_known, "{}: {}", it.name, it.evidence);
        let sentence = !it.says.ends_with('.') && !it.says.is_empty();
        assert!(sentence, "{}: {}", it.name, it.says);
    }
}

#[test]
fn the_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/conformance.md");
    let page = conformance::markdown();
    if std::fs::read_to_string(&path).is_ok_and(|it| it.replace("\r\n", "\n") == page) {
        return;
    }
    std::fs::write(&path, page).expect("docs can be written");
    panic!("docs/conformance.md was stale and is rewritten: review and commit it");
}

/// The figure that the README advertises is that of the list.
#[test]
fn the_readme_counts_them() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = std::fs::read_to_string(path).expect("the README");
    let count = format!("{} behaviours", BEHAVIOURS.len());
    assert!(readme.contains(&count), "the README does not speak of {count}");
}
