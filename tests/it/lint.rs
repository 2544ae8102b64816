//! The client linter: for each lint a client that is told off, and one that does it right.

use hyperv_replica::engine::Disturbance;
use hyperv_replica::layer::{
    Fault, Faults, Finding, Lint, Linted, Linter, Read, Tolerance, Verdict,
};
use hyperv_replica::model::{
    AuthorizationEntry, Call, Devices, FailoverNetworkAdapterSettings, Host, Job, JobId, Operation,
    RecoveryPoint, Relationship, ServiceSettings, Vm,
};
use hyperv_replica::service::Patience;
use hyperv_replica::{prelude::*, sim::Lab};
use std::time::Duration;

/// A pair that replicates: `web` runs on tokyo, and its replica is on osaka.
fn pair() -> (Lab, VmId) {
    let lab = Lab::new(["tokyo", "osaka"]);
    let web = lab.vm("web").on("tokyo").running().create();
    let tokyo = lab.host("tokyo");
    tokyo.wait(tokyo.create_replication_relationship(web, Settings::to("osaka")).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(web, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(2));
    assert_eq!(
        tokyo.relationship(RelationshipId::primary(web)).unwrap().state,
        ReplicationState::Replicating
    );
    (lab, web)
}

/// A client of both hosts.
type Client = fn(&dyn ReplicationService, &dyn ReplicationService, VmId);

/// What is found of a client, over a pair under faults of its own.
fn found_under(faults: &Faults, client: Client) -> Vec<Finding> {
    let (lab, web) = pair();
    let linter = Linter::new();
    let tokyo = linter.over("tokyo", faults.over("tokyo", lab.host("tokyo")));
    let osaka = linter.over("osaka", faults.over("osaka", lab.host("osaka")));
    client(&tokyo, &osaka, web);
    linter.findings()
}

/// The names of what is found of a client.
fn found(client: Client) -> Vec<Lint> {
    found_under(&Faults::new(), client).iter().map(|it| it.lint).collect()
}

/// Whatever a call answers.
fn any<T>(_: Result<T>) {}

fn done(host: &dyn ReplicationService, started: Result<Outcome>) {
    host.wait(started.unwrap()).unwrap();
}

#[test]
fn a_job_is_watched() {
    // Prepares, and fails over before it is prepared.
    let bad: Client = |tokyo, osaka, web| {
        done(tokyo, tokyo.shut_down_vm(web));
        any(tokyo.prepare_failover(RelationshipId::primary(web)));
        any(osaka.initiate_failover(web, None));
    };
    assert!(found(bad).contains(&Lint::UnwatchedJob));
    // Never comes back.
    assert_eq!(found(|tokyo, _, web| any(tokyo.shut_down_vm(web))), [Lint::UnwatchedJob]);
    // A nap is no look.
    let naps: Client = |tokyo, _, web| {
        any(tokyo.shut_down_vm(web));
        tokyo.sleep(minutes(5)).unwrap();
        done(tokyo, tokyo.prepare_failover(RelationshipId::primary(web)));
    };
    assert_eq!(found(naps), [Lint::UnwatchedJob]);
    // Three ways to look: the job, the list, what the job is about.
    let good: Client = |tokyo, _, web| {
        done(tokyo, tokyo.shut_down_vm(web));
        any(tokyo.start_vm(web));
        tokyo.sleep(minutes(5)).unwrap();
        assert_eq!(tokyo.vm(web).unwrap().power, EnabledState::Enabled);
        any(tokyo.shut_down_vm(web));
        while tokyo.jobs().unwrap().iter().any(|it| !it.state.is_terminal()) {
            tokyo.sleep(seconds(1)).unwrap();
        }
    };
    assert_eq!(found(good), []);
    // What halts a job need not wait for it.
    let cancels: Client = |tokyo, _, web| {
        any(tokyo.start_vm(web));
        any(tokyo.resynchronize(web, None));
        let _ = tokyo.jobs().unwrap();
        any(tokyo.cancel_resynchronization(RelationshipId::primary(web)));
        let _ = tokyo.jobs().unwrap();
    };
    assert_eq!(found(cancels), []);
}

#[test]
fn a_job_is_polled_at_leisure() {
    let bad: Client = |tokyo, _, web| {
        let job = tokyo.shut_down_vm(web).unwrap().job().unwrap();
        while !tokyo.job(job).unwrap().state.is_terminal() {
            tokyo.sleep(Duration::from_millis(10)).unwrap();
        }
    };
    assert_eq!(found(bad), [Lint::HastyPoll], "told once");
    let good: Client = |tokyo, _, web| {
        let job = tokyo.shut_down_vm(web).unwrap();
        let poll = Duration::from_millis(100);
        tokyo.wait_for(&job, Patience { poll, ..Patience::default() }).unwrap();
    };
    assert_eq!(found(good), []);
}

#[test]
fn a_job_is_not_polled_for_ever() {
    let ended: Client = |tokyo, _, web| {
        let job = tokyo.shut_down_vm(web).unwrap().job().unwrap();
        for _ in 0..100 {
            any(tokyo.job(job));
            tokyo.sleep(seconds(1)).unwrap();
        }
    };
    assert_eq!(found(ended), [Lint::EndlessPoll]);
    // It vanishes while the client sleeps, and the client polls on.
    let vanished: Client = |tokyo, _, web| {
        let job = tokyo.shut_down_vm(web).unwrap().job().unwrap();
        tokyo.sleep(hours(1)).unwrap();
        for _ in 0..20 {
            any(tokyo.job(job));
            tokyo.sleep(seconds(1)).unwrap();
        }
    };
    assert_eq!(found(vanished), [Lint::EndlessPoll]);
    let good: Client = |tokyo, _, web| {
        let job = tokyo.shut_down_vm(web).unwrap();
        any(tokyo.wait(job.clone()));
        any(tokyo.wait(job));
    };
    assert_eq!(found(good), []);
    // A copy that takes longer than the client's author thinks reasonable.
    let (lab, web) = pair();
    let tolerance = Tolerance { longest_wait: minutes(1), ..Tolerance::default() };
    let linter = Linter::with_tolerance(tolerance);
    let tokyo = linter.over("tokyo", lab.host("tokyo"));
    let at = tokyo.now().unwrap() + hours(1);
    let scheduled = tokyo.resynchronize(web, Some(at)).map(|it| tokyo.wait(it));
    drop(scheduled);
    let found: Vec<_> = linter.findings().iter().map(|it| it.lint).collect();
    // A relationship that replicates refuses; then there is no job and nothing to find.
    assert!(found.is_empty() || found == [Lint::EndlessPoll], "{found:?}");
    let stopped = tokyo.suspend_replication(RelationshipId::primary(web)).unwrap();
    tokyo.wait(stopped).unwrap();
    let at = tokyo.now().unwrap() + hours(1);
    any(tokyo.wait(tokyo.resynchronize(web, Some(at)).unwrap()));
    assert!(linter.findings().iter().any(|it| it.lint == Lint::EndlessPoll));
}

/// The preparation fails, because the replica cannot be reached; the client goes on in this way.
fn after_a_failure(client: Client) -> Vec<Lint> {
    let (lab, web) = pair();
    let linter = Linter::new();
    let tokyo = linter.over("tokyo", lab.host("tokyo"));
    let osaka = linter.over("osaka", lab.host("osaka"));
    done(&tokyo, tokyo.shut_down_vm(web));
    let (a, b) = (lab.host("tokyo").id(), lab.host("osaka").id());
    lab.disturb(Disturbance::CutLink(a, b));
    let prepared = tokyo.prepare_failover(RelationshipId::primary(web)).unwrap();
    assert!(tokyo.wait(prepared).is_err());
    lab.disturb(Disturbance::HealLink(a, b));
    client(&tokyo, &osaka, web);
    linter.findings().iter().map(|it| it.lint).collect()
}

#[test]
fn a_failure_is_not_passed_over() {
    let bad: Client = |_, osaka, web| done(osaka, osaka.initiate_failover(web, None));
    assert_eq!(after_a_failure(bad), [Lint::IgnoredFailure]);
    // Tries again; or gives up and starts the guest.
    let good: Client = |tokyo, osaka, web| {
        done(tokyo, tokyo.prepare_failover(RelationshipId::primary(web)));
        done(osaka, osaka.initiate_failover(web, None));
    };
    assert_eq!(after_a_failure(good), []);
    assert_eq!(after_a_failure(|tokyo, _, web| done(tokyo, tokyo.start_vm(web))), []);
    // Who ends a job on purpose knows how it ended.
    let ends_it: Client = |tokyo, osaka, web| {
        done(tokyo, tokyo.suspend_replication(RelationshipId::primary(web)));
        let comparing = tokyo.resynchronize(web, None).unwrap();
        any(tokyo.terminate_job(comparing.job().unwrap()));
        assert!(tokyo.wait(comparing).is_err());
        any(osaka.test_replica_system(web, None));
        any(osaka.jobs());
    };
    assert!(!found(ends_it).contains(&Lint::IgnoredFailure));
}

/// A service whose jobs complete with warnings.
#[derive(Debug)]
struct Warned<S>(S);

fn warned(mut job: Job) -> Job {
    if job.state == JobState::Completed {
        job.state = JobState::CompletedWithWarnings;
    }
    job
}

impl<S: ReplicationService> ReplicationService for Warned<S> {
    fn call(&self, call: &Call) -> Result<Outcome> {
        self.0.call(call)
    }
    fn host(&self) -> Result<Host> {
        self.0.host()
    }
    fn service_settings(&self) -> Result<ServiceSettings> {
        self.0.service_settings()
    }
    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        self.0.authorization_entries()
    }
    fn vms(&self) -> Result<Vec<Vm>> {
        self.0.vms()
    }
    fn vm(&self, id: VmId) -> Result<Vm> {
        self.0.vm(id)
    }
    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.0.relationship(id)
    }
    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.0.settings(id)
    }
    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.0.recovery_points(vm)
    }
    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.0.devices(vm)
    }
    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        self.0.failover_network(vm)
    }
    fn jobs(&self) -> Result<Vec<Job>> {
        Ok(self.0.jobs()?.into_iter().map(warned).collect())
    }
    fn job(&self, id: JobId) -> Result<Job> {
        self.0.job(id).map(warned)
    }
    fn now(&self) -> Result<SimTime> {
        self.0.now()
    }
    fn sleep(&self, duration: Duration) -> Result<()> {
        self.0.sleep(duration)
    }
}

