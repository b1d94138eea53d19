//! Clients of HTTP/2 that ask nothing before they have their server's SETTINGS, as those of gRPC do.
//!
//! Which server that is depends on what they ask. So they get SETTINGS of ours, which leave all as it is, and what they
//! say to acknowledge them goes no further: the server acknowledges and is acknowledged as if we were not there.

use crate::base::time::Moment;
use crate::course::{Course, Greeting};
use crate::flow::Next;
use crate::flow::lane::Fault;
use crate::flow::steer::SteeredFlow;
use crate::flow::steer::ask::GRACE;
use crate::flow::steer::leave::Leave;
use crate::kit::Kit;
use crate::wire::reply;

/// The most that is held of a client that has not asked yet, or not acknowledged. Before it has its server's SETTINGS it may
/// send 64 KiB of bodies (RFC 9113, section 6.9.2); with more than this it is told GOAWAY.
const MOST_HELD: usize = 256 * 1024;

/// The same of a client that may not use us as a proxy, and is answered 403 if it asks: room for a head.
const MOST_REFUSED: usize = 16 * 1024;

impl SteeredFlow {
    /// More of a client of HTTP/2 was heard.
    pub(super) fn heard_http2(&mut self, is_asked: bool, kit: &mut Kit) -> Next {
        let is_settled = self.take_acknowledgement();
        if is_asked && is_settled {
            return self.choose_once(kit);
        }
        let most = if self.is_served(kit) { MOST_HELD } else { MOST_REFUSED };
        if self.course.as_ref().is_some_and(|course| course.held.len() > most) {
            return self.go_away(if is_asked { UNACKNOWLEDGED } else { UNASKED });
        }
        self.hear_more(kit)
    }

    /// Takes the acknowledgement of our SETTINGS out of what is held. False while it is to come.
    fn take_acknowledgement(&mut self) -> bool {
        let Some(course) = &mut self.course else { return true };
        let Greeting::Sent(search) = &mut course.greeting else { return true };
        let Some(place) = search.find(&course.held) else { return false };
        self.up.forgo(place.len());
        course.held.drain(place);
        course.greeting = Greeting::Acknowledged;
        true
    }

    /// Whether the client has all it needs to ask, and asks nothing.
    pub(super) fn is_idle_http2(&self) -> bool {
        let is_greeted =
            |course: &Course| matches!(course.greeting, Greeting::Acknowledged) && course.asked.id.is_none();
        self.course.as_ref().is_some_and(|course| is_greeted(course))
    }

    /// When the wait for a request, or for an acknowledgement, ends in another way.
    pub(super) fn http2_deadline(&self, course: &Course, kit: &Kit) -> Moment {
        let until = course.since.after(kit.config.detect_timeout);
        match course.greeting {
            Greeting::None if self.may_be_greeted() => until.min(self.active.plus(GRACE)),
            Greeting::None | Greeting::Sent(_) => until,
            // As one of HTTP/1 between two requests; but who may not ask has nothing to wait for.
            Greeting::Acknowledged if self.is_served(kit) => Moment::NEVER,
            Greeting::Acknowledged => until,
        }
    }

    /// It has ended so.
    pub(super) fn http2_expired(&mut self, kit: &mut Kit) -> Next {
        match self.course.as_ref().map(|course| course.greeting) {
            Some(Greeting::None) if self.may_be_greeted() => self.greet(kit),
            Some(Greeting::Sent(_)) => self.go_away(UNACKNOWLEDGED),
            _ => self.go_away(UNASKED),
        }
    }

    /// Its own SETTINGS have come: what is behind the preface is HTTP/2. Who may not ask at all is greeted, too: its first
    /// request is what can be told so.
    fn may_be_greeted(&self) -> bool {
        self.observer.http2().is_some_and(|http| http.has_client_settings())
    }

    fn greet(&mut self, kit: &mut Kit) -> Next {
        if let Some(course) = &mut self.course {
            course.greeting = Greeting::Sent(Default::default());
        }
        match self.down.insert(&reply::http2_greeting(), &mut self.client, kit) {
            Ok(()) => Next::Wait,
            Err(Fault::Sink(error) | Fault::Source(error)) => self.client_failed(&error, kit),
        }
    }

    fn go_away(&mut self, cause: &str) -> Next {
        self.leave(Leave::Farewell(Box::new(reply::http2_goaway(cause))))
    }
}

const UNASKED: &str = "no request came";
const UNACKNOWLEDGED: &str = "SETTINGS not acknowledged";
