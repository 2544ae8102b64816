//! `hvr doctor`: is replication set up on hosts, and between two of them?

mod examine;
mod pair;

use crate::connect::Connected;
use crate::style::{BAD, BOLD, DIM, GOOD, WARN, columns, padded, printable, wrapped};
use crate::{Verdict, cli, connect, style};
use anstyle::Style;
use hyperv_replica::Error;
use hyperv_replica::model::Operation;
use hyperv_replica::rules::rule;
use serde::Serialize;
use std::io::{self, Write};

/// How much a finding matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
enum Weight {
    /// It is as it should be.
    Good,
    /// Somebody may want to know.
    Look,
    /// It keeps replication from working, or data is at risk.
    Wrong,
}

impl Weight {
    const fn mark(self) -> (&'static str, Style) {
        match self {
            Self::Good => ("✓", GOOD),
            Self::Look => ("!", WARN),
            Self::Wrong => ("✗", BAD),
        }
    }
}

/// Something that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    weight: Weight,
    /// The host, or a virtual machine on it.
    about: String,
    /// What is so, as a sentence without a full stop.
    says: String,
    /// What to do about it.
    action: Option<String>,
    /// Where that is written.
    source: Option<String>,
    /// What `hvr docs` explains it with.
    rule: Option<String>,
}

/// What was found so far.
#[derive(Debug, Default)]
struct Findings {
    all: Vec<Finding>,
}

impl Findings {
    fn add(&mut self, weight: Weight, about: &str, says: impl Into<String>) -> &mut Finding {
        self.all.push(Finding {
            weight,
            about: about.to_owned(),
            says: says.into(),
            action: None,
            source: None,
            rule: None,
        });
        let last = self.all.len() - 1;
        &mut self.all[last]
    }

    fn good(&mut self, about: &str, says: impl Into<String>) -> &mut Finding {
        self.add(Weight::Good, about, says)
    }

    fn look(&mut self, about: &str, says: impl Into<String>) -> &mut Finding {
        self.add(Weight::Look, about, says)
    }

    fn wrong(&mut self, about: &str, says: impl Into<String>) -> &mut Finding {
        self.add(Weight::Wrong, about, says)
    }
}

impl Finding {
    fn action(&mut self, action: impl Into<String>) -> &mut Self {
        self.action = Some(action.into());
        self
    }

    fn source(&mut self, page: &str) -> &mut Self {
        self.source = Some(page.to_owned());
        self
    }

    /// The rule of the book that this is about.
    fn rule(&mut self, operation: Operation) -> &mut Self {
        self.rule = Some(operation.name().to_owned());
        if self.source.is_none() {
            self.source = Some(rule(operation).evidence.to_string());
        }
        self
    }
}

/// Looks at the hosts that the arguments name.
pub(crate) fn doctor(
    args: &cli::Doctor,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let findings = connect::all(&args.host, &args.login).and_then(|hosts| look(args, &hosts));
    let findings = match findings {
        Ok(findings) => findings.all,
        Err(why) => {
            style::error(err, &why)?;
            return Ok(Verdict::Broken);
        }
    };
    let wrong = findings.iter().any(|it| it.weight == Weight::Wrong);
    if args.json {
        let document = Document { healthy: !wrong, findings: &findings };
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)?;
    } else {
        print(out, &findings)?;
    }
    Ok(if wrong { Verdict::Failed } else { Verdict::Held })
}

#[derive(Serialize)]
struct Document<'a> {
    healthy: bool,
    findings: &'a [Finding],
}

fn look(args: &cli::Doctor, hosts: &[Connected]) -> Result<Findings, String> {
    let mut findings = Findings::default();
    let named = |name: &str| {
        let found = hosts.iter().find(|it| it.name == name);
        found.ok_or_else(|| format!("no `--host` is called `{name}`"))
    };
    let told = |host: &Connected, it: Error| format!("{}: {it}", host.name);
    for host in hosts {
        examine::host(&host.name, host.service(), &mut findings).map_err(|it| told(host, it))?;
    }
    if let (Some(from), Some(to)) = (&args.from, &args.to) {
        let (from, to) = (named(from)?, named(to)?);
        pair::examine(from, to, &mut findings).map_err(|it| told(from, it))?;
    }
    Ok(findings)
}

/// A line for each finding; of those that are not good, what to do and where it is written.
fn print(out: &mut dyn Write, findings: &[Finding]) -> io::Result<()> {
    let room = findings.iter().map(|it| columns(&printable(&it.about))).max().unwrap_or(0);
    let width = style::terminal_width().saturating_sub(room + 5);
    let gap = " ".repeat(room + 5);
    for it in findings {
        let (mark, style) = it.weight.mark();
        let mut lines = wrapped(&printable(&it.says), width).into_iter();
        let first = lines.next().unwrap_or_default();
        let about = padded(&printable(&it.about), room);
        writeln!(out, "{style}{mark}{style:#}  {BOLD}{about}{BOLD:#}  {first}")?;
        for line in lines {
            writeln!(out, "{gap}{line}")?;
        }
        if it.weight == Weight::Good {
            continue;
        }
        for line in it.action.iter().flat_map(|it| wrapped(&printable(it), width)) {
            writeln!(out, "{gap}{line}")?;
        }
        if let Some(rule) = &it.rule {
            writeln!(out, "{gap}{DIM}hvr docs {rule}{DIM:#}")?;
        }
        if let Some(source) = &it.source {
            writeln!(out, "{gap}{DIM}{}{DIM:#}", printable(source))?;
        }
    }
    let count = |weight| findings.iter().filter(|it| it.weight == weight).count();
    let (wrong, looks) = (count(Weight::Wrong), count(Weight::Look));
    let style = if wrong > 0 { BAD } else { GOOD };
    writeln!(out, "{style}{wrong} wrong{style:#}, {looks} to look at, {} good", count(Weight::Good))
}
