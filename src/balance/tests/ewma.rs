//! The estimate, with the figures of Linkerd's own tests (those of tower's peak EWMA), and where it differs.

use super::*;
use crate::balance::endpoint::Endpoint;
use crate::balance::ewma::Ewma;

const SECOND: Duration = Duration::from_secs(1);

/// An estimate that is decayed so far, in milliseconds.
fn after(ewma: &Ewma, now: Moment) -> f64 {
    ewma.decayed(now).estimate() / 1000.0
}

#[test]
fn an_assumption_decays() {
    let ewma = Ewma::new(rtt(10), SECOND, millis(0));
    assert_eq!(after(&ewma, millis(0)), 10.0);
    let later = after(&ewma, millis(100));
    assert!(9.0 < later && later < 10.0, "{later}");
    let later = after(&ewma.decayed(millis(100)), millis(200));
    assert!(8.0 < later && later < 9.0, "{later}");
}

#[test]
fn the_load_of_two_answers_that_overlap() {
    let settings = Settings { default_rtt: rtt(20), decay: SECOND, ..Settings::default() };
    let mut rng = Rng::new(0);
    let mut endpoint = Endpoint::new(address(0), 1, &settings, millis(0));
    let load = |endpoint: &Endpoint, now| endpoint.load(millis(now)) / 1000.0;
    // Differs: 20 there.
    assert_eq!(load(&endpoint, 0), 0.0);

    let first = endpoint.begin(millis(100));
    assert!(load(&endpoint, 100) > 20.0);
    let second = endpoint.begin(millis(200));
    assert!(load(&endpoint, 200) > 40.0);
    endpoint.end(first, Outcome::Answered(rtt(200)), &settings, millis(300), &mut rng);
    assert_eq!(load(&endpoint, 300), 400.0);
    endpoint.end(second, Outcome::Answered(rtt(200)), &settings, millis(400), &mut rng);
    assert_eq!(load(&endpoint, 400), 200.0);

    assert!(load(&endpoint, 1_400) < 100.0);
    assert!(load(&endpoint, 11_400) < 0.1);
}

#[test]
fn what_was_measured_takes_the_place_of_the_assumption() {
    let mut ewma = Ewma::new(rtt(30), SECOND, millis(0));
    assert!(!ewma.is_measured());
    ewma.observe(rtt(2), millis(2));
    assert!(ewma.is_measured());
    assert_eq!(ewma.estimate(), 2_000.0);
}

/// An estimate that rests on an answer of 1 ms, at 0.
fn of_one_milli() -> Ewma {
    let mut ewma = Ewma::new(rtt(30), 10 * SECOND, millis(0));
    ewma.observe(rtt(1), millis(0));
    ewma
}

#[test]
fn a_peak_counts_at_once_and_not_for_long() {
    let mut ewma = of_one_milli();
    ewma.observe(rtt(100), millis(1));
    assert_eq!(ewma.estimate(), 100_000.0);
    assert!(after(&ewma, millis(500)) > 20.0);
    // Less than an endpoint that takes 10 ms. By the mean's own decay that would be after 23 s.
    assert!(after(&ewma, millis(900)) < 10.0);
    // The mean went up by an eighth.
    let rest = after(&ewma, millis(5_001));
    assert!((0.68..0.69).contains(&rest), "1.125 ms by e^-0.5 is 0.6824; {rest}");
}

#[test]
fn slow_answers_in_a_row_are_the_new_mean() {
    let mut ewma = of_one_milli();
    for turn in 1..=30 {
        ewma.observe(rtt(10), millis(turn));
        assert!((ewma.estimate() - 10_000.0).abs() < 0.001, "{}", ewma.estimate());
    }
    let rest = after(&ewma, millis(5_030));
    assert!((5.0..6.1).contains(&rest), "9 ms or so by e^-0.5; {rest}");
}

#[test]
fn quick_answers_count_however_close() {
    let mut ewma = of_one_milli();
    for _ in 0..50 {
        ewma.observe(rtt(10), millis(1));
    }
    for _ in 0..40 {
        ewma.observe(rtt(1), millis(1_000));
    }
    assert!(ewma.estimate() < 1_500.0, "{}", ewma.estimate());
    // And one after a long time counts for nearly all.
    let mut ewma = of_one_milli();
    ewma.observe(rtt(10), millis(60_000));
    let rest = after(&ewma, millis(70_000));
    assert!((3.6..3.68).contains(&rest), "10 ms by e^-1 is 3.679; {rest}");
}

#[test]
fn an_estimate_has_a_floor() {
    let ewma = of_one_milli();
    assert_eq!(after(&ewma, millis(3_600_000)), 0.05);
    let mut ewma = ewma;
    ewma.observe(Duration::ZERO, millis(3_600_000));
    assert_eq!(ewma.estimate(), 50.0);
}

#[test]
fn a_wait_in_vain_counts_if_it_was_longer() {
    let mut ewma = of_one_milli();
    ewma.at_least(Duration::from_micros(999), millis(1));
    assert_eq!(ewma.estimate(), 1_000.0);
    ewma.at_least(rtt(5), millis(5));
    assert_eq!(ewma.estimate(), 5_000.0);
    let mut unknown = Ewma::new(rtt(30), SECOND, millis(0));
    unknown.at_least(rtt(29), millis(29));
    assert!(!unknown.is_measured());
}

#[test]
fn what_is_owed_does_not_look_better_with_time() {
    let settings = Settings::default();
    let mut rng = Rng::new(0);
    let mut endpoint = Endpoint::new(address(0), 1, &settings, millis(0));
    let first = endpoint.begin(millis(0));
    endpoint.end(first, Outcome::Answered(rtt(10)), &settings, millis(10), &mut rng);
    let _owed = endpoint.begin(millis(10));
    assert_eq!(endpoint.load(millis(10)), 20_000.0);
    assert_eq!(endpoint.load(millis(600_000)), 20_000.0);
}
