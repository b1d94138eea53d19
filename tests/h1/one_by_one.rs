//! One exchange at a time: what lies behind a request, or behind the response that ends the exchange, does not pass.

use crate::support::short;
use wayside::wire::event::{Event, Peer, Sink};
use wayside::wire::h1::Observer;

/// What the client sends and the server answers, exchange by exchange.
type Exchange = (&'static [u8], &'static [u8]);

const EXCHANGES: [Exchange; 6] = [
    (b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"),
    (
        b"POST /2 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nx: y\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nz\r\n0\r\n\r\n",
    ),
    (b"HEAD /3 HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n"),
    (b"PUT /4 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nGET /", b"HTTP/1.1 204 No Content\r\n\r\n"),
    (b"GET /5 HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n", b"HTTP/1.1 304 Not Modified\r\n\r\n"),
    (b"GET /6 HTTP/1.0\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
];

/// Counts exchanges, and remembers how long the heads were.
#[derive(Default)]
struct Told {
    events: Vec<String>,
    heads: Vec<(Peer, usize)>,
}

impl Sink for Told {
    fn event(&mut self, event: Event<'_>) {
        self.events.push(short(event));
    }

    fn head(&mut self, by: Peer, head: &[u8]) {
        self.heads.push((by, head.len()));
    }
}

/// Shows a side's bytes in pieces of `size`, and stops where it is told to. Returns how many passed.
fn show(observer: &mut Observer, peer: Peer, bytes: &[u8], size: usize, told: &mut Told) -> usize {
    let mut passed = 0;
    for piece in bytes.chunks(size) {
        if observer.is_paused(peer) {
            break;
        }
        passed += match peer {
            Peer::Client => observer.client(piece, told),
            Peer::Server => observer.server(piece, told),
        };
    }
    passed
}

#[test]
fn each_exchange_stands_alone_however_its_bytes_come() {
    let requests: Vec<u8> = EXCHANGES.iter().flat_map(|(request, _)| *request).copied().collect();
    for size in 1..=requests.len() {
        let mut observer = Observer::new(true);
        let mut rest = requests.as_slice();
        for (number, (request, response)) in EXCHANGES.iter().enumerate() {
            let mut told = Told::default();
            observer.set_rigour(true, true);
            let passed = show(&mut observer, Peer::Client, rest, size, &mut told);
            assert_eq!(passed, request.len(), "request {number} in pieces of {size}");
            assert!(observer.is_paused(Peer::Client) && !observer.is_over());
            // A server that says more than it was asked for.
            let said = [*response, b"HTTP/1.1 200 OK\r\n\r\nevil"].concat();
            let passed = show(&mut observer, Peer::Server, &said, size, &mut told);
            assert_eq!(passed, response.len(), "response {number} in pieces of {size}");
            assert!(observer.is_over() && observer.fault().is_none());
            assert_eq!(told.events.iter().filter(|event| event.starts_with("> 0 ")).count(), 1);
            assert_eq!(told.events.iter().filter(|event| event.starts_with("<| 0")).count(), 1);
            let head = |bytes: &[u8]| bytes.windows(4).position(|it| it == b"\r\n\r\n").unwrap() + 4;
            assert_eq!(told.heads.first(), Some(&(Peer::Client, head(request))));
            rest = &rest[request.len()..];
            observer.begin_next();
            assert!(observer.is_as_new());
        }
        assert!(rest.is_empty());
    }
}

#[test]
fn an_early_answer_ends_the_exchange_with_its_request() {
    let mut observer = Observer::new(true);
    observer.set_rigour(true, true);
    let mut told = Told::default();
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\n";
    assert_eq!(observer.client(head, &mut told), head.len());
    let answer = b"HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(observer.server(answer, &mut told), answer.len());
    assert!(observer.is_answered_early() && !observer.is_over());
    assert_eq!(observer.client(b"bodyGET /next HTTP/1.1\r\n", &mut told), 4);
    assert!(observer.is_over() && observer.is_paused(Peer::Client));
}

#[test]
fn a_tunnel_lets_through_what_waited_behind_its_request() {
    for (request, answer) in [
        (&b"CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n"[..], &b"HTTP/1.1 200 OK\r\n\r\n"[..]),
        (
            b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
        ),
    ] {
        let mut observer = Observer::new(true);
        observer.set_rigour(true, true);
        let mut told = Told::default();
        let early = [request, b"\x16early"].concat();
        assert_eq!(observer.client(&early, &mut told), request.len());
        assert!(observer.is_paused(Peer::Client) && !observer.is_tunnel());
        assert_eq!(observer.server(&[answer, b"hello"].concat(), &mut told), answer.len() + 5);
        assert!(observer.is_tunnel() && !observer.is_paused(Peer::Client));
        assert_eq!(observer.client(b"\x16early", &mut told), 6);
    }
}

#[test]
fn another_server_begins_anew() {
    let mut observer = Observer::new(true);
    observer.set_rigour(true, true);
    let mut told = Told::default();
    let (request, response) = EXCHANGES[0];
    observer.client(request, &mut told);
    assert_eq!(observer.server(b"HTTP/1.1 200 OK\r\nContent-Le", &mut told), 0);
    observer.forget_server();
    assert_eq!(observer.server(response, &mut told), response.len());
    assert!(observer.is_over());
    assert_eq!(told.events, ["> 0 GET [a] /1", ">| 0", "< 0 200", "<| 0"]);
}
