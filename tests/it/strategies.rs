//! Strategies: they reach everything, and what they find is a script that fails again.

use crate::arbitrary::config;
use hyperv_replica::engine::{
    Disturbance, HostTrouble, Input, Policy, Refusals, Reply, VmTrouble, World,
};
use hyperv_replica::layer::{self, Asked, Read, Verdict};
use hyperv_replica::model::time::{days, hours, minutes};
use hyperv_replica::model::{
    ErrorCode, HostId, Leg, Operation, RelationshipId, ReplicationState, VmId,
};
use hyperv_replica::oracle::Watcher;
use hyperv_replica::script::{self, Line};
use hyperv_replica::sim::Lab;
use hyperv_replica::testkit::beginning::{Beginning, WEB};
use hyperv_replica::testkit::counterexample::{Broken, Counterexample, replay};
use hyperv_replica::testkit::schedule::{Dials, Schedule};
use hyperv_replica::testkit::strategies::{self, labs, labs_of_any_policy, steps, walks};
use hyperv_replica::testkit::walk::{Step, Walk};
use hyperv_replica::{Outcome, ReplicationServiceExt};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, RngSeed, TestRng, TestRunner};
use std::collections::BTreeSet;
use std::time::Duration;

/// So many values of a strategy, always the same.
fn some<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    (0..count).map(|_| strategy.new_tree(&mut runner).expect("a value").current()).collect()
}

/// What fails of a property, shrunk.
fn found(property: impl Fn(&World) -> Result<(), Broken>) -> Counterexample {
    let found = strategies::check(&config(2000), walks(0.8, 1..40), property);
    *found.expect_err("a planted bug is found")
}

/// The statements of a script, without its head of comments.
fn statements(found: &Counterexample) -> usize {
    found.script.lines.iter().filter(|line| line.statement.is_some()).count()
}

/// A tool that believes that a virtual machine which was failed over is running.
fn believes_that_it_runs(world: &World) -> Result<(), Broken> {
    for (host, name) in world.hosts().map(|(host, it)| (host, it.name)) {
        let Some(seen) = world.relationship(host, RelationshipId::primary(WEB)) else { continue };
        let runs = world.vm(host, WEB).is_some_and(|it| it.power.power() == running());
        if seen.state == ReplicationState::Committed && !runs {
            return Err(format!("expect {name} web Committed running").parse::<Line>()?.into());
        }
    }
    Ok(())
}

fn running() -> hyperv_replica::model::Power {
    hyperv_replica::model::Power::Running
}

/// A planted bug of a tool is found, shrunk, and told as a script that fails by itself: parsed and
/// run it fails in the same way, wherever it is run. The shortest way to a committed replica is
/// two hosts, a virtual machine, a relationship, its initial copy, a failover and its commit,
/// with five waits for jobs between them.
#[test]
fn a_planted_bug_becomes_a_script_that_fails_by_itself() {
    let found = found(believes_that_it_runs);
    let text = found.to_string();
    let script = script::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    assert_eq!(script, found.script);
    let report = script::run(&script);
    let faults: Vec<_> = report.faults().map(|(step, fault)| (step.line, fault)).collect();
    let [(line, fault)] = faults[..] else { panic!("{faults:?}\n{text}") };
    assert_eq!(usize::try_from(line), Ok(script.lines.len()), "its last line fails");
    assert!(fault.to_string().contains("found `Committed off`"), "{fault}\n{text}");
    let again = replay(&script, &believes_that_it_runs);
    assert!(again.is_some_and(|it| it.contains("expect")), "{text}");
    assert!(statements(&found) <= 13, "{text}");
}

/// A client that panics is told in the same way.
#[test]
fn a_panic_becomes_a_script() {
    let property = |world: &World| {
        assert!(world.hosts().all(|(host, _)| world.is_up(host)), "the tool cannot cope");
        Ok(())
    };
    let found = found(property);
    let text = found.to_string();
    let again = replay(&script::parse(&text).unwrap(), &property);
    assert_eq!(again.as_deref(), Some("a panic: the tool cannot cope"), "{text}");
    assert!(text.contains("\n# Found with PROPTEST_RNG_SEED="), "{text}");
    // A host, what stops it, and that it fails there.
    assert_eq!(statements(&found), 3, "{text}");
    assert!(text.ends_with("\nfail \"a panic: the tool cannot cope\"\n"), "{text}");
}

