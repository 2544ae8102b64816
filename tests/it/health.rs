//! Health, its issues, and the windows of statistics that they rest on.
//!
//! The rules: <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>.
//! The windows: <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120621-interpreting-replication-health-part-2>.

use hyperv_replica::engine::{Disturbance, HostSpec, Policy, Reply};
use hyperv_replica::model::{DiskId, ServiceSettings, Statistics};
use hyperv_replica::prelude::*;
use hyperv_replica::rules::HEALTH;
use hyperv_replica::sim::{HostHandle, Lab};
use std::collections::BTreeSet;
use std::time::Duration;

use ReplicationHealth::{Critical, NotApplicable, Ok as Normal, Warning};

const GIB: u64 = 1 << 30;

/// The numbers of the issues. 33414 is Microsoft's, the others are this crate's.
const IN_ERROR: u32 = 50_001;
const NEEDS_RESYNC: u32 = 50_002;
const RESYNCHRONIZING: u32 = 50_003;
const DISKS_FAILED: u32 = 50_004;
const PAUSED_ON_PRIMARY: u32 = 50_005;
const INCOMPLETE: u32 = 50_006;
const FAILED_OVER: u32 = 50_007;
const MISSED: u32 = 50_008;
const SLOW: u32 = 50_009;
const PAUSED_ON_REPLICA: u32 = 50_010;
const ROLE_CHANGING: u32 = 50_011;
const FAILING_OVER: u32 = 50_012;
const BEHIND: u32 = 33_414;

/// `web` on tokyo, which writes a megabyte a second, to be replicated to osaka.
struct Pair {
    lab: Lab,
    tokyo: HostHandle,
    osaka: HostHandle,
    vm: VmId,
    id: RelationshipId,
}

fn done(host: &HostHandle, outcome: Result<Outcome>) {
    host.wait(outcome.unwrap()).unwrap();
}

impl Pair {
    fn new(policy: Policy, settings: Settings) -> Self {
        let lab = Lab::with_policy(0, policy);
        for name in ["tokyo", "osaka", "london"] {
            assert_eq!(lab.add_host(&HostSpec::trusting(name)), Reply::Happened);
        }
        let (tokyo, osaka) = (lab.host("tokyo"), lab.host("osaka"));
        let web = lab.vm("web").on("tokyo").disk(40 * GIB, GIB).disk(GIB, 0);
        let vm = web.writing(1_000_000).running().create();
        tokyo.wait(tokyo.create_replication_relationship(vm, settings).unwrap()).unwrap();
        Self { lab, tokyo, osaka, vm, id: RelationshipId::primary(vm) }
    }

    fn replicating() -> Self {
        let settings = Settings { auto_resynchronize: false, ..Settings::to("osaka") };
        Self::new(Policy::default(), settings).started()
    }

    /// Replicating for so long that the first cycles, which are not like the others, are over.
    fn started(self) -> Self {
        done(&self.tokyo, self.tokyo.start_replication(self.vm, InitialReplication::Network));
        self.lab.advance(hours(4));
        self
    }

    fn suspend(&self, host: &HostHandle) {
        done(host, host.suspend_replication(self.id));
    }

    fn cut(&self) {
        self.lab.disturb(Disturbance::CutLink(self.tokyo.id(), self.osaka.id()));
    }

    fn statistics(&self, host: &HostHandle) -> Statistics {
        host.statistics(self.id).unwrap().0
    }

    /// Lets time pass until the primary's counters look like this.
    fn until(&self, looks: impl Fn(Statistics) -> bool) {
        let (host, id) = (self.tokyo.id(), self.id);
        let there = self.lab.run_until(hours(2), |world| {
            world.statistics(host, id.vm, id.leg).is_some_and(|(it, _)| looks(it))
        });
        assert!(there, "{:?}", self.statistics(&self.tokyo));
    }

