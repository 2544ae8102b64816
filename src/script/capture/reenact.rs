//! Re-enacting a plan: each input is made in a world, and written down with its answer.

use super::super::ast::{Expected, Line, Statement};
use super::super::runner::Runner;
use super::super::text::Word;
use super::plan::{LegPlan, Plan, Side};
use crate::engine::{Caller, Disturbance, Input, VmTrouble, World};
use crate::model::time::{hours, minutes};
use crate::model::{
    Call, EnabledState, HostId, InitialReplication, InitialReplicationType, Leg, RelationshipId,
    ReplicationState, RequestedReplicationState, RequestedState, Settings, SimTime, VmId,
    WindowsBuild,
};
use std::time::Duration;

/// Longer than any interval: within it, what is wrong with a relationship is noticed.
const NOTICED: Duration = minutes(16);
/// Initial replication and the first cycle take less.
const FILLED: Duration = minutes(20);

/// Time that passes in pieces, in one: it makes no difference.
fn in_one(lines: Vec<Line>) -> Vec<Line> {
    let mut folded: Vec<Line> = Vec::with_capacity(lines.len());
    for line in lines {
        match (folded.last_mut().and_then(|it| it.statement.as_mut()), &line.statement) {
            (Some(Statement::Advance(all)), Some(Statement::Advance(by))) => *all += *by,
            _ => folded.push(line),
        }
    }
    folded
}

pub(super) struct Reenactment {
    runner: Runner,
    pub(super) lines: Vec<Line>,
}

impl Reenactment {
    pub(super) fn of(plan: &Plan) -> Self {
        let mut it = Self { runner: Runner::new(World::new(0)), lines: Vec::new() };
        for host in &plan.hosts {
            it.input(&Input::AddHost(host.clone()));
        }
        for (host, vm) in &plan.vms {
            if let Some(host) = it.host(host) {
                it.input(&Input::AddVm { host, vm: vm.clone() });
            }
        }
        for (host, vm) in &plan.waiting {
            let waiting = RequestedReplicationState::WaitingForInitialReplication;
            it.request(host, RelationshipId::primary(*vm), waiting);
        }
        // A replica is extended once it replicates.
        for leg in plan.legs.iter().filter(|it| it.leg == Leg::Primary) {
            it.create(leg);
        }
        it.fill(plan);
        it.break_down(plan);
        for leg in &plan.legs {
            it.pause(leg);
        }
        for leg in &plan.legs {
            it.fail_over(leg);
        }
        for leg in &plan.legs {
            it.part(leg);
        }
        it.finish(plan);
        it.lines = in_one(it.lines);
        it
    }

    pub(super) fn world(&self) -> World {
        self.runner.world().clone()
    }

    fn host(&self, name: &str) -> Option<HostId> {
        self.runner.world().host_named(name)
    }

    fn input(&mut self, input: &Input) -> Option<Expected> {
        let line = self.runner.record(input);
        let answer = line.answer.as_ref().map(|it| it.expected.clone());
        self.lines.push(line);
        answer
    }

    /// Calls a host, and waits for the job.
    fn call(&mut self, host: &str, call: Call) {
        let Some(host) = self.host(host) else { return };
        let answer = self.input(&Input::Call { host, caller: Caller::Administrator, call });
        if let Some(Expected::Started(Some(job))) = answer {
            let line = Line::from(Statement::Wait { job: Word::bare(job) });
            self.runner.step(0, &line);
            self.lines.push(line);
        }
    }

    fn request(&mut self, host: &str, id: RelationshipId, requested: RequestedReplicationState) {
        let requested = requested.to_wire();
        let relationship = self.named(host, id);
        self.call(host, Call::RequestReplicationStateChange { vm: id.vm, relationship, requested });
    }

    /// How a call names a relationship: not at all, where Windows has no name for it.
    fn named(&self, host: &str, id: RelationshipId) -> Option<RelationshipId> {
        let host = self.host(host).and_then(|it| self.runner.world().host_view(it));
        let has_names = host.is_some_and(|it| it.build > WindowsBuild::Server2012);
        Some(id).filter(|_| has_names)
    }

