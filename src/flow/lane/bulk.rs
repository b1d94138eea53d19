//! The two ways of a lane that do not read into the shared buffer first: only as much as the sink takes, and a pipe.

use super::{BULKY_ABOVE, BULKY_AFTER, Fault, Lane, Watcher, is_later};
use crate::base::end::End;
use crate::flow::transit::Transit;
use crate::kit::Kit;
use std::io::{ErrorKind, Read, Write};

impl Lane {
    /// As `copy`, where no buffer may be had: only what the sink has taken is taken from the source.
    pub(super) fn peek(
        &mut self,
        source: &mut End,
        sink: &mut End,
        kit: &mut Kit,
        watcher: &mut impl Watcher,
    ) -> Result<(), Fault> {
        kit.count(crate::metrics::Counter::BufferBudget);
        let mut hot = std::mem::take(&mut kit.hot);
        let result = self.peek_into(&mut hot, source, sink, kit, watcher);
        kit.hot = hot;
        result
    }

    fn peek_into(
        &mut self,
        hot: &mut [u8],
        source: &mut End,
        sink: &mut End,
        kit: &mut Kit,
        watcher: &mut impl Watcher,
    ) -> Result<(), Fault> {
        let seen = match source.stream.peek(hot) {
            Ok(0) => {
                self.ended = true;
                return Ok(());
            }
            Ok(seen) => seen,
            Err(error) if is_later(&error, source) => return Ok(()),
            Err(error) => return Err(Fault::Source(error)),
        };
        let sent = match sink.stream.write(hot.get(..seen).unwrap_or_default()) {
            Ok(sent) => sent,
            Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
            Err(error) => return Err(Fault::Sink(error)),
        };
        if sent < seen {
            sink.ready.clear_writable();
        }
        let Some(gone) = hot.get_mut(..sent).filter(|gone| !gone.is_empty()) else { return Ok(()) };
        // They were peeked at, so they are there, and they are the same.
        source.stream.read_exact(gone).map_err(Fault::Source)?;
        self.took(sent, usize::MAX);
        let pass = watcher.look(gone, kit);
        debug_assert_eq!(pass, sent, "bytes are not peeked at where they may be held back");
        Ok(())
    }

    pub(super) fn splice(
        &mut self,
        source: &mut End,
        sink: &mut End,
        kit: &mut Kit,
        watcher: &mut impl Watcher,
    ) -> Result<(), Fault> {
        let Transit::Pipe(pipe) = &mut self.transit else { return Ok(()) };
        let keeps_pipe = match pipe.fill(&source.stream, watcher.unseen()) {
            Ok(0) => {
                self.ended = true;
                false
            }
            Ok(count) => {
                self.taken += count as u64;
                watcher.skipped(count as u64, kit);
                let is_bulky = count >= BULKY_ABOVE;
                if !is_bulky {
                    // One full read, and it is again.
                    self.full_reads = BULKY_AFTER - 1;
                }
                is_bulky
            }
            // Nothing is there, or urgent data, at which splice(2) stops. If that came after epoll told, epoll will tell.
            Err(error) if is_later(&error, source) => false,
            Err(error) => return Err(Fault::Source(error)),
        };
        self.transit.push(sink, kit).map_err(Fault::Sink)?;
        // Who waits for bytes lets others have the pipe meanwhile.
        if self.transit.is_empty() && !keeps_pipe {
            self.transit.release(kit);
        }
        Ok(())
    }
}
