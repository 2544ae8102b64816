//! A call before the rule book: the finite situation it meets.

mod server;

use super::World;
use super::host::HostState;
use super::input::Caller;
use super::input::HostTrouble;
use super::job::JobRecord;
use super::receiver::Receiver;
use super::sender::{Sender, Sending};
use super::vm::{Role, VmState};
use super::vms::Hint;
use crate::error::{Found, Refusal, Why};
use crate::model::{
    AuthenticationType, Call, CertificateFault, FailoverNetworkAdapterSettings, Flaw, HostId,
    InitialReplicationType, JobState, Leg, Power, RelationshipId, ReplicationMode,
    ReplicationState, RequestedJobState, RequestedState, Settings, SimTime,
};
use crate::rules::constants::SCHEDULE_HORIZON;
use crate::rules::{Check, Fact, Facts, Plan, Require, Situation, Target, rule};

/// A call with everything that facts are computed from.
pub(super) struct Hearing<'a> {
    world: &'a World,
    host_id: HostId,
    host: &'a HostState,
    caller: Caller,
    call: &'a Call,
    flaw: Option<Flaw>,
    vm: Option<&'a VmState>,
    /// The addressed relationship.
    pub(super) leg: Leg,
}

impl World {
    /// Whether the rule book accepts a call now. The call is not made.
    ///
    /// ```
    /// use hyperv_replica::engine::{Caller, World};
    /// use hyperv_replica::model::{Call, Guid, HostId, VmId};
    ///
    /// let call = Call::CommitFailover { vm: VmId(Guid(1)) };
    /// assert!(!World::new(0).accepts(HostId(0), Caller::Administrator, &call));
    /// ```
    pub fn accepts(&self, host: HostId, caller: Caller, call: &Call) -> bool {
        let judged = |it| self.judge(host, it, caller, call).is_ok();
        let job = match call.parts().0 {
            Call::RequestJobStateChange { job, .. }
            | Call::GetError { job }
            | Call::GetErrorEx { job } => Some(job),
            _ => None,
        };
        let there = |it: &&HostState| it.up && job.is_none_or(|job| it.jobs.contains_key(job));
        self.host(host).filter(there).is_some_and(judged)
    }

    /// What the rule book says to a call, and where the virtual machine is that it is about.
    pub(super) fn judge(
        &self,
        host_id: HostId,
        host: &HostState,
        caller: Caller,
        call: &Call,
    ) -> Result<(Leg, Option<&'static Plan>, Hint), Refusal> {
        let (hearing, hint) = self.hear(host_id, host, caller, call);
        let mut situation = hearing.situation();
        match rule(call.operation()).judge_by(|check| hearing.passes(check, &mut situation)) {
            Ok(plan) => Ok((hearing.leg, plan, hint)),
            Err(unmet) => Err(hearing.refusal(&situation, unmet)),
        }
    }

    /// The plan of the job that a call would begin, whether it may or not.
    pub(super) fn plan_of(
        &self,
        host_id: HostId,
        caller: Caller,
        call: &Call,
    ) -> Option<&'static Plan> {
        let (hearing, _) = self.hear(host_id, self.host(host_id)?, caller, call);
        let mut situation = hearing.situation();
        rule(call.operation()).plan_by(|check| hearing.passes(check, &mut situation))
    }

    #[inline]
    fn hear<'a>(
        &'a self,
        host_id: HostId,
        host: &'a HostState,
        caller: Caller,
        call: &'a Call,
    ) -> (Hearing<'a>, Hint) {
        let (call, flaw) = call.parts();
        let found = call.vm().and_then(|id| host.vms.find(id));
        let (hint, vm) = found.map_or((Hint::default(), None), |(hint, vm)| (hint, Some(vm)));
        let leg = match rule(call.operation()).target {
            Target::Sending => vm.map_or(Leg::Primary, VmState::sending_leg),
            Target::FailingOver => vm.map_or(Leg::Primary, VmState::failing_over_leg),
            Target::Named => call.relationship().map_or(Leg::Primary, |id| id.leg),
            _ => Leg::Primary,
        };
        (Hearing { world: self, host_id, host, caller, call, flaw, vm, leg }, hint)
    }
}

