//! A set of backends and their clients against a fake clock: each client sends its next request when it has the
//! answer to the last, and tries another backend when a connection is refused.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::net::SocketAddr;
use std::time::Duration;

use wayside::balance::{Balancer, EndpointKey, Outcome, Settings, Ticket};
use wayside::base::random::Rng;
use wayside::base::time::Moment;

/// How a backend takes requests. All times are in microseconds.
#[derive(Debug, Clone)]
pub(crate) struct Backend {
    /// What a request takes.
    pub(crate) service: u64,
    pub(crate) weight: u32,
    /// Whether requests wait for each other, as they do for one processor.
    pub(crate) queues: bool,
    /// The service time is the mean of an exponential distribution.
    pub(crate) random: bool,
    /// The spans in which it refuses connections.
    pub(crate) down: Vec<(u64, u64)>,
    /// From then on it takes requests and answers none.
    pub(crate) silent_from: u64,
    /// When the last of those that wait is done.
    busy_until: u64,
    /// Requests it took, and connections it refused.
    pub(crate) taken: u64,
    pub(crate) refused: Vec<u64>,
    /// When it took the first after it refused one.
    pub(crate) back: Option<u64>,
}

impl Backend {
    pub(crate) fn new(service: u64) -> Backend {
        Backend {
            service,
            weight: 1,
            queues: false,
            random: false,
            down: Vec::new(),
            silent_from: u64::MAX,
            busy_until: 0,
            taken: 0,
            refused: Vec::new(),
            back: None,
        }
    }

    /// When it answers a request that comes now; none if it refuses.
    fn take(&mut self, now: u64, rng: &mut Rng) -> Option<u64> {
        if self.down.iter().any(|(from, to)| (*from..*to).contains(&now)) {
            self.refused.push(now);
            return None;
        }
        self.taken += 1;
        if !self.refused.is_empty() {
            self.back.get_or_insert(now);
        }
        if now >= self.silent_from {
            return Some(u64::MAX);
        }
        let factor = if self.random { -(1.0 - rng.fraction()).ln() } else { 1.0 };
        let service = (self.service as f64 * factor) as u64;
        let begins = if self.queues { self.busy_until.max(now) } else { now };
        self.busy_until = begins + service;
        Some(begins + service)
    }
}

/// What a client waits for.
struct Waiting {
    ticket: Ticket,
    sent: u64,
    answers: u64,
    backend: usize,
}

pub(crate) struct Sim {
    pub(crate) backends: Vec<Backend>,
    pub(crate) balancer: Balancer,
    pub(crate) now: u64,
    pub(crate) sent: u64,
    /// Requests that no backend took.
    pub(crate) unserved: u64,
    clients: Vec<Option<Waiting>>,
    /// What a client waits between an answer and its next request.
    pub(crate) pause: u64,
    /// Every so often no answer passes for so long: all that are due meanwhile come at its end.
    pub(crate) stall: Option<(u64, u64)>,
    /// The same for one backend's answers.
    pub(crate) hiccup: Option<(usize, u64, u64)>,
    due: BinaryHeap<Reverse<(u64, usize)>>,
    rng: Rng,
}

pub(crate) fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 1000 + index as u16))
}

/// The end of the stall that `at` falls into; `at` if it falls into none. A stall ends each `period`.
fn past(at: u64, period: u64, length: u64) -> u64 {
    if at == u64::MAX {
        at
    } else if at % period >= period - length {
        at - at % period + period
    } else {
        at
    }
}

impl Sim {
    pub(crate) fn new(backends: Vec<Backend>, clients: usize, seed: u64) -> Sim {
        let mut balancer = Balancer::new(Settings::default());
        let endpoints = backends.iter().enumerate().map(|(index, it)| (address(index), it.weight));
        assert_eq!(balancer.update(endpoints, Moment::default()), 0);
        Sim {
            backends,
            balancer,
            now: 0,
            sent: 0,
            unserved: 0,
            clients: (0..clients).map(|_| None).collect(),
            pause: 0,
            stall: None,
            hiccup: None,
            due: (0..clients).map(|client| Reverse((0, client))).collect(),
            rng: Rng::new(seed),
        }
    }

    pub(crate) fn run_until(&mut self, micros: u64) {
        while let Some(Reverse((at, client))) = self.due.peek().copied().filter(|next| next.0.0 < micros) {
            self.due.pop();
            self.now = at;
            match self.clients[client].take() {
                Some(waiting) => {
                    let rtt = Duration::from_micros(waiting.answers - waiting.sent);
                    self.end(waiting.ticket, Outcome::Answered(rtt));
                    self.due.push(Reverse((at + self.pause, client)));
                }
                None => self.send(client),
            }
        }
        self.now = micros;
    }

    /// Runs until so many requests were sent.
    pub(crate) fn run_requests(&mut self, requests: u64) {
        while self.sent < requests {
            let Some(Reverse((at, _))) = self.due.peek() else { panic!("no client") };
            self.run_until(at + 1);
        }
    }

    fn send(&mut self, client: usize) {
        self.sent += 1;
        let mut tried: Vec<EndpointKey> = Vec::new();
        let now = Moment::from_micros(self.now);
        while let Some(ticket) = self.balancer.pick(now, &mut self.rng, &tried) {
            let key = ticket.endpoint();
            let port = self.balancer.address(key).expect("it was just picked").port();
            let backend = usize::from(port) - 1000;
            match self.backends[backend].take(self.now, &mut self.rng) {
                Some(answers) => {
                    // Nothing takes no time at all, or none would pass.
                    let answers = self.delayed(answers, backend).max(self.now + 1);
                    self.clients[client] = Some(Waiting { ticket, sent: self.now, answers, backend });
                    self.due.push(Reverse((answers, client)));
                    return;
                }
                None => {
                    tried.push(key);
                    self.end(ticket, Outcome::Refused);
                }
            }
        }
        self.unserved += 1;
        self.due.push(Reverse((self.now + 1000, client)));
    }

    fn delayed(&self, at: u64, backend: usize) -> u64 {
        let at = self.stall.map_or(at, |(period, length)| past(at, period, length));
        match self.hiccup {
            Some((which, period, length)) if which == backend => past(at, period, length),
            _ => at,
        }
    }

    fn end(&mut self, ticket: Ticket, outcome: Outcome) {
        self.balancer.end(ticket, outcome, Moment::from_micros(self.now), &mut self.rng);
    }

    /// How many clients wait for a backend.
    pub(crate) fn waiting_for(&self, backend: usize) -> usize {
        self.clients.iter().flatten().filter(|waiting| waiting.backend == backend).count()
    }

    /// The part of all requests that a backend took.
    pub(crate) fn share(&self, backend: usize) -> f64 {
        let taken: u64 = self.backends.iter().map(|backend| backend.taken).sum();
        self.backends[backend].taken as f64 / taken as f64
    }
}
