//! 101, CONNECT and h2c, with data right behind.

use crate::support::{C, Case, ClientEnd, Cut, S, ServerEnd, Step, cuts, hold, run, short};
use wayside::wire::event::{Event, Id};
use wayside::wire::h1::{H2c, MAX_EARLY, Observer};

const WS: &[u8] = b"GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
    Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
const SWITCH: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const CONNECT: &[u8] = b"CONNECT a.example:443 HTTP/1.1\r\nHost: b.example\r\n\r\n";

/// `first` and then `second`, which have `N` bytes together.
const fn join<const N: usize>(first: &[u8], second: &[u8]) -> [u8; N] {
    let mut all = [0; N];
    all.split_at_mut(first.len()).0.copy_from_slice(first);
    all.split_at_mut(first.len()).1.copy_from_slice(second);
    all
}

const FRAME: &[u8] = b"\x81\x05hello";
const BEHIND: &[u8] = &join::<{ SWITCH.len() + FRAME.len() }>(SWITCH, FRAME);
const HELLO: &[u8] = b"\x16\x03\x01\x02\0\x01\0\x01\xfc GET / HTTP/1.1\r\n\r\n";
const EARLY: &[u8] = &join::<{ CONNECT.len() + HELLO.len() }>(CONNECT, HELLO);
const SECOND: &[u8] = b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n";
const NEXT: &[u8] = &join::<{ WS.len() + SECOND.len() }>(WS, SECOND);

const fn case(
    name: &'static str,
    steps: &'static [Step<'static>],
    events: &'static str,
    strict: Option<u16>,
) -> Case {
    Case { name, steps, events, strict }
}

