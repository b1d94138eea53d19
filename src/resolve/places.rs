//! The places in which lookups run: who has one, who waits for one, and what comes of it.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use mio::Registry;

use super::entry::Entry;
use super::lookup::{Found, Lookup};
use super::names::NameId;
use super::query::Plan;
use super::running::{MOST_GUEST_LOOKUPS, MOST_LOOKUPS, Running};
use super::share::{Held, Shares};
use super::{Client, Resolver};

/// A server that kept silent is asked after the others for so long: a dead one costs one time-out, not one a lookup.
const SHUN: Duration = Duration::from_secs(30);

/// A client's name that waits for a place.
#[derive(Debug)]
pub(super) struct Waiting {
    name: NameId,
    /// How long it had one before.
    served: Duration,
    /// Where it had: its lookup, and since when that stands still.
    paused: Option<(Lookup, Instant)>,
}

impl Waiting {
    /// One that had no place yet.
    pub(super) fn new(name: NameId) -> Waiting {
        Waiting { name, served: Duration::ZERO, paused: None }
    }
}

impl Resolver {
    /// Begins lookups, and lets them go on, while there are places. Configured names take those of clients' names.
    pub(super) fn fill(&mut self, now: Instant, registry: &Registry) {
        while !self.queue.is_empty()
            && let Some(place) = self.free_place().or_else(|| self.take_place(now, registry))
            && let Some(id) = self.queue.pop_front()
        {
            self.start(place, Waiting::new(id), now, registry);
        }
        self.turn_ends = None;
        // Ends: a name that begins has had no turn, so that nobody may take its place.
        while !self.waiting.is_empty() {
            let shares = self.shares(now);
            let Some(next) = shares.next(self.claims()) else { return };
            let Some(place) = self.place_for(next, &shares, now, registry) else { return };
            let Some(waiting) = self.waiting.remove(next) else { return };
            self.start(place, waiting, now, registry);
        }
    }

    /// A place for the name that waits at `next`; where there is none yet, notes when there will be.
    fn place_for(
        &mut self,
        next: usize,
        shares: &Shares,
        now: Instant,
        registry: &Registry,
    ) -> Option<usize> {
        if shares.total() < MOST_GUEST_LOOKUPS
            && let Some(place) = self.free_place()
        {
            return Some(place);
        }
        let (client, served) = self.claims().nth(next)?;
        let (left, place) = shares.gives_way(client, served)?;
        if !left.is_zero() {
            self.turn_ends = Some(now + left);
            return None;
        }
        self.pause(place, now, registry);
        Some(place)
    }

    /// Who waits, and how long each had a place before.
    fn claims(&self) -> impl Iterator<Item = (Client, Duration)> {
        self.waiting.iter().map(|waiting| (self.client(waiting.name), waiting.served))
    }

    /// Whom the lookup of `id` counts for.
    fn client(&self, id: NameId) -> Client {
        let none = Client::from(IpAddr::from([0; 4]));
        self.names.get(id).and_then(|entry| entry.client).unwrap_or(none)
    }

    fn shares(&self, now: Instant) -> Shares {
        let running = self.running.iter().enumerate();
        let guests = running.filter_map(|(place, slot)| Some((place, slot.as_ref().filter(|it| it.guest)?)));
        Shares::of(guests.map(|(place, running)| {
            let ran = now.saturating_duration_since(running.since);
            Held { place, client: self.client(running.name), ran, served: running.served }
        }))
    }

    /// Another client asks for a name too. While it is being looked up, that counts for who has fewer places.
    pub(super) fn asks_too(&mut self, id: NameId, client: Client, now: Instant) {
        let Some(entry) = self.names.get(id) else { return };
        let Some(before) = entry.client.filter(|&before| before != client) else { return };
        if entry.is_looked_up() {
            let shares = self.shares(now);
            if shares.places(client) >= shares.places(before) {
                return;
            }
        }
        if let Some(entry) = self.names.get_mut(id) {
            entry.client = Some(client);
        }
    }

    /// Gives up a name that waits, for one of `client`: whose client has the most that wait, and of these the one that had the
    /// most time without an answer, else the last. `client` itself only loses one that had its turn. False where none is.
    pub(super) fn make_room(&mut self, client: Client, now: Instant) -> bool {
        let mut counts = HashMap::new();
        self.claims().for_each(|(client, _)| *counts.entry(client).or_insert(0) += 1);
        let most = counts.values().copied().max().unwrap_or(0);
        let is_fullest = counts.get(&client) == Some(&most);
        let loses = |&(_, (one, served)): &(usize, (Client, Duration))| match is_fullest {
            true => one == client && !served.is_zero(),
            false => counts.get(&one) == Some(&most),
        };
        let last = self.claims().enumerate().filter(loses).max_by_key(|(_, (_, served))| *served);
        let Some(given_up) = last.and_then(|(index, _)| self.waiting.remove(index)) else { return false };
        self.counters.guests_displaced += 1;
        if let Some(entry) = self.names.get_mut(given_up.name) {
            entry.given_up();
        }
        if let Some((lookup, _)) = given_up.paused {
            self.record(&lookup, now);
        }
        self.wake(given_up.name);
        true
    }

