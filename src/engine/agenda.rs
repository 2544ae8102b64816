//! What will happen if nobody interferes, and when.

use super::vms::Hint;
use crate::model::{HostId, JobId, Leg, SimTime, VmId};
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};

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

/// An appointment.
type Entry = (Ticket, Due);

/// No page has as many appointments.
const PAGE: usize = 64;

/// Appointments, ordered by time and then by when they were made: never by hash or address.
///
/// They lie in one long row that is cut into pages. Nearly all are made for almost now, or for an
/// interval from now, after nearly all others; and at the ends of the row next to nothing has to be
/// looked at or moved. What is made for some time in between moves part of a page. Where the row is
/// cut is history, and does not count.
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    /// The first page, its last appointment first. It is empty only if there is none at all.
    next: Vec<Entry>,
    /// The other pages in their order. None is empty.
    later: VecDeque<Vec<Entry>>,
    made: u64,
}

impl Agenda {
    pub(crate) fn schedule(&mut self, at: SimTime, due: Due) -> Ticket {
        let ticket = Ticket(at, self.made);
        self.made += 1;
        match self.next.first() {
            None => self.next.push((ticket, due)),
            Some(it) if at < it.0.due() => self.put_next((ticket, due)),
            Some(_) => self.put_later((ticket, due)),
        }
        ticket
    }

    /// Puts a new appointment on the first page. Most are for almost now: little is due before.
    fn put_next(&mut self, new: Entry) {
        const LITTLE: usize = 16;
        let later = |it: &Entry| it.0.due() > new.0.due();
        let before = self.next.iter().rev().take(LITTLE).take_while(|it| !later(it)).count();
        let place = match before {
            LITTLE => self.next.partition_point(later),
            _ => self.next.len() - before,
        };
        self.next.insert(place, new);
        if self.next.len() == PAGE {
            let rest = self.next.drain(..place).rev().collect();
            self.later.push_front(rest);
        }
    }

    /// Puts a new appointment on a page behind the first.
    fn put_later(&mut self, new: Entry) {
        // It comes after all that were made for the same time.
        let before = |it: &Entry| it.0.due() <= new.0.due();
        // Nearly all come last of all.
        if let Some(page) = self.later.back_mut()
            && page.last().is_some_and(before)
            && page.len() + 1 < PAGE
        {
            page.push(new);
            return;
        }
        let number = self.page_where(before);
        let Some(page) = self.later.get_mut(number) else {
            self.later.push_back(vec![new]);
            return;
        };
        if page.last().is_some_and(before) {
            page.push(new);
        } else {
            page.insert(page.partition_point(before), new);
        }
        if page.len() == PAGE {
            // The next one is likely to come right after it: then nothing is moved any more.
            let place = page.partition_point(before);
            let mut rest = page.split_off(place.min(PAGE - 1));
            rest.reserve_exact(PAGE - rest.len());
            self.later.insert(number + 1, rest);
        }
    }

    #[inline]
    pub(crate) fn cancel(&mut self, ticket: Option<Ticket>) {
        if let Some(ticket) = ticket {
            self.remove(ticket);
        }
    }

    fn remove(&mut self, ticket: Ticket) {
        match self.find(ticket) {
            Some((None, place)) => {
                self.next.remove(place);
                self.turn_page();
            }
            Some((Some(number), place)) => {
                self.later[number].remove(place);
                if self.later[number].is_empty() {
                    self.later.remove(number);
                }
            }
            None => {}
        }
    }

    pub(crate) fn next_due(&self) -> Option<SimTime> {
        self.next.last().map(|it| it.0.due())
    }

    /// Takes the first appointment that is not later than `until`.
    pub(crate) fn pop(&mut self, until: SimTime) -> Option<(SimTime, Due)> {
        let (ticket, due) = self.next.pop_if(|it| it.0.due() <= until)?;
        self.turn_page();
        Some((ticket.due(), due))
    }

    /// Whenever the first page is empty, the one behind it is the first.
    fn turn_page(&mut self) {
        if self.next.is_empty()
            && let Some(mut page) = self.later.pop_front()
        {
            page.reverse();
            self.next = page;
        }
    }

