//! The connections that wait at a listening socket: epoll says when there are more, and the kernel how many.

use crate::sys::socket;
use mio::Registry;
use mio::net::{TcpListener, TcpStream};
use std::io;
use std::net::SocketAddr;

/// A listening socket, until it is closed.
#[derive(Debug)]
pub(super) struct Queue {
    socket: Option<TcpListener>,
    /// There may be connections to accept.
    readable: bool,
    /// How many there are, as far as was asked since epoll last told of some.
    waiting: usize,
}

impl Queue {
    /// Of a socket that is registered with epoll.
    pub(super) fn new(socket: TcpListener) -> Queue {
        Queue { socket: Some(socket), readable: false, waiting: 0 }
    }

    /// epoll says that there are connections to accept.
    pub(super) fn mark(&mut self) {
        self.readable = self.is_open();
        // They come on top of those that were known of.
        self.waiting = 0;
    }

    /// Whether there may be connections to accept.
    pub(super) fn is_readable(&self) -> bool {
        self.readable
    }

    /// Whether it still listens.
    pub(super) fn is_open(&self) -> bool {
        self.socket.is_some()
    }

    /// Stops listening. What the kernel has queued is reset, unless another process has the same socket.
    pub(super) fn close(&mut self, registry: &Registry) {
        if let Some(mut socket) = self.socket.take() {
            // Where another process has it too, closing it here does not take it out of our epoll.
            let _ = registry.deregister(&mut socket);
        }
        self.readable = false;
    }

    /// The next connection; `None` when there are no more for now. After as many as the kernel has counted no more is tried:
    /// what came later makes an event of its own.
    pub(super) fn accept(&mut self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        let Some(socket) = &self.socket else { return Ok(None) };
        if self.waiting == 0 {
            let told = socket::waiting(socket);
            if told == Some(0) {
                self.readable = false;
                return Ok(None);
            }
            self.waiting = told.unwrap_or_default();
        }
        let is_last = self.waiting == 1;
        let accepted = socket.accept();
        self.waiting = if accepted.is_ok() { self.waiting.saturating_sub(1) } else { 0 };
        match accepted {
            Ok((stream, peer)) => {
                self.readable = !is_last;
                Ok(Some((stream, socket::canonical(peer))))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpStream as Client;
    use std::time::{Duration, Instant};

    fn queue() -> (Queue, SocketAddr) {
        let socket = socket::listen("127.0.0.1:0".parse().expect("an address")).expect("a listener");
        let addr = socket.local_addr().expect("its address");
        (Queue::new(socket), addr)
    }

    /// Connects so many, and waits until `before` and they are in the queue.
    fn connect(queue: &Queue, addr: SocketAddr, before: usize, count: usize) -> Vec<Client> {
        let clients = (0..count).map(|_| Client::connect(addr).expect("connects")).collect();
        let socket = queue.socket.as_ref().expect("it listens");
        let began = Instant::now();
        while socket::waiting(socket) != Some(before + count) {
            assert!(began.elapsed() < Duration::from_secs(5), "{:?}", socket::waiting(socket));
        }
        clients
    }

    fn take(queue: &mut Queue, most: usize) -> usize {
        (0..most).take_while(|_| queue.is_readable() && queue.accept().expect("no error").is_some()).count()
    }

    #[test]
    fn all_that_wait_are_taken_and_no_more_is_tried() {
        let (mut queue, addr) = queue();
        let _clients = connect(&queue, addr, 0, 3);
        queue.mark();
        assert_eq!(take(&mut queue, 3), 3);
        assert!(!queue.is_readable());
    }

    #[test]
    fn those_that_come_while_others_are_left_are_taken_too() {
        let (mut queue, addr) = queue();
        let _first = connect(&queue, addr, 0, 3);
        queue.mark();
        assert_eq!(take(&mut queue, 2), 2);
        assert!(queue.is_readable());
        let _later = connect(&queue, addr, 1, 2);
        queue.mark();
        assert_eq!(take(&mut queue, usize::MAX), 3);
        assert!(!queue.is_readable());
    }

    #[test]
    fn an_event_of_which_nothing_is_left_is_over() {
        let (mut queue, _) = queue();
        queue.mark();
        assert_eq!(take(&mut queue, 1), 0);
        assert!(!queue.is_readable());
    }
}
