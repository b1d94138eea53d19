//! What a head says to whoever steers it, and what becomes of it on its way to the next hop: tables, and properties of generated heads.

mod facts;
mod generated;
#[path = "../h1/random.rs"]
mod random;
mod tables;

use wayside::wire::event::{Event, Peer};
use wayside::wire::h1::Observer;

/// A head written in one line: `|` is a line's end.
pub(crate) fn head(lines: &str) -> Vec<u8> {
    format!("{}\r\n\r\n", lines.replace('|', "\r\n")).into_bytes()
}

/// Whether strict parsing takes `head` for exactly one whole head of `peer`, in answer to a request for an upgrade.
pub(crate) fn is_strict_head(peer: Peer, head: &[u8]) -> bool {
    let mut observer = Observer::new(true);
    // As where requests are steered: whoever does that looks whether `Host` is the target's.
    observer.set_rigour(true, true);
    let mut heads = 0;
    let mut sink = |event: Event<'_>| match (peer, event) {
        (Peer::Client, Event::Request { .. }) => heads += 1,
        (Peer::Server, Event::Response { .. } | Event::Informational { .. }) => heads += 1,
        _ => {}
    };
    match peer {
        Peer::Client => observer.client(head, &mut sink),
        Peer::Server => {
            observer.client(b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: x\r\n\r\n", &mut sink);
            observer.server(head, &mut sink)
        }
    };
    let is_good = observer.fault().is_none();
    is_good && heads == 1
}
