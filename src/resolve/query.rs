//! One name, one family: which server is asked when, and what came of it. Sans-IO: bytes and time are arguments.

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::message::{self, Family, MOST_ALIASES, Refusal, Reply};
use super::name::Name;

/// Foreign replies over UDP that one question endures; then it is asked over TCP, where nobody can slip one in.
pub(super) const MOST_FOREIGN: u32 = 32;

/// How to ask; the same for every question of a lookup.
#[derive(Debug)]
pub(super) struct Plan {
    /// At least one.
    pub(super) servers: Vec<SocketAddr>,
    pub(super) timeout: Duration,
    pub(super) attempts: u32,
    /// TCP from the start.
    pub(super) tcp: bool,
    /// No questions for IPv6 addresses.
    pub(super) no_aaaa: bool,
    /// Where message ids come from.
    pub(super) id: fn() -> u16,
}

/// Something to be sent, on a new socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) server: SocketAddr,
    pub(super) tcp: bool,
    pub(super) message: Vec<u8>,
}

/// How it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// The addresses, and for how many seconds they hold.
    Found { addresses: Vec<IpAddr>, ttl: u32 },
    /// `NoSuchName` and `NoAddress` with the seconds that the server gives them; else anything that went wrong.
    Failed { failure: Failure, ttl: Option<u32> },
}

/// What became of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// The reply to our question: it moved things on.
    Taken,
    /// Not for us.
    Foreign,
}

/// Counts for the operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) queries: u64,
    pub(super) over_tcp: u64,
    pub(super) foreign: u64,
    pub(super) timeouts: u64,
}

/// A question on its way.
#[derive(Debug)]
pub(super) struct Query {
    pub(super) family: Family,
    plan: Rc<Plan>,
    name: Name,
    hops: usize,
    ttl: u32,
    /// The server that is asked first.
    first: usize,
    /// Questions answered by silence, a refusal or nonsense; it says who is asked now.
    tries: usize,
    /// Servers that answered and do not help; a second question would bring the same.
    useless: u8,
    worst: Failure,
    tcp: bool,
    edns: bool,
    foreign: u32,
    id: u16,
    deadline: Instant,
    unsent: bool,
    outcome: Option<Outcome>,
    pub(super) tally: Tally,
    /// Servers that let a time-out pass.
    pub(super) silent: u8,
}

impl Query {
    /// Asks for `name`, the server at place `first` of the plan's at first.
    pub(super) fn new(family: Family, name: Name, plan: &Rc<Plan>, first: usize, now: Instant) -> Query {
        let mut query = Query {
            family,
            plan: Rc::clone(plan),
            name,
            hops: 0,
            ttl: u32::MAX,
            first,
            tries: 0,
            useless: 0,
            worst: Failure::NoSocket,
            tcp: plan.tcp,
            edns: true,
            foreign: 0,
            id: 0,
            deadline: now,
            unsent: false,
            outcome: None,
            tally: Tally::default(),
            silent: 0,
        };
        query.ask(now);
        query
    }

    /// What is to be sent, once. The socket of an earlier one is of no use any more.
    pub(super) fn next_question(&mut self) -> Option<Question> {
        if !std::mem::take(&mut self.unsent) {
            return None;
        }
        self.tally.queries += 1;
        self.tally.over_tcp += u64::from(self.tcp);
        let message = message::question(self.id, &self.name, self.family, self.edns);
        Some(Question { server: *self.plan.servers.get(self.server())?, tcp: self.tcp, message })
    }

    /// `bytes` came from the server that was asked.
    pub(super) fn heard(&mut self, bytes: &[u8], now: Instant) -> Heard {
        if !self.listens() {
            return Heard::Foreign;
        }
        match message::read(bytes, self.id, &self.name, self.family, self.tcp) {
            Reply::NotOurs => {
                self.foreign_reply(now);
                return Heard::Foreign;
            }
            Reply::Truncated => {
                self.tcp = true;
                self.ask(now);
            }
            Reply::Refused(Refusal::Misunderstood) if self.edns => {
                self.edns = false;
                self.ask(now);
            }
            Reply::Refused(_) | Reply::Broken => {
                self.useless |= bit(self.server());
                self.next_server(Failure::ServerFailure, now);
            }
            Reply::NoSuchName { ttl } => self.failed(Failure::NoSuchName, ttl),
            Reply::NoData { ttl } => self.failed(Failure::NoAddress, ttl),
            Reply::TooManyAliases => self.failed(Failure::TooManyAliases, None),
            Reply::Addresses { addresses, ttl } => {
                self.outcome = Some(Outcome::Found { addresses, ttl: ttl.min(self.ttl) });
            }
            Reply::Alias { to, hops, ttl } => self.follow(to, hops, ttl, now),
        }
        Heard::Taken
    }

