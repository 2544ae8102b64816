//! State diagrams in Mermaid's language, and what they share with the SVG.

use crate::evidence::EvidenceKind;
use crate::model::{Operation, ReplicationState};
use crate::rules::{Cause, Side, TRANSITIONS, Transition};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// Why an edge is there.
pub(super) struct Reason {
    /// The cause in a word or two.
    pub(super) text: &'static str,
    /// The strongest evidence for it.
    pub(super) kind: EvidenceKind,
    /// Whether the cause is a call.
    pub(super) is_call: bool,
}

/// Every edge of one side, with its reasons: parallel transitions are one edge.
pub(super) fn edges(side: Side) -> BTreeMap<(ReplicationState, ReplicationState), Vec<Reason>> {
    let mut edges: BTreeMap<_, Vec<Reason>> = BTreeMap::new();
    for it in TRANSITIONS.iter().filter(|it| it.side == side) {
        let Transition { from, to, by, evidence, .. } = it;
        let reasons = edges.entry((*from, *to)).or_default();
        let (text, is_call) = short(*by);
        let kind = evidence.kind();
        match reasons.iter_mut().find(|known| known.text == text) {
            Some(known) => known.kind = known.kind.min(kind),
            None => reasons.push(Reason { text, kind, is_call }),
        }
    }
    edges
}

/// The numbers of the states of this end from which a call ends the relationship, as a list.
pub(super) fn removable(side: Side) -> String {
    let shown = |state| TRANSITIONS.iter().any(|it| it.side == side && it.to == state);
    let ended = TRANSITIONS.iter().filter(|it| it.side == Side::Neither && shown(it.from));
    let ended: BTreeSet<_> = ended.map(|it| it.from.to_wire()).collect();
    ended.iter().map(u16::to_string).collect::<Vec<_>>().join(", ")
}

/// A cause in a word or two, and whether it is a call.
const fn short(cause: Cause) -> (&'static str, bool) {
    let operation = match cause {
        Cause::Happening(happening) => return (happening.label(), false),
        Cause::Call(operation) => operation,
    };
    let text = match operation {
        Operation::CreateReplicationRelationship => "create",
        Operation::RemoveReplicationRelationship => "remove",
        Operation::StartReplication => "start",
        Operation::ImportInitialReplica => "import",
        Operation::CancelInitialReplication => "cancel initial replication",
        Operation::SuspendReplication => "suspend",
        Operation::ResumeReplication => "resume",
        Operation::Resynchronize => "resynchronize",
        Operation::CancelResynchronization => "cancel",
        Operation::PrepareFailover => "prepare failover",
        Operation::InitiateFailover => "fail over",
        Operation::RevertFailover => "revert",
        Operation::CommitFailover => "commit",
        Operation::ReverseReplicationRelationship => "reverse",
        Operation::BecomeReplica => "become replica",
        Operation::ModifyReplicationSettings => "change disks",
        Operation::ResumeDiskUpdate => "resume disk update",
        Operation::ChangeReplicationModeToPrimary => "become primary",
        Operation::InitiateFailback => "fail back",
        other => other.name(),
    };
    (text, true)
}

/// The state machine of one end of a relationship, as a Mermaid `stateDiagram-v2`.
///
/// An edge begins at the state before, on whichever end that was: a replica's 5 becomes a
/// primary's 3 when the roles are reversed.
pub fn mermaid(side: Side) -> String {
    let edges = edges(side);
    let states: BTreeSet<_> = edges.keys().flat_map(|(from, to)| [*from, *to]).collect();
    let mut out = String::from("stateDiagram-v2\n");
    let mut line = |text: std::fmt::Arguments<'_>| {
        writeln!(out, "    {text}").expect("a String takes everything");
    };
    for state in &states {
        let number = state.to_wire();
        line(format_args!("s{number}: {number} {}", state.label()));
    }
    for ((from, to), reasons) in &edges {
        let (from, to) = (from.to_wire(), to.to_wire());
        let label = reasons.iter().map(|it| it.text).collect::<Vec<_>>().join(" / ");
        line(format_args!("s{from} --> s{to}: {label}"));
    }
    if side != Side::Neither {
        line(format_args!("note right of s0"));
        line(format_args!("    remove leads here from {}", removable(side)));
        line(format_args!("end note"));
    }
    out
}
