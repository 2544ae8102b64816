//! Calls of `CimService`: what it says, and what it makes of the answers.

use super::canned::{Canned, Invoked};
use super::service::{GUID, JOB, TEST, server_2025, service, system, time, web};
use hyperv_replica::cim::text::{Form, Reader, write};
use hyperv_replica::cim::*;
use hyperv_replica::error::{Error as ServiceError, Missing};
use hyperv_replica::model::time::seconds;
use hyperv_replica::model::*;
use hyperv_replica::service::Outcome;
use hyperv_replica::{ReplicationService, ReplicationServiceExt};

fn started(job: impl Into<Value>) -> Instance {
    Instance::parameters().with("Job", job)
}

/// 0 is done, 4096 a job, a documented number a refusal, 1 not implemented, and no other number
/// means anything: <https://learn.microsoft.com/windows/win32/hyperv_v2/revertfailover-msvm-replicationservice>.
#[test]
fn numbers_are_answers() {
    let job = ObjectPath::class("Msvm_ConcreteJob").with("InstanceID", JOB);
    let told = |value, out| {
        let canned = Canned::default().with(service()).answering("RevertFailover", value, out);
        CimService::new(canned).revert_failover(web())
    };
    let none = Instance::parameters;
    assert_eq!(told(0, none()).unwrap(), Outcome::Completed);
    let expected = Outcome::Started(JOB.parse().unwrap());
    assert_eq!(told(4096, started(job.clone())).unwrap(), expected);
    // As text, as WMI's scripts see it.
    let text = job.on("TOKYO", r"root\virtualization\v2").to_string();
    assert_eq!(told(4096, started(text)).unwrap(), expected);
    for out in [none(), started(Value::Null), started("?"), started(system(GUID))] {
        let error = told(4096, out).unwrap_err();
        assert!(matches!(error, ServiceError::Malformed { operation: Some(_), .. }), "{error}");
    }
    for code in ErrorCode::ALL {
        assert_eq!(told(code.to_wire(), none()).unwrap_err().code(), Some(*code));
    }
    assert!(matches!(told(1, none()), Err(ServiceError::NotImplemented(_))));
    for value in [2, 32767, 32780, u32::MAX] {
        let error = told(value, none()).unwrap_err();
        assert!(matches!(error, ServiceError::Unrecognised { value: it, .. } if it == value));
    }
}

/// Two methods return the numbers of the CIM schema, too:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/destroysystem-msvm-virtualsystemmanagementservice>,
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-concretejob>.
#[test]
fn generic_numbers_are_refusals() {
    let job: JobId = JOB.parse().unwrap();
    let told = |call: &Call, value| {
        let method = call.operation().method();
        let canned =
            Canned::default().with(service()).answering(method, value, Instance::parameters());
        CimService::new(canned).call(call)
    };
    let destroy = Call::DestroySystem { vm: web() };
    let cancel = Call::RequestJobStateChange { job, requested: 4 };
    assert_eq!(told(&destroy, 5).unwrap_err().code(), Some(ErrorCode::InvalidState));
    assert_eq!(told(&destroy, 1).unwrap_err().code(), Some(ErrorCode::NotSupported));
    assert_eq!(told(&cancel, 4097).unwrap_err().code(), Some(ErrorCode::InvalidState));
    // Its only job is the one that it ends.
    assert_eq!(told(&cancel, 4096).unwrap(), Outcome::Completed);
}

/// <https://learn.microsoft.com/windows/win32/wmisdk/wmi-error-constants>
#[test]
fn what_wmi_says_of_a_call() {
    let told = |status| {
        let canned = Canned::default().with(service()).failing("CommitFailover", status);
        CimService::new(canned).commit_failover(web()).unwrap_err()
    };
    for (status, code) in [
        (WbemStatus::ACCESS_DENIED, ErrorCode::AccessDenied),
        (WbemStatus::INVALID_METHOD, ErrorCode::NotSupported),
        (WbemStatus::INVALID_METHOD_PARAMETERS, ErrorCode::InvalidParameter),
        (WbemStatus::TYPE_MISMATCH, ErrorCode::IncorrectDataType),
        (WbemStatus::OUT_OF_MEMORY, ErrorCode::OutOfMemory),
    ] {
        assert_eq!(told(status).code(), Some(code), "{status}");
    }
    let missing = told(WbemStatus::NOT_FOUND);
    assert!(matches!(missing, ServiceError::NotFound(Missing::Vm(_))));
    let failed = told(WbemStatus::FAILED);
    assert!(matches!(failed, ServiceError::Transport { operation: Some(_), .. }), "{failed}");
    let error = failed.to_string();
    assert!(error.contains("WBEM_E_FAILED"), "{error}");
}

