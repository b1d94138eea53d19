//! A connection in one of its two forms.

use crate::admin;
use crate::base::time::Moment;
use crate::base::token::{Key, Source};
use crate::flow::steer::SteeredFlow;
use crate::flow::{Ending, Flow, Next, Side};
use crate::kit::Kit;
use crate::sys::socket;
use mio::Registry;
use mio::event::Event;
use std::io;
use std::net::SocketAddr;

/// A connection, whoever chooses where it goes.
#[derive(Debug)]
pub enum AnyFlow {
    /// Its target is known when it is accepted.
    Relayed(Flow),
    /// Its target depends on what its client asks.
    Steered(SteeredFlow),
    /// On its way from one form to the other, within one call.
    Changing(Key),
}

impl AnyFlow {
    /// Its place in the slab.
    pub fn key(&self) -> Key {
        match self {
            AnyFlow::Relayed(flow) => flow.key,
            AnyFlow::Steered(flow) => flow.key,
            AnyFlow::Changing(key) => *key,
        }
    }

    /// Notes that it stands in the worker's queue, or does not. Returns whether it did.
    pub fn set_queued(&mut self, is_queued: bool) -> bool {
        match self {
            AnyFlow::Relayed(flow) => std::mem::replace(&mut flow.queued, is_queued),
            AnyFlow::Steered(flow) => std::mem::replace(&mut flow.queued, is_queued),
            AnyFlow::Changing(_) => true,
        }
    }

    /// When its entry in the timer wheel comes out.
    pub fn armed(&mut self) -> Option<&mut Moment> {
        match self {
            AnyFlow::Relayed(flow) => Some(&mut flow.armed),
            AnyFlow::Steered(flow) => Some(&mut flow.armed),
            AnyFlow::Changing(_) => None,
        }
    }

    /// Remembers what epoll says of one of its sockets.
    pub fn mark(&mut self, side: Side, event: &Event) {
        match self {
            AnyFlow::Relayed(flow) => flow.mark(side, event),
            AnyFlow::Steered(flow) => flow.mark(side, event),
            AnyFlow::Changing(_) => {}
        }
    }

    /// Sees to it that epoll tells what it waits for of its client.
    pub fn hear_client(&mut self, registry: &Registry) -> io::Result<()> {
        let (client, key) = match self {
            AnyFlow::Relayed(flow) => (&mut flow.client, flow.key),
            AnyFlow::Steered(flow) => (&mut flow.client, flow.key),
            AnyFlow::Changing(_) => return Ok(()),
        };
        if client.is_heard() { Ok(()) } else { client.hear(registry, Source::Client(key).token()) }
    }

    /// One bounded turn, because of an event.
    pub fn turn(&mut self, kit: &mut Kit) -> Next {
        let next = match self {
            AnyFlow::Relayed(flow) => flow.turn(kit),
            AnyFlow::Steered(flow) => flow.turn(kit),
            AnyFlow::Changing(_) => Next::Wait,
        };
        self.change(next, kit)
    }

    /// The deadline has come.
    pub fn expire(&mut self, kit: &mut Kit) -> Next {
        let next = match self {
            AnyFlow::Relayed(flow) => flow.expire(kit),
            AnyFlow::Steered(flow) => flow.expire(kit),
            AnyFlow::Changing(_) => Next::Wait,
        };
        self.change(next, kit)
    }

    /// Takes the other form, if that is what comes next.
    fn change(&mut self, next: Next, kit: &mut Kit) -> Next {
        if next != Next::Change {
            return next;
        }
        match std::mem::replace(self, AnyFlow::Changing(self.key())) {
            AnyFlow::Steered(flow) => {
                let (flow, next) = flow.into_relayed(kit);
                *self = AnyFlow::Relayed(flow);
                next
            }
            other => {
                *self = other;
                Next::Wait
            }
        }
    }

    /// When [`AnyFlow::expire`] wants to be called.
    pub fn deadline(&self, kit: &Kit) -> Moment {
        match self {
            AnyFlow::Relayed(flow) => flow.deadline(kit),
            AnyFlow::Steered(flow) => flow.deadline(kit),
            AnyFlow::Changing(_) => Moment::NEVER,
        }
    }

    /// Whether it waits for a name.
    pub fn is_resolving(&self) -> bool {
        match self {
            AnyFlow::Relayed(flow) => flow.is_resolving(),
            AnyFlow::Steered(flow) => flow.is_resolving(),
            AnyFlow::Changing(_) => false,
        }
    }

    /// The address that its upstream sees.
    pub fn dials_from(&self) -> Option<SocketAddr> {
        let upstream = match self {
            AnyFlow::Relayed(flow) => flow.upstream_socket(),
            AnyFlow::Steered(flow) => flow.upstream_socket(),
            AnyFlow::Changing(_) => None,
        };
        upstream.and_then(|stream| stream.local_addr().ok()).map(socket::canonical)
    }

    /// Brings the byte counters up to date.
    pub fn report(&mut self, kit: &mut Kit) {
        match self {
            AnyFlow::Relayed(flow) => flow.report(kit),
            AnyFlow::Steered(flow) => flow.report(kit),
            AnyFlow::Changing(_) => {}
        }
    }

    /// The last word on it, before its sockets close.
    pub fn close(&mut self, ending: Ending, kit: &mut Kit) {
        match self {
            AnyFlow::Relayed(flow) => flow.close(ending, kit),
            AnyFlow::Steered(flow) => flow.close(ending, kit),
            AnyFlow::Changing(_) => {}
        }
    }

    /// A line of `/connections`.
    pub fn describe(&self, now: Moment) -> Option<admin::Connection> {
        match self {
            AnyFlow::Relayed(flow) => Some(flow.describe(now)),
            AnyFlow::Steered(flow) => Some(flow.describe(now)),
            AnyFlow::Changing(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_costs_as_much_in_either_form() {
        // What `flow::tests` says of a relayed one holds for all, as they stand in one slab.
        assert!(size_of::<AnyFlow>() <= 376, "a connection has {} bytes", size_of::<AnyFlow>());
    }
}
