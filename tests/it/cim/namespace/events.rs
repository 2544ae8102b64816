//! Events: what changed between two looks.

use super::*;
use hyperv_replica::cim::Error;
use hyperv_replica::prelude::*;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

fn target(event: &Instance) -> &Instance {
    match event.get("TargetInstance") {
        Some(Value::Object(target)) => target,
        other => panic!("{other:?}"),
    }
}

/// What PowerShell's own module and others subscribe to:
/// <https://learn.microsoft.com/windows/win32/wmisdk/receiving-event-notifications>.
#[test]
fn a_job_comes_changes_and_goes() {
    let site = Site::new();
    let osaka = &site.osaka;
    let subscribe = |class: &str| {
        let wql =
            format!("SELECT * FROM {class} WITHIN 1 WHERE TargetInstance ISA 'Msvm_ConcreteJob'");
        osaka.subscribe(&wql).unwrap()
    };
    let mut created = subscribe("__InstanceCreationEvent");
    let mut modified = subscribe("__InstanceModificationEvent");
    let mut deleted = subscribe("__InstanceDeletionEvent");
    site.lab.host("tokyo.contoso.com").suspend_replication(RelationshipId::primary(site.web)).ok();
    site.lab.advance(minutes(10)); // What replication had left behind is gone.
    while created.next(Duration::ZERO).unwrap().is_some() {}
    while modified.next(Duration::ZERO).unwrap().is_some() {}
    while deleted.next(Duration::ZERO).unwrap().is_some() {}
    let job = site.lab.host("osaka").suspend_replication(RelationshipId::primary(site.web));
    let job = job.unwrap().job().expect("a job").to_string();
    let event = created.next(SECOND * 2).unwrap().expect("it is new");
    assert_eq!(event.class, *"__InstanceCreationEvent");
    assert_eq!(text(target(&event), "InstanceID"), job);
    assert!(number(&event, "TIME_CREATED") > 133_000_000_000_000_000, "2022 in units of 100 ns");
    assert_eq!(created.next(Duration::ZERO).unwrap(), None);
    let event = modified.next(minutes(1)).unwrap();
    if let Some(event) = event {
        assert_eq!(text(target(&event), "InstanceID"), job);
        let Some(Value::Object(before)) = event.get("PreviousInstance") else {
            panic!("{event:?}")
        };
        assert_ne!(**before, *target(&event));
    }
    // It stays for five minutes: https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob
    let event = deleted.next(minutes(7)).unwrap().expect("it went");
    assert_eq!(text(target(&event), "InstanceID"), job);
}

/// A subscription waits by the service's time and looks no more often than it was told to.
#[test]
fn waiting_passes_the_services_time() {
    let site = Site::new();
    let query = "SELECT * FROM __InstanceDeletionEvent WITHIN 60 WHERE TargetInstance ISA \
                 'Msvm_ComputerSystem'";
    let mut events = site.tokyo.subscribe(query).unwrap();
    let before = site.lab.now();
    assert_eq!(events.next(SECOND * 30).unwrap(), None);
    assert_eq!(site.lab.now(), before + SECOND * 30);
    assert_eq!(events.next(Duration::ZERO).unwrap(), None);
    assert_eq!(site.lab.now(), before + SECOND * 30);
    let handle = site.lab.host("tokyo.contoso.com");
    handle.wait(handle.turn_off_vm(site.db).unwrap()).unwrap();
    handle.wait(handle.destroy_system(site.db).unwrap()).unwrap();
    let event = events.next(minutes(2)).unwrap().expect("it is gone");
    assert_eq!(text(target(&event), "ElementName"), "db");
}

/// Conditions on what the event is about, and queries that name what they show.
#[test]
fn events_are_about_what_was_asked() {
    let site = Site::new();
    let query = format!(
        "SELECT TargetInstance FROM __InstanceModificationEvent WITHIN 1 WHERE TargetInstance ISA \
         'Msvm_ComputerSystem' AND TargetInstance.Name = '{}' AND TargetInstance.EnabledState = 3",
        site.db
    );
    let mut events = site.tokyo.subscribe(&query).unwrap();
    let any = "SELECT * FROM __InstanceOperationEvent WITHIN 1 WHERE TargetInstance ISA \
               'CIM_ComputerSystem'";
    let mut any = site.tokyo.subscribe(any).unwrap();
    let handle = site.lab.host("tokyo.contoso.com");
    handle.wait(handle.turn_off_vm(site.web).unwrap()).unwrap();
    assert_eq!(events.next(minutes(1)).unwrap(), None, "about another one");
    assert_eq!(
        text(target(&any.next(SECOND).unwrap().expect("any will do")), "ElementName"),
        "web"
    );
    handle.wait(handle.turn_off_vm(site.db).unwrap()).unwrap();
    let event = events.next(minutes(1)).unwrap().expect("it is off");
    assert_eq!(number(target(&event), "EnabledState"), 3);
    assert_eq!(event.properties().len(), 1);
}

/// <https://learn.microsoft.com/windows/win32/wmisdk/within-clause>
#[test]
fn what_cannot_be_subscribed_to_is_refused() {
    let site = Site::new();
    let refused = |wql: &str| status(site.tokyo.subscribe(wql));
    let cases = [
        ("SELECT * FROM Msvm_ComputerSystem", WbemStatus::INVALID_QUERY),
        ("SELECT * FROM __InstanceCreationEvent WITHIN 1", WbemStatus::INVALID_QUERY),
        (
            "SELECT * FROM __InstanceCreationEvent WHERE TargetInstance ISA 'Msvm_ConcreteJob'",
            WbemStatus::INVALID_QUERY,
        ),
        (
            "SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA 'Msvm_Job'",
            WbemStatus::INVALID_CLASS,
        ),
        ("ASSOCIATORS OF {Msvm_ConcreteJob.InstanceID='x'}", WbemStatus::INVALID_QUERY),
        ("SELECT", WbemStatus::INVALID_QUERY),
    ];
    for (wql, expected) in cases {
        assert_eq!(refused(wql), expected, "{wql}");
    }
}

/// A dead line ends a subscription.
#[test]
fn a_subscription_ends_with_an_error() {
    use hyperv_replica::engine::Disturbance;
    let site = Site::new();
    let query = "SELECT * FROM __InstanceCreationEvent WITHIN 1 WHERE TargetInstance ISA \
                 'Msvm_ConcreteJob'";
    let mut events = site.osaka.subscribe(query).unwrap();
    site.lab.disturb(Disturbance::CrashHost(site.lab.host("osaka").id()));
    assert!(matches!(events.next(SECOND * 2).unwrap_err(), Error::Transport(_)));
    assert_eq!(status(events.next(SECOND)), WbemStatus::CALL_CANCELLED);
}
