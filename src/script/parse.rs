//! From text to [`Script`].

use super::args::Args;
use super::ast::{Answer, CallLine, DisturbLine, Expected, Line, Script, Statement, Verb};
use super::checked::Checked;
use super::describe;
use super::expect;
use super::fault;
use super::form::Number;
use super::method::Method;
use super::problem::{ParseError, Problem, nearest, shown};
use super::reader::Reader;
use super::text::{Arg, Keyword, Span, Token, Word, is_alias, lex};
use crate::engine::{Caller, Policy};
use crate::model::time::parse_duration;
use crate::model::{ErrorCode, Flaw, Operation, WireEnum};
use std::str::FromStr;

/// The longest script, in bytes.
pub const MAX_BYTES: usize = 1 << 20;
/// The most lines of a script.
pub const MAX_LINES: usize = 100_000;

/// Reads a script.
///
/// # Errors
/// [`ParseError`] lists every problem of the text, with line and column, what was expected and
/// what was found. A text without a statement, with a NUL character, longer than [`MAX_BYTES`] or
/// with more than [`MAX_LINES`] lines is no script.
///
/// ```
/// use hyperv_replica::script;
///
/// let script = script::parse("host tokyo\nvm web on tokyo running  # the only one\n")?;
/// assert_eq!(script.lines.len(), 2);
/// let error = script::parse("host tokyo\ntokyo CommitFailver web").unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "2:7: expected a method, found `CommitFailver` (did you mean `CommitFailover`?)",
/// );
/// # Ok::<(), script::ParseError>(())
/// ```
pub fn parse(text: &str) -> Result<Script, ParseError> {
    match parse_lines(text)? {
        script if script.lines.iter().all(|it| it.statement.is_none()) => {
            Err(at(1, 1, "expected a statement, found an empty script".to_owned()))
        }
        script => Ok(script),
    }
}

/// Reads a script that may say nothing.
pub(super) fn parse_lines(text: &str) -> Result<Script, ParseError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.len() > MAX_BYTES {
        let found = text.len();
        let message = format!("expected at most {MAX_BYTES} bytes of script, found {found}");
        return Err(at(1, 1, message));
    }
    if let Some(nul) = text.find('\0') {
        let (line, column) = place(&text[..nul]);
        return Err(at(line, column, "expected a text, found a NUL character".to_owned()));
    }
    let count = text.lines().count();
    if count > MAX_LINES {
        let line = u32::try_from(MAX_LINES + 1).unwrap_or(u32::MAX);
        return Err(at(line, 1, format!("expected at most {MAX_LINES} lines, found {count}")));
    }
    let mut checked = Checked::default();
    for (number, text) in (1..).zip(text.lines()) {
        let (line, problems) = parse_line(text);
        checked.add(number, text, line, problems);
    }
    checked.finish()
}

/// Reads a script from a file's bytes, which may be no text at all.
///
/// # Errors
/// As [`parse`]; bytes that are not UTF-8 are reported where they start.
pub fn parse_bytes(bytes: &[u8]) -> Result<Script, ParseError> {
    match str::from_utf8(bytes) {
        Ok(text) => parse(text),
        Err(error) => {
            let (before, wrong) = bytes.split_at(error.valid_up_to());
            if bytes.len() > MAX_BYTES || before.contains(&0) {
                // What `parse` says of these is more to the point.
                return parse(&String::from_utf8_lossy(bytes));
            }
            let (line, column) = place(str::from_utf8(before).unwrap_or_default());
            let byte = wrong.first().copied().unwrap_or_default();
            Err(at(line, column, format!("expected UTF-8 text, found the byte 0x{byte:02X}")))
        }
    }
}

impl FromStr for Script {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse(text)
    }
}

impl FromStr for Line {
    type Err = ParseError;

    /// Reads one line by itself, which may use aliases that other lines bind.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some(end) = text.find(['\n', '\0']) {
            let (_, column) = place(&text[..end]);
            return Err(at(1, column, "expected one line of text, found more".to_owned()));
        }
        let (line, problems) = parse_line(text);
        if problems.is_empty() {
            Ok(line)
        } else {
            Err(ParseError::new(problems.into_iter().map(|it| it.on(1)).collect()))
        }
    }
}

