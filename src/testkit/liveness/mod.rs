//! Whether what was broken heals: faults first, then everything is repaired, and every relationship
//! must come to rest.
//!
//! [`recover`] repairs what is broken outside the service ([`heal`]), does what an administrator is
//! documented to do about each state that waits for one, lets days pass, and tells who is still
//! [`Stuck`]. [`assert_recovers`] does so with where a script ends, and shortens the script for as
//! long as something stays stuck.
//!
//! At rest is
//! - a relationship both of whose ends replicate, with normal health;
//! - an external provider's;
//! - a failover that was committed, or failed back: where to go from there is a decision, not a
//!   repair; and with it the sending end that its replica has left;
//! - a virtual machine that is marked as a replica and waits for its primary to be reversed;
//! - an initial replica that was exported and waits to be imported;
//! - an extended replica, as long as the replica before it is one of these.

use crate::engine::{Input, World};
use crate::model::time::{days, hours, seconds};
use crate::model::{Leg, ReplicationHealth, ReplicationState};
use crate::rules::Side;
use crate::script::{Fault, Line, Runner, Script};
use std::fmt;

mod end;
use end::ends;

mod mender;
use mender::Mender;

/// How often an administrator looks and repairs. A failover that is taken back, a resumption and a
/// resynchronisation follow upon each other.
const ROUNDS: usize = 12;

/// What came of healing a world.
#[derive(Clone, Debug)]
pub struct Recovery {
    /// The world afterwards.
    pub world: World,
    /// What was done about what was broken, and by an administrator, in order; with the time that
    /// was let pass, the way from the broken world to this one.
    pub inputs: Vec<Input>,
    /// Who did not come to rest.
    pub stuck: Vec<Stuck>,
}

/// An end of a relationship that does not come to rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stuck {
    /// The host.
    pub host: String,
    /// The virtual machine.
    pub vm: String,
    /// Which relationship.
    pub relationship: Leg,
    /// Which end of it.
    pub side: Side,
    /// What it shows.
    pub state: ReplicationState,
    /// Its health.
    pub health: ReplicationHealth,
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, vm, relationship, side, state, health } = self;
        let (side, leg) = (side.label(), relationship.index());
        write!(f, "the {side} of {vm} on {host}, relationship {leg}, stays in {state}, {health}")
    }
}

/// Repairs everything outside the service: links, hosts that are down, troubles, and what keeps a
/// replica server from receiving – its ports, folders, certificate, entries, providers, whether it
/// is enabled, and a Windows that is older than its sender's. Returns what had an effect.
pub fn heal(world: &mut World) -> Vec<Input> {
    let mut mender = Mender { world, inputs: Vec::new() };
    mender.heal();
    mender.inputs
}

/// Heals a world, repairs it as an administrator would, lets up to nine days pass, and looks who is
/// stuck.
///
/// What an administrator does about a state, each as Microsoft documents it: `StartReplication`
/// where nothing has begun; cancel initial replication that nobody works at, and start anew; resume
/// what is suspended, critical or failed to update its disks; `Resynchronize` what needs it; take
/// back a failover, and cancel one that is only prepared; and remove one end of a relationship
/// whose other end is gone.
pub fn recover(world: &World) -> Recovery {
    let mut world = world.clone();
    let mut mender = Mender { world: &mut world, inputs: Vec::new() };
    mender.heal();
    for _ in 0..ROUNDS {
        mender.pass(hours(6));
        if mender.repair() {
            continue;
        }
        // An operation is refused while a log is being applied, which is over now.
        mender.pass(seconds(1));
        if !mender.repair() {
            break;
        }
    }
    // Windows of statistics end, and with them what was missed.
    for _ in 0..9 {
        if stuck(mender.world).is_empty() {
            break;
        }
        mender.pass(days(1));
    }
    let inputs = mender.inputs;
    Recovery { stuck: stuck(&world), inputs, world }
}

/// Who is not at rest in a world as it is. [`recover`] tells whether that can be helped.
pub fn stuck(world: &World) -> Vec<Stuck> {
    ends(world).filter(|it| !it.is_at_rest(world)).map(|it| it.told(world)).collect()
}

/// Asserts that where a script ends everything can come to rest again.
///
/// # Panics
/// If something stays stuck, with the shortest script that was found to bring that about.
#[track_caller]
pub fn assert_recovers(script: &Script) {
    if let Some((shortest, stuck)) = shortest_stuck(script) {
        let stuck: Vec<_> = stuck.iter().map(ToString::to_string).collect();
        panic!("{} after\n{shortest}", stuck.join("; "));
    }
}

/// The shortest script that can be had by taking lines away from this one, as long as something
/// stays stuck after it; `None` if nothing stays stuck. Lines that cannot be done are not counted
/// on.
pub fn shortest_stuck(script: &Script) -> Option<(Script, Vec<Stuck>)> {
    let stuck = |lines: &[Line]| -> Option<Vec<Stuck>> {
        let world = end_of(lines).ok()?;
        Some(recover(&world).stuck).filter(|it| !it.is_empty())
    };
    let mut lines: Vec<Line> = script.lines.iter().filter(|it| acts(it)).cloned().collect();
    let mut found = stuck(&lines)?;
    let mut size = (lines.len() / 2).max(1);
    loop {
        let (mut at, mut shorter) = (0, false);
        while at < lines.len() {
            let end = (at + size).min(lines.len());
            let without: Vec<Line> = lines[..at].iter().chain(&lines[end..]).cloned().collect();
            match stuck(&without) {
                Some(still) => (lines, found, shorter) = (without, still, true),
                None => at = end,
            }
        }
        match (size, shorter) {
            (1, false) => return Some((Script { lines }, found)),
            (1, true) => {}
            _ => size /= 2,
        }
    }
}

/// Whether a line makes something happen.
fn acts(line: &Line) -> bool {
    use crate::script::Statement;
    !matches!(line.statement, None | Some(Statement::Expect(_) | Statement::Fail(_)))
}

/// The world where these lines end; answers are not compared.
fn end_of(lines: &[Line]) -> Result<World, Fault> {
    let mut runner = Runner::new(World::new(0));
    for (number, line) in (1..).zip(lines) {
        if let Some(fault @ Fault::Problem(_)) = runner.step(number, line).and_then(|it| it.fault) {
            return Err(fault);
        }
    }
    Ok(runner.world().clone())
}
