//! Who watches a connection's bytes as they pass. An observer never changes or delays a byte; where it was asked to be
//! strict, it holds back what it is not sure of.

use crate::wire::detect::{DecidedBy, Detector, Protocol, Verdict};
use crate::wire::event::{Peer, Sink};
use crate::wire::first_line::{self, Line};
use crate::wire::h2::Scratch;
use crate::wire::{h1, h2};

/// The watcher of one connection.
#[derive(Debug, Default)]
pub enum Observer {
    /// No byte has come yet.
    #[default]
    Fresh,
    /// Strict only: the client's first line is not whole.
    FirstLine(Box<FirstLine>),
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
    /// Strict only: the first line is no request by the rules, but might be taken for one.
    Refused(h1::Fault),
}

/// The client's first bytes, which wait for the end of their line.
#[derive(Debug, Default)]
pub struct FirstLine {
    held: Vec<u8>,
}

/// A detection, and what was shown to it for as long as this may become HTTP: an observer of HTTP begins with the
/// first byte. The detector rules HTTP out at the latest after 64 KiB.
#[derive(Debug, Default)]
pub struct Undecided {
    detector: Detector,
    client: Vec<u8>,
    server: Vec<u8>,
    /// Strict only: the first line names HTTP.
    must_be_http: bool,
}

/// What all observers share, lent to each for a call, so that an idle connection owns next to nothing.
#[derive(Debug, Default)]
pub struct Means {
    /// Where header blocks of HTTP/2 are decoded.
    scratch: Scratch,
    /// Observers of HTTP/1 that are between messages.
    #[expect(clippy::vec_box, reason = "the boxes move between here and the connections")]
    spare: Vec<Box<h1::Observer>>,
}

/// The most observers that are kept for the next message: a turn of the loop rarely has more connections in the midst
/// of one.
const SPARE: usize = 256;

impl Means {
    /// Gives back what was needed once. To be called when the process is idle.
    pub fn trim(&mut self) {
        self.scratch.trim();
        self.spare = Vec::new();
    }

    fn take(&mut self, is_strict: bool) -> Box<h1::Observer> {
        self.spare.pop().unwrap_or_else(|| Box::new(h1::Observer::new(is_strict)))
    }

    fn give_back(&mut self, observer: Box<h1::Observer>) {
        if self.spare.len() < SPARE {
            self.spare.push(observer);
        }
    }
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
        !matches!(self, Observer::Fresh | Observer::FirstLine(_) | Observer::Detecting(_))
    }

    /// Who has settled that this is not HTTP, while only its name is still open.
    pub fn opaque(&self) -> Option<DecidedBy> {
        match self {
            Observer::Detecting(undecided) => undecided.detector.opaque(),
            _ => None,
        }
    }

    /// How many of `peer`'s next bytes need not be shown.
    pub fn unseen(&self, peer: Peer) -> u64 {
        match (self, peer) {
            (Observer::Opaque, _) => u64::MAX,
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
            Observer::Opaque => Seen { verdict: None, pass: bytes.len() },
            Observer::Http1(_) | Observer::Http1Idle | Observer::Http2(_) => {
                if matches!(self, Observer::Http1Idle) {
                    *self = Observer::Http1(means.take(is_strict));
                }
                let pass = self.follow(peer, bytes, means, sink);
                self.rest(means);
                Seen { verdict: None, pass }
            }
            Observer::Refused(_) => Seen { verdict: None, pass: 0 },
            Observer::Fresh | Observer::FirstLine(_) if is_strict && peer == Peer::Client => {
                self.first_line(bytes, means, sink)
            }
            Observer::FirstLine(line) => {
                // A server that speaks before it can have had a request: this is not HTTP.
                let held = std::mem::take(&mut line.held);
                *self = Observer::Fresh;
                let seen = self.detect(peer, bytes, is_strict, means, sink);
                if seen.verdict.is_some() {
                    return seen;
                }
                let verdict = self.detect(Peer::Client, &held, is_strict, means, sink).verdict;
                Seen { verdict, ..seen }
            }
            Observer::Fresh | Observer::Detecting(_) => self.detect(peer, bytes, is_strict, means, sink),
        }
    }

    /// How many of the client's bytes were shown and may not pass yet.
    pub fn client_held(&self) -> usize {
        match self {
            Observer::Http1(http) => http.client_held(),
            Observer::FirstLine(line) => line.held.len(),
            Observer::Detecting(undecided) => undecided.client.len(),
            Observer::Refused(_) => usize::MAX,
            _ => 0,
        }
    }

    /// Why strict observation refused a message.
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
    pub fn give_up(&mut self, why: DecidedBy) -> Option<Verdict> {
        let verdict = match self {
            Observer::Fresh => Detector::default().give_up(why),
            Observer::FirstLine(line) => {
                let mut detector = Detector::default();
                let verdict = detector.client(&line.held).unwrap_or_else(|| detector.give_up(why));
                *self = Observer::Refused(h1::Fault::of_first_line(why == DecidedBy::Timeout));
                return Some(verdict);
            }
            Observer::Detecting(undecided) => undecided.detector.give_up(why),
            _ => return None,
        };
        *self = Observer::Opaque;
        Some(verdict)
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

    /// Shows the detector the client's first line when it is whole, or cannot be HTTP's.
    fn first_line(&mut self, bytes: &[u8], means: &mut Means, sink: &mut dyn Sink) -> Seen {
        let mut held = match std::mem::take(self) {
            Observer::FirstLine(line) => line.held,
            _ => Vec::new(),
        };
        held.extend_from_slice(bytes);
        let line = first_line::look(&held);
        match line {
            Line::Open => {
                *self = Observer::FirstLine(Box::new(FirstLine { held }));
                return Seen { verdict: None, pass: 0 };
            }
            Line::TooLong => {
                *self = Observer::Refused(h1::Fault::of_first_line(false));
                return Seen { verdict: Detector::default().client(&held), pass: 0 };
            }
            Line::Other | Line::Http => {}
        }
        let seen = self.detect(Peer::Client, &held, true, means, sink);
        match self {
            Observer::Opaque if line == Line::Http => self.refuse(seen),
            Observer::Detecting(undecided) => {
                undecided.must_be_http = line == Line::Http;
                if undecided.must_be_http && undecided.detector.opaque().is_some() {
                    return self.refuse(seen);
                }
                seen
            }
            _ => seen,
        }
    }

    fn refuse(&mut self, seen: Seen) -> Seen {
        *self = Observer::Refused(h1::Fault::of_first_line(false));
        Seen { pass: 0, ..seen }
    }

    fn wait(&mut self, mut undecided: Box<Undecided>, peer: Peer, bytes: &[u8], is_strict: bool) -> Seen {
        let is_open = undecided.detector.opaque().is_none();
        if undecided.must_be_http && !is_open {
            return self.refuse(Seen { verdict: None, pass: 0 });
        }
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
        if matches!(self, Observer::Opaque) && undecided.must_be_http {
            return self.refuse(Seen { verdict: Some(verdict), pass: 0 });
        }
        if matches!(self, Observer::Opaque) {
            let held = if is_strict && peer == Peer::Client { before } else { 0 };
            return Seen { verdict: Some(verdict), pass: held + bytes.len() };
        }
        let held = self.follow(Peer::Client, &undecided.client, means, sink);
        self.follow(Peer::Server, &undecided.server, means, sink);
        let pass = held + self.follow(peer, bytes, means, sink);
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
