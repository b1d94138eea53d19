//! Requests in absolute form, as programs send them to a proxy.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;

use crate::shared::*;
use crate::support::*;

#[test]
fn one_connection_asks_several_hosts() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let proxy = Proxy::start(&[]);
    let mut client = proxy.connect();
    for round in 0..3 {
        for (origin, name) in [(&a, "a"), (&b, "b")] {
            let addr = origin.addr();
            assert_eq!(client.ask(get_of(addr, "/x?y=1")).text(), format!("{name}:"));
            let post = format!(
                "POST http://{addr}/{round} HTTP/1.1\r\nHost: {addr}\r\nContent-Length: 5\r\n\r\nhello"
            );
            assert_eq!(client.ask(post).text(), format!("{name}:hello"));
            let head = format!("HEAD http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\n\r\n");
            assert_eq!(client.ask(head).field("content-length").as_deref(), Some("2"));
            let chunked = format!(
                "POST http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\nTransfer-Encoding: chunked\r\n\r\n\
                 5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"
            );
            let text = client.ask(chunked).text();
            assert_eq!(text, format!("{name}:5\r\nhello\r\n6\r\n world\r\n0\r\nX-Sum: 1\r\n\r\n"));
        }
    }
    drop(client);
    // Each origin's connection was kept for the next request.
    assert_eq!((a.accepted(), b.accepted()), (1, 1));
    proxy.expect_counted(24, &[("200", 24)]);
    assert_eq!(proxy.sum("request_total", &[("authority", &a.addr().to_string())]), 12.0);
    proxy.expect_clean();
}

#[test]
fn pipelined_requests_to_several_hosts_are_answered_in_order() {
    let (a, b) = (Origin::named("a"), Origin::named("b"));
    let proxy = Proxy::start(&[]);
    let mut client = proxy.connect();
    let order: Vec<(SocketAddr, &str)> =
        (0..40).map(|n| if n % 3 == 0 { (a.addr(), "a:") } else { (b.addr(), "b:") }).collect();
    let all: String = order.iter().map(|(addr, _)| get_of(*addr, "/")).collect();
    client.send(all);
    for (_, name) in &order {
        assert_eq!(client.hear("GET").text(), *name);
    }
    drop(client);
    proxy.expect_counted(40, &[("200", 40)]);
    proxy.expect_clean();
}

#[test]
fn the_bytes_counted_are_those_that_client_and_server_saw() {
    let origin = Origin::named("a");
    let proxy = Proxy::start(&[]);
    let (front, back) = (Tap::before(proxy.addr()), Tap::before(origin.addr()));
    let addr = back.addr();
    let mut client = Client::new(connect(front.addr()).expect("a connection"));
    for size in [0, 10, 100_000] {
        let body = "x".repeat(size);
        let post =
            format!("POST http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\nContent-Length: {size}\r\n\r\n{body}");
        assert_eq!(client.ask(post).body.len(), size + 2);
    }
    // Ours: the origin has no part in it.
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: x\r\n\r\n").status(), 404);
    assert_eq!(client.ask(get_of(addr, "/")).status(), 200);
    drop(client);
    proxy.expect_clean();
    let ((sent, received), (taken, given)) = (front.bytes(), back.bytes());
    proxy.expect_bytes((sent, received), (given, taken));
    proxy.expect_counted(5, &[("200", 4), ("404", 1)]);
}

