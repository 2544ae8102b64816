//! What a host has depends on its Windows:
//! <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationservice>.

use super::*;

#[test]
fn windows_server_2012_has_no_relationships() {
    let site = Site::of_build(WindowsBuild::Server2012);
    let query = |wql: &str| site.tokyo.query(wql);
    for class in ["Msvm_ReplicationRelationship", "Msvm_ReplicationProvider"] {
        assert_eq!(status(query(&format!("SELECT * FROM {class}"))), WbemStatus::INVALID_CLASS);
    }
    let settings = format!(
        "SELECT * FROM Msvm_ReplicationSettingData WHERE \
                            VirtualSystemIdentifier = '{}'",
        site.web
    );
    let settings = one(query(&settings).unwrap());
    assert_eq!(text(&settings, "InstanceID"), format!(r"Microsoft:{}\HVR", site.web));
    assert!(!settings.supplies("ReplicationInterval"));
    assert!(!settings.supplies("ReplicationProvider"));
    let named = "SELECT * FROM Msvm_ReplicationSettingData WHERE ReplicationInterval = 300";
    assert_eq!(status(query(named)), WbemStatus::INVALID_QUERY);
    let vm = vm_path(site.web);
    let linked = format!("ASSOCIATORS OF {{{vm}}} WHERE AssocClass = Msvm_ElementSettingData");
    assert_eq!(one(query(&linked).unwrap()), settings);
    let service = ObjectPath::class("Msvm_ReplicationService").with("Name", "replicasvc");
    let newer = site.tokyo.invoke(&service, "InitiateFailback", &Instance::parameters());
    assert_eq!(status(newer), WbemStatus::INVALID_METHOD);
    let state = Instance::parameters().with("RequestedState", 7_u16);
    let newer = site.tokyo.invoke(&vm, "RequestReplicationStateChangeEx", &state);
    assert_eq!(status(newer), WbemStatus::INVALID_METHOD);
    assert_eq!(
        site.tokyo.invoke(&vm, "RequestReplicationStateChange", &state).unwrap().value,
        4096
    );
    let windows = one(query("SELECT * FROM Win32_OperatingSystem").unwrap());
    assert_eq!(text(&windows, "Version"), "6.2.9200");
    // The one property that says the state there: the summary's arrays came later.
    let summaries = query("SELECT * FROM Msvm_SummaryInformation").unwrap();
    assert!(summaries.iter().all(|it| !it.supplies("ReplicationStateEx")));
    assert!(summaries.iter().any(|it| number(it, "ReplicationMode") == 1));
}

#[test]
fn every_build_has_its_own_schema() {
    for build in WindowsBuild::ALL {
        let site = Site::of_build(*build);
        let schema = Schema::virtualization().of_build(build.to_wire().into());
        for class in schema.classes().filter(|it| it.keys().next().is_some()) {
            for it in site.osaka.enumerate(class.name.as_str()).unwrap() {
                let own = schema.class(it.class.as_str()).expect("of the build");
                let declared: Vec<_> = own.properties.iter().map(|it| &it.name).collect();
                let has: Vec<_> = it.properties().map(|(name, _)| name).collect();
                assert_eq!(has, declared, "{} on {build}", it.class);
            }
        }
        let summary_link = site.osaka.query("SELECT * FROM Msvm_ComputerSystemSummaryInformation");
        assert_eq!(summary_link.is_ok(), build.to_wire() >= 10240, "{build}");
    }
}
