//! The client's acknowledgement of a SETTINGS frame of ours: its server sent none, and must not see it.

use super::frame::{ACK, HEAD, Head, Kind, PREFACE};
use std::ops::Range;

/// Looks for the first acknowledgement in what a client has sent since its connection began.
#[derive(Debug, Clone, Copy)]
pub struct Acknowledgement {
    /// Where the next frame begins.
    next: usize,
}

impl Default for Acknowledgement {
    fn default() -> Acknowledgement {
        Acknowledgement { next: PREFACE.len() }
    }
}

impl Acknowledgement {
    /// Where it stands; none while it has not come whole. `sent` begins with the preface, and is what the last call was
    /// given and perhaps more. Each frame is looked at once. What is no frame ends the search without a find.
    pub fn find(&mut self, sent: &[u8]) -> Option<Range<usize>> {
        while let Some(&raw) = sent.get(self.next..).and_then(|rest| rest.first_chunk::<HEAD>()) {
            let head = Head::parse(raw).ok()?;
            let end = self.next.checked_add(HEAD)?.checked_add(head.length as usize)?;
            if head.kind == Kind::Settings && head.has(ACK) {
                return Some(self.next..end);
            }
            self.next = end;
        }
        None
    }
}

#[cfg(test)]
mod tests;
