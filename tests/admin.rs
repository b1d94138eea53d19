//! The admin server: what is counted is true, and real programs can read it.

mod support;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use support::*;

const SECOND: Duration = Duration::from_secs(1);

/// Runs a program with `input`; its stdout. Panics with its stderr where it fails.
#[track_caller]
fn filter(command: &mut Command, input: &[u8]) -> String {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("to start it");
    let mut stdin = child.stdin.take().expect("a pipe");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || stdin.write_all(&input));
    let output = child.wait_with_output().expect("its end");
    let _ = writer.join();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {}: {stderr}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

/// A wayside that has seen one of each: HTTP, TLS, a greeting, a refusal, a reset, and connections that are open.
fn experienced() -> (Wayside, Vec<TcpStream>, impl Sized) {
    let (echo, greeter, (held, nobody)) =
        (Server::echo(), Server::greeter(b"220 mail ESMTP\r\n"), refusing());
    let targets = [echo.addr(), greeter.addr(), nobody];
    let forwards = targets.map(|target| format!("127.0.0.1:0={target}"));
    let wayside = Wayside::start(&["--forward", &forwards.join(",")]);
    let hello = include_bytes!("data/openssl-sni-alpn.hello");
    let first_words: [&[u8]; 3] = [GET, hello, b"\0\0\0\0"];
    let mut open = vec![];
    for words in first_words {
        for _ in 0..2 {
            let mut client = wayside.connect(0);
            client.write_all(words).expect("to write");
            client.read_exact(&mut vec![0; words.len()]).expect("the echo");
            open.push(client);
        }
        reset(open.pop().expect("the second"));
    }
    let mut greeted = wayside.connect(1);
    greeted.read_exact(&mut [0; 16]).expect("the greeting");
    open.push(greeted);
    let mut refused = wayside.connect(2);
    refused.write_all(GET).expect("to write");
    refused.read_to_end(&mut vec![]).expect("an answer");
    open.push(wayside.connect(0));
    let closed = || wayside.metrics().sum("tcp_close_total", &[("peer", "src")]) >= 4.0;
    eventually("the closed ones are counted", LIMIT, closed);
    (wayside, open, (echo, greeter, held))
}

/// The families of the contract, with their types as the parser names them: a counter without its `_total`.
const FAMILIES: [(&str, &str); 14] = [
    ("tcp_open", "counter"),
    ("tcp_open_connections", "gauge"),
    ("tcp_read_bytes", "counter"),
    ("tcp_write_bytes", "counter"),
    ("tcp_close", "counter"),
    ("tcp_connection_duration_ms", "histogram"),
    ("tcp_connect_latency_ms", "histogram"),
    ("tcp_detect", "counter"),
    ("process_start_time_seconds", "gauge"),
    ("process_cpu_seconds", "counter"),
    ("process_open_fds", "gauge"),
    ("process_max_fds", "gauge"),
    ("process_resident_memory_bytes", "gauge"),
    ("wayside_build_info", "gauge"),
];

#[test]
fn a_real_parser_reads_the_metrics() {
    let Some(python) = python() else { skipped!("there is no python3") };
    let has_it =
        Command::new(&python).args(["-c", "import prometheus_client.parser"]).stderr(Stdio::null()).status();
    if !has_it.expect("python").success() {
        skipped!("python3 has no prometheus_client");
    }
    let (wayside, _open, _servers) = experienced();
    let (_, text) = wayside.get("/metrics");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/check_metrics.py");
    let said = filter(Command::new(python).arg(script), text.as_bytes());
    let found: BTreeMap<_, _> = said.lines().filter_map(|line| line.split_once(' ')).collect();
    for (family, kind) in FAMILIES {
        assert_eq!(found.get(family), Some(&kind), "{family} in {said}");
    }
    // Our own reader misses nothing that the real one sees.
    let ours = Metrics::parse(&text).expect("well-formed").samples.len();
    assert_eq!(found["samples"], ours.to_string());
}

