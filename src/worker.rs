//! THE loop: poll, mark, serve, accept, close, expire.
//!
//! epoll is edge-triggered: an event only marks a socket as readable or writable and queues its flow, once. Then
//! each queued flow gets one bounded turn, before what is new and what is over. Nothing here blocks but the poll itself.

mod accept;
mod drain;
mod report;
pub mod room;
mod start;

pub use self::report::LAST_WORD;

use crate::admin::Admin;
use crate::base::time::{Clock, Moment};
use crate::base::token::{Key, Source};
use crate::base::wheel::Wheel;
use crate::course::Courses;
use crate::exchanges::Lines;
use crate::flow::any::AnyFlow;
use crate::flow::{Ending, Next, Side};
use crate::kit::Kit;
use crate::listener::Listener;
use crate::pool::Concerns;
use crate::sys;
use crate::sys::notify::Manager;
use crate::worker::accept::Accepting;
use mio::event::Event;
use mio::{Events, Poll};
use signal_hook_mio::v1_0::Signals;
use slab::Slab;
use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Events taken from the kernel at once. 64 costs a little more CPU per request than 1,024, which cost 12 KiB.
const EVENTS: usize = 1024;
/// After this long without an event, memory that is not needed goes back to the system.
const QUIET: Duration = Duration::from_secs(1);

/// How long a stdout that does not take the last lines of the access log may hold up the end.
const LAST_LINES: Duration = Duration::from_millis(200);

/// What a supervisor gives a worker of its own.
#[derive(Debug)]
pub struct Post {
    /// It asks here, as a client of the admin server; its end is the supervisor's end.
    pub control: UnixStream,
    /// Where the last totals go, as a scrape.
    pub last_words: File,
    /// How many workers share the work.
    pub of: usize,
}

/// One single-threaded proxy.
pub struct Worker {
    poll: Poll,
    clock: Clock,
    kit: Kit,
    flows: Slab<AnyFlow>,
    /// Slots of the flows that want a turn, each once.
    queue: VecDeque<u32>,
    /// Slots of the flows that are over, and how they ended.
    closing: Vec<(u32, Ending)>,
    wheel: Wheel,
    listeners: Vec<Listener>,
    accepting: Accepting,
    admin: Admin,
    admin_addrs: Vec<SocketAddr>,
    /// The admin server has more to do than one turn.
    admin_is_busy: bool,
    signals: Signals,
    /// Where the supervisor finds the last totals.
    last_words: Option<File>,
    manager: Manager,
    /// Set by SIGTERM: when the rest is closed.
    draining: Option<Moment>,
    /// Set by a second signal.
    must_end: bool,
    /// When unused memory goes back, if all is quiet then.
    trim_at: Moment,
}

impl Worker {
    /// The listeners of the data path, in the order of the configuration: they know which ports the kernel chose.
    pub fn listeners(&self) -> &[Listener] {
        &self.listeners
    }

    /// Where the admin server listens.
    pub fn admin_addrs(&self) -> &[SocketAddr] {
        &self.admin_addrs
    }

    /// What to tell the service manager.
    pub fn manager(&self) -> &Manager {
        &self.manager
    }

    /// Serves until a signal ends it. The error is one line for the user.
    pub fn run(&mut self) -> Result<(), String> {
        let mut events = Events::with_capacity(EVENTS);
        sys::limits::drop_program_pages();
        while !self.turn(&mut events)? {}
        self.kit.access_log.finish(LAST_LINES);
        self.leave_last_words();
        Ok(())
    }

