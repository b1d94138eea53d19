//! What all observers share.

use crate::wire::h1;
use crate::wire::h2::{Kept, Scratch};

/// What all observers share, lent to each for a call, so that an idle connection owns next to nothing.
#[derive(Debug, Default)]
pub struct Means {
    /// Set for a call on a connection whose HTTP/1 is to be looked at one exchange at a time.
    pub is_one_by_one: bool,
    /// Where header blocks of HTTP/2 are decoded.
    pub(super) scratch: Scratch,
    /// Observers of HTTP/1 that are between messages.
    #[expect(clippy::vec_box, reason = "the boxes move between here and the connections")]
    spare: Vec<Box<h1::Observer>>,
}

/// The most observers that are kept for the next message: a turn of the loop rarely has more connections in the midst
/// of one.
const SPARE: usize = 256;

impl Means {
    /// Gives back what was needed once. To be called when the process is idle.
    pub fn trim(&mut self) {
        self.scratch.trim();
        self.spare = Vec::new();
    }

    /// Asks for the fields of the first request of HTTP/2 that comes in the next call.
    pub fn keep_fields(&mut self) {
        self.scratch.keep_fields();
    }

    /// Puts them there, if a request came.
    pub fn take_fields(&mut self, fields: &mut Kept) {
        self.scratch.take_fields(fields);
    }

    pub(super) fn take(&mut self, is_strict: bool) -> Box<h1::Observer> {
        let mut observer = self.spare.pop().unwrap_or_else(|| Box::new(h1::Observer::new(is_strict)));
        observer.set_rigour(is_strict, self.is_one_by_one);
        observer
    }

    pub(super) fn give_back(&mut self, observer: Box<h1::Observer>) {
        if self.spare.len() < SPARE {
            self.spare.push(observer);
        }
    }
}
