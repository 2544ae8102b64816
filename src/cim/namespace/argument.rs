//! What a caller gave a method, as the arguments of a call.
//!
//! What cannot be read does not stop here: it flaws the call, so that the service answers with the
//! number that it answers with, when it comes to that.

use super::view::{View, found};
use crate::cim::mirror::read::{Record, Unreadable};
use crate::cim::mirror::{names, read_settings};
use crate::cim::text::{Reader, TextFault};
use crate::cim::{DateTime, Instance, ObjectPath, Result, Value};
use crate::model::{
    AuthorizationEntry, FailoverNetworkAdapterSettings, Flaw, Guid, PointId, RelationshipId,
    ReplicationMode, ServiceSettings, Settings, SimTime, VmId,
};
use crate::service::ReplicationService;

/// No virtual machine: what a reference leads to that leads to none.
const NOBODY: VmId = VmId(Guid(0));

/// The arguments of one call.
pub(super) struct Arguments<'a, S> {
    view: &'a View<'a, S>,
    /// Of the types of the parameters.
    bound: Instance,
    /// What is wrong with them.
    pub(super) flaw: Option<Flaw>,
}

impl<'a, S: ReplicationService> Arguments<'a, S> {
    pub(super) fn new(view: &'a View<'a, S>, bound: Instance) -> Self {
        Self { view, bound, flaw: None }
    }

    /// A missing value comes before one of the wrong class, whichever stands first.
    fn flawed(&mut self, flaw: Flaw) {
        if self.flaw != Some(Flaw::Null) {
            self.flaw = Some(flaw);
        }
    }

    /// A value; `None` if it is null or missing.
    pub(super) fn value(&self, name: &str) -> Option<&Value> {
        self.bound.get(name).filter(|it| !it.is_null())
    }

    /// A value that must be given.
    fn needed(&mut self, name: &str) -> Option<Value> {
        let value = self.value(name).cloned();
        if value.is_none() {
            self.flawed(Flaw::Null);
        }
        value
    }

    /// A number that must be given.
    pub(super) fn number(&mut self, name: &str) -> u16 {
        let number = self.needed(name).and_then(|it| it.as_integer());
        number.and_then(|it| it.try_into().ok()).unwrap_or_default()
    }

    /// A text that must be given.
    pub(super) fn text(&mut self, name: &str) -> String {
        self.needed(name).and_then(|it| it.to_text()).unwrap_or_default()
    }

    /// A text that need not be given.
    pub(super) fn optional_text(&self, name: &str) -> Option<String> {
        self.value(name).and_then(Value::to_text)
    }

