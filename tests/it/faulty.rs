//! Faults at the call edge: what they do, in which order, and how they count.

use hyperv_replica::engine::{Caller, Input};
use hyperv_replica::layer::{Asked, Fault, Faults, Faulty, Injected, Plan, Read, Verdict};
use hyperv_replica::model::{Call, ErrorCode, HostId, Operation};
use hyperv_replica::script::Method;
use hyperv_replica::{prelude::*, script, sim::Lab};

const START: Operation = Operation::StartVm;

/// A lab with an off virtual machine on tokyo, and both hosts under one set of rules.
fn lab() -> (Lab, VmId, Faults) {
    let lab = Lab::new(["tokyo", "osaka"]);
    let web = lab.vm("web").on("tokyo").create();
    (lab, web, Faults::new())
}

/// What a caller sees, in a word.
fn told<T>(answer: &Result<T>) -> String {
    match answer {
        Ok(_) => "done".to_owned(),
        Err(Error::Refused(refusal)) => refusal.code.to_wire().to_string(),
        Err(Error::Transport { source, .. }) => match source.downcast_ref::<Injected>() {
            Some(what) => format!("{what:?}"),
            None => source.to_string(),
        },
        Err(Error::NotFound(_)) => "missing".to_owned(),
        Err(error) => error.to_string(),
    }
}

/// Each verdict, what the caller is told, and whether the call took place.
#[test]
fn each_verdict_of_a_call() {
    let at_once = "done";
    for (verdict, answer, happens) in [
        (Verdict::Pass, at_once, true),
        (Verdict::Refuse(ErrorCode::StatusUnknown), "32771", false),
        (Verdict::Delay(minutes(3)), at_once, true),
        (Verdict::LoseAnswer, "AnswerLost", true),
        (Verdict::Unreachable, "Unreachable", false),
        (Verdict::Missing, "missing", false),
    ] {
        let (lab, web, faults) = lab();
        faults.add(Fault::new(START, verdict));
        let before = lab.now();
        let started = faults.over("tokyo", lab.host("tokyo")).start_vm(web);
        assert_eq!(told(&started), answer, "{verdict:?}");
        let waited = if let Verdict::Delay(by) = verdict { by } else { minutes(0) };
        assert_eq!(lab.now().since(before), waited, "{verdict:?}");
        lab.advance(minutes(5));
        let on = lab.host("tokyo").vm(web).unwrap().power == EnabledState::Enabled;
        assert_eq!(on, happens, "{verdict:?}");
    }
}

/// The same of each read: none of them happens or does not, but for the time.
#[test]
fn each_verdict_of_each_read() {
    for (verdict, answer) in [
        (Verdict::Pass, "done"),
        (Verdict::Refuse(ErrorCode::AccessDenied), "ReadRefused(AccessDenied)"),
        (Verdict::Delay(seconds(2)), "done"),
        (Verdict::LoseAnswer, "AnswerLost"),
        (Verdict::Unreachable, "Unreachable"),
        (Verdict::Missing, "missing"),
    ] {
        for &read in Read::ALL {
            let (lab, web, faults) = lab();
            let job = lab.host("tokyo").start_vm(web).unwrap().job().expect("a job");
            faults.add(Fault::new(read, verdict));
            let tokyo = faults.over("tokyo", lab.host("tokyo"));
            let id = RelationshipId::primary(web);
            let reads = [
                (Read::Host, told(&tokyo.host())),
                (Read::ServiceSettings, told(&tokyo.service_settings())),
                (Read::AuthorizationEntries, told(&tokyo.authorization_entries())),
                (Read::Vms, told(&tokyo.vms())),
                (Read::Vm, told(&tokyo.vm(web))),
                (Read::Relationship, told(&tokyo.relationship(id))),
                (Read::RecoveryPoints, told(&tokyo.recovery_points(web))),
                (Read::Devices, told(&tokyo.devices(web))),
                (Read::FailoverNetwork, told(&tokyo.failover_network(web))),
                (Read::Jobs, told(&tokyo.jobs())),
                (Read::Job, told(&tokyo.job(job))),
            ];
            for (of, got) in reads {
                let expected = if of == read { answer } else { "done" };
                assert_eq!(got, expected, "{of} under a fault of {read}: {verdict:?}");
            }
            // A virtual machine that is not replicated has no settings: the read has a fault of
            // its own behind the injected one.
            let settings = told(&tokyo.settings(id));
            if read == Read::Settings && answer != "done" {
                assert_eq!(settings, answer);
            } else {
                assert_eq!(settings, told(&lab.host("tokyo").settings(id)));
            }
            assert!(tokyo.now().is_ok() && tokyo.sleep(seconds(1)).is_ok());
        }
    }
}

