//! A worker that dies takes its own connections with it, and nothing else.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Duration;

use rustix::process::Signal;

use super::house::{ask, children, kill, under_load};
use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);

fn start(workers: &str, server: &Server, more: &[&str]) -> Wayside {
    let forward = format!("127.0.0.1:0={}", server.addr());
    let mut args = vec!["--workers", workers, "--forward", &forward];
    args.extend(more);
    Wayside::start(&args)
}

fn is_alive(mut stream: &TcpStream) -> bool {
    let mut byte = [0];
    stream.write_all(b"x").is_ok() && stream.read_exact(&mut byte).is_ok()
}

#[test]
fn only_connections_of_the_killed_worker_fail() {
    let server = Server::echo();
    let wayside = start("2", &server, &[]);
    let streams: Vec<TcpStream> = (0..24).map(|_| wayside.connect(0)).collect();
    assert!(streams.iter().all(is_alive));
    let table = wayside.connections();
    let of = |stream: &TcpStream| {
        let source = format!("\"source\":\"{}\"", stream.local_addr().expect("its address"));
        let line = table.lines().find(|line| line.contains(&source)).expect("a line for each");
        field(line, "worker").expect("its worker").parse::<u32>().expect("a pid")
    };
    let workers: HashSet<u32> = streams.iter().map(of).collect();
    assert_eq!(workers, children(wayside.pid()).into_iter().collect(), "both have some");
    for worker in &workers {
        let name = std::fs::read_to_string(format!("/proc/{worker}/comm")).expect("its name");
        assert_eq!(name, "wayside\n", "what ps says");
    }
    let victim = *workers.iter().next().expect("one");
    kill(victim, Signal::KILL);
    for stream in &streams {
        assert_eq!(is_alive(stream), of(stream) != victim, "{stream:?}");
    }
    // Those that come while its place is empty wait for the next one.
    let late: Vec<TcpStream> = (0..24).map(|_| wayside.connect(0)).collect();
    assert!(late.iter().all(is_alive));
    assert_eq!(wayside.metrics().sum("wayside_worker_restarts_total", &[]), 1.0);
    eventually("ready again", 5 * SECOND, || wayside.get("/ready").0 == 200);
}

#[test]
fn killed_again_and_again_it_comes_back_and_totals_never_go_back() {
    let server = http_server();
    let wayside = start("2", &server, &[]);
    let (clients, kills) = (4, 6);
    let outcome = under_load(&wayside, clients, |outcome| {
        for round in 1..=kills {
            let before = outcome.answered.load(Ordering::Relaxed);
            kill(children(wayside.pid())[0], Signal::KILL);
            eventually("it is seen", 5 * SECOND, || {
                wayside.metrics().sum("wayside_worker_restarts_total", &[]) == round as f64
            });
            eventually("ready again", 12 * SECOND, || wayside.get("/ready").0 == 200);
            eventually("served", 12 * SECOND, || outcome.answered.load(Ordering::Relaxed) > before + 20);
        }
    });
    let failed = outcome.failures();
    // A client has one connection at a time, so a kill breaks one a client at most.
    assert!(failed.len() <= kills * clients, "{failed:?}");
    assert!(!failed.iter().any(|error| error.contains("refused")), "{failed:?}");
}

#[test]
fn each_worker_tells_of_its_backends() {
    let (server, dir) = (http_server(), TempDir::new());
    let text = format!(
        "inbound-listen = \"off\"\noutbound-listen = \"off\"\nadmin-listen = \"127.0.0.1:0\"\nworkers = 2\n\
         forward = \"127.0.0.1:0={0}\"\n[backends.api]\nservers = [\"{0}\"]\n[[route]]\nname = \"api\"\nbackend = \"api\"\n",
        server.addr()
    );
    let file = dir.file("wayside.toml", text);
    let wayside = Launch::new(&["--config", &file.to_string_lossy()]).start().expect("it starts");
    let (status, text) = wayside.get("/backends");
    assert!(status == 200 && text.parse::<tinyjson::JsonValue>().is_ok(), "{status}: {text}");
    for worker in children(wayside.pid()) {
        let line = format!("{{\"worker\":{worker},\"backend\":\"api\",\"address\":\"{}\"", server.addr());
        assert_eq!(text.matches(&line).count(), 1, "{line} in {text}");
    }
    assert_eq!(wayside.get("/server-first"), (200, "{\"server_first\":[\n]}\n".to_owned()));
}

#[test]
fn what_a_killed_worker_counted_is_known_without_a_scrape() {
    let server = http_server();
    let wayside = start("2", &server, &[]);
    (0..20).for_each(|_| ask(wayside.addr(0)).expect("an answer"));
    // An idle supervisor wakes for nothing else than to ask its workers and to hear them.
    let wakes = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", wayside.pid())).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
        line.expect("a count").trim().parse::<u64>().expect("a number")
    };
    let before = wakes();
    eventually("they were asked", 20 * SECOND, || wakes() >= before + 8);
    children(wayside.pid()).into_iter().for_each(|pid| kill(pid, Signal::KILL));
    eventually("ready again", 5 * SECOND, || {
        wayside.metrics().sum("wayside_worker_restarts_total", &[]) == 2.0
    });
    assert_eq!(wayside.metrics().sum("request_total", &[]), 20.0);
}

#[test]
fn a_stopped_worker_does_not_stop_the_scrape() {
    let server = http_server();
    let wayside = start("2", &server, &[]);
    (0..20).for_each(|_| ask(wayside.addr(0)).expect("an answer"));
    let before = wayside.metrics().sum("request_total", &[]);
    assert_eq!(before, 20.0);
    let worker = children(wayside.pid())[0];
    kill(worker, Signal::STOP);
    assert_eq!(wayside.metrics().sum("request_total", &[]), before);
    kill(worker, Signal::CONT);
    assert_eq!(wayside.metrics().sum("request_total", &[]), before);
}

#[test]
fn pinned_workers_stay_on_a_core_of_their_own() {
    let server = http_server();
    let wayside = start("2", &server, &["--pin"]);
    let cores = |pid: u32| {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
        let line = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).expect("a list");
        line.trim().to_owned()
    };
    let ours: HashSet<String> = children(wayside.pid()).into_iter().map(cores).collect();
    assert!(ours.iter().all(|list| list.parse::<usize>().is_ok()), "{ours:?}");
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    assert_eq!(ours.len(), allowed.min(2), "{ours:?}");
    assert!(allowed == 1 || cores(wayside.pid()).parse::<usize>().is_err(), "the supervisor itself is free");
}

#[test]
fn lines_of_several_workers_stay_whole() {
    let server = http_server();
    let wayside = start("2", &server, &["--access-log", "json"]);
    let outcome = under_load(&wayside, 4, |outcome| {
        eventually("2,000 answers", 20 * SECOND, || outcome.answered.load(Ordering::Relaxed) >= 2000);
    });
    assert_eq!(*outcome.failures(), Vec::<String>::new());
    let answered = outcome.answered.load(Ordering::Relaxed);
    let lines = || wayside.stdout().lines().filter(|line| line.starts_with('{')).count();
    eventually("a line for each", 5 * SECOND, || lines() == answered);
    for line in wayside.stdout().lines().filter(|line| !line.starts_with("wayside: ")) {
        assert!(line.parse::<tinyjson::JsonValue>().is_ok(), "{line}");
    }
}
