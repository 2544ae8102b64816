//! What a linter remembers of a client, and what it makes of it.

use super::lint::{Finding, Lint};
use super::linted::Tolerance;
use crate::error::{Error, Missing, Result};
use crate::model::{
    Call, ErrorCode, Job, JobId, JobState, Operation, RelationshipId, ReplicationMode,
    ReplicationState, SimTime, Vm, VmId, WindowsBuild,
};
use crate::service::{Outcome, ReplicationService};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A call that was made.
#[derive(Clone)]
struct Made {
    /// Its place among all calls.
    number: usize,
    host: Arc<str>,
    at: SimTime,
    call: Call,
}

/// A job that a call began.
struct Begun {
    made: Made,
    /// Whether the client looked at it, or at what it is about.
    watched: bool,
    /// When the client first saw it run, and when last.
    polled: Option<(SimTime, SimTime)>,
    /// How it was seen to end; vanishing is an end, too.
    ended: Option<End>,
    looks_after_end: u32,
    /// Whether the client asked for its end.
    called_off: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    Well,
    WithWarnings,
    Badly,
    Vanished,
}

/// What a virtual machine waits for from its client.
#[derive(Default)]
struct Open {
    /// A refusal that passes by itself.
    passing: Option<Made>,
    /// A call to which no answer came, and nothing was looked at since.
    unanswered: Option<Made>,
    /// The last job that was seen to end otherwise than well.
    ended: Option<(End, Made)>,
    /// The call that made a test replica, or may have, and whether the client has seen that.
    test: Option<(Made, bool)>,
}

/// What is true of a call before it is made.
#[derive(Clone, Copy, Default)]
pub(super) struct Scene {
    /// It starts a replica that is not failed over.
    starts_replica: bool,
    /// Windows has the method with `Ex`.
    has_ex: bool,
    /// The replica whose test replica it deletes.
    test_of: Option<VmId>,
}

/// Everything so far.
#[derive(Default)]
pub(super) struct Tally {
    tolerance: Tolerance,
    calls: usize,
    jobs: BTreeMap<JobId, Begun>,
    vms: BTreeMap<VmId, Open>,
    /// With the number of the call that shows it.
    found: Vec<(usize, Finding)>,
}

impl Tally {
    pub(super) fn new(tolerance: Tolerance) -> Self {
        Self { tolerance, ..Self::default() }
    }

