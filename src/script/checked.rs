//! What the lines of a script are to each other: what is said once and first, and the jobs that lines
//! bind and later ones name.

use super::ast::{Answer, Expected, Line, Script, Statement};
use super::expect::Subject;
use super::problem::{ParseError, Problem};
use super::text::{Keyword, Span, Word, is_alias};
use crate::model::Operation;
use std::collections::BTreeMap;

/// The lines so far, and what they have bound.
#[derive(Default)]
pub(super) struct Checked {
    lines: Vec<Line>,
    problems: Vec<Problem>,
    aliases: BTreeMap<String, u32>,
    /// The line that says the seed, that says the policy, and the first that says anything else.
    seed: Option<u32>,
    policy: Option<u32>,
    begun: Option<u32>,
}

impl Checked {
    pub(super) fn add(&mut self, number: u32, text: &str, line: Line, problems: Vec<Problem>) {
        self.problems.extend(problems.into_iter().map(|it| it.on(number)));
        if let Some(statement) = &line.statement {
            let problem = self
                .begin(number, statement)
                .map(|message| Problem::new(first_word(text), message).on(number));
            self.problems.extend(problem);
        }
        for word in line.statement.iter().filter_map(jobs) {
            let alias = word.plain().filter(|it| is_alias(it));
            if let Some(alias) = alias.filter(|it| !self.aliases.contains_key(*it)) {
                let message = format!("no line before this one ends with `=> 4096 {alias}`");
                let known = self.aliases.keys().map(|it| &**it);
                let problem = Problem::new(word.span(), message).near(alias, known);
                self.problems.push(problem.on(number));
            }
        }
        if let Some(Answer { expected: Expected::Started(Some(alias)), span }) = &line.answer
            && let Some(before) = self.aliases.insert(alias.clone(), number)
        {
            let message = format!("`{alias}` is the job of line {before} already");
            self.problems.push(Problem::new(*span, message).on(number));
        }
        self.lines.push(line);
    }

    /// Whether a statement comes too late, if it is about the beginning of the world.
    fn begin(&mut self, number: u32, statement: &Statement) -> Option<String> {
        let (word, place) = match statement {
            Statement::Seed(_) => (Keyword::Seed.name(), &mut self.seed),
            Statement::Policy(_) => (Keyword::Policy.name(), &mut self.policy),
            _ => {
                self.begun.get_or_insert(number);
                return None;
            }
        };
        match (place.replace(number), self.begun) {
            (Some(before), _) => Some(format!("`{word}` is given in line {before} already")),
            (None, Some(begun)) => {
                Some(format!("expected `{word}` before line {begun}: it is how the world begins"))
            }
            (None, None) => None,
        }
    }

    pub(super) fn finish(self) -> Result<Script, ParseError> {
        if self.problems.is_empty() {
            Ok(Script { lines: self.lines })
        } else {
            Err(ParseError::new(self.problems))
        }
    }
}

/// Where the first word of a line stands.
fn first_word(text: &str) -> Span {
    let (blanks, words) = text.split_at(text.len() - text.trim_start().len());
    let length = |text: &str| u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    let start = length(blanks).saturating_add(1);
    let word = words.split_whitespace().next().unwrap_or_default();
    Span { start, end: start.saturating_add(length(word)) }
}

/// The jobs that a statement names.
fn jobs(statement: &Statement) -> Option<&Word> {
    use Operation as O;
    match statement {
        Statement::Wait { job } => Some(job),
        Statement::Expect(it) => match &it.of {
            Subject::Job { job, .. } => Some(job),
            Subject::Vm { .. } | Subject::Event { .. } => None,
        },
        Statement::Call(call) => {
            let of_job = matches!(
                call.method.operation(),
                O::RequestJobStateChange | O::GetError | O::GetErrorEx
            );
            call.args.iter().find(|it| of_job && it.key.is_none()).map(|it| &it.value)
        }
        _ => None,
    }
}
