//! How worlds begin: hosts, virtual machines and what replicates, as inputs.

use crate::engine::{Caller, HostSpec, Input, Policy, VmSpec, World};
use crate::model::time::{days, hours, seconds};
use crate::model::{
    Adapter, AdapterId, AllowedAuthentication, AuthenticationType, Call, Certificate, Disk, DiskId,
    GuestSystem, Guid, HostId, ReplicationProvider, ServiceSettings, Settings, SimTime, VmId,
    WindowsBuild,
};
use crate::script::{self, Fault, Runner, Script};
use std::fmt;

/// The virtual machine that beginnings replicate.
pub const WEB: VmId = VmId(Guid(0x1111_1111_1111_4111_8111_1111_1111_1111));
/// Another one, so that operations on one must leave the other alone.
pub const DB: VmId = VmId(Guid(0x2222_2222_2222_4222_8222_2222_2222_2222));
/// The external provider that every host has.
pub const PROVIDER: Guid = Guid(0x3333_3333_3333_4333_8333_3333_3333_3333);
/// The thumbprint of every host's certificate; each has one of its own.
pub const THUMBPRINT: &str = "AB12";
/// The names of hosts, in the order in which they join.
pub const HOSTS: [&str; 4] = ["tokyo", "osaka", "london", "paris"];

const GIB: u64 = 1 << 30;

/// How a world begins: its seed, its policy, and what has happened in it.
///
/// A beginning is data. It is inputs, so that it prints, by [`Debug`](fmt::Debug), as the first
/// lines of a script.
///
/// ```
/// use hyperv_replica::prelude::*;
/// use hyperv_replica::model::HostId;
/// use hyperv_replica::testkit::beginning::{Beginning, WEB};
///
/// let world = Beginning::replicating().world();
/// let seen = world.relationship(HostId(1), RelationshipId::primary(WEB));
/// assert_eq!(seen.map(|it| it.state), Some(ReplicationState::Replicating));
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Beginning {
    /// The seed of the world: which GUIDs it mints.
    pub seed: u64,
    /// Its durations, rates, and what nobody knows of its answers.
    pub policy: Policy,
    /// What has happened.
    pub inputs: Vec<Input>,
}

impl fmt::Debug for Beginning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let empty = World::with_policy(self.seed, self.policy.clone());
        write!(f, "\n{}", script::record(empty, &self.inputs))
    }
}

impl Beginning {
    /// An empty world, with the default policy.
    pub fn empty() -> Self {
        Self { seed: 0, policy: Policy::default(), inputs: Vec::new() }
    }

    /// A host of each build that trusts every other, with the certificate [`THUMBPRINT`] for
    /// thirty days and the external [`PROVIDER`] where its Windows can have one; four at most, of
    /// the names in [`HOSTS`]. On the first are [`WEB`], which runs, and [`DB`], which is off.
    pub fn hosts(builds: impl IntoIterator<Item = WindowsBuild>) -> Self {
        let [web, db] = [vm(WEB, "web", true), vm(DB, "db", false)];
        let on_first = |vm| Input::AddVm { host: HostId(0), vm };
        Self::bare(builds).then(on_first(web)).then(on_first(db))
    }

    /// The same hosts without a virtual machine.
    pub(super) fn bare(builds: impl IntoIterator<Item = WindowsBuild>) -> Self {
        let hosts = HOSTS.into_iter().zip(builds);
        let inputs = hosts.map(|(name, build)| Input::AddHost(host(name, build))).collect();
        Self { inputs, ..Self::empty() }
    }

    /// Three hosts with a recent Windows; nothing replicates.
    pub fn three_hosts() -> Self {
        Self::hosts([WindowsBuild::Server2022; 3])
    }

    /// [`WEB`] replicates from the first to the second of three hosts, every 30 seconds, for two
    /// hours.
    pub fn replicating() -> Self {
        let settings =
            Settings { recovery_history: 3, replication_interval_s: 30, ..Settings::to(HOSTS[1]) };
        Self::three_hosts().replicate(HostId(0), settings)
    }

    /// The same, and on to the third.
    pub fn chained() -> Self {
        let settings = Settings { recovery_history: 2, ..Settings::to(HOSTS[2]) };
        Self::replicating().replicate(HostId(1), settings)
    }

    /// [`WEB`] is prepared for a planned failover, and failed over on the second host.
    pub fn failed_over() -> Self {
        let request = |requested| Call::RequestReplicationStateChange {
            vm: WEB,
            relationship: None,
            requested,
        };
        Self::replicating()
            .call(HostId(0), Call::RequestStateChange { vm: WEB, requested: 3 })
            .call(HostId(0), request(4))
            .call(HostId(1), Call::InitiateFailover { vm: WEB, point: None })
    }

    /// [`WEB`] replicates with certificates between hosts that lack what later builds brought.
    pub fn on_old_hosts() -> Self {
        use WindowsBuild::{Server2012R2, Server2022};
        Self::hosts([Server2012R2, Server2012R2, Server2022])
            .replicate(HostId(0), certified(HOSTS[1]))
    }

    /// [`WEB`] is failed over on the second host, and an external provider replicates it.
    pub fn provided() -> Self {
        let settings = Settings { provider: PROVIDER, ..Settings::to(HOSTS[1]) };
        Self::three_hosts()
            .replicate(HostId(0), settings)
            .call(HostId(1), Call::InitiateFailover { vm: WEB, point: None })
    }

