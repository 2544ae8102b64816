//! A planned failover that survives a bad day.
//!
//! It never trusts an answer further than it has to: it looks at both sides, takes the one step
//! that leads on from there, and looks again. So a lost answer, a job that vanished and a colleague
//! who was faster are no special cases. When it cannot go on, it goes back: whatever happens, the
//! virtual machine serves at the end.
//!
//! The order of steps is that of
//! <https://learn.microsoft.com/powershell/module/hyper-v/start-vmfailover> and of Microsoft's lab,
//! the way back that of <https://learn.microsoft.com/powershell/module/hyper-v/stop-vmfailover>.

use hyperv_replica::model::{JobType, Relationship, ReplicationType, Vm};
use hyperv_replica::prelude::*;
use std::fmt;
use std::time::Duration;

/// How long to leave it alone after something went wrong.
const PAUSE: Duration = seconds(15);
/// How often to look before giving up: with the pauses, some ten minutes of trouble.
const LOOKS: u32 = 50;

/// Moves a virtual machine to its replica's host and turns replication round.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PlannedFailover<'a> {
    /// Where it runs.
    pub(crate) primary: &'a dyn ReplicationService,
    /// Where it shall run.
    pub(crate) replica: &'a dyn ReplicationService,
    /// Which.
    pub(crate) vm: VmId,
}

/// Why the virtual machine does not run where it should.
#[derive(Debug)]
pub(crate) struct Failure {
    /// Why it was called off.
    pub(crate) why: Error,
    /// Why not everything is as before, so that somebody has to look after it.
    pub(crate) left: Option<Box<Error>>,
}

/// What both sides show at one moment.
struct Seen {
    /// What is still at work, and where.
    at_work: Option<(Side, Outcome)>,
    primary: (Vm, Relationship),
    replica: (Vm, Relationship),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Side {
    Primary,
    Replica,
}

/// What to do next.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Step {
    ShutDown,
    Prepare,
    FailOver,
    Reverse,
    Revert(Side),
    Start(Side),
    /// Nothing yet: it may come right by itself.
    Wait,
    Done,
}

impl PlannedFailover<'_> {
    /// Does it, or undoes it.
    ///
    /// # Errors
    /// Why it was called off. Once the roles are swapped it is not called off any more.
    pub(crate) fn run(self) -> Result<(), Failure> {
        let Err(why) = self.drive(Seen::onwards) else { return Ok(()) };
        match self.drive(Seen::back) {
            Ok(seen) if seen.is_reversed() => Ok(()),
            back => Err(Failure { why, left: back.err().map(Box::new) }),
        }
    }

    /// Looks and takes a step, until there is none left to take.
    fn drive(self, next: fn(&Seen) -> Step) -> Result<Seen> {
        let mut last = out_of_patience();
        for _ in 0..LOOKS {
            match self.advance(next) {
                Ok((Step::Done, seen)) => return Ok(seen),
                Ok((Step::Wait, _)) => {
                    last = out_of_patience();
                    self.primary.sleep(PAUSE)?;
                }
                Ok(_) => {}
                Err(error) if !may_pass(&error) => return Err(error),
                Err(error) => {
                    last = error;
                    self.primary.sleep(PAUSE)?;
                }
            }
        }
        Err(last)
    }

    /// One look and one step, with its job.
    fn advance(self, next: fn(&Seen) -> Step) -> Result<(Step, Seen)> {
        let mut seen = self.look()?;
        if let Some((side, job)) = seen.at_work.take() {
            // Of somebody else, or of ours, with the answer lost. Its end is seen in the state.
            let _ended = self.side(side).wait(job);
            seen = self.look()?;
        }
        let (step, vm) = (next(&seen), self.vm);
        let (primary, replica) = (self.primary, self.replica);
        match step {
            Step::ShutDown => primary.wait(primary.shut_down_vm(vm)?)?,
            Step::Prepare => {
                primary.wait(primary.prepare_failover(RelationshipId::primary(vm))?)?;
            }
            Step::FailOver => replica.wait(replica.initiate_failover(vm, None)?)?,
            Step::Reverse => replica.wait(replica.reverse_replication_relationship(vm, None)?)?,
            Step::Revert(side) => self.side(side).wait(self.side(side).revert_failover(vm)?)?,
            Step::Start(side) => self.side(side).wait(self.side(side).start_vm(vm)?)?,
            Step::Wait | Step::Done => {}
        }
        Ok((step, seen))
    }

    fn side(&self, side: Side) -> &dyn ReplicationService {
        match side {
            Side::Primary => self.primary,
            Side::Replica => self.replica,
        }
    }

    fn look(self) -> Result<Seen> {
        let look = |side| -> Result<_> {
            let host = self.side(side);
            // Change logs come and go by themselves.
            let log = [JobType::SendingDelta, JobType::ReceivingDelta, JobType::ApplyingChangeLog];
            let jobs = host.jobs()?.into_iter().find(|it| {
                let ours = it.affected.contains(&self.vm) && !log.contains(&it.job_type);
                ours && !it.state.is_terminal()
            });
            let relationship = host.relationship(RelationshipId::primary(self.vm))?;
            Ok((jobs.map(|it| (side, it.id.into())), (host.vm(self.vm)?, relationship)))
        };
        let (there, primary) = look(Side::Primary)?;
        let (here, replica) = look(Side::Replica)?;
        Ok(Seen { at_work: there.or(here), primary, replica })
    }
}

