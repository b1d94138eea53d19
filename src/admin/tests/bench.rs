//! What the tests share: a loop to turn by hand, a subject, and a client that checks what it gets.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::super::*;
use crate::metrics::{Direction, TargetLabel};

/// A subject with as many connections as wanted, in every other slot.
pub(super) struct Fake {
    pub(super) ready: bool,
    pub(super) metrics: Metrics,
    pub(super) refreshed: usize,
    pub(super) refused: usize,
    pub(super) connections: usize,
    pub(super) target: String,
}

impl Subject for Fake {
    fn ready(&self) -> bool {
        self.ready
    }
    fn refresh(&mut self) {
        self.refreshed += 1;
    }
    fn metrics(&self) -> &Metrics {
        &self.metrics
    }
    fn count(&mut self, counter: Counter) {
        self.refused += usize::from(counter == Counter::AdminRefused);
        self.metrics.count(counter);
    }
    fn connection(&self, from_slot: usize) -> Option<(usize, Connection)> {
        let slot = from_slot.next_multiple_of(2);
        (slot < self.connections * 2).then(|| (slot, self.at(slot)))
    }
    fn endpoint(&self, from: usize) -> Option<(usize, Endpoint)> {
        (from < 2).then(|| {
            let is_aside = from == 1;
            let endpoint = Endpoint {
                backend: "api".to_string(),
                address: SocketAddr::from(([10, 0, 0, 1], 8080 + from as u16)),
                state: if is_aside { "aside" } else { "ready" },
                weight: 1024,
                pending: 3,
                failures: 7,
                cause: is_aside.then_some("failed"),
                until: Duration::from_millis(1500),
                rtt: (!is_aside).then_some(Duration::from_micros(250)),
            };
            (from, endpoint)
        })
    }
    fn server_first(&self, place: usize) -> Option<SocketAddr> {
        (place < 2).then(|| SocketAddr::from(([10, 0, 0, 2], 25 + place as u16)))
    }
}

impl Fake {
    fn at(&self, slot: usize) -> Connection {
        Connection {
            id: slot as u64 / 2,
            direction: "outbound",
            source: "10.0.0.1:40000".parse().unwrap(),
            target: self.target.clone(),
            protocol: "http/1",
            decided_by: "client",
            bytes_in: 12,
            bytes_out: 34,
            age: Duration::from_millis(5600),
            state: "relay",
        }
    }
}

pub(super) struct Bench {
    poll: Poll,
    events: Events,
    pub(super) admin: Admin,
    pub(super) subject: Fake,
    pub(super) now: Instant,
    addr: SocketAddr,
    more: bool,
}

impl Bench {
    pub(super) fn new() -> Bench {
        let poll = Poll::new().unwrap();
        let socket = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let addr = socket.local_addr().unwrap();
        let admin = Admin::new(vec![socket], poll.registry()).unwrap();
        let subject = Fake {
            ready: true,
            metrics: Metrics::new(),
            refreshed: 0,
            refused: 0,
            connections: 3,
            target: "db:3306".into(),
        };
        Bench {
            poll,
            events: Events::with_capacity(64),
            admin,
            subject,
            now: Instant::now(),
            addr,
            more: true,
        }
    }

    /// Fills the metrics with so many targets and series.
    pub(super) fn fill(&mut self, count: u32) {
        for n in 0..count {
            let label = TargetLabel::Addr(SocketAddr::from(([10, 0, (n / 250) as u8, (n % 250) as u8], 80)));
            let target = self.subject.metrics.target(Direction::Outbound, &label);
            let series = self.subject.metrics.series(target, "http/1", None);
            self.subject.metrics.bytes(series, crate::metrics::Peer::Src, u64::from(n), 1);
        }
    }

    /// Once round the loop.
    pub(super) fn turn(&mut self) {
        let wait = Duration::from_millis(if self.more { 0 } else { 1 });
        self.poll.poll(&mut self.events, Some(wait)).unwrap();
        for event in &self.events {
            let Source::Admin(number) = Source::of(event.token()) else { panic!("{event:?}") };
            self.admin.ready(number, event, self.poll.registry(), self.now);
        }
        self.serve();
    }

    /// Hands the next events to whoever has `number`; gives the length of the queue after it.
    pub(super) fn misdirect(&mut self, number: usize) -> usize {
        self.poll.poll(&mut self.events, Some(Duration::from_secs(5))).unwrap();
        assert!(!self.events.is_empty());
        for event in &self.events {
            self.admin.ready(number, event, self.poll.registry(), self.now);
        }
        self.admin.queue.len()
    }

    pub(super) fn serve(&mut self) -> bool {
        self.more = self.admin.serve(self.poll.registry(), self.now, &mut self.subject);
        self.more
    }

