//! What the kernel is asked for: the cost of a request is its system calls, so they are counted.

mod support;

use std::io::{Read, Write};
use std::time::Duration;

use support::*;

const MB: u64 = 1 << 20;

/// A few calls beside the point: the one that strace interrupted, time-outs of the loop, the end of a burst.
const HANDFUL: u64 = 8;

/// The calls, without those that are counted here one by one.
fn others(calls: &Calls, counted: &[&str]) -> u64 {
    calls.iter().filter(|(name, _)| !counted.contains(&name.as_str())).map(|(_, count)| count).sum()
}

fn of(calls: &Calls, name: &str) -> u64 {
    calls.get(name).copied().unwrap_or(0)
}

#[test]
fn a_round_trip_is_two_waits_two_reads_and_two_writes() {
    const ROUNDS: u64 = 1_000;
    let echo = Server::echo();
    let wayside = Wayside::start(&["--forward", &format!("127.0.0.1:0={}", echo.addr())]);
    let client = wayside.connect(0);
    ping_pong(&client, 10);
    let trace = match Trace::attach(&wayside) {
        Ok(trace) => trace,
        Err(why) => skipped!("{why}"),
    };
    ping_pong(&client, ROUNDS as usize);
    let calls = trace.finish();
    let counted = ["epoll_wait", "recvfrom", "sendto"];
    for name in counted {
        let count = of(&calls, name);
        assert!(count.abs_diff(2 * ROUNDS) <= HANDFUL, "{count} of {name} in {ROUNDS} rounds: {calls:?}");
    }
    assert!(others(&calls, &counted) <= HANDFUL, "further calls: {calls:?}");
}

#[test]
fn http_requests_on_a_kept_connection_cost_the_same() {
    const ROUNDS: u64 = 500;
    let server = http_server();
    let wayside = Wayside::start(&["--forward", &format!("127.0.0.1:0={}", server.addr())]);
    let client = wayside.connect(0);
    exchange(&client, GET, OK.len(), 10);
    let trace = match Trace::attach(&wayside) {
        Ok(trace) => trace,
        Err(why) => skipped!("{why}"),
    };
    exchange(&client, GET, OK.len(), ROUNDS as usize);
    let calls = trace.finish();
    let total: u64 = calls.values().sum();
    assert!(total.abs_diff(6 * ROUNDS) <= 3 * HANDFUL, "{total} calls in {ROUNDS} rounds: {calls:?}");
}

#[test]
fn a_request_on_a_shared_connection_costs_one_look_more() {
    const ROUNDS: u64 = 500;
    let server = http_server();
    let wayside = Wayside::start(&["--forward", &format!("127.0.0.1:0={}", server.addr()), "--http-reuse"]);
    let client = wayside.connect(0);
    exchange(&client, GET, OK.len(), 10);
    let trace = match Trace::attach(&wayside) {
        Ok(trace) => trace,
        Err(why) => skipped!("{why}"),
    };
    exchange(&client, GET, OK.len(), ROUNDS as usize);
    let calls = trace.finish();
    // The third recvfrom: whether the kept connection has ended or spoken since epoll last told.
    let counted = ["epoll_wait", "recvfrom", "sendto"];
    for (name, each) in counted.into_iter().zip([2, 3, 2]) {
        let count = of(&calls, name);
        assert!(count.abs_diff(each * ROUNDS) <= HANDFUL, "{count} of {name} in {ROUNDS} rounds: {calls:?}");
    }
    assert!(others(&calls, &counted) <= HANDFUL, "further calls: {calls:?}");
}

#[test]
fn a_short_connection_is_a_few_calls() {
    const CONNECTIONS: u64 = 200;
    // At most so many of each a connection. getsockopt: how many wait to be accepted, which a second accept4 would
    // say at the price of one. setsockopt: the options of the upstream socket; the client's are inherited. One wait
    // and one read fewer where the server's answer and its FIN come together.
    const EACH: [(&str, u64); 11] = [
        ("accept4", 1),
        ("getsockopt", 1),
        ("socket", 1),
        ("setsockopt", 2),
        ("connect", 1),
        ("epoll_ctl", 2),
        ("epoll_wait", 5),
        ("recvfrom", 4),
        ("sendto", 2),
        ("shutdown", 1),
        ("close", 2),
    ];
    let server = Server::start(|mut stream| {
        stream.read_exact(&mut [0; GET.len()])?;
        stream.write_all(OK)
    });
    let wayside = Wayside::start(&["--forward", &format!("127.0.0.1:0={}", server.addr())]);
    let short = || {
        let mut client = wayside.connect(0);
        client.write_all(GET).expect("to send a request");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).expect("the answer and its end");
        assert_eq!(answer, OK);
    };
    short();
    let trace = match Trace::attach(&wayside) {
        Ok(trace) => trace,
        Err(why) => skipped!("{why}"),
    };
    (0..CONNECTIONS).for_each(|_| short());
    eventually("all servers are done", LIMIT, || server.live() == 0);
    let calls = trace.finish();
    // Debug builds of the standard library look at each descriptor (fcntl) before they close it.
    let total: u64 = calls.iter().filter(|(name, _)| *name != "fcntl").map(|(_, count)| count).sum();
    println!("{:.2} calls a connection: {calls:?}", total as f64 / CONNECTIONS as f64);
    for (name, each) in EACH {
        let count = of(&calls, name);
        assert!(
            count <= each * CONNECTIONS + HANDFUL,
            "{count} of {name} for {CONNECTIONS} connections: {calls:?}"
        );
    }
    let names = EACH.map(|(name, _)| name);
    assert!(others(&calls, &names) <= of(&calls, "fcntl") + HANDFUL, "further calls: {calls:?}");
}

#[test]
fn bulk_is_spliced() {
    let tunnel = Tunnel::new(&["--detect-timeout", "200ms"]);
    let (client, mut server) = tunnel.pair();
    // Bulky bytes are spliced as soon as none need be looked at.
    server.write_all(b"first").expect("to write");
    (&client).read_exact(&mut [0; 5]).expect("the first bytes");
    let trace = match Trace::attach(&tunnel.wayside) {
        Ok(trace) => trace,
        Err(why) => skipped!("{why}"),
    };
    let seed = seed();
    std::thread::scope(|scope| {
        let sender =
            scope.spawn(|| send_random(&server, 100 * MB, seed, (64 << 10, 64 << 10)).expect("to send"));
        let came = receive_exactly(&client, 100 * MB, seed, (256 << 10, 256 << 10)).expect("bulk");
        assert_eq!(came, sender.join().expect("the sender"));
    });
    // The counters move once the bytes have: nothing is under way when strace leaves.
    let moved = || tunnel.wayside.metrics().sum("tcp_read_bytes_total", &[("peer", "dst")]);
    eventually("all bytes are counted", Duration::from_secs(5), || moved() == (100 * MB + 5) as f64);
    let calls = trace.finish();
    println!("{calls:?}");
    assert!(of(&calls, "splice") >= 400, "not spliced: {calls:?}");
    // 100 MB in reads of 64 KiB would be 1,600. What comes in small pieces, because the reader is quicker than the
    // sender, is copied, and how often that happens is the machine's affair: a quarter at most here.
    assert!(of(&calls, "sendto") <= 400, "copied: {calls:?}");
}
