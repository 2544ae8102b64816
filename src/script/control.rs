//! Control of a lab that others use meanwhile: a request is a few lines of a script.

use super::ast::{Line, Script};
use super::parse::{MAX_BYTES, MAX_LINES};
use super::problem::Problem;
use super::record::record;
use super::report::{Report, Step};
use super::runner::Runner;
use super::stage::Memory;
use super::text::{Span, Word};
use crate::engine::World;
use crate::layer::Faults;
use crate::model::SimTime;
use crate::sim::{self, Checkpoint, Lab};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// Lets somebody arrange a lab while clients use it: time, troubles, changes to hosts, calls, looks.
///
/// A request is lines of a script, and is run as a script is, with nobody's input in between. Names
/// of jobs that one request gives are known to the next. Five lines are only known here:
///
/// - `fork NAME`: from here to the end of the request, lines are about the fork of this name: a lab
///   of its own, made of the served one as it is now if there is none of the name yet. So a request
///   that begins with `fork what-if` is answered from that fork. Clients never see a fork.
/// - `reset`: the lab is as it was when control began, and so are its faults; a fork is as the served
///   lab is now.
/// - `drop NAME`: the fork of this name is forgotten.
/// - `trace`: the answer has the script of everything that happened, by whomever, since control
///   began or since `reset`.
/// - `hosts`: the answer of the step is the names of the hosts.
///
/// A host that has the name of one of these is written in quotes.
///
/// What `fault` lines arm, requests meet; and clients, too, if they are served
/// [under the same faults](Self::under).
///
/// ```
/// use hyperv_replica::{prelude::*, script::Control, sim::Lab};
///
/// let lab = Lab::new(["tokyo", "osaka"]);
/// let control = Control::new(lab.clone());
/// assert!(control.run("vm web on tokyo running\nadvance 5m").passed());
/// lab.host("tokyo").start_vm(lab.host("tokyo").vms()?[0].id).unwrap_err(); // A client.
///
/// let answer = control.run("fork what-if\ncrash tokyo\nexpect tokyo web off");
/// assert!(answer.passed(), "{answer}");
/// assert!(control.run("expect tokyo web running").passed(), "nobody crashed that one");
/// # Ok::<(), hyperv_replica::Error>(())
/// ```
#[derive(Debug)]
pub struct Control {
    courses: Mutex<Courses>,
}

/// What came of a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Answer {
    /// What is wrong with the text of the request. If anything is, nothing was done.
    pub problems: Vec<Problem>,
    /// A step for each line that does something, as of a script that is run.
    #[serde(flatten)]
    pub report: Report,
    /// What `trace` asked for.
    pub trace: Option<String>,
    /// The time of the lab, or of the fork, after it.
    pub now: SimTime,
    /// The request as a script, so that the report can be shown beside it. The lines that are only
    /// known to control are comments. Who made the request has it already: it is not serialised.
    #[serde(skip)]
    pub script: Script,
}

impl Answer {
    /// Whether everything was understood and went as the request says.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.problems.is_empty() && self.report.passed()
    }
}

impl fmt::Display for Answer {
    /// A line for each step, with its answer and what did not go as expected.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for problem in &self.problems {
            writeln!(f, "error: {problem}")?;
        }
        for step in &self.report.steps {
            write!(f, "{}  ", step.until)?;
            if let Some(place) = &step.place {
                write!(f, "{place}  ")?;
            }
            f.write_str(&step.what)?;
            if let Some(answer) = &step.answer {
                write!(f, "  => {answer}")?;
            }
            if let Some(why) = &step.why {
                write!(f, "  # {why}")?;
            }
            writeln!(f)?;
            if let Some(fault) = &step.fault {
                writeln!(f, "error: {}:{}: {fault}", step.line, fault.span().start)?;
            }
        }
        f.write_str(self.trace.as_deref().unwrap_or_default())
    }
}

/// The most forks that are kept.
pub const MAX_FORKS: usize = 32;

/// A line of a request.
enum Order {
    Line(Box<Line>),
    Fork(String),
    Drop(String),
    Reset,
    Trace,
    Hosts,
}

impl Control {
    /// Control of this lab. Its trace begins.
    pub fn new(lab: Lab) -> Self {
        let courses = Courses { served: Course::new(lab), forks: BTreeMap::new() };
        Self { courses: Mutex::new(courses) }
    }

