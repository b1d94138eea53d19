//! The admin server: `/metrics`, `/ready`, `/live`, `/connections`, `/backends` and `/server-first` over HTTP/1, in the
//! loop that carries the traffic.
//!
//! It must never be in the way of that traffic. So an event only marks a client, and [`Admin::serve`] does a bounded
//! amount of work for the marked ones; answers are made in slices and only as fast as the client takes them;
//! and everything a client can hold is limited:
//!
//! | bound | what happens at it |
//! |---|---|
//! | 32 clients | the one that has been idle longest is closed, or one that took nothing of its answer for a second; failing both the new one is |
//! | request head 8 KiB, 64 fields | 431, close |
//! | 10 s for a request head, 120 s between requests | close |
//! | 30 s without progress of an answer | close |
//! | 64 KiB of answer waiting for a client | no more is made until it reads |
//! | 2 compressors (300 KB each) | further answers are not compressed |
//! | 16 KiB rendered in a turn | the loop comes round before more is |
//!
//! There is no access control but the address it listens on.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::rc::Rc;
use std::time::{Duration, Instant};

use mio::event::Event;
use mio::net::{TcpListener, TcpStream};
use mio::{Interest, Registry, Token};
use slab::Slab;

use crate::base::token::Source;
use crate::metrics::{Counter, Metrics};
use crate::sys::process;

mod answer;
mod client;
mod list;
mod request;
#[cfg(test)]
mod tests;

use client::{Client, Step};
pub use list::{List, push_escaped};

/// The most clients at once.
const MAX_CLIENTS: usize = 32;
/// The most answers being compressed at once.
const MAX_GZIP: usize = 2;
/// What one call of [`Admin::serve`] may render, in bytes before compression.
const TURN_BYTES: usize = 16 * 1024;
/// How many clients one call of [`Admin::serve`] takes from each listener.
const ACCEPTS: usize = 8;
/// After an error accepting is tried again after this.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A client that took nothing of its answer for this long may be closed for a new one.
const PATIENCE: Duration = Duration::from_secs(1);

/// What the admin server tells about.
pub trait Subject {
    /// Whether new connections are welcome; false while draining.
    fn ready(&self) -> bool;
    /// Brings the counters up to date, before a scrape.
    fn refresh(&mut self);
    /// What is counted.
    fn metrics(&self) -> &Metrics;
    /// Counts something of the admin server's own.
    fn count(&mut self, counter: Counter);
    /// The first live connection at or after `from_slot`, and its slot.
    fn connection(&self, from_slot: usize) -> Option<(usize, Connection)>;
    /// The first address of a backend set at or after this place, and its place.
    fn endpoint(&self, from: usize) -> Option<(usize, Endpoint)>;
    /// The target at this place among those whose server spoke before the client.
    fn server_first(&self, place: usize) -> Option<SocketAddr>;
    /// Where a page is made, if not from the answers above. `ticket` is `None` when a client asks first, and then what
    /// was left in it.
    fn elsewhere(&mut self, _report: Report, _ticket: &mut Option<u64>) -> Made {
        Made::Here
    }
}

/// A page that may be made elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// `/metrics`.
    Metrics,
    /// A list.
    List(List),
}

/// What [`Subject::elsewhere`] says.
#[derive(Debug, Clone)]
pub enum Made {
    /// It is made here.
    Here,
    /// Not yet; [`Admin::wake`] when it is there.
    Later,
    /// This is the whole page.
    Text(Rc<[u8]>),
}

/// An address of a backend set, for `/backends`.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// The set.
    pub backend: String,
    /// The address.
    pub address: SocketAddr,
    /// `ready`, `aside`, or `unused` where its weight is 0.
    pub state: &'static str,
    /// Its part of its set's weights: a server of weight 1 with one address has 1024.
    pub weight: u32,
    /// Answers that it owes.
    pub pending: u32,
    /// Requests that failed in a row.
    pub failures: u32,
    /// Why it is set aside.
    pub cause: Option<&'static str>,
    /// How long it still is.
    pub until: Duration,
    /// How long it takes to answer, or to connect; none before it did.
    pub rtt: Option<Duration>,
}

/// A live connection, for `/connections`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connection {
    /// Its number in the logs.
    pub id: u64,
    /// `inbound` or `outbound`.
    pub direction: &'static str,
    /// The client.
    pub source: SocketAddr,
    /// Where it goes.
    pub target: String,
    /// What it was found to be; empty while undecided.
    pub protocol: &'static str,
    /// Who decided; empty while undecided.
    pub decided_by: &'static str,
    /// From the client to the server.
    pub bytes_in: u64,
    /// From the server to the client.
    pub bytes_out: u64,
    /// Since it was accepted.
    pub age: Duration,
    /// What it is doing.
    pub state: &'static str,
}

