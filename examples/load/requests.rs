//! Requests, one after the other on each connection: 100 bytes for 100 bytes, or HTTP/1.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use memchr::memmem;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::Failure;
use super::phases::Done;

/// Bytes of a TCP request, and of its answer. Binary, so that nothing takes it for a request line.
const MESSAGE: [u8; 100] = [1; 100];
/// A head longer than this is no answer of ours.
const LONGEST_HEAD: usize = 16 << 10;
/// After its time a phase waits so long for what is under way.
const LAST_ANSWERS: Duration = Duration::from_secs(20);

/// What is asked.
pub(crate) enum Kind {
    /// 100 bytes, answered by 100.
    Tcp,
    /// GET of this path.
    Http(String),
}

/// All connections of a load.
pub(crate) struct Load {
    to: SocketAddr,
    is_fresh: bool,
    is_http: bool,
    request: Vec<u8>,
    poll: Poll,
    clients: Vec<Client>,
    buffer: Vec<u8>,
    done: Done,
    under_way: usize,
    until: Instant,
}

/// One of them.
#[derive(Default)]
struct Client {
    stream: Option<TcpStream>,
    asked: Option<Instant>,
    /// Bytes of the request that are sent.
    sent: usize,
    /// An HTTP head that is not whole yet.
    head: Vec<u8>,
    /// Bytes of the answer still to come; None: its head is.
    left: Option<usize>,
}

/// How far a client has come.
enum Step {
    Waits,
    Answered,
}

impl Load {
    /// Connects nothing yet.
    ///
    /// # Errors
    /// No epoll.
    pub(crate) fn new(
        to: SocketAddr,
        connections: usize,
        is_fresh: bool,
        kind: Kind,
    ) -> Result<Self, Failure> {
        let (is_http, request) = match kind {
            Kind::Tcp => (false, MESSAGE.to_vec()),
            Kind::Http(path) => {
                let head = format!(
                    "GET {path} HTTP/1.1\r\nHost: bench.example\r\nUser-Agent: load\r\nAccept: */*\r\n\r\n"
                );
                (true, head.into_bytes())
            }
        };
        Ok(Load {
            to,
            is_fresh,
            is_http,
            request,
            poll: Poll::new()?,
            clients: (0..connections).map(|_| Client::default()).collect(),
            buffer: vec![0; 256 << 10],
            done: Done::default(),
            under_way: 0,
            until: Instant::now(),
        })
    }

    /// Asks for so long, and waits for the last answers.
    ///
    /// # Errors
    /// epoll broken, or answers that never came.
    pub(crate) fn run(&mut self, time: Duration) -> Result<Done, Failure> {
        let begun = Instant::now();
        self.until = begun + time;
        for at in 0..self.clients.len() {
            self.ask(at);
        }
        let mut events = Events::with_capacity(1024);
        while self.under_way > 0 {
            self.poll.poll(&mut events, Some(Duration::from_secs(1)))?;
            for event in &events {
                self.advance(event.token().0);
            }
            if Instant::now() > self.until + LAST_ANSWERS {
                return Err(format!("{} requests were not answered", self.under_way).into());
            }
        }
        self.done.time = begun.elapsed();
        Ok(std::mem::take(&mut self.done))
    }

    /// Begins a request, if there is time left.
    fn ask(&mut self, at: usize) {
        if Instant::now() >= self.until {
            return;
        }
        let Some(client) = self.clients.get_mut(at) else { return };
        (client.asked, client.sent, client.left) =
            (Some(Instant::now()), 0, (!self.is_http).then_some(MESSAGE.len()));
        client.head.clear();
        self.under_way += 1;
        if client.stream.is_none() {
            match connect(&self.poll, self.to, at) {
                Ok(stream) => client.stream = Some(stream),
                Err(error) => return self.fail(at, &error),
            }
        }
        let Some(client) = self.clients.get_mut(at) else { return };
        if let Err(error) = client.send(&self.request) {
            self.fail(at, &error);
        }
    }

