//! Real clients and servers, and very many requests: what was counted is what the client counted.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::programs::text;
use crate::support::servers::{Certificate, Nginx, Service, forward, need};
use crate::support::*;

macro_rules! or_skip {
    ($what:expr) => {
        match $what {
            Ok(it) => it,
            Err(why) => skipped!("{why}"),
        }
    };
}

fn status(status: &str, count: u64) -> ((String, String), u64) {
    ((status.to_owned(), String::new()), count)
}

/// Nothing is open any more; so many requests had these outcomes, and no others.
#[track_caller]
fn expect(wayside: &Wayside, expected: Counts) {
    let metrics = settled(wayside);
    assert_eq!(counted(&metrics), expected);
    assert_eq!(metrics.sum("request_total", &[]) as u64, expected.values().sum::<u64>());
    assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0);
    assert_eq!(metrics.sum("http_blind_total", &[]), 0.0);
    let answered = expected.iter().filter(|((status, _), _)| !status.is_empty()).map(|(_, count)| count);
    assert_eq!(metrics.sum("response_latency_ms_count", &[]) as u64, answered.sum::<u64>());
}

/// Runs curl, and adds the status of each of its transfers.
fn curl(args: &[&str], urls: &[&str], counts: &mut Counts) {
    let mut command = Command::new("curl");
    command.args(["-sS", "-m", "30", "-o", "/dev/null", "-w", "%{http_code}\n"]).args(args);
    // `-o` is for one URL each.
    for url in urls.iter().skip(1) {
        command.args(["-o", "/dev/null", url]);
    }
    for line in text(command.arg(urls[0]), "").lines() {
        *counts.entry((line.to_owned(), String::new())).or_default() += 1;
    }
}

#[test]
fn curl_and_nginx() {
    or_skip!(need("curl"));
    let dir = TempDir::new();
    dir.file("file", vec![b'x'; 3_000_000]);
    dir.file("small", "small");
    let nginx = or_skip!(Nginx::start(&or_skip!(Certificate::new()), dir.path()));
    let wayside = Wayside::start(&["--forward", &forward(nginx.plain)]);
    let url = |path: &str| format!("http://{}/{path}", wayside.addr(0));
    let (file, small, none) = (url("file"), url("small"), url("none"));
    let mut counts = Counts::new();
    curl(&[], &[&file, &small, &none, &small], &mut counts);
    curl(&["-I"], &[&file, &small], &mut counts);
    curl(&["--http1.0"], &[&file], &mut counts);
    curl(&["-r", "10-20"], &[&file], &mut counts);
    curl(&["-H", "If-None-Match: *"], &[&small, &small], &mut counts);
    curl(&["-X", "PURGE"], &[&small], &mut counts);
    curl(&["-d", "a=b"], &[&small], &mut counts);
    curl(&["-H", "Expect: 100-continue", "-d", "a=b"], &[&small], &mut counts);
    curl(&["-H", "Transfer-Encoding: chunked", "-d", "a=b"], &[&small], &mut counts);
    curl(&["-H", "Host: Shop.Example:81"], &[&small, &small, &none], &mut counts);
    let seen: Vec<&str> = counts.keys().map(|(status, _)| &**status).collect();
    assert_eq!(seen, ["200", "206", "304", "404", "405"], "nginx does what the test is about");
    expect(&wayside, counts);
    let metrics = wayside.metrics();
    let (target, port) = (nginx.plain.to_string(), nginx.plain.port().to_string());
    let shop = [("authority", "shop.example:81"), ("target_addr", &*target), ("target_port", &*port)];
    assert_eq!(metrics.sum("request_total", &shop), 3.0);
    // The rest was asked of wayside's own address.
    let here = wayside.addr(0).to_string();
    let here = [("authority", &*here), ("target_addr", &*target), ("direction", "outbound")];
    assert_eq!(metrics.sum("request_total", &here) + 3.0, metrics.sum("request_total", &[]));
}

/// Sends `per` requests on each of `connections`, up to `depth` before the answers to them are read.
fn pipeline(addr: SocketAddr, connections: usize, per: usize, depth: usize) {
    std::thread::scope(|scope| {
        for _ in 0..connections {
            scope.spawn(|| {
                let mut stream = connect(addr).expect("a connection");
                for _ in 0..per / depth {
                    stream.write_all(&GET.repeat(depth)).expect("to ask");
                    let mut answers = vec![0; OK.len() * depth];
                    stream.read_exact(&mut answers).expect("answers");
                    assert_eq!(answers, OK.repeat(depth));
                }
            });
        }
    });
}

#[test]
fn a_hundred_thousand_requests() {
    let server = http_server();
    let wayside = Wayside::start(&["--forward", &forward(server.addr())]);
    pipeline(wayside.addr(0), 4, 5_000, 1);
    pipeline(wayside.addr(0), 4, 20_000, 32);
    pipeline(wayside.addr(0), 2, 20_000, 500);
    expect(&wayside, Counts::from([status("200", 20_000 + 80_000 + 40_000)]));
}

