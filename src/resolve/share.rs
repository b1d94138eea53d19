//! Whose name has the next place, and who gives one up for it. Sans-IO: times are arguments.
//!
//! Clients share the places evenly: who has the fewest goes first. Of one client's names the one goes first that had the
//! least time, as a name that was not answered at once may never be. So a flood of dead names costs its own client time,
//! and any other client a turn at the most.

use std::cmp::Reverse;
use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

/// A lookup that was not answered within this time lets others by. A server that knows the answer, or is near to one that does,
/// takes less.
pub(super) const TURN: Duration = Duration::from_millis(100);

/// Whom a name is looked up for: an address, or, as one has as many as one likes there, a network of 64 bits in IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Client(IpAddr);

impl From<IpAddr> for Client {
    fn from(address: IpAddr) -> Client {
        Client(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            v4 => v4,
        })
    }
}

/// A place that a client's name has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Held {
    pub(super) place: usize,
    pub(super) client: Client,
    /// How long it has this place.
    pub(super) ran: Duration,
    /// How long it had others before.
    pub(super) served: Duration,
}

/// Who has how many places.
#[derive(Debug, Default)]
pub(super) struct Shares {
    held: Vec<Held>,
    clients: Vec<(Client, usize)>,
}

impl Shares {
    pub(super) fn of(held: impl Iterator<Item = Held>) -> Shares {
        let mut shares = Shares { held: held.collect(), clients: Vec::new() };
        for held in &shares.held {
            match shares.clients.iter_mut().find(|(client, _)| *client == held.client) {
                Some((_, places)) => *places += 1,
                None => shares.clients.push((held.client, 1)),
            }
        }
        shares
    }

    /// The places of all.
    pub(super) fn total(&self) -> usize {
        self.held.len()
    }

    /// The places of one.
    pub(super) fn places(&self, client: Client) -> usize {
        self.clients.iter().find(|(one, _)| *one == client).map_or(0, |&(_, places)| places)
    }

    /// Who of `waiting` is next: whom a name is for, and how long it had a place before.
    pub(super) fn next(&self, waiting: impl Iterator<Item = (Client, Duration)>) -> Option<usize> {
        let key = |(index, (client, served))| ((self.places(client), served), index);
        waiting.enumerate().map(key).min().map(|(_, index)| index)
    }

    /// The place that a name of `client` takes over, which had one for `served` before; and in how long it may. Whoever would
    /// have more places after that than the other has now leaves it alone. Among equals the other must have had twice the
    /// time, so that a name that needs long gets ever longer turns, and few are asked for anew.
    pub(super) fn gives_way(&self, client: Client, served: Duration) -> Option<(Duration, usize)> {
        let own = self.places(client) + 1;
        let until = |held: &Held| {
            let theirs = self.places(held.client);
            let turn = TURN.saturating_sub(held.ran);
            let left = match own < theirs {
                true => turn,
                false if own == theirs || held.client == client => {
                    turn.max((2 * served).saturating_sub(held.served + held.ran))
                }
                false => return None,
            };
            Some((left, Reverse((theirs, held.served + held.ran)), held.place))
        };
        self.held.iter().filter_map(until).min().map(|(left, _, place)| (left, place))
    }

    /// The place that is the least loss: of who has the most, that of the name that had the most time.
    pub(super) fn least_loss(&self) -> Option<usize> {
        let key = |held: &&Held| (self.places(held.client), held.served + held.ran);
        self.held.iter().max_by_key(key).map(|held| held.place)
    }
}

#[cfg(test)]
mod tests;
