//! Recognises an HTTP/1 request line as it passes, whatever its length, without keeping it.
//!
//! The line is `*CRLF token SP target SP HTTP/1.x CRLF` (RFC 9112, sections 2.2 and 3). It is taken for HTTP/1
//! only when it is complete, the line feed included: what httparse, which reads the head later, would
//! refuse is not called HTTP/1 here. Two liberties, both httparse's own: an LF may stand for a CRLF, and a target
//! may hold any byte from 0x80 up (httparse asks for UTF-8 on top; old clients send Latin-1).
//! Versions other than 1.0 and 1.1 do not exist; a line that claims one is not HTTP/1.

use memchr::memchr;

/// What one look at the next bytes brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    /// It is this.
    Yes,
    /// It cannot become this any more.
    No,
    /// The next bytes will tell.
    More,
}

/// The longest line, the empty lines before it included. Beyond it the connection is not HTTP/1 to us.
/// Servers stop between 8 KiB (nginx, Apache) and 64 KiB (hyper).
const MAX_LINE: u32 = 64 * 1024;

/// The most CR and LF bytes before the line. RFC 9112 asks a server to ignore "at least one" CRLF.
const MAX_EMPTY: u32 = 16;

const VERSION: &[u8; 7] = b"HTTP/1.";

/// How far the line has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum At {
    /// Before the method.
    #[default]
    Start,
    /// After a CR before the method.
    EmptyCr,
    Method,
    /// The target's first byte is next.
    Target,
    /// The target has at least one byte.
    TargetRest,
    /// So many bytes of the version are there.
    Version(u8),
    /// The version's last digit is there.
    End,
    /// After the CR that ends the line.
    EndCr,
    /// Not a request line.
    Dead,
}

/// Whether a client's first bytes begin with a whole request line that begins with a letter: nearly all do. `false` leaves it
/// open; then [`RequestLine`] tells. It is also what the strict reading of lines takes for HTTP at once.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let most = bytes.len().min(MAX_LINE as usize);
    let Some(line) = memchr(b'\n', bytes.get(..most).unwrap_or_default()).and_then(|end| bytes.get(..end))
    else {
        return false;
    };
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let Some(words) = line.strip_suffix(b" HTTP/1.1").or_else(|| line.strip_suffix(b" HTTP/1.0")) else {
        return false;
    };
    let Some((method, target)) = words.iter().position(|&byte| byte == b' ').and_then(|at| {
        let (method, rest) = words.split_at_checked(at)?;
        Some((method, rest.get(1..)?))
    }) else {
        return false;
    };
    method.first().is_some_and(u8::is_ascii_alphabetic)
        && !target.is_empty()
        && method.iter().all(|&byte| is_token(byte))
        && target.iter().all(|&byte| is_target(byte))
}

/// A request line in passing.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct RequestLine {
    at: At,
    taken: u32,
}

impl RequestLine {
    /// Whether it can still become one.
    pub(super) fn is_dead(self) -> bool {
        self.at == At::Dead
    }

    /// Rules it out.
    pub(super) fn kill(&mut self) {
        self.at = At::Dead;
    }

    /// The next bytes of the client.
    pub(super) fn feed(&mut self, bytes: &[u8]) -> Found {
        let mut rest = bytes;
        while let Some((&byte, tail)) = rest.split_first() {
            if self.at == At::Dead {
                break;
            }
            let run = self.run(rest);
            if run > 0 {
                self.taken = self.taken.saturating_add(u32::try_from(run).unwrap_or(u32::MAX));
                rest = rest.get(run..).unwrap_or_default();
            } else {
                self.taken = self.taken.saturating_add(1);
                rest = tail;
                if self.byte(byte) && self.taken <= MAX_LINE {
                    return Found::Yes;
                }
            }
            if self.taken >= MAX_LINE {
                self.kill();
            }
        }
        if self.is_dead() { Found::No } else { Found::More }
    }

    /// How many of the next bytes leave the state as it is.
    fn run(&self, bytes: &[u8]) -> usize {
        let stays = match self.at {
            At::Method => is_token,
            At::TargetRest => is_target,
            _ => return 0,
        };
        bytes.iter().position(|&byte| !stays(byte)).unwrap_or(bytes.len())
    }

