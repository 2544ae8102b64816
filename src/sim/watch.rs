//! What a lab lets an observer see: the stream of changes, and the trace of inputs.

use crate::engine::{Event, Input, Reply};
use crate::model::SimTime;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// One input with its reply, as a trace keeps it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When it was made.
    pub at: SimTime,
    /// What was made to happen.
    pub input: Input,
    /// What came of it.
    pub reply: Reply,
}

/// Lengthens the last step of a trace if that and this are time that passes.
pub(super) fn goes_on(trace: &mut [Step], input: &Input, reply: &Reply) -> bool {
    match (trace.last_mut(), input) {
        (Some(Step { input: Input::Advance(all), reply: last, .. }), Input::Advance(by))
            if last == reply =>
        {
            *all = all.saturating_add(*by);
            true
        }
        _ => false,
    }
}

/// A subscription to the changes of a lab, as WMI's `__InstanceModificationEvent`,
/// `__InstanceCreationEvent` and `__InstanceDeletionEvent` would report them. Ends when dropped.
#[derive(Debug)]
pub struct Watch {
    seen: Arc<Mutex<Vec<Event>>>,
}

impl Watch {
    pub(super) fn new() -> (Self, Weak<Mutex<Vec<Event>>>) {
        let seen = Arc::default();
        let sink = Arc::downgrade(&seen);
        (Self { seen }, sink)
    }

    /// Everything since the last look, in order.
    #[must_use = "what is not looked at is lost"]
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.seen.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Hands events to every watch that still lives.
pub(super) fn publish(watches: &mut Vec<Weak<Mutex<Vec<Event>>>>, events: &[Event]) {
    watches.retain(|watch| match watch.upgrade() {
        Some(seen) => {
            seen.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(events);
            true
        }
        None => false,
    });
}
