//! Both mirrors over a simulated host: typed, CIM, typed again; and what does not come through.

use hyperv_replica::ReplicationService;
use hyperv_replica::cim::CimService;
use hyperv_replica::cim::namespace::Namespace;
use hyperv_replica::engine::{Event, Input, Reply, World};
use hyperv_replica::error::{Error, Missing, Result};
use hyperv_replica::model::*;
use hyperv_replica::oracle::Violation;
use hyperv_replica::script::Stage;
use hyperv_replica::service::Outcome;
use hyperv_replica::sim::{HostHandle, Lab};
use std::fmt::Debug;
use std::time::Duration;

/// A simulated host as a client of WMI has it.
pub(crate) fn over_wmi(host: HostHandle) -> CimService<Namespace<HostHandle>> {
    CimService::new(Namespace::new(host))
}

/// What a host shows, on which depends what WMI can say of it.
pub(crate) struct Shown {
    build: WindowsBuild,
}

impl Shown {
    pub(crate) fn of(world: &World, host: HostId) -> Self {
        let build = world.host_view(host).map_or(WindowsBuild::Server2025, |it| it.build);
        Self { build }
    }

    pub(crate) fn is_2012(&self) -> bool {
        self.build == WindowsBuild::Server2012
    }
}

/// A record as it is once WMI has carried it. This is all that is lost:
///
/// - Every time: a `datetime` has whole microseconds, a simulated time ten ticks to each.
/// - [`RecoveryPoint::position`]: no property says how far the guest's writes reach.
/// - On Windows Server 2012, which does not have the properties, [`Relationship::last_apply`], and
///   of [`Settings`] `replication_interval_s`, `provider` and `additional_settings`.
pub(crate) trait Carried: Sized {
    fn carried(self, on: &Shown) -> Self;
}

impl Carried for SimTime {
    fn carried(self, _: &Shown) -> Self {
        Self::from_ticks(self.ticks() / 10 * 10)
    }
}

impl Carried for Duration {
    fn carried(self, _: &Shown) -> Self {
        Self::from_micros(self.as_micros().try_into().expect("a simulated time"))
    }
}

impl<T: Carried> Carried for Option<T> {
    fn carried(self, on: &Shown) -> Self {
        self.map(|it| it.carried(on))
    }
}

impl<T: Carried> Carried for Vec<T> {
    fn carried(self, on: &Shown) -> Self {
        self.into_iter().map(|it| it.carried(on)).collect()
    }
}

impl Carried for Relationship {
    fn carried(self, on: &Shown) -> Self {
        Self {
            last_replication: self.last_replication.carried(on),
            last_apply: self.last_apply.carried(on).filter(|_| !on.is_2012()),
            last_application_consistent: self.last_application_consistent.carried(on),
            ..self
        }
    }
}

impl Carried for RecoveryPoint {
    fn carried(self, on: &Shown) -> Self {
        Self { created: self.created.carried(on), position: 0, ..self }
    }
}

impl Carried for Job {
    fn carried(self, on: &Shown) -> Self {
        Self {
            submitted: self.submitted.carried(on),
            scheduled: self.scheduled.carried(on),
            started: self.started.carried(on),
            state_changed: self.state_changed.carried(on),
            elapsed: self.elapsed.carried(on),
            ..self
        }
    }
}

impl Carried for Output {
    fn carried(self, on: &Shown) -> Self {
        match self {
            Self::Statistics { statistics: it, issues } => Self::Statistics {
                statistics: Statistics {
                    start: it.start.carried(on),
                    end: it.end.carried(on),
                    last_test_failover: it.last_test_failover.carried(on),
                    ..it
                },
                issues,
            },
            other => other,
        }
    }
}

impl Carried for Outcome {
    fn carried(self, on: &Shown) -> Self {
        match self {
            Self::Returned(output) => Self::Returned(output.carried(on)),
            other => other,
        }
    }
}

impl Carried for Settings {
    fn carried(self, on: &Shown) -> Self {
        if !on.is_2012() {
            return self;
        }
        let Self { replication_interval_s, provider, additional_settings, .. } = Self::default();
        Self { replication_interval_s, provider, additional_settings, ..self }
    }
}

impl<T: Carried> Carried for Box<T> {
    fn carried(self, on: &Shown) -> Self {
        Self::new((*self).carried(on))
    }
}

impl Carried for Call {
    fn carried(self, on: &Shown) -> Self {
        match self {
            Self::StartReplication { vm, initial, export_location, start } => {
                Self::StartReplication { vm, initial, export_location, start: start.carried(on) }
            }
            Self::Resynchronize { vm, start } => {
                Self::Resynchronize { vm, start: start.carried(on) }
            }
            Self::CreateReplicationRelationship { vm, settings } => {
                Self::CreateReplicationRelationship { vm, settings: settings.carried(on) }
            }
            Self::ModifyReplicationSettings { vm, settings } => {
                Self::ModifyReplicationSettings { vm, settings: settings.carried(on) }
            }
            Self::ReverseReplicationRelationship { vm, settings } => {
                Self::ReverseReplicationRelationship { vm, settings: settings.carried(on) }
            }
            // The older form takes no instance that could be of another class.
            Self::Flawed { call, flaw: Flaw::WrongClass }
                if on.is_2012() && matches!(*call, Self::RequestReplicationStateChange { .. }) =>
            {
                (*call).carried(on)
            }
            Self::Flawed { call, flaw } => Self::Flawed { call: call.carried(on), flaw },
            other => other,
        }
    }
}

