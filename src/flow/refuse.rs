//! No upstream was to be had, or a message was refused: tell an HTTP client why, reset all others.

use crate::flow::http;
use crate::flow::lane::Watcher;
use crate::flow::ledger::How;
use crate::flow::watch::Watch;
use crate::flow::{Ending, Flow, Next, Side, Stage};
use crate::kit::Kit;
use crate::metrics::Counter;
use crate::sys::socket;
use crate::wire::detect::DecidedBy;
use crate::wire::event::Peer;
use crate::wire::observer::Observer;
use crate::wire::reply;
use crate::wire::{h1, h2};
use std::io::{self, ErrorKind, Read, Write};
use std::time::Duration;

/// How long the client may take to say what it speaks.
const FIRST_BYTES: Duration = Duration::from_secs(1);
/// How long, and with how many bytes, the client may go on before it has read the answer and ends.
const FAREWELL: Duration = Duration::from_secs(2);
const FAREWELL_BYTES: usize = 1 << 20;

impl Flow {
    /// The last address has failed.
    pub(super) fn refuse(&mut self, kit: &mut Kit) -> Next {
        self.upstream = None;
        self.stage = Stage::Refused { until: kit.now.plus(FIRST_BYTES), is_greeted: false };
        if matches!(self.observer, Observer::Opaque) {
            return self.give_reset();
        }
        self.refused(kit)
    }

