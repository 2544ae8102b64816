//! The arguments of every call, of hosts and of virtual machines, each written down once.

use super::args::{Args, BLANK, Group};
use super::ast::Verb;
use super::form::{
    ANSWER, Authentication, Disks, EDITION, Exact, GUEST, GuidForm, Hours, Moment, Name, Number,
    Numbered, ON_OFF, REFUSALS, Rate, Seconds, SharedName, Size, Text, Time, UtcOffset, YES_NO,
};
use super::hash::id_of_name;
use super::method::Method;
use super::named::{Build, OperationName, Trouble, TroubleName};
use super::text::Keyword;
use crate::engine::{
    Answer, Disturbance, HostChange, HostSpec, HostTrouble, Policy, VmSpec, Weakness,
};
use crate::model::{
    Adapter, AdapterId, AdapterKind, AllowedAuthentication, AuthenticationType, AuthorizationEntry,
    Call, Certificate, Disk, DiskId, Edition, FailoverNetworkAdapterSettings, GuestSystem, Guid,
    HostId, IN_BOX_PROVIDER, InitialReplicationType, IpProtocol, Operation, Plug, PointId,
    RelationshipId, ReplicationProvider, RequestedJobState, RequestedReplicationState,
    RequestedState, ServiceSettings, Settings, SimTime, VmId, WindowsBuild,
};
use std::collections::BTreeMap;

/// Where replicas are stored if a line does not say.
const STORAGE: &str = r"D:\Replica";
/// The trust group if a line does not say: that of the entry `*`.
const TRUST: &str = "DEFAULT";
/// The capacity and use of a disk if a line does not say.
const DISK_BYTES: (u64, u64) = (127 << 30, 20 << 30);
/// What a guest writes if a line does not say, in bytes a second.
const WRITE_RATE: u64 = 1 << 20;

/// The arguments of a call.
pub(super) fn call<A: Args>(args: &mut A, method: Method, call: &mut Call) {
    match call {
        Call::ModifyServiceSettings { settings } => service_settings(args, settings, 0),
        Call::AddAuthorizationEntry { entry } | Call::ModifyAuthorizationEntry { entry } => {
            authorization_entry(args, entry);
        }
        Call::RemoveAuthorizationEntry { allowed_primary } => args.next(HOST, allowed_primary),
        Call::SetAuthorizationEntry { vm, entry } => {
            args.vm(vm);
            authorization_entry(args, entry);
        }
        Call::GetSystemCertificates | Call::StartService | Call::StopService => {}
        Call::TestReplicationConnection { .. } => test_connection(args, call),
        Call::CreateReplicationRelationship { vm, settings }
        | Call::ModifyReplicationSettings { vm, settings } => {
            args.vm(vm);
            relationship_settings(args, settings);
        }
        Call::RemoveReplicationRelationship { vm, relationship }
        | Call::GetReplicationStatistics { vm, relationship }
        | Call::ResetReplicationStatistics { vm, relationship } => {
            args.vm(vm);
            if !method.is_deprecated() {
                args.relationship(*vm, relationship);
            }
        }
        Call::StartReplication { vm, initial, export_location, start } => {
            args.vm(vm);
            args.next(Numbered::<InitialReplicationType>::new(), initial);
            args.maybe("location", Text, export_location);
            args.time("start", start);
        }
        Call::ImportInitialReplica { vm, import_location } => {
            args.vm(vm);
            args.next(Name("the folder of an export"), import_location);
        }
        Call::ReverseReplicationRelationship { vm, settings } => {
            args.vm(vm);
            if args.has_settings(settings.is_some()) {
                relationship_settings(args, settings.get_or_insert_default());
            }
        }
        Call::InitiateFailover { vm, point } | Call::TestReplicaSystem { vm, point } => {
            args.vm(vm);
            args.point(*vm, point);
        }
        Call::RevertFailover { vm } | Call::CommitFailover { vm } | Call::DestroySystem { vm } => {
            args.vm(vm);
        }
        Call::Resynchronize { vm, start } => {
            args.vm(vm);
            args.time("start", start);
        }
        Call::SetFailoverNetworkAdapterSettings { vm, settings } => {
            args.vm(vm);
            args.group("adapter", settings, adapters());
        }
        Call::ChangeReplicationModeToPrimary { vm, relationship } => {
            args.vm(vm);
            let mut named = Some(*relationship);
            args.relationship(*vm, &mut named);
            *relationship = named.unwrap_or(RelationshipId::extended(*vm));
        }
        Call::InitiateFailback { vm, settings, point } => {
            args.vm(vm);
            relationship_settings(args, settings);
            args.maybe("point", Text, point);
        }
        Call::RequestServiceStateChange { requested } => args.next(Number::<u16>::new(), requested),
        Call::RequestReplicationStateChange { vm, relationship, requested } => {
            args.vm(vm);
            args.next(Numbered::<RequestedReplicationState>::new(), requested);
            if !method.is_deprecated() {
                args.relationship(*vm, relationship);
            }
        }
        Call::RequestStateChange { vm, requested } => {
            args.vm(vm);
            args.next(Numbered::<RequestedState>::new(), requested);
        }
        Call::RequestJobStateChange { job, requested } => {
            args.job(job);
            args.next(Numbered::<RequestedJobState>::new(), requested);
        }
        Call::GetError { job } | Call::GetErrorEx { job } => args.job(job),
        Call::Flawed { call: inner, .. } => self::call(args, method, inner),
    }
}

