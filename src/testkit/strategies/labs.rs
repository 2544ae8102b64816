//! How worlds begin: hosts, virtual machines, what replicates, and a policy.

use crate::engine::{Answer, Input, Policy, Refusals, VmSpec};
use crate::model::time::hours;
use crate::model::{Guid, HostId, Operation, Settings, VmId, WindowsBuild};
use crate::testkit::beginning::{Beginning, DB, HOSTS, WEB, certified, vm};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::time::Duration;

/// Durations: mostly this one, else none, seconds, or days.
fn durations(usual: Duration) -> impl Strategy<Value = Duration> {
    prop_oneof![
        6 => Just(usual),
        1 => Just(Duration::ZERO),
        2 => (1u64..90_000).prop_map(Duration::from_millis),
        1 => (1u64..100).prop_map(hours),
    ]
}

/// Rates in bytes a second: mostly this one, else almost nothing, anything, or as much as there is.
fn rates(usual: u64) -> impl Strategy<Value = u64> {
    prop_oneof![
        6 => Just(usual),
        1 => Just(1),
        2 => (10u8..40).prop_map(|bits| 1 << bits),
        1 => Just(u64::MAX),
    ]
}

/// How some operations are answered.
fn answers() -> impl Strategy<Value = std::collections::BTreeMap<Operation, Answer>> {
    let answer = prop_oneof![Just(Answer::Job), Just(Answer::Now)];
    btree_map(select(Operation::ALL), answer, 0..4)
}

/// Policies: what nobody knows of answers, either way, on all hosts or on those of a build; and
/// durations and rates, each mostly the default one, else nothing, small or huge.
pub fn policies() -> impl Strategy<Value = Policy> {
    let usual = Policy::default();
    let jobs = (
        durations(usual.local),
        durations(usual.contact),
        durations(usual.checkpoint),
        durations(usual.undo),
        durations(usual.merge),
        durations(usual.boot),
        durations(usual.guest_shutdown),
        durations(usual.guest_talks),
        durations(usual.job_retention),
    );
    let stages = (
        durations(usual.job_new),
        durations(usual.job_starting),
        durations(usual.job_shutting_down),
    );
    let network = (
        rates(usual.link_rate),
        rates(usual.compare_rate),
        durations(usual.link_latency),
        durations(usual.apply),
    );
    let of_build = btree_map(select(WindowsBuild::ALL), answers(), 0..3);
    let told = (
        answers(),
        of_build,
        btree_set(select(Operation::ALL), 0..3),
        any::<bool>(),
        any::<bool>(),
        option::of(select(WindowsBuild::ALL)),
    );
    (jobs, stages, network, told).prop_map(|(jobs, stages, network, told)| {
        let (local, contact, checkpoint, undo, merge, boot, guest_shutdown, guest_talks, kept) =
            jobs;
        let (job_new, job_starting, job_shutting_down) = stages;
        let (link_rate, compare_rate, link_latency, apply) = network;
        let (answers, answers_of_build, completed_with_warnings, late, never, survives_shutdown) =
            told;
        Policy {
            link_rate,
            link_latency,
            compare_rate,
            apply,
            local,
            contact,
            checkpoint,
            undo,
            merge,
            boot,
            guest_shutdown,
            guest_talks,
            answers,
            answers_of_build,
            refusals: if late { Refusals::Late } else { Refusals::Early },
            job_retention: kept,
            job_new,
            job_starting,
            job_shutting_down,
            completed_with_warnings,
            auto_resynchronize: !never,
            survives_shutdown,
        }
    })
}

/// Labs: two to four hosts of any builds on which nothing replicates yet, or something does in each
/// of the ways in which it can; or several virtual machines on several hosts, each of which
/// replicates in its own way to another host, crosswise too. Shrinks towards few hosts, and nothing.
pub fn labs() -> impl Strategy<Value = Beginning> {
    let bare = vec(select(WindowsBuild::ALL), 2..=4).prop_map(Beginning::hosts);
    let recent = Just(Beginning::three_hosts());
    prop_oneof![
        2 => bare,
        2 => recent,
        2 => Just(Beginning::replicating()),
        2 => Just(Beginning::chained()),
        2 => Just(Beginning::failed_over()),
        1 => Just(Beginning::on_old_hosts()),
        1 => Just(Beginning::provided()),
        2 => estates(),
    ]
}

