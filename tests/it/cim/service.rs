//! `CimService` over what real hosts show, old and new.

use super::canned::Canned;
use hyperv_replica::cim::text::Reader;
use hyperv_replica::cim::*;
use hyperv_replica::error::Error as ServiceError;
use hyperv_replica::model::*;
use hyperv_replica::service::Outcome;
use hyperv_replica::{ReplicationService, ReplicationServiceExt};

pub(super) const GUID: &str = "564D8B6E-3C3D-4C4B-8A53-0C6D3B6A7D01";
pub(super) const TEST: &str = "0BADCAFE-3C3D-4C4B-8A53-0C6D3B6A7D02";
pub(super) const JOB: &str = "8F2C0D11-0000-4000-8000-000000000001";

pub(super) fn web() -> VmId {
    GUID.parse().expect("a GUID")
}

fn path(text: &str) -> ObjectPath {
    text.parse().expect("a path")
}

pub(super) fn system(name: &str) -> ObjectPath {
    ObjectPath::class("Msvm_ComputerSystem")
        .with("CreationClassName", "Msvm_ComputerSystem")
        .with("Name", name)
}

fn row(name: &str) -> Instance {
    Instance::new("Msvm_ComputerSystem")
        .with("CreationClassName", "Msvm_ComputerSystem")
        .with("Name", name)
}

/// A virtual machine as every Windows shows it; German texts, because hosts speak many languages.
fn vm_row(name: &str, state: u16) -> Instance {
    row(name)
        .with("Caption", "Virtueller Computer")
        .with("Description", "Microsoft Virtueller Computer")
        .with("ElementName", "web")
        .with("EnabledState", 2_u16)
        .with("RequestedState", 12_u16)
        .with("ReplicationMode", 1_u16)
        .with("ReplicationState", state)
        .with("ReplicationHealth", 1_u16)
        .with("FailedOverReplicationType", 0_u16)
        .with("LastReplicationType", 1_u16)
        .with("LastReplicationTime", time("20260301120000.500000-000"))
        .with("LastApplicationConsistentReplicationTime", time("16010101000000.000000-000"))
}

pub(super) fn time(text: &str) -> DateTime {
    text.parse().expect("a datetime")
}

pub(super) fn service() -> Instance {
    Instance::new("Msvm_ReplicationService")
        .with("SystemCreationClassName", "Msvm_ComputerSystem")
        .with("SystemName", "TOKYO")
        .with("CreationClassName", "Msvm_ReplicationService")
        .with("Name", "replicasvc")
        .with("OperationalStatus", vec![2_u16])
}

fn windows(build: &str) -> Instance {
    Instance::new("Win32_OperatingSystem").with("Name", "Windows").with("BuildNumber", build)
}

fn id_of(class: &str, id: &str) -> Instance {
    Instance::new(class).with("InstanceID", id)
}

/// A Windows Server 2012: no relationships, no providers, one settings instance without an index,
/// and none of the properties that came with 2012 R2.
fn server_2012() -> Canned {
    Canned::default()
        .with(service())
        .with(windows("9200"))
        .with(row("TOKYO"))
        .with(vm_row(GUID, 3))
        .linked(
            &system(GUID),
            "Msvm_ElementSettingData",
            id_of("Msvm_ReplicationSettingData", &format!(r"Microsoft:{GUID}\HVR"))
                .with("AuthenticationType", 1_u16)
                .with("RecoveryConnectionPoint", "osaka")
                .with("RecoveryServerPortNumber", 80_u16)
                .with("CompressionEnabled", true)
                .with("RecoveryHistory", 4_u16)
                .with("IncludedDisks", Value::Null)
                .with("AutoResynchronizeIntervalStart", time("00000000183000.000000:000")),
        )
        .without("Msvm_ReplicationRelationship")
        .without("Msvm_ReplicationProvider")
        .without("Win32_ComputerSystem")
}

