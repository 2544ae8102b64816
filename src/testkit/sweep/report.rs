//! What a sweep found, for a person.

use super::course::{Contact, Injection, What};
use super::fault::Fault;
use super::run::{Complaint, Run};
use crate::engine::{Caller, Input, World};
use crate::model::SimTime;
use crate::script::{Line, Script};
use std::collections::BTreeMap;
use std::fmt;

/// A moment of the faultless run at which faults are injected.
#[derive(Clone, Debug)]
pub(super) struct Row {
    /// Which contact, from 0.
    pub(super) number: usize,
    pub(super) contact: Contact,
    pub(super) label: String,
}

impl Row {
    /// The moments of a run. A read that is repeated with pauses is one moment where it begins,
    /// and another half-way.
    pub(super) fn learn(world: &World, contacts: &[Contact]) -> Vec<Self> {
        let mut rows: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut slept = false;
        for (number, contact) in contacts.iter().enumerate() {
            let last = rows.last_mut().map(|(_, all)| all);
            let again = last.filter(|all| {
                let before = &contacts[all[0]];
                (&before.host, &before.what) == (&contact.host, &contact.what)
            });
            match (&contact.what, again) {
                (What::Sleep, _) => {
                    let called = number > 0 && matches!(contacts[number - 1].what, What::Call(_));
                    if called {
                        rows.push((number, vec![number]));
                    }
                }
                (What::Read(..), Some(all)) if slept => all.push(number),
                _ => rows.push((number, vec![number])),
            }
            slept = contact.what == What::Sleep;
        }
        let mut learnt = Vec::new();
        for (number, all) in rows {
            let row = |number: usize, note: &str| {
                let contact = contacts[number].clone();
                let label = format!("{}{note}", label(world, &contact));
                Self { number, contact, label }
            };
            learnt.push(row(number, ""));
            if all.len() > 2 {
                learnt.push(row(all[all.len() / 2], ", half-way"));
            }
        }
        learnt
    }

    fn is_call(&self) -> bool {
        matches!(self.contact.what, What::Call(_))
    }

    /// Whether it is drawn, also where nothing is red.
    fn is_drawn(&self) -> bool {
        self.is_call() || self.contact.what == What::End
    }
}

fn label(world: &World, contact: &Contact) -> String {
    let host = contact.host;
    let name =
        world.host_view(host).map_or_else(|| format!("@{}", host.0), |it| it.name.to_string());
    match &contact.what {
        What::Call(call) => {
            let call = Input::Call { host, caller: Caller::Administrator, call: call.clone() };
            Line::from_input(&call, world).to_string()
        }
        What::Read(read, vm, job) => {
            let vm = vm.filter(|_| job.is_none()).and_then(|vm| world.vm(host, vm));
            let vm = vm.map_or_else(String::new, |vm| format!(" {}", vm.name));
            format!("{name} {read}{vm}")
        }
        What::Sleep => format!("{name} sleep"),
        What::End => "at the end".to_owned(),
    }
}

/// What became of one fault at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// It cannot happen there.
    Impossible,
    /// The orchestration kept its promises.
    Survived,
    /// It did not.
    Red(Box<(Complaint, Script)>),
}

impl Cell {
    pub(super) fn of(run: Run) -> Self {
        match run.wrong {
            Some(wrong) => Self::Red(Box::new(wrong)),
            None if run.state.idle > 0 => Self::Impossible,
            None => Self::Survived,
        }
    }

    const fn mark(&self) -> char {
        match self {
            Self::Impossible => '-',
            Self::Survived => '·',
            Self::Red(_) => 'X',
        }
    }
}

/// A red cell.
#[derive(Clone, Copy, Debug)]
pub struct Red<'a> {
    /// When in the faultless run.
    pub at: SimTime,
    /// At which call or read, as a script writes it.
    pub row: &'a str,
    /// What was injected.
    pub fault: &'a Fault,
    /// What is wrong.
    pub complaint: &'a Complaint,
    /// The whole course of it: everything that was made to happen until it was found. Run from where
    /// the lab began, it fails in the same way; see [`Sweep::of`](super::Sweep::of).
    pub script: &'a Script,
}

