//! Setting aside and probing.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_refused_connection_sets_aside_at_once() {
    let mut bench = Bench::new(&[1, 1, 1]);
    bench.request(1, Outcome::Refused);
    assert_eq!(bench.aside(), [(1, Cause::Refused, 1)]);
    for _ in 0..100 {
        let ticket = bench.pick();
        assert_ne!(bench.index(&ticket), 1);
        bench.end(ticket, Outcome::Answered(rtt(1)));
    }
}

#[test]
fn seven_failures_in_a_row_set_aside() {
    let mut bench = Bench::new(&[1, 1]);
    for _ in 0..6 {
        bench.request(0, Outcome::Failed);
    }
    // One good answer, and it takes seven again; what a client leaves says nothing.
    bench.request(0, Outcome::Answered(rtt(1)));
    for _ in 0..6 {
        bench.request(0, Outcome::Failed);
        bench.request(0, Outcome::Abandoned(rtt(1)));
    }
    assert_eq!(bench.aside(), []);
    bench.request(0, Outcome::Failed);
    assert_eq!(bench.aside(), [(0, Cause::Failed, 7)]);
}

#[test]
fn a_penalty_has_jitter_and_doubles_up_to_a_minute() {
    let mut longest = Duration::ZERO;
    let mut shortest = Duration::MAX;
    for seed in 0..1000 {
        let mut bench = Bench::new(&[1, 1]);
        bench.rng = Rng::new(seed);
        bench.request(0, Outcome::Refused);
        let first = bench.penalty();
        (shortest, longest) = (shortest.min(first), longest.max(first));
        for base in [2, 4, 8, 16, 32, 60, 60] {
            let penalty = bench.penalty();
            bench.pass(penalty);
            bench.request(0, Outcome::Failed);
            let range = SECOND * base..=(SECOND * base).mul_f64(1.5).min(SECOND * 60);
            assert!(range.contains(&bench.penalty()), "{:?} in {range:?}", bench.penalty());
        }
        let penalty = bench.penalty();
        bench.pass(penalty);
        bench.request(0, Outcome::Connected(rtt(1)));
        assert_eq!(bench.aside(), []);
        bench.request(0, Outcome::Refused);
        assert!(bench.penalty() <= SECOND * 3 / 2, "it starts again");
    }
    assert!(shortest >= SECOND && shortest < SECOND * 101 / 100, "{shortest:?}");
    assert!(longest <= SECOND * 3 / 2 && longest > SECOND * 149 / 100, "{longest:?}");
}

#[test]
fn the_first_request_after_the_penalty_is_the_only_probe() {
    let mut bench = Bench::new(&[1, 1, 1]);
    bench.request(0, Outcome::Refused);
    let penalty = bench.penalty();
    bench.pass(penalty - Duration::from_micros(1));
    let ticket = bench.pick();
    assert_ne!(bench.index(&ticket), 0);
    bench.pass(Duration::from_micros(1));
    let probe = bench.pick();
    assert_eq!(bench.index(&probe), 0);
    for _ in 0..100 {
        let ticket = bench.pick();
        assert_ne!(bench.index(&ticket), 0, "there is a probe under way");
        bench.end(ticket, Outcome::Answered(rtt(1)));
    }
    assert_eq!(bench.aside().len(), 1, "it is set aside until the probe is answered");
    bench.end(probe, Outcome::Answered(rtt(1)));
    assert_eq!(bench.aside(), []);
}

#[test]
fn a_request_that_tried_an_endpoint_does_not_probe_it() {
    let mut bench = Bench::new(&[1, 1]);
    bench.request(0, Outcome::Refused);
    let penalty = bench.penalty();
    bench.pass(penalty);
    let probe = bench.pick();
    let tried = [probe.endpoint()];
    bench.end(probe, Outcome::Abandoned(rtt(1)));
    bench.pass(Duration::from_secs(60));
    let other = bench.pick_but(&tried).expect("the other one");
    assert_eq!(bench.index(&other), 1);
}