/// A server that says 100, or the answer at once; what the client sends meanwhile is its own affair.
#[test]
fn a_client_that_expects_100_gets_the_servers_word() {
    let origin = Server::start(|stream| {
        let mut reader = BufReader::new(stream);
        loop {
            let mut head = String::new();
            while !head.ends_with("\r\n\r\n") {
                if reader.read_line(&mut head)? == 0 {
                    return Ok(());
                }
            }
            assert!(head.contains("Expect: 100-continue\r\n"), "{head}");
            if head.contains("/no") {
                reader
                    .get_mut()
                    .write_all(b"HTTP/1.1 417 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")?;
                return Ok(());
            }
            reader.get_mut().write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            let mut body = [0; 5];
            std::io::Read::read_exact(&mut reader, &mut body)?;
            assert_eq!(&body, b"hello");
            reader.get_mut().write_all(OK)?;
        }
    });
    let proxy = Proxy::start(&[]);
    let addr = origin.addr();
    let head = |path: &str| {
        format!(
            "POST http://{addr}/{path} HTTP/1.1\r\nHost: {addr}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        )
    };
    let mut client = proxy.connect();
    for _ in 0..2 {
        assert_eq!(client.ask(head("yes")).status(), 100);
        assert_eq!(client.ask("hello").text(), "hello");
    }
    let refused = client.ask(head("no"));
    assert_eq!(refused.status(), 417);
    drop(client);
    proxy.expect_counted(3, &[("200", 2), ("417", 1)]);
    proxy.expect_clean();
}

#[test]
fn interim_responses_pass() {
    let origin = Origin::start(|_| {
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n\
          HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
            .to_vec()
    });
    let proxy = Proxy::start(&[]);
    let mut client = proxy.connect();
    for _ in 0..2 {
        assert_eq!(client.ask(get_of(origin.addr(), "/")).status(), 102);
        let hints = client.hear("GET");
        assert_eq!((hints.status(), hints.field("link").as_deref()), (103, Some("</a>")));
        assert_eq!(client.hear("GET").text(), "ok");
    }
    drop(client);
    proxy.expect_counted(2, &[("200", 2)]);
    proxy.expect_clean();
}

#[test]
fn a_body_up_to_the_end_ends_the_clients_connection_too() {
    let body = "x".repeat(300_000);
    let theirs = body.clone();
    for version in ["1.0", "1.1"] {
        let theirs = theirs.clone();
        let origin = Origin::start(move |_| {
            format!("HTTP/{version} 200 OK\r\nConnection: close\r\n\r\n{theirs}").into_bytes()
        });
        let proxy = Proxy::start(&[]);
        let mut client = proxy.connect();
        let answer = client.ask(get_of(origin.addr(), "/"));
        assert_eq!(answer.text(), body);
        assert_eq!(answer.field("connection").as_deref(), Some("close"));
        drop(client);
        proxy.expect_counted(1, &[("200", 1)]);
        proxy.expect_clean();
    }
}

#[test]
fn a_client_of_http_1_0_gets_one_answer_and_the_end() {
    let origin = Origin::named("a");
    let proxy = Proxy::start(&[]);
    let addr = origin.addr();
    for fields in ["", "Connection: keep-alive\r\n", "Proxy-Connection: keep-alive\r\n"] {
        let mut client = proxy.connect();
        let answer = client.ask(format!("GET http://{addr}/ HTTP/1.0\r\nHost: {addr}\r\n{fields}\r\n"));
        assert_eq!(answer.text(), "a:", "{fields}");
        assert_eq!(answer.field("connection").as_deref(), Some("close"), "{fields}");
        expect_eof(client.stream(), LIMIT);
    }
    proxy.expect_clean();
}

#[test]
fn websocket_through_the_proxy() {
    let origin = Server::start(|stream| {
        let mut reader = BufReader::new(stream);
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            reader.read_line(&mut head)?;
        }
        assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
        assert!(
            head.contains("Upgrade: websocket\r\n") && head.contains("Connection: Upgrade\r\n"),
            "{head}"
        );
        let switch =
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\nfirst";
        reader.get_mut().write_all(switch)?;
        let mut to = reader.get_ref().try_clone()?;
        std::io::copy(&mut reader, &mut to).map(drop)
    });
    let proxy = Proxy::start(&[]);
    let addr = origin.addr();
    let mut client = proxy.connect();
    let ask = format!(
        "GET http://{addr}/chat HTTP/1.1\r\nHost: {addr}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    );
    let answer = client.ask(ask);
    assert_eq!((answer.status(), answer.field("upgrade").as_deref()), (101, Some("websocket")));
    assert_eq!(client.take(5), b"first");
    client.send("GET / HTTP/1.1\r\n\r\n");
    assert_eq!(client.take(18), b"GET / HTTP/1.1\r\n\r\n");
    finish(client.stream());
    expect_eof(client.stream(), LIMIT);
    drop(client);
    proxy.expect_counted(1, &[("101", 1)]);
    proxy.expect_clean();
}
