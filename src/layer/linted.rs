//! A service that watches its client.

use super::ask::Read;
use super::lint::{Finding, Lint};
use super::tally::Tally;
use crate::error::Result;
use crate::model::{
    AuthorizationEntry, Call, Devices, FailoverNetworkAdapterSettings, Host, Job, JobId,
    RecoveryPoint, Relationship, RelationshipId, ServiceSettings, Settings, SimTime, Vm, VmId,
};
use crate::service::{Outcome, ReplicationService};
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a client may do before it is told off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tolerance {
    /// The shortest pause between two looks at a job that runs.
    pub shortest_poll: Duration,
    /// How long a job may be polled. Initial replication can take days, and be scheduled a week
    /// ahead.
    pub longest_wait: Duration,
    /// How often a job may be looked at after it was seen to have ended, or to be gone.
    pub looks_after_end: u32,
    /// How often in a row, without such a pause, what a job is about may be looked at again while
    /// it runs, or the list of all jobs.
    pub hasty_looks: u32,
}

impl Default for Tolerance {
    /// A look each 100 ms, which is what the most impatient of known clients do, for 31 days; and
    /// eight looks at what is over, or at what else there is to see.
    fn default() -> Self {
        Self {
            shortest_poll: Duration::from_millis(100),
            longest_wait: Duration::from_secs(31 * 24 * 3600),
            looks_after_end: 8,
            hasty_looks: 8,
        }
    }
}

/// What a client did over all services that it was [put over](Linter::over). Cloning clones the
/// handle.
#[derive(Clone, Default)]
pub struct Linter {
    tally: Arc<Mutex<Tally>>,
}

impl fmt::Debug for Linter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Linter").field(&self.findings()).finish()
    }
}

impl Linter {
    /// With the default [`Tolerance`].
    pub fn new() -> Self {
        Self::default()
    }

    /// With another tolerance.
    pub fn with_tolerance(tolerance: Tolerance) -> Self {
        Self { tally: Arc::new(Mutex::new(Tally::new(tolerance))) }
    }

    fn lock(&self) -> MutexGuard<'_, Tally> {
        self.tally.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Watches the client of a service, which is the host of this name.
    pub fn over<S: ReplicationService>(&self, host: &str, service: S) -> Linted<S> {
        Linted { host: host.into(), service, linter: self.clone() }
    }

    /// What was found so far, as if the client were done now: in the order of the calls that show
    /// it.
    pub fn findings(&self) -> Vec<Finding> {
        self.lock().findings()
    }

    /// Holds a client to having no findings but these.
    ///
    /// # Panics
    /// If there are others, with a list of them.
    #[track_caller]
    pub fn assert_clean_but_for(&self, known: &[Lint]) {
        let mut list = String::new();
        let mut count = 0;
        for found in self.findings().iter().filter(|it| !known.contains(&it.lint)) {
            count += 1;
            list.extend(["\n- ".to_owned(), found.to_string()]);
        }
        let s = if count == 1 { "" } else { "s" };
        assert!(count == 0, "the client makes {count} mistake{s}:{list}");
    }

    /// Holds a client to having no findings.
    ///
    /// # Panics
    /// If there are any, with a list of them.
    #[track_caller]
    pub fn assert_clean(&self) {
        self.assert_clean_but_for(&[]);
    }
}

/// A service that watches its client and changes nothing; see [`Lint`] for what it looks for.
///
/// It reads the service below when a call calls for it: what was started, whether a replica is
/// started, whether a refusal is one that passes. On a real host those are a few reads more.
///
/// ```
/// use hyperv_replica::layer::{Lint, Linted};
/// use hyperv_replica::{prelude::*, sim::Lab};
///
/// let lab = Lab::new(["tokyo", "osaka"]);
/// let web = lab.vm("web").on("tokyo").create();
/// let tokyo = Linted::over("tokyo", lab.host("tokyo"));
///
/// let _ = tokyo.create_replication_relationship(web, Settings::to("osaka"))?; // 4096, and…
/// let early = tokyo.start_replication(web, InitialReplication::Network);      // …on it goes.
/// assert!(early.is_err());
/// assert_eq!(tokyo.linter().findings()[0].lint, Lint::UnwatchedJob);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Linted<S> {
    host: Arc<str>,
    service: S,
    linter: Linter,
}

