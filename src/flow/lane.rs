//! One direction of a flow: pull, look, push.

mod bulk;

use crate::base::end::End;
use crate::flow::transit::Transit;
use crate::kit::Kit;
use mio::net::TcpStream;
use std::io::{self, ErrorKind, Read, Write};
use std::net::Shutdown;

/// Full reads in a row after which a lane is bulky and becomes a pipe. 2 costs 0.14 CPU seconds per GB, 16 costs 0.25.
const BULKY_AFTER: u8 = 2;
/// The most that is read at once where bytes may be held back and the buffers are lent out: what a small buffer takes.
const PINCHED: usize = 4 * 1024;
/// A transfer below this ends a lane's being bulky.
const BULKY_ABOVE: usize = 16 * 1024;

/// One direction.
#[derive(Debug, Default)]
pub struct Lane {
    /// Bytes taken and not yet given.
    pub transit: Transit,
    /// Bytes taken since the connection began.
    pub taken: u64,
    /// Bytes of ours that were put in, less those that were thrown away when the sink took no more.
    surplus: i32,
    /// The source has ended: what waits is all that comes.
    pub ended: bool,
    /// Bytes that may not pass yet. Only strict observation holds any back.
    #[expect(clippy::box_collection, reason = "8 bytes in each lane of thousands instead of 24")]
    withheld: Option<Box<Vec<u8>>>,
    /// The sink was told.
    told: bool,
    full_reads: u8,
}

/// Who looks at a lane's bytes before they are given to the sink.
pub trait Watcher {
    /// How many of the next bytes need not be shown.
    fn unseen(&self) -> u64;
    /// Whether it may hold bytes back.
    fn is_strict(&self, kit: &Kit) -> bool;
    /// So many have passed unseen.
    fn skipped(&mut self, count: u64, kit: &mut Kit);
    /// The next bytes. Returns how many may pass now, those held back before among them.
    fn look(&mut self, bytes: &[u8], kit: &mut Kit) -> usize;
}

/// What a turn of a lane came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// Nothing more to do until epoll says so.
    Waits,
    /// The turn's share is used up and there is more.
    More,
    /// The source has ended and all its bytes were given.
    Over,
}

/// Which socket failed, and how.
#[derive(Debug)]
pub enum Fault {
    /// The one that bytes come from.
    Source(io::Error),
    /// The one that bytes go to.
    Sink(io::Error),
}

impl Lane {
    /// Bytes given to the sink since the connection began.
    pub fn given(&self) -> u64 {
        self.taken.saturating_add_signed(self.surplus.into()).saturating_sub(self.waiting() as u64)
    }

    /// Throws away what waits: the sink takes no more.
    pub fn discard(&mut self, kit: &mut Kit) {
        self.surplus = self.surplus.saturating_sub_unsigned(self.waiting() as u32);
        self.transit.release(kit);
        self.withheld = None;
    }

    fn waiting(&self) -> usize {
        self.transit.len() + self.withheld()
    }

    /// Whether the sink was told less than the source has said: bytes wait, or an end.
    pub fn is_cut_short(&self) -> bool {
        !self.transit.is_empty() || self.withheld.is_some() || (self.ended && !self.told)
    }

    /// Whether the sink has been sent the FIN.
    pub fn is_told(&self) -> bool {
        self.told
    }

    /// One bounded turn: what waits goes first, then one read of up to 64 KiB (256 KiB through a pipe).
    /// `watcher` sees each byte but those that it says it need not.
    pub fn turn(
        &mut self,
        source: &mut End,
        sink: &mut End,
        kit: &mut Kit,
        watcher: &mut impl Watcher,
    ) -> Result<Progress, Fault> {
        self.transit.push(sink, kit).map_err(Fault::Sink)?;
        if !self.transit.is_empty() {
            return Ok(Progress::Waits);
        }
        if !self.ended && source.ready.is_readable() && sink.ready.is_writable() {
            let unseen = if source.ready.is_urgent() { 0 } else { watcher.unseen() };
            if self.is_piped(kit, unseen) {
                self.splice(source, sink, kit, watcher)?;
            } else if kit.buffers.is_spent() && !self.may_hold_back(watcher, kit) {
                self.peek(source, sink, kit, watcher)?;
            } else {
                self.copy(source, sink, kit, watcher)?;
            }
        }
        Ok(self.progress(source, sink))
    }

