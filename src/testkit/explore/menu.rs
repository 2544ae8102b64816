//! What may happen next: the inputs that a search tries in each world.

use crate::engine::{Caller, Clock, Disturbance, HostTrouble, Input, Minted, VmTrouble, World};
use crate::model::{
    AuthenticationType, AuthorizationEntry, Call, HostId, InitialReplicationType, Leg, Operation,
    RelationshipId, RequestedJobState, RequestedReplicationState, RequestedState, ServiceSettings,
    Settings, VmId,
};
use std::time::Duration;

/// What a search tries in each world.
///
/// [`Menu::of`] has every operation of the rule book for every virtual machine on every host, with
/// the parameters that make a difference in this lab; [`Menu::disturbed_by`] adds bad days. Take
/// away what is of no interest: each input less makes the search faster, and what it reaches
/// smaller.
///
/// ```
/// use hyperv_replica::engine::Input;
/// use hyperv_replica::model::Operation;
/// use hyperv_replica::testkit::beginning::Beginning;
/// use hyperv_replica::testkit::explore::{Menu, Mishap};
///
/// let world = Beginning::lab(2, 1).world();
/// let mut menu = Menu::of(&world).disturbed_by(&world, &[Mishap::Links]);
/// menu.retain(|operation| operation != Operation::TestReplicaSystem);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools)] // Independent dials.
pub struct Menu {
    /// What is tried in every world, whatever it is.
    pub inputs: Vec<Input>,
    /// Whether time passes until the next thing happens.
    pub next: bool,
    /// Whether time passes half as long, too: calls come between.
    pub half_way: bool,
    /// Whether each job at work is asked for its error, and terminated.
    pub jobs: bool,
    /// Whether failovers go back to the oldest recovery point, too.
    pub points: bool,
    /// Whether the undo log of the oldest recovery point is damaged: part of [`Mishap::Disks`].
    pub undo_logs: bool,
    /// Whether test replicas are started, turned off and deleted.
    pub tests: bool,
}

/// A kind of bad day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Mishap {
    /// Links are cut in both directions, and heal.
    Links,
    /// Links are cut in one direction.
    OneWay,
    /// Hosts crash, and boot.
    Hosts,
    /// Hosts are shut down in order, and boot.
    ShutDowns,
    /// Hosts fall into each [`HostTrouble`], and are relieved.
    HostTroubles,
    /// Virtual machines fall into each [`VmTrouble`], and are relieved.
    VmTroubles,
    /// Disks are changed, and change logs and undo logs corrupted, behind the service's back.
    Disks,
    /// Virtual machines are deleted behind the service's back.
    Deletions,
    /// Virtual machines are moved to other hosts.
    Moves,
}

impl Mishap {
    /// Every kind.
    pub const ALL: &'static [Self] = &[
        Self::Links,
        Self::OneWay,
        Self::Hosts,
        Self::ShutDowns,
        Self::HostTroubles,
        Self::VmTroubles,
        Self::Disks,
        Self::Deletions,
        Self::Moves,
    ];

    /// The kind in a word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Links => "links",
            Self::OneWay => "one-way",
            Self::Hosts => "hosts",
            Self::ShutDowns => "shutdowns",
            Self::HostTroubles => "host-troubles",
            Self::VmTroubles => "vm-troubles",
            Self::Disks => "disks",
            Self::Deletions => "deletions",
            Self::Moves => "moves",
        }
    }
}

impl Menu {
    /// Nothing at all.
    pub const fn empty() -> Self {
        Self {
            inputs: Vec::new(),
            next: false,
            half_way: false,
            jobs: false,
            points: false,
            undo_logs: false,
            tests: false,
        }
    }

    /// Every operation, and time. Relationships are made without recovery points and without
    /// automatic resynchronisation, so that no two worlds differ only in the time of day.
    pub fn of(world: &World) -> Self {
        let settings = Settings { auto_resynchronize: false, ..Settings::default() };
        Self::with(world, &settings)
    }

