//! One of a flow's two sockets, with what epoll has said about it.

use mio::event::Event;
use mio::net::TcpStream;

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
}

impl End {
    /// A socket of which nothing is known yet.
    pub fn new(stream: TcpStream) -> End {
        End { stream, ready: Ready::default(), errno: 0, is_paused: false }
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
