//! Power, jobs, statistics, network settings, and what Windows does not implement.

use super::{
    DISK_FULL, DISK_MISSING, ENABLED_STATE, RELATIONSHIP_KNOWN, Require, Rule, STORAGE_LEFT,
    Target, UNLOCKED, fact, need, page, plan,
};
use crate::evidence::Evidence;
use crate::model::{ErrorCode, JobType, Operation, Power, ReplicationMode, ReplicationState};
use crate::rules::{Check, Fact, Late, Pace};
use crate::set;
use ErrorCode::{InvalidParameter, InvalidState, NotSupported};
use Evidence::{Assumed, Documented};

const REPLICATED: Check = Check::Mode(set!(ReplicationMode: Primary | Replica | ExtendedReplica));
const NOT_IMPLEMENTED: Evidence =
    Assumed("the page lists only 0 and 1, and 1 says “not supported”");

pub(super) const SET_NETWORK: Rule = Rule {
    operation: Operation::SetFailoverNetworkAdapterSettings,
    target: Target::Primary,
    requires: &[
        fact(
            Fact::NetworkValid,
            InvalidParameter,
            Documented(page::win32!("msvm-failovernetworkadaptersettingdata")),
        ),
        fact(Fact::AdaptersTakeSettings, InvalidParameter, Documented(page::BLOG_NETWORK)),
        need(
            REPLICATED,
            InvalidState,
            "the virtual machine must be replicated",
            Documented(page::BLOG_NETWORK),
        ),
        UNLOCKED,
        STORAGE_LEFT,
    ],
    plans: &[],
    effect: "The addresses are stored, and taken by the guest when it talks to the host after a failover, real or for a test. Settings without an address and without DHCP clear those of their adapter: the guest keeps what the primary had.",
    evidence: Documented(page::win32!("setfailovernetworkadaptersettings-msvm-replicationservice")),
    late: &[],
};

pub(super) const GET_STATISTICS: Rule = Rule {
    operation: Operation::GetReplicationStatistics,
    target: Target::Named,
    requires: &[
        RELATIONSHIP_KNOWN,
        need(
            REPLICATED,
            InvalidState,
            "the virtual machine must be replicated",
            Assumed("as for a reset"),
        ),
        need(ENABLED_STATE, InvalidState, "the relationship must exist", Assumed("as for a reset")),
    ],
    plans: &[],
    effect: "Returns one record of statistics and the health issues, if any; always before the call returns, for a job (111) could not hand them over.",
    evidence: Documented(page::win32!("getreplicationstatisticsex-msvm-replicationservice")),
    late: &[],
};

pub(super) const RESET_STATISTICS: Rule = Rule {
    operation: Operation::ResetReplicationStatistics,
    target: Target::Named,
    requires: &[
        RELATIONSHIP_KNOWN,
        need(
            REPLICATED,
            InvalidState,
            "the virtual machine must be replicated",
            Documented(page::BLOG_MEASURE),
        ),
        need(
            ENABLED_STATE,
            InvalidState,
            "the relationship must exist",
            Documented(page::BLOG_MEASURE),
        ),
        UNLOCKED,
        STORAGE_LEFT,
    ],
    plans: &[plan(JobType::ResetStatistics, &[Pace::Local]).at_once()],
    effect: "The counters start anew, and a warning that rested on them is gone.",
    evidence: Documented(page::cmdlet!("reset-vmreplicationstatistics")),
    late: &[],
};

const fn not_implemented(operation: Operation) -> Rule {
    Rule {
        operation,
        target: Target::Host,
        requires: &[],
        plans: &[],
        effect: "Returns 1: Windows does not implement it.",
        evidence: NOT_IMPLEMENTED,
        late: &[],
    }
}

pub(super) const SERVICE_STATE: Rule = not_implemented(Operation::RequestServiceStateChange);
pub(super) const START_SERVICE: Rule = not_implemented(Operation::StartService);
pub(super) const STOP_SERVICE: Rule = not_implemented(Operation::StopService);

const fn power_must_be(check: Check, says: &'static str) -> Require {
    need(
        check,
        InvalidState,
        says,
        Assumed("the page has the code for a state that is not supported, and names none"),
    )
}

pub(super) const START_VM: Rule = Rule {
    operation: Operation::StartVm,
    target: Target::Primary,
    requires: &[
        power_must_be(
            Check::Power(set!(Power: Off | Saved | Paused)),
            "the virtual machine must be off, saved or paused",
        ),
        need(
            Check::SenderState(set!(ReplicationState:
                Disabled | Ready | WaitingForInitialReplication | Replicating | Suspended | Critical
                | WaitingForResynchronization | Resynchronizing | ResynchronizationSuspended
                | DiskUpdateInProgress | DiskUpdateCritical)),
            InvalidState,
            "a primary that is prepared for a planned failover is locked from starting",
            Documented(page::BLOG_HEALTH),
        ),
        need(
            Check::ReceiverState(set!(ReplicationState: Recovered | Committed | FailbackComplete)),
            InvalidState,
            "a replica cannot start unless it is failed over, or failed back",
            Documented(page::BLOG_NETWORK),
        ),
        UNLOCKED,
    ],
    plans: &[
        plan(JobType::ResumeVm, &[Pace::Local]).when(&[Check::Power(set!(Power: Paused))]),
        plan(JobType::RestoreVm, &[Pace::Boot]).when(&[Check::Power(set!(Power: Saved))]),
        plan(JobType::StartVm, &[Pace::Boot]),
    ],
    effect: "The virtual machine runs.",
    evidence: Documented(page::POWER),
    late: WRITES,
};

