//! A stdout that nobody reads, and the program's end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::lines::{lines, read};
use crate::support::servers::forward;
use crate::support::*;

/// The program, whose stdout is read only when a test does.
struct Unread {
    child: Child,
    stdout: BufReader<ChildStdout>,
    addr: SocketAddr,
    admin: SocketAddr,
}

impl Unread {
    fn start(target: SocketAddr) -> Unread {
        let args = ["--admin-listen", "127.0.0.1:0", "--inbound-listen", "off", "--outbound-listen", "off"];
        let mut command = Command::new(program());
        command.arg("run").args(args).args(["--access-log", "json", "--forward", &forward(target)]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("the program");
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (mut addr, mut admin) = (None, None);
        loop {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).expect("a line") > 0, "it ends before it is ready");
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["wayside:", "ready"] => break,
                ["wayside:", "listening", "forward", it, ..] => addr = it.parse().ok(),
                ["wayside:", "listening", "admin", it, ..] => admin = it.parse().ok(),
                _ => {}
            }
        }
        Unread { child, stdout, addr: addr.expect("a forward"), admin: admin.expect("an admin server") }
    }

    fn metrics(&self) -> Metrics {
        Metrics::parse(&get(self.admin, "/metrics").expect("a scrape").1).expect("metrics")
    }

    fn end(&self) {
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("to send a signal");
    }
}

impl Drop for Unread {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// So many exchanges over one connection; how long the slowest took.
fn ask(addr: SocketAddr, count: usize) -> Duration {
    let stream = connect(addr).expect("a connection");
    exchange(&stream, GET, OK.len(), count).quantile(1.0)
}

#[test]
fn a_reader_that_sleeps_holds_up_nothing() {
    let Some(python) = python() else { skipped!("there is no Python") };
    let server = http_server();
    let mut unread = Unread::start(server.addr());
    let slowest = ask(unread.addr, 5_000);
    assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    let metrics = unread.metrics();
    let dropped = metrics.sum("wayside_access_log_dropped_total", &[]);
    assert_eq!(metrics.sum("response_total", &[]), 5_000.0);
    // 64 KiB are in the pipe and 256 KiB wait: some hundred lines, far from all.
    assert!(dropped > 3_000.0, "{dropped} dropped");
    // It wakes up: what waited comes, and what comes next is not dropped.
    let mut log = String::new();
    std::thread::scope(|scope| {
        let (addr, admin) = (unread.addr, unread.admin);
        let pid = Pid::from_child(&unread.child);
        let stdout = &mut unread.stdout;
        let reader = scope.spawn(move || {
            let mut log = String::new();
            stdout.read_to_string(&mut log).expect("its end");
            log
        });
        let sum = |name: &str| {
            let text = get(admin, "/metrics").expect("a scrape").1;
            Metrics::parse(&text).expect("metrics").sum(name, &[])
        };
        let caught_up = || sum("wayside_access_log_lines_total") + dropped >= 5_000.0;
        eventually("the waiting lines are out", LIMIT, caught_up);
        ask(addr, 200);
        kill_process(pid, Signal::TERM).expect("to send a signal");
        log = reader.join().expect("the reader");
    });
    let log = lines(&log);
    let found = read(&python, &log, &["json", "status"]);
    assert!(found.iter().all(|status| status == "200"));
    assert_eq!(found.len() as f64, 5_200.0 - dropped);
    assert!(unread.child.wait().expect("its status").success());
}

#[test]
fn the_end_does_not_wait_for_a_reader() {
    let server = http_server();
    let mut unread = Unread::start(server.addr());
    ask(unread.addr, 2_000);
    unread.end();
    let began = Instant::now();
    eventually("it ends", LIMIT, || unread.child.try_wait().expect("its state").is_some());
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let mut rest = String::new();
    unread.stdout.read_to_string(&mut rest).expect("what is in the pipe");
    assert!(rest.len() > 10_000, "{} bytes", rest.len());
}

#[test]
fn a_reader_that_goes_ends_nothing() {
    let server = http_server();
    let mut unread = Unread::start(server.addr());
    ask(unread.addr, 10);
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(writer);
    // Its place is taken by one that is not wayside's.
    drop(std::mem::replace(
        &mut unread.stdout,
        BufReader::new(ChildStdout::from(std::os::fd::OwnedFd::from(reader))),
    ));
    ask(unread.addr, 2_000);
    assert_eq!(unread.metrics().sum("response_total", &[]), 2_010.0);
    unread.end();
    assert!(unread.child.wait().expect("its status").success());
}

#[test]
fn all_lines_are_there_at_the_end() {
    let Some(python) = python() else { skipped!("there is no Python") };
    let server = http_server();
    let mut wayside = Wayside::start(&["--access-log", "json", "--forward", &forward(server.addr())]);
    let stream = wayside.connect(0);
    exchange(&stream, GET, OK.len(), 3_000);
    // One more, too short for the server to answer, which the end of the connection cuts off.
    (&stream).write_all(b"PUT / HTTP/1.1\r\nContent-Length:9\r\n\r\n").expect("to ask");
    let is_asked = || wayside.metrics().sum("request_total", &[]) == 3_001.0;
    eventually("it has come", LIMIT, is_asked);
    // The connection ends when the program does.
    wayside.signal(Signal::TERM);
    reset(stream);
    assert_eq!(wayside.wait(LIMIT).expect("it ends").code(), Some(0));
    let mut log = String::new();
    let whole = || {
        log = lines(&wayside.stdout());
        log.matches('\n').count() >= 3_001
    };
    assert!(wait_until(LIMIT, whole), "{} lines", log.matches('\n').count());
    let found = read(&python, &log, &["json", "status", "error"]);
    assert_eq!(found.len(), 3_001);
    assert!(found[..3_000].iter().all(|line| line == "200|"));
    assert_eq!(found[3_000], "-|client_reset");
}
