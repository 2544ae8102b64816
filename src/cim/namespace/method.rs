//! Methods: from a name and parameters to a call, and from its outcome to return value and out
//! parameters.

use super::argument::Arguments;
use super::object::Object;
use super::query::agrees;
use super::view::{View, failed};
use crate::cim::mirror::{names, write_job, write_replication};
use crate::cim::text::{self, Form};
use crate::cim::{
    Array, Error, Instance, Keys, Method, ObjectPath, Reply, Result, Value, WbemStatus,
};
use crate::error;
use crate::model::{
    Call, ErrorCode, ErrorRecord, JobId, Output, RelationshipId, RequestedState, VmId,
};
use crate::service::{Outcome, ReplicationService};

/// The return value of what is done.
const DONE: u32 = 0;
/// The return value of what a job does.
const STARTED: u32 = 4096;
/// The return value of methods that Windows declares and does not implement.
const NOT_IMPLEMENTED: u32 = 1;

/// What a method does here.
enum Action {
    /// It is a call of the contract.
    Call(Call),
    /// It is a call whose job nobody is told of.
    CallAndForget(Call),
    /// It is answered at once.
    Reply(u32, Instance),
}

/// What has a method. Whether a virtual machine or a job is there, the service says when it is
/// called: WMI hands a call on without looking.
enum Addressee {
    Vm(VmId),
    Job(JobId),
    Object(Object),
}

