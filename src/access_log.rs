//! The access log: one line for each HTTP exchange, on stdout, without ever making the loop wait.
//!
//! | question | module |
//! |---|---|
//! | what is known of an exchange? | [`Record`] |
//! | how does it look? | `json`, `apache`, `time` |
//! | how does it get out? | [`AccessLog`], [`crate::sys::stdout`] |
//!
//! Lines wait in one buffer. Where stdout does not take them, the newest are dropped, whole, and counted.

mod apache;
mod json;
mod line;
#[cfg(test)]
mod tests;
mod time;

pub use line::{FIELD, Record, TARGET};

use crate::base::token::Source;
use crate::config::AccessLogFormat;
use crate::sys::stdout::{PIPE_BUF, Stdout};
use mio::Registry;
use std::io;
use std::time::{Duration, Instant};

/// The most bytes that wait for stdout, 500 to 1,000 lines. A line that finds no room is dropped.
const BUFFER: usize = 256 * 1024;
/// From here on `write` does not wait for the end of the turn: what a pipe takes at once.
const EAGER: usize = 64 * 1024;
/// Where stdout is full and tells no event, it is tried again after this: a pipe's 64 KiB in 20 ms are 3 MB/s.
const RETRY_FULL: Duration = Duration::from_millis(20);
/// Where stdout gives an error (nobody reads the pipe any more, the disk is full), it is tried again after this.
const RETRY_FAILED: Duration = Duration::from_secs(1);

/// Writes records to stdout.
#[derive(Debug)]
pub struct AccessLog {
    format: AccessLogFormat,
    /// `None`: it is off.
    out: Option<Stdout>,
    /// An event comes when stdout takes bytes again.
    has_events: bool,
    /// Others write there, too: only what a pipe takes whole or not at all is written at once.
    is_shared: bool,
    buffer: Vec<u8>,
    /// What of `buffer` is written.
    start: usize,
    obstacle: Option<Obstacle>,
    /// When the obstacle may be gone.
    retry_at: Option<Instant>,
    lines: u64,
    dropped: u64,
}

/// Why stdout is not written to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Obstacle {
    Full,
    Failed,
}

impl AccessLog {
    /// Opens stdout, unless the format is `Off`. Its events come as [`Source::AccessLog`]. `is_shared`: other processes
    /// write lines there, too.
    pub fn new(format: AccessLogFormat, registry: &Registry, is_shared: bool) -> io::Result<AccessLog> {
        let out = if format == AccessLogFormat::Off { None } else { Some(Stdout::open()?) };
        let mut log = AccessLog::to(out, format, registry);
        log.is_shared = is_shared;
        Ok(log)
    }

    fn to(out: Option<Stdout>, format: AccessLogFormat, registry: &Registry) -> AccessLog {
        let token = Source::AccessLog.token();
        AccessLog {
            format,
            has_events: out.as_ref().is_some_and(|out| out.register(registry, token)),
            is_shared: false,
            // Address space only, until it is used.
            buffer: if out.is_some() { Vec::with_capacity(BUFFER + line::LONGEST) } else { Vec::new() },
            out,
            start: 0,
            obstacle: None,
            retry_at: None,
            lines: 0,
            dropped: 0,
        }
    }

    /// Whether there is one. If not, nobody needs to keep what a [`Record`] is made of.
    pub fn is_on(&self) -> bool {
        self.out.is_some()
    }

    /// Lines that stdout has taken.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// Lines dropped, because stdout did not take them in time.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    fn pending(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Adds a line, or drops it. It goes out with the next [`AccessLog::flush`].
    pub fn write(&mut self, record: &Record<'_>) {
        if self.out.is_none() {
            return;
        }
        if self.pending().len() >= EAGER && self.obstacle.is_none() {
            self.push();
        }
        if self.buffer.len() >= BUFFER {
            self.buffer.drain(..self.start);
            self.start = 0;
        }
        let before = self.buffer.len();
        match self.format {
            AccessLogFormat::Off => return,
            AccessLogFormat::Json => json::write(&mut self.buffer, record),
            AccessLogFormat::Apache => apache::write(&mut self.buffer, record),
        }
        debug_assert!(self.buffer.len() - before <= line::LONGEST, "a line as long as we never thought");
        if self.pending().len() > BUFFER {
            self.buffer.truncate(before);
            self.dropped += 1;
        }
    }

    /// Writes what stdout takes. To be called at the end of a turn of the loop; does nothing if there is nothing.
    pub fn flush(&mut self, now: Instant) {
        if self.pending().is_empty() {
            return;
        }
        if self.retry_at.is_some_and(|at| at <= now) {
            (self.obstacle, self.retry_at) = (None, None);
        }
        if self.obstacle.is_none() {
            self.push();
        }
        self.retry_at = match self.obstacle {
            Some(Obstacle::Full) if !self.has_events => self.retry_at.or(Some(now + RETRY_FULL)),
            Some(Obstacle::Failed) => self.retry_at.or(Some(now + RETRY_FAILED)),
            Some(Obstacle::Full) | None => None,
        };
    }

    /// An event: stdout may take bytes again. [`AccessLog::flush`] does the rest.
    pub fn ready(&mut self) {
        if self.obstacle == Some(Obstacle::Full) {
            self.obstacle = None;
        }
    }

    /// When to call [`AccessLog::flush`] although nothing has happened.
    pub fn next_deadline(&self) -> Option<Instant> {
        self.retry_at
    }

    /// The last attempt, at the process's end: waits for stdout, at most so long, and drops the rest.
    pub fn finish(&mut self, most: Duration) {
        let end = Instant::now() + most;
        loop {
            self.push();
            let left = end.saturating_duration_since(Instant::now());
            let Some(out) = &self.out else { return };
            if self.pending().is_empty() || self.obstacle == Some(Obstacle::Failed) || !out.wait(left) {
                break;
            }
        }
        self.dropped += count_lines(self.pending());
        self.buffer.clear();
        self.start = 0;
    }

    /// Writes until all is written or there is an obstacle. At most `BUFFER`, so it comes to an end.
    fn push(&mut self) {
        self.obstacle = None;
        while !self.pending().is_empty() {
            match self.give() {
                Ok(count) if count > 0 => self.given(count),
                Err(error) if error.kind() != io::ErrorKind::WouldBlock => {
                    self.obstacle = Some(Obstacle::Failed);
                    return;
                }
                _ => {
                    self.obstacle = Some(Obstacle::Full);
                    return;
                }
            }
        }
        self.buffer.clear();
        self.start = 0;
    }

    fn give(&self) -> io::Result<usize> {
        match &self.out {
            Some(out) if self.is_shared => out.write(whole_lines(self.pending())),
            Some(out) => out.write(self.pending()),
            None => Ok(0),
        }
    }

    fn given(&mut self, count: usize) {
        let written = self.pending().get(..count).unwrap_or_default();
        self.lines += count_lines(written);
        self.start += count;
    }
}

/// As many lines as a pipe takes in one piece, or the first alone: a longer one may be parted where the pipe is
/// nearly full.
fn whole_lines(pending: &[u8]) -> &[u8] {
    let window = pending.get(..PIPE_BUF).unwrap_or(pending);
    let end = memchr::memrchr(b'\n', window).or_else(|| memchr::memchr(b'\n', pending));
    end.and_then(|end| pending.get(..=end)).unwrap_or(pending)
}

/// Each line has one newline, at its end.
fn count_lines(bytes: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', bytes).count() as u64
}