#[test]
fn a_probe_that_its_client_leaves_is_made_again_after_as_long() {
    let mut bench = Bench::new(&[1, 1]);
    bench.request(0, Outcome::Refused);
    for _ in 0..5 {
        let penalty = bench.penalty();
        bench.pass(penalty);
        let probe = bench.pick();
        assert_eq!(bench.index(&probe), 0);
        bench.end(probe, Outcome::Abandoned(rtt(1)));
        assert!((SECOND..=SECOND * 3 / 2).contains(&bench.penalty()));
    }
}

#[test]
fn many_that_fail_at_once_count_once() {
    let mut bench = Bench::new(&[1, 1]);
    let first: Vec<Ticket> = (0..50).map(|_| bench.pick_at(0)).collect();
    let late = bench.pick_at(0);
    for ticket in first {
        bench.end(ticket, Outcome::Refused);
    }
    assert_eq!(bench.aside(), [(0, Cause::Refused, 1)]);
    assert!(bench.penalty() <= SECOND * 3 / 2);
    // What was sent before says nothing of now.
    bench.end(late, Outcome::Answered(rtt(1)));
    assert_eq!(bench.aside().len(), 1);
}

#[test]
fn when_all_are_set_aside_the_next_to_be_probed_is_tried() {
    let mut bench = Bench::new(&[1, 1, 0]);
    bench.request(0, Outcome::Refused);
    bench.pass(rtt(600));
    bench.request(1, Outcome::Refused);
    let before: Vec<Moment> = bench.balancer.aside().map(|aside| aside.until).collect();
    for _ in 0..20 {
        let first = bench.pick();
        assert_eq!(bench.index(&first), usize::from(before[1] < before[0]));
        let tried = [first.endpoint()];
        bench.end(first, Outcome::Refused);
        let second = bench.pick_but(&tried).expect("the other one");
        let tried = [tried[0], second.endpoint()];
        bench.end(second, Outcome::Failed);
        assert!(bench.pick_but(&tried).is_none(), "both were tried, and the third has no weight");
    }
    let after: Vec<Moment> = bench.balancer.aside().map(|aside| aside.until).collect();
    assert_eq!(after, before, "that they fail does not lengthen the penalty");
    assert_eq!(bench.aside(), [(0, Cause::Refused, 21), (1, Cause::Refused, 21)]);
    // And one answer is enough.
    bench.request(1, Outcome::Answered(rtt(1)));
    assert_eq!(bench.aside(), [(0, Cause::Refused, 21)]);
}

#[test]
fn one_that_is_set_aside_is_better_than_none() {
    let mut bench = Bench::new(&[1, 1]);
    bench.request(0, Outcome::Refused);
    let first = bench.pick();
    assert_eq!(bench.index(&first), 1);
    let retry = bench.pick_but(&[first.endpoint()]).expect("all others were tried");
    assert_eq!(bench.index(&retry), 0);
}

#[test]
fn which_answers_are_failures() {
    let failures: Vec<u16> = (100..600)
        .filter(|status| match Outcome::of_status(*status, rtt(3)) {
            Outcome::Failed => true,
            other => {
                assert_eq!(other, Outcome::Answered(rtt(3)));
                false
            }
        })
        .collect();
    assert_eq!(failures, [502, 503, 504]);
    assert_eq!([Cause::Refused, Cause::Failed].map(Cause::as_str), ["refused", "failed"]);
}

#[test]
fn settings_at_the_edge() {
    let strange = [f64::NAN, -1.0, f64::INFINITY];
    for jitter in strange {
        for min_penalty in [Duration::ZERO, Duration::MAX] {
            let settings = Settings { jitter, min_penalty, decay: Duration::ZERO, ..Settings::default() };
            let mut bench = Bench::new(&[1]);
            bench.balancer = Balancer::new(settings);
            bench.update([(0, 1)]);
            for _ in 0..4 {
                bench.request(0, Outcome::Refused);
                assert!(bench.penalty() <= settings.max_penalty);
                bench.pass(settings.max_penalty);
            }
        }
    }
}
