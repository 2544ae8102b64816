//! Why another host does not do what this one asks of it.

use crate::model::CertificateFault;

/// The target is unknown or cannot be reached: what Kerberos says of a name nobody registered.
///
/// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140206-error-0x80090303-when-enabling-replication>.
pub(crate) const KERBEROS_FAILED: u32 = 0x8009_0303;

/// Why another host does not do what this one asks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Turned {
    /// No host has the name.
    UnknownHost,
    /// It does not answer.
    Unreachable,
    /// Its replica server is disabled, or does not listen there.
    NotListening,
    /// It runs an older Windows than the sender.
    OlderWindows,
    /// The external provider is not installed on both hosts.
    NoProvider,
    /// The sender has no certificate that it could present.
    OwnCertificate(CertificateFault),
    /// Its listener has no certificate that it could present.
    PeerCertificate(CertificateFault),
    /// Its replica server cannot be authenticated with Kerberos.
    NoPrincipal,
    /// A proxy stands between and inspects what is sent.
    Inspected,
    /// It does not let this host in.
    NotAuthorized,
    /// The folder for new replicas cannot be opened.
    NoStorage,
    /// It has no such virtual machine, or not as a replica of this one.
    NoReplica,
    /// It has a virtual machine of this GUID that is not marked as a replica.
    Occupied,
    /// The replica is paused or busy: later, perhaps.
    NotNow,
    /// The replica is failed over, or otherwise takes no more logs.
    NoMore,
    /// The old primary is neither prepared nor marked.
    NotPrepared,
    /// The replica holds something else than the change log continues: resynchronise.
    OutOfSequence,
    /// The message was lost on its way, or the answer.
    Lost,
    /// The storage of the other host is full.
    StorageFull,
    /// The other host is out of memory.
    MemoryLow,
    /// A disk of the replica is smaller than its primary's.
    OutOfBounds,
    /// The replica cannot apply logs, and receives none before it has (Windows Server 2012).
    NotApplied,
    /// A virtual hard disk is missing, on either side.
    DiskMissing,
    /// The virtual machine that is marked as a replica lacks a disk of its primary's.
    OtherDisks,
    /// A disk of the replica and its primary's are not of the same size.
    OtherSizes,
    /// The replica's own replica has longer cycles than it would have.
    ChainTooSlow,
}

impl Turned {
    /// Whether trying again may help, without an administrator.
    ///
    /// Source: <https://learn.microsoft.com/azure/site-recovery/hyper-v-azure-architecture>.
    pub(crate) const fn is_recoverable(self) -> bool {
        matches!(
            self,
            Self::UnknownHost
                | Self::Unreachable
                | Self::NotListening
                | Self::NotNow
                | Self::Lost
                | Self::StorageFull
                | Self::MemoryLow
                | Self::Inspected
        )
    }

    pub(crate) const fn is_network(self) -> bool {
        matches!(
            self,
            Self::UnknownHost
                | Self::Unreachable
                | Self::NotListening
                | Self::Lost
                | Self::Inspected
        )
    }

    /// What happened, in a sentence.
    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::UnknownHost => "the name of the other host cannot be resolved",
            Self::Unreachable => "the connection to the other host timed out",
            Self::NotListening => {
                "the replica server of the other host is disabled or does not listen on this port"
            }
            Self::OlderWindows => {
                "the other host runs an older Windows, and replication goes from older to newer only"
            }
            Self::NoProvider => "the external provider is not installed on both hosts",
            Self::OwnCertificate(fault) => fault.of_this_host(),
            Self::PeerCertificate(fault) => fault.of_the_other_host(),
            Self::NoPrincipal => "the other host could not be authenticated with Kerberos",
            Self::Inspected => {
                "the handle is in the wrong state: a proxy inspects what is sent to the other host"
            }
            Self::NotAuthorized => "the other host does not authorise this one",
            Self::NoStorage => "the other host cannot open its folder for new replicas",
            Self::NoReplica => "the other host has no replica of this virtual machine",
            Self::Occupied => {
                "the other host has a virtual machine with this GUID that is not marked as a replica, or is another host's"
            }
            Self::NotNow => "the replica is paused or busy",
            Self::NoMore => "the replica has been failed over and takes no more changes",
            Self::NotPrepared => {
                "the old primary is neither prepared for a planned failover nor marked as a replica"
            }
            Self::OutOfSequence => "the replica is not where the change log begins",
            Self::Lost => "the connection to the other host was terminated abnormally",
            Self::StorageFull => "there is not enough space on the disk of the other host",
            Self::MemoryLow => "the other host is out of memory",
            Self::OutOfBounds => {
                "an out-of-bounds write on the replica: the sizes of the disks must match"
            }
            Self::NotApplied => "the replica could not apply the change log",
            Self::DiskMissing => "a virtual hard disk cannot be found",
            Self::OtherDisks => "the marked virtual machine on the other host lacks a disk",
            Self::OtherSizes => "the disks on both hosts are not of the same size",
            Self::ChainTooSlow => {
                "the replica is extended, with cycles that may not be shorter than those before it"
            }
        }
    }

    /// The HRESULT that real messages of this kind show.
    pub(crate) const fn hresult(self) -> u32 {
        match self {
            Self::UnknownHost => 0x0000_2EE7,
            Self::Unreachable | Self::Lost => 0x0000_2EFE,
            Self::NotListening => 0x0000_2EFD,
            Self::OwnCertificate(fault) | Self::PeerCertificate(fault) => fault.hresult(),
            Self::NotAuthorized | Self::NoStorage => 0x8007_0005,
            Self::OlderWindows => 0x8007_0032,
            Self::NoReplica | Self::DiskMissing => 0x8007_0002,
            Self::NoPrincipal => KERBEROS_FAILED,
            Self::Inspected => 0x0000_2EF3,
            Self::StorageFull => 0x8007_0070,
            Self::MemoryLow => 0x8007_000E,
            Self::NotApplied => 0x8000_4004,
            Self::OutOfBounds | Self::OtherDisks | Self::OtherSizes | Self::ChainTooSlow => {
                0x8007_0057
            }
            Self::NoProvider
            | Self::Occupied
            | Self::NotNow
            | Self::NoMore
            | Self::NotPrepared
            | Self::OutOfSequence => 0x8000_4005,
        }
    }
}
