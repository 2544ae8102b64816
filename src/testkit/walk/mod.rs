//! Walks through worlds: choices that mean something wherever they are made.
//!
//! What can be done in a world depends on what was done before. A list of inputs that was drawn in
//! advance would mostly be refused; one that was drawn along the way would make no sense any more
//! once something is taken out of it. A [`Step`] is neither: it says *which operation*, on *the
//! how-many-eth* host and virtual machine, in *which of the ways*, and [`Step::resolve`] makes an
//! input of it in the world that is there when its turn comes. So
//!
//! - each step means something in every world;
//! - taking one out leaves the operations of the others what they are, which is what makes
//!   shrinking work;
//! - any six bytes are a step ([`Step::from_bytes`]): a fuzzer mutates walks without a format, and
//!   what it learned of one step keeps its place when it cuts another out.
//!
//! A step may ask for a call that the rule book accepts: [`Step::Accepted`] takes its own call if
//! that is enabled, else the same operation on another host or virtual machine, else another
//! operation where it is, always in the picked way. Guards on role, state and power are read from the
//! rule book before a call is made up, so that this is cheap.

mod call;
mod trouble;

pub(super) use trouble::{disturbance, opposite};

use super::beginning::Beginning;
use crate::engine::{Caller, Event, Glance, Input, World};
use crate::model::{Flaw, HostId, Leg, Operation, VmId};
use crate::rules::{Situation, Target, rule};
use crate::script::{self, Script, Verb};
use std::fmt;
use std::time::Duration;

/// One step of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// What is due next happens.
    Next,
    /// So many seconds pass.
    Advance(u16),
    /// A call that the rule book accepts: this one if it does.
    Accepted(Operation, Pick),
    /// This call, whatever comes of it. Now and then the caller is no administrator, or a parameter
    /// is flawed.
    Call(Operation, Pick),
    /// Something happens that no client asked for.
    Disturb(Verb, Pick),
    /// A machine is changed by other means than WMI.
    Configure(Pick),
}

/// Which host, which virtual machine on it, and in which way. Each counts on from the beginning
/// when there are not so many.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pick {
    /// Which host.
    pub host: u8,
    /// Which of its virtual machines, or of its jobs; for a link, how far the other host is.
    pub vm: u8,
    /// Which of the ways: to where, with which settings, to which point.
    pub how: u16,
}

impl Step {
    /// The bytes of a step.
    pub const BYTES: usize = 6;

    /// Reads a step. Every value is one.
    ///
    /// ```
    /// use hyperv_replica::testkit::walk::Step;
    ///
    /// assert_eq!(Step::from_bytes([0; Step::BYTES]), Step::Next);
    /// ```
    pub fn from_bytes([kind, what, host, vm, low, high]: [u8; Self::BYTES]) -> Self {
        let pick = Pick { host, vm, how: u16::from_le_bytes([low, high]) };
        match kind % 17 {
            0..4 => Self::Next,
            // Minutes: in hours much would be due, and little of it new.
            4..6 => Self::Advance(pick.how >> 6),
            6..12 => Self::Accepted(operation(what), pick),
            12..14 => Self::Call(operation(what), pick),
            14..16 => Self::Disturb(Verb::ALL[usize::from(what) % Verb::ALL.len()], pick),
            _ => Self::Configure(pick),
        }
    }

    /// The input that the step comes to in this world; `None` if there is nothing that it could be
    /// about.
    pub fn resolve(self, world: &World) -> Option<Input> {
        match self {
            Self::Next => Some(Input::Advance(world.next_due()?.since(world.now()))),
            Self::Advance(seconds) => Some(Input::Advance(Duration::from_secs(seconds.into()))),
            Self::Accepted(operation, pick) => accepted(world, operation, pick),
            Self::Call(operation, pick) => {
                let place = places(world, pick).next()?;
                let call = call::write(place, operation, pick)?;
                let (caller, flaw) = match pick.how >> 12 {
                    0xF => (Caller::Other, None),
                    0xE => (Caller::Administrator, Some(Flaw::Null)),
                    0xD => (Caller::Administrator, Some(Flaw::WrongClass)),
                    _ => (Caller::Administrator, None),
                };
                Some(Input::Call { host: place.host, caller, call: call.with_flaw(flaw) })
            }
            Self::Disturb(verb, pick) => disturbance(world, verb, pick).map(Input::Disturb),
            Self::Configure(pick) => trouble::change(world, pick),
        }
    }
}

/// The operations that move replication on, some of them more often.
pub(super) const MOVING: &[Operation] = {
    use Operation as O;
    &[
        O::CreateReplicationRelationship,
        O::StartReplication,
        O::ImportInitialReplica,
        O::PrepareFailover,
        O::InitiateFailover,
        O::ReverseReplicationRelationship,
        O::CommitFailover,
        O::RevertFailover,
        O::TestReplicaSystem,
        O::SuspendReplication,
        O::ResumeReplication,
        O::Resynchronize,
        O::CancelResynchronization,
        O::TurnOffVm,
        O::StartVm,
        O::CreateReplicationRelationship,
        O::StartReplication,
        O::CancelInitialReplication,
        O::ImportInitialReplica,
        O::ModifyReplicationSettings,
        O::ChangeReplicationModeToPrimary,
        O::InitiateFailover,
        O::ReverseReplicationRelationship,
        O::PrepareFailover,
        O::InitiateFailback,
        O::BecomeReplica,
        O::ResumeDiskUpdate,
        O::ShutDownVm,
        O::SaveVm,
        O::PauseVm,
        O::RequestJobStateChange,
        O::RemoveReplicationRelationship,
    ]
};

