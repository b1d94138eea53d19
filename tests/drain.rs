//! How it ends: a signal, the drain, and each way out with its exit code. And a stderr that nobody reads.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::*;

const SECOND: Duration = Duration::from_secs(1);
const MB: u64 = 1 << 20;

/// A connection attempt is refused: nobody listens.
fn is_refused(addr: SocketAddr) -> bool {
    TcpStream::connect(addr).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
}

/// Waits for the end; the exit code and how long it took.
#[track_caller]
fn end(wayside: &mut Wayside) -> (Option<i32>, Duration) {
    let began = Instant::now();
    let status = wayside.wait(LIMIT).expect("it ends");
    (status.code(), began.elapsed())
}

fn wait_for_drain(wayside: &Wayside) {
    eventually("/ready says 503", SECOND, || wayside.get("/ready").0 == 503);
}

#[test]
fn with_nothing_to_carry_it_ends_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut tunnel = Tunnel::new(&[]);
        // One that came and went changes nothing.
        drop(tunnel.pair());
        let of = |tunnel: &Tunnel| tunnel.wayside.metrics().sum("tcp_open_connections", &[]);
        eventually("it has gone", SECOND, || of(&tunnel) == 0.0);
        tunnel.wayside.signal(signal);
        let (code, took) = end(&mut tunnel.wayside);
        assert_eq!(code, Some(0), "{signal:?}");
        assert!(took < SECOND, "{signal:?}: {took:?}");
    }
}

#[test]
fn a_drain_shuts_the_way_in_and_leaves_the_way_out_open() {
    let args = ["--inbound-listen", "127.0.0.1:0", "--outbound-listen", "127.0.0.1:0"];
    let mut tunnel = Tunnel::new(&args);
    let (mut client, mut server) = tunnel.pair();
    tunnel.wayside.signal(Signal::TERM);
    wait_for_drain(&tunnel.wayside);
    assert!(is_refused(tunnel.wayside.addr(0)), "the forward still accepts");
    assert!(is_refused(tunnel.wayside.inbound()[0]), "inbound still accepts");
    // Not redirected, so it is served as by a proxy; and a request that says no target goes nowhere.
    let mut outbound = connect(tunnel.wayside.outbound()[0]).expect("outbound accepts");
    outbound.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").expect("to write");
    let mut answer = String::new();
    outbound.read_to_string(&mut answer).expect("an answer, and the end");
    assert!(answer.starts_with("HTTP/1.1 404 "), "{answer}");
    drop(outbound);

    let mut word = [0; 4];
    for _ in 0..100 {
        client.write_all(b"ping").expect("to write");
        server.read_exact(&mut word).expect("ping");
        server.write_all(b"pong").expect("to write");
        client.read_exact(&mut word).expect("pong");
    }
    assert!(tunnel.wayside.is_running());
    drop((client, server));
    let (code, took) = end(&mut tunnel.wayside);
    assert_eq!(code, Some(0));
    assert!(took < SECOND, "{took:?} after the last connection");
}

#[test]
fn running_transfers_end_intact() {
    let mut tunnel = Tunnel::new(&[]);
    let pairs = [tunnel.pair(), tunnel.pair()];
    let seed = seed();
    std::thread::scope(|scope| {
        let wayside = &tunnel.wayside;
        let transfers: Vec<_> = pairs
            .iter()
            .flat_map(|(client, server)| [(client, server), (server, client)])
            .map(|(from, to)| {
                let sender = scope.spawn(move || {
                    let first = send_random(from, MB, seed, (1, 64 << 10)).expect("to send");
                    // All of the rest comes after the signal.
                    wait_for_drain(wayside);
                    let rest = send_random(from, 50 * MB, seed, (1, 64 << 10)).expect("to send");
                    finish(from);
                    (first, rest)
                });
                let receiver = scope.spawn(move || {
                    let first = receive_exactly(to, MB, seed, (1, 64 << 10)).expect("the beginning");
                    (first, receive(to, seed, (1, 64 << 10)).expect("the rest and its end"))
                });
                (sender, receiver)
            })
            .collect();
        wayside.signal(Signal::TERM);
        for (sender, receiver) in transfers {
            assert_eq!(receiver.join().expect("a receiver"), sender.join().expect("a sender"));
        }
    });
    let (code, took) = end(&mut tunnel.wayside);
    assert_eq!(code, Some(0));
    assert!(took < SECOND, "{took:?} after the last byte");
}

