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

#[allow(clippy::cast_precision_loss)] // The counts are small, the figures rough.
fn marks() {
    let steps = steps();
    let explorer = search(6, 1);
    let (took, ()) = fastest(500, || floor(&explorer, &steps));
    let floor = took.as_secs_f64() * 1e9 / steps.len() as f64;
    let (one, report): (_, Report) = fastest(3, || explorer.run());
    let (two, _) = fastest(3, || search(6, 2).run());
    let (both, _) = fastest(3, || {
        std::thread::scope(|scope| {
            scope.spawn(|| search(6, 1).run());
            search(6, 1).run()
        })
    });
    let changed = (report.steps - report.refused) as f64;
    let each = one.as_secs_f64() * 1e9 / changed;
    let rate = report.steps as f64 / one.as_secs_f64() / 1e6;
    println!("\nfloor: clone, apply and digest of a step that changes something: {floor:.0} ns");
    println!("{:.2} million inputs tried a second, {} states", rate, report.states);
    let kept = |mark: bool| if mark { "kept" } else { "MISSED" };
    let ratio = each / floor;
    println!(
        "a step that changes something, with the refused ones around it {each:.0} ns, {ratio:.2} x, \
         mark 2 x or a million a second: {}",
        kept(ratio <= 2.0 || rate >= 1.0)
    );
    let speedup = one.as_secs_f64() / two.as_secs_f64();
    // What the machine has to give to a second thread: two searches that share nothing.
    let ceiling = 2.0 * one.as_secs_f64() / both.as_secs_f64();
    println!(
        "two threads are {speedup:.2} x as fast (two searches that share nothing: {ceiling:.2} x), \
         mark 1.7 x: {}",
        kept(speedup >= 1.7)
    );
}
