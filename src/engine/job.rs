//! Jobs: programs of phases. Only the end of the current phase is on the agenda.

use super::agenda::Ticket;
use crate::model::{
    Call, ErrorCode, Job, JobFailure, JobId, JobState, JobType, Leg, Operation, SimTime, VmId,
};
use crate::rules::Pace;
use std::sync::Arc;
use std::time::Duration;

/// A job of one host.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct JobRecord {
    pub(crate) operation: Operation,
    pub(crate) job_type: JobType,
    pub(crate) kind: Kind,
    pub(crate) vm: Option<VmId>,
    pub(crate) leg: Leg,
    pub(crate) state: JobState,
    pub(crate) cancellable: bool,
    pub(crate) phases: &'static [Pace],
    /// Which of them is current.
    pub(crate) phase: usize,
    /// What all phases were estimated to take.
    pub(crate) estimate: Duration,
    /// What went by in earlier phases, and in the current one before it was last halted.
    pub(crate) worked: Duration,
    /// What is left of the current phase, when it is not on the agenda.
    pub(crate) left: Duration,
    /// Since when the current phase runs; `None` while it waits or is halted.
    pub(crate) since: Option<SimTime>,
    /// Its appointment.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) submitted: SimTime,
    pub(crate) scheduled: Option<SimTime>,
    pub(crate) started: Option<SimTime>,
    pub(crate) changed: SimTime,
    pub(crate) failure: Option<Arc<JobFailure>>,
    /// The test replica it made.
    pub(crate) made: Option<VmId>,
    /// What it will fail with: its call should have been refused, and the policy is to say so late.
    pub(crate) doomed: Option<(ErrorCode, &'static str)>,
    /// The call, for an operation whose arguments are needed at the end.
    pub(crate) call: Option<Arc<Call>>,
}

/// What a job holds on to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// The virtual machine's lock.
    Exclusive,
    /// The sending end's data path; other operations may come between.
    Transfer,
    /// The virtual machine's power.
    Power,
    /// Nothing.
    Host,
}

impl JobRecord {
    /// Whether a request to end it has a chance: not while it merges, nor when it is ending.
    pub(crate) fn may_end(&self) -> bool {
        let ends = self.state.is_terminal() || self.state == JobState::ShuttingDown;
        self.cancellable && !ends && self.pace() != Some(Pace::Merge)
    }

    pub(crate) fn pace(&self) -> Option<Pace> {
        self.phases.get(self.phase).copied()
    }

    /// Whether it goes back to a recovery point, not to the latest state.
    pub(crate) fn goes_to_a_point(&self) -> bool {
        matches!(
            self.call.as_deref(),
            Some(
                Call::InitiateFailover { point: Some(_), .. }
                    | Call::TestReplicaSystem { point: Some(_), .. }
            )
        )
    }

    /// The job as a client reads it.
    pub(crate) fn view(&self, id: JobId, now: SimTime) -> Job {
        let mut job = Job {
            id,
            job_type: self.job_type,
            state: self.state,
            percent_complete: 0,
            cancellable: false,
            submitted: self.submitted,
            scheduled: None,
            started: None,
            state_changed: self.changed,
            elapsed: Duration::ZERO,
            error: None,
            affected: Vec::new(),
        };
        self.review(now, &mut job);
        job
    }

    /// Brings what a client has read of the job to now. What is on the heap is only written where
    /// it changed.
    pub(crate) fn review(&self, now: SimTime, seen: &mut Job) {
        let current = self.since.map_or(Duration::ZERO, |since| now.since(since));
        let ended = self.state.is_terminal();
        let until = if ended { self.changed } else { now };
        (seen.job_type, seen.state) = (self.job_type, self.state);
        seen.percent_complete = self.percent(self.worked.saturating_add(current));
        seen.cancellable = self.cancellable && !ended && self.state != JobState::ShuttingDown;
        (seen.submitted, seen.scheduled) = (self.submitted, self.scheduled);
        (seen.started, seen.state_changed) = (self.started, self.changed);
        seen.elapsed = self.started.map_or(Duration::ZERO, |started| until.since(started));
        if seen.error.as_ref() != self.failure.as_deref() {
            seen.error = self.failure.as_deref().cloned();
        }
        let affected = || self.vm.into_iter().chain(self.made);
        if !seen.affected.iter().copied().eq(affected()) {
            seen.affected = affected().collect();
        }
    }

    fn percent(&self, worked: Duration) -> u8 {
        if self.state.is_success() {
            return 100;
        }
        let estimate = self.estimate.as_nanos().max(1);
        u8::try_from((worked.as_nanos() * 100 / estimate).min(99)).unwrap_or(99)
    }
}
