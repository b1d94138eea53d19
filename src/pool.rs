//! Upstream connections that are kept alive between requests, and who has which.
//!
//! Each of them keeps one token for life: an event is told to whoever has the connection, and taking or giving one back
//! costs no system call. What is said or ended while nobody has it makes it unfit, and it is dropped before it is used.
//!
//! A request that must not be sent twice takes only one that its server hardly closes just now: see `pool::patience`.
//!
//! Bounds: so many idle ones a target (`--pool-size`), so many in all, each for so long (`--pool-idle-timeout`). One too
//! many is closed, and the pool counts it.

mod patience;

use crate::base::end::End;
use crate::base::map::Map;
use crate::base::time::Moment;
use crate::base::token::{Key, Source};
use crate::metrics::{Counter, Direction, Metrics, Peer, SeriesId, TargetId};
use crate::pool::patience::Patience;
use crate::sys::socket;
use mio::event::Event;
use slab::Slab;
use std::net::SocketAddr;
use std::time::Duration;

/// Where a connection goes, and for whom it is counted. Only connections of one target are shared.
pub type Target = (Direction, SocketAddr);

/// A connection's place in the pool; whoever holds it has the connection or closes it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a lease that is dropped without `park` or `close` takes a place for ever"]
pub struct Lease(Key);

impl Lease {
    /// The token of the connection.
    pub fn source(&self) -> Source {
        Source::Pooled(self.0)
    }
}

/// Whom an event concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Concerns {
    /// The flow that has the connection.
    Flow(Key),
    /// Nobody: the connection was idle, or is gone.
    Nobody,
}

#[derive(Debug)]
struct Place {
    key: Key,
    owner: Option<Key>,
    target: Target,
    /// Set once it is connected.
    counted: Option<Counted>,
    /// There while nobody has it.
    idle: Option<Idle>,
    /// How long it was idle before it was taken.
    idled: Option<Duration>,
}

#[derive(Debug, Clone, Copy)]
struct Counted {
    label: TargetId,
    series: SeriesId,
    since: Moment,
}

#[derive(Debug)]
struct Idle {
    end: End,
    since: Moment,
}

/// The pool.
#[derive(Debug)]
pub struct Pool {
    places: Slab<Place>,
    generation: u32,
    /// Places by target; the one that was used last is the last.
    idle: Map<Target, Vec<u32>>,
    idle_count: usize,
    patience: Patience,
    most: usize,
    most_each: usize,
    age: Duration,
    /// When to look for those that are too old.
    sweep_at: Moment,
}

impl Pool {
    /// A pool of at most `most` idle connections, `most_each` to one target, each for at most `age` (zero: no limit).
    pub fn new(most: usize, most_each: usize, age: Duration) -> Pool {
        Pool {
            places: Slab::new(),
            generation: 0,
            idle: Map::default(),
            idle_count: 0,
            patience: Patience::default(),
            most,
            most_each,
            age,
            sweep_at: Moment::NEVER,
        }
    }

    /// A place for a connection that `owner` is about to make.
    pub fn lease(&mut self, owner: Key, target: Target) -> Lease {
        self.generation = (self.generation + 1) % Key::GENERATIONS;
        let entry = self.places.vacant_entry();
        let key = Key { slot: entry.key() as u32, generation: self.generation };
        entry.insert(Place { key, owner: Some(owner), target, counted: None, idle: None, idled: None });
        Lease(key)
    }

    /// The connection stands, `took` after it was asked for; from here on it is counted for `label`.
    pub fn connected(
        &mut self,
        lease: &Lease,
        label: TargetId,
        now: Moment,
        took: Duration,
        metrics: &mut Metrics,
    ) {
        let series = metrics.series(label, "http/1", None);
        metrics.connected(label, took);
        metrics.opened(label, Peer::Dst);
        metrics.live(series, Peer::Dst, 1);
        if let Some(place) = self.place(lease.0) {
            place.counted = Some(Counted { label, series, since: now });
        }
    }

    /// What a connection is counted for, and in which series; none before it stands.
    pub fn labels(&self, lease: &Lease) -> Option<(TargetId, SeriesId)> {
        let counted = self.places.get(lease.0.slot as usize)?.counted?;
        Some((counted.label, counted.series))
    }

    /// The idle connection to `target` that was used last and is still fit. With `is_once` it is for a request that must not
    /// be sent twice.
    pub fn take(
        &mut self,
        owner: Key,
        target: Target,
        is_once: bool,
        now: Moment,
        metrics: &mut Metrics,
    ) -> Option<(End, Lease)> {
        loop {
            let slot = *self.idle.get(&target)?.last()?;
            let since = self.places.get(slot as usize)?.idle.as_ref()?.since;
            if is_once && !self.trusts(&target, since, now) {
                metrics.count(Counter::PoolDistrusted);
                return None;
            }
            self.unlist(target, slot);
            let place = self.places.get_mut(slot as usize)?;
            let (key, idle) = (place.key, place.idle.take()?);
            // epoll may not have told yet. What a server says unasked would be taken for the answer.
            if !socket::is_quiet(&idle.end.stream) {
                self.ended_idle(key, target, now.since(since), now, metrics);
                continue;
            }
            (place.owner, place.idled) = (Some(owner), Some(now.since(since)));
            return Some((idle.end, Lease(key)));
        }
    }

    /// Whether a connection to `target` that is idle since then may have a request that must not be sent twice: its server
    /// was not seen to close one as early.
    pub fn trusts(&mut self, target: &Target, since: Moment, now: Moment) -> bool {
        now.since(since) < self.patience.limit(target, now)
    }

