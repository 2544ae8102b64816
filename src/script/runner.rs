//! Running scripts, and writing down runs.

use super::ast::{Answer, Expected, Line, Script, Statement};
use super::expect::Subject;
use super::facts::{EventFacts, JobFacts};
use super::look;
use super::names::{Names, vms_here};
use super::problem::Problem;
use super::report::{Fault, Report, Step};
use super::resolve::Action;
use super::stage::{Memory, Own, Stage};
use super::text::{Span, Word};
use super::told::{ANSWER_LOST, NEVER_REACHED, Told};
use crate::engine::{Change, Event, Input, Policy, Reply, World};
use crate::layer::{self, Asked, Plan, Seen, Verdict};
use crate::model::time::{days, format_duration};
use crate::model::{Call, HostId, JobId, LogEntry, PointId, SimTime, VmId};
use crate::oracle::{Coverage, Violation, Watcher};
use std::sync::Arc;
use std::time::Duration;

/// How long `wait` lets pass before it says that a job never ends. The longest schedule is seven
/// days ahead.
pub const WAIT_LIMIT: Duration = days(31);

/// What `wait` says of a job that is not there.
const GONE: &str = "there is no such job; one that ended is removed after five minutes";

/// What a line says that comes too late to be about the beginning.
const BEGUN: &str = "the world has begun with another seed or policy";

/// Runs a script in a world of its own, from time zero, with the seed and the policy that it says
/// or else with seed 0 and the default policy.
///
/// What does not go as the script says is in the report; the run goes on behind it.
///
/// ```
/// use hyperv_replica::script;
///
/// let script = script::parse(
///     "host tokyo
///      vm web on tokyo running
///      tokyo CommitFailover web  => 32775
///      expect tokyo web None running",
/// )?;
/// let report = script::run(&script);
/// assert!(report.passed());
/// assert_eq!(report.steps[2].answer.as_deref(), Some("32775"));
/// # Ok::<(), script::ParseError>(())
/// ```
#[must_use]
pub fn run(script: &Script) -> Report {
    let mut runner = Runner::new(World::new(0));
    let lines = (1..).zip(&script.lines);
    Report { steps: lines.filter_map(|(number, line)| runner.step(number, line)).collect() }
}

/// Writes inputs down as a script, each with the answer it gets in this world.
///
/// What a property test prints: a script that begins as the world began, with its seed and its
/// policy. [`run`] makes the very same inputs from there, and holds if the answers are still the
/// same; a world that was not empty is for [`Runner::new`].
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

/// Runs lines one by one: in a world of its own, or on another [`Stage`].
#[derive(Clone, Debug)]
pub struct Runner<S = Own> {
    stage: S,
    memory: Memory,
    events: Vec<Event>,
    /// What reached the world.
    inputs: Vec<Input>,
    /// An invariant that did not hold in this step.
    violation: Option<Box<Violation>>,
}

impl Runner {
    /// In this world.
    pub fn new(world: World) -> Self {
        Self::on(Own { world, watcher: None }, Memory::default())
    }

    /// In this world, with every step judged by the [invariants](crate::oracle::ALWAYS): one that
    /// does not hold is a [`Fault::Violation`] of its line.
    pub fn observed(world: World) -> Self {
        let watcher = Some(Watcher::new(&world));
        Self::on(Own { world, watcher }, Memory::default())
    }

    /// The goals that were reached, if this runner is [observed](Self::observed).
    pub fn coverage(&self) -> Option<&Coverage> {
        self.stage.watcher.as_ref().map(Watcher::coverage)
    }
}

impl<S: Stage> Runner<S> {
    /// On this stage, of which nothing is remembered.
    pub fn over(stage: S) -> Self {
        Self::on(stage, Memory::default())
    }

