//! Associations: which objects each of them links.
//!
//! | Association | From | To |
//! |---|---|---|
//! | `Msvm_ElementSettingData` | virtual machine | settings of its replications |
//! | | replication service | settings of the replica server, authorization entries |
//! | `Msvm_SettingsDefineState` | virtual machine | settings it runs with |
//! | | relationship | its settings |
//! | `Msvm_SystemReplicationRelationship` | virtual machine | its relationships |
//! | `Msvm_ReplicaSystemDependency` | replica | its test replica |
//! | `Msvm_ComputerSystemSummaryInformation` | virtual machine | its summary |
//! | `Msvm_SnapshotOfVirtualSystem` | virtual machine | its recovery points |
//! | `Msvm_VirtualSystemSettingDataComponent` | settings it runs with | its processors, memory, controller, drives, disks and adapters |
//! | `Msvm_EthernetPortFailoverSettingDataComponent` | adapter | what it takes after a failover |
//! | `Msvm_AffectedJobElement` | virtual machine | jobs that work on it |
//! | `Win32_ComputerSystemProcessor` | host | its processor |

use super::find::Wanted;
use super::object::{Kind, Object};
use super::view::{View, found};
use crate::cim::mirror::names::{
    EFFECT_CREATE, EFFECT_UNKNOWN, NAMESPACE, WINDOWS_NAMESPACE, class,
};
use crate::cim::{Class, Instance, Name, Result};
use crate::model::{Devices, Job, ReplicationMode, Vm, VmId};
use crate::service::ReplicationService;

/// An association.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    ElementSettings,
    DefineState,
    SystemRelationship,
    TestDependency,
    SystemSummary,
    SnapshotOf,
    SettingsComponent,
    FailoverComponent,
    AffectedJob,
    ComputerProcessor,
}

/// Which end of an association an object is at: that of the first reference, or of the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    First,
    Second,
}

impl End {
    pub(super) const BOTH: [Self; 2] = [Self::First, Self::Second];

    pub(super) const fn other(self) -> Self {
        match self {
            Self::First => Self::Second,
            Self::Second => Self::First,
        }
    }
}

impl Link {
    pub(super) const ALL: [Self; 10] = [
        Self::ElementSettings,
        Self::DefineState,
        Self::SystemRelationship,
        Self::TestDependency,
        Self::SystemSummary,
        Self::SnapshotOf,
        Self::SettingsComponent,
        Self::FailoverComponent,
        Self::AffectedJob,
        Self::ComputerProcessor,
    ];

    /// The class.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::ElementSettings => class::ELEMENT_SETTING_DATA,
            Self::DefineState => class::SETTINGS_DEFINE_STATE,
            Self::SystemRelationship => class::SYSTEM_RELATIONSHIP,
            Self::TestDependency => class::TEST_DEPENDENCY,
            Self::SystemSummary => class::SYSTEM_SUMMARY,
            Self::SnapshotOf => class::SNAPSHOT_OF,
            Self::SettingsComponent => class::SETTINGS_COMPONENT,
            Self::FailoverComponent => class::FAILOVER_COMPONENT,
            Self::AffectedJob => class::AFFECTED_JOB_ELEMENT,
            Self::ComputerProcessor => class::COMPUTER_PROCESSOR,
        }
    }

    /// The reference that leads to an end.
    pub(super) const fn role(self, end: End) -> &'static str {
        let (first, second) = match self {
            Self::ElementSettings | Self::DefineState => ("ManagedElement", "SettingData"),
            Self::SystemRelationship
            | Self::TestDependency
            | Self::SystemSummary
            | Self::SnapshotOf => ("Antecedent", "Dependent"),
            Self::SettingsComponent | Self::FailoverComponent | Self::ComputerProcessor => {
                ("GroupComponent", "PartComponent")
            }
            Self::AffectedJob => ("AffectedElement", "AffectingElement"),
        };
        match end {
            End::First => first,
            End::Second => second,
        }
    }

    /// The namespace it is in.
    const fn namespace(self) -> &'static str {
        match self {
            Self::ComputerProcessor => WINDOWS_NAMESPACE,
            _ => NAMESPACE,
        }
    }

    /// From where all of them are found: an end, and what can be there.
    const fn beginning(self) -> (End, &'static [Kind]) {
        match self {
            Self::ElementSettings => (End::First, &[Kind::System, Kind::Service]),
            Self::DefineState => (End::First, &[Kind::System, Kind::Relationship]),
            Self::SystemRelationship
            | Self::TestDependency
            | Self::SystemSummary
            | Self::SnapshotOf => (End::First, &[Kind::System]),
            Self::SettingsComponent => (End::First, &[Kind::VmSettings]),
            Self::FailoverComponent => (End::First, &[Kind::Adapter]),
            Self::AffectedJob => (End::Second, &[Kind::Job]),
            Self::ComputerProcessor => (End::First, &[Kind::Computer]),
        }
    }
}

