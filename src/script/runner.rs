//! Running scripts.

use super::ast::{Answer, Expected, Line, Script, Statement};
use super::facts::{EventFacts, JobFacts};
use super::look;
use super::names::Names;
use super::problem::Problem;
use super::report::{Fault, Report, Step};
use super::resolve::Action;
use super::scene::{Mishap, Scene};
use super::stage::{Memory, Own, Stage};
use super::text::Span;
use super::told::{ANSWER_LOST, NEVER_REACHED, Told};
use crate::engine::{Input, Policy, Reply, World};
use crate::error::Error;
use crate::layer::{self, Asked, Faults, Seen, Verdict};
use crate::model::time::{days, format_duration};
use crate::model::{Call, HostId, Job, JobId, LogEntry, PointId, SimTime, VmId};
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
/// or else with seed 0 and the default policy. Each step is judged by the
/// [invariants](crate::oracle::ALWAYS), so that a script which broke one breaks it wherever it is
/// run.
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
    Runner::observed(World::new(0)).run(script)
}

/// Runs lines one by one: in a world of its own, on another [`Stage`], or on hosts.
#[derive(Debug)]
pub struct Runner<S = Own> {
    scene: S,
    memory: Memory,
    /// What calls meet before they reach the world.
    faults: Faults,
    /// What reached the world.
    inputs: Vec<Input>,
    /// An invariant that did not hold in this step.
    violation: Option<Box<Violation>>,
}

impl<S: Clone> Clone for Runner<S> {
    /// The clone has its own faults, each as often met as here.
    fn clone(&self) -> Self {
        Self {
            scene: self.scene.clone(),
            memory: self.memory.clone(),
            faults: self.faults.fork(),
            inputs: self.inputs.clone(),
            violation: self.violation.clone(),
        }
    }
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
        self.scene.watcher.as_ref().map(Watcher::coverage)
    }
}

impl<S: Stage> Runner<S> {
    /// The world as it is now.
    pub fn world(&self) -> &World {
        self.scene.world()
    }
}

impl<S: Scene> Runner<S> {
    /// On this scene, such as a lab that is [held](crate::sim::Lab::hold).
    ///
    /// ```
    /// use hyperv_replica::{script::Runner, sim::Lab};
    ///
    /// let lab = Lab::with_seed(0);
    /// let mut runner = Runner::over(lab.hold());
    /// runner.step(1, &"host tokyo".parse()?);
    /// drop(runner);
    /// assert!(lab.find_host("tokyo").is_some());
    /// # Ok::<(), hyperv_replica::script::ParseError>(())
    /// ```
    pub fn over(scene: S) -> Self {
        Self::on(scene, Memory::default())
    }

    /// On this scene, with what is remembered of lines before.
    pub(super) fn on(scene: S, memory: Memory) -> Self {
        let (faults, inputs) = (Faults::new(), Vec::new());
        let mut runner = Self { scene, memory, faults, inputs, violation: None };
        for (name, id) in runner.scene.all_vms() {
            runner.see(name, id);
        }
        runner
    }

    /// The scene, and what is to be remembered for the lines to come.
    pub(super) fn leave(self) -> (S, Memory) {
        (self.scene, self.memory)
    }

    /// The same under these faults. `fault` lines are put behind them, and whoever else stands under
    /// the same set meets them, too: the clients of a lab that is served, for example.
    ///
    /// ```
    /// use hyperv_replica::layer::Faults;
    /// use hyperv_replica::{prelude::*, script::Runner, sim::Lab};
    ///
    /// let lab = Lab::new(["tokyo"]);
    /// let web = lab.vm("web").on("tokyo").create();
    /// let faults = Faults::new();
    /// let tokyo = faults.over("tokyo", lab.host("tokyo"));
    /// let line = "fault tokyo RequestStateChange web Enabled times=1  => 32774".parse()?;
    /// Runner::over(lab.hold()).under(faults).step(1, &line);
    /// assert_eq!(tokyo.start_vm(web).unwrap_err().code(), Some(ErrorCode::InUse));
    /// assert!(tokyo.start_vm(web).is_ok());
    /// # Ok::<(), hyperv_replica::script::ParseError>(())
    /// ```
    #[must_use]
    pub fn under(self, faults: Faults) -> Self {
        Self { faults, ..self }
    }

    /// What calls meet before they reach the world: what was [armed](Self::arm), and what the runner
    /// was put [under](Self::under).
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Puts a fault behind the others: from now on, calls meet it before they reach the world.
    pub fn arm(&mut self, fault: layer::Fault) {
        self.faults.add(fault);
    }

    fn see(&mut self, name: Arc<str>, id: VmId) {
        self.memory.seen.entry(name).or_default().insert(id);
    }

    /// What has reached the world, in order: names are resolved, and a wait is as long as it took.
    pub fn inputs(&self) -> &[Input] {
        &self.inputs
    }

