//! The servers behind the proxies: one loop, a listener for each kind.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use mio::net::TcpListener;
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};

use super::Failure;
use super::served::{Connection, Kind, Shared, Turn};

/// Serves until stdin ends: whoever started it is gone then.
///
/// # Errors
/// A port is taken, or epoll broken.
pub(crate) fn run(listeners: &[&str]) -> Result<(), Failure> {
    let mut server = Server::new()?;
    for listener in listeners {
        let (kind, port) = listener.split_once('=').ok_or("a listener is KIND=PORT")?;
        let kind = Kind::of(kind).ok_or_else(|| format!("{kind}: no such kind"))?;
        server.listen(kind, SocketAddr::from((Ipv4Addr::LOCALHOST, port.parse()?)))?;
    }
    std::thread::spawn(|| {
        let mut byte = [0];
        while io::stdin().read(&mut byte).is_ok_and(|count| count > 0) {}
        std::process::exit(0);
    });
    println!("ready");
    server.serve()
}

struct Server {
    poll: Poll,
    listeners: Vec<(TcpListener, Kind)>,
    connections: HashMap<usize, Connection>,
    next: usize,
    /// Those that had more to do than one turn.
    again: Vec<usize>,
    shared: Shared,
}

impl Server {
    fn new() -> io::Result<Self> {
        Ok(Server {
            poll: Poll::new()?,
            listeners: Vec::new(),
            connections: HashMap::new(),
            next: 1000,
            again: Vec::new(),
            shared: Shared::new(),
        })
    }

    fn listen(&mut self, kind: Kind, at: SocketAddr) -> io::Result<()> {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        socket.set_reuse_address(true)?;
        socket.bind(&at.into())?;
        // All connections of a load come at once; the 128 of std would have some begin again after a second.
        socket.listen(4096)?;
        socket.set_nonblocking(true)?;
        let mut listener = TcpListener::from_std(socket.into());
        self.poll.registry().register(&mut listener, Token(self.listeners.len()), Interest::READABLE)?;
        self.listeners.push((listener, kind));
        Ok(())
    }

    fn serve(&mut self) -> Result<(), Failure> {
        let mut events = Events::with_capacity(1024);
        loop {
            let wait = if self.again.is_empty() { None } else { Some(Duration::ZERO) };
            self.poll.poll(&mut events, wait)?;
            for event in &events {
                let at = event.token().0;
                if at < self.listeners.len() {
                    self.accept(at)?;
                } else {
                    self.turn(at, event.is_read_closed());
                }
            }
            for at in std::mem::take(&mut self.again) {
                self.turn(at, false);
            }
        }
    }

    fn accept(&mut self, listener: usize) -> io::Result<()> {
        while let Some((socket, kind)) = self.listeners.get(listener) {
            let mut stream = match socket.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // Gone before it was accepted.
                Err(error) if error.kind() == ErrorKind::ConnectionAborted => continue,
                Err(error) => return Err(error),
            };
            stream.set_nodelay(true)?;
            let at = self.next;
            self.next += 1;
            self.poll.registry().register(&mut stream, Token(at), Interest::READABLE | Interest::WRITABLE)?;
            self.shared.accepted += u64::from(*kind == Kind::Http);
            self.connections.insert(at, Connection::new(stream, *kind));
        }
        Ok(())
    }

    fn turn(&mut self, at: usize, is_ending: bool) {
        let Some(connection) = self.connections.get_mut(&at) else { return };
        match connection.turn(&mut self.shared, is_ending) {
            Ok(Turn::Waits) => {}
            Ok(Turn::Again) => self.again.push(at),
            Ok(Turn::Ended) | Err(_) => {
                self.connections.remove(&at);
            }
        }
    }
}