/// One call of each kind.
fn calls() -> Vec<Call> {
    let (vm, settings) = (web(), Box::new(Settings::to("osaka")));
    let entry = AuthorizationEntry::any(r"D:\Replica");
    let (job, relationship) = (JOB.parse().unwrap(), RelationshipId::primary(vm));
    let point = Some(TEST.parse().unwrap());
    let network = FailoverNetworkAdapterSettings {
        adapter: AdapterId(0),
        protocol: IpProtocol::V4,
        dhcp: false,
        addresses: vec!["10.0.0.7".to_owned()],
        subnets: vec!["255.0.0.0".to_owned()],
        gateways: Vec::new(),
        dns_servers: Vec::new(),
    };
    let mut calls = vec![
        Call::ModifyServiceSettings { settings: Box::new(ServiceSettings::kerberos()) },
        Call::AddAuthorizationEntry { entry: entry.clone() },
        Call::ModifyAuthorizationEntry { entry: entry.clone() },
        Call::RemoveAuthorizationEntry { allowed_primary: "*".to_owned() },
        Call::SetAuthorizationEntry { vm, entry },
        Call::GetSystemCertificates,
        Call::TestReplicationConnection {
            recovery_connection_point: "osaka".to_owned(),
            port: 80,
            authentication: 1,
            certificate_thumbprint: None,
            bypass_proxy: false,
        },
        Call::CreateReplicationRelationship { vm, settings: settings.clone() },
        Call::ModifyReplicationSettings { vm, settings: settings.clone() },
        Call::ReverseReplicationRelationship { vm, settings: None },
        Call::ReverseReplicationRelationship { vm, settings: Some(settings.clone()) },
        Call::StartReplication { vm, initial: 1, export_location: None, start: None },
        Call::ImportInitialReplica { vm, import_location: r"E:\web".to_owned() },
        Call::InitiateFailover { vm, point },
        Call::InitiateFailover { vm, point: None },
        Call::RevertFailover { vm },
        Call::CommitFailover { vm },
        Call::TestReplicaSystem { vm, point: None },
        Call::Resynchronize { vm, start: Some(SimTime::ZERO + seconds(90)) },
        Call::SetFailoverNetworkAdapterSettings { vm, settings: vec![network] },
        Call::ChangeReplicationModeToPrimary { vm, relationship },
        Call::InitiateFailback { vm, settings, point: None },
        Call::RequestServiceStateChange { requested: 2 },
        Call::StartService,
        Call::StopService,
        Call::RequestStateChange { vm, requested: 3 },
        Call::RequestJobStateChange { job, requested: 4 },
        Call::GetError { job },
        Call::GetErrorEx { job },
        Call::DestroySystem { vm },
    ];
    for relationship in [None, Some(relationship)] {
        calls.push(Call::RemoveReplicationRelationship { vm, relationship });
        calls.push(Call::GetReplicationStatistics { vm, relationship });
        calls.push(Call::ResetReplicationStatistics { vm, relationship });
        calls.push(Call::RequestReplicationStateChange { vm, relationship, requested: 3 });
    }
    calls
}

/// The method and its arguments as a call of it was heard, which the schema takes.
fn heard(call: &Call) -> (Invoked, Instance) {
    let host = CimService::new(server_2025());
    let _ = host.call(call);
    let invoked = host.client().invoked.borrow().first().cloned();
    let invoked = invoked.unwrap_or_else(|| panic!("{call:?} calls nothing"));
    let class = Schema::virtualization().class(invoked.path.class.as_str()).expect("declared");
    let method = class.method(&invoked.method);
    let method = method.unwrap_or_else(|| panic!("{} of {}", invoked.method, class.name));
    let bound = method.bind(&invoked.arguments).unwrap_or_else(|error| panic!("{call:?}: {error}"));
    for parameter in method.parameters.iter().filter(|it| it.is_in) {
        let given = bound.get(parameter.name.as_str());
        // A client of Microsoft's says null of what it does not give.
        let may_miss = parameter.name == *"ReplicationRelationship";
        assert!(given.is_some() || may_miss, "{call:?} says nothing of {}", parameter.name);
        let (Some(class), Some(Value::String(text))) = (&parameter.embedded, given) else {
            continue;
        };
        let reader = Reader::new(Schema::virtualization()).tolerant().of_class(class.as_str());
        let read = reader.read(text);
        assert!(read.is_ok() || matches!(call, Call::Flawed { .. }), "{call:?}: {text}");
    }
    (invoked, bound)
}

/// Every parameter is one of the method, of its type, and a text is an instance of its class.
#[test]
fn parameters_are_those_of_the_schema() {
    let mut operations = std::collections::BTreeSet::new();
    for call in calls() {
        let (invoked, _) = heard(&call);
        let namespace = invoked.path.namespace.as_ref().expect("a full path");
        assert_eq!(namespace.name, *r"root\virtualization\v2");
        operations.insert(call.operation().method());
        operations.extend(call.operation().deprecated_method());
    }
    let all = Operation::ALL.iter().flat_map(|it| [Some(it.method()), it.deprecated_method()]);
    assert_eq!(operations, all.flatten().collect(), "one call of each kind");
}

