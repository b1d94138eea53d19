//! The backend sets at work: names kept resolved, and a balancer over the addresses of each set.

use crate::balance::{Aside, Balancer, EndpointKey, MOST_ENDPOINTS, Outcome, Report, Settings, Ticket};
use crate::base::random::Rng;
use crate::base::time::Moment;
use crate::config::{Config, Target};
use crate::resolve::{Answer, Dialable, Resolver};
use crate::route::BackendId;
use mio::Registry;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Instant;

/// What one of a server's addresses weighs where the server has one address and weight 1; so that a server with several
/// weighs no more.
const UNIT: u32 = 1024;

/// All backend sets of the configuration.
#[derive(Debug)]
pub struct Backends {
    sets: Vec<Set>,
    rng: Rng,
}

#[derive(Debug)]
struct Set {
    name: Rc<str>,
    servers: Vec<Server>,
    has_names: bool,
    balancer: Balancer,
    /// Addresses that it did not take, each time that it learnt them.
    left_out: u64,
}

#[derive(Debug)]
struct Server {
    target: Dialable,
    weight: u32,
    /// Of the addresses that the balancer has.
    version: u32,
}

/// What picking came to.
#[derive(Debug)]
pub enum Pick {
    /// This endpoint.
    Endpoint(Sent, SocketAddr),
    /// The set has no address yet, and a name is being looked up.
    Pending,
    /// There is none, or none that was not tried.
    Nothing,
}

/// A request that was sent to an endpoint; give it back to [`Backends::end`].
#[derive(Debug)]
#[must_use = "a request that is never ended weighs on its endpoint for ever"]
pub struct Sent {
    set: BackendId,
    ticket: Ticket,
}

impl Sent {
    /// The endpoint.
    pub fn endpoint(&self) -> EndpointKey {
        self.ticket.endpoint()
    }
}

/// What is needed to look names up.
pub struct Names<'a> {
    /// Who knows their addresses.
    pub resolver: &'a mut Resolver,
    /// The resolver's clock.
    pub instant: Instant,
    /// For the resolver's sockets.
    pub registry: &'a Registry,
}

impl Backends {
    /// The sets of `config`; names begin to be looked up with the first request. The seed is for the choice among
    /// endpoints.
    pub fn new(config: &Config, resolver: &mut Resolver, seed: u64, now: Moment) -> Backends {
        let sets = config.backends.iter().map(|set| {
            let server = |target: &Target| match target {
                Target::Addr(addr) => Dialable::Addr(*addr),
                Target::Name(host, port) => Dialable::Name(resolver.name(host), *port),
            };
            let targets: Vec<Dialable> = set.servers.iter().map(|it| &it.target).map(server).collect();
            let weights = set.servers.iter().map(|it| it.weight.into());
            let servers = targets.into_iter().zip(weights);
            let servers = servers.map(|(target, weight)| Server { target, weight, version: 0 }).collect();
            Set::new(set.name.as_str().into(), servers, now)
        });
        Backends { sets: sets.collect(), rng: Rng::new(seed) }
    }

    /// A random number for [`Router::backends`](crate::route::Router::backends).
    pub fn draw(&mut self) -> u32 {
        (self.rng.bits() >> 32) as u32
    }

    /// The name of a set.
    pub fn name(&self, id: BackendId) -> Option<&Rc<str>> {
        self.sets.get(id.index()).map(|set| &set.name)
    }

    /// The endpoint for a request that is sent now, but none of `tried`.
    pub fn pick(&mut self, id: BackendId, tried: &[EndpointKey], now: Moment, names: &mut Names<'_>) -> Pick {
        let Some(set) = self.sets.get_mut(id.index()) else { return Pick::Nothing };
        if set.has_names {
            set.renew(now, names);
        }
        if let Some(ticket) = set.balancer.pick(now, &mut self.rng, tried) {
            let address = set.balancer.address(ticket.endpoint());
            return address
                .map_or(Pick::Nothing, |address| Pick::Endpoint(Sent { set: id, ticket }, address));
        }
        let is_pending = |server: &Server| match server.target {
            Dialable::Addr(_) => false,
            Dialable::Name(name, _) => {
                matches!(names.resolver.addresses(name, names.instant, names.registry), Answer::Pending)
            }
        };
        // Every name is asked for, so that whichever comes first wakes those who wait.
        let pending = set.servers.iter().map(is_pending).fold(false, |any, it| any | it);
        if pending && tried.is_empty() { Pick::Pending } else { Pick::Nothing }
    }

