//! `hvr explore`: searches through worlds and shows what was found.

use crate::{Verdict, cli, files, style};
use hyperv_replica::model::{Operation, Settings};
use hyperv_replica::script;
use hyperv_replica::testkit::beginning::Beginning;
use hyperv_replica::testkit::explore::{Explorer, Menu, Order, Progress, Reached, Report};
use indicatif::{ProgressBar, ProgressStyle};
use std::io::{self, Write};

/// Searches as the arguments say.
pub(crate) fn explore(
    args: &cli::Explore,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    let explorer = match explorer(args) {
        Ok(explorer) => explorer,
        Err(why) => {
            style::error(err, &why)?;
            return Ok(Verdict::Broken);
        }
    };
    let bar = bar();
    let report = explorer.run_with(&mut |progress: &Progress| {
        let Progress { states, frontier, depth, steps, bytes, .. } = progress;
        bar.set_position(*steps);
        let mib = bytes >> 20;
        bar.set_message(format!(
            "{states} states, {frontier} waiting, {depth} steps deep, {mib} MiB"
        ));
    });
    bar.finish_and_clear();
    if args.script {
        scripts(&explorer.goals, &report, out)?;
    } else {
        write!(out, "{report}")?;
    }
    let unmet = explorer.goals.iter().any(|goal| report.script(*goal).is_none());
    Ok(if report.broken().is_some() || unmet { Verdict::Failed } else { Verdict::Held })
}

/// The scripts alone, so that they can be run: of what does not hold, else of the goals, and where
/// nothing was asked for, of everything that was reached.
fn scripts(goals: &[Reached], report: &Report, out: &mut dyn Write) -> io::Result<()> {
    if let Some(found) = report.broken() {
        return write!(out, "{found}");
    }
    let reached = || report.reached().map(|(it, _)| it).collect();
    let goals = if goals.is_empty() { reached() } else { goals.to_vec() };
    for goal in &goals {
        match report.script(*goal) {
            Some(script) => write!(out, "# {goal}\n{script}")?,
            None => writeln!(out, "# {goal}: not reached")?,
        }
    }
    Ok(())
}

fn explorer(args: &cli::Explore) -> Result<Explorer, String> {
    let beginning = match &args.from {
        None => Beginning::lab(args.hosts.into(), args.vms.into()),
        Some(path) => {
            let bytes = files::read(path)?;
            let script = script::parse_bytes(&bytes).map_err(|error| error.to_string())?;
            Beginning::script(&script).map_err(|fault| fault.to_string())?
        }
    };
    let settings = Settings {
        recovery_history: args.history,
        auto_resynchronize: args.auto_resync,
        ..Settings::default()
    };
    let world = &beginning.world();
    let mut menu = Menu::with(world, &settings).disturbed_by(world, &args.disturb);
    menu.half_way = args.half_way;
    let named = |names: &[String]| -> Result<Vec<Operation>, String> {
        let of = |name: &String| match Operation::named(name) {
            none if none.is_empty() => Err(format!("no operation is called `{name}`")),
            found => Ok(found),
        };
        Ok(names.iter().map(of).collect::<Result<Vec<_>, _>>()?.concat())
    };
    let (only, without) = (named(&args.only)?, named(&args.without)?);
    menu.retain(|it| (only.is_empty() || only.contains(&it)) && !without.contains(&it));
    let goals = args.goal.iter().map(|it| it.parse::<Reached>().map_err(|it| it.to_string()));
    let order = match args.order {
        cli::Order::Breadth => Order::Breadth,
        cli::Order::Depth => Order::Depth,
        cli::Order::Swarm => Order::Swarm(args.seed.clone()),
    };
    let explorer = Explorer {
        menu,
        order,
        depth: args.depth,
        states: args.states,
        memory_bytes: args.memory,
        threads: args.threads.into(),
        observed: !args.unobserved,
        goals: goals.collect::<Result<_, _>>()?,
        goes_on: args.keep_going,
        ..Explorer::new(beginning)
    };
    explorer.check().map_err(|why| why.to_string())?;
    Ok(explorer)
}

/// How many steps were tried, and how fast.
fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    match ProgressStyle::with_template("{spinner} {human_pos} steps, {per_sec}: {wide_msg}") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
