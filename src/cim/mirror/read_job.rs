//! What jobs, statistics and errors say, of their instances.

use super::names;
use super::read::{Read, Record};
use crate::cim::{Instance, ObjectPath, Value};
use crate::model::{
    CimStatus, ErrorCode, ErrorRecord, ErrorType, Job, JobFailure, JobType, PerceivedSeverity,
    ProbableCause, ReplicationHealth, SimTime, Statistics, VmId, WireEnum,
};

/// Whether a job is of a kind that has nothing to do with replication and that this crate has no
/// name for: a checkpoint, an export. What clients take for a replication task, 90 to 129, is not.
pub(crate) fn is_foreign(it: Record<'_>) -> Read<bool> {
    let number: u32 = it.number("JobType")?.unwrap_or_default();
    Ok(JobType::from_number(number).is_none() && !(90..=129).contains(&number))
}

/// A job, without the virtual machines it works on, which are linked with it.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>
pub(crate) fn job(it: Record<'_>, affected: Vec<VmId>) -> Read<Job> {
    let id = |it: Record<'_>, property: &str| {
        it.parsed(property, "the GUID of a job", |text| text.parse().ok())
    };
    let percent = |it: Record<'_>| match it.number::<u8>("PercentComplete")?.unwrap_or(0) {
        percent @ 0..=100 => Ok(percent),
        _ => Err(it.wrong("PercentComplete", "0 to 100")),
    };
    let submitted = it.given("TimeSubmitted", Record::time)?;
    Ok(Job {
        id: it.given("InstanceID", id)?,
        job_type: it.given("JobType", Record::known)?,
        state: it.given("JobState", Record::known)?,
        percent_complete: percent(it)?,
        cancellable: it.flag("Cancellable")?.unwrap_or(false),
        submitted,
        scheduled: it.time("ScheduledStartTime")?,
        started: it.time("StartTime")?,
        state_changed: it.time("TimeOfLastStateChange")?.unwrap_or(submitted),
        elapsed: it.duration("ElapsedTime")?.unwrap_or_default(),
        error: failure(it)?,
        affected,
    })
}

/// Why a job failed. A host that gives one of the two texts has said it in that.
fn failure(it: Record<'_>) -> Read<Option<JobFailure>> {
    if it.number::<u32>("ErrorCode")?.unwrap_or(0) == 0 {
        return Ok(None);
    }
    let code: ErrorCode = it.given("ErrorCode", Record::known)?;
    let description = it.string_or_empty("ErrorDescription")?;
    let summary = it.string("ErrorSummaryDescription")?.filter(|it| !it.is_empty());
    Ok(Some(JobFailure {
        code,
        summary: summary.unwrap_or_else(|| description.clone()),
        hresult: last_hresult(&description).unwrap_or(0),
        description,
    }))
}

/// The last hexadecimal number of a text, whatever its language.
fn last_hresult(text: &str) -> Option<u32> {
    let (_, rest) = text.rsplit_once("0x").or_else(|| text.rsplit_once("0X"))?;
    let digits = rest.find(|c: char| !c.is_ascii_hexdigit()).map_or(rest, |end| &rest[..end]);
    u32::from_str_radix(digits, 16).ok()
}

/// Where a link of a job with what it works on leads: to the job, and to a virtual machine; whether
/// it makes that. `None` of a link with anything else.
pub(crate) struct Link {
    /// `AffectingElement`.
    pub(crate) job: crate::model::JobId,
    /// `AffectedElement`.
    pub(crate) vm: VmId,
    /// Whether the job makes it.
    pub(crate) creates: bool,
}

impl Link {
    pub(crate) fn of(instance: &Instance) -> Option<Self> {
        let path = |property| match instance.get(property)? {
            Value::Reference(path) => Some(ObjectPath::clone(path)),
            value => value.to_text()?.parse::<ObjectPath>().ok(),
        };
        let effects = instance.get("ElementEffects");
        let creates = match effects {
            Some(Value::Array(array)) => {
                array.values().any(|it| it.as_integer() == Some(names::EFFECT_CREATE.into()))
            }
            _ => false,
        };
        Some(Self {
            job: names::job_of(&path("AffectingElement")?)?,
            vm: names::vm_of(&path("AffectedElement")?)?,
            creates,
        })
    }
}

/// Statistics of a relationship. What a host has not counted is 0, and a window that never began
/// has not gone on either.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationstatistics>
pub(crate) fn statistics(it: Record<'_>) -> Read<Statistics> {
    let count = |property| Ok::<u32, super::Unreadable>(it.number(property)?.unwrap_or(0));
    let bytes = |property| Ok::<u64, super::Unreadable>(it.number(property)?.unwrap_or(0));
    let start = it.time("StartStatisticTime")?.unwrap_or(SimTime::ZERO);
    Ok(Statistics {
        start,
        end: it.time("EndStatisticTime")?.unwrap_or(start),
        successes: count("ReplicationSuccessCount")?,
        misses: count("ReplicationMissCount")?,
        size_bytes: bytes("ReplicationSize")?,
        max_size_bytes: bytes("MaxReplicationSize")?,
        latency_s: count("ReplicationLatency")?,
        max_latency_s: count("MaxReplicationLatency")?,
        network_failures: count("NetworkFailureCount")?,
        replication_failures: count("ReplicationFailureCount")?,
        application_consistent_failures: count("ApplicationConsistentSnapshotFailureCount")?,
        pending_bytes: bytes("PendingReplicationSize")?,
        health: it.known("ReplicationHealth")?.unwrap_or(ReplicationHealth::NotApplicable),
        last_test_failover: it.time("LastTestFailoverTime")?,
    })
}

/// An error. Its message says what is wrong; of how it is classified, a number that this crate has
/// no name for is “unknown”, because nobody is helped by an error that cannot be read.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-error>
pub(crate) fn error(it: Record<'_>) -> Read<ErrorRecord> {
    fn class<T: WireEnum>(it: Record<'_>, property: &str, unknown: T) -> Read<T> {
        let number: u32 = it.number(property)?.unwrap_or_default();
        Ok(T::from_number(number).unwrap_or(unknown))
    }
    Ok(ErrorRecord {
        message_id: it.text("MessageID")?.and_then(|it| it.parse().ok()).unwrap_or(0),
        message: it.string_or_empty("Message")?,
        message_arguments: it.texts("MessageArguments")?,
        owning_entity: it.string_or_empty("OwningEntity")?,
        error_type: class(it, "ErrorType", ErrorType::Unknown)?,
        perceived_severity: class(it, "PerceivedSeverity", PerceivedSeverity::Unknown)?,
        probable_cause: class(it, "ProbableCause", ProbableCause::Unknown)?,
        error_source: it.string_or_empty("ErrorSource")?,
        cim_status: class(it, "CIMStatusCode", CimStatus::Failed)?,
        recommended_actions: it.texts("RecommendedActions")?,
    })
}
