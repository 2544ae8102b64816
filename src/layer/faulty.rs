//! Faults at work: rules that count, and the service they stand over.

use super::ask::{Asked, Read, Seen};
use super::fault::{Armed, Fault, Plan, Verdict, VmRef};
use crate::error::{Error, Missing, Refusal, Result, Why};
use crate::model::{
    AuthorizationEntry, Call, Devices, ErrorCode, FailoverNetworkAdapterSettings, Host, Job, JobId,
    RecoveryPoint, Relationship, RelationshipId, ServiceSettings, Settings, SimTime, Vm, VmId,
};
use crate::service::{Outcome, ReplicationService};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A rule that is code.
type Closure = Box<dyn FnMut(&Seen<'_>) -> Option<Verdict> + Send>;

/// A rule in force.
enum Rule {
    Fault(Armed),
    Closure(Closure),
}

impl Rule {
    /// What it says of a question; one that it is about is counted.
    fn judge(&mut self, seen: &Seen<'_>) -> Option<Verdict> {
        match self {
            Self::Fault(fault) => fault.judge(seen),
            Self::Closure(closure) => closure(seen),
        }
    }
}

/// A rule is judged outside the lock of the set, so that a closure may add and remove rules.
type Shared<T> = Arc<Mutex<T>>;

fn lock<T>(it: &Mutex<T>) -> MutexGuard<'_, T> {
    it.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Clone, Default)]
struct Set {
    /// The rules by their number, which is their order.
    rules: BTreeMap<u64, Shared<Rule>>,
    next: u64,
    /// How many rules name a virtual machine: only then names are looked up.
    naming: usize,
    /// Names that were seen, for hosts on which the virtual machine is not there.
    names: BTreeMap<VmId, Arc<str>>,
    /// The virtual machines whose calls began these jobs.
    jobs: BTreeMap<JobId, VmId>,
}

/// Rules in force, in order; of each question the first that has a verdict decides.
///
/// One set stands over any number of hosts, and its rules count what reaches them from all of them
/// together. What an earlier rule has decided does not reach the later ones. Cloning clones the
/// handle: both are the same set. [`Faults::fork`] copies the rules.
///
/// ```
/// use hyperv_replica::layer::{Fault, Faults, Verdict};
/// use hyperv_replica::{model::Operation, prelude::*, sim::Lab};
///
/// let lab = Lab::new(["tokyo", "osaka"]);
/// let web = lab.vm("web").on("tokyo").create();
/// let faults = Faults::new();
/// let tokyo = faults.over("tokyo", lab.host("tokyo"));
///
/// let started = {
///     // For as long as the guard lives, the answers of calls are lost: what is done is done.
///     let _lossy = faults.rule(|seen| seen.call.map(|_| Verdict::LoseAnswer));
///     tokyo.start_vm(web)
/// };
/// assert!(matches!(started, Err(Error::Transport { .. })));
/// tokyo.sleep(minutes(1))?;
/// assert_eq!(tokyo.vm(web)?.power, EnabledState::Enabled);
/// # Ok::<(), hyperv_replica::Error>(())
/// ```
#[derive(Clone, Default)]
pub struct Faults {
    set: Shared<Set>,
}

impl fmt::Debug for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut list = f.debug_list();
        for rule in lock(&self.set).rules.values() {
            match &*lock(rule) {
                Rule::Fault(fault) => list.entry(fault),
                Rule::Closure(_) => list.entry(&"closure"),
            };
        }
        list.finish()
    }
}

impl From<Plan> for Faults {
    fn from(plan: Plan) -> Self {
        let faults = Self::new();
        plan.faults.into_iter().for_each(|fault| faults.add(fault));
        faults
    }
}

impl Faults {
    /// No rule: everything passes.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts a rule behind the others, for good.
    pub fn add(&self, fault: Fault) {
        self.put(Rule::Fault(fault.into()));
    }

