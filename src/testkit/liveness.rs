//! Whether what was broken heals: faults first, then everything is repaired, and every relationship
//! must come to rest.
//!
//! [`recover`] repairs what is broken outside the service ([`heal`]), does what an administrator is
//! documented to do about each state that waits for one, lets days pass, and tells who is still
//! [`Stuck`]. [`assert_recovers`] does so with where a script ends, and shortens the script for as
//! long as something stays stuck.
//!
//! At rest is
//! - a relationship both of whose ends replicate, with normal health;
//! - an external provider's;
//! - a failover that was committed, or failed back: where to go from there is a decision, not a
//!   repair; and with it the sending end that its replica has left;
//! - a virtual machine that is marked as a replica and waits for its primary to be reversed;
//! - an initial replica that was exported and waits to be imported;
//! - an extended replica, as long as the replica before it is one of these.

use crate::engine::{Caller, Disturbance, HostChange, HostTrouble, Input, Reply, VmTrouble, World};
use crate::model::time::{days, hours, seconds};
use crate::model::{
    AllowedAuthentication, AuthorizationEntry, Call, Certificate, Disk, ErrorCode, HostId,
    InitialReplicationType, Leg, RelationshipId, ReplicationHealth, ReplicationMode,
    ReplicationProvider, ReplicationState, RequestedReplicationState, RequestedState,
    ServiceSettings, Settings, VmId,
};
use crate::rules::Side;
use crate::script::{Fault, Line, Runner, Script};
use std::fmt;
use std::time::Duration;

/// How often an administrator looks and repairs. A failover that is taken back, a resumption and a
/// resynchronisation follow upon each other.
const ROUNDS: usize = 12;

/// How often they ask again for what is refused because somebody holds the virtual machine, and how
/// long they wait: an odd time, which falls in with no interval of replication.
const PATIENCE: usize = 20;
const WHILE: Duration = Duration::from_secs(7);

/// What came of healing a world.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The world afterwards.
    pub world: World,
    /// What was done about what was broken, and by an administrator, in order; with the time that
    /// was let pass, the way from the broken world to this one.
    pub inputs: Vec<Input>,
    /// Who did not come to rest.
    pub stuck: Vec<Stuck>,
}

/// An end of a relationship that does not come to rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stuck {
    /// The host.
    pub host: String,
    /// The virtual machine.
    pub vm: String,
    /// Which relationship.
    pub relationship: Leg,
    /// Which end of it.
    pub side: Side,
    /// What it shows.
    pub state: ReplicationState,
    /// Its health.
    pub health: ReplicationHealth,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, vm, relationship, side, state, health } = self;
        let (side, leg) = (side.label(), relationship.index());
        write!(f, "the {side} of {vm} on {host}, relationship {leg}, stays in {state}, {health}")
    }
}

/// Repairs everything outside the service: links, hosts that are down, troubles, and what keeps a
/// replica server from receiving – its ports, folders, certificate, entries, providers, whether it
/// is enabled, and a Windows that is older than its sender's. Returns what had an effect.
pub fn heal(world: &mut World) -> Vec<Input> {
    let mut mender = Mender { world, inputs: Vec::new() };
    mender.heal();
    mender.inputs
}

/// Heals a world, repairs it as an administrator would, lets up to nine days pass, and looks who is
/// stuck.
///
/// What an administrator does about a state, each as Microsoft documents it: `StartReplication`
/// where nothing has begun; cancel initial replication that nobody works at, and start anew; resume
/// what is suspended, critical or failed to update its disks; `Resynchronize` what needs it; take
/// back a failover, and cancel one that is only prepared; and remove one end of a relationship
/// whose other end is gone.
pub fn recover(world: &World) -> Recovery {
    let mut world = world.clone();
    let mut mender = Mender { world: &mut world, inputs: Vec::new() };
    mender.heal();
    for _ in 0..ROUNDS {
        mender.pass(hours(6));
        if mender.repair() {
            continue;
        }
        // An operation is refused while a log is being applied, which is over now.
        mender.pass(seconds(1));
        if !mender.repair() {
            break;
        }
    }
    // Windows of statistics end, and with them what was missed.
    for _ in 0..9 {
        if stuck(mender.world).is_empty() {
            break;
        }
        mender.pass(days(1));
    }
    let inputs = mender.inputs;
    Recovery { stuck: stuck(&world), inputs, world }
}