const HOST: Name = Name("the name of a host");

/// `osaka port=80 auth=Kerberos certificate=THUMBPRINT bypass_proxy=no`.
fn test_connection<A: Args>(args: &mut A, call: &mut Call) {
    let Call::TestReplicationConnection {
        recovery_connection_point,
        port,
        authentication,
        certificate_thumbprint,
        bypass_proxy,
    } = call
    else {
        return;
    };
    args.next(HOST, recovery_connection_point);
    args.key("port", Number::new(), port, 80);
    let kerberos = AuthenticationType::Kerberos.to_wire();
    args.key("auth", Numbered::<AuthenticationType>::new(), authentication, kerberos);
    args.maybe("certificate", Text, certificate_thumbprint);
    args.key("bypass_proxy", YES_NO, bypass_proxy, false);
}

/// `server=off`, or `server=on` with the defaults of a Kerberos listener, on a host of this local
/// time.
fn service_settings<A: Args>(args: &mut A, settings: &mut ServiceSettings, utc_offset_min: i16) {
    args.key("server", ON_OFF, &mut settings.recovery_server_enabled, true);
    let enabled = settings.recovery_server_enabled;
    let base = if enabled { ServiceSettings::kerberos() } else { ServiceSettings::default() };
    let auth = Exact::<AllowedAuthentication>::new();
    args.key("auth", auth, &mut settings.allowed_authentication, base.allowed_authentication);
    args.key("port", Number::new(), &mut settings.http_port, base.http_port);
    args.key("https_port", Number::new(), &mut settings.https_port, base.https_port);
    let certificate = &mut settings.certificate_thumbprint;
    args.key("certificate", Text, certificate, base.certificate_thumbprint);
    let start = ServiceSettings::monitoring_start_at(utc_offset_min);
    let interval = base.monitoring_interval_s;
    args.key("monitoring_start", Seconds::new(), &mut settings.monitoring_start_s, start);
    args.key("monitoring_interval", Seconds::new(), &mut settings.monitoring_interval_s, interval);
}

/// `*.contoso.com storage=D:\Replica trust=DEFAULT`.
fn authorization_entry<A: Args>(args: &mut A, entry: &mut AuthorizationEntry) {
    args.next(Name("the name of a host, `*.domain` or `*`"), &mut entry.allowed_primary);
    rest_of_entry(args, entry);
}

fn rest_of_entry<A: Args>(args: &mut A, entry: &mut AuthorizationEntry) {
    args.key("storage", Text, &mut entry.storage_location, STORAGE.to_owned());
    args.key("trust", Text, &mut entry.trust_group, TRUST.to_owned());
}

