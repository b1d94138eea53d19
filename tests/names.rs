//! Targets that are names: each address gets its turn, what does not resolve is said, and a name server that is slow or dead
//! stops nobody else.

#[allow(dead_code)] // It is used in part.
#[path = "names/lab.rs"]
mod lab;
mod support;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use lab::Lab;
use socket2::{Domain, Socket, Type};
use support::*;

const SECOND: Duration = Duration::from_secs(1);

/// The lab, or the end of the test.
macro_rules! or_skip {
    ($made:expr) => {
        match $made {
            Ok(made) => made,
            Err(why) => skipped!("{why}"),
        }
    };
}

/// Bytes go there and back, through whatever accepts at `server`.
#[track_caller]
fn serves(mut client: &TcpStream, server: &TcpListener) -> TcpStream {
    let mut server = accept(server);
    client.write_all(b"ping").expect("to write");
    let mut word = [0; 4];
    server.read_exact(&mut word).expect("ping");
    server.write_all(b"pong").expect("to write");
    client.read_exact(&mut word).expect("pong");
    server
}

/// A server on one of the two loopback addresses; connections to the other one are refused.
fn on_one_family(v6: bool) -> Result<(TcpListener, Socket), String> {
    for _ in 0..20 {
        let [here, there]: [IpAddr; 2] = if v6 {
            [Ipv6Addr::LOCALHOST.into(), [127, 0, 0, 1].into()]
        } else {
            [[127, 0, 0, 1].into(), Ipv6Addr::LOCALHOST.into()]
        };
        let server = TcpListener::bind((here, 0)).map_err(|error| format!("{here}: {error}"))?;
        let other = SocketAddr::new(there, server.local_addr().expect("its address").port());
        let held =
            Socket::new(Domain::for_address(other), Type::STREAM, None).map_err(|it| it.to_string())?;
        match held.bind(&other.into()) {
            Ok(()) => return Ok((server, held)),
            Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {}
            Err(error) => return Err(format!("{other}: {error}")),
        }
    }
    Err("no port is free on both loopback addresses".to_owned())
}

fn refused(wayside: &Wayside) -> f64 {
    wayside.metrics().sum("wayside_connect_failures_total", &[("cause", "connection refused")])
}

#[test]
fn localhost_is_whichever_address_accepts() {
    for v6 in [true, false] {
        let (server, _held) = or_skip!(on_one_family(v6));
        let port = server.local_addr().expect("its address").port();
        let target = format!("localhost:{port}");
        let wayside = Wayside::start(&["--forward", &servers::forward(&target)]);
        let clients: Vec<_> = (0..5).map(|_| wayside.connect(0)).collect();
        for client in &clients {
            let began = Instant::now();
            drop(serves(client, &server));
            assert!(began.elapsed() < SECOND);
        }
        // IPv6 comes first.
        assert_eq!(refused(&wayside), if v6 { 0.0 } else { 5.0 });
        let labels = [("target_addr", target.as_str()), ("peer", "dst")];
        assert_eq!(wayside.metrics().sum("tcp_open_total", &labels), 5.0);
    }
}

/// With `--http-reuse` a target is dialled for a silent client as well: each of its addresses.
#[test]
fn a_silent_client_gets_whichever_address_accepts() {
    let (server, _held) = or_skip!(on_one_family(false));
    let target = format!("localhost:{}", server.local_addr().expect("its address").port());
    let wayside = Wayside::start(&["--http-reuse", "--forward", &servers::forward(target)]);
    let mut client = wayside.connect(0);
    let mut server = accept(&server);
    server.write_all(b"220 ready").expect("to write");
    client.read_exact(&mut [0; 9]).expect("what the server says first");
    assert_eq!(refused(&wayside), 1.0, "::1 comes first");
}

#[test]
fn a_silent_client_of_a_name_that_does_not_exist_is_told() {
    let lab = or_skip!(Lab::new());
    let wayside = lab.wayside(&["--http-reuse", "--forward", "127.0.0.1:0=nothing.test:80"]);
    let client = wayside.connect(0);
    expect_reset(&client, LIMIT);
    assert_eq!(wayside.metrics().sum("wayside_connect_failures_total", &[("cause", "no such name")]), 1.0);
}

#[test]
fn localhost_where_nobody_accepts() {
    let (server, _held) = or_skip!(on_one_family(false));
    let port = server.local_addr().expect("its address").port();
    drop(server);
    // Held, so that nobody else listens there meanwhile.
    let again = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let addr = SocketAddr::from(([127, 0, 0, 1], port));
    or_skip!(again.bind(&addr.into()).map_err(|error| format!("{addr}: {error}")));
    let wayside = Wayside::start(&["--forward", &servers::forward(format!("localhost:{port}"))]);
    is_told(&wayside, 0, "connection refused");
    assert_eq!(refused(&wayside), 4.0, "two addresses, twice");
}

