//! Few descriptors and very many connections: what is there is served, the rest waits, nothing spins or floods.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use support::*;

const SECOND: Duration = Duration::from_secs(1);
const MB: u64 = 1 << 20;

/// Starts it in front of `target`, allowed so many descriptors.
fn limited(descriptors: u32, target: std::net::SocketAddr) -> Wayside {
    let script = format!("ulimit -n {descriptors}; exec \"$0\" \"$@\"");
    let forward = format!("127.0.0.1:0={target}");
    let launch = Launch::new(&["--forward", &forward]).through(&["sh", "-c", &script]);
    launch.start().unwrap_or_else(|error| panic!("{error}"))
}

/// At most a line a second of what was said since `began`, and a few at once.
#[track_caller]
fn log_is_calm(wayside: &Wayside, began: Instant) {
    let (text, most) = (wayside.stderr(), 3 + began.elapsed().as_secs() as usize);
    assert!(text.lines().count() <= most, "over {most} lines in {:?}:\n{text}", began.elapsed());
}

/// One byte there and back.
#[track_caller]
fn echoes(mut client: &TcpStream) {
    client.write_all(b"x").expect("to write");
    let mut back = [0];
    client.read_exact(&mut back).expect("the echo");
    assert_eq!(&back, b"x");
}

fn open_at_src(wayside: &Wayside) -> usize {
    wayside.metrics().sum("tcp_open_connections", &[("peer", "src")]) as usize
}

#[test]
fn two_thousand_clients_at_256_descriptors_are_served_in_turn() {
    const CLIENTS: usize = 2_000;
    let backlog = std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap_or_default();
    if !backlog.trim().parse().is_ok_and(|most: usize| most >= CLIENTS) {
        skipped!("net.core.somaxconn is {}: the kernel would not hold {CLIENTS} clients", backlog.trim());
    }
    if raise_descriptors() < 3 * CLIENTS as u64 {
        skipped!("too few descriptors for {CLIENTS} clients");
    }
    let echo = Server::echo();
    let wayside = limited(256, echo.addr());
    let (began, fds) = (Instant::now(), wayside.fds());
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| wayside.connect(0)).collect();

    // As many as its descriptors carry, first come, first served; the next one waits.
    let mut served = 0;
    let settled = || {
        let last = std::mem::replace(&mut served, echo.accepted());
        served > 0 && served == last && open_at_src(&wayside) == served
    };
    eventually("it has what it can carry", LIMIT, settled);
    assert!((64..=120).contains(&served), "{served} connections with 256 descriptors");
    for client in &clients[..served] {
        ping_pong(client, 5);
    }
    (&clients[served]).write_all(b"x").expect("the kernel to take a byte");
    expect_silence(&clients[served], SECOND / 5);

    let share = cpu_share(&wayside, 2 * SECOND);
    assert!(share < 0.02, "{:.2} % of a processor while it cannot accept", 100.0 * share);
    log_is_calm(&wayside, began);
    assert_eq!(wayside.get("/ready").0, 200);
    let paused = wayside.metrics().sum("wayside_accept_paused_total", &[("reason", "max_connections")]);
    assert!(paused >= 1.0, "not counted");

    // Each one that leaves makes room for the next.
    for (number, client) in clients.into_iter().enumerate() {
        if number == served {
            (&client).read_exact(&mut [0]).expect("the echo of the byte that waited");
        }
        echoes(&client);
    }
    eventually("all have gone", LIMIT, || open_at_src(&wayside) == 0);
    eventually("all descriptors are free again", LIMIT, || wayside.fds() == fds);
    log_is_calm(&wayside, began);
    echoes(&wayside.connect(0));
}

/// Lets the process open only so many descriptors more than it has now.
fn allow_more(wayside: &Wayside, more: u64) {
    let folder = format!("/proc/{}/fd", wayside.pid());
    let entries = std::fs::read_dir(folder).expect("its descriptors").flatten();
    let taken: Vec<u64> =
        entries.filter_map(|entry| entry.file_name().to_str().and_then(|name| name.parse().ok())).collect();
    // The limit is on the number, and the lowest free one is taken.
    let free_below = |limit: u64| limit - taken.iter().filter(|fd| **fd < limit).count() as u64;
    let limit = (0..).find(|&limit| free_below(limit) == more + 1).expect("a limit") - 1;
    set_limit(wayside, limit);
}

fn set_limit(wayside: &Wayside, current: u64) {
    let pid = Pid::from_raw(wayside.pid() as i32);
    let maximum = prlimit(pid, Resource::Nofile, Rlimit { current: Some(current), maximum: Some(20_000) });
    maximum.expect("to change its limit");
}

/// In front of an echo, with one connection up; how many descriptors that takes.
fn with_one_client(echo: &Server) -> (Wayside, TcpStream) {
    let wayside = Wayside::start(&["--forward", &format!("127.0.0.1:0={}", echo.addr())]);
    let client = wayside.connect(0);
    echoes(&client);
    (wayside, client)
}

