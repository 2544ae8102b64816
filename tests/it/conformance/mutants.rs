//! Hosts that are wrong in one way each. A suite that cannot tell them from right ones is worth
//! nothing.

use hyperv_replica::error::{Error, Missing, Refusal, Result, Why};
use hyperv_replica::model::*;
use hyperv_replica::service::{Outcome, ReplicationService};
use hyperv_replica::set;
use hyperv_replica::sim::HostHandle;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

/// One way of being wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Bug {
    /// Numbers of states are those of PowerShell, which are higher by one from 2 on.
    StatesShifted,
    /// A relationship in this state shows 17, unknown.
    Misreads(ReplicationState),
    /// The same, on replicas alone.
    ReplicasMisread(ReplicationState),
    /// The state is the one that the relationship was in when it was first looked at.
    StatesStuck,
    /// Every relationship replicates.
    EverythingReplicates,
    HealthIs(ReplicationHealth),
    ModeIs(ReplicationMode),
    PowerIs(EnabledState),
    /// Power is on its way to somewhere for ever.
    AlwaysRequested,
    NamesAreLost,
    /// Times of replication are “never”.
    NeverReplicated,
    /// Times of replication stand still.
    TimesStuck,
    /// The last replication was just now.
    TimesRun,
    /// Types of replication, of the last and of the failover, are this.
    TypesAre(ReplicationType),
    /// Whatever is replicated has an extended relationship.
    ExtendedEverywhere,
    /// Settings are those of the class.
    SettingsForgotten,
    /// Settings do not say which hosts.
    HostsForgotten,
    /// The window for resynchronisation is the whole day.
    WindowIsADay,
    NoPoints,
    /// A virtual machine in this role has a recovery point more than it has.
    PointsOf(ReplicationMode),
    /// What was a recovery point once stays one.
    PointsStay,
    /// Recovery points are all of this kind.
    PointsAre(RecoveryPointKind),
    TestReplicaUnlinked,
    JobsNeverEnd,
    JobsVanish,
    /// What has ended can be read for ever.
    JobsStay,
    /// How long a job took goes on growing.
    JobsGrow,
    /// What has ended starts again.
    JobsRevive,
    JobTypeIs(JobType),
    JobsNameNobody,
    JobsUnlisted,
    PercentFalls,
    /// Jobs that fail do not say why.
    FailuresAreSilent,
    /// Jobs that fail succeed.
    FailuresSucceed,
    /// `GetErrorEx` returns nothing.
    NoErrors,
    /// `GetErrorEx` returns something.
    AlwaysErrors,
    Unscheduled,
    NoIssues,
    AlwaysIssues,
    NoCounts,
    /// A cycle more has been missed than there were.
    AlwaysCounted,
    /// Something is always pending.
    AlwaysPending,
    WindowsBackwards,
    TestsForgotten,
    /// Statistics are always healthy.
    StatisticsAreOk,
    /// Windows of statistics begin when the world did.
    WindowsStuck,
    NoEntries,
    EntriesBackwards,
    ServerForgotten,
    NoDisks,
    DisksTwice,
    /// Those of replicas are numbered from 1.
    DisksShifted,
    NoAddresses,
    AlwaysAddresses,
    VmsTwice,
    VmsBackwards,
    /// What is not there is off, and not replicated.
    EverythingIsThere,
    HostIsNameless,
    ServiceIsInError,
    NoProviders,
    /// Refusals for a state are for a value, and the other way round.
    CodesSwapped,
    /// Nothing is refused.
    NothingRefused,
    /// Everything is refused, but reading.
    EverythingRefused,
    /// Says that it did it.
    Ignores(Operation),
    /// Does not refuse it unless something else is at work, and does nothing.
    Accepts(Operation),
    /// Refuses it, whatever the state.
    Refuses(Operation),
    /// What returns something with 0 leaves a job that is not there.
    Postpones(Operation),
}

