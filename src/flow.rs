//! A connection's whole life on one page.
//!
//! ```text
//! accepted ──► Resolving ──► Dialing ──► Relaying ──► closed
//!                  │            │            └──► Resetting ──► closed
//!                  └────────────┴──► Refused ──► Farewell ──► closed
//! ```
//!
//! | stage | waits for | goes on to |
//! |---|---|---|
//! | `Resolving` | the addresses of the target's name | `Dialing`, or `Refused` without any |
//! | `Dialing` | the upstream to accept | `Relaying`; the next address; `Refused` after the last |
//! | `Relaying` | bytes, either way | closed when both sides have ended; `Resetting` when one was reset |
//! | `Resetting` | the other side's kernel to have what came before the reset | closed, with a reset |
//! | `Refused` | the client's first bytes, up to 1 s | `Farewell` if they are HTTP; else closed, with a reset |
//! | `Farewell` | the client to end, up to 2 s | closed |
//!
//! Each stage is served in its own file; this one holds the parts and the way between them.

pub mod any;
pub mod dial;
pub mod drain;
pub mod http;
pub mod lane;
pub mod ledger;
pub mod refuse;
pub mod relay;
pub mod steer;
pub mod transit;
pub mod watch;

use crate::base::end::End;
use crate::base::time::Moment;
use crate::base::token::Key;
use crate::flow::dial::Dial;
use crate::flow::http::Http;
use crate::flow::lane::Lane;
use crate::flow::ledger::Account;
use crate::kit::Kit;
use crate::metrics::{Direction, TargetId};
use crate::resolve::NameId;
use crate::wire::observer::Observer;
use mio::event::Event;
use mio::net::TcpStream;
use std::net::SocketAddr;

/// Where a flow stands.
#[derive(Debug)]
pub enum Stage {
    /// The target is a name; its addresses are being looked up.
    Resolving(NameId, u16),
    /// A connect is under way.
    Dialing(Box<Dial>),
    /// Both connections stand.
    Relaying,
    /// No upstream was to be had; the client may still say what it speaks.
    Refused {
        /// When the wait ends.
        until: Moment,
        /// A client of HTTP/2 has had our SETTINGS.
        is_greeted: bool,
    },
    /// The client was told why; what it still sends is read and thrown away, so that it gets to read the answer.
    Farewell {
        /// When the wait ends.
        until: Moment,
        /// How many bytes more are read.
        allowance: usize,
    },
    /// One side was reset. The other is, too, as soon as its kernel has delivered what came before.
    Resetting(Box<Resetting>),
}

/// The wait for a kernel to deliver what came before a reset.
#[derive(Debug)]
pub struct Resetting {
    /// The side that is still open.
    side: Side,
    /// Why all this.
    ending: Ending,
    /// When to look next.
    next: Moment,
    /// How often it was looked.
    looks: u8,
    /// Bytes that its kernel had not delivered at the last look.
    left: usize,
    /// When it is reset in any case: `--half-close-timeout` after the last of them was delivered.
    until: Moment,
}

impl Stage {
    /// The name in `/connections`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Stage::Resolving(..) => "resolving",
            Stage::Dialing(_) => "dialing",
            Stage::Relaying => "relaying",
            Stage::Refused { .. } => "refused",
            Stage::Farewell { .. } => "farewell",
            Stage::Resetting(_) => "resetting",
        }
    }
}

/// One of the two connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The one that was accepted.
    Client,
    /// The one that was dialled.
    Upstream,
}

impl Side {
    /// The word for it in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Side::Client => "client",
            Side::Upstream => "server",
        }
    }
}

/// What a turn came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is more to do now, but others come first.
    Again,
    /// Nothing to do until an event, or [`Flow::deadline`].
    Wait,
    /// The flow is over, and why.
    Close(Ending),
    /// Of a steered flow only: it goes on in another form.
    Change,
}

/// Why a flow is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Both sides ended in order.
    Finished,
    /// One side was reset, or failed.
    Reset,
    /// No upstream was to be had.
    Refused,
    /// The target is one of our own listeners.
    Loop,
    /// Nothing moved for `--idle-timeout`.
    Idle,
    /// One side had ended, and nothing moved for `--half-close-timeout`.
    HalfClosed,
    /// Between two messages, while draining.
    Drained,
    /// The drain time-out, or a second signal.
    Shutdown,
}

impl Ending {
    /// The words for it in the log.
    pub fn as_str(self) -> &'static str {
        match self {
            Ending::Finished => "finished",
            Ending::Reset => "reset",
            Ending::Refused => "no upstream",
            Ending::Loop => "would loop",
            Ending::Idle => "idle time-out",
            Ending::HalfClosed => "half-close time-out",
            Ending::Drained => "drained",
            Ending::Shutdown => "shut down",
        }
    }
}