#[test]
fn without_a_descriptor_for_accept_it_waits_and_goes_on_by_itself() {
    if raise_descriptors() < 20_000 {
        skipped!("the hard limit of descriptors is below 20000");
    }
    let echo = Server::echo();
    let (wayside, client) = with_one_client(&echo);
    let began = Instant::now();
    allow_more(&wayside, 0);
    let mut waiting: Vec<TcpStream> = (0..20).map(|_| wayside.connect(0)).collect();
    let share = cpu_share(&wayside, 2 * SECOND);
    assert!(share < 0.02, "{:.2} % of a processor while it cannot accept", 100.0 * share);
    ping_pong(&client, 20);
    assert_eq!(echo.accepted(), 1);
    log_is_calm(&wayside, began);
    assert!(wayside.stderr().contains("accept"), "nothing said: {}", wayside.stderr());

    set_limit(&wayside, 1_000);
    waiting.iter().for_each(|client| echoes(client));
    waiting.clear();
    let paused = wayside.metrics().sum("wayside_accept_paused_total", &[("reason", "descriptors")]);
    assert!((1.0..=200.0).contains(&paused), "paused {paused} times");
}

#[test]
fn without_a_descriptor_for_the_upstream_the_client_is_told() {
    if raise_descriptors() < 20_000 {
        skipped!("the hard limit of descriptors is below 20000");
    }
    let echo = Server::echo();
    let (wayside, client) = with_one_client(&echo);
    let fds = wayside.fds();
    allow_more(&wayside, 1);
    let mut http = wayside.connect(0);
    http.write_all(GET).expect("to write");
    let mut answer = String::new();
    http.read_to_string(&mut answer).expect("an answer and an orderly end");
    assert!(answer.starts_with("HTTP/1.1 503 ") && answer.contains("descriptors"), "{answer}");
    drop(http);
    eventually("its descriptor is free", LIMIT, || wayside.fds() == fds);
    let mut other = wayside.connect(0);
    other.write_all(b"\0nothing like HTTP\r\n\r\n").expect("to write");
    expect_reset(&other, SECOND);

    ping_pong(&client, 20);
    set_limit(&wayside, 1_000);
    echoes(&wayside.connect(0));
    let cause = [("cause", "out of descriptors or memory")];
    assert_eq!(wayside.metrics().sum("wayside_connect_failures_total", &cause), 2.0);
    assert_eq!(wayside.metrics().sum("tcp_open_total", &[("peer", "dst")]), 2.0);
}

/// At most 512 bytes of memory each, over `before`, and a thousandth of a processor in all.
#[track_caller]
fn idle_is_cheap(wayside: &Wayside, before: u64, connections: usize, period: Duration) {
    let each = wayside.rss().saturating_sub(before) / connections as u64;
    let share = cpu_share(wayside, period);
    println!("{connections} connections: {each} bytes each, {:.4} % of a processor", 100.0 * share);
    assert!(each <= 512, "{each} bytes for each connection");
    assert!(share < 0.001, "{:.4} % of a processor", 100.0 * share);
}

#[test]
fn eight_thousand_idle_connections_cost_next_to_nothing() {
    const CONNECTIONS: usize = 8_000;
    if raise_descriptors() < 20_000 {
        skipped!("the hard limit of descriptors is below 20000");
    }
    let Some(echo) = Holder::echo() else { skipped!("there is no python3") };
    let forward = format!("127.0.0.1:0={}", echo.addr());
    let wayside = Wayside::start(&["--detect-timeout", "1s", "--forward", &forward]);
    let fds = wayside.fds();
    // What the first connection needs is not what the 8,000th does.
    echoes(&wayside.connect(0));
    eventually("the first has gone", LIMIT, || open_at_src(&wayside) == 0);
    let before = wayside.rss();

    let clients: Vec<TcpStream> = (0..CONNECTIONS).map(|_| wayside.connect(0)).collect();
    eventually("all are carried", LIMIT, || wayside.fds() >= fds + 2 * CONNECTIONS);
    let timed_out = || wayside.metrics().sum("tcp_detect_total", &[("decided_by", "timeout")]) as usize;
    eventually("their detection is over", LIMIT, || timed_out() == CONNECTIONS);
    idle_is_cheap(&wayside, before, CONNECTIONS, 3 * SECOND);

    clients.iter().for_each(|client| echoes(client));
    // Ten seconds after its last byte each connection is looked at once, for a reader that pauses.
    let share = cpu_share(&wayside, 12 * SECOND);
    println!("the 12 s after a message each: {:.3} % of a processor", 100.0 * share);
    assert!(share < 0.01, "{:.3} % of a processor after a message", 100.0 * share);
    idle_is_cheap(&wayside, before, CONNECTIONS, 10 * SECOND);

    drop(clients);
    eventually("all have gone", LIMIT, || wayside.fds() == fds);
    let grown = || wayside.rss().saturating_sub(before);
    let back = wait_until(LIMIT, || grown() <= MB);
    assert!(back, "{} bytes of memory kept after {CONNECTIONS} connections", grown());
}
