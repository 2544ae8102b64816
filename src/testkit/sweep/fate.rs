//! What a sweep makes of jobs: one that cannot be found any more, and one that fails.

use super::course::Tap;
use crate::error::{Error, Missing, Result};
use crate::layer;
use crate::model::time::{minutes, seconds};
use crate::model::{
    Call, CimStatus, ErrorCode, ErrorRecord, ErrorType, Guid, Job, JobFailure, JobId, JobState,
    MessageId, Output, PerceivedSeverity, ProbableCause, SimTime,
};
use crate::service::{Outcome, ReplicationService};
use std::time::Duration;

/// How long a job works that fails and does nothing.
const WORKS: Duration = seconds(1);

/// How long a job stays that has ended.
///
/// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>.
const STAYS: Duration = minutes(5);

/// What becomes of a job, beside what the world says of it.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It cannot be found any more.
    Lost,
    /// It fails when it ends.
    Fails {
        /// With this error.
        code: ErrorCode,
        /// The job as it began, if the world has none: nothing is done then.
        instead: Option<Box<Job>>,
    },
}

impl Fate {
    /// A call that began this job in a copy of the world did nothing here, and its job fails.
    pub(super) fn instead(job: Job, code: ErrorCode) -> (JobId, Self) {
        // The world may give the number of the copy's job to another one.
        let id = JobId(Guid(!job.id.0.0));
        (id, Self::Fails { code, instead: Some(Box::new(Job { id, ..job })) })
    }

    /// A job as it looks now; `None` if it is not there.
    fn of(&self, job: Job, now: SimTime) -> Option<Job> {
        let Self::Fails { code, instead } = self else { return None };
        let ended = match instead {
            Some(_) => job.submitted + WORKS,
            None if job.state.is_terminal() => job.state_changed,
            None => return Some(job),
        };
        if now < ended {
            return Some(job);
        }
        (now.since(ended) < STAYS).then(|| failed(job, *code, ended))
    }
}

fn failed(job: Job, code: ErrorCode, at: SimTime) -> Job {
    /// `E_FAIL`.
    const FAIL: u32 = 0x8000_4005;
    let summary = "The operation failed (injected).".to_owned();
    let description = format!("{summary} Unspecified error (0x{FAIL:08X}).");
    let error = Some(JobFailure { code, summary, description, hresult: FAIL });
    let state = JobState::Exception;
    Job { state, state_changed: at, percent_complete: 100, cancellable: false, error, ..job }
}

/// What `GetErrorEx` says of a job.
fn errors(job: &Job) -> Vec<ErrorRecord> {
    let record = |failure: &JobFailure| ErrorRecord {
        message_id: MessageId::OperationFailed.to_wire(),
        message: failure.summary.clone(),
        message_arguments: job.affected.iter().map(ToString::to_string).collect(),
        owning_entity: MessageId::OperationFailed.owning_entity().to_owned(),
        error_type: ErrorType::Software,
        perceived_severity: PerceivedSeverity::High,
        probable_cause: ProbableCause::Unknown,
        error_source: job.job_type.to_string(),
        cim_status: CimStatus::Failed,
        recommended_actions: Vec::new(),
    };
    job.error.as_ref().map(record).into_iter().collect()
}

impl Tap {
    /// What a call is told that is about a job with a fate.
    pub(super) fn ask_job(&self, call: &Call, id: JobId, fate: &Fate) -> Result<Outcome> {
        let job = self.fated(id, fate)?;
        match (call, fate) {
            (Call::RequestJobStateChange { .. }, Fate::Fails { instead: None, .. }) => {
                self.host.call(call)
            }
            (Call::RequestJobStateChange { .. }, _) => {
                Err(Error::Refused(layer::refusal(call, ErrorCode::InvalidState)))
            }
            _ => Ok(Outcome::Returned(Box::new(Output::Errors(errors(&job))))),
        }
    }

    /// A job with a fate.
    pub(super) fn fated(&self, id: JobId, fate: &Fate) -> Result<Job> {
        let now = self.host.now()?;
        let job = match fate {
            Fate::Lost => None,
            // A host that is down shows nothing.
            Fate::Fails { instead: Some(job), .. } => {
                self.host.host().map(|_| Some(&**job))?.cloned()
            }
            Fate::Fails { .. } => Some(self.host.job(id)?),
        };
        job.and_then(|job| fate.of(job, now)).ok_or(Error::NotFound(Missing::Job(id)))
    }
}
