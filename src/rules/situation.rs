//! What a guard may look at: a finite view of the world, as one call meets it.

use crate::model::{Power, ReplicationMode, ReplicationState, Set, WindowsBuild, WireEnum};
use std::fmt;

macro_rules! facts {
    ($($(#[$meta:meta])* $variant:ident: $says:literal;)+) => {
        /// A yes-or-no question about a call, answered when a rule asks it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(u8)]
        pub enum Fact {
            $($(#[$meta])* $variant,)+
        }

        impl Fact {
            /// Every fact.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The fact, as a requirement.
            pub const fn says(self) -> &'static str {
                match self { $(Self::$variant => $says,)+ }
            }
        }
    };
}

facts! {
    /// Who calls.
    CallerIsAdministrator: "the caller must be a member of Administrators or Hyper-V Administrators";
    /// The call names a virtual machine of this host.
    VmKnown: "the virtual machine must be on this host";
    /// No other change of the replica server's settings is at work.
    ServerUnlocked: "no other change of the replica server's settings may be at work";
    /// No other operation holds the virtual machine.
    Unlocked: "no other operation may hold the virtual machine";
    /// The relationship that the call names exists on the virtual machine.
    RelationshipKnown: "the relationship must be one of the virtual machine's";
    /// The named relationship is relationship 0, or none is named.
    RelationshipIsPrimary: "only relationship 0 can be asked for this";
    /// The named relationship is relationship 1.
    RelationshipIsExtended: "the relationship must be the extended one, index 1";
    /// The virtual machine sends on the addressed relationship.
    Sends: "only the sending side of a relationship can be asked for this";
    /// Replication has completed at least once.
    HasReplicated: "replication must have completed at least once";
    /// Initial replication has not completed.
    InitialIncomplete: "initial replication must not have completed";
    /// A recovery point, if named, belongs to the virtual machine.
    PointKnown: "the recovery point must belong to the virtual machine";
    /// There is no test replica.
    NoTestReplica: "the virtual machine must not have a test replica already";
    /// The virtual machine has no extended relationship.
    NotExtended: "the extended relationship must be removed first";
    /// The relationship is not an extended one that an external provider keeps.
    ProviderLetsGo: "an extended relationship of an external provider is not removed while that is installed";
    /// The virtual machine has an extended relationship.
    Extended: "the virtual machine must have an extended relationship";
    /// A running resynchronisation has not begun to merge.
    NotMerging: "the resynchronisation must not have begun to merge";
    /// An external provider replicates the virtual machine.
    ExternalProvider: "only an external provider can do this";
    /// The in-box provider is named, or one that is registered.
    ProviderKnown: "the provider must be the in-box one or one registered on this host";
    /// Settings are in range.
    SettingsValid: "the settings must be within their ranges";
    /// Settings name a host, what authenticates towards it, and no empty set of disks.
    SettingsComplete: "the settings must name a host, a thumbprint if that authenticates by certificate and none otherwise, and at least one disk if any";
    /// Every included disk is one of the virtual machine's, and there is one.
    DisksKnown: "the included disks must be disks of the virtual machine, at least one";
    /// The replica's host is not the primary's.
    OtherHost: "a virtual machine cannot replicate to its own host";
    /// Extended leg: 300 or 900 s, not below the first leg's interval, nothing application-consistent.
    FitsChain: "an extended leg takes 300 or 900 s, never less than the leg before it, every disk, and no application-consistent points";
    /// The virtual machine has what it is to send.
    SourceComplete: "a replica must have completed its own initial replication first";
    /// The set of disks stays, or the sender replicates, or all disks are still to be copied or
    /// compared.
    DisksFree: "the set of disks can change while the sender replicates, or before all are copied or compared";
    /// The set of disks changes.
    DiskSetChanges: "the set of disks changes";
    /// `InitialReplicationType` is 1, 2 or 3.
    InitialTypeKnown: "InitialReplicationType must be 1, 2 or 3";
    /// An export.
    IsExport: "the initial replication type is export";
    /// A seeded start.
    IsSeeded: "the initial replication type is seeded";
    /// An export names a folder, other types none is needed.
    LocationGiven: "a location must be given, as a fully qualified folder";
    /// There is an export of this virtual machine in the folder.
    ExportFound: "the folder must hold an export of this virtual machine";
    /// A start time, if given, is between now and seven days ahead.
    StartTimeInRange: "a start time must lie between now and seven days ahead";
    /// `RequestedState` is in the value map.
    RequestedStateKnown: "RequestedState must be in the value map";
    /// A port is not 0.
    PortValid: "a port must be 1 to 65535";
    /// `AuthenticationType` is 1 or 2, and a thumbprint goes with 2 only.
    AuthenticationValid: "AuthenticationType must be 1, or 2 with a thumbprint";
    /// Replica server settings are consistent.
    ServerSettingsValid: "the replica server's settings must be consistent";
    /// The monitoring interval is one of the offered ones.
    MonitoringIntervalKnown: "MonitoringInterval must be one of the offered lengths";
    /// The name of an entry is well-formed and complete.
    EntryValid: "an entry needs a host name, a wildcard in the first label or `*`, a trust group and a location";
    /// No entry has this name.
    EntryNew: "there must be no entry of this name";
    /// An entry has this name.
    EntryKnown: "there must be an entry of this name";
    /// `*` stands alone.
    WildcardAlone: "the entry `*` stands alone: remove it, or the others, first";
    /// Network settings are consistent.
    NetworkValid: "an adapter takes at most five gateways, and as many subnets as addresses";
    /// The job can be cancelled now.
    JobCancellable: "the job must be running and cancellable";
    /// The service is not hanging.
    ServiceAnswers: "the management service must answer in time";
    /// The host has memory left.
    MemoryLeft: "the host must have memory left";
    /// Termination or a kill is requested.
    JobEndRequested: "a job can only be asked to terminate (4) or be killed (5)";
    /// Network settings are for adapters that take them.
    AdaptersTakeSettings: "the adapters must be synthetic adapters of the virtual machine, each named once";
    /// The host's Windows is a Windows Server.
    ServerEdition: "the host must run a Windows Server: client editions have no Hyper-V Replica";
    /// The host is no node of a cluster.
    OwnServer: "the host must not be a cluster's node: its replica server is configured at the broker";
    /// The call is of a method's `...Ex` form.
    RelationshipNamed: "a relationship is named";
    /// The call is about a replica, which is to send, too.
    Extends: "replication is extended from a replica";
    /// Every listener of replica server settings would get its port.
    PortsFree: "the ports of the listeners must be free, and not the same";
    /// The certificate of replica server settings can be presented.
    CertificateSuitable: "the certificate must be in the host's personal store and fit for replication";
    /// The storage location of an entry is on a drive that is there, if it is to change.
    LocationExists: "the storage location must be on a drive that is there";
    /// The storage location of an entry can be opened, if it is to change.
    LocationOpens: "the storage location must be one that can be opened (0x80070005)";
    /// No parameter that must be given is Null.
    ParametersGiven: "a parameter that must be given cannot be Null";
    /// Every embedded instance and every reference is of its parameter's class.
    ParametersOfClass: "each embedded instance and each reference must be of its parameter's class";
    /// The host's storage is not full.
    StorageLeft: "the host must have storage left, to which what is configured is written";
    /// A seeded start has a copy to compare with.
    SeedThere: "a seeded start needs a replica that was there, marked, before the relationship";
    /// A virtual machine can be asked for the state.
    PowerOffered: "a virtual machine can only be asked for 2, 3, 4, 6, 9, 10 and 11";
}

/// A set of [`Fact`]s.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Facts(u64);

impl Facts {
    /// No fact holds.
    pub const NONE: Self = Self(0);
    /// Every fact holds.
    pub const ALL: Self =
        Self(if Fact::ALL.len() == 64 { u64::MAX } else { (1 << Fact::ALL.len()) - 1 });

    /// Whether the fact holds.
    pub const fn contains(self, fact: Fact) -> bool {
        self.0 & (1 << fact as u8) != 0
    }

    /// The same facts, with this one holding or not.
    #[must_use]
    pub const fn with(self, fact: Fact, holds: bool) -> Self {
        let bit = 1 << fact as u8;
        Self(if holds { self.0 | bit } else { self.0 & !bit })
    }
}

impl fmt::Debug for Facts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(Fact::ALL.iter().filter(|it| self.contains(**it))).finish()
    }
}

/// Everything a requirement may look at.
///
/// Because it is finite, the rule book is tested by enumeration.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Situation {
    /// The virtual machine's role.
    pub mode: ReplicationMode,
    /// The state of the addressed relationship.
    pub state: ReplicationState,
    /// The virtual machine's power.
    pub power: Power,
    /// The host's Windows.
    pub build: WindowsBuild,
    /// The rest.
    pub facts: Facts,
}

