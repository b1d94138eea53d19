//! The names that are kept: those of the configuration for good, those that clients send up to a bound.

use std::borrow::Cow;
use std::collections::HashMap;
use std::time::{Duration, Instant};

use super::entry::Entry;
use super::{Client, Counters, Failure};

/// Names kept that clients sent. Beyond it the one that was asked for least recently is forgotten; while all are being
/// looked up, no further one is taken.
pub(super) const MOST_GUESTS: usize = 1024;
/// A name whose lookup ended is kept so long at least, as those who waited for it are about to ask again.
const KEPT: Duration = Duration::from_millis(100);
/// Bytes of a name's text: 253, and the final dot. Longer ones are not even hashed.
pub(super) const LONGEST_TEXT: usize = 254;

/// A name that the resolver keeps. Where a client's name was forgotten, its id is never another name's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct NameId {
    place: u32,
    /// Which of the names that had this place.
    generation: u32,
}

#[derive(Debug)]
struct Slot {
    id: NameId,
    /// For a client's name, how many requests for names came before the last one for this. `None`: a configured name.
    asked: Option<u64>,
    entry: Entry,
}

/// Names, and what is known of each.
#[derive(Debug, Default)]
pub(super) struct Names {
    slots: Vec<Slot>,
    ids: HashMap<String, NameId>,
    /// The places of clients' names, at most [`MOST_GUESTS`].
    guests: Vec<u32>,
    /// How often clients' names were asked for.
    asks: u64,
}

impl Names {
    /// The id of a configured name, which is kept for good, also where a client sent it before.
    pub(super) fn configured(&mut self, host: &str) -> NameId {
        let host = host.to_ascii_lowercase();
        let Some(&id) = self.ids.get(&host) else {
            return self.add(host.clone(), Entry::new(&host), None);
        };
        if let Some(slot) = self.slot(id) {
            (slot.asked, slot.entry.client) = (None, None);
            self.guests.retain(|&place| place != id.place);
        }
        id
    }

    /// The id of a name that `client` sent.
    pub(super) fn guest(
        &mut self,
        host: &str,
        client: Client,
        now: Instant,
        counters: &mut Counters,
    ) -> Result<NameId, Failure> {
        if host.len() > LONGEST_TEXT {
            return Err(Failure::BadName);
        }
        let host = lower_case(host);
        if let Some(&id) = self.ids.get(&*host) {
            self.asked(id);
            return Ok(id);
        }
        let mut entry = Entry::new(&host);
        if let Some(failure) = entry.failure {
            return Err(failure);
        }
        entry.client = Some(client);
        self.asks += 1;
        if self.guests.len() < MOST_GUESTS {
            let id = self.add(host.into_owned(), entry, Some(self.asks));
            self.guests.push(id.place);
            return Ok(id);
        }
        let oldest = self.replace_oldest(host.into_owned(), entry, now);
        let id = oldest.ok_or(Failure::TooManyNames)?;
        counters.guests_forgotten += 1;
        Ok(id)
    }

    /// Notes that `id` is asked for, so that others are forgotten first, and gives what is known of it; `None` where it was forgotten.
    pub(super) fn asked(&mut self, id: NameId) -> Option<&mut Entry> {
        self.asks += 1;
        let asks = self.asks;
        let slot = self.slot(id)?;
        slot.asked = slot.asked.map(|_| asks);
        Some(&mut slot.entry)
    }

    /// What is known of `id`; `None` where it was forgotten.
    pub(super) fn get(&self, id: NameId) -> Option<&Entry> {
        self.slots.get(id.place as usize).filter(|slot| slot.id == id).map(|slot| &slot.entry)
    }

    /// What is known of `id`; `None` where it was forgotten.
    pub(super) fn get_mut(&mut self, id: NameId) -> Option<&mut Entry> {
        self.slot(id).map(|slot| &mut slot.entry)
    }

    fn slot(&mut self, id: NameId) -> Option<&mut Slot> {
        self.slots.get_mut(id.place as usize).filter(|slot| slot.id == id)
    }

    fn add(&mut self, host: String, entry: Entry, asked: Option<u64>) -> NameId {
        let place = u32::try_from(self.slots.len()).expect("a configuration has fewer than 2^32 names");
        let id = NameId { place, generation: 0 };
        self.slots.push(Slot { id, asked, entry });
        self.ids.insert(host, id);
        id
    }

    /// Gives `host` the place of the client's name that was asked for least recently and that nobody waits for.
    fn replace_oldest(&mut self, host: String, entry: Entry, now: Instant) -> Option<NameId> {
        let slots = &mut self.slots;
        let free = |&place: &u32| {
            let slot = slots.get(place as usize)?;
            (!slot.entry.is_awaited(now, KEPT)).then_some((slot.asked, place))
        };
        let (_asked, place) = self.guests.iter().filter_map(free).min()?;
        let slot = slots.get_mut(place as usize)?;
        self.ids.remove(&slot.entry.host);
        let id = NameId { place, generation: slot.id.generation.wrapping_add(1) };
        *slot = Slot { id, asked: Some(self.asks), entry };
        self.ids.insert(host, id);
        Some(id)
    }
}

fn lower_case(host: &str) -> Cow<'_, str> {
    if host.bytes().any(|byte| byte.is_ascii_uppercase()) {
        Cow::Owned(host.to_ascii_lowercase())
    } else {
        Cow::Borrowed(host)
    }
}

#[cfg(test)]
mod tests;
