//! Worlds and inputs to throw at them.

use hyperv_replica::engine::{
    Caller, Disturbance, Event, HostChange, HostSpec, HostTrouble, Input, Policy, VmSpec,
    VmTrouble, Weakness, World,
};
use hyperv_replica::model::{
    Adapter, AdapterId, AllowedAuthentication, AuthenticationType, AuthorizationEntry, Call,
    Certificate, Disk, DiskId, FailoverNetworkAdapterSettings, GuestSystem, Guid, HostId,
    IpProtocol, Leg, RelationshipId, ReplicationProvider, ServiceSettings, Settings, SimTime, VmId,
    WindowsBuild,
};
use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use std::time::Duration;

const GIB: u64 = 1 << 30;

/// The same cases at every run, unless the environment asks for others: `PROPTEST_RNG_SEED=1`.
pub(crate) fn config(cases: u32) -> ProptestConfig {
    let from_environment = ProptestConfig::with_cases(cases);
    let rng_seed = match from_environment.rng_seed {
        RngSeed::Random => RngSeed::Fixed(0),
        asked @ RngSeed::Fixed(_) => asked,
    };
    ProptestConfig { rng_seed, failure_persistence: None, ..from_environment }
}

/// The virtual machine that most inputs are about.
pub(crate) const WEB: VmId = VmId(Guid(0x1111_1111_1111_4111_8111_1111_1111_1111));
/// Another one, so that operations on one must leave the other alone.
pub(crate) const DB: VmId = VmId(Guid(0x2222_2222_2222_4222_8222_2222_2222_2222));

/// An external provider.
pub(crate) const PROVIDER: Guid = Guid(0x3333_3333_3333_4333_8333_3333_3333_3333);
/// The thumbprint that every host's certificate has; each has one of its own.
const THUMBPRINT: &str = "AB12";

/// A replica server with both listeners.
fn both_listeners() -> ServiceSettings {
    ServiceSettings {
        allowed_authentication: AllowedAuthentication::Both,
        certificate_thumbprint: THUMBPRINT.to_owned(),
        ..ServiceSettings::kerberos()
    }
}

fn provider() -> ReplicationProvider {
    ReplicationProvider { name: PROVIDER, element_name: "Elsewhere".to_owned() }
}

/// Hosts `tokyo`, `osaka` and `london` that trust each other, on a recent Windows; two virtual
/// machines on the first.
pub(crate) fn three_hosts() -> World {
    three_hosts_of([WindowsBuild::Server2022; 3])
}

/// The same on these builds. Each host has an external provider, and a certificate for thirty days.
fn three_hosts_of(builds: [WindowsBuild; 3]) -> World {
    let mut world = World::with_policy(7, Policy::default());
    let mut out = Vec::new();
    for (name, build) in ["tokyo", "osaka", "london"].into_iter().zip(builds) {
        let valid_until = SimTime::ZERO + Duration::from_secs(30 * 24 * 3600);
        let certificate = Certificate { valid_until, ..Certificate::of(name, THUMBPRINT) };
        let spec = HostSpec {
            build,
            settings: both_listeners(),
            certificates: vec![certificate],
            providers: vec![provider()],
            ..HostSpec::trusting(name)
        };
        world.apply(&Input::AddHost(spec), &mut out);
    }
    for (id, name, running) in [(WEB, "web", true), (DB, "db", false)] {
        let disks = [(0, 40), (1, 10)].map(|(id, gib)| Disk {
            id: DiskId(id),
            capacity_bytes: gib * GIB,
            used_bytes: gib * GIB / 4,
        });
        let vm = VmSpec {
            id,
            name: name.into(),
            running,
            disks: disks.into(),
            write_rate: 300_000,
            guest: GuestSystem::Windows,
            adapters: vec![Adapter::synthetic(AdapterId(0))],
        };
        world.apply(&Input::AddVm { host: HostId(0), vm }, &mut out);
    }
    world
}

/// The same hosts, with `web` replicating from tokyo to osaka every 30 seconds for two hours.
pub(crate) fn replicating() -> World {
    let mut world = three_hosts();
    let settings =
        Settings { recovery_history: 3, replication_interval_s: 30, ..Settings::to("osaka") };
    replicate(&mut world, HostId(0), settings);
    world
}

/// The same, and from osaka to london.
pub(crate) fn chained() -> World {
    let mut world = replicating();
    let settings = Settings { recovery_history: 2, ..Settings::to("london") };
    replicate(&mut world, HostId(1), settings);
    world
}