/// A guard: a closed vocabulary, never a closure, so that it can be printed, counted and compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// The mode is one of these.
    Mode(Set<ReplicationMode>),
    /// The state is one of these.
    State(Set<ReplicationState>),
    /// If the virtual machine sends on the relationship: the state is one of these.
    SenderState(Set<ReplicationState>),
    /// If it receives on it: the state is one of these.
    ReceiverState(Set<ReplicationState>),
    /// The power is one of these.
    Power(Set<Power>),
    /// The host's Windows is at least this.
    Since(WindowsBuild),
    /// If the fact holds: the host's Windows is at least this.
    SinceIf(WindowsBuild, Fact),
    /// The fact holds.
    Holds(Fact),
}

impl Check {
    /// The fact it asks for, if it asks for one.
    pub const fn fact(self) -> Option<Fact> {
        match self {
            Self::Holds(fact) | Self::SinceIf(_, fact) => Some(fact),
            _ => None,
        }
    }

    /// Whether the guard lets the situation pass.
    pub fn passes(self, s: &Situation) -> bool {
        match self {
            Self::Mode(modes) => modes.contains(s.mode),
            Self::State(states) => states.contains(s.state),
            Self::SenderState(states) => !s.sends() || states.contains(s.state),
            Self::ReceiverState(states) => !s.receives() || states.contains(s.state),
            Self::Power(powers) => powers.contains(s.power),
            Self::Since(build) => s.build >= build,
            Self::SinceIf(build, fact) => s.build >= build || !s.facts.contains(fact),
            Self::Holds(fact) => s.facts.contains(fact),
        }
    }
}

