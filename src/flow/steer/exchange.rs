//! A request and its response on their way.

use crate::balance::Outcome;
use crate::base::time::Moment;
use crate::course::{Course, Purpose};
use crate::flow::http::Counter;
use crate::flow::lane::{Fault, Progress, Watcher};
use crate::flow::ledger::How;
use crate::flow::relay::{STALL_CHECK, heed_pause};
use crate::flow::steer::leave::Leave;
use crate::flow::steer::{Stage, SteeredFlow};
use crate::flow::watch::Watch;
use crate::flow::{Next, Side};
use crate::kit::Kit;
use crate::metrics;
use crate::sys::socket;
use crate::wire::event::Peer;
use crate::wire::h1::facts::{self, ResponseFacts};
use crate::wire::h1::rewrite::{self, After, Rewritten};
use crate::wire::observer::Observer;
use std::io::{self, ErrorKind, Read};

impl SteeredFlow {
    /// The upstream stands: the request, as far as it is here, goes to it.
    pub(super) fn begin(&mut self, kit: &mut Kit) -> Next {
        self.commit(kit);
        let Some(course) = &mut self.course else { return Next::Wait };
        if let Some(upstream) = &mut course.upstream {
            upstream.began = kit.now;
        }
        if std::mem::take(&mut course.is_anew) {
            kit.count(metrics::Counter::Retried);
        }
        match course.traits.purpose {
            Purpose::Relay => return self.leave(Leave::Relay),
            Purpose::Connect => return self.leave(Leave::Connect),
            Purpose::Exchange => {}
        }
        self.stage = Stage::Exchanging;
        let is_reused = self.course.as_ref().and_then(|course| Some(course.upstream.as_ref()?.is_reused));
        match self.send(kit) {
            Ok(()) => {}
            Err(Fault::Source(error) | Fault::Sink(error)) if is_reused == Some(true) => {
                if let Some(course) = &mut self.course {
                    course.is_sent = false;
                }
                return self.upstream_lost(Some(error), kit);
            }
            Err(Fault::Source(error) | Fault::Sink(error)) => self.deafened(error, kit),
        }
        self.exchanging(kit)
    }

    /// Counts the request for where it goes, once.
    pub(super) fn commit(&mut self, kit: &mut Kit) {
        let upstream = self.course.as_ref().and_then(|course| course.upstream.as_ref());
        let kept = upstream.and_then(|upstream| kit.pool.labels(&upstream.lease));
        let refused_by = self.course.as_ref().and_then(|course| course.refused_by);
        let label = match (kept, upstream.map(|upstream| upstream.address)) {
            (Some((label, _)), _) => label,
            (None, Some(address)) => self.label(address, kit),
            (None, None) => refused_by.unwrap_or_else(|| self.account.label()),
        };
        let Some(course) = self.course.as_mut().filter(|course| !course.is_committed) else { return };
        course.is_committed = true;
        let connection = crate::flow::http::Connection { label, ..self.account.connection() };
        Counter { http: &mut self.http, asked: Some(&mut course.asked), connection, kit }.commit();
    }

    fn send(&mut self, kit: &mut Kit) -> Result<(), Fault> {
        let Some(course) = &mut self.course else { return Ok(()) };
        let Course { held, ready, is_sent, asked, traits, upstream, .. } = &mut **course;
        let Some(upstream) = upstream else { return Ok(()) };
        let (head, rest) = held.split_at_checked(asked.request).unwrap_or_default();
        let body = rest.get(..ready.saturating_sub(asked.request)).unwrap_or_default();
        let hop = traits.role.hop(&kit.pseudonym);
        let mut out = std::mem::take(&mut kit.scratch);
        out.clear();
        // A head that cannot be rewritten was refused before.
        let sent = match rewrite::request(head, hop, &mut out) {
            Ok(Rewritten::Changed) => {
                out.extend_from_slice(body);
                self.up.replace(*ready, &out, &mut upstream.end, kit)
            }
            _ => self.up.replace(*ready, held.get(..*ready).unwrap_or_default(), &mut upstream.end, kit),
        };
        kit.scratch = out;
        *is_sent = true;
        if !traits.may_reuse {
            // It cannot be sent again; what the observer is not sure of goes with the bytes to come.
            let later = held.split_off((*ready).min(held.len()));
            let is_over = matches!(&self.observer, Observer::Http1(http) if http.is_paused(Peer::Client));
            held.clear();
            *ready = 0;
            if is_over { *held = later } else { self.up.withhold(&later, 0) }
        }
        sent
    }

