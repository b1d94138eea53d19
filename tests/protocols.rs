//! What real clients and servers are found to be, and what happens where nothing can be found.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::programs::{output, text};
use support::servers::{self, Certificate, Nginx, forward, need};
use support::verdicts::*;
use support::*;

/// The server, or the end of the test.
macro_rules! or_skip {
    ($server:expr) => {
        match $server {
            Ok(server) => server,
            Err(why) => skipped!("{why}"),
        }
    };
}

/// A file of random bytes.
fn random_file(dir: &Path, name: &str, size: usize) -> Sum {
    let bytes = Random::new(seed()).bytes(size);
    std::fs::write(dir.join(name), &bytes).expect("a file");
    Sum::of(&bytes)
}

/// These bytes go across, whole.
#[track_caller]
fn carry(mut from: &TcpStream, mut to: &TcpStream, bytes: &[u8]) {
    from.write_all(bytes).expect("to write");
    let mut came = vec![0; bytes.len()];
    to.read_exact(&mut came).unwrap_or_else(|error| panic!("{error} instead of {bytes:?}"));
    assert_eq!(came, bytes);
}

/// Nothing else was decided than this, so often.
#[track_caller]
fn only(wayside: &Wayside, protocol: &str, decided_by: &str, count: usize) {
    expect_detected(wayside, protocol, decided_by, count);
    let all = wayside.metrics().sum("tcp_detect_total", &[]);
    assert_eq!(all, count as f64, "{protocol} is not all");
}

#[test]
fn curl_and_nginx_speak_http_1() {
    let dir = TempDir::new();
    let sum = random_file(dir.path(), "file", 5_000_000);
    let nginx = or_skip!(Nginx::start(&or_skip!(Certificate::new()), dir.path()));
    let curl = or_skip!(need("curl"));
    let wayside = Wayside::start(&["--forward", &forward(nginx.plain)]);
    let url = format!("http://{}/file", wayside.addr(0));
    // Twice over one connection, then by HTTP/1.0, then only the head.
    let came = output(Command::new(&curl).args(["-sS", "-m", "30", &url, &url]), b"");
    assert_eq!(came.len(), 10_000_000);
    assert_eq!((Sum::of(&came[..5_000_000]), Sum::of(&came[5_000_000..])), (sum, sum));
    only(&wayside, "http/1", "client", 1);
    let came = output(Command::new(&curl).args(["-sS", "-m", "30", "--http1.0", &url]), b"");
    assert_eq!(Sum::of(&came), sum);
    let head = text(Command::new(&curl).args(["-sS", "-m", "30", "-I", &url]), "");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.contains("Content-Length: 5000000"), "{head}");
    let status = ["-sS", "-m", "30", "-X", "PURGE", "-o", "/dev/null", "-w", "%{http_code}"];
    assert_eq!(text(Command::new(&curl).args(status).arg(&url), ""), "405");
    only(&wayside, "http/1", "client", 4);
}

#[test]
fn curl_and_nghttp_speak_http_2_to_nghttpd() {
    let dir = TempDir::new();
    let sum = random_file(dir.path(), "file", 5_000_000);
    let nghttpd = or_skip!(servers::nghttpd(dir.path()));
    let (curl, nghttp) = (or_skip!(need("curl")), or_skip!(need("nghttp")));
    let wayside = Wayside::start(&["--forward", &nghttpd.forward()]);
    let url = format!("http://{}/file", wayside.addr(0));
    let came = output(Command::new(curl).args(["-sS", "-m", "30", "--http2-prior-knowledge", &url]), b"");
    assert_eq!(Sum::of(&came), sum);
    only(&wayside, "http/2", "client", 1);
    // Twenty requests at once over one connection.
    let came = output(Command::new(nghttp).args(["-m", "20", &url]), b"");
    assert_eq!(came.len(), 20 * 5_000_000);
    only(&wayside, "http/2", "client", 2);
}