#[test]
fn windows_server_2012_has_less() {
    let host = CimService::new(server_2012());
    let seen = host.host().unwrap();
    assert_eq!((&*seen.name, seen.build), ("TOKYO", WindowsBuild::Server2012));
    assert!(seen.providers.is_empty());

    let vms = host.vms().unwrap();
    assert_eq!(vms.iter().map(|it| it.id).collect::<Vec<_>>(), [web()], "the host is none");
    assert_eq!(vms[0].mode, ReplicationMode::Primary);

    // The virtual machine itself shows its only relationship.
    let it = host.relationship(RelationshipId::primary(web())).unwrap();
    assert_eq!(it.state, ReplicationState::Replicating);
    assert_eq!((it.last_apply, it.last_application_consistent), (None, None));
    let missing = host.relationship(RelationshipId::extended(web())).unwrap_err();
    assert!(matches!(missing, ServiceError::NotFound(_)), "{missing}");

    let settings = host.settings(RelationshipId::primary(web())).unwrap();
    assert_eq!(settings.recovery_history, 4);
    assert_eq!(settings.auto_resynchronize_start_s, 18 * 3600 + 30 * 60);
    // What it does not have is as it was there by itself: five minutes, by Windows.
    // https://learn.microsoft.com/virtualization/community/team-blog/2013/20131022-whats-new-in-hyper-v-replica-in-windows-server-2012-r2
    assert_eq!(settings.replication_interval_s, 300);
    assert_eq!(settings.provider, IN_BOX_PROVIDER);
    assert_eq!(settings.included_disks, None);

    // It is given back what it has, and nothing newer.
    assert_eq!(
        host.modify_replication_settings(web(), settings.clone()).unwrap(),
        Outcome::Completed
    );
    let fast = Settings { replication_interval_s: 30, ..settings };
    let _ = host.modify_replication_settings(web(), fast).unwrap();
    let invoked = host.client().invoked.borrow();
    let texts: Vec<_> = invoked
        .iter()
        .map(|it| it.arguments.read::<&str>("ReplicationSettingData").unwrap().unwrap())
        .collect();
    assert!(texts[0].contains(r"\HVR&") || texts[0].contains(r"\HVR<"), "{}", texts[0]);
    assert!(!texts[0].contains("ReplicationInterval"), "{}", texts[0]);
    assert!(texts[1].contains("ReplicationInterval"), "asked for, so that it is refused");
}

/// The forms of methods that name a relationship exist since Windows Server 2012 R2.
#[test]
fn a_method_that_windows_does_not_have_is_not_supported() {
    let status = WbemStatus::INVALID_METHOD;
    let canned = server_2012().failing("RemoveReplicationRelationshipEx", status);
    let host = CimService::new(canned);
    let remove =
        |relationship| host.call(&Call::RemoveReplicationRelationship { vm: web(), relationship });
    let error = remove(Some(RelationshipId::primary(web()))).unwrap_err();
    assert_eq!(error.code(), Some(ErrorCode::NotSupported), "{error}");
    assert_eq!(remove(None).unwrap(), Outcome::Completed);
    let methods: Vec<_> =
        host.client().invoked.borrow().iter().map(|it| it.method.clone()).collect();
    assert_eq!(methods, ["RemoveReplicationRelationshipEx", "RemoveReplicationRelationship"]);
}