/// Which of ten calls are refused.
fn refused(fault: Fault) -> Vec<u32> {
    let (lab, web, faults) = lab();
    faults.add(fault);
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let refused = |_: &u32| {
        let refused = tokyo.start_vm(web).is_err_and(|it| it.to_string().contains("injected"));
        lab.advance(minutes(1));
        if let Ok(off) = tokyo.turn_off_vm(web) {
            tokyo.wait(off).ok();
        }
        refused
    };
    (1..=10).filter(refused).collect()
}

#[test]
fn a_fault_counts_what_it_is_about() {
    let fault = || Fault::refuse(START, ErrorCode::InUse);
    assert_eq!(refused(fault()), (1..=10).collect::<Vec<_>>());
    assert_eq!(refused(fault().times(2)), [1, 2]);
    assert_eq!(refused(fault().after(3).times(2)), [4, 5]);
    assert_eq!(refused(fault().after(8)), [9, 10]);
    assert_eq!(refused(fault().nth(7)), [7]);
    assert_eq!(refused(fault().nth(0)), [0; 0]);
    assert_eq!(refused(fault().times(0)), [0; 0]);
    assert_eq!(refused(fault().after(u32::MAX)), [0; 0]);
    // The turnings off are calls, too: every other of them is a start.
    let any = Fault::refuse(Asked::AnyCall, ErrorCode::InUse).after(4).times(1);
    assert_eq!(refused(any), [3]);
    assert_eq!(refused(Fault::refuse(Asked::AnyRead, ErrorCode::InUse)), [0; 0]);
    assert_eq!(refused(Fault::refuse(Operation::SaveVm, ErrorCode::InUse)), [0; 0]);
}

#[test]
fn a_fault_is_about_a_host_a_virtual_machine_and_a_time() {
    let fault = || Fault::refuse(START, ErrorCode::InUse);
    let all = (1..=10).collect::<Vec<_>>();
    assert_eq!(refused(fault().on("TOKYO")), all, "names have no case");
    assert_eq!(refused(fault().on("osaka")), [0; 0]);
    assert_eq!(refused(fault().vm("web")), all);
    assert_eq!(refused(fault().vm("Web")), [0; 0]);
    let (lab, web, _) = lab();
    let other = lab.vm("other").on("tokyo").create();
    let tokyo = Faulty::over("tokyo", lab.host("tokyo"), fault().vm(web).into());
    assert!(tokyo.start_vm(web).is_err());
    assert!(tokyo.start_vm(other).is_ok());
    // From the second minute on, and not at the fourth.
    let (lab, web, faults) = self::lab();
    let epoch = lab.now();
    faults.add(fault().between(epoch + minutes(2), epoch + minutes(4)));
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let mut hit = Vec::new();
    for minute in 0..6 {
        if tokyo.start_vm(web).is_err_and(|it| it.code() == Some(ErrorCode::InUse)) {
            hit.push(minute);
        }
        lab.advance(minutes(1));
    }
    assert_eq!(hit, [2, 3]);
}

