//! One look at a service: what one request reads, at one moment.

use super::object::{Kind, Object};
use crate::cim::mirror::write_system::Leg;
use crate::cim::mirror::{
    Place, write_computer, write_job, write_parts, write_replication, write_system,
};
use crate::cim::{Class, Error, Instance, Name, ObjectPath, Result, Schema, WbemStatus};
use crate::error;
use crate::model::{Host, Job, RelationshipId, Vm, VmId, WindowsBuild};
use crate::service::ReplicationService;
use std::cell::OnceCell;
use std::sync::OnceLock;

/// What a request looks at.
pub(super) struct View<'a, S> {
    pub(super) service: &'a S,
    /// The host, as it was when the request came.
    pub(super) host: Host,
    /// The classes of its build.
    pub(super) schema: &'static Schema,
    /// How it spells references.
    pub(super) place: Place,
    /// Its jobs, read when they are needed.
    jobs: OnceCell<Vec<Job>>,
}

/// What a service has of something; `None` if it is not there.
pub(super) fn found<T>(read: error::Result<T>) -> Result<Option<T>> {
    match read {
        Ok(it) => Ok(Some(it)),
        Err(error::Error::NotFound(missing)) if missing != error::Missing::Host => Ok(None),
        Err(error) => Err(failed(error)),
    }
}

/// Why a service did not do what it was asked for, where it is neither a refusal nor an answer.
pub(super) fn failed(error: error::Error) -> Error {
    use error::Missing;
    match error {
        error::Error::Transport { source, .. } => Error::Transport(source),
        error::Error::NotFound(Missing::Host) => Error::Transport(error.to_string().into()),
        error::Error::NotFound(missing) => {
            Error::status(WbemStatus::NOT_FOUND, missing.to_string())
        }
        other => Error::status(WbemStatus::FAILED, other.to_string()),
    }
}

/// The classes of a build.
fn schema_of(build: WindowsBuild) -> &'static Schema {
    static SCHEMAS: [OnceLock<Schema>; WindowsBuild::ALL.len()] =
        [const { OnceLock::new() }; WindowsBuild::ALL.len()];
    let at = WindowsBuild::ALL.iter().position(|it| *it == build).unwrap_or_default();
    SCHEMAS[at].get_or_init(|| Schema::virtualization().of_build(build.to_wire().into()))
}

impl<'a, S: ReplicationService> View<'a, S> {
    pub(super) fn of(service: &'a S) -> Result<Self> {
        let host = service.host().map_err(failed)?;
        let schema = schema_of(host.build);
        let place = Place::of(host.name.clone(), host.build);
        Ok(Self { service, host, schema, place, jobs: OnceCell::new() })
    }

    /// Every virtual machine.
    pub(super) fn vms(&self) -> Result<Vec<Vm>> {
        self.service.vms().map_err(failed)
    }

    /// One virtual machine, if it is there.
    pub(super) fn vm(&self, id: VmId) -> Result<Option<Vm>> {
        found(self.service.vm(id))
    }

    /// Every job.
    pub(super) fn jobs(&self) -> Result<&[Job]> {
        if self.jobs.get().is_none() {
            let jobs = self.service.jobs().map_err(failed)?;
            let _ = self.jobs.set(jobs);
        }
        Ok(self.jobs.get().map_or(&[], Vec::as_slice))
    }

    /// The jobs that work on a virtual machine.
    pub(super) fn jobs_of(&self, vm: VmId) -> Result<impl Iterator<Item = &Job>> {
        Ok(self.jobs()?.iter().filter(move |it| it.affected.contains(&vm)))
    }

    /// The classes of the host's build that are a class or extend it.
    pub(super) fn kinds(&self, class: &Class) -> impl Iterator<Item = Kind> {
        // None of them extends another.
        let itself = Kind::ALL.into_iter().find(|it| class.name == *it.class());
        let extends = |it: &Kind| {
            let own = it.class();
            self.schema.class(own).is_some() && self.schema.is_a(own, class.name.as_str())
        };
        let is_base = itself.is_none() && !class.is_association;
        let others = is_base.then(|| Kind::ALL.into_iter().filter(extends));
        itself.into_iter().chain(others.into_iter().flatten())
    }

