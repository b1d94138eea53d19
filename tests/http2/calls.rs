//! gRPC calls that wayside answers itself: whatever listener they come to and whatever the cause, the answer is trailers only, with
//! the status that belongs to it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use crate::support::*;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const ACK: &[u8] = b"\0\0\0\x04\x01\0\0\0\0";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;

/// `name` and `value` as HPACK spells them out.
fn spelt(name: &str, value: &str) -> Vec<u8> {
    let sized = |text: &str| [&[u8::try_from(text.len()).expect("a short one")], text.as_bytes()].concat();
    [vec![0], sized(name), sized(value)].concat()
}

/// A call without a message, on stream 1.
fn call() -> Vec<u8> {
    let fields = [
        (":method", "POST"),
        (":scheme", "http"),
        (":path", "/pkg.Service/Get"),
        (":authority", "a.test"),
        ("te", "trailers"),
        ("content-type", "application/grpc"),
    ];
    let block: Vec<u8> = fields.iter().flat_map(|(name, value)| spelt(name, value)).collect();
    let length = u8::try_from(block.len()).expect("a short one");
    [&[0, 0, length, HEADERS, 5, 0, 0, 0, 1], &block[..]].concat()
}

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u8,
    payload: Vec<u8>,
}

/// The next frame; none at the end.
fn next(stream: &mut TcpStream) -> Option<Frame> {
    let mut head = [0; 9];
    match stream.read_exact(&mut head) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => return None,
        other => other.expect("a frame or the end"),
    }
    let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut payload).expect("its payload");
    Some(Frame { kind: head[3], flags: head[4], stream: head[8], payload })
}

/// Fields that are all spelt out without the Huffman code, as those of our answers are.
fn fields(mut block: &[u8]) -> Vec<(String, String)> {
    let mut text = || {
        let (length, rest) = block.split_first()?;
        let (text, rest) = rest.split_at_checked((*length).into())?;
        block = rest;
        Some(String::from_utf8(text.to_vec()).expect("text"))
    };
    let mut all = Vec::new();
    // The byte before a name is 0, as the length of an empty text.
    while let Some(first) = text() {
        assert_eq!(first, "", "a field that is spelt out");
        all.push((text().expect("a name"), text().expect("a value")));
    }
    all
}

/// Whether a client waits for its server's SETTINGS before it asks, as those of C do.
const WAITS: [bool; 2] = [false, true];

/// Makes the call, and reads the answer to the end.
fn answer(addr: SocketAddr, waits: bool, before_asking: impl Fn()) -> Vec<Frame> {
    let mut client = connect(addr).expect("a connection");
    let mut heard = Vec::new();
    if waits {
        client.write_all(PREFACE).expect("to send");
        let first = next(&mut client).expect("SETTINGS");
        assert_eq!((first.kind, first.flags), (SETTINGS, 0), "{first:?}");
        heard.push(first);
    }
    before_asking();
    client
        .write_all(&if waits { [ACK, &call()].concat() } else { [PREFACE, &call()].concat() })
        .expect("to ask");
    while let Some(frame) = next(&mut client) {
        heard.push(frame);
    }
    heard
}

#[track_caller]
fn expect(wayside: &Wayside, addr: SocketAddr, (status, cause): (&str, &str), before_asking: impl Fn()) {
    for waits in WAITS {
        let frames = answer(addr, waits, &before_asking);
        let answers: Vec<&Frame> = frames.iter().filter(|frame| frame.stream == 1).collect();
        let [trailers] = answers[..] else { panic!("{cause}: not one frame: {frames:?}") };
        // END_HEADERS and END_STREAM.
        assert_eq!((trailers.kind, trailers.flags), (HEADERS, 5), "{cause}");
        let expected = [
            (":status", "200"),
            ("content-type", "application/grpc"),
            ("grpc-status", status),
            ("grpc-message", cause),
            ("wayside-error", cause),
        ];
        let said = fields(&trailers.payload);
        let said: Vec<_> = said.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(said, expected);
        let last = frames.last().expect("frames");
        assert_eq!((last.kind, &last.payload[..8]), (GOAWAY, &[0, 0, 0, 1, 0, 0, 0, 0][..]), "{cause}");
        assert_eq!(frames.iter().filter(|frame| frame.kind == SETTINGS && frame.flags == 0).count(), 1);
        assert!(frames.iter().all(|frame| frame.kind != DATA), "{frames:?}");
    }
    let labels =
        [("status_code", "200"), ("grpc_status", status), ("error", cause), ("classification", "failure")];
    // What the client asked wrongly is no failure of a service (Linkerd's list).
    let labels = if status == "5" { &labels[..3] } else { &labels[..] };
    let counted = || wayside.metrics().sum("response_total", labels);
    eventually("both are counted", LIMIT, || counted() == 2.0);
    assert_eq!(wayside.metrics().sum("http_requests_in_flight", &[]), 0.0);
}