#[derive(Debug)]
struct Listener {
    socket: TcpListener,
    ready: bool,
    paused_until: Option<Instant>,
}

/// The admin server.
#[derive(Debug)]
pub struct Admin {
    listeners: Vec<Listener>,
    clients: Slab<Client>,
    generation: u32,
    /// Slots of clients that have something to do, each once.
    queue: VecDeque<usize>,
    /// Lent to whoever has its step; empty while nothing goes on.
    spare: Vec<u8>,
    /// When the counters were last brought up to date.
    refreshed: Option<Instant>,
    lost_supervisor: bool,
}

/// What is left of a turn, and what may be borrowed for it.
struct Turn<'a> {
    budget: usize,
    /// A compressor may be had.
    gzip: bool,
    spare: &'a mut Vec<u8>,
    refreshed: &'a mut Option<Instant>,
}

impl Turn<'_> {
    fn spend(&mut self, bytes: usize) {
        self.budget = self.budget.saturating_sub(bytes);
    }

    /// Once a turn of the loop is enough, however many ask.
    fn refresh(&mut self, now: Instant, subject: &mut dyn Subject) {
        if *self.refreshed != Some(now) {
            subject.refresh();
            *self.refreshed = Some(now);
        }
    }
}

/// The number behind [`Source::Admin`]: even for a listener, odd for a client.
fn client_number(slot: usize, generation: u32) -> usize {
    ((generation as usize) << 8 | slot) << 1 | 1
}

fn token_of(number: usize) -> Token {
    Source::Admin(number).token()
}

impl Admin {
    /// Serves what comes to `listeners`.
    pub fn new(listeners: Vec<TcpListener>, registry: &Registry) -> io::Result<Admin> {
        let mut ready = Vec::with_capacity(listeners.len());
        for (index, mut socket) in listeners.into_iter().enumerate() {
            registry.register(&mut socket, token_of(index << 1), Interest::READABLE)?;
            ready.push(Listener { socket, ready: true, paused_until: None });
        }
        Ok(Admin {
            listeners: ready,
            clients: Slab::new(),
            generation: 0,
            queue: VecDeque::new(),
            spare: Vec::new(),
            refreshed: None,
            lost_supervisor: false,
        })
    }

    /// An event of [`Source::Admin`] with this number: marks, and does nothing else.
    pub fn ready(&mut self, number: usize, event: &Event, _registry: &Registry, _now: Instant) {
        let (rest, is_client) = (number >> 1, number & 1 == 1);
        if !is_client {
            if let Some(listener) = self.listeners.get_mut(rest) {
                listener.ready = true;
            }
            return;
        }
        let (slot, generation) = (rest & 0xff, (rest >> 8) as u32);
        if let Some(client) = self.clients.get_mut(slot).filter(|it| it.generation == generation) {
            client.mark(event);
            self.enqueue(slot);
        }
    }

    fn enqueue(&mut self, slot: usize) {
        if let Some(client) = self.clients.get_mut(slot).filter(|it| !it.queued) {
            client.queued = true;
            self.queue.push_back(slot);
        }
    }

    /// One bounded turn for whatever is marked. True: there is more to do now.
    pub fn serve(&mut self, registry: &Registry, now: Instant, subject: &mut dyn Subject) -> bool {
        for index in 0..self.listeners.len() {
            self.accept(index, registry, now, subject);
        }
        let mut budget = TURN_BYTES;
        while budget > 0 {
            let Some(slot) = self.queue.pop_front() else { break };
            let gzip = self.clients.iter().filter(|(_, it)| it.compresses()).count() < MAX_GZIP;
            let Some(client) = self.clients.get_mut(slot) else { continue };
            client.queued = false;
            let (spare, refreshed) = (&mut self.spare, &mut self.refreshed);
            let mut turn = Turn { budget, gzip, spare, refreshed };
            let step = client.step(now, subject, &mut turn);
            budget = turn.budget;
            match step {
                Step::Again => self.enqueue(slot),
                Step::Wait => {}
                Step::Close => self.remove(slot),
            }
        }
        if self.queue.is_empty() {
            self.spare = Vec::new();
        }
        self.has_work()
    }

