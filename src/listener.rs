//! A listening socket: accepts within a budget, and finds out where a connection wanted to go.

use crate::base::token::Source;
use crate::config::{Config, Entry, Listen, Target};
use crate::metrics::{Direction, Metrics, TargetId, TargetLabel};
use crate::resolve::{Dialable, Resolver};
use crate::route::Router;
use crate::sys::socket;
use crate::wire::detect::{DecidedBy, Protocol, Verdict};
use log::warn;
use mio::net::{TcpListener, TcpStream};
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
    /// There may be connections to accept.
    pub readable: bool,
    socket: Option<TcpListener>,
    text: String,
}

/// Why a connection cannot be carried.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// It came to us directly, so it has no target.
    NotRedirected,
    /// Its target is ourselves.
    Loop,
    /// The kernel would not say what its target is.
    NoAnswer,
}

impl Listener {
    /// Stops listening. What the kernel has queued is reset.
    pub fn close(&mut self) {
        self.socket = None;
        self.readable = false;
    }

    /// Whether it still listens.
    pub fn is_open(&self) -> bool {
        self.socket.is_some()
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
        let Some(socket) = &self.socket else { return Ok(None) };
        match socket.accept() {
            Ok((stream, peer)) => Ok(Some((stream, socket::canonical(peer)))),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.readable = false;
                Ok(None)
            }
            Err(error) => Err(error),
        }
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

/// Opens all listeners of the data path and registers them. The error names the address.
pub fn open_all(
    config: &Config,
    registry: &Registry,
    metrics: &mut Metrics,
    resolver: &mut Resolver,
) -> Result<Vec<Listener>, String> {
    let mut all = Vec::new();
    let is_lenient = !config.forwards.is_empty();
    for (listen, direction) in
        [(&config.inbound, Direction::Inbound), (&config.outbound, Direction::Outbound)]
    {
        for (socket, addr) in open(listen, &format!("--{}-listen", direction.as_str()), is_lenient)? {
            let text = format!("{} {addr}", direction.as_str());
            let entry = match direction {
                Direction::Inbound => Entry::Inbound,
                Direction::Outbound => Entry::Outbound,
            };
            all.push((entry, Purpose::Redirected(direction), socket, addr, text));
        }
    }
    for (index, forward) in config.forwards.iter().enumerate() {
        let direction = if forward.inbound { Direction::Inbound } else { Direction::Outbound };
        let (target, label, name) = match &forward.target {
            Target::Addr(addr) => (Dialable::Addr(*addr), TargetLabel::Addr(*addr), addr.to_string()),
            Target::Name(host, port) => {
                let label = TargetLabel::Name(Rc::from(host.as_str()), *port);
                (Dialable::Name(resolver.name(host), *port), label, format!("{host}:{port}"))
            }
        };
        let label = metrics.target(direction, &label);
        let socket = socket::listen(forward.listen)
            .map_err(|error| cannot_listen("--forward", forward.listen, &error))?;
        let addr = socket.local_addr().map_err(|error| cannot_listen("--forward", forward.listen, &error))?;
        let text = format!("forward {addr} -> {name}");
        all.push((Entry::Forward(index), Purpose::Forward { direction, target, label }, socket, addr, text));
    }
    let router = Router::new(config);
    register(all, registry, |entry| config.http_reuse || router.applies_to(entry))
}

/// Opens the sockets of one option.
pub fn open(
    listen: &Listen,
    option: &str,
    is_lenient: bool,
) -> Result<Vec<(TcpListener, SocketAddr)>, String> {
    let mut sockets = Vec::new();
    for &wanted in &listen.addrs {
        // `127.0.0.1:4140,[::1]:4140`, written out, is as lenient as the default: one of the two is what the host has.
        let is_one_of_many = listen.addrs.len() > 1 && wanted.ip().is_loopback();
        match open_one(wanted, listen.by_default || is_one_of_many) {
            Ok(opened) => sockets.extend(opened),
            Err(error) if listen.by_default && is_lenient && error.kind() == io::ErrorKind::AddrInUse => {
                warn!(
                    "{option} {wanted}: taken by another process; going on without it, as there is a --forward"
                );
            }
            Err(error) => return Err(cannot_listen(option, wanted, &error)),
        }
    }
    Ok(sockets)
}

/// On a host without IPv6 `[::]`, which means all addresses, becomes `0.0.0.0`; another address of it is left out where
/// that `is_lenient`.
fn open_one(wanted: SocketAddr, is_lenient: bool) -> io::Result<Option<(TcpListener, SocketAddr)>> {
    let socket = match socket::listen(wanted) {
        Err(error) if wanted.is_ipv6() && socket::is_missing_family(&error) => {
            if wanted.ip().is_unspecified() {
                socket::listen(SocketAddr::new([0, 0, 0, 0].into(), wanted.port()))?
            } else if is_lenient {
                return Ok(None);
            } else {
                return Err(error);
            }
        }
        other => other?,
    };
    let addr = socket.local_addr()?;
    Ok(Some((socket, addr)))
}

fn cannot_listen(option: &str, addr: SocketAddr, error: &io::Error) -> String {
    let way_out = match error.kind() {
        io::ErrorKind::AddrInUse => "another process listens there; choose another port, or end that process",
        io::ErrorKind::AddrNotAvailable => "this host has no such address",
        io::ErrorKind::PermissionDenied => "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one",
        _ => "choose another address",
    };
    format!("{option} {addr}: cannot listen: {error}; {way_out}")
}

fn register(
    all: Vec<(Entry, Purpose, TcpListener, SocketAddr, String)>,
    registry: &Registry,
    is_steering: impl Fn(Entry) -> bool,
) -> Result<Vec<Listener>, String> {
    let mut listeners = Vec::with_capacity(all.len());
    for (index, (entry, purpose, mut socket, addr, text)) in all.into_iter().enumerate() {
        registry
            .register(&mut socket, Source::Listener(index).token(), Interest::READABLE)
            .map_err(|error| format!("{text}: cannot be watched: {error}"))?;
        let (is_steering, socket) = (is_steering(entry), Some(socket));
        listeners.push(Listener { purpose, addr, entry, is_steering, readable: false, socket, text });
    }
    Ok(listeners)
}