    /// The same with these faults, under which clients are served: what they have met so far, and
    /// what `fault` lines add, counts for both. `reset` makes them what they are now; a fork has
    /// its own.
    ///
    /// ```
    /// use hyperv_replica::layer::Faults;
    /// use hyperv_replica::{prelude::*, script::Control, sim::Lab};
    ///
    /// let lab = Lab::new(["tokyo"]);
    /// let web = lab.vm("web").on("tokyo").create();
    /// let faults = Faults::new();
    /// let client = faults.over("tokyo", lab.host("tokyo"));
    /// let control = Control::new(lab).under(faults);
    /// assert!(control.run("fault tokyo RequestStateChange web Enabled  => 32774").passed());
    /// assert_eq!(client.start_vm(web).unwrap_err().code(), Some(ErrorCode::InUse));
    /// control.run("reset");
    /// assert!(client.start_vm(web).is_ok());
    /// ```
    #[must_use]
    pub fn under(self, faults: Faults) -> Self {
        let mut courses = self.courses.into_inner().unwrap_or_else(PoisonError::into_inner);
        courses.served = Course { first_faults: faults.fork(), faults, ..courses.served };
        Self { courses: Mutex::new(courses) }
    }

    /// Does what a request says. A [paced](crate::sim::Clock) lab
    /// [keeps up](crate::sim::Clock::keep_up) first.
    pub fn run(&self, request: &str) -> Answer {
        let (orders, problems) = read(request);
        // A lock is not lost with a thread that panicked: a strict lab does that on purpose.
        let mut courses = self.courses.lock().unwrap_or_else(PoisonError::into_inner);
        if !problems.is_empty() {
            let now = courses.served.lab.now();
            return Answer { problems, now, ..Answer::default() };
        }
        courses.run(orders)
    }
}

#[derive(Debug)]
struct Courses {
    served: Course,
    forks: BTreeMap<String, Course>,
}

/// A lab, and what control remembers of it.
#[derive(Debug)]
struct Course {
    lab: Lab,
    beginning: Checkpoint,
    memory: Memory,
    /// What calls meet, and what it was in the beginning.
    faults: Faults,
    first_faults: Faults,
    /// What happened since the beginning, as far as it was asked for.
    past: Vec<sim::Step>,
}

impl Course {
    fn new(lab: Lab) -> Self {
        lab.start_brief_trace();
        let mut held = lab.hold();
        let beginning = held.checkpoint();
        held.take_trace();
        drop(held);
        let (faults, first_faults) = (Faults::new(), Faults::new());
        Self { lab, beginning, memory: Memory::default(), faults, first_faults, past: Vec::new() }
    }

    /// A course of its own, with the same past.
    fn fork(&mut self) -> Self {
        // Nothing may happen between the copy and the end of its past.
        let served = self.lab.clone();
        let mut held = served.hold();
        self.past.extend(held.take_trace());
        let lab = held.fork();
        drop(held);
        Self {
            beginning: self.beginning.clone(),
            memory: self.memory.clone(),
            faults: self.faults.fork(),
            first_faults: self.first_faults.fork(),
            past: self.past.clone(),
            ..Self::new(lab)
        }
    }

    fn line(&mut self, number: u32, line: &Line) -> Option<Step> {
        let runner = Runner::on(self.lab.hold(), std::mem::take(&mut self.memory));
        let mut runner = runner.under(self.faults.clone());
        let step = runner.step(number, line);
        let (held, memory) = runner.leave();
        drop(held);
        self.memory = memory;
        step
    }

    fn reset(&mut self) -> std::io::Result<()> {
        self.lab.hold().restore(&self.beginning)?;
        self.faults.restore(&self.first_faults);
        (self.memory, self.past) = (Memory::default(), Vec::new());
        Ok(())
    }

    fn hosts(&self) -> String {
        let names = |world: &World| {
            let names = world.hosts().map(|(_, it)| Word::name(&it.name).to_string());
            names.collect::<Vec<_>>().join(" ")
        };
        self.lab.read(names)
    }

    fn trace(&mut self) -> Script {
        self.past.extend(self.lab.hold().take_trace());
        record(self.beginning.world().clone(), self.past.iter().map(|it| &it.input))
    }
}

impl Courses {
    fn course(&mut self, fork: Option<&String>) -> &mut Course {
        match fork {
            None => &mut self.served,
            // A request names a fork after it was made.
            Some(name) => self.forks.get_mut(name).unwrap_or(&mut self.served),
        }
    }

