//! Which of a backend set's endpoints takes the next request. Pure: the clock and the randomness are arguments.
//!
//! | question | module |
//! |---|---|
//! | which endpoints are there, and which is drawn? | this file |
//! | how busy is one, and what did it do with a request? | `endpoint` |
//! | how long does it take to answer? | `ewma` |
//! | when is it set aside, and until when? | `aside` |
//!
//! Two endpoints are drawn by weight and the one with the lower load takes the request (power of two choices):
//! nearly as even as asking all of them, without every proxy of a cluster running to the same one.
//! An endpoint that is set aside is not drawn. When its penalty is over the next request is its probe, one at a
//! time; so it is back as soon as it answers, however many others there are.
//!
//! When every endpoint that may still be tried is set aside, the one whose penalty ends first is tried all the same,
//! where Linkerd answers 503 or 504 at once. Penalties are there to send a request to a better place; where there
//! is none, refusing it makes sure of the error that trying might avoid, and a backend of one server would be out
//! for up to a minute after it is back. Such a request does not lengthen the penalty when it fails, so heavy
//! traffic cannot push it up.

mod aside;
mod endpoint;
mod ewma;

#[cfg(test)]
mod tests;

use std::net::SocketAddr;
use std::time::Duration;

use crate::base::random::Rng;
use crate::base::time::Moment;

pub use aside::Cause;

use endpoint::Endpoint;

/// The most endpoints of one balancer. Those after them are left out, and [`Balancer::update`] tells how many.
///
/// A draw looks at each endpoint, about a nanosecond apiece; this is far from where that would tell.
pub const MOST_ENDPOINTS: usize = 256;

/// What may be set. The defaults are Linkerd's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// How long an endpoint is thought to take while it has not answered yet, but owes an answer: 30 ms.
    pub default_rtt: Duration,
    /// The time in which an idle endpoint's estimate falls to 1/e, so that a slow one is looked at again: 10 s.
    pub decay: Duration,
    /// So many requests in a row that fail set an endpoint aside: 7. A refused connection always does.
    pub failures: u32,
    /// The first penalty: 1 s. Each probe that fails doubles it.
    pub min_penalty: Duration,
    /// The longest penalty, jitter included: 60 s.
    pub max_penalty: Duration,
    /// A penalty is longer by a random part of itself, up to this one: 0.5. Keeps proxies from probing in step.
    pub jitter: f64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            default_rtt: Duration::from_millis(30),
            decay: Duration::from_secs(10),
            failures: 7,
            min_penalty: Duration::from_secs(1),
            max_penalty: Duration::from_secs(60),
            jitter: 0.5,
        }
    }
}

/// Names an endpoint of one balancer. One that is gone never comes to name another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndpointKey {
    slot: u32,
    generation: u32,
}

/// A request that an endpoint was picked for; give it back to [`Balancer::end`].
///
/// A ticket that is dropped instead counts as an answer owed for ever.
#[derive(Debug)]
#[must_use = "a request that is never ended weighs on its endpoint for ever"]
pub struct Ticket {
    endpoint: EndpointKey,
    admission: aside::Admission,
}

impl Ticket {
    /// The endpoint; add it to `tried` before the next [`Balancer::pick`] for the same request.
    pub fn endpoint(&self) -> EndpointKey {
        self.endpoint
    }
}

/// How a request went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// HTTP: the answer began this long after the request was sent (or the connection asked for).
    Answered(Duration),
    /// Opaque: the connection was made in this time, and nothing more is owed.
    Connected(Duration),
    /// The connection was not made: refused, unreachable, timed out. Nothing was sent, so trying another is safe.
    Refused,
    /// The connection was lost before an answer, the answer took too long, or it says that the backend is broken:
    /// see [`Outcome::of_status`].
    Failed,
    /// The client went first, after this long. It says no more than that the answer would have taken longer.
    Abandoned(Duration),
}

impl Outcome {
    /// The outcome that an answer with this status is.
    ///
    /// 502, 503 and 504 are failures: the backend says that it cannot serve. Other 5xx are answers: a 500 may be one
    /// request's fault, and a client that repeats it must not take the backend from all others. Linkerd, where this
    /// is off unless asked for, counts all 5xx.
    pub fn of_status(status: u16, rtt: Duration) -> Outcome {
        if matches!(status, 502..=504) { Outcome::Failed } else { Outcome::Answered(rtt) }
    }
}