    /// Until nothing happens any more.
    pub(super) fn settle(&mut self) {
        let mut quiet = 0;
        while quiet < 3 {
            self.turn();
            quiet = if self.events.is_empty() && !self.more { quiet + 1 } else { 0 };
        }
    }

    /// What the metrics say, without a request for them.
    pub(super) fn samples(&self) -> std::collections::HashMap<String, f64> {
        let (metrics, mut text) = (&self.subject.metrics, Vec::new());
        crate::metrics::Scrape::new(metrics).next(metrics, &mut text, usize::MAX);
        crate::metrics::tests::check(std::str::from_utf8(&text).unwrap())
    }

    pub(super) fn clients(&self) -> usize {
        self.admin.clients.len()
    }

    pub(super) fn connect(&mut self) -> Peer {
        let stream = TcpStream::connect(self.addr).unwrap();
        stream.set_nonblocking(true).unwrap();
        stream.set_nodelay(true).unwrap();
        Peer { stream, got: Vec::new(), ended: false }
    }

    /// A client whose kernel takes little, so that it stalls the server soon.
    pub(super) fn connect_narrow(&mut self) -> Peer {
        let peer = self.connect();
        socket2::SockRef::from(&peer.stream).set_recv_buffer_size(4096).unwrap();
        peer
    }

    /// A new connection, one request, its answer.
    pub(super) fn ask(&mut self, request: &str) -> Response {
        let mut peer = self.connect();
        peer.send(request.as_bytes());
        peer.response(self, request.starts_with("HEAD "))
    }

    pub(super) fn get(&mut self, path: &str) -> Response {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
    }
}

/// A client.
pub(super) struct Peer {
    pub(super) stream: TcpStream,
    pub(super) got: Vec<u8>,
    /// The server has ended its side, or reset it.
    pub(super) ended: bool,
}

impl Peer {
    pub(super) fn send(&mut self, bytes: &[u8]) {
        self.stream.write_all(bytes).unwrap();
    }

    /// Takes what is there; false where nothing was.
    pub(super) fn take(&mut self) -> bool {
        let mut buffer = [0; 65536];
        match self.stream.read(&mut buffer) {
            Ok(0) => self.ended = true,
            Ok(length) => {
                self.got.extend_from_slice(&buffer[..length]);
                return true;
            }
            Err(error) => self.ended |= error.kind() != ErrorKind::WouldBlock,
        }
        false
    }

    /// The next answer, with the loop turned for it.
    pub(super) fn response(&mut self, bench: &mut Bench, head_only: bool) -> Response {
        let until = Instant::now() + Duration::from_secs(20);
        loop {
            if let Some((response, length)) = Response::parse(&self.got, head_only, self.ended) {
                self.got.drain(..length);
                return response;
            }
            assert!(!self.ended && Instant::now() < until, "{:?}", String::from_utf8_lossy(&self.got));
            bench.turn();
            self.take();
        }
    }

    /// Waits for the server's end and gives the rest.
    pub(super) fn rest(&mut self, bench: &mut Bench) -> Vec<u8> {
        let until = Instant::now() + Duration::from_secs(20);
        while !self.ended {
            assert!(Instant::now() < until, "the server never ended the connection");
            bench.turn();
            self.take();
        }
        std::mem::take(&mut self.got)
    }
}

/// An answer, its framing checked and taken away.
#[derive(Debug)]
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Response {
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head.lines().find_map(|line| line.strip_prefix(start.as_str()))
    }

    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    fn parse(bytes: &[u8], head_only: bool, ended: bool) -> Option<(Response, usize)> {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n")? + 4;
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let status = head.strip_prefix("HTTP/1.1 ").unwrap()[..3].parse().unwrap();
        let mut response = Response { status, head, body: Vec::new() };
        let rest = &bytes[end..];
        let length = match (head_only, response.field("Content-Length")) {
            (true, _) => 0,
            (_, Some(length)) => {
                let length = length.parse().unwrap();
                response.body = rest.get(..length)?.to_vec();
                length
            }
            _ if response.field("Transfer-Encoding") == Some("chunked") => {
                let (body, length) = unchunk(rest)?;
                response.body = body;
                length
            }
            _ if !ended => return None,
            _ => {
                assert_eq!(response.field("Connection"), Some("close"));
                response.body = rest.to_vec();
                rest.len()
            }
        };
        Some((response, end + length))
    }
}

fn unchunk(bytes: &[u8]) -> Option<(Vec<u8>, usize)> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let line = bytes[at..].windows(2).position(|it| it == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&bytes[at..at + line]).unwrap(), 16).unwrap();
        at += line + 2;
        let chunk = bytes.get(at..at + size + 2)?;
        assert_eq!(&chunk[size..], b"\r\n");
        body.extend_from_slice(&chunk[..size]);
        at += size + 2;
        if size == 0 {
            return Some((body, at));
        }
    }
}