    /// On this stage, with what is remembered of lines before.
    pub(super) fn on(stage: S, memory: Memory) -> Self {
        let (events, inputs) = (Vec::new(), Vec::new());
        let mut runner = Self { stage, memory, events, inputs, violation: None };
        let world = runner.stage.world();
        let vms: Vec<_> = world.hosts().flat_map(|(host, _)| world.vms(host)).collect();
        for vm in vms {
            runner.see(vm.name, vm.id);
        }
        runner
    }

    /// The stage, and what is to be remembered for the lines to come.
    pub(super) fn leave(self) -> (S, Memory) {
        (self.stage, self.memory)
    }

    /// Puts a fault behind the others: from now on, calls meet it before they reach the world.
    pub fn arm(&mut self, fault: layer::Fault) {
        self.memory.faults.push(fault.into());
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        self.stage.world()
    }

    fn see(&mut self, name: Arc<str>, id: VmId) {
        self.memory.seen.entry(name).or_default().insert(id);
    }

    /// What has reached the world, in order: names are resolved, and a wait is as long as it took.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Does what a line says; `None` if it says nothing.
    pub fn step(&mut self, number: u32, line: &Line) -> Option<Step> {
        let statement = line.statement.as_ref()?;
        let at = self.world().now();
        let (mut done, place) = (Done::default(), place_of(statement));
        let expected = line.answer.as_ref().map(|it| &it.expected);
        match statement.resolve(self) {
            Ok(action) => {
                self.act(&action, statement, expected, &mut done);
            }
            Err(problems) => done.fault = problems.into_iter().next().map(Fault::Problem),
        }
        match &mut done.fault {
            Some(Fault::Mismatch { span, .. }) => {
                *span = line.answer.as_ref().map_or_else(|| span_of(statement), Answer::span);
            }
            Some(Fault::Problem(problem)) => problem.line = number,
            Some(Fault::Violation { .. }) | None => {}
        }
        if let Some(violation) = self.violation.take() {
            let says = violation.to_string().into();
            done.fault = Some(Fault::Violation { span: span_of(statement), says });
        }
        self.look_at_sides();
        Some(Step {
            line: number,
            at,
            until: self.world().now(),
            place: place.map(|it| it.text().to_owned()),
            what: what_of(statement),
            answer: done.answer,
            why: done.why,
            fault: done.fault,
            sides: Arc::clone(&self.memory.sides),
        })
    }

    fn act(
        &mut self,
        action: &Action,
        statement: &Statement,
        expected: Option<&Expected>,
        done: &mut Done,
    ) {
        match action {
            Action::Seed(seed) => {
                self.begin(*seed, self.world().policy().clone(), statement, done);
            }
            Action::Policy(policy) => {
                self.begin(self.world().seed(), (**policy).clone(), statement, done);
            }
            Action::Input(input) => {
                let told = self.ask(input);
                self.bind(&told, expected);
                (done.answer, done.why) = told.sentences(expected);
                let found = told.answer();
                if let Some(expected) = expected.filter(|it| !same(it, found.as_ref())) {
                    let found = done.answer.clone().unwrap_or_else(|| "done".to_owned());
                    done.mismatch(expected.to_string(), found);
                }
            }
            Action::Wait(job) => self.wait(*job, statement, done),
            Action::ExpectVm { host, vm, facts } => {
                self.memory.named.insert((*host, *vm));
                let like = facts.unwrap_or_default();
                let found = look::vm_facts(self.world(), *host, *vm, &like);
                let found = found.map(|it| facts.map_or(it.looks(), |like| it.seen_by(&like)));
                if found.is_some() != facts.is_some() || found.is_some() && found != *facts {
                    done.mismatch(or(*facts, "absent"), or(found, "absent"));
                }
            }
            Action::ExpectEvent { host, facts, vm, there } => {
                self.expect_event(*host, facts, *vm, *there, done);
            }
            Action::Fault(fault) => self.arm(fault.clone()),
            Action::ExpectJob { job, facts } => {
                let found = self.world().job(*job).map(|(_, job)| look::job_facts(&job));
                let holds = match (facts, &found) {
                    (Some(facts), Some(found)) => facts.hold(found),
                    (None, None) => true,
                    _ => false,
                };
                if !holds {
                    let found = found.map(|it| it.seen_by(facts.unwrap_or_default()));
                    done.mismatch(or(*facts, "gone"), or(found, "gone"));
                }
            }
        }
    }

