//! Calls, as methods of objects with parameters.

use super::answers::{outcome, refused_by_wmi};
use super::{Cim, CimService, parameters};
use crate::cim::mirror::names::{self, class};
use crate::cim::text::{self, Form};
use crate::cim::{CimClient, Error as CimError, Instance, ObjectPath, Schema, Value, WbemStatus};
use crate::error::{Error, Missing, Result};
use crate::model::{
    AuthorizationEntry, Call, Flaw, JobId, Operation, PointId, RelationshipId, SimTime, VmId,
};
use crate::service::Outcome;

/// A method of an object, with its parameters.
struct Invocation {
    object: ObjectPath,
    method: &'static str,
    parameters: Instance,
}

/// Parameters that a call has to give, in the order in which one of them is left out.
const GIVEN: [&str; 7] = [
    "ComputerSystem",
    "AffectedSystem",
    "SettingData",
    "AuthorizationEntry",
    "AllowedPrimaryHostSystem",
    "RecoveryConnectionPoint",
    "RequestedState",
];

/// Parameters that have a class, in the order in which one of them is given another: the virtual
/// machine last, because what the others say may be about it.
const OF_CLASS: [&str; 7] = [
    "SettingData",
    "AuthorizationEntry",
    "ReplicationSettingData",
    "ReplicationRelationship",
    "NetworkSettings",
    "ComputerSystem",
    "AffectedSystem",
];

/// A class that no parameter is of.
const OTHER_CLASS: &str = class::STATISTICS;

/// The text of an instance, as a parameter holds it.
pub(super) fn text_of(instance: &Instance) -> String {
    text::write(instance, Schema::virtualization(), Form::CimDtd20)
}

impl<C: CimClient> CimService<C> {
    pub(super) fn invoke(&self, call: &Call) -> Result<Outcome> {
        let operation = call.operation();
        let told = |error| self.told(call, error);
        let it = self.invocation(call).map_err(told)?;
        let reply = self.client.invoke(&it.object, it.method, &it.parameters).map_err(told)?;
        outcome(operation, &reply)
    }

    fn invocation(&self, call: &Call) -> Cim<Invocation> {
        let (plain, flaw) = call.parts();
        let operation = call.operation();
        // The forms without a relationship are on every Windows. That of a virtual machine takes
        // nothing that has a class.
        let takes_class = operation.class() != class::COMPUTER_SYSTEM;
        let fits =
            plain.relationship().is_none() && (takes_class || flaw != Some(Flaw::WrongClass));
        let older = operation.deprecated_method().filter(|_| fits);
        let mut it = Invocation {
            object: self.object(operation, plain)?,
            method: older.unwrap_or(operation.method()),
            parameters: self.parameters(plain)?,
        };
        if let Some(flaw) = flaw {
            self.spoil(operation, flaw, &mut it)?;
        }
        Ok(it)
    }

    /// What has the method.
    fn object(&self, operation: Operation, call: &Call) -> Cim<ObjectPath> {
        match (operation.class(), call.vm(), job_of(call)) {
            (class::COMPUTER_SYSTEM, Some(vm), _) => self.on_host(names::vm_path(vm)),
            (class::JOB, _, Some(job)) => self.on_host(names::job_path(job)),
            (class::MANAGEMENT, ..) => self.service_path(class::MANAGEMENT, names::MANAGEMENT_NAME),
            (class, ..) => self.service_path(class, names::SERVICE_NAME),
        }
    }

    /// The path of one of the two services, whose keys every client knows but for the host.
    fn service_path(&self, class: &str, name: &str) -> Cim<ObjectPath> {
        let path = ObjectPath::class(class)
            .with("CreationClassName", class)
            .with("Name", name)
            .with("SystemCreationClassName", class::COMPUTER_SYSTEM)
            .with("SystemName", self.host_name()?);
        self.on_host(path)
    }

    /// A path in full, as references are: some clients and hosts resolve no others.
    pub(super) fn on_host(&self, path: ObjectPath) -> Cim<ObjectPath> {
        Ok(path.on(self.host_name()?, names::NAMESPACE))
    }

    pub(super) fn host_name(&self) -> Cim<&str> {
        if let Some(name) = self.host.get() {
            return Ok(name);
        }
        let service = self.only(class::SERVICE)?;
        let name = super::Record::of(&service).given("SystemName", super::Record::string);
        let name = name.map_err(CimError::malformed)?;
        Ok(self.host.get_or_init(|| name))
    }