const TUNNELS: &[Case] = &[
    case(
        "WebSocket",
        &[C(WS), S(BEHIND), C(b"\x81\x85mask"), S(b"HTTP/1.1 500\r\n\r\n"), ClientEnd, S(b"."), ServerEnd],
        "> 0 GET [h] /chat; >| 0; < 0 101; tunnel 0; <| 0",
        None,
    ),
    case(
        "WebSocket that the server ends first",
        &[C(WS), S(BEHIND), ServerEnd, C(b"\x81\x85mask"), ClientEnd],
        "> 0 GET [h] /chat; >| 0; < 0 101; tunnel 0; <| 0",
        None,
    ),
    case(
        "WebSocket that only the server has ended",
        &[C(WS), S(BEHIND), ServerEnd, C(b"\x81\x85mask")],
        "> 0 GET [h] /chat; >| 0; < 0 101; tunnel 0",
        None,
    ),
    case(
        "WebSocket refused",
        &[C(WS), S(b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"), C(WS)],
        "> 0 GET [h] /chat; >| 0; < 0 403; <| 0; > 0 GET [h] /chat; >| 0",
        None,
    ),
    case(
        "a request behind an upgrade that is refused",
        &[C(NEXT), S(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n"), S(b"xHTTP/1.1 204 No\r\n\r\n")],
        "> 0 GET [h] /chat; >| 0; < 0 200; > 1 GET [h] /2; >| 1; <| 0; < 1 204; <| 1",
        None,
    ),
    case(
        "malformed bytes behind an upgrade that is refused",
        &[C(WS), C(b"\x81\x05hello"), S(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx")],
        "> 0 GET [h] /chat; >| 0; < 0 200; blind malformed head",
        Some(400),
    ),
    case(
        "101 nobody asked for",
        &[C(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"), S(SWITCH)],
        "> 0 GET [h] /; >| 0; blind unasked upgrade",
        Some(502),
    ),
    case(
        "CONNECT",
        &[
            C(CONNECT),
            S(b"HTTP/1.1 200 Connection established\r\n\r\nSSH-2.0-x\r\n"),
            C(b"\x16\x03\x01"),
            ClientEnd,
            ServerEnd,
        ],
        "> 0 CONNECT [a.example:443] a.example:443; >| 0; < 0 200; tunnel 0; <| 0",
        None,
    ),
    case(
        "CONNECT with data right behind",
        &[C(EARLY), S(b"HTTP/1.1 299 Ok\r\n\r\nabc")],
        "> 0 CONNECT [a.example:443] a.example:443; >| 0; < 0 299; tunnel 0",
        None,
    ),
    case(
        "CONNECT refused, then another",
        &[
            C(CONNECT),
            S(b"HTTP/1.1 407 Who\r\nContent-Length: 2\r\n\r\nno"),
            C(CONNECT),
            S(b"HTTP/1.1 200 Ok\r\n\r\n"),
        ],
        "> 0 CONNECT [a.example:443] a.example:443; >| 0; < 0 407; <| 0; \
             > 0 CONNECT [a.example:443] a.example:443; >| 0; < 0 200; tunnel 0",
        None,
    ),
    case(
        "CONNECT answered with a length",
        &[C(CONNECT), S(b"HTTP/1.1 200 Ok\r\nContent-Length: 9\r\n\r\nraw")],
        "> 0 CONNECT [a.example:443] a.example:443; >| 0; < 0 200; tunnel 0",
        Some(502),
    ),
    case(
        "CONNECT after another request",
        &[
            C(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
            C(EARLY),
            S(b"HTTP/1.1 200 Ok\r\nContent-Length: 0\r\n\r\nHTTP/1.1 200 Ok\r\n\r\nraw"),
        ],
        "> 0 GET [h] /; >| 0; > 1 CONNECT [a.example:443] a.example:443; >| 1; < 0 200; <| 0; < 1 200; tunnel 1",
        None,
    ),
    case(
        "101 before the request's end",
        &[
            C(b"POST / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\na"),
            S(SWITCH),
            C(b"bc\0raw"),
        ],
        "> 0 POST [h] /; < 0 101; tunnel 0; >| 0",
        None,
    ),
    case(
        "an interim answer to an upgrade",
        &[C(WS), S(b"HTTP/1.1 100 Continue\r\n\r\n"), S(BEHIND)],
        "> 0 GET [h] /chat; >| 0; <i 0 100; < 0 101; tunnel 0",
        None,
    ),
    case(
        "a tunnel's end with the client still in its request",
        &[C(b"POST / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nContent-Length: 3\r\n\r\na"), S(SWITCH), ServerEnd],
        "> 0 POST [h] /; < 0 101; tunnel 0; <| 0",
        None,
    ),
    case(
        "an answer cut off in its head",
        &[C(CONNECT), S(b"HTTP/1.1 200 Conn"), ServerEnd],
        "> 0 CONNECT [a.example:443] a.example:443; >| 0; reset 0 Server 0",
        Some(502),
    ),
];

#[test]
fn tunnels() {
    hold(TUNNELS);
}

#[test]
fn h2c_is_told_with_both_sides_bytes() {
    let request =
        b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: websocket, h2c\r\n\
        HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n";
    let head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";
    let response = [&head[..], b"\0\0\0\x04\0\0\0\0\0"].concat();
    for cut in 1..=response.len() {
        for early in [&b""[..], b"PRI * HTTP/2.0"] {
            let mut observer = Observer::new(false);
            let mut events = Vec::new();
            let mut sink = |event: Event<'_>| events.push(short(event));
            observer.client(request, &mut sink);
            observer.client(early, &mut sink);
            let mut told = None;
            for piece in [&response[..cut], &response[cut..]] {
                observer.server(piece, &mut sink);
                if let Some(h2c) = observer.take_h2c() {
                    assert_eq!(told, None);
                    told = Some(h2c);
                }
            }
            let behind = if cut < head.len() { response.len() - head.len() } else { cut - head.len() };
            let settings = b"AAMAAABkAAQAAP__"[..].into();
            let measures = [request.len() as u64, head.len() as u64];
            let expected = H2c { id: Id(0), settings, client: early.to_vec(), server: behind, measures };
            assert_eq!(told, Some(expected), "cut at {cut}");
            assert_eq!(events, ["> 0 GET [h] /", ">| 0", "<i 0 101"]);
        }
    }
}

#[test]
fn a_websocket_is_not_h2c() {
    let mut observer = Observer::new(false);
    let mut sink = |_: Event<'_>| {};
    observer.client(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket, h2c\r\n\r\n", &mut sink);
    observer.server(SWITCH, &mut sink);
    assert_eq!(observer.take_h2c(), None);
    assert_eq!((observer.client_skip(), observer.server_skip()), (u64::MAX, u64::MAX));
}

#[test]
fn early_data_is_bounded() {
    let most = vec![b'x'; MAX_EARLY];
    let answer = S(b"HTTP/1.1 200 Ok\r\n\r\n");
    let outcome = run(&[C(CONNECT), C(&most), answer], false, Cut::Pieces(4096), false);
    assert_eq!(outcome.events.last().map(String::as_str), Some("tunnel 0"));
    let steps = [C(CONNECT), C(&most), C(b"x"), answer];
    let outcome = run(&steps, false, Cut::Pieces(4096), false);
    assert_eq!(outcome.events.last().map(String::as_str), Some("blind early data"));
    let outcome = run(&steps, true, Cut::Whole, false);
    assert_eq!(outcome.fault.map(|fault| fault.status), Some(400));
    assert_eq!(outcome.client_passed, CONNECT.len());
}

#[test]
fn cuts_are_many() {
    assert!(cuts(&[C(WS), S(SWITCH)]).len() > WS.len() + SWITCH.len());
}
