//! What Windows leaves open is configuration: each choice, beside its default.

use hyperv_replica::engine::{Answer, HostChange, HostSpec, Policy, Refusals};
use hyperv_replica::model::{Call, JobType, Operation, ServiceSettings, WindowsBuild};
use hyperv_replica::prelude::*;
use hyperv_replica::sim::{HostHandle, Lab};

/// `web` replicates from tokyo to osaka; nothing is assumed of how calls are answered.
fn lab(policy: Policy) -> (Lab, HostHandle, HostHandle, VmId) {
    let lab = Lab::with_policy(0, policy);
    for name in ["tokyo", "osaka"] {
        lab.add_host(&HostSpec::trusting(name));
    }
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let vm = lab.vm("web").running().disk(64 << 30, 1 << 30).writing(1 << 20).create();
    tokyo.wait(tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(1));
    (lab, tokyo, osaka, vm)
}

fn state(host: &HostHandle, vm: VmId) -> ReplicationState {
    host.relationship(RelationshipId::primary(vm)).unwrap().state
}

#[test]
fn a_method_answers_at_once_or_with_a_job() {
    let (_, tokyo, _, vm) = lab(Policy::default());
    let paused = tokyo.suspend_replication(RelationshipId::primary(vm)).unwrap();
    assert!(matches!(paused, Outcome::Started(_)));

    let answers = [(Operation::SuspendReplication, Answer::Now)].into();
    let (_, tokyo, _, vm) = lab(Policy { answers, ..Policy::default() });
    let jobs = tokyo.jobs().unwrap();
    let paused = tokyo.suspend_replication(RelationshipId::primary(vm)).unwrap();
    assert_eq!(paused, Outcome::Completed);
    assert_eq!(state(&tokyo, vm), ReplicationState::Suspended);
    assert_eq!(tokyo.jobs().unwrap(), jobs, "no job is left");
}

/// Two hosts of one world, one method: what one Windows is said to answer goes before what every
/// Windows is.
#[test]
fn a_build_may_have_answers_of_its_own() {
    let answers = [(Operation::ModifyServiceSettings, Answer::Job)].into();
    let of_2012 = [(Operation::ModifyServiceSettings, Answer::Now)].into();
    let policy = Policy {
        answers,
        answers_of_build: [(WindowsBuild::Server2012, of_2012)].into(),
        ..Policy::default()
    };
    let lab = Lab::with_policy(0, policy);
    let host = |name, build| lab.add_host(&HostSpec { build, ..HostSpec::trusting(name) });
    host("tokyo", WindowsBuild::Server2012);
    host("osaka", WindowsBuild::Server2012R2);
    let modify = |name| {
        let (host, settings) = (lab.host(name), ServiceSettings::kerberos());
        host.modify_service_settings(settings).unwrap()
    };
    assert_eq!(modify("tokyo"), Outcome::Completed); // 0
    assert!(matches!(modify("osaka"), Outcome::Started(_))); // 4096

    // It is the host's Windows that counts, as it is now.
    let change = HostChange::Upgrade(WindowsBuild::Server2012R2);
    lab.configure(&lab.host("tokyo"), change);
    assert!(matches!(modify("tokyo"), Outcome::Started(_)));
}

/// The enumeration of job types has one for the server's settings and one for a reset:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>.
#[test]
fn a_method_that_answers_at_once_can_be_asked_for_a_job() {
    let settings = || ServiceSettings { http_port: 8080, ..ServiceSettings::kerberos() };
    let (_, tokyo, _, _) = lab(Policy::default());
    assert_eq!(tokyo.modify_service_settings(settings()).unwrap(), Outcome::Completed);

    let answers = [
        (Operation::ModifyServiceSettings, Answer::Job),
        (Operation::ResetReplicationStatistics, Answer::Job),
        // There is no type of job for it.
        (Operation::RemoveAuthorizationEntry, Answer::Job),
    ];
    let (_, tokyo, _, vm) = lab(Policy { answers: answers.into(), ..Policy::default() });
    let modified = tokyo.modify_service_settings(settings()).unwrap();
    let job = modified.job().expect("4096");
    assert_eq!(tokyo.job(job).unwrap().job_type, JobType::ModifyServerSettings); // 90
    assert_eq!(tokyo.service_settings().unwrap().http_port, 80, "not yet");
    tokyo.wait(modified).unwrap();
    assert_eq!(tokyo.service_settings().unwrap().http_port, 8080);

    let reset = Call::ResetReplicationStatistics { vm, relationship: None };
    let job = tokyo.call(&reset).unwrap().job().expect("4096");
    assert_eq!(tokyo.job(job).unwrap().job_type, JobType::ResetStatistics); // 119
    let removed = tokyo.remove_authorization_entry("*").unwrap();
    assert_eq!(removed, Outcome::Completed);
}