/// A client that speaks HTTP/1 is told the cause with a 502 or 504, any other is reset.
#[track_caller]
fn is_told(wayside: &Wayside, forward: usize, cause: &str) {
    let mut raw = wayside.connect(forward);
    raw.write_all(b"\x00\x01\x02 no HTTP\r\n").expect("to write");
    expect_reset(&raw, 5 * SECOND);
    let mut http = wayside.connect(forward);
    http.write_all(b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n").expect("to write");
    let mut answer = String::new();
    http.read_to_string(&mut answer).expect("an answer and an orderly end");
    let status = if cause == "name lookup timeout" { "504" } else { "502" };
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(&format!("wayside-error: {cause}")), "{answer}");
}

#[test]
fn a_name_that_does_not_exist_is_told() {
    let lab = or_skip!(Lab::new());
    let wayside = lab.wayside(&["--forward", "127.0.0.1:0=nothing.test:80"]);
    is_told(&wayside, 0, "no such name");
    assert!(lab.asked() >= 2, "{} questions", lab.asked());
    // As soon as it is there, it is used.
    let server = listen();
    let port = server.local_addr().expect("its address").port();
    let wayside = lab.wayside(&["--forward", &servers::forward(format!("later.test:{port}"))]);
    is_told(&wayside, 0, "no such name");
    lab.set("later.test", &["127.0.0.1"], 60);
    let mut client = None;
    eventually("it resolves", LIMIT, || {
        client = Some(wayside.connect(0));
        wait_until(SECOND, || wayside.connections().contains("relaying"))
    });
    drop(serves(client.as_ref().expect("a client"), &server));
}

#[test]
fn a_name_of_the_hosts_file_needs_no_name_server() {
    let lab = or_skip!(Lab::new());
    let (server, _held) = or_skip!(on_one_family(false));
    let port = server.local_addr().expect("its address").port();
    lab.hosts("# comment\n::1 db.test\n127.0.0.1 \t other.test db.test # and so on\n");
    let wayside = lab.wayside(&["--forward", &servers::forward(format!("DB.test:{port}"))]);
    drop(serves(&wayside.connect(0), &server));
    assert_eq!(refused(&wayside), 1.0);
    assert_eq!(lab.asked(), 0);
}

#[test]
fn a_name_of_the_name_server_with_an_address_that_refuses() {
    let lab = or_skip!(Lab::new());
    let (server, _held) = or_skip!(on_one_family(false));
    let port = server.local_addr().expect("its address").port();
    lab.set("db.test", &["127.0.0.1", "::1"], 60);
    let wayside = lab.wayside(&["--forward", &servers::forward(format!("db.test:{port}"))]);
    for _ in 0..3 {
        drop(serves(&wayside.connect(0), &server));
    }
    assert_eq!(refused(&wayside), 3.0);
    assert_eq!(lab.asked(), 2, "one question for each family");
}

#[test]
fn a_slow_name_server_delays_its_names_only_and_loses_nothing() {
    const DELAY: Duration = Duration::from_millis(700);
    let lab = or_skip!(Lab::new());
    let (server, echo) = (listen(), Server::echo());
    let port = server.local_addr().expect("its address").port();
    lab.set("db.test", &["127.0.0.1"], 60);
    lab.delay(DELAY);
    let to_name = servers::forward(format!("db.test:{port}"));
    let wayside = lab.wayside(&["--forward", &to_name, "--forward", &servers::forward(echo.addr())]);
    let began = Instant::now();
    let mut client = wayside.connect(0);
    let mut hasty = wayside.connect(0);
    client.write_all(b"before").expect("to write");
    hasty.write_all(b"and gone").expect("to write");
    finish(&hasty);
    let rounds = ping_pong_until(&wayside, 1, began + DELAY - Duration::from_millis(100));
    assert!(rounds > 20, "only {rounds} round trips beside a pending name");
    let mut came: Vec<Vec<u8>> = vec![];
    for mut server in [accept(&server), accept(&server)] {
        let mut bytes = vec![0; 6];
        server.read_exact(&mut bytes).expect("what was said before");
        if bytes == b"and go" {
            server.read_to_end(&mut bytes).expect("the rest and the end");
        }
        came.push(bytes);
    }
    assert!(began.elapsed() >= DELAY);
    came.sort();
    assert_eq!(came, [b"and gone".to_vec(), b"before".to_vec()]);
}

/// Round trips through the n-th forward; none may take long.
#[track_caller]
fn ping_pong_until(wayside: &Wayside, forward: usize, end: Instant) -> usize {
    let mut client = wayside.connect(forward);
    let (mut rounds, mut worst) = (0, Duration::ZERO);
    while Instant::now() < end {
        let began = Instant::now();
        client.write_all(b"ping").expect("to write");
        client.read_exact(&mut [0; 4]).expect("pong");
        worst = worst.max(began.elapsed());
        rounds += 1;
    }
    assert!(worst < SECOND / 2, "a round trip took {worst:?}");
    rounds
}

