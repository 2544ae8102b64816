//! Running scripts, and writing down runs: the only module here that knows the machine.

use super::ast::{Answer, Expected, Line, Script, Statement};
use super::expect::{JobFacts, Subject, VmFacts};
use super::names::{Names, vms_here};
use super::problem::Problem;
use super::report::{Fault, Report, Side, Step};
use super::resolve::Action;
use super::text::{EVENT, Span, Word};
use super::told::{ANSWER_LOST, NEVER_REACHED, Told};
use crate::engine::{Change, Event, Input, Reply, World};
use crate::layer::{self, Armed, Asked, Plan, Seen, Verdict};
use crate::model::time::{days, format_duration};
use crate::model::{
    Call, EventId, HostId, Job, JobId, Leg, LogEntry, PointId, RelationshipId, ReplicationMode,
    ReplicationState, SimTime, VmId,
};
use crate::oracle::{Coverage, Violation, Watcher};
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

/// How long `wait` lets pass before it says that a job never ends. The longest schedule is seven
/// days ahead.
pub const WAIT_LIMIT: Duration = days(31);

/// What `wait` says of a job that is not there.
const GONE: &str = "there is no such job; one that ended is removed after five minutes";

/// Runs a script in a world of its own, with seed 0, from time zero.
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
/// What a property test prints: [`run`] in an equal world makes the very same inputs, and holds if
/// the answers are still the same.
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
    let mut runner = Runner::new(world);
    let mut lines: Vec<Line> = Vec::new();
    for fault in &plan.faults {
        runner.arm(fault.clone());
        lines.push(Statement::Fault(fault.clone()).into());
    }
    lines.extend(inputs.into_iter().map(|input| runner.record(input)));
    Script { lines }
}

/// Runs lines one by one in a world.
#[derive(Clone, Debug)]
pub struct Runner {
    world: World,
    aliases: BTreeMap<String, JobId>,
    /// Names that were seen anywhere, so that what is gone or not there yet can be named.
    seen: BTreeMap<Arc<str>, BTreeSet<VmId>>,
    /// What lines were about.
    named: BTreeSet<(HostId, VmId)>,
    events: Vec<Event>,
    sides: Arc<[Side]>,
    watcher: Option<Watcher>,
    /// What calls meet before they reach the world, in order.
    faults: Vec<Armed>,
    /// An invariant that did not hold in this step.
    violation: Option<Box<Violation>>,
}

impl Runner {
    /// In this world.
    pub fn new(world: World) -> Self {
        let mut runner = Self {
            world,
            aliases: BTreeMap::new(),
            seen: BTreeMap::new(),
            named: BTreeSet::new(),
            events: Vec::new(),
            sides: Arc::new([]),
            watcher: None,
            faults: Vec::new(),
            violation: None,
        };
        let hosts: Vec<_> = runner.world.hosts().map(|(host, _)| host).collect();
        for host in hosts {
            let vms: Vec<_> = runner.world.vms(host).collect();
            for vm in vms {
                runner.see(vm.name, vm.id);
            }
        }
        runner
    }

    /// In this world, with every step judged by the [invariants](crate::oracle::ALWAYS): one that
    /// does not hold is a [`Fault::Violation`] of its line.
    pub fn observed(world: World) -> Self {
        let watcher = Some(Watcher::new(&world));
        Self { watcher, ..Self::new(world) }
    }

    /// The goals that were reached, if this runner is [observed](Self::observed).
    pub fn coverage(&self) -> Option<&Coverage> {
        self.watcher.as_ref().map(Watcher::coverage)
    }

    /// Puts a fault behind the others: from now on, calls meet it before they reach the world.
    pub fn arm(&mut self, fault: layer::Fault) {
        self.faults.push(fault.into());
    }

    /// The world as it is now.
    pub fn world(&self) -> &World {
        &self.world
    }

    fn see(&mut self, name: Arc<str>, id: VmId) {
        self.seen.entry(name).or_default().insert(id);
    }

