//! A sweep of faults through an orchestration: each fault at each of its calls, one at a time.
//!
//! An orchestration is a function against `&dyn ReplicationService`. A first run without a fault
//! learns where it turns to a host. Then it is run once for each such moment and each fault that
//! could happen there, always on a copy of the same prepared lab: each documented return code, a
//! call that never arrives, an answer that is lost or late, a job that fails, is terminated or cannot
//! be found any more, and incidents of the world: a cut link, a crash, a trouble, a colleague. An
//! incident may also come behind the last call.
//!
//! After each run three are asked: the oracle of the caller, who knows what the orchestration
//! promises; the [invariants](crate::oracle::ALWAYS) of Hyper-V Replica, for each step, also while
//! everything heals; and whether every relationship can [come to rest](super::liveness) again. The
//! [`Report`] is a matrix, and each red cell has the script that shows it: its last line fails.
//!
//! ```
//! use hyperv_replica::{prelude::*, sim::Lab, testkit::sweep::Sweep};
//!
//! /// Pauses replication. What if the answer is lost?
//! fn pause(host: &dyn ReplicationService, vm: VmId) -> Result<()> {
//!     host.wait(host.suspend_replication(RelationshipId::primary(vm))?)
//! }
//!
//! let lab = Lab::traced(["tokyo", "osaka"]); // So that what is found is a script by itself.
//! let tokyo = lab.host("tokyo");
//! let web = lab.vm("web").on("tokyo").running().create();
//! tokyo.wait(tokyo.create_replication_relationship(web, Settings::to("osaka"))?)?;
//! tokyo.wait(tokyo.start_replication(web, InitialReplication::Network)?)?;
//! lab.advance(hours(1));
//!
//! let report = Sweep::of(&lab).run(
//!     |site| pause(&site.host("tokyo"), web),
//!     |lab, result| {
//!         let state = lab.host("tokyo").relationship(RelationshipId::primary(web));
//!         match (result, state.map(|it| it.state)) {
//!             (Err(_), Ok(ReplicationState::Suspended)) => Err("it failed and is paused".into()),
//!             _ => Ok(()),
//!         }
//!     },
//! );
//! assert!(!report.is_green());
//! let lost = report.reds().find(|red| red.fault.to_string() == "its answer is lost");
//! assert!(lost.is_some_and(|red| red.row.starts_with("tokyo RequestReplicationStateChangeEx")));
//! # Ok::<(), hyperv_replica::Error>(())
//! ```
//!
//! The report is the same bytes for any number of threads. What the orchestration does between its
//! calls has to depend on their answers alone.

mod course;
mod fate;
mod fault;
mod report;
mod run;

pub use course::Site;
pub use fault::{Fault, Incident};
pub use report::{Cell, Red, Report};
pub use run::Complaint;

use crate::engine::World;
use crate::layer::Verdict;
use crate::model::time::{days, hours, minutes};
use crate::script::{self, Line, Runner, Script};
use crate::sim::Lab;
use crate::testkit::counterexample::Broken;
use course::{Injection, What};
use report::Row;
use run::Run;
use std::fmt;
use std::num::NonZeroUsize;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What a script says first that cannot begin with nothing.
const ELSEWHERE: &str = " Begins in the lab that was swept, which had no trace from its beginning.";

/// What is told of a sweep at work: how many runs are done, and of how many.
type Progress = Box<dyn Fn(usize, usize) + Send + Sync>;

/// A sweep in the making: a prepared lab, and what may go wrong in it.
#[must_use = "a sweep does nothing until it is run"]
pub struct Sweep {
    lab: Lab,
    preparation: Script,
    /// Knows what the preparation calls things.
    runner: Runner,
    /// What is injected, in the order of the report's columns; to begin with [all](Fault::all).
    pub faults: Vec<Fault>,
    /// How long an incident lasts; to begin with three minutes.
    pub outage: Duration,
    /// How long after everything is healed the world is looked at once more; to begin with 26 hours,
    /// as the two ends of a relationship have a day to agree.
    pub settle: Duration,
    /// Whether every relationship has to be such that it comes to rest again, be it by what an
    /// administrator is documented to do; to begin with it has to.
    pub recovers: bool,
    /// How many times a run may turn to a host; to begin with 10 000. One that does so more often
    /// does not end.
    pub calls: usize,
    /// How long a run may take of the lab's time; to begin with a day.
    pub time: Duration,
    /// How many runs are at work at the same time; to begin with as many as the machine has cores.
    pub threads: NonZeroUsize,
    progress: Option<Progress>,
}

impl fmt::Debug for Sweep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sweep")
            .field("lab", &self.lab)
            .field("faults", &self.faults)
            .finish_non_exhaustive()
    }
}

impl Sweep {
    /// Of a lab as it is now, which stays as it is. If it has been [traced](Lab::traced) since it was
    /// empty, what is found is a script by itself; otherwise the script begins in that lab, and says
    /// so.
    pub fn of(lab: &Lab) -> Self {
        let (world, inputs) = (lab.world(), lab.trace().into_iter().map(|it| it.input));
        let empty = World::with_policy(world.seed(), world.policy().clone());
        let (mut runner, inputs) = (Runner::new(empty.clone()), inputs.collect::<Vec<_>>());
        let mut preparation = script::record(empty, &inputs);
        runner.run(&preparation);
        if *runner.world() != world {
            preparation = Script { lines: vec![Line::comment(ELSEWHERE)] };
            runner = Runner::new(world);
        }
        Self::prepared(lab, preparation, runner)
    }

