//! The shell over a world: forks, watches, traces, waiting, and who may call.

use hyperv_replica::engine::{
    Caller, Change, Disturbance, Event, HostChange, HostSpec, HostTrouble, Rejection, Reply, World,
};
use hyperv_replica::error::Error;
use hyperv_replica::model::{Guid, JobId, Operation, PointId, RecoveryPointKind, ServiceSettings};
use hyperv_replica::prelude::*;
use hyperv_replica::service::Patience;
use hyperv_replica::sim::Lab;

fn replicating(history: u16) -> (Lab, VmId) {
    let lab = Lab::new(["tokyo", "osaka"]);
    let tokyo = lab.host("tokyo");
    let vm = lab.vm("web").on("tokyo").running().create();
    let settings = Settings { recovery_history: history, ..Settings::to("osaka") };
    tokyo.wait(tokyo.create_replication_relationship(vm, settings).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    let id = RelationshipId::primary(vm);
    let host = lab.host("osaka").id();
    let replicates = |world: &World| {
        world.relationship(host, id).is_some_and(|it| it.state == ReplicationState::Replicating)
    };
    assert!(lab.run_until(hours(1), replicates));
    (lab, vm)
}

#[test]
fn a_fork_goes_its_own_way() {
    let (lab, vm) = replicating(0);
    let fork = lab.fork();
    fork.host("tokyo").suspend_replication(RelationshipId::primary(vm)).unwrap().job().unwrap();
    fork.advance(hours(1));
    let state =
        |lab: &Lab| lab.host("tokyo").relationship(RelationshipId::primary(vm)).unwrap().state;
    assert_eq!(state(&lab), ReplicationState::Replicating);
    assert_eq!(state(&fork), ReplicationState::Suspended);
    assert!(fork.now() > lab.now());
}

/// Events that nobody sees are not kept, and that is all: hosts log what they would have logged.
#[test]
fn who_watches_changes_nothing() {
    let [(seen, _), (unseen, _)] = [replicating(3), replicating(3)];
    let watch = seen.watch();
    let hosts = ["tokyo", "osaka"].map(|name| seen.host(name).id());
    for lab in [&seen, &unseen] {
        lab.advance(hours(1));
        lab.disturb(Disturbance::CutLink(hosts[0], hosts[1]));
        lab.advance(hours(3));
    }
    let failed = |it: &Event| matches!(it.change, Change::SendFailed { .. });
    assert!(watch.take().iter().any(failed));
    assert!(unseen.read(|world| world.event_log(hosts[0]).count() > 0));
    assert_eq!(seen.world(), unseen.world());
}

/// What a host found out about another holds no longer than it is so: a log that follows others
/// does not go through a door that has closed since.
#[test]
fn a_door_that_closes_is_noticed_by_the_next_log() {
    let closings: [fn(&Lab); 6] = [
        |lab| {
            let osaka = lab.host("osaka");
            let settings = osaka.service_settings().unwrap();
            let closed = ServiceSettings { recovery_server_enabled: false, ..settings };
            drop(osaka.modify_service_settings(closed).unwrap());
        },
        |lab| drop(lab.host("osaka").remove_authorization_entry("*").unwrap()),
        |lab| drop(lab.configure(&lab.host("osaka"), HostChange::OccupyPort(80))),
        |lab| {
            let trouble = HostTrouble::KerberosFails;
            lab.disturb(Disturbance::TroubleHost(lab.host("osaka").id(), trouble));
        },
        |lab| {
            let [tokyo, osaka] = ["tokyo", "osaka"].map(|name| lab.host(name).id());
            lab.disturb(Disturbance::CutOneWay(tokyo, osaka));
        },
        |lab| drop(lab.disturb(Disturbance::CrashHost(lab.host("osaka").id()))),
    ];
    for (number, close) in closings.iter().enumerate() {
        let (lab, _) = replicating(0);
        lab.advance(hours(1));
        let watch = lab.watch();
        lab.advance(minutes(5));
        let arrived = |it: &Event| matches!(it.change, Change::LogReceived { .. });
        let failed = |it: &Event| matches!(it.change, Change::SendFailed { .. });
        assert!(watch.take().iter().any(arrived));
        close(&lab);
        lab.advance(minutes(5));
        let events = watch.take();
        assert!(events.iter().any(failed) && !events.iter().any(arrived), "closing {number}");
    }
}

/// Points are an hour apart and the oldest goes first:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2>.
#[test]
fn recovery_points_are_an_hour_apart() {
    let (lab, vm) = replicating(3);
    lab.advance(hours(10));
    let points = lab.host("osaka").recovery_points(vm).unwrap();
    assert_eq!(points.len(), 3);
    for pair in points.windows(2) {
        let apart = pair[1].created.since(pair[0].created);
        assert!(apart >= minutes(55) && apart <= minutes(65), "{apart:?}");
        assert!(pair[1].position > pair[0].position, "a later point holds more");
    }
    assert!(points.iter().all(|it| it.kind == RecoveryPointKind::Standard));
}

/// Cycles an hour: 120 at 30 s, 12 at 300 s, 4 at 900 s:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20131210-hyper-v-replica-in-windows-server-2012-r2-and-system-center-operations-manager-2012-r2>.
#[test]
fn cycles_follow_the_interval() {
    for (interval_s, cycles) in [(30, 120), (300, 12), (900, 4)] {
        let lab = Lab::new(["tokyo", "osaka"]);
        let tokyo = lab.host("tokyo");
        let vm = lab.vm("web").on("tokyo").running().create();
        let settings = Settings { replication_interval_s: interval_s, ..Settings::to("osaka") };
        tokyo.wait(tokyo.create_replication_relationship(vm, settings).unwrap()).unwrap();
        tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
        lab.advance(hours(1));
        let watch = lab.watch();
        lab.advance(hours(1));
        let logs = watch.take();
        let logs = logs.iter().filter(|it| matches!(it.change, Change::LogReceived { .. })).count();
        assert_eq!(logs, cycles, "at {interval_s} s");
    }
}

#[test]
fn a_trace_replays_to_the_same_world() {
    let lab = Lab::with_seed(7);
    lab.start_trace();
    for name in ["tokyo", "osaka"] {
        lab.add_host(&HostSpec::trusting(name));
    }
    let tokyo = lab.host("tokyo");
    let vm = lab.vm("web").on("tokyo").running().create();
    tokyo.wait(tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap()).unwrap();
    let refused = tokyo.commit_failover(vm).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidState));
    lab.disturb(Disturbance::CutLink(tokyo.id(), lab.host("osaka").id()));

    let mut world = World::new(7);
    for step in lab.take_trace() {
        assert_eq!(world.now(), step.at);
        assert_eq!(world.apply(&step.input, &mut Vec::new()), step.reply);
    }
    assert_eq!(world, lab.world());
}