    /// Puts a rule behind the others until the guard is dropped.
    pub fn guard(&self, fault: Fault) -> FaultGuard {
        let number = self.put(Rule::Fault(fault.into()));
        FaultGuard { faults: self.clone(), number }
    }

    /// Puts a rule that is code behind the others until the guard is dropped. It is asked about
    /// every question that no earlier rule decides, and must not ask its own service.
    pub fn rule(
        &self,
        rule: impl FnMut(&Seen<'_>) -> Option<Verdict> + Send + 'static,
    ) -> FaultGuard {
        FaultGuard { faults: self.clone(), number: self.put(Rule::Closure(Box::new(rule))) }
    }

    fn put(&self, rule: Rule) -> u64 {
        let mut set = lock(&self.set);
        set.naming += usize::from(names_a_vm(&rule));
        let number = set.next;
        set.next += 1;
        set.rules.insert(number, Arc::new(Mutex::new(rule)));
        number
    }

    fn remove(&self, number: u64) {
        let mut set = lock(&self.set);
        if let Some(rule) = set.rules.remove(&number) {
            set.naming -= usize::from(names_a_vm(&lock(&rule)));
        }
    }

    /// A set of its own with the same rules in the same order, each as often met as here. A rule
    /// that is code is in both: it counts what reaches either.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self { set: Arc::new(Mutex::new(self.copied())) }
    }

    /// Becomes as the other set is now: its rules instead of these, each as often met as there.
    ///
    /// Whoever stands under this set meets them from now on. The guards of rules that were here
    /// take nothing away any more.
    pub fn restore(&self, other: &Self) {
        // Never two sets are locked: somebody may restore the other from this one.
        let copied = other.copied();
        let mut set = lock(&self.set);
        // A number that a guard holds is not given again.
        let next = set.next.max(copied.next);
        let shifted = (next..).zip(copied.rules.into_values()).collect::<BTreeMap<_, _>>();
        let next = next.saturating_add(shifted.len() as u64);
        *set = Set { rules: shifted, next, ..copied };
    }

    fn copied(&self) -> Set {
        let mut set = lock(&self.set).clone();
        for rule in set.rules.values_mut() {
            let armed = match &*lock(rule) {
                Rule::Fault(fault) => fault.clone(),
                Rule::Closure(_) => continue,
            };
            *rule = Arc::new(Mutex::new(Rule::Fault(armed)));
        }
        set
    }

    /// These rules over a service, which is the host of this name.
    pub fn over<S: ReplicationService>(&self, host: &str, service: S) -> Faulty<S> {
        Faulty { host: host.into(), service, faults: self.clone() }
    }

    /// What becomes of a question, which counts as asked: [`Verdict::Pass`] if no rule decides.
    pub fn judge(&self, seen: &Seen<'_>) -> Verdict {
        let rules: Vec<_> = lock(&self.set).rules.values().map(Arc::clone).collect();
        rules.iter().find_map(|rule| lock(rule).judge(seen)).unwrap_or(Verdict::Pass)
    }

    /// Whether there is no rule, so that everything passes.
    pub fn is_empty(&self) -> bool {
        lock(&self.set).rules.is_empty()
    }

    /// A call about a virtual machine began a job.
    pub(crate) fn began(&self, job: JobId, vm: VmId) {
        lock(&self.set).jobs.insert(job, vm);
    }

    /// The virtual machine that a job is about: the one whose call began it, else, of a job that
    /// was begun elsewhere, the first that it affects.
    pub(crate) fn subject(
        &self,
        job: JobId,
        affected: impl FnOnce() -> Option<VmId>,
    ) -> Option<VmId> {
        let begun = lock(&self.set).jobs.get(&job).copied();
        // Whoever is asked outside the lock may be under the same rules.
        begun.or_else(affected)
    }

