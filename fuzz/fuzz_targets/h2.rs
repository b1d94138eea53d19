//! An HTTP/2 conversation: no panic, and the same events at once, byte by byte, and with everything skipped that may be.
//!
//! The input is a row of records: a byte whose upper bit says who speaks (set: the server) and whose lower bits say how many
//! bytes follow.
#![no_main]

use libfuzzer_sys::fuzz_target;
use wayside::wire::event::{Event, Peer};
use wayside::wire::h2::{Observer, Scratch};

/// One way to show a record.
type Show = fn(&mut Observer, Peer, &[u8], &mut Scratch, &mut Vec<String>);

fn whole(observer: &mut Observer, from: Peer, bytes: &[u8], scratch: &mut Scratch, events: &mut Vec<String>) {
    let mut sink = |event: Event<'_>| events.push(format!("{event:?}"));
    match from {
        Peer::Client => observer.client(bytes, scratch, &mut sink),
        Peer::Server => observer.server(bytes, scratch, &mut sink),
    }
}

fn single(observer: &mut Observer, from: Peer, bytes: &[u8], scratch: &mut Scratch, events: &mut Vec<String>) {
    bytes.chunks(1).for_each(|byte| whole(observer, from, byte, scratch, events));
}

fn skipping(observer: &mut Observer, from: Peer, bytes: &[u8], scratch: &mut Scratch, events: &mut Vec<String>) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let skip = match from {
            Peer::Client => observer.client_skip(),
            Peer::Server => observer.server_skip(),
        };
        let (unseen, behind) = rest.split_at(skip.min(rest.len() as u64) as usize);
        let (seen, behind) = if unseen.is_empty() { rest.split_at(1) } else { (unseen, behind) };
        let mut sink = |event: Event<'_>| events.push(format!("{event:?}"));
        match from {
            _ if unseen.is_empty() => whole(observer, from, seen, scratch, events),
            Peer::Client => observer.client_skipped(unseen.len() as u64, scratch, &mut sink),
            Peer::Server => observer.server_skipped(unseen.len() as u64, scratch, &mut sink),
        }
        rest = behind;
    }
}

fn events(mut input: &[u8], show: Show) -> Vec<String> {
    let mut observer = Observer::new();
    let (mut scratch, mut events) = (Scratch::new(), Vec::new());
    while let Some((&head, rest)) = input.split_first() {
        let (bytes, behind) = rest.split_at(usize::from(head & 0x7f).min(rest.len()));
        let from = if head & 0x80 == 0 { Peer::Client } else { Peer::Server };
        show(&mut observer, from, bytes, &mut scratch, &mut events);
        input = behind;
    }
    assert!(observer.owned() < 1 << 20, "{} bytes are owned", observer.owned());
    events
}

fuzz_target!(|input: &[u8]| {
    let expected = events(input, whole);
    assert_eq!(events(input, single), expected);
    assert_eq!(events(input, skipping), expected);
});