    /// The same with relationships of other settings; whom they are to is filled in.
    pub fn with(world: &World, settings: &Settings) -> Self {
        let mut menu = Self { next: true, jobs: true, points: true, tests: true, ..Self::empty() };
        let hosts: Vec<_> = world.hosts().map(|(id, host)| (id, host.name)).collect();
        let mut vms: Vec<_> = hosts.iter().flat_map(|(host, _)| world.vms(*host)).collect();
        vms.sort_by_key(|vm| vm.id);
        vms.dedup_by_key(|vm| vm.id);
        for (host, _) in &hosts {
            let to = |name: &str| settings_to(settings, name);
            let others: Vec<Settings> =
                hosts.iter().filter(|it| it.0 != *host).map(|it| to(&it.1)).collect();
            for vm in &vms {
                menu.calls_of_vm(*host, vm.id, &others, hosts.len() > 2);
                let import_location = format!(r"{EXPORTS}\{}_{}", vm.name, vm.id);
                let import = Call::ImportInitialReplica { vm: vm.id, import_location };
                menu.inputs.push(administrator(*host, import));
            }
            menu.calls_of_host(*host, &others);
        }
        menu
    }

    /// The same with bad days.
    #[must_use]
    pub fn disturbed_by(mut self, world: &World, kinds: &[Mishap]) -> Self {
        let hosts: Vec<HostId> = world.hosts().map(|(id, _)| id).collect();
        let mut vms: Vec<VmId> =
            hosts.iter().flat_map(|host| world.vms(*host)).map(|vm| vm.id).collect();
        vms.sort();
        vms.dedup();
        self.undo_logs |= kinds.contains(&Mishap::Disks);
        let mut add = |it| {
            let input = Input::Disturb(it);
            if !self.inputs.contains(&input) {
                self.inputs.push(input);
            }
        };
        for kind in kinds {
            for (i, host) in hosts.iter().enumerate() {
                for other in &hosts[i + 1..] {
                    disturb_link(*kind, *host, *other, &mut add);
                    for vm in vms.iter().filter(|_| *kind == Mishap::Moves) {
                        add(Disturbance::MigrateVm(*host, *vm, *other));
                        add(Disturbance::MigrateVm(*other, *vm, *host));
                    }
                }
                disturb_host(*kind, *host, &mut add);
                for vm in &vms {
                    disturb_vm(*kind, *host, *vm, &mut add);
                }
            }
        }
        self
    }

    /// Keeps the calls of these operations, and what is no call.
    pub fn retain(&mut self, mut wanted: impl FnMut(Operation) -> bool) {
        self.jobs &= OF_JOBS.iter().any(|it| wanted(*it));
        self.points &= wanted(Operation::InitiateFailover) || wanted(Operation::TestReplicaSystem);
        self.tests &= wanted(Operation::TestReplicaSystem);
        self.inputs.retain(|input| match input {
            Input::Call { call, .. } => wanted(call.operation()),
            _ => true,
        });
    }

    /// The operations that are called, each once and in order: of [`Menu::of`], all there are.
    pub fn operations(&self) -> Vec<Operation> {
        let called = self.inputs.iter().filter_map(|input| match input {
            Input::Call { call, .. } => Some(call.operation()),
            _ => None,
        });
        let of_jobs: &[_] = if self.jobs { OF_JOBS } else { &[] };
        let mut all: Vec<_> = called.chain(of_jobs.iter().copied()).collect();
        all.sort();
        all.dedup();
        all
    }

    /// What in the worlds that the inputs make goes by the clock.
    pub fn clock(&self) -> Clock {
        let of = |input: &Input| match input {
            Input::Call {
                call:
                    Call::CreateReplicationRelationship { settings, .. }
                    | Call::ModifyReplicationSettings { settings, .. }
                    | Call::ReverseReplicationRelationship { settings: Some(settings), .. },
                ..
            } => Clock::of(settings),
            _ => Clock::Ignored,
        };
        self.inputs.iter().map(of).max().unwrap_or(Clock::Ignored)
    }

