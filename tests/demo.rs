//! The demo does what the README says of it: a table that is true, an exit code that can be trusted.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::programs::example;
use support::*;

/// A row as it must be.
struct Row {
    name: &'static str,
    sent: &'static str,
    protocol: &'static str,
    decided_by: &'static str,
    /// The least and the most, up and down.
    bytes: [(u64, u64); 2],
}

const fn row(
    name: &'static str,
    sent: &'static str,
    protocol: &'static str,
    decided_by: &'static str,
    bytes: [(u64, u64); 2],
) -> Row {
    Row { name, sent, protocol, decided_by, bytes }
}

const MIB: u64 = 1 << 20;

const ROWS: [Row; 6] = [
    row("HTTP/1", "a GET", "http/1", "client", [(43, 43), (70, 70)]),
    row("HTTP/1", "the same, a byte at a time", "http/1", "client", [(43, 43), (70, 70)]),
    row("HTTP/2", "preface, SETTINGS, HEADERS", "http/2", "client", [(68, 68), (43, 43)]),
    // A ClientHello and a request; a certificate, signatures and an answer.
    row("TLS", "a handshake, a GET inside", "tls", "client", [(250, 2000), (600, 4000)]),
    row("SMTP", "nothing: the server greets", "smtp", "server", [(21, 21), (42, 42)]),
    row("raw", "1 MiB, which is echoed", "unknown", "client", [(MIB, MIB), (MIB, MIB)]),
];

/// The demo's program.
fn program() -> &'static PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| example("demo"))
}

fn start(args: &[&str]) -> Child {
    let mut command = Command::new(program());
    command.args(args).env_remove("RUST_LOG").stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the demo starts")
}

/// Ended with the test, however that goes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs it to its end: exit code, stdout, stderr.
fn run(args: &[&str]) -> (Option<i32>, String, String) {
    let output = start(args).wait_with_output().expect("the demo ends");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// Holds the line of the table against the row.
#[track_caller]
fn check(line: &str, row: &Row) {
    let rest = line.strip_prefix(row.name).and_then(|rest| rest.trim_start().strip_prefix(row.sent));
    let rest = rest.unwrap_or_else(|| panic!("not the row of {}, {}: {line}", row.name, row.sent));
    let words: Vec<_> = rest.split_whitespace().collect();
    let [protocol, decided_by, direct, through, up, down] = words[..] else {
        panic!("not six words: {line}")
    };
    assert_eq!((protocol, decided_by), (row.protocol, row.decided_by), "{line}");
    for millis in [direct, through] {
        let millis: f64 = millis.parse().expect("milliseconds");
        assert!(millis > 0.0 && millis < 1000.0, "{line}");
    }
    for (bytes, (least, most)) in [up, down].into_iter().zip(row.bytes) {
        let bytes: u64 = bytes.parse().expect("bytes");
        assert!((least..=most).contains(&bytes), "{line}");
    }
}

#[test]
fn the_table_is_true_and_fits_on_a_screen() {
    let (code, stdout, stderr) = run(&[]);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    let lines: Vec<_> = stdout.lines().collect();
    assert!(lines.len() <= 24, "{} lines:\n{stdout}", lines.len());
    assert!(lines.iter().all(|line| line.chars().count() <= 100 && line.trim_end() == *line), "{stdout}");
    let head = lines.iter().position(|line| line.starts_with("what the client sent")).expect("a head");
    let table = &lines[head + 1..];
    ROWS.iter().zip(table).for_each(|(row, line)| check(line, row));
    assert_eq!(table.iter().position(|line| line.is_empty()), Some(ROWS.len()), "{stdout}");
    let last = lines.last().expect("a last line");
    assert!(
        last.starts_with("/metrics of all: 126 connections, ") && last.ends_with(", 0 still open"),
        "{last}"
    );
}

#[test]
fn with_serve_it_stays_until_a_signal() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut demo = Running(start(&["--serve"]));
        let child = &mut demo.0;
        let mut stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut lines = Vec::new();
        // The last of what there is to try.
        let is_last = |line: &String| line.starts_with("  curl ") && line.ends_with("/metrics");
        while !lines.last().is_some_and(is_last) {
            let mut line = String::new();
            assert!(stdout.read_line(&mut line).expect("a line") > 0, "it ended: {lines:?}");
            lines.push(line.trim_end().to_owned());
        }
        let address = |begin: &str, end: &str| {
            let found =
                lines.iter().find_map(|line| line.trim_start().strip_prefix(begin)?.strip_suffix(end));
            found.and_then(|addr| addr.parse().ok()).unwrap_or_else(|| panic!("no {begin} in {lines:?}"))
        };
        let mut web = connect(address("curl http://", "/")).expect("a connection");
        web.write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").expect("to ask");
        let mut answer = [0; 12];
        web.read_exact(&mut answer).expect("an answer through wayside");
        assert_eq!(&answer, b"HTTP/1.1 200");
        drop(web);
        let (status, body) =
            get(address("curl http://", "/connections"), "/connections").expect("the admin port");
        assert!(status == 200 && body.contains("\"connections\""), "{body}");
        let mut mail = connect(address("curl telnet://", "    # type QUIT")).expect("a connection");
        let mut greeting = [0; 4];
        mail.read_exact(&mut greeting).expect("a greeting");
        mail.write_all(b"QUIT\r\n").expect("to say good-bye");
        assert_eq!(&greeting, b"220 ");
        drop(mail);

        assert!(child.try_wait().expect("its state").is_none(), "it stays");
        kill_process(Pid::from_child(child), signal).expect("to send a signal");
        let mut status = None;
        let ended = wait_until(Duration::from_secs(10), || {
            status = child.try_wait().expect("its state");
            status.is_some()
        });
        assert!(ended, "it goes on after {signal:?}");
        assert_eq!(status.and_then(|status| status.code()), Some(0), "after {signal:?}");
    }
}

#[test]
fn wrong_usage_is_one_line_and_2() {
    for args in [&["--server"][..], &["serve"], &["--serve", "--serve"], &["--serve", "x"], &[""]] {
        let (code, stdout, stderr) = run(args);
        assert_eq!((code, stdout.as_str(), stderr.lines().count()), (Some(2), "", 1), "{args:?}: {stderr}");
        assert!(stderr.contains("--help"), "{stderr}");
    }
}

#[test]
fn the_help_tells_what_there_is() {
    for flag in ["--help", "-h"] {
        let (code, stdout, stderr) = run(&[flag]);
        assert_eq!((code, stderr.as_str()), (Some(0), ""));
        assert!(stdout.contains("--serve") && stdout.contains("Exit code"), "{stdout}");
    }
}