#[test]
fn what_the_kernel_has_not_delivered_survives_the_end() {
    let mut tunnel = Tunnel::new(&[]);
    let (client, server) = tunnel.pair();
    let sent = send_random(&server, 200_000, 1, (1 << 10, 64 << 10)).expect("to send");
    drop(server);
    finish(&client);
    tunnel.wayside.signal(Signal::TERM);
    assert_eq!(end(&mut tunnel.wayside).0, Some(0));
    assert_eq!(receive(&client, 2, (1, 10_000)).expect("all of it"), sent);
}

#[test]
fn at_the_drain_timeout_what_is_left_is_closed() {
    let mut tunnel = Tunnel::new(&["--drain-timeout", "500ms"]);
    let (client, server) = tunnel.pair();
    let began = Instant::now();
    tunnel.wayside.signal(Signal::TERM);
    assert_eq!(end(&mut tunnel.wayside).0, Some(0));
    let took = began.elapsed();
    assert!(took >= SECOND / 2 && took < 2 * SECOND, "closed after {took:?}");
    expect_eof(&client, SECOND);
    expect_eof(&server, SECOND);
}

#[test]
fn a_second_signal_ends_at_once() {
    let signals = [Signal::TERM, Signal::INT];
    for (first, second) in signals.into_iter().flat_map(|first| signals.map(|second| (first, second))) {
        let mut tunnel = Tunnel::new(&[]);
        let (client, _server) = tunnel.pair();
        tunnel.wayside.signal(first);
        wait_for_drain(&tunnel.wayside);
        expect_silence(&client, SECOND / 10);
        tunnel.wayside.signal(second);
        let (code, took) = end(&mut tunnel.wayside);
        assert_eq!(code, Some(0), "{first:?}, {second:?}");
        assert!(took < SECOND, "{first:?}, {second:?}: {took:?}");
    }
}

#[test]
fn connections_in_the_accept_queue_are_served() {
    const CLIENTS: usize = 300;
    let echo = Server::echo();
    let mut wayside = Wayside::start(&["--forward", &format!("127.0.0.1:0={}", echo.addr())]);
    // Stopped, it cannot accept: the kernel does, and holds them.
    wayside.signal(Signal::STOP);
    let clients: Vec<_> = (0..CLIENTS).map(|_| wayside.connect(0)).collect();
    for mut client in &clients {
        client.write_all(b"queued").expect("to write");
    }
    wayside.signal(Signal::TERM);
    wayside.signal(Signal::CONT);
    for mut client in clients {
        let mut back = [0; 6];
        client.read_exact(&mut back).expect("the echo");
        assert_eq!(&back, b"queued");
        finish(&client);
        expect_eof(&client, SECOND);
    }
    assert_eq!(end(&mut wayside).0, Some(0));
    assert_eq!(echo.accepted(), CLIENTS);
}

