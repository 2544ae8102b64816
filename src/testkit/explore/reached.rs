//! What a search may reach, and what it is asked for by a person.

use crate::model::{ErrorCode, Operation};
use crate::oracle::Goal;
use crate::rules;
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
    /// What collections of runs should reach.
    Goal(Goal),
}

impl Reached {
    /// Everything that calls of these operations may reach, in order: what each needs beside what
    /// every call needs, and every other goal.
    pub fn all(operations: &[Operation]) -> BTreeSet<Self> {
        let mut all = BTreeSet::new();
        for operation in operations {
            let rule = rules::rule(*operation);
            all.extend(rule.requires.iter().map(|it| Self::Refused(*operation, it.otherwise)));
            let accepted = Goal::Answered(*operation);
            if Goal::all().contains(&accepted) {
                all.insert(Self::Accepted(*operation));
            }
        }
        let answers = |it: &Goal| matches!(it, Goal::Answered(_) | Goal::Refused(_));
        all.extend(Goal::all().into_iter().filter(|it| !answers(it)).map(Self::Goal));
        all
    }

    /// The number of an answer among all answers; `None` for what is no answer.
    pub(super) fn index(self) -> Option<usize> {
        let (operation, code) = match self {
            Self::Accepted(operation) => (operation, 0),
            Self::Refused(operation, code) => {
                let place = ErrorCode::ALL.iter().position(|it| *it == code)?;
                (operation, place + 1)
            }
            Self::Goal(_) => return None,
        };
        Some(operation as usize * (ErrorCode::ALL.len() + 1) + code)
    }

    /// How many answers there are.
    pub(super) const ANSWERS: usize = Operation::ALL.len() * (ErrorCode::ALL.len() + 1);
}

impl From<Goal> for Reached {
    fn from(goal: Goal) -> Self {
        match goal {
            Goal::Answered(operation) => Self::Accepted(operation),
            other => Self::Goal(other),
        }
    }
}

impl fmt::Display for Reached {
    /// `CommitFailover 32775`, `CommitFailover accepted`, or the goal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(operation) => write!(f, "{} accepted", operation.name()),
            Self::Refused(operation, code) => {
                write!(f, "{} {}", operation.name(), code.to_wire())
            }
            Self::Goal(goal) => goal.fmt(f),
        }
    }
}

impl FromStr for Reached {
    type Err = UnknownGoal;

    /// Reads what [`Display`](fmt::Display) writes; operations also by their method, codes also by
    /// their name, and goals also without the number at their end.
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
    /// ```
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || UnknownGoal(text.chars().take(64).collect());
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
            "nothing is called `{}`: write `METHOD CODE`, `METHOD accepted` or a goal",
            self.0
        )
    }
}

impl std::error::Error for UnknownGoal {}
