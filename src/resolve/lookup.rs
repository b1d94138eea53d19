//! One host name, both families, along the search list. Sans-IO: bytes and time are arguments.

use std::net::IpAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::message::Family;
use super::name::Name;
use super::query::{Heard, Outcome, Plan, Query, Question, Tally};

/// The whole lookup, with all servers, attempts and search domains, takes no longer.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// One family has addresses: so long the other may still come and be part of the first answer.
pub(super) const GRACE: Duration = Duration::from_millis(250);

/// What a lookup found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Addresses of at least one family.
    Addresses {
        v6: Vec<IpAddr>,
        v4: Vec<IpAddr>,
        /// Seconds.
        ttl: u32,
        /// Families that failed, or are not done yet: what is known of them from before still holds.
        unknown: Vec<Family>,
    },
    /// Nothing, and for how many seconds the servers say so.
    Nothing { failure: Failure, ttl: Option<u32> },
}

/// A lookup on its way.
#[derive(Debug)]
pub(super) struct Lookup {
    plan: Rc<Plan>,
    /// Names still to be tried, the next one last.
    candidates: Vec<Name>,
    queries: Vec<Query>,
    /// The server that answered last is asked first for the next candidate.
    server: usize,
    /// The most telling failure so far: NODATA over NXDOMAIN, SERVFAIL over both (as glibc does).
    failure: Option<Failure>,
    negative_ttl: Option<u32>,
    ends: Instant,
    /// When to hand out what one family brought.
    early: Option<Instant>,
    early_done: bool,
    found: Option<Found>,
    tally: Tally,
    silent: u8,
}

impl Lookup {
    /// Begins with the first of `candidates`; without one it has failed already.
    pub(super) fn new(mut candidates: Vec<Name>, plan: Plan, now: Instant) -> Lookup {
        candidates.reverse();
        let mut lookup = Lookup {
            plan: Rc::new(plan),
            candidates,
            queries: Vec::new(),
            server: 0,
            failure: None,
            negative_ttl: None,
            ends: now + LONGEST,
            early: None,
            early_done: false,
            found: None,
            tally: Tally::default(),
            silent: 0,
        };
        if !lookup.next_candidate(now) {
            lookup.found = Some(Found::Nothing { failure: Failure::BadName, ttl: None });
        }
        lookup
    }

    /// What is to be sent for `family`, once, on a new socket.
    pub(super) fn next_question(&mut self, family: Family) -> Option<Question> {
        self.query(family)?.next_question()
    }

    /// Whether `family` waits for a reply to what was sent; where not, its socket is of no use.
    pub(super) fn listens(&self, family: Family) -> bool {
        self.queries.iter().any(|query| query.family == family && query.listens())
    }

    /// `bytes` came on the socket of `family`.
    pub(super) fn heard(&mut self, family: Family, bytes: &[u8], now: Instant) -> Heard {
        let Some(query) = self.query(family) else { return Heard::Foreign };
        let server = query.server();
        let heard = query.heard(bytes, now);
        if heard == Heard::Taken {
            self.server = server;
        }
        self.proceed(now);
        heard
    }

    /// The socket of `family` is of no use.
    pub(super) fn lost(&mut self, family: Family, why: Failure, now: Instant) {
        if let Some(query) = self.query(family) {
            query.lost(why, now);
            self.proceed(now);
        }
    }

    /// Time passed.
    pub(super) fn expire(&mut self, now: Instant) {
        let over = now >= self.ends;
        if over {
            self.candidates.clear();
        }
        for query in &mut self.queries {
            query.expire(now);
            if over {
                query.give_up();
            }
        }
        self.proceed(now);
    }

    /// It stood still for so long. What was asked then is asked anew, on new sockets.
    pub(super) fn resume(&mut self, paused: Duration, now: Instant) {
        self.queries.iter_mut().for_each(|query| query.resume(paused));
        self.expire(now);
    }

