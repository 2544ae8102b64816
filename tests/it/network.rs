//! The network of a virtual machine before and after a failover.
//!
//! <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120528-inject-ip-address-into-the-vm-during-failover>
//! unless a test says otherwise.

use hyperv_replica::engine::{Change, Disturbance, HostSpec, Rejection, Reply};
use hyperv_replica::model::{
    Adapter, AdapterId, AdapterKind, EventId, FailoverNetworkAdapterSettings, Guid, IpProtocol,
    Plug, WindowsBuild,
};
use hyperv_replica::prelude::*;
use hyperv_replica::sim::{HostHandle, Lab, VmBuilder};

/// What the guest has on the primary.
const HOME: &str = "192.168.1.5";
/// What it takes after a failover.
const AWAY: &str = "10.0.0.7";

fn adapter(id: u8, kind: AdapterKind) -> Adapter {
    let addresses = vec![HOME.to_owned()];
    Adapter { kind, addresses, ..Adapter::synthetic(AdapterId(id)) }
}

fn take(adapter: u8, addresses: &[&str]) -> FailoverNetworkAdapterSettings {
    FailoverNetworkAdapterSettings {
        adapter: AdapterId(adapter),
        protocol: IpProtocol::V4,
        dhcp: false,
        addresses: addresses.iter().map(ToString::to_string).collect(),
        subnets: addresses.iter().map(|_| "255.255.255.0".to_owned()).collect(),
        gateways: vec!["10.0.0.1".to_owned()],
        dns_servers: Vec::new(),
    }
}

/// `web`, with a synthetic adapter 0 and a legacy adapter 1, replicates from tokyo to osaka.
struct Pair {
    lab: Lab,
    tokyo: HostHandle,
    osaka: HostHandle,
    vm: VmId,
}

fn done(host: &HostHandle, outcome: Result<Outcome>) {
    host.wait(outcome.unwrap()).unwrap();
}

impl Pair {
    fn new(osaka: WindowsBuild, finish: fn(VmBuilder) -> VmBuilder) -> Self {
        let lab = Lab::with_seed(0);
        lab.add_host(&HostSpec { build: osaka, ..HostSpec::trusting("tokyo") });
        lab.add_host(&HostSpec { build: osaka, ..HostSpec::trusting("osaka") });
        let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
        let web = lab.vm("web").on("tokyo").adapter(adapter(0, AdapterKind::Synthetic));
        let vm = finish(web.adapter(adapter(1, AdapterKind::Legacy))).create();
        let pair = Self { lab, tokyo, osaka, vm };
        let tokyo = &pair.tokyo;
        done(tokyo, tokyo.create_replication_relationship(vm, Settings::to("osaka")));
        done(tokyo, tokyo.start_replication(vm, InitialReplication::Network));
        pair.lab.advance(hours(1));
        pair
    }

    fn replicating() -> Self {
        Self::new(WindowsBuild::Server2022, VmBuilder::running)
    }

    fn set(&self, settings: Vec<FailoverNetworkAdapterSettings>) {
        let osaka = &self.osaka;
        let set = osaka.set_failover_network_adapter_settings(self.vm, settings).unwrap();
        assert_eq!(set, Outcome::Completed);
    }

    fn fail_over(&self) {
        done(&self.osaka, self.osaka.initiate_failover(self.vm, None));
    }

    /// Starts a virtual machine of osaka and waits until its guest talks.
    fn start(&self, vm: VmId) {
        done(&self.osaka, self.osaka.start_vm(vm));
        self.lab.advance(seconds(30));
    }

    fn adapters(&self, host: &HostHandle, vm: VmId) -> Vec<Adapter> {
        self.lab.read(|world| world.adapters(host.id(), vm)).unwrap()
    }

    fn addresses(&self, vm: VmId) -> Vec<String> {
        self.adapters(&self.osaka, vm)[0].addresses.clone()
    }
}

#[test]
fn a_new_replica_is_plugged_into_nothing() {
    let pair = Pair::replicating();
    for (host, connected) in [(&pair.tokyo, true), (&pair.osaka, false)] {
        let plugs: Vec<_> = pair.adapters(host, pair.vm).iter().map(|it| it.plug).collect();
        assert_eq!(plugs, [Plug { connected, test_switch: false }; 2]);
    }
}

