//! Pointing at a place of a script, as rustc does.

use crate::style::{BAD, BOLD, GOOD, NOTE, columns, printable};
use hyperv_replica::script::{Fault, Problem, Span};
use similar::{ChangeTag, TextDiff};
use std::io::{self, Write};

/// How many characters of a line are shown at most.
const LONGEST: usize = 160;
/// How many of them stand before the place, in a line that is too long.
const BEFORE: usize = 60;

/// A script, as far as messages need it.
#[derive(Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

/// What is wrong with the text of a script.
pub(crate) fn problem(to: &mut dyn Write, source: Source<'_>, it: &Problem) -> io::Result<()> {
    crate::style::error(to, &it.message)?;
    place(to, source, it.line, it.span, it.help.as_deref().unwrap_or_default())?;
    writeln!(to)
}

/// What did not go as a script says.
pub(crate) fn fault(
    to: &mut dyn Write,
    source: Source<'_>,
    line: u32,
    fault: &Fault,
) -> io::Result<()> {
    match fault {
        Fault::Problem(it) => problem(to, source, it),
        Fault::Mismatch { span, expected, found } => {
            crate::style::error(to, "not as expected")?;
            place(to, source, line, *span, "")?;
            let margin = " ".repeat(margin(line));
            writeln!(to, "{margin} {NOTE}|{NOTE:#}")?;
            diff(to, &margin, expected, found)?;
            writeln!(to)
        }
        other => {
            crate::style::error(to, &other.to_string())?;
            place(to, source, line, other.span(), "")?;
            writeln!(to)
        }
    }
}

/// What was expected above what was found; the words that differ stand out.
fn diff(to: &mut dyn Write, margin: &str, expected: &str, found: &str) -> io::Result<()> {
    let diff = TextDiff::from_words(expected, found);
    for (sign, style, without) in
        [("- expected", BAD, ChangeTag::Insert), ("+ found   ", GOOD, ChangeTag::Delete)]
    {
        write!(to, "{margin} {NOTE}={NOTE:#} {style}{sign}{style:#} ")?;
        for change in diff.iter_all_changes().filter(|it| it.tag() != without) {
            match change.tag() {
                ChangeTag::Equal => write!(to, "{}", change.value())?,
                _ => write!(to, "{style}{}{style:#}", change.value())?,
            }
        }
        writeln!(to)?;
    }
    Ok(())
}

fn margin(line: u32) -> usize {
    line.to_string().len()
}

/// File, line and column, the line itself, and a caret below the place.
fn place(
    to: &mut dyn Write,
    source: Source<'_>,
    line: u32,
    span: Span,
    label: &str,
) -> io::Result<()> {
    let margin = " ".repeat(margin(line));
    let (name, column) = (printable(source.name), span.start);
    writeln!(to, "{margin}{NOTE}-->{NOTE:#} {name}:{line}:{column}")?;
    let index = usize::try_from(line).unwrap_or(usize::MAX).saturating_sub(1);
    let Some(text) = source.text.lines().nth(index) else { return Ok(()) };
    let text = if index == 0 { text.trim_start_matches('\u{feff}') } else { text };
    let (text, start, length) = window(&printable(text), span);
    let before: String = text.chars().take(start).collect();
    let under: String = text.chars().skip(start).take(length).collect();
    let indent = " ".repeat(columns(&before));
    let carets = "^".repeat(columns(&under).max(1));
    let label = printable(label);
    writeln!(to, "{margin} {NOTE}|{NOTE:#}")?;
    writeln!(to, "{NOTE}{line} |{NOTE:#} {}", text.trim_end())?;
    write!(to, "{margin} {NOTE}|{NOTE:#} {indent}{BAD}{carets}{BAD:#}")?;
    if label.is_empty() { writeln!(to) } else { writeln!(to, " {BOLD}{label}{BOLD:#}") }
}

/// The part of a line around a place, where in it the place starts, and how long it is.
fn window(text: &str, span: Span) -> (String, usize, usize) {
    let at = |column: u32| usize::try_from(column).unwrap_or(usize::MAX).saturating_sub(1);
    let length = text.chars().count();
    let start = at(span.start).min(length);
    let end = at(span.end).clamp(start, length.max(start));
    if length <= LONGEST {
        return (text.to_owned(), start, (end - start).max(1));
    }
    let from = start.saturating_sub(BEFORE);
    let mut part: String = text.chars().skip(from).take(LONGEST).collect();
    if from + LONGEST < length {
        part.push('…');
    }
    let shift = usize::from(from > 0);
    if from > 0 {
        part.insert(0, '…');
    }
    (part, start - from + shift, (end - start).clamp(1, LONGEST - (start - from)))
}
