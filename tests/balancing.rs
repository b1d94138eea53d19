//! Several servers of a backend set under live traffic: the slow, the dead, the broken, and names that change.

#[allow(dead_code, reason = "each test file uses a part of it")]
#[path = "names/lab.rs"]
mod lab;
#[path = "routed/peers.rs"]
mod peers;
mod support;

use std::io::{BufReader, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use lab::Lab;
use peers::{Backend, client_hello, read_answer, serve};
use support::*;

const MS: Duration = Duration::from_millis(1);
/// The first penalty of an endpoint is 1 s and up to half of that more.
const PENALTY: Duration = Duration::from_millis(1500);

/// The file of a wayside whose forward leads all to one backend set.
fn file(servers: &[String]) -> String {
    format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = 'off'\n\
         forward = '127.0.0.1:0=127.0.0.1:9'\n[[route]]\nbackend = 'set'\n\
         [backends.set]\nservers = [{}]\n",
        servers.join(", ")
    )
}

fn balanced(servers: &[String]) -> (Wayside, TempDir) {
    let dir = TempDir::new();
    let path = dir.file("wayside.toml", file(servers));
    (Wayside::start(&["--config", path.to_str().expect("a path")]), dir)
}

fn quoted(addr: SocketAddr) -> String {
    format!("'{addr}'")
}

/// The line of `/backends` for an address.
#[track_caller]
fn line(wayside: &Wayside, addr: SocketAddr) -> String {
    let (status, text) = wayside.get("/backends");
    assert_eq!(status, 200);
    let found = text.lines().find(|line| line.contains(&format!("\"{addr}\"")));
    found.unwrap_or_else(|| panic!("{addr} is not in {text}")).to_owned()
}

/// What requests came to.
#[derive(Debug, Default)]
struct Tally {
    answered: AtomicUsize,
    failed: AtomicUsize,
}

impl Tally {
    fn read(&self) -> (usize, usize) {
        (self.answered.load(Ordering::SeqCst), self.failed.load(Ordering::SeqCst))
    }
}

/// Requests over kept connections, each of which goes on while `more` says so for its requests so far.
fn load(wayside: &Wayside, connections: usize, more: impl Fn(usize) -> bool + Sync) -> Tally {
    let (tally, addr) = (Tally::default(), wayside.addr(0));
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut client = BufReader::new(connect(addr).expect("a connection"));
                for count in 0.. {
                    if !more(count) {
                        return;
                    }
                    client.get_mut().write_all(GET).expect("to send");
                    let answer = read_answer(&mut client, "GET").expect("an answer");
                    let counter = if answer.status == 200 { &tally.answered } else { &tally.failed };
                    counter.fetch_add(1, Ordering::SeqCst);
                }
            });
        }
    });
    tally
}

#[test]
fn a_server_ten_times_slower_gets_few_requests() {
    let servers = [25 * MS, 25 * MS, 250 * MS].map(|delay| Backend::start("any", delay));
    let (wayside, _dir) = balanced(&servers.each_ref().map(|server| quoted(server.addr())));
    let tally = load(&wayside, 64, |count| count < 50);
    assert_eq!(tally.read(), (3200, 0));
    let counts = servers.each_ref().map(Backend::requests);
    eprintln!("25 ms, 25 ms, 250 ms: {counts:?}");
    assert_eq!(counts.iter().sum::<usize>(), 3200);
    assert!(counts[2] * 100 < 3200 * 5, "{counts:?}");
    // And the two others even shares.
    assert!(counts[0].min(counts[1]) * 3 > 3200, "{counts:?}");
    let counted = wayside.metrics().sum("request_total", &[("backend", "set")]);
    assert_eq!(counted, 3200.0);
}

