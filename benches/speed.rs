//! How fast the simulator is, each figure beside a floor measured in the same run.
//!
//! The floors are what any store of 1000 virtual machines behind a lock would cost: finding one in
//! a `BTreeMap<u128, Arc<[u8; 256]>>`, and finding one and writing a byte of it copy-on-write.
//! Both go through the keys in a random order, as everything measured here does. After a complete
//! run the marks are measured once more, interleaved, and printed as ratios; so are those of an
//! estate of 100 000 virtual machines, in a process of its own, whose memory is nobody else's.

use criterion::measurement::{Measurement, WallTime};
use criterion::{BatchSize, Criterion, Throughput};
use hyperv_replica::engine::{HostSpec, Reply, World};
use hyperv_replica::model::Call;
use hyperv_replica::prelude::*;
use hyperv_replica::sim::{HostHandle, Lab};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How many virtual machines there are, unless a figure says otherwise.
const VMS: u16 = 1000;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    if let [what, pairs, points] = &args[..]
        && what == ESTATE
    {
        return estate(pairs.parse().expect("a number"), points.parse().expect("a number"));
    }
    let mut criterion = Criterion::default()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    floors(&mut criterion);
    reads_and_refusals(&mut criterion);
    accepted(&mut criterion);
    cycles(&mut criterion);
    forks(&mut criterion);
    criterion.final_summary();
    if args.iter().all(|it| it == "--bench") {
        marks();
        building();
        estates();
    }
}

/// A lab of two hosts with its virtual machines in a random order.
struct Estate {
    lab: Lab,
    tokyo: HostHandle,
    vms: Vec<VmId>,
    next: usize,
}

impl Estate {
    /// So many virtual machines, each replicating from tokyo to osaka with this interval and 24
    /// recovery points. A guest writes 1 KiB a second. Cycles are spread over the interval.
    fn replicating(vms: usize, interval_s: u16) -> Self {
        let lab = Lab::new(["tokyo", "osaka"]);
        let tokyo = lab.host("tokyo");
        let one = |n| {
            let vm = lab.vm(&format!("vm{n}")).running().disk(1 << 40, 1 << 20).writing(1 << 10);
            let vm = vm.create();
            let settings = Settings {
                replication_interval_s: interval_s,
                recovery_history: 24,
                ..Settings::to("osaka")
            };
            begin(&tokyo.create_replication_relationship(vm, settings));
            vm
        };
        let mut vms: Vec<VmId> = (0..vms).map(one).collect();
        lab.advance(minutes(10));
        for vm in &vms {
            begin(&tokyo.start_replication(*vm, InitialReplication::Network));
            lab.advance(Duration::from_millis(u64::from(interval_s)));
        }
        lab.advance(hours(1));
        shuffle(&mut vms);
        let estate = Self { lab, tokyo, vms, next: 0 };
        estate.all_in(ReplicationState::Replicating);
        estate
    }

    /// The same with every relationship paused: nothing is due by itself.
    fn paused(vms: usize) -> Self {
        let estate = Self::replicating(vms, 300);
        for vm in &estate.vms {
            begin(&estate.tokyo.suspend_replication(RelationshipId::primary(*vm)));
        }
        estate.lab.advance(minutes(10));
        estate.all_in(ReplicationState::Suspended);
        let windows_end = SimTime::ZERO + hours(9);
        assert_eq!(estate.lab.read(World::next_due), Some(windows_end));
        estate
    }

    fn all_in(&self, state: ReplicationState) {
        for vm in &self.vms {
            let read = self.tokyo.relationship(RelationshipId::primary(*vm));
            assert_eq!(read.expect("it exists").state, state);
        }
    }

    /// The next virtual machine, and its number in this order.
    fn next(&mut self) -> (usize, VmId) {
        self.next = if self.next + 1 < self.vms.len() { self.next + 1 } else { 0 };
        (self.next, self.vms[self.next])
    }
}

/// A call that starts a job.
fn begin(called: &Result<Outcome>) {
    assert!(matches!(called, Ok(Outcome::Started(_))), "{called:?}");
}

/// Pauses (7) or resumes (3) the replication of a virtual machine.
fn request(host: &HostHandle, vm: VmId, requested: u16) -> Result<Outcome> {
    let relationship = Some(RelationshipId::primary(vm));
    host.call(&Call::RequestReplicationStateChange { vm, relationship, requested })
}

/// What any store behind a lock costs.
struct Floor {
    keys: Vec<u128>,
    store: Mutex<BTreeMap<u128, Arc<[u8; 256]>>>,
}

