//! The rules as Markdown: one page an operation, and the whole book.

use crate::evidence::Evidence;
use crate::model::{EventId, JOB_RETENTION, LogEntry, Operation, Power, Set, WireEnum};
use crate::rules::book::SYNCHRONOUS_BECAUSE;
use crate::rules::{
    Cause, Check, HEALTH, Late, Pace, Plan, RULES, Require, Rule, TRANSITIONS, Target, Transition,
    constants, rule,
};
use std::collections::BTreeSet;
use std::fmt::{Display, Write};
use std::time::Duration;

/// The page of one operation, as Markdown with headings from the third level on.
///
/// ```
/// use hyperv_replica::model::Operation;
/// use hyperv_replica::rules::render;
///
/// let page = render::operation(Operation::CommitFailover);
/// assert!(page.starts_with("### CommitFailover\n"));
/// assert!(page.contains("| 32775 Invalid state for this operation |"));
/// ```
pub fn operation(operation: Operation) -> String {
    let rule = rule(operation);
    let mut out = String::new();
    head(&mut out, rule);
    requirements(&mut out, rule);
    outcome(&mut out, rule);
    late(&mut out, rule.late);
    transitions(&mut out, operation);
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

/// What an operation is refused with, as Markdown for the documentation of its verb.
pub fn refusals(operation: Operation) -> String {
    let mut out =
        String::from("# Refused with\n\n| Code | Unless | How we know |\n|---|---|---|\n");
    for it in rule(operation).requirements() {
        let (code, label) = (it.otherwise.to_wire(), it.otherwise.label());
        let (says, known) = (plain(it.says), known(it.evidence));
        push(&mut out, format_args!("| {code} {label} | {says} | {known} |\n"));
    }
    out
}

/// The whole book, as Markdown: how to read it, a table of contents, a section for each operation
/// grouped by class, and the constants.
pub fn markdown() -> String {
    let mut out = String::from(PREFACE);
    contents(&mut out);
    let mut class = "";
    for rule in RULES {
        if rule.operation.class() != class {
            class = rule.operation.class();
            push(&mut out, format_args!("\n## {class}\n"));
        }
        push(&mut out, format_args!("\n{}", operation(rule.operation)));
    }
    health(&mut out);
    log(&mut out);
    numbers(&mut out);
    out
}

const PREFACE: &str = "\
# The rule book

<!-- Generated from src/rules by a test. Edit the rules, not this file. -->

One section for each thing a client can ask for. The requirements stand in the order in which they
are judged: the first that is not met names the code. Each carries its evidence:

- **documented**: Microsoft's documentation, a Microsoft blog or Microsoft's own schema says so;
- **observed**: somebody saw a real host do it;
- **client behaviour**: Microsoft's management client behaves as if it were so;
- **assumed**: nobody has said, and this is the reason for the choice.

";

/// Writing to a `String` cannot fail.
fn push(out: &mut String, text: impl Display) {
    write!(out, "{text}").expect("a String takes everything");
}

/// Text that Markdown leaves alone, in and out of a table.
fn plain(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "\\<")
}

/// A sentence: with a capital and a full stop.
fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(char::to_uppercase).into_iter().flatten();
    let stop = if text.ends_with('.') { "" } else { "." };
    first.chain(chars.as_str().chars()).collect::<String>() + stop
}

/// The evidence with a link that names its page, or with its reason.
fn known(evidence: Evidence) -> String {
    let (kind, text) = (evidence.kind().label(), evidence.text());
    if !text.starts_with("https://") {
        return format!("{kind}: {}", plain(text));
    }
    let mut parts = text.trim_end_matches('/').rsplit('/');
    let last = parts.next().unwrap_or(text);
    let name = match parts.next() {
        Some(before) if last.bytes().all(|it| it.is_ascii_digit()) => format!("{before} {last}"),
        _ => last.trim_end_matches(".md").to_owned(),
    };
    format!("{kind}: [{name}]({text})")
}

fn head(out: &mut String, rule: &Rule) {
    let it = rule.operation;
    push(out, format_args!("### {}\n\n`{}.{}`", it.name(), it.class(), it.method()));
    if let Some(state) = it.requested_state() {
        push(out, format_args!(" with the requested state {state}"));
    }
    if let Some(older) = it.deprecated_method() {
        push(out, format_args!(", and the deprecated `{older}`"));
    }
    let target = match rule.target {
        Target::Host => "the host",
        Target::Job => "a job",
        Target::Primary => "relationship 0 of a virtual machine",
        Target::Sending => {
            "the relationship on which a virtual machine sends: 0 of a primary, 1 of a replica"
        }
        Target::FailingOver => {
            "the relationship that is prepared or failed over: 1 if a replica is prepared towards its extended replica, else 0"
        }
        Target::Named => "the relationship that the call names, 0 if it names none",
    };
    push(out, format_args!(" ([reference]({})). It addresses {target}.\n\n", it.page()));
    push(out, format_args!("{} ({})\n\n", plain(rule.effect), known(rule.evidence)));
}

