//! `hvr compare`: a recording of a host against the simulator.

use crate::style::{BAD, BOLD, DIM, GOOD, WARN, printable};
use crate::{Verdict, cli, connect, files, style};
use hyperv_replica::engine::World;
use hyperv_replica::layer::Recording;
use hyperv_replica::script::{self, Difference};
use std::io::{self, Write};

/// Compares the recordings that the arguments name.
pub(crate) fn compare(
    args: &cli::Compare,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let mut verdict = Verdict::Held;
    let from = match args.from.as_deref().map(connect::lab).transpose() {
        Ok(from) => from.map(|(lab, _)| lab.world()),
        Err(why) => {
            style::error(err, &why)?;
            return Ok(Verdict::Broken);
        }
    };
    for path in &args.recordings {
        let name = printable(&path.display().to_string());
        let found = match read(path, from.as_ref()) {
            Ok(found) => found,
            Err(why) => {
                style::error(err, &format!("{name}: {why}"))?;
                verdict = Verdict::Broken;
                continue;
            }
        };
        let (pace, real): (Vec<_>, Vec<_>) = found.iter().partition(|it| it.pace);
        for it in found.iter().filter(|it| args.pace || !it.pace) {
            show(&name, it, out)?;
        }
        let style = if real.is_empty() { GOOD } else { BAD };
        let (count, s) = (real.len(), if real.len() == 1 { "" } else { "s" });
        write!(out, "{style}{name}: {count} difference{s}{style:#}")?;
        match pace.len() {
            0 => writeln!(out)?,
            n => writeln!(out, "{DIM}, {n} more in how fast things go{DIM:#}")?,
        }
        if !real.is_empty() {
            verdict = verdict.max(Verdict::Failed);
        }
    }
    Ok(verdict)
}

fn read(path: &std::path::Path, from: Option<&World>) -> Result<Vec<Difference>, String> {
    let bytes = files::read(path)?;
    let text = String::from_utf8(bytes).map_err(|_| "it is no UTF-8 text".to_owned())?;
    let recording: Recording = text.parse().map_err(|it: script::ParseError| it.to_string())?;
    match from {
        Some(world) => Ok(script::compare_in(&recording, world.clone())),
        None => script::compare(&recording).map_err(|it| it.to_string()),
    }
}

fn show(name: &str, it: &Difference, out: &mut dyn Write) -> io::Result<()> {
    let Difference { line, host, question, recorded, simulated, because, pace, .. } = it;
    let (host, question) = (printable(host), printable(question));
    writeln!(out, "{BOLD}{name}:{line}: {host}: {question}{BOLD:#}")?;
    let style = if *pace { WARN } else { BAD };
    let (recorded, simulated) = (printable(recorded), printable(simulated));
    writeln!(out, "  the recording says {style}{recorded}{style:#}, the simulator {simulated}")?;
    for reason in because {
        writeln!(out, "  {DIM}{}{DIM:#}", printable(reason))?;
    }
    Ok(())
}