    /// Hosts that trust each other, `tokyo`, `osaka`, `london` and so on, and virtual machines on
    /// the first, `web`, `db` and so on, that run and are not replicated. At most six of each.
    ///
    /// # Panics
    /// Never: the script it is made of is tested for every size.
    pub fn lab(hosts: usize, vms: usize) -> Self {
        const HOSTS: [&str; 6] = ["tokyo", "osaka", "london", "paris", "oslo", "lima"];
        const VMS: [&str; 6] = ["web", "db", "mail", "files", "queue", "cache"];
        let hosts = HOSTS.iter().take(hosts.max(1)).map(|it| format!("host {it}\n"));
        let vm = |it: &&str| format!("vm {it} on tokyo running disk=10GiB used=1GiB\n");
        let text: String = hosts.chain(VMS.iter().take(vms).map(vm)).collect();
        let script = script::parse(&text).expect("a script");
        Self::script(&script).expect("a script that runs")
    }

    /// What a script makes happen. What it expects is not looked at again, and what its faults kept
    /// from the world has not happened.
    ///
    /// ```
    /// use hyperv_replica::script;
    /// use hyperv_replica::testkit::beginning::Beginning;
    ///
    /// let script = script::parse("seed 7\nhost tokyo\nadvance 5s").unwrap();
    /// let beginning = Beginning::script(&script).unwrap();
    /// assert_eq!((beginning.seed, beginning.inputs.len()), (7, 2));
    /// assert_eq!(beginning.record(&[]).to_string(), "seed 7\nhost tokyo\nadvance 5s\n");
    /// ```
    ///
    /// # Errors
    /// The first line that cannot be done.
    pub fn script(script: &Script) -> Result<Self, Fault> {
        let mut runner = Runner::new(World::new(0));
        for (number, line) in (1..).zip(&script.lines) {
            let fault = runner.step(number, line).and_then(|it| it.fault);
            if let Some(fault @ Fault::Problem(_)) = fault {
                return Err(fault);
            }
        }
        let (world, inputs) = (runner.world(), runner.inputs().to_vec());
        Ok(Self { seed: world.seed(), policy: world.policy().clone(), inputs })
    }

    /// The script of what has happened and then of these inputs, each with its answer.
    pub fn record(&self, then: &[Input]) -> Script {
        let world = World::with_policy(self.seed, self.policy.clone());
        script::record(world, self.inputs.iter().chain(then))
    }

    /// The world as it begins.
    pub fn world(&self) -> World {
        let mut world = World::with_policy(self.seed, self.policy.clone());
        let mut events = Vec::new();
        for input in &self.inputs {
            world.apply(input, &mut events);
            events.clear();
        }
        world
    }

    /// Then [`WEB`] begins to replicate from a host, over the network, and two hours pass.
    #[must_use]
    pub fn replicate(self, host: HostId, settings: Settings) -> Self {
        self.protect(host, WEB, settings).then(Input::Advance(hours(2)))
    }

    /// Then a virtual machine begins to replicate from a host, over the network.
    pub(super) fn protect(self, host: HostId, vm: VmId, settings: Settings) -> Self {
        let create = Call::CreateReplicationRelationship { vm, settings: Box::new(settings) };
        let start = Call::StartReplication { vm, initial: 1, export_location: None, start: None };
        self.call(host, create).call(host, start)
    }

    /// Then a host is called, and fifteen seconds pass.
    #[must_use]
    pub fn call(self, host: HostId, call: Call) -> Self {
        let caller = Caller::Administrator;
        self.then(Input::Call { host, caller, call }).then(Input::Advance(seconds(15)))
    }

    /// Then this happens.
    #[must_use]
    pub fn then(mut self, input: Input) -> Self {
        self.inputs.push(input);
        self
    }
}

fn host(name: &str, build: WindowsBuild) -> HostSpec {
    let valid_until = SimTime::ZERO + days(30);
    let certificate = Certificate { valid_until, ..Certificate::of(name, THUMBPRINT) };
    let has_class = build >= WindowsBuild::Server2012R2;
    HostSpec {
        build,
        settings: both_listeners(),
        certificates: vec![certificate],
        providers: has_class.then(provider).into_iter().collect(),
        ..HostSpec::trusting(name)
    }
}

pub(super) fn vm(id: VmId, name: &str, running: bool) -> VmSpec {
    let disks = [(0, 40), (1, 10)].map(|(id, gib)| Disk {
        id: DiskId(id),
        capacity_bytes: gib * GIB,
        used_bytes: gib * GIB / 4,
    });
    VmSpec {
        id,
        name: name.into(),
        running,
        disks: disks.into(),
        write_rate: 300_000,
        guest: GuestSystem::Windows,
        adapters: vec![Adapter::synthetic(AdapterId(0))],
    }
}

/// A replica server with both listeners.
pub fn both_listeners() -> ServiceSettings {
    ServiceSettings {
        allowed_authentication: AllowedAuthentication::Both,
        certificate_thumbprint: THUMBPRINT.to_owned(),
        ..ServiceSettings::kerberos()
    }
}

/// The external provider.
pub fn provider() -> ReplicationProvider {
    ReplicationProvider { name: PROVIDER, element_name: "Elsewhere".to_owned() }
}

/// Replication to a host with certificates.
pub fn certified(host: &str) -> Settings {
    Settings {
        authentication: Some(AuthenticationType::Certificate),
        certificate_thumbprint: THUMBPRINT.to_owned(),
        recovery_server_port: 443,
        ..Settings::to(host)
    }
}
