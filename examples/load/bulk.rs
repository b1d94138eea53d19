//! Endless streams: as many bytes as pass, to a sink or from a source.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::Failure;
use super::phases::Done;

/// Read or written at once.
const CHUNK: usize = 256 << 10;

/// All streams of a load.
pub(crate) struct Load {
    is_up: bool,
    poll: Poll,
    streams: Vec<(TcpStream, bool)>,
    buffer: Vec<u8>,
}

impl Load {
    /// Connects all, and says a first word on each: a proxy that detects waits for one.
    ///
    /// # Errors
    /// A connection failed.
    pub(crate) fn new(to: SocketAddr, connections: usize, is_up: bool) -> Result<Self, Failure> {
        let poll = Poll::new()?;
        let mut streams = Vec::new();
        for at in 0..connections {
            let mut stream = std::net::TcpStream::connect(to)?;
            stream.set_nodelay(true)?;
            stream.write_all(&[1; 4])?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            poll.registry().register(&mut stream, Token(at), Interest::READABLE | Interest::WRITABLE)?;
            streams.push((stream, false));
        }
        Ok(Load { is_up, poll, streams, buffer: vec![1; CHUNK] })
    }

    /// Lets bytes pass for so long. Afterwards nothing reads or writes, until the next time.
    ///
    /// # Errors
    /// A stream ended.
    pub(crate) fn run(&mut self, time: Duration) -> Result<Done, Failure> {
        let begun = Instant::now();
        let mut events = Events::with_capacity(64);
        let mut done = Done::default();
        // What was ready at the end of the last phase still is.
        while let Some(left) = time.checked_sub(begun.elapsed()) {
            let is_ready = self.streams.iter().any(|(_, is_ready)| *is_ready);
            self.poll.poll(&mut events, Some(if is_ready { Duration::ZERO } else { left }))?;
            for event in &events {
                let serves = if self.is_up { event.is_writable() } else { event.is_readable() };
                if let Some((_, is_ready)) = self.streams.get_mut(event.token().0) {
                    *is_ready |= serves;
                }
            }
            // One chunk of each in turn: none starves.
            for (stream, is_ready) in self.streams.iter_mut().filter(|(_, is_ready)| *is_ready) {
                let moved =
                    if self.is_up { stream.write(&self.buffer) } else { stream.read(&mut self.buffer) };
                match moved {
                    Ok(0) => return Err("a stream has ended".into()),
                    Ok(count) => done.bytes += count as u64,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => *is_ready = false,
                    Err(error) => return Err(error.into()),
                }
            }
        }
        done.time = begun.elapsed();
        Ok(done)
    }
}