impl Bug {
    /// Every way: those of reading first, then those of single operations.
    pub(super) fn all() -> Vec<Self> {
        use Bug::*;
        let mut bugs = vec![
            StatesShifted,
            StatesStuck,
            EverythingReplicates,
            HealthIs(ReplicationHealth::Ok),
            HealthIs(ReplicationHealth::Critical),
            ModeIs(ReplicationMode::None),
            ModeIs(ReplicationMode::Replica),
            PowerIs(EnabledState::Enabled),
            PowerIs(EnabledState::Disabled),
            AlwaysRequested,
            NamesAreLost,
            NeverReplicated,
            TimesStuck,
            TimesRun,
            TypesAre(ReplicationType::None),
            TypesAre(ReplicationType::ApplicationConsistent),
            ExtendedEverywhere,
            SettingsForgotten,
            HostsForgotten,
            WindowIsADay,
            NoPoints,
            PointsOf(ReplicationMode::Primary),
            PointsOf(ReplicationMode::Replica),
            PointsStay,
            PointsAre(RecoveryPointKind::Standard),
            PointsAre(RecoveryPointKind::ApplicationConsistent),
            TestReplicaUnlinked,
            JobsNeverEnd,
            JobsVanish,
            JobsStay,
            JobsGrow,
            JobsRevive,
            JobTypeIs(JobType::ReplicationStateChange),
            JobTypeIs(JobType::CreateRelationship),
            JobsNameNobody,
            JobsUnlisted,
            PercentFalls,
            FailuresAreSilent,
            FailuresSucceed,
            NoErrors,
            AlwaysErrors,
            Unscheduled,
            NoIssues,
            AlwaysIssues,
            NoCounts,
            AlwaysCounted,
            AlwaysPending,
            WindowsBackwards,
            TestsForgotten,
            StatisticsAreOk,
            WindowsStuck,
            NoEntries,
            EntriesBackwards,
            ServerForgotten,
            NoDisks,
            DisksTwice,
            DisksShifted,
            NoAddresses,
            AlwaysAddresses,
            VmsTwice,
            VmsBackwards,
            EverythingIsThere,
            HostIsNameless,
            ServiceIsInError,
            NoProviders,
            CodesSwapped,
        ];
        bugs.extend(ReplicationState::ALL[..12].iter().copied().map(Misreads));
        let of_replicas = set!(ReplicationState: Disabled | Ready | WaitingForInitialReplication
            | Replicating | Recovered | Committed | Suspended | Resynchronizing);
        bugs.extend(of_replicas.iter().map(ReplicasMisread));
        let calls = Operation::ALL.iter().copied();
        bugs.extend(calls.clone().map(Accepts));
        bugs.extend(calls.clone().map(Ignores));
        bugs.extend(calls.clone().map(Refuses));
        bugs.extend(
            [Operation::GetReplicationStatistics, Operation::GetSystemCertificates].map(Postpones),
        );
        bugs.extend([NothingRefused, EverythingRefused]);
        bugs
    }
}

/// A host with a bug.
#[derive(Debug)]
pub(super) struct Mutant {
    host: HostHandle,
    bug: Bug,
    memory: Mutex<Memory>,
}

/// What a bug remembers.
#[derive(Debug, Default)]
struct Memory {
    relationships: BTreeMap<RelationshipId, Relationship>,
    points: BTreeMap<VmId, Vec<RecoveryPoint>>,
    jobs: BTreeMap<JobId, Job>,
    server: Option<ServiceSettings>,
}

impl Mutant {
    pub(super) fn new(host: HostHandle, bug: Bug) -> Self {
        Self { host, bug, memory: Mutex::default() }
    }

    fn memory(&self) -> std::sync::MutexGuard<'_, Memory> {
        self.memory.lock().unwrap()
    }

    fn refusal(operation: Operation, code: ErrorCode) -> Error {
        let why = Why::Text("this host has a bug".into());
        Error::Refused(Refusal { operation, code, why, found: None })
    }

    fn returned(&self, mut output: Output) -> Output {
        match (&mut output, self.bug) {
            (Output::Errors(errors), Bug::NoErrors) => errors.clear(),
            (Output::Errors(errors), Bug::AlwaysErrors) => errors.push(an_error()),
            (Output::Statistics { issues, .. }, Bug::NoIssues) => issues.clear(),
            (Output::Statistics { issues, .. }, Bug::AlwaysIssues) => issues.push(an_error()),
            (Output::Statistics { statistics: it, .. }, bug) => match bug {
                Bug::NoCounts => {
                    (it.successes, it.network_failures) = (0, 0);
                    (it.size_bytes, it.max_size_bytes, it.pending_bytes) = (0, 0, 0);
                }
                Bug::AlwaysPending => it.pending_bytes += 1,
                Bug::AlwaysCounted => it.misses += 1,
                Bug::WindowsStuck => it.start = SimTime::ZERO,
                Bug::WindowsBackwards => (it.start, it.end) = (it.end, it.start),
                Bug::TestsForgotten => it.last_test_failover = None,
                Bug::StatisticsAreOk => it.health = ReplicationHealth::Ok,
                _ => {}
            },
            _ => {}
        }
        output
    }
}

fn an_error() -> ErrorRecord {
    ErrorRecord {
        message_id: 1,
        message: "This host has a bug.".into(),
        message_arguments: Vec::new(),
        owning_entity: "mutants".into(),
        error_type: ErrorType::Other,
        perceived_severity: PerceivedSeverity::Unknown,
        probable_cause: ProbableCause::Unknown,
        error_source: String::new(),
        cim_status: CimStatus::Failed,
        recommended_actions: Vec::new(),
    }
}

