//! What a method returned, as the contract says it.

use crate::cim::mirror::names::{self, class};
use crate::cim::mirror::read::Record;
use crate::cim::mirror::read_job;
use crate::cim::text::Reader;
use crate::cim::{Instance, ObjectPath, Reply, Schema, Value, WbemStatus};
use crate::error::{Error, Refusal, Result, Why};
use crate::model::{ErrorCode, ErrorRecord, JobId, Operation, Output, Statistics};
use crate::service::Outcome;

/// The return value of a method that has started a job.
const STARTED: u32 = 4096;

/// Why an answer makes no sense.
type Senseless = Box<dyn std::error::Error + Send + Sync>;

/// The outcome of a method that answered.
pub(super) fn outcome(operation: Operation, reply: &Reply) -> Result<Outcome> {
    let answer = match reply.value {
        0 => output(operation, &reply.out),
        // The method has no job but the one it is asked of, whose end a client waits for anyway.
        STARTED if operation == Operation::RequestJobStateChange => Ok(Outcome::Completed),
        STARTED => job(&reply.out).map(Outcome::Started),
        value => return Err(refused(operation, value)),
    };
    answer.map_err(|source| Error::Malformed { operation: Some(operation), source })
}

/// A number that is neither 0 nor 4096.
fn refused(operation: Operation, value: u32) -> Error {
    match ErrorCode::from_wire(value).or_else(|| generic(operation, value)) {
        Some(code) => refusal(operation, code, "the service gives no reason"),
        None if value == 1 => Error::NotImplemented(operation),
        None => Error::Unrecognised { operation, value },
    }
}

/// The numbers of the CIM schema, which two methods are documented to return as well.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/destroysystem-msvm-virtualsystemmanagementservice>,
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-concretejob>
fn generic(operation: Operation, value: u32) -> Option<ErrorCode> {
    use ErrorCode as E;
    Some(match (operation, value) {
        (Operation::DestroySystem | Operation::RequestJobStateChange, 1)
        | (Operation::RequestJobStateChange, 4098) => E::NotSupported,
        (Operation::DestroySystem, 2) | (Operation::RequestJobStateChange, 4) => E::Failed,
        (Operation::DestroySystem | Operation::RequestJobStateChange, 3) => E::Timeout,
        (Operation::DestroySystem, 4) | (Operation::RequestJobStateChange, 5) => {
            E::InvalidParameter
        }
        (Operation::DestroySystem, 5) | (Operation::RequestJobStateChange, 4097) => E::InvalidState,
        (Operation::RequestJobStateChange, 2) => E::StatusUnknown,
        (Operation::RequestJobStateChange, 6 | 4099) => E::InUse,
        _ => return None,
    })
}

fn refusal(operation: Operation, code: ErrorCode, why: &str) -> Error {
    Error::Refused(Refusal { operation, code, why: Why::Text(why.into()), found: None })
}

/// A call that WMI did not let through to the method. What it says so clearly that a number of the
/// method says the same is a refusal; of the rest nobody knows whether it happened.
pub(super) fn refused_by_wmi(operation: Operation, status: WbemStatus, why: String) -> Error {
    let code = match status {
        WbemStatus::ACCESS_DENIED => ErrorCode::AccessDenied,
        WbemStatus::INVALID_METHOD
        | WbemStatus::INVALID_CLASS
        | WbemStatus::NOT_SUPPORTED
        | WbemStatus::PROVIDER_NOT_CAPABLE => ErrorCode::NotSupported,
        WbemStatus::INVALID_PARAMETER | WbemStatus::INVALID_METHOD_PARAMETERS => {
            ErrorCode::InvalidParameter
        }
        WbemStatus::TYPE_MISMATCH | WbemStatus::INVALID_OBJECT => ErrorCode::IncorrectDataType,
        WbemStatus::OUT_OF_MEMORY => ErrorCode::OutOfMemory,
        _ => {
            let source = Box::new(crate::cim::Error::Status { status, why });
            return Error::Transport { operation: Some(operation), source };
        }
    };
    refusal(operation, code, &format!("{status}: {why}"))
}

fn job(out: &Instance) -> Result<JobId, Senseless> {
    let job = match out.get("Job") {
        None | Some(Value::Null) => return Err("it names no job".into()),
        Some(Value::Reference(path)) => ObjectPath::clone(path),
        Some(other) => other.to_text().unwrap_or_default().parse::<ObjectPath>()?,
    };
    names::job_of(&job).ok_or_else(|| format!("`{job}` is no job").into())
}

fn output(operation: Operation, out: &Instance) -> Result<Outcome, Senseless> {
    let it = Record::of(out);
    let output = match operation {
        Operation::GetReplicationStatistics => Output::Statistics {
            statistics: statistics(&it.texts("ReplicationStatistics")?)?,
            issues: errors(it.texts("ReplicationHealthIssues")?)?,
        },
        Operation::GetSystemCertificates => Output::Certificates(it.texts("EncodedCertificates")?),
        Operation::GetError => Output::Errors(errors(it.string("Error")?)?),
        Operation::GetErrorEx => Output::Errors(errors(it.texts("Errors")?)?),
        _ => return Ok(Outcome::Completed),
    };
    Ok(Outcome::Returned(Box::new(output)))
}

/// An instance that a host wrote, be it older or newer than the schema.
fn embedded(class: &str, text: &str) -> Result<Instance, Senseless> {
    Ok(Reader::new(Schema::virtualization()).tolerant().of_class(class).read(text)?)
}

fn statistics(texts: &[String]) -> Result<Statistics, Senseless> {
    let text = texts.first().ok_or("it has no statistics")?;
    let instance = embedded(class::STATISTICS, text)?;
    Ok(read_job::statistics(Record::of(&instance))?)
}

fn errors(texts: impl IntoIterator<Item = String>) -> Result<Vec<ErrorRecord>, Senseless> {
    let error = |text: String| {
        let instance = embedded("CIM_Error", &text)?;
        Ok(read_job::error(Record::of(&instance))?)
    };
    // An empty text is how some carry null.
    texts.into_iter().filter(|it| !it.is_empty()).map(error).collect()
}
