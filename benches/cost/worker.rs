//! What the whole loop costs in user space: an exchange through a worker, its turns driven from here, over loopback.
//!
//! The client and the server are here as well: what they add are a few dozen instructions around their system calls.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

use mio::Events;
use wayside::config::{self, Config, Sources};
use wayside::worker::Worker;

use crate::h1::{SMALL, WRK};
use crate::h2;
use crate::harness::{Case, Subject, case};

/// Not HTTP, and nothing that has a name.
const BINARY: &[u8] = &[0, 1, 2, 3, 250, 251, 252, 253, 0, 1, 2, 3, 250, 251, 252, 253];

/// As much as one read takes: after the second in a row they are spliced.
static BULK: [u8; 65_536] = [7; 65_536];

pub(crate) fn cases() -> Vec<Case> {
    vec![
        case("worker/tcp", 1, || KeepAlive::new(&[], 1, BINARY, BINARY)),
        case("worker/tcp/64", 64, || KeepAlive::new(&[], 64, BINARY, BINARY)),
        case("worker/bulk", 1, || KeepAlive::new(&[], 1, BINARY, &BULK)),
        case("worker/http1", 1, || KeepAlive::new(&[], 1, WRK, SMALL)),
        case("worker/http1/64", 64, || KeepAlive::new(&[], 64, WRK, SMALL)),
        case("worker/http1/strict", 1, || KeepAlive::new(&[("http-strict", "true")], 1, WRK, SMALL)),
        case("worker/http1/reuse", 1, || KeepAlive::new(&[("http-reuse", "true")], 1, WRK, SMALL)),
        case("worker/http2/32", 32, || Streams::new(32)),
        case("worker/tcp/connect", 1, || Connecting::new(&[], BINARY, BINARY)),
        case("worker/http1/connect", 1, || Connecting::new(&[], WRK, SMALL)),
        case("worker/http1/reuse/connect", 1, || Connecting::new(&[("http-reuse", "true")], WRK, SMALL)),
    ]
}

/// `options` and one forward to `target`, from a port that the kernel chooses.
fn configuration(options: &[(&'static str, &str)], target: SocketAddr) -> Config {
    let forward = format!("127.0.0.1:0={target}");
    let ours = [
        ("inbound-listen", "off"),
        ("outbound-listen", "off"),
        ("admin-listen", "off"),
        ("forward", &forward),
    ];
    let flags = ours.iter().chain(options).map(|&(name, value)| (name, vec![value.to_owned()])).collect();
    config::load(Sources { flags, ..Sources::default() }).expect("a configuration").config
}

/// A worker and the server behind it.
pub(crate) struct Stage {
    pub(crate) worker: Worker,
    events: Events,
    server: TcpListener,
}

impl Stage {
    pub(crate) fn new(options: &[(&'static str, &str)]) -> Stage {
        let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
        server.set_nonblocking(true).expect("a listener");
        let target = server.local_addr().expect("an address");
        let worker = Worker::start(configuration(options, target)).expect("a worker");
        Stage { worker, events: Events::with_capacity(1024), server }
    }

    /// A client's connection, without Nagle's delay.
    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.worker.listeners()[0].addr).expect("a connection");
        prepared(stream)
    }

    /// Lets the worker work until `ready` has something.
    fn until<T>(&mut self, mut ready: impl FnMut(&Stage) -> Option<T>) -> T {
        loop {
            if let Some(it) = ready(self) {
                return it;
            }
            self.turn();
        }
    }

    fn turn(&mut self) {
        let is_over = self.worker.turn(&mut self.events).expect("a turn");
        assert!(!is_over, "ended by a signal");
    }

    /// The worker's connection to the server.
    fn accepted(&mut self) -> TcpStream {
        self.until(|stage| later(stage.server.accept()).map(|(stream, _)| prepared(stream)))
    }

    /// Reads as many bytes as are in `buffer`, while the worker works.
    fn read(&mut self, mut stream: &TcpStream, buffer: &mut [u8]) {
        let mut done = 0;
        while done < buffer.len() {
            let count = self.until(|_| later(stream.read(&mut buffer[done..])));
            assert!(count > 0, "the end after {done} bytes");
            done += count;
        }
    }
}

fn prepared(stream: TcpStream) -> TcpStream {
    stream.set_nonblocking(true).expect("a socket");
    stream.set_nodelay(true).expect("a socket");
    stream
}

/// What is not there yet is none.
fn later<T>(result: std::io::Result<T>) -> Option<T> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => None,
        result => Some(result.expect("no error")),
    }
}

