//! First lines and what they are taken for, whole and in pieces.

use super::*;

/// What lines come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    /// All of it waits.
    Held,
    Passed,
    /// It has to turn out as HTTP.
    Http,
    Refused,
}
use Outcome::{Held, Http, Passed, Refused};

fn outcome(pieces: &[&[u8]]) -> Outcome {
    let mut lines = Lines::default();
    let (mut shown, mut passed) = (Vec::new(), Vec::new());
    for piece in pieces {
        shown.extend_from_slice(piece);
        match lines.feed(piece) {
            Step::Hold => assert_eq!(lines.held(), shown.len()),
            Step::Pass(None) => passed.extend_from_slice(piece),
            Step::Pass(Some(held)) => passed.extend_from_slice(&held),
            Step::Http(held) => {
                assert!(shown == held && passed.is_empty());
                return Http;
            }
            Step::Refuse => return Refused,
        }
    }
    if lines.held() > 0 {
        return Held;
    }
    assert_eq!(passed, shown);
    Passed
}

#[track_caller]
fn check(bytes: &[u8], expected: Outcome) {
    assert_eq!(outcome(&[bytes]), expected, "{}", bytes.escape_ascii());
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(outcome(&single), expected, "{}, byte by byte", bytes.escape_ascii());
    for at in 1..bytes.len() {
        let (first, second) = bytes.split_at(at);
        assert_eq!(outcome(&[first, second]), expected, "{}, cut at {at}", bytes.escape_ascii());
    }
}

#[test]
fn first_lines() {
    let table: &[(&[u8], Outcome)] = &[
        (b"\r\n", Held),
        (b"GE", Held),
        (b"GET /a", Held),
        (b"GET / HTTP/1.1\r", Held),
        (b"GET / HTTP/1.1\rHost", Held),
        (b"GET  / HTTP/1.1 \r\n", Http),
        (b"\r\rGET / http/1.2\n", Http),
        (b"GET /\0 HTTP/1.1\r\n", Http),
        (b"GET /\0\x01", Held),
        (b"GET /\r HTTP/1.1\r\n", Http),
        (b"PRI * HTTP/2.0\r\n", Http),
        (b"no more HTTP/ please\n", Http),
        (b"get x\r\n", Passed),
        (b"PING\r\n", Passed),
        (b"GET key\r\n", Passed),
        (b"get /key\r\n", Passed),
        (b"*1\r\n$4\r\nPING\r\n", Passed),
        (b"SSH-2.0-x\r\n", Passed),
        (b"EHLO a\r\nMAIL FROM:<a@b>\r\n", Passed),
        (b"CONNECT {\"verbose\":false}\r\nPING\r\n", Passed),
        (b"CONNECT\naccept-version:1.2\nhost:h\n\n\0", Passed),
        (b"a1 LOGIN u p\r\n", Passed),
        (b"OPTIONS rtsp://h/ RTSP/1.0\r\nCSeq: 1\r\n\r\n", Passed),
        (b"OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n", Passed),
        (b"INVITE sip:a@h SIP/2.0\r\nVia: SIP/2.0/TCP h\r\n\r\n", Passed),
        (b"<?xml version='1.0'?><stream:stream to='h'>", Passed),
        (b"\x0bMSH|^~\\&|A|B\rPID|1\r\x1c\r", Passed),
        (b"\x16\x03\x01\0\xa5\x01\0\0\xa1\x03\x03", Passed),
        (b"\0\0\0\x08\x04\xd2\x16\x2f", Passed),
        (b"AMQP\0\0\x09\x01", Passed),
        // Git; syslog, with octet counts.
        (b"0033git-upload-pack /project.git\0host=h\0", Passed),
        (b"a033git-upload-pack /project.git\0host=h\0", Passed),
        (b"83 <34>1 2003-10-11T22:14:15.003Z h su - ID47 - 'su root' failed", Passed),
        (b"!a b", Passed),
        (b"x y\x7f", Passed),
        // FastCGI, uwsgi, SCGI, AJP.
        (b"\x01\x01\0\x01\0\x08\0\0\x0f\x08SERVER_PROTOCOLHTTP/1.1\n", Passed),
        (b"\0\x20\0\0\x0e\0REQUEST_METHOD\x03\0GET\x0f\0SERVER_PROTOCOL\x08\0HTTP/1.1", Passed),
        (b"70:CONTENT_LENGTH\x0027\0SERVER_PROTOCOL\0HTTP/1.1\0,", Passed),
        (b"\x124\0\x20\x02\x02\0\x08HTTP/1.1\0\0\x01/\0", Passed),
    ];
    for (bytes, expected) in table {
        check(bytes, *expected);
    }
}