    /// The path of an object, with host and namespace.
    pub(super) fn path(&self, object: &Object) -> ObjectPath {
        self.located(object.path(&self.host), object.namespace())
    }

    /// A path in a namespace of the host.
    pub(super) fn located(&self, path: ObjectPath, namespace: &'static str) -> ObjectPath {
        path.on(self.host.name.clone(), Name::from_static(namespace))
    }

    /// The instance that an object is, with every property that the host's build has.
    pub(super) fn instance(&self, object: &Object) -> Result<Instance> {
        Ok(self.complete(self.sparse(object)?).at(self.path(object)))
    }

    /// What the record of an object says.
    pub(super) fn sparse(&self, object: &Object) -> Result<Instance> {
        let (host, place) = (&self.host, &self.place);
        Ok(match object {
            Object::Host => write_system::host(host),
            Object::Vm(vm) => {
                let primary = found(self.service.relationship(RelationshipId::primary(vm.id)))?;
                write_system::vm(vm, primary.as_ref())
            }
            Object::Gone(vm) => {
                let why = format!("there is no virtual machine {vm}");
                return Err(Error::status(WbemStatus::NOT_FOUND, why));
            }
            Object::Summary(vm) => self.summary(vm)?,
            Object::Relationship(vm, it) => write_replication::relationship(it, &vm.name, place),
            Object::Settings(vm, id, it) => write_replication::settings(it, *id, &vm.name, place),
            Object::Provider(it) => write_replication::provider(it, &host.name),
            Object::Service => write_replication::service(host),
            Object::ServiceSettings => {
                let settings = self.service.service_settings().map_err(failed)?;
                write_replication::service_settings(&settings, &host.name)
            }
            Object::Authorization(it) => write_replication::authorization(it, &host.name),
            Object::Job(job) => write_job::job(job),
            Object::VmSettings(vm) => write_parts::vm_settings(vm),
            Object::Point(vm, point) => write_parts::point(point, vm),
            Object::Processor(vm) => write_parts::processor(vm.id),
            Object::MostProcessors => write_parts::most_processors(),
            Object::Memory(vm) => write_parts::memory(vm.id),
            Object::Controller(vm) => write_parts::controller(vm.id),
            Object::Drive(vm, disk) => write_parts::drive(vm.id, *disk, place),
            Object::Disk(vm, disk) => write_parts::disk(vm.id, *disk, place),
            Object::Adapter(vm, adapter) => write_parts::adapter(vm.id, *adapter),
            Object::FailoverNetwork(vm, it) => write_replication::failover_network(vm.id, it),
            Object::Management => write_replication::management(host),
            Object::Shutdown(vm) => write_parts::shutdown(vm.id),
            Object::Computer => write_computer::computer(host),
            Object::Product => write_computer::product(),
            Object::HostProcessor => write_computer::processor(host),
            Object::OperatingSystem => {
                let now = self.service.now().map_err(failed)?;
                write_computer::operating_system(host, now)
            }
        })
    }

    /// An instance with every property that the host's build has.
    pub(super) fn complete(&self, sparse: Instance) -> Instance {
        match self.schema.class(sparse.class.as_str()) {
            Some(class) => sparse.completed(class),
            None => sparse,
        }
    }

    fn summary(&self, vm: &Vm) -> Result<Instance> {
        let mut legs: Vec<Leg> = Vec::new();
        for id in self.legs(vm) {
            let relationship = found(self.service.relationship(id))?;
            legs.extend(relationship.zip(found(self.service.settings(id))?));
        }
        let instances = |objects: Vec<Object>| -> Result<Vec<_>> {
            objects.iter().map(|it| self.instance(it)).collect()
        };
        let jobs = self.jobs_of(vm.id)?.map(|it| Object::Job(Box::new(it.clone())));
        let jobs = instances(jobs.collect())?;
        let points = instances(self.points_of(vm)?)?;
        Ok(write_system::summary(vm, &self.host, &legs, jobs, points, &self.place))
    }
}
