//! A strict lab fails where a test relies on what nobody has documented or seen, and says on what.

use hyperv_replica::engine::{Caller, Disturbance};
use hyperv_replica::evidence::Evidence;
use hyperv_replica::model::Call;
use hyperv_replica::oracle::Assumption;
use hyperv_replica::prelude::*;
use hyperv_replica::rules::RULES;
use hyperv_replica::sim::Lab;
use std::panic::{AssertUnwindSafe, catch_unwind};

const ONE_AT_A_TIME: &str = "one operation at a time on a virtual machine; “system is in use” is \
    the documented code that says so";
const REPURPOSE: &str = "18 is named for it";

/// Tokyo replicates to osaka.
fn replicating(lab: &Lab) -> VmId {
    let tokyo = lab.host("tokyo");
    let web = lab.vm("web").running().create();
    tokyo.wait(tokyo.create_replication_relationship(web, Settings::to("osaka")).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(web, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(1));
    web
}

fn lab() -> Lab {
    Lab::new(["tokyo", "osaka"])
}

/// What a failing test prints; empty if it does not fail.
fn failure(test: impl FnOnce()) -> String {
    match catch_unwind(AssertUnwindSafe(test)) {
        Ok(()) => String::new(),
        Err(panic) => *panic.downcast::<String>().expect("a panic with a message"),
    }
}

/// Refused with 32774 while another operation is at work.
fn relies_on_a_refusal(lab: &Lab) {
    let web = replicating(lab);
    let id = RelationshipId::primary(web);
    let tokyo = lab.host("tokyo");
    let _removes = tokyo.remove_replication_relationship(id).unwrap();
    tokyo.remove_replication_relationship(id).unwrap_err();
}

/// A method of which the page says only that it returns 0 or 1.
fn relies_on_an_effect(lab: &Lab) {
    lab.host("tokyo").call(&Call::StartService).unwrap_err();
}

/// The job fails with a timeout; it is long gone when time stops passing.
fn relies_on_a_late_failure(lab: &Lab) {
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    lab.disturb(Disturbance::CutLink(tokyo.id(), osaka.id()));
    let call = Call::TestReplicationConnection {
        recovery_connection_point: "osaka".into(),
        port: 80,
        authentication: 1,
        certificate_thumbprint: None,
        bypass_proxy: false,
    };
    let _tries = tokyo.call(&call).unwrap();
    lab.advance(hours(2));
}

/// The old primary shows 18 while it becomes a replica.
fn relies_on_a_transition(lab: &Lab) {
    let web = replicating(lab);
    let tokyo = lab.host("tokyo");
    lab.disturb(Disturbance::CrashHost(tokyo.id()));
    lab.disturb(Disturbance::BootHost(tokyo.id()));
    tokyo.wait(tokyo.become_replica(web).unwrap()).unwrap();
}

#[test]
fn the_failing_test_is_told_the_rule_and_the_reason() {
    let told = failure(|| relies_on_a_refusal(&lab().strict()));
    assert_eq!(
        told,
        format!(
            "a strict lab rests on an assumption: RemoveReplicationRelationshipEx is refused \
             with System is in use (32774): no other operation may hold the virtual machine \
             (assumed: {ONE_AT_A_TIME})\n  A real host may do otherwise. To rely on it on \
             purpose: lab.strict().allowing({ONE_AT_A_TIME:?})"
        )
    );
    let told = failure(|| relies_on_an_effect(&lab().strict()));
    assert!(told.contains("StartService is accepted: Returns 1"), "{told}");
    let told = failure(|| relies_on_a_late_failure(&lab().strict()));
    assert!(told.contains("a job fails with Timeout (32772): the other host does not"), "{told}");
    let told = failure(|| relies_on_a_transition(&lab().strict()));
    assert!(
        told.contains("a sender goes from Waiting to start resynchronization (9) to Repurpose"),
        "{told}"
    );
    assert!(told.contains(REPURPOSE), "{told}");
}

/// What is documented, observed or a client's behaviour does not fail: creating, filling, pausing,
/// resuming, a planned failover and a reversal, and the refusals of those who may not.
#[test]
fn what_is_known_passes() {
    let lab = lab().strict().observed();
    let web = replicating(&lab);
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let id = RelationshipId::primary(web);
    let refused = osaka.commit_failover(web).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidState));
    let refused = tokyo.called_by(Caller::Other).commit_failover(web).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::AccessDenied));
    tokyo.wait(tokyo.suspend_replication(id).unwrap()).unwrap();
    tokyo.wait(tokyo.resume_replication(id).unwrap()).unwrap();
    tokyo.wait(tokyo.shut_down_vm(web).unwrap()).unwrap();
    tokyo.wait(tokyo.prepare_failover(id).unwrap()).unwrap();
    // A failover shows 12 while it is at work: nobody has seen that.
    let lab = lab.allowing("12 is named for it; undoing logs takes time");
    osaka.wait(osaka.initiate_failover(web, None).unwrap()).unwrap();
    osaka.wait(osaka.reverse_replication_relationship(web, None).unwrap()).unwrap();
    osaka.wait(osaka.start_vm(web).unwrap()).unwrap();
    lab.advance(days(1));
    assert_eq!(osaka.relationship(id).unwrap().state, ReplicationState::Replicating);
}

