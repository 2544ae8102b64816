//! What Windows leaves open or nobody knows, and what a network decides: answers, durations, rates.

use crate::model::{JOB_RETENTION, JobState, Operation, Settings, SimTime, WindowsBuild};
use crate::rules::{Pace, Plan};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// What differs from host to host and from network to network, and what no source settles. Each
/// default is the answer that is most plausible.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Policy {
    /// What a link between two hosts carries, in bytes a second; never 0.
    pub link_rate: u64,
    /// What one message takes to the other host.
    pub link_latency: Duration,
    /// How fast both copies of a disk are compared, in bytes a second; never 0.
    pub compare_rate: u64,
    /// How long a received log takes to be applied.
    pub apply: Duration,
    /// [`Pace::Local`] and [`Pace::Attach`].
    pub local: Duration,
    /// [`Pace::Contact`].
    pub contact: Duration,
    /// [`Pace::Checkpoint`].
    pub checkpoint: Duration,
    /// [`Pace::Undo`], to a recovery point; going to the latest state takes none.
    pub undo: Duration,
    /// [`Pace::Merge`].
    pub merge: Duration,
    /// [`Pace::Boot`].
    pub boot: Duration,
    /// [`Pace::GuestShutdown`].
    pub guest_shutdown: Duration,
    /// How long after its start a guest's integration components talk to the host.
    pub guest_talks: Duration,
    /// How calls are answered that are not answered as the rule book says: at once (0) or with a
    /// job (4096). Clients have to handle both. An operation that has no type of job answers at
    /// once whatever this says.
    pub answers: BTreeMap<Operation, Answer>,
    /// How hosts with one Windows answer otherwise than others: what stands here goes before
    /// [`answers`](Self::answers). No source tells of such a difference; a client that has to
    /// handle both answers can be tried on two hosts at once.
    pub answers_of_build: BTreeMap<WindowsBuild, BTreeMap<Operation, Answer>>,
    /// When a call fails that an accepted one could not be told from by its form alone.
    pub refusals: Refusals,
    /// How long a finished job can be read.
    ///
    /// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>.
    pub job_retention: Duration,
    /// How long a job is new (2) before it starts. No source tells how long a client can see this
    /// state or the next two, which it has to take for running; here it sees none of them unless it
    /// is made to. What waits for its schedule is running.
    ///
    /// Source: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>.
    pub job_new: Duration,
    /// How long it is then starting (3), before its work begins.
    pub job_starting: Duration,
    /// How long a job that is asked to terminate shuts down (6) before it has (8): meanwhile what it
    /// works on is in use.
    pub job_shutting_down: Duration,
    /// The operations whose jobs end with 32768, “completed with warnings”, instead of 7: clients
    /// take both for success.
    pub completed_with_warnings: BTreeSet<Operation>,
    /// `AutoResynchronizeEnabled` of settings that nobody has written yet: the class page says
    /// false, the schema of real hosts true.
    pub auto_resynchronize: bool,
    /// The first Windows whose primaries go on replicating after an orderly shutdown of their host;
    /// `None` if each has to be resumed, as was seen up to Windows Server 2019. An update of
    /// Windows Server 2016 is said to have changed it:
    /// <https://learn.microsoft.com/troubleshoot/windows-server/virtualization/hyper-v-replication-suspended-system-shutdown>.
    pub survives_shutdown: Option<WindowsBuild>,
}

/// How an accepted call is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Answer {
    /// With 0 when it is done, which takes no time. What fails on the way is the return value.
    Now,
    /// With 4096 and a job.
    Job,
}

/// When a call is refused for its parameters or for the state of what it is about.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub enum Refusals {
    /// By its return value.
    #[default]
    Early,
    /// By its job, which ends with the same code, as other services of the same provider do. Who
    /// may not call and what is not supported is refused at once in any case.
    Late,
}

/// What a job moves or compares, and over what.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Load {
    pub(crate) bytes: u64,
    /// What the link carries, in bytes a second, if that is less than usual.
    pub(crate) slow: Option<u64>,
}

