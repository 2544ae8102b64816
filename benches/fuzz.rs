//! How fast a fuzzer goes: bytes become steps of walks, each is resolved in its world, applied, and
//! judged by every invariant. The floor, measured in the same run, is the engine alone on the very
//! same inputs.
//!
//! The mark is 300 000 inputs a second on one core. An input is what the engine is given: a call, a
//! disturbance, or time up to what is due next; a longer stretch of time is many. What a walk costs
//! beside its inputs, a fork of its world and a first picture, is in the figures. Nothing of the model
//! is left out: the walks call every operation, break everything that can break, and reach every
//! [goal](Goal) but those that need a longer way.
//!
//! ```sh
//! cargo bench --bench fuzz            # figures
//! cargo bench --bench fuzz -- --test  # once, as a check
//! ```

use criterion::measurement::{Measurement, WallTime};
use hyperv_replica::engine::{Input, Policy, World};
use hyperv_replica::model::{Operation, ReplicationState};
use hyperv_replica::oracle::{Coverage, Goal, Watcher, stepwise};
use hyperv_replica::prelude::seconds;
use hyperv_replica::rules::Side;
use hyperv_replica::testkit::beginning::Beginning;
use hyperv_replica::testkit::walk::Step;
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::hint::black_box;
use std::sync::OnceLock;

/// What a fuzzer would have drawn.
struct Drawn {
    begin: World,
    bytes: Vec<[u8; Step::BYTES]>,
    /// What came of it, in small steps.
    inputs: Vec<Input>,
}

impl Drawn {
    /// A walk, and what it reaches.
    ///
    /// # Panics
    /// If it breaks an invariant.
    fn new(begin: &World, length: usize, random: &mut Xoshiro256PlusPlus) -> (Self, Coverage) {
        let mut step = || {
            let mut bytes = [0; Step::BYTES];
            random.fill_bytes(&mut bytes);
            bytes
        };
        let bytes: Vec<_> = (0..length).map(|_| step()).collect();
        let (mut world, mut watcher) = (begin.clone(), Watcher::new(begin));
        let (mut inputs, mut events) = (Vec::new(), Vec::new());
        for step in &bytes {
            let Some(input) = Step::from_bytes(*step).resolve(&world) else { continue };
            let small = stepwise(&mut world, &input, |world, piece| {
                inputs.push(piece.clone());
                events.clear();
                watcher.apply(world, piece, &mut events)
            });
            small.unwrap_or_else(|violation| panic!("{violation}"));
        }
        (Self { begin: begin.clone(), bytes, inputs }, watcher.coverage().clone())
    }

    /// The engine alone.
    fn apply(&self) -> World {
        let (mut world, mut events) = (self.begin.clone(), Vec::new());
        for input in &self.inputs {
            events.clear();
            black_box(world.apply(input, &mut events));
        }
        world
    }

    /// The engine, and every invariant after each input.
    fn judge(&self) -> World {
        let (mut world, mut events) = (self.begin.clone(), Vec::new());
        let mut watcher = Watcher::new(&world);
        for input in &self.inputs {
            events.clear();
            assert!(watcher.apply(&mut world, input, &mut events).is_ok(), "it held before");
        }
        world
    }

    /// What a fuzzer does.
    fn fuzz(&self) -> World {
        let (mut world, mut events) = (self.begin.clone(), Vec::new());
        let mut watcher = Watcher::new(&world);
        for step in &self.bytes {
            let Some(input) = Step::from_bytes(*step).resolve(&world) else { continue };
            events.clear();
            assert!(watcher.apply(&mut world, &input, &mut events).is_ok(), "it held before");
        }
        world
    }
}

/// What this thread has had of a processor, where Linux tells: on a busy machine, less than the
/// time that passed.
fn processor_s() -> f64 {
    static BEGUN: OnceLock<<WallTime as Measurement>::Intermediate> = OnceLock::new();
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    match told.split(' ').next().and_then(|it| it.parse::<f64>().ok()) {
        Some(nanoseconds) => nanoseconds / 1e9,
        None => WallTime.end(*BEGUN.get_or_init(|| WallTime.start())).as_secs_f64(),
    }
}