#[test]
fn the_first_verdict_wins_and_the_rest_is_not_asked() {
    let (lab, web, faults) = lab();
    faults.add(Fault::refuse(START, ErrorCode::Timeout).times(1));
    faults.add(Fault::new(START, Verdict::Pass).after(1).times(1));
    faults.add(Fault::refuse(START, ErrorCode::OutOfMemory).times(2));
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let mut answers = Vec::new();
    for _ in 0..5 {
        answers.push(told(&tokyo.start_vm(web)));
        lab.advance(minutes(1));
        if let Ok(off) = tokyo.turn_off_vm(web) {
            tokyo.wait(off).unwrap();
        }
    }
    // The second rule counts the second call first, and lets the third pass.
    assert_eq!(answers, ["32772", "32778", "done", "32778", "done"]);
}

#[test]
fn one_set_stands_over_several_hosts_and_counts_together() {
    let (lab, web, faults) = lab();
    faults.add(Fault::lose_answer(Asked::AnyCall).nth(3));
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let osaka = faults.over("osaka", lab.host("osaka"));
    assert_eq!(told(&osaka.start_vm(web)), "32777", "the service itself says so");
    assert_eq!(told(&tokyo.start_vm(web)), "done");
    assert_eq!(told(&osaka.start_vm(web)), "AnswerLost");
    assert_eq!(told(&tokyo.turn_off_vm(web)), "done");
}

#[test]
fn a_guard_takes_its_rule_away() {
    let (lab, web, faults) = lab();
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let guard = faults.guard(Fault::unreachable(START).on("tokyo"));
    assert_eq!(told(&tokyo.start_vm(web)), "Unreachable");
    drop(guard);
    assert_eq!(told(&tokyo.start_vm(web)), "done");
}

/// A closure sees what is asked, and may change the rules while it is asked.
#[test]
fn a_closure_is_a_rule() {
    let (lab, web, faults) = lab();
    let more = faults.clone();
    let _guard = faults.rule(move |seen| {
        if seen.operation() == Some(START) && seen.vm_name == Some("web") {
            more.add(Fault::refuse(Operation::TurnOffVm, ErrorCode::Failed));
            return Some(Verdict::Delay(seconds(1)));
        }
        None
    });
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    assert_eq!(told(&tokyo.turn_off_vm(web)), "32775", "the service itself says so: it is off");
    assert_eq!(told(&tokyo.start_vm(web)), "done");
    assert_eq!(told(&tokyo.turn_off_vm(web)), "32768");
}

/// A job is about the virtual machine whose call began it, by whatever host it is read.
#[test]
fn a_job_belongs_to_the_virtual_machine_whose_call_began_it() {
    let (lab, web, faults) = lab();
    let other = lab.vm("other").on("tokyo").create();
    faults.add(Fault::new(Read::Job, Verdict::Missing).vm(web));
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let (of_web, of_other) = (tokyo.start_vm(web).unwrap(), tokyo.start_vm(other).unwrap());
    let vanished = tokyo.wait(of_web).unwrap_err();
    assert!(matches!(&vanished, Error::JobFailed(it) if it.state.is_none()), "{vanished}");
    tokyo.wait(of_other).unwrap();
}

/// A name that was seen on one host is known of the other, where the virtual machine is not yet.
#[test]
fn a_name_is_known_wherever_it_was_seen() {
    let (lab, web, faults) = lab();
    faults.add(Fault::refuse(Asked::AnyCall, ErrorCode::AccessDenied).on("osaka").vm("web"));
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let osaka = faults.over("osaka", lab.host("osaka"));
    assert_eq!(told(&osaka.commit_failover(web)), "32777", "nobody has heard of it");
    assert_eq!(tokyo.vm(web).unwrap().power, EnabledState::Disabled);
    assert_eq!(told(&osaka.commit_failover(web)), "32769");
}

