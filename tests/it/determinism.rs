//! Whether runs repeat themselves, and what of them is pinned.

use crate::scenarios;
use hyperv_replica::engine::World;
use hyperv_replica::prelude::*;
use hyperv_replica::script::{self, Script};
use hyperv_replica::sim::Lab;
use hyperv_replica::testkit::beginning::Beginning;
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

/// The world that a script begins with.
fn beginning(script: &Script) -> World {
    let Beginning { seed, policy, .. } = Beginning::script(script).unwrap();
    World::with_policy(seed, policy)
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
        let again = Run::of_script(&run.record(beginning(&script))).unwrap();
        assert_eq!(run.difference(&again, &beginning(&script)), None, "{}", name.display());
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