fn requirements(out: &mut String, rule: &Rule) {
    push(out, "| | Needs | Guard | Else | Evidence |\n|---|---|---|---|---|\n");
    for (place, it) in rule.requirements().enumerate() {
        let Require { check, otherwise: code, says, evidence } = it;
        let says = plain(&sentence(says));
        let code = format_args!("{} {}", code.to_wire(), code.label());
        let (guard, known) = (guard(*check), known(*evidence));
        push(out, format_args!("| {} | {says} | {guard} | {code} | {known} |\n", place + 1));
    }
    push(out, "\n");
}

/// A guard in short: the numbers of a set. A fact says all in its sentence.
fn guard(check: Check) -> String {
    match check {
        Check::Mode(modes) => format!("mode {}", members(modes)),
        Check::State(states) => format!("state {}", members(states)),
        Check::SenderState(states) => format!("sending: state {}", members(states)),
        Check::ReceiverState(states) => format!("receiving: state {}", members(states)),
        Check::Power(powers) => powers.iter().map(Power::label).collect::<Vec<_>>().join(", "),
        Check::Since(build) => format!("build {}", build.to_wire()),
        Check::SinceIf(build, fact) => format!("not `{fact:?}`, or build {}", build.to_wire()),
        Check::Holds(fact) => format!("`{fact:?}`"),
    }
}

fn members<T: WireEnum>(set: Set<T>) -> String {
    set.iter().map(|it| it.number().to_string()).collect::<Vec<_>>().join(", ")
}

/// What an accepted call answers: 4096 with a job, 0, 1, or nothing ever.
fn outcome(out: &mut String, rule: &Rule) {
    use Operation::{
        RequestServiceStateChange, RequestUndocumentedPower, RequestUndocumentedState,
        StartService, StopService,
    };
    match rule.operation {
        RequestServiceStateChange | StartService | StopService => push(out, "Answers 1.\n\n"),
        RequestUndocumentedPower | RequestUndocumentedState => {
            push(out, "Answers nothing but refusals.\n\n");
        }
        _ if rule.plans.is_empty() => {
            push(out, format_args!("Answers 0 at once ({}).\n\n", known(SYNCHRONOUS_BECAUSE)));
        }
        _ if rule.plans.iter().all(|it| it.at_once) => {
            let types = rule.plans.iter().map(|it| it.job_type);
            let types: Vec<_> =
                types.map(|it| format!("{} {}", it.to_wire(), it.label())).collect();
            push(
                out,
                format_args!(
                    "Answers 0 at once ({}); where the policy of a world says so, 4096 and leaves \
                     a job of type {}.\n\n",
                    known(SYNCHRONOUS_BECAUSE),
                    types.join(", ")
                ),
            );
        }
        _ => plans(out, rule.plans),
    }
}

fn plans(out: &mut String, plans: &[Plan]) {
    push(out, "Answers 4096 and leaves a job.\n\n");
    push(out, "| Job | If | Meanwhile shown | Phases | Cancellable |\n|---|---|---|---|---|\n");
    for it in plans {
        plan(out, it);
    }
    push(out, "\n");
}

fn plan(out: &mut String, plan: &Plan) {
    let Plan { when, job_type, during, phases, cancellable, at_once: _ } = plan;
    let when: Vec<_> = when.iter().map(|it| plain(&it.to_string())).collect();
    let when = if when.is_empty() { "otherwise".to_owned() } else { when.join("; ") };
    let during = during.map_or("as before".to_owned(), |it| it.to_string());
    let phases = phases.iter().map(|it| pace(*it)).collect::<Vec<_>>().join(", ");
    let cancellable = if *cancellable { "yes" } else { "no" };
    let (number, label) = (job_type.to_wire(), job_type.label());
    push(
        out,
        format_args!("| {number} {label} | {when} | {during} | {phases} | {cancellable} |\n"),
    );
}

const fn pace(pace: Pace) -> &'static str {
    match pace {
        Pace::Local => "bookkeeping",
        Pace::Contact => "contact the other host",
        Pace::Checkpoint => "take a checkpoint",
        Pace::Flush => "send what is logged",
        Pace::Copy => "copy disks",
        Pace::Compare => "compare both copies",
        Pace::Undo => "undo logs",
        Pace::Merge => "merge disks",
        Pace::Boot => "start or restore",
        Pace::GuestShutdown => "shut the guest down",
        Pace::Attach => "attach or detach logs",
    }
}