#[test]
fn curl_gets_it_compressed_when_it_asks() {
    let Some(curl) = have("curl") else { skipped!("there is no curl") };
    let (wayside, _open, _servers) = experienced();
    for page in ["metrics", "connections"] {
        let url = format!("http://{}/{page}", wayside.admin());
        let fetch = |more: &[&str]| filter(Command::new(&curl).args(["-sS", "-i"]).args(more).arg(&url), b"");
        let (plain, packed) = (fetch(&[]), fetch(&["--compressed"]));
        let parts = |text: &str| {
            text.split_once("\r\n\r\n").map(|(head, body)| (head.to_lowercase(), body.to_owned()))
        };
        let (head, plain) = parts(&plain).expect("a head");
        assert!(!head.contains("content-encoding") && head.contains("vary: accept-encoding"), "{head}");
        let (head, packed) = parts(&packed).expect("a head");
        assert!(head.contains("content-encoding: gzip"), "{head}");
        let lines = |text: &str| text.lines().filter(|line| !line.starts_with("process_")).count();
        assert_eq!(lines(&plain), lines(&packed), "{plain}\nand\n{packed}");
    }
}

/// The bytes of one kind at both peers: read from the client, written to the server, and the other way.
fn counted(wayside: &Wayside, labels: &[(&str, &str)]) -> [u64; 4] {
    let metrics = wayside.metrics();
    let sum = |name: &str, peer| {
        let labels: Vec<_> = labels.iter().copied().chain([("peer", peer)]).collect();
        metrics.sum(name, &labels) as u64
    };
    [
        sum("tcp_read_bytes_total", "src"),
        sum("tcp_write_bytes_total", "dst"),
        sum("tcp_read_bytes_total", "dst"),
        sum("tcp_write_bytes_total", "src"),
    ]
}

#[test]
fn bytes_are_counted_exactly_and_while_the_connection_is_open() {
    // Bytes are shown as soon as the protocol is decided, be it as unknown.
    let tunnel = Tunnel::new(&["--detect-timeout", "100ms"]);
    let mut random = Random::new(seed());
    let mut total = [0; 2];
    let check = |[up, down]: [u64; 2]| {
        let expected = [up, up, down, down];
        let mut got = [0; 4];
        let same = wait_until(LIMIT, || {
            got = counted(&tunnel.wayside, &[]);
            got == expected
        });
        assert!(same, "counted {got:?} where {expected:?} went through");
    };
    // Small ones, and one of 20 MB each way that is spliced; open and closed ones.
    let mut open = vec![];
    for (number, size) in [1, 100, 65_536, 20_000_000, 3].into_iter().enumerate() {
        let (client, server) = tunnel.pair();
        for (way, (from, to)) in [(&client, &server), (&server, &client)].into_iter().enumerate() {
            let size = size + random.between(0, size as usize) as u64;
            let sent = std::thread::scope(|scope| {
                let sender = scope.spawn(|| send_random(from, size, 1, (1, 64 << 10)).expect("to send"));
                receive_exactly(to, size, 2, (1, 64 << 10)).expect("all of it");
                sender.join().expect("the sender")
            });
            total[way] += sent.len();
            check(total);
        }
        if number % 2 == 0 {
            open.push((client, server));
        }
    }
    drop(open);
    eventually("all are closed", LIMIT, || tunnel.wayside.metrics().sum("tcp_open_connections", &[]) == 0.0);
    check(total);
}

#[test]
fn an_undecided_connections_bytes_are_counted_with_its_verdict() {
    let tunnel = Tunnel::new(&["--detect-timeout", "300ms"]);
    let (mut client, mut server) = tunnel.pair();
    client.write_all(b"GET").expect("to write");
    server.read_exact(&mut [0; 3]).expect("the bytes");
    let labels = [("protocol", "unknown")];
    eventually("they are counted", 3 * SECOND, || counted(&tunnel.wayside, &labels) == [3, 3, 0, 0]);
    client.write_all(b" / HTTP/1.1").expect("to write");
    server.read_exact(&mut [0; 11]).expect("the bytes");
    eventually("and live from there", SECOND, || counted(&tunnel.wayside, &labels) == [14, 14, 0, 0]);
}

