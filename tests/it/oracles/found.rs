//! What walks have found: each script broke an invariant once.

use hyperv_replica::engine::World;
use hyperv_replica::script::{self, Runner};

const FOUND: [&str; 16] = [
    r"
# A copy of the disks that waits to be sent again is paused, and resumed.
host tokyo auth=Both certificate=AB12 store=AB12 name=tokyo until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
host osaka auth=Both certificate=AB12 store=AB12 name=osaka until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
host london auth=Both certificate=AB12 store=AB12 name=london until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
vm web on tokyo running id={11111111-1111-4111-8111-111111111111} disk=40GiB used=10GiB disk=10GiB used=2560MiB write=300000/s
vm db on tokyo id={22222222-2222-4222-8222-222222222222} disk=40GiB used=10GiB disk=10GiB used=2560MiB write=300000/s
tokyo CreateReplicationRelationship web to=osaka provider={33333333-3333-4333-8333-333333333333}  => 4096 job1
advance 15s
tokyo StartReplication web Network  => 4096 job2
advance 15s
advance 2h
osaka InitiateFailover web  => 4096 job3
advance 15s
tokyo RequestStateChange db Enabled  => 4096 job4
tokyo CreateReplicationRelationship db to=london port=443 auth=Certificate certificate=AB12  => 4096 job5
advance 1m38s
tokyo Resynchronize web start=+10m  => 4096 job6
london RequestReplicationStateChangeEx db Suspended relationship=0  => 4096 job7
tokyo StartReplication db Network  => 4096 job8
advance 7m25s
advance 9m24s
tokyo RequestStateChange db ShutDown  => 4096 job9
advance 20s
tokyo RequestReplicationStateChangeEx db Suspended relationship=0  => 4096 job10
advance 1s
advance 3m17s182ms547us200ns
tokyo RequestReplicationStateChangeEx db Replicating  => 4096 job11
advance 16m10s
",
    r"
# Somebody changes the disks of a replica whose primary is prepared.
host tokyo auth=Both certificate=AB12 store=AB12 name=tokyo until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
host osaka auth=Both certificate=AB12 store=AB12 name=osaka until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
host london auth=Both certificate=AB12 store=AB12 name=london until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
vm web on tokyo running id={11111111-1111-4111-8111-111111111111} disk=40GiB used=10GiB disk=10GiB used=2560MiB write=300000/s
vm db on tokyo id={22222222-2222-4222-8222-222222222222} disk=40GiB used=10GiB disk=10GiB used=2560MiB write=300000/s
tokyo CreateReplicationRelationship web to=osaka interval=30s history=3  => 4096 job1
advance 15s
tokyo StartReplication web Network  => 4096 job2
advance 15s
advance 2h
osaka CreateReplicationRelationship web to=london history=2  => 4096 job3
advance 15s
osaka StartReplication web Network  => 4096 job4
advance 15s
advance 2h
tokyo RequestStateChange web ShutDown  => 4096 job5
osaka InitiateFailover web point=#1  => 4096 job6
osaka ConcreteJob.RequestStateChange job6 Kill  => 0
advance 2m7s
tokyo RequestReplicationStateChangeEx web Synced  => 4096 job7
advance 16m43s
change_disks osaka web
london RemoveReplicationRelationship web  => 4096 job8
osaka InitiateFailover web point=#2  => 4096 job9
osaka ConcreteJob.RequestStateChange job9 Kill  => 0
osaka InitiateFailover web  => 4096 job10
advance 4m28s
",
    r"
# A replica that is prepared towards its extended replica is failed over, and runs.
host tokyo auth=Both certificate=AB12 store=AB12 name=tokyo until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
host osaka auth=Both certificate=AB12 store=AB12 name=osaka until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
host london auth=Both certificate=AB12 store=AB12 name=london until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
vm web on tokyo running id={11111111-1111-4111-8111-111111111111} disk=40GiB used=10GiB disk=10GiB used=2560MiB write=300000/s
vm db on tokyo id={22222222-2222-4222-8222-222222222222} disk=40GiB used=10GiB disk=10GiB used=2560MiB write=300000/s
tokyo CreateReplicationRelationship web to=osaka interval=30s history=3  => 4096 job1
advance 15s
tokyo StartReplication web Network  => 4096 job2
advance 15s
advance 2h
osaka CreateReplicationRelationship web to=london history=2  => 4096 job3
advance 15s
osaka StartReplication web Network  => 4096 job4
advance 15s
advance 2h
osaka RequestReplicationStateChangeEx web Synced relationship=1  => 4096 job5
advance 7m12s
osaka InitiateFailover web  => 4096 job6
advance 8m46s
tokyo RequestStateChange web ShutDown  => 4096 job7
osaka RequestStateChange web Enabled  => 4096 job8
advance 16m56s
london InitiateFailover web  => 4096 job9
advance 7m30s
",
    r"
# The disks of what is prepared are changed behind the service's back: a failover cannot have that.
host tokyo
host osaka
vm web on tokyo running id={11111111-1111-4111-8111-111111111111} disk=40GiB used=10GiB write=300000/s
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
advance 15s
tokyo StartReplication web Network  => 4096 job2
advance 2h
tokyo RequestStateChange web Disabled  => 4096 job3
advance 15s
tokyo RequestReplicationStateChangeEx web Synced  => 4096 job4
advance 15s
change_disks tokyo web
osaka InitiateFailover web  => 4096 job5
advance 15s
",
    r"
# A log becomes invalid while the planned failover is prepared.
host tokyo auth=Both certificate=AB12 store=AB12 name=tokyo until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
host osaka auth=Both certificate=AB12 store=AB12 name=osaka until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
host london auth=Both certificate=AB12 store=AB12 name=london until=30d provider={33333333-3333-4333-8333-333333333333} title=Elsewhere
vm web on tokyo running id={11111111-1111-4111-8111-111111111111} disk=40GiB used=10GiB disk=10GiB used=2560MiB write=300000/s
vm db on tokyo id={22222222-2222-4222-8222-222222222222} disk=40GiB used=10GiB disk=10GiB used=2560MiB write=300000/s
tokyo CreateReplicationRelationship web to=osaka interval=30s history=3  => 4096 job1
advance 15s
tokyo StartReplication web Network  => 4096 job2
advance 15s
advance 2h
tokyo RequestStateChange web Disabled  => 4096 job3
advance 15s
tokyo RequestReplicationStateChangeEx web Synced  => 4096 job4
advance 15s
osaka InitiateFailover web  => 4096 job5
advance 15s
osaka ReverseReplicationRelationship web  => 4096 job6
advance 4m23s
tokyo InitiateFailover web  => 4096 job7
osaka RequestReplicationStateChangeEx web Synced relationship=0  => 4096 job8
corrupt_log osaka web
advance 7m23s
",
    r"
# The disks of a replica are changed before it is prepared towards its extended replica.
host tokyo
host osaka
host london
vm web on tokyo running
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network  => 4096 job2
advance 1h
osaka CreateReplicationRelationship web to=london  => 4096 job3
wait job3
osaka StartReplication web Network  => 4096 job4
advance 1h
change_disks osaka web
osaka RequestReplicationStateChangeEx web Synced relationship=1  => 4096 job5
advance 5m
london InitiateFailover web  => 4096 job6
advance 5m
",
    r"
# A virtual machine is deleted before its guest has taken the addresses of its failover.
host tokyo
host osaka
vm web on tokyo disk=10GiB used=1GiB
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network
advance 1h
osaka SetFailoverNetworkAdapterSettings web adapter=0 address=10.0.0.7 subnet=255.255.255.0
osaka InitiateFailover web  => 4096 job2
wait job2
osaka RequestStateChange web Enabled  => 4096 job3
wait job3
delete osaka web
advance 1m
",
    r"
# A message takes no time: the first log, and a recovery point, in the moment in which a
# resynchronisation ends.
policy link_latency=0s
host tokyo
host osaka
vm web on tokyo running disk=10GiB used=1GiB
tokyo CreateReplicationRelationship web to=osaka interval=30s history=3  => 4096 job1
wait job1
tokyo StartReplication web Network
advance 2h
tokyo RequestReplicationStateChangeEx web Suspended  => 4096 job2
wait job2
tokyo Resynchronize web  => 4096 job3
wait job3
advance 1h
",
    r"
# A host that was down for a day boots: its sender has had no time to hear of the failover.
host tokyo
host osaka
vm web on tokyo running disk=10GiB used=1GiB
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network
advance 2h
osaka InitiateFailover web  => 4096 job2
tokyo RequestStateChange web Offline  => 4096 job3
crash tokyo
advance 2d
boot tokyo
advance 1d
",
    r"
# A log is on its way for two days: until it has arrived its sender does not hear that there is no
# replica any more.
host tokyo
host osaka
vm web on tokyo running disk=10GiB used=1GiB write=300000/s
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network
advance 2h
slow osaka tokyo 16KiB/s
advance 3h
osaka RemoveReplicationRelationshipEx web relationship=0  => 4096 job2
tokyo RequestStateChange web Offline  => 4096 job3
advance 4d
",
    r"
# A replica server that is switched off tells nobody that a replica was failed over.
host tokyo
host osaka
vm web on tokyo running disk=10GiB used=1GiB write=300000/s
tokyo CreateReplicationRelationship web to=osaka interval=30s history=3  => 4096 job1
wait job1
tokyo StartReplication web Network
advance 2h
osaka InitiateFailover web  => 4096 job2
osaka ModifyServiceSettings server=off  => 0
advance 2h
",
    r"
# A job that was begun only to fail has begun nothing that a crash could take back.
policy refusals=late
host tokyo
host osaka
vm web on tokyo running disk=10GiB used=1GiB
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network
advance 2h
tokyo StartReplication web Export location=D:\Export  => 4096 job2
crash tokyo
boot tokyo
advance 1h
",
    r"
# A copy is complete before its cancellation is, and sends until its log is full.
policy local=1d
host tokyo
host osaka
vm web on tokyo running disk=10GiB used=1GiB write=300000/s
tokyo CreateReplicationRelationship web to=osaka interval=30s  => 4096 job1
wait job1
tokyo StartReplication web Network  => 4096 job2
wait job2
advance 1h
tokyo RequestReplicationStateChange web Ready  => 4096 job3
advance 3d
",
    r"
# A committed replica that is prepared towards its extended replica starts, and becomes its primary.
host tokyo
host osaka
host london
vm web on tokyo running disk=10GiB used=1GiB write=300000/s
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network
advance 1h
osaka CreateReplicationRelationship web to=london  => 4096 job2
wait job2
osaka StartReplication web Network
advance 1h
osaka InitiateFailover web  => 4096 job3
wait job3
osaka CommitFailover web  => 4096 job4
wait job4
osaka RequestReplicationStateChangeEx web Synced relationship=1  => 4096 job5
wait job5
osaka RequestStateChange web Enabled  => 4096 job6
osaka ChangeReplicationModeToPrimary web relationship=1  => 4096 job7
wait job7
advance 1d
",
    r"
# A comparison that was to replace a paused one is cancelled before it begins.
host tokyo
host osaka
vm web on tokyo running disk=10GiB used=1GiB
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network
advance 1h
tokyo RequestReplicationStateChangeEx web Suspended  => 4096 job2
wait job2
tokyo Resynchronize web  => 4096 job3
advance 5s
tokyo RequestReplicationStateChangeEx web Suspended  => 4096 job4
wait job4
tokyo Resynchronize web start=+10m  => 4096 job5
expect tokyo web Primary ResynchronizationSuspended
tokyo ConcreteJob.RequestStateChange job5 Terminate  => 0
expect tokyo web Primary WaitingForResynchronization
tokyo Resynchronize web  => 4096 job6
wait job6
expect tokyo web Primary Replicating
",
    r"
# A change of disks that is tried again takes the place of a comparison that waits for its schedule.
host tokyo
host osaka
vm web on tokyo running disk=10GiB used=1GiB disk=1GiB used=1MiB
tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
wait job1
tokyo StartReplication web Network
advance 1h
cut tokyo osaka
tokyo ModifyReplicationSettings web to=osaka disks=0  => 4096 job2
advance 1m
expect tokyo web Primary DiskUpdateCritical
tokyo Resynchronize web start=+10m  => 4096 job3
tokyo RequestReplicationStateChangeEx web DiskUpdateInProgress  => 4096 job4
expect job3 Terminated
advance 1m
expect tokyo web Primary DiskUpdateCritical
advance 20m
expect tokyo web Primary DiskUpdateCritical
",
];

#[test]
fn what_walks_have_found_is_mended() {
    for text in FOUND {
        let script = script::parse(text).unwrap();
        let mut runner = Runner::observed(World::new(0));
        for (number, line) in (1..).zip(&script.lines) {
            let fault = runner.step(number, line).and_then(|it| it.fault);
            assert_eq!(fault, None, "{line}\n{text}");
        }
    }
}
