//! What a linter remembers of a client, and what it makes of it.

use super::ask::Read;
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
    /// When this was last looked at instead, and how often in a row without a pause.
    looks: BTreeMap<(Arc<str>, Read), (SimTime, u32)>,
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
    /// The test replica that the client made, or may have made.
    test: Option<Test>,
}

/// A test replica that a client made.
struct Test {
    made: Made,
    /// The job that makes it; none if no answer came.
    job: Option<JobId>,
    /// Its GUID, as soon as it was seen.
    id: Option<VmId>,
    /// The job that deletes it.
    deleting: Option<JobId>,
    /// Whether it is there, as far as the client knows.
    is_there: bool,
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
            let left = open.test.iter().filter(|it| it.is_there);
            found.extend(left.map(|it| finding(Lint::LeftTestReplica, &it.made)));
        }
        found.sort_by_key(|(number, it)| (*number, it.lint));
        found.into_iter().map(|(_, it)| it).collect()
    }

    fn find(&mut self, lint: Lint, made: &Made) {
        self.found.push(finding(lint, made));
    }

    /// Once for each job is enough.
    fn find_once(&mut self, lint: Lint, made: &Made) {
        if !self.found.iter().any(|it| it.0 == made.number && it.1.lint == lint) {
            self.find(lint, made);
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

    /// Whether the client waits for a job of this virtual machine, or of any.
    pub(super) fn waits_for(&self, vm: Option<VmId>) -> bool {
        let about = |it: &Begun| vm.is_none() || it.made.call.vm() == vm;
        self.jobs.values().any(|it| it.ended.is_none() && about(it))
    }

    /// The client looked at this host at what a job is about, or at all jobs, instead of at the job.
    /// Whoever does so on and on without a pause polls.
    pub(super) fn looked_instead(
        &mut self,
        host: &Arc<str>,
        at: SimTime,
        read: Read,
        vm: Option<VmId>,
    ) {
        let Tolerance { shortest_poll, hasty_looks, .. } = self.tolerance;
        let about = |it: &&mut Begun| vm.is_none() || it.made.call.vm() == vm;
        let mut found = Vec::new();
        for begun in self.jobs.values_mut().filter(|it| it.ended.is_none()).filter(about) {
            let (last, hasty) = begun.looks.entry((Arc::clone(host), read)).or_insert((at, 0));
            *hasty = if at.since(*last) < shortest_poll { *hasty + 1 } else { 0 };
            *last = at;
            // The first look counts as one without a pause.
            if *hasty == hasty_looks.saturating_add(1) {
                found.push(begun.made.clone());
            }
        }
        for made in found {
            self.find_once(Lint::HastyPoll, &made);
        }
    }

    /// The client saw this virtual machine on this host.
    pub(super) fn saw_vm(&mut self, host: &str, vm: &Vm) {
        let Self { vms, jobs, .. } = self;
        let Some(test) = vms.get_mut(&vm.id).and_then(|it| it.test.as_mut()) else { return };
        let ended = |id| jobs.get(&id).is_none_or(|it| it.ended.is_some());
        if !test.made.host.eq_ignore_ascii_case(host) {
            return;
        }
        match vm.test_replica {
            Some(id) => (test.id, test.is_there) = (Some(id), test.deleting.is_none()),
            // Before its job has ended there is none yet.
            None if test.job.is_none_or(ended) => test.is_there = false,
            None => {}
        }
    }

    /// The client saw a job in the list of all.
    pub(super) fn saw_in_list(&mut self, at: SimTime, job: &Job) {
        let Some(begun) = self.jobs.get_mut(&job.id) else { return };
        begun.watched = true;
        if begun.ended.is_some() {
            return;
        }
        let (first, _) = *begun.polled.get_or_insert((at, at));
        if at.since(first) > self.tolerance.longest_wait {
            let made = begun.made.clone();
            self.find_once(Lint::EndlessPoll, &made);
        }
        self.see_end(job.id, end_of(job.state));
    }

    /// The client looked at a job.
    pub(super) fn polled(&mut self, at: SimTime, id: JobId, job: &Result<Job>) {
        let Tolerance { shortest_poll, longest_wait, looks_after_end, .. } = self.tolerance;
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
        if let Some(lint) = found {
            self.find_once(lint, &made);
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
        for test in self.vms.values_mut().filter_map(|it| it.test.as_mut()) {
            if end == End::Badly && test.job == Some(id) {
                test.is_there = false;
            }
            if end == End::Badly && test.deleting == Some(id) {
                (test.deleting, test.is_there) = (None, true);
            }
        }
        if let Some(vm) = made.call.vm() {
            let open = self.vms.entry(vm).or_default();
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
        if let Call::DestroySystem { vm } = call.parts().0 {
            self.destroyed(*vm, scene.test_of, outcome);
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
                looks: BTreeMap::new(),
                ended: None,
                looks_after_end: 0,
                called_off: false,
            };
            self.jobs.insert(*job, begun);
        }
    }

    /// The client deleted a virtual machine, perhaps a test replica.
    fn destroyed(&mut self, vm: VmId, of: Option<VmId>, outcome: &Result<Outcome>) {
        let known = |(id, open): &(&VmId, &mut Open)| {
            of == Some(**id) || open.test.as_ref().is_some_and(|it| it.id == Some(vm))
        };
        let Some((_, open)) = self.vms.iter_mut().find(known) else { return };
        let Some(test) = &mut open.test else { return };
        test.id = Some(vm);
        match outcome {
            Ok(outcome) => (test.deleting, test.is_there) = (outcome.job(), false),
            // Somebody else was faster, or the answer to the first try was lost.
            Err(error) if is_gone(error) => test.is_there = false,
            Err(_) => {}
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
        let tests = made.call.operation() == Operation::TestReplicaSystem;
        let test = |job| Test { made: made.clone(), job, id: None, deleting: None, is_there: true };
        match outcome {
            Err(Error::Transport { .. } | Error::Malformed { .. }) => {
                open.unanswered = Some(made.clone());
                // It may be there; whoever looks will see.
                if tests {
                    open.test.get_or_insert_with(|| test(None));
                }
            }
            Err(_) if passing => open.passing = Some(made.clone()),
            Ok(outcome) if tests => open.test = Some(test(outcome.job())),
            _ => {}
        }
    }
}

fn finding(lint: Lint, made: &Made) -> (usize, Finding) {
    let Made { number, host, at, call } = made;
    let vm = call.vm();
    (*number, Finding { lint, host: host.to_string(), at: *at, call: call.clone(), vm })
}

/// Whether a refusal says that there is no such virtual machine.
fn is_gone(error: &Error) -> bool {
    matches!(error, Error::NotFound(Missing::Vm(_)))
        || matches!(error, Error::Refused(it) if it.code == ErrorCode::NotAvailable)
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
        Call::RequestReplicationStateChange { relationship: None, .. }
            | Call::RemoveReplicationRelationship { relationship: None, .. }
            | Call::GetReplicationStatistics { relationship: None, .. }
            | Call::ResetReplicationStatistics { relationship: None, .. }
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