#[test]
fn opens_and_closes_are_counted() {
    let tunnel = Tunnel::new(&[]);
    let of = |name: &str, labels: &[(&str, &str)]| tunnel.wayside.metrics().sum(name, labels);
    let pairs: Vec<_> = (0..3).map(|_| tunnel.pair()).collect();
    for peer in ["src", "dst"] {
        assert_eq!(of("tcp_open_total", &[("peer", peer), ("direction", "outbound")]), 3.0);
        eventually("they are open", SECOND, || of("tcp_open_connections", &[("peer", peer)]) == 3.0);
        assert_eq!(of("tcp_close_total", &[("peer", peer)]), 0.0);
    }
    drop(pairs);
    for peer in ["src", "dst"] {
        eventually("they are closed", SECOND, || of("tcp_open_connections", &[("peer", peer)]) == 0.0);
        assert_eq!(of("tcp_close_total", &[("peer", peer)]), 3.0);
        assert_eq!(of("tcp_connection_duration_ms_count", &[("peer", peer)]), 3.0);
        assert_eq!(of("tcp_open_total", &[("peer", peer)]), 3.0);
    }
    let errno = tunnel.wayside.metrics();
    let any = errno.samples.iter().any(|sample| sample.labels.iter().any(|(key, _)| key == "errno"));
    assert!(!any, "an errno after orderly ends: {errno:?}");
}

#[test]
fn a_reset_is_an_errno_of_the_peer_that_sent_it() {
    for peer in ["src", "dst"] {
        let tunnel = Tunnel::new(&[]);
        let (mut client, mut server) = tunnel.pair();
        client.write_all(b"ping").expect("to write");
        server.read_exact(&mut [0; 4]).expect("ping");
        let (one, other) = if peer == "src" { (client, server) } else { (server, client) };
        reset(one);
        expect_reset(&other, SECOND);
        let closed = |labels: &[(&str, &str)]| tunnel.wayside.metrics().sum("tcp_close_total", labels);
        eventually("both are counted", SECOND, || closed(&[]) == 2.0);
        assert_eq!(closed(&[("peer", peer), ("errno", "ECONNRESET")]), 1.0, "reset by {peer}");
        assert_eq!(closed(&[("errno", "ECONNRESET")]), 1.0, "the other side was not reset by its peer");
    }
}

#[test]
fn live_and_ready_say_so() {
    let tunnel = Tunnel::new(&[]);
    let _pair = tunnel.pair();
    for (path, status) in [("/live", 200), ("/ready", 200), ("/", 200), ("/nothing", 404)] {
        assert_eq!(tunnel.wayside.get(path).0, status, "{path}");
    }
    tunnel.wayside.signal(Signal::TERM);
    eventually("not ready", SECOND, || tunnel.wayside.get("/ready").0 == 503);
    assert_eq!(tunnel.wayside.get("/live").0, 200);
    assert_eq!(tunnel.wayside.get("/metrics").0, 200);
}

