//! Clients that mean no good, a thousand at a time, do not hold up those that do.
//!
//! Each test runs two waysides: one is abused, one is not, and the same traffic goes through both in turn. So what
//! else the machine does falls on both alike.

mod support;

#[allow(dead_code)]
#[path = "detect/hello.rs"]
mod hello;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use support::*;

const CONNECTIONS: usize = 1_000;
const MB: u64 = 1 << 20;
/// How many times the same traffic goes through both.
const ROUNDS: usize = 8;

/// Ping-pong and HTTP through a wayside.
struct Traffic {
    echo: TcpStream,
    http: TcpStream,
}

/// One test at a time: they measure.
static ALONE: Mutex<()> = Mutex::new(());

/// Two waysides in front of the same servers: an echo, an HTTP server, and one for those who are abusive.
struct Pair {
    _echo: Server,
    _http: Server,
    _victims: Holder,
    quiet: Wayside,
    abused: Wayside,
    _alone: MutexGuard<'static, ()>,
}

impl Pair {
    /// None where the holder cannot be had.
    fn new() -> Option<Self> {
        let alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (echo, http, victims) = (Server::echo(), http_server(), Holder::sink()?);
        let forwards =
            [echo.addr(), http.addr(), victims.addr()].map(|target| format!("127.0.0.1:0={target}"));
        let start = || {
            let args = ["--forward", &forwards[0], "--forward", &forwards[1], "--forward", &forwards[2]];
            Wayside::start(&args)
        };
        let (quiet, abused) = (start(), start());
        Some(Pair { quiet, abused, _echo: echo, _http: http, _victims: victims, _alone: alone })
    }

    /// A connection for abuse.
    fn victim(&self) -> TcpStream {
        self.abused.connect(2)
    }

    /// New and old connections fare as well at the abused one as at the quiet one. A busy machine gets five tries.
    #[track_caller]
    fn fare_alike(&self, what: &str) {
        let ways = [&self.quiet, &self.abused].map(|wayside| (wayside, Traffic::through(wayside)));
        let mut tries = vec![];
        for _ in 0..5 {
            let [quiet, abused] = Pair::measure(&ways);
            println!("{what}: p99 {abused:?}, else {quiet:?}");
            if abused <= 2 * quiet + Duration::from_millis(1) {
                return;
            }
            tries.push((abused, quiet));
        }
        panic!("{what}: p99 beside it, and without it: {tries:?}");
    }

    /// The p99 at each, in the best of some rounds: what delays all of them is no whim of the scheduler.
    fn measure(ways: &[(&Wayside, Traffic); 2]) -> [Duration; 2] {
        let mut p99s = [vec![], vec![]];
        for _ in 0..ROUNDS {
            for ((wayside, traffic), p99s) in ways.iter().zip(&mut p99s) {
                p99s.push(traffic.round().max(Traffic::through(wayside).round()));
            }
        }
        p99s.map(|p99s| Times::of(p99s).quantile(0.0))
    }
}

impl Traffic {
    fn through(wayside: &Wayside) -> Self {
        Traffic { echo: wayside.connect(0), http: wayside.connect(1) }
    }

    /// The worse of the two p99.
    fn round(&self) -> Duration {
        let http = exchange(&self.http, GET, OK.len(), 300).quantile(0.99);
        ping_pong(&self.echo, 300).quantile(0.99).max(http)
    }
}

/// Two waysides, or the end of a test that cannot have them.
macro_rules! pair {
    () => {{
        if raise_descriptors() < 8_000 {
            skipped!("the hard limit of descriptors is below 8000");
        }
        match Pair::new() {
            Some(pair) => pair,
            None => skipped!("there is no python3"),
        }
    }};
}

#[test]
fn a_thousand_that_send_nothing() {
    let pair = pair!();
    let before = pair.abused.own_memory();
    let idle: Vec<_> = (0..CONNECTIONS).map(|_| pair.victim()).collect();
    pair.fare_alike("1,000 silent connections");
    let grown = pair.abused.own_memory().saturating_sub(before);
    assert!(grown <= 2 * MB, "{grown} bytes of memory for {} silent connections", idle.len());
}

#[test]
fn a_thousand_with_half_a_request_line() {
    let pair = pair!();
    let before = pair.abused.own_memory();
    // Not held back: it waits at the server, and detection keeps no more of it than it needs.
    let half = [b"GET /".as_slice(), &[b'a'; 3_000]].concat();
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| pair.victim()).collect();
    for mut client in &clients {
        client.write_all(&half).expect("to write");
    }
    pair.fare_alike("1,000 half request lines");
    let grown = pair.abused.own_memory().saturating_sub(before);
    println!("{grown} bytes of memory");
    assert!(grown <= 8 * MB, "{grown} bytes of memory for {CONNECTIONS} half request lines");
}

