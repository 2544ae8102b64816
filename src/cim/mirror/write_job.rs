//! Jobs and errors as instances.

use super::names::{class, interval, time};
use super::write_system::{HEALTHY, OK};
use crate::cim::{Instance, Value};
use crate::model::{ErrorRecord, Job};

/// A job. Its schedule is null if it has none; its start is the year 1601 until it starts.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>
pub(crate) fn job(job: &Job) -> Instance {
    let error = job.error.as_ref();
    let code = error.map_or(0, |it| it.code.to_wire());
    Instance::of(
        class::JOB,
        [
            ("InstanceID", job.id.to_string().into()),
            ("Name", job.job_type.label().into()),
            ("Caption", job.job_type.label().into()),
            ("Description", job.job_type.label().into()),
            ("ElementName", job.job_type.label().into()),
            ("OperationalStatus", vec![OK].into()),
            ("StatusDescriptions", vec!["OK".to_owned()].into()),
            ("Status", "OK".into()),
            ("HealthState", HEALTHY.into()),
            ("JobStatus", job.state.label().into()),
            ("JobState", job.state.to_wire().into()),
            ("JobType", job.job_type.to_wire().into()),
            ("PercentComplete", u16::from(job.percent_complete).into()),
            ("Cancellable", job.cancellable.into()),
            ("DeleteOnCompletion", false.into()),
            ("TimeSubmitted", time(Some(job.submitted)).into()),
            ("ScheduledStartTime", job.scheduled.map(|it| time(Some(it))).into()),
            ("StartTime", time(job.started).into()),
            ("TimeOfLastStateChange", time(Some(job.state_changed)).into()),
            ("ElapsedTime", interval(job.elapsed).into()),
            // Each code is documented as a number of 16 bits.
            ("ErrorCode", u16::try_from(code).unwrap_or(u16::MAX).into()),
            ("ErrorDescription", text(error.map(|it| &it.description))),
            ("ErrorSummaryDescription", text(error.map(|it| &it.summary))),
        ],
    )
}

/// No error has an empty text, as clients print both.
fn text(it: Option<&String>) -> Value {
    it.map_or("", |it| it.as_str()).into()
}

/// Why something failed. What explains a value of “other” is always null.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-error>
pub(crate) fn error(error: &ErrorRecord) -> Instance {
    Instance::of(
        class::ERROR,
        [
            ("ErrorType", error.error_type.to_wire().into()),
            ("OwningEntity", error.owning_entity.clone().into()),
            ("MessageID", error.message_id.to_string().into()),
            ("Message", error.message.clone().into()),
            ("MessageArguments", error.message_arguments.clone().into()),
            ("PerceivedSeverity", error.perceived_severity.to_wire().into()),
            ("ProbableCause", error.probable_cause.to_wire().into()),
            ("RecommendedActions", error.recommended_actions.clone().into()),
            ("ErrorSource", error.error_source.clone().into()),
            ("ErrorSourceFormat", ErrorRecord::ERROR_SOURCE_FORMAT.into()),
            ("CIMStatusCode", error.cim_status.to_wire().into()),
        ],
    )
}
