//! Names to addresses, without blocking the loop. `docs/names.md` tells what happens when.
//!
//! | question | module |
//! |---|---|
//! | what is known of a name, and for how long? | this file, `entry` |
//! | which names are kept? | `names` |
//! | which names are asked for, and what do both families' answers come to? | `lookup` |
//! | which server is asked next? | `query` |
//! | what does a reply say? | `message`, `name` |
//! | what do the files say? | `conf`, `hosts`, `files` |
//! | which address first? | `order` |
//! | who touches sockets? | `running`, `socket` |
//!
//! `lookup` and all it uses are sans-IO: bytes and time are arguments.

mod conf;
mod entry;
mod failure;
mod files;
mod hosts;
mod lookup;
mod message;
mod name;
mod names;
mod order;
mod query;
mod running;
mod socket;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use mio::Registry;

pub use failure::Failure;
pub use names::NameId;

use conf::Conf;
use entry::Entry;
use files::Watched;
use hosts::Hosts;
use lookup::Lookup;
use names::Names;
use query::Plan;
use running::{MOST_GUEST_LOOKUPS, MOST_LOOKUPS, Numbers, Running};

/// A server that kept silent is asked after the others for so long: a dead one costs one time-out, not one a lookup.
const SHUN: Duration = Duration::from_secs(30);
/// Bytes of resolv.conf that are read; the rest is left out, with a warning.
const LARGEST_CONF: u64 = 64 << 10;
/// Bytes of the hosts file that are read; the rest is left out, with a warning.
const LARGEST_HOSTS: u64 = 1 << 20;

/// What a host that a client sent stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guest {
    /// It is an address; nothing is kept of it.
    Address(IpAddr),
    /// A name, to be asked for with [`Resolver::addresses`].
    Name(NameId),
}

/// A target that can be dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialable {
    /// An address.
    Addr(SocketAddr),
    /// A name of the resolver's, and a port.
    Name(NameId, u16),
}

/// What is known of a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer<'a> {
    /// Its addresses, never none, in the order in which to try them.
    Addresses(&'a [IpAddr]),
    /// A lookup is under way; [`Resolver::settled`] tells when to ask again.
    Pending,
    /// It has no address now. Asking again later, as every new connection does, looks again.
    Failed(Failure),
}

/// Where a resolver learns how to resolve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// See resolv.conf(5). If it is missing, the server is 127.0.0.1.
    pub resolv_conf: PathBuf,
    /// See hosts(5).
    pub hosts: PathBuf,
    /// The name servers' port, as resolv.conf has no way to say it.
    pub port: u16,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { resolv_conf: "/etc/resolv.conf".into(), hosts: "/etc/hosts".into(), port: 53 }
    }
}

/// What a resolver did since it began; a lookup's figures are added when it ends.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Lookups that were begun and needed a name server.
    pub lookups: u64,
    /// Lookups that ended without an address.
    pub failed: u64,
    /// Questions sent.
    pub queries: u64,
    /// Questions sent over TCP.
    pub queries_over_tcp: u64,
    /// Replies ignored, as they do not answer the question: late, broken or forged.
    pub foreign_replies: u64,
    /// Questions that a server left without reply.
    pub timeouts: u64,
    /// Clients' names that were forgotten for others.
    pub guests_forgotten: u64,
    /// Clients' names that were not taken: too many others were being looked up.
    pub guests_refused: u64,
}

/// Keeps names and their addresses. It never blocks, but for a look at two small local files.
#[derive(Debug)]
pub struct Resolver {
    port: u16,
    conf_file: Watched,
    conf: Conf,
    hosts_file: Watched,
    hosts: Hosts,
    names: Names,
    /// At most [`MOST_LOOKUPS`] places.
    running: Vec<Option<Running>>,
    /// Configured names whose lookup waits for a place: only while there is none.
    queue: VecDeque<NameId>,
    /// Clients' names, which wait behind `queue`: only while they have all places that they may have.
    guest_queue: VecDeque<NameId>,
    settled: VecDeque<NameId>,
    /// Servers that kept silent, and until when they are asked last. At most one entry a server of resolv.conf.
    shunned: Vec<(SocketAddr, Instant)>,
    rotation: usize,
    numbers: Numbers,
    counters: Counters,
}

