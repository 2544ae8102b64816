//! Hosts that lines are about, whatever is behind their service.

mod bind;

mod look;

use super::facts::VmFacts;
use super::names::Names;
use super::report::Side;
use super::scene::{Mishap, Scene};
use crate::engine::{Caller, Input, Policy, Reply};
use crate::error::{Error, Missing, Result};
use crate::model::{Call, HostId, Job, JobId, LogEntry, PointId, SimTime, Vm, VmId};
use crate::service::{Outcome, ReplicationService};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// The least that passes between two looks at a job, by the clock of its host.
const PAUSE: Duration = Duration::from_millis(250);

/// Hosts behind a [`ReplicationService`] each, for a [`Runner`](super::Runner): real ones, or
/// simulated ones.
///
/// A line calls what it says, waits as the service does, and looks at what the service shows. What
/// a script makes in a simulated world is found instead: `host tokyo` is a host that was given by
/// this name, and `vm web on tokyo` the virtual machine that is called so there. What only a
/// simulated world can do is a [problem](Self::problems), to be asked for before anything is done.
///
/// Steps are dated by the time since this was made. [Sides](super::Side) are those of the virtual
/// machines that lines were about, and say nothing of writes.
///
/// ```
/// use hyperv_replica::script::{Remote, Runner, parse};
/// use hyperv_replica::{prelude::*, sim::Lab};
///
/// let lab = Lab::new(["hv01", "hv02"]);
/// lab.vm("web").on("hv01").running().create();
/// let (hv01, hv02) = (lab.host("hv01"), lab.host("hv02")); // Or two hosts with Windows.
///
/// let script = parse("\
/// vm web on tokyo running
/// tokyo CreateReplicationRelationship web to=hv02  => 4096 job1
/// wait job1
/// expect osaka web Replica WaitingForInitialReplication
/// ")?;
/// let hosts = Remote::new([("tokyo", &hv01 as &dyn ReplicationService), ("osaka", &hv02)])?;
/// assert_eq!(hosts.problems(&script), []);
/// let mut runner = Runner::over(hosts);
/// let steps = (1..).zip(&script.lines).filter_map(|(number, line)| runner.step(number, line));
/// assert!(steps.into_iter().all(|step| step.fault.is_none()));
///
/// let crash = parse("crash tokyo")?;
/// let hosts = Remote::new([("tokyo", &hv01 as &dyn ReplicationService)])?;
/// let problem = hosts.problems(&crash).remove(0);
/// assert_eq!(problem.message, "`crash` needs a simulated world: no client can ask for it");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Remote<'a> {
    hosts: Vec<Member<'a>>,
    /// Names that were seen anywhere.
    seen: BTreeMap<Arc<str>, BTreeSet<VmId>>,
    /// The time of the last step, for when nobody tells.
    time: Cell<SimTime>,
    /// When the last step ended, or the last pause in it, by the clock of the hosts.
    looked: Cell<SimTime>,
}

/// A host.
#[derive(Clone, Debug)]
struct Member<'a> {
    name: Arc<str>,
    service: &'a dyn ReplicationService,
    /// Its time when the first line was still to come.
    begun: SimTime,
    /// Its virtual machines, when they were last listed.
    vms: Vec<Vm>,
    /// The jobs that lines have started on it.
    jobs: BTreeSet<JobId>,
    /// What was last seen of its sides.
    sides: Vec<Side>,
}

impl Member<'_> {
    fn named<'v>(&'v self, name: &'v str) -> impl Iterator<Item = &'v Vm> {
        self.vms.iter().filter(move |it| *it.name == *name)
    }
}

