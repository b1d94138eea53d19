//! One of a flow's two sockets, with what epoll has said about it.

use mio::event::Event;
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use std::io;

/// What a socket that is being connected is registered for: once, edge-triggered, and never changed.
pub const ALL: Interest = READS.add(Interest::WRITABLE);
/// What an accepted one is registered for at first: it is writable, and epoll would say so at once.
const READS: Interest = Interest::READABLE.add(Interest::PRIORITY);

/// A socket and its remembered readiness.
#[derive(Debug)]
pub struct End {
    /// The socket.
    pub stream: TcpStream,
    /// What epoll has said, less what system calls have shown since.
    pub ready: Ready,
    /// The errno that ended it; 0 for none.
    pub errno: i32,
    /// Its reader pauses, so TCP_USER_TIMEOUT is lifted.
    pub is_paused: bool,
    heard: Heard,
}

/// What epoll is to tell of a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Heard {
    Nothing,
    Reads,
    All,
}

impl End {
    /// A socket that is being connected: nothing is known of it yet, and it is registered for [`ALL`].
    pub fn dialled(stream: TcpStream) -> End {
        End { stream, ready: Ready::default(), errno: 0, is_paused: false, heard: Heard::All }
    }

    /// A socket that was accepted, and is not registered yet: its buffers are empty, so it takes bytes.
    pub fn accepted(stream: TcpStream) -> End {
        End { stream, ready: Ready(WRITABLE), errno: 0, is_paused: false, heard: Heard::Nothing }
    }

    /// Whether epoll tells what it waits for.
    #[inline]
    pub fn is_heard(&self) -> bool {
        match self.heard {
            Heard::Nothing => false,
            Heard::Reads => self.ready.is_writable(),
            Heard::All => true,
        }
    }

    /// Registers it for what it waits for. Most never have to wait for room, and so spare epoll the event that says there
    /// is some. What has happened before is told as well.
    pub fn hear(&mut self, registry: &Registry, token: Token) -> io::Result<()> {
        if self.heard == Heard::Nothing && self.ready.is_writable() {
            registry.register(&mut self.stream, token, READS)?;
            self.heard = Heard::Reads;
            return Ok(());
        }
        match self.heard {
            Heard::Nothing => registry.register(&mut self.stream, token, ALL)?,
            Heard::Reads | Heard::All => registry.reregister(&mut self.stream, token, ALL)?,
        }
        self.heard = Heard::All;
        Ok(())
    }
}

/// Readiness is a fact to remember, not a wake-up to chase: epoll is edge-triggered and says each thing once.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ready(u8);

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;
/// The peer's FIN is in the receive queue: a short read is the last one.
const FIN: u8 = 4;
/// The socket has an error to report.
const FAILED: u8 = 8;
/// Urgent data was seen. The kernel stops a read at it, so a short read does not mean "drained".
const URGENT: u8 = 16;

impl Ready {
    /// Adds what `event` says.
    pub fn mark(&mut self, event: &Event) {
        let failed = event.is_error();
        if event.is_readable() || event.is_read_closed() || failed {
            self.0 |= READABLE;
        }
        if event.is_writable() || failed {
            self.0 |= WRITABLE;
        }
        if failed {
            self.0 |= FAILED;
        } else if event.is_read_closed() {
            self.0 |= FIN;
        }
        if event.is_priority() {
            self.0 |= URGENT;
        }
    }

    /// Urgent data was seen: splice(2) would stop at it for good.
    pub fn is_urgent(self) -> bool {
        self.0 & URGENT != 0
    }

    /// There may be bytes, an end or an error to read.
    pub fn is_readable(self) -> bool {
        self.0 & READABLE != 0
    }

    /// There may be something to read before epoll has said so: a read will tell.
    pub fn assume_readable(&mut self) {
        self.0 |= READABLE;
    }

    /// The peer has sent its last byte, whether it was read or not.
    pub fn has_ended(self) -> bool {
        self.0 & FIN != 0
    }

    /// The socket may take bytes.
    pub fn is_writable(self) -> bool {
        self.0 & WRITABLE != 0
    }

    /// The socket has an error to report.
    pub fn is_failed(self) -> bool {
        self.0 & FAILED != 0
    }

    /// Nothing to read until epoll says so.
    pub fn clear_readable(&mut self) {
        self.0 &= !READABLE;
    }

    /// No room until epoll says so.
    pub fn clear_writable(&mut self) {
        self.0 &= !WRITABLE;
    }

    /// A read brought less than it asked for: the queue is empty, but for what urgent data may have cut off.
    /// True if that was the end of the stream, which saves the read that would say so.
    pub fn drained(&mut self) -> bool {
        if self.0 & (URGENT | FAILED) != 0 {
            return false;
        }
        self.clear_readable();
        self.0 & FIN != 0
    }
}
