//! A lab is rebuilt from its journal, whatever ended it.

use crate::scenarios;
use hyperv_replica::engine::{HostSpec, Input, Policy, Rejection, Reply, World};
use hyperv_replica::error::Error;
use hyperv_replica::prelude::*;
use hyperv_replica::script::{self, Durability, Journal, JournalError, JournalLock, Rebuilt};
use hyperv_replica::sim::{Lab, Scribe};
use hyperv_replica::testkit::determinism::Run;
use hyperv_replica::testkit::walk::Step;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

fn fresh(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("journal");
    fs::create_dir_all(&folder).unwrap();
    let path = folder.join(name);
    let _ = fs::remove_file(&path);
    path
}

fn open(path: &Path) -> (Journal, Rebuilt) {
    Journal::open(path, Durability::Process).unwrap_or_else(|it| panic!("{}: {it}", path.display()))
}

/// A lab that does what a scenario does, and writes it down.
fn written(path: &Path, name: &str) -> (World, Vec<World>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    let text = fs::read_to_string(root.join(name)).unwrap();
    let run = Run::of_script(&script::parse(&text).unwrap()).unwrap();
    // Scenarios have seeds and policies.
    let (journal, _) = open(path);
    let lab = Lab::over(World::with_policy(run.end.seed(), run.end.policy().clone()), 0);
    let lab = lab.written_by(journal);
    let mut worlds = vec![lab.world()];
    for step in &run.steps {
        assert_eq!(lab.apply(&step.input), step.reply);
        worlds.push(lab.world());
    }
    assert!(lab.world() == run.end);
    (run.end, worlds)
}

#[test]
fn every_scenario_is_rebuilt() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/scenarios");
    for file in scenarios::files() {
        let name = file.strip_prefix(&root).unwrap().to_str().unwrap();
        let path = fresh("scenario.hvr");
        let (end, worlds) = written(&path, name);
        let (_, rebuilt) = open(&path);
        assert!(rebuilt.world == end, "{name}");
        assert_eq!((rebuilt.inputs, rebuilt.torn), (worlds.len() as u64 - 1, None), "{name}");
        assert_eq!(rebuilt.version.as_deref(), Some(env!("CARGO_PKG_VERSION")));
        // It is a script like any other.
        let text = fs::read_to_string(&path).unwrap();
        assert!(script::run(&script::parse(&text).unwrap()).passed(), "{name}");
    }
}

/// Wherever the writing ended: what was whole is there, what was torn is told and gone, and the
/// journal goes on behind it.
#[test]
fn a_journal_may_end_anywhere() {
    let path = fresh("torn.hvr");
    let (_, worlds) = written(&path, "planned-failover.hvr");
    let bytes = fs::read(&path).unwrap();
    let lines_before_the_first = 1;
    for end in 0..=bytes.len() {
        fs::write(&path, &bytes[..end]).unwrap();
        let (mut journal, rebuilt) = open(&path);
        let whole = bytes[..end].split(|it| *it == b'\n').count() - 1;
        let inputs = whole.saturating_sub(lines_before_the_first);
        assert_eq!(rebuilt.inputs, inputs as u64, "cut at {end}");
        assert!(rebuilt.world == worlds[inputs], "cut at {end}");
        let at_a_line = end == 0 || bytes[end - 1] == b'\n';
        assert_eq!(rebuilt.torn.is_none(), at_a_line, "cut at {end}");
        let input = Input::Advance(Duration::from_secs(1));
        journal.append(&rebuilt.world, &input).unwrap();
        assert_eq!(Journal::read(&path).unwrap().inputs, rebuilt.inputs + 1, "cut at {end}");
    }
}

#[test]
fn how_a_world_began_is_written() {
    let path = fresh("beginning.hvr");
    let policy = Policy { apply: seconds(9), ..Policy::default() };
    let lab = Lab::with_policy(7, policy.clone()).written_by(open(&path).0);
    lab.add_host(&HostSpec::trusting("tokyo"));
    drop(Journal::open(fresh("machine.hvr"), Durability::Machine).unwrap());
    let rebuilt = Journal::read(&path).unwrap();
    assert_eq!((rebuilt.world.seed(), rebuilt.world.policy()), (7, &policy));
    assert!(rebuilt.world == lab.world());
}

/// Two that write one journal would each make a lab of their own of it.
#[test]
fn who_has_a_journal_has_it_alone() {
    let path = fresh("alone.hvr");
    let (journal, _) = open(&path);
    let lab = Lab::with_seed(0).written_by(journal);
    lab.add_host(&HostSpec::trusting("tokyo"));
    let held = Journal::open(&path, Durability::Process).unwrap_err();
    assert_eq!(held.to_string(), format!("process {} has the journal open", std::process::id()));
    assert!(matches!(JournalLock::take(&path), Err(JournalError::Held { by: Some(_) })));
    // It can be read, and others are their own.
    assert!(Journal::read(&path).unwrap().world == lab.world());
    open(&fresh("alone.hvr.lock.hvr"));
    drop(lab);
    assert!(open(&path).1.world.host_named("tokyo").is_some());
}

/// What a builder draws after a restart is not what it drew before.
#[test]
fn a_rebuilt_lab_draws_anew() {
    let path = fresh("draws.hvr");
    let lab = Lab::with_seed(0).written_by(open(&path).0);
    lab.add_host(&HostSpec::trusting("tokyo"));
    let web = lab.vm("web").create();
    drop(lab);
    let (journal, rebuilt) = open(&path);
    let lab = rebuilt.into_lab().written_by(journal);
    assert_ne!(lab.vm("db").create(), web);
}

