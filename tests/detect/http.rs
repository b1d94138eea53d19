//! HTTP/1 request lines and the HTTP/2 preface.

use crate::support::{Event, Side, at_every_split, client_says, plain, run};
use wayside::wire::detect::{DecidedBy, Detector, Protocol};

/// Heads that are HTTP/1, each with what follows the request line.
pub(crate) const HEADS: [&[u8]; 20] = [
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET / HTTP/1.0\r\n\r\n",
    b"GET /\xc3\xa9?q=%20&x=[1]{2}|\\^\"<> HTTP/1.1\r\nHost: a\r\n\r\n",
    b"GET /\xe9\xff\x80 HTTP/1.1\r\n\r\n",
    b"POST /upload HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc",
    b"HEAD /x HTTP/1.1\n\n",
    b"OPTIONS * HTTP/1.1\r\n\r\n",
    b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
    b"GET http://example.com/a HTTP/1.1\r\n\r\n",
    b"\r\nGET / HTTP/1.1\r\n\r\n",
    b"\r\n\n\r\n\nPUT /x HTTP/1.1\r\n\r\n",
    b"PRI * HTTP/1.1\r\n\r\n",
    b"get lower HTTP/1.1\r\n\r\n",
    b"M-SEARCH * HTTP/1.1\r\n\r\n",
    b"!#$%&'*+-.^_`|~09azAZ / HTTP/1.1\r\n\r\n",
    b"X / HTTP/1.0\n",
    b"PING / HTTP/1.1\r\n\r\n",
    b"SSH-2.0-OpenSSH / HTTP/1.1\r\n\r\n",
    b"EHLO mail HTTP/1.1\r\n\r\n",
    b"PATCH /a HTTP/1.1\r\n broken header \0\r\n\r\n",
];

#[test]
fn request_heads_at_every_split() {
    for head in HEADS {
        let verdict = at_every_split(Side::Client, head);
        assert_eq!(verdict, plain(Protocol::Http1, DecidedBy::Client), "{:?}", String::from_utf8_lossy(head));
    }
}

#[test]
fn the_verdict_comes_with_the_line_feed_and_not_before() {
    for head in HEADS {
        let version = head.windows(5).position(|part| part == b"HTTP/").unwrap();
        let end = version + head[version..].iter().position(|byte| *byte == b'\n').unwrap();
        for cut in 0..=end {
            let mut detector = Detector::default();
            assert_eq!(detector.client(&head[..cut]), None);
            assert_eq!(detector.opaque(), None);
            assert_eq!(detector.give_up(DecidedBy::Eof), plain(Protocol::Unknown, DecidedBy::Eof));
        }
        assert!(Detector::default().client(&head[..=end]).is_some());
    }
}

#[test]
fn what_is_no_request_line() {
    let not: [&[u8]; 19] = [
        b"GET / HTTP/1.2\r\n",
        b"GET / HTTP/2.0\r\n",
        b"GET / HTTP/0.9\r\n",
        b"GET / http/1.1\r\n",
        b"GET / HTTP/1.1 \r\n",
        b"GET / HTTP/1.1\rX",
        b"GET / HTTP/1.10\r\n",
        b"GET /\r\n",
        b"GET  / HTTP/1.1\r\n",
        b"GET /  HTTP/1.1\r\n",
        b"GET / a HTTP/1.1\r\n",
        b"GET\t/ HTTP/1.1\r\n",
        b" GET / HTTP/1.1\r\n",
        b"G(T / HTTP/1.1\r\n",
        b"GET /\x7f HTTP/1.1\r\n",
        b"GET /\0 HTTP/1.1\r\n",
        b"\rGET / HTTP/1.1\r\n",
        b"\x80ET / HTTP/1.1\r\n",
        b"HTTP/1.1 200 OK\r\n",
    ];
    for head in not {
        let verdict = at_every_split(Side::Client, head);
        let shown = String::from_utf8_lossy(head);
        assert_eq!(verdict, plain(Protocol::Unknown, DecidedBy::Client), "{shown:?}");
    }
}

#[test]
fn empty_lines_are_bounded() {
    let good = [b"\r\n".repeat(8), b"GET / HTTP/1.1\r\n".to_vec()].concat();
    assert_eq!(at_every_split(Side::Client, &good).protocol, Protocol::Http1);
    for empty in [b"\r\n".repeat(9), b"\n".repeat(17), [b"\n".repeat(15), b"\r\n".to_vec()].concat()] {
        let bad = [empty, b"GET / HTTP/1.1\r\n".to_vec()].concat();
        assert_eq!(at_every_split(Side::Client, &bad), plain(Protocol::Unknown, DecidedBy::Client));
    }
}

#[test]
fn a_line_may_have_64_kib() {
    let line = |length: usize| {
        let target = "a".repeat(length - "GET / HTTP/1.1\r\n".len());
        format!("GET /{target} HTTP/1.1\r\n").into_bytes()
    };
    for step in [1, 7, 1000, 65_535, 70_000] {
        for (length, protocol) in [(65_536, Protocol::Http1), (65_537, Protocol::Unknown)] {
            let events: Vec<Event> =
                line(length).chunks(step).map(|part| (Side::Client, part.to_vec())).collect();
            let verdict = run(&events, DecidedBy::Timeout).0;
            assert_eq!(verdict, plain(protocol, DecidedBy::Client), "{length} by {step}");
        }
    }
    let mut detector = Detector::default();
    assert_eq!(detector.client(&[b'A'; 65_535]), None);
    assert_eq!(detector.client(b"A"), Some(plain(Protocol::Unknown, DecidedBy::Client)));
}

#[test]
fn the_preface_takes_all_24_bytes() {
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let more = [preface.as_slice(), b"\0\0\0\x04\0\0\0\0\0"].concat();
    assert_eq!(at_every_split(Side::Client, &more), plain(Protocol::Http2, DecidedBy::Client));
    for cut in 0..preface.len() {
        assert_eq!(client_says(&preface[..cut]), plain(Protocol::Unknown, DecidedBy::Timeout));
        let mut wrong = preface.to_vec();
        wrong[cut] ^= 0x20;
        assert_eq!(at_every_split(Side::Client, &wrong).protocol, Protocol::Unknown, "{cut}");
    }
}

/// A connection that trickles must cost little: 1,000 of them live in a container of 16 MB.
#[test]
fn a_detector_is_small() {
    assert!(size_of::<Detector>() <= 128, "{}", size_of::<Detector>());
}