impl<'a> Remote<'a> {
    /// These hosts, by the names that lines give them.
    ///
    /// # Errors
    /// One of them does not answer.
    pub fn new<'n>(
        hosts: impl IntoIterator<Item = (&'n str, &'a dyn ReplicationService)>,
    ) -> Result<Self> {
        let member = |(name, service): (&str, &'a dyn ReplicationService)| {
            Ok(Member {
                name: name.into(),
                service,
                begun: service.now()?,
                vms: service.vms()?,
                jobs: BTreeSet::new(),
                sides: Vec::new(),
            })
        };
        let hosts = hosts.into_iter().map(member).collect::<Result<Vec<_>>>()?;
        let (seen, time) = (BTreeMap::new(), Cell::new(SimTime::ZERO));
        let looked = Cell::new(SimTime::ZERO);
        let mut remote = Self { hosts, seen, time, looked };
        remote.keep_names();
        Ok(remote)
    }

    fn member(&self, host: HostId) -> Option<&Member<'a>> {
        self.hosts.get(usize::from(host.0))
    }

    /// The service of a host; as of one that is not there, if it was not given.
    fn service(&self, host: HostId) -> Result<&'a dyn ReplicationService> {
        self.member(host).map(|it| it.service).ok_or(Error::NotFound(Missing::Host))
    }

    fn keep_names(&mut self) {
        for vm in self.hosts.iter().flat_map(|it| &it.vms) {
            self.seen.entry(Arc::clone(&vm.name)).or_default().insert(vm.id);
        }
    }

    /// The first host that tells the time, with it.
    fn clock(&self) -> Option<(&Member<'a>, SimTime)> {
        self.hosts.iter().find_map(|it| Some((it, it.service.now().ok()?)))
    }

    /// Lets time pass on every host that answers. Those that have one clock wait once.
    fn sleep(&self, duration: Duration) -> Result<()> {
        let now = self.hosts.iter().map(|it| it.service.now());
        let until: Vec<_> = now.map(|it| it.map(|now| now + duration)).collect();
        let (mut slept, mut silent) = (false, None);
        for (member, until) in self.hosts.iter().zip(until) {
            match until.and_then(|until| Ok(until.since(member.service.now()?))) {
                Ok(rest) => {
                    slept = true;
                    if !rest.is_zero() {
                        member.service.sleep(rest)?;
                    }
                }
                Err(error) => silent = Some(error),
            }
        }
        self.looked.set(Names::now(self));
        silent.filter(|_| !slept).map_or(Ok(()), Err)
    }

    fn call(&mut self, host: HostId, call: &Call) -> Result<Reply, Mishap> {
        let answer = self.service(host).and_then(|it| it.call(call));
        match answer {
            Ok(Outcome::Started(job)) => {
                self.hosts[usize::from(host.0)].jobs.insert(job);
                Ok(Reply::Started(job))
            }
            Ok(Outcome::Completed) => Ok(Reply::Completed),
            Ok(Outcome::Returned(output)) => Ok(Reply::Returned(output)),
            Err(Error::Refused(refusal)) => Ok(Reply::Refused(refusal)),
            Err(Error::NotFound(missing)) => Ok(Reply::NotFound(missing)),
            Err(Error::NotImplemented(_)) => Ok(Reply::NotImplemented),
            Err(error) => Err(Mishap::Unanswered(error)),
        }
    }
}

