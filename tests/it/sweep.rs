//! Sweeps of faults: what they inject where, what they find, and that they end.

use hyperv_replica::engine::Disturbance;
use hyperv_replica::layer::Verdict;
use hyperv_replica::prelude::*;
use hyperv_replica::script::{self, id_of_name};
use hyperv_replica::sim::Lab;
use hyperv_replica::testkit::sweep::{Cell, Complaint, Fault, Incident, Site, Sweep};
use std::num::NonZeroUsize;
use std::sync::Mutex;

fn sweep() -> Sweep {
    let preparation = "host tokyo
        host osaka
        vm web on tokyo running
        tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
        wait job1
        tokyo StartReplication web Network                => 4096
        advance 1h";
    Sweep::prepared_by(&script::parse(preparation).unwrap()).unwrap()
}

fn web() -> RelationshipId {
    RelationshipId::primary(id_of_name("web"))
}

/// Two calls with a look in between.
fn pause_and_resume(site: &Site) -> Result<()> {
    let tokyo = site.host("tokyo");
    tokyo.wait(tokyo.suspend_replication(web())?)?;
    assert_eq!(tokyo.relationship(web())?.state, ReplicationState::Suspended);
    tokyo.wait(tokyo.resume_replication(web())?)
}

/// It promises that it does not fail and leave the virtual machine paused.
fn not_left_paused(lab: &Lab, result: &Result<()>) -> std::result::Result<(), String> {
    let state = lab.host("tokyo").relationship(web()).map(|it| it.state);
    match (result, state) {
        (Err(_), Ok(ReplicationState::Suspended)) => Err("it is left paused".into()),
        _ => Ok(()),
    }
}

#[test]
fn a_sweep_says_the_same_on_any_number_of_threads() {
    let report = |threads| {
        let mut sweep = sweep();
        sweep.threads = NonZeroUsize::new(threads).unwrap();
        sweep.run(pause_and_resume, not_left_paused).to_string()
    };
    let one = report(1);
    assert_eq!(one, report(2));
    assert_eq!(one, report(5));
}

