//! Hosts as replica servers: editions, clusters, certificates, ports, folders, builds, providers.
//!
//! Each situation is a script. What is expected stands at the end of its line, and the page that
//! says so beside it or above it; pages are below <https://learn.microsoft.com>. Numbers without a
//! page are the rule book's choice among those that every page lists.

use hyperv_replica::engine::{HostSpec, Input, World};
use hyperv_replica::model::time::days;
use hyperv_replica::model::{
    Certificate, HostId, IN_BOX_PROVIDER, Operation, ServiceStatus, SimTime,
};
use hyperv_replica::script::{Runner, parse};
use std::fmt::Write;

mod builds;
mod certificates;

/// Plays a script in a world of its own; the world and the reason of the last refusal or failure.
fn play_to_the_end(text: &str) -> (World, String) {
    let script = parse(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let (mut runner, mut last) = (Runner::new(World::new(0)), String::new());
    for (number, line) in (1..).zip(&script.lines) {
        let Some(step) = runner.step(number, line) else { continue };
        assert!(step.fault.is_none(), "{number}: {line}\n{}: {:?}", step.fault.unwrap(), step.why);
        last = step.why.unwrap_or(last);
    }
    (runner.world().clone(), last)
}

fn play(text: &str) -> World {
    play_to_the_end(text).0
}

fn why(text: &str) -> String {
    play_to_the_end(text).1
}

fn status(world: &World, host: u16) -> ServiceStatus {
    world.host_view(HostId(host)).expect("the host").status
}

/// Every method of replication, and on any virtual machine the states that can be requested.
const METHODS: &str = r"
    ModifyServiceSettings
    AddAuthorizationEntry a.contoso.com
    ModifyAuthorizationEntry *
    RemoveAuthorizationEntry *
    SetAuthorizationEntry web *
    GetSystemCertificates
    TestReplicationConnection osaka
    CreateReplicationRelationship web to=osaka
    ModifyReplicationSettings web to=osaka
    RemoveReplicationRelationship web
    StartReplication web Network
    ImportInitialReplica web C:\Import
    ReverseReplicationRelationship web
    InitiateFailover web
    RevertFailover web
    CommitFailover web
    TestReplicaSystem web
    Resynchronize web
    SetFailoverNetworkAdapterSettings web
    GetReplicationStatistics web
    ResetReplicationStatistics web
    ChangeReplicationModeToPrimary web relationship=1
    InitiateFailback web to=osaka
    RequestReplicationStateChange web 1
    RequestReplicationStateChange web 2
    RequestReplicationStateChange web 3
    RequestReplicationStateChange web 4
    RequestReplicationStateChange web 7
    RequestReplicationStateChange web 9
    RequestReplicationStateChange web 15
    RequestReplicationStateChange web 5";

fn methods() -> impl Iterator<Item = &'static str> {
    METHODS.lines().map(str::trim).filter(|line| !line.is_empty())
}

/// windows-server/virtualization/hyper-v/replication-overview: “Hyper-V Replica isn't available in
/// Hyper-V in Windows client operating systems”.
#[test]
fn a_client_edition_has_no_replication() {
    let count = Operation::ALL.iter().filter(|it| it.is_replication()).count();
    assert_eq!(methods().count(), count, "every method of replication is tried");
    let mut text = "host laptop edition=Client\nhost osaka\nvm web on laptop\n".to_owned();
    for method in methods() {
        writeln!(text, "laptop {method}  => 32770").unwrap();
        writeln!(text, "laptop as=other {method}  => 32769").unwrap();
    }
    text += "
        laptop CreateReplicationRelationship web to=laptop interval=1s  => 32770  # before parameters
        laptop RequestStateChange web Enabled                           => 4096   # Hyper-V is there
        laptop StartService                                             => 1      # 0 or 1, nothing else
        vm db on osaka
        osaka CreateReplicationRelationship db to=laptop                => 4096 job1
        wait job1
        expect job1 Exception 32768
        expect laptop db absent";
    play(&text);
    let refused = why("host laptop edition=Client\nlaptop GetSystemCertificates => 32770");
    assert_eq!(
        refused,
        "the host must run a Windows Server: client editions have no Hyper-V Replica"
    );
}