/// What a sweep found: rows are moments of the faultless run in their order, columns are faults.
///
/// [`Display`](fmt::Display) draws the matrix, and tells each different complaint with the shortest
/// script that shows it.
#[derive(Clone, Debug)]
pub struct Report {
    rows: Vec<Row>,
    faults: Vec<Fault>,
    /// Row by row.
    cells: Vec<Cell>,
    /// What is wrong with the run that the others are compared with.
    baseline: Option<(Complaint, Script)>,
    /// What went wrong in every run, beside the fault of its column.
    after: Option<String>,
}

impl Report {
    pub(super) fn of(rows: Vec<Row>, faults: Vec<Fault>, cells: Vec<Cell>) -> Self {
        Self { rows, faults, cells, baseline: None, after: None }
    }

    /// Where there is nothing to compare with.
    pub(super) fn of_baseline(rows: Vec<Row>, baseline: Option<(Complaint, Script)>) -> Self {
        Self { baseline, ..Self::of(rows, Vec::new(), Vec::new()) }
    }

    /// Where something else went wrong first.
    pub(super) fn after(self, what: String) -> Self {
        Self { after: Some(what), ..self }
    }

    /// The faults that were survived, as they are named and as they were injected.
    pub(super) fn survived(&self) -> impl Iterator<Item = (String, Injection)> {
        let width = self.faults.len().max(1);
        let survived = self.cells.iter().enumerate().filter(|(_, it)| **it == Cell::Survived);
        survived.map(move |(number, _)| {
            let (row, fault) = (&self.rows[number / width], &self.faults[number % width]);
            let injection = Injection { at: row.number, fault: fault.clone() };
            (format!("{}: {fault}", row.label), injection)
        })
    }

    /// Whether nothing is red.
    pub fn is_green(&self) -> bool {
        self.baseline.is_none() && self.reds().next().is_none()
    }

    /// What is wrong with the run without a fault, and the script that shows it. Nothing was
    /// injected then.
    pub fn without_fault(&self) -> Option<&(Complaint, Script)> {
        self.baseline.as_ref()
    }

    /// How many runs had a fault.
    pub fn runs(&self) -> usize {
        self.cells.iter().filter(|cell| **cell != Cell::Impossible).count()
    }

    /// The moments of the run without a fault, each a call, a read or a sleep as a script writes
    /// it, with its cells in the order of [`faults`](Self::faults).
    pub fn rows(&self) -> impl Iterator<Item = (&str, &[Cell])> {
        let width = self.faults.len().max(1);
        self.rows.iter().map(|row| &*row.label).zip(self.cells.chunks(width))
    }

    /// What was injected, in the order of each row's cells.
    pub fn faults(&self) -> &[Fault] {
        &self.faults
    }

