//! What is known of the request that is served now, and where it goes.

use crate::backends::Sent;
use crate::balance::EndpointKey;
use crate::base::end::End;
use crate::base::time::Moment;
use crate::metrics::TargetId;
use crate::pool::Lease;
use crate::resolve::{Dialable, NameId};
use crate::route::BackendId;
use crate::wire::detect::Verdict;
use crate::wire::event::{Id, RequestHead};
use crate::wire::h1::rewrite::Hop;
use crate::wire::h2::{Acknowledgement, Kept};
use std::collections::VecDeque;
use std::net::SocketAddr;

/// The course of one request. Kept for the next one, with its memory.
#[derive(Debug, Default)]
pub struct Course {
    /// What the client has sent: the request, as far as it is here, and behind it the next ones.
    pub held: Vec<u8>,
    /// How many bytes of `held` belong to the request and may go.
    pub ready: usize,
    /// They have gone to an upstream; what waits of them waits in the lane.
    pub is_sent: bool,
    /// It had gone to another connection, which ended, and is to go once more.
    pub is_anew: bool,
    /// When the first of them came.
    pub since: Moment,
    /// What the observer has said.
    pub asked: Asked,
    /// What the detection has said, while nobody was told.
    pub verdict: Option<Verdict>,
    /// What the head says.
    pub traits: Traits,
    /// Where it may go.
    pub choice: Choice,
    /// Addresses that are to be tried, in turn.
    pub addresses: VecDeque<SocketAddr>,
    /// Endpoints of the backend set that were tried.
    pub tried: Vec<EndpointKey>,
    /// Where it goes.
    pub upstream: Option<Upstream>,
    /// Responses' bytes that did not make a whole head yet.
    pub answer: Vec<u8>,
    /// Why the upstream takes no more of the request. What it has said is still to be read.
    pub deaf: Option<std::io::Error>,
    /// The final response's head has gone to the client.
    pub is_answered: bool,
    /// The server will take another request.
    pub server_keeps: bool,
    /// Why the last address was of no use, or none was to be had.
    pub trouble: Trouble,
    /// What the last address is counted for that did not accept.
    pub refused_by: Option<TargetId>,
    /// The request is counted.
    pub is_committed: bool,
    /// When to look for a reader that pauses, while bytes are on their way.
    pub stall_check: Option<Moment>,
    /// HTTP/2: what the client knows of the server.
    pub greeting: Greeting,
}

/// A client of HTTP/2 may ask nothing before it has its server's SETTINGS. Then it has them from us.
#[derive(Debug, Clone, Copy, Default)]
pub enum Greeting {
    /// It has none.
    #[default]
    None,
    /// It has ours, and is to acknowledge them.
    Sent(Acknowledgement),
    /// It has acknowledged them; that was taken out of `held`.
    Acknowledged,
}

/// What a steered request asks for, told by the events.
#[derive(Debug, Default)]
pub struct Asked {
    /// The exchange; none before the request's head is complete. Of several that begin at once on one connection of
    /// HTTP/2, the first.
    pub id: Option<Id>,
    /// Where it is addressed.
    pub authority: Vec<u8>,
    /// HTTP/2: the method.
    pub method: Vec<u8>,
    /// HTTP/2: the target.
    pub target: Vec<u8>,
    /// HTTP/2: the header fields, where a route asks for one.
    pub fields: Kept,
    /// HTTP/1: how many bytes the head has.
    pub request: usize,
    /// How many bytes the interim responses have that came since this was last set to 0.
    pub interim: usize,
    /// How many bytes the final response's head has, once it is complete.
    pub answer: Option<usize>,
    /// How many bytes the head has that was told last; 0 with HTTP/2.
    last: usize,
}

impl Asked {
    /// For the next request, with the memory of the last.
    pub fn clear(&mut self) {
        (self.id, self.request, self.interim, self.answer, self.last) = (None, 0, 0, None, 0);
        for text in [&mut self.method, &mut self.authority, &mut self.target] {
            text.clear();
        }
        self.fields.clear();
    }

