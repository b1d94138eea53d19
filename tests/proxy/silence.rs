//! Nobody says anything any more within an exchange: who waits for an answer gets one, and nobody takes a part for the whole.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::Duration;

use crate::shared::*;
use crate::support::*;

const PATIENCE: &str = "400ms";

/// A proxy that closes what is silent; a server that a request has come to as far as `request` goes.
fn begun(option: &str, request: impl Fn(std::net::SocketAddr) -> String) -> (Proxy, Client, TcpStream) {
    let proxy = Proxy::start(&[&format!("--{option}={PATIENCE}")]);
    let server = listen();
    let mut client = proxy.connect();
    client.send(request(server.local_addr().expect("its address")));
    let mut upstream = accept(&server);
    let mut head = Vec::new();
    while !head.windows(4).any(|four| four == b"\r\n\r\n") {
        let mut byte = [0];
        upstream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    (proxy, client, upstream)
}

fn post(addr: std::net::SocketAddr) -> String {
    format!("POST http://{addr}/ HTTP/1.1\r\nHost: {addr}\r\nContent-Length: 10\r\n\r\n")
}

#[track_caller]
fn expect_told(client: &mut Client, status: u16) {
    let answer = client.hear("GET");
    assert_eq!((answer.status(), answer.field("wayside-error").as_deref()), (status, Some("idle timeout")));
}

#[test]
fn a_server_that_does_not_answer_is_a_504_and_is_not_kept() {
    let (proxy, mut client, upstream) = begun("idle-timeout", |addr| get_of(addr, "/"));
    expect_told(&mut client, 504);
    // It is told that nobody waits: its answer can reach nobody.
    expect_reset(&upstream, LIMIT);
    let origin = Origin::named("a");
    assert_eq!(client.ask(get_of(origin.addr(), "/")).text(), "a:", "the connection lives on");
    drop(client);
    assert_eq!(proxy.sum("response_total", &[("status_code", "504"), ("error", "idle timeout")]), 1.0);
    assert_eq!(proxy.sum("wayside_bad_gateway_total", &[]), 1.0);
    proxy.expect_counted(2, &[("504", 1), ("200", 1)]);
    proxy.expect_clean();
}

#[test]
fn a_client_that_does_not_send_its_body_is_a_408() {
    let (proxy, mut client, upstream) = begun("idle-timeout", post);
    expect_told(&mut client, 408);
    expect_eof(client.stream(), LIMIT);
    expect_reset(&upstream, LIMIT);
    drop(client);
    proxy.expect_counted(1, &[("408", 1)]);
    proxy.expect_clean();
}

/// An end would make a whole of it.
#[test]
fn a_server_that_stops_within_its_answer_is_a_reset() {
    for option in ["idle-timeout", "half-close-timeout"] {
        for head in ["HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n"] {
            let (proxy, mut client, mut upstream) = begun(option, |addr| get_of(addr, "/"));
            if option == "half-close-timeout" {
                client.stream().shutdown(Shutdown::Write).expect("to end its side");
            }
            upstream.write_all(format!("{head}half").as_bytes()).expect("to answer");
            let rest = client.rest();
            assert!(rest.as_ref().is_err_and(is_reset), "{option}: {rest:?}");
            // Of an answer without a length it may have heard the client's end before.
            let end = upstream.read(&mut [0]);
            assert!(end.as_ref().map_or_else(is_reset, |count| *count == 0), "{option}: {end:?}");
            drop(client);
            assert_eq!(proxy.sum("response_total", &[("classification", "failure")]), 1.0);
            proxy.expect_clean();
        }
    }
}

/// The answer was whole; that the request is not is the client's own matter.
#[test]
fn an_early_answer_stays_good() {
    let (proxy, mut client, mut upstream) = begun("idle-timeout", post);
    upstream.write_all(b"HTTP/1.1 413 Big\r\nContent-Length: 2\r\n\r\nno").expect("to answer");
    assert_eq!(client.hear("POST").text(), "no");
    expect_eof(client.stream(), LIMIT);
    drop(client);
    proxy.expect_counted(1, &[("413", 1)]);
    proxy.expect_clean();
}

#[test]
fn what_moves_now_and_then_is_not_silent() {
    let (_proxy, mut client, mut upstream) = begun("idle-timeout", |addr| get_of(addr, "/"));
    upstream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n").expect("to answer");
    for _ in 0..10 {
        std::thread::sleep(Duration::from_millis(60)); // pace: together longer than the time-out
        upstream.write_all(b"ab").expect("to answer");
    }
    assert_eq!(client.hear("GET").text(), "ab".repeat(10));
}