#[test]
fn a_taken_port_is_one_clear_line_and_exit_code_1() {
    let taken = listen();
    let addr = taken.local_addr().expect("its address").to_string();
    let forward = format!("{addr}=127.0.0.1:1");
    for (option, value) in [
        ("--admin-listen", &addr),
        ("--inbound-listen", &addr),
        ("--outbound-listen", &addr),
        ("--forward", &forward),
    ] {
        let mut args = vec!["run"];
        for other in ["--admin-listen", "--inbound-listen", "--outbound-listen"] {
            if other != option {
                args.extend([other, "off"]);
            }
        }
        let free = ["--forward", "127.0.0.1:0=127.0.0.1:1"];
        args.extend(free.iter().filter(|_| option != "--forward"));
        let ended = run_to_end(&[args, vec![option, value]].concat(), &[]);
        assert_eq!(ended.code, Some(1), "{option}: {ended:?}");
        assert_eq!(ended.stderr.lines().count(), 1, "{option}: {ended:?}");
        for part in [option, &addr, "another process listens there"] {
            assert!(ended.stderr.contains(part), "{option}: no {part:?}: {ended:?}");
        }
        assert!(!ended.stdout.contains("ready"), "{ended:?}");
    }
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let wrong: [&[&str]; 6] = [
        &[],
        &["serve"],
        &["run", "--no-such-option"],
        &["run", "--drain-timeout"],
        &["run", "--drain-timeout", "soon"],
        &["run", "127.0.0.1:80"],
    ];
    for args in wrong {
        let ended = run_to_end(args, &[]);
        assert_eq!(ended.code, Some(2), "{args:?}: {ended:?}");
        assert!(!ended.stderr.is_empty(), "{args:?}: nothing said");
    }
}

/// A pipe that the program writes its stderr to, and that is read only when the test wants it.
struct Unread {
    dir: TempDir,
    pipe: std::fs::File,
}

impl Unread {
    fn new() -> Self {
        use rustix::fs::{CWD, FileType, Mode, OFlags, fcntl_setfl, mknodat};
        let dir = TempDir::new();
        let path = dir.path().join("stderr");
        mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a named pipe");
        // Both ends in one, so that neither side waits for the other.
        let pipe = std::fs::File::options().read(true).write(true).open(&path).expect("the pipe");
        // Only our own handle: the program opens its own.
        fcntl_setfl(&pipe, OFlags::NONBLOCK).expect("O_NONBLOCK");
        Unread { dir, pipe }
    }

    fn start(&self, args: &[&str]) -> Wayside {
        let path = self.dir.path().join("stderr");
        let script = format!("exec \"$0\" \"$@\" 2>{}", path.display());
        Launch::new(args).through(&["sh", "-c", &script]).start().unwrap_or_else(|error| panic!("{error}"))
    }

    /// What is in it.
    fn drain(&self) -> String {
        let (mut text, mut part) = (Vec::new(), [0; 4096]);
        while let Ok(count) = (&self.pipe).read(&mut part) {
            text.extend_from_slice(&part[..count]);
        }
        String::from_utf8(text).expect("text")
    }
}

#[test]
fn a_stderr_that_nobody_reads_blocks_nothing() {
    const CONNECTIONS: usize = 3_000;
    let (echo, unread) = (Server::echo(), Unread::new());
    let wayside = unread.start(&["--log", "debug", "--forward", &format!("127.0.0.1:0={}", echo.addr())]);
    let dropped = || wayside.metrics().sum("wayside_log_dropped_total", &[]) as usize;
    let live = wayside.connect(0);
    let short = || {
        let mut client = wayside.connect(0);
        client.write_all(b"\0short").expect("to write");
        client.read_exact(&mut [0; 6]).expect("the echo");
    };
    (0..CONNECTIONS).for_each(|_| short());
    let p99 = ping_pong(&live, 200).quantile(0.99);
    assert!(p99 < SECOND / 10, "a ping-pong takes {p99:?}");
    let open = || wayside.metrics().sum("tcp_open_connections", &[("peer", "src")]);
    eventually("only the first is left", LIMIT, || open() == 1.0);

    // Each line was written or counted.
    let (text, lost) = (unread.drain(), dropped());
    let written = text.lines().filter(|line| line.contains("end=\"finished\"")).count();
    assert!(lost > CONNECTIONS / 2, "{lost} lines dropped: the pipe was never full");
    assert_eq!(written + lost, CONNECTIONS, "{lost} dropped");
    // Once it is read, the next line says how many are missing.
    short();
    eventually("the last has gone", LIMIT, || open() == 1.0);
    let text = unread.drain();
    assert!(text.contains(&format!("{lost} log lines dropped")), "{text:?}");
    assert_eq!(dropped(), lost);
}
