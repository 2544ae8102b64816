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
    /// Whether a request to end it has a chance: not while it merges.
    pub(crate) fn may_end(&self) -> bool {
        self.cancellable && !self.state.is_terminal() && self.pace() != Some(Pace::Merge)
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
        Job {
            error: self.failure.as_deref().cloned(),
            affected: self.affected().collect(),
            ..self.outline(id, now)
        }
    }

    /// Brings what a client has read of the job to now.
    pub(crate) fn review(&self, id: JobId, now: SimTime, seen: &mut Job) {
        let Job { error, affected, .. } = std::mem::replace(seen, self.outline(id, now));
        let same = error.as_ref() == self.failure.as_deref();
        seen.error = if same { error } else { self.failure.as_deref().cloned() };
        let same = affected.iter().copied().eq(self.affected());
        seen.affected = if same { affected } else { self.affected().collect() };
    }

    fn affected(&self) -> impl Iterator<Item = VmId> {
        self.vm.into_iter().chain(self.made)
    }

    /// The job without why it failed and what it acts on.
    fn outline(&self, id: JobId, now: SimTime) -> Job {
        let current = self.since.map_or(Duration::ZERO, |since| now.since(since));
        let worked = self.worked.saturating_add(current);
        let until = if self.state.is_terminal() { self.changed } else { now };
        Job {
            id,
            job_type: self.job_type,
            state: self.state,
            percent_complete: self.percent(worked),
            cancellable: self.cancellable && !self.state.is_terminal(),
            submitted: self.submitted,
            scheduled: self.scheduled,
            started: self.started,
            state_changed: self.changed,
            elapsed: self.started.map_or(Duration::ZERO, |started| until.since(started)),
            error: None,
            affected: Vec::new(),
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