#[test]
fn a_warning_is_no_failure() {
    let look = |client: fn(&dyn ReplicationService, VmId)| {
        let (lab, web) = pair();
        let tokyo = Linted::over("tokyo", Warned(lab.host("tokyo")));
        client(&tokyo, web);
        tokyo.linter().findings().iter().map(|it| it.lint).collect::<Vec<_>>()
    };
    // Knows 7 and nothing else, and shuts down again what is down.
    let seven = |tokyo: &dyn ReplicationService, web| {
        let down = tokyo.shut_down_vm(web).unwrap();
        assert!(tokyo.wait(down.clone()).is_ok());
        let state = tokyo.job(down.job().unwrap()).unwrap().state;
        if state != JobState::Completed {
            any(tokyo.shut_down_vm(web));
        }
    };
    assert_eq!(look(seven), [Lint::WarningTakenForFailure]);
    let good = |tokyo: &dyn ReplicationService, web| {
        done(tokyo, tokyo.shut_down_vm(web));
        done(tokyo, tokyo.prepare_failover(RelationshipId::primary(web)));
    };
    assert_eq!(look(good), []);
}

#[test]
fn what_is_busy_is_asked_again() {
    let faults = |code| {
        Faults::from(hyperv_replica::layer::Plan::from(
            Fault::refuse(Operation::PrepareFailover, code).times(1),
        ))
    };
    let gives_up: Client = |tokyo, _, web| {
        done(tokyo, tokyo.shut_down_vm(web));
        any(tokyo.prepare_failover(RelationshipId::primary(web)));
    };
    let lints = |of: Vec<Finding>| of.iter().map(|it| it.lint).collect::<Vec<_>>();
    let in_use = faults(ErrorCode::InUse);
    assert_eq!(lints(found_under(&in_use, gives_up)), [Lint::GaveUpTooEarly]);
    let tries_again: Client = |tokyo, _, web| {
        let id = RelationshipId::primary(web);
        done(tokyo, tokyo.shut_down_vm(web));
        while tokyo.prepare_failover(id).map(|it| tokyo.wait(it)).is_err() {
            tokyo.sleep(seconds(10)).unwrap();
        }
    };
    assert_eq!(lints(found_under(&faults(ErrorCode::InUse), tries_again)), []);
    // 32775 with nothing under way stays refused however often one asks.
    assert_eq!(lints(found_under(&faults(ErrorCode::InvalidState), gives_up)), []);
    assert_eq!(lints(found_under(&faults(ErrorCode::AccessDenied), gives_up)), []);
    // 32775 while the guest still shuts down does not.
    let impatient: Client = |tokyo, _, web| {
        let down = tokyo.shut_down_vm(web).unwrap();
        any(tokyo.vm(web));
        let refused = tokyo.prepare_failover(RelationshipId::primary(web)).unwrap_err();
        assert!(matches!(refused.code(), Some(ErrorCode::InvalidState | ErrorCode::InUse)));
        tokyo.wait(down).unwrap();
    };
    assert_eq!(found(impatient), [Lint::GaveUpTooEarly]);
}