    fn power(&mut self, host: &str, vm: VmId, requested: RequestedState) {
        self.call(host, Call::RequestStateChange { vm, requested: requested.to_wire() });
    }

    fn pass(&mut self, time: Duration) {
        self.input(&Input::Advance(time));
    }

    fn disturb(&mut self, what: Disturbance) {
        self.input(&Input::Disturb(what));
    }

    fn create(&mut self, leg: &LegPlan) {
        let settings = Settings {
            // The service fills these in.
            recovery_host: String::new(),
            primary_connection_point: String::new(),
            primary_host: String::new(),
            ..leg.settings.clone()
        };
        let settings = Box::new(settings);
        self.call(&leg.from, Call::CreateReplicationRelationship { vm: leg.vm, settings });
    }

    fn start(&mut self, leg: &LegPlan) {
        let initial = match leg.sender {
            ReplicationState::Disabled | ReplicationState::Ready => return,
            // How far copying was is not told. An export waits to be imported, as long as it takes.
            ReplicationState::WaitingForInitialReplication => {
                self.call(
                    &leg.from,
                    Call::StartReplication {
                        vm: leg.vm,
                        initial: InitialReplicationType::Export.to_wire(),
                        export_location: Some(r"E:\Export".to_owned()),
                        start: None,
                    },
                );
                return;
            }
            _ => InitialReplication::Network,
        };
        self.call(&leg.from, initial.into_call(leg.vm));
    }

    /// Starts initial replication, each so many hours before the end as the replica has recovery
    /// points: the first log of each hour makes one.
    fn fill(&mut self, plan: &Plan) {
        let needed: Vec<_> = plan.legs.iter().map(|it| plan.hours_of(it)).collect();
        let all = needed.iter().copied().max().unwrap_or(0);
        let chained = plan.legs.iter().any(|it| it.leg == Leg::Extended);
        let due = |leg, hour| {
            let of_leg = plan.legs.iter().zip(&needed);
            of_leg.filter(move |(it, needed)| it.leg == leg && **needed == all - hour)
        };
        for hour in 0..all {
            if hour > 0 {
                let next = SimTime::ZERO + hours(u64::try_from(hour).unwrap_or(u64::MAX));
                let now = self.runner.world().now();
                self.pass(next.since(now));
            }
            due(Leg::Primary, hour).for_each(|(leg, _)| self.start(leg));
            self.pass(FILLED);
            for (leg, _) in due(Leg::Extended, hour) {
                self.create(leg);
                self.start(leg);
            }
            if chained {
                self.pass(FILLED);
            }
        }
    }

    /// What is wrong in the end becomes wrong, and is noticed.
    fn break_down(&mut self, plan: &Plan) {
        use ReplicationState::{
            Critical, ResynchronizationSuspended, Resynchronizing, WaitingForResynchronization,
        };
        let mut broken = Vec::new();
        for leg in &plan.legs {
            let (from, to) = (self.host(&leg.from), self.host(&leg.to));
            let resync = [WaitingForResynchronization, Resynchronizing, ResynchronizationSuspended];
            if let Some(from) = from.filter(|_| resync.contains(&leg.sender)) {
                self.disturb(Disturbance::CorruptLog(from, leg.vm));
                broken.push(None);
            }
            // The receiving end first: then both are in error.
            let ends = [(to, leg.receiver), (from, leg.sender)];
            if let Some((Some(host), _)) = ends.into_iter().find(|(_, state)| *state == Critical) {
                self.disturb(Disturbance::TroubleVm(host, leg.vm, VmTrouble::DiskMissing));
                broken.push(Some((host, leg.vm)));
            }
        }
        if broken.is_empty() {
            return;
        }
        self.pass(NOTICED);
        for (host, vm) in broken.into_iter().flatten() {
            self.disturb(Disturbance::RelieveVm(host, vm, VmTrouble::DiskMissing));
        }
    }

