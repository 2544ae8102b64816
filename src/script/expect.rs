//! Expectations: what a line says that a virtual machine or a job should look like.

use super::args::Args;
use super::facts::{self, EventFacts, JobFacts, VmFacts, keyed};
use super::form::Exact;
use super::named::EventName;
use super::print::args_of;
use super::problem::{Problem, listed, shown};
use super::reader::Reader;
use super::text::{ABSENT, Arg, EVENT, Span, Word, is_alias};
use crate::model::{
    EnabledState, ErrorCode, EventId, JobState, ReplicationHealth, ReplicationMode,
    ReplicationState, WireEnum,
};
use std::fmt;

/// What should be seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Of what.
    pub of: Subject,
    pub(super) span: Span,
}

/// What an expectation is about.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Subject {
    /// `expect tokyo web Primary Replicating`.
    Vm {
        /// On which host.
        host: Word,
        /// Which virtual machine.
        vm: Word,
        /// What it should look like; `None` is `absent`.
        facts: Option<VmFacts>,
    },
    /// `expect tokyo event 32086 web`.
    Event {
        /// In whose log.
        host: Word,
        /// What the entry reports.
        facts: EventFacts,
        /// About which virtual machine; any if `None`.
        vm: Option<Word>,
        /// Whether there should be such an entry; `false` is `absent`.
        there: bool,
    },
    /// `expect job1 Running 40%..60%`.
    Job {
        /// Which job.
        job: Word,
        /// What it should look like; `None` is `gone`.
        facts: Option<JobFacts>,
    },
}

impl From<Subject> for Expectation {
    fn from(of: Subject) -> Self {
        Self { of, span: Span::default() }
    }
}

/// The words for power that mean nothing else.
const POWER_WORDS: [(EnabledState, &str); 4] = [
    (EnabledState::Enabled, "running"),
    (EnabledState::Disabled, "off"),
    (EnabledState::Offline, "saved"),
    (EnabledState::Quiesce, "paused"),
];

/// Reads what stands behind `expect`.
pub(super) fn parse(args: &[Arg], span: Span) -> Result<Expectation, Vec<Problem>> {
    let mut reader = Reader::new(args, span, None);
    let what = || "a host and a virtual machine, or a job".to_owned();
    let Some(first) = reader.next_word(what) else { return Err(reader.finish()) };
    let job = first.plain().is_some_and(|text| text.starts_with('{') || is_alias(text));
    let of = if job { Some(parse_job(first, &mut reader)) } else { parse_vm(first, &mut reader) };
    let problems = reader.finish();
    match of {
        Some(of) if problems.is_empty() => Ok(Expectation { of, span }),
        _ => Err(problems),
    }
}

fn parse_vm(host: &Word, reader: &mut Reader<'_>) -> Option<Subject> {
    let vm = reader.next_word(|| "a virtual machine".to_owned())?;
    if vm.plain() == Some(EVENT) {
        return Some(parse_event(host, reader));
    }
    reader.vm_word(vm);
    let (mut facts, mut absent, mut unclear) = (VmFacts::default(), false, Vec::new());
    keyed(reader, &mut facts);
    while let Some(word) = reader.another_word() {
        match word.plain() {
            Some(ABSENT) => absent = true,
            _ => unclear.push(word),
        }
    }
    if absent {
        for word in &unclear {
            reader.problem(
                word.span(),
                format!("{} says something of what is absent", shown(word.text())),
            );
        }
        if facts != VmFacts::default() {
            reader.problem(vm.span(), "`absent` goes with nothing else");
        }
    } else {
        place(reader, &mut facts, unclear);
        let nothing = VmFacts { relationship: facts.relationship, ..VmFacts::default() };
        if facts == nothing && reader.is_fine() {
            let message = "expected what to look for: a mode, a state, `points=`";
            reader.problem_at_end(message);
        }
    }
    Some(Subject::Vm { host: host.clone(), vm: vm.clone(), facts: (!absent).then_some(facts) })
}

/// `32086`, `32086 web`, `32086 absent`, `32086 web absent`, each with `says="a text"`.
fn parse_event(host: &Word, reader: &mut Reader<'_>) -> Subject {
    let mut facts = EventFacts::from(EventId::OperationFailed);
    reader.next(EventName, &mut facts.id);
    facts::event_keys(reader, &mut facts);
    let (mut vm, mut there) = (None, true);
    while let Some(word) = reader.another_word() {
        if word.plain() == Some(ABSENT) && there {
            there = false;
        } else if vm.is_none() && there {
            reader.vm_word(word);
            vm = Some(word.clone());
        } else {
            let message = format!("expected the end of the line, found {}", shown(word.text()));
            reader.problem(word.span(), message);
        }
    }
    Subject::Event { host: host.clone(), facts, vm, there }
}

