//! Each path, and the protocol around it.

use std::io::Read;

use flate2::read::GzDecoder;

use super::bench::{Bench, Response};
use crate::metrics::tests::check;

fn gunzip(response: &Response) -> String {
    assert_eq!(response.field("Content-Encoding"), Some("gzip"), "{}", response.head);
    let mut text = String::new();
    GzDecoder::new(response.body.as_slice()).read_to_string(&mut text).unwrap();
    text
}

#[test]
fn each_path_answers() {
    let mut bench = Bench::new();
    for (path, status, body) in [
        ("/ready", 200, "ready\n"),
        ("/live", 200, "live\n"),
        ("/ready?verbose", 200, "ready\n"),
        ("http://a/live", 200, "live\n"),
        ("/nothing", 404, "no such page; / lists what there is\n"),
    ] {
        let response = bench.get(path);
        assert_eq!((response.status, response.text()), (status, body), "{path}");
        assert_eq!(response.field("Connection"), None);
    }
    let index = bench.get("/");
    for path in ["/metrics", "/ready", "/live", "/connections", "/backends", "/server-first"] {
        assert!(index.text().contains(path));
    }
    bench.subject.ready = false;
    let draining = bench.get("/ready");
    assert_eq!((draining.status, draining.text()), (503, "not ready\n"));
    assert_eq!(bench.get("/live").status, 200);
}

#[test]
fn metrics_are_fresh_and_whole() {
    let mut bench = Bench::new();
    bench.fill(500);
    let response = bench.get("/metrics");
    assert_eq!(response.field("Content-Type"), Some("text/plain; version=0.0.4; charset=utf-8"));
    let samples = check(response.text());
    let series = |n: u32| {
        let addr = format!("target_addr=\"10.0.{}.{}:80\",target_port=\"80\"", n / 250, n % 250);
        format!(
            "tcp_read_bytes_total{{direction=\"outbound\",peer=\"src\",{addr},protocol=\"http/1\",tls=\"no_identity\"}}"
        )
    };
    for n in 0..500 {
        assert_eq!(samples[&series(n)], f64::from(n));
    }
    assert_eq!(bench.subject.refreshed, 1);
}

#[test]
fn backends_and_server_first_targets_are_a_line_each() {
    let mut bench = Bench::new();
    let wanted = "{\"backends\":[\n\
        {\"backend\":\"api\",\"address\":\"10.0.0.1:8080\",\"state\":\"ready\",\"weight\":1024,\"pending\":3,\
        \"failures\":7,\"rtt_us\":250},\n\
        {\"backend\":\"api\",\"address\":\"10.0.0.1:8081\",\"state\":\"aside\",\"weight\":1024,\"pending\":3,\
        \"failures\":7,\"cause\":\"failed\",\"until_ms\":1500}\n]}\n";
    let response = bench.get("/backends");
    assert_eq!((response.status, response.text().to_string()), (200, wanted.to_string()));
    let wanted = "{\"server_first\":[\n\"10.0.0.2:25\",\n\"10.0.0.2:26\"\n]}\n";
    assert_eq!(bench.get("/server-first").text(), wanted);
}

#[test]
fn connections_are_a_line_each() {
    let mut bench = Bench::new();
    bench.subject.target = "a\"b\\\n".into();
    let line = |id: u32| {
        format!(
            "{{\"id\":{id},\"direction\":\"outbound\",\"source\":\"10.0.0.1:40000\",\"target\":\"a\\\"b\\\\\\u000a\",\
             \"protocol\":\"http/1\",\"decided_by\":\"client\",\"state\":\"relay\",\"bytes_in\":12,\"bytes_out\":34,\
             \"age_ms\":5600}}"
        )
    };
    let wanted = format!("{{\"connections\":[\n{},\n{},\n{}\n]}}\n", line(0), line(1), line(2));
    let response = bench.get("/connections");
    assert_eq!(
        (response.text(), response.field("Content-Type")),
        (wanted.as_str(), Some("application/json"))
    );
    bench.subject.connections = 0;
    assert_eq!(bench.get("/connections").text(), "{\"connections\":[\n]}\n");
    bench.subject.connections = 5000;
    assert_eq!(bench.get("/connections").text().lines().count(), 5002);
}

#[test]
fn head_has_no_body() {
    let mut bench = Bench::new();
    for path in ["/", "/metrics", "/ready", "/live", "/connections", "/nothing"] {
        let mut peer = bench.connect();
        peer.send(
            format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\nGET /live HTTP/1.1\r\nHost: a\r\n\r\n")
                .as_bytes(),
        );
        let head = peer.response(&mut bench, true);
        assert_eq!(head.status, if path == "/nothing" { 404 } else { 200 });
        assert_eq!(peer.response(&mut bench, false).text(), "live\n", "{path}");
    }
}

