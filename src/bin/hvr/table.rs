//! A run as a table: a row for each step, and what each side looks like after it.

use crate::excerpt::{self, Source};
use crate::style::{BAD, BOLD, DIM, GOOD, PLAIN, WARN, columns, padded, printable, wrapped};
use anstyle::Style;
use hyperv_replica::model::time::format_duration;
use hyperv_replica::model::{
    EnabledState, Leg, ReplicationHealth, ReplicationMode, ReplicationState, SimTime,
};
use hyperv_replica::script::{Report, Script, Side, Step};
use std::io::{self, Write};
use std::time::Duration;

/// The gap between two columns.
const GAP: usize = 2;
/// The least room for what was called, in a table that has a column for each side.
const LEAST: usize = 36;
/// The longest name of a state in such a table; the number before it tells it apart.
const STATE: usize = 15;

/// Prints a run, in at most `width` columns where that is possible.
pub(crate) fn print(
    to: &mut dyn Write,
    source: Source<'_>,
    script: &Script,
    report: &Report,
    width: usize,
) -> io::Result<()> {
    let layout = Layout::of(report, width);
    let mut printed = Printed { layout: &layout, before: &[] };
    printed.header(to)?;
    let mut steps = report.steps.iter().peekable();
    for (number, line) in (1..).zip(&script.lines) {
        match steps.next_if(|step| step.line == number) {
            Some(step) => {
                printed.step(to, step)?;
                if let Some(fault) = &step.fault {
                    writeln!(to)?;
                    excerpt::fault(to, source, step.line, fault)?;
                }
            }
            None => comment(to, line.comment.as_deref())?,
        }
    }
    match report.steps.last() {
        // An excerpt ends with a line of its own.
        Some(Step { fault: Some(_), .. }) => Ok(()),
        _ => writeln!(to),
    }
}

/// A time as a clock shows it: to the second.
pub(crate) fn clock(time: SimTime) -> String {
    let whole = SimTime::from_ticks(time.ticks() / 10_000_000 * 10_000_000);
    whole.to_string()
}

/// What a script says about itself between its steps, in the lines its author chose.
fn comment(to: &mut dyn Write, text: Option<&str>) -> io::Result<()> {
    let Some(text) = text else { return writeln!(to) };
    let line = format!("#{}", printable(text));
    writeln!(to, "{DIM}{}{DIM:#}", line.trim_end())
}

/// Which side of which relationship a cell is about.
#[derive(Clone, PartialEq, Eq)]
struct Key<'a>(&'a str, &'a str, Leg);

impl<'a> Key<'a> {
    fn of(side: &'a Side) -> Self {
        Self(&side.host, &side.vm, side.relationship)
    }

    fn title(&self) -> String {
        let leg = if self.2 == Leg::Extended { " (extended)" } else { "" };
        printable(&format!("{}/{}{leg}", self.0, self.1))
    }
}

/// How a table is divided.
struct Layout<'a> {
    width: usize,
    time: usize,
    place: usize,
    what: usize,
    answer: usize,
    keys: Vec<Key<'a>>,
    /// The width of each part of a side: mode, state, health, power.
    parts: [usize; 4],
    /// Whether each side has a column; otherwise what changed stands below the step.
    beside: bool,
}

impl<'a> Layout<'a> {
    fn of(report: &'a Report, width: usize) -> Self {
        let mut it = Self {
            width,
            time: "time".len(),
            place: "where".len(),
            what: 0,
            answer: "answer".len(),
            keys: Vec::new(),
            parts: [0; 4],
            beside: true,
        };
        for step in &report.steps {
            it.time = it.time.max(columns(&clock(step.until)));
            it.place = it.place.max(columns(step.place.as_deref().unwrap_or_default())).min(24);
            it.answer = it.answer.max(columns(&answer(step).0)).min(24);
            for side in &*step.sides {
                if !it.keys.contains(&Key::of(side)) {
                    it.keys.push(Key::of(side));
                }
            }
        }
        let left = it.time + it.place + it.answer + 3 * GAP;
        it.measure(report, true);
        let sides: usize = it.keys.iter().map(|key| GAP + it.side_width(key)).sum();
        if left + sides + LEAST > width {
            it.beside = false;
            it.measure(report, false);
        }
        let longest = report.steps.iter().map(|step| columns(&step.what)).max().unwrap_or(0);
        let room = width.saturating_sub(left + if it.beside { sides } else { 0 });
        it.what = longest.clamp("what".len(), room.max(LEAST / 2));
        it
    }

