//! What lies between hosts.

use super::input::Weakness;
use crate::model::HostId;
use std::collections::BTreeMap;

/// The links between hosts, each way by itself. Only what is not as it should be is stored.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Fabric {
    weak: BTreeMap<(HostId, HostId), Link>,
}

/// One direction of a link that is cut, slow or lossy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Link {
    cut: bool,
    /// What it carries, in bytes a second, if that is less than usual.
    rate: Option<u64>,
    /// Of every so many messages the last is lost.
    loses_every: Option<u32>,
    /// Messages since the last that was lost.
    carried: u32,
}

impl Fabric {
    pub(crate) fn cut(&mut self, from: HostId, to: HostId) {
        self.weak.entry((from, to)).or_default().cut = true;
    }

    pub(crate) fn weaken(&mut self, from: HostId, to: HostId, how: Weakness) {
        let link = self.weak.entry((from, to)).or_default();
        match how {
            Weakness::Slow(rate) => link.rate = Some(rate.max(1)),
            Weakness::Lossy(every) => {
                (link.loses_every, link.carried) = (Some(every.max(1)), 0);
            }
        }
    }

    pub(crate) fn heal(&mut self, from: HostId, to: HostId) {
        self.weak.remove(&(from, to));
    }

    pub(crate) fn passes(&self, from: HostId, to: HostId) -> bool {
        self.weak.is_empty() || !self.weak.get(&(from, to)).is_some_and(|it| it.cut)
    }

    /// What a direction carries, in bytes a second, if that is less than usual.
    pub(crate) fn rate(&self, from: HostId, to: HostId) -> Option<u64> {
        if self.weak.is_empty() { None } else { self.weak.get(&(from, to))?.rate }
    }

    /// Whether this message is the one that gets lost.
    pub(crate) fn loses(&mut self, from: HostId, to: HostId) -> bool {
        if self.weak.is_empty() {
            return false;
        }
        let Some(link) = self.weak.get_mut(&(from, to)) else { return false };
        let Some(every) = link.loses_every else { return false };
        link.carried += 1;
        let lost = link.carried >= every;
        if lost {
            link.carried = 0;
        }
        lost
    }
}
