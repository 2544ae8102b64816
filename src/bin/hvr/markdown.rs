//! The rule book's Markdown on a terminal: wrapped, tables as lists, links as notes.

use crate::style::{BOLD, DIM, wrapped};
use std::io::{self, Write};

/// Prints a page in at most `width` columns.
pub(crate) fn print(to: &mut dyn Write, text: &str, width: usize) -> io::Result<()> {
    let mut page = Page { to, width, links: Vec::new(), head: None };
    for line in text.lines() {
        page.line(line)?;
    }
    page.notes()
}

struct Page<'a> {
    to: &'a mut dyn Write,
    width: usize,
    /// What is linked to, in the order of the numbers.
    links: Vec<String>,
    /// The columns of the table that is being printed.
    head: Option<Vec<String>>,
}

impl Page<'_> {
    fn line(&mut self, line: &str) -> io::Result<()> {
        let Some(row) = line.strip_prefix('|') else {
            self.head = None;
            return self.text(line);
        };
        let cells: Vec<String> = cells(row).iter().map(|cell| self.inline(cell)).collect();
        match self.head.take() {
            None => self.head = Some(cells),
            Some(head) => {
                if !cells.iter().all(|cell| cell.chars().all(|c| "-: ".contains(c))) {
                    self.row(&head, &cells)?;
                }
                self.head = Some(head);
            }
        }
        Ok(())
    }

    fn text(&mut self, line: &str) -> io::Result<()> {
        if line.starts_with('#') {
            let title = self.inline(line.trim_start_matches('#').trim());
            return writeln!(self.to, "{BOLD}{title}{BOLD:#}");
        }
        let (mark, rest) = match line.strip_prefix("- ") {
            Some(rest) => ("- ", rest),
            None => ("", line),
        };
        let text = self.inline(rest);
        let lines = wrapped(&text, self.width - mark.len());
        for (place, line) in lines.iter().enumerate() {
            let lead = if place == 0 { mark } else { &"  "[..mark.len()] };
            writeln!(self.to, "{lead}{line}")?;
        }
        Ok(())
    }

    /// A row: its first words by themselves, and below them what the head says of the others.
    fn row(&mut self, head: &[String], cells: &[String]) -> io::Result<()> {
        let number = usize::from(head.first().is_some_and(String::is_empty));
        let mark = if number == 1 { format!("{}. ", cells[0]) } else { "- ".to_owned() };
        let indent = " ".repeat(mark.len());
        let room = self.width.saturating_sub(mark.len());
        for (place, cell) in cells.iter().enumerate().skip(number) {
            let first = place == number;
            let title = head.get(place).filter(|it| !first && !it.is_empty());
            let title = title.map(|it| format!("{}: ", it.to_lowercase())).unwrap_or_default();
            if cell.is_empty() {
                continue;
            }
            for (at, line) in wrapped(&format!("{title}{cell}"), room).iter().enumerate() {
                let lead = if first && at == 0 { &mark } else { &indent };
                let style = if first { BOLD } else { DIM };
                match line.strip_prefix(&*title).filter(|_| at == 0 && !title.is_empty()) {
                    Some(rest) => writeln!(self.to, "{lead}{style}{title}{style:#}{rest}")?,
                    None => writeln!(self.to, "{lead}{line}")?,
                }
            }
        }
        Ok(())
    }

    /// Text without code marks and escapes, its links as `text [1]`.
    fn inline(&mut self, text: &str) -> String {
        let (mut out, mut rest) = (String::new(), text);
        while let Some((before, title, url, after)) = next_link(rest) {
            out.push_str(before);
            let known = self.links.iter().position(|it| it == url);
            let number = known.unwrap_or_else(|| {
                self.links.push(url.to_owned());
                self.links.len() - 1
            });
            out.extend([title, " [", &(number + 1).to_string(), "]"]);
            rest = after;
        }
        out.push_str(rest);
        out.replace('`', "").replace("\\|", "|").replace("\\<", "<").replace("**", "")
    }

    fn notes(&mut self) -> io::Result<()> {
        for (number, url) in (1..).zip(&self.links) {
            let gap = if number == 1 { "\n" } else { "" };
            writeln!(self.to, "{gap}{DIM}[{number}] {url}{DIM:#}")?;
        }
        Ok(())
    }
}

/// What stands before the first `[title](url)`, its parts, and what stands behind it.
fn next_link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = text.split_once('[')?;
    let (title, rest) = rest.split_once("](")?;
    let (url, after) = rest.split_once(')')?;
    Some((before, title, url, after))
}

/// The cells of a row, whose first bar is behind us; a `\|` is no bar.
fn cells(row: &str) -> Vec<String> {
    let row = row.trim_end().strip_suffix('|').unwrap_or(row);
    let (mut cells, mut cell, mut escaped) = (Vec::new(), String::new(), false);
    for c in row.chars() {
        if c == '|' && !escaped {
            cells.push(std::mem::take(&mut cell).trim().to_owned());
        } else {
            cell.push(c);
        }
        escaped = c == '\\' && !escaped;
    }
    cells.push(cell.trim().to_owned());
    cells
}
