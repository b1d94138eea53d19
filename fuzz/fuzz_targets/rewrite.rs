//! Heads on their way to the next hop: any bytes without a panic, and of a strictly good head another one.
//!
//! Input: a byte that says whose head it is, the hop, and what becomes of the connection; then the head.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside::wire::event::{Event, Peer};
use wayside::wire::h1::rewrite::{After, Hop, MAX_GROWTH, Rewritten, request, response};
use wayside::wire::h1::{Observer, RequestFacts, ResponseFacts, fields, is_loop};

/// Whether strict parsing takes it for one whole head.
fn is_good(peer: Peer, head: &[u8]) -> bool {
    let mut observer = Observer::new(true);
    let (mut heads, mut has_ended) = (0, false);
    let mut sink = |event: Event<'_>| match (peer, event) {
        (Peer::Client, Event::Request { .. })
        | (Peer::Server, Event::Response { .. } | Event::Informational { .. }) => heads += 1,
        (Peer::Client, Event::RequestEnd { .. }) => has_ended = true,
        _ => {}
    };
    if peer == Peer::Client {
        observer.client(head, &mut sink);
    } else {
        observer.client(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n", &mut sink);
        observer.server(head, &mut sink);
    }
    observer.fault().is_none() && heads == 1 && (head.ends_with(b"\r\n\r\n") || has_ended)
}

/// What decides framing and routing, which no hop changes.
fn essence(head: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let kept = fields(head).filter(|field| {
        field.name.len() > 8 && field.name[..8].eq_ignore_ascii_case(b"content-")
            || field.is(b"transfer-encoding")
            || field.is(b"authorization")
            || field.is(b"cookie")
    });
    kept.map(|field| (field.name.to_vec(), field.value.to_vec())).collect()
}

fuzz_target!(|input: &[u8]| {
    let Some((&mark, head)) = input.split_first() else { return };
    let peer = if mark & 1 == 0 { Peer::Client } else { Peer::Server };
    let hop = match mark & 0x12 {
        0 => Hop::Shared,
        0x10 => Hop::Gateway { via: "way" },
        _ => Hop::Explicit { via: "way" },
    };
    let after = [After::Keep, After::KeepHttp10, After::Close, After::Keep][usize::from((mark >> 2) & 3)];
    let rewrite = |head: &[u8]| {
        let mut out = Vec::new();
        let result = match peer {
            Peer::Client => request(head, hop, &mut out),
            Peer::Server => response(head, hop, after, &mut out),
        };
        match result {
            Ok(Rewritten::Changed) => Some(out),
            Ok(Rewritten::AsItIs) => Some(head.to_vec()),
            Err(_) => {
                assert!(out.is_empty());
                None
            }
        }
    };
    let facts = RequestFacts::of(head);
    let proxied = facts.and_then(|facts| facts.proxied());
    let _ = (ResponseFacts::of(head), is_loop(head, "way"));
    let new = rewrite(head);
    // Only a head that ends where it should: the caller has cut it there.
    let end = head.windows(4).position(|window| window == b"\r\n\r\n");
    if end.is_none_or(|end| end + 4 != head.len()) || head.starts_with(b"\r\n\r\n") || !is_good(peer, head) {
        return;
    }
    let Some(new) = new else {
        assert!(matches!(hop, Hop::Explicit { .. }));
        return;
    };
    // A head may grow over the limit.
    if head.len() < 60_000 && fields(head).count() < 250 {
        assert!(is_good(peer, &new), "{}", String::from_utf8_lossy(&new));
    }
    assert!(new.len() <= head.len() + MAX_GROWTH + 3);
    assert_eq!(essence(head), essence(&new));
    match hop {
        Hop::Shared => assert_eq!(rewrite(&new), Some(new)),
        Hop::Gateway { .. } => assert_eq!(is_loop(&new, "way"), peer == Peer::Client || is_loop(head, "way")),
        Hop::Explicit { .. } => {
            assert!(is_loop(&new, "way"));
            if let (Peer::Client, Ok((host, _)), Ok(after)) = (peer, proxied, RequestFacts::of(&new)) {
                assert_eq!(after.host, host);
            }
        }
    }
});
