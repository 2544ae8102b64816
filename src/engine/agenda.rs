//! What will happen if nobody interferes, and when.

use super::vms::Hint;
use crate::model::{HostId, JobId, Leg, SimTime, VmId};
use std::collections::BTreeMap;

/// A thing that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Due {
    /// A sender closes its change log and sends it.
    CloseLog(HostId, VmId, Hint, Leg),
    /// A change log reaches the receiver.
    LogArrives(HostId, VmId, Hint, Leg),
    /// The current phase of a job ends, or its scheduled start comes.
    Phase(JobId),
    /// A finished job is removed.
    Reap(JobId),
    /// A needed resynchronisation may start by itself: its window opens.
    WindowOpens(HostId, VmId, Leg),
    /// A change log outgrows its share of the disks.
    LogFull(HostId, VmId, Leg),
    /// Of the logs that wait on a host for their turn, the next sets off.
    NextTransfer(HostId),
    /// The monitoring windows of a host end.
    MonitoringEnds(HostId),
    /// A guest that was failed over takes its network settings.
    GuestTalks(HostId, VmId),
}

impl Due {
    /// Whether how a call is answered may depend on it. What an ended job or a window of statistics
    /// tells is history.
    pub(crate) const fn matters(self) -> bool {
        !matches!(self, Self::Reap(_) | Self::MonitoringEnds(_))
    }
}

/// Proof of an appointment; needed to cancel it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Ticket(SimTime, u64);

impl Ticket {
    /// When it is due.
    pub(crate) fn due(self) -> SimTime {
        self.0
    }
}

/// Appointments, ordered by time and then by when they were made: never by hash or address.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Agenda {
    entries: BTreeMap<Ticket, Due>,
    made: u64,
}

impl Agenda {
    pub(crate) fn schedule(&mut self, at: SimTime, due: Due) -> Ticket {
        let ticket = Ticket(at, self.made);
        self.made += 1;
        self.entries.insert(ticket, due);
        ticket
    }

    pub(crate) fn cancel(&mut self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.entries.remove(&ticket);
        }
    }

    pub(crate) fn next_due(&self) -> Option<SimTime> {
        self.entries.first_key_value().map(|(ticket, _)| ticket.0)
    }

    /// Takes the first appointment that is not later than `until`.
    pub(crate) fn pop(&mut self, until: SimTime) -> Option<(SimTime, Due)> {
        let entry = self.entries.first_entry().filter(|it| it.key().0 <= until)?;
        let (ticket, due) = entry.remove_entry();
        Some((ticket.0, due))
    }

    pub(crate) fn contains(&self, ticket: Ticket, due: Due) -> bool {
        self.entries.get(&ticket) == Some(&due)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (Ticket, Due)> {
        self.entries.iter().map(|(ticket, due)| (*ticket, *due))
    }
}
