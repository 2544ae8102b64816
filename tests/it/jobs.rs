//! The life of jobs: they run, end in each way, linger for five minutes, and vanish.
//!
//! States, retention and who may end a job:
//! <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>,
//! <https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-concretejob>.

use hyperv_replica::engine::{Disturbance, HostSpec, Policy};
use hyperv_replica::error::Missing;
use hyperv_replica::model::{
    Call, CimStatus, ErrorRecord, ErrorType, Job, JobId, JobType, MessageId, Output,
    PerceivedSeverity, RequestedJobState,
};
use hyperv_replica::prelude::*;
use hyperv_replica::sim::{HostHandle, Lab};

const GIB: u64 = 1 << 30;

/// `web`, ready on tokyo to be copied to osaka: 25 GB over a link of 125 MB/s takes 200 s.
fn ready() -> (Lab, HostHandle, HostHandle, VmId) {
    let lab = Lab::new(["tokyo", "osaka"]);
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let vm = lab.vm("web").on("tokyo").disk(64 * GIB, 25_000_000_000).running().create();
    let created = tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap();
    tokyo.wait(created).unwrap();
    (lab, tokyo, osaka, vm)
}

/// Two hosts of a world in which jobs do this.
fn hosts(policy: Policy) -> (Lab, HostHandle, HostHandle) {
    let lab = Lab::with_policy(0, policy);
    for name in ["tokyo", "osaka"] {
        lab.add_host(&HostSpec::trusting(name));
    }
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    (lab, tokyo, osaka)
}

fn copy_of(host: &HostHandle) -> Job {
    let jobs = host.jobs().unwrap();
    jobs.into_iter().find(|it| it.job_type == JobType::SendingInitialReplica).expect("a copy")
}

#[test]
fn initial_replication_shows_its_progress() {
    let (lab, tokyo, _, vm) = ready();
    let started = tokyo.start_replication(vm, InitialReplication::Network).unwrap();
    assert_eq!(started.return_value(), 4096);
    tokyo.wait(started).unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let job = copy_of(&tokyo);
        assert_eq!((job.state, job.error), (JobState::Running, None));
        assert_eq!(job.affected, [vm]);
        seen.push(job.percent_complete);
        lab.advance(seconds(50));
    }
    assert_eq!(seen, [0, 24, 49, 74]); // 201.02 s in all, with a second of bookkeeping
    lab.advance(seconds(2));
    let job = copy_of(&tokyo);
    assert_eq!((job.state, job.percent_complete), (JobState::Completed, 100));
    assert_eq!(job.error, None, "ErrorCode is 0 on success");
}

/// What each state is: the page above. How long a client sees those before and after the work nobody
/// tells, so that a policy does.
#[test]
fn a_job_is_new_and_starting_before_it_works() {
    let policy = Policy { job_new: seconds(1), job_starting: seconds(2), ..Policy::default() };
    let (lab, tokyo, osaka) = hosts(policy);
    let vm = lab.vm("web").on("tokyo").running().create();
    let job = tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap();
    let job = job.job().unwrap();
    let mut seen = Vec::new();
    for _ in 0..6 {
        let it = tokyo.job(job).unwrap();
        seen.push((it.state, it.percent_complete));
        assert_eq!(osaka.vms().unwrap().len(), 0, "nothing is done yet");
        lab.advance(seconds(1));
    }
    let (new, starting, running) = (JobState::New, JobState::Starting, JobState::Running);
    // Then two seconds to reach osaka and one for bookkeeping.
    let works = [(running, 0), (running, 33), (running, 66)];
    assert_eq!(seen, [&[(new, 0), (starting, 0), (starting, 0)], &works[..]].concat());
    let ended = tokyo.job(job).unwrap();
    assert_eq!((ended.state, ended.elapsed), (JobState::Completed, seconds(6)));
    assert_eq!(osaka.vms().unwrap().len(), 1);
}

#[test]
fn a_job_shuts_down_before_it_has_terminated() {
    let policy = Policy { job_shutting_down: seconds(3), ..Policy::default() };
    let (lab, tokyo, osaka) = hosts(policy);
    let vm = lab.vm("web").on("tokyo").running().create();
    tokyo.wait(tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(1));
    let job = osaka.initiate_failover(vm, None).unwrap().job().unwrap();
    assert_eq!(end(&osaka, job, RequestedJobState::Terminate).unwrap().return_value(), 0);
    let state = || osaka.relationship(RelationshipId::primary(vm)).unwrap().state;
    let halted = osaka.job(job).unwrap();
    assert_eq!(halted.state, JobState::ShuttingDown);
    assert!(!halted.cancellable && !halted.state.is_terminal());
    assert_eq!(state(), ReplicationState::FailoverInProgress);
    // It is ending: it cannot be asked again.
    for how in [RequestedJobState::Terminate, RequestedJobState::Kill] {
        let again = end(&osaka, job, how).unwrap_err();
        assert_eq!(again.code(), Some(ErrorCode::InvalidState));
    }
    lab.advance(seconds(2));
    assert_eq!(osaka.job(job).unwrap().state, JobState::ShuttingDown);
    lab.advance(seconds(1));
    assert_eq!(osaka.job(job).unwrap().state, JobState::Terminated);
    assert_eq!(state(), ReplicationState::Replicating);
}

