//! What is known of one name, and how long it is good for.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::failure::Failure;
use super::files;
use super::lookup::Found;
use super::{Answer, Client, order};

/// At least so long, so that a TTL of 0 does not mean a question a connection; at most so long, so that a mistaken day
/// in a zone does not outlive its correction by more than an hour.
const TTL: (u32, u32) = (1, 3600);
/// A denial holds at least and at most so long: a service that is just being set up is found soon after.
const NEGATIVE_TTL: (u32, u32) = (1, 30);
/// Where a family's answer is missing, it is asked for again after so long at most.
const INCOMPLETE_TTL: u32 = 30;
/// After trouble with the servers: 1, 2, 4, then 5 s until the name is looked up again.
const LONGEST_RETRY: Duration = Duration::from_secs(5);
/// Addresses that ran out longer ago than this are handed out only when renewing them does not come off ...
pub(super) const STALE_AT_ONCE: Duration = Duration::from_secs(10);
/// ... within this time.
pub(super) const STALE_AFTER: Duration = Duration::from_secs(1);

/// A name and what is known of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) host: String,
    /// The client that its lookup counts for. None: the configuration lists it.
    pub(super) client: Option<Client>,
    /// The last ones known; how old does not matter.
    addresses: Vec<IpAddr>,
    /// How often the set of `addresses` changed.
    version: u32,
    /// Of the last lookup.
    pub(super) failure: Option<Failure>,
    /// Lookups in a row that ended in trouble (not in a "no").
    troubles: u32,
    /// When `addresses` ran out, or will.
    runs_out: Option<Instant>,
    state: State,
    /// When the last lookup ended.
    ended: Option<Instant>,
    /// Someone was told [`Answer::Pending`].
    awaited: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Needs no lookup, ever.
    Fixed,
    /// Looked up again at the next use after this.
    Idle {
        due: Option<Instant>,
    },
    Queued,
    Running {
        since: Instant,
    },
}

impl Entry {
    /// Nothing is known yet, but for addresses, for `localhost` (RFC 6761, 6.3) and for what is no host name.
    pub(super) fn new(host: &str) -> Entry {
        let mut entry = Entry {
            host: host.to_owned(),
            client: None,
            addresses: Vec::new(),
            version: 0,
            failure: None,
            troubles: 0,
            runs_out: None,
            state: State::Fixed,
            ended: None,
            awaited: false,
        };
        let name = host.strip_suffix('.').unwrap_or(host);
        if let Some(address) = literal(host) {
            entry.know(vec![address]);
        } else if name == "localhost" || name.ends_with(".localhost") {
            entry.know(loopback());
        } else if super::name::Name::parse(host).is_none() || looks_like_ipv4(name) {
            entry.failure = Some(Failure::BadName);
        } else {
            entry.state = State::Idle { due: None };
        }
        entry
    }

