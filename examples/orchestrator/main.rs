//! A planned failover that is swept with faults, and the same with the mistakes people make.
//!
//! `cargo run --release --example orchestrator` shows first how the good one survives each fault at
//! each of its calls, and then what is found of each mistake.

mod mistakes;
mod planned_failover;

use hyperv_replica::model::HostId;
use hyperv_replica::prelude::*;
use hyperv_replica::script::{self, id_of_name};
use hyperv_replica::sim::Lab;
use hyperv_replica::testkit::counterexample::Broken;
use hyperv_replica::testkit::sweep::{Fault, Incident, Report, Sweep};
use mistakes::{Mistake, Script};
use planned_failover::{Failure, PlannedFailover};
use std::io::IsTerminal;

/// Two hosts, and a virtual machine that replicates between them.
const PREPARATION: &str = "\
host tokyo
host osaka
vm web on tokyo running
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network                => 4096 job2
wait job2
advance 1h
expect osaka web Replica Replicating Ok off
";

/// A sweep of this lab.
fn sweep() -> Sweep {
    let preparation = script::parse(PREPARATION).expect("the preparation is a script");
    let sweep = Sweep::prepared_by(&preparation).expect("the preparation goes as it says");
    if !std::io::stderr().is_terminal() {
        return sweep;
    }
    sweep.progress(|done, of| {
        let over = if done == of { "\r\x1b[K" } else { "" };
        eprint!("\r{done} of {of} runs{over}");
    })
}

/// What both orchestrations promise: whatever goes wrong, the virtual machine runs once, and where
/// it is said to run; and nothing that passes is a reason to give up.
fn promises(lab: &Lab, result: Result<&(), &Error>) -> Result<(), Broken> {
    let web = id_of_name("web");
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let runs = |host: &dyn ReplicationService| {
        host.vm(web).is_ok_and(|it| it.power == EnabledState::Enabled)
    };
    // A colleague may have removed the replication of what runs.
    let is_primary = |host: &dyn ReplicationService| {
        let mode = host.vm(web).map(|it| it.mode);
        matches!(mode, Ok(ReplicationMode::Primary | ReplicationMode::None))
    };
    match (result, runs(&tokyo), runs(&osaka)) {
        (_, true, true) => Err("the virtual machine runs twice".into()),
        (_, false, false) => Err("the virtual machine runs nowhere".into()),
        (Ok(()), true, _) => Err("it says that it is done, and the old primary runs".into()),
        (Ok(()), _, true) if !is_primary(&osaka) => {
            Err("it says that it is done, and what runs is not the primary".into())
        }
        (Err(_), _, true) if !is_primary(&osaka) => {
            Err("it says that it failed, and what runs is not the primary".into())
        }
        (Err(cause), ..) => match cause.code() {
            Some(code @ (ErrorCode::InUse | ErrorCode::InvalidState)) => {
                Err(format!("it gave up on {}, which passes", code.to_wire()).into())
            }
            _ => Ok(()),
        },
        (Ok(()), ..) => Ok(()),
    }
}

/// The good one.
fn survivor(sweep: &Sweep) -> Report {
    sweep.run(
        |site| {
            let (primary, replica) = (&site.host("tokyo"), &site.host("osaka"));
            PlannedFailover { primary, replica, vm: id_of_name("web") }.run()
        },
        |lab, result| match result {
            Err(Failure { left: Some(_), .. }) => Err("somebody has to look after it".into()),
            _ => promises(lab, result.as_ref().map_err(|failure| &failure.why)),
        },
    )
}

/// The same as a list of steps with a mistake, which needs no more than what may become of a call,
/// and a cut link.
fn mistaken(mistake: Mistake) -> Report {
    let mut sweep = sweep();
    let cut = sweep.lab().read(|world| Incident::cut(world, HostId(0), HostId(1)));
    sweep.faults = Fault::of_calls();
    sweep.faults.push(Fault::Incident(cut));
    sweep.run(
        |site| {
            let (primary, replica) = (&site.host("tokyo"), &site.host("osaka"));
            Script { primary, replica, vm: id_of_name("web"), mistake }.run()
        },
        |lab, result| promises(lab, result.as_ref()),
    )
}