fn at(line: u32, column: u32, message: String) -> ParseError {
    let span = Span { start: column, end: column.saturating_add(1) };
    Problem::new(span, message).on(line).into()
}

/// The line and column behind a text.
fn place(before: &str) -> (u32, u32) {
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
}

/// Reads one line; the problems have no line number yet.
fn parse_line(text: &str) -> (Line, Vec<Problem>) {
    let lexed = lex(text);
    let mut problems = lexed.problems;
    let mut line = Line { comment: lexed.comment, ..Line::default() };
    if !problems.is_empty() {
        // What the words mean cannot be told while it is unclear where they end.
        return (line, problems);
    }
    let arrow = lexed.tokens.iter().position(|it| matches!(it, Token::Arrow(_)));
    let (mut args, mut behind) = (Vec::new(), Vec::new());
    for (index, token) in lexed.tokens.into_iter().enumerate() {
        match token {
            Token::Arg(arg) if arrow.is_none_or(|arrow| index < arrow) => args.push(arg),
            token => behind.push(token),
        }
    }
    let mut behind = behind.into_iter();
    let arrow = behind.next();
    if args.is_empty() {
        if let Some(Token::Arrow(span)) = arrow {
            problems.push(Problem::new(span, "expected a statement before `=>`"));
        }
        return (line, problems);
    }
    let first = args.first().and_then(|it| it.value.plain().filter(|_| it.key.is_none()));
    if first.and_then(Keyword::named) == Some(Keyword::Fault) {
        // What stands behind its arrow is part of what it says, and no expectation.
        match fault::parse(&args, arrow.as_ref(), behind.as_slice()) {
            Ok(fault) => line.statement = Some(Statement::Fault(fault)),
            Err(found) => problems.extend(found),
        }
        return (line, problems);
    }
    match statement(&args) {
        Ok(statement) => line.statement = Some(statement),
        Err(found) => problems.extend(found),
    }
    if let Some(Token::Arrow(span)) = arrow {
        match answer(span, behind.as_slice()) {
            Ok(answer) => line.answer = Some(answer),
            Err(problem) => problems.push(problem),
        }
    }
    if let (Some(statement), Some(answer)) = (&line.statement, &line.answer) {
        problems.extend(fits(statement, answer));
    }
    (line, problems)
}

/// Reads a line that is a call and nothing else; the problems have no line number yet.
#[cfg(feature = "record")]
pub(super) fn call_line(text: &str) -> Result<CallLine, Vec<Problem>> {
    match parse_line(text) {
        (Line { statement: Some(Statement::Call(call)), answer: None, .. }, problems)
            if problems.is_empty() =>
        {
            Ok(call)
        }
        (_, problems) if problems.is_empty() => {
            Err(vec![Problem::new(Span { start: 1, end: 2 }, "expected a call")])
        }
        (_, problems) => Err(problems),
    }
}

/// Reads what stands behind `=>`.
fn answer(arrow: Span, tokens: &[Token]) -> Result<Answer, Problem> {
    let mut words = Vec::new();
    for token in tokens {
        match token {
            Token::Arg(Arg { key: None, value, .. }) => words.push(value),
            Token::Arg(Arg { span, .. }) | Token::Arrow(span) => {
                return Err(Problem::new(
                    *span,
                    "expected an answer such as `4096 job1` or `32775`",
                ));
            }
        }
    }
    let Some((first, rest)) = words.split_first() else {
        let end = Span { start: arrow.end, end: arrow.end + 1 };
        return Err(Problem::new(end, "expected an answer behind `=>`, found the end of the line"));
    };
    let expected = match first.plain().unwrap_or_default() {
        "0" => Expected::Completed,
        "1" => Expected::NotImplemented,
        "4096" => Expected::Started(None),
        "missing" => Expected::Missing,
        "rejected" => Expected::Rejected,
        "unanswered" => Expected::Unanswered,
        text => match ErrorCode::parse(text) {
            Ok(code) => Expected::Refused(code),
            Err(_) => return Err(no_answer(first)),
        },
    };
    match (expected, rest) {
        (expected, []) => Ok(Answer { expected, span: first.span() }),
        (Expected::Started(_), [alias]) if alias.plain().is_some_and(is_alias) => {
            let expected = Expected::Started(Some(alias.text().to_owned()));
            Ok(Answer { expected, span: first.span().to(alias.span()) })
        }
        (Expected::Started(_), [word, ..]) => {
            let message = format!(
                "expected a name for the job that starts with `job`, found {}",
                shown(word.text())
            );
            Err(Problem::new(word.span(), message))
        }
        (_, [word, ..]) => {
            let message = format!("expected the end of the line, found {}", shown(word.text()));
            Err(Problem::new(word.span(), message))
        }
    }
}

