//! Jobs: what an answer of 4096 leaves.
//!
//! An answer of 0 leaves no job. Windows may answer any method so, and then there is nothing to say
//! about the job that is not there.

use super::*;
use crate::model::JOB_RETENTION;

behaviours! { "Jobs";
    each_operation_has_its_type:
        "its type tells what it does: 91 creates, 94 starts, 102 tests, 97 fails over, 98 reverts …",
        Documented(JOB);
    a_reversal_has_its_type:
        "a reversal has type 104",
        Documented(JOB);
    changes_of_state_have_their_types:
        "pause and resume have type 96, preparing 100, cancelling that 101",
        Assumed("the types are named so");
    a_resynchronisation_has_its_type:
        "a resynchronisation has type 107",
        Client(PS_RESUME);
    a_job_names_its_vm:
        "a job names the virtual machine that it affects",
        Client(PS_START);
    a_job_is_in_the_list:
        "a job is in the list of jobs",
        Documented(JOB);
    progress_never_goes_back:
        "its percentage never goes back and ends at 100",
        Documented(JOB);
    a_job_that_has_ended_stays_as_it_is:
        "what has ended does not change any more",
        Documented(JOB);
    a_job_that_has_ended_is_removed_after_five_minutes:
        "what has ended stays for five minutes and is then gone",
        Documented(JOB);
    a_job_that_succeeds_has_no_error:
        "what succeeds has ErrorCode 0 and no errors",
        Documented(ERRORS);
    a_job_that_runs_has_no_error:
        "what runs has no errors",
        Documented(ERRORS);
    a_job_that_fails_says_why:
        "what fails ends in state 10 with a code, a summary and a description",
        Observed(ENABLE_FAILED);
    a_job_that_fails_has_error_records:
        "what fails has at least one error with a message",
        Documented(ERRORS);
    a_scheduled_job_says_when:
        "what is scheduled tells for when, and has not ended",
        Documented(JOB);
    a_job_that_is_cancelled_is_terminated:
        "what is cancelled ends in state 8 and has an error that says so",
        Documented(ERRORS);
    a_job_that_has_ended_is_not_cancelled:
        "what has ended cannot be cancelled",
        Documented(JOB_STATE);
}

/// The type of the job that the answer leaves, once it has ended well.
fn is_of_type(
    site: &Site<'_>,
    answer: crate::error::Result<Outcome>,
    expected: JobType,
) -> Checked {
    match site.done_by(answer)? {
        Some(job) => site.same("JobType", &expected, &job.job_type),
        None => Ok(()),
    }
}

pub(crate) fn each_operation_has_its_type(t: &Trial<'_>) -> Checked {
    let id = t.vm(Guest::Off)?;
    let (first, second) = (t.first(), t.second());
    let created = first.create_replication_relationship(id.vm, t.to_second());
    is_of_type(first, created, JobType::CreateRelationship)?;
    let started = first.start_replication(id.vm, InitialReplication::Network);
    is_of_type(first, started, JobType::StartInitialReplication)?;
    for site in t.both() {
        site.comes_to(id, ReplicationState::Replicating)?;
    }
    let tested = second.test_replica_system(id.vm, None);
    is_of_type(second, tested, JobType::InitiateTestReplica)?;
    is_of_type(second, second.initiate_failover(id.vm, None), JobType::InitiateFailover)?;
    is_of_type(second, second.revert_failover(id.vm), JobType::RevertFailover)?;
    is_of_type(second, second.initiate_failover(id.vm, None), JobType::InitiateFailover)?;
    is_of_type(second, second.commit_failover(id.vm), JobType::CommitFailover)?;
    let removed = second.remove_replication_relationship(id);
    is_of_type(second, removed, JobType::RemoveRelationship)
}

pub(crate) fn a_reversal_has_its_type(t: &Trial<'_>) -> Checked {
    let id = t.failed_over_as_planned()?;
    let reversed = t.second().reverse_replication_relationship(id.vm, None);
    is_of_type(t.second(), reversed, JobType::ReverseReplication)
}

