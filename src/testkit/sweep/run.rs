//! One run of the orchestration: what became of it, and the script that shows it.

use super::Sweep;
use super::course::{Course, Endless, Entry, Injection, Limits, Site, State};
use crate::engine::{Input, World};
use crate::model::time::hours;
use crate::oracle::Watcher;
use crate::script::{Line, Script, Statement};
use crate::sim::Lab;
use crate::testkit::counterexample::Broken;
use crate::testkit::liveness::{self, Stuck};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// What is wrong with a run.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Complaint {
    /// The caller's own oracle says so.
    Broken(Broken),
    /// The orchestration panicked.
    Panicked(String),
    /// It did not end within its calls or its time.
    Endless,
    /// An invariant of Hyper-V Replica did not hold: an error of the simulator.
    Violated(String),
    /// After everything was healed, and an administrator had done what is documented, these did not
    /// come to rest.
    Stuck(Vec<Stuck>),
}

impl Complaint {
    /// The last line of the script, which fails; `None` where the line before it does.
    fn line(&self) -> Option<Line> {
        match self {
            Self::Broken(broken) => Some(broken.line().clone()),
            Self::Violated(_) => None,
            _ => Some(Statement::Fail(self.to_string().into()).into()),
        }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(broken) => broken.fmt(f),
            Self::Violated(says) => f.write_str(says),
            Self::Panicked(says) => write!(f, "it panicked: {says}"),
            Self::Endless => f.write_str("it does not end"),
            Self::Stuck(stuck) => {
                f.write_str("after everything was healed, ")?;
                let stuck: Vec<_> = stuck.iter().map(ToString::to_string).collect();
                f.write_str(&stuck.join("; "))
            }
        }
    }
}

/// A run that has ended, one way or the other.
pub(super) struct Run {
    pub(super) state: State,
    /// What is wrong, and the script that shows it.
    pub(super) wrong: Option<(Complaint, Script)>,
}

impl Sweep {
    /// Runs the orchestration once on a world of its own.
    pub(super) fn once<R>(
        &self,
        injections: Vec<Injection>,
        learns: bool,
        orchestrate: &(impl Fn(&Site) -> R + Sync),
        oracle: &(impl Fn(&Lab, &R) -> Result<(), Broken> + Sync),
    ) -> Run {
        let lab = self.lab.fork();
        let (contacts, time, outage) = (self.calls, self.time, self.outage);
        let limits = Limits { contacts, time, outage, learns };
        let course = Course::new(lab.clone(), limits, injections);
        let site = Site::new(Arc::clone(&course));
        let ended = catch_unwind(AssertUnwindSafe(|| orchestrate(&site)));
        drop(site);
        course.note([]);
        let told = match ended {
            Ok(result) => {
                let told = oracle(&lab, &result).map_err(Complaint::Broken);
                course.conclude();
                told
            }
            Err(cause) if cause.is::<Endless>() => Err(Complaint::Endless),
            Err(cause) => Err(Complaint::Panicked(message(&*cause))),
        };
        let mut state = std::mem::take(&mut *course.lock());
        let judged = self.judge(Trial::of(self.lab.world()), &mut state, told);
        let wrong = judged.err().map(|complaint| {
            let script = self.script(&state, &complaint);
            (complaint, script)
        });
        Run { state, wrong }
    }

    /// Judges each step of a run, then whether everything heals; the log grows by what that takes,
    /// and ends with what is wrong.
    ///
    /// An invariant is the world's own, so that it comes before what the caller thinks.
    fn judge(
        &self,
        mut trial: Trial,
        state: &mut State,
        told: Result<(), Complaint>,
    ) -> Result<(), Complaint> {
        for (number, entry) in (1..).zip(&state.log) {
            let Entry::Input(input) = entry else { continue };
            if let Err(says) = trial.step(input) {
                state.log.truncate(number);
                return Err(says);
            }
        }
        told?;
        let ends = std::mem::take(&mut state.ends).into_iter().flat_map(|(_, inputs)| inputs);
        // What stirs while it heals is over before the day of rest begins.
        let stirs = hours(1).min(self.settle);
        state.log.push(Entry::Comment("Everything heals.".to_owned()));
        trial.log(ends.chain([Input::Advance(stirs)]), &mut state.log)?;
        state.log.push(Entry::Comment("Everything rests.".to_owned()));
        trial.log([Input::Advance(self.settle - stirs)], &mut state.log)?;
        if !self.recovers || liveness::stuck(&trial.world).is_empty() {
            return Ok(());
        }
        let recovery = liveness::recover(&trial.world);
        trial.log(recovery.inputs, &mut state.log)?;
        if recovery.stuck.is_empty() { Ok(()) } else { Err(Complaint::Stuck(recovery.stuck)) }
    }

