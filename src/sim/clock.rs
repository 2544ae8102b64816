//! Clocks: how virtual time follows the time of those who wait for it.

use super::{HostHandle, Lab, lock};
use crate::engine::{Input, Reply, World};
use crate::error::Result;
use crate::model::{
    AuthorizationEntry, Call, Devices, FailoverNetworkAdapterSettings, Host, HostId, Job, JobId,
    RecoveryPoint, Relationship, RelationshipId, ServiceSettings, Settings, SimTime, Vm, VmId,
};
use crate::service::{Outcome, ReplicationService};
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How virtual time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pace {
    /// So many times as fast as the wall clock; 1 is `real`.
    Times(u32),
    /// Only when somebody lets it pass: [`Lab::advance`].
    Manual,
    /// To the next event whenever somebody reads a job that has not ended, so that who polls never
    /// waits; otherwise not.
    Jump,
}

impl Pace {
    /// As fast as the wall clock.
    pub const REAL: Self = Self::Times(1);
}

impl fmt::Display for Pace {
    /// `real`, `x60`, `manual`, `jump`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Times(1) => f.write_str("real"),
            Self::Times(times) => write!(f, "x{times}"),
            Self::Manual => f.write_str("manual"),
            Self::Jump => f.write_str("jump"),
        }
    }
}

/// A text that is no [`Pace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsePaceError;

impl fmt::Display for ParsePaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected `real`, `x60` or another number of times, `manual` or `jump`")
    }
}

impl std::error::Error for ParsePaceError {}

impl FromStr for Pace {
    type Err = ParsePaceError;

    fn from_str(text: &str) -> Result<Self, ParsePaceError> {
        let times = |digits: &str| digits.parse().ok().filter(|times| *times > 0);
        match text {
            "real" => Ok(Self::REAL),
            "manual" => Ok(Self::Manual),
            "jump" => Ok(Self::Jump),
            _ => text.strip_prefix('x').and_then(times).map(Self::Times).ok_or(ParsePaceError),
        }
    }
}

/// The time of those who wait. This crate reads no clock, so whoever has one brings it: a server the
/// machine's, a test one that it sets.
pub trait Wall: Send + Sync {
    /// What has passed since some moment that stays the same.
    fn elapsed(&self) -> Duration;

    /// Waits.
    fn wait(&self, time: Duration);
}

/// Lets the time of a lab follow a wall clock. Cloning it clones the handle.
///
/// Virtual time passes when somebody looks: before each answer of a [`Paced`] host, and in
/// [`keep_up`](Self::keep_up). It passes in whole milliseconds, so that a journal of it can be read,
/// and nothing is lost to rounding. Time that somebody lets pass besides comes on top.
///
/// ```
/// use hyperv_replica::prelude::*;
/// use hyperv_replica::sim::{Clock, Lab, Pace, Wall};
/// use std::sync::atomic::{AtomicU64, Ordering};
/// use std::time::Duration;
///
/// /// A wall clock that goes when somebody waits for it. A server's reads `Instant`.
/// #[derive(Default)]
/// struct Patience(AtomicU64);
///
/// impl Wall for Patience {
///     fn elapsed(&self) -> Duration { Duration::from_millis(self.0.load(Ordering::Relaxed)) }
///     fn wait(&self, time: Duration) {
///         self.0.fetch_add(time.as_millis() as u64, Ordering::Relaxed);
///     }
/// }
///
/// let lab = Lab::new(["tokyo", "osaka"]);
/// let clock = Clock::new(lab, Pace::Times(60), Patience::default());
/// let tokyo = clock.host("tokyo").expect("it is there");
/// tokyo.sleep(minutes(10))?; // Ten minutes there, ten seconds here.
/// assert_eq!(tokyo.now()?, SimTime::ZERO + minutes(10));
/// assert_eq!(clock.wall().elapsed(), seconds(10));
/// # Ok::<(), hyperv_replica::Error>(())
/// ```
#[derive(Clone)]
pub struct Clock {
    lab: Lab,
    wall: Arc<dyn Wall>,
    state: Arc<Mutex<State>>,
}

