//! The accounts: which writes each copy holds, what a failover loses, who was served.
//!
//! The arithmetic is the test's own: a guest writes 1 MiB a second, so that a second is a MiB.

use hyperv_replica::engine::{Disturbance, World};
use hyperv_replica::prelude::*;
use hyperv_replica::sim::{HostHandle, Lab};
use std::time::Duration;

const MIB: u64 = 1 << 20;

/// `web` replicates from tokyo to osaka every 30 s, with a point an hour, for two hours.
fn replicating() -> (Lab, HostHandle, HostHandle, VmId) {
    let lab = Lab::new(["tokyo", "osaka"]);
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let vm = lab.vm("web").running().disk(64 << 30, 1 << 30).writing(MIB).create();
    let settings =
        Settings { replication_interval_s: 30, recovery_history: 4, ..Settings::to("osaka") };
    tokyo.wait(tokyo.create_replication_relationship(vm, settings).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(2));
    (lab, tokyo, osaka, vm)
}

/// Time passes until nothing is pending, then for so long.
fn after_a_log(lab: &Lab, osaka: &HostHandle, vm: VmId, passed: Duration) {
    let last = || osaka.relationship(RelationshipId::primary(vm)).unwrap().last_replication;
    let before = last();
    while last() == before {
        let next = lab.read(World::next_due).expect("cycles go on");
        lab.advance(next.since(lab.now()));
    }
    lab.advance(passed);
}

#[test]
fn a_failover_loses_what_was_written_since_the_last_log_was_closed() {
    let (lab, tokyo, osaka, vm) = replicating();
    after_a_log(&lab, &osaka, vm, seconds(10));
    let loss = lab.read(|world| world.loss(osaka.id(), vm, None)).expect("a replica");
    // A log of 30 MiB is on its way for 30 MiB / 125 MB/s + 20 ms = 0.27 s: what was written
    // meanwhile is not in it.
    assert_eq!(loss.time.as_secs(), 10, "{loss:?}");
    assert!((10 * MIB..11 * MIB).contains(&loss.bytes), "{loss:?}");

    // Going back to the oldest point loses hours.
    let oldest = osaka.recovery_points(vm).unwrap()[0];
    let older = lab.read(|world| world.loss(osaka.id(), vm, Some(oldest.id))).unwrap();
    assert!(older.time > hours(1), "{older:?}");
    assert_eq!(lab.read(|world| world.loss(tokyo.id(), vm, None)), None, "no replica");
}

#[test]
fn a_planned_failover_loses_nothing_and_is_an_outage() {
    let (lab, tokyo, osaka, vm) = replicating();
    tokyo.wait(tokyo.shut_down_vm(vm).unwrap()).unwrap();
    let down = lab.now();
    tokyo.wait(tokyo.prepare_failover(RelationshipId::primary(vm)).unwrap()).unwrap();
    assert_eq!(lab.read(|world| world.loss(osaka.id(), vm, None)).unwrap().bytes, 0);
    osaka.wait(osaka.initiate_failover(vm, None).unwrap()).unwrap();
    osaka.wait(osaka.reverse_replication_relationship(vm, None).unwrap()).unwrap();
    osaka.wait(osaka.start_vm(vm).unwrap()).unwrap();
    let up = lab.now();

    let account = lab.read(|world| world.service_account(vm)).expect("it ran");
    // The guest stops writing when the shutdown begins, 20 s before it is over.
    assert_eq!(account.last_outage, up.since(down) + seconds(20));
    assert_eq!((account.outages, account.running, account.lost_bytes), (1, 1, 0));
    lab.advance(hours(1));
    assert!(!lab.read(|world| world.is_split_brain(vm)));
    let copies = lab.read(|world| world.copies(vm));
    assert!(copies.iter().all(|it| it.own_bytes < 31 * MIB), "{copies:?}");
}

#[test]
fn two_sides_that_both_write_after_a_failover_are_a_split_brain() {
    let (lab, tokyo, osaka, vm) = replicating();
    after_a_log(&lab, &osaka, vm, seconds(10));
    lab.disturb(Disturbance::CutLink(tokyo.id(), osaka.id()));
    osaka.wait(osaka.initiate_failover(vm, None).unwrap()).unwrap();
    assert!(!lab.read(|world| world.is_split_brain(vm)), "only one side runs");
    osaka.wait(osaka.start_vm(vm).unwrap()).unwrap();
    lab.advance(seconds(60));
    assert!(lab.read(|world| world.is_split_brain(vm)));
    let copies = lab.read(|world| world.copies(vm));
    let own: Vec<_> = copies.iter().map(|it| it.own_bytes / MIB).collect();
    // Osaka has run for 60 s. Tokyo has gone on since the last log: 10 s, the failover (2 s), the
    // start (5 s) and those 60 s.
    assert_eq!(own, [77, 60], "{copies:?}");
    assert_eq!(lab.read(|world| world.service_account(vm)).unwrap().running, 2);

    // Osaka's side is given up: its writes are lost, for they were nowhere else.
    osaka.wait(osaka.turn_off_vm(vm).unwrap()).unwrap();
    let given_up = lab.read(|world| world.copies(vm))[1].own_bytes;
    osaka.wait(osaka.revert_failover(vm).unwrap()).unwrap();
    assert!(!lab.read(|world| world.is_split_brain(vm)));
    assert_eq!(lab.read(|world| world.service_account(vm)).unwrap().lost_bytes, given_up);
}

#[test]
fn a_crash_without_a_failover_in_time_is_no_split_brain() {
    let (lab, tokyo, osaka, vm) = replicating();
    after_a_log(&lab, &osaka, vm, seconds(10));
    lab.disturb(Disturbance::CrashHost(tokyo.id()));
    osaka.wait(osaka.initiate_failover(vm, None).unwrap()).unwrap();
    osaka.wait(osaka.start_vm(vm).unwrap()).unwrap();
    lab.advance(minutes(5));
    // Tokyo holds ten seconds that osaka lacks, but wrote none of them after the failover.
    assert!(!lab.read(|world| world.is_split_brain(vm)));
    assert_eq!(lab.read(|world| world.copies(vm))[0].own_bytes / MIB, 10);
}
