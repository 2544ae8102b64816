//! What a user of Hyper-V Replica may rely on, always.

mod data;
mod jobs;
mod roles;
mod states;

use super::{Copy, End, Memory, Step};
use crate::evidence::Evidence;
use crate::model::{HostId, VmId};
use crate::rules::page;
use Evidence::{Assumed, Documented, Observed};

/// An invariant: it holds after every step of every world.
///
/// Unlike [`World::check`](crate::engine::World::check), which is about the engine's own books, it
/// speaks only of what can be seen from outside.
#[derive(Clone, Copy, Debug)]
pub struct Always {
    /// What a violation is called.
    pub name: &'static str,
    /// The invariant as a sentence.
    pub says: &'static str,
    /// The page that promises it, or the reason to rely on it.
    pub evidence: Evidence,
    /// Judges one step.
    pub check: fn(&Step<'_>, &Memory) -> Result<(), Finding>,
}

/// A virtual machine on a host, in a step that is judged.
#[derive(Clone, Copy)]
struct Seen<'a> {
    step: &'a Step<'a>,
    host: HostId,
    /// As it is after the step.
    copy: &'a Copy,
    /// Its place among all copies.
    place: usize,
}

impl<'a> Seen<'a> {
    /// The copy as it was before the step, if it was there.
    fn before(&self) -> Option<&'a Copy> {
        self.step.before.copies.near(self.place, &(self.host, self.copy.vm.id))
    }

    /// The name of the host.
    fn on(&self) -> String {
        self.step.after.name(self.host)
    }
}

/// Judges each virtual machine on each host.
fn copies<'a>(
    step: &'a Step<'a>,
    holds: impl Fn(&Seen<'a>) -> Result<(), Finding>,
) -> Result<(), Finding> {
    let seen = |(place, ((host, _), copy))| Seen { step, host, copy, place };
    step.after.copies.iter().enumerate().map(seen).try_for_each(|it| holds(&it))
}

/// Judges each end of a relationship on each host.
fn ends<'a>(
    step: &'a Step<'a>,
    holds: impl Fn(&Seen<'a>, &End) -> Result<(), Finding>,
) -> Result<(), Finding> {
    copies(step, |seen| seen.copy.ends.values().try_for_each(|end| holds(seen, end)))
}

/// Whether every invariant holds: in one pass through what there is, where the table takes one for
/// each. Which of them does not is the table's to say.
pub(super) fn all_hold(step: &Step<'_>, memory: &Memory) -> bool {
    let of_step = || {
        states::refusal_changes_nothing(step, memory)?;
        states::changes_are_permitted(step, memory)?;
        roles::ends_agree(step, memory)?;
        data::resynchronization_deletes_points(step, memory)?;
        data::planned_failover_loses_nothing(step, memory)?;
        jobs::ended_job_never_changes(step, memory)?;
        jobs::ended_job_stays_five_minutes(step, memory)?;
        jobs::percentage_never_falls(step, memory)
    };
    let of_end = |seen: &Seen<'_>, end: &End| {
        states::no_group_states(seen, end)?;
        states::state_fits_side(seen, end)?;
        states::health_fits_state(seen, end)?;
        data::points_within_history(seen, end)?;
        data::points_are_received(seen, end)?;
        data::last_replication_never_goes_back(seen, end)
    };
    let of_copy = |seen: &Seen<'_>| {
        roles::replica_never_runs(seen)?;
        roles::prepared_primary_never_runs(seen)?;
        roles::two_writers_are_a_split_brain(seen)?;
        roles::one_way_out(seen)?;
        roles::chain_of_three(seen)?;
        roles::one_test_replica(seen)?;
        data::commit_deletes_points(seen)?;
        seen.copy.ends.values().try_for_each(|end| of_end(seen, end))
    };
    of_step().is_ok() && copies(step, of_copy).is_ok()
}

/// What is wrong after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The virtual machine it is about, if it is about one.
    pub about: Option<VmId>,
    /// What was seen, as a sentence without a full stop.
    pub says: String,
}

/// Fails with a finding about a virtual machine unless something holds.
macro_rules! holds {
    ($holds:expr, $about:expr, $($says:tt)+) => {
        if !$holds {
            return Err($crate::oracle::Finding { about: Some($about), says: format!($($says)+) });
        }
    };
}
use holds;