impl Resolver {
    /// Reads the two files; this may block.
    pub fn new(settings: Settings) -> Resolver {
        let mut resolver = Resolver {
            port: settings.port,
            conf_file: Watched::new(settings.resolv_conf, LARGEST_CONF),
            conf: Conf::parse("", settings.port, |_| None),
            hosts_file: Watched::new(settings.hosts, LARGEST_HOSTS),
            hosts: Hosts::default(),
            names: Names::default(),
            running: Vec::new(),
            queue: VecDeque::new(),
            guest_queue: VecDeque::new(),
            settled: VecDeque::new(),
            shunned: Vec::new(),
            rotation: 0,
            numbers: Numbers::default(),
            counters: Counters::default(),
        };
        resolver.look_at_files(Instant::now());
        resolver
    }

    /// The id of `host`, a name or an address; the same for the same text in upper and lower case. Such a name is never
    /// forgotten, so this is for what the configuration lists; [`Resolver::guest`] is for what clients send.
    pub fn name(&mut self, host: &str) -> NameId {
        self.names.configured(host)
    }

    /// What `host`, as a client sent it, stands for: a name, or an address, in brackets or not. Of such names 1,024 are
    /// kept. For a further one the name is forgotten that was asked for least recently, but never one that is being
    /// looked up or was in the last 100 ms. A known name costs a hash, and no allocation where it is in lower case.
    ///
    /// # Errors
    ///
    /// [`Failure::BadName`] where it is no host name, [`Failure::TooManyNames`] where none of the 1,024 may be forgotten.
    pub fn guest(&mut self, host: &str, now: Instant) -> Result<Guest, Failure> {
        match entry::literal(host) {
            Some(address) => Ok(Guest::Address(address)),
            None => self.names.guest(host, now, &mut self.counters).map(Guest::Name),
        }
    }

    /// The host that `id` stands for; nothing where it was forgotten.
    pub fn host(&self, id: NameId) -> &str {
        self.names.get(id).map_or("", |entry| &entry.host)
    }