    /// A connection that had been idle turned out to have ended.
    pub fn disappointed(&mut self, lease: &Lease, now: Moment) {
        if let Some(place) = self.place(lease.0)
            && let Some(idled) = place.idled
        {
            let target = place.target;
            self.patience.closed(&target, idled, now);
        }
    }

    /// Keeps a connection on which nothing is owed either way, and that is idle `since` then.
    pub fn park(&mut self, end: End, lease: Lease, since: Moment, now: Moment, metrics: &mut Metrics) {
        let Some(target) = self.place(lease.0).map(|place| place.target) else { return };
        let stack = self.idle.entry(target).or_default();
        let is_full = stack.len() >= self.most_each || self.idle_count >= self.most;
        if is_full || end.ready.is_readable() {
            if is_full {
                metrics.count(Counter::PoolFull);
            }
            return self.close(lease, end.errno, now, metrics);
        }
        stack.push(lease.0.slot);
        self.idle_count += 1;
        if let Some(place) = self.place(lease.0) {
            place.owner = None;
            place.idle = Some(Idle { end, since });
        }
        self.sweep_at = self.sweep_at.min(now.after(self.age));
    }

    /// The connection is closed, and was ended by this errno (0: by none).
    pub fn close(&mut self, lease: Lease, errno: i32, now: Moment, metrics: &mut Metrics) {
        self.remove(lease.0, errno, now, metrics);
    }

    /// The connection goes on as somebody's own, and is counted there.
    pub fn release(&mut self, lease: Lease, metrics: &mut Metrics) {
        if self.place(lease.0).is_some()
            && let Some(Counted { series, .. }) = self.places.remove(lease.0.slot as usize).counted
        {
            metrics.live(series, Peer::Dst, -1);
        }
    }

    /// An event of one of the pool's connections.
    pub fn mark(&mut self, key: Key, event: &Event, now: Moment, metrics: &mut Metrics) -> Concerns {
        let Some(place) = self.place(key) else { return Concerns::Nobody };
        if let Some(owner) = place.owner {
            return Concerns::Flow(owner);
        }
        let target = place.target;
        if let Some(idle) = &mut place.idle {
            idle.end.ready.mark(event);
            if idle.end.ready.is_readable() || idle.end.ready.is_failed() {
                let since = idle.since;
                self.unlist(target, key.slot);
                self.ended_idle(key, target, now.since(since), now, metrics);
            }
        }
        Concerns::Nobody
    }

    /// When [`Pool::expire`] wants to be called.
    pub fn next_deadline(&self) -> Moment {
        self.sweep_at
    }

    /// Closes what was idle for too long.
    pub fn expire(&mut self, now: Moment, metrics: &mut Metrics) {
        let mut old = Vec::new();
        self.sweep_at = Moment::NEVER;
        let (places, age) = (&self.places, self.age);
        self.idle.retain(|_, stack| {
            let since = |slot: &u32| Some(places.get(*slot as usize)?.idle.as_ref()?.since);
            // The oldest come first.
            let count = stack
                .iter()
                .take_while(|slot| since(slot).is_none_or(|since| since.after(age) <= now))
                .count();
            old.extend(stack.drain(..count));
            if let Some(oldest) = stack.first().and_then(since) {
                self.sweep_at = self.sweep_at.min(oldest.after(age));
            }
            !stack.is_empty()
        });
        self.idle_count -= old.len();
        for slot in old {
            metrics.count(Counter::PoolExpired);
            if let Some(key) = self.places.get(slot as usize).map(|place| place.key) {
                self.remove(key, 0, now, metrics);
            }
        }
    }

    /// Closes what is idle, and keeps nothing from here on.
    pub fn shut(&mut self, now: Moment, metrics: &mut Metrics) {
        self.most = 0;
        self.idle_count = 0;
        for slot in std::mem::take(&mut self.idle).into_values().flatten() {
            if let Some(key) = self.places.get(slot as usize).map(|place| place.key) {
                self.remove(key, 0, now, metrics);
            }
        }
    }

    /// How many are idle.
    pub fn idle(&self) -> usize {
        self.idle_count
    }

    /// Gives memory back after a burst.
    pub fn trim(&mut self) {
        if self.places.is_empty() {
            self.places = Slab::new();
            self.idle = Map::default();
        }
    }

    /// Its server has closed it, or has spoken unasked.
    fn ended_idle(&mut self, key: Key, target: Target, idled: Duration, now: Moment, metrics: &mut Metrics) {
        metrics.count(Counter::PoolClosedByServer);
        self.patience.closed(&target, idled, now);
        self.remove(key, 0, now, metrics);
    }

    fn place(&mut self, key: Key) -> Option<&mut Place> {
        self.places.get_mut(key.slot as usize).filter(|place| place.key == key)
    }

    fn unlist(&mut self, target: Target, slot: u32) {
        if let Some(stack) = self.idle.get_mut(&target)
            && let Some(at) = stack.iter().rposition(|it| *it == slot)
        {
            stack.remove(at);
            self.idle_count -= 1;
        }
    }

    /// Dropping an idle one closes its socket.
    fn remove(&mut self, key: Key, errno: i32, now: Moment, metrics: &mut Metrics) {
        if self.place(key).is_none() {
            return;
        }
        let place = self.places.remove(key.slot as usize);
        if let Some(Counted { series, since, .. }) = place.counted {
            let errno = if errno == 0 { "" } else { socket::errno_name(errno) };
            metrics.live(series, Peer::Dst, -1);
            metrics.closed(series, Peer::Dst, errno, now.since(since));
        }
    }
}
