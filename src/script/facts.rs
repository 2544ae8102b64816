//! What an expectation says of a virtual machine, of a job and of an entry in a log.

use super::args::Args;
use super::form::{
    Address, Exact, Hresult, LegForm, Number, Seconds, Size, Text, Time, When, WhenForm, YES_NO,
};
use super::print::args_of;
use super::text::Arg;
use crate::model::{
    EnabledState, ErrorCode, EventId, HealthState, JobState, JobType, Leg, LogEntry, MessageId,
    ReplicationHealth, ReplicationMode, ReplicationState, ReplicationType,
};
use std::net::IpAddr;
use std::time::Duration;

/// Declares what can be said of a virtual machine: each fact once, with its key and its form.
macro_rules! vm_facts {
    ($($(#[$meta:meta])* $name:ident: $type:ty = $form:expr;)+) => {
        /// What is known of a virtual machine and one of its relationships. What is `None` is not
        /// looked at. Behind a key of the same name stands each in a line.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub struct VmFacts {
            $($(#[$meta])* pub $name: Option<$type>,)+
            /// `relationship=`: which relationship is looked at; the first if `None`.
            pub relationship: Option<Leg>,
        }

        impl VmFacts {
            /// These facts as far as `like` looks at them.
            #[must_use]
            pub fn seen_by(&self, like: &Self) -> Self {
                Self {
                    $($name: self.$name.filter(|_| like.$name.is_some()),)+
                    relationship: like.relationship,
                }
            }
        }

        /// The arguments with keys.
        pub(super) fn keyed<A: Args>(args: &mut A, facts: &mut VmFacts) {
            $(args.maybe(stringify!($name), $form, &mut facts.$name);)+
            args.maybe("relationship", LegForm, &mut facts.relationship);
        }
    };
}

vm_facts! {
    /// Its role.
    mode: ReplicationMode = Exact::new();
    /// The state of the relationship.
    state: ReplicationState = Exact::new();
    /// The health of the relationship.
    health: ReplicationHealth = Exact::new();
    /// Its power.
    power: EnabledState = Exact::new();
    /// `HealthState`: how well its host keeps it running.
    vm_health: HealthState = Exact::new();
    /// How many recovery points it has.
    points: u32 = Number::new();
    /// How many of its disks the relationship replicates.
    disks: u32 = Number::new();
    /// `LastReplicationType`.
    last: ReplicationType = Exact::new();
    /// `FailedOverReplicationType`.
    failed_over: ReplicationType = Exact::new();
    /// Whether it has a test replica.
    test_replica: bool = YES_NO;
    /// What it lacks of what another copy holds, in bytes.
    lacks: u64 = Size;
    /// What it alone holds, in bytes.
    own: u64 = Size;
    /// Whether two copies were written to after they had parted.
    split_brain: bool = YES_NO;
    /// How long the last outage of the virtual machine was, wherever it runs.
    outage: Duration = Time;
    /// What no copy holds any more, in bytes.
    lost: u64 = Size;
    /// An address that its guest reports.
    address: IpAddr = Address;
    /// `LastReplicationTime`: when the replica received the last log.
    last_replication: When = WhenForm;
    /// `LastApplyTime`: when the replica applied the last log.
    last_apply: When = WhenForm;
    /// `LastApplicationConsistentReplicationTime`: when the replica received the last
    /// application-consistent log.
    last_application_consistent: When = WhenForm;
    /// `LastTestFailoverTime`: when the last test failover was made.
    last_test_failover: When = WhenForm;
    /// `StartStatisticTime`: when the monitoring window began.
    window_start: When = WhenForm;
    /// `ReplicationSuccessCount`.
    successes: u32 = Number::new();
    /// `ReplicationMissCount`.
    misses: u32 = Number::new();
    /// `ReplicationSize`, in bytes.
    size: u64 = Size;
    /// `MaxReplicationSize`, in bytes.
    max_size: u64 = Size;
    /// `ReplicationLatency`: the time that cycles took, added up, in seconds.
    latency: u32 = Seconds::new();
    /// `MaxReplicationLatency`, in seconds.
    max_latency: u32 = Seconds::new();
    /// `NetworkFailureCount`.
    network_failures: u32 = Number::new();
    /// `ReplicationFailureCount`.
    replication_failures: u32 = Number::new();
    /// `ApplicationConsistentSnapshotFailureCount`.
    application_consistent_failures: u32 = Number::new();
    /// `PendingReplicationSize`, in bytes.
    pending: u64 = Size;
    /// How many `ReplicationHealthIssues` there are.
    issues: u32 = Number::new();
    /// One of them.
    issue: MessageId = Exact::new();
}

impl VmFacts {
    /// Mode, state, health and power alone.
    pub(super) fn looks(&self) -> Self {
        let Self { mode, state, health, power, .. } = *self;
        Self { mode, state, health, power, ..Self::default() }
    }
}

/// What is known of a job. What is `None` is not looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobFacts {
    /// How far it is.
    pub state: Option<JobState>,
    /// Percent complete: at least and at most.
    pub percent: Option<(u8, u8)>,
    /// Why it failed.
    pub error: Option<ErrorCode>,
    /// `type=`: what it does.
    pub job_type: Option<JobType>,
}

impl JobFacts {
    /// Whether a job looks like this.
    pub fn hold(self, found: &Self) -> bool {
        let percent = match (self.percent, found.percent) {
            (Some((from, to)), Some((at, _))) => (from..=to).contains(&at),
            (wanted, _) => wanted.is_none(),
        };
        percent
            && (self.state.is_none() || self.state == found.state)
            && (self.error.is_none() || self.error == found.error)
            && (self.job_type.is_none() || self.job_type == found.job_type)
    }

    /// These facts as far as `like` looks at them.
    #[must_use]
    pub fn seen_by(self, like: Self) -> Self {
        Self {
            state: self.state,
            percent: self.percent.filter(|_| like.percent.is_some()),
            error: self.error,
            job_type: self.job_type.filter(|_| like.job_type.is_some()),
        }
    }
}

/// What is known of an entry in a host's log. What is `None` is not looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventFacts {
    /// What it reports.
    pub id: EventId,
    /// `hresult=`: the code behind a failure.
    pub hresult: Option<u32>,
    /// `says=`: what stands somewhere in its message.
    pub says: Option<String>,
}

impl From<EventId> for EventFacts {
    fn from(id: EventId) -> Self {
        Self { id, hresult: None, says: None }
    }
}

impl EventFacts {
    pub(super) fn keys(&self) -> Vec<Arg> {
        args_of(|writer| event_keys(writer, &mut self.clone()))
    }

    /// Whether an entry looks like this.
    pub fn hold(&self, entry: &LogEntry) -> bool {
        self.id == entry.id
            && (self.hresult.is_none() || self.hresult == entry.hresult)
            && self.says.as_ref().is_none_or(|says| entry.message.contains(says))
    }

    /// An entry, as far as these facts look at it.
    #[must_use]
    pub fn seen_of(&self, entry: &LogEntry) -> Self {
        Self {
            id: entry.id,
            hresult: entry.hresult.filter(|_| self.hresult.is_some()),
            says: self.says.as_ref().map(|_| entry.message.clone()),
        }
    }
}

/// What is said of an entry besides its number.
pub(super) fn event_keys<A: Args>(args: &mut A, facts: &mut EventFacts) {
    args.maybe("hresult", Hresult, &mut facts.hresult);
    args.maybe("says", Text, &mut facts.says);
}