const WALKS: usize = 3000;

/// How many kinds of disturbances there are.
const DISTURBANCES: usize = 18;

/// What is fast because it does little would prove nothing.
fn nothing_is_left_out(drawn: &[Drawn], reached: &Coverage) {
    let inputs = || drawn.iter().flat_map(|it| &it.inputs);
    let mut called = BTreeSet::new();
    let mut happened = BTreeSet::new();
    for input in inputs() {
        match input {
            Input::Call { call, .. } => drop(called.insert(call.operation())),
            Input::Disturb(what) => {
                let text = format!("{what:?}");
                happened.extend(text.split('(').next().map(str::to_owned));
            }
            _ => {}
        }
    }
    assert_eq!(called, Operation::ALL.iter().copied().collect(), "every operation is called");
    assert_eq!(happened.len(), DISTURBANCES, "{happened:?}");
    // States that a replica is rarely in.
    let rare = [ReplicationState::DiskUpdateCritical, ReplicationState::RepurposeInProgress];
    let rare = rare.map(|state| Goal::State(Side::Receiver, state));
    let missing: Vec<_> = reached.missing().into_iter().filter(|it| !rare.contains(it)).collect();
    assert!(missing.is_empty(), "never reached: {missing:?}");
}

fn main() {
    let test = std::env::args().any(|it| it == "--test");
    let rounds = if test { 1 } else { 9 };
    // On some hosts a start completes with warnings, and jobs take their time before and after.
    let policy = Policy {
        completed_with_warnings: [Operation::StartVm].into(),
        job_new: seconds(1),
        job_starting: seconds(1),
        job_shutting_down: seconds(1),
        ..Policy::default()
    };
    let begins = [
        Beginning { policy, ..Beginning::three_hosts() },
        Beginning::replicating(),
        Beginning::chained(),
        Beginning::failed_over(),
        Beginning::on_old_hosts(),
        Beginning::provided(),
    ];
    let begins = begins.map(|it| it.world());
    let mut random = Xoshiro256PlusPlus::seed_from_u64(0);
    let mut reached = Coverage::default();
    let walk = |begin| {
        let (walk, more) = Drawn::new(begin, 64, &mut random);
        reached.merge(&more);
        walk
    };
    let drawn: Vec<_> = begins.iter().cycle().take(WALKS).map(walk).collect();
    nothing_is_left_out(&drawn, &reached);
    let one = &drawn[0];
    assert!(one.apply() == one.judge() && one.judge() == one.fuzz(), "all three do the same");

    let mut best = [f64::INFINITY; 3];
    for _ in 0..rounds {
        for (best, way) in best.iter_mut().zip([Drawn::apply, Drawn::judge, Drawn::fuzz]) {
            let clock = processor_s();
            for walk in &drawn {
                black_box(way(walk));
            }
            *best = best.min(processor_s() - clock);
        }
    }
    let inputs: usize = drawn.iter().map(|it| it.inputs.len()).sum();
    let steps: usize = drawn.iter().map(|it| it.bytes.len()).sum();
    #[expect(clippy::cast_precision_loss)] // A few millions.
    let (inputs, steps) = (inputs as f64, steps as f64);
    let [floor, judged, fuzzed] = best;
    println!("{WALKS} walks, {steps} steps, {inputs} inputs");
    for (what, took) in [
        ("floor: the engine alone", floor),
        ("with every invariant", judged),
        ("from bytes, as a fuzzer goes", fuzzed),
    ] {
        println!(
            "{what:30} {:6.0} ns an input, {:5.2} x the floor, {:8.0} inputs a second",
            took / inputs * 1e9,
            took / floor,
            inputs / took,
        );
    }
    println!("{:30} {:8.0} steps a second", "from bytes", steps / fuzzed);
    let kept = if inputs / fuzzed >= 300_000.0 { "kept" } else { "MISSED" };
    println!("mark: 300 000 inputs a second from bytes: {kept}");
}
