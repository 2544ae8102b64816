//! What holds for every sequence of inputs.

use crate::arbitrary::{any_beginning, beginning, config, heal, on_old_hosts, resolve, step, walk};
use hyperv_replica::engine::{Change, Event, Input, Reply, World};
use hyperv_replica::model::{JobState, Leg, RelationshipId, ReplicationState as S, WindowsBuild};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::Duration;

fn replay(mut world: World, inputs: &[Input]) -> (World, Vec<Event>, Vec<Reply>) {
    let mut events = Vec::new();
    let replies = inputs.iter().map(|input| world.apply(input, &mut events)).collect();
    (world, events, replies)
}

/// A job that has ended never changes its state again, and is removed once.
fn assert_jobs_end_once(events: &[Event]) {
    let mut last = BTreeMap::new();
    for event in events {
        match event.change {
            Change::Job { job, to, .. } => {
                let before: Option<JobState> = last.insert(job, to);
                assert!(before.is_none_or(|it| !it.is_terminal()), "{job}: {before:?} -> {to:?}");
            }
            Change::JobRemoved { job } => {
                last.remove(&job);
            }
            _ => {}
        }
    }
}

proptest! {
    #![proptest_config(config(200))]

    /// No input panics, and every world is consistent: `apply` checks it after each.
    /// The same inputs make the same world, the same replies and the same events.
    #[test]
    fn a_world_is_a_function_of_its_inputs(
        origin in any_beginning(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = origin.world();
        let (inputs, events) = walk(&mut world, &steps);
        world.check().unwrap();
        assert_jobs_end_once(&events);
        let again = replay(origin.world(), &inputs);
        prop_assert_eq!(&again.0, &world);
        prop_assert_eq!(again.1, events);
    }

    /// Going on in a fork is going on: a clone shares nothing that a change could show through.
    #[test]
    fn a_fork_is_independent(
        origin in any_beginning(),
        before in prop::collection::vec(step(), 1..40),
        after in prop::collection::vec(step(), 1..20),
    ) {
        let mut world = origin.world();
        walk(&mut world, &before);
        let kept = world.clone();
        let mut fork = world.clone();
        let (inputs, events) = walk(&mut fork, &after);
        prop_assert_eq!(&world, &kept, "a fork's inputs show in its origin");
        let again = replay(world, &inputs);
        prop_assert_eq!(again.0, fork);
        prop_assert_eq!(again.1, events);
    }

    /// A call that is not accepted changes nothing.
    #[test]
    fn a_refusal_changes_nothing(
        origin in any_beginning(),
        steps in prop::collection::vec(step(), 1..50),
    ) {
        let mut world = origin.world();
        for step in &steps {
            let Some(input) = resolve(&world, *step) else { continue };
            let before = world.clone();
            let mut events = Vec::new();
            let reply = world.apply(&input, &mut events);
            if matches!(reply, Reply::Refused(_) | Reply::NotFound(_) | Reply::Rejected(_)) {
                prop_assert_eq!(&world, &before);
                prop_assert!(events.is_empty());
            }
        }
    }

    /// Time in one stretch is time in many.
    #[test]
    fn time_has_no_grain(
        origin in any_beginning(),
        steps in prop::collection::vec(step(), 1..40),
        cuts in prop::collection::vec(1u64..4000, 1..8),
    ) {
        let mut world = origin.world();
        walk(&mut world, &steps);
        let mut pieces = world.clone();
        let total = cuts.iter().sum();
        world.apply(&Input::Advance(Duration::from_secs(total)), &mut Vec::new());
        for cut in cuts {
            pieces.apply(&Input::Advance(Duration::from_secs(cut)), &mut Vec::new());
        }
        prop_assert_eq!(pieces, world);
    }

    /// Once everything outside is repaired and two days have passed, no job is still at work, and
    /// both ends of each relationship agree. A job may have been halted by an administrator; and a
    /// resynchronisation towards a replica that one has paused is tried again and again, so a job
    /// may be young.
    #[test]
    fn what_is_healed_comes_to_rest(
        origin in beginning(),
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = origin.world();
        walk(&mut world, &steps);
        let mut events = Vec::new();
        heal(&mut world, &mut events);
        world.apply(&Input::Advance(Duration::from_secs(2 * 24 * 3600)), &mut events);
        for (host, _) in world.hosts() {
            for job in world.jobs(host) {
                let young = job.elapsed < Duration::from_secs(3600);
                prop_assert!(
                    job.state.is_terminal() || job.state == JobState::Suspended || young,
                    "{:?} on host {}", job, host.0
                );
            }
        }
        assert_ends_agree(&world);
    }
}

proptest! {
    #![proptest_config(config(100))]

    /// The states 15, 16 and 18 came after Windows Server 2012 R2:
    /// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship>.
    #[test]
    fn an_old_windows_shows_no_later_state(steps in prop::collection::vec(step(), 1..60)) {
        let mut world = on_old_hosts();
        let (_, events) = walk(&mut world, &steps);
        for event in events {
            let Change::State { to, .. } = event.change else { continue };
            let build = world.host_view(event.host).map(|it| it.build);
            let later = [S::DiskUpdateInProgress, S::DiskUpdateCritical, S::RepurposeInProgress];
            // A host that was upgraded meanwhile may show them.
            let old = build < Some(WindowsBuild::Server2016);
            prop_assert!(!old || !later.contains(&to), "{event:?}");
        }
    }
}

/// Where a sender replicates, its receiver does too, or an administrator has paused it.
fn assert_ends_agree(world: &World) {
    for (host, _) in world.hosts() {
        for vm in world.vms(host) {
            for leg in [Leg::Primary, Leg::Extended] {
                let id = RelationshipId { vm: vm.id, leg };
                let Some(peer) = world.sends_to(host, id) else { continue };
                let state = |host, id| world.relationship(host, id).map(|it| it.state);
                let (here, there) = (state(host, id), state(peer, RelationshipId::primary(vm.id)));
                if here == Some(S::Replicating) {
                    let agrees = matches!(there, Some(S::Replicating | S::Suspended));
                    assert!(agrees, "{id} replicates to {there:?}");
                }
            }
        }
    }
}
