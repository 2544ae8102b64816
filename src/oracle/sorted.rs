//! A map that is small and looked at all the time.

use std::ops::Index;

/// A map whose entries stand in a vector, in the order of their keys: of the few that a picture
/// has, all are looked at in every step, and hardly ever one comes or goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sorted<K, V>(Vec<(K, V)>);

impl<K, V> Default for Sorted<K, V> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<K: Ord + Copy, V> Sorted<K, V> {
    fn place(&self, key: &K) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| known.cmp(key))
    }

    /// The value of a key.
    pub fn get(&self, key: &K) -> Option<&V> {
        self.place(key).ok().map(|place| &self.0[place].1)
    }

    /// The value of a key, to be changed.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.place(key).ok().map(|place| &mut self.0[place].1)
    }

    /// Whether there is a value of this key.
    pub fn contains_key(&self, key: &K) -> bool {
        self.place(key).is_ok()
    }

    /// Gives a key a value; what it had before.
    pub fn insert(&mut self, key: K, value: V) -> Option<V> {
        match self.place(&key) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.insert(place, (key, value));
                None
            }
        }
    }

    /// Takes a key out; the value it had.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.place(key).ok().map(|place| self.0.remove(place).1)
    }

    /// Every key with its value, in the order of the keys.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (K, &V)> {
        self.0.iter().map(|(key, value)| (*key, value))
    }

    /// Every value, in the order of the keys.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &V> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The value of a key that is likely to be at this place.
    pub(super) fn near(&self, place: usize, key: &K) -> Option<&V> {
        match self.0.get(place) {
            Some((known, value)) if known == key => Some(value),
            _ => self.get(key),
        }
    }

    /// Every value, in the order of the keys, with that of the same key in another map.
    pub(super) fn beside<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (K, &'a V, Option<&'a V>)> {
        let both =
            move |(place, (key, value)): (usize, &'a (K, V))| (*key, value, other.near(place, key));
        self.0.iter().enumerate().map(both)
    }

    /// Makes it equal to another by copying only what differs.
    pub(super) fn restore(&mut self, from: &Self)
    where
        V: Clone + PartialEq,
    {
        self.0.truncate(from.0.len());
        for (it, from) in self.0.iter_mut().zip(&from.0) {
            if it != from {
                it.clone_from(from);
            }
        }
        self.0.extend_from_slice(&from.0[self.0.len()..]);
    }

    /// Makes the keys those of what there is, which comes in their order, and brings each value up
    /// to it.
    pub(super) fn follow<T: Copy>(
        &mut self,
        there: impl Iterator<Item = (K, T)>,
        mut new: impl FnMut(K, T) -> V,
        mut review: impl FnMut(&mut V, T),
    ) {
        let mut at = 0;
        there.for_each(|(key, it)| {
            if self.0.get(at).is_none_or(|(known, _)| *known != key) {
                while self.0.get(at).is_some_and(|(known, _)| *known < key) {
                    self.0.remove(at);
                }
                if self.0.get(at).is_none_or(|(known, _)| *known != key) {
                    self.0.insert(at, (key, new(key, it)));
                }
            }
            review(&mut self.0[at].1, it);
            at += 1;
        });
        self.0.truncate(at);
    }
}

impl<K: Ord + Copy, V> Index<&K> for Sorted<K, V> {
    type Output = V;

    /// # Panics
    /// If there is no value of this key.
    fn index(&self, key: &K) -> &V {
        self.get(key).expect("a key of the map")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_is_followed() {
        let mut map = Sorted::default();
        for there in [&[2, 5, 7][..], &[1, 5, 8], &[5], &[], &[3, 4], &[3, 4]] {
            let entries = there.iter().map(|n| (*n, *n * 10));
            map.follow(entries, |_, _| 0, |value, now| *value += now);
            let keys: Vec<_> = map.iter().map(|(key, _)| key).collect();
            assert_eq!(keys, there);
        }
        assert_eq!((map[&3], map.get(&5)), (60, None), "what stays is brought up to now");
        assert_eq!(
            (map.insert(1, 7), map.insert(3, 8), map.remove(&4)),
            (None, Some(60), Some(80))
        );
        assert_eq!(map.values().copied().collect::<Vec<_>>(), [7, 8]);
        let other = Sorted(vec![(2, 1), (3, 2)]);
        assert_eq!(map.beside(&other).collect::<Vec<_>>(), [(1, &7, None), (3, &8, Some(&2))]);
    }
}
