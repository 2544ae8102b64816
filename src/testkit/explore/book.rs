//! What of the rule book a search has met: requirements and transitions, by their places.

use crate::error::{Refusal, Why};
use crate::model::{ErrorCode, Operation, ReplicationState};
use crate::rules::{Cause, Require, Side, TRANSITIONS, Transition, rule};
use std::fmt;
use std::ptr;
use std::sync::LazyLock;

/// A requirement of an operation that a call did not meet, by its place in the
/// [rule](crate::rules::Rule::requirements).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unmet {
    operation: Operation,
    place: u8,
}

impl Unmet {
    /// How many requirements an operation has at most.
    const MOST: usize = 32;
    /// How many numbers there are.
    pub(super) const NUMBERS: usize = Operation::ALL.len() * Self::MOST;

    /// Everything that an operation requires, in order of precedence.
    pub fn all(operation: Operation) -> impl Iterator<Item = Self> {
        let places = (0..).zip(rule(operation).requirements());
        places.map(move |(place, _)| Self { operation, place })
    }

    /// What it requires beside what every call does.
    pub(super) fn of_its_own(operation: Operation) -> impl Iterator<Item = Self> {
        let first = first_of_its_own(operation);
        Self::all(operation).skip(first).take(rule(operation).requires.len())
    }

    /// The one that a refusal names, if the rule book is what it rests on.
    pub fn of(refusal: &Refusal) -> Option<Self> {
        let Why::Rule(unmet, _) = refusal.why else { return None };
        let operation = refusal.operation;
        let own = rule(operation).requires;
        // Almost every refusal is for want of what stands in the rule's own row.
        let row = own.as_ptr().addr();
        let at = ptr::from_ref(unmet).addr().wrapping_sub(row) / size_of::<Require>();
        let place = match own.get(at) {
            Some(it) if ptr::addr_eq(it, unmet) => first_of_its_own(operation) + at,
            _ => rule(operation)
                .requirements()
                .position(|it| (it.otherwise, it.says) == (refusal.code, unmet.explain()))?,
        };
        u8::try_from(place).ok().map(|place| Self { operation, place })
    }

    /// The one of this code and sentence.
    pub(super) fn named(operation: Operation, code: ErrorCode, says: &str) -> Option<Self> {
        Self::all(operation).find(|it| {
            let Require { otherwise, says: known, .. } = it.require();
            (*otherwise, known.eq_ignore_ascii_case(says)) == (code, true)
        })
    }

    /// Whose requirement it is.
    pub const fn operation(self) -> Operation {
        self.operation
    }

    /// What is required, with the code and how it is known.
    ///
    /// # Panics
    /// Never: one that is not in the book cannot be made.
    pub fn require(self) -> &'static Require {
        let mut all = rule(self.operation).requirements();
        all.nth(self.place.into()).expect("a requirement that was found in the book")
    }

    pub(super) fn number(self) -> usize {
        self.operation.index() * Self::MOST + usize::from(self.place)
    }
}

/// How many requirements an operation has that stand before its own.
fn first_of_its_own(operation: Operation) -> usize {
    /// By the number of the operation.
    static FIRST: LazyLock<Vec<usize>> = LazyLock::new(|| {
        let first = |it: &Operation| {
            let rule = rule(*it);
            let own = rule.requires.as_ptr_range();
            rule.requirements().position(|it| own.contains(&ptr::from_ref(it))).unwrap_or(0)
        };
        Operation::ALL.iter().map(first).collect()
    });
    FIRST[operation.index()]
}

impl fmt::Display for Unmet {
    /// `CommitFailover 32775: ` and the requirement as a sentence.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Require { otherwise, says, .. } = self.require();
        write!(f, "{} {}: {says}", self.operation.name(), otherwise.to_wire())
    }
}

/// An entry of the table of [transitions](TRANSITIONS), by its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Move(u16);

impl Move {
    /// How many numbers there are.
    pub(super) const NUMBERS: usize = 256;

