//! What is wrong with a script, told to a person.

use super::text::Span;
use std::fmt;

/// Something wrong at a place of a script.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Problem {
    /// The line, from 1.
    pub line: u32,
    /// The columns.
    pub span: Span,
    /// What was expected and what was found.
    pub message: String,
    /// What to write instead, where that can be told.
    pub help: Option<String>,
}

impl Problem {
    pub(super) fn new(span: Span, message: impl Into<String>) -> Self {
        Self { line: 0, span, message: message.into(), help: None }
    }

    pub(super) fn helped(mut self, help: Option<String>) -> Self {
        self.help = help;
        self
    }

    /// “Did you mean”, if one of the words is close to what was found.
    pub(super) fn near<'a>(self, found: &str, words: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(found, words) {
            Some(word) => self.helped(Some(format!("did you mean `{word}`?"))),
            None => self,
        }
    }

    pub(super) fn on(mut self, line: u32) -> Self {
        self.line = line;
        self
    }
}

impl fmt::Display for Problem {
    /// `3:7: expected a method, found `x` (did you mean `y`?)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.span.start, self.message)?;
        match &self.help {
            Some(help) => write!(f, " ({help})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// Why a text is no script: every problem it has, in the order of the lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseError {
    problems: Vec<Problem>,
    more: usize,
}

impl ParseError {
    /// How many problems are kept; the others are only counted.
    pub const MAX_PROBLEMS: usize = 100;

    pub(super) fn new(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|it| (it.line, it.span.start));
        let more = problems.len().saturating_sub(Self::MAX_PROBLEMS);
        problems.truncate(Self::MAX_PROBLEMS);
        Self { problems, more }
    }

    /// The problems; never empty.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// How many there are beyond those.
    pub fn more(&self) -> usize {
        self.more
    }
}

impl From<Problem> for ParseError {
    fn from(problem: Problem) -> Self {
        Self::new(vec![problem])
    }
}

impl fmt::Display for ParseError {
    /// A line for each problem.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.problems.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "\n" })?;
        }
        match self.more {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for ParseError {}

/// A text that was found, as a message shows it: cut, on one line.
pub(super) fn shown(text: &str) -> String {
    const LONGEST: usize = 40;
    let mut cut: String = text.chars().take(LONGEST).flat_map(char::escape_debug).collect();
    if text.chars().nth(LONGEST).is_some() {
        cut.push('…');
    }
    format!("`{}`", cut.replace("\\'", "'").replace("\\\\", "\\"))
}

/// Words as a message lists them: `a`, `b` or `c`.
pub(super) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<_> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match words.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
    }
}

/// The word that is closest to what was found, if one is close enough to be a slip of the hand.
pub(super) fn nearest<'a>(
    found: &str,
    words: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    const LONGEST: usize = 64;
    let found: Vec<char> = found.chars().take(LONGEST + 1).flat_map(char::to_lowercase).collect();
    if found.len() > LONGEST {
        return None;
    }
    let near = words.into_iter().filter_map(|word| {
        let letters: Vec<char> = word.chars().flat_map(char::to_lowercase).collect();
        let distance = distance(&found, &letters);
        (distance <= 1 + letters.len() / 6 && distance < letters.len()).then_some((distance, word))
    });
    near.min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// How many letters must be put in, left out, changed or swapped with their neighbour.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let changed = last[j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut best = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                best = best.min(before[j - 2] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_of_the_hand_are_found() {
        let words = ["advance", "wait", "expect", "CommitFailover", "to"];
        for (found, near) in [
            ("advnace", Some("advance")),
            ("wiat", Some("wait")),
            ("expct", Some("expect")),
            ("commitfailver", Some("CommitFailover")),
            ("tokyo", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(found, words), near, "{found}");
        }
        assert_eq!(nearest(&"w".repeat(1000), words), None);
    }
}
