//! A connection of one of the servers, and what each kind of server does with it.

use std::io::{self, ErrorKind, Read, Write};

use memchr::memmem;
use mio::net::TcpStream;

/// Reads or writes of one turn, so that none starves the rest.
const TURN: usize = 4;
/// A head that is longer ends its connection.
const LONGEST_HEAD: usize = 16 << 10;

/// What a server does.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Kind {
    /// Sends back what comes.
    Echo,
    /// Sends as fast as it can.
    Source,
    /// Takes what comes.
    Sink,
    /// Answers a GET of `/small` by 100 bytes, of `/64k` by 65,536, of `/accepted` by its count of connections.
    Http,
    /// Speaks first, then as echo.
    Greeting,
}

impl Kind {
    /// By its name on the command line.
    pub(crate) fn of(name: &str) -> Option<Kind> {
        Some(match name {
            "echo" => Kind::Echo,
            "source" => Kind::Source,
            "sink" => Kind::Sink,
            "http" => Kind::Http,
            "greeting" => Kind::Greeting,
            _ => return None,
        })
    }
}

/// What all connections use.
pub(crate) struct Shared {
    /// Connections that HTTP has had.
    pub(crate) accepted: u64,
    buffer: Vec<u8>,
    bulk: Vec<u8>,
    small: Vec<u8>,
    large: Vec<u8>,
}

impl Shared {
    /// The answers are made once.
    pub(crate) fn new() -> Self {
        Shared {
            accepted: 0,
            buffer: vec![0; 256 << 10],
            bulk: vec![0x5a; 256 << 10],
            small: answer(&[b'x'; 100]),
            large: answer(&vec![b'x'; 64 << 10]),
        }
    }
}

fn answer(body: &[u8]) -> Vec<u8> {
    let head = "HTTP/1.1 200 OK\r\nServer: load\r\nContent-Type: text/plain\r\nContent-Length: ";
    [head.as_bytes(), body.len().to_string().as_bytes(), b"\r\n\r\n", body].concat()
}

/// What comes next for a connection.
pub(crate) enum Turn {
    Waits,
    Again,
    Ended,
}

/// One connection.
pub(crate) struct Connection {
    stream: TcpStream,
    kind: Kind,
    is_greeted: bool,
    has_ended: bool,
    /// Still to be sent, before anything is read.
    unsent: Vec<u8>,
    /// A request that is not whole yet.
    head: Vec<u8>,
}

impl Connection {
    /// Of a server of this kind.
    pub(crate) fn new(stream: TcpStream, kind: Kind) -> Self {
        Connection { stream, kind, is_greeted: false, has_ended: false, unsent: Vec::new(), head: Vec::new() }
    }

    /// Does what there is to do. `is_ending`: the other side will send no more than is here.
    ///
    /// # Errors
    /// The connection broke: it is over.
    pub(crate) fn turn(&mut self, shared: &mut Shared, is_ending: bool) -> io::Result<Turn> {
        self.has_ended |= is_ending;
        if self.kind == Kind::Greeting && !self.is_greeted {
            self.is_greeted = true;
            self.send(b"220 bench.example ready\r\n")?;
        }
        if self.kind == Kind::Source {
            return self.pour(&shared.bulk);
        }
        for _ in 0..TURN {
            let unsent = std::mem::take(&mut self.unsent);
            self.send(&unsent)?;
            if !self.unsent.is_empty() {
                return Ok(Turn::Waits);
            }
            let count = match self.stream.read(&mut shared.buffer) {
                Ok(0) => return Ok(Turn::Ended),
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Waits),
                Err(error) => return Err(error),
            };
            let bytes = shared.buffer.get(..count).unwrap_or_default();
            match self.kind {
                Kind::Sink | Kind::Source => {}
                Kind::Echo | Kind::Greeting => self.send(bytes)?,
                Kind::Http => {
                    self.head.extend_from_slice(bytes);
                    self.answer(shared)?;
                }
            }
            // A short read has drained it, but for an end behind it.
            if count < shared.buffer.len() && !self.has_ended && self.unsent.is_empty() {
                return Ok(Turn::Waits);
            }
        }
        Ok(Turn::Again)
    }

    fn pour(&mut self, bulk: &[u8]) -> io::Result<Turn> {
        if self.has_ended {
            return Ok(Turn::Ended);
        }
        for _ in 0..TURN {
            match self.stream.write(bulk) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Turn::Waits),
                Err(error) => return Err(error),
            }
        }
        Ok(Turn::Again)
    }

    /// Answers every request that is whole.
    fn answer(&mut self, shared: &Shared) -> io::Result<()> {
        let mut head = std::mem::take(&mut self.head);
        let mut from = 0;
        while let Some(rest) = head.get(from..)
            && let Some(end) = memmem::find(rest, b"\r\n\r\n")
        {
            from += end + 4;
            if rest.starts_with(b"GET /small ") {
                self.send(&shared.small)?;
            } else if rest.starts_with(b"GET /64k ") {
                self.send(&shared.large)?;
            } else {
                self.send(&answer(shared.accepted.to_string().as_bytes()))?;
            }
        }
        head.drain(..from);
        self.head = head;
        if self.head.len() > LONGEST_HEAD { Err(ErrorKind::InvalidData.into()) } else { Ok(()) }
    }

    /// Sends, or keeps what there is no room for.
    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut from = 0;
        while self.unsent.is_empty()
            && let Some(rest) = bytes.get(from..).filter(|rest| !rest.is_empty())
        {
            match self.stream.write(rest) {
                Ok(count) => from += count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
        self.unsent.extend_from_slice(bytes.get(from..).unwrap_or_default());
        Ok(())
    }
}