impl ReplicationService for Mutant {
    fn call(&self, call: &Call) -> Result<Outcome> {
        let operation = call.operation();
        match self.bug {
            Bug::Ignores(it) if it == operation => return Ok(Outcome::Completed),
            Bug::Refuses(it) if it == operation => {
                return Err(Self::refusal(operation, ErrorCode::OutOfMemory));
            }
            Bug::Postpones(it) if it == operation => return Ok(Outcome::Started(JobId(Guid(7)))),
            Bug::EverythingRefused => return Err(Self::refusal(operation, ErrorCode::OutOfMemory)),
            _ => {}
        }
        match (self.host.call(call), self.bug) {
            (Err(Error::Refused(_)), Bug::NothingRefused) => Ok(Outcome::Completed),
            (Err(Error::NotImplemented(it)), Bug::Accepts(bug)) if it == bug => {
                Ok(Outcome::Completed)
            }
            (Err(Error::Refused(it)), Bug::Accepts(bug))
                if it.operation == bug && it.code != ErrorCode::InUse =>
            {
                Ok(Outcome::Completed)
            }
            (Err(Error::Refused(refusal)), Bug::CodesSwapped) => {
                let code = match refusal.code {
                    ErrorCode::InvalidState => ErrorCode::IncorrectDataType,
                    _ => ErrorCode::OutOfMemory,
                };
                Err(Error::Refused(Refusal { code, ..refusal }))
            }
            (Ok(Outcome::Returned(output)), _) => {
                Ok(Outcome::Returned(Box::new(self.returned(*output))))
            }
            (answer, _) => answer,
        }
    }