/// A client that acts runs in a fork.
#[test]
fn a_client_that_acts_is_found_out() {
    // It pauses whatever replicates, and never thinks that this may be refused.
    let property = |world: &World| {
        let lab = Lab::over(world.clone(), 0);
        for (host, vm) in replicating(world) {
            let paused = lab.host_by_id(host).suspend_replication(RelationshipId::primary(vm));
            if !matches!(paused, Ok(Outcome::Started(_))) {
                return Err(format!("pausing was answered with {paused:?}").into());
            }
        }
        Ok(())
    };
    // Shrinking ends where no single change makes it shorter; of two seeds one ends at the shortest.
    let of_seed = |seed| {
        let config = Config { rng_seed: RngSeed::Fixed(seed), ..config(2000) };
        *strategies::check(&config, walks(0.8, 1..40), property).expect_err("it is found")
    };
    let found = [0, 1].map(of_seed);
    for it in &found {
        let text = it.to_string();
        let again = replay(&script::parse(&text).unwrap(), &property).unwrap_or_default();
        assert!(again.starts_with("the property does not hold: pausing was answered"), "{again}");
    }
    let shortest = found.iter().min_by_key(|it| statements(it)).unwrap();
    assert!(statements(shortest) <= 10, "{shortest}");
    // Without the property, the script says itself what is wrong at its end.
    let report = script::run(&shortest.script);
    let faults: Vec<_> = report.faults().map(|(step, fault)| (step.line, fault)).collect();
    let [(line, fault)] = faults[..] else { panic!("{faults:?}\n{shortest}") };
    assert_eq!(usize::try_from(line), Ok(shortest.script.lines.len()), "its last line fails");
    assert!(fault.to_string().starts_with("pausing was answered"), "{fault}");
}

fn replicating(world: &World) -> Vec<(HostId, VmId)> {
    let sends = |host, vm| {
        let id = RelationshipId { vm, leg: Leg::Primary };
        let seen = world.relationship(host, id).map(|it| it.state);
        world.sends_to(host, id).is_some() && seen == Some(ReplicationState::Replicating)
    };
    let of = |host| world.vms(host).map(move |vm| (host, vm.id));
    world.hosts().flat_map(|(host, _)| of(host)).filter(|it| sends(it.0, it.1)).collect()
}

/// What somebody's own property test prints of a failing case is a script, or lines of one.
#[test]
fn what_fails_is_printed_as_a_script() {
    let beginning = Beginning::replicating();
    let printed = format!("{beginning:?}");
    assert!(printed.contains("\nhost tokyo ") && printed.contains("\nadvance 2h"), "{printed}");
    let mut runner = script::Runner::new(World::new(0));
    assert!(runner.run(&script::parse(&printed).unwrap()).passed(), "{printed}");
    assert_eq!(*runner.world(), beginning.world());

    for walk in some(&walks(0.8, 1..12), 20) {
        let printed = format!("{walk:?}");
        assert_eq!(script::parse(&printed).unwrap().to_string().trim(), printed.trim());
        assert!(script::run(&script::parse(&printed).unwrap()).passed(), "{printed}");
    }
    for plan in some(&strategies::plans(1..4), 20) {
        assert_eq!(format!("{plan:?}").parse(), Ok(plan));
    }
    let crash = Input::Disturb(Disturbance::CrashHost(HostId(1)));
    let schedule = Schedule { entries: vec![(minutes(90), crash)] };
    assert_eq!(format!("{schedule:?}"), "\n@1h30m    crash @1");
}

/// A property that holds is held.
#[test]
fn what_holds_is_not_found() {
    let held = strategies::check(&config(30), walks(0.5, 1..20), |_| Ok(()));
    assert!(held.is_ok(), "{}", held.unwrap_err());
}

