//! The balancer under simulated load, against a fake clock.

#[path = "balance/any.rs"]
mod any;
#[path = "balance/sim.rs"]
mod sim;

use std::time::Duration;

use sim::*;
use wayside::balance::{Balancer, Outcome, Settings};
use wayside::base::random::Rng;
use wayside::base::time::Moment;

const SECOND: u64 = 1_000_000;

/// Two backends, and a third that is ten times as slow.
fn one_is_slow(service: u64, change: impl Fn(&mut Backend)) -> Vec<Backend> {
    let mut backends = [1, 1, 10].map(|factor| Backend::new(service * factor)).to_vec();
    backends.iter_mut().for_each(change);
    backends
}

/// Runs each service time and number of clients, and holds the slow backend's part of the requests against `most`.
fn slow_gets_less(most: f64, change: impl Fn(&mut Backend)) {
    for service in [200, 1_000, 30_000] {
        for clients in [1, 10, 64] {
            for seed in 0..5 {
                let mut sim = Sim::new(one_is_slow(service, &change), clients, seed);
                sim.run_requests(8_000);
                let share = sim.share(2);
                assert!(share < most, "{share:.4} with {clients} clients, {service} us, seed {seed}");
                // And neither of the others is left out.
                assert!(sim.share(0).min(sim.share(1)) > 0.1, "{} and {}", sim.share(0), sim.share(1));
            }
        }
    }
}

#[test]
fn a_slow_backend_gets_few_requests() {
    slow_gets_less(0.02, |_| {});
}

#[test]
fn a_slow_backend_gets_few_requests_when_times_vary() {
    slow_gets_less(0.03, |backend| backend.random = true);
}

/// Requests wait for each other at the backend, and the clients send all that the three can serve: the slow one is
/// never idle, and gets what it can do, one of 21.
#[test]
fn a_slow_backend_gets_no_more_than_it_can_do() {
    slow_gets_less(0.05, |backend| backend.queues = true);
}

/// Every two seconds no answer passes for 20 ms, or those of one quick backend do not.
#[test]
fn a_stall_makes_no_slow_backend_the_favourite() {
    for clients in [1, 10] {
        for seed in 0..5 {
            for of_all in [true, false] {
                let mut sim = Sim::new(one_is_slow(1_000, |_| {}), clients, seed);
                let stall = (2 * SECOND, 20_000);
                if of_all {
                    sim.stall = Some(stall);
                } else {
                    sim.hiccup = Some((0, stall.0, stall.1));
                }
                sim.run_until(20 * SECOND);
                let share = sim.share(2);
                assert!(share < 0.05, "{share:.4} with {clients} clients, of all: {of_all}, seed {seed}");
            }
        }
    }
}

#[test]
fn a_slow_backend_that_recovers_gets_its_part_again() {
    for seed in 0..10 {
        let mut sim = Sim::new(one_is_slow(1_000, |_| {}), 10, seed);
        sim.run_until(2 * SECOND);
        sim.backends[2].service = 1_000;
        sim.run_until(30 * SECOND);
        sim.backends.iter_mut().for_each(|backend| backend.taken = 0);
        sim.run_until(35 * SECOND);
        assert!(sim.share(2) > 0.2, "{}", sim.share(2));
    }
}

#[test]
fn a_backend_that_refuses_costs_one_connection_a_probe_and_is_back_at_its_next() {
    let up = 20 * SECOND;
    for seed in 0..50 {
        let mut backends = vec![Backend::new(1_000), Backend::new(1_000), Backend::new(1_000)];
        backends[1].down = vec![(5 * SECOND, up)];
        let mut sim = Sim::new(backends, 10, seed);
        sim.pause = 9_000;
        sim.run_until(up);
        let aside: Vec<_> = sim.balancer.aside().collect();
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert_eq!(aside[0].address, address(1));
        let refused = sim.backends[1].refused.clone();
        assert!(sim.backends[1].back.is_none());
        // 1, 2, 4, 8 s and the jitter: the second, third and fourth probe end the first 15 s.
        assert!((4..=5).contains(&refused.len()), "{refused:?}");
        assert!(refused[0] < 5 * SECOND + 100_000, "{refused:?}");
        for (turn, pair) in refused.windows(2).enumerate() {
            let (waited, base) = (pair[1] - pair[0], SECOND << turn);
            // The probe is the first request after the penalty, and one comes each millisecond or so.
            assert!((base..base * 3 / 2 + 20_000).contains(&waited), "{refused:?}");
        }
        let due = aside[0].until.micros();
        sim.run_until(due + 60 * SECOND);
        assert_eq!(sim.backends[1].refused.len(), refused.len());
        let back = sim.backends[1].back.expect("it is back");
        assert!((due..due + 20_000).contains(&back), "back {back}, due {due}");
        assert_eq!((sim.balancer.aside().count(), sim.unserved), (0, 0));
    }
}

#[test]
fn when_all_refuse_the_first_that_is_back_serves_at_once() {
    for seed in 0..50 {
        let mut backends = vec![Backend::new(1_000), Backend::new(1_000)];
        backends[0].down = vec![(SECOND, 100 * SECOND)];
        backends[1].down = vec![(SECOND, 30 * SECOND)];
        let mut sim = Sim::new(backends, 4, seed);
        sim.pause = 9_000;
        sim.run_until(30 * SECOND);
        let unserved = sim.unserved;
        assert!(unserved > 0);
        sim.run_until(40 * SECOND);
        assert_eq!(sim.unserved, unserved, "a request was refused though a backend is back");
        assert!(sim.backends[1].back.expect("it is back") < 30 * SECOND + 20_000);
    }
}

#[test]
fn a_backend_that_falls_silent_holds_no_more_than_its_part() {
    for seed in 0..5 {
        let mut backends = vec![Backend::new(1_000), Backend::new(1_000), Backend::new(1_000)];
        backends[2].silent_from = SECOND;
        let mut sim = Sim::new(backends, 24, seed);
        sim.run_until(2 * SECOND);
        let soon = sim.waiting_for(2);
        sim.run_until(60 * SECOND);
        let later = sim.waiting_for(2);
        assert!(later <= soon + 1 && later <= 12, "{soon} clients wait after 1 s, {later} after a minute");
    }
}

#[test]
fn a_pick_takes_nothing_from_the_heap() {
    let mut balancer = Balancer::new(Settings::default());
    balancer.update((0..10).map(|index| (address(index), 1)), Moment::default());
    let mut rng = Rng::new(1);
    let taken = allocation_counter::measure(|| {
        for turn in 0..1_000_u64 {
            let now = Moment::from_micros(turn * 10_000);
            let first = balancer.pick(now, &mut rng, &[]).expect("one");
            let tried = [first.endpoint()];
            balancer.end(first, Outcome::Refused, now, &mut rng);
            let second = balancer.pick(now, &mut rng, &tried).expect("another");
            balancer.end(second, Outcome::Answered(Duration::from_millis(1)), now, &mut rng);
        }
    });
    assert_eq!(taken.count_total, 0);
}
