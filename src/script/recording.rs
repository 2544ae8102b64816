//! The text of a [`Recording`]: a question and its answer a line.
//!
//! `@2h tokyo CommitFailover web  => 32775` is a call as a script writes it, with its time before
//! it. A read is `@2h tokyo relationship web 0  => {…}`: what it showed stands there as JSON, or
//! `missing`; `unanswered` is an answer that did not come. `open` before the time marks what a
//! host showed when its recording began. A line may be a comment.

use super::args::Args;
use super::ast::Statement;
use super::names::Names;
use super::parse::call_line;
use super::problem::{ParseError, Problem, listed, shown};
use super::reader::Reader;
use super::text::{Span, Token, Word, lex};
use super::writer::Writer;
use crate::engine::{Caller, Input};
use crate::layer::{Exchange, Look, Question, Read, Recording, Shown, Told};
use crate::model::time::{format_duration, parse_duration};
use crate::model::{
    ErrorCode, HostId, JobId, Leg, PointId, RelationshipId, SimTime, VmId, WireEnum,
};
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// Who is called what in a recording: hosts as they were put under it, virtual machines as they
/// were seen.
struct Cast {
    hosts: Vec<Arc<str>>,
    vms: BTreeSet<(String, VmId)>,
    now: SimTime,
}

impl Cast {
    fn of<'a>(hosts: Vec<Arc<str>>, told: impl Iterator<Item = &'a Told>) -> Self {
        let mut vms = BTreeSet::new();
        for told in told {
            match told {
                Told::Shown(Shown::Vm(vm)) => vms.extend([(vm.name.to_string(), vm.id)]),
                Told::Shown(Shown::Vms(all)) => {
                    vms.extend(all.iter().map(|vm| (vm.name.to_string(), vm.id)));
                }
                _ => {}
            }
        }
        Self { hosts, vms, now: SimTime::ZERO }
    }

    /// The number of a host, which gets one if it has none.
    fn number(hosts: &mut Vec<Arc<str>>, host: &Arc<str>) -> HostId {
        let place = hosts.iter().position(|it| it.eq_ignore_ascii_case(host));
        let place = place.unwrap_or_else(|| {
            hosts.push(Arc::clone(host));
            hosts.len() - 1
        });
        HostId(u16::try_from(place).unwrap_or(u16::MAX))
    }
}

impl Names for Cast {
    fn host_named(&self, name: &str) -> Option<HostId> {
        let place = self.hosts.iter().position(|it| it.eq_ignore_ascii_case(name))?;
        u16::try_from(place).ok().map(HostId)
    }
    fn host_name(&self, host: HostId) -> Option<String> {
        self.hosts.get(usize::from(host.0)).map(ToString::to_string)
    }
    fn vms_named(&self, _: HostId, name: &str) -> Vec<VmId> {
        self.vms.iter().filter(|(it, _)| it == name).map(|(_, id)| *id).collect()
    }
    fn vm_names(&self, _: HostId) -> Vec<String> {
        self.vms.iter().map(|(name, _)| name.clone()).collect()
    }
    fn vm_name(&self, _: HostId, vm: VmId) -> Option<String> {
        self.vms.iter().find(|(_, id)| *id == vm).map(|(name, _)| name.clone())
    }
    fn points(&self, _: HostId, _: VmId) -> Vec<PointId> {
        Vec::new()
    }
    fn job(&self, _: &str) -> Option<JobId> {
        None
    }
    fn job_alias(&self, _: JobId) -> Option<String> {
        None
    }
    fn now(&self) -> SimTime {
        self.now
    }
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = || self.opening.iter().chain(&self.exchanges);
        let mut hosts = Vec::new();
        all().for_each(|it| {
            Cast::number(&mut hosts, &it.host);
        });
        let mut cast = Cast::of(hosts, all().map(|it| &it.told));
        for (place, it) in all().enumerate() {
            cast.now = it.at;
            let open = if place < self.opening.len() { "open " } else { "" };
            let at = format_duration(it.at.since(SimTime::ZERO));
            let host = Cast::number(&mut cast.hosts, &it.host);
            writeln!(f, "{open}@{at} {}  => {}", said(&it.question, host, &cast), Json(&it.told))?;
        }
        Ok(())
    }
}

