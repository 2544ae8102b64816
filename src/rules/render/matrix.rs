//! The matrix: what is accepted in which role and state, as text that a reviewer reads.

use crate::model::{Power, ReplicationMode, ReplicationState, WindowsBuild};
use crate::rules::{Fact, Facts, RULES, Require, Rule, Side, Situation, TRANSITIONS, Target};
use std::collections::BTreeSet;
use std::fmt::Write;

/// One block of the matrix: a role, and which of its relationships is addressed.
struct Block {
    title: &'static str,
    mode: ReplicationMode,
    /// The end of the relationship that the role is.
    side: Side,
    /// Which rules address this relationship.
    targets: &'static [Target],
}

const BLOCKS: [Block; 6] = [
    Block {
        title: "NOT REPLICATED (mode 0)",
        mode: ReplicationMode::None,
        side: Side::Neither,
        targets: &[Target::Primary, Target::Sending, Target::Named],
    },
    Block {
        title: "PRIMARY (mode 1), relationship 0",
        mode: ReplicationMode::Primary,
        side: Side::Sender,
        targets: &[Target::Primary, Target::Sending, Target::Named],
    },
    Block {
        title: "REPLICA (mode 2), relationship 0: it receives",
        mode: ReplicationMode::Replica,
        side: Side::Receiver,
        targets: &[Target::Primary, Target::Named],
    },
    Block {
        title: "REPLICA (mode 2), relationship 1: it sends to an extended replica",
        mode: ReplicationMode::Replica,
        side: Side::Sender,
        targets: &[Target::Sending, Target::Named],
    },
    Block {
        title: "TEST REPLICA (mode 3)",
        mode: ReplicationMode::TestReplica,
        side: Side::Neither,
        targets: &[Target::Primary, Target::Sending, Target::Named],
    },
    Block {
        title: "EXTENDED REPLICA (mode 4), relationship 0: it receives",
        mode: ReplicationMode::ExtendedReplica,
        side: Side::Receiver,
        targets: &[Target::Primary, Target::Sending, Target::Named],
    },
];

const LEGEND: &str = "\
Which operation is accepted in which role and state, as the rule book judges it.

  Columns  ReplicationState of the addressed relationship, 0 to 21. A state that this end of a
           relationship can show, by the transitions, has a bar under its number.
  ok       Accepted, if every fact is favourable and the power is the one that is.
  .        Refused with 32775, invalid state for this operation.
  73 ...   Refused with another code: its last two digits.
  power    The power under which it is accepted in some state.

An operation that a role is refused in every state stands below its block, with the code.
";

/// Every operation on a virtual machine against every state, in a block for each role.
///
/// A cell is judged on the newest Windows with every fact favourable; where the power matters it
/// is the most favourable one.
pub fn matrix() -> String {
    let mut out = String::from(LEGEND);
    for block in &BLOCKS {
        block.print(&mut out);
    }
    let elsewhere = RULES.iter().filter(|it| matches!(it.target, Target::Host | Target::Job));
    let names: Vec<_> = elsewhere.map(|it| it.operation.name().to_owned()).collect();
    out += "\nNOT ABOUT A VIRTUAL MACHINE: judged by facts alone.\n";
    wrap(&mut out, &names);
    out
}

impl Block {
    fn print(&self, out: &mut String) {
        let (shown, mut refused) = (self.states(), Vec::new());
        line(out, &format!("\n{}", self.title));
        let numbers = ReplicationState::ALL.iter().map(|it| format!("{:>3}", it.to_wire()));
        let bars = ReplicationState::ALL.iter().map(|it| {
            let bar = "-".repeat(it.to_wire().to_string().len());
            format!("{:>3}", if shown.contains(it) { bar } else { String::new() })
        });
        line(out, &format!("{:<34}{}  power", "", numbers.collect::<String>()));
        line(out, &format!("{:<34}{}", "", bars.collect::<String>()));
        for rule in RULES.iter().filter(|it| self.targets.contains(&it.target)) {
            let name = rule.operation.name();
            match self.row(rule) {
                Row::Refused(code) => refused.push(format!("{name} {code}")),
                Row::Mixed(cells) => {
                    line(out, &format!("{name:<34}{cells}  {}", self.powers(rule)));
                }
            }
        }
        out.push_str("Refused throughout:\n");
        wrap(out, &refused);
    }

