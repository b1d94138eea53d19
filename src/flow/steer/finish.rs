//! The end of an exchange: the upstream goes back to the pool, the request is sent anew, or the client is told.

use crate::balance::Outcome;
use crate::flow::http;
use crate::flow::ledger::How;
use crate::flow::steer::leave::Leave;
use crate::flow::steer::{Stage, SteeredFlow};
use crate::flow::{Ending, Next, Side};
use crate::kit::Kit;
use crate::sys::socket;
use crate::wire::detect::DecidedBy;
use crate::wire::event::Peer;
use crate::wire::observer::Observer;
use std::io;
use std::time::Duration;

impl SteeredFlow {
    /// Request and response are over, and all their bytes were delivered.
    pub(super) fn finish(&mut self, kit: &mut Kit) -> Next {
        self.report(kit);
        let Some(course) = &mut self.course else { return Next::Wait };
        let keep_alive = course.traits.keep_alive;
        let is_fit =
            course.server_keeps && course.deaf.is_none() && !self.down.ended && self.down.withheld() == 0;
        let upstream = course.upstream.take();
        if !course.traits.may_reuse {
            // What stands there lies behind the request.
            course.ready = 0;
        }
        course.next();
        if let Some(upstream) = upstream {
            if is_fit {
                kit.pool.park(upstream.end, upstream.lease, kit.now, kit.now, &mut kit.metrics);
            } else {
                kit.pool.close(upstream.lease, upstream.end.errno, kit.now, &mut kit.metrics);
            }
        }
        self.down.renew_source(kit);
        self.observer.next_exchange(&mut kit.means);
        self.stage = Stage::Asking;
        if !keep_alive {
            return self.close_client();
        }
        if !self.has_held() {
            self.give_back_course(kit);
            if self.up.ended {
                return Next::Close(Ending::Finished);
            }
        }
        if self.has_held() || self.client.ready.is_readable() { Next::Again } else { Next::Wait }
    }

    pub(super) fn give_back_course(&mut self, kit: &mut Kit) {
        if let Some(course) = self.course.take() {
            kit.courses.give_back(course);
        }
    }

    /// The response was the last. Bytes that were not read would make a reset of the close.
    fn close_client(&mut self) -> Next {
        if self.has_held() || (self.client.ready.is_readable() && !self.up.ended) {
            return self.leave(Leave::Farewell(Box::default()));
        }
        Next::Close(Ending::Finished)
    }

    /// Whether the response is over and the request is not.
    pub(super) fn is_answered_early(&self) -> bool {
        let Observer::Http1(http) = &self.observer else { return false };
        // What the server's own end leaves open was no whole response.
        let is_cut = self.up.ended && http.first().is_none() && !http.is_over() && !http.is_in_response();
        http.is_answered_early() || (is_cut && self.course.as_ref().is_some_and(|course| course.is_answered))
    }

    /// The whole response was delivered before the request's end, and the server reads no more.
    pub(super) fn finish_early(&mut self, kit: &mut Kit) -> Next {
        self.drop_upstream(kit);
        self.leave(Leave::Farewell(Box::default()))
    }

    /// Before the response began, a request may go elsewhere if it does no harm twice, or no byte of it got out; after that the
    /// client has to be told.
    pub(super) fn upstream_lost(&mut self, error: Option<io::Error>, kit: &mut Kit) -> Next {
        let Some(course) = &mut self.course else { return Next::Close(Ending::Reset) };
        if course.is_answered {
            return self.cut_off(error);
        }
        if matches!(&self.observer, Observer::Http1(http) if self.up.ended && !http.is_paused(Peer::Client)) {
            // The client has ended within its request, and waits for no answer.
            self.tell_server_end(kit);
            return Next::Close(Ending::Finished);
        }
        let may_repeat = course.may_repeat();
        let Some(upstream) = &mut course.upstream else { return Next::Close(Ending::Reset) };
        let sent = upstream.sent.take();
        let is_reused = upstream.is_reused;
        if is_reused {
            kit.pool.disappointed(&upstream.lease, kit.now);
        }
        let cause = match error {
            None => "server closed the connection",
            Some(_) => "server reset the connection",
        };
        if may_repeat {
            // That a kept connection ends is no fault of its server.
            let outcome = if is_reused { Outcome::Abandoned(Duration::ZERO) } else { Outcome::Failed };
            self.end_sent(sent, outcome, kit);
            self.trouble(502, cause);
            return self.send_anew(kit);
        }
        self.end_sent(sent, Outcome::Failed, kit);
        self.answer(502, cause, kit)
    }

