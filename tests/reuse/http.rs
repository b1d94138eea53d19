//! A small HTTP/1 peer: reads messages one at a time, and keeps what lies behind.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;

/// A stream and what was read from it too early.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) stream: TcpStream,
    behind: Vec<u8>,
}

/// A message: its head with the empty line, and its body as it was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Message {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Message {
    /// The value of the first field of that name.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    /// The second word of the first line: a request's target, a response's status.
    pub(crate) fn second(&self) -> &str {
        self.head.split_whitespace().nth(1).unwrap_or_default()
    }

    /// Whether the connection ends behind it.
    pub(crate) fn is_last(&self) -> bool {
        self.field("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

/// Where a message's body ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Body {
    /// By its own head.
    Framed,
    /// It has none, whatever its head says.
    None,
}

impl Peer {
    pub(crate) fn new(stream: TcpStream) -> Self {
        Peer { stream, behind: Vec::new() }
    }

    /// Bytes behind the last message.
    pub(crate) fn behind(&self) -> &[u8] {
        &self.behind
    }

    /// The next request; none where the stream ends before its first byte.
    pub(crate) fn request(&mut self) -> io::Result<Option<Message>> {
        let Some(head) = self.head()? else { return Ok(None) };
        self.body(head, Body::Framed, false).map(Some)
    }

    /// The next response; interim ones are passed over.
    pub(crate) fn response(&mut self, body: Body) -> io::Result<Message> {
        loop {
            let head = self.head()?.ok_or(ErrorKind::UnexpectedEof)?;
            let status = head.split_whitespace().nth(1).unwrap_or_default().to_owned();
            if status == "101" || !status.starts_with('1') {
                let is_empty = body == Body::None || ["101", "204", "304"].contains(&status.as_str());
                return self.body(head, if is_empty { Body::None } else { Body::Framed }, true);
            }
        }
    }

    /// Up to the empty line.
    pub(crate) fn head(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(at) = self.behind.windows(4).position(|four| four == b"\r\n\r\n") {
                let rest = self.behind.split_off(at + 4);
                let head = std::mem::replace(&mut self.behind, rest);
                return String::from_utf8(head).map(Some).map_err(|_| ErrorKind::InvalidData.into());
            }
            if self.more()? == 0 {
                let is_between = self.behind.is_empty();
                return if is_between { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        }
    }

    /// The body behind a head that was read.
    pub(crate) fn body(
        &mut self,
        head: String,
        body: Body,
        may_end_with_stream: bool,
    ) -> io::Result<Message> {
        let mut message = Message { head, body: Vec::new() };
        if body == Body::None {
            return Ok(message);
        }
        if message.field("transfer-encoding").is_some() {
            message.body = self.chunks()?;
        } else if let Some(length) = message.field("content-length") {
            let length = length.parse().map_err(|_| ErrorKind::InvalidData)?;
            message.body = self.take(length)?;
        } else if may_end_with_stream {
            while self.more()? > 0 {}
            message.body = std::mem::take(&mut self.behind);
        }
        Ok(message)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        loop {
            let length = self.line()?;
            let length = usize::from_str_radix(length.trim(), 16).map_err(|_| ErrorKind::InvalidData)?;
            body.extend(self.take(length)?);
            self.line()?;
            if length == 0 {
                return Ok(body);
            }
        }
    }

    fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = self.behind.windows(2).position(|two| two == b"\r\n") {
                let line = self.take(at + 2)?;
                return String::from_utf8(line).map_err(|_| ErrorKind::InvalidData.into());
            }
            if self.more()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
    }

    /// The next `count` bytes.
    pub(crate) fn take(&mut self, count: usize) -> io::Result<Vec<u8>> {
        while self.behind.len() < count {
            if self.more()? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let rest = self.behind.split_off(count);
        Ok(std::mem::replace(&mut self.behind, rest))
    }

    /// Reads once.
    fn more(&mut self) -> io::Result<usize> {
        let mut buffer = [0; 16 << 10];
        let count = self.stream.read(&mut buffer)?;
        self.behind.extend(&buffer[..count]);
        Ok(count)
    }
}
