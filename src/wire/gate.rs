//! Strict only: what stands before a connection until it is HTTP, or its server has answered in something else. Others label
//! what they do not know and let it pass; here it must not be a way to a lenient server of HTTP/1.

use crate::wire::detect::{DecidedBy, Detector, Verdict};
use crate::wire::event::{Event, Peer, Sink};
use crate::wire::h1::Fault;
use crate::wire::h2::Lost;
use crate::wire::lines::{Lines, Step};
use crate::wire::means::Means;
use crate::wire::observer::{Observer, Seen};

/// The length of HTTP/2's preface, which is lines to others.
const PREFACE: usize = 24;

/// What begins the answer of an HTTP/1 server.
const ANSWER: &[u8; 5] = b"HTTP/";

/// The guard of one connection.
#[derive(Debug, Default)]
pub struct Gate {
    /// Who finds out what this is.
    inner: Observer,
    lines: Lines,
    /// How many bytes the client was seen to send, up to the preface's length.
    taken: usize,
    /// How many bytes behind the preface are held: no frame has begun.
    held: usize,
    /// The first line names HTTP.
    must_be_http: bool,
    /// How much of [`ANSWER`] the server has said.
    said: usize,
    /// The server has said something else.
    is_answered: bool,
    /// Bytes of the client have passed.
    has_passed: bool,
}

impl Observer {
    /// A strict observer that does not know yet whether this is HTTP/1.
    pub(super) fn guard(&mut self, peer: Peer, bytes: &[u8], means: &mut Means, sink: &mut dyn Sink) -> Seen {
        let mut gate = match std::mem::take(self) {
            Observer::Gated(gate) => *gate,
            _ => Gate::default(),
        };
        let seen = match peer {
            Peer::Client => gate.client(bytes, means, sink),
            Peer::Server => gate.server(bytes, means, sink),
        };
        match seen {
            Ok(seen) => {
                gate.has_passed |= peer == Peer::Client && seen.pass > 0;
                *self = if gate.is_needed() { Observer::Gated(Box::new(gate)) } else { gate.inner };
                seen
            }
            Err((fault, verdict)) => {
                *self = gate.refused(fault, sink);
                Seen { verdict, pass: 0 }
            }
        }
    }
}

/// What was refused, and what the detection made of it.
type Refused = (Fault, Option<Verdict>);

impl Gate {
    /// Who finds out what this is.
    pub fn inner(&self) -> &Observer {
        &self.inner
    }

    /// The same, without the guard.
    pub fn into_inner(self) -> Observer {
        self.inner
    }

    /// Whether the detection is over.
    pub(super) fn is_decided(&self) -> bool {
        self.inner.is_decided() && self.lines.held() == 0 && self.held == 0
    }

    /// How many of the client's bytes may not pass yet.
    pub(super) fn client_held(&self) -> usize {
        self.lines.held().saturating_add(self.held).saturating_add(self.inner.client_held())
    }

    /// How many of `peer`'s next bytes need not be shown.
    pub(super) fn unseen(&self, peer: Peer) -> u64 {
        let is_blind = peer == Peer::Client && self.lines.is_done() && self.held == 0;
        if is_blind { self.inner.unseen(peer) } else { 0 }
    }

    /// So many of `peer`'s bytes have passed unseen.
    pub(super) fn skipped(&mut self, peer: Peer, count: u64, means: &mut Means, sink: &mut dyn Sink) {
        self.inner.skipped(peer, count, means, sink);
    }

    /// The observer of what is refused.
    pub(super) fn refused(&self, fault: Fault, sink: &mut dyn Sink) -> Observer {
        if !matches!(self.inner, Observer::Http2(_)) {
            return Observer::Refused(fault);
        }
        // Its first frame did not come, or there is a request among its frames.
        let lost = if self.held > 0 { Lost::NoSettings } else { Lost::Preface };
        sink.event(Event::Blind { reason: lost.as_str() });
        Observer::Http2Lost(lost)
    }

    /// Whether it has to stay.
    fn is_needed(&self) -> bool {
        match &self.inner {
            Observer::Fresh | Observer::Detecting(_) | Observer::Opaque => {
                !self.is_answered || self.must_be_http || self.lines.held() > 0
            }
            Observer::Http2(http) => !self.is_answered || !http.has_client_begun(),
            _ => false,
        }
    }

