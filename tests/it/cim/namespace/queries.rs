//! Queries as clients write them, and objects by path.

use super::*;
use hyperv_replica::prelude::*;

fn found(host: &Host, wql: &str) -> Vec<String> {
    let rows = host.query(wql).unwrap_or_else(|error| panic!("{wql}: {error}"));
    let mut all: Vec<_> = rows.iter().map(|it| text(it, "ElementName").to_owned()).collect();
    all.sort();
    all
}

/// Microsoft's C# sample (<https://github.com/microsoft/Windows-classic-samples>,
/// `Samples/Hyper-V/Replica/cs`), Azure's scripts, Zabbix' template and libvirt's driver ask these.
#[test]
fn what_clients_select_they_find() {
    let site = Site::new();
    let (web, lower) = (site.web.to_string(), site.web.to_string().to_lowercase());
    let is = |wql: &str, expected: &[&str]| {
        assert_eq!(found(&site.tokyo, wql), expected, "{wql}");
    };
    is("select * from Msvm_ReplicationService", &["Hyper-V Replica Service"]);
    is(r#"SELECT * FROM Msvm_ComputerSystem WHERE ElementName="web""#, &["web"]);
    is("SELECT * FROM Msvm_ComputerSystem WHERE elementName = 'WEB'", &["web"]);
    is(&format!("Select * from Msvm_ComputerSystem where Name='{web}'"), &["web"]);
    is(&format!("select * from msvm_computersystem where name=\"{lower}\""), &["web"]);
    is("SELECT * FROM Msvm_ComputerSystem WHERE ElementName = 'db' OR Name = 'db'", &["db"]);
    is(
        "SELECT ElementName, EnabledState, ReplicationState, ReplicationHealth FROM \
         MsVm_ComputerSystem WHERE ReplicationState IS NOT NULL",
        &["db", "web"],
    );
    is(
        "SELECT ElementName, InstallDate, ReplicationMode FROM Msvm_ComputerSystem WHERE \
        ReplicationMode = 1",
        &["web"],
    );
    is(
        &format!(
            "select * from Msvm_ComputerSystem where Description = \"Microsoft Virtual Machine\" \
             and Name = '{web}'"
        ),
        &["web"],
    );
    is(
        "select * from Msvm_ComputerSystem where Description = 'Microsoft Virtual Machine' and \
         (EnabledState != 0 and EnabledState != 3 and EnabledState != 32769)",
        &["db", "web"],
    );
    is("SELECT * FROM Msvm_ComputerSystem WHERE Name != __SERVER", &["db", "web"]);
    is("SELECT * FROM Msvm_ComputerSystem WHERE Name = __SERVER", &["tokyo.contoso.com"]);
    is("SELECT * FROM CIM_ComputerSystem", &["db", "tokyo.contoso.com", "web"]);
    for class in ["Msvm_ReplicationSettingData", "Msvm_ReplicationRelationship"] {
        is(&format!(r"Select * from {class} where InstanceID='Microsoft:{web}\\HVR\\0'"), &["web"]);
        is(&format!(r"Select * from {class} where InstanceID='Microsoft:{web}\\HVR\\1'"), &[]);
    }
    let identified = |how: &str| {
        format!("SELECT * FROM Msvm_ReplicationSettingData WHERE VirtualSystemIdentifier {how}")
    };
    is(&identified(&format!("LIKE \"{lower}\"")), &["web"]);
    is(&identified(&format!("= '{web}'")), &["web"]);
    is("SELECT * FROM Msvm_SummaryInformation", &["db", "web"]);
    is(r#"SELECT * FROM Msvm_ComputerSystem WHERE Name = "no guid""#, &[]);
}

/// A query that names properties returns the keys, too: clients read them.
#[test]
fn a_projection_keeps_keys() {
    let site = Site::new();
    let row = one(site
        .tokyo
        .query(
            "SELECT EnabledState FROM Msvm_ComputerSystem WHERE \
                                    ElementName='web'",
        )
        .unwrap());
    let has: Vec<_> = row.properties().map(|(name, _)| name.as_str()).collect();
    assert_eq!(has, ["EnabledState", "Name", "CreationClassName"]);
    assert_eq!(row.path, Some(Site::on_tokyo(&vm_path(site.web))));
}

/// <https://learn.microsoft.com/windows/win32/wmisdk/wmi-error-constants>
#[test]
fn what_is_not_there_is_refused_by_wmis_numbers() {
    let site = Site::new();
    let query = |wql| status(site.tokyo.query(wql));
    assert_eq!(query("SELECT * FROM Msvm_Replica"), WbemStatus::INVALID_CLASS);
    assert_eq!(query("SELECT Nme FROM Msvm_ComputerSystem"), WbemStatus::INVALID_QUERY);
    assert_eq!(query("SELECT FROM Msvm_ComputerSystem"), WbemStatus::INVALID_QUERY);
    assert_eq!(
        query("SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'CIM_Job'"),
        WbemStatus::INVALID_QUERY
    );
    assert_eq!(query("ASSOCIATORS OF {Msvm_ComputerSystem.Name='nobody'}"), WbemStatus::NOT_FOUND);
    let get = |path: &str| status(site.tokyo.get(&path.parse().unwrap()));
    assert_eq!(get("Msvm_Replica.Name='x'"), WbemStatus::INVALID_CLASS);
    assert_eq!(get("Msvm_ConcreteJob.InstanceID='x'"), WbemStatus::NOT_FOUND);
    assert_eq!(get("Msvm_ConcreteJob.JobState=7"), WbemStatus::INVALID_OBJECT_PATH);
    assert_eq!(get("Msvm_ConcreteJob"), WbemStatus::INVALID_OBJECT_PATH);
    assert_eq!(get("Msvm_ComputerSystem='x'"), WbemStatus::INVALID_OBJECT_PATH);
    assert_eq!(
        get(r"\\tokyo\root\cimv9:Msvm_ConcreteJob.InstanceID='x'"),
        WbemStatus::INVALID_NAMESPACE
    );
    assert_eq!(
        get(&format!(r"\\osaka\root\virtualization\v2:{}", vm_path(site.web))),
        WbemStatus::NOT_FOUND
    );
    let missing = by_id("Msvm_ConcreteJob", "x");
    let error = site.tokyo.get(&missing).unwrap_err().to_string();
    assert!(error.contains(r#"Msvm_ConcreteJob.InstanceID="x""#), "{error}");
}

/// Hosts take a path that does not name every key: libvirt addresses the services by their class
/// alone, and virtual machines by `Name`.
#[test]
fn a_path_need_not_name_every_key() {
    let site = Site::new();
    let web = site.web.to_string();
    let by_name = ObjectPath::class("Msvm_ComputerSystem").with("Name", web.to_lowercase());
    let paths = [
        by_name.clone(),
        ObjectPath::class("MSVM_computersystem").with("name", web.as_str()),
        ObjectPath::class("CIM_ComputerSystem").with("Name", web.as_str()),
        by_name.clone().on(".", "ROOT/Virtualization/V2".replace('/', "\\")),
        by_name.clone().on("TOKYO", r"root\virtualization\v2"),
        vm_path(site.web).on("tokyo.contoso.com", r"root\virtualization\v2"),
    ];
    let whole = site.tokyo.get(&vm_path(site.web)).unwrap();
    for path in paths {
        assert_eq!(site.tokyo.get(&path).unwrap(), whole, "{path}");
    }
    for class in ["Msvm_ReplicationService", "Msvm_VirtualSystemManagementService"] {
        let path = ObjectPath::class(class).with("CreationClassName", class);
        let service = site.tokyo.get(&path).unwrap();
        assert_eq!(text(&service, "SystemName"), "tokyo.contoso.com");
    }
    let any =
        ObjectPath::class("Msvm_ComputerSystem").with("CreationClassName", "Msvm_ComputerSystem");
    let error = site.tokyo.get(&any).unwrap_err();
    assert!(error.to_string().contains("could be any of 3"), "{error}");
    let other = by_name.with("CreationClassName", "Msvm_PlannedComputerSystem");
    assert_eq!(status(site.tokyo.get(&other)), WbemStatus::NOT_FOUND);
    // The mixed quotes are those of Failover Cluster Manager's paths.
    let path =
        format!("Msvm_ComputerSystem.CreationClassName=\"Msvm_ComputerSystem\",Name='{web}'");
    assert_eq!(site.tokyo.get(&path.parse().unwrap()).unwrap(), whole);
}

fn linked(host: &Host, source: &ObjectPath, rest: &str) -> Vec<String> {
    let wql = format!("ASSOCIATORS OF {{{source}}} {rest}");
    let all = host.query(&wql).unwrap_or_else(|error| panic!("{wql}: {error}"));
    all.iter().map(|it| it.path.as_ref().expect("it is somewhere").relative().to_string()).collect()
}

/// The pairs that Microsoft's management client and its samples walk. Roles are those of the pages
/// below <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-systemreplicationrelationship>.
#[test]
fn associations_lead_from_end_to_end() {
    let site = Site::new();
    let (vm, osaka) = (vm_path(site.web), &site.osaka);
    let settings =
        [0, 1].map(|i| by_id("Msvm_ReplicationSettingData", hvr(site.web, i)).to_string());
    let relationships =
        [0, 1].map(|i| by_id("Msvm_ReplicationRelationship", hvr(site.web, i)).to_string());
    let realized = by_id("Msvm_VirtualSystemSettingData", format!("Microsoft:{}", site.web));
    let is = |source: &ObjectPath, rest: &str, expected: &[String]| {
        assert_eq!(linked(osaka, source, rest), expected, "{source} {rest}");
    };
    is(&vm, "WHERE ResultClass=Msvm_ReplicationSettingData", &settings);
    is(&vm, "WHERE AssocClass = Msvm_ElementSettingData", &settings);
    is(
        &vm,
        "WHERE AssocClass = Msvm_SystemReplicationRelationship Role = Antecedent \
         ResultRole = Dependent",
        &relationships,
    );
    is(&vm, "WHERE AssocClass=Msvm_SystemReplicationRelationship Role=Dependent", &[]);
    let define = "WHERE AssocClass = Msvm_SettingsDefineState";
    is(&vm, define, &[realized.to_string()]);
    is(&by_id("Msvm_ReplicationRelationship", hvr(site.web, 1)), define, &settings[1..]);
    is(&by_id("Msvm_ReplicationSettingData", hvr(site.web, 1)), define, &relationships[1..]);
    is(&realized, define, &[vm.to_string()]);
    let summary = by_id("Msvm_SummaryInformation", format!("Microsoft:{}", site.web)).to_string();
    is(&vm, "WHERE AssocClass = Msvm_ComputerSystemSummaryInformation", &[summary]);
    is(&vm, "WHERE ResultClass = Msvm_ReplicationService", &[]);
    let service: ObjectPath = "Msvm_ReplicationService.Name='replicasvc'".parse().unwrap();
    let of_service = linked(osaka, &service, "WHERE AssocClass = Msvm_ElementSettingData");
    assert_eq!(of_service.len(), 2);
    assert!(of_service[0].starts_with("Msvm_ReplicationServiceSettingData."), "{of_service:?}");
    assert!(of_service[1].starts_with("Msvm_ReplicationAuthorizationSettingData."));
    let back: ObjectPath = of_service[0].parse().unwrap();
    let back = linked(osaka, &back, "WHERE ResultClass = CIM_Service KeysOnly");
    assert_eq!(back.len(), 1);
    // Everything at once: 2 settings, 2 relationships, its own settings, 3 points, the summary.
    assert_eq!(linked(osaka, &vm, "").len(), 9);
}

#[test]
fn a_test_replica_depends_on_its_replica() {
    let site = Site::new();
    let handle = site.lab.host("osaka");
    handle.wait(handle.test_replica_system(site.web, None).unwrap()).unwrap();
    let test = handle.vm(site.web).unwrap().test_replica.expect("it was made");
    let (replica, test) = (vm_path(site.web), vm_path(test));
    let there = |source: &ObjectPath, role: &str, result_role: &str| {
        let rest = format!(
            "WHERE AssocClass = Msvm_ReplicaSystemDependency ResultClass = Msvm_ComputerSystem \
             Role = {role} ResultRole = {result_role}"
        );
        linked(&site.osaka, source, &rest)
    };
    assert_eq!(there(&replica, "Antecedent", "Dependent"), [test.to_string()]);
    assert_eq!(there(&test, "Dependent", "Antecedent"), [replica.to_string()]);
    assert!(there(&test, "Antecedent", "Dependent").is_empty());
    let row = site.osaka.get(&test).unwrap();
    assert_eq!(number(&row, "ReplicationMode"), 3); // Test Replica.
    assert_eq!(text(&row, "ElementName"), "web - Test");
    let summary = by_id("Msvm_SummaryInformation", format!("Microsoft:{}", site.web));
    match site.osaka.get(&summary).unwrap().get("TestReplicaSystem") {
        Some(Value::Reference(path)) => assert_eq!(path.relative(), test),
        other => panic!("{other:?}"),
    }
}

/// Clients poll jobs by path, by query and by association.
#[test]
fn jobs_are_found_by_id_and_by_what_they_work_on() {
    let site = Site::new();
    let handle = site.lab.host("osaka");
    let job = handle.initiate_failover(site.web, None);
    assert!(job.is_ok(), "the replica is off");
    let job = job.unwrap().job().expect("it takes time");
    let path = by_id("Msvm_ConcreteJob", job.to_string());
    let instance = site.osaka.get(&path).unwrap();
    assert_eq!(number(&instance, "JobType"), 97); // Initiate Failover.
    assert_eq!(number(&instance, "ErrorCode"), 0);
    let removal = instance.get("TimeBeforeRemoval").and_then(Value::to_text);
    assert_eq!(removal.as_deref(), Some("00000000000500.000000:000"));
    let by_query = format!("select * from Msvm_ConcreteJob where InstanceID = '{job}'");
    assert_eq!(one(site.osaka.query(&by_query).unwrap()), instance);
    assert!(site.osaka.enumerate("CIM_ConcreteJob").unwrap().contains(&instance));
    let link = "WHERE AssocClass = Msvm_AffectedJobElement";
    assert!(linked(&site.osaka, &vm_path(site.web), link).contains(&path.to_string()));
    assert_eq!(linked(&site.osaka, &path, link), [vm_path(site.web).to_string()]);
    // os-win asks with the path as text.
    let web = site.osaka.get(&vm_path(site.web)).unwrap().path.unwrap();
    let escaped = web.to_string().replace('\\', r"\\").replace('"', r#"\""#);
    let wql =
        format!("SELECT * FROM Msvm_AffectedJobElement WHERE AffectedElement = \"{escaped}\"");
    let links = site.osaka.query(&wql).unwrap();
    let leads = |it: &Instance| match it.get("AffectingElement") {
        Some(Value::Reference(to)) => to.relative() == path,
        _ => false,
    };
    assert!(links.iter().any(leads), "{links:?}");
    let references =
        format!("REFERENCES OF {{{path}}} WHERE ResultClass = Msvm_AffectedJobElement");
    let reference = one(site.osaka.query(&references).unwrap());
    assert_eq!(reference, site.osaka.get(reference.path.as_ref().unwrap()).unwrap());
}

#[test]
fn qualifiers_and_definitions_are_not_answered_as_if_they_were() {
    let site = Site::new();
    for rest in ["RequiredQualifier = Dynamic", "ClassDefsOnly"] {
        let wql = format!("ASSOCIATORS OF {{{}}} WHERE {rest}", vm_path(site.web));
        assert_eq!(status(site.tokyo.query(&wql)), WbemStatus::NOT_SUPPORTED, "{wql}");
    }
}

/// libvirt reads the version of Windows first of all.
#[test]
fn the_hosts_windows_is_there() {
    let site = Site::new();
    let windows = one(site.tokyo.query("SELECT * FROM Win32_OperatingSystem").unwrap());
    assert_eq!(text(&windows, "BuildNumber"), "20348");
    assert_eq!(text(&windows, "Version"), "10.0.20348");
    assert_eq!(text(&windows, "CSName"), "tokyo.contoso.com");
    let path = windows.path.as_ref().expect("it is somewhere");
    assert!(path.to_string().starts_with(r"\\tokyo.contoso.com\root\cimv2:"), "{path}");
    assert_eq!(site.tokyo.get(path).unwrap(), windows);
}

/// <https://learn.microsoft.com/windows/win32/cimwin32prov/win32-operatingsystem>: minutes that local
/// time is ahead of UTC, which is also what follows the local time in a `datetime`.
#[test]
fn the_clock_of_a_host_is_that_of_its_time_zone() {
    for (minutes, shown) in [(540, "+540"), (0, "-000"), (-210, "-210")] {
        let lab = Lab::with_seed(0);
        let spec = HostSpec::trusting("tokyo").with_utc_offset(minutes);
        lab.add_host(&spec);
        let namespace = Namespace::new(lab.host("tokyo"));
        for class in ["Win32_OperatingSystem", "Win32_ComputerSystem"] {
            let found = namespace.query(&format!("SELECT * FROM {class}")).unwrap();
            assert_eq!(found[0].get("CurrentTimeZone"), Some(&Value::from(minutes)), "{class}");
        }
        let found = namespace.query("SELECT LocalDateTime FROM Win32_OperatingSystem").unwrap();
        let Some(Value::DateTime(DateTime::Time(now))) = found[0].get("LocalDateTime") else {
            panic!("{found:?}");
        };
        assert_eq!(now.to_sim_time(), Some(lab.now()));
        assert!(now.to_string().ends_with(shown), "{now}");
    }
}
