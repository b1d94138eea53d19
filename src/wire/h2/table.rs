//! The dynamic table of one direction.
//!
//! It owns nothing until a field is put in. The text of all entries stands in one buffer, the oldest in front; what
//! was evicted is closed up only when the buffer would have to grow, which is rare enough to cost nothing by average.

use std::collections::VecDeque;

use super::bounds;
use super::fields::{Field, Known};

/// What RFC 7541 counts for an entry beside its text.
const OVERHEAD: u32 = 32;

/// What is taken at first: a small head fits, and for a larger one it grows once or twice in a connection's life.
const FIRST: usize = 96;
const FIRST_ENTRIES: usize = 4;

#[derive(Debug, Clone, Copy)]
struct Entry {
    at: u32,
    // An entry is smaller than the largest table, 64 KiB.
    name: u16,
    value: u16,
    known: Known,
}

impl Entry {
    fn text(self) -> u32 {
        u32::from(self.name) + u32::from(self.value)
    }
}

/// At most `max` bytes by RFC 7541's count; so much text, and half as much again, is held at most.
#[derive(Debug)]
pub(super) struct Table {
    text: Vec<u8>,
    /// Where the oldest entry's text begins.
    begin: u32,
    entries: VecDeque<Entry>,
    size: u32,
    max: u32,
}

impl Table {
    pub(super) fn new(max: u32) -> Table {
        Table { text: Vec::new(), begin: 0, entries: VecDeque::new(), size: 0, max }
    }

    pub(super) fn max(&self) -> u32 {
        self.max
    }

    /// The entry with that index, 0 for the newest.
    pub(super) fn get(&self, index: usize) -> Option<Field<'_>> {
        let entry = self.entries.get(self.entries.len().checked_sub(index)?.checked_sub(1)?)?;
        let text = self.text.get(entry.at as usize..)?;
        let (name, rest) = text.split_at_checked(usize::from(entry.name))?;
        Some(Field { known: entry.known, name, value: rest.get(..usize::from(entry.value))? })
    }

    /// Changes the maximum, which is at most [`bounds::TABLE`], and evicts what no longer fits.
    pub(super) fn resize(&mut self, max: u32) {
        self.max = max.min(bounds::TABLE);
        self.evict_to(self.max);
    }

    /// Puts a field in, and evicts what it displaces. One that is larger than the table empties it.
    pub(super) fn insert(&mut self, field: Field<'_>) {
        let max = self.max as usize;
        let (name, value) = (field.name.len(), field.value.len());
        if name > max || value > max || name + value + OVERHEAD as usize > max {
            self.evict_to(0);
            return;
        }
        // Each fits because the sum is at most the largest table, less the overhead.
        let entry = Entry { at: 0, name: name as u16, value: value as u16, known: field.known };
        let size = entry.text() + OVERHEAD;
        self.evict_to(self.max - size);
        self.make_room(name + value);
        let at = self.text.len() as u32;
        self.text.extend_from_slice(field.name);
        self.text.extend_from_slice(field.value);
        if self.entries.capacity() == 0 {
            self.entries.reserve_exact(FIRST_ENTRIES);
        }
        self.entries.push_back(Entry { at, ..entry });
        self.size += size;
    }

    fn evict_to(&mut self, most: u32) {
        while self.size > most
            && let Some(entry) = self.entries.pop_front()
        {
            self.size = self.size.saturating_sub(entry.text() + OVERHEAD);
            self.begin += entry.text();
        }
        if self.entries.is_empty() {
            self.text.clear();
            self.begin = 0;
        }
    }

    /// Makes sure that `more` bytes fit in the buffer, and that they will for a while.
    fn make_room(&mut self, more: usize) {
        if self.text.len() + more <= self.text.capacity() {
            return;
        }
        let begin = self.begin as usize;
        self.text.copy_within(begin.., 0);
        self.text.truncate(self.text.len().saturating_sub(begin));
        for entry in &mut self.entries {
            entry.at -= self.begin;
        }
        self.begin = 0;
        let needed = self.text.len() + more;
        // With a quarter free, the next closing up is a quarter of the buffer away.
        if needed > self.text.capacity() / 4 * 3 {
            let wanted = (needed + needed / 2).max(FIRST);
            self.text.reserve_exact(wanted.saturating_sub(self.text.len()));
        }
    }

    /// Bytes of memory owned.
    pub(super) fn owned(&self) -> usize {
        self.text.capacity() + self.entries.capacity() * size_of::<Entry>()
    }
}
