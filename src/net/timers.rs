//! Deadlines of many machines in one ordered set.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

/// One deadline a key, in the order in which they come due.
///
/// A deadline that moves away keeps its place in the order until its turn comes there: those
/// that every packet moves (silence, a stall) are not sorted anew for each.
#[derive(Debug)]
pub struct Timers<K> {
    by_time: BTreeSet<(Instant, K)>,
    by_key: BTreeMap<K, Deadline>,
}

#[derive(Debug)]
struct Deadline {
    at: Instant,
    /// Its place in the order, never later.
    place: Instant,
}

impl<K> Default for Timers<K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }
}

impl<K: Ord + Copy> Timers<K> {
    /// Sets, moves or (with `None`) removes the key's deadline.
    pub fn set(&mut self, key: K, at: Option<Instant>) {
        match (self.by_key.entry(key), at) {
            (Entry::Occupied(entry), None) => {
                self.by_time.remove(&(entry.remove().place, key));
            }
            (Entry::Occupied(mut entry), Some(at)) => {
                let deadline = entry.get_mut();
                deadline.at = at;
                if at < deadline.place {
                    self.by_time.remove(&(deadline.place, key));
                    self.by_time.insert((at, key));
                    deadline.place = at;
                }
            }
            (Entry::Vacant(entry), Some(at)) => {
                entry.insert(Deadline { at, place: at });
                self.by_time.insert((at, key));
            }
            (Entry::Vacant(_), None) => {}
        }
    }

    /// When to ask [`Timers::pop_due`] again: not later than the first deadline.
    pub fn next(&self) -> Option<Instant> {
        self.by_time.first().map(|(at, _)| *at)
    }

    /// Takes a key whose deadline has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<K> {
        loop {
            let (place, key) = self.by_time.first().copied().filter(|(place, _)| *place <= now)?;
            self.by_time.pop_first();
            let deadline = self.by_key.get_mut(&key)?; // every key in the order has one
            if deadline.at == place {
                self.by_key.remove(&key);
                return Some(key);
            }
            deadline.place = deadline.at;
            self.by_time.insert((deadline.at, key));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn deadlines_come_due_in_order_and_can_be_moved() {
        let start = Instant::now();
        let at = |ms| Some(start + Duration::from_millis(ms));
        let mut timers = Timers::default();
        timers.set('a', at(30));
        timers.set('b', at(20));
        timers.set('c', at(10));
        timers.set('a', at(5));
        timers.set('c', None);
        assert_eq!(timers.next(), at(5));
        let now = start + Duration::from_millis(20);
        assert_eq!(timers.pop_due(now), Some('a'));
        assert_eq!(timers.pop_due(now), Some('b'));
        assert_eq!(timers.pop_due(now), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_deadline_that_every_packet_moves_comes_due_once_and_in_its_turn() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        for ms in 10..100 {
            timers.set('a', Some(at(ms)));
        }
        timers.set('b', Some(at(50)));
        assert_eq!(timers.by_time.len(), 2);
        assert_eq!(timers.pop_due(at(49)), None);
        assert_eq!(timers.next(), Some(at(50)));
        assert_eq!(timers.pop_due(at(200)), Some('b'));
        assert_eq!(timers.pop_due(at(98)), None);
        assert_eq!(timers.pop_due(at(99)), Some('a'));
        assert_eq!(timers.pop_due(at(200)), None);
        assert!(timers.by_key.is_empty());
    }

    proptest! {
        /// Beside a map of deadlines that is searched from end to end.
        #[test]
        fn they_do_what_a_plain_map_does(
            steps in proptest::collection::vec((0..6_u8, proptest::option::of(0..40_u64)), 0..200),
        ) {
            let start = Instant::now();
            let at = |ms| start + Duration::from_millis(ms);
            let (mut timers, mut plain) = (Timers::default(), BTreeMap::new());
            for (step, (key, ms)) in (0..).zip(steps) {
                timers.set(key, ms.map(at));
                match ms {
                    Some(ms) => plain.insert(key, at(ms)),
                    None => plain.remove(&key),
                };
                let now = at(step / 5);
                let first = plain.iter().map(|(key, at)| (*at, *key)).min();
                prop_assert!(timers.next() <= first.map(|(at, _)| at));
                prop_assert_eq!(timers.next().is_some(), first.is_some());
                let due = first.filter(|(at, _)| *at <= now).map(|(_, key)| key);
                due.map(|key| plain.remove(&key));
                prop_assert_eq!(timers.pop_due(now), due);
            }
        }
    }
}