/// Who is not at rest in a world as it is. [`recover`] tells whether that can be helped.
pub fn stuck(world: &World) -> Vec<Stuck> {
    ends(world).filter(|it| !it.is_at_rest(world)).map(|it| it.told(world)).collect()
}

/// Asserts that where a script ends everything can come to rest again.
///
/// # Panics
/// If something stays stuck, with the shortest script that was found to bring that about.
#[track_caller]
pub fn assert_recovers(script: &Script) {
    if let Some((shortest, stuck)) = shortest_stuck(script) {
        let stuck: Vec<_> = stuck.iter().map(ToString::to_string).collect();
        panic!("{} after\n{shortest}", stuck.join("; "));
    }
}

/// The shortest script that can be had by taking lines away from this one, as long as something
/// stays stuck after it; `None` if nothing stays stuck. Lines that cannot be done are not counted
/// on.
pub fn shortest_stuck(script: &Script) -> Option<(Script, Vec<Stuck>)> {
    let stuck = |lines: &[Line]| -> Option<Vec<Stuck>> {
        let world = end_of(lines).ok()?;
        Some(recover(&world).stuck).filter(|it| !it.is_empty())
    };
    let mut lines: Vec<Line> = script.lines.iter().filter(|it| acts(it)).cloned().collect();
    let mut found = stuck(&lines)?;
    let mut size = (lines.len() / 2).max(1);
    loop {
        let (mut at, mut shorter) = (0, false);
        while at < lines.len() {
            let end = (at + size).min(lines.len());
            let without: Vec<Line> = lines[..at].iter().chain(&lines[end..]).cloned().collect();
            match stuck(&without) {
                Some(still) => (lines, found, shorter) = (without, still, true),
                None => at = end,
            }
        }
        match (size, shorter) {
            (1, false) => return Some((Script { lines }, found)),
            (1, true) => {}
            _ => size /= 2,
        }
    }
}

/// Whether a line makes something happen.
fn acts(line: &Line) -> bool {
    use crate::script::Statement;
    !matches!(line.statement, None | Some(Statement::Expect(_) | Statement::Fail(_)))
}

/// The world where these lines end; answers are not compared.
fn end_of(lines: &[Line]) -> Result<World, Fault> {
    let mut runner = Runner::new(World::new(0));
    for (number, line) in (1..).zip(lines) {
        if let Some(fault @ Fault::Problem(_)) = runner.step(number, line).and_then(|it| it.fault) {
            return Err(fault);
        }
    }
    Ok(runner.world().clone())
}

/// Whoever repairs a world, and what they did.
struct Mender<'a> {
    world: &'a mut World,
    inputs: Vec<Input>,
}