/// `web` replicates from tokyo to osaka, is prepared for a planned failover, and failed over.
pub(crate) fn failed_over() -> World {
    let mut world = replicating();
    let prepare = Call::RequestReplicationStateChange { vm: WEB, relationship: None, requested: 4 };
    call(&mut world, HostId(0), Call::RequestStateChange { vm: WEB, requested: 3 });
    call(&mut world, HostId(0), prepare);
    call(&mut world, HostId(1), Call::InitiateFailover { vm: WEB, point: None });
    world
}

/// `web` replicates between hosts that lack what later builds brought, with certificates.
pub(crate) fn on_old_hosts() -> World {
    use WindowsBuild::{Server2012R2, Server2022};
    let mut world = three_hosts_of([Server2012R2, Server2012R2, Server2022]);
    replicate(&mut world, HostId(0), certified("osaka"));
    world
}

/// `web` is failed over on osaka, and an external provider replicates it.
pub(crate) fn provided() -> World {
    let mut world = three_hosts();
    replicate(&mut world, HostId(0), Settings { provider: PROVIDER, ..Settings::to("osaka") });
    call(&mut world, HostId(1), Call::InitiateFailover { vm: WEB, point: None });
    world
}

/// Replication with certificates.
fn certified(host: &str) -> Settings {
    Settings {
        authentication: Some(AuthenticationType::Certificate),
        certificate_thumbprint: THUMBPRINT.to_owned(),
        recovery_server_port: 443,
        ..Settings::to(host)
    }
}

fn replicate(world: &mut World, host: HostId, settings: Settings) {
    let create = Call::CreateReplicationRelationship { vm: WEB, settings: Box::new(settings) };
    call(world, host, create);
    let start = Call::StartReplication { vm: WEB, initial: 1, export_location: None, start: None };
    call(world, host, start);
    world.apply(&Input::Advance(Duration::from_secs(7200)), &mut Vec::new());
}

fn call(world: &mut World, host: HostId, call: Call) {
    let caller = Caller::Administrator;
    world.apply(&Input::Call { host, caller, call }, &mut Vec::new());
    world.apply(&Input::Advance(Duration::from_secs(15)), &mut Vec::new());
}

/// Where a walk begins.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Beginning {
    ThreeHosts,
    Replicating,
    Chained,
    FailedOver,
    OnOldHosts,
    Provided,
}

impl Beginning {
    pub(crate) fn world(self) -> World {
        match self {
            Self::ThreeHosts => three_hosts(),
            Self::Replicating => replicating(),
            Self::Chained => chained(),
            Self::FailedOver => failed_over(),
            Self::OnOldHosts => on_old_hosts(),
            Self::Provided => provided(),
        }
    }
}

/// Nothing is replicated yet, or something is.
pub(crate) fn beginning() -> impl Strategy<Value = Beginning> {
    use Beginning::{Chained, FailedOver, OnOldHosts, Provided, Replicating, ThreeHosts};
    prop::sample::select(vec![
        ThreeHosts,
        Replicating,
        Chained,
        FailedOver,
        ThreeHosts,
        Replicating,
        Chained,
        FailedOver,
        OnOldHosts,
        Provided,
    ])
}

/// One step of a walk through worlds. Always meaningful: an index is resolved against whatever
/// there is when its turn comes.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    /// A call that the world accepts, among all that are tried; nothing if there is none.
    Accepted(Index),
    /// Any call.
    Call(Index),
    /// Whatever is due next.
    Next,
    /// A stretch of time.
    Advance(u32),
    /// Something happens.
    Disturb(Index),
    /// A machine is changed.
    Configure(Index),
}

/// Steps, mostly such that something happens.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => any::<Index>().prop_map(Step::Accepted),
        2 => any::<Index>().prop_map(Step::Call),
        4 => Just(Step::Next),
        2 => (1u32..20_000).prop_map(Step::Advance),
        2 => any::<Index>().prop_map(Step::Disturb),
        1 => any::<Index>().prop_map(Step::Configure),
    ]
}

/// Turns a step into an input for this world.
pub(crate) fn resolve(world: &World, step: &Step) -> Option<Input> {
    Some(match step {
        Step::Next => Input::Advance(world.next_due()?.since(world.now())),
        Step::Advance(seconds) => Input::Advance(Duration::from_secs(u64::from(*seconds))),
        Step::Disturb(index) => Input::Disturb(*index.get(&disturbances(world))),
        Step::Configure(index) => index.get(&changes(world)).clone(),
        Step::Call(index) => {
            let calls = calls(world);
            if calls.is_empty() {
                return None;
            }
            index.get(&calls).clone()
        }
        Step::Accepted(index) => {
            let accepted: Vec<_> =
                calls(world).into_iter().filter(|it| is_accepted(world, it)).collect();
            if accepted.is_empty() {
                return None;
            }
            index.get(&accepted).clone()
        }
    })
}

