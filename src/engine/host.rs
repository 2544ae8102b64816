//! A host, and what lies between hosts.

use super::agenda::Ticket;
use super::event::Rejection;
use super::input::{HostChange, HostSpec, HostTrouble, Weakness};
use super::job::JobRecord;
use super::log::EventLog;
use super::terms::Access;
use super::vm::VmState;
use super::vms::Vms;
use crate::model::{
    AuthenticationType, AuthorizationEntry, Certificate, CertificateFault, Edition, Guid, HostId,
    IN_BOX_PROVIDER, JobId, Leg, ReplicationProvider, ServiceSettings, ServiceStatus, Settings,
    SimTime, VmId, WindowsBuild,
};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;
use std::sync::Arc;

/// A host with everything on it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct HostState {
    pub(crate) name: Arc<str>,
    pub(crate) build: WindowsBuild,
    pub(crate) edition: Edition,
    /// Its settings and entries are its cluster's.
    pub(crate) clustered: bool,
    /// Local time minus UTC, in minutes.
    pub(crate) utc_offset_min: i16,
    pub(crate) up: bool,
    pub(crate) settings: Arc<ServiceSettings>,
    /// Shared by forks, because it hardly ever changes.
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) vms: Vms,
    pub(crate) jobs: BTreeMap<JobId, Arc<JobRecord>>,
    /// When its monitoring windows end, while it has relationships.
    pub(crate) monitoring: Option<Ticket>,
    pub(crate) log: EventLog,
    /// How many jobs it has started.
    pub(crate) started_jobs: u64,
    pub(crate) troubles: HostTroubles,
    pub(crate) transfers: Transfers,
}

/// What administrators have set up on a host, beside its settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Configuration {
    /// By name in lower case.
    pub(crate) entries: BTreeMap<String, AuthorizationEntry>,
    /// By thumbprint, without regard to case.
    certificates: Vec<Certificate>,
    /// By other programs.
    occupied_ports: BTreeSet<u16>,
    /// In lower case, without a `\` at the end.
    closed_folders: BTreeSet<String>,
    /// By name, the in-box one among them.
    providers: Arc<[ReplicationProvider]>,
}

/// What `MaximumActiveTransfers` may be.
///
/// Source: <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/feature-performance-optimization-hyper-v-replica>.
const TRANSFERS: RangeInclusive<u16> = 1..=1024;

/// The change logs that a host sends at the same time, and those that wait for their turn.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Transfers {
    /// How many there may be.
    pub(crate) most: u16,
    pub(crate) active: u16,
    /// First come, first served.
    pub(crate) queue: BTreeMap<u64, (VmId, Leg)>,
    pub(crate) queued: u64,
}

impl Transfers {
    /// Nothing is on its way, of so many that may be.
    const fn up_to(most: u16) -> Self {
        Self { most, active: 0, queue: BTreeMap::new(), queued: 0 }
    }

    /// Whether one more log may set off.
    pub(crate) const fn are_free(&self) -> bool {
        self.active < self.most
    }
}

impl HostState {
    /// A host that comes up for the first time.
    pub(crate) fn new(spec: &HostSpec) -> Result<Self, Rejection> {
        if !(-12 * 60..=14 * 60).contains(&spec.utc_offset_min) {
            return Err(Rejection::BadUtcOffset);
        }
        let key = |entry: &AuthorizationEntry| entry.allowed_primary.to_lowercase();
        let mut host = Self {
            name: spec.name.clone(),
            build: spec.build,
            edition: spec.edition,
            clustered: spec.clustered,
            utc_offset_min: spec.utc_offset_min,
            up: true,
            settings: Arc::new(spec.settings.clone()),
            configuration: Arc::new(Configuration {
                entries: spec.entries.iter().map(|it| (key(it), it.clone())).collect(),
                providers: in_box_providers(spec.build).into(),
                ..Configuration::default()
            }),
            vms: Vms::default(),
            jobs: BTreeMap::new(),
            monitoring: None,
            log: EventLog::default(),
            started_jobs: 0,
            troubles: HostTroubles::default(),
            transfers: Transfers::up_to(0),
        };
        host.configure(&HostChange::LimitTransfers(spec.max_active_transfers))?;
        let certificates = spec.certificates.iter().cloned().map(HostChange::InstallCertificate);
        let ports = spec.occupied_ports.iter().copied().map(HostChange::OccupyPort);
        let folders = spec.closed_folders.iter().cloned().map(HostChange::CloseFolder);
        let providers = spec.providers.iter().cloned().map(HostChange::RegisterProvider);
        for change in certificates.chain(ports).chain(folders).chain(providers) {
            host.configure(&change)?;
        }
        Ok(host)
    }

