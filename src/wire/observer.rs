//! Who watches a connection's bytes as they pass. An observer never changes or delays a byte; where it was asked to be
//! strict, it holds back what it is not sure of.

mod about;

use crate::wire::detect::{DecidedBy, Detector, Protocol, Verdict};
use crate::wire::event::{Peer, Sink};
use crate::wire::gate::Gate;
use crate::wire::means::Means;
use crate::wire::{h1, h2, request_line};

/// The watcher of one connection.
#[derive(Debug, Default)]
pub enum Observer {
    /// No byte has come yet.
    #[default]
    Fresh,
    /// Strict only: no byte came in time. The next one is the first all the same.
    Silent,
    /// Strict only: nobody has shown yet that this is no HTTP/1.
    Gated(Box<Gate>),
    /// The first bytes left it open what this is.
    Detecting(Box<Undecided>),
    /// HTTP/1.
    Http1(Box<h1::Observer>),
    /// HTTP/1 between two messages. Its observer would be as a new one, so another connection has it meanwhile.
    Http1Idle,
    /// HTTP/2.
    Http2(Box<h2::Observer>),
    /// Nothing more to find out: the bytes need not be seen.
    Opaque,
    /// Strict only: what came is no request by the rules, and might be taken for one.
    Refused(h1::Fault),
    /// Strict only: HTTP/2 that cannot be followed, for this reason. It was told as `Blind`.
    Http2Lost(h2::Lost),
}

/// A detection, and what was shown to it for as long as this may become HTTP: an observer of HTTP begins with the
/// first byte. The detector rules HTTP out at the latest after 64 KiB.
#[derive(Debug, Default)]
pub struct Undecided {
    detector: Detector,
    client: Vec<u8>,
    server: Vec<u8>,
}

/// What showing bytes came to.
#[derive(Debug)]
pub struct Seen {
    /// The verdict, if these bytes brought it.
    pub verdict: Option<Verdict>,
    /// How many bytes may pass now, those of this side that were held back before among them.
    pub pass: usize,
}

impl Observer {
    /// Whether the detection is over.
    pub fn is_decided(&self) -> bool {
        match self {
            Observer::Fresh | Observer::Detecting(_) => false,
            Observer::Gated(gate) => gate.is_decided(),
            _ => true,
        }
    }

    /// How many of `peer`'s next bytes need not be shown.
    pub fn unseen(&self, peer: Peer) -> u64 {
        match (self, peer) {
            (Observer::Opaque, _) => u64::MAX,
            (Observer::Gated(gate), _) => gate.unseen(peer),
            (Observer::Http1(http), Peer::Client) => http.client_skip(),
            (Observer::Http1(http), Peer::Server) => http.server_skip(),
            (Observer::Http2(http), Peer::Client) => http.client_skip(),
            (Observer::Http2(http), Peer::Server) => http.server_skip(),
            _ => 0,
        }
    }

    /// So many of `peer`'s bytes have passed unseen.
    pub fn skipped(&mut self, peer: Peer, count: u64, means: &mut Means, sink: &mut dyn Sink) {
        match (self, peer) {
            (Observer::Gated(gate), _) => gate.skipped(peer, count, means, sink),
            (Observer::Http1(http), Peer::Client) => http.client_skipped(count, sink),
            (Observer::Http1(http), Peer::Server) => http.server_skipped(count, sink),
            (Observer::Http2(http), Peer::Client) => http.client_skipped(count, &mut means.scratch, sink),
            (Observer::Http2(http), Peer::Server) => http.server_skipped(count, &mut means.scratch, sink),
            (_, _) => {}
        }
    }

    /// `peer`'s next bytes, each once and in order, before they are passed on.
    pub fn look(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        is_strict: bool,
        means: &mut Means,
        sink: &mut dyn Sink,
    ) -> Seen {
        match self {
            // What the gate and the detection would come to.
            Observer::Fresh if peer == Peer::Client && request_line::is_whole(bytes) => {
                let verdict =
                    Verdict { protocol: Protocol::Http1, decided_by: DecidedBy::Client, hello: None };
                self.decided(verdict, Undecided::default(), peer, bytes, is_strict, means, sink)
            }
            Observer::Fresh | Observer::Silent | Observer::Gated(_) if is_strict => {
                self.guard(peer, bytes, means, sink)
            }
            _ => self.look_inside(peer, bytes, is_strict, means, sink),
        }
    }

