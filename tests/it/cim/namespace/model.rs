//! The object model, class by class.

use super::*;
use hyperv_replica::ReplicationService;
use hyperv_replica::cim::text as xml;
use hyperv_replica::model::ServiceSettings;
use hyperv_replica::model::datetime::CimDateTime;

/// Whatever a class declares is there, with the type that it declares, at the path of its keys.
#[test]
fn every_instance_is_what_its_class_declares() {
    let site = Site::crowded();
    let schema = Schema::virtualization().of_build(20348);
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    for host in [&site.tokyo, &site.osaka] {
        for class in schema.classes().filter(|it| it.keys().next().is_some()) {
            for it in host.enumerate(class.name.as_str()).unwrap() {
                if it.class != class.name {
                    continue; // Of a class that extends it, which has its turn.
                }
                *seen.entry(class.name.to_string()).or_default() += 1;
                let declared: Vec<_> = class.properties.iter().map(|it| &it.name).collect();
                let has: Vec<_> = it.properties().map(|(name, _)| name).collect();
                assert_eq!(has, declared, "{}", class.name);
                for property in &class.properties {
                    let of = it.get(property.name.as_str()).and_then(Value::type_of);
                    assert!(
                        of.is_none_or(|of| of == property.of),
                        "{}.{} is {of:?}, declared {}",
                        class.name,
                        property.name,
                        property.of
                    );
                }
                let path = it.path.as_ref().expect("it is somewhere");
                assert_eq!(Some(path.relative()), schema.path_of(&it), "{path}");
                let again = host.get(path).unwrap();
                assert_eq!(again, it, "{path}");
            }
        }
    }
    let expected = [
        ("Msvm_AffectedJobElement", 1),
        ("Msvm_ComputerSystem", 6), // Two hosts, two virtual machines, two replicas.
        ("Msvm_ComputerSystemSummaryInformation", 4),
        ("Msvm_ConcreteJob", 1),
        ("Msvm_ElementSettingData", 10), // Six of relationships, four of hosts.
        ("Msvm_EthernetPortFailoverSettingDataComponent", 1),
        ("Msvm_FailoverNetworkAdapterSettingData", 1),
        ("Msvm_MemorySettingData", 4),
        ("Msvm_ProcessorSettingData", 6), // Four virtual machines, and what either host has most.
        ("Msvm_ReplicationAuthorizationSettingData", 2),
        ("Msvm_ReplicationProvider", 2),
        ("Msvm_ReplicationRelationship", 6), // A replica has two.
        ("Msvm_ReplicationService", 2),
        ("Msvm_ReplicationServiceSettingData", 2),
        ("Msvm_ReplicationSettingData", 6),
        ("Msvm_ResourceAllocationSettingData", 8), // Four controllers with a drive each.
        ("Msvm_SettingsDefineState", 10),          // Four virtual machines, six relationships.
        ("Msvm_ShutdownComponent", 4),
        ("Msvm_SnapshotOfVirtualSystem", 3),
        ("Msvm_StorageAllocationSettingData", 4),
        ("Msvm_SummaryInformation", 4),
        ("Msvm_SyntheticEthernetPortSettingData", 4),
        ("Msvm_SystemReplicationRelationship", 6),
        ("Msvm_VirtualSystemManagementService", 2),
        ("Msvm_VirtualSystemSettingData", 7), // With three recovery points.
        ("Msvm_VirtualSystemSettingDataComponent", 24), // Six of each.
        ("Win32_ComputerSystem", 2),
        ("Win32_ComputerSystemProcessor", 2),
        ("Win32_ComputerSystemProduct", 2),
        ("Win32_OperatingSystem", 2),
        ("Win32_Processor", 2),
    ];
    let seen: Vec<_> = seen.iter().map(|(class, n)| (class.as_str(), *n)).collect();
    assert_eq!(seen, expected);
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice>
#[test]
fn the_service_is_where_clients_build_its_path() {
    let site = Site::new();
    let path = ObjectPath::class("Msvm_ReplicationService")
        .with("CreationClassName", "Msvm_ReplicationService")
        .with("Name", "replicasvc")
        .with("SystemCreationClassName", "Msvm_ComputerSystem")
        .with("SystemName", "tokyo.contoso.com");
    let service = site.tokyo.get(&path).unwrap();
    assert_eq!(text(&service, "Caption"), "Hyper-V Replica Service");
    assert_eq!(text(&service, "Description"), "Replication Service");
    assert_eq!(service.get("Started"), Some(&Value::Boolean(true)));
    assert_eq!(service.get("OperationalStatus"), Some(&Value::from(vec![2_u16])));
    assert_eq!(service.path, Some(Site::on_tokyo(&path)));
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-computersystem>
#[test]
fn the_host_plays_no_part_and_virtual_machines_do() {
    let site = Site::new();
    let rows = site.tokyo.enumerate("Msvm_ComputerSystem").unwrap();
    assert_eq!(names(&rows)[0], "tokyo.contoso.com", "the host comes first");
    for property in ["ReplicationState", "ReplicationMode", "ReplicationHealth", "InstallDate"] {
        assert!(is_null(&rows[0], property), "{property}");
        assert!(rows[1..].iter().all(|it| !is_null(it, property)), "{property}");
    }
    assert_eq!(text(&rows[0], "Name"), "tokyo.contoso.com");
    assert_eq!(text(&rows[0], "Description"), "Microsoft Hosting Computer System");
    let web = site.tokyo.get(&vm_path(site.web)).unwrap();
    assert_eq!(text(&web, "Description"), "Microsoft Virtual Machine");
    assert_eq!(number(&web, "EnabledState"), 2); // Enabled.
    assert_eq!(number(&web, "RequestedState"), 12); // Not Applicable.
    assert_eq!(number(&web, "HealthState"), 5); // OK.
    assert_eq!(number(&web, "ReplicationMode"), 1); // Primary.
    assert_eq!(number(&web, "ReplicationState"), 3); // Replicating.
    assert!(number(&web, "ProcessID") > 0);
    let db = site.tokyo.get(&vm_path(site.db)).unwrap();
    assert_eq!(number(&db, "ReplicationMode"), 0);
    assert_eq!(number(&db, "ReplicationState"), 0);
    let replica = site.osaka.get(&vm_path(site.web)).unwrap();
    assert_eq!(number(&replica, "EnabledState"), 3); // Disabled.
    assert_eq!(number(&replica, "ReplicationMode"), 2);
    assert!(is_null(&replica, "ProcessID"));
}

/// `…\HVR\0` exists for every virtual machine and `…\HVR\1` for every replica:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationsettingdata>. A time that
/// has not come is a `FILETIME` of zero.
#[test]
fn relationships_are_there_before_anything_is_replicated() {
    let site = Site::new();
    for class in ["Msvm_ReplicationRelationship", "Msvm_ReplicationSettingData"] {
        let ids = |host: &Host| -> Vec<String> {
            let all = host.enumerate(class).unwrap();
            all.iter().map(|it| text(it, "InstanceID").to_owned()).collect()
        };
        let mut expected = vec![hvr(site.web, 0), hvr(site.db, 0)];
        expected.sort();
        let mut found = ids(&site.tokyo);
        found.sort();
        assert_eq!(found, expected);
        assert_eq!(ids(&site.osaka), [hvr(site.web, 0), hvr(site.web, 1)]);
    }
    let idle = by_id("Msvm_ReplicationRelationship", hvr(site.db, 0));
    let idle = site.tokyo.get(&idle).unwrap();
    assert_eq!(number(&idle, "ReplicationState"), 0);
    assert_eq!(text(&idle, "ElementName"), "db");
    for property in ["LastReplicationTime", "LastApplyTime"] {
        let never = DateTime::Time(CimDateTime::NEVER);
        assert_eq!(idle.get(property), Some(&Value::DateTime(never)), "{property}");
    }
    let settings = by_id("Msvm_ReplicationSettingData", hvr(site.web, 0));
    let settings = site.tokyo.get(&settings).unwrap();
    assert_eq!(text(&settings, "VirtualSystemType"), "Microsoft:Hyper-V:Replica");
    assert_eq!(text(&settings, "VirtualSystemIdentifier"), site.web.to_string());
    assert_eq!(text(&settings, "RecoveryConnectionPoint"), "osaka");
    assert_eq!(number(&settings, "RecoveryServerPortNumber"), 80);
    assert_eq!(number(&settings, "ReplicationInterval"), 300);
    assert_eq!(number(&settings, "RecoveryHistory"), 3);
    assert!(is_null(&settings, "IncludedDisks"), "every disk");
    let window = settings.get("AutoResynchronizeIntervalStart").and_then(Value::to_text);
    assert_eq!(window.as_deref(), Some("00000000183000.000000:000"));
}

/// Clients look for the provider's GUID in quotes at the end:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationprovider>.
#[test]
fn settings_lead_to_their_provider() {
    let site = Site::new();
    let all = site.tokyo.enumerate("Msvm_ReplicationSettingData").unwrap();
    for settings in &all {
        let provider = text(settings, "ReplicationProvider");
        assert!(
            provider.ends_with(r#".Name="22391CDC-272C-4DDF-BA88-9BEFB1A0975C""#),
            "{provider}"
        );
        let provider = site.tokyo.get(&provider.parse().unwrap()).unwrap();
        assert_eq!(
            text(&provider, "ElementName"),
            "Virtual machine replication provider to Hyper-V host"
        );
    }
}

/// Clients build `IncludedDisks` from the disks that they find, each of which has type 31, and
/// follow its paths back to them:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-storageallocationsettingdata>, where 31
/// is a logical disk.
#[test]
fn included_disks_can_be_built_and_followed() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let handle = lab.host("tokyo");
    let vm = lab.vm("web").on("tokyo").disk(1 << 30, 1 << 20).disk(1 << 30, 1 << 20).create();
    let tokyo = Namespace::new(handle.clone());
    let query = format!(
        r#"ASSOCIATORS OF {{Msvm_VirtualSystemSettingData.InstanceID="Microsoft:{vm}"}}
           WHERE AssocClass = Msvm_VirtualSystemSettingDataComponent
           ResultClass = Msvm_StorageAllocationSettingData"#
    );
    let disks = tokyo.query(&query).unwrap();
    assert_eq!(disks.len(), 2, "although no settings name them: {disks:?}");
    assert!(disks.iter().all(|it| number(it, "ResourceType") == 31), "{disks:?}");
    let like = format!(
        r#"SELECT * FROM Msvm_StorageAllocationSettingData WHERE InstanceID LIKE "Microsoft:{vm}%""#
    );
    assert_eq!(tokyo.query(&like).unwrap(), disks);

    let text = |disk: &Instance| disk.path.as_ref().expect("its path").to_string();
    let service = ObjectPath::class("Msvm_ReplicationService").with("Name", "replicasvc");
    let settings = Instance::new("Msvm_ReplicationSettingData")
        .with("RecoveryConnectionPoint", "osaka")
        .with("RecoveryServerPortNumber", 80_u16)
        .with("AuthenticationType", 1_u16)
        .with("IncludedDisks", vec![text(&disks[1])]);
    let settings = xml::write(&settings, Schema::virtualization(), xml::Form::CimDtd20);
    let arguments = Instance::parameters()
        .with("ComputerSystem", vm_path(vm))
        .with("ReplicationSettingData", settings);
    let reply = tokyo.invoke(&service, "CreateReplicationRelationship", &arguments).unwrap();
    assert_eq!(reply.value, 4096);
    handle.wait(one(handle.jobs().unwrap()).id).unwrap();

    let settings = tokyo.get(&by_id("Msvm_ReplicationSettingData", hvr(vm, 0))).unwrap();
    let paths: &[String] = settings.read("IncludedDisks").unwrap().expect("a set of disks");
    assert_eq!(paths, [text(&disks[1])]);
    assert_eq!(tokyo.get(&paths[0].parse().unwrap()).unwrap(), disks[1]);
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-summaryinformation>: element 0 of the
/// arrays is the primary relationship, element 1 the extended one.
#[test]
fn a_summary_says_mode_and_states() {
    let site = Site::new();
    let summary = |host: &Host, vm: VmId| {
        host.get(&by_id("Msvm_SummaryInformation", format!("Microsoft:{vm}"))).unwrap()
    };
    let states = |it: &Instance| it.read::<&[u16]>("ReplicationStateEx").unwrap().unwrap().to_vec();
    let db = summary(&site.tokyo, site.db);
    assert_eq!((number(&db, "ReplicationMode"), states(&db)), (0, vec![0]));
    let web = summary(&site.tokyo, site.web);
    assert_eq!((number(&web, "ReplicationMode"), states(&web)), (1, vec![3]));
    let replica = summary(&site.osaka, site.web);
    assert_eq!((number(&replica, "ReplicationMode"), states(&replica)), (2, vec![3, 0]));
    let providers = replica.read::<&[String]>("ReplicationProviderId").unwrap().unwrap();
    assert_eq!(providers[0], "22391CDC-272C-4DDF-BA88-9BEFB1A0975C");
    assert!(is_null(&replica, "TestReplicaSystem"));
    match replica.get("Snapshots") {
        Some(Value::Array(points)) => assert_eq!(points.len(), 3),
        other => panic!("{other:?}"),
    }
}

/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-virtualsystemsettingdata>
#[test]
fn recovery_points_are_settings_of_their_own_type() {
    let site = Site::new();
    let points =
        site.osaka.associators(&vm_path(site.web), "Msvm_SnapshotOfVirtualSystem", None).unwrap();
    let known = site.lab.host("osaka").recovery_points(site.web).unwrap();
    let ids: Vec<_> = points.iter().map(|it| text(it, "InstanceID").to_owned()).collect();
    let expected: Vec<_> = known.iter().map(|it| format!("Microsoft:{}", it.id)).collect();
    assert_eq!(ids, expected, "oldest first");
    for point in &points {
        assert_eq!(text(point, "VirtualSystemType"), "Microsoft:Hyper-V:Snapshot:Replica:Standard");
        assert_eq!(text(point, "VirtualSystemIdentifier"), site.web.to_string());
    }
    let realized = by_id("Msvm_VirtualSystemSettingData", format!("Microsoft:{}", site.web));
    let realized = site.osaka.get(&realized).unwrap();
    assert_eq!(text(&realized, "VirtualSystemType"), "Microsoft:Hyper-V:System:Realized");
}

/// What a recorded host says of a replica server that nobody configured:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservicesettingdata>.
#[test]
fn a_new_replica_server_is_off() {
    let lab = Lab::with_seed(0);
    let entries = Vec::new();
    let settings = ServiceSettings::default();
    lab.add_host(&HostSpec { settings, entries, ..HostSpec::trusting("tokyo") });
    let tokyo = Namespace::new(lab.host("tokyo"));
    let settings = one(tokyo.enumerate("Msvm_ReplicationServiceSettingData").unwrap());
    assert_eq!(settings.get("RecoveryServerEnabled"), Some(&Value::Boolean(false)));
    assert_eq!(number(&settings, "AllowedAuthenticationType"), 0);
    assert_eq!(number(&settings, "HttpPort"), 80);
    assert_eq!(number(&settings, "HttpsPort"), 443);
    assert_eq!(text(&settings, "CertificateThumbPrint"), "");
    assert_eq!(number(&settings, "MonitoringInterval"), 43200);
    assert!(tokyo.enumerate("Msvm_ReplicationAuthorizationSettingData").unwrap().is_empty());
}

/// A host that is down does not answer.
#[test]
fn a_host_that_is_down_is_a_line_that_is_dead() {
    use hyperv_replica::engine::Disturbance;
    let site = Site::new();
    let osaka = site.lab.host("osaka").id();
    site.lab.disturb(Disturbance::CrashHost(osaka));
    let dead = |error: Error| matches!(error, Error::Transport(_));
    assert!(dead(site.osaka.get(&vm_path(site.web)).unwrap_err()));
    assert!(dead(site.osaka.query("SELECT * FROM Msvm_ConcreteJob").unwrap_err()));
    let call = site.osaka.invoke(&vm_path(site.web), "RequestStateChange", &Instance::parameters());
    assert!(dead(call.unwrap_err()));
    let query = "SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA \
                 'Msvm_ComputerSystem'";
    assert!(dead(site.osaka.subscribe(query).unwrap_err()));
}