    /// As if the client were done now.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let mut found = self.found.clone();
        let unwatched = self.jobs.values().filter(|job| !job.watched);
        found.extend(unwatched.map(|job| finding(Lint::UnwatchedJob, &job.made)));
        for open in self.vms.values() {
            found.extend(open.passing.iter().map(|it| finding(Lint::GaveUpTooEarly, it)));
            found.extend(open.test.iter().map(|it| finding(Lint::LeftTestReplica, &it.0)));
        }
        found.sort_by_key(|(number, it)| (*number, it.lint));
        found.into_iter().map(|(_, it)| it).collect()
    }

    fn find(&mut self, lint: Lint, made: &Made) {
        self.found.push(finding(lint, made));
    }

    /// The client saw a virtual machine on a host.
    pub(super) fn saw(&mut self, host: &str, vm: &Vm) {
        let is_made = |it: &Begun| it.ended.is_none() && is_test_of(&it.made, vm.id);
        let on_its_way = self.jobs.values().any(is_made);
        let Some(Open { test, .. }) = self.vms.get_mut(&vm.id) else { return };
        let Some((_, seen)) = test.as_mut().filter(|it| *it.0.host == *host) else { return };
        if vm.test_replica.is_some() {
            *seen = true;
        } else if *seen || !on_its_way {
            // A call whose answer was lost may have deleted it, or never have made it.
            *test = None;
        }
    }

    /// The client looked at a virtual machine, or at all of them.
    pub(super) fn looked(&mut self, vm: Option<VmId>) {
        let about = |it: Option<VmId>| vm.is_none() || it == vm;
        for job in self.jobs.values_mut().filter(|it| about(it.made.call.vm())) {
            job.watched = true;
        }
        for (_, open) in self.vms.iter_mut().filter(|(id, _)| about(Some(**id))) {
            open.unanswered = None;
        }
    }

    /// The client saw a job in the list of all.
    pub(super) fn saw_in_list(&mut self, at: SimTime, job: &Job) {
        if let Some(begun) = self.jobs.get_mut(&job.id) {
            begun.watched = true;
            begun.polled.get_or_insert((at, at));
            if begun.ended.is_none() {
                self.see_end(job.id, end_of(job.state));
            }
        }
    }

    /// The client looked at a job.
    pub(super) fn polled(&mut self, at: SimTime, id: JobId, job: &Result<Job>) {
        let Tolerance { shortest_poll, longest_wait, looks_after_end } = self.tolerance;
        let Some(begun) = self.jobs.get_mut(&id) else { return };
        begun.watched = true;
        let mut found = None;
        if begun.ended.is_some() {
            begun.looks_after_end += 1;
            if begun.looks_after_end == looks_after_end + 1 {
                found = Some(Lint::EndlessPoll);
            }
        } else if let Some((first, last)) = begun.polled {
            if at.since(last) < shortest_poll {
                found = Some(Lint::HastyPoll);
            } else if at.since(first) > longest_wait {
                found = Some(Lint::EndlessPoll);
            }
        }
        let first = begun.polled.map_or(at, |(first, _)| first);
        begun.polled = Some((first, at));
        let made = begun.made.clone();
        let ended = begun.ended;
        // Once for each job is enough.
        let again = |it: &(usize, Finding)| it.0 == made.number && Some(it.1.lint) == found;
        if let Some(lint) = found.filter(|_| !self.found.iter().any(again)) {
            self.find(lint, &made);
        }
        if ended.is_none() {
            let end = match job {
                Ok(job) => end_of(job.state),
                Err(Error::NotFound(Missing::Job(_))) => Some(End::Vanished),
                Err(_) => None,
            };
            self.see_end(id, end);
        }
    }

    fn see_end(&mut self, id: JobId, end: Option<End>) {
        let (Some(end), Some(begun)) = (end, self.jobs.get_mut(&id)) else { return };
        begun.ended = Some(end);
        let on_purpose = begun.called_off;
        let made = begun.made.clone();
        if let Some(vm) = made.call.vm() {
            let open = self.vms.entry(vm).or_default();
            if end == End::Badly && is_test_of(&made, vm) {
                open.test = None;
            }
            open.ended = (end != End::Well && !on_purpose).then_some((end, made));
        }
    }

    /// The client made a call.
    pub(super) fn called(
        &mut self,
        host: &Arc<str>,
        at: SimTime,
        call: &Call,
        outcome: &Result<Outcome>,
        scene: Scene,
        passing: bool,
    ) {
        let made = Made { number: self.calls, host: Arc::clone(host), at, call: call.clone() };
        self.calls += 1;
        let operation = call.operation();
        if scene.starts_replica {
            self.find(Lint::StartedReplica, &made);
        }
        if scene.has_ex && names_no_relationship(call) {
            self.find(Lint::DeprecatedMethod, &made);
        }
        if is_unknown(operation) {
            self.find(Lint::UnknownState, &made);
        }
        if let Call::RequestJobStateChange { job, .. } = call
            && let Some(begun) = self.jobs.get_mut(job)
        {
            (begun.watched, begun.called_off) = (true, true);
        }
        if let (Some(replica), true) = (scene.test_of, outcome.is_ok()) {
            self.vms.entry(replica).or_default().test = None;
        }
        if let Some(vm) = call.vm().filter(|_| !only_reads(operation)) {
            self.went_on(vm, &made);
            self.left_open(vm, &made, outcome, passing);
        }
        if let Ok(Outcome::Started(job)) = outcome {
            let begun = Begun {
                made,
                watched: false,
                polled: None,
                ended: None,
                looks_after_end: 0,
                called_off: false,
            };
            self.jobs.insert(*job, begun);
        }
    }

    /// What a call says of those before it about the same virtual machine.
    fn went_on(&mut self, vm: VmId, made: &Made) {
        let operation = made.call.operation();
        if !takes_back(operation) {
            let of_vm = |it: &&mut Begun| it.made.call.vm() == Some(vm) && !it.watched;
            let unwatched: Vec<_> = self.jobs.values_mut().filter(of_vm).collect();
            let mut found = Vec::new();
            for job in unwatched {
                // It is told once.
                job.watched = true;
                found.push(finding(Lint::UnwatchedJob, &job.made));
            }
            self.found.append(&mut found);
        }
        let open = self.vms.entry(vm).or_default();
        let mut found = Vec::new();
        if let Some((end, before)) = open.ended.take() {
            let same = before.call == made.call;
            match end {
                End::WithWarnings if same || takes_back(operation) => {
                    found.push(Lint::WarningTakenForFailure);
                }
                End::Badly if !same && goes_forward(operation) => found.push(Lint::IgnoredFailure),
                _ => {}
            }
        }
        if open.unanswered.take().is_some_and(|it| it.call == made.call && it.host == made.host) {
            found.push(Lint::BlindRepeat);
        }
        open.passing.take_if(|it| it.call == made.call || takes_back(operation));
        for lint in found {
            self.find(lint, made);
        }
    }

    /// What a call leaves to be done.
    fn left_open(&mut self, vm: VmId, made: &Made, outcome: &Result<Outcome>, passing: bool) {
        let open = self.vms.entry(vm).or_default();
        let lost = matches!(outcome, Err(Error::Transport { .. } | Error::Malformed { .. }));
        if lost {
            open.unanswered = Some(made.clone());
        } else if outcome.is_err() && passing {
            open.passing = Some(made.clone());
        }
        if is_test_of(made, vm) && (lost || outcome.is_ok()) {
            open.test = Some((made.clone(), false));
        }
    }
}