#[test]
fn what_follows_an_upgrade_passes() {
    let tunnel = Tunnel::new(&[]);
    let (client, server) = tunnel.pair();
    let request = b"GET /chat HTTP/1.1\r\nHost: example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    carry(&client, &server, request);
    let answer = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                   Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
    carry(&server, &client, answer);
    let mut random = Random::new(seed());
    for size in [1, 2, 7, 126, 4096, 50_000] {
        let (up, down) = (random.bytes(size), random.bytes(size));
        carry(&client, &server, &up);
        carry(&server, &client, &down);
    }
    // What looks like another request is not one.
    carry(&client, &server, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    expect_verdict(&tunnel.wayside, &client, "http/1", "client");
    only(&tunnel.wayside, "http/1", "client", 1);
}

#[test]
fn a_request_line_that_comes_byte_by_byte() {
    let tunnel = Tunnel::new(&["--detect-timeout", "60s"]);
    let heads: [(&[u8], &str); 3] = [
        (b"GET /a HTTP/1.1\r\n", "http/1"),
        (b"\r\nM-SEARCH * HTTP/1.0\r\n", "http/1"),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "http/2"),
    ];
    for (head, protocol) in heads {
        let (client, server) = tunnel.pair();
        head.iter().for_each(|&byte| carry(&client, &server, &[byte]));
        expect_verdict(&tunnel.wayside, &client, protocol, "client");
    }
}