impl<S: ReplicationService> View<'_, S> {
    fn addressee(&self, path: &ObjectPath) -> Result<Addressee> {
        self.check(path)?;
        let vm = names::vm_of(path).filter(|it| agrees(&names::vm_path(*it), path));
        let job = names::job_of(path).filter(|it| agrees(&names::job_path(*it), path));
        let is = |class: &str| path.class == *class;
        Ok(match (vm, job) {
            (Some(vm), _) if is(names::class::COMPUTER_SYSTEM) => Addressee::Vm(vm),
            (_, Some(job)) if is(names::class::JOB) => Addressee::Job(job),
            _ => Addressee::Object(self.one(path)?),
        })
    }

    /// Calls a method of the object at a path.
    pub(super) fn invoke(
        &self,
        path: &ObjectPath,
        name: &str,
        arguments: &Instance,
    ) -> Result<Reply> {
        let class = self.class_of(path)?;
        let Some(method) = class.method(name) else {
            let why = format!("{} has no method `{name}`", class.name);
            return Err(Error::status(WbemStatus::INVALID_METHOD, why));
        };
        if path.keys == Keys::Class {
            let why = format!("{name} is a method of an instance, and `{path}` names none");
            return Err(Error::status(WbemStatus::INVALID_METHOD_PARAMETERS, why));
        }
        let mut given = Arguments::new(self, method.bind(arguments)?);
        let action = match self.addressee(path)? {
            Addressee::Vm(vm) => of_vm(method, vm, &mut given),
            Addressee::Job(job) => of_job(method, job, &mut given),
            Addressee::Object(Object::Service) => of_service(method, &mut given)?,
            Addressee::Object(Object::Management) => self.of_management(method, &mut given)?,
            Addressee::Object(Object::Host) => of_host(method),
            Addressee::Object(Object::Shutdown(vm)) => of_shutdown(method, vm.id),
            Addressee::Object(_) => None,
        };
        let Some(action) = action else {
            let why = format!("{}.{} does nothing here", class.name, method.name);
            return Err(Error::status(WbemStatus::PROVIDER_NOT_CAPABLE, why));
        };
        let (call, is_told) = match action {
            Action::Reply(value, out) => return Ok(method.reply(value, out)),
            Action::Call(call) => (call, true),
            Action::CallAndForget(call) => (call, false),
        };
        match self.service.call(&call.with_flaw(given.flaw)) {
            Ok(Outcome::Started(_)) if !is_told => Ok(method.reply(DONE, Instance::parameters())),
            outcome => self.reply(method, outcome),
        }
    }

    fn reply(&self, method: &Method, outcome: error::Result<Outcome>) -> Result<Reply> {
        let out = Instance::parameters();
        let (value, out) = match outcome {
            Ok(Outcome::Completed) => (DONE, out),
            Ok(Outcome::Returned(output)) => (DONE, self.out(method, *output)),
            Ok(Outcome::Started(job)) => {
                (STARTED, out.with("Job", self.place.reference(names::job_path(job))))
            }
            Err(error::Error::Refused(refusal)) => (refusal.code.to_wire(), out),
            Err(error::Error::Unrecognised { value, .. }) => (value, out),
            Err(error::Error::NotImplemented(_)) => (NOT_IMPLEMENTED, out),
            Err(error) => return Err(failed(error)),
        };
        Ok(method.reply(value, out))
    }

    /// The out parameters of what returned something.
    fn out(&self, method: &Method, output: Output) -> Instance {
        let out = Instance::parameters();
        match output {
            Output::Statistics { statistics, issues } => out
                .with(
                    "ReplicationStatistics",
                    vec![self.text(write_replication::statistics(&statistics))],
                )
                .with("ReplicationHealthIssues", self.errors(&issues)),
            Output::Certificates(certificates) => out.with("EncodedCertificates", certificates),
            Output::Errors(errors) => {
                let mut texts = self.errors(&errors);
                match method.parameter("Errors") {
                    Some(_) => out.with("Errors", (!texts.is_empty()).then_some(texts)),
                    None => out.with("Error", (!texts.is_empty()).then(|| texts.swap_remove(0))),
                }
            }
        }
    }

    fn errors(&self, errors: &[ErrorRecord]) -> Vec<String> {
        errors.iter().map(|it| self.text(write_job::error(it))).collect()
    }

    /// An instance as the text of a parameter.
    fn text(&self, instance: Instance) -> String {
        text::write(&self.complete(instance), self.schema, Form::CimDtd20)
    }

    fn of_management(
        &self,
        method: &Method,
        given: &mut Arguments<'_, S>,
    ) -> Result<Option<Action>> {
        Ok(Some(match method.name.as_str() {
            "DestroySystem" => Action::Call(Call::DestroySystem { vm: given.vm("AffectedSystem") }),
            "GetSummaryInformation" => self.summaries(given)?,
            "RequestStateChange" | "StartService" | "StopService" => not_implemented(),
            // The contract changes nothing of how virtual machines are made.
            "DefineSystem"
            | "ModifySystemSettings"
            | "AddResourceSettings"
            | "ModifyResourceSettings"
            | "RemoveResourceSettings" => not_supported(),
            _ => return Ok(None),
        }))
    }

    /// The summaries of the virtual machines with these settings, or of all.
    fn summaries(&self, given: &Arguments<'_, S>) -> Result<Action> {
        let refuse =
            || Ok(Action::Reply(ErrorCode::InvalidParameter.to_wire(), Instance::parameters()));
        let Some(Value::Array(requested)) = given.value("RequestedInformation") else {
            return refuse();
        };
        let asked: Vec<i128> = requested.values().filter_map(|it| it.as_integer()).collect();
        let mut vms = Vec::new();
        match given.value("SettingData") {
            Some(Value::Array(Array::Reference(paths))) => {
                for path in paths {
                    match self.locate_if_there(path)?.as_slice() {
                        [Object::VmSettings(vm)] => vms.push(vm.clone()),
                        _ => return refuse(),
                    }
                }
            }
            _ => vms = self.vms()?,
        }
        let mut all = Vec::new();
        for vm in vms {
            let mut summary = self.instance(&Object::Summary(vm))?;
            for (number, property) in SUMMARY_INFORMATION {
                if !asked.contains(number) && summary.supplies(property) {
                    summary.set(*property, Value::Null);
                }
            }
            all.push(summary);
        }
        let all = crate::cim::mirror::write_system::objects(all);
        let out = Instance::parameters().with("SummaryInformation", all);
        Ok(Action::Reply(DONE, out))
    }
}

/// A method that the pages say Windows does not implement.
fn not_implemented() -> Action {
    Action::Reply(NOT_IMPLEMENTED, Instance::parameters())
}

