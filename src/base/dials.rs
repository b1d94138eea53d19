//! Our own dials, remembered so that one that comes back to us is known: rules of a packet filter that do not leave
//! wayside's user alone send it whatever it dials.
//!
//! A dial's own address costs a system call. So in calm only a few dials are remembered: a loop makes thousands in a second,
//! and one of its first is among them. Once one came back, all are remembered for a while.

use crate::base::map::Map;
use crate::base::time::Moment;
use crate::base::token::Key;
use std::net::SocketAddr;
use std::time::Duration;

/// In calm one dial is remembered in so long, on average.
const EACH: Duration = Duration::from_millis(10);
/// As many may come at once: a loop that goes through several workers comes back to the one where it began.
const BURST: u32 = 8;
/// How long all dials are remembered after one came back.
const ALARM: Duration = Duration::from_secs(10);
/// Dials that are remembered in alarm; at one more, all are forgotten. Twice what waits for accept in a listener's queue.
const MOST: usize = 8192;

/// Dials of ours, by their own address.
#[derive(Debug)]
pub struct Dials {
    known: Map<SocketAddr, Dial>,
    /// False: nothing that is redirected ever reaches us, so nothing is remembered.
    is_watching: bool,
    /// What was remembered in calm is paid for until then.
    paid_until: Moment,
    alarm_until: Moment,
}

#[derive(Debug, Clone, Copy)]
struct Dial {
    key: Key,
    to: SocketAddr,
}

impl Dials {
    /// None yet.
    pub fn new(is_watching: bool) -> Dials {
        let (paid_until, alarm_until) = (Moment::default(), Moment::default());
        Dials { known: Map::default(), is_watching, paid_until, alarm_until }
    }

    /// The connection `key` dials `to`. `here`, which is called only if the dial is to be remembered, gives the address that
    /// it dials from.
    pub fn add(&mut self, key: Key, to: SocketAddr, now: Moment, here: impl FnOnce() -> Option<SocketAddr>) {
        if !self.is_watching || !self.may_ask(now) {
            return;
        }
        let most = if now < self.alarm_until { MOST } else { BURST as usize };
        if self.known.len() >= most {
            self.known = Map::default();
        }
        if let Some(here) = here() {
            self.known.insert(here, Dial { key, to });
        }
    }

    /// The connection that dialled `to` from `here`, if that is remembered; it may be over.
    pub fn find(&self, here: SocketAddr, to: SocketAddr) -> Option<Key> {
        self.known.get(&here).filter(|dial| dial.to == to).map(|dial| dial.key)
    }

    /// One came back.
    pub fn came_back(&mut self, here: SocketAddr, now: Moment) {
        self.known.remove(&here);
        self.alarm_until = now.plus(ALARM);
    }

    fn may_ask(&mut self, now: Moment) -> bool {
        let paid = self.paid_until.max(now);
        if now < self.alarm_until {
            return true;
        }
        let may = paid.since(now) < EACH * BURST;
        if may {
            self.paid_until = paid.plus(EACH);
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(port: u16) -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], port))
    }

    /// Adds so many dials to port 1, from ports 1,000 and up; how many of them asked for their address.
    fn dial(dials: &mut Dials, count: u16, now: Moment) -> usize {
        let mut asked = 0;
        for port in (1000..).take(count.into()) {
            dials.add(Key { slot: port.into(), generation: 0 }, addr(1), now, || {
                asked += 1;
                Some(addr(port))
            });
        }
        asked
    }

    #[test]
    fn few_are_remembered_in_calm_and_all_in_alarm() {
        let (mut dials, start) = (Dials::new(true), Moment::from_micros(0));
        assert_eq!(dial(&mut dials, 100, start), BURST as usize);
        assert_eq!(dial(&mut dials, 100, start.plus(EACH)), 1);
        let calm = start.plus(Duration::from_secs(1));
        assert_eq!(dial(&mut dials, 100, calm), BURST as usize);
        dials.came_back(addr(1007), calm);
        let end = calm.plus(ALARM);
        assert_eq!(dial(&mut dials, 100, Moment::from_micros(end.micros() - 1)), 100);
        assert_eq!(dial(&mut dials, 100, end), BURST as usize);
    }

    #[test]
    fn one_is_found_by_both_its_ends() {
        let mut dials = Dials::new(true);
        dial(&mut dials, 1, Moment::default());
        assert_eq!(dials.find(addr(1000), addr(1)).map(|key| key.slot), Some(1000));
        assert_eq!(dials.find(addr(1000), addr(2)), None);
        assert_eq!(dials.find(addr(1001), addr(1)), None);
        dials.came_back(addr(1000), Moment::default());
        assert_eq!(dials.find(addr(1000), addr(1)), None);
    }

    #[test]
    fn they_are_bounded() {
        let mut dials = Dials::new(true);
        dials.came_back(addr(1), Moment::default());
        dial(&mut dials, 8200, Moment::default());
        assert!(dials.known.len() <= MOST && dials.find(addr(1000 + 8199), addr(1)).is_some());
        dial(&mut dials, 100, Moment::default().plus(ALARM));
        assert!(dials.known.capacity() < 64, "the memory is kept: {}", dials.known.capacity());
    }

    #[test]
    fn without_redirection_no_address_is_asked_for() {
        assert_eq!(dial(&mut Dials::new(false), 10, Moment::default()), 0);
    }
}