/// Over a borrowed trait object, over another decorator, and shared between threads.
#[test]
fn it_stands_over_anything() {
    fn shared<T: Send + Sync>(_: &T) {}
    let (lab, web, faults) = lab();
    let handle = lab.host("tokyo");
    let borrowed: &dyn ReplicationService = &handle;
    let inner = faults.over("tokyo", borrowed);
    let outer = faults.over("tokyo", &inner);
    // The call passes the same rule twice.
    faults.add(Fault::refuse(START, ErrorCode::Timeout).nth(2).vm("web"));
    assert_eq!(told(&outer.start_vm(web)), "32772");
    shared(&faults.over("tokyo", handle.clone()));
    assert_eq!(format!("{:?}", Faults::new()), "[]");
    assert_eq!(Plan::default(), Plan::from_iter([]));
}

/// A caller cannot tell an answer that was lost from a call that never arrived.
#[test]
fn lost_and_unreachable_look_alike() {
    let (lab, web, _) = lab();
    let say = |fault: Fault| {
        let tokyo = Faulty::over("tokyo", lab.host("tokyo"), fault.into());
        tokyo.commit_failover(web).unwrap_err().to_string()
    };
    let lost = say(Fault::lose_answer(Asked::Anything));
    assert_eq!(lost, "CommitFailover may or may not have happened: no answer came (injected)");
    assert_eq!(lost, say(Fault::unreachable(Asked::Anything)));
}

#[test]
fn a_plan_is_a_text() {
    let text = "\
# The first failover is refused twice, then every answer of osaka is lost for five minutes.
fault osaka InitiateFailover web times=2  => 32774

fault osaka call from=5m until=10m  => lost
";
    let plan: Plan = text.parse().unwrap();
    let in_use = Fault::refuse(Operation::InitiateFailover, ErrorCode::InUse);
    let lost = Fault::lose_answer(Asked::AnyCall).on("osaka");
    let lost = lost.between(SimTime::ZERO + minutes(5), SimTime::ZERO + minutes(10));
    assert_eq!(plan, Plan::from_iter([in_use.on("osaka").vm("web").times(2), lost]));
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    let error = "fault any call  => lost\nhost tokyo".parse::<Plan>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "2:1: expected a line that begins with `fault`, found `host tokyo`"
    );
    assert_eq!("# nothing\n".parse(), Ok(Plan::default()));
}

/// Whoever reads a call in a script knows how to write the fault for it.
#[test]
fn a_fault_is_written_as_the_call_it_is_about() {
    let lab = Lab::new(["tokyo"]);
    let vm = lab.vm("web").on("tokyo").create();
    for operation in Operation::ALL {
        let fault = Fault::lose_answer(*operation).on("tokyo").vm("web");
        let text = fault.to_string();
        assert_eq!(text.parse::<Plan>(), Ok(fault.into()), "{text}");
        let words = text.strip_prefix("fault ").and_then(|it| it.strip_suffix("  => lost"));
        let words = words.unwrap_or_else(|| panic!("{text}"));
        let Some(requested) = operation.requested_state() else {
            let method = words.split(' ').nth(1).and_then(Method::named).unwrap();
            assert_eq!(method.name(), Method::from(*operation).name(), "{text}");
            continue;
        };
        let call = if operation.is_replication() {
            let relationship = Some(RelationshipId::primary(vm));
            Call::RequestReplicationStateChange { vm, relationship, requested }
        } else {
            Call::RequestStateChange { vm, requested }
        };
        assert_eq!(call.operation(), *operation);
        let input = Input::Call { host: HostId(0), caller: Caller::Administrator, call };
        let script = script::record(lab.world(), &[input]);
        let line = script.lines.last().unwrap().to_string();
        assert!(line.starts_with(words), "{line} is the call of {text}");
    }
}