    /// Takes one byte. True: the line is complete.
    fn byte(&mut self, byte: u8) -> bool {
        self.at = match (self.at, byte) {
            (At::Start, b'\r') if self.taken < MAX_EMPTY => At::EmptyCr,
            (At::Start | At::EmptyCr, b'\n') if self.taken <= MAX_EMPTY => At::Start,
            (At::Start, _) if is_token(byte) => At::Method,
            (At::Method, b' ') => At::Target,
            (At::Target, _) if is_target(byte) => At::TargetRest,
            (At::TargetRest, b' ') => At::Version(0),
            (At::Version(have), _) => version(have, byte),
            (At::End, b'\r') => At::EndCr,
            (At::End | At::EndCr, b'\n') => return true,
            _ => At::Dead,
        };
        false
    }
}

/// The state after one more byte of the version.
fn version(have: u8, byte: u8) -> At {
    match VERSION.get(usize::from(have)) {
        Some(&expected) if expected == byte => At::Version(have.saturating_add(1)),
        None if byte == b'0' || byte == b'1' => At::End,
        _ => At::Dead,
    }
}

/// RFC 9110, section 5.6.2: `tchar`.
pub(super) fn is_token(byte: u8) -> bool {
    const TABLE: [bool; 256] = {
        let mut table = [false; 256];
        let mut byte = 0u8;
        while byte < 128 {
            table[byte as usize] = byte.is_ascii_alphanumeric()
                || matches!(
                    byte,
                    b'!' | b'#'
                        | b'$'
                        | b'%'
                        | b'&'
                        | b'\''
                        | b'*'
                        | b'+'
                        | b'-'
                        | b'.'
                        | b'^'
                        | b'_'
                        | b'`'
                        | b'|'
                        | b'~'
                );
            byte += 1;
        }
        table
    };
    TABLE[usize::from(byte)]
}

/// What httparse takes in a request target: anything but controls, space and DEL.
pub(super) fn is_target(byte: u8) -> bool {
    byte > b' ' && byte != 0x7f
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_whole_at_once_is_so_byte_by_byte() {
        let cases: [(&[u8], bool); 22] = [
            (b"GET / HTTP/1.1\r\nHost: h\r\n\r\n", true),
            (b"GET / HTTP/1.0\n", true),
            (b"get /\xe4?a=b HTTP/1.1\r\n", true),
            (b"M-SEARCH * HTTP/1.1\r\n", true),
            (b"CONNECT h:1 HTTP/1.1\r\n\r\n\x16\x03", true),
            (b"GET / HTTP/1.1\r", false),
            (b"GET / HTTP/1.1", false),
            (b"\r\nGET / HTTP/1.1\r\n", false),
            (b"1GET / HTTP/1.1\r\n", false),
            (b"GET  / HTTP/1.1\r\n", false),
            (b"GET /  HTTP/1.1\r\n", false),
            (b"GET / a HTTP/1.1\r\n", false),
            (b"GET HTTP/1.1\r\n", false),
            (b"GET  HTTP/1.1\r\n", false),
            (b" / HTTP/1.1\r\n", false),
            (b"GET /\x01 HTTP/1.1\r\n", false),
            (b"G(T / HTTP/1.1\r\n", false),
            (b"GET / HTTP/1.2\r\n", false),
            (b"GET / HTTP/1.1 \r\n", false),
            (b"GET / HTTP/1.1\r\r\n", false),
            (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", false),
            (b"", false),
        ];
        for (bytes, expected) in cases {
            assert_eq!(is_whole(bytes), expected, "{}", bytes.escape_ascii());
            let mut line = RequestLine::default();
            let found = bytes.iter().any(|&byte| line.feed(&[byte]) == Found::Yes);
            assert!(found || !expected, "{}", bytes.escape_ascii());
        }
        // As long as a line may be, and one byte more.
        for (length, expected) in [(MAX_LINE as usize, true), (MAX_LINE as usize + 1, false)] {
            let target = "a".repeat(length - "GET / HTTP/1.1\n".len());
            let line = format!("GET /{target} HTTP/1.1\n");
            assert_eq!((line.len(), is_whole(line.as_bytes())), (length, expected));
            assert_eq!(RequestLine::default().feed(line.as_bytes()) == Found::Yes, expected);
        }
    }
}
