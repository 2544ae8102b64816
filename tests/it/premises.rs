//! The conformance suite on hosts that are there already, with virtual machines that were given up.

use hyperv_replica::engine::{Caller, Disturbance, HostSpec, Reply, World};
use hyperv_replica::error::Error;
use hyperv_replica::model::ReplicationMode;
use hyperv_replica::prelude::*;
use hyperv_replica::script;
use hyperv_replica::sim::{HostHandle, Lab};
use hyperv_replica::testkit::conformance::{
    self, Act, BEHAVIOURS, Capability, Fixture, Offers, Place, Premises, Sacrifice, Verdict,
};

/// Three hosts with certificates; spares on the first, and what must not be touched.
pub(crate) const LAB: &str = "\
host tokyo.contoso.com auth=Both certificate=AA store=AA name=tokyo.contoso.com
host osaka.contoso.com auth=Both certificate=BB store=BB name=osaka.contoso.com
host london.contoso.com auth=Both certificate=CC store=CC name=london.contoso.com
vm spare1 on tokyo.contoso.com disk=64GiB used=1GiB write=64KiB/s
vm spare2 on tokyo.contoso.com disk=64GiB used=1GiB write=64KiB/s
vm spare3 on tokyo.contoso.com disk=64GiB used=1GiB write=64KiB/s
vm spare4 on tokyo.contoso.com disk=64GiB used=1GiB write=64KiB/s
vm spare5 on tokyo.contoso.com disk=64GiB used=1GiB write=64KiB/s
vm spare6 on tokyo.contoso.com disk=64GiB used=1GiB write=64KiB/s
vm two on tokyo.contoso.com disk=64GiB used=512MiB disk=64GiB used=512MiB write=64KiB/s
vm large on tokyo.contoso.com disk=64GiB used=40GiB write=64KiB/s
vm precious on tokyo.contoso.com running
tokyo.contoso.com CreateReplicationRelationship precious to=osaka.contoso.com  => 4096 job1
wait job1
tokyo.contoso.com StartReplication precious Network  => 4096
advance 30m
";

struct Site {
    lab: Lab,
    hosts: [HostHandle; 3],
    strangers: [HostHandle; 3],
    given: Vec<Sacrifice>,
}

fn site() -> Site {
    let script = script::parse(LAB).unwrap();
    let mut runner = script::Runner::new(World::new(0));
    for (number, line) in (1..).zip(&script.lines) {
        assert_eq!(runner.step(number, line).and_then(|it| it.fault), None);
    }
    let lab = Lab::over(runner.world().clone(), 9);
    let hosts = ["tokyo.contoso.com", "osaka.contoso.com", "london.contoso.com"];
    let hosts = hosts.map(|it| lab.host(it));
    let give = |name: &str, disks, large| {
        let vm = script::id_of_name(name);
        Sacrifice { vm, disks, large }
    };
    let plain = (1..=Premises::PLAIN_VMS).map(|it| give(&format!("spare{it}"), 1, false));
    let given = plain.chain([give("two", 2, false), give("large", 1, true)]).collect();
    let strangers = hosts.clone().map(|it| it.called_by(Caller::Other));
    Site { lab, hosts, strangers, given }
}

impl Site {
    fn services(&self) -> [&dyn ReplicationService; 3] {
        self.hosts.each_ref().map(|it| it as &dyn ReplicationService)
    }

    fn act(&self, act: Act) {
        let id = |place: Place| self.hosts[place as usize].id();
        let what = match act {
            Act::CutLink(a, b) => Disturbance::CutLink(id(a), id(b)),
            Act::HealLink(a, b) => Disturbance::HealLink(id(a), id(b)),
            Act::CrashHost(it) => Disturbance::CrashHost(id(it)),
            Act::BootHost(it) => Disturbance::BootHost(id(it)),
            Act::ChangeDisks(it, vm) => Disturbance::ChangeDisks(id(it), vm),
            _ => panic!("{act:?}"),
        };
        assert_eq!(self.lab.disturb(what), Reply::Happened, "{act:?}");
    }
}