impl Floor {
    fn new() -> Self {
        let mut keys: Vec<u128> = (0..VMS).map(|_| draw()).collect();
        let store = keys.iter().map(|key| (*key, Arc::new([0; 256]))).collect();
        shuffle(&mut keys);
        Self { keys, store: Mutex::new(store) }
    }

    fn look(&self, i: usize) -> Option<u8> {
        let store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        store.get(&self.keys[i]).map(|entry| entry[7])
    }

    fn edit(&self, i: usize) -> Option<()> {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = Arc::make_mut(store.get_mut(&self.keys[i])?);
        entry[7] = entry[7].wrapping_add(1);
        Some(())
    }
}

fn floors(criterion: &mut Criterion) {
    let floor = Floor::new();
    let mut order = (0..usize::from(VMS)).cycle();
    let mut group = criterion.benchmark_group("floor");
    group.bench_function("lookup", |b| b.iter(|| floor.look(order.next()?)));
    group.bench_function("edit", |b| b.iter(|| floor.edit(order.next()?)));
    group.finish();
}

/// Nothing changes, so the same lab serves every iteration.
fn reads_and_refusals(criterion: &mut Criterion) {
    let mut estate = Estate::replicating(VMS.into(), 300);
    let tokyo = estate.tokyo.clone();
    let mut group = criterion.benchmark_group("read");
    group.bench_function("relationship", |b| {
        b.iter(|| tokyo.relationship(RelationshipId::primary(estate.next().1)));
    });
    group.finish();
    let osaka = estate.lab.host("osaka");
    let commit = |vm| osaka.call(&Call::CommitFailover { vm });
    assert!(matches!(commit(estate.vms[0]), Err(Error::Refused(_))));
    let mut group = criterion.benchmark_group("call");
    group.bench_function("refused", |b| b.iter(|| commit(estate.next().1).is_err()));
    group.finish();
}

/// Calls that start a job.
fn accepted(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call");
    group.throughput(Throughput::Elements(1));

    // Every virtual machine is paused in turn, then resumed in turn. A call must find its virtual
    // machine unlocked and a world must not grow, so after each round of 1000 calls ten minutes
    // pass, off the clock: the jobs end and are removed.
    let mut estate = Estate::replicating(VMS.into(), 300);
    let mut paused = vec![false; VMS.into()];
    group.bench_function("accepted", |b| {
        b.iter_custom(|calls| {
            let (mut left, mut took) = (calls, Duration::ZERO);
            while left > 0 {
                let round = left.min(u64::from(VMS));
                let clock = WallTime.start();
                for _ in 0..round {
                    let (i, vm) = estate.next();
                    let requested = if paused[i] { 3 } else { 7 };
                    paused[i] = !paused[i];
                    begin(&black_box(request(&estate.tokyo, vm, requested)));
                }
                took += WallTime.end(clock);
                left -= round;
                estate.lab.advance(minutes(10));
            }
            took
        });
    });

    // The guest is paused and started, its replication being paused all the while, so that only
    // the job is due: two seconds run it to its end, and remove one of five minutes ago.
    let mut estate = Estate::paused(VMS.into());
    let mut running = vec![true; VMS.into()];
    group.bench_function("accepted and its job run", |b| {
        b.iter(|| {
            let (i, vm) = estate.next();
            let requested = if running[i] { 9 } else { 2 };
            running[i] = !running[i];
            let call = Call::RequestStateChange { vm, requested };
            begin(&estate.tokyo.call(&call));
            estate.lab.advance(seconds(2));
        });
    });
    group.finish();
}

/// Time passes.
fn cycles(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("cycle");
    let estate = Estate::replicating(VMS.into(), 300);
    group.throughput(Throughput::Elements(u64::from(VMS)));
    group.bench_function("1000 in 300 s", |b| {
        b.iter(|| estate.lab.advance(minutes(5)));
    });
    drop(estate);

    let estate = Estate::replicating(100, 30);
    group.throughput(Throughput::Elements(100 * 24 * 120));
    group.sample_size(10);
    group.bench_function("100 in a day of 30 s", |b| {
        b.iter_batched(|| estate.lab.fork(), |lab| lab.advance(days(1)), BatchSize::PerIteration);
    });
    group.finish();
}

/// A fork and its end.
fn forks(criterion: &mut Criterion) {
    let estate = Estate::replicating(8, 300);
    criterion.benchmark_group("fork").bench_function("8", |b| b.iter(|| estate.lab.fork()));
}

