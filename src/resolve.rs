//! Names to addresses, without blocking the loop. `docs/names.md` tells what happens when.
//!
//! | question | module |
//! |---|---|
//! | what is known of a name, and for how long? | this file, `entry` |
//! | which names are kept? | `names` |
//! | whose name is looked up next? | `places`, `share` |
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
mod places;
mod query;
mod running;
mod share;
mod socket;

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Instant;

use mio::Registry;

pub use failure::Failure;
pub use names::NameId;
pub use share::Client;

use conf::Conf;
use entry::Entry;
use files::Watched;
use hosts::Hosts;
use names::Names;
use places::Waiting;
use running::{Numbers, Running};

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

/// Whether a client may name this host: it is an address, or a name that can be looked up. For people: it allocates.
pub fn is_host(host: &str) -> bool {
    entry::literal(host).is_some()
        || (host.len() <= names::LONGEST_TEXT && Entry::new(host).failure.is_none())
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
    /// Of these, names whose lookup was under way, and had to end as too many were.
    pub guests_displaced: u64,
    /// Clients' names that were not taken: too many others were being looked up.
    pub guests_refused: u64,
    /// Times that the lookup of a client's name let another one by, to go on later.
    pub guests_paused: u64,
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
    /// At most [`running::MOST_LOOKUPS`] places.
    running: Vec<Option<Running>>,
    /// Configured names whose lookup waits for a place: only while there is none.
    queue: VecDeque<NameId>,
    /// Clients' names, in the order in which they came; at most [`names::MOST_GUESTS`]. Some wait only while these have
    /// all places that they may have.
    waiting: VecDeque<Waiting>,
    /// When the lookup of a client's name has to let another one by.
    turn_ends: Option<Instant>,
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
            waiting: VecDeque::new(),
            turn_ends: None,
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

    /// What `host`, as `client` sent it, stands for: a name, or an address, in brackets or not. Of such names 1,024 are
    /// kept. For a further one the name is forgotten that was asked for least recently, but never one that is being
    /// looked up or was in the last 100 ms; where all are, the client gives one up for whom the most wait. A known name
    /// costs a hash, and no allocation where it is in lower case.
    ///
    /// # Errors
    ///
    /// [`Failure::BadName`] where it is no host name, [`Failure::TooManyNames`] where none of the 1,024 may be forgotten.
    pub fn guest(&mut self, host: &str, client: Client, now: Instant) -> Result<Guest, Failure> {
        if let Some(address) = entry::literal(host) {
            return Ok(Guest::Address(address));
        }
        let mut known = self.names.guest(host, client, now, &mut self.counters);
        if known == Err(Failure::TooManyNames) && self.make_room(client, now) {
            known = self.names.guest(host, client, now, &mut self.counters);
        }
        match known {
            Ok(id) => self.asks_too(id, client, now),
            Err(Failure::TooManyNames) => self.counters.guests_refused += 1,
            Err(_) => {}
        }
        known.map(Guest::Name)
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
        self.running.iter().flatten().flat_map(both).chain([self.turn_ends]).flatten().min()
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

    /// A name that was [`Answer::Pending`] and is no more: ask for it again. Call until `None`, before the loop waits for events:
    /// each of the calls above may settle names.
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
        if entry.client.is_some() {
            self.waiting.push_back(Waiting::new(id));
        } else {
            self.queue.push_back(id);
        }
        self.fill(now, registry);
    }
}
