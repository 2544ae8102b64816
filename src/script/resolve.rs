//! Between lines and inputs: names to ids, and ids to names.

use super::ast::{CallLine, DisturbLine, Line, Statement};
use super::describe;
use super::expect::Subject;
use super::facts::{EventFacts, JobFacts, VmFacts};
use super::method::Method;
use super::names::Names;
use super::problem::Problem;
use super::reader::Reader;
use super::text::{Span, Word};
use super::writer::Writer;
use crate::engine::{Input, Policy};
use crate::layer::Fault;
use crate::model::{HostId, JobId, VmId};

/// What a statement comes to in a world.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// The world begins with this seed.
    Seed(u64),
    /// The world begins with this policy.
    Policy(Box<Policy>),
    /// Something happens.
    Input(Input),
    /// Time passes until the job has ended.
    Wait(JobId),
    /// A virtual machine is looked at.
    ExpectVm {
        /// On which host.
        host: HostId,
        /// Which virtual machine.
        vm: VmId,
        /// What it should look like; `None`: it should not be there.
        facts: Option<VmFacts>,
    },
    /// A host's log is looked at.
    ExpectEvent {
        /// On which host.
        host: HostId,
        /// What the entry reports.
        facts: EventFacts,
        /// About which virtual machine; any if `None`.
        vm: Option<VmId>,
        /// Whether there should be such an entry.
        there: bool,
    },
    /// A job is looked at.
    ExpectJob {
        /// Which job.
        job: JobId,
        /// What it should look like; `None`: it should not be there.
        facts: Option<JobFacts>,
    },
    /// Calls go wrong from here on.
    Fault(Fault),
    /// The line fails with this sentence.
    Fail(Box<str>),
}

impl Statement {
    /// What the statement comes to where things have these names.
    ///
    /// # Errors
    /// Every name that means nothing, or more than one thing. The problems have the line 0.
    pub fn resolve(&self, names: &dyn Names) -> Result<Action, Vec<Problem>> {
        match self {
            Self::Seed(seed) => Ok(Action::Seed(*seed)),
            Self::Policy(policy) => Ok(Action::Policy(policy.clone())),
            Self::Host(spec) => Ok(Action::Input(Input::AddHost(spec.clone()))),
            Self::Vm { host, vm } => {
                let host = one(resolve_host(host, names))?;
                Ok(Action::Input(Input::AddVm { host, vm: vm.clone() }))
            }
            Self::Call(call) => call.resolve(names).map(Action::Input),
            Self::Advance(duration) => Ok(Action::Input(Input::Advance(*duration))),
            Self::Wait { job } => {
                resolve_word(names, HostId(0), |it| it.job_word(job)).map(Action::Wait)
            }
            Self::Expect(expectation) => resolve_expectation(&expectation.of, names),
            Self::Disturb(line) => line.resolve(names),
            Self::Configure { host, change } => {
                let host = one(resolve_host(host, names))?;
                Ok(Action::Input(Input::Configure { host, change: change.clone() }))
            }
            Self::Fault(fault) => Ok(Action::Fault(fault.clone())),
            Self::Fail(says) => Ok(Action::Fail(says.clone())),
        }
    }
}

impl CallLine {
    /// The input where things have these names.
    ///
    /// # Errors
    /// As [`Statement::resolve`].
    pub fn resolve(&self, names: &dyn Names) -> Result<Input, Vec<Problem>> {
        let host = one(resolve_host(&self.host, names))?;
        let end = Span { start: self.span.end, end: self.span.end.saturating_add(1) };
        let mut reader = Reader::new(&self.args, end, Some((names, host)));
        let mut call = self.method.blank();
        describe::call(&mut reader, self.method, &mut call);
        match reader.finish() {
            problems if problems.is_empty() => {
                Ok(Input::Call { host, caller: self.caller, call: call.with_flaw(self.flaw) })
            }
            problems => Err(problems),
        }
    }
}

impl Line {
    /// The line that says this input where things have these names, which is before it happens.
    ///
    /// Resolved with the same names, the line comes to the very same input.
    pub fn from_input(input: &Input, names: &dyn Names) -> Self {
        Statement::from_input(input, names).into()
    }
}

