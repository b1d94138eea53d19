//! Any endpoints, any outcomes, in any order: what must hold is checked at each step against a model.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use wayside::balance::{Aside, Balancer, EndpointKey, Outcome, Settings, Ticket};
use wayside::base::random::Rng;
use wayside::base::time::Moment;

use crate::sim::address;

/// What is known of an endpoint from outside.
#[derive(Clone, Copy)]
struct Known {
    weight: u32,
    /// Counts the times that the address came anew.
    life: u32,
}

struct Open {
    ticket: Ticket,
    address: SocketAddr,
    life: u32,
    probe: bool,
}

struct Run {
    balancer: Balancer,
    rng: Rng,
    now: Moment,
    known: HashMap<SocketAddr, Known>,
    lives: u32,
    open: Vec<Open>,
    /// Probes and picks of those set aside for want of others, to see that there were some.
    probes: u64,
    for_want: u64,
}

impl Run {
    fn new(seed: u64) -> Run {
        let mut rng = Rng::new(seed);
        let settings = Settings {
            failures: 1 + rng.below(7) as u32,
            jitter: if rng.below(2) == 0 { 0.0 } else { 0.5 },
            ..Settings::default()
        };
        let mut run = Run {
            balancer: Balancer::new(settings),
            rng,
            now: Moment::default(),
            known: HashMap::new(),
            lives: 0,
            open: Vec::new(),
            probes: 0,
            for_want: 0,
        };
        run.update();
        run
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.rng.below(bound)
    }

    fn update(&mut self) {
        let mut now_known = HashMap::new();
        for _ in 0..self.below(6) {
            let address = address(self.rng.below(6) as usize);
            self.lives += 1;
            let life = self.known.get(&address).map_or(self.lives, |known| known.life);
            now_known.insert(address, Known { weight: self.rng.below(4) as u32, life });
        }
        let aside: Vec<Aside> = self.balancer.aside().collect();
        let endpoints: Vec<_> = now_known.iter().map(|(address, known)| (*address, known.weight)).collect();
        assert_eq!(self.balancer.update(endpoints, self.now), 0);
        self.known = now_known;
        let stay = aside.iter().filter(|aside| self.known.contains_key(&aside.address)).count();
        let still = self.balancer.aside().filter(|aside| self.aside_of(&[*aside], aside.address).is_some());
        assert_eq!(still.count(), stay, "those that stay keep their state, and none other has any");
    }

    fn aside_of(&self, aside: &[Aside], address: SocketAddr) -> Option<Moment> {
        aside.iter().find(|aside| aside.address == address).map(|aside| aside.until)
    }

    /// One request, that may be tried at several endpoints, all but the last of which refuse.
    fn request(&mut self) {
        let mut tried: Vec<(EndpointKey, SocketAddr)> = Vec::new();
        for _ in 0..=self.below(3) {
            let aside: Vec<Aside> = self.balancer.aside().collect();
            let keys: Vec<EndpointKey> = tried.iter().map(|(key, _)| *key).collect();
            let candidates: Vec<SocketAddr> = self
                .known
                .iter()
                .filter(|(address, known)| {
                    known.weight > 0 && !tried.iter().any(|tried| tried.1 == **address)
                })
                .map(|(address, _)| *address)
                .collect();
            let Some(ticket) = self.balancer.pick(self.now, &mut self.rng, &keys) else {
                assert_eq!(candidates, [], "there was one to pick");
                return;
            };
            let address = self.balancer.address(ticket.endpoint()).expect("not gone");
            assert!(candidates.contains(&address), "of weight 0, tried, or gone");
            let probe = self.checked_probe(&aside, address, &candidates);
            tried.push((ticket.endpoint(), address));
            let life = self.known[&address].life;
            self.open.push(Open { ticket, address, life, probe });
            if self.below(2) == 0 {
                self.end(self.open.len() - 1, Outcome::Refused);
            } else {
                return;
            }
        }
    }

    /// Whether the pick of an address is its probe; that it may be picked is checked.
    fn checked_probe(&mut self, aside: &[Aside], address: SocketAddr, candidates: &[SocketAddr]) -> bool {
        let is_probed = |address: SocketAddr| {
            let life = self.known[&address].life;
            self.open.iter().any(|open| open.probe && open.address == address && open.life == life)
        };
        let may_be_probed = |address: &SocketAddr| {
            self.aside_of(aside, *address).is_some_and(|until| until <= self.now && !is_probed(*address))
        };
        if may_be_probed(&address) {
            self.probes += 1;
            return true;
        }
        assert!(!candidates.iter().any(may_be_probed), "the first request after a penalty is the probe");
        if let Some(until) = self.aside_of(aside, address) {
            let of_all = candidates.iter().map(|candidate| self.aside_of(aside, *candidate));
            assert!(of_all.into_iter().all(|other| other.is_some_and(|other| until <= other)));
            self.for_want += 1;
        }
        false
    }

    fn end(&mut self, index: usize, outcome: Outcome) {
        let open = self.open.swap_remove(index);
        self.balancer.end(open.ticket, outcome, self.now, &mut self.rng);
        // Set aside and available again: no probe that is still under way is one of the next penalty.
        let aside: Vec<SocketAddr> = self.balancer.aside().map(|aside| aside.address).collect();
        for open in self.open.iter_mut().filter(|open| !aside.contains(&open.address)) {
            open.probe = false;
        }
    }

    fn step(&mut self) {
        let span = Duration::from_micros(self.rng.below(1_000));
        match self.below(12) {
            0 => self.now = self.now.plus(Duration::from_millis(self.rng.below(20_000))),
            1 if self.below(4) == 0 => self.update(),
            1..=6 => self.request(),
            _ if self.open.is_empty() => {}
            _ => {
                let index = self.rng.below(self.open.len() as u64) as usize;
                let outcomes = [
                    Outcome::Answered(span),
                    Outcome::Connected(span),
                    Outcome::Refused,
                    Outcome::Failed,
                    Outcome::Abandoned(span),
                ];
                let outcome = outcomes[self.rng.below(5) as usize];
                self.end(index, outcome);
            }
        }
        self.now = self.now.plus(span);
        let longest = self.now.plus(Duration::from_secs(60));
        assert!(self.balancer.aside().all(|aside| aside.until <= longest && aside.failures > 0));
    }
}

#[test]
fn ten_thousand_runs() {
    let (mut probes, mut for_want) = (0, 0);
    for seed in 0..10_000 {
        let mut run = Run::new(seed);
        for _ in 0..200 {
            run.step();
        }
        probes += run.probes;
        for_want += run.for_want;
    }
    assert!(probes > 10_000 && for_want > 10_000, "{probes} probes, {for_want} for want of another");
}