    /// One turn of both lanes.
    pub(super) fn exchanging(&mut self, kit: &mut Kit) -> Next {
        if self.client.ready.is_failed() {
            return self.client_gone(socket::pending_error(&self.client.stream), kit);
        }
        if let Some(course) = &mut self.course {
            course.stall_check.get_or_insert(kit.now.plus(STALL_CHECK));
        }
        let up = match self.turn_up(kit) {
            Ok(progress) => progress,
            Err(Fault::Source(error)) => return self.client_gone(Some(error), kit),
            Err(Fault::Sink(error)) => {
                self.deafened(error, kit);
                Progress::Waits
            }
        };
        let down = match self.turn_down(kit) {
            Ok(progress) => progress,
            Err(Fault::Source(error)) if self.is_answered_early() => {
                self.deafened(error, kit);
                Progress::Waits
            }
            Err(Fault::Source(error)) => return self.upstream_lost(Some(error), kit),
            Err(Fault::Sink(error)) => return self.client_gone(Some(error), kit),
        };
        if let Some(fault) = self.observer.fault() {
            return self.answer_fault(fault, kit);
        }
        if let Observer::Http1(http) = &self.observer {
            if http.is_over() {
                return self.is_delivered().map_or(Next::Wait, |()| self.finish(kit));
            }
            if http.is_tunnel() {
                return self.leave(Leave::Tunnel);
            }
            if self.is_answered_early() && self.is_up_done() {
                return self.is_delivered().map_or(Next::Wait, |()| self.finish_early(kit));
            }
        } else {
            // The upstream has switched to HTTP/2.
            return self.leave(Leave::Tunnel);
        }
        if self.down.ended {
            let error = self.course.as_mut().and_then(|course| course.deaf.take());
            return self.upstream_lost(error, kit);
        }
        if up == Progress::More || down == Progress::More { Next::Again } else { Next::Wait }
    }

    /// The upstream takes no more of the request, but may have answered it already.
    fn deafened(&mut self, error: io::Error, kit: &mut Kit) {
        self.up.discard(kit);
        if let Some(course) = &mut self.course {
            course.deaf = Some(error);
        }
    }

    /// Whether no more of the request can be brought to the upstream.
    fn is_up_done(&self) -> bool {
        self.up.ended || self.down.ended || self.course.as_ref().is_some_and(|course| course.deaf.is_some())
    }

    /// When an exchange on which nothing moves is looked at.
    pub(super) fn exchange_deadline(&self, kit: &Kit) -> Moment {
        self.half_deadline(kit).min(self.stall_check())
    }

    fn half_deadline(&self, kit: &Kit) -> Moment {
        let is_half = self.up.ended || self.down.ended || self.client.ready.has_ended();
        if is_half { self.active.after(kit.config.half_close_timeout) } else { Moment::NEVER }
    }

    fn stall_check(&self) -> Moment {
        self.course.as_ref().and_then(|course| course.stall_check).unwrap_or(Moment::NEVER)
    }

    /// It is looked at.
    pub(super) fn exchange_expired(&mut self, kit: &mut Kit) -> Next {
        if self.half_deadline(kit) <= kit.now {
            return self.half_closed(kit);
        }
        if self.stall_check() <= kit.now {
            let upstream = self.course.as_mut().and_then(|course| course.upstream_end());
            let ends = [Some(&mut self.client), upstream];
            let waits = ends.into_iter().flatten().fold(false, |any, end| any | heed_pause(end));
            if let Some(course) = &mut self.course {
                course.stall_check = Some(if waits { kit.now.plus(STALL_CHECK) } else { Moment::NEVER });
            }
        }
        Next::Wait
    }

    /// Whether nothing waits any more for either side.
    fn is_delivered(&self) -> Option<()> {
        (self.up.transit.is_empty() && self.down.transit.is_empty()).then_some(())
    }

