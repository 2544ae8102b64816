//! The same job as a list of steps, with one of the mistakes that people really make.

use hyperv_replica::prelude::*;

/// A mistake that tools and scripts have been seen to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// Sleeps for as long as it usually takes and never looks at the job. Reversing too early, and
    /// what the failure means: <https://learn.microsoft.com/windows/win32/hyperv_v2/msvm-concretejob>.
    WaitsForNoJob,
    /// Gives up on 32774 and 32775, which pass. Microsoft's own client for Go had to learn it:
    /// <https://github.com/microsoft/wmi/pull/27>.
    NeverTriesAgain,
    /// Compares WMI's states with PowerShell's numbers, which are one higher from 2 on:
    /// <https://github.com/asand3r/zbx-hyperv/issues/1>.
    ShiftedStates,
    /// Returns on the first answer that does not come and leaves everything as it is; a prepared
    /// primary is locked from starting:
    /// <https://learn.microsoft.com/virtualization/community/team-blog/2012/20120615-interpreting-replication-health-part-1>.
    LeavesAMess,
}

impl Mistake {
    /// Each.
    pub(crate) const ALL: [Self; 4] =
        [Self::WaitsForNoJob, Self::NeverTriesAgain, Self::ShiftedStates, Self::LeavesAMess];
}

type Host<'a> = &'a dyn ReplicationService;

/// A planned failover, step by step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Script<'a> {
    /// Where it runs.
    pub(crate) primary: Host<'a>,
    /// Where it shall run.
    pub(crate) replica: Host<'a>,
    /// Which.
    pub(crate) vm: VmId,
    /// What is wrong with the script.
    pub(crate) mistake: Mistake,
}

impl Script<'_> {
    /// Makes the steps, and if one fails takes back what it can.
    pub(crate) fn run(self) -> Result<()> {
        let steps = self.steps();
        let mess = self.mistake == Mistake::LeavesAMess;
        if steps.is_err() && !(mess && matches!(steps, Err(Error::Transport { .. }))) {
            self.take_back();
        }
        steps
    }

    fn steps(self) -> Result<()> {
        let Self { primary, replica, vm, .. } = self;
        let prepared = if self.mistake == Mistake::ShiftedStates { 5 } else { 4 };
        let failed_over = prepared + 1;
        let id = RelationshipId::primary(vm);
        let off = || Ok(primary.vm(vm)?.power == EnabledState::Disabled);
        let shows = |host: Host<'_>, number| Ok(host.relationship(id)?.state.to_wire() == number);
        let reversed = || Ok(replica.vm(vm)?.mode == ReplicationMode::Primary);
        let runs = || Ok(replica.vm(vm)?.power == EnabledState::Enabled);

        self.step(primary, || primary.shut_down_vm(vm), off)?;
        self.step(primary, || primary.prepare_failover(id), || shows(primary, prepared))?;
        self.step(replica, || replica.initiate_failover(vm, None), || shows(replica, failed_over))?;
        self.step(replica, || replica.reverse_replication_relationship(vm, None), reversed)?;
        self.step(replica, || replica.start_vm(vm), runs)
    }

    /// Asks for something and waits for it; where that fails, sees whether it happened, or asks
    /// again.
    fn step(
        self,
        host: Host<'_>,
        ask: impl Fn() -> Result<Outcome>,
        happened: impl Fn() -> Result<bool>,
    ) -> Result<()> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match ask() {
                Ok(_) if self.mistake == Mistake::WaitsForNoJob => return host.sleep(seconds(30)),
                Ok(started) => match host.wait(started) {
                    Ok(()) => return Ok(()),
                    Err(error) => error,
                },
                Err(error) => error,
            };
            match (self.mistake, &error) {
                (Mistake::LeavesAMess, Error::Transport { .. })
                | (Mistake::NeverTriesAgain, Error::Refused(_)) => return Err(error),
                (_, Error::Refused(refusal)) if !passes(refusal.code) => return Err(error),
                _ if tries == 8 => return Err(error),
                _ => host.sleep(seconds(30))?,
            }
            if happened().unwrap_or(false) {
                return Ok(());
            }
        }
    }

    /// The replica first; what is not failed over or not prepared refuses, and that is well.
    fn take_back(self) {
        let Self { primary, replica, vm, .. } = self;
        for host in [replica, primary] {
            drop(host.revert_failover(vm).and_then(|started| host.wait(started)));
        }
        let reversed = replica.vm(vm).is_ok_and(|it| it.mode == ReplicationMode::Primary);
        let host = if reversed { replica } else { primary };
        drop(host.start_vm(vm).and_then(|started| host.wait(started)));
    }
}

fn passes(code: ErrorCode) -> bool {
    matches!(code, ErrorCode::InUse | ErrorCode::InvalidState)
}