/// The states: the page above. That a copy has them as any other job, and that what it is about is
/// in use (32774) until it is taken back, is assumed.
#[test]
fn a_copy_begins_and_ends_in_stages() {
    let length = seconds(3);
    let policy = Policy { job_starting: length, job_shutting_down: length, ..Policy::default() };
    let (lab, tokyo, osaka) = hosts(policy);
    let vm = lab.vm("web").on("tokyo").disk(64 * GIB, 25_000_000_000).running().create();
    tokyo.wait(tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap()).unwrap();
    // It begins while nothing reaches osaka, and copies as soon as something does.
    lab.disturb(Disturbance::CutLink(tokyo.id(), osaka.id()));
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    let job = copy_of(&tokyo).id;
    let copy = || tokyo.job(job).unwrap();
    assert_eq!(copy().state, JobState::Starting);
    lab.advance(minutes(10));
    assert_eq!((copy().state, copy().percent_complete), (JobState::Running, 0));
    lab.disturb(Disturbance::HealLink(tokyo.id(), osaka.id()));
    lab.advance(seconds(50));
    assert_eq!((copy().state, copy().percent_complete), (JobState::Running, 24)); // of 201.02 s

    assert_eq!(end(&tokyo, job, RequestedJobState::Terminate).unwrap().return_value(), 0);
    let state = || tokyo.relationship(RelationshipId::primary(vm)).unwrap().state;
    let initial = ReplicationState::WaitingForInitialReplication;
    assert_eq!((copy().state, state()), (JobState::ShuttingDown, initial));
    let paused = tokyo.suspend_replication(RelationshipId::primary(vm)).unwrap_err();
    assert_eq!(paused.code(), Some(ErrorCode::InUse));
    lab.advance(length);
    assert_eq!((copy().state, state()), (JobState::Terminated, ReplicationState::Ready));
    assert_eq!(copy().percent_complete, 24, "nothing more was copied");
    // All is as it was: it may begin anew.
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(minutes(10));
    let there = osaka.relationship(RelationshipId::primary(vm)).unwrap();
    assert_eq!(there.state, ReplicationState::Replicating);
}

/// A link that is cut before anything is copied holds the copy up, and costs nothing else.
#[test]
fn a_copy_waits_for_its_link() {
    let (lab, tokyo, osaka, vm) = ready();
    lab.disturb(Disturbance::CutLink(tokyo.id(), osaka.id()));
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    let job = copy_of(&tokyo).id;
    let copy = || tokyo.job(job).unwrap();
    lab.advance(minutes(10));
    assert_eq!((copy().state, copy().percent_complete), (JobState::Running, 0));
    lab.disturb(Disturbance::HealLink(tokyo.id(), osaka.id()));
    lab.advance(seconds(50));
    assert_eq!((copy().state, copy().percent_complete), (JobState::Running, 24)); // of 201.02 s
}

/// What is cancelled moves nothing any more while it is, so that it cannot be complete before its
/// cancellation is: assumed, as of a pause.
#[test]
fn a_cancellation_halts_what_it_cancels() {
    let (lab, tokyo, _, vm) = ready();
    let id = RelationshipId::primary(vm);
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    let copy = copy_of(&tokyo).id;
    let cancelled = tokyo.cancel_initial_replication(id).unwrap();
    assert_eq!(tokyo.job(copy).unwrap().state, JobState::Suspended);
    tokyo.wait(cancelled).unwrap();
    assert_eq!(tokyo.job(copy).unwrap().state, JobState::Terminated);

    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(1));
    tokyo.wait(tokyo.suspend_replication(id).unwrap()).unwrap();
    let comparison = tokyo.resynchronize(vm, None).unwrap().job().unwrap();
    lab.advance(seconds(5));
    let cancelled = tokyo.cancel_resynchronization(id).unwrap();
    assert_eq!(tokyo.job(comparison).unwrap().state, JobState::Suspended);
    tokyo.wait(cancelled).unwrap();
    assert_eq!(tokyo.job(comparison).unwrap().state, JobState::Terminated);
}

