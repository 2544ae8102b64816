//! What is asked of a service: a method or a read.

use crate::model::{Call, JobId, Operation, SimTime, VmId};
use std::fmt;

macro_rules! reads {
    ($($(#[$meta:meta])* $variant:ident = $name:literal;)+) => {
        /// A read of the contract, without what it reads of.
        ///
        /// `now` and `sleep` are not among them: they are the caller's clock, not a question.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(serde::Serialize, serde::Deserialize)]
        #[non_exhaustive]
        pub enum Read {
            $($(#[$meta])* $variant,)+
        }

        impl Read {
            /// Every read.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name of the method of [`ReplicationService`](crate::ReplicationService).
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }
        }
    };
}

reads! {
    /// The host.
    Host = "host";
    /// The settings of its replica server.
    ServiceSettings = "service_settings";
    /// Whom it lets in.
    AuthorizationEntries = "authorization_entries";
    /// Its virtual machines.
    Vms = "vms";
    /// One virtual machine.
    Vm = "vm";
    /// A relationship.
    Relationship = "relationship";
    /// The settings of a relationship.
    Settings = "settings";
    /// The recovery points of a virtual machine.
    RecoveryPoints = "recovery_points";
    /// The disks and adapters of a virtual machine.
    Devices = "devices";
    /// The failover addresses of a virtual machine.
    FailoverNetwork = "failover_network";
    /// The jobs of the host.
    Jobs = "jobs";
    /// One job.
    Job = "job";
}

impl fmt::Display for Read {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Which questions a rule is about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize,
)]
pub enum Asked {
    /// Any call and any read.
    #[default]
    Anything,
    /// Any call.
    AnyCall,
    /// Any read.
    AnyRead,
    /// The calls of one operation, under its deprecated name as well.
    Call(Operation),
    /// The reads of one kind.
    Read(Read),
}

impl Asked {
    /// Whether a question is among these; `self` is the wider one.
    pub fn covers(self, question: Self) -> bool {
        match self {
            Self::Anything => true,
            Self::AnyCall => matches!(question, Self::Call(_)),
            Self::AnyRead => matches!(question, Self::Read(_)),
            Self::Call(_) | Self::Read(_) => self == question,
        }
    }
}

impl From<Operation> for Asked {
    fn from(operation: Operation) -> Self {
        Self::Call(operation)
    }
}

impl From<Read> for Asked {
    fn from(read: Read) -> Self {
        Self::Read(read)
    }
}

/// A question as a rule sees it, before the service does.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Seen<'a> {
    /// The host that is asked, by the name it was put under.
    pub host: &'a str,
    /// What for: [`Asked::Call`] or [`Asked::Read`].
    pub asked: Asked,
    /// The call, if it is one.
    pub call: Option<&'a Call>,
    /// The virtual machine it is about. A job is about the virtual machine whose call began it, as
    /// far as that passed under the same rules; else about the first that it affects.
    pub vm: Option<VmId>,
    /// What the virtual machine is called, where that is known.
    pub vm_name: Option<&'a str>,
    /// The job it is about.
    pub job: Option<JobId>,
    /// The time of the service.
    pub at: SimTime,
}

impl Seen<'_> {
    /// The operation, if it is a call.
    pub fn operation(&self) -> Option<Operation> {
        self.call.map(Call::operation)
    }
}