/// A question, with the host before it.
fn said(question: &Question, host: HostId, cast: &Cast) -> String {
    match question {
        Question::Call(call) => {
            let call = call.clone();
            let input = Input::Call { host, caller: Caller::Administrator, call };
            Statement::from_input(&input, cast).to_string()
        }
        Question::Look(look) => {
            let mut writer = Writer::new(cast, host);
            writer.host(&mut host.clone());
            writer.word(Word::bare(look.read().name()));
            match *look {
                Look::Vm(mut vm)
                | Look::RecoveryPoints(mut vm)
                | Look::Devices(mut vm)
                | Look::FailoverNetwork(mut vm) => {
                    writer.vm(&mut vm);
                }
                Look::Relationship(mut id) | Look::Settings(mut id) => {
                    writer.vm(&mut id.vm);
                    writer.word(Word::bare(id.leg.index()));
                }
                Look::Job(mut job) => writer.job(&mut job),
                _ => {}
            }
            let words: Vec<_> = writer.finish().iter().map(ToString::to_string).collect();
            words.join(" ")
        }
    }
}

/// An answer as a line writes it.
struct Json<'a>(&'a Told);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = |it: &dyn fmt::Debug, text: Result<String, serde_json::Error>| {
            // Nothing of the vocabulary has keys that are no text, so that this does not happen.
            text.unwrap_or_else(|_| format!("{it:?}"))
        };
        match self.0 {
            Told::Completed => f.write_str("0"),
            Told::Returned(it) => write!(f, "0 {}", json(it, serde_json::to_string(it))),
            Told::Started(job) => write!(f, "4096 {{{job}}}"),
            Told::Refused(code) => code.to_wire().fmt(f),
            Told::Unrecognised(value) => value.fmt(f),
            Told::NotImplemented => f.write_str("1"),
            Told::Missing => f.write_str("missing"),
            Told::Unanswered => f.write_str("unanswered"),
            Told::Shown(it) => f.write_str(&json(it, serde_json::to_string(it))),
        }
    }
}

/// A line in its parts, the columns of which start after so many characters.
struct Parts<'a> {
    number: u32,
    opens: bool,
    at: SimTime,
    question: &'a str,
    question_at: u32,
    answer: &'a str,
    answer_at: u32,
}

fn columns(text: &str) -> u32 {
    u32::try_from(text.chars().count()).unwrap_or(u32::MAX)
}

fn problem(number: u32, before: u32, message: impl Into<String>) -> Problem {
    let start = before.saturating_add(1);
    Problem::new(Span { start, end: start.saturating_add(1) }, message).on(number)
}

/// Where the arrow begins that is not in quotes.
fn arrow(line: &str) -> Option<usize> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '=' if !quoted && line[..at].ends_with(' ') && line[at..].starts_with("=>") => {
                return Some(at);
            }
            _ => {}
        }
    }
    None
}

impl<'a> Parts<'a> {
    fn of(number: u32, line: &'a str) -> Result<Self, Problem> {
        let rest = line.strip_prefix("open ");
        let (opens, rest) = (rest.is_some(), rest.unwrap_or(line));
        let before = columns(line) - columns(rest);
        let (time, question) = rest.split_once(' ').unwrap_or((rest, ""));
        let at = time.strip_prefix('@').and_then(|it| parse_duration(it).ok());
        let at = at.and_then(|it| SimTime::ZERO.checked_add(it)).ok_or_else(|| {
            let found = shown(time);
            problem(number, before, format!("expected a time such as `@2h`, found {found}"))
        })?;
        let end = columns(line);
        let arrow =
            arrow(question).ok_or_else(|| problem(number, end, "expected `=>` and the answer"))?;
        let (question, behind) = question.split_at(arrow);
        let question_at = before + columns(time) + 1;
        let answer = behind.strip_prefix("=>").unwrap_or(behind).trim_start();
        let (question, answer_at) = (question.trim_end(), end - columns(answer));
        Ok(Self { number, opens, at, question, question_at, answer, answer_at })
    }