    /// What is tried in this world beside [`Menu::inputs`], in an order that worlds of one digest
    /// share.
    pub(super) fn more(&self, world: &World, out: &mut Vec<Input>) {
        out.clear();
        if let Some(due) = world.next_change().filter(|_| self.next || self.half_way) {
            let by = due.since(world.now());
            out.extend(self.next.then_some(Input::Advance(by)));
            let half = self.half_way && by > Duration::from_secs(1);
            out.extend(half.then_some(Input::Advance(by / 2)));
        }
        for (host, it) in world.minted() {
            if let (Minted::Oldest(vm, point), true) = (it, self.undo_logs) {
                out.push(Input::Disturb(Disturbance::CorruptUndoLog(host, vm, point)));
            }
            let mut add = |call| out.push(administrator(host, call));
            match it {
                Minted::Job(job) if self.jobs => {
                    add(Call::GetError { job });
                    add(Call::GetErrorEx { job });
                    let requested = RequestedJobState::Terminate.to_wire();
                    add(Call::RequestJobStateChange { job, requested });
                }
                Minted::Oldest(vm, point) if self.points => {
                    let point = Some(point);
                    add(Call::InitiateFailover { vm, point });
                    add(Call::TestReplicaSystem { vm, point });
                }
                Minted::Test(vm) if self.tests => {
                    for it in [RequestedState::Enabled, RequestedState::Disabled] {
                        add(Call::RequestStateChange { vm, requested: it.to_wire() });
                    }
                    add(Call::DestroySystem { vm });
                }
                _ => {}
            }
        }
    }

    fn calls_of_vm(&mut self, host: HostId, vm: VmId, others: &[Settings], extends: bool) {
        let mut add = |call| self.inputs.push(administrator(host, call));
        for settings in others {
            let settings = Box::new(settings.clone());
            add(Call::CreateReplicationRelationship { vm, settings: settings.clone() });
            let interval = if settings.replication_interval_s == 900 { 300 } else { 900 };
            let changed =
                Settings { replication_interval_s: interval, ..settings.as_ref().clone() };
            add(Call::ModifyReplicationSettings { vm, settings: Box::new(changed) });
            add(Call::InitiateFailback { vm, settings, point: None });
        }
        for kind in InitialReplicationType::ALL {
            let location = *kind == InitialReplicationType::Export;
            let export_location = location.then(|| EXPORTS.to_owned());
            let initial = kind.to_wire();
            add(Call::StartReplication { vm, initial, export_location, start: None });
        }
        add(Call::SetAuthorizationEntry { vm, entry: any_entry() });
        add(Call::SetFailoverNetworkAdapterSettings { vm, settings: Vec::new() });
        let legs: &[Leg] = if extends { &[Leg::Primary, Leg::Extended] } else { &[Leg::Primary] };
        for leg in legs {
            let relationship = Some(RelationshipId { vm, leg: *leg });
            add(Call::RemoveReplicationRelationship { vm, relationship });
            let listed = RequestedReplicationState::ALL.iter().map(|it| it.to_wire());
            for requested in listed.chain([UNLISTED]) {
                add(Call::RequestReplicationStateChange { vm, relationship, requested });
            }
            add(Call::GetReplicationStatistics { vm, relationship });
            add(Call::ResetReplicationStatistics { vm, relationship });
        }
        add(Call::InitiateFailover { vm, point: None });
        add(Call::RevertFailover { vm });
        add(Call::CommitFailover { vm });
        add(Call::ReverseReplicationRelationship { vm, settings: None });
        add(Call::TestReplicaSystem { vm, point: None });
        add(Call::Resynchronize { vm, start: None });
        let relationship = RelationshipId::extended(vm);
        add(Call::ChangeReplicationModeToPrimary { vm, relationship });
        let listed = RequestedState::ALL.iter().map(|it| it.to_wire());
        for requested in listed.chain([UNLISTED]) {
            add(Call::RequestStateChange { vm, requested });
        }
        add(Call::DestroySystem { vm });
    }