impl Hearing<'_> {
    /// What guards look at, but for the facts that none has asked for yet.
    fn situation(&self) -> Situation {
        let sends = self.vm.is_some_and(|vm| vm.sender(self.leg).is_some());
        Situation {
            mode: self.vm.map_or(ReplicationMode::None, VmState::mode),
            state: self.vm.map_or(ReplicationState::Disabled, |vm| vm.state(self.leg)),
            power: self.vm.map_or(Power::Off, |vm| vm.power.power()),
            build: self.host.build,
            facts: Facts::NONE.with(Fact::Sends, sends),
        }
    }

    /// Whether a guard is satisfied; what it asks for is found out now.
    #[inline]
    fn passes(&self, check: Check, situation: &mut Situation) -> bool {
        if let Some(fact) = check.fact() {
            situation.facts = situation.facts.with(fact, self.holds(fact));
        }
        check.passes(situation)
    }

    fn refusal(&self, situation: &Situation, unmet: &'static Require) -> Refusal {
        let found = self.vm.map(|_| Found {
            mode: situation.mode,
            state: situation.state,
            power: situation.power,
        });
        let detail = match unmet.check {
            Check::Holds(Fact::SettingsValid) => {
                self.settings().and_then(|it| it.out_of_range(self.host.build))
            }
            Check::Holds(Fact::SettingsComplete) => self.settings().and_then(Settings::incomplete),
            Check::Holds(Fact::CertificateSuitable) => {
                self.certificate_fault().map(CertificateFault::says)
            }
            _ => None,
        };
        let operation = self.call.operation();
        Refusal { operation, code: unmet.otherwise, why: Why::Rule(unmet, detail), found }
    }

    fn settings(&self) -> Option<&Settings> {
        match self.call {
            Call::CreateReplicationRelationship { settings, .. }
            | Call::ModifyReplicationSettings { settings, .. }
            | Call::InitiateFailback { settings, .. } => Some(settings),
            Call::ReverseReplicationRelationship { settings, .. } => settings.as_deref(),
            _ => None,
        }
    }

    fn holds(&self, fact: Fact) -> bool {
        match fact {
            Fact::CallerIsAdministrator => self.caller == Caller::Administrator,
            Fact::ServiceAnswers => !self.host.troubles.has(HostTrouble::ServiceHangs),
            Fact::MemoryLeft => !self.host.troubles.has(HostTrouble::MemoryLow),
            Fact::VmKnown => self.vm.is_some(),
            Fact::ParametersGiven => self.flaw != Some(Flaw::Null),
            Fact::ParametersOfClass => self.flaw != Some(Flaw::WrongClass),
            Fact::StorageLeft => !self.host.troubles.has(HostTrouble::StorageFull),
            Fact::JobCancellable => self.job().is_some_and(JobRecord::may_end),
            Fact::JobEndRequested => self.asks_job_to_end(),
            Fact::ServerEdition
            | Fact::OwnServer
            | Fact::ServerUnlocked
            | Fact::ServerSettingsValid
            | Fact::MonitoringIntervalKnown
            | Fact::CertificateSuitable
            | Fact::PortsFree => self.holds_of_host(fact),
            Fact::EntryValid
            | Fact::EntryNew
            | Fact::EntryKnown
            | Fact::WildcardAlone
            | Fact::LocationExists
            | Fact::LocationOpens => self.holds_of_entries(fact),
            Fact::RelationshipNamed => self.call.relationship().is_some(),
            Fact::SettingsValid
            | Fact::SettingsComplete
            | Fact::DisksKnown
            | Fact::OtherHost
            | Fact::FitsChain
            | Fact::ProviderKnown
            | Fact::DisksFree
            | Fact::DiskSetChanges => {
                self.settings().is_none_or(|settings| self.holds_of_settings(fact, settings))
            }
            Fact::InitialTypeKnown
            | Fact::IsExport
            | Fact::IsSeeded
            | Fact::LocationGiven
            | Fact::ExportFound
            | Fact::StartTimeInRange
            | Fact::RequestedStateKnown
            | Fact::PowerOffered
            | Fact::AuthenticationValid
            | Fact::NetworkValid => self.holds_of_parameters(fact),
            Fact::PortValid => match self.call {
                Call::TestReplicationConnection { port, .. } => *port != 0,
                _ => self.settings().is_none_or(Settings::has_port),
            },
            Fact::AdaptersTakeSettings => self.vm.is_some_and(|vm| self.adapters_take_settings(vm)),
            Fact::Unlocked => match self.job() {
                Some(job) => !self.world.is_held(self.host_id, job),
                None => self.vm.is_some_and(|vm| self.is_unlocked(vm)),
            },
            Fact::RelationshipKnown
            | Fact::RelationshipIsPrimary
            | Fact::RelationshipIsExtended
            | Fact::Sends
            | Fact::HasReplicated
            | Fact::InitialIncomplete
            | Fact::PointKnown
            | Fact::NoTestReplica
            | Fact::SourceComplete
            | Fact::SeedThere
            | Fact::NotExtended
            | Fact::ProviderLetsGo
            | Fact::Extended
            | Fact::NotMerging
            | Fact::Extends
            | Fact::ExternalProvider => self.vm.is_some_and(|vm| self.holds_of_vm(fact, vm)),
        }
    }

    fn holds_of_vm(&self, fact: Fact, vm: &VmState) -> bool {
        let sender = vm.sender(self.leg);
        let extended = matches!(&vm.role, Role::Replica { onward: Some(_), .. });
        match fact {
            Fact::RelationshipKnown => {
                let known = |id: RelationshipId| {
                    Some(id.vm) == self.call.vm() && self.host.shows(vm, id.leg)
                };
                self.call.relationship().is_none_or(known)
            }
            Fact::RelationshipIsPrimary => self.leg == Leg::Primary,
            Fact::RelationshipIsExtended => {
                self.call.relationship().is_some_and(|id| id.leg == Leg::Extended)
            }
            Fact::HasReplicated => match sender {
                Some(sender) => sender.last_sent.is_some(),
                None => vm.receiver().is_some_and(Receiver::is_complete),
            },
            Fact::InitialIncomplete => sender.is_some_and(|it| it.last_sent.is_none()),
            Fact::PointKnown => self.point_is_known(vm),
            Fact::NoTestReplica => vm.tester.is_none(),
            Fact::SourceComplete => vm.receiver().is_none_or(Receiver::is_complete),
            Fact::SeedThere => {
                !is_initial(self.call, InitialReplicationType::Seeded)
                    || sender.is_some_and(|it| it.seeded)
            }
            Fact::NotExtended => self.leg == Leg::Extended || !extended,
            Fact::ProviderLetsGo => {
                let keeps = |it: &Sender| self.is_provided(&it.settings);
                self.leg == Leg::Primary || !sender.is_some_and(keeps)
            }
            Fact::Extended => extended,
            Fact::NotMerging => sender.is_none_or(|it| !self.world.is_merging(it)),
            Fact::Sends => sender.is_some(),
            Fact::Extends => matches!(vm.role, Role::Replica { .. }),
            Fact::ExternalProvider => {
                vm.receiver().is_some_and(|it| self.is_provided(&it.settings))
            }
            _ => false,
        }
    }

    /// Whether an external provider that is installed replicates.
    fn is_provided(&self, settings: &Settings) -> bool {
        settings.is_external() && self.host.has_provider(settings.provider)
    }

    /// No exclusive operation, except that a failover and the preparation of one may be reverted
    /// while they are at work; and on the data path no job that is being taken back nor, for an
    /// operation that needs the path, any at all.
    fn is_unlocked(&self, vm: &VmState) -> bool {
        use ReplicationState::{FailoverInProgress, Synced};
        let shown = vm.lock.and_then(|it| it.shows).map(|(_, state)| state);
        let reverts = matches!(self.call, Call::RevertFailover { .. })
            && matches!(shown, Some(FailoverInProgress | Synced));
        let needs_path =
            matches!(self.call, Call::StartReplication { .. } | Call::Resynchronize { .. });
        let path_is_free = || {
            vm.sender(self.leg)
                .is_none_or(|it| it.transfer.is_none() || it.phase == Sending::ResyncSuspended)
        };
        let takes_back = || {
            let job = vm.sender(vm.sending_leg()).and_then(|it| self.world.record(it.transfer?));
            job.is_some_and(|it| it.state == JobState::ShuttingDown)
        };
        let applies = || vm.receiver().is_some_and(|it| it.is_applying(self.world.now));
        let held = vm.troubles.hold();
        (vm.lock.is_none() || reverts)
            && !held
            && !applies()
            && !takes_back()
            && (!needs_path || path_is_free())
    }

    fn point_is_known(&self, vm: &VmState) -> bool {
        let (Call::InitiateFailover { point, .. } | Call::TestReplicaSystem { point, .. }) =
            self.call
        else {
            return true;
        };
        point.is_none_or(|id| {
            let now = self.world.now;
            vm.receiver().is_some_and(|it| it.listed(now).iter().any(|point| point.id == id))
        })
    }

    fn adapters_take_settings(&self, vm: &VmState) -> bool {
        let Call::SetFailoverNetworkAdapterSettings { settings, .. } = self.call else {
            return false;
        };
        let once = |i: usize| settings[..i].iter().all(|it| it.adapter != settings[i].adapter);
        settings.iter().all(|it| vm.network.takes_settings(it.adapter))
            && (0..settings.len()).all(once)
    }

    fn holds_of_settings(&self, fact: Fact, settings: &Settings) -> bool {
        let current = self.vm.and_then(|vm| vm.sender(self.leg));
        match fact {
            Fact::SettingsValid => settings.out_of_range(self.host.build).is_none(),
            Fact::SettingsComplete => settings.incomplete().is_none(),
            Fact::ProviderKnown => self.host.has_provider(settings.provider),
            Fact::OtherHost => {
                let is_own =
                    settings.recovery_connection_point.eq_ignore_ascii_case(&self.host.name);
                // What does not exist cannot be modified, whatever it is to be.
                let modifies = matches!(self.call, Call::ModifyReplicationSettings { .. });
                !is_own || modifies && current.is_none()
            }
            Fact::DisksKnown => self.vm.is_none_or(|vm| disks_are_known(vm, settings)),
            Fact::FitsChain => self.vm.is_none_or(|vm| fits_chain(vm, settings)),
            Fact::DiskSetChanges => self.changes_disks(settings),
            Fact::DisksFree => {
                let is_free = |it: &Sender| {
                    let (is, all_to_come) = (it.phase, [Sending::Ready, Sending::NeedsResync]);
                    is == Sending::Replicating || all_to_come.contains(&is)
                };
                !self.changes_disks(settings) || current.is_none_or(is_free)
            }
            _ => false,
        }
    }

    /// Whether the settings include other disks than those of the relationship, however either
    /// writes it down.
    fn changes_disks(&self, settings: &Settings) -> bool {
        self.vm.is_some_and(|vm| {
            let current = vm.sender(self.leg).map(|it| &it.settings);
            current.is_some_and(|current| {
                vm.disks.iter().any(|it| current.includes(it.id) != settings.includes(it.id))
            })
        })
    }

    fn holds_of_parameters(&self, fact: Fact) -> bool {
        match (fact, self.call) {
            (Fact::InitialTypeKnown, Call::StartReplication { initial, .. }) => {
                InitialReplicationType::from_wire(*initial).is_some()
            }
            (Fact::RequestedStateKnown, Call::RequestStateChange { requested, .. }) => {
                RequestedState::is_listed(*requested)
            }
            (Fact::RequestedStateKnown, Call::RequestJobStateChange { requested, .. }) => {
                RequestedJobState::from_wire(*requested).is_some()
            }
            (Fact::PowerOffered, Call::RequestStateChange { requested, .. }) => {
                RequestedState::from_wire(*requested).is_some()
            }
            (Fact::IsExport, call) => is_initial(call, InitialReplicationType::Export),
            (Fact::IsSeeded, call) => is_initial(call, InitialReplicationType::Seeded),
            (Fact::LocationGiven, Call::StartReplication { export_location, .. }) => {
                !is_initial(self.call, InitialReplicationType::Export)
                    || export_location.as_deref().is_some_and(is_full_path)
            }
            (Fact::LocationGiven, Call::ImportInitialReplica { import_location, .. }) => {
                is_full_path(import_location)
            }
            (
                Fact::StartTimeInRange,
                Call::StartReplication { start, .. } | Call::Resynchronize { start, .. },
            ) => {
                is_initial(self.call, InitialReplicationType::Export)
                    || start.is_none_or(|at| self.is_schedulable(at))
            }
            (Fact::ExportFound, Call::ImportInitialReplica { vm, import_location }) => {
                self.world.export(*vm, import_location).is_some()
            }
            (
                Fact::AuthenticationValid,
                Call::TestReplicationConnection { authentication, certificate_thumbprint, .. },
            ) => {
                let thumbprint = certificate_thumbprint.as_deref().is_some_and(|it| !it.is_empty());
                AuthenticationType::from_wire(*authentication)
                    .is_some_and(|it| thumbprint == (it == AuthenticationType::Certificate))
            }
            (Fact::NetworkValid, Call::SetFailoverNetworkAdapterSettings { settings, .. }) => {
                settings.iter().all(network_is_valid)
            }
            _ => false,
        }
    }

    fn is_schedulable(&self, at: SimTime) -> bool {
        let now = self.world.now;
        at >= now && at.since(now) <= SCHEDULE_HORIZON
    }

    /// The job that is asked to change.
    fn job(&self) -> Option<&JobRecord> {
        let Call::RequestJobStateChange { job, .. } = self.call else { return None };
        self.host.jobs.get(job).map(|it| &**it)
    }

    fn asks_job_to_end(&self) -> bool {
        let Call::RequestJobStateChange { requested, .. } = self.call else { return false };
        matches!(
            RequestedJobState::from_wire(*requested),
            Some(RequestedJobState::Terminate | RequestedJobState::Kill)
        )
    }
}