impl Statement {
    /// The statement that says this input; see [`Line::from_input`].
    pub fn from_input(input: &Input, names: &dyn Names) -> Self {
        match input {
            Input::AddHost(spec) => Self::Host(spec.clone()),
            Input::AddVm { host, vm } => {
                Self::Vm { host: write_host(*host, names), vm: vm.clone() }
            }
            Input::Call { host, caller, call } => {
                let (call, flaw) = call.parts();
                let method = Method::of(call);
                let mut writer = Writer::new(names, *host);
                describe::call(&mut writer, method, &mut call.clone());
                Self::Call(CallLine {
                    host: write_host(*host, names),
                    caller: *caller,
                    flaw,
                    method,
                    args: writer.finish(),
                    span: Span::default(),
                })
            }
            Input::Configure { host, change } => {
                Self::Configure { host: write_host(*host, names), change: change.clone() }
            }
            Input::Advance(duration) => Self::Advance(*duration),
            Input::Disturb(disturbance) => {
                let mut writer = Writer::new(names, HostId(0));
                describe::disturbance(&mut writer, &mut disturbance.clone());
                Self::Disturb(DisturbLine {
                    verb: describe::verb(disturbance),
                    args: writer.finish(),
                    span: Span::default(),
                })
            }
        }
    }
}

impl DisturbLine {
    fn resolve(&self, names: &dyn Names) -> Result<Action, Vec<Problem>> {
        let end = Span { start: self.span.end, end: self.span.end.saturating_add(1) };
        let mut reader = Reader::new(&self.args, end, Some((names, HostId(0))));
        let mut disturbance = describe::blank_disturbance(self.verb);
        describe::disturbance(&mut reader, &mut disturbance);
        match reader.finish() {
            problems if problems.is_empty() => Ok(Action::Input(Input::Disturb(disturbance))),
            problems => Err(problems),
        }
    }
}

fn one<T>(result: Result<T, Problem>) -> Result<T, Vec<Problem>> {
    result.map_err(|problem| vec![problem])
}

/// A host by name, or by its number as `@2`.
pub(super) fn resolve_host(word: &Word, names: &dyn Names) -> Result<HostId, Problem> {
    let mut reader = Reader::new(&[], Span::default(), Some((names, HostId(0))));
    let host = reader.host_word(word);
    let mut problems = reader.finish();
    match (host, problems.pop()) {
        (Some(host), None) => Ok(host),
        (_, problem) => {
            Err(problem.unwrap_or_else(|| Problem::new(word.span(), "expected a host")))
        }
    }
}

fn resolve_word<T>(
    names: &dyn Names,
    host: HostId,
    read: impl FnOnce(&mut Reader<'_>) -> Option<T>,
) -> Result<T, Vec<Problem>> {
    let mut reader = Reader::new(&[], Span::default(), Some((names, host)));
    let value = read(&mut reader);
    let problems = reader.finish();
    value.filter(|_| problems.is_empty()).ok_or(problems)
}

fn resolve_expectation(of: &Subject, names: &dyn Names) -> Result<Action, Vec<Problem>> {
    match of {
        Subject::Vm { host, vm, facts } => {
            let host = one(resolve_host(host, names))?;
            let vm = resolve_word(names, host, |it| it.vm_word(vm))?;
            Ok(Action::ExpectVm { host, vm, facts: *facts })
        }
        Subject::Event { host, facts, vm, there } => {
            let host = one(resolve_host(host, names))?;
            let vm = vm.as_ref().map(|vm| resolve_word(names, host, |it| it.vm_word(vm)));
            let facts = facts.clone();
            Ok(Action::ExpectEvent { host, facts, vm: vm.transpose()?, there: *there })
        }
        Subject::Job { job, facts } => {
            let job = resolve_word(names, HostId(0), |it| it.job_word(job))?;
            Ok(Action::ExpectJob { job, facts: *facts })
        }
    }
}

/// The name of a host, if the name finds it again, else its number.
pub(super) fn write_host(host: HostId, names: &dyn Names) -> Word {
    match names.host_name(host) {
        Some(name) if names.host_named(&name) == Some(host) => Word::name(&name),
        _ => Word::bare(format_args!("@{}", host.0)),
    }
}