    fn calls_of_host(&mut self, host: HostId, others: &[Settings]) {
        let mut add = |call| self.inputs.push(administrator(host, call));
        for settings in [ServiceSettings::kerberos(), ServiceSettings::default()] {
            add(Call::ModifyServiceSettings { settings: Box::new(settings) });
        }
        add(Call::AddAuthorizationEntry { entry: any_entry() });
        add(Call::ModifyAuthorizationEntry { entry: any_entry() });
        add(Call::RemoveAuthorizationEntry { allowed_primary: "*".to_owned() });
        add(Call::GetSystemCertificates);
        add(Call::RequestServiceStateChange { requested: UNLISTED });
        add(Call::StartService);
        add(Call::StopService);
        for settings in others {
            add(Call::TestReplicationConnection {
                recovery_connection_point: settings.recovery_connection_point.clone(),
                port: 80,
                authentication: AuthenticationType::Kerberos.to_wire(),
                certificate_thumbprint: None,
                bypass_proxy: false,
            });
        }
    }
}

/// Where initial replicas are exported to, each into a folder of its own.
const EXPORTS: &str = r"D:\Export";

/// No state of anything that can be requested.
const UNLISTED: u16 = 0;

/// What is asked of jobs.
const OF_JOBS: &[Operation] =
    &[Operation::GetError, Operation::GetErrorEx, Operation::RequestJobStateChange];

/// The entry that hosts which trust each other have.
fn any_entry() -> AuthorizationEntry {
    AuthorizationEntry::any(r"D:\Replica")
}

fn settings_to(settings: &Settings, host: &str) -> Settings {
    let Settings { recovery_connection_point, recovery_server_port, authentication, .. } =
        Settings::to(host);
    Settings { recovery_connection_point, recovery_server_port, authentication, ..settings.clone() }
}

const fn administrator(host: HostId, call: Call) -> Input {
    Input::Call { host, caller: Caller::Administrator, call }
}

fn disturb_link(kind: Mishap, a: HostId, b: HostId, add: &mut impl FnMut(Disturbance)) {
    match kind {
        Mishap::Links => add(Disturbance::CutLink(a, b)),
        Mishap::OneWay => {
            add(Disturbance::CutOneWay(a, b));
            add(Disturbance::CutOneWay(b, a));
        }
        _ => return,
    }
    add(Disturbance::HealLink(a, b));
}

fn disturb_host(kind: Mishap, host: HostId, add: &mut impl FnMut(Disturbance)) {
    match kind {
        Mishap::Hosts => add(Disturbance::CrashHost(host)),
        Mishap::ShutDowns => add(Disturbance::ShutDownHost(host)),
        Mishap::HostTroubles => {
            for it in HostTrouble::ALL {
                add(Disturbance::TroubleHost(host, it));
                add(Disturbance::RelieveHost(host, it));
            }
            return;
        }
        _ => return,
    }
    add(Disturbance::BootHost(host));
}

fn disturb_vm(kind: Mishap, host: HostId, vm: VmId, add: &mut impl FnMut(Disturbance)) {
    match kind {
        Mishap::VmTroubles => {
            for it in VmTrouble::ALL {
                add(Disturbance::TroubleVm(host, vm, it));
                add(Disturbance::RelieveVm(host, vm, it));
            }
        }
        Mishap::Disks => {
            add(Disturbance::ChangeDisks(host, vm));
            add(Disturbance::CorruptLog(host, vm));
        }
        Mishap::Deletions => add(Disturbance::DeleteVm(host, vm)),
        _ => {}
    }
}
