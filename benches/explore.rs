//! How fast worlds are searched, beside a floor measured in the same run: what a step that changes
//! something costs anyhow, a clone of the world, the step, and the digest of what came of it.

use criterion::measurement::{Measurement, WallTime};
use criterion::{Criterion, Throughput};
use hyperv_replica::engine::{Canon, Input, World};
use hyperv_replica::testkit::beginning::Beginning;
use hyperv_replica::testkit::explore::{Explorer, Report};
use std::hint::black_box;
use std::time::Duration;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    floors(&mut criterion);
    searches(&mut criterion);
    criterion.final_summary();
    if args.iter().all(|it| it == "--bench") {
        marks();
    }
}

/// Everything within some steps of the beginning, two hosts and a virtual machine, unobserved.
fn search(depth: u32, threads: usize) -> Explorer {
    let beginning = Beginning::lab(2, 1);
    Explorer { depth: Some(depth), threads, observed: false, ..Explorer::new(beginning) }
}

/// Worlds of the search's kind, each with an input that changes it.
fn steps() -> Vec<(World, Input)> {
    let explorer = search(3, 1);
    let report = explorer.run();
    let found = report.reached().filter_map(|(it, _)| report.found(it));
    let mut steps: Vec<_> = found.map(|it| (it.lab.world(), it.input)).collect();
    steps.retain(|(world, input)| !world.clone().apply(input, &mut Vec::new()).is_refusal());
    assert!(steps.len() > 5);
    steps
}

fn floor(explorer: &Explorer, steps: &[(World, Input)]) {
    let mut canon = Canon::new(explorer.clock());
    let mut events = Vec::new();
    for (world, input) in steps {
        let mut next = world.clone();
        events.clear();
        black_box(next.apply(input, &mut events));
        black_box(canon.digest(&next));
    }
}

fn floors(criterion: &mut Criterion) {
    let (explorer, steps) = (search(3, 1), steps());
    let mut group = criterion.benchmark_group("a step");
    group.throughput(Throughput::Elements(steps.len() as u64));
    group.bench_function("clone, apply, digest", |b| b.iter(|| floor(&explorer, &steps)));
    group.bench_function("clone", |b| {
        b.iter(|| steps.iter().for_each(|(world, _)| drop(black_box(world.clone()))));
    });
    let mut canon = Canon::new(explorer.clock());
    group.bench_function("digest", |b| {
        b.iter(|| steps.iter().map(|(world, _)| black_box(canon.digest(world))).max());
    });
    group.finish();
}

fn searches(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("a search");
    for threads in [1, 2] {
        let explorer = search(4, threads);
        group.throughput(Throughput::Elements(explorer.run().steps));
        group.bench_function(format!("{threads} threads"), |b| b.iter(|| explorer.run()));
    }
    group.finish();
}

/// The fastest of some runs.
fn fastest<R>(runs: usize, mut run: impl FnMut() -> R) -> (Duration, R) {
    let mut once = || {
        let clock = WallTime.start();
        let result = run();
        (WallTime.end(clock), result)
    };
    let mut best = once();
    for _ in 1..runs {
        let next = once();
        if next.0 < best.0 {
            best = next;
        }
    }
    best
}

/// What this process has had of its processors so far, in seconds, where Linux tells: in ticks of
/// which a second has a hundred, with all threads that have ended.
fn processor_s() -> f64 {
    let told = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let behind_name = told.rsplit_once(") ").map_or("", |(_, it)| it);
    let ticks = behind_name.split(' ').skip(11).take(2).filter_map(|it| it.parse::<f64>().ok());
    ticks.sum::<f64>() / 100.0
}

/// The least that something took in some rounds: of time, and of processors.
#[derive(Clone, Copy)]
struct Took {
    clock_s: f64,
    processor_s: f64,
}

/// Several ways of searching, in turns: what else the machine does is the same to all of them.
fn in_turns<const N: usize>(rounds: usize, ways: [&dyn Fn(); N]) -> [Took; N] {
    let mut least = [Took { clock_s: f64::INFINITY, processor_s: f64::INFINITY }; N];
    for _ in 0..rounds {
        for (least, way) in least.iter_mut().zip(ways) {
            let (clock, processor) = (WallTime.start(), processor_s());
            way();
            least.clock_s = least.clock_s.min(WallTime.end(clock).as_secs_f64());
            least.processor_s = least.processor_s.min(processor_s() - processor);
        }
    }
    least
}

#[allow(clippy::cast_precision_loss)] // The counts are small, the figures rough.
fn marks() {
    let steps = steps();
    let explorer = search(6, 1);
    let (took, ()) = fastest(500, || floor(&explorer, &steps));
    let floor = took.as_secs_f64() * 1e9 / steps.len() as f64;
    let report: Report = explorer.run();
    let [one, two, both] = in_turns(
        5,
        [&|| drop(black_box(search(6, 1).run())), &|| drop(black_box(search(6, 2).run())), &|| {
            std::thread::scope(|scope| {
                scope.spawn(|| search(6, 1).run());
                search(6, 1).run()
            });
        }],
    );
    let changed = (report.steps - report.refused) as f64;
    let each = one.clock_s * 1e9 / changed;
    let rate = report.steps as f64 / one.clock_s / 1e6;
    println!("\nfloor: clone, apply and digest of a step that changes something: {floor:.0} ns");
    println!("{:.2} million inputs tried a second, {} states", rate, report.states);
    println!("{} bytes a state", report.bytes / report.states);
    let kept = |mark: bool| if mark { "kept" } else { "MISSED" };
    let ratio = each / floor;
    println!(
        "a step that changes something, with the refused ones around it {each:.0} ns, {ratio:.2} x, \
         mark 2 x or a million a second: {}",
        kept(ratio <= 2.0 || rate >= 1.0)
    );
    let speedup = one.clock_s / two.clock_s;
    // What the machine has to give to a second thread: two searches that share nothing.
    let ceiling = 2.0 * one.clock_s / both.clock_s;
    println!(
        "two threads are {speedup:.2} x as fast (two searches that share nothing: {ceiling:.2} x), \
         mark 1.7 x: {}",
        kept(speedup >= 1.7)
    );
    // A processor does less for each of two threads that share its caches, whatever they do. What
    // they lose to each other beyond that they do twice, or wait.
    let (work, machine) =
        (two.processor_s / one.processor_s, both.processor_s / one.processor_s / 2.0);
    let waited = 1.0 - two.processor_s / (2.0 * two.clock_s);
    println!(
        "    two threads take {work:.2} x the processor time of one (each of two searches that share \
         nothing {machine:.2} x), and do not run {:.0} % of the time (those two {:.0} %)",
        waited * 100.0,
        (1.0 - both.processor_s / (2.0 * both.clock_s)) * 100.0
    );
}
