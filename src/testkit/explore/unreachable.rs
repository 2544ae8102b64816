//! What a search need not begin for.

use super::step::needs_a_look;
use super::{Explorer, Reached};
use crate::engine::Answer;
use crate::model::{ErrorCode, Operation};
use crate::oracle::Goal;
use crate::rules::{only_by_fault, rule};
use std::fmt;

/// A goal that a search cannot reach, whatever it tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreachable {
    /// The goal.
    pub goal: Reached,
    /// Why it cannot be reached, as a sentence without a full stop.
    pub why: String,
}

impl fmt::Display for Unreachable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` cannot be reached: {}", self.goal, self.why)
    }
}

impl std::error::Error for Unreachable {}

impl Explorer {
    /// Whether its goals can be reached at all, as far as the menu and the rule book tell without a
    /// search. One whose goals cannot does not begin.
    ///
    /// # Errors
    /// The first goal that cannot be reached, and why.
    ///
    /// ```
    /// use hyperv_replica::testkit::beginning::Beginning;
    /// use hyperv_replica::testkit::explore::Explorer;
    ///
    /// let goals = vec!["CommitFailover 32771".parse()?];
    /// let search = Explorer { goals, ..Explorer::new(Beginning::lab(2, 1)) };
    /// assert!(search.check().is_err_and(|it| it.why.contains("only by a fault")));
    /// # Ok::<(), hyperv_replica::testkit::explore::UnknownGoal>(())
    /// ```
    pub fn check(&self) -> Result<(), Unreachable> {
        let operations = self.menu.operations();
        self.goals.iter().try_for_each(|goal| match self.why_never(*goal, &operations) {
            Some(why) => Err(Unreachable { goal: *goal, why }),
            None => Ok(()),
        })
    }

    fn why_never(&self, goal: Reached, menu: &[Operation]) -> Option<String> {
        if let Some(operation) = goal.operation().filter(|it| !menu.contains(it)) {
            return Some(format!("{} is not on the menu", operation.name()));
        }
        match goal {
            Reached::Accepted(operation) if !Goal::all().contains(&Goal::Answered(operation)) => {
                Some("no call of it is ever accepted".to_owned())
            }
            Reached::Refused(operation, code) => self.why_never_refused(operation, code),
            Reached::Goal(Goal::Refused(_)) => {
                Some("a refusal is some operation's: name it, too".to_owned())
            }
            Reached::Goal(goal) if needs_a_look(goal) && !self.observed => {
                Some("only who observes sees it, and nobody does".to_owned())
            }
            _ => None,
        }
    }

    fn why_never_refused(&self, operation: Operation, code: ErrorCode) -> Option<String> {
        if let Some(why) = only_by_fault(operation, code) {
            return Some(format!("it is returned only by a fault, because {why}"));
        }
        let rule = rule(operation);
        let asked = rule.requirements().any(|it| it.otherwise == code);
        // What is worked off before the call returns is refused with what its job would fail with.
        let at_once = rule.plans.iter().any(|it| it.at_once)
            || self.beginning.policy.answers.get(&operation) == Some(&Answer::Now);
        (!asked && !at_once)
            .then(|| "a job may fail with it, no call is refused with it".to_owned())
    }
}
