//! The event log of a host: what it would write of what happened to it.
//!
//! Entries are made in here alone, from the changes that observers see and from the windows of
//! statistics that end. What happens all the time, a cycle that went well, writes nothing.

use super::event::{Change, Event, Trouble};
use super::failure::ABORTED;
use super::sender::Cycle;
use super::turned::{KERBEROS_FAILED, Turned};
use super::vm::VmState;
use super::{World, host_of};
use crate::model::{
    EventId, HostId, JobId, JobState, JobType, LogEntry, RelationshipId, ReplicationState,
    Statistics, VmId, WindowsBuild,
};
use crate::rules::{Cause, Happening, Pace, Side};
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

/// The entries of one host, oldest first. A fork shares them until one side writes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct EventLog(Arc<VecDeque<Arc<LogEntry>>>);

impl EventLog {
    fn write(&mut self, entry: LogEntry) {
        let entries = Arc::make_mut(&mut self.0);
        if entries.len() >= LogEntry::KEPT {
            entries.pop_front();
        }
        entries.push_back(Arc::new(entry));
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &LogEntry> {
        self.0.iter().map(|it| &**it)
    }
}

impl From<Turned> for Trouble {
    fn from(turned: Turned) -> Self {
        Self { says: turned.says(), hresult: turned.hresult() }
    }
}

/// A virtual machine, as messages name it.
#[derive(Clone, Copy)]
struct Named<'a>(Option<&'a str>, VmId);

impl fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self(Some(name), id) => write!(f, "virtual machine '{name}' (Virtual machine ID {id})"),
            Self(None, id) => write!(f, "a deleted virtual machine (Virtual machine ID {id})"),
        }
    }
}

/// What a host says of a sender that it stopped in the middle.
const INTERRUPTED: Trouble = Trouble { says: "the operation was cancelled", hresult: ABORTED };

impl World {
    /// The log of a host, oldest entry first. Empty for a host that does not exist.
    pub fn event_log(&self, host: HostId) -> impl DoubleEndedIterator<Item = &LogEntry> {
        self.host(host).into_iter().flat_map(|it| it.log.entries())
    }

    /// The entries of a host's log that are about a virtual machine, oldest first.
    pub fn event_log_of(
        &self,
        host: HostId,
        vm: VmId,
    ) -> impl DoubleEndedIterator<Item = &LogEntry> {
        self.event_log(host).filter(move |it| it.vm == Some(vm))
    }

    /// Writes down what hosts would write of these changes, which have just happened.
    pub(super) fn log_changes(&mut self, changes: &[Event]) {
        for Event { host, change, .. } in changes {
            match change {
                Change::SendFailed { id, why, .. } => self.log_send_failed(*host, *id, *why),
                Change::State { id, mode, to: to @ ReplicationState::Critical, by, .. } => {
                    match Side::of(*mode, id.leg, *to) {
                        Side::Sender => self.log_suspended(*host, *id, *by),
                        _ => self.log_not_received(*host, id.vm),
                    }
                }
                Change::Job { job, job_type, to: JobState::Exception } => {
                    self.log_failed_job(*job, *job_type);
                }
                Change::JobPhase {
                    job,
                    job_type: JobType::Resynchronizing | JobType::ResynchronizingExtended,
                    done,
                } => self.log_resync(*job, *done),
                Change::ApplyFailed { id } => self.log_not_applied(*host, id.vm),
                Change::GuestNetwork { vm, taken: false } => self.log_network_not_taken(*host, *vm),
                _ => {}
            }
        }
    }

    /// The figures of a window that has ended.
    pub(super) fn log_window(&mut self, host: HostId, id: RelationshipId, it: &Statistics) {
        let says = format!(
            "Replication statistics for {}, relationship {}, from {} to {}: {} cycles succeeded \
             and {} were missed; {} bytes in all, at most {}; {} s in all, at most {} s; {} network \
             failures, {} replication failures, {} application-consistent points failed; health {}.",
            self.named(host, id.vm),
            id.leg.index(),
            it.start,
            it.end,
            it.successes,
            it.misses,
            it.size_bytes,
            it.max_size_bytes,
            it.latency_s,
            it.max_latency_s,
            it.network_failures,
            it.replication_failures,
            it.application_consistent_failures,
            it.health,
        );
        self.write(host, EventId::WindowStatistics, Some(id.vm), None, says);
    }

    fn log_send_failed(&mut self, host: HostId, id: RelationshipId, why: Trouble) {
        self.log_not_replicated(host, id.vm, why);
        let cycle = self.sender(host, id.vm, id.leg).map(|it| it.cycle);
        if let Some(Cycle::Waits(next)) = cycle {
            let minutes = next.due().since(self.now).as_secs().div_ceil(60);
            let says = format!(
                "Changes of {} were not replicated. Replication will be tried again after \
                 {minutes} minute(s).",
                self.named(host, id.vm)
            );
            self.write(host, EventId::WillRetry, Some(id.vm), None, says);
        }
    }

    /// The service principal names of a host could not be registered.
    pub(super) fn log_no_principal(&mut self, host: HostId) {
        let says = "The service principal names of the replica server could not be registered.";
        self.write(host, EventId::PrincipalNotRegistered, None, None, says.to_owned());
    }

    /// What else a host writes of a failure with this code.
    fn log_code(&mut self, host: HostId, vm: Option<VmId>, hresult: u32) {
        if hresult == KERBEROS_FAILED {
            let says = "The replica server could not be authenticated with Kerberos (0x80090303).";
            self.write(host, EventId::KerberosFailed, vm, Some(hresult), says.to_owned());
        }
    }

