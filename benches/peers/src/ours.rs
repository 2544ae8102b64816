//! The same kinds of figures of `hyperv-replica`.

use hyperv_replica::engine::{Caller, Disturbance, Input, World};
use hyperv_replica::model::{Call, HostId, RequestedReplicationState, RequestedState};
use hyperv_replica::prelude::*;
use hyperv_replica::sim::Lab;
use hyperv_replica::testkit::beginning::Beginning;
use hyperv_replica::testkit::explore::Explorer;

/// How many inputs a walk has.
const LENGTH: u64 = 2_000;

/// Two hosts, a virtual machine that replicates, and what may happen to it.
fn lab() -> (World, Vec<Input>) {
    let lab = Lab::new(["tokyo", "osaka"]);
    let tokyo = lab.host("tokyo");
    let vm = lab.vm("web").on("tokyo").running().create();
    tokyo.wait(tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(1));
    let mut inputs = vec![Input::Advance(seconds(10)), Input::Advance(minutes(5))];
    for host in [HostId(0), HostId(1)] {
        use RequestedReplicationState::{Replicating, Suspended, Synced};
        let mut calls: Vec<Call> = [RequestedState::Enabled, RequestedState::Disabled]
            .map(|it| Call::RequestStateChange { vm, requested: it.to_wire() })
            .into();
        calls.extend([Synced, Replicating, Suspended].map(|it| {
            let relationship = Some(RelationshipId::primary(vm));
            Call::RequestReplicationStateChange { vm, relationship, requested: it.to_wire() }
        }));
        calls.push(Call::InitiateFailover { vm, point: None });
        calls.push(Call::RevertFailover { vm });
        calls.push(Call::CommitFailover { vm });
        calls.push(Call::ReverseReplicationRelationship { vm, settings: None });
        calls.push(Call::Resynchronize { vm, start: None });
        let caller = Caller::Administrator;
        inputs.extend(calls.into_iter().map(|call| Input::Call { host, caller, call }));
    }
    inputs.push(Input::Disturb(Disturbance::CutLink(HostId(0), HostId(1))));
    inputs.push(Input::Disturb(Disturbance::HealLink(HostId(0), HostId(1))));
    (lab.world(), inputs)
}

/// Breadth first, one thread: how many states were generated, and how many of them were new.
pub fn states() -> (u64, u64) {
    let beginning = Beginning::lab(2, 1);
    let search = Explorer { depth: Some(5), observed: false, ..Explorer::new(beginning) };
    let report = search.run();
    (report.steps, report.states as u64)
}

/// A walk: how many inputs were applied.
pub fn walk() -> u64 {
    let (mut world, inputs) = lab();
    let mut events = Vec::new();
    // Marsaglia's xorshift: any will do that draws the same each time.
    let mut drawn: u64 = 0x9E37_79B9_7F4A_7C15;
    for _ in 0..LENGTH {
        drawn ^= drawn << 13;
        drawn ^= drawn >> 7;
        drawn ^= drawn << 17;
        events.clear();
        let _reply = world.apply(&inputs[(drawn % inputs.len() as u64) as usize], &mut events);
    }
    LENGTH
}