pub(crate) fn changes_of_state_have_their_types(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    let first = t.first();
    is_of_type(first, first.suspend_replication(id), JobType::ReplicationStateChange)?;
    is_of_type(first, first.resume_replication(id), JobType::ReplicationStateChange)?;
    is_of_type(first, first.prepare_failover(id), JobType::InitiateSyncedReplication)?;
    is_of_type(first, first.revert_failover(id.vm), JobType::CancelSyncedReplication)
}

pub(crate) fn a_resynchronisation_has_its_type(t: &Trial<'_>) -> Checked {
    let id = t.replicating(Guest::Off)?;
    t.first().done(t.first().suspend_replication(id))?;
    let begun = t.first().resynchronize(id.vm, None);
    is_of_type(t.first(), begun, JobType::Resynchronizing)
}

/// A job of the first host that takes a moment, if the host answers with a job: the start of
/// initial replication.
fn starting(t: &Trial<'_>) -> Checked<Option<JobId>> {
    let id = t.created(Guest::Off)?;
    t.first().begins(t.first().start_replication(id.vm, InitialReplication::Network))
}

pub(crate) fn a_job_names_its_vm(t: &Trial<'_>) -> Checked {
    let id = t.created(Guest::Off)?;
    let started = t.first().start_replication(id.vm, InitialReplication::Network);
    let Some(job) = t.first().begins(started)? else { return Ok(()) };
    let affected = t.first().job(job)?.affected;
    let seen = format_args!("{affected:?}");
    let what = "the virtual machines that the job affects";
    t.first().holds(what, affected.contains(&id.vm), id.vm, seen)
}

pub(crate) fn a_job_is_in_the_list(t: &Trial<'_>) -> Checked {
    let Some(job) = starting(t)? else { return Ok(()) };
    let count = t.first().jobs()?.iter().filter(|it| it.id == job).count();
    t.first().same("how often the list has the job", &1, &count)
}

pub(crate) fn progress_never_goes_back(t: &Trial<'_>) -> Checked {
    let Some(job) = starting(t)? else { return Ok(()) };
    let mut last = 0;
    loop {
        let seen = t.first().job(job)?;
        let percent = seen.percent_complete;
        let in_range = (last..=100).contains(&percent);
        t.first().holds("PercentComplete", in_range, format_args!("{last} to 100"), percent)?;
        last = percent;
        if seen.state.is_terminal() {
            return t.first().same("PercentComplete in the end", &100, &percent);
        }
        t.pass(t.fixture().patience().poll)?;
    }
}

pub(crate) fn a_job_that_has_ended_stays_as_it_is(t: &Trial<'_>) -> Checked {
    let Some(job) = starting(t)? else { return Ok(()) };
    let ended = t.first().end_of(job)?;
    for _ in 0..3 {
        t.pass(minutes(1))?;
        t.first().same("the job", &ended, &t.first().job(job)?)?;
    }
    Ok(())
}

pub(crate) fn a_job_that_has_ended_is_removed_after_five_minutes(t: &Trial<'_>) -> Checked {
    let Some(job) = starting(t)? else { return Ok(()) };
    t.first().end_of(job)?;
    t.pass(JOB_RETENTION.saturating_sub(minutes(1)))?;
    t.first().job(job)?;
    t.first().comes("a job that ended five minutes ago", "gone", || match t.first().job(job) {
        Err(Error::NotFound(_)) => Ok(Ok(())),
        Ok(job) => Ok(Err(format!("still there: {}", job.state))),
        Err(error) => Err(error),
    })
}

