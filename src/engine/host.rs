//! A host, and what lies between hosts.

use super::agenda::Ticket;
use super::input::{HostTrouble, Weakness};
use super::job::JobRecord;
use super::log::EventLog;
use super::vm::VmState;
use crate::model::{
    AllowedAuthentication, AuthenticationType, AuthorizationEntry, HostId, JobId, Leg,
    ServiceSettings, ServiceStatus, Settings, VmId, WindowsBuild,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A host with everything on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostState {
    pub(crate) name: Arc<str>,
    pub(crate) build: WindowsBuild,
    pub(crate) up: bool,
    pub(crate) settings: Arc<ServiceSettings>,
    /// By name in lower case.
    pub(crate) entries: BTreeMap<String, Arc<AuthorizationEntry>>,
    pub(crate) vms: BTreeMap<VmId, Arc<VmState>>,
    pub(crate) jobs: BTreeMap<JobId, Arc<JobRecord>>,
    /// When its monitoring windows end, while it has relationships.
    pub(crate) monitoring: Option<Ticket>,
    pub(crate) log: EventLog,
    /// How many jobs it has started.
    pub(crate) started_jobs: u64,
    pub(crate) troubles: HostTroubles,
    pub(crate) transfers: Transfers,
}

/// The change logs that a host sends at the same time, and those that wait for their turn.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Transfers {
    pub(crate) active: u16,
    /// First come, first served.
    pub(crate) queue: BTreeMap<u64, (VmId, Leg)>,
    pub(crate) queued: u64,
}

impl HostState {
    pub(crate) fn entry(&self, allowed_primary: &str) -> Option<&Arc<AuthorizationEntry>> {
        self.entries.get(&allowed_primary.to_lowercase())
    }

    /// The entry that lets this host in: the exact one before a wildcard.
    pub(crate) fn entry_for(&self, host: &str) -> Option<&Arc<AuthorizationEntry>> {
        // `*` stands alone and before every name.
        if let Some((name, any)) = self.entries.first_key_value()
            && name == "*"
        {
            return Some(any);
        }
        self.entry(host).or_else(|| self.entries.values().find(|it| it.covers(host)))
    }

    pub(crate) fn status(&self) -> ServiceStatus {
        let settings = &self.settings;
        let listens = settings.recovery_server_enabled;
        let same_port = settings.http_port == settings.https_port
            && settings.allowed_authentication == AllowedAuthentication::Both;
        if listens && same_port { ServiceStatus::Error } else { ServiceStatus::Ok }
    }

    /// The port of the listener for this kind of authentication.
    pub(crate) fn port(&self, kind: AuthenticationType) -> u16 {
        match kind {
            AuthenticationType::Certificate => self.settings.https_port,
            AuthenticationType::Kerberos => self.settings.http_port,
        }
    }
}

/// The links between hosts, each way by itself. Only what is not as it should be is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Fabric {
    weak: BTreeMap<(HostId, HostId), Link>,
}

/// One direction of a link that is cut, slow or lossy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    cut: bool,
    /// What it carries, in bytes a second, if that is less than usual.
    rate: Option<u64>,
    /// Of every so many messages the last is lost.
    loses_every: Option<u32>,
    /// Messages since the last that was lost.
    carried: u32,
}

impl Fabric {
    pub(crate) fn cut(&mut self, from: HostId, to: HostId) {
        self.weak.entry((from, to)).or_default().cut = true;
    }

    pub(crate) fn weaken(&mut self, from: HostId, to: HostId, how: Weakness) {
        let link = self.weak.entry((from, to)).or_default();
        match how {
            Weakness::Slow(rate) => link.rate = Some(rate.max(1)),
            Weakness::Lossy(every) => {
                (link.loses_every, link.carried) = (Some(every.max(1)), 0);
            }
        }
    }

    pub(crate) fn heal(&mut self, from: HostId, to: HostId) {
        self.weak.remove(&(from, to));
    }

    pub(crate) fn passes(&self, from: HostId, to: HostId) -> bool {
        self.weak.is_empty() || !self.weak.get(&(from, to)).is_some_and(|it| it.cut)
    }

    /// What a direction carries, in bytes a second, if that is less than usual.
    pub(crate) fn rate(&self, from: HostId, to: HostId) -> Option<u64> {
        if self.weak.is_empty() { None } else { self.weak.get(&(from, to))?.rate }
    }

    /// Whether this message is the one that gets lost.
    pub(crate) fn loses(&mut self, from: HostId, to: HostId) -> bool {
        if self.weak.is_empty() {
            return false;
        }
        let Some(link) = self.weak.get_mut(&(from, to)) else { return false };
        let Some(every) = link.loses_every else { return false };
        link.carried += 1;
        let lost = link.carried >= every;
        if lost {
            link.carried = 0;
        }
        lost
    }
}

/// What is wrong with a host: a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct HostTroubles(u8);

impl HostTroubles {
    pub(crate) const fn has(self, trouble: HostTrouble) -> bool {
        self.0 & (1 << trouble as u8) != 0
    }

    pub(crate) const fn set(&mut self, trouble: HostTrouble, troubled: bool) {
        let bit = 1 << trouble as u8;
        self.0 = if troubled { self.0 | bit } else { self.0 & !bit };
    }
}

/// Why another host does not do what this one asks of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Turned {
    /// No host has the name.
    UnknownHost,
    /// It does not answer.
    Unreachable,
    /// Its replica server is disabled, or does not listen there.
    NotListening,
    /// It does not let this host in.
    NotAuthorized,
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
        )
    }

    pub(crate) const fn is_network(self) -> bool {
        matches!(self, Self::UnknownHost | Self::Unreachable | Self::NotListening | Self::Lost)
    }

    /// What happened, in a sentence.
    pub(crate) const fn says(self) -> &'static str {
        match self {
            Self::UnknownHost => "the name of the other host cannot be resolved",
            Self::Unreachable => "the connection to the other host timed out",
            Self::NotListening => {
                "the replica server of the other host is disabled or does not listen on this port"
            }
            Self::NotAuthorized => "the other host does not authorise this one",
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
        }
    }

    /// The HRESULT that real messages of this kind show.
    pub(crate) const fn hresult(self) -> u32 {
        match self {
            Self::UnknownHost => 0x0000_2EE7,
            Self::Unreachable => 0x0000_2EFE,
            Self::NotListening => 0x0000_2EFD,
            Self::NotAuthorized => 0x8007_0005,
            Self::NoReplica | Self::DiskMissing => 0x8007_0002,
            Self::Lost => 0x0000_2EF1,
            Self::StorageFull => 0x8007_0070,
            Self::MemoryLow => 0x8007_000E,
            Self::NotApplied => 0x8000_4004,
            Self::OutOfBounds => 0x8007_0057,
            Self::Occupied
            | Self::NotNow
            | Self::NoMore
            | Self::NotPrepared
            | Self::OutOfSequence => 0x8000_4005,
        }
    }
}

/// Whether a host's replica server would let another in with these settings.
pub(crate) fn admits(host: &HostState, sender: &str, settings: &Settings) -> Result<(), Turned> {
    let server = &host.settings;
    let kind = settings.authentication.ok_or(Turned::NotListening)?;
    let listens = server.recovery_server_enabled
        && server.allowed_authentication.allows(kind)
        && host.port(kind) == settings.recovery_server_port;
    if !listens {
        Err(Turned::NotListening)
    } else if host.entry_for(sender).is_none() {
        Err(Turned::NotAuthorized)
    } else {
        Ok(())
    }
}
