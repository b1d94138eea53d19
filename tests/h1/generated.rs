//! Random conversations: the generator knows what happened, the observer must say the same, however the bytes are cut.

use crate::random::{Random, number};
use crate::support::Run;
use wayside::wire::event::Peer;

/// A message's bytes and the events that they settle.
#[derive(Default)]
struct Line {
    bytes: Vec<u8>,
    events: Vec<String>,
}

impl Line {
    fn say(&mut self, event: String) {
        self.events.push(event);
    }
}

/// An exchange in the making, to be sent in the phases request, answer.
struct Exchange {
    request: Line,
    answer: Line,
    /// The connection ends with the answer.
    is_last: bool,
    /// It becomes a tunnel.
    is_tunnel: bool,
}

fn filler(random: &mut Random, out: &mut Vec<u8>) {
    let fields = [
        "Accept: */*",
        "accept-ENCODING: gzip",
        "X-Long: ",
        "Cookie: a=b; c=d",
        "Connection: keep-alive",
        "X:",
        "Via: 1.1 x",
    ];
    for _ in 0..random.below(6) {
        let field = random.pick(&fields);
        out.extend_from_slice(field.as_bytes());
        if field.ends_with(": ") {
            out.extend(std::iter::repeat_n(b'v', 1 + random.below(200)));
        }
        out.extend_from_slice(b"\r\n");
    }
}

/// Bytes that look like anything, heads among them.
fn content(random: &mut Random, len: usize) -> Vec<u8> {
    let text = b"\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n\0\xff";
    let start = random.below(text.len());
    text.iter().cycle().skip(start).take(len).copied().collect()
}

/// Appends chunks; returns the trailers' status.
fn chunks(random: &mut Random, out: &mut Vec<u8>) -> Option<u32> {
    for _ in 0..random.below(4) {
        let len = 1 + random.below(40);
        let size = if random.one_in(2) { format!("{len:x}") } else { format!("{len:05X};ext=\"a b\"") };
        out.extend_from_slice(size.as_bytes());
        out.extend_from_slice(b"\r\n");
        out.extend(content(random, len));
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b"0\r\n");
    let status = random.one_in(3).then(|| random.below(17) as u32);
    if let Some(status) = status {
        out.extend_from_slice(format!("X-A: b\r\nGrpc-Status: {status}\r\n").as_bytes());
    }
    out.extend_from_slice(b"\r\n");
    status
}

fn grpc(status: Option<u32>) -> String {
    status.map_or(String::new(), |status| format!(" grpc={status}"))
}

fn request(random: &mut Random, id: usize, method: &str, line: &mut Line) {
    let is_connect = method == "CONNECT";
    let target = if is_connect {
        "c:443"
    } else {
        *random.pick(&["/", "/x?y=z", "http://d.example/p", "/a/very/long/path"])
    };
    let host = *random.pick(&["a.example", "B:80", "[::1]"]);
    let host = if target.starts_with("http") { "d.example" } else { host };
    let authority = if is_connect { "c:443" } else { host };
    if random.one_in(8) {
        line.bytes.extend_from_slice(b"\r\n");
    }
    line.bytes.extend_from_slice(format!("{method} {target} HTTP/1.1\r\n").as_bytes());
    filler(random, &mut line.bytes);
    line.bytes.extend_from_slice(format!("hoST: {host}\r\n").as_bytes());
    filler(random, &mut line.bytes);
    let event = format!("> {id} {method} [{authority}] {target}");
    let is_bodiless = matches!(method, "CONNECT" | "GET" | "HEAD");
    match random.below(if is_bodiless { 1 } else { 3 }) {
        0 => {
            line.bytes.extend_from_slice(b"\r\n");
            line.say(event);
        }
        1 => {
            let len = random.below(60);
            line.bytes.extend_from_slice(format!("content-length: {len}\r\n\r\n").as_bytes());
            line.say(event);
            line.bytes.extend(content(random, len));
        }
        _ => {
            line.bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            line.say(event);
            chunks(random, &mut line.bytes);
        }
    }
    line.say(format!(">| {id}"));
}

