//! When an endpoint is set aside: after so many failures in a row, for a time that doubles with each probe that fails.

use std::time::Duration;

use super::Settings;
use crate::base::random::Rng;
use crate::base::time::Moment;

/// Why an endpoint is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A connection to it was not made. Once is enough: nobody is there, and to wait for more would cost each
    /// request a connection that fails. (Linkerd too takes an endpoint out of the draw while it cannot connect.)
    Refused,
    /// So many requests in a row failed.
    Failed,
}

impl Cause {
    /// One word, as labels have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Cause::Refused => "refused",
            Cause::Failed => "failed",
        }
    }
}

/// What a request came in under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Admission {
    era: u32,
    probe: bool,
}

/// The failures of one endpoint in a row, and what follows from them.
#[derive(Debug, Default)]
pub(super) struct Accrual {
    failures: u32,
    /// Counts each change between available and set aside. A request says nothing of a later era than its own: the
    /// many that fail at once set an endpoint aside once.
    era: u32,
    aside: Option<Penalty>,
}

#[derive(Debug, Clone, Copy)]
struct Penalty {
    cause: Cause,
    until: Moment,
    /// Without jitter.
    length: Duration,
    probing: bool,
}

impl Accrual {
    /// When the penalty ends or ended; none if the endpoint is available.
    pub(super) fn until(&self) -> Option<Moment> {
        self.aside.map(|penalty| penalty.until)
    }

    /// Until when, why, and how many failures in a row; none if the endpoint is available.
    pub(super) fn aside(&self) -> Option<(Moment, Cause, u32)> {
        self.aside.map(|penalty| (penalty.until, penalty.cause, self.failures))
    }

    /// How many requests failed in a row.
    pub(super) fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether the next request is to be its probe.
    pub(super) fn is_due(&self, now: Moment) -> bool {
        self.aside.is_some_and(|penalty| !penalty.probing && penalty.until <= now)
    }

    /// A request is sent.
    pub(super) fn begin(&mut self, now: Moment) -> Admission {
        let probe = self.is_due(now);
        if let Some(penalty) = &mut self.aside {
            penalty.probing |= probe;
        }
        Admission { era: self.era, probe }
    }

    /// A request was answered.
    pub(super) fn succeeded(&mut self, admission: Admission) {
        if admission.era != self.era {
            return;
        }
        self.failures = 0;
        if self.aside.take().is_some() {
            self.era = self.era.wrapping_add(1);
        }
    }

    /// A request failed.
    pub(super) fn failed(
        &mut self,
        admission: Admission,
        cause: Cause,
        settings: &Settings,
        now: Moment,
        rng: &mut Rng,
    ) {
        if admission.era != self.era {
            return;
        }
        self.failures = self.failures.saturating_add(1);
        match self.aside {
            None if cause == Cause::Refused || self.failures >= settings.failures => {
                self.era = self.era.wrapping_add(1);
                self.aside = Some(Penalty::new(cause, settings.min_penalty, settings, now, rng));
            }
            Some(penalty) if admission.probe => {
                let length = penalty.length.saturating_mul(2);
                self.aside = Some(Penalty::new(cause, length, settings, now, rng));
            }
            // Too few yet; or sent in spite of the penalty, for want of another endpoint.
            _ => {}
        }
    }

    /// A request's client went before the answer. A probe's place is free again, but after as long a penalty as
    /// before: else an endpoint that keeps silent would take one impatient client after the other.
    pub(super) fn abandoned(
        &mut self,
        admission: Admission,
        settings: &Settings,
        now: Moment,
        rng: &mut Rng,
    ) {
        if let Some(penalty) = self.aside
            && admission.probe
            && admission.era == self.era
        {
            self.aside = Some(Penalty::new(penalty.cause, penalty.length, settings, now, rng));
        }
    }
}

impl Penalty {
    fn new(cause: Cause, length: Duration, settings: &Settings, now: Moment, rng: &mut Rng) -> Penalty {
        let length = length.min(settings.max_penalty);
        let jitter = length.as_micros() as f64 * settings.jitter * rng.fraction();
        let jittered = length.saturating_add(Duration::from_micros(jitter as u64));
        Penalty { cause, until: now.plus(jittered.min(settings.max_penalty)), length, probing: false }
    }
}
