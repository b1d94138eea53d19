//! wayside in a thread of this process, seen through its admin port only.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use signal_hook::consts::SIGTERM;
use wayside::config::{Config, Forward, Listen, Target};
use wayside::worker::Worker;

use super::wire::{PATIENCE, Wire};

/// How long the admin port may take to show what has just happened.
const SOON: Duration = Duration::from_secs(2);

/// The running proxy.
pub(crate) struct Proxy {
    /// A listener for each target, in their order.
    pub(crate) forwards: Vec<SocketAddr>,
    pub(crate) admin: SocketAddr,
    thread: JoinHandle<Result<(), String>>,
}

/// A line of `/connections`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) protocol: String,
    pub(crate) decided_by: String,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
}

impl Proxy {
    /// As `wayside run --inbound-listen off --outbound-listen off --admin-listen 127.0.0.1:0 --drain-timeout 2s` with a
    /// `--forward 127.0.0.1:0=TARGET` for each target.
    pub(crate) fn start(targets: &[SocketAddr]) -> io::Result<Proxy> {
        let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let off = Listen { addrs: Vec::new(), by_default: false };
        let forward = |&target| Forward { listen: any_port, target: Target::Addr(target), inbound: false };
        let config = Config {
            inbound: off.clone(),
            outbound: off,
            admin: Listen { addrs: vec![any_port], by_default: false },
            forwards: targets.iter().map(forward).collect(),
            drain_timeout: Duration::from_secs(2),
            ..Config::default()
        };
        let (sender, receiver) = mpsc::channel();
        // A worker stays in the thread that made it.
        let thread = thread::spawn(move || {
            let mut worker = Worker::start(config)?;
            let forwards: Vec<_> = worker.listeners().iter().map(|listener| listener.addr).collect();
            let _ = sender.send((forwards, worker.admin_addrs().to_vec()));
            worker.run()
        });
        match receiver.recv() {
            Ok((forwards, admin)) => {
                let admin = *admin.first().ok_or_else(|| io::Error::other("no admin listener"))?;
                Ok(Proxy { forwards, admin, thread })
            }
            Err(_) => Err(io::Error::other(match ended(thread) {
                Err(problem) => problem,
                Ok(()) => "wayside ended before it began".to_owned(),
            })),
        }
    }

    /// Whether a signal has ended it.
    pub(crate) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Ends it as an operator would, and waits for it.
    pub(crate) fn stop(self) -> Result<(), String> {
        signal_hook::low_level::raise(SIGTERM).map_err(|error| format!("cannot send SIGTERM: {error}"))?;
        self.wait()
    }

    /// Waits until a signal ends it.
    pub(crate) fn wait(self) -> Result<(), String> {
        ended(self.thread)
    }

    /// What wayside says of this connection, as soon as it has the same bytes as the client, or else after a while.
    pub(crate) fn look_at(&self, wire: &Wire) -> io::Result<Seen> {
        let source = format!("\"source\":\"{}\"", wire.local_addr()?);
        self.until(|| {
            let text = self.get("/connections")?;
            let line = text.lines().find(|line| line.contains(&source)).unwrap_or_default();
            let number = |name| field(line, name).parse().unwrap_or_default();
            let seen = Seen {
                protocol: field(line, "protocol").to_owned(),
                decided_by: field(line, "decided_by").to_owned(),
                bytes_up: number("bytes_in"),
                bytes_down: number("bytes_out"),
            };
            let same = (seen.bytes_up, seen.bytes_down) == (wire.sent, wire.received);
            Ok((same, seen))
        })
    }

    /// The metrics, as soon as no connection is open any more, or else after a while.
    pub(crate) fn metrics_at_rest(&self) -> io::Result<Metrics> {
        self.until(|| {
            let metrics = Metrics(self.get("/metrics")?);
            Ok((metrics.sum("tcp_open_connections", &[]) == 0, metrics))
        })
    }

    fn until<T>(&self, mut look: impl FnMut() -> io::Result<(bool, T)>) -> io::Result<T> {
        let end = Instant::now() + SOON;
        loop {
            let (is_there, value) = look()?;
            if is_there || Instant::now() >= end {
                return Ok(value);
            }
            thread::sleep(Duration::from_millis(1)); // pace: between two looks
        }
    }

    /// The body of an admin page.
    fn get(&self, path: &str) -> io::Result<String> {
        let mut stream = TcpStream::connect_timeout(&self.admin, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.write_all(format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        match answer.split_once("\r\n\r\n") {
            Some((head, body)) if head.contains(" 200 OK") => Ok(body.to_owned()),
            _ => Err(io::Error::other(format!("the admin port's answer to {path} is {answer:?}"))),
        }
    }
}

fn ended(thread: JoinHandle<Result<(), String>>) -> Result<(), String> {
    thread.join().unwrap_or_else(|_| Err("wayside panicked".to_owned()))
}

/// The value of `name` in a line of `/connections`, without its quotes.
fn field<'a>(line: &'a str, name: &str) -> &'a str {
    let rest = line.split_once(&format!("\"{name}\":")).map_or("", |(_, rest)| rest);
    match rest.strip_prefix('"') {
        Some(text) => text.split('"').next().unwrap_or_default(),
        None => rest.split([',', '}']).next().unwrap_or_default(),
    }
}

/// One scrape.
pub(crate) struct Metrics(String);

impl Metrics {
    /// The sum of all samples of this name that carry all of these labels.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        let lines = self.0.lines().filter(|line| {
            let has = |(key, value): &(&str, &str)| line.contains(&format!("{key}=\"{value}\""));
            line.strip_prefix(name).is_some_and(|rest| rest.starts_with('{')) && labels.iter().all(has)
        });
        lines.filter_map(|line| line.rsplit_once(' ')?.1.parse::<u64>().ok()).sum()
    }
}
