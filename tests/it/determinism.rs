//! Whether runs repeat themselves, and what of them is pinned.

use crate::scenarios;
use hyperv_replica::engine::World;
use hyperv_replica::prelude::*;
use hyperv_replica::script;
use hyperv_replica::sim::Lab;
use hyperv_replica::testkit::determinism::{Run, assert_deterministic};
use std::cell::Cell;
use std::fmt::Write;
use std::fs;
use std::path::Path;

fn lab() -> Lab {
    Lab::new(["tokyo", "osaka"])
}

#[test]
fn what_a_lab_does_repeats_itself() {
    assert_deterministic(lab, |lab| {
        let web = lab.vm("web").running().create();
        let tokyo = lab.host("tokyo");
        tokyo
            .wait(tokyo.create_replication_relationship(web, Settings::to("osaka")).unwrap())
            .unwrap();
        tokyo.wait(tokyo.start_replication(web, InitialReplication::Network).unwrap()).unwrap();
        lab.advance(days(1));
    });
}

/// A test that looks at something outside its lab is caught at the step where that shows.
#[test]
#[should_panic(expected = "the first run does at 00:00:00
  tokyo CommitFailover web  => 32775
the second at 00:00:00
  tokyo RevertFailover web  => 32775")]
fn what_is_outside_a_lab_is_caught() {
    let runs = Cell::new(0);
    assert_deterministic(lab, |lab| {
        runs.set(runs.get() + 1);
        let web = lab.vm("web").create();
        let tokyo = lab.host("tokyo");
        let refused =
            if runs.get() == 1 { tokyo.commit_failover(web) } else { tokyo.revert_failover(web) };
        assert!(refused.is_err());
    });
}

/// A script is run as [`script::run`] runs it: with its seed and its policy, and without what its
/// faults keep from the world.
#[test]
fn a_script_with_a_seed_a_policy_and_faults_is_run_as_it_says() {
    let text = "\
seed 7
policy boot=30s StartVm=0
host tokyo
host osaka
vm web on tokyo
fault tokyo RequestStateChange web Enabled times=1       => 32774
tokyo RequestStateChange web Enabled                     => 32774
fault tokyo CreateReplicationRelationship web times=1    => delay 5m
tokyo CreateReplicationRelationship web to=osaka         => 4096 job1
wait job1
fault osaka RemoveReplicationRelationship web            => unreachable
osaka RemoveReplicationRelationship web                  => unanswered
";
    let script = script::parse(text).unwrap();
    let run = Run::of_script(&script).unwrap();
    let mut runner = script::Runner::new(World::new(0));
    assert!(runner.run(&script).passed());
    assert_eq!(run.end, *runner.world());
    assert_eq!(run.end.seed(), 7);
    // Two hosts, a virtual machine, five minutes late a relationship, and the wait for it.
    assert_eq!(run.steps.len(), 6);
    // What it did, written down without faults, is the same run.
    let begin = World::with_policy(7, run.end.policy().clone());
    let again = Run::of_script(&run.record(begin)).unwrap();
    assert_eq!(again.digest(), run.digest());
}

/// What each scenario does, in a digest: every reply, every change, and the world in the end.
///
/// `INSTA_UPDATE=always cargo test --all-features --test it determinism` writes them anew.
#[test]
fn every_scenario_does_what_it_did() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut digests = String::new();
    for path in scenarios::files() {
        let name = path.strip_prefix(root.join("fixtures/scenarios")).unwrap().with_extension("");
        let script = script::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        let run = Run::of_script(&script).unwrap();
        // Written down and run again it is the same run.
        let begin = || World::with_policy(run.end.seed(), run.end.policy().clone());
        let again = Run::of_script(&run.record(begin())).unwrap();
        assert_eq!(run.difference(&again, &begin()), None, "{}", name.display());
        assert_eq!(run.digest(), again.digest(), "{}", name.display());
        let (steps, events) = (run.steps.len(), run.events.len());
        let name = name.display().to_string();
        writeln!(digests, "{name:<44} {steps:>4} inputs {events:>6} events  {}", run.digest())
            .unwrap();
    }
    insta::with_settings!({
        snapshot_path => root.join("fixtures/snapshots"),
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!("digests", digests);
    });
}
