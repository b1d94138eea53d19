//! How long an endpoint takes to answer: a peak-sensitive, exponentially weighted moving average (peak EWMA).
//!
//! As Finagle and Linkerd have it, the estimate rises to a longer answer at once, falls towards shorter ones slowly,
//! and decays towards nothing while none come. Three things differ, each as the original sends a slow endpoint far
//! more than its part:
//! - The first answer takes the place of the assumed value. Else endpoints of 0.2 ms and 2 ms both look like 30 ms
//!   for half a minute.
//! - A peak falls back to the mean much faster than the mean decays. In the original one stall of 20 ms, of the host
//!   or of this process, makes an endpoint of 1 ms look worse than one of 10 ms for 7 s, and if all that were busy
//!   were hit, the slow one becomes the favourite.
//! - Each shorter answer counts for an eighth of the mean at least, however short the time since the last: by time
//!   alone, all good answers of a second make up a tenth. A longer one may raise the mean by an eighth of what it
//!   was, whatever it took: the peak makes up for it now, and twenty of them make the mean ten times as high.

use std::time::Duration;

use crate::base::time::Moment;

/// The least estimate, in microseconds: below it, differences are the loop's own turns, and at 0 what is owed would
/// not count. As the estimate of an endpoint that was idle for long, it is below all that answer over a network.
const FLOOR: f64 = 50.0;
/// The least part of the mean's way to a new answer.
const LEAST_PART: f64 = 1.0 / 8.0;
/// A peak decays so many times as fast as the mean: in the default 10 s / 30, one that is a hundred times the mean
/// is less than ten times it after 0.8 s.
const PEAK_SPEED: f64 = 30.0;

/// The estimate. All times are in microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ewma {
    decay: f64,
    mean: f64,
    /// How far the last peaks stand above the mean.
    excess: f64,
    /// Up to when both are decayed.
    at: Moment,
    /// When an answer was last counted; none before the first.
    observed: Option<Moment>,
}

impl Ewma {
    /// An estimate that begins with `assumed` and falls to 1/e in `decay`, which must not be zero.
    pub(super) fn new(assumed: Duration, decay: Duration, now: Moment) -> Ewma {
        Ewma { decay: micros(decay).max(1.0), mean: micros(assumed), excess: 0.0, at: now, observed: None }
    }

    /// Whether it rests on an answer, not on the assumption alone.
    pub(super) fn is_measured(&self) -> bool {
        self.observed.is_some()
    }

    /// The estimate.
    pub(super) fn estimate(&self) -> f64 {
        (self.mean + self.excess).max(FLOOR)
    }

    /// The same after the time until `now` without an answer.
    pub(super) fn decayed(&self, now: Moment) -> Ewma {
        let kept = self.kept_since(self.at, now);
        Ewma { mean: self.mean * kept, excess: self.excess * kept.powf(PEAK_SPEED), at: now, ..*self }
    }

    /// An answer took `rtt`.
    pub(super) fn observe(&mut self, rtt: Duration, now: Moment) {
        let rtt = micros(rtt);
        let (mean, peak) = match self.observed {
            None => (rtt, rtt),
            Some(last) => {
                let (way, part) = (rtt - self.mean, 1.0 - self.kept_since(last, now));
                let least = LEAST_PART * way.min(self.mean);
                let step = if way < 0.0 { (way * part).min(least) } else { (way * part).max(least) };
                let mean = self.mean + step;
                let excess = self.excess * self.kept_since(self.at, now).powf(PEAK_SPEED);
                // Where the mean goes up, the old peak stays where it was.
                (mean, rtt.max(excess + mean.min(self.mean)))
            }
        };
        *self = Ewma { mean, excess: peak - mean, at: now, observed: Some(now), ..*self };
    }

    /// An answer did not come in `waited`, and will not: its time counts if it is longer than the estimate.
    pub(super) fn at_least(&mut self, waited: Duration, now: Moment) {
        if micros(waited) > self.estimate() {
            self.observe(waited, now);
        }
    }

    /// The part of an old value that is left after the time from `since` to `now`.
    fn kept_since(&self, since: Moment, now: Moment) -> f64 {
        (-micros(now.since(since)) / self.decay).exp()
    }
}

fn micros(span: Duration) -> f64 {
    span.as_micros() as f64
}