    /// Makes an input happen, unless it is a call and a fault says otherwise.
    fn ask(&mut self, input: &Input) -> Told {
        let Input::Call { host, call, .. } = input else { return Told::Reply(self.apply(input)) };
        match self.judge(*host, call) {
            Verdict::Refuse(code) => Told::Reply(Reply::Refused(layer::refusal(call, code))),
            Verdict::Missing => Told::Reply(Reply::NotFound(layer::missing(call))),
            Verdict::Unreachable => Told::Nothing(NEVER_REACHED),
            Verdict::LoseAnswer => {
                self.apply(input);
                Told::Nothing(ANSWER_LOST)
            }
            Verdict::Delay(by) => {
                self.apply(&Input::Advance(by));
                Told::Reply(self.apply(input))
            }
            Verdict::Pass => Told::Reply(self.apply(input)),
        }
    }

    /// What the faults say of a call.
    fn judge(&mut self, host: HostId, call: &Call) -> Verdict {
        if self.memory.faults.is_empty() {
            return Verdict::Pass;
        }
        let (call, job) = match call.parts().0 {
            Call::RequestJobStateChange { job, .. }
            | Call::GetError { job }
            | Call::GetErrorEx { job } => (call, Some(*job)),
            _ => (call, None),
        };
        let subject = || self.world().job(job?)?.1.affected.first().copied();
        let vm = call.vm().or_else(subject);
        let host_name = Names::host_name(self, host).unwrap_or_default();
        let vm_name = vm.and_then(|vm| Names::vm_name(self, host, vm));
        let seen = Seen {
            host: &host_name,
            asked: Asked::Call(call.operation()),
            call: Some(call),
            vm,
            vm_name: vm_name.as_deref(),
            job,
            at: self.world().now(),
        };
        self.memory.faults.iter_mut().find_map(|it| it.judge(&seen)).unwrap_or(Verdict::Pass)
    }

    /// Applies an input and keeps up with names.
    fn apply(&mut self, input: &Input) -> Reply {
        match input {
            Input::Call { host, call, .. } => {
                self.memory.named.extend(call.vm().map(|vm| (*host, vm)));
            }
            Input::AddVm { host, vm } => {
                self.memory.named.insert((*host, vm.id));
                self.see(Arc::clone(&vm.name), vm.id);
            }
            _ => {}
        }
        self.inputs.push(input.clone());
        let mut events = std::mem::take(&mut self.events);
        let applied = self.stage.apply(input, &mut events);
        let reply =
            applied.unwrap_or_else(|violation| self.violation.insert(violation).reply.clone());
        for event in events.drain(..) {
            if let Change::VmCreated { vm } = event.change
                && let Some(vm) = self.world().vm(event.host, vm)
            {
                self.see(vm.name, vm.id);
            }
        }
        self.events = events;
        reply
    }

    fn bind(&mut self, told: &Told, expected: Option<&Expected>) {
        if let (Told::Reply(Reply::Started(job)), Some(Expected::Started(Some(alias)))) =
            (told, expected)
        {
            self.memory.aliases.insert(alias.clone(), *job);
        }
    }