#[test]
fn a_replica_that_is_off_is_no_outage() {
    let bad: Client = |_, osaka, _| {
        for vm in osaka.vms().unwrap() {
            if vm.power != EnabledState::Enabled {
                any(osaka.start_vm(vm.id));
            }
        }
    };
    assert_eq!(found(bad), [Lint::StartedReplica]);
    let good: Client = |tokyo, osaka, web| {
        for vm in osaka.vms().unwrap() {
            if vm.power != EnabledState::Enabled && vm.mode != ReplicationMode::Replica {
                any(osaka.start_vm(vm.id));
            }
        }
        // A replica that is failed over is started like any other.
        done(tokyo, tokyo.turn_off_vm(web));
        done(osaka, osaka.initiate_failover(web, None));
        done(osaka, osaka.start_vm(web));
    };
    assert_eq!(found(good), []);
}

#[test]
fn deprecated_methods_are_named() {
    let bad: Client = |tokyo, _, web| {
        any(tokyo.call(&Call::GetReplicationStatistics { vm: web, relationship: None }));
        any(tokyo.call(&Call::RemoveReplicationRelationship { vm: web, relationship: None }));
        any(tokyo.jobs());
    };
    assert_eq!(found(bad), [Lint::DeprecatedMethod, Lint::DeprecatedMethod]);
    // https://learn.microsoft.com/windows/win32/hyperv_v2/requestreplicationstatechange-msvm-replicationservice
    let pauses: Client = |tokyo, _, vm| {
        let requested = 7;
        let call = Call::RequestReplicationStateChange { vm, relationship: None, requested };
        done(tokyo, tokyo.call(&call));
    };
    assert_eq!(found(pauses), [Lint::DeprecatedMethod]);
    let good: Client = |tokyo, _, web| {
        any(tokyo.statistics(RelationshipId::primary(web)));
        done(tokyo, tokyo.remove_replication_relationship(RelationshipId::primary(web)));
    };
    assert_eq!(found(good), []);
    // Windows Server 2012 has no other.
    let lab = Lab::with_seed(0);
    let mut spec = hyperv_replica::engine::HostSpec::trusting("old");
    spec.build = hyperv_replica::model::WindowsBuild::Server2012;
    lab.add_host(&spec);
    let web = lab.vm("web").on("old").create();
    let old = Linted::over("old", lab.host("old"));
    any(old.call(&Call::GetReplicationStatistics { vm: web, relationship: None }));
    old.linter().assert_clean();
}

