//! The effective configuration: one checked, immutable value.
//!
//! | question | module |
//! |---|---|
//! | which options are there? | [`options`], one table that drives flags, environment, file and help |
//! | how is a value written? | `value` |
//! | where does it come from, and which source wins? | [`load`](mod@load), `file`, `environment` |
//! | which values cannot stand together? | `conflicts` |
//! | which routes and backend sets are there? | [`routes`], read by `file`, looked up and shown by `listed` |
//! | which addresses are meant? | [`cidr`] |
//! | what does `wayside init` redirect? | [`redirect`] |
//! | how is the user told? | [`problem`] |

pub mod cidr;
mod conflicts;
mod environment;
mod file;
mod listed;
pub mod load;
pub mod options;
pub mod problem;
pub mod redirect;
pub mod routes;
mod value;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

pub use cidr::{Cidr, Cidrs};
pub use load::{Loaded, Sources, check, load};
pub use problem::{Failure, Origin, Problem};
pub use routes::{Authority, Backends, Entry, PathMatch, Route, Server};
pub use value::{listen, ports};

/// Everything `wayside run` was told, after flags, environment, file and defaults were merged and checked.
///
/// In every duration, zero means "no limit".
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Listeners for redirected connections to the application.
    pub inbound: Listen,
    /// Listeners for redirected connections from the application.
    pub outbound: Listen,
    /// The admin listener.
    pub admin: Listen,
    /// Listeners that need no redirection.
    pub forwards: Vec<Forward>,
    /// Destination ports that are never inspected.
    pub opaque_ports: PortSet,
    /// What redirection leaves out on the way in; opaque, should it come all the same.
    pub skip_inbound_ports: PortSet,
    /// What redirection leaves out on the way out; opaque, should it come all the same.
    pub skip_outbound_ports: PortSet,
    /// After this an undecided connection is opaque.
    pub detect_timeout: Duration,
    /// Malformed or ambiguous HTTP/1 is refused, also where it could pass as bytes.
    pub http_strict: bool,
    /// Upstream connections are kept and shared between clients; implies `http_strict`.
    pub http_reuse: bool,
    /// Who may use us as an explicit HTTP proxy.
    pub proxy_clients: Cidrs,
    /// The ports that CONNECT may go to.
    pub connect_ports: PortSet,
    /// How long one address of an inbound target has to accept.
    pub inbound_connect_timeout: Duration,
    /// How long one address of an outbound or forwarded target has to accept.
    pub outbound_connect_timeout: Duration,
    /// A connection without a byte either way for this long is closed.
    pub idle_timeout: Duration,
    /// The same, once one side has ended its sending.
    pub half_close_timeout: Duration,
    /// An upstream connection that nobody uses is closed after this.
    pub pool_idle_timeout: Duration,
    /// The most upstream connections that are kept for each target while nobody uses them; 0: none.
    pub pool_size: usize,
    /// After SIGTERM, what still runs is closed after this.
    pub drain_timeout: Duration,
    /// The most connections at once; `None`: as RLIMIT_NOFILE allows.
    pub max_connections: Option<usize>,
    /// What is written to stdout for each HTTP request.
    pub access_log: AccessLogFormat,
    /// The `env_logger` filter for stderr.
    pub log: String,
    /// Processes that share the work; `None`: one for each core.
    pub workers: Option<usize>,
    /// Each of them stays on a core of its own.
    pub pin: bool,
    /// The routes, in the order of the file; at most [`routes::MOST_ROUTES`].
    pub routes: Vec<Route>,
    /// The backend sets that routes name, in the order of their names; at most [`routes::MOST_BACKENDS`].
    pub backends: Vec<Backends>,
    /// The file this came from, if any.
    pub file: Option<PathBuf>,
}