#[test]
fn parameters_say_what_the_call_says() {
    let (invoked, it) =
        heard(&Call::InitiateFailover { vm: web(), point: Some(TEST.parse().unwrap()) });
    assert_eq!(
        invoked.path.to_string(),
        r#"\\TOKYO\root\virtualization\v2:Msvm_ReplicationService.CreationClassName="Msvm_ReplicationService",Name="replicasvc",SystemCreationClassName="Msvm_ComputerSystem",SystemName="TOKYO""#
    );
    let vm = it.read::<&ObjectPath>("ComputerSystem").unwrap().unwrap();
    assert!(vm.is_same_object(&system(GUID)), "{vm}");
    let point = it.read::<&ObjectPath>("SnapshotSettingData").unwrap().unwrap();
    assert_eq!(point.key("InstanceID").unwrap().as_str(), Some(&*format!("Microsoft:{TEST}")));

    let (_, it) = heard(&Call::Resynchronize { vm: web(), start: Some(SimTime::ZERO) });
    assert_eq!(it.get("StartTime"), Some(&Value::from(time("20240101000000.000000-000"))));
    let (_, it) = heard(&Call::Resynchronize { vm: web(), start: None });
    assert_eq!(it.get("StartTime"), Some(&Value::Null));
}

/// A flaw is in the parameter that the call has to give, and in no other.
#[test]
fn flawed_calls_are_sent_as_they_are() {
    let flawed = |call: &Call, flaw| heard(&call.clone().with_flaw(Some(flaw)));
    for call in calls() {
        let (_, plain) = heard(&call);
        for flaw in [Flaw::Null, Flaw::WrongClass] {
            let (invoked, it) = flawed(&call, flaw);
            let changed =
                it.properties().filter(|(name, value)| plain.get(name.as_str()) != Some(*value));
            let changed: Vec<_> = changed.map(|(name, value)| (name.to_string(), value)).collect();
            let method = invoked.method;
            match flaw {
                Flaw::Null => assert!(changed.len() <= 1, "{method}: {changed:?}"),
                Flaw::WrongClass => {
                    let other = |it: &Value| format!("{it:?}").contains("ReplicationStatistics");
                    assert!(changed.len() <= 1, "{method}: {changed:?}");
                    assert!(changed.iter().all(|(_, it)| other(it)), "{method}: {changed:?}");
                }
            }
        }
    }
    let (_, it) = flawed(&Call::CommitFailover { vm: web() }, Flaw::Null);
    assert_eq!(it.get("ComputerSystem"), Some(&Value::Null));
    // Without a relationship there would be nothing of another class.
    let resume =
        Call::RequestReplicationStateChange { vm: web(), relationship: None, requested: 3 };
    let (invoked, it) = flawed(&resume, Flaw::WrongClass);
    assert_eq!(invoked.method, "RequestReplicationStateChangeEx");
    assert!(it.read::<&str>("ReplicationRelationship").unwrap().is_some());
}

/// What a method hands back as text is read in either form, and what is newer is read over.
#[test]
fn outputs_are_read_in_either_form() {
    let statistics = Instance::new("Msvm_ReplicationStatistics")
        .with("StartStatisticTime", time("20260301060000.000000-000"))
        .with("EndStatisticTime", time("20260301120000.000000-000"))
        .with("ReplicationSuccessCount", 7_u32)
        .with("ReplicationSize", 1_u64 << 40)
        .with("LastTestFailoverTime", time("16010101000000.000000-000"))
        .with("ReplicationHealth", 2_u32)
        .with("NewerThanThis", 1_u16);
    let issue = Instance::new("Msvm_Error")
        .with("MessageID", "33414")
        .with("Message", "Der Replikatcomputer hinkt hinterher.")
        .with("ProbableCause", 17_u16)
        .with("CIMStatusCode", 1_u32);
    for form in [Form::CimDtd20, Form::WmiDtd20] {
        let text = |it: &Instance| write(it, Schema::virtualization(), form);
        let out = Instance::parameters()
            .with("ReplicationStatistics", vec![text(&statistics)])
            .with("ReplicationHealthIssues", vec![text(&issue)]);
        let canned =
            Canned::default().with(service()).answering("GetReplicationStatisticsEx", 0, out);
        let (read, issues) =
            CimService::new(canned).statistics(RelationshipId::primary(web())).unwrap();
        assert_eq!((read.successes, read.size_bytes), (7, 1 << 40));
        assert_eq!((read.misses, read.last_test_failover), (0, None));
        assert_eq!(read.health, ReplicationHealth::Warning);
        assert_eq!(issues[0].message_id, 33414);
        assert_eq!(issues[0].probable_cause, ProbableCause::Unknown);
    }
    // At least one is promised.
    let out = Instance::parameters().with("ReplicationStatistics", Value::Null);
    let canned = Canned::default().with(service()).answering("GetReplicationStatisticsEx", 0, out);
    let error = CimService::new(canned).statistics(RelationshipId::primary(web())).unwrap_err();
    assert!(matches!(error, ServiceError::Malformed { .. }), "{error}");
}
