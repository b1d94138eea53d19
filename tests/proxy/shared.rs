//! A wayside to be used as a proxy, a client and an origin that read messages strictly, and a tap that counts bytes.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::support::*;

/// wayside with an outbound listener that nothing is redirected to.
pub(crate) struct Proxy {
    pub(crate) wayside: Wayside,
    descriptors: usize,
}

impl Proxy {
    pub(crate) fn start(args: &[&str]) -> Self {
        let mut all = vec!["--outbound-listen=127.0.0.1:0", "--pool-idle-timeout=500ms"];
        all.extend(args);
        Proxy::of(Wayside::start(&all))
    }

    pub(crate) fn of(wayside: Wayside) -> Self {
        let descriptors = wayside.fds();
        Proxy { wayside, descriptors }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.wayside.outbound()[0]
    }

    pub(crate) fn connect(&self) -> Client {
        Client::new(connect(self.addr()).expect("a connection to wayside"))
    }

    /// One request on a connection of its own.
    #[track_caller]
    pub(crate) fn ask(&self, request: impl AsRef<[u8]>) -> Message {
        self.connect().ask(request)
    }

    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.wayside.metrics().sum(name, labels)
    }

    /// Nobody is connected any more, and nothing is left behind: no connection, no descriptor, no request.
    #[track_caller]
    pub(crate) fn expect_clean(&self) {
        for gauge in ["tcp_open_connections", "http_requests_in_flight"] {
            let mut now = 0.0;
            let is_zero = wait_until(LIMIT, || {
                now = self.sum(gauge, &[]);
                now == 0.0
            });
            assert!(is_zero, "{gauge} is {now}: {}", self.wayside.connections());
        }
        // The scrapes themselves may leave one that is just being closed.
        let mut now = 0;
        let is_back = wait_until(LIMIT, || {
            now = self.wayside.fds();
            now <= self.descriptors
        });
        assert!(is_back, "{now} descriptors, {} at the start", self.descriptors);
    }

    /// The byte counters say what the clients and the servers saw: (sent, received) by each of the two.
    #[track_caller]
    pub(crate) fn expect_bytes(&self, clients: (u64, u64), servers: (u64, u64)) {
        let metrics = self.wayside.metrics();
        let of = |name: &str, peer: &str| {
            metrics.sum(&format!("tcp_{name}_bytes_total"), &[("peer", peer)]) as u64
        };
        assert_eq!((of("read", "src"), of("write", "src")), clients, "clients");
        assert_eq!((of("read", "dst"), of("write", "dst")), servers, "servers");
    }

    /// Each request that was counted has its response, of whatever status.
    #[track_caller]
    pub(crate) fn expect_counted_all(&self) {
        let both = || {
            let metrics = self.wayside.metrics();
            ["request_total", "response_total"].map(|name| metrics.sum(name, &[]))
        };
        eventually("each request has its response", LIMIT, || both()[0] == both()[1]);
        assert!(both()[0] > 0.0);
    }

    /// Requests, and responses with each of these statuses.
    #[track_caller]
    pub(crate) fn expect_counted(&self, requests: u32, responses: &[(&str, u32)]) {
        eventually("each request has its response", LIMIT, || {
            self.sum("http_requests_in_flight", &[]) == 0.0
        });
        let metrics = self.wayside.metrics();
        assert_eq!(metrics.sum("request_total", &[]), f64::from(requests), "requests");
        for &(status, count) in responses {
            let counted = metrics.sum("response_total", &[("status_code", status)]);
            assert_eq!(counted, f64::from(count), "responses with {status}");
        }
        let all: u32 = responses.iter().map(|(_, count)| count).sum();
        assert_eq!(metrics.sum("response_total", &[]), f64::from(all), "responses");
    }
}

/// A message of HTTP/1 as it came.
#[derive(Debug, Clone, Default)]
pub(crate) struct Message {
    /// With the empty line.
    pub(crate) head: String,
    /// As it came, chunks and all.
    pub(crate) body: Vec<u8>,
}

