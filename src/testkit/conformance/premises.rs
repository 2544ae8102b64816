//! Hosts that are there already, with virtual machines that may be used up.

use super::fixture::{Act, Capability, Fixture, NewVm, Place};
use crate::error::{Error, Result};
use crate::model::{
    AuthenticationType, AuthorizationEntry, Call, Devices, EnabledState,
    FailoverNetworkAdapterSettings, Host, Job, JobId, RecoveryPoint, Relationship, RelationshipId,
    ReplicationMode, ServiceSettings, Settings, SimTime, Vm, VmId,
};
use crate::service::{Outcome, Patience, ReplicationService, ReplicationServiceExt};
use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

/// A virtual machine on the first host that the suite may do anything to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sacrifice {
    /// Its GUID.
    pub vm: VmId,
    /// How many disks it has.
    pub disks: u8,
    /// Whether copying its disks takes minutes.
    pub large: bool,
}

/// What premises have beyond hosts and virtual machines; nothing by default.
#[derive(Clone, Copy, Default)]
#[allow(clippy::struct_excessive_bools)] // Each is a capability of its own.
pub struct Offers<'a> {
    /// [`Capability::Hours`].
    pub hours: bool,
    /// [`Capability::GuestWrites`].
    pub guest_writes: bool,
    /// [`Capability::Reconfigure`].
    pub reconfigure: bool,
    /// [`Capability::Folder`].
    pub folder: Option<&'a str>,
    /// The hosts as somebody asks them who is no administrator: [`Capability::Stranger`].
    pub strangers: &'a [&'a dyn ReplicationService],
    /// What does an [`Act`]: the capabilities that need one.
    pub act: Option<&'a dyn Fn(Act) -> Result<()>>,
    /// How to wait, unless as a fixture does by default.
    pub patience: Option<Patience>,
}

impl fmt::Debug for Offers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Offers")
            .field("hours", &self.hours)
            .field("guest_writes", &self.guest_writes)
            .field("reconfigure", &self.reconfigure)
            .field("folder", &self.folder)
            .field("strangers", &self.strangers)
            .field("act", &self.act.is_some())
            .field("patience", &self.patience)
            .finish()
    }
}

/// Two or three hosts of any backend as a fixture. The virtual machines for behaviours are not made
/// but taken from some that were given up for it. They stay, unreplicated and off, but for one that a
/// behaviour deletes; their replicas on the other hosts are deleted. The whole list takes
/// [`Premises::PLAIN_VMS`].
///
/// What is not about one of them is safe: a call about any other virtual machine that is on a host
/// never reaches that host.
///
/// ```
/// use hyperv_replica::testkit::conformance::{self, Offers, Premises, Sacrifice, Verdict};
/// use hyperv_replica::{prelude::*, sim::Lab};
///
/// let lab = Lab::new(["tokyo", "osaka"]);
/// let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
/// let spare = lab.vm("spare").on("tokyo").create();
/// let given = [Sacrifice { vm: spare, disks: 1, large: false }];
/// let make = || Premises::new(&[&tokyo, &osaka], &given, Offers::default());
///
/// let behaviour = conformance::BEHAVIOURS.iter().find(|it| it.name == "create_moves_no_data");
/// let entry = behaviour.expect("it is on the list").try_on(&make()?);
/// assert_eq!(entry.verdict, Verdict::Passed);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Premises<'a> {
    hosts: Vec<Guarded<'a>>,
    strangers: Vec<Guarded<'a>>,
    given: &'a [Sacrifice],
    offers: Offers<'a>,
    taken: RefCell<Vec<VmId>>,
}

impl<'a> Premises<'a> {
    /// How many plain virtual machines, of one disk that is not large, the list of behaviours takes:
    /// four at a time, one that is deleted, and one whose addresses are stored.
    pub const PLAIN_VMS: usize = 6;

