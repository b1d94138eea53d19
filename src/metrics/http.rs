//! What is counted of HTTP: requests, responses by what became of them, and how long their heads took.
//!
//! A flow asks once for the [`HttpId`] of each authority. From then on a request is two additions, and a response
//! a walk along the outcomes that its series has had (one to five, mostly), with nothing allocated for one that
//! was there before.

#[cfg(test)]
mod tests;
mod text;

pub(super) use self::text::FAMILIES;

use crate::base::map::Map;
use std::time::Duration;

use super::counters::Counter;
use super::histogram::{self, Histogram};
use super::labels::{Direction, Values};
use super::{Limits, Metrics, TargetId};

/// A target and an authority, interned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct HttpId(u32);

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The final response's status; 0: none was seen.
    pub status: u16,
    /// The request was a gRPC call.
    pub is_grpc: bool,
    /// `grpc-status`, where it is a number. Looked at for gRPC calls only.
    pub grpc_status: Option<u32>,
    /// Why the exchange did not come to its end: `client_reset`, `h2(CANCEL)`, …; `""`: it did.
    pub error: &'static str,
}

impl Outcome {
    /// The value of the `classification` label, as a yes or no.
    ///
    /// An exchange that was cut off is a failure, and so is one without a response. A gRPC call is judged by its
    /// gRPC status alone; one without it has failed, and so has one whose number gRPC does not know, because
    /// clients take that for UNKNOWN. All else is judged by its status.
    pub fn is_failure(&self) -> bool {
        if !self.error.is_empty() || self.status == 0 {
            return true;
        }
        if self.is_grpc {
            return match self.grpc_status {
                // UNKNOWN, DEADLINE_EXCEEDED, PERMISSION_DENIED, INTERNAL, UNAVAILABLE, DATA_LOSS.
                Some(2 | 4 | 7 | 13 | 14 | 15) | None => true,
                Some(code) => code > LAST_GRPC_STATUS,
            };
        }
        (500..=599).contains(&self.status)
    }
}

/// UNAUTHENTICATED.
const LAST_GRPC_STATUS: u32 = 16;

/// The most outcomes of one series, so that looking one up stays short. Real services show two to ten. Beyond it
/// an outcome is counted with the status `~other`, by its classification only.
const OUTCOMES: usize = 64;

/// The labels of a response, packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Key {
    /// 0: none; [`Key::OTHER_STATUS`].
    status: u16,
    /// 0 to 16, [`Key::NO_GRPC`] or [`Key::OTHER_GRPC`].
    grpc: u8,
    /// Into [`Http::errors`].
    error: u8,
    is_failure: bool,
}

impl Key {
    const OTHER_STATUS: u16 = u16::MAX;
    const NO_GRPC: u8 = u8::MAX;
    const OTHER_GRPC: u8 = u8::MAX - 1;

