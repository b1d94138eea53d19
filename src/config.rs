//! The effective configuration: one checked, immutable value.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

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
    /// How long one address of an inbound target has to accept.
    pub inbound_connect_timeout: Duration,
    /// How long one address of an outbound or forwarded target has to accept.
    pub outbound_connect_timeout: Duration,
    /// A connection without a byte either way for this long is closed.
    pub idle_timeout: Duration,
    /// The same, once one side has ended its sending.
    pub half_close_timeout: Duration,
    /// After SIGTERM, what still runs is closed after this.
    pub drain_timeout: Duration,
    /// The most connections at once; `None`: as RLIMIT_NOFILE allows.
    pub max_connections: Option<usize>,
    /// The `env_logger` filter for stderr.
    pub log: String,
    /// The file this came from, if any.
    pub file: Option<PathBuf>,
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

/// `host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// An address, known at once.
    Addr(SocketAddr),
    /// A name that the resolver keeps.
    Name(String, u16),
}

/// A set of TCP ports, written `25,3306,4000-4100`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PortSet {
    ranges: Vec<(u16, u16)>,
}

impl PortSet {
    /// Whether `port` is in the set.
    pub fn contains(&self, port: u16) -> bool {
        self.ranges.iter().any(|&(low, high)| low <= port && port <= high)
    }
}