impl Message {
    pub(crate) fn first_line(&self) -> &str {
        self.head.split("\r\n").next().unwrap_or_default()
    }

    pub(crate) fn status(&self) -> u16 {
        self.head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or_default()
    }

    /// The values of the fields of this name, with ", " between them.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        let lines = self.head.split("\r\n").skip(1).filter_map(|line| line.split_once(':'));
        let values = lines.filter(|(known, _)| known.eq_ignore_ascii_case(name));
        let values: Vec<_> = values.map(|(_, value)| value.trim().to_owned()).collect();
        (!values.is_empty()).then(|| values.join(", "))
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    fn says_close(&self) -> bool {
        let connection = self.field("connection").unwrap_or_default().to_lowercase();
        connection.contains("close") || (self.head.contains("HTTP/1.0") && !connection.contains("keep-alive"))
    }

    /// The next one; none at the end of the stream. A request has no body unless it says so, a response to `head_of`
    /// (a request's first line) none if that is HEAD or the status has none, else up to the end.
    fn read(from: &mut impl BufRead, asked: Option<&str>) -> io::Result<Option<Message>> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            if from.read_until(b'\n', &mut head)? == 0 {
                let is_clean = head.is_empty();
                let torn = format!("an end within a head: {}", String::from_utf8_lossy(&head));
                return if is_clean { Ok(None) } else { Err(io::Error::other(torn)) };
            }
        }
        let mut message = Message { head: String::from_utf8_lossy(&head).into_owned(), body: Vec::new() };
        let status = message.status();
        let is_bare = asked.is_some_and(|asked| asked.starts_with("HEAD "))
            || (asked.is_some() && (status < 200 || status == 204 || status == 304));
        if is_bare {
            return Ok(Some(message));
        }
        if message.field("transfer-encoding").is_some() {
            read_chunks(from, &mut message.body)?;
        } else if let Some(length) = message.field("content-length") {
            let length: usize = length.parse().map_err(io::Error::other)?;
            message.body.resize(length, 0);
            from.read_exact(&mut message.body)?;
        } else if asked.is_some() {
            from.read_to_end(&mut message.body)?;
        }
        Ok(Some(message))
    }
}

fn read_chunks(from: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let start = body.len();
        from.read_until(b'\n', body)?;
        let line = String::from_utf8_lossy(&body[start..]).trim().to_owned();
        let size =
            usize::from_str_radix(&line, 16).map_err(|_| io::Error::other(format!("chunk {line:?}")))?;
        if size == 0 {
            // Trailers, and the empty line.
            while !body.ends_with(b"\r\n\r\n") {
                if from.read_until(b'\n', body)? == 0 {
                    return Err(io::Error::other("an end within trailers"));
                }
            }
            return Ok(());
        }
        let end = body.len();
        body.resize(end + size + 2, 0);
        from.read_exact(&mut body[end..])?;
    }
}

/// A client's connection.
pub(crate) struct Client(BufReader<TcpStream>);

impl Client {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Client(BufReader::new(stream))
    }

    pub(crate) fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    #[track_caller]
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.get_mut().write_all(bytes.as_ref()).expect("to send");
    }

    /// The next response, to a request that begins with `asked`.
    #[track_caller]
    pub(crate) fn hear(&mut self, asked: &str) -> Message {
        Message::read(&mut self.0, Some(asked)).expect("a response").expect("no end")
    }

    #[track_caller]
    pub(crate) fn ask(&mut self, request: impl AsRef<[u8]>) -> Message {
        self.send(request.as_ref());
        self.hear(&String::from_utf8_lossy(request.as_ref()))
    }

    /// So many bytes, as they come.
    #[track_caller]
    pub(crate) fn take(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).expect("bytes");
        bytes
    }

    /// The rest, to the end.
    pub(crate) fn rest(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.0.read_to_end(&mut bytes).map(|_| bytes)
    }
}