    /// The name of a virtual machine, if a rule cares for names.
    fn name(&self, service: &impl ReplicationService, vm: Option<VmId>) -> Option<Arc<str>> {
        let vm = vm?;
        if lock(&self.set).naming == 0 {
            return None;
        }
        // The service is asked outside the lock: it may be under the same rules.
        match service.vm(vm) {
            Ok(found) => {
                lock(&self.set).names.insert(vm, Arc::clone(&found.name));
                Some(found.name)
            }
            Err(_) => lock(&self.set).names.get(&vm).cloned(),
        }
    }
}

/// Closures see names, too.
fn names_a_vm(rule: &Rule) -> bool {
    match rule {
        Rule::Fault(fault) => matches!(fault.fault().vm, Some(VmRef::Name(_))),
        Rule::Closure(_) => true,
    }
}

/// Takes its rule out of force when dropped.
#[derive(Debug)]
#[must_use = "the rule is in force for as long as the guard lives"]
pub struct FaultGuard {
    faults: Faults,
    number: u64,
}

impl Drop for FaultGuard {
    fn drop(&mut self) {
        self.faults.remove(self.number);
    }
}

/// What the transport says where a fault was injected: the source of
/// [`Error::Transport`](crate::Error::Transport).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Injected {
    /// The answer was lost after the effect.
    AnswerLost,
    /// The service was never reached.
    Unreachable,
    /// A read was refused.
    ReadRefused(ErrorCode),
}

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            // A caller must not be able to tell the two apart by what they say.
            Self::AnswerLost | Self::Unreachable => f.write_str("no answer came (injected)"),
            Self::ReadRefused(code) => write!(f, "{code} (injected)"),
        }
    }
}

impl std::error::Error for Injected {}

/// A service whose calls and reads go wrong by rules; see [`Faults::over`].
///
/// `now` and `sleep` never do: they are the caller's clock. What is refused was not done: the
/// service does not learn of it.
#[derive(Clone, Debug)]
pub struct Faulty<S> {
    host: Arc<str>,
    service: S,
    faults: Faults,
}

impl<S: ReplicationService> Faulty<S> {
    /// A service under a plan of its own.
    pub fn over(host: &str, service: S, plan: Plan) -> Self {
        Faults::from(plan).over(host, service)
    }

    /// The rules.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// What the rules call the host.
    pub fn host_name(&self) -> &str {
        &self.host
    }

    /// The service below, which knows nothing of the rules.
    pub fn inner(&self) -> &S {
        &self.service
    }

    fn read<T>(&self, read: Read, of: Subject, from: impl FnOnce(&S) -> Result<T>) -> Result<T> {
        if self.faults.is_empty() {
            return from(&self.service);
        }
        let lost = |what| Err(Error::Transport { operation: None, source: Box::new(what) });
        match self.judge(Asked::Read(read), None, of)? {
            Verdict::Pass => from(&self.service),
            Verdict::Delay(by) => {
                self.service.sleep(by)?;
                from(&self.service)
            }
            Verdict::Refuse(code) => lost(Injected::ReadRefused(code)),
            Verdict::LoseAnswer => lost(Injected::AnswerLost),
            Verdict::Unreachable => lost(Injected::Unreachable),
            Verdict::Missing => Err(Error::NotFound(of.missing())),
        }
    }

    fn judge(&self, asked: Asked, call: Option<&Call>, of: Subject) -> Result<Verdict> {
        let job = of.job();
        let affected = |job| self.service.job(job).ok()?.affected.first().copied();
        let vm = of.vm().or_else(|| self.faults.subject(job?, || affected(job?)));
        let name = self.faults.name(&self.service, vm);
        let (host, at) = (&*self.host, self.service.now()?);
        let seen = Seen { host, asked, call, vm, vm_name: name.as_deref(), job, at };
        Ok(self.faults.judge(&seen))
    }

