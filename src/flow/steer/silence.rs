//! Nothing moves for too long.

use crate::base::time::Moment;
use crate::flow::steer::{Stage, SteeredFlow};
use crate::flow::{Ending, Next};
use crate::kit::Kit;
use crate::sys::socket;
use crate::wire::event::Peer;
use crate::wire::observer::Observer;

impl SteeredFlow {
    /// When `--idle-timeout` is over. The search for an upstream has bounds of its own.
    pub(super) fn idle_deadline(&self, kit: &Kit) -> Moment {
        match self.stage {
            Stage::Seeking => Moment::NEVER,
            _ => self.active.after(kit.config.idle_timeout),
        }
    }

    /// It is. A client that waits for an answer is told.
    pub(super) fn idle(&mut self, kit: &mut Kit) -> Next {
        let Some(course) = self.course.as_ref().filter(|_| matches!(self.stage, Stage::Exchanging)) else {
            return Next::Close(Ending::Idle);
        };
        if course.is_answered {
            return self.give_up_answered(Ending::Idle, kit);
        }
        self.active = kit.now;
        let is_whole = matches!(&self.observer, Observer::Http1(http) if http.is_paused(Peer::Client));
        if !is_whole && self.up.transit.is_empty() {
            // It is the client that says no more.
            self.abandon(kit);
            return self.answer(408, CAUSE, kit);
        }
        if let Some(upstream) = self.course.as_mut().and_then(|course| course.upstream_end()) {
            socket::reset(&upstream.stream);
        }
        self.answer(504, CAUSE, kit)
    }

    /// One side has ended, and the other is silent for too long.
    pub(super) fn half_closed(&mut self, kit: &mut Kit) -> Next {
        if self.course.as_ref().is_some_and(|course| course.is_answered) {
            return self.give_up_answered(Ending::HalfClosed, kit);
        }
        self.abandon(kit);
        Next::Close(Ending::HalfClosed)
    }

    /// The response has begun. The client gets a reset, unless it has all of it.
    fn give_up_answered(&mut self, ending: Ending, kit: &mut Kit) -> Next {
        if self.is_answered_early() && self.down.transit.is_empty() {
            return self.finish_early(kit);
        }
        self.abandon(kit);
        Next::Close(ending)
    }
}

const CAUSE: &str = "idle timeout";