    /// What was done, as a script from the beginning of the preparation on.
    fn script(&self, state: &State, complaint: &Complaint) -> Script {
        let mut lines = self.preparation.lines.clone();
        let mut runner = self.runner.clone();
        lines.extend(merged(&state.log).into_iter().map(|entry| match entry {
            Entry::Input(input) | Entry::Unreached(input) => runner.record(&input),
            Entry::Fault(fault) => {
                runner.arm(fault.clone());
                Statement::Fault(fault).into()
            }
            Entry::Comment(says) => Line::comment(&format!(" {says}")),
        }));
        lines.extend(complaint.line());
        Script { lines }
    }
}

/// What a panic says.
fn message(cause: &(dyn Any + Send)) -> String {
    let text = cause.downcast_ref::<&str>().copied();
    let text = text.or_else(|| cause.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it does not say why").to_owned()
}

/// Time that passes in several pieces is one piece, unless something is between: how time is cut
/// makes no difference.
fn merged(log: &[Entry]) -> Vec<Entry> {
    let mut merged: Vec<Entry> = Vec::new();
    for entry in log {
        match (merged.last_mut(), entry) {
            (_, Entry::Input(Input::Advance(by))) if by.is_zero() => {}
            (Some(Entry::Input(Input::Advance(all))), Entry::Input(Input::Advance(by))) => {
                *all += *by;
            }
            _ => merged.push(entry.clone()),
        }
    }
    merged
}

/// A world whose steps are judged by the invariants of Hyper-V Replica.
struct Trial {
    world: World,
    watcher: Watcher,
}

impl Trial {
    fn of(world: World) -> Self {
        Self { watcher: Watcher::new(&world), world }
    }

    fn step(&mut self, input: &Input) -> Result<(), Complaint> {
        let judged = self.watcher.apply(&mut self.world, input, &mut Vec::new());
        judged.map(drop).map_err(|violation| Complaint::Violated(violation.to_string()))
    }

    /// Does what is more, and writes it down.
    fn log(
        &mut self,
        inputs: impl IntoIterator<Item = Input>,
        log: &mut Vec<Entry>,
    ) -> Result<(), Complaint> {
        inputs.into_iter().try_for_each(|input| {
            let judged = self.step(&input);
            log.push(Entry::Input(input));
            judged
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Caller;
    use crate::model::{Call, HostId};
    use crate::script::{Runner, id_of_name};

    const PREPARATION: &str = "host tokyo\nvm web on tokyo running";

    fn sweep() -> Sweep {
        Sweep::prepared_by(&PREPARATION.parse().expect("a script")).expect("it goes as it says")
    }

    /// Somebody who watched another world sees a refusal that changed everything.
    fn doctored(sweep: &Sweep) -> Trial {
        Trial { world: sweep.lab.world(), watcher: Watcher::new(&World::new(0)) }
    }

    fn refused() -> Entry {
        let call = Call::CommitFailover { vm: id_of_name("web") };
        Entry::Input(Input::Call { host: HostId(0), caller: Caller::Administrator, call })
    }

    /// A run in which an invariant breaks is red whatever the oracle says, and its script ends with
    /// the step that broke it.
    #[test]
    fn a_step_that_breaks_an_invariant_is_told_first() {
        let sweep = sweep();
        let mut state = State::default();
        state.log = vec![refused(), Entry::Comment("More.".to_owned())];
        let told = Err(Complaint::Endless);
        let complaint = sweep.judge(doctored(&sweep), &mut state, told).expect_err("it breaks");
        let Complaint::Violated(says) = &complaint else { panic!("{complaint}") };
        assert!(says.contains("refusal-changes-nothing"), "{says}");
        let script = sweep.script(&state, &complaint).to_string();
        assert!(script.ends_with("\ntokyo CommitFailover web  => 32775\n"), "{script}");
    }

    /// An invariant that breaks while everything heals is told, too, with what was done to heal it.
    #[test]
    fn a_day_of_rest_is_judged() {
        let sweep = sweep();
        let mut state = State::default();
        state.ends = vec![(
            sweep.lab.now(),
            vec![match refused() {
                Entry::Input(input) => input,
                _ => unreachable!("it is an input"),
            }],
        )];
        let complaint = sweep.judge(doctored(&sweep), &mut state, Ok(())).expect_err("it breaks");
        assert!(matches!(complaint, Complaint::Violated(_)), "{complaint}");
        let script = sweep.script(&state, &complaint).to_string();
        assert!(script.contains("\n# Everything heals.\ntokyo CommitFailover web"), "{script}");
        let undoctored = Trial::of(sweep.lab.world());
        assert_eq!(sweep.judge(undoctored, &mut State::default(), Ok(())), Ok(()));
        assert!(Runner::observed(World::new(0)).run(&script.parse().expect("a script")).passed());
    }
}