    pub(crate) fn contains(&self, ticket: Ticket, due: Due) -> bool {
        let found = match self.find(ticket) {
            Some((None, place)) => self.next.get(place),
            Some((Some(number), place)) => self.later.get(number).and_then(|it| it.get(place)),
            None => None,
        };
        found.is_some_and(|it| it.1 == due)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = Entry> {
        self.soon().chain(self.later.iter().flatten()).copied()
    }

    /// What is due next, some of it, in order.
    pub(crate) fn soon(&self) -> impl Iterator<Item = &Entry> {
        self.next.iter().rev()
    }

    /// Where an appointment is: on which page behind the first or on that, and where there.
    fn find(&self, ticket: Ticket) -> Option<(Option<usize>, usize)> {
        if self.next.first().is_some_and(|it| ticket <= it.0) {
            let place = self.next.binary_search_by(|it| ticket.cmp(&it.0));
            return Some((None, place.ok()?));
        }
        let number = self.page_where(|it| it.0 <= ticket);
        let place = self.later.get(number)?.binary_search_by_key(&ticket, |it| it.0);
        Some((Some(number), place.ok()?))
    }

    /// The number of the last page behind the first that begins with such an appointment, of which
    /// there are none behind others; the first of them if none does.
    fn page_where(&self, such: impl Fn(&Entry) -> bool) -> usize {
        let begins = |page: &Vec<Entry>| page.first().is_some_and(&such);
        // It is one of the last, unless intervals differ.
        let count = self.later.len();
        let near = (1..=count.min(4)).find(|back| begins(&self.later[count - back]));
        match near {
            Some(back) => count - back,
            None => self.later.partition_point(begins).saturating_sub(1),
        }
    }
}

impl Clone for Agenda {
    fn clone(&self) -> Self {
        Self { next: self.next.clone(), later: self.later.clone(), made: self.made }
    }

    /// Whoever goes back to a world again and again has the pages already.
    fn clone_from(&mut self, source: &Self) {
        self.next.clone_from(&source.next);
        self.later.clone_from(&source.later);
        self.made = source.made;
    }
}

impl PartialEq for Agenda {
    fn eq(&self, other: &Self) -> bool {
        self.made == other.made && self.entries().eq(other.entries())
    }
}

impl Eq for Agenda {}

impl Hash for Agenda {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.made.hash(state);
        self.entries().for_each(|it| it.hash(state));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use std::hash::DefaultHasher;

    fn at(ticks: u64) -> SimTime {
        SimTime::from_ticks(ticks)
    }

    /// What makes an appointment one of a kind.
    fn due(n: u64) -> Due {
        Due::Phase(JobId(crate::model::Guid(n.into())))
    }

    /// A map from tickets is what an agenda is, whatever is made and cancelled in which order.
    #[test]
    fn an_agenda_is_a_map_in_order() {
        let (mut agenda, mut map) = (Agenda::default(), BTreeMap::new());
        let (mut now, mut most) = (0, 0);
        for n in 0..20_000 {
            let random = super::super::mix(n);
            // Soon, an interval from now, all at once, or at any time between.
            let ahead = [20, 300_000, (random >> 16) % 300_000, 300_000 - now % 1000];
            let when = at(now + ahead[(random >> 8) as usize % 4]);
            map.insert(agenda.schedule(when, due(n)), due(n));
            if random.is_multiple_of(5) {
                let ticket = *map.keys().nth((random >> 32) as usize % map.len()).unwrap();
                agenda.cancel(Some(ticket));
                assert!(!agenda.contains(ticket, map.remove(&ticket).unwrap()));
                agenda.cancel(Some(ticket));
            }
            if random.is_multiple_of(if n < 10_000 { 4 } else { 2 }) {
                now = map.keys().next().map_or(now, |it| it.due().ticks());
                while let Some((when, what)) = agenda.pop(at(now)) {
                    assert_eq!(map.pop_first().map(|it| (it.0.due(), it.1)), Some((when, what)));
                }
            }
            assert_eq!(agenda.next_due(), map.keys().next().map(|it| it.due()));
            assert!(agenda.later.iter().all(|it| (1..PAGE).contains(&it.len())));
            assert!(agenda.next.len() < PAGE && agenda.next.is_empty() == map.is_empty());
            most = most.max(agenda.later.len());
        }
        assert!(agenda.entries().eq(map.iter().map(|(ticket, due)| (*ticket, *due))));
        assert!(map.iter().all(|(ticket, due)| agenda.contains(*ticket, *due)));
        assert!(most > 10, "too few pages to tell: {most}");
    }

    #[test]
    fn where_pages_begin_does_not_show() {
        let mut row = Agenda::default();
        let tickets: Vec<_> = (0..1000).map(|n| row.schedule(at(n), due(n))).collect();
        tickets[300..500].iter().for_each(|it| row.cancel(Some(*it)));
        let mut slips = Agenda { made: row.made, ..Agenda::default() };
        slips.later.extend(row.entries().map(|it| vec![it]));
        slips.turn_page();
        assert_ne!(slips.later, row.later);
        assert_eq!(slips, row);
        let hash = |it: &Agenda| {
            let mut state = DefaultHasher::new();
            it.hash(&mut state);
            state.finish()
        };
        assert_eq!(hash(&slips), hash(&row));
        row.cancel(Some(tickets[0]));
        assert_ne!(slips, row);
    }
}
