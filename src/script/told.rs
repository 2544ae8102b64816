//! What whoever made an input is told of it.

use super::ast::Expected;
use crate::engine::Reply;
use std::borrow::Cow;

/// Why no answer came.
pub(super) const NEVER_REACHED: &str = "an injected fault: the call never reached the service";
/// Why no answer came, although something happened.
pub(super) const ANSWER_LOST: &str =
    "an injected fault: the call took place, and its answer was lost";

/// What whoever made an input is told of it.
pub(super) enum Told {
    /// The reply.
    Reply(Reply),
    /// Nothing; here is why.
    Nothing(Cow<'static, str>),
}

impl Told {
    /// The answer that a line could have expected; `None` where an input that is no call took
    /// place.
    pub(super) fn answer(&self) -> Option<Expected> {
        match self {
            Self::Nothing(_) => Some(Expected::Unanswered),
            Self::Reply(reply) => match reply {
                Reply::Completed | Reply::Returned(_) => Some(Expected::Completed),
                Reply::Started(_) => Some(Expected::Started(None)),
                Reply::Refused(refusal) => Some(Expected::Refused(refusal.code)),
                Reply::NotImplemented => Some(Expected::NotImplemented),
                Reply::NotFound(_) => Some(Expected::Missing),
                Reply::Rejected(_) => Some(Expected::Rejected),
                Reply::Happened => None,
            },
        }
    }

    /// The answer and the reason, for a person.
    pub(super) fn sentences(
        &self,
        expected: Option<&Expected>,
    ) -> (Option<String>, Option<String>) {
        let answer = self.answer().map(|it| match (&it, expected) {
            (Expected::Started(_), Some(named @ Expected::Started(_))) => named.to_string(),
            _ => it.to_string(),
        });
        let why = match self {
            Self::Nothing(why) => Some(why.to_string()),
            Self::Reply(Reply::Refused(refusal)) => Some(match &refusal.found {
                Some(found) => format!("{} ({found})", refusal.why),
                None => refusal.why.to_string(),
            }),
            Self::Reply(Reply::NotFound(missing)) => Some(missing.to_string()),
            Self::Reply(Reply::Rejected(rejection)) => Some(rejection.to_string()),
            Self::Reply(Reply::NotImplemented) => {
                Some("Windows does not implement the method".to_owned())
            }
            Self::Reply(_) => None,
        };
        (answer, why)
    }
}
