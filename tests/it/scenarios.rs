//! Every scenario file passes, and means what it says.

use hyperv_replica::engine::{HostTrouble, VmTrouble};
use hyperv_replica::model::{Edition, WindowsBuild};
use hyperv_replica::script::{self, Method, Statement, Verb};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

/// What is done with replication, from its beginning to its end, and the file that shows it.
///
/// A flow without a file fails the tests, and so does a file without a flow. The files in
/// `incidents/` are stories of their own and stand for no flow.
const FLOWS: &[(&str, &str)] = &[
    // The server, and the life of its jobs.
    ("a replica server configured, and the operations of Microsoft's sample", "sdk-sample"),
    ("a primary let in, and what may be missing", "authorization"),
    ("jobs that can be terminated, and jobs that cannot", "jobs-cancelled"),
    ("on Windows Server 2012", "windows-2012"),
    ("an upgrade from Windows Server 2012 to 2012 R2", "upgrade-to-2012-r2"),
    ("certificates instead of Kerberos", "certificate-authentication"),
    ("replicas on a file share", "storage-on-a-share"),
    ("the replica server disabled while it has replicas", "replica-server-disabled"),
    ("statistics in windows, each host with its own", "monitoring-windows"),
    ("an external provider, and its failback", "external-provider"),
    ("what is asked of a host, and what is not implemented", "replica-server"),
    ("who may send to a replica, and to which", "trust-groups"),
    ("a connection tried, and what may be missing", "connection-test"),
    ("a client edition of Windows", "client-edition"),
    ("a node of a failover cluster", "cluster-node"),
    ("a primary moved to another host, within its trust group", "migration-of-the-primary"),
    ("a replica moved, in a cluster and alone", "migration-of-the-replica"),
    ("a host that hangs, and one that is out of memory", "host-in-trouble"),
    ("how jobs end, and how one learns of it", "jobs-ended"),
    ("what a job is before it works, and before it has terminated", "jobs-begun"),
    // Initial replication.
    ("enabled, and initial replication over the network", "initial-network"),
    ("initial replication at a set time, and its cancellation", "initial-scheduled"),
    ("initial replication exported, changes meanwhile, imported", "initial-export"),
    ("an export stopped, and one that is complete", "initial-export-stopped"),
    ("initial replication seeded from an existing virtual machine", "initial-seeded"),
    ("initial replication cancelled at each phase, and restarted", "initial-cancelled"),
    ("initial replication paused and resumed", "initial-paused"),
    ("initial replication interrupted by the line and by a host", "initial-interrupted"),
    // Cycles and recovery points; interruption, pause.
    ("cycles that take longer than they last", "cycles-too-slow"),
    ("recovery points hourly, history reduced, no history", "recovery-points"),
    ("application-consistent recovery points", "recovery-points-consistent"),
    ("application-consistent recovery points that fail", "vss-fails"),
    ("a damaged undo log, and which points it costs", "undo-log-damaged"),
    ("a damaged snapshot on Windows Server 2012", "snapshot-damaged"),
    ("a recoverable failure is retried", "retry-back-off"),
    ("a failure that is not recoverable: an entry removed", "send-refused"),
    ("a slow link, latency, and missed cycles", "link-slow"),
    ("a lossy link", "link-lossy"),
    ("a link that carries logs and no answers", "link-one-way"),
    ("more virtual machines than may send at once", "transfers-queue"),
    ("storage full on the replica's host", "storage-full-on-the-replica"),
    ("storage full on the primary's host", "storage-full-on-the-primary"),
    ("a replica without its disk", "replica-disk-missing"),
    ("a replica that cannot apply what it receives", "apply-fails"),
    ("a replica backed up, and when it cannot be", "backup-of-a-replica"),
    ("a host shut down or crashed, on 2012 R2 and on 2022", "hosts-stopped"),
    ("hosts restarted in order, and after a crash", "scripts-both-hosts-back"),
    ("paused and resumed on either side", "pause"),
    ("a replica server that Kerberos does not know", "kerberos-fails"),
    ("a proxy that inspects what is sent", "proxy-inspects"),
    // Resynchronisation.
    ("resynchronised by hand, forced from a pause", "resync-forced"),
    ("resynchronised at a set time", "resync-scheduled"),
    ("resynchronised by itself, inside the window and after waiting", "resync-automatic"),
    ("resynchronised by itself, between two time zones", "resync-time-zone"),
    ("a resynchronisation paused and resumed", "resync-paused"),
    ("a resynchronisation cancelled by the state and by the job", "resync-cancelled"),
    ("a resynchronisation ended by an unplanned failover", "resync-failed-over"),
    ("a resynchronisation between disks of different sizes", "resync-other-sizes"),
    ("a resynchronisation paused by the replica", "resync-held"),
    // Planned failover.
    ("planned failover, reversed, then started", "planned-failover"),
    ("planned failover, started, then reversed", "planned-failover-running"),
    ("planned failover, committed, then reversed", "scripts-planned"),
    ("planned failover cancelled before and after the failover", "planned-failover-cancelled"),
    ("planned failover broken off while it is prepared or made", "planned-failover-interrupted"),
    // Unplanned failover, and what follows.
    ("unplanned failover to an older point, reverted, again, final", "unplanned-failover"),
    ("unplanned failover, and what it loses", "unplanned-failover-losses"),
    ("unplanned failover of a paused or resynchronising replica", "unplanned-failover-paused"),
    ("unplanned failover, the old primary back late", "unplanned-failover-late-primary"),
    ("unplanned failover, the old primary's host shut down", "scripts-primary-shut-down"),
    ("unplanned failover, the old primary's host crashed", "scripts-primary-crashed"),
    ("failing back", "failback"),
    ("split brain, the failover undone", "scripts-split-brain"),
    ("split brain, the old primary given up", "scripts-split-brain-repurposed"),
    // Test failover; networks; who may run.
    ("test failover, and its clean-up", "test-failover"),
    ("addresses taken after a failover and after a test", "failover-network"),
    ("who may run, and what has to be off", "power"),
    ("every way to change the power of a virtual machine", "power-operations"),
    // Extended replication.
    ("extended replication set up, its constraints, its health", "extended"),
    ("extended replication, planned failover of the second leg", "extended-planned-failover"),
    ("extended replication, the first host lost, on to the third", "extended-first-host-lost"),
    ("extended replication, the first host lost, reversed instead", "extended-reversed"),
    ("extended replication, the middle host lost", "extended-middle-host-lost"),
    ("extended replication, the second leg resynchronised", "extended-resync-second-leg"),
    ("extended replication removed, from its end", "extended-removal"),
    ("extended replication, a back-up of the middle", "extended-backup"),
    ("extended replication, the second leg after the first was resynchronised", "extended-resync"),
    // Removal; the set of disks.
    ("removed on the primary, then on the replica", "removal"),
    ("removed on the replica alone", "removal-on-the-replica"),
    ("removed on the replica, whose copy becomes a seed", "removal-then-seeded"),
    ("the replica deleted", "replica-deleted"),
    ("the set of disks changed, the change failed and retried", "disk-set"),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios")
}

