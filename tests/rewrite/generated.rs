//! Heads made at random. Seed and number of them: `WAYSIDE_SEED`, `WAYSIDE_HEADS`.

use crate::is_strict_head;
use crate::random::{Random, number};
use wayside::wire::event::Peer;
use wayside::wire::h1::rewrite::{After, Hop, MAX_GROWTH, Rewritten, request, response};
use wayside::wire::h1::{fields, is_loop};

const LINES: [&str; 30] = [
    "Connection: close",
    "Connection: keep-alive, X-Mine",
    "connection:TE,Upgrade , close",
    "CONNECTION: content-length, transfer-encoding, host, x-forwarded-for",
    "Connection: ,",
    "Keep-Alive: timeout=5",
    "keep-alive:",
    "Proxy-Connection: keep-alive",
    "Proxy-Authorization: Basic eA==",
    "Upgrade: websocket",
    "Upgrade: h2c",
    "TE: trailers",
    "TE: gzip",
    "X-Mine: 1",
    "x-mine:  2 ",
    "X-Forwarded-For: 1.2.3.4",
    "Via: 1.1 other",
    "Max-Forwards: 7",
    "max-forwards: 0",
    "Cookie: a=b; c=\"d,e\"",
    "Cookie: f=g",
    "Accept:*/*",
    "X-Empty:",
    "X-Latin: \u{e9}\u{e8}",
    "User-Agent: x (close, keep-alive)",
    "Content-Type: text/plain",
    "Expect: 100-continue",
    "Date: Sun, 06 Nov 1994 08:49:37 GMT",
    "ETag: \"close\"",
    "X-Last: y",
];

fn head(random: &mut Random, peer: Peer) -> Vec<u8> {
    let mut lines = Vec::new();
    let is_http10 = random.one_in(4);
    let version = if is_http10 { "HTTP/1.0" } else { "HTTP/1.1" };
    let length = *random.pick(&["Content-Length: 5", "content-length:0", "Transfer-Encoding: chunked"]);
    if peer == Peer::Client {
        let methods = ["GET", "POST", "OPTIONS", "TRACE", "x-OWN"];
        let targets = ["/", "/a?b", "http://c", "http://c:81/d", "http://[::1]?e", "HTTP://c/"];
        lines.push(format!("{} {} {version}", random.pick(&methods), random.pick(&targets)));
    } else {
        lines.push(format!(
            "{version} {}",
            random.pick(&["200 OK", "404 ", "204 No", "100 Go", "101 S", "304 N"])
        ));
    }
    for _ in 0..random.below(12) {
        lines.push((*random.pick(&LINES)).to_owned());
    }
    let has_no_body = [" 20", " 10"].iter().any(|status| lines[0].contains(status));
    // Strict parsing refuses those of GET and TRACE.
    let has_none_by_rule = ["GET ", "TRACE "].iter().any(|method| lines[0].starts_with(method));
    let is_unframed = has_no_body || has_none_by_rule || (is_http10 && length.starts_with('T'));
    if !is_unframed && !random.one_in(3) {
        lines.insert(1 + random.below(lines.len()), length.to_owned());
    }
    if peer == Peer::Client && (!is_http10 || random.one_in(2)) {
        lines.insert(
            1 + random.below(lines.len()),
            (*random.pick(&["Host: a", "host:b:1", "HOST:"])).to_owned(),
        );
    }
    let blank = if peer == Peer::Client && random.one_in(8) { "\r\n" } else { "" };
    format!("{blank}{}\r\n\r\n", lines.join("\r\n")).into_bytes()
}

/// The lines that no hop may touch, as sent.
fn end_to_end(head: &[u8]) -> Vec<Vec<u8>> {
    let names: [&[u8]; 12] = [
        b"content-length",
        b"transfer-encoding",
        b"x-forwarded-for",
        b"cookie",
        b"accept",
        b"x-empty",
        b"x-latin",
        b"user-agent",
        b"content-type",
        b"date",
        b"etag",
        b"x-last",
    ];
    let lines = head.split_inclusive(|&byte| byte == b'\n').map(<[u8]>::to_vec);
    let is_one = |line: &Vec<u8>| {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default().to_ascii_lowercase();
        names.contains(&&name[..])
    };
    lines.filter(is_one).collect()
}

fn rewrite(peer: Peer, head: &[u8], hop: Hop<'_>, after: After) -> Vec<u8> {
    let mut out = Vec::new();
    let result = match peer {
        Peer::Client => request(head, hop, &mut out),
        Peer::Server => response(head, hop, after, &mut out),
    };
    match result.expect("it can go on") {
        Rewritten::AsItIs => {
            assert_eq!(out, b"");
            head.to_vec()
        }
        Rewritten::Changed => {
            assert_ne!(out, head);
            out
        }
    }
}

#[test]
fn what_is_rewritten_is_a_strict_head_with_the_same_end_to_end_fields() {
    let seed = number("WAYSIDE_SEED", 1);
    let mut random = Random::new(seed);
    for count in 0..number("WAYSIDE_HEADS", 20_000) {
        let peer = if random.one_in(2) { Peer::Client } else { Peer::Server };
        let from = head(&mut random, peer);
        let name = format!("seed {seed}, head {count}: {}", String::from_utf8_lossy(&from));
        assert!(is_strict_head(peer, &from), "{name}");
        let after = *random.pick(&[After::Keep, After::KeepHttp10, After::Close]);
        for hop in [Hop::Shared, Hop::Explicit { via: "way" }] {
            let to = rewrite(peer, &from, hop, after);
            assert!(is_strict_head(peer, &to), "{name}\n{}", String::from_utf8_lossy(&to));
            assert!(to.len() <= from.len() + MAX_GROWTH + 3, "{name}");
            assert_eq!(end_to_end(&from), end_to_end(&to), "{name}");
            let gone: [&[u8]; 2] = [b"keep-alive", b"proxy-connection"];
            let is_over =
                peer == Peer::Server && from.starts_with(b"HTTP/1.") && from[8..].starts_with(b" 101");
            if hop == Hop::Shared {
                assert_eq!(rewrite(peer, &to, hop, after), to, "{name}");
                assert!(!is_loop(&to, "way"), "{name}");
            } else {
                assert!(is_loop(&to, "way"), "{name}");
            }
            assert!(
                (hop == Hop::Shared && is_over)
                    || !fields(&to).any(|field| gone.iter().any(|it| field.is(it))),
                "{name}"
            );
        }
    }
}