fn no_answer(word: &Word) -> Problem {
    let found = shown(word.text());
    let message = format!(
        "expected `0`, `1`, `4096`, `32768` to `32779`, `missing`, `unanswered` or `rejected`, \
         found {found}"
    );
    let words = ["missing", "unanswered", "rejected"];
    let names = ErrorCode::ALL.iter().map(|it| it.name()).chain(words);
    Problem::new(word.span(), message).near(word.text(), names)
}

/// Whether a statement can have such an answer.
fn fits(statement: &Statement, answer: &Answer) -> Option<Problem> {
    let message = match (statement, &answer.expected) {
        (Statement::Call(_), Expected::Rejected) => {
            "a call is never `rejected`; expected `0`, `1`, `4096`, `32768` to `32779`, `missing` \
             or `unanswered`"
        }
        (
            Statement::Seed(_)
            | Statement::Policy(_)
            | Statement::Wait { .. }
            | Statement::Expect(_)
            | Statement::Fail(_),
            _,
        ) => "expected no answer: nothing is asked for in this line",
        (Statement::Call(_), _) | (_, Expected::Rejected) => return None,
        _ => "expected `rejected` or no answer: this is no call",
    };
    Some(Problem::new(answer.span, message))
}

fn statement(args: &[Arg]) -> Result<Statement, Vec<Problem>> {
    let Some((first, rest)) = args.split_first() else { return Err(Vec::new()) };
    let last = args.last().map_or(first.span, |it| it.span);
    let end = Span { start: last.end, end: last.end.saturating_add(1) };
    if let Some(key) = &first.key {
        let message = format!("expected a statement, found an argument `{key}=`");
        return Err(vec![Problem::new(first.span, message)]);
    }
    let keyword = first.value.plain().and_then(Keyword::named);
    match keyword {
        None => call(&first.value, rest, end),
        Some(Keyword::Seed) => seed(rest, end),
        Some(Keyword::Policy) => policy(rest, end),
        Some(Keyword::Host) => host(rest, end),
        Some(Keyword::Vm) => vm(rest, end),
        Some(Keyword::Advance) => advance(rest, end),
        Some(Keyword::Wait) => wait(rest, end),
        Some(Keyword::Fail) => fail(rest, end),
        Some(Keyword::Expect) => {
            let mut expectation = expect::parse(rest, end)?;
            expectation.span = first.span.to(last);
            Ok(Statement::Expect(expectation))
        }
        Some(Keyword::Disturb(verb)) => disturb(verb, rest, first.span.to(last), end),
        Some(keyword) => configure(keyword, rest, end),
    }
}

/// The statement, unless something was wrong with it.
fn finish(statement: Option<Statement>, reader: Reader<'_>) -> Result<Statement, Vec<Problem>> {
    let problems = reader.finish();
    statement.filter(|_| problems.is_empty()).ok_or(problems)
}

fn seed(args: &[Arg], end: Span) -> Result<Statement, Vec<Problem>> {
    let mut reader = Reader::new(args, end, None);
    let mut seed = 0;
    reader.next(Number::<u64>::new(), &mut seed);
    finish(Some(Statement::Seed(seed)), reader)
}

/// `boot=30s StartReplication=0`. A policy without a word would say nothing.
fn policy(args: &[Arg], end: Span) -> Result<Statement, Vec<Problem>> {
    let mut reader = Reader::new(args, end, None);
    let mut policy = Box::<Policy>::default();
    describe::policy(&mut reader, &mut policy);
    if args.is_empty() {
        reader.problem_at_end("expected what differs from the default, such as `boot=30s`");
    }
    finish(Some(Statement::Policy(policy)), reader)
}

