//! A bounded memory of what was seen: the oldest makes room for the newest.

use crate::base::map::Set;
use std::collections::VecDeque;
use std::hash::Hash;

/// The things seen last, each once.
#[derive(Debug)]
pub struct Recent<T> {
    known: Set<T>,
    order: VecDeque<T>,
    most: usize,
}

impl<T: Copy + Eq + Hash> Recent<T> {
    /// Room for `most`.
    pub fn new(most: usize) -> Recent<T> {
        Recent { known: Set::default(), order: VecDeque::new(), most }
    }

    /// Remembers `it`, and forgets the oldest where there are too many.
    pub fn add(&mut self, it: T) {
        if !self.known.insert(it) {
            return;
        }
        self.order.push_back(it);
        if self.order.len() > self.most
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    /// Whether `it` is remembered.
    pub fn contains(&self, it: &T) -> bool {
        self.known.contains(it)
    }

    /// The one at this place; the oldest is at 0.
    pub fn at(&self, place: usize) -> Option<&T> {
        self.order.get(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_is_forgotten() {
        let mut recent = Recent::new(2);
        for it in [1, 2, 1, 3] {
            recent.add(it);
        }
        assert_eq!([0, 1, 2].map(|place| recent.at(place)), [Some(&2), Some(&3), None]);
        assert_eq!([1, 2, 3].map(|it| recent.contains(&it)), [false, true, true]);
    }
}
