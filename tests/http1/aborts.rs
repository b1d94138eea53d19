//! Exchanges that do not come to their end, and servers that are not there.

use std::io::{Read, Write};

use crate::support::servers::forward;
use crate::support::*;

/// Who ends, and how.
#[derive(Debug, Clone, Copy)]
enum End {
    ClientFin,
    ClientReset,
    ServerFin,
    ServerReset,
}

/// One exchange, cut off after these bytes have arrived: what stands in `response_total` then.
#[track_caller]
fn cut(request: &[u8], answer: &[u8], end: End, status: &str, error: &str) {
    let tunnel = Tunnel::new(&[]);
    let (mut client, mut server) = tunnel.pair();
    let mut buffer = vec![0; request.len()];
    client.write_all(request).expect("to ask");
    server.read_exact(&mut buffer).expect("the request");
    buffer.resize(answer.len(), 0);
    server.write_all(answer).expect("to answer");
    client.read_exact(&mut buffer).expect("the answer");
    match end {
        End::ClientFin => {
            finish(&client);
            expect_eof(&server, LIMIT);
            drop(server);
        }
        End::ServerFin => {
            finish(&server);
            expect_eof(&client, LIMIT);
            drop(client);
        }
        End::ClientReset => {
            reset(client);
            expect_reset(&server, LIMIT);
        }
        End::ServerReset => {
            reset(server);
            expect_reset(&client, LIMIT);
        }
    }
    let metrics = settled(&tunnel.wayside);
    let expected = Counts::from([((status.to_owned(), error.to_owned()), 1)]);
    assert_eq!(counted(&metrics), expected, "{} {} {end:?}", request.escape_ascii(), answer.escape_ascii());
    assert_eq!(metrics.sum("response_total", &[("classification", "failure")]), 1.0);
    assert_eq!(metrics.sum("request_total", &[]), 1.0);
    assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0);
}

const HALF_REQUEST: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n12345";
const HALF_CHUNKS: &[u8] = b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n";
const HALF_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345";
const CHUNKED_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const HALF_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Le";

#[test]
fn clients_that_leave() {
    for request in [HALF_REQUEST, HALF_CHUNKS, GET] {
        for (end, error) in [(End::ClientFin, "client_closed"), (End::ClientReset, "client_reset")] {
            cut(request, b"", end, "", error);
            cut(request, HALF_HEAD, end, "", error);
            cut(request, CONTINUE, end, "", error);
            cut(request, HALF_ANSWER, end, "200", error);
            cut(request, CHUNKED_ANSWER, end, "200", error);
        }
    }
}

#[test]
fn servers_that_leave() {
    for request in [HALF_REQUEST, HALF_CHUNKS, GET] {
        for (end, error) in [(End::ServerFin, "server_closed"), (End::ServerReset, "server_reset")] {
            cut(request, b"", end, "", error);
            cut(request, HALF_HEAD, end, "", error);
            cut(request, CONTINUE, end, "", error);
            cut(request, HALF_ANSWER, end, "200", error);
            cut(request, CHUNKED_ANSWER, end, "200", error);
        }
    }
}

/// An answer that lasts until the connection's end is whole with an orderly end, and only with that.
#[test]
fn answers_without_a_length() {
    let answer = b"HTTP/1.1 200 OK\r\n\r\nsome";
    cut(GET, answer, End::ServerReset, "200", "server_reset");
    cut(GET, answer, End::ClientReset, "200", "client_reset");
    let tunnel = Tunnel::new(&[]);
    let (mut client, mut server) = tunnel.pair();
    client.write_all(GET).expect("to ask");
    server.read_exact(&mut vec![0; GET.len()]).expect("the request");
    server.write_all(answer).expect("to answer");
    drop(server);
    let mut came = Vec::new();
    client.read_to_end(&mut came).expect("the answer");
    drop(client);
    let expected = Counts::from([(("200".to_owned(), String::new()), 1)]);
    assert_eq!(counted(&settled(&tunnel.wayside)), expected);
}

/// Asks, and reads to the end.
fn ask(wayside: &Wayside, request: &[u8]) -> Vec<u8> {
    let mut client = wayside.connect(0);
    client.write_all(request).expect("to ask");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).expect("an answer and an orderly end");
    answer
}

/// What wayside says in the server's place.
#[track_caller]
fn expect_own(wayside: &Wayside, request: &[u8], status: &str, cause: &str) {
    let answer = String::from_utf8(ask(wayside, request)).expect("text");
    assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
    assert!(answer.contains(&format!("\r\nwayside-error: {cause}\r\n")), "{answer}");
    assert!(answer.contains("\r\nconnection: close\r\n"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a whole head");
    assert_eq!(body.is_empty(), request.starts_with(b"HEAD"), "{answer}");
    let expected = Counts::from([((status.to_owned(), cause.to_owned()), 1)]);
    let metrics = settled(wayside);
    assert_eq!(counted(&metrics), expected);
    assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0);
    assert_eq!(metrics.sum("response_total", &[("classification", "failure")]), 1.0);
}

const HEAD: &[u8] = b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n";
/// HTTP/1 has no answer that is gRPC's own.
const GRPC: &[u8] =
    b"POST /s/M HTTP/1.1\r\nHost: h\r\nContent-Type: application/grpc-web\r\nContent-Length: 0\r\n\r\n";

#[test]
fn nobody_listens() {
    let (_socket, addr) = refusing();
    for request in [GET, HEAD, GRPC, HALF_REQUEST] {
        let wayside = Wayside::start(&["--forward", &forward(addr)]);
        expect_own(&wayside, request, "502", "connection refused");
    }
}

/// One answer, and the connection's end: what is behind the first has none.
#[test]
fn one_of_a_pipeline_is_answered() {
    let (_socket, addr) = refusing();
    let wayside = Wayside::start(&["--forward", &forward(addr)]);
    let answer = String::from_utf8(ask(&wayside, &GET.repeat(3))).expect("text");
    assert_eq!(answer.matches("HTTP/1.1 502 ").count(), 1, "{answer}");
    let cause = || "connection refused".to_owned();
    let expected = Counts::from([(("502".to_owned(), cause()), 1), ((String::new(), cause()), 2)]);
    let metrics = settled(&wayside);
    assert_eq!(counted(&metrics), expected);
    assert_eq!(metrics.sum("response_total", &[("classification", "failure")]), 3.0);
    assert_eq!(metrics.sum("http_requests_in_flight", &[]), 0.0);
}

#[test]
fn nobody_accepts() {
    let (_socket, _filling, addr) = full();
    let wayside = Wayside::start(&["--connect-timeout", "200ms", "--forward", &forward(addr)]);
    expect_own(&wayside, GET, "504", "connect timeout");
}

/// What it asked before it went is counted, and nobody is answered.
#[test]
fn a_client_resets_before_its_server_accepts() {
    for strict in [None, Some("--http-strict")] {
        let (_socket, _filling, addr) = full();
        let forward = forward(addr);
        let flags = ["--connect-timeout", "200ms", "--forward", &forward];
        let wayside = Wayside::start(&flags.into_iter().chain(strict).collect::<Vec<_>>());
        let mut client = wayside.connect(0);
        client.write_all(GET).expect("to ask");
        reset(client);
        let metrics = settled(&wayside);
        let expected = Counts::from([((String::new(), "client_reset".to_owned()), 1)]);
        assert_eq!(counted(&metrics), expected, "{strict:?}");
        assert_eq!(metrics.sum("request_total", &[]), 1.0);
    }
}
