//! How connections end: half-closes travel, resets travel, and nothing is left behind.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use support::*;

const SECOND: Duration = Duration::from_secs(1);
const MB: u64 = 1 << 20;

/// `first` ends its sending; `second` then sends 50 MB, and all of it arrives.
#[track_caller]
fn half_close(first: &TcpStream, second: &TcpStream) {
    finish(first);
    expect_eof(second, SECOND);
    let seed = seed();
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let sent =
                send_random(second, 50 * MB, seed, (1, 128 << 10)).expect("to send after the other's end");
            finish(second);
            sent
        });
        let came = receive(first, seed, (1, 128 << 10)).expect("all to arrive");
        assert_eq!(came, sender.join().expect("the sender"));
    });
}

#[test]
fn the_client_half_closes_and_the_server_sends_fifty_megabytes() {
    let tunnel = Tunnel::new(&[]);
    let (client, server) = tunnel.pair();
    half_close(&client, &server);
}

#[test]
fn the_server_half_closes_and_the_client_sends_fifty_megabytes() {
    let tunnel = Tunnel::new(&[]);
    let (client, server) = tunnel.pair();
    half_close(&server, &client);
}

#[test]
fn half_closes_after_traffic_travel_behind_the_last_byte() {
    let tunnel = Tunnel::new(&[]);
    let (mut client, mut server) = tunnel.pair();
    client.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("to write");
    finish(&client);
    let mut request = Vec::new();
    server.read_to_end(&mut request).expect("the request and its end");
    assert_eq!(request, b"GET / HTTP/1.0\r\n\r\n");
    server.write_all(b"HTTP/1.0 200 OK\r\n\r\nbody").expect("to write");
    finish(&server);
    let mut response = Vec::new();
    client.read_to_end(&mut response).expect("the response and its end");
    assert_eq!(response, b"HTTP/1.0 200 OK\r\n\r\nbody");
}

/// Both ends in each order, so that each test below looks both ways.
fn both_orders(tunnel: &Tunnel) -> [(TcpStream, TcpStream); 2] {
    let (client, server) = tunnel.pair();
    let (other_client, other_server) = tunnel.pair();
    [(client, server), (other_server, other_client)]
}

#[test]
fn a_reset_before_any_byte_is_a_reset() {
    let tunnel = Tunnel::new(&[]);
    // Again and again: some come while wayside has not yet heard that its connect succeeded.
    for _ in 0..50 {
        for (one, other) in both_orders(&tunnel) {
            reset(one);
            expect_reset(&other, SECOND);
        }
    }
}

#[test]
fn a_reset_after_traffic_is_a_reset() {
    let tunnel = Tunnel::new(&[]);
    for (mut one, mut other) in both_orders(&tunnel) {
        let mut word = [0; 4];
        one.write_all(b"ping").expect("to write");
        other.read_exact(&mut word).expect("ping");
        other.write_all(b"pong").expect("to write");
        one.read_exact(&mut word).expect("pong");
        reset(one);
        expect_reset(&other, SECOND);
    }
}

#[test]
fn a_reset_after_the_others_half_close_is_a_reset() {
    let tunnel = Tunnel::new(&[]);
    for (one, other) in both_orders(&tunnel) {
        finish(&other);
        expect_eof(&one, SECOND);
        reset(one);
        expect_reset(&other, SECOND);
    }
}

#[test]
fn a_reset_in_the_middle_of_bulk_is_a_reset() {
    let tunnel = Tunnel::new(&[]);
    for (one, mut other) in both_orders(&tunnel) {
        std::thread::scope(|scope| {
            let sender = scope.spawn(|| {
                let error = send_random(&other, u64::MAX, 1, (64 << 10, 64 << 10)).expect_err("a reset");
                (error, Instant::now())
            });
            receive_exactly(&one, 20 * MB, 2, (1, 64 << 10)).expect("bulk");
            let began = Instant::now();
            reset(one);
            let (error, at) = sender.join().expect("the sender");
            assert!(is_reset(&error), "{error}");
            assert!(at.duration_since(began) < SECOND, "after {:?}", at.duration_since(began));
        });
        assert!(other.write(b"x").is_err());
    }
}

#[test]
fn a_client_that_connects_and_closes_at_once_leaves_nothing_behind() {
    let echo = Server::echo();
    let wayside = Wayside::start(&["--forward", &format!("127.0.0.1:0={}", echo.addr())]);
    let fds = wayside.fds();
    for number in 0..200 {
        let client = wayside.connect(0);
        if number % 2 == 0 { drop(client) } else { reset(client) }
    }
    nothing_is_left(&wayside, fds);
    eventually("the server's ends are closed, too", LIMIT, || echo.live() == 0);
}