#[test]
fn a_deliberate_reliance_is_allowed_by_its_reason() {
    relies_on_a_refusal(&lab().strict().allowing(ONE_AT_A_TIME));
    relies_on_a_transition(&lab().strict().allowing(ONE_AT_A_TIME).allowing(REPURPOSE));
    let other = failure(|| relies_on_a_transition(&lab().strict().allowing(ONE_AT_A_TIME)));
    assert!(other.contains(REPURPOSE), "{other}");
    let typo = failure(|| drop(lab().strict().allowing("18 is named for")));
    assert_eq!(typo, "no assumption has the reason “18 is named for”");
}

/// Nobody needs to fail to know what a test relies on.
#[test]
fn assumptions_are_listed_without_failing() {
    let lab = lab();
    let before = lab.assumptions();
    relies_on_an_effect(&lab);
    relies_on_an_effect(&lab);
    assert_eq!(before.list().len(), 1, "each once");
    let after = lab.assumptions();
    relies_on_a_late_failure(&lab);
    let kinds = |it: &Assumption| match it {
        Assumption::Refusal(..) => "refusal",
        Assumption::Effect(..) => "effect",
        Assumption::LateFailure(..) => "late failure",
        Assumption::Change(..) => "change",
        _ => "other",
    };
    let kinds_of = |it: &[Assumption]| it.iter().map(kinds).collect::<Vec<_>>();
    assert_eq!(kinds_of(&before.list()), ["effect", "late failure"]);
    assert_eq!(kinds_of(&after.list()), ["late failure"]);
    assert!(after.to_string().starts_with("1 assumption\n- a job fails with Timeout (32772)"));
}

/// A fork is as strict as what it is a fork of, and has lists of its own.
#[test]
fn a_fork_is_strict_too() {
    let lab = lab().strict();
    let (list, fork) = (lab.assumptions(), lab.fork());
    assert_ne!(failure(|| relies_on_an_effect(&fork)), "");
    assert_eq!(list.list(), []);
    relies_on_an_effect(&fork.allowing("the page lists only 0 and 1, and 1 says “not supported”"));
    assert_ne!(failure(|| relies_on_an_effect(&lab)), "");
}

/// Whatever the rule book assumes can be allowed.
#[test]
fn every_reason_can_be_allowed() {
    let mut lab = lab().strict();
    for rule in RULES {
        for require in rule.requirements() {
            if let Evidence::Assumed(reason) = require.evidence {
                lab = lab.allowing(reason);
            }
        }
    }
}
