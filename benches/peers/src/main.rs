//! What comparable crates do in a second, and ours beside them. See the README.

mod ours;
mod transitions;
mod two_phase_commit;

use std::time::{Duration, Instant};

/// How long one figure takes at least.
const LONG_ENOUGH: Duration = Duration::from_secs(2);

/// Does something until it took long enough, and tells how many it did in a second.
pub fn per_second(mut some: impl FnMut() -> u64) -> f64 {
    some();
    let (begun, mut done) = (Instant::now(), 0);
    while begun.elapsed() < LONG_ENOUGH {
        done += some();
    }
    done as f64 / begun.elapsed().as_secs_f64()
}

fn row(what: &str, per_second: f64) {
    println!("{what:<66} {:>12.0} a second", per_second);
}

fn main() {
    let share = two_phase_commit::unique() as f64 / two_phase_commit::generated() as f64;
    let generated = per_second(two_phase_commit::generated);
    row("stateright: two-phase commit, 7 managers, states generated", generated);
    row("stateright: the same, unique states", generated * share);
    let (states, unique) = ours::states();
    let generated = per_second(|| ours::states().0);
    row("ours: two hosts, states generated", generated);
    row("ours: the same, unique states", generated * unique as f64 / states as f64);
    row("proptest-state-machine: a counter, transitions", per_second(transitions::walks));
    row("ours: two hosts, calls and pauses at random", per_second(ours::walk));
}
