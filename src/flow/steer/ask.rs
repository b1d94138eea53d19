//! Reading what the client asks, up to the point where it is known where that goes.

use crate::base::time::Moment;
use crate::flow::drain::IDLE;
use crate::flow::http::Counter;
use crate::flow::lane::Watcher;
use crate::flow::steer::leave::Leave;
use crate::flow::steer::{Stage, SteeredFlow};
use crate::flow::watch::Watch;
use crate::flow::{Ending, Next, Side};
use crate::kit::Kit;
use crate::metrics::Counter::RefusedLoop;
use crate::resolve::{Answer, Dialable};
use crate::sys::socket;
use crate::wire::detect::{DecidedBy, Detector};
use crate::wire::event::Peer;
use crate::wire::h1::Reason;
use crate::wire::observer::Observer;
use crate::wire::reply;
use std::io::{self, ErrorKind, Read};
use std::net::SocketAddr;
use std::time::Duration;

/// How long a client may be silent at first before its target is dialled all the same: a server that speaks first is to
/// be heard. A client's first bytes mostly come with the connection. Half a tick of the timer wheel, which rounds up: with
/// a whole one it would be 8 to 16 ms, and mostly 16 for a client that connects when the one before has been heard.
pub(super) const GRACE: Duration = Duration::from_millis(4);

impl SteeredFlow {
    /// A turn while a request is to come.
    pub(super) fn asking(&mut self, kit: &mut Kit) -> Next {
        if let Some(next) = self.hear_server_first(kit) {
            return next;
        }
        // What lay behind the last request is the next one's beginning.
        if matches!(self.observer, Observer::Http1Idle) && self.has_held() {
            if let Some(course) = &mut self.course {
                course.since = kit.now;
            }
            return self.show(0, kit);
        }
        // Its end came with the last request.
        if self.up.ended {
            return self.client_ended(kit);
        }
        if self.client.ready.is_readable() {
            return self.read(kit);
        }
        if self.is_drained(kit) {
            return self.drained();
        }
        match self.way.target {
            Some(target) if self.awaits_name && self.course.is_none() => self.dial_early(target, kit),
            _ => Next::Wait,
        }
    }