/// The operation of a byte: three of four move replication on.
fn operation(byte: u8) -> Operation {
    let at = |of: &[Operation], byte: u8| of[usize::from(byte) % of.len()];
    if byte < 192 { at(MOVING, byte) } else { at(Operation::ALL, byte - 192) }
}

/// A host, and perhaps a virtual machine on it.
#[derive(Clone, Copy)]
struct Place<'a> {
    world: &'a World,
    host: HostId,
    vm: Option<VmId>,
    /// What guards look at, but for facts: of each relationship that the virtual machine has.
    situations: [Option<Situation>; 2],
}

impl<'a> Place<'a> {
    fn new(world: &'a World, host: HostId, vm: Option<Glance<'a>>) -> Self {
        let legs = [Leg::Primary, Leg::Extended];
        let situations = legs.map(|leg| vm.and_then(|vm| vm.situation(leg)));
        Self { world, host, vm: vm.map(Glance::id), situations }
    }

    /// The virtual machine; if there is none on the host, one that is elsewhere.
    fn vm_or_another(self) -> Option<VmId> {
        self.vm.or_else(|| self.world.glance_at_vms().next().map(|((_, id), _)| id))
    }

    /// A call of this operation in the picked way, if the rule book accepts it here.
    fn accepted(self, operation: Operation, pick: Pick) -> Option<Input> {
        let Self { world, host, .. } = self;
        if !self.might_accept(operation) {
            return None;
        }
        let (caller, call) = (Caller::Administrator, call::write(self, operation, pick)?);
        world.accepts(host, caller, &call).then_some(Input::Call { host, caller, call })
    }

    /// Whether the rule book might accept an operation here, whatever the facts are that it asks
    /// for beside role, state, power and build.
    fn might_accept(self, operation: Operation) -> bool {
        let rule = rule(operation);
        let about_a_vm = !matches!(rule.target, Target::Host | Target::Job);
        let passes = |it: &Situation| {
            rule.requires.iter().all(|need| need.check.fact().is_some() || need.check.passes(it))
        };
        let fits = || self.situations.iter().flatten().any(passes);
        self.world.is_up(self.host) && (!about_a_vm || fits())
    }
}

/// The picked place, then every other one, counting on.
fn places(world: &World, pick: Pick) -> impl Iterator<Item = Place<'_>> {
    from(world.host_ids(), pick.host.into()).flat_map(move |host| {
        let mut vms = from(world.glance_at(host), pick.vm.into()).peekable();
        let nothing = vms.peek().is_none().then_some(None);
        nothing.into_iter().chain(vms.map(Some)).map(move |vm| Place::new(world, host, vm))
    })
}

/// All items, the `n`-th one first, counting on from the beginning if there are not so many.
fn from<I: Iterator + Clone>(items: I, n: usize) -> impl Iterator<Item = I::Item> {
    let n = n.checked_rem(items.clone().count()).unwrap_or(0);
    items.clone().skip(n).chain(items.take(n))
}

/// The `n`-th item, counting on from the beginning if there are not so many.
fn nth<I: Iterator + Clone>(mut items: I, n: usize) -> Option<I::Item> {
    let count = items.clone().count();
    items.nth(n.checked_rem(count)?)
}

/// A call that the rule book accepts, as near to this one as there is.
fn accepted(world: &World, operation: Operation, pick: Pick) -> Option<Input> {
    let elsewhere = || places(world, pick).find_map(|it| it.accepted(operation, pick));
    let otherwise = || {
        let here = places(world, pick).next()?;
        let others = from(MOVING.iter(), operation.index() + usize::from(pick.how));
        { others }.find_map(|other| here.accepted(*other, pick))
    };
    elsewhere().or_else(otherwise)
}

/// A walk: how its world begins, and what is done in it.
///
/// Its [`Debug`](fmt::Debug) is the script, which is what a failing property test prints.
#[derive(Clone, PartialEq, Eq)]
pub struct Walk {
    /// How the world begins.
    pub beginning: Beginning,
    /// What is done.
    pub steps: Vec<Step>,
}

impl Walk {
    /// Every input, those of the beginning first.
    pub fn inputs(&self) -> Vec<Input> {
        let mut world = self.beginning.world();
        let (inputs, _) = run(&mut world, &self.steps);
        self.beginning.inputs.iter().cloned().chain(inputs).collect()
    }

    /// The walk as a script that makes the very same inputs, each with the answer it gets.
    pub fn script(&self) -> Script {
        let Beginning { seed, policy, .. } = &self.beginning;
        script::record(World::with_policy(*seed, policy.clone()), &self.inputs())
    }
}

impl fmt::Debug for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{}", self.script())
    }
}

/// Takes steps; what happened, input by input.
pub fn run(world: &mut World, steps: &[Step]) -> (Vec<Input>, Vec<Event>) {
    let (mut inputs, mut events) = (Vec::new(), Vec::new());
    for step in steps {
        if let Some(input) = step.resolve(world) {
            world.apply(&input, &mut events);
            inputs.push(input);
        }
    }
    (inputs, events)
}