/// The marks, in turn in every round: a machine whose speed varies slows all alike. The fastest counts.
fn marks() {
    let floor = Floor::new();
    let estate = Estate::replicating(VMS.into(), 300);
    let osaka = estate.lab.host("osaka");
    let mut best = [Duration::MAX; 5];
    for round in 0..100 {
        let requested = if round % 2 == 0 { 7 } else { 3 };
        fastest(&mut best[0], 2, |i| floor.look(i));
        fastest(&mut best[1], 2, |i| floor.edit(i));
        fastest(&mut best[2], 2, |i| {
            estate.tokyo.relationship(RelationshipId::primary(estate.vms[i]))
        });
        fastest(&mut best[3], 2, |i| {
            osaka.call(&Call::CommitFailover { vm: estate.vms[i] }).is_err()
        });
        fastest(&mut best[4], 1, |i| begin(&request(&estate.tokyo, estate.vms[i], requested)));
        estate.lab.advance(minutes(10));
    }
    let [look, edit, read, refused, accepted] =
        best.map(|it| it.as_secs_f64() * 1e9 / f64::from(VMS));
    println!("\nper operation: lookup floor {look:.0} ns, edit floor {edit:.0} ns");
    for (what, took, floor, mark) in [
        ("a typed read", read, look, 3.0),
        ("a refused call", refused, look, 4.0),
        ("an accepted call", accepted, edit, 12.0),
        ("an accepted call, of a microsecond", accepted, 1000.0, 1.0),
    ] {
        let ratio = took / floor;
        let kept = kept(ratio <= mark);
        println!("{what:36} {took:5.0} ns, {ratio:5.2} x, mark {mark:2} x: {kept}");
    }
}

fn kept(mark: bool) -> &'static str {
    if mark { "kept" } else { "MISSED" }
}

/// Two hosts with 1000 virtual machines that could replicate.
fn building() {
    let mut best = Duration::MAX;
    for _ in 0..40 {
        let clock = WallTime.start();
        let lab = Lab::new(["tokyo", "osaka"]);
        for n in 0..VMS {
            lab.vm(&format!("vm{n}")).running().create();
        }
        best = WallTime.end(clock).min(best);
    }
    let ms = best.as_secs_f64() * 1e3;
    println!("{:36} {ms:5.2} ms, mark 10 ms: {}", "a lab of 1000", kept(ms <= 10.0));
}

/// The argument that makes of this program the process of one estate.
const ESTATE: &str = "estate";

/// Makes glibc ask for huge pages, where Linux gives them to whoever asks. Pages of 4 KiB have to be
/// looked up for nearly all that a cycle of a big estate touches.
const HUGE_PAGES: (&str, &str) = ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1");

/// Estates in processes of their own: the big one, as it is and with huge pages, one of a hundredth,
/// and what points cost.
fn estates() {
    let run_with = |pairs: &str,
                    points: &str,
                    variable: Option<(&str, &str)>|
     -> Option<Vec<f64>> {
        let mut program = std::process::Command::new(std::env::current_exe().ok()?);
        let run = program.args([ESTATE, pairs, points]).envs(variable).output().ok()?;
        String::from_utf8(run.stdout).ok()?.split_whitespace().map(|it| it.parse().ok()).collect()
    };
    let run = |pairs: &str, points: &str| run_with(pairs, points, None);
    let (Some(small), Some(big)) = (run("1", "0"), run("100", "0")) else {
        return println!("no estates: they need Linux's /proc");
    };
    let (rate, bytes) = (1e3 / big[0], big[1]);
    println!("an estate of 100 000, a day of 300 s: {:.1} s of processor time", big[0] * 28.8e-3);
    println!("{:36} {rate:5.2} million a second, mark 1: {}", "its cycles", kept(rate >= 1.0));
    if let Some(huge) = run_with("100", "0", Some(HUGE_PAGES)) {
        println!("{:36} {:5.2} million a second", "the same with huge pages", 1e3 / huge[0]);
    }
    println!(
        "{:36} {bytes:5.0} bytes resident, mark 2048: {}",
        "a side of a virtual machine",
        kept(bytes <= 2048.0)
    );
    for (what, small, big) in [
        ("a typed read", small[2], big[2]),
        ("a refused call", small[3], big[3]),
        ("an accepted call", small[4], big[4]),
    ] {
        let ratio = big / small;
        println!("{what:36} {small:5.0} ns in 1000, {big:5.0} ns in 100 000: {ratio:5.2} x");
    }
    if let (Some(without), Some(with)) = (run("10", "0"), run("10", "24")) {
        let points = 2.0 * (with[1] - without[1]);
        println!("{:36} {points:5.0} bytes resident", "24 recovery points");
    }
}