#[test]
fn requests_to_lenient_servers() {
    let table: &[(&[u8], Outcome)] = &[
        // HTTP/0.9, and what takes any version.
        (b"GET /\r\n", Refused),
        (b"GET /x\n", Refused),
        (b"\r\nGET\t/\r\n", Refused),
        (b"GET http://h/\r\n", Refused),
        (b"POST / FOO/1.0\r\n", Refused),
        (b"\0GET /\r\n", Refused),
        (b"\xef\xbb\xbfGET /\r\n", Refused),
        (b"GET\0/\0HTTP/1.1\r\n", Refused),
        // Before and in the first word.
        (b"GET\0 / HTTP/1.1\r\n", Refused),
        (b"G\x01T / HTTP/1.1", Refused),
        (b"(GET) / HTTP/1.1\r\n", Refused),
        (b"GET\x0b/\x0bHTTP/1.1\r\n", Refused),
        (b"GET\x1f/\xa0HTTP/1.1\r\n", Refused),
        (b"\x85GET /\x85HTTP/1.1\r\n", Refused),
        (b"\xff\xfeGET / HTTP/1.1", Refused),
        (b"1GET / HTTP/1.1\r\n", Refused),
        (b"!GET\x0b/\x0bHTTP/1.1\r\n", Refused),
        (b"BREW /\0 HTTP/1.1\r\n", Refused),
        (b"BREW /\0\xa0http/", Refused),
        // Lines of junk before it.
        (b"83 <34>1 -\nGET / HTTP/1.1\r\n", Refused),
        (b"PING\r\nGET / HTTP/1.1\r\n", Refused),
        (b"\x01\nGET\t/ HTTP/1.1\r\n", Refused),
        (b"a\nb\n\nGET / x http/1.1 \r\n", Refused),
        (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\nGET / HTTP/1.1\r\n", Refused),
        (b"a\nsee HTTP/1.1\n", Passed),
        (b"a\nHTTP/1.1 200 OK\n", Passed),
    ];
    for (bytes, expected) in table {
        check(bytes, *expected);
    }
    for blank in (0x09..=0x0d).chain(0x1c..=0x20).chain([0x85, 0xa0]).filter(|&blank| blank != b'\n') {
        let line = [&[b'G', b'E', b'T', blank, b'/', blank][..], b"HTTP/1.1\r\n"].concat();
        let expected = if matches!(blank, b' ' | b'\t' | b'\r') { Http } else { Refused };
        check(&line, expected);
        check(&[&[0, blank], &line[..]].concat(), Refused);
    }
}

#[test]
fn bounds() {
    assert_eq!(outcome(&[&[b'a'; MAX_LINES]]), Held);
    assert_eq!(outcome(&[&[b'a'; MAX_LINES + 1]]), Refused);
    let mut lines = Lines::default();
    assert!(matches!(lines.feed(b"\0"), Step::Pass(_)));
    for _ in 0..MAX_LINES {
        assert_eq!(lines.feed(b"x"), Step::Pass(None));
    }
    assert!(lines.is_done() && lines.line.capacity() == 0);
}

#[test]
fn at_the_end() {
    let table: [(&[u8], Option<&[u8]>); 8] = [
        (b"", Some(b"")),
        (b"ruok", Some(b"ruok")),
        (b"GET key", Some(b"GET key")),
        (b"\0ruok", Some(b"")),
        (b"GET /", None),
        (b"\0GET /", None),
        (b"GET / HTTP/1.1", None),
        (b"a\nGET / HTTP/1.1", None),
    ];
    for (bytes, expected) in table {
        let mut lines = Lines::default();
        lines.feed(bytes);
        assert_eq!(lines.end().ok().as_deref(), expected, "{}", bytes.escape_ascii());
    }
}