/// A client connection, its upstream, and the two lanes between them.
#[derive(Debug)]
pub struct Flow {
    /// Its place in the slab.
    pub key: Key,
    /// True while it stands in the worker's queue.
    pub queued: bool,
    /// When its entry in the timer wheel comes out.
    pub armed: Moment,
    stage: Stage,
    client: End,
    upstream: Option<End>,
    /// From client to upstream.
    up: Lane,
    /// From upstream to client.
    down: Lane,
    observer: Observer,
    /// The client was told that wayside drains.
    has_notice: bool,
    http: Http,
    /// The last turn that an event asked for.
    active: Moment,
    /// When to look for a reader that pauses.
    stall_check: Moment,
    /// Its upstream's socket is guarded against a host that is gone.
    is_guarded: bool,
    /// The side that was reset or failed.
    broken: Option<Side>,
    account: Account,
}

impl Flow {
    /// Takes over an accepted socket, which is not registered with epoll yet.
    pub fn new(key: Key, stream: TcpStream, origin: Origin, kit: &mut Kit) -> Flow {
        let observer = match origin.opaque {
            Some(_) => Observer::Opaque,
            None => Observer::default(),
        };
        let mut flow = Flow {
            key,
            queued: false,
            armed: Moment::NEVER,
            stage: Stage::Refused { until: Moment::NEVER, is_greeted: false },
            client: End::accepted(stream),
            upstream: None,
            up: Lane::default(),
            down: Lane::default(),
            observer,
            has_notice: false,
            http: Http::default(),
            active: kit.now,
            stall_check: Moment::NEVER,
            is_guarded: false,
            broken: None,
            account: Account::open(&origin, kit),
        };
        if let Some(verdict) = origin.opaque {
            flow.decide(verdict, kit);
        }
        flow
    }

    /// One whose two connections are there already, or that only has something to tell its client.
    fn of_parts(parts: Parts) -> Flow {
        let Parts { key, client, upstream, up, down, observer, http, account } = parts;
        Flow {
            key,
            queued: false,
            armed: Moment::NEVER,
            stage: Stage::Relaying,
            client,
            upstream,
            up,
            down,
            observer,
            has_notice: false,
            http,
            active: Moment::NEVER,
            stall_check: Moment::NEVER,
            is_guarded: true,
            broken: None,
            account,
        }
    }

    /// Remembers what epoll says of one of the two sockets.
    pub fn mark(&mut self, side: Side, event: &Event) {
        let end = match side {
            Side::Client => Some(&mut self.client),
            Side::Upstream => self.upstream.as_mut(),
        };
        if let Some(end) = end {
            end.ready.mark(event);
        }
    }

    /// The socket to the upstream, if there is one.
    pub fn upstream_socket(&self) -> Option<&TcpStream> {
        self.upstream.as_ref().map(|end| &end.stream)
    }

    /// One bounded turn, because of an event.
    pub fn turn(&mut self, kit: &mut Kit) -> Next {
        self.active = kit.now;
        match self.stage {
            Stage::Resolving(name, port) => self.resolving(name, port, kit),
            Stage::Dialing(_) => self.dialing(kit),
            Stage::Relaying => self.relaying(kit),
            Stage::Refused { .. } => self.refused(kit),
            Stage::Farewell { .. } => self.farewell(kit),
            Stage::Resetting(_) => self.resetting(kit),
        }
    }

    /// When [`Flow::expire`] wants to be called.
    pub fn deadline(&self, kit: &Kit) -> Moment {
        match &self.stage {
            Stage::Resolving(..) => Moment::NEVER,
            Stage::Dialing(dial) => dial.until,
            Stage::Relaying => self.relay_deadline(kit),
            Stage::Refused { until, .. } | Stage::Farewell { until, .. } => *until,
            Stage::Resetting(wait) => wait.next,
        }
    }

    /// The deadline has come.
    pub fn expire(&mut self, kit: &mut Kit) -> Next {
        match self.stage {
            Stage::Resolving(..) => Next::Wait,
            Stage::Dialing(_) => self.dial_expired(kit),
            Stage::Relaying => self.relay_expired(kit),
            Stage::Refused { .. } => self.refusal(kit),
            Stage::Farewell { .. } => Next::Close(Ending::Refused),
            Stage::Resetting(_) => self.resetting(kit),
        }
    }
}

/// What a flow is made of.
struct Parts {
    key: Key,
    client: End,
    upstream: Option<End>,
    up: Lane,
    down: Lane,
    observer: Observer,
    http: Http,
    account: Account,
}

/// Where an accepted connection comes from and where it wants to go.
#[derive(Debug)]
pub struct Origin {
    /// For the metrics.
    pub direction: Direction,
    /// The client's address.
    pub source: SocketAddr,
    /// The target's series.
    pub label: TargetId,
    /// Set where the connection is not to be inspected.
    pub opaque: Option<crate::wire::detect::Verdict>,
    /// The target's server is remembered as one that speaks first, and so the connection is not steered.
    pub is_server_first: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_flow_is_small() {
        // An idle connection may cost 512 bytes in all: this, and its share of the slab's and the wheel's growth.
        assert!(size_of::<Flow>() <= 352, "a flow has {} bytes", size_of::<Flow>());
    }
}
