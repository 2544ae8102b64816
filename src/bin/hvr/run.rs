//! `hvr run`: runs scripts and shows what came of them.

mod hosts;

use crate::excerpt::{self, Source};
use crate::style::{BAD, DIM, GOOD, padded, printable};
use crate::{Verdict, cli, files, json, style, table};
use hyperv_replica::script::{self, ParseError, Problem, Report, Script};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, Write};
use std::path::Path;

/// A script that was tried.
pub(crate) struct Ran {
    pub(crate) name: String,
    pub(crate) text: String,
    pub(crate) outcome: Outcome,
    /// Whose time has passed.
    time: &'static str,
}

impl Ran {
    fn new(name: String, text: String, outcome: Outcome) -> Self {
        Self { name, text, outcome, time: "of virtual time" }
    }
}

/// What came of it.
pub(crate) enum Outcome {
    /// The file could not be read.
    Unreadable(String),
    /// Its text is no script.
    NoScript(ParseError),
    /// It cannot be run where it should.
    Unfit(Vec<Problem>),
    /// It ran.
    Report(Script, Report),
}

impl Ran {
    pub(crate) fn passed(&self) -> bool {
        matches!(&self.outcome, Outcome::Report(_, report) if report.passed())
    }

    fn verdict(&self) -> Verdict {
        match &self.outcome {
            Outcome::Report(_, report) if report.passed() => Verdict::Held,
            Outcome::Report(..) => Verdict::Failed,
            Outcome::Unreadable(_) | Outcome::NoScript(_) | Outcome::Unfit(_) => Verdict::Broken,
        }
    }

    fn source(&self) -> Source<'_> {
        Source { name: &self.name, text: &self.text }
    }
}

/// Runs what the arguments name.
pub(crate) fn run(
    args: &cli::Run,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    if !args.host.is_empty() {
        return hosts::run(args, out, err);
    }
    let (files, wrong) = files::find(&args.paths);
    let mut verdict = if wrong.is_empty() { Verdict::Held } else { Verdict::Broken };
    if args.json {
        let ran: Vec<Ran> = files.iter().map(|path| try_file(path)).collect();
        json::print(out, &wrong, &ran)?;
        return Ok(ran.iter().map(Ran::verdict).fold(verdict, Ord::max));
    }
    for sentence in &wrong {
        style::error(err, sentence)?;
    }
    let single = files.len() == 1 && wrong.is_empty();
    let width = args.width.map_or_else(style::terminal_width, usize::from);
    let bar = progress(if single { 0 } else { files.len() });
    let longest = files.iter().map(|it| it.to_string_lossy().chars().count()).max().unwrap_or(0);
    let mut passed = 0;
    for path in &files {
        bar.set_message(path.display().to_string());
        let ran = try_file(path);
        verdict = verdict.max(ran.verdict());
        passed += usize::from(ran.passed());
        bar.suspend(|| {
            if (single || args.verbose) && !args.quiet {
                show(&ran, width, out, err)
            } else {
                summary(&ran, longest.min(width / 2), args.quiet, out, err)
            }
        })?;
        bar.inc(1);
    }
    bar.finish_and_clear();
    if !single && !files.is_empty() {
        let failed = files.len() - passed + wrong.len();
        let style = if failed == 0 { GOOD } else { BAD };
        writeln!(out, "{style}{passed} passed, {failed} failed{style:#}")?;
    }
    Ok(verdict)
}

fn try_file(path: &Path) -> Ran {
    match parse_file(path) {
        Ok((ran, script)) => {
            let report = script::run(&script);
            Ran { outcome: Outcome::Report(script, report), ..ran }
        }
        Err(ran) => ran,
    }
}

