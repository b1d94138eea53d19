//! `--http-strict`: what two parsers may read in two ways does not reach the server; all else passes as it came.

#[path = "strict/check.rs"]
mod check;
#[path = "strict/shared.rs"]
mod support;

/// The payloads of `tests/h1`, each asked of the running program by `check::check`.
#[path = "h1/smuggling.rs"]
mod smuggling;
#[path = "h1/smuggling_bodies.rs"]
mod smuggling_bodies;

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use support::*;

const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n";
const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n";

fn strict() -> Tunnel {
    Tunnel::new(&["--http-strict"])
}

/// Reads exactly so many bytes.
#[track_caller]
fn read(mut stream: &std::net::TcpStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    stream.read_exact(&mut bytes).expect("bytes");
    bytes
}

/// Reads to the end, which is an orderly one.
#[track_caller]
fn all(mut stream: &std::net::TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).expect("an end");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn outcome(status: &str, error: &str) -> (String, String) {
    (status.to_owned(), error.to_owned())
}

#[test]
fn a_body_that_goes_wrong_in_its_answer_cuts_that_off() {
    let tunnel = strict();
    let (mut client, mut server) = tunnel.pair();
    client.write_all(CHUNKED).expect("to send");
    read(&server, CHUNKED.len());
    let head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab";
    server.write_all(head).expect("to answer");
    read(&client, head.len());
    client.write_all(b"-1\r\n").expect("to send");
    expect_reset(&client, LIMIT);
    assert_eq!(check::rest(&server).0, b"");
    let counts = counted(&settled(&tunnel.wayside));
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(outcome("200", "chunk"), 1)]);
}

#[test]
fn a_body_that_goes_wrong_after_its_answer_is_not_answered_twice() {
    let tunnel = strict();
    let (mut client, mut server) = tunnel.pair();
    client.write_all(CHUNKED).expect("to send");
    read(&server, CHUNKED.len());
    let answer = b"HTTP/1.1 413 Big\r\nContent-Length: 1\r\n\r\nx";
    server.write_all(answer).expect("to answer");
    read(&client, answer.len());
    client.write_all(b"-1\r\n").expect("to send");
    expect_eof(&client, LIMIT);
    assert_eq!(check::rest(&server).0, b"");
    drop(client);
    let counts = counted(&settled(&tunnel.wayside));
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(outcome("413", ""), 1)]);
}

#[test]
fn a_body_that_goes_wrong_waits_for_the_answers_before_it() {
    let tunnel = strict();
    let (mut client, mut server) = tunnel.pair();
    client.write_all(&[GET, CHUNKED, b"-1\r\n"].concat()).expect("to send");
    read(&server, GET.len() + CHUNKED.len());
    expect_silence(&client, Duration::from_millis(50));
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx").expect("to answer");
    let answers = all(&client);
    assert!(answers.starts_with("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxHTTP/1.1 400 "), "{answers}");
    drop(client);
    let counts = counted(&settled(&tunnel.wayside));
    let expected = [(outcome("200", ""), 1), (outcome("400", "chunk"), 1)];
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), expected);
}

#[test]
fn bombs_are_refused_before_they_are_whole() {
    let fields = |count: usize| "X: y\r\n".repeat(count);
    let many = format!("GET / HTTP/1.1\r\nHost: h\r\n{}\r\n", fields(300));
    let large = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {}\r\n\r\n", "y".repeat(70_000));
    // Without an end.
    let endless = format!("GET / HTTP/1.1\r\nHost: h\r\n{}", fields(100_000));
    for bomb in [many, large, endless] {
        let tunnel = strict();
        let (mut client, server) = tunnel.pair();
        // The answer may come before all is sent.
        let _ = client.write_all(bomb.as_bytes());
        let (answer, _) = check::rest(&client);
        assert!(answer.starts_with(b"HTTP/1.1 431 "), "{}", answer.escape_ascii());
        assert_eq!(check::rest(&server).0, b"");
    }
}