    /// When [`Lookup::expire`], and [`Lookup::early`] after it, have something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.found.is_some() {
            return None;
        }
        let early = self.early.filter(|_| !self.early_done);
        self.queries.iter().filter_map(Query::deadline).chain(early).chain([self.ends]).min()
    }

    /// The addresses of one family, once, where the other one keeps us waiting.
    pub(super) fn early(&mut self, now: Instant) -> Option<Found> {
        if self.early_done || self.found.is_some() || self.early.is_none_or(|early| now < early) {
            return None;
        }
        self.early_done = true;
        self.addresses()
    }

    /// The result, once it is there.
    pub(super) fn found(&self) -> Option<&Found> {
        self.found.as_ref()
    }

    /// What was counted, and which servers (a bit each, by their place in the plan) let a time-out pass.
    pub(super) fn record(&self) -> (Tally, u8) {
        self.queries.iter().fold((self.tally, self.silent), |(tally, silent), query| {
            let more = query.tally;
            let sum = Tally {
                queries: tally.queries + more.queries,
                over_tcp: tally.over_tcp + more.over_tcp,
                foreign: tally.foreign + more.foreign,
                timeouts: tally.timeouts + more.timeouts,
            };
            (sum, silent | query.silent)
        })
    }

    /// How its servers are to be asked.
    pub(super) fn plan(&self) -> &Plan {
        &self.plan
    }

    fn query(&mut self, family: Family) -> Option<&mut Query> {
        self.queries.iter_mut().find(|query| query.family == family)
    }

    fn next_candidate(&mut self, now: Instant) -> bool {
        let Some(name) = self.candidates.pop() else { return false };
        (self.tally, self.silent) = self.record();
        let families = &Family::BOTH[usize::from(self.plan.no_aaaa)..];
        let ask = |&family| Query::new(family, name.clone(), &self.plan, self.server, now);
        self.queries = families.iter().map(ask).collect();
        true
    }

    /// Draws the conclusion when the families are done; while one is, and the other not, sets the time for [`Lookup::early`].
    fn proceed(&mut self, now: Instant) {
        if self.found.is_some() {
            return;
        }
        let waiting = self.queries.iter().any(|query| query.outcome().is_none());
        let addresses = self.addresses();
        match (waiting, addresses) {
            (true, Some(_)) => self.early = self.early.or(Some(now + GRACE)),
            (true, None) => {}
            (false, Some(addresses)) => self.found = Some(addresses),
            (false, None) => self.nothing_here(now),
        }
    }

    /// What was found by now, where that is an address.
    pub(super) fn addresses(&self) -> Option<Found> {
        let (mut v6, mut v4, mut least, mut unknown) = (Vec::new(), Vec::new(), u32::MAX, Vec::new());
        for query in &self.queries {
            match query.outcome() {
                Some(Outcome::Found { addresses, ttl }) => {
                    least = least.min(*ttl);
                    match query.family {
                        Family::V6 => v6.clone_from(addresses),
                        Family::V4 => v4.clone_from(addresses),
                    }
                }
                Some(Outcome::Failed { failure, .. }) if failure.is_answer() => {}
                Some(Outcome::Failed { .. }) | None => unknown.push(query.family),
            }
        }
        (!v6.is_empty() || !v4.is_empty()).then_some(Found::Addresses { v6, v4, ttl: least, unknown })
    }

    /// No address of this candidate: the next one, unless servers are silent. Then the next candidate would only be as
    /// slow, or answer for another host than the one that is meant.
    fn nothing_here(&mut self, now: Instant) {
        let mut here: Option<Failure> = None;
        for query in &self.queries {
            if let Some(Outcome::Failed { failure, ttl }) = query.outcome() {
                here = Some(worse(here, *failure));
                self.negative_ttl = match (self.negative_ttl, ttl) {
                    (Some(old), Some(new)) => Some(old.min(*new)),
                    (old, new) => old.or(*new),
                };
            }
        }
        let Some(here) = here else { return };
        let total = worse(self.failure, here);
        self.failure = Some(total);
        let goes_on = here.is_answer() || here == Failure::ServerFailure;
        if !(goes_on && self.next_candidate(now)) {
            self.found = Some(Found::Nothing { failure: total, ttl: self.negative_ttl });
        }
    }
}

/// Which of two failures to tell of: trouble over a plain no, and "no address" over "no such name".
fn worse(one: Option<Failure>, other: Failure) -> Failure {
    let rank = |failure: Failure| (!failure.is_answer(), failure == Failure::NoAddress, failure);
    match one {
        Some(one) if rank(one) >= rank(other) => one,
        _ => other,
    }
}

#[cfg(test)]
mod tests;