fn is_accepted(world: &World, input: &Input) -> bool {
    use hyperv_replica::engine::Reply;
    let mut fork = world.clone();
    matches!(fork.apply(input, &mut Vec::new()), Reply::Started(_))
}

/// Runs steps; what happened, input by input.
pub(crate) fn walk(world: &mut World, steps: &[Step]) -> (Vec<Input>, Vec<Event>) {
    let (mut inputs, mut events) = (Vec::new(), Vec::new());
    for step in steps {
        if let Some(input) = resolve(world, step) {
            world.apply(&input, &mut events);
            inputs.push(input);
        }
    }
    (inputs, events)
}

fn disturbances(world: &World) -> Vec<Disturbance> {
    let hosts = [HostId(0), HostId(1), HostId(2)];
    let links = [(0, 1), (1, 2), (0, 2)].map(|(a, b)| (HostId(a), HostId(b)));
    let mut all = Vec::new();
    for (a, b) in links {
        all.extend([
            Disturbance::CutLink(a, b),
            Disturbance::CutOneWay(b, a),
            Disturbance::WeakenLink(a, b, Weakness::Slow(1 << 16)),
            Disturbance::WeakenLink(a, b, Weakness::Lossy(3)),
        ]);
        all.extend([Disturbance::HealLink(a, b); 3]);
    }
    for host in hosts {
        all.extend([Disturbance::CrashHost(host), Disturbance::ShutDownHost(host)]);
        all.extend([Disturbance::BootHost(host); 3]);
        for trouble in HostTrouble::ALL {
            all.push(Disturbance::TroubleHost(host, trouble));
            all.extend([Disturbance::RelieveHost(host, trouble); 2]);
        }
        for vm in world.vms(host) {
            for trouble in VmTrouble::ALL {
                all.push(Disturbance::TroubleVm(host, vm.id, trouble));
                all.extend([Disturbance::RelieveVm(host, vm.id, trouble); 2]);
            }
            let resized = |capacity_bytes| {
                let disk = Disk { id: DiskId(0), capacity_bytes, used_bytes: 1 << 20 };
                Disturbance::ResizeDisk(host, vm.id, disk)
            };
            all.extend([
                Disturbance::ChangeDisks(host, vm.id),
                Disturbance::CorruptLog(host, vm.id),
                resized(1 << 29),
                resized(1 << 30),
                Disturbance::DeleteVm(host, vm.id),
            ]);
        }
    }
    all
}

/// Changes to machines, most of which repair what the others break.
fn changes(world: &World) -> Vec<Input> {
    let of_host = |host, name: &str| {
        let folder = || r"D:\Replica".to_owned();
        [
            HostChange::RemoveCertificate(THUMBPRINT.to_owned()),
            HostChange::InstallCertificate(Certificate::of(name, THUMBPRINT)),
            HostChange::OccupyPort(80),
            HostChange::OccupyPort(443),
            HostChange::ReleasePort(80),
            HostChange::ReleasePort(443),
            HostChange::CloseFolder(folder()),
            HostChange::OpenFolder(folder()),
            HostChange::RemoveProvider(PROVIDER),
            HostChange::RegisterProvider(provider()),
            HostChange::Upgrade(WindowsBuild::Server2016),
            HostChange::LimitTransfers(1),
        ]
        .map(|change| Input::Configure { host, change })
    };
    world.hosts().flat_map(|(host, view)| of_host(host, &view.name)).collect()
}

/// Every call worth trying in this world.
fn calls(world: &World) -> Vec<Input> {
    let mut all = Vec::new();
    for (host, _) in world.hosts() {
        let mut add = |call| all.push(Input::Call { host, caller: Caller::Administrator, call });
        for settings in [both_listeners(), ServiceSettings::kerberos(), ServiceSettings::default()]
        {
            add(Call::ModifyServiceSettings { settings: Box::new(settings) });
        }
        let entry = AuthorizationEntry::any(r"D:\Replica");
        add(Call::RemoveAuthorizationEntry { allowed_primary: "*".to_owned() });
        add(Call::AddAuthorizationEntry { entry });
        for vm in world.vms(host) {
            calls_of_vm(world, host, vm.id, &mut add);
        }
        for job in world.jobs(host).filter(|job| !job.state.is_terminal()) {
            add(Call::RequestJobStateChange { job: job.id, requested: 4 });
        }
    }
    all
}

