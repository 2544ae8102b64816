//! A host, and what lies between hosts.

use super::agenda::Ticket;
use super::job::JobRecord;
use super::log::EventLog;
use super::vm::VmState;
use crate::model::{
    AllowedAuthentication, AuthenticationType, AuthorizationEntry, HostId, JobId, ServiceSettings,
    ServiceStatus, Settings, VmId, WindowsBuild,
};
use std::collections::{BTreeMap, BTreeSet};
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
}

impl HostState {
    pub(crate) fn entry(&self, allowed_primary: &str) -> Option<&Arc<AuthorizationEntry>> {
        self.entries.get(&allowed_primary.to_lowercase())
    }

    /// The entry that lets this host in: the exact one before a wildcard.
    pub(crate) fn entry_for(&self, host: &str) -> Option<&Arc<AuthorizationEntry>> {
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

/// The links between hosts. Only what is broken is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Fabric {
    cut: BTreeSet<(HostId, HostId)>,
}

impl Fabric {
    pub(crate) fn cut(&mut self, a: HostId, b: HostId) {
        self.cut.insert((a.min(b), a.max(b)));
    }

    pub(crate) fn heal(&mut self, a: HostId, b: HostId) {
        self.cut.remove(&(a.min(b), a.max(b)));
    }

    pub(crate) fn passes(&self, a: HostId, b: HostId) -> bool {
        self.cut.is_empty() || !self.cut.contains(&(a.min(b), a.max(b)))
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
    /// The copies cannot be told apart from different machines: resynchronise.
    OutOfSequence,
}

impl Turned {
    /// Whether trying again may help, without an administrator.
    ///
    /// Source: <https://learn.microsoft.com/azure/site-recovery/hyper-v-azure-architecture>.
    pub(crate) const fn is_recoverable(self) -> bool {
        matches!(self, Self::UnknownHost | Self::Unreachable | Self::NotListening | Self::NotNow)
    }

    pub(crate) const fn is_network(self) -> bool {
        matches!(self, Self::UnknownHost | Self::Unreachable | Self::NotListening)
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
                "the other host has a virtual machine of this GUID that is not marked as a replica"
            }
            Self::NotNow => "the replica is paused or busy",
            Self::NoMore => "the replica has been failed over and takes no more changes",
            Self::NotPrepared => {
                "the old primary is neither prepared for a planned failover nor marked as a replica"
            }
            Self::OutOfSequence => "the replica is not where the change log begins",
        }
    }

    /// The HRESULT that real messages of this kind show.
    pub(crate) const fn hresult(self) -> u32 {
        match self {
            Self::UnknownHost => 0x0000_2EE7,
            Self::Unreachable => 0x0000_2EFE,
            Self::NotListening => 0x0000_2EFD,
            Self::NotAuthorized => 0x8007_0005,
            Self::NoReplica => 0x8007_0002,
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