    /// Changes the machine, or nothing at all.
    pub(crate) fn configure(&mut self, change: &HostChange) -> Result<(), Rejection> {
        match change {
            HostChange::InstallCertificate(it) => {
                let long = it.thumbprint.chars().count() > Settings::MAX_THUMBPRINT;
                unless(it.thumbprint.is_empty() || long, Rejection::BadThumbprint)?;
                let known = self.certificate(&it.thumbprint).is_some();
                unless(known, Rejection::DuplicateCertificate)?;
                let certificates = &mut self.configuration_mut().certificates;
                certificates.push(it.clone());
                certificates.sort_by_cached_key(|it| it.thumbprint.to_ascii_lowercase());
            }
            HostChange::RemoveCertificate(thumbprint) => {
                let known = self.certificate(thumbprint).is_some();
                unless(!known, Rejection::UnknownCertificate)?;
                let certificates = &mut self.configuration_mut().certificates;
                certificates.retain(|it| !it.thumbprint.eq_ignore_ascii_case(thumbprint));
            }
            HostChange::OccupyPort(port) => {
                unless(*port == 0, Rejection::BadPort)?;
                let new = self.configuration_mut().occupied_ports.insert(*port);
                unless(!new, Rejection::PortIsOccupied)?;
            }
            HostChange::ReleasePort(port) => {
                let occupied = self.configuration_mut().occupied_ports.remove(port);
                unless(!occupied, Rejection::PortIsFree)?;
            }
            HostChange::CloseFolder(folder) => {
                let folder = folder_key(folder);
                unless(folder.is_empty(), Rejection::BadFolder)?;
                let new = self.configuration_mut().closed_folders.insert(folder);
                unless(!new, Rejection::FolderIsClosed)?;
            }
            HostChange::OpenFolder(folder) => {
                let closed = self.configuration_mut().closed_folders.remove(&folder_key(folder));
                unless(!closed, Rejection::FolderIsOpen)?;
            }
            HostChange::RegisterProvider(provider) => {
                unless(in_box_providers(self.build).is_empty(), Rejection::NoProviders)?;
                let known = self.has_provider(provider.name);
                unless(known, Rejection::DuplicateProvider)?;
                let mut all = self.providers().to_vec();
                all.push(provider.clone());
                all.sort();
                self.configuration_mut().providers = all.into();
            }
            HostChange::RemoveProvider(name) => {
                let known = *name != IN_BOX_PROVIDER && self.has_provider(*name);
                unless(!known, Rejection::UnknownProvider)?;
                let others = self.providers().iter().filter(|it| it.name != *name).cloned();
                self.configuration_mut().providers = others.collect();
            }
            HostChange::LimitTransfers(most) => {
                unless(!TRANSFERS.contains(most), Rejection::BadTransferLimit)?;
                self.transfers.most = *most;
            }
            HostChange::Upgrade(build) => {
                unless(*build <= self.build, Rejection::NotNewer)?;
                if self.providers().is_empty() {
                    self.configuration_mut().providers = in_box_providers(*build).into();
                }
                self.build = *build;
            }
        }
        Ok(())
    }

    fn configuration_mut(&mut self) -> &mut Configuration {
        Arc::make_mut(&mut self.configuration)
    }

