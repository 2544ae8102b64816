//! Whether a run repeats itself: the same test twice, step by step, and a digest of a whole script.
//!
//! ```
//! use hyperv_replica::{prelude::*, sim::Lab, testkit::determinism};
//!
//! determinism::assert_deterministic(|| Lab::new(["tokyo", "osaka"]), |lab| {
//!     let web = lab.vm("web").running().create();
//!     let tokyo = lab.host("tokyo");
//!     let created = tokyo.create_replication_relationship(web, Settings::to("osaka"));
//!     tokyo.wait(created.expect("accepted")).expect("completed");
//! });
//! ```

use crate::engine::{Digest, Event, Input, Reply, World};
use crate::oracle::Picture;
use crate::script::{self, Fault, Line, Runner, Script, Statement};
use crate::sim::{Lab, Step};
use std::fmt::{self, Write};

/// Everything that could be seen of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Every input with its reply.
    pub steps: Vec<Step>,
    /// Every change that was announced, in order.
    pub events: Vec<Event>,
    /// The world in the end.
    pub end: World,
}

impl Run {
    /// Runs a test in a lab.
    pub fn of(lab: &Lab, test: impl FnOnce(&Lab)) -> Self {
        let watch = lab.watch();
        lab.start_trace();
        test(lab);
        Self { steps: lab.take_trace(), events: watch.take(), end: lab.world() }
    }

    /// Runs a script in a world of its own, as [`script::run`] does: with the seed and the policy
    /// that it says, and without the calls that its faults keep from the world. What it expects is
    /// not looked at.
    ///
    /// # Errors
    /// The first line that cannot be done.
    pub fn of_script(script: &Script) -> Result<Self, Fault> {
        let mut runner = Runner::new(World::new(0));
        let mut inputs = Vec::new();
        for (number, line) in (1..).zip(&script.lines) {
            let (before, from) = (runner.inputs().len(), runner.world().now());
            if let Some(fault @ Fault::Problem(_)) =
                runner.step(number, line).and_then(|it| it.fault)
            {
                return Err(fault);
            }
            match line.statement {
                // How often it had to look is no part of what happened.
                Some(Statement::Wait { .. }) => {
                    inputs.push(Input::Advance(runner.world().now().since(from)));
                }
                _ => inputs.extend_from_slice(&runner.inputs()[before..]),
            }
        }
        let end = World::with_policy(runner.world().seed(), runner.world().policy().clone());
        let mut run = Self { steps: Vec::new(), events: Vec::new(), end };
        inputs.into_iter().for_each(|input| run.make(input));
        Ok(run)
    }

    fn make(&mut self, input: Input) {
        let at = self.end.now();
        let reply = self.end.apply(&input, &mut self.events);
        self.steps.push(Step { at, input, reply });
    }

    /// The inputs as a script that makes the same run, in a world as it was in the beginning.
    pub fn record(&self, beginning: World) -> Script {
        script::record(beginning, self.steps.iter().map(|it| &it.input))
    }

    /// Stands for every reply, every event, and what can be seen in the end. How the machine stores
    /// a world, and the sentences that explain a refusal, are no part of it.
    pub fn digest(&self) -> Digest {
        let mut text = Fnv::default();
        for Step { at, reply, .. } in &self.steps {
            text.note(&(at, Told(reply)));
        }
        for Event { at, host, change } in &self.events {
            text.note(&(at, host, change));
        }
        text.note(&Picture::of(&self.end));
        for (host, _) in self.end.hosts() {
            self.end.event_log(host).for_each(|entry| text.note(entry));
        }
        Digest(text.0)
    }

    /// Where another run begins to differ, for a person; `None` if it does not.
    ///
    /// `beginning` is the world in which both began.
    pub fn difference(&self, other: &Self, beginning: &World) -> Option<String> {
        let steps = self.steps.iter().zip(&other.steps);
        let same = steps.take_while(|(one, two)| one == two).count();
        if let (Some(one), Some(two)) = (self.steps.get(same), other.steps.get(same)) {
            let before = self.record(beginning.clone()).lines;
            let lines = |run: &Self| {
                let line = run.record(beginning.clone()).lines.into_iter().nth(same);
                line.unwrap_or_else(Line::default)
            };
            let before: Vec<_> = before.iter().take(same).map(|it| format!("  {it}\n")).collect();
            let before = before.concat();
            return Some(format!(
                "after {same} equal steps\n{before}the first run does at {}\n  {}\nthe second at \
                 {}\n  {}",
                one.at,
                lines(self),
                two.at,
                lines(other),
            ));
        }
        if self.steps.len() != other.steps.len() {
            let (one, two) = (self.steps.len(), other.steps.len());
            return Some(format!("the first run takes {one} steps, the second {two}"));
        }
        let events = self.events.iter().zip(&other.events);
        if let Some((one, two)) = events.into_iter().find(|(one, two)| one != two) {
            return Some(format!("the first run announces {one:?}, the second {two:?}"));
        }
        (self != other).then(|| "the same steps end in different worlds".to_owned())
    }
}

/// Runs a test twice, each time in a new lab, and compares every input, every reply, every change
/// and the world in the end.
///
/// What makes a test differ is outside the lab: a clock, a hash map, a thread.
///
/// # Panics
/// If the runs differ, with the first difference and the script up to it.
#[track_caller]
pub fn assert_deterministic(make: impl Fn() -> Lab, test: impl Fn(&Lab)) {
    let lab = make();
    let beginning = lab.world();
    let first = Run::of(&lab, &test);
    let second = Run::of(&make(), &test);
    if let Some(says) = first.difference(&second, &beginning) {
        panic!("the test does not repeat itself: {says}");
    }
}

/// A reply without its explanation.
struct Told<'a>(&'a Reply);

impl fmt::Debug for Told<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Reply::Refused(refusal) => (refusal.operation, refusal.code, &refusal.found).fmt(f),
            other => other.fmt(f),
        }
    }
}

/// The 128-bit FNV-1a hash of a text: the same on every machine.
struct Fnv(u128);

impl Default for Fnv {
    fn default() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }
}

impl Fnv {
    fn note(&mut self, it: &dyn fmt::Debug) {
        // Nothing that is written to here fails.
        let _ = writeln!(self, "{it:?}");
    }
}

impl Write for Fnv {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
        self.0 = text.bytes().fold(self.0, |hash, it| (hash ^ u128::from(it)).wrapping_mul(PRIME));
        Ok(())
    }
}
