//! Schedules of troubles: a seed draws them, and what was drawn is data.
//!
//! ```
//! use hyperv_replica::prelude::*;
//! use hyperv_replica::testkit::beginning::Beginning;
//! use hyperv_replica::testkit::schedule::{Dials, Schedule};
//!
//! let beginning = Beginning::replicating();
//! let mut world = beginning.world();
//! let drawn = Schedule::draw(7, &world, hours(8), &Dials::default());
//! assert_eq!(drawn, Schedule::draw(7, &world, hours(8), &Dials::default()));
//! let script = drawn.script(&beginning); // A file that does it all again and draws nothing.
//! drawn.run(&mut world, &mut Vec::new());
//! assert!(script.to_string().contains("advance"));
//! ```

use super::beginning::Beginning;
use super::walk::{Pick, disturbance, opposite};
use crate::engine::{Caller, Event, HostChange, HostTrouble, Input, VmTrouble, World};
use crate::model::time::{format_duration, hours, minutes, seconds};
use crate::model::{Call, Certificate};
use crate::script::{Line, Nameless, Script, Verb};
use crate::testkit::beginning::THUMBPRINT;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use std::fmt;
use std::time::Duration;

/// How often what goes wrong, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dials {
    /// From one trouble to the next, on average. Never below a second.
    pub every: Duration,
    /// How long a trouble lasts before it is repaired, on average.
    pub lasts: Duration,
    /// How often, of all troubles, it is a link: cut, one way only, slow, or lossy.
    pub links: u16,
    /// A host: crashed, or shut down in order.
    pub hosts: u16,
    /// What a host lacks: storage, memory, a service that answers, its name in Kerberos, a way past
    /// an inspecting proxy.
    pub shortages: u16,
    /// A virtual machine: its VSS, a back-up, its disks.
    pub vms: u16,
    /// Damage that replication has to repair itself: disks changed or resized behind its back, a
    /// log or an undo log corrupted, an adapter plugged elsewhere, a virtual machine deleted.
    pub damage: u16,
    /// A certificate that is gone until another is installed, a port that somebody takes.
    pub machines: u16,
    /// What another administrator does: pauses, resumes, resynchronises, starts, turns off.
    pub administrators: u16,
    /// A virtual machine that is moved to another host, and back.
    pub moves: u16,
}

impl Default for Dials {
    /// A trouble an hour that lasts twenty minutes, of each kind as often.
    fn default() -> Self {
        Self {
            every: hours(1),
            lasts: minutes(20),
            links: 4,
            hosts: 4,
            shortages: 4,
            vms: 4,
            damage: 4,
            machines: 4,
            administrators: 4,
            moves: 4,
        }
    }
}

/// What happens, and when: after so much time since the schedule began.
///
/// Entries are in the order of their times. A schedule may hold what comes to nothing: a host
/// cannot crash that is down. It shrinks by taking entries out, in any order.
///
/// Its [`Debug`](fmt::Debug) is a line for each entry, with its time. It knows no names:
/// [`script`](Self::script) does.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Schedule {
    /// What happens, and when.
    pub entries: Vec<(Duration, Input)>,
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.entries.iter().try_for_each(|(at, input)| {
            let line = Line::from_input(input, &Nameless);
            write!(f, "\n{:<8}  {line}", format!("@{}", format_duration(*at)))
        })
    }
}

impl Schedule {
    /// Draws a schedule for what is in a world now, with Xoshiro256++, which is the same on every
    /// machine.
    ///
    /// Troubles begin within the horizon. Each is repaired at its time, which may be later, so that
    /// at the end of a schedule nothing is broken from outside but what damage is not repaired.
    pub fn draw(seed: u64, world: &World, horizon: Duration, dials: &Dials) -> Self {
        let mut draws = Draws(Xoshiro256PlusPlus::seed_from_u64(seed));
        let mut entries = Vec::new();
        let mut at = draws.about(dials.every.max(seconds(1)));
        while at < horizon {
            let (begins, ends) = draws.trouble(world, dials);
            let until = at + draws.about(dials.lasts);
            entries.extend(begins.map(|it| (at, it)));
            entries.extend(ends.map(|it| (until, it)));
            at += draws.about(dials.every.max(seconds(1)));
        }
        // A stable sort: what was drawn first happens first.
        entries.sort_by_key(|(at, _)| *at);
        Self { entries }
    }

    /// The inputs, with the time between them.
    pub fn inputs(&self) -> Vec<Input> {
        let mut inputs = Vec::new();
        let mut now = Duration::ZERO;
        for (at, input) in &self.entries {
            if let Some(between) = at.checked_sub(now).filter(|it| !it.is_zero()) {
                inputs.push(Input::Advance(between));
                now = *at;
            }
            inputs.push(input.clone());
        }
        inputs
    }

    /// Lets it happen.
    pub fn run(&self, world: &mut World, out: &mut Vec<Event>) {
        for input in self.inputs() {
            world.apply(&input, out);
        }
    }

    /// A script that does it all again, from the beginning on, and draws nothing.
    pub fn script(&self, beginning: &Beginning) -> Script {
        beginning.record(&self.inputs())
    }
}

