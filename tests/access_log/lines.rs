//! One line for each exchange, with what was asked and what became of it.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;

use crate::labs::Pod;
use crate::support::programs::text;
use crate::support::servers::forward;
use crate::support::*;

/// Reads lines of JSON, or of Apache's combined format, and writes some fields of each between bars; `-` for none.
const READER: &str = r#"
import json, re, sys
sys.stdin.reconfigure(encoding="utf-8", errors="strict", newline="\n")
sys.stdout.reconfigure(encoding="utf-8")
combined = re.compile(r'(\S+) - - \[(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4})\] "((?:[^"\\]|\\.)*)" (\d{3}|-) (\d+|-) '
                      r'"((?:[^"\\]|\\.)*)" "((?:[^"\\]|\\.)*)"\n')
for line in sys.stdin:
    if sys.argv[1] == "json":
        assert line.endswith("\n"), line
        found = json.loads(line, object_pairs_hook=lambda pairs: dict(pairs) if len(dict(pairs)) == len(pairs) else 1/0)
        fields = [found.get(key, "-") for key in sys.argv[2:]]
    else:
        match = combined.fullmatch(line)
        assert match, line
        fields = match.groups()
    print("|".join(str(field) for field in fields))
"#;

/// The lines of the log among what wayside said.
pub(crate) fn lines(stdout: &str) -> String {
    let own = |line: &&str| !line.starts_with("wayside: ");
    stdout.split_inclusive('\n').filter(own).collect()
}

/// What another program makes of the log: a line for each of its lines, the fields between bars.
pub(crate) fn read(python: &Path, log: &str, format: &[&str]) -> Vec<String> {
    let said = text(Command::new(python).args(["-Ic", READER]).args(format), log);
    said.lines().map(str::to_owned).collect()
}

/// Waits until there are so many lines.
#[track_caller]
pub(crate) fn wait_for(wayside: &Wayside, count: usize) -> String {
    let mut log = String::new();
    eventually(&format!("{count} lines"), LIMIT, || {
        log = lines(&wayside.stdout());
        log.matches('\n').count() >= count
    });
    log
}

/// Asks and answers over one connection.
#[track_caller]
fn exchange(mut client: &TcpStream, mut server: &TcpStream, request: &[u8], answer: &[u8]) {
    client.write_all(request).expect("to ask");
    server.read_exact(&mut vec![0; request.len()]).expect("the request");
    server.write_all(answer).expect("to answer");
    client.read_exact(&mut vec![0; answer.len()]).expect("the answer");
}

const ODD: &[u8] = b"GET /a\"b\\c?d=\xff HTTP/1.1\r\nHost: h\r\nUser-Agent: caf\xc3\xa9 \xe9\t\"x\" \\\r\nReferer: http://r/\r\n\r\n";
const NONE: &[u8] = b"HTTP/1.1 204 No\r\n\r\n";
const CHUNKS: &[u8] = b"HTTP/1.1 500 no\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n";