/// An endpoint that is set aside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aside {
    /// Where it is.
    pub address: SocketAddr,
    /// When its penalty is over; the first request after that is its probe.
    pub until: Moment,
    /// Why.
    pub cause: Cause,
    /// How many requests failed in a row, probes included.
    pub failures: u32,
}

/// What is known of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// Where it is.
    pub address: SocketAddr,
    /// Its weight.
    pub weight: u32,
    /// Answers that it owes.
    pub pending: u32,
    /// How many requests failed in a row.
    pub failures: u32,
    /// How long it takes to answer, or to connect; none before it did.
    pub rtt: Option<Duration>,
    /// Set while it is set aside.
    pub aside: Option<Aside>,
}

/// The endpoints of one backend set.
#[derive(Debug)]
pub struct Balancer {
    settings: Settings,
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    generation: u32,
    endpoint: Option<Endpoint>,
}

impl Balancer {
    /// A balancer without endpoints.
    pub fn new(settings: Settings) -> Balancer {
        Balancer { settings, slots: Vec::new() }
    }

    /// The endpoints are now these, each with its weight; those that stay keep their state, the others are gone.
    ///
    /// An endpoint of weight 0 is never picked. One that is named twice has the sum of both weights. Gives how many
    /// were left out beyond [`MOST_ENDPOINTS`].
    pub fn update(&mut self, endpoints: impl IntoIterator<Item = (SocketAddr, u32)>, now: Moment) -> usize {
        let (wanted, left_out) = distinct(endpoints);
        for slot in &mut self.slots {
            let is_gone =
                |endpoint: &mut Endpoint| !wanted.iter().any(|(address, _)| *address == endpoint.address);
            if slot.endpoint.take_if(is_gone).is_some() {
                slot.generation = slot.generation.wrapping_add(1);
            }
        }
        for (address, weight) in wanted {
            let mut present = self.slots.iter_mut().filter_map(|slot| slot.endpoint.as_mut());
            match present.find(|endpoint| endpoint.address == address) {
                Some(endpoint) => endpoint.weight = weight,
                None => self.add(Endpoint::new(address, weight, &self.settings, now)),
            }
        }
        left_out
    }

    fn add(&mut self, endpoint: Endpoint) {
        match self.slots.iter_mut().find(|slot| slot.endpoint.is_none()) {
            Some(slot) => slot.endpoint = Some(endpoint),
            None => self.slots.push(Slot { generation: 0, endpoint: Some(endpoint) }),
        }
    }

    /// Where an endpoint is; none if it is gone.
    pub fn address(&self, key: EndpointKey) -> Option<SocketAddr> {
        let slot = self.slots.get(key.slot as usize).filter(|slot| slot.generation == key.generation)?;
        slot.endpoint.as_ref().map(|endpoint| endpoint.address)
    }

    /// Picks the endpoint for a request that is sent now, but none of `tried`: those that it was sent to before.
    ///
    /// None if there is no other, as nothing is left to try.
    pub fn pick(&mut self, now: Moment, rng: &mut Rng, tried: &[EndpointKey]) -> Option<Ticket> {
        let place = self.choose(now, rng, tried)?;
        let slot = self.slots.get_mut(place)?;
        let admission = slot.endpoint.as_mut()?.begin(now);
        let endpoint = EndpointKey { slot: u32::try_from(place).ok()?, generation: slot.generation };
        Some(Ticket { endpoint, admission })
    }

    /// The place of the endpoint to take: one to probe, else the better of two, else one that is set aside.
    fn choose(&self, now: Moment, rng: &mut Rng, tried: &[EndpointKey]) -> Option<usize> {
        let mut total = 0;
        // Of those set aside: the one whose penalty ends first, and the same among those that may be probed.
        let (mut aside, mut due) = (None, None);
        for (place, endpoint) in self.candidates(tried) {
            match endpoint.accrual.until() {
                None => total += u64::from(endpoint.weight),
                Some(until) => {
                    let this = Some((until, place));
                    if aside.is_none() || this < aside {
                        aside = this;
                    }
                    if endpoint.accrual.is_due(now) && (due.is_none() || this < due) {
                        due = this;
                    }
                }
            }
        }
        match (due, total) {
            (Some((_, place)), _) => Some(place),
            (None, 0) => aside.map(|(_, place)| place),
            (None, _) => self.better_of_two(total, now, rng, tried),
        }
    }