/// `to=osaka` and whatever differs from Kerberos replication to port 80 by class defaults.
fn relationship_settings<A: Args>(args: &mut A, settings: &mut Settings) {
    args.need("to", Text, &mut settings.recovery_connection_point);
    let base = Settings::to(&settings.recovery_connection_point);
    let s = settings;
    args.key("port", Number::new(), &mut s.recovery_server_port, base.recovery_server_port);
    args.key("auth", Authentication, &mut s.authentication, base.authentication);
    args.key("certificate", Text, &mut s.certificate_thumbprint, base.certificate_thumbprint);
    let interval = base.replication_interval_s;
    args.key("interval", Seconds::new(), &mut s.replication_interval_s, interval);
    args.key("history", Number::new(), &mut s.recovery_history, base.recovery_history);
    let hours = base.application_consistent_interval_h;
    let consistent = &mut s.application_consistent_interval_h;
    args.key("application_consistent", Hours, consistent, hours);
    args.key("disks", Disks, &mut s.included_disks, base.included_disks);
    args.key("compression", YES_NO, &mut s.compression, base.compression);
    args.key("bypass_proxy", YES_NO, &mut s.bypass_proxy, base.bypass_proxy);
    args.key("host_kvp", YES_NO, &mut s.replicate_host_kvp, base.replicate_host_kvp);
    args.key("auto_resync", YES_NO, &mut s.auto_resynchronize, base.auto_resynchronize);
    let (from, to) = (base.auto_resynchronize_start_s, base.auto_resynchronize_end_s);
    args.key("auto_resync_start", Seconds::new(), &mut s.auto_resynchronize_start_s, from);
    args.key("auto_resync_end", Seconds::new(), &mut s.auto_resynchronize_end_s, to);
    args.key("provider", GuidForm, &mut s.provider, IN_BOX_PROVIDER);
    args.key("additional", Text, &mut s.additional_settings, base.additional_settings);
    args.key("recovery_host", Text, &mut s.recovery_host, base.recovery_host);
    let connection_point = base.primary_connection_point;
    args.key("primary_connection_point", Text, &mut s.primary_connection_point, connection_point);
    args.key("primary_host", Text, &mut s.primary_host, base.primary_host);
}

/// `adapter=0 protocol=V4 dhcp=no address=10.0.0.5 subnet=255.255.255.0 gateway=… dns=…`.
fn adapters<A: Args>() -> Group<A, FailoverNetworkAdapterSettings> {
    Group {
        default: Vec::new(),
        blank: |_| FailoverNetworkAdapterSettings {
            adapter: AdapterId(0),
            protocol: IpProtocol::V4,
            dhcp: false,
            addresses: Vec::new(),
            subnets: Vec::new(),
            gateways: Vec::new(),
            dns_servers: Vec::new(),
        },
        item: |args, it, _| {
            args.need("adapter", Number::new(), &mut it.adapter.0);
            args.key("protocol", Exact::new(), &mut it.protocol, IpProtocol::V4);
            args.key("dhcp", YES_NO, &mut it.dhcp, false);
            args.many("address", Text, &mut it.addresses);
            args.many("subnet", Text, &mut it.subnets);
            args.many("gateway", Text, &mut it.gateways);
            args.many("dns", Text, &mut it.dns_servers);
        },
    }
}

/// `boot=30s refusals=late StartReplication=4096 build=9200 StartReplication=0`: what differs from
/// the default policy.
pub(super) fn policy<A: Args>(args: &mut A, policy: &mut Policy) {
    let base = Policy::default();
    args.key("link_rate", Rate, &mut policy.link_rate, base.link_rate);
    args.key("link_latency", Time, &mut policy.link_latency, base.link_latency);
    args.key("compare_rate", Rate, &mut policy.compare_rate, base.compare_rate);
    args.key("apply", Time, &mut policy.apply, base.apply);
    args.key("local", Time, &mut policy.local, base.local);
    args.key("contact", Time, &mut policy.contact, base.contact);
    args.key("checkpoint", Time, &mut policy.checkpoint, base.checkpoint);
    args.key("undo", Time, &mut policy.undo, base.undo);
    args.key("merge", Time, &mut policy.merge, base.merge);
    args.key("boot", Time, &mut policy.boot, base.boot);
    args.key("guest_shutdown", Time, &mut policy.guest_shutdown, base.guest_shutdown);
    args.key("guest_talks", Time, &mut policy.guest_talks, base.guest_talks);
    args.key("refusals", REFUSALS, &mut policy.refusals, base.refusals);
    args.key("job_retention", Time, &mut policy.job_retention, base.job_retention);
    args.key("job_new", Time, &mut policy.job_new, base.job_new);
    args.key("job_starting", Time, &mut policy.job_starting, base.job_starting);
    let shutting_down = &mut policy.job_shutting_down;
    args.key("job_shutting_down", Time, shutting_down, base.job_shutting_down);
    let resynchronize = &mut policy.auto_resynchronize;
    args.key("auto_resynchronize", YES_NO, resynchronize, base.auto_resynchronize);
    args.maybe("survives_shutdown", Build, &mut policy.survives_shutdown);
    let mut warnings: Vec<_> = policy.completed_with_warnings.iter().copied().collect();
    args.many("completed_with_warnings", OperationName, &mut warnings);
    policy.completed_with_warnings = warnings.into_iter().collect();
    args.before("build", |args| answers(args, &mut policy.answers));
    let of_builds = Group {
        default: Vec::new(),
        blank: |_| (WindowsBuild::Server2022, BTreeMap::new()),
        item: |args: &mut A, (build, of_build): &mut (WindowsBuild, Answers), _| {
            args.need("build", Build, build);
            answers(args, of_build);
        },
    };
    let mut all: Vec<_> = std::mem::take(&mut policy.answers_of_build).into_iter().collect();
    args.group("build", &mut all, of_builds);
    for (build, of_build) in all {
        policy.answers_of_build.entry(build).or_default().extend(of_build);
    }
}