struct State {
    pace: Pace,
    /// When that pace was set, by the wall clock.
    since: Duration,
    /// The virtual time that has passed for it.
    passed: Duration,
    /// Who waits while a manual clock stands.
    waiting: Option<Waiting>,
}

impl State {
    fn new(pace: Pace, since: Duration) -> Self {
        Self { pace, since, passed: Duration::ZERO, waiting: None }
    }
}

/// That somebody has waited at this virtual time: first and last, by the wall clock.
struct Waiting {
    at: SimTime,
    since: Duration,
    last: Duration,
}

/// How often somebody who sleeps looks whether somebody else has let time pass.
const LOOK: Duration = Duration::from_millis(50);
/// The shortest wait: of the wall clock, whole milliseconds count.
const TICK: Duration = Duration::from_millis(1);

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pace = self.pace();
        f.debug_struct("Clock").field("lab", &self.lab).field("pace", &pace).finish_non_exhaustive()
    }
}

impl Clock {
    /// A clock of this lab, which goes from now on.
    pub fn new(lab: Lab, pace: Pace, wall: impl Wall + 'static) -> Self {
        let state = State::new(pace, wall.elapsed());
        Self { lab, wall: Arc::new(wall), state: Arc::new(Mutex::new(state)) }
    }

    /// The lab.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// The wall clock.
    pub fn wall(&self) -> &dyn Wall {
        &*self.wall
    }

    /// How time passes.
    pub fn pace(&self) -> Pace {
        lock(&self.state).pace
    }

    /// Time passes otherwise from now on.
    pub fn set_pace(&self, pace: Pace) {
        self.keep_up();
        *lock(&self.state) = State::new(pace, self.wall.elapsed());
    }

    /// Lets the time pass that is due by the wall clock, and tells the virtual time after it.
    pub fn keep_up(&self) -> SimTime {
        let mut state = lock(&self.state);
        if let Pace::Times(times) = state.pace {
            let elapsed = self.wall.elapsed().saturating_sub(state.since);
            let due = whole_milliseconds(elapsed.saturating_mul(times));
            let by = due.saturating_sub(state.passed);
            // What could not happen is still due.
            if !by.is_zero() && self.lab.apply(&Input::Advance(by)) == Reply::Happened {
                state.passed = due;
            }
        }
        drop(state);
        self.lab.now()
    }

    /// How long by the wall clock until something happens by itself; `None` if nothing is to
    /// happen, or not by the wall clock. What a server sleeps that tells of changes.
    pub fn until_next(&self) -> Option<Duration> {
        let now = self.keep_up();
        let Pace::Times(times @ 1..) = self.pace() else { return None };
        let due = self.lab.read(World::next_due)?;
        Some(due.since(now).saturating_add(TICK) / times + TICK)
    }

    /// For how long somebody has waited in vain, by the wall clock, because the pace is
    /// [`Pace::Manual`] and no time passes: from when a job that had not ended was first looked at,
    /// or somebody slept, to the last time that was so. `None` if nobody has since time passed.
    pub fn awaited(&self) -> Option<Duration> {
        let state = lock(&self.state);
        let it = state.waiting.as_ref()?;
        (it.at == self.lab.now()).then(|| it.last.saturating_sub(it.since))
    }

    /// Somebody waits for time to pass.
    fn note_waiting(&self) {
        let mut state = lock(&self.state);
        if state.pace != Pace::Manual {
            return;
        }
        let (at, now) = (self.lab.now(), self.wall.elapsed());
        match &mut state.waiting {
            Some(it) if it.at == at => it.last = now,
            other => *other = Some(Waiting { at, since: now, last: now }),
        }
    }

