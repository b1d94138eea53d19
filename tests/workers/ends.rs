//! How a supervisor ends, with which code, and what becomes of its workers.

use std::io::{Read, Write};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::house::{children, kill};
use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

fn is_there(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // A zombie is gone.
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

#[test]
fn a_drain_waits_for_what_runs_and_ends_with_0() {
    let server = Server::echo();
    let forward = format!("127.0.0.1:0={}", server.addr());
    let mut wayside = Wayside::start(&["--workers", "2", "--forward", &forward]);
    let client = wayside.connect(0);
    ping_pong(&client, 1);
    let workers = children(wayside.pid());
    wayside.signal(Signal::TERM);
    eventually("/ready says 503", SECOND, || wayside.get("/ready").0 == 503);
    let addr = wayside.addr(0);
    eventually("nobody listens", 5 * SECOND, || std::net::TcpStream::connect(addr).is_err());
    ping_pong(&client, 10);
    assert!(wayside.is_running());
    drop(client);
    assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    assert!(!workers.into_iter().any(is_there), "a worker is left");
}

/// An image may have `STOPSIGNAL SIGQUIT`; a service manager may tell workers, too.
#[test]
fn without_an_application_sigquit_drains_as_sigterm_does() {
    let server = Server::echo();
    let forward = format!("127.0.0.1:0={}", server.addr());
    for workers in ["1", "2"] {
        let mut wayside = Wayside::start(&["--workers", workers, "--forward", &forward]);
        let client = wayside.connect(0);
        ping_pong(&client, 1);
        let group = children(wayside.pid());
        wayside.signal(Signal::QUIT);
        group.into_iter().for_each(|worker| kill(worker, Signal::QUIT));
        eventually("/ready says 503", SECOND, || wayside.get("/ready").0 == 503);
        ping_pong(&client, 10);
        drop(client);
        assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(0), "{workers}");
    }
}

/// The workers of the one that was killed have the address a moment longer.
#[test]
fn killed_and_started_again_it_gets_its_address() {
    let server = Server::echo();
    let mut wayside = Wayside::start(&["--workers=4", &format!("--forward=127.0.0.1:0={}", server.addr())]);
    let addr = wayside.addr(0);
    let again = ["--workers=4", &format!("--forward={addr}={}", server.addr())];
    for _ in 0..5 {
        let workers = children(wayside.pid());
        // One that is late to see that it is alone.
        kill(workers[0], Signal::STOP);
        wayside.signal(Signal::KILL);
        wayside.wait(LIMIT).expect("it ends");
        wayside = std::thread::scope(|scope| {
            let next = scope.spawn(|| Wayside::start(&again));
            std::thread::sleep(SECOND / 10); // pace: the late one
            kill(workers[0], Signal::CONT);
            next.join().expect("it starts")
        });
        ping_pong(&wayside.connect(0), 1);
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let mut tunnel = Tunnel::new(&["--workers", "2"]);
    let (client, _server) = tunnel.pair();
    tunnel.wayside.signal(Signal::INT);
    eventually("/ready says 503", SECOND, || tunnel.wayside.get("/ready").0 == 503);
    let began = Instant::now();
    tunnel.wayside.signal(Signal::TERM);
    assert_eq!(tunnel.wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    assert!(began.elapsed() < 2 * SECOND, "{:?}", began.elapsed());
    drop(client);
}

#[test]
fn the_drain_time_out_ends_the_rest() {
    let mut tunnel = Tunnel::new(&["--workers", "2", "--drain-timeout", "300ms"]);
    let (client, _server) = tunnel.pair();
    tunnel.wayside.signal(Signal::TERM);
    assert_eq!(tunnel.wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    drop(client);
}

#[test]
fn workers_outlive_their_supervisor_no_longer_than_their_connections() {
    let tunnel = Tunnel::new(&["--workers", "2"]);
    let (mut client, mut server) = tunnel.pair();
    let workers = children(tunnel.wayside.pid());
    tunnel.wayside.signal(Signal::KILL);
    let left = || workers.iter().filter(|&&pid| is_there(pid)).count();
    eventually("the idle one is gone", 5 * SECOND, || left() == 1);
    client.write_all(b"ping").expect("to write");
    server.read_exact(&mut [0; 4]).expect("ping");
    drop((client, server));
    eventually("both are gone", 5 * SECOND, || left() == 0);
}

#[test]
fn a_start_that_fails_is_told_with_1() {
    let taken = listen();
    let forward = format!("{}=127.0.0.1:1", taken.local_addr().expect("its address"));
    let args = ["run", "--workers=2", "--inbound-listen=off", "--outbound-listen=off", "--admin-listen=off"];
    let ended = run_to_end(&[&args[..], &["--forward", &forward]].concat(), &[]);
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("cannot listen: ") && ended.stderr.lines().count() == 1, "{ended:?}");
}