    fn host(&self) -> Result<Host> {
        let it = self.host.host()?;
        Ok(match self.bug {
            Bug::HostIsNameless => Host { name: "".into(), ..it },
            Bug::ServiceIsInError => Host { status: ServiceStatus::Error, ..it },
            Bug::NoProviders => Host { providers: [].into(), ..it },
            _ => it,
        })
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        let now = self.host.service_settings()?;
        Ok(match self.bug {
            Bug::ServerForgotten => self.memory().server.get_or_insert(now).clone(),
            _ => now,
        })
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        let mut entries = self.host.authorization_entries()?;
        match self.bug {
            Bug::NoEntries => entries.clear(),
            Bug::EntriesBackwards => entries.reverse(),
            _ => {}
        }
        Ok(entries)
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        let mut vms = self.host.vms()?;
        match self.bug {
            Bug::VmsTwice => vms.extend(vms.clone()),
            Bug::VmsBackwards => {
                let first = vms.first().cloned();
                vms.extend(first.map(|it| Vm { id: VmId(Guid(0)), ..it }));
            }
            _ => {}
        }
        Ok(vms)
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        let found = self.host.vm(id);
        let it = match (found, self.bug) {
            (Err(_), Bug::EverythingIsThere) => {
                let (mode, power) = (ReplicationMode::None, EnabledState::Disabled);
                Vm {
                    id,
                    name: "".into(),
                    mode,
                    power,
                    requested: None,
                    health: HealthState::Ok,
                    test_replica: None,
                }
            }
            (found, _) => found?,
        };
        Ok(match self.bug {
            Bug::ModeIs(mode) => Vm { mode, ..it },
            Bug::PowerIs(power) => Vm { power, ..it },
            Bug::AlwaysRequested => Vm { requested: Some(RequestedState::Enabled), ..it },
            Bug::NamesAreLost => Vm { name: format!("{id}-{}", it.mode).into(), ..it },
            Bug::TestReplicaUnlinked => Vm { test_replica: None, ..it },
            _ => it,
        })
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        let found = self.host.relationship(id);
        let it = match (found, self.bug) {
            (Err(_), Bug::ExtendedEverywhere) if id.leg == Leg::Extended => {
                self.host.relationship(RelationshipId::primary(id.vm))?
            }
            (found, _) => found?,
        };
        let first = *self.memory().relationships.entry(id).or_insert(it);
        Ok(match self.bug {
            Bug::StatesShifted => {
                let number = it.state.to_wire();
                let shifted = ReplicationState::from_wire(number + u16::from(number >= 2));
                Relationship { state: shifted.unwrap_or(it.state), ..it }
            }
            Bug::Misreads(state) if it.state == state => {
                Relationship { state: ReplicationState::Unknown, ..it }
            }
            Bug::ReplicasMisread(state)
                if it.state == state && self.host.vm(id.vm)?.mode == ReplicationMode::Replica =>
            {
                Relationship { state: ReplicationState::Unknown, ..it }
            }
            Bug::StatesStuck => Relationship { state: first.state, ..it },
            Bug::EverythingReplicates => {
                Relationship { state: ReplicationState::Replicating, ..it }
            }
            Bug::HealthIs(health) => Relationship { health, ..it },
            Bug::NeverReplicated => Relationship {
                last_replication: None,
                last_apply: None,
                last_application_consistent: None,
                ..it
            },
            Bug::TimesStuck => {
                let at = Some(SimTime::ZERO);
                Relationship { last_replication: at, last_apply: None, ..it }
            }
            Bug::TimesRun if it.last_replication.is_some() => {
                Relationship { last_replication: Some(self.host.now()?), ..it }
            }
            Bug::TypesAre(kind) => Relationship { last_type: kind, failed_over: kind, ..it },
            _ => it,
        })
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        let it = self.host.settings(id)?;
        Ok(match self.bug {
            Bug::SettingsForgotten => Settings {
                recovery_host: it.recovery_host,
                primary_host: it.primary_host,
                primary_connection_point: it.primary_connection_point,
                recovery_connection_point: it.recovery_connection_point,
                replication_interval_s: 600,
                ..Settings::default()
            },
            Bug::HostsForgotten => {
                Settings { recovery_host: String::new(), primary_host: String::new(), ..it }
            }
            Bug::WindowIsADay => Settings { auto_resynchronize_end_s: 0, ..it },
            _ => it,
        })
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        let points = self.host.recovery_points(vm)?;
        Ok(match self.bug {
            Bug::NoPoints => Vec::new(),
            Bug::PointsOf(role) if self.host.vm(vm)?.mode == role => {
                let id = PointId(Guid(7));
                let (kind, created) = (RecoveryPointKind::Standard, SimTime::ZERO);
                let more = RecoveryPoint { id, kind, created, position: 0 };
                [vec![more], points].concat()
            }
            Bug::PointsStay => {
                let mut memory = self.memory();
                let kept = memory.points.entry(vm).or_default();
                kept.extend(
                    points.iter().filter(|it| !kept.contains(it)).copied().collect::<Vec<_>>(),
                );
                kept.clone()
            }
            Bug::PointsAre(kind) => {
                points.into_iter().map(|it| RecoveryPoint { kind, ..it }).collect()
            }
            _ => points,
        })
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        let mut it = self.host.devices(vm)?;
        match self.bug {
            Bug::NoDisks => it.disks.clear(),
            Bug::DisksTwice => it.disks.extend(it.disks.clone()),
            Bug::DisksShifted if self.host.vm(vm)?.mode == ReplicationMode::Replica => {
                it.disks.iter_mut().for_each(|disk| disk.0 += 1);
            }
            _ => {}
        }
        Ok(it)
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        let mut stored = self.host.failover_network(vm)?;
        match self.bug {
            Bug::NoAddresses => stored.clear(),
            Bug::AlwaysAddresses => stored.push(FailoverNetworkAdapterSettings {
                adapter: AdapterId(9),
                protocol: IpProtocol::V4,
                dhcp: true,
                addresses: Vec::new(),
                subnets: Vec::new(),
                gateways: Vec::new(),
                dns_servers: Vec::new(),
            }),
            _ => {}
        }
        Ok(stored)
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        let jobs = self.host.jobs()?;
        Ok(if self.bug == Bug::JobsUnlisted { Vec::new() } else { jobs })
    }

    fn job(&self, id: JobId) -> Result<Job> {
        let mut it = match (self.host.job(id), self.bug) {
            (Err(error), Bug::JobsStay) => self.memory().jobs.get(&id).cloned().ok_or(error)?,
            (found, _) => found?,
        };
        self.memory().jobs.insert(id, it.clone());
        let ended = it.state.is_terminal();
        match self.bug {
            Bug::JobsNeverEnd => it.state = JobState::Running,
            Bug::JobsVanish if ended => return Err(Error::NotFound(Missing::Job(id))),
            Bug::JobsGrow => it.elapsed = self.host.now()?.since(it.submitted),
            Bug::JobsRevive if ended => {
                let later = self.host.now()?.since(it.state_changed) > Duration::from_secs(30);
                it.state = if later { JobState::Running } else { it.state };
            }
            Bug::JobTypeIs(job_type) => it.job_type = job_type,
            Bug::JobsNameNobody => it.affected.clear(),
            Bug::PercentFalls => it.percent_complete = 100 - it.percent_complete,
            Bug::FailuresAreSilent => it.error = None,
            Bug::FailuresSucceed if ended => it.state = JobState::Completed,
            Bug::Unscheduled => it.scheduled = None,
            _ => {}
        }
        Ok(it)
    }

    fn now(&self) -> Result<SimTime> {
        self.host.now()
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        self.host.sleep(duration)
    }
}