#[test]
fn a_dead_name_server_stops_nobody_else() {
    let lab = or_skip!(Lab::new());
    let (server, echo) = (listen(), Server::echo());
    let port = server.local_addr().expect("its address").port();
    lab.set("known.test", &["127.0.0.1"], 1);
    let unknown = format!("unknown.test:{}", echo.addr().port());
    let [known, unknown, by_address] =
        [format!("known.test:{port}"), unknown, echo.addr().to_string()].map(servers::forward);
    let wayside = lab.wayside(&["--forward", &known, "--forward", &unknown, "--forward", &by_address]);
    let client = wayside.connect(0);
    let mut old_server = serves(&client, &server);
    let fds = wayside.fds();

    lab.silence(true);
    let waiting: Vec<_> = (0..100).map(|_| wayside.connect(1)).collect();
    let rounds = ping_pong_until(&wayside, 2, Instant::now() + Duration::from_millis(500));
    assert!(rounds > 50, "only {rounds} round trips beside a dead name server");
    // By now the address that is known has run out.
    expect_silence(&client, SECOND);
    for _ in 0..5 {
        let began = Instant::now();
        drop(serves(&wayside.connect(0), &server));
        assert!(began.elapsed() < SECOND, "a known name took {:?}", began.elapsed());
    }
    old_server.write_all(b"still here").expect("to write");
    (&client).read_exact(&mut [0; 10]).expect("what the server says on an old connection");

    // Those who need what cannot be had are told.
    for client in &waiting {
        expect_reset(client, LIMIT);
    }
    is_told(&wayside, 1, "name lookup timeout");
    lab.silence(false);
    lab.set("unknown.test", &["127.0.0.1"], 60);
    eventually("it resolves again", LIMIT, || {
        let mut client = wayside.connect(1);
        client.write_all(b"ping").is_ok() && client.read_exact(&mut [0; 4]).is_ok()
    });
    drop((client, old_server));
    eventually("nothing is left", LIMIT, || wayside.fds() < fds);
}

#[test]
fn who_gives_up_while_a_name_is_pending_leaves_nothing_behind() {
    let lab = or_skip!(Lab::new());
    lab.silence(true);
    let wayside = lab.wayside(&["--forward", "127.0.0.1:0=db.test:80"]);
    let fds = wayside.fds();
    for number in 0..100 {
        let client = wayside.connect(0);
        if number % 2 == 0 { drop(client) } else { reset(client) }
    }
    eventually("all are closed", LIMIT, || {
        wayside.metrics().sum("tcp_open_connections", &[]) == 0.0 && wayside.fds() == fds
    });
}

#[test]
fn a_name_that_moves_is_followed() {
    let lab = or_skip!(Lab::new());
    let old = listen();
    let port = old.local_addr().expect("its address").port();
    let mut random = Random::new(seed());
    let moved = format!("127.9.{}.{}", random.between(2, 250), random.between(2, 250));
    let new = TcpListener::bind((moved.as_str(), port)).expect("the same port elsewhere");
    lab.set("db.test", &["127.0.0.1"], 1);
    let wayside = lab.wayside(&["--forward", &servers::forward(format!("db.test:{port}"))]);
    let client = wayside.connect(0);
    let mut server = serves(&client, &old);
    lab.set("db.test", &[&moved], 1);
    new.set_nonblocking(true).expect("to look");
    eventually("it is followed", LIMIT, || {
        let mut client = wayside.connect(0);
        client.write_all(b"x").expect("to write");
        wait_until(SECOND / 4, || new.accept().is_ok())
    });
    server.write_all(b"still here").expect("to write");
    (&client).read_exact(&mut [0; 10]).expect("what the old server says on an old connection");
}

/// Its answer wakes whoever waits for it; nobody has to look every few milliseconds.
#[test]
fn a_silent_client_whose_name_is_looked_up_costs_no_time() {
    let lab = or_skip!(Lab::new());
    lab.options("timeout:5");
    lab.set("late.test", &["127.0.0.1"], 60);
    lab.delay(SECOND);
    let server = Server::greeter(b"220 hello\r\n");
    let forward = format!("--forward=127.0.0.1:0=late.test:{}", server.addr().port());
    let wayside = lab.wayside(&[&forward, "--http-reuse"]);
    let mut client = wayside.connect(0);
    eventually("the name is looked up", LIMIT, || lab.asked() > 0);
    let before = wake_ups(&wayside);
    let mut heard = [0; 11];
    client.read_exact(&mut heard).expect("the greeting");
    assert_eq!(&heard, b"220 hello\r\n");
    let count = wake_ups(&wayside) - before;
    println!("{count} wake-ups in a second");
    assert!(count < 40, "{count} wake-ups");
}

/// How often it has slept.
fn wake_ups(wayside: &Wayside) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", wayside.pid())).expect("its status");
    let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.and_then(|count| count.trim().parse().ok()).expect("a number")
}
