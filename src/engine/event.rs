//! What an observer of a world sees.

use crate::error::{Missing, Refusal};
use crate::model::{
    AdapterId, EnabledState, HostId, JobId, JobState, JobType, Output, PointId, RecoveryPointKind,
    RelationshipId, ReplicationMode, ReplicationState, SimTime, VmId,
};
use crate::rules::{Cause, Pace};
use std::fmt;

/// The answer to an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// A call returned 0.
    Completed,
    /// A call returned 0 and out parameters.
    Returned(Box<Output>),
    /// A call returned 4096.
    Started(JobId),
    /// A call was refused. Nothing has changed.
    Refused(Refusal),
    /// A call returned 1: Windows does not implement the method. Nothing has changed.
    NotImplemented,
    /// A call was made to an object that is not there. Nothing has changed.
    NotFound(Missing),
    /// An input that is no call took place.
    Happened,
    /// An input that is no call makes no sense here. Nothing has changed.
    Rejected(Rejection),
}

impl Reply {
    /// Whether nothing has changed, because the input was refused, rejected, or addressed to what
    /// is not there.
    pub const fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::Refused(_) | Self::NotImplemented | Self::NotFound(_) | Self::Rejected(_)
        )
    }
}

/// Why an input that is no call makes no sense in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// There is no host with this number.
    UnknownHost(HostId),
    /// A host of this name exists.
    DuplicateHost,
    /// The name of a host is empty, too long, or no host name.
    BadHostName,
    /// The world has as many hosts as it can hold.
    TooManyHosts,
    /// A virtual machine with this GUID is on this host.
    DuplicateVm(VmId),
    /// The disks of a virtual machine repeat an id or hold less than they use.
    BadDisks,
    /// The adapters of a virtual machine repeat an id.
    BadAdapters,
    /// There is no such virtual machine on the host.
    UnknownVm(VmId),
    /// The virtual machine has no such adapter.
    UnknownAdapter(AdapterId),
    /// It takes two different hosts.
    SameHost,
    /// The virtual machine is not off.
    VmIsNotOff(VmId),
    /// The virtual machine is a replica that no back-up can be made of now.
    NoBackup(VmId),
    /// The virtual machine is not moved now: a job, a back-up or an apply holds it, or it is being
    /// failed over, is failed over, or copies or compares its disks. Windows would answer 32774.
    VmIsBusy(VmId),
    /// The virtual machine is not moved: it replicates to that host.
    SendsThere(VmId),
    /// The virtual machine is not moved: one of its virtual hard disks is missing.
    DiskIsMissing(VmId),
    /// A virtual machine is moved only between hosts that reach each other, both ways.
    HostsApart,
    /// A virtual machine is moved to the same Windows or a newer one.
    OlderWindows,
    /// A client edition of Windows moves no virtual machines to other hosts, and takes none.
    ClientEdition,
    /// A virtual machine is not moved where the storage of a host is full, or its memory used up.
    NoRoom,
    /// The virtual machine sends no change logs.
    NoLog(VmId),
    /// The virtual machine has no such recovery point.
    UnknownPoint(PointId),
    /// The virtual machine has no such disk, or it uses more than the new size holds.
    BadDisk,
    /// The host or virtual machine is in this trouble already.
    Troubled,
    /// The host or virtual machine is not in this trouble.
    NotTroubled,
    /// The host is up already.
    HostIsUp,
    /// The host is down already.
    HostIsDown,
    /// Time would run past its end, some 58 000 years after the epoch.
    EndOfTime,
    /// No place on earth is so far from UTC.
    BadUtcOffset,
    /// A certificate's thumbprint is empty or too long.
    BadThumbprint,
    /// A certificate with this thumbprint is in the store.
    DuplicateCertificate,
    /// No certificate with this thumbprint is in the store.
    UnknownCertificate,
    /// A port is 0.
    BadPort,
    /// Another program has the port.
    PortIsOccupied,
    /// No other program has the port.
    PortIsFree,
    /// A folder has no name.
    BadFolder,
    /// The folder cannot be opened already.
    FolderIsClosed,
    /// The folder can be opened, or one that it is in cannot.
    FolderIsOpen,
    /// The Windows has no external providers.
    NoProviders,
    /// A provider with this class id is installed; the in-box one always is.
    DuplicateProvider,
    /// No external provider with this class id is installed.
    UnknownProvider,
    /// The Windows of an upgrade is no newer than the one there is.
    NotNewer,
    /// A host sends at least one change log at a time, and at most 1024.
    BadTransferLimit,
    /// The input could not be written down where it has to be: a
    /// world never says so, a lab that is written down does.
    Unwritten,
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownHost(host) => write!(f, "there is no host number {}", host.0),
            Self::DuplicateHost => f.write_str("a host of this name exists"),
            Self::BadHostName => {
                f.write_str("a host's name has 1 to 256 letters, digits, `-` and `.`")
            }
            Self::TooManyHosts => f.write_str("a world has at most 65 535 hosts"),
            Self::DuplicateVm(vm) => write!(f, "a virtual machine {vm} is on this host"),
            Self::BadDisks => {
                f.write_str("each disk has an id of its own and uses no more than it holds")
            }
            Self::UnknownVm(vm) => write!(f, "no virtual machine {vm} is on this host"),
            Self::VmIsNotOff(vm) => write!(f, "virtual machine {vm} is not off"),
            Self::NoBackup(vm) => {
                write!(f, "replica {vm} is not at rest, so no back-up can be made")
            }
            Self::VmIsBusy(vm) => write!(
                f,
                "virtual machine {vm} is held by another operation (32774), or is being failed \
                 over, copied or compared"
            ),
            Self::SendsThere(vm) => write!(f, "virtual machine {vm} replicates to that host"),
            Self::DiskIsMissing(vm) => {
                write!(f, "a virtual hard disk of virtual machine {vm} is missing")
            }
            Self::HostsApart => f.write_str("the hosts do not reach each other"),
            Self::OlderWindows => {
                f.write_str("virtual machines are moved to the same or a newer Windows")
            }
            Self::ClientEdition => {
                f.write_str("virtual machines are moved between Windows Servers only")
            }
            Self::NoRoom => {
                f.write_str("the storage of one of the hosts is full, or its memory used up")
            }
            Self::NoLog(vm) => write!(f, "virtual machine {vm} keeps no change log"),
            Self::UnknownPoint(point) => write!(f, "there is no recovery point {point}"),
            Self::BadDisk => f.write_str("there is no such disk, or it uses more than that"),
            Self::Troubled => f.write_str("that trouble is there already"),
            Self::NotTroubled => f.write_str("there is no such trouble"),
            Self::BadAdapters => f.write_str("each adapter has an id of its own"),
            Self::UnknownAdapter(adapter) => write!(f, "there is no adapter number {}", adapter.0),
            Self::SameHost => f.write_str("it takes two different hosts"),
            Self::HostIsUp => f.write_str("the host is up"),
            Self::HostIsDown => f.write_str("the host is down"),
            Self::EndOfTime => f.write_str("time ends some 58 000 years after the epoch"),
            Self::BadTransferLimit => f.write_str("a host sends 1 to 1024 change logs at a time"),
            Self::BadUtcOffset => f.write_str("local time is 12 hours behind to 14 ahead of UTC"),
            Self::BadThumbprint => f.write_str("a thumbprint has 1 to 128 characters"),
            Self::DuplicateCertificate => {
                f.write_str("a certificate with this thumbprint is in the store")
            }
            Self::UnknownCertificate => {
                f.write_str("no certificate with this thumbprint is in the store")
            }
            Self::BadPort => f.write_str("a port is 1 to 65535"),
            Self::PortIsOccupied => f.write_str("another program has the port"),
            Self::PortIsFree => f.write_str("no other program has the port"),
            Self::BadFolder => f.write_str("a folder has a name"),
            Self::FolderIsClosed => f.write_str("the folder cannot be opened as it is"),
            Self::FolderIsOpen => f.write_str("the folder was not closed by itself"),
            Self::NoProviders => {
                f.write_str("Windows has external providers since Windows Server 2012 R2")
            }
            Self::DuplicateProvider => f.write_str("a provider with this class id is installed"),
            Self::UnknownProvider => {
                f.write_str("no external provider with this class id is installed")
            }
            Self::Unwritten => f.write_str("it could not be written down"),
            Self::NotNewer => f.write_str("an upgrade is to a newer Windows"),
        }
    }
}