    /// Does what a line says; `None` if it says nothing.
    pub fn step(&mut self, number: u32, line: &Line) -> Option<Step> {
        let statement = line.statement.as_ref()?;
        let at = self.world.now();
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
            until: self.world.now(),
            place: place.map(|it| it.text().to_owned()),
            what: what_of(statement),
            answer: done.answer,
            why: done.why,
            fault: done.fault,
            sides: Arc::clone(&self.sides),
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
                self.named.insert((*host, *vm));
                let found = self.vm_facts(*host, *vm, facts.unwrap_or_default());
                let found = found.map(|it| facts.map_or(it.looks(), |like| it.seen_by(like)));
                if found.is_some() != facts.is_some() || found.is_some() && found != *facts {
                    done.mismatch(or(*facts, "absent"), or(found, "absent"));
                }
            }
            Action::ExpectEvent { host, id, vm, there } => {
                self.expect_event(*host, *id, *vm, *there, done);
            }
            Action::Fault(fault) => self.arm(fault.clone()),
            Action::ExpectJob { job, facts } => {
                let found = self.world.job(*job).map(|(_, job)| facts_of(&job));
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
        if self.faults.is_empty() {
            return Verdict::Pass;
        }
        let (call, job) = match call.parts().0 {
            Call::RequestJobStateChange { job, .. }
            | Call::GetError { job }
            | Call::GetErrorEx { job } => (call, Some(*job)),
            _ => (call, None),
        };
        let subject = || self.world.job(job?)?.1.affected.first().copied();
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
            at: self.world.now(),
        };
        self.faults.iter_mut().find_map(|it| it.judge(&seen)).unwrap_or(Verdict::Pass)
    }

    /// Applies an input and keeps up with names.
    fn apply(&mut self, input: &Input) -> Reply {
        match input {
            Input::Call { host, call, .. } => self.named.extend(call.vm().map(|vm| (*host, vm))),
            Input::AddVm { host, vm } => {
                self.named.insert((*host, vm.id));
                self.see(Arc::clone(&vm.name), vm.id);
            }
            _ => {}
        }
        let mut events = std::mem::take(&mut self.events);
        let applied = match &mut self.watcher {
            Some(watcher) => watcher.apply(&mut self.world, input, &mut events),
            None => Ok(self.world.apply(input, &mut events)),
        };
        let reply =
            applied.unwrap_or_else(|violation| self.violation.insert(violation).reply.clone());
        for event in events.drain(..) {
            if let Change::VmCreated { vm } = event.change
                && let Some(vm) = self.world.vm(event.host, vm)
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
            self.aliases.insert(alias.clone(), *job);
        }
    }

    /// Lets time pass, from event to event, until a job has ended.
    fn wait(&mut self, job: JobId, statement: &Statement, done: &mut Done) {
        let end = self.world.now() + WAIT_LIMIT;
        loop {
            let problem = match self.world.job(job) {
                None => GONE.to_owned(),
                Some((_, job)) if job.state.is_terminal() => {
                    let facts = facts_of(&job);
                    let facts = JobFacts { percent: None, job_type: None, ..facts };
                    done.answer = Some(facts.to_string());
                    done.why = job.error.map(|it| it.summary);
                    return;
                }
                Some((_, job)) => match self.world.next_due().filter(|due| *due <= end) {
                    Some(due) => {
                        let now = self.world.now();
                        self.apply(&Input::Advance(due.since(now)));
                        continue;
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
            let mut names = (self.aliases.len() + 1..).map(|number| format!("job{number}"));
            *alias = names.find(|name| !self.aliases.contains_key(name));
        }
        self.bind(&told, expected.as_ref());
        line.answer = expected.map(Into::into);
        line
    }

    fn vm_facts(&self, host: HostId, id: VmId, like: VmFacts) -> Option<VmFacts> {
        let vm = self.world.vm(host, id)?;
        let points = self.world.recovery_points(host, id).unwrap_or_default();
        let leg = like.relationship.unwrap_or(Leg::Primary);
        let relationship = RelationshipId { vm: id, leg };
        let relationship = self.world.relationship(host, relationship);
        let copy = self.world.copies(id).into_iter().find(|it| it.host == host);
        let account = self.world.service_account(id);
        Some(VmFacts {
            mode: Some(vm.mode),
            state: relationship.map(|it| it.state),
            health: relationship.map(|it| it.health),
            power: Some(vm.power),
            points: Some(u32::try_from(points.len()).unwrap_or(u32::MAX)),
            last: relationship.map(|it| it.last_type),
            failed_over: relationship.map(|it| it.failed_over),
            test_replica: Some(vm.test_replica.is_some()),
            lacks: copy.map(|it| it.missing_bytes),
            own: copy.map(|it| it.own_bytes),
            split_brain: Some(self.world.is_split_brain(id)),
            outage: Some(account.map_or(Duration::ZERO, |it| it.last_outage)),
            lost: Some(account.map_or(0, |it| it.lost_bytes)),
            address: self.address(host, id, like.address),
            relationship: like.relationship,
        })
    }

    /// The address that is looked for, if the guest reports it, else the first that it reports.
    fn address(&self, host: HostId, id: VmId, wanted: Option<IpAddr>) -> Option<IpAddr> {
        let adapters = self.world.adapters(host, id).unwrap_or_default();
        let reported = adapters.iter().flat_map(|it| &it.addresses);
        let mut reported = reported.filter_map(|it| it.parse().ok());
        let first = reported.next();
        first.into_iter().chain(reported).find(|it| Some(*it) == wanted).or(first)
    }

    /// Looks for an entry in a host's log.
    fn expect_event(
        &self,
        host: HostId,
        id: EventId,
        vm: Option<VmId>,
        there: bool,
        done: &mut Done,
    ) {
        let about = |it: &&LogEntry| vm.is_none() || it.vm == vm;
        let entries: Vec<_> = self.world.event_log(host).filter(about).collect();
        if entries.iter().any(|it| it.id == id) != there {
            let event = |id: EventId| format!("{EVENT} {}", id.to_wire());
            let last = entries.last().map(|it| format!("{} at {}", event(it.id), it.at));
            let last = last.map_or_else(|| "an empty log".to_owned(), |it| format!("last {it}"));
            let not = if there { "" } else { "no " };
            done.mismatch(format!("{not}{}", event(id)), last);
        }
    }

    /// Reads every side again, and keeps the old list if nothing changed.
    fn look_at_sides(&mut self) {
        let mut sides = Vec::new();
        for (host, view) in self.world.hosts() {
            for vm in self.world.vms(host) {
                let named = self.named.contains(&(host, vm.id));
                if vm.mode == ReplicationMode::None && !named {
                    continue;
                }
                let copies = self.world.copies(vm.id);
                let copy = copies.iter().find(|it| it.host == host);
                let split_brain = self.world.is_split_brain(vm.id);
                for leg in [Leg::Primary, Leg::Extended] {
                    let id = RelationshipId { vm: vm.id, leg };
                    let Some(it) = self.world.relationship(host, id) else { continue };
                    if leg == Leg::Extended && it.state == ReplicationState::Disabled {
                        continue;
                    }
                    sides.push(Side {
                        host: Arc::clone(&view.name),
                        up: self.world.is_up(host),
                        vm: Arc::clone(&vm.name),
                        id: vm.id,
                        relationship: leg,
                        mode: vm.mode,
                        state: it.state,
                        health: it.health,
                        power: vm.power,
                        own_bytes: copy.map_or(0, |it| it.own_bytes),
                        missing_bytes: copy.map_or(0, |it| it.missing_bytes),
                        missing: copy.map_or(Duration::ZERO, |it| it.missing),
                        split_brain,
                    });
                }
            }
        }
        if *self.sides != *sides {
            self.sides = sides.into();
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

fn facts_of(job: &Job) -> JobFacts {
    JobFacts {
        state: Some(job.state),
        percent: Some((job.percent_complete, job.percent_complete)),
        error: job.error.as_ref().map(|it| it.code),
        job_type: Some(job.job_type),
    }
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

impl Names for Runner {
    fn host_named(&self, name: &str) -> Option<HostId> {
        self.world.host_named(name)
    }
    fn host_name(&self, host: HostId) -> Option<String> {
        Names::host_name(&self.world, host)
    }
    fn vms_named(&self, host: HostId, name: &str) -> Vec<VmId> {
        let here = vms_here(&self.world, host, name);
        if here.is_empty() {
            return self.seen.get(name).into_iter().flatten().copied().collect();
        }
        here
    }
    fn vm_names(&self, _: HostId) -> Vec<String> {
        self.seen.keys().map(ToString::to_string).collect()
    }
    fn vm_name(&self, host: HostId, vm: VmId) -> Option<String> {
        let here = Names::vm_name(&self.world, host, vm);
        here.or_else(|| {
            let (name, _) = self.seen.iter().find(|(_, ids)| ids.contains(&vm))?;
            Some(name.to_string())
        })
    }
    fn points(&self, host: HostId, vm: VmId) -> Vec<PointId> {
        Names::points(&self.world, host, vm)
    }
    fn job(&self, alias: &str) -> Option<JobId> {
        self.aliases.get(alias).copied()
    }
    fn job_alias(&self, job: JobId) -> Option<String> {
        self.aliases.iter().find(|(_, id)| **id == job).map(|(alias, _)| alias.clone())
    }
    fn now(&self) -> SimTime {
        self.world.now()
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
                    runner.watcher = Some(other.clone());
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