#[test]
fn nothing_and_half_a_line_are_given_up_in_time() {
    const TIME_OUT: Duration = Duration::from_millis(300);
    let tunnel = Tunnel::new(&["--detect-timeout", "300ms"]);
    for said in [b"".as_slice(), b"G", b"GET /index.ht", b"PRI * HTTP/2.0\r\n\r\nSM\r", b"\x16\x03\x01\x02"] {
        let began = Instant::now();
        let (client, server) = tunnel.pair();
        carry(&client, &server, said);
        expect_verdict(&tunnel.wayside, &client, "unknown", "timeout");
        let took = began.elapsed();
        assert!(took >= TIME_OUT && took < 10 * TIME_OUT, "{said:?} was given up after {took:?}");
        // It works on, and the verdict stands.
        carry(&client, &server, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
        carry(&server, &client, &[b'x'; 10_000]);
        finish(&client);
        expect_eof(&server, LIMIT);
        carry(&server, &client, b"the end");
        expect_verdict(&tunnel.wayside, &client, "unknown", "timeout");
        finish(&server);
        expect_eof(&client, LIMIT);
    }
    only(&tunnel.wayside, "unknown", "timeout", 5);
}

#[test]
fn zero_is_no_time_out() {
    let tunnel = Tunnel::new(&["--detect-timeout", "0"]);
    let (client, server) = tunnel.pair();
    carry(&client, &server, b"GET / HTTP");
    expect_silence(&server, Duration::from_millis(500));
    assert_eq!(tunnel.wayside.metrics().sum("tcp_detect_total", &[]), 0.0);
    carry(&client, &server, b"/1.1\r\n");
    expect_verdict(&tunnel.wayside, &client, "http/1", "client");
}

#[test]
fn an_end_before_a_verdict_is_carried_behind_its_bytes() {
    let tunnel = Tunnel::new(&[]);
    for said in [b"".as_slice(), b"GE", b"GET / HTTP/1.", b"\x16\x03"] {
        let (client, server) = tunnel.pair();
        carry(&client, &server, said);
        finish(&client);
        expect_eof(&server, LIMIT);
        expect_verdict(&tunnel.wayside, &client, "unknown", "eof");
        carry(&server, &client, b"you were not done");
        finish(&server);
        expect_eof(&client, LIMIT);
    }
    // Bytes and end in one segment, as it may be.
    let (mut client, mut server) = tunnel.pair();
    client.write_all(b"GE").expect("to write");
    finish(&client);
    let mut came = Vec::new();
    server.read_to_end(&mut came).expect("the bytes and the end");
    assert_eq!(came, b"GE");
    drop((client, server));
    only(&tunnel.wayside, "unknown", "eof", 5);
}

#[test]
fn redis_and_its_client() {
    let redis = or_skip!(servers::redis());
    let cli = or_skip!(need("redis-cli"));
    let wayside = Wayside::start(&["--forward", &redis.forward()]);
    let port = wayside.addr(0).port().to_string();
    let ask = |words: &[&str], stdin: &str| {
        text(Command::new(&cli).args(["-h", "127.0.0.1", "-p", &port]).args(words), stdin)
    };
    let large = "wayside ".repeat(200_000);
    assert_eq!(ask(&["-x", "set", "large"], &large), "OK\n");
    assert_eq!(ask(&["get", "large"], ""), format!("{large}\n"));
    assert_eq!(ask(&[], "INCR n\nINCR n\nGET n\n"), "1\n2\n2\n");
    only(&wayside, "redis", "client", 3);
}

#[test]
fn postgres_and_its_client() {
    let (postgres, psql) = or_skip!(servers::postgres());
    let wayside = Wayside::start(&["--forward", &postgres.forward()]);
    let ask = |options: &str, sql: &str| {
        let addr = wayside.addr(0);
        let to = format!("host={} port={} user=test dbname=postgres {options}", addr.ip(), addr.port());
        text(Command::new(&psql).args(["-X", "-A", "-t", "-q", "-d", &to]), sql)
    };
    // The first packet asks for TLS in the one, and is a StartupMessage in the other.
    for (number, options) in ["sslmode=prefer", "sslmode=disable gssencmode=disable"].into_iter().enumerate()
    {
        let sum = "CREATE TEMP TABLE t AS SELECT generate_series(1, 50000) AS n; SELECT sum(n) FROM t;";
        assert_eq!(ask(options, sum), "1250025000\n");
        let rows = ask(options, "SELECT n FROM generate_series(1, 50000) AS n;");
        assert!(rows == (1..=50_000).map(|n| format!("{n}\n")).collect::<String>());
        only(&wayside, "postgres", "client", 2 * (number + 1));
    }
}

#[test]
fn memcached_by_hand() {
    let memcached = or_skip!(servers::memcached());
    let wayside = Wayside::start(&["--forward", &memcached.forward()]);
    let mut client = wayside.connect(0);
    let mut ask = |request: &[u8], answer: &[u8]| {
        client.write_all(request).expect("to write");
        let mut came = vec![0; answer.len()];
        client.read_exact(&mut came).expect("an answer");
        assert_eq!(came, answer);
    };
    let value = Random::new(seed()).bytes(500_000);
    let stored = [b"set key 0 0 500000\r\n".as_slice(), &value, b"\r\n"].concat();
    ask(&stored, b"STORED\r\n");
    ask(b"get key\r\n", &[b"VALUE key 0 500000\r\n".as_slice(), &value, b"\r\nEND\r\n"].concat());
    expect_verdict(&wayside, &client, "memcached", "client");
    only(&wayside, "memcached", "client", 1);
}

#[test]
fn mosquitto_by_hand() {
    let mosquitto = or_skip!(servers::mosquitto());
    let wayside = Wayside::start(&["--forward", &mosquitto.forward()]);
    let mut client = wayside.connect(0);
    let mut ask = |packet: &[u8], answer: &[u8]| {
        client.write_all(packet).expect("to write");
        let mut came = vec![0; answer.len()];
        client.read_exact(&mut came).expect("an answer");
        assert_eq!(came, answer);
    };
    // MQTT 3.1.1: CONNECT, SUBSCRIBE to "a", PUBLISH there, which comes back.
    ask(b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04test", b"\x20\x02\0\0");
    ask(b"\x82\x06\0\x01\0\x01a\0", b"\x90\x03\0\x01\0");
    ask(b"\x30\x08\0\x01ahello", b"\x30\x08\0\x01ahello");
    expect_verdict(&wayside, &client, "mqtt", "client");
    only(&wayside, "mqtt", "client", 1);
}

#[test]
fn an_opaque_port_is_never_inspected() {
    let server = listen();
    let target = server.local_addr().expect("an address");
    let ports = target.port().to_string();
    let wayside = Wayside::start(&["--forward", &forward(target), "--opaque-ports", &ports]);
    let client = wayside.connect(0);
    expect_verdict(&wayside, &client, "unknown", "port");
    let server = accept(&server);
    carry(&client, &server, b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n");
    carry(&server, &client, b"HTTP/1.1 200 OK\r\n\r\n");
    expect_verdict(&wayside, &client, "unknown", "port");
    only(&wayside, "unknown", "port", 1);
}

#[test]
fn first_packets_without_their_servers() {
    let tunnel = Tunnel::new(&[]);
    let first: [(&[u8], &str); 7] = [
        (b"\0\0\0\x08\x04\xd2\x16\x2f", "postgres"),
        (b"\0\0\0\x13\0\x03\0\0user\0test\0\0", "postgres"),
        (b"*1\r\n$4\r\nPING\r\n", "redis"),
        (b"get key\r\n", "memcached"),
        (b"\x10\x10\0\x04MQTT\x04\x02\0\x3c\0\x04test", "mqtt"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "ssh"),
        (b"CONNECT {\"verbose\":false}\r\n", "nats"),
    ];
    for (packet, protocol) in first {
        let (client, server) = tunnel.pair();
        packet.iter().for_each(|&byte| carry(&client, &server, &[byte]));
        expect_verdict(&tunnel.wayside, &client, protocol, "client");
        carry(&server, &client, b"SSH-2.0-any answer\r\n");
        expect_verdict(&tunnel.wayside, &client, protocol, "client");
    }
}