#[test]
fn a_finished_job_stays_for_five_minutes() {
    let (lab, tokyo, _, vm) = ready();
    let job = tokyo.pause_vm(vm).unwrap().job().unwrap();
    tokyo.wait(job).unwrap();
    let ended = tokyo.job(job).unwrap();
    assert_eq!(ended.state, JobState::Completed);
    lab.advance(seconds(299));
    assert_eq!(tokyo.job(job).unwrap(), ended, "a terminal job never changes");
    lab.advance(seconds(1));
    assert!(matches!(tokyo.job(job), Err(Error::NotFound(Missing::Job(it))) if it == job));
    let waited = tokyo.wait(job).unwrap_err();
    assert_eq!(waited.to_string(), format!("job {job} vanished before its end was seen"));
}

fn end(host: &HostHandle, job: JobId, how: RequestedJobState) -> Result<Outcome> {
    host.call(&Call::RequestJobStateChange { job, requested: how.to_wire() })
}

#[test]
fn a_copy_can_be_terminated_or_killed() {
    for (how, state) in [
        (RequestedJobState::Terminate, JobState::Terminated),
        (RequestedJobState::Kill, JobState::Killed),
    ] {
        let (lab, tokyo, osaka, vm) = ready();
        tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
        lab.advance(seconds(30));
        let job = copy_of(&tokyo).id;
        assert_eq!(end(&tokyo, job, how).unwrap(), Outcome::Completed);
        let id = RelationshipId::primary(vm);
        assert_eq!(tokyo.job(job).unwrap().state, state);
        assert_eq!(tokyo.relationship(id).unwrap().state, ReplicationState::Ready);
        let waiting = ReplicationState::WaitingForInitialReplication;
        assert_eq!(osaka.relationship(id).unwrap().state, waiting);
        assert_eq!(end(&tokyo, job, how).unwrap_err().code(), Some(ErrorCode::InvalidState));
    }
}

/// `Cancellable` is no guarantee, but what it denies is refused.
#[test]
fn a_commit_cannot_be_cancelled() {
    let (lab, tokyo, osaka, vm) = ready();
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(1));
    osaka.wait(osaka.initiate_failover(vm, None).unwrap()).unwrap();
    let job = osaka.commit_failover(vm).unwrap().job().unwrap();
    assert!(!osaka.job(job).unwrap().cancellable);
    let refused = osaka.terminate_job(job).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidState));
    osaka.wait(job).unwrap();
}

#[test]
fn a_failed_job_says_why() {
    let lab = Lab::new(["tokyo"]);
    let tokyo = lab.host("tokyo");
    let vm = lab.vm("web").create();
    let started = tokyo.create_replication_relationship(vm, Settings::to("nowhere")).unwrap();
    let job = started.job().unwrap();
    let error = tokyo.wait(started).unwrap_err();
    // An enable job that failed ended with 10 and 32768:
    // https://github.com/MicrosoftDocs/azure-docs/issues/68695
    assert_eq!(error.code(), Some(ErrorCode::Failed));
    assert_eq!(
        error.to_string(),
        format!(
            "job {job} ended as Exception (10) with 32768, Failed: CreateReplicationRelationship \
             failed: the name of the other host cannot be resolved."
        )
    );
    // One or more of them: https://learn.microsoft.com/windows/win32/hyperv_v2/geterrorex-msvm-concretejob
    let errors = tokyo.job_errors(job).unwrap();
    let [summary, cause] = &errors[..] else { panic!("what failed, and why: {errors:?}") };
    assert_eq!(summary.message_kind(), Some(MessageId::OperationFailed));
    assert_eq!(summary.message_arguments, ["web".to_owned(), vm.to_string()]);
    assert_eq!(summary.perceived_severity, PerceivedSeverity::High);
    assert_eq!(summary.cim_status, CimStatus::Failed);
    assert_eq!(cause.message_kind(), Some(MessageId::Cause));
    // 0x2EE7 is what an unresolved name shows:
    // https://learn.microsoft.com/virtualization/community/team-blog/2013/20130407-hyper-v-replica-name-resolution-of-internationalized-server-domain-names
    assert!(cause.message.ends_with("(0x00002EE7)"), "{}", cause.message);
    assert_eq!(cause.message_arguments.last().unwrap(), "0x00002EE7");
    assert_eq!(cause.error_type, ErrorType::Communications);
    assert!(cause.message.contains("'web'") && cause.message.contains(&vm.to_string()));
    assert_eq!(errors_of(&tokyo, &Call::GetError { job }), errors[..1]);
    assert_eq!(tokyo.vm(vm).unwrap().mode, ReplicationMode::None, "nothing has changed");
}