    /// Its connection has ended, most often while it was kept. A server may still have read the request, whatever the kernel knows: the
    /// acknowledgement of its last bytes may be late, and a server that has ended its own side may go on reading.
    fn send_anew(&mut self, kit: &mut Kit) -> Next {
        let upstream = self.course.as_ref().and_then(|course| course.upstream.as_ref());
        let before = upstream.map(|upstream| (upstream.address, upstream.is_reused));
        self.drop_upstream(kit);
        self.up.renew_sink(kit);
        self.down.renew_source(kit);
        self.observer.forget_server();
        if let (Some(course), Some((address, is_reused))) = (&mut self.course, before) {
            self.up.repeat(course.ready);
            course.retry(address, is_reused);
        }
        self.seek(kit)
    }

    /// The response was cut short: the client gets what came of it, and then a reset.
    fn cut_off(&mut self, error: Option<io::Error>) -> Next {
        match error {
            Some(error) => self.note_end(Side::Upstream, &error),
            None => self.account.first_end(Side::Upstream, How::Fin),
        }
        self.leave(Leave::Broken)
    }

    /// Whether the response has begun and not ended. An end of the connection would make a whole of a part of it.
    fn is_amid_answer(&self) -> bool {
        let is_open = matches!(&self.observer, Observer::Http1(http) if http.first().is_some());
        let is_answered = self.course.as_ref().is_some_and(|course| course.is_answered);
        is_open && is_answered && !self.is_answered_early()
    }

    /// Closes the upstream connection.
    pub(super) fn drop_upstream(&mut self, kit: &mut Kit) {
        self.report(kit);
        if let Some(upstream) = self.course.as_mut().and_then(|course| course.upstream.take()) {
            kit.pool.close(upstream.lease, upstream.end.errno, kit.now, &mut kit.metrics);
        }
    }

    pub(super) fn note_end(&mut self, side: Side, error: &io::Error) {
        let errno = error.raw_os_error().unwrap_or(socket::RESET);
        let end = match side {
            Side::Client => Some(&mut self.client),
            Side::Upstream => self.course.as_mut().and_then(|course| course.upstream_end()),
        };
        if let Some(end) = end {
            end.errno = errno;
        }
        self.account.first_end(side, How::Failed(errno));
    }

    /// The last word on it, before its sockets close.
    pub fn close(&mut self, ending: Ending, kit: &mut Kit) {
        let is_cut_short = ending != Ending::Finished && (self.down.is_cut_short() || self.is_amid_answer());
        self.commit(kit);
        let connection = self.account.connection();
        let mut counter = http::Counter { http: &mut self.http, asked: None, connection, kit };
        let verdict = self.observer.give_up(DecidedBy::Eof, false, &mut counter);
        let verdict = verdict.or(self.course.as_mut().and_then(|course| course.verdict.take()));
        if let Some(verdict) = verdict {
            self.account.decide(verdict, kit);
        }
        if let Some(sent) = self.course.as_mut().and_then(|course| course.upstream.as_mut()?.sent.take()) {
            kit.backends.end(sent, Outcome::Abandoned(Duration::ZERO), kit.now);
        }
        self.drop_upstream(kit);
        self.account.cut_off(&mut self.observer, &mut self.http, kit);
        if is_cut_short {
            socket::reset(&self.client.stream);
        }
        self.up.discard(kit);
        self.down.discard(kit);
        let totals = self.totals();
        self.account.close(ending, [self.client.errno, 0], totals, self.key, kit);
        self.give_back_course(kit);
    }
}
