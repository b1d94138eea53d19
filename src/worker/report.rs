//! The admin server's view of the worker.

use crate::admin::{Connection, Subject};
use crate::flow::any::AnyFlow;
use crate::kit::Kit;
use crate::metrics::{Counter, Metrics, Scrape};
use crate::sys;
use crate::worker::Worker;
use slab::Slab;
use std::io::Write;

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
}