impl<S: ReplicationService> View<'_, S> {
    /// The associations that the host's build has.
    pub(super) fn links(&self) -> impl Iterator<Item = Link> {
        Link::ALL.into_iter().filter(|it| self.schema.class(it.class()).is_some())
    }

    /// Those of a class and those that extend it.
    pub(super) fn links_of(&self, class: &Class) -> impl Iterator<Item = Link> {
        let extends = |it: &Link| self.schema.is_a(it.class(), class.name.as_str());
        let links = class.is_association.then(|| self.links().filter(extends));
        links.into_iter().flatten()
    }

    /// What an association links with an object that is at one of its ends.
    pub(super) fn linked(&self, link: Link, end: End, with: &Object) -> Result<Vec<Object>> {
        match end {
            End::First => self.seconds(link, with),
            End::Second => self.firsts(link, with),
        }
    }

    fn seconds(&self, link: Link, first: &Object) -> Result<Vec<Object>> {
        let one = |it: Option<Object>| Ok(it.into_iter().collect());
        match (link, first) {
            (Link::ElementSettings, Object::Vm(vm)) => self.settings_of(vm),
            (Link::ElementSettings, Object::Service) => {
                let mut all = vec![Object::ServiceSettings];
                all.extend(self.find(Kind::Authorization, &Wanted::default())?);
                Ok(all)
            }
            (Link::DefineState, Object::Vm(vm)) => one(Some(Object::VmSettings(vm.clone()))),
            (Link::DefineState, Object::Relationship(vm, it)) => {
                one(self.settings_of_leg(vm, it.id)?)
            }
            (Link::SystemRelationship, Object::Vm(vm)) => self.relationships_of(vm),
            (Link::TestDependency, Object::Vm(vm)) => {
                let test = vm.test_replica.map_or(Ok(None), |it| self.vm(it))?;
                one(test.map(Object::Vm))
            }
            (Link::SystemSummary, Object::Vm(vm)) => one(Some(Object::Summary(vm.clone()))),
            (Link::SnapshotOf, Object::Vm(vm)) => self.points_of(vm),
            (Link::SettingsComponent, Object::VmSettings(vm)) => {
                let Devices { disks, adapters } = self.devices(vm.id)?;
                let mut all = vec![Object::Processor(vm.clone()), Object::Memory(vm.clone())];
                all.extend(self.resources_of(vm)?);
                all.extend(disks.into_iter().map(|it| Object::Disk(vm.clone(), it)));
                all.extend(adapters.into_iter().map(|it| Object::Adapter(vm.clone(), it)));
                Ok(all)
            }
            (Link::FailoverComponent, Object::Adapter(vm, adapter)) => {
                let stored = found(self.service.failover_network(vm.id))?.unwrap_or_default();
                let own = stored.into_iter().find(|it| it.adapter == *adapter);
                one(own.map(|it| Object::FailoverNetwork(vm.clone(), it)))
            }
            (Link::ComputerProcessor, Object::Computer) => one(Some(Object::HostProcessor)),
            (Link::AffectedJob, Object::Vm(vm)) => {
                let jobs = self.jobs_of(vm.id)?;
                Ok(jobs.map(|it| Object::Job(Box::new(it.clone()))).collect())
            }
            _ => Ok(Vec::new()),
        }
    }

    fn firsts(&self, link: Link, second: &Object) -> Result<Vec<Object>> {
        let vm = |vm: &Vm| Ok(vec![Object::Vm(vm.clone())]);
        match (link, second) {
            (Link::ElementSettings, Object::Settings(of, ..))
            | (Link::DefineState, Object::VmSettings(of))
            | (Link::SystemRelationship, Object::Relationship(of, _))
            | (Link::SystemSummary, Object::Summary(of))
            | (Link::SnapshotOf, Object::Point(of, _)) => vm(of),
            (Link::ElementSettings, Object::ServiceSettings | Object::Authorization(_)) => {
                Ok(vec![Object::Service])
            }
            (Link::DefineState, Object::Settings(of, id, _)) => {
                let mut all = self.relationships_of(of)?;
                all.retain(|it| matches!(it, Object::Relationship(_, it) if it.id == *id));
                Ok(all)
            }
            (Link::TestDependency, Object::Vm(test))
                if test.mode == ReplicationMode::TestReplica =>
            {
                let replica = self.vms()?.into_iter().find(|it| it.test_replica == Some(test.id));
                Ok(replica.into_iter().map(Object::Vm).collect())
            }
            (
                Link::SettingsComponent,
                Object::Processor(of)
                | Object::Memory(of)
                | Object::Controller(of)
                | Object::Drive(of, _)
                | Object::Disk(of, _)
                | Object::Adapter(of, _),
            ) => Ok(vec![Object::VmSettings(of.clone())]),
            (Link::ComputerProcessor, Object::HostProcessor) => Ok(vec![Object::Computer]),
            (Link::FailoverComponent, Object::FailoverNetwork(of, it)) => {
                Ok(vec![Object::Adapter(of.clone(), it.adapter)])
            }
            (Link::AffectedJob, Object::Job(job)) => {
                // A reference outlives what it leads to.
                let vm = |id: &VmId| Ok(self.vm(*id)?.map_or(Object::Gone(*id), Object::Vm));
                job.affected.iter().map(vm).collect()
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The instance by which an association links two objects.
    pub(super) fn link_instance(&self, link: Link, first: &Object, second: &Object) -> Instance {
        let ends = [
            (link.role(End::First), self.path(first).into()),
            (link.role(End::Second), self.path(second).into()),
        ];
        let mut sparse = Instance::of(link.class(), ends);
        if let (Object::Vm(Vm { id, .. }) | Object::Gone(id), Object::Job(job)) = (first, second) {
            sparse.set("ElementEffects", vec![effect(job, *id)]);
        }
        let instance = self.complete(sparse);
        match self.schema.path_of(&instance) {
            Some(path) => instance.at(self.located(path, link.namespace())),
            None => instance,
        }
    }

    /// The instances of an association that may be wanted. A reference that is known is followed
    /// from there; else every one is followed.
    pub(super) fn link_instances(&self, link: Link, wanted: &Wanted) -> Result<Vec<Instance>> {
        let known = End::BOTH.map(|end| (end, wanted.text(link.role(end))));
        for (end, text) in known {
            let Some(Ok(path)) = text.map(str::parse) else { continue };
            let near = self.locate_if_there(&path)?;
            if !near.is_empty() {
                return self.instances_at(link, end, near);
            }
        }
        if known.iter().any(|(_, text)| text.is_some()) {
            return Ok(Vec::new());
        }
        let mut all = Vec::new();
        let (end, kinds) = link.beginning();
        for kind in kinds {
            let near = self.find(*kind, &Wanted::default())?;
            all.extend(self.instances_at(link, end, near)?);
        }
        Ok(all)
    }

    fn instances_at(&self, link: Link, end: End, near: Vec<Object>) -> Result<Vec<Instance>> {
        let mut all = Vec::new();
        for near in near {
            for far in self.linked(link, end, &near)? {
                let (first, second) = match end {
                    End::First => (&near, &far),
                    End::Second => (&far, &near),
                };
                all.push(self.link_instance(link, first, second));
            }
        }
        Ok(all)
    }
}

/// The effect of a job on a virtual machine: it makes those that are not its subject, of which
/// nothing more is said.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-affectedjobelement>
fn effect(job: &Job, vm: VmId) -> u16 {
    if job.affected.first() == Some(&vm) { EFFECT_UNKNOWN } else { EFFECT_CREATE }
}

/// Whether a name that a query gives is this one; one that it does not give is any.
pub(super) fn is_asked(given: Option<&Name>, name: &str) -> bool {
    given.is_none_or(|it| *it == *name)
}
