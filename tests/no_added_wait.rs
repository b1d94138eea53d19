//! Where the target is known, wayside adds no wait: not before the dial, not for a byte that could become anything.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::*;

/// Far below any time-out of ours, far above a scheduler's whim.
const AT_ONCE: Duration = Duration::from_millis(500);
/// What the middle of fifty may take on a busy machine; the loopback's own part is some 50 µs.
const USUALLY: Duration = Duration::from_millis(5);

/// One byte across; how long it took.
#[track_caller]
fn pass(mut from: &TcpStream, mut to: &TcpStream, byte: u8) -> Duration {
    let began = Instant::now();
    from.write_all(&[byte]).expect("to send a byte");
    let mut got = [0];
    to.read_exact(&mut got).unwrap_or_else(|error| panic!("byte {byte:#04x} has not arrived: {error}"));
    assert_eq!(got, [byte]);
    began.elapsed()
}

#[track_caller]
fn at_once(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    assert!(median < USUALLY && worst < AT_ONCE, "{what}: median {median:?}, worst {worst:?}");
}

#[test]
fn the_server_is_dialled_before_the_client_says_anything() {
    let tunnel = Tunnel::new(&[]);
    let dial = || {
        let began = Instant::now();
        let _pair = tunnel.pair();
        began.elapsed()
    };
    at_once("a connection through", (0..50).map(|_| dial()).collect());
}

#[test]
fn one_byte_that_could_become_anything_is_seen_at_once() {
    let tunnel = Tunnel::new(&[]);
    // The first of an HTTP/1 method, of the HTTP/2 preface, of a TLS record, of a blank line, of nothing we know.
    for first in [b'G', b'P', 0x16, b'\r', 0x00, 0xff] {
        let times = (0..50).map(|_| {
            let (client, server) = tunnel.pair();
            pass(&client, &server, first)
        });
        at_once(&format!("a first byte {first:#04x}"), times.collect());
    }
}

#[test]
fn the_server_may_answer_an_unfinished_word() {
    let tunnel = Tunnel::new(&[]);
    let times = (0..50).map(|_| {
        let (client, server) = tunnel.pair();
        pass(&client, &server, b'G') + pass(&server, &client, b'?')
    });
    at_once("a byte and its answer", times.collect());
}

#[test]
fn the_servers_first_byte_is_seen_at_once() {
    let tunnel = Tunnel::new(&[]);
    let times = (0..50).map(|_| {
        let (client, server) = tunnel.pair();
        pass(&server, &client, b'2')
    });
    at_once("the server's first byte", times.collect());
}

#[test]
fn every_byte_of_a_slow_head_is_seen_before_the_next_is_sent() {
    let tunnel = Tunnel::new(&[]);
    let heads: [&[u8]; 3] = [
        b"GET /slow HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ];
    for head in heads {
        let (client, server) = tunnel.pair();
        at_once("a byte of a head", head.iter().map(|&byte| pass(&client, &server, byte)).collect());
    }
}