#[test]
fn through_a_forward() {
    let (_held, dead) = refusing();
    let (_listener, _fillers, silent) = full();
    for direction in ["", "inbound:"] {
        for rigour in [&[][..], &["--http-strict"], &["--http-reuse"]] {
            for (target, expected) in
                [(dead, ("14", "connection refused")), (silent, ("4", "connect timeout"))]
            {
                let forward = format!("--forward={direction}127.0.0.1:0={target}");
                let wayside = Wayside::start(&[&["--connect-timeout=200ms", &forward], rigour].concat());
                expect(&wayside, wayside.addr(0), expected, || {});
            }
        }
    }
}

#[test]
fn as_to_a_proxy() {
    let wayside = Wayside::start(&["--outbound-listen=127.0.0.1:0"]);
    expect(&wayside, wayside.outbound()[0], ("5", "no route"), || {});
    let other = ["--outbound-listen=127.0.0.1:0", "--proxy-clients=192.0.2.1", "--connect-ports=443"];
    let wayside = Wayside::start(&other);
    expect(&wayside, wayside.outbound()[0], ("7", "client not allowed to use this proxy"), || {});
}

#[test]
fn by_a_route() {
    let (_held, dead) = refusing();
    let (_listener, _fillers, silent) = full();
    let live = Server::sink();
    let set_limit = |wayside: &Wayside, current: u64| {
        let pid = rustix::process::Pid::from_raw(wayside.pid() as i32);
        let limit = rustix::process::Rlimit { current: Some(current), maximum: Some(20_000) };
        rustix::process::prlimit(pid, rustix::process::Resource::Nofile, limit).expect("to change its limit");
    };
    for (server, expected) in [
        (format!("'{dead}'"), ("14", "connection refused")),
        (format!("'{silent}'"), ("4", "connect timeout")),
    ] {
        let (wayside, _dir) = routed(&server);
        // By way of a forward, and as to a proxy.
        expect(&wayside, wayside.addr(0), expected, || {});
        let (wayside, _dir) = routed(&server);
        expect(&wayside, wayside.outbound()[0], expected, || {});
    }
    let (wayside, _dir) = routed(&format!("'{}'", live.addr()));
    // One that is accepted already.
    let frames = answer(wayside.addr(0), true, || set_limit(&wayside, 3));
    set_limit(&wayside, 1_000);
    let refusal = frames.iter().find(|frame| frame.kind == HEADERS).expect("an answer");
    let said = fields(&refusal.payload);
    assert_eq!((said[2].1.as_str(), said[4].1.as_str()), ("14", "out of descriptors or memory"));
}

/// A forward, and a proxy, all of whose requests go to a backend set of this server.
fn routed(server: &str) -> (Wayside, TempDir) {
    let dir = TempDir::new();
    let text = format!(
        "admin-listen = '127.0.0.1:0'\ninbound-listen = 'off'\noutbound-listen = '127.0.0.1:0'\n\
         connect-timeout = '200ms'\nforward = '127.0.0.1:0=127.0.0.1:9'\n[[route]]\nbackend = 'a'\n\
         [backends.a]\nservers = [{server}]\n"
    );
    let path = dir.file("wayside.toml", text);
    (Wayside::start(&["--config", path.to_str().expect("a path")]), dir)
}

/// The protocol is HTTP/2 only. What names it in HTTP/1 is no call, and is told by the status, as gRPC-Web's clients know it.
#[test]
fn in_http_1_there_is_no_such_call() {
    let (_held, dead) = refusing();
    let wayside = Wayside::start(&["--forward", &format!("127.0.0.1:0={dead}")]);
    for kind in ["application/grpc", "application/grpc-web+proto"] {
        let mut client = wayside.connect(0);
        let head = format!(
            "POST /pkg.Service/Get HTTP/1.1\r\nHost: h\r\nContent-Type: {kind}\r\nContent-Length: 0\r\n\r\n"
        );
        client.write_all(head.as_bytes()).expect("to ask");
        let mut said = String::new();
        client.read_to_string(&mut said).expect("an answer");
        assert!(
            said.starts_with("HTTP/1.1 502 Bad Gateway\r\nwayside-error: connection refused\r\n"),
            "{said}"
        );
        assert!(!said.contains("grpc-status"), "{said}");
    }
}