    /// Makes a call, and remembers whose job it began.
    fn pass(&self, call: &Call) -> Result<Outcome> {
        let outcome = self.service.call(call);
        if let (Ok(Outcome::Started(job)), Some(vm)) = (&outcome, call.vm()) {
            self.faults.began(*job, vm);
        }
        outcome
    }
}

/// What a read is of.
#[derive(Clone, Copy)]
enum Subject {
    Host,
    Vm(VmId),
    Relationship(RelationshipId),
    Job(JobId),
}

impl Subject {
    fn vm(self) -> Option<VmId> {
        match self {
            Self::Vm(vm) => Some(vm),
            Self::Relationship(id) => Some(id.vm),
            Self::Host | Self::Job(_) => None,
        }
    }

    fn job(self) -> Option<JobId> {
        match self {
            Self::Job(job) => Some(job),
            _ => None,
        }
    }

    fn missing(self) -> Missing {
        match self {
            Self::Host => Missing::Host,
            Self::Vm(vm) => Missing::Vm(vm),
            Self::Relationship(id) => Missing::Relationship(id),
            Self::Job(job) => Missing::Job(job),
        }
    }
}

/// What is said not to be there when a call is.
pub(crate) fn missing(call: &Call) -> Missing {
    subject(call).missing()
}

/// What a call was refused with by a fault.
pub(crate) fn refusal(call: &Call, code: ErrorCode) -> Refusal {
    let why = Why::Text("an injected fault".into());
    Refusal { operation: call.operation(), code, why, found: None }
}

/// What a call is about.
fn subject(call: &Call) -> Subject {
    match call.parts().0 {
        Call::RequestJobStateChange { job, .. }
        | Call::GetError { job }
        | Call::GetErrorEx { job } => Subject::Job(*job),
        call => call.vm().map_or(Subject::Host, Subject::Vm),
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReplicationService> ReplicationService for Faulty<S> {
    fn call(&self, call: &Call) -> Result<Outcome> {
        if self.faults.is_empty() {
            return self.pass(call);
        }
        let of = subject(call);
        let lost = |what| {
            let operation = Some(call.operation());
            Err(Error::Transport { operation, source: Box::new(what) })
        };
        match self.judge(Asked::Call(call.operation()), Some(call), of)? {
            Verdict::Pass => self.pass(call),
            Verdict::Delay(by) => {
                self.service.sleep(by)?;
                self.pass(call)
            }
            Verdict::Refuse(code) => Err(Error::Refused(refusal(call, code))),
            Verdict::LoseAnswer => {
                // Whatever the answer is, it is what gets lost.
                drop(self.pass(call));
                lost(Injected::AnswerLost)
            }
            Verdict::Unreachable => lost(Injected::Unreachable),
            Verdict::Missing => Err(Error::NotFound(of.missing())),
        }
    }

    fn host(&self) -> Result<Host> {
        self.read(Read::Host, Subject::Host, S::host)
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        self.read(Read::ServiceSettings, Subject::Host, S::service_settings)
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        self.read(Read::AuthorizationEntries, Subject::Host, S::authorization_entries)
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        self.read(Read::Vms, Subject::Host, S::vms)
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        self.read(Read::Vm, Subject::Vm(id), |it| it.vm(id))
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.read(Read::Relationship, Subject::Relationship(id), |it| it.relationship(id))
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.read(Read::Settings, Subject::Relationship(id), |it| it.settings(id))
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.read(Read::RecoveryPoints, Subject::Vm(vm), |it| it.recovery_points(vm))
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.read(Read::Devices, Subject::Vm(vm), |it| it.devices(vm))
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        self.read(Read::FailoverNetwork, Subject::Vm(vm), |it| it.failover_network(vm))
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        self.read(Read::Jobs, Subject::Host, S::jobs)
    }

    fn job(&self, id: JobId) -> Result<Job> {
        self.read(Read::Job, Subject::Job(id), |it| it.job(id))
    }

    fn now(&self) -> Result<SimTime> {
        self.service.now()
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        self.service.sleep(duration)
    }
}