    fn measure(&mut self, report: &Report, short: bool) {
        self.parts = [0; 4];
        for side in report.steps.iter().flat_map(|step| &*step.sides) {
            for (room, part) in self.parts.iter_mut().zip(parts(side, short)) {
                *room = (*room).max(columns(&part));
            }
        }
    }

    /// The width of a column of this side.
    fn side_width(&self, key: &Key<'_>) -> usize {
        (self.parts.iter().sum::<usize>() + self.parts.len() - 1 + 1).max(columns(&key.title()))
    }

    fn indent(&self) -> String {
        " ".repeat(self.time + self.place + 2 * GAP)
    }
}

/// Mode, state, health and power, in words.
fn parts(side: &Side, short: bool) -> [String; 4] {
    if !side.up {
        return ["(down)".into(), String::new(), String::new(), power(side.power)];
    }
    let mode = match side.mode {
        ReplicationMode::None => "None",
        ReplicationMode::TestReplica if short => "Test",
        ReplicationMode::ExtendedReplica if short => "Extended",
        mode => mode.name(),
    };
    let health = match side.health {
        ReplicationHealth::NotApplicable => "-",
        ReplicationHealth::Warning if short => "Warn",
        ReplicationHealth::Critical if short => "Crit",
        health => health.name(),
    };
    [mode.to_owned(), state(side.state, short), health.to_owned(), power(side.power)]
}

fn state(state: ReplicationState, short: bool) -> String {
    let (number, name) = (state.to_wire(), state.name());
    if short && name.len() > STATE {
        let cut: String = name.chars().take(STATE - 1).collect();
        return format!("{number:>2} {cut}…");
    }
    format!("{number:>2} {name}")
}

fn power(power: EnabledState) -> String {
    match power {
        EnabledState::Enabled => "on".to_owned(),
        EnabledState::Disabled => "off".to_owned(),
        EnabledState::Offline => "saved".to_owned(),
        EnabledState::Quiesce => "paused".to_owned(),
        EnabledState::ShuttingDown => "stopping".to_owned(),
        other => other.name().to_lowercase(),
    }
}

/// Bytes in the largest unit of which there is one.
fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 4] =
        [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("bytes", 1)];
    let (unit, of) = UNITS.into_iter().find(|(_, of)| bytes >= *of).unwrap_or(("bytes", 1));
    let tenths = bytes % of * 10 / of;
    if tenths == 0 {
        format!("{} {unit}", bytes / of)
    } else {
        format!("{}.{tenths} {unit}", bytes / of)
    }
}

/// A duration to the second, as a person says it.
fn in_seconds(duration: Duration) -> String {
    format_duration(Duration::from_secs(duration.as_secs())).to_string()
}

/// What stands in the column of answers.
fn answer(step: &Step) -> (String, Style) {
    let looks = step.what.starts_with("expect ");
    match (&step.answer, &step.fault) {
        (Some(answer), Some(_)) => (answer.clone(), BAD),
        (Some(answer), None) if step.why.is_some() => (answer.clone(), WARN),
        (Some(answer), None) => (answer.clone(), PLAIN),
        (None, Some(_)) => ("wrong".to_owned(), BAD),
        (None, None) if looks => ("as expected".to_owned(), GOOD),
        (None, None) => (String::new(), PLAIN),
    }
}

/// A cell of a row.
struct Cell {
    text: String,
    room: usize,
    style: Style,
}

impl Cell {
    fn new(text: impl Into<String>, room: usize, style: Style) -> Self {
        Self { text: text.into(), room, style }
    }
}

/// A row, without blanks at its end.
fn print_row(to: &mut dyn Write, row: &[Cell]) -> io::Result<()> {
    let used = row.iter().rposition(|cell| !cell.text.is_empty()).map_or(0, |last| last + 1);
    for (place, Cell { text, room, style }) in row[..used].iter().enumerate() {
        if place > 0 {
            write!(to, "{}", " ".repeat(GAP))?;
        }
        let pad = if place + 1 < used { room.saturating_sub(columns(text)) } else { 0 };
        write!(to, "{style}{text}{style:#}{}", " ".repeat(pad))?;
    }
    writeln!(to)
}

/// A table that is being printed.
struct Printed<'a> {
    layout: &'a Layout<'a>,
    before: &'a [Side],
}

