//! What goes wrong: in a world, and at the edge.

use super::{disturbances, operations, picks};
use crate::engine::{Input, World};
use crate::layer::{Asked, Fault, Plan, Read, Verdict, VmRef};
use crate::model::time::hours;
use crate::model::{ErrorCode, SimTime};
use crate::testkit::beginning::HOSTS;
use crate::testkit::schedule::{Schedule, administrator};
use crate::testkit::walk::Step;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::ops::Range;
use std::time::Duration;

/// Schedules of troubles for what is in this world, of so many entries within a horizon:
/// disturbances, changes to machines, and what other administrators ask for. Each entry shrinks
/// away by itself, and towards the beginning.
pub fn schedules(
    world: &World,
    horizon: Duration,
    length: Range<usize>,
) -> impl Strategy<Value = Schedule> + use<> {
    let most_s = horizon.as_secs().max(1);
    let (machines, people) = (world.clone(), world.clone());
    let what = prop_oneof![
        4 => disturbances(world).prop_map(Input::Disturb),
        1 => picks().prop_filter_map("nothing to change", move |pick| {
            Step::Configure(pick).resolve(&machines)
        }),
        1 => (picks(), any::<u16>()).prop_filter_map("nobody to call", move |(pick, what)| {
            administrator(&people, pick, what.into())
        }),
    ];
    let entry = (0..most_s, what).prop_map(|(at_s, what)| (Duration::from_secs(at_s), what));
    vec(entry, length).prop_map(|mut entries| {
        entries.sort_by_key(|(at, _)| *at);
        Schedule { entries }
    })
}

/// Plans of faults at the call edge, of so many: calls and reads that are refused with any
/// documented number, answered late or not at all, or about what is said not to be there; a few
/// times or for ever, at any time or within hours. Shrinks towards no fault, and one that is met at
/// once.
///
/// ```
/// use hyperv_replica::script::{self, Script, Statement};
/// use hyperv_replica::testkit::strategies;
/// use proptest::prelude::*;
///
/// proptest!(|(plan in strategies::plans(1..4))| {
///     let lines = plan.faults.iter().cloned().map(|it| Statement::Fault(it).into()).collect();
///     let script = Script { lines };
///     prop_assert_eq!(script::parse(&script.to_string()), Ok(script));
/// });
/// ```
pub fn plans(length: Range<usize>) -> impl Strategy<Value = Plan> {
    let asked = prop_oneof![
        1 => Just(Asked::AnyCall),
        4 => operations().prop_map(Asked::Call),
        2 => select(Read::ALL).prop_map(Asked::Read),
        1 => Just(Asked::Read(Read::Job)),
        1 => Just(Asked::AnyRead),
        1 => Just(Asked::Anything),
    ];
    let verdict = prop_oneof![
        4 => select(ErrorCode::ALL).prop_map(Verdict::Refuse),
        2 => Just(Verdict::LoseAnswer),
        1 => Just(Verdict::Unreachable),
        1 => (1u64..600).prop_map(|seconds| Verdict::Delay(Duration::from_secs(seconds))),
        2 => Just(Verdict::Missing),
        1 => Just(Verdict::Pass),
    ];
    let host = option::of(select(&HOSTS[..3]));
    let vm = option::of(select(&["web", "db"][..]));
    let times = option::weighted(0.8, 1u32..4);
    let window = option::weighted(0.3, (0u64..24, 1u64..12));
    let window = window.prop_map(|it| {
        let ends = it.map(|(from, long)| (SimTime::ZERO + hours(from), hours(long)));
        ends.map(|(from, long)| (from, from + long)).unzip()
    });
    let fault = (asked, verdict, host, vm, 0u32..4, times, window).prop_map(
        |(asked, verdict, host, vm, after, times, (from, until))| Fault {
            host: host.map(str::to_owned),
            vm: vm.map(VmRef::from),
            times,
            from,
            until,
            ..Fault::new(asked, verdict).after(after)
        },
    );
    vec(fault, length).prop_map(Plan::from_iter)
}
