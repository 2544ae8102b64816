//! Finding objects: by what a path or a query says of their keys, else all of a class.

use super::object::{Kind, Object};
use super::view::{View, found};
use crate::cim::mirror::names;
use crate::cim::wql::{Constant, Select};
use crate::cim::{Class, KeyValue, Keys, ObjectPath, Result};
use crate::model::{Devices, JobId, PointId, RelationshipId, ReplicationMode, Vm, VmId};
use crate::service::ReplicationService;

/// What is known of the keys of the objects that are looked for. It narrows where one looks; what
/// is found is still to be tested.
#[derive(Clone, Debug, Default)]
pub(super) struct Wanted(Vec<(String, String)>);

impl Wanted {
    /// What a path says.
    pub(super) fn of_path(path: &ObjectPath, class: &Class) -> Self {
        let pair = |name: &str, value: &KeyValue| {
            value.as_str().map(|text| (name.to_owned(), text.to_owned()))
        };
        Self(match &path.keys {
            Keys::Class | Keys::Singleton => Vec::new(),
            Keys::Only(value) => {
                class.keys().filter_map(|key| pair(key.name.as_str(), value)).collect()
            }
            Keys::Named(keys) => {
                keys.iter().filter_map(|(name, value)| pair(name.as_str(), value)).collect()
            }
        })
    }

    /// What a query says that all of them must have.
    pub(super) fn of_select(select: &Select) -> Self {
        let texts = select.equalities().filter_map(|(name, constant)| match constant {
            Constant::Text(text) => Some((name.to_string(), text.clone())),
            _ => None,
        });
        Self(texts.collect())
    }

    /// The same from pairs.
    pub(super) fn of_pairs(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// What a property must be.
    pub(super) fn text(&self, property: &str) -> Option<&str> {
        let found = self.0.iter().find(|(name, _)| name.eq_ignore_ascii_case(property));
        found.map(|(_, text)| text.as_str())
    }
}

impl<S: ReplicationService> View<'_, S> {
    /// The objects of a class that may be wanted: all that are, and perhaps others.
    pub(super) fn find(&self, kind: Kind, wanted: &Wanted) -> Result<Vec<Object>> {
        Ok(match kind {
            Kind::System => self.systems(wanted)?,
            Kind::Summary => self.owners(wanted)?.into_iter().map(Object::Summary).collect(),
            Kind::Relationship => self.relationships(wanted)?,
            Kind::Settings => self.settings(wanted)?,
            Kind::Provider => self.host.providers.iter().cloned().map(Object::Provider).collect(),
            Kind::Service => vec![Object::Service],
            Kind::ServiceSettings => vec![Object::ServiceSettings],
            Kind::Authorization => {
                let entries = found(self.service.authorization_entries())?.unwrap_or_default();
                entries.into_iter().map(Object::Authorization).collect()
            }
            Kind::Job => self.jobs_wanted(wanted)?,
            Kind::VmSettings => self.vm_settings(wanted)?,
            Kind::Processor => {
                let all = self.owners(wanted)?.into_iter().map(Object::Processor);
                std::iter::once(Object::MostProcessors).chain(all).collect()
            }
            Kind::Memory => self.owners(wanted)?.into_iter().map(Object::Memory).collect(),
            Kind::Resource => {
                let mut all = Vec::new();
                for vm in self.owners(wanted)? {
                    all.extend(self.resources_of(&vm)?);
                }
                all
            }
            Kind::Disk => self.parts(wanted, |it, vm| Ok(it.devices(vm)?.disks), Object::Disk)?,
            Kind::Adapter => {
                self.parts(wanted, |it, vm| Ok(it.devices(vm)?.adapters), Object::Adapter)?
            }
            Kind::FailoverNetwork => {
                let stored = |view: &Self, vm: VmId| found(view.service.failover_network(vm));
                self.parts(
                    wanted,
                    |view, vm| Ok(stored(view, vm)?.unwrap_or_default()),
                    Object::FailoverNetwork,
                )?
            }
            Kind::Management => vec![Object::Management],
            Kind::Shutdown => match wanted.text("SystemName") {
                Some(name) => self.vm_named(name)?.map(Object::Shutdown).into_iter().collect(),
                None => self.vms()?.into_iter().map(Object::Shutdown).collect(),
            },
            Kind::Computer => vec![Object::Computer],
            Kind::Product => vec![Object::Product],
            Kind::HostProcessor => vec![Object::HostProcessor],
            Kind::OperatingSystem => vec![Object::OperatingSystem],
        })
    }

    /// A virtual machine by the text of its GUID.
    fn vm_named(&self, guid: &str) -> Result<Option<Vm>> {
        guid.parse().map_or(Ok(None), |id| self.vm(id))
    }

    fn systems(&self, wanted: &Wanted) -> Result<Vec<Object>> {
        if let Some(name) = wanted.text("Name") {
            if name.eq_ignore_ascii_case(&self.host.name) {
                return Ok(vec![Object::Host]);
            }
            return Ok(self.vm_named(name)?.map(Object::Vm).into_iter().collect());
        }
        let vms = self.vms()?.into_iter().map(Object::Vm);
        Ok(std::iter::once(Object::Host).chain(vms).collect())
    }

    /// The virtual machines whose parts are wanted, of which the ids say whose they are.
    fn owners(&self, wanted: &Wanted) -> Result<Vec<Vm>> {
        let vm = match (wanted.text("InstanceID"), wanted.text("VirtualSystemIdentifier")) {
            (Some(id), _) => names::owner(id),
            (None, Some(guid)) => guid.parse().ok(),
            (None, None) => return self.vms(),
        };
        let vm = vm.map_or(Ok(None), |it| self.vm(it))?;
        Ok(vm.into_iter().collect())
    }