    /// Lets time pass, from event to event, until a job has ended.
    fn wait(&mut self, job: JobId, statement: &Statement, done: &mut Done) {
        let end = self.world().now() + WAIT_LIMIT;
        loop {
            let problem = match self.world().job(job) {
                None => GONE.to_owned(),
                Some((_, job)) if job.state.is_terminal() => {
                    let facts = look::job_facts(&job);
                    let facts = JobFacts { percent: None, job_type: None, ..facts };
                    done.answer = Some(facts.to_string());
                    done.why = job.error.map(|it| it.summary);
                    return;
                }
                Some((_, job)) => match self.world().next_due().filter(|due| *due <= end) {
                    Some(due) => {
                        let now = self.world().now();
                        match self.apply(&Input::Advance(due.since(now))) {
                            Reply::Rejected(why) => why.to_string(),
                            _ => continue,
                        }
                    }
                    None => format!(
                        "the job does not end within {}; it is {} at {}%",
                        format_duration(WAIT_LIMIT),
                        job.state.name(),
                        job.percent_complete
                    ),
                },
            };
            let problem = Problem::new(span_of(statement), problem);
            return done.fault = Some(Fault::Problem(problem));
        }
    }

    /// Makes an input happen, and writes it down as a line with the answer that it gets. A job is
    /// called by the first number that is free.
    pub fn record(&mut self, input: &Input) -> Line {
        let mut line = Line::from_input(input, self);
        let told = self.ask(input);
        let mut expected = told.answer();
        if let Some(Expected::Started(alias)) = &mut expected {
            let mut names = (self.memory.aliases.len() + 1..).map(|number| format!("job{number}"));
            *alias = names.find(|name| !self.memory.aliases.contains_key(name));
        }
        self.bind(&told, expected.as_ref());
        line.answer = expected.map(Into::into);
        line
    }

    /// Looks for an entry in a host's log.
    fn expect_event(
        &self,
        host: HostId,
        facts: &EventFacts,
        vm: Option<VmId>,
        there: bool,
        done: &mut Done,
    ) {
        let about = |it: &&LogEntry| vm.is_none() || it.vm == vm;
        let entries: Vec<_> = self.world().event_log(host).filter(about).collect();
        if entries.iter().any(|it| facts.hold(it)) != there {
            let same = entries.iter().rev().find(|it| it.id == facts.id);
            let last =
                same.or(entries.last()).map(|it| format!("{} at {}", facts.seen_of(it), it.at));
            let last = last.map_or_else(|| "an empty log".to_owned(), |it| format!("last {it}"));
            let not = if there { "" } else { "no " };
            done.mismatch(format!("{not}{facts}"), last);
        }
    }

    /// Reads every side again, and keeps the old list if nothing changed.
    fn look_at_sides(&mut self) {
        let sides = look::sides(self.world(), &self.memory.named);
        if *self.memory.sides != *sides {
            self.memory.sides = sides.into();
        }
    }

    /// Another beginning, as long as nothing has happened.
    fn begin(&mut self, seed: u64, policy: Policy, statement: &Statement, done: &mut Done) {
        if (seed, &policy) == (self.world().seed(), self.world().policy()) {
            return;
        }
        let world = self.world();
        let fresh = *world == World::with_policy(world.seed(), world.policy().clone());
        if !fresh || !self.stage.begin(World::with_policy(seed, policy)) {
            let problem = Problem::new(span_of(statement), BEGUN);
            done.fault = Some(Fault::Problem(problem));
        }
    }
}

/// What came of a step so far.
#[derive(Default)]
struct Done {
    answer: Option<String>,
    why: Option<String>,
    fault: Option<Fault>,
}

impl Done {
    fn mismatch(&mut self, expected: String, found: String) {
        self.fault = Some(Fault::Mismatch { span: Span::default(), expected, found });
    }
}

fn or<T: ToString>(facts: Option<T>, nothing: &str) -> String {
    facts.map_or_else(|| nothing.to_owned(), |it| it.to_string())
}

/// Whether an answer is as expected; an alias is no part of it.
fn same(expected: &Expected, found: Option<&Expected>) -> bool {
    match (expected, found) {
        (Expected::Started(_), Some(Expected::Started(_))) => true,
        (expected, found) => Some(expected) == found,
    }
}

