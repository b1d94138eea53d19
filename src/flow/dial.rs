//! Finding the upstream: addresses of a name, one non-blocking connect at a time, each with its own time-out.

use crate::base::end::{ALL, End};
use crate::base::time::Moment;
use crate::base::token::Source;
use crate::flow::{Ending, Flow, Next, Side, Stage};
use crate::kit::Kit;
use crate::metrics::{Counter, Direction};
use crate::resolve::{Answer, Failure, NameId};
use crate::sys::socket;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

/// A connect under way.
#[derive(Debug)]
pub struct Dial {
    /// When this address has had its time.
    pub until: Moment,
    /// When this address was tried.
    began: Moment,
    /// The addresses to try next.
    others: VecDeque<SocketAddr>,
}

impl Flow {
    /// Begins with a target that is an address.
    pub fn dial(&mut self, target: SocketAddr, kit: &mut Kit) -> Next {
        self.dial_in_turn(target, VecDeque::new(), kit)
    }

    /// Begins with a target that is a name.
    pub fn resolve(&mut self, name: NameId, port: u16, kit: &mut Kit) -> Next {
        self.stage = Stage::Resolving(name, port);
        self.resolving(name, port, kit)
    }

    /// Whether it waits for a name.
    pub fn is_resolving(&self) -> bool {
        matches!(self.stage, Stage::Resolving(..))
    }

    pub(super) fn resolving(&mut self, name: NameId, port: u16, kit: &mut Kit) -> Next {
        match kit.resolver.addresses(name, kit.instant, &kit.registry) {
            Answer::Pending => Next::Wait,
            Answer::Failed(failure) => {
                self.account.not_resolved(failure, kit);
                self.refuse(kit)
            }
            Answer::Addresses(addresses) => {
                let mut all: VecDeque<_> = addresses.iter().map(|&ip| SocketAddr::new(ip, port)).collect();
                let Some(first) = all.pop_front() else {
                    self.account.not_resolved(Failure::NoAddress, kit);
                    return self.refuse(kit);
                };
                self.dial_in_turn(first, all, kit)
            }
        }
    }

    /// Tries `target`, and at once the next where that fails at once.
    fn dial_in_turn(
        &mut self,
        mut target: SocketAddr,
        mut others: VecDeque<SocketAddr>,
        kit: &mut Kit,
    ) -> Next {
        loop {
            if kit.is_own(target) {
                kit.count(Counter::RefusedLoop(self.account.direction));
                self.account.dialled(target);
                self.account.refused(508, "loop");
                socket::reset(&self.client.stream);
                return Next::Close(Ending::Loop);
            }
            self.account.dialled(target);
            match self.connect(target, kit) {
                Ok(end) => {
                    self.upstream = Some(end);
                    let until = kit.now.after(connect_timeout(self.account.direction, kit));
                    self.stage = Stage::Dialing(Box::new(Dial { until, began: kit.now, others }));
                    return Next::Wait;
                }
                Err(error) => self.dial_failed(&error, kit),
            }
            match others.pop_front() {
                Some(next) => target = next,
                None => return self.refuse(kit),
            }
        }
    }

    fn connect(&self, target: SocketAddr, kit: &mut Kit) -> io::Result<End> {
        let mut end = End::dialled(socket::dial(target)?);
        kit.has_dialled(self.key, target, &end.stream);
        kit.registry.register(&mut end.stream, Source::Upstream(self.key).token(), ALL)?;
        Ok(end)
    }

    /// A client that has gone meanwhile changes nothing here: what it sent, and how it ended, is for the upstream.
    pub(super) fn dialing(&mut self, kit: &mut Kit) -> Next {
        let Some(upstream) = &self.upstream else { return self.refuse(kit) };
        if upstream.ready.is_failed() {
            let error = socket::pending_error(&upstream.stream)
                .unwrap_or_else(|| io::Error::from(io::ErrorKind::ConnectionRefused));
            if !socket::was_accepted(&error) {
                return self.dial_next(&error, kit);
            }
            // It accepted, may have said something, and then reset: that is for the client to see.
            self.break_side(Side::Upstream, Some(error));
            return self.connected(kit);
        }
        // The first "writable" of a connecting socket says that it is connected.
        if !upstream.ready.is_writable() {
            return Next::Wait;
        }
        self.connected(kit)
    }

    fn connected(&mut self, kit: &mut Kit) -> Next {
        if let Stage::Dialing(dial) = &self.stage {
            self.account.connected(kit.now.since(dial.began), kit);
        }
        self.stage = Stage::Relaying;
        self.relaying(kit)
    }

    pub(super) fn dial_expired(&mut self, kit: &mut Kit) -> Next {
        self.dial_next(&io::Error::from_raw_os_error(socket::TIMED_OUT), kit)
    }

    fn dial_next(&mut self, error: &io::Error, kit: &mut Kit) -> Next {
        self.dial_failed(error, kit);
        let Stage::Dialing(dial) = &mut self.stage else { return self.refuse(kit) };
        let mut others = std::mem::take(&mut dial.others);
        match others.pop_front() {
            Some(next) => self.dial_in_turn(next, others, kit),
            None => self.refuse(kit),
        }
    }

    fn dial_failed(&mut self, error: &io::Error, kit: &mut Kit) {
        self.upstream = None;
        self.account.dial_failed(error, kit);
    }
}

pub(super) fn connect_timeout(direction: Direction, kit: &Kit) -> Duration {
    match direction {
        Direction::Inbound => kit.config.inbound_connect_timeout,
        Direction::Outbound => kit.config.outbound_connect_timeout,
    }
}