    fn run(&mut self, orders: Vec<Order>) -> Answer {
        let (mut answer, mut fork) = (Answer::default(), None::<String>);
        for (number, order) in (1..).zip(orders) {
            let mut course = self.course(fork.as_ref());
            let at = course.lab.now();
            let (what, done): (_, Result<Option<String>, String>) = match order {
                Order::Line(line) => {
                    answer.report.steps.extend(course.line(number, &line));
                    answer.script.lines.push(*line);
                    continue;
                }
                Order::Trace => {
                    answer.trace = Some(course.trace().to_string());
                    ("trace".to_owned(), Ok(None))
                }
                Order::Hosts => ("hosts".to_owned(), Ok(Some(course.hosts()))),
                Order::Reset => {
                    let done = match &fork {
                        None => course.reset().map_err(|it| it.to_string()),
                        Some(name) => {
                            let name = name.clone();
                            let fresh = self.served.fork();
                            self.forks.insert(name, fresh);
                            Ok(())
                        }
                    };
                    ("reset".to_owned(), done.map(|()| None))
                }
                Order::Fork(name) => {
                    let made = self.make(&name);
                    if made.is_ok() {
                        fork = Some(name.clone());
                    }
                    (format!("fork {name}"), made.map(|it| Some(it.to_owned())))
                }
                Order::Drop(name) => {
                    let gone = self.forks.remove(&name).map(|_| None);
                    if fork.as_ref() == Some(&name) {
                        fork = None;
                    }
                    (format!("drop {name}"), gone.ok_or(format!("there is no fork `{name}`")))
                }
            };
            course = self.course(fork.as_ref());
            let until = course.lab.now();
            answer.report.steps.push(step(number, at, until, what.clone(), done));
            answer.script.lines.push(Line::comment(&format!(" {what}")));
        }
        answer.now = self.course(fork.as_ref()).lab.now();
        answer
    }

    /// Makes a fork if there is none of this name; which of the two.
    fn make(&mut self, name: &str) -> Result<&'static str, String> {
        if self.forks.contains_key(name) {
            return Ok("there");
        }
        if self.forks.len() >= MAX_FORKS {
            return Err(format!("there are {MAX_FORKS} forks; `drop` one"));
        }
        let fork = self.served.fork();
        self.forks.insert(name.to_owned(), fork);
        Ok("made")
    }
}

/// The step of a line that only control knows.
fn step(
    line: u32,
    at: SimTime,
    until: SimTime,
    what: String,
    done: Result<Option<String>, String>,
) -> Step {
    let span = Span { start: 1, end: 1 + u32::try_from(what.chars().count()).unwrap_or(0) };
    let (answer, fault) = match done {
        Ok(answer) => (answer, None),
        Err(why) => (None, Some(Problem::new(span, why).on(line).into())),
    };
    let sides = Arc::from([]);
    Step { line, at, until, place: None, what, answer, why: None, fault, sides }
}

/// The lines of a request, or everything that is wrong with it.
fn read(request: &str) -> (Vec<Order>, Vec<Problem>) {
    let whole = |message: String| {
        let problem = Problem::new(Span { start: 1, end: 2 }, message).on(1);
        (Vec::new(), vec![problem])
    };
    if request.len() > MAX_BYTES {
        return whole(format!("a request has at most {MAX_BYTES} bytes"));
    }
    if request.lines().count() > MAX_LINES {
        return whole(format!("a request has at most {MAX_LINES} lines"));
    }
    let (mut orders, mut problems) = (Vec::new(), Vec::new());
    for (number, text) in (1..).zip(request.lines()) {
        let words: Vec<_> = text.split_whitespace().take_while(|it| !it.starts_with('#')).collect();
        orders.push(match words[..] {
            ["reset"] => Order::Reset,
            ["trace"] => Order::Trace,
            ["hosts"] => Order::Hosts,
            ["fork", name] => Order::Fork(name.to_owned()),
            ["drop", name] => Order::Drop(name.to_owned()),
            _ => match text.parse::<Line>() {
                Ok(line) => Order::Line(Box::new(line)),
                Err(error) => {
                    problems.extend(error.problems().iter().cloned().map(|it| it.on(number)));
                    continue;
                }
            },
        });
    }
    (orders, problems)
}