/// What a word can say of a virtual machine.
#[derive(Clone, Copy, Default)]
struct Meanings {
    mode: Option<ReplicationMode>,
    state: Option<ReplicationState>,
    health: Option<ReplicationHealth>,
    power: Option<EnabledState>,
}

impl Meanings {
    fn of(text: &str) -> Self {
        fn named<E: WireEnum>(text: &str) -> Option<E> {
            E::ALL.iter().copied().find(|it| it.name().eq_ignore_ascii_case(text))
        }
        let word = POWER_WORDS.iter().find(|(_, word)| *word == text);
        Self {
            mode: named(text),
            state: named(text),
            health: named(text),
            power: word.map(|(power, _)| *power).or_else(|| named(text)),
        }
    }

    /// Without the meanings that something else has said already.
    fn beside(self, facts: &VmFacts) -> Self {
        Self {
            mode: self.mode.filter(|_| facts.mode.is_none()),
            state: self.state.filter(|_| facts.state.is_none()),
            health: self.health.filter(|_| facts.health.is_none()),
            power: self.power.filter(|_| facts.power.is_none()),
        }
    }

    fn keys(self) -> Vec<&'static str> {
        let keys = [
            self.mode.map(|_| "mode"),
            self.state.map(|_| "state"),
            self.health.map(|_| "health"),
            self.power.map(|_| "power"),
        ];
        keys.into_iter().flatten().collect()
    }

    fn put(self, facts: &mut VmFacts) {
        facts.mode = self.mode.or(facts.mode);
        facts.state = self.state.or(facts.state);
        facts.health = self.health.or(facts.health);
        facts.power = self.power.or(facts.power);
    }
}

/// Finds out what each word says. `Critical` is a state and a health, `Disabled` a state and a
/// power: such a word stands for what no other word says, and if that is not one thing, or the
/// word is not there once for each, it needs its key.
fn place(reader: &mut Reader<'_>, facts: &mut VmFacts, words: Vec<&Word>) {
    let mut rest = words;
    loop {
        let before = rest.len();
        rest.retain(|word| {
            let meanings = Meanings::of(word.plain().unwrap_or_default()).beside(facts);
            let only = meanings.keys().len() == 1;
            if only {
                meanings.put(facts);
            }
            !only
        });
        if rest.len() == before {
            break;
        }
    }
    while let Some(word) = rest.first().copied() {
        let text = word.plain().unwrap_or_default();
        let (all, free) = (Meanings::of(text), Meanings::of(text).beside(facts));
        let (same, others): (Vec<&Word>, _) =
            rest.iter().copied().partition(|it| it.plain() == word.plain());
        if !free.keys().is_empty() && free.keys().len() == same.len() {
            free.put(facts);
        } else {
            reader.push(unplaced(word, all, free));
        }
        rest = others;
    }
}

fn unplaced(word: &Word, all: Meanings, free: Meanings) -> Problem {
    let found = shown(word.text());
    if all.keys().is_empty() {
        let message = format!(
            "expected a mode, a state, a health, a power, `absent` or an argument such as \
             `points=4`, found {found}"
        );
        return Problem::new(word.span(), message).near(word.text(), every_word());
    }
    if free.keys().is_empty() {
        let keys = listed(all.keys());
        return Problem::new(word.span(), format!("{found}, but the {keys} is already given"));
    }
    let keys: Vec<_> = free.keys().iter().map(|key| format!("{key}={}", word.text())).collect();
    Problem::new(word.span(), format!("{found} can mean more than one thing"))
        .helped(Some(format!("write {}", listed(keys.iter().map(|it| &**it)))))
}

fn every_word() -> impl Iterator<Item = &'static str> {
    let modes = ReplicationMode::ALL.iter().map(|it| it.name());
    let states = ReplicationState::ALL.iter().map(|it| it.name());
    let healths = ReplicationHealth::ALL.iter().map(|it| it.name());
    let powers = EnabledState::ALL.iter().map(|it| it.name());
    let words = POWER_WORDS.iter().map(|(_, word)| *word);
    modes.chain(states).chain(healths).chain(powers).chain(words).chain(["absent"])
}