    /// The socket is of no use: refused, no route, closed, or never opened.
    pub(super) fn lost(&mut self, why: Failure, now: Instant) {
        if self.listens() {
            self.next_server(why, now);
        }
    }

    /// Whether a question is out.
    pub(super) fn listens(&self) -> bool {
        self.outcome.is_none() && !self.unsent
    }

    /// Time passed.
    pub(super) fn expire(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.tally.timeouts += 1;
            self.silent |= bit(self.server());
            self.next_server(Failure::Timeout, now);
        }
    }

    /// It stood still for so long, and what was asked is asked anew: of the next server, as it may be this one that is
    /// slow. Who kept silent meanwhile is not blamed for it.
    pub(super) fn resume(&mut self, paused: Duration) {
        if self.outcome.is_some() {
            return;
        }
        for _ in 0..self.plan.servers.len() {
            self.first += 1;
            if self.useless & bit(self.server()) == 0 {
                break;
            }
        }
        self.deadline += paused;
        (self.id, self.foreign, self.unsent) = ((self.plan.id)(), 0, true);
    }

    /// When [`Query::expire`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.outcome.is_none().then_some(self.deadline)
    }

    /// Ends it where it stands.
    pub(super) fn give_up(&mut self) {
        if self.outcome.is_none() {
            self.failed(self.worst.max(Failure::Timeout), None);
        }
    }

    /// How it ended, once it did.
    pub(super) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    /// The place of the server that is asked, or was last.
    pub(super) fn server(&self) -> usize {
        (self.first + self.tries) % self.plan.servers.len().max(1)
    }

    fn ask(&mut self, now: Instant) {
        (self.id, self.foreign, self.unsent) = ((self.plan.id)(), 0, true);
        self.deadline = now + self.plan.timeout;
    }

    fn next_server(&mut self, why: Failure, now: Instant) {
        self.worst = self.worst.max(why);
        let most = self.plan.servers.len().saturating_mul(self.plan.attempts as usize);
        self.tries += 1;
        while self.tries < most && self.useless & bit(self.server()) != 0 {
            self.tries += 1;
        }
        if self.tries < most {
            (self.tcp, self.edns) = (self.plan.tcp, true);
            self.ask(now);
        } else {
            self.failed(self.worst, None);
        }
    }

    fn foreign_reply(&mut self, now: Instant) {
        (self.tally.foreign, self.foreign) = (self.tally.foreign + 1, self.foreign + 1);
        if self.tcp {
            self.next_server(Failure::ServerFailure, now);
        } else if self.foreign >= MOST_FOREIGN {
            self.tcp = true;
            self.ask(now);
        }
    }

    /// The server left the alias's address out: ask for it, beginning with that server.
    fn follow(&mut self, to: Name, hops: usize, ttl: u32, now: Instant) {
        (self.hops, self.ttl, self.name) = (self.hops + hops, self.ttl.min(ttl), to);
        if self.hops > MOST_ALIASES {
            return self.failed(Failure::TooManyAliases, None);
        }
        (self.first, self.tries, self.useless) = (self.server(), 0, 0);
        self.tcp = self.plan.tcp;
        self.ask(now);
    }

    fn failed(&mut self, failure: Failure, ttl: Option<u32>) {
        self.outcome = Some(Outcome::Failed { failure, ttl });
        self.unsent = false;
    }
}

/// The servers are at most three; a set of them is a byte.
fn bit(server: usize) -> u8 {
    1_u8.checked_shl(server as u32).unwrap_or(0)
}

#[cfg(test)]
pub(super) mod tests;
