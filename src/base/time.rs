//! Time as the loop sees it: microseconds since the process began, read once a turn.

use std::time::{Duration, Instant};

/// A moment, in microseconds since its [`Clock`] was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub struct Moment(u64);

impl Moment {
    /// Later than every moment that comes.
    pub const NEVER: Moment = Moment(u64::MAX);

    /// The moment `micros` microseconds after the clock began.
    pub const fn from_micros(micros: u64) -> Moment {
        Moment(micros)
    }

    /// Microseconds since the clock began.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// This much later; zero means "no limit" and gives [`Moment::NEVER`].
    pub fn after(self, limit: Duration) -> Moment {
        if limit.is_zero() { Moment::NEVER } else { self.plus(limit) }
    }

    /// This much later.
    pub fn plus(self, span: Duration) -> Moment {
        Moment(self.0.saturating_add(u64::try_from(span.as_micros()).unwrap_or(u64::MAX)))
    }

    /// The time from `earlier` to here; zero if that is later.
    pub fn since(self, earlier: Moment) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// Turns the system's monotonic clock into [`Moment`]s.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    origin: Instant,
}

impl Clock {
    /// A clock that begins now.
    pub fn start() -> Clock {
        Clock { origin: Instant::now() }
    }

    /// The moment that `instant` is.
    pub fn moment(&self, instant: Instant) -> Moment {
        Moment::default().plus(instant.saturating_duration_since(self.origin))
    }
}
