//! No client ever gets another's answer, whatever clients and servers do in between.

use std::io::{self, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::http::{Body, Message, Peer};
use crate::support::*;

const CLIENTS: usize = 64;
/// In the suite, and with `WAYSIDE_LONG`.
const REQUESTS: [usize; 2] = [100_000, 1_000_000];

/// What happens to a request: the first element of its path. The second is its id.
const KINDS: [&str; 24] = [
    "plain",
    "plain",
    "plain",
    "plain",
    "chunked",
    "interim",
    "empty",
    "unchanged",
    "head",
    "post",
    "early",
    "early-close",
    "until-close",
    "server-closes",
    "client-closes",
    "old",
    "old-kept",
    "cut",
    "gone",
    "behind",
    "give-up",
    "half",
    "gone-half",
    "hang-up",
];

/// The body of a request that is answered before it has ended.
const LONG: usize = 20_000;

/// Another answer behind the one that was asked for.
const BEHIND: &[u8] = b"HTTP/1.1 200 OK\r\nX-Id: nobody\r\nContent-Length: 6\r\n\r\nnobody";

/// What a server that keeps and breaks all rules does.
fn serve(stream: TcpStream) -> io::Result<()> {
    let mut peer = Peer::new(stream);
    loop {
        let Some(head) = peer.head()? else { return Ok(()) };
        let message = Message { head: head.clone(), body: Vec::new() };
        let mut path = message.second().split('/').skip(1);
        let (kind, id) = (path.next().unwrap_or_default(), path.next().unwrap_or_default().to_owned());
        let is_early = kind.starts_with("early");
        if !is_early {
            peer.body(head.clone(), Body::Framed, false)?;
        }
        let answer = |first: &str, framing: &str, body: &str| {
            format!("HTTP/1.1 {first}\r\nX-Id: {id}\r\n{framing}\r\n{body}").into_bytes()
        };
        let framed = format!("Content-Length: {}\r\n", id.len());
        let plain = answer("200 OK", &framed, &id);
        let (bytes, is_last) = match kind {
            "chunked" => {
                let chunked = format!("{:x}\r\n{id}\r\n0\r\n\r\n", id.len());
                (answer("200 OK", "Transfer-Encoding: chunked\r\n", &chunked), false)
            }
            "interim" => {
                let hints = answer("103 Early Hints", "Link: </a>\r\n", "");
                ([answer("100 Continue", "", ""), hints, plain].concat(), false)
            }
            "empty" => (answer("204 No Content", "", ""), false),
            "unchanged" => (answer("304 Not Modified", "Content-Length: 100\r\n", ""), false),
            "head" => (answer("200 OK", "Content-Length: 1000\r\n", ""), false),
            "early-close" | "server-closes" => {
                (answer("200 OK", &format!("Connection: close\r\n{framed}"), &id), true)
            }
            "until-close" => (answer("200 OK", "", &id), true),
            "cut" => (answer("200 OK", "Content-Length: 1000\r\n", &id), true),
            "gone" | "gone-half" => {
                if id.ends_with('1') {
                    reset(peer.stream);
                }
                return Ok(());
            }
            "behind" => ([&plain, BEHIND].concat(), false),
            "hang-up" => {
                (answer("200 OK", "Content-Length: 300000\r\n", &id.repeat(300_000 / id.len())), false)
            }
            _ => (plain, false),
        };
        peer.stream.write_all(&bytes)?;
        if is_last {
            return Ok(());
        }
        if is_early {
            peer.body(head, Body::Framed, false)?;
        }
    }
}

/// The requests of one client.
struct Client<'a> {
    wayside: &'a Wayside,
    random: Random,
    kept: Option<Peer>,
    answered: &'a AtomicUsize,
    refused: &'a AtomicUsize,
}

