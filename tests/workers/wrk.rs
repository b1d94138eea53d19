//! The same with a client of its own that many know: wrk. It counts each connection that fails.

use std::collections::HashSet;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::house::{children, kill, reloads, renew, under_load};
use crate::support::*;

const SECOND: Duration = Duration::from_secs(1);
const CLIENTS: usize = 16;
const CLOSE: &str = "Connection: close";

/// Answers each request, and closes where it is asked to.
fn server() -> Server {
    Server::start(|mut stream| {
        let (mut input, mut buffer) = (Vec::new(), [0; 4096]);
        loop {
            let count = stream.read(&mut buffer)?;
            if count == 0 {
                return Ok(());
            }
            input.extend_from_slice(&buffer[..count]);
            if !input.ends_with(b"\r\n\r\n") {
                continue;
            }
            if String::from_utf8_lossy(&input).contains(CLOSE) {
                return stream
                    .write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
            }
            stream.write_all(OK)?;
            input.clear();
        }
    })
}

/// A wrk that runs until it is asked for its result.
struct Wrk(Child);

/// What wrk has counted.
#[derive(Debug, Default, PartialEq, Eq)]
struct Result {
    answered: usize,
    /// Connections that failed: to connect, to read, to write, in time; and answers that were none of success.
    failed: [usize; 5],
}

impl Wrk {
    fn start(addr: SocketAddr, header: Option<&str>) -> Wrk {
        let mut command = Command::new("wrk");
        command.args(["-t1", "-d1h", "--timeout", "30s", "-c", &CLIENTS.to_string()]);
        command.args(header.into_iter().flat_map(|header| ["-H", header]));
        command.arg(format!("http://{addr}/")).stdin(Stdio::null()).stdout(Stdio::piped());
        Wrk(command.spawn().expect("wrk"))
    }

    /// Ends it.
    fn result(mut self) -> Result {
        kill(self.0.id(), Signal::INT);
        let mut text = String::new();
        self.0.stdout.take().expect("a pipe").read_to_string(&mut text).expect("its result");
        let line = |begin: &str| text.lines().map(str::trim).find(|line| line.starts_with(begin));
        let numbers = |line: &str| -> Vec<usize> {
            let words = line.split(|c: char| !c.is_ascii_digit());
            words.filter_map(|word| word.parse().ok()).collect()
        };
        let requests = text.lines().find(|line| line.contains(" requests in ")).expect("its requests");
        let mut result = Result { answered: numbers(requests)[0], ..Result::default() };
        if let Some(line) = line("Socket errors:") {
            result.failed[..4].copy_from_slice(&numbers(line));
        }
        if let Some(line) = line("Non-2xx or 3xx responses:") {
            // The 2 and the 3 are not counted.
            result.failed[4] = *numbers(line).last().expect("a number");
        }
        result
    }
}

impl Drop for Wrk {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn config(dir: &TempDir, server: &Server, round: usize) -> std::path::PathBuf {
    let text = format!(
        "inbound-listen = \"off\"\noutbound-listen = \"off\"\nadmin-listen = \"127.0.0.1:0\"\nworkers = 2\n\
         forward = \"127.0.0.1:0={}\"\nidle-timeout = \"{}h\"\ndrain-timeout = \"100ms\"\n\
         http-reuse = {}\n",
        server.addr(),
        round + 1,
        round % 2 == 1
    );
    dir.file("wayside.toml", text)
}

/// Both kinds of clients, for five renewals each.
fn renew_five_times(wayside: &Wayside, dir: &TempDir, server: &Server, rounds: std::ops::Range<usize>) {
    let (new, kept) = (Wrk::start(wayside.addr(0), Some(CLOSE)), Wrk::start(wayside.addr(0), None));
    let asked = |before: f64| {
        eventually("they are served", 10 * SECOND, || {
            wayside.metrics().sum("response_total", &[]) > before + 100.0
        });
    };
    asked(wayside.metrics().sum("response_total", &[]));
    for round in rounds {
        let before = wayside.metrics().sum("response_total", &[]);
        config(dir, server, round + 1);
        renew(&dir.path().join("wayside"));
        wayside.signal(Signal::HUP);
        eventually("the reload is done", 20 * SECOND, || reloads(wayside, "done") == (round + 1) as f64);
        asked(before);
    }
    for (name, wrk) in [("new", new), ("kept", kept)] {
        let result = wrk.result();
        assert_eq!(result.failed, [0; 5], "{name} connections: {result:?}");
        assert!(result.answered > 100, "{name} connections: {result:?}");
    }
}

#[test]
fn twenty_renewals_of_program_and_configuration_fail_no_request_of_wrk() {
    if have("wrk").is_none() {
        skipped!("no wrk");
    }
    let (server, dir) = (server(), TempDir::new());
    let path = dir.path().join("wayside");
    renew(&path);
    let file = config(&dir, &server, 0);
    let launch = Launch::new(&["--config", &file.to_string_lossy()]).program(&path);
    let wayside = launch.start().expect("it starts");
    under_load(&wayside, 0, |_| {
        for first in [0, 5, 10, 15] {
            renew_five_times(&wayside, &dir, &server, first..first + 5);
        }
    });
}

/// Connections of clients that a process has accepted and not closed.
fn carried(pid: u32, addr: SocketAddr) -> usize {
    let table = std::fs::read_to_string(format!("/proc/{pid}/net/tcp")).expect("the kernel's table");
    let local = format!(":{:04X}", addr.port());
    const LISTEN: &str = "0A";
    let ours = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let ours = ours.filter(|words| words[1].ends_with(&local) && words[3] != LISTEN);
    let inodes: HashSet<String> = ours.map(|words| format!("socket:[{}]", words[9])).collect();
    let descriptors = std::fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    let links = descriptors.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    links.filter(|link| inodes.contains(&*link.to_string_lossy())).count()
}

fn is_stopped(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("its state");
    stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'))
}

#[test]
fn of_twenty_killed_workers_wrk_misses_what_they_carried_and_nothing_else() {
    if have("wrk").is_none() {
        skipped!("no wrk");
    }
    let server = server();
    let forward = format!("127.0.0.1:0={}", server.addr());
    let wayside = Wayside::start(&["--workers", "2", "--forward", &forward]);
    let addr = wayside.addr(0);
    under_load(&wayside, 0, |_| {
        let wrk = Wrk::start(addr, Some(CLOSE));
        let mut lost = 0;
        for round in 1..=20 {
            let before = wayside.metrics().sum("response_total", &[]);
            let victim = children(wayside.pid())[0];
            kill(victim, Signal::STOP);
            eventually("it has stopped", SECOND, || is_stopped(victim));
            lost += carried(victim, addr);
            kill(victim, Signal::KILL);
            eventually("it is seen", 5 * SECOND, || {
                wayside.metrics().sum("wayside_worker_restarts_total", &[]) == round as f64
            });
            eventually("ready again", 12 * SECOND, || wayside.get("/ready").0 == 200);
            // pace: a worker that has not served for a second is replaced ever later; each lives for two rounds
            std::thread::sleep(6 * SECOND / 10);
            eventually("served", 12 * SECOND, || {
                wayside.metrics().sum("response_total", &[]) > before + 100.0
            });
        }
        let result = wrk.result();
        let [connect, read, write, late, status] = result.failed;
        assert_eq!([connect, late, status], [0; 3], "{result:?}");
        assert!(read + write <= lost, "{result:?}, and the killed carried {lost}");
        assert!(lost > 0 && result.answered > 2000, "{result:?}, and the killed carried {lost}");
    });
}