/// Every invariant, in the order in which they are checked.
pub static ALWAYS: &[Always] = &[
    Always {
        name: "refusal-changes-nothing",
        says: "A call that is not accepted changes nothing.",
        evidence: Assumed(
            "a client that was refused has nothing to clean up; no page says otherwise",
        ),
        check: states::refusal_changes_nothing,
    },
    Always {
        name: "states-change-by-the-book",
        says: "A relationship's state changes only as the table of transitions permits.",
        evidence: Documented(page::RELATIONSHIP),
        check: states::changes_are_permitted,
    },
    Always {
        name: "no-group-states",
        says: "The states 17 and 19 to 21 never appear.",
        evidence: Assumed(
            "they belong to groups of virtual machines, which no method of a single one reaches",
        ),
        check: |step, _| ends(step, states::no_group_states),
    },
    Always {
        name: "state-fits-side",
        says: "Each end of a relationship shows only states that its role has.",
        evidence: Documented(page::BLOG_HEALTH),
        check: |step, _| ends(step, states::state_fits_side),
    },
    Always {
        name: "health-fits-state",
        says: "Health is never better than the state allows, and not applicable only without a relationship.",
        evidence: Documented(page::BLOG_HEALTH),
        check: |step, _| ends(step, states::health_fits_state),
    },
    Always {
        name: "replica-never-runs",
        says: "A replica that is not failed over never runs.",
        evidence: Documented(page::BLOG_NETWORK),
        check: |step, _| copies(step, roles::replica_never_runs),
    },
    Always {
        name: "prepared-primary-never-runs",
        says: "A primary that is prepared for a planned failover never runs.",
        evidence: Documented(page::BLOG_HEALTH),
        check: |step, _| copies(step, roles::prepared_primary_never_runs),
    },
    Always {
        name: "two-writers-are-a-split-brain",
        says: "A virtual machine that is written to in two places is known as a split brain.",
        evidence: Observed(page::SCRIPTS),
        check: |step, _| copies(step, roles::two_writers_are_a_split_brain),
    },
    Always {
        name: "one-way-out",
        says: "A virtual machine sends on one relationship at most.",
        evidence: Documented(page::BLOG_EXTEND),
        check: |step, _| copies(step, roles::one_way_out),
    },
    Always {
        name: "chain-of-three",
        says: "A chain has three hosts at most.",
        evidence: Documented(page::BLOG_EXTEND),
        check: |step, _| copies(step, roles::chain_of_three),
    },
    Always {
        name: "one-test-replica",
        says: "A replica has one test replica at most: another comes only after the first is gone.",
        evidence: Documented(page::LEARN_FAILOVER),
        check: |step, _| copies(step, roles::one_test_replica),
    },
    Always {
        name: "ends-agree",
        says: "When nothing has stirred for a day, where a connected sender replicates its receiver is a replica that takes its logs, or will.",
        evidence: Documented(page::BLOG_HEALTH),
        check: roles::ends_agree,
    },
    Always {
        name: "points-within-history",
        says: "A replica never has more recovery points than RecoveryHistory.",
        evidence: Documented(page::SETTINGS),
        check: |step, _| ends(step, data::points_within_history),
    },
    Always {
        name: "points-are-received",
        says: "A recovery point is never newer than what its replica has received.",
        evidence: Assumed("a recovery point is made of a received log"),
        check: |step, _| ends(step, data::points_are_received),
    },
    Always {
        name: "commit-deletes-points",
        says: "A committed replica has no recovery points.",
        evidence: Documented(page::COMMIT),
        check: |step, _| copies(step, data::commit_deletes_points),
    },
    Always {
        name: "resynchronisation-deletes-points",
        says: "A resynchronisation that completes deletes every recovery point.",
        evidence: Documented(page::BLOG_RESYNC),
        check: data::resynchronization_deletes_points,
    },
    Always {
        name: "planned-failover-loses-nothing",
        says: "A planned failover to the latest state has every write of a primary, and all that a replica that sends on has received.",
        evidence: Documented(page::LEARN_FAILOVER),
        check: data::planned_failover_loses_nothing,
    },
    Always {
        name: "last-replication-never-goes-back",
        says: "The time of the last replication never goes back while the role and the relationship stay.",
        evidence: Documented(page::RELATIONSHIP),
        check: |step, _| ends(step, data::last_replication_never_goes_back),
    },
    Always {
        name: "ended-job-never-changes",
        says: "A job that has ended never changes again.",
        evidence: Documented(page::JOB),
        check: jobs::ended_job_never_changes,
    },
    Always {
        name: "ended-job-stays-five-minutes",
        says: "A job that has ended is there for exactly five minutes, or as long as the policy says, if its host stays up.",
        evidence: Documented(page::JOB),
        check: jobs::ended_job_stays_five_minutes,
    },
    Always {
        name: "percentage-never-falls",
        says: "A job's percentage never falls, and is 100 exactly when it has succeeded.",
        evidence: Documented(page::JOB),
        check: jobs::percentage_never_falls,
    },
];
