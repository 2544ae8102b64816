//! What breaks a property, as a script that can be kept and breaks it again.

use super::beginning::Beginning;
use super::walk::Walk;
use crate::engine::{Event, Input, World};
use crate::oracle::{Violation, Watcher};
use crate::script::{self, Fault, Line, Runner, Script, Statement};
use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a property does not hold, as the property says it.
///
/// It becomes the last line of the counterexample, and fails wherever that is run, without the
/// property. A [`Line`] stands there as it is: an `expect` that does not come true. A sentence is said
/// by a `fail`.
///
/// ```
/// use hyperv_replica::script::Line;
/// use hyperv_replica::testkit::counterexample::Broken;
///
/// fn property() -> Result<(), Broken> {
///     Err("expect osaka web Replica running".parse::<Line>()?.into())
/// }
/// assert_eq!(property().unwrap_err().to_string(), "expect osaka web Replica running");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken(Box<Line>);

impl Broken {
    /// The line that fails.
    pub fn line(&self) -> &Line {
        &self.0
    }
}

impl From<Line> for Broken {
    fn from(line: Line) -> Self {
        Self(Box::new(line))
    }
}

impl From<String> for Broken {
    fn from(says: String) -> Self {
        says.as_str().into()
    }
}

impl From<&str> for Broken {
    fn from(says: &str) -> Self {
        Line::from(Statement::Fail(says.into())).into()
    }
}

impl From<script::ParseError> for Broken {
    fn from(error: script::ParseError) -> Self {
        error.to_string().into()
    }
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Line { statement: Some(Statement::Fail(says)), .. } => f.write_str(says),
            line => line.fmt(f),
        }
    }
}

/// What went wrong.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Failure {
    /// An invariant does not hold: an error of this crate.
    Violation(Box<Violation>),
    /// The property does not hold.
    Broken(Broken),
    /// The property or the engine panicked with this message.
    Panicked(String),
}

impl Failure {
    pub(super) fn of_panic(payload: &(dyn Any + Send)) -> Self {
        let said = payload.downcast_ref::<String>().map(String::as_str);
        let said = said.or_else(|| payload.downcast_ref::<&str>().copied());
        Self::Panicked(said.unwrap_or("a panic without a message").to_owned())
    }

    /// The line that fails as this did, behind those that lead there; `None` if they fail themselves.
    fn line(&self) -> Option<Line> {
        match self {
            Self::Violation(_) => None,
            Self::Broken(Broken(line)) => Some(Line::clone(line)),
            // The engine panics again by itself, and nobody gets here; a property's panic is told.
            Self::Panicked(_) => Some(Statement::Fail(self.to_string().into()).into()),
        }
    }

    /// Whether both are the same kind of failure; numbers and names in it may differ.
    pub fn is_like(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Violation(one), Self::Violation(other)) => {
                one.invariant.name == other.invariant.name
            }
            (Self::Broken(_), Self::Broken(_)) | (Self::Panicked(_), Self::Panicked(_)) => true,
            _ => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Violation(it) => it.fmt(f),
            Self::Broken(it) => write!(f, "the property does not hold: {it}"),
            Self::Panicked(says) => write!(f, "a panic: {says}"),
        }
    }
}

/// Makes inputs happen one by one, and judges each by every invariant and by a property.
#[derive(Debug)]
struct Trial<'a, P> {
    world: World,
    watcher: Watcher,
    events: Vec<Event>,
    property: &'a P,
}

impl<'a, P: Fn(&World) -> Result<(), Broken>> Trial<'a, P> {
    fn of(world: World, property: &'a P) -> Self {
        let watcher = Watcher::new(&world);
        Self { world, watcher, events: Vec::new(), property }
    }

    fn step(&mut self, input: &Input) -> Result<(), Failure> {
        let Self { world, watcher, events, property } = self;
        events.clear();
        let judged = catch_unwind(AssertUnwindSafe(|| {
            watcher.apply(world, input, events).map_err(Failure::Violation)?;
            property(world).map_err(Failure::Broken)
        }));
        judged.unwrap_or_else(|payload| Err(Failure::of_panic(&*payload)))
    }
}

/// Inputs that break a property, the last of them in fact.
#[derive(Clone, Debug)]
pub struct Found {
    /// The world before them.
    pub begin: World,
    /// What happens.
    pub inputs: Vec<Input>,
    /// What goes wrong with the last.
    pub failure: Failure,
}

