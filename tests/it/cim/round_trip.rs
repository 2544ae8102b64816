//! The two mirrors against each other: what a host says typed, it says over WMI as well.

use super::stack::{Carried, OverWmi, Shown, differences};
use hyperv_replica::engine::{Input, Refusals, Reply, World};
use hyperv_replica::model::{Call, HostId};
use hyperv_replica::script::{self, Runner, Script};
use hyperv_replica::testkit::strategies::{self, config};
use hyperv_replica::testkit::walk::Walk;
use proptest::prelude::*;
use std::path::Path;

/// The texts of every scenario, with their names.
fn scenarios() -> Vec<(String, Script)> {
    fn collect(folder: &Path, found: &mut Vec<(String, Script)>) {
        for entry in std::fs::read_dir(folder).expect("a folder of scenarios") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, found);
            } else if path.extension().is_some_and(|it| it == "hvr") {
                let text = std::fs::read_to_string(&path).expect("a text");
                let script = script::parse(&text).expect("a script");
                found.push((path.display().to_string(), script));
            }
        }
    }
    let mut found = Vec::new();
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/scenarios");
    collect(Path::new(folder), &mut found);
    assert!(found.len() > 50, "the scenarios are in {folder}");
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// Every record of every host, at the end of every scenario and half way through it.
#[test]
fn every_record_comes_through() {
    let mut all = Vec::new();
    for (name, script) in scenarios() {
        let mut runner = Runner::new(World::new(0));
        let half = script.lines.len() / 2;
        for (number, line) in (1..).zip(&script.lines) {
            let _ = runner.step(number, line);
            if number as usize == half || number as usize == script.lines.len() {
                let found = differences(runner.world());
                all.extend(found.into_iter().map(|it| format!("{name}:{number}: {it}")));
            }
        }
    }
    assert!(all.is_empty(), "{} differ:\n{}", all.len(), all.join("\n"));
}

/// Every scenario passes over WMI: each answer, each expectation, each side of each step is the
/// same, and so is the world in the end. The reason of a refusal is the simulator's own.
#[test]
fn every_scenario_passes_over_wmi() {
    let mut all = Vec::new();
    for (name, script) in scenarios() {
        let mut direct = Runner::new(World::new(0));
        let mut over = Runner::over(OverWmi(World::new(0)));
        for (number, line) in (1..).zip(&script.lines) {
            let expected = direct.step(number, line);
            let found = over.step(number, line);
            let found = found.map(|it| script::Step {
                why: expected.as_ref().and_then(|it| it.why.clone()),
                ..it
            });
            if found != expected {
                all.push(format!("{name}:{number}:\n  {expected:?}\n  {found:?}"));
            }
        }
        if direct.world() != over.world() {
            all.push(format!("{name}: the worlds differ in the end"));
        }
    }
    assert!(all.is_empty(), "{} differ:\n{}", all.len(), all.join("\n"));
}

/// The same of random walks, with calls that are refused, flawed, made by strangers or of what is
/// not there; and all that a client can read in the end.
fn comes_through(walk: &Walk) -> Result<(), String> {
    let mut direct = walk.beginning.world();
    let mut over = OverWmi(direct.clone());
    let mut events = Vec::new();
    for step in &walk.steps {
        let Some(input) = step.resolve(&direct) else { continue };
        let input = match input {
            Input::Call { host, caller, call } => {
                // A reference that is flawed leads to no virtual machine, and so a job that tells
                // it late works on none.
                let is_late = direct.policy().refusals == Refusals::Late;
                let call = if is_late { call.parts().0.clone() } else { call };
                let call = call.carried(&Shown::of(&direct, host));
                Input::Call { host, caller, call }
            }
            input => input,
        };
        let on = match &input {
            Input::Call { host, .. } => Shown::of(&direct, *host),
            _ => Shown::of(&direct, HostId(0)),
        };
        let expected = direct.apply(&input, &mut events);
        let found = over.make(&input, &mut events);
        let refused_by_wmi = lacks_method(&on, &input) && is_refusal(&expected);
        if !is_same(&expected, &found, &on) && !refused_by_wmi {
            return Err(format!("{input:?}\n  {expected:?}\n  {found:?}"));
        }
        if direct != over.0 {
            return Err(format!("{input:?}\n  leads to another world"));
        }
        events.clear();
    }
    let found = differences(&direct);
    if found.is_empty() { Ok(()) } else { Err(found.join("\n")) }
}

/// Whether a call is of a method that Windows Server 2012 does not have, on one: WMI says so before
/// the service can say anything else. <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice>
fn lacks_method(on: &Shown, input: &Input) -> bool {
    let Input::Call { call, .. } = input else { return false };
    let is_new = matches!(
        call.parts().0,
        Call::ChangeReplicationModeToPrimary { .. } | Call::InitiateFailback { .. }
    );
    on.is_2012() && (is_new || call.relationship().is_some())
}

fn is_refusal(reply: &Reply) -> bool {
    matches!(reply, Reply::Refused(_))
}

/// Whether a reply comes through; a host that is down does not answer over WMI.
fn is_same(direct: &Reply, over: &Reply, on: &Shown) -> bool {
    match (direct, over) {
        (Reply::Returned(direct), Reply::Returned(over)) => {
            direct.clone().carried(on) == over.clone().carried(on)
        }
        (Reply::Rejected(_), Reply::NotFound(_)) => true,
        (direct, over) => direct == over,
    }
}

proptest! {
    #![proptest_config(config(150))]

    #[test]
    fn random_walks_come_through(
        walk in prop_oneof![
            strategies::walks(0.8, 1..24),
            strategies::walks(0.1, 1..24),
        ]
    ) {
        if let Err(difference) = comes_through(&walk) {
            return Err(TestCaseError::fail(format!("{difference}\n{}", walk.script())));
        }
    }
}

#[cfg(feature = "conformance")]
mod conformance {
    use crate::cim::stack::over_wmi;
    use hyperv_replica::engine::{Answer, Policy, Refusals};
    use hyperv_replica::model::{Operation, WindowsBuild};
    use hyperv_replica::testkit::LabFixture;
    use hyperv_replica::testkit::conformance;

    /// The suite says the same of hosts over WMI, word for word, on each Windows.
    #[test]
    fn hosts_behave_over_wmi() {
        let answering = |answer| Operation::ALL.iter().map(|it| (*it, answer)).collect();
        let late = Policy {
            answers: answering(Answer::Job),
            refusals: Refusals::Late,
            ..Policy::default()
        };
        let each = WindowsBuild::ALL.iter().map(|it| (*it, Policy::default()));
        for (build, policy) in each.chain([(WindowsBuild::Server2025, late)]) {
            let make = || LabFixture::with_policy(build, policy.clone());
            let direct = conformance::run(&mut || Box::new(make()));
            let over = conformance::run(&mut || {
                Box::new(make().decorated(|host| Box::new(over_wmi(host))))
            });
            assert_eq!(over.deviations().count(), 0, "{over}");
            assert_eq!(over.to_string(), direct.to_string(), "{build}");
        }
    }
}