    /// Reads until it is known what the client speaks, and of HTTP until a request's head is there, to be answered and counted.
    pub(super) fn refused(&mut self, kit: &mut Kit) -> Next {
        while self.client.ready.is_readable() {
            match self.read_first_bytes(kit) {
                Ok(0) => return self.refusal(kit),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.client.ready.clear_readable(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return self.client_has_gone(Some(error)),
            }
            if self.has_asked() {
                let is_there = !self.client.ready.is_failed();
                return if is_there { self.refusal(kit) } else { self.client_has_gone(None) };
            }
        }
        self.greet();
        Next::Wait
    }

    /// Nobody is there to be answered. What it asked before is counted as cut off by it.
    fn client_has_gone(&mut self, error: Option<io::Error>) -> Next {
        self.break_side(Side::Client, error.or_else(|| socket::pending_error(&self.client.stream)));
        Next::Close(Ending::Refused)
    }

    /// Whether there is something to answer, or nothing that could be.
    pub(super) fn has_asked(&self) -> bool {
        match &self.observer {
            Observer::Silent => false,
            Observer::Http1(http) => http.open() > 0 || http.is_blind() || http.fault().is_some(),
            observer => match observer.http2() {
                Some(http) => http.open_exchanges() > 0 || http.is_blind(),
                None => observer.is_decided(),
            },
        }
    }

    /// Some clients of HTTP/2 ask nothing before they have the server's SETTINGS.
    fn greet(&mut self) {
        if let Stage::Refused { is_greeted, .. } = &mut self.stage
            && self.observer.http2().is_some()
            && !std::mem::replace(is_greeted, true)
        {
            // The first bytes of a connection: its buffer is empty.
            let _ = self.client.stream.write(&reply::http2_greeting());
        }
    }

    fn read_first_bytes(&mut self, kit: &mut Kit) -> io::Result<usize> {
        let mut hot = std::mem::take(&mut kit.hot);
        let read = self.client.stream.read(&mut hot);
        let bytes = read.as_ref().ok().and_then(|&count| hot.get(..count)).unwrap_or_default();
        self.up.taken += bytes.len() as u64;
        let connection = self.account.connection();
        let (observer, http) = (&mut self.observer, &mut self.http);
        let mut watch = Watch { peer: Peer::Client, observer, http, asked: None, connection, verdict: None };
        watch.look(bytes, kit);
        if let Some(verdict) = watch.verdict {
            self.decide(verdict, kit);
        }
        kit.hot = hot;
        read
    }

    /// In the client's own protocol where that is HTTP, else a reset.
    pub(super) fn refusal(&mut self, kit: &mut Kit) -> Next {
        self.account.first_end(Side::Upstream, How::Refused);
        let (status, cause) = self.account.refusal();
        match self.observer {
            Observer::Http1(ref mut http) => {
                let (first, to_head) = (http.first(), http.is_asked_for_head());
                count_bad_gateway(status, kit);
                let answer = reply::Http1 { status, cause, to_head, keep_alive: false }.bytes();
                let connection = self.account.connection();
                let mut counter = http::Counter { http: &mut self.http, asked: None, connection, kit };
                http.close(&mut counter);
                counter.answer(first, status, answer.len(), cause);
                self.answer(&answer, kit)
            }
            _ if self.observer.http2().is_some() => self.refuse_streams(status, cause, kit),
            _ => self.give_reset(),
        }
    }

    /// Answers the streams that are open, and leaves out all others.
    fn refuse_streams(&mut self, status: u16, cause: &'static str, kit: &mut Kit) -> Next {
        let Some(http) = self.observer.http2() else { return self.give_reset() };
        let streams: Vec<h2::Open> = http.open_streams().take(reply::MAX_STREAMS).collect();
        // While it was steered, or since.
        let is_greeted =
            self.down.given() > 0 || matches!(self.stage, Stage::Refused { is_greeted: true, .. });
        let (has_settings, window) = (http.has_client_settings(), http.client_window());
        let answer = reply::Http2 { status, cause, is_greeted, has_settings, window }.bytes(&streams);
        let connection = self.account.connection();
        let mut counter = http::Counter { http: &mut self.http, asked: None, connection, kit };
        for stream in &streams {
            count_bad_gateway(status, counter.kit);
            counter.answer_stream(stream.id, status, cause);
        }
        counter.finish_all(cause);
        self.answer(&answer, kit)
    }

    /// Resets the client, which has nothing to read.
    pub(super) fn give_reset(&mut self) -> Next {
        self.account.first_end(Side::Upstream, How::Refused);
        socket::reset(&self.client.stream);
        Next::Close(Ending::Refused)
    }

    /// Strict observation has refused a message. What was good before it comes first; `None` while that takes.
    pub(super) fn refuse_message(&mut self, kit: &mut Kit) -> Option<Next> {
        if let Observer::Http2Lost(lost) = self.observer {
            return self.refuse_http2(lost.as_str(), kit);
        }
        let fault = self.observer.fault()?;
        let fresh = h1::Observer::new(true);
        let http = match &self.observer {
            Observer::Http1(http) => http,
            // Its first line was refused: nothing was asked.
            _ => &fresh,
        };
        let is_own = fault.by == Peer::Client;
        // A request of which a part has passed is open itself, and the answer to it is ours.
        let asked_before = http.open().saturating_sub(usize::from(fault.begun));
        let is_waiting = is_own && asked_before > 0 && !self.down.ended;
        if self.broken.is_some() || is_waiting || !self.down.transit.is_empty() {
            return None;
        }
        let is_cut_off = fault.begun && (!is_own || http.is_in_response());
        // Nothing is written into the client's stream that answers no request.
        let is_answered = if is_own {
            fault.begun && http.is_answered_early()
        } else {
            http.open() == 0 || http.is_answered_early()
        };
        let (first, to_head) = (http.first(), http.is_asked_for_head());
        self.drop_upstream(is_own && fault.begun, kit);
        let reason = fault.reason.as_str();
        kit.metrics.blind(self.account.direction, reason);
        let connection = self.account.connection();
        let mut counter = http::Counter { http: &mut self.http, asked: None, connection, kit };
        self.observer.close(&mut counter);
        if is_cut_off {
            counter.finish_all(reason);
            return Some(self.give_reset());
        }
        let answer = reply::Http1 { status: fault.status, cause: reason, to_head, keep_alive: false }.bytes();
        counter.answer(first, fault.status, answer.len(), reason);
        Some(self.answer(if is_answered { b"" } else { &answer }, kit))
    }

    /// Says the last there is to say.
    pub(super) fn say_farewell(&mut self, bytes: &[u8], kit: &mut Kit) -> Next {
        // What came before goes first.
        if self.down.transit.push(&mut self.client, kit).is_err() || !self.down.transit.is_empty() {
            return Next::Close(Ending::Reset);
        }
        self.answer(bytes, kit)
    }

    /// HTTP/2 that cannot be followed is no way to a server of HTTP/1. `None` while what was good is on its way.
    fn refuse_http2(&mut self, reason: &str, kit: &mut Kit) -> Option<Next> {
        if self.broken.is_some() || !self.down.transit.is_empty() {
            return None;
        }
        self.drop_upstream(true, kit);
        // Behind the server's own frames there may be no room for one of ours.
        let is_fresh = self.down.given() == 0;
        Some(if is_fresh { self.answer(&reply::http2_goaway(reason), kit) } else { self.give_reset() })
    }

    /// Nothing more goes either way. An end would make a whole of a message that was cut off; a reset does not.
    fn drop_upstream(&mut self, is_cut_off: bool, kit: &mut Kit) {
        self.up.discard(kit);
        self.down.discard(kit);
        if let Some(upstream) = self.upstream.take().filter(|_| is_cut_off) {
            socket::reset(&upstream.stream);
        }
    }

    fn answer(&mut self, bytes: &[u8], kit: &mut Kit) -> Next {
        // A client that has read what came before takes these few bytes at once.
        let _ = self.client.stream.write(bytes);
        let _ = self.client.stream.shutdown(std::net::Shutdown::Write);
        self.stage = Stage::Farewell { until: kit.now.plus(FAREWELL), allowance: FAREWELL_BYTES };
        self.farewell(kit)
    }

    /// Closing with unread bytes would reset the connection, and the client might never see the answer.
    pub(super) fn farewell(&mut self, kit: &mut Kit) -> Next {
        let Stage::Farewell { allowance, .. } = &mut self.stage else { return Next::Wait };
        while self.client.ready.is_readable() {
            match self.client.stream.read(&mut kit.hot) {
                Ok(0) => return Next::Close(Ending::Refused),
                Ok(count) if count < *allowance => *allowance -= count,
                Ok(_) => return Next::Close(Ending::Refused),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.client.ready.clear_readable(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Next::Close(Ending::Refused),
            }
        }
        Next::Wait
    }

    /// Nothing more is to be found out.
    pub(super) fn give_up_detection(&mut self, why: DecidedBy, kit: &mut Kit) {
        let (is_strict, connection) = (kit.config.http_strict, self.account.connection());
        let mut counter = http::Counter { http: &mut self.http, asked: None, connection, kit };
        if let Some(verdict) = self.observer.give_up(why, is_strict, &mut counter) {
            self.decide(verdict, kit);
            self.let_go(kit);
        }
    }
}

/// An answer of ours says that no upstream was to be had.
pub(super) fn count_bad_gateway(status: u16, kit: &mut Kit) {
    if matches!(status, 502..=504) {
        kit.count(Counter::AnsweredBadGateway);
    }
}