    /// [`look`](Observer::look), behind the gate.
    pub(super) fn look_inside(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        is_strict: bool,
        means: &mut Means,
        sink: &mut dyn Sink,
    ) -> Seen {
        match self {
            Observer::Opaque => Seen { verdict: None, pass: bytes.len() },
            Observer::Http1(_) | Observer::Http1Idle | Observer::Http2(_) => {
                if matches!(self, Observer::Http1Idle) {
                    *self = Observer::Http1(means.take(is_strict));
                }
                let pass = self.follow(peer, bytes, means, sink);
                let pass = self.refuse_lost(pass, is_strict);
                self.rest(means);
                Seen { verdict: None, pass }
            }
            Observer::Refused(_) | Observer::Http2Lost(_) | Observer::Gated(_) => {
                Seen { verdict: None, pass: 0 }
            }
            Observer::Fresh | Observer::Silent | Observer::Detecting(_) => {
                self.detect(peer, bytes, is_strict, means, sink)
            }
        }
    }

    /// How many of the client's bytes were shown and may not pass yet.
    pub fn client_held(&self) -> usize {
        match self {
            Observer::Http1(http) => http.client_held(),
            Observer::Gated(gate) => gate.client_held(),
            Observer::Detecting(undecided) => undecided.client.len(),
            Observer::Refused(_) | Observer::Http2Lost(_) => usize::MAX,
            _ => 0,
        }
    }

    /// Whether strict observation has refused something.
    pub fn is_refused(&self) -> bool {
        matches!(self, Observer::Http2Lost(_)) || self.fault().is_some()
    }

    /// Why strict observation refused a message of HTTP/1, or what might be taken for one.
    pub fn fault(&self) -> Option<h1::Fault> {
        match self {
            Observer::Http1(http) => http.fault(),
            Observer::Refused(fault) => Some(*fault),
            _ => None,
        }
    }

    /// `peer` has sent its last byte.
    pub fn ended(&mut self, peer: Peer, sink: &mut dyn Sink) {
        if let Observer::Http1(http) = self {
            match peer {
                Peer::Client => http.client_end(sink),
                Peer::Server => http.server_end(sink),
            }
        }
    }

    /// The connection is gone, in whatever way: tells how many bytes each open exchange has had.
    pub fn close(&mut self, sink: &mut dyn Sink) {
        match self {
            Observer::Http1(http) => http.close(sink),
            Observer::Http2(http) => http.close(sink),
            _ => {}
        }
    }

    /// Time is up, or a side has ended: what can be said by now.
    pub fn give_up(&mut self, why: DecidedBy, is_strict: bool, sink: &mut dyn Sink) -> Option<Verdict> {
        let verdict = match self {
            Observer::Fresh if is_strict && why == DecidedBy::Timeout => {
                *self = Observer::Silent;
                return None;
            }
            Observer::Fresh => Detector::default().give_up(why),
            Observer::Gated(gate) => {
                let (fault, verdict) = match gate.give_up(why, sink) {
                    Ok(verdict) => return verdict,
                    Err(refused) => refused,
                };
                *self = gate.refused(fault, sink);
                return verdict;
            }
            Observer::Detecting(undecided) => undecided.detector.give_up(why),
            _ => return None,
        };
        *self = Observer::Opaque;
        Some(verdict)
    }

    /// What stood before it for the sake of strictness goes.
    pub fn open_gate(&mut self) {
        if let Observer::Gated(gate) = self {
            *self = std::mem::take(gate).into_inner();
        }
    }

    /// Where one exchange at a time is looked at: that one is done with.
    pub fn next_exchange(&mut self, means: &mut Means) {
        if let Observer::Http1(http) = self {
            http.begin_next();
        }
        self.rest(means);
    }

    /// The request goes to another server.
    pub fn forget_server(&mut self) {
        if let Observer::Http1(http) = self {
            http.forget_server();
        }
    }

    /// What cannot be followed is no way to a server of HTTP/1.
    fn refuse_lost(&mut self, pass: usize, is_strict: bool) -> usize {
        match self {
            Observer::Http2(http) if is_strict => match http.lost() {
                Some(reason) => {
                    *self = Observer::Http2Lost(reason);
                    0
                }
                None => pass,
            },
            _ => pass,
        }
    }

    /// Between two messages nothing needs to be remembered.
    fn rest(&mut self, means: &mut Means) {
        match std::mem::take(self) {
            Observer::Http1(http) if http.is_as_new() => {
                means.give_back(http);
                *self = Observer::Http1Idle;
            }
            other => *self = other,
        }
    }