    /// A truth that need not be given.
    pub(super) fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Boolean(true)))
    }

    /// A time that need not be given. One before the model's time begins is its first.
    pub(super) fn time(&mut self, name: &str) -> Option<SimTime> {
        match self.value(name) {
            None => None,
            Some(Value::DateTime(DateTime::Time(time))) => {
                Some(time.to_sim_time().unwrap_or(SimTime::ZERO))
            }
            Some(_) => {
                self.flawed(Flaw::Null);
                None
            }
        }
    }

    /// The path of an object of a class.
    fn reference(&mut self, name: &str, class: &str) -> Option<ObjectPath> {
        let Value::Reference(path) = self.value(name)? else { return None };
        let path = ObjectPath::clone(path);
        if self.view.schema.is_a(path.class.as_str(), class) {
            return Some(path);
        }
        self.flawed(Flaw::WrongClass);
        None
    }

    /// A virtual machine, which must be given. Whether it is there is for the service to say.
    pub(super) fn vm(&mut self, name: &str) -> VmId {
        if self.needed(name).is_none() {
            return NOBODY;
        }
        let path = self.reference(name, "CIM_ComputerSystem");
        let path = path.filter(|it| self.view.check_place(it).is_ok());
        path.and_then(|it| names::vm_of(&it)).unwrap_or(NOBODY)
    }

    /// A recovery point, which need not be given.
    pub(super) fn point(&mut self, name: &str) -> Option<PointId> {
        let path = self.reference(name, "CIM_VirtualSystemSettingData")?;
        Some(names::point_of(&path).unwrap_or(PointId(NOBODY.0)))
    }

    /// The instance whose text is given.
    fn embedded(&mut self, text: &str, class: &str) -> Option<Instance> {
        match Reader::new(self.view.schema).of_class(class).read(text) {
            Ok(instance) => Some(instance),
            Err(error) => {
                self.flawed(match error.fault {
                    TextFault::WrongClass | TextFault::WrongType => Flaw::WrongClass,
                    _ => Flaw::Null,
                });
                None
            }
        }
    }

    /// The instance whose text must be given.
    fn needed_instance(&mut self, name: &str, class: &str) -> Option<Instance> {
        let text = self.needed(name)?.to_text()?;
        self.embedded(&text, class)
    }

    /// What was read; a value that means nothing flaws the call as one that is missing does, as
    /// both are no valid parameter.
    fn read<T>(&mut self, read: Result<T, Unreadable>) -> Option<T> {
        if read.is_err() {
            self.flawed(Flaw::Null);
        }
        read.ok()
    }

    /// The relationship whose text is given, of which only the id counts: clients hand in what they
    /// read some time ago.
    pub(super) fn relationship(&mut self, name: &str) -> Option<RelationshipId> {
        self.value(name)?;
        let instance = self.needed_instance(name, names::class::RELATIONSHIP)?;
        let id = instance.read::<&str>("InstanceID").ok().flatten();
        let id = id.and_then(|it| it.parse().ok());
        if id.is_none() {
            self.flawed(Flaw::Null);
        }
        id
    }

    /// The same, which must be given.
    pub(super) fn needed_relationship(&mut self, name: &str) -> Option<RelationshipId> {
        self.needed(name)?;
        self.relationship(name)
    }

    /// Settings of a replication, over those that are there.
    pub(super) fn settings(&mut self, name: &str, vm: VmId) -> Result<Box<Settings>> {
        let Some(given) = self.needed_instance(name, names::class::SETTINGS) else {
            return Ok(Box::default());
        };
        let named = given.read::<&str>("InstanceID").ok().flatten();
        let named = named.and_then(|it| it.parse::<RelationshipId>().ok());
        let id = match named.filter(|it| it.vm == vm) {
            Some(id) => id,
            None => self.default_leg(vm)?,
        };
        let base = found(self.view.service.settings(id))?.unwrap_or_default();
        let disk = |text: &str| {
            names::included_disk(text).filter(|(owner, _)| *owner == vm).map(|(_, disk)| disk)
        };
        let settings = self.read(read_settings::settings(Record::of(&given), base, disk));
        Ok(Box::new(settings.unwrap_or_default()))
    }

    /// The relationship that settings are of which do not say: that on which it sends.
    fn default_leg(&self, vm: VmId) -> Result<RelationshipId> {
        let mode = self.view.vm(vm)?.map(|it| it.mode);
        Ok(match mode {
            Some(ReplicationMode::Replica) => RelationshipId::extended(vm),
            _ => RelationshipId::primary(vm),
        })
    }

    /// The same of the primary relationship, if they are given.
    pub(super) fn optional_settings(
        &mut self,
        name: &str,
        vm: VmId,
    ) -> Result<Option<Box<Settings>>> {
        if self.value(name).is_none() {
            return Ok(None);
        }
        self.settings(name, vm).map(Some)
    }

    /// Settings of a replica server, over those that are there.
    pub(super) fn service_settings(&mut self, name: &str) -> Result<Box<ServiceSettings>> {
        let Some(given) = self.needed_instance(name, names::class::SERVICE_SETTINGS) else {
            return Ok(Box::default());
        };
        let base = found(self.view.service.service_settings())?.unwrap_or_default();
        let settings = self.read(read_settings::service_settings(Record::of(&given), base));
        Ok(Box::new(settings.unwrap_or_default()))
    }

    /// An authorization entry, over the one for the same primary, if there is one.
    pub(super) fn entry(&mut self, name: &str) -> Result<AuthorizationEntry> {
        let nothing = AuthorizationEntry {
            allowed_primary: String::new(),
            trust_group: String::new(),
            storage_location: String::new(),
        };
        let Some(given) = self.needed_instance(name, names::class::AUTHORIZATION) else {
            return Ok(nothing);
        };
        let primary = given.read::<&str>("AllowedPrimaryHostSystem").ok().flatten();
        let entries = found(self.view.service.authorization_entries())?.unwrap_or_default();
        let same = |it: &AuthorizationEntry| {
            primary.is_some_and(|primary| it.allowed_primary.eq_ignore_ascii_case(primary))
        };
        let base = entries.into_iter().find(same).unwrap_or_else(|| nothing.clone());
        Ok(self.read(read_settings::entry(Record::of(&given), base)).unwrap_or(nothing))
    }

    /// What adapters of a virtual machine take after a failover, each over what is stored.
    pub(super) fn failover_network(
        &mut self,
        name: &str,
        vm: VmId,
    ) -> Result<Vec<FailoverNetworkAdapterSettings>> {
        let Some(Value::Array(texts)) = self.needed(name) else { return Ok(Vec::new()) };
        let stored = found(self.view.service.failover_network(vm))?.unwrap_or_default();
        let mut all = Vec::new();
        for text in texts.values().filter_map(|it| it.to_text()) {
            let Some(given) = self.embedded(&text, names::class::FAILOVER_NETWORK) else {
                continue;
            };
            let id = given.read::<&str>("InstanceID").ok().flatten().and_then(names::adapter_of);
            let Some((_, adapter)) = id.filter(|(owner, _)| *owner == vm) else {
                self.flawed(Flaw::Null);
                continue;
            };
            let base = stored.iter().find(|it| it.adapter == adapter).cloned();
            let base = base.unwrap_or_else(|| read_settings::nothing_for(adapter));
            all.extend(self.read(read_settings::failover_network(Record::of(&given), base)));
        }
        Ok(all)
    }
}