    /// Every entry, in the order of the table.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..).zip(TRANSITIONS).map(|(place, _)| Self(place))
    }

    /// The entry that a change of state is, if it is one.
    pub fn of(side: Side, from: ReplicationState, to: ReplicationState, by: Cause) -> Option<Self> {
        type Row = ((Side, ReplicationState, ReplicationState, Cause), u16);
        static SORTED: LazyLock<Vec<Row>> = LazyLock::new(|| {
            let row = |(place, it): (u16, &Transition)| ((it.side, it.from, it.to, it.by), place);
            let mut rows: Vec<_> = (0..).zip(TRANSITIONS).map(row).collect();
            rows.sort();
            rows
        });
        let found = SORTED.binary_search_by_key(&(side, from, to, by), |(it, _)| *it);
        found.ok().map(|at| Self(SORTED[at].1))
    }

    /// The entry.
    pub fn transition(self) -> &'static Transition {
        &TRANSITIONS[usize::from(self.0)]
    }

    /// The entry of this text, in which states may be numbers alone.
    pub(super) fn named(text: &str) -> Option<Self> {
        let numbered = |it: &Self| {
            let Transition { side, from, to, by, .. } = it.transition();
            let (from, to) = (from.to_wire(), to.to_wire());
            format!("{} from {from} to {to} by {}", side.label(), Told(*by))
        };
        let is = |it: &Self| {
            [it.to_string(), numbered(it)].iter().any(|it| it.eq_ignore_ascii_case(text))
        };
        Self::all().find(is)
    }

    pub(super) fn number(self) -> usize {
        self.0.into()
    }
}

/// What made a state change, operations by the names that goals have.
struct Told(Cause);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Cause::Call(operation) => f.write_str(operation.name()),
            Cause::Happening(_) => self.0.fmt(f),
        }
    }
}

impl fmt::Display for Move {
    /// `receiver from Recovered (5) to Committed (6) by CommitFailover`, as far as the labels go.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Transition { side, from, to, by, .. } = self.transition();
        write!(f, "{} from {from} to {to} by {}", side.label(), Told(*by))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::RULES;
    use std::collections::BTreeSet;

    #[test]
    fn requirements_and_transitions_have_numbers_and_names_of_their_own() {
        let unmet: Vec<_> = Operation::ALL.iter().flat_map(|it| Unmet::all(*it)).collect();
        assert_eq!(unmet.len(), RULES.iter().map(|it| it.requirements().count()).sum::<usize>());
        let numbers: BTreeSet<_> = unmet.iter().map(|it| it.number()).collect();
        assert_eq!(
            (numbers.len(), numbers.last().is_some_and(|it| *it < Unmet::NUMBERS)),
            (unmet.len(), true)
        );
        for it in &unmet {
            let Require { otherwise, says, .. } = it.require();
            assert_eq!(Unmet::named(it.operation(), *otherwise, says), Some(*it), "{it}");
        }
        assert!(TRANSITIONS.len() <= Move::NUMBERS);
        for it in Move::all() {
            let Transition { side, from, to, by, .. } = *it.transition();
            assert_eq!(Move::of(side, from, to, by), Some(it));
            assert_eq!(Move::named(&it.to_string()), Some(it));
        }
    }

    #[test]
    fn a_refusal_is_found_in_the_book_by_address_and_by_sentence() {
        for operation in Operation::ALL {
            for (unmet, require) in Unmet::all(*operation).zip(rule(*operation).requirements()) {
                let refusal = |why| Refusal {
                    operation: *operation,
                    code: require.otherwise,
                    why,
                    found: None,
                };
                assert_eq!(Unmet::of(&refusal(Why::Rule(require, None))), Some(unmet), "{unmet}");
                // Wherever it stands, it is the same requirement.
                let elsewhere: &'static Require = Box::leak(Box::new(*require));
                assert_eq!(Unmet::of(&refusal(Why::Rule(elsewhere, None))), Some(unmet), "{unmet}");
                assert_eq!(Unmet::of(&refusal(Why::Text("refused".into()))), None);
            }
        }
    }
}