    /// The connection has something to read, or room to write.
    fn advance(&mut self, at: usize) {
        let Some(client) = self.clients.get_mut(at) else { return };
        let step = match (client.asked, client.sent < self.request.len()) {
            // Between two phases: the other side has closed it.
            (None, _) => {
                client.stream = None;
                return;
            }
            (_, true) => client.send(&self.request).and_then(|()| client.receive(&mut self.buffer)),
            _ => client.receive(&mut self.buffer),
        };
        match step {
            Ok(Step::Waits) => {}
            Ok(Step::Answered) => self.answered(at),
            Err(error) => self.fail(at, &error),
        }
    }

    fn answered(&mut self, at: usize) {
        let Some(client) = self.clients.get_mut(at) else { return };
        let took = client.asked.take().map_or(0, |asked| asked.elapsed().as_nanos());
        self.done.latencies.push(u32::try_from(took).unwrap_or(u32::MAX));
        self.done.requests += 1;
        self.under_way -= 1;
        if self.is_fresh {
            client.stream = None;
        }
        self.ask(at);
    }

    fn fail(&mut self, at: usize, problem: &io::Error) {
        self.done.problem.get_or_insert_with(|| problem.to_string());
        if let Some(client) = self.clients.get_mut(at) {
            (client.stream, client.asked) = (None, None);
        }
        self.done.errors += 1;
        self.under_way -= 1;
        // A proxy that refuses everything shall not make a recursion of it.
        if self.done.errors < 1000 {
            self.ask(at);
        }
    }
}

fn connect(poll: &Poll, to: SocketAddr, at: usize) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_nodelay(true)?;
    poll.registry().register(&mut stream, Token(at), Interest::READABLE | Interest::WRITABLE)?;
    Ok(stream)
}

impl Client {
    /// Sends what is left of the request, as far as there is room.
    fn send(&mut self, request: &[u8]) -> io::Result<()> {
        let Some(stream) = &mut self.stream else { return Err(ErrorKind::NotConnected.into()) };
        match stream.write(request.get(self.sent..).unwrap_or_default()) {
            Ok(count) => self.sent += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Step> {
        let Some(stream) = &mut self.stream else { return Err(ErrorKind::NotConnected.into()) };
        loop {
            let count = match stream.read(buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(count) => count,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::NotConnected) => {
                    return Ok(Step::Waits);
                }
                Err(error) => return Err(error),
            };
            let bytes = buffer.get(..count).unwrap_or_default();
            let left = match self.left {
                Some(left) => left.checked_sub(count).ok_or(ErrorKind::InvalidData)?,
                None => match begun(&mut self.head, bytes)? {
                    Some(left) => left,
                    None => continue,
                },
            };
            self.left = Some(left);
            if left == 0 {
                return Ok(Step::Answered);
            }
        }
    }
}

/// Takes bytes of an answer that has just begun: how many follow them. None: the head is not whole.
fn begun(head: &mut Vec<u8>, bytes: &[u8]) -> io::Result<Option<usize>> {
    head.extend_from_slice(bytes);
    let Some(end) = memmem::find(head, b"\r\n\r\n") else {
        return if head.len() > LONGEST_HEAD { Err(ErrorKind::InvalidData.into()) } else { Ok(None) };
    };
    let text = head.get(..end).and_then(|head| std::str::from_utf8(head).ok()).unwrap_or_default();
    if !text.starts_with("HTTP/1.1 200") {
        let line = text.lines().next().unwrap_or_default();
        return Err(io::Error::new(ErrorKind::InvalidData, format!("an answer of {line}")));
    }
    let lengths = text.lines().filter_map(|line| line.split_once(':'));
    let mut length = lengths
        .filter(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .map(|(_, value)| value.trim());
    let length: usize =
        length.next_back().and_then(|length| length.parse().ok()).ok_or(ErrorKind::InvalidData)?;
    let rest = (end + 4).saturating_add(length).checked_sub(head.len()).ok_or(ErrorKind::InvalidData)?;
    Ok(Some(rest))
}
