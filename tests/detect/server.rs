//! Servers that speak first.

use crate::samples::banners;
use crate::support::{Event, Side, at_every_split, plain, run};
use wayside::wire::detect::{DecidedBy, Detector, Protocol, Verdict};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: &[u8] = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";

fn talk(parts: &[(Side, &[u8])]) -> Verdict {
    let events: Vec<Event> = parts.iter().map(|(side, bytes)| (*side, bytes.to_vec())).collect();
    let whole = run(&events, DecidedBy::Timeout).0;
    let single: Vec<Event> =
        events.iter().flat_map(|(side, bytes)| bytes.iter().map(|byte| (*side, vec![*byte]))).collect();
    assert_eq!(run(&single, DecidedBy::Timeout).0, whole, "byte by byte");
    whole
}

#[test]
fn banners_at_every_split() {
    for (protocol, bytes) in banners() {
        let verdict = at_every_split(Side::Server, &bytes);
        assert_eq!(verdict, plain(protocol, DecidedBy::Server), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn the_first_byte_settles_it() {
    for (_, bytes) in banners() {
        let mut detector = Detector::default();
        if detector.server(&bytes[..1]).is_none() {
            assert_eq!(detector.opaque(), Some(DecidedBy::Server));
            assert_eq!(detector.give_up(DecidedBy::Eof), plain(Protocol::Unknown, DecidedBy::Server));
        }
    }
}

#[test]
fn banners_that_are_none() {
    let not: [&[u8]; 14] = [
        b"HTTP/1.1 408 Request Timeout\r\n",
        b"\x16\x03\x01\x02\0\x01",
        b"hello\r\n",
        b"200 ready\r\n",
        b"421 busy\r\n",
        b"INFO x",
        b"* BAD\r\n",
        b"+OKAY\r\n",
        b"RFB 003.00x\n",
        b"SSH 2\r\n",
        b"\x4a\0\0\0\x09",
        b"\x4a\0\0\x01\x0a8.0\0",
        b"\x17\0\0\0\xff\x10\0Too",
        b"\x0a\0\0\0\xff\x10\x04\0\0\0\0",
    ];
    for bytes in not {
        let verdict = at_every_split(Side::Server, bytes);
        let shown = String::from_utf8_lossy(bytes);
        assert_eq!(verdict, plain(Protocol::Unknown, DecidedBy::Server), "{shown:?}");
    }
}

#[test]
fn mysql_error_codes_have_four_digits() {
    for (code, named) in [(999u16, false), (1000, true), (4999, true), (5000, false)] {
        let bytes = [b"\x17\0\0\0\xff".as_slice(), &code.to_le_bytes(), b"Too many"].concat();
        let protocol = if named { Protocol::Mysql } else { Protocol::Unknown };
        assert_eq!(at_every_split(Side::Server, &bytes), plain(protocol, DecidedBy::Server), "{code}");
    }
}

#[test]
fn a_greeting_that_names_none_waits_for_the_command() {
    let table: [(&[u8], Protocol); 11] = [
        (b"EHLO a\r\n", Protocol::Smtp),
        (b"helo a\r\n", Protocol::Smtp),
        (b"LHLO a\r\n", Protocol::Smtp),
        (b"USER anonymous\r\n", Protocol::Ftp),
        (b"user x\r\n", Protocol::Ftp),
        (b"AUTH TLS\r\n", Protocol::Ftp),
        (b"FEAT\r\n", Protocol::Ftp),
        (b"AUTH PLAIN\r\n", Protocol::Unknown),
        (b"QUIT\r\n", Protocol::Unknown),
        (b"\x16\x03\x01", Protocol::Unknown),
        (b"", Protocol::Unknown),
    ];
    let greetings: [&[u8]; 4] = [
        b"220 host.example\r\n",
        b"220 ftp.example ESMTP\r\n",
        b"220-a\r\n220 b\r\n",
        &[b"220 ", [b'x'; 600].as_slice()].concat(),
    ];
    for greeting in greetings {
        for (command, protocol) in table {
            let verdict = talk(&[(Side::Server, greeting), (Side::Client, command)]);
            assert_eq!(verdict, plain(protocol, DecidedBy::Server));
        }
    }
    // The command overtakes the greeting's end.
    let verdict =
        talk(&[(Side::Server, b"220 ho"), (Side::Client, b"EHLO a\r\n"), (Side::Server, b"st\r\n")]);
    assert_eq!(verdict, plain(Protocol::Smtp, DecidedBy::Server));
    // The beginning of the command came before the greeting.
    let verdict =
        talk(&[(Side::Client, b"EH"), (Side::Server, b"220 host\r\n"), (Side::Client, b"LO a\r\n")]);
    assert_eq!(verdict, plain(Protocol::Smtp, DecidedBy::Server));
}

#[test]
fn the_server_decides_while_the_client_is_incomplete() {
    for half in
        [b"GET / HTT".as_slice(), b"\x16\x03\x01\x02\0\x01\0", b"PRI * HTTP/2.0\r\n", b"\r\n", b"SSH-2.0-x"]
    {
        for (protocol, banner) in banners() {
            let verdict = talk(&[(Side::Client, half), (Side::Server, &banner)]);
            assert_eq!(verdict, plain(protocol, DecidedBy::Server));
        }
        let verdict = talk(&[(Side::Client, half), (Side::Server, b"?"), (Side::Client, b"P/1.1\r\n")]);
        assert_eq!(verdict, plain(Protocol::Unknown, DecidedBy::Server));
    }
}

#[test]
fn the_client_decides_before_the_server() {
    let http = b"GET / HTTP/1.1\r\n";
    assert_eq!(
        talk(&[(Side::Client, http), (Side::Server, b"220 x\r\n")]),
        plain(Protocol::Http1, DecidedBy::Client)
    );
    // A reply to what we do not know.
    let verdict = talk(&[(Side::Client, b"\0\0\0\x08"), (Side::Server, b"SSH-2.0-x\r\n")]);
    assert_eq!(verdict, plain(Protocol::Unknown, DecidedBy::Client));
}

/// RFC 9113, section 3.4: an HTTP/2 server may send its SETTINGS before it has seen the client's preface.
#[test]
fn settings_before_the_preface_are_http2() {
    let http2 = plain(Protocol::Http2, DecidedBy::Client);
    let server = |bytes| plain(Protocol::Unknown, bytes);
    assert_eq!(talk(&[(Side::Server, SETTINGS), (Side::Client, PREFACE)]), http2);
    assert_eq!(talk(&[(Side::Server, &SETTINGS[..4]), (Side::Client, PREFACE)]), http2);
    assert_eq!(talk(&[(Side::Server, b"\0\0\0\x04\0\0\0\0\0"), (Side::Client, PREFACE)]), http2);
    let (half, rest) = PREFACE.split_at(10);
    let parts = [(Side::Client, half), (Side::Server, SETTINGS), (Side::Client, rest)];
    assert_eq!(talk(&parts), http2);
    for client in [b"GET / HTTP/1.1\r\n".as_slice(), b"\x16\x03\x01", b"EHLO x\r\n", b"PRI * HTTP/1.1\r\n"] {
        let parts = [(Side::Server, SETTINGS), (Side::Client, client)];
        assert_eq!(talk(&parts), server(DecidedBy::Server));
    }
    assert_eq!(talk(&[(Side::Server, SETTINGS)]), server(DecidedBy::Server));
    // Flags, a stream, a length that is no multiple of 6: no such frame.
    for bad in [
        b"\0\0\x06\x04\x01".as_slice(),
        b"\0\0\x06\x04\0\0\0\0\x01",
        b"\0\0\x05\x04",
        b"\0\x01",
        b"\0\0\x06\x03",
    ] {
        let parts = [(Side::Server, bad), (Side::Client, PREFACE)];
        assert_eq!(talk(&parts), server(DecidedBy::Server));
    }
    let mut detector = Detector::default();
    assert_eq!(detector.server(SETTINGS), None);
    assert_eq!(detector.opaque(), None, "it may still be HTTP/2");
}
