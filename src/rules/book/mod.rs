//! The rules themselves, in the order of [`Operation::ALL`](crate::model::Operation::ALL).

mod failover;
mod other;
mod relationship;
mod server;
mod state;

pub(crate) use server::SYNCHRONOUS_BECAUSE;

use super::page;
use super::{Check, Evidence, Fact, Late, Pace, Plan, Require, Rule, Target};
use crate::model::{ErrorCode, JobType, Operation, ReplicationState, WindowsBuild};
use crate::set;

/// The rule book: one rule for each operation, in the order of the operations.
pub static RULES: &[Rule] = &[
    server::MODIFY_SERVICE_SETTINGS,
    server::ADD_ENTRY,
    server::MODIFY_ENTRY,
    server::REMOVE_ENTRY,
    server::SET_ENTRY,
    server::GET_CERTIFICATES,
    server::TEST_CONNECTION,
    relationship::CREATE,
    relationship::MODIFY,
    relationship::REMOVE,
    relationship::START,
    relationship::IMPORT,
    failover::REVERSE,
    failover::INITIATE,
    failover::REVERT,
    failover::COMMIT,
    failover::TEST,
    relationship::RESYNCHRONIZE,
    other::SET_NETWORK,
    other::GET_STATISTICS,
    other::RESET_STATISTICS,
    failover::CHANGE_MODE,
    failover::FAILBACK,
    other::SERVICE_STATE,
    other::START_SERVICE,
    other::STOP_SERVICE,
    state::CANCEL_INITIAL,
    state::BECOME_REPLICA,
    state::RESUME,
    state::PREPARE,
    state::SUSPEND,
    state::CANCEL_RESYNC,
    state::RESUME_DISK_UPDATE,
    state::UNDOCUMENTED,
    other::START_VM,
    other::TURN_OFF_VM,
    other::SHUT_DOWN_VM,
    other::SAVE_VM,
    other::PAUSE_VM,
    other::REBOOT_VM,
    other::RESET_VM,
    other::UNDOCUMENTED_POWER,
    other::JOB_STATE,
    other::GET_ERROR,
    other::GET_ERROR_EX,
    other::DESTROY,
];

const fn need(
    check: Check,
    otherwise: ErrorCode,
    says: &'static str,
    evidence: Evidence,
) -> Require {
    Require { check, otherwise, says, evidence }
}

/// A requirement that is a fact, in the fact's own words.
const fn fact(fact: Fact, otherwise: ErrorCode, evidence: Evidence) -> Require {
    Require { check: Check::Holds(fact), otherwise, says: fact.says(), evidence }
}

const fn plan(job_type: JobType, phases: &'static [Pace]) -> Plan {
    Plan { when: &[], job_type, during: None, phases, cancellable: false, at_once: false }
}

impl Plan {
    const fn when(self, when: &'static [Check]) -> Self {
        Self { when, ..self }
    }

    const fn during(self, state: ReplicationState) -> Self {
        Self { during: Some(state), ..self }
    }

    const fn cancellable(self) -> Self {
        Self { cancellable: true, ..self }
    }

    const fn at_once(self) -> Self {
        Self { at_once: true, ..self }
    }
}

const fn late(code: ErrorCode, says: &'static str, evidence: Evidence) -> Late {
    Late { code, says, evidence }
}

const ADMINISTRATOR: Require = fact(
    Fact::CallerIsAdministrator,
    ErrorCode::AccessDenied,
    Evidence::Documented(page::LEARN_FAILOVER),
);

const ANSWERS: Require = fact(
    Fact::ServiceAnswers,
    ErrorCode::Timeout,
    Evidence::Assumed("of the documented codes “timeout” fits a service that hangs"),
);

const MEMORY_LEFT: Require = fact(
    Fact::MemoryLeft,
    ErrorCode::OutOfMemory,
    Evidence::Assumed("“out of memory” is among the documented codes of every method"),
);

/// What a job that writes to disks fails with when it cannot.
const DISK_FULL: Late = late(
    ErrorCode::Failed,
    "there is not enough space on the disk",
    Evidence::Assumed(
        "no documented code names it; the generic one does for every recorded failure",
    ),
);
const DISK_MISSING: Late = late(
    ErrorCode::FileNotFound,
    "a virtual hard disk cannot be found",
    Evidence::Assumed("“file not found” is among the documented codes of every method"),
);

