//! What a flow may borrow for one turn.

use crate::access_log::AccessLog;
use crate::backends::Backends;
use crate::base::buffers::{Buffers, READ_SIZE};
use crate::base::dials::Dials;
use crate::base::gate::Gate;
use crate::base::recent::Recent;
use crate::base::time::Moment;
use crate::base::token::Key;
use crate::config::Config;
use crate::course::Courses;
use crate::exchanges::{Exchanges, Lines};
use crate::metrics::{Counter, Metrics};
use crate::pool::Pool;
use crate::resolve::Resolver;
use crate::route::Router;
use crate::sys;
use crate::sys::pipe::Pipes;
use crate::wire::means::Means;
use mio::Registry;
use mio::net::TcpStream;
use std::net::SocketAddr;
use std::time::Instant;

/// The worker's means, lent to one flow at a time.
pub struct Kit {
    /// This turn's time.
    pub now: Moment,
    /// The same, for those who keep their own deadlines.
    pub instant: Instant,
    /// Where sockets are registered.
    pub registry: Registry,
    /// Set while the worker drains: from then on busy HTTP connections are closed between messages as well.
    pub hurry_from: Option<Moment>,
    /// What the user wants.
    pub config: Config,
    /// Read into by every lane in turn; what a socket does not take at once moves to `buffers`.
    pub hot: Box<[u8]>,
    /// Where bytes wait.
    pub buffers: Buffers,
    /// Where bulky bytes wait.
    pub pipes: Pipes,
    /// Who counts.
    pub metrics: Metrics,
    /// What observers of HTTP share.
    pub means: Means,
    /// Tables of HTTP exchanges that no connection needs now.
    pub spare: Vec<Box<Exchanges>>,
    /// What the access log wants of exchanges that are open, for the next ones.
    pub lines: Lines,
    /// Who writes a line for each HTTP exchange.
    pub access_log: AccessLog,
    /// Who knows the addresses of names.
    pub resolver: Resolver,
    /// Which request goes to which backend set.
    pub router: Router,
    /// The backend sets.
    pub backends: Backends,
    /// Upstream connections that are kept for the next request.
    pub pool: Pool,
    /// Courses that no steered flow needs now.
    pub courses: Courses,
    /// Where heads are rewritten.
    pub scratch: Vec<u8>,
    /// What we call ourselves in `Via`.
    pub pseudonym: String,
    /// Targets whose server spoke before the client: they are dialled at once, until one answers a request or it is long ago.
    pub server_first: Recent<SocketAddr>,
    /// One line a second about connections that are turned away.
    pub refusals: Gate,
    /// The addresses that connections reach us on, and that must never be dialled.
    pub own: Vec<SocketAddr>,
    /// What was dialled from where, to know what comes back.
    pub dials: Dials,
}

impl Kit {
    /// The size of the shared read buffer.
    pub const HOT: usize = READ_SIZE;

    /// Whether a connection to `addr` would come back to us.
    pub fn is_own(&self, addr: SocketAddr) -> bool {
        let addr = sys::socket::canonical(addr);
        self.own.iter().any(|own| {
            own.port() == addr.port()
                && (own.ip() == addr.ip()
                    || ((own.ip().is_unspecified() || addr.ip().is_unspecified())
                        && sys::socket::is_local(addr)))
        })
    }

    /// The connection `key` has dialled `to` by `stream`.
    pub fn has_dialled(&mut self, key: Key, to: SocketAddr, stream: &TcpStream) {
        let here = || stream.local_addr().ok().map(sys::socket::canonical);
        self.dials.add(key, sys::socket::canonical(to), self.now, here);
    }

    /// A process-wide counter moves.
    pub fn count(&mut self, counter: Counter) {
        self.metrics.count(counter);
    }
}