/// Every operation is called, and accepted where that is possible at all; every kind of disturbance
/// takes place.
#[test]
fn walks_call_and_disturb_everything() {
    let (mut called, mut accepted) = (BTreeSet::new(), BTreeSet::new());
    let mut disturbed = BTreeSet::new();
    for (lab, steps) in some(&(labs(), prop::collection::vec(steps(0.6), 60)), 2000) {
        let mut world = lab.world();
        for step in steps {
            let Some(input) = step.resolve(&world) else { continue };
            let reply = world.apply(&input, &mut Vec::new());
            match &input {
                Input::Call { call, .. } => {
                    called.insert(call.operation());
                    if !reply.is_refusal() {
                        accepted.insert(call.operation());
                    }
                }
                Input::Disturb(what) if reply == Reply::Happened => {
                    disturbed.insert(kind(what));
                }
                _ => {}
            }
        }
    }
    let all: BTreeSet<_> = Operation::ALL.iter().copied().collect();
    assert_eq!(&all - &called, BTreeSet::new(), "never called");
    // A state outside the value map is always refused, and what is not implemented returns 1. The
    // last two need a long way, which the courses of `transitions.rs` take.
    let excused = |it: &Operation| {
        let rare = [
            Operation::RequestUndocumentedState,
            Operation::RequestUndocumentedPower,
            Operation::ChangeReplicationModeToPrimary,
            Operation::ResumeDiskUpdate,
        ];
        !it.is_implemented() || rare.contains(it)
    };
    let excused = all.iter().copied().filter(excused).collect();
    assert_eq!(&(&all - &accepted) - &excused, BTreeSet::new(), "never accepted");
    // Which trouble a walk ends is left to schedules, which end what they began.
    let some_end = |it: &String| it.starts_with("Relieve").then(|| "Relieve".to_owned());
    let disturbed: BTreeSet<_> =
        disturbed.iter().map(|it| some_end(it).unwrap_or_else(|| it.clone())).collect();
    assert_eq!(disturbed.len(), KINDS - TROUBLES + 1, "{disturbed:?}");
}

/// How many troubles there are of hosts and of virtual machines.
const TROUBLES: usize = HostTrouble::ALL.len() + VmTrouble::ALL.len();

/// How many kinds of disturbances there are: each trouble begins and ends.
const KINDS: usize = 14 + 2 * TROUBLES;

/// The name of the variant, and of the trouble.
fn kind(what: &Disturbance) -> String {
    let text = format!("{what:?}");
    let trouble = match what {
        Disturbance::TroubleHost(_, it) | Disturbance::RelieveHost(_, it) => it.name(),
        Disturbance::TroubleVm(_, _, it) | Disturbance::RelieveVm(_, _, it) => it.name(),
        _ => "",
    };
    format!("{} {trouble}", text.split('(').next().unwrap_or_default())
}

/// Of calls with the dial at one the rule book accepts almost all, with the dial at zero few.
#[test]
fn the_dial_turns() {
    let share = |dial: f64| {
        let world = Beginning::chained().world();
        let calls = some(&strategies::calls(&world, dial), 400);
        let accepted = calls.iter().filter(|input| match input {
            Input::Call { host, caller, call } => world.accepts(*host, *caller, call),
            _ => panic!("{input:?} is no call"),
        });
        accepted.count()
    };
    let [none, half, all] = [0.0, 0.5, 1.0].map(share);
    assert_eq!(all, 400);
    assert!(none < half && half < all, "{none}, {half}, {all}");
    assert!(none < 200, "{none} of 400 calls are accepted without asking for it");
}

proptest! {
    #![proptest_config(config(100))]

    /// What the rule book is said to accept is accepted, and nothing else.
    #[test]
    fn a_call_is_accepted_as_foretold(lab in labs(), walked in prop::collection::vec(steps(0.7), 1..40)) {
        let mut world = lab.world();
        for step in walked {
            let Some(input) = step.resolve(&world) else { continue };
            let foretold = match &input {
                Input::Call { host, caller, call } => Some(world.accepts(*host, *caller, call)),
                _ => None,
            };
            let reply = world.apply(&input, &mut Vec::new());
            // What Windows does not implement is no refusal of the rule book.
            if let Some(foretold) = foretold.filter(|_| reply != Reply::NotImplemented) {
                prop_assert_eq!(foretold, !reply.is_refusal(), "{:?}: {:?}", input, reply);
            }
        }
    }

    /// A walk is what its script says: printed, read and run again it comes to the same world.
    #[test]
    fn a_walk_is_its_script(walk in walks(0.7, 1..30)) {
        let script = script::parse(&walk.script().to_string()).unwrap();
        let mut runner = script::Runner::new(World::new(0));
        for (number, line) in (1..).zip(&script.lines) {
            let fault = runner.step(number, line).and_then(|it| it.fault);
            prop_assert_eq!(fault, None, "{}", line);
        }
        let Beginning { seed, policy, .. } = walk.beginning.clone();
        let mut world = World::with_policy(seed, policy);
        for input in walk.inputs() {
            world.apply(&input, &mut Vec::new());
        }
        prop_assert_eq!(runner.world(), &world);
    }

    /// Any bytes are a walk.
    #[test]
    fn any_bytes_are_steps(bytes: Vec<[u8; Step::BYTES]>) {
        let steps: Vec<_> = bytes.into_iter().map(Step::from_bytes).collect();
        let walk = Walk { beginning: Beginning::chained(), steps };
        walk.inputs();
    }
}