fn relationship(state: impl Into<Value>) -> Instance {
    id_of("Msvm_ReplicationRelationship", &format!(r"Microsoft:{GUID}\HVR\0"))
        .with("ReplicationState", state)
        .with("ReplicationHealth", 1_u16)
        .with("LastReplicationType", Value::Null)
        .with("LastReplicationTime", Value::Null)
        .with("LastApplyTime", time("16010101000000.000000-000"))
        .with("LastApplicationConsistentReplicationTime", time("20110101000000.000000+060"))
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationrelationship>
#[test]
fn never_is_null_or_the_year_1601() {
    let host = CimService::new(Canned::default().with(relationship(3_u16)));
    let it = host.relationship(RelationshipId::primary(web())).unwrap();
    assert_eq!((it.last_replication, it.last_apply), (None, None));
    assert_eq!(it.last_type, ReplicationType::None);
    // Long ago is not never.
    assert_eq!(it.last_application_consistent, Some(SimTime::ZERO));
}

/// A number is never taken for another: the error says the class, the property and the number.
#[test]
fn what_has_no_name_is_named() {
    let of_state = |state: Value| {
        let host = CimService::new(Canned::default().with(relationship(state)));
        host.relationship(RelationshipId::primary(web())).map(|it| it.state)
    };
    // As text, or in another width, it is the same number.
    for state in [Value::from(21_u16), Value::from(21_i32), Value::from("21")] {
        assert_eq!(of_state(state).unwrap(), ReplicationState::FiredrillInProgress);
    }
    // What a later Windows may have is unknown, and nothing else.
    for state in [Value::from(22_u16), Value::from(65_536_u32)] {
        assert_eq!(of_state(state).unwrap(), ReplicationState::Unknown);
    }
    for (state, says) in [
        (
            Value::from("busy"),
            "what was read makes no sense: Msvm_ReplicationRelationship.ReplicationState is \
             `busy`; expected a natural number that fits",
        ),
        (
            Value::Null,
            "what was read makes no sense: Msvm_ReplicationRelationship.ReplicationState is null; \
             expected a value",
        ),
    ] {
        assert_eq!(of_state(state).unwrap_err().to_string(), says);
    }

    let of_mode = |mode: u16| {
        let row = vm_row(GUID, 3).with("ReplicationMode", mode);
        CimService::new(Canned::default().with(row)).vms()
    };
    let error = of_mode(5).unwrap_err();
    assert_eq!(
        error.to_string(),
        "what was read makes no sense: Msvm_ComputerSystem.ReplicationMode is 5; expected a \
         number of ReplicationMode"
    );
    let source = std::error::Error::source(&error).expect("why");
    let it = source.downcast_ref::<service::Unreadable>().expect("a property");
    assert_eq!(it.property, *"replicationmode");
}

/// A virtual machine that runs and has lost its storage: pages number that state differently, and
/// hosts have it. It hides no other virtual machine.
///
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/requeststatechange-msvm-computersystem>
#[test]
fn a_power_without_a_name_is_another_one() {
    let critical = vm_row(GUID, 3).with("EnabledState", 32_781_u16).with("HealthState", 20_u16);
    let host = CimService::new(Canned::default().with(critical).with(vm_row(TEST, 3)));
    let mut vms = host.vms().unwrap();
    vms.sort_by_key(|it| it.power);
    let seen: Vec<_> = vms.iter().map(|it| (it.power, it.health)).collect();
    assert_eq!(
        seen,
        [
            (EnabledState::Other, HealthState::MajorFailure),
            (EnabledState::Enabled, HealthState::Ok),
        ]
    );
}

/// A host with disks at two controllers, one of which is a floppy drive, and with properties that
/// nobody knows yet. GUIDs are in lower case.
pub(super) fn server_2025() -> Canned {
    let lower = GUID.to_lowercase();
    let disk = |rest: &str, kind: u16| {
        id_of("Msvm_StorageAllocationSettingData", &format!(r"Microsoft:{lower}\{rest}"))
            .with("ResourceType", kind)
    };
    let settings = path(&format!(r#"Msvm_VirtualSystemSettingData.InstanceID="Microsoft:{GUID}""#));
    let included = format!(
        r#"\\TOKYO\root\virtualization\v2:Msvm_StorageAllocationSettingData.InstanceID="Microsoft:{lower}\\E7A9\\0\\1\\L""#
    );
    let component = "Msvm_VirtualSystemSettingDataComponent";
    Canned::default()
        .with(service())
        .with(windows("29617"))
        .with(id_of("Msvm_ReplicationServiceSettingData", "Microsoft:TOKYO"))
        .with(
            Instance::new("Win32_ComputerSystem")
                .with("PartOfDomain", true)
                .with("DNSHostName", "tokyo")
                .with("Domain", "contoso.com")
                .at(path(r#"\\TOKYO\root\cimv2:Win32_ComputerSystem.Name="TOKYO""#)),
        )
        .with(
            Instance::new("Msvm_ReplicationProvider")
                .with("Name", "22391CDC-272C-4DDF-BA88-9BEFB1A0975C")
                .with("ElementName", "Anbieter"),
        )
        .with(vm_row(&lower, 3))
        .linked(
            &system(GUID),
            "Msvm_ElementSettingData",
            id_of("Msvm_ReplicationSettingData", &format!(r"Microsoft:{lower}\HVR\0"))
                .with("RecoveryConnectionPoint", "osaka")
                .with("AuthenticationType", 0_u16)
                .with("RecoveryHistory", Value::Null)
                .with("ReplicationInterval", 900_u16)
                .with(
                    "ReplicationProvider",
                    r#"\\TOKYO\root\virtualization\v2:Msvm_ReplicationProvider.Name="22391CDC-272C-4DDF-BA88-9BEFB1A0975C""#,
                )
                .with("IncludedDisks", vec![included])
                .with("QuantumEntanglement", "maximal"),
        )
        .linked(&settings, component, disk(r"83F8638B-8DCA-4152-9EDA-2CA8B33039B4\0\0\L", 31))
        .linked(&settings, component, disk(r"8F0D2762-0B00-4E04-AF4F-19010527CB93\0\0\L", 14))
        .linked(&settings, component, disk(r"E7A9\0\0\L", 31))
        .linked(&settings, component, disk(r"E7A9\0\1\L", 31))
}

#[test]
fn newer_windows_has_more() {
    let host = CimService::new(server_2025());
    let seen = host.host().unwrap();
    assert_eq!(&*seen.name, "tokyo.contoso.com");
    assert_eq!(seen.build, WindowsBuild::Server2025);
    assert_eq!(seen.providers[0].name, IN_BOX_PROVIDER);
    assert_eq!(host.vms().unwrap()[0].id, web());

    let it = host.settings(RelationshipId::primary(web())).unwrap();
    assert_eq!(it.authentication, None);
    assert_eq!(it.recovery_history, 0);
    assert_eq!(it.replication_interval_s, 900);
    let Devices { disks, adapters } = host.devices(web()).unwrap();
    assert_eq!(disks, [DiskId(0), DiskId(1), DiskId(2)], "but not the floppy drive");
    assert_eq!(adapters, []);
    // The third hard disk of those that there are.
    assert_eq!(it.included_disks, Some(vec![DiskId(2)]));

    let more = Settings { included_disks: Some(vec![DiskId(0), DiskId(9)]), ..it };
    let _ = host.modify_replication_settings(web(), more).unwrap();
    let invoked = host.client().invoked.borrow();
    let text = invoked[0].arguments.read::<&str>("ReplicationSettingData").unwrap().unwrap();
    assert!(text.contains("QuantumEntanglement"), "what nobody knows is handed back: {text}");
    let given = Reader::new(Schema::virtualization()).tolerant().read(text).unwrap();
    let disks = given.read::<&[String]>("IncludedDisks").unwrap().unwrap();
    let ends: Vec<_> =
        disks.iter().map(|it| it.split_once("v2:").unwrap().1.to_lowercase()).collect();
    let of = |rest: &str| {
        let id = format!(r"Microsoft:{GUID}\{rest}");
        let path = ObjectPath::class("Msvm_StorageAllocationSettingData").with("InstanceID", id);
        path.to_string().to_lowercase()
    };
    assert_eq!(ends[0], of(r"83F8638B-8DCA-4152-9EDA-2CA8B33039B4\0\0\L"));
    assert!(ends[1].contains(r"\\9\\l"), "one that is not there is asked for: {}", ends[1]);
}

/// Few round trips, however many virtual machines there are.
#[test]
fn reads_are_few() {
    let mut canned = server_2025().with(relationship(3_u16));
    for number in 0..1000 {
        canned = canned.with(vm_row(&Guid(1 << 100 | number).to_string(), 3));
    }
    let host = CimService::new(canned);
    let trips = |read: &dyn Fn()| {
        let before = host.client().round_trips();
        read();
        host.client().round_trips() - before
    };
    let id = RelationshipId::primary(web());
    assert_eq!(trips(&|| assert_eq!(host.vms().unwrap().len(), 1001)), 2);
    assert_eq!(trips(&|| drop(host.vm(web()).unwrap())), 2);
    assert_eq!(trips(&|| assert!(host.relationship(id).is_ok())), 1);
    assert_eq!(trips(&|| drop(host.settings(id).unwrap())), 2);
    // The name of the host is asked for once.
    let revert = || assert_eq!(host.revert_failover(web()).unwrap(), Outcome::Completed);
    assert_eq!(trips(&revert), 2);
    assert_eq!(trips(&revert), 1);
}

fn job(id: &str, kind: u16, submitted: &str) -> Instance {
    id_of("Msvm_ConcreteJob", id)
        .with("JobType", kind)
        .with("JobState", 4_u16)
        .with("PercentComplete", 40_u16)
        .with("Cancellable", true)
        .with("ErrorCode", 0_u16)
        .with("TimeSubmitted", time(submitted))
        .with("StartTime", time(submitted))
        .with("ScheduledStartTime", Value::Null)
        .with("ElapsedTime", time("00000000000012.325247:000"))
        .with("ErrorDescription", "")
}

fn affects(job: &str, element: &ObjectPath, effects: Vec<u16>) -> Instance {
    let job = ObjectPath::class("Msvm_ConcreteJob").with("InstanceID", job);
    Instance::new("Msvm_AffectedJobElement")
        .with("AffectedElement", element.clone())
        .with("AffectingElement", job)
        .with("ElementEffects", effects)
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>
#[test]
fn jobs_of_replication_are_read() {
    const OTHER: &str = "8F2C0D11-0000-4000-8000-000000000002";
    let failed = job(OTHER, 94, "20260301115900.000000-000")
        .with("JobState", 10_u16)
        .with("ErrorCode", 32768_u16)
        .with("ErrorDescription", "Fehler beim Aktivieren. ('Zugriff verweigert', 0x80070005).")
        .with("ErrorSummaryDescription", Value::Null);
    let canned = || {
        Canned::default()
            .with(job(JOB, 102, "20260301120000.000000-000"))
            .with(failed.clone())
            .with(job("8F2C0D11-0000-4000-8000-000000000003", 70, "20260301110000.000000-000"))
            .with(affects(JOB, &system(TEST), vec![5]))
            .with(affects(JOB, &system(GUID), vec![0]))
            .with(affects(JOB, &path(r#"Msvm_VirtualSystemSettingData.InstanceID="x""#), vec![0]))
    };
    let host = CimService::new(canned());
    let jobs = host.jobs().unwrap();
    // A checkpoint is none of replication's, and the older one comes first.
    assert_eq!(jobs.iter().map(|it| it.job_type.to_wire()).collect::<Vec<_>>(), [94, 102]);
    // What was there comes before what was made.
    assert_eq!(jobs[1].affected, [web(), TEST.parse().unwrap()]);
    assert_eq!(jobs[1].elapsed.as_micros(), 12_325_247);
    assert_eq!((jobs[1].percent_complete, jobs[1].scheduled), (40, None));
    let error = jobs[0].error.as_ref().expect("it failed");
    assert_eq!((error.code, error.hresult), (ErrorCode::Failed, 0x8007_0005));
    assert_eq!(error.summary, error.description);

    // Another task of replication is not passed over.
    let host = CimService::new(canned().with(job(TEST, 126, "20260301120000.000000-000")));
    let error = host.jobs().unwrap_err().to_string();
    assert!(error.contains("Msvm_ConcreteJob.JobType is 126"), "{error}");
    let missing = host.job(web().to_string().parse().unwrap()).unwrap_err();
    assert!(matches!(missing, ServiceError::NotFound(_)), "{missing}");
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-virtualsystemsettingdata>
#[test]
fn recovery_points_are_told_from_checkpoints() {
    let snapshot = |id: &str, kind: &str, at: &str| {
        id_of("Msvm_VirtualSystemSettingData", &format!("Microsoft:{id}"))
            .with("VirtualSystemType", kind)
            .with("CreationTime", time(at))
    };
    let link = "Msvm_SnapshotOfVirtualSystem";
    let standard = "Microsoft:Hyper-V:Snapshot:Replica:Standard";
    let canned = || {
        Canned::default()
            .linked(&system(GUID), link, snapshot(JOB, standard, "20260301120000.000000-000"))
            .linked(
                &system(GUID),
                link,
                snapshot(GUID, "Microsoft:Hyper-V:Snapshot:Realized", "20260301120000.000000-000"),
            )
            .linked(
                &system(GUID),
                link,
                snapshot(
                    &TEST.to_lowercase(),
                    "Microsoft:Hyper-V:Snapshot:Replica:ApplicationConsistent",
                    "20260301110000.000000-000",
                ),
            )
    };
    let points = CimService::new(canned()).recovery_points(web()).unwrap();
    let ids: Vec<_> = points.iter().map(|it| it.id.to_string()).collect();
    assert_eq!(ids, [TEST, JOB], "the older one first");
    let odd =
        snapshot(GUID, "Microsoft:Hyper-V:Snapshot:Replica:Synced", "20260301120000.000000-000");
    let host = CimService::new(canned().linked(&system(GUID), link, odd));
    let error = host.recovery_points(web()).unwrap_err().to_string();
    assert!(error.contains("VirtualSystemType is `Microsoft:Hyper-V:Snapshot:Replica:Synced`"));
    // Nothing is linked with what is not there.
    let missing = CimService::new(Canned::default()).recovery_points(web()).unwrap_err();
    assert!(matches!(missing, ServiceError::NotFound(_)), "{missing}");
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-failovernetworkadaptersettingdata>
#[test]
fn adapters_are_numbered_in_their_order() {
    let settings = path(&format!(r#"Msvm_VirtualSystemSettingData.InstanceID="Microsoft:{GUID}""#));
    let nic = |number: u128| {
        let id = format!(r"Microsoft:{GUID}\{}", Guid(number));
        id_of("Msvm_SyntheticEthernetPortSettingData", &id)
    };
    let failover = |number: u32, address: &[&str]| {
        id_of("Msvm_FailoverNetworkAdapterSettingData", &format!("Failover{number}"))
            .with("ProtocolIFType", 4096_u16)
            .with("DHCPEnabled", false)
            .with("IPAddresses", address.iter().map(ToString::to_string).collect::<Vec<_>>())
            .with("DNSServers", Value::Null)
    };
    let of = |nic: &Instance| Schema::virtualization().path_of(nic).expect("a key");
    let (component, link) =
        ("Msvm_VirtualSystemSettingDataComponent", "Msvm_EthernetPortFailoverSettingDataComponent");
    let canned = Canned::default()
        .with(service())
        .linked(&settings, component, nic(7))
        .linked(&settings, component, nic(3))
        .linked(&of(&nic(7)), link, failover(1, &[]))
        .linked(&of(&nic(3)), link, failover(2, &["10.0.0.7"]));
    let host = CimService::new(canned);
    let mut set = host.failover_network(web()).unwrap();
    assert_eq!(set.len(), 1, "nothing is set for the first");
    assert_eq!((set[0].adapter, &*set[0].addresses), (AdapterId(1), &["10.0.0.7".to_owned()][..]));

    set[0].dhcp = true;
    let call = Call::SetFailoverNetworkAdapterSettings { vm: web(), settings: set };
    assert_eq!(host.call(&call).unwrap(), Outcome::Completed);
    let invoked = host.client().invoked.borrow();
    let texts = invoked[0].arguments.read::<&[String]>("NetworkSettings").unwrap().unwrap();
    let given = Reader::new(Schema::virtualization()).read(&texts[0]).unwrap();
    assert_eq!(given.read("InstanceID").unwrap(), Some("Failover2"));
    assert_eq!(given.read("DHCPEnabled").unwrap(), Some(&true));
}