/// A script with faults is all there is to reproduce: the runner meets each of them.
#[test]
fn a_script_meets_its_faults() {
    let text = "\
host tokyo
host osaka
vm web on tokyo
fault tokyo RequestStateChange web Enabled times=2 => 32774
tokyo RequestStateChange web Enabled           => 32774
tokyo RequestStateChange web Enabled           => 32774
tokyo RequestStateChange web Enabled           => 4096 job1
wait job1
fault tokyo GetErrorEx web                     => missing
tokyo GetErrorEx job1                          => missing
fault tokyo RequestStateChange any Disabled    => lost
tokyo RequestStateChange web Disabled          => unanswered
advance 1m
expect tokyo web off
fault any call nth=2                           => unreachable
osaka CommitFailover web                       => 32777
tokyo RequestStateChange web Enabled           => unanswered
advance 1m
expect tokyo web off
fault tokyo RequestStateChange any Offline     => delay 5m
fault tokyo RequestStateChange any Enabled     => pass
fault tokyo RequestStateChange any Enabled     => 32768
tokyo RequestStateChange web Enabled           => 4096 job2
wait job2
tokyo RequestStateChange web Offline           => 4096
";
    let script = script::parse(text).unwrap();
    let report = script::run(&script);
    assert!(report.passed(), "{:?}", report.faults().next());
    let last = report.steps.last().unwrap();
    assert_eq!(last.until.since(last.at), minutes(5));
    let unanswered = report.steps.iter().find(|it| it.line == 12).unwrap();
    assert_eq!(
        unanswered.why.as_deref(),
        Some("an injected fault: the call took place, and its answer was lost")
    );
}

/// What a lab under faults is asked, a script under the same faults tells again: the same answers,
/// the same world.
#[test]
fn a_plan_does_the_same_in_a_lab_and_in_a_script() {
    let plan: Plan = "\
fault any call after=3 times=2  => lost
fault osaka CommitFailover web nth=2  => 32771
fault tokyo RequestStateChange web Enabled times=1  => delay 90s
fault tokyo RequestStateChange any ShutDown from=1m  => unreachable
"
    .parse()
    .unwrap();
    let lab = Lab::new(["tokyo", "osaka"]);
    let web = lab.vm("web").on("tokyo").create();
    let beginning = lab.world();
    let faults = Faults::from(plan.clone());
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let osaka = faults.over("osaka", lab.host("osaka"));
    tokyo.vm(web).unwrap();
    let mut inputs = Vec::new();
    let mut answers = Vec::new();
    let asked = [
        (0, "StartVm"),
        (1, "Commit"),
        (0, "Create"),
        (0, "TurnOff"),
        (1, "Commit"),
        (1, "Commit"),
        (0, "ShutDown"),
        (0, "StartVm"),
    ];
    for (host, what) in asked {
        let call = match what {
            "StartVm" => Call::RequestStateChange { vm: web, requested: 2 },
            "TurnOff" => Call::RequestStateChange { vm: web, requested: 3 },
            "ShutDown" => Call::RequestStateChange { vm: web, requested: 4 },
            "Commit" => Call::CommitFailover { vm: web },
            _ => {
                let settings = Box::new(Settings::to("osaka"));
                Call::CreateReplicationRelationship { vm: web, settings }
            }
        };
        let answer = if host == 0 { tokyo.call(&call) } else { osaka.call(&call) };
        answers.push(told(&answer));
        inputs.push(Input::Call { host: HostId(host), caller: Caller::Administrator, call });
        lab.advance(minutes(1));
        inputs.push(Input::Advance(minutes(1)));
    }
    let recorded = script::record_under(&plan, beginning.clone(), &inputs);
    let said: Vec<_> = recorded.lines.iter().filter_map(|it| it.answer.as_ref()).collect();
    let same = said.iter().zip(&answers).all(|(said, told)| match &**told {
        "done" => said.to_string().starts_with("4096"),
        "AnswerLost" | "Unreachable" => said.to_string() == "unanswered",
        number => said.to_string() == number,
    });
    assert!(same && said.len() == answers.len(), "{answers:?}\n{recorded}");
    assert!(answers.iter().any(|it| it == "AnswerLost"), "{answers:?}");
    assert!(answers.iter().any(|it| it == "Unreachable"), "{answers:?}");
    // And read back from its text, in an equal world.
    let mut runner = script::Runner::new(beginning);
    for (number, line) in (1..).zip(&script::parse(&recorded.to_string()).unwrap().lines) {
        let step = runner.step(number, line).unwrap();
        assert_eq!(step.fault, None, "{line}");
    }
    assert_eq!(*runner.world(), lab.world());
}