    fn reference(&self, path: ObjectPath) -> Cim<Value> {
        self.on_host(path).map(Value::from)
    }

    fn vm_parameter(&self, vm: VmId) -> Cim<Instance> {
        Ok(Instance::parameters().with("ComputerSystem", self.reference(names::vm_path(vm))?))
    }

    fn point_parameter(&self, point: Option<PointId>) -> Cim<Value> {
        let path = point.map(|it| names::by_id(class::VM_SETTINGS, names::point_id(it)));
        path.map_or(Ok(Value::Null), |path| self.reference(path))
    }

    /// The parameters by their names in the schema; what is not given is null.
    fn parameters(&self, call: &Call) -> Cim<Instance> {
        let none = Instance::parameters();
        Ok(match call {
            Call::ModifyServiceSettings { settings } => {
                none.with("SettingData", self.service_settings_text(settings)?)
            }
            Call::AddAuthorizationEntry { entry } | Call::ModifyAuthorizationEntry { entry } => {
                none.with("AuthorizationEntry", entry_text(entry))
            }
            Call::RemoveAuthorizationEntry { allowed_primary } => {
                none.with("AllowedPrimaryHostSystem", allowed_primary.as_str())
            }
            Call::SetAuthorizationEntry { vm, entry } => {
                self.vm_parameter(*vm)?.with("AuthorizationEntry", entry_text(entry))
            }
            Call::TestReplicationConnection {
                recovery_connection_point,
                port,
                authentication,
                certificate_thumbprint,
                bypass_proxy,
            } => none
                .with("RecoveryConnectionPoint", recovery_connection_point.as_str())
                .with("RecoveryServerPortNumber", *port)
                .with("AuthenticationType", *authentication)
                .with("CertificateThumbPrint", certificate_thumbprint.clone())
                .with("BypassProxyServer", *bypass_proxy),
            Call::CreateReplicationRelationship { vm, settings }
            | Call::ModifyReplicationSettings { vm, settings } => {
                let text = self.sender_settings_text(*vm, settings)?;
                self.vm_parameter(*vm)?.with("ReplicationSettingData", text)
            }
            Call::ReverseReplicationRelationship { vm, settings } => {
                let text = settings.as_ref().map(|it| self.primary_settings_text(*vm, it));
                self.vm_parameter(*vm)?.with("ReplicationSettingData", text.transpose()?)
            }
            Call::InitiateFailback { vm, settings, point } => self
                .vm_parameter(*vm)?
                .with("ReplicationSettingData", self.primary_settings_text(*vm, settings)?)
                .with("RecoveryPointIdentifier", point.clone()),
            Call::StartReplication { vm, initial, export_location, start } => self
                .vm_parameter(*vm)?
                .with("InitialReplicationType", *initial)
                .with("InitialReplicationExportLocation", export_location.clone())
                .with("StartTime", start_time(*start)),
            Call::ImportInitialReplica { vm, import_location } => self
                .vm_parameter(*vm)?
                .with("InitialReplicationImportLocation", import_location.as_str()),
            Call::InitiateFailover { vm, point } | Call::TestReplicaSystem { vm, point } => {
                self.vm_parameter(*vm)?.with("SnapshotSettingData", self.point_parameter(*point)?)
            }
            Call::Resynchronize { vm, start } => {
                self.vm_parameter(*vm)?.with("StartTime", start_time(*start))
            }
            Call::SetFailoverNetworkAdapterSettings { vm, settings } => {
                let texts = self.failover_network_texts(*vm, settings)?;
                self.vm_parameter(*vm)?.with("NetworkSettings", texts)
            }
            Call::RemoveReplicationRelationship { vm, relationship }
            | Call::GetReplicationStatistics { vm, relationship }
            | Call::ResetReplicationStatistics { vm, relationship } => {
                relationship_parameter(self.vm_parameter(*vm)?, *relationship)
            }
            Call::ChangeReplicationModeToPrimary { vm, relationship } => {
                relationship_parameter(self.vm_parameter(*vm)?, Some(*relationship))
            }
            Call::RequestReplicationStateChange { relationship, requested, .. } => {
                relationship_parameter(none, *relationship)
                    .with("RequestedState", *requested)
                    .with("TimeoutPeriod", Value::Null)
            }
            Call::RequestServiceStateChange { requested }
            | Call::RequestStateChange { requested, .. }
            | Call::RequestJobStateChange { requested, .. } => {
                none.with("RequestedState", *requested).with("TimeoutPeriod", Value::Null)
            }
            Call::DestroySystem { vm } => {
                none.with("AffectedSystem", self.reference(names::vm_path(*vm))?)
            }
            Call::RevertFailover { vm } | Call::CommitFailover { vm } => self.vm_parameter(*vm)?,
            Call::GetSystemCertificates
            | Call::StartService
            | Call::StopService
            | Call::GetError { .. }
            | Call::GetErrorEx { .. } => none,
            Call::Flawed { call, .. } => self.parameters(call)?,
        })
    }