impl Seen {
    /// Whether the roles are swapped, as far as either side still has one: somebody may have removed
    /// the replication meanwhile.
    fn is_reversed(&self) -> bool {
        let (here, there) = (self.primary.0.mode, self.replica.0.mode);
        there == ReplicationMode::Primary || here == ReplicationMode::Replica
    }

    fn is_failed_over(&self) -> bool {
        self.replica.1.state == ReplicationState::Recovered
    }

    /// The way on.
    fn onwards(&self) -> Step {
        use ReplicationState::{Replicating, Synced};
        let ((here, from), (there, to)) = (&self.primary, &self.replica);
        match (from.state, to.state) {
            _ if self.is_reversed() => match there.power {
                EnabledState::Disabled | EnabledState::Offline => Step::Start(Side::Replica),
                EnabledState::Enabled if here.mode == ReplicationMode::Replica => Step::Done,
                _ => Step::Wait,
            },
            (Replicating, Replicating) => match here.power {
                EnabledState::Enabled => Step::ShutDown,
                EnabledState::Disabled => Step::Prepare,
                _ => Step::Wait,
            },
            (Synced, Replicating) => Step::FailOver,
            // Only a failover that lost nothing is gone on with.
            (Synced, ReplicationState::Recovered) if to.failed_over == ReplicationType::Planned => {
                Step::Reverse
            }
            _ => Step::Wait,
        }
    }

    /// The way back, or beyond the point of no return, the rest of the way on. The replica is
    /// taken back first, so that the primary never meets one that is failed over.
    fn back(&self) -> Step {
        let serving = if self.is_reversed() { Side::Replica } else { Side::Primary };
        let (vm, _) = if self.is_reversed() { &self.replica } else { &self.primary };
        match vm.power {
            _ if self.is_failed_over() => Step::Revert(Side::Replica),
            _ if self.primary.1.state == ReplicationState::Synced => Step::Revert(Side::Primary),
            EnabledState::Enabled => Step::Done,
            EnabledState::Disabled | EnabledState::Offline => Step::Start(serving),
            _ => Step::Wait,
        }
    }
}

/// Whether it is worth another look: the remedies that are documented for these numbers are to
/// wait and to try again, and of a call without an answer nobody knows what it did.
fn may_pass(error: &Error) -> bool {
    use ErrorCode::{Failed, InUse, InvalidState, OutOfMemory, StatusUnknown, Timeout};
    match error {
        Error::Refused(refusal) => {
            [Failed, InUse, InvalidState, OutOfMemory, StatusUnknown, Timeout]
                .contains(&refusal.code)
        }
        Error::Transport { .. } | Error::JobFailed(_) => true,
        _ => false,
    }
}

fn out_of_patience() -> Error {
    let source = "the two sides are in no state to go on from, and stay there".into();
    Error::Transport { operation: None, source }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { why, left } = self;
        match left {
            None => write!(f, "called off: {why}"),
            Some(left) => write!(f, "left half-way: {why}; and then: {left}"),
        }
    }
}