    /// The health of a side and the numbers of its issues. The relationship, the statistics and
    /// the issues must agree.
    fn health(&self, host: &HostHandle) -> (ReplicationHealth, Vec<u32>) {
        let (statistics, issues) = host.statistics(self.id).unwrap();
        let health = host.relationship(self.id).unwrap().health;
        assert_eq!(statistics.health, health);
        assert_eq!(health == Normal, issues.is_empty());
        for issue in &issues {
            assert!(issue.message.contains("'web'"), "{issue:?}");
            assert_eq!(issue.recommended_actions.len(), 1);
        }
        (health, issues.iter().map(|it| it.message_id).collect())
    }
}

#[test]
fn each_issue_has_one_rule_and_a_number() {
    let numbers: BTreeSet<u32> = HEALTH.iter().map(|it| it.message.to_wire()).collect();
    assert_eq!(numbers.len(), HEALTH.len(), "two rules with one message");
    assert!(HEALTH.is_sorted_by(|a, b| a.health >= b.health), "the worst comes first");
    for number in numbers {
        assert!(number == BEHIND || (50_000..50_100).contains(&number), "{number}");
    }
}

/// What each side shows in a situation that a test can bring about by calls.
#[test]
fn each_state_has_its_health() {
    type Bring = fn(&Pair);
    type Shown = (ReplicationHealth, &'static [u32]);
    // The table: a situation, and what the primary and the replica show in it. The page is the
    // first of this file unless a line says otherwise.
    let table: &[(&str, Bring, Shown, Shown)] = &[
        ("replicating", |_| {}, (Normal, &[]), (Normal, &[])),
        (
            "paused on the primary",
            |it| it.suspend(&it.tokyo),
            (Warning, &[PAUSED_ON_PRIMARY]),
            (Normal, &[]),
        ),
        (
            "paused on the replica",
            |it| it.suspend(&it.osaka),
            (Normal, &[]),
            (Critical, &[PAUSED_ON_REPLICA]),
        ),
        (
            "failed over",
            |it| done(&it.osaka, it.osaka.initiate_failover(it.vm, None)),
            (Normal, &[]),
            (Warning, &[FAILED_OVER]),
        ),
        (
            // Assumed: nothing is replicated before it is concluded.
            "being failed over",
            |it| {
                let _ = it.osaka.initiate_failover(it.vm, None).unwrap();
            },
            (Normal, &[]),
            (Warning, &[FAILING_OVER]),
        ),
        (
            // “also after Complete”:
            // https://learn.microsoft.com/windows-server/virtualization/hyper-v/replication-failover
            "failed over and committed",
            |it| {
                done(&it.osaka, it.osaka.initiate_failover(it.vm, None));
                done(&it.osaka, it.osaka.commit_failover(it.vm));
            },
            (Normal, &[]),
            (Warning, &[FAILED_OVER]),
        ),
        (
            // https://learn.microsoft.com/virtualization/community/team-blog/2013/20130510-resynchronization-of-virtual-machines-in-hyper-v-replica
            "crashed while running",
            |it| {
                it.lab.disturb(Disturbance::CrashHost(it.tokyo.id()));
                it.lab.disturb(Disturbance::BootHost(it.tokyo.id()));
            },
            (Critical, &[NEEDS_RESYNC]),
            (Normal, &[]),
        ),
        (
            // Assumed: what needed it is not repaired before its end.
            "resynchronising",
            |it| {
                it.suspend(&it.tokyo);
                let _ = it.tokyo.resynchronize(it.vm, None).unwrap();
                it.lab.advance(seconds(10));
            },
            (Critical, &[RESYNCHRONIZING]),
            (Critical, &[RESYNCHRONIZING]),
        ),
        (
            // Assumed: the state is called critical.
            "shut down while its set of disks changed",
            |it| {
                let settings = it.tokyo.settings(it.id).unwrap();
                let settings = Settings { included_disks: Some(vec![DiskId(0)]), ..settings };
                let _ = it.tokyo.modify_replication_settings(it.vm, settings).unwrap();
                it.lab.disturb(Disturbance::ShutDownHost(it.tokyo.id()));
                it.lab.disturb(Disturbance::BootHost(it.tokyo.id()));
            },
            (Critical, &[DISKS_FAILED]),
            (Normal, &[]),
        ),
        (
            // Assumed: nothing is replicated before the change ends.
            "an old primary on its way to be a replica",
            |it| {
                done(&it.tokyo, it.tokyo.turn_off_vm(it.vm));
                let _ = it.tokyo.become_replica(it.vm).unwrap();
            },
            (Warning, &[ROLE_CHANGING]),
            (Normal, &[]),
        ),
    ];
    for (what, bring, primary, replica) in table {
        let pair = Pair::replicating();
        bring(&pair);
        let found = [pair.health(&pair.tokyo), pair.health(&pair.osaka)];
        let wanted = [primary, replica].map(|it| (it.0, it.1.to_vec()));
        assert_eq!(found, wanted, "{what}");
    }
}

/// “Initial replication not completed” is a warning on both sides.
#[test]
fn initial_replication_is_a_warning_until_it_is_complete() {
    let pair = Pair::new(Policy::default(), Settings::to("osaka"));
    for host in [&pair.tokyo, &pair.osaka] {
        assert_eq!(pair.health(host), (Warning, vec![INCOMPLETE]));
    }
    let _ = pair.tokyo.start_replication(pair.vm, InitialReplication::Network).unwrap();
    pair.lab.advance(seconds(3));
    for host in [&pair.tokyo, &pair.osaka] {
        let waiting = ReplicationState::WaitingForInitialReplication;
        assert_eq!(host.relationship(pair.id).unwrap().state, waiting);
        assert_eq!(pair.health(host), (Warning, vec![INCOMPLETE]));
    }
}

#[test]
fn what_is_not_replicated_has_no_health() {
    let lab = Lab::new(["tokyo"]);
    let vm = lab.vm("web").create();
    let id = RelationshipId::primary(vm);
    assert_eq!(lab.host("tokyo").relationship(id).unwrap().health, NotApplicable);
}

/// An error is critical, and with it stand the warnings that it brings: the example of the second
/// page shows three issues together.
#[test]
fn an_error_is_critical_and_its_warnings_stand_beside_it() {
    let pair = Pair::replicating();
    done(&pair.osaka, pair.osaka.remove_replication_relationship(pair.id));
    pair.lab.advance(minutes(6));
    let state = pair.tokyo.relationship(pair.id).unwrap().state;
    assert_eq!(state, ReplicationState::Critical);
    assert_eq!(pair.health(&pair.tokyo), (Critical, vec![IN_ERROR]));
    done(&pair.tokyo, pair.tokyo.reset_replication_statistics(pair.id));
    assert_eq!(pair.health(&pair.tokyo), (Critical, vec![IN_ERROR]), "a reset forgives no error");
    pair.lab.advance(hours(2));
    assert_eq!(pair.health(&pair.tokyo), (Critical, vec![IN_ERROR, MISSED, BEHIND]));
}

/// “More than 20 percent of the replication cycles in the monitoring interval”: just 20 is not.
#[test]
fn a_fifth_of_missed_cycles_is_no_warning_yet() {
    let pair = Pair::replicating();
    done(&pair.tokyo, pair.tokyo.reset_replication_statistics(pair.id));
    pair.until(|it| it.successes == 4);
    pair.cut();
    pair.until(|it| it.misses == 1);
    assert_eq!(pair.health(&pair.tokyo), (Normal, vec![]));
    pair.until(|it| it.misses == 2);
    assert_eq!(pair.health(&pair.tokyo), (Warning, vec![MISSED]));
    let statistics = pair.statistics(&pair.tokyo);
    assert_eq!((statistics.successes, statistics.network_failures), (4, 2));
    assert_eq!(statistics.errors(), 2);
    // “If replication health was reported as Warning, this changes the health to Normal”:
    // https://learn.microsoft.com/powershell/module/hyper-v/reset-vmreplicationstatistics
    done(&pair.tokyo, pair.tokyo.reset_replication_statistics(pair.id));
    assert_eq!(pair.health(&pair.tokyo), (Normal, vec![]));
}

/// “More than one hour since the last log was received.” A reset forgives it, for another hour.
#[test]
fn an_hour_behind_is_a_warning() {
    let pair = Pair::replicating();
    pair.suspend(&pair.tokyo);
    let last = pair.osaka.relationship(pair.id).unwrap().last_replication.unwrap();
    pair.lab.advance((last + hours(1)).since(pair.lab.now()));
    assert_eq!(pair.health(&pair.osaka), (Normal, vec![]));
    pair.lab.advance(Duration::from_nanos(100));
    assert_eq!(pair.health(&pair.osaka), (Warning, vec![BEHIND]));
    assert_eq!(pair.health(&pair.tokyo), (Warning, vec![PAUSED_ON_PRIMARY, BEHIND]));
    assert_eq!(pair.statistics(&pair.tokyo).misses, 0, "a pause misses no cycle");
    done(&pair.osaka, pair.osaka.reset_replication_statistics(pair.id));
    assert_eq!(pair.health(&pair.osaka), (Normal, vec![]));
    pair.lab.advance(hours(1));
    assert_eq!(pair.health(&pair.osaka), (Normal, vec![]));
    pair.lab.advance(Duration::from_nanos(100));
    assert_eq!(pair.health(&pair.osaka), (Warning, vec![BEHIND]));
}

/// A prepared primary has no rule of its own: it is behind after an hour, as any other.
#[test]
fn a_prepared_primary_is_well_for_an_hour() {
    let pair = Pair::replicating();
    done(&pair.tokyo, pair.tokyo.turn_off_vm(pair.vm));
    done(&pair.tokyo, pair.tokyo.prepare_failover(pair.id));
    assert_eq!(pair.health(&pair.tokyo), (Normal, vec![]));
    pair.lab.advance(hours(1) + seconds(1));
    assert_eq!(pair.health(&pair.tokyo), (Warning, vec![BEHIND]));
}

/// “Average latency at most five minutes.” Every 15 minutes a log of 900 MB goes over a link that
/// takes just five minutes for it, or a little longer.
#[test]
fn five_minutes_of_latency_are_no_warning_yet() {
    for (link_rate, health, issues) in
        [(3_000_000, Normal, vec![]), (2_999_000, Warning, vec![SLOW])]
    {
        let policy = Policy { link_rate, link_latency: Duration::ZERO, ..Policy::default() };
        let settings = Settings { replication_interval_s: 900, ..Settings::to("osaka") };
        let pair = Pair::new(policy, settings).started();
        for host in [&pair.tokyo, &pair.osaka] {
            done(host, host.reset_replication_statistics(pair.id));
        }
        pair.lab.advance(hours(4));
        let statistics = pair.statistics(&pair.tokyo);
        assert_eq!((statistics.misses, statistics.successes), (0, 16));
        assert_eq!(statistics.average_size_bytes(), Some(900_000_000));
        assert_eq!(statistics.average_latency_s(), Some(300));
        for host in [&pair.tokyo, &pair.osaka] {
            assert_eq!(pair.health(host), (health, issues.clone()), "{link_rate}");
        }
    }
}

/// A cycle is missed when a log takes longer than its interval. Both sides count it.
#[test]
fn a_log_that_takes_longer_than_its_interval_misses_cycles() {
    // 300 MB in five minutes, at a rate that takes a hundredth longer.
    let policy = Policy { link_rate: 990_000, link_latency: Duration::ZERO, ..Policy::default() };
    let pair = Pair::new(policy, Settings::to("osaka")).started();
    for host in [&pair.tokyo, &pair.osaka] {
        let statistics = pair.statistics(host);
        assert!(statistics.misses >= statistics.successes, "{statistics:?}");
        assert_eq!(pair.health(host).0, Warning);
    }
}

fn monitored(start_s: u32, interval_s: u32) -> HostSpec {
    let settings = ServiceSettings {
        monitoring_start_s: start_s,
        monitoring_interval_s: interval_s,
        ..ServiceSettings::kerberos()
    };
    HostSpec { settings, ..HostSpec::trusting("tokyo") }
}

/// The example of the page: windows of 12 hours from 06:00; replication enabled at 14:00 has its
/// first window until 18:00, and its second until 06:00.
#[test]
fn windows_lie_on_the_hours_that_the_host_says() {
    let lab = Lab::with_seed(0);
    lab.add_host(&monitored(6 * 3600, 12 * 3600));
    lab.add_host(&HostSpec::trusting("osaka"));
    let tokyo = lab.host("tokyo");
    let vm = lab.vm("web").on("tokyo").running().create();
    let id = RelationshipId::primary(vm);
    lab.advance(hours(14));
    tokyo.wait(tokyo.create_replication_relationship(vm, Settings::to("osaka")).unwrap()).unwrap();
    let enabled = tokyo.statistics(id).unwrap().0.start;
    assert!(enabled.since(SimTime::ZERO + hours(14)) < minutes(1));
    tokyo.wait(tokyo.start_replication(vm, InitialReplication::Network).unwrap()).unwrap();
    let start_at = |hour: u64| {
        lab.advance((SimTime::ZERO + hours(hour)).since(lab.now()));
        tokyo.statistics(id).unwrap().0
    };
    assert_eq!(start_at(17).start, enabled);
    assert!(start_at(17).successes > 20);
    let fresh = start_at(18);
    assert_eq!((fresh.start, fresh.successes), (SimTime::ZERO + hours(18), 0));
    assert_eq!(start_at(29).start, SimTime::ZERO + hours(18));
    assert_eq!(start_at(30).start, SimTime::ZERO + hours(30));
    // Osaka has its own windows: 12 hours from 09:00, as every host that nobody configured.
    let replica = lab.host("osaka").statistics(id).unwrap().0;
    assert_eq!(replica.start, SimTime::ZERO + hours(21));
}

/// Assumed: windows of another length begin when somebody asks for them; anything else that is
/// set leaves them alone.
#[test]
fn another_interval_begins_new_windows() {
    let pair = Pair::replicating();
    let before = pair.statistics(&pair.tokyo);
    let settings = pair.tokyo.service_settings().unwrap();
    let other = ServiceSettings { http_port: 8080, ..settings };
    done(&pair.tokyo, pair.tokyo.modify_service_settings(other.clone()));
    assert_eq!(pair.statistics(&pair.tokyo).start, before.start);
    let now = pair.lab.now();
    let other = ServiceSettings { monitoring_interval_s: 3600, ..other };
    done(&pair.tokyo, pair.tokyo.modify_service_settings(other));
    let after = pair.statistics(&pair.tokyo);
    assert_eq!((after.start, after.successes), (now, 0));
    pair.lab.advance(hours(3));
    let start = pair.statistics(&pair.tokyo).start;
    assert_eq!(start.ticks() % (3600 * 10_000_000), 0, "an hour begins at {start}");
    assert!(pair.lab.now().since(start) < hours(1));
}

/// A host that is down at the end of a window begins the next one when it is up again.
#[test]
fn a_window_ends_while_its_host_is_down() {
    let pair = Pair::replicating();
    pair.lab.disturb(Disturbance::ShutDownHost(pair.tokyo.id()));
    pair.lab.advance(hours(24));
    pair.lab.disturb(Disturbance::BootHost(pair.tokyo.id()));
    let window = pair.statistics(&pair.tokyo);
    assert_eq!((window.start, window.successes), (SimTime::ZERO + hours(21), 0));
    pair.lab.advance(hours(12));
    assert_eq!(pair.statistics(&pair.tokyo).start, SimTime::ZERO + hours(33));
}

/// Health and statistics are a relationship's, not a virtual machine's:
/// <https://learn.microsoft.com/virtualization/community/team-blog/2014/20140505-replication-health-windows-server-2012-r2>.
#[test]
fn an_extended_leg_has_figures_of_its_own() {
    let pair = Pair::replicating();
    let extended = RelationshipId::extended(pair.vm);
    let osaka = &pair.osaka;
    done(osaka, osaka.create_replication_relationship(pair.vm, Settings::to("london")));
    assert_eq!(osaka.relationship(extended).unwrap().health, Warning);
    assert_eq!(pair.health(osaka), (Normal, vec![]));
    done(osaka, osaka.start_replication(pair.vm, InitialReplication::Network));
    pair.lab.advance(hours(2));
    let first = osaka.statistics(pair.id).unwrap().0;
    let second = osaka.statistics(extended).unwrap().0;
    assert!(first.successes > second.successes && second.successes > 10);
    done(osaka, osaka.reset_replication_statistics(extended));
    assert_eq!(osaka.statistics(extended).unwrap().0.successes, 0);
    assert_eq!(osaka.statistics(pair.id).unwrap().0, first);
}

/// Zeros, and no averages, before anything was replicated.
#[test]
fn nothing_is_counted_before_the_first_cycle() {
    let pair = Pair::new(Policy::default(), Settings::to("osaka"));
    let statistics = pair.statistics(&pair.tokyo);
    assert_eq!((statistics.successes, statistics.misses, statistics.errors()), (0, 0, 0));
    assert_eq!((statistics.average_size_bytes(), statistics.average_latency_s()), (None, None));
    assert_eq!(statistics.last_test_failover, None);
}

/// `PendingReplicationSize` is of a side that sends; `LastTestFailoverTime` of one that received.
#[test]
fn the_figures_that_have_no_window() {
    let pair = Pair::replicating();
    pair.cut();
    pair.lab.advance(minutes(30));
    assert!(pair.statistics(&pair.tokyo).pending_bytes >= 1_800_000_000);
    assert_eq!(pair.statistics(&pair.osaka).pending_bytes, 0);
    done(&pair.osaka, pair.osaka.test_replica_system(pair.vm, None));
    let tested = pair.statistics(&pair.osaka).last_test_failover.unwrap();
    assert!(pair.lab.now().since(tested) < minutes(1));
}

/// Windows of twelve hours from 6 o'clock: what begins at 14 o'clock has the rest of one, until 18,
/// as question 3 of the second page has it. `EndStatisticTime` is when the next one begins:
/// <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-replicationstatistics>.
#[test]
fn a_window_ends_when_the_next_one_begins() {
    let lab = Lab::new(["osaka"]);
    let mut spec = HostSpec::trusting("tokyo");
    spec.settings.monitoring_start_s = 6 * 3600;
    assert_eq!(lab.add_host(&spec), Reply::Happened);
    let (tokyo, at) = (lab.host("tokyo"), |hour| SimTime::ZERO + hours(hour));
    let vm = lab.vm("web").on("tokyo").running().create();
    lab.advance(hours(14));
    done(&tokyo, tokyo.create_replication_relationship(vm, Settings::to("osaka")));
    let window = |host: &HostHandle| {
        let statistics = host.statistics(RelationshipId::primary(vm)).unwrap().0;
        (statistics.start, statistics.end)
    };
    assert_eq!(window(&tokyo), (lab.now(), at(18)));
    lab.advance(at(18).since(lab.now()));
    assert_eq!(window(&tokyo), (at(18), at(30)));
    lab.advance(hours(1));
    assert_eq!(window(&tokyo), (at(18), at(30)));
    // Windows of the other host begin at 9 o'clock.
    assert_eq!(window(&lab.host("osaka")).1, at(21));
}