#[test]
fn a_server_that_refuses_is_seen_by_no_client_and_comes_back() {
    let (held, dead) = refusing();
    let live = Backend::start("live", Duration::ZERO);
    let (wayside, _dir) = balanced(&[quoted(dead), quoted(live.addr())]);
    let failures =
        |wayside: &Wayside| wayside.metrics().sum("wayside_connect_failures_total", &[("backend", "set")]);
    let began = Instant::now();
    let tally = load(&wayside, 8, |_| began.elapsed() < 700 * MS);
    let (answered, failed) = tally.read();
    assert_eq!(failed, 0);
    assert!(answered > 50, "{answered}");
    // Those that were on their way together, and none after the first of them had failed.
    let at_first = failures(&wayside);
    assert!((1.0..=8.0).contains(&at_first), "{at_first}");
    // Why, for the operator.
    let of_dead = line(&wayside, dead);
    let said = |name: &str| field(&of_dead, name).unwrap_or_else(|| panic!("no {name} in {of_dead}"));
    assert_eq!(["backend", "state", "cause"].map(said), ["set", "aside", "refused"].map(str::to_owned));
    assert_eq!(field(&line(&wayside, live.addr()), "state").as_deref(), Some("ready"));
    let page = wayside.metrics();
    let (port, address) = (dead.port().to_string(), dead.to_string());
    let labels =
        [("backend", "set"), ("cause", "refused"), ("target_addr", &address), ("target_port", &port)];
    assert_eq!(page.sum("wayside_backend_aside", &labels), 1.0);
    assert_eq!(page.sum("wayside_backend_aside", &[]), 1.0);
    assert_eq!(page.sum("wayside_backend_endpoints", &[("backend", "set")]), 2.0);
    assert!((1.0..=8.0).contains(&page.sum("wayside_pool_idle_connections", &[])));
    // It listens: the next probe finds it.
    let count = Arc::new(AtomicUsize::new(0));
    held.listen(128).expect("to listen");
    let (listener, theirs): (TcpListener, _) = (held.into(), Arc::clone(&count));
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let theirs = Arc::clone(&theirs);
            std::thread::spawn(move || serve(&stream, "back", Duration::ZERO, &theirs));
        }
    });
    let back = Instant::now();
    let tally = load(&wayside, 2, |_| count.load(Ordering::SeqCst) < 20 && back.elapsed() < LIMIT);
    assert_eq!(tally.read().1, 0);
    assert!(count.load(Ordering::SeqCst) >= 20, "it is back");
    assert!(back.elapsed() < PENALTY + 1000 * MS, "{:?}", back.elapsed());
    assert_eq!(wayside.metrics().sum("wayside_backend_aside", &[]), 0.0);
    assert_eq!(field(&line(&wayside, dead), "state").as_deref(), Some("ready"));
}

/// Nor do clients set a server aside that break off or send what is no request's body.
#[test]
fn faults_of_clients_are_none_of_the_server() {
    let server = listen();
    let address = server.local_addr().expect("its address");
    let (wayside, _dir) = balanced(&[quoted(address)]);
    let mut upstreams = Vec::new();
    for _ in 0..10 {
        let mut client = wayside.connect(0);
        let head = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.write_all(head).expect("to send");
        let mut upstream = accept(&server);
        upstream.read_exact(&mut vec![0; head.len()]).expect("its head");
        client.write_all(b"not a size\r\n").expect("to send");
        let answer = read_answer(&mut BufReader::new(client), "POST").expect("an answer");
        assert_eq!(answer.status, 400, "{}", answer.head);
        upstreams.push(upstream);
    }
    assert_eq!(field(&line(&wayside, address), "state").as_deref(), Some("ready"));
    // None of them takes what it has for a request.
    upstreams.iter().for_each(|upstream| expect_reset(upstream, LIMIT));
}

/// Out of descriptors: that is our fault, and none of the servers'.
#[test]
fn a_dial_that_fails_for_want_of_a_descriptor_sets_nobody_aside() {
    let servers = ["a", "b"].map(|name| Backend::start(name, Duration::ZERO));
    let (wayside, _dir) = balanced(&servers.each_ref().map(|server| quoted(server.addr())));
    let mut client = BufReader::new(wayside.connect(0));
    eventually("it is accepted", LIMIT, || wayside.connections().contains("\"asking\""));
    let set_limit = |current: u64| {
        let pid = rustix::process::Pid::from_raw(wayside.pid() as i32);
        let limit = rustix::process::Rlimit { current: Some(current), maximum: Some(20_000) };
        rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).expect("to change its limit");
    };
    let mut ask = || {
        client.get_mut().write_all(GET).expect("to send");
        read_answer(&mut client, "GET").expect("an answer").status
    };
    set_limit(3);
    assert_eq!([ask(), ask()], [503, 503]);
    set_limit(1_000);
    let states = servers.each_ref().map(|server| field(&line(&wayside, server.addr()), "state"));
    assert_eq!(states.map(Option::unwrap_or_default), ["ready", "ready"].map(str::to_owned));
    let page = wayside.metrics();
    assert_eq!(page.sum("wayside_bad_gateway_total", &[]), 2.0);
    // Each was tried for each request, and counted as itself.
    for server in &servers {
        let address = server.addr().to_string();
        let labels =
            [("backend", "set"), ("cause", "out of descriptors or memory"), ("target_addr", &*address)];
        assert_eq!(page.sum("wayside_connect_failures_total", &labels), 2.0, "{address}");
    }
    assert_eq!(ask(), 200);
}

