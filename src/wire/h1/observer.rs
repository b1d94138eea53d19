//! The observer itself: what it is shown and what can be asked of it.

use super::exchange::{Asked, Exchanges};
use super::side::{Side, Stage};
use super::{Fault, Reason};
use crate::wire::event::{Id, Peer, Sink};

/// An HTTP/1 connection, followed as its bytes pass.
///
/// Both sides' bytes are shown each once and in order, however they are cut, the client's before they are written to the
/// server. Events come with the byte that settles them.
#[derive(Debug)]
pub struct Observer {
    pub(super) is_strict: bool,
    /// Nothing behind a request is looked at before the exchange is over.
    pub(super) is_one_by_one: bool,
    /// One by one: the exchange is over, and the next has not been asked for.
    pub(super) is_over: bool,
    pub(super) client: Side,
    pub(super) server: Side,
    pub(super) exchanges: Exchanges,
    /// The last exchange's request has not ended.
    pub(super) is_asking: bool,
    /// The only exchange's response has ended, its request has not.
    pub(super) is_answered_early: bool,
    /// `grpc-status` of the response's head.
    pub(super) grpc_status: Option<u32>,
    /// Who ended first.
    pub(super) first_end: Option<Peer>,
    pub(super) fault: Option<Fault>,
    pub(super) h2c: Option<Box<H2c>>,
    /// `HTTP2-Settings` of the last request, if that offers h2c; a head bounds it.
    pub(super) settings: Box<[u8]>,
}

/// The connection has become HTTP/2 by `Upgrade: h2c` (RFC 7540, section 3.2): both sides' next bytes are HTTP/2, and
/// the response to the exchange comes on stream 1.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct H2c {
    /// The exchange.
    pub id: Id,
    /// The request's `HTTP2-Settings`, as sent.
    pub settings: Box<[u8]>,
    /// The bytes of HTTP/2 that the client has been seen to send already; most often none.
    pub client: Vec<u8>,
    /// How many of the bytes last shown of the server are HTTP/2: those behind its 101.
    pub server: usize,
    /// How many bytes of HTTP/1 the request had, and the response: its 101, and what came before that.
    pub measures: [u64; 2],
}

impl Observer {
    /// For a connection on which no byte of HTTP has been shown yet. A strict one refuses what others are blind to, and
    /// holds back what it is not sure of.
    pub fn new(is_strict: bool) -> Observer {
        Observer {
            is_strict,
            is_one_by_one: false,
            is_over: false,
            client: Side::default(),
            server: Side::default(),
            exchanges: Exchanges::default(),
            is_asking: false,
            is_answered_early: false,
            grpc_status: None,
            first_end: None,
            fault: None,
            h2c: None,
            settings: Box::default(),
        }
    }

    /// Strict or not, and one exchange at a time, or, as at first, any number. To be said between messages; where one at a
    /// time is looked at, before each exchange.
    ///
    /// One at a time, what lies behind a request, or behind a response that ends the exchange, is not looked at and does
    /// not pass. The client's is to be shown again with the next exchange, or when the request has made a tunnel.
    pub fn set_rigour(&mut self, is_strict: bool, is_one_by_one: bool) {
        self.is_strict = is_strict;
        self.is_one_by_one = is_one_by_one;
        self.is_over = false;
    }

    /// The exchange that was looked at alone is done with, however it went: the next one begins, and its server is another.
    pub fn begin_next(&mut self) {
        *self = Observer { is_one_by_one: self.is_one_by_one, ..Observer::new(self.is_strict) };
    }

    /// The request goes to another server; nothing that the first one said counts.
    pub fn forget_server(&mut self) {
        self.server = Side::default();
        self.grpc_status = None;
        self.first_end = self.first_end.filter(|by| *by == Peer::Client);
    }

    /// Whether the response goes on until the server closes.
    pub fn is_until_close(&self) -> bool {
        matches!(self.server.stage, Stage::UntilClose)
    }