fn write(mut stream: &TcpStream, bytes: &[u8]) {
    stream.write_all(bytes).expect("room for all");
}

/// Connections that stay, each with a request at a time.
struct KeepAlive {
    stage: Stage,
    pairs: Vec<(TcpStream, TcpStream)>,
    request: &'static [u8],
    answer: &'static [u8],
    buffer: Vec<u8>,
}

impl KeepAlive {
    fn new(
        options: &[(&'static str, &str)],
        count: usize,
        request: &'static [u8],
        answer: &'static [u8],
    ) -> KeepAlive {
        let mut stage = Stage::new(options);
        let mut pairs = Vec::new();
        let mut buffer = vec![0; request.len().max(answer.len())];
        for _ in 0..count {
            // With the first request: before that a shared upstream is not dialled.
            let client = stage.connect();
            write(&client, request);
            let server = stage.accepted();
            stage.read(&server, &mut buffer[..request.len()]);
            write(&server, answer);
            stage.read(&client, &mut buffer[..answer.len()]);
            pairs.push((client, server));
        }
        KeepAlive { stage, pairs, request, answer, buffer }
    }
}

impl Subject for KeepAlive {
    fn prepare(&mut self) {
        self.pairs.iter().for_each(|(client, _)| write(client, self.request));
    }

    fn call(&mut self) {
        for (_, server) in &self.pairs {
            self.stage.read(server, &mut self.buffer[..self.request.len()]);
            write(server, self.answer);
        }
        for (client, _) in &self.pairs {
            self.stage.read(client, &mut self.buffer[..self.answer.len()]);
        }
    }
}

/// A connection of its own for each request.
struct Connecting {
    stage: Stage,
    request: &'static [u8],
    answer: &'static [u8],
    /// With reuse: the upstream that stays.
    kept: Option<TcpStream>,
    buffer: Vec<u8>,
}

impl Connecting {
    fn new(options: &[(&'static str, &str)], request: &'static [u8], answer: &'static [u8]) -> Connecting {
        let buffer = vec![0; request.len().max(answer.len())];
        Connecting { stage: Stage::new(options), request, answer, kept: None, buffer }
    }
}

impl Subject for Connecting {
    fn call(&mut self) {
        let client = self.stage.connect();
        write(&client, self.request);
        let is_shared = self.stage.worker.kit().config.http_reuse;
        let server = self.kept.take().unwrap_or_else(|| self.stage.accepted());
        self.stage.read(&server, &mut self.buffer[..self.request.len()]);
        write(&server, self.answer);
        self.stage.read(&client, &mut self.buffer[..self.answer.len()]);
        drop(client);
        if is_shared {
            self.kept = Some(server);
        } else {
            let count = self.stage.until(|_| later((&server).read(&mut [0])));
            assert_eq!(count, 0);
        }
        // The last turn is that in which the flow goes.
        self.stage.turn();
    }
}

/// A connection of HTTP/2.
struct Streams {
    stage: Stage,
    client: TcpStream,
    server: TcpStream,
    calls: h2::Calls,
    buffer: Vec<u8>,
}

impl Streams {
    fn new(count: usize) -> Streams {
        let mut stage = Stage::new(&[]);
        let (from_client, from_server, calls) = h2::connection(count);
        let mut buffer = vec![0; calls.up.len().max(calls.down.len())];
        let client = stage.connect();
        write(&client, &from_client);
        let server = stage.accepted();
        stage.read(&server, &mut buffer[..from_client.len()]);
        write(&server, &from_server);
        stage.read(&client, &mut buffer[..from_server.len()]);
        Streams { stage, client, server, calls, buffer }
    }
}

impl Subject for Streams {
    fn prepare(&mut self) {
        self.calls.renumber();
        write(&self.client, &self.calls.up);
    }

    fn call(&mut self) {
        self.stage.read(&self.server, &mut self.buffer[..self.calls.up.len()]);
        write(&self.server, &self.calls.down);
        self.stage.read(&self.client, &mut self.buffer[..self.calls.down.len()]);
    }
}