    fn read(&mut self, kit: &mut Kit) -> Next {
        let mut hot = std::mem::take(&mut kit.hot);
        let read = self.client.stream.read(&mut hot);
        let bytes = read.as_ref().ok().and_then(|&count| hot.get(..count)).unwrap_or_default();
        let shown = self.hold(bytes, kit);
        let is_short = bytes.len() < hot.len();
        kit.hot = hot;
        match read {
            Ok(0) => self.client_ended(kit),
            Ok(_) => {
                self.up.ended = is_short && self.client.ready.drained();
                self.show(shown, kit)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.client.ready.clear_readable();
                if self.awaits_name { Next::Again } else { Next::Wait }
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => Next::Again,
            Err(error) => self.client_failed(&error, kit),
        }
    }

    /// Keeps the client's next bytes. Returns how many there were before.
    fn hold(&mut self, bytes: &[u8], kit: &mut Kit) -> usize {
        self.up.taken += bytes.len() as u64;
        if bytes.is_empty() {
            return 0;
        }
        self.awaits_name = false;
        let course = self.course.get_or_insert_with(|| kit.courses.take());
        let before = course.held.len();
        if !course.has_begun() {
            course.since = kit.now;
        }
        course.held.extend_from_slice(bytes);
        before
    }

    fn has_begun(&self) -> bool {
        self.course.as_ref().is_some_and(|course| course.has_begun())
    }

    pub(super) fn has_held(&self) -> bool {
        self.course.as_ref().is_some_and(|course| !course.held.is_empty())
    }

    /// Shows the observer what is held from `shown` on.
    fn show(&mut self, shown: usize, kit: &mut Kit) -> Next {
        let Some(course) = &mut self.course else { return Next::Wait };
        let held = std::mem::take(&mut course.held);
        let connection = self.account.connection();
        let (observer, http, asked) = (&mut self.observer, &mut self.http, Some(&mut course.asked));
        let mut watch = Watch { peer: Peer::Client, observer, http, asked, connection, verdict: None };
        course.ready += watch.look(held.get(shown..).unwrap_or_default(), kit);
        let verdict = watch.verdict;
        course.held = held;
        course.verdict = verdict.or(course.verdict.take());
        self.heard(kit)
    }

    /// What can be said of what was heard by now.
    pub(super) fn heard(&mut self, kit: &mut Kit) -> Next {
        let is_asked = self.course.as_ref().is_some_and(|course| course.asked.id.is_some());
        if self.observer.is_refused() {
            return self.refused(kit);
        }
        // What is steered once can only go there, whatever is still to come of it.
        let is_bound = self.way.target.is_some() && !kit.router.applies_to(self.way.listen);
        match &self.observer {
            Observer::Http1(_) if is_asked => self.choose(kit),
            // The name that TLS is steered by may be in the part that is still to come.
            observer if observer.is_not_http() && (is_bound || !observer.is_in_hello()) => {
                self.choose_once(kit)
            }
            observer if is_bound && observer.http2().is_some_and(|http| http.has_client_begun()) => {
                self.choose_once(kit)
            }
            observer if observer.http2().is_some() => self.heard_http2(is_asked, kit),
            _ => self.hear_more(kit),
        }
    }

    /// It is not known yet what the client wants.
    pub(super) fn hear_more(&mut self, kit: &mut Kit) -> Next {
        if self.up.ended {
            return self.client_ended(kit);
        }
        if self.client.ready.is_readable() { Next::Again } else { Next::Wait }
    }

    /// The client has sent its last byte, and that made no request.
    fn client_ended(&mut self, kit: &mut Kit) -> Next {
        self.up.ended = true;
        let is_undecided = !self.observer.is_decided();
        if !self.has_held() && self.account.is_decided() {
            return Next::Close(Ending::Finished);
        }
        if self.way.target.is_some() && self.observer.http2().is_some() {
            return self.choose_once(kit);
        }
        if is_undecided && self.way.target.is_some() {
            // A connection to us is a connection to the target, whatever comes of it.
            return self.give_up(DecidedBy::Eof, kit);
        }
        Next::Close(Ending::Finished)
    }

    pub(super) fn client_failed(&mut self, error: &io::Error, kit: &mut Kit) -> Next {
        self.note_end(Side::Client, error);
        self.drop_upstream(kit);
        Next::Close(Ending::Reset)
    }

    /// The upstream that was dialled although the client was silent: what it says before the client is the verdict.
    fn hear_server_first(&mut self, kit: &mut Kit) -> Option<Next> {
        let upstream = self.course.as_mut()?.upstream.as_mut()?;
        if upstream.end.ready.is_failed() && !upstream.is_connected {
            let error = socket::pending_error(&upstream.end.stream)
                .unwrap_or_else(|| io::Error::from(ErrorKind::ConnectionRefused));
            self.account.dial_failed(&error, kit);
            return self.dial_next_early(kit);
        }
        if !upstream.is_connected && upstream.end.ready.is_writable() {
            self.upstream_connected(kit);
        }
        let has_held = self.has_held();
        let upstream = self.course.as_mut()?.upstream.as_mut()?;
        if !upstream.is_connected || !upstream.end.ready.is_readable() || has_held {
            return None;
        }
        let mut first = [0; 9];
        let count = upstream.end.stream.peek(&mut first).unwrap_or_default();
        let said = first.get(..count).unwrap_or_default();
        if may_be_http2(said) {
            // It says the same to all; the client's request may go elsewhere all the same.
            return None;
        }
        if is_greeting(said) {
            kit.server_first.add(upstream.address, kit.now);
        }
        Some(self.leave(Leave::Relay))
    }

    fn is_early_too_late(&self, kit: &Kit) -> bool {
        let early = self.course.as_ref().and_then(|course| course.upstream.as_ref());
        early.is_some_and(|upstream| !upstream.is_connected && upstream.until <= kit.now)
    }

    /// The next address gets its turn; after the last, the client may still say something that goes elsewhere.
    fn dial_next_early(&mut self, kit: &mut Kit) -> Option<Next> {
        self.drop_upstream(kit);
        while let Some(address) = self.course.as_mut().and_then(|course| course.addresses.pop_front()) {
            if kit.is_own(address) {
                kit.count(RefusedLoop(self.account.direction));
                self.account.refused(508, "loop");
                continue;
            }
            match self.dial(address, None, kit) {
                Ok(()) => return None,
                Err(error) => self.account.dial_failed(&error, kit),
            }
        }
        let may_go_elsewhere = kit.router.applies_to(self.way.listen) || self.has_held();
        (!may_go_elsewhere).then(|| self.leave(Leave::Refused))
    }

    /// When asking ends in another way.
    pub(super) fn asking_deadline(&self, kit: &Kit) -> Moment {
        if kit.hurry_from.is_some() && self.is_between() {
            return self.active.plus(IDLE);
        }
        let early = self.course.as_ref().and_then(|course| course.upstream.as_ref());
        if let Some(upstream) = early.filter(|upstream| !upstream.is_connected) {
            return upstream.until;
        }
        match &self.course {
            Some(course) if self.observer.http2().is_some() => self.http2_deadline(course, kit),
            Some(course) if course.has_begun() => course.since.after(kit.config.detect_timeout),
            // The name wakes it.
            None if self.awaits_name => Moment::NEVER,
            None if !self.account.is_decided() && self.way.target.is_some() => self.active.plus(GRACE),
            _ if self.account.is_decided() || self.may_stay_silent(kit) => Moment::NEVER,
            _ => self.account.opened().after(kit.config.detect_timeout),
        }
    }

    /// Whether a client that has said nothing may ask as late as it likes: its server stands by and is silent as well, or there
    /// is none before it has asked.
    fn may_stay_silent(&self, kit: &Kit) -> bool {
        match &self.course {
            Some(course) => course.upstream.is_some() && course.held.is_empty(),
            None => self.way.target.is_none() && self.is_served(kit),
        }
    }

    /// It has ended so.
    pub(super) fn asking_expired(&mut self, kit: &mut Kit) -> Next {
        if self.is_drained(kit) {
            return self.drained();
        }
        if self.is_early_too_late(kit) {
            self.account.dial_failed(&io::Error::from_raw_os_error(socket::TIMED_OUT), kit);
            return self.dial_next_early(kit).unwrap_or(Next::Wait);
        }
        if self.has_begun() {
            return match &self.observer {
                Observer::Http1(_) => {
                    let reason = Reason::TooSlow.as_str();
                    kit.metrics.blind(self.account.direction, reason);
                    self.answer(408, reason, kit)
                }
                observer if observer.http2().is_some() => self.http2_expired(kit),
                observer if observer.is_decided() => self.choose_once(kit),
                _ => self.give_up(DecidedBy::Timeout, kit),
            };
        }
        match self.way.target {
            _ if self.course.is_some() => self.give_up(DecidedBy::Timeout, kit),
            Some(target) => self.dial_early(target, kit),
            None => Next::Close(Ending::Idle),
        }
    }

    /// Nothing more is to be found out about what this is.
    fn give_up(&mut self, why: DecidedBy, kit: &mut Kit) -> Next {
        let is_strict = kit.config.http_strict;
        if why == DecidedBy::Timeout && !is_strict && self.way.target.is_some() {
            // What could have been a request's beginning is none that could be steered.
            self.observer.open_gate();
        }
        let connection = self.account.connection();
        let course = self.course.get_or_insert_with(|| kit.courses.take());
        let asked = Some(&mut course.asked);
        let mut counter = Counter { http: &mut self.http, asked, connection, kit };
        let verdict = self.observer.give_up(why, is_strict, &mut counter);
        course.verdict = verdict;
        if self.observer.is_refused() { self.refused(kit) } else { self.choose_once(kit) }
    }

    /// The client is silent: perhaps it waits for the server.
    fn dial_early(&mut self, target: Dialable, kit: &mut Kit) -> Next {
        self.awaits_name = false;
        match target {
            Dialable::Addr(address) => {
                self.course.get_or_insert_with(|| kit.courses.take()).addresses.push_back(address);
            }
            Dialable::Name(name, port) => match kit.resolver.addresses(name, kit.instant, &kit.registry) {
                Answer::Pending => {
                    self.awaits_name = true;
                    return Next::Wait;
                }
                Answer::Failed(failure) => {
                    self.account.not_resolved(failure, kit);
                    self.course.get_or_insert_with(|| kit.courses.take());
                }
                Answer::Addresses(all) => {
                    let course = self.course.get_or_insert_with(|| kit.courses.take());
                    course.addresses.extend(all.iter().map(|&ip| SocketAddr::new(ip, port)));
                }
            },
        }
        self.dial_next_early(kit).unwrap_or(Next::Wait)
    }

    fn is_drained(&self, kit: &Kit) -> bool {
        let is_time = |hurry_from| self.active.plus(IDLE) <= kit.now || hurry_from <= kit.now;
        kit.hurry_from.is_some_and(is_time) && self.is_between()
    }

    /// Nothing was asked that is not answered.
    fn is_between(&self) -> bool {
        if self.has_begun() {
            self.is_idle_http2()
        } else {
            self.account.is_decided() || (self.way.target.is_none() && self.course.is_none())
        }
    }

    fn drained(&mut self) -> Next {
        if self.is_idle_http2() {
            return self.leave(Leave::Farewell(Box::new(reply::http2_shutdown(0))));
        }
        Next::Close(Ending::Drained)
    }

    /// Goes on as what `leave` says.
    pub(super) fn leave(&mut self, leave: Leave) -> Next {
        self.stage = Stage::Leaving(leave);
        Next::Change
    }
}

/// Whether what a server has said first is, or may become, the SETTINGS of HTTP/2. It is left there.
fn may_be_http2(said: &[u8]) -> bool {
    let mut detector = Detector::default();
    let verdict = detector.server(said);
    !said.is_empty() && verdict.is_none() && detector.opaque().is_none()
}

/// How a server begins that has waited for its client long enough, and waits no more: a status line of HTTP/1, an alert of
/// TLS.
const LAST_WORDS: [&[u8]; 2] = [b"HTTP/", b"\x15\x03"];

/// Whether a server that has said this, or more, before the client says it to all. An end is nothing that it says, and of
/// its last words a part may have come.
fn is_greeting(said: &[u8]) -> bool {
    let is_last = |words: &&[u8]| said.iter().zip(*words).all(|(one, other)| one == other);
    !said.is_empty() && !LAST_WORDS.iter().any(is_last)
}
