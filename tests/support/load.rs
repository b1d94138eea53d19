//! Load and its measure: latencies, very many connections, processor time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{Server, Wayside, have};

/// How long each of many exchanges took, the shortest first.
#[derive(Debug, Clone)]
pub struct Times(Vec<Duration>);

impl Times {
    /// Sorts them; there must be at least one.
    pub fn of(mut times: Vec<Duration>) -> Self {
        assert!(!times.is_empty(), "nothing was measured");
        times.sort();
        Times(times)
    }

    /// The time that this share of the exchanges, `0.99` for example, did not exceed.
    pub fn quantile(&self, share: f64) -> Duration {
        let place = (self.0.len() as f64 * share).ceil() as usize;
        self.0[place.clamp(1, self.0.len()) - 1]
    }

    /// The middle one.
    pub fn median(&self) -> Duration {
        self.quantile(0.5)
    }
}

/// Sends `request` and reads an answer of `answer` bytes, `rounds` times over.
#[track_caller]
pub fn exchange(mut stream: &TcpStream, request: &[u8], answer: usize, rounds: usize) -> Times {
    let mut buffer = vec![0; answer];
    let round = |_| {
        let began = Instant::now();
        stream.write_all(request).expect("to send a request");
        stream.read_exact(&mut buffer).expect("its answer");
        began.elapsed()
    };
    Times::of((0..rounds).map(round).collect())
}

/// 64 bytes there and back, `rounds` times; the other end is an echo.
#[track_caller]
pub fn ping_pong(stream: &TcpStream, rounds: usize) -> Times {
    exchange(stream, &[b'.'; 64], 64, rounds)
}

/// A request for [`http_server`].
pub const GET: &[u8] = b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n";
/// Its answer.
pub const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

/// Answers each [`GET`] with [`OK`], over connections that stay.
pub fn http_server() -> Server {
    Server::start(|mut stream| {
        let mut request = vec![0; GET.len()];
        loop {
            stream.read_exact(&mut request)?;
            stream.write_all(OK)?;
        }
    })
}

/// The processor time the program has used, to the nanosecond where the kernel says so.
pub fn exact_cpu(wayside: &Wayside) -> Duration {
    let text = std::fs::read_to_string(format!("/proc/{}/schedstat", wayside.pid())).unwrap_or_default();
    match text.split_whitespace().next().and_then(|word| word.parse().ok()) {
        Some(nanos) if nanos > 0 => Duration::from_nanos(nanos),
        _ => wayside.cpu(),
    }
}

/// The share of one processor that the program uses over `period`.
pub fn cpu_share(wayside: &Wayside, period: Duration) -> f64 {
    let (began, used) = (Instant::now(), exact_cpu(wayside));
    std::thread::sleep(period); // pace: the period that is measured
    (exact_cpu(wayside) - used).as_secs_f64() / began.elapsed().as_secs_f64()
}

/// Raises this process's limit of descriptors as far as it goes, and says how far that was.
pub fn raise_descriptors() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let most = Rlimit { current: limit.maximum, maximum: limit.maximum };
    setrlimit(Resource::Nofile, most).expect("to raise the soft limit");
    limit.maximum.unwrap_or(u64::MAX)
}

/// Debian's own Python, for which it packages modules; else the first in PATH.
pub fn python() -> Option<PathBuf> {
    let debian = Path::new("/usr/bin/python3");
    if debian.is_file() { Some(debian.to_owned()) } else { have("python3") }
}

/// A server in a process of its own (`tests/support/holder.py`), for thousands of connections.
#[derive(Debug)]
pub struct Holder {
    child: Child,
    // Closed, it ends the process even where nobody is left to kill it.
    _stdin: ChildStdin,
    addr: SocketAddr,
}

impl Holder {
    /// Sends back what comes.
    pub fn echo() -> Option<Self> {
        Holder::start(&[])
    }

    /// Reads and answers nothing.
    pub fn sink() -> Option<Self> {
        Holder::start(&["sink"])
    }

    /// None where there is no Python.
    fn start(args: &[&str]) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/holder.py");
        let mut command = Command::new(python()?);
        command.arg("-IS").arg(script).args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("to start the holder");
        let (stdin, stdout) = (child.stdin.take().expect("a pipe"), child.stdout.take().expect("a pipe"));
        let mut port = String::new();
        BufReader::new(stdout).read_line(&mut port).expect("the holder's port");
        let port: u16 = port.trim().parse().expect("a port");
        Some(Holder { child, _stdin: stdin, addr: ([127, 0, 0, 1], port).into() })
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