    /// Whether its use at `now` asks for a lookup.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        matches!(self.state, State::Idle { due }  if due.is_none_or(|due| due <= now))
    }

    /// What to tell at `now`.
    pub(super) fn answer(&mut self, now: Instant) -> Answer<'_> {
        let known = !self.addresses.is_empty();
        if known && self.renewal_ends(now).is_none_or(|until| until <= now) {
            Answer::Addresses(&self.addresses)
        } else if self.is_looked_up() {
            self.awaited = true;
            Answer::Pending
        } else {
            Answer::Failed(self.failure.unwrap_or(Failure::NoSuchName))
        }
    }

    /// The addresses known last.
    pub(super) fn known(&self) -> &[IpAddr] {
        &self.addresses
    }

    /// Counts up whenever the set of addresses changes; their order is the servers' whim.
    pub(super) fn version(&self) -> u32 {
        self.version
    }

    /// Whether a lookup is under way, or waits for its turn.
    pub(super) fn is_looked_up(&self) -> bool {
        matches!(self.state, State::Queued | State::Running { .. })
    }

    /// Whether it is being looked up, or was within `kept`: someone may wait for it, or be about to ask again.
    pub(super) fn is_awaited(&self, now: Instant, kept: Duration) -> bool {
        self.is_looked_up() || self.ended.is_some_and(|ended| now.saturating_duration_since(ended) < kept)
    }

    /// Until when the renewal is worth waiting for: only where the addresses ran out long ago, and the last
    /// lookup went well.
    fn renewal_ends(&self, now: Instant) -> Option<Instant> {
        let State::Running { since } = self.state else { return None };
        let old = self.runs_out.is_some_and(|end| now.saturating_duration_since(end) > STALE_AT_ONCE);
        (old && self.troubles == 0).then(|| since + STALE_AFTER)
    }

    /// When someone who waits is to be given the old addresses.
    pub(super) fn patience(&self) -> Option<Instant> {
        let State::Running { since } = self.state else { return None };
        (self.awaited && !self.addresses.is_empty()).then(|| since + STALE_AFTER)
    }

    /// Whether someone waited; then no more.
    pub(super) fn woken(&mut self) -> bool {
        std::mem::take(&mut self.awaited)
    }

    /// The hosts file has it. Looked at again when the file may be looked at again.
    pub(super) fn listed(&mut self, addresses: &[IpAddr], now: Instant) {
        let (v6, v4): (Vec<IpAddr>, Vec<IpAddr>) = addresses.iter().partition(|address| address.is_ipv6());
        self.know(order::interleave(&v6, &v4, order::prefers_v6(&v6)));
        (self.failure, self.troubles) = (None, 0);
        self.runs_out = Some(now + files::LOOK_AGAIN);
        self.state = State::Idle { due: self.runs_out };
    }

    /// A lookup waits for its turn, or for the next one.
    pub(super) fn queued(&mut self) {
        self.state = State::Queued;
    }

    /// Its lookup is given up.
    pub(super) fn given_up(&mut self) {
        self.state = State::Idle { due: None };
    }

    /// A lookup begins, or goes on.
    pub(super) fn begins(&mut self, now: Instant) {
        self.state = State::Running { since: now };
    }

    /// A lookup ended.
    pub(super) fn ends(&mut self, found: &Found, now: Instant) {
        let wait = self.learns(found, now);
        self.state = State::Idle { due: Some(now + wait) };
        self.ended = Some(now);
    }

    /// A lookup has something to tell, and may go on. How long that holds.
    pub(super) fn learns(&mut self, found: &Found, now: Instant) -> Duration {
        match found {
            Found::Addresses { v6, v4, ttl, unknown } => {
                // What is not known anew of a family holds on.
                let old = self
                    .addresses
                    .iter()
                    .copied()
                    .filter(|address| unknown.iter().any(|family| family.has(address)));
                let (old6, old4): (Vec<IpAddr>, Vec<IpAddr>) = old.partition(IpAddr::is_ipv6);
                let (v6, v4) = ([v6.as_slice(), &old6].concat(), [v4.as_slice(), &old4].concat());
                self.know(order::interleave(&v6, &v4, order::prefers_v6(&v6)));
                if self.troubles > 0 {
                    log::log!(self.level(log::Level::Info), "{}: resolved again", self.host);
                }
                (self.failure, self.troubles) = (None, 0);
                let most = if unknown.is_empty() { TTL.1 } else { INCOMPLETE_TTL };
                let holds = Duration::from_secs((*ttl).clamp(TTL.0, most).into());
                self.runs_out = Some(now + holds);
                holds
            }
            Found::Nothing { failure, ttl } => self.fails(*failure, *ttl),
        }
    }

    fn know(&mut self, addresses: Vec<IpAddr>) {
        let same = |one: &[IpAddr], other: &[IpAddr]| one.iter().all(|address| other.contains(address));
        if !same(&addresses, &self.addresses) || !same(&self.addresses, &addresses) {
            self.version = self.version.wrapping_add(1);
        }
        self.addresses = addresses;
    }

    /// `level` for a configured name; for others less, or clients could fill the log.
    fn level(&self, level: log::Level) -> log::Level {
        if self.client.is_some() { log::Level::Debug } else { level }
    }

    /// A server's "no" replaces what was known. Trouble does not: old addresses are used for as long as it lasts.
    fn fails(&mut self, failure: Failure, ttl: Option<u32>) -> Duration {
        if failure.is_answer() {
            self.know(Vec::new());
        }
        if self.failure != Some(failure) {
            let then = if self.addresses.is_empty() { "" } else { "; its last known addresses stay in use" };
            log::log!(self.level(log::Level::Warn), "{}: {failure}{then}", self.host);
        }
        self.failure = Some(failure);
        if failure.is_answer() {
            self.troubles = 0;
            return Duration::from_secs(ttl.unwrap_or(0).clamp(NEGATIVE_TTL.0, NEGATIVE_TTL.1).into());
        }
        self.troubles = self.troubles.saturating_add(1);
        Duration::from_secs(1 << (self.troubles - 1).min(3)).min(LONGEST_RETRY)
    }
}

/// The address that `host` is, in brackets or not.
pub(super) fn literal(host: &str) -> Option<IpAddr> {
    host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(host).parse().ok()
}

fn loopback() -> Vec<IpAddr> {
    let v6 = order::has_v6_loopback().then_some(IpAddr::V6(Ipv6Addr::LOCALHOST));
    v6.into_iter().chain([IpAddr::V4(Ipv4Addr::LOCALHOST)]).collect()
}

/// A mistyped address, such as 10.0.0.256, is not worth asking for.
fn looks_like_ipv4(name: &str) -> bool {
    name.contains('.') && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

#[cfg(test)]
mod tests;
