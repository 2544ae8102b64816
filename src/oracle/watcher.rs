//! Watching a world: every step is judged, and what it reached is noted.

use super::always::all_hold;
use super::picture::Sides;
use super::{ALWAYS, Always, Coverage, Finding, Judged, Memory, Picture, Step, stepwise};
use crate::engine::{Disturbance, Event, Input, Reply, World};
use crate::model::time::format_duration;
use std::fmt;

/// Judges every step of one world, from the moment it began to watch.
///
/// ```
/// use hyperv_replica::engine::{Disturbance, HostSpec, Input, World};
/// use hyperv_replica::model::HostId;
/// use hyperv_replica::oracle::Watcher;
///
/// let mut world = World::new(0);
/// let mut watcher = Watcher::new(&world);
/// let mut events = Vec::new();
/// for input in [
///     Input::AddHost(HostSpec::trusting("tokyo")),
///     Input::Disturb(Disturbance::CrashHost(HostId(0))),
/// ] {
///     watcher.apply(&mut world, &input, &mut events)?;
/// }
/// # Ok::<(), Box<hyperv_replica::oracle::Violation>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Watcher {
    seen: Picture,
    /// The picture before that, to be made the next one.
    spare: Picture,
    /// The world before the last step that might have been refused, to be made that of the next one.
    kept: Option<World>,
    memory: Memory,
    coverage: Coverage,
}

impl Watcher {
    /// Begins to watch a world as it is now.
    pub fn new(world: &World) -> Self {
        let memory = Memory { stirred: world.now(), ..Memory::default() };
        let seen = Picture::of(world);
        Self { spare: seen.clone(), seen, kept: None, memory, coverage: Coverage::default() }
    }

    /// Applies an input in small steps and judges each.
    ///
    /// # Errors
    /// The first invariant that does not hold. The step that broke it has happened.
    pub fn apply(
        &mut self,
        world: &mut World,
        input: &Input,
        out: &mut Vec<Event>,
    ) -> Result<Reply, Box<Violation>> {
        stepwise(world, input, |world, piece| self.step(world, piece, out))
    }

    /// Applies one small step and judges it.
    pub(crate) fn step(
        &mut self,
        world: &mut World,
        input: &Input,
        out: &mut Vec<Event>,
    ) -> Result<Reply, Box<Violation>> {
        if may_be_refused(world, input) {
            match &mut self.kept {
                Some(kept) => kept.restore(world),
                None => self.kept = Some(world.clone()),
            }
        }
        let from = out.len();
        let reply = world.apply(input, out);
        self.spare.refresh(world);
        let step = Step {
            input,
            reply: &reply,
            events: &out[from..],
            before: &self.seen,
            after: &self.spare,
            changed: !reply.is_refusal() || self.kept.as_ref().is_none_or(|kept| kept != world),
        };
        let verdict = judge(&step, &self.memory);
        let judged = verdict.as_ref().copied().unwrap_or_default();
        self.coverage.learn(&step, &self.memory, judged);
        self.memory.learn(&step);
        std::mem::swap(&mut self.seen, &mut self.spare);
        verdict.map(|_| reply)
    }

    /// Goes back to what another one has seen and remembers, by copying only what differs. What it
    /// has reached stays reached.
    pub(crate) fn restore(&mut self, from: &Self) {
        self.seen.restore(&from.seen);
        if self.memory != from.memory {
            self.memory.clone_from(&from.memory);
        }
    }

    /// What the world looked like at the last look.
    pub fn seen(&self) -> &Picture {
        &self.seen
    }

    /// What is remembered.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The goals that were reached since the watch began.
    pub fn coverage(&self) -> &Coverage {
        &self.coverage
    }
}

/// Whether an input may be answered with a refusal, so that a copy of the world is needed to tell
/// whether that changed anything.
fn may_be_refused(world: &World, input: &Input) -> bool {
    match input {
        Input::Advance(_) => false,
        Input::Call { host, caller, call } => !world.begins_a_job(*host, *caller, call),
        _ => true,
    }
}

/// Judges one step by every invariant; which of them had something to judge in it.
///
/// # Errors
/// The first that does not hold.
pub fn judge(step: &Step<'_>, memory: &Memory) -> Result<Judged, Box<Violation>> {
    if let Ok(judged) = all_hold(step, memory) {
        return Ok(judged);
    }
    let broken = ALWAYS.iter().find_map(|invariant| {
        let finding = (invariant.check)(step, memory).err()?;
        Some(Box::new(Violation {
            invariant,
            finding: *finding,
            input: step.input.clone(),
            reply: step.reply.clone(),
            before: step.before.clone(),
            after: step.after.clone(),
        }))
    });
    broken.map_or(Ok(Judged::default()), Err)
}