/// Of two changes at once the last would win.
#[test]
fn settings_of_the_server_are_changed_once_at_a_time() {
    let answers = [(Operation::ModifyServiceSettings, Answer::Job)];
    let (_, tokyo, osaka, _) = lab(Policy { answers: answers.into(), ..Policy::default() });
    let modify = |host: &HostHandle| host.modify_service_settings(ServiceSettings::kerberos());
    let first = modify(&tokyo).unwrap();
    assert_eq!(modify(&tokyo).unwrap_err().code(), Some(ErrorCode::InUse));
    let other = modify(&osaka).unwrap();
    tokyo.wait(first).unwrap();
    tokyo.wait(modify(&tokyo).unwrap()).unwrap();
    osaka.wait(other).unwrap();
}

/// What the work would find out is refused by a method that does the work before it returns.
#[test]
fn what_fails_at_once_is_refused_and_has_changed_nothing() {
    let answers = [(Operation::PrepareFailover, Answer::Now)].into();
    let (lab, tokyo, osaka, vm) = lab(Policy { answers, ..Policy::default() });
    tokyo.wait(tokyo.turn_off_vm(vm).unwrap()).unwrap();
    let cut = hyperv_replica::engine::Disturbance::CutLink(tokyo.id(), osaka.id());
    lab.disturb(cut);
    let before = lab.world();
    let refused = tokyo.prepare_failover(RelationshipId::primary(vm)).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::Failed)); // as the job would have
    assert!(lab.world() == before);
}

/// Other services of the same provider start a job for a wrong parameter, and the job ends with
/// the code. What is not supported is refused at once.
#[test]
fn a_violation_is_told_early_or_late() {
    let (_, tokyo, osaka, vm) = lab(Policy::default());
    assert_eq!(osaka.commit_failover(vm).unwrap_err().code(), Some(ErrorCode::InvalidState));

    let (world, tokyo_late, osaka_late, vm_late) =
        lab(Policy { refusals: Refusals::Late, ..Policy::default() });
    let started = osaka_late.commit_failover(vm_late).unwrap();
    assert!(started.job().is_some());
    let failed = osaka_late.wait(started).unwrap_err();
    assert_eq!(failed.code(), Some(ErrorCode::InvalidState)); // 32775, as early
    assert_eq!(state(&osaka_late, vm_late), ReplicationState::Replicating);
    // A refused resynchronisation stops nothing.
    let failed = tokyo_late.wait(tokyo_late.resynchronize(vm_late, None).unwrap()).unwrap_err();
    assert_eq!(failed.code(), Some(ErrorCode::InvalidState));
    world.advance(minutes(20));
    assert_eq!(state(&tokyo_late, vm_late), ReplicationState::Replicating);
    // The job is what it would have been.
    let started = tokyo_late.start_replication(vm_late, InitialReplication::Network).unwrap();
    let job = tokyo_late.job(started.job().unwrap()).unwrap();
    assert_eq!(job.job_type, JobType::StartInitialReplication); // 116

    for host in [&tokyo, &tokyo_late] {
        let other = host.called_by(hyperv_replica::engine::Caller::Other);
        let refused = other.commit_failover(vm).unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::AccessDenied)); // 32769 in any case
    }
}

#[test]
fn finished_jobs_are_kept_as_long_as_the_policy_says() {
    for kept in [minutes(5), minutes(1)] {
        let (lab, tokyo, _, vm) = lab(Policy { job_retention: kept, ..Policy::default() });
        let paused = tokyo.suspend_replication(RelationshipId::primary(vm)).unwrap();
        let job = paused.job().unwrap();
        tokyo.wait(paused).unwrap();
        lab.advance(kept.saturating_sub(seconds(2)));
        assert!(tokyo.job(job).is_ok());
        lab.advance(seconds(3));
        assert!(tokyo.job(job).is_err());
    }
}