/// No connection counted as open, no descriptor more than `fds`.
#[track_caller]
fn nothing_is_left(wayside: &Wayside, fds: usize) {
    let mut open = f64::NAN;
    let gone = wait_until(LIMIT, || {
        let metrics = wayside.metrics();
        assert!(metrics.matching("tcp_open_connections", &[]).next().is_some(), "no tcp_open_connections");
        open = metrics.sum("tcp_open_connections", &[]);
        open == 0.0
    });
    assert!(gone, "{open} connections are counted as open");
    // The scrape's own descriptor goes a moment later.
    let same = wait_until(LIMIT, || wayside.fds() == fds);
    assert!(same, "{} descriptors where {fds} were at the start", wayside.fds());
}

/// One short life, of a kind that `number` chooses.
fn short_life(wayside: &Wayside, number: usize) {
    let mut client = wayside.connect(0);
    if number % 10 == 9 {
        return;
    }
    let message = b"0123456789abcdef";
    let mut back = [0; 16];
    client.write_all(message).expect("to write");
    client.read_exact(&mut back).expect("the echo");
    assert_eq!(&back, message);
    match number % 3 {
        0 => reset(client),
        1 => {
            finish(&client);
            expect_eof(&client, LIMIT);
        }
        _ => {}
    }
}

fn short_lives(wayside: &Wayside, count: usize) {
    const CLIENTS: usize = 4;
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            scope.spawn(move || {
                (client..count).step_by(CLIENTS).for_each(|number| short_life(wayside, number))
            });
        }
    });
}

#[test]
fn twenty_thousand_short_connections_leave_nothing_behind() {
    let echo = Server::echo();
    let wayside = Wayside::start(&["--forward", &format!("127.0.0.1:0={}", echo.addr())]);
    let fds = wayside.fds();
    short_lives(&wayside, 2_000);
    nothing_is_left(&wayside, fds);
    let warm = wayside.rss();

    short_lives(&wayside, 20_000);
    nothing_is_left(&wayside, fds);
    let grown = wayside.rss().saturating_sub(warm);
    assert!(grown <= MB, "{grown} bytes of memory more than after 2,000 connections ({warm})");
    let opened = wayside.metrics().sum("tcp_open_total", &[("peer", "src")]);
    assert_eq!(opened, 22_000.0);
}

#[test]
fn a_half_closed_connection_without_a_byte_is_closed_after_its_time() {
    let tunnel = Tunnel::new(&["--half-close-timeout", "300ms"]);
    for (one, other) in both_orders(&tunnel) {
        let began = Instant::now();
        finish(&one);
        expect_eof(&other, SECOND);
        // However it ends, it ends.
        let ended = (&one).read(&mut [0; 1]);
        assert!(matches!(&ended, Ok(0)) || ended.as_ref().is_err_and(is_reset), "{ended:?}");
        let after = began.elapsed();
        assert!(after >= Duration::from_millis(290) && after < 3 * SECOND, "after {after:?}");
    }
}

#[test]
fn a_half_closed_connection_with_bytes_goes_on_beyond_that_time() {
    let tunnel = Tunnel::new(&["--half-close-timeout", "300ms"]);
    for (mut one, mut other) in both_orders(&tunnel) {
        finish(&one);
        expect_eof(&other, SECOND);
        for _ in 0..12 {
            other.write_all(b".").expect("to write");
            one.read_exact(&mut [0]).expect("a byte");
            std::thread::sleep(Duration::from_millis(100)); // pace: a slow sender, 1.2 s in all
        }
        finish(&other);
        expect_eof(&one, SECOND);
    }
}

/// A wayside whose target refuses for as long as the socket is kept.
fn to_nobody() -> (Wayside, socket2::Socket) {
    let (held, addr) = refusing();
    (Wayside::start(&["--forward", &format!("127.0.0.1:0={addr}")]), held)
}

#[test]
fn a_refused_target_is_a_reset_for_a_client_that_does_not_speak_http() {
    let (wayside, _held) = to_nobody();
    let mut client = wayside.connect(0);
    client.write_all(b"\x00\x01nothing like HTTP\r\n\r\n").expect("to write");
    expect_reset(&client, SECOND);
}

#[test]
fn a_refused_target_is_a_reset_for_a_silent_client_after_a_second() {
    let (wayside, _held) = to_nobody();
    let client = wayside.connect(0);
    expect_reset(&client, 3 * SECOND);
}

#[test]
fn a_refused_target_is_a_502_for_an_http_client() {
    let (wayside, _held) = to_nobody();
    let fds = wayside.fds();
    let mut client = wayside.connect(0);
    client.write_all(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").expect("to write");
    let mut answer = String::new();
    client.read_to_string(&mut answer).expect("an answer and an orderly end");
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(answer.contains("refused"), "it does not say why: {answer}");
    nothing_is_left(&wayside, fds);
}
