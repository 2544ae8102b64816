//! The oracles in the box: every scenario and every walk keeps every invariant, every goal is
//! reached by a scenario, and each invariant can fail.

mod doctored;
mod found;

use crate::arbitrary::{
    WEB, any_beginning, chained, config, heal_inputs, resolve, step, three_hosts,
};
use hyperv_replica::engine::{Caller, Input, World};
use hyperv_replica::model::{Call, ErrorCode, HostId, JobState, Operation, ReplicationState as S};
use hyperv_replica::oracle::{Coverage, Goal, Picture, Watcher};
use hyperv_replica::rules::{RULES, Side, late_failure, only_by_fault};
use hyperv_replica::script::{self, Runner};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Every script under a folder, in the order of their names.
fn scripts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            found.extend(scripts(&path));
        } else if path.extension().is_some_and(|it| it == "hvr") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// Runs a script under every invariant; what it reached, and what did not go as it says.
fn observe(name: &str, text: &str, faults: &mut String) -> Coverage {
    let script = script::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
    let mut runner = Runner::observed(World::new(0));
    for (number, line) in (1..).zip(&script.lines) {
        if let Some(fault) = runner.step(number, line).and_then(|it| it.fault) {
            writeln!(faults, "{name}:{number}: {fault}").unwrap();
        }
    }
    runner.coverage().cloned().unwrap_or_default()
}

#[test]
fn scenarios_keep_every_invariant_and_reach_every_goal() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut faults, mut coverage) = (String::new(), Coverage::default());
    for path in scripts(&root.join("fixtures/scenarios")) {
        let text = fs::read_to_string(&path).expect("a scenario is text");
        coverage.merge(&observe(&path.display().to_string(), &text, &mut faults));
    }
    assert!(faults.is_empty(), "\n{faults}");
    let excused: BTreeSet<Goal> = NOBODY_REACHES.iter().map(|(goal, _)| *goal).collect();
    let missing = coverage.missing();
    let told = |goals: BTreeSet<Goal>| goals.iter().map(Goal::to_string).collect::<Vec<_>>();
    assert_eq!(told(&missing - &excused), [""; 0], "nobody reaches this");
    assert_eq!(told(&excused - &missing), [""; 0], "reached, and still excused");
}

/// Goals that no script reaches, and why. The list is exact: it can only become shorter.
const NOBODY_REACHES: &[(Goal, &str)] = &[
    (
        Goal::State(Side::Receiver, S::DiskUpdateCritical),
        "clients have a name for it; what brings a replica there nobody says, and here the sender is \
         where an update fails",
    ),
    (
        Goal::State(Side::Receiver, S::RepurposeInProgress),
        "clients have a name for it; a replica needs no repurposing, and is refused it",
    ),
];

/// What jobs fail with is in the rule book as sentences; a run that fails so names the one.
fn late_failures(text: &str) -> BTreeSet<&'static str> {
    let script = script::parse(text).expect("a script");
    let (mut runner, mut found) = (Runner::new(World::new(0)), BTreeSet::new());
    for (number, line) in (1..).zip(&script.lines) {
        runner.step(number, line);
        let hosts = runner.world().hosts().map(|(id, _)| id).collect::<Vec<_>>();
        for job in hosts.into_iter().flat_map(|id| runner.world().jobs(id)) {
            let failed = (job.job_type, job.error.filter(|_| job.state == JobState::Exception));
            if let (job_type, Some(failure)) = failed {
                found.insert(late_failure(job_type, failure.code, &failure.summary).says);
            }
        }
    }
    found
}

/// Each way in which an accepted operation may fail is in some scenario.
#[test]
fn every_late_failure_has_its_scenario() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let scenarios = scripts(&root.join("fixtures/scenarios"));
    let texts = scenarios.iter().map(|path| fs::read_to_string(path).expect("a scenario"));
    let found: BTreeSet<_> = texts.flat_map(|it| late_failures(&it)).collect();
    let listed = RULES.iter().flat_map(|rule| rule.late).map(|it| it.says);
    let missing: BTreeSet<_> = listed.filter(|it| !found.contains(it)).collect();
    // Each fault of a certificate has words of its own: see the scenario of the expired one.
    let in_other_words = |it: &&str| it.starts_with("the certificate of this host");
    let missing: Vec<_> = missing.into_iter().filter(|it| !in_other_words(it)).collect();
    assert_eq!(missing, [""; 0], "no job fails so");
}

/// A code is a goal exactly if some operation produces it.
#[test]
fn every_code_that_is_produced_is_a_goal() {
    let goals = Goal::all();
    for code in ErrorCode::ALL {
        let produced = Operation::ALL.iter().any(|it| only_by_fault(*it, *code).is_none());
        let goal = [Goal::Refused(*code), Goal::JobFailed(*code)];
        assert_eq!(goal.iter().any(|it| goals.contains(it)), produced, "{code}");
    }
}

/// What two runs have reached is what either has.
#[test]
fn coverage_merges() {
    let mut faults = String::new();
    let mut one = observe("one", "host tokyo", &mut faults);
    let other = observe("other", "host tokyo\nvm web on tokyo running", &mut faults);
    one.merge(&other);
    assert_eq!(one, other);
    assert_eq!(one.missing().len() + one.reached().len(), Goal::all().len());
    assert!(one.to_string().contains("\nnot reached: failover: SplitBrain"));
}

/// A world that is not the one that was watched looks as if a refusal had changed everything.
#[test]
fn a_watcher_names_the_violation() {
    let mut watcher = Watcher::new(&chained());
    let mut world = three_hosts();
    let call = Call::CommitFailover { vm: WEB };
    let input = Input::Call { host: HostId(0), caller: Caller::Administrator, call };
    let violation = watcher.apply(&mut world, &input, &mut Vec::new()).unwrap_err();
    assert_eq!(violation.invariant.name, "refusal-changes-nothing");
    assert!(violation.to_string().contains("step: CommitFailover on tokyo for web, answered"));
}

proptest! {
    #![proptest_config(config(60))]

    /// Walks keep every invariant; and when all is repaired, both ends come to agree.
    #[test]
    fn walks_keep_every_invariant(
        origin in any_beginning(),
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let mut world = origin.world();
        let mut watcher = Watcher::new(&world);
        let mut events = Vec::new();
        for step in &steps {
            let Some(input) = resolve(&world, *step) else { continue };
            if let Err(violation) = watcher.apply(&mut world, &input, &mut events) {
                return Err(TestCaseError::fail(violation.to_string()));
            }
            // What was looked at again is what there is to see.
            prop_assert_eq!(watcher.seen(), &Picture::of(&world), "{:?}", input);
        }
        let rest = Input::Advance(Duration::from_secs(3 * 24 * 3600));
        for input in heal_inputs(&world).into_iter().chain([rest]) {
            if let Err(violation) = watcher.apply(&mut world, &input, &mut events) {
                return Err(TestCaseError::fail(violation.to_string()));
            }
        }
    }
}
