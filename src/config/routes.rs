//! Routes and backend sets, as the file's `[[route]]` and `[backends.NAME]` tables give them: plain, checked data.

use std::fmt;

use super::Target;

/// The most routes. More are an error.
pub const MOST_ROUTES: usize = 1024;
/// The most backend sets. More are an error.
pub const MOST_BACKENDS: usize = 256;
/// The most servers of one backend set. More are an error.
pub const MOST_SERVERS: usize = 256;
/// The most values of one list in a route: listeners, authorities, methods, headers, backend sets. More are an error.
pub const MOST_ITEMS: usize = 256;

/// `[backends.NAME]`: servers that can stand for each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backends {
    /// Unique; for logs, metrics and `--explain`.
    pub name: String,
    /// At least one, at most [`MOST_SERVERS`], no target twice; not all of weight 0.
    pub servers: Vec<Server>,
}

/// One server of a backend set. A name may stand for several addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it is.
    pub target: Target,
    /// Its share of the set's traffic, in proportion to the other weights; 0: never chosen.
    pub weight: u16,
}

/// `[[route]]`: which requests, and to which backend sets. Every criterion that is there must be met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Unique; for logs, metrics and `--explain`.
    pub name: String,
    /// The listeners it holds for; empty: all.
    pub listen: Vec<Entry>,
    /// Any of them; empty: all.
    pub authorities: Vec<Authority>,
    /// The path.
    pub path: PathMatch,
    /// Any of them, case-sensitive; empty: all.
    pub methods: Vec<String>,
    /// All of them: a name in lower case, and the exact value. Sorted by name, no name twice.
    pub headers: Vec<(String, String)>,
    /// Backend sets, as indices into [`super::Config::backends`], and their weights. At least one, no set twice;
    /// not all of weight 0.
    pub backends: Vec<(usize, u16)>,
}

impl Route {
    /// Whether it asks for more than the listener and the authority: then it never matches TLS.
    pub fn needs_request(&self) -> bool {
        self.path != PathMatch::Any || !self.methods.is_empty() || !self.headers.is_empty()
    }
}

/// Which listener a connection came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entry {
    /// `inbound-listen`.
    Inbound,
    /// `outbound-listen`.
    Outbound,
    /// A `forward`, as an index into [`super::Config::forwards`].
    Forward(usize),
}

/// One entry of a route's `authority`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Authority {
    /// The host, or what follows `*.`: in lower case, without a trailing dot. An IPv6 address has no brackets.
    pub host: String,
    /// Written `*.host`: one or more labels before `host`, never `host` itself.
    pub wildcard: bool,
    /// `None`: any port.
    pub port: Option<u16>,
}

impl fmt::Display for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let star = if self.wildcard { "*." } else { "" };
        if self.host.contains(':') {
            write!(f, "[{}]", self.host)?;
        } else {
            write!(f, "{star}{}", self.host)?;
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

/// What a route asks of the path. The query is no part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathMatch {
    /// Nothing.
    Any,
    /// `path`: exactly this.
    Exact(String),
    /// `path-prefix`: whole path elements, without a trailing `/` (`/` itself is empty): `/v1` and `/v1/x`, not `/v12`.
    Prefix(String),
}
