//! Which endpoint is picked, and what an update keeps.

use super::*;

/// How often each endpoint is picked by `count` requests of which `concurrent` are under way at a time, each
/// endpoint answering in 1 ms.
fn picks(weights: &[u32], count: usize, concurrent: usize) -> Vec<usize> {
    let mut bench = Bench::new(weights);
    let mut picked = vec![0; weights.len()];
    let mut open = std::collections::VecDeque::new();
    for _ in 0..count {
        if open.len() == concurrent {
            let ticket = open.pop_front().expect("at least one");
            bench.end(ticket, Outcome::Answered(rtt(1)));
        }
        let ticket = bench.pick();
        picked[bench.index(&ticket)] += 1;
        open.push_back(ticket);
        bench.pass(rtt(1) / concurrent as u32);
    }
    picked
}

#[test]
fn no_weight_no_request() {
    assert_eq!(picks(&[0, 1, 0], 1000, 8), [0, 1000, 0]);
    let mut bench = Bench::new(&[0, 0]);
    assert!(bench.pick_but(&[]).is_none());
    let mut bench = Bench::new(&[]);
    assert!(bench.pick_but(&[]).is_none());
}

#[test]
fn weights_are_capacities() {
    for weights in [&[3, 1][..], &[3, 1, 1], &[1, 1, 1], &[10, 1, 1], &[5, 3, 1, 1]] {
        let picked = picks(weights, 40_000, 200);
        let total: u32 = weights.iter().sum();
        for (picked, weight) in picked.iter().zip(weights) {
            let share = *picked as f64 / 40_000.0;
            let due = f64::from(*weight) / f64::from(total);
            assert!((due * 0.85..due * 1.15).contains(&share), "{weights:?} got {picked} ({share:.3})");
        }
    }
}

#[test]
fn an_update_keeps_the_state_of_those_that_stay() {
    let mut bench = Bench::new(&[1, 1, 1]);
    bench.request(0, Outcome::Refused);
    bench.request(1, Outcome::Answered(rtt(10)));
    bench.request(2, Outcome::Answered(rtt(1)));
    let owed = bench.pick_at(2);
    bench.update([(2, 1), (0, 2), (1, 1)]);
    assert_eq!(bench.aside(), [(0, Cause::Refused, 1)]);
    assert_eq!(bench.index(&owed), 2);
    // One answer is owed already: eight more are under way before the load is that of an idle one of 10 ms.
    let tickets: Vec<Ticket> = (0..9).map(|_| bench.pick()).collect();
    let picked: Vec<usize> = tickets.iter().map(|ticket| bench.index(ticket)).collect();
    assert_eq!(picked[..8], [2; 8]);
    bench.end(owed, Outcome::Failed);
    bench.update([(0, 0), (1, 0), (2, 1)]);
    assert!(bench.pick_but(&[tickets[0].endpoint()]).is_none(), "the new weights count");
}

#[test]
fn a_ticket_outlives_its_endpoint() {
    let mut bench = Bench::new(&[1]);
    let old = bench.pick();
    let key = old.endpoint();
    bench.update([(1, 1)]);
    assert_eq!(bench.balancer.address(key), None);
    // The new one has the old one's place, but not its name, its answers or its failures.
    let new = bench.pick_but(&[key]).expect("it is another");
    assert_ne!(new.endpoint(), key);
    bench.end(old, Outcome::Refused);
    assert_eq!(bench.aside(), []);
    bench.update([(0, 1)]);
    assert_eq!(bench.balancer.address(key), None, "the address is back, the endpoint is not");
    bench.end(new, Outcome::Refused);
    assert_eq!(bench.aside(), []);
}

#[test]
fn an_address_named_twice_is_one_endpoint() {
    let mut bench = Bench::new(&[]);
    assert_eq!(bench.update([(0, 1), (1, 0), (0, u32::MAX)]), 0);
    let first = bench.pick();
    assert_eq!(bench.index(&first), 0);
    assert!(bench.pick_but(&[first.endpoint()]).is_none());
}

#[test]
fn there_is_a_most_of_endpoints() {
    let mut bench = Bench::new(&[]);
    let many = MOST_ENDPOINTS + 10;
    assert_eq!(bench.update((0..many).map(|index| (index, u32::MAX))), 10);
    let mut tried = Vec::new();
    while let Some(ticket) = bench.pick_but(&tried) {
        assert!(bench.index(&ticket) < MOST_ENDPOINTS);
        tried.push(ticket.endpoint());
    }
    assert_eq!(tried.len(), MOST_ENDPOINTS);
    // All new ones find room.
    assert_eq!(bench.update((many..many + MOST_ENDPOINTS).map(|index| (index, 1))), 0);
    let ticket = bench.pick_but(&tried).expect("a new one");
    assert!(bench.index(&ticket) >= many);
}

#[test]
fn a_new_endpoint_gets_one_request_until_it_answers() {
    let mut bench = Bench::new(&[1, 1]);
    bench.request(0, Outcome::Answered(Duration::from_micros(200)));
    bench.request(1, Outcome::Answered(Duration::from_micros(200)));
    bench.update([(0, 1), (1, 1), (2, 1)]);
    let mut to_new = Vec::new();
    for _ in 0..100 {
        let ticket = bench.pick();
        if bench.index(&ticket) == 2 {
            to_new.push(ticket);
        } else {
            bench.end(ticket, Outcome::Answered(Duration::from_micros(200)));
        }
    }
    assert_eq!(to_new.len(), 1);
    for ticket in to_new {
        bench.end(ticket, Outcome::Answered(Duration::from_micros(100)));
    }
    let picked = (0..100).filter(|_| {
        let ticket = bench.pick();
        let index = bench.index(&ticket);
        bench.end(ticket, Outcome::Answered(Duration::from_micros(100)));
        index == 2
    });
    assert!(picked.count() > 50, "the fastest is picked whenever it is drawn: 2 of 3");
}

#[test]
fn an_endpoint_that_failed_before_it_ever_answered_is_no_favourite() {
    let mut bench = Bench::new(&[1, 1]);
    bench.request(0, Outcome::Answered(rtt(1)));
    bench.request(1, Outcome::Failed);
    for _ in 0..100 {
        let ticket = bench.pick();
        assert_eq!(bench.index(&ticket), 0);
        bench.end(ticket, Outcome::Answered(rtt(1)));
    }
}
