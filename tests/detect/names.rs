//! Names from the client's first packet.

use crate::samples::{clients, join};
use crate::support::{Event, Side, at_every_split, plain, run};
use wayside::wire::detect::{DecidedBy, Detector, Protocol};

#[test]
fn first_packets_at_every_split() {
    for (protocol, bytes) in clients() {
        let verdict = at_every_split(Side::Client, &bytes);
        assert_eq!(verdict, plain(protocol, DecidedBy::Client), "{:?}", String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn weak_signs_stay_unknown() {
    let weak: Vec<Vec<u8>> = [
        b"hello\r\n".as_slice(),
        b"stats\r\n",
        b"delete 1\r\n",
        b"get \r\n",
        b"get a\n",
        b"set k 0 0\r\n",
        b"set k 0 0 x\r\n",
        b"set k 0 0 1 now\r\n",
        b"PING x\r\n",
        b"*x\r\n",
        b"*1\r\n+OK\r\n",
        b"AMQP\0\0\x09\x02",
        b"SSH-3.0-x\r\n",
        b"GET \x01 RTSP/1.0\r\n",
        b"OPTIONS rtsp://h/a RTSP/1.1\r\n",
        b"\x10\x10\0\x04MQTT\x06",
        b"\x10\x80\x80\x80\x80\x01",
        b"\x30\x0c\x02\x01\x01\x61\x07",
        b"\x03\0\0\x0b\x06\xe0\0\0\0\0\0",
        b"\0\0\0\x08\x04\xd2\x16\x31",
        b"\0\0\0\x09\x04\xd2\x16\x2f",
        b"\0\0\0\x17\0\x03\0\0\0\0\0\0",
        b"\0\x1d\x12\x34\x81\x80\0\x01\0\0\0\0\0\0",
        b"\xff\xff\xff\xff",
        b"\x04\x01\0\x50\x0a\0\0\x01\0",
        b"\x05\x01\0\0\x01\0\0\0",
        b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00",
        b"\xf5\xf5\xf5\xf5",
    ]
    .map(<[u8]>::to_vec)
    .to_vec();
    for bytes in weak {
        let events = [(Side::Client, bytes.clone()), (Side::Server, b"?".to_vec())];
        let verdict = run(&events, DecidedBy::Eof).0;
        assert_eq!(verdict.protocol, Protocol::Unknown, "{:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(at_every_split(Side::Client, &bytes).protocol, Protocol::Unknown);
    }
}

#[test]
fn what_rules_out_everything_is_unknown_at_once() {
    for bytes in
        [b"\xff\xff\xff\xff".as_slice(), b"\x0b\x02\x03\x04", b"hello world x", b"HELP\r", b"\x16\x03\x09"]
    {
        let verdict = Detector::default().client(bytes);
        assert_eq!(verdict, Some(plain(Protocol::Unknown, DecidedBy::Client)), "{bytes:?}");
    }
}

/// SOCKS 5 clients wait after three or four bytes: the server's answer makes it certain.
#[test]
fn socks_is_named_by_the_answer() {
    for greeting in [b"\x05\x01\x00".as_slice(), b"\x05\x02\x00\x02", b"\x05\x03\x00\x01\x02"] {
        let event = (Side::Client, greeting.to_vec());
        let answered = [event.clone(), (Side::Server, vec![5, 0])];
        assert_eq!(run(&answered, DecidedBy::Eof).0, plain(Protocol::Socks5, DecidedBy::Client));
        let single: Vec<Event> = greeting.iter().map(|byte| (Side::Client, vec![*byte])).collect();
        let answered = [single, vec![(Side::Server, vec![5])]].concat();
        assert_eq!(run(&answered, DecidedBy::Eof).0, plain(Protocol::Socks5, DecidedBy::Client));
        let other = [event.clone(), (Side::Server, vec![0])];
        assert_eq!(run(&other, DecidedBy::Eof).0, plain(Protocol::Unknown, DecidedBy::Client));
        let more = [event, (Side::Client, vec![5]), (Side::Server, vec![5, 0])];
        assert_eq!(run(&more, DecidedBy::Eof).0, plain(Protocol::Unknown, DecidedBy::Client));
    }
    let half = [(Side::Client, vec![5, 2, 0]), (Side::Server, vec![5, 0])];
    assert_eq!(run(&half, DecidedBy::Eof).0, plain(Protocol::Unknown, DecidedBy::Client));
}

#[test]
fn a_name_is_looked_for_in_512_bytes() {
    let line = |last: &[u8]| join(&[b"get ", "k ".repeat(252).as_bytes(), last, b"\r\n"]);
    assert_eq!(line(b"kk").len(), 512);
    assert_eq!(at_every_split(Side::Client, &line(b"kk")).protocol, Protocol::Memcached);
    assert_eq!(at_every_split(Side::Client, &line(b"kkk")), plain(Protocol::Unknown, DecidedBy::Client));
}

#[test]
fn a_client_that_stops_half_way() {
    let mut detector = Detector::default();
    assert_eq!(detector.client(b"\0\0\0\x08\x04"), None);
    assert_eq!(detector.opaque(), Some(DecidedBy::Client));
    assert_eq!(detector.give_up(DecidedBy::Eof), plain(Protocol::Unknown, DecidedBy::Client));
    for nothing in [b"".as_slice(), b"GET / HT", b"\x16\x03\x01\x02", b"\r\n"] {
        let mut detector = Detector::default();
        assert_eq!(detector.client(nothing), None);
        assert_eq!(detector.give_up(DecidedBy::Eof), plain(Protocol::Unknown, DecidedBy::Eof));
    }
}

#[test]
fn ports_promise_names_but_never_http_or_tls() {
    assert_eq!(Protocol::of_port(25).as_str(), "smtp");
    assert_eq!(Protocol::of_port(587).as_str(), "smtp");
    assert_eq!(Protocol::of_port(3306).as_str(), "mysql");
    for port in 0..=u16::MAX {
        let promised = Protocol::of_port(port);
        assert!(!matches!(promised, Protocol::Http1 | Protocol::Http2 | Protocol::Tls), "{port}");
    }
    assert_eq!(Protocol::of_port(80), Protocol::Unknown);
}
