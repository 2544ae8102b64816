//! `hvr capture`: hosts as a script that rebuilds them in the simulator.

use crate::connect::Connected;
use crate::{Verdict, cli, connect, style};
use hyperv_replica::ReplicationService;
use hyperv_replica::script::Inventory;
use std::fs;
use std::io::{self, Write};

/// Captures the hosts that the arguments name.
pub(crate) fn capture(
    args: &cli::Capture,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let hosts = match connect::all(&args.host) {
        Ok(hosts) => hosts,
        Err(why) => {
            style::error(err, &why)?;
            return Ok(Verdict::Broken);
        }
    };
    let services: Vec<&dyn ReplicationService> = hosts.iter().map(Connected::service).collect();
    let captured = match Inventory::read(&services) {
        Ok(inventory) => inventory.capture(),
        Err(why) => {
            style::error(err, &why.to_string())?;
            return Ok(Verdict::Broken);
        }
    };
    match &args.output {
        None => write!(out, "{}", captured.script)?,
        Some(path) => {
            if let Err(why) = fs::write(path, captured.script.to_string()) {
                style::error(err, &format!("cannot write `{}`: {why}", path.display()))?;
                return Ok(Verdict::Broken);
            }
        }
    }
    Ok(if captured.differences.is_empty() { Verdict::Held } else { Verdict::Failed })
}
