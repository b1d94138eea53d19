//! CONNECT: a tunnel that we open.

use std::io::{Read, Write};
use std::time::Duration;

use crate::shared::*;
use crate::support::*;

const MB: u64 = 1 << 20;

fn connect_to(addr: impl std::fmt::Display, version: &str, fields: &str) -> String {
    format!("CONNECT {addr} HTTP/{version}\r\n{fields}\r\n")
}

#[test]
fn twenty_megabytes_both_ways_and_half_closed() {
    for (version, fields) in
        [("1.1", "Host: x\r\n"), ("1.0", ""), ("1.0", "Proxy-Connection: keep-alive\r\n")]
    {
        let listener = listen();
        let proxy = Proxy::start(&[]);
        let target = listener.local_addr().expect("its address");
        let front = Tap::before(proxy.addr());
        let mut client = Client::new(connect(front.addr()).expect("a connection"));
        let head = connect_to(target, version, fields);
        let answer = client.ask_tunnel(&head);
        assert_eq!(answer.status(), 200, "{}", answer.head);
        assert_eq!((answer.field("content-length"), answer.field("transfer-encoding")), (None, None));
        let server = accept(&listener);
        let seed = seed();
        std::thread::scope(|scope| {
            let there = client.stream().try_clone().expect("a handle");
            let sent = scope.spawn(move || {
                let sum = send_random(&there, 20 * MB, seed, (1, 64 << 10)).expect("to send");
                finish(&there);
                sum
            });
            let answered = scope.spawn(|| {
                let sum = receive(&server, seed, (1, 64 << 10)).expect("to receive");
                // Its own side is still open.
                let back = send_random(&server, 20 * MB, seed + 1, (1, 64 << 10)).expect("to send");
                finish(&server);
                (sum, back)
            });
            let heard = receive(client.stream(), seed, (1, 64 << 10)).expect("to receive");
            let (there, back) = answered.join().expect("the server");
            assert_eq!(sent.join().expect("the client"), there);
            assert_eq!(back, heard);
        });
        drop((client, server));
        proxy.expect_clean();
        let (sent, received) = front.bytes();
        assert_eq!(sent, 20 * MB + head.len() as u64);
        proxy.expect_bytes((sent, received), (20 * MB, 20 * MB));
        proxy.expect_counted(1, &[("200", 1)]);
    }
}

#[test]
fn the_server_may_end_first() {
    let listener = listen();
    let proxy = Proxy::start(&[]);
    let mut client = proxy.connect();
    let target = listener.local_addr().expect("its address");
    assert_eq!(client.ask_tunnel(connect_to(target, "1.1", "Host: x\r\n")).status(), 200);
    let mut server = accept(&listener);
    server.write_all(b"bye").expect("to send");
    finish(&server);
    assert_eq!(client.rest().expect("the end"), b"bye");
    client.send("still here");
    finish(client.stream());
    let mut heard = String::new();
    server.read_to_string(&mut heard).expect("the rest");
    assert_eq!(heard, "still here");
    drop((client, server));
    proxy.expect_clean();
}

#[test]
fn bytes_right_behind_the_head_go_into_the_tunnel() {
    let proxy = Proxy::start(&[]);
    let echo = Server::echo();
    for early in [&b"\x16\x03\x01early"[..], b"GET / HTTP/1.1\r\n\r\n", &[b'x'; 100_000]] {
        for version in ["1.0", "1.1"] {
            let mut client = proxy.connect();
            let mut all = connect_to(echo.addr(), version, "Host: x\r\n").into_bytes();
            all.extend(early);
            let answer = client.ask_tunnel(&all);
            assert_eq!(answer.status(), 200);
            assert_eq!(client.take(early.len()), early);
            // An end right behind, too.
            finish(client.stream());
            expect_eof(client.stream(), LIMIT);
        }
    }
    let mut client = proxy.connect();
    client.send(connect_to(echo.addr(), "1.1", "Host: x\r\n") + "hello");
    finish(client.stream());
    assert_eq!(client.hear_tunnel().status(), 200);
    assert_eq!(client.rest().expect("the end"), b"hello");
    drop(client);
    proxy.expect_clean();
}

#[test]
fn a_server_that_speaks_first_is_heard() {
    let proxy = Proxy::start(&[]);
    let server = Server::greeter(b"SSH-2.0-x\r\n");
    let mut client = proxy.connect();
    assert_eq!(client.ask_tunnel(connect_to(server.addr(), "1.1", "Host: x\r\n")).status(), 200);
    assert_eq!(client.take(11), b"SSH-2.0-x\r\n");
    client.send("hello");
    assert_eq!(client.take(5), b"hello");
}

#[test]
fn a_reset_passes_both_ways() {
    let proxy = Proxy::start(&[]);
    let listener = listen();
    let target = listener.local_addr().expect("its address");
    for by_client in [true, false] {
        let mut client = proxy.connect();
        assert_eq!(client.ask_tunnel(connect_to(target, "1.1", "Host: x\r\n")).status(), 200);
        let server = accept(&listener);
        let client = client.into_stream();
        let (ends, sees) = if by_client { (client, server) } else { (server, client) };
        reset(ends);
        expect_reset(&sees, LIMIT);
    }
    proxy.expect_clean();
}

#[test]
fn a_tunnel_after_requests_on_the_same_connection() {
    let (origin, echo) = (Origin::named("a"), Server::echo());
    let proxy = Proxy::start(&[]);
    let mut client = proxy.connect();
    for _ in 0..2 {
        assert_eq!(client.ask(get_of(origin.addr(), "/")).text(), "a:");
    }
    assert_eq!(client.ask_tunnel(connect_to(echo.addr(), "1.1", "Host: x\r\n")).status(), 200);
    client.send("hello");
    assert_eq!(client.take(5), b"hello");
    finish(client.stream());
    expect_eof(client.stream(), LIMIT);
    drop(client);
    proxy.expect_counted(3, &[("200", 3)]);
    proxy.expect_clean();
}

/// A client may send the tunnel's first bytes with its CONNECT. They were meant for another, and are no requests to us.
#[test]
fn what_is_sent_behind_a_refused_connect_is_nothing() {
    let origin = Origin::named("a");
    let (_socket, nowhere) = refusing();
    let proxy = Proxy::start(&[&format!("--connect-ports=443,{}", nowhere.port())]);
    let behind = format!("DELETE http://{0}/ HTTP/1.1\r\nHost: {0}\r\n\r\n", origin.addr());
    for (target, status) in
        [(nowhere.to_string(), 502), ("127.0.0.1:444".to_owned(), 403), ("a..b:443".to_owned(), 400)]
    {
        for version in ["1.1", "1.0"] {
            let mut client = proxy.connect();
            client.send(connect_to(&target, version, "Host: x\r\nConnection: keep-alive\r\n") + &behind);
            let answer = client.hear("CONNECT");
            assert_eq!(answer.status(), status, "{target}: {}", answer.head);
            assert_eq!(answer.field("connection").as_deref(), Some("close"), "{target}");
            assert_eq!(client.rest().expect("the end"), b"", "{target}");
        }
    }
    assert_eq!(origin.seen().len(), 0);
    proxy.expect_clean();
}

#[test]
fn an_idle_tunnel_stays() {
    let proxy = Proxy::start(&["--detect-timeout=100ms"]);
    let echo = Server::echo();
    let mut client = proxy.connect();
    assert_eq!(client.ask_tunnel(connect_to(echo.addr(), "1.1", "Host: x\r\n")).status(), 200);
    expect_silence(client.stream(), Duration::from_millis(400));
    client.send("hello");
    assert_eq!(client.take(5), b"hello");
}
