//! The replica server: its settings, whom it lets in, and trying a connection.

use super::{Require, Rule, STORAGE_LEFT, Target, UNLOCKED, fact, late, need, page, plan};
use crate::evidence::Evidence;
use crate::model::{ErrorCode, JobType, Operation, ReplicationMode};
use crate::rules::{Check, Fact, Pace};
use crate::set;
use ErrorCode::{
    AccessDenied, Failed, FileNotFound, InvalidParameter, InvalidState, NotAvailable, NotSupported,
    Timeout,
};
use Evidence::{Assumed, Client, Documented, Observed};

const SYNCHRONOUS: &str = "touches neither disks nor another host; clients handle both 0 and 4096";

pub(super) const MODIFY_SERVICE_SETTINGS: Rule = Rule {
    operation: Operation::ModifyServiceSettings,
    target: Target::Host,
    requires: &[
        fact(Fact::ServerSettingsValid, InvalidParameter, Client(page::SET_SERVER)),
        fact(Fact::MonitoringIntervalKnown, InvalidParameter, Documented(page::SET_SERVER)),
        fact(
            Fact::OwnServer,
            NotSupported,
            Assumed("as for its entries: nodes take the settings of their broker"),
        ),
        fact(
            Fact::ServerUnlocked,
            ErrorCode::InUse,
            Assumed("of two changes at once the last would win, whichever that is"),
        ),
        fact(Fact::CertificateSuitable, Failed, Documented(page::SET_SERVER)),
        fact(
            Fact::PortsFree,
            Failed,
            Assumed("a listener stops when it loses its port; one that cannot start is refused"),
        ),
        STORAGE_LEFT,
    ],
    plans: &[plan(JobType::ModifyServerSettings, &[Pace::Local]).at_once()],
    effect: "The replica server takes the settings; while it is disabled nothing is received. A listener that later loses its port or its certificate stops, and the service's status is 6.",
    evidence: Documented(page::SERVER_SETTINGS),
    late: &[],
};

const ENTRY_VALID: Require = fact(Fact::EntryValid, InvalidParameter, Documented(page::NEW_ENTRY));
const OWN_SERVER: Require = fact(Fact::OwnServer, NotSupported, Client(page::NEW_ENTRY));
const ENTRY_KNOWN: Require = fact(
    Fact::EntryKnown,
    InvalidParameter,
    Assumed("the name is a parameter, and it names nothing"),
);

const LOCATION_EXISTS: Require = fact(
    Fact::LocationExists,
    FileNotFound,
    Assumed("adding an entry opens the folder; “file not found” is the documented code that fits"),
);

pub(super) const ADD_ENTRY: Rule = Rule {
    operation: Operation::AddAuthorizationEntry,
    target: Target::Host,
    requires: &[
        ENTRY_VALID,
        OWN_SERVER,
        fact(Fact::WildcardAlone, InvalidState, Client(page::NEW_ENTRY)),
        fact(
            Fact::EntryNew,
            Failed,
            Assumed("entries are keyed by name; no source gives the code of a duplicate"),
        ),
        LOCATION_EXISTS,
        fact(Fact::LocationOpens, AccessDenied, Observed(page::BLOG_SMB)),
        STORAGE_LEFT,
    ],
    plans: &[],
    effect: "Hosts that the entry covers may replicate to this host.",
    evidence: Documented(page::NEW_ENTRY),
    late: &[],
};

pub(super) const MODIFY_ENTRY: Rule = Rule {
    operation: Operation::ModifyAuthorizationEntry,
    target: Target::Host,
    requires: &[
        ENTRY_VALID,
        ENTRY_KNOWN,
        OWN_SERVER,
        LOCATION_EXISTS,
        fact(
            Fact::LocationOpens,
            AccessDenied,
            Assumed("another folder is opened as that of a new entry is"),
        ),
        STORAGE_LEFT,
    ],
    plans: &[],
    effect: "The entry takes the new trust group and storage location; disks of existing replicas stay where they are.",
    evidence: Documented(page::cmdlet!("set-vmreplicationauthorizationentry")),
    late: &[],
};

pub(super) const REMOVE_ENTRY: Rule = Rule {
    operation: Operation::RemoveAuthorizationEntry,
    target: Target::Host,
    requires: &[ENTRY_KNOWN, OWN_SERVER, STORAGE_LEFT],
    plans: &[],
    effect: "Hosts that only this entry covered are refused at their next cycle.",
    evidence: Documented(page::win32!("removeauthorizationentry-msvm-replicationservice")),
    late: &[],
};

pub(super) const SET_ENTRY: Rule = Rule {
    operation: Operation::SetAuthorizationEntry,
    target: Target::Primary,
    requires: &[
        fact(Fact::EntryKnown, InvalidParameter, Documented(page::ENABLE)),
        need(
            Check::Mode(set!(ReplicationMode: Replica | ExtendedReplica)),
            InvalidState,
            "the virtual machine must be a replica",
            Documented(page::win32!("setauthorizationentry-msvm-replicationservice")),
        ),
        UNLOCKED,
        STORAGE_LEFT,
    ],
    plans: &[],
    effect: "Hosts whose entry has the same trust group may send to this replica.",
    evidence: Documented(page::win32!("setauthorizationentry-msvm-replicationservice")),
    late: &[],
};

pub(super) const GET_CERTIFICATES: Rule = Rule {
    operation: Operation::GetSystemCertificates,
    target: Target::Host,
    requires: &[],
    plans: &[],
    effect: "Returns the certificates of the host's personal store, in base64.",
    evidence: Documented(page::win32!("getsystemcertificates-msvm-replicationservice")),
    late: &[],
};

pub(super) const TEST_CONNECTION: Rule = Rule {
    operation: Operation::TestReplicationConnection,
    target: Target::Host,
    requires: &[
        fact(
            Fact::PortValid,
            InvalidParameter,
            Client(page::cmdlet!("test-vmreplicationconnection")),
        ),
        fact(
            Fact::AuthenticationValid,
            InvalidParameter,
            Documented(page::win32!("testreplicationconnection-msvm-replicationservice")),
        ),
    ],
    plans: &[plan(JobType::TestConnection, &[Pace::Contact]).cancellable()],
    effect: "The job succeeds if replication to the other host could be enabled.",
    evidence: Documented(page::win32!("testreplicationconnection-msvm-replicationservice")),
    late: &[
        late(
            Timeout,
            "the other host does not answer",
            Assumed("“timeout” is the documented code for a connection that fails"),
        ),
        late(
            NotAvailable,
            "no host has that name, or its replica server is disabled or listens elsewhere",
            Assumed("“system is not available” is the documented code that fits"),
        ),
        late(
            AccessDenied,
            "the other host does not let this one in, or one of the two has no certificate that is fit for replication",
            Assumed("“access denied” is the documented code that fits"),
        ),
        late(
            NotSupported,
            "the other host runs an older Windows",
            Assumed("“not supported” is the documented code that fits"),
        ),
    ],
};

/// Why these methods answer 0 and not 4096; printed with the methods that have no plan.
pub(crate) const SYNCHRONOUS_BECAUSE: Evidence = Assumed(SYNCHRONOUS);