    /// Makes a parameter null, or of another class, if the method has one that can be.
    fn spoil(&self, operation: Operation, flaw: Flaw, it: &mut Invocation) -> Cim<()> {
        let class = Schema::virtualization().class(operation.class());
        let Some(method) = class.and_then(|class| class.method(it.method)) else { return Ok(()) };
        let declared = |name: &&&str| method.parameter(name).is_some_and(|it| it.is_in);
        let candidates: &[&str] = if flaw == Flaw::Null { &GIVEN } else { &OF_CLASS };
        let Some(name) = candidates.iter().find(declared) else { return Ok(()) };
        let other = || text_of(&Instance::new(OTHER_CLASS));
        let value = match (flaw, method.parameter(name)) {
            (Flaw::Null, _) | (_, None) => Value::Null,
            (_, Some(it)) if it.of.is_array => vec![other()].into(),
            (_, Some(it)) if it.embedded.is_some() => other().into(),
            _ => self.reference(ObjectPath::class(OTHER_CLASS))?,
        };
        it.parameters.set(*name, value);
        Ok(())
    }

    /// What WMI itself says of a call that did not come back with a number.
    fn told(&self, call: &Call, error: CimError) -> Error {
        let operation = call.operation();
        match error {
            CimError::Status { status: WbemStatus::NOT_FOUND, .. } => {
                Error::NotFound(self.missing(call))
            }
            CimError::Status { status, why } => refused_by_wmi(operation, status, why),
            CimError::Transport(source) => Error::Transport { operation: Some(operation), source },
            CimError::Malformed(source) => Error::Malformed { operation: Some(operation), source },
        }
    }

    /// What of that which a call names is not there. WMI does not say.
    fn missing(&self, call: &Call) -> Missing {
        let call = call.parts().0;
        let is_there = |path: ObjectPath| self.client.get(&path).is_ok();
        if let Some(job) = job_of(call) {
            return Missing::Job(job);
        }
        let Some(vm) = call.vm() else { return Missing::Host };
        if !is_there(names::vm_path(vm)) {
            return Missing::Vm(vm);
        }
        let (Call::InitiateFailover { point, .. } | Call::TestReplicaSystem { point, .. }) = call
        else {
            return call.relationship().map_or(Missing::Vm(vm), Missing::Relationship);
        };
        let gone = |it: &PointId| !is_there(names::by_id(class::VM_SETTINGS, names::point_id(*it)));
        point.filter(gone).map_or(Missing::Vm(vm), Missing::Point)
    }
}

/// When to begin; null for now.
fn start_time(start: Option<SimTime>) -> Value {
    start.map(|it| names::time(Some(it))).into()
}

/// A relationship is known by its `InstanceID`; what else its text says is long out of date.
fn relationship_parameter(parameters: Instance, id: Option<RelationshipId>) -> Instance {
    let Some(id) = id else { return parameters };
    let instance = Instance::new(class::RELATIONSHIP).with("InstanceID", id.to_string());
    parameters.with("ReplicationRelationship", text_of(&instance))
}

fn entry_text(entry: &AuthorizationEntry) -> String {
    text_of(&parameters::entry(entry))
}

fn job_of(call: &Call) -> Option<JobId> {
    match call {
        Call::RequestJobStateChange { job, .. }
        | Call::GetError { job }
        | Call::GetErrorEx { job } => Some(*job),
        _ => None,
    }
}
