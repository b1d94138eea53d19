//! A socket for one question: UDP, connected, its port chosen at random by the kernel; or TCP with length prefixes.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use mio::net::{TcpStream, UdpSocket};
use mio::{Interest, Registry};

use super::failure::Failure;
use super::query::Question;
use crate::base::token::Source;

/// A larger datagram is cut, and then not understood. We offer 1,232.
pub(super) const LARGEST_DATAGRAM: usize = 4096;

/// A socket that waits for one reply.
#[derive(Debug)]
pub(super) struct Socket {
    /// What its events are called.
    pub(super) number: usize,
    transport: Transport,
}

#[derive(Debug)]
enum Transport {
    Udp(UdpSocket),
    /// `unsent` is what is left of the question; `got` at most a length and 64 KiB, and only what has come.
    Tcp {
        stream: TcpStream,
        unsent: Vec<u8>,
        got: Vec<u8>,
    },
}

impl Socket {
    /// Opens, connects and registers a socket; the question is sent, or will be once a TCP connection stands.
    pub(super) fn open(question: &Question, number: usize, registry: &Registry) -> io::Result<Socket> {
        let token = Source::Resolver(number).token();
        let transport = if question.tcp {
            let mut stream = TcpStream::connect(question.server)?;
            registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
            let length = u16::try_from(question.message.len()).map_err(io::Error::other)?;
            Transport::Tcp {
                stream,
                unsent: [&length.to_be_bytes(), &*question.message].concat(),
                got: Vec::new(),
            }
        } else {
            let any: SocketAddr = match question.server {
                SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
                SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
            };
            let mut socket = UdpSocket::bind(any)?;
            socket.connect(question.server)?;
            registry.register(&mut socket, token, Interest::READABLE)?;
            socket.send(&question.message)?;
            Transport::Udp(socket)
        };
        Ok(Socket { number, transport })
    }

    /// The next message that has come; `None`: none yet. A new event tells when to ask again.
    pub(super) fn receive<'a>(
        &'a mut self,
        scratch: &'a mut [u8; LARGEST_DATAGRAM],
    ) -> io::Result<Option<&'a [u8]>> {
        match &mut self.transport {
            Transport::Udp(socket) => {
                let Some(length) = unless_blocked(|| socket.recv(scratch))? else { return Ok(None) };
                Ok(scratch.get(..length))
            }
            Transport::Tcp { stream, unsent, got } => {
                if !flush(stream, unsent)? {
                    return Ok(None);
                }
                fill(stream, got, scratch)?;
                Ok(whole(got))
            }
        }
    }

    /// Takes it out of the loop; dropping it closes it.
    pub(super) fn close(mut self, registry: &Registry) {
        // Closing alone would do on Linux: an error leaves nothing behind.
        let _ = match &mut self.transport {
            Transport::Udp(socket) => registry.deregister(socket),
            Transport::Tcp { stream, .. } => registry.deregister(stream),
        };
    }
}

/// What an error of a socket says about the server.
pub(super) fn failure(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::AddrNotAvailable
        | ErrorKind::PermissionDenied => Failure::NoServer,
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => {
            Failure::ServerFailure
        }
        ErrorKind::TimedOut => Failure::Timeout,
        _ => Failure::NoSocket,
    }
}

fn unless_blocked<T>(mut operation: impl FnMut() -> io::Result<T>) -> io::Result<Option<T>> {
    loop {
        return match operation() {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(error),
        };
    }
}

/// True when all is sent.
fn flush(stream: &mut TcpStream, unsent: &mut Vec<u8>) -> io::Result<bool> {
    while !unsent.is_empty() {
        match unless_blocked(|| stream.write(unsent)) {
            Ok(Some(written)) => drop(unsent.drain(..written.min(unsent.len()))),
            Ok(None) => return Ok(false),
            // Not connected yet.
            Err(error) if error.kind() == ErrorKind::NotConnected => return Ok(false),
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

/// Reads until one message is whole or no more is there.
fn fill(stream: &mut TcpStream, got: &mut Vec<u8>, scratch: &mut [u8]) -> io::Result<()> {
    while whole(got).is_none() {
        match unless_blocked(|| stream.read(scratch))? {
            None => break,
            Some(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Some(length) => got.extend(scratch.iter().take(length)),
        }
    }
    Ok(())
}

/// The first message in `got`, if all of it is there.
fn whole(got: &[u8]) -> Option<&[u8]> {
    let (length, rest) = got.split_first_chunk()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}
