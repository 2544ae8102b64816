//! What hosts write into their event logs.
//!
//! The numbers stand on
//! <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/event-19050-32022-32032-32056-32315-32546-33680>,
//! <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replication-suspended-system-shutdown>
//! and the pages beside the tests.

use hyperv_replica::engine::{Disturbance, VmTrouble};
use hyperv_replica::model::{EventId, EventLevel, LogEntry};
use hyperv_replica::prelude::*;
use hyperv_replica::sim::{HostHandle, Lab};

/// `web` replicates from tokyo to osaka every five minutes.
fn replicating() -> (Lab, HostHandle, HostHandle, VmId) {
    let lab = Lab::new(["tokyo", "osaka"]);
    let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
    let vm = lab.vm("web").on("tokyo").running().writing(1000).create();
    let settings = Settings { auto_resynchronize: false, ..Settings::to("osaka") };
    tokyo.wait(tokyo.create_replication_relationship(vm, settings).unwrap()).unwrap();
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    lab.advance(hours(1));
    (lab, tokyo, osaka, vm)
}

fn log(host: &HostHandle) -> Vec<LogEntry> {
    host.lab().read(|world| world.event_log(host.id()).cloned().collect())
}

fn numbers(host: &HostHandle) -> Vec<u32> {
    log(host).iter().map(|it| it.id.to_wire()).collect()
}

/// Nothing is written while all is well, but for the statistics of a finished window:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120621-interpreting-replication-health-part-2>.
#[test]
fn a_quiet_day_writes_statistics_alone() {
    let (lab, tokyo, osaka, vm) = replicating();
    let (mut written, from) = (0, lab.now());
    for host in [&tokyo, &osaka] {
        assert!(numbers(host).is_empty());
    }
    lab.advance((SimTime::ZERO + hours(34)).since(from)); // Windows end at 9, 21 and 33 o'clock.
    for host in [&tokyo, &osaka] {
        let entries = log(host);
        assert_eq!(numbers(host), [29174; 3]);
        let times: Vec<_> = entries.iter().map(|it| it.at).collect();
        assert_eq!(times, [9, 21, 33].map(|hour| SimTime::ZERO + hours(hour)));
        for entry in &entries {
            assert_eq!((entry.level(), entry.vm), (EventLevel::Information, Some(vm)));
            written += 1;
        }
        // Twelve cycles an hour for twelve hours.
        assert!(entries[1].message.contains("144 cycles succeeded and 0 were missed"));
        assert!(entries[1].message.contains("from 09:00:00 to 21:00:00"), "{}", entries[1].message);
    }
    assert_eq!(written, 6);
}

/// A recoverable failure is written with the time of the next attempt: 32022, then 32315.
#[test]
fn a_failed_cycle_names_the_next_attempt() {
    let (lab, tokyo, osaka, vm) = replicating();
    lab.disturb(Disturbance::CutLink(tokyo.id(), osaka.id()));
    lab.advance(minutes(5));
    let entries = log(&tokyo);
    assert_eq!(numbers(&tokyo), [32022, 32315]);
    assert_eq!(entries[0].level(), EventLevel::Error);
    assert!(entries[0].message.contains(&vm.to_string()));
    // 0x2EFE is a connection that ended abnormally:
    // https://learn.microsoft.com/virtualization/community/team-blog/2013/20130213-hyper-v-replica-kerberos-error
    assert_eq!(entries[0].hresult, Some(0x2EFE));
    assert_eq!(entries[1].level(), EventLevel::Warning);
    // “Hyper-V will retry replication after 5 minute(s)”, on the first page.
    assert!(entries[1].message.contains("after 5 minute(s)"), "{}", entries[1].message);
    assert!(numbers(&osaka).is_empty(), "the other side has not noticed");
}

/// What does not pass by itself suspends replication: 32022, then 32086.
#[test]
fn an_error_is_written_once() {
    let (lab, tokyo, osaka, vm) = replicating();
    let id = RelationshipId::primary(vm);
    osaka.wait(osaka.remove_replication_relationship(id).unwrap()).unwrap();
    lab.advance(hours(2));
    assert_eq!(tokyo.relationship(id).unwrap().state, ReplicationState::Critical);
    assert_eq!(numbers(&tokyo), [32022, 32086]);
    assert_eq!(log(&tokyo)[1].level(), EventLevel::Error);
}

