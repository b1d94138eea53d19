//! What the two sides of an HTTP/2 connection send first.

use super::request_line::Found;

/// RFC 9113, section 3.4.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The client's connection preface in passing: all 24 bytes of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Preface {
    have: u8,
    dead: bool,
}

impl Preface {
    /// Whether it is ruled out.
    pub(super) fn is_dead(self) -> bool {
        self.dead
    }

    /// The next bytes of the client.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Found {
        if self.dead {
            return Found::No;
        }
        let expected = PREFACE.get(usize::from(self.have)..).unwrap_or_default();
        let equal = expected.iter().zip(bytes).take_while(|(a, b)| a == b).count();
        if equal == expected.len() {
            return Found::Yes;
        }
        if equal < bytes.len() {
            self.dead = true;
            return Found::No;
        }
        self.have = self.have.saturating_add(u8::try_from(equal).unwrap_or(u8::MAX));
        Found::More
    }
}

/// The header of the SETTINGS frame that an HTTP/2 server sends first, in passing.
///
/// A server need not wait for the client's preface (RFC 9113, section 3.4), and Netty's for one does not. Such a
/// server speaks first, and is no reason to call the connection opaque.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ServerSettings {
    have: u8,
    dead: bool,
}

impl ServerSettings {
    /// Whether the server has sent anything yet.
    pub(super) fn begun(self) -> bool {
        self.have > 0 || self.dead
    }

    /// The next bytes of the server. False: this is no HTTP/2 server.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> bool {
        for &byte in bytes {
            // RFC 9113, sections 4.1 and 6.5: a 24-bit length, a multiple of 6 (we take up to 42 settings); type 4;
            // no flags; stream 0.
            let fits = match self.have {
                2 => byte % 6 == 0,
                3 => byte == 4,
                0..=8 => byte == 0,
                _ => break,
            };
            if !fits {
                self.dead = true;
            }
            if self.dead {
                break;
            }
            self.have = self.have.saturating_add(1);
        }
        !self.dead
    }
}