/// Pairs of hosts with 1000 virtual machines each, on which a day passes. Prints nanoseconds of
/// processor time for each cycle, bytes of resident memory for each virtual machine and side, and
/// nanoseconds for a read, a refused and an accepted call.
///
/// Hyper-V runs at most 1024 virtual machines on a host. Each relationship begins at a moment of
/// its own, so that jobs end as others begin and cycles are spread over the interval. The day
/// passes in steps of a minute.
fn estate(pairs: u32, points: u16) {
    let before = resident_bytes();
    let lab = Lab::with_seed(0);
    let ends = |n: u32| [format!("primary{n}"), format!("replica{n}")];
    for name in (0..pairs).flat_map(ends) {
        assert_eq!(lab.add_host(&HostSpec::trusting(&name)), Reply::Happened);
    }
    let hosts: Vec<_> = (0..pairs).map(|n| ends(n).map(|name| lab.host(&name))).collect();
    let number = pairs * u32::from(VMS);
    let at = |n: u32| &hosts[(n % pairs) as usize];
    let create = |n| {
        let [primary, replica] = ends(n % pairs);
        let vm = lab.vm(&format!("vm{n}")).on(&primary).running();
        let vm = vm.disk(1 << 30, 1 << 20).writing(1 << 10).create();
        let settings = Settings { recovery_history: points, ..Settings::to(&replica) };
        begin(&at(n)[0].create_replication_relationship(vm, settings));
        lab.advance(hours(1) / number);
        vm
    };
    let vms: Vec<VmId> = (0..number).map(create).collect();
    lab.advance(minutes(10));
    for (n, vm) in (0..).zip(&vms) {
        begin(&at(n)[0].start_replication(*vm, InitialReplication::Network));
        lab.advance((hours(1) + minutes(5)) / number);
    }
    let pass = |hours: u32| (0..hours * 60).for_each(|_| lab.advance(minutes(1)));
    pass(1);
    let clock = processor_ns();
    pass(24);
    let cycle = (processor_ns() - clock) / (f64::from(number) * 288.0);
    let bytes = (resident_bytes() - before) / f64::from(number) / 2.0;

    let mut sample: Vec<(u32, VmId)> = (0..).zip(vms).collect();
    shuffle(&mut sample);
    let mut best = [Duration::MAX; 3];
    for round in 0..10 {
        let requested = if round % 2 == 0 { 7 } else { 3 };
        fastest(&mut best[0], 3, |i| {
            let (n, vm) = sample[i];
            at(n)[0].relationship(RelationshipId::primary(vm))
        });
        fastest(&mut best[1], 3, |i| {
            let (n, vm) = sample[i];
            at(n)[1].call(&Call::CommitFailover { vm }).is_err()
        });
        fastest(&mut best[2], 1, |i| {
            let (n, vm) = sample[i];
            begin(&request(&at(n)[0], vm, requested));
        });
        lab.advance(minutes(10));
    }
    let [read, refused, accepted] = best.map(|it| it.as_secs_f64() * 1e9 / f64::from(VMS));
    println!("{cycle} {bytes} {read} {refused} {accepted}");
}

/// What this process holds of the machine's memory.
fn resident_bytes() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kib = status.lines().find_map(|it| it.strip_prefix("VmRSS:")?.trim().strip_suffix("kB"));
    kib.and_then(|it| it.trim().parse::<f64>().ok()).map_or(f64::NAN, |it| it * 1024.0)
}

/// What this thread has had of a processor: on a busy machine, less than the time that passed.
fn processor_ns() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    told.split(' ').next().and_then(|it| it.parse().ok()).unwrap_or(f64::NAN)
}

/// Goes so many times through all; what can be repeated goes twice, for the caches.
fn fastest<R>(best: &mut Duration, times: u32, mut each: impl FnMut(usize) -> R) {
    for _ in 0..times {
        let clock = WallTime.start();
        for i in 0..VMS.into() {
            black_box(each(i));
        }
        *best = WallTime.end(clock).min(*best);
    }
}

/// A number that is the same in every run and looks like none.
fn draw() -> u128 {
    static DRAWS: Mutex<Option<Xoshiro256PlusPlus>> = Mutex::new(None);
    let mut draws = DRAWS.lock().unwrap_or_else(PoisonError::into_inner);
    let draws = draws.get_or_insert_with(|| Xoshiro256PlusPlus::seed_from_u64(0));
    u128::from(draws.next_u64()) << 64 | u128::from(draws.next_u64())
}

fn shuffle<T>(items: &mut [T]) {
    for i in (1..items.len()).rev() {
        let other = usize::try_from(draw() % (i as u128 + 1)).unwrap_or(0);
        items.swap(i, other);
    }
}
