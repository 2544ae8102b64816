//! What a sweep makes go wrong.

use crate::engine::{Caller, Disturbance, HostTrouble, Input, World};
use crate::layer::Verdict;
use crate::model::time::{format_duration, minutes};
use crate::model::{
    Call, ErrorCode, HostId, RelationshipId, RequestedReplicationState, RequestedState, VmId,
};
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// One thing that goes wrong at one moment of an orchestration.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// The call or read meets this at the edge: it is refused, never arrives, or its answer is
    /// lost.
    Edge(Verdict),
    /// The call is done at once, and its answer comes so much later. Longer than five minutes, and
    /// a job that it began is gone by then:
    /// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>.
    AnswerLate(Duration),
    /// The job that the call begins does its work, and this session finds it no more, as was seen
    /// where a management session lost its jobs: <https://github.com/FuseCP/FuseCP/issues/146>.
    JobLost,
    /// The call is answered 4096 and does not happen: a second later, its job ends with this error.
    JobFails(ErrorCode),
    /// The job that the call begins does its work, and ends with this error all the same.
    JobFailsAfter(ErrorCode),
    /// Another administrator terminates the job as soon as it is begun.
    JobTerminated,
    /// Something happens in the world, just before.
    Incident(Incident),
}

impl Fault {
    /// What may become of a call: each documented code, a call that never arrives or arrives late,
    /// an answer that is lost or late, a job that cannot be found any more, fails, or is terminated.
    pub fn of_calls() -> Vec<Self> {
        let codes = ErrorCode::ALL.iter().map(|code| Self::Edge(Verdict::Refuse(*code)));
        let others = [
            Self::Edge(Verdict::Unreachable),
            Self::Edge(Verdict::LoseAnswer),
            Self::Edge(Verdict::Delay(minutes(1))),
            Self::AnswerLate(minutes(6)),
            Self::JobLost,
            Self::JobFails(ErrorCode::Failed),
            Self::JobFailsAfter(ErrorCode::Failed),
            Self::JobTerminated,
        ];
        codes.chain(others).collect()
    }

    /// What may become [of calls](Fault::of_calls), and [every incident](Incident::all) of a world.
    pub fn all(world: &World) -> Vec<Self> {
        let incidents = Incident::all(world).into_iter().map(Self::Incident);
        Self::of_calls().into_iter().chain(incidents).collect()
    }

    /// Whether it can be told from what a call answers only.
    pub(super) fn concerns_a_job(&self) -> bool {
        use Fault::{JobFails, JobFailsAfter, JobLost, JobTerminated};
        matches!(self, JobLost | JobFails(_) | JobFailsAfter(_) | JobTerminated)
    }

    /// Whether it can happen to a read, too: the contract gives a read no return value.
    pub(super) fn concerns_reads(&self) -> bool {
        matches!(self, Self::Edge(Verdict::Unreachable) | Self::Incident(_))
    }

    /// The last two digits of a code stand for its column; everything else has a letter.
    pub(super) fn digits(&self) -> Option<u32> {
        match self {
            Self::Edge(Verdict::Refuse(code)) => Some(code.to_wire() % 100),
            _ => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edge(Verdict::Pass) => f.write_str("nothing happens to it"),
            Self::Edge(Verdict::Refuse(code)) => {
                write!(f, "it is refused with {}, {}", code.to_wire(), code.label())
            }
            Self::Edge(Verdict::Delay(by)) => {
                write!(f, "it arrives {} later", format_duration(*by))
            }
            Self::Edge(Verdict::LoseAnswer) => f.write_str("its answer is lost"),
            Self::Edge(Verdict::Unreachable) => f.write_str("it never arrives"),
            Self::Edge(Verdict::Missing) => f.write_str("what it is about is said to be missing"),
            Self::AnswerLate(by) => write!(f, "its answer comes {} later", format_duration(*by)),
            Self::JobLost => f.write_str("its job cannot be found any more"),
            Self::JobFails(code) => {
                write!(f, "its job fails with {} and does nothing", code.to_wire())
            }
            Self::JobFailsAfter(code) => {
                write!(f, "its job does its work and ends with {}", code.to_wire())
            }
            Self::JobTerminated => f.write_str("another administrator terminates its job"),
            Self::Incident(incident) => f.write_str(&incident.name),
        }
    }
}

/// Something that happens in the world beside an orchestration.
///
/// It is data: what happens, and what ends it when the outage is over. That is how an incident of
/// one's own is made, too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Incident {
    /// What the report calls it.
    pub name: String,
    /// What happens. If the first of it is refused or rejected the incident cannot happen there.
    pub happens: Vec<Input>,
    /// What ends it.
    pub ends: Vec<Input>,
}