    /// Whether some of the next bytes may have to stay here. Then they cannot be given before they were looked at.
    fn may_hold_back(&self, watcher: &impl Watcher, kit: &Kit) -> bool {
        self.withheld.is_some() || (watcher.is_strict(kit) && watcher.unseen() != u64::MAX)
    }

    fn progress(&self, source: &End, sink: &End) -> Progress {
        if !self.transit.is_empty() {
            Progress::Waits
        } else if self.ended {
            Progress::Over
        } else if source.ready.is_readable() && sink.ready.is_writable() {
            Progress::More
        } else {
            Progress::Waits
        }
    }

    /// The source has failed: what waits is all that comes.
    pub fn end(&mut self) -> Progress {
        self.ended = true;
        if self.transit.is_empty() { Progress::Over } else { Progress::Waits }
    }

    /// Sends the FIN, once. False if the sink is no longer connected.
    pub fn tell_end(&mut self, sink: &TcpStream, kit: &mut Kit) -> bool {
        if self.told {
            return true;
        }
        self.told = true;
        self.transit.release(kit);
        sink.shutdown(Shutdown::Write).is_ok()
    }

    /// Whether this turn goes through a pipe; takes one where the lane has become bulky.
    fn is_piped(&mut self, kit: &mut Kit, unseen: u64) -> bool {
        let is_worth_it = unseen >= BULKY_ABOVE as u64 && self.withheld.is_none();
        if matches!(self.transit, Transit::Pipe(_)) {
            if !is_worth_it {
                self.transit.release(kit);
            }
            return is_worth_it;
        }
        if !is_worth_it || self.full_reads < BULKY_AFTER {
            return false;
        }
        match kit.pipes.take() {
            Some(pipe) => {
                self.transit = Transit::Pipe(pipe);
                true
            }
            None => {
                kit.count(crate::metrics::Counter::PipeRefused);
                self.full_reads = 0;
                false
            }
        }
    }

    fn copy(
        &mut self,
        source: &mut End,
        sink: &mut End,
        kit: &mut Kit,
        watcher: &mut impl Watcher,
    ) -> Result<(), Fault> {
        let mut hot = std::mem::take(&mut kit.hot);
        let room = if kit.buffers.is_spent() { PINCHED.min(hot.len()) } else { hot.len() };
        let read = source.stream.read(hot.get_mut(..room).unwrap_or_default());
        let result = match taken(read, source, room) {
            Ok(Taken::Nothing) => Ok(()),
            Ok(Taken::End) => {
                self.ended = true;
                Ok(())
            }
            Ok(Taken::Bytes { count, last }) => {
                self.ended = last;
                self.took(count, room);
                let bytes = hot.get(..count).unwrap_or_default();
                let pass = watcher.look(bytes, kit);
                if pass == count && self.withheld.is_none() {
                    self.give(bytes, sink, kit)
                } else {
                    self.withhold(bytes, pass);
                    self.let_go(pass, sink, kit)
                }
            }
            Err(error) => Err(Fault::Source(error)),
        };
        kit.hot = hot;
        result
    }

    fn took(&mut self, count: usize, room: usize) {
        self.taken += count as u64;
        self.full_reads = if count == room { self.full_reads.saturating_add(1) } else { 0 };
    }

    /// Puts bytes of ours behind what was given; only while nothing waits.
    pub fn insert(&mut self, bytes: &[u8], sink: &mut End, kit: &mut Kit) -> Result<(), Fault> {
        self.surplus = self.surplus.saturating_add_unsigned(bytes.len() as u32);
        self.give(bytes, sink, kit)
    }

