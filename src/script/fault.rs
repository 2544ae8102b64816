//! `fault tokyo InitiateFailover web times=2 => 32775`: rules of [`layer`](crate::layer) as lines.

use super::args::Args;
use super::ast::Statement;
use super::form::{Form, Moment, Number, braced};
use super::method::Method;
use super::names::Nameless;
use super::parse::{as_called, parse_lines};
use super::print::write_args;
use super::problem::{ParseError, Problem, listed, shown};
use super::reader::Reader;
use super::text::{Arg, Keyword, Span, Token, Word};
use super::writer::Writer;
use crate::layer::{Asked, Fault, Plan, Read, Verdict, VmRef};
use crate::model::time::{format_duration, parse_duration};
use crate::model::{
    ErrorCode, HostId, Operation, RequestedReplicationState, RequestedState, WireEnum,
};
use std::fmt;
use std::str::FromStr;

/// The word for any host, and for any virtual machine.
const ANY: &str = "any";

/// The word for a requested state that is outside the value map.
const UNDOCUMENTED: &str = "undocumented";

/// Reads the words before the arrow, the first of which is `fault`, and those behind it.
pub(super) fn parse(
    args: &[Arg],
    arrow: Option<&Token>,
    behind: &[Token],
) -> Result<Fault, Vec<Problem>> {
    let last = args.last().map_or(Span::default(), |it| it.span);
    let end = Span { start: last.end, end: last.end.saturating_add(1) };
    let mut reader = Reader::new(args.get(1..).unwrap_or_default(), end, None);
    let mut fault = Fault::new(Asked::Anything, Verdict::Pass);
    reader.next(HostWord, &mut fault.host);
    reader.next(AskedWord, &mut fault.asked);
    match &mut fault.asked {
        Asked::Call(operation) if states(*operation).len() > 1 => {
            let word = reader.next_word(|| "the name of a virtual machine, or `any`".to_owned());
            fault.vm = word.and_then(|word| vm(&mut reader, word));
            reader.next(StateWord(*operation), operation);
        }
        _ => fault.vm = reader.another_word().and_then(|word| vm(&mut reader, word)),
    }
    keyed(&mut reader, &mut fault);
    let mut nth = None;
    reader.maybe("nth", Number::<u32>::new(), &mut nth);
    if let Some(nth) = nth {
        if fault.after != 0 || fault.times.is_some() {
            reader.problem(last, "`nth=` goes with neither `after=` nor `times=`");
        }
        fault = fault.nth(nth);
    }
    let mut problems = reader.finish();
    match arrow {
        Some(Token::Arrow(span)) => match verdict(*span, behind) {
            Ok(verdict) => fault.verdict = verdict,
            Err(problem) => problems.push(problem),
        },
        _ => problems.push(Problem::new(
            end,
            "expected `=>` and what becomes of the call, found the end of the line",
        )),
    }
    if problems.is_empty() { Ok(fault) } else { Err(problems) }
}

fn vm(reader: &mut Reader<'_>, word: &Word) -> Option<VmRef> {
    match word.plain() {
        Some(ANY) => None,
        Some(text) if text.starts_with('{') => reader.vm_word(word).map(VmRef::Id),
        _ => Some(VmRef::Name(word.text().to_owned())),
    }
}

/// The operations of a method, each with the state that it requests: one without any, as a rule.
fn states(method: Operation) -> Vec<(&'static str, Operation)> {
    let of = |it: &Operation| (it.class(), it.method());
    let name = |it: Operation| {
        let state = it.requested_state()?.into();
        if it.is_replication() {
            RequestedReplicationState::from_number(state).map(WireEnum::name)
        } else {
            RequestedState::from_number(state).map(WireEnum::name)
        }
    };
    let same = Operation::ALL.iter().copied().filter(|it| of(it) == of(&method));
    same.map(|it| (name(it).unwrap_or(UNDOCUMENTED), it)).collect()
}

/// The arguments with keys.
fn keyed<A: Args>(args: &mut A, fault: &mut Fault) {
    args.key("after", Number::new(), &mut fault.after, 0);
    args.maybe("times", Number::new(), &mut fault.times);
    args.maybe("from", Moment, &mut fault.from);
    args.maybe("until", Moment, &mut fault.until);
}

