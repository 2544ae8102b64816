//! What a user of Hyper-V Replica may rely on, always.

mod data;
mod jobs;
mod roles;
mod states;

use super::{Copy, End, Goal, Memory, Step};
use crate::evidence::Evidence;
use crate::model::{HostId, VmId};
use crate::rules::page;
use Evidence::{Assumed, Documented, Observed};
use std::fmt;

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
    pub check: fn(&Step<'_>, &Memory) -> Result<Verdict, Box<Finding>>,
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
    mut judge: impl FnMut(&Seen<'a>) -> Result<Verdict, Box<Finding>>,
) -> Result<Verdict, Box<Finding>> {
    let mut seen = step.after.copies.iter().enumerate();
    seen.try_fold(Verdict::Vacuous, |verdict, (place, ((host, _), copy))| {
        Ok(verdict.or(judge(&Seen { step, host, copy, place })?))
    })
}

/// Judges each end of a relationship on each host.
fn ends<'a>(
    step: &'a Step<'a>,
    judge: impl Fn(&Seen<'a>, &End) -> Result<Verdict, Box<Finding>>,
) -> Result<Verdict, Box<Finding>> {
    copies(step, |seen| {
        let mut ends = seen.copy.ends.values();
        ends.try_fold(Verdict::Vacuous, |verdict, end| Ok(verdict.or(judge(seen, end)?)))
    })
}

/// What an invariant says of a step that keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing in the step is what it is about: it holds whatever it says.
    Vacuous = 0,
    /// Something is, and it holds.
    Holds = 1,
}

impl Verdict {
    /// Of an invariant that is kept, by whether it had something to judge.
    const fn of(judged: bool) -> Self {
        if judged { Self::Holds } else { Self::Vacuous }
    }

    /// Of two things.
    const fn or(self, other: Self) -> Self {
        if matches!(self, Self::Holds) { self } else { other }
    }
}

/// The invariants that had something to judge.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct Judged(u32);

impl Judged {
    /// Whether this one had.
    pub const fn contains(self, it: Invariant) -> bool {
        self.0 & it.bit() != 0
    }

    /// Those that had, in the order of the table.
    pub fn iter(self) -> impl Iterator<Item = Invariant> {
        Invariant::ALL.iter().copied().filter(move |it| self.contains(*it))
    }

    /// Those among goals that were reached, by their bits: invariants have a word of their own.
    #[allow(clippy::cast_possible_truncation)] // There are no more of them.
    pub(super) const fn of_goals(known: [u64; Goal::BITS / 64]) -> Self {
        Self(known[Goal::JUDGED / 64] as u32)
    }

    /// Those that had and are not among these.
    pub(super) const fn but(self, known: Self) -> Self {
        Self(self.0 & !known.0)
    }

    /// Without a branch: in every step there are many of them.
    #[inline]
    fn note(&mut self, it: Invariant, verdict: Verdict) {
        self.0 |= (verdict as u32) << it as u32;
    }

    /// Whether none had.
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Debug for Judged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter()).finish()
    }
}

/// What is wrong after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The virtual machine it is about, if it is about one.
    pub about: Option<VmId>,
    /// What was seen, as a sentence without a full stop.
    pub says: String,
}

/// What is wrong, which hardly ever anything is: not where it would stand in the way.
#[cold]
fn broken(about: Option<VmId>, says: fmt::Arguments<'_>) -> Result<Verdict, Box<Finding>> {
    Err(Box::new(Finding { about, says: says.to_string() }))
}

/// Fails with a finding about a virtual machine unless something holds.
macro_rules! holds {
    ($holds:expr, $about:expr, $($says:tt)+) => {
        if !$holds {
            return $crate::oracle::always::broken(Some($about), format_args!($($says)+));
        }
    };
}
use holds;

/// What judges by a scope: a step, each copy of a virtual machine in it, or each end of a
/// relationship.
macro_rules! alone {
    (step $check:path) => {
        $check
    };
    (copy $check:path) => {
        |step, _| copies(step, $check)
    };
    (end $check:path) => {
        |step, _| ends(step, $check)
    };
}

/// What is done in the loop over one scope: what is of that scope.
macro_rules! only {
    (step step $($do:tt)+) => { $($do)+ };
    (copy copy $($do:tt)+) => { $($do)+ };
    (end end $($do:tt)+) => { $($do)+ };
    ($here:ident $scope:ident $($do:tt)+) => {};
}