impl Mender<'_> {
    /// Whether it had an effect.
    fn make(&mut self, input: Input) -> bool {
        let reply = self.world.apply(&input, &mut Vec::new());
        self.note(input, &reply)
    }

    fn note(&mut self, input: Input, reply: &Reply) -> bool {
        let happened = !reply.is_refusal() && !matches!(reply, Reply::Rejected(_));
        self.inputs.extend(happened.then_some(input));
        happened
    }

    fn call(&mut self, host: HostId, call: Call) -> bool {
        self.make(Input::Call { host, caller: Caller::Administrator, call })
    }

    /// The same of a virtual machine that somebody may be holding: a job, or a log that is being
    /// applied. An administrator who is told so asks again a little later.
    fn ask(&mut self, host: HostId, call: Call) -> bool {
        let input = Input::Call { host, caller: Caller::Administrator, call };
        for _ in 0..PATIENCE {
            match self.world.apply(&input, &mut Vec::new()) {
                Reply::Refused(refusal) if refusal.code == ErrorCode::InUse => self.pass(WHILE),
                reply => return self.note(input, &reply),
            }
        }
        false
    }

    fn pass(&mut self, time: Duration) {
        self.make(Input::Advance(time));
    }

    fn heal(&mut self) {
        let hosts: Vec<HostId> = self.world.hosts().map(|(id, _)| id).collect();
        for (i, host) in hosts.iter().enumerate() {
            for other in &hosts[i + 1..] {
                self.make(Input::Disturb(Disturbance::HealLink(*host, *other)));
            }
        }
        for host in &hosts {
            self.make(Input::Disturb(Disturbance::BootHost(*host)));
            for it in HostTrouble::ALL {
                self.make(Input::Disturb(Disturbance::RelieveHost(*host, it)));
            }
            let vms: Vec<_> = self.world.vms(*host).map(|it| it.id).collect();
            for vm in &vms {
                for it in VmTrouble::ALL {
                    self.make(Input::Disturb(Disturbance::RelieveVm(*host, *vm, it)));
                }
            }
            self.open_server(*host);
        }
        self.enlarge_disks(&hosts);
        // A chain is as long as there are hosts.
        while self.upgrade_receivers() {}
    }

    /// Whoever receives from a newer Windows than its own is upgraded to that, too.
    fn upgrade_receivers(&mut self) -> bool {
        let build = |host| self.world.host_view(host).map(|it| it.build);
        let sends = ends(self.world).filter(|it| it.side == Side::Sender);
        let behind: Vec<_> = sends
            .filter_map(|it| Some((self.world.sends_to(it.host, it.id)?, build(it.host)?)))
            .filter(|(to, wanted)| build(*to).is_some_and(|is| is < *wanted))
            .collect();
        let upgrade = |(host, it)| Input::Configure { host, change: HostChange::Upgrade(it) };
        behind.into_iter().fold(false, |any, it| self.make(upgrade(it)) || any)
    }

    /// The replica server of a host receives again, from everybody who has a replica there.
    fn open_server(&mut self, host: HostId) {
        let Some(mut settings) = self.world.service_settings(host).cloned() else { return };
        for port in [settings.http_port, settings.https_port] {
            self.make(Input::Configure { host, change: HostChange::ReleasePort(port) });
        }
        let to_here = |it: &End| self.world.sends_to(it.host, it.id) == Some(host);
        let senders: Vec<End> = ends(self.world).filter(to_here).collect();
        if settings.certificate_thumbprint.is_empty() {
            let named = senders.iter().find_map(|it| it.thumbprint(self.world));
            settings.certificate_thumbprint = named.unwrap_or_default();
        }
        self.renew_certificates(host, &settings.certificate_thumbprint);
        self.let_in(host, &senders);
        self.register_providers(host);
        settings.recovery_server_enabled = true;
        settings.allowed_authentication = if settings.certificate_thumbprint.is_empty() {
            AllowedAuthentication::Kerberos
        } else {
            AllowedAuthentication::Both
        };
        if self.world.service_settings(host) != Some(&settings) {
            let settings: Box<ServiceSettings> = Box::new(settings);
            self.call(host, Call::ModifyServiceSettings { settings });
        }
    }

    /// The certificates of a host's replica server and of its relationships are there, and valid.
    fn renew_certificates(&mut self, host: HostId, of_server: &str) {
        let mine = ends(self.world).filter(|it| it.host == host);
        let mut thumbprints: Vec<_> = mine.filter_map(|it| it.thumbprint(self.world)).collect();
        thumbprints.extend((!of_server.is_empty()).then(|| of_server.to_owned()));
        thumbprints.sort();
        thumbprints.dedup();
        let name = self.world.host_view(host).map(|it| it.name).unwrap_or_default();
        for thumbprint in thumbprints {
            let new = HostChange::InstallCertificate(Certificate::of(&name, &thumbprint));
            for change in [HostChange::RemoveCertificate(thumbprint), new] {
                self.make(Input::Configure { host, change });
            }
        }
    }

    /// Each of these has an entry, and the folders of all entries can be opened.
    fn let_in(&mut self, host: HostId, senders: &[End]) {
        let mut entries: Vec<_> = self.world.authorization_entries(host).cloned().collect();
        let mut missing = Vec::new();
        for name in senders.iter().filter_map(|it| self.world.host_view(it.host)).map(|it| it.name)
        {
            let is_for = |it: &AuthorizationEntry| {
                it.allowed_primary == "*" || it.allowed_primary.eq_ignore_ascii_case(&name)
            };
            if !entries.iter().any(is_for) {
                let allowed_primary = name.to_string();
                let any = AuthorizationEntry::any(r"D:\Replica");
                entries.push(AuthorizationEntry { allowed_primary, ..any });
                missing.extend(entries.last().cloned());
            }
        }
        for AuthorizationEntry { storage_location, .. } in entries {
            let change = HostChange::OpenFolder(storage_location);
            self.make(Input::Configure { host, change });
        }
        for entry in missing {
            self.call(host, Call::AddAuthorizationEntry { entry });
        }
    }

    fn register_providers(&mut self, host: HostId) {
        let all: Vec<_> = ends(self.world).filter_map(|it| it.settings(self.world)).collect();
        for Settings { provider, .. } in all.into_iter().filter(Settings::is_external) {
            let element_name = "An external provider".to_owned();
            let provider = ReplicationProvider { name: provider, element_name };
            self.make(Input::Configure { host, change: HostChange::RegisterProvider(provider) });
        }
    }

    /// A disk that is smaller than another copy of it becomes as large.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2013/20131114-online-resize-of-virtual-disks-attached-to-replicating-virtual-machines>.
    fn enlarge_disks(&mut self, hosts: &[HostId]) {
        let all = |world: &World, host: HostId| -> Vec<_> {
            let of = |vm| world.disks(host, vm).map(<[_]>::to_vec).unwrap_or_default();
            world
                .vms(host)
                .flat_map(|vm| of(vm.id).into_iter().map(move |it| (vm.id, it)))
                .collect()
        };
        let every: Vec<_> = hosts.iter().flat_map(|host| all(self.world, *host)).collect();
        for host in hosts {
            for (vm, mut disk) in all(self.world, *host) {
                let copies = every.iter().filter(|(id, it)| *id == vm && it.id == disk.id);
                let most = copies.map(|(_, it)| it.capacity_bytes).max().unwrap_or_default();
                if disk.capacity_bytes < most {
                    disk.capacity_bytes = most;
                    self.enlarge(*host, vm, disk);
                }
            }
        }
    }

    /// Whoever receives from an end that was refused lets it in, wherever that was before: there
    /// are entries for it, and all are of one trust group.
    ///
    /// Source: <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120409-configure-your-replica-server-to-receive-replication-traffic-from-specific-primary-server-s>.
    fn admit(&mut self, end: &End) {
        let refused = end.side == Side::Sender && !end.is_at_rest(self.world);
        let peer = self.world.sends_to(end.host, end.id).filter(|_| refused);
        let Some(host) = peer else { return };
        let entries: Vec<_> = self.world.authorization_entries(host).cloned().collect();
        let Some(first) = entries.first().filter(|it| it.allowed_primary != "*").cloned() else {
            return;
        };
        for entry in entries.iter().filter(|it| it.trust_group != first.trust_group) {
            let entry =
                AuthorizationEntry { trust_group: first.trust_group.clone(), ..entry.clone() };
            self.call(host, Call::ModifyAuthorizationEntry { entry });
        }
        let here = self.world.host_view(end.host).map(|it| it.name.to_string());
        let before =
            self.world.settings(host, RelationshipId::primary(end.id.vm)).map(|it| it.primary_host);
        for name in here.into_iter().chain(before).filter(|it| !it.is_empty()) {
            if !entries.iter().any(|it| it.covers(&name)) {
                let entry = AuthorizationEntry { allowed_primary: name, ..first.clone() };
                self.call(host, Call::AddAuthorizationEntry { entry });
            }
        }
    }

    /// Windows Server 2012 resizes only what is off.
    fn enlarge(&mut self, host: HostId, vm: VmId, disk: Disk) {
        let resize = || Input::Disturb(Disturbance::ResizeDisk(host, vm, disk));
        if self.make(resize()) {
            return;
        }
        let power = |it: RequestedState| Call::RequestStateChange { vm, requested: it.to_wire() };
        if self.ask(host, power(RequestedState::Disabled)) {
            self.pass(WHILE);
            self.make(resize());
            self.call(host, power(RequestedState::Enabled));
        }
    }

    /// Repairs every end that waits for it; whether there was one.
    fn repair(&mut self) -> bool {
        let mut repaired = false;
        let waiting: Vec<End> = ends(self.world).collect();
        for end in waiting {
            self.admit(&end);
            for call in end.repairs(self.world) {
                if self.ask(end.host, call) {
                    repaired = true;
                    self.pass(hours(1));
                    break;
                }
            }
        }
        repaired
    }
}