/// A server of HTTP/1 that keeps its connections and what it was asked.
pub(crate) struct Origin {
    server: Server,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Origin {
    /// Answers each request with what `answer` makes of it, and closes behind it if the answer says so. An answer that is
    /// empty is none: the connection is closed.
    pub(crate) fn start(answer: impl Fn(&Message) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let theirs = Arc::clone(&seen);
        let server = Server::start(move |stream| {
            let mut reader = BufReader::new(stream);
            while let Some(request) = Message::read(&mut reader, None)? {
                let bytes = answer(&request);
                theirs.lock().unwrap_or_else(PoisonError::into_inner).push(request);
                reader.get_mut().write_all(&bytes)?;
                let said = Message { head: String::from_utf8_lossy(&bytes).into_owned(), body: Vec::new() };
                if bytes.is_empty() || said.says_close() {
                    return Ok(());
                }
            }
            Ok(())
        });
        Origin { server, seen }
    }

    /// Answers with `name` and the body of the request.
    pub(crate) fn named(name: &'static str) -> Self {
        Origin::start(move |request| {
            let body = format!("{name}:{}", request.text());
            let is_head = request.head.starts_with("HEAD ");
            let shown = if is_head { "" } else { &body };
            format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{shown}", body.len()).into_bytes()
        })
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    pub(crate) fn accepted(&self) -> usize {
        self.server.accepted()
    }

    pub(crate) fn seen(&self) -> MutexGuard<'_, Vec<Message>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request that came last.
    #[track_caller]
    pub(crate) fn last(&self) -> Message {
        self.seen().last().cloned().expect("a request")
    }
}

/// Stands before a server and counts what passes each way.
pub(crate) struct Tap {
    server: Server,
    counts: Arc<[AtomicU64; 2]>,
}

impl Tap {
    pub(crate) fn before(target: SocketAddr) -> Self {
        let counts = Arc::new([AtomicU64::new(0), AtomicU64::new(0)]);
        let theirs = Arc::clone(&counts);
        let server = Server::start(move |client| {
            let Ok(server) = TcpStream::connect(target) else {
                reset(client);
                return Ok(());
            };
            server.set_nodelay(true)?;
            std::thread::scope(|scope| {
                scope.spawn(|| pass(&client, &server, &theirs[0]));
                pass(&server, &client, &theirs[1]);
            });
            Ok(())
        });
        Tap { server, counts }
    }

    pub(crate) fn addr(&self) -> SocketAddr {
        self.server.addr()
    }

    /// Bytes to the server and from it.
    pub(crate) fn bytes(&self) -> (u64, u64) {
        (self.counts[0].load(Ordering::SeqCst), self.counts[1].load(Ordering::SeqCst))
    }
}

fn pass(mut from: &TcpStream, mut to: &TcpStream, count: &AtomicU64) {
    let _ = from.set_read_timeout(Some(Duration::from_secs(60)));
    let mut buffer = vec![0; 64 << 10];
    while let Ok(got @ 1..) = from.read(&mut buffer) {
        count.fetch_add(got as u64, Ordering::SeqCst);
        if to.write_all(&buffer[..got]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A request for `path` of `origin` as a proxy gets it.
pub(crate) fn get_of(origin: SocketAddr, path: &str) -> String {
    format!("GET http://{origin}{path} HTTP/1.1\r\nHost: {origin}\r\n\r\n")
}

impl Client {
    /// A CONNECT, and the head of its answer, behind which the tunnel begins.
    #[track_caller]
    pub(crate) fn ask_tunnel(&mut self, request: impl AsRef<[u8]>) -> Message {
        self.send(request);
        self.hear_tunnel()
    }

    #[track_caller]
    pub(crate) fn hear_tunnel(&mut self) -> Message {
        self.hear("HEAD ")
    }

    /// The socket; what has come and was not taken is thrown away.
    pub(crate) fn drained(self) -> TcpStream {
        self.0.into_inner()
    }

    pub(crate) fn into_stream(self) -> TcpStream {
        assert!(self.0.buffer().is_empty(), "bytes that were not taken");
        self.0.into_inner()
    }
}