impl Found {
    /// Goes through a walk until the property, or an invariant, does not hold.
    pub fn in_walk(walk: &Walk, property: &impl Fn(&World) -> Result<(), Broken>) -> Option<Self> {
        let Beginning { seed, policy, inputs } = &walk.beginning;
        let begin = World::with_policy(*seed, policy.clone());
        let mut trial = Trial::of(begin.clone(), property);
        let mut done = Vec::new();
        let mut take = |trial: &mut Trial<'_, _>, input: Input| {
            let judged = trial.step(&input);
            done.push(input);
            judged
        };
        let beginning = inputs.iter().try_for_each(|it| take(&mut trial, it.clone()));
        let judged = beginning.and_then(|()| {
            walk.steps.iter().try_for_each(|step| match step.resolve(&trial.world) {
                Some(input) => take(&mut trial, input),
                None => Ok(()),
            })
        });
        judged.err().map(|failure| Self { begin, inputs: done, failure })
    }

    /// Makes inputs happen until the property, or an invariant, does not hold.
    pub fn in_inputs(
        begin: &World,
        inputs: &[Input],
        property: &impl Fn(&World) -> Result<(), Broken>,
    ) -> Option<Self> {
        let mut trial = Trial::of(begin.clone(), property);
        let (last, failure) = (0..)
            .zip(inputs)
            .find_map(|(number, input)| Some((number, trial.step(input).err()?)))?;
        Some(Self { begin: begin.clone(), inputs: inputs[..=last].to_vec(), failure })
    }

    /// Takes out every input without which the same goes wrong, first many at once; and of what is
    /// left every two that can only go together, such as a change and what takes it back. Two pauses
    /// in a row become one.
    #[must_use]
    pub fn shrink(self, property: &impl Fn(&World) -> Result<(), Broken>) -> Self {
        /// Of more inputs there are too many pairs.
        const FEW: usize = 32;
        let mut best = self.without_runs(property);
        while best.inputs.len() <= FEW {
            let shorter = best.with_one_pause(property).or_else(|| best.without_two(property));
            let Some(shorter) = shorter else { break };
            best = shorter.without_runs(property);
        }
        best
    }

    /// Takes out runs of inputs, first long ones.
    fn without_runs(self, property: &impl Fn(&World) -> Result<(), Broken>) -> Self {
        let mut best = self;
        let mut many = best.inputs.len() / 2;
        while many > 0 {
            let mut end = best.inputs.len();
            let before = end;
            while end > 0 {
                let start = end.saturating_sub(many);
                let mut fewer = best.inputs.clone();
                fewer.drain(start..end);
                if let Some(found) = best.still(&fewer, property) {
                    best = found;
                }
                end = start.min(best.inputs.len());
            }
            if many == 1 && best.inputs.len() < before {
                continue;
            }
            many /= 2;
        }
        best
    }

    /// Makes one pause of the last two that follow each other.
    fn with_one_pause(&self, property: &impl Fn(&World) -> Result<(), Broken>) -> Option<Self> {
        (1..self.inputs.len()).rev().find_map(|place| {
            let [Input::Advance(one), Input::Advance(other)] = self.inputs[place - 1..=place] else {
                return None;
            };
            let mut fewer = self.inputs.clone();
            fewer[place] = Input::Advance(one.saturating_add(other));
            fewer.remove(place - 1);
            self.still(&fewer, property)
        })
    }

    /// Takes out the last two inputs that are not needed together.
    fn without_two(&self, property: &impl Fn(&World) -> Result<(), Broken>) -> Option<Self> {
        let mut pairs = (1..self.inputs.len()).rev().flat_map(|j| (0..j).rev().map(move |i| (i, j)));
        pairs.find_map(|(i, j)| {
            let mut fewer = self.inputs.clone();
            fewer.remove(j);
            fewer.remove(i);
            self.still(&fewer, property)
        })
    }

    /// What these inputs break, if that is like this.
    fn still(
        &self,
        inputs: &[Input],
        property: &impl Fn(&World) -> Result<(), Broken>,
    ) -> Option<Self> {
        let found = Self::in_inputs(&self.begin, inputs, property);
        found.filter(|it| it.failure.is_like(&self.failure))
    }

    /// The inputs as a script whose last line goes wrong.
    pub fn script(&self) -> Script {
        let record = |inputs| script::record(self.begin.clone(), inputs);
        let mut script = match &self.failure {
            // What panicked may panic again.
            Failure::Panicked(_) => {
                let (last, before) =
                    self.inputs.split_last().map_or((None, &[][..]), |it| (Some(it.0), it.1));
                let mut script = record(before);
                let mut world = self.begin.clone();
                let mut events = Vec::new();
                for input in before {
                    world.apply(input, &mut events);
                }
                script.lines.extend(last.map(|it| Line::from_input(it, &world)));
                script
            }
            _ => record(&self.inputs),
        };
        script.lines.extend(self.failure.line());
        script
    }
}

/// A script that breaks a property; it [displays](fmt::Display) as the text of a file that does it
/// again.
///
/// The file fails in every [run](script::run), `hvr run` included: by its last line, or because the
/// run is observed and an invariant breaks there. Whether the property still breaks is for
/// [`replay`] to tell.
#[derive(Clone, Debug)]
pub struct Counterexample {
    /// The script, with a head of comments that says what breaks and how it was found.
    pub script: Script,
    /// What goes wrong at its last line.
    pub failure: Failure,
}

impl Counterexample {
    /// The counterexample of what was found, with a line about how.
    pub fn of(found: &Found, how: &str) -> Self {
        let mut script = found.script();
        let says = found.failure.to_string();
        let head = says.lines().chain([how]).map(|it| Line::comment(&format!(" {it}")));
        script.lines.splice(0..0, head);
        Self { script, failure: found.failure.clone() }
    }
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.script.fmt(f)
    }
}

impl std::error::Error for Counterexample {}

/// Runs a script under every invariant and a property; the first thing that goes wrong, as a
/// [`Failure`] says it, or as the line that does not do what it says. What a `fail` line says is the
/// property's to say again.
pub fn replay(script: &Script, property: &impl Fn(&World) -> Result<(), Broken>) -> Option<String> {
    let mut runner = Runner::observed(World::new(0));
    for (number, line) in (1..).zip(&script.lines) {
        let judged = catch_unwind(AssertUnwindSafe(|| {
            let Some(step) = runner.step(number, line) else { return Ok(()) };
            match step.fault {
                Some(fault) if !matches!(fault, Fault::Failed { .. }) => Err(fault.to_string()),
                _ => property(runner.world()).map_err(|it| Failure::Broken(it).to_string()),
            }
        }));
        let panicked = |payload: Box<dyn Any + Send>| Failure::of_panic(&*payload).to_string();
        match judged {
            Ok(Ok(())) => {}
            Ok(Err(says)) => return Some(says),
            Err(payload) => return Some(panicked(payload)),
        }
    }
    None
}