impl Default for Config {
    /// What holds where the user says nothing.
    fn default() -> Config {
        let v4 = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let v6 = IpAddr::V6(Ipv6Addr::LOCALHOST);
        Config {
            inbound: Listen::by_default(&[(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 4143)]),
            outbound: Listen::by_default(&[(v4, 4140), (v6, 4140)]),
            admin: Listen::by_default(&[(v4, 4191)]),
            forwards: Vec::new(),
            opaque_ports: PortSet::of(vec![(25, 25), (587, 587), (3306, 3306)]),
            skip_inbound_ports: PortSet::default(),
            skip_outbound_ports: PortSet::default(),
            detect_timeout: Duration::from_secs(10),
            http_strict: false,
            http_reuse: false,
            proxy_clients: Cidrs::loopback(),
            connect_ports: PortSet::of(vec![(1, u16::MAX)]),
            inbound_connect_timeout: Duration::from_millis(300),
            outbound_connect_timeout: Duration::from_secs(1),
            idle_timeout: Duration::ZERO,
            half_close_timeout: Duration::from_secs(60),
            pool_idle_timeout: Duration::from_secs(3),
            pool_size: 64,
            drain_timeout: Duration::from_secs(25),
            max_connections: None,
            access_log: AccessLogFormat::Off,
            log: "warn".to_owned(),
            workers: Some(1),
            pin: false,
            routes: Vec::new(),
            backends: Vec::new(),
            file: None,
        }
    }
}

/// Addresses to listen on for one purpose. Empty: `off`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listen {
    /// Where to listen; port 0 lets the kernel choose.
    pub addrs: Vec<SocketAddr>,
    /// True where the user said nothing: an address family the host lacks, or a taken port beside
    /// a working `--forward`, is then a warning, not an error.
    pub by_default: bool,
}

impl Listen {
    fn by_default(addrs: &[(IpAddr, u16)]) -> Listen {
        Listen { addrs: addrs.iter().map(|&addr| addr.into()).collect(), by_default: true }
    }
}

/// `--access-log`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AccessLogFormat {
    /// No access log.
    Off,
    /// A JSON object a line.
    Json,
    /// The combined format of Apache httpd.
    Apache,
}

impl AccessLogFormat {
    const ALL: [AccessLogFormat; 3] = [AccessLogFormat::Off, AccessLogFormat::Json, AccessLogFormat::Apache];

    /// As it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            AccessLogFormat::Off => "off",
            AccessLogFormat::Json => "json",
            AccessLogFormat::Apache => "apache",
        }
    }
}

/// `--forward LISTEN=TARGET`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forward {
    /// Where to listen.
    pub listen: SocketAddr,
    /// Where to.
    pub target: Target,
    /// Written `inbound:LISTEN=TARGET`: counted as inbound.
    pub inbound: bool,
}

impl fmt::Display for Forward {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let prefix = if self.inbound { "inbound:" } else { "" };
        write!(f, "{prefix}{}={}", self.listen, self.target)
    }
}

/// `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An address, known at once.
    Addr(SocketAddr),
    /// A name that the resolver keeps.
    Name(String, u16),
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Addr(addr) => write!(f, "{addr}"),
            Target::Name(name, port) => write!(f, "{name}:{port}"),
        }
    }
}

/// A set of TCP ports, written `25,3306,4000-4100`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortSet {
    ranges: Vec<(u16, u16)>,
}

impl PortSet {
    /// The ports of these ranges; they may touch, overlap and come in any order.
    fn of(mut ranges: Vec<(u16, u16)>) -> PortSet {
        ranges.sort_unstable();
        let mut merged: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (low, high) in ranges {
            match merged.last_mut() {
                Some(last) if low <= last.1.saturating_add(1) => last.1 = last.1.max(high),
                _ => merged.push((low, high)),
            }
        }
        PortSet { ranges: merged }
    }

    /// The ranges, in order; none touches another.
    pub fn ranges(&self) -> &[(u16, u16)] {
        &self.ranges
    }

    /// Whether `port` is in the set.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|&(low, high)| low <= port && port <= high)
    }
}

impl fmt::Display for PortSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (low, high)) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if low == high {
                write!(f, "{comma}{low}")?;
            } else {
                write!(f, "{comma}{low}-{high}")?;
            }
        }
        Ok(())
    }
}
