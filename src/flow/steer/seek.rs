//! Finding an upstream for what was asked: one that is kept, or a new one; the next where one fails.

use crate::backends::{Names, Pick, Sent};
use crate::balance::Outcome;
use crate::base::end::{ALL, End};
use crate::base::time::Moment;
use crate::course::{Choice, Purpose, Trouble, Upstream};
use crate::flow::dial::connect_timeout;
use crate::flow::steer::leave::Leave;
use crate::flow::steer::{Stage, SteeredFlow};
use crate::flow::{Ending, Next, Side};
use crate::kit::Kit;
use crate::metrics::{Counter, TargetId, TargetLabel};
use crate::resolve::Answer;
use crate::sys::socket;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::Duration;

/// The most endpoints of a backend set that are tried for one request.
const MOST_TRIED: usize = 8;

/// How long a request waits for the addresses of a name, its head included: longer than the resolver tries two silent
/// servers, but lookups of other names may be before it in the queue.
const NAME_PATIENCE: Duration = Duration::from_secs(15);

enum Step {
    To(SocketAddr, Option<Sent>),
    Wait,
    Nowhere,
}

impl SteeredFlow {
    /// Goes to the first place that will have it.
    pub(super) fn seek(&mut self, kit: &mut Kit) -> Next {
        self.stage = Stage::Seeking;
        loop {
            let (address, sent) = match self.next_place(kit) {
                Step::To(address, sent) => (address, sent),
                Step::Wait => return Next::Wait,
                Step::Nowhere => return self.nowhere(kit),
            };
            if kit.is_own(address) {
                kit.count(Counter::RefusedLoop(self.account.direction));
                self.end_sent(sent, Outcome::Refused, kit);
                self.trouble(508, "loop");
                continue;
            }
            if self.use_early(address, kit) || self.reuse(address, kit) {
                if let Some(upstream) = self.course.as_mut().and_then(|course| course.upstream.as_mut()) {
                    upstream.sent = sent;
                    if !upstream.is_connected {
                        return Next::Wait;
                    }
                }
                return self.begin(kit);
            }
            match self.dial(address, sent, kit) {
                Ok(()) => return Next::Wait,
                Err(error) => self.dial_failed(&error, kit),
            }
        }
    }

    fn next_place(&mut self, kit: &mut Kit) -> Step {
        let Some(course) = &mut self.course else { return Step::Nowhere };
        if let Choice::Name(name, port) = course.choice {
            let answer = kit.resolver.addresses(name, kit.instant, &kit.registry);
            course.choice = match answer {
                Answer::Pending => return Step::Wait,
                Answer::Failed(failure) => {
                    course.trouble = Trouble { status: failure.status(), cause: failure.as_str() };
                    Choice::None
                }
                Answer::Addresses(all) => {
                    course.addresses.extend(all.iter().map(|&ip| SocketAddr::new(ip, port)));
                    Choice::Addresses
                }
            };
        }
        match course.choice {
            Choice::Addresses => course.addresses.pop_front().map_or(Step::Nowhere, |it| Step::To(it, None)),
            Choice::Backends(set) if course.tried.len() < MOST_TRIED => {
                let mut names =
                    Names { resolver: &mut kit.resolver, instant: kit.instant, registry: &kit.registry };
                match kit.backends.pick(set, &course.tried, kit.now, &mut names) {
                    Pick::Endpoint(sent, address) => {
                        course.tried.push(sent.endpoint());
                        Step::To(address, Some(sent))
                    }
                    Pick::Pending => Step::Wait,
                    Pick::Nothing => {
                        if course.trouble.status == 0 {
                            course.trouble = Trouble { status: 503, cause: "no backend" };
                        }
                        Step::Nowhere
                    }
                }
            }
            _ => Step::Nowhere,
        }
    }

