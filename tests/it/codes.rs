//! Every documented code of every method: how to get it, or why it cannot be had.
//!
//! `codes/rows.txt` has a script for each code that the rule book says a method returns, in the
//! language of [`script`](hyperv_replica::script) with `;` between its lines; `@name` stands for a
//! beginning in `codes/beginnings.txt`. For all other codes
//! [`only_by_fault`](hyperv_replica::rules::only_by_fault) has the reason.

use hyperv_replica::engine::World;
use hyperv_replica::model::{ErrorCode, Operation};
use hyperv_replica::rules::{only_by_fault, rule};
use hyperv_replica::script::{Expected, Line, Method, Runner, Statement, parse, run};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::Path;

/// A beginning: the one that it goes on from, and its lines.
struct Beginning {
    name: &'static str,
    after: Option<&'static str>,
    lines: Vec<&'static str>,
}

/// A row: the code, and the script that gets it.
type Row = (u32, &'static str);

fn beginnings() -> Vec<Beginning> {
    let mut all: Vec<Beginning> = Vec::new();
    for line in include_str!("codes/beginnings.txt").lines() {
        match (line.strip_prefix('@'), all.last_mut()) {
            (Some(heading), _) => {
                let (name, after) = match heading.split_once(" @") {
                    Some((name, after)) => (name, Some(after)),
                    None => (heading, None),
                };
                all.push(Beginning { name, after, lines: Vec::new() });
            }
            (None, Some(beginning)) => beginning.lines.push(line.trim()),
            (None, None) => panic!("{line}: in no beginning"),
        }
    }
    all
}

/// Each method with its rows.
fn sections() -> Vec<(Method, Vec<Row>)> {
    let sections = include_str!("codes/rows.txt").split("\n\n").map(|section| {
        let (name, rows) = section.split_once('\n').expect("a method and its rows");
        let method = Method::named(name).unwrap_or_else(|| panic!("{name} is no method"));
        let row = |row: &'static str| {
            let (code, script) = row.trim().split_once("  ").expect("a code and its script");
            (code.parse().expect("a code"), script)
        };
        (method, rows.lines().map(row).collect())
    });
    sections.collect()
}

/// The lines of a row, with those of its beginning before them.
fn expand(text: &str, beginnings: &[Beginning]) -> String {
    text.split("; ").fold(String::new(), |text, part| match part.strip_prefix('@') {
        Some(name) => text + &begin(name, beginnings),
        None => text + part + "\n",
    })
}

fn begin(name: &str, beginnings: &[Beginning]) -> String {
    let beginning = beginnings.iter().find(|it| it.name == name);
    let beginning = beginning.unwrap_or_else(|| panic!("there is no beginning {name}"));
    let before = beginning.after.map(|it| begin(it, beginnings)).unwrap_or_default();
    beginning.lines.iter().fold(before, |text, line| text + line + "\n")
}

/// What the last call of a method in a script returned, and if it left a job, how that ended.
fn outcome(method: Method, text: &str) -> (u32, Option<u32>) {
    let mut script = parse(text).unwrap_or_else(|error| panic!("{text}\n{error}"));
    let calls = |line: &Line| matches!(&line.statement, Some(Statement::Call(call)) if call.method == method);
    let last = script.lines.iter().rposition(calls).unwrap_or_else(|| panic!("{text}: {method}"));
    let started = Expected::Started(Some("job0".to_owned()));
    let answer = script.lines[last].answer.get_or_insert(started.into());
    let Expected::Started(Some(alias)) = &answer.expected else { panic!("{text}") };
    let wait: Line = format!("wait {alias}").parse().expect("a job to wait for");
    let mut runner = Runner::new(World::new(0));
    let mut returned = None;
    for (place, line) in script.lines.iter().enumerate() {
        let Some(step) = runner.step(1, line) else { continue };
        if place == last {
            let answer = step.answer.unwrap_or_else(|| panic!("{text}{:?}", step.fault));
            let number = answer.split(' ').next().and_then(|it| it.parse().ok());
            returned = Some(number.unwrap_or_else(|| panic!("{text}{answer}")));
        } else {
            let fault = step.fault.map(|it| it.to_string());
            assert_eq!(fault, None, "{line} in\n{text}");
        }
    }
    let returned = returned.expect("the last call was made");
    let ended = (returned == 4096).then(|| runner.step(1, &wait)).flatten();
    let ended = ended.and_then(|it| it.answer).unwrap_or_default();
    (returned, ended.split(' ').next_back().and_then(|it| it.parse().ok()))
}

/// The operations of a method.
fn operations(method: Method) -> impl Iterator<Item = Operation> {
    let of = method.operation();
    let same = move |it: &Operation| (it.class(), it.method()) == (of.class(), of.method());
    Operation::ALL.iter().copied().filter(same)
}

/// Whether a method documents the code.
///
/// 32768 to 32779, as
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/initiatefailover-msvm-replicationservice>;
/// those of power, jobs and the management service end at 32778, as
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/geterror-msvm-concretejob>; and
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/startservice-msvm-replicationservice> has
/// 0 and 1 only.
fn documents(operation: Operation, code: ErrorCode) -> bool {
    operation.is_implemented() && (code != ErrorCode::FileNotFound || operation.is_replication())
}

/// What an accepted call of the method returns.
fn accepted(method: Method) -> u32 {
    let operation = method.operation();
    match rule(operation).plans {
        _ if !operation.is_implemented() => 1,
        plans if plans.iter().all(|it| it.at_once) => 0,
        _ => 4096,
    }
}