    /// The request that was sent there went so.
    pub fn end(&mut self, sent: Sent, outcome: Outcome, now: Moment) {
        if let Some(set) = self.sets.get_mut(sent.set.index()) {
            set.balancer.end(sent.ticket, outcome, now, &mut self.rng);
        }
    }

    /// The endpoints that are set aside, each with its set's name.
    pub fn aside(&self) -> impl Iterator<Item = (&Rc<str>, Aside)> {
        self.sets.iter().flat_map(|set| set.balancer.aside().map(|aside| (&set.name, aside)))
    }

    /// The name of each set, and how many endpoints it has.
    pub fn sizes(&self) -> impl Iterator<Item = (&Rc<str>, usize)> {
        self.sets.iter().map(|set| (&set.name, set.balancer.len()))
    }

    /// How many endpoints were left out since the beginning: a balancer takes [`MOST_ENDPOINTS`].
    pub fn left_out(&self) -> u64 {
        self.sets.iter().map(|set| set.left_out).fold(0, u64::saturating_add)
    }

    /// The first endpoint of all sets at or after this place, its place, and its set's name.
    pub fn report(&self, from: usize, now: Moment) -> Option<(usize, &Rc<str>, Report)> {
        let (first, begin) = (from / MOST_ENDPOINTS, from % MOST_ENDPOINTS);
        self.sets.iter().enumerate().skip(first).find_map(|(number, set)| {
            let begin = if number == first { begin } else { 0 };
            let (place, report) = set.balancer.report(begin, now)?;
            Some((number.saturating_mul(MOST_ENDPOINTS).saturating_add(place), &set.name, report))
        })
    }
}

impl Set {
    fn new(name: Rc<str>, servers: Vec<Server>, now: Moment) -> Set {
        let has_names = servers.iter().any(|server| matches!(server.target, Dialable::Name(..)));
        let mut set =
            Set { name, servers, has_names, balancer: Balancer::new(Settings::default()), left_out: 0 };
        set.update(set.fixed(), now);
        set
    }

    fn fixed(&self) -> Vec<(SocketAddr, u32)> {
        let address = |server: &Server| match server.target {
            Dialable::Addr(addr) => Some((addr, server.weight.saturating_mul(UNIT))),
            Dialable::Name(..) => None,
        };
        self.servers.iter().filter_map(address).collect()
    }

    /// Takes over what the resolver has learnt since. A name that cannot be looked up any more keeps its addresses.
    fn renew(&mut self, now: Moment, names: &mut Names<'_>) {
        let mut has_news = false;
        for server in &mut self.servers {
            if let Dialable::Name(name, _) = server.target {
                let version = names.resolver.version(name, names.instant, names.registry);
                has_news |= version != server.version;
                server.version = version;
            }
        }
        if !has_news {
            return;
        }
        let mut endpoints = self.fixed();
        for server in &self.servers {
            let Dialable::Name(name, port) = server.target else { continue };
            let Answer::Addresses(all) = names.resolver.addresses(name, names.instant, names.registry) else {
                continue;
            };
            let count = u32::try_from(all.len()).unwrap_or(u32::MAX).max(1);
            let weight = server.weight.saturating_mul(UNIT);
            let each = if weight == 0 { 0 } else { (weight / count).max(1) };
            endpoints.extend(all.iter().map(|&ip| (SocketAddr::new(ip, port), each)));
        }
        self.update(endpoints, now);
    }

    fn update(&mut self, endpoints: Vec<(SocketAddr, u32)>, now: Moment) {
        let left_out = self.balancer.update(endpoints, now);
        self.left_out = self.left_out.saturating_add(left_out as u64);
    }
}
