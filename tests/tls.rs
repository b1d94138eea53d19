//! TLS through wayside: real peers, and what is said in clear as labels.

mod support;

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Command;

use support::programs::output;
use support::servers::{self, Certificate, Nginx, need};
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

/// What openssl s_client sends for `Service.Example.com`, as it was recorded.
const HELLO: &[u8] = include_bytes!("data/openssl-sni-alpn.hello");
const NAME: &[u8] = b"Service.Example.com";

/// So many connections to the server have ended that carry exactly these labels.
#[track_caller]
fn expect_closed(wayside: &Wayside, (sni, alpn): (Option<&str>, Option<&str>), count: usize) {
    let mut labels = vec![("peer", "src"), ("protocol", "tls"), ("tls", "opaque")];
    labels.extend(sni.map(|name| ("sni", name)));
    labels.extend(alpn.map(|names| ("alpn", names)));
    let lacks = |missing: &str| labels.iter().all(|(key, _)| *key != missing);
    let mut found = 0.0;
    let mut page = Metrics::default();
    wait_until(LIMIT, || {
        page = wayside.metrics();
        let matching = page.matching("tcp_close_total", &labels);
        let exactly = matching.filter(|sample| {
            let has = |wanted: &str| sample.labels.iter().any(|(key, _)| key == wanted);
            (!lacks("sni") || !has("sni")) && (!lacks("alpn") || !has("alpn"))
        });
        found = exactly.map(|sample| sample.value).sum();
        found >= count as f64
    });
    let all: Vec<_> = page.matching("tcp_close_total", &[]).collect();
    assert_eq!(found, count as f64, "{labels:?} in {all:#?}");
}

/// `openssl s_client` that checks the certificate, asks for `path`, and reads to the end.
fn s_client(addr: std::net::SocketAddr, certificate: &Certificate, options: &[&str], path: &str) -> Vec<u8> {
    let mut command = Command::new(have("openssl").expect("openssl"));
    command.args(["s_client", "-quiet", "-verify_quiet", "-verify_return_error", "-connect"]);
    command.arg(addr.to_string()).arg("-CAfile").arg(&certificate.cert).args(options);
    output(&mut command, format!("GET {path} HTTP/1.0\r\n\r\n").as_bytes())
}

/// A file of random bytes.
fn random_file(dir: &Path, name: &str, size: usize) -> Sum {
    let bytes = Random::new(seed()).bytes(size);
    std::fs::write(dir.join(name), &bytes).expect("a file");
    Sum::of(&bytes)
}

#[test]
fn a_hundred_megabytes_over_tls_1_2_and_1_3() {
    let certificate = or_skip!(Certificate::new());
    let dir = TempDir::new();
    let sum = random_file(dir.path(), "large", 100_000_000);
    let server = or_skip!(servers::s_server(&certificate, dir.path()));
    let wayside = Wayside::start(&["--forward", &server.forward()]);
    for (number, version) in ["-tls1_2", "-tls1_3"].into_iter().enumerate() {
        let options = [version, "-servername", "service.example.com", "-alpn", "h2,http/1.1"];
        let came = s_client(wayside.addr(0), &certificate, &options, "/large");
        assert_eq!(Sum::of(&came), sum, "{version}");
        expect_detected(&wayside, "tls", "client", number + 1);
        expect_closed(&wayside, (Some("service.example.com"), Some("h2,http/1.1")), number + 1);
    }
    // Behind the hello nothing is looked at, so the bulk could be spliced, and every byte is counted.
    let read = wayside.metrics().sum("tcp_read_bytes_total", &[("peer", "dst"), ("protocol", "tls")]);
    assert!(read > 2.0 * 100_000_000.0, "{read} bytes read");
}

#[test]
fn megabytes_both_ways_at_once() {
    let certificate = or_skip!(Certificate::new());
    let echo = or_skip!(servers::tls_echo(&certificate));
    let wayside = Wayside::start(&["--forward", &echo.forward()]);
    let bytes = Random::new(seed()).bytes(30_000_000);
    let to = format!("OPENSSL:{},verify=0,snihost=service.example.com", wayside.addr(0));
    let mut command = Command::new(have("socat").expect("socat"));
    let came = output(command.args(["-t", "20", "-", &to]), &bytes);
    assert_eq!(Sum::of(&came), Sum::of(&bytes));
    expect_detected(&wayside, "tls", "client", 1);
    expect_closed(&wayside, (Some("service.example.com"), None), 1);
}

#[test]
fn without_a_server_name_it_is_tls_all_the_same() {
    let certificate = or_skip!(Certificate::new());
    let dir = TempDir::new();
    let sum = random_file(dir.path(), "file", 1_000);
    let server = or_skip!(servers::s_server(&certificate, dir.path()));
    let wayside = Wayside::start(&["--forward", &server.forward()]);
    for (options, alpn) in [(vec!["-noservername"], None), (vec!["-noservername", "-alpn", "h2"], Some("h2"))]
    {
        assert_eq!(Sum::of(&s_client(wayside.addr(0), &certificate, &options, "/file")), sum);
        expect_closed(&wayside, (None, alpn), 1);
    }
    expect_detected(&wayside, "tls", "client", 2);
}