fn host(args: &[Arg], end: Span) -> Result<Statement, Vec<Problem>> {
    let mut reader = Reader::new(args, end, None);
    let mut spec = describe::blank_host();
    describe::host(&mut reader, &mut spec);
    finish(Some(Statement::Host(spec)), reader)
}

/// `web on tokyo running …`.
fn vm(args: &[Arg], end: Span) -> Result<Statement, Vec<Problem>> {
    let mut reader = Reader::new(args, end, None);
    let name = reader.next_word(|| "the name of a virtual machine".to_owned());
    let on = reader.next_word(|| "`on` and the name of a host".to_owned());
    if let Some(on) = on.filter(|on| on.plain() != Some("on")) {
        let message = format!("expected `on` and the name of a host, found {}", shown(on.text()));
        return Err(vec![Problem::new(on.span(), message)]);
    }
    let host = on.and_then(|_| reader.next_word(|| "the name of a host".to_owned()));
    if let Some(host) = host {
        reader.host_word(host);
    }
    let mut running = false;
    if let Some(word) = reader.another_word() {
        running = word.plain() == Some("running");
        if !running {
            let message = format!(
                "expected `running` or an argument such as `disk=127GiB`, found {}",
                shown(word.text())
            );
            reader.push(Problem::new(word.span(), message).near(word.text(), ["running"]));
        }
    }
    let mut spec = describe::blank_vm(name.map(Word::text).unwrap_or_default(), running);
    describe::vm(&mut reader, &mut spec);
    finish(host.map(|host| Statement::Vm { host: host.clone(), vm: spec }), reader)
}

fn advance(args: &[Arg], end: Span) -> Result<Statement, Vec<Problem>> {
    let mut reader = Reader::new(args, end, None);
    let word = reader.next_word(|| "a duration such as `2h30m`".to_owned());
    let duration = word.and_then(|word| match parse_duration(word.plain().unwrap_or_default()) {
        Ok(duration) => Some(duration),
        Err(error) => {
            let text = error.to_string();
            let why = text.split_once(": ").map_or(&*text, |(_, why)| why);
            let offset = u32::try_from(error.offset()).unwrap_or(u32::MAX);
            let start = word.span().start.saturating_add(offset);
            let span = Span { start, end: word.span().end.max(start.saturating_add(1)) };
            reader.problem(span, format!("{why} in the duration {}", shown(word.text())));
            None
        }
    });
    finish(duration.map(Statement::Advance), reader)
}

fn wait(args: &[Arg], end: Span) -> Result<Statement, Vec<Problem>> {
    let mut reader = Reader::new(args, end, None);
    let job = reader.next_word(|| "a job such as `job1`".to_owned());
    if let Some(job) = job {
        reader.job_word(job);
    }
    finish(job.map(|job| Statement::Wait { job: job.clone() }), reader)
}

fn fail(args: &[Arg], end: Span) -> Result<Statement, Vec<Problem>> {
    let mut reader = Reader::new(args, end, None);
    let says = reader.next_word(|| "what is wrong, in quotes".to_owned());
    finish(says.map(|says| Statement::Fail(says.text().into())), reader)
}

fn disturb(verb: Verb, args: &[Arg], span: Span, end: Span) -> Result<Statement, Vec<Problem>> {
    let mut reader = Reader::new(args, end, None);
    describe::disturbance(&mut reader, &mut describe::blank_disturbance(verb));
    finish(Some(Statement::Disturb(DisturbLine { verb, args: args.to_vec(), span })), reader)
}

/// `tokyo 443`, behind `occupy`.
fn configure(keyword: Keyword, args: &[Arg], end: Span) -> Result<Statement, Vec<Problem>> {
    let Some(mut change) = describe::blank_change(keyword) else { return Err(Vec::new()) };
    let mut reader = Reader::new(args, end, None);
    let host = reader.next_word(|| "the name of a host".to_owned());
    if let Some(host) = host {
        reader.host_word(host);
        describe::change(&mut reader, &mut change);
    }
    finish(host.map(|host| Statement::Configure { host: host.clone(), change }), reader)
}