/// One end of a relationship.
#[derive(Clone, Copy, Debug)]
struct End {
    host: HostId,
    id: RelationshipId,
    side: Side,
    state: ReplicationState,
}

/// Every end of every relationship.
fn ends(world: &World) -> impl Iterator<Item = End> {
    let vms = world.hosts().flat_map(|(host, _)| world.vms(host).map(move |vm| (host, vm)));
    vms.flat_map(move |(host, vm)| {
        [Leg::Primary, Leg::Extended].into_iter().filter_map(move |leg| {
            let id = RelationshipId { vm: vm.id, leg };
            let state = world.relationship(host, id)?.state;
            let side = Side::of(vm.mode, leg, state);
            (side != Side::Neither).then_some(End { host, id, side, state })
        })
    })
}

impl End {
    fn settings(&self, world: &World) -> Option<Settings> {
        world.settings(self.host, self.id)
    }

    /// The certificate that it names.
    fn thumbprint(&self, world: &World) -> Option<String> {
        let thumbprint = self.settings(world)?.certificate_thumbprint;
        (!thumbprint.is_empty()).then_some(thumbprint)
    }

    /// The other end, if the other host has one that belongs to this.
    fn other(&self, world: &World) -> Option<End> {
        match self.side {
            Side::Sender => {
                let peer = world.sends_to(self.host, self.id)?;
                let mode = match self.id.leg {
                    Leg::Primary => ReplicationMode::Replica,
                    Leg::Extended => ReplicationMode::ExtendedReplica,
                };
                let id = RelationshipId::primary(self.id.vm);
                let there = world.vm(peer, id.vm).is_some_and(|it| it.mode == mode);
                let from = world.settings(peer, id)?.primary_host;
                let mine = world.host_named(&from) == Some(self.host)
                    || world.source_of(peer, self.id.vm) == Some(self.host);
                let state = world.relationship(peer, id)?.state;
                (there && mine).then_some(End { host: peer, id, side: Side::Receiver, state })
            }
            Side::Receiver => ends(world).find(|it| {
                let sends = it.side == Side::Sender && it.id.vm == self.id.vm;
                let here = world.sends_to(it.host, it.id) == Some(self.host);
                sends && here && it.other(world).is_some_and(|it| it.host == self.host)
            }),
            Side::Neither => None,
        }
    }

