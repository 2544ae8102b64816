//! Which of the documented codes an operation can return in the model, and why not the others.

use super::{Plan, rule};
use crate::model::{ErrorCode, Operation};

/// Whether the model produces this code for this operation: as a return value, or as the error of
/// the job it started.
pub fn produces(operation: Operation, code: ErrorCode) -> bool {
    let rule = rule(operation);
    rule.requirements().any(|it| it.otherwise == code)
        || rule.late.iter().any(|it| it.code == code)
        // A job finds the virtual machine changed under it, or is cancelled by a client.
        || code == ErrorCode::InvalidState && !rule.plans.is_empty()
        || code == ErrorCode::Failed && rule.plans.iter().any(is_cancellable)
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
    Some(match code {
        ErrorCode::Failed => "nothing it does can fail here for a reason without a code of its own",
        ErrorCode::AccessDenied => "every caller who may not is refused before",
        ErrorCode::NotSupported => "every Windows does it",
        ErrorCode::StatusUnknown => "no source says when the status is unknown",
        ErrorCode::Timeout => {
            "a host that does not answer ends the job with 32768, as the one recorded failure did"
        }
        ErrorCode::InvalidParameter => "it takes no parameter that could be out of range",
        ErrorCode::InUse => "it waits for nothing and holds nothing",
        ErrorCode::InvalidState => "it does not depend on a state",
        ErrorCode::IncorrectDataType => "a typed call has no instance of a wrong class",
        ErrorCode::NotAvailable => "it is about no virtual machine",
        ErrorCode::OutOfMemory => "the memory of hosts is not modelled",
        ErrorCode::FileNotFound => {
            "it names no file; the disks of virtual machines are always there"
        }
    })
}
