//! Tests of what is counted of HTTP.

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::metrics::tests::{addr, check, text_of};
use crate::metrics::{OTHER, Scrape};

const OK: Outcome = Outcome { status: 200, is_grpc: false, grpc_status: None, error: "" };

fn status(status: u16) -> Outcome {
    Outcome { status, ..OK }
}

fn grpc(grpc_status: Option<u32>) -> Outcome {
    Outcome { is_grpc: true, grpc_status, ..OK }
}

fn serve(metrics: &mut Metrics, id: HttpId, outcome: Outcome, latency: Option<u64>) {
    metrics.request(id);
    metrics.response(id, outcome, latency.map(Duration::from_micros));
}

#[test]
fn a_request_shows_in_every_family() {
    let mut metrics = Metrics::new();
    let target = metrics.target(Direction::Inbound, &addr("10.0.0.1:80"));
    let id = metrics.http(target, "example.org");
    serve(&mut metrics, id, OK, Some(80));
    serve(&mut metrics, id, OK, Some(1500));
    serve(&mut metrics, id, status(503), Some(9000));
    serve(&mut metrics, id, Outcome { error: "client_reset", ..status(0) }, None);
    metrics.request(id);
    metrics.blind(Direction::Inbound, "bad_chunk");
    metrics.blind(Direction::Inbound, "bad_chunk");
    let samples = check(&text_of(&metrics));
    let base = r#"direction="inbound",authority="example.org",target_addr="10.0.0.1:80",target_port="80",tls="no_identity""#;
    let wanted = [
        (format!("request_total{{{base}}}"), 5.0),
        (format!("http_requests_in_flight{{{base}}}"), 1.0),
        (format!(r#"response_total{{{base},status_code="200",classification="success"}}"#), 2.0),
        (format!(r#"response_total{{{base},status_code="503",classification="failure"}}"#), 1.0),
        (format!(r#"response_total{{{base},classification="failure",error="client_reset"}}"#), 1.0),
        (format!(r#"response_latency_ms_bucket{{{base},status_code="200",le="0.05"}}"#), 0.0),
        (format!(r#"response_latency_ms_bucket{{{base},status_code="200",le="0.1"}}"#), 1.0),
        (format!(r#"response_latency_ms_bucket{{{base},status_code="200",le="2"}}"#), 2.0),
        (format!(r#"response_latency_ms_sum{{{base},status_code="200"}}"#), 1.58),
        (format!(r#"response_latency_ms_count{{{base},status_code="503"}}"#), 1.0),
        (r#"http_blind_total{direction="inbound",reason="bad_chunk"}"#.to_owned(), 2.0),
    ];
    for (series, value) in wanted {
        assert_eq!(samples.get(&series), Some(&value), "{series}\n{samples:#?}");
    }
    assert_eq!(samples.keys().filter(|name| name.starts_with("response_latency_ms_count")).count(), 2);
}

#[test]
fn without_an_authority_the_label_is_left_out() {
    let mut metrics = Metrics::new();
    let target = metrics.target(Direction::Outbound, &addr("10.0.0.1:80"));
    let id = metrics.http(target, "");
    assert_eq!(metrics.http(target, ""), id);
    let samples = check(&text_of(&metrics));
    let series =
        r#"request_total{direction="outbound",target_addr="10.0.0.1:80",target_port="80",tls="no_identity"}"#;
    assert_eq!(samples.get(series), Some(&0.0), "{samples:#?}");
}

#[test]
fn classification() {
    for (outcome, is_failure) in [
        (OK, false),
        (status(101), false),
        (status(404), false),
        (status(499), false),
        (status(500), true),
        (status(599), true),
        (status(600), false),
        (status(0), true),
        (Outcome { error: "server_closed", ..OK }, true),
        (Outcome { error: "h2(CANCEL)", ..grpc(Some(0)) }, true),
        (Outcome { grpc_status: Some(2), ..OK }, false),
        (Outcome { status: 503, ..grpc(Some(0)) }, false),
        (grpc(None), true),
        (grpc(Some(17)), true),
        (grpc(Some(u32::MAX)), true),
    ] {
        assert_eq!(outcome.is_failure(), is_failure, "{outcome:?}");
    }
    for code in 0..=16 {
        let expected = matches!(code, 2 | 4 | 7 | 13 | 14 | 15);
        assert_eq!(grpc(Some(code)).is_failure(), expected, "{code}");
    }
}

/// The labels after `tls` of each line of `response_total`.
fn responses(metrics: &Metrics) -> Vec<(String, f64)> {
    let samples = check(&text_of(metrics));
    let mut found: Vec<_> = samples
        .iter()
        .filter(|(name, _)| name.starts_with("response_total{"))
        .map(|(name, value)| (name.split_once("no_identity\",").unwrap().1.replace('}', ""), *value))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

#[test]
fn labels_of_outcomes_are_bounded() {
    for (outcome, labels) in [
        (grpc(Some(0)), r#"status_code="200",classification="success",grpc_status="0""#),
        (grpc(Some(16)), r#"status_code="200",classification="success",grpc_status="16""#),
        (grpc(Some(14)), r#"status_code="200",classification="failure",grpc_status="14""#),
        (grpc(Some(17)), r#"status_code="200",classification="failure",grpc_status="~other""#),
        (grpc(Some(254)), r#"status_code="200",classification="failure",grpc_status="~other""#),
        (grpc(None), r#"status_code="200",classification="failure""#),
        (Outcome { grpc_status: Some(5), ..OK }, r#"status_code="200",classification="success""#),
        (status(100), r#"status_code="100",classification="success""#),
        (status(99), r#"status_code="~other",classification="success""#),
        (status(600), r#"status_code="~other",classification="success""#),
        (status(u16::MAX), r#"status_code="~other",classification="success""#),
        (status(0), r#"classification="failure""#),
    ] {
        let mut metrics = Metrics::new();
        let target = metrics.target(Direction::Outbound, &addr("10.0.0.1:80"));
        let id = metrics.http(target, "a");
        serve(&mut metrics, id, outcome, None);
        assert_eq!(responses(&metrics), [(labels.to_owned(), 1.0)], "{outcome:?}");
    }
}

#[test]
fn outcomes_of_one_status_share_a_histogram() {
    let mut metrics = Metrics::new();
    let target = metrics.target(Direction::Inbound, &addr("10.0.0.1:80"));
    let (a, b) = (metrics.http(target, "a"), metrics.http(target, "b"));
    // The histogram comes with the second outcome of the status, and the third finds it.
    serve(&mut metrics, a, grpc(Some(0)), None);
    serve(&mut metrics, a, grpc(Some(1)), Some(1));
    serve(&mut metrics, a, grpc(Some(5)), Some(2));
    serve(&mut metrics, a, grpc(Some(0)), Some(3));
    serve(&mut metrics, b, grpc(Some(0)), Some(4));
    serve(&mut metrics, a, status(404), Some(5));
    assert_eq!(metrics.http.latencies.len(), 3);
    let counts: Vec<_> = metrics.http.latencies.iter().map(|it| it.histogram.count()).collect();
    assert_eq!(counts, [3, 1, 1]);
    check(&text_of(&metrics));
}

fn sum(metrics: &Metrics, prefix: &str) -> f64 {
    let samples = check(&text_of(metrics));
    samples.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value).sum()
}

#[test]
fn beyond_the_limit_an_authority_is_other() {
    let mut metrics = Metrics::with_limits(Limits { authorities: 3, ..Limits::default() });
    let target = metrics.target(Direction::Inbound, &addr("10.0.0.1:80"));
    let long = "x".repeat(256);
    let names = (0..10).map(|n| format!("host{n}")).chain(["a\nb".to_owned(), long]);
    let ids: HashSet<_> = names
        .map(|name| {
            let id = metrics.http(target, &name);
            serve(&mut metrics, id, OK, Some(1));
            id
        })
        .collect();
    assert_eq!(ids.len(), 4);
    let samples = check(&text_of(&metrics));
    let other = format!(
        "request_total{{direction=\"inbound\",authority=\"{OTHER}\",target_addr=\"10.0.0.1:80\",target_port=\"80\",tls=\"no_identity\"}}"
    );
    assert_eq!(samples.get(&other), Some(&9.0), "{samples:#?}");
    assert_eq!(samples["wayside_label_overflow_total{label=\"authority\"}"], 9.0);
    assert_eq!((sum(&metrics, "request_total{"), sum(&metrics, "response_total{")), (12.0, 12.0));
}

#[test]
fn beyond_the_limit_a_series_is_other() {
    let mut metrics = Metrics::with_limits(Limits { http: 5, ..Limits::default() });
    for n in 0..50 {
        for direction in Direction::ALL {
            let target = metrics.target(direction, &addr(&format!("10.0.0.{n}:80")));
            for authority in ["", "a", "b"] {
                let id = metrics.http(target, authority);
                serve(&mut metrics, id, OK, Some(1));
            }
        }
    }
    // Each of the 100 targets keeps a series; the first two have more, from before the limit.
    assert_eq!(metrics.http.series.len(), 5 + 99);
    assert_eq!(sum(&metrics, "wayside_label_overflow_total{label=\"http_series\"}"), 295.0);
    assert_eq!(sum(&metrics, "request_total{"), 300.0);
    assert_eq!(sum(&metrics, "response_latency_ms_count{"), 300.0);
    assert_eq!(sum(&metrics, "http_requests_in_flight{"), 0.0);
    let last =
        format!("request_total{{direction=\"outbound\",authority=\"{OTHER}\",target_addr=\"10.0.0.49:80\"");
    assert_eq!(sum(&metrics, &last), 3.0);
}

#[test]
fn beyond_the_limit_an_outcome_is_other() {
    let mut metrics = Metrics::with_limits(Limits { outcomes: 100, ..Limits::default() });
    let target = metrics.target(Direction::Inbound, &addr("10.0.0.1:80"));
    let (a, b) = (metrics.http(target, "a"), metrics.http(target, "b"));
    for id in [a, b] {
        for code in 100..=599 {
            serve(&mut metrics, id, status(code), Some(1));
            serve(&mut metrics, id, Outcome { error: "client_reset", ..status(code) }, None);
        }
    }
    // The limit of a series, then the limit of all; and for each series two that are always there.
    let outcomes = [a, b].map(|id| metrics.http.series[id.0 as usize].outcomes.len());
    assert_eq!(outcomes, [64 + 2, 100 - 64 - 2 + 2]);
    assert_eq!(metrics.http.responses.len(), 102);
    assert_eq!(metrics.http.latencies.len(), 32 + 1 + 17 + 1);
    assert_eq!(sum(&metrics, "response_total{"), 2000.0);
    assert_eq!(sum(&metrics, "response_latency_ms_count{"), 1000.0);
    let other = responses(&metrics).into_iter().filter(|(labels, _)| labels.contains(OTHER));
    assert_eq!(other.filter(|(labels, _)| labels.contains("failure")).count(), 2);
    assert_eq!(sum(&metrics, "wayside_label_overflow_total{label=\"http_outcome\"}"), 2000.0 - 98.0);
}

#[test]
fn too_many_errors_are_other() {
    let mut metrics = Metrics::new();
    let target = metrics.target(Direction::Inbound, &addr("10.0.0.1:80"));
    let id = metrics.http(target, "a");
    for n in 0..300 {
        let error: &'static str = format!("error{n}").leak();
        serve(&mut metrics, id, Outcome { error, ..OK }, None);
        let key = metrics.http.key(&Outcome { error, ..OK });
        assert_eq!(key.error, (n + 1).min(255) as u8);
    }
    assert_eq!(metrics.http.errors.len(), 255);
    check(&text_of(&metrics));
}

#[test]
fn slices_are_bounded_and_make_the_whole() {
    let mut metrics = Metrics::new();
    let target = metrics.target(Direction::Outbound, &addr("10.0.0.1:80"));
    for n in 0..20 {
        let id = metrics.http(target, &format!("{n}{}", "x".repeat(250)));
        for code in 200..250 {
            serve(&mut metrics, id, status(code), Some(100));
        }
    }
    let whole = text_of(&metrics);
    let (mut scrape, mut text, mut largest, mut made) = (Scrape::new(&metrics), Vec::new(), 0, 0);
    loop {
        let before = text.len();
        let more = scrape.next(&metrics, &mut text, 1000);
        largest = largest.max(text.len() - before);
        if !more {
            break;
        }
        // What is new meanwhile waits for the next scrape.
        let id = metrics.http(target, &format!("new{made}"));
        serve(&mut metrics, id, status(300 + made % 200), Some(1));
        metrics.blind(Direction::Inbound, format!("new{made}").leak());
        made += 1;
    }
    // One histogram with the longest authority: 33 lines of 420 bytes.
    assert!(made > 1000 && largest < 1000 + 16_000, "{made} {largest}");
    let lines = |text: &str| {
        let moving = |line: &str| line.starts_with("process_") || line.starts_with("wayside_label_overflow");
        text.lines().filter(|line| !moving(line)).map(String::from).collect::<Vec<_>>()
    };
    let (sliced, whole) = (lines(std::str::from_utf8(&text).unwrap()), lines(&whole));
    assert_eq!(sliced.iter().zip(&whole).find(|(a, b)| a != b), None);
    assert_eq!(sliced.len(), whole.len());
}