fn main() {
    println!("== A planned failover that looks before each step\n\n{}", survivor(&sweep()));
    for mistake in Mistake::ALL {
        println!("== A list of steps with the mistake {mistake:?}\n\n{}", mistaken(mistake));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hyperv_replica::layer::Verdict;

    #[test]
    fn the_good_one_survives_everything() {
        let report = survivor(&sweep());
        report.assert_green();
        assert!(report.runs() > 500, "{}", report.runs());
    }

    /// Without a fault it does what it is for, in some half a minute.
    #[test]
    fn the_good_one_fails_over() {
        let sweep = sweep();
        let (tokyo, osaka) = (&sweep.lab().host("tokyo"), &sweep.lab().host("osaka"));
        let (vm, begun) = (id_of_name("web"), sweep.lab().now());
        PlannedFailover { primary: tokyo, replica: osaka, vm }.run().expect("nothing goes wrong");
        assert!(sweep.lab().now().since(begun) < minutes(1));
        let there = osaka.vm(vm).expect("it is there");
        assert_eq!((there.mode, there.power), (ReplicationMode::Primary, EnabledState::Enabled));
        let state = osaka.relationship(RelationshipId::primary(vm)).expect("it replicates").state;
        assert_eq!(state, ReplicationState::Replicating);
        assert!(!sweep.lab().read(|world| world.is_split_brain(vm)));
    }

    /// What does not pass is no matter of waiting: the primary serves again at once.
    #[test]
    fn the_good_one_gives_up_where_trying_again_is_no_remedy() {
        use hyperv_replica::layer::{Fault, Faults};
        use hyperv_replica::model::Operation;
        let sweep = sweep();
        let faults = Faults::new();
        faults.add(Fault::refuse(Operation::InitiateFailover, ErrorCode::AccessDenied));
        let tokyo = &faults.over("tokyo", sweep.lab().host("tokyo"));
        let osaka = &faults.over("osaka", sweep.lab().host("osaka"));
        let (vm, begun) = (id_of_name("web"), sweep.lab().now());
        let failure = PlannedFailover { primary: tokyo, replica: osaka, vm }.run().unwrap_err();
        assert!(failure.left.is_none(), "{failure}");
        assert_eq!(failure.why.code(), Some(ErrorCode::AccessDenied));
        assert!(sweep.lab().now().since(begun) < minutes(1));
        assert_eq!(tokyo.vm(vm).expect("it is there").power, EnabledState::Enabled);
    }

    /// At which of the calls one of these faults is found, in the order of the steps.
    fn found(mistake: Mistake, which: impl Fn(&Fault) -> bool) -> Vec<bool> {
        const STEPS: [&str; 5] = [
            "tokyo RequestStateChange web ShutDown",
            "tokyo RequestReplicationStateChangeEx web Synced relationship=0",
            "osaka InitiateFailover web",
            "osaka ReverseReplicationRelationship web",
            "osaka RequestStateChange web Enabled",
        ];
        let report = mistaken(mistake);
        let red = |step: &&str| report.reds().any(|red| red.row == *step && which(red.fault));
        STEPS.iter().map(red).collect()
    }

    fn refused(fault: &Fault, code: ErrorCode) -> bool {
        *fault == Fault::Edge(Verdict::Refuse(code))
    }

    /// While the link is cut, three minutes long, the last changes cannot be sent and the roles not
    /// be swapped, which the jobs would have told. Of the jobs only a failover's can be terminated:
    /// <https://learn.microsoft.com/windows-server/virtualization/hyper-v/replication-failover>.
    #[test]
    fn waiting_for_no_job_is_found_where_a_job_fails() {
        let cut = found(Mistake::WaitsForNoJob, |fault| matches!(fault, Fault::Incident(_)));
        assert_eq!(cut, [true, true, true, true, false]);
        // A job that fails by itself leaves whatever comes next without its ground.
        let failed = found(Mistake::WaitsForNoJob, |fault| matches!(fault, Fault::JobFails(_)));
        assert_eq!(failed, [true; 5]);
        let terminated = found(Mistake::WaitsForNoJob, |fault| *fault == Fault::JobTerminated);
        assert_eq!(terminated, [false, false, true, false, false]);
    }

    #[test]
    fn never_trying_again_is_found_wherever_the_service_is_busy() {
        for code in [ErrorCode::InUse, ErrorCode::InvalidState] {
            let busy = found(Mistake::NeverTriesAgain, |fault| refused(fault, code));
            assert_eq!(busy, [true; 5], "{code}");
        }
        let denied = |fault: &Fault| refused(fault, ErrorCode::AccessDenied);
        assert_eq!(found(Mistake::NeverTriesAgain, denied), [false; 5]);
    }

    /// The numbers are looked at only where it is not clear whether a call was done.
    #[test]
    fn shifted_states_are_found_where_an_answer_is_lost() {
        let lost = |fault: &Fault| *fault == Fault::Edge(Verdict::LoseAnswer);
        assert_eq!(found(Mistake::ShiftedStates, lost), [false, true, true, false, false]);
        let missing = found(Mistake::ShiftedStates, |fault| *fault == Fault::JobLost);
        assert_eq!(missing, [false, true, true, false, false]);
    }

    #[test]
    fn a_mess_is_found_where_an_answer_is_lost() {
        let lost = |fault: &Fault| *fault == Fault::Edge(Verdict::LoseAnswer);
        assert_eq!(found(Mistake::LeavesAMess, lost), [true, true, true, true, true]);
        let unreached = |fault: &Fault| *fault == Fault::Edge(Verdict::Unreachable);
        assert_eq!(found(Mistake::LeavesAMess, unreached), [false, true, true, true, true]);
    }

    /// What is printed is a page to read, and each script in it fails at its end in the same way.
    #[test]
    fn a_report_is_read_and_its_scripts_fail_again() {
        let report = mistaken(Mistake::LeavesAMess);
        insta::with_settings!({
            snapshot_path => concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/snapshots"),
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!("sweep", report.to_string());
        });
        for red in report.reds() {
            let text = red.script.to_string();
            let again = script::run(&script::parse(&text).expect(&text));
            let faults: Vec<_> = again.faults().map(|(_, fault)| fault.to_string()).collect();
            assert_eq!(faults, [red.complaint.to_string()], "{text}");
            let last = again.steps.last().expect("a step");
            assert!(last.fault.is_some(), "its last line fails: {text}");
        }
    }
}