#[test]
fn a_test_replica_is_deleted_again() {
    let bad: Client = |_, osaka, web| done(osaka, osaka.test_replica_system(web, None));
    assert_eq!(found(bad), [Lint::LeftTestReplica]);
    let good: Client = |_, osaka, web| {
        done(osaka, osaka.test_replica_system(web, None));
        let test = osaka.vm(web).unwrap().test_replica.expect("a test replica");
        done(osaka, osaka.destroy_system(test));
    };
    assert_eq!(found(good), []);
    // A test that was refused leaves nothing.
    let refused: Client = |tokyo, _, web| any(tokyo.test_replica_system(web, None));
    assert_eq!(found(refused), []);
}

/// What a client is told of its test replica by looks and by jobs counts, and not only what it did.
#[test]
fn a_test_replica_is_what_the_client_can_know_of_it() {
    use Operation::{DestroySystem, TestReplicaSystem};
    let lints = |fault: Fault, client: Client| {
        let faults = Faults::from(hyperv_replica::layer::Plan::from(fault));
        let found = found_under(&faults, client);
        found.iter().map(|it| it.lint).filter(|it| *it == Lint::LeftTestReplica).count()
    };
    let nothing = || Fault::unreachable(TestReplicaSystem).times(0);
    // A test that failed leaves nothing behind: there is nobody to test for.
    let failed: Client = |_, osaka, web| {
        let started = osaka.test_replica_system(web, None).unwrap();
        let job = started.job().unwrap();
        any(osaka.call(&Call::RequestJobStateChange { job, requested: 5 }));
        any(osaka.wait(started));
    };
    assert_eq!(lints(nothing(), failed), 0);
    // A look while it is made says nothing yet; somebody else may delete it, and a look shows that.
    let too_early: Client = |_, osaka, web| {
        let started = osaka.test_replica_system(web, None).unwrap();
        any(osaka.vm(web));
        osaka.wait(started).unwrap();
    };
    assert_eq!(lints(nothing(), too_early), 1);

    // Its answer is lost: whoever looks finds it, and whoever leaves it is told.
    let lost = || Fault::lose_answer(TestReplicaSystem).times(1);
    let leaves: Client = |_, osaka, web| any(osaka.test_replica_system(web, None));
    assert_eq!(lints(lost(), leaves), 1);
    let looks: Client = |tokyo, osaka, web| {
        any(osaka.test_replica_system(web, None));
        osaka.sleep(minutes(5)).unwrap();
        any(tokyo.vm(web)); // The primary shows no test replica, which says nothing.
        assert!(osaka.vm(web).unwrap().test_replica.is_some());
    };
    assert_eq!(lints(lost(), looks), 1, "it saw it, and left it");
    let deletes: Client = |_, osaka, web| {
        any(osaka.test_replica_system(web, None));
        osaka.sleep(minutes(5)).unwrap();
        done(osaka, osaka.destroy_system(osaka.vm(web).unwrap().test_replica.unwrap()));
    };
    assert_eq!(lints(lost(), deletes), 0);
    let never = || Fault::unreachable(TestReplicaSystem).times(1);
    let asks: Client = |_, osaka, web| {
        any(osaka.test_replica_system(web, None));
        assert_eq!(osaka.vm(web).unwrap().test_replica, None);
    };
    assert_eq!(lints(never(), asks), 0);

    // The answer of its deletion is lost: the second try finds it gone, or a look does.
    let destroyed = || Fault::lose_answer(DestroySystem).times(1);
    let again: Client = |_, osaka, web| {
        done(osaka, osaka.test_replica_system(web, None));
        let test = osaka.vm(web).unwrap().test_replica.unwrap();
        assert!(osaka.destroy_system(test).is_err());
        osaka.sleep(minutes(5)).unwrap();
        assert!(osaka.destroy_system(test).is_err(), "it is gone");
    };
    assert_eq!(lints(destroyed(), again), 0);
    let sees: Client = |_, osaka, web| {
        done(osaka, osaka.test_replica_system(web, None));
        let test = osaka.vm(web).unwrap().test_replica.unwrap();
        assert!(osaka.destroy_system(test).is_err());
        osaka.sleep(minutes(5)).unwrap();
        assert_eq!(osaka.vm(web).unwrap().test_replica, None);
    };
    assert_eq!(lints(destroyed(), sees), 0);
    let shrugs: Client = |_, osaka, web| {
        done(osaka, osaka.test_replica_system(web, None));
        any(osaka.destroy_system(osaka.vm(web).unwrap().test_replica.unwrap()));
    };
    assert_eq!(lints(destroyed(), shrugs), 1, "it does not know");
}

