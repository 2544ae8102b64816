//! The output for programs: one JSON document.

use crate::run::{Outcome, Ran};
use hyperv_replica::script::{Problem, Step};
use serde::Serialize;
use std::io::{self, Write};

#[derive(Serialize)]
struct Document<'a> {
    passed: usize,
    failed: usize,
    /// Paths that name no script.
    errors: &'a [String],
    files: Vec<FileRecord<'a>>,
}

#[derive(Serialize)]
struct FileRecord<'a> {
    path: &'a str,
    passed: bool,
    /// Why the file could not be read.
    error: Option<&'a str>,
    /// What is wrong with its text.
    problems: &'a [Problem],
    steps: &'a [Step],
}

/// Prints everything that ran.
pub(crate) fn print(to: &mut dyn Write, errors: &[String], files: &[Ran]) -> io::Result<()> {
    let passed = files.iter().filter(|it| it.passed()).count();
    let failed = files.len() - passed + errors.len();
    let files = files.iter().map(record).collect();
    let document = Document { passed, failed, errors, files };
    serde_json::to_writer_pretty(&mut *to, &document)?;
    writeln!(to)
}

fn record(it: &Ran) -> FileRecord<'_> {
    let mut record =
        FileRecord { path: &it.name, passed: it.passed(), error: None, problems: &[], steps: &[] };
    match &it.outcome {
        Outcome::Unreadable(why) => record.error = Some(why),
        Outcome::NoScript(error) => record.problems = error.problems(),
        Outcome::Unfit(problems) => record.problems = problems,
        Outcome::Report(_, report) => record.steps = &report.steps,
    }
    record
}