/// Why no row has a code: what each operation of the method says, which is the same.
fn reason(method: Method, code: ErrorCode) -> Option<&'static str> {
    let reasons: Option<BTreeSet<_>> =
        operations(method).map(|it| only_by_fault(it, code)).collect();
    let reasons = reasons?;
    assert_eq!(reasons.len(), 1, "{method} {code}: {reasons:?}");
    reasons.into_iter().next()
}

#[test]
fn every_method_has_a_row_for_each_code_that_it_returns() {
    let all: Vec<_> = Method::all().into_iter().filter(|it| !it.is_deprecated()).collect();
    let sections = sections();
    assert_eq!(sections.iter().map(|it| it.0).collect::<Vec<_>>(), all);
    for (method, rows) in sections {
        let documented = |it: &ErrorCode| documents(method.operation(), *it);
        let codes = ErrorCode::ALL.iter().copied().filter(documented);
        let codes = codes.filter(|it| reason(method, *it).is_none()).map(ErrorCode::to_wire);
        let expected: Vec<_> = std::iter::once(accepted(method)).chain(codes).collect();
        let mut found: Vec<_> = rows.iter().map(|it| it.0).collect();
        found.sort_by_key(|code| (*code >= 32768, *code));
        assert_eq!(found, expected, "{method}");
        assert!(rows.is_sorted_by_key(|it| it.0), "{method}");
    }
}

/// A deprecated method, which names no relationship, answers as its successor about relationship 0.
#[test]
fn every_row_ends_with_its_code() {
    let beginnings = beginnings();
    let mut wrong = String::new();
    let mut used = BTreeSet::new();
    for (method, rows) in sections() {
        let deprecated = method.operation().deprecated_method();
        let older = deprecated.and_then(Method::named).filter(|it| it.is_deprecated());
        for (code, script) in rows {
            used.extend(script.split("; ").filter_map(|it| it.strip_prefix('@')));
            let text = expand(script, &beginnings);
            let of_older = older.map(|it| (it, text.replace(method.name(), it.name())));
            for (method, text) in [(method, text)].into_iter().chain(of_older) {
                let (returned, ended) = outcome(method, &text);
                if returned != code && ended != Some(code) {
                    writeln!(wrong, "{method} {code}: {script}: {returned} {ended:?}").unwrap();
                }
            }
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
    let after = beginnings.iter().filter_map(|it| it.after);
    let idle = beginnings.iter().map(|it| it.name).filter(|it| !used.contains(it));
    let idle: Vec<_> = idle.filter(|it| !after.clone().any(|after| after == *it)).collect();
    assert!(idle.is_empty(), "no row begins with {idle:?}");
}

/// What cannot be read is noticed after who asks and before what is asked about; where the method
/// has no place for the flaw, there is none.
#[test]
fn a_flaw_stands_between_access_and_existence() {
    let text = r"
        host tokyo
        host osaka
        vm web on tokyo
        tokyo as=other with=Null CommitFailover web                        => 32769
        osaka with=Null CommitFailover web                                 => 32773
        osaka with=WrongClass CommitFailover web                           => 32776
        osaka CommitFailover web                                           => 32777
        tokyo with=WrongClass RequestReplicationStateChangeEx web 5        => 32776
        tokyo with=WrongClass RequestStateChange web 5                     => 32773
        tokyo with=Null GetSystemCertificates                              => 0
        tokyo with=Null StartService                                       => 1
        tokyo with=WrongClass RemoveAuthorizationEntry *                   => 0
        tokyo with=WrongClass RequestStateChange web Enabled               => 4096 job1
        tokyo with=Null GetError job1                                      => 0";
    let report = run(&parse(text).expect("a script"));
    let faults: Vec<_> = report.faults().map(|(step, it)| format!("{}: {it}", step.what)).collect();
    assert_eq!(faults, [""; 0]);
}

const HEADING: &str = "# Every code of every method

<!-- Generated from tests/it/codes by a test. Edit those files, not this one. -->

How to get each documented return value of each method in the model: to try what a tool does about
it. A job that fails has the same numbers as its `ErrorCode`; a script whose last call returns 4096
has its code there, once the job has ended.

`;` stands between the lines of a script, and `@name` for a beginning, which are at the end of this
page. `with=Null` makes a parameter Null, `with=WrongClass` an instance or a reference one of another
class. A code without a script is one that only a backend with injected faults returns.
A deprecated method, whose successor is called as it is with `Ex` at the end, returns what that does
for relationship 0.

";

/// The table for people.
fn page() -> String {
    let mut out = HEADING.to_owned();
    for (method, rows) in sections() {
        let rows: BTreeMap<u32, &str> = rows.into_iter().collect();
        writeln!(out, "## {method}\n\n| Code | How to get it |\n|---|---|").unwrap();
        let accepted = accepted(method);
        let label = match accepted {
            0 => "0",
            1 => "1 Not implemented",
            _ => "4096 Job started",
        };
        writeln!(out, "| {label} | `{}` |", rows[&accepted]).unwrap();
        for code in ErrorCode::ALL.iter().filter(|it| documents(method.operation(), **it)) {
            let how = match (rows.get(&code.to_wire()), reason(method, *code)) {
                (Some(script), _) => format!("`{script}`"),
                (None, reason) => format!("Only by fault: {}.", reason.unwrap_or_default()),
            };
            writeln!(out, "| {} {} | {how} |", code.to_wire(), code.label()).unwrap();
        }
        out.push('\n');
    }
    out += "## Beginnings\n\n```text\n";
    out += include_str!("codes/beginnings.txt");
    out + "```\n"
}

#[test]
fn the_page_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/codes.md");
    let page = page();
    if std::fs::read_to_string(&path).is_ok_and(|it| it.replace("\r\n", "\n") == page) {
        return;
    }
    std::fs::write(&path, page).expect("docs can be written");
    panic!("docs/codes.md was stale and is rewritten: review and commit it");
}