/// Where refusals are told by the job, a test that is refused is one whose job fails.
#[test]
fn a_test_that_is_refused_late_leaves_nothing() {
    use hyperv_replica::engine::{HostSpec, Policy, Refusals};
    let lab = Lab::with_policy(0, Policy { refusals: Refusals::Late, ..Policy::default() });
    lab.add_host(&HostSpec::trusting("tokyo"));
    let web = lab.vm("web").on("tokyo").create();
    let tokyo = Linted::over("tokyo", lab.host("tokyo"));
    let refused = tokyo.test_replica_system(web, None).and_then(|it| tokyo.wait(it));
    assert!(matches!(refused, Err(Error::JobFailed(_))), "{refused:?}");
    assert_eq!(tokyo.linter().findings(), []);
}

/// Whoever never looks at the job and asks for something else instead, on and on, polls as well.
#[test]
fn what_a_job_is_about_is_polled_at_leisure() {
    fn stopped(host: &dyn ReplicationService, web: VmId, how: fn(&dyn ReplicationService, VmId)) {
        any(host.shut_down_vm(web));
        while host.vm(web).unwrap().power != EnabledState::Disabled {
            how(host, web);
        }
    }
    let bad: [Client; 4] = [
        |tokyo, _, web| stopped(tokyo, web, |it, _| it.sleep(Duration::from_millis(1)).unwrap()),
        |tokyo, _, web| {
            stopped(tokyo, web, |it, _| {
                for _ in 0..100 {
                    any(it.jobs());
                    it.sleep(Duration::from_millis(9)).unwrap();
                }
            });
        },
        |tokyo, _, web| {
            stopped(tokyo, web, |it, web| {
                for _ in 0..100 {
                    any(it.relationship(RelationshipId::primary(web)));
                    it.sleep(Duration::from_millis(9)).unwrap();
                }
            });
        },
        |tokyo, _, web| {
            stopped(tokyo, web, |it, _| {
                for _ in 0..100 {
                    any(it.vms());
                    it.sleep(Duration::from_millis(9)).unwrap();
                }
            });
        },
    ];
    for (number, client) in bad.into_iter().enumerate() {
        assert_eq!(found(client), [Lint::HastyPoll], "{number}: told once");
    }
    let good: Client = |tokyo, _, web| {
        stopped(tokyo, web, |it, web| {
            // Everything that there is to see, and then a pause.
            for _ in 0..3 {
                any(it.jobs());
                any(it.vms());
                any(it.relationship(RelationshipId::primary(web)));
            }
            it.sleep(seconds(1)).unwrap();
        });
        // Nothing runs any more.
        any(tokyo.jobs());
        for _ in 0..100 {
            any(tokyo.vm(web));
        }
    };
    assert_eq!(found(good), []);
}