/// A method that hosts have, and that nothing here can do.
fn not_supported() -> Action {
    Action::Reply(ErrorCode::NotSupported.to_wire(), Instance::parameters())
}

/// Names of parameters that many methods have.
const VM: &str = "ComputerSystem";
const SETTINGS: &str = "ReplicationSettingData";
const ENTRY: &str = "AuthorizationEntry";
const LINE: &str = "ReplicationRelationship";
const POINT: &str = "SnapshotSettingData";

/// What the service does for the host.
fn of_service<S: ReplicationService>(
    method: &Method,
    given: &mut Arguments<'_, S>,
) -> Result<Option<Action>> {
    let call = match method.name.as_str() {
        "ModifyServiceSettings" => {
            Call::ModifyServiceSettings { settings: given.service_settings("SettingData")? }
        }
        "AddAuthorizationEntry" => Call::AddAuthorizationEntry { entry: given.entry(ENTRY)? },
        "ModifyAuthorizationEntry" => Call::ModifyAuthorizationEntry { entry: given.entry(ENTRY)? },
        "RemoveAuthorizationEntry" => Call::RemoveAuthorizationEntry {
            allowed_primary: given.text("AllowedPrimaryHostSystem"),
        },
        "SetAuthorizationEntry" => {
            Call::SetAuthorizationEntry { vm: given.vm(VM), entry: given.entry(ENTRY)? }
        }
        "GetSystemCertificates" => Call::GetSystemCertificates,
        "TestReplicationConnection" => Call::TestReplicationConnection {
            recovery_connection_point: given.text("RecoveryConnectionPoint"),
            port: given.number("RecoveryServerPortNumber"),
            authentication: given.number("AuthenticationType"),
            certificate_thumbprint: given.optional_text("CertificateThumbPrint"),
            bypass_proxy: given.flag("BypassProxyServer"),
        },
        "RequestStateChange" => {
            Call::RequestServiceStateChange { requested: given.number("RequestedState") }
        }
        "StartService" => Call::StartService,
        "StopService" => Call::StopService,
        _ => return of_replication(method, given),
    };
    Ok(Some(Action::Call(call)))
}

/// What the service does with the replication of a virtual machine.
fn of_replication<S: ReplicationService>(
    method: &Method,
    given: &mut Arguments<'_, S>,
) -> Result<Option<Action>> {
    let call = match method.name.as_str() {
        "CreateReplicationRelationship" => {
            let vm = given.vm(VM);
            Call::CreateReplicationRelationship { vm, settings: given.settings(SETTINGS, vm)? }
        }
        "ModifyReplicationSettings" => {
            let vm = given.vm(VM);
            Call::ModifyReplicationSettings { vm, settings: given.settings(SETTINGS, vm)? }
        }
        "ReverseReplicationRelationship" => {
            let vm = given.vm(VM);
            let settings = given.optional_settings(SETTINGS, vm)?;
            Call::ReverseReplicationRelationship { vm, settings }
        }
        "InitiateFailback" => {
            let vm = given.vm(VM);
            let settings = given.settings(SETTINGS, vm)?;
            let point = given.optional_text("RecoveryPointIdentifier");
            Call::InitiateFailback { vm, settings, point }
        }
        "RemoveReplicationRelationship" => {
            Call::RemoveReplicationRelationship { vm: given.vm(VM), relationship: None }
        }
        "RemoveReplicationRelationshipEx" => Call::RemoveReplicationRelationship {
            vm: given.vm(VM),
            relationship: given.needed_relationship(LINE),
        },
        "GetReplicationStatistics" => {
            Call::GetReplicationStatistics { vm: given.vm(VM), relationship: None }
        }
        "GetReplicationStatisticsEx" => Call::GetReplicationStatistics {
            vm: given.vm(VM),
            relationship: given.needed_relationship(LINE),
        },
        "ResetReplicationStatistics" => {
            Call::ResetReplicationStatistics { vm: given.vm(VM), relationship: None }
        }
        "ResetReplicationStatisticsEx" => Call::ResetReplicationStatistics {
            vm: given.vm(VM),
            relationship: given.needed_relationship(LINE),
        },
        "ChangeReplicationModeToPrimary" => {
            let vm = given.vm(VM);
            let named = given.needed_relationship(LINE);
            let relationship = named.unwrap_or(RelationshipId::extended(vm));
            Call::ChangeReplicationModeToPrimary { vm, relationship }
        }
        "StartReplication" => Call::StartReplication {
            vm: given.vm(VM),
            initial: given.number("InitialReplicationType"),
            export_location: given.optional_text("InitialReplicationExportLocation"),
            start: given.time("StartTime"),
        },
        "ImportInitialReplica" => Call::ImportInitialReplica {
            vm: given.vm(VM),
            import_location: given.text("InitialReplicationImportLocation"),
        },
        "InitiateFailover" => {
            Call::InitiateFailover { vm: given.vm(VM), point: given.point(POINT) }
        }
        "TestReplicaSystem" => {
            Call::TestReplicaSystem { vm: given.vm(VM), point: given.point(POINT) }
        }
        "RevertFailover" => Call::RevertFailover { vm: given.vm(VM) },
        "CommitFailover" => Call::CommitFailover { vm: given.vm(VM) },
        "Resynchronize" => Call::Resynchronize { vm: given.vm(VM), start: given.time("StartTime") },
        "SetFailoverNetworkAdapterSettings" => {
            let vm = given.vm(VM);
            let settings = given.failover_network("NetworkSettings", vm)?;
            Call::SetFailoverNetworkAdapterSettings { vm, settings }
        }
        _ => return Ok(None),
    };
    Ok(Some(Action::Call(call)))
}

