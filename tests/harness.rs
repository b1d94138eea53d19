//! The harness itself: what the other tests believe in.

mod support;

use std::io::{Read, Write};
use std::time::Duration;

use support::*;

#[test]
fn a_sum_does_not_depend_on_the_cuts_but_on_every_byte() {
    let mut random = Random::new(seed());
    let bytes = random.bytes(10_000);
    let whole = Sum::of(&bytes);
    for _ in 0..100 {
        let mut cut = Sum::default();
        let mut rest = &bytes[..];
        while !rest.is_empty() {
            let (part, after) = rest.split_at(random.between(0, 40).min(rest.len()));
            cut.add(part);
            rest = after;
        }
        assert_eq!(cut, whole);
        let mut other = bytes.clone();
        let (here, there) = (random.between(0, 4_999), random.between(5_000, 9_999));
        other[here] ^= 1;
        assert_ne!(Sum::of(&other), whole);
        other[here] ^= 1;
        if other[here] != other[there] {
            other.swap(here, there);
            assert_ne!(Sum::of(&other), whole);
        }
        assert_ne!(Sum::of(&bytes[..there]), whole);
    }
}

#[test]
fn prometheus_text_is_read() {
    let text = "# HELP a b\n# TYPE a counter\na{x=\"1\",y=\"a\\\"b,}\"} 3\na{x=\"2\"} 4\nb 5 1234\nh_bucket{le=\"+Inf\"} +Inf\n";
    let metrics = Metrics::parse(text).unwrap();
    assert_eq!(metrics.sum("a", &[]), 7.0);
    assert_eq!(metrics.sum("a", &[("x", "2")]), 4.0);
    assert_eq!(metrics.sum("a", &[("y", "a\"b,}"), ("x", "1")]), 3.0);
    assert_eq!(metrics.sum("b", &[]), 5.0);
    assert_eq!(metrics.sum("b", &[("x", "1")]).to_string(), "0");
    assert_eq!(metrics.sum("h_bucket", &[("le", "+Inf")]), f64::INFINITY);
    for bad in ["a", "a{x=\"1} 2", "a{x=1} 2", "a two"] {
        assert!(Metrics::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn chunks_are_put_together() {
    assert_eq!(unchunk(b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n").unwrap(), b"abc0123456789");
    for bad in
        ["", "3\r\nabc\r\n", "3\r\nabcd\r\n0\r\n\r\n", "x\r\n\r\n", "0\r\n\r\nmore", "9\r\nabc\r\n0\r\n\r\n"]
    {
        assert!(unchunk(bad.as_bytes()).is_none(), "{bad:?}");
    }
}

#[test]
fn json_fields_are_read() {
    let line = r#"{"id": 7, "protocol":"http/1","age_ms":12}"#;
    assert_eq!(field(line, "id").as_deref(), Some("7"));
    assert_eq!(field(line, "protocol").as_deref(), Some("http/1"));
    assert_eq!(field(line, "age_ms").as_deref(), Some("12"));
    assert_eq!(field(line, "state"), None);
}

#[test]
fn ends_are_told_apart() {
    let within = Duration::from_secs(1);
    let listener = listen();
    let pair = || (connect(listener.local_addr().unwrap()).unwrap(), accept(&listener));
    let fails = |check: &dyn Fn()| std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err();

    let (client, server) = pair();
    reset(server);
    expect_reset(&client, within);

    let (client, server) = pair();
    finish(&server);
    expect_eof(&client, within);
    assert!(fails(&|| expect_reset(&client, within)));
    assert!(fails(&|| expect_silence(&client, Duration::from_millis(10))));

    let (client, mut server) = pair();
    expect_silence(&client, Duration::from_millis(10));
    assert!(fails(&|| expect_eof(&client, Duration::from_millis(10))));
    server.write_all(b"x").unwrap();
    assert!(fails(&|| expect_eof(&client, within)));
}

#[test]
fn peers_do_what_they_say() {
    let echo = Server::echo();
    let mut client = connect(echo.addr()).unwrap();
    client.write_all(b"hello").unwrap();
    finish(&client);
    let mut back = String::new();
    client.read_to_string(&mut back).unwrap();
    assert_eq!((back.as_str(), echo.accepted()), ("hello", 1));
    eventually("the echo's thread ends", LIMIT, || echo.live() == 0);

    let source = Server::source(100_000, 5);
    let came = receive(connect(source.addr()).unwrap(), 6, (1, 9_999)).unwrap();
    let sent = send_random(std::io::sink(), 100_000, 5, (1 << 10, 64 << 10)).unwrap();
    assert_eq!(came, sent);
}

#[test]
fn a_temporary_directory_goes() {
    let dir = TempDir::new();
    let path = dir.file("a", "b");
    assert!(path.is_file());
    let folder = dir.path().to_owned();
    drop(dir);
    assert!(!folder.exists());
}

#[test]
fn tools_are_found_and_missed() {
    assert!(have("sh").is_some());
    assert!(have("no-such-program-at-all").is_none());
}
