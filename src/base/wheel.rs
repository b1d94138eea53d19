//! A lazy timer wheel: entries are put in and come out, and are never moved or cancelled.
//!
//! The owner of a timer keeps the deadline itself and remembers when its valid entry comes out. Refreshing a
//! deadline is then one store: when the old entry comes out, the owner is asked and put in anew. An entry that
//! comes out at another time than the remembered one is stale, and its owner drops it.

use crate::base::time::Moment;
use crate::base::token::Key;

/// Slots of the wheel. Deadlines beyond its span come out early, and the owner puts them in anew.
const SLOTS: usize = 1024;
/// One slot's time, in microseconds: no timer here needs better than 8 ms.
const TICK_MICROS: u64 = 8_000;

/// Entries that are worth their memory while there are fewer.
const FEW: usize = 1024;
/// The end of a list.
const NONE: u32 = u32::MAX;

/// A wheel of 1,024 slots of 8 ms. Its memory is that of the entries it has, wherever they stand.
pub struct Wheel {
    /// Each slot's entries are a list in `entries`: here it begins.
    first: Box<[u32; SLOTS]>,
    entries: Vec<Entry>,
    /// The list of those that are free.
    free: u32,
    /// How many are not.
    count: usize,
    occupied: [u64; SLOTS / 64],
    /// All slots up to this tick are empty.
    passed: u64,
}

#[derive(Clone, Copy)]
struct Entry {
    key: Key,
    next: u32,
}

impl Default for Wheel {
    fn default() -> Self {
        Wheel {
            first: Box::new([NONE; SLOTS]),
            entries: Vec::new(),
            free: NONE,
            count: 0,
            occupied: [0; SLOTS / 64],
            passed: 0,
        }
    }
}

impl Wheel {
    /// Sees to it that `key` comes out at `deadline` or, where that is beyond the wheel's span of 8.2 s, earlier.
    /// `armed` is when its valid entry comes out ([`Moment::NEVER`] for none); an earlier one takes its place.
    pub fn arm(&mut self, deadline: Moment, armed: &mut Moment, key: Key) {
        if deadline == Moment::NEVER {
            return;
        }
        let tick =
            deadline.micros().div_ceil(TICK_MICROS).clamp(self.passed + 1, self.passed + SLOTS as u64 - 1);
        let comes_out = Moment::from_micros(tick * TICK_MICROS);
        if comes_out >= *armed {
            return;
        }
        *armed = comes_out;
        let slot = slot_of(tick);
        let entry = Entry { key, next: self.first[slot] };
        self.first[slot] = match self.entries.get_mut(self.free as usize) {
            Some(free) => {
                let place = self.free;
                self.free = free.next;
                *free = entry;
                place
            }
            None => {
                self.entries.push(entry);
                (self.entries.len() - 1) as u32
            }
        };
        self.count += 1;
        self.occupied[slot / 64] |= 1 << (slot % 64);
    }