    /// Where the replica of a sending end has moved, if that does not look for it there.
    fn replica_elsewhere(&self, world: &World) -> Option<HostId> {
        if self.side != Side::Sender || self.other(world).is_some() {
            return None;
        }
        let mut hosts = world.hosts().map(|(host, _)| host);
        hosts.find(|it| world.has_replica(*it, self.host, self.id.vm, self.id.leg))
    }

    /// The settings of a sending end with the name of the host where its replica is now.
    fn renamed(&self, world: &World) -> Option<Settings> {
        let name = world.host_view(self.replica_elsewhere(world)?)?.name;
        let settings = self.settings(world)?;
        Some(Settings { recovery_connection_point: name.to_string(), ..settings })
    }

    /// Whether a receiving end waits, marked, for its primary.
    fn is_marked(&self, world: &World) -> bool {
        let named = || self.settings(world).is_some_and(|it| !it.primary_host.is_empty());
        let waits = self.state == ReplicationState::WaitingForInitialReplication;
        self.side == Side::Receiver && waits && !named()
    }

    /// Whether a sending end waits until the initial replica that it has exported is imported.
    fn is_exported(&self, world: &World) -> bool {
        let waits = self.state == ReplicationState::WaitingForInitialReplication;
        let exported = || {
            let relationship = world.relationship(self.host, self.id);
            relationship.is_some_and(|it| it.last_replication.is_some())
        };
        self.side == Side::Sender && waits && exported()
    }

    /// Whether an extended replica is sent nothing, because the replica before it is sent nothing.
    fn is_cut_off(&self, world: &World) -> bool {
        if self.side != Side::Sender || self.id.leg == Leg::Primary {
            return false;
        }
        let before = ends(world)
            .find(|it| it.host == self.host && it.id == RelationshipId::primary(self.id.vm));
        before.is_some_and(|it| {
            let exported = it.other(world).is_some_and(|it| it.is_exported(world));
            it.is_marked(world) || it.is_final() || exported
        })
    }

    /// Whether a failover was made final.
    fn is_final(&self) -> bool {
        use ReplicationState as S;
        matches!(self.state, S::Committed | S::FailbackInProgress | S::FailbackComplete)
    }

    fn is_at_rest(&self, world: &World) -> bool {
        let health = world.relationship(self.host, self.id).map(|it| it.health);
        // What an external provider keeps, or a replica that it keeps from being removed.
        let external = [self.id, RelationshipId::extended(self.id.vm)]
            .into_iter()
            .any(|id| world.settings(self.host, id).is_some_and(|it| it.is_external()));
        let other = self.other(world);
        let replicates = |end: &Self| end.state == ReplicationState::Replicating;
        let both = replicates(self) && other.as_ref().is_some_and(replicates);
        let left = other.as_ref().is_some_and(Self::is_final);
        both && health == Some(ReplicationHealth::Ok)
            || external
            || self.is_final()
            || left
            || self.is_marked(world)
            || self.is_exported(world)
            || other.is_some_and(|it| it.is_exported(world) || it.is_cut_off(world))
            || self.is_cut_off(world)
    }