    /// The red cells, row by row.
    pub fn reds(&self) -> impl Iterator<Item = Red<'_>> {
        let width = self.faults.len().max(1);
        self.cells.iter().enumerate().filter_map(move |(number, cell)| {
            let Cell::Red(wrong) = cell else { return None };
            let (complaint, script) = &**wrong;
            let (row, fault) = (&self.rows[number / width], &self.faults[number % width]);
            Some(Red { at: row.contact.at, row: &row.label, fault, complaint, script })
        })
    }

    /// For a test.
    ///
    /// # Panics
    /// With the whole report, if anything is red.
    #[track_caller]
    pub fn assert_green(&self) {
        assert!(self.is_green(), "{self}");
    }

    /// The sign of each column: the last two digits of a code, or a letter.
    fn signs(&self) -> Vec<[char; 2]> {
        let mut letters = ('a'..='z').chain('A'..='Z').chain(std::iter::repeat('?'));
        let sign = |fault: &Fault| match fault.digits() {
            Some(digits) => {
                [digits / 10, digits % 10].map(|it| char::from_digit(it, 10).unwrap_or('?'))
            }
            None => [' ', letters.next().unwrap_or('?')],
        };
        self.faults.iter().map(sign).collect()
    }

    /// The rows as they are drawn: what is no call and has nothing red is drawn together.
    fn lines(&self) -> Vec<(SimTime, String, String)> {
        let mut lines: Vec<(SimTime, String, String)> = Vec::new();
        let mut quiet: Option<(SimTime, usize, Vec<char>)> = None;
        let drawn = |(at, looks, marks): (SimTime, usize, Vec<char>)| {
            let plural = if looks == 1 { "" } else { "s" };
            (at, format!("  {looks} look{plural}"), spaced(marks))
        };
        for (row, (label, cells)) in self.rows.iter().zip(self.rows()) {
            let marks: Vec<char> = cells.iter().map(Cell::mark).collect();
            if row.is_drawn() || marks.contains(&'X') {
                lines.extend(quiet.take().map(drawn));
                lines.push((row.contact.at, label.to_owned(), spaced(marks)));
                continue;
            }
            let (_, looks, all) =
                quiet.get_or_insert_with(|| (row.contact.at, 0, vec!['-'; marks.len()]));
            *looks += 1;
            for (all, mark) in all.iter_mut().zip(marks).filter(|(_, mark)| *mark != '-') {
                *all = mark;
            }
        }
        lines.extend(quiet.map(drawn));
        lines
    }

    fn matrix(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (lines, signs) = (self.lines(), self.signs());
        let wide = lines.iter().map(|(_, label, _)| label.chars().count()).max().unwrap_or(0);
        let wide = wide.max(4);
        writeln!(f, "{:8}  {:wide$}  {}", "", "", spaced(signs.iter().map(|it| it[0])).trim_end())?;
        writeln!(f, "{:8}  {:wide$}  {}", "time", "what", spaced(signs.iter().map(|it| it[1])))?;
        let begun = self.rows.first().map_or(SimTime::ZERO, |row| row.contact.at);
        for (at, label, marks) in lines {
            writeln!(f, "{:8}  {label:wide$}  {marks}", clock(at, begun))?;
        }
        f.write_str("\n· survived   X red   - cannot happen there\n")?;
        let codes = self.faults.iter().filter(|fault| fault.digits().is_some());
        if codes.count() > 0 {
            f.write_str(
                "two digits  it is refused with the code that ends in them, 32768 to 32779\n",
            )?;
        }
        let others = self.faults.iter().zip(&signs).filter(|(fault, _)| fault.digits().is_none());
        others.into_iter().try_for_each(|(fault, [_, sign])| writeln!(f, "{sign}  {fault}"))
    }
}

/// One blank between two signs.
fn spaced(marks: impl IntoIterator<Item = char>) -> String {
    let mut text = String::new();
    for mark in marks {
        text.push(mark);
        text.push(' ');
    }
    text.truncate(text.trim_end_matches(' ').len().max(text.len().saturating_sub(1)));
    text
}

/// The time since the run began.
fn clock(at: SimTime, begun: SimTime) -> String {
    let s = at.since(begun).as_secs();
    format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let indented = |f: &mut fmt::Formatter<'_>, script: &Script| {
            script.to_string().lines().try_for_each(|line| writeln!(f, "    {line}"))
        };
        if let Some(after) = &self.after {
            writeln!(f, "After {after}")?;
        }
        if let Some((complaint, script)) = &self.baseline {
            writeln!(f, "Without any fault: {complaint}")?;
            return indented(f, script);
        }
        let reds = self.reds().count();
        let calls = self.rows.iter().filter(|row| row.is_call()).count();
        writeln!(f, "{calls} calls, {} runs with one fault each, {reds} red\n", self.runs())?;
        self.matrix(f)?;
        let mut found: Vec<(&Complaint, usize, Red<'_>)> = Vec::new();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for red in self.reds() {
            let place = *known.entry(red.complaint.to_string()).or_insert(found.len());
            match found.get_mut(place) {
                None => found.push((red.complaint, 1, red)),
                Some((_, count, shortest)) => {
                    *count += 1;
                    if red.script.lines.len() < shortest.script.lines.len() {
                        *shortest = red;
                    }
                }
            }
        }
        for (complaint, count, red) in found {
            writeln!(f, "\n{count} × {complaint}")?;
            writeln!(f, "    {}: {}", red.row, red.fault)?;
            indented(f, red.script)?;
        }
        Ok(())
    }
}