/// These come through as they are.
macro_rules! whole {
    ($($record:ty),+) => {$(
        impl Carried for $record {
            fn carried(self, _: &Shown) -> Self { self }
        }
    )+};
}
whole!(Host, ServiceSettings, AuthorizationEntry, Vm, Devices, FailoverNetworkAdapterSettings);

/// What somebody is told: a record, or the kind of error. A refusal's reason stays behind.
pub(crate) fn told<T: Carried + Debug>(answer: Result<T>, on: &Shown) -> String {
    match answer {
        Ok(it) => format!("{:?}", it.carried(on)),
        Err(Error::Refused(it)) => format!("refused: {} {}", it.operation, it.code),
        Err(Error::Transport { .. }) => "no answer".to_owned(),
        Err(error) => format!("{error:?}"),
    }
}

/// What is told differently, over WMI, of all that a client can ask of the hosts of a world.
pub(crate) fn differences(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    // Asking for statistics may start a job.
    let (plain, wired) = (Lab::over(world.clone(), 0), Lab::over(world.clone(), 0));
    for (id, host) in world.hosts() {
        let on = Shown::of(world, id);
        let (direct, over) = (plain.host_by_id(id), over_wmi(wired.host_by_id(id)));
        let mut compare = |what: String, direct: String, over: String| {
            if direct != over {
                found.push(format!("{} {what}:\n  {direct}\n  {over}", host.name));
            }
        };
        macro_rules! same {
            ($read:ident $(, $of:expr)*) => {
                let asked = [stringify!($read).to_owned() $(, format!("{:?}", $of))*].join(" ");
                compare(asked, told(direct.$read($($of),*), &on), told(over.$read($($of),*), &on));
            };
        }
        same!(host);
        same!(service_settings);
        same!(authorization_entries);
        same!(vms);
        same!(jobs);
        let jobs: Vec<_> = world.jobs(id).map(|it| it.id).collect();
        for job in jobs.into_iter().chain([JobId(Guid(7))]) {
            same!(job, job);
            same!(call, &Call::GetError { job });
            same!(call, &Call::GetErrorEx { job });
        }
        let vms: Vec<_> = world.vms(id).map(|it| it.id).collect();
        for vm in vms.into_iter().chain([VmId(Guid(7))]) {
            same!(vm, vm);
            same!(recovery_points, vm);
            same!(devices, vm);
            same!(failover_network, vm);
            for id in [RelationshipId::primary(vm), RelationshipId::extended(vm)] {
                same!(relationship, id);
                same!(settings, id);
                let relationship = Some(id);
                same!(call, &Call::GetReplicationStatistics { vm, relationship });
            }
        }
        same!(call, &Call::GetSystemCertificates);
    }
    found
}

/// The reply that the answer to a call over WMI stands for.
fn reply(answer: Result<Outcome>) -> Reply {
    match answer {
        Ok(Outcome::Completed) => Reply::Completed,
        Ok(Outcome::Returned(output)) => Reply::Returned(output),
        Ok(Outcome::Started(job)) => Reply::Started(job),
        Err(Error::Refused(refusal)) => Reply::Refused(refusal),
        Err(Error::NotImplemented(_)) => Reply::NotImplemented,
        Err(Error::NotFound(missing)) => Reply::NotFound(missing),
        Err(Error::Transport { .. }) => Reply::NotFound(Missing::Host),
        Err(error) => panic!("{error}"),
    }
}

/// A world to which each call goes by way of WMI.
#[derive(Clone, Debug)]
pub(crate) struct OverWmi(pub(crate) World);

impl OverWmi {
    /// Makes one thing happen.
    pub(crate) fn make(&mut self, input: &Input, events: &mut Vec<Event>) -> Reply {
        let Input::Call { host, caller, call } = input else {
            return self.0.apply(input, events);
        };
        let lab = Lab::over(std::mem::replace(&mut self.0, World::new(0)), 0);
        let watch = lab.watch();
        let answer = over_wmi(lab.host_by_id(*host).called_by(*caller)).call(call);
        self.0 = lab.world();
        events.extend(watch.take());
        reply(answer)
    }
}

impl Stage for OverWmi {
    fn world(&self) -> &World {
        &self.0
    }

    fn apply(
        &mut self,
        input: &Input,
        out: &mut Vec<Event>,
    ) -> std::result::Result<Reply, Box<Violation>> {
        Ok(self.make(input, out))
    }

    fn begin(&mut self, world: World) -> bool {
        self.0 = world;
        true
    }
}