impl<'a> Printed<'a> {
    fn header(&self, to: &mut dyn Write) -> io::Result<()> {
        let it = self.layout;
        let mut row = vec![
            Cell::new("time", it.time, BOLD),
            Cell::new("where", it.place, BOLD),
            Cell::new("what", it.what, BOLD),
            Cell::new("answer", it.answer, BOLD),
        ];
        for key in it.keys.iter().filter(|_| it.beside) {
            row.push(Cell::new(format!(" {}", key.title()), it.side_width(key), BOLD));
        }
        print_row(to, &row)
    }

    fn step(&mut self, to: &mut dyn Write, step: &'a Step) -> io::Result<()> {
        let it = self.layout;
        let mut what = vec![printable(&step.what)];
        if columns(&what[0]) > it.what {
            what = wrapped(&what[0], it.what.saturating_sub(GAP));
        }
        let (answer, style) = answer(step);
        let place = printable(step.place.as_deref().unwrap_or_default());
        let mut row = vec![
            Cell::new(clock(step.until), it.time, DIM),
            Cell::new(place, it.place, PLAIN),
            Cell::new(&what[0], it.what, PLAIN),
            Cell::new(answer, it.answer, style),
        ];
        if it.beside {
            row.extend(it.keys.iter().map(|key| self.side_cell(key, step)));
        }
        print_row(to, &row)?;
        for line in &what[1..] {
            writeln!(to, "{}  {line}", it.indent())?;
        }
        if let Some(why) = &step.why {
            for line in wrapped(&printable(why), it.width.saturating_sub(it.indent().len())) {
                writeln!(to, "{}{DIM}{line}{DIM:#}", it.indent())?;
            }
        }
        if !it.beside {
            self.below(to, step)?;
        }
        for note in self.notes(step) {
            for line in wrapped(&printable(&note), it.width.saturating_sub(it.indent().len())) {
                writeln!(to, "{}{WARN}{line}{WARN:#}", it.indent())?;
            }
        }
        self.before = &step.sides;
        Ok(())
    }

    /// The same side after the step before.
    fn before(&self, side: &Side) -> Option<&'a Side> {
        self.before.iter().find(|it| Key::of(it) == Key::of(side))
    }

    /// Whether a side looks different from the step before.
    fn changed(&self, side: &Side) -> bool {
        self.before(side).is_none_or(|it| parts(it, false) != parts(side, false))
    }

    /// What became of writes: what a failover does without, and that both sides have some of their
    /// own.
    fn notes(&self, step: &Step) -> Vec<String> {
        let mut notes = Vec::new();
        for side in step.sides.iter().filter(|it| it.relationship == Leg::Primary) {
            let before = self.before(side);
            let title = Key::of(side).title();
            let failed_over = |it: &Side| it.state == ReplicationState::Recovered;
            if failed_over(side) && !before.is_some_and(failed_over) && side.missing_bytes > 0 {
                let (lacks, took) = (size(side.missing_bytes), in_seconds(side.missing));
                notes.push(format!("{title} lacks {lacks} that its guest wrote in {took}"));
            }
            if side.split_brain && side.own_bytes > 0 && !before.is_some_and(|it| it.split_brain) {
                notes.push(format!("split brain: {title} alone holds {}", size(side.own_bytes)));
            }
        }
        notes
    }

    /// A side in its column: marked if it changed, so that it is seen without colours too.
    fn side_cell(&self, key: &Key<'_>, step: &Step) -> Cell {
        let room = self.layout.side_width(key);
        match step.sides.iter().find(|side| Key::of(side) == *key) {
            None => Cell::new("", room, PLAIN),
            Some(side) if self.changed(side) => {
                Cell::new(format!("*{}", self.side(side).trim_end()), room, BOLD)
            }
            Some(side) => Cell::new(format!(" {}", self.side(side).trim_end()), room, DIM),
        }
    }

    fn below(&self, to: &mut dyn Write, step: &Step) -> io::Result<()> {
        let room = self.layout.keys.iter().map(|key| columns(&key.title())).max().unwrap_or(0);
        for side in step.sides.iter().filter(|side| self.changed(side)) {
            let title = padded(&Key::of(side).title(), room);
            let text = self.side(side);
            writeln!(to, "{}{BOLD}* {title}  {}{BOLD:#}", self.layout.indent(), text.trim_end())?;
        }
        Ok(())
    }

    fn side(&self, side: &Side) -> String {
        let parts = parts(side, self.layout.beside);
        let padded: Vec<String> =
            parts.iter().zip(self.layout.parts).map(|(part, room)| padded(part, room)).collect();
        padded.join(" ")
    }
}
