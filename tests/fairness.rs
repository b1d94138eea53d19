//! One greedy bulk connection beside a ping-pong: how long the ping-pong then takes, and how long with HAProxy.
//!
//! `scripts/fairness` runs this with a release build and more rounds, and shows the table.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use support::*;

/// Ping-pongs of one measurement.
const PINGS: usize = 500;
/// What a busy machine may add to a comparison of medians.
const TOLERANCE: f64 = 1.25;

/// Two listeners of one proxy: where an echo is, and where an endless source is.
struct Way {
    name: &'static str,
    echo: SocketAddr,
    source: SocketAddr,
}

/// What was measured of one way, a number a round.
#[derive(Default)]
struct Measured {
    quiet: Vec<Times>,
    beside_bulk: Vec<Times>,
    megabytes: Vec<f64>,
}

fn rounds() -> usize {
    std::env::var("WAYSIDE_FAIRNESS_ROUNDS").map_or(5, |text| text.parse().expect("a number of rounds"))
}

/// Sends as fast as it can.
fn greedy_source() -> Server {
    let bytes = vec![0x5a; 256 << 10];
    Server::start(move |mut stream| {
        loop {
            stream.write_all(&bytes)?;
        }
    })
}

/// HAProxy as it comes: TCP mode, one thread.
fn haproxy(echo: SocketAddr, source: SocketAddr) -> Option<(Daemon, TempDir, Way)> {
    let program = have("haproxy")?;
    let (dir, ports) = (TempDir::new(), [free_port(), free_port()]);
    let [to_echo, to_source] = ports.map(|port| SocketAddr::from(([127, 0, 0, 1], port)));
    let config = format!(
        "global\n nbthread 1\ndefaults\n mode tcp\n timeout connect 5s\n timeout client 60s\n timeout server 60s\n\
         listen echo\n bind {to_echo}\n server s {echo}\nlisten source\n bind {to_source}\n server s {source}\n"
    );
    let mut command = Command::new(program);
    command.args(["-db", "-f"]).arg(dir.file("haproxy.cfg", config));
    let mut daemon = Daemon::start(command);
    daemon.wait_port(to_echo);
    daemon.wait_port(to_source);
    Some((daemon, dir, Way { name: "HAProxy", echo: to_echo, source: to_source }))
}

fn ping(way: &Way) -> Times {
    let client = connect(way.echo).expect("a connection");
    ping_pong(&client, PINGS / 10);
    ping_pong(&client, PINGS)
}

/// The ping-pong while another connection takes whatever comes; and how many megabytes a second that was.
fn ping_beside_bulk(way: &Way) -> (Times, f64) {
    let (over, taken) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut bulk = connect(way.source).expect("a connection");
    let take = |bulk: &mut TcpStream| {
        let mut buffer = vec![0; 256 << 10];
        while !over.load(Ordering::Relaxed) {
            taken.fetch_add(bulk.read(&mut buffer).expect("bulk") as u64, Ordering::Relaxed);
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(|| take(&mut bulk));
        let flows = || taken.load(Ordering::Relaxed) > 8 << 20;
        let is_flowing = wait_until(LIMIT, flows);
        let (began, before) = (Instant::now(), taken.load(Ordering::Relaxed));
        let times = is_flowing.then(|| ping(way));
        let bytes = taken.load(Ordering::Relaxed) - before;
        let rate = bytes as f64 / began.elapsed().as_secs_f64() / 1e6;
        over.store(true, Ordering::Relaxed);
        (times.expect("the bulk connection carries bulk"), rate)
    })
}

fn median<T: Copy + PartialOrd>(values: impl Iterator<Item = T>) -> T {
    let mut values: Vec<T> = values.collect();
    values.sort_by(|a, b| a.partial_cmp(b).expect("an order"));
    values[values.len() / 2]
}

impl Measured {
    fn round(&mut self, way: &Way) {
        self.quiet.push(ping(way));
        let (times, rate) = ping_beside_bulk(way);
        self.beside_bulk.push(times);
        self.megabytes.push(rate);
    }

    /// The median over the rounds, of this quantile of each.
    fn of(times: &[Times], share: f64) -> Duration {
        median(times.iter().map(|times| times.quantile(share)))
    }

    fn p99_beside_bulk(&self) -> Duration {
        Measured::of(&self.beside_bulk, 0.99)
    }

    fn print(&self, name: &str) {
        let us = |times: &[Times], share| Measured::of(times, share).as_micros();
        println!(
            "| {name} | {} µs | {} µs | {} µs | {} µs | {:.0} MB/s |",
            us(&self.quiet, 0.5),
            us(&self.quiet, 0.99),
            us(&self.beside_bulk, 0.5),
            us(&self.beside_bulk, 0.99),
            median(self.megabytes.iter().copied()),
        );
    }
}

#[test]
fn a_greedy_connection_starves_a_ping_pong_no_more_than_with_haproxy() {
    let (echo, source) = (Server::echo(), greedy_source());
    let forwards = [echo.addr(), source.addr()].map(|target| format!("127.0.0.1:0={target}"));
    let wayside = Wayside::start(&["--forward", &forwards[0], "--forward", &forwards[1]]);
    let ours = Way { name: "wayside", echo: wayside.addr(0), source: wayside.addr(1) };
    let direct = Way { name: "no proxy", echo: echo.addr(), source: source.addr() };
    let Some((_daemon, _dir, theirs)) = haproxy(echo.addr(), source.addr()) else {
        skipped!("there is no haproxy to compare with");
    };
    let ways = [direct, ours, theirs];
    let mut measured = [(); 3].map(|()| Measured::default());
    for _ in 0..rounds() {
        // In turn, so that what else the machine does falls on all alike.
        ways.iter().zip(&mut measured).for_each(|(way, measured)| measured.round(way));
    }
    println!("\nMedian over {} rounds of {PINGS} ping-pongs of 64 bytes each:\n", rounds());
    println!("| through | median | p99 | median beside bulk | p99 beside bulk | bulk |");
    println!("|---|---|---|---|---|---|");
    ways.iter().zip(&measured).for_each(|(way, measured)| measured.print(way.name));
    let [_, ours, theirs] = measured.map(|measured| measured.p99_beside_bulk());
    assert!(ours <= theirs.mul_f64(TOLERANCE), "p99 beside bulk {ours:?}, with HAProxy {theirs:?}");
}