/// A shutdown of the primary's host suspends replication with 32086 and 32022, the latter with
/// 0x80004004; a crash leaves no time to write.
#[test]
fn a_shutdown_suspends_and_says_so() {
    let (lab, tokyo, _, vm) = replicating();
    lab.disturb(Disturbance::ShutDownHost(tokyo.id()));
    lab.disturb(Disturbance::BootHost(tokyo.id()));
    let id = RelationshipId::primary(vm);
    assert_eq!(tokyo.relationship(id).unwrap().state, ReplicationState::Critical);
    assert_eq!(numbers(&tokyo), [32022, 32086]);
    assert_eq!(log(&tokyo)[0].hresult, Some(0x8000_4004));

    let (lab, tokyo, ..) = replicating();
    lab.disturb(Disturbance::CrashHost(tokyo.id()));
    lab.disturb(Disturbance::BootHost(tokyo.id()));
    assert!(numbers(&tokyo).is_empty());
}

/// The comparison of a resynchronisation begins with 29242 and ends with 29244:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica>.
#[test]
fn a_resynchronisation_is_written_from_end_to_end() {
    let (lab, tokyo, osaka, vm) = replicating();
    let id = RelationshipId::primary(vm);
    tokyo.wait(tokyo.suspend_replication(id).unwrap()).unwrap();
    tokyo.wait(tokyo.resynchronize(vm, None).unwrap()).unwrap();
    assert_eq!(numbers(&tokyo), [29242, 29244]);
    assert!(log(&tokyo).iter().all(|it| it.level() == EventLevel::Information));
    assert!(log(&tokyo)[1].at > log(&tokyo)[0].at);
    assert!(numbers(&osaka).is_empty());

    // One that cannot even begin writes its failure alone.
    tokyo.wait(tokyo.suspend_replication(id).unwrap()).unwrap();
    lab.disturb(Disturbance::CutLink(tokyo.id(), osaka.id()));
    tokyo.wait(tokyo.resynchronize(vm, None).unwrap()).unwrap_err();
    assert_eq!(numbers(&tokyo)[2..], [EventId::OperationFailed.to_wire()]);
}

/// Replication that could not be enabled is 32000:
/// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replica-troubleshooting-guide>.
#[test]
fn a_failed_enable_has_its_own_number() {
    let lab = Lab::new(["tokyo"]);
    let tokyo = lab.host("tokyo");
    let vm = lab.vm("web").create();
    let job = tokyo.create_replication_relationship(vm, Settings::to("nowhere")).unwrap();
    tokyo.wait(job).unwrap_err();
    let entries = log(&tokyo);
    assert_eq!(numbers(&tokyo), [32000]);
    assert_eq!((entries[0].vm, entries[0].hresult), (Some(vm), Some(0x2EE7)));
}

/// A refused call changes nothing and writes nothing.
#[test]
fn a_refusal_is_not_written() {
    let (_, tokyo, osaka, vm) = replicating();
    osaka.commit_failover(vm).unwrap_err();
    tokyo.initiate_failover(vm, None).unwrap_err();
    assert_eq!((numbers(&tokyo), numbers(&osaka)), (vec![], vec![]));
}

#[test]
fn a_log_is_a_ring_and_a_fork_has_its_own() {
    let (lab, tokyo, osaka, vm) = replicating();
    lab.disturb(Disturbance::CutLink(tokyo.id(), osaka.id()));
    lab.advance(days(1));
    let fork = lab.fork();
    lab.advance(days(30));
    let entries = log(&tokyo);
    assert_eq!(entries.len(), LogEntry::KEPT);
    assert!(entries.is_sorted_by_key(|it| it.at));
    assert!(entries[0].at > fork.now(), "the oldest have made room");
    let before = log(&fork.host("tokyo"));
    assert!(before.len() < LogEntry::KEPT && before.last().unwrap().at <= fork.now());
    let about_web = lab.read(|world| world.event_log_of(tokyo.id(), vm).count());
    assert_eq!(about_web, LogEntry::KEPT);
    let about_another = VmId(hyperv_replica::model::Guid(1));
    assert_eq!(lab.read(|world| world.event_log_of(tokyo.id(), about_another).count()), 0);
}

/// 32086 is the primary's. A replica without its disk says that an operation of replication failed,
/// between which hosts, and with what code: 33680 on the first page, 0x80070002 on
/// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replica-troubleshooting-guide>.
#[test]
fn a_replica_in_error_is_not_a_suspended_primary() {
    let (lab, tokyo, osaka, vm) = replicating();
    lab.disturb(Disturbance::TroubleVm(osaka.id(), vm, VmTrouble::DiskMissing));
    lab.advance(minutes(10));
    for host in [&tokyo, &osaka] {
        let state = host.relationship(RelationshipId::primary(vm)).unwrap().state;
        assert_eq!(state, ReplicationState::Critical);
    }
    assert_eq!(numbers(&tokyo), [32022, 32086]);
    assert_eq!(numbers(&osaka), [33680]);
    let entry = &log(&osaka)[0];
    assert_eq!(entry.hresult, Some(0x8007_0002));
    assert!(entry.message.contains("from tokyo to osaka"), "{}", entry.message);
}