fn finding(lint: Lint, made: &Made) -> (usize, Finding) {
    let Made { number, host, at, call } = made;
    let vm = call.vm();
    (*number, Finding { lint, host: host.to_string(), at: *at, call: call.clone(), vm })
}

/// Whether a call asks for a test replica of this virtual machine.
fn is_test_of(made: &Made, vm: VmId) -> bool {
    made.call.operation() == Operation::TestReplicaSystem && made.call.vm() == Some(vm)
}

fn end_of(state: JobState) -> Option<End> {
    match state {
        JobState::CompletedWithWarnings => Some(End::WithWarnings),
        state if state.is_success() => Some(End::Well),
        state if state.is_terminal() => Some(End::Badly),
        _ => None,
    }
}

/// What the service below says of a call that is about to be made.
pub(super) fn scene(service: &impl ReplicationService, call: &Call) -> Scene {
    let mut scene = Scene::default();
    match call.parts().0 {
        Call::RequestStateChange { vm, .. } if call.operation() == Operation::StartVm => {
            let is_replica = service.vm(*vm).is_ok_and(|it| {
                matches!(it.mode, ReplicationMode::Replica | ReplicationMode::ExtendedReplica)
            });
            scene.starts_replica = is_replica
                && service.relationship(RelationshipId::primary(*vm)).is_ok_and(|it| {
                    use ReplicationState::{Committed, Recovered};
                    !matches!(it.state, Recovered | Committed)
                });
        }
        Call::DestroySystem { vm } => {
            let vms = service.vms().unwrap_or_default();
            scene.test_of = vms.iter().find(|it| it.test_replica == Some(*vm)).map(|it| it.id);
        }
        call if names_no_relationship(call) => {
            let old = |build| build == WindowsBuild::Server2012;
            scene.has_ex = service.host().is_ok_and(|it| !old(it.build));
        }
        _ => {}
    }
    scene
}

/// Whether a call was refused with what passes by itself: 32774, or 32775 while a job has the
/// virtual machine.
pub(super) fn passing(
    service: &impl ReplicationService,
    call: &Call,
    outcome: &Result<Outcome>,
) -> bool {
    let Err(Error::Refused(refusal)) = outcome else { return false };
    match refusal.code {
        ErrorCode::InUse => true,
        ErrorCode::InvalidState => service.jobs().is_ok_and(|jobs| {
            let mut running = jobs.iter().filter(|it| !it.state.is_terminal());
            call.vm().is_some_and(|vm| running.any(|it| it.affected.contains(&vm)))
        }),
        _ => false,
    }
}

fn names_no_relationship(call: &Call) -> bool {
    matches!(
        call.parts().0,
        Call::RemoveReplicationRelationship { relationship: None, .. }
            | Call::GetReplicationStatistics { relationship: None, .. }
            | Call::ResetReplicationStatistics { relationship: None, .. }
            | Call::RequestReplicationStateChange { relationship: None, .. }
    )
}

fn is_unknown(operation: Operation) -> bool {
    use Operation as O;
    matches!(operation, O::RequestUndocumentedState | O::RequestUndocumentedPower)
}

fn only_reads(operation: Operation) -> bool {
    use Operation as O;
    matches!(operation, O::GetReplicationStatistics | O::GetError | O::GetErrorEx)
}

/// What ends, halts or undoes what runs, and so may come at any time.
fn takes_back(operation: Operation) -> bool {
    use Operation as O;
    matches!(
        operation,
        O::RevertFailover
            | O::CancelInitialReplication
            | O::CancelResynchronization
            | O::SuspendReplication
            | O::RemoveReplicationRelationship
            | O::DestroySystem
            | O::TurnOffVm
    )
}

/// What builds on the step before it.
fn goes_forward(operation: Operation) -> bool {
    use Operation as O;
    matches!(
        operation,
        O::StartReplication
            | O::ImportInitialReplica
            | O::PrepareFailover
            | O::InitiateFailover
            | O::CommitFailover
            | O::ReverseReplicationRelationship
            | O::ChangeReplicationModeToPrimary
            | O::TestReplicaSystem
    )
}