/// The same seed draws the same bytes, on every machine; another draws others.
#[test]
fn a_schedule_is_a_function_of_its_seed() {
    let beginning = Beginning::chained();
    let world = beginning.world();
    let text = |seed| {
        let drawn = Schedule::draw(seed, &world, hours(6), &Dials::default());
        drawn.script(&beginning).to_string()
    };
    assert_eq!(text(1), text(1));
    assert_ne!(text(1), text(2));
    // Nothing is drawn in a world in which there is nothing, or without a dial.
    let none = Dials {
        links: 0,
        hosts: 0,
        shortages: 0,
        vms: 0,
        damage: 0,
        machines: 0,
        administrators: 0,
        moves: 0,
        ..Dials::default()
    };
    assert_eq!(Schedule::draw(1, &world, hours(6), &none), Schedule::default());
    let nowhere = Schedule::draw(1, &World::new(0), hours(6), &Dials::default());
    assert_eq!(nowhere, Schedule::default());
}

/// Every kind of trouble is drawn and takes place, and what has an opposite is repaired.
#[test]
fn schedules_disturb_everything() {
    let beginning = Beginning::chained();
    let dials = Dials { every: minutes(10), ..Dials::default() };
    let (mut disturbed, mut configured, mut called) = (BTreeSet::new(), 0, 0);
    for seed in 0..40 {
        let mut world = beginning.world();
        let drawn = Schedule::draw(seed, &world, hours(12), &dials);
        let times: Vec<_> = drawn.entries.iter().map(|(at, _)| *at).collect();
        assert!(times.is_sorted());
        for input in drawn.inputs() {
            let happened = !world.apply(&input, &mut Vec::new()).is_refusal();
            match &input {
                Input::Disturb(what) if happened => _ = disturbed.insert(kind(what)),
                Input::Configure { .. } if happened => configured += 1,
                Input::Call { .. } if happened => called += 1,
                _ => {}
            }
        }
        for (host, _) in world.hosts() {
            assert!(world.is_up(host), "seed {seed}: {host:?} was not booted again");
        }
    }
    assert_eq!(disturbed.len(), KINDS, "{disturbed:?}");
    assert!(configured > 0 && called > 0);
}

/// A dial changes only what it is about.
#[test]
fn a_dial_is_about_one_kind() {
    use Disturbance as D;
    let world = Beginning::chained().world();
    let none = Dials {
        links: 0,
        hosts: 0,
        shortages: 0,
        vms: 0,
        damage: 0,
        machines: 0,
        administrators: 0,
        moves: 0,
        every: minutes(10),
        ..Dials::default()
    };
    let only = |dials: Dials, fits: fn(&Disturbance) -> bool| {
        let drawn = Schedule::draw(3, &world, days(2), &dials).entries;
        assert!(drawn.len() > 100, "{dials:?}");
        for (_, input) in drawn {
            let Input::Disturb(what) = &input else { panic!("{input:?} of {dials:?}") };
            assert!(fits(what), "{input:?} of {dials:?}");
        }
    };
    only(Dials { links: 4, ..none.clone() }, |it| {
        let cut = matches!(it, D::CutLink(..) | D::CutOneWay(..));
        cut || matches!(it, D::WeakenLink(..) | D::HealLink(..))
    });
    only(Dials { hosts: 4, ..none.clone() }, |it| {
        matches!(it, D::CrashHost(_) | D::ShutDownHost(_) | D::BootHost(_))
    });
    only(Dials { shortages: 4, ..none.clone() }, |it| {
        matches!(it, D::TroubleHost(..) | D::RelieveHost(..))
    });
    only(Dials { vms: 4, ..none.clone() }, |it| matches!(it, D::TroubleVm(..) | D::RelieveVm(..)));
    only(Dials { moves: 4, ..none.clone() }, |it| matches!(it, D::MigrateVm(..)));
}

