//! The shell: a world behind a lock, with a service for each of its hosts.
//!
//! ```
//! use hyperv_replica::{prelude::*, sim::Lab};
//!
//! let lab = Lab::new(["tokyo", "osaka"]);
//! let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
//! let web = lab.vm("web").on("tokyo").running().create();
//!
//! let created = tokyo.create_replication_relationship(web, Settings::to("osaka"))?;
//! tokyo.wait(created)?; // Virtual time passes; real time does not.
//! let started = tokyo.start_replication(web, InitialReplication::Network)?;
//! tokyo.wait(started)?;
//! lab.advance(hours(2));
//!
//! let replica = osaka.relationship(RelationshipId::primary(web))?;
//! assert_eq!(replica.state, ReplicationState::Replicating);
//! let refused = osaka.commit_failover(web).unwrap_err();
//! assert_eq!(refused.code(), Some(ErrorCode::InvalidState)); // 32775
//! # Ok::<(), hyperv_replica::Error>(())
//! ```

mod build;
mod clock;
mod handle;
mod held;
mod strict;
mod watch;

pub use build::VmBuilder;
pub use clock::{Clock, Pace, Paced, ParsePaceError, Wall};
pub use handle::HostHandle;
pub use held::{Checkpoint, Held, Scribe};
pub use strict::Assumptions;
pub use watch::{Step, Watch};

use crate::engine::{
    Caller, Disturbance, Event, HostChange, HostSpec, Input, Policy, Rejection, Reply, World,
};
use crate::model::{Call, HostId, SimTime};
use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use strict::Scrutiny;

/// A world to experiment with.
///
/// Cloning a lab clones the handle: both see the same world. [`Lab::fork`] copies the world.
#[derive(Clone)]
pub struct Lab {
    shared: Arc<Mutex<Shared>>,
}

struct Shared {
    world: World,
    /// Draws what a builder leaves open. What was drawn enters the world as data.
    draws: Xoshiro256PlusPlus,
    events: Vec<Event>,
    watches: Vec<Weak<Mutex<Vec<Event>>>>,
    trace: Option<Vec<Step>>,
    /// Whether time that passes in pieces is one step of the trace.
    brief: bool,
    scrutiny: Scrutiny,
    /// Who writes down what happens, before it does.
    scribe: Option<Box<dyn Scribe>>,
}

impl fmt::Debug for Lab {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shared = self.lock();
        let hosts: Vec<_> = shared.world.hosts().map(|(_, host)| host.name).collect();
        f.debug_struct("Lab").field("now", &shared.world.now()).field("hosts", &hosts).finish()
    }
}

impl Lab {
    /// Hosts of these names that trust each other, with seed 0, at the epoch.
    ///
    /// Each is a Windows Server 2022 whose replica server lets any host in with Kerberos.
    ///
    /// # Panics
    /// If two names are alike or one is no host name; [`Lab::with_seed`] and [`Lab::add_host`]
    /// report that instead.
    #[track_caller]
    pub fn new<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Self {
        Self::with_seed(0).joined_by(hosts)
    }