/// virtualization/community/team-blog/2013/20130614-using-smb-shares-with-hyper-v-replica: the
/// settings of the broker are those of every node.
#[test]
fn a_node_of_a_cluster_takes_the_settings_of_its_broker() {
    let text = "
        host node clustered=yes
        host tokyo
        vm web on tokyo
        node AddAuthorizationEntry hv_1              => 32773  # parameters come first
        node AddAuthorizationEntry hv1.contoso.com   => 32770  # before the entry `*`, which is in its way
        node ModifyAuthorizationEntry * trust=EMEA   => 32770
        node RemoveAuthorizationEntry *              => 32770
        node ModifyServiceSettings server=off        => 32770
        node ModifyServiceSettings port=0            => 32773
        tokyo CreateReplicationRelationship web to=node => 4096 job1
        wait job1
        expect node web Replica WaitingForInitialReplication
        node SetAuthorizationEntry web *             => 0      # binds what is there";
    play(text);
}

/// virtualization/community/team-blog/2013/20130913-monitoring-hyper-v-replica-using-system-center-operations-manager:
/// a conflict on the port stops a listener; windows/win32/hyperv_v2/msvm-replicationservice: `OperationalStatus` 6.
#[test]
fn a_listener_needs_its_port() {
    let replicates = "
        host tokyo
        host osaka
        vm web on tokyo running
        tokyo CreateReplicationRelationship web to=osaka => 4096 job1
        wait job1
        tokyo StartReplication web Network => 4096
        advance 1h
        occupy osaka 443
        expect tokyo web Replicating Ok
        occupy osaka 80
        advance 1h
        expect tokyo web Replicating Warning  # a network error: tried again and again
        tokyo TestReplicationConnection osaka => 4096 job2
        wait job2
        expect job2 Exception 32777";
    assert_eq!(status(&play(replicates), 1), ServiceStatus::Error);
    let released =
        format!("{replicates}\nrelease osaka 80\nadvance 2h\nexpect osaka web Replicating");
    assert_eq!(status(&play(&released), 1), ServiceStatus::Ok);
    play("
        host tokyo occupied=80 server=off store=11 name=tokyo
        tokyo ModifyServiceSettings port=80                                         => 32768
        tokyo ModifyServiceSettings port=8080                                       => 0
        tokyo ModifyServiceSettings auth=Both certificate=11 port=443               => 32768  # each listener its own
        tokyo ModifyServiceSettings auth=Both certificate=11 port=8080              => 0
        tokyo ModifyServiceSettings auth=Certificate certificate=11 port=443        => 0      # the other does not listen
        tokyo ModifyServiceSettings server=off port=80                              => 0
        tokyo ModifyServiceSettings port=0                                          => 32773");
    let shared = "host tokyo auth=Both certificate=11 port=443 store=11 name=tokyo";
    assert_eq!(status(&play(shared), 0), ServiceStatus::Error);
}

/// virtualization/community/team-blog/2013/20130614-using-smb-shares-with-hyper-v-replica: “Unable
/// to open specified location”, 0x80070005, `AccessDenied`.
#[test]
fn an_entry_needs_a_folder_that_opens() {
    let said = why(r"
        host tokyo allow=none closed=\\files\Replica
        tokyo AddAuthorizationEntry a.contoso.com storage=\\files\replica\       => 32769
        tokyo AddAuthorizationEntry a.contoso.com storage=\\files\Replica\a      => 32769
        tokyo AddAuthorizationEntry a.contoso.com storage=\\files\Replicas       => 0
        tokyo AddAuthorizationEntry a.contoso.com storage=\\files\Replica        => 32768  # a duplicate comes first
        open tokyo \\FILES\Replica
        tokyo AddAuthorizationEntry b.contoso.com storage=\\files\Replica        => 0
        tokyo ModifyAuthorizationEntry a.contoso.com storage=\\files\Replicas trust=all => 0
        close tokyo \\files\Replicas
        tokyo ModifyAuthorizationEntry a.contoso.com storage=\\files\Replicas trust=EMEA => 0  # it stays
        close tokyo D:
        tokyo AddAuthorizationEntry c.contoso.com storage=D:\Replica             => 32779  # no such drive
        tokyo ModifyAuthorizationEntry a.contoso.com storage=D:\Replica          => 32779
        close tokyo E:\Replica
        tokyo ModifyAuthorizationEntry a.contoso.com storage=E:\Replica          => 32769");
    assert!(said.contains("0x80070005"), "{said}");
    // The folder of an entry that is there is where new replicas go.
    let said = why(r"
        host tokyo
        host osaka
        vm web on tokyo
        close osaka D:\
        tokyo CreateReplicationRelationship web to=osaka  => 4096 job1
        wait job1
        expect job1 Exception 32768
        expect osaka web absent");
    assert!(said.contains("cannot open its folder"), "{said}");
}

const PROVIDER: &str = "{33333333-3333-4333-8333-333333333333}";

/// windows/win32/hyperv_v2/createreplicationrelationship-msvm-replicationservice: with an external
/// provider, authentication, certificate and port are ignored, the rest is validated;
/// windows/win32/hyperv_v2/initiatefailback-msvm-replicationservice: 13, then 14.
#[test]
fn an_external_provider_replicates_and_fails_back() {
    let text = format!(
        "host tokyo
         host cloud server=off allow=none provider={PROVIDER} title=\"Azure Site Recovery\"
         vm web on tokyo running disk=64GiB used=1GiB
         tokyo CreateReplicationRelationship web to=cloud provider={PROVIDER}                     => 32770
         provider tokyo {PROVIDER}
         tokyo CreateReplicationRelationship web to=cloud provider={PROVIDER} interval=1s         => 32773
         tokyo CreateReplicationRelationship web to=cloud                                         => 4096 job1
         wait job1
         expect job1 Exception 32768
         tokyo CreateReplicationRelationship web to=cloud provider={PROVIDER} port=0 auth=none    => 4096 job2
         wait job2
         tokyo StartReplication web Network => 4096
         advance 1h
         expect tokyo web Replicating
         cloud InitiateFailback web to=tokyo provider={PROVIDER}                                  => 32775
         cloud InitiateFailover web => 4096 job3
         wait job3
         cloud InitiateFailback web to=tokyo provider={PROVIDER}                                  => 4096 job4
         expect job4 type=124
         expect cloud web Replica FailbackInProgress
         wait job4
         expect cloud web Replica FailbackComplete
         advance 10m
         expect tokyo web Primary state=Critical
         cloud CommitFailover web                                                                 => 32775
         cloud RemoveReplicationRelationshipEx web                                                => 4096 job5
         wait job5
         expect cloud web None state=Disabled"
    );
    let world = play(&text);
    let providers = world.host_view(HostId(1)).unwrap().providers;
    assert_eq!(providers[0].name, IN_BOX_PROVIDER);
    assert_eq!(providers[1].element_name, "Azure Site Recovery");
    play(&format!(
        "host tokyo provider={PROVIDER}
         host osaka provider={PROVIDER}
         vm web on tokyo
         tokyo CreateReplicationRelationship web to=osaka => 4096 job1
         wait job1
         tokyo StartReplication web Network => 4096 job2
         advance 1h
         osaka InitiateFailback web to=tokyo provider={PROVIDER}  => 32770  # the in-box one replicates
         tokyo ModifyReplicationSettings web to=osaka provider={PROVIDER} => 4096 job3
         wait job3
         unregister osaka {PROVIDER}
         advance 10m
         expect tokyo web state=Critical
         osaka InitiateFailback web to=tokyo provider={PROVIDER}  => 32770  # it is gone
         provider osaka {PROVIDER}
         tokyo RequestReplicationStateChangeEx web Replicating => 4096
         advance 10m
         expect tokyo web Replicating"
    ));
}

/// windows/win32/hyperv_v2/msvm-replicationsettingdata: 18:30 to 06:00 is local time.
#[test]
fn the_window_of_resynchronisation_is_local_time() {
    // Time begins at midnight, UTC.
    for (offset, opens) in [("0s", "18h30m"), ("9h", "9h30m"), ("-2h", "20h30m"), ("5h30m", "13h")]
    {
        let minutes =
            |text: &str| hyperv_replica::model::time::parse_duration(text).unwrap().as_secs() / 60;
        let before = minutes(opens) - 8 * 60 - 50 - 1;
        play(&format!(
            "host tokyo utc_offset={offset}
             host osaka
             vm web on tokyo running disk=1GiB used=1GiB
             tokyo CreateReplicationRelationship web to=osaka => 4096
             advance 10s
             tokyo StartReplication web Network => 4096
             advance 8h
             crash tokyo
             boot tokyo
             advance 50m
             advance {before}m
             expect tokyo web WaitingForResynchronization
             advance 2m
             expect tokyo web Replicating"
        ));
    }
}

/// windows/win32/hyperv_v2/msvm-replicationservicesettingdata: windows start at 09:00 local time
/// unless the host says otherwise; a host eight hours ahead of UTC has 01:00 UTC.
#[test]
fn monitoring_windows_start_at_nine_local_time() {
    for (offset, settings, at) in [
        ("0s", "", "9h"),
        ("8h", "", "1h"),
        ("-5h", "", "2h"), // 14:00 UTC, and twelve hours before
        ("8h", "monitoring_start=9h", "9h"),
    ] {
        play(&format!(
            "host tokyo utc_offset={offset} {settings}
             host osaka
             vm web on tokyo
             tokyo CreateReplicationRelationship web to=osaka => 4096
             advance {at}
             expect tokyo event 29174 web
             expect tokyo web window_start=@{at}"
        ));
    }
}

/// windows/win32/hyperv_v2/removeauthorizationentry-msvm-replicationservice: replication that rests
/// on the entry stops. No page makes entries and settings depend on each other.
#[test]
fn settings_and_entries_are_independent() {
    play(
        "
        host tokyo
        host osaka server=off allow=none
        vm web on tokyo
        osaka AddAuthorizationEntry tokyo                    => 0
        osaka ModifyServiceSettings                          => 0
        tokyo CreateReplicationRelationship web to=osaka     => 4096 job1
        wait job1
        tokyo StartReplication web Network                   => 4096
        advance 1h
        osaka ModifyServiceSettings server=off               => 0      # with a replica on it
        advance 1h
        expect tokyo web Replicating Warning
        osaka ModifyServiceSettings                          => 0
        osaka RemoveAuthorizationEntry TOKYO                 => 0
        advance 2h
        expect tokyo web state=Critical
        expect osaka web Replicating",
    );
}

/// What an administrator cannot change is rejected, and nothing happens.
#[test]
fn impossible_changes_are_rejected() {
    let text = format!(
        r"host tokyo store=11 name=tokyo occupied=80 closed=D:\Replica
        certificate tokyo 11                       => rejected
        upgrade tokyo 20348                        => rejected
        upgrade tokyo 17763                        => rejected
        discard tokyo 12                           => rejected
        occupy tokyo 80                            => rejected
        occupy tokyo 0                             => rejected
        release tokyo 443                          => rejected
        close tokyo d:\replica\                    => rejected
        close tokyo \                              => rejected
        open tokyo D:\                             => rejected
        provider tokyo {{{IN_BOX_PROVIDER}}}       => rejected
        unregister tokyo {{{IN_BOX_PROVIDER}}}     => rejected
        unregister tokyo {PROVIDER}                => rejected
        host osaka utc_offset=15h                  => rejected
        host osaka occupied=80 occupied=80         => rejected
        host osaka store=1 store=1                 => rejected
        occupy @5 80                               => rejected
        crash tokyo
        discard tokyo 11                           => rejected"
    );
    play(&text);
}

/// A world with everything a host can have is written down and read back.
#[test]
fn hosts_survive_serialisation() {
    let spec = HostSpec {
        certificates: vec![Certificate {
            valid_until: SimTime::ZERO + days(1),
            ..Certificate::of("tokyo", "AB")
        }],
        utc_offset_min: -210,
        closed_folders: vec![r"D:\".to_owned()],
        ..HostSpec::trusting("tokyo")
    };
    let input = Input::AddHost(spec);
    let text = serde_json::to_string(&input).unwrap();
    assert_eq!(serde_json::from_str::<Input>(&text).unwrap(), input);
}

/// Access, existence, parameters, support, role and state, environment: each line mends one thing.
#[test]
fn errors_have_an_order() {
    play(
        r"
        host node clustered=yes closed=D: allow=none
        host tokyo closed=D: closed=E:\Replica allow=a.contoso.com
        node as=other AddAuthorizationEntry a_b storage=D:\      => 32769
        node AddAuthorizationEntry a_b storage=D:\               => 32773
        node AddAuthorizationEntry b.contoso.com storage=D:\     => 32770
        tokyo AddAuthorizationEntry * storage=D:\                => 32775
        tokyo AddAuthorizationEntry a.contoso.com storage=D:\    => 32768
        tokyo AddAuthorizationEntry b.contoso.com storage=D:\    => 32779
        tokyo AddAuthorizationEntry b.contoso.com storage=E:\Replica => 32769
        tokyo AddAuthorizationEntry b.contoso.com storage=E:\    => 0
        occupy tokyo 8443
        node ModifyServiceSettings auth=Certificate https_port=8443                          => 32773
        node ModifyServiceSettings auth=Certificate https_port=8443 certificate=11           => 32770
        tokyo ModifyServiceSettings auth=Certificate https_port=8443 certificate=11          => 32768
        certificate tokyo 11 name=tokyo
        tokyo ModifyServiceSettings auth=Certificate https_port=8443 certificate=11          => 32768
        release tokyo 8443
        tokyo ModifyServiceSettings auth=Certificate https_port=8443 certificate=11          => 0",
    );
}
