//! A bounded memory of what was seen: the oldest makes room for the newest, and what is too old is forgotten.

use crate::base::map::Set;
use crate::base::time::Moment;
use std::collections::VecDeque;
use std::hash::Hash;
use std::time::Duration;

/// The things seen last, each once.
#[derive(Debug)]
pub struct Recent<T> {
    known: Set<T>,
    /// Each with its end, the oldest first.
    order: VecDeque<(T, Moment)>,
    most: usize,
    lasts: Duration,
}

impl<T: Copy + Eq + Hash> Recent<T> {
    /// Room for `most`, each for as long as `lasts`.
    pub fn new(most: usize, lasts: Duration) -> Recent<T> {
        Recent { known: Set::default(), order: VecDeque::new(), most, lasts }
    }

    /// Remembers `it` from `now` on, and forgets the oldest where there are too many. One that is remembered is not
    /// remembered for longer.
    pub fn add(&mut self, it: T, now: Moment) {
        self.forget_old(now);
        if !self.known.insert(it) {
            return;
        }
        self.order.push_back((it, now.plus(self.lasts)));
        if self.order.len() > self.most {
            self.forget_oldest();
        }
    }

    /// Whether `it` is remembered at `now`.
    pub fn contains(&mut self, it: &T, now: Moment) -> bool {
        self.forget_old(now);
        self.known.contains(it)
    }

    /// Forgets `it`, which may take a look at all.
    pub fn forget(&mut self, it: &T) {
        if self.known.remove(it) {
            self.order.retain(|(other, _)| other != it);
        }
    }

    /// The one at this place of those remembered at `now`; the oldest is at 0.
    pub fn at(&self, place: usize, now: Moment) -> Option<&T> {
        let old = self.order.partition_point(|(_, until)| *until <= now);
        self.order.get(old.saturating_add(place)).map(|(it, _)| it)
    }

    fn forget_old(&mut self, now: Moment) {
        while self.order.front().is_some_and(|(_, until)| *until <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((oldest, _)) = self.order.pop_front() {
            self.known.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    fn all(recent: &Recent<i32>, now: Moment) -> Vec<i32> {
        (0..).map_while(|place| recent.at(place, now).copied()).collect()
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let mut recent = Recent::new(2, Duration::from_secs(10));
        for it in [1, 2, 1, 3] {
            recent.add(it, at(0));
        }
        assert_eq!(all(&recent, at(0)), [2, 3]);
        assert_eq!([1, 2, 3].map(|it| recent.contains(&it, at(0))), [false, true, true]);
    }

    #[test]
    fn each_is_remembered_for_so_long_after_it_came() {
        let mut recent = Recent::new(3, Duration::from_secs(10));
        for (it, now) in [(1, at(0)), (2, at(5)), (1, at(9))] {
            recent.add(it, now);
        }
        assert_eq!(all(&recent, at(9)), [1, 2]);
        assert_eq!(all(&recent, at(10)), [2]);
        assert_eq!([1, 2].map(|it| recent.contains(&it, at(10))), [false, true]);
        recent.add(1, at(11));
        assert_eq!(all(&recent, at(11)), [2, 1]);
        assert_eq!(all(&recent, at(21)), []);
    }

    #[test]
    fn what_is_forgotten_may_come_again() {
        let mut recent = Recent::new(2, Duration::from_secs(10));
        for it in [1, 2] {
            recent.add(it, at(0));
        }
        recent.forget(&1);
        recent.forget(&7);
        assert_eq!(all(&recent, at(0)), [2]);
        recent.add(1, at(1));
        assert_eq!(all(&recent, at(1)), [2, 1]);
        assert!(recent.contains(&1, at(1)));
    }
}
