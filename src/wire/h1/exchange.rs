//! The exchanges that are open on a connection: first asked, first answered.

use crate::wire::event::Id;
use std::collections::VecDeque;

/// The most exchanges open at once; HTTP/2 has as many. Browsers pipeline none, load generators up to a few dozen, clients of key
/// stores over HTTP some hundred.
pub const MAX_OPEN: usize = 4096;

/// How many of them need no heap.
const INLINE: usize = 64;

/// What of a request decides how its response is read; a bit each, for there is one of these in every exchange's place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Asked(u8);

impl Asked {
    /// HEAD: the response has no body.
    pub(super) const HEAD: u8 = 1;
    /// CONNECT: a 2xx makes a tunnel.
    pub(super) const CONNECT: u8 = 2;
    /// `Upgrade`: a 101 makes a tunnel.
    pub(super) const UPGRADE: u8 = 4;
    /// `Upgrade` offers `h2c`.
    pub(super) const H2C: u8 = 8;

    /// This one too, if so.
    pub(super) fn with(self, bit: u8, is_set: bool) -> Asked {
        if is_set { Asked(self.0 | bit) } else { self }
    }

    pub(super) fn has(self, bits: u8) -> bool {
        self.0 & bits != 0
    }

    /// Whether only the response tells what the bytes behind the request are.
    pub(super) fn may_switch(self) -> bool {
        self.has(Asked::CONNECT | Asked::UPGRADE)
    }
}

/// An exchange that has begun and not ended.
#[derive(Debug, Clone, Copy, Default)]
struct Exchange {
    id: u8,
    asked: Asked,
}

/// The open exchanges, in order. Only the last can still be in its request. Only the first can be in its response; where
/// that has ended before the request, it is the only one.
#[derive(Debug)]
pub(super) struct Exchanges {
    ring: [Exchange; INLINE],
    first: u8,
    open: u8,
    /// A bit for each id in use.
    ids: u64,
    /// All of them, from when there were more than [`INLINE`] until there is none.
    many: Option<Box<Many>>,
}

/// Exchanges on the heap: up to 16 KiB of ring and 512 bytes of ids.
#[derive(Debug)]
struct Many {
    ring: VecDeque<(u16, Asked)>,
    /// A bit for each id in use.
    ids: [u64; MAX_OPEN / 64],
}

impl Default for Exchanges {
    fn default() -> Exchanges {
        Exchanges { ring: [Exchange::default(); INLINE], first: 0, open: 0, ids: 0, many: None }
    }
}

impl Exchanges {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.many.as_ref().map_or(usize::from(self.open), |many| many.ring.len())
    }

    /// Opens one with the lowest free id, if there is room.
    pub(super) fn open(&mut self, asked: Asked) -> Option<Id> {
        if let Some(many) = &mut self.many {
            return many.open(asked);
        }
        if self.len() >= INLINE {
            let many = Box::new(Many::new(self.drain()));
            return self.many.insert(many).open(asked);
        }
        let id = u8::try_from(take_lowest(&mut self.ids)?).ok()?;
        let at = self.place(self.open);
        *self.ring.get_mut(at)? = Exchange { id, asked };
        self.open = self.open.saturating_add(1);
        Some(Id(u16::from(id)))
    }

    /// The one to be answered next.
    pub(super) fn first(&self) -> Option<(Id, Asked)> {
        match &self.many {
            Some(many) => many.ring.front().map(|&(id, asked)| (Id(id), asked)),
            None => self.at(0),
        }
    }

    /// The one asked last.
    pub(super) fn last(&self) -> Option<(Id, Asked)> {
        match &self.many {
            Some(many) => many.ring.back().map(|&(id, asked)| (Id(id), asked)),
            None => self.at(self.open.checked_sub(1)?),
        }
    }

    /// The first stays HTTP: its response said so.
    pub(super) fn settle_first(&mut self) {
        let at = self.place(0);
        let asked = match &mut self.many {
            Some(many) => many.ring.front_mut().map(|(_, asked)| asked),
            None => self.ring.get_mut(at).map(|exchange| &mut exchange.asked),
        };
        if let Some(asked) = asked {
            asked.0 &= !(Asked::CONNECT | Asked::UPGRADE);
        }
    }

    /// Closes the first.
    pub(super) fn close_first(&mut self) -> Option<Id> {
        let (id, _) = self.first()?;
        if let Some(many) = &mut self.many {
            many.close_first();
            if many.ring.is_empty() {
                self.many = None;
            }
            return Some(id);
        }
        give_back(&mut self.ids, id.0);
        self.first = u8::try_from(self.place(1)).unwrap_or(0);
        self.open = self.open.saturating_sub(1);
        Some(id)
    }

    /// Takes out all that are inline, in order.
    fn drain(&mut self) -> impl Iterator<Item = (Id, Asked)> {
        std::iter::from_fn(|| {
            let first = self.at(0)?;
            self.close_first();
            Some(first)
        })
    }

    fn at(&self, index: u8) -> Option<(Id, Asked)> {
        if index >= self.open {
            return None;
        }
        let exchange = self.ring.get(self.place(index))?;
        Some((Id(u16::from(exchange.id)), exchange.asked))
    }

    /// Where in the ring the exchange `index` places behind the first is.
    fn place(&self, index: u8) -> usize {
        usize::from(self.first.wrapping_add(index)) & (INLINE - 1)
    }
}

