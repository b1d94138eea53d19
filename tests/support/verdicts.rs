//! What wayside found a connection to be, and how long a greeting takes.

use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use super::{LIMIT, Wayside, connect, field, wait_until};

/// How many connections were decided so; any `decided_by` where it is `""`.
pub fn detected(wayside: &Wayside, protocol: &str, decided_by: &str) -> f64 {
    let labels = [("protocol", protocol), ("decided_by", decided_by)];
    let labels = if decided_by.is_empty() { &labels[..1] } else { &labels[..] };
    wayside.metrics().sum("tcp_detect_total", labels)
}

/// Waits until so many connections were decided so.
#[track_caller]
pub fn expect_detected(wayside: &Wayside, protocol: &str, decided_by: &str, count: usize) {
    let all = || wayside.metrics().matching("tcp_detect_total", &[]).cloned().collect::<Vec<_>>();
    wait_until(LIMIT, || detected(wayside, protocol, decided_by) >= count as f64);
    let found = detected(wayside, protocol, decided_by);
    assert_eq!(found, count as f64, "{protocol} decided by {decided_by:?}, of {:#?}", all());
}

/// What `/connections` says of the client's connection once it is decided: `protocol` and `decided_by`.
#[track_caller]
pub fn verdict_of(wayside: &Wayside, client: &TcpStream) -> (String, String) {
    let source = client.local_addr().expect("an address").to_string();
    let mut verdict = None;
    let mut page = String::new();
    wait_until(LIMIT, || {
        page = wayside.connections();
        let line = page.lines().find(|line| field(line, "source").as_deref() == Some(&source));
        verdict = line.and_then(|line| Some((field(line, "protocol")?, field(line, "decided_by")?)));
        verdict.as_ref().is_some_and(|(_, by)| !by.is_empty())
    });
    verdict.unwrap_or_else(|| panic!("no connection from {source} in\n{page}"))
}

/// `verdict_of` is this.
#[track_caller]
pub fn expect_verdict(wayside: &Wayside, client: &TcpStream, protocol: &str, decided_by: &str) {
    let (found, by) = verdict_of(wayside, client);
    assert_eq!((found.as_str(), by.as_str()), (protocol, decided_by));
}

/// Connects and waits for the server's first bytes: the connection, the bytes, and how long both took.
#[track_caller]
pub fn greeting(addr: SocketAddr) -> (TcpStream, Vec<u8>, Duration) {
    let began = Instant::now();
    let mut stream = connect(addr).expect("a connection");
    let mut bytes = vec![0; 4096];
    let count = stream.read(&mut bytes).unwrap_or_else(|error| panic!("no greeting from {addr}: {error}"));
    let took = began.elapsed();
    assert!(count > 0, "{addr} has ended without a greeting");
    bytes.truncate(count);
    (stream, bytes, took)
}

/// What wayside may add to a greeting.
const ADDED: Duration = Duration::from_millis(5);
/// How many greetings of each kind have their median taken.
const GREETINGS: usize = 50;

/// The greeting comes through the n-th forward as it comes directly, within [`ADDED`], and is labelled `protocol`
/// by `decided_by`. A wait of wayside's own would be there in each round, another program's burst is not.
#[track_caller]
pub fn expect_greeting(wayside: &Wayside, forward: usize, direct: SocketAddr, verdict: (&str, &str)) {
    let before = detected(wayside, verdict.0, verdict.1) as usize;
    let mut rounds = Vec::new();
    for round in 1..=3 {
        let (mut straight, mut through) = (Vec::new(), Vec::new());
        for _ in 0..GREETINGS {
            let (_, expected, took) = greeting(direct);
            straight.push(took);
            let (client, came, took) = greeting(wayside.addr(forward));
            through.push(took);
            // What follows may hold a connection's number, or its secret.
            assert_eq!(came[..3], expected[..3], "the greeting's beginning");
            if through.len() == 1 {
                expect_verdict(wayside, &client, verdict.0, verdict.1);
            }
        }
        expect_detected(wayside, verdict.0, verdict.1, before + round * GREETINGS);
        let (straight, through) = (median(straight), median(through));
        rounds.push((straight, through));
        if through <= straight + ADDED {
            println!("{} greets after {straight:?} directly, {through:?} through wayside", verdict.0);
            return;
        }
    }
    panic!("{}: medians of {GREETINGS}, directly and through wayside: {rounds:?}", verdict.0);
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}
