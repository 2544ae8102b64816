//! Builds of Windows: what each lacks, and which replicates to which.

use super::{play, why};
use hyperv_replica::model::{HostId, RelationshipId};

/// windows/win32/hyperv_v2/msvm-replicationservice and the pages of its methods: five methods, and
/// the forms that name a relationship, since Windows Server 2012 R2.
#[test]
fn windows_server_2012_lacks_what_2012_r2_brought() {
    play(
        r"
        host old build=9200
        host peer build=9200
        host new build=9600
        vm web on old
        old RemoveReplicationRelationshipEx web relationship=0       => 32770
        old GetReplicationStatisticsEx web relationship=0            => 32770
        old ResetReplicationStatisticsEx web relationship=0          => 32770
        old RequestReplicationStateChangeEx web 2 relationship=0     => 32770
        old ChangeReplicationModeToPrimary web relationship=1        => 32770
        old InitiateFailback web to=peer                             => 32770
        old as=other GetReplicationStatisticsEx web relationship=0   => 32769
        old GetReplicationStatistics web                             => 32775  # the old form is there
        old CreateReplicationRelationship web to=peer interval=30s   => 32773  # …/2013/20131022: 300 s only
        old CreateReplicationRelationship web to=peer history=17     => 32773  # …/2013/20131022: 16 points
        old CreateReplicationRelationship web to=peer                => 4096 job1
        wait job1
        peer CreateReplicationRelationship web to=new                => 32770  # …/2013/20131022: extended is new
        provider old {33333333-3333-4333-8333-333333333333}          => rejected",
    );
    assert!(play("host old build=9200").host_view(HostId(0)).unwrap().providers.is_empty());
}

/// windows/win32/hyperv_v2/msvm-concretejob: job type 125 came with Windows 10;
/// windows/win32/hyperv_v2/msvm-replicationrelationship: 15 and later states with version 1703 – here
/// 15 and 16 come with the job, which shows them and which clients resume by asking for 15;
/// windows/win32/hyperv_v2/msvm-requestreplicationstatechangeex-computersystem: else the requested state is shown meanwhile.
#[test]
fn disks_and_18_came_with_windows_server_2016() {
    let chain = |build| {
        format!(
            "host tokyo build={build}
             host osaka build={build}
             vm web on tokyo disk=10GiB used=1GiB disk=10GiB used=1GiB
             tokyo CreateReplicationRelationship web to=osaka => 4096 job1
             wait job1
             tokyo StartReplication web Network => 4096
             advance 1h\n"
        )
    };
    play(&format!(
        "{}tokyo ModifyReplicationSettings web to=osaka disks=0            => 32770
           tokyo ModifyReplicationSettings web to=osaka disks=1,0          => 4096 job2  # all, as before
           expect job2 type=92
           wait job2
           tokyo ModifyReplicationSettings web to=osaka disks=0 port=0     => 32773
           tokyo RequestReplicationStateChangeEx web 15                    => 32773
           tokyo RequestReplicationStateChangeEx web 2                     => 4096
           expect tokyo web Primary WaitingForInitialReplication
           advance 1m
           expect tokyo web Replica WaitingForInitialReplication",
        chain(9600)
    ));
    play(&format!(
        "{}tokyo ModifyReplicationSettings web to=osaka disks=0            => 4096 job2
           expect job2 type=125
           expect tokyo web DiskUpdateInProgress
           wait job2
           tokyo RequestReplicationStateChangeEx web 2                     => 4096
           expect tokyo web Primary WaitingForInitialReplication",
        chain(14393)
    ));
    // windows/win32/hyperv_v2/msvm-replicationrelationship: the state came with version 1703.
    play(&format!(
        "{}tokyo RequestReplicationStateChangeEx web 2                     => 4096
           expect tokyo web Primary RepurposeInProgress",
        chain(17763)
    ));
}

/// windows/win32/hyperv_v2/msvm-replicationrelationship: the class, and with it the index, came with
/// Windows 8.1.
#[test]
fn a_replica_on_windows_2012_has_one_relationship() {
    let index_1 = |build: u16| {
        let world = play(&format!(
            "host tokyo build={build}
             host osaka build={build}
             vm web on tokyo
             tokyo CreateReplicationRelationship web to=osaka => 4096 job1
             wait job1"
        ));
        let vm = world.vms(HostId(1)).next().expect("the replica").id;
        let id = RelationshipId::extended(vm);
        (world.relationship(HostId(1), id).is_some(), world.settings(HostId(1), id).is_some())
    };
    assert_eq!(index_1(9200), (false, false));
    assert_eq!(index_1(9600), (true, true));
}

/// virtualization/community/team-blog/2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2:
/// from Windows Server 2012 to 2012 R2.
#[test]
fn replication_goes_from_older_to_newer() {
    let said = why("
        host old build=14393
        host new build=20348
        vm web on new
        new TestReplicationConnection old            => 4096 job1
        wait job1
        expect job1 Exception 32770
        new CreateReplicationRelationship web to=old => 4096 job2
        wait job2
        expect job2 Exception 32768
        expect new web None");
    assert!(said.contains("runs an older Windows"), "{said}");
    // The same page: no new initial replication after an upgrade, whichever side comes first.
    let world = play(
        "
        host tokyo build=9200
        host osaka build=9200
        vm web on tokyo running
        tokyo CreateReplicationRelationship web to=osaka           => 4096 job1
        wait job1
        tokyo StartReplication web Network                         => 4096
        advance 1h
        upgrade tokyo 9600
        advance 10m
        expect tokyo web Primary state=Critical
        upgrade osaka 9600
        tokyo RequestReplicationStateChangeEx web 3 relationship=0 => 4096  # it has the method now
        advance 10m
        expect tokyo web Primary Replicating
        expect osaka web Replica Replicating",
    );
    assert_eq!(world.host_view(HostId(0)).unwrap().providers.len(), 1);
}
