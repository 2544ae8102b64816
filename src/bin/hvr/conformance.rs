//! `hvr conformance`: the suite of behaviours, on hosts that were set aside for it.

use crate::connect::Connected;
use crate::style::{BAD, BOLD, DIM, GOOD, WARN, printable};
use crate::{Verdict, cli, connect, style};
use hyperv_replica::ReplicationService;
use hyperv_replica::engine::{Caller, Disturbance, Reply};
use hyperv_replica::error::{Error, Result};
use hyperv_replica::sim::HostHandle;
use hyperv_replica::testkit::conformance::{
    self, Act, BEHAVIOURS, Behaviour, Entry, Fixture, Offers, Place, Premises, Sacrifice,
};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::{self, Write};

/// Tells what the suite would do, or does it.
pub(crate) fn conformance(
    args: &cli::Conformance,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let (hosts, given) = match prepare(args) {
        Ok(prepared) => prepared,
        Err(why) => return refuse(err, &why),
    };
    let services: Vec<_> = hosts.iter().map(Connected::service).collect();
    // What simulated hosts have beyond real ones: nothing is lost by it.
    let labs = connect::in_one_lab(&hosts).unwrap_or_default();
    let simulated = !labs.is_empty();
    let strangers: Vec<_> = labs.iter().map(|it| it.called_by(Caller::Other)).collect();
    let strangers: Vec<_> = strangers.iter().map(|it| it as &dyn ReplicationService).collect();
    let act = |act: Act| act_in_lab(&labs, act);
    let offers = Offers {
        hours: simulated || args.hours,
        guest_writes: simulated || args.guest_writes,
        reconfigure: simulated || args.reconfigure,
        folder: args.folder.as_deref().or(simulated.then_some(COURIER)),
        strangers: if simulated { &strangers } else { &[] },
        act: if simulated { Some(&act) } else { None },
        patience: None,
    };
    // Each behaviour finds the virtual machines as the one before left them: tidied up.
    let make = || Premises::new(&services, &given.sacrifices, offers);
    match make() {
        Ok(premises) if args.yes => run(args, &premises, out),
        Ok(premises) => rehearse(&hosts, &given, &premises, out),
        Err(why) => refuse(err, &why.to_string()),
    }
}

/// Where exports go between simulated hosts.
const COURIER: &str = r"E:\Courier";

fn refuse(err: &mut dyn Write, why: &str) -> io::Result<Verdict> {
    style::error(err, why)?;
    Ok(Verdict::Broken)
}

/// What was given up, by name.
struct Given {
    sacrifices: Vec<Sacrifice>,
    names: Vec<String>,
}

fn prepare(args: &cli::Conformance) -> std::result::Result<(Vec<Connected>, Given), String> {
    if !(2..=3).contains(&args.host.len()) {
        return Err("the suite needs two hosts, or three".to_owned());
    }
    let hosts = connect::all(&args.host)?;
    let there = hosts[0].service().vms().map_err(|it| it.to_string())?;
    let mut given = Given { sacrifices: Vec::new(), names: Vec::new() };
    let mut give = |vm, name: &str, disks, large| {
        if !given.sacrifices.iter().any(|it: &Sacrifice| it.vm == vm) {
            given.sacrifices.push(Sacrifice { vm, disks, large });
            given.names.push(name.to_owned());
        }
    };
    for it in &args.vm {
        let named: Vec<_> = there.iter().filter(|vm| *vm.name == *it.name).collect();
        match named[..] {
            [vm] => give(vm.id, &vm.name, it.disks, it.large),
            [] => {
                return Err(format!(
                    "no virtual machine on {} is called `{}`",
                    hosts[0].name, it.name
                ));
            }
            _ => return Err(format!("several virtual machines are called `{}`", it.name)),
        }
    }
    if let Some(prefix) = &args.vm_prefix {
        if prefix.is_empty() {
            return Err("an empty prefix would give up every virtual machine".to_owned());
        }
        for vm in there.iter().filter(|it| it.name.starts_with(&**prefix)) {
            give(vm.id, &vm.name, 1, false);
        }
    }
    if given.sacrifices.is_empty() {
        return Err(
            "no virtual machine is given up: `--vm NAME`, which the suite may do anything \
                    to, or `--vm-prefix`"
                .to_owned(),
        );
    }
    let (least, plain) = (Premises::PLAIN_VMS, |it: &&Sacrifice| it.disks == 1 && !it.large);
    match given.sacrifices.iter().filter(plain).count() {
        count if count < least => Err(format!(
            "the suite takes {least} plain virtual machines, up to four at a time and one to be \
             deleted; {count} given up"
        )),
        _ => Ok((hosts, given)),
    }
}

