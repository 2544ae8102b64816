//! Settings as parameters: what a host showed, with what the caller wants over it.
//!
//! Microsoft's clients hand back the whole instance that they have read, so that what they know
//! nothing of stays as it is. An authorization entry is made anew.

use super::calls::text_of;
use super::parts::Disks;
use super::{Cim, CimService, if_there};
use crate::cim::mirror::names::{self, class};
use crate::cim::mirror::{Place, write_replication as write};
use crate::cim::{CimClient, CimClientExt, Instance, Value};
use crate::model::{
    AuthorizationEntry, DiskId, FailoverNetworkAdapterSettings, Leg, RelationshipId,
    ServiceSettings, Settings, VmId, WindowsBuild,
};

/// What settings have that no caller changes.
const FIXED: [&str; 8] = [
    "InstanceID",
    "Caption",
    "Description",
    "ElementName",
    "VirtualSystemIdentifier",
    "VirtualSystemType",
    "RootCertificateThumbPrint",
    "EnableWriteOrderPreservationAcrossDisks",
];

/// What a caller wants, over what a host showed. A property that this host does not have is given
/// to it only if the caller wants something else of it than the default, so that it is refused.
fn over(shown: Option<Instance>, wanted: Instance, default: &Instance) -> Instance {
    let Some(mut to) = shown else { return wanted };
    for (name, value) in wanted.properties() {
        let says_nothing = default.get(name.as_str()) == Some(value);
        let is_fixed = FIXED.iter().any(|it| *name == **it);
        if !is_fixed && (to.supplies(name.as_str()) || !says_nothing) {
            to.set(name, value.clone());
        }
    }
    to
}

impl<C: CimClient> CimService<C> {
    pub(super) fn service_settings_text(&self, settings: &ServiceSettings) -> Cim<String> {
        let shown = if_there(self.only(class::SERVICE_SETTINGS))?;
        let host = self.host_name()?;
        let written = |settings| write::service_settings(settings, host);
        Ok(text_of(&over(shown, written(settings), &written(&ServiceSettings::default()))))
    }

    /// The settings of the relationship that a virtual machine sends on, or would: the extended one
    /// of a replica, which alone has two.
    pub(super) fn sender_settings_text(&self, vm: VmId, settings: &Settings) -> Cim<String> {
        let mut shown = self.shown_settings(vm)?;
        let extended = shown.iter().position(|it| leg_of(it) == Some(Leg::Extended));
        let at = extended.or_else(|| (!shown.is_empty()).then_some(0));
        let shown = at.map(|at| shown.swap_remove(at));
        self.settings_text(vm, shown, settings)
    }

    /// The settings of the primary relationship of a virtual machine.
    pub(super) fn primary_settings_text(&self, vm: VmId, settings: &Settings) -> Cim<String> {
        let shown = self.shown_settings(vm)?;
        let shown = shown.into_iter().find(|it| leg_of(it) != Some(Leg::Extended));
        self.settings_text(vm, shown, settings)
    }

    /// The settings of the relationships of a virtual machine, if it is there.
    fn shown_settings(&self, vm: VmId) -> Cim<Vec<Instance>> {
        let from = names::vm_path(vm);
        let link = class::ELEMENT_SETTING_DATA;
        let shown = self.client.associators(&from, link, Some(class::SETTINGS));
        Ok(if_there(shown)?.unwrap_or_default())
    }

    fn settings_text(&self, vm: VmId, shown: Option<Instance>, it: &Settings) -> Cim<String> {
        let place = Place::of(self.host_name()?, WindowsBuild::Server2012R2);
        let id = RelationshipId::primary(vm);
        let written = |settings| write::settings(settings, id, "", &place);
        // Of what is not there nobody knows what it has.
        let bare = || Instance::new(class::SETTINGS).with("InstanceID", id.to_string());
        let shown = shown.unwrap_or_else(bare);
        let mut to = over(Some(shown), written(it), &written(&Settings::default()));
        if let Some(disks) = &it.included_disks {
            to.set("IncludedDisks", self.disk_paths(vm, disks)?);
        }
        Ok(text_of(&to))
    }

    /// The paths of disks. One that is not there gets the path that it would have.
    fn disk_paths(&self, vm: VmId, included: &[DiskId]) -> Cim<Vec<String>> {
        let disks = if_there(self.disks(vm))?;
        let path = |disk: &DiskId| {
            let would_be = || names::by_id(class::DISK, names::disk_id(vm, *disk));
            let path = disks.as_ref().and_then(|it: &Disks| it.path(*disk).cloned());
            let path = path.unwrap_or_else(would_be);
            let path = if path.namespace.is_some() { path } else { self.on_host(path)? };
            Ok(path.to_string())
        };
        included.iter().map(path).collect()
    }

    pub(super) fn failover_network_texts(
        &self,
        vm: VmId,
        settings: &[FailoverNetworkAdapterSettings],
    ) -> Cim<Vec<String>> {
        let adapters = if_there(self.adapters(vm))?.unwrap_or_default();
        let text = |it: &FailoverNetworkAdapterSettings| {
            let shown = adapters.iter().find(|known| known.adapter == it.adapter);
            let shown = shown.map(|known| known.shown.clone());
            let written = write::failover_network(vm, it);
            // Every host has all that an adapter can be given.
            let default = Instance::new(class::FAILOVER_NETWORK);
            text_of(&over(shown, written, &default))
        };
        Ok(settings.iter().map(text).collect())
    }
}

/// An authorization entry with the three properties that it has, and without the id that a host
/// would give it.
pub(super) fn entry(it: &AuthorizationEntry) -> Instance {
    let mut entry = write::authorization(it, "");
    entry.remove("InstanceID");
    entry
}

fn leg_of(shown: &Instance) -> Option<Leg> {
    let Some(Value::String(id)) = shown.get("InstanceID") else { return None };
    id.parse::<RelationshipId>().ok().map(|it| it.leg)
}
