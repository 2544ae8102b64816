//! What a damaged undo log costs, and a damaged snapshot.
//!
//! “Should there be any corruption in data in any undo logs, failover to older recovery points is
//! impacted while leaving all the newer recovery points accessible”; of Windows Server 2012: “Data
//! corruption in any of the recovery snapshots impacts failovers to any of later recovery points”
//! (<https://learn.microsoft.com/virtualization/community/team-blog/2014/20140127-improvements-in-recovery-history>).

use crate::arbitrary::WEB;
use hyperv_replica::engine::{
    Caller, Canon, Clock, Disturbance, HostChange, Input, Rejection, Reply, World,
};
use hyperv_replica::model::{Call, ErrorCode, HostId, JobState, PointId, WindowsBuild};
use hyperv_replica::prelude::*;
use hyperv_replica::script::{self, Runner};

const OSAKA: HostId = HostId(1);

/// A replica with five points on a host of this build.
fn with_points(build: u32) -> World {
    let text = format!(
        "host tokyo build={build}\nhost osaka build={build}\n\
         vm web on tokyo running id={{{WEB}}}\n\
         tokyo CreateReplicationRelationship web to=osaka history=5 => 4096 job1\nwait job1\n\
         tokyo StartReplication web Network => 4096\nadvance 7h\n\
         expect osaka web Replica Replicating points=5"
    );
    let mut runner = Runner::new(World::new(0));
    assert!(runner.run(&script::parse(&text).unwrap()).passed(), "{text}");
    runner.world().clone()
}

fn points(world: &World) -> Vec<PointId> {
    world.recovery_points(OSAKA, WEB).unwrap().into_iter().map(|it| it.id).collect()
}

fn corrupt(world: &mut World, point: PointId) -> Reply {
    let what = Disturbance::CorruptUndoLog(OSAKA, WEB, point);
    world.apply(&Input::Disturb(what), &mut Vec::new())
}

/// What a call that names a point comes to, in a world of its own.
fn ends(world: &World, call: Call) -> Result<(), ErrorCode> {
    let mut world = world.clone();
    let input = Input::Call { host: OSAKA, caller: Caller::Administrator, call };
    let reply = world.apply(&input, &mut Vec::new());
    let Reply::Started(job) = reply else { panic!("{reply:?}") };
    world.apply(&Input::Advance(minutes(2)), &mut Vec::new());
    let (_, job) = world.job(job).expect("it is kept for five minutes");
    match (job.state, job.error) {
        (JobState::Completed, _) => Ok(()),
        (JobState::Exception, Some(error)) => Err(error.code),
        other => panic!("{other:?}"),
    }
}

/// Which of the points can be failed over to and tested, the latest state behind them.
fn sound(world: &World) -> Vec<bool> {
    let all = points(world).into_iter().map(Some).chain([None]);
    let sound = all.map(|point| {
        let failed_over = ends(world, Call::InitiateFailover { vm: WEB, point });
        let tested = ends(world, Call::TestReplicaSystem { vm: WEB, point });
        assert_eq!(failed_over, tested, "a test comes to the same");
        assert!(matches!(tested, Ok(()) | Err(ErrorCode::Failed)), "{tested:?}");
        tested.is_ok()
    });
    sound.collect()
}

#[test]
fn an_undo_log_costs_the_older_points_and_never_the_latest() {
    let world = with_points(9600);
    assert_eq!(sound(&world), [true; 6]);
    for (damaged, point) in points(&world).into_iter().enumerate() {
        let mut world = world.clone();
        assert_eq!(corrupt(&mut world, point), Reply::Happened);
        let expected: Vec<_> = (0..6).map(|place| place > damaged).collect();
        assert_eq!(sound(&world), expected, "damaged: {damaged}");
        assert_eq!(points(&world).len(), 5, "they stay listed");
    }
}

#[test]
fn a_snapshot_costs_the_newer_points_and_the_latest() {
    let world = with_points(9200);
    assert_eq!(sound(&world), [true; 6]);
    for (damaged, point) in points(&world).into_iter().enumerate() {
        let mut world = world.clone();
        assert_eq!(corrupt(&mut world, point), Reply::Happened);
        let expected: Vec<_> = (0..6).map(|place| place < damaged).collect();
        assert_eq!(sound(&world), expected, "damaged: {damaged}");
    }
}

/// Of two damaged files the one counts that costs more, whichever was damaged first; an upgrade
/// makes no snapshot whole, and undo logs come beside them.
#[test]
fn damage_adds_up() {
    for order in [[1, 3], [3, 1]] {
        let [(mut undo_logs, kept), (mut snapshots, built)] =
            [9600, 9200].map(with_points).map(|world| {
                let points = points(&world);
                (world, points)
            });
        for place in order {
            corrupt(&mut undo_logs, kept[place]);
            corrupt(&mut snapshots, built[place]);
        }
        assert_eq!(sound(&undo_logs), [false, false, false, false, true, true]);
        assert_eq!(sound(&snapshots), [true, false, false, false, false, false]);
    }

    let mut world = with_points(9200);
    let points = points(&world);
    corrupt(&mut world, points[4]);
    let change = HostChange::Upgrade(WindowsBuild::Server2012R2);
    world.apply(&Input::Configure { host: OSAKA, change }, &mut Vec::new());
    assert_eq!(sound(&world), [true, true, true, true, false, false]);
    corrupt(&mut world, points[1]);
    assert_eq!(sound(&world), [false, false, true, true, false, false]);
}

/// Worlds in which other points are lost are other worlds; a log that has been pushed out is none.
#[test]
fn what_is_lost_is_part_of_a_state() {
    let digest = |world: &World| Canon::new(Clock::OfDay).digest(world);
    let whole = with_points(9600);
    let [mut first, mut second] = [whole.clone(), whole.clone()];
    corrupt(&mut first, points(&whole)[0]);
    corrupt(&mut second, points(&whole)[1]);
    assert_ne!(digest(&whole), digest(&first));
    assert_ne!(digest(&first), digest(&second));

    let later = [whole, first, second].map(|mut world| {
        world.apply(&Input::Advance(hours(6)), &mut Vec::new());
        digest(&world)
    });
    assert_eq!(later[0], later[1]);
    assert_eq!(later[0], later[2]);
}

#[test]
fn what_is_not_there_cannot_be_damaged() {
    let mut world = with_points(9600);
    let point = points(&world)[0];
    let unknown = PointId(WEB.0);
    assert_eq!(corrupt(&mut world, unknown), Reply::Rejected(Rejection::UnknownPoint(unknown)));
    let on_primary = Disturbance::CorruptUndoLog(HostId(0), WEB, point);
    let reply = world.apply(&Input::Disturb(on_primary), &mut Vec::new());
    assert_eq!(reply, Reply::Rejected(Rejection::UnknownPoint(point)));
    world.apply(&Input::Disturb(Disturbance::CrashHost(OSAKA)), &mut Vec::new());
    assert_eq!(corrupt(&mut world, point), Reply::Rejected(Rejection::HostIsDown));
}
