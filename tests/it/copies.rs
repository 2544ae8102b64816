//! What a copy is made of: what is copied and compared, what is kept, what is applied, and when.

use hyperv_replica::{prelude::*, sim::Lab};

fn passes(text: &str) {
    let report =
        hyperv_replica::script::run(&hyperv_replica::script::parse(text).expect("a script"));
    let faults: Vec<_> = report.faults().map(|(step, it)| format!("{}: {it}", step.what)).collect();
    assert_eq!(faults, [""; 0]);
}

/// Tracking restarts before the blocks are compared; what is written meanwhile is in the first log:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica>.
/// The comparison takes 2 s for the contact, 40 s for 16 GB at 400 MB/s and 5 s for the merge.
#[test]
fn what_is_written_during_a_comparison_comes_after_it() {
    passes(
        "host tokyo
        host osaka
        vm web on tokyo running write=64KiB/s disk=16000000000 used=4000000000
        tokyo CreateReplicationRelationship web to=osaka => 4096 job1
        wait job1
        tokyo StartReplication web Network               => 4096
        advance 1h
        tokyo RequestReplicationStateChangeEx web Suspended => 4096 job2
        wait job2
        tokyo Resynchronize web                          => 4096 job3
        wait job3
        expect osaka web Replica Replicating lacks=3008KiB
        tokyo RequestStateChange web Disabled            => 4096 job4
        advance 10m
        expect osaka web Replica Replicating lacks=0",
    );
}

/// Disks are read from a checkpoint, and writes are logged from there on:
/// <https://learn.microsoft.com/azure/site-recovery/hyper-v-azure-architecture>. The export takes
/// 100 s for 12.5 GB at 125 MB/s.
#[test]
fn an_export_reaches_to_its_checkpoint() {
    passes(
        r"policy link_latency=0s
        host tokyo
        host osaka
        vm web on tokyo running write=64KiB/s disk=16000000000 used=12500000000
        tokyo CreateReplicationRelationship web to=osaka => 4096 job1
        wait job1
        tokyo StartReplication web Export location=E:\C  => 4096 job2
        wait job2
        expect job2 Completed
        expect tokyo web WaitingForInitialReplication pending=6400KiB",
    );
}

/// Changes that arrive before the import are kept for it:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130628-save-network-bandwidth-by-using-out-of-band-initial-replication-method-in-hyper-v-replica>.
#[test]
fn a_replica_that_waits_for_its_import_has_nothing_to_send_on() {
    passes(
        r"host tokyo
        host osaka
        host london
        vm web on tokyo running
        tokyo CreateReplicationRelationship web to=osaka => 4096 job1
        wait job1
        tokyo StartReplication web Export location=E:\C  => 4096 job2
        wait job2
        advance 20m
        expect osaka web WaitingForInitialReplication last_apply=never
        osaka CreateReplicationRelationship web to=london => 4096 job3
        wait job3
        osaka StartReplication web Network               => 32775
        osaka TestReplicaSystem web                      => 32775",
    );
}

/// An export that did not come to its end is not begun:
/// <https://learn.microsoft.com/powershell/module/hyper-v/stop-vminitialreplication>.
#[test]
fn an_export_cut_short_is_not_resumed_as_a_copy() {
    passes(
        r"host tokyo
        host osaka
        vm web on tokyo running
        tokyo CreateReplicationRelationship web to=osaka => 4096 job1
        wait job1
        tokyo StartReplication web Export location=E:\C  => 4096 job2
        advance 30s
        shutdown tokyo
        boot tokyo
        expect tokyo web Primary Ready
        tokyo StartReplication web Export location=E:\C  => 4096 job3
        advance 1s
        trouble tokyo StorageFull
        wait job3
        expect job3 Exception 32768
        expect tokyo web Primary Ready",
    );
}

/// Seeded initial replication compares blocks:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130827-using-an-existing-vm-for-initial-replication-in-hyper-v-replica>.
/// 20 GiB take 172 s to copy and 54 s to compare.
#[test]
fn a_comparison_cut_short_is_resumed_as_one() {
    passes(
        "host tokyo
        host osaka
        vm web on tokyo running
        vm web on osaka
        osaka RequestReplicationStateChangeEx web WaitingForInitialReplication => 4096 job1
        wait job1
        tokyo CreateReplicationRelationship web to=osaka => 4096 job2
        wait job2
        tokyo StartReplication web Seeded                => 4096 job3
        advance 30s
        shutdown tokyo
        boot tokyo
        expect tokyo web state=Critical
        tokyo RequestReplicationStateChangeEx web Replicating => 4096 job4
        wait job4
        advance 1m
        expect tokyo web Primary Replicating",
    );
}

/// A placeholder that an earlier relationship left is nothing to compare with (same page).
#[test]
fn a_placeholder_is_no_seed() {
    passes(
        "host tokyo
        host osaka
        vm web on tokyo running
        tokyo CreateReplicationRelationship web to=osaka => 4096 job1
        wait job1
        tokyo RemoveReplicationRelationshipEx web        => 4096 job2
        wait job2
        tokyo CreateReplicationRelationship web to=osaka => 4096 job3
        wait job3
        tokyo StartReplication web Seeded                => 32775",
    );
}

/// While logs cannot be applied, replication goes on and looks well:
/// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/event-19050-32022-32032-32056-32315-32546-33680>.
/// What cannot be applied is neither a recovery point, nor failed over to, nor sent on.
#[test]
fn what_cannot_be_applied_is_of_no_use() {
    passes(
        "host tokyo
        host osaka
        host london
        vm web on tokyo running write=64KiB/s
        tokyo CreateReplicationRelationship web to=osaka history=8 => 4096 job1
        wait job1
        tokyo StartReplication web Network               => 4096
        advance 1h
        osaka CreateReplicationRelationship web to=london => 4096 job2
        wait job2
        osaka StartReplication web Network               => 4096
        advance 2h
        expect osaka web points=3
        trouble osaka ApplyFails web
        advance 3h
        expect osaka web Replica Replicating Ok points=3 relationship=0
        osaka RequestReplicationStateChangeEx web Synced relationship=1 => 4096 job3
        wait job3
        expect job3 Exception 32768
        expect osaka web Replicating relationship=1
        osaka InitiateFailover web                       => 4096 job4
        wait job4
        expect job4 Exception 32768
        expect osaka web Replica Replicating relationship=0
        relieve osaka ApplyFails web
        advance 1s
        osaka InitiateFailover web                       => 4096 job5
        wait job5
        expect osaka web Replica Recovered relationship=0",
    );
}

/// The end of the statistics is when the next ones begin, at 09:00 and every twelve hours by default:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationstatistics>.
#[test]
fn statistics_tell_when_their_window_ends() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let tokyo = lab.host("tokyo");
    let web = lab.vm("web").on("tokyo").running().create();
    let start = lab.now();
    tokyo.wait(tokyo.create_replication_relationship(web, Settings::to("osaka")).unwrap()).unwrap();
    let end = || tokyo.statistics(RelationshipId::primary(web)).unwrap().0.end;
    assert_eq!(end(), start + hours(9));
    lab.advance(hours(10));
    assert_eq!(end(), start + hours(21));
}