    fn problem(&self, message: impl Into<String>) -> Problem {
        problem(self.number, self.answer_at, message)
    }

    /// The words of the question: the host, what it is asked, and the rest.
    fn words(&self) -> Option<(String, Option<Read>)> {
        let lexed = lex(self.question);
        let mut words = lexed.tokens.iter().filter_map(|it| match it {
            Token::Arg(arg) if arg.key().is_none() => Some(arg.value()),
            _ => None,
        });
        let (host, what) = (words.next()?, words.next()?);
        let read = Read::ALL.iter().copied().find(|it| what.plain() == Some(it.name()));
        Some((host.text().to_owned(), read))
    }

    fn told(&self, read: Option<Read>) -> Result<Told, Problem> {
        let (first, rest) = self.answer.split_once(' ').unwrap_or((self.answer, ""));
        match (read, first) {
            (_, "missing") => Ok(Told::Missing),
            (_, "unanswered") => Ok(Told::Unanswered),
            (Some(read), _) => self.shown(read).map(Told::Shown),
            (None, "0") if rest.is_empty() => Ok(Told::Completed),
            (None, "0") => self.json(rest).map(Told::Returned),
            (None, "1") => Ok(Told::NotImplemented),
            (None, "4096") => rest.parse().map(Told::Started).map_err(|_| {
                self.problem(format!(
                    "expected `4096` and the `{{GUID}}` of a job, found {}",
                    shown(rest)
                ))
            }),
            (None, text) => {
                let value = text.parse().map_err(|_| {
                    let found = shown(text);
                    let message = format!(
                        "expected a return value, `missing` or `unanswered`, found {found}"
                    );
                    self.problem(message)
                })?;
                Ok(ErrorCode::from_number(value).map_or(Told::Unrecognised(value), Told::Refused))
            }
        }
    }

    fn json<T: DeserializeOwned>(&self, text: &str) -> Result<T, Problem> {
        serde_json::from_str(text).map_err(|error| {
            let column = u32::try_from(error.column().saturating_sub(1)).unwrap_or(u32::MAX);
            let text_at = self.answer_at + columns(self.answer) - columns(text);
            let message = error.to_string();
            let message = message.split(" at line ").next().unwrap_or_default();
            problem(self.number, text_at.saturating_add(column), message)
        })
    }

    fn shown(&self, read: Read) -> Result<Shown, Problem> {
        let text = self.answer;
        Ok(match read {
            Read::Host => Shown::Host(self.json(text)?),
            Read::ServiceSettings => Shown::ServiceSettings(self.json(text)?),
            Read::AuthorizationEntries => Shown::AuthorizationEntries(self.json(text)?),
            Read::Vms => Shown::Vms(self.json(text)?),
            Read::Vm => Shown::Vm(self.json(text)?),
            Read::Relationship => Shown::Relationship(self.json(text)?),
            Read::Settings => Shown::Settings(self.json(text)?),
            Read::RecoveryPoints => Shown::RecoveryPoints(self.json(text)?),
            Read::Devices => Shown::Devices(self.json(text)?),
            Read::FailoverNetwork => Shown::FailoverNetwork(self.json(text)?),
            Read::Jobs => Shown::Jobs(self.json(text)?),
            Read::Job => Shown::Job(self.json(text)?),
        })
    }

    fn question(&self, read: Option<Read>, cast: &Cast) -> Result<Question, Vec<Problem>> {
        let shift = |mut it: Problem| {
            it.span.start = it.span.start.saturating_add(self.question_at);
            it.span.end = it.span.end.saturating_add(self.question_at);
            it.on(self.number)
        };
        let shift_all = |all: Vec<Problem>| all.into_iter().map(shift).collect::<Vec<_>>();
        match read {
            None => {
                let call = call_line(self.question).map_err(shift_all)?;
                match call.resolve(cast).map_err(shift_all)? {
                    Input::Call { call, .. } => Ok(Question::Call(call)),
                    _ => Err(vec![self.problem("expected a call")]),
                }
            }
            Some(read) => look(self.question, read, cast).map(Question::Look).map_err(shift_all),
        }
    }
}

