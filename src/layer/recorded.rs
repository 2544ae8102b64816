//! A session becomes data, and data a session.

use super::recording::{Exchange, Look, Question, Recording, Shown, Told};
use crate::error::{Error, Result};
use crate::model::{
    AuthorizationEntry, Call, Devices, FailoverNetworkAdapterSettings, Host, Job, JobId, Operation,
    RecoveryPoint, Relationship, RelationshipId, ReplicationMode, ServiceSettings, Settings,
    SimTime, Vm, VmId,
};
use crate::service::{Outcome, ReplicationService};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Records a session with any number of hosts. Cloning clones the handle.
///
/// ```
/// use hyperv_replica::layer::{Recorder, Replay};
/// use hyperv_replica::{prelude::*, sim::Lab};
///
/// let lab = Lab::new(["tokyo", "osaka"]);
/// let web = lab.vm("web").on("tokyo").create();
/// let recorder = Recorder::new();
/// let tokyo = recorder.over("tokyo", lab.host("tokyo"))?;
/// tokyo.wait(tokyo.start_vm(web)?)?;
///
/// // What was recorded answers again, without the service.
/// let replay = Replay::of(recorder.recording());
/// let tokyo = replay.host("tokyo");
/// tokyo.wait(tokyo.start_vm(web)?)?;
/// assert!(replay.is_over());
///
/// // Whoever asks something else is told where he left the recorded path.
/// let error = tokyo.turn_off_vm(web).unwrap_err();
/// assert!(error.to_string().contains("the recording is over"), "{error}");
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    recording: Arc<Mutex<Recording>>,
}

impl Recorder {
    /// Of an empty recording.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was recorded so far. The lines are numbered as its text has them.
    pub fn recording(&self) -> Recording {
        let mut recording = lock(&self.recording).clone();
        let all = recording.opening.iter_mut().chain(&mut recording.exchanges);
        (1..).zip(all).for_each(|(line, it)| it.line = line);
        recording
    }

    /// Records what a service is asked, which is the host of this name. What the host looks like
    /// now, its virtual machines with their devices and their relationships, is the beginning of it.
    pub fn over<S: ReplicationService>(&self, host: &str, service: S) -> Result<Recorded<S>> {
        let recorded = Recorded { host: host.into(), service, recorder: self.clone() };
        let first = [Look::Host, Look::ServiceSettings, Look::AuthorizationEntries, Look::Vms];
        let vms = recorded.service.vms()?;
        let of_vms = vms.iter().flat_map(looks_at);
        for look in first.into_iter().chain(of_vms) {
            let at = recorded.service.now()?;
            let told = Told::of_look(look.at(&recorded.service));
            lock(&self.recording).opening.push(Exchange {
                line: 0,
                at,
                host: Arc::clone(&recorded.host),
                question: Question::Look(look),
                told,
            });
        }
        Ok(recorded)
    }
}

/// What there is to see of a virtual machine.
fn looks_at(vm: &Vm) -> Vec<Look> {
    let legs = [RelationshipId::primary(vm.id), RelationshipId::extended(vm.id)];
    let [primary, extended] = legs.map(Look::Relationship);
    let mut looks = vec![primary, extended, Look::Devices(vm.id), Look::FailoverNetwork(vm.id)];
    if vm.mode != ReplicationMode::None {
        looks.extend(legs.map(Look::Settings));
        looks.push(Look::RecoveryPoints(vm.id));
    }
    looks
}

/// A service whose client is recorded; see [`Recorder::over`]. It changes nothing.
#[derive(Clone, Debug)]
pub struct Recorded<S> {
    host: Arc<str>,
    service: S,
    recorder: Recorder,
}

impl<S: ReplicationService> Recorded<S> {
    /// The service below.
    pub fn inner(&self) -> &S {
        &self.service
    }

    fn keep(&self, at: Result<SimTime>, question: Question, told: Told) {
        // A service that cannot tell the time cannot tell anything else.
        let at = at.unwrap_or(SimTime::ZERO);
        let host = Arc::clone(&self.host);
        let exchange = Exchange { line: 0, at, host, question, told };
        lock(&self.recorder.recording).exchanges.push(exchange);
    }

