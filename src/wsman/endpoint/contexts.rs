//! Enumerations that are under way.

use super::Limits;
use crate::cim::Instance;
use crate::wsman::encode::Style;
use crate::wsman::resource::Dialect;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// Something that was found.
#[derive(Debug)]
pub(super) enum Item {
    Object(Instance),
    /// A declaration of a class: its place among those of the schema.
    Class(usize),
}

/// How objects are returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Object,
    Address,
    ObjectAndAddress,
}

/// What was found and is not returned yet, with what was said when it was asked for. A request to
/// pull it says nothing of this, and clients name another resource in it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) items: VecDeque<Item>,
    /// The namespace, by its place among those of the endpoint.
    pub(super) place: usize,
    pub(super) dialect: Dialect,
    pub(super) style: Style,
    pub(super) mode: Mode,
    /// The properties that the query names, unless it is all.
    pub(super) projection: Option<Vec<String>>,
}

/// The enumerations of all users.
#[derive(Debug, Default)]
pub(super) struct Enumerations(BTreeMap<String, Kept>);

#[derive(Debug)]
struct Kept {
    user: String,
    /// When it was used last, by which the oldest is found.
    used: Duration,
    expires: Duration,
    found: Found,
}

impl Enumerations {
    /// Keeps an enumeration of a user.
    pub(super) fn keep(
        &mut self,
        id: &str,
        user: &str,
        found: Found,
        now: Duration,
        limits: &Limits,
    ) {
        self.expire(now);
        while self.is_full(user, found.items.len(), limits) {
            let own = self.0.iter().filter(|(_, it)| it.user == user);
            let Some(oldest) = own.min_by_key(|(_, it)| it.used).map(|(id, _)| id.clone()) else {
                break;
            };
            self.0.remove(&oldest);
        }
        let expires = now.saturating_add(limits.time_to_live);
        let kept = Kept { user: user.to_owned(), used: now, expires, found };
        self.0.insert(id.to_owned(), kept);
    }

    fn is_full(&self, user: &str, new: usize, limits: &Limits) -> bool {
        let own = || self.0.values().filter(|it| it.user == user);
        let waiting: usize = own().map(|it| it.found.items.len()).sum();
        own().count() >= limits.enumerations.max(1) || waiting + new > limits.waiting_objects
    }

    /// Takes an enumeration of a user out, to be kept again if it does not end.
    pub(super) fn take(&mut self, id: &str, user: &str, now: Duration) -> Option<Found> {
        self.expire(now);
        if self.0.get(id)?.user != user {
            return None;
        }
        self.0.remove(id).map(|it| it.found)
    }

    fn expire(&mut self, now: Duration) {
        self.0.retain(|_, it| it.expires > now);
    }
}