type Answers = BTreeMap<Operation, Answer>;

/// `StartReplication=4096 CommitFailover=0`: how operations are answered.
fn answers<A: Args>(args: &mut A, answers: &mut Answers) {
    for &operation in Operation::ALL {
        let mut answer = answers.remove(&operation);
        args.maybe(operation.name(), ANSWER, &mut answer);
        answers.extend(answer.map(|answer| (operation, answer)));
    }
}

/// `tokyo build=9600 server=off allow=*.contoso.com storage=D:\Replica trust=DEFAULT`.
pub(super) fn host<A: Args>(args: &mut A, spec: &mut HostSpec) {
    args.next(SharedName("the name of a host"), &mut spec.name);
    args.key("build", Build, &mut spec.build, WindowsBuild::Server2022);
    args.key("edition", EDITION, &mut spec.edition, Edition::Server);
    args.key("clustered", YES_NO, &mut spec.clustered, false);
    args.key("utc_offset", UtcOffset, &mut spec.utc_offset_min, 0);
    service_settings(args, &mut spec.settings, spec.utc_offset_min);
    let entries = Group {
        default: vec![AuthorizationEntry::any(STORAGE)],
        blank: |_| AuthorizationEntry::any(STORAGE),
        item: |args: &mut A, it: &mut AuthorizationEntry, _| {
            args.need("allow", HOST, &mut it.allowed_primary);
            rest_of_entry(args, it);
        },
    };
    args.group("allow", &mut spec.entries, entries);
    let store = Group {
        default: Vec::new(),
        blank: |_| Certificate { names: Vec::new(), ..Certificate::of("", "") },
        item: |args: &mut A, it: &mut Certificate, _| {
            args.need("store", THUMBPRINT, &mut it.thumbprint);
            rest_of_certificate(args, it);
        },
    };
    args.group("store", &mut spec.certificates, store);
    args.many("occupied", Number::new(), &mut spec.occupied_ports);
    args.many("closed", Text, &mut spec.closed_folders);
    let providers = Group {
        default: Vec::new(),
        blank: |_| ReplicationProvider { name: BLANK, element_name: String::new() },
        item: |args: &mut A, it: &mut ReplicationProvider, _| {
            args.need("provider", GuidForm, &mut it.name);
            args.key("title", Text, &mut it.element_name, String::new());
        },
    };
    args.group("provider", &mut spec.providers, providers);
    let transfers = &mut spec.max_active_transfers;
    args.key(TRANSFERS, Number::new(), transfers, HostSpec::MAX_ACTIVE_TRANSFERS);
}

/// The argument of a host, and the word that changes it.
pub(super) const TRANSFERS: &str = "max_active_transfers";

const THUMBPRINT: Name = Name("the thumbprint of a certificate");