    fn look<T: Clone>(
        &self,
        look: Look,
        from: impl FnOnce(&S) -> Result<T>,
        shown: fn(T) -> Shown,
    ) -> Result<T> {
        let at = self.service.now();
        let answer = from(&self.service);
        let told = match &answer {
            Ok(it) => Told::Shown(shown(it.clone())),
            Err(error) => Told::of_error(error),
        };
        self.keep(at, Question::Look(look), told);
        answer
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReplicationService> ReplicationService for Recorded<S> {
    fn call(&self, call: &Call) -> Result<Outcome> {
        let at = self.service.now();
        let answer = self.service.call(call);
        self.keep(at, Question::Call(call.clone()), Told::of_call(&answer));
        answer
    }

    fn host(&self) -> Result<Host> {
        self.look(Look::Host, S::host, Shown::Host)
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        self.look(Look::ServiceSettings, S::service_settings, Shown::ServiceSettings)
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        let shown = Shown::AuthorizationEntries;
        self.look(Look::AuthorizationEntries, S::authorization_entries, shown)
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        self.look(Look::Vms, S::vms, Shown::Vms)
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        self.look(Look::Vm(id), |it| it.vm(id), Shown::Vm)
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.look(Look::Relationship(id), |it| it.relationship(id), Shown::Relationship)
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.look(Look::Settings(id), |it| it.settings(id), |it| Shown::Settings(Box::new(it)))
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.look(Look::RecoveryPoints(vm), |it| it.recovery_points(vm), Shown::RecoveryPoints)
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.look(Look::Devices(vm), |it| it.devices(vm), Shown::Devices)
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        self.look(Look::FailoverNetwork(vm), |it| it.failover_network(vm), Shown::FailoverNetwork)
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        self.look(Look::Jobs, S::jobs, Shown::Jobs)
    }

    fn job(&self, id: JobId) -> Result<Job> {
        self.look(Look::Job(id), |it| it.job(id), |it| Shown::Job(Box::new(it)))
    }

    fn now(&self) -> Result<SimTime> {
        self.service.now()
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        self.service.sleep(duration)
    }
}

/// A recording that answers. Cloning clones the handle.
#[derive(Clone)]
pub struct Replay {
    shared: Arc<Mutex<Tape>>,
}

struct Tape {
    exchanges: Vec<Exchange>,
    /// How far each host is.
    next: BTreeMap<Arc<str>, usize>,
    now: SimTime,
    /// Whether everything has its one answer, whenever it is asked.
    unordered: bool,
}

impl Tape {
    /// The place of the next exchange of a host, from this place on.
    fn find(&self, host: &str, from: usize) -> usize {
        let rest = self.exchanges.iter().skip(from);
        from + rest.take_while(|it| !it.host.eq_ignore_ascii_case(host)).count()
    }
}

impl fmt::Debug for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tape = lock(&self.shared);
        f.debug_struct("Replay").field("now", &tape.now).field("next", &tape.next).finish()
    }
}

impl Replay {
    /// Of this recording, from its first exchange behind the opening.
    pub fn of(recording: Recording) -> Self {
        let first = recording.exchanges.first().or(recording.opening.last());
        let now = first.map_or(SimTime::ZERO, |it| it.at);
        let exchanges = recording.exchanges;
        let tape = Tape { exchanges, next: BTreeMap::new(), now, unordered: false };
        Self { shared: Arc::new(Mutex::new(tape)) }
    }

    /// Of how a recording begins: it answers what its [opening](Recording::opening) shows, in any
    /// order and as often as it is asked.
    pub fn opening_of(recording: &Recording) -> Self {
        let exchanges = recording.opening.clone();
        let now = exchanges.last().map_or(SimTime::ZERO, |it| it.at);
        let tape = Tape { exchanges, next: BTreeMap::new(), now, unordered: true };
        Self { shared: Arc::new(Mutex::new(tape)) }
    }

    /// A host of the recording. One that is not in it is never answered.
    pub fn host(&self, name: &str) -> Replayed {
        Replayed { host: name.to_ascii_lowercase().into(), replay: self.clone() }
    }

    /// Whether everything was asked that the recording has.
    pub fn is_over(&self) -> bool {
        let tape = lock(&self.shared);
        (0..).zip(&tape.exchanges).all(|(place, it)| {
            tape.next.iter().any(|(host, next)| it.host.eq_ignore_ascii_case(host) && place < *next)
        })
    }
}