impl std::error::Error for Rejection {}

/// A change, when and where: what WMI would announce as an `__InstanceModificationEvent`,
/// `__InstanceCreationEvent` or `__InstanceDeletionEvent`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Event {
    /// When.
    pub at: SimTime,
    /// On which host.
    pub host: HostId,
    /// What.
    pub change: Change,
}

/// What changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Change {
    /// A relationship's state.
    State {
        /// Which relationship.
        id: RelationshipId,
        /// The role of the virtual machine after the change.
        mode: ReplicationMode,
        /// Its role before.
        was: ReplicationMode,
        /// The state before.
        from: ReplicationState,
        /// The state now.
        to: ReplicationState,
        /// What made it change.
        by: Cause,
    },
    /// A virtual machine's role.
    Mode {
        /// Which virtual machine.
        vm: VmId,
        /// The role before.
        from: ReplicationMode,
        /// The role now.
        to: ReplicationMode,
    },
    /// A virtual machine's power.
    Power {
        /// Which virtual machine.
        vm: VmId,
        /// The power before.
        from: EnabledState,
        /// The power now.
        to: EnabledState,
    },
    /// A job's state. A job is created running, unless the policy has it be new or starting first.
    Job {
        /// Which job.
        job: JobId,
        /// What it does.
        job_type: JobType,
        /// Its state now.
        to: JobState,
    },
    /// A phase of a job's work is over, and the next one begins or the job ends.
    JobPhase {
        /// Which job.
        job: JobId,
        /// What it does.
        job_type: JobType,
        /// The phase that is over.
        done: Pace,
    },
    /// A finished job was removed.
    JobRemoved {
        /// Which job.
        job: JobId,
    },
    /// A virtual machine was created.
    VmCreated {
        /// Which virtual machine.
        vm: VmId,
    },
    /// A virtual machine was deleted.
    VmDestroyed {
        /// Which virtual machine.
        vm: VmId,
    },
    /// A change log arrived: `LastReplicationTime` changed.
    LogReceived {
        /// Which relationship, on the receiver.
        id: RelationshipId,
        /// Its size.
        bytes: u64,
    },
    /// A guest talked for the first time since its failover.
    GuestNetwork {
        /// Which virtual machine.
        vm: VmId,
        /// Whether it took the addresses that were set for a failover.
        taken: bool,
    },
    /// A change log could not be sent.
    SendFailed {
        /// Which relationship, on the sender.
        id: RelationshipId,
        /// What kept it.
        why: Trouble,
        /// Whether that lies between the hosts, so that the other one may not know of it.
        network: bool,
    },
    /// A change log that was received could not be applied: it waits for the next one that can.
    ApplyFailed {
        /// Which relationship, on the receiver.
        id: RelationshipId,
    },
    /// A recovery point was created. It is listed as soon as its log is applied.
    PointCreated {
        /// Of which virtual machine.
        vm: VmId,
        /// Which point.
        point: PointId,
        /// How it was taken.
        kind: RecoveryPointKind,
    },
}

/// Why something was not done, as messages say it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Trouble {
    /// What happened, in a sentence without a full stop.
    pub says: &'static str,
    /// The code that real messages of this kind show: an HRESULT, or a bare Win32 number.
    pub hresult: u32,
}