/// Microsoft's sample takes 32768 for success:
/// <https://github.com/microsoft/Windows-classic-samples/tree/main/Samples/Hyper-V/Replica>.
#[test]
fn a_job_may_complete_with_warnings() {
    let completed_with_warnings = [Operation::SuspendReplication].into();
    let (_, tokyo, _, vm) = lab(Policy { completed_with_warnings, ..Policy::default() });
    let paused = tokyo.suspend_replication(RelationshipId::primary(vm)).unwrap();
    let job = paused.job().unwrap();
    tokyo.wait(paused).expect("a warning is no failure");
    assert_eq!(tokyo.job(job).unwrap().state, JobState::CompletedWithWarnings);
    assert_eq!(tokyo.job(job).unwrap().percent_complete, 100);
}

/// The class page says false, the schema of real hosts true:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata>.
#[test]
fn settings_that_nobody_has_written_resynchronise_by_themselves_or_not() {
    for auto_resynchronize in [true, false] {
        let (lab, tokyo, _, _) = lab(Policy { auto_resynchronize, ..Policy::default() });
        let plain = lab.vm("db").create();
        let settings = tokyo.settings(RelationshipId::primary(plain)).unwrap();
        assert_eq!(settings.auto_resynchronize, auto_resynchronize);
    }
    assert!(Policy::default().auto_resynchronize);
}

/// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replication-suspended-system-shutdown>.
#[test]
fn a_shutdown_suspends_replication_or_not() {
    use hyperv_replica::engine::Disturbance::{BootHost, ShutDownHost};
    for (survives_shutdown, expected) in [
        (None, ReplicationState::Critical),
        (Some(WindowsBuild::Server2016), ReplicationState::Replicating),
        (Some(WindowsBuild::Server2025), ReplicationState::Critical), // tokyo has Server 2022
    ] {
        let (lab, tokyo, _, vm) = lab(Policy { survives_shutdown, ..Policy::default() });
        lab.disturb(ShutDownHost(tokyo.id()));
        lab.advance(minutes(10));
        lab.disturb(BootHost(tokyo.id()));
        lab.advance(minutes(10));
        assert_eq!(state(&tokyo, vm), expected, "{survives_shutdown:?}");
    }
}

/// `MaximumActiveTransfers`, three by default:
/// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/feature-performance-optimization-hyper-v-replica>.
#[test]
fn a_host_sends_so_many_logs_at_the_same_time() {
    for (most, last) in [(3, 4), (1, 10), (10, 1)] {
        let lab = Lab::with_policy(0, Policy::default());
        lab.add_host(&HostSpec { max_active_transfers: most, ..HostSpec::trusting("tokyo") });
        // How many the receiver may send does not matter.
        lab.add_host(&HostSpec { max_active_transfers: 1, ..HostSpec::trusting("osaka") });
        let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
        // Ten guests write 125 MB in 300 s: each log takes one second and 20 ms.
        let vms: Vec<VmId> = (0..10)
            .map(|n| {
                let vm = lab.vm(&format!("vm{n}")).running().disk(64 << 30, 0).writing(416_667);
                let vm = vm.create();
                let _ = tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap();
                vm
            })
            .collect();
        lab.advance(minutes(1));
        for vm in &vms {
            let _ = tokyo.start_replication(*vm, InitialReplication::Network).unwrap();
        }
        // All began at the same moment, so that their logs are closed at the same moments.
        lab.advance(minutes(30));
        let received = |vm: &VmId| {
            let id = RelationshipId::primary(*vm);
            osaka.relationship(id).unwrap().last_replication.unwrap()
        };
        let times: Vec<SimTime> = vms.iter().map(received).collect();
        let first = times.iter().min().unwrap();
        let latest = times.iter().max().unwrap();
        // They arrive in rounds of `most`: the last one `last - 1` rounds after the first.
        let rounds = latest.since(*first).as_millis().div_ceil(1021) + 1;
        assert_eq!(rounds, last, "{most} at a time: {times:?}");
    }
}