#[test]
fn a_lost_answer_is_looked_after() {
    let faults = || {
        Faults::from(hyperv_replica::layer::Plan::from(
            Fault::lose_answer(Operation::ShutDownVm).times(1),
        ))
    };
    let lints = |of: Vec<Finding>| of.iter().map(|it| it.lint).collect::<Vec<_>>();
    let bad: Client = |tokyo, _, web| {
        if tokyo.shut_down_vm(web).is_err() {
            any(tokyo.shut_down_vm(web));
        }
        any(tokyo.jobs());
    };
    assert!(lints(found_under(&faults(), bad)).contains(&Lint::BlindRepeat));
    let good: Client = |tokyo, _, web| {
        while tokyo.vm(web).unwrap().power != EnabledState::Disabled {
            any(tokyo.shut_down_vm(web).map(|it| tokyo.wait(it)));
            tokyo.sleep(minutes(2)).unwrap();
        }
    };
    assert_eq!(lints(found_under(&faults(), good)), []);
}

#[test]
fn states_are_counted_as_wmi_counts() {
    // 5 is PowerShell's “prepared for failover”.
    let bad: Client = |tokyo, _, web| {
        done(tokyo, tokyo.shut_down_vm(web));
        let relationship = Some(RelationshipId::primary(web));
        let call = Call::RequestReplicationStateChange { vm: web, relationship, requested: 5 };
        any(tokyo.call(&call));
    };
    assert_eq!(found(bad), [Lint::UnknownState]);
}