/// Declares the invariants, in the order in which they are checked: from the one list come their
/// names, the table, and the pass that looks at all of them at once.
macro_rules! invariants {
    ($($says:literal $variant:ident, $name:literal, $scope:ident $check:path: $evidence:expr;)+) => {
        /// Which invariant.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        #[allow(clippy::doc_markdown)] // The sentences are the table's.
        pub enum Invariant {
            $(#[doc = $says] $variant,)+
        }

        impl Invariant {
            /// Every invariant.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its row of the table.
            pub fn row(self) -> &'static Always {
                &ALWAYS[self as usize]
            }

            const fn bit(self) -> u32 {
                1 << self as u32
            }
        }

        /// Every invariant, in the order in which they are checked.
        pub static ALWAYS: &[Always] = &[$(Always {
            name: $name,
            says: $says,
            evidence: $evidence,
            check: alone!($scope $check),
        },)+];

        /// Which invariants have something to judge, if every one holds: in one pass through what
        /// there is, where the table takes one for each. Which of them is the first that does not
        /// hold is the table's to say.
        pub(super) fn all_hold(step: &Step<'_>, memory: &Memory) -> Result<Judged, Box<Finding>> {
            let mut judged = Judged::default();
            $(only!(step $scope judged.note(Invariant::$variant, $check(step, memory)?););)+
            for (place, ((host, _), copy)) in step.after.copies.iter().enumerate() {
                let seen = &Seen { step, host, copy, place };
                $(only!(copy $scope judged.note(Invariant::$variant, $check(seen)?););)+
                for end in copy.ends.values() {
                    $(only!(end $scope judged.note(Invariant::$variant, $check(seen, end)?););)+
                }
            }
            Ok(judged)
        }
    };
}

invariants! {
    "A call that is not accepted changes nothing."
    RefusalChangesNothing, "refusal-changes-nothing", step states::refusal_changes_nothing: Assumed(
            "a client that was refused has nothing to clean up; no page says otherwise",
        );

    "A relationship's state changes only as the table of transitions permits."
    StatesChangeByTheBook, "states-change-by-the-book", step states::changes_are_permitted: Documented(page::RELATIONSHIP);

    "The states 17 and 19 to 21 never appear."
    NoGroupStates, "no-group-states", end states::no_group_states: Assumed(
            "they belong to groups of virtual machines, which no method of a single one reaches",
        );

    "Each end of a relationship shows only states that its role has."
    StateFitsSide, "state-fits-side", end states::state_fits_side: Documented(page::BLOG_HEALTH);

    "Health is never better than the state allows, and not applicable only without a relationship."
    HealthFitsState, "health-fits-state", end states::health_fits_state: Documented(page::BLOG_HEALTH);

    "A replica that is not failed over never runs."
    ReplicaNeverRuns, "replica-never-runs", copy roles::replica_never_runs: Documented(page::BLOG_NETWORK);

    "A primary that is prepared for a planned failover never runs."
    PreparedPrimaryNeverRuns, "prepared-primary-never-runs", copy roles::prepared_primary_never_runs: Documented(page::BLOG_HEALTH);

    "A virtual machine that is written to in two places is known as a split brain."
    TwoWritersAreASplitBrain, "two-writers-are-a-split-brain", copy roles::two_writers_are_a_split_brain: Observed(page::SCRIPTS);

    "A virtual machine sends on one relationship at most."
    OneWayOut, "one-way-out", copy roles::one_way_out: Documented(page::BLOG_EXTEND);

    "A chain has three hosts at most."
    ChainOfThree, "chain-of-three", copy roles::chain_of_three: Documented(page::BLOG_EXTEND);

    "A replica has one test replica at most: another comes only after the first is gone."
    OneTestReplica, "one-test-replica", copy roles::one_test_replica: Documented(page::LEARN_FAILOVER);

    "When nothing has stirred for an hour, where a connected sender replicates, and no log is on its way and no job at work, its receiver is a replica that takes its logs, or will."
    EndsAgree, "ends-agree", step roles::ends_agree: Documented(page::BLOG_HEALTH);

    "A replica never has more recovery points than RecoveryHistory."
    PointsWithinHistory, "points-within-history", end data::points_within_history: Documented(page::SETTINGS);

    "A recovery point is never newer than what its replica has applied."
    PointsAreApplied, "points-are-applied", end data::points_are_applied: Assumed("a recovery point is a state of the replica's disks");

    "A committed replica has no recovery points."
    CommitDeletesPoints, "commit-deletes-points", copy data::commit_deletes_points: Documented(page::COMMIT);

    "A resynchronisation that completes deletes every recovery point."
    ResynchronisationDeletesPoints, "resynchronisation-deletes-points", step data::resynchronization_deletes_points: Documented(page::BLOG_RESYNC);

    "A planned failover to the latest state has every write of a primary, and all that a replica that sends on has received, but for what was changed behind the service's back since it was prepared."
    PlannedFailoverLosesNothing, "planned-failover-loses-nothing", step data::planned_failover_loses_nothing: Documented(page::LEARN_FAILOVER);

    "The time of the last replication never goes back while the role and the relationship stay."
    LastReplicationNeverGoesBack, "last-replication-never-goes-back", end data::last_replication_never_goes_back: Documented(page::RELATIONSHIP);

    "A job that has ended never changes again."
    EndedJobNeverChanges, "ended-job-never-changes", step jobs::ended_job_never_changes: Documented(page::JOB);

    "A job that has ended is there for exactly five minutes, or as long as the policy says, if its host stays up."
    EndedJobStaysFiveMinutes, "ended-job-stays-five-minutes", step jobs::ended_job_stays_five_minutes: Documented(page::JOB);

    "A job's percentage never falls, and is 100 exactly when it has succeeded."
    PercentageNeverFalls, "percentage-never-falls", step jobs::percentage_never_falls: Documented(page::JOB);
}