/// The host that a statement is about.
fn place_of(statement: &Statement) -> Option<&Word> {
    match statement {
        Statement::Vm { host, .. } | Statement::Configure { host, .. } => Some(host),
        Statement::Call(call) => Some(&call.host),
        Statement::Expect(it) => match &it.of {
            Subject::Vm { host, .. } | Subject::Event { host, .. } => Some(host),
            Subject::Job { .. } => None,
        },
        _ => None,
    }
}

/// A statement without its host.
fn what_of(statement: &Statement) -> String {
    let text = statement.to_string();
    match statement {
        Statement::Vm { host, .. } => text.replacen(&format!(" on {host}"), "", 1),
        Statement::Configure { host, .. } => text.replacen(&format!(" {host}"), "", 1),
        Statement::Call(call) => {
            text.strip_prefix(&format!("{} ", call.host)).unwrap_or(&text).to_owned()
        }
        Statement::Expect(it) => match &it.of {
            Subject::Vm { host, .. } | Subject::Event { host, .. } => {
                text.replacen(&format!(" {host}"), "", 1)
            }
            Subject::Job { .. } => text,
        },
        _ => text,
    }
}

fn span_of(statement: &Statement) -> Span {
    match statement {
        Statement::Expect(it) => it.span,
        Statement::Wait { job } => job.span(),
        Statement::Call(call) => call.span,
        _ => Span { start: 1, end: 2 },
    }
}

impl<S: Stage> Names for Runner<S> {
    fn host_named(&self, name: &str) -> Option<HostId> {
        self.world().host_named(name)
    }
    fn host_name(&self, host: HostId) -> Option<String> {
        Names::host_name(self.world(), host)
    }
    fn vms_named(&self, host: HostId, name: &str) -> Vec<VmId> {
        let here = vms_here(self.world(), host, name);
        if here.is_empty() {
            return self.memory.seen.get(name).into_iter().flatten().copied().collect();
        }
        here
    }
    fn vm_names(&self, _: HostId) -> Vec<String> {
        self.memory.seen.keys().map(ToString::to_string).collect()
    }
    fn vm_name(&self, host: HostId, vm: VmId) -> Option<String> {
        let here = Names::vm_name(self.world(), host, vm);
        here.or_else(|| {
            let (name, _) = self.memory.seen.iter().find(|(_, ids)| ids.contains(&vm))?;
            Some(name.to_string())
        })
    }
    fn points(&self, host: HostId, vm: VmId) -> Vec<PointId> {
        Names::points(self.world(), host, vm)
    }
    fn job(&self, alias: &str) -> Option<JobId> {
        self.memory.aliases.get(alias).copied()
    }
    fn job_alias(&self, job: JobId) -> Option<String> {
        self.memory.aliases.iter().find(|(_, id)| **id == job).map(|(alias, _)| alias.clone())
    }
    fn now(&self) -> SimTime {
        self.world().now()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A watcher that saw another world sees a refusal that changed everything.
    #[test]
    fn an_observed_runner_reports_a_violation_at_its_line() {
        let text = "host tokyo\nvm web on tokyo\ntokyo CommitFailover web  => 32775";
        let script = crate::script::parse(text).expect("a script");
        let mut runner = Runner::observed(World::new(0));
        let other = Watcher::new(&World::new(0));
        let faults: Vec<_> = (1..)
            .zip(&script.lines)
            .map(|(number, line)| {
                if number == 3 {
                    runner.stage.watcher = Some(other.clone());
                }
                runner.step(number, line).and_then(|it| it.fault)
            })
            .collect();
        assert_eq!(faults[..2], [None, None]);
        let told = faults[2].as_ref().expect("a violation").to_string();
        assert!(
            told.starts_with("the invariant `refusal-changes-nothing` does not hold"),
            "{told}"
        );
    }
}