/// An invariant that does not hold: an error of this crate, or of a backend that was compared with
/// it. It prints the step, and every copy of the virtual machine before and after it.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The invariant.
    pub invariant: &'static Always,
    /// What was seen.
    pub finding: Finding,
    /// What happened.
    pub input: Input,
    /// What came of it.
    pub reply: Reply,
    /// What could be seen before.
    pub before: Picture,
    /// What can be seen after.
    pub after: Picture,
}

impl std::error::Error for Violation {}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { invariant, finding, input, reply, before, after } = self;
        let Always { name, says, evidence, .. } = invariant;
        writeln!(f, "the invariant `{name}` does not hold: {}", finding.says)?;
        writeln!(f, "  {says} ({evidence})")?;
        writeln!(f, "  step: {}, answered {}", Told(input, before), Answer(reply))?;
        writeln!(f, "  before, at {}:{}", before.now, Sides(before, finding.about))?;
        write!(f, "  after, at {}:{}", after.now, Sides(after, finding.about))
    }
}

/// An input for a person.
struct Told<'a>(&'a Input, &'a Picture);

impl fmt::Display for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(input, picture) = self;
        let name = |host| picture.name(host);
        match input {
            Input::AddHost(spec) => write!(f, "host {} joins", spec.name),
            Input::AddVm { host, vm } => write!(f, "{} is defined on {}", vm.name, name(*host)),
            Input::Advance(by) => write!(f, "{} pass", format_duration(*by)),
            Input::Call { host, call, .. } => {
                write!(f, "{} on {}", call.operation(), name(*host))?;
                match call.vm().and_then(|vm| picture.copies.get(&(*host, vm))) {
                    Some(copy) => write!(f, " for {}", copy.vm.name),
                    None => Ok(()),
                }
            }
            Input::Configure { host, change } => write!(f, "{}: {change:?}", name(*host)),
            Input::Disturb(what) => disturbance(f, *what, picture),
        }
    }
}

fn disturbance(f: &mut fmt::Formatter<'_>, what: Disturbance, picture: &Picture) -> fmt::Result {
    let name = |host| picture.name(host);
    let vm = |host, vm| match picture.copies.get(&(host, vm)) {
        Some(copy) => format!("{} on {}", copy.vm.name, picture.name(host)),
        None => format!("{vm} on {}", picture.name(host)),
    };
    match what {
        Disturbance::CutLink(a, b) => write!(f, "{} and {} are cut", name(a), name(b)),
        Disturbance::CutOneWay(a, b) => write!(f, "{} is not heard on {}", name(a), name(b)),
        Disturbance::WeakenLink(a, b, how) => {
            write!(f, "the link of {} and {} gets {how:?}", name(a), name(b))
        }
        Disturbance::HealLink(a, b) => write!(f, "{} and {} are healed", name(a), name(b)),
        Disturbance::CrashHost(host) => write!(f, "{} crashes", name(host)),
        Disturbance::ShutDownHost(host) => write!(f, "{} is shut down", name(host)),
        Disturbance::BootHost(host) => write!(f, "{} boots", name(host)),
        Disturbance::TroubleHost(host, it) => write!(f, "{} on {} begins", it.name(), name(host)),
        Disturbance::RelieveHost(host, it) => write!(f, "{} on {} ends", it.name(), name(host)),
        Disturbance::TroubleVm(host, id, it) => {
            write!(f, "{} of {} begins", it.name(), vm(host, id))
        }
        Disturbance::RelieveVm(host, id, it) => write!(f, "{} of {} ends", it.name(), vm(host, id)),
        Disturbance::ChangeDisks(host, id) => {
            write!(f, "the disks of {} are changed", vm(host, id))
        }
        Disturbance::CorruptLog(host, id) => write!(f, "the log of {} is corrupt", vm(host, id)),
        Disturbance::CorruptUndoLog(host, id, point) => {
            write!(f, "the undo log of point {point} of {} is corrupt", vm(host, id))
        }
        Disturbance::ResizeDisk(host, id, disk) => {
            write!(f, "disk {} of {} is resized", disk.id.0, vm(host, id))
        }
        Disturbance::PlugAdapter(host, id, adapter, _) => {
            write!(f, "adapter {} of {} is plugged elsewhere", adapter.0, vm(host, id))
        }
        Disturbance::DeleteVm(host, id) => write!(f, "{} is deleted", vm(host, id)),
        Disturbance::MigrateVm(host, id, to) => {
            write!(f, "{} is moved to {}", vm(host, id), name(to))
        }
    }
}

/// A reply for a person.
struct Answer<'a>(&'a Reply);

impl fmt::Display for Answer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reply::Completed | Reply::Returned(_) => f.write_str("0"),
            Reply::Started(job) => write!(f, "4096 with job {job}"),
            Reply::Refused(refusal) => write!(f, "{}: {}", refusal.code, refusal.why),
            Reply::NotImplemented => f.write_str("1"),
            Reply::NotFound(missing) => missing.fmt(f),
            Reply::Rejected(rejection) => rejection.fmt(f),
            Reply::Happened => f.write_str("done"),
        }
    }
}