    /// What is known of `id` at `now`; begins or renews a lookup where it is due. Never blocks. A client's name that was
    /// forgotten has [`Failure::TooManyNames`].
    pub fn addresses(&mut self, id: NameId, now: Instant, registry: &Registry) -> Answer<'_> {
        self.renew_if_due(id, now, registry);
        match self.names.get_mut(id) {
            Some(entry) => entry.answer(now),
            None => Answer::Failed(Failure::TooManyNames),
        }
    }

    /// Another number whenever other addresses are known of `id`; their order does not count. 0 as long as none ever were,
    /// and for a name that was forgotten. Begins or renews a lookup where it is due, as [`Resolver::addresses`] does, but
    /// nobody is taken to wait for it: while it goes on, the number and the addresses it stands for stay.
    pub fn version(&mut self, id: NameId, now: Instant, registry: &Registry) -> u32 {
        self.renew_if_due(id, now, registry);
        self.names.get(id).map_or(0, Entry::version)
    }

    /// Why the last lookup of `id` failed, if it did; older addresses may be in use all the same.
    pub fn trouble(&self, id: NameId) -> Option<Failure> {
        self.names.get(id)?.failure
    }

    /// An event of `Source::Resolver(number)`.
    pub fn ready(&mut self, number: usize, now: Instant, registry: &Registry) {
        let place = Numbers::place(number);
        if let Some(Some(running)) = self.running.get_mut(place) {
            running.ready(number, now);
            self.drive(place, now, registry);
            self.fill(now, registry);
        }
    }

    /// When [`Resolver::expire`] is to be called next.
    pub fn next_deadline(&self) -> Option<Instant> {
        let entry = |running: &Running| self.names.get(running.name)?.patience();
        let both = |running: &Running| [running.lookup.deadline(), entry(running)];
        self.running.iter().flatten().flat_map(both).flatten().min()
    }

    /// Time passed.
    pub fn expire(&mut self, now: Instant, registry: &Registry) {
        for place in 0..self.running.len() {
            if let Some(Some(running)) = self.running.get_mut(place) {
                running.lookup.expire(now);
                let name = running.name;
                if self.names.get(name).and_then(Entry::patience).is_some_and(|until| until <= now) {
                    self.wake(name);
                }
                self.drive(place, now, registry);
            }
        }
        self.fill(now, registry);
    }

    /// A name that was [`Answer::Pending`] and is no more: ask for it again. Call until `None`, after each
    /// [`Resolver::ready`] and [`Resolver::expire`].
    pub fn settled(&mut self) -> Option<NameId> {
        self.settled.pop_front()
    }

    /// What it did so far.
    pub fn counters(&self) -> Counters {
        self.counters
    }

    fn look_at_files(&mut self, now: Instant) {
        if let Some(text) = self.conf_file.news(now) {
            self.conf = Conf::parse(&text, self.port, crate::sys::interface::index);
            self.shunned.clear();
        }
        if let Some(text) = self.hosts_file.news(now) {
            self.hosts = Hosts::parse(&text);
        }
    }

    fn renew_if_due(&mut self, id: NameId, now: Instant, registry: &Registry) {
        if self.names.asked(id).is_some_and(|entry| entry.is_due(now)) {
            self.renew(id, now, registry);
        }
    }

    fn renew(&mut self, id: NameId, now: Instant, registry: &Registry) {
        self.look_at_files(now);
        let Some(entry) = self.names.get_mut(id) else { return };
        if let Some(addresses) = self.hosts.addresses(&entry.host) {
            entry.listed(addresses, now);
            return;
        }
        entry.queued();
        let queue = if entry.guest { &mut self.guest_queue } else { &mut self.queue };
        queue.push_back(id);
        // With a place free its queue was empty, so that only this lookup begins here.
        self.fill(now, registry);
    }

    /// Begins lookups while there are places.
    fn fill(&mut self, now: Instant, registry: &Registry) {
        while let Some(place) = self.free_place()
            && let Some(id) = self.next_queued()
        {
            let Some(entry) = self.names.get_mut(id) else { continue };
            entry.begins(now);
            let (candidates, guest) = (self.conf.candidates(&entry.host), entry.guest);
            let lookup = Lookup::new(candidates, self.plan(now), now);
            self.counters.lookups += 1;
            if let Some(slot) = self.running.get_mut(place) {
                *slot = Some(Running::new(id, guest, lookup));
            }
            self.drive(place, now, registry);
        }
    }

    fn next_queued(&mut self) -> Option<NameId> {
        if let Some(id) = self.queue.pop_front() {
            return Some(id);
        }
        let guests = self.running.iter().flatten().filter(|running| running.guest).count();
        if guests < MOST_GUEST_LOOKUPS { self.guest_queue.pop_front() } else { None }
    }

    fn free_place(&mut self) -> Option<usize> {
        let free = self.running.iter().position(Option::is_none);
        if free.is_none() && self.running.len() < MOST_LOOKUPS {
            self.running.push(None);
            return Some(self.running.len() - 1);
        }
        free
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
    fn drive(&mut self, place: usize, now: Instant, registry: &Registry) {
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
        self.counters.failed += u64::from(matches!(lookup.found(), Some(lookup::Found::Nothing { .. })));
        for (place, server) in lookup.plan().servers.iter().enumerate() {
            if silent >> place & 1 == 1 && self.conf.servers.contains(server) {
                self.shunned.retain(|(shunned, _)| shunned != server);
                self.shunned.push((*server, now + SHUN));
            }
        }
    }

    fn wake(&mut self, id: NameId) {
        if self.names.get_mut(id).is_some_and(Entry::woken) {
            self.settled.push_back(id);
        }
    }
}