/// The paths of the files in a folder and below it that end with `.extension`, without that and
/// relative to the folder: `incidents/vanished-job`.
fn names_in(folder: &Path, extension: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for entry in fs::read_dir(folder).expect("a folder of fixtures") {
        let path = entry.expect("an entry of the folder").path();
        let stem = path.file_stem().and_then(|it| it.to_str()).expect("a name in UTF-8");
        if path.is_dir() {
            names.extend(names_in(&path, extension).iter().map(|it| format!("{stem}/{it}")));
        } else if path.extension().is_some_and(|it| it == extension) {
            names.insert(stem.to_owned());
        }
    }
    names
}

/// Every scenario of the repository, in the order of their names.
pub(crate) fn files() -> Vec<PathBuf> {
    names_in(&folder(), "hvr").iter().map(|name| folder().join(format!("{name}.hvr"))).collect()
}

#[test]
fn every_scenario_passes() {
    let mut faults = String::new();
    for path in files() {
        let text = fs::read_to_string(&path).expect("a scenario is text");
        let name = path.strip_prefix(folder()).expect("a file in the folder").display();
        match script::parse(&text) {
            Err(error) => writeln!(faults, "{name}: {error}").unwrap(),
            Ok(script) => {
                for fault in script::run(&script).faults() {
                    writeln!(faults, "{name}:{fault:?}").unwrap();
                }
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// A scenario is evidence only if it says where it was published.
#[test]
fn every_scenario_cites_its_source() {
    for path in files() {
        let text = fs::read_to_string(&path).unwrap();
        let head = text.lines().take_while(|line| line.starts_with('#'));
        assert!(head.into_iter().any(|line| line.contains("https://")), "{}", path.display());
    }
}

/// What a parser read, the printer writes so that it reads the same.
#[test]
fn every_scenario_round_trips() {
    for path in files() {
        let script = script::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(script::parse(&script.to_string()).unwrap(), script, "{}", path.display());
    }
}

#[test]
fn every_flow_has_its_scenario() {
    let shown: BTreeSet<_> = FLOWS.iter().map(|(_, file)| (*file).to_owned()).collect();
    assert_eq!(shown.len(), FLOWS.len(), "a file shows one flow");
    let mut there = names_in(&folder(), "hvr");
    there.retain(|name| !name.starts_with("incidents/"));
    assert_eq!(shown, there);
}

/// What a statement makes use of, beside its words: a method, a disturbance with its trouble, a kind
/// of host.
fn used_by(statement: &Statement) -> Vec<String> {
    match statement {
        Statement::Call(call) => vec![call.method.name().to_owned()],
        Statement::Disturb(it) => {
            let args = it.args.iter().map(|arg| arg.value().text().to_owned());
            args.chain([it.verb.name().to_owned()]).collect()
        }
        Statement::Host(host) => {
            let (edition, clustered) = (host.edition, host.clustered);
            vec![host.build.to_string(), format!("{edition:?}"), format!("clustered: {clustered}")]
        }
        _ => Vec::new(),
    }
}

/// A flow that nobody listed is found by what it would need: every method, every disturbance and
/// every kind of host is in some scenario.
#[test]
fn nothing_that_can_happen_is_in_no_scenario() {
    let mut used = BTreeSet::new();
    for path in files() {
        let script = script::parse(&fs::read_to_string(&path).unwrap()).unwrap();
        let statements = script.lines.iter().filter_map(|line| line.statement.as_ref());
        used.extend(statements.flat_map(used_by));
    }
    let methods = Method::all().into_iter().filter(|it| !it.is_deprecated());
    let words = methods.map(|it| it.name().to_owned());
    let words = words.chain(Verb::ALL.iter().map(|it| it.name().to_owned()));
    let words = words.chain(HostTrouble::ALL.iter().map(|it| it.name().to_owned()));
    let words = words.chain(VmTrouble::ALL.iter().map(|it| it.name().to_owned()));
    let words = words.chain(WindowsBuild::ALL.iter().map(WindowsBuild::to_string));
    let editions = [Edition::Server, Edition::Client];
    let words = words.chain(editions.map(|it| format!("{it:?}")));
    let words = words.chain([true, false].map(|it| format!("clustered: {it}")));
    let missing: Vec<_> = words.filter(|it| !used.contains(it)).collect();
    assert_eq!(missing, [""; 0], "in no scenario");
}

/// The run of each scenario as `hvr run` prints it.
///
/// `INSTA_UPDATE=always cargo test --all-features --test it scenarios` writes them anew.
#[cfg(feature = "cli")]
#[test]
fn every_run_is_as_it_was_reviewed() {
    let runs = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/snapshots/runs");
    let scenarios = names_in(&folder(), "hvr");
    for name in &scenarios {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_hvr"))
            .args(["run", "--width", "100", &format!("{name}.hvr")])
            .current_dir(folder())
            .output()
            .unwrap();
        let run = String::from_utf8(output.stdout).unwrap();
        let path = runs.join(name);
        insta::with_settings!({
            snapshot_path => path.parent().unwrap(),
            prepend_module_to_snapshot => false,
            omit_expression => true,
        }, {
            insta::assert_snapshot!(path.file_name().unwrap().to_str(), run);
        });
    }
    assert_eq!(names_in(&runs, "snap"), scenarios, "a run for each scenario, and no others");
}
