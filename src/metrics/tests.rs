//! Tests of the counting and of its text.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::*;

pub(crate) fn addr(text: &str) -> TargetLabel {
    TargetLabel::Addr(text.parse().unwrap())
}

pub(crate) fn text_of(metrics: &Metrics) -> String {
    let mut out = Vec::new();
    assert!(!Scrape::new(metrics).next(metrics, &mut out, usize::MAX));
    String::from_utf8(out).unwrap()
}

/// Fails where `text` breaks a rule of the format; gives each sample's value by its name and labels.
pub(crate) fn check(text: &str) -> HashMap<String, f64> {
    let (mut families, mut samples) = (HashSet::new(), HashMap::new());
    let (mut name, mut kind) = ("", "");
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(help) = line.strip_prefix("# HELP ") {
            name = help.split(' ').next().unwrap();
            assert!(families.insert(name), "family {name} comes twice");
            let declared = lines.next().unwrap().strip_prefix("# TYPE ").unwrap();
            kind = declared.strip_prefix(name).unwrap().trim();
            continue;
        }
        let (series, value) = line.rsplit_once(' ').unwrap();
        let suffix = series.split('{').next().unwrap().strip_prefix(name);
        match kind {
            "histogram" => assert!(matches!(suffix, Some("_bucket" | "_sum" | "_count")), "{line}"),
            "counter" => assert!(suffix == Some("") && name.ends_with("_total"), "{line}"),
            "gauge" => assert_eq!(suffix, Some(""), "{line}"),
            _ => panic!("{kind}"),
        }
        assert!(series.ends_with('}') || !series.contains('{'), "{line}");
        assert!(!series.contains("=\"\"") && !series.contains(",}") && !series.contains(",,"), "{line}");
        assert!(samples.insert(series.to_string(), value.parse().unwrap()).is_none(), "twice: {line}");
    }
    assert!(text.ends_with('\n'));
    samples
}

/// A life like a flow's: opened, undecided, decided, closed.
fn carry(metrics: &mut Metrics, label: &TargetLabel, protocol: &'static str, tls: Option<(&str, &str)>) {
    let target = metrics.target(Direction::Outbound, label);
    let undecided = metrics.series(target, "", None);
    let decided = metrics.series(target, protocol, tls);
    metrics.connected(target, Duration::from_micros(80));
    metrics.detected(Direction::Outbound, protocol, "client");
    for peer in Peer::ALL {
        metrics.opened(target, peer);
        metrics.live(undecided, peer, 1);
        metrics.live(undecided, peer, -1);
        metrics.live(decided, peer, 1);
        metrics.bytes(decided, peer, 10, 20);
        metrics.live(decided, peer, -1);
        metrics.closed(decided, peer, "", Duration::from_millis(7));
    }
}

