//! Lets one log line a second through, so that no stream of connections can flood the log.

use crate::base::time::Moment;
use std::time::Duration;

/// Open once a second; counts what it kept back.
#[derive(Debug, Default)]
pub struct Gate {
    shut_until: Moment,
    kept_back: u64,
}

impl Gate {
    /// `Some(lines kept back since the last that passed)` if a line may pass now.
    pub fn pass(&mut self, now: Moment) -> Option<u64> {
        if now < self.shut_until {
            self.kept_back += 1;
            return None;
        }
        self.shut_until = now.plus(Duration::from_secs(1));
        Some(std::mem::take(&mut self.kept_back))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_a_second() {
        let mut gate = Gate::default();
        assert_eq!(gate.pass(Moment::from_micros(10)), Some(0));
        assert_eq!(gate.pass(Moment::from_micros(20)), None);
        assert_eq!(gate.pass(Moment::from_micros(999_999)), None);
        assert_eq!(gate.pass(Moment::from_micros(1_000_011)), Some(2));
    }
}
