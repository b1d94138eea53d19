//! A lookup and its sockets: the thin shell around the state machine.

use std::time::{Duration, Instant};

use mio::Registry;

use super::lookup::Lookup;
use super::message::Family;
use super::names::NameId;
use super::query::Heard;
use super::socket::{self, LARGEST_DATAGRAM, Socket};

/// Lookups at once, with two sockets each; further ones wait.
pub(super) const MOST_LOOKUPS: usize = 32;
/// So many of them for clients' names, and fewer while configured names need them.
pub(super) const MOST_GUEST_LOOKUPS: usize = 24;

/// A lookup that owns its sockets: one a family at most.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) name: NameId,
    /// It is a client's name.
    pub(super) guest: bool,
    pub(super) lookup: Lookup,
    /// Since when it has this place.
    pub(super) since: Instant,
    /// How long it had others before.
    pub(super) served: Duration,
    sockets: [Option<Socket>; 2],
}

/// Makes the numbers of sockets: a place, a family, and a serial that keeps a late event from a newer socket.
#[derive(Debug, Default)]
pub(super) struct Numbers(usize);

impl Numbers {
    const BITS: u32 = (2 * MOST_LOOKUPS).ilog2();

    fn next(&mut self, place: usize, family: Family) -> usize {
        // A token holds 61 bits.
        self.0 = (self.0 + 1) % (1 << 48);
        self.0 << Numbers::BITS | place << 1 | family as usize
    }

    /// The place of the lookup whose socket is called `number`.
    pub(super) fn place(number: usize) -> usize {
        (number & ((1 << Numbers::BITS) - 1)) >> 1
    }
}

impl Running {
    /// It begins, or goes on.
    pub(super) fn new(
        name: NameId,
        guest: bool,
        lookup: Lookup,
        since: Instant,
        served: Duration,
    ) -> Running {
        Running { name, guest, lookup, since, served, sockets: [None, None] }
    }

    /// An event of the socket called `number`: what came is handed on.
    pub(super) fn ready(&mut self, number: usize, now: Instant) {
        let mut scratch = [0; LARGEST_DATAGRAM];
        for (family, socket) in Family::BOTH.into_iter().zip(&mut self.sockets) {
            let Some(socket) = socket.as_mut().filter(|socket| socket.number == number) else { continue };
            // Ends: each message is taken, or counts as foreign, of which a query endures few.
            while self.lookup.listens(family) {
                match socket.receive(&mut scratch) {
                    Ok(None) => break,
                    Ok(Some(message)) => {
                        if self.lookup.heard(family, message, now) == Heard::Foreign {
                            log::debug!("a foreign DNS reply of {} bytes was ignored", message.len());
                        }
                    }
                    Err(error) => self.lookup.lost(family, socket::failure(&error), now),
                }
            }
        }
    }

    /// Does what the lookup wants: closes sockets without a use, sends questions on new ones.
    pub(super) fn drive(&mut self, place: usize, numbers: &mut Numbers, now: Instant, registry: &Registry) {
        // A failed opening of one family may end the candidate and give both new questions: round again. Ends: each
        // opening that fails uses up a try.
        while !Family::BOTH.into_iter().all(|family| self.settle(family, place, numbers, now, registry)) {}
    }

    /// True when `family` is as it should be.
    fn settle(
        &mut self,
        family: Family,
        place: usize,
        numbers: &mut Numbers,
        now: Instant,
        registry: &Registry,
    ) -> bool {
        let slot = &mut self.sockets[family as usize];
        if !self.lookup.listens(family)
            && let Some(socket) = slot.take()
        {
            socket.close(registry);
        }
        let Some(send) = self.lookup.next_question(family) else { return true };
        match Socket::open(&send, numbers.next(place, family), registry) {
            Ok(socket) => *slot = Some(socket),
            Err(error) => {
                log::debug!("name server {}: {error}", send.server);
                self.lookup.lost(family, socket::failure(&error), now);
            }
        }
        false
    }

    /// Closes what is open.
    pub(super) fn close(self, registry: &Registry) -> Lookup {
        self.sockets.into_iter().flatten().for_each(|socket| socket.close(registry));
        self.lookup
    }
}