    fn client(&mut self, bytes: &[u8], means: &mut Means, sink: &mut dyn Sink) -> Result<Seen, Refused> {
        let before = self.taken;
        self.taken = before.saturating_add(bytes.len()).min(PREFACE);
        if self.must_be_http {
            // The preface of HTTP/2, and what is behind it.
            return self.preface(bytes, before, means, sink);
        }
        match self.lines.feed(bytes) {
            Step::Hold => Ok(Seen { verdict: None, pass: 0 }),
            Step::Pass(held) => self.show(held.as_deref().unwrap_or(bytes), means, sink),
            Step::Http(held) => {
                self.must_be_http = true;
                self.preface(&held, 0, means, sink)
            }
            Step::Refuse => Err(self.refuse(false, DecidedBy::Client, sink)),
        }
    }

    /// Bytes of a connection whose first line names HTTP. They come behind `before` others.
    fn preface(
        &mut self,
        bytes: &[u8],
        before: usize,
        means: &mut Means,
        sink: &mut dyn Sink,
    ) -> Result<Seen, Refused> {
        let seen = self.show(bytes, means, sink)?;
        match &self.inner {
            Observer::Http2(_) => {
                self.must_be_http = false;
                self.lines = Lines::behind_first();
                let behind = bytes.get(PREFACE.saturating_sub(before)..).unwrap_or_default();
                match self.lines.feed(behind) {
                    Step::Pass(_) => Ok(seen),
                    _ => Err((Fault::of_first_line(false, false), seen.verdict)),
                }
            }
            inner if inner.is_not_http() => Err((Fault::of_first_line(false, false), seen.verdict)),
            _ => Ok(seen),
        }
    }

    /// Shows the client's bytes to who finds out.
    fn show(&mut self, bytes: &[u8], means: &mut Means, sink: &mut dyn Sink) -> Result<Seen, Refused> {
        let seen = self.inner.look_inside(Peer::Client, bytes, true, means, sink);
        let Observer::Http2(http) = &self.inner else { return Ok(seen) };
        if http.has_client_begun() {
            let pass = std::mem::take(&mut self.held).saturating_add(seen.pass);
            return Ok(Seen { pass, ..seen });
        }
        // Behind the preface a lenient server may find anything but the head of a frame.
        self.held = self.held.saturating_add(seen.pass);
        Ok(Seen { pass: 0, ..seen })
    }

    fn server(&mut self, bytes: &[u8], means: &mut Means, sink: &mut dyn Sink) -> Result<Seen, Refused> {
        // An HTTP/2 server's first bytes are read by its observer.
        if !self.is_answered && !matches!(self.inner, Observer::Http2(_)) {
            let begun = self.said > 0;
            let rest = ANSWER.get(self.said..).unwrap_or_default();
            let equal = rest.iter().zip(bytes).take_while(|(a, b)| a == b).count();
            self.said = self.said.saturating_add(equal);
            if self.said == ANSWER.len() {
                return Err((Fault::unasked(begun), None));
            }
            self.is_answered = equal < bytes.len();
        } else {
            self.is_answered = true;
        }
        let mut seen = self.inner.look_inside(Peer::Server, bytes, true, means, sink);
        if self.must_be_http && self.inner.is_not_http() {
            return Err((Fault::of_first_line(false, false), seen.verdict));
        }
        if self.is_answered && !matches!(self.inner, Observer::Http2(_)) && !self.must_be_http {
            // A server that speaks before it can have had a request: what waited is none.
            let held = self.lines.release();
            if !held.is_empty() {
                let verdict = self.inner.look_inside(Peer::Client, &held, true, means, sink).verdict;
                seen.verdict = seen.verdict.or(verdict);
            }
        }
        Ok(seen)
    }

    /// Time is up, or the client has ended: a line that is not whole ends here to some.
    pub(super) fn give_up(
        &mut self,
        why: DecidedBy,
        sink: &mut dyn Sink,
    ) -> Result<Option<Verdict>, Refused> {
        let is_late = why == DecidedBy::Timeout;
        let was_held = self.lines.held() > 0;
        if is_late && was_held {
            return Err(self.refuse(true, why, sink));
        }
        if self.held > 0 || (self.must_be_http && !self.inner.is_decided()) {
            return Err(self.refuse(is_late, why, sink));
        }
        if !is_late {
            match self.lines.end() {
                Err(()) => return Err(self.refuse(false, why, sink)),
                Ok(held) if was_held => {
                    let mut detector = Detector::default();
                    self.inner = Observer::Opaque;
                    return Ok(Some(detector.client(&held).unwrap_or_else(|| detector.give_up(why))));
                }
                Ok(_) => {}
            }
        }
        Ok(self.inner.give_up(why, false, sink))
    }

    /// The client's bytes are refused.
    fn refuse(&mut self, is_late: bool, by: DecidedBy, sink: &mut dyn Sink) -> Refused {
        (Fault::of_first_line(is_late, self.has_passed), self.inner.give_up(by, false, sink))
    }
}