/// The rows are the calls and looks in their order; a job that is polled is looked at where that
/// begins and half-way. What is told of a red cell is the whole course of it.
#[test]
fn a_report_shows_each_moment_and_each_fault() {
    let mut sweep = sweep();
    sweep.faults = vec![
        Fault::Edge(Verdict::Refuse(ErrorCode::InUse)),
        Fault::Edge(Verdict::LoseAnswer),
        Fault::Edge(Verdict::Unreachable),
        Fault::JobLost,
        Fault::JobTerminated,
    ];
    let report = sweep.run(pause_and_resume, not_left_paused);
    insta::assert_snapshot!(report, @r"
    2 calls, 11 runs with one fault each, 6 red

                                                                                    7
    time      what                                                                  4 a b c d
    00:00:00  tokyo RequestReplicationStateChangeEx web Suspended relationship=0    · X · X -
    00:00:00  tokyo job                                                             - - X - -
    00:00:01  tokyo relationship web                                                - - X - -
    00:00:01  tokyo RequestReplicationStateChangeEx web Replicating relationship=0  X · X · -
    00:00:01    1 look                                                              - - · - -

    · survived   X red   - cannot happen there
    two digits  it is refused with the code that ends in them, 32768 to 32779
    a  its answer is lost
    b  it never arrives
    c  its job cannot be found any more
    d  another administrator terminates its job

    6 × it is left paused
        tokyo RequestReplicationStateChangeEx web Suspended relationship=0: its answer is lost
        host tokyo
        host osaka
        vm web on tokyo running
        tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
        wait job1
        tokyo StartReplication web Network  => 4096
        advance 1h
        fault tokyo RequestReplicationStateChangeEx web Suspended times=1  => lost
        tokyo RequestReplicationStateChangeEx web Suspended relationship=0  => unanswered
        # Found: it is left paused.
    ");
}

/// What a script of a red cell says happens again: the same world, and the same complaint of it.
#[test]
fn the_script_of_a_red_cell_comes_to_the_same() {
    let report = sweep().run(pause_and_resume, not_left_paused);
    assert!(!report.is_green());
    for red in report.reds() {
        let mut runner = script::Runner::new(hyperv_replica::engine::World::new(0));
        for (number, line) in (1..).zip(&red.script.lines) {
            let fault = runner.step(number, line).and_then(|step| step.fault);
            assert_eq!(fault, None, "{}", red.script);
        }
        if let Complaint::Broken(_) = red.complaint {
            let tokyo = runner.world().host_named("tokyo").unwrap();
            let state = runner.world().relationship(tokyo, web()).unwrap().state;
            assert_eq!(state, ReplicationState::Suspended, "{}", red.script);
        }
    }
}

/// One who tries again once, and no more, survives each fault and not each two. With the same fault
/// twice it gives up where it was paused.
#[test]
fn a_second_fault_is_injected_behind_the_first() {
    let once_more = |ask: &dyn Fn() -> Result<Outcome>| ask().or_else(|_| ask());
    let stubborn = |site: &Site| -> Result<()> {
        let tokyo = site.host("tokyo");
        tokyo.wait(once_more(&|| tokyo.suspend_replication(web()))?)?;
        tokyo.wait(once_more(&|| tokyo.resume_replication(web()))?)
    };
    let mut sweep = sweep();
    sweep.faults = vec![Fault::Edge(Verdict::Refuse(ErrorCode::InUse))];
    sweep.run(stubborn, not_left_paused).assert_green();
    let reports = sweep.run_pairs(stubborn, not_left_paused);
    let [report] = &reports[..] else { panic!("{reports:?}") };
    let reds: Vec<_> = report.reds().map(|red| red.row).collect();
    assert_eq!(reds, ["tokyo RequestReplicationStateChangeEx web Replicating relationship=0"]);
    assert!(report.to_string().starts_with(
        "After tokyo RequestReplicationStateChangeEx web Replicating relationship=0: it is refused"
    ));
}

#[test]
fn a_panic_is_caught_and_told() {
    let mut sweep = sweep();
    sweep.faults = vec![Fault::Edge(Verdict::Unreachable)];
    let report = sweep.run(
        |site| drop(site.host("tokyo").vm(web().vm).expect("it is always there")),
        |_, ()| Ok(()),
    );
    let red = report.reds().next().unwrap();
    assert!(
        matches!(red.complaint, Complaint::Panicked(says)
        if says.starts_with("it is always there")),
        "{report}"
    );
}

/// Neither one that asks for ever nor one that sleeps for ever holds a sweep up.
#[test]
fn what_does_not_end_is_ended() {
    let poll = |site: &Site| {
        let tokyo = site.host("tokyo");
        let begun = tokyo.suspend_replication(web());
        while begun.is_err() {
            let _asked = tokyo.vm(web().vm);
        }
    };
    let rest = |site: &Site| {
        let tokyo = site.host("tokyo");
        let begun = tokyo.suspend_replication(web());
        while begun.is_err() {
            tokyo.sleep(hours(1)).unwrap();
        }
    };
    let mut sweep = sweep();
    sweep.faults = vec![Fault::Edge(Verdict::LoseAnswer)];
    for report in [sweep.run(poll, |_, ()| Ok(())), sweep.run(rest, |_, ()| Ok(()))] {
        let complaints: Vec<_> = report.reds().map(|red| red.complaint).collect();
        assert_eq!(complaints, [&Complaint::Endless], "{report}");
    }
    let for_ever = |site: &Site| -> () {
        loop {
            let _asked = site.host("tokyo").vm(web().vm);
        }
    };
    let report = sweep.run(for_ever, |_, ()| Ok(()));
    assert_eq!(report.without_fault().map(|(complaint, _)| complaint), Some(&Complaint::Endless));
    assert!(report.to_string().starts_with("Without any fault: it does not end"), "{report}");
}

/// A colleague who is refused has not come in between, and a host that is down does not crash.
#[test]
fn what_cannot_happen_is_not_counted() {
    let mut sweep = sweep();
    let (tokyo, osaka) = (sweep.lab().host("tokyo").id(), sweep.lab().host("osaka").id());
    let crash = sweep.lab().read(|world| Incident::crash(world, osaka));
    let commit = hyperv_replica::model::Call::CommitFailover { vm: web().vm };
    sweep.faults = vec![
        Fault::Incident(Incident::call("a colleague commits", tokyo, commit)),
        Fault::Incident(crash),
    ];
    let look = |site: &Site| site.host("tokyo").vm(web().vm).map(drop);
    let report = sweep.run(look, |_, _| Ok(()));
    let (_, cells) = report.rows().next().unwrap();
    assert_eq!(cells, [Cell::Impossible, Cell::Survived]);
    assert_eq!(report.runs(), 1);

    let lab = sweep.lab().fork();
    lab.disturb(Disturbance::CrashHost(osaka));
    let mut of_crashed = Sweep::of(&lab);
    of_crashed.faults = sweep.faults;
    let report = of_crashed.run(look, |_, _| Ok(()));
    assert_eq!(report.runs(), 0);
}

/// An incident ends while the orchestration sleeps, to the second.
#[test]
fn an_outage_lasts_as_long_as_it_should() {
    let mut sweep = sweep();
    let osaka = sweep.lab().host("osaka").id();
    let crash = sweep.lab().read(|world| Incident::crash(world, osaka));
    sweep.faults = vec![Fault::Incident(crash)];
    sweep.outage = minutes(2);
    let down = |site: &Site| -> Result<u64> {
        let osaka = site.host("osaka");
        let begun = osaka.now()?;
        while osaka.vm(web().vm).is_err() {
            osaka.sleep(seconds(7))?;
        }
        Ok(osaka.now()?.since(begun).as_secs())
    };
    let oracle = |_: &Lab, down: &Result<u64>| match down {
        // A look each seven seconds sees the end of two minutes after 126.
        Ok(0 | 126) => Ok(()),
        other => Err(format!("{other:?}")),
    };
    let report = sweep.run(down, oracle);
    report.assert_green();
    assert_eq!(report.runs(), 1);
}

#[test]
fn progress_is_told() {
    let told = std::sync::Arc::new(Mutex::new(Vec::new()));
    let mut sweep = sweep();
    sweep.faults = vec![Fault::Edge(Verdict::Unreachable)];
    sweep.threads = NonZeroUsize::MIN;
    let to = std::sync::Arc::clone(&told);
    let sweep = sweep.progress(move |done, of| to.lock().unwrap().push((done, of)));
    let report = sweep.run(pause_and_resume, |_, _| Ok(()));
    let of = report.rows().count();
    let expected: Vec<_> = (1..=of).map(|done| (done, of)).collect();
    assert_eq!(*told.lock().unwrap(), expected);
}

#[test]
fn a_preparation_that_goes_wrong_is_told() {
    let wrong =
        script::parse("host tokyo\nvm web on tokyo\ntokyo CommitFailover web => 0").unwrap();
    let report = Sweep::prepared_by(&wrong).unwrap_err();
    assert_eq!(report.faults().count(), 1);
}
