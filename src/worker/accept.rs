//! Accepting: within a budget, within the limits, and without turning when there is no room.

use crate::base::gate::Gate;
use crate::base::time::Moment;
use crate::base::token::Key;
use crate::config::Entry;
use crate::flow::any::AnyFlow;
use crate::flow::steer::{SteeredFlow, Way};
use crate::flow::{Flow, Origin};
use crate::kit::Kit;
use crate::listener::{Refusal, opaque_by_port};
use crate::metrics::{Counter, Direction, TargetLabel};
use crate::resolve::Dialable;
use crate::sys::{process, socket};
use crate::worker::Worker;
use crate::worker::room::Room;
use log::warn;
use mio::net::TcpStream;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// Connections accepted of one listener in a turn: as many as were served in it, for one costs as much as two or three requests,
/// and neither those that are there nor the new ones may wait for all of the others.
const LEAST: usize = 8;
const MOST: usize = 64;
/// How long accepting pauses when the system has no descriptor or memory to give.
const PAUSE: Duration = Duration::from_millis(100);

/// What accepting is allowed to do.
pub(super) struct Accepting {
    most: usize,
    pipes: usize,
    idle: usize,
    generation: u32,
    /// The listener that begins: the one behind that which had something last.
    first: usize,
    /// At the limit; told once.
    is_full: bool,
    /// Set while the system has nothing to give.
    paused_until: Option<Moment>,
    errors: Gate,
}

impl Accepting {
    /// The number of connections that `descriptors` carry, of which the user may want fewer.
    pub(super) fn new(descriptors: usize, wanted: Option<usize>) -> Result<Accepting, String> {
        let Room { connections: possible, pipes, idle } = Room::of(descriptors);
        if possible == 0 {
            return Err(format!(
                "RLIMIT_NOFILE is {descriptors}, too low to carry a connection; allow at least 256 (ulimit -n 256)"
            ));
        }
        if let Some(wanted) = wanted.filter(|&wanted| wanted > possible) {
            warn!(
                "--max-connections {wanted}: RLIMIT_NOFILE {descriptors} carries {possible}; \
                 going on with {possible}; for more, allow {} descriptors",
                Room::descriptors_for(wanted)
            );
        }
        let most = wanted.unwrap_or(possible).min(possible);
        Ok(Accepting {
            most,
            pipes,
            idle,
            generation: 0,
            first: 0,
            is_full: false,
            paused_until: None,
            errors: Gate::default(),
        })
    }

    /// Pipes that may be open at once.
    pub(super) fn pipes(&self) -> usize {
        self.pipes
    }

    /// Upstream connections that may be kept while no request needs them.
    pub(super) fn idle(&self) -> usize {
        self.idle
    }

    /// When to try again.
    pub(super) fn retry_at(&self) -> Moment {
        self.paused_until.unwrap_or(Moment::NEVER)
    }

    /// A connection has closed.
    pub(super) fn room_again(&mut self) {
        self.is_full = false;
        self.paused_until = None;
    }

    fn next_generation(&mut self) -> u32 {
        self.generation = (self.generation + 1) % Key::GENERATIONS;
        self.generation
    }
}

impl Worker {
    /// Whether there is something to accept, and room for it.
    pub(super) fn may_accept_now(&self) -> bool {
        self.has_room() && self.listeners.iter().any(|listener| listener.is_readable())
    }

    fn has_room(&self) -> bool {
        self.flows.len() < self.accepting.most
            && self.accepting.paused_until.is_none_or(|until| until <= self.kit.now)
    }

    /// Accepts what waits, after so many connections had their turn.
    pub(super) fn accept(&mut self, served: usize) {
        if self.accepting.retry_at() <= self.kit.now {
            self.accepting.paused_until = None;
        }
        if !self.has_room() {
            // What is over has places to give.
            self.close();
        }
        let (first, count) = (self.accepting.first, self.listeners.len());
        for index in (first..count).chain(0..first) {
            if self.accept_from(index, served.clamp(LEAST, MOST)) > 0 {
                self.accepting.first = (index + 1) % count;
            }
        }
    }

    /// Returns how many there were.
    pub(super) fn accept_from(&mut self, index: usize, budget: usize) -> usize {
        for done in 0..budget {
            let has_room = self.has_room();
            let Some(listener) = self.listeners.get_mut(index).filter(|listener| listener.is_readable())
            else {
                return done;
            };
            if !has_room {
                self.note_full();
                return done;
            }
            match listener.accept() {
                Ok(Some((stream, peer))) => self.welcome(index, stream, peer),
                Ok(None) => return done,
                Err(error) => self.accept_failed(&error),
            }
        }
        budget
    }

    fn note_full(&mut self) {
        if self.flows.len() < self.accepting.most || self.accepting.is_full {
            return;
        }
        self.accepting.is_full = true;
        self.kit.count(Counter::AcceptPausedLimit);
        if self.accepting.errors.pass(self.kit.now).is_some() {
            warn!(
                "{} connections, which is the limit (--max-connections, RLIMIT_NOFILE): new ones wait in the kernel",
                self.flows.len()
            );
        }
    }

