//! Answers of our own to a request that is steered.

use crate::flow::http::Counter;
use crate::flow::refuse::count_bad_gateway;
use crate::flow::steer::leave::Leave;
use crate::flow::steer::{Stage, SteeredFlow};
use crate::flow::{Next, Side};
use crate::kit::Kit;
use crate::wire::event::Peer;
use crate::wire::h1::Fault;
use crate::wire::observer::Observer;
use crate::wire::reply;

impl SteeredFlow {
    /// What was heard is no request that may go anywhere.
    pub(super) fn refused(&mut self, kit: &mut Kit) -> Next {
        match (self.observer.fault(), &self.observer) {
            (Some(fault), _) => self.answer_fault(fault, kit),
            (None, Observer::Http2Lost(reason)) => {
                self.leave(Leave::Farewell(Box::new(reply::http2_goaway(reason.as_str()))))
            }
            (None, _) => self.leave(Leave::Refused),
        }
    }

    /// A message was not as it has to be.
    pub(super) fn answer_fault(&mut self, fault: Fault, kit: &mut Kit) -> Next {
        let reason = fault.reason.as_str();
        kit.metrics.blind(self.account.direction, reason);
        if self.course.as_ref().is_some_and(|course| course.is_answered) {
            if self.is_answered_early() && self.down.transit.is_empty() {
                return self.finish_early(kit);
            }
            // Nothing more is read of a server that lives on.
            self.drop_upstream(kit);
            return self.leave(Leave::Broken);
        }
        if fault.by == Peer::Client {
            self.stop_reading();
            if matches!(self.stage, Stage::Exchanging) {
                // Its server is not to blame, and must not take what it has for a request.
                self.abandon(kit);
            }
        }
        self.answer(fault.status, reason, kit)
    }

    /// Answers the request, and keeps the connection where nothing speaks against it. 200 is for OPTIONS that ask us. Behind a
    /// CONNECT the tunnel's first bytes may have come already: they are not for us.
    pub(super) fn answer(&mut self, status: u16, cause: &'static str, kit: &mut Kit) -> Next {
        count_bad_gateway(status, kit);
        self.commit(kit);
        let sent = self.course.as_mut().and_then(|course| course.upstream.as_mut()?.sent.take());
        self.end_sent(sent, crate::balance::Outcome::Failed, kit);
        self.drop_upstream(kit);
        let (may_go_on, to_head, first) = match &self.observer {
            Observer::Http1(http) => (
                http.is_paused(Peer::Client) && http.fault().is_none() && !http.is_asked_for_tunnel(),
                http.is_asked_for_head(),
                http.first(),
            ),
            _ => (false, false, None),
        };
        let Some(course) = &mut self.course else { return self.leave(Leave::Farewell(Box::default())) };
        // A client that has ended asks only what it has asked already.
        let may_ask = !self.up.ended || course.held.len() > course.ready;
        let is_welcome = may_ask && kit.hurry_from.is_none();
        let is_kept = may_go_on && is_welcome && course.traits.keep_alive && !course.traits.is_http10;
        let answer = match status {
            200 => reply::http1_options(is_kept),
            _ => reply::Http1 { status, cause, to_head, keep_alive: is_kept }.bytes(),
        };
        let connection = self.account.connection();
        let mut counter = Counter { http: &mut self.http, asked: Some(&mut course.asked), connection, kit };
        counter.answer(first, status, answer.len(), cause);
        if !is_kept || !self.down.transit.is_empty() {
            return self.leave(Leave::Farewell(Box::new(answer)));
        }
        self.up.forgo(course.unsent());
        course.next();
        self.observer.next_exchange(&mut kit.means);
        self.down.renew_source(kit);
        self.up.renew_sink(kit);
        self.stage = Stage::Asking;
        if let Err(crate::flow::lane::Fault::Sink(error) | crate::flow::lane::Fault::Source(error)) =
            self.down.insert(&answer, &mut self.client, kit)
        {
            self.note_end(Side::Client, &error);
            return Next::Close(crate::flow::Ending::Reset);
        }
        if !self.has_held() {
            self.give_back_course(kit);
        }
        Next::Again
    }

    /// What the client still sends has no meaning.
    fn stop_reading(&mut self) {
        if let Some(course) = &mut self.course {
            course.ready = course.held.len();
        }
    }
}