    /// The same with a [trace](Self::start_trace) from the very beginning, so that everything that
    /// happens can be told as a script.
    ///
    /// # Panics
    /// As [`new`](Self::new).
    ///
    /// ```
    /// use hyperv_replica::{script, sim::Lab};
    /// use hyperv_replica::engine::World;
    ///
    /// let lab = Lab::traced(["tokyo"]);
    /// lab.vm("web").on("tokyo").create();
    /// let steps = lab.trace();
    /// let script = script::record(World::new(0), steps.iter().map(|it| &it.input));
    /// assert!(script.to_string().starts_with("host tokyo\nvm web on tokyo"));
    /// ```
    #[track_caller]
    pub fn traced<'a>(hosts: impl IntoIterator<Item = &'a str>) -> Self {
        let lab = Self::with_seed(0);
        lab.start_trace();
        lab.joined_by(hosts)
    }

    #[track_caller]
    fn joined_by<'a>(self, hosts: impl IntoIterator<Item = &'a str>) -> Self {
        for name in hosts {
            let reply = self.add_host(&HostSpec::trusting(name));
            assert!(reply == Reply::Happened, "host `{name}`: {reply:?}");
        }
        self
    }

    /// An empty lab. The seed decides what builders draw and which GUIDs the world mints.
    pub fn with_seed(seed: u64) -> Self {
        Self::with_policy(seed, Policy::default())
    }

    /// An empty lab with its own durations and rates.
    pub fn with_policy(seed: u64, policy: Policy) -> Self {
        Self::over(World::with_policy(seed, policy), seed)
    }

    /// A lab over an existing world.
    pub fn over(world: World, seed: u64) -> Self {
        let shared = Shared {
            world,
            draws: Xoshiro256PlusPlus::seed_from_u64(seed),
            events: Vec::new(),
            watches: Vec::new(),
            trace: None,
            brief: false,
            scrutiny: Scrutiny::default(),
            scribe: None,
        };
        Self { shared: Arc::new(Mutex::new(shared)) }
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        lock(&self.shared)
    }

    /// A lab of its own with a copy of this world as it is now. Watches and the trace stay here.
    #[must_use]
    pub fn fork(&self) -> Self {
        self.lock().fork()
    }

    /// A copy of the world as it is now.
    pub fn world(&self) -> World {
        self.lock().world.clone()
    }

    /// Looks at the world without copying it. The lab is locked meanwhile.
    pub fn read<R>(&self, look: impl FnOnce(&World) -> R) -> R {
        look(&self.lock().world)
    }

    /// Makes one thing happen.
    pub fn apply(&self, input: &Input) -> Reply {
        self.lock().apply(input)
    }

    /// Adds a host.
    pub fn add_host(&self, spec: &HostSpec) -> Reply {
        self.apply(&Input::AddHost(spec.clone()))
    }

    /// The service of a host.
    ///
    /// # Panics
    /// If there is no such host; [`Lab::find_host`] reports that instead.
    #[track_caller]
    pub fn host(&self, name: &str) -> HostHandle {
        match self.find_host(name) {
            Some(handle) => handle,
            None => panic!("there is no host `{name}` in this lab"),
        }
    }

    /// The service of a host, if there is one of this name, without regard to case.
    pub fn find_host(&self, name: &str) -> Option<HostHandle> {
        let host = self.read(|world| world.host_named(name))?;
        Some(self.host_by_id(host))
    }

    /// The service of a host by its number. One that is not there answers as one that is down.
    pub fn host_by_id(&self, host: HostId) -> HostHandle {
        HostHandle::new(self.clone(), host)
    }

    /// Begins a virtual machine.
    pub fn vm(&self, name: &str) -> VmBuilder {
        VmBuilder::new(self.clone(), name)
    }

    /// The time of the world.
    pub fn now(&self) -> SimTime {
        self.read(World::now)
    }

    /// Lets time pass, and with it everything that is due. Time saturates at its end.
    pub fn advance(&self, by: Duration) {
        self.apply(&Input::Advance(by));
    }

    /// Lets time pass from event to event until the world looks as asked, for at most `limit`;
    /// whether it came to that. The world is looked at before, between and after.
    pub fn run_until(&self, limit: Duration, mut looks: impl FnMut(&World) -> bool) -> bool {
        let mut shared = self.lock();
        let end = shared.world.now() + limit;
        loop {
            if looks(&shared.world) {
                return true;
            }
            let now = shared.world.now();
            if now >= end {
                return false;
            }
            let next = shared.world.next_due().map_or(end, |due| due.min(end));
            if shared.apply(&Input::Advance(next.since(now))) != Reply::Happened {
                return false;
            }
        }
    }

    /// Makes something happen that no client asked for.
    pub fn disturb(&self, what: Disturbance) -> Reply {
        self.apply(&Input::Disturb(what))
    }

    /// Changes a machine by other means than WMI.
    ///
    /// ```
    /// use hyperv_replica::{engine::HostChange, model::ServiceStatus, prelude::*, sim::Lab};
    ///
    /// let lab = Lab::new(["tokyo", "osaka"]);
    /// let osaka = lab.host("osaka");
    /// lab.configure(&osaka, HostChange::OccupyPort(80)); // Its listener stops.
    /// assert_eq!(osaka.host()?.status, ServiceStatus::Error);
    /// # Ok::<(), hyperv_replica::Error>(())
    /// ```
    pub fn configure(&self, host: &HostHandle, change: HostChange) -> Reply {
        self.apply(&Input::Configure { host: host.id(), change })
    }

    /// Watches every change from now on, for as long as the watch lives.
    pub fn watch(&self) -> Watch {
        let (watch, sink) = Watch::new();
        self.lock().watches.push(sink);
        watch
    }

    /// Keeps every input with its reply from now on. A trace grows without bound.
    pub fn start_trace(&self) {
        self.lock().trace.get_or_insert_default();
    }

    /// The same, for a lab that lives long: time that passes in pieces is one step.
    pub fn start_brief_trace(&self) {
        let mut shared = self.lock();
        shared.trace.get_or_insert_default();
        shared.brief = true;
    }

    /// The trace so far, which goes on; nothing without one.
    pub fn trace(&self) -> Vec<Step> {
        self.lock().trace.clone().unwrap_or_default()
    }

    /// The trace so far, which begins anew.
    pub fn take_trace(&self) -> Vec<Step> {
        self.lock().trace.as_mut().map(std::mem::take).unwrap_or_default()
    }
}

