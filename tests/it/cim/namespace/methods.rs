//! Every method: what it does, what refuses it, and what cannot be read.

use super::*;
use hyperv_replica::Error as Refused;
use hyperv_replica::cim::text::{self as xml, Form, Reader};
use hyperv_replica::model::datetime::CimDateTime;
use hyperv_replica::model::{Call, Guid, JobState, PointId, RecoveryPointKind, ServiceSettings};
use hyperv_replica::prelude::*;

const DONE: u32 = 0;
const STARTED: u32 = 4096;
const NOT_SUPPORTED: u32 = 32770;
const INVALID_PARAMETER: u32 = 32773;
const INVALID_STATE: u32 = 32775;
const BAD_TYPE: u32 = 32776;

fn service() -> ObjectPath {
    ObjectPath::class("Msvm_ReplicationService")
        .with("CreationClassName", "Msvm_ReplicationService")
}

fn management() -> ObjectPath {
    ObjectPath::class("Msvm_VirtualSystemManagementService")
        .with("CreationClassName", "Msvm_VirtualSystemManagementService")
}

fn given() -> Instance {
    Instance::parameters()
}

/// Arguments that begin with the virtual machine.
fn about(vm: VmId) -> Instance {
    given().with("ComputerSystem", vm_path(vm))
}

fn embedded(instance: &Instance) -> String {
    xml::write(instance, Schema::virtualization(), Form::CimDtd20)
}

fn relationship(vm: VmId, index: u8) -> String {
    embedded(&Instance::new("Msvm_ReplicationRelationship").with("InstanceID", hvr(vm, index)))
}

#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "arguments are made where they are given")]
fn call(host: &Host, at: &ObjectPath, method: &str, arguments: Instance) -> Reply {
    host.invoke(at, method, &arguments).unwrap_or_else(|error| panic!("{method}: {error}"))
}

#[track_caller]
fn value(host: &Host, method: &str, arguments: Instance) -> u32 {
    call(host, &service(), method, arguments).value
}

/// Waits for a job as clients do.
#[track_caller]
fn finish(host: &Host, reply: &Reply) {
    assert_eq!(reply.value, STARTED);
    let Some(Value::Reference(path)) = reply.out.get("Job") else { panic!("{reply:?}") };
    loop {
        let job = host.get(path).unwrap();
        match number(&job, "JobState") {
            3 | 4 => host.sleep(std::time::Duration::from_secs(5)).unwrap(),
            7 => return,
            _ => panic!("{job:?}"),
        }
    }
}

#[track_caller]
fn do_it(host: &Host, method: &str, arguments: Instance) {
    finish(host, &call(host, &service(), method, arguments));
}

fn state(host: &Host, vm: VmId, index: u8) -> i128 {
    let path = by_id("Msvm_ReplicationRelationship", hvr(vm, index));
    number(&host.get(&path).unwrap(), "ReplicationState")
}