    fn has_work(&self) -> bool {
        !self.queue.is_empty() || self.listeners.iter().any(|it| it.ready && it.paused_until.is_none())
    }

    fn accept(&mut self, index: usize, registry: &Registry, now: Instant, subject: &mut dyn Subject) {
        for _ in 0..ACCEPTS {
            let Some(listener) = self.listeners.get_mut(index) else { return };
            if !listener.ready || listener.paused_until.is_some() {
                return;
            }
            match listener.socket.accept() {
                Ok((stream, _)) => self.admit(stream, registry, now, subject),
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock => listener.ready = false,
                    ErrorKind::Interrupted | ErrorKind::ConnectionAborted => {}
                    _ => {
                        listener.paused_until = Some(now + ACCEPT_PAUSE);
                        let lack = process::lacks_descriptors(&error);
                        subject.count(if lack { Counter::AcceptPausedFds } else { Counter::AcceptErrors });
                    }
                },
            }
        }
    }

    fn admit(&mut self, stream: TcpStream, registry: &Registry, now: Instant, subject: &mut dyn Subject) {
        if self.clients.len() >= MAX_CLIENTS {
            subject.count(Counter::AdminRefused);
            match self.dispensable(now) {
                Some(slot) => self.remove(slot),
                None => return,
            }
        }
        self.generation = self.generation.wrapping_add(1);
        let slot = self.clients.insert(Client::new(stream, self.generation, now));
        let token = token_of(client_number(slot, self.generation));
        let registered = self
            .clients
            .get_mut(slot)
            .map(|client| registry.register(client.stream(), token, Interest::READABLE | Interest::WRITABLE));
        match registered {
            Some(Ok(())) => self.enqueue(slot),
            _ => self.remove(slot),
        }
    }

    /// Serves the process that started this one: it is not closed for another client, nor for being idle.
    pub fn serve_supervisor(
        &mut self,
        control: UnixStream,
        registry: &Registry,
        now: Instant,
    ) -> io::Result<()> {
        control.set_nonblocking(true)?;
        // To read and to write it is a stream like any other.
        let stream = std::net::TcpStream::from(OwnedFd::from(control));
        let mut client = Client::new(TcpStream::from_std(stream), 0, now);
        client.is_supervisor = true;
        let slot = self.clients.insert(client);
        let Some(client) = self.clients.get_mut(slot) else { return Ok(()) };
        let interests = Interest::READABLE | Interest::WRITABLE;
        registry.register(client.stream(), token_of(client_number(slot, 0)), interests)?;
        self.enqueue(slot);
        Ok(())
    }

    /// Whether there was a supervisor, which is gone.
    pub fn lost_supervisor(&self) -> bool {
        self.lost_supervisor
    }

    /// Pages that were made elsewhere are there: whoever waits for one asks again.
    pub fn wake(&mut self) {
        let waiting = self.clients.iter().filter(|(_, it)| it.is_waiting());
        for slot in waiting.map(|(slot, _)| slot).collect::<Vec<_>>() {
            self.enqueue(slot);
        }
    }

    /// The client to close for a new one.
    fn dispensable(&self, now: Instant) -> Option<usize> {
        let others = self.clients.iter().filter(|(_, it)| !it.is_supervisor);
        let (slot, client) = others.min_by_key(|(_, it)| (!it.is_idle(), it.since()))?;
        (client.is_idle() || client.since() + PATIENCE <= now).then_some(slot)
    }

    /// Closing the socket takes it out of the poll, too.
    fn remove(&mut self, slot: usize) {
        let client = self.clients.try_remove(slot);
        self.lost_supervisor |= client.is_some_and(|client| client.is_supervisor);
        self.queue.retain(|queued| *queued != slot);
    }

    /// When [`Admin::expire`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let clients = self.clients.iter().filter_map(|(_, client)| client.deadline());
        clients.chain(self.listeners.iter().filter_map(|it| it.paused_until)).min()
    }

    /// Closes the clients whose time is over; lets listeners try again (call [`Admin::serve`] after it).
    pub fn expire(&mut self, now: Instant) {
        while let Some((slot, _)) =
            self.clients.iter().find(|(_, it)| it.deadline().is_some_and(|at| at <= now))
        {
            self.remove(slot);
        }
        for listener in &mut self.listeners {
            listener.paused_until = listener.paused_until.filter(|until| *until > now);
        }
    }

    /// No answer is being made or sent: ending now would cut none off.
    pub fn is_idle(&self) -> bool {
        self.clients.iter().all(|(_, client)| client.is_idle())
    }
}