/// `name=tokyo.contoso.com from=0s until=30d client_auth=yes …`.
fn rest_of_certificate<A: Args>(args: &mut A, it: &mut Certificate) {
    args.many("name", Text, &mut it.names);
    args.key("from", Moment, &mut it.valid_from, SimTime::ZERO);
    args.key("until", Moment, &mut it.valid_until, SimTime::MAX);
    args.key("client_auth", YES_NO, &mut it.client_authentication, true);
    args.key("server_auth", YES_NO, &mut it.server_authentication, true);
    args.key("private_key", YES_NO, &mut it.private_key, true);
    args.key("trusted", YES_NO, &mut it.trusted, true);
    args.key("encoded", Text, &mut it.encoded, String::new());
}

/// What a line that begins with this word changes on a host, before the line is read.
pub(super) fn blank_change(keyword: Keyword) -> Option<HostChange> {
    Some(match keyword {
        Keyword::Certificate => HostChange::InstallCertificate(Certificate::of("", "")),
        Keyword::Discard => HostChange::RemoveCertificate(String::new()),
        Keyword::Occupy => HostChange::OccupyPort(0),
        Keyword::Release => HostChange::ReleasePort(0),
        Keyword::Close => HostChange::CloseFolder(String::new()),
        Keyword::Open => HostChange::OpenFolder(String::new()),
        Keyword::Provider => HostChange::RegisterProvider(ReplicationProvider {
            name: BLANK,
            element_name: String::new(),
        }),
        Keyword::Unregister => HostChange::RemoveProvider(BLANK),
        Keyword::LimitTransfers => HostChange::LimitTransfers(HostSpec::MAX_ACTIVE_TRANSFERS),
        Keyword::Upgrade => HostChange::Upgrade(WindowsBuild::Server2022),
        _ => return None,
    })
}

/// The word that begins the line of a change.
pub(super) const fn keyword_of(change: &HostChange) -> Keyword {
    match change {
        HostChange::InstallCertificate(_) => Keyword::Certificate,
        HostChange::RemoveCertificate(_) => Keyword::Discard,
        HostChange::OccupyPort(_) => Keyword::Occupy,
        HostChange::ReleasePort(_) => Keyword::Release,
        HostChange::CloseFolder(_) => Keyword::Close,
        HostChange::OpenFolder(_) => Keyword::Open,
        HostChange::RegisterProvider(_) => Keyword::Provider,
        HostChange::RemoveProvider(_) => Keyword::Unregister,
        HostChange::LimitTransfers(_) => Keyword::LimitTransfers,
        HostChange::Upgrade(_) => Keyword::Upgrade,
    }
}

/// What is changed on a host, behind the host.
pub(super) fn change<A: Args>(args: &mut A, change: &mut HostChange) {
    match change {
        HostChange::InstallCertificate(it) => {
            args.next(THUMBPRINT, &mut it.thumbprint);
            rest_of_certificate(args, it);
        }
        HostChange::RemoveCertificate(thumbprint) => args.next(THUMBPRINT, thumbprint),
        HostChange::OccupyPort(port) | HostChange::ReleasePort(port) => {
            args.next(Number::new(), port);
        }
        HostChange::CloseFolder(folder) | HostChange::OpenFolder(folder) => {
            args.next(Name("a folder"), folder);
        }
        HostChange::RegisterProvider(it) => {
            args.next(GuidForm, &mut it.name);
            args.key("title", Text, &mut it.element_name, String::new());
        }
        HostChange::RemoveProvider(name) => args.next(GuidForm, name),
        HostChange::LimitTransfers(most) => args.next(Number::new(), most),
        HostChange::Upgrade(build) => args.next(Build, build),
    }
}

/// A host before its line is read.
pub(super) fn blank_host() -> HostSpec {
    HostSpec::trusting("")
}

