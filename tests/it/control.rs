//! Requests to a lab that clients use meanwhile.

use hyperv_replica::layer::{Faults, Plan};
use hyperv_replica::prelude::*;
use hyperv_replica::script::{self, Control, Durability, Fault, Journal, MAX_FORKS};
use hyperv_replica::sim::Lab;
use std::fs;
use std::path::Path;

fn lab() -> Lab {
    Lab::with_seed(0)
}

const BEGINNING: &str = "\
host tokyo
host osaka
vm web on tokyo running
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network  => 4096
advance 1h
";

/// What a request does and says is what `hvr run` does and says of its lines.
#[test]
fn a_request_is_run_as_a_script_is() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    for name in ["planned-failover.hvr", "extended.hvr", "unplanned-failover-losses.hvr"] {
        let text = fs::read_to_string(root.join(name)).unwrap();
        let control = Control::new(lab());
        let answer = control.run(&text);
        let script = script::parse(&text).unwrap();
        assert!(answer.passed(), "{name}: {answer}");
        assert_eq!(answer.report, script::run(&script), "{name}");
        assert_eq!(answer.script, script, "{name}");
        // Line by line it is the same, too: names of jobs outlive a request.
        let control = Control::new(lab());
        let steps = text.lines().flat_map(|line| control.run(line).report.steps);
        let whats: Vec<_> = steps.map(|it| (it.what, it.answer, it.fault)).collect();
        let steps = answer.report.steps.into_iter();
        let expected: Vec<_> = steps.map(|it| (it.what, it.answer, it.fault)).collect();
        assert_eq!(whats, expected, "{name}");
    }
}

/// Faults are a lab's as its world is: clients who stand under them meet what control arms, a fork
/// has its own, and a reset brings them back.
#[test]
fn clients_and_control_share_the_faults_of_a_lab() {
    let (lab, faults) = (lab(), Faults::new());
    faults.add("fault osaka call times=1  => 32768".parse::<Plan>().unwrap().faults.remove(0));
    let control = Control::new(lab.clone()).under(faults.clone());
    assert!(control.run(BEGINNING).passed());
    let osaka = faults.over("osaka", lab.host("osaka"));
    let web = osaka.vms().unwrap()[0].id;
    let told = || osaka.commit_failover(web).unwrap_err().code().unwrap().to_wire();
    assert!(control.run("fork other\nosaka CommitFailover web  => 32768").passed());
    assert_eq!(told(), 32768, "the fork has met its own");
    assert_eq!(told(), 32775);
    assert!(control.run("fault osaka CommitFailover web times=2  => 32774").passed());
    assert!(control.run("fork other\nosaka CommitFailover web  => 32775").passed());
    assert!(control.run("osaka CommitFailover web  => 32774").passed());
    assert_eq!((told(), told()), (32774, 32775), "control has met the first of two");
    assert!(control.run("reset").passed());
    assert!(control.run(BEGINNING).passed());
    assert_eq!((told(), told()), (32768, 32775));
}

#[test]
fn clients_and_control_share_a_lab() {
    let lab = lab();
    let control = Control::new(lab.clone());
    assert!(control.run(BEGINNING).passed());
    let tokyo = lab.host("tokyo");
    let web = tokyo.vms().unwrap()[0].id;
    assert!(control.run("cut tokyo osaka").passed());
    let id = RelationshipId::primary(web);
    tokyo.wait(tokyo.suspend_replication(id).unwrap()).unwrap();
    let answer = control.run("expect tokyo web Suspended\nexpect osaka web Replica Suspended");
    assert!(!answer.passed());
    assert!(matches!(answer.report.steps[1].fault, Some(Fault::Mismatch { .. })));
    let told = answer.to_string();
    assert!(
        told.contains("error: 2:1: expected `Replica Suspended`, found `Replica Repl"),
        "{told}"
    );
    // The trace has what both did, and is a script that does it again.
    let trace = control.run("trace").trace.unwrap();
    let again = Control::new(Lab::with_seed(0));
    assert!(again.run(&trace).passed(), "{trace}");
    let script = script::parse(&trace).unwrap();
    let mut runner = script::Runner::new(hyperv_replica::engine::World::new(0));
    (1..).zip(&script.lines).for_each(|(number, line)| drop(runner.step(number, line)));
    assert!(*runner.world() == lab.world(), "{trace}");
    assert!(trace.contains("cut tokyo osaka") && trace.contains("Suspended"), "{trace}");
}

#[test]
fn a_fork_answers_for_itself() {
    let lab = lab();
    let control = Control::new(lab.clone());
    assert!(control.run(BEGINNING).passed());
    let before = lab.world();
    let answer = control.run("fork what-if\ncrash tokyo\nadvance 1h\nexpect tokyo web off");
    assert!(answer.passed(), "{answer}");
    assert_eq!(answer.report.steps[0].answer.as_deref(), Some("made"));
    assert!(lab.world() == before, "clients see nothing of a fork");
    assert_eq!(answer.now, before.now() + hours(1));
    // It goes on where it was, beside another.
    let more = control.run("fork what-if\nexpect tokyo web off\nboot tokyo\nadvance 1m");
    assert!(more.passed(), "{more}");
    assert_eq!(more.report.steps[0].answer.as_deref(), Some("there"));
    assert!(control.run("fork other\nexpect tokyo web running").passed());
    // Its past is that of the served lab, and then its own.
    let trace = control.run("fork what-if\ntrace").trace.unwrap();
    assert!(trace.starts_with("host tokyo\n") && trace.contains("crash tokyo"), "{trace}");
    assert!(!control.run("trace").trace.unwrap().contains("crash"));
    // Anew, from the served lab as it is.
    assert!(control.run("fork what-if\nreset\nexpect tokyo web running").passed());
    assert!(control.run("drop what-if").passed());
    assert!(!control.run("drop what-if").passed(), "it is gone");
    assert_eq!(control.run("fork what-if").report.steps[0].answer.as_deref(), Some("made"));
    let forks: Vec<_> = (2..=MAX_FORKS).map(|it| format!("fork number-{it}\n")).collect();
    let answer = control.run(&forks.concat());
    let refused = answer.report.faults().map(|(_, fault)| fault.to_string());
    assert_eq!(refused.collect::<Vec<_>>(), [format!("there are {MAX_FORKS} forks; `drop` one")]);
}