/// Reads what stands behind `=>`.
fn verdict(arrow: Span, tokens: &[Token]) -> Result<Verdict, Problem> {
    const EXPECTED: &str = "expected `32768` to `32779`, `delay 30s`, `lost`, `unreachable`, \
                            `missing` or `pass`";
    let mut words = Vec::new();
    for token in tokens {
        match token {
            Token::Arg(Arg { key: None, value, .. }) => words.push(value),
            Token::Arg(Arg { span, .. }) | Token::Arrow(span) => {
                return Err(Problem::new(*span, EXPECTED));
            }
        }
    }
    let Some((first, rest)) = words.split_first() else {
        let end = Span { start: arrow.end, end: arrow.end + 1 };
        return Err(Problem::new(end, format!("{EXPECTED}, found the end of the line")));
    };
    let duration = |word: &Word| {
        parse_duration(word.plain().unwrap_or_default()).map_err(|_| {
            let found = shown(word.text());
            let message = format!("expected a duration such as `30s`, found {found}");
            Problem::new(word.span(), message)
        })
    };
    let (verdict, rest) = match (first.plain().unwrap_or_default(), rest) {
        ("pass", rest) => (Verdict::Pass, rest),
        ("lost", rest) => (Verdict::LoseAnswer, rest),
        ("unreachable", rest) => (Verdict::Unreachable, rest),
        ("missing", rest) => (Verdict::Missing, rest),
        ("delay", [word, rest @ ..]) => (Verdict::Delay(duration(word)?), rest),
        ("delay", []) => {
            let end = Span { start: first.span().end, end: first.span().end + 1 };
            let message = "expected a duration such as `30s`, found the end of the line";
            return Err(Problem::new(end, message));
        }
        (text, rest) => {
            let code = ErrorCode::parse(text).map_err(|_| {
                let message = format!("{EXPECTED}, found {}", shown(first.text()));
                let words = ["pass", "lost", "unreachable", "missing", "delay"];
                let names = ErrorCode::ALL.iter().map(|it| it.name()).chain(words);
                Problem::new(first.span(), message).near(first.text(), names)
            })?;
            (Verdict::Refuse(code), rest)
        }
    };
    match rest {
        [] => Ok(verdict),
        [word, ..] => {
            let message = format!("expected the end of the line, found {}", shown(word.text()));
            Err(Problem::new(word.span(), message))
        }
    }
}

/// The name of a host, or `any`.
#[derive(Clone, Copy)]
struct HostWord;

impl Form for HostWord {
    type Value = Option<String>;

    fn expected(self) -> String {
        "the name of a host, or `any`".to_owned()
    }
    fn read(self, word: &Word) -> Option<Self::Value> {
        Some((word.plain() != Some(ANY)).then(|| word.text().to_owned()))
    }
    fn write(self, value: &Self::Value) -> Word {
        match value.as_deref() {
            None => Word::bare(ANY),
            Some(ANY) => Word::quoted(ANY),
            Some(name) => Word::name(name),
        }
    }
}

/// What is asked: a method as a call names it, a read, or a word for many.
#[derive(Clone, Copy)]
struct AskedWord;

const MANY: [(&str, Asked); 3] =
    [("anything", Asked::Anything), ("call", Asked::AnyCall), ("read", Asked::AnyRead)];

impl Form for AskedWord {
    type Value = Asked;