impl Client<'_> {
    fn run(&mut self, first: usize, total: usize) {
        let mut id = first;
        while id < total {
            let mut peer = self.kept.take().unwrap_or_else(|| Peer::new(self.wayside.connect(0)));
            let kind = KINDS[self.random.between(0, KINDS.len() - 1)];
            let burst = if kind == "plain" { self.random.between(1, 3) } else { 1 };
            let ids: Vec<_> = (0..burst).map(|nth| id + nth * CLIENTS).collect();
            id += burst * CLIENTS;
            let requests: Vec<u8> = ids.iter().flat_map(|id| request(kind, *id)).collect();
            if self.one(&mut peer, kind, &ids, &requests) {
                self.kept = Some(peer);
            }
        }
    }

    /// True if the connection can be used again.
    fn one(&self, peer: &mut Peer, kind: &str, ids: &[usize], requests: &[u8]) -> bool {
        let is_early = kind.starts_with("early");
        let (first, rest) = requests.split_at(if is_early { requests.len() / 2 } else { requests.len() });
        peer.stream.write_all(first).expect("to ask");
        if kind == "give-up" {
            return false;
        }
        if kind.ends_with("half") {
            finish(&peer.stream);
        }
        for &id in ids {
            if kind == "hang-up" {
                // Its answer is on its way.
                let head = peer.head().expect("a head").expect("no end");
                assert_eq!(Message { head, body: vec![] }.field("x-id"), Some(&*id.to_string()));
                return false;
            }
            let body = if kind == "head" { Body::None } else { Body::Framed };
            let answer = match peer.response(body) {
                Ok(answer) => answer,
                Err(_) if kind == "cut" => return false,
                Err(error) => panic!("{kind} {id}: {error}"),
            };
            if !self.is_right(kind, id, &answer) {
                return false;
            }
        }
        assert_eq!(peer.behind(), b"", "{kind}");
        if is_early {
            // The server may have gone.
            let is_taken = peer.stream.write_all(rest).is_ok();
            assert!(is_taken || kind == "early-close");
        }
        if kind.ends_with("half") {
            expect_eof(&peer.stream, LIMIT);
            return false;
        }
        !["until-close", "old", "client-closes"].contains(&kind)
    }

    /// True if the connection stays.
    fn is_right(&self, kind: &str, id: usize, answer: &Message) -> bool {
        let id = id.to_string();
        if answer.second() == "502" {
            assert!(kind.starts_with("gone"), "{kind}: {answer:?}");
            assert!(answer.field("wayside-error").is_some());
            self.refused.fetch_add(1, Ordering::Relaxed);
            return !answer.is_last();
        }
        assert_eq!(answer.field("x-id"), Some(&*id), "{kind}: another's answer: {answer:?}");
        if !["empty", "unchanged", "head"].contains(&kind) {
            assert_eq!(answer.body, id.as_bytes(), "{kind}");
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        !answer.is_last()
    }
}

fn request(kind: &str, id: usize) -> Vec<u8> {
    let head = |method: &str, version: &str, fields: &str| {
        format!("{method} /{kind}/{id} HTTP/{version}\r\nHost: h\r\n{fields}\r\n").into_bytes()
    };
    let long = || vec![b'x'; LONG];
    match kind {
        "head" => head("HEAD", "1.1", ""),
        "post" => [&head("POST", "1.1", "Content-Length: 5\r\n")[..], b"hello"].concat(),
        "early" | "early-close" => {
            [head("PUT", "1.1", &format!("Content-Length: {LONG}\r\n")), long()].concat()
        }
        "give-up" => head("POST", "1.1", &format!("Content-Length: {LONG}\r\n")),
        "client-closes" => head("GET", "1.1", "Connection: close\r\n"),
        "old" => head("GET", "1.0", ""),
        "old-kept" => head("GET", "1.0", "Connection: keep-alive\r\n"),
        _ => head("GET", "1.1", ""),
    }
}

#[test]
fn every_answer_comes_to_whoever_asked() {
    let total = REQUESTS[usize::from(std::env::var_os("WAYSIDE_LONG").is_some())];
    let seed = seed();
    let server = Server::start(serve);
    let forward = format!("127.0.0.1:0={}", server.addr());
    let wayside = Wayside::start(&["--forward", &forward, "--http-reuse", "--pool-size", "8"]);
    let idle = wayside.fds();
    let (answered, refused) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let (wayside, answered, refused) = (&wayside, &answered, &refused);
            let random = Random::new(seed.wrapping_mul(number as u64 + 1));
            let mut client = Client { wayside, random, kept: None, answered, refused };
            scope.spawn(move || client.run(number, total));
        }
    });
    println!(
        "{total} requests: {answered:?} answered, {refused:?} refused, {} connections",
        server.accepted()
    );
    assert!(answered.into_inner() * 10 > total * 7, "most were not answered");
    eventually("only kept connections are left", LIMIT, || {
        let metrics = wayside.metrics();
        metrics.sum("http_requests_in_flight", &[]) == 0.0
            && metrics.sum("tcp_open_connections", &[("peer", "src")]) == 0.0
            && metrics.sum("tcp_open_connections", &[("peer", "dst")]) <= 8.0
            // 8 kept connections, and what serves this scrape.
            && wayside.fds() <= idle + 8 + 2
    });
}
