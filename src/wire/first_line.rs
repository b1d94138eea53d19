//! A connection's first line, held until it is whole: what a lenient server may take for a request must not pass a
//! strict observer because it is none by the rules. A blank too many is enough for that.

use crate::wire::request_line::is_token;
use memchr::memchr;

/// The most bytes that are held; no request line that is followed is longer.
pub(super) const MAX_LINE: usize = 64 * 1024;

/// What the first bytes may be the beginning of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// A request line, perhaps; its end is not there.
    Open,
    /// Something that no server takes for HTTP.
    Other,
    /// A line that names HTTP.
    Http,
    /// It is longer than any that is followed.
    TooLong,
}

/// Looks at all the bytes that there are. A request line is a word, a blank and text; empty lines and blanks may be
/// before it.
pub(super) fn look(bytes: &[u8]) -> Line {
    let begin = bytes.iter().position(|byte| !matches!(byte, b'\r' | b'\n' | b' ' | b'\t'));
    let text = begin.and_then(|begin| bytes.get(begin..)).unwrap_or_default();
    let end = memchr(b'\n', text);
    let line = end.and_then(|end| text.get(..end)).unwrap_or(text);
    let word = line.iter().take_while(|&&byte| is_token(byte)).count();
    match line.get(word) {
        _ if word == 0 && !line.is_empty() => Line::Other,
        Some(b' ' | b'\t' | b'\r' | b'/') | None => match end {
            Some(_) if names_http(line) => Line::Http,
            None if ends_at_lone_cr(line) => Line::Http,
            Some(_) => Line::Other,
            None if bytes.len() > MAX_LINE => Line::TooLong,
            None => Line::Open,
        },
        Some(_) => Line::Other,
    }
}

/// Some take a lone CR for a line's end.
fn ends_at_lone_cr(line: &[u8]) -> bool {
    let end = line.iter().position(|&byte| byte == b'\r').filter(|end| end + 1 < line.len());
    end.and_then(|end| line.get(..end)).is_some_and(names_http)
}

fn names_http(line: &[u8]) -> bool {
    line.windows(5).any(|part| part.eq_ignore_ascii_case(b"HTTP/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let table: &[(&[u8], Line)] = &[
            (b"", Line::Open),
            (b"\r\n", Line::Open),
            (b"GE", Line::Open),
            (b"GET /a", Line::Open),
            (b"GET  / HTTP/1.1 \r\n", Line::Http),
            (b"\r\rGET / http/1.2\n", Line::Http),
            (b"get x\r\n", Line::Other),
            (b"PING\r\n", Line::Other),
            (b"*1\r\n$4\r\n", Line::Other),
            (b"SSH-2.0-x\r\n", Line::Other),
            (b"\x16\x03\x01", Line::Other),
            (b"\0\0\0\x08", Line::Other),
            (b"GET\0", Line::Other),
            (b"GET /\0 HTTP/1.1\r\n", Line::Http),
            (b"GET / HTTP/1.1\r", Line::Open),
            (b"GET / HTTP/1.1\rHost", Line::Http),
            (b"GET /\r HTTP/1.1\r\n", Line::Http),
        ];
        for (bytes, expected) in table {
            assert_eq!(look(bytes), *expected, "{}", bytes.escape_ascii());
        }
        assert_eq!(look(&[b'a'; MAX_LINE + 1]), Line::TooLong);
    }
}