const VM_KNOWN: Require = fact(
    Fact::VmKnown,
    ErrorCode::NotAvailable,
    Evidence::Assumed(
        "of the documented codes only “system is not available” fits a virtual machine that is not there",
    ),
);

/// No two operations at once on one virtual machine; every operation that locks ends with it.
const UNLOCKED: Require = fact(
    Fact::Unlocked,
    ErrorCode::InUse,
    Evidence::Assumed(
        "one operation at a time on a virtual machine; “system is in use” is the documented code that says so",
    ),
);

const RELATIONSHIP_KNOWN: Require = fact(
    Fact::RelationshipKnown,
    ErrorCode::InvalidParameter,
    Evidence::Assumed("the embedded relationship is a parameter, and it names nothing"),
);

/// Any state but 0: the relationship exists.
const ENABLED_STATE: Check = Check::State(set!(ReplicationState:
    Ready | WaitingForInitialReplication | Replicating | Synced | Recovered | Committed | Suspended
    | Critical | WaitingForResynchronization | Resynchronizing | ResynchronizationSuspended
    | FailoverInProgress | FailbackInProgress | FailbackComplete | DiskUpdateInProgress
    | DiskUpdateCritical | RepurposeInProgress));

const SINCE_2012_R2: Require = need(
    Check::Since(WindowsBuild::Server2012R2),
    ErrorCode::NotSupported,
    "the method exists since Windows Server 2012 R2",
    Evidence::Documented(page::win32!("msvm-replicationservice")),
);

const EX_SINCE_2012_R2: Require = need(
    Check::SinceIf(WindowsBuild::Server2012R2, Fact::RelationshipNamed),
    ErrorCode::NotSupported,
    "the forms of methods that name a relationship exist since Windows Server 2012 R2",
    Evidence::Documented(page::RELATIONSHIP),
);

const SERVER_EDITION: Require =
    fact(Fact::ServerEdition, ErrorCode::NotSupported, Evidence::Documented(page::LEARN_OVERVIEW));

/// What must be given cannot be missing.
const GIVEN: Require = fact(
    Fact::ParametersGiven,
    ErrorCode::InvalidParameter,
    Evidence::Assumed("a missing value is out of every range, and is cheap to notice"),
);

/// What cannot be read as what it should be names nothing that could be looked for.
const OF_CLASS: Require = fact(
    Fact::ParametersOfClass,
    ErrorCode::IncorrectDataType,
    Evidence::Assumed("of the documented codes “incorrect data type” says so"),
);

/// What a call that configures something needs at its end.
const STORAGE_LEFT: Require = fact(
    Fact::StorageLeft,
    ErrorCode::Failed,
    Evidence::Assumed("no documented code names it; jobs that cannot write fail with this one"),
);

/// What a call needs before its own requirements are looked at, whatever it asks for.
pub(super) fn needed_first(operation: Operation, target: Target) -> [&'static [Require]; 5] {
    let when = |applies: bool, requires: &'static [Require]| if applies { requires } else { &[] };
    let about_a_vm = !matches!(target, Target::Host | Target::Job);
    [
        when(operation.is_implemented(), &[ANSWERS, ADMINISTRATOR]),
        when(operation.is_replication(), &[SERVER_EDITION]),
        when(target == Target::Named, &[EX_SINCE_2012_R2]),
        readable(operation),
        when(about_a_vm, &[VM_KNOWN]),
    ]
}

/// What a call needs after everything else.
pub(super) fn needed_last(operation: Operation) -> &'static [Require] {
    if operation.is_implemented() { &[MEMORY_LEFT] } else { &[] }
}

/// What can be wrong with the parameters of a method before their values are looked at: most take
/// an instance or a reference, some only values, some nothing.
fn readable(operation: Operation) -> &'static [Require] {
    match operation {
        Operation::GetSystemCertificates
        | Operation::RequestServiceStateChange
        | Operation::StartService
        | Operation::StopService
        | Operation::GetError
        | Operation::GetErrorEx => &[],
        Operation::RemoveAuthorizationEntry
        | Operation::TestReplicationConnection
        | Operation::StartVm
        | Operation::TurnOffVm
        | Operation::ShutDownVm
        | Operation::SaveVm
        | Operation::PauseVm
        | Operation::RebootVm
        | Operation::ResetVm
        | Operation::RequestUndocumentedPower
        | Operation::RequestJobStateChange => &[GIVEN],
        _ => &[GIVEN, OF_CLASS],
    }
}
