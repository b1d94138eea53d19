//! A listening socket: what it is for, and where a connection that came to it wanted to go.

mod queue;
pub mod sockets;

use crate::base::token::Source;
use crate::config::{Config, Entry, Target};
use crate::listener::queue::Queue;
use crate::listener::sockets::{Given, Role, Wanted};
use crate::metrics::{Direction, Metrics, TargetId, TargetLabel};
use crate::resolve::{Dialable, Resolver};
use crate::route::Router;
use crate::sys::socket;
use crate::wire::detect::{DecidedBy, Protocol, Verdict};
use mio::net::TcpStream;
use mio::{Interest, Registry};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;

/// What a listener is for.
#[derive(Debug)]
pub enum Purpose {
    /// Redirected connections; the packet filter knows the target.
    Redirected(Direction),
    /// A target of its own.
    Forward {
        /// How it is counted.
        direction: Direction,
        /// Where to.
        target: Dialable,
        /// Its series.
        label: TargetId,
    },
}

/// A listening socket of the data path.
#[derive(Debug)]
pub struct Listener {
    /// What it is for.
    pub purpose: Purpose,
    /// Where it listens.
    pub addr: SocketAddr,
    /// The listener, as routes know it.
    pub entry: Entry,
    /// Whether its connections are steered, where their target is known.
    pub is_steering: bool,
    queue: Queue,
    text: String,
}

/// Why a connection cannot be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It came to us directly, so it has no target.
    NotRedirected,
    /// Its target is ourselves.
    Loop,
    /// It is one that we dialled ourselves.
    OwnDial,
    /// The kernel would not say what its target is.
    NoAnswer,
}

impl Listener {
    /// Stops listening. What the kernel has queued is reset, unless another process has the same socket.
    pub fn close(&mut self, registry: &Registry) {
        self.queue.close(registry);
    }

    /// epoll says that there are connections to accept.
    pub fn mark(&mut self) {
        self.queue.mark();
    }

    /// Whether there may be connections to accept.
    pub fn is_readable(&self) -> bool {
        self.queue.is_readable()
    }

    /// Whether it still listens.
    pub fn is_open(&self) -> bool {
        self.queue.is_open()
    }

    /// Whether connections are redirected to it.
    pub fn is_redirected(&self) -> bool {
        matches!(self.purpose, Purpose::Redirected(_))
    }

    /// How its connections are counted.
    pub fn direction(&self) -> Direction {
        match self.purpose {
            Purpose::Redirected(direction) | Purpose::Forward { direction, .. } => direction,
        }
    }

    /// Whether it goes on accepting while wayside drains: the application still needs its way out.
    pub fn serves_while_draining(&self) -> bool {
        matches!(self.purpose, Purpose::Redirected(Direction::Outbound))
    }

    /// The next connection; `None` when there are no more for now.
    pub fn accept(&mut self) -> io::Result<Option<(TcpStream, SocketAddr)>> {
        self.queue.accept()
    }

    /// Where a connection that was accepted here wants to go, and as what it is counted.
    pub fn target(
        &self,
        stream: &TcpStream,
        peer: SocketAddr,
        metrics: &mut Metrics,
    ) -> Result<(Dialable, TargetId), Refusal> {
        let direction = match &self.purpose {
            Purpose::Forward { target, label, .. } => return Ok((*target, *label)),
            Purpose::Redirected(direction) => *direction,
        };
        let wanted = match socket::original_destination(stream, peer) {
            Ok(Some(wanted)) => wanted,
            Ok(None) => return Err(Refusal::NotRedirected),
            Err(_) => return Err(Refusal::NoAnswer),
        };
        // With connection tracking on, the kernel knows a "destination" of every connection: our own address.
        if stream.local_addr().is_ok_and(|own| socket::canonical(own) == wanted) {
            return Err(match direction {
                Direction::Inbound => Refusal::Loop,
                Direction::Outbound => Refusal::NotRedirected,
            });
        }
        Ok((Dialable::Addr(wanted), metrics.target(direction, &TargetLabel::Addr(wanted))))
    }

    /// The line that says so at the start.
    pub fn describe(&self) -> &str {
        &self.text
    }
}

/// The verdict on a connection that is not to be inspected, because of its destination port.
pub fn opaque_by_port(config: &Config, direction: Direction, port: u16) -> Option<Verdict> {
    let skipped = match direction {
        Direction::Inbound => &config.skip_inbound_ports,
        Direction::Outbound => &config.skip_outbound_ports,
    };
    (config.opaque_ports.contains(port) || skipped.contains(port)).then(|| Verdict {
        protocol: Protocol::of_port(port),
        decided_by: DecidedBy::Port,
        hello: None,
    })
}

/// Registers all listeners of the data path, and opens those that were not given. The error is one line for the user.
pub fn open_all(
    config: &Config,
    given: &mut Given,
    registry: &Registry,
    metrics: &mut Metrics,
    resolver: &mut Resolver,
) -> Result<Vec<Listener>, String> {
    let router = Router::new(config);
    let mut listeners = Vec::new();
    for (role, mut socket) in given.complete(&Wanted::data(config))? {
        let Some((entry, purpose)) = purpose(role, config, metrics, resolver) else { continue };
        let addr = socket.local_addr().map_err(|error| format!("{role}: has no address: {error}"))?;
        let text = role.describe(addr, config);
        registry
            .register(&mut socket, Source::Listener(listeners.len()).token(), Interest::READABLE)
            .map_err(|error| format!("{text}: cannot be watched: {error}"))?;
        let is_steering = config.http_reuse || router.applies_to(entry);
        let queue = Queue::new(socket);
        listeners.push(Listener { purpose, addr, entry, is_steering, queue, text });
    }
    Ok(listeners)
}

fn purpose(
    role: Role,
    config: &Config,
    metrics: &mut Metrics,
    resolver: &mut Resolver,
) -> Option<(Entry, Purpose)> {
    let index = match role {
        Role::Inbound => return Some((Entry::Inbound, Purpose::Redirected(Direction::Inbound))),
        Role::Outbound => return Some((Entry::Outbound, Purpose::Redirected(Direction::Outbound))),
        Role::Admin => return None,
        Role::Forward(index) => index,
    };
    let forward = config.forwards.get(index)?;
    let direction = if forward.inbound { Direction::Inbound } else { Direction::Outbound };
    let (target, label) = match &forward.target {
        Target::Addr(addr) => (Dialable::Addr(*addr), TargetLabel::Addr(*addr)),
        Target::Name(host, port) => {
            let label = TargetLabel::Name(Rc::from(host.as_str()), *port);
            (Dialable::Name(resolver.name(host), *port), label)
        }
    };
    let label = metrics.target(direction, &label);
    Some((Entry::Forward(index), Purpose::Forward { direction, target, label }))
}