/// A lock is not lost with a thread that panicked: what it guards is whole after each input.
fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn fork(&self) -> Lab {
        let fork = Self {
            world: self.world.clone(),
            draws: self.draws.clone(),
            events: Vec::new(),
            watches: Vec::new(),
            trace: None,
            brief: false,
            scrutiny: self.scrutiny.fork(),
            scribe: None,
        };
        Lab { shared: Arc::new(Mutex::new(fork)) }
    }

    fn apply(&mut self, input: &Input) -> Reply {
        let reply = self.happen(input, !self.watches.is_empty());
        self.events.clear();
        reply
    }

    /// Makes one thing happen; what an observer sees of it is left in `events`, unless nobody is to
    /// see what happens while time passes: of a large estate that would fill the memory.
    fn happen(&mut self, input: &Input, seen: bool) -> Reply {
        let at = self.world.now();
        if let Some(scribe) = &mut self.scribe
            && scribe.write(&self.world, input).is_err()
        {
            return Reply::Rejected(Rejection::Unwritten);
        }
        let Self { world, events, scrutiny, .. } = self;
        let reply = match input {
            _ if !scrutiny.is_absent() => scrutiny.apply(world, input, events),
            Input::Advance(by) if !seen => world.pass(*by),
            _ => world.apply(input, events),
        };
        self.publish();
        if let Some(trace) = &mut self.trace
            && !(self.brief && watch::goes_on(trace, input, &reply))
        {
            trace.push(Step { at, input: input.clone(), reply: reply.clone() });
        }
        reply
    }

    /// A call, without making an input of it where nobody wants one.
    fn call(&mut self, host: HostId, caller: Caller, call: &Call) -> Reply {
        if self.trace.is_some() || self.scribe.is_some() || !self.scrutiny.is_absent() {
            return self.apply(&Input::Call { host, caller, call: call.clone() });
        }
        let reply = self.world.apply_call(host, caller, call, &mut self.events);
        self.publish();
        self.events.clear();
        reply
    }

    fn publish(&mut self) {
        if !self.watches.is_empty() {
            watch::publish(&mut self.watches, &self.events);
        }
    }
}
