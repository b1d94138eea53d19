//! How an HTTP connection ends while wayside drains: between messages, and with notice where the protocol has one.
//! Others end when their peers end them.

use crate::base::time::Moment;
use crate::flow::lane::Fault;
use crate::flow::{Ending, Flow, Next, Side, Stage};
use crate::kit::Kit;
use crate::wire::event::Peer;
use crate::wire::observer::Observer;
use crate::wire::reply;
use std::time::Duration;

/// A connection is idle after this long without a byte. One that is busy is left to its requests: HTTP/1 has no way to
/// tell a client to send no more, and a request on its way would meet a closed connection.
pub(super) const IDLE: Duration = Duration::from_millis(500);

impl Flow {
    /// Gives notice where it is due.
    pub(super) fn give_notice(&mut self, kit: &mut Kit) {
        let Observer::Http2(http) = &self.observer else { return };
        let is_due = !self.has_notice && self.down.taken > 0 && self.down.transit.is_empty();
        if !is_due || self.broken.is_some() || self.down.ended || !http.is_at_frame_boundary(Peer::Server) {
            return;
        }
        self.has_notice = true;
        if let Err(Fault::Sink(error) | Fault::Source(error)) =
            self.down.insert(&reply::http2_shutdown(reply::EVERY_STREAM), &mut self.client, kit)
        {
            self.break_side(Side::Client, Some(error));
        }
    }

    /// When to look whether an HTTP connection can be closed.
    pub(super) fn drain_deadline(&self, kit: &Kit) -> Moment {
        match kit.hurry_from {
            Some(_) if self.is_between_messages() => self.active.plus(IDLE),
            _ => Moment::NEVER,
        }
    }

    /// Closes a connection between messages, if it is idle or time runs out.
    pub(super) fn drain(&mut self, kit: &mut Kit) -> Option<Next> {
        let hurry_from = kit.hurry_from?;
        let is_time = self.active.plus(IDLE) <= kit.now || hurry_from <= kit.now;
        if !is_time || !self.is_between_messages() {
            return None;
        }
        self.name_last_stream(kit);
        Some(Next::Close(Ending::Drained))
    }

    /// A request that crosses the connection's end may be asked again elsewhere: the client hears that nobody has seen it.
    fn name_last_stream(&mut self, kit: &mut Kit) {
        let Observer::Http2(http) = &self.observer else { return };
        let is_due = self.has_notice && !self.down.ended && http.is_at_frame_boundary(Peer::Server);
        if !is_due || !self.client.ready.is_writable() {
            return;
        }
        let last = reply::http2_shutdown(http.last_client_stream());
        // What does not go out now goes nowhere: to wait for it would look like an answer that is cut short.
        let _ = self.down.insert(&last, &mut self.client, kit);
        self.down.discard(kit);
    }

    /// Whether bytes have passed that may be a part of something: of all but HTTP nobody can tell.
    pub(super) fn is_amid(&self) -> bool {
        let is_carrying = matches!(self.stage, Stage::Relaying | Stage::Resetting(_));
        is_carrying && self.up.taken + self.down.taken > 0 && !self.is_between_messages()
    }

    fn is_between_messages(&self) -> bool {
        let is_between = match &self.observer {
            Observer::Http1(http) => http.is_at_boundary(),
            Observer::Http1Idle => true,
            Observer::Http2(http) => !http.is_blind() && http.open_exchanges() == 0,
            _ => false,
        };
        is_between && self.broken.is_none() && self.up.transit.is_empty() && self.down.transit.is_empty()
    }
}
