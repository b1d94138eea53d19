//! What it costs to choose a server for a request, and to remember how it went.

use std::hint::black_box;
use std::net::SocketAddr;
use std::time::Duration;

use wayside::balance::{Balancer, Outcome, Settings};
use wayside::base::random::Rng;
use wayside::base::time::Moment;

use crate::harness::{Case, case};

/// Draws are random: so many of them come to nearly the same with any seed.
const DRAWS: u32 = 64;

pub(crate) fn cases() -> Vec<Case> {
    let sizes = [1, 8, 64].into_iter();
    sizes.map(|size| case(format!("balance/{size}"), DRAWS, move || choosing(size))).collect()
}

fn choosing(size: u16) -> impl FnMut() {
    let mut balancer = Balancer::new(Settings::default());
    let addresses = (1..=size).map(|port| (SocketAddr::from(([10, 0, 0, 1], port)), 1));
    balancer.update(addresses, Moment::default());
    let (mut rng, mut micros) = (Rng::new(1), 0);
    move || {
        for _ in 0..DRAWS {
            micros += 50;
            let ticket = balancer.pick(Moment::from_micros(micros), &mut rng, &[]).expect("an endpoint");
            let outcome = Outcome::Answered(Duration::from_micros(300));
            balancer.end(black_box(ticket), outcome, Moment::from_micros(micros + 300), &mut rng);
        }
    }
}