    /// Draws two different endpoints of those that are not set aside, whose weights come to `total`.
    fn better_of_two(&self, total: u64, now: Moment, rng: &mut Rng, tried: &[EndpointKey]) -> Option<usize> {
        let (place, first) = self.drawn(rng.below(total), tried, None)?;
        let rest = total - u64::from(first.weight);
        if rest == 0 {
            return Some(place);
        }
        let (other, second) = self.drawn(rng.below(rest), tried, Some(place))?;
        Some(if second.load(now) < first.load(now) { other } else { place })
    }

    /// The endpoint at this point of the weights laid end to end, without those at `skipped`.
    fn drawn<'a>(
        &'a self,
        point: u64,
        tried: &'a [EndpointKey],
        skipped: Option<usize>,
    ) -> Option<(usize, &'a Endpoint)> {
        let mut passed = 0;
        self.candidates(tried).find(|(place, endpoint)| {
            if Some(*place) == skipped || endpoint.accrual.until().is_some() {
                return false;
            }
            passed += u64::from(endpoint.weight);
            point < passed
        })
    }

    /// The endpoints that a request may take, set aside or not, with their places.
    fn candidates<'a>(&'a self, tried: &'a [EndpointKey]) -> impl Iterator<Item = (usize, &'a Endpoint)> {
        self.slots.iter().enumerate().filter_map(|(place, slot)| {
            let endpoint = slot.endpoint.as_ref().filter(|endpoint| endpoint.weight > 0)?;
            let is_tried =
                |key: &EndpointKey| key.slot as usize == place && key.generation == slot.generation;
            (!tried.iter().any(is_tried)).then_some((place, endpoint))
        })
    }

    /// The request that the ticket was picked for went so. Nothing happens if its endpoint is gone.
    ///
    /// For HTTP that is when the answer begins: what it takes to relay a body says nothing of the endpoint.
    pub fn end(&mut self, ticket: Ticket, outcome: Outcome, now: Moment, rng: &mut Rng) {
        let Ticket { endpoint: key, admission } = ticket;
        let slot = self.slots.get_mut(key.slot as usize).filter(|slot| slot.generation == key.generation);
        if let Some(endpoint) = slot.and_then(|slot| slot.endpoint.as_mut()) {
            endpoint.end(admission, outcome, &self.settings, now, rng);
        }
    }

    /// The endpoints that are set aside now, those that are being probed among them.
    pub fn aside(&self) -> impl Iterator<Item = Aside> {
        self.slots.iter().filter_map(|slot| slot.endpoint.as_ref()?.aside())
    }

    /// How many endpoints there are.
    pub fn len(&self) -> usize {
        self.slots.iter().filter(|slot| slot.endpoint.is_some()).count()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The first endpoint at or after this place, which is below [`MOST_ENDPOINTS`], and its place.
    pub fn report(&self, from: usize, now: Moment) -> Option<(usize, Report)> {
        let places = self.slots.iter().enumerate().skip(from);
        let mut there = places.filter_map(|(place, slot)| Some((place, slot.endpoint.as_ref()?)));
        there.next().map(|(place, endpoint)| {
            let report = Report {
                address: endpoint.address,
                weight: endpoint.weight,
                pending: endpoint.pending(),
                failures: endpoint.accrual.failures(),
                rtt: endpoint.rtt(now),
                aside: endpoint.aside(),
            };
            (place, report)
        })
    }
}

/// Each address once, with the sum of its weights; and how many were left out beyond [`MOST_ENDPOINTS`].
fn distinct(endpoints: impl IntoIterator<Item = (SocketAddr, u32)>) -> (Vec<(SocketAddr, u32)>, usize) {
    let mut found: Vec<(SocketAddr, u32)> = Vec::new();
    let mut left_out = 0;
    for (address, weight) in endpoints {
        if let Some((_, sum)) = found.iter_mut().find(|(known, _)| *known == address) {
            *sum = sum.saturating_add(weight);
        } else if found.len() < MOST_ENDPOINTS {
            found.push((address, weight));
        } else {
            left_out += 1;
        }
    }
    (found, left_out)
}
