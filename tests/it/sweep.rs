//! Sweeps of faults: what they inject where, what they find, and that they end.

use hyperv_replica::engine::Disturbance;
use hyperv_replica::layer::Verdict;
use hyperv_replica::prelude::*;
use hyperv_replica::script::{self, id_of_name};
use hyperv_replica::sim::Lab;
use hyperv_replica::testkit::counterexample::Broken;
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
fn not_left_paused(lab: &Lab, result: &Result<()>) -> std::result::Result<(), Broken> {
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
    insta::assert_snapshot!(report, @r#"
    2 calls, 11 runs with one fault each, 6 red

                                                                                    7
    time      what                                                                  4 a b c d
    00:00:00  tokyo RequestReplicationStateChangeEx web Suspended relationship=0    · X · X -
    00:00:00  tokyo job                                                             - - X - -
    00:00:01  tokyo relationship web                                                - - X - -
    00:00:01  tokyo RequestReplicationStateChangeEx web Replicating relationship=0  X · X · -
    00:00:01    1 look                                                              - - · - -
    00:00:02  at the end                                                            - - - - -

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
        fail "it is left paused"
    "#);
}

/// The line of a report that fails, and how.
fn failing(script: &script::Script) -> Vec<(usize, String)> {
    let report = script::run(script);
    let faults = report.faults();
    faults.map(|(step, fault)| (step.line as usize, fault.to_string())).collect()
}

/// What a script of a red cell says happens again when its text is run: the same world, and its last
/// line fails with the complaint.
#[test]
fn the_script_of_a_red_cell_fails_in_the_same_way() {
    let report = sweep().run(pause_and_resume, not_left_paused);
    assert!(!report.is_green());
    for red in report.reds() {
        let script = script::parse(&red.script.to_string()).unwrap();
        let last = (script.lines.len(), red.complaint.to_string());
        assert_eq!(failing(&script), [last], "{}", red.script);
        if let Complaint::Broken(_) = red.complaint {
            let mut runner = script::Runner::new(hyperv_replica::engine::World::new(0));
            runner.run(&script);
            let tokyo = runner.world().host_named("tokyo").unwrap();
            let state = runner.world().relationship(tokyo, web()).unwrap().state;
            assert_eq!(state, ReplicationState::Suspended, "{}", red.script);
        }
    }
}

/// An oracle that says what it expected as a line has that line at the end of the script.
#[test]
fn an_oracle_may_answer_with_a_line() {
    let mut sweep = sweep();
    sweep.faults = vec![Fault::Edge(Verdict::LoseAnswer)];
    let report = sweep.run(pause_and_resume, |_, result| match result {
        Ok(()) => Ok(()),
        Err(_) => Err("expect tokyo web Replicating".parse::<script::Line>()?.into()),
    });
    let red = report.reds().next().unwrap();
    let found = "expected `Replicating`, found `Suspended`".to_owned();
    assert_eq!(failing(red.script), [(red.script.lines.len(), found)], "{}", red.script);
}

/// Of a lab that was traced from the beginning, what is found is a script by itself. Of another one
/// it says where it begins.
#[test]
fn the_script_of_a_lab_begins_where_its_trace_does() {
    let prepared = |lab: Lab| {
        let tokyo = lab.host("tokyo");
        lab.vm("web").on("tokyo").id(web().vm).running().create();
        let created = tokyo.create_replication_relationship(web().vm, Settings::to("osaka"));
        tokyo.wait(created.unwrap()).unwrap();
        let started = tokyo.start_replication(web().vm, InitialReplication::Network);
        tokyo.wait(started.unwrap()).unwrap();
        lab.advance(hours(1));
        lab
    };
    let found = |lab: &Lab| {
        let mut sweep = Sweep::of(lab);
        sweep.faults = vec![Fault::Edge(Verdict::LoseAnswer)];
        let report = sweep.run(pause_and_resume, not_left_paused);
        report.reds().next().unwrap().script.clone()
    };
    let script = found(&prepared(Lab::traced(["tokyo", "osaka"])));
    assert_eq!(failing(&script), [(script.lines.len(), "it is left paused".to_owned())]);
    let text = found(&prepared(Lab::new(["tokyo", "osaka"]))).to_string();
    assert!(text.starts_with("# Begins in the lab that was swept, which had no trace"), "{text}");
    // A trace that began later is none from the beginning.
    let lab = prepared(Lab::new(["tokyo", "osaka"]));
    lab.start_trace();
    lab.advance(minutes(1));
    assert!(found(&lab).to_string().starts_with("# Begins in the lab that was swept"));
}

/// A job that fails did nothing, or everything; either way it is answered 4096 and shown to work for
/// a while, and its error can be read.
#[test]
fn a_job_fails_before_or_after_its_work() {
    let watched = |site: &Site| -> Result<(JobState, Vec<String>)> {
        let tokyo = site.host("tokyo");
        let started = tokyo.suspend_replication(web())?;
        let job = started.job().expect("a job");
        assert_eq!(tokyo.job(job)?.state, JobState::Running);
        assert!(tokyo.jobs()?.iter().any(|it| it.id == job));
        tokyo.sleep(seconds(5))?;
        let ended = tokyo.job(job)?;
        assert_eq!(tokyo.jobs()?.iter().find(|it| it.id == job), Some(&ended));
        assert_eq!(ended.error.is_some(), ended.state == JobState::Exception);
        if let Some(failure) = &ended.error {
            let failed = tokyo.wait(job).unwrap_err();
            assert!(matches!(failed, Error::JobFailed(_)), "{failed}");
            assert_eq!(failure.code, ErrorCode::Timeout);
        }
        tokyo.sleep(minutes(6))?;
        assert!(matches!(tokyo.job(job), Err(Error::NotFound(_))), "it stays for five minutes");
        let errors = tokyo.job_errors(job).unwrap_or_default();
        Ok((ended.state, errors.into_iter().map(|it| it.message).collect()))
    };
    for (fault, state) in [
        (Fault::JobFails(ErrorCode::Timeout), ReplicationState::Replicating),
        (Fault::JobFailsAfter(ErrorCode::Timeout), ReplicationState::Suspended),
    ] {
        let mut sweep = sweep();
        sweep.faults = vec![fault];
        let report = sweep.run(watched, |lab, result| {
            let seen = lab.host("tokyo").relationship(web()).unwrap().state;
            match result {
                Ok((JobState::Completed, _)) => Ok(()),
                Ok((JobState::Exception, _)) if seen == state => Err("as it should be".into()),
                other => Err(format!("{other:?} and {seen}").into()),
            }
        });
        let says: Vec<_> = report.reds().map(|it| it.complaint.to_string()).collect();
        assert_eq!(says, ["as it should be"], "{report}");
        let red = report.reds().next().unwrap();
        let last = (red.script.lines.len(), "as it should be".to_owned());
        assert_eq!(failing(red.script), [last], "{}", red.script);
    }
}

/// A colleague has to do with what the orchestration makes, too: the replica that there was not.
#[test]
fn a_colleague_meets_what_the_orchestration_makes() {
    let preparation = "host tokyo\nhost osaka\nvm web on tokyo running";
    let sweep = Sweep::prepared_by(&script::parse(preparation).unwrap()).unwrap();
    let report = sweep.run(
        |site| -> Result<()> {
            let tokyo = site.host("tokyo");
            tokyo.wait(tokyo.create_replication_relationship(web().vm, Settings::to("osaka"))?)?;
            tokyo.wait(tokyo.start_replication(web().vm, InitialReplication::Network)?)
        },
        |_, _| Ok(()),
    );
    let came = |name: &str| {
        let column = report.faults().iter().position(|it| it.to_string() == name).expect(name);
        report.rows().any(|(_, cells)| cells[column] != Cell::Impossible)
    };
    assert!(came("a colleague removes the replication of web on osaka"), "{report}");
    assert!(came("a colleague pauses the replication of web on tokyo"), "{report}");
    assert!(!came("a colleague tests the failover of web on tokyo"), "{report}");
    report.assert_green();
}

/// A guest that writes faster than its link carries never comes to rest:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica>.
/// Whoever starts it behind the last call is found, too.
#[test]
fn what_does_not_come_to_rest_is_red() {
    let preparation = "host tokyo
        host osaka
        vm web on tokyo disk=10GiB used=1GiB write=300MiB/s
        tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
        wait job1
        tokyo StartReplication web Network                => 4096
        advance 1h";
    let mut sweep = Sweep::prepared_by(&script::parse(preparation).unwrap()).unwrap();
    let tokyo = sweep.lab().host("tokyo").id();
    let start = hyperv_replica::model::Call::RequestStateChange { vm: web().vm, requested: 2 };
    sweep.faults = vec![Fault::Incident(Incident::call("a colleague starts it", tokyo, start))];
    let look = |site: &Site| site.host("tokyo").vm(web().vm).map(drop);
    let report = sweep.run(look, |_, _| Ok(()));
    let rows: Vec<_> = report.reds().map(|it| it.row).collect();
    assert_eq!(rows, ["tokyo vm web", "at the end"], "{report}");
    for red in report.reds() {
        let Complaint::Stuck(stuck) = red.complaint else { panic!("{}", red.complaint) };
        assert!(stuck.iter().all(|it| it.vm == "web"));
        let last = (red.script.lines.len(), red.complaint.to_string());
        assert_eq!(failing(red.script), [last], "{}", red.script);
    }
    sweep.recovers = false;
    sweep.run(look, |_, _| Ok(())).assert_green();
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
    assert_eq!(report.runs(), 2, "it may crash at the end, too");

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
        other => Err(format!("{other:?}").into()),
    };
    let report = sweep.run(down, oracle);
    report.assert_green();
    assert_eq!(report.runs(), 2);
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