#[test]
fn a_server_that_resets_gets_hardly_any_and_no_client_sees_it() {
    let broken = Server::start(|mut stream| {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        reset(stream);
        Ok(())
    });
    let live = Backend::start("live", Duration::ZERO);
    let (wayside, _dir) = balanced(&[quoted(broken.addr()), quoted(live.addr())]);
    let began = Instant::now();
    let tally = load(&wayside, 4, |_| began.elapsed() < 800 * MS);
    let (answered, failed) = tally.read();
    assert!(answered > 50, "{answered}");
    // At most seven in a row, and those that were on their way with the seventh; the other server had what could be repeated.
    assert!((1..=10).contains(&broken.accepted()), "{}", broken.accepted());
    assert_eq!(failed, 0);
}

#[test]
fn weights_share_the_requests_and_0_gets_none() {
    let servers = ["none", "one", "three"].map(|name| Backend::start(name, 10 * MS));
    let weights = [0, 1, 3];
    let entries: Vec<String> = servers
        .iter()
        .zip(weights)
        .map(|(server, weight)| format!("{{ address = '{}', weight = {weight} }}", server.addr()))
        .collect();
    let (wayside, _dir) = balanced(&entries);
    assert_eq!(load(&wayside, 32, |count| count < 50).read(), (1600, 0));
    let [none, one, three] = servers.each_ref().map(Backend::requests);
    assert_eq!((none, one + three), (0, 1600));
    let share = one as f64 / 1600.0;
    assert!((0.1..0.4).contains(&share), "{share}");
    let states = servers.each_ref().map(|server| field(&line(&wayside, server.addr()), "state"));
    assert_eq!(states.map(Option::unwrap_or_default), ["unused", "ready", "ready"].map(str::to_owned));
}

#[test]
fn tls_goes_round_a_server_that_refuses() {
    let (_held, dead) = refusing();
    let servers = ["a", "b"].map(|name| Backend::start(name, Duration::ZERO));
    let (wayside, _dir) = balanced(&[dead, servers[0].addr(), servers[1].addr()].map(quoted));
    for _ in 0..60 {
        let mut client = wayside.connect(0);
        client.write_all(&client_hello("any.test")).expect("to send");
        let mut who = String::new();
        client.read_to_string(&mut who).expect("a name");
        assert!(["a", "b"].contains(&who.as_str()), "{who}");
    }
    let counts = servers.each_ref().map(Backend::requests);
    assert!(counts[0] + counts[1] == 60 && counts.iter().all(|&count| count > 5), "{counts:?}");
    let page = wayside.metrics();
    assert_eq!(page.sum("wayside_connect_failures_total", &[("backend", "set")]), 1.0);
    let labels = [("backend", "set"), ("peer", "dst"), ("protocol", "tls")];
    assert!(page.matching("tcp_read_bytes_total", &labels).count() >= 2);
}

/// Listeners on one port of two addresses.
fn on_one_port() -> Option<[(IpAddr, TcpListener); 2]> {
    (0..20).find_map(|_| {
        let here = [127, 0, 0, 21].into();
        let first = TcpListener::bind((here, 0)).ok()?;
        let there = [127, 0, 0, 22].into();
        let port = first.local_addr().ok()?.port();
        Some([(here, first), (there, TcpListener::bind((there, port)).ok()?)])
    })
}

#[test]
fn the_addresses_of_a_name_share_its_requests_and_go_with_it() {
    let lab = match Lab::new() {
        Ok(lab) => lab,
        Err(why) => skipped!("{why}"),
    };
    let Some(listeners) = on_one_port() else { skipped!("no port is free on two addresses") };
    let port = listeners[0].1.local_addr().expect("its address").port();
    let [first, second] = listeners.each_ref().map(|(ip, _)| ip.to_string());
    let counts = listeners.map(|(_, listener)| {
        let count = Arc::new(AtomicUsize::new(0));
        let theirs = Arc::clone(&count);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let theirs = Arc::clone(&theirs);
                std::thread::spawn(move || serve(&stream, "any", MS, &theirs));
            }
        });
        count
    });
    let read = || counts.each_ref().map(|count| count.load(Ordering::SeqCst));
    lab.set("set.test", &[&first, &second], 1);
    let dir = TempDir::new();
    let path = dir.file("wayside.toml", file(&[format!("'set.test:{port}'")]));
    let wayside = lab.wayside(&["--config", path.to_str().expect("a path")]);
    assert_eq!(load(&wayside, 8, |count| count < 50).read(), (400, 0));
    let both = read();
    assert!(both.iter().all(|&count| count > 100), "{both:?}");
    // One of them is taken out of the name: after its TTL none goes there.
    lab.set("set.test", &[&second], 1);
    let asks = || load(&wayside, 8, |count| count < 20).read();
    eventually("none goes there any more", LIMIT, || {
        let before = read()[0];
        assert_eq!(asks(), (160, 0));
        read()[0] == before
    });
}