    fn free_place(&mut self) -> Option<usize> {
        let free = self.running.iter().position(Option::is_none);
        if free.is_none() && self.running.len() < MOST_LOOKUPS {
            self.running.push(None);
            return Some(self.running.len() - 1);
        }
        free
    }

    /// The place of a client's name, at once.
    fn take_place(&mut self, now: Instant, registry: &Registry) -> Option<usize> {
        let place = self.shares(now).least_loss()?;
        self.pause(place, now, registry);
        Some(place)
    }

    /// The lookup at `place` waits for its next turn. Where it has addresses already, it ends with them.
    fn pause(&mut self, place: usize, now: Instant, registry: &Registry) {
        let Some(running) = self.running.get_mut(place).and_then(Option::take) else { return };
        let served = running.served + now.saturating_duration_since(running.since);
        let name = running.name;
        let lookup = running.close(registry);
        let Some(entry) = self.names.get_mut(name) else { return };
        if let Some(found) = lookup.addresses() {
            entry.ends(&found, now);
            self.record(&lookup, now);
            return self.wake(name);
        }
        let has_old = entry.patience().is_some();
        entry.queued();
        self.counters.guests_paused += 1;
        self.waiting.push_back(Waiting { name, served, paused: Some((lookup, now)) });
        if has_old {
            self.wake(name);
        }
    }

    fn start(&mut self, place: usize, waiting: Waiting, now: Instant, registry: &Registry) {
        let Waiting { name, served, paused } = waiting;
        let Some(entry) = self.names.get_mut(name) else { return };
        entry.begins(now);
        let (candidates, guest) = (self.conf.candidates(&entry.host), entry.client.is_some());
        let lookup = match paused {
            Some((mut lookup, since)) => {
                lookup.resume(now.saturating_duration_since(since), now);
                lookup
            }
            None => {
                self.counters.lookups += 1;
                Lookup::new(candidates, self.plan(now), now)
            }
        };
        if let Some(slot) = self.running.get_mut(place) {
            *slot = Some(Running::new(name, guest, lookup, now, served));
        }
        self.drive(place, now, registry);
    }

    fn plan(&mut self, now: Instant) -> Plan {
        let mut servers = self.conf.servers.clone();
        if self.conf.rotate {
            let by = self.rotation % servers.len().max(1);
            servers.rotate_left(by);
            self.rotation = self.rotation.wrapping_add(1);
        }
        self.shunned.retain(|&(_, until)| now < until);
        servers.sort_by_key(|server| self.shunned.iter().any(|(shunned, _)| shunned == server));
        Plan {
            servers,
            timeout: self.conf.timeout,
            attempts: self.conf.attempts,
            tcp: self.conf.tcp,
            no_aaaa: self.conf.no_aaaa,
            id: crate::sys::random::bits16,
        }
    }

    /// Lets the lookup at `place` do what it wants to, and takes what it has found.
    pub(super) fn drive(&mut self, place: usize, now: Instant, registry: &Registry) {
        let Some(slot) = self.running.get_mut(place) else { return };
        let Some(running) = slot else { return };
        running.drive(place, &mut self.numbers, now, registry);
        let name = running.name;
        let Some(entry) = self.names.get_mut(name) else { return };
        if let Some(found) = running.lookup.found() {
            entry.ends(found, now);
            if let Some(running) = slot.take() {
                self.record(&running.lookup, now);
                running.close(registry);
            }
            self.wake(name);
        } else if let Some(found) = running.lookup.early(now) {
            entry.learns(&found, now);
            self.wake(name);
        }
    }

    fn record(&mut self, lookup: &Lookup, now: Instant) {
        let (tally, silent) = lookup.record();
        self.counters.queries += tally.queries;
        self.counters.queries_over_tcp += tally.over_tcp;
        self.counters.foreign_replies += tally.foreign;
        self.counters.timeouts += tally.timeouts;
        self.counters.failed += u64::from(matches!(lookup.found(), Some(Found::Nothing { .. })));
        for (place, server) in lookup.plan().servers.iter().enumerate() {
            if silent >> place & 1 == 1 && self.conf.servers.contains(server) {
                self.shunned.retain(|(shunned, _)| shunned != server);
                self.shunned.push((*server, now + SHUN));
            }
        }
    }

    pub(super) fn wake(&mut self, id: NameId) {
        if self.names.get_mut(id).is_some_and(Entry::woken) {
            self.settled.push_back(id);
        }
    }
}
