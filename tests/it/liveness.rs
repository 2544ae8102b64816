//! What is broken heals.

use crate::arbitrary::config;
use crate::scenarios;
use hyperv_replica::engine::World;
use hyperv_replica::script;
use hyperv_replica::testkit::liveness::{assert_recovers, recover, shortest_stuck};
use hyperv_replica::testkit::strategies::{labs, steps};
use hyperv_replica::testkit::walk::{self, Walk};
use proptest::prelude::*;
use std::fs;

/// A guest that writes faster than its link carries never comes to rest: its log outgrows its share
/// of the disks again and again.
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica>
const TOO_FAST: &str = "
    host tokyo
    host osaka
    host london
    vm db on tokyo
    vm web on tokyo running disk=10GiB used=1GiB write=300MiB/s
    cut tokyo london
    tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
    wait job1
    tokyo StartVm db
    tokyo StartReplication web Network  => 4096 job2
    wait job2
    crash london
    advance 1h
    expect tokyo web Primary
";

#[test]
fn what_stays_stuck_is_told_with_its_shortest_script() {
    let text =
        TOO_FAST.replace("    tokyo StartVm db\n", "    tokyo RequestStateChange db Enabled\n");
    let script = script::parse(&text).unwrap();
    let (shortest, stuck) = shortest_stuck(&script).expect("something is stuck");
    assert_eq!(stuck[0].vm, "web");
    // Initial replication is started by who repairs, and the rest has nothing to do with it.
    assert_eq!(
        shortest.to_string(),
        "host tokyo\nhost osaka\n\
         vm web on tokyo running disk=10GiB used=1GiB write=300MiB/s\n\
         tokyo CreateReplicationRelationship web to=osaka  => 4096 job1\n"
    );
}

/// After each scenario everything comes to rest again.
#[test]
fn every_scenario_recovers() {
    let mut stuck = Vec::new();
    for path in scenarios::files() {
        let script = script::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        if let Some((shortest, who)) = shortest_stuck(&script) {
            let who: Vec<_> = who.iter().map(ToString::to_string).collect();
            stuck.push(format!("{}\n{}\n{shortest}", path.display(), who.join("\n")));
        }
    }
    assert!(stuck.is_empty(), "{}", stuck.join("\n\n"));
}

#[test]
fn a_bad_day_passes() {
    let script = script::parse(
        "
        host tokyo
        host osaka
        vm web on tokyo running disk=10GiB used=1GiB
        tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
        wait job1
        tokyo StartReplication web Network  => 4096 job2
        wait job2
        advance 1h
        trouble osaka StorageFull
        cut tokyo osaka
        crash tokyo
        advance 3h
        ",
    );
    assert_recovers(&script.unwrap());
}

/// Walks under the default policy.
fn walks() -> impl Strategy<Value = Walk> {
    (labs(), prop::collection::vec(steps(0.75), 1..50))
        .prop_map(|(beginning, steps)| Walk { beginning, steps })
}

proptest! {
    #![proptest_config(config(60))]

    /// Whatever happened, everything comes to rest again.
    #[test]
    fn what_is_broken_heals(walk in walks()) {
        let mut world: World = walk.beginning.world();
        walk::run(&mut world, &walk.steps);
        let recovery = recover(&world);
        let stuck: Vec<_> = recovery.stuck.iter().map(ToString::to_string).collect();
        prop_assert!(stuck.is_empty(), "{}", stuck.join("; "));
    }
}