#[test]
fn other_methods_are_told_which() {
    let mut bench = Bench::new();
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "BREW"] {
        let response = bench.ask(&format!("{method} /metrics HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!((response.status, response.field("Allow")), (405, Some("GET, HEAD")), "{method}");
    }
}

#[test]
fn a_body_ends_the_connection() {
    let mut bench = Bench::new();
    let mut peer = bench.connect();
    peer.send(b"POST /live HTTP/1.1\r\nHost: a\r\nContent-Length: 24\r\n\r\nGET /live HTTP/1.1\r\n\r\n  ");
    let text = String::from_utf8(peer.rest(&mut bench)).unwrap();
    assert!(text.starts_with("HTTP/1.1 405 ") && text.contains("Connection: close\r\n"), "{text}");
    assert_eq!(text.matches("HTTP/1.1").count(), 1, "{text}");
}

#[test]
fn garbage_is_refused() {
    let mut bench = Bench::new();
    for (garbage, status) in [
        ("\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}", 400),
        ("hello\r\n\r\n", 400),
        ("GET /live\r\n\r\n", 400),
        ("GET /live HTTP/2.0\r\n\r\n", 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        ("GET /live HTTP/1.1\r\n\r\n", 400),
        ("GET /live HTTP/1.1\r\nno colon\r\n\r\n", 400),
        ("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ] {
        let mut peer = bench.connect();
        peer.send(garbage.as_bytes());
        let text = String::from_utf8(peer.rest(&mut bench)).unwrap();
        assert!(text.starts_with(&format!("HTTP/1.1 {status} ")), "{garbage:?}: {text}");
        assert!(text.contains("Connection: close\r\n"), "{text}");
    }
    bench.settle();
    assert_eq!(bench.clients(), 0);
}

#[test]
fn long_heads_are_refused() {
    let mut bench = Bench::new();
    let mut peer = bench.connect();
    peer.send(format!("GET /{} HTTP/1.1\r\n", "a".repeat(20_000)).as_bytes());
    let text = String::from_utf8(peer.rest(&mut bench)).unwrap();
    assert!(text.starts_with("HTTP/1.1 431 "), "{text}");
    let fits = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "a".repeat(8192 - 27));
    assert_eq!(fits.len(), 8192);
    assert_eq!(bench.ask(&fits).status, 404);
}

#[test]
fn a_request_may_come_in_two_parts() {
    let mut bench = Bench::new();
    let request = b"GET /ready HTTP/1.1\r\nHost: a\r\nAccept: */*\r\n\r\n";
    let mut peer = bench.connect();
    for split in 0..request.len() {
        peer.send(&request[..split]);
        bench.turn();
        assert!(!peer.take(), "an answer to half a request at {split}");
        peer.send(&request[split..]);
        assert_eq!(peer.response(&mut bench, false).text(), "ready\n", "{split}");
    }
    assert_eq!(bench.clients(), 1);
}

#[test]
fn a_request_may_come_byte_by_byte() {
    let mut bench = Bench::new();
    let mut peer = bench.connect();
    for byte in b"\r\nGET /ready HTTP/1.1\r\nHost: a\r\n\r\n" {
        assert!(!peer.take());
        peer.send(&[*byte]);
        bench.turn();
    }
    assert_eq!(peer.response(&mut bench, false).text(), "ready\n");
}

#[test]
fn pipelined_requests_are_answered_in_order() {
    let mut bench = Bench::new();
    bench.fill(100);
    let mut peer = bench.connect();
    let mut all = String::new();
    for path in ["/live", "/metrics", "/nothing", "/connections", "/ready"].repeat(20) {
        all.push_str(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    }
    all.push_str(
        "GET /live HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /live HTTP/1.1\r\nHost: a\r\n\r\n",
    );
    peer.send(all.as_bytes());
    for _ in 0..20 {
        assert_eq!(peer.response(&mut bench, false).text(), "live\n");
        check(peer.response(&mut bench, false).text());
        assert_eq!(peer.response(&mut bench, false).status, 404);
        assert_eq!(peer.response(&mut bench, false).text().lines().count(), 5);
        assert_eq!(peer.response(&mut bench, false).text(), "ready\n");
    }
    assert_eq!(peer.response(&mut bench, false).text(), "live\n");
    assert_eq!(peer.rest(&mut bench), b"", "close means close");
}

#[test]
fn http_1_0_gets_its_end_with_the_body() {
    let mut bench = Bench::new();
    bench.fill(100);
    let mut peer = bench.connect();
    peer.send(b"GET /metrics HTTP/1.0\r\n\r\n");
    let response = peer.response(&mut bench, false);
    assert_eq!((response.status, response.field("Transfer-Encoding")), (200, None));
    check(response.text());
    assert_eq!(
        bench.ask("GET /ready HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").field("Connection"),
        Some("close")
    );
}

#[test]
fn gzip_comes_back_the_same() {
    let mut bench = Bench::new();
    bench.fill(500);
    bench.subject.connections = 5000;
    let mut plain = 0;
    for version in ["1.1", "1.0"] {
        let asked = |path: &str, value: &str| {
            format!("GET {path} HTTP/{version}\r\nHost: a\r\nAccept-Encoding: {value}\r\n\r\n")
        };
        let response = bench.ask(&asked("/metrics", "deflate, gzip;q=0.5"));
        let text = gunzip(&response);
        check(&text);
        plain += text.len();
        assert!(response.body.len() * 5 < text.len(), "{} of {}", response.body.len(), text.len());
        let connections = gunzip(&bench.ask(&asked("/connections", "*")));
        assert_eq!(connections, bench.get("/connections").text());
        let refused = bench.ask(&asked("/metrics", "gzip;q=0"));
        assert_eq!(refused.field("Content-Encoding"), None);
        check(refused.text());
    }
    assert!(plain > 200_000, "{plain}");
}

#[test]
fn a_client_that_ends_its_side_still_gets_its_answer() {
    let mut bench = Bench::new();
    bench.fill(500);
    let mut peer = bench.connect();
    peer.send(b"GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
    peer.stream.shutdown(std::net::Shutdown::Write).unwrap();
    check(peer.response(&mut bench, false).text());
    assert_eq!(peer.rest(&mut bench), b"");
    bench.settle();
    assert_eq!(bench.clients(), 0);
}
