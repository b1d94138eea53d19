//! Working space that all connections of a process share, so that an idle one owns none.

use super::bounds;
use super::kept::Kept;

/// Lent to an observer for each call. It grows to what the largest header block needed, which is bounded.
#[derive(Debug, Default)]
pub struct Scratch {
    /// The strings of one field.
    pub(super) decoded: Vec<u8>,
    /// The values kept of one header block.
    pub(super) text: Vec<u8>,
    /// The fields of the next request are to be kept, too.
    pub(super) is_keeping: bool,
    /// Those of the last one of which they were.
    pub(super) kept: Kept,
    /// A buffer for the next header block that comes in pieces.
    spare: Vec<u8>,
}

impl Scratch {
    /// Empty; nothing is allocated yet.
    pub fn new() -> Scratch {
        Scratch::default()
    }

    /// Gives memory back that was needed once. To be called when the process is idle.
    pub fn trim(&mut self) {
        *self = Scratch::default();
    }

    /// Bytes of memory owned.
    pub fn owned(&self) -> usize {
        self.decoded.capacity() + self.text.capacity() + self.spare.capacity() + self.kept.owned()
    }

    /// Asks for the fields of the first request that comes in the next call.
    pub fn keep_fields(&mut self) {
        self.is_keeping = true;
    }

    /// Puts them there, if a request came, and asks no longer.
    pub fn take_fields(&mut self, fields: &mut Kept) {
        if !std::mem::take(&mut self.is_keeping) {
            std::mem::swap(fields, &mut self.kept);
        }
    }

    /// A buffer for a header block in pieces.
    pub(super) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.spare)
    }

    /// Takes it back, unless it has grown large.
    pub(super) fn give_back(&mut self, mut buffer: Vec<u8>) {
        if buffer.capacity() <= bounds::SPARE && buffer.capacity() > self.spare.capacity() {
            buffer.clear();
            self.spare = buffer;
        }
    }
}