/// What Microsoft's C# sample does from its first call to its last, over WMI alone:
/// <https://github.com/microsoft/Windows-classic-samples>, `Samples/Hyper-V/Replica/cs`.
#[test]
fn a_virtual_machine_is_replicated_failed_over_and_reversed() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let vm = lab.vm("web").on("tokyo").running().create();
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let (tokyo, osaka) = (Namespace::new(tokyo), Namespace::new(osaka));
    // The settings that are there, with what is to be different.
    let mut settings = tokyo.get(&by_id("Msvm_ReplicationSettingData", hvr(vm, 0))).unwrap();
    settings.set("RecoveryConnectionPoint", "osaka");
    settings.set("RecoveryServerPortNumber", 80_u16);
    settings.set("AuthenticationType", 1_u16);
    settings.set("RecoveryHistory", 2_u16);
    let text = xml::write(&settings, Schema::virtualization(), Form::WmiDtd20);
    do_it(&tokyo, "CreateReplicationRelationship", about(vm).with("ReplicationSettingData", text));
    assert_eq!(state(&tokyo, vm, 0), 1); // Ready for replication.
    do_it(&tokyo, "StartReplication", about(vm).with("InitialReplicationType", 1_u16));
    lab.advance(hours(3));
    assert_eq!((state(&tokyo, vm, 0), state(&osaka, vm, 0)), (3, 3)); // Replicating.

    let points = osaka.associators(&vm_path(vm), "Msvm_SnapshotOfVirtualSystem", None).unwrap();
    let point = points.last().and_then(|it| it.path.clone()).expect("there are two");
    lab.vm("unrelated").on("osaka").create();
    do_it(&osaka, "InitiateFailover", about(vm).with("SnapshotSettingData", point));
    assert_eq!(state(&osaka, vm, 0), 5); // Recovered.
    let row = osaka.get(&vm_path(vm)).unwrap();
    assert_eq!(number(&row, "FailedOverReplicationType"), 1); // Regular.
    do_it(&osaka, "RevertFailover", about(vm));
    assert_eq!(state(&osaka, vm, 0), 3);
    let off = given().with("RequestedState", 3_u16);
    finish(&tokyo, &call(&tokyo, &vm_path(vm), "RequestStateChange", off));
    let prepare = given()
        .with("ReplicationRelationship", relationship(vm, 0))
        .with("RequestedState", 4_u16)
        .with("TimeoutPeriod", Value::Null);
    finish(&tokyo, &call(&tokyo, &vm_path(vm), "RequestReplicationStateChangeEx", prepare));
    assert_eq!(state(&tokyo, vm, 0), 4); // Synced replication complete.
    do_it(&osaka, "InitiateFailover", about(vm));
    do_it(&osaka, "CommitFailover", about(vm));
    assert_eq!(state(&osaka, vm, 0), 6); // Committed.
    let mut settings = osaka.get(&by_id("Msvm_ReplicationSettingData", hvr(vm, 0))).unwrap();
    settings.set("RecoveryConnectionPoint", "tokyo");
    let reverse = about(vm).with("ReplicationSettingData", embedded(&settings));
    do_it(&osaka, "ReverseReplicationRelationship", reverse);
    let mode = |host: &Host| number(&host.get(&vm_path(vm)).unwrap(), "ReplicationMode");
    assert_eq!((mode(&osaka), mode(&tokyo)), (1, 2)); // Primary, Replica.
    let remove = about(vm).with("ReplicationRelationship", relationship(vm, 0));
    do_it(&osaka, "RemoveReplicationRelationshipEx", remove);
    assert_eq!((mode(&osaka), state(&osaka, vm, 0)), (0, 0));
    do_it(&tokyo, "RemoveReplicationRelationship", about(vm)); // As of Windows Server 2012.
    assert_eq!(mode(&tokyo), 0);
}

/// libvirt writes only what it wants to change; what a text does not have stays as it is, and what
/// it has without a value takes the default.
#[test]
fn what_a_text_does_not_have_stays() {
    let site = Site::new();
    let id = RelationshipId::primary(site.web);
    let before = site.lab.host("tokyo.contoso.com").settings(id).unwrap();
    let text = r#"<INSTANCE CLASSNAME="Msvm_ReplicationSettingData">
        <PROPERTY NAME="RecoveryHistory" TYPE="uint16"><VALUE>7</VALUE></PROPERTY>
        <PROPERTY NAME="CompressionEnabled" TYPE="boolean"><VALUE>0</VALUE></PROPERTY>
        <PROPERTY NAME="AutoResynchronizeIntervalEnd" TYPE="datetime"></PROPERTY>
    </INSTANCE>"#;
    do_it(
        &site.tokyo,
        "ModifyReplicationSettings",
        about(site.web).with("ReplicationSettingData", text),
    );
    let after = site.lab.host("tokyo.contoso.com").settings(id).unwrap();
    assert_eq!(after, Settings { recovery_history: 7, compression: false, ..before });
}