#[test]
fn wrk_and_nginx() {
    let wrk = or_skip!(need("wrk"));
    let dir = TempDir::new();
    dir.file("small", "small");
    let nginx = or_skip!(Nginx::start(&or_skip!(Certificate::new()), dir.path()));
    let wayside = Wayside::start(&["--forward", &forward(nginx.plain)]);
    let url = format!("http://{}/small", wayside.addr(0));
    let said = text(Command::new(wrk).args(["-t", "1", "-c", "8", "-d", "3", &url]), "");
    let line = said.lines().find(|line| line.contains(" requests in ")).expect("a count");
    let theirs: u64 = line.split_whitespace().next().and_then(|word| word.parse().ok()).expect("a number");
    let metrics = settled(&wayside);
    let counts = counted(&metrics);
    let good = counts[&status("200", 0).0];
    let all: u64 = counts.values().sum();
    // wrk stops in the middle of a request on each connection, and does not count that.
    assert!(theirs > 100 && (theirs..=theirs + 8).contains(&good), "{theirs} {counts:?}\n{said}");
    assert!(all <= theirs + 8, "{theirs} {counts:?}\n{said}");
    assert!(counts.keys().all(|(_, error)| error.is_empty() || error.starts_with("client_")), "{counts:?}");
    assert_eq!(metrics.sum("request_total", &[]) as u64, all);
    assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0);
}

/// http.server, which speaks HTTP/1.0 and ends each answer with the connection, and one that speaks HTTP/1.1 in chunks.
const PYTHON: &str = r#"
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = sys.argv[2]
    def do_GET(self):
        status = int(self.path[1:4])
        if self.protocol_version == "HTTP/1.1" and status not in (204, 304):
            if self.path.endswith("hints"):
                self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
            self.send_response(status)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(b"5;a=b\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
        else:
            self.send_response(status)
            self.end_headers()
            if status not in (204, 304):
                self.wfile.write(b"hello")
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()
    def log_message(self, *args): pass
http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
"#;

#[test]
fn curl_and_python() {
    or_skip!(need("curl"));
    let Some(python) = python() else { skipped!("there is no Python") };
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let server = Service::start(TempDir::new(), |port, _| {
            let mut command = Command::new(&python);
            command.args(["-ISc", PYTHON, &port.to_string(), version]);
            command
        });
        let wayside = Wayside::start(&["--forward", &server.forward()]);
        let url = |path: &str| format!("http://{}/{path}", wayside.addr(0));
        let [ok, hints, empty, same, broken] = ["200", "200hints", "204", "304", "503"].map(url);
        // The look whether the server is up is not among these.
        let mut counts = Counts::new();
        curl(&[], &[&ok, &hints, &empty, &same, &broken, &ok], &mut counts);
        curl(&["-H", "Expect: 100-continue", "-d", "a=b"], &[&ok, &broken], &mut counts);
        assert_eq!(counts.values().sum::<u64>(), 8);
        expect(&wayside, counts);
        let failures = settled(&wayside).sum("response_total", &[("classification", "failure")]);
        assert_eq!(failures, 2.0, "{version}");
    }
}

/// The upper bound, in ms, of the bucket in which this share of all latencies lies, as a place among the bounds.
fn bucket(metrics: &Metrics, share: f64) -> (usize, Vec<f64>) {
    let mut bounds: Vec<(f64, f64)> = Vec::new();
    for sample in metrics.matching("response_latency_ms_bucket", &[]) {
        let le = sample.labels.iter().find(|(key, _)| key == "le").expect("le").1.as_str();
        let le = if le == "+Inf" { f64::INFINITY } else { le.parse().expect("a bound") };
        bounds.push((le, sample.value));
    }
    let all = bounds.last().expect("buckets").1;
    let place = bounds.iter().position(|(_, count)| *count >= share * all).expect("a bucket");
    (place, bounds.into_iter().map(|(le, _)| le).collect())
}

#[test]
fn quantiles_agree_with_the_client() {
    // One in twenty takes long.
    let server = Server::start(|stream| {
        let mut reader = BufReader::new(stream.try_clone()?);
        let mut stream = stream;
        let mut number = 0;
        loop {
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                if reader.read_line(&mut line)? == 0 {
                    return Ok(());
                }
            }
            number += 1;
            let time = if number % 20 == 0 { 70 } else { 6 };
            std::thread::sleep(Duration::from_millis(time)); // pace: the latency that is measured
            stream.write_all(OK)?;
        }
    });
    let wayside = Wayside::start(&["--forward", &forward(server.addr())]);
    let times: Vec<Duration> = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut stream = wayside.connect(0);
                    let mut answer = vec![0; OK.len()];
                    let mut times = Vec::new();
                    for _ in 0..60 {
                        let began = Instant::now();
                        stream.write_all(GET).expect("to ask");
                        stream.read_exact(&mut answer).expect("an answer");
                        times.push(began.elapsed());
                    }
                    times
                })
            })
            .collect();
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
    });
    expect(&wayside, Counts::from([status("200", 240)]));
    let (metrics, times) = (wayside.metrics(), Times::of(times));
    for share in [0.5, 0.99] {
        let theirs = times.quantile(share).as_secs_f64() * 1000.0;
        let (ours, bounds) = bucket(&metrics, share);
        let place = bounds.iter().position(|bound| theirs <= *bound).expect("a bucket");
        assert!(ours.abs_diff(place) <= 1, "{share}: the client's {theirs} ms, {} ms here", bounds[ours]);
        assert!(bounds[ours] >= if share > 0.9 { 70.0 } else { 6.0 }, "{share}: {}", bounds[ours]);
    }
}
