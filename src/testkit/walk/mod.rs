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
//! operation where it is. Guards on role, state and power are read from the rule book before a call
//! is made up, so that this is cheap.

mod call;
mod trouble;

pub(super) use trouble::{disturbance, opposite};

use super::beginning::Beginning;
use crate::engine::{Caller, Event, Input, World};
use crate::model::{Flaw, HostId, Leg, Operation, RelationshipId, Vm, VmId};
use crate::rules::{Check, Fact, Facts, Situation, rule};
use crate::script::{self, Script, Verb};
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
                let place = Place::of(world, pick, 0, 0)?;
                let call = call::write(world, operation, &place, pick)?;
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
#[derive(Clone, Debug)]
struct Place {
    host: HostId,
    vm: Option<VmId>,
    /// What guards look at, but for facts: of each relationship that the virtual machine has.
    situations: [Option<Situation>; 2],
}

impl Place {
    /// The picked host and virtual machine, or those so many further on.
    fn of(world: &World, pick: Pick, hosts_on: usize, vms_on: usize) -> Option<Self> {
        let host = nth(|| hosts(world), usize::from(pick.host) + hosts_on)?;
        let vm = nth(|| world.vms(host), usize::from(pick.vm) + vms_on);
        let build = world.build_of(host)?;
        let situation = |vm: &Vm, leg| {
            let id = RelationshipId { vm: vm.id, leg };
            Some(Situation {
                mode: vm.mode,
                state: world.relationship(host, id)?.state,
                power: vm.power.power(),
                build,
                facts: Facts::NONE.with(Fact::Sends, world.sends_to(host, id).is_some()),
            })
        };
        let legs = [Leg::Primary, Leg::Extended];
        let situations = legs.map(|leg| vm.as_ref().and_then(|vm| situation(vm, leg)));
        Some(Self { host, vm: vm.map(|it| it.id), situations })
    }

    /// The virtual machine; if there is none on the host, one that is elsewhere.
    fn vm_or_another(&self, world: &World) -> Option<VmId> {
        let anywhere = || hosts(world).find_map(|host| world.vms(host).next());
        self.vm.or_else(|| anywhere().map(|it| it.id))
    }

    /// A call of this operation that the rule book accepts here, in the picked way or one of the
    /// next two.
    fn accepted(&self, world: &World, operation: Operation, pick: Pick) -> Option<Input> {
        if !self.might_accept(operation) {
            return None;
        }
        let way = |on| Pick { how: pick.how.wrapping_add(on), ..pick };
        let calls = (0..3).filter_map(|on| call::write(world, operation, self, way(on)));
        let caller = Caller::Administrator;
        let call = { calls }.find(|call| world.accepts(self.host, caller, call))?;
        Some(Input::Call { host: self.host, caller, call })
    }

    /// Whether the rule book might accept an operation here, whatever the facts are that it asks
    /// for beside role, state, power and build.
    fn might_accept(&self, operation: Operation) -> bool {
        let accepts = |situation: &Situation| {
            let passes = |check: Check| check.fact().is_some() || check.passes(situation);
            rule(operation).judge_by(passes).is_ok()
        };
        self.vm.is_none() || self.situations.iter().flatten().any(accepts)
    }
}

/// The hosts of a world, without looking at them.
fn hosts(world: &World) -> impl Iterator<Item = HostId> {
    (0..).map(HostId).take_while(|host| world.service_settings(*host).is_some())
}

/// The `n`-th item, counting on from the beginning if there are not so many.
fn nth<T, I: Iterator<Item = T>>(items: impl Fn() -> I, n: usize) -> Option<T> {
    let count = items().count();
    items().nth(n.checked_rem(count)?)
}

/// A call that the rule book accepts, as near to this one as there is.
fn accepted(world: &World, operation: Operation, pick: Pick) -> Option<Input> {
    for hosts_on in 0..hosts(world).count() {
        let host = nth(|| hosts(world), usize::from(pick.host) + hosts_on)?;
        for vms_on in 0..world.vms(host).count().max(1) {
            let place = Place::of(world, pick, hosts_on, vms_on)?;
            let found = place.accepted(world, operation, pick);
            if found.is_some() {
                return found;
            }
        }
    }
    let place = Place::of(world, pick, 0, 0)?;
    let others =
        MOVING.iter().cycle().skip((operation.index() + usize::from(pick.how)) % MOVING.len());
    others.take(MOVING.len()).find_map(|other| place.accepted(world, *other, pick))
}

/// A walk: how its world begins, and what is done in it.
#[derive(Clone, Debug, PartialEq, Eq)]
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