    fn told(&self, world: &World) -> Stuck {
        let health = world.relationship(self.host, self.id).map(|it| it.health);
        Stuck {
            host: world.host_view(self.host).map(|it| it.name.to_string()).unwrap_or_default(),
            vm: world.vm(self.host, self.id.vm).map(|it| it.name.to_string()).unwrap_or_default(),
            relationship: self.id.leg,
            side: self.side,
            state: self.state,
            health: health.unwrap_or(ReplicationHealth::NotApplicable),
        }
    }

    /// What an administrator would do about this end, the best first.
    fn repairs(&self, world: &World) -> Vec<Call> {
        use ReplicationState as S;
        let vm = self.id.vm;
        // The form without a relationship is the one that every Windows has.
        let relationship = Some(self.id).filter(|it| it.leg == Leg::Extended);
        let request = |it: RequestedReplicationState| {
            let requested = it.to_wire();
            Call::RequestReplicationStateChange { vm, relationship, requested }
        };
        let remove = || Call::RemoveReplicationRelationship { vm, relationship };
        if let Some(settings) = self.renamed(world) {
            return vec![Call::ModifyReplicationSettings { vm, settings: Box::new(settings) }];
        }
        if ends(world).any(|it| it.id.vm == vm && it.replica_elsewhere(world) == Some(self.host)) {
            return Vec::new();
        }
        if self.other(world).is_none() && !self.is_marked(world) && !self.is_final() {
            let onward = Some(RelationshipId::extended(vm));
            let onward = Call::RemoveReplicationRelationship { vm, relationship: onward };
            let stop = Call::RevertFailover { vm };
            return match (self.side, self.state) {
                (Side::Receiver, S::Recovered) => vec![stop, self.turn_off()],
                (Side::Receiver, _) => vec![onward, remove()],
                _ => vec![remove()],
            };
        }
        let resume = || request(RequestedReplicationState::Replicating);
        let initial = S::WaitingForInitialReplication;
        let waits = self.other(world).is_some_and(|it| it.state == initial);
        match (self.side, self.state) {
            (Side::Sender, S::Ready) => {
                let initial = InitialReplicationType::Network.to_wire();
                vec![Call::StartReplication { vm, initial, export_location: None, start: None }]
            }
            (Side::Sender, S::WaitingForInitialReplication) => {
                let works = world
                    .jobs(self.host)
                    .any(|job| job.affected.contains(&vm) && !job.state.is_terminal());
                if works { Vec::new() } else { vec![request(RequestedReplicationState::Ready)] }
            }
            // What was exported is no longer what is sent on.
            (Side::Sender, S::WaitingForResynchronization) if waits => vec![remove()],
            (Side::Sender, S::WaitingForResynchronization) => {
                vec![Call::Resynchronize { vm, start: None }]
            }
            // What was exported is still to be imported, before anything can be compared with it.
            (Side::Receiver, S::WaitingForInitialReplication) => {
                let compares = |it: End| it.state == S::WaitingForResynchronization;
                let import = |folder: &str| Call::ImportInitialReplica {
                    vm,
                    import_location: folder.to_owned(),
                };
                let wanted = self.other(world).filter(|it| compares(*it));
                wanted.and(world.exported_to(vm)).map(import).into_iter().collect()
            }
            (Side::Sender, S::DiskUpdateCritical) => {
                vec![request(RequestedReplicationState::DiskUpdateInProgress), resume()]
            }
            (Side::Sender, S::Synced) => vec![Call::RevertFailover { vm }],
            (Side::Receiver, S::Recovered) => vec![Call::RevertFailover { vm }, self.turn_off()],
            (_, S::Suspended | S::Critical | S::ResynchronizationSuspended) => vec![resume()],
            _ => Vec::new(),
        }
    }

    /// A replica that is failed over has to be off before that can be taken back.
    fn turn_off(&self) -> Call {
        let requested = RequestedState::Disabled.to_wire();
        Call::RequestStateChange { vm: self.id.vm, requested }
    }
}
