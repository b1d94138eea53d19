//! How long servers leave an idle connection open, as far as it was seen.
//!
//! A server that is about to close a connection may have made up its mind some time ago: then no look at the socket shows it,
//! and a request is lost that must not be sent twice. But nearly every server waits for a time of its own, of seconds, and
//! one that was idle for much less is safe. So such a request takes only a connection that was idle for less than half the
//! shortest time after which its server was seen to close one, and for less than [`LONGEST`] in any case.

use crate::base::time::Moment;
use crate::pool::Target;
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::time::Duration;

/// Less than any common server's time: 2 s is the shortest that one has from its makers (gunicorn).
const LONGEST: Duration = Duration::from_secs(1);

/// What was seen is forgotten after one to two of these: the next servers there may be others.
const TERM: Duration = Duration::from_secs(60);

/// Targets that fall on one line share it, and the shorter time holds for both: a bound that costs dials, not requests.
const LINES: usize = 256;

/// The shortest times that were seen.
#[derive(Debug)]
pub(super) struct Patience {
    lines: Box<[Line]>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    /// In this term and in the one before.
    shortest: [Duration; 2],
    /// When the next one begins.
    turn: Moment,
}

const UNSEEN: Line = Line { shortest: [Duration::MAX; 2], turn: Moment::NEVER };

impl Default for Patience {
    fn default() -> Patience {
        Patience { lines: Box::new([UNSEEN; LINES]), hasher: RandomState::new() }
    }
}

impl Patience {
    /// A server has closed a connection that was idle for so long.
    pub(super) fn closed(&mut self, target: &Target, idle: Duration, now: Moment) {
        let line = self.line(target, now);
        line.shortest[0] = line.shortest[0].min(idle);
        if line.turn == Moment::NEVER {
            line.turn = now.plus(TERM);
        }
    }

    /// A connection that was idle for less than this is hardly about to be closed.
    pub(super) fn limit(&mut self, target: &Target, now: Moment) -> Duration {
        let [this, before] = self.line(target, now).shortest;
        (this.min(before) / 2).min(LONGEST)
    }

    fn line(&mut self, target: &Target, now: Moment) -> &mut Line {
        let place = self.hasher.hash_one(target) as usize % LINES;
        let line = &mut self.lines[place];
        if line.turn <= now {
            let is_next = now < line.turn.plus(TERM);
            line.shortest = [Duration::MAX, if is_next { line.shortest[0] } else { Duration::MAX }];
            line.turn = if line.shortest[1] == Duration::MAX { Moment::NEVER } else { now.plus(TERM) };
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Direction;

    const MILLI: Duration = Duration::from_millis(1);

    fn at(secs: u64) -> Moment {
        Moment::from_micros(secs * 1_000_000)
    }

    #[test]
    fn the_shortest_time_holds_for_a_while() {
        let mut patience = Patience::default();
        let target = (Direction::Outbound, ([127, 0, 0, 1], 80).into());
        assert_eq!(patience.limit(&target, at(0)), LONGEST);
        patience.closed(&target, Duration::from_secs(75), at(1));
        assert_eq!(patience.limit(&target, at(1)), LONGEST);
        for (idle, limit) in [(50, 25), (80, 25), (10, 5)] {
            patience.closed(&target, MILLI * idle, at(2));
            assert_eq!(patience.limit(&target, at(2)), MILLI * limit);
        }
        // In the next term only what was seen in it and in the one before.
        assert_eq!(patience.limit(&target, at(62)), MILLI * 5);
        patience.closed(&target, MILLI * 40, at(63));
        assert_eq!(patience.limit(&target, at(100)), MILLI * 5);
        assert_eq!(patience.limit(&target, at(123)), MILLI * 20);
        assert_eq!(patience.limit(&target, at(300)), LONGEST);
        patience.closed(&target, Duration::ZERO, at(301));
        assert_eq!(patience.limit(&target, at(302)), Duration::ZERO);
        assert_eq!(patience.limit(&target, at(900)), LONGEST);
    }
}