    /// Waits until so much time has passed in the lab, be it that somebody lets it pass; by the wall
    /// clock for as long as it takes to pass by itself, or without any pace for as much.
    fn wait(&self, duration: Duration) {
        // Rounding may cost a moment more than the division says.
        let (times, most) = match self.pace() {
            Pace::Times(times @ 1..) => (times, duration / times + 2 * TICK),
            _ => (1, duration),
        };
        let end = self.wall.elapsed().saturating_add(most);
        let until = self.keep_up() + duration;
        loop {
            self.note_waiting();
            let rest = until.since(self.keep_up());
            let left = end.saturating_sub(self.wall.elapsed());
            if rest.is_zero() || left.is_zero() {
                return;
            }
            self.wall.wait((rest / times).min(left).clamp(TICK, LOOK));
        }
    }

    /// The service of a host by this clock, if there is one of this name, without regard to case.
    pub fn host(&self, name: &str) -> Option<Paced<HostHandle>> {
        Some(self.host_by_id(self.lab.find_host(name)?.id()))
    }

    /// The service of a host by its number. One that is not there answers as one that is down.
    pub fn host_by_id(&self, host: HostId) -> Paced<HostHandle> {
        Paced { clock: self.clone(), host, service: self.lab.host_by_id(host) }
    }

    /// Somebody looks at a job, and waits for it if this is so: with [`Pace::Jump`], leaps to the
    /// next event.
    fn leap_if(&self, so: impl FnOnce(&World) -> bool) {
        match self.pace() {
            Pace::Jump => {}
            Pace::Manual if self.lab.read(so) => return self.note_waiting(),
            Pace::Manual | Pace::Times(_) => return,
        }
        // Held, so that two who poll at the same time do not leap past what only one of them saw.
        let mut lab = self.lab.hold();
        if so(lab.world())
            && let Some(due) = lab.world().next_due()
        {
            let by = due.since(lab.world().now());
            lab.apply(&Input::Advance(by), &mut Vec::new());
        }
    }
}

fn whole_milliseconds(it: Duration) -> Duration {
    Duration::from_millis(u64::try_from(it.as_millis()).unwrap_or(u64::MAX))
}

/// A host whose time goes by a [`Clock`].
///
/// Every answer is that of the moment at which it is given. [`sleep`](ReplicationService::sleep)
/// really waits, as on a host, but for [`Pace::Jump`], where nobody has to. It ends early when
/// somebody lets so much time pass; with [`Pace::Manual`] it ends when as much has passed by the
/// wall clock, whether anybody does or not.
#[derive(Clone, Debug)]
pub struct Paced<S> {
    clock: Clock,
    host: HostId,
    service: S,
}

impl<S> Paced<S> {
    /// The same host with a decorator between it and the clock.
    pub fn decorated<T>(self, decorate: impl FnOnce(S) -> T) -> Paced<T> {
        Paced { clock: self.clock, host: self.host, service: decorate(self.service) }
    }

    /// Its clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// The service, at the present moment.
    fn present(&self) -> &S {
        self.clock.keep_up();
        &self.service
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReplicationService> ReplicationService for Paced<S> {
    fn call(&self, call: &Call) -> Result<Outcome> {
        self.present().call(call)
    }

    fn host(&self) -> Result<Host> {
        self.present().host()
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        self.present().service_settings()
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        self.present().authorization_entries()
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        self.present().vms()
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        self.present().vm(id)
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.present().relationship(id)
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.present().settings(id)
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.present().recovery_points(vm)
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.present().devices(vm)
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        self.present().failover_network(vm)
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        let host = self.host;
        self.clock.leap_if(|world| world.jobs(host).any(|it| !it.state.is_terminal()));
        self.present().jobs()
    }

    fn job(&self, id: JobId) -> Result<Job> {
        let runs = |world: &World| world.job(id).is_some_and(|(_, it)| !it.state.is_terminal());
        self.clock.leap_if(runs);
        self.present().job(id)
    }

    fn now(&self) -> Result<SimTime> {
        self.present().now()
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        if self.clock.pace() == Pace::Jump {
            return self.service.sleep(duration);
        }
        self.clock.wait(duration);
        Ok(())
    }
}