    fn turn_up(&mut self, kit: &mut Kit) -> Result<Progress, Fault> {
        let Some(course) = &mut self.course else { return Ok(Progress::Waits) };
        let Some(upstream) = &mut course.upstream else { return Ok(Progress::Waits) };
        let (is_whole, is_until_close) = match &self.observer {
            Observer::Http1(http) => (http.is_paused(Peer::Client), http.is_until_close()),
            _ => (false, false),
        };
        if is_whole || self.up.ended || course.deaf.is_some() {
            self.up.transit.push(&mut upstream.end, kit).map_err(Fault::Sink)?;
            // The server may have an answer to half a request as well, and end one that has no end of its own.
            let is_last = !is_whole || (is_until_close && self.client.ready.has_ended());
            if is_last && self.up.transit.is_empty() && course.deaf.is_none() {
                self.up.tell_end(&upstream.end.stream, kit);
            }
            if !is_whole && self.up.ended {
                self.tell_client_end(kit);
            }
            return Ok(Progress::Waits);
        }
        let connection = self.account.connection();
        let (observer, http, asked) = (&mut self.observer, &mut self.http, Some(&mut course.asked));
        let mut watch = Watch { peer: Peer::Client, observer, http, asked, connection, verdict: None };
        let progress = self.up.turn(&mut self.client, &mut upstream.end, kit, &mut watch)?;
        let is_whole = matches!(&self.observer, Observer::Http1(http) if http.is_paused(Peer::Client));
        if is_whole {
            // What lies behind the request is for later.
            course.held.extend(self.up.take_withheld());
        }
        if !self.up.ended {
            return Ok(progress);
        }
        self.account.first_end(Side::Client, How::Fin);
        if !is_whole {
            self.tell_client_end(kit);
        }
        Ok(Progress::More)
    }

    /// The request ends within itself.
    fn tell_client_end(&mut self, kit: &mut Kit) {
        let connection = self.account.connection();
        let asked = self.course.as_mut().map(|course| &mut course.asked);
        self.observer.ended(Peer::Client, &mut Counter { http: &mut self.http, asked, connection, kit });
    }

    fn turn_down(&mut self, kit: &mut Kit) -> Result<Progress, Fault> {
        let Some(course) = &mut self.course else { return Ok(Progress::Waits) };
        let Some(upstream) = &mut course.upstream else { return Ok(Progress::Waits) };
        self.down.transit.push(&mut self.client, kit).map_err(Fault::Sink)?;
        let is_over = matches!(&self.observer, Observer::Http1(http) if http.is_over());
        let is_ready = upstream.end.ready.is_readable() && self.client.ready.is_writable();
        if is_over || self.down.ended || !self.down.transit.is_empty() || !is_ready {
            return Ok(Progress::Waits);
        }
        if !course.is_answered {
            return self.head(kit);
        }
        let connection = self.account.connection();
        let (observer, http, asked) = (&mut self.observer, &mut self.http, Some(&mut course.asked));
        let mut watch = Watch { peer: Peer::Server, observer, http, asked, connection, verdict: None };
        let progress = self.down.turn(&mut upstream.end, &mut self.client, kit, &mut watch)?;
        if self.down.ended {
            self.server_ended(kit);
        }
        Ok(progress)
    }

    /// Once the response has begun, that is its end. But an end behind a reset does not make it whole.
    fn server_ended(&mut self, kit: &mut Kit) {
        if self.course.as_ref().is_some_and(|course| course.is_answered && course.deaf.is_none()) {
            self.tell_server_end(kit);
        }
    }

    pub(super) fn tell_server_end(&mut self, kit: &mut Kit) {
        self.account.first_end(Side::Upstream, How::Fin);
        let connection = self.account.connection();
        let asked = self.course.as_mut().map(|course| &mut course.asked);
        self.observer.ended(Peer::Server, &mut Counter { http: &mut self.http, asked, connection, kit });
    }