    /// The ids of the relationships of a virtual machine: one of each, and a second one of a replica.
    pub(super) fn legs(&self, vm: &Vm) -> impl Iterator<Item = RelationshipId> + use<S> {
        let extended =
            vm.mode == ReplicationMode::Replica && self.host.build >= Object::EXTENDED_SINCE;
        let second = extended.then(|| RelationshipId::extended(vm.id));
        std::iter::once(RelationshipId::primary(vm.id)).chain(second)
    }

    fn relationships(&self, wanted: &Wanted) -> Result<Vec<Object>> {
        let mut all = Vec::new();
        for vm in self.owners(wanted)? {
            all.extend(self.relationships_of(&vm)?);
        }
        Ok(all)
    }

    /// The relationships of a virtual machine, the primary one first.
    pub(super) fn relationships_of(&self, vm: &Vm) -> Result<Vec<Object>> {
        let read = |id| found(self.service.relationship(id)).transpose();
        let each = self.legs(vm).filter_map(read);
        each.map(|it| Ok(Object::Relationship(vm.clone(), it?))).collect()
    }

    fn settings(&self, wanted: &Wanted) -> Result<Vec<Object>> {
        let mut all = Vec::new();
        for vm in self.owners(wanted)? {
            all.extend(self.settings_of(&vm)?);
        }
        Ok(all)
    }

    /// The settings of the relationships of a virtual machine, in the same order.
    pub(super) fn settings_of(&self, vm: &Vm) -> Result<Vec<Object>> {
        let each = self.legs(vm).filter_map(|id| self.settings_of_leg(vm, id).transpose());
        each.collect()
    }

    /// The settings of one relationship.
    pub(super) fn settings_of_leg(&self, vm: &Vm, id: RelationshipId) -> Result<Option<Object>> {
        let settings = found(self.service.settings(id))?;
        Ok(settings.map(|it| Object::Settings(vm.clone(), id, Box::new(it))))
    }

    fn jobs_wanted(&self, wanted: &Wanted) -> Result<Vec<Object>> {
        let object = |job| Object::Job(Box::new(job));
        let Some(id) = wanted.text("InstanceID") else {
            return Ok(self.jobs()?.iter().cloned().map(object).collect());
        };
        let job = id.parse::<JobId>().map_or(Ok(None), |id| found(self.service.job(id)))?;
        Ok(job.map(object).into_iter().collect())
    }

    /// The settings of virtual machines, each with its recovery points behind it.
    ///
    /// The id of a recovery point does not say whose it is: it is looked for on every replica.
    fn vm_settings(&self, wanted: &Wanted) -> Result<Vec<Object>> {
        let owner = wanted.text("VirtualSystemIdentifier");
        let owners = |only: Option<&str>| match only {
            Some(guid) => Ok(self.vm_named(guid)?.into_iter().collect()),
            None => self.vms(),
        };
        let Some(id) = wanted.text("InstanceID") else {
            let mut all = Vec::new();
            for vm in owners(owner)? {
                let points = self.points_of(&vm)?;
                all.push(Object::VmSettings(vm));
                all.extend(points);
            }
            return Ok(all);
        };
        let Some(guid) = names::bare(id) else { return Ok(Vec::new()) };
        if let Some(vm) = self.vm_named(guid)? {
            return Ok(vec![Object::VmSettings(vm)]);
        }
        let Ok(point) = guid.parse::<PointId>() else { return Ok(Vec::new()) };
        for vm in owners(owner)? {
            let mut points = self.points_of(&vm)?;
            points.retain(|it| matches!(it, Object::Point(_, it) if it.id == point));
            if !points.is_empty() {
                return Ok(points);
            }
        }
        Ok(Vec::new())
    }

    /// The recovery points of a virtual machine, oldest first.
    pub(super) fn points_of(&self, vm: &Vm) -> Result<Vec<Object>> {
        use ReplicationMode::{ExtendedReplica, Replica};
        if !matches!(vm.mode, Replica | ExtendedReplica) {
            return Ok(Vec::new());
        }
        let points = found(self.service.recovery_points(vm.id))?.unwrap_or_default();
        Ok(points.into_iter().map(|it| Object::Point(vm.clone(), it)).collect())
    }

    /// Parts of virtual machines.
    fn parts<T>(
        &self,
        wanted: &Wanted,
        of: impl Fn(&Self, VmId) -> Result<Vec<T>>,
        object: impl Fn(Vm, T) -> Object,
    ) -> Result<Vec<Object>> {
        let mut all = Vec::new();
        for vm in self.owners(wanted)? {
            all.extend(of(self, vm.id)?.into_iter().map(|it| object(vm.clone(), it)));
        }
        Ok(all)
    }

    /// The controller of the disks of a virtual machine, and the drives they are in.
    pub(super) fn resources_of(&self, vm: &Vm) -> Result<Vec<Object>> {
        let drives = self.devices(vm.id)?.disks.into_iter();
        let drives = drives.map(|disk| Object::Drive(vm.clone(), disk));
        Ok(std::iter::once(Object::Controller(vm.clone())).chain(drives).collect())
    }

    /// The disks and adapters of a virtual machine.
    pub(super) fn devices(&self, vm: VmId) -> Result<Devices> {
        Ok(found(self.service.devices(vm))?.unwrap_or_default())
    }
}