#[test]
fn a_flow_shows_in_every_family() {
    let mut metrics = Metrics::new();
    carry(&mut metrics, &addr("10.0.0.1:443"), "tls", Some(("example.org", "h2,http/1.1")));
    carry(&mut metrics, &TargetLabel::Name("db".into(), 3306), "mysql", None);
    let target = metrics.target(Direction::Outbound, &addr("10.0.0.1:443"));
    let series = metrics.series(target, "tls", Some(("example.org", "h2,http/1.1")));
    metrics.closed(series, Peer::Dst, "ECONNRESET", Duration::from_secs(1));
    metrics.connect_failed(target, "refused");
    let samples = check(&text_of(&metrics));
    let wanted = [
        (
            r#"tcp_open_total{direction="outbound",peer="dst",target_addr="10.0.0.1:443",target_port="443"}"#,
            1.0,
        ),
        (
            r#"tcp_open_connections{direction="outbound",peer="src",target_addr="10.0.0.1:443",target_port="443"}"#,
            0.0,
        ),
        (
            r#"tcp_read_bytes_total{direction="outbound",peer="src",target_addr="10.0.0.1:443",target_port="443",protocol="tls",tls="opaque",sni="example.org",alpn="h2,http/1.1"}"#,
            10.0,
        ),
        (
            r#"tcp_write_bytes_total{direction="outbound",peer="dst",target_addr="db:3306",target_port="3306",protocol="mysql",tls="no_identity"}"#,
            20.0,
        ),
        (
            r#"tcp_close_total{direction="outbound",peer="dst",target_addr="10.0.0.1:443",target_port="443",protocol="tls",tls="opaque",sni="example.org",alpn="h2,http/1.1",errno="ECONNRESET"}"#,
            1.0,
        ),
        (
            r#"tcp_connection_duration_ms_bucket{direction="outbound",peer="src",target_addr="db:3306",target_port="3306",protocol="mysql",tls="no_identity",le="10"}"#,
            1.0,
        ),
        (
            r#"tcp_connect_latency_ms_sum{direction="outbound",target_addr="db:3306",target_port="3306"}"#,
            0.08,
        ),
        (
            r#"wayside_connect_failures_total{direction="outbound",target_addr="10.0.0.1:443",target_port="443",cause="refused"}"#,
            1.0,
        ),
        (r#"tcp_detect_total{direction="outbound",protocol="mysql",decided_by="client"}"#, 1.0),
    ];
    for (series, value) in wanted {
        assert_eq!(samples.get(series), Some(&value), "{series}\n{samples:#?}");
    }
    let undecided = |name: &str| samples.keys().any(|it| it.starts_with(name) && !it.contains("protocol="));
    assert!(undecided("tcp_open_connections{") && !undecided("tcp_read_bytes_total{"));
}

#[test]
fn process_and_counters_are_there_from_the_start() {
    let mut metrics = Metrics::new();
    let before = check(&text_of(&metrics));
    for name in ["process_open_fds", "process_threads", "process_start_time_seconds"] {
        assert!(before[name] > 0.0, "{name}");
    }
    assert!(before.keys().any(|it| it.starts_with("wayside_build_info{version=")));
    let loops =
        |direction: &str| format!("wayside_refused_total{{direction=\"{direction}\",reason=\"loop\"}}");
    assert_eq!((before[&loops("inbound")], before["wayside_log_dropped_total"]), (0.0, 0.0));
    metrics.count(Counter::RefusedLoop(Direction::Outbound));
    metrics.count(Counter::LogDropped);
    metrics.count(Counter::AcceptPausedFds);
    let after = check(&text_of(&metrics));
    assert_eq!((after[&loops("inbound")], after[&loops("outbound")]), (0.0, 1.0));
    assert_eq!(after["wayside_log_dropped_total"], 1.0);
    assert_eq!(after["wayside_accept_paused_total{reason=\"descriptors\"}"], 1.0);
    assert_eq!(after["wayside_accept_paused_total{reason=\"max_connections\"}"], 0.0);
}

#[test]
fn one_address_has_one_spelling() {
    let mut metrics = Metrics::new();
    let plain = metrics.target(Direction::Inbound, &addr("10.0.0.1:80"));
    assert_eq!(metrics.target(Direction::Inbound, &addr("[::ffff:10.0.0.1]:80")), plain);
    assert_ne!(metrics.target(Direction::Outbound, &addr("10.0.0.1:80")), plain);
    assert_eq!(addr("[::ffff:10.0.0.1]:80").to_string(), "10.0.0.1:80");
    assert_eq!(addr("[fd00::1]:80").to_string(), "[fd00::1]:80");
}

#[test]
fn values_are_escaped() {
    let mut metrics = Metrics::new();
    carry(&mut metrics, &TargetLabel::Name("a\"b\\c".into(), 1), "tls", Some(("x\"y\\z", "\u{e9}")));
    let text = text_of(&metrics);
    assert!(
        text.contains(r#"target_addr="a\"b\\c:1""#) && text.contains(r#"sni="x\"y\\z",alpn="é""#),
        "{text}"
    );
}

#[test]
fn values_that_cannot_be_labels_are_other() {
    let mut metrics = Metrics::new();
    let target = metrics.target(Direction::Outbound, &addr("10.0.0.1:443"));
    let long = "n".repeat(256);
    let first = metrics.series(target, "tls", Some(("a\nb", "")));
    assert_eq!(metrics.series(target, "tls", Some((&long, ""))), first);
    assert_eq!(metrics.series(target, "tls", Some((OTHER, ""))), first);
    assert_ne!(metrics.series(target, "tls", Some((&long[1..], ""))), first);
    let samples = check(&text_of(&metrics));
    assert_eq!(samples["wayside_label_overflow_total{label=\"sni\"}"], 2.0);
    assert_eq!(samples["wayside_label_overflow_total{label=\"alpn\"}"], 0.0);
}

#[test]
fn beyond_the_limits_it_is_other() {
    let mut metrics =
        Metrics::with_limits(Limits { targets: 2, sni: 2, alpn: 1, series: 8, ..Limits::default() });
    for n in 0..50 {
        let tls = (format!("host{n}"), format!("proto{n}"));
        carry(&mut metrics, &addr(&format!("10.0.0.{n}:443")), "tls", Some((&tls.0, &tls.1)));
    }
    for n in 0..50 {
        carry(&mut metrics, &addr("10.0.0.0:443"), "tls", Some((&format!("host{n}"), "proto0")));
    }
    let text = text_of(&metrics);
    let samples = check(&text);
    // Two and ~other for each direction that needed it; 8 and what ~other needs beyond.
    assert_eq!(metrics.targets.len(), 3);
    assert!(metrics.series.len() <= 8 + 4, "{}", metrics.series.len());
    for label in ["target_addr", "sni", "alpn"] {
        assert!(samples[&format!("wayside_label_overflow_total{{label=\"{label}\"}}")] >= 48.0, "{label}");
    }
    // Nothing is lost: 100 connections, whatever their labels.
    let sum = |prefix: &str| -> f64 {
        samples.iter().filter(|(name, _)| name.starts_with(prefix)).map(|(_, value)| value).sum()
    };
    assert_eq!(sum("tcp_open_total{direction=\"outbound\",peer=\"src\""), 100.0);
    assert_eq!(sum("tcp_read_bytes_total{direction=\"outbound\",peer=\"dst\""), 1000.0);
    assert!(!text.contains("host2\""), "{text}");
}

#[test]
fn the_series_limit_holds() {
    let mut metrics = Metrics::with_limits(Limits { series: 3, ..Limits::default() });
    let target = metrics.target(Direction::Inbound, &addr("10.0.0.1:443"));
    let ids: HashSet<_> =
        (0..100).map(|n| metrics.series(target, "tls", Some((&format!("h{n}"), "h2")))).collect();
    assert_eq!((ids.len(), metrics.series.len()), (4, 4));
    let samples = check(&text_of(&metrics));
    assert_eq!(samples["wayside_label_overflow_total{label=\"series\"}"], 97.0);
    let other = r#"tcp_read_bytes_total{direction="inbound",peer="src",target_addr="~other",protocol="tls",tls="opaque",sni="~other",alpn="~other"}"#;
    assert!(samples.contains_key(other), "{samples:#?}");
}

fn many(metrics: &mut Metrics, from: u32, to: u32) {
    for n in from..to {
        carry(metrics, &addr(&format!("10.0.{}.{}:80", n / 250, n % 250)), "http/1", None);
    }
}

#[test]
fn slices_make_the_whole() {
    let mut metrics = Metrics::new();
    many(&mut metrics, 0, 300);
    let (mut scrape, mut text, mut slices) = (Scrape::new(&metrics), Vec::new(), 0);
    loop {
        let before = text.len();
        let more = scrape.next(&metrics, &mut text, 1000);
        assert!(text.len() - before < 1000 + 5000, "a slice of {}", text.len() - before);
        slices += 1;
        if !more {
            break;
        }
    }
    assert!(slices > 300);
    let lines = |text: &str| -> Vec<String> {
        text.lines().filter(|it| !it.starts_with("process_")).map(String::from).collect()
    };
    assert_eq!(lines(std::str::from_utf8(&text).unwrap()), lines(&text_of(&metrics)));
}

#[test]
fn series_made_during_a_scrape_wait_for_the_next() {
    let mut metrics = Metrics::new();
    many(&mut metrics, 0, 20);
    let (mut scrape, mut text, mut made) = (Scrape::new(&metrics), Vec::new(), 20);
    while scrape.next(&metrics, &mut text, 500) {
        many(&mut metrics, made, made + 1);
        metrics.detected(Direction::Inbound, "unknown", "timeout");
        made += 1;
    }
    let during = check(std::str::from_utf8(&text).unwrap());
    let after = check(&text_of(&metrics));
    let open = |samples: &HashMap<String, f64>| {
        samples.keys().filter(|it| it.starts_with("tcp_open_total{")).count() as u32
    };
    assert_eq!((open(&during), open(&after)), (40, made * 2));
    assert!(made > 30, "{made}");
}

/// Writes a scrape with every family and awkward values to the path in WAYSIDE_SCRAPE, to be shown to a real parser.
#[test]
fn a_scrape_for_other_parsers() {
    let mut metrics = Metrics::new();
    carry(&mut metrics, &addr("[fd00::1]:443"), "tls", Some(("x\"y\\z", "h2,\u{e9}")));
    carry(&mut metrics, &TargetLabel::Name("db".into(), 3306), "mysql", None);
    many(&mut metrics, 0, 50);
    let target = metrics.target(Direction::Inbound, &addr("10.0.0.1:1"));
    metrics.connect_failed(target, "timeout");
    let text = text_of(&metrics);
    check(&text);
    if let Some(path) = std::env::var_os("WAYSIDE_SCRAPE") {
        std::fs::write(path, text).unwrap();
    }
}
