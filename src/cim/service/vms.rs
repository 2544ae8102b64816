//! Reading virtual machines: roles, relationships, settings, recovery points.

use super::{CimService, if_there, understood, unread};
use crate::cim::mirror::names::{self, class};
use crate::cim::mirror::read::Record;
use crate::cim::mirror::{read_settings, read_state};
use crate::cim::{
    CimClient, CimClientExt, Error as CimError, Instance, ObjectPath, Value, WbemStatus,
};
use crate::error::{Error, Missing, Result};
use crate::model::{
    Leg, RecoveryPoint, Relationship, RelationshipId, Settings, Vm, VmId, WindowsBuild,
};
use std::collections::BTreeMap;

/// The replica and its test replica that a link leads from and to.
fn test_link(link: &Instance) -> Option<(VmId, VmId)> {
    let end = |property| match link.get(property)? {
        Value::Reference(path) => names::vm_of(path),
        text => names::vm_of(&text.to_text()?.parse::<ObjectPath>().ok()?),
    };
    Some((end("Antecedent")?, end("Dependent")?))
}

impl<C: CimClient> CimService<C> {
    pub(super) fn read_vms(&self) -> Result<Vec<Vm>> {
        let rows = self.client.enumerate(class::COMPUTER_SYSTEM).map_err(unread(Missing::Host))?;
        let links = self.all(class::TEST_DEPENDENCY).map_err(unread(Missing::Host))?;
        let tests: BTreeMap<_, _> = links.iter().filter_map(test_link).collect();
        let mut vms = Vec::with_capacity(rows.len());
        for row in rows.iter().map(Record::of) {
            if let Some(id) = understood(read_state::vm_id(row))? {
                vms.push(understood(read_state::vm(row, tests.get(&id).copied()))?);
            }
        }
        vms.sort_by_key(|it| it.id);
        Ok(vms)
    }

    pub(super) fn read_vm(&self, id: VmId) -> Result<Vm> {
        let (path, missing) = (names::vm_path(id), || unread(Missing::Vm(id)));
        let row = self.client.get(&path).map_err(missing())?;
        let links = self.client.references(&path, class::TEST_DEPENDENCY).map_err(missing())?;
        let of_this = links.iter().filter_map(test_link).find(|(replica, _)| *replica == id);
        understood(read_state::vm(Record::of(&row), of_this.map(|(_, test)| test)))
    }

    pub(super) fn read_relationship(&self, id: RelationshipId) -> Result<Relationship> {
        let missing = || unread(Missing::Relationship(id));
        let shown = self.client.get(&names::by_id(class::RELATIONSHIP, id.to_string()));
        let shown = match shown {
            Err(CimError::Status { status: WbemStatus::INVALID_CLASS, .. })
                if id.leg == Leg::Primary =>
            {
                self.client.get(&names::vm_path(id.vm))
            }
            Err(CimError::Status { status: WbemStatus::INVALID_CLASS, .. }) => {
                return Err(Error::NotFound(Missing::Relationship(id)));
            }
            shown => shown,
        };
        let shown = shown.map_err(missing())?;
        understood(read_state::relationship(Record::of(&shown), id))
    }

    pub(super) fn read_settings(&self, id: RelationshipId) -> Result<Settings> {
        let missing = || unread(Missing::Relationship(id));
        let at = |build| {
            self.client.get(&names::by_id(class::SETTINGS, names::relationship_id(id, build)))
        };
        let shown = match if_there(at(WindowsBuild::Server2012R2)).map_err(missing())? {
            Some(shown) => Ok(shown),
            // Before relationships had an index.
            None => at(WindowsBuild::Server2012),
        };
        let shown = shown.map_err(missing())?;
        let it = Record::of(&shown);
        let disks = if it.is_null("IncludedDisks") {
            None
        } else {
            Some(self.disks(id.vm).map_err(missing())?)
        };
        let disk = |text: &str| disks.as_ref()?.named(text);
        understood(read_settings::settings(it, Settings::default(), disk))
    }

    pub(super) fn read_recovery_points(&self, vm: VmId) -> Result<Vec<RecoveryPoint>> {
        let path = names::vm_path(vm);
        let shown = self.linked(vm, &path, class::SNAPSHOT_OF, class::VM_SETTINGS);
        let mut points = Vec::new();
        for snapshot in shown.map_err(unread(Missing::Vm(vm)))? {
            points.extend(understood(read_state::recovery_point(Record::of(&snapshot)))?);
        }
        points.sort_by_key(|it| it.created);
        Ok(points)
    }
}