/// A job that was begun before the rules, or by somebody else, is about the virtual machine that it
/// affects first, in process as in a script.
#[test]
fn a_job_of_somebody_else_belongs_to_what_it_affects() {
    let (lab, web, faults) = lab();
    let job = lab.host("tokyo").start_vm(web).unwrap().job().unwrap();
    faults.add(Fault::refuse(Operation::GetErrorEx, ErrorCode::AccessDenied).vm("web"));
    faults.add(Fault::new(Read::Job, Verdict::Missing).vm(web));
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let found = tokyo.jobs().unwrap()[0].id;
    assert_eq!(found, job);
    assert_eq!(told(&tokyo.job(job)), "missing");
    assert_eq!(told(&tokyo.call(&Call::GetErrorEx { job })), "32769");
    let text = "fault tokyo GetErrorEx web  => 32769";
    let mut runner = script::Runner::over(lab.hold());
    assert_eq!(runner.step(1, &text.parse().unwrap()).and_then(|it| it.fault), None);
    let line = runner.record(&Input::Call {
        host: HostId(0),
        caller: Caller::Administrator,
        call: Call::GetErrorEx { job },
    });
    assert!(line.to_string().ends_with("=> 32769"), "{line}");
}

/// A job is about the virtual machine whose call began it, also when nobody knows of it any more.
#[test]
fn a_job_that_is_gone_belongs_to_whose_it_was() {
    let text = "\
host tokyo
vm web on tokyo
tokyo RequestStateChange web Enabled     => 4096 job1
wait job1
advance 6m
fault tokyo GetErrorEx web               => 32769
tokyo GetErrorEx job1                    => 32769
";
    let report = script::run(&script::parse(text).unwrap());
    assert!(report.passed(), "{:?}", report.faults().next());
    let (lab, web, faults) = lab();
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    let job = tokyo.start_vm(web).unwrap().job().unwrap();
    lab.advance(minutes(6));
    faults.add(Fault::refuse(Operation::GetErrorEx, ErrorCode::AccessDenied).vm("web"));
    assert_eq!(told(&tokyo.call(&Call::GetErrorEx { job })), "32769");
}

/// A fork has the same rules, as often met, and goes its own way; what is restored is as it was.
#[test]
fn rules_fork_and_come_back() {
    let (lab, web, faults) = lab();
    faults.add(Fault::refuse(START, ErrorCode::InUse).times(3));
    let tokyo = faults.over("tokyo", lab.host("tokyo"));
    assert_eq!(told(&tokyo.start_vm(web)), "32774");
    let fork = faults.fork();
    let other = fork.over("tokyo", lab.host("tokyo"));
    assert_eq!(told(&tokyo.start_vm(web)), "32774");
    assert_eq!(told(&tokyo.start_vm(web)), "32774");
    fork.add(Fault::refuse(Asked::AnyCall, ErrorCode::Timeout));
    assert_eq!(told(&other.start_vm(web)), "32774");
    assert_eq!(told(&other.start_vm(web)), "32774");
    assert_eq!(told(&other.start_vm(web)), "32772");
    assert_eq!(told(&tokyo.commit_failover(web)), "32775", "that rule is only in the fork");
    // Back to a set that refuses once more; a guard of before takes nothing away.
    let guard = faults.guard(Fault::unreachable(Asked::AnyCall));
    let first = Faults::from(Plan::from(Fault::refuse(START, ErrorCode::Failed).times(1)));
    faults.restore(&first);
    drop(guard);
    assert_eq!(told(&tokyo.start_vm(web)), "32768");
    assert_eq!(told(&tokyo.start_vm(web)), "done");
    faults.restore(&first);
    assert_eq!(told(&tokyo.start_vm(web)), "32768", "it was not met in the other");
}
