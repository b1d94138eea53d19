//! Client, router and server on three hosts: the router redirects what passes to the inbound listener.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::labs::*;
use crate::support::*;

in_both_families! {
    the_server_that_was_dialled_is_reached
    a_server_may_speak_first
    ends_and_resets_travel
    a_refused_target_is_a_502_or_a_reset
    a_silent_target_is_a_504_or_a_reset
}

fn the_server_that_was_dialled_is_reached(family: Family) {
    let lab = Gateway::new(family, &[]);
    for port in [80, 5432, 40_123] {
        let (client, server) = lab.pair(port);
        // The server sees its own address and port, and the router as its client.
        assert_eq!(here(&server), lab.target(port));
        assert_eq!(there(&server).ip(), family.ip(2, 1));
        // The client sees the server.
        assert_eq!(there(&client), lab.target(port));
        greet(&client, &server);

        let line = lab.wayside().line_of(&client);
        let (source, target) = (here(&client).to_string(), lab.target(port).to_string());
        assert_eq!(field(&line, "direction").as_deref(), Some("inbound"), "{line}");
        assert_eq!(field(&line, "source"), Some(source), "{line}");
        assert_eq!(field(&line, "target"), Some(target.clone()), "{line}");

        pass_both_ways(&client, &server, 8 * MB);
        for peer in ["src", "dst"] {
            let labels = [("direction", "inbound"), ("target_addr", &*target), ("peer", peer)];
            let count = |name| lab.wayside().sum(name, &labels);
            assert_eq!(count("tcp_open_total"), 1.0);
            eventually("it is counted as closed", LIMIT, || count("tcp_close_total") == 1.0);
            let bytes = (8 * MB + 4) as f64;
            assert_eq!([count("tcp_read_bytes_total"), count("tcp_write_bytes_total")], [bytes, bytes]);
        }
    }
    lab.wayside().expect_none_open();
}

fn a_server_may_speak_first(family: Family) {
    let lab = Gateway::new(family, &[]);
    let (mut client, mut server) = lab.pair(2525);
    server.write_all(b"220 mail.example ESMTP\r\n").expect("to greet");
    let mut greeting = [0; 24];
    let began = Instant::now();
    client.read_exact(&mut greeting).expect("a greeting");
    assert!(began.elapsed() < SECOND, "it was held for {:?}", began.elapsed());
    assert_eq!(&greeting, b"220 mail.example ESMTP\r\n");
    let line = lab.wayside().line_of(&client);
    assert_eq!(field(&line, "protocol").as_deref(), Some("smtp"), "{line}");
    assert_eq!(field(&line, "decided_by").as_deref(), Some("server"), "{line}");
}

fn ends_and_resets_travel(family: Family) {
    let lab = Gateway::new(family, &[]);
    let (client, server) = lab.pair(7001);
    greet(&client, &server);
    reset(server);
    expect_reset(&client, SECOND);

    let (client, server) = lab.pair(7002);
    greet(&client, &server);
    reset(client);
    expect_reset(&server, SECOND);

    let (client, server) = lab.pair(7003);
    finish(&client);
    expect_eof(&server, SECOND);
    finish(&server);
    expect_eof(&client, SECOND);
    lab.wayside().expect_none_open();
}

/// What an HTTP client is told, and after how long.
fn ask(lab: &Gateway, target: SocketAddr) -> (String, Duration) {
    let began = Instant::now();
    let mut client = lab.client.connect(target);
    client.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("to ask");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer and its end");
    (answer, began.elapsed())
}

fn a_refused_target_is_a_502_or_a_reset(family: Family) {
    let lab = Gateway::new(family, &[]);
    let (target, before) = (lab.target(81), lab.wayside().fds());
    let (answer, took) = ask(&lab, target);
    assert!(answer.starts_with("HTTP/1.1 502 ") && answer.contains("connection refused"), "{answer}");
    assert!(took < SECOND, "{took:?}");

    // TLS is known by its first bytes, and gets no HTTP.
    let mut client = lab.client.connect(target);
    client.write_all(&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]).expect("to write");
    expect_reset(&client, 2 * SECOND);
    // A client that says nothing has a second to say it.
    let client = lab.client.connect(target);
    expect_reset(&client, 2 * SECOND);

    let labels = [("direction", "inbound"), ("target_addr", &*target.to_string())];
    let failed = lab.wayside().sum("wayside_connect_failures_total", &labels);
    assert_eq!(failed, 3.0);
    lab.wayside().expect_none_open();
    lab.wayside().expect_descriptors(before);
}

fn a_silent_target_is_a_504_or_a_reset(family: Family) {
    let lab = Gateway::new(family, &[]);
    lab.server.filter(family, "-A INPUT -p tcp --dport 82 -j DROP");
    let (answer, took) = ask(&lab, lab.target(82));
    assert!(answer.starts_with("HTTP/1.1 504 ") && answer.contains("connect timeout"), "{answer}");
    assert!(took >= Duration::from_millis(300) && took < 2 * SECOND, "{took:?}");
    expect_reset(&lab.client.connect(lab.target(82)), 3 * SECOND);
    lab.wayside().expect_none_open();
}