impl Incident {
    /// Nothing passes between two hosts for a while.
    pub fn cut(world: &World, a: HostId, b: HostId) -> Self {
        Self {
            name: format!("{} and {} are cut off from each other", name(world, a), name(world, b)),
            happens: vec![Input::Disturb(Disturbance::CutLink(a, b))],
            ends: vec![Input::Disturb(Disturbance::HealLink(a, b))],
        }
    }

    /// A host loses power, and boots after a while.
    pub fn crash(world: &World, host: HostId) -> Self {
        Self {
            name: format!("{} crashes", name(world, host)),
            happens: vec![Input::Disturb(Disturbance::CrashHost(host))],
            ends: vec![Input::Disturb(Disturbance::BootHost(host))],
        }
    }

    /// A host is in trouble for a while.
    pub fn trouble(world: &World, host: HostId, trouble: HostTrouble) -> Self {
        let host_name = name(world, host);
        let name = match trouble {
            HostTrouble::StorageFull => format!("the storage of {host_name} is full"),
            HostTrouble::MemoryLow => format!("{host_name} is out of memory"),
            HostTrouble::ServiceHangs => format!("the service of {host_name} hangs"),
            HostTrouble::KerberosFails => format!("Kerberos fails at {host_name}"),
            HostTrouble::ProxyInspects => format!("a proxy inspects what {host_name} sends"),
        };
        Self {
            name,
            happens: vec![Input::Disturb(Disturbance::TroubleHost(host, trouble))],
            ends: vec![Input::Disturb(Disturbance::RelieveHost(host, trouble))],
        }
    }

    /// Another administrator calls a method. Nothing takes it back.
    pub fn call(name: impl Into<String>, host: HostId, call: Call) -> Self {
        let caller = Caller::Administrator;
        let happens = vec![Input::Call { host, caller, call }];
        Self { name: name.into(), happens, ends: Vec::new() }
    }

    /// What happens in a world unless something else is asked for: each link is cut, each host
    /// crashes and is in each [trouble](Self::trouble); and on each host, [colleagues](Self::colleagues)
    /// have to do with each virtual machine that there is anywhere, be it that the orchestration
    /// brings it there first.
    pub fn all(world: &World) -> Vec<Self> {
        let hosts: Vec<HostId> = world.hosts().map(|(host, _)| host).collect();
        let mut all = Vec::new();
        for (i, a) in hosts.iter().enumerate() {
            all.extend(hosts[..i].iter().map(|b| Self::cut(world, *b, *a)));
        }
        for host in &hosts {
            all.push(Self::crash(world, *host));
            all.extend(HostTrouble::ALL.map(|trouble| Self::trouble(world, *host, trouble)));
        }
        let vms = hosts.iter().flat_map(|host| world.vms(*host));
        // The copies of a virtual machine have one GUID.
        let vms: BTreeMap<VmId, _> = vms.map(|vm| (vm.id, vm.name)).collect();
        for host in &hosts {
            all.extend(vms.iter().flat_map(|(vm, name)| Self::colleagues(world, *host, *vm, name)));
        }
        all
    }

    /// What other administrators may come in between with, of a virtual machine on a host: they
    /// start it, take its failover back, test its failover, pause, resynchronise or remove its
    /// replication. That somebody turns it off is not among these: nobody who promises that it
    /// runs can keep that then.
    pub fn colleagues(world: &World, host: HostId, vm: VmId, vm_name: &str) -> [Self; 6] {
        let requested = RequestedReplicationState::Suspended.to_wire();
        let relationship = Some(RelationshipId::primary(vm));
        let pause = Call::RequestReplicationStateChange { vm, relationship, requested };
        let requested = RequestedState::Enabled.to_wire();
        let of = |what, call| {
            let named = format!("a colleague {what} {vm_name} on {}", name(world, host));
            Self::call(named, host, call)
        };
        [
            of("starts", Call::RequestStateChange { vm, requested }),
            of("takes back the failover of", Call::RevertFailover { vm }),
            of("tests the failover of", Call::TestReplicaSystem { vm, point: None }),
            of("pauses the replication of", pause),
            of("resynchronises", Call::Resynchronize { vm, start: None }),
            of(
                "removes the replication of",
                Call::RemoveReplicationRelationship { vm, relationship: None },
            ),
        ]
    }
}

impl Incident {
    /// Whether it can happen in this world.
    pub(super) fn can_happen(&self, world: &World) -> bool {
        let refused = |first| world.clone().apply(first, &mut Vec::new()).is_refusal();
        !self.happens.first().is_some_and(refused)
    }
}

fn name(world: &World, host: HostId) -> String {
    world.host_view(host).map_or_else(|| format!("@{}", host.0), |it| it.name.to_string())
}
