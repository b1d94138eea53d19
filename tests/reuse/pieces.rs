//! What comes in pieces: heads up to their bound, and first bytes one by one.

use std::io::{Read, Write};

use crate::play::read;
use crate::support::*;

/// Up to 64 KiB, in whatever pieces.
#[test]
fn heads_that_are_large() {
    let tunnel = Tunnel::new(&["--http-reuse"]);
    let mut client = tunnel.wayside.connect(0);
    let filler = "x".repeat(60 << 10);
    let head = format!("GET / HTTP/1.1\r\nHost: h\r\nX: {filler}\r\n\r\n");
    let answer = format!("HTTP/1.1 200 OK\r\nX: {filler}\r\nContent-Length: 1\r\n\r\n1");
    let mut upstream = None;
    for size in [head.len(), 1000, 60 << 10] {
        for part in head.as_bytes().chunks(size) {
            client.write_all(part).expect("to ask");
        }
        let upstream = upstream.get_or_insert_with(|| accept(&tunnel.server));
        read(upstream, &head, "a request");
        for part in answer.as_bytes().chunks(size) {
            upstream.write_all(part).expect("to answer");
        }
        read(&client, &answer, "a response");
    }
    client.write_all(head.as_bytes()).expect("to ask");
    let mut upstream = upstream.expect("a server");
    read(&upstream, &head, "a request");
    let _ = upstream.write_all(format!("HTTP/1.1 200 OK\r\nX: {filler}{filler}").as_bytes());
    read(&client, "HTTP/1.1 502 Bad Gateway\r\nwayside-error: head too large\r\n", "what is too large");
}

/// Strict observation labels as any other does, however the bytes come. What begins like TLS waits for nothing; `*` may still begin a
/// method.
#[test]
fn what_comes_byte_by_byte_is_named_as_ever() {
    let hello = include_bytes!("../data/openssl-sni-alpn.hello");
    for rigour in [&[][..], &["--http-strict"], &["--http-reuse"]] {
        for (protocol, bytes) in [("tls", &hello[..]), ("redis", b"*1\r\n$4\r\nPING\r\n")] {
            let tunnel = Tunnel::new(rigour);
            let mut client = tunnel.wayside.connect(0);
            let (mut upstream, mut heard) = (None, Vec::new());
            for (number, byte) in bytes.iter().enumerate() {
                client.write_all(&[*byte]).expect("to send");
                if protocol == "tls" || number + 1 == bytes.len() {
                    let upstream = upstream.get_or_insert_with(|| accept(&tunnel.server));
                    let mut came = vec![0; number + 1 - heard.len()];
                    upstream.read_exact(&mut came).expect("what was sent");
                    heard.extend(came);
                }
            }
            assert_eq!(heard, bytes, "{rigour:?}");
            let labels = [("protocol", protocol), ("decided_by", "client")];
            let named = || tunnel.wayside.metrics().sum("tcp_detect_total", &labels) == 1.0;
            eventually(&format!("{protocol} is known with {rigour:?}"), LIMIT, named);
        }
    }
}