    /// Where there is no room for more.
    fn other(self) -> Key {
        Key { status: Key::OTHER_STATUS, grpc: Key::NO_GRPC, error: 0, is_failure: self.is_failure }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SeriesKey {
    target: TargetId,
    /// Into [`Http::authorities`].
    authority: u16,
}

#[derive(Debug)]
struct Series {
    key: SeriesKey,
    requests: u64,
    in_flight: u64,
    /// Into [`Http::responses`], oldest first: the outcome that comes most is most often the first that came.
    outcomes: Vec<u32>,
}

/// One outcome of one series: a line of `response_total`.
#[derive(Debug)]
struct Response {
    series: HttpId,
    key: Key,
    count: u64,
    /// Into [`Http::latencies`]; shared by the outcomes of one status.
    latency: Option<u32>,
}

/// The latencies of one status of one series. In a block of its own, so that the list stays small when it grows.
#[derive(Debug)]
struct Latency {
    series: HttpId,
    status: u16,
    histogram: Box<Histogram<30>>,
}

// What `Limits` says about memory.
const _: () = assert!(size_of::<Series>() <= 48 && size_of::<Response>() <= 32 && size_of::<Latency>() <= 16);
const _: () = assert!(size_of::<Histogram<30>>() <= 264);

#[derive(Debug)]
struct Blind {
    direction: Direction,
    reason: &'static str,
    count: u64,
}

/// How many of each there were when a scrape began.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    series: usize,
    responses: usize,
    latencies: usize,
    blind: usize,
}

/// Everything that is counted of HTTP.
#[derive(Debug)]
pub(super) struct Http {
    series: Vec<Series>,
    ids: Map<SeriesKey, HttpId>,
    authorities: Values,
    /// Flat, as are the latencies: a scrape goes through them one by one.
    responses: Vec<Response>,
    latencies: Vec<Latency>,
    /// Few: they are all written in the program. The first is `""`.
    errors: Vec<&'static str>,
    blind: Vec<Blind>,
}

impl Http {
    pub(super) fn new(limits: &Limits) -> Http {
        Http {
            series: Vec::new(),
            ids: Map::default(),
            authorities: Values::new(limits.authorities),
            responses: Vec::new(),
            latencies: Vec::new(),
            errors: vec![""],
            blind: Vec::new(),
        }
    }

    fn add(&mut self, key: SeriesKey) -> HttpId {
        let id = HttpId(self.series.len() as u32);
        self.series.push(Series { key, requests: 0, in_flight: 0, outcomes: Vec::new() });
        self.ids.insert(key, id);
        id
    }

    /// How much there is of each.
    pub(super) fn sizes(&self) -> Sizes {
        Sizes {
            series: self.series.len(),
            responses: self.responses.len(),
            latencies: self.latencies.len(),
            blind: self.blind.len(),
        }
    }

    /// The error's number. Beyond 255 of them, which this program has not, a number without a text: `~other`.
    fn error(&mut self, error: &'static str) -> u8 {
        if error.is_empty() {
            return 0;
        }
        let known = self.errors.iter().position(|it| *it == error);
        let number = known.unwrap_or_else(|| {
            if self.errors.len() < usize::from(u8::MAX) {
                self.errors.push(error);
                return self.errors.len() - 1;
            }
            usize::from(u8::MAX)
        });
        number as u8
    }

    fn key(&mut self, outcome: &Outcome) -> Key {
        let status = match outcome.status {
            status @ (0 | 100..=599) => status,
            _ => Key::OTHER_STATUS,
        };
        let grpc = match outcome.grpc_status.filter(|_| outcome.is_grpc) {
            Some(code) if code <= LAST_GRPC_STATUS => code as u8,
            Some(_) => Key::OTHER_GRPC,
            None => Key::NO_GRPC,
        };
        Key { status, grpc, error: self.error(outcome.error), is_failure: outcome.is_failure() }
    }

    fn find(&self, id: HttpId, key: Key) -> Option<usize> {
        let mut numbers = self.series[id.0 as usize].outcomes.iter().map(|number| *number as usize);
        numbers.find(|number| self.responses[*number].key == key)
    }

    fn add_response(&mut self, series: HttpId, key: Key) -> usize {
        let number = self.responses.len();
        let outcomes = &mut self.series[series.0 as usize].outcomes;
        outcomes.push(number as u32);
        let same_status = outcomes.iter().find_map(|other| {
            let other = self.responses.get(*other as usize)?;
            if other.key.status == key.status { other.latency } else { None }
        });
        self.responses.push(Response { series, key, count: 0, latency: same_status });
        number
    }