/// The same, each with a policy of its own.
pub fn labs_of_any_policy() -> impl Strategy<Value = Beginning> {
    (labs(), policies(), any::<u64>()).prop_map(|(lab, policy, seed)| Beginning {
        seed,
        policy,
        ..lab
    })
}

/// The virtual machines of an estate.
const VMS: [(VmId, &str); 4] = [
    (WEB, "web"),
    (DB, "db"),
    (VmId(Guid(0x4444_4444_4444_4444_8444_4444_4444_4444)), "mail"),
    (VmId(Guid(0x5555_5555_5555_4555_8555_5555_5555_5555)), "files"),
];

/// A virtual machine of an estate. Places count on from the beginning where there are not so many.
#[derive(Clone, Debug)]
struct Machine {
    home: u16,
    /// To which of the hosts after its own it replicates, with these settings.
    replicates: Option<(u16, Settings)>,
    running: bool,
    write_rate: u64,
}

/// What a relationship may be like, but for where it leads to.
fn settings() -> impl Strategy<Value = Settings> {
    let certificates = any::<bool>();
    (certificates, select(&[300, 30, 900][..]), select(&[0, 3, 16][..]), 0u16..3, any::<bool>())
        .prop_map(|(certificates, replication_interval_s, recovery_history, consistent, auto)| {
            let kind = if certificates { certified("") } else { Settings::to("") };
            let application_consistent_interval_h = consistent.min(recovery_history);
            Settings {
                replication_interval_s,
                recovery_history,
                application_consistent_interval_h,
                auto_resynchronize: auto,
                ..kind
            }
        })
}

/// Two or three hosts with one to four virtual machines.
fn estates() -> impl Strategy<Value = Beginning> {
    use WindowsBuild::{Server2012, Server2022};
    let machine = (
        0u16..3,
        option::weighted(0.8, (0u16..2, settings())),
        any::<bool>(),
        select(&[300_000, 0, 1 << 20, 1 << 23][..]),
    );
    let machine = machine.prop_map(|(home, replicates, running, write_rate)| Machine {
        home,
        replicates,
        running,
        write_rate,
    });
    let builds = prop_oneof![
        4 => vec(Just(Server2022), 2..=3),
        1 => vec(Just(Server2012), 2..=3),
        2 => vec(select(WindowsBuild::ALL), 2..=3),
    ];
    (builds, vec(machine, 1..=VMS.len())).prop_map(|(builds, machines)| estate(&builds, machines))
}

fn estate(builds: &[WindowsBuild], machines: Vec<Machine>) -> Beginning {
    let hosts = u16::try_from(builds.len()).unwrap_or(1);
    let mut lab = Beginning::bare(builds.iter().copied());
    let mut protected = Vec::new();
    for ((id, name), machine) in VMS.into_iter().zip(machines) {
        let Machine { home, replicates, running, write_rate } = machine;
        let host = HostId(home % hosts);
        let spec = VmSpec { write_rate, ..vm(id, name, running) };
        lab = lab.then(Input::AddVm { host, vm: spec });
        protected.extend(replicates.map(|(further, mut settings)| {
            let to = (host.0 + 1 + further % (hosts - 1).max(1)) % hosts;
            HOSTS[usize::from(to)].clone_into(&mut settings.recovery_connection_point);
            if builds.contains(&WindowsBuild::Server2012) {
                settings.replication_interval_s = 300; // It knows no other.
            }
            (host, id, settings)
        }));
    }
    for (host, id, settings) in protected {
        lab = lab.protect(host, id, settings);
    }
    lab.then(Input::Advance(hours(2)))
}