    /// Does what each line says.
    pub fn run(&mut self, script: &Script) -> Report {
        let lines = (1..).zip(&script.lines);
        Report { steps: lines.filter_map(|(number, line)| self.step(number, line)).collect() }
    }

    /// Does what a line says; `None` if it says nothing.
    pub fn step(&mut self, number: u32, line: &Line) -> Option<Step> {
        let statement = line.statement.as_ref()?;
        let at = self.scene.time();
        let (mut done, place) = (Done::default(), statement.place());
        let expected = line.answer.as_ref().map(|it| &it.expected);
        match statement.resolve(self) {
            Ok(action) => {
                self.act(&action, statement, expected, &mut done);
            }
            Err(problems) => done.fault = problems.into_iter().next().map(Fault::Problem),
        }
        match &mut done.fault {
            Some(Fault::Mismatch { span, .. }) => {
                *span = line.answer.as_ref().map_or_else(|| statement.span(), Answer::span);
            }
            Some(Fault::Problem(problem)) => problem.line = number,
            Some(Fault::Violation { .. } | Fault::Failed { .. }) | None => {}
        }
        if let Some(violation) = self.violation.take() {
            let says = violation.to_string().into();
            done.fault = Some(Fault::Violation { span: statement.span(), says });
        }
        self.look_at_sides();
        Some(Step {
            line: number,
            at,
            until: self.scene.time(),
            place: place.map(|it| it.text().to_owned()),
            what: statement.without_place(),
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
            Action::Seed(seed) => self.begin(Some(*seed), None, statement, done),
            Action::Policy(policy) => self.begin(None, Some(policy), statement, done),
            Action::Input(input) => {
                let told = match self.ask(input) {
                    Ok(told) => told,
                    Err(why) => return done.problem(statement, why),
                };
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
                let found = match self.scene.vm_facts(*host, *vm, &like) {
                    Ok(found) => found,
                    Err(error) => return done.problem(statement, error.to_string()),
                };
                let found = found.map(|it| facts.map_or(it.looks(), |like| it.seen_by(&like)));
                if found.is_some() != facts.is_some() || found.is_some() && found != *facts {
                    done.mismatch(or(*facts, "absent"), or(found, "absent"));
                }
            }
            Action::ExpectEvent { host, facts, vm, there } => {
                self.expect_event(*host, facts, *vm, *there, done);
            }
            Action::Fault(fault) => self.arm(fault.clone()),
            Action::Fail(says) => {
                done.fault = Some(Fault::Failed { span: statement.span(), says: says.clone() });
            }
            Action::ExpectJob { job, facts } => {
                let found = match self.scene.find_job(*job) {
                    Ok(found) => found.as_ref().map(look::job_facts),
                    Err(error) => return done.problem(statement, error.to_string()),
                };
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
    fn ask(&mut self, input: &Input) -> Result<Told, String> {
        let Input::Call { host, call, .. } = input else { return self.apply(input) };
        match self.judge(*host, call) {
            Verdict::Refuse(code) => Ok(Told::Reply(Reply::Refused(layer::refusal(call, code)))),
            Verdict::Missing => Ok(Told::Reply(Reply::NotFound(layer::missing(call)))),
            Verdict::Unreachable => Ok(Told::Nothing(NEVER_REACHED.into())),
            Verdict::LoseAnswer => {
                self.apply(input)?;
                Ok(Told::Nothing(ANSWER_LOST.into()))
            }
            Verdict::Delay(by) => {
                self.apply(&Input::Advance(by))?;
                self.apply(input)
            }
            Verdict::Pass => self.apply(input),
        }
    }

    /// What the faults say of a call.
    fn judge(&self, host: HostId, call: &Call) -> Verdict {
        if self.faults.is_empty() {
            return Verdict::Pass;
        }
        let (call, job) = match call.parts().0 {
            Call::RequestJobStateChange { job, .. }
            | Call::GetError { job }
            | Call::GetErrorEx { job } => (call, Some(*job)),
            _ => (call, None),
        };
        let affected = |job| self.scene.find_job(job).ok()??.affected.first().copied();
        let vm = call.vm().or_else(|| self.faults.subject(job?, || affected(job?)));
        let host_name = Names::host_name(self, host).unwrap_or_default();
        let vm_name = vm.and_then(|vm| Names::vm_name(self, host, vm));
        let seen = Seen {
            host: &host_name,
            asked: Asked::Call(call.operation()),
            call: Some(call),
            vm,
            vm_name: vm_name.as_deref(),
            job,
            at: Names::now(self),
        };
        self.faults.judge(&seen)
    }

    /// Applies an input and keeps up with names.
    fn apply(&mut self, input: &Input) -> Result<Told, String> {
        if let Input::Call { host, call, .. } = input {
            self.memory.named.extend(call.vm().map(|vm| (*host, vm)));
        }
        self.inputs.push(input.clone());
        let mut made = Vec::new();
        let happened = self.scene.happen(input, &mut made);
        for (name, id) in made {
            if let Input::AddVm { host, .. } = input {
                self.memory.named.insert((*host, id));
            }
            self.see(name, id);
        }
        if let (Input::Call { call, .. }, Ok(Reply::Started(job))) = (input, &happened)
            && let Some(vm) = call.vm()
        {
            self.faults.began(*job, vm);
        }
        match happened {
            Ok(reply) => Ok(Told::Reply(reply)),
            Err(Mishap::Violation(violation)) => {
                Ok(Told::Reply(self.violation.insert(violation).reply.clone()))
            }
            Err(Mishap::Unanswered(error)) => Ok(Told::Nothing(error.to_string().into())),
            Err(Mishap::Impossible(why)) => Err(why),
        }
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
        match self.wait_for(job) {
            Ok(job) => {
                let facts = look::job_facts(&job);
                let facts = JobFacts { percent: None, job_type: None, ..facts };
                done.answer = Some(facts.to_string());
                done.why = job.error.map(|it| it.summary);
            }
            Err(why) => done.problem(statement, why),
        }
    }

    /// A job when it has ended, or why that is never seen.
    fn wait_for(&mut self, id: JobId) -> Result<Job, String> {
        let end = Names::now(self) + WAIT_LIMIT;
        loop {
            let told = |error: Error| error.to_string();
            let job = self.scene.find_job(id).map_err(told)?.ok_or(GONE)?;
            if job.state.is_terminal() {
                return Ok(job);
            }
            let pause = self.scene.pause(end).ok_or_else(|| {
                format!(
                    "the job does not end within {}; it is {} at {}%",
                    format_duration(WAIT_LIMIT),
                    job.state.name(),
                    job.percent_complete
                )
            })?;
            match self.apply(&Input::Advance(pause))? {
                Told::Reply(Reply::Rejected(why)) => return Err(why.to_string()),
                Told::Nothing(why) => return Err(why.into_owned()),
                Told::Reply(_) => {}
            }
        }
    }

    /// Makes an input happen, and writes it down as a line with the answer that it gets. A job is
    /// called by the first number that is free.
    pub fn record(&mut self, input: &Input) -> Line {
        let mut line = Line::from_input(input, self);
        // What cannot be made to happen at all, got no answer.
        let told = self.ask(input).unwrap_or_else(|why| Told::Nothing(why.into()));
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
        let log = self.scene.log(host);
        let entries: Vec<_> = log.iter().filter(about).collect();
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
        let sides = self.scene.sides(&self.memory.named);
        if *self.memory.sides != *sides {
            self.memory.sides = sides.into();
        }
    }

    /// Another beginning, as long as nothing has happened.
    fn begin(
        &mut self,
        seed: Option<u64>,
        policy: Option<&Policy>,
        statement: &Statement,
        done: &mut Done,
    ) {
        if !self.scene.start(seed, policy) {
            done.problem(statement, BEGUN);
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

    fn problem(&mut self, statement: &Statement, why: impl Into<String>) {
        self.fault = Some(Fault::Problem(Problem::new(statement.span(), why)));
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

impl<S: Scene> Names for Runner<S> {
    fn host_named(&self, name: &str) -> Option<HostId> {
        self.scene.names().host_named(name)
    }
    fn host_name(&self, host: HostId) -> Option<String> {
        self.scene.names().host_name(host)
    }
    fn vms_named(&self, host: HostId, name: &str) -> Vec<VmId> {
        let names = self.scene.names();
        let there = names.vms_named(host, name);
        let is_here = |vm: &VmId| names.vm_name(host, *vm).is_some();
        let here: Vec<_> = there.iter().copied().filter(is_here).collect();
        match self.memory.seen.get(name) {
            Some(seen) if here.is_empty() => seen.iter().copied().collect(),
            None if here.is_empty() => there,
            _ => here,
        }
    }
    fn vm_names(&self, _: HostId) -> Vec<String> {
        self.memory.seen.keys().map(ToString::to_string).collect()
    }
    fn vm_name(&self, host: HostId, vm: VmId) -> Option<String> {
        let here = self.scene.names().vm_name(host, vm);
        here.or_else(|| {
            let (name, _) = self.memory.seen.iter().find(|(_, ids)| ids.contains(&vm))?;
            Some(name.to_string())
        })
    }
    fn points(&self, host: HostId, vm: VmId) -> Vec<PointId> {
        self.scene.names().points(host, vm)
    }
    fn job(&self, alias: &str) -> Option<JobId> {
        self.memory.aliases.get(alias).copied()
    }
    fn job_alias(&self, job: JobId) -> Option<String> {
        self.memory.aliases.iter().find(|(_, id)| **id == job).map(|(alias, _)| alias.clone())
    }
    fn now(&self) -> SimTime {
        self.scene.names().now()
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
                    runner.scene.watcher = Some(other.clone());
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
