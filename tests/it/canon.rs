//! The quotient that a search goes by is honest: worlds of one digest have one future.

use crate::arbitrary::{WEB, beginning, config, resolve, step, walk};
use hyperv_replica::engine::{Caller, Canon, Clock, Digest, Disturbance as D, Input, Reply, World};
use hyperv_replica::model::{Call, HostId, JobId, PointId};
use hyperv_replica::prelude::*;
use hyperv_replica::testkit::beginning::Beginning;
use proptest::prelude::*;
use std::time::Duration;

/// The hosts' certificates expire after thirty days: after that one day is like another.
const LONG: Duration = Duration::from_secs(40 * 24 * 3600);

fn digest(world: &World) -> Digest {
    Canon::new(Clock::OfDay).digest(world)
}

/// A world with another past: a day or more later, with other minted GUIDs and other numbers of
/// jobs, appointments and lines of writes.
fn twin(world: &World, days: u8) -> World {
    let mut twin = world.clone();
    let mut out = Vec::new();
    let mut call = |world: &mut World, host, call| {
        let caller = Caller::Administrator;
        let reply = world.apply(&Input::Call { host, caller, call }, &mut out);
        matches!(reply, Reply::Started(_))
    };
    let tested = call(&mut twin, HostId(1), Call::TestReplicaSystem { vm: WEB, point: None });
    let day = Duration::from_secs(24 * 3600);
    twin.apply(&Input::Advance(hours(1)), &mut Vec::new());
    if let Some(test) = twin.vm(HostId(1), WEB).and_then(|it| it.test_replica).filter(|_| tested) {
        call(&mut twin, HostId(1), Call::DestroySystem { vm: test });
    }
    twin.apply(&Input::Advance((day * u32::from(days)).saturating_sub(hours(1))), &mut Vec::new());
    twin
}

/// The same input in a world of the same digest: what is named by a minted GUID, a number of a job
/// or a time is named by what that stands for.
fn translated(input: &Input, from: &World, to: &World) -> Option<Input> {
    if let Input::Disturb(
        D::TroubleVm(host, vm, _)
        | D::RelieveVm(host, vm, _)
        | D::ChangeDisks(host, vm)
        | D::CorruptLog(host, vm)
        | D::ResizeDisk(host, vm, _)
        | D::DeleteVm(host, vm)
        | D::MigrateVm(host, vm, _)
        | D::PlugAdapter(host, vm, ..),
    ) = input
    {
        let is_test = from.vms(*host).any(|it| it.test_replica == Some(*vm));
        return (!is_test).then(|| input.clone());
    }
    let point = |host: &HostId, of: VmId, id: PointId| {
        let points = from.recovery_points(*host, of)?;
        let rank = points.iter().position(|it| it.id == id)?;
        Some(to.recovery_points(*host, of)?[rank].id)
    };
    if let Input::Disturb(D::CorruptUndoLog(host, vm, id)) = input {
        let id = point(host, *vm, *id)?;
        return Some(Input::Disturb(D::CorruptUndoLog(*host, *vm, id)));
    }
    let Input::Call { host, caller, call } = input else { return Some(input.clone()) };
    let live = |world: &World| -> Vec<JobId> {
        let jobs = world.jobs(*host).filter(|it| !it.state.is_terminal());
        jobs.map(|it| it.id).collect()
    };
    let job = |id: JobId| -> Option<JobId> {
        let rank = live(from).iter().position(|it| *it == id)?;
        Some(live(to)[rank])
    };
    let test_of = |world: &World, id: VmId| {
        world.vms(*host).find(|it| it.test_replica == Some(id)).map(|it| it.id)
    };
    let vm = |id: VmId| match test_of(from, id) {
        Some(of) => to.vm(*host, of).and_then(|it| it.test_replica).expect("a test replica"),
        None => id,
    };
    let start = |at: SimTime| to.now() + at.since(from.now());
    let mut call = call.clone();
    let about_test = call.vm().is_some_and(|id| test_of(from, id).is_some());
    match &mut call {
        Call::DestroySystem { .. } | Call::RequestStateChange { .. } => {}
        // What names a test replica in more than one place only to be refused.
        _ if about_test => return None,
        _ => {}
    }
    match &mut call {
        Call::RequestJobStateChange { job: id, .. } => *id = job(*id)?,
        // Ended jobs, and what statistics say, are history.
        Call::GetError { .. } | Call::GetErrorEx { .. } | Call::GetReplicationStatistics { .. } => {
            return None;
        }
        Call::InitiateFailover { vm, point: Some(id) }
        | Call::TestReplicaSystem { vm, point: Some(id) } => *id = point(host, *vm, *id)?,
        Call::StartReplication { start: Some(at), .. }
        | Call::Resynchronize { start: Some(at), .. } => *at = start(*at),
        Call::DestroySystem { vm: id } | Call::RequestStateChange { vm: id, .. } => *id = vm(*id),
        _ => {}
    }
    Some(Input::Call { host: *host, caller: *caller, call })
}