#[test]
fn what_is_no_journal_is_told_by_its_line() {
    let path = fresh("wrong.hvr");
    for (text, number, says) in [
        ("host tokyo\nhsot osaka\n", 2, "expected"),
        ("host tokyo\nexpect tokyo event 32086 absent\n", 2, "a journal has inputs only"),
        ("host tokyo\nseed 3\n", 2, "a journal has inputs only"),
        ("host tokyo\ntokyo CommitFailover db\n", 2, "db"),
        ("host t\u{0}kyo\n", 1, "expected"),
    ] {
        fs::write(&path, text).unwrap();
        match Journal::open(&path, Durability::Process) {
            Err(JournalError::Line { number: at, problem }) => {
                assert_eq!(at, number, "{text}");
                assert!(problem.contains(says), "{text}: {problem}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
    let folder = path.parent().unwrap();
    assert!(matches!(Journal::open(folder, Durability::Process), Err(JournalError::Io(_))));
    // A world in which something happened has no beginning to write.
    let (mut journal, _) = open(&fresh("late.hvr"));
    let world = Lab::new(["tokyo"]).world();
    let late = journal.append(&world, &Input::Advance(Duration::ZERO)).unwrap_err();
    assert_eq!(late.kind(), io::ErrorKind::InvalidInput);
}

/// A scribe without ink.
#[derive(Debug)]
struct Dry;

impl Scribe for Dry {
    fn write(&mut self, _: &World, _: &Input) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
    fn mark(&self) -> u64 {
        0
    }
    fn rewind(&mut self, _: u64) -> io::Result<()> {
        Err(io::ErrorKind::StorageFull.into())
    }
}

#[test]
fn what_cannot_be_written_does_not_happen() {
    let lab = Lab::new(["tokyo", "osaka"]);
    let web = lab.vm("web").running().create();
    let before = lab.world();
    let lab = lab.written_by(Dry);
    let tokyo = lab.host("tokyo");
    assert_eq!(lab.apply(&Input::Advance(hours(1))), Reply::Rejected(Rejection::Unwritten));
    let unanswered = tokyo.create_replication_relationship(web, Settings::to("osaka"));
    assert!(matches!(unanswered, Err(Error::Transport { operation: Some(_), .. })));
    assert!(tokyo.sleep(seconds(1)).is_err(), "else whoever waits would wait forever");
    assert!(!lab.run_until(hours(1), |world| world.now() > SimTime::ZERO));
    let checkpoint = lab.hold().checkpoint();
    assert!(lab.hold().restore(&checkpoint).is_err());
    assert!(lab.world() == before);
    assert_eq!(tokyo.vms().unwrap().len(), 1, "reading goes on");
}

/// The input with this number of a drawn course: the same wherever it is asked for.
fn drawn(seed: u64, number: u64, world: &World) -> Input {
    let name = usize::try_from(number).ok().and_then(|it| ["tokyo", "osaka", "london"].get(it));
    if let Some(name) = name {
        return Input::AddHost(HostSpec::trusting(name));
    }
    if number == 3 {
        let text = "vm web on tokyo running".parse::<script::Line>().unwrap();
        let action = text.statement.unwrap().resolve(world);
        let Ok(script::Action::Input(input)) = action else { panic!("{action:?}") };
        return input;
    }
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed ^ number.rotate_left(17));
    let mut bytes = [0; Step::BYTES];
    draws.fill_bytes(&mut bytes);
    Step::from_bytes(bytes).resolve(world).unwrap_or(Input::Advance(Duration::from_secs(1)))
}

/// Not a test: the process that the next one kills. It tells each number when its input is
/// answered.
#[test]
#[ignore = "a helper of a_killed_process_loses_nothing_that_it_answered"]
fn child() {
    let path = PathBuf::from(std::env::var_os("HVR_TEST_JOURNAL").unwrap());
    let seed = std::env::var("HVR_TEST_SEED").unwrap().parse().unwrap();
    let (journal, rebuilt) = open(&path);
    let first = rebuilt.inputs;
    let lab = rebuilt.into_lab().written_by(journal);
    let mut out = io::stdout().lock();
    for number in first.. {
        let input = lab.read(|world| drawn(seed, number, world));
        let reply = lab.apply(&input);
        assert_ne!(reply, Reply::Rejected(Rejection::Unwritten));
        writeln!(out, "\nanswered {number}").unwrap();
        out.flush().unwrap();
    }
}

#[test]
fn a_killed_process_loses_nothing_that_it_answered() {
    let path = fresh("killed.hvr");
    let seed = 20_260_101;
    let mut draws = Xoshiro256PlusPlus::seed_from_u64(seed);
    let (mut model, mut done) = (World::new(0), 0);
    for round in 0..12 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["journal::child", "--exact", "--ignored", "--nocapture"])
            .env("HVR_TEST_JOURNAL", &path)
            .env("HVR_TEST_SEED", seed.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = 1 + draws.next_u64() % 300;
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let told = lines.map_while(Result::ok).filter_map(|it| {
            it.strip_prefix("answered ").and_then(|number| number.parse::<u64>().ok())
        });
        let mut last = None;
        for (count, number) in (1..).zip(told) {
            last = Some(number);
            if count == answers {
                child.kill().unwrap(); // What it tells before it dies counts, too.
            }
        }
        child.wait().unwrap();
        let (_, rebuilt) = open(&path);
        let answered = last.expect("it began") + 1;
        assert!(rebuilt.inputs >= answered, "round {round}: {answered} were answered");
        assert!(rebuilt.inputs <= answered + 1, "round {round}: one at most was on its way");
        let mut events = Vec::new();
        while done < rebuilt.inputs {
            let input = drawn(seed, done, &model);
            model.apply(&input, &mut events);
            events.clear();
            done += 1;
        }
        assert!(rebuilt.world == model, "round {round}: after {done} inputs");
    }
    assert!(done > 300, "{done} inputs only");
}