/// `id={GUID} disk=127GiB used=20GiB write=1MiB/s`, behind the name, the host and the power.
pub(super) fn vm<A: Args>(args: &mut A, spec: &mut VmSpec) {
    let mut id = spec.id.0;
    args.key("id", GuidForm, &mut id, id_of_name(&spec.name).0);
    spec.id = VmId(id);
    let disks = Group {
        default: vec![blank_disk(0)],
        blank: blank_disk,
        item: |args: &mut A, it: &mut Disk, place| {
            args.need("disk", Size, &mut it.capacity_bytes);
            args.key("used", Size, &mut it.used_bytes, DISK_BYTES.1.min(it.capacity_bytes));
            args.key("number", Number::new(), &mut it.id.0, blank_disk(place).id.0);
        },
    };
    args.group("disk", &mut spec.disks, disks);
    args.key("write", Rate, &mut spec.write_rate, WRITE_RATE);
    args.key("guest", GUEST, &mut spec.guest, GuestSystem::Windows);
    let adapters = Group {
        default: vec![blank_adapter(0)],
        blank: blank_adapter,
        item: |args: &mut A, it: &mut Adapter, _| {
            args.need("adapter", Number::new(), &mut it.id.0);
            let mut legacy = it.kind == AdapterKind::Legacy;
            args.key("legacy", YES_NO, &mut legacy, false);
            it.kind = if legacy { AdapterKind::Legacy } else { AdapterKind::Synthetic };
            plug(args, &mut it.plug, true);
            args.many("address", Text, &mut it.addresses);
        },
    };
    args.group("adapter", &mut spec.adapters, adapters);
}

/// A virtual machine of this name before the rest of its line is read.
pub(super) fn blank_vm(name: &str, running: bool) -> VmSpec {
    VmSpec {
        id: id_of_name(name),
        name: name.into(),
        running,
        disks: vec![blank_disk(0)],
        write_rate: WRITE_RATE,
        guest: GuestSystem::Windows,
        adapters: vec![blank_adapter(0)],
    }
}

/// What an adapter is plugged into if a line does not say.
const PLUGGED: Plug = Plug { connected: true, test_switch: false };

/// `connected=yes test_switch=no`.
pub(super) fn plug<A: Args>(args: &mut A, plug: &mut Plug, connected: bool) {
    args.key("connected", YES_NO, &mut plug.connected, connected);
    args.key("test_switch", YES_NO, &mut plug.test_switch, false);
}

fn blank_adapter(place: usize) -> Adapter {
    Adapter::synthetic(AdapterId(u8::try_from(place).unwrap_or(u8::MAX)))
}

fn blank_disk(place: usize) -> Disk {
    Disk {
        id: DiskId(u8::try_from(place).unwrap_or(u8::MAX)),
        capacity_bytes: DISK_BYTES.0,
        used_bytes: DISK_BYTES.1,
    }
}

/// The verb that says this disturbance.
pub(super) const fn verb(what: &Disturbance) -> Verb {
    match what {
        Disturbance::CutLink(..) => Verb::Cut,
        Disturbance::CutOneWay(..) => Verb::Mute,
        Disturbance::WeakenLink(_, _, Weakness::Slow(_)) => Verb::Slow,
        Disturbance::WeakenLink(_, _, Weakness::Lossy(_)) => Verb::Lossy,
        Disturbance::HealLink(..) => Verb::Heal,
        Disturbance::CrashHost(_) => Verb::Crash,
        Disturbance::ShutDownHost(_) => Verb::ShutDown,
        Disturbance::BootHost(_) => Verb::Boot,
        Disturbance::TroubleHost(..) | Disturbance::TroubleVm(..) => Verb::Trouble,
        Disturbance::RelieveHost(..) | Disturbance::RelieveVm(..) => Verb::Relieve,
        Disturbance::ChangeDisks(..) => Verb::ChangeDisks,
        Disturbance::CorruptLog(..) => Verb::CorruptLog,
        Disturbance::CorruptUndoLog(..) => Verb::CorruptUndoLog,
        Disturbance::ResizeDisk(..) => Verb::Resize,
        Disturbance::DeleteVm(..) => Verb::Delete,
        Disturbance::MigrateVm(..) => Verb::Migrate,
        Disturbance::PlugAdapter(..) => Verb::Plug,
    }
}

