//! Names of event sources, packed into mio's `Token`.
//!
//! Four bits say what kind of source it is; a flow's token carries its slot and a generation besides, so that
//! an event left over from a flow that is gone never reaches the one that took its slot.

use mio::Token;

/// A flow's place in the slab, and which of the flows that lived there it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Key {
    /// The slot.
    pub slot: u32,
    /// Counts up with each flow; [`Key::GENERATIONS`] of them before it wraps.
    pub generation: u32,
}

impl Key {
    /// A generation fits into 28 bits.
    pub const GENERATIONS: u32 = 1 << 28;
}

/// Where an event comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The client's socket of a flow.
    Client(Key),
    /// The upstream's socket of a flow.
    Upstream(Key),
    /// A listener, by its index.
    Listener(usize),
    /// Something of the admin server's; the number is its own affair.
    Admin(usize),
    /// Something of the resolver's; the number is its own affair.
    Resolver(usize),
    /// The signal pipe.
    Signal,
    /// Stdout takes lines of the access log again.
    AccessLog,
    /// A connection of the pool's, whoever has it.
    Pooled(Key),
    /// A worker of the supervisor's, by its number.
    Worker(usize),
}

impl Source {
    /// The token to register with. Numbers above 2^60 lose their high bits.
    pub fn token(self) -> Token {
        let (kind, payload) = match self {
            Source::Client(key) => (0, pack(key)),
            Source::Upstream(key) => (1, pack(key)),
            Source::Listener(index) => (2, index),
            Source::Admin(number) => (3, number),
            Source::Resolver(number) => (4, number),
            Source::Signal => (5, 0),
            Source::AccessLog => (6, 0),
            Source::Pooled(key) => (7, pack(key)),
            Source::Worker(number) => (8, number),
        };
        Token((payload << 4) | kind)
    }

    /// The source that `token` was made from.
    pub fn of(token: Token) -> Source {
        let payload = token.0 >> 4;
        match token.0 & 15 {
            0 => Source::Client(unpack(payload)),
            1 => Source::Upstream(unpack(payload)),
            2 => Source::Listener(payload),
            3 => Source::Admin(payload),
            4 => Source::Resolver(payload),
            5 => Source::Signal,
            6 => Source::AccessLog,
            7 => Source::Pooled(unpack(payload)),
            _ => Source::Worker(payload),
        }
    }
}

fn pack(key: Key) -> usize {
    (key.generation as usize) << 32 | key.slot as usize
}

fn unpack(payload: usize) -> Key {
    Key { slot: payload as u32, generation: (payload >> 32) as u32 }
}

#[cfg(not(target_pointer_width = "64"))]
compile_error!("a flow's token needs 64 bits");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_source_comes_back() {
        let last = Key { slot: u32::MAX, generation: Key::GENERATIONS - 1 };
        for source in [
            Source::Client(Key { slot: 0, generation: 0 }),
            Source::Client(last),
            Source::Upstream(last),
            Source::Listener(7),
            Source::Admin(1 << 40),
            Source::Resolver(3),
            Source::Signal,
            Source::AccessLog,
            Source::Pooled(last),
            Source::Worker(5),
        ] {
            assert_eq!(Source::of(source.token()), source);
        }
    }
}
