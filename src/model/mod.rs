//! The vocabulary: what WMI says, typed.
//!
//! Every enumeration carries Microsoft's numbers, labels and page, declared once. Records are flat
//! and public, as a client reads them; nothing here decides anything.

mod wire;
pub use wire::{Set, UnknownValue, WireEnum, as_number};

mod state;
pub use state::{
    AllowedAuthentication, AuthenticationType, InitialReplicationType, IpProtocol,
    RecoveryPointKind, ReplicationHealth, ReplicationMode, ReplicationState, ReplicationType,
    RequestedReplicationState, ServiceStatus,
};

mod power;
pub use power::{EnabledState, Power, RequestedState};

mod code;
pub use code::ErrorCode;

mod operation;
pub use operation::{Operation, UnknownOperation};

mod id;
pub use id::{Guid, HostId, JobId, Leg, ParseIdError, PointId, RelationshipId, VmId};

pub mod time;
pub use time::SimTime;

pub mod datetime;
pub use datetime::{CimDateTime, CimInterval, CimTimeOfDay};

mod account;
pub use account::{Copy, Loss, ServiceAccount};

mod certificate;
pub use certificate::{Certificate, CertificateFault};

mod host;
pub use host::{
    AuthorizationEntry, Edition, Host, ReplicationProvider, ServiceSettings, WindowsBuild,
};

mod vm;
pub use vm::{AdapterId, Devices, Disk, DiskId, FailoverNetworkAdapterSettings, HealthState, Vm};

mod network;
pub use network::{Adapter, AdapterKind, GuestSystem, Plug};

mod relationship;
pub use relationship::{IN_BOX_PROVIDER, RecoveryPoint, Relationship, Settings};

mod statistics;
pub use statistics::Statistics;

mod error_record;
pub use error_record::{
    CimStatus, ErrorRecord, ErrorType, MessageId, PerceivedSeverity, ProbableCause,
};

mod event_log;
pub use event_log::{EventId, EventLevel, LogEntry};

mod job;
pub use job::{JOB_RETENTION, Job, JobFailure, JobState, JobType, RequestedJobState};

mod call;
pub use call::{Call, Flaw, InitialReplication, Output};