/// An answer without the number of a job and without the sentence that explains it.
fn told(reply: &Reply) -> String {
    match reply {
        Reply::Started(_) => "started".to_owned(),
        Reply::Refused(refusal) => format!("{} {:?}", refusal.code, refusal.found),
        Reply::Returned(_) => "returned".to_owned(),
        other => format!("{other:?}"),
    }
}

/// What clients read, without history.
fn looks(world: &World) -> Vec<String> {
    let mut all = Vec::new();
    for (host, _) in world.hosts() {
        let mut of_host = Vec::new();
        for vm in world.vms(host) {
            let legs = [Leg::Primary, Leg::Extended];
            let state = |leg| world.relationship(host, RelationshipId { vm: vm.id, leg });
            let states = legs.map(|leg| state(leg).map(|it| (it.state, it.failed_over)));
            let points = world.recovery_points(host, vm.id).map(|it| it.len());
            of_host.push(format!("{} {} {} {states:?} {points:?}", vm.name, vm.mode, vm.power));
        }
        of_host.sort();
        all.extend(of_host);
    }
    all
}

proptest! {
    #![proptest_config(config(150))]

    /// Two worlds with different pasts and one digest answer a whole walk alike, and have one
    /// digest after each of its steps.
    #[test]
    fn worlds_of_one_digest_have_one_future(
        origin in beginning(),
        days in 1u8..4,
        before in prop::collection::vec(step(), 0..20),
        after in prop::collection::vec(step(), 1..40),
    ) {
        let mut left = origin.world();
        walk(&mut left, &before);
        left.apply(&Input::Advance(LONG), &mut Vec::new());
        let mut right = twin(&left, days);
        // A walk may have left what no day ends: a job that is halted, a log that grows.
        prop_assume!(digest(&left) == digest(&right));
        prop_assert_ne!(&left, &right);
        for (number, step) in after.iter().enumerate() {
            let Some(input) = resolve(&left, *step) else { continue };
            let Some(other) = translated(&input, &left, &right) else { continue };
            let mut out = Vec::new();
            // Up to where something is due is as far as the nearest change, not an ended job.
            let (a, b) = (left.apply(&input, &mut out), right.apply(&other, &mut out));
            prop_assert_eq!(told(&a), told(&b), "step {}: {:?}", number, input);
            prop_assert_eq!(digest(&left), digest(&right), "step {}: {:?}", number, input);
            prop_assert_eq!(looks(&left), looks(&right), "step {}: {:?}", number, input);
            prop_assert_eq!(
                left.next_change().map(|it| it.since(left.now())),
                right.next_change().map(|it| it.since(right.now()))
            );
        }
    }
}

/// The walks above may begin with two worlds of one digest, and with virtual machines that do
/// something in them.
#[test]
fn a_day_later_all_is_as_it_was() {
    let origins = [
        Beginning::three_hosts(),
        Beginning::replicating(),
        Beginning::chained(),
        Beginning::failed_over(),
    ];
    let alike = |origin: &Beginning| {
        let mut left = origin.world();
        left.apply(&Input::Advance(LONG), &mut Vec::new());
        digest(&left) == digest(&twin(&left, 1))
    };
    let different: Vec<_> = origins.iter().filter(|it| !alike(it)).collect();
    assert!(different.is_empty(), "{different:?}");
}
