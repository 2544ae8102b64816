//! `hvr run --host`: a script on hosts that are there.

use super::{Outcome, Ran, parse_file};
use crate::connect::{self, Connected};
use crate::style::{BOLD, WARN, printable};
use crate::{Verdict, cli, json, style};
use hyperv_replica::ReplicationService;
use hyperv_replica::error::Result;
use hyperv_replica::layer::Recorder;
use hyperv_replica::model::Operation;
use hyperv_replica::script::{CallLine, Remote, Report, Runner, Script, Statement};
use hyperv_replica::sim::{Clock, Pace, Wall};
use std::fs;
use std::io::{self, Write};
use std::time::Duration;

/// Runs a script on the hosts that the arguments name, or tells what it would do there.
pub(super) fn run(
    args: &cli::Run,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let refuse = |err: &mut dyn Write, why: &str| {
        style::error(err, why)?;
        Ok(Verdict::Broken)
    };
    let [path] = &args.paths[..] else {
        return refuse(err, "hosts run one script at a time: what it leaves behind stays there");
    };
    let (ran, script) = match parse_file(path) {
        Ok(parsed) => parsed,
        Err(ran) => return told(args, &ran, out, err),
    };
    let connected = match connect::all(&args.host, &args.login) {
        Ok(connected) => connected,
        Err(why) => return refuse(err, &why),
    };
    let recorder = args.record.as_ref().map(|_| Recorder::new());
    let services = connected.iter().map(|it| service(it, recorder.as_ref()));
    let services = match services.collect::<Result<Vec<_>>>() {
        Ok(services) => services,
        Err(error) => return refuse(err, &format!("a host does not answer: {error}")),
    };
    let named = connected.iter().map(|it| &*it.name).zip(services.iter().map(|it| &**it));
    let hosts = match Remote::new(named) {
        Ok(hosts) => hosts,
        Err(error) => return refuse(err, &format!("a host does not answer: {error}")),
    };
    let problems = hosts.problems(&script);
    if !problems.is_empty() {
        return told(args, &Ran { outcome: Outcome::Unfit(problems), ..ran }, out, err);
    }
    let changes = changes(&script);
    if !args.yes && !changes.is_empty() && connected.iter().any(|it| it.simulated().is_none()) {
        rehearse(&changes, out)?;
        return Ok(Verdict::Held);
    }
    let (script, report, rest) = run_on(hosts, script);
    if let (Some(path), Some(recorder)) = (&args.record, recorder)
        && let Err(why) = fs::write(path, recorder.recording().to_string())
    {
        return refuse(err, &format!("cannot write `{}`: {why}", path.display()));
    }
    let time = "by the clock of the hosts";
    let ran = Ran { outcome: Outcome::Report(script, report), time, ..ran };
    let verdict = told(args, &ran, out, err)?;
    if rest > 0 && !args.json {
        out.flush()?;
        let s = if rest == 1 { "" } else { "s" };
        style::error(err, &format!("{rest} more step{s} not done: hosts are left as they are"))?;
    }
    Ok(verdict)
}

/// Prints what came of the script.
fn told(
    args: &cli::Run,
    ran: &Ran,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    if args.json {
        json::print(out, &[], std::slice::from_ref(ran))?;
    } else if args.quiet {
        super::summary(ran, 0, true, out, err)?;
    } else {
        let width = args.width.map_or_else(style::terminal_width, usize::from);
        super::show(ran, width, out, err)?;
    }
    Ok(ran.verdict())
}

/// A host's service, perhaps with somebody who writes down what it is asked. A simulated one lets
/// time pass when somebody waits for a job, as `hvr serve --clock jump` does.
fn service<'a>(
    host: &'a Connected,
    recorder: Option<&Recorder>,
) -> Result<Box<dyn ReplicationService + 'a>> {
    let service: Box<dyn ReplicationService + 'a> = match host.simulated() {
        Some(it) => {
            let handle = it.inner();
            let clock = Clock::new(handle.lab().clone(), Pace::Jump, Nobody);
            Box::new(it.faults().over(it.host_name(), clock.host_by_id(handle.id())))
        }
        None => Box::new(host.service()),
    };
    match recorder {
        Some(recorder) => Ok(Box::new(recorder.over(&host.name, service)?)),
        None => Ok(service),
    }
}

/// The time of nobody: a clock that leaps asks for none.
struct Nobody;

impl Wall for Nobody {
    fn elapsed(&self) -> Duration {
        Duration::ZERO
    }

    fn wait(&self, _: Duration) {}
}

/// The calls of a script that do more than look, with their lines.
fn changes(script: &Script) -> Vec<(u32, &CallLine)> {
    let calls = (1..).zip(&script.lines).filter_map(|(number, line)| match &line.statement {
        Some(Statement::Call(call)) => Some((number, call)),
        _ => None,
    });
    calls.filter(|(_, call)| !only_looks(call.method.operation())).collect()
}

fn only_looks(operation: Operation) -> bool {
    use Operation as O;
    matches!(
        operation,
        O::GetReplicationStatistics
            | O::GetSystemCertificates
            | O::GetError
            | O::GetErrorEx
            | O::TestReplicationConnection
    )
}

/// What would be done.
fn rehearse(changes: &[(u32, &CallLine)], out: &mut dyn Write) -> io::Result<()> {
    let s = if changes.len() == 1 { "" } else { "s" };
    let count = changes.len();
    writeln!(out, "{BOLD}Nothing was done. With `--yes`, {count} call{s} change hosts:{BOLD:#}")?;
    let longest = changes.last().map_or(0, |(number, _)| number.to_string().len());
    for (number, call) in changes {
        writeln!(out, "  {number:>longest$}  {WARN}{}{WARN:#}", printable(&call.to_string()))?;
    }
    writeln!(out, "The first step that does not go as the script says is the last one.")
}

/// Runs lines until one does not go as the script says: those that were run, what came of them, and
/// how many are left.
fn run_on(hosts: Remote<'_>, mut script: Script) -> (Script, Report, usize) {
    let (mut runner, mut steps) = (Runner::over(hosts), Vec::new());
    let mut done = script.lines.len();
    for (number, (at, line)) in (1..).zip(script.lines.iter().enumerate()) {
        let Some(step) = runner.step(number, line) else { continue };
        let failed = step.fault.is_some();
        steps.push(step);
        if failed {
            done = at + 1;
            break;
        }
    }
    let rest = script.lines.split_off(done);
    let rest = rest.iter().filter(|it| it.statement.is_some()).count();
    (script, Report { steps }, rest)
}