fn calls_of_vm(world: &World, host: HostId, vm: VmId, add: &mut impl FnMut(Call)) {
    for leg in [Leg::Primary, Leg::Extended] {
        let relationship = Some(RelationshipId { vm, leg });
        for requested in [1, 2, 3, 4, 7, 9, 15, 5] {
            add(Call::RequestReplicationStateChange { vm, relationship, requested });
        }
        add(Call::RemoveReplicationRelationship { vm, relationship });
    }
    for requested in [2, 3, 4, 6, 9, 10, 11, 8] {
        add(Call::RequestStateChange { vm, requested });
    }
    for (other, view) in world.hosts().filter(|(other, _)| *other != host) {
        let settings = Settings {
            recovery_history: 3,
            replication_interval_s: if other.0 == 1 { 30 } else { 300 },
            auto_resynchronize: other.0 == 2,
            ..Settings::to(&view.name)
        };
        add(Call::CreateReplicationRelationship { vm, settings: Box::new(settings.clone()) });
        let network = FailoverNetworkAdapterSettings {
            adapter: AdapterId(0),
            protocol: IpProtocol::V4,
            dhcp: false,
            addresses: vec!["10.0.0.7".into()],
            subnets: vec!["255.255.255.0".into()],
            gateways: Vec::new(),
            dns_servers: Vec::new(),
        };
        add(Call::SetFailoverNetworkAdapterSettings { vm, settings: vec![network] });
        let provided = Settings { provider: PROVIDER, ..settings.clone() };
        for other in [certified(&view.name), provided] {
            let settings = Box::new(other);
            add(Call::CreateReplicationRelationship { vm, settings: settings.clone() });
            add(Call::ModifyReplicationSettings { vm, settings: settings.clone() });
            add(Call::InitiateFailback { vm, settings, point: None });
        }
        let changed = Settings { recovery_history: 1, ..settings };
        add(Call::ModifyReplicationSettings { vm, settings: Box::new(changed.clone()) });
        let fewer = Settings { included_disks: Some(vec![DiskId(0)]), ..changed };
        add(Call::ModifyReplicationSettings { vm, settings: Box::new(fewer) });
    }
    let later = Some(world.now() + Duration::from_secs(600));
    for (initial, start) in [(1, None), (1, later), (2, None), (3, None)] {
        let export_location = Some(r"D:\Export".to_owned());
        add(Call::StartReplication { vm, initial, export_location, start });
    }
    add(Call::Resynchronize { vm, start: None });
    add(Call::Resynchronize { vm, start: later });
    let name = world.vm(host, vm).map(|it| it.name.to_string()).unwrap_or_default();
    add(Call::ImportInitialReplica { vm, import_location: format!(r"D:\Export\{name}_{vm}") });
    let points = world.recovery_points(host, vm).unwrap_or_default();
    for point in [None, points.first().map(|it| it.id)] {
        add(Call::InitiateFailover { vm, point });
        add(Call::TestReplicaSystem { vm, point });
    }
    add(Call::RevertFailover { vm });
    add(Call::CommitFailover { vm });
    add(Call::ReverseReplicationRelationship { vm, settings: None });
    let relationship = RelationshipId::extended(vm);
    add(Call::ChangeReplicationModeToPrimary { vm, relationship });
    add(Call::DestroySystem { vm });
}

/// What repairs everything from outside: links, then hosts, then what troubles them.
pub(crate) fn heal_inputs(world: &World) -> Vec<Input> {
    let links = [(0, 1), (1, 2), (0, 2)].map(|(a, b)| Disturbance::HealLink(HostId(a), HostId(b)));
    let mut all = links.to_vec();
    for host in [HostId(0), HostId(1), HostId(2)] {
        if !world.is_up(host) {
            all.push(Disturbance::BootHost(host));
        }
        all.extend(HostTrouble::ALL.map(|it| Disturbance::RelieveHost(host, it)));
        for vm in world.vms(host) {
            all.extend(VmTrouble::ALL.map(|it| Disturbance::RelieveVm(host, vm.id, it)));
        }
    }
    let mut all: Vec<Input> = all.into_iter().map(Input::Disturb).collect();
    for (host, view) in world.hosts() {
        let changes = [
            HostChange::RemoveCertificate(THUMBPRINT.to_owned()),
            HostChange::InstallCertificate(Certificate::of(&view.name, THUMBPRINT)),
            HostChange::ReleasePort(80),
            HostChange::ReleasePort(443),
            HostChange::RegisterProvider(provider()),
        ];
        all.extend(changes.map(|change| Input::Configure { host, change }));
        let call = Call::ModifyServiceSettings { settings: Box::new(both_listeners()) };
        all.push(Input::Call { host, caller: Caller::Administrator, call });
    }
    all
}

/// Repairs everything from outside.
pub(crate) fn heal(world: &mut World, out: &mut Vec<Event>) {
    for input in heal_inputs(world) {
        world.apply(&input, out);
    }
}
