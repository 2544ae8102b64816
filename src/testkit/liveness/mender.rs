//! Whoever repairs a world.

use super::end::{End, ends};
use crate::engine::{Caller, Disturbance, HostChange, HostTrouble, Input, Reply, VmTrouble, World};
use crate::model::time::hours;
use crate::model::{
    AllowedAuthentication, AuthorizationEntry, Call, Certificate, Disk, ErrorCode, HostId,
    RelationshipId, ReplicationProvider, RequestedState, ServiceSettings, Settings, VmId,
};
use crate::rules::Side;
use std::time::Duration;

/// How often they ask again for what is refused because somebody holds the virtual machine, and how
/// long they wait: an odd time, which falls in with no interval of replication.
const PATIENCE: usize = 20;
const WHILE: Duration = Duration::from_secs(7);

/// Whoever repairs a world, and what they did.
pub(super) struct Mender<'a> {
    pub(super) world: &'a mut World,
    pub(super) inputs: Vec<Input>,
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

    pub(super) fn pass(&mut self, time: Duration) {
        self.make(Input::Advance(time));
    }

    pub(super) fn heal(&mut self) {
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
        behind.into_iter().any(|it| self.make(upgrade(it)))
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
        if entries.iter().any(|it| it.allowed_primary == "*") {
            return;
        }
        let first = entries.first().cloned();
        let first = first.unwrap_or_else(|| AuthorizationEntry::any(r"D:\Replica"));
        let folder = first.storage_location.clone();
        self.make(Input::Configure { host, change: HostChange::OpenFolder(folder) });
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
    pub(super) fn repair(&mut self) -> bool {
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