/// A host of a recording. It answers what was asked of it, in the order in which it was asked; the
/// hosts of one recording need not keep step. Its time is that of the recording, and passes also
/// by [`sleep`](ReplicationService::sleep), which is not compared.
///
/// Whatever else is asked fails with [`Error::Transport`], whose source is a [`Deviation`].
#[derive(Clone, Debug)]
pub struct Replayed {
    host: Arc<str>,
    replay: Replay,
}

/// A client asked something else than was recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// The host.
    pub host: Arc<str>,
    /// What was recorded instead, with its line; `None` if nothing more was.
    pub expected: Option<(u32, Question)>,
    /// What was asked.
    pub asked: Question,
}

impl fmt::Display for Deviation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, expected, asked } = self;
        match expected {
            None => write!(f, "the recording is over for {host}, and {asked} was asked"),
            Some((line, expected)) if expected.to_string() == asked.to_string() => {
                write!(f, "line {line} of the recording has {expected} with other arguments")
            }
            Some((line, expected)) => {
                write!(f, "line {line} of the recording has {expected}, and {asked} was asked")
            }
        }
    }
}

impl std::error::Error for Deviation {}

impl Replayed {
    fn next(&self, asked: Question, operation: Option<Operation>) -> Result<Told> {
        let mut tape = lock(&self.replay.shared);
        if tape.unordered {
            let shown = tape
                .exchanges
                .iter()
                .find(|it| it.question == asked && it.host.eq_ignore_ascii_case(&self.host));
            let deviation = || Deviation { host: Arc::clone(&self.host), expected: None, asked };
            return shown
                .map(|it| it.told.clone())
                .ok_or_else(|| Error::Transport { operation, source: Box::new(deviation()) });
        }
        let from = tape.next.get(&self.host).copied().unwrap_or(0);
        let place = tape.find(&self.host, from);
        match tape.exchanges.get(place) {
            Some(it) if it.question == asked => {
                let (at, told) = (it.at, it.told.clone());
                tape.now = tape.now.max(at);
                tape.next.insert(Arc::clone(&self.host), place + 1);
                Ok(told)
            }
            other => {
                let expected = other.map(|it| (it.line, it.question.clone()));
                let deviation = Deviation { host: Arc::clone(&self.host), expected, asked };
                Err(Error::Transport { operation, source: Box::new(deviation) })
            }
        }
    }

    fn look<T>(&self, look: Look, of: impl FnOnce(Shown) -> Option<T>) -> Result<T> {
        let told = self.next(Question::Look(look), None)?;
        of(told.to_shown(look)?).ok_or_else(|| Error::Transport {
            operation: None,
            source: "the recording shows something of another kind".into(),
        })
    }
}

/// What a read showed, if it is of this kind.
macro_rules! shown {
    ($kind:ident) => {
        |it| match it {
            Shown::$kind(it) => Some(it),
            _ => None,
        }
    };
}

#[deny(clippy::missing_trait_methods)]
impl ReplicationService for Replayed {
    fn call(&self, call: &Call) -> Result<Outcome> {
        self.next(Question::Call(call.clone()), Some(call.operation()))?.to_outcome(call)
    }

    fn host(&self) -> Result<Host> {
        self.look(Look::Host, shown!(Host))
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        self.look(Look::ServiceSettings, shown!(ServiceSettings))
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        self.look(Look::AuthorizationEntries, shown!(AuthorizationEntries))
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        self.look(Look::Vms, shown!(Vms))
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        self.look(Look::Vm(id), shown!(Vm))
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.look(Look::Relationship(id), shown!(Relationship))
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.look(Look::Settings(id), shown!(Settings)).map(|it| *it)
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.look(Look::RecoveryPoints(vm), shown!(RecoveryPoints))
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.look(Look::Devices(vm), shown!(Devices))
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        self.look(Look::FailoverNetwork(vm), shown!(FailoverNetwork))
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        self.look(Look::Jobs, shown!(Jobs))
    }

    fn job(&self, id: JobId) -> Result<Job> {
        self.look(Look::Job(id), shown!(Job)).map(|it| *it)
    }

    fn now(&self) -> Result<SimTime> {
        Ok(lock(&self.replay.shared).now)
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        let mut tape = lock(&self.replay.shared);
        tape.now += duration;
        Ok(())
    }
}
