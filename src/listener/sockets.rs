//! Which listening sockets a configuration asks for, and those that somebody else has opened already.

use crate::config::{Config, Listen};
use crate::sys::socket;
use crate::sys::stdout::say;
use log::warn;
use mio::net::TcpListener;
use std::fmt::{self, Write as _};
use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::str::FromStr;

/// What a listening socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// `--inbound-listen`.
    Inbound,
    /// `--outbound-listen`.
    Outbound,
    /// `--forward`, by its place among them.
    Forward(usize),
    /// `--admin-listen`.
    Admin,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Inbound => f.write_str("inbound"),
            Role::Outbound => f.write_str("outbound"),
            Role::Forward(index) => write!(f, "forward:{index}"),
            Role::Admin => f.write_str("admin"),
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Role, String> {
        match text.split_once(':').unwrap_or((text, "")) {
            ("inbound", "") => Ok(Role::Inbound),
            ("outbound", "") => Ok(Role::Outbound),
            ("admin", "") => Ok(Role::Admin),
            ("forward", index) => index.parse().map(Role::Forward).map_err(|_| text.to_owned()),
            _ => Err(text.to_owned()),
        }
    }
}

impl Role {
    /// The line that says at the start that it listens.
    pub fn describe(self, addr: SocketAddr, config: &Config) -> String {
        match self {
            Role::Inbound => format!("inbound {addr}"),
            Role::Outbound => format!("outbound {addr}"),
            Role::Admin => format!("admin {addr}"),
            Role::Forward(index) => match config.forwards.get(index) {
                Some(forward) => format!("forward {addr} -> {}", forward.target),
                None => format!("forward {addr}"),
            },
        }
    }
}

/// One line a listener, then `ready`: programs read these lines to learn the ports that the kernel chose.
pub fn announce(listeners: impl IntoIterator<Item = String>, admin: &[SocketAddr]) {
    let mut lines = String::new();
    for listener in listeners {
        let _ = writeln!(lines, "wayside: listening {listener}");
    }
    for addr in admin {
        let _ = writeln!(lines, "wayside: listening admin {addr}");
    }
    if let Some(addr) = admin.first() {
        let _ = writeln!(lines, "wayside: try: curl http://{addr}/metrics or /connections; Ctrl-C ends");
    }
    let _ = writeln!(lines, "wayside: ready");
    // A stdout that is closed, or full because nobody reads it, is no reason not to run.
    say(lines.as_bytes());
}

/// A listening socket that the configuration asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// What for.
    pub role: Role,
    /// Where; port 0 lets the kernel choose.
    pub addr: SocketAddr,
    /// An address of a family that the host lacks is left out.
    is_lenient: bool,
    /// It may be left out where another process has the port.
    is_dispensable: bool,
}

impl Wanted {
    /// All of the data path, in the order of the configuration.
    pub fn data(config: &Config) -> Vec<Wanted> {
        let mut all = Wanted::listen(config, &config.inbound, Role::Inbound);
        all.extend(Wanted::listen(config, &config.outbound, Role::Outbound));
        all.extend(config.forwards.iter().enumerate().map(|(index, forward)| Wanted {
            role: Role::Forward(index),
            addr: forward.listen,
            is_lenient: false,
            is_dispensable: false,
        }));
        all
    }

    /// Those of the admin server.
    pub fn admin(config: &Config) -> Vec<Wanted> {
        Wanted::listen(config, &config.admin, Role::Admin)
    }

    fn listen(config: &Config, listen: &Listen, role: Role) -> Vec<Wanted> {
        let is_dispensable = listen.by_default && !config.forwards.is_empty();
        // `127.0.0.1:4140,[::1]:4140`, written out, is as lenient as the default: one of the two is what the host has.
        let is_lenient =
            |addr: SocketAddr| listen.by_default || (listen.addrs.len() > 1 && addr.ip().is_loopback());
        let wanted = |&addr| Wanted { role, addr, is_lenient: is_lenient(addr), is_dispensable };
        listen.addrs.iter().map(wanted).collect()
    }

    fn option(&self) -> String {
        match self.role {
            Role::Forward(_) => "--forward".to_owned(),
            role => format!("--{role}-listen"),
        }
    }