fn of_vm<S: ReplicationService>(
    method: &Method,
    vm: VmId,
    given: &mut Arguments<'_, S>,
) -> Option<Action> {
    Some(Action::Call(match method.name.as_str() {
        "RequestStateChange" => {
            Call::RequestStateChange { vm, requested: given.number("RequestedState") }
        }
        "RequestReplicationStateChange" => Call::RequestReplicationStateChange {
            vm,
            relationship: None,
            requested: given.number("RequestedState"),
        },
        "RequestReplicationStateChangeEx" => Call::RequestReplicationStateChange {
            vm,
            relationship: given.relationship("ReplicationRelationship"),
            requested: given.number("RequestedState"),
        },
        _ => return None,
    }))
}

/// The host is no virtual machine, and its state is nothing to ask for here.
fn of_host(method: &Method) -> Option<Action> {
    let name = method.name.as_str();
    name.starts_with("Request").then(not_supported)
}

fn of_job<S: ReplicationService>(
    method: &Method,
    job: JobId,
    given: &mut Arguments<'_, S>,
) -> Option<Action> {
    Some(Action::Call(match method.name.as_str() {
        "RequestStateChange" => {
            Call::RequestJobStateChange { job, requested: given.number("RequestedState") }
        }
        "GetError" => Call::GetError { job },
        "GetErrorEx" => Call::GetErrorEx { job },
        _ => return None,
    }))
}

/// A guest is asked to shut down, and no job is told of: the method has no such parameter.
fn of_shutdown(method: &Method, vm: VmId) -> Option<Action> {
    let requested = RequestedState::ShutDown.to_wire();
    match method.name.as_str() {
        "InitiateShutdown" => {
            Some(Action::CallAndForget(Call::RequestStateChange { vm, requested }))
        }
        "RequestStateChange" | "Reset" => Some(not_implemented()),
        _ => None,
    }
}

/// What each number of `RequestedInformation` asks for, of the properties that have a value here.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/getsummaryinformation-msvm-virtualsystemmanagementservice>
const SUMMARY_INFORMATION: &[(i128, &str)] = &[
    (1, "ElementName"),
    (2, "CreationTime"),
    (100, "EnabledState"),
    (107, "Snapshots"),
    (108, "AsynchronousTasks"),
    (109, "HealthState"),
    (110, "OperationalStatus"),
    (114, "ReplicationMode"),
    (115, "ReplicationState"),
    (116, "ReplicationHealth"),
    (116, "TestReplicaSystem"),
    (118, "ReplicationStateEx"),
    (119, "ReplicationHealthEx"),
    (122, "ReplicationProviderId"),
];