/// What a verb says before the rest of its line is read.
pub(super) fn blank_disturbance(verb: Verb) -> Disturbance {
    let (host, vm) = (HostId(0), VmId(Guid(0)));
    match verb {
        Verb::Cut => Disturbance::CutLink(host, host),
        Verb::Mute => Disturbance::CutOneWay(host, host),
        Verb::Slow => Disturbance::WeakenLink(host, host, Weakness::Slow(0)),
        Verb::Lossy => Disturbance::WeakenLink(host, host, Weakness::Lossy(0)),
        Verb::Heal => Disturbance::HealLink(host, host),
        Verb::Crash => Disturbance::CrashHost(host),
        Verb::ShutDown => Disturbance::ShutDownHost(host),
        Verb::Boot => Disturbance::BootHost(host),
        Verb::Trouble => Disturbance::TroubleHost(host, HostTrouble::StorageFull),
        Verb::Relieve => Disturbance::RelieveHost(host, HostTrouble::StorageFull),
        Verb::ChangeDisks => Disturbance::ChangeDisks(host, vm),
        Verb::CorruptLog => Disturbance::CorruptLog(host, vm),
        Verb::CorruptUndoLog => Disturbance::CorruptUndoLog(host, vm, PointId(Guid(0))),
        Verb::Resize => Disturbance::ResizeDisk(host, vm, blank_disk(0)),
        Verb::Delete => Disturbance::DeleteVm(host, vm),
        Verb::Migrate => Disturbance::MigrateVm(host, vm, host),
        Verb::Plug => Disturbance::PlugAdapter(host, vm, AdapterId(0), PLUGGED),
    }
}

/// The words behind a verb.
pub(super) fn disturbance<A: Args>(args: &mut A, what: &mut Disturbance) {
    match what {
        Disturbance::CutLink(a, b) | Disturbance::CutOneWay(a, b) | Disturbance::HealLink(a, b) => {
            args.host(a);
            args.host(b);
        }
        Disturbance::WeakenLink(a, b, how) => {
            args.host(a);
            args.host(b);
            match how {
                Weakness::Slow(rate) => args.next(Rate, rate),
                Weakness::Lossy(every) => args.next(Number::new(), every),
            }
        }
        Disturbance::CrashHost(host)
        | Disturbance::ShutDownHost(host)
        | Disturbance::BootHost(host) => args.host(host),
        Disturbance::TroubleHost(..)
        | Disturbance::RelieveHost(..)
        | Disturbance::TroubleVm(..)
        | Disturbance::RelieveVm(..) => trouble(args, what),
        Disturbance::ChangeDisks(host, vm)
        | Disturbance::CorruptLog(host, vm)
        | Disturbance::DeleteVm(host, vm) => {
            args.host(host);
            args.vm(vm);
        }
        Disturbance::CorruptUndoLog(host, vm, point) => {
            args.host(host);
            args.vm(vm);
            args.kept_point(*vm, point);
        }
        Disturbance::MigrateVm(from, vm, to) => {
            args.host(from);
            args.vm(vm);
            args.host(to);
        }
        Disturbance::PlugAdapter(host, vm, adapter, it) => {
            args.host(host);
            args.vm(vm);
            args.key("adapter", Number::new(), &mut adapter.0, 0);
            plug(args, it, PLUGGED.connected);
        }
        Disturbance::ResizeDisk(host, vm, disk) => {
            args.host(host);
            args.vm(vm);
            args.need("disk", Size, &mut disk.capacity_bytes);
            let used = DISK_BYTES.1.min(disk.capacity_bytes);
            args.key("used", Size, &mut disk.used_bytes, used);
            args.key("number", Number::new(), &mut disk.id.0, 0);
        }
    }
}

/// `tokyo StorageFull`, `osaka BackupRuns web`: the trouble says whether a virtual machine follows.
fn trouble<A: Args>(args: &mut A, what: &mut Disturbance) {
    use Disturbance::{RelieveHost, RelieveVm, TroubleHost, TroubleVm};
    let begins = matches!(what, TroubleHost(..) | TroubleVm(..));
    let (mut host, mut vm, mut name) = match *what {
        TroubleVm(host, vm, it) | RelieveVm(host, vm, it) => (host, vm, Trouble::Vm(it)),
        TroubleHost(host, it) | RelieveHost(host, it) => (host, VmId(Guid(0)), Trouble::Host(it)),
        _ => return,
    };
    args.host(&mut host);
    args.next(TroubleName, &mut name);
    if matches!(name, Trouble::Vm(_)) {
        args.vm(&mut vm);
    }
    *what = match (name, begins) {
        (Trouble::Host(it), true) => TroubleHost(host, it),
        (Trouble::Host(it), false) => RelieveHost(host, it),
        (Trouble::Vm(it), true) => TroubleVm(host, vm, it),
        (Trouble::Vm(it), false) => RelieveVm(host, vm, it),
    };
}