fn answer(random: &mut Random, id: usize, method: &str, line: &mut Line) -> (bool, bool) {
    for _ in 0..random.below(3).saturating_sub(1) {
        let status = *random.pick(&[100, 102, 103]);
        line.bytes.extend_from_slice(format!("HTTP/1.1 {status} Interim\r\nLink: x\r\n\r\n").as_bytes());
        line.say(format!("<i {id} {status}"));
    }
    let is_tunnel = method == "CONNECT" && random.one_in(2);
    let status = if is_tunnel { 200 } else { *random.pick(&[200, 204, 304, 404, 503]) };
    let status = if method == "CONNECT" && !is_tunnel { 403 } else { status };
    line.bytes.extend_from_slice(format!("HTTP/1.1 {status} Phrase\r\n").as_bytes());
    filler(random, &mut line.bytes);
    let in_head = random.one_in(5).then(|| random.below(17) as u32);
    if let Some(status) = in_head {
        line.bytes.extend_from_slice(format!("grpc-status: {status}\r\n").as_bytes());
    }
    let event = format!("< {id} {status}{}", grpc(in_head));
    let end = |status: Option<u32>| format!("<| {id}{}", grpc(status.or(in_head)));
    if is_tunnel {
        line.bytes.extend_from_slice(b"\r\n");
        line.say(event);
        line.say(format!("tunnel {id}"));
        let len = random.below(50);
        line.bytes.extend(content(random, len));
        return (true, true);
    }
    if status == 204 || status == 304 || method == "HEAD" {
        if status != 204 {
            line.bytes.extend_from_slice(if random.one_in(2) { &b"Content-Length: 77\r\n"[..] } else { b"" });
        }
        line.bytes.extend_from_slice(b"\r\n");
        line.say(event);
        line.say(end(None));
        return (false, false);
    }
    match random.below(5) {
        0 | 1 => {
            let len = random.below(60);
            line.bytes.extend_from_slice(format!("Content-Length: {len}\r\n\r\n").as_bytes());
            line.say(event);
            line.bytes.extend(content(random, len));
            line.say(end(None));
        }
        2 | 3 => {
            line.bytes.extend_from_slice(b"Transfer-Encoding: chunked\r\n\r\n");
            line.say(event);
            let status = chunks(random, &mut line.bytes);
            line.say(end(status));
        }
        _ => {
            line.bytes.extend_from_slice(b"\r\n");
            line.say(event);
            let len = random.below(60);
            line.bytes.extend(content(random, len));
            line.say(end(None));
            return (true, false);
        }
    }
    (false, false)
}

fn exchange(random: &mut Random, id: usize) -> Exchange {
    let method = *random.pick(&["GET", "POST", "HEAD", "DELETE", "CONNECT", "PURGE"]);
    let (mut request_line, mut answer_line) = (Line::default(), Line::default());
    request(random, id, method, &mut request_line);
    let (is_last, is_tunnel) = answer(random, id, method, &mut answer_line);
    Exchange { request: request_line, answer: answer_line, is_last, is_tunnel }
}

/// Shows a line in pieces and notes the events it must give.
fn send(random: &mut Random, run: &mut Run, expected: &mut Vec<String>, peer: Peer, lines: &[&Line]) {
    let bytes: Vec<u8> = lines.iter().flat_map(|line| line.bytes.iter().copied()).collect();
    let mut rest = bytes.as_slice();
    let most = *random.pick(&[1, 3, 20, 300, 10_000]);
    while !rest.is_empty() {
        let (piece, later) = rest.split_at((1 + random.below(most)).min(rest.len()));
        run.piece(peer, piece);
        rest = later;
    }
    expected.extend(lines.iter().flat_map(|line| line.events.iter().cloned()));
}

/// One connection: bursts of requests, then their answers.
fn conversation(random: &mut Random, is_strict: bool, has_skips: bool) -> (Run, Vec<String>, bool) {
    let mut run = Run::new(is_strict, has_skips);
    let mut expected = Vec::new();
    for _ in 0..1 + random.below(4) {
        let count = if random.one_in(3) { 1 + random.below(5) } else { 1 };
        let mut burst = Vec::new();
        for id in 0..count {
            let exchange = exchange(random, id);
            let is_connect = exchange.request.bytes.windows(7).any(|window| window == b"CONNECT");
            let is_end = exchange.is_last || is_connect;
            burst.push(exchange);
            if is_end {
                break;
            }
        }
        let requests: Vec<&Line> = burst.iter().map(|exchange| &exchange.request).collect();
        send(random, &mut run, &mut expected, Peer::Client, &requests);
        let answers: Vec<&Line> = burst.iter().map(|exchange| &exchange.answer).collect();
        send(random, &mut run, &mut expected, Peer::Server, &answers);
        let Some(last) = burst.last().filter(|last| last.is_last) else { continue };
        let id = burst.len() - 1;
        let until_close = if last.is_tunnel { Some(format!("<| {id}")) } else { None };
        let grpc_in_head =
            last.answer.events.iter().find_map(|event| event.split_once(" grpc=").map(|(_, s)| s.to_owned()));
        let first_end = *random.pick(&[Peer::Client, Peer::Server]);
        if last.is_tunnel && first_end == Peer::Client {
            run.end(Peer::Client);
        }
        run.end(Peer::Server);
        if last.is_tunnel && first_end == Peer::Server {
            run.end(Peer::Client);
        }
        expected.extend(
            until_close.map(|end| grpc_in_head.map_or(end.clone(), |status| format!("{end} grpc={status}"))),
        );
        return (run, expected, true);
    }
    (run, expected, false)
}

#[test]
fn generated_conversations_are_told_as_they_were() {
    let count = number("WAYSIDE_CONVERSATIONS", 20_000);
    let seed = number("WAYSIDE_SEED", 1);
    let mut random = Random::new(seed);
    let mut said = 0usize;
    for turn in 0..count {
        let (is_strict, has_skips) = (random.one_in(2), random.one_in(2));
        let (run, expected, has_ended) = conversation(&mut random, is_strict, has_skips);
        let outcome = run.outcome();
        assert_eq!(
            outcome.events, expected,
            "turn {turn} of seed {seed}, strict {is_strict}, skips {has_skips}"
        );
        assert_eq!(outcome.fault, None, "turn {turn} of seed {seed}");
        assert!(has_ended || outcome.is_at_boundary, "turn {turn} of seed {seed}");
        said += expected.len();
    }
    println!("{count} conversations, {said} events");
    assert!(said as u64 > 5 * count);
}