    /// Opens it by `listen`. `None`: it is left out. The error is one line for the user.
    pub fn open(
        &self,
        listen: impl Fn(SocketAddr) -> io::Result<TcpListener>,
    ) -> Result<Option<TcpListener>, String> {
        match self.open_here(listen) {
            Err(error) if self.is_dispensable && error.kind() == io::ErrorKind::AddrInUse => {
                let (option, addr) = (self.option(), self.addr);
                warn!(
                    "{option} {addr}: taken by another process; going on without it, as there is a --forward"
                );
                Ok(None)
            }
            Err(error) => Err(self.cannot_listen(&error)),
            Ok(socket) => Ok(socket),
        }
    }

    /// On a host without IPv6 `[::]`, which means all addresses, becomes `0.0.0.0`; another address of it is left out
    /// where that `is_lenient`. A forward is what it says, or an error.
    fn open_here(
        &self,
        listen: impl Fn(SocketAddr) -> io::Result<TcpListener>,
    ) -> io::Result<Option<TcpListener>> {
        match listen(self.addr) {
            Err(error) if self.addr.is_ipv6() && socket::is_missing_family(&error) => match self.role {
                Role::Forward(_) => Err(error),
                _ if self.addr.ip().is_unspecified() => {
                    listen(SocketAddr::new([0, 0, 0, 0].into(), self.addr.port())).map(Some)
                }
                _ if self.is_lenient => Ok(None),
                _ => Err(error),
            },
            other => other.map(Some),
        }
    }

    fn cannot_listen(&self, error: &io::Error) -> String {
        let way_out = match error.kind() {
            io::ErrorKind::AddrInUse => {
                "another process listens there; choose another port, or end that process"
            }
            io::ErrorKind::AddrNotAvailable => "this host has no such address",
            io::ErrorKind::PermissionDenied => {
                "ports below 1024 need CAP_NET_BIND_SERVICE; choose a higher one"
            }
            _ => "choose another address",
        };
        format!("{} {}: cannot listen: {error}; {way_out}", self.option(), self.addr)
    }
}

/// Listening sockets that were opened by somebody else: the supervisor, or the service manager.
#[derive(Debug, Default)]
pub struct Given {
    sockets: Vec<(Role, OwnedFd)>,
    /// Nothing is opened besides them.
    is_all: bool,
}

impl Given {
    /// All that a worker has.
    pub fn all(sockets: Vec<(Role, OwnedFd)>) -> Given {
        Given { sockets, is_all: true }
    }

    /// What the service manager handed over, each with its name; forwards are numbered as they come. They stand in
    /// for the addresses of the same option.
    pub fn by_manager(named: Vec<(String, OwnedFd)>, config: &Config) -> Result<Given, String> {
        let mut sockets = Vec::with_capacity(named.len());
        let mut forwards = 0;
        for (name, socket) in named {
            let role = match name.as_str() {
                "inbound" => Role::Inbound,
                "outbound" => Role::Outbound,
                "admin" => Role::Admin,
                "forward" if forwards < config.forwards.len() => {
                    forwards += 1;
                    Role::Forward(forwards - 1)
                }
                "forward" => {
                    return Err(format!(
                        "socket activation: more sockets called \"forward\" than the {forwards} of --forward"
                    ));
                }
                _ => {
                    return Err(format!(
                        "socket activation: {name:?} is not a listener of ours; set FileDescriptorName= to inbound, \
                         outbound, forward or admin"
                    ));
                }
            };
            sockets.push((role, socket));
        }
        Ok(Given { sockets, is_all: false })
    }

    /// Takes the sockets of this role out.
    pub fn take(&mut self, role: Role) -> Vec<OwnedFd> {
        let (taken, rest) = std::mem::take(&mut self.sockets).into_iter().partition(|(its, _)| *its == role);
        self.sockets = rest;
        let taken: Vec<(Role, OwnedFd)> = taken;
        taken.into_iter().map(|(_, socket)| socket).collect()
    }

    /// Every socket of `wanted`: those that were given, and the rest opened here. The error is one line for the user.
    pub fn complete(&mut self, wanted: &[Wanted]) -> Result<Vec<(Role, TcpListener)>, String> {
        let mut all = Vec::new();
        let mut roles: Vec<Role> = wanted.iter().map(|it| it.role).collect();
        roles.dedup();
        for role in roles {
            let given = self.take(role);
            let is_given = self.is_all || !given.is_empty();
            for socket in given {
                let socket = socket::adopt(socket)
                    .map_err(|error| format!("the {role} socket handed over: {error}"))?;
                all.push((role, socket));
            }
            for wanted in wanted.iter().filter(|it| it.role == role && !is_given) {
                all.extend(wanted.open(socket::listen)?.map(|socket| (role, socket)));
            }
        }
        Ok(all)
    }
}
