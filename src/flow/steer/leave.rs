//! How a steered flow goes on when it has nothing more to steer: as a relayed one.

use crate::balance::Outcome;
use crate::base::end::{ALL, End};
use crate::base::token::Source;
use crate::course::Upstream;
use crate::flow::lane::{Fault, Watcher};
use crate::flow::ledger::Totals;
use crate::flow::steer::{Stage, SteeredFlow};
use crate::flow::watch::Watch;
use crate::flow::{self, Flow, Next, Side};
use crate::kit::Kit;
use crate::metrics::{self, TargetId};
use crate::wire::event::Peer;
use crate::wire::observer::Observer;

/// As what it goes on.
#[derive(Debug)]
pub enum Leave {
    /// Both connections stand, and this is not HTTP/1: all bytes pass.
    Relay,
    /// The client has asked for a tunnel, and there is one.
    Connect,
    /// The upstream has made a tunnel of the exchange.
    Tunnel,
    /// The upstream broke off within its answer.
    Broken,
    /// No upstream was to be had, and the client is told in its own protocol; in HTTP/2 with this status.
    Refused,
    /// The client is told this, and closed.
    Farewell(Box<Vec<u8>>),
}

impl Leave {
    /// Whether what the client has sent behind the request is for the upstream.
    fn is_carried_on(&self) -> bool {
        matches!(self, Leave::Relay | Leave::Connect | Leave::Tunnel)
    }
}

/// The answer to a CONNECT.
const ESTABLISHED: &[u8] = b"HTTP/1.1 200 Connection established\r\n\r\n";

impl SteeredFlow {
    /// The relayed flow that it becomes, and what that wants next.
    pub fn into_relayed(mut self, kit: &mut Kit) -> (Flow, Next) {
        self.commit(kit);
        self.report(kit);
        let label = self.current_label(kit);
        let leave = match std::mem::replace(&mut self.stage, Stage::Asking) {
            Stage::Leaving(leave) => leave,
            _ => Leave::Farewell(Box::default()),
        };
        let mut course = self.course.take().unwrap_or_default();
        let unsent = course.unsent();
        let mut held = std::mem::take(&mut course.held);
        if !matches!(leave, Leave::Relay) {
            self.up.forgo(unsent);
            held.drain(..course.ready.min(held.len()));
        }
        if !leave.is_carried_on() {
            self.up.forgo(held.len());
            held.clear();
        }
        let upstream = course.upstream.take().and_then(|upstream| self.take_over(upstream, kit));
        self.account.settle(label, upstream.is_some(), kit);
        if let Some(verdict) = course.verdict.take() {
            self.account.decide(verdict, kit);
        }
        kit.courses.give_back(course);
        let mut flow = Flow::steered(self, upstream, kit);
        let next = flow.go_on(leave, &held, kit);
        (flow, next)
    }

    /// What the connection is counted for from here on.
    fn current_label(&self, kit: &mut Kit) -> TargetId {
        let upstream = self.course.as_ref().and_then(|course| course.upstream.as_ref());
        let known = upstream.and_then(|upstream| kit.pool.labels(&upstream.lease));
        known.map_or_else(|| self.account.label(), |(label, _)| label)
    }

    /// Its events come to the flow itself from now on.
    fn take_over(&self, mut upstream: Upstream, kit: &mut Kit) -> Option<End> {
        if let Some(sent) = upstream.sent.take() {
            kit.backends.end(sent, Outcome::Connected(kit.now.since(upstream.began)), kit.now);
        }
        let token = Source::Upstream(self.key).token();
        let is_moved = kit.registry.reregister(&mut upstream.end.stream, token, ALL).is_ok();
        kit.pool.release(upstream.lease, &mut kit.metrics);
        is_moved.then_some(upstream.end)
    }

    /// Bytes since the connection began.
    pub(super) fn totals(&self) -> Totals {
        let unsent = self.course.as_ref().map_or(0, |course| course.waiting());
        let given = self.up.given().saturating_sub(unsent as u64);
        [self.up.taken, given, self.down.taken, self.down.given()]
    }

    /// Bytes given to upstreams, and taken from them.
    pub(super) fn carried(&self) -> (u64, u64) {
        let [_, given, taken, _] = self.totals();
        (given, taken)
    }

    /// Brings the byte counters up to date, those of the upstream among them.
    pub fn report(&mut self, kit: &mut Kit) {
        let totals = self.totals();
        self.account.report(totals, kit);
        let (given, taken) = self.carried();
        let Some(upstream) = self.course.as_mut().and_then(|course| course.upstream.as_mut()) else { return };
        let (given_before, taken_before) = std::mem::replace(&mut upstream.reported, (given, taken));
        if let Some((_, series)) = kit.pool.labels(&upstream.lease) {
            let (read, written) = (taken.saturating_sub(taken_before), given.saturating_sub(given_before));
            kit.metrics.bytes(series, metrics::Peer::Dst, read, written);
        }
    }
}

impl Flow {
    /// One that was steered until now.
    fn steered(from: SteeredFlow, upstream: Option<End>, kit: &Kit) -> Flow {
        let SteeredFlow { key, queued, armed, client, up, down, mut observer, http, account, active, .. } =
            from;
        if let Observer::Http1(http) = &mut observer {
            http.set_rigour(kit.config.http_strict, false);
        }
        if !kit.config.http_strict {
            observer.open_gate();
        }
        let mut flow =
            Flow::of_parts(flow::Parts { key, client, upstream, up, down, observer, http, account });
        (flow.queued, flow.armed, flow.active) = (queued, armed, active);
        flow
    }

    /// `held`: what the client has sent and nobody has.
    fn go_on(&mut self, leave: Leave, held: &[u8], kit: &mut Kit) -> Next {
        match leave {
            Leave::Relay => {
                self.up.withhold(held, 0);
                self.relaying(kit)
            }
            Leave::Connect | Leave::Tunnel => {
                if matches!(leave, Leave::Connect) {
                    self.establish(kit);
                }
                self.show(Peer::Client, held, kit);
                self.up.withhold(held, 0);
                self.relaying(kit)
            }
            Leave::Broken => {
                self.break_side(Side::Upstream, None);
                self.relaying(kit)
            }
            Leave::Refused if self.has_asked() => self.refusal(kit),
            Leave::Refused => self.refuse(kit),
            Leave::Farewell(answer) => self.say_farewell(&answer, kit),
        }
    }

    /// We answer for the tunnel that we have made.
    fn establish(&mut self, kit: &mut Kit) {
        self.show(Peer::Server, ESTABLISHED, kit);
        if let Err(Fault::Sink(error) | Fault::Source(error)) =
            self.down.insert(ESTABLISHED, &mut self.client, kit)
        {
            self.break_side(Side::Client, Some(error));
        }
    }

    fn show(&mut self, peer: Peer, bytes: &[u8], kit: &mut Kit) {
        let connection = self.account.connection();
        let (observer, http) = (&mut self.observer, &mut self.http);
        let mut watch = Watch { peer, observer, http, asked: None, connection, verdict: None };
        if !bytes.is_empty() {
            watch.look(bytes, kit);
        }
    }
}