    /// These hosts, in the order of [`Place::ALL`], with what is given up on the first of them.
    ///
    /// # Errors
    /// A host does not answer. What is given up is not on the first host, or is on another one too,
    /// or is replicated: then it is not there to be used up.
    pub fn new(
        hosts: &[&'a dyn ReplicationService],
        given: &'a [Sacrifice],
        offers: Offers<'a>,
    ) -> Result<Self> {
        let guard = |it: &&'a dyn ReplicationService| Guarded { service: *it, given };
        for (number, host) in hosts.iter().enumerate() {
            let vms = host.vms()?;
            for it in given {
                let there = vms.iter().find(|vm| vm.id == it.vm);
                match there {
                    Some(vm) if number > 0 => {
                        return Err(unusable(&format!("`{}` is on another host, too", vm.name)));
                    }
                    Some(vm) if vm.mode != ReplicationMode::None => {
                        return Err(unusable(&format!("`{}` is replicated", vm.name)));
                    }
                    None if number == 0 => {
                        return Err(unusable(&format!("{} is not on the first host", it.vm)));
                    }
                    _ => {}
                }
            }
        }
        Ok(Self {
            hosts: hosts.iter().map(guard).collect(),
            strangers: offers.strangers.iter().map(guard).collect(),
            given,
            offers,
            taken: RefCell::default(),
        })
    }

    /// Those of both first hosts that listen for certificates and name one.
    fn certificates(&self) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for host in &self.hosts {
            let settings = host.service_settings()?;
            if settings.listens(AuthenticationType::Certificate) {
                names.extend(Some(settings.certificate_thumbprint).filter(|it| !it.is_empty()));
            }
        }
        Ok(names)
    }

    /// A virtual machine that can be had for this: the plainest.
    fn free(&self, vm: &NewVm) -> Result<Option<VmId>> {
        let Some(first) = self.hosts.first() else { return Ok(None) };
        let there = first.vms()?;
        let taken = self.taken.borrow();
        let free = |id: VmId| {
            let fresh = there.iter().any(|it| it.id == id && it.mode == ReplicationMode::None);
            fresh && !taken.contains(&id)
        };
        let fits = |it: &&Sacrifice| it.disks >= vm.disks && it.large == vm.large && free(it.vm);
        // Addresses that a behaviour stored stay where they are.
        let used = |id| first.failover_network(id).is_ok_and(|it| !it.is_empty());
        let plainest = |it: &&Sacrifice| (it.disks, used(it.vm));
        Ok(self.given.iter().filter(fits).min_by_key(plainest).map(|it| it.vm))
    }
}

fn unusable(why: &str) -> Error {
    Error::Transport { operation: None, source: why.to_owned().into() }
}