    /// Hashes how the machine is set up, with the times of its certificates as they are from now.
    pub(crate) fn hash_configuration(&self, now: SimTime, state: &mut impl Hasher) {
        let Configuration { entries, certificates, occupied_ports, closed_folders, providers } =
            &*self.configuration;
        (self.build, &self.settings, entries).hash(state);
        (occupied_ports, closed_folders, providers).hash(state);
        for it in certificates {
            let ahead = |at: SimTime| if at == SimTime::MAX { None } else { Some(at.since(now)) };
            let relative =
                Certificate { valid_from: SimTime::ZERO, valid_until: SimTime::ZERO, ..it.clone() };
            (relative, ahead(it.valid_from), ahead(it.valid_until)).hash(state);
        }
    }

    pub(crate) fn entry(&self, allowed_primary: &str) -> Option<&AuthorizationEntry> {
        let entries = &self.configuration.entries;
        let lower = |b: u8| b.is_ascii() && !b.is_ascii_uppercase();
        if allowed_primary.bytes().all(lower) {
            return entries.get(allowed_primary);
        }
        entries.get(&allowed_primary.to_lowercase())
    }

    /// The entry that lets this host in: the exact one before a wildcard.
    pub(crate) fn entry_for(&self, host: &str) -> Option<&AuthorizationEntry> {
        let entries = &self.configuration.entries;
        // `*` stands alone and before every name.
        if let Some((name, any)) = entries.first_key_value()
            && name == "*"
        {
            return Some(any);
        }
        let domains = || {
            entries
                .range("*.".to_owned()..)
                .map_while(|(name, it)| name.starts_with("*.").then_some(it))
        };
        self.entry(host).or_else(|| domains().find(|it| it.covers(host)))
    }

    /// The personal store, in the order of thumbprints.
    pub(crate) fn certificates(&self) -> impl Iterator<Item = &Certificate> {
        self.configuration.certificates.iter()
    }

    fn certificate(&self, thumbprint: &str) -> Option<&Certificate> {
        self.certificates().find(|it| it.thumbprint.eq_ignore_ascii_case(thumbprint))
    }

    /// Why the host cannot present the certificate with this thumbprint now, if it cannot.
    pub(crate) fn certificate_fault(
        &self,
        thumbprint: &str,
        now: SimTime,
    ) -> Option<CertificateFault> {
        match self.certificate(thumbprint) {
            Some(certificate) => certificate.fault(&self.name, now),
            None => Some(CertificateFault::Missing),
        }
    }

    /// Whether there is a relationship object of this index: 0 always, 1 on every replica since
    /// Windows Server 2012 R2.
    ///
    /// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship>.
    pub(crate) fn shows(&self, vm: &VmState, leg: Leg) -> bool {
        let chains = self.build >= WindowsBuild::Server2012R2;
        vm.has_leg(leg) && (leg == Leg::Primary || chains)
    }

    /// The providers, in the order of their names.
    pub(crate) fn providers(&self) -> &Arc<[ReplicationProvider]> {
        &self.configuration.providers
    }

    /// Whether a provider is installed; the in-box one is part of every Windows.
    pub(crate) fn has_provider(&self, name: Guid) -> bool {
        name == IN_BOX_PROVIDER || self.providers().iter().any(|it| it.name == name)
    }

    /// Whether a folder can be opened: neither it nor one that it is in is closed.
    pub(crate) fn opens(&self, folder: &str) -> bool {
        let folder = folder_key(folder);
        let within = |closed: &String| {
            folder
                .strip_prefix(&**closed)
                .is_some_and(|rest| matches!(rest.as_bytes(), [] | [b'\\', ..]))
        };
        !self.configuration.closed_folders.iter().any(within)
    }

    /// Whether the drive that a folder is on is there: one that is closed as a whole is gone.
    pub(crate) fn has_drive(&self, folder: &str) -> bool {
        let folder = folder_key(folder);
        let drive = folder.get(..2).filter(|it| it.ends_with(':'));
        !drive.is_some_and(|it| self.configuration.closed_folders.contains(it))
    }

