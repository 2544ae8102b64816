//! `hvr docs`: prints the rule book.

use crate::style::{BOLD, DIM};
use crate::{Verdict, cli, markdown, style};
use hyperv_replica::model::{Operation, RequestedReplicationState, RequestedState, WireEnum};
use hyperv_replica::rules::render;
use hyperv_replica::script::Method;
use std::io::{self, Write};

/// Prints what the arguments name.
pub(crate) fn docs(
    args: &cli::Docs,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> io::Result<Verdict> {
    if args.all {
        show(args, out, &render::markdown())?;
        return Ok(Verdict::Held);
    }
    let Some(method) = &args.method else {
        list(out)?;
        return Ok(Verdict::Held);
    };
    let found = match find(method, args.state.as_deref()) {
        Ok(found) => found,
        Err(why) => {
            style::error(err, &why)?;
            return Ok(Verdict::Broken);
        }
    };
    for (place, operation) in found.into_iter().enumerate() {
        if place > 0 {
            writeln!(out)?;
        }
        show(args, out, &render::operation(operation))?;
    }
    Ok(Verdict::Held)
}

/// The operations that a method, and perhaps a requested state, may mean.
fn find(name: &str, state: Option<&str>) -> Result<Vec<Operation>, String> {
    let (name, state) = match name.strip_suffix(')').and_then(|it| it.split_once('(')) {
        Some((method, state)) => (method, Some(state)),
        None => (name, state),
    };
    let found = match Method::named(name) {
        Some(method) => same_method(method),
        None => Operation::named(name),
    };
    if found.is_empty() {
        return Err(unknown(name));
    }
    let Some(state) = state else { return Ok(found) };
    let number = number_of(&found, state);
    let chosen: Vec<_> =
        found.iter().copied().filter(|it| it.requested_state() == number).collect();
    if number.is_none() || chosen.is_empty() {
        let known: Vec<_> = found.iter().filter_map(|it| it.requested_state()).collect();
        let known: Vec<_> = known.iter().map(ToString::to_string).collect();
        return Err(match &known[..] {
            [] => format!("`{name}` is not asked for a state"),
            known => format!("`{name}` has no rule for `{state}`; expected {}", known.join(", ")),
        });
    }
    Ok(chosen)
}

/// Every operation of a method: one for each state it may request.
fn same_method(method: Method) -> Vec<Operation> {
    let of = method.operation();
    let same = |it: &Operation| it.class() == of.class() && it.method() == of.method();
    Operation::ALL.iter().copied().filter(same).collect()
}

fn number_of(found: &[Operation], state: &str) -> Option<u16> {
    let power = found.contains(&Operation::StartVm);
    if power {
        return RequestedState::parse(state).map(RequestedState::to_wire).ok();
    }
    RequestedReplicationState::parse(state).map(RequestedReplicationState::to_wire).ok()
}

fn unknown(name: &str) -> String {
    let methods = Method::all();
    let names = methods.iter().map(|it| it.name());
    let names: Vec<&str> = names.chain(Operation::ALL.iter().map(|it| it.name())).collect();
    let near = similar::get_close_matches(name, &names, 1, 0.6);
    let help = match near.first() {
        Some(near) => format!("; did you mean `{near}`?"),
        None => "; `hvr docs` lists them all".to_owned(),
    };
    format!("no method or operation is called `{name}`{help}")
}

/// Every operation: what to type, and the method with the state it requests.
fn list(out: &mut dyn Write) -> io::Result<()> {
    let room = Operation::ALL.iter().map(|it| it.name().len()).max().unwrap_or_default();
    let mut class = "";
    for operation in Operation::ALL {
        if operation.class() != class {
            let gap = if class.is_empty() { "" } else { "\n" };
            class = operation.class();
            writeln!(out, "{gap}{BOLD}{class}{BOLD:#}")?;
        }
        let (name, method) = (operation.name(), operation.to_string());
        if name == method {
            writeln!(out, "  {name}")?;
        } else {
            writeln!(out, "  {name:room$}  {DIM}{method}{DIM:#}")?;
        }
    }
    Ok(())
}

fn show(args: &cli::Docs, out: &mut dyn Write, text: &str) -> io::Result<()> {
    if args.markdown {
        return out.write_all(text.as_bytes());
    }
    markdown::print(out, text, style::terminal_width().min(100))
}