    /// Most errors of accept(2) are about the one connection and are over with it.
    pub(super) fn accept_failed(&mut self, error: &io::Error) {
        let is_exhausted = socket::is_exhaustion(error);
        if is_exhausted {
            self.accepting.paused_until = Some(self.kit.now.plus(PAUSE));
        }
        self.kit.count(if is_exhausted { Counter::AcceptPausedFds } else { Counter::AcceptErrors });
        if let Some(more) = self.accepting.errors.pass(self.kit.now) {
            warn!("cannot accept: {error}; trying again ({more} such lines left out)");
        }
    }

    fn welcome(&mut self, index: usize, stream: TcpStream, peer: SocketAddr) {
        self.accepting.paused_until = None;
        let Some(listener) = self.listeners.get(index) else { return };
        let direction = listener.direction();
        let (listen, is_steering) = (listener.entry, listener.is_steering);
        let (target, label) = match listener.target(&stream, peer, &mut self.kit.metrics) {
            Ok((target, label)) => (Some(target), label),
            Err(Refusal::NotRedirected) if listen == Entry::Outbound => {
                (None, self.kit.metrics.target(direction, &TargetLabel::None))
            }
            Err(refusal) => return self.turn_away(&stream, peer, direction, refusal),
        };
        if let (Some(Dialable::Addr(to)), true) = (target, listener.is_redirected())
            && self.is_own_dial(peer, to)
        {
            return self.turn_away(&stream, peer, direction, Refusal::OwnDial);
        }
        let port = match target {
            Some(Dialable::Addr(addr)) => Some(addr.port()),
            Some(Dialable::Name(_, port)) => Some(port),
            None => None,
        };
        let opaque = port.and_then(|port| opaque_by_port(&self.kit.config, direction, port));
        let is_server_first = is_steering && target.is_some_and(|target| self.is_server_first(target));
        let is_steered = target.is_none() || (is_steering && opaque.is_none() && !is_server_first);
        let generation = self.accepting.next_generation();
        let entry = self.flows.vacant_entry();
        let Ok(slot) = u32::try_from(entry.key()) else { return };
        let key = Key { slot, generation };
        let origin = Origin { direction, source: peer, label, opaque, is_server_first };
        let next = match target {
            Some(target) if !is_steered => {
                let mut flow = Flow::new(key, stream, origin, &mut self.kit);
                let next = match target {
                    Dialable::Addr(addr) => flow.dial(addr, &mut self.kit),
                    Dialable::Name(name, port) => flow.resolve(name, port, &mut self.kit),
                };
                entry.insert(AnyFlow::Relayed(flow));
                next
            }
            _ => {
                let way = Way { listen, target };
                let flow = SteeredFlow::new(key, stream, &origin, way, &mut self.kit);
                // Its request has mostly come with it.
                entry.insert(AnyFlow::Steered(flow)).turn(&mut self.kit)
            }
        };
        self.settle(slot, next);
    }

    /// Whether the server at `target` is remembered as one that speaks before its client; of a name, that at any of the
    /// addresses known last.
    fn is_server_first(&mut self, target: Dialable) -> bool {
        let Kit { server_first, resolver, now, .. } = &mut self.kit;
        match target {
            Dialable::Addr(address) => server_first.contains(&address, *now),
            Dialable::Name(name, port) => {
                let known = resolver.known(name);
                known.iter().any(|&ip| server_first.contains(&SocketAddr::new(ip, port), *now))
            }
        }
    }

    /// Whether the other end of a connection from `peer` to `to` is a socket of ours. While that is open nobody else has
    /// these two addresses.
    fn is_own_dial(&mut self, peer: SocketAddr, to: SocketAddr) -> bool {
        let Some(key) = self.kit.dials.find(peer, to) else { return false };
        let flow = self.flows.get(key.slot as usize).filter(|flow| flow.key() == key);
        let is_own = flow.is_some_and(|flow| flow.dials_from() == Some(peer));
        if is_own {
            self.kit.dials.came_back(peer, self.kit.now);
        }
        is_own
    }

    /// There is no target, or it is ourselves: the client sees a reset.
    fn turn_away(&mut self, stream: &TcpStream, peer: SocketAddr, direction: Direction, refusal: Refusal) {
        let (counter, why) = match refusal {
            Refusal::NotRedirected => (
                Counter::RefusedNotRedirected(direction),
                "it was not redirected here, so its target is not known; redirect it, or use --forward",
            ),
            Refusal::Loop => {
                (Counter::RefusedLoop(direction), "it wants to go to this listener itself, which would loop")
            }
            Refusal::OwnDial => (
                Counter::RefusedLoop(direction),
                "wayside itself dialled it, and the packet filter sent it back; run wayside as the user whose \
                 connections the rules leave alone (wayside init --proxy-uid), or make such rules for its user",
            ),
            Refusal::NoAnswer => {
                (Counter::RefusedNoOriginalDst(direction), "the kernel does not say where it wanted to go")
            }
        };
        self.kit.count(counter);
        socket::reset(stream);
        if let Some(more) = self.kit.refusals.pass(self.kit.now) {
            let direction = direction.as_str();
            let user = match refusal {
                Refusal::OwnDial => format!(", uid {}", process::owner().0),
                _ => String::new(),
            };
            warn!("{direction}: connection from {peer}{user} closed: {why} ({more} such lines left out)");
        }
    }
}