    /// Whether the folder for new replicas of this sender, if an entry names one, can be opened.
    pub(crate) fn stores_for(&self, sender: &str) -> bool {
        self.entry_for(sender).is_none_or(|it| self.opens(&it.storage_location))
    }

    /// Whether a listener for this kind of authentication would get its port.
    pub(crate) fn gets_port(&self, settings: &ServiceSettings, kind: AuthenticationType) -> bool {
        let shared = settings.http_port == settings.https_port
            && settings.listens(AuthenticationType::Kerberos)
            && settings.listens(AuthenticationType::Certificate);
        !shared && !self.configuration.occupied_ports.contains(&settings.port(kind))
    }

    /// Whether every listener that the settings ask for runs.
    pub(crate) fn status(&self, now: SimTime) -> ServiceStatus {
        let settings = &*self.settings;
        let thumbprint = &settings.certificate_thumbprint;
        let runs = |kind: &AuthenticationType| {
            let presents = match kind {
                AuthenticationType::Kerberos => !self.troubles.has(HostTrouble::KerberosFails),
                _ => self.certificate_fault(thumbprint, now).is_none(),
            };
            self.gets_port(settings, *kind) && presents
        };
        let mut asked = AuthenticationType::ALL.iter().filter(|kind| settings.listens(**kind));
        if asked.all(runs) { ServiceStatus::Ok } else { ServiceStatus::Error }
    }
}

/// The providers that come with a Windows.
fn in_box_providers(build: WindowsBuild) -> Vec<ReplicationProvider> {
    let has_class = build >= WindowsBuild::Server2012R2;
    has_class.then(ReplicationProvider::in_box).into_iter().collect()
}

/// Nothing, unless something is wrong.
fn unless<E>(wrong: bool, error: E) -> Result<(), E> {
    if wrong { Err(error) } else { Ok(()) }
}

/// A folder as it is compared: without regard to case and to a `\` at its end.
fn folder_key(folder: &str) -> String {
    folder.trim_end_matches('\\').to_lowercase()
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
            Self::Unreachable => 0x0000_2EFE,
            Self::NotListening => 0x0000_2EFD,
            Self::OwnCertificate(fault) | Self::PeerCertificate(fault) => fault.hresult(),
            Self::NotAuthorized | Self::NoStorage => 0x8007_0005,
            Self::OlderWindows => 0x8007_0032,
            Self::NoReplica | Self::DiskMissing => 0x8007_0002,
            Self::Lost => 0x0000_2EF1,
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

/// Whether a host would receive from another that comes in this way, with these settings: its
/// replica server, or the external provider that both have.
pub(crate) fn admits(
    host: &HostState,
    sender: &HostState,
    access: Access,
    settings: &Settings,
    now: SimTime,
) -> Result<(), Turned> {
    unless(host.edition == Edition::Client, Turned::NotListening)?;
    unless(sender.build > host.build, Turned::OlderWindows)?;
    let Some(port) = access.port else {
        let both = [host, sender].iter().all(|it| it.has_provider(settings.provider));
        return unless(!both, Turned::NoProvider);
    };
    let kind = access.authentication.ok_or(Turned::NotListening)?;
    let server = &*host.settings;
    let certified = kind == AuthenticationType::Certificate;
    if certified
        && let Some(fault) = sender.certificate_fault(&settings.certificate_thumbprint, now)
    {
        return Err(Turned::OwnCertificate(fault));
    }
    let inspected = sender.troubles.has(HostTrouble::ProxyInspects) && !access.bypass_proxy;
    unless(certified && inspected, Turned::Inspected)?;
    let listens = server.listens(kind) && server.port(kind) == port && host.gets_port(server, kind);
    unless(!listens, Turned::NotListening)?;
    let nameless = host.troubles.has(HostTrouble::KerberosFails);
    unless(!certified && nameless, Turned::NoPrincipal)?;
    if certified && let Some(fault) = host.certificate_fault(&server.certificate_thumbprint, now) {
        return Err(Turned::PeerCertificate(fault));
    }
    unless(host.entry_for(&sender.name).is_none(), Turned::NotAuthorized)
}