    /// Whether one exchange at a time is looked at and `peer`'s next bytes lie behind it.
    pub fn is_paused(&self, peer: Peer) -> bool {
        let is_asked = peer == Peer::Client && self.open() > 0 && !self.is_asking && !self.is_tunnel();
        self.is_over || (self.is_one_by_one && is_asked)
    }

    /// Whether the exchange that was looked at alone is over.
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// The client's next bytes. Returns how many bytes may pass now, those held back before among them; without
    /// `strict` that is all of them.
    pub fn client(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> usize {
        let shown = self.client_held().saturating_add(bytes.len());
        let rest = self.feed(Peer::Client, bytes, sink);
        let unseen = if self.is_paused(Peer::Client) { rest } else { 0 };
        shown.saturating_sub(self.client_held()).saturating_sub(unseen)
    }

    /// The server's next bytes, likewise. They may settle what the client's held bytes are: ask
    /// [`client_held`](Observer::client_held) afterwards.
    pub fn server(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> usize {
        let shown = self.server_held().saturating_add(bytes.len());
        let had_h2c = self.h2c.is_some();
        let behind = self.feed(Peer::Server, bytes, sink);
        if let Some(h2c) = self.h2c.as_mut().filter(|_| !had_h2c) {
            h2c.server = behind;
        }
        let unseen = if self.is_paused(Peer::Server) { behind } else { 0 };
        shown.saturating_sub(self.server_held()).saturating_sub(unseen)
    }

    /// How many of the client's bytes were shown but must not pass yet: the last ones. Always 0 without `strict`.
    pub fn client_held(&self) -> usize {
        if self.is_strict { self.client.unsettled() } else { 0 }
    }

    /// How many of the server's bytes were shown but must not pass yet.
    pub fn server_held(&self) -> usize {
        if self.is_strict { self.server.unsettled() } else { 0 }
    }

    /// The client has sent its last byte.
    ///
    /// A request that this cuts short is told by `Reset` when its response, if any, is over.
    pub fn client_end(&mut self, sink: &mut dyn Sink) {
        self.client.is_ended = true;
        self.first_end.get_or_insert(Peer::Client);
        if self.is_blind() {
            return;
        }
        if self.is_answered_early {
            self.reset_all(sink);
        } else if self.server.is_ended && self.is_tunnel() {
            self.response_end(None, sink);
        }
    }

    /// The server has sent its last byte. Ends a response that ends so, or a tunnel, if the client has ended it too. Every
    /// other exchange still open is `Reset` by whoever ended first, but for one that only its request keeps open.
    pub fn server_end(&mut self, sink: &mut dyn Sink) {
        self.server.is_ended = true;
        self.first_end.get_or_insert(Peer::Server);
        match self.server.stage {
            Stage::Blind => return,
            Stage::Tunnel if self.is_tunnel() && !self.client.is_ended => return,
            Stage::UntilClose | Stage::Tunnel => self.response_end(None, sink),
            Stage::Head if self.is_strict && self.server_held() > 0 => {
                // Whoever refuses it ends its exchange.
                return self.lose(Peer::Server, Reason::CutShort, self.server_held(), sink);
            }
            _ => {}
        }
        if !self.is_answered_early {
            self.reset_all(sink);
        }
    }

    /// The connection is gone, in whatever way. Ends a tunnel that the server has ended; of all else that is open it only
    /// tells the bytes.
    pub fn close(&mut self, sink: &mut dyn Sink) {
        if self.is_blind() {
            return;
        }
        if self.server.is_ended && self.is_tunnel() {
            self.response_end(None, sink);
        } else {
            self.measure(sink);
        }
    }

    /// Whether both directions are a tunnel: what follows is not HTTP.
    pub fn is_tunnel(&self) -> bool {
        matches!((&self.client.stage, &self.server.stage), (Stage::Tunnel, Stage::Tunnel))
    }

    /// How many of the client's next bytes have nothing in them to look at: the rest of a body or chunk of known length,
    /// or `u64::MAX` for all there are. They may pass unseen, if that is told before the next bytes are shown.
    pub fn client_skip(&self) -> u64 {
        self.client.skip()
    }

    /// How many of the server's next bytes may pass unseen.
    pub fn server_skip(&self) -> u64 {
        self.server.skip()
    }

    /// So many of the client's bytes have passed unseen; no more than [`client_skip`](Observer::client_skip) had told.
    pub fn client_skipped(&mut self, count: u64, sink: &mut dyn Sink) {
        self.skipped(Peer::Client, count, sink);
    }

    /// So many of the server's bytes have passed unseen.
    pub fn server_skipped(&mut self, count: u64, sink: &mut dyn Sink) {
        self.skipped(Peer::Server, count, sink);
    }

    /// Whether the connection stands between messages: no exchange is open, no message has begun on either side, and it is
    /// still HTTP/1. It may be closed here. Empty lines, or half of one, begin no message.
    pub fn is_at_boundary(&self) -> bool {
        let is_blank = |side: &Side| matches!(side.gather.bytes(), b"" | b"\r");
        let is_idle = |side: &Side| matches!(side.stage, Stage::Head) && is_blank(side);
        self.open() == 0 && is_idle(&self.client) && is_idle(&self.server)
    }

    /// Whether it is as [`Observer::new`] makes one: between messages, and nothing of the past matters.
    pub fn is_as_new(&self) -> bool {
        let is_clean = |side: &Side| !side.is_ended && !side.is_blank_seen && side.gather.is_empty();
        let is_free = !self.is_over && self.fault.is_none();
        self.is_at_boundary() && is_clean(&self.client) && is_clean(&self.server) && is_free
    }

    /// How many exchanges are open.
    pub fn open(&self) -> usize {
        self.exchanges.len()
    }

    /// The exchange that is answered next, or is being answered.
    pub fn first(&self) -> Option<Id> {
        self.exchanges.first().map(|(id, _)| id)
    }

    /// Whether a response's head has passed and its body has not ended.
    pub fn is_in_response(&self) -> bool {
        self.server.is_in_body()
    }

    /// Whether the only open exchange has had its response while its request goes on.
    pub fn is_answered_early(&self) -> bool {
        self.is_answered_early
    }

    /// Whether the response to come has no body: it answers a HEAD.
    pub fn is_asked_for_head(&self) -> bool {
        self.exchanges.first().is_some_and(|(_, asked)| asked.has(Asked::HEAD))
    }

    /// Whether the first open exchange asks for a tunnel by CONNECT, and has no answer yet.
    pub fn is_asked_for_tunnel(&self) -> bool {
        self.exchanges.first().is_some_and(|(_, asked)| asked.has(Asked::CONNECT))
    }

    /// Why a message was refused; only where strict. If it was the client's, the responses still open come first.
    pub fn fault(&self) -> Option<Fault> {
        self.fault
    }

    /// Whether the thread is lost; then nothing is ever said again.
    pub fn is_blind(&self) -> bool {
        matches!(self.server.stage, Stage::Blind)
    }

    /// Whether the connection has become HTTP/2; told once, right after the [`server`](Observer::server) bytes with the
    /// 101. A server that says so before the request's body has ended has made a tunnel of it instead.
    pub fn take_h2c(&mut self) -> Option<H2c> {
        self.h2c.take().map(|h2c| *h2c)
    }

    pub(super) fn side(&self, peer: Peer) -> &Side {
        match peer {
            Peer::Client => &self.client,
            Peer::Server => &self.server,
        }
    }

    pub(super) fn side_mut(&mut self, peer: Peer) -> &mut Side {
        match peer {
            Peer::Client => &mut self.client,
            Peer::Server => &mut self.server,
        }
    }

    fn skipped(&mut self, peer: Peer, count: u64, sink: &mut dyn Sink) {
        let side = self.side_mut(peer);
        side.message = side.message.saturating_add(count);
        match self.side_mut(peer).skipped(count) {
            Ok(false) => {}
            Ok(true) => self.message_end(peer, None, sink),
            Err(reason) => self.lose(peer, reason, self.side(peer).unsettled(), sink),
        }
    }
}