pub(crate) fn a_job_that_succeeds_has_no_error(t: &Trial<'_>) -> Checked {
    let Some(job) = starting(t)? else { return Ok(()) };
    let ended = t.first().end_of(job)?;
    t.first().holds("the job", ended.state.is_success(), "it succeeds", ended.state)?;
    let error = ended.error.as_ref().map(|it| it.code);
    t.first().same("ErrorCode", &None, &error)?;
    t.first().same("what GetErrorEx returns", &Vec::new(), &t.first().job_errors(job)?)
}

pub(crate) fn a_job_that_runs_has_no_error(t: &Trial<'_>) -> Checked {
    let Some(job) = starting(t)? else { return Ok(()) };
    t.first().same("what GetErrorEx returns", &Vec::new(), &t.first().job_errors(job)?)
}

/// A job that fails, if the host notices only then: its target does not exist.
fn failing(t: &Trial<'_>) -> Checked<Option<JobId>> {
    let id = t.vm(Guest::Off)?;
    let point = "no-such-host.invalid".to_owned();
    let settings = Settings { recovery_connection_point: point, ..t.to_second() };
    match t.first().create_replication_relationship(id.vm, settings) {
        Ok(outcome) => Ok(outcome.job()),
        Err(Error::Refused(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(crate) fn a_job_that_fails_says_why(t: &Trial<'_>) -> Checked {
    let Some(job) = failing(t)? else { return Ok(()) };
    let ended = t.first().end_of(job)?;
    t.first().same("how the job ended", &JobState::Exception, &ended.state)?;
    let Some(error) = ended.error else {
        return t.first().deviates("ErrorCode", "one that says why", "0");
    };
    t.first().holds("ErrorCode", FAILS.contains(&error.code), "a failure", error.code)?;
    let told = !error.summary.is_empty() && !error.description.is_empty();
    let seen = format_args!("`{}`, `{}`", error.summary, error.description);
    t.first().holds("the summary and the description", told, "two texts", seen)
}

pub(crate) fn a_job_that_fails_has_error_records(t: &Trial<'_>) -> Checked {
    let Some(job) = failing(t)? else { return Ok(()) };
    t.first().end_of(job)?;
    let errors = t.first().job_errors(job)?;
    let told = errors.first().is_some_and(|it| !it.message.is_empty());
    let seen = format_args!("{errors:?}");
    t.first().holds("what GetErrorEx returns", told, "at least one, with a message", seen)
}

/// A job that can be cancelled: a scheduled start of initial replication.
fn scheduled(t: &Trial<'_>) -> Checked<Option<JobId>> {
    let id = t.created(Guest::Off)?;
    let at = t.first().now()? + hours(1);
    t.first().begins(t.first().start_replication(id.vm, InitialReplication::NetworkAt(at)))
}

pub(crate) fn a_scheduled_job_says_when(t: &Trial<'_>) -> Checked {
    let soon = t.first().now()?;
    let Some(job) = scheduled(t)? else { return Ok(()) };
    let it = t.first().job(job)?;
    let ahead = it.scheduled > Some(soon + minutes(30));
    t.first().holds("ScheduledStartTime", ahead, "an hour ahead", shown(it.scheduled))?;
    t.first().holds("the job", !it.state.is_terminal(), "it waits", it.state)
}

pub(crate) fn a_job_that_is_cancelled_is_terminated(t: &Trial<'_>) -> Checked {
    let Some(job) = scheduled(t)? else { return Ok(()) };
    t.first().done(t.first().terminate_job(job))?;
    t.first().same("how the job ended", &JobState::Terminated, &t.first().end_of(job)?.state)?;
    let errors = t.first().job_errors(job)?;
    t.first().holds("what GetErrorEx returns", !errors.is_empty(), "that it was cancelled", "none")
}

pub(crate) fn a_job_that_has_ended_is_not_cancelled(t: &Trial<'_>) -> Checked {
    let Some(job) = starting(t)? else { return Ok(()) };
    let ended = t.first().end_of(job)?;
    t.first().refuses(t.first().terminate_job(job), WRONG_STATE)?;
    t.first().same("how the job ended", &ended.state, &t.first().job(job)?.state)
}
