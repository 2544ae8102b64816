//! Health: which rules speak of a relationship, and how a client reads it.

use super::vm::VmState;
use super::window::Window;
use crate::model::{
    CimStatus, ErrorRecord, ErrorType, PerceivedSeverity, ProbableCause, ReplicationHealth,
    ReplicationState, SimTime,
};
use crate::rules::constants::LAG;
use crate::rules::{HEALTH, HealthRule, Symptom};

/// One side of a relationship, as far as its health goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Condition {
    pub(super) state: ReplicationState,
    /// Whether it is the sending side.
    pub(super) sends: bool,
    pub(super) window: Window,
    /// When the last log was sent or received.
    pub(super) last: Option<SimTime>,
    pub(super) now: SimTime,
}

impl Condition {
    /// The rules that speak, the worst first.
    pub(super) fn findings(&self) -> impl Iterator<Item = &'static HealthRule> {
        HEALTH.iter().filter(|rule| self.shows(rule.when))
    }

    /// The worst that a rule says.
    pub(super) fn health(&self) -> ReplicationHealth {
        if self.state == ReplicationState::Disabled {
            return ReplicationHealth::NotApplicable;
        }
        self.findings().next().map_or(ReplicationHealth::Ok, |worst| worst.health)
    }

    fn shows(&self, symptom: Symptom) -> bool {
        match symptom {
            Symptom::State(states) => states.contains(self.state),
            Symptom::SenderState(states) => self.sends && states.contains(self.state),
            Symptom::ReceiverState(states) => !self.sends && states.contains(self.state),
            Symptom::CyclesMissed => self.is_measured() && self.window.misses_too_many(),
            Symptom::Behind => self.is_measured() && self.is_behind(),
            Symptom::Slow => self.is_measured() && self.window.is_slow(),
        }
    }

    /// Whether its cycles say something: it has replicated, and nothing has ended that.
    fn is_measured(&self) -> bool {
        use ReplicationState as S;
        matches!(
            self.state,
            S::Replicating
                | S::Synced
                | S::Suspended
                | S::Critical
                | S::WaitingForResynchronization
                | S::Resynchronizing
                | S::ResynchronizationSuspended
                | S::DiskUpdateInProgress
                | S::DiskUpdateCritical
        )
    }

    /// A reset of the statistics forgives what was before it.
    fn is_behind(&self) -> bool {
        self.last.is_some_and(|last| self.now.since(last.max(self.window.since)) > LAG)
    }
}

/// A finding as a client reads it.
pub(super) fn issue(rule: &HealthRule, vm: &VmState) -> ErrorRecord {
    let threshold = matches!(rule.when, Symptom::CyclesMissed | Symptom::Behind | Symptom::Slow);
    ErrorRecord {
        message_id: rule.message.to_wire(),
        message: format!("Replication of virtual machine '{}' {}.", vm.name, rule.says),
        message_arguments: vec![vm.name.to_string()],
        owning_entity: rule.message.owning_entity().to_owned(),
        error_type: ErrorType::QualityOfService,
        perceived_severity: match rule.health {
            ReplicationHealth::Critical => PerceivedSeverity::High,
            _ => PerceivedSeverity::Medium,
        },
        probable_cause: if threshold {
            ProbableCause::ThresholdCrossed
        } else {
            ProbableCause::Unknown
        },
        error_source: vm.name.to_string(),
        cim_status: CimStatus::Failed,
        recommended_actions: vec![rule.action.to_owned()],
    }
}