impl Default for Policy {
    /// A gigabit link and ordinary disks: 125 MB/s, 20 ms; jobs take seconds.
    fn default() -> Self {
        Self {
            link_rate: 125_000_000,
            link_latency: Duration::from_millis(20),
            compare_rate: 400_000_000,
            apply: Duration::from_millis(500),
            local: Duration::from_secs(1),
            contact: Duration::from_secs(2),
            checkpoint: Duration::from_secs(2),
            undo: Duration::from_secs(10),
            merge: Duration::from_secs(5),
            boot: Duration::from_secs(5),
            guest_shutdown: Duration::from_secs(20),
            guest_talks: Duration::from_secs(10),
            answers: BTreeMap::new(),
            answers_of_build: BTreeMap::new(),
            refusals: Refusals::Early,
            job_retention: JOB_RETENTION,
            job_new: Duration::ZERO,
            job_starting: Duration::ZERO,
            job_shutting_down: Duration::ZERO,
            completed_with_warnings: BTreeSet::new(),
            auto_resynchronize: true,
            survives_shutdown: None,
        }
    }
}

impl Policy {
    /// The settings of a relationship that nobody has written yet.
    pub(crate) fn settings(&self) -> Settings {
        Settings { auto_resynchronize: self.auto_resynchronize, ..Settings::default() }
    }

    /// Whether an accepted call is done before it returns, on a host of this Windows.
    pub(crate) fn answers_now(
        &self,
        build: WindowsBuild,
        operation: Operation,
        plan: &Plan,
    ) -> bool {
        let of_build = self.answers_of_build.get(&build);
        let own = of_build.and_then(|it| it.get(&operation));
        let answer = own.or_else(|| self.answers.get(&operation));
        answer.map_or(plan.at_once, |answer| *answer == Answer::Now)
    }

    /// What a job is next before it is at work, and for how long: after this state, or at first.
    pub(crate) fn stage_after(&self, past: Option<JobState>) -> Option<(JobState, Duration)> {
        let stages = [(JobState::New, self.job_new), (JobState::Starting, self.job_starting)];
        stages.into_iter().find(|(state, length)| Some(*state) > past && !length.is_zero())
    }

    /// How long `bytes` take over a link, which is perhaps slower than others.
    pub(crate) fn transfer(&self, bytes: u64, slow: Option<u64>) -> Duration {
        let rate = slow.map_or(self.link_rate, |slow| slow.min(self.link_rate));
        self.link_latency + at_rate(bytes, rate)
    }

    /// How long a phase takes, which perhaps moves or compares something or goes back to a point.
    pub(crate) fn phase(
        &self,
        pace: Pace,
        load: impl FnOnce() -> Load,
        to_a_point: bool,
    ) -> Duration {
        match pace {
            Pace::Local | Pace::Attach => self.local,
            Pace::Contact => self.contact,
            Pace::Checkpoint => self.checkpoint,
            Pace::Flush | Pace::Copy => {
                let load = load();
                self.transfer(load.bytes, load.slow)
            }
            Pace::Compare => at_rate(load().bytes, self.compare_rate),
            Pace::Undo if to_a_point => self.undo,
            Pace::Undo => Duration::ZERO,
            Pace::Merge => self.merge,
            Pace::Boot => self.boot,
            Pace::GuestShutdown => self.guest_shutdown,
        }
    }
}

fn at_rate(bytes: u64, rate: u64) -> Duration {
    Duration::from_nanos(ratio(bytes, 1_000_000_000, rate.max(1)))
}

/// What a guest has written by now, if it has written since `since` at this rate.
pub(crate) fn written(rate: u64, since: SimTime, now: SimTime) -> u64 {
    ratio(rate, now.ticks().saturating_sub(since.ticks()), 10_000_000)
}

/// `a` × `b` / `c`, rounded down; at most `u64::MAX`. Almost always 64 bits are enough for it, and
/// a division of 128 bits is slow.
pub(crate) fn ratio(a: u64, b: u64, c: u64) -> u64 {
    match a.checked_mul(b) {
        Some(product) => product / c,
        None => u64::try_from(u128::from(a) * u128::from(b) / u128::from(c)).unwrap_or(u64::MAX),
    }
}