/// Each kind of thing that can be wrong with a parameter, and that nothing happens then.
#[test]
fn what_cannot_be_read_changes_nothing() {
    let site = Site::new();
    let before = site.lab.world();
    let instance = |property: &str| {
        format!(r#"<INSTANCE CLASSNAME="Msvm_ReplicationSettingData">{property}</INSTANCE>"#)
    };
    let property = |name: &str, of: &str, value: &str| {
        instance(&format!(
            r#"<PROPERTY NAME="{name}" TYPE="{of}"><VALUE>{value}</VALUE></PROPERTY>"#
        ))
    };
    let disks = |path: &str| {
        instance(&format!(
            r#"<PROPERTY.ARRAY NAME="IncludedDisks" TYPE="string"><VALUE.ARRAY><VALUE>{path}</VALUE></VALUE.ARRAY></PROPERTY.ARRAY>"#
        ))
    };
    let other = Instance::new("Msvm_ReplicationServiceSettingData").with("HttpPort", 81_u16);
    let others_disk = format!(r"Microsoft:{}\83F8638B-8DCA-4152-9EDA-2CA8B33039B4\0\0\L", site.db);
    let cases = [
        ("no XML", "RecoveryHistory=7".to_owned(), INVALID_PARAMETER),
        ("a DTD", format!("<!DOCTYPE x>{}", instance("")), INVALID_PARAMETER),
        ("another class", embedded(&other), BAD_TYPE),
        ("no class of all", instance("").replace("SettingData", "Settings"), BAD_TYPE),
        ("no property", property("Recovery", "uint16", "7"), INVALID_PARAMETER),
        ("another type", property("RecoveryHistory", "string", "7"), BAD_TYPE),
        ("no number", property("RecoveryHistory", "uint16", "seven"), INVALID_PARAMETER),
        (
            "no such authentication",
            property("AuthenticationType", "uint16", "3"),
            INVALID_PARAMETER,
        ),
        (
            "a date for a time of day",
            property("AutoResynchronizeIntervalEnd", "datetime", "20240101000000.000000-000"),
            INVALID_PARAMETER,
        ),
        ("no provider", property("ReplicationProvider", "string", "VMware"), INVALID_PARAMETER),
        ("no disk", disks("C:\\web.vhdx"), INVALID_PARAMETER),
        ("another's disk", disks(&others_disk), INVALID_PARAMETER),
        ("out of range", property("RecoveryHistory", "uint16", "25"), INVALID_PARAMETER),
    ];
    for (what, text, expected) in cases {
        let arguments = about(site.web).with("ReplicationSettingData", text);
        assert_eq!(value(&site.tokyo, "ModifyReplicationSettings", arguments), expected, "{what}");
    }
    let null = [about(site.web), given().with("ReplicationSettingData", instance(""))];
    for arguments in null {
        let found = value(&site.tokyo, "ModifyReplicationSettings", arguments.clone());
        assert_eq!(found, INVALID_PARAMETER, "{arguments:?}");
    }
    let job = given()
        .with("ComputerSystem", by_id("Msvm_ConcreteJob", "x"))
        .with("ReplicationSettingData", instance(""));
    assert_eq!(value(&site.tokyo, "ModifyReplicationSettings", job), BAD_TYPE);
    assert_eq!(site.lab.world(), before);
}

/// <https://learn.microsoft.com/windows/win32/wmisdk/wmi-error-constants>
#[test]
fn what_is_no_method_or_parameter_is_wmis_to_refuse() {
    let site = Site::new();
    let before = site.lab.world();
    let refused = |at: &ObjectPath, method: &str, arguments: Instance| {
        status(site.tokyo.invoke(at, method, &arguments))
    };
    let of_service = |method: &str, arguments| refused(&service(), method, arguments);
    assert_eq!(of_service("Failover", given()), WbemStatus::INVALID_METHOD);
    // A client in the wild names the parameter so.
    let wrong = given().with("SourceSystem", vm_path(site.web));
    assert_eq!(of_service("InitiateFailover", wrong), WbemStatus::INVALID_METHOD_PARAMETERS);
    let wrong = about(site.web).with("Job", Value::Null);
    assert_eq!(of_service("InitiateFailover", wrong), WbemStatus::INVALID_METHOD_PARAMETERS);
    let wrong = given().with("ComputerSystem", "{");
    assert_eq!(of_service("InitiateFailover", wrong), WbemStatus::TYPE_MISMATCH);
    let class = ObjectPath::class("Msvm_ReplicationService");
    let no_instance = refused(&class, "CommitFailover", about(site.web));
    assert_eq!(no_instance, WbemStatus::INVALID_METHOD_PARAMETERS);
    let other = ObjectPath::class("Msvm_ReplicationService").with("Name", "vmms");
    assert_eq!(refused(&other, "CommitFailover", about(site.web)), WbemStatus::NOT_FOUND);
    let job = by_id("Msvm_ConcreteJob", Guid(7).to_string());
    assert_eq!(refused(&job, "GetError", given()), WbemStatus::NOT_FOUND);
    let not_capable = refused(&vm_path(site.web), "InjectNonMaskableInterrupt", given());
    assert_eq!(not_capable, WbemStatus::PROVIDER_NOT_CAPABLE);
    assert_eq!(site.lab.world(), before);
}

/// A reply has every out parameter; one that is not set is null. A refusal has its number.
#[test]
fn a_reply_says_what_happened() {
    let site = Site::new();
    let refused = call(&site.tokyo, &service(), "CommitFailover", about(site.web));
    assert_eq!(refused.value, INVALID_STATE);
    assert_eq!(refused.out.get("Job"), Some(&Value::Null));
    let started = call(&site.osaka, &service(), "TestReplicaSystem", about(site.web));
    assert_eq!(started.value, STARTED);
    assert_eq!(started.out.get("ResultingSystem"), Some(&Value::Null), "the job makes it");
    let Some(Value::Reference(job)) = started.out.get("Job") else { panic!("{started:?}") };
    assert!(job.to_string().starts_with(r"\\osaka\root\virtualization\v2:Msvm_ConcreteJob."));
    finish(&site.osaka, &started);
    // Nobody of that name: what the service answers, not WMI.
    let nobody = VmId(Guid(9));
    let missing = value(&site.tokyo, "CommitFailover", about(nobody));
    let direct = site.lab.host("tokyo.contoso.com").commit_failover(nobody).unwrap_err();
    assert_eq!(Some(missing), direct.code().map(ErrorCode::to_wire));
    let host = given().with("ComputerSystem", vm_path(site.web).with("Name", "tokyo.contoso.com"));
    assert_eq!(value(&site.tokyo, "CommitFailover", host), missing, "the host is none, either");
}

/// Embedded instances in what comes back: <https://learn.microsoft.com/windows/win32/hyperv_v2/getreplicationstatisticsex-msvm-replicationservice>.
#[test]
fn statistics_and_errors_come_as_text() {
    let site = Site::new();
    let schema = Schema::virtualization();
    let ask = about(site.web).with("ReplicationRelationship", relationship(site.web, 0));
    let (direct, _) = {
        let host = site.lab.host("tokyo.contoso.com");
        host.statistics(RelationshipId::primary(site.web)).unwrap()
    };
    for (method, arguments) in
        [("GetReplicationStatisticsEx", ask.clone()), ("GetReplicationStatistics", about(site.web))]
    {
        let reply = call(&site.tokyo, &service(), method, arguments);
        assert_eq!(reply.value, DONE);
        let texts = reply.out.read::<&[String]>("ReplicationStatistics").unwrap().unwrap();
        let statistics = one(texts.to_vec());
        let read = Reader::new(schema).of_class("Msvm_ReplicationStatistics").read(&statistics);
        let statistics = read.unwrap();
        assert_eq!(number(&statistics, "ReplicationSuccessCount"), direct.successes.into());
        assert_eq!(number(&statistics, "ReplicationSize"), direct.size_bytes.into());
        assert!(is_null(&statistics, "InstanceID"));
        assert_eq!(
            reply.out.get("ReplicationHealthIssues"),
            Some(&Value::from(Vec::<String>::new()))
        );
    }
    let none = call(&site.tokyo, &service(), "GetReplicationStatisticsEx", about(site.web));
    assert_eq!(none.value, INVALID_PARAMETER);
    assert_eq!(none.out.get("ReplicationStatistics"), Some(&Value::Null));
    let reset = call(&site.tokyo, &service(), "ResetReplicationStatisticsEx", ask);
    assert_eq!(reset.value, DONE);
    assert_eq!(value(&site.tokyo, "ResetReplicationStatistics", about(site.web)), DONE);
    let primary = RelationshipId::primary(site.web);
    let host = site.lab.host("tokyo.contoso.com");
    assert_eq!(host.statistics(primary).unwrap().0.successes, 0);
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/geterrorex-msvm-concretejob>: null while the
/// job runs and after success.
#[test]
fn a_job_says_why_it_failed() {
    use hyperv_replica::engine::Disturbance;
    let site = Site::new();
    let handle = site.lab.host("tokyo.contoso.com");
    let osaka = site.lab.host("osaka").id();
    site.lab.disturb(Disturbance::CrashHost(osaka));
    let test = given()
        .with("RecoveryConnectionPoint", "osaka")
        .with("RecoveryServerPortNumber", 80_u16)
        .with("AuthenticationType", 1_u16)
        .with("CertificateThumbPrint", Value::Null)
        .with("BypassProxyServer", false);
    let reply = call(&site.tokyo, &service(), "TestReplicationConnection", test);
    let Some(Value::Reference(path)) = reply.out.get("Job") else { panic!("{reply:?}") };
    let ask = |method| call(&site.tokyo, path, method, given());
    assert_eq!(ask("GetError"), Reply { value: DONE, out: given().with("Error", Value::Null) });
    assert_eq!(ask("GetErrorEx").out.get("Errors"), Some(&Value::Null));
    site.lab.advance(minutes(4));
    let job = handle.jobs().unwrap().pop().expect("it stays for five minutes");
    assert_eq!(job.state, JobState::Exception);
    let failure = job.error.expect("it failed");
    let instance = site.tokyo.get(path).unwrap();
    assert_eq!(number(&instance, "JobState"), 10);
    assert_eq!(number(&instance, "ErrorCode"), failure.code.to_wire().into());
    assert_eq!(text(&instance, "ErrorDescription"), failure.description);
    let first = ask("GetError");
    let first = text(&first.out, "Error").to_owned();
    let errors = ask("GetErrorEx");
    let errors = errors.out.read::<&[String]>("Errors").unwrap().unwrap();
    assert_eq!(errors[0], first);
    let error = Reader::new(Schema::virtualization()).of_class("Msvm_Error").read(&first).unwrap();
    assert_eq!(text(&error, "MessageID"), "50020"); // An operation failed.
    assert_eq!(number(&error, "ErrorSourceFormat"), 0);
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-concretejob>
#[test]
fn a_job_is_cancelled() {
    let site = Site::new();
    let vm = site.lab.vm("big").on("tokyo.contoso.com").disk(1 << 40, 1 << 40).create();
    let settings = Instance::new("Msvm_ReplicationSettingData")
        .with("RecoveryConnectionPoint", "osaka")
        .with("RecoveryServerPortNumber", 80_u16)
        .with("AuthenticationType", 1_u16);
    let create = about(vm).with("ReplicationSettingData", embedded(&settings));
    do_it(&site.tokyo, "CreateReplicationRelationship", create);
    let later = site.lab.now() + hours(1);
    let at = CimDateTime::from_sim_time(later);
    let start =
        about(vm).with("InitialReplicationType", 1_i32).with("StartTime", DateTime::Time(at));
    let reply = call(&site.tokyo, &service(), "StartReplication", start.clone());
    let Some(Value::Reference(path)) = reply.out.get("Job") else { panic!("{reply:?}") };
    let job = site.tokyo.get(path).unwrap();
    assert_eq!(job.get("ScheduledStartTime"), Some(&Value::DateTime(DateTime::Time(at))));
    let state = |number: u16| given().with("RequestedState", number);
    let ask = |number| call(&site.tokyo, path, "RequestStateChange", state(number)).value;
    assert_eq!(call(&site.tokyo, path, "RequestStateChange", given()).value, INVALID_PARAMETER);
    assert_eq!(ask(9), INVALID_PARAMETER);
    assert_eq!(ask(4), DONE); // Terminate.
    site.lab.advance(minutes(1));
    let job = site.tokyo.get(path).unwrap();
    assert_eq!(number(&job, "JobState"), 8); // Terminated.
    // A time that is past, before the year 2024, and one of no kind.
    for past in
        ["20230101000000.000000-000", "16010101000000.000000-000", "00000001000000.000000:000"]
    {
        let again = start.clone().with("StartTime", past);
        assert_eq!(value(&site.tokyo, "StartReplication", again), INVALID_PARAMETER, "{past}");
    }
}

#[test]
fn the_replica_server_and_whom_it_lets_in() {
    let site = Site::new();
    let handle = site.lab.host("osaka");
    let settings = Instance::new("Msvm_ReplicationServiceSettingData")
        .with("MonitoringInterval", 86400_u32)
        .with("MonitoringStartTime", "00000000100000.000000:000".parse::<DateTime>().unwrap());
    let modify = given().with("SettingData", embedded(&settings));
    let before = handle.service_settings().unwrap();
    assert_eq!(value(&site.osaka, "ModifyServiceSettings", modify), DONE);
    let expected =
        ServiceSettings { monitoring_interval_s: 86400, monitoring_start_s: 36000, ..before };
    assert_eq!(handle.service_settings().unwrap(), expected);
    let allowed = Instance::new("Msvm_ReplicationServiceSettingData")
        .with("AllowedAuthenticationType", 9_u16);
    let allowed = given().with("SettingData", embedded(&allowed));
    assert_eq!(value(&site.osaka, "ModifyServiceSettings", allowed), INVALID_PARAMETER);
    assert_eq!(value(&site.osaka, "ModifyServiceSettings", given()), INVALID_PARAMETER);

    let remove = |name: &str| given().with("AllowedPrimaryHostSystem", name);
    assert_eq!(value(&site.osaka, "RemoveAuthorizationEntry", given()), INVALID_PARAMETER);
    assert_eq!(value(&site.osaka, "RemoveAuthorizationEntry", remove("*")), DONE);
    let entry =
        |given: Instance| Instance::parameters().with("AuthorizationEntry", embedded(&given));
    let new = Instance::new("Msvm_ReplicationAuthorizationSettingData")
        .with("AllowedPrimaryHostSystem", "*.contoso.com")
        .with("TrustGroup", "DEFAULT")
        .with("ReplicaStorageLocation", r"D:\Replica");
    assert_eq!(value(&site.osaka, "AddAuthorizationEntry", entry(new.clone())), DONE);
    let moved = Instance::new("Msvm_ReplicationAuthorizationSettingData")
        .with("AllowedPrimaryHostSystem", "*.CONTOSO.com")
        .with("ReplicaStorageLocation", r"E:\Replica");
    assert_eq!(value(&site.osaka, "ModifyAuthorizationEntry", entry(moved.clone())), DONE);
    let shown = one(site.osaka.enumerate("Msvm_ReplicationAuthorizationSettingData").unwrap());
    assert_eq!(text(&shown, "ReplicaStorageLocation"), r"E:\Replica");
    assert_eq!(text(&shown, "TrustGroup"), "DEFAULT", "what was not supplied stays");
    let bind = entry(moved).with("ComputerSystem", vm_path(site.web));
    assert_eq!(value(&site.osaka, "SetAuthorizationEntry", bind), DONE);
    let bad = new.with("AllowedPrimaryHostSystem", "a*b");
    assert_eq!(value(&site.osaka, "AddAuthorizationEntry", entry(bad)), INVALID_PARAMETER);
    let certificates = call(&site.osaka, &service(), "GetSystemCertificates", given());
    assert_eq!(certificates.value, DONE);
    assert!(matches!(certificates.out.get("EncodedCertificates"), Some(Value::Array(_))));
}

#[test]
fn what_adapters_take_is_stored_and_shown() {
    let site = Site::new();
    let adapter = format!(r"Microsoft:{}\D2C40BB3-0000-4000-8000-000000000000\Failover", site.web);
    let settings = Instance::new("Msvm_FailoverNetworkAdapterSettingData")
        .with("InstanceID", adapter)
        .with("ProtocolIFType", 4096_u16)
        .with("IPAddresses", vec!["10.0.0.7".to_owned()])
        .with("Subnets", vec!["255.255.255.0".to_owned()]);
    let set = |texts: Vec<String>| about(site.web).with("NetworkSettings", texts);
    let arguments = set(vec![embedded(&settings)]);
    assert_eq!(value(&site.osaka, "SetFailoverNetworkAdapterSettings", arguments), DONE);
    let stored = one(site.lab.host("osaka").failover_network(site.web).unwrap());
    assert_eq!(stored.addresses, ["10.0.0.7"]);
    let shown = one(site.osaka.enumerate("Msvm_FailoverNetworkAdapterSettingData").unwrap());
    assert_eq!(number(&shown, "ProtocolIFType"), 4096);
    let port = one(site.osaka.enumerate("Msvm_SyntheticEthernetPortSettingData").unwrap());
    let linked = site
        .osaka
        .associators(
            port.path.as_ref().unwrap(),
            "Msvm_EthernetPortFailoverSettingDataComponent",
            None,
        )
        .unwrap();
    assert_eq!(one(linked), shown);
    let nameless = Instance::new("Msvm_FailoverNetworkAdapterSettingData");
    let refused = [
        (about(site.web), INVALID_PARAMETER),
        (set(vec![embedded(&nameless)]), INVALID_PARAMETER),
        (set(vec![relationship(site.web, 0)]), BAD_TYPE),
    ];
    for (arguments, expected) in refused {
        let found = value(&site.osaka, "SetFailoverNetworkAdapterSettings", arguments);
        assert_eq!(found, expected);
    }
    assert_eq!(one(site.lab.host("osaka").failover_network(site.web).unwrap()), stored);
}

#[test]
fn states_are_asked_of_the_virtual_machine() {
    let site = Site::new();
    let (path, host) = (vm_path(site.web), &site.tokyo);
    let ask = |method: &str, arguments: Instance| call(host, &path, method, arguments);
    let to = |number: u16| given().with("RequestedState", number);
    finish(host, &ask("RequestReplicationStateChange", to(7))); // Suspend.
    assert_eq!(state(host, site.web, 0), 7);
    let resume = to(3).with("ReplicationRelationship", relationship(site.web, 0));
    finish(host, &ask("RequestReplicationStateChangeEx", resume));
    // The relationship need not be given.
    finish(host, &ask("RequestReplicationStateChangeEx", to(7)));
    let refused = [
        ("RequestReplicationStateChange", given(), INVALID_PARAMETER),
        ("RequestReplicationStateChange", to(77), INVALID_PARAMETER),
        (
            "RequestReplicationStateChangeEx",
            to(3).with("ReplicationRelationship", "<INSTANCE/>"),
            INVALID_PARAMETER,
        ),
        (
            "RequestReplicationStateChangeEx",
            to(3).with(
                "ReplicationRelationship",
                embedded(&Instance::new("Msvm_ReplicationSettingData")),
            ),
            BAD_TYPE,
        ),
        (
            "RequestReplicationStateChangeEx",
            to(3).with("ReplicationRelationship", relationship(site.db, 0)),
            INVALID_PARAMETER,
        ),
        ("RequestStateChange", given(), INVALID_PARAMETER),
        ("RequestStateChange", to(77), INVALID_PARAMETER),
    ];
    for (method, arguments, expected) in refused {
        let shown = format!("{method} {arguments:?}");
        assert_eq!(ask(method, arguments).value, expected, "{shown}");
    }
    assert_eq!(state(host, site.web, 0), 7);
    let row = ObjectPath::class("Msvm_ComputerSystem").with("Name", "tokyo.contoso.com");
    assert_eq!(call(host, &row, "RequestStateChange", to(3)).value, NOT_SUPPORTED);
    let resync = call(host, &service(), "Resynchronize", about(site.web));
    finish(host, &resync);
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/destroysystem-msvm-virtualsystemmanagementservice>
#[test]
fn a_virtual_machine_is_shut_down_and_destroyed() {
    let site = Site::new();
    let query = format!("SELECT * FROM Msvm_ShutdownComponent WHERE SystemName = '{}'", site.db);
    let component = one(site.tokyo.query(&query).unwrap());
    let shut = given().with("Force", true).with("Reason", "a test");
    let at = component.path.as_ref().unwrap();
    let reply = call(&site.tokyo, at, "InitiateShutdown", shut);
    assert_eq!(reply, Reply { value: DONE, out: given() });
    site.lab.advance(minutes(5));
    let row = site.tokyo.get(&vm_path(site.db)).unwrap();
    assert_eq!(number(&row, "EnabledState"), 3); // Disabled.
    assert_eq!(call(&site.tokyo, &management(), "DestroySystem", given()).value, INVALID_PARAMETER);
    let destroy = given().with("AffectedSystem", vm_path(site.db));
    let destroyed = call(&site.tokyo, &management(), "DestroySystem", destroy);
    finish(&site.tokyo, &destroyed);
    assert_eq!(status(site.tokyo.get(&vm_path(site.db))), WbemStatus::NOT_FOUND);
    // The job still says what it worked on, which is no longer there.
    let Some(Value::Reference(job)) = destroyed.out.get("Job") else { panic!("{destroyed:?}") };
    let links = site.tokyo.references(job, "Msvm_AffectedJobElement").unwrap();
    match one(links).get("AffectedElement") {
        Some(Value::Reference(path)) => assert_eq!(path.relative(), vm_path(site.db)),
        other => panic!("{other:?}"),
    }
    let there = site.tokyo.associators(job, "Msvm_AffectedJobElement", None).unwrap();
    assert_eq!(there, []);
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/getsummaryinformation-msvm-virtualsystemmanagementservice>
#[test]
fn summaries_have_what_was_asked_for() {
    let site = Site::new();
    let ask = |arguments| call(&site.osaka, &management(), "GetSummaryInformation", arguments);
    let asked = given().with("RequestedInformation", vec![1_u32, 114, 118]);
    let reply = ask(asked.clone());
    assert_eq!(reply.value, DONE);
    let summaries = |reply: &Reply| -> Vec<Instance> {
        let Some(Value::Array(all)) = reply.out.get("SummaryInformation") else {
            panic!("{reply:?}")
        };
        all.values()
            .map(|it| match it {
                Value::Object(it) => *it,
                other => panic!("{other:?}"),
            })
            .collect()
    };
    let web = one(summaries(&reply));
    assert_eq!((text(&web, "ElementName"), number(&web, "ReplicationMode")), ("web", 2));
    assert!(is_null(&web, "ReplicationState"), "not asked for");
    assert!(is_null(&web, "Snapshots"), "not asked for");
    let settings = by_id("Msvm_VirtualSystemSettingData", format!("Microsoft:{}", site.web));
    let named = ask(asked.clone().with("SettingData", vec![settings]));
    assert_eq!(summaries(&named), [web]);
    let other = by_id("Msvm_VirtualSystemSettingData", "Microsoft:nobody");
    assert_eq!(ask(asked.with("SettingData", vec![other])).value, INVALID_PARAMETER);
    assert_eq!(ask(given()).value, INVALID_PARAMETER);
}

/// Methods that no public client needs here, each as far as it goes: the answer of the namespace is
/// that of the service.
#[test]
fn every_other_method_answers_as_the_service_does() {
    let site = Site::new();
    let handle = site.lab.host("osaka");
    let direct = |call: Call| match handle.lab().fork().host("osaka").call(&call) {
        Ok(outcome) => outcome.return_value(),
        Err(Refused::NotImplemented(_)) => 1,
        Err(error) => error.code().expect("a refusal").to_wire(),
    };
    let vm = site.web;
    let settings = embedded(&Instance::new("Msvm_ReplicationSettingData"));
    let cases = [
        (
            "ImportInitialReplica",
            about(vm).with("InitialReplicationImportLocation", r"D:\Export\web"),
            Call::ImportInitialReplica { vm, import_location: r"D:\Export\web".into() },
        ),
        (
            "ChangeReplicationModeToPrimary",
            about(vm).with("ReplicationRelationship", relationship(vm, 1)),
            Call::ChangeReplicationModeToPrimary { vm, relationship: RelationshipId::extended(vm) },
        ),
        (
            "InitiateFailback",
            about(vm).with("ReplicationSettingData", settings),
            Call::InitiateFailback {
                vm,
                settings: Box::new(handle.settings(RelationshipId::extended(vm)).unwrap()),
                point: None,
            },
        ),
        (
            "ReverseReplicationRelationship",
            about(vm),
            Call::ReverseReplicationRelationship { vm, settings: None },
        ),
        (
            "RequestStateChange",
            given().with("RequestedState", 3_u16),
            Call::RequestServiceStateChange { requested: 3 },
        ),
        ("StartService", given(), Call::StartService),
        ("StopService", given(), Call::StopService),
        (
            "InitiateFailover",
            about(vm).with(
                "SnapshotSettingData",
                by_id("Msvm_VirtualSystemSettingData", "Microsoft:nobody"),
            ),
            Call::InitiateFailover { vm, point: Some(PointId(Guid(0))) },
        ),
    ];
    for (method, arguments, call) in cases {
        let expected = direct(call);
        assert_eq!(value(&site.osaka, method, arguments), expected, "{method}");
    }
    let wrong = about(vm).with("SnapshotSettingData", vm_path(vm));
    assert_eq!(value(&site.osaka, "InitiateFailover", wrong), BAD_TYPE);
    assert_eq!(
        value(&site.osaka, "ImportInitialReplica", about(vm)),
        INVALID_PARAMETER,
        "a folder must be given"
    );
    let points = handle.recovery_points(vm).unwrap();
    assert!(points.iter().all(|it| it.kind == RecoveryPointKind::Standard));
}