    fn follow(&mut self, peer: Peer, bytes: &[u8], means: &mut Means, sink: &mut dyn Sink) -> usize {
        match (&mut *self, peer) {
            (Observer::Http1(http), Peer::Client) => http.client(bytes, sink),
            (Observer::Http1(http), Peer::Server) => {
                let pass = http.server(bytes, sink);
                if let Some(h2c) = http.take_h2c() {
                    self.upgrade(h2c, bytes, means, sink);
                }
                pass
            }
            (Observer::Http2(http), Peer::Client) => {
                http.client(bytes, &mut means.scratch, sink);
                bytes.len()
            }
            (Observer::Http2(http), Peer::Server) => {
                http.server(bytes, &mut means.scratch, sink);
                bytes.len()
            }
            _ => bytes.len(),
        }
    }

    /// `Upgrade: h2c` was answered with 101: what is behind it is HTTP/2.
    fn upgrade(&mut self, h2c: h1::H2c, shown: &[u8], means: &mut Means, sink: &mut dyn Sink) {
        let mut http = h2::Observer::after_upgrade(h2c.id, &h2c.settings, h2c.measures);
        http.client(&h2c.client, &mut means.scratch, sink);
        let behind = shown.len().saturating_sub(h2c.server);
        http.server(shown.get(behind..).unwrap_or_default(), &mut means.scratch, sink);
        *self = Observer::Http2(Box::new(http));
    }

    /// Most connections are decided by their first segment, and so never need the box.
    fn detect(
        &mut self,
        peer: Peer,
        bytes: &[u8],
        is_strict: bool,
        means: &mut Means,
        sink: &mut dyn Sink,
    ) -> Seen {
        let mut undecided = match std::mem::take(self) {
            Observer::Detecting(undecided) => undecided,
            _ => {
                let mut detector = Detector::default();
                if let Some(verdict) = show(&mut detector, peer, bytes) {
                    let undecided = Undecided { detector, ..Undecided::default() };
                    return self.decided(verdict, undecided, peer, bytes, is_strict, means, sink);
                }
                let undecided = Box::new(Undecided { detector, ..Undecided::default() });
                return self.wait(undecided, peer, bytes, is_strict);
            }
        };
        match show(&mut undecided.detector, peer, bytes) {
            Some(verdict) => self.decided(verdict, *undecided, peer, bytes, is_strict, means, sink),
            None => self.wait(undecided, peer, bytes, is_strict),
        }
    }

    fn wait(&mut self, mut undecided: Box<Undecided>, peer: Peer, bytes: &[u8], is_strict: bool) -> Seen {
        let is_open = !undecided.detector.is_beyond_http();
        let held = undecided.client.len();
        if is_open {
            match peer {
                Peer::Client => undecided.client.extend_from_slice(bytes),
                Peer::Server => undecided.server.extend_from_slice(bytes),
            }
        } else {
            (undecided.client, undecided.server) = (Vec::new(), Vec::new());
        }
        *self = Observer::Detecting(undecided);
        let pass = match peer {
            // What may become a request is not passed on before it is known to be a good one.
            Peer::Client if is_strict && is_open => 0,
            Peer::Client if is_strict => held + bytes.len(),
            _ => bytes.len(),
        };
        Seen { verdict: None, pass }
    }

    /// Shows an observer of HTTP what the detection has seen.
    #[expect(clippy::too_many_arguments, reason = "one call's means, passed on")]
    fn decided(
        &mut self,
        verdict: Verdict,
        undecided: Undecided,
        peer: Peer,
        bytes: &[u8],
        is_strict: bool,
        means: &mut Means,
        sink: &mut dyn Sink,
    ) -> Seen {
        *self = match verdict.protocol {
            Protocol::Http1 => Observer::Http1(means.take(is_strict)),
            Protocol::Http2 => Observer::Http2(Box::default()),
            _ => Observer::Opaque,
        };
        let before = match peer {
            Peer::Client => undecided.client.len(),
            Peer::Server => undecided.server.len(),
        };
        if matches!(self, Observer::Opaque) {
            let held = if is_strict && peer == Peer::Client { before } else { 0 };
            return Seen { verdict: Some(verdict), pass: held + bytes.len() };
        }
        let held = self.follow(Peer::Client, &undecided.client, means, sink);
        self.follow(Peer::Server, &undecided.server, means, sink);
        let pass = held + self.follow(peer, bytes, means, sink);
        let pass = self.refuse_lost(pass, is_strict);
        self.rest(means);
        // Without `strict` the bytes before these have passed already.
        let pass = if is_strict && peer == Peer::Client {
            pass
        } else {
            pass.saturating_sub(before).min(bytes.len())
        };
        Seen { verdict: Some(verdict), pass }
    }
}

fn show(detector: &mut Detector, peer: Peer, bytes: &[u8]) -> Option<Verdict> {
    match peer {
        Peer::Client => detector.client(bytes),
        Peer::Server => detector.server(bytes),
    }
}