    /// Takes out all entries whose time has come and hands them to `fire`, each with the time it was armed for.
    pub fn advance(&mut self, now: Moment, mut fire: impl FnMut(Key, Moment)) {
        let until = now.micros() / TICK_MICROS;
        if until <= self.passed {
            return;
        }
        let steps = (until - self.passed).min(SLOTS as u64);
        let first = self.passed + 1;
        self.passed = until;
        for tick in first..first + steps {
            let slot = slot_of(tick);
            if self.occupied[slot / 64] & 1 << (slot % 64) == 0 {
                continue;
            }
            self.occupied[slot / 64] &= !(1 << (slot % 64));
            let mut place = std::mem::replace(&mut self.first[slot], NONE);
            while let Some(entry) = self.entries.get_mut(place as usize) {
                fire(entry.key, Moment::from_micros(tick * TICK_MICROS));
                let next = std::mem::replace(&mut entry.next, self.free);
                self.free = std::mem::replace(&mut place, next);
                self.count -= 1;
            }
        }
        // Once a round, and with the last entry: a burst would otherwise keep its memory for ever.
        let is_round = first / SLOTS as u64 != (first + steps) / SLOTS as u64;
        if (is_round || self.count == 0) && self.entries.len() > FEW.max(4 * self.count) {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let entries = std::mem::take(&mut self.entries);
        self.entries.reserve_exact(self.count);
        self.free = NONE;
        for first in self.first.iter_mut() {
            let mut place = std::mem::replace(first, NONE);
            while let Some(entry) = entries.get(place as usize) {
                place = entry.next;
                self.entries.push(Entry { key: entry.key, next: *first });
                *first = (self.entries.len() - 1) as u32;
            }
        }
    }

    /// When the next entry comes out; `None` where there is none.
    pub fn next(&self) -> Option<Moment> {
        let first = self.passed + 1;
        // The first word may hold slots before `first`: those come last, a whole round later.
        let mut tick = first - first % 64;
        let mut mask = u64::MAX << (first % 64);
        for _ in 0..=SLOTS / 64 {
            let word = self.occupied[slot_of(tick) / 64] & mask;
            if word != 0 {
                return Some(Moment::from_micros((tick + u64::from(word.trailing_zeros())) * TICK_MICROS));
            }
            mask = u64::MAX;
            tick += 64;
        }
        None
    }
}

fn slot_of(tick: u64) -> usize {
    (tick % SLOTS as u64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(slot: u32) -> Key {
        Key { slot, generation: 1 }
    }

    fn put(wheel: &mut Wheel, micros: u64, slot: u32) -> Moment {
        let mut armed = Moment::NEVER;
        wheel.arm(Moment::from_micros(micros), &mut armed, key(slot));
        armed
    }

    fn fired(wheel: &mut Wheel, millis: u64) -> Vec<u32> {
        let mut out = Vec::new();
        wheel.advance(Moment::from_micros(millis * 1000), |key, _| out.push(key.slot));
        out
    }

    #[test]
    fn entries_come_out_at_their_time_and_not_before() {
        let mut wheel = Wheel::default();
        put(&mut wheel, 100_000, 1);
        put(&mut wheel, 50_000, 2);
        assert_eq!(fired(&mut wheel, 47), []);
        assert_eq!(fired(&mut wheel, 56), [2]);
        assert_eq!(fired(&mut wheel, 99), []);
        assert_eq!(fired(&mut wheel, 104), [1]);
        assert_eq!(wheel.next(), None);
    }

    #[test]
    fn a_deadline_beyond_the_span_comes_out_early_and_once() {
        let mut wheel = Wheel::default();
        put(&mut wheel, 60_000_000, 1);
        assert_eq!(fired(&mut wheel, 8_000), []);
        assert_eq!(fired(&mut wheel, 8_200), [1]);
        assert_eq!(fired(&mut wheel, 120_000), []);
    }

    #[test]
    fn a_past_deadline_comes_out_at_the_next_tick() {
        let mut wheel = Wheel::default();
        assert_eq!(fired(&mut wheel, 80), []);
        put(&mut wheel, 0, 3);
        assert_eq!(wheel.next(), Some(Moment::from_micros(88_000)));
        assert_eq!(fired(&mut wheel, 88), [3]);
    }

    #[test]
    fn only_an_earlier_deadline_makes_a_new_entry() {
        let mut wheel = Wheel::default();
        let mut armed = put(&mut wheel, 80_000, 1);
        wheel.arm(Moment::from_micros(90_000), &mut armed, key(1));
        assert_eq!(armed, Moment::from_micros(80_000));
        wheel.arm(Moment::from_micros(30_000), &mut armed, key(1));
        assert_eq!(armed, Moment::from_micros(32_000));
        assert_eq!(fired(&mut wheel, 200), [1, 1]);
    }

    #[test]
    fn the_next_is_found_wherever_it_stands() {
        for passed in [0, 1, 63, 64, 100, 1000, 1023, 1024, 5000] {
            for ahead in [1, 2, 62, 63, 64, 65, 500, 960, 1000, 1022, 1023] {
                let mut wheel = Wheel::default();
                wheel.advance(Moment::from_micros(passed * TICK_MICROS), |_, _| {});
                let armed = put(&mut wheel, (passed + ahead) * TICK_MICROS, 1);
                assert_eq!(wheel.next(), Some(armed), "passed {passed}, ahead {ahead}");
            }
        }
    }

    #[test]
    fn memory_is_that_of_the_entries() {
        let mut wheel = Wheel::default();
        let mut now = 0;
        // A few at a time, in every slot and for many rounds.
        for _ in 0..20 * SLOTS as u64 {
            now += TICK_MICROS;
            for n in 0..4 {
                put(&mut wheel, now + (n + 1) * TICK_MICROS, n as u32);
            }
            wheel.advance(Moment::from_micros(now), |_, _| {});
        }
        assert!(wheel.entries.capacity() <= 64, "{}", wheel.entries.capacity());
        // After a burst it is given back, and those that are left come out as they should.
        let late = now + 900 * TICK_MICROS;
        for n in 0..10_000 {
            put(&mut wheel, now + TICK_MICROS, n);
        }
        for n in 0..100 {
            put(&mut wheel, late + u64::from(n) * TICK_MICROS, n);
        }
        let mut out = Vec::new();
        while wheel.next().is_some_and(|next| next.micros() < late) {
            now += TICK_MICROS;
            wheel.advance(Moment::from_micros(now), |_, _| {});
            put(&mut wheel, now + TICK_MICROS, 0);
        }
        for _ in 0..2 * SLOTS {
            now += TICK_MICROS;
            wheel.advance(Moment::from_micros(now), |key, at| out.push((key.slot, at.micros())));
        }
        out.retain(|(slot, _)| *slot > 0);
        let all: Vec<_> = (1..100).map(|n| (n, late + u64::from(n) * TICK_MICROS)).collect();
        assert_eq!(out, all);
        assert!(wheel.entries.capacity() <= FEW, "{}", wheel.entries.capacity());
    }

    #[test]
    fn a_long_sleep_loses_nothing() {
        let mut wheel = Wheel::default();
        for n in 0..2000 {
            put(&mut wheel, u64::from(n) * 4_000, n);
        }
        assert_eq!(fired(&mut wheel, 3_600_000).len(), 2000);
    }
}