/// The guest takes the addresses once its integration components talk, some seconds after its
/// start; `Policy::guest_talks` says ten.
#[test]
fn a_failed_over_guest_takes_the_addresses() {
    let pair = Pair::replicating();
    pair.set(vec![take(0, &[AWAY])]);
    assert_eq!(pair.osaka.failover_network(pair.vm).unwrap(), [take(0, &[AWAY])]);
    assert_eq!(pair.tokyo.failover_network(pair.vm).unwrap(), []);
    pair.fail_over();
    assert!(pair.addresses(pair.vm).is_empty(), "a guest that is off reports nothing");
    let watch = pair.lab.watch();
    done(&pair.osaka, pair.osaka.start_vm(pair.vm));
    let enabled = pair.lab.now();
    assert!(pair.addresses(pair.vm).is_empty(), "nor does one that has just started");
    pair.lab.advance(seconds(10));
    assert_eq!(pair.addresses(pair.vm), [AWAY]);
    let taken =
        watch.take().into_iter().find(|it| matches!(it.change, Change::GuestNetwork { .. }));
    let taken = taken.expect("an event");
    assert_eq!(taken.change, Change::GuestNetwork { vm: pair.vm, taken: true });
    assert!(taken.at.since(enabled) <= seconds(10));
    // What was not set stays as it was on the primary.
    assert_eq!(pair.adapters(&pair.osaka, pair.vm)[1].addresses, [HOME]);
    // It stays in the guest, whatever is set for the next failover.
    pair.set(vec![take(0, &["10.0.0.8"])]);
    done(&pair.osaka, pair.osaka.turn_off_vm(pair.vm));
    pair.start(pair.vm);
    assert_eq!(pair.addresses(pair.vm), [AWAY]);
}

/// More than one address is possible over WMI.
#[test]
fn several_addresses_are_taken_together() {
    let pair = Pair::replicating();
    pair.set(vec![take(0, &["192.168.1.1", "192.168.1.2"])]);
    pair.fail_over();
    pair.start(pair.vm);
    assert_eq!(pair.addresses(pair.vm), ["192.168.1.1", "192.168.1.2"]);
}

/// A start that is cut short takes nothing; the next one does.
#[test]
fn a_guest_that_stops_too_soon_takes_them_next_time() {
    let pair = Pair::replicating();
    pair.set(vec![take(0, &[AWAY])]);
    pair.fail_over();
    done(&pair.osaka, pair.osaka.start_vm(pair.vm));
    done(&pair.osaka, pair.osaka.turn_off_vm(pair.vm));
    pair.lab.advance(hours(1));
    assert!(pair.addresses(pair.vm).is_empty());
    pair.start(pair.vm);
    assert_eq!(pair.addresses(pair.vm), [AWAY]);
}

/// “Clear … the settings on the primary are used”:
/// <https://learn.microsoft.com/powershell/module/hyper-v/set-vmnetworkadapterfailoverconfiguration>.
#[test]
fn without_settings_the_guest_keeps_what_the_primary_had() {
    for settings in [vec![], vec![take(0, &[AWAY])]] {
        let pair = Pair::replicating();
        pair.set(settings);
        pair.set(vec![take(0, &[])]);
        assert_eq!(pair.osaka.failover_network(pair.vm).unwrap(), []);
        pair.fail_over();
        pair.start(pair.vm);
        assert_eq!(pair.addresses(pair.vm), [HOME]);
    }
}

/// Reverting throws away what the guest wrote, its network settings included.
#[test]
fn a_reverted_failover_takes_the_addresses_back() {
    let pair = Pair::replicating();
    pair.set(vec![take(0, &[AWAY])]);
    pair.fail_over();
    pair.start(pair.vm);
    done(&pair.osaka, pair.osaka.turn_off_vm(pair.vm));
    done(&pair.osaka, pair.osaka.revert_failover(pair.vm));
    pair.set(vec![take(0, &[])]);
    pair.fail_over();
    pair.start(pair.vm);
    assert_eq!(pair.addresses(pair.vm), [HOME]);
}

/// A test replica takes the addresses as well, and is plugged into the switch for tests, if its
/// replica's adapter has one.
#[test]
fn a_test_replica_has_a_network_only_on_the_switch_for_tests() {
    let pair = Pair::replicating();
    pair.set(vec![take(0, &[AWAY])]);
    for test_switch in [false, true] {
        let plug = Plug { connected: true, test_switch };
        let plugged = Disturbance::PlugAdapter(pair.osaka.id(), pair.vm, AdapterId(0), plug);
        assert_eq!(pair.lab.disturb(plugged), Reply::Happened);
        done(&pair.osaka, pair.osaka.test_replica_system(pair.vm, None));
        let test = pair.osaka.vm(pair.vm).unwrap().test_replica.unwrap();
        let plug = Plug { connected: test_switch, test_switch: false };
        assert_eq!(pair.adapters(&pair.osaka, test)[0].plug, plug);
        assert!(!pair.adapters(&pair.osaka, test)[1].plug.connected);
        pair.start(test);
        assert_eq!(pair.addresses(test), [AWAY]);
        assert!(pair.addresses(pair.vm).is_empty(), "the replica is off");
        done(&pair.osaka, pair.osaka.turn_off_vm(test));
        done(&pair.osaka, pair.osaka.destroy_system(test));
    }
}