/// `None` of what is not there.
fn if_there<T>(read: Result<T>) -> Result<Option<T>> {
    match read {
        Ok(it) => Ok(Some(it)),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Scene for Remote<'_> {
    fn names(&self) -> &dyn Names {
        self
    }

    fn all_vms(&self) -> Vec<(Arc<str>, VmId)> {
        let ids = |(name, ids): (&Arc<str>, &BTreeSet<VmId>)| {
            ids.iter().map(|id| (Arc::clone(name), *id)).collect::<Vec<_>>()
        };
        self.seen.iter().flat_map(ids).collect()
    }

    fn time(&self) -> SimTime {
        if let Some((member, now)) = self.clock() {
            self.time.set(SimTime::ZERO + now.since(member.begun));
            self.looked.set(now);
        }
        self.time.get()
    }

    fn happen(&mut self, input: &Input, made: &mut Vec<(Arc<str>, VmId)>) -> Result<Reply, Mishap> {
        let impossible = |problem| Err(Mishap::Impossible(problem));
        match input {
            Input::AddHost(spec) => match self.find_host(spec) {
                Ok(_) => Ok(Reply::Happened),
                Err(why) => impossible(why),
            },
            Input::AddVm { host, vm } => match self.find_vm(*host, vm) {
                Ok(id) => {
                    made.push((Arc::clone(&vm.name), id));
                    Ok(Reply::Happened)
                }
                Err(why) => impossible(why),
            },
            Input::Call { host, caller: Caller::Administrator, call } => self.call(*host, call),
            Input::Advance(duration) => {
                self.sleep(*duration).map(|()| Reply::Happened).map_err(Mishap::Unanswered)
            }
            Input::Call { .. } => impossible(bind::SOMEBODY_ELSE.to_owned()),
            Input::Disturb(_) | Input::Configure { .. } => impossible(bind::needs("this")),
        }
    }

    fn start(&mut self, _: Option<u64>, _: Option<&Policy>) -> bool {
        false
    }

    fn vm_facts(&self, host: HostId, vm: VmId, like: &VmFacts) -> Result<Option<VmFacts>> {
        look::vm_facts(self.service(host)?, vm, like)
    }

    fn find_job(&self, job: JobId) -> Result<Option<Job>> {
        // Whoever started it is asked; of a job that no line has started, everybody.
        let started = self.hosts.iter().find(|it| it.jobs.contains(&job));
        for member in self.hosts.iter().filter(|it| started.is_none_or(|one| one.name == it.name)) {
            if let Some(job) = if_there(member.service.job(job))? {
                return Ok(Some(job));
            }
        }
        Ok(None)
    }

    fn log(&self, _: HostId) -> Vec<LogEntry> {
        Vec::new()
    }

    fn pause(&self, end: SimTime) -> Option<Duration> {
        let now = Names::now(self);
        // A clock that leaps when somebody looks at a job has leapt already.
        (now < end).then(|| PAUSE.saturating_sub(now.since(self.looked.get())))
    }

    fn sides(&mut self, named: &BTreeSet<(HostId, VmId)>) -> Vec<Side> {
        let named: BTreeSet<_> = named.iter().map(|(_, vm)| *vm).collect();
        let mut sides = Vec::new();
        for member in &mut self.hosts {
            let listed = member.service.vms().and_then(|vms| {
                member.vms = vms;
                look::sides(&member.name, member.service, &member.vms, &named)
            });
            match listed {
                Ok(seen) => member.sides = seen,
                // It is as it was last seen, as far as anybody can tell.
                Err(_) => member.sides.iter_mut().for_each(|it| it.up = false),
            }
            sides.extend(member.sides.iter().cloned());
        }
        self.keep_names();
        sides
    }
}

impl Names for Remote<'_> {
    fn host_named(&self, name: &str) -> Option<HostId> {
        let at = self.hosts.iter().position(|it| it.name.eq_ignore_ascii_case(name))?;
        u16::try_from(at).ok().map(HostId)
    }
    fn host_name(&self, host: HostId) -> Option<String> {
        self.member(host).map(|it| it.name.to_string())
    }
    fn vms_named(&self, host: HostId, name: &str) -> Vec<VmId> {
        let member = self.member(host);
        let here: Vec<_> =
            member.into_iter().flat_map(|it| it.named(name)).map(|it| it.id).collect();
        if here.is_empty() {
            return self.seen.get(name).into_iter().flatten().copied().collect();
        }
        here
    }
    fn vm_names(&self, _: HostId) -> Vec<String> {
        self.seen.keys().map(ToString::to_string).collect()
    }
    fn vm_name(&self, host: HostId, vm: VmId) -> Option<String> {
        let there = self.member(host)?.vms.iter().find(|it| it.id == vm)?;
        Some(there.name.to_string())
    }
    fn points(&self, host: HostId, vm: VmId) -> Vec<PointId> {
        let points = self.service(host).and_then(|it| it.recovery_points(vm));
        points.unwrap_or_default().into_iter().map(|it| it.id).collect()
    }
    fn job(&self, _: &str) -> Option<JobId> {
        None
    }
    fn job_alias(&self, _: JobId) -> Option<String> {
        None
    }
    fn now(&self) -> SimTime {
        self.clock().map_or(SimTime::ZERO, |(_, now)| now)
    }
}
