//! Worlds and walks of `testkit`, as the tests here use them.

use hyperv_replica::engine::{
    Caller, Disturbance, Event, HostChange, HostTrouble, Input, VmTrouble, World,
};
use hyperv_replica::model::{Call, Certificate};
use hyperv_replica::testkit::beginning::{Beginning, THUMBPRINT, both_listeners, provider};
use hyperv_replica::testkit::strategies;
use hyperv_replica::testkit::walk;
use proptest::prelude::*;

pub(crate) use hyperv_replica::testkit::beginning::{DB, WEB};
pub(crate) use hyperv_replica::testkit::strategies::config;
pub(crate) use hyperv_replica::testkit::walk::Step;

pub(crate) fn three_hosts() -> World {
    Beginning::three_hosts().world()
}

pub(crate) fn replicating() -> World {
    Beginning::replicating().world()
}

pub(crate) fn chained() -> World {
    Beginning::chained().world()
}

pub(crate) fn failed_over() -> World {
    Beginning::failed_over().world()
}

pub(crate) fn on_old_hosts() -> World {
    Beginning::on_old_hosts().world()
}

/// Nothing is replicated yet, or something is.
pub(crate) fn beginning() -> impl Strategy<Value = Beginning> {
    strategies::labs()
}

/// The same, some with a policy of their own, which may be one that never comes to anything.
pub(crate) fn any_beginning() -> impl Strategy<Value = Beginning> {
    prop_oneof![2 => strategies::labs(), 1 => strategies::labs_of_any_policy()]
}

/// Steps, mostly such that something happens.
pub(crate) fn step() -> impl Strategy<Value = Step> {
    strategies::steps(0.75)
}

/// Turns a step into an input for this world.
pub(crate) fn resolve(world: &World, step: Step) -> Option<Input> {
    step.resolve(world)
}

/// Runs steps; what happened, input by input.
pub(crate) fn walk(world: &mut World, steps: &[Step]) -> (Vec<Input>, Vec<Event>) {
    walk::run(world, steps)
}

/// What repairs everything from outside: links, then hosts, then what troubles them.
pub(crate) fn heal_inputs(world: &World) -> Vec<Input> {
    let hosts: Vec<_> = world.hosts().map(|(id, _)| id).collect();
    let links = hosts.iter().flat_map(|a| hosts.iter().map(move |b| (*a, *b)));
    let links = links.filter(|(a, b)| a < b).map(|(a, b)| Disturbance::HealLink(a, b));
    let mut all: Vec<_> = links.collect();
    for host in hosts {
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