proptest! {
    #![proptest_config(config(60))]

    /// What was drawn is data: printed, read and run it comes to the same world, and nothing is
    /// drawn again.
    #[test]
    fn a_schedule_is_its_script(seed: u64) {
        let beginning = Beginning::chained();
        let mut world = beginning.world();
        let drawn = Schedule::draw(seed, &world, hours(5), &Dials::default());
        let script = script::parse(&drawn.script(&beginning).to_string()).unwrap();
        drawn.run(&mut world, &mut Vec::new());
        let mut runner = script::Runner::new(World::new(0));
        for (number, line) in (1..).zip(&script.lines) {
            prop_assert_eq!(runner.step(number, line).and_then(|it| it.fault), None, "{}", line);
        }
        prop_assert_eq!(runner.world(), &world);
    }

    /// Schedules that proptest draws keep every invariant, whatever they are drawn for.
    #[test]
    fn schedules_keep_every_invariant(
        (lab, schedule) in prop_oneof![labs(), labs_of_any_policy()].prop_flat_map(|lab| {
            let schedules = strategies::schedules(&lab.world(), hours(6), 1..20);
            (Just(lab), schedules)
        }),
    ) {
        let mut world = lab.world();
        let mut watcher = Watcher::new(&world);
        for input in schedule.inputs() {
            let judged = watcher.apply(&mut world, &input, &mut Vec::new());
            prop_assert!(judged.is_ok(), "{}", judged.unwrap_err());
        }
    }
}

/// Policies are as wide as the model: every duration is the usual one, none, short and long, every
/// rate almost nothing and all there is, and hosts of different builds answer differently.
#[test]
fn policies_vary_everything() {
    let all = some(&strategies::policies(), 400);
    let usual = Policy::default();
    let durations: [fn(&Policy) -> Duration; 11] = [
        |it| it.link_latency,
        |it| it.apply,
        |it| it.local,
        |it| it.contact,
        |it| it.checkpoint,
        |it| it.undo,
        |it| it.merge,
        |it| it.boot,
        |it| it.guest_shutdown,
        |it| it.guest_talks,
        |it| it.job_retention,
    ];
    for (number, of) in durations.iter().enumerate() {
        let any = |fits: &dyn Fn(Duration) -> bool| {
            assert!(all.iter().any(|it| fits(of(it))), "duration {number}");
        };
        any(&|it| it == of(&usual));
        any(&|it| it.is_zero());
        any(&|it| !it.is_zero() && it < minutes(2) && it != of(&usual));
        any(&|it| it > hours(24));
    }
    for of in [|it: &Policy| it.link_rate, |it: &Policy| it.compare_rate] {
        for wanted in [of(&usual), 1, u64::MAX] {
            assert!(all.iter().any(|it| of(it) == wanted), "{wanted}");
        }
        assert!(all.iter().all(|it| of(it) > 0), "a link that carries nothing is cut");
    }
    let differently = |it: &Policy| {
        let of_all = |operation| it.answers.get(operation);
        let mut own = it.answers_of_build.values().flatten();
        own.any(|(operation, answer)| of_all(operation).is_some_and(|it| it != answer))
    };
    assert!(all.iter().any(|it| it.answers_of_build.len() > 1));
    assert!(all.iter().any(differently));
    for refusals in [Refusals::Early, Refusals::Late] {
        assert!(all.iter().any(|it| it.refusals == refusals));
    }
    assert!(all.iter().any(|it| it.survives_shutdown.is_some() && !it.auto_resynchronize));
}