fn late(out: &mut String, late: &[Late]) {
    if late.is_empty() {
        return;
    }
    push(out, "The job may still fail:\n\n");
    for Late { code, says, evidence } in late {
        let (number, label) = (code.to_wire(), code.label());
        let known = known(*evidence);
        push(out, format_args!("- {number} {label}: {} ({known})\n", plain(says)));
    }
    push(out, "\n");
}

fn transitions(out: &mut String, operation: Operation) {
    let mut caused = TRANSITIONS.iter().filter(|it| it.by == Cause::Call(operation)).peekable();
    if caused.peek().is_none() {
        return;
    }
    push(out, "Transitions:\n\n");
    for Transition { side, from, to, evidence, .. } in caused {
        let known = known(*evidence);
        push(out, format_args!("- {}: {from} → {to} ({known})\n", side.label()));
    }
    push(out, "\n");
}

/// Numbers in order, each once.
fn list(numbers: impl Iterator<Item = u32>) -> String {
    let numbers: BTreeSet<_> = numbers.collect();
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(", ")
}

fn contents(out: &mut String) {
    push(out, "| Operation | Method | Refused with | Job |\n|---|---|---|---|\n");
    for rule in RULES {
        let it = rule.operation;
        let codes = list(rule.requirements().map(|it| it.otherwise.to_wire()));
        let jobs = list(rule.plans.iter().map(|it| it.job_type.to_wire().into()));
        let (name, anchor) = (it.name(), it.name().to_ascii_lowercase());
        push(out, format_args!("| [{name}](#{anchor}) | `{it}` | {codes} | {jobs} |\n"));
    }
}

/// What makes a relationship unhealthy, the worst first.
fn health(out: &mut String) {
    push(
        out,
        "\n## Health\n\nThe health of a relationship is the worst that one of these gives it; each \
         is an issue with its number.\n\n| Issue | Health | Replication of the virtual machine … | \
         How we know |\n|---|---|---|---|\n",
    );
    for rule in HEALTH {
        let (number, health, known) = (rule.message.to_wire(), rule.health, known(rule.evidence));
        push(out, format_args!("| {number} | {health} | {} | {known} |\n", rule.says));
    }
}

/// What hosts write into their logs.
fn log(out: &mut String) {
    let name = LogEntry::LOG;
    push(
        out,
        format_args!(
            "\n## Event log\n\nEntries of `{name}`.\n\n| Event | Level | |\n|---|---|---|\n"
        ),
    );
    for id in EventId::ALL {
        let (number, level, says) = (id.to_wire(), id.level(), sentence(id.label()));
        push(out, format_args!("| {number} | {level:?} | {says} |\n"));
    }
}

/// The constants that the engine takes from the sources.
fn numbers(out: &mut String) {
    let hours = |it: Duration| format!("{} h", it.as_secs() / 3600);
    let minutes = |it: Duration| format!("{} min", it.as_secs() / 60);
    let pauses = constants::RETRY_PAUSES.map(|it| (it.as_secs() / 60).to_string()).join(", ");
    let rows = [
        (
            "POINT_SPACING",
            hours(constants::POINT_SPACING),
            "Recovery points are at least so far apart.",
        ),
        (
            "SCHEDULE_HORIZON",
            hours(constants::SCHEDULE_HORIZON),
            "A start can be scheduled so far ahead.",
        ),
        ("LAG", hours(constants::LAG), "Without replication for so long, health is a warning."),
        ("LATENCY", minutes(constants::LATENCY), "An average latency above this is a warning."),
        ("SHORTEST_WINDOW", hours(constants::SHORTEST_WINDOW), "No monitoring window is shorter."),
        (
            "MISSED_PERCENT",
            format!("{} %", constants::MISSED_PERCENT),
            "More missed cycles are a warning.",
        ),
        (
            "RETRY_PAUSES",
            format!("{pauses} min"),
            "Pauses before retries after the first; the last repeats.",
        ),
        (
            "LOG_LIMIT_PERCENT",
            format!("{} %", constants::LOG_LIMIT_PERCENT),
            "A larger change log forces a resynchronisation.",
        ),
        ("JOB_RETENTION", minutes(JOB_RETENTION), "A finished job stays readable for so long."),
    ];
    push(out, "\n## Constants\n\n| Constant | Value | |\n|---|---|---|\n");
    for (name, value, says) in rows {
        push(out, format_args!("| `{name}` | {value} | {says} |\n"));
    }
}
