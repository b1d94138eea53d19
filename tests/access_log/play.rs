//! A conversation through wayside, and what the log and the metrics say of it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::lines::{lines, wait_for};
use crate::support::*;

/// One thing that happens on a connection. Bytes have arrived before the next step.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    C(Vec<u8>),
    S(Vec<u8>),
    ClientFin,
    ClientReset,
    ServerFin,
    ServerReset,
}

/// The client sends.
pub(crate) fn c(bytes: impl AsRef<[u8]>) -> Step {
    Step::C(bytes.as_ref().to_vec())
}

/// The server sends.
pub(crate) fn s(bytes: impl AsRef<[u8]>) -> Step {
    Step::S(bytes.as_ref().to_vec())
}

/// A line of the log: its status (0 for none), its error, and the bytes of request and response.
pub(crate) type Line = (u16, &'static str, usize, usize);

/// Sends, and sees arrive.
#[track_caller]
fn carry(from: &TcpStream, to: &TcpStream, bytes: &[u8], what: &str) {
    std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let mut from = from;
            from.write_all(bytes).expect("to write");
        });
        let (mut to, mut came) = (to, vec![0; bytes.len()]);
        to.read_exact(&mut came).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert!(came == bytes, "{what}: other bytes");
        sender.join().expect("the sender");
    });
}

/// Plays the steps over one connection, which is closed in the end.
#[track_caller]
fn play(tunnel: &Tunnel, name: &str, steps: &[Step]) {
    let (client, server) = tunnel.pair();
    for step in steps {
        match step {
            Step::C(bytes) => carry(&client, &server, bytes, name),
            Step::S(bytes) => carry(&server, &client, bytes, name),
            Step::ClientFin => {
                finish(&client);
                expect_eof(&server, LIMIT);
            }
            Step::ServerFin => {
                finish(&server);
                expect_eof(&client, LIMIT);
            }
            Step::ClientReset => {
                reset(client);
                return expect_reset(&server, LIMIT);
            }
            Step::ServerReset => {
                reset(server);
                return expect_reset(&client, LIMIT);
            }
        }
    }
}

/// How often each status (`""` for none) and error stands in `response_total`.
fn outcomes(metrics: &Metrics) -> BTreeMap<(String, String), usize> {
    let mut all = BTreeMap::new();
    for sample in metrics.matching("response_total", &[]) {
        let label = |name| sample.labels.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone());
        let key = (label("status_code").unwrap_or_default(), label("error").unwrap_or_default());
        *all.entry(key).or_default() += sample.value as usize;
    }
    all
}

/// Exactly these lines are logged, in this order, and each is counted once in `request_total` and once in `response_total`, with
/// `counted` for its error where that is not the line's.
#[track_caller]
pub(crate) fn expect(name: &str, steps: &[Step], expected: &[Line], counted: Option<&str>) {
    let tunnel = Tunnel::new(&["--access-log", "json"]);
    play(&tunnel, name, steps);
    let gone = || tunnel.wayside.metrics().sum("tcp_open_connections", &[]) == 0.0;
    eventually(&format!("{name}: the connection has gone"), LIMIT, gone);
    let metrics = tunnel.wayside.metrics();
    let log = wait_for(&tunnel.wayside, expected.len());
    let found: Vec<_> = log
        .lines()
        .map(|line| {
            let number = |key| field(line, key).map_or(0, |text| text.parse().expect("a number"));
            let error = field(line, "error").expect("an error");
            (number("status") as u16, error, number("request_bytes"), number("response_bytes"))
        })
        .collect();
    let wanted: Vec<_> = expected.iter().map(|line| (line.0, line.1.to_owned(), line.2, line.3)).collect();
    assert_eq!(found, wanted, "{name}");
    let mut outcome = BTreeMap::new();
    for (status, error, ..) in expected {
        let status = if *status == 0 { String::new() } else { status.to_string() };
        *outcome.entry((status, counted.unwrap_or(error).to_owned())).or_default() += 1;
    }
    assert_eq!(outcomes(&metrics), outcome, "{name}");
    assert_eq!(metrics.sum("request_total", &[]) as usize, expected.len(), "{name}");
    assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0, "{name}");
    assert_eq!(metrics.sum("wayside_access_log_lines_total", &[]) as usize, expected.len(), "{name}");
    assert_eq!(lines(&tunnel.wayside.stdout()), log, "{name}: no further line");
}
