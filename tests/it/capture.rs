//! What is captured of hosts comes to the same again.

use crate::scenarios;
use hyperv_replica::prelude::*;
use hyperv_replica::script::{self, Captured, Inventory, Line, Script};
use hyperv_replica::sim::Lab;
use hyperv_replica::testkit::determinism::Run;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The hosts of a lab that are up.
fn read(lab: &Lab) -> Inventory {
    let names: Vec<_> = lab.read(|world| {
        let up = world.hosts().filter(|(id, _)| world.is_up(*id));
        up.map(|(_, it)| it.name).collect()
    });
    let hosts: Vec<_> = names.iter().map(|it| lab.host(it)).collect();
    let services: Vec<_> = hosts.iter().map(|it| it as &dyn ReplicationService).collect();
    Inventory::read(&services).unwrap()
}

fn statements(script: &Script) -> String {
    let lines = script.lines.iter().filter(|it| it.statement.is_some());
    Script { lines: lines.cloned().map(|it| Line { comment: None, ..it }).collect() }.to_string()
}

/// Runs what was captured.
fn rebuilt(captured: &Captured) -> Lab {
    let text = captured.script.to_string();
    let script = script::parse(&text).unwrap_or_else(|it| panic!("{it}\n{text}"));
    let report = script::run(&script);
    assert!(report.passed(), "{:?}\n{text}", report.faults().next());
    let mut runner = script::Runner::new(hyperv_replica::engine::World::new(0));
    (1..).zip(&script.lines).for_each(|(number, line)| drop(runner.step(number, line)));
    assert!(*runner.world() == captured.world, "{text}");
    Lab::over(runner.world().clone(), 0)
}

/// Captured at the end of every scenario, run, and captured again: the same statements, and the same
/// text where nothing had to be left out. What does differ is pinned, by its scenario.
#[test]
fn what_is_captured_comes_to_the_same_again() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let mut told = String::new();
    for path in scenarios::files() {
        let name = path.strip_prefix(&root).unwrap().display();
        let script = script::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        let lab = Lab::over(Run::of_script(&script).unwrap().end, 0);
        let before = lab.world();
        let inventory = read(&lab);
        assert!(lab.world() == before, "{name}: reading changes nothing");
        let captured = inventory.capture();
        // Forks have the hosts of the inventory, and perhaps some that stand in for others.
        let lab = rebuilt(&captured);
        let names: Vec<_> = inventory.hosts.iter().map(|it| lab.host(&it.host.name)).collect();
        let services: Vec<_> = names.iter().map(|it| it as &dyn ReplicationService).collect();
        let again = Inventory::read(&services).unwrap().capture();
        assert_eq!(statements(&again.script), statements(&captured.script), "{name}");
        assert_eq!(again.differences, [] as [String; 0], "{name}");
        if captured.differences.is_empty() {
            assert_eq!(again.script.to_string(), captured.script.to_string(), "{name}");
            continue;
        }
        let _ = writeln!(told, "{name}");
        for it in &captured.differences {
            let _ = writeln!(told, "  {it}");
        }
    }
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/snapshots");
    insta::with_settings!({
        snapshot_path => folder, prepend_module_to_snapshot => false, omit_expression => true
    }, {
        insta::assert_snapshot!("captured", told);
    });
}

/// A host alone: its partner, who was not asked, is stood in for.
#[test]
fn a_partner_that_was_not_asked_is_stood_in_for() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let web = lab.vm("web").on("tokyo").running().create();
    let settings = Settings { recovery_history: 4, ..Settings::to("osaka") };
    tokyo.wait(tokyo.create_replication_relationship(web, settings).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(web, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(2) + minutes(30));
    for alone in [&tokyo, &osaka] {
        let captured = Inventory::read(&[alone]).unwrap().capture();
        assert_eq!(captured.differences, [] as [String; 0], "{}", captured.script);
        let lab = rebuilt(&captured);
        assert_eq!(lab.read(|world| world.hosts().count()), 2);
        let replica =
            lab.host(&alone.host().unwrap().name).relationship(RelationshipId::primary(web));
        assert_eq!(replica.unwrap().state, ReplicationState::Replicating);
    }
}

#[test]
fn a_captured_script_can_be_read() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let text = "vm web on tokyo running id={11111111-1111-4111-8111-111111111111}".parse::<Line>();
    let action = text.unwrap().statement.unwrap().resolve(&lab.world()).unwrap();
    let script::Action::Input(input) = action else { panic!("{action:?}") };
    lab.apply(&input);
    let web = tokyo.vms().unwrap()[0].id;
    let settings = Settings { recovery_history: 4, ..Settings::to("osaka") };
    tokyo.wait(tokyo.create_replication_relationship(web, settings).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(web, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(1) + minutes(30));
    osaka.wait(osaka.test_replica_system(web, None).unwrap()).unwrap();
    tokyo.wait(tokyo.suspend_replication(RelationshipId::primary(web)).unwrap()).unwrap();
    let captured = Inventory::read(&[&tokyo, &osaka]).unwrap().capture();
    insta::assert_snapshot!(captured.script, @r"
# Captured from hosts, and re-enacted: the same roles, states, settings and recovery points.
# Times, statistics and health are those of the re-enactment. What the service does not tell,
# the sizes of disks and what guests write, are the defaults of this language.

host tokyo
host osaka
vm web on tokyo running id={11111111-1111-4111-8111-111111111111}
tokyo CreateReplicationRelationship web to=osaka history=4  => 4096 job1
wait job1
tokyo StartReplication web Network  => 4096 job2
wait job2
advance 1h19m55s
tokyo RequestReplicationStateChangeEx web Suspended relationship=0  => 4096 job3
wait job3
osaka TestReplicaSystem web  => 4096 job4
wait job4
");
}

#[test]
fn a_host_that_does_not_answer_is_an_error() {
    let lab = Lab::new(["tokyo"]);
    let tokyo = lab.host("tokyo");
    lab.disturb(hyperv_replica::engine::Disturbance::CrashHost(tokyo.id()));
    assert!(Inventory::read(&[&tokyo]).is_err());
}
