//! The reuse race: a request is sent on a kept connection just as its server closes it.

use std::io::{self, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::http::{Body, Peer};
use crate::support::servers::{Service, forward, need};
use crate::support::*;

const CLIENTS: usize = 64;
/// In the suite, and with `WAYSIDE_LONG`.
const REQUESTS: [usize; 2] = [20_000, 200_000];
/// Idle connections are closed at a random moment of this span.
const SPAN: Duration = Duration::from_millis(50);
/// How long a server listens that has ended its own side.
const LINGER: Duration = Duration::from_millis(20);

/// How often each request came to the server as a whole, by its id.
#[derive(Debug)]
struct Heard(Vec<AtomicU8>);

/// Waits for bytes or an end.
fn is_readable_within(stream: &TcpStream, limit: Duration) -> bool {
    let limit = Timespec { tv_sec: 0, tv_nsec: limit.as_nanos() as i64 };
    let count = poll(&mut [PollFd::new(stream, PollFlags::IN)], Some(&limit));
    count.is_ok_and(|count| count > 0)
}

/// Answers each request with its id, and closes where none comes for a while.
fn serve(stream: TcpStream, heard: &Heard, seed: u64) -> io::Result<()> {
    let mut random = Random::new(seed);
    let mut peer = Peer::new(stream);
    loop {
        let Some(request) = peer.request()? else { return Ok(()) };
        let id: usize = request.second().trim_start_matches('/').parse().expect("an id");
        heard.0[id].fetch_add(1, Ordering::SeqCst);
        let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{id}", id.to_string().len());
        peer.stream.write_all(answer.as_bytes())?;
        let wait = SPAN.mul_f64(random.between(0, 1000) as f64 / 1000.0);
        if is_readable_within(&peer.stream, wait) {
            continue;
        }
        match random.between(0, 5) {
            0 => {
                reset(peer.stream);
                return Ok(());
            }
            1 => {
                peer.stream.shutdown(Shutdown::Write)?;
                // It has no way to answer, but has heard it.
                while is_readable_within(&peer.stream, LINGER) {
                    let Some(request) = peer.request()? else { return Ok(()) };
                    let id: usize = request.second().trim_start_matches('/').parse().expect("an id");
                    heard.0[id].fetch_add(1, Ordering::SeqCst);
                }
                if random.between(0, 1) == 0 {
                    reset(peer.stream);
                }
                return Ok(());
            }
            _ => return Ok(()),
        }
    }
}

/// Every other request must not be repeated.
fn is_post(id: usize) -> bool {
    id % 2 == 1
}

/// What came of the requests.
#[derive(Debug, Default)]
struct Tally {
    lost_gets: AtomicUsize,
    lost_posts: AtomicUsize,
}

/// One client: its requests one after the other, with pauses in which connections are closed.
fn ask(wayside: &Wayside, ids: impl Iterator<Item = usize>, tally: &Tally, seed: u64) {
    let mut random = Random::new(seed);
    let mut peer = Peer::new(wayside.connect(0));
    for id in ids {
        let is_post = is_post(id);
        let request = if is_post {
            format!("POST /{id} HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello")
        } else {
            format!("GET /{id} HTTP/1.1\r\nHost: h\r\n\r\n")
        };
        peer.stream.write_all(request.as_bytes()).expect("to ask");
        let answer = peer.response(Body::Framed).unwrap_or_else(|error| panic!("{request:?}: {error}"));
        match answer.second() {
            "200" => assert_eq!(answer.body, id.to_string().into_bytes(), "another request's answer"),
            "502" => {
                assert!(answer.field("wayside-error").is_some_and(|cause| !cause.is_empty()), "{answer:?}");
                let lost = if is_post { &tally.lost_posts } else { &tally.lost_gets };
                lost.fetch_add(1, Ordering::SeqCst);
            }
            _ => panic!("{answer:?}"),
        }
        if answer.is_last() {
            peer = Peer::new(wayside.connect(0));
        }
        if random.between(0, 9) == 0 {
            // pace: as long as idle connections live
            std::thread::sleep(Duration::from_millis(random.between(0, 40) as u64));
        }
    }
}

/// All requests, of 64 clients at once, each of which fails no more often than it may.
fn race(server: SocketAddr, total: usize) {
    let seed = seed();
    let wayside = Wayside::start(&["--forward", &forward(server), "--http-reuse"]);
    let tally = Tally::default();
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (wayside, tally) = (&wayside, &tally);
            let ids = (client..total).step_by(CLIENTS);
            scope.spawn(move || ask(wayside, ids, tally, seed.wrapping_mul(client as u64 + 1)));
        }
    });
    let metrics = wayside.metrics();
    let events = |event| metrics.sum("wayside_pool_total", &[("event", event)]);
    let (lost_gets, lost_posts) = (tally.lost_gets.into_inner(), tally.lost_posts.into_inner());
    println!(
        "{total} requests, {} connections, {} reused, {} found closed, {} sent anew, {lost_gets} GET and {lost_posts} POST lost",
        metrics.sum("tcp_open_total", &[("peer", "dst")]),
        events("reused"),
        events("closed_by_server"),
        metrics.sum("wayside_retries_total", &[]),
    );
    assert_eq!(lost_gets, 0, "an idempotent request failed");
    // It may be a few until it is known that this server closes early.
    assert!(lost_posts * 2_000 <= total, "{lost_posts} of {} POST failed", total / 2);
    assert!(events("reused") * 5.0 > total as f64, "hardly any connection was reused");
}

#[test]
fn a_server_that_closes_idle_connections_is_hardly_noticed() {
    let total = REQUESTS[usize::from(std::env::var_os("WAYSIDE_LONG").is_some())];
    let seed = seed();
    let heard = Arc::new(Heard((0..total).map(|_| AtomicU8::new(0)).collect()));
    let (theirs, connection) = (Arc::clone(&heard), AtomicUsize::new(0));
    let server = Server::start(move |stream| {
        let number = connection.fetch_add(1, Ordering::SeqCst) as u64;
        serve(stream, &theirs, seed.wrapping_add(number))
    });
    race(server.addr(), total);
    let twice: Vec<_> =
        (0..total).filter(|&id| is_post(id) && heard.0[id].load(Ordering::SeqCst) > 1).collect();
    assert!(twice.is_empty(), "POST that came twice: {twice:?}");
}

/// Python takes long from its decision to close a connection to the end of it.
fn race_of_python(kind: &str) {
    let program = match need("python3") {
        Ok(program) => program,
        Err(why) => skipped!("{why}"),
    };
    let total = REQUESTS[usize::from(std::env::var_os("WAYSIDE_LONG").is_some())];
    let server = Service::start(TempDir::new(), |port, _| {
        let mut command = Command::new(&program);
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/reuse/closing.py"));
        command.args([kind, &port.to_string()]);
        command
    });
    race(server.addr, total);
    let mut peer = Peer::new(connect(server.addr).expect("to connect"));
    peer.stream.write_all(b"GET /twice HTTP/1.1\r\nHost: h\r\n\r\n").expect("to ask");
    let answer = String::from_utf8(peer.response(Body::Framed).expect("an answer").body).expect("text");
    let (count, twice) = answer.split_once(' ').unwrap_or((&answer, ""));
    assert_eq!(twice, "", "POST that came twice");
    assert!(count.parse::<usize>().expect("a number") * 100 > total * 49, "{count} POST of {total}");
}

#[test]
fn nor_is_one_of_threads_of_python() {
    race_of_python("threads");
}

#[test]
fn nor_is_one_of_asyncio() {
    race_of_python("asyncio");
}