fn parse_job(job: &Word, reader: &mut Reader<'_>) -> Subject {
    reader.job_word(job);
    let (mut facts, mut gone, mut words) = (JobFacts::default(), false, 0);
    reader.maybe("type", Exact::new(), &mut facts.job_type);
    while let Some(word) = reader.another_word() {
        words += 1;
        let text = word.plain().unwrap_or_default();
        let state = JobState::ALL.iter().find(|it| it.name().eq_ignore_ascii_case(text));
        if text == "gone" {
            gone = true;
        } else if let (Some(state), None) = (state, facts.state) {
            facts.state = Some(*state);
        } else if let (Some(percent), None) = (percent(text), facts.percent) {
            facts.percent = Some(percent);
        } else if let (Ok(code), None) = (ErrorCode::parse(text), facts.error) {
            facts.error = Some(code);
        } else {
            let message = format!(
                "expected a state, a percentage such as `40%` or `40%..60%`, an error code or \
                 `gone`, found {}",
                shown(word.text())
            );
            let states = JobState::ALL.iter().map(|it| it.name());
            let codes = ErrorCode::ALL.iter().map(|it| it.name());
            let near = states.chain(codes).chain(["gone"]);
            reader.push(Problem::new(word.span(), message).near(word.text(), near));
        }
    }
    if gone && (words > 1 || facts != JobFacts::default()) {
        reader.problem(job.span(), "`gone` goes with nothing else");
    } else if words == 0 && facts == JobFacts::default() {
        reader.problem_at_end(
            "expected what to look for: a state, a percentage, an error code, `gone`",
        );
    }
    Subject::Job { job: job.clone(), facts: (!gone).then_some(facts) }
}

/// `40%` or `40%..60%`.
fn percent(text: &str) -> Option<(u8, u8)> {
    let one = |text: &str| {
        let number = text.strip_suffix('%').filter(|it| it.bytes().all(|c| c.is_ascii_digit()))?;
        number.parse().ok().filter(|it| *it <= 100)
    };
    match text.split_once("..") {
        None => one(text).map(|it| (it, it)),
        Some((from, to)) => Some((one(from)?, one(to)?)).filter(|(from, to)| from <= to),
    }
}

impl fmt::Display for VmFacts {
    /// As a line writes them: words where a word says it, else `key=value`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words: Vec<&str> = Vec::new();
        let mut rest = *self;
        let clear = |name: &str| Meanings::of(name).keys().len() == 1;
        words.extend(take_if(&mut rest.mode, |it| clear(it.name())).map(ReplicationMode::name));
        words.extend(take_if(&mut rest.state, |it| clear(it.name())).map(ReplicationState::name));
        words.extend(take_if(&mut rest.health, |it| clear(it.name())).map(ReplicationHealth::name));
        if let Some(power) = take_if(&mut rest.power, |it| clear(power_word(it))) {
            words.push(power_word(power));
        }
        let keys = args_of(|writer| keyed(writer, &mut rest));
        write_all(
            f,
            words
                .iter()
                .map(|it| it as &dyn fmt::Display)
                .chain(keys.iter().map(|it| it as &dyn fmt::Display)),
        )
    }
}

fn take_if<T: Copy>(value: &mut Option<T>, wanted: impl FnOnce(T) -> bool) -> Option<T> {
    let taken = value.filter(|it| wanted(*it))?;
    *value = None;
    Some(taken)
}

/// The word that says a power and nothing else, or its name.
pub(super) fn power_word(power: EnabledState) -> &'static str {
    POWER_WORDS.iter().find(|(it, _)| *it == power).map_or(power.name(), |(_, word)| word)
}

impl fmt::Display for EventFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{EVENT} {}", self.id.to_wire())?;
        self.keys().iter().try_for_each(|it| write!(f, " {it}"))
    }
}

impl fmt::Display for JobFacts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.percent.map(|(from, to)| {
            if from == to { format!("{from}%") } else { format!("{from}%..{to}%") }
        });
        let words = [
            self.state.map(|it| it.name().to_owned()),
            percent,
            self.error.map(|it| it.to_wire().to_string()),
            self.job_type.map(|it| format!("type={}", it.name())),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        write_all(f, words.iter().map(|it| it as &dyn fmt::Display))
    }
}

fn write_all<'a>(
    f: &mut fmt::Formatter<'_>,
    words: impl Iterator<Item = &'a dyn fmt::Display>,
) -> fmt::Result {
    for (i, word) in words.enumerate() {
        write!(f, "{}{word}", if i == 0 { "" } else { " " })?;
    }
    Ok(())
}

impl fmt::Display for Expectation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.of {
            Subject::Vm { host, vm, facts: Some(facts) } => write!(f, "expect {host} {vm} {facts}"),
            Subject::Vm { host, vm, facts: None } => write!(f, "expect {host} {vm} absent"),
            Subject::Event { host, facts, vm, there } => {
                write!(f, "expect {host} {EVENT} {}", facts.id.to_wire())?;
                vm.iter().try_for_each(|vm| write!(f, " {vm}"))?;
                if !there {
                    write!(f, " {ABSENT}")?;
                }
                facts.keys().iter().try_for_each(|it| write!(f, " {it}"))
            }
            Subject::Job { job, facts: Some(facts) } => write!(f, "expect {job} {facts}"),
            Subject::Job { job, facts: None } => write!(f, "expect {job} gone"),
        }
    }
}
