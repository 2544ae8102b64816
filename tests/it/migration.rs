//! Virtual machines that are moved to other hosts: replication follows them.
//!
//! Each situation is a script. What is expected stands at the end of its line, and the page that
//! says so beside it or above it; pages are below
//! <https://learn.microsoft.com/virtualization/community/team-blog>. Builds with debug assertions
//! check the engine's books after every line, and every line is judged by every invariant.

use crate::arbitrary::{Step, config, step};
use hyperv_replica::engine::{Disturbance, Input, Rejection, Reply, World};
use hyperv_replica::model::{HostId, Leg, RelationshipId, VmId};
use hyperv_replica::oracle::Watcher;
use hyperv_replica::script::{Runner, Verb, id_of_name, parse};
use hyperv_replica::testkit::beginning::Beginning;
use hyperv_replica::testkit::liveness::recover;
use hyperv_replica::testkit::strategies::picks;
use hyperv_replica::testkit::walk::Walk;
use proptest::prelude::*;

/// Plays a script in a world of its own.
fn play(text: &str) -> World {
    let script = parse(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let mut runner = Runner::observed(World::new(0));
    for (number, line) in (1..).zip(&script.lines) {
        let Some(step) = runner.step(number, line) else { continue };
        assert!(step.fault.is_none(), "{number}: {line}\n{}: {:?}", step.fault.unwrap(), step.why);
        assert_eq!(runner.world().check(), Ok(()), "{number}: {line}");
    }
    runner.world().clone()
}

fn web() -> VmId {
    VmId(id_of_name("web").0)
}

/// `web` replicates from tokyo to osaka; kyoto and nara are there, too.
fn replicating(hosts: &str) -> String {
    format!(
        "{hosts}
        vm web on tokyo running write=64KiB/s disk=16000000000 used=4000000000
        tokyo CreateReplicationRelationship web to=osaka history=3 auto_resync=no => 4096 job1
        wait job1
        tokyo StartReplication web Network => 4096
        advance 2h
        expect tokyo web Primary Replicating Ok
        expect osaka web Replica Replicating Ok points=2
        "
    )
}

const FOUR: &str = "host tokyo\nhost osaka\nhost kyoto\nhost nara";

/// Why a virtual machine is not moved, in the world where a script ends.
fn refused(text: &str, vm: VmId, hosts: [u16; 2]) -> Rejection {
    let mut world = play(text);
    let [from, to] = hosts.map(HostId);
    let (before, mut events) = (world.clone(), Vec::new());
    let reply = world.apply(&Input::Disturb(Disturbance::MigrateVm(from, vm, to)), &mut events);
    assert_eq!(world, before, "{text}");
    assert!(events.is_empty(), "{text}");
    match reply {
        Reply::Rejected(rejection) => rejection,
        other => panic!("{other:?} after {text}"),
    }
}

const TOKYO_TO_KYOTO: [u16; 2] = [0, 2];
const OSAKA_TO_KYOTO: [u16; 2] = [1, 2];

#[test]
fn where_it_cannot_go() {
    let on = |more: &str| replicating(FOUR) + more;
    let (web, other) = (web(), VmId(id_of_name("db").0));
    let rows = [
        (on(""), web, [0, 0], Rejection::SameHost),
        (on(""), web, [0, 9], Rejection::UnknownHost(HostId(9))),
        (on(""), other, TOKYO_TO_KYOTO, Rejection::UnknownVm(other)),
        (on("crash tokyo"), web, TOKYO_TO_KYOTO, Rejection::HostIsDown),
        (on("crash kyoto"), web, TOKYO_TO_KYOTO, Rejection::HostIsDown),
        // A replica has its primary's GUID.
        (on(""), web, [0, 1], Rejection::DuplicateVm(web)),
        (on("delete osaka web"), web, [0, 1], Rejection::SendsThere(web)),
        (on("cut tokyo kyoto"), web, TOKYO_TO_KYOTO, Rejection::HostsApart),
        (on("mute kyoto tokyo"), web, TOKYO_TO_KYOTO, Rejection::HostsApart),
        (on("trouble kyoto ServiceHangs"), web, TOKYO_TO_KYOTO, Rejection::HostsApart),
        (on("trouble kyoto StorageFull"), web, TOKYO_TO_KYOTO, Rejection::NoRoom),
        (on("trouble tokyo MemoryLow"), web, TOKYO_TO_KYOTO, Rejection::NoRoom),
        (on("trouble tokyo DiskMissing web"), web, TOKYO_TO_KYOTO, Rejection::DiskIsMissing(web)),
        // Live migration is for Windows Server: /virtualization/hyper-v-on-windows/about/.
        (on("host laptop edition=Client"), web, [0, 4], Rejection::ClientEdition),
        (on("host old build=17763"), web, [0, 4], Rejection::OlderWindows),
        (on("upgrade kyoto 26100\nmigrate tokyo web kyoto"), web, [2, 3], Rejection::OlderWindows),
    ];
    for (text, vm, hosts, expected) in rows {
        assert_eq!(refused(&text, vm, hosts), expected, "{text}");
    }
}

/// That a virtual machine is locked (32774) by what goes on with it nobody has said of moves; of
/// back-ups of a replica it is documented, and moves are named among what keeps those off:
/// /2014/20140424-backup-of-a-replica-vm.
#[test]
fn what_is_busy_stays_where_it_is() {
    let web = web();
    let primary = [
        "trouble tokyo BackupRuns web",
        "tokyo RequestReplicationStateChangeEx web Suspended => 4096",
        "tokyo ModifyReplicationSettings web to=osaka history=1 => 4096",
        "tokyo RequestStateChange web Disabled => 4096",
        "tokyo RequestReplicationStateChangeEx web Suspended => 4096 job2\nwait job2\n\
         tokyo Resynchronize web => 4096",
        // Prepared for a planned failover.
        "tokyo RequestStateChange web Disabled => 4096 job2\nwait job2\n\
         tokyo RequestReplicationStateChangeEx web Synced => 4096 job3\nwait job3\n\
         expect tokyo web Synced",
    ];
    for more in primary {
        let text = replicating(FOUR) + more;
        assert_eq!(refused(&text, web, TOKYO_TO_KYOTO), Rejection::VmIsBusy(web), "{more}");
    }
    let replica = [
        "trouble osaka BackupRuns web",
        "osaka InitiateFailover web => 4096",
        "osaka InitiateFailover web => 4096 job2\nwait job2\nexpect osaka web Recovered",
        "osaka InitiateFailover web => 4096 job2\nwait job2\nosaka CommitFailover web => 4096 job3\n\
         wait job3\nexpect osaka web Committed",
        "osaka TestReplicaSystem web => 4096",
        // The failover that its primary is prepared for.
        "tokyo RequestStateChange web Disabled => 4096 job2\nwait job2\n\
         tokyo RequestReplicationStateChangeEx web Synced => 4096 job3\nwait job3\n\
         expect osaka web Replicating",
        "tokyo RequestReplicationStateChangeEx web Suspended => 4096 job2\nwait job2\n\
         tokyo Resynchronize web => 4096\nadvance 3s\nexpect osaka web Resynchronizing",
    ];
    for more in replica {
        let text = replicating(FOUR) + more;
        assert_eq!(refused(&text, web, OSAKA_TO_KYOTO), Rejection::VmIsBusy(web), "{more}");
    }
    // Initial replication is on its way.
    let begun = "host tokyo\nhost osaka\nhost kyoto\nvm web on tokyo running\n\
        tokyo CreateReplicationRelationship web to=osaka => 4096 job1\nwait job1\n\
        tokyo StartReplication web Network => 4096 job2\nwait job2\n";
    for hosts in [TOKYO_TO_KYOTO, OSAKA_TO_KYOTO] {
        assert_eq!(refused(begun, web, hosts), Rejection::VmIsBusy(web));
    }
}

/// “When the VM migrates from one node to another, the replication statistics are preserved and
/// used in the new node”: /2012/20120621-interpreting-replication-health-part-2. Recovery points
/// survive: /2014/20140127-improvements-in-recovery-history.
#[test]
fn statistics_health_and_points_go_along() {
    let before = play(&replicating(FOUR));
    let after = play(
        &(replicating(FOUR)
            + "migrate tokyo web kyoto
               expect tokyo web absent
               expect kyoto web Primary Replicating Ok running
               migrate osaka web nara
               expect osaka web absent
               expect nara web Replica Replicating Ok off points=2"),
    );
    let id = RelationshipId::primary(web());
    for (old, new) in [(0, 2), (1, 3)].map(|(old, new)| (HostId(old), HostId(new))) {
        let seen = |world: &World, host| {
            (
                world.relationship(host, id),
                world.statistics(host, web(), Leg::Primary),
                world.recovery_points(host, web()),
                world.adapters(host, web()),
                world.vm(host, web()),
            )
        };
        assert_eq!(seen(&before, old), seen(&after, new));
    }
    // It was never down, nothing is lost, and nobody has two copies of it more.
    assert_eq!(before.service_account(web()), after.service_account(web()));
    assert_eq!(after.copies(web()).len(), 2);
}

/// With an entry for any server, replication goes on, and both ends know the new host:
/// “Current Primary Server provides the FQDN of the server on which the primary VM resides”.
#[test]
fn a_primary_that_moves_goes_on_in_its_cycle() {
    let world = play(
        &(replicating(FOUR)
            + "expect tokyo web successes=24 misses=0
               migrate tokyo web kyoto
               expect kyoto web Replicating successes=24 misses=0
               advance 5m
               expect kyoto web Primary Replicating Ok running successes=25 misses=0
               expect osaka web Replica Replicating Ok
               migrate kyoto web nara
               migrate nara web tokyo
               advance 1h
               expect tokyo web Primary Replicating Ok running successes=37 misses=0 lost=0
               expect osaka web Replica Replicating Ok points=3"),
    );
    for host in [HostId(0), HostId(1)] {
        let settings = world.settings(host, RelationshipId::primary(web())).unwrap();
        assert_eq!(settings.primary_host, "tokyo");
        assert_eq!(settings.primary_connection_point, "tokyo");
    }
}

/// A log on its way when its primary moves was not received: it is sent again from the new host,
/// and it is one log. On the slow line it takes 75 s for what is written in five minutes.
#[test]
fn a_log_on_its_way_goes_again() {
    play(
        &(replicating(FOUR)
            + "slow tokyo osaka 256KiB/s
               advance 1m
               expect tokyo web successes=24
               migrate tokyo web kyoto
               advance 2m
               expect kyoto web Primary Replicating Ok successes=25 misses=0 pending=7680KiB
               expect osaka web Replica Replicating Ok lacks=7680KiB"),
    );
}

/// tokyo and kyoto are of one trust group on osaka, nara is of another.
const GROUPS: &str = "host tokyo
    host osaka allow=tokyo storage=D:\\East trust=east allow=kyoto storage=D:\\East trust=east \
    allow=nara storage=D:\\West trust=west
    host kyoto
    host nara
    host oslo";

/// “For the Replica server to allow replication traffic for a Replica virtual machine from a set of
/// primary servers, those should be grouped into the same trust zone”:
/// /2012/20120409-configure-your-replica-server-to-receive-replication-traffic-from-specific-primary-server-s.
/// What is not authorised is no failure that passes: the state is 8 until somebody resumes
/// (/azure/site-recovery/hyper-v-azure-architecture).
#[test]
fn a_primary_moves_within_its_trust_group() {
    play(
        &(replicating(GROUPS)
            + "migrate tokyo web kyoto
               advance 10m
               expect kyoto web Primary Replicating Ok misses=0
               expect osaka web Replica Replicating Ok
               migrate kyoto web tokyo
               advance 10m
               expect tokyo web Primary Replicating Ok misses=0"),
    );
    // Another group, and no entry at all; back again it goes on where it was.
    for host in ["nara", "oslo"] {
        play(
            &(replicating(GROUPS)
                + &format!(
                    "migrate tokyo web {host}
                     advance 10m
                     expect {host} web Primary state=Critical health=Critical running
                     expect {host} event 32022 web says=\"does not authorise\" hresult=0x80070005
                     expect {host} event 32086 web
                     {host} RequestReplicationStateChangeEx web Replicating => 4096 job2
                     advance 10m
                     expect {host} web Primary state=Critical
                     migrate {host} web tokyo
                     tokyo RequestReplicationStateChangeEx web Replicating => 4096 job3
                     advance 10m
                     expect tokyo web Primary Replicating running
                     expect osaka web Replica Replicating Ok lost=0"
                )),
        );
    }
    // Or an entry of the group lets it in.
    play(
        &(replicating(GROUPS)
            + "migrate tokyo web nara
               advance 10m
               osaka ModifyAuthorizationEntry nara storage=D:\\West trust=east => 0
               nara RequestReplicationStateChangeEx web Replicating => 4096
               advance 10m
               expect nara web Primary Replicating running
               expect osaka web Replica Replicating Ok"),
    );
}

/// The group is that of the entry which is bound to the replica, if one is:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/setauthorizationentry-msvm-replicationservice>.
#[test]
fn a_binding_counts_for_more_than_where_it_was() {
    play(
        &(replicating(GROUPS)
            + "osaka SetAuthorizationEntry web nara trust=west => 0
               migrate tokyo web nara
               advance 10m
               expect nara web Primary Replicating Ok
               migrate nara web kyoto
               advance 10m
               expect kyoto web Primary state=Critical"),
    );
}

/// Where any server may send, a copy that has moved goes on, and one that was left behind does not:
/// after a reversal between osaka and kyoto the replica on osaka is not tokyo's any more.
#[test]
fn any_server_is_not_any_copy() {
    play(
        &(replicating(FOUR)
            + "tokyo RequestReplicationStateChangeEx web Suspended => 4096
               osaka CreateReplicationRelationship web to=kyoto => 4096 job2
               wait job2
               osaka StartReplication web Network => 4096
               advance 1h
               osaka InitiateFailover web => 4096 job3
               wait job3
               osaka CommitFailover web => 4096 job4
               wait job4
               osaka ChangeReplicationModeToPrimary web relationship=1 => 4096 job5
               wait job5
               advance 1h
               expect osaka web Primary Replicating
               expect kyoto web Replica Replicating
               osaka RequestReplicationStateChangeEx web Synced => 4096 job6
               wait job6
               kyoto InitiateFailover web => 4096 job7
               wait job7
               kyoto ReverseReplicationRelationship web => 4096 job8
               wait job8
               expect kyoto web Primary Replicating
               expect osaka web Replica Replicating
               tokyo RequestReplicationStateChangeEx web Replicating => 4096
               advance 1h
               expect tokyo web Primary state=Critical
               expect kyoto web Primary Replicating Ok
               migrate kyoto web nara
               advance 10m
               expect nara web Primary Replicating Ok"),
    );
}

/// The broker redirects a primary: “the replication is re-established with no manual intervention”,
/// after it has failed to find the replica where it was:
/// /2012/20120327-why-is-the-hyper-v-replica-broker-required, /2013/20131010-replica-clusters-behind-a-nat.
#[test]
fn a_replica_that_moves_in_its_cluster_is_found() {
    let nodes = "host tokyo\nhost osaka clustered=yes\nhost kyoto clustered=yes\nhost nara";
    let world = play(
        &(replicating(nodes)
            + "migrate osaka web kyoto
               advance 11m
               expect tokyo web Primary Replicating Ok misses=1 replication_failures=1
               expect kyoto web Replica Replicating Ok points=3
               # What an administrator asks for asks the broker, too.
               migrate kyoto web osaka
               tokyo RequestReplicationStateChangeEx web Suspended => 4096 job2
               wait job2
               tokyo Resynchronize web => 4096 job3
               wait job3
               expect job3 Completed
               expect osaka web Replica Replicating points=0
               migrate osaka web kyoto
               crash osaka
               advance 15m
               expect tokyo web Primary Replicating
               expect kyoto web Replica Replicating"),
    );
    let id = RelationshipId::primary(web());
    for host in [HostId(0), HostId(2)] {
        let settings = world.settings(host, id).unwrap();
        assert_eq!(settings.recovery_host, "kyoto");
        assert_eq!(settings.recovery_connection_point, "osaka", "it stays as somebody named it");
    }
    assert_eq!(world.sends_to(HostId(0), id), Some(HostId(2)));
}

/// A server that is no node has no broker to ask: not finding the virtual machine there is no failure
/// that passes (/azure/site-recovery/hyper-v-azure-architecture). The cmdlet can name another server
/// (/powershell/module/hyper-v/set-vmreplication).
#[test]
fn a_replica_that_moves_alone_has_to_be_named() {
    let moved = replicating(FOUR)
        + "migrate osaka web kyoto
           advance 10m
           expect tokyo web Primary state=Critical
           expect kyoto web Replica Replicating points=2
           ";
    let world = play(
        &(moved.clone()
            + "tokyo ModifyReplicationSettings web to=nara history=3 auto_resync=no => 4096 job2
               wait job2
               expect job2 Exception 32768
               tokyo ModifyReplicationSettings web to=tokyo history=3 auto_resync=no => 32773
               tokyo ModifyReplicationSettings web to=hakata history=3 auto_resync=no => 4096 job3
               wait job3
               expect job3 Exception 32768
               crash osaka
               tokyo ModifyReplicationSettings web to=kyoto history=3 auto_resync=no => 4096 job4
               wait job4
               expect job4 Completed
               tokyo RequestReplicationStateChangeEx web Replicating => 4096 job5
               advance 10m
               expect tokyo web Primary Replicating
               expect kyoto web Replica Replicating Ok points=3"),
    );
    for host in [HostId(0), HostId(2)] {
        let settings = world.settings(host, RelationshipId::primary(web())).unwrap();
        assert_eq!(settings.recovery_host, "kyoto");
        assert_eq!(settings.recovery_connection_point, "kyoto");
    }
    // Or it moves back.
    play(
        &(moved
            + "migrate kyoto web osaka
               tokyo RequestReplicationStateChangeEx web Replicating => 4096 job2
               advance 10m
               expect tokyo web Primary Replicating
               expect osaka web Replica Replicating Ok"),
    );
}

/// A planned failover after both have moved: what each knows of the other is what it takes.
#[test]
fn both_move_and_fail_over() {
    play(
        &(replicating("host tokyo\nhost osaka clustered=yes\nhost kyoto clustered=yes\nhost nara")
            + "migrate tokyo web nara
               migrate osaka web kyoto
               nara RequestStateChange web Disabled => 4096 job2
               wait job2
               nara RequestReplicationStateChangeEx web Synced => 4096 job3
               wait job3
               expect job3 Completed
               kyoto InitiateFailover web => 4096 job4
               wait job4
               kyoto ReverseReplicationRelationship web => 4096 job5
               wait job5
               expect kyoto web Primary Replicating
               expect nara web Replica Replicating lost=0
               kyoto RequestStateChange web Enabled => 4096
               advance 1h
               expect kyoto web Primary Replicating Ok running
               expect nara web Replica Replicating Ok split_brain=no"),
    );
}

/// The middle of a chain moves, and then its end: each of both is one relationship as any other.
#[test]
fn a_chain_moves() {
    let chain = |hosts: &str| {
        replicating(hosts)
            + "osaka CreateReplicationRelationship web to=nara => 4096 job2
               wait job2
               osaka StartReplication web Network => 4096
               advance 1h
               expect osaka web Replicating Ok relationship=1
               expect nara web ExtendedReplica Replicating Ok
               "
    };
    play(
        &(chain(FOUR)
            + "migrate osaka web kyoto
               advance 20m
               expect tokyo web Primary state=Critical
               # What it sends on, it sends from its new host.
               expect kyoto web Replica Replicating relationship=1
               expect nara web ExtendedReplica Replicating Ok
               tokyo ModifyReplicationSettings web to=kyoto history=3 auto_resync=no => 4096 job3
               wait job3
               expect job3 Completed
               tokyo RequestReplicationStateChangeEx web Replicating => 4096
               advance 20m
               expect tokyo web Primary Replicating
               migrate nara web osaka
               advance 20m
               expect kyoto web Replica state=Critical relationship=1
               kyoto ModifyReplicationSettings web to=osaka => 4096 job4
               wait job4
               expect job4 Completed
               kyoto RequestReplicationStateChangeEx web Replicating relationship=1 => 4096
               advance 20m
               expect kyoto web Replica Replicating relationship=1
               expect osaka web ExtendedReplica Replicating Ok"),
    );
    play(
        &(chain("host tokyo\nhost osaka clustered=yes\nhost kyoto clustered=yes\nhost nara")
            + "migrate osaka web kyoto
               advance 20m
               expect tokyo web Primary Replicating Ok
               expect kyoto web Replica Replicating Ok
               expect kyoto web Replicating Ok relationship=1
               expect nara web ExtendedReplica Replicating Ok"),
    );
}

/// What became the primary of its extended replica on the host to which it had moved is known there,
/// and moves on from there.
#[test]
fn who_takes_over_is_known_where_it_is() {
    play(
        &(replicating(FOUR)
            + "osaka CreateReplicationRelationship web to=nara => 4096 job2
               wait job2
               osaka StartReplication web Network => 4096
               advance 1h
               migrate osaka web kyoto
               kyoto InitiateFailover web => 4096 job3
               wait job3
               kyoto CommitFailover web => 4096 job4
               wait job4
               kyoto ChangeReplicationModeToPrimary web relationship=1 => 4096 job5
               wait job5
               expect job5 Completed
               migrate kyoto web osaka
               advance 20m
               expect osaka web Primary Replicating Ok
               expect nara web Replica Replicating Ok"),
    );
}

/// “If these move to different nodes, the association between the replica VM and test-replica VM is
/// broken. The user can do another TFO and this will lead to two test failover VMs for one replica
/// VM”: /2012/20120725-types-of-failover-operations-in-hyper-v-replica-part-i-test-failover.
#[test]
fn a_test_replica_left_behind_is_nobodys() {
    let tested = replicating(FOUR)
        + "osaka TestReplicaSystem web => 4096 job2
           wait job2
           expect osaka web test_replica=yes
           osaka TestReplicaSystem web => 32775
           osaka RequestStateChange \"web - Test\" Enabled => 4096 job3
           wait job3
           ";
    for more in [
        "migrate osaka web kyoto
         expect osaka \"web - Test\" TestReplica running
         expect kyoto web Replica test_replica=no
         kyoto TestReplicaSystem web => 4096 job4
         wait job4
         expect kyoto web test_replica=yes
         # Together again they do not know each other; who made them cleans up.
         migrate kyoto web osaka
         expect osaka web Replica test_replica=no
         osaka RequestStateChange \"web - Test\" Disabled => 4096 job5
         wait job5
         osaka DestroySystem \"web - Test\" => 4096
         kyoto DestroySystem \"web - Test\" => 4096",
        "migrate osaka \"web - Test\" kyoto
         expect kyoto \"web - Test\" TestReplica running
         expect osaka web Replica Replicating test_replica=no
         osaka TestReplicaSystem web => 4096 job4
         wait job4
         expect osaka web test_replica=yes
         kyoto RequestStateChange \"web - Test\" Disabled => 4096 job5
         wait job5
         kyoto DestroySystem \"web - Test\" => 4096 job6
         wait job6
         expect osaka web test_replica=yes
         osaka DestroySystem \"web - Test\" => 4096",
    ] {
        play(&(tested.clone() + more));
    }
}

/// Storage migration is named beside live migration: recovery points live through both
/// (/2014/20140127-improvements-in-recovery-history), and a replica that is migrated is not backed up
/// (/2014/20140424-backup-of-a-replica-vm). That it holds the virtual machine as a back-up does is
/// concluded.
#[test]
fn storage_moves_and_everything_stays() {
    play(
        &(replicating(FOUR)
            + "trouble tokyo StorageMoves web
               tokyo RequestReplicationStateChangeEx web Suspended => 32774
               trouble osaka StorageMoves web
               trouble osaka BackupRuns web => rejected
               migrate osaka web kyoto => rejected
               osaka InitiateFailover web => 32774
               advance 10m
               expect tokyo web Primary Replicating Ok successes=26 misses=0
               expect osaka web Replica Replicating points=2
               relieve osaka StorageMoves web
               relieve tokyo StorageMoves web
               advance 1s
               expect osaka web Replica Replicating Ok points=2
               osaka InitiateFailover web => 4096 job2
               wait job2
               expect job2 Completed
               trouble osaka StorageMoves web => rejected"),
    );
}

/// What waits for a time waits on the new host: a resynchronisation for its window, which is in the
/// local time of the host that sends (/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica),
/// and settings for the guest that takes them (/2012/20120528-inject-ip-address-into-the-vm-during-failover).
#[test]
fn what_is_due_is_due_there() {
    play(
        "host tokyo utc_offset=9h
         host osaka
         host london
         vm web on tokyo running write=64KiB/s disk=16000000000 used=4000000000
         tokyo CreateReplicationRelationship web to=osaka auto_resync_start=2h auto_resync_end=3h => 4096 job1
         wait job1
         tokyo StartReplication web Network => 4096
         advance 1h
         corrupt_log tokyo web
         expect tokyo web WaitingForResynchronization
         # 01:00 in London, the window opens in an hour; in Tokyo it is 10:00.
         migrate tokyo web london
         advance 50m
         expect london web WaitingForResynchronization
         advance 1h
         expect london web Primary Replicating
         expect osaka web Replica Replicating",
    );
    play(
        &(replicating(FOUR)
            + "osaka SetFailoverNetworkAdapterSettings web adapter=0 address=10.0.0.7 subnet=255.0.0.0 => 0
               osaka TestReplicaSystem web => 4096 job2
               wait job2
               osaka RequestStateChange \"web - Test\" Enabled => 4096 job3
               wait job3
               advance 5s
               migrate osaka \"web - Test\" kyoto
               advance 6s
               expect kyoto \"web - Test\" address=10.0.0.7
               migrate kyoto \"web - Test\" nara
               expect nara \"web - Test\" address=10.0.0.7"),
    );
}

/// A binding is to an entry of the host; where there is none of the name, none is.
#[test]
fn a_binding_goes_along_if_it_can() {
    play(
        "host tokyo
         host kyoto
         host osaka clustered=yes allow=tokyo storage=D:\\A trust=a allow=kyoto storage=D:\\B trust=b
         host nara clustered=yes allow=tokyo storage=D:\\A trust=a allow=kyoto storage=D:\\B trust=b
         host oslo clustered=yes allow=kyoto storage=D:\\A trust=b allow=tokyo storage=D:\\A trust=a
         vm web on tokyo running write=64KiB/s disk=16000000000 used=4000000000
         tokyo CreateReplicationRelationship web to=osaka => 4096 job1
         wait job1
         tokyo StartReplication web Network => 4096
         advance 1h
         osaka SetAuthorizationEntry web kyoto trust=b => 0
         migrate osaka web nara
         migrate tokyo web kyoto
         advance 20m
         # It is bound to kyoto's group on nara, too.
         expect kyoto web Primary Replicating
         migrate nara web oslo
         advance 20m
         expect kyoto web Primary Replicating
         expect oslo web Replica Replicating Ok",
    );
}

/// Three nodes of a cluster and a host; servers of two trust groups; four that trust each other.
/// `web` replicates, on to a third host in the last.
fn mobile() -> impl Strategy<Value = Beginning> {
    let cluster = "host tokyo\nhost osaka clustered=yes\nhost kyoto clustered=yes\n\
        host nara clustered=yes";
    let chain = "osaka CreateReplicationRelationship web to=nara history=2 => 4096 job2\nwait job2\n\
        osaka StartReplication web Network => 4096\nadvance 1h";
    let all = [cluster.to_owned(), GROUPS.to_owned(), FOUR.to_owned()].map(|it| replicating(&it));
    let chains = [cluster, FOUR].map(|it| replicating(it) + chain);
    let texts = all.into_iter().chain(chains).map(|text| {
        Beginning::script(&parse(&text).expect("a script")).expect("a script that runs")
    });
    prop::sample::select(texts.collect::<Vec<_>>())
}

/// Much happens, and every third thing is a move.
fn walks() -> impl Strategy<Value = Walk> {
    let moves = picks().prop_map(|pick| Step::Disturb(Verb::Migrate, pick));
    let steps = prop::collection::vec(prop_oneof![2 => step(), 1 => moves], 1..50);
    (mobile(), steps).prop_map(|(beginning, steps)| Walk { beginning, steps })
}

proptest! {
    #![proptest_config(config(60))]

    /// Wherever virtual machines go, every invariant holds, and everything comes to rest again.
    #[test]
    fn whoever_moves_comes_to_rest(walk in walks()) {
        let mut world = walk.beginning.world();
        let mut watcher = Watcher::new(&world);
        for step in walk.steps {
            let Some(input) = step.resolve(&world) else { continue };
            let judged = watcher.apply(&mut world, &input, &mut Vec::new());
            prop_assert!(judged.is_ok(), "{}", judged.unwrap_err());
        }
        let recovery = recover(&world);
        let stuck: Vec<_> = recovery.stuck.iter().map(ToString::to_string).collect();
        prop_assert!(stuck.is_empty(), "{}", stuck.join("; "));
    }
}
