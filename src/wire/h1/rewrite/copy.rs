//! Copies a head with changes, and not at all where there are none.

use super::Rewritten;

/// What was not dropped is copied as it is. Places are told in rising order.
pub(super) struct Copier<'h, 'o> {
    head: &'h [u8],
    /// So much of the head is dealt with.
    done: usize,
    out: &'o mut Vec<u8>,
    is_changed: bool,
}

impl<'h, 'o> Copier<'h, 'o> {
    pub(super) fn new(head: &'h [u8], out: &'o mut Vec<u8>) -> Copier<'h, 'o> {
        Copier { head, done: 0, out, is_changed: false }
    }

    /// Leaves out what stands from `start` to `end`.
    pub(super) fn drop(&mut self, start: usize, end: usize) {
        if start < end {
            self.insert(start, &[]);
            self.done = end;
        }
    }

    /// Puts `parts` before what stands at `at`.
    pub(super) fn insert(&mut self, at: usize, parts: &[&[u8]]) {
        self.is_changed = true;
        self.out.extend_from_slice(self.head.get(self.done..at).unwrap_or_default());
        self.done = self.done.max(at);
        for part in parts {
            self.out.extend_from_slice(part);
        }
    }

    /// Copies the rest, if anything was changed.
    pub(super) fn finish(self) -> Rewritten {
        if !self.is_changed {
            return Rewritten::AsItIs;
        }
        self.out.extend_from_slice(self.head.get(self.done..).unwrap_or_default());
        Rewritten::Changed
    }
}