    fn log_not_replicated(&mut self, host: HostId, vm: VmId, Trouble { says, hresult }: Trouble) {
        self.log_code(host, Some(vm), hresult);
        let named = self.named(host, vm);
        let says = format!("Changes of {named} could not be replicated: {says} (0x{hresult:08X}).");
        self.write(host, EventId::SendFailed, Some(vm), Some(hresult), says);
    }

    /// Replication is in error. A host that crashed had no time to say so.
    fn log_suspended(&mut self, host: HostId, id: RelationshipId, by: Cause) {
        match by {
            Cause::Happening(Happening::HostCrashed) => return,
            Cause::Happening(Happening::HostShutDown) => {
                self.log_not_replicated(host, id.vm, INTERRUPTED);
            }
            _ => {}
        }
        let says = format!(
            "Replication of {} is suspended after a failure that does not pass by itself. Correct \
             it and resume replication.",
            self.named(host, id.vm)
        );
        self.write(host, EventId::ReplicationSuspended, Some(id.vm), None, says);
    }

    /// A replica takes no more logs: one of its disks is gone.
    fn log_not_received(&mut self, host: HostId, vm: VmId) {
        let (says, hresult) = (Turned::DiskMissing.says(), Turned::DiskMissing.hresult());
        let says = format!("{}: {says} (0x{hresult:08X}).", self.replication_failed(host, vm));
        self.write(host, EventId::ReplicationFailed, Some(vm), Some(hresult), says);
    }

    /// What a replica says of an operation of replication that failed, without a full stop.
    fn replication_failed(&self, host: HostId, vm: VmId) -> String {
        let receiver = self.vm_state(host, vm).and_then(VmState::receiver);
        let primary = receiver.map_or("", |it| &it.settings.primary_host);
        let replica = self.host(host).map_or("", |it| &it.name);
        let named = self.named(host, vm);
        format!("A replication operation failed for {named} from {primary} to {replica}")
    }

    /// A replica could not apply what it had received. Until Windows Server 2012 R2 receiving and
    /// applying were one.
    fn log_not_applied(&mut self, host: HostId, vm: VmId) {
        let Some(build) = self.host(host).map(|it| it.build) else { return };
        let named = self.named(host, vm);
        let mut entries = vec![
            (EventId::OperationRefused, format!("{named} is in no state for the operation.")),
            (EventId::ReplicaBusy, format!("{named} is in no state for applying changes.")),
        ];
        if build < WindowsBuild::Server2012R2 {
            entries.push((EventId::ApplyFailed, format!("Changes of {named} were not applied.")));
        } else {
            entries.extend([
                (EventId::ReplicationFailed, self.replication_failed(host, vm) + "."),
                (EventId::ApplyIncomplete, format!("Changes of {named} were not applied.")),
            ]);
        }
        for (event, says) in entries {
            self.write(host, event, Some(vm), Some(ABORTED), says);
        }
    }

    fn log_failed_job(&mut self, id: JobId, job_type: JobType) {
        let Some(job) = self.record(id) else { return };
        let Some(failure) = job.failure.clone() else { return };
        let event = match job_type {
            JobType::CreateRelationship => EventId::EnableFailed,
            _ => EventId::OperationFailed,
        };
        let vm = job.vm;
        self.log_code(host_of(id), vm, failure.hresult);
        self.write(host_of(id), event, vm, Some(failure.hresult), failure.description.clone());
    }

    fn log_network_not_taken(&mut self, host: HostId, vm: VmId) {
        let says = format!(
            "The guest of {} did not take its network settings: this version of Windows sets them \
             in Windows guests only. They stay as they were on the primary.",
            self.named(host, vm)
        );
        self.write(host, EventId::NetworkNotTaken, Some(vm), None, says);
    }

    /// The comparison of a resynchronisation begins or ends.
    fn log_resync(&mut self, id: JobId, done: Pace) {
        let Some((job, vm)) = self.record(id).and_then(|job| Some((job, job.vm?))) else { return };
        let (host, worked) = (host_of(id), job.worked);
        let bytes = self.load_of(host, vm, job.leg, job.operation, None).bytes;
        let named = self.named(host, vm);
        let (event, says) = match done {
            Pace::Contact => (
                EventId::ResynchronizationStarted,
                format!("The resynchronisation of {named} has started: {bytes} bytes to compare."),
            ),
            Pace::Compare => (
                EventId::ComparisonFinished,
                format!(
                    "The resynchronisation of {named} has compared {bytes} bytes in {} s; result \
                     0x00000000.",
                    worked.as_secs()
                ),
            ),
            _ => return,
        };
        self.write(host, event, Some(vm), None, says);
    }

    fn named(&self, host: HostId, id: VmId) -> Named<'_> {
        Named(self.vm_state(host, id).map(|vm| &*vm.name), id)
    }

    fn write(
        &mut self,
        host: HostId,
        id: EventId,
        vm: Option<VmId>,
        hresult: Option<u32>,
        mut message: String,
    ) {
        message.shrink_to_fit(); // It is kept for long, and there may be many.
        let entry = LogEntry { at: self.now, id, vm, hresult, message };
        if let Some(state) = self.hosts.get_mut(usize::from(host.0)) {
            state.log.write(entry);
        }
    }
}