#[test]
fn other_protocols_pass() {
    let hello: &[u8] = include_bytes!("data/openssl-sni-alpn.hello");
    let binary: Vec<u8> = (0..=255).cycle().take(10_000).collect();
    let tunnel = strict();
    for first in [
        hello,
        &binary,
        b"EHLO there\r\n",
        b"*1\r\n$4\r\nPING\r\n",
        b"\0",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ] {
        let (mut client, mut server) = tunnel.pair();
        client.write_all(first).expect("to send");
        // One that could still become a request is held until more tells, or the end.
        finish(&client);
        assert_eq!(read(&server, first.len()), first);
        server.write_all(b"and back").expect("to answer");
        assert_eq!(read(&client, 8), b"and back");
    }
    let (mut client, mut server) = tunnel.pair();
    server.write_all(b"220 hello\r\n").expect("to greet");
    assert_eq!(read(&client, 11), b"220 hello\r\n");
    client.write_all(b"QUIT\r\n").expect("to send");
    assert_eq!(read(&server, 6), b"QUIT\r\n");
}

#[test]
fn half_a_request_line_is_refused_when_time_is_up() {
    let tunnel = Tunnel::new(&["--http-strict", "--detect-timeout", "300ms"]);
    let (mut client, server) = tunnel.pair();
    let began = Instant::now();
    client.write_all(b"GET /index").expect("to send");
    expect_silence(&server, Duration::from_millis(100));
    let (answer, _) = check::rest(&client);
    assert!(answer.starts_with(b"HTTP/1.1 408 "), "{}", answer.escape_ascii());
    assert_eq!(check::rest(&server).0, b"");
    let took = began.elapsed();
    assert!(took > Duration::from_millis(250) && took < Duration::from_secs(3), "{took:?}");
}

#[test]
fn a_half_head_that_ends_does_not_reach_the_server() {
    for half in [&b"GET / HTTP/1.1\r\nHost: h\r\n"[..], b"POST / HTTP/1.1\r\nContent-Length: 5"] {
        let tunnel = strict();
        let (mut client, server) = tunnel.pair();
        client.write_all(half).expect("to send");
        finish(&client);
        assert_eq!(check::rest(&server).0, b"");
        drop(server);
        check::rest(&client);
        settled(&tunnel.wayside);
    }
}

#[test]
fn half_an_answer_is_ours_to_replace() {
    let tunnel = strict();
    let (mut client, mut server) = tunnel.pair();
    client.write_all(GET).expect("to send");
    read(&server, GET.len());
    server.write_all(b"HTTP/1.1 200 OK\r\nContent-Le").expect("to begin");
    finish(&server);
    let answer = all(&client);
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.ends_with("cut short\n"), "{answer}");
    drop(client);
    let counts = counted(&settled(&tunnel.wayside));
    assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(outcome("502", "cut short"), 1)]);
}

#[test]
fn what_a_server_says_unasked_is_answered_by_the_end() {
    let answer: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    for unasked in [&b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n"[..], b"\r\n", b"x"] {
        for is_at_once in [true, false] {
            let tunnel = strict();
            let (mut client, mut server) = tunnel.pair();
            client.write_all(GET).expect("to send");
            read(&server, GET.len());
            if is_at_once {
                server.write_all(&[answer, unasked].concat()).expect("to answer");
                assert_eq!(all(&client).as_bytes(), answer);
            } else {
                server.write_all(answer).expect("to answer");
                assert_eq!(read(&client, answer.len()), answer);
                server.write_all(unasked).expect("to go on");
                assert_eq!(all(&client), "");
            }
            drop(client);
            let counts = counted(&settled(&tunnel.wayside));
            assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(outcome("200", ""), 1)]);
        }
    }
    // Nor is a request answered twice whose body goes on.
    let tunnel = strict();
    let (mut client, mut server) = tunnel.pair();
    client.write_all(CHUNKED).expect("to send");
    read(&server, CHUNKED.len());
    server.write_all(&[answer, answer].concat()).expect("to answer");
    assert_eq!(all(&client).as_bytes(), answer);
}