/// Seven exchanges, the last two cut off.
fn traffic(tunnel: &Tunnel) -> String {
    let (client, server) = tunnel.pair();
    exchange(&client, &server, GET, OK);
    exchange(&client, &server, b"HEAD /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", NONE);
    exchange(&client, &server, b"POST /y HTTP/1.1\r\nHost: H:1\r\nContent-Length: 2\r\n\r\nab", CHUNKS);
    exchange(&client, &server, ODD, OK);
    let long = format!("GET /{} HTTP/1.1\r\nHost: h\r\n\r\n", "x".repeat(5000));
    exchange(&client, &server, long.as_bytes(), OK);
    exchange(&client, &server, GET, b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    reset(client);
    expect_reset(&server, LIMIT);
    let (mut client, server) = tunnel.pair();
    client.write_all(GET).expect("to ask");
    (&server).read_exact(&mut vec![0; GET.len()]).expect("the request");
    reset(server);
    expect_reset(&client, LIMIT);
    wait_for(&tunnel.wayside, 7)
}

#[test]
fn json() {
    let Some(python) = python() else { skipped!("there is no Python") };
    let tunnel = Tunnel::new(&["--access-log", "json"]);
    let log = traffic(&tunnel);
    let keys =
        ["json", "direction", "method", "host", "uri", "version", "status", "protocol", "error", "cut"];
    let cut = format!("/{}", "x".repeat(2047));
    let expected = [
        "outbound|GET|example.com|/|HTTP/1.1|200|http/1||-",
        "outbound|HEAD||/x|HTTP/1.0|204|http/1||-",
        "outbound|POST|H:1|/y|HTTP/1.1|500|http/1||-",
        "outbound|GET|h|/a\"b\\c?d=\u{ff}|HTTP/1.1|200|http/1||-",
        &format!("outbound|GET|h|{cut}...|HTTP/1.1|200|http/1||['uri']"),
        "outbound|GET|example.com|/|HTTP/1.1|200|http/1|client_reset|-",
        "outbound|GET|example.com|/|HTTP/1.1|-|http/1|server_reset|-",
    ];
    assert_eq!(read(&python, &log, &keys), expected);
    let target = tunnel.server.local_addr().expect("its address").to_string();
    for line in read(&python, &log, &["json", "target.addr", "client.addr", "total_ns", "timestamp"]) {
        let fields: Vec<&str> = line.split('|').collect();
        assert_eq!(fields[0], target);
        assert!(fields[1].starts_with("127.0.0.1:"), "{line}");
        let took: u64 = fields[2].parse().expect("nanoseconds");
        assert!(took < LIMIT.as_nanos() as u64, "{line}");
        assert!(fields[3].len() == "2026-11-22T10:20:30.123456Z".len() && fields[3].ends_with('Z'), "{line}");
    }
    let agent = read(&python, &log, &["json", "user_agent", "referer"]).swap_remove(3);
    assert_eq!(agent, "caf\u{e9} \u{e9}\t\"x\" \\|http://r/");
    let metrics = tunnel.wayside.metrics();
    assert_eq!(metrics.sum("wayside_access_log_lines_total", &[]), 7.0);
    assert_eq!(metrics.sum("response_total", &[]), 7.0);
}

#[test]
fn apache() {
    let Some(python) = python() else { skipped!("there is no Python") };
    let tunnel = Tunnel::new(&["--access-log", "apache"]);
    let log = traffic(&tunnel);
    let found = read(&python, &log, &["apache"]);
    // Without the address, the time and the bytes.
    let short = |line: &String| {
        let fields: Vec<&str> = line.split('|').collect();
        assert_eq!(fields[0], "127.0.0.1");
        [fields[2], fields[3], fields[5], fields[6]].join("|")
    };
    let expected = [
        "GET / HTTP/1.1|200|-|-",
        "HEAD /x HTTP/1.0|204|-|-",
        "POST /y HTTP/1.1|500|-|-",
        "GET /a\\\"b\\\\c?d=\\xff HTTP/1.1|200|http://r/|caf\\xc3\\xa9 \\xe9\\t\\\"x\\\" \\\\",
        &format!("GET /{}... HTTP/1.1|200|-|-", "x".repeat(2047)),
        "GET / HTTP/1.1|200|-|-",
        "GET / HTTP/1.1|-|-|-",
    ];
    assert_eq!(found.iter().map(short).collect::<Vec<_>>(), expected);
}

#[test]
fn what_wayside_answers_itself() {
    let Some(python) = python() else { skipped!("there is no Python") };
    let (_socket, addr) = refusing();
    let wayside = Wayside::start(&["--access-log", "json", "--forward", &forward(addr)]);
    let mut client = wayside.connect(0);
    client.write_all(GET).expect("to ask");
    client.read_to_end(&mut Vec::new()).expect("an answer");
    let log = wait_for(&wayside, 1);
    let found = read(&python, &log, &["json", "status", "error", "host"]);
    assert_eq!(found, ["502|connection refused|example.com"]);
}

#[test]
fn other_protocols_have_no_lines() {
    let tunnel = Tunnel::new(&["--access-log", "json"]);
    let (client, server) = tunnel.pair();
    exchange(&client, &server, b"*1\r\n$4\r\nPING\r\n", b"+PONG\r\n");
    exchange(&client, &server, GET, OK);
    drop((client, server));
    let gone = || tunnel.wayside.metrics().sum("tcp_open_connections", &[]) == 0.0;
    eventually("it has gone", LIMIT, gone);
    assert_eq!(lines(&tunnel.wayside.stdout()), "");
}

#[test]
fn both_directions() {
    let Some(python) = python() else { skipped!("there is no Python") };
    if let Err(why) = Family::V4.packet_filter() {
        skipped!("{why}");
    }
    let pod = Pod::new(Family::V4, &[], &["--access-log", "json"]);
    let (inner, outer) = (pod.app(8080), pod.far(80));
    let (client, server) = pod.inbound(8080);
    exchange(&client, &server, GET, OK);
    let (client, server) = pod.outbound(80);
    exchange(&client, &server, GET, OK);
    let mut log = String::new();
    eventually("two lines", LIMIT, || {
        log = lines(&pod.wayside().stdout());
        log.matches('\n').count() == 2
    });
    let found = read(&python, &log, &["json", "direction", "target.addr", "status"]);
    assert_eq!(found, [format!("inbound|{inner}|200"), format!("outbound|{outer}|200")]);
}