    /// Gives bytes that were taken elsewhere; only while nothing waits.
    pub fn put(&mut self, bytes: &[u8], sink: &mut End, kit: &mut Kit) -> Result<(), Fault> {
        if bytes.is_empty() {
            return Ok(());
        }
        if self.transit.is_empty() {
            return self.give(bytes, sink, kit);
        }
        // The sink did not take all of what came before.
        if let Transit::Buffer(held) = &self.transit {
            let all = [held.bytes(), bytes].concat();
            self.transit.release(kit);
            self.transit = Transit::Buffer(kit.buffers.hold(&all));
        }
        Ok(())
    }

    /// Gives `bytes` in the place of `count` bytes that were taken.
    pub fn replace(
        &mut self,
        count: usize,
        bytes: &[u8],
        sink: &mut End,
        kit: &mut Kit,
    ) -> Result<(), Fault> {
        self.surplus =
            self.surplus.saturating_add_unsigned(bytes.len() as u32).saturating_sub_unsigned(count as u32);
        self.put(bytes, sink, kit)
    }

    /// As before its first byte, but for what was counted: its source is another from here on.
    pub fn renew_source(&mut self, kit: &mut Kit) {
        self.renew_sink(kit);
        self.ended = false;
    }

    /// Likewise: its sink is another.
    pub fn renew_sink(&mut self, kit: &mut Kit) {
        self.discard(kit);
        (self.told, self.full_reads) = (false, 0);
    }

    /// So many bytes are given once more.
    pub fn repeat(&mut self, count: usize) {
        self.surplus = self.surplus.saturating_add_unsigned(count as u32);
    }

    /// So many bytes were taken, and are for no sink.
    pub fn forgo(&mut self, count: usize) {
        self.surplus = self.surplus.saturating_sub_unsigned(count as u32);
    }

    /// Takes out what is held back.
    pub fn take_withheld(&mut self) -> Vec<u8> {
        self.withheld.take().map_or_else(Vec::new, |held| *held)
    }

    /// Holds back all of `bytes` but the first `pass`.
    pub fn withhold(&mut self, bytes: &[u8], pass: usize) {
        if pass < bytes.len() || self.withheld.is_some() {
            self.withheld.get_or_insert_default().extend_from_slice(bytes);
        }
    }

    /// So many of the bytes that were held back may pass.
    pub fn let_go(&mut self, count: usize, sink: &mut End, kit: &mut Kit) -> Result<(), Fault> {
        let Some(mut held) = self.withheld.take() else { return Ok(()) };
        let rest = held.split_off(count.min(held.len()));
        if !rest.is_empty() {
            self.withheld = Some(Box::new(rest));
        }
        if held.is_empty() { Ok(()) } else { self.give(&held, sink, kit) }
    }

    /// How many bytes are held back.
    pub fn withheld(&self) -> usize {
        self.withheld.as_ref().map_or(0, |held| held.len())
    }

    /// Writes at once; what the sink does not take waits in a buffer.
    fn give(&mut self, bytes: &[u8], sink: &mut End, kit: &mut Kit) -> Result<(), Fault> {
        let sent = match sink.stream.write(bytes) {
            Ok(sent) => sent,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => 0,
            Err(error) => return Err(Fault::Sink(error)),
        };
        if let Some(rest) = bytes.get(sent..).filter(|rest| !rest.is_empty()) {
            self.transit.release(kit);
            self.transit = Transit::Buffer(kit.buffers.hold(rest));
            sink.ready.clear_writable();
        }
        Ok(())
    }
}

enum Taken {
    Nothing,
    End,
    Bytes { count: usize, last: bool },
}

fn taken(read: io::Result<usize>, source: &mut End, room: usize) -> io::Result<Taken> {
    match read {
        Ok(0) => Ok(Taken::End),
        Ok(count) => Ok(Taken::Bytes { count, last: count < room && source.ready.drained() }),
        Err(error) if is_later(&error, source) => Ok(Taken::Nothing),
        Err(error) => Err(error),
    }
}

fn is_later(error: &io::Error, source: &mut End) -> bool {
    match error.kind() {
        ErrorKind::WouldBlock => {
            source.ready.clear_readable();
            true
        }
        ErrorKind::Interrupted => true,
        _ => false,
    }
}