impl<S: ReplicationService> Linted<S> {
    /// A service with a linter of its own. One for several hosts is [`Linter::over`].
    pub fn over(host: &str, service: S) -> Self {
        Linter::new().over(host, service)
    }

    /// What it has to say.
    pub fn linter(&self) -> &Linter {
        &self.linter
    }

    /// The service below.
    pub fn inner(&self) -> &S {
        &self.service
    }

    /// A read that tells the client about this virtual machine, or about all.
    fn looked<T>(&self, what: Read, vm: Option<VmId>, read: Result<T>) -> Result<T> {
        if read.is_ok() {
            self.looked_instead(what, vm);
            self.linter.lock().looked(vm);
        }
        read
    }

    /// A look that may be instead of one at a job. The time is asked for only then.
    fn looked_instead(&self, what: Read, vm: Option<VmId>) {
        let waits = self.linter.lock().waits_for(vm);
        if waits && let Ok(at) = self.service.now() {
            self.linter.lock().looked_instead(&self.host, at, what, vm);
        }
    }

    /// What the client sees of virtual machines.
    fn saw<'a>(&self, vms: impl IntoIterator<Item = &'a Vm>) {
        let mut tally = self.linter.lock();
        vms.into_iter().for_each(|vm| tally.saw_vm(&self.host, vm));
    }
}

#[deny(clippy::missing_trait_methods)]
impl<S: ReplicationService> ReplicationService for Linted<S> {
    fn call(&self, call: &Call) -> Result<Outcome> {
        let at = self.service.now();
        // What is read of the service is read outside the lock.
        let scene = super::tally::scene(&self.service, call);
        let outcome = self.service.call(call);
        let passing = super::tally::passing(&self.service, call, &outcome);
        if let Ok(at) = at {
            let mut tally = self.linter.lock();
            tally.called(&self.host, at, call, &outcome, scene, passing);
        }
        outcome
    }

    fn host(&self) -> Result<Host> {
        self.service.host()
    }

    fn service_settings(&self) -> Result<ServiceSettings> {
        self.service.service_settings()
    }

    fn authorization_entries(&self) -> Result<Vec<AuthorizationEntry>> {
        self.service.authorization_entries()
    }

    fn vms(&self) -> Result<Vec<Vm>> {
        let vms = self.looked(Read::Vms, None, self.service.vms());
        self.saw(vms.iter().flatten());
        vms
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        let vm = self.looked(Read::Vm, Some(id), self.service.vm(id));
        self.saw(&vm);
        vm
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.looked(Read::Relationship, Some(id.vm), self.service.relationship(id))
    }

    fn settings(&self, id: RelationshipId) -> Result<Settings> {
        self.service.settings(id)
    }

    fn recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        self.service.recovery_points(vm)
    }

    fn devices(&self, vm: VmId) -> Result<Devices> {
        self.service.devices(vm)
    }

    fn failover_network(&self, vm: VmId) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        self.service.failover_network(vm)
    }

    fn jobs(&self) -> Result<Vec<Job>> {
        let jobs = self.service.jobs()?;
        self.looked_instead(Read::Jobs, None);
        let at = self.service.now()?;
        let mut tally = self.linter.lock();
        tally.looked(None);
        for job in &jobs {
            tally.saw_in_list(at, job);
        }
        drop(tally);
        Ok(jobs)
    }

    fn job(&self, id: JobId) -> Result<Job> {
        let job = self.service.job(id);
        if let Ok(at) = self.service.now() {
            self.linter.lock().polled(at, id, &job);
        }
        job
    }

    fn now(&self) -> Result<SimTime> {
        self.service.now()
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        self.service.sleep(duration)
    }
}
