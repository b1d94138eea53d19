//! Ending: a signal, the drain, and the end of it.

use crate::flow::{Ending, Next};
use crate::kit::Kit;
use crate::worker::Worker;
use log::{info, warn};

/// More than a listener's queue can hold.
const QUEUED: usize = 8192;

impl Worker {
    /// The first signal begins the drain, a second one ends it.
    pub(super) fn take_signals(&mut self) {
        for _ in self.signals.pending().collect::<Vec<_>>() {
            if self.draining.is_some() {
                self.must_end = true;
                return;
            }
            self.begin_drain();
        }
    }

    /// `/ready` says no from here on. What the kernel has queued for the listeners that close was a connection
    /// to its client already, so it is taken first.
    fn begin_drain(&mut self) {
        info!("draining: {} connections", self.flows.len());
        self.draining = Some(self.kit.now.after(self.kit.config.drain_timeout));
        let patience = self.kit.config.drain_timeout * 4 / 5;
        self.kit.hurry_from = Some(self.kit.now.after(patience));
        let Kit { pool, metrics, now, .. } = &mut self.kit;
        pool.shut(*now, metrics);
        for (slot, flow) in &mut self.flows {
            if !flow.set_queued(true) {
                self.queue.push_back(slot as u32);
            }
        }
        for index in 0..self.listeners.len() {
            let Some(listener) = self.listeners.get_mut(index) else { continue };
            if listener.serves_while_draining() {
                continue;
            }
            listener.readable = listener.is_open();
            self.accept_from(index, QUEUED);
            if let Some(listener) = self.listeners.get_mut(index) {
                listener.close();
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