/// How many troubles of hosts there are; in the ways of [`Verb::Trouble`] those of virtual machines
/// come after them.
#[allow(clippy::cast_possible_truncation)] // A few.
const OF_HOSTS: u16 = HostTrouble::ALL.len() as u16;
#[allow(clippy::cast_possible_truncation)]
const OF_VMS: u16 = VmTrouble::ALL.len() as u16;

struct Draws(Xoshiro256PlusPlus);

impl Draws {
    /// One of so many; 0 of none.
    fn below(&mut self, many: u64) -> u64 {
        self.0.next_u64().checked_rem(many).unwrap_or(0)
    }

    /// From nothing to twice as long, in whole milliseconds, as scripts are read.
    fn about(&mut self, mean: Duration) -> Duration {
        let most = u64::try_from(mean.as_millis()).unwrap_or(u64::MAX).saturating_mul(2);
        Duration::from_millis(self.below(most.saturating_add(1)))
    }

    fn one<T: Copy>(&mut self, of: &[T]) -> T {
        let place = self.below(of.len() as u64);
        of[usize::try_from(place).unwrap_or(0)]
    }

    fn pick(&mut self) -> Pick {
        let [host, vm, low, high, ..] = self.0.next_u64().to_le_bytes();
        Pick { host, vm, how: u16::from_le_bytes([low, high]) }
    }

    /// What begins, and what ends it.
    fn trouble(&mut self, world: &World, dials: &Dials) -> (Option<Input>, Option<Input>) {
        let Dials { links, hosts, shortages, vms, damage, machines, .. } = *dials;
        let (administrators, moves) = (dials.administrators, dials.moves);
        let all = [links, hosts, shortages, vms, damage, machines, administrators, moves];
        let mut left = self.below(all.iter().map(|it| u64::from(*it)).sum());
        let of = |weight: &u16| {
            let here = left < u64::from(*weight);
            left = left.saturating_sub(u64::from(*weight));
            here
        };
        let kind = all.iter().position(of);
        // The same is drawn for each kind, so that a dial changes only what it is about.
        let (pick, what) = (self.pick(), self.below(1 << 16));
        let disturb = |verbs: &[Verb], how: u16| {
            let verb = verbs[usize::try_from(what).unwrap_or(0) % verbs.len()];
            let begins = disturbance(world, verb, Pick { how, ..pick });
            (begins.map(Input::Disturb), begins.and_then(opposite).map(Input::Disturb))
        };
        let trouble = |kind| disturb(&[Verb::Trouble], kind);
        match kind {
            Some(0) => disturb(&[Verb::Cut, Verb::Mute, Verb::Slow, Verb::Lossy], pick.how),
            Some(1) => disturb(&[Verb::Crash, Verb::ShutDown], pick.how),
            Some(2) => trouble(pick.how % OF_HOSTS),
            Some(3) => trouble(OF_HOSTS + pick.how % OF_VMS),
            Some(4) => {
                let verbs = [
                    Verb::ChangeDisks,
                    Verb::CorruptLog,
                    Verb::Resize,
                    Verb::Plug,
                    Verb::CorruptUndoLog,
                ];
                // Deleting is final: an eighth.
                if what % 8 == 7 { disturb(&[Verb::Delete], 0) } else { disturb(&verbs, pick.how) }
            }
            Some(5) => self.machine(world, pick),
            Some(6) => {
                let asked = self.below(6);
                (administrator(world, pick, asked), None)
            }
            Some(7) => disturb(&[Verb::Migrate], pick.how),
            _ => (None, None),
        }
    }

    fn machine(&mut self, world: &World, pick: Pick) -> (Option<Input>, Option<Input>) {
        let hosts: Vec<_> = world.hosts().collect();
        let Some((host, view)) = hosts.get(usize::from(pick.host) % hosts.len().max(1)) else {
            return (None, None);
        };
        let (begins, ends) = match self.below(3) {
            0 => {
                let certificate = Certificate::of(&view.name, THUMBPRINT);
                (
                    HostChange::RemoveCertificate(THUMBPRINT.to_owned()),
                    HostChange::InstallCertificate(certificate),
                )
            }
            1 => {
                let port = self.one(&[80, 443]);
                (HostChange::OccupyPort(port), HostChange::ReleasePort(port))
            }
            _ => {
                let folder = r"D:\Replica".to_owned();
                (HostChange::CloseFolder(folder.clone()), HostChange::OpenFolder(folder))
            }
        };
        let on = |change| Some(Input::Configure { host: *host, change });
        (on(begins), on(ends))
    }
}

/// What another administrator asks for, in good or bad faith: one of six things.
pub(super) fn administrator(world: &World, pick: Pick, what: u64) -> Option<Input> {
    let all: Vec<_> =
        world.hosts().flat_map(|(host, _)| world.vms(host).map(move |vm| (host, vm.id))).collect();
    let (host, vm) = *all.get(usize::from(pick.vm).checked_rem(all.len())?)?;
    let replication =
        |requested| Call::RequestReplicationStateChange { vm, relationship: None, requested };
    let power = |requested| Call::RequestStateChange { vm, requested };
    let call = match what % 6 {
        0 => replication(7),
        1 => replication(3),
        2 => Call::Resynchronize { vm, start: None },
        3 => power(3),
        4 => power(9),
        _ => power(2),
    };
    Some(Input::Call { host, caller: Caller::Administrator, call })
}
