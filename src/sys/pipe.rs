//! Kernel pipes: bytes go from socket to socket without coming up here.

use mio::net::TcpStream;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::io;
use std::os::fd::OwnedFd;

/// A pipe's size. 256 KiB costs 0.14 CPU seconds per GB, as 1 MiB does; 64 KiB costs 0.15.
const SIZE: usize = 256 * 1024;
/// Below this a pipe is no gain over a buffer (the kernel gives two pages to a user above its soft limit).
const USEFUL: usize = 64 * 1024;

/// A pipe and how many bytes are in it.
#[derive(Debug)]
pub struct Pipe {
    read: OwnedFd,
    write: OwnedFd,
    held: u32,
    size: u32,
}

impl Pipe {
    fn open() -> io::Result<Option<Pipe>> {
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Refused where the user is over the kernel's limit for pipes: then it stays as it is.
        let size =
            fcntl_setpipe_size(&read, SIZE).or_else(|_| rustix::pipe::fcntl_getpipe_size(&read)).unwrap_or(0);
        Ok((size >= USEFUL).then_some(Pipe { read, write, held: 0, size: size as u32 }))
    }

    /// Bytes in the pipe.
    pub fn len(&self) -> usize {
        self.held as usize
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.held == 0
    }

    /// Takes what `from` has, up to `most` and the pipe's size. `Ok(0)` is its end. Only for an empty pipe: on a full one
    /// `WouldBlock` would not say which of the two is not ready.
    pub fn fill(&mut self, from: &TcpStream, most: u64) -> io::Result<usize> {
        debug_assert!(self.is_empty(), "an empty pipe is filled");
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let room = u64::from(self.size).min(most) as usize;
        let count = splice(from, None, &self.write, None, room, flags)?;
        self.held += count as u32;
        Ok(count)
    }

    /// Gives `to` what it takes.
    pub fn drain(&mut self, to: &TcpStream) -> io::Result<usize> {
        let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
        let count = splice(&self.read, None, to, None, self.len(), flags)?;
        self.held = self.held.saturating_sub(count as u32);
        Ok(count)
    }
}

/// A bounded stock of pipes.
#[derive(Debug)]
pub struct Pipes {
    free: Vec<Pipe>,
    lent: usize,
    most: usize,
    /// How often not to ask the kernel, after it gave none.
    pause: u32,
}

/// Requests that go without a pipe after the kernel gave none: asking costs five system calls.
const PAUSE: u32 = 64;
/// Empty pipes kept for the next bulky lane.
const KEEP: usize = 16;

impl Pipes {
    /// Lends at most `most` pipes, of two descriptors each; a lane that gets none goes on copying.
    pub fn new(most: usize) -> Pipes {
        Pipes { free: Vec::new(), lent: 0, most, pause: 0 }
    }

    /// A pipe, unless all are lent or the kernel gives none.
    pub fn take(&mut self) -> Option<Pipe> {
        if self.lent >= self.most {
            return None;
        }
        let pipe = match self.free.pop() {
            Some(pipe) => pipe,
            None => self.open()?,
        };
        self.lent += 1;
        Some(pipe)
    }

    fn open(&mut self) -> Option<Pipe> {
        if self.pause > 0 {
            self.pause -= 1;
            return None;
        }
        let pipe = Pipe::open().ok().flatten();
        if pipe.is_none() {
            self.pause = PAUSE;
        }
        pipe
    }

    /// Takes a pipe back. One with bytes left in it is closed.
    pub fn give_back(&mut self, pipe: Pipe) {
        self.lent = self.lent.saturating_sub(1);
        if pipe.is_empty() && self.free.len() < KEEP {
            self.free.push(pipe);
        }
    }

    /// Closes the free ones; true if there were any.
    pub fn trim(&mut self) -> bool {
        let any = !self.free.is_empty();
        self.free = Vec::new();
        any
    }
}