#[test]
fn a_lab_is_reset_with_its_journal() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("control");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("reset.hvr");
    let _ = fs::remove_file(&path);
    let (journal, rebuilt) = Journal::open(&path, Durability::Process).unwrap();
    let lab = rebuilt.into_lab().written_by(journal);
    Control::new(lab.clone()).run(BEGINNING);
    let (before, bytes) = (lab.world(), fs::read(&path).unwrap());
    let control = Control::new(lab.clone()); // Control begins with the lab as it is.
    assert!(control.run("crash osaka\nadvance 1d").passed());
    assert!(fs::read(&path).unwrap().len() > bytes.len());
    assert!(control.run("reset").passed());
    assert!(lab.world() == before);
    assert_eq!(fs::read(&path).unwrap(), bytes);
    assert_eq!(control.run("trace").trace.as_deref(), Some(""));
    assert!(control.run("advance 1m").passed());
    assert!(Journal::read(&path).unwrap().world == lab.world());
}

/// A lab begins with another seed or policy as long as nothing has happened, and its journal too.
#[test]
fn a_request_may_begin_the_world() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("control");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join("begin.hvr");
    let _ = fs::remove_file(&path);
    let (journal, rebuilt) = Journal::open(&path, Durability::Process).unwrap();
    let lab = rebuilt.into_lab().written_by(journal);
    let control = Control::new(lab.clone());
    assert!(control.run("boot @3  => rejected\nseed 7\npolicy apply=1s\nhost tokyo").passed());
    assert_eq!(lab.world().seed(), 7);
    assert!(Journal::read(&path).unwrap().world == lab.world());
    assert!(!control.run("seed 8").passed(), "it has begun");
}

#[test]
fn a_request_that_is_none_does_nothing() {
    let lab = lab();
    let control = Control::new(lab.clone());
    let answer = control.run("host tokyo\nhsot osaka\nwait job1 job2\n");
    assert!(!answer.passed());
    assert_eq!(answer.problems.iter().map(|it| it.line).collect::<Vec<_>>(), [2, 3]);
    assert!(answer.report.steps.is_empty());
    assert_eq!(lab.read(|world| world.hosts().count()), 0);
    assert!(answer.to_string().starts_with("error: 2:1: expected"), "{answer}");
    assert!(!control.run(&"#".repeat(script::MAX_BYTES + 1)).passed());
    assert!(!control.run(&"\n".repeat(script::MAX_LINES + 1)).passed());
    assert!(control.run("").passed(), "nothing asked, nothing wrong");
    // A name that means nothing is a fault of its line, as in a script.
    assert!(!control.run("host tokyo\nboot nowhere").passed());
    assert_eq!(lab.read(|world| world.hosts().count()), 1);
}

#[test]
fn an_answer_is_json_for_programs() {
    let control = Control::new(lab());
    let answer = control.run("host tokyo\nvm web on tokyo\ntokyo CommitFailover web\ntrace");
    let json = serde_json::to_value(&answer).unwrap();
    assert_eq!(json["steps"][2]["answer"], "32775");
    assert_eq!(json["steps"][2]["place"], "tokyo");
    assert_eq!(json["problems"].as_array().map(Vec::len), Some(0));
    assert!(json["trace"].as_str().unwrap().ends_with("tokyo CommitFailover web  => 32775\n"));
    assert!(json.get("script").is_none());
    // And comes back as it was, but for what whoever asked has already.
    let back: script::ControlAnswer = serde_json::from_value(json).unwrap();
    let mut expected = answer;
    expected.script = script::Script::default();
    assert_eq!(back, expected);
}

#[test]
fn a_host_with_the_name_of_an_order_is_quoted() {
    let control = Control::new(lab());
    assert!(control.run("host fork\nhost reset").passed());
    let answer = control.run("\"fork\" GetSystemCertificates  => 0");
    assert!(answer.passed(), "{answer}");
    assert_eq!(answer.report.steps[0].what, "GetSystemCertificates");
    assert_eq!(control.run("  fork  one  # a comment").report.steps[0].what, "fork one");
}

#[test]
fn hosts_are_named() {
    let control = Control::new(lab());
    let answer = control.run("host tokyo\nhost hosts\nhosts  # a comment");
    assert!(answer.passed(), "{answer}");
    let step = answer.report.steps.last().unwrap();
    assert_eq!((&*step.what, step.answer.as_deref()), ("hosts", Some("tokyo hosts")));
    let answer = control.run("fork what-if\nhost osaka\nhosts");
    assert_eq!(answer.report.steps[2].answer.as_deref(), Some("tokyo hosts osaka"));
}