impl Situation {
    /// Whether the virtual machine sends on the addressed relationship.
    pub const fn sends(&self) -> bool {
        self.facts.contains(Fact::Sends)
    }

    /// Whether it receives on it.
    pub const fn receives(&self) -> bool {
        !self.sends()
            && matches!(self.mode, ReplicationMode::Replica | ReplicationMode::ExtendedReplica)
    }
}

fn list<T: WireEnum + fmt::Display>(f: &mut fmt::Formatter<'_>, set: Set<T>) -> fmt::Result {
    for (i, item) in set.iter().enumerate() {
        write!(f, "{}{item}", if i == 0 { "" } else { ", " })?;
    }
    Ok(())
}

impl fmt::Display for Check {
    /// The guard in words, for tables.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mode(modes) => f.write_str("mode ").and_then(|()| list(f, *modes)),
            Self::State(states) => f.write_str("state ").and_then(|()| list(f, *states)),
            Self::SenderState(states) => {
                f.write_str("sender's state ").and_then(|()| list(f, *states))
            }
            Self::ReceiverState(states) => {
                f.write_str("receiver's state ").and_then(|()| list(f, *states))
            }
            Self::Power(powers) => {
                f.write_str("power ")?;
                for (i, power) in powers.iter().enumerate() {
                    write!(f, "{}{}", if i == 0 { "" } else { ", " }, power.label())?;
                }
                Ok(())
            }
            Self::Since(build) => write!(f, "since {}", build.label()),
            Self::SinceIf(build, fact) => {
                write!(f, "{}: since {}", fact.says(), build.label())
            }
            Self::Holds(fact) => f.write_str(fact.says()),
        }
    }
}
