//! What a search may reach, and what it is asked for by a person.

use super::book::{Move, Unmet};
use crate::model::{ErrorCode, Operation};
use crate::oracle::Goal;
use crate::rules::Cause;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// Something that a search reaches by a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Reached {
    /// A call of this operation was accepted: it returned 0 or 4096, or 1 for what Windows does
    /// not implement.
    Accepted(Operation),
    /// A call of this operation was refused with this code.
    Refused(Operation, ErrorCode),
    /// A call lacked this of what the rule book requires. Several requirements of an operation may
    /// be refused with one code.
    Unmet(Unmet),
    /// A relationship changed its state as this entry of the table of transitions says.
    Moved(Move),
    /// What collections of runs should reach.
    Goal(Goal),
}

impl Reached {
    /// Everything that calls of these operations may reach, in order: what each needs beside what
    /// every call needs, every transition but those that other operations make, and every other
    /// goal.
    pub fn all(operations: &[Operation]) -> BTreeSet<Self> {
        let mut all = BTreeSet::new();
        for operation in operations {
            for unmet in Unmet::of_its_own(*operation) {
                all.insert(Self::Refused(*operation, unmet.require().otherwise));
                all.insert(Self::Unmet(unmet));
            }
            let accepted = Goal::Answered(*operation);
            if Goal::all().contains(&accepted) {
                all.insert(Self::Accepted(*operation));
            }
        }
        all.extend(Move::all().map(Self::Moved));
        all.retain(|it| it.operation().is_none_or(|it| operations.contains(&it)));
        let answers = |it: &Goal| matches!(it, Goal::Answered(_) | Goal::Refused(_));
        all.extend(Goal::all().into_iter().filter(|it| !answers(it)).map(Self::Goal));
        all
    }

    /// The operation that it is about, if it is about one.
    pub fn operation(self) -> Option<Operation> {
        match self {
            Self::Accepted(operation)
            | Self::Refused(operation, _)
            | Self::Goal(Goal::Answered(operation)) => Some(operation),
            Self::Unmet(unmet) => Some(unmet.operation()),
            Self::Moved(it) => match it.transition().by {
                Cause::Call(operation) => Some(operation),
                Cause::Happening(_) => None,
            },
            Self::Goal(_) => None,
        }
    }

    /// Its number among everything that is numbered; goals are not.
    pub(super) fn index(self) -> Option<usize> {
        const UNMET: usize = Operation::ALL.len() * ANSWERS;
        const MOVED: usize = UNMET + Unmet::NUMBERS;
        const { assert!(MOVED + Move::NUMBERS == Reached::NUMBERS) };
        Some(match self {
            Self::Accepted(operation) => operation.index() * ANSWERS,
            Self::Refused(operation, code) => {
                let place = ErrorCode::ALL.iter().position(|it| *it == code)?;
                operation.index() * ANSWERS + place + 1
            }
            Self::Unmet(unmet) => UNMET + unmet.number(),
            Self::Moved(it) => MOVED + it.number(),
            Self::Goal(_) => return None,
        })
    }

    /// How many are numbered.
    pub(super) const NUMBERS: usize =
        Operation::ALL.len() * ANSWERS + Unmet::NUMBERS + Move::NUMBERS;
}

/// How many answers an operation may have.
const ANSWERS: usize = ErrorCode::ALL.len() + 1;

impl From<Goal> for Reached {
    fn from(goal: Goal) -> Self {
        match goal {
            Goal::Answered(operation) => Self::Accepted(operation),
            other => Self::Goal(other),
        }
    }
}

impl fmt::Display for Reached {
    /// `CommitFailover 32775`, `CommitFailover accepted`, the requirement behind its code, the
    /// transition, or the goal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(operation) => write!(f, "{} accepted", operation.name()),
            Self::Refused(operation, code) => {
                write!(f, "{} {}", operation.name(), code.to_wire())
            }
            Self::Unmet(unmet) => unmet.fmt(f),
            Self::Moved(it) => it.fmt(f),
            Self::Goal(goal) => goal.fmt(f),
        }
    }
}

impl FromStr for Reached {
    type Err = UnknownGoal;

    /// Reads what [`Display`](fmt::Display) writes; operations also by their method, codes also by
    /// their name, goals also without the number at their end, and transitions also by the numbers
    /// of their states.
    ///
    /// ```
    /// use hyperv_replica::model::{ErrorCode, Operation};
    /// use hyperv_replica::testkit::explore::Reached;
    ///
    /// let refused = Reached::Refused(Operation::CommitFailover, ErrorCode::InvalidState);
    /// assert_eq!("CommitFailover 32775".parse(), Ok(refused));
    /// assert_eq!("commitfailover InvalidState".parse(), Ok(refused));
    /// let committed = "receiver in state Committed".parse::<Reached>();
    /// assert!(committed.is_ok());
    /// assert_eq!("receiver in state Committed (6)".parse(), committed);
    /// assert!("CommitFailover 4".parse::<Reached>().is_err());
    ///
    /// let unmet = "InitiateFailover 32774: no other operation may hold the virtual machine";
    /// assert_eq!(unmet.parse::<Reached>().map(|it| it.to_string()), Ok(unmet.into()));
    /// let moved = "receiver from 5 to 6 by CommitFailover".parse::<Reached>();
    /// assert!(matches!(moved, Ok(Reached::Moved(_))));
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownGoal(text.chars().take(64).collect());
        if let Some((answer, says)) = text.split_once(':')
            && let Ok(Self::Refused(operation, code)) = answer.parse()
        {
            let unmet = Unmet::named(operation, code, says.trim());
            return unmet.map(Self::Unmet).ok_or_else(unknown);
        }
        if let Some(it) = Move::named(text.trim()) {
            return Ok(Self::Moved(it));
        }
        let mut words = text.split_whitespace();
        if let (Some(first), Some(second), None) = (words.next(), words.next(), words.next())
            && let Ok(operation) = Operation::from_str(first)
        {
            if second.eq_ignore_ascii_case("accepted") {
                return Ok(Self::Accepted(operation));
            }
            return second
                .parse()
                .map(|code| Self::Refused(operation, code))
                .map_err(|_| unknown());
        }
        let says = |it: &Goal| {
            let long = it.to_string();
            let short = long.rsplit_once(" (").map_or(&*long, |(short, _)| short);
            [&long, short].iter().any(|it| it.eq_ignore_ascii_case(text.trim()))
        };
        // A refusal is some operation's.
        let all = Goal::all().into_iter().filter(|it| !matches!(it, Goal::Refused(_)));
        { all }.find(says).map(Self::from).ok_or_else(unknown)
    }
}

/// A text that names nothing a search could reach.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownGoal(pub String);

impl fmt::Display for UnknownGoal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "nothing is called `{}`: write `METHOD CODE`, `METHOD CODE: REQUIREMENT`, \
             `METHOD accepted`, `SIDE from STATE to STATE by CAUSE` or a goal",
            self.0
        )
    }
}

impl std::error::Error for UnknownGoal {}
