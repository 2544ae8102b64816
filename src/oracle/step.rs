//! One step of a world, before and after, and what is remembered from the steps before.

use super::Picture;
use crate::engine::{Change, Disturbance, Event, Input, Reply, World};
use crate::model::{Call, HostId, ReplicationState, SimTime, VmId};
use std::collections::BTreeSet;
use std::time::Duration;

/// One thing that happened, with what could be seen before and after.
///
/// A step is so small that nothing lies between the two pictures but what the input itself did:
/// time passes in steps that end where something is due; see [`stepwise`].
#[derive(Clone, Copy, Debug)]
pub struct Step<'a> {
    /// What happened.
    pub input: &'a Input,
    /// What came of it.
    pub reply: &'a Reply,
    /// Every change that was announced, in order.
    pub events: &'a [Event],
    /// What could be seen before.
    pub before: &'a Picture,
    /// What can be seen after.
    pub after: &'a Picture,
    /// Whether the world is another than before, in anything at all. Where the input was not refused
    /// nobody compares, and it counts as another.
    pub changed: bool,
}

impl Step<'_> {
    /// Whether more happened than that time passed and logs were sent.
    pub(super) fn stirs(&self) -> bool {
        let stirs = |event: &Event| {
            matches!(event.change, Change::State { .. } | Change::SendFailed { network: true, .. })
        };
        let outside = !self.reply.is_refusal() && !matches!(self.input, Input::Advance(_));
        outside || self.events.iter().any(stirs)
    }
}

/// What invariants remember of the past, beside the picture of the step before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Replicas that were last asked to fail over to the latest state, and not to a point.
    pub to_latest: BTreeSet<(HostId, VmId)>,
    /// Virtual machines whose disks were changed behind the service's back since they were last
    /// prepared for a planned failover.
    pub tampered: BTreeSet<(HostId, VmId)>,
    /// When something last happened beside time passing and logs being sent: a call was accepted,
    /// something broke or was repaired, a state changed, or the network kept a log.
    pub stirred: SimTime,
}

impl Memory {
    /// Learns from a step, after it was judged.
    pub(super) fn learn(&mut self, step: &Step<'_>) {
        let happened = !step.reply.is_refusal();
        if let (Input::Call { host, call: Call::InitiateFailover { vm, point }, .. }, true) =
            (step.input, happened)
        {
            if point.is_none() {
                self.to_latest.insert((*host, *vm));
            } else {
                self.to_latest.remove(&(*host, *vm));
            }
        }
        if let (Input::Disturb(what), true) = (step.input, happened)
            && let Disturbance::ChangeDisks(host, vm) | Disturbance::ResizeDisk(host, vm, _) = what
        {
            self.tampered.insert((*host, *vm));
        }
        for event in step.events {
            if let Change::State { id, to: ReplicationState::Synced, .. } = event.change {
                self.tampered.remove(&(event.host, id.vm));
            }
        }
        if step.stirs() {
            self.stirred = step.after.now;
        }
    }
}

/// Makes an input happen in steps between which nothing is due: time passes from event to event,
/// anything else is one step.
///
/// ```
/// use hyperv_replica::engine::{HostSpec, Input, World};
/// use hyperv_replica::{oracle, prelude::*};
///
/// let mut world = World::new(0);
/// world.apply(&Input::AddHost(HostSpec::trusting("tokyo")), &mut Vec::new());
/// let mut events = Vec::new();
/// let mut steps = 0;
/// let reply = oracle::stepwise(&mut world, &Input::Advance(hours(1)), |world, piece| {
///     steps += 1;
///     Ok::<_, ()>(world.apply(piece, &mut events))
/// });
/// assert!(reply.is_ok_and(|it| !it.is_refusal()));
/// assert_eq!((steps, world.now()), (1, SimTime::ZERO + hours(1)));
/// ```
///
/// # Errors
/// The first that `each` has; what was not made to happen by then does not happen.
pub fn stepwise<E>(
    world: &mut World,
    input: &Input,
    mut each: impl FnMut(&mut World, &Input) -> Result<Reply, E>,
) -> Result<Reply, E> {
    let Input::Advance(by) = input else { return each(world, input) };
    let Some(end) = world.now().checked_add(*by) else { return each(world, input) };
    loop {
        let next = world.next_due().map_or(end, |due| due.min(end));
        let reply = each(world, &Input::Advance(next.since(world.now())))?;
        if world.now() >= end && world.next_due().is_none_or(|due| due > end) {
            return Ok(reply);
        }
    }
}

/// How long a sending end that has nothing on its way may need until it knows what became of the
/// receiving end: after the longest pause between retries, and the longest interval, it has sent.
pub(super) const CALM: Duration = Duration::from_secs(3600);