/// A job whose read fails is no job that ended.
#[test]
fn a_read_that_fails_says_nothing_of_the_job() {
    let (lab, web) = pair();
    let faults = Faults::new();
    faults.add(Fault::new(Read::Job, Verdict::Unreachable).times(20));
    let tokyo = Linted::over("tokyo", faults.over("tokyo", lab.host("tokyo")));
    let job = tokyo.shut_down_vm(web).unwrap().job().unwrap();
    while !tokyo.job(job).is_ok_and(|it| it.state.is_terminal()) {
        tokyo.sleep(seconds(1)).unwrap();
    }
    tokyo.linter().assert_clean();
}

#[test]
fn findings_are_told_in_the_order_of_the_calls() {
    let (lab, web) = pair();
    let tokyo = Linted::over("tokyo", lab.host("tokyo"));
    any(tokyo.shut_down_vm(web));
    any(tokyo.start_vm(web));
    any(tokyo.call(&Call::GetReplicationStatistics { vm: web, relationship: None }));
    tokyo.linter().assert_clean_but_for(Lint::ALL);
    let told = tokyo.linter().findings().iter().map(|it| it.lint.name()).collect::<Vec<_>>();
    assert!(told.starts_with(&["unwatched-job"]) && told.ends_with(&["deprecated-method"]));
    let panic = std::panic::catch_unwind(|| tokyo.linter().assert_clean()).unwrap_err();
    let says = panic.downcast_ref::<String>().unwrap();
    assert!(
        says.contains(&format!(
            "\n- unwatched-job: RequestStateChange(4) on tokyo of {{{web}}} after 2h"
        )),
        "{says}"
    );
}

/// Every lint has a name, a reason and a page of its own that are not empty.
#[test]
fn the_list_is_well_kept() {
    let mut names: Vec<_> = Lint::ALL.iter().map(|it| it.name()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), Lint::ALL.len());
    for lint in Lint::ALL {
        assert!(lint.page().starts_with("https://"), "{lint}");
        assert!(!lint.why().is_empty() && !lint.why().ends_with('.'), "{lint}");
        let json = serde_json::to_string(lint).unwrap();
        assert_eq!(json, format!("\"{lint}\""));
    }
}
