//! Sums of scrapes, by example.

use super::*;
use crate::metrics::{Direction, Metrics, Peer, Scrape, TargetLabel};
use std::time::Duration;

const A: &str = "\
# HELP c_total Counted.
# TYPE c_total counter
c_total{a=\"1\"} 3
c_total{a=\"2\"} 18446744073709551615
# HELP g Now.
# TYPE g gauge
g 5
# HELP h_ms Lasted.
# TYPE h_ms histogram
h_ms_bucket{le=\"1\"} 1
h_ms_bucket{le=\"+Inf\"} 2
h_ms_sum 3.000001
h_ms_count 2
# HELP process_start_time_seconds Began.
# TYPE process_start_time_seconds gauge
process_start_time_seconds 100.5
# HELP x_build_info What.
# TYPE x_build_info gauge
x_build_info{version=\"1\"} 1
";

fn totals(text: &str) -> Totals {
    Totals::parse(text).unwrap()
}

/// The value of a series.
fn value(totals: &Totals, series: &str) -> Option<String> {
    let text = totals.to_text();
    text.lines().find_map(|line| Some(line.strip_prefix(series)?.strip_prefix(' ')?.to_owned()))
}

#[test]
fn a_scrape_alone_stays_as_it_is() {
    assert_eq!(totals(A).to_text(), A);
    assert_eq!(totals("").to_text(), "");
}

#[test]
fn the_living_add_up() {
    let mut sum = totals(A);
    let b = A.replace("c_total{a=\"1\"} 3", "c_total{a=\"3\"} 4").replace("100.5", "200");
    sum.add(&totals(&b), Whose::Living);
    for (series, wanted) in [
        ("c_total{a=\"1\"}", "3"),
        // Beyond 64 bits, and exact.
        ("c_total{a=\"2\"}", "36893488147419103230"),
        ("c_total{a=\"3\"}", "4"),
        ("g", "10"),
        ("h_ms_bucket{le=\"+Inf\"}", "4"),
        ("h_ms_sum", "6.000002"),
        ("process_start_time_seconds", "100.5"),
        ("x_build_info{version=\"1\"}", "1"),
    ] {
        assert_eq!(value(&sum, series).as_deref(), Some(wanted), "{series}");
    }
    assert_eq!(sum.to_text().matches("# TYPE c_total").count(), 1);
}

#[test]
fn the_dead_leave_their_totals_only() {
    let mut base = Totals::default();
    base.add(&totals(A), Whose::Dead { most: 100 });
    base.add(&totals(A), Whose::Dead { most: 100 });
    assert_eq!(value(&base, "c_total{a=\"1\"}").as_deref(), Some("6"));
    assert_eq!(value(&base, "h_ms_count").as_deref(), Some("4"));
    for gone in ["g", "process_start_time_seconds", "x_build_info{version=\"1\"}"] {
        assert_eq!(value(&base, gone), None, "{gone}");
    }
}

#[test]
fn the_dead_are_bounded_and_their_sums_are_not_lost() {
    let scrape = |n: u32| {
        totals(&format!(
            "# HELP t_total T.\n# TYPE t_total counter\n\
             t_total{{direction=\"inbound\",target_addr=\"10.0.0.{n}:80\",sni=\"a\\\"{n}\"}} 2\n"
        ))
    };
    let mut base = Totals::default();
    (0..10).for_each(|n| base.add(&scrape(n), Whose::Dead { most: 3 }));
    assert_eq!(base.len(), 4);
    let other = "t_total{direction=\"inbound\",target_addr=\"~other\",sni=\"~other\"}";
    assert_eq!(value(&base, other).as_deref(), Some("14"));
    // One that is known already still counts as itself.
    base.add(&scrape(0), Whose::Dead { most: 3 });
    let known = "t_total{direction=\"inbound\",target_addr=\"10.0.0.0:80\",sni=\"a\\\"0\"}";
    assert_eq!(value(&base, known).as_deref(), Some("4"));
}

#[test]
fn what_is_no_scrape_is_refused() {
    for text in ["a 1", "# TYPE a counter\na", "# TYPE a counter\na x", "# TYPE a counter\na 1.x", "# TYPE a"]
    {
        assert!(Totals::parse(text).is_err(), "{text}");
    }
}

#[test]
fn numbers_come_back() {
    for text in ["0", "1", "-1", "0.5", "-0.25", "1501.25", "0.000001", "18446744073709551615"] {
        let mut out = String::new();
        write(&mut out, read(text).unwrap());
        assert_eq!(out, text);
    }
    assert_eq!(read("1.0000009"), Some(ONE));
    for text in ["", "-", ".5", "1e3", "NaN", "+Inf", "1 2"] {
        assert_eq!(read(text), None, "{text}");
    }
}

/// What our own metrics say can be read, and doubles.
#[test]
fn our_own_scrapes_add_up() {
    let mut metrics = Metrics::new();
    let label = TargetLabel::Addr("10.0.0.1:80".parse().unwrap());
    let target = metrics.target(Direction::Outbound, &label);
    let series = metrics.series(target, "http/1", None);
    metrics.opened(target, Peer::Src);
    metrics.connected(target, Duration::from_nanos(1_234_567));
    metrics.bytes(series, Peer::Src, 1 << 40, 7);
    metrics.closed(series, Peer::Src, "", Duration::from_millis(3));
    let mut text = Vec::new();
    Scrape::new(&metrics).next(&metrics, &mut text, usize::MAX);
    let one = totals(std::str::from_utf8(&text).unwrap());
    let mut both = one.clone();
    both.add(&one, Whose::Living);
    let labels = "direction=\"outbound\",target_addr=\"10.0.0.1:80\",target_port=\"80\"";
    assert_eq!(value(&both, &format!("tcp_connect_latency_ms_sum{{{labels}}}")).as_deref(), Some("2.469134"));
    assert_eq!(value(&both, &format!("tcp_connect_latency_ms_count{{{labels}}}")).as_deref(), Some("2"));
    assert_eq!(both.len(), one.len());
}