#[test]
fn a_thousand_with_a_byte_a_second() {
    let pair = pair!();
    let before = pair.abused.own_memory();
    let clients: Vec<_> = (0..CONNECTIONS).map(|_| pair.victim()).collect();
    let over = AtomicBool::new(false);
    let line = b"GET /a-very-long-path-that-comes-byte-by-byte HTTP/1.1\r\n";
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let began = Instant::now();
            for (number, mut client) in (0..).zip(clients.iter().cycle()) {
                if over.load(Ordering::Relaxed) {
                    return;
                }
                let byte = line[number / CONNECTIONS % line.len()];
                client.write_all(&[byte]).expect("to write a byte");
                let due = Duration::from_millis(number as u64);
                std::thread::sleep(due.saturating_sub(began.elapsed())); // pace: a thousand bytes a second
            }
        });
        let measured = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pair.fare_alike("1,000 connections with a byte a second");
        }));
        over.store(true, Ordering::Relaxed);
        measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let grown = pair.abused.own_memory().saturating_sub(before);
    assert!(grown <= 3 * MB, "{grown} bytes of memory for {CONNECTIONS} trickles");
}

/// Goes on with `abuse` in two threads while the traffic is measured.
#[track_caller]
fn measure_during(pair: &Pair, what: &str, abuse: impl Fn(usize) + Sync) {
    let over = AtomicBool::new(false);
    let before = pair.abused.own_memory();
    std::thread::scope(|scope| {
        for first in 0..2 {
            let (over, abuse) = (&over, &abuse);
            scope.spawn(move || {
                for number in (first..).step_by(2) {
                    if over.load(Ordering::Relaxed) {
                        return;
                    }
                    abuse(number);
                    std::thread::sleep(Duration::from_millis(2)); // pace: leaves processors to be measured on
                }
            });
        }
        let measured = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| pair.fare_alike(what)));
        over.store(true, Ordering::Relaxed);
        measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let grown = pair.abused.own_memory().saturating_sub(before);
    assert!(grown <= 6 * MB, "{what}: {grown} bytes of memory");
    assert_eq!(pair.abused.get("/live").0, 200, "{what}: admin does not answer");
}

/// What a client of the admin server may do in anger; errors are its own fault.
fn torment(admin: SocketAddr, bytes: &[u8]) {
    if let Ok(mut stream) = connect(admin) {
        let _ = stream.write_all(bytes);
        let _ = stream.set_read_timeout(Some(Duration::from_millis(5)));
        let _ = stream.read(&mut [0; 64]);
    }
}

#[test]
fn garbage_half_requests_and_floods_at_the_admin_port() {
    let pair = pair!();
    let admin = pair.abused.admin();
    let garbage = Random::new(seed()).bytes(20_000);
    measure_during(&pair, "garbage at admin", |number| {
        torment(admin, &garbage[number * 37 % 10_000..][..1 + number * 101 % 10_000]);
    });
    measure_during(&pair, "half requests at admin", |_| torment(admin, b"GET /metrics HTTP/1.1\r\nHost: a"));
    let pipelined = b"GET /metrics HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\n\r\n".repeat(50);
    measure_during(&pair, "a flood of scrapes", |_| torment(admin, &pipelined));
    // Kept open, far more than admin takes.
    let _held: Vec<_> = (0..500).map(|_| connect(admin)).collect();
    pair.fare_alike("500 connections to admin");
    assert_eq!(pair.abused.get("/live").0, 200);
}

/// Makes `count` series: server names and application protocols, as clients may choose them.
fn make_series(pair: &Pair, count: usize) {
    for number in 0..count {
        let name = format!("a-rather-long-host-name-number-{}.example.com", number % 200);
        let protocol = format!("protocol-{}", number / 200);
        let mut client = pair.victim();
        client.write_all(&hello::go(name.as_bytes(), &[protocol.as_bytes()]).bytes()).expect("to write");
    }
    let all_closed = || pair.abused.metrics().sum("tcp_close_total", &[("tls", "opaque"), ("peer", "src")]);
    eventually("all are counted", LIMIT, || all_closed() as usize == count);
}

#[test]
fn a_long_scrape_read_byte_by_byte_delays_nobody() {
    const SERIES: usize = 1_000;
    let pair = pair!();
    make_series(&pair, SERIES);
    let (status, text) = pair.abused.get("/metrics");
    assert!(status == 200 && text.len() > SERIES * 1_000, "only {} bytes of metrics", text.len());
    let before = pair.abused.own_memory();
    let over = AtomicBool::new(false);
    let read_slowly = || {
        let mut stream = connect(pair.abused.admin()).expect("admin");
        small_buffers(&stream);
        stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n").expect("to ask");
        while !over.load(Ordering::Relaxed) {
            // It may lose its place to another; then it stays away.
            if !stream.read(&mut [0]).is_ok_and(|count| count > 0) {
                return;
            }
            std::thread::sleep(Duration::from_millis(1)); // pace: a slow reader
        }
    };
    std::thread::scope(|scope| {
        (0..20).for_each(|_| drop(scope.spawn(read_slowly)));
        let measured = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            pair.fare_alike("20 slow readers of a long scrape");
        }));
        over.store(true, Ordering::Relaxed);
        measured.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    let grown = pair.abused.own_memory().saturating_sub(before);
    assert!(grown <= 4 * MB, "{grown} bytes of memory for 20 slow readers");
    // And quick ones, compressed and not, one after the other.
    for ask in ["", "Accept-Encoding: gzip\r\n"] {
        let request = format!("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n{ask}\r\n");
        measure_during(&pair, "long scrapes", |_| {
            let mut stream = connect(pair.abused.admin()).expect("admin");
            stream.write_all(request.as_bytes()).expect("to ask");
            let _ = std::io::copy(&mut stream, &mut std::io::sink());
        });
    }
}
