//! The disks and adapters of a virtual machine, which the contract numbers and a host names.

use super::{Cim, CimService, path_of, understood, unread};
use crate::cim::mirror::names::{self, class};
use crate::cim::mirror::read::Record;
use crate::cim::mirror::read_settings;
use crate::cim::{CimClient, CimClientExt, Error as CimError, Instance, ObjectPath};
use crate::error::{Missing, Result};
use crate::model::{AdapterId, Devices, DiskId, FailoverNetworkAdapterSettings, VmId};

/// `ResourceType` of a virtual hard disk; a virtual floppy is of the same class.
const LOGICAL_DISK: u16 = 31;

/// The disks of a virtual machine, each with its number.
#[derive(Debug)]
pub(super) struct Disks(Vec<(DiskId, ObjectPath)>);

impl Disks {
    /// By their places on the controller, if that is one for all, else in the order in which the
    /// host lists them.
    fn of(paths: Vec<ObjectPath>) -> Self {
        let places = paths.iter().map(|it| place(names::only_key(it, "InstanceID")?));
        let places = places
            .collect::<Option<Vec<_>>>()
            .filter(|places| places.windows(2).all(|it| it[0].0.eq_ignore_ascii_case(it[1].0)));
        let numbers: Vec<_> = match places {
            Some(places) => places.into_iter().map(|(_, disk)| disk).collect(),
            None => (0..=u8::MAX).map(DiskId).take(paths.len()).collect(),
        };
        Self(numbers.into_iter().zip(paths).collect())
    }

    /// The disk that a text of `IncludedDisks` names: a path, or a bare `InstanceID`.
    pub(super) fn named(&self, text: &str) -> Option<DiskId> {
        let path = text.parse::<ObjectPath>().ok();
        let id = path.as_ref().map_or(Some(text), |it| names::only_key(it, "InstanceID"))?;
        let has_id = |it: &&(DiskId, ObjectPath)| {
            names::only_key(&it.1, "InstanceID").is_some_and(|it| it.eq_ignore_ascii_case(id))
        };
        self.0.iter().find(has_id).map(|(disk, _)| *disk)
    }

    /// The path of a disk.
    pub(super) fn path(&self, disk: DiskId) -> Option<&ObjectPath> {
        self.0.iter().find(|(it, _)| *it == disk).map(|(_, path)| path)
    }
}

/// The controller in the `InstanceID` of a disk, and the place on it: `Microsoft:<virtual
/// machine>\<controller>\<its number>\<place>\L`.
fn place(instance_id: &str) -> Option<(&str, DiskId)> {
    let (rest, _) = instance_id.rsplit_once('\\')?;
    let (controller, place) = rest.rsplit_once('\\')?;
    Some((controller, DiskId(place.parse().ok()?)))
}

/// An adapter of a virtual machine, and what is set for it.
pub(super) struct AdapterSettings {
    pub(super) adapter: AdapterId,
    pub(super) shown: Instance,
}

impl<C: CimClient> CimService<C> {
    pub(super) fn disks(&self, vm: VmId) -> Cim<Disks> {
        let from = names::by_id(class::VM_SETTINGS, names::vm_settings_id(vm));
        let shown = self.client.associators(&from, class::SETTINGS_COMPONENT, Some(class::DISK))?;
        let is_disk = |it: &&Instance| {
            let kind = Record::of(it).number::<u16>("ResourceType");
            kind.is_ok_and(|it| it.is_none_or(|it| it == LOGICAL_DISK))
        };
        let paths = shown.iter().filter(is_disk).map(path_of);
        Ok(Disks::of(paths.collect::<Result<_, _>>().map_err(CimError::malformed)?))
    }

    /// The adapters for which a failover can be prepared, in their order.
    fn ports(&self, vm: VmId) -> Cim<Vec<(AdapterId, ObjectPath)>> {
        let from = names::by_id(class::VM_SETTINGS, names::vm_settings_id(vm));
        let ports = self.linked(vm, &from, class::SETTINGS_COMPONENT, class::ADAPTER)?;
        let numbered = |(place, port)| {
            let path = path_of(port).map_err(CimError::malformed)?;
            let named = names::only_key(&path, "InstanceID").and_then(names::adapter_of);
            Ok((named.map_or(place, |(_, adapter)| adapter), path))
        };
        (0..=u8::MAX).map(AdapterId).zip(&ports).map(numbered).collect()
    }

    pub(super) fn read_devices(&self, vm: VmId) -> Result<Devices> {
        let disks = self.disks(vm).map_err(unread(Missing::Vm(vm)))?;
        let ports = self.ports(vm).map_err(unread(Missing::Vm(vm)))?;
        let mut disks: Vec<_> = disks.0.into_iter().map(|(disk, _)| disk).collect();
        let mut adapters: Vec<_> = ports.into_iter().map(|(adapter, _)| adapter).collect();
        disks.sort_unstable();
        adapters.sort_unstable();
        Ok(Devices { disks, adapters })
    }

    /// The same with what is set.
    pub(super) fn adapters(&self, vm: VmId) -> Cim<Vec<AdapterSettings>> {
        let mut all = Vec::new();
        for (adapter, path) in self.ports(vm)? {
            let set = self.client.associators(
                &path,
                class::FAILOVER_COMPONENT,
                Some(class::FAILOVER_NETWORK),
            )?;
            all.extend(set.into_iter().next().map(|shown| AdapterSettings { adapter, shown }));
        }
        Ok(all)
    }

    pub(super) fn read_failover_network(
        &self,
        vm: VmId,
    ) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        let adapters = self.adapters(vm).map_err(unread(Missing::Vm(vm)))?;
        let settings = adapters.iter().map(|it| {
            let nothing = read_settings::nothing_for(it.adapter);
            understood(read_settings::failover_network(Record::of(&it.shown), nothing))
        });
        let mut settings = settings.collect::<Result<Vec<_>>>()?;
        settings.retain(|it| !it.is_empty());
        settings.sort_by_key(|it| it.adapter);
        Ok(settings)
    }
}