/// `tokyo as=other StartReplication web Network`.
fn call(host: &Word, args: &[Arg], end: Span) -> Result<Statement, Vec<Problem>> {
    let mut problems = Vec::new();
    let (caller, args) = prefix(args, "as", CALLERS, &mut problems);
    let (flaw, args) = prefix(args, "with", FLAWS, &mut problems);
    let caller = caller.unwrap_or_default();
    let mut reader = Reader::new(&[], end, None);
    reader.host_word(host);
    problems.extend(reader.finish());
    let method = match args.first() {
        Some(Arg { key: None, value, .. }) => {
            let method = value.plain().and_then(Method::named);
            method.ok_or_else(|| no_method(host, value))
        }
        Some(Arg { key: Some(key), span, .. }) => {
            Err(Problem::new(*span, format!("expected a method, found an argument `{key}=`")))
        }
        None => Err(Problem::new(end, "expected a method, found the end of the line")
            .near(host.plain().unwrap_or_default(), Keyword::all().map(|(_, name)| name))),
    };
    match method {
        Err(problem) => problems.push(problem),
        Ok(method) => {
            let args = args.get(1..).unwrap_or_default();
            let mut reader = Reader::new(args, end, None);
            describe::call(&mut reader, method, &mut method.blank());
            problems.extend(reader.finish());
            if problems.is_empty() {
                let span = host.span().to(args.last().map_or(end, |it| it.span));
                let (host, args) = (host.clone(), args.to_vec());
                return Ok(Statement::Call(CallLine { host, caller, flaw, method, args, span }));
            }
        }
    }
    Err(problems)
}

const CALLERS: [(&str, Caller); 2] =
    [("administrator", Caller::Administrator), ("other", Caller::Other)];
const FLAWS: [(&str, Flaw); 2] = [("Null", Flaw::Null), ("WrongClass", Flaw::WrongClass)];

/// An argument that may stand before the method, and the arguments behind it.
fn prefix<'a, T: Copy>(
    args: &'a [Arg],
    key: &str,
    values: [(&'static str, T); 2],
    problems: &mut Vec<Problem>,
) -> (Option<T>, &'a [Arg]) {
    let Some((arg, rest)) = args.split_first() else { return (None, args) };
    if arg.key.as_deref() != Some(key) {
        return (None, args);
    }
    let word = &arg.value;
    let is_meant = |name: &str| word.plain().is_some_and(|it| it.eq_ignore_ascii_case(name));
    let value = values.iter().find(|(name, _)| is_meant(name)).map(|(_, value)| *value);
    if value.is_none() {
        let [one, other] = values.map(|(name, _)| name);
        let message = format!("expected `{one}` or `{other}`, found {}", shown(word.text()));
        problems.push(Problem::new(word.span(), message).near(word.text(), [one, other]));
    }
    (value, rest)
}

/// How lines write what only the rule book calls so.
pub(super) fn as_called(name: &str) -> Option<String> {
    let operation = Operation::ALL.iter().find(|it| it.name().eq_ignore_ascii_case(name))?;
    let state = operation.requested_state().map(|it| format!(" VM {it}")).unwrap_or_default();
    Some(format!("write `{}{state}`", operation.method()))
}

/// Why the word behind a host is no method, and what may have been meant.
fn no_method(host: &Word, word: &Word) -> Problem {
    let found = word.text();
    let problem = Problem::new(word.span(), format!("expected a method, found {}", shown(found)));
    let help = as_called(found);
    if help.is_some() {
        return problem.helped(help);
    }
    let methods = Method::all();
    let near = nearest(found, methods.iter().map(|it| it.name()));
    let keyword = host.plain().and_then(|it| nearest(it, Keyword::all().map(|(_, name)| name)));
    match (near, keyword) {
        (None, Some(keyword)) => {
            let help = format!("did you mean the statement `{keyword}`?");
            Problem::new(host.span(), format!("expected a statement, found {}", shown(host.text())))
                .helped(Some(help))
        }
        _ => problem.near(found, methods.iter().map(|it| it.name())),
    }
}
