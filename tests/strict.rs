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
        b"ruok",
        b"<?xml version='1.0'?><stream:stream to='h'>",
        b"\x0bMSH|^~\\&|A|B\rPID|1\r\x1c\r",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0",
    ] {
        let (mut client, mut server) = tunnel.pair();
        client.write_all(first).expect("to send");
        // One that could still become a request is held until more tells, or the end.
        finish(&client);
        assert_eq!(read(&server, first.len()), first);
        let back: &[u8] = if first.starts_with(b"PRI") { b"\0\0\0\x04\0\0\0\0\0" } else { b"and back" };
        server.write_all(back).expect("to answer");
        assert_eq!(read(&client, back.len()), back);
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

#[test]
fn a_client_that_is_not_http_need_not_end_a_line() {
    let tunnel = strict();
    let firsts: [&[u8]; 11] = [
        include_bytes!("data/openssl-sni-alpn.hello"),
        b"\0\0\0\x08\x04\xd2\x16\x2f",
        b"AMQP\0\0\x09\x01",
        b"\x05\x01\0",
        b"<?xml version='1.0'?><stream:stream to='h'>",
        b"\x0bMSH|^~\\&|A|B\rPID|1\r\x1c\r",
        b"CONNECT {\"verbose\":false}\r\nPING\r\n",
        b"0033git-upload-pack /project.git\0host=h\0",
        b"83 <34>1 2003-10-11T22:14:15.003Z h su - ID47 - 'su root' failed",
        b"a1 LOGIN u p\r\n",
        b"GET key\r\n",
    ];
    for first in firsts {
        let (mut client, mut server) = tunnel.pair();
        client.write_all(first).expect("to send");
        assert_eq!(read(&server, first.len()), first);
        server.write_all(b"H").expect("to answer");
        assert_eq!(read(&client, 1), b"H");
        server.write_all(b"i").expect("to answer");
        assert_eq!(read(&client, 1), b"i");
        // It has shown what it is not; later lines are its own matter.
        client.write_all(b"\nGET / HTTP/1.1\n").expect("to send");
        assert_eq!(read(&server, 16), b"\nGET / HTTP/1.1\n");
    }
}

#[test]
fn a_server_that_answers_in_http_what_was_no_request_is_not_heard() {
    for (first, cut) in [(&b"BREW\r\n"[..], 0), (b"\0", 0), (b"", 0), (b"BREW\r\n", 3)] {
        let tunnel = strict();
        let (mut client, mut server) = tunnel.pair();
        client.write_all(first).expect("to send");
        read(&server, first.len());
        let (one, two) = b"HTTP/1.1 200 OK\r\n\r\n".split_at(cut);
        server.write_all(one).expect("to answer");
        assert_eq!(read(&client, cut), one);
        server.write_all(two).expect("to answer");
        let (rest, is_reset) = check::rest(&client);
        assert_eq!((rest.as_slice(), is_reset), (&b""[..], cut > 0));
        check::rest(&server);
        drop(client);
        let counted = || tunnel.wayside.metrics().sum("http_blind_total", &[("reason", "no request")]) == 1.0;
        assert!(wait_until(LIMIT, counted));
    }
}

#[test]
fn a_request_that_comes_late_is_seen_all_the_same() {
    let tunnel = Tunnel::new(&["--http-strict", "--detect-timeout", "50ms"]);
    for request in [GET, b"GET / HTTP/1.1\r\nHost: h\r\nContent-Length: +1\r\n\r\n"] {
        let (mut client, mut server) = tunnel.pair();
        expect_silence(&client, Duration::from_millis(150));
        client.write_all(request).expect("to send");
        if request == GET {
            assert_eq!(read(&server, GET.len()), GET);
            server.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("to answer");
            read(&client, 38);
        } else {
            let (answer, _) = check::rest(&client);
            assert!(answer.starts_with(b"HTTP/1.1 400 "), "{}", answer.escape_ascii());
            assert_eq!(check::rest(&server).0, b"");
        }
    }
}

#[test]
fn a_preface_that_is_not_followed_by_http2_leads_nowhere() {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0";
    let forged: [(&[u8], &[u8]); 6] = [
        (GET, b""),
        (b"GET /\r\n", b""),
        (b"\0\0\0\x06\0\0\0\0\0", b""),
        // A server of HTTP/1 may read over all that is binary.
        (b"\0\0\x1a\x04\0\0\0\0\0\r\nGET /abcdefgh HTTP/1.1\r\n", b""),
        (&[SETTINGS, b"\0\0\x12\x06\0\0\0\0\0\r\nGET / HTTP/1.1\r\n"].concat(), b""),
        // HEADERS of stream 2.
        (&[SETTINGS, b"\0\0\x01\x01\x05\0\0\0\x02\x82"].concat(), SETTINGS),
    ];
    for (behind, said) in forged {
        for is_at_once in [true, false] {
            let tunnel = strict();
            let (mut client, mut server) = tunnel.pair();
            if is_at_once {
                client.write_all(&[PREFACE, behind].concat()).expect("to send");
            } else {
                client.write_all(PREFACE).expect("to send");
                expect_silence(&server, Duration::from_millis(20));
                server.write_all(said).expect("to greet");
                read(&client, said.len());
                let _ = client.write_all(behind);
            }
            finish(&client);
            let (answer, is_reset) = check::rest(&client);
            if is_at_once || said.is_empty() {
                // SETTINGS and GOAWAY.
                assert!(
                    answer.starts_with(SETTINGS) && answer.get(12) == Some(&7),
                    "{}",
                    answer.escape_ascii()
                );
            } else {
                assert_eq!((answer.as_slice(), is_reset), (&b""[..], true));
            }
            let arrived = check::rest(&server).0;
            let text = arrived.strip_prefix(PREFACE).unwrap_or(&arrived);
            assert!(!text.contains(&b'\n'), "{}", arrived.escape_ascii());
        }
    }
    // Nor does one whose server answers in HTTP/1.
    let tunnel = strict();
    let (mut client, mut server) = tunnel.pair();
    let first = [PREFACE, SETTINGS].concat();
    client.write_all(&first).expect("to send");
    assert_eq!(read(&server, first.len()), first);
    server.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").expect("to answer");
    let (answer, _) = check::rest(&client);
    assert!(answer.starts_with(SETTINGS) && !answer.windows(4).any(|part| part == b"HTTP"));
    check::rest(&server);
}

#[test]
fn a_body_where_there_is_none_is_nobodys_answer() {
    let hidden: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
    let head: &[u8] = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
    let expect: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n";
    let heads: [(&[u8], &[u8]); 7] = [
        (head, b"HTTP/1.1 200 OK\r\nContent-Length: 38\r\n\r\n"),
        (head, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (GET, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 38\r\n\r\n"),
        (GET, b"HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (GET, b"HTTP/1.1 204 No Content\r\n\r\n"),
        (GET, b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
        (expect, b"HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"),
    ];
    let tunnel = strict();
    for (request, answer) in heads {
        let (mut client, mut server) = tunnel.pair();
        client.write_all(request).expect("to ask");
        read(&server, request.len());
        server.write_all(&[answer, hidden].concat()).expect("to answer");
        assert_eq!(check::rest(&client).0.escape_ascii().to_string(), answer.escape_ascii().to_string());
    }
    // What waits behind an `Upgrade` that is not answered with 101 is HTTP, and looked at as such.
    let upgrade: &[u8] =
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 9\r\n\r\n";
    let (mut client, mut server) = tunnel.pair();
    client.write_all(&[upgrade, b"GET\x0b/ HTTP/1.1\r\nHost: h\r\n\r\n"].concat()).expect("to ask");
    assert_eq!(read(&server, upgrade.len()), upgrade);
    server.write_all(b"HTTP/1.1 426 Upgrade Required\r\nContent-Length: 0\r\n\r\n").expect("to answer");
    let answers = all(&client);
    assert!(answers.starts_with("HTTP/1.1 426 ") && answers.contains("\r\n\r\nHTTP/1.1 400 "), "{answers}");
    assert_eq!(check::rest(&server).0, b"");
}