    /// A head of so many bytes is complete.
    pub fn head(&mut self, len: usize) {
        self.last = len;
    }

    /// It was an interim response's.
    pub fn interim(&mut self) {
        self.interim += self.last;
    }

    /// It was the final response's.
    pub fn response(&mut self) {
        self.answer = Some(self.last);
    }

    /// It was a request's.
    pub fn request(&mut self, id: Id, head: &RequestHead<'_>) {
        if self.id.is_none() {
            (self.id, self.request) = (Some(id), self.last);
            self.authority.extend_from_slice(head.authority);
            if self.last == 0 {
                self.method.extend_from_slice(head.method);
                self.target.extend_from_slice(head.target);
            }
        }
    }
}

/// What a request's head says, as far as it decides anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct Traits {
    /// What is done with what was asked.
    pub purpose: Purpose,
    /// The client wants its connection kept.
    pub keep_alive: bool,
    /// It speaks HTTP/1.0.
    pub is_http10: bool,
    /// It may be sent again.
    pub is_idempotent: bool,
    /// What we are to it.
    pub role: Role,
    /// It may go on a connection that was kept, and is here as a whole.
    pub may_reuse: bool,
}

impl Traits {
    /// It must not be sent again.
    pub fn is_once(self) -> bool {
        self.purpose == Purpose::Exchange && !self.is_idempotent
    }
}

/// What we are to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Not to be seen: it is on its way to another.
    #[default]
    Transparent,
    /// It came to us by itself, as to a server.
    Gateway,
    /// It came to us as to a proxy.
    Proxy,
}

impl Role {
    /// What becomes of the heads; `via` is our name.
    pub fn hop(self, via: &str) -> Hop<'_> {
        match self {
            Role::Transparent => Hop::Shared,
            Role::Gateway => Hop::Gateway { via },
            Role::Proxy => Hop::Explicit { via },
        }
    }
}

/// What is done with what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Purpose {
    /// One exchange of HTTP/1.
    #[default]
    Exchange,
    /// A tunnel that we open: CONNECT to a proxy.
    Connect,
    /// The whole connection is relayed.
    Relay,
}

/// Where a request may go.
#[derive(Debug, Clone, Copy, Default)]
pub enum Choice {
    /// To the course's addresses, one after the other.
    Addresses,
    /// To the addresses of this name.
    Name(NameId, u16),
    /// To one of a backend set.
    Backends(BackendId),
    /// Nowhere.
    #[default]
    None,
}

/// Why a request could not go anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Trouble {
    /// The status to answer with; 0: none yet.
    pub status: u16,
    /// The cause to tell.
    pub cause: &'static str,
}

/// An upstream connection, for as long as the request has it.
#[derive(Debug)]
pub struct Upstream {
    /// The socket.
    pub end: End,
    /// Its place in the pool.
    pub lease: Lease,
    /// Where it goes.
    pub address: SocketAddr,
    /// It was kept from a request before.
    pub is_reused: bool,
    /// It stands.
    pub is_connected: bool,
    /// When it was asked for, or this request sent on it.
    pub began: Moment,
    /// How long it may take to stand.
    pub until: Moment,
    /// Bytes given to it and taken from it that stand in the metrics, as the client's connection counts them.
    pub reported: (u64, u64),
    /// The balancer's ticket, until the endpoint has answered.
    pub sent: Option<Sent>,
}

impl Course {
    /// Ready for the next request; what lies behind the last one stays.
    pub fn next(&mut self) {
        self.held.drain(..self.ready.min(self.held.len()));
        (self.ready, self.is_sent, self.is_anew) = (0, false, false);
        self.asked.clear();
        self.answer.clear();
        (self.is_answered, self.deaf) = (false, None);
        (self.server_keeps, self.is_committed) = (false, false);
        (self.traits, self.trouble, self.verdict) = (Traits::default(), Trouble::default(), None);
        (self.choice, self.greeting, self.refused_by) = (Choice::None, Greeting::None, None);
        self.addresses.clear();
        self.tried.clear();
    }