    /// The connection that was made while the client was silent, if it goes there. It has been idle, as a kept one.
    fn use_early(&mut self, address: SocketAddr, kit: &mut Kit) -> bool {
        let Some(course) = &mut self.course else { return false };
        let Some(upstream) = &mut course.upstream else { return false };
        let is_once = course.traits.is_once();
        let target = (self.account.direction, address);
        let is_doubtful = upstream.is_connected
            && (is_once && !kit.pool.trusts(&target, upstream.began, kit.now)
                || !socket::is_quiet(&upstream.end.stream));
        if upstream.address == address && !is_doubtful {
            // It may have been idle for long enough for its server to close it.
            upstream.is_reused = upstream.is_connected;
            return true;
        }
        self.give_back_early(kit);
        false
    }

    /// It is of no use here, but may be to another.
    fn give_back_early(&mut self, kit: &mut Kit) {
        let Some(upstream) = self.course.as_mut().and_then(|course| course.upstream.take()) else { return };
        // What a server of HTTP/2 says first is for the one connection.
        if upstream.is_connected && !upstream.end.ready.is_readable() {
            kit.pool.park(upstream.end, upstream.lease, upstream.began, kit.now, &mut kit.metrics);
        } else {
            kit.pool.close(upstream.lease, 0, kit.now, &mut kit.metrics);
        }
    }

    /// Takes a connection that was kept.
    fn reuse(&mut self, address: SocketAddr, kit: &mut Kit) -> bool {
        let reported = self.carried();
        let Some(course) = self.course.as_mut().filter(|course| course.traits.may_reuse) else {
            return false;
        };
        let (target, is_once) = ((self.account.direction, address), course.traits.is_once());
        let taken = kit.pool.take(self.key, target, is_once, kit.now, &mut kit.metrics);
        let Some((end, lease)) = taken else { return false };
        kit.count(Counter::PoolReused);
        self.account.dialled(address);
        course.upstream = Some(Upstream {
            end,
            lease,
            address,
            is_reused: true,
            is_connected: true,
            began: kit.now,
            until: Moment::NEVER,
            reported,
            sent: None,
        });
        true
    }

    /// Starts to connect. Where that fails at once, `sent` is told.
    pub(super) fn dial(&mut self, address: SocketAddr, sent: Option<Sent>, kit: &mut Kit) -> io::Result<()> {
        let reported = self.carried();
        self.account.dialled(address);
        let lease = kit.pool.lease(self.key, (self.account.direction, address));
        let dialled = socket::dial(address).map(End::dialled).and_then(|mut end| {
            socket::guard(&end.stream);
            kit.has_dialled(self.key, address, &end.stream);
            kit.registry.register(&mut end.stream, lease.source().token(), ALL)?;
            Ok(end)
        });
        match dialled {
            Ok(end) => {
                let upstream = Upstream {
                    end,
                    lease,
                    address,
                    is_reused: false,
                    is_connected: false,
                    began: kit.now,
                    until: kit.now.after(connect_timeout(self.account.direction, kit)),
                    reported,
                    sent,
                };
                self.course.get_or_insert_with(|| kit.courses.take()).upstream = Some(upstream);
                Ok(())
            }
            Err(error) => {
                kit.pool.close(lease, 0, kit.now, &mut kit.metrics);
                self.end_sent(sent, Outcome::Refused, kit);
                Err(error)
            }
        }
    }

    /// A turn while an upstream is to come.
    pub(super) fn seeking(&mut self, kit: &mut Kit) -> Next {
        if self.client.ready.is_failed() {
            return self.client_gone(socket::pending_error(&self.client.stream), kit);
        }
        let Some(upstream) = self.course.as_mut().and_then(|course| course.upstream.as_mut()) else {
            return self.seek(kit);
        };
        if upstream.end.ready.is_failed() {
            let error = socket::pending_error(&upstream.end.stream)
                .unwrap_or_else(|| io::Error::from(ErrorKind::ConnectionRefused));
            self.dial_failed(&error, kit);
            return self.seek(kit);
        }
        if !upstream.end.ready.is_writable() {
            return Next::Wait;
        }
        self.upstream_connected(kit);
        self.begin(kit)
    }

    pub(super) fn seeking_deadline(&self) -> Moment {
        let Some(course) = &self.course else { return Moment::NEVER };
        course.upstream.as_ref().map_or(course.since.plus(NAME_PATIENCE), |upstream| upstream.until)
    }