/// Plans are about calls and about reads, of whatever kind, and end or do not.
#[test]
fn plans_vary_everything() {
    let all: Vec<_> =
        some(&strategies::plans(1..4), 600).into_iter().flat_map(|it| it.faults).collect();
    let any = |fits: &dyn Fn(&layer::Fault) -> bool, what: &str| {
        assert!(all.iter().any(fits), "{what}");
    };
    for read in Read::ALL {
        any(&|it| it.asked == Asked::Read(*read), read.name());
    }
    for asked in [Asked::Anything, Asked::AnyCall, Asked::AnyRead] {
        any(&|it| it.asked == asked, "a wide one");
    }
    any(&|it| it.asked == Asked::Read(Read::Job) && it.verdict == Verdict::Missing, "a job");
    for code in ErrorCode::ALL {
        any(&|it| it.verdict == Verdict::Refuse(*code), code.name());
    }
    for verdict in [Verdict::Pass, Verdict::LoseAnswer, Verdict::Unreachable, Verdict::Missing] {
        any(&|it| it.verdict == verdict, "a verdict");
    }
    any(&|it| matches!(it.verdict, Verdict::Delay(_)), "late");
    any(&|it| it.times.is_none(), "for ever");
    any(&|it| it.times == Some(3) && it.after == 3, "after some");
    any(&|it| it.from.is_none() && it.until.is_none(), "at any time");
    let window = |it: &layer::Fault| it.from.zip(it.until);
    any(&|it| window(it).is_some_and(|(from, until)| from < until), "within hours");
    any(&|it| it.host.is_some() && it.vm.is_some(), "of one host and virtual machine");
}

/// Who replicates in a lab, from where to where, and how often.
fn pairs(world: &World) -> BTreeSet<(VmId, HostId, HostId, u16)> {
    let vms = world.hosts().flat_map(|(host, _)| world.vms(host).map(move |vm| (host, vm.id)));
    vms.filter_map(|(host, vm)| {
        let id = RelationshipId::primary(vm);
        let to = world.sends_to(host, id)?;
        Some((vm, host, to, world.settings(host, id)?.replication_interval_s))
    })
    .collect()
}

/// Labs replicate several virtual machines, from each host to each, in both directions at once, and
/// in different intervals.
#[test]
fn labs_replicate_everything_everywhere() {
    let all: Vec<_> = some(&labs(), 400).iter().map(|it| pairs(&it.world())).collect();
    let every: BTreeSet<_> = all.iter().flatten().collect();
    let vms: BTreeSet<_> = every.iter().map(|it| it.0).collect();
    let ways: BTreeSet<_> = every.iter().map(|it| (it.1, it.2)).collect();
    let intervals: BTreeSet<_> = every.iter().map(|it| it.3).collect();
    assert_eq!(vms.len(), 4);
    assert_eq!(ways.len(), 6, "{ways:?}");
    assert_eq!(intervals.into_iter().collect::<Vec<_>>(), [30, 300, 900]);
    let crosswise = |it: &BTreeSet<(VmId, HostId, HostId, u16)>| {
        it.iter().any(|a| it.iter().any(|b| (a.1, a.2) == (b.2, b.1)))
    };
    assert!(all.iter().any(crosswise));
    let mixed = |it: &BTreeSet<(VmId, HostId, HostId, u16)>| {
        it.iter().map(|it| it.3).collect::<BTreeSet<_>>().len() > 1
    };
    assert!(all.iter().any(mixed));
    assert!(all.iter().any(|it| it.len() == 4));
}

/// What proptest draws for a schedule is what a seed draws: every disturbance, changes to machines,
/// and calls of others.
#[test]
fn drawn_schedules_disturb_everything() {
    let world = Beginning::chained().world();
    let (mut disturbed, mut changed, mut called) =
        (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for schedule in some(&strategies::schedules(&world, hours(6), 1..20), 400) {
        for (_, input) in schedule.entries {
            match input {
                Input::Disturb(what) => _ = disturbed.insert(kind(&what)),
                Input::Configure { change, .. } => {
                    let text = format!("{change:?}");
                    changed.extend(text.split('(').next().map(str::to_owned));
                }
                Input::Call { call, .. } => _ = called.insert(call.operation()),
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!(disturbed.len(), KINDS, "{disturbed:?}");
    assert_eq!(changed.len(), 10, "{changed:?}"); // as `HostChange` has variants
    let asked = [
        Operation::SuspendReplication,
        Operation::ResumeReplication,
        Operation::Resynchronize,
        Operation::StartVm,
        Operation::TurnOffVm,
        Operation::SaveVm,
        Operation::PauseVm,
        Operation::ShutDownVm,
    ];
    let missing: Vec<_> = called.iter().filter(|it| !asked.contains(it)).collect();
    assert!(missing.is_empty() && called.len() == 6, "{called:?}");
}
