//! The exchanges that are open on a connection: first asked, first answered.

use crate::wire::event::Id;

/// The most exchanges open at once. Browsers pipeline none, load generators up to a few dozen.
pub const MAX_OPEN: usize = 64;

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
    ring: [Exchange; MAX_OPEN],
    first: u8,
    open: u8,
    /// A bit for each id in use.
    ids: u64,
}

impl Default for Exchanges {
    fn default() -> Exchanges {
        Exchanges { ring: [Exchange::default(); MAX_OPEN], first: 0, open: 0, ids: 0 }
    }
}

impl Exchanges {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        usize::from(self.open)
    }

    /// Opens one with the lowest free id, if there is room.
    pub(super) fn open(&mut self, asked: Asked) -> Option<Id> {
        if self.len() >= MAX_OPEN {
            return None;
        }
        let id = u8::try_from((!self.ids).trailing_zeros()).ok()?;
        self.ids |= 1u64.checked_shl(u32::from(id))?;
        let at = self.place(self.open);
        *self.ring.get_mut(at)? = Exchange { id, asked };
        self.open = self.open.saturating_add(1);
        Some(Id(u16::from(id)))
    }

    /// The one to be answered next.
    pub(super) fn first(&self) -> Option<(Id, Asked)> {
        self.at(0)
    }

    /// The one asked last.
    pub(super) fn last(&self) -> Option<(Id, Asked)> {
        self.at(self.open.checked_sub(1)?)
    }

    /// The first stays HTTP: its response said so.
    pub(super) fn settle_first(&mut self) {
        let at = self.place(0);
        if let Some(exchange) = self.ring.get_mut(at) {
            exchange.asked.0 &= !(Asked::CONNECT | Asked::UPGRADE);
        }
    }

    /// Closes the first.
    pub(super) fn close_first(&mut self) -> Option<Id> {
        let (id, _) = self.first()?;
        self.ids &= !1u64.checked_shl(u32::from(id.0)).unwrap_or(0);
        self.first = u8::try_from(self.place(1)).unwrap_or(0);
        self.open = self.open.saturating_sub(1);
        Some(id)
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
        usize::from(self.first.wrapping_add(index)) & (MAX_OPEN - 1)
    }
}

const _: () = assert!(MAX_OPEN == 64, "an id is a bit of a u64, and a ring place a mask");

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
        for id in 0..MAX_OPEN {
            assert_eq!(exchanges.open(Asked::default()), Some(Id(id as u16)));
        }
        assert_eq!(exchanges.open(Asked::default()), None);
        assert_eq!(exchanges.close_first(), Some(Id(0)));
        assert_eq!(exchanges.open(Asked::default()), Some(Id(0)));
        assert_eq!(exchanges.first().map(|(id, _)| id), Some(Id(1)));
    }
}
