//! Where bytes wait between two sockets: nowhere, in a buffer, or in a kernel pipe.

use crate::base::buffers::Held;
use crate::base::end::End;
use crate::kit::Kit;
use crate::sys::pipe::Pipe;
use std::io::{self, ErrorKind, Write};

/// What one lane has taken and not yet given. An idle lane is `Empty` and owns nothing.
#[derive(Debug, Default)]
pub enum Transit {
    /// Nothing waits.
    #[default]
    Empty,
    /// The rest of one read waits; there is always at least one byte.
    Buffer(Held),
    /// The lane is bulky; the pipe may be empty for the moment.
    Pipe(Pipe),
}

impl Transit {
    /// Bytes that wait.
    pub fn len(&self) -> usize {
        match self {
            Transit::Empty => 0,
            Transit::Buffer(held) => held.len(),
            Transit::Pipe(pipe) => pipe.len(),
        }
    }

    /// Whether none does.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Gives `to` what it takes; a buffer goes back to the pool with its last byte.
    pub fn push(&mut self, to: &mut End, kit: &mut Kit) -> io::Result<()> {
        while !self.is_empty() && to.ready.is_writable() {
            let sent = match self {
                Transit::Empty => return Ok(()),
                Transit::Buffer(held) => {
                    let sent = to.stream.write(held.bytes());
                    held.consume(*sent.as_ref().unwrap_or(&0));
                    sent
                }
                Transit::Pipe(pipe) => pipe.drain(&to.stream),
            };
            match sent {
                // A buffer's short write means a full socket; a pipe's may only mean the end of a page.
                Ok(0) => to.ready.clear_writable(),
                Ok(_) if matches!(self, Transit::Buffer(_)) && !self.is_empty() => to.ready.clear_writable(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => to.ready.clear_writable(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        if matches!(self, Transit::Buffer(held) if held.is_empty()) {
            self.release(kit);
        }
        Ok(())
    }

    /// Gives buffer or pipe back, with whatever is in it.
    pub fn release(&mut self, kit: &mut Kit) {
        match std::mem::take(self) {
            Transit::Empty => {}
            Transit::Buffer(held) => kit.buffers.give_back(held),
            Transit::Pipe(pipe) => kit.pipes.give_back(pipe),
        }
    }
}