/// After a reversal the new replica's disks are copies of the new primary's: a failover back that
/// sets nothing keeps the new primary's addresses.
#[test]
fn a_failback_keeps_what_the_new_primary_has() {
    let pair = Pair::replicating();
    let (tokyo, osaka, id) = (&pair.tokyo, &pair.osaka, RelationshipId::primary(pair.vm));
    pair.set(vec![take(0, &[AWAY])]);
    done(tokyo, tokyo.turn_off_vm(pair.vm));
    done(tokyo, tokyo.prepare_failover(id));
    pair.fail_over();
    pair.start(pair.vm);
    done(osaka, osaka.reverse_replication_relationship(pair.vm, None));
    pair.lab.advance(hours(1));
    // Nothing changes by a planned failover that is prepared and not made.
    done(osaka, osaka.turn_off_vm(pair.vm));
    done(osaka, osaka.prepare_failover(id));
    done(osaka, osaka.revert_failover(pair.vm));
    pair.start(pair.vm);
    assert_eq!(pair.addresses(pair.vm), [AWAY]);
    done(tokyo, tokyo.initiate_failover(pair.vm, None));
    done(tokyo, tokyo.start_vm(pair.vm));
    pair.lab.advance(seconds(30));
    assert_eq!(pair.adapters(tokyo, pair.vm)[0].addresses, [AWAY]);
}

/// Linux guests take addresses since Windows Server 2012 R2:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2>.
/// “Any failure to apply the settings is logged.”
#[test]
fn an_old_host_cannot_set_the_addresses_of_a_linux_guest() {
    for (build, address, logged) in
        [(WindowsBuild::Server2012, HOME, true), (WindowsBuild::Server2012R2, AWAY, false)]
    {
        let pair = Pair::new(build, |web| web.running().linux());
        pair.set(vec![take(0, &[AWAY])]);
        pair.fail_over();
        pair.start(pair.vm);
        assert_eq!(pair.addresses(pair.vm), [address]);
        let entries = |id| {
            let osaka = pair.osaka.id();
            pair.lab
                .read(|world| world.event_log_of(osaka, pair.vm).filter(|it| it.id == id).count())
        };
        assert_eq!(entries(EventId::NetworkNotTaken), usize::from(logged));
    }
}

/// Only a synthetic adapter of the virtual machine takes settings, at most five gateways, and as
/// many subnets as addresses; and only a replicated virtual machine.
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-failovernetworkadaptersettingdata>
#[test]
fn settings_that_no_adapter_takes_are_refused() {
    let pair = Pair::replicating();
    let six = FailoverNetworkAdapterSettings {
        gateways: vec!["10.0.0.1".to_owned(); 6],
        ..take(0, &[AWAY])
    };
    let uneven = FailoverNetworkAdapterSettings { subnets: Vec::new(), ..take(0, &[AWAY]) };
    for settings in [
        vec![take(2, &[AWAY])],
        vec![take(1, &[AWAY])],
        vec![take(0, &[AWAY]), take(0, &[HOME])],
        vec![six],
        vec![uneven],
    ] {
        let osaka = &pair.osaka;
        let refused = osaka.set_failover_network_adapter_settings(pair.vm, settings).unwrap_err();
        assert_eq!(refused.code(), Some(ErrorCode::InvalidParameter), "{refused}");
    }
    let alone = pair.lab.vm("alone").on("osaka").create();
    let settings = vec![take(0, &[AWAY])];
    let refused = pair.osaka.set_failover_network_adapter_settings(alone, settings).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidState));
}

#[test]
fn only_what_is_there_can_be_plugged() {
    let pair = Pair::replicating();
    let osaka = pair.osaka.id();
    let plug = |vm, adapter| {
        pair.lab.disturb(Disturbance::PlugAdapter(osaka, vm, AdapterId(adapter), Plug::default()))
    };
    let nobody = VmId(Guid(9));
    assert_eq!(plug(nobody, 0), Reply::Rejected(Rejection::UnknownVm(nobody)));
    let missing = Rejection::UnknownAdapter(AdapterId(7));
    assert_eq!(plug(pair.vm, 7), Reply::Rejected(missing));
}

/// The same in the language of scenarios.
#[test]
fn a_script_looks_at_addresses_and_logs() {
    let script = hyperv_replica::script::parse(
        "host tokyo
         host osaka
         vm web on tokyo running adapter=0 address=192.168.1.5
         tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
         wait job1
         tokyo StartReplication web Network  => 4096
         advance 1h
         osaka SetFailoverNetworkAdapterSettings web adapter=0 address=10.0.0.7 subnet=255.255.255.0  => 0
         plug osaka web adapter=0 test_switch=yes
         expect tokyo web address=192.168.1.5
         osaka InitiateFailover web  => 4096 job2
         wait job2
         osaka RequestStateChange web Enabled  => 4096 job3
         wait job3
         advance 10s
         expect osaka web running address=10.0.0.7
         expect tokyo event 32086 absent
         advance 5m
         expect tokyo event 32086 web
         expect tokyo event 32022
         expect osaka event SendFailed web absent",
    )
    .unwrap();
    let report = hyperv_replica::script::run(&script);
    assert!(report.passed(), "{:?}", report.faults().next());
    let wrong = "host tokyo
         expect tokyo event 29174";
    let report = hyperv_replica::script::run(&hyperv_replica::script::parse(wrong).unwrap());
    assert!(!report.passed());
}