/// The relationships of a virtual machine.
const LEGS: [&str; 2] = ["0", "1"];

/// Reads what stands behind the name of a read.
fn look(text: &str, read: Read, cast: &Cast) -> Result<Look, Vec<Problem>> {
    let lexed = lex(text);
    let args = lexed.tokens.into_iter().filter_map(|it| match it {
        Token::Arg(arg) => Some(arg),
        Token::Arrow(_) => None,
    });
    let args: Vec<_> = args.collect();
    let end = columns(text) + 1;
    let end = Span { start: end, end: end + 1 };
    let rest = args.get(2..).unwrap_or_default();
    let mut reader = Reader::new(rest, end, Some((cast, HostId(0))));
    let (mut vm, mut job) = (VmId(super::args::BLANK), JobId(super::args::BLANK));
    let look = match read {
        Read::Host => Look::Host,
        Read::ServiceSettings => Look::ServiceSettings,
        Read::AuthorizationEntries => Look::AuthorizationEntries,
        Read::Vms => Look::Vms,
        Read::Jobs => Look::Jobs,
        Read::Job => {
            reader.job(&mut job);
            Look::Job(job)
        }
        Read::Vm | Read::RecoveryPoints | Read::Devices | Read::FailoverNetwork => {
            reader.vm(&mut vm);
            match read {
                Read::Vm => Look::Vm(vm),
                Read::Devices => Look::Devices(vm),
                Read::RecoveryPoints => Look::RecoveryPoints(vm),
                _ => Look::FailoverNetwork(vm),
            }
        }
        Read::Relationship | Read::Settings => {
            reader.vm(&mut vm);
            let mut leg = Leg::Primary;
            if let Some(word) = reader.next_word(|| listed(LEGS)) {
                match word.plain() {
                    Some("0") => {}
                    Some("1") => leg = Leg::Extended,
                    _ => {
                        let (expected, found) = (listed(LEGS), shown(word.text()));
                        reader.problem(word.span(), format!("expected {expected}, found {found}"));
                    }
                }
            }
            let id = RelationshipId { vm, leg };
            if read == Read::Settings { Look::Settings(id) } else { Look::Relationship(id) }
        }
    };
    match reader.finish() {
        problems if problems.is_empty() && lexed.problems.is_empty() => Ok(look),
        mut problems => {
            problems.extend(lexed.problems);
            Err(problems)
        }
    }
}

impl FromStr for Recording {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let lines = (1..).zip(text.lines());
        let lines = lines.filter(|(_, it)| !it.trim().is_empty() && !it.starts_with('#'));
        let (mut problems, mut read, mut hosts) = (Vec::new(), Vec::new(), Vec::new());
        for (number, line) in lines {
            let answered = Parts::of(number, line).and_then(|parts| {
                let missing =
                    || problem(number, parts.question_at, "expected a host and a question");
                let (host, what) = parts.words().ok_or_else(missing)?;
                let told = parts.told(what)?;
                Ok((parts, Arc::from(host), what, told))
            });
            match answered {
                Ok(it) => {
                    Cast::number(&mut hosts, &it.1);
                    read.push(it);
                }
                Err(problem) => problems.push(problem),
            }
        }
        // Names are known once every line is read.
        let mut cast = Cast::of(hosts, read.iter().map(|(.., told)| told));
        let mut recording = Self::default();
        for (parts, host, what, told) in read {
            cast.now = parts.at;
            match parts.question(what, &cast) {
                Ok(question) => {
                    let (line, at) = (parts.number, parts.at);
                    let exchange = Exchange { line, at, host, question, told };
                    let opens = parts.opens && recording.exchanges.is_empty();
                    let to = if opens { &mut recording.opening } else { &mut recording.exchanges };
                    to.push(exchange);
                }
                Err(found) => problems.extend(found),
            }
        }
        if problems.is_empty() { Ok(recording) } else { Err(ParseError::new(problems)) }
    }
}
