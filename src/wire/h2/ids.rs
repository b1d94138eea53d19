//! Which exchange ids are in use: the lowest free one is given out.

use crate::wire::event::Id;

/// One bit an id. It owns nothing until an id is taken, and never more than the highest id that was in use needs.
#[derive(Debug, Default)]
pub(super) struct Ids {
    words: Vec<u64>,
    /// All words before this one are full.
    full: usize,
}

impl Ids {
    /// Takes the lowest free id.
    pub(super) fn take(&mut self) -> Id {
        while self.words.get(self.full).is_some_and(|word| *word == u64::MAX) {
            self.full += 1;
        }
        if self.full == self.words.len() {
            self.words.push(0);
        }
        let Some(word) = self.words.get_mut(self.full) else {
            return Id(0);
        };
        let bit = word.trailing_ones() as usize;
        *word |= 1 << bit;
        // Exchanges are bounded far below 65,536.
        Id((self.full * 64 + bit) as u16)
    }

    /// Takes that id, which must be free.
    pub(super) fn claim(&mut self, id: Id) {
        let (nth, bit) = (usize::from(id.0) / 64, id.0 % 64);
        if self.words.len() <= nth {
            self.words.resize(nth + 1, 0);
        }
        if let Some(word) = self.words.get_mut(nth) {
            *word |= 1 << bit;
        }
    }

    /// Gives an id back.
    pub(super) fn free(&mut self, id: Id) {
        let (nth, bit) = (usize::from(id.0) / 64, id.0 % 64);
        if let Some(word) = self.words.get_mut(nth) {
            *word &= !(1 << bit);
            self.full = self.full.min(nth);
        }
    }

    pub(super) fn owned(&self) -> usize {
        self.words.capacity() * 8
    }
}