#[test]
fn each_connection_has_its_line() {
    let tunnel = Tunnel::new(&[]);
    assert_eq!(tunnel.wayside.connections().lines().filter(|line| line.contains("\"id\"")).count(), 0);
    let (mut client, mut server) = tunnel.pair();
    client.write_all(GET).expect("to write");
    server.read_exact(&mut [0; GET.len()]).expect("the request");
    server.write_all(OK).expect("to write");
    client.read_exact(&mut [0; OK.len()]).expect("the answer");
    let (undecided, _its_server) = tunnel.pair();
    let line_of = |client: &TcpStream| {
        let source = client.local_addr().expect("its address").to_string();
        let text = tunnel.wayside.connections();
        text.lines().find(|line| field(line, "source").as_ref() == Some(&source)).map(str::to_owned)
    };
    let line = line_of(&client).expect("its line");
    let target = tunnel.server.local_addr().expect("its address").to_string();
    let (up, down) = (GET.len().to_string(), OK.len().to_string());
    let expected = [
        ("direction", "outbound"),
        ("target", &target),
        ("protocol", "http/1"),
        ("decided_by", "client"),
        ("bytes_in", &up),
        ("bytes_out", &down),
    ];
    for (name, value) in expected {
        assert_eq!(field(&line, name).as_deref(), Some(value), "{name} in {line}");
    }
    let line = line_of(&undecided).expect("its line");
    assert_eq!(field(&line, "protocol").as_deref(), Some(""), "{line}");
    assert_eq!(field(&line, "decided_by").as_deref(), Some(""), "{line}");
    drop(client);
    let ids: Vec<_> = tunnel.wayside.connections().lines().filter_map(|line| field(line, "id")).collect();
    assert!(ids.iter().all(|id| id.parse::<u64>().is_ok()), "{ids:?}");
}

#[test]
fn connections_are_json() {
    let Some(python) = python() else { skipped!("there is no python3") };
    let script = "import json, sys\nfor each in json.load(sys.stdin)['connections']: print(each['protocol'], each['age_ms'] >= 0)";
    let read = |text: &str| filter(Command::new(&python).args(["-c", script]), text.as_bytes());
    let (wayside, open, _servers) = experienced();
    let mut said: Vec<_> = read(&wayside.connections()).lines().map(str::to_owned).collect();
    said.sort();
    assert_eq!(said.len(), open.len(), "{said:?}");
    let expected = [" True", "http/1 True", "smtp True", "tls True", "unknown True"];
    assert_eq!(said, expected);
    drop(open);
    eventually("an empty list is JSON, too", LIMIT, || read(&wayside.connections()).is_empty());
}

#[test]
fn the_end_of_each_connection_is_one_line_in_the_log() {
    let tunnel = Tunnel::new(&["--log", "debug"]);
    let (mut client, mut server) = tunnel.pair();
    let source = client.local_addr().expect("its address").to_string();
    client.write_all(GET).expect("to write");
    server.read_exact(&mut [0; GET.len()]).expect("the request");
    server.write_all(OK).expect("to write");
    drop(server);
    client.read_to_end(&mut vec![]).expect("the answer and its end");
    drop(client);
    let (mut client, mut server) = tunnel.pair();
    let other_source = client.local_addr().expect("its address").to_string();
    client.write_all(b"\0binary").expect("to write");
    server.read_exact(&mut [0; 7]).expect("the bytes");
    reset(client);
    expect_reset(&server, SECOND);

    let lines_of = |source: &str| -> Vec<String> {
        let text = tunnel.wayside.stderr();
        text.lines().filter(|line| line.contains(&format!("{source} -> "))).map(str::to_owned).collect()
    };
    for source in [&source, &other_source] {
        eventually("its line", LIMIT, || !lines_of(source).is_empty());
        assert_eq!(lines_of(source).len(), 1, "{:?}", lines_of(source));
    }
    let target = tunnel.server.local_addr().expect("its address");
    let (up, down) = (format!("bytes_up={}", GET.len()), format!("bytes_down={}", OK.len()));
    let line = &lines_of(&source)[0];
    let parts =
        ["outbound", &format!("-> {target}"), "http/1", "decided_by=client", "first=server/FIN", &up, &down];
    for part in parts.into_iter().chain(["end=\"finished\"", "refused=\"-\"", "lasted="]) {
        assert!(line.contains(part), "no {part} in {line}");
    }
    let line = &lines_of(&other_source)[0];
    for part in ["unknown", "first=client/ECONNRESET", "bytes_up=7", "bytes_down=0", "end=\"reset\""] {
        assert!(line.contains(part), "no {part} in {line}");
    }
}