    fn pause(&mut self, leg: &LegPlan) {
        let suspended = ReplicationState::Suspended;
        if leg.sender == suspended {
            let id = RelationshipId { vm: leg.vm, leg: leg.leg };
            self.request(&leg.from, id, RequestedReplicationState::Suspended);
        }
        if leg.receiver == suspended && leg.receiving == Side::Stays {
            let id = RelationshipId::primary(leg.vm);
            self.request(&leg.to, id, RequestedReplicationState::Suspended);
        }
    }

    fn fail_over(&mut self, leg: &LegPlan) {
        use ReplicationState::{
            Committed, FailbackComplete, FailbackInProgress, Recovered, Synced,
        };
        let vm = leg.vm;
        let planned = leg.sender == Synced;
        if planned {
            let id = RelationshipId { vm, leg: leg.leg };
            self.request(&leg.from, id, RequestedReplicationState::Synced);
        }
        let failed_over = [Recovered, Committed, FailbackInProgress, FailbackComplete];
        if leg.receiving != Side::Stays || !failed_over.contains(&leg.receiver) {
            return;
        }
        // Of an unplanned one, the primary learns nothing.
        let hosts = (self.host(&leg.from), self.host(&leg.to));
        let link = match hosts {
            (Some(from), Some(to)) if !planned => Some((from, to)),
            _ => None,
        };
        if let Some((from, to)) = link {
            self.disturb(Disturbance::CutLink(from, to));
        }
        self.call(&leg.to, Call::InitiateFailover { vm, point: None });
        if leg.receiver == Committed {
            self.call(&leg.to, Call::CommitFailover { vm });
        }
        if let Some((from, to)) = link {
            self.disturb(Disturbance::HealLink(from, to));
        }
    }

    /// One side is no more in the relationship.
    fn part(&mut self, leg: &LegPlan) {
        let sides = [
            (&leg.from, leg.sending, RelationshipId { vm: leg.vm, leg: leg.leg }),
            (&leg.to, leg.receiving, RelationshipId::primary(leg.vm)),
        ];
        for (host, side, id) in sides {
            if side == Side::Stays {
                continue;
            }
            let (vm, relationship) = (leg.vm, self.named(host, id));
            self.call(host, Call::RemoveReplicationRelationship { vm, relationship });
            if side == Side::Gone
                && let Some(host) = self.host(host)
            {
                self.disturb(Disturbance::DeleteVm(host, vm));
            }
        }
    }

    /// Networks, power, test replicas.
    fn finish(&mut self, plan: &Plan) {
        for end in &plan.ends {
            if !end.network.is_empty() {
                let (vm, settings) = (end.vm, end.network.clone());
                let call = Call::SetFailoverNetworkAdapterSettings { vm, settings };
                self.call(&end.host, call);
            }
            self.come_to(&end.host, end.vm, end.power);
            let Some(power) = end.test_replica else { continue };
            self.call(&end.host, Call::TestReplicaSystem { vm: end.vm, point: None });
            let host = self.host(&end.host);
            let test = host.and_then(|it| self.runner.world().vm(it, end.vm)?.test_replica);
            if let Some(test) = test {
                self.come_to(&end.host, test, power);
            }
        }
    }

    fn come_to(&mut self, host: &str, vm: VmId, power: EnabledState) {
        use EnabledState::{Disabled, Enabled, Offline, Quiesce};
        let Some(there) = self.host(host).and_then(|it| self.runner.world().vm(it, vm)) else {
            return;
        };
        if there.power == power {
            return;
        }
        match (there.power, power) {
            (Disabled, Enabled) => self.power(host, vm, RequestedState::Enabled),
            (_, Disabled) => self.power(host, vm, RequestedState::Disabled),
            (Enabled, Offline) => self.power(host, vm, RequestedState::Offline),
            (Enabled, Quiesce) => self.power(host, vm, RequestedState::Quiesce),
            (Disabled, Offline | Quiesce) => {
                self.power(host, vm, RequestedState::Enabled);
                if self
                    .runner
                    .world()
                    .vm(self.host(host).unwrap_or(HostId(0)), vm)
                    .is_some_and(|it| it.power == Enabled)
                {
                    self.come_to(host, vm, power);
                }
            }
            _ => {}
        }
    }
}
