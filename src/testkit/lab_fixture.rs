//! The simulator as a fixture of the conformance suite.

use super::conformance::{Act, Capability, Fixture, NewVm, Place};
use crate::engine::{Caller, Disturbance, HostSpec, Policy, Reply};
use crate::error::{Error, Result};
use crate::model::time::{minutes, seconds};
use crate::model::{
    AllowedAuthentication, Certificate, ServiceSettings, Settings, VmId, WindowsBuild,
};
use crate::service::{Patience, ReplicationService, ReplicationServiceExt};
use crate::sim::{HostHandle, Lab};

const GIB: u64 = 1 << 30;
const NAMES: [&str; 3] = ["tokyo.contoso.com", "osaka.contoso.com", "london.contoso.com"];

/// Three simulated hosts in virtual time, for the [conformance suite](super::conformance): it lacks
/// no [`Capability`].
///
/// A decorator is tried by laying it over each host:
///
/// ```
/// use hyperv_replica::ReplicationService;
/// use hyperv_replica::model::WindowsBuild;
/// use hyperv_replica::testkit::{LabFixture, conformance};
///
/// let report = conformance::run(&mut || {
///     let lab = LabFixture::new(WindowsBuild::Server2022);
///     Box::new(lab.decorated(|host| Box::new(std::rc::Rc::new(host))))
/// });
/// assert!(report.is_good(), "{report}");
/// ```
#[derive(Debug)]
pub struct LabFixture {
    lab: Lab,
    hosts: [Box<dyn ReplicationService>; 3],
    strangers: [Box<dyn ReplicationService>; 3],
}

impl LabFixture {
    /// Three hosts of this Windows with certificates, that trust each other.
    pub fn new(build: WindowsBuild) -> Self {
        Self::with_policy(build, Policy::default())
    }

    /// The same with a policy: other answers, other durations.
    pub fn with_policy(build: WindowsBuild, policy: Policy) -> Self {
        let lab = Lab::with_policy(0, policy);
        for name in NAMES {
            let thumbprint = thumbprint(name);
            let spec = HostSpec {
                build,
                settings: ServiceSettings {
                    allowed_authentication: AllowedAuthentication::Both,
                    certificate_thumbprint: thumbprint.clone(),
                    ..ServiceSettings::kerberos()
                },
                certificates: vec![Certificate::of(name, &thumbprint)],
                ..HostSpec::trusting(name)
            };
            let reply = lab.add_host(&spec);
            debug_assert_eq!(reply, Reply::Happened, "{name}");
        }
        Self::over(lab, &mut |host| Box::new(host))
    }

    fn over(lab: Lab, decorate: &mut dyn FnMut(HostHandle) -> Box<dyn ReplicationService>) -> Self {
        let hosts = Place::ALL.map(|it| decorate(handle(&lab, it)));
        let strangers = Place::ALL.map(|it| decorate(handle(&lab, it).called_by(Caller::Other)));
        Self { lab, hosts, strangers }
    }

    /// The same hosts behind a decorator each. What the fixture itself does passes it by.
    #[must_use]
    pub fn decorated(
        self,
        mut decorate: impl FnMut(HostHandle) -> Box<dyn ReplicationService>,
    ) -> Self {
        Self::over(self.lab, &mut decorate)
    }

    /// The lab that it is.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }
}

fn thumbprint(host: &str) -> String {
    host.bytes().map(|it| format!("{it:02X}")).collect::<String>().chars().take(40).collect()
}

fn handle(lab: &Lab, place: Place) -> HostHandle {
    lab.host(name(place))
}

fn name(place: Place) -> &'static str {
    NAMES[place as usize]
}

#[deny(clippy::missing_trait_methods)]
impl Fixture for LabFixture {
    fn host(&self, place: Place) -> Option<&dyn ReplicationService> {
        Some(&*self.hosts[place as usize])
    }

    fn lacks(&self, _: Capability) -> Option<String> {
        None
    }

    fn settings(&self, _: Place, to: Place) -> Settings {
        Settings::to(name(to))
    }

    fn create_vm(&self, at: Place, vm: &NewVm) -> Result<VmId> {
        let disks = u64::from(vm.disks.max(1));
        let used = if vm.large { 40 * GIB } else { GIB };
        let mut builder = self.lab.vm(&vm.name).on(name(at)).writing(64 << 10);
        for _ in 0..disks {
            builder = builder.disk(64 * GIB, used / disks);
        }
        Ok(if vm.running { builder.running() } else { builder }.create())
    }

    fn delete_vm(&self, at: Place, vm: VmId) -> Result<()> {
        let host = handle(&self.lab, at);
        host.wait(host.destroy_system(vm)?)
    }

    fn act(&self, act: Act) -> Result<()> {
        let id = |place| handle(&self.lab, place).id();
        let disturbance = match act {
            Act::CutLink(a, b) => Disturbance::CutLink(id(a), id(b)),
            Act::HealLink(a, b) => Disturbance::HealLink(id(a), id(b)),
            Act::CrashHost(at) => Disturbance::CrashHost(id(at)),
            Act::BootHost(at) => Disturbance::BootHost(id(at)),
            Act::ChangeDisks(at, vm) => Disturbance::ChangeDisks(id(at), vm),
        };
        match self.lab.disturb(disturbance) {
            Reply::Happened => Ok(()),
            reply => Err(Error::Transport {
                operation: None,
                source: format!("{act:?} did not happen: {reply:?}").into(),
            }),
        }
    }

    fn stranger(&self, at: Place) -> Result<&dyn ReplicationService> {
        Ok(&*self.strangers[at as usize])
    }

    fn folder(&self) -> Result<String> {
        Ok(r"E:\Courier".to_owned())
    }

    fn certificate(&self, at: Place) -> Result<String> {
        Ok(thumbprint(name(at)))
    }

    fn patience(&self) -> Patience {
        Patience { poll: seconds(1), timeout: minutes(15) }
    }
}