    /// The states that this end can show, as far as the transitions go.
    fn states(&self) -> BTreeSet<ReplicationState> {
        let reached = TRANSITIONS.iter().filter(|it| it.side == self.side).map(|it| it.to);
        let mut states: BTreeSet<_> = reached.collect();
        // A replica that is not extended has a relationship 1 all the same, which is disabled.
        if self.mode == ReplicationMode::Replica && self.side == Side::Sender {
            states.insert(ReplicationState::Disabled);
        }
        states
    }

    fn row(&self, rule: &Rule) -> Row {
        let judged = ReplicationState::ALL.iter().map(|state| self.judge(rule, *state));
        let cells: Vec<_> = judged
            .map(|it| match it {
                Ok(()) => "ok".to_owned(),
                Err(unmet) => (unmet.otherwise.to_wire() % 100).to_string(),
            })
            .collect();
        if cells.iter().any(|it| it == "ok") {
            let cell = |it: &String| format!("{:>3}", if it == "75" { "." } else { it });
            Row::Mixed(cells.iter().map(cell).collect())
        } else {
            let codes: BTreeSet<_> = cells.into_iter().collect();
            Row::Refused(codes.into_iter().collect::<Vec<_>>().join("/"))
        }
    }

    /// Accepted under some power, or what the most favourable power leaves unmet.
    fn judge(&self, rule: &Rule, state: ReplicationState) -> Result<(), &'static Require> {
        let mut furthest = None;
        for power in Power::ALL {
            match rule.judge(&self.situation(state, *power)) {
                Ok(_) => return Ok(()),
                Err(unmet) => {
                    let place = rule.requirements().position(|it| it == unmet);
                    furthest = furthest.max(place);
                }
            }
        }
        let unmet = furthest.and_then(|place| rule.requirements().nth(place));
        Err(unmet.expect("a refusal names one of the rule's requirements"))
    }

    /// Every fact is favourable, but for two: who sends is the role's, and a requested state that
    /// has an operation of its own for being unknown is not known.
    fn situation(&self, state: ReplicationState, power: Power) -> Situation {
        let sends = self.side == Side::Sender;
        let facts = Facts::ALL.with(Fact::Sends, sends).with(Fact::RequestedStateKnown, false);
        Situation { mode: self.mode, state, power, build: WindowsBuild::Server2025, facts }
    }

    /// The initials of the powers under which the rule accepts in some state.
    fn powers(&self, rule: &Rule) -> String {
        let accepts = |power: &&Power| {
            let states = ReplicationState::ALL.iter();
            states.map(|it| self.situation(*it, **power)).any(|it| rule.judge(&it).is_ok())
        };
        let powers: Vec<_> = Power::ALL.iter().filter(accepts).collect();
        if powers.len() == Power::ALL.len() {
            return "any".to_owned();
        }
        powers.iter().map(|it| it.label()).collect::<Vec<_>>().join(", ")
    }
}

/// A row of a block.
enum Row {
    /// No state is accepted: the codes.
    Refused(String),
    /// The cells.
    Mixed(String),
}

fn line(out: &mut String, text: &str) {
    writeln!(out, "{}", text.trim_end()).expect("a String takes everything");
}

/// Words between commas, in lines of at most 100 columns.
fn wrap(out: &mut String, words: &[String]) {
    let mut current = String::new();
    for (place, word) in words.iter().enumerate() {
        let comma = if place + 1 == words.len() { "" } else { "," };
        if current.len() + word.len() + 4 > 100 {
            line(out, &current);
            current.clear();
        }
        current += if current.is_empty() { "  " } else { " " };
        current += word;
        current += comma;
    }
    line(out, if current.is_empty() { "  none" } else { &current });
}