#[test]
fn curl_and_nginx() {
    let certificate = or_skip!(Certificate::new());
    let dir = TempDir::new();
    let sum = random_file(dir.path(), "file", 5_000_000);
    let nginx = or_skip!(Nginx::start(&certificate, dir.path()));
    let curl = or_skip!(need("curl"));
    let wayside = Wayside::start(&["--forward", &servers::forward(nginx.tls)]);
    let port = wayside.addr(0).port();
    let url = format!("https://service.example.com:{port}/file");
    for (version, alpn) in [("--http1.1", "http/1.1"), ("--http2", "h2,http/1.1")] {
        let mut command = Command::new(&curl);
        command.args(["-sS", "-m", "30", "--resolve", &format!("service.example.com:{port}:127.0.0.1")]);
        let came = output(command.arg("--cacert").arg(&certificate.cert).args([version, &url]), b"");
        assert_eq!(Sum::of(&came), sum, "{version}");
        expect_closed(&wayside, (Some("service.example.com"), Some(alpn)), 1);
    }
    // What is inside stays inside.
    expect_detected(&wayside, "tls", "client", 2);
    assert_eq!(detected(&wayside, "http/1", "") + detected(&wayside, "http/2", ""), 0.0);
}

#[test]
fn a_hello_that_comes_byte_by_byte() {
    let tunnel = Tunnel::new(&[]);
    let (mut client, mut server) = tunnel.pair();
    for &byte in HELLO {
        client.write_all(&[byte]).expect("to write");
        let mut came = [0];
        server.read_exact(&mut came).expect("the byte, before the next one is sent");
        assert_eq!(came, [byte]);
    }
    expect_verdict(&tunnel.wayside, &client, "tls", "client");
    server.write_all(b"\x16\x03\x03").expect("to write");
    client.read_exact(&mut [0; 3]).expect("the answer");
    drop((client, server));
    expect_closed(&tunnel.wayside, (Some("service.example.com"), Some("h2,http/1.1")), 1);
}

#[test]
fn a_real_handshake_that_comes_byte_by_byte() {
    let certificate = or_skip!(Certificate::new());
    let dir = TempDir::new();
    let sum = random_file(dir.path(), "file", 100_000);
    let server = or_skip!(servers::s_server(&certificate, dir.path()));
    let wayside = Wayside::start(&["--forward", &server.forward()]);
    let target = wayside.addr(0);
    // Between client and wayside: every byte of the client's is a segment of its own.
    let trickle = Server::start(move |mut client| {
        let mut to = connect(target)?;
        let (mut back, mut to_client) = (to.try_clone()?, client.try_clone()?);
        let answers = std::thread::spawn(move || std::io::copy(&mut back, &mut to_client));
        let mut bytes = [0; 4096];
        while let count @ 1.. = client.read(&mut bytes)? {
            for byte in &bytes[..count] {
                to.write_all(std::slice::from_ref(byte))?;
            }
        }
        finish(&to);
        answers.join().expect("the answers").map(drop)
    });
    for version in ["-tls1_2", "-tls1_3"] {
        let options = [version, "-servername", "service.example.com"];
        assert_eq!(Sum::of(&s_client(trickle.addr(), &certificate, &options, "/file")), sum, "{version}");
    }
    expect_detected(&wayside, "tls", "client", 2);
    expect_closed(&wayside, (Some("service.example.com"), None), 2);
}

/// One connection with a server name of the client's choice, to its end.
fn hello(wayside: &Wayside, name: &str) {
    assert_eq!(name.len(), NAME.len());
    let at = HELLO.windows(NAME.len()).position(|part| part == NAME).expect("the name");
    let mut bytes = HELLO.to_vec();
    bytes[at..at + NAME.len()].copy_from_slice(name.as_bytes());
    let mut client = wayside.connect(0);
    client.write_all(&bytes).expect("to write");
    finish(&client);
    expect_eof(&client, LIMIT);
}

/// The server names of the closed connections, and how many connections these are.
fn names(metrics: &Metrics) -> (BTreeSet<String>, f64) {
    let labels = [("peer", "src"), ("protocol", "tls")];
    let of =
        |labels: &[(String, String)]| labels.iter().find(|(key, _)| key == "sni").map(|(_, v)| v.clone());
    let names =
        metrics.matching("tcp_close_total", &labels).filter_map(|sample| of(&sample.labels)).collect();
    (names, metrics.sum("tcp_close_total", &labels))
}

#[test]
fn names_that_clients_invent_do_not_grow_the_series() {
    const MOST: usize = 256;
    let sink = Server::sink();
    let wayside = Wayside::start(&["--forward", &servers::forward(sink.addr())]);
    let invent = |from: usize| {
        for number in from..from + 2 * MOST {
            hello(&wayside, &format!("{number:07}.example.com"));
        }
    };
    let all_closed =
        |count: usize| eventually("all are closed", LIMIT, || names(&wayside.metrics()).1 == count as f64);
    let others = |metrics: &Metrics| metrics.sum("tcp_close_total", &[("peer", "src"), ("sni", "~other")]);

    invent(0);
    all_closed(2 * MOST);
    let first = wayside.metrics();
    let (known, _) = names(&first);
    assert!(known.contains("~other") && known.contains("0000000.example.com"), "{known:?}");
    assert!(known.len() <= MOST + 1, "{} names", known.len());
    assert!(known.len() > MOST / 2, "only {} names", known.len());
    assert_eq!(others(&first), (2 * MOST - (known.len() - 1)) as f64);

    invent(1_000_000);
    hello(&wayside, "0000000.example.com");
    all_closed(4 * MOST + 1);
    let second = wayside.metrics();
    assert_eq!(names(&second).0, known);
    assert_eq!(second.samples.len(), first.samples.len());
    assert_eq!(others(&second), others(&first) + (2 * MOST) as f64);
    let again = [("peer", "src"), ("sni", "0000000.example.com")];
    assert_eq!(second.sum("tcp_close_total", &again), 2.0);
    expect_detected(&wayside, "tls", "client", 4 * MOST + 1);
}
