//! The HTTP/1 observer against any bytes, cut anywhere: no panic, the same events as in one piece, nothing after blind.
//!
//! Input: pieces, each a byte that says whose and how long (bit 7: the server's; 0x7f: that side ends), and its bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside::wire::event::{Event, Peer};
use wayside::wire::h1::Observer;

/// What was said, as text, and how many bytes of each side may pass.
fn observe(input: &[u8], is_strict: bool, piece: usize) -> (Vec<String>, [usize; 2], bool) {
    let mut observer = Observer::new(is_strict);
    let (mut events, mut shown) = (Vec::new(), [0usize; 2]);
    let mut sink = |event: Event<'_>| events.push(format!("{event:?}"));
    let mut rest = input;
    while let Some((&mark, tail)) = rest.split_first() {
        let peer = if mark & 0x80 == 0 { Peer::Client } else { Peer::Server };
        let length = usize::from(mark & 0x7f);
        if length == 0x7f {
            match peer {
                Peer::Client => observer.client_end(&mut sink),
                Peer::Server => observer.server_end(&mut sink),
            }
            rest = tail;
            continue;
        }
        let (bytes, tail) = tail.split_at(length.min(tail.len()));
        rest = tail;
        for bytes in bytes.chunks(piece) {
            match peer {
                Peer::Client => observer.client(bytes, &mut sink),
                Peer::Server => observer.server(bytes, &mut sink),
            };
            shown[usize::from(peer == Peer::Server)] += bytes.len();
        }
    }
    let held = [observer.client_held(), observer.server_held()];
    assert!(held[0] <= shown[0] && held[1] <= shown[1]);
    let is_lost = observer.fault().is_some() || observer.is_blind();
    (events, [shown[0] - held[0], shown[1] - held[1]], is_lost)
}

fuzz_target!(|input: &[u8]| {
    for is_strict in [false, true] {
        let whole = observe(input, is_strict, usize::MAX);
        let single = observe(input, is_strict, 1);
        let blind = whole.0.iter().position(|event| event.starts_with("Blind"));
        assert!(blind.is_none_or(|at| at + 1 == whole.0.len() && !is_strict));
        // What is malformed may be noticed sooner in one piece; all else is the same.
        if !whole.2 && !single.2 {
            assert_eq!(whole, single);
        }
    }
});