const fn power(
    operation: Operation,
    requires: &'static [Require],
    plans: &'static [super::Plan],
    late: &'static [Late],
    effect: &'static str,
) -> Rule {
    Rule {
        operation,
        target: Target::Primary,
        requires,
        plans,
        effect,
        evidence: Documented(page::POWER),
        late,
    }
}

const RUNNING: Require =
    power_must_be(Check::Power(set!(Power: Running)), "the virtual machine must be running");
const RUNNING_OR_PAUSED: Require = power_must_be(
    Check::Power(set!(Power: Running | Paused)),
    "the virtual machine must be running or paused",
);

/// The methods of virtual machines do not list “file not found”.
const WRITES: &[Late] = &[DISK_FULL, Late { code: ErrorCode::Failed, ..DISK_MISSING }];

pub(super) const TURN_OFF_VM: Rule = power(
    Operation::TurnOffVm,
    &[
        need(
            Check::Power(set!(Power: Running | Paused | Saved | Changing)),
            InvalidState,
            "the virtual machine must not be off",
            Assumed("libvirt, a client, does not ask for it; nobody has seen a refusal"),
        ),
        UNLOCKED,
    ],
    &[plan(JobType::PowerOffVm, &[Pace::Local])],
    &[],
    "The virtual machine is off at once, whatever else it was asked for; a saved state is deleted.",
);
pub(super) const SHUT_DOWN_VM: Rule = power(
    Operation::ShutDownVm,
    &[RUNNING, UNLOCKED],
    &[plan(JobType::ShutDownVm, &[Pace::GuestShutdown])],
    &[],
    "The guest shuts down, then the virtual machine is off.",
);
pub(super) const SAVE_VM: Rule = power(
    Operation::SaveVm,
    &[RUNNING_OR_PAUSED, UNLOCKED],
    &[plan(JobType::SaveVm, &[Pace::Boot])],
    WRITES,
    "The virtual machine is saved.",
);
pub(super) const PAUSE_VM: Rule = power(
    Operation::PauseVm,
    &[RUNNING, UNLOCKED],
    &[plan(JobType::PauseVm, &[Pace::Local])],
    &[],
    "The virtual machine is paused.",
);
pub(super) const REBOOT_VM: Rule = power(
    Operation::RebootVm,
    &[RUNNING, UNLOCKED],
    &[plan(JobType::RebootVm, &[Pace::GuestShutdown, Pace::Boot])],
    WRITES,
    "The guest restarts.",
);
pub(super) const RESET_VM: Rule = power(
    Operation::ResetVm,
    &[RUNNING_OR_PAUSED, UNLOCKED],
    &[plan(JobType::ResetVm, &[Pace::Boot])],
    WRITES,
    "The virtual machine restarts at once.",
);
pub(super) const UNDOCUMENTED_POWER: Rule = power(
    Operation::RequestUndocumentedPower,
    &[
        fact(
            Fact::RequestedStateKnown,
            InvalidParameter,
            Assumed("as for a replication state outside its value map"),
        ),
        fact(
            Fact::PowerOffered,
            NotSupported,
            Assumed("the page lists more states, some for the first version of Hyper-V only"),
        ),
    ],
    &[],
    &[],
    "Never accepted.",
);

pub(super) const JOB_STATE: Rule = Rule {
    operation: Operation::RequestJobStateChange,
    target: Target::Job,
    requires: &[
        fact(
            Fact::RequestedStateKnown,
            InvalidParameter,
            Assumed("as for a replication state outside its value map"),
        ),
        fact(
            Fact::JobEndRequested,
            NotSupported,
            Assumed(
                "the page lists more states; no job of replication is started or halted by its client",
            ),
        ),
        fact(
            Fact::JobCancellable,
            InvalidState,
            Assumed("Cancellable is no guarantee, but without it there is nothing to try"),
        ),
        need(
            Check::Holds(Fact::Unlocked),
            ErrorCode::InUse,
            "no other operation, such as a pause, may have hold of what the job works on",
            Assumed("one operation at a time on a virtual machine"),
        ),
    ],
    plans: &[],
    effect: "The job ends as terminated (8) or killed (9), and what it began is taken back.",
    evidence: Documented(page::JOB_STATE),
    late: &[],
};

const fn get_error(operation: Operation) -> Rule {
    Rule {
        operation,
        target: Target::Job,
        requires: &[],
        plans: &[],
        effect: "Returns why the job failed or was cancelled; nothing while it runs and after success.",
        evidence: Documented(page::win32!("geterror-msvm-concretejob")),
        late: &[],
    }
}

pub(super) const GET_ERROR: Rule = get_error(Operation::GetError);
pub(super) const GET_ERROR_EX: Rule = get_error(Operation::GetErrorEx);

pub(super) const DESTROY: Rule = Rule {
    operation: Operation::DestroySystem,
    target: Target::Primary,
    requires: &[
        need(
            Check::Mode(set!(ReplicationMode: None | TestReplica)),
            InvalidState,
            "the virtual machine must be unreplicated or a test replica",
            Assumed(
                "no source says what becomes of a relationship; Microsoft's test removes it first",
            ),
        ),
        need(
            Check::Power(set!(Power: Off | Saved)),
            InvalidState,
            "the virtual machine must be off or saved",
            Documented(page::DESTROY),
        ),
        need(
            Check::Holds(Fact::NoTestReplica),
            InvalidState,
            "its test replica must be deleted first",
            Assumed("a test replica runs on differencing disks of the virtual machine's"),
        ),
        UNLOCKED,
    ],
    plans: &[
        plan(JobType::RemoveTestReplica, &[Pace::Merge])
            .when(&[Check::Mode(set!(ReplicationMode: TestReplica))]),
        plan(JobType::DestroyVm, &[Pace::Local]),
    ],
    effect: "The virtual machine is gone; its replica may make another test replica.",
    evidence: Documented(page::DESTROY),
    late: WRITES,
};