    /// The next bytes of the response's head, or of interim responses before it.
    fn head(&mut self, kit: &mut Kit) -> Result<Progress, Fault> {
        let Some(course) = &mut self.course else { return Ok(Progress::Waits) };
        let Some(upstream) = &mut course.upstream else { return Ok(Progress::Waits) };
        let mut hot = std::mem::take(&mut kit.hot);
        let read = upstream.end.stream.read(&mut hot);
        let count = *read.as_ref().unwrap_or(&0);
        let result = match read {
            Ok(0) => {
                self.down.ended = true;
                Ok(Progress::Over)
            }
            Ok(_) => {
                self.down.ended = count < hot.len() && upstream.end.ready.drained();
                self.down.taken += count as u64;
                self.answered(hot.get(..count).unwrap_or_default(), kit)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                upstream.end.ready.clear_readable();
                Ok(Progress::Waits)
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(Progress::More),
            Err(error) => Err(Fault::Source(error)),
        };
        kit.hot = hot;
        if self.down.ended && result.is_ok() {
            self.server_ended(kit);
        }
        result
    }

    /// The server's next bytes, while no final response's head has gone.
    fn answered(&mut self, bytes: &[u8], kit: &mut Kit) -> Result<Progress, Fault> {
        let Some(course) = &mut self.course else { return Ok(Progress::Waits) };
        if facts::is_408(bytes) && course.may_outlive_timeout() {
            // The server had waited too long for a request, and said so as this one came (RFC 9110, section 15.5.9).
            self.down.forgo(bytes.len());
            return Err(Fault::Source(ErrorKind::ConnectionAborted.into()));
        }
        let before = std::mem::take(&mut course.answer);
        course.asked.interim = 0;
        let connection = self.account.connection();
        let (observer, http, asked) = (&mut self.observer, &mut self.http, Some(&mut course.asked));
        let mut watch = Watch { peer: Peer::Server, observer, http, asked, connection, verdict: None };
        let pass = watch.look(bytes, kit);
        // Mostly all of it comes at once, and need not be copied.
        let mut joined = before;
        let all = if joined.is_empty() {
            bytes
        } else {
            joined.extend_from_slice(bytes);
            &joined
        };
        if self.observer.http2().is_some() {
            // What is behind a 101 to `Upgrade: h2c` is HTTP/2, and no part of a head.
            return self.down.put(all, &mut self.client, kit).map(|()| Progress::More);
        }
        let (passing, rest) = all.split_at_checked(pass).unwrap_or((all, b""));
        let (interim, last) = passing.split_at_checked(course.asked.interim).unwrap_or((passing, b""));
        if !interim.is_empty() {
            self.down.put(interim, &mut self.client, kit)?;
        }
        match course.asked.answer {
            Some(len) => {
                let (head, body) = last.split_at_checked(len).unwrap_or((last, b""));
                self.answer_head(head, body, kit)?;
                self.down.withhold(rest, 0);
            }
            None => course.answer = rest.to_vec(),
        }
        Ok(Progress::More)
    }

    /// The final response begins.
    fn answer_head(&mut self, head: &[u8], body: &[u8], kit: &mut Kit) -> Result<(), Fault> {
        let Some(course) = &mut self.course else { return Ok(()) };
        course.is_answered = true;
        let facts = ResponseFacts::of(head).ok();
        course.server_keeps = facts.is_some_and(|facts| facts.keep_alive);
        let rtt = course.upstream.as_ref().map(|upstream| kit.now.since(upstream.began)).unwrap_or_default();
        let sent = course.upstream.as_mut().and_then(|upstream| upstream.sent.take());
        let outcome = Outcome::of_status(facts.map_or(502, |facts| facts.status), rtt);
        if let Some(sent) = sent {
            kit.backends.end(sent, outcome, kit.now);
        }
        let (is_until_close, is_asked) = match &self.observer {
            Observer::Http1(http) => (http.is_until_close(), http.is_paused(Peer::Client)),
            _ => (false, false),
        };
        // A server that closes will not read the rest of the request.
        let is_cut = !is_asked && !course.server_keeps;
        if is_until_close || is_cut || kit.hurry_from.is_some() {
            course.traits.keep_alive = false;
        }
        let after = match course.traits {
            traits if !traits.keep_alive => After::Close,
            traits if traits.is_http10 => After::KeepHttp10,
            _ => After::Keep,
        };
        let role = course.traits.role;
        let mut out = std::mem::take(&mut kit.scratch);
        out.clear();
        let hop = role.hop(&kit.pseudonym);
        let result = match rewrite::response(head, hop, after, &mut out) {
            Ok(Rewritten::Changed) => self
                .down
                .replace(head.len(), &out, &mut self.client, kit)
                .and_then(|()| self.down.put(body, &mut self.client, kit)),
            _ => {
                out.extend_from_slice(head);
                out.extend_from_slice(body);
                self.down.put(&out, &mut self.client, kit)
            }
        };
        kit.scratch = out;
        result
    }
}