    fn prepared(lab: &Lab, preparation: Script, runner: Runner) -> Self {
        let one = NonZeroUsize::MIN;
        Self {
            lab: lab.fork(),
            preparation,
            runner,
            faults: Fault::all(&lab.world()),
            outage: minutes(3),
            settle: hours(26),
            recovers: true,
            calls: 10_000,
            time: days(1),
            threads: std::thread::available_parallelism().unwrap_or(one),
            progress: None,
        }
    }

    /// Of a lab that a script prepares. What is found is then a script by itself.
    ///
    /// # Errors
    /// What did not go as the script says.
    pub fn prepared_by(script: &Script) -> Result<Self, Box<script::Report>> {
        let mut runner = Runner::new(World::new(0));
        let report = runner.run(script);
        if !report.passed() {
            return Err(Box::new(report));
        }
        let lab = Lab::over(runner.world().clone(), 0);
        Ok(Self::prepared(&lab, script.clone(), runner))
    }

    /// The lab that every run begins with a copy of.
    pub fn lab(&self) -> &Lab {
        &self.lab
    }

    /// Is told after each run how many are done, and of how many; in turn, by whichever thread.
    pub fn progress(self, tell: impl Fn(usize, usize) + Send + Sync + 'static) -> Self {
        Self { progress: Some(Box::new(tell)), ..self }
    }

    /// Runs the orchestration without a fault, and then once for each fault at each moment.
    ///
    /// The oracle is asked when a run has ended, before anything is healed: what it returns as an
    /// error is what the report says, and a [line](crate::script::Line) such as `expect osaka web
    /// running` is the last one of the script. A run that panics is red, whatever the oracle thinks.
    pub fn run<R>(
        &self,
        orchestrate: impl Fn(&Site) -> R + Sync,
        oracle: impl Fn(&Lab, &R) -> Result<(), Broken> + Sync,
    ) -> Report {
        self.run_after(&[], &orchestrate, &oracle)
    }

    /// As [`run`](Self::run), with two faults in each run: for each fault that is survived by
    /// itself, all that can go wrong after it. Only the reports that are not green are returned.
    ///
    /// These are very many runs, unless there are few [faults](Self::faults).
    pub fn run_pairs<R>(
        &self,
        orchestrate: impl Fn(&Site) -> R + Sync,
        oracle: impl Fn(&Lab, &R) -> Result<(), Broken> + Sync,
    ) -> Vec<Report> {
        let singles = self.run_after(&[], &orchestrate, &oracle);
        let reports = singles
            .survived()
            .map(|(name, first)| self.run_after(&[first], &orchestrate, &oracle).after(name));
        reports.filter(|report| !report.is_green()).collect()
    }

    /// Injects a fault behind others that are in every run.
    fn run_after<R>(
        &self,
        others: &[Injection],
        orchestrate: &(impl Fn(&Site) -> R + Sync),
        oracle: &(impl Fn(&Lab, &R) -> Result<(), Broken> + Sync),
    ) -> Report {
        let Run { state, wrong } = self.once(others.to_vec(), true, orchestrate, oracle);
        let mut rows = Row::learn(&self.lab.world(), &state.contacts);
        rows.retain(|row| others.iter().all(|it| it.at < row.number));
        if wrong.is_some() {
            return Report::of_baseline(rows, wrong);
        }
        let cells = self.each(&self.plan(&rows), |place| {
            let Some(injection) = place else { return Cell::Impossible };
            let injections = [others, std::slice::from_ref(injection)].concat();
            Cell::of(self.once(injections, false, orchestrate, oracle))
        });
        Report::of(rows, self.faults.clone(), cells)
    }

    /// Does something with each of a list, several at the same time; the results are in the order
    /// of the list.
    fn each<T: Sync, U: Send>(&self, list: &[T], with: impl Fn(&T) -> U + Sync) -> Vec<U> {
        let (next, done) = (AtomicUsize::new(0), Mutex::new(0));
        let work = || {
            let mut results = Vec::new();
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let Some(it) = list.get(number) else { return results };
                results.push((number, with(it)));
                if let Some(tell) = &self.progress {
                    // Whoever is told hears of each in turn.
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    *done += 1;
                    tell(*done, list.len());
                }
            }
        };
        let mut results = std::thread::scope(|scope| {
            let others = 1..self.threads.get().min(list.len());
            let others: Vec<_> = others.map(|_| scope.spawn(work)).collect();
            let mut results = work();
            for other in others {
                results.extend(other.join().unwrap_or_else(|cause| resume_unwind(cause)));
            }
            results
        });
        results.sort_by_key(|(number, _)| *number);
        results.into_iter().map(|(_, result)| result).collect()
    }

    /// What to inject, row by row; nothing where a fault cannot happen.
    fn plan(&self, rows: &[Row]) -> Vec<Option<Injection>> {
        let mut plan = Vec::with_capacity(rows.len() * self.faults.len());
        for row in rows {
            let can_happen = |fault: &Fault| match &row.contact.what {
                What::Call(call) => {
                    let refused = matches!(fault, Fault::Edge(Verdict::Refuse(_)));
                    (row.contact.began_a_job || !fault.concerns_a_job())
                        && (call.operation().is_implemented() || !refused)
                }
                What::Read(..) => fault.concerns_reads(),
                What::Sleep | What::End => matches!(fault, Fault::Incident(_)),
            };
            let can_happen = |fault: &Fault| match (fault, &row.contact.world) {
                (Fault::Incident(it), Some(world)) => it.can_happen(world),
                _ => can_happen(fault),
            };
            plan.extend(self.faults.iter().map(|fault| {
                let fault = can_happen(fault).then(|| fault.clone());
                fault.map(|fault| Injection { at: row.number, fault })
            }));
        }
        plan
    }
}