impl Many {
    /// With those that were inline, whose ids are all below [`INLINE`].
    fn new(inline: impl Iterator<Item = (Id, Asked)>) -> Many {
        let mut ids = [0; MAX_OPEN / 64];
        ids[0] = u64::MAX;
        Many { ring: inline.map(|(id, asked)| (id.0, asked)).collect(), ids }
    }

    fn open(&mut self, asked: Asked) -> Option<Id> {
        let (word, ids) = self.ids.iter_mut().enumerate().find(|(_, ids)| **ids != u64::MAX)?;
        let id = u16::try_from(word.checked_mul(64)?).ok()?.checked_add(take_lowest(ids)?)?;
        self.ring.push_back((id, asked));
        Some(Id(id))
    }

    fn close_first(&mut self) {
        let Some((id, _)) = self.ring.pop_front() else { return };
        if let Some(ids) = self.ids.get_mut(usize::from(id / 64)) {
            give_back(ids, id % 64);
        }
    }
}

/// Takes the lowest id that is free among 64.
fn take_lowest(ids: &mut u64) -> Option<u16> {
    let id = (!*ids).trailing_zeros();
    *ids |= 1u64.checked_shl(id)?;
    u16::try_from(id).ok()
}

fn give_back(ids: &mut u64, id: u16) {
    *ids &= !1u64.checked_shl(u32::from(id)).unwrap_or(0);
}

const _: () = assert!(INLINE == 64, "an id is a bit of a u64, and a ring place a mask");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_the_lowest_free_and_order_is_kept() {
        let mut exchanges = Exchanges::default();
        for round in 0..200u16 {
            for id in 0..3 {
                let asked = Asked::default().with(Asked::HEAD, id == 1);
                assert_eq!(exchanges.open(asked), Some(Id(id)), "round {round}");
            }
            assert_eq!(exchanges.close_first(), Some(Id(0)));
            assert_eq!(exchanges.open(Asked::default()), Some(Id(0)));
            assert_eq!(
                exchanges.first().map(|(id, asked)| (id, asked.has(Asked::HEAD))),
                Some((Id(1), true))
            );
            assert_eq!(exchanges.last().map(|(id, _)| id), Some(Id(0)));
            let closed: Vec<_> = std::iter::from_fn(|| exchanges.close_first()).collect();
            assert_eq!(closed, [Id(1), Id(2), Id(0)]);
        }
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut exchanges = Exchanges::default();
        for round in 0..3 {
            for id in 0..MAX_OPEN {
                assert_eq!(exchanges.open(Asked::default()), Some(Id(id as u16)), "round {round}");
            }
            assert_eq!(exchanges.open(Asked::default()), None);
            assert_eq!(exchanges.close_first(), Some(Id(0)));
            assert_eq!(exchanges.open(Asked::default()), Some(Id(0)));
            for id in (1..MAX_OPEN).chain([0]) {
                assert_eq!(exchanges.close_first(), Some(Id(id as u16)));
            }
            assert_eq!((exchanges.len(), exchanges.close_first()), (0, None));
        }
    }

    /// Against a queue and a set of ids, around the number that needs no heap.
    #[test]
    fn order_and_ids_are_the_same_with_and_without_the_heap() {
        let (mut exchanges, mut model) = (Exchanges::default(), VecDeque::new());
        let mut most = 0;
        for turn in 0..20_000u32 {
            // Swings between few and many.
            let is_opening = (turn / 150) % 2 == 0;
            if turn.wrapping_mul(2_654_435_761) >> 29 < if is_opening { 6 } else { 2 } {
                let id = (0..).find(|id| model.iter().all(|(used, _)| used != id)).expect("an id");
                let asked = Asked::default().with(Asked::UPGRADE, turn % 3 == 0);
                assert_eq!(exchanges.open(asked), Some(Id(id)), "turn {turn}");
                model.push_back((id, asked));
            } else {
                assert_eq!(exchanges.close_first(), model.pop_front().map(|(id, _)| Id(id)), "turn {turn}");
            }
            if turn % 7 == 0
                && let Some((_, asked)) = model.front_mut()
            {
                exchanges.settle_first();
                *asked = Asked::default();
            }
            most = most.max(model.len());
            assert_eq!(exchanges.len(), model.len(), "turn {turn}");
            assert_eq!(exchanges.first(), model.front().map(|&(id, asked)| (Id(id), asked)));
            assert_eq!(exchanges.last(), model.back().map(|&(id, asked)| (Id(id), asked)));
            assert!(exchanges.many.is_none() || !model.is_empty(), "turn {turn}");
        }
        assert!(most > INLINE, "{most}");
    }
}