/// Reads a script that has not run yet, or tells why it cannot.
fn parse_file(path: &Path) -> Result<(Ran, Script), Ran> {
    let stdin = path.as_os_str() == files::STDIN;
    let name = if stdin { "<stdin>".to_owned() } else { path.display().to_string() };
    let bytes = match files::read(path) {
        Ok(bytes) => bytes,
        Err(why) => {
            return Err(Ran::new(name, String::new(), Outcome::Unreadable(why)));
        }
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    match script::parse_bytes(&bytes) {
        Ok(script) => {
            let nothing = Outcome::Report(Script::default(), Report::default());
            Ok((Ran::new(name, text, nothing), script))
        }
        Err(error) => Err(Ran::new(name, text, Outcome::NoScript(error))),
    }
}

/// Everything about one script.
fn show(ran: &Ran, width: usize, out: &mut dyn Write, err: &mut dyn Write) -> io::Result<()> {
    match &ran.outcome {
        Outcome::Report(script, report) => {
            table::print(out, ran.source(), script, report, width)?;
            conclusion(ran, report, out)
        }
        _ => unusable(ran, err),
    }
}

fn conclusion(ran: &Ran, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let steps = report.steps.len();
    let wrong = report.faults().count();
    let time = report.steps.last().map(|it| table::clock(it.until)).unwrap_or_default();
    let name = printable(&ran.name);
    match wrong {
        0 => {
            let s = if steps == 1 { "" } else { "s" };
            writeln!(out, "{GOOD}passed{GOOD:#}  {name}: {steps} step{s}, {time} {}", ran.time)
        }
        _ => writeln!(out, "{BAD}failed{BAD:#}  {name}: {wrong} of {steps} steps not as expected"),
    }
}

/// A line about one script, and what did not go as expected.
fn summary(
    ran: &Ran,
    room: usize,
    quiet: bool,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<()> {
    let name = padded(&printable(&ran.name), room);
    match &ran.outcome {
        Outcome::Report(_, report) if report.passed() => {
            let steps = report.steps.len();
            let time = report.steps.last().map(|it| table::clock(it.until)).unwrap_or_default();
            if quiet {
                return Ok(());
            }
            writeln!(out, "{GOOD}passed{GOOD:#}  {name}  {DIM}{steps:>4} steps  {time:>12}{DIM:#}")
        }
        Outcome::Report(_, report) => {
            let (wrong, steps) = (report.faults().count(), report.steps.len());
            writeln!(out, "{BAD}failed{BAD:#}  {name}  {wrong} of {steps} steps not as expected")?;
            for (step, fault) in report.faults() {
                excerpt::fault(out, ran.source(), step.line, fault)?;
            }
            Ok(())
        }
        _ => {
            let what = match &ran.outcome {
                Outcome::Unfit(_) => "not for these hosts",
                _ => "no script",
            };
            writeln!(out, "{BAD}failed{BAD:#}  {name}  {what}")?;
            out.flush()?;
            unusable(ran, err)
        }
    }
}

/// Why a file is no script.
fn unusable(ran: &Ran, err: &mut dyn Write) -> io::Result<()> {
    match &ran.outcome {
        Outcome::Unreadable(why) => style::error(err, why),
        Outcome::NoScript(error) => {
            for problem in error.problems() {
                excerpt::problem(err, ran.source(), problem)?;
            }
            let count = error.problems().len() + error.more();
            let (name, s) = (&ran.name, if count == 1 { "" } else { "s" });
            let more = match error.more() {
                0 => String::new(),
                more => format!(" ({more} not shown)"),
            };
            style::error(err, &format!("`{name}` is no script: {count} problem{s}{more}"))
        }
        Outcome::Unfit(problems) => {
            for problem in problems {
                excerpt::problem(err, ran.source(), problem)?;
            }
            let (name, count) = (&ran.name, problems.len());
            let s = if count == 1 { "" } else { "s" };
            let why = format!("`{name}` cannot be run on these hosts: {count} problem{s}");
            style::error(err, &format!("{why}; nothing was done"))
        }
        Outcome::Report(..) => Ok(()),
    }
}

/// A bar on the terminal; nothing anywhere else, or for a single script.
fn progress(count: usize) -> ProgressBar {
    if count == 0 {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(u64::try_from(count).unwrap_or(u64::MAX));
    match ProgressStyle::with_template("{bar:30} {pos}/{len} {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