#[deny(clippy::missing_trait_methods)]
impl Fixture for Premises<'_> {
    fn host(&self, place: Place) -> Option<&dyn ReplicationService> {
        self.hosts.get(place as usize).map(|it| it as &dyn ReplicationService)
    }

    fn lacks(&self, capability: Capability) -> Option<String> {
        let offered = match capability {
            Capability::ThirdHost => self.hosts.len() > 2,
            Capability::Hours => self.offers.hours,
            Capability::GuestWrites => self.offers.guest_writes,
            Capability::TwoDisks => self.given.iter().any(|it| it.disks > 1 && !it.large),
            Capability::LargeDisks => self.given.iter().any(|it| it.large),
            Capability::CutLinks | Capability::CrashHosts | Capability::ChangeDisks => {
                self.offers.act.is_some()
            }
            Capability::Reconfigure => self.offers.reconfigure,
            Capability::Folder => self.offers.folder.is_some(),
            Capability::Stranger => self.offers.strangers.len() >= self.hosts.len(),
            Capability::Certificates => {
                self.certificates().is_ok_and(|it| it.len() == self.hosts.len())
            }
        };
        (!offered).then(|| "nobody has offered it".to_owned())
    }

    fn settings(&self, _: Place, to: Place) -> Settings {
        let Some(host) = self.hosts.get(to as usize) else { return Settings::default() };
        let name = host.host().map(|it| it.name.to_string()).unwrap_or_default();
        let server = host.service_settings().unwrap_or_default();
        let kind = if server.listens(AuthenticationType::Kerberos) {
            AuthenticationType::Kerberos
        } else {
            AuthenticationType::Certificate
        };
        let sender = match to {
            Place::Second => Place::First,
            _ => Place::Second,
        };
        let thumbprint = match kind {
            AuthenticationType::Kerberos => String::new(),
            AuthenticationType::Certificate => self.certificate(sender).unwrap_or_default(),
        };
        Settings {
            recovery_server_port: server.port(kind),
            authentication: Some(kind),
            certificate_thumbprint: thumbprint,
            ..Settings::to(&name)
        }
    }

    fn create_vm(&self, at: Place, vm: &NewVm) -> Result<VmId> {
        let free = if at == Place::First { self.free(vm)? } else { None };
        let (Some(id), Some(host)) = (free, self.hosts.first()) else {
            return Err(unusable("no virtual machine is left that was given up for this"));
        };
        self.taken.borrow_mut().push(id);
        let runs = host.vm(id)?.power != EnabledState::Disabled;
        if vm.running && !runs {
            host.wait_for(&host.start_vm(id)?, self.patience())?;
        }
        if runs && !vm.running {
            host.wait_for(&host.turn_off_vm(id)?, self.patience())?;
        }
        Ok(id)
    }

    fn delete_vm(&self, at: Place, vm: VmId) -> Result<()> {
        if at == Place::First {
            self.taken.borrow_mut().retain(|it| *it != vm);
            return Ok(());
        }
        let Some(host) = self.hosts.get(at as usize) else { return Ok(()) };
        host.wait_for(&host.destroy_system(vm)?, self.patience())
    }

    fn act(&self, act: Act) -> Result<()> {
        if let Act::ChangeDisks(_, vm) = act
            && !self.given.iter().any(|it| it.vm == vm)
        {
            return Err(unusable(GUARDED));
        }
        match self.offers.act {
            Some(does) => does(act),
            None => Err(unusable("nobody has offered that")),
        }
    }

    fn stranger(&self, at: Place) -> Result<&dyn ReplicationService> {
        match self.strangers.get(at as usize) {
            Some(it) => Ok(it),
            None => Err(unusable("nobody has offered a stranger")),
        }
    }

    fn folder(&self) -> Result<String> {
        match self.offers.folder {
            Some(folder) => Ok(folder.to_owned()),
            None => Err(unusable("nobody has offered a folder")),
        }
    }

    fn certificate(&self, at: Place) -> Result<String> {
        match self.hosts.get(at as usize) {
            Some(host) => Ok(host.service_settings()?.certificate_thumbprint),
            None => Err(unusable("there is no such host")),
        }
    }

    fn patience(&self) -> Patience {
        let fixed = Patience { poll: Duration::from_secs(1), timeout: Duration::from_secs(900) };
        self.offers.patience.unwrap_or(fixed)
    }
}

/// What is said of a call that is kept from a host.
const GUARDED: &str = "it is about a virtual machine that was not given up for the suite";

/// A host that calls about virtual machines of others do not reach.
#[derive(Debug)]
struct Guarded<'a> {
    service: &'a dyn ReplicationService,
    given: &'a [Sacrifice],
}

impl Guarded<'_> {
    /// Whether a virtual machine is given up, the test replica of one that is, or not there at all:
    /// then there is nothing that could be done to it.
    fn is_given(&self, vm: VmId) -> Result<bool> {
        let given = |id: VmId| self.given.iter().any(|it| it.vm == id);
        if given(vm) {
            return Ok(true);
        }
        let vms = self.service.vms()?;
        let tests = |it: &Vm| given(it.id) && it.test_replica == Some(vm);
        Ok(vms.iter().any(tests) || !vms.iter().any(|it| it.id == vm))
    }
}

#[deny(clippy::missing_trait_methods)]
impl ReplicationService for Guarded<'_> {
    fn call(&self, call: &Call) -> Result<Outcome> {
        if let Some(vm) = call.vm()
            && !self.is_given(vm)?
        {
            let operation = Some(call.operation());
            return Err(Error::Transport { operation, source: GUARDED.into() });
        }
        self.service.call(call)
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
        self.service.vms()
    }

    fn vm(&self, id: VmId) -> Result<Vm> {
        self.service.vm(id)
    }

    fn relationship(&self, id: RelationshipId) -> Result<Relationship> {
        self.service.relationship(id)
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
        self.service.jobs()
    }

    fn job(&self, id: JobId) -> Result<Job> {
        self.service.job(id)
    }

    fn now(&self) -> Result<SimTime> {
        self.service.now()
    }

    fn sleep(&self, duration: Duration) -> Result<()> {
        self.service.sleep(duration)
    }
}