    pub(super) fn seeking_expired(&mut self, kit: &mut Kit) -> Next {
        if let Some(course) = self.course.as_mut().filter(|course| course.upstream.is_none()) {
            course.choice = Choice::None;
            self.trouble(504, "name lookup timeout");
            return self.nowhere(kit);
        }
        self.dial_failed(&io::Error::from_raw_os_error(socket::TIMED_OUT), kit);
        self.seek(kit)
    }

    /// The upstream has accepted.
    pub(super) fn upstream_connected(&mut self, kit: &mut Kit) {
        let Some(address) = self.course.as_ref().and_then(|course| Some(course.upstream.as_ref()?.address))
        else {
            return;
        };
        let label = self.label(address, kit);
        self.account.reached();
        let Some(upstream) = self.course.as_mut().and_then(|course| course.upstream.as_mut()) else { return };
        upstream.is_connected = true;
        let took = kit.now.since(upstream.began);
        kit.pool.connected(&upstream.lease, label, kit.now, took, &mut kit.metrics);
    }

    /// What a connection to `address` is counted for.
    pub(super) fn label(&self, address: SocketAddr, kit: &mut Kit) -> TargetId {
        let label = match self.course.as_ref().map(|course| course.choice) {
            Some(Choice::Backends(set)) => match kit.backends.name(set) {
                Some(name) => TargetLabel::Backend(name.clone(), address),
                None => TargetLabel::Addr(address),
            },
            _ if self.way.target.is_some() => return self.account.label(),
            _ => TargetLabel::Addr(address),
        };
        kit.metrics.target(self.account.direction, &label)
    }

    fn dial_failed(&mut self, error: &io::Error, kit: &mut Kit) {
        let address = self.course.as_ref().and_then(|course| Some(course.upstream.as_ref()?.address));
        if let Some(address) = address {
            let label = self.label(address, kit);
            self.account.dial_failed_for(label, error, kit);
            if let Some(course) = &mut self.course {
                course.refused_by = Some(label);
            }
        } else {
            self.account.dial_failed(error, kit);
        }
        let (status, cause) = self.account.refusal();
        self.trouble(status, cause);
        let sent = self.course.as_mut().and_then(|course| course.upstream.as_mut()?.sent.take());
        self.end_sent(sent, Outcome::Refused, kit);
        self.drop_upstream(kit);
    }

    pub(super) fn trouble(&mut self, status: u16, cause: &'static str) {
        if let Some(course) = &mut self.course {
            course.trouble = Trouble { status, cause };
        }
    }

    /// No place is left.
    fn nowhere(&mut self, kit: &mut Kit) -> Next {
        let Some(course) = &self.course else { return Next::Close(Ending::Refused) };
        let Trouble { status, cause } = course.trouble;
        let (status, cause) = if status == 0 { (502, "no address") } else { (status, cause) };
        if course.traits.purpose == Purpose::Relay {
            self.commit(kit);
            self.account.refused(status, cause);
            return self.leave(Leave::Refused);
        }
        self.answer(status, cause, kit)
    }

    /// The balancer learns how it went.
    pub(super) fn end_sent(&mut self, sent: Option<Sent>, outcome: Outcome, kit: &mut Kit) {
        if let Some(sent) = sent {
            kit.backends.end(sent, outcome, kit.now);
        }
    }

    /// The client has gone before there was an answer.
    pub(super) fn client_gone(&mut self, error: Option<io::Error>, kit: &mut Kit) -> Next {
        self.note_end(Side::Client, &error.unwrap_or_else(|| io::Error::from_raw_os_error(socket::RESET)));
        self.abandon(kit);
        Next::Close(Ending::Reset)
    }

    /// The upstream is told that nobody waits for its answer any more.
    pub(super) fn abandon(&mut self, kit: &mut Kit) {
        if let Some(upstream) = self.course.as_mut().and_then(|course| course.upstream.as_mut()) {
            let waited = kit.now.since(upstream.began);
            let sent = upstream.sent.take();
            socket::reset(&upstream.end.stream);
            self.end_sent(sent, Outcome::Abandoned(waited), kit);
        }
        self.drop_upstream(kit);
    }
}
