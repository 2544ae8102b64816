//! Colours, widths, and text that is safe to print.

use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

pub(crate) const PLAIN: Style = Style::new();
pub(crate) const BOLD: Style = Style::new().bold();
pub(crate) const DIM: Style = Style::new().dimmed();
pub(crate) const GOOD: Style = AnsiColor::Green.on_default();
pub(crate) const WARN: Style = AnsiColor::Yellow.on_default();
pub(crate) const BAD: Style = AnsiColor::Red.on_default().bold();
pub(crate) const NOTE: Style = AnsiColor::Blue.on_default().bold();

/// The width to print in if the arguments do not say.
pub(crate) fn terminal_width() -> usize {
    const DEFAULT: usize = 120;
    let told = std::env::var("COLUMNS").ok().and_then(|it| it.parse().ok());
    let seen = || terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
    told.or_else(seen).filter(|it| (40..=1000).contains(it)).unwrap_or(DEFAULT)
}

/// `error: …`
pub(crate) fn error(to: &mut dyn Write, message: &str) -> io::Result<()> {
    writeln!(to, "{BAD}error{BAD:#}{BOLD}: {}{BOLD:#}", printable(message))
}

/// `note: …`
#[cfg(feature = "wsman")]
pub(crate) fn note(to: &mut dyn Write, message: &str) -> io::Result<()> {
    writeln!(to, "{NOTE}note{NOTE:#}: {}", printable(message))
}

/// Text from a file without what could move a terminal's cursor: a blank for each such character.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// How many columns of a terminal a text takes, roughly: two for East Asian characters.
pub(crate) fn columns(text: &str) -> usize {
    text.chars().map(width).sum()
}

fn width(c: char) -> usize {
    match u32::from(c) {
        0x0300..=0x036F | 0x200B..=0x200F | 0xFE00..=0xFE0F => 0,
        0x1100..=0x115F
        | 0x2E80..=0xA4CF
        | 0xAC00..=0xD7A3
        | 0xF900..=0xFAFF
        | 0xFE30..=0xFE6F
        | 0xFF00..=0xFF60
        | 0xFFE0..=0xFFE6
        | 0x1F300..=0x1FAFF
        | 0x20000..=0x3FFFD => 2,
        _ => 1,
    }
}

/// A text with blanks behind it, up to a number of columns.
pub(crate) fn padded(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(columns(text))))
}

/// A text in lines of at most `room` columns, broken at blanks where possible.
pub(crate) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let room = room.max(8);
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(' ') {
        let gap = usize::from(!line.is_empty());
        if columns(&line) + gap + columns(word) > room && !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        } else if gap == 1 {
            line.push(' ');
        }
        for c in word.chars() {
            if columns(&line) + width(c) > room {
                lines.push(std::mem::take(&mut line));
            }
            line.push(c);
        }
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_wrapped_at_blanks_and_inside_what_is_too_long() {
        assert_eq!(wrapped("one two three four", 9), ["one two", "three", "four"]);
        assert_eq!(wrapped("abcdefghijkl mn", 10), ["abcdefghij", "kl mn"]);
        assert_eq!(wrapped("", 10), [""]);
        assert_eq!(columns("東京"), 4);
    }
}
