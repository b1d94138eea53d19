//! A connection whose target depends on what its client asks: served one HTTP/1 exchange at a time.
//!
//! ```text
//! accepted ──► Asking ──► Seeking ──► Exchanging ──► Asking …
//!                 │          │            │
//!                 └──────────┴────────────┴──► Leaving: it goes on as a relayed flow, or closed
//! ```
//!
//! | stage | waits for | goes on to |
//! |---|---|---|
//! | `Asking` | a request's head | `Seeking`; `Leaving` where this is not HTTP/1, or only says what is wrong |
//! | `Seeking` | a name's addresses, or an upstream to accept | `Exchanging`; an answer of ours after the last |
//! | `Exchanging` | bytes, either way | `Asking` when request and response are over; `Leaving` as a tunnel |
//!
//! Framing is strict, for the upstream connection may be another client's next. What lies behind a request stays here
//! until its response is over, so pipelined requests are answered in order, wherever each of them went.
//! HTTP/2 and TLS are steered once, by their first request or the name in the ClientHello, and then relayed as a whole.

mod answer;
mod ask;
mod choose;
mod exchange;
mod finish;
mod greet;
mod leave;
mod seek;

pub use leave::Leave;

use crate::admin;
use crate::base::end::End;
use crate::base::time::Moment;
use crate::base::token::Key;
use crate::config::Entry;
use crate::course::Course;
use crate::flow::http::Http;
use crate::flow::lane::Lane;
use crate::flow::ledger::Account;
use crate::flow::{Ending, Next, Origin, Side};
use crate::kit::Kit;
use crate::resolve::Dialable;
use crate::wire::observer::Observer;
use mio::event::Event;
use mio::net::TcpStream;

/// Where a steered flow stands.
#[derive(Debug)]
pub enum Stage {
    /// A request is to come, or has come in part.
    Asking,
    /// An upstream is looked for.
    Seeking,
    /// A request and its response are on their way.
    Exchanging,
    /// It is over as a steered flow.
    Leaving(Leave),
}

impl Stage {
    /// The name in `/connections`.
    pub fn as_str(&self) -> &'static str {
        match self {
            Stage::Asking => "asking",
            Stage::Seeking => "dialing",
            Stage::Exchanging => "relaying",
            Stage::Leaving(_) => "leaving",
        }
    }
}

/// How a connection came in.
#[derive(Debug, Clone, Copy)]
pub struct Way {
    /// The listener, as routes know it.
    pub listen: Entry,
    /// Where it wants to go; none where it came to us as to an HTTP proxy.
    pub target: Option<Dialable>,
}

/// A steered connection.
#[derive(Debug)]
pub struct SteeredFlow {
    /// Its place in the slab.
    pub key: Key,
    /// True while it stands in the worker's queue.
    pub queued: bool,
    /// When its entry in the timer wheel comes out.
    pub armed: Moment,
    way: Way,
    stage: Stage,
    pub(super) client: End,
    up: Lane,
    down: Lane,
    observer: Observer,
    http: Http,
    account: Account,
    /// The last turn that an event asked for.
    active: Moment,
    /// What is known of the request; none between two of them.
    course: Option<Box<Course>>,
}

impl SteeredFlow {
    /// Takes over an accepted socket, which is not registered with epoll yet. Its request has mostly come with it.
    pub fn new(key: Key, stream: TcpStream, origin: &Origin, way: Way, kit: &mut Kit) -> SteeredFlow {
        let mut client = End::accepted(stream);
        client.ready.assume_readable();
        SteeredFlow {
            key,
            queued: false,
            armed: Moment::NEVER,
            way,
            stage: Stage::Asking,
            client,
            up: Lane::default(),
            down: Lane::default(),
            observer: Observer::default(),
            http: Http::default(),
            account: Account::open(origin, kit),
            active: kit.now,
            course: None,
        }
    }

    /// Remembers what epoll says of one of the two sockets.
    pub fn mark(&mut self, side: Side, event: &Event) {
        let end = match side {
            Side::Client => Some(&mut self.client),
            Side::Upstream => self.course.as_mut().and_then(|course| course.upstream_end()),
        };
        if let Some(end) = end {
            end.ready.mark(event);
        }
    }

    /// The socket to the upstream, if there is one.
    pub fn upstream_socket(&self) -> Option<&TcpStream> {
        let upstream = self.course.as_ref().and_then(|course| course.upstream.as_ref());
        upstream.map(|upstream| &upstream.end.stream)
    }

    /// One bounded turn, because of an event.
    pub fn turn(&mut self, kit: &mut Kit) -> Next {
        self.active = kit.now;
        match self.stage {
            Stage::Asking => self.asking(kit),
            Stage::Seeking => self.seeking(kit),
            Stage::Exchanging => self.exchanging(kit),
            Stage::Leaving(_) => Next::Change,
        }
    }

    /// When [`SteeredFlow::expire`] wants to be called.
    pub fn deadline(&self, kit: &Kit) -> Moment {
        let idle = self.active.after(kit.config.idle_timeout);
        let own = match self.stage {
            Stage::Asking => self.asking_deadline(kit),
            Stage::Seeking => self.seeking_deadline(),
            Stage::Exchanging => self.exchange_deadline(kit),
            Stage::Leaving(_) => kit.now,
        };
        idle.min(own)
    }

    /// The deadline has come.
    pub fn expire(&mut self, kit: &mut Kit) -> Next {
        if self.active.after(kit.config.idle_timeout) <= kit.now {
            return Next::Close(Ending::Idle);
        }
        match self.stage {
            Stage::Asking => self.asking_expired(kit),
            Stage::Seeking => self.seeking_expired(kit),
            Stage::Exchanging => self.exchange_expired(kit),
            Stage::Leaving(_) => Next::Change,
        }
    }

    /// Whether it waits for a name.
    pub fn is_resolving(&self) -> bool {
        matches!(self.stage, Stage::Seeking)
            && self.course.as_ref().is_some_and(|course| course.waits_for_name())
    }

    /// A line of `/connections`.
    pub fn describe(&self, now: Moment) -> admin::Connection {
        self.account.describe(self.key, &self.observer, self.totals(), self.stage.as_str(), now)
    }
}