    fn expected(self) -> String {
        let reads = Read::ALL.iter().map(|it| it.name());
        let words = MANY.iter().map(|(word, _)| *word).chain(reads);
        format!("a method such as `CommitFailover`, {}", listed(words))
    }
    fn words(self) -> Vec<&'static str> {
        let methods = Method::all().into_iter().map(Method::name);
        let reads = Read::ALL.iter().map(|it| it.name());
        MANY.iter().map(|(word, _)| *word).chain(reads).chain(methods).collect()
    }
    fn help(self, word: &Word) -> Option<String> {
        as_called(word.text())
    }
    fn read(self, word: &Word) -> Option<Asked> {
        let text = word.plain()?;
        let many = MANY.iter().find(|(name, _)| *name == text).map(|(_, asked)| *asked);
        let read = || Read::ALL.iter().copied().find(|it| it.name() == text).map(Asked::Read);
        many.or_else(read).or_else(|| Some(Asked::Call(Method::named(text)?.operation())))
    }
    fn write(self, value: &Asked) -> Word {
        Word::bare(match value {
            Asked::Anything => "anything",
            Asked::AnyCall => "call",
            Asked::AnyRead => "read",
            Asked::Call(operation) => Method::from(*operation).name(),
            Asked::Read(read) => read.name(),
        })
    }
}

/// The state that a method is asked for, where each is an operation of its own.
#[derive(Clone, Copy)]
struct StateWord(Operation);

impl Form for StateWord {
    type Value = Operation;

    fn expected(self) -> String {
        listed(self.words())
    }
    fn words(self) -> Vec<&'static str> {
        states(self.0).into_iter().map(|(name, _)| name).collect()
    }
    fn read(self, word: &Word) -> Option<Operation> {
        let text = word.plain()?;
        let number = text.parse().ok();
        let meant = |(name, it): &(&str, Operation)| {
            name.eq_ignore_ascii_case(text) || number.is_some() && it.requested_state() == number
        };
        states(self.0).into_iter().find(meant).map(|(_, it)| it)
    }
    fn write(self, value: &Operation) -> Word {
        let state = states(*value).into_iter().find(|(_, it)| it == value);
        Word::bare(state.map_or(UNDOCUMENTED, |(name, _)| name))
    }
}

impl fmt::Display for Fault {
    /// The line of a script that says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fault = self.clone();
        let mut writer = Writer::new(&Nameless, HostId(0));
        writer.next(HostWord, &mut fault.host);
        writer.next(AskedWord, &mut fault.asked);
        let by_state = match fault.asked {
            Asked::Call(operation) if states(operation).len() > 1 => Some(operation),
            _ => None,
        };
        match &fault.vm {
            Some(VmRef::Id(id)) => writer.word(braced(id.0)),
            Some(VmRef::Name(name)) if name == ANY => writer.word(Word::quoted(name)),
            Some(VmRef::Name(name)) => writer.word(Word::name(name)),
            None if by_state.is_some() => writer.word(Word::bare(ANY)),
            None => {}
        }
        if let Some(mut operation) = by_state {
            writer.next(StateWord(operation), &mut operation);
        }
        keyed(&mut writer, &mut fault);
        f.write_str(Keyword::Fault.name())?;
        write_args(f, &writer.finish())?;
        f.write_str("  => ")?;
        self.verdict.fmt(f)
    }
}

impl fmt::Display for Verdict {
    /// What stands behind the arrow of a `fault` line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => f.write_str("pass"),
            Self::Refuse(code) => write!(f, "{}", code.to_wire()),
            Self::Delay(by) => write!(f, "delay {}", format_duration(*by)),
            Self::LoseAnswer => f.write_str("lost"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::Missing => f.write_str("missing"),
        }
    }
}

impl fmt::Display for Plan {
    /// A line for each rule.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.faults.iter().try_for_each(|fault| writeln!(f, "{fault}"))
    }
}

impl fmt::Debug for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\n{self}")
    }
}

impl FromStr for Plan {
    type Err = ParseError;

    /// Reads a text in which every statement is a `fault`; it may have none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut plan = Self::default();
        let mut problems = Vec::new();
        for (number, line) in (1..).zip(parse_lines(text)?.lines) {
            match line.statement {
                None => {}
                Some(Statement::Fault(fault)) => plan.faults.push(fault),
                Some(other) => {
                    let found = shown(&other.to_string());
                    let message =
                        format!("expected a line that begins with `fault`, found {found}");
                    problems.push(Problem::new(Span { start: 1, end: 2 }, message).on(number));
                }
            }
        }
        if problems.is_empty() { Ok(plan) } else { Err(ParseError::new(problems)) }
    }
}