fn errors_of(host: &HostHandle, call: &Call) -> Vec<ErrorRecord> {
    match host.call(call) {
        Ok(Outcome::Returned(output)) => match *output {
            Output::Errors(errors) => errors,
            other => panic!("{other:?} are no errors"),
        },
        other => panic!("{call:?} answers 0 and the errors, not {other:?}"),
    }
}

/// Nothing while it runs and after success; something after a failure and for who was cancelled:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/geterror-msvm-concretejob>.
#[test]
fn errors_depend_on_how_a_job_ended() {
    let (lab, tokyo, _, vm) = ready();
    let started = tokyo.start_replication(vm, InitialReplication::Network).unwrap();
    let job = started.job().unwrap();
    assert_eq!(tokyo.job_errors(job).unwrap(), []);
    tokyo.wait(started).unwrap();
    assert_eq!(tokyo.job_errors(job).unwrap(), []);
    lab.advance(seconds(30));
    let copy = copy_of(&tokyo).id;
    assert_eq!(errors_of(&tokyo, &Call::GetError { job: copy }), []);
    let _ = end(&tokyo, copy, RequestedJobState::Terminate).unwrap();
    let errors = tokyo.job_errors(copy).unwrap();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].message_kind(), Some(MessageId::OperationCancelled));
    // What cancelled work shows:
    // https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replication-suspended-system-shutdown
    assert!(errors[1].message.ends_with("(0x80004004)"), "{}", errors[1].message);
}

/// A job that another operation ended says so, too.
#[test]
fn a_copy_that_was_cancelled_with_its_relationship_has_an_error() {
    let (lab, tokyo, _, vm) = ready();
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(seconds(30));
    let copy = copy_of(&tokyo).id;
    let id = RelationshipId::primary(vm);
    tokyo.wait(tokyo.cancel_initial_replication(id).unwrap()).unwrap();
    assert_eq!(tokyo.job(copy).unwrap().state, JobState::Terminated);
    assert_eq!(tokyo.job_errors(copy).unwrap().len(), 2);
}

#[test]
fn a_host_forgets_its_jobs_when_it_goes_down() {
    use hyperv_replica::engine::Disturbance;
    let (lab, tokyo, _, vm) = ready();
    let job = tokyo.start_replication(vm, InitialReplication::Network).unwrap().job().unwrap();
    lab.disturb(Disturbance::CrashHost(tokyo.id()));
    let error = tokyo.job(job).unwrap_err();
    assert_eq!(error.to_string(), "reading failed: the host does not answer");
    lab.disturb(Disturbance::BootHost(tokyo.id()));
    assert!(matches!(tokyo.job(job), Err(Error::NotFound(_))));
    assert_eq!(tokyo.jobs().unwrap(), []);
}

/// Recoverable failures are tried again:
/// <https://learn.microsoft.com/azure/site-recovery/hyper-v-azure-architecture>.
#[test]
fn a_copy_that_a_paused_replica_refuses_is_sent_again() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let vm = lab.vm("web").running().disk(64 << 30, 1 << 30).writing(0).create();
    let id = RelationshipId::primary(vm);
    let state = |host: &HostHandle| host.relationship(id).unwrap().state;
    tokyo.wait(tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap()).unwrap();
    let _ = tokyo.start_replication(vm, InitialReplication::Network).unwrap();
    osaka.wait(osaka.suspend_replication(id).unwrap()).unwrap();
    lab.advance(minutes(30));
    assert_eq!(state(&tokyo), ReplicationState::WaitingForInitialReplication); // not in error
    osaka.wait(osaka.resume_replication(id).unwrap()).unwrap();
    lab.advance(minutes(10));
    assert_eq!(state(&tokyo), ReplicationState::Replicating);
    assert_eq!(state(&osaka), ReplicationState::Replicating);
}

/// “A later request overwrites an earlier one”:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-computersystem>.
#[test]
fn turning_off_overtakes_a_shutdown() {
    let lab = Lab::new(["tokyo"]);
    let tokyo = lab.host("tokyo");
    let vm = lab.vm("web").running().create();
    let shutdown = tokyo.shut_down_vm(vm).unwrap().job().unwrap();
    lab.advance(seconds(1));
    tokyo.wait(tokyo.turn_off_vm(vm).unwrap()).unwrap();
    assert_eq!(tokyo.job(shutdown).unwrap().state, JobState::Terminated);
    assert_eq!(tokyo.vm(vm).unwrap().power, EnabledState::Disabled);
    lab.advance(minutes(1));
    assert_eq!(tokyo.vm(vm).unwrap().power, EnabledState::Disabled);
}