    /// One turn of the loop: waits for something to do, and does it. True: a signal has ended it. `run` for those who
    /// measure a turn.
    pub fn turn(&mut self, events: &mut Events) -> Result<bool, String> {
        match self.poll.poll(events, self.time_to_wait()) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                return Err(format!("cannot wait for events: {error}"));
            }
            _ => self.read_clock(),
        }
        for event in &*events {
            self.mark(event);
        }
        let served = self.serve();
        self.accept(served);
        self.close();
        self.expire();
        self.kit.access_log.flush(self.kit.instant);
        self.admin_is_busy = self.serve_admin();
        self.manager.beat(self.kit.instant);
        if self.admin.lost_supervisor() {
            self.outlive_supervisor();
        }
        // Who asks for totals every second keeps no memory from going back.
        let is_of_admin = |event: &Event| matches!(Source::of(event.token()), Source::Admin(_));
        self.trim_when_quiet(events.iter().all(is_of_admin));
        Ok(self.is_over())
    }

    /// What its flows borrow, for those who measure a part of a turn.
    pub fn kit(&mut self) -> &mut Kit {
        &mut self.kit
    }

    fn read_clock(&mut self) {
        self.kit.instant = Instant::now();
        self.kit.now = self.clock.moment(self.kit.instant);
    }

    /// How long nothing will need doing; `None` is until an event.
    fn time_to_wait(&self) -> Option<Duration> {
        if !self.queue.is_empty() || self.admin_is_busy || self.must_end || self.may_accept_now() {
            return Some(Duration::ZERO);
        }
        let mut next = self.wheel.next().unwrap_or(Moment::NEVER);
        next = next.min(self.kit.pool.next_deadline());
        next =
            next.min(self.trim_at).min(self.accepting.retry_at()).min(self.draining.unwrap_or(Moment::NEVER));
        let others = [
            self.admin.next_deadline(),
            self.kit.resolver.next_deadline(),
            self.kit.access_log.next_deadline(),
            self.manager.next_deadline(),
        ];
        for instant in others.into_iter().flatten() {
            next = next.min(self.clock.moment(instant));
        }
        (next != Moment::NEVER).then(|| next.since(self.kit.now))
    }

    fn mark(&mut self, event: &Event) {
        match Source::of(event.token()) {
            Source::Client(key) => self.mark_flow(key, Side::Client, event),
            Source::Upstream(key) => self.mark_flow(key, Side::Upstream, event),
            Source::Listener(index) => {
                if let Some(listener) = self.listeners.get_mut(index) {
                    listener.mark();
                }
            }
            Source::Admin(number) => {
                self.admin.ready(number, event, &self.kit.registry, self.kit.instant);
                self.admin_is_busy = true;
            }
            Source::Resolver(number) => {
                self.kit.resolver.ready(number, self.kit.instant, &self.kit.registry);
                // Whoever waits is served in this turn of the loop.
                self.wake_resolved();
            }
            Source::Signal => self.take_signals(),
            Source::AccessLog => self.kit.access_log.ready(),
            Source::Pooled(key) => self.mark_pooled(key, event),
            // Only a supervisor has any.
            Source::Worker(_) => {}
        }
    }

    fn mark_flow(&mut self, key: Key, side: Side, event: &Event) {
        let Some(flow) = self.flows.get_mut(key.slot as usize).filter(|flow| flow.key() == key) else {
            return;
        };
        flow.mark(side, event);
        if !flow.set_queued(true) {
            self.queue.push_back(key.slot);
        }
    }

    /// Whoever has the connection is told; if nobody has, it is the pool's own affair.
    fn mark_pooled(&mut self, key: Key, event: &Event) {
        let Kit { pool, metrics, now, .. } = &mut self.kit;
        if let Concerns::Flow(owner) = pool.mark(key, event, *now, metrics) {
            self.mark_flow(owner, Side::Upstream, event);
        }
    }

    /// One turn for each flow that is queued now; those that want another come after all others. Returns how many were queued.
    fn serve(&mut self) -> usize {
        let count = self.queue.len();
        for _ in 0..count {
            let Some(slot) = self.queue.pop_front() else { break };
            let Some(flow) = self.flows.get_mut(slot as usize) else { continue };
            flow.set_queued(false);
            match flow.turn(&mut self.kit) {
                Next::Close(ending) => self.closing.push((slot, ending)),
                next => self.settle(slot, next),
            }
        }
        count
    }

    /// Closing two sockets takes as long as to pass a request on, so it comes when nobody waits for this turn any more.
    fn close(&mut self) {
        let mut closing = std::mem::take(&mut self.closing);
        for (slot, ending) in closing.drain(..) {
            self.settle(slot, Next::Close(ending));
        }
        self.closing = closing;
    }

    /// Does what a flow's turn asks for.
    fn settle(&mut self, slot: u32, next: Next) {
        let Some(flow) = self.flows.get_mut(slot as usize) else { return };
        if next == Next::Wait
            && let Err(error) = flow.hear_client(&self.kit.registry)
        {
            self.accept_failed(&error);
            return self.settle(slot, Next::Close(Ending::Reset));
        }
        match next {
            Next::Close(ending) => {
                flow.close(ending, &mut self.kit);
                self.flows.remove(slot as usize);
                self.accepting.room_again();
                self.trim_at = self.kit.now.plus(QUIET);
                return;
            }
            Next::Again if !flow.set_queued(true) => self.queue.push_back(slot),
            Next::Again | Next::Wait | Next::Change => {}
        }
        let (deadline, key) = (flow.deadline(&self.kit), flow.key());
        if let Some(armed) = flow.armed() {
            self.wheel.arm(deadline, armed, key);
        }
    }

    /// Serves what waits for time rather than for an event.
    fn expire(&mut self) {
        let mut due = Vec::new();
        self.wheel.advance(self.kit.now, |key, comes_out| due.push((key, comes_out)));
        for (key, comes_out) in due {
            let Some(flow) = self.flows.get_mut(key.slot as usize) else { continue };
            // Another flow's, or superseded by an earlier entry.
            let is_its_own = flow.key() == key;
            let Some(armed) = flow.armed().filter(|armed| is_its_own && **armed == comes_out) else {
                continue;
            };
            *armed = Moment::NEVER;
            let is_due = flow.deadline(&self.kit) <= self.kit.now;
            let next = if is_due { flow.expire(&mut self.kit) } else { Next::Wait };
            self.settle(key.slot, next);
        }
        if self.kit.pool.next_deadline() <= self.kit.now {
            let Kit { pool, metrics, now, .. } = &mut self.kit;
            pool.expire(*now, metrics);
        }
        if self.kit.resolver.next_deadline().is_some_and(|at| at <= self.kit.instant) {
            self.kit.resolver.expire(self.kit.instant, &self.kit.registry);
        }
        // A flow's question may settle the names of others.
        self.wake_resolved();
        if self.admin.next_deadline().is_some_and(|at| at <= self.kit.instant) {
            self.admin.expire(self.kit.instant);
            // It may accept again.
            self.admin_is_busy = true;
        }
    }

    /// Some names were settled: whoever waits for one asks again.
    fn wake_resolved(&mut self) {
        let mut any = false;
        while self.kit.resolver.settled().is_some() {
            any = true;
        }
        if !any {
            return;
        }
        for (slot, flow) in &mut self.flows {
            if flow.is_resolving() && !flow.set_queued(true) {
                self.queue.push_back(slot as u32);
            }
        }
    }

    /// A burst is over: what it needed goes back.
    fn trim_when_quiet(&mut self, is_quiet: bool) {
        if self.trim_at == Moment::NEVER {
            return;
        }
        if !is_quiet || !self.queue.is_empty() {
            self.trim_at = self.kit.now.plus(QUIET);
        }
        if self.kit.now < self.trim_at {
            return;
        }
        self.trim_at = Moment::NEVER;
        self.kit.buffers.trim();
        self.kit.pipes.trim();
        self.kit.means.trim();
        self.kit.spare = Vec::new();
        self.kit.lines = Lines::default();
        self.kit.courses = Courses::default();
        self.kit.pool.trim();
        if self.flows.is_empty() {
            self.flows = Slab::new();
            self.closing = Vec::new();
        }
        sys::limits::trim_memory();
    }
}