/// Nothing is skipped and nothing deviates, although each behaviour begins where others ended; and
/// what was not given up is as it was.
#[test]
fn the_whole_list_is_tried_on_hosts_that_are_there() {
    let it = site();
    let [tokyo, osaka, _] = &it.hosts;
    let precious = script::id_of_name("precious");
    let act = |act| {
        it.act(act);
        Ok(())
    };
    let strangers = it.strangers.each_ref().map(|it| it as &dyn ReplicationService);
    let offers = Offers {
        hours: true,
        guest_writes: true,
        reconfigure: true,
        folder: Some(r"E:\Courier"),
        strangers: &strangers,
        act: Some(&act),
        patience: None,
    };
    let premises = Premises::new(&it.services(), &it.given, offers).unwrap();
    let before = (tokyo.service_settings().unwrap(), osaka.authorization_entries().unwrap());
    let report = conformance::run_on(&premises);
    let odd: Vec<_> = report
        .entries
        .iter()
        .filter(|it| it.verdict != Verdict::Passed || !it.left_behind.is_empty())
        .map(|it| (it.behaviour.name, &it.verdict, &it.left_behind))
        .collect();
    assert!(odd.is_empty(), "{odd:#?}");
    assert_eq!(report.entries.len(), BEHAVIOURS.len());
    let there = |host: &HostHandle| {
        let names = host.vms().unwrap().into_iter().map(|it| it.name.to_string());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let left = there(tokyo).into_iter().filter(|it| it.starts_with("spare")).count();
    assert_eq!(left, Premises::PLAIN_VMS - 1, "one is deleted");
    assert_eq!(there(osaka), ["precious"]);
    let after = (tokyo.service_settings().unwrap(), osaka.authorization_entries().unwrap());
    assert_eq!(before, after);
    assert_eq!(tokyo.vm(precious).unwrap().mode, ReplicationMode::Primary);
}

#[test]
fn what_nobody_offered_is_skipped() {
    let it = site();
    let services = it.services();
    let plain = Premises::new(&services[..2], &it.given[..6], Offers::default()).unwrap();
    for behaviour in BEHAVIOURS {
        let offered = [Capability::Certificates];
        let skipped = behaviour.needs.iter().any(|it| !offered.contains(it));
        assert_eq!(behaviour.why_skipped(&plain).is_some(), skipped, "{}", behaviour.name);
    }
    let report = conformance::run_on(&plain);
    assert_eq!(report.deviations().count(), 0, "{report}");
    assert!(report.entries.iter().all(|it| it.left_behind.is_empty()), "{report}");
}

/// Calls about what was not given up never reach a host.
#[test]
fn what_was_not_given_up_is_safe() {
    let it = site();
    let premises = Premises::new(&it.services(), &it.given, Offers::default()).unwrap();
    let precious = script::id_of_name("precious");
    let before = it.lab.world();
    let id = RelationshipId::primary(precious);
    for place in [Place::First, Place::Second] {
        let host = premises.host(place).unwrap();
        for refused in [
            host.suspend_replication(id),
            host.turn_off_vm(precious),
            host.remove_replication_relationship(id),
            host.initiate_failover(precious, None),
            host.destroy_system(precious),
            host.test_replica_system(precious, None),
        ] {
            let error = refused.unwrap_err();
            assert!(matches!(error, Error::Transport { operation: Some(_), .. }), "{error}");
            assert!(error.to_string().contains("not given up"), "{error}");
        }
    }
    let disks = premises.act(Act::ChangeDisks(Place::First, precious)).unwrap_err();
    assert!(disks.to_string().contains("not given up"), "{disks}");
    assert!(it.lab.world() == before);
    // Of one that is not there, the host itself says so.
    let nobody = premises.host(Place::First).unwrap().turn_off_vm(script::id_of_name("nobody"));
    assert_eq!(nobody.unwrap_err().code(), Some(ErrorCode::NotAvailable));
}

#[test]
fn what_is_in_use_cannot_be_given_up() {
    let it = site();
    let refused = |given: &[Sacrifice]| {
        Premises::new(&it.services(), given, Offers::default()).unwrap_err().to_string()
    };
    let give = |name| [Sacrifice { vm: script::id_of_name(name), disks: 1, large: false }];
    assert!(refused(&give("precious")).contains("`precious` is replicated"));
    assert!(refused(&give("nobody")).contains("is not on the first host"));
    let line = "vm spare1 on osaka.contoso.com".parse::<script::Line>().unwrap();
    let action = line.statement.unwrap().resolve(&it.lab.world()).unwrap();
    let script::Action::Input(input) = action else { panic!("{action:?}") };
    assert_eq!(it.lab.apply(&input), Reply::Happened);
    assert!(refused(&give("spare1")).contains("`spare1` is on another host, too"));
    it.lab.add_host(&HostSpec::trusting("down"));
    let down = it.lab.host("down");
    it.lab.disturb(Disturbance::CrashHost(down.id()));
    let hosts: [&dyn ReplicationService; 2] = [&it.hosts[0], &down];
    assert!(Premises::new(&hosts, &[], Offers::default()).is_err());
}
