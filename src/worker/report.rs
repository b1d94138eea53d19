//! The admin server's view of the worker.

use crate::admin::{Connection, Endpoint, Subject};
use crate::balance::Report;
use crate::flow::any::AnyFlow;
use crate::kit::Kit;
use crate::metrics::{self, Counter, Gauges, Metrics, Scrape};
use crate::sys;
use crate::worker::Worker;
use slab::Slab;
use std::io::Write;
use std::net::SocketAddr;

impl Worker {
    /// One bounded turn for the admin server; true if it wants another at once.
    pub(super) fn serve_admin(&mut self) -> bool {
        if !self.admin_is_busy {
            return false;
        }
        let mut view = View { flows: &mut self.flows, kit: &mut self.kit, is_ready: self.draining.is_none() };
        let (registry, now) = (self.poll.registry(), view.kit.instant);
        self.admin.serve(registry, now, &mut view)
    }
}

/// What the last totals end with: without it they were cut short.
pub const LAST_WORD: &[u8] = b"# EOF\n";

impl Worker {
    /// What a supervisor adds to its totals for good.
    pub(super) fn leave_last_words(&mut self) {
        let Some(file) = &mut self.last_words else { return };
        View { flows: &mut self.flows, kit: &mut self.kit, is_ready: false }.refresh();
        let (metrics, mut text) = (&self.kit.metrics, Vec::new());
        Scrape::new(metrics).next(metrics, &mut text, usize::MAX);
        text.extend_from_slice(LAST_WORD);
        let _ = file.write_all(&text);
    }
}

struct View<'a> {
    flows: &'a mut Slab<AnyFlow>,
    kit: &'a mut Kit,
    is_ready: bool,
}

impl View<'_> {
    fn refresh_backends(&mut self) {
        let Kit { backends, pool, metrics, .. } = &mut *self.kit;
        let aside = backends.aside().map(|(backend, aside)| metrics::Aside {
            backend: backend.clone(),
            address: aside.address,
            cause: aside.cause.as_str(),
        });
        metrics.set_gauges(Gauges {
            sets: backends.sizes().map(|(name, count)| (name.clone(), count)).collect(),
            aside: aside.collect(),
            idle: pool.idle(),
        });
        metrics.set(Counter::BackendLeftOut, backends.left_out());
    }

    fn refresh_resolver(&mut self) {
        let counters = self.kit.resolver.counters();
        for (counter, total) in [
            (Counter::ResolverLookups, counters.lookups),
            (Counter::ResolverFailed, counters.failed),
            (Counter::ResolverQueries, counters.queries),
            (Counter::ResolverQueriesTcp, counters.queries_over_tcp),
            (Counter::ResolverForeign, counters.foreign_replies),
            (Counter::ResolverTimeouts, counters.timeouts),
            (Counter::ResolverGuestsForgotten, counters.guests_forgotten),
            (Counter::ResolverGuestsDisplaced, counters.guests_displaced),
            (Counter::ResolverGuestsRefused, counters.guests_refused),
            (Counter::ResolverGuestsPaused, counters.guests_paused),
        ] {
            self.kit.metrics.set(counter, total);
        }
    }
}

impl Subject for View<'_> {
    fn ready(&self) -> bool {
        self.is_ready
    }

    fn refresh(&mut self) {
        for (_, flow) in &mut *self.flows {
            flow.report(self.kit);
        }
        self.kit.metrics.set(Counter::LogDropped, sys::stderr::dropped());
        self.kit.metrics.set(Counter::AccessLogLines, self.kit.access_log.lines());
        self.kit.metrics.set(Counter::AccessLogDropped, self.kit.access_log.dropped());
        self.refresh_backends();
        self.refresh_resolver();
    }

    fn metrics(&self) -> &Metrics {
        &self.kit.metrics
    }

    fn count(&mut self, counter: Counter) {
        self.kit.count(counter);
    }

    fn connection(&self, from_slot: usize) -> Option<(usize, Connection)> {
        let end = self.flows.capacity();
        (from_slot..end).find_map(|slot| Some((slot, self.flows.get(slot)?.describe(self.kit.now)?)))
    }

    fn endpoint(&self, from: usize) -> Option<(usize, Endpoint)> {
        let now = self.kit.now;
        let (place, backend, report) = self.kit.backends.report(from, now)?;
        let Report { address, weight, pending, failures, rtt, aside } = report;
        let state = match aside {
            Some(_) => "aside",
            None if weight == 0 => "unused",
            None => "ready",
        };
        let endpoint = Endpoint {
            backend: backend.to_string(),
            address,
            state,
            weight,
            pending,
            failures,
            cause: aside.map(|aside| aside.cause.as_str()),
            until: aside.map(|aside| aside.until.since(now)).unwrap_or_default(),
            rtt,
        };
        Some((place, endpoint))
    }

    fn server_first(&self, place: usize) -> Option<SocketAddr> {
        self.kit.server_first.at(place, self.kit.now).copied()
    }
}