#[test]
fn the_same_seed_draws_the_same_machines() {
    let draw = |seed| {
        let lab = Lab::with_seed(seed);
        lab.add_host(&HostSpec::trusting("tokyo"));
        (lab.vm("a").create(), lab.vm("b").disk(10, 5).create())
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

/// Every call needs administrator rights:
/// <https://learn.microsoft.com/windows-server/virtualization/hyper-v/replication-failover>.
#[test]
fn who_is_no_administrator_is_refused() {
    let (lab, vm) = replicating(0);
    let before = lab.world();
    let other = lab.host("tokyo").called_by(Caller::Other);
    let refused = other.suspend_replication(RelationshipId::primary(vm)).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::AccessDenied));
    assert_eq!(lab.world(), before, "and nothing has changed");
}

#[test]
fn what_is_not_there_is_named() {
    let (lab, vm) = replicating(0);
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let stranger = VmId(Guid(1));
    let guid = "00000000-0000-0000-0000-000000000001";
    assert_eq!(
        tokyo.start_vm(stranger).unwrap_err().to_string(),
        "RequestStateChange(2) was refused with 32777, System is not available: the virtual \
         machine must be on this host",
    );
    assert_eq!(
        tokyo.vm(stranger).unwrap_err().to_string(),
        format!("no virtual machine {guid} on this host")
    );
    assert_eq!(
        tokyo.job(JobId(Guid(1))).unwrap_err().to_string(),
        format!("no job {guid} on this host; a finished job is removed after five minutes")
    );
    assert_eq!(
        tokyo.relationship(RelationshipId::extended(vm)).unwrap_err().to_string(),
        format!(r"no relationship Microsoft:{vm}\HVR\1 on this host")
    );
    let refused = osaka.initiate_failover(vm, Some(PointId(Guid(1)))).unwrap_err();
    assert_eq!(refused.code(), Some(ErrorCode::InvalidParameter));
    assert!(lab.find_host("berlin").is_none());
}

#[test]
fn settings_out_of_range_are_named() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let tokyo = lab.host("tokyo");
    let vm = lab.vm("web").create();
    let settings = Settings { replication_interval_s: 60, ..Settings::to("osaka") };
    let refused = tokyo.create_replication_relationship(vm, settings).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "CreateReplicationRelationship was refused with 32773, Invalid parameter: the settings must \
         be within their ranges: ReplicationInterval must be 30, 300 or 900 seconds (found: mode \
         None (0), state Disabled (0), off)",
    );
}

#[test]
fn patience_ends() {
    let (lab, vm) = replicating(0);
    let tokyo = lab.host("tokyo");
    let started = tokyo.shut_down_vm(vm).unwrap();
    let patience = Patience { poll: seconds(2), timeout: seconds(5) };
    let error = tokyo.wait_for(&started, patience).unwrap_err();
    assert!(matches!(error, Error::WaitTimedOut { waited, .. } if waited == seconds(5)));
    tokyo.wait(started).unwrap();
}

/// Windows answers 1, “not supported”:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice-startservice>.
#[test]
fn what_windows_does_not_implement_answers_one() {
    let lab = Lab::new(["tokyo"]);
    let error = lab.host("tokyo").call(&hyperv_replica::model::Call::StartService).unwrap_err();
    assert!(matches!(error, Error::NotImplemented(Operation::StartService)));
}

#[test]
fn inputs_that_make_no_sense_are_rejected() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let (tokyo, osaka) = (lab.host("tokyo").id(), lab.host("osaka").id());
    let rejected = |reply| match reply {
        Reply::Rejected(why) => why,
        other => panic!("{other:?}"),
    };
    let duplicate = lab.add_host(&HostSpec::trusting("TOKYO"));
    assert_eq!(rejected(duplicate), Rejection::DuplicateHost);
    assert_eq!(rejected(lab.add_host(&HostSpec::trusting("a b"))), Rejection::BadHostName);
    let same = lab.disturb(Disturbance::CutLink(tokyo, tokyo));
    assert_eq!(rejected(same), Rejection::SameHost);
    assert_eq!(rejected(lab.disturb(Disturbance::BootHost(osaka))), Rejection::HostIsUp);
    lab.disturb(Disturbance::CrashHost(osaka));
    assert_eq!(rejected(lab.disturb(Disturbance::CrashHost(osaka))), Rejection::HostIsDown);
}
