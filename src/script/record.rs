//! Writing down runs.

use super::ast::{Line, Script, Statement};
use super::runner::Runner;
use crate::engine::{Input, Policy, World};
use crate::layer::Plan;

/// Writes inputs down as a script, each with the answer it gets in this world.
///
/// What a property test prints: a script that begins as the world began, with its seed and its
/// policy. [`run`](super::run) makes the very same inputs from there, and holds if the answers are
/// still the same; a world that was not empty is for [`Runner::new`].
///
/// ```
/// use hyperv_replica::engine::{HostSpec, Input, Policy, World};
/// use hyperv_replica::script;
/// use std::time::Duration;
///
/// let world = World::with_policy(7, Policy { apply: Duration::from_secs(1), ..Policy::default() });
/// let script = script::record(world, &[Input::AddHost(HostSpec::trusting("tokyo"))]);
/// assert_eq!(script.to_string(), "seed 7\npolicy apply=1s\nhost tokyo\n");
/// ```
pub fn record<'a>(world: World, inputs: impl IntoIterator<Item = &'a Input>) -> Script {
    record_under(&Plan::default(), world, inputs)
}

/// As [`record`], with the calls under these faults, which the script says first.
///
/// ```
/// use hyperv_replica::engine::{Caller, Input, VmSpec, World};
/// use hyperv_replica::layer::{Fault, Plan};
/// use hyperv_replica::{model::Operation, prelude::*, script, sim::Lab};
///
/// let lab = Lab::new(["tokyo"]);
/// let tokyo = lab.host("tokyo");
/// let web = lab.vm("web").on("tokyo").running().create();
/// let plan = Plan::from(Fault::lose_answer(Operation::CommitFailover).on("tokyo"));
/// let call = hyperv_replica::model::Call::CommitFailover { vm: web };
/// let input = Input::Call { host: tokyo.id(), caller: Caller::Administrator, call };
/// assert_eq!(
///     script::record_under(&plan, lab.world(), [&input]).to_string(),
///     "fault tokyo CommitFailover  => lost\n\
///      tokyo CommitFailover web  => unanswered\n",
/// );
/// ```
pub fn record_under<'a>(
    plan: &Plan,
    world: World,
    inputs: impl IntoIterator<Item = &'a Input>,
) -> Script {
    let seed = Some(world.seed()).filter(|it| *it != 0);
    let policy = Some(world.policy()).filter(|it| **it != Policy::default());
    let policy = policy.map(|it| Statement::Policy(Box::new(it.clone())));
    let beginning = seed.map(Statement::Seed).into_iter().chain(policy).map(Line::from);
    let mut lines: Vec<_> = beginning.collect();
    let mut runner = Runner::new(world);
    for fault in &plan.faults {
        runner.arm(fault.clone());
        lines.push(Statement::Fault(fault.clone()).into());
    }
    lines.extend(inputs.into_iter().map(|input| runner.record(input)));
    Script { lines }
}