    /// The histogram of a response's status, made if it is not there.
    fn latency(&mut self, number: usize) -> &mut Histogram<30> {
        let Response { series, key: Key { status, .. }, latency, .. } = self.responses[number];
        let place = latency.unwrap_or_else(|| {
            let place = self.latencies.len() as u32;
            self.latencies.push(Latency { series, status, histogram: Box::default() });
            for other in &self.series[series.0 as usize].outcomes {
                let other = &mut self.responses[*other as usize];
                if other.key.status == status {
                    other.latency = Some(place);
                }
            }
            place
        });
        &mut self.latencies[place as usize].histogram
    }
}

impl Metrics {
    /// The series of `target` for an authority (lower case; may be `""`). Asked for once a flow and authority;
    /// allocates only for a new one.
    pub fn http(&mut self, target: TargetId, authority: &str) -> HttpId {
        let authority = self.http.authorities.id(authority);
        if authority.is_none() {
            self.count(Counter::LabelOverflowAuthority);
        }
        let key = SeriesKey { target, authority: authority.unwrap_or(Values::OTHER) };
        if let Some(id) = self.http.ids.get(&key) {
            return *id;
        }
        if self.http.series.len() >= self.limits.http { self.other_http(key) } else { self.http.add(key) }
    }

    /// Beyond the limit a target keeps its own series, whatever authorities clients choose; there are no more of
    /// these than targets. Only then, at most four more, as only the direction and an authority's presence remain.
    fn other_http(&mut self, key: SeriesKey) -> HttpId {
        self.count(Counter::LabelOverflowHttp);
        let own = SeriesKey { authority: Values::OTHER, ..key };
        if let Some(id) = self.http.ids.get(&own) {
            return *id;
        }
        if self.http.series.len() < self.limits.http + self.limits.targets {
            return self.http.add(own);
        }
        let direction = self.targets[key.target.0 as usize].direction;
        let authority = if key.authority == Values::EMPTY { key.authority } else { Values::OTHER };
        let key = SeriesKey { target: self.other_target(direction), authority };
        self.http.ids.get(&key).copied().unwrap_or_else(|| self.http.add(key))
    }

    /// Whether `id` is the series of `target` and `authority`, in whatever case: then a flow need not ask anew.
    pub fn is_http(&self, id: HttpId, target: TargetId, authority: &[u8]) -> bool {
        let known = self.http.series.get(id.0 as usize).map(|series| series.key);
        known.is_some_and(|known| {
            known.target == target
                && known.authority != Values::OTHER
                && self.http.authorities.text(known.authority).as_bytes().eq_ignore_ascii_case(authority)
        })
    }

    /// A request's head came: `request_total`, `http_requests_in_flight`.
    pub fn request(&mut self, id: HttpId) {
        let series = &mut self.http.series[id.0 as usize];
        series.requests += 1;
        series.in_flight += 1;
    }

    /// A request came to its end, whatever that was; once for each [`Metrics::request`]. `response_total`, and with
    /// the time from the request's head to the response's head `response_latency_ms`.
    pub fn response(&mut self, id: HttpId, outcome: Outcome, latency: Option<Duration>) {
        let series = &mut self.http.series[id.0 as usize];
        debug_assert!(series.in_flight > 0, "more requests of {id:?} ended than came");
        series.in_flight = series.in_flight.saturating_sub(1);
        let key = self.http.key(&outcome);
        let number = self.http.find(id, key).unwrap_or_else(|| self.new_outcome(id, key));
        self.http.responses[number].count += 1;
        if let Some(latency) = latency {
            self.http.latency(number).observe(&histogram::LATENCY, latency);
        }
    }

    fn new_outcome(&mut self, id: HttpId, key: Key) -> usize {
        let its = self.http.series[id.0 as usize].outcomes.len();
        if its < OUTCOMES && self.http.responses.len() < self.limits.outcomes {
            return self.http.add_response(id, key);
        }
        self.count(Counter::LabelOverflowOutcome);
        let key = key.other();
        self.http.find(id, key).unwrap_or_else(|| self.http.add_response(id, key))
    }

    /// A connection's HTTP could not be followed any more: `http_blind_total`.
    pub fn blind(&mut self, direction: Direction, reason: &'static str) {
        let known = self.http.blind.iter_mut().find(|it| (it.direction, it.reason) == (direction, reason));
        match known {
            Some(it) => it.count += 1,
            None => self.http.blind.push(Blind { direction, reason, count: 1 }),
        }
    }
}
