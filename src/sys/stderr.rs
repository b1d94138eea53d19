//! A stderr that never makes the loop wait.
//!
//! A pipe or terminal that nobody reads would block a write. So the kernel is asked first: where it says
//! "writable", a pipe takes one page without blocking, and a line is cut to that. Otherwise the line is dropped
//! and counted; the next one that passes is preceded by how many were.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use std::io::{self, Write};
use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a writable pipe takes without blocking (PIPE_BUF).
pub(super) const LINE: usize = 4096;

static DROPPED: AtomicU64 = AtomicU64::new(0);

/// Log lines dropped since the process began because stderr would have blocked.
pub fn dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

/// Writes whole lines to stderr, or drops them.
#[derive(Debug, Default)]
pub struct PatientStderr {
    untold: u64,
}

impl Write for PatientStderr {
    /// One call is one line: it is written whole, cut, or dropped.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if !takes_a_line(rustix::stdio::stderr()) {
            self.untold += 1;
            DROPPED.fetch_add(1, Ordering::Relaxed);
            return Ok(line.len());
        }
        let mut out = Vec::with_capacity(line.len().min(LINE));
        if self.untold > 0 {
            let _ = writeln!(out, "wayside: {} log lines dropped: stderr was not read", self.untold);
            self.untold = 0;
        }
        let room = LINE - out.len();
        match line.get(..room.saturating_sub(1)) {
            Some(cut) if line.len() > room => {
                out.extend_from_slice(cut);
                out.push(b'\n');
            }
            _ => out.extend_from_slice(line),
        }
        let _ = rustix::io::write(rustix::stdio::stderr(), &out);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Whether a write of up to [`LINE`] bytes does not block.
pub(super) fn takes_a_line(to: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(&to, PollFlags::OUT)];
    let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
    matches!(poll(&mut fds, Some(&at_once)), Ok(ready) if ready > 0)
}