fn is_initial(call: &Call, kind: InitialReplicationType) -> bool {
    matches!(call, Call::StartReplication { initial, .. } if *initial == kind.to_wire())
}

/// A drive with a folder, or a share.
fn is_full_path(path: &str) -> bool {
    let drive = path.as_bytes().first().is_some_and(u8::is_ascii_alphabetic)
        && path.get(1..3).is_some_and(|it| it == r":\");
    drive || path.strip_prefix(r"\\").is_some_and(|it| it.contains('\\'))
}

fn disks_are_known(vm: &VmState, settings: &Settings) -> bool {
    let known = |id| vm.disks.iter().any(|disk| disk.id == id);
    let included = settings.included_disks.as_ref();
    !vm.disks.is_empty() && included.is_none_or(|ids| ids.iter().all(|id| known(*id)))
}

/// What an extended leg may have.
fn fits_chain(vm: &VmState, settings: &Settings) -> bool {
    let Role::Replica { inbound, .. } = &vm.role else { return true };
    let every_disk = |ids: &Vec<_>| vm.disks.iter().all(|disk| ids.contains(&disk.id));
    settings.replication_interval_s >= inbound.settings.replication_interval_s.max(300)
        && settings.application_consistent_interval_h == 0
        && settings.included_disks.as_ref().is_none_or(every_disk)
}

fn network_is_valid(adapter: &FailoverNetworkAdapterSettings) -> bool {
    adapter.gateways.len() <= FailoverNetworkAdapterSettings::MAX_GATEWAYS
        && adapter.addresses.len() == adapter.subnets.len()
}
