//! Ending: a signal, the drain, and the end of it.

use crate::flow::{Ending, Next};
use crate::kit::Kit;
use crate::listener::Listener;
use crate::worker::Worker;
use log::{info, warn};
use signal_hook::consts::{SIGHUP, SIGINT};
use std::time::Duration;

/// More than a listener's queue can hold.
const QUEUED: usize = 8192;

impl Worker {
    /// By itself: the first signal begins the drain, a second one ends it. A supervisor says which it means, as
    /// others may send its workers what they send it: SIGTERM, SIGQUIT and SIGHUP begin, SIGINT ends.
    pub(super) fn take_signals(&mut self) {
        let is_supervised = self.last_words.is_some();
        for signal in self.signals.pending().collect::<Vec<_>>() {
            match (is_supervised, self.draining) {
                (true, _) if signal == SIGINT => self.must_end = true,
                (true, Some(_)) => {}
                (false, Some(_)) => self.must_end = true,
                (_, None) if signal == SIGHUP => self.retire(),
                (_, None) => self.begin_drain(),
            }
            if self.must_end {
                self.draining.get_or_insert(self.kit.now);
                return;
            }
        }
    }

    fn begin_drain(&mut self) {
        self.manager.stopping();
        self.leave(self.kit.config.drain_timeout, Listener::serves_while_draining);
    }

    /// Others have our listeners now; what runs here may take its time. So no busy connection is closed: a request
    /// could be on its way.
    fn retire(&mut self) {
        self.leave(Duration::ZERO, |_| false);
    }

    /// Nobody keeps our sockets any more, and whoever is started anew will want the addresses.
    pub(super) fn outlive_supervisor(&mut self) {
        if self.draining.is_none() {
            warn!("the supervisor is gone");
            self.leave(self.kit.config.drain_timeout, |_| false);
        }
    }

    /// `/ready` says no from here on, and after `limit` what is left is closed; zero is no limit. What the kernel has
    /// queued for the listeners that close was a connection to its client already, so it is taken first.
    fn leave(&mut self, limit: Duration, stays: fn(&Listener) -> bool) {
        info!("draining: {} connections", self.flows.len());
        self.draining = Some(self.kit.now.after(limit));
        self.kit.hurry_from = Some(self.kit.now.after(limit * 4 / 5));
        let Kit { pool, metrics, now, .. } = &mut self.kit;
        pool.shut(*now, metrics);
        for (slot, flow) in &mut self.flows {
            if !flow.set_queued(true) {
                self.queue.push_back(slot as u32);
            }
        }
        for index in 0..self.listeners.len() {
            let Some(listener) = self.listeners.get_mut(index) else { continue };
            if stays(listener) {
                continue;
            }
            let mut left = QUEUED;
            while left > 0 {
                let Some(listener) = self.listeners.get_mut(index) else { break };
                listener.mark();
                // Others may come while these are taken.
                match self.accept_from(index, left) {
                    0 => break,
                    taken => left -= taken,
                }
            }
            if let Some(listener) = self.listeners.get_mut(index) {
                listener.close(&self.kit.registry);
            }
        }
    }

    /// Whether the drain has come to its end; closes what is left when its time is up.
    pub(super) fn is_over(&mut self) -> bool {
        let Some(until) = self.draining else { return false };
        if self.must_end || until <= self.kit.now {
            if !self.flows.is_empty() {
                warn!("closing the {} connections that are left", self.flows.len());
            }
            let slots: Vec<_> = self.flows.iter().map(|(_, flow)| flow.key().slot).collect();
            for slot in slots {
                self.settle(slot, Next::Close(Ending::Shutdown));
            }
        }
        self.flows.is_empty()
    }
}
