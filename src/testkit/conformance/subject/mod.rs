//! The behaviours, one file for each subject. What each says stands in the [list](super::list).

/// Declares what the behaviours of a subject say, beside their functions: for each its sentence, how
/// it is known, what it needs, and since which Windows there is such a thing.
macro_rules! behaviours {
    ($subject:literal; $(
        $name:ident:
            $says:literal,
            $evidence:expr $(, [$($need:ident),+])? $(, since $build:ident)?;
    )+) => {
        /// The behaviours of this subject, each under the name of its function.
        #[allow(non_upper_case_globals)]
        pub(in super::super) mod listed {
            use crate::model::WindowsBuild;
            use crate::evidence::Evidence::*;
            use crate::testkit::conformance::page::*;
            use crate::testkit::conformance::Behaviour;

            $(pub(in super::super::super) const $name: Behaviour = Behaviour {
                subject: $subject,
                name: stringify!($name),
                says: $says,
                evidence: $evidence,
                since: behaviours!(@since $($build)?),
                needs: &[$($(crate::testkit::conformance::Capability::$need),+)?],
                check: super::$name,
            };)+
        }
    };
    // Whatever names a relationship is not older.
    (@since) => { WindowsBuild::Server2012R2 };
    (@since $build:ident) => { WindowsBuild::$build };
}

pub(super) mod commit;
pub(super) mod create;
pub(super) mod cycles;
pub(super) mod extended;
pub(super) mod failover;
pub(super) mod initial;
pub(super) mod jobs;
pub(super) mod network;
pub(super) mod pause;
pub(super) mod planned;
pub(super) mod points;
pub(super) mod power;
pub(super) mod presence;
pub(super) mod removal;
pub(super) mod resync;
pub(super) mod rights;
pub(super) mod server;
pub(super) mod statistics;
pub(super) mod test_failover;
pub(super) mod trouble;

use super::site::{Checked, Site, arranged, shown};
use super::trial::{Guest, INTERVAL_S, Trial};
use super::{Act, Place};
use crate::error::Error;
use crate::model::time::{days, hours, minutes, seconds};
use crate::model::{
    AuthenticationType, AuthorizationEntry, Call, DiskId, EnabledState, ErrorCode,
    FailoverNetworkAdapterSettings, Guid, InitialReplication, IpProtocol, JobId, JobState, JobType,
    PointId, RecoveryPointKind, RelationshipId, ReplicationHealth, ReplicationMode,
    ReplicationState, ReplicationType, ServiceSettings, Settings, VmId,
};
use crate::service::{Outcome, ReplicationService, ReplicationServiceExt};

/// Refused for the state or the power.
const WRONG_STATE: &[ErrorCode] = &[ErrorCode::InvalidState];

/// Refused for the role: the pages name no code of their own for it.
const WRONG_ROLE: &[ErrorCode] = &[ErrorCode::InvalidState, ErrorCode::NotSupported];

/// Refused for a value.
const BAD_VALUE: &[ErrorCode] = &[ErrorCode::InvalidParameter];

/// Refused without a code that fits, as a job that fails on the other host.
const FAILS: &[ErrorCode] = &[ErrorCode::Failed, ErrorCode::NotAvailable, ErrorCode::Timeout];

/// A GUID that nothing has, of a form that nobody draws.
const NOTHING: Guid = Guid(0xC0DE_C0DE_0000_4000_8000_0000_0000_0001);