fn act_in_lab(labs: &[HostHandle], act: Act) -> Result<()> {
    let at = |place: Place| labs.get(place as usize).map(HostHandle::id);
    let disturbance = match act {
        Act::CutLink(a, b) => at(a).zip(at(b)).map(|(a, b)| Disturbance::CutLink(a, b)),
        Act::HealLink(a, b) => at(a).zip(at(b)).map(|(a, b)| Disturbance::HealLink(a, b)),
        Act::CrashHost(it) => at(it).map(Disturbance::CrashHost),
        Act::BootHost(it) => at(it).map(Disturbance::BootHost),
        Act::ChangeDisks(it, vm) => at(it).map(|it| Disturbance::ChangeDisks(it, vm)),
        _ => None,
    };
    let lab = labs.first().map(HostHandle::lab);
    match lab.zip(disturbance).map(|(lab, it)| lab.disturb(it)) {
        Some(Reply::Happened) => Ok(()),
        other => {
            let source = format!("{act:?} did not happen: {other:?}").into();
            Err(Error::Transport { operation: None, source })
        }
    }
}

/// What would be done, and what could not be tried.
fn rehearse(
    hosts: &[Connected],
    given: &Given,
    premises: &Premises<'_>,
    out: &mut dyn Write,
) -> io::Result<Verdict> {
    let (mut skipped, mut tried) = (BTreeMap::<String, Vec<&Behaviour>>::new(), 0);
    for behaviour in BEHAVIOURS {
        match behaviour.why_skipped(premises) {
            Some(why) => skipped.entry(why).or_default().push(behaviour),
            None => tried += 1,
        }
    }
    let others: Vec<_> = hosts.iter().skip(1).map(|it| printable(&it.name)).collect();
    let (first, others) = (printable(&hosts[0].name), others.join(" and "));
    writeln!(out, "{BOLD}Nothing was done. With `--yes`, {tried} behaviours are tried:{BOLD:#}")?;
    for name in &given.names {
        let name = printable(name);
        writeln!(
            out,
            "  {WARN}{name}{WARN:#} on {first} is turned on and off, replicated, failed over; its \
             replicas and test replicas on {others} are made and {WARN}deleted{WARN:#}"
        )?;
    }
    writeln!(
        out,
        "  {WARN}one of them is deleted{WARN:#} for good; the others end off, unreplicated"
    )?;
    if premises.lacks(conformance::Capability::Reconfigure).is_none() {
        writeln!(out, "  the replica servers are reconfigured for moments, and put back")?;
    }
    writeln!(out, "  no other virtual machine is touched")?;
    if !skipped.is_empty() {
        let count: usize = skipped.values().map(Vec::len).sum();
        writeln!(out, "{BOLD}{count} behaviours are skipped:{BOLD:#}")?;
    }
    for (why, behaviours) in &skipped {
        writeln!(out, "  {:>3}  {why}", behaviours.len())?;
        for it in behaviours {
            writeln!(out, "       {DIM}{}{DIM:#}", it.name)?;
        }
    }
    Ok(Verdict::Held)
}

fn run(
    args: &cli::Conformance,
    premises: &Premises<'_>,
    out: &mut dyn Write,
) -> io::Result<Verdict> {
    let report = conformance::run_on(premises);
    let left = report.entries.iter().any(|it| !it.left_behind.is_empty());
    if args.json {
        let document = Document {
            good: report.is_good(),
            hosts: &report.hosts,
            behaviours: report.entries.iter().map(record).collect(),
        };
        serde_json::to_writer_pretty(&mut *out, &document)?;
        writeln!(out)?;
    } else {
        write!(out, "{report}")?;
        let (style, says) = if report.is_good() {
            (GOOD, "behaves as is known")
        } else {
            (BAD, "deviates from what is known")
        };
        writeln!(out, "\n{style}{says}{style:#}")?;
    }
    Ok(if report.is_good() && !left { Verdict::Held } else { Verdict::Failed })
}

#[derive(Serialize)]
struct Document<'a> {
    /// Whether no deviation is from what is documented or observed.
    good: bool,
    hosts: &'a [String],
    behaviours: Vec<Record<'a>>,
}

#[derive(Serialize)]
struct Record<'a> {
    subject: &'a str,
    name: &'a str,
    says: &'a str,
    /// How it is known, and from where.
    level: &'a str,
    source: &'a str,
    /// `passed`, `failed` or `skipped`.
    verdict: &'a str,
    /// Why it was skipped, or what was seen and what was expected.
    why: Option<String>,
    left_behind: &'a [String],
}

fn record(it: &Entry) -> Record<'_> {
    use conformance::Verdict::{Failed, Passed, Skipped};
    let (verdict, why) = match &it.verdict {
        Passed => ("passed", None),
        Failed(deviation) => ("failed", Some(deviation.to_string())),
        Skipped(why) => ("skipped", Some(why.clone())),
    };
    let Behaviour { subject, name, says, evidence, .. } = it.behaviour;
    let (level, source) = (evidence.kind().label(), evidence.text());
    Record { subject, name, says, level, source, verdict, why, left_behind: &it.left_behind }
}