    /// Whether a request has begun: empty lines before it are nothing.
    pub fn has_begun(&self) -> bool {
        self.held.iter().any(|byte| !matches!(byte, b'\r' | b'\n'))
    }

    /// Throws away the empty line before the request. Returns how many bytes that were.
    pub fn drop_empty_line(&mut self) -> usize {
        let count = if self.held.starts_with(b"\r\n") { 2 } else { 0 };
        self.held.drain(..count);
        self.ready = self.ready.saturating_sub(count);
        count
    }

    /// How many bytes of the request have gone nowhere.
    pub fn unsent(&self) -> usize {
        if self.is_sent { 0 } else { self.ready.min(self.held.len()) }
    }

    /// How many bytes are held that have gone nowhere: of the request, and behind it.
    pub fn waiting(&self) -> usize {
        self.held.len().saturating_sub(if self.is_sent { self.ready } else { 0 })
    }

    /// The upstream's socket.
    pub fn upstream_end(&mut self) -> Option<&mut End> {
        self.upstream.as_mut().map(|upstream| &mut upstream.end)
    }

    /// It is to go there.
    pub fn go_to(&mut self, target: Dialable) {
        // Some may be left that were to be dialled for a silent client.
        self.addresses.clear();
        self.choice = match target {
            Dialable::Addr(address) => {
                self.addresses.push_back(address);
                Choice::Addresses
            }
            Dialable::Name(name, port) => Choice::Name(name, port),
        };
    }

    /// Whether the addresses of a name are missing.
    pub fn waits_for_name(&self) -> bool {
        self.upstream.is_none()
    }

    /// Whether the request may go to its server once more, on a new connection, because its own has ended: nothing was said to
    /// it, twice does no harm or no byte of it got out, and it is here as a whole. A new connection may be idle long enough
    /// for a hasty server, too.
    pub fn may_repeat(&self) -> bool {
        let is_silent = self.answer.is_empty() && self.asked.interim == 0;
        let is_harmless = self.traits.is_idempotent || !self.is_sent;
        self.traits.may_reuse && is_silent && is_harmless
    }

    /// Whether a time-out that the server tells may be that of a connection that was kept, and not of this request.
    pub fn may_outlive_timeout(&self) -> bool {
        self.upstream.as_ref().is_some_and(|upstream| upstream.is_reused) && self.may_repeat()
    }

    /// The request is sent anew. Where the connection `was_kept`, it was not the address that failed, and any backend may have
    /// it; else another one than before.
    pub fn retry(&mut self, address: SocketAddr, was_kept: bool) {
        match self.choice {
            Choice::Addresses => self.addresses.push_front(address),
            Choice::Backends(_) if was_kept => {
                self.tried.pop();
            }
            Choice::Backends(_) | Choice::Name(..) | Choice::None => {}
        }
        // A connection that was kept might end in the same way.
        self.traits.may_reuse = false;
        (self.is_sent, self.is_anew, self.deaf) = (false, true, None);
        self.answer.clear();
    }

    /// Whether it is worth keeping for another connection.
    pub fn is_handy(&self) -> bool {
        let owned = [self.held.capacity(), self.answer.capacity(), self.asked.fields.owned()];
        owned.iter().all(|&owned| owned <= 16 * 1024)
    }

    /// As it was made, but with its memory.
    pub fn forget(&mut self) {
        self.ready = self.held.len();
        self.next();
    }
}

/// Courses that are free for the next request.
#[derive(Debug, Default)]
pub struct Courses {
    #[expect(clippy::vec_box, reason = "the boxes move between here and the flows")]
    spare: Vec<Box<Course>>,
}

/// The most that are kept: a turn of the loop rarely has more flows in the midst of a request. With what they hold, mostly
/// 200 KiB.
const SPARE: usize = 256;

impl Courses {
    /// One for a request that begins.
    pub fn take(&mut self) -> Box<Course> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes one back.
    pub fn give_back(&mut self, mut course: Box<Course>) {
        if self.spare.len() < SPARE && course.is_handy() {
            course.forget();
            self.spare.push(course);
        }
    }
}
