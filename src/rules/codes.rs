//! Which of the documented codes an operation can return in the model, and why not the others.

use super::{Evidence, Late, Plan, RULES, Target, rule};
use crate::model::{ErrorCode, JobType, Operation};

/// Whether the model produces this code for this operation: as a return value, or as the error of
/// the job it started.
pub fn produces(operation: Operation, code: ErrorCode) -> bool {
    let rule = rule(operation);
    rule.requirements().any(|it| it.otherwise == code)
        || rule.late.iter().any(|it| it.code == code)
        // A job is cancelled by a client, or finds the virtual machine changed under it.
        || code == CHANGED_MEANWHILE.code
            && rule.plans.iter().any(|it| !it.at_once)
            && rule.target != Target::Host
        || code == ErrorCode::Failed && rule.plans.iter().any(is_cancellable)
}

/// What any job may fail with, whatever its operation.
pub static CHANGED_MEANWHILE: Late = Late {
    code: ErrorCode::InvalidState,
    says: "what the job is about has changed since its call was accepted",
    evidence: Evidence::Assumed("no source says how a job ends that is no longer possible"),
};

/// What the book says of a job of this type that failed with this code and this summary.
///
/// Where it lists several failures with one code, a summary that has the words of one decides; a
/// failure that it does not list is one that any job may meet.
pub fn late_failure(job_type: JobType, code: ErrorCode, summary: &str) -> &'static Late {
    let of_type = RULES.iter().filter(|it| it.plans.iter().any(|plan| plan.job_type == job_type));
    let listed = || of_type.clone().flat_map(|it| it.late).filter(|it| it.code == code);
    let named = listed().find(|it| summary.contains(it.says));
    named.or_else(|| listed().next()).unwrap_or(&CHANGED_MEANWHILE)
}

/// Whether Microsoft's schema lists “file not found” for a method, as the pages of all do.
const fn is_in_schema(operation: Operation) -> bool {
    !matches!(
        operation,
        Operation::ModifyServiceSettings | Operation::SetFailoverNetworkAdapterSettings
    )
}

fn is_cancellable(plan: &Plan) -> bool {
    plan.cancellable
}

/// Why a documented code that the model does not [produce](produces) for an operation can only be
/// had by injecting a fault. `None` if it is produced.
///
/// The pages list the same codes for every method of the service, whatever the method does.
pub fn only_by_fault(operation: Operation, code: ErrorCode) -> Option<&'static str> {
    if produces(operation, code) {
        return None;
    }
    if !operation.is_implemented() {
        return Some("it is documented to return 0 and 1 only, and Windows does not implement it");
    }
    Some(match code {
        ErrorCode::Failed => "nothing it does can fail here for a reason without a code of its own",
        ErrorCode::NotSupported => "every Windows does it",
        ErrorCode::StatusUnknown => "no source says when the status is unknown",
        ErrorCode::InUse => "it waits for nothing and holds nothing",
        ErrorCode::InvalidState => "it does not depend on a state",
        ErrorCode::IncorrectDataType if produces(operation, ErrorCode::InvalidParameter) => {
            "it takes only values, and WMI itself refuses one of another type"
        }
        ErrorCode::IncorrectDataType | ErrorCode::InvalidParameter => "it takes no parameter",
        ErrorCode::NotAvailable => "it is about no virtual machine",
        ErrorCode::FileNotFound if !is_in_schema(operation) => {
            "its page lists it, Microsoft's schema of the method does not, and it opens nothing"
        }
        ErrorCode::FileNotFound => "it opens neither a disk nor a folder",
        ErrorCode::AccessDenied | ErrorCode::Timeout | ErrorCode::OutOfMemory => {
            "every implemented method can be refused with it"
        }
    })
}
