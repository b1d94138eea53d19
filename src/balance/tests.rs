//! Tests of the balancer: what is picked, what is set aside and for how long.

mod ewma;
mod penalty;
mod pick;

use super::*;

pub(super) fn address(index: usize) -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], index as u16))
}

pub(super) fn millis(millis: u64) -> Moment {
    Moment::from_micros(millis * 1000)
}

pub(super) fn rtt(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A balancer and its clock.
pub(super) struct Bench {
    pub(super) balancer: Balancer,
    pub(super) now: Moment,
    pub(super) rng: Rng,
}

impl Bench {
    /// Endpoints with these weights, at `address(0)` and so on.
    pub(super) fn new(weights: &[u32]) -> Bench {
        let mut bench =
            Bench { balancer: Balancer::new(Settings::default()), now: millis(0), rng: Rng::new(7) };
        assert_eq!(bench.update(weights.iter().copied().enumerate()), 0);
        bench
    }

    pub(super) fn update(&mut self, endpoints: impl IntoIterator<Item = (usize, u32)>) -> usize {
        let endpoints = endpoints.into_iter().map(|(index, weight)| (address(index), weight));
        self.balancer.update(endpoints, self.now)
    }

    pub(super) fn pass(&mut self, span: Duration) {
        self.now = self.now.plus(span);
    }

    pub(super) fn pick_but(&mut self, tried: &[EndpointKey]) -> Option<Ticket> {
        self.balancer.pick(self.now, &mut self.rng, tried)
    }

    pub(super) fn pick(&mut self) -> Ticket {
        self.pick_but(&[]).expect("an endpoint")
    }

    /// A ticket for the endpoint at that address.
    pub(super) fn pick_at(&mut self, index: usize) -> Ticket {
        let mut others: Vec<EndpointKey> = Vec::new();
        loop {
            let ticket = self.pick_but(&others).expect("the endpoint is picked in the end");
            if self.index(&ticket) == index {
                return ticket;
            }
            others.push(ticket.endpoint());
            self.end(ticket, Outcome::Abandoned(Duration::ZERO));
        }
    }

    pub(super) fn index(&self, ticket: &Ticket) -> usize {
        usize::from(self.balancer.address(ticket.endpoint()).expect("not gone").port())
    }

    pub(super) fn end(&mut self, ticket: Ticket, outcome: Outcome) {
        self.balancer.end(ticket, outcome, self.now, &mut self.rng);
    }

    /// A request to the endpoint at that address goes so.
    pub(super) fn request(&mut self, index: usize, outcome: Outcome) {
        let ticket = self.pick_at(index);
        self.end(ticket, outcome);
    }

    /// The penalty that is left of the only endpoint that is set aside.
    pub(super) fn penalty(&self) -> Duration {
        let aside: Vec<Aside> = self.balancer.aside().collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
        aside[0].until.since(self.now)
    }

    /// The causes and failures of those that are set aside, with where they are.
    pub(super) fn aside(&self) -> Vec<(usize, Cause, u32)> {
        let aside = self.balancer.aside();
        aside.map(|aside| (usize::from(aside.address.port()), aside.cause, aside.failures)).collect()
    }
}
