//! No upstream was to be had: tell an HTTP/1 client why, reset all others.

use crate::flow::ledger::How;
use crate::flow::{Ending, Flow, Next, Side, Stage};
use crate::kit::Kit;
use crate::metrics::Counter;
use crate::sys::socket;
use crate::wire::detect::{DecidedBy, Protocol};
use crate::wire::reply;
use std::io::{ErrorKind, Read, Write};
use std::time::Duration;

/// How long the client may take to say what it speaks.
const FIRST_BYTES: Duration = Duration::from_secs(1);
/// How long, and with how many bytes, the client may go on before it has read the answer and ends.
const FAREWELL: Duration = Duration::from_secs(2);
const FAREWELL_BYTES: usize = 1 << 20;

impl Flow {
    /// The last address has failed.
    pub(super) fn refuse(&mut self, kit: &mut Kit) -> Next {
        self.upstream = None;
        self.stage = Stage::Refused { until: kit.now.plus(FIRST_BYTES) };
        if self.observer.is_done() {
            return self.give_reset();
        }
        self.refused(kit)
    }

    pub(super) fn refused(&mut self, kit: &mut Kit) -> Next {
        if self.client.ready.is_failed() {
            return Next::Close(Ending::Refused);
        }
        while self.client.ready.is_readable() {
            let mut hot = std::mem::take(&mut kit.hot);
            let read = self.client.stream.read(&mut hot);
            let verdict = match read {
                Ok(count) => {
                    self.up.taken += count as u64;
                    self.observer.client(hot.get(..count).unwrap_or_default())
                }
                Err(_) => None,
            };
            kit.hot = hot;
            match read {
                Ok(0) => return self.give_reset(),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.client.ready.clear_readable(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Next::Close(Ending::Refused),
            }
            if let Some(verdict) = verdict {
                let is_http = verdict.protocol == Protocol::Http1;
                self.decide(verdict, kit);
                return if is_http { self.answer(kit) } else { self.give_reset() };
            }
        }
        Next::Wait
    }

    /// Resets the client, which has nothing to read.
    pub(super) fn give_reset(&mut self) -> Next {
        self.account.first_end(Side::Upstream, How::Refused);
        socket::reset(&self.client.stream);
        Next::Close(Ending::Refused)
    }

    fn answer(&mut self, kit: &mut Kit) -> Next {
        let cause = self.account.cause();
        let status = if cause == "connect timeout" { 504 } else { 502 };
        kit.count(Counter::AnsweredBadGateway);
        let bytes = reply::http1(status, cause);
        // A socket that has carried nothing yet takes these few bytes at once.
        let _ = self.client.stream.write(&bytes);
        let _ = self.client.stream.shutdown(std::net::Shutdown::Write);
        self.account.first_end(Side::Upstream, How::Refused);
        self.stage = Stage::Farewell { until: kit.now.plus(FAREWELL), allowance: FAREWELL_BYTES };
        self.farewell(kit)
    }

    /// Closing with unread bytes would reset the connection, and the client might never see the answer.
    pub(super) fn farewell(&mut self, kit: &mut Kit) -> Next {
        let Stage::Farewell { allowance, .. } = &mut self.stage else { return Next::Wait };
        while self.client.ready.is_readable() {
            match self.client.stream.read(&mut kit.hot) {
                Ok(0) => return Next::Close(Ending::Refused),
                Ok(count) if count < *allowance => *allowance -= count,
                Ok(_) => return Next::Close(Ending::Refused),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.client.ready.clear_readable(),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Next::Close(Ending::Refused),
            }
        }
        Next::Wait
    }

    /// Nothing more is to be found out.
    pub(super) fn give_up_detection(&mut self, why: DecidedBy, kit: &mut Kit) {
        if let Some(verdict) = self.observer.give_up(why) {
            self.decide(verdict, kit);
        }
    }
}
